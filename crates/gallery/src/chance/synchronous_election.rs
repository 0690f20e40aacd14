//! Leader election on an anonymous synchronous ring: all pick an identity at random, and the largest that nobody else
//! picked leads; where there is none, all pick again.
//!
//! # Source
//! Alon Itai, Michael Rodeh, *Symmetry breaking in distributed networks*, Information and Computation 88(1), 1990; as the
//! synchronous leader case study of the PRISM model checker has it.
//!
//! # States and steps
//! In a round all n processes pick one of k identities, each with the same probability; the identities go once round the
//! ring, so that each process knows which are unique. There is no adversary.
//!
//! # Questions
//! A leader is elected almost surely; the probability that it is in a round; the expected number of rounds.
//!
//! # Departures from the source
//! The way round the ring is one step: nothing happens on it by chance.
//!
//! # Known answers
//! The probability that some identity is unique, by counting; the expected number of rounds is its inverse.

use super::catalogue::{Asks, Known, PublishedGame, Question};
use crate::catalogue::{Constant, Constants, Refused, constant};
use serde::{Deserialize, Serialize};
use synod_check::chance::{Distribution, Extreme, Game};

/// The game.
#[derive(Clone, Debug)]
pub struct SynchronousElection {
    n: u32,
    k: u8,
    /// There is no second round.
    once: bool,
}

/// What the processes are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nobody has picked yet.
    Start,
    /// What each has picked.
    Picked(Vec<u8>),
    /// Nobody's identity was unique.
    Again,
    /// This process leads.
    Elected(usize),
}

/// What all do together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// They pick.
    Pick,
    /// They pass the identities round the ring.
    Pass,
}

impl SynchronousElection {
    fn picks(&self) -> Distribution<State> {
        let all = u64::from(self.k).pow(self.n);
        let digits = |mut number: u64| {
            let digit = |_| {
                let digit = number % u64::from(self.k);
                number /= u64::from(self.k);
                digit as u8
            };
            State::Picked((0..self.n).map(digit).collect())
        };
        Distribution::uniform((0..all).map(digits))
    }
}

/// The process with the largest identity that nobody else picked.
fn leader(picked: &[u8]) -> Option<usize> {
    let unique = |at: &usize| (0..picked.len()).all(|other| other == *at || picked[other] != picked[*at]);
    (0..picked.len()).filter(unique).max_by_key(|&at| picked[at])
}

impl Game for SynchronousElection {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::Start);
    }

    fn actions(&self, state: &State, each: &mut impl FnMut(Action, Distribution<State>)) {
        match state {
            State::Start => each(Action::Pick, self.picks()),
            State::Again if !self.once => each(Action::Pick, self.picks()),
            State::Picked(picked) => {
                let next = leader(picked).map_or(State::Again, State::Elected);
                each(Action::Pass, Distribution::certain(next));
            }
            State::Again | State::Elected(_) => {}
        }
    }
}

fn elected(_: &SynchronousElection, state: &State) -> bool {
    matches!(state, State::Elected(_))
}

fn picking(_: &SynchronousElection, _: &State, action: &Action) -> u32 {
    u32::from(*action == Action::Pick)
}

impl PublishedGame for SynchronousElection {
    const NAME: &'static str = "synchronous-election";
    const PAGE: &'static str = include_str!("synchronous_election.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 3, 1, 8),
        constant("k", "identities", 2, 1, 8),
        constant("once", "1: there is no second round", 0, 0, 1),
    ];
    const QUESTIONS: &'static [Question<Self>] = &[
        Question { name: "elected", asks: Asks::Surely(elected) },
        Question { name: "probability", asks: Asks::Probability(Extreme::Least, elected) },
        Question { name: "rounds", asks: Asks::Expected(Extreme::Greatest, elected, picking) },
    ];
    const KNOWN: &'static [Known] = &[
        once(&[("n", 3), ("k", 2), ("once", 1)], &[("elected", 0.0), ("probability", 0.75)]),
        once(&[("n", 3), ("k", 4), ("once", 1)], &[("elected", 0.0), ("probability", 15.0 / 16.0)]),
        once(&[("n", 4), ("k", 2), ("once", 1)], &[("elected", 0.0), ("probability", 0.5)]),
        once(&[("n", 4), ("k", 4), ("once", 1)], &[("elected", 0.0), ("probability", 27.0 / 32.0)]),
        once(&[("n", 5), ("k", 2), ("once", 1)], &[("elected", 0.0), ("probability", 5.0 / 16.0)]),
        once(&[("n", 5), ("k", 4), ("once", 1)], &[("elected", 0.0), ("probability", 225.0 / 256.0)]),
        once(&[("n", 6), ("k", 2), ("once", 1)], &[("elected", 0.0), ("probability", 3.0 / 16.0)]),
        once(&[("n", 6), ("k", 6), ("once", 1)], &[("elected", 0.0), ("probability", 1225.0 / 1296.0)]),
        rounds(&[("n", 3), ("k", 2)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 1.3333)]),
        rounds(&[("n", 3), ("k", 4)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 1.0667)]),
        rounds(&[("n", 4), ("k", 2)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 2.0)]),
        rounds(&[("n", 4), ("k", 4)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 1.18519)]),
        rounds(&[("n", 5), ("k", 2)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 3.2)]),
        rounds(&[("n", 5), ("k", 4)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 1.13778)]),
        rounds(&[("n", 6), ("k", 2)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 5.3333)]),
        rounds(&[("n", 6), ("k", 6)], &[("elected", 1.0), ("probability", 1.0), ("rounds", 1.05796)]),
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (n, k) = (constants.get("n") as u32, constants.get("k") as u8);
        if u64::from(k).pow(n) > 1 << 20 {
            return Err(Refused::Together("there are k^n ways to pick, at most 2^20 of them"));
        }
        Ok(Self { n, k, once: constants.get("once") == 1 })
    }
}

const fn once(constants: &'static [(&'static str, u64)], answers: &'static [(&'static str, f64)]) -> Known {
    Known { constants, states: None, answers, within: 0.0 }
}

const fn rounds(constants: &'static [(&'static str, u64)], answers: &'static [(&'static str, f64)]) -> Known {
    Known { constants, states: None, answers, within: 5e-5 }
}
