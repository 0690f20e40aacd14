//! Voting: what Paxos implements, without messages. A vote is cast where a majority shows that it is safe.
//!
//! # Source
//! Leslie Lamport, *Byzantizing Paxos by refinement*, DISC 2011; the specification Voting.
//!
//! # States and steps
//! Each acceptor has the highest ballot that it takes part in, and its votes. It raises the ballot; or it votes in a ballot
//! not below that, in which it has not voted, for a value that no other has voted against there and that some majority
//! shows to be safe: all of it have come to the ballot, and in the last ballot below in which one of them voted, it voted
//! for that value.
//!
//! # Claims
//! C4 agreement: no two values are chosen, that is, voted for by a majority in one ballot. C5 in each ballot at most one
//! value is voted for.
//!
//! # Departures from the source
//! None.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::permutation::{Permutation, VALUES_MAX, permutations};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Says, System};

/// The most acceptors.
const ACCEPTORS_MAX: usize = 5;
/// The most ballots.
const BALLOTS_MAX: usize = 4;

/// The system.
#[derive(Clone, Debug)]
pub struct Voting {
    acceptors: usize,
    values: usize,
    ballots: usize,
    /// The twin: any value is taken to be safe.
    broken: bool,
    majorities: Vec<Set>,
    renamings: Vec<Permutation>,
}

/// An acceptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acceptor {
    /// Those below this number are behind it.
    ballot: u8,
    /// Its vote in each ballot.
    votes: [Option<u8>; BALLOTS_MAX],
}

/// A state.
pub type State = [Acceptor; ACCEPTORS_MAX];

/// What an acceptor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It comes to a ballot.
    Increase {
        /// Who.
        acceptor: usize,
        /// To which.
        ballot: usize,
    },
    /// It votes.
    Vote {
        /// Who.
        acceptor: usize,
        /// In which ballot.
        ballot: usize,
        /// For what.
        value: u8,
    },
}

impl Voting {
    /// Whether `quorum` shows that no other value than `value` is, or will be, chosen below `ballot`.
    fn shows_safe(state: &State, quorum: Set, ballot: usize, value: u8) -> bool {
        let votes = |below: usize| quorum.iter().filter_map(move |a| state[a].votes[below]);
        let last = (0..ballot).rev().find(|&below| votes(below).next().is_some());
        quorum.iter().all(|a| usize::from(state[a].ballot) > ballot)
            && last.is_none_or(|below| votes(below).any(|vote| vote == value))
    }

    fn may_vote(&self, state: &State, acceptor: usize, ballot: usize, value: u8) -> bool {
        let mut others = state.iter().filter_map(|other| other.votes[ballot]);
        usize::from(state[acceptor].ballot) <= ballot + 1
            && state[acceptor].votes[ballot].is_none()
            && others.all(|vote| vote == value)
            && (self.broken || self.majorities.iter().any(|&q| Self::shows_safe(state, q, ballot, value)))
    }

    fn chosen(&self, state: &State, ballot: usize, value: u8) -> bool {
        let votes = state.iter().filter(|a| a.votes[ballot] == Some(value)).count();
        2 * votes > self.acceptors
    }

    fn agrees(&self, state: &State) -> bool {
        let chosen = |value: u8| (0..self.ballots).any(|ballot| self.chosen(state, ballot, value));
        (0..self.values as u8).filter(|&value| chosen(value)).count() <= 1
    }

    fn one_value_a_ballot(&self, state: &State) -> bool {
        (0..self.ballots).all(|ballot| {
            let mut votes = state.iter().filter_map(|a| a.votes[ballot]);
            let first = votes.next();
            votes.all(|vote| Some(vote) == first)
        })
    }

    fn renamed(&self, state: &State, to: &Permutation) -> State {
        let rename = |vote: Option<u8>| vote.map(|value| to[usize::from(value)]);
        let mut next = state.map(|a| Acceptor { votes: a.votes.map(rename), ..a });
        next[..self.acceptors].sort_unstable();
        next
    }
}

impl System for Voting {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::default());
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for acceptor in 0..self.acceptors {
            for ballot in usize::from(state[acceptor].ballot)..self.ballots {
                let mut next = *state;
                next[acceptor].ballot = ballot as u8 + 1;
                each(Action::Increase { acceptor, ballot }, next);
            }
            for ballot in 0..self.ballots {
                for value in 0..self.values as u8 {
                    if self.may_vote(state, acceptor, ballot, value) {
                        let mut next = *state;
                        next[acceptor].ballot = ballot as u8 + 1;
                        next[acceptor].votes[ballot] = Some(value);
                        each(Action::Vote { acceptor, ballot, value }, next);
                    }
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("C4", "agreement", Says::Always(Self::agrees)),
            Claim::new("C5", "one value a ballot", Says::Always(Self::one_value_a_ballot)),
            Claim::new(
                "P1",
                "a value may be chosen in the last ballot",
                Says::Sometimes(|it: &Self, s| it.chosen(s, it.ballots - 1, 0)),
            ),
        ]
    }

    fn representative(&self, state: &State) -> Option<State> {
        self.renamings.iter().map(|to| self.renamed(state, to)).min()
    }
}

impl Published for Voting {
    const NAME: &'static str = "voting";
    const PAGE: &'static str = include_str!("voting.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("acceptors", "acceptors", 3, 1, ACCEPTORS_MAX as u64),
        constant("values", "values", 2, 1, VALUES_MAX as u64),
        constant("ballots", "ballots", 2, 1, BALLOTS_MAX as u64),
        broken("1: any value is taken to be safe"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("acceptors", 3), ("values", 1), ("ballots", 1)], 24, 6),
        Row::new(&[("acceptors", 3), ("values", 1), ("ballots", 2)], 283, 11),
        Row::new(&[("acceptors", 3), ("values", 1), ("ballots", 3)], 2_670, 16),
        Row::new(&[("acceptors", 3), ("values", 2), ("ballots", 2)], 599, 11),
        Row::new(&[("acceptors", 3), ("values", 2), ("ballots", 2)], 77, 11).symmetric().published(),
        Row::new(&[("acceptors", 3), ("values", 2), ("ballots", 3)], 6_752, 16).published(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "C4" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (acceptors, values) = (constants.size("acceptors"), constants.size("values"));
        let majority = |quorum: &Set| 2 * quorum.len() > acceptors;
        Ok(Self {
            acceptors,
            values,
            ballots: constants.size("ballots"),
            broken: constants.broken(),
            majorities: Set::all(acceptors).subsets().filter(majority).collect(),
            renamings: permutations(values),
        })
    }
}
