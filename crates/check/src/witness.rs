//! What runs of plain values came to, noted on the way.

use crate::coverage::{Branches, Covered, Faults, Seen, Unreached, is_tossed};
use crate::reference::Ran;
use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::{Choice, Move, Seat, SeatId, Setting, Status, World};
use synod_model::{Effect, Process};

/// The values that handlers were asked and gave. Of what they were asked: whether anything ever came of it.
pub(crate) struct Witness<P: Process> {
    requests: BTreeMap<P::Request, bool>,
    sent: BTreeSet<P::Message>,
    handled: BTreeMap<P::Message, bool>,
    set: BTreeSet<P::Timer>,
    fired: BTreeMap<P::Timer, bool>,
    indicated: BTreeSet<P::Indication>,
    recovered: bool,
    coin: bool,
    branches: Branches,
    faults: Faults,
}

impl<P: Process> Witness<P> {
    pub(crate) fn new() -> Self {
        Self {
            requests: BTreeMap::new(),
            sent: BTreeSet::new(),
            handled: BTreeMap::new(),
            set: BTreeSet::new(),
            fired: BTreeMap::new(),
            indicated: BTreeSet::new(),
            recovered: false,
            coin: false,
            branches: Branches::default(),
            faults: Faults::default(),
        }
    }

    /// Takes note of a move and of what its handler did, if one ran.
    pub(crate) fn note(
        &mut self,
        setting: &Setting<P>,
        [before, after]: [&World<Seat<P>>; 2],
        chosen: &Move<P::Message, P::Timer>,
        ran: &Ran<P>,
    ) {
        let Move { choice, cut, .. } = chosen;
        self.faults.note(choice, *cut);
        self.coin |= is_tossed(&ran.script);
        self.branches.note(ran.script.marks());
        for effect in &ran.effects {
            match effect {
                Effect::Send { message, .. } => _ = self.sent.insert(message.clone()),
                Effect::SetTimer { timer, .. } => _ = self.set.insert(timer.clone()),
                Effect::Indicate { indication, .. } => _ = self.indicated.insert(indication.clone()),
                _ => {}
            }
        }
        let Some(seat) = choice.handler_seat() else { return };
        let local = |world: &World<Seat<P>>| world.seats[seat.index()].local().cloned();
        if let Choice::Recover { .. } = choice {
            self.recovered = true;
        } else if before.seats[seat.index()].status() == Status::Up {
            let came = !ran.effects.is_empty() || local(before) != local(after);
            self.asked(setting, before, (seat, choice), came);
        }
    }

    /// Takes note of what a process that is up was asked.
    fn asked(
        &mut self,
        setting: &Setting<P>,
        world: &World<Seat<P>>,
        (seat, choice): (SeatId, &Choice<P::Message, P::Timer>),
        came: bool,
    ) {
        match choice {
            Choice::Request { .. } => {
                let asked = world.rest.asked[seat.index()] as usize;
                let request = setting.requests[seat.index()][asked].clone();
                *self.requests.entry(request).or_default() |= came;
            }
            Choice::Deliver { message, .. }
            | Choice::Duplicate { message, .. }
            | Choice::Lie { message, .. }
            | Choice::Inject { message, .. } => {
                *self.handled.entry(message.clone()).or_default() |= came;
            }
            Choice::Fire { timer, .. } => *self.fired.entry(timer.clone()).or_default() |= came,
            Choice::Output { output, .. } => {
                let timer = world.seats[seat.index()].clone().hear(*output);
                *self.fired.entry(timer.expect("an enabled output is consulted")).or_default() |= came;
            }
            _ => {}
        }
    }

    /// What no run came to.
    pub(crate) fn unreached(self, setting: &Setting<P>) -> Vec<Unreached> {
        let covered = Covered {
            requests: Seen::with(self.requests),
            sent: Seen::of(self.sent),
            handled: Seen::with(self.handled),
            set: Seen::of(self.set),
            fired: Seen::with(self.fired),
            indicated: Seen::of(self.indicated),
            recovered: self.recovered,
            coin: self.coin,
            branches: self.branches,
            faults: self.faults,
        };
        covered.unreached::<P>(&setting.environment)
    }
}
