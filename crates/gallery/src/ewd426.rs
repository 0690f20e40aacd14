//! Dijkstra's ring: from any state at all, exactly one process is privileged in the end.
//!
//! # Source
//! E. W. Dijkstra, *Self-stabilizing systems in spite of distributed control*, CACM 17(11), 1974 (EWD426): the solution
//! with K-state machines.
//!
//! # States and steps
//! Each process has a number below m. Process 0 is privileged when its number is that of the last process, and then adds
//! one, modulo m; any other is privileged when its number differs from its predecessor's, and then copies it. Every state
//! is an initial one.
//!
//! # Claims
//! SS1 some process is always privileged. SS2 closure and convergence: from some point on exactly one is, if something
//! happens. That holds for m at least n - 1.
//!
//! # Departures from the source
//! None.
//!
//! # Known answers
//! mⁿ states in one level.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 8;

/// The system.
#[derive(Clone, Debug)]
pub struct Ewd426 {
    /// Processes.
    n: usize,
    /// The numbers of each.
    m: u8,
    /// The twin: process 0 is privileged when its number is not that of the last.
    broken: bool,
}

/// The number of each process.
pub type State = [u8; N_MAX];

/// A privileged process moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Move(u8);

impl Ewd426 {
    fn privileged(&self, state: &State, i: usize) -> bool {
        if i == 0 { (state[0] == state[self.n - 1]) != self.broken } else { state[i] != state[i - 1] }
    }

    fn privileges(&self, state: &State) -> usize {
        (0..self.n).filter(|&i| self.privileged(state, i)).count()
    }
}

impl System for Ewd426 {
    type State = State;
    type Action = Move;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let all = u64::from(self.m).pow(self.n as u32);
        for mut number in 0..all {
            let mut state = [0; N_MAX];
            for place in &mut state[..self.n] {
                *place = (number % u64::from(self.m)) as u8;
                number /= u64::from(self.m);
            }
            each(state);
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Move, State)) {
        for i in (0..self.n).filter(|&i| self.privileged(state, i)) {
            let mut next = *state;
            next[i] = if i == 0 { (state[0] + 1) % self.m } else { state[i - 1] };
            each(Move(i as u8), next);
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "SS1",
                "some process is privileged",
                Says::Always(|it: &Self, s: &State| it.privileges(s) >= 1),
            ),
            Claim::new(
                "SS2",
                "one alone in the end",
                Says::EventuallyAlways(|it: &Self, s: &State| it.privileges(s) == 1),
            ),
            Claim::new(
                "SS3",
                "all may be privileged",
                Says::Sometimes(|it: &Self, s: &State| it.privileges(s) == it.n),
            ),
        ]
    }

    fn fairness(&self, _: &Move) -> Justice {
        Justice::Weak(0)
    }
}

impl Published for Ewd426 {
    const NAME: &'static str = "ewd426";
    const PAGE: &'static str = include_str!("ewd426.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 6, 2, N_MAX as u64),
        constant("m", "numbers of each", 6, 2, 16),
        broken("1: process 0 moves when its number is not that of the last"),
    ];
    const ROWS: &'static [Row] =
        &[Row::new(&[("n", 6), ("m", 6)], 46_656, 1).from(46_656).generating(248_832).published()];
    const REFUTED: &'static [Refuted] = &[
        Refuted { constants: &[("broken", 1)], property: "SS1" },
        Refuted { constants: &[("n", 4), ("m", 2)], property: "SS2" },
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), m: constants.get("m") as u8, broken: constants.broken() })
    }
}
