//! Moves as the table keeps them.

use super::flight::Envelope;
use crate::fingerprint::Print;
use synod_kernel::{Choice, Cut, SeatId};

/// No number.
pub(super) const NONE: u32 = u32::MAX;

/// What is read of a move whenever it is enabled: what the search needs before it knows whether the state is new.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// What is added to the fingerprint, but for the monitor and for what depends on the messages in flight.
    pub(super) delta: Print,
    /// What is observed, in `Tabulated::observations`; 0 for nothing.
    pub(super) observed: u32,
    /// What breaks a property whatever the monitor's state, in `Tabulated::failures`.
    pub(super) failure: u32,
    /// Whether it leads beyond the bound on the algorithm's measure.
    pub(super) beyond: bool,
    /// Whether what it does to the messages in flight depends on them.
    pub(super) depends: bool,
}

/// What a move does to a state, as numbers.
#[derive(Clone, Copy)]
pub(super) struct Change {
    /// The seat that changes, and its state after it; `NONE` where none does.
    pub(super) seat: u32,
    pub(super) after: u32,
    /// The rest after it; `NONE` where it stays.
    pub(super) rest: u32,
    /// The envelope that leaves the network.
    pub(super) taken: u32,
    /// Which envelopes enter it, in `Tabulated::sent`.
    pub(super) sent: (u32, u32),
    /// To which seat nothing arrives any more.
    pub(super) discarded: u32,
    /// The class of fairness, 0 for none.
    pub(super) class: u64,
}

/// What names a move.
pub(super) struct Called {
    pub(super) choice: Choice<u32, u32>,
    pub(super) draws: Vec<u32>,
    pub(super) cut: Option<Cut>,
}

impl Change {
    pub(super) const NOTHING: Self =
        Self { seat: NONE, after: NONE, rest: NONE, taken: NONE, sent: (0, 0), discarded: NONE, class: 0 };
}

impl Told {
    pub(super) const NOTHING: Self =
        Self { delta: 0, observed: 0, failure: NONE, beyond: false, depends: false };
}

/// Whose a choice is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Seat(SeatId),
    Nobodys,
}

pub(super) fn whose(choice: &Choice<u32, u32>) -> Whose {
    match *choice {
        Choice::Init { seat }
        | Choice::Request { seat }
        | Choice::Fire { seat, .. }
        | Choice::Output { seat, .. }
        | Choice::Sync { seat }
        | Choice::Crash { seat, .. }
        | Choice::Corrupt { seat }
        | Choice::Omit { seat }
        | Choice::Disk { seat, .. }
        | Choice::Recover { seat } => Whose::Seat(seat),
        Choice::Deliver { to, .. }
        | Choice::Duplicate { to, .. }
        | Choice::Lose { to, .. }
        | Choice::Lie { to, .. }
        | Choice::Inject { to, .. } => Whose::Seat(to),
        Choice::Sever { .. } | Choice::Heal => Whose::Nobodys,
    }
}

/// What an entry of the table is about.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    Own(SeatId),
    Heard(Envelope),
    Global,
}

/// Sets of small numbers, in one array.
#[derive(Default)]
pub(super) struct Bits {
    pub(super) words: Vec<u64>,
    /// By set: where its words begin, and how many bits they have.
    pub(super) sets: Vec<(u32, u32)>,
}

impl Bits {
    #[inline]
    pub(super) fn has(&self, set: u32, number: u32) -> bool {
        let (from, bits) = self.sets[set as usize];
        number < bits && self.words[(from + number / 64) as usize] >> (number % 64) & 1 == 1
    }

    pub(super) fn add_set(&mut self) {
        self.sets.push((0, 0));
    }

    /// Adds a number to a set, which moves to the end where it must grow.
    pub(super) fn add(&mut self, set: u32, number: u32) {
        let (mut from, bits) = self.sets[set as usize];
        if number >= bits {
            let words = (number / 64 + 1).next_power_of_two();
            let moved = from as usize..(from + bits / 64) as usize;
            from = u32::try_from(self.words.len()).expect("fewer than 2^32 words of ignored messages");
            self.words.extend_from_within(moved);
            self.words.resize((from + words) as usize, 0);
            self.sets[set as usize] = (from, words * 64);
        }
        self.words[(from + number / 64) as usize] |= 1 << (number % 64);
    }
}
