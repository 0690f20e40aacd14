//! Paxos without leaders: ballots, promises, and votes that never contradict an earlier choice.
//!
//! # Source
//! Leslie Lamport, *The part-time parliament*, ACM TOCS 16(2), 1998, and *Paxos made simple*, SIGACT News 32(4), 2001; the
//! specification Paxos. With a learner: the specification Paxos in SimplifiedFastPaxos.
//!
//! # States and steps
//! Messages are sent and never leave. Phase 1a: a ballot is announced, at any time. Phase 1b: an acceptor that has seen no
//! higher ballot promises it, and says what it voted for last. Phase 2a: when a majority has promised, a value is proposed
//! in that ballot, once: that of the highest vote they told of, or any if there is none. Phase 2b: an acceptor that has
//! seen no higher ballot votes for it.
//!
//! # Claims
//! C4 agreement: no two values are chosen, that is, voted for by a majority in one ballot. With a learner, it decides
//! chosen values alone.
//!
//! # Departures from the source
//! Ballots are numbered from 0. There is no learner unless `learner` = 1; it decides whatever a majority has voted for,
//! and may decide again. Refinement of voting is not checked here.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, Unreached, broken, constant};
use crate::permutation::{Permutation, VALUES_MAX, permutations};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use std::fmt;
use synod_check::system::{Claim, Says, System};

/// The most acceptors.
const ACCEPTORS_MAX: usize = 5;
/// The most ballots.
const BALLOTS_MAX: usize = 4;

/// The system.
#[derive(Clone, Debug)]
pub struct Paxos {
    acceptors: usize,
    values: usize,
    ballots: usize,
    learner: bool,
    /// The twin: a proposer does not look at what the promises tell.
    broken: bool,
    renamings: Vec<Permutation>,
}

/// A vote for a value in a ballot, or none; of two, the one in the higher ballot is the greater.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vote(u8);

impl Vote {
    const NONE: Self = Self(0);

    const fn new(ballot: usize, value: u8) -> Self {
        Self(1 + (ballot * VALUES_MAX) as u8 + value)
    }

    /// Its ballot and its value.
    fn get(self) -> Option<(u8, u8)> {
        let code = self.0.checked_sub(1)?;
        Some((code / VALUES_MAX as u8, code % VALUES_MAX as u8))
    }

    fn renamed(self, to: &Permutation) -> Self {
        self.get().map_or(self, |(ballot, value)| Self::new(ballot.into(), to[usize::from(value)]))
    }
}

impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            None => f.write_str("none"),
            Some((ballot, value)) => write!(f, "v{value}@{ballot}"),
        }
    }
}

/// An acceptor, with the messages that it has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acceptor {
    /// `maxBal`: the ballots that it has left behind; those below this number.
    ballot: u8,
    /// `maxVBal`, `maxVal`.
    vote: Vote,
    /// `1b`: the ballots that it has promised.
    promised: Set,
    /// .. and the vote that it told of in each.
    told: [Vote; BALLOTS_MAX],
    /// `2b`: the ballots that it has voted in.
    voted: Set,
}

/// A state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    acceptors: [Acceptor; ACCEPTORS_MAX],
    /// `1a`.
    announced: Set,
    /// `2a`: the value proposed in each ballot.
    proposed: [Option<u8>; BALLOTS_MAX],
    /// What the learner has decided last.
    decision: Option<u8>,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// A ballot is announced.
    Phase1a {
        /// Which.
        ballot: usize,
    },
    /// An acceptor promises a ballot.
    Phase1b {
        /// Who.
        acceptor: usize,
        /// Which.
        ballot: usize,
    },
    /// A value is proposed in a ballot.
    Phase2a {
        /// In which.
        ballot: usize,
        /// What.
        value: u8,
    },
    /// An acceptor votes in a ballot.
    Phase2b {
        /// Who.
        acceptor: usize,
        /// In which.
        ballot: usize,
    },
    /// The learner decides.
    Decide {
        /// What.
        value: u8,
    },
}

impl Paxos {
    fn is_majority(&self, count: usize) -> bool {
        2 * count > self.acceptors
    }

    /// Whether some majority has promised the ballot and lets this value be proposed in it.
    fn may_propose(&self, state: &State, ballot: usize, value: u8) -> bool {
        let promises = || state.acceptors.iter().filter(move |a| a.promised.has(ballot));
        let told = || promises().map(|a| a.told[ballot]);
        // a majority in which this is the highest vote told of
        let majority_up_to = |vote: Vote| self.is_majority(told().filter(|&other| other <= vote).count());
        if self.broken {
            return self.is_majority(promises().count());
        }
        majority_up_to(Vote::NONE)
            || told().any(|vote| vote.get().is_some_and(|(_, v)| v == value) && majority_up_to(vote))
    }

    /// The value that a majority has voted for in this ballot.
    fn chosen(&self, state: &State, ballot: usize) -> Option<u8> {
        let votes = state.acceptors.iter().filter(|a| a.voted.has(ballot)).count();
        state.proposed[ballot].filter(|_| self.is_majority(votes))
    }

