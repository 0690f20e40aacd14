//! Safra's termination detection on a ring: the token also sums up the messages that are under way.
//!
//! # Source
//! E. W. Dijkstra, *Shmuel Safra's version of termination detection*, EWD998, 1987.
//!
//! # States and steps
//! As EWD840, but messages take time: each process counts what it has sent less what it has received, a process that
//! receives turns black and active, and the token sums up the counts of the passive processes that pass it on.
//!
//! # Claims
//! TD1 no false detection: if process 0 is passive and white, holds a white token, and the token's sum with its own count
//! is zero, then all are passive and no message is under way. TD2 the invariant by which the source proves it. TD3
//! detection: when all is over, that is detected in the end, if the token keeps moving.
//!
//! # Departures from the source
//! Counts, messages under way and the token's sum are bounded: a state beyond is not looked at.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 6;

/// The system.
#[derive(Clone, Debug)]
pub struct Ewd998 {
    /// Processes.
    n: usize,
    /// The most that a process may count, and that may be under way to one.
    count_max: i8,
    /// The most that the token may sum up to.
    sum_max: i8,
    /// The twin: a process that receives stays white.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    active: Set,
    black: Set,
    /// Messages sent less messages received, at each process.
    counter: [i8; N_MAX],
    /// Messages under way to each process.
    pending: [i8; N_MAX],
    /// Where the token is.
    token: u8,
    token_black: bool,
    /// The token's sum.
    sum: i8,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Process 0 starts a probe.
    InitiateProbe,
    /// A process passes the token down.
    PassToken(usize),
    /// A process sends a message to another.
    SendMessage(usize, usize),
    /// A process receives a message.
    Receive(usize),
    /// A process becomes passive.
    Deactivate(usize),
}

impl State {
    /// What process 0 concludes from.
    fn detected(&self) -> bool {
        self.token == 0
            && !self.token_black
            && self.sum + self.counter[0] == 0
            && !self.black.has(0)
            && !self.active.has(0)
    }

    fn terminated(&self) -> bool {
        self.active.is_empty() && self.pending == [0; N_MAX]
    }

    /// The source's P0, and P1 or P2 or P3 or P4.
    fn invariant(&self) -> bool {
        let under_way: i8 = self.pending.iter().sum();
        let (below, above) = self.counter.split_at(usize::from(self.token) + 1);
        let (below, above): (i8, i8) = (below.iter().sum(), above.iter().sum());
        let reached = Set::all(usize::from(self.token) + 1);
        under_way == below + above
            && ((self.active.within(reached) && self.sum == above)
                || below + self.sum > 0
                || !self.black.and(reached).is_empty()
                || self.token_black)
    }
}

impl System for Ewd998 {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let all = Set::all(self.n);
        for active in all.subsets() {
            for black in all.subsets() {
                for token in 0..self.n as u8 {
                    let none = [0; N_MAX];
                    each(State {
                        active,
                        black,
                        counter: none,
                        pending: none,
                        token,
                        token_black: true,
                        sum: 0,
                    });
                }
            }
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let at = usize::from(state.token);
        let mut go = |action: Action, change: &dyn Fn(&mut State)| {
            let mut next = *state;
            change(&mut next);
            each(action, next);
        };
        if at == 0 {
            if state.token_black || state.black.has(0) || state.counter[0] + state.sum > 0 {
                go(Action::InitiateProbe, &|s| {
                    s.token = self.n as u8 - 1;
                    (s.sum, s.token_black, s.black) = (0, false, s.black.without(0));
                });
            }
        } else if !state.active.has(at) {
            go(Action::PassToken(at), &|s| {
                s.token -= 1;
                s.sum += s.counter[at];
                s.token_black |= s.black.has(at);
                s.black = s.black.without(at);
            });
        }
        for i in state.active.iter() {
            for j in (0..self.n).filter(|&j| j != i) {
                go(Action::SendMessage(i, j), &|s| {
                    s.counter[i] += 1;
                    s.pending[j] += 1;
                });
            }
            go(Action::Deactivate(i), &|s| s.active = s.active.without(i));
        }
        for i in (0..self.n).filter(|&i| state.pending[i] > 0) {
            go(Action::Receive(i), &|s| {
                s.pending[i] -= 1;
                s.counter[i] -= 1;
                s.active = s.active.with(i);
                s.black = s.black.set(i, s.black.has(i) || !self.broken);
            });
        }
    }

    fn within(&self, state: &State) -> bool {
        let counted = |counts: &[i8; N_MAX]| counts.iter().all(|&count| count <= self.count_max);
        counted(&state.counter) && counted(&state.pending) && state.sum <= self.sum_max
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "TD1",
                "no false detection",
                Says::Always(|_, s: &State| !s.detected() || s.terminated()),
            ),
            Claim::new("TD2", "invariant", Says::Always(|_, s: &State| s.invariant())),
            Claim::new(
                "TD3",
                "detection",
                Says::LeadsTo(|_, s: &State| s.terminated(), |_, s: &State| s.detected()),
            ),
            Claim::new("TD4", "termination may be detected", Says::Sometimes(|_, s: &State| s.detected())),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        match action {
            Action::InitiateProbe | Action::PassToken(_) => Justice::Weak(0),
            _ => Justice::None,
        }
    }
}

impl Published for Ewd998 {
    const NAME: &'static str = "ewd998";
    const PAGE: &'static str = include_str!("ewd998.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 2, 2, N_MAX as u64),
        constant("count_max", "the most that one counts, and that is under way to one", 3, 1, 15),
        constant("sum_max", "the most that the token sums up to", 9, 1, 99),
        broken("1: a process that receives stays white"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2)], 6_876, 28).from(32).twice(),
        Row::new(&[("n", 3), ("count_max", 1), ("sum_max", 3)], 19_474, 25).from(192).twice(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted {
        constants: &[("broken", 1), ("n", 3), ("count_max", 2), ("sum_max", 6)],
        property: "TD2",
    }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self {
            n: constants.size("n"),
            count_max: constants.get("count_max") as i8,
            sum_max: constants.get("sum_max") as i8,
            broken: constants.broken(),
        })
    }
}
