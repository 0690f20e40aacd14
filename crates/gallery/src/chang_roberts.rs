//! Chang and Roberts' election on a ring: the lowest identifier travels around it, all others are stopped on the way.
//!
//! # Source
//! E. Chang, R. Roberts, *An improved algorithm for decentralized extrema-finding in circular configurations of
//! processes*, CACM 22(5), 1979; there the highest wins.
//!
//! # States and steps
//! Process i has the identifier i, and sends to i + 1. An initiator sends its identifier. A process that has lost passes
//! on what it receives; a candidate that receives a lower one loses and passes it on, its own and it has won, a higher one
//! and it drops it.
//!
//! # Claims
//! LE1 only the lowest initiator wins, so at most one. LE2 if there is an initiator, one wins in the end, if every process
//! keeps moving.
//!
//! # Departures from the source
//! Messages at a process are a set: it takes any of them. Who initiates is part of the state.
//!
//! # Known answers
//! (n + 1)(n + 2)/2 levels.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 8;

/// The system.
#[derive(Clone, Debug)]
pub struct ChangRoberts {
    /// Processes.
    n: usize,
    /// The twin: a candidate passes on higher identifiers too.
    broken: bool,
}

/// A state; a process that has neither lost nor won is a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The identifiers that wait at each process.
    messages: [Set; N_MAX],
    initiators: Set,
    /// Those that have begun.
    begun: Set,
    lost: Set,
    won: Set,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// A process begins: an initiator sends its identifier.
    Begin(usize),
    /// A process receives an identifier.
    Receive(usize, usize),
}

impl ChangRoberts {
    fn receive(&self, state: &State, i: usize, id: usize) -> State {
        let mut next = *state;
        next.messages[i] = next.messages[i].without(id);
        let lost = state.lost.has(i) || id < i;
        if lost {
            next.lost = next.lost.with(i);
            next.won = next.won.without(i);
        } else if id == i {
            next.won = next.won.with(i);
        }
        if lost || (id > i && self.broken) {
            let successor = &mut next.messages[(i + 1) % self.n];
            *successor = successor.with(id);
        }
        next
    }
}

impl State {
    /// Only the lowest initiator has won.
    fn rightly_won(&self) -> bool {
        self.won.iter().all(|i| self.initiators.iter().next() == Some(i))
    }
}

impl System for ChangRoberts {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let all = Set::all(self.n);
        for initiators in all.subsets() {
            let messages = [Set::EMPTY; N_MAX];
            let lost = all.minus(initiators);
            each(State { messages, initiators, begun: Set::EMPTY, lost, won: Set::EMPTY });
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for i in 0..self.n {
            if !state.begun.has(i) {
                let mut next = State { begun: state.begun.with(i), ..*state };
                if state.initiators.has(i) {
                    let successor = &mut next.messages[(i + 1) % self.n];
                    *successor = successor.with(i);
                }
                each(Action::Begin(i), next);
                continue;
            }
            for id in state.messages[i].iter() {
                each(Action::Receive(i, id), self.receive(state, i, id));
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("LE1", "the lowest initiator wins", Says::Always(|_, s: &State| s.rightly_won())),
            Claim::new(
                "LE2",
                "one wins in the end",
                Says::Eventually(|_, s: &State| s.initiators.is_empty() || !s.won.is_empty()),
            ),
            Claim::new("LE3", "one may win", Says::Sometimes(|_, s: &State| !s.won.is_empty())),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        let (Action::Begin(i) | Action::Receive(i, _)) = action;
        Justice::Weak(*i as u64)
    }
}

impl Published for ChangRoberts {
    const NAME: &'static str = "chang-roberts";
    const PAGE: &'static str = include_str!("chang_roberts.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 3, 1, N_MAX as u64),
        broken("1: a candidate passes on higher identifiers too"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2)], 25, 6).from(4).generating(31),
        Row::new(&[("n", 3)], 137, 10).from(8).generating(227).published(),
        Row::new(&[("n", 4)], 823, 15).from(16).generating(1_791),
        Row::new(&[("n", 5)], 5_455, 21).from(32).generating(15_113).twice(),
        Row::new(&[("n", 6)], 40_261, 28).from(64).generating(138_221).twice(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "LE1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