    fn agrees(&self, state: &State) -> bool {
        let mut chosen = (0..self.ballots).filter_map(|ballot| self.chosen(state, ballot));
        let first = chosen.next();
        chosen.all(|value| Some(value) == first)
    }

    fn decides_what_is_chosen(&self, state: &State) -> bool {
        state.decision.is_none() || (0..self.ballots).any(|b| self.chosen(state, b) == state.decision)
    }

    /// The same with other names for the values, and the acceptors in order.
    fn renamed(&self, state: &State, to: &Permutation) -> State {
        let rename = |value: Option<u8>| value.map(|value| to[usize::from(value)]);
        let mut acceptors = state.acceptors.map(|a| Acceptor {
            vote: a.vote.renamed(to),
            told: a.told.map(|vote| vote.renamed(to)),
            ..a
        });
        acceptors[..self.acceptors].sort_unstable();
        let (proposed, decision) = (state.proposed.map(rename), rename(state.decision));
        State { acceptors, announced: state.announced, proposed, decision }
    }
}

impl System for Paxos {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::default());
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for ballot in 0..self.ballots {
            each(Action::Phase1a { ballot }, State { announced: state.announced.with(ballot), ..*state });
            let heard = state.announced.has(ballot);
            for acceptor in 0..self.acceptors {
                let mut next = *state;
                let a = &mut next.acceptors[acceptor];
                if heard && ballot >= usize::from(a.ballot) {
                    a.ballot = ballot as u8 + 1;
                    a.promised = a.promised.with(ballot);
                    a.told[ballot] = a.vote;
                    each(Action::Phase1b { acceptor, ballot }, next);
                }
            }
            let Some(value) = state.proposed[ballot] else {
                let values = (0..self.values as u8).filter(|&value| self.may_propose(state, ballot, value));
                for value in values {
                    let mut next = *state;
                    next.proposed[ballot] = Some(value);
                    each(Action::Phase2a { ballot, value }, next);
                }
                continue;
            };
            for acceptor in 0..self.acceptors {
                let mut next = *state;
                let a = &mut next.acceptors[acceptor];
                if ballot as u8 + 1 >= a.ballot {
                    a.ballot = ballot as u8 + 1;
                    a.vote = Vote::new(ballot, value);
                    a.voted = a.voted.with(ballot);
                    each(Action::Phase2b { acceptor, ballot }, next);
                }
            }
            if let Some(value) = self.chosen(state, ballot).filter(|_| self.learner) {
                each(Action::Decide { value }, State { decision: Some(value), ..*state });
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("C4", "agreement", Says::Always(Self::agrees)),
            Claim::new("L1", "decisions are chosen", Says::Always(Self::decides_what_is_chosen)),
            Claim::new(
                "P1",
                "a value may be chosen in the last ballot",
                Says::Sometimes(|it: &Self, s| it.chosen(s, it.ballots - 1).is_some()),
            ),
        ]
    }

    fn representative(&self, state: &State) -> Option<State> {
        self.renamings.iter().map(|to| self.renamed(state, to)).min()
    }
}

impl Published for Paxos {
    const NAME: &'static str = "paxos";
    const PAGE: &'static str = include_str!("paxos.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("acceptors", "acceptors", 3, 1, ACCEPTORS_MAX as u64),
        constant("values", "values", 2, 1, VALUES_MAX as u64),
        constant("ballots", "ballots", 2, 1, BALLOTS_MAX as u64),
        constant("learner", "1: with a learner's decision", 0, 0, 1),
        broken("1: a proposer does not look at what the promises tell"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("acceptors", 3), ("values", 1), ("ballots", 1)], 41, 9),
        Row::new(&[("acceptors", 3), ("values", 2), ("ballots", 1)], 73, 9).twice(),
        Row::new(&[("acceptors", 3), ("values", 1), ("ballots", 2)], 1_681, 17).twice(),
        Row::new(&[("acceptors", 3), ("values", 2), ("ballots", 2)], 3_921, 17).published(),
        Row::new(&[("acceptors", 3), ("values", 1), ("ballots", 3)], 68_921, 25).twice(),
        Row::new(&[("acceptors", 3), ("values", 2), ("ballots", 2)], 443, 17).symmetric(),
        Row::new(&[("acceptors", 4), ("values", 3), ("ballots", 2), ("learner", 1)], 48_514, 22),
        Row::new(&[("acceptors", 4), ("values", 3), ("ballots", 2), ("learner", 1)], 1_207, 22)
            .symmetric()
            .published(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "C4" }];
    const UNREACHED: &'static [Unreached] =
        &[Unreached { kind: "Decide", because: "there is no learner: learner = 0" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let values = constants.size("values");
        Ok(Self {
            acceptors: constants.size("acceptors"),
            values,
            ballots: constants.size("ballots"),
            learner: constants.get("learner") == 1,
            broken: constants.broken(),
            renamings: permutations(values),
        })
    }
}
