//! Chandy and Misra's dining philosophers: a fork is dirty once it has been eaten with, and a dirty one is handed over.
//!
//! # Source
//! K. M. Chandy, J. Misra, *The drinking philosophers problem*, ACM TOPLAS 6(4), 1984; the specification
//! DiningPhilosophers of the TLA+ examples (J. Norwood).
//!
//! # States and steps
//! Fork i lies between philosophers i - 1 and i, and is held by one of them, clean or dirty. In one step a philosopher
//! hands over a dirty fork that it holds, the left one first, which cleans it, and looks: hungry, it goes on to eat if
//! it held two clean forks; not hungry, it goes on to think. Eating dirties both forks; thinking makes hungry.
//!
//! # Claims
//! DP1 two neighbours never eat at once. DP2 everyone eats again and again, if everyone keeps moving.
//!
//! # Departures from the source
//! Forks are handed over whether or not they have been asked for, as in the specification.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct ChandyMisraPhilosophers {
    /// Philosophers.
    n: usize,
    /// The twin: dirty forks are good enough to eat with.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The forks that lie with the philosopher on their right, whose number they have.
    right: Set,
    clean: Set,
    hungry: Set,
    eating: Set,
    thinking: Set,
}

/// What a philosopher does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It hands over a fork, perhaps, and looks whether it can eat.
    Look(usize),
    /// It has eaten.
    Eat(usize),
    /// It has thought.
    Think(usize),
}

impl ChandyMisraPhilosophers {
    /// The forks of philosopher `i`: with its own number, and with the next.
    fn forks(&self, i: usize) -> (usize, usize) {
        (i, (i + 1) % self.n)
    }

    fn look(&self, state: &State, i: usize) -> State {
        let (left, right) = self.forks(i);
        let (holds_left, holds_right) = (state.right.has(left), !state.right.has(right));
        let mut next = *state;
        if holds_left && !state.clean.has(left) {
            next.right = next.right.without(left);
            next.clean = next.clean.with(left);
        } else if holds_right && !state.clean.has(right) {
            next.right = next.right.with(right);
            next.clean = next.clean.with(right);
        }
        let clean = state.clean.has(left) && state.clean.has(right);
        let can_eat = holds_left && holds_right && (clean || self.broken);
        if !state.hungry.has(i) {
            next.thinking = next.thinking.with(i);
        } else if can_eat {
            next.eating = next.eating.with(i);
        }
        next
    }

    fn neighbours_eat(&self, state: &State) -> bool {
        state.eating.iter().any(|i| self.n > 1 && state.eating.has((i + 1) % self.n))
    }
}

impl System for ChandyMisraPhilosophers {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let all = Set::all(self.n);
        // every fork lies with the lower of its two philosophers
        let right = all.without(1);
        let none = Set::EMPTY;
        each(State { right, clean: none, hungry: all, eating: none, thinking: none });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for i in 0..self.n {
            if state.eating.has(i) {
                let (left, right) = self.forks(i);
                let clean = state.clean.without(left).without(right);
                let (hungry, eating) = (state.hungry.without(i), state.eating.without(i));
                each(Action::Eat(i), State { clean, hungry, eating, ..*state });
            } else if state.thinking.has(i) {
                let (hungry, thinking) = (state.hungry.with(i), state.thinking.without(i));
                each(Action::Think(i), State { hungry, thinking, ..*state });
            } else {
                each(Action::Look(i), self.look(state, i));
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("DP1", "neighbours do not eat at once", Says::Always(|it, s| !it.neighbours_eat(s))),
            Claim::new(
                "DP2",
                "philosopher 0 eats again and again",
                Says::InfinitelyOften(|_, s: &State| !s.hungry.has(0)),
            ),
            Claim::new("DP3", "one may eat", Says::Sometimes(|_, s: &State| !s.eating.is_empty())),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        let (Action::Look(i) | Action::Eat(i) | Action::Think(i)) = action;
        Justice::Weak(*i as u64)
    }
}

impl Published for ChandyMisraPhilosophers {
    const NAME: &'static str = "chandy-misra-philosophers";
    const PAGE: &'static str = include_str!("chandy_misra_philosophers.rs");
    const CONSTANTS: &'static [Constant] =
        &[constant("n", "philosophers", 5, 2, 16), broken("1: dirty forks are good enough to eat with")];
    const ROWS: &'static [Row] = &[Row::new(&[("n", 5)], 67, 29).generating(336).published()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "DP1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
