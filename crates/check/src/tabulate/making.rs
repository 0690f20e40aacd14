//! How the entries of the table are made: by the kernel's `enabled` and `step`.

use super::change::{Called, Change, Entry, NONE, Told, Whose, whose};
use super::flight::{Flying, Landing};
use super::tables::Asked;
use super::{BROKEN, Tabulated};
use crate::worlds::{Owed, judge, laws};
use synod_kernel::{Budget, Choice, Cut, Fairness, Keeping, Move, Observed, Rep, Status, World, step};
use synod_model::Process;
use synod_properties::{Monitor, Violation};

impl<P: Process, M: Monitor<P::Request, P::Indication>> Tabulated<'_, P, M> {
    /// Makes an entry of the table: all moves of one kind out of a world, by the kernel's `enabled` and `step`.
    pub(super) fn entry(&mut self, world: &World<u32>, entry: Entry) -> (u32, u32) {
        let laws = laws(self.tables.setting);
        let flying = match entry {
            Entry::Heard(envelope) => Flying(Some(envelope)),
            Entry::Own(_) | Entry::Global => Flying(None),
        };
        let mut choices = Vec::new();
        world.enabled(laws, &self.tables, &flying, |choice| {
            let wanted = match entry {
                Entry::Own(seat) => whose(&choice) == Whose::Seat(seat),
                Entry::Global => whose(&choice) == Whose::Nobodys,
                Entry::Heard(_) => {
                    matches!(choice, Choice::Deliver { .. } | Choice::Duplicate { .. } | Choice::Lose { .. })
                }
            };
            if wanted {
                choices.push(choice);
            }
        });
        let first = self.changes.len() as u32;
        for choice in choices {
            self.moves(world, &choice);
        }
        (first, self.changes.len() as u32)
    }

    /// Adds every move of a choice: every outcome of its handler's draws, every crash inside it that matters.
    fn moves(&mut self, world: &World<u32>, choice: &Choice<u32, u32>) {
        let Some(list) = self.ways(world, choice) else {
            return self.take(world, choice, None, None);
        };
        let budgets = &world.rest.budgets;
        let crashes = [(false, budgets.restarts.any()), (true, budgets.stops.any())];
        for pick in 0..self.tables.outcome_lists[list as usize].len() {
            let outcome = &self.tables.outcome_lists[list as usize][pick];
            if let Err(violation) = &outcome.then {
                let violation = violation.clone();
                self.fail(choice, (list, pick), violation);
                continue;
            }
            let places: Vec<u32> = outcome.cuts.iter().map(|(before, _)| *before).collect();
            self.take(world, choice, Some((list, pick)), None);
            for before in places {
                for (forever, _) in crashes.into_iter().filter(|(_, any)| *any) {
                    self.take(world, choice, Some((list, pick)), Some(Cut { before, forever }));
                }
            }
        }
    }

    /// The outcomes of a choice's handler, if one runs.
    fn ways(&mut self, world: &World<u32>, choice: &Choice<u32, u32>) -> Option<u32> {
        let seat = choice.handler_seat()?;
        let mut state = world.seats[seat.index()];
        if let Choice::Output { output, .. } = choice {
            let timer = self.tables.hear(&mut state, *output).expect("an enabled output is consulted");
            return Some(self.tables.outcomes(seat, state, Asked::Timer(timer)));
        }
        let recovers = matches!(choice, Choice::Recover { .. });
        if self.tables.status(&state) != Status::Up && !recovers {
            return None;
        }
        let asked = self.tables.asked_by(choice, world.rest.asked[seat.index()])?;
        Some(self.tables.outcomes(seat, state, asked))
    }

    /// Adds one move, which the kernel takes here, once for all states in which it is the same; `outcome` is that of its
    /// handler, if one runs.
    fn take(
        &mut self,
        world: &World<u32>,
        choice: &Choice<u32, u32>,
        outcome: Option<(u32, usize)>,
        cut: Option<Cut>,
    ) {
        self.tables.next = outcome.unwrap_or_default();
        let (mut after, mut landing) = (world.clone(), Landing::default());
        let laws = laws(self.tables.setting);
        let chosen = Move { choice: choice.clone(), draws: Vec::new(), cut };
        step(&mut after, laws, &mut self.tables, &mut landing, chosen);
        let fairness = match cut {
            // a crash is never fair, not even inside the handler of a fair choice
            Some(_) => Fairness::Unfair,
            None => world.fairness(&self.tables, choice),
        };
        let number = self.classes.intern(choice.clone()).0;
        let called = Move { choice: choice.clone(), draws: Vec::new(), cut };
        let class = Owed::of(&called, fairness).class(u64::from(number));
        let (told, change) = self.change(world, after, landing, class);
        let idle = change.seat == NONE
            && change.rest == NONE
            && told.observed == 0
            && change.discarded == NONE
            && change.taken == NONE
            && change.sent.0 == change.sent.1;
        if idle && !(self.idle_too && class != 0) {
            return;
        }
        self.told.push(told);
        self.changes.push(change);
        let draws = outcome.map_or_else(Vec::new, |(list, pick)| {
            self.tables.outcome_lists[list as usize][pick].draws.clone()
        });
        self.called.push(Called { choice: choice.clone(), draws, cut });
    }

    /// Adds a move whose handler fails.
    fn fail(&mut self, choice: &Choice<u32, u32>, next: (u32, usize), violation: Violation) {
        let failure = self.failures.len() as u32;
        self.failures.push(violation);
        self.told.push(Told { failure, ..Told::NOTHING });
        self.changes.push(Change::NOTHING);
        let draws = self.tables.outcome_lists[next.0 as usize][next.1].draws.clone();
        self.called.push(Called { choice: choice.clone(), draws, cut: None });
    }

    fn change(
        &mut self,
        before: &World<u32>,
        after: World<u32>,
        landing: Landing,
        class: u64,
    ) -> (Told, Change) {
        let (mut told, mut change) = (Told::NOTHING, Change { class, ..Change::NOTHING });
        let mut changed = (0..self.seats).filter(|&s| before.seats[s] != after.seats[s]);
        if let Some(seat) = changed.next() {
            assert!(changed.next().is_none(), "a step changes one seat");
            (change.seat, change.after) = (seat as u32, after.seats[seat]);
            let (new, old) = (self.seat_part(seat, change.after), self.seat_part(seat, before.seats[seat]));
            told.delta = told.delta.wrapping_add(new).wrapping_sub(old);
            if let Budget::AtMost(max) = self.tables.setting.environment.measure {
                told.beyond = self.tables.facts[change.after as usize].measure > u64::from(max);
            }
        }
        if before.rest != after.rest {
            let (old, new) = (self.rest(before.rest.clone()), self.rest(after.rest));
            change.rest = new;
            let parts = (self.rest_parts[new as usize], self.rest_parts[old as usize]);
            told.delta = told.delta.wrapping_add(parts.0).wrapping_sub(parts.1);
        }
        let (mut taken, mut sent) = (landing.taken, landing.sent);
        if let Some(envelope) = taken
            && self.keeping != Keeping::Queues
            && let Some(at) = sent.iter().position(|s| *s == envelope)
        {
            // taken and put back
            sent.remove(at);
            taken = None;
        }
        let first = self.sent.len() as u32;
        for envelope in sent {
            let number = self.envelope(envelope);
            self.sent.push(number);
        }
        change.sent = (first, self.sent.len() as u32);
        change.taken = taken.map_or(NONE, |envelope| self.envelope(envelope));
        change.discarded = landing.discarded.map_or(NONE, |seat| seat.0);
        told.observed = self.observations.intern(landing.observed).0;
        told.depends = self.keeping != Keeping::Bag || change.discarded != NONE;
        if !told.depends {
            let parts = &self.envelopes.parts;
            let sent = &self.sent[first as usize..];
            let sum = sent.iter().fold(told.delta, |sum, &e| sum.wrapping_add(parts[e as usize]));
            let taken = if change.taken == NONE { 0 } else { parts[change.taken as usize] };
            told.delta = sum.wrapping_sub(taken);
        }
        (told, change)
    }

    /// Makes what the moves of a range need to be judged by a monitor.
    pub(super) fn judge_all(&mut self, monitor: u32, (from, to): (u32, u32)) {
        for change in from..to {
            let observed = self.told[change as usize].observed;
            let key = u64::from(monitor) << 32 | u64::from(observed);
            if observed == 0 || self.judged.get(key).is_some() {
                continue;
            }
            let after = match self.judge(monitor, observed) {
                Ok(after) => after,
                Err(violation) => {
                    self.failures.push(violation);
                    BROKEN + self.failures.len() as u32 - 1
                }
            };
            self.judged.insert(key, (after, 0));
        }
    }

    fn judge(&mut self, monitor: u32, observed: u32) -> Result<u32, Violation> {
        let mut after = self.monitors.get(monitor).clone();
        let tables = &self.tables;
        for observed in self.observations.get(observed) {
            let observed = match *observed {
                Observed::Request(at, q) => Observed::Request(at, tables.request_values.get(q).clone()),
                Observed::Indication(at, i) => Observed::Indication(at, tables.indications.get(i).clone()),
                Observed::Crash(at) => Observed::Crash(at),
                Observed::Recover(at) => Observed::Recover(at),
                Observed::Corrupt(at) => Observed::Corrupt(at),
            };
            judge(&mut after, &observed)?;
        }
        Ok(self.monitor(after))
    }
}
