//! What it means to detect termination when messages take time: what EWD998 implements.
//!
//! # Source
//! The specification AsyncTerminationDetection of the TLA+ examples (S. Merz, M. Kuppe), after E. W. Dijkstra, EWD998.
//!
//! # States and steps
//! A process is active or not, and so many messages are under way to it; `detected` is true or false. An active process
//! sends, to itself too, or becomes passive, and then termination may be detected at once; a message that arrives makes its
//! receiver active; and when all are passive and nothing is under way, that is detected.
//!
//! # Claims
//! TD1 no false detection. TD3 detection: when all is over, that is detected in the end, if detection is not put off for
//! ever.
//!
//! # Departures from the source
//! None; as published, at most three messages are under way to one process.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 8;

/// The system.
#[derive(Clone, Debug)]
pub struct AsyncTerminationDetection {
    /// Processes.
    n: usize,
    /// The most that may be under way to one.
    pending_max: u8,
    /// The twin: what is under way is not looked at.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    active: Set,
    /// Messages under way to each.
    pending: [u8; N_MAX],
    detected: bool,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// A process becomes passive.
    Terminate(usize),
    /// A process sends to one.
    SendMessage(usize, usize),
    /// A message arrives.
    Receive(usize),
    /// Termination is detected.
    DetectTermination,
}

impl State {
    fn terminated(&self) -> bool {
        self.active.is_empty() && self.pending == [0; N_MAX]
    }
}

impl AsyncTerminationDetection {
    /// What is taken for termination.
    fn seems_over(&self, state: &State) -> bool {
        if self.broken { state.active.is_empty() } else { state.terminated() }
    }
}

impl System for AsyncTerminationDetection {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        for active in Set::all(self.n).subsets() {
            each(State { active, pending: [0; N_MAX], detected: false });
            if active.is_empty() {
                each(State { active, pending: [0; N_MAX], detected: true });
            }
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for i in state.active.iter() {
            let next = State { active: state.active.without(i), ..*state };
            each(Action::Terminate(i), next);
            if self.seems_over(&next) != next.detected {
                each(Action::Terminate(i), State { detected: !next.detected, ..next });
            }
            for j in 0..self.n {
                let mut next = *state;
                next.pending[j] += 1;
                each(Action::SendMessage(i, j), next);
            }
        }
        for i in (0..self.n).filter(|&i| state.pending[i] > 0) {
            let mut next = State { active: state.active.with(i), ..*state };
            next.pending[i] -= 1;
            each(Action::Receive(i), next);
        }
        if self.seems_over(state) {
            each(Action::DetectTermination, State { detected: true, ..*state });
        }
    }

    fn within(&self, state: &State) -> bool {
        state.pending.iter().all(|&count| count <= self.pending_max)
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "TD1",
                "no false detection",
                Says::Always(|_, s: &State| !s.detected || s.terminated()),
            ),
            Claim::new(
                "TD3",
                "detection",
                Says::LeadsTo(|_, s: &State| s.terminated(), |_, s: &State| s.detected),
            ),
            Claim::new("TD4", "termination may be detected", Says::Sometimes(|_, s: &State| s.detected)),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        if *action == Action::DetectTermination { Justice::Weak(0) } else { Justice::None }
    }
}

impl Published for AsyncTerminationDetection {
    const NAME: &'static str = "async-termination-detection";
    const PAGE: &'static str = include_str!("async_termination_detection.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 4, 1, N_MAX as u64),
        constant("pending_max", "the most that is under way to one", 3, 1, 100),
        broken("1: what is under way is not looked at"),
    ];
    const ROWS: &'static [Row] = &[Row::new(&[("n", 4)], 4_097, 14).from(17).generating(53_271).published()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "TD1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let pending_max = constants.get("pending_max") as u8;
        Ok(Self { n: constants.size("n"), pending_max, broken: constants.broken() })
    }
}
