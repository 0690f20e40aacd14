//! Reliable broadcast by diffusion: whoever receives passes it on, then accepts; some processes crash.
//!
//! # Source
//! T. D. Chandra, S. Toueg, *Unreliable failure detectors for reliable distributed systems*, JACM 43(2), 1996, figure 2;
//! the specification bcastFolklore (T. H. Tran, I. Konnov, J. Widder).
//!
//! # States and steps
//! Some processes have the message at the start. In one step a process that is up receives any of the messages sent, and:
//! if it has the message, or has received one, it sends to all and accepts; or it crashes; or nothing more.
//!
//! # Claims
//! RB3 no creation: if none has the message at the start, none accepts. RB4 agreement: if a process accepts and stays up,
//! all that stay up accept, if they keep moving. RB1 validity: if all have the message at the start, one accepts.
//!
//! # Departures from the source
//! Who is up, and how many have crashed, follow from the states of the processes. With `nobody` = 1 nobody has the message
//! at the start.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 6;

/// The system.
#[derive(Clone, Debug)]
pub struct BcastFolklore {
    /// Processes.
    n: usize,
    /// How many may crash.
    f: usize,
    /// Whether nobody has the message at the start.
    nobody: bool,
    /// The twin: a process accepts without having received anything.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Those that have the message from the start, are up, and have not accepted.
    has: Set,
    accepted: Set,
    crashed: Set,
    /// Those that have sent.
    sent: Set,
    /// From whom each has received.
    received: [Set; N_MAX],
}

/// What a process does, having received from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It accepts, and has sent to all.
    Accept(usize, Set),
    /// It crashes.
    Crash(usize, Set),
    /// Nothing more.
    Receive(usize, Set),
}

impl System for BcastFolklore {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let none = Set::EMPTY;
        let may_have = if self.nobody { none } else { Set::all(self.n) };
        for has in may_have.subsets() {
            each(State { has, accepted: none, crashed: none, sent: none, received: [none; N_MAX] });
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for i in Set::all(self.n).minus(state.crashed).iter() {
            for more in state.sent.minus(state.received[i]).subsets() {
                let mut next = *state;
                next.received[i] = state.received[i].or(more);
                let received = next.received[i];
                each(Action::Receive(i, received), next);
                let knows = state.has.has(i) || !received.is_empty() || self.broken;
                if knows && !state.accepted.has(i) {
                    let (has, sent) = (state.has.without(i), state.sent.with(i));
                    let accepted = state.accepted.with(i);
                    each(Action::Accept(i, received), State { has, accepted, sent, ..next });
                }
                if state.crashed.len() < self.f {
                    let (has, accepted) = (state.has.without(i), state.accepted.without(i));
                    let crashed = state.crashed.with(i);
                    each(Action::Crash(i, received), State { has, accepted, crashed, ..next });
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "RB3",
                "no creation",
                Says::Always(|it: &Self, s: &State| !it.nobody || s.accepted.is_empty()),
            ),
            Claim::new(
                "RB4",
                "agreement",
                Says::LeadsTo(
                    |_, s: &State| !s.accepted.is_empty(),
                    |it: &Self, s: &State| s.accepted.or(s.crashed) == Set::all(it.n),
                ),
            ),
            Claim::new(
                "RB1",
                "validity",
                Says::LeadsTo(
                    |it: &Self, s: &State| s.has == Set::all(it.n),
                    |it: &Self, s: &State| !s.accepted.is_empty() || it.f >= it.n,
                ),
            ),
            Claim::new(
                "RB5",
                "all may accept, or there is nothing to accept",
                Says::Sometimes(|it: &Self, s: &State| s.accepted == Set::all(it.n) || it.nobody),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        match *action {
            Action::Accept(i, _) => Justice::Weak(i as u64),
            Action::Crash(..) | Action::Receive(..) => Justice::None,
        }
    }
}

impl Published for BcastFolklore {
    const NAME: &'static str = "bcast-folklore";
    const PAGE: &'static str = include_str!("bcast_folklore.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 3, 1, N_MAX as u64),
        constant("f", "how many may crash", 1, 0, N_MAX as u64),
        constant("nobody", "1: nobody has the message at the start", 0, 0, 1),
        broken("1: a process accepts without having received anything"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2), ("f", 1)], 96, 5).from(4),
        Row::new(&[("n", 3), ("f", 1)], 3_700, 7).from(8).twice(),
    ];
    const REFUTED: &'static [Refuted] =
        &[Refuted { constants: &[("broken", 1), ("nobody", 1)], property: "RB3" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (n, f) = (constants.size("n"), constants.size("f"));
        if f > n {
            return Err(Refused::Together("f is at most n"));
        }
        Ok(Self { n, f, nobody: constants.get("nobody") == 1, broken: constants.broken() })
    }
}
