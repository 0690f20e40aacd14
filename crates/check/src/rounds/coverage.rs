//! What no run of a world in rounds came to.

use super::{InRound, LockStep, Outcome, Received, Seat, every_script};
use crate::coverage::{Branches, Covered, Seen, Unreached};
use crate::pass::every_state;
use crate::system::System;
use std::collections::BTreeSet;
use synod_model::oracle::OracleKind;
use synod_model::timing::TimingModel;
use synod_model::{Mark, Never, ProcessId, RoundProcess, SystemModel};
use synod_properties::Monitor;

/// What was seen.
struct Rounds<A: RoundProcess> {
    requests: BTreeSet<A::Request>,
    sent: BTreeSet<A::Message>,
    handled: BTreeSet<A::Message>,
    indicated: BTreeSet<A::Indication>,
    coin: bool,
    branches: Branches,
    crash: bool,
    omission_to_send: bool,
    omission_to_receive: bool,
    lie: bool,
}

impl<A: RoundProcess> Rounds<A> {
    fn new() -> Self {
        Self {
            requests: BTreeSet::new(),
            sent: BTreeSet::new(),
            handled: BTreeSet::new(),
            indicated: BTreeSet::new(),
            coin: false,
            branches: Branches::default(),
            crash: false,
            omission_to_send: false,
            omission_to_receive: false,
            lie: false,
        }
    }

    /// Takes note of what a handler did.
    fn did(&mut self, outcome: &Outcome<A>) {
        self.indicated.extend(outcome.indications.iter().cloned());
        self.coin |= outcome.tosses;
        self.branches.note(&outcome.marks);
        if let Seat::Up { outbox, .. } = &outcome.seat {
            self.sent.extend(outbox.iter().map(|(_, message)| message.clone()));
        }
    }

    /// Takes note of what goes wrong in a round, and of what is received in it.
    fn happened<M>(&mut self, action: &InRound<A::Message>, received: &Received<A, M>) {
        let faulty = |p: ProcessId| received.state.faulty.contains(p) && !action.crashed.contains(&p);
        self.crash |= !action.crashed.is_empty();
        self.omission_to_send |= action.lost.iter().any(|(from, _, _)| faulty(*from));
        self.omission_to_receive |= action.lost.iter().any(|(_, to, _)| faulty(*to));
        self.lie |= !action.lies.is_empty();
        for (_, inbox) in &received.inboxes {
            self.handled.extend(inbox.iter().map(|(_, message)| message.clone()));
        }
    }
}

impl<A, M> LockStep<A, M>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    /// What no run comes to; nothing if there are more than `states_max` states. A pass of its own. Which message of a
    /// round made a difference is not told: a process receives them at once.
    pub fn unreached(&self, states_max: usize) -> Option<Vec<Unreached>> {
        let mut rounds = Rounds::new();
        self.note_starts(&mut rounds);
        let mut initial = Vec::new();
        self.initial(&mut |state| initial.push(state));
        every_state(initial, states_max, |state, reach| {
            self.rounds(state, &mut |action, received| {
                rounds.happened(&action, received);
                for at in 0..received.inboxes.len() {
                    for outcome in every_script(|script| self.step(received, at, script)) {
                        rounds.did(&outcome);
                    }
                }
                self.finish(received, &mut |_, next| _ = reach(next));
            });
        })?;
        Some(self.but(rounds))
    }

    fn note_starts(&self, rounds: &mut Rounds<A>) {
        for input in &self.inputs {
            for p in self.group.members().filter(|p| !self.faults.lies.seats.contains(p)) {
                let asked = input.get(p.index()).map_or(&[][..], Vec::as_slice);
                rounds.requests.extend(asked.iter().cloned());
                for outcome in self.starts(p, asked) {
                    rounds.did(&outcome);
                }
            }
        }
    }

    /// All but what was seen.
    fn but(&self, mut rounds: Rounds<A>) -> Vec<Unreached> {
        let covered = Covered {
            requests: Seen::of(rounds.requests),
            sent: Seen::of(rounds.sent),
            handled: Seen::of(rounds.handled),
            indicated: Seen::of(rounds.indicated),
            ..Covered::default()
        };
        let mut all = covered.values::<A::Request, A::Message, Never, A::Indication>();
        Mark::all_in_rounds::<A>().for_each(|mark| rounds.branches.add(mark, false));
        all.extend(rounds.branches.missing());
        let coins = <<A::Model as SystemModel>::Timing as TimingModel>::ORACLES.has(OracleKind::LocalCoin);
        all.extend((coins && !rounds.coin).then_some(Unreached::Coin));
        let lies = &self.faults.lies;
        let any = self.faults.faulty_max > lies.seats.len() as u32;
        let granted = [
            (any && self.faults.stop, rounds.crash, "crash for ever"),
            (any && self.faults.omit_sending, rounds.omission_to_send, "omission to send"),
            (any && self.faults.omit_receiving, rounds.omission_to_receive, "omission to receive"),
            (!lies.seats.is_empty(), rounds.lie, "lie"),
        ];
        all.extend(
            granted.iter().filter(|(granted, seen, _)| *granted && !seen).map(|g| Unreached::Fault(g.2)),
        );
        all
    }
}
