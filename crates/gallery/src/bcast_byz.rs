//! Srikanth and Toueg's broadcast: echoes do the work of signatures, below a third of Byzantine processes.
//!
//! # Source
//! T. K. Srikanth, S. Toueg, *Simulating authenticated broadcasts to derive simple fault-tolerant algorithms*,
//! Distributed Computing 2(2), 1987; the specification bcastByz (T. H. Tran, I. Konnov, J. Widder).
//!
//! # States and steps
//! Some processes have the message at the start; f are faulty, and all of theirs is under way from the start. In one step a
//! correct process receives any echoes under way, and: if it has the message, or has received from n - 2t, it sends an
//! echo; if it has received from n - t, it sends an echo if it has not, and accepts. A receipt alone is not a step.
//!
//! # Claims
//! RB3 unforgeability: if no correct process has the message at the start, none accepts. RB4 relay: if a correct process
//! accepts, all do, if all keep moving. RB1 correctness: if all correct processes have the message, one accepts. All hold
//! for n above 3t and f up to t, and RB3 is refuted at n = 3t.
//!
//! # Departures from the source
//! Who has sent follows from the states of the processes. With `nobody` = 1 nobody has the message at the start.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 6;

/// The system.
#[derive(Clone, Debug)]
pub struct BcastByz {
    /// Processes.
    n: usize,
    /// How many faulty ones it is made for.
    t: usize,
    /// How many there are.
    f: usize,
    /// Whether nobody has the message at the start.
    nobody: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Those that have the message from the start, and have done nothing yet.
    has: Set,
    /// Those that have sent an echo, and have not accepted.
    echoed: Set,
    /// Those that have accepted; they have sent one too.
    accepted: Set,
    correct: Set,
    /// From whom each has received.
    received: [Set; N_MAX],
}

/// What a correct process does, having received from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It sends an echo.
    Echo(usize, Set),
    /// It accepts.
    Accept(usize, Set),
}

impl BcastByz {
    /// All that may be received.
    fn under_way(&self, state: &State) -> Set {
        state.echoed.or(state.accepted).or(Set::all(self.n).minus(state.correct))
    }
}

impl System for BcastByz {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let (all, none) = (Set::all(self.n), Set::EMPTY);
        for correct in all.subsets().filter(|correct| correct.len() == self.n - self.f) {
            for has in if self.nobody { none } else { all }.subsets() {
                each(State { has, echoed: none, accepted: none, correct, received: [none; N_MAX] });
            }
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let State { has, echoed, accepted, correct, .. } = *state;
        for i in correct.minus(accepted).iter() {
            for more in self.under_way(state).minus(state.received[i]).subsets() {
                let mut next = State { has: has.without(i), ..*state };
                next.received[i] = state.received[i].or(more);
                let received = next.received[i];
                let enough = received.len() + self.t >= self.n;
                let some = received.len() + 2 * self.t >= self.n;
                if !echoed.has(i) && (has.has(i) || (some && !enough)) {
                    each(Action::Echo(i, received), State { echoed: echoed.with(i), ..next });
                }
                if enough {
                    let (echoed, accepted) = (echoed.without(i), accepted.with(i));
                    each(Action::Accept(i, received), State { echoed, accepted, ..next });
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "RB3",
                "unforgeability",
                Says::Always(|it: &Self, s: &State| !it.nobody || s.accepted.is_empty()),
            ),
            Claim::new(
                "RB4",
                "relay",
                Says::LeadsTo(|_, s: &State| !s.accepted.is_empty(), |_, s: &State| s.accepted == s.correct),
            ),
            Claim::new(
                "RB1",
                "correctness",
                Says::LeadsTo(|_, s: &State| s.correct.within(s.has), |_, s: &State| !s.accepted.is_empty()),
            ),
            Claim::new(
                "RB5",
                "all may accept, or there is nothing to accept",
                Says::Sometimes(|it: &Self, s: &State| s.accepted == s.correct || it.nobody),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        let (Action::Echo(i, _) | Action::Accept(i, _)) = action;
        Justice::Weak(*i as u64)
    }
}

impl Published for BcastByz {
    const NAME: &'static str = "bcast-byz";
    const PAGE: &'static str = include_str!("bcast_byz.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 4, 1, N_MAX as u64),
        constant("t", "how many faulty ones it is made for", 1, 0, N_MAX as u64),
        constant("f", "how many faulty ones there are", 1, 0, N_MAX as u64),
        constant("nobody", "1: nobody has the message at the start", 0, 0, 1),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 4), ("t", 1), ("f", 0)], 17_080, 9).from(16),
        Row::new(&[("n", 4), ("t", 1), ("f", 1)], 14_424, 7).from(64).published(),
    ];
    const REFUTED: &'static [Refuted] = &[
        Refuted { constants: &[("n", 3), ("t", 1), ("f", 1), ("nobody", 1)], property: "RB3" },
        Refuted { constants: &[("n", 4), ("t", 1), ("f", 2), ("nobody", 1)], property: "RB3" },
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (n, t, f) = (constants.size("n"), constants.size("t"), constants.size("f"));
        if t > n || f > n {
            return Err(Refused::Together("t and f are at most n"));
        }
        Ok(Self { n, t, f, nobody: constants.get("nobody") == 1 })
    }
}
