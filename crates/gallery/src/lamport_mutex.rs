//! Lamport's mutual exclusion: requests carry logical time, everyone acknowledges them, the oldest goes first.
//!
//! # Source
//! Leslie Lamport, *Time, clocks, and the ordering of events in a distributed system*, CACM 21(7), 1978; the
//! specification LamportMutex (S. Merz).
//!
//! # States and steps
//! A process that wants to enter notes its request under its clock and sends it to all others. Who receives a request
//! notes it, moves its clock beyond it, and acknowledges it. A process enters when all have acknowledged its request and
//! it is the oldest that it knows of; on the way out it releases, and everyone forgets the request. Channels keep order.
//!
//! # Claims
//! ME1 mutual exclusion. ME4 no channel ever holds more than three messages.
//!
//! # Departures from the source
//! A clock ends at `clock_max`: a state beyond is not looked at. Progress is therefore not claimed.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::fifo::Fifo;
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Says, System};

/// The most processes.
const N_MAX: usize = 4;
/// The highest clock that a channel has room for.
const CLOCK_MAX: u64 = 12;
/// What a channel holds besides requests, which are their clocks.
const ACKNOWLEDGE: u8 = 13;
const RELEASE: u8 = 14;
/// What a channel holds at most.
const CHANNEL_MAX: usize = 3;

/// The system.
#[derive(Clone, Debug)]
pub struct LamportMutex {
    /// Processes.
    n: usize,
    /// The highest clock.
    clock_max: u8,
    /// The twin: nobody waits for acknowledgements.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    clock: [u8; N_MAX],
    /// The clock of each process's request, as far as known to each; 0 for none.
    request: [[u8; N_MAX]; N_MAX],
    /// Who has acknowledged each one's request.
    acknowledged: [Set; N_MAX],
    /// The channel from each to each.
    channel: [[Fifo; N_MAX]; N_MAX],
    /// Those in their critical sections.
    critical: Set,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It asks to enter.
    Request(usize),
    /// It enters.
    Enter(usize),
    /// It leaves.
    Exit(usize),
    /// It receives a request, from.
    ReceiveRequest(usize, usize),
    /// It receives an acknowledgement, from.
    ReceiveAcknowledge(usize, usize),
    /// It receives a release, from.
    ReceiveRelease(usize, usize),
}

impl LamportMutex {
    fn broadcast(&self, state: &mut State, p: usize, message: u8) {
        for q in (0..self.n).filter(|&q| q != p) {
            state.channel[p][q] = state.channel[p][q].push(message);
        }
    }

    /// Whether the request of `p` is older than every other that it knows of.
    fn is_oldest(&self, state: &State, p: usize) -> bool {
        let known = &state.request[p];
        (0..self.n).filter(|&q| q != p).all(|q| known[q] == 0 || (known[p], p) < (known[q], q))
    }

    fn may_enter(&self, state: &State, p: usize) -> bool {
        let all = self.broken || state.acknowledged[p] == Set::all(self.n);
        state.request[p][p] != 0 && all && self.is_oldest(state, p)
    }

    /// `p` receives the first message from `q`.
    fn receive(state: &State, p: usize, q: usize) -> Option<(Action, State)> {
        let (message, rest) = state.channel[q][p].pop()?;
        let mut next = *state;
        next.channel[q][p] = rest;
        let action = match message {
            ACKNOWLEDGE => {
                next.acknowledged[p] = next.acknowledged[p].with(q);
                Action::ReceiveAcknowledge(p, q)
            }
            RELEASE => {
                next.request[p][q] = 0;
                Action::ReceiveRelease(p, q)
            }
            clock => {
                next.request[p][q] = clock;
                next.clock[p] = next.clock[p].max(clock) + 1;
                next.channel[p][q] = next.channel[p][q].push(ACKNOWLEDGE);
                Action::ReceiveRequest(p, q)
            }
        };
        Some((action, next))
    }

    fn channels_hold_at_most_three(state: &State) -> bool {
        state.channel.iter().flatten().all(|channel| channel.len() <= CHANNEL_MAX)
    }
}

impl System for LamportMutex {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let mut clock = [0; N_MAX];
        clock[..self.n].fill(1);
        each(State {
            clock,
            request: [[0; N_MAX]; N_MAX],
            acknowledged: [Set::EMPTY; N_MAX],
            channel: [[Fifo::default(); N_MAX]; N_MAX],
            critical: Set::EMPTY,
        });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for p in 0..self.n {
            if state.request[p][p] == 0 {
                let mut next = *state;
                next.request[p][p] = state.clock[p];
                next.acknowledged[p] = Set::only(p);
                self.broadcast(&mut next, p, state.clock[p]);
                each(Action::Request(p), next);
            }
            if self.may_enter(state, p) {
                each(Action::Enter(p), State { critical: state.critical.with(p), ..*state });
            }
            if state.critical.has(p) {
                let mut next = State { critical: state.critical.without(p), ..*state };
                next.request[p][p] = 0;
                next.acknowledged[p] = Set::EMPTY;
                self.broadcast(&mut next, p, RELEASE);
                each(Action::Exit(p), next);
            }
            for q in 0..self.n {
                if let Some((action, next)) = Self::receive(state, p, q) {
                    each(action, next);
                }
            }
        }
    }

    fn within(&self, state: &State) -> bool {
        // without acknowledgements nothing holds a process back: its channels would grow without bound
        let bounded = !self.broken || Self::channels_hold_at_most_three(state);
        bounded && state.clock.iter().all(|&clock| clock <= self.clock_max)
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("ME1", "mutual exclusion", Says::Always(|_, s: &State| s.critical.len() <= 1)),
            Claim::new(
                "ME4",
                "three messages at most in a channel",
                Says::Always(|_, s| Self::channels_hold_at_most_three(s)),
            ),
            Claim::new(
                "ME3",
                "each may enter",
                Says::Sometimes(|it: &Self, s: &State| s.critical.has(it.n - 1)),
            ),
        ]
    }
}

impl Published for LamportMutex {
    const NAME: &'static str = "lamport-mutex";
    const PAGE: &'static str = include_str!("lamport_mutex.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 2, 2, N_MAX as u64),
        constant("clock_max", "the highest clock", 3, 2, CLOCK_MAX),
        broken("1: nobody waits for acknowledgements"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2), ("clock_max", 3)], 191, 22).generating(384).twice(),
        Row::new(&[("n", 2), ("clock_max", 5)], 685, 34).generating(1_326).twice(),
        Row::new(&[("n", 3), ("clock_max", 2)], 511, 15).generating(2_203).twice(),
        Row::new(&[("n", 3), ("clock_max", 3)], 10_209, 31).generating(41_533).twice(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "ME1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let clock_max = constants.get("clock_max") as u8;
        Ok(Self { n: constants.size("n"), clock_max, broken: constants.broken() })
    }
}
