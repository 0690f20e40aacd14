//! The echo algorithm: a wave runs out from one process, its echoes come back along a spanning tree.
//!
//! # Source
//! E. J. H. Chang, *Echo algorithms: depth parallel operations on general graphs*, IEEE TSE 8(4), 1982; the specification
//! Echo of the TLA+ examples (S. Merz).
//!
//! # States and steps
//! The initiator sends to all its neighbours. Any other process takes the sender of the first message for its parent, and
//! sends to all its other neighbours. When a process has received from each neighbour it answers its parent. A process that
//! is answered has a child.
//!
//! # Claims
//! EC1 a child's parent is its parent, and one that has ended knows all its children. EC2 when all have ended, the
//! initiator is an ancestor of all. EC3 all end, if all keep moving.
//!
//! # Departures from the source
//! Every process is every other's neighbour, as published; process 0 is the initiator.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 5;

/// The system.
#[derive(Clone, Debug)]
pub struct Echo {
    /// Processes.
    n: usize,
    /// The twin: a process answers after the first message.
    broken: bool,
}

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// It has not begun.
    Begin,
    /// It receives.
    Receive,
    /// It has received all.
    Answer,
    /// It has ended.
    Done,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    at: [Label; N_MAX],
    /// From whom a message of the wave waits at each.
    wave: [Set; N_MAX],
    /// From whom an answer waits at each.
    answers: [Set; N_MAX],
    parent: [Option<u8>; N_MAX],
    children: [Set; N_MAX],
    received: [u8; N_MAX],
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It begins.
    Begin(usize),
    /// It receives a message of the wave, from.
    ReceiveWave(usize, usize),
    /// It receives an answer, from.
    ReceiveAnswer(usize, usize),
    /// It has received from all its neighbours.
    Enough(usize),
    /// It answers its parent, if it has one, and ends.
    Answer(usize),
}

impl Echo {
    fn neighbours(&self, i: usize) -> Set {
        Set::all(self.n).without(i)
    }

    /// `i` receives a message from `j`.
    fn receive(&self, state: &mut State, i: usize, j: usize) {
        state.received[i] += 1;
        if i != 0 && state.received[i] == 1 {
            state.parent[i] = Some(j as u8);
            for other in self.neighbours(i).without(j).iter() {
                state.wave[other] = state.wave[other].with(i);
            }
        }
    }

    fn family_agrees(&self, state: &State) -> bool {
        let is_parent = |i: usize, j: usize| state.parent[j] == Some(i as u8);
        (0..self.n).all(|i| {
            let real: Set = (0..self.n).filter(|&j| is_parent(i, j)).collect();
            state.children[i].within(real) && (state.at[i] != Label::Done || real == state.children[i])
        })
    }

    fn is_over(&self, state: &State) -> bool {
        state.at[..self.n] == [Label::Done; N_MAX][..self.n]
    }

    fn descends_from_the_initiator(&self, state: &State) -> bool {
        let parent = |i: usize| state.parent[i].map(usize::from);
        (1..self.n).all(|i| std::iter::successors(Some(i), |&i| parent(i)).take(self.n).any(|i| i == 0))
    }
}

impl System for Echo {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let none = [Set::EMPTY; N_MAX];
        each(State {
            at: [Label::Begin; N_MAX],
            wave: none,
            answers: none,
            parent: [None; N_MAX],
            children: none,
            received: [0; N_MAX],
        });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for i in 0..self.n {
            let mut go = |action: Action, change: &dyn Fn(&mut State)| {
                let mut next = *state;
                change(&mut next);
                each(action, next);
            };
            let wanted = if self.broken { 1 } else { self.neighbours(i).len() };
            match state.at[i] {
                Label::Begin => go(Action::Begin(i), &|s| {
                    s.at[i] = Label::Receive;
                    for j in self.neighbours(i).iter().filter(|_| i == 0) {
                        s.wave[j] = s.wave[j].with(0);
                    }
                }),
                Label::Receive if usize::from(state.received[i]) >= wanted => {
                    go(Action::Enough(i), &|s| s.at[i] = Label::Answer);
                }
                Label::Receive => {
                    for j in state.wave[i].iter() {
                        go(Action::ReceiveWave(i, j), &|s| {
                            s.wave[i] = s.wave[i].without(j);
                            self.receive(s, i, j);
                        });
                    }
                    for j in state.answers[i].iter() {
                        go(Action::ReceiveAnswer(i, j), &|s| {
                            s.answers[i] = s.answers[i].without(j);
                            s.children[i] = s.children[i].with(j);
                            self.receive(s, i, j);
                        });
                    }
                }
                Label::Answer => go(Action::Answer(i), &|s| {
                    s.at[i] = Label::Done;
                    if let Some(parent) = s.parent[i] {
                        let answers = &mut s.answers[usize::from(parent)];
                        *answers = answers.with(i);
                    }
                }),
                Label::Done => {}
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("EC1", "children and parents agree", Says::Always(Self::family_agrees)),
            Claim::new(
                "EC2",
                "the initiator is the root",
                Says::Always(|it, s| !it.is_over(s) || it.descends_from_the_initiator(s)),
            ),
            Claim::new("EC3", "all end", Says::Eventually(Self::is_over)),
            Claim::new("EC4", "all may end", Says::Sometimes(Self::is_over)),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        use Action::{Answer, Begin, Enough, ReceiveAnswer, ReceiveWave};
        let (Begin(i) | ReceiveWave(i, _) | ReceiveAnswer(i, _) | Enough(i) | Answer(i)) = action;
        Justice::Weak(*i as u64)
    }
}

impl Published for Echo {
    const NAME: &'static str = "echo";
    const PAGE: &'static str = include_str!("echo.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 3, 2, N_MAX as u64),
        broken("1: a process answers after the first message"),
    ];
    const ROWS: &'static [Row] = &[Row::new(&[("n", 3)], 75, 16).published()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "EC1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
