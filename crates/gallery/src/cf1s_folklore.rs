//! Consensus in one step: all who propose the same decide at once, others fall back on another consensus.
//!
//! # Source
//! D. Dobre, N. Suri, *One-step consensus with zero-degradation*, DSN 2006, algorithm 2, lines 1 to 4; the specification
//! cf1s_folklore (T. H. Tran, I. Konnov, J. Widder).
//!
//! # States and steps
//! Each process has 0 or 1, and sends it. It receives zeros and ones one by one, at any time. With n - t zeros it decides 0,
//! with n - t ones 1; with n - t of both together, but of neither alone, it keeps its own value for the fallback. A process
//! may turn faulty; one that had not sent a zero may have sent it all the same.
//!
//! # Claims
//! OS1 one-step: if all have 0, nobody decides 1 or falls back. OS2 agreement: no two processes decide differently, for n
//! above 3t.
//!
//! # Departures from the source
//! At most one process turns faulty, and not one that has 1 and has not sent: so it is in the published specification,
//! which constrains the wrong counter. With `zeros` = 1 all have 0. Steps that change nothing are left out.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, Unreached, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Says, System};

/// The most processes.
const N_MAX: usize = 5;

/// The system.
#[derive(Clone, Debug)]
pub struct Cf1sFolklore {
    /// Processes.
    n: usize,
    /// How many faulty ones it is made for.
    t: usize,
    /// How many there may be.
    f: usize,
    /// Whether all have 0.
    zeros: bool,
    /// The twin: half of the values are enough to decide.
    broken: bool,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It has this value, and has not sent it.
    Value(u8),
    /// It has sent this value.
    Sent(u8),
    /// It has decided this value.
    Decided(u8),
    /// It falls back with this value.
    Undecided(u8),
    /// It is faulty.
    Faulty,
}
use Status::{Decided, Faulty, Sent, Undecided, Value};

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    status: [Status; N_MAX],
    /// The zeros and ones sent by correct processes.
    sent: [u8; 2],
    /// The zeros that faulty ones may have sent.
    sent_by_faulty: u8,
    /// The zeros and ones that each has received.
    received: [[u8; 2]; N_MAX],
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It turns faulty.
    TurnFaulty(usize),
    /// It sends its value.
    Propose(usize),
    /// It receives this value.
    Receive(usize, u8),
    /// It decides this value.
    Decide(usize, u8),
    /// It falls back.
    FallBack(usize),
}

impl Cf1sFolklore {
    /// How many equal values let a process decide.
    fn quorum(&self) -> u8 {
        if self.broken { self.n as u8 / 2 } else { (self.n - self.t) as u8 }
    }

    fn decided(&self, state: &State, value: u8) -> bool {
        state.status[..self.n].contains(&Decided(value))
    }

    fn fell_back(&self, state: &State) -> bool {
        state.status[..self.n].iter().any(|status| matches!(status, Undecided(_)))
    }
}

impl System for Cf1sFolklore {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let may_have_one = if self.zeros { Set::EMPTY } else { Set::all(self.n) };
        for ones in may_have_one.subsets() {
            let status = std::array::from_fn(|i| Value(u8::from(ones.has(i))));
            each(State { status, sent: [0; 2], sent_by_faulty: 0, received: [[0; 2]; N_MAX] });
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let faulty = state.status[..self.n].iter().filter(|&&status| status == Faulty).count();
        for i in 0..self.n {
            let mut go = |action: Action, status: Status, change: &dyn Fn(&mut State)| {
                let mut next = *state;
                next.status[i] = status;
                change(&mut next);
                each(action, next);
            };
            let status = state.status[i];
            if faulty < self.f && status != Faulty && status != Value(1) {
                let zero = u8::from(status == Value(0));
                go(Action::TurnFaulty(i), Faulty, &|s| s.sent_by_faulty += zero);
            }
            if let Value(value) = status {
                go(Action::Propose(i), Sent(value), &|s| s.sent[usize::from(value)] += 1);
            }
            let received = state.received[i];
            if received[0] < state.sent[0] + state.sent_by_faulty {
                go(Action::Receive(i, 0), status, &|s| s.received[i][0] += 1);
            }
            if received[1] < state.sent[1] {
                go(Action::Receive(i, 1), status, &|s| s.received[i][1] += 1);
            }
            let Sent(own) = status else { continue };
            let enough = |value: u8| received[usize::from(value)] >= self.quorum();
            for value in (0..2).filter(|&value| enough(value)) {
                go(Action::Decide(i, value), Decided(value), &|_| ());
            }
            if received[0] + received[1] >= self.quorum() && !enough(0) && !enough(1) {
                go(Action::FallBack(i), Undecided(own), &|_| ());
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "OS1",
                "one-step",
                Says::Always(|it, s| !it.zeros || !(it.decided(s, 1) || it.fell_back(s))),
            ),
            Claim::new("OS2", "agreement", Says::Always(|it, s| !(it.decided(s, 0) && it.decided(s, 1)))),
            Claim::new("OS3", "one may decide", Says::Sometimes(|it, s| it.decided(s, 0))),
        ]
    }
}

impl Published for Cf1sFolklore {
    const NAME: &'static str = "cf1s-folklore";
    const PAGE: &'static str = include_str!("cf1s_folklore.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 3, 1, N_MAX as u64),
        constant("t", "how many faulty ones it is made for", 0, 0, N_MAX as u64),
        constant("f", "how many faulty ones there may be", 0, 0, 1),
        constant("zeros", "1: all have 0", 0, 0, 1),
        broken("1: half of the values are enough to decide"),
    ];
    const ROWS: &'static [Row] = &[Row::new(&[("n", 4), ("t", 1), ("f", 0)], 412_930, 25).from(16)];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "OS2" }];
    const UNREACHED: &'static [Unreached] =
        &[Unreached { kind: "TurnFaulty", because: "nobody is faulty: f = 0" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (n, t, f) = (constants.size("n"), constants.size("t"), constants.size("f"));
        if t >= n {
            return Err(Refused::Together("t is below n"));
        }
        Ok(Self { n, t, f, zeros: constants.get("zeros") == 1, broken: constants.broken() })
    }
}
