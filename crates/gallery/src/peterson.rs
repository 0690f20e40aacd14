//! Peterson's algorithm: two processes keep out of each other's critical section, with shared memory alone.
//!
//! # Source
//! G. L. Peterson, *Myths about the mutual exclusion problem*, Information Processing Letters 12(3), 1981.
//!
//! # States and steps
//! A process that wants to enter raises its flag, then gives the turn to the other, then waits until the other's flag is
//! down or the turn is its own. Each read and write is a step.
//!
//! # Claims
//! ME1 mutual exclusion. ME2 lockout-freedom, if each process that has left its non-critical section keeps moving.
//!
//! # Departures from the source
//! The non-critical and the critical section are steps of their own.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken};
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct Peterson {
    /// The twin: the turn is given away before the flag is raised.
    broken: bool,
}

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Label {
    /// In its non-critical section.
    NonCritical,
    /// About to raise its flag.
    Raise,
    /// About to give the turn away.
    Yield,
    /// Waiting.
    Wait,
    /// In its critical section.
    Critical,
    /// About to lower its flag.
    Lower,
}
use Label::{Critical, Lower, NonCritical, Raise, Wait, Yield};

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    at: [Label; 2],
    flag: [bool; 2],
    turn: u8,
}

/// A step from a label, by process 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step(u8, Label);

impl Peterson {
    /// The step of process `p`, if it has one.
    fn step(&self, state: &State, p: usize) -> Option<State> {
        let other = 1 - p;
        let mut next = *state;
        next.at[p] = match state.at[p] {
            NonCritical if self.broken => Yield,
            NonCritical => Raise,
            Raise => {
                next.flag[p] = true;
                if self.broken { Wait } else { Yield }
            }
            Yield => {
                next.turn = other as u8;
                if self.broken { Raise } else { Wait }
            }
            Wait if !state.flag[other] || usize::from(state.turn) == p => Critical,
            Wait => return None,
            Critical => Lower,
            Lower => {
                next.flag[p] = false;
                NonCritical
            }
        };
        Some(next)
    }
}

impl System for Peterson {
    type State = State;
    type Action = Step;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State { at: [NonCritical; 2], flag: [false; 2], turn: 0 });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Step, State)) {
        for p in 0..2 {
            if let Some(next) = self.step(state, p) {
                each(Step(p as u8, state.at[p]), next);
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("ME1", "mutual exclusion", Says::Always(|_, s: &State| s.at != [Critical; 2])),
            Claim::new(
                "ME2.0",
                "lockout-freedom of process 0",
                Says::LeadsTo(|_, s: &State| s.at[0] == Raise, |_, s: &State| s.at[0] == Critical),
            ),
            Claim::new(
                "ME2.1",
                "lockout-freedom of process 1",
                Says::LeadsTo(|_, s: &State| s.at[1] == Raise, |_, s: &State| s.at[1] == Critical),
            ),
            Claim::new(
                "ME3",
                "one may enter while the other waits",
                Says::Sometimes(|_, s: &State| s.at == [Critical, Wait]),
            ),
        ]
    }

    fn fairness(&self, &Step(process, label): &Step) -> Justice {
        if label == NonCritical { Justice::None } else { Justice::Weak(process.into()) }
    }
}

impl Published for Peterson {
    const NAME: &'static str = "peterson";
    const PAGE: &'static str = include_str!("peterson.rs");
    const CONSTANTS: &'static [Constant] = &[broken("1: the turn is given away before the flag is raised")];
    const ROWS: &'static [Row] = &[Row::new(&[], 42, 11).generating(77).published()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "ME1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { broken: constants.broken() })
    }
}
