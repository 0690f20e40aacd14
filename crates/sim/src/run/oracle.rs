//! Oracles: anything at first, their axioms in the end.

use super::Run;
use crate::adversary::pick;
use crate::fault::FaultKind;
use crate::plan::Calendar;
use synod_kernel::{Budget, Choice, SeatId, Status};
use synod_model::{Output, Process, ProcessId, ProcessSet, When};
use synod_properties::Monitor;

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Perhaps an oracle gives an output at `seat`; while there is more to say it is called again.
    pub(super) fn consult(&mut self, seat: SeatId) {
        self.ground.desks[seat.index()].oracle_called = false;
        let (_, left) = self.outputs_left();
        if self.status(seat) != Status::Up || !left.any() {
            return;
        }
        let mut outputs = Vec::new();
        self.world.seats[seat.index()].outputs(|output| outputs.push(output));
        let stable = !self.random_faults || self.ground.now >= self.calendar.stable_from;
        if stable {
            outputs.retain(|&output| self.keeps_axioms(output));
        } else if !self.may_speak_freely() {
            outputs.clear();
        }
        let picked = pick(&outputs, &mut self.ground.random);
        if let Some(output) = picked {
            self.output(seat, output);
        }
        if stable && picked.is_some() {
            self.ground.call_oracle_within(seat, self.haste(outputs.len()));
        } else if !stable {
            self.ground.call_oracle(seat);
        }
    }

    /// How soon an oracle speaks again that has `wrong` things to put right: it is done, however slow it was before, when
    /// the fault-free half of the run has three quarters left; after that, in half of what is left.
    fn haste(&self, wrong: usize) -> u64 {
        let Calendar { horizon, faults_end, .. } = self.calendar;
        let done = faults_end + (horizon - faults_end) / 4;
        let left = match done.checked_sub(self.ground.now) {
            Some(left) if left > 0 => left,
            _ => horizon.saturating_sub(self.ground.now) / 2,
        };
        left / (2 * wrong as u64)
    }

    fn output(&mut self, seat: SeatId, output: Output) {
        let kind = match output {
            Output::Trust(_) => FaultKind::Trust,
            Output::Suspect(_) => FaultKind::Suspect,
            Output::Restore(_) => FaultKind::Restore,
        };
        self.ground.tally.add(kind, 1);
        if !self.keeps_axioms(output) {
            self.last_fault = self.ground.now;
        }
        self.take(Choice::Output { seat, output });
    }

    fn outputs_left(&self) -> (Budget, Budget) {
        (self.setting.environment.oracles.outputs, self.world.rest.budgets.outputs)
    }

    /// Half of a bounded budget is kept for what the axioms demand in the end.
    fn may_speak_freely(&self) -> bool {
        match self.outputs_left() {
            (Budget::AtMost(all), Budget::AtMost(left)) => left > all / 2,
            _ => true,
        }
    }

    /// Whether an oracle may say this for ever.
    pub(super) fn keeps_axioms(&self, output: Output) -> bool {
        match output {
            Output::Trust(p) => p == self.trusted(),
            Output::Suspect(p) => self.stopped(p),
            Output::Restore(p) => !self.stopped(p),
        }
    }

    /// The correct process that all trust in the end.
    fn trusted(&self) -> ProcessId {
        let others = (0..self.world.seats.len() as u32).map(ProcessId);
        std::iter::once(self.leader).chain(others).find(|&p| !self.faulty(p)).unwrap_or(self.leader)
    }

    /// Something changed about which its oracle may have to speak.
    pub(super) fn recall_oracle(&mut self, seat: SeatId) {
        let consulted = self.world.seats[seat.index()].timers().iter().any(|(_, w)| is_oracle(*w));
        if consulted {
            self.ground.call_oracle(seat);
        }
    }

    pub(super) fn scripted_output(&mut self, process: ProcessId, output: Output) {
        let Some(seat) = self.seat_of(process) else { return };
        let mut news = false;
        self.world.seats[seat.index()].outputs(|o| news |= o == output);
        if news && self.status(seat) == Status::Up && self.outputs_left().1.any() {
            self.output(seat, output);
            self.ground.call_oracle(seat);
        }
    }

    /// Whether, as things stand, every oracle that is consulted says what its axioms demand in the end.
    pub(super) fn axioms_hold(&self) -> bool {
        if !self.ground.consulted {
            return true;
        }
        let faulty: ProcessSet =
            (0..self.world.seats.len() as u32).map(ProcessId).filter(|&p| self.stopped(p)).collect();
        self.setting.seating.seats().all(|seat| {
            let seat = &self.world.seats[seat.index()];
            let consults = |wanted: fn(Output) -> bool| {
                seat.timers().iter().any(|(_, when)| matches!(when, When::Oracle(o) if wanted(*o)))
            };
            let trusts =
                !consults(|o| matches!(o, Output::Trust(_))) || seat.trusts() == Some(self.trusted());
            let suspects = !consults(|o| matches!(o, Output::Suspect(_))) || *seat.suspects() == faulty;
            seat.status() != Status::Up || (trusts && suspects)
        })
    }
}

fn is_oracle(when: When) -> bool {
    matches!(when, When::Oracle(_))
}
