//! Write one's own register, then read the next one's: in the end somebody has read a one - with regular registers too.
//!
//! # Source
//! Leslie Lamport, *Teaching concurrency*, ACM SIGACT News 40(1), 2009; the specification SimpleRegular.
//!
//! # States and steps
//! Process i writes 1 into `x[i]`: while it writes, a reader may get 0 or 1. Then it reads `x[i - 1]` into `y[i]`, and ends.
//!
//! # Claims
//! SR1 when all have ended, some `y[i]` is 1. SR2 all end, if all keep moving.
//!
//! # Departures from the source
//! What a reader of `x[i]` may get follows from how far process i is, and has no variable of its own.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct SimpleRegular {
    /// Processes.
    n: usize,
    /// The twin: a process reads before its own write has ended.
    broken: bool,
}

/// A state: those that have begun to write, ended the write, ended altogether; those with y = 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    writing: Set,
    written: Set,
    done: Set,
    y: Set,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It begins to write.
    BeginWrite(usize),
    /// Its write ends.
    EndWrite(usize),
    /// It reads a value.
    Read(usize, u8),
}

impl System for SimpleRegular {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::default());
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let State { writing, written, done, y } = *state;
        for i in 0..self.n {
            if !writing.has(i) {
                each(Action::BeginWrite(i), State { writing: writing.with(i), ..*state });
                continue;
            }
            if !written.has(i) {
                each(Action::EndWrite(i), State { written: written.with(i), ..*state });
            }
            if !done.has(i) && (written.has(i) || self.broken) {
                let read = (i + self.n - 1) % self.n;
                let done = done.with(i);
                if !written.has(read) {
                    each(Action::Read(i, 0), State { done, y: y.without(i), ..*state });
                }
                if writing.has(read) {
                    each(Action::Read(i, 1), State { done, y: y.with(i), ..*state });
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "SR1",
                "somebody has read a one",
                Says::Always(|it: &Self, s: &State| s.done != Set::all(it.n) || !s.y.is_empty()),
            ),
            Claim::new("SR2", "all end", Says::Eventually(|it: &Self, s: &State| s.done == Set::all(it.n))),
            Claim::new(
                "SR3",
                "one alone may have read a one",
                Says::Sometimes(|it: &Self, s: &State| s.done == Set::all(it.n) && s.y.len() == 1),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        let (Action::BeginWrite(i) | Action::EndWrite(i) | Action::Read(i, _)) = action;
        Justice::Weak(*i as u64)
    }
}

impl Published for SimpleRegular {
    const NAME: &'static str = "simple-regular";
    const PAGE: &'static str = include_str!("simple_regular.rs");
    const CONSTANTS: &'static [Constant] =
        &[constant("n", "processes", 3, 2, 16), broken("1: a process reads before its own write has ended")];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 3)], 109, 10).twice(),
        Row::new(&[("n", 4)], 526, 13).twice(),
        Row::new(&[("n", 5)], 2_524, 16).twice(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "SR1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
