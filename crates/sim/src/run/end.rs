//! The end of a run: what it came to.

use super::Run;
use crate::outcome::{Ended, Outcome};
use crate::plan::Options;
use crate::workload::LINEARIZABLE;
use std::collections::BTreeMap;
use std::time::Duration;
use synod_kernel::Status;
use synod_model::{Mark, Process};
use synod_properties::{Monitor, NO_PANIC, Obligation};

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    pub(super) fn outcome(&mut self, ended: Ended, options: &Options) -> Outcome {
        self.judge_history(ended);
        let mut owed: Vec<Obligation> = Vec::new();
        if ended != Ended::Violation {
            self.ground.monitor.owed(&mut |debt| {
                if !debt.among.iter().any(|p| self.faulty(p)) {
                    owed.push(debt);
                }
            });
        }
        Outcome {
            tested: self.tested(),
            violation: self.ground.violation.clone(),
            owed,
            due: self.debts_are_due(ended),
            reached: self.ground.reached.iter().map(|&goal| goal.to_owned()).collect(),
            delivered: self.delivered,
            steps: self.steps,
            ended,
            time: Duration::from_nanos(self.ground.now),
            faults: self.ground.tally.counts(),
            outside: self.ground.assumptions.breaches.clone(),
            branches: self.branches(),
            coverage: self.ground.coverage.as_ref().map(|coverage| coverage.covered()),
            costs: self.costs(),
            history: self
                .ground
                .clients
                .as_ref()
                .filter(|_| options.history)
                .map(|c| c.driver.history().clone()),
        }
    }

    /// What was put to the test. What a panic leaves behind is not asked.
    fn tested(&mut self) -> Vec<String> {
        let panicked = self.ground.violation.as_ref().is_some_and(|v| v.property == NO_PANIC.id);
        let mut tested = if panicked { Vec::new() } else { self.ground.tested.all(&self.ground.monitor) };
        tested.extend(self.is_history_judged().then(|| LINEARIZABLE.id.to_owned()));
        tested
    }

    fn branches(&self) -> BTreeMap<String, bool> {
        let mut all = BTreeMap::new();
        if let Some(marks) = &self.rep.draws.marks {
            let own = Mark::all::<P>().map(|mark| (mark, false));
            for (mark, reached) in own.chain(marks.each()) {
                *all.entry(mark.to_string()).or_default() |= reached;
            }
        }
        all
    }

    fn debts_are_due(&self, ended: Ended) -> bool {
        let recovered =
            self.setting.seating.seats().all(|seat| {
                self.status(seat) == Status::Up || self.faulty(self.setting.seating.identity(seat))
            });
        let settled = recovered && self.world.rest.severed.is_empty() && self.axioms_hold();
        match ended {
            Ended::Quiescent => settled,
            Ended::Horizon => {
                let struck = self.ground.machinery.as_ref().map_or(0, |m| m.struck_until);
                let last = self.last_fault.max(self.last_asked).max(self.ground.gst()).max(struck);
                settled && self.calendar.horizon.saturating_sub(last) >= self.calendar.horizon / 2
            }
            Ended::Steps | Ended::Violation => false,
        }
    }
}
