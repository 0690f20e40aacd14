//! Transaction commit: what resource managers may do if they see each other's state. No messages yet.
//!
//! # Source
//! Jim Gray, Leslie Lamport, *Consensus on transaction commit*, ACM TODS 31(1), 2006, section 2; the specification
//! TCommit.
//!
//! # States and steps
//! Each resource manager is working, prepared, committed or aborted. One that works prepares; a prepared one commits when
//! all are prepared or committed; one that works or is prepared aborts when none is committed.
//!
//! # Claims
//! TC1 consistency: no manager commits and another aborts. Commit and abort are both possible.
//!
//! # Departures from the source
//! None.
//!
//! # Known answers
//! 3ⁿ + 2ⁿ - 1 states, in 2n + 1 levels.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct TransactionCommit {
    /// Resource managers.
    n: usize,
    /// The twin: a manager aborts without looking at the others.
    broken: bool,
}

/// The managers by what they are; all others work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    prepared: Set,
    committed: Set,
    aborted: Set,
}

/// What a manager does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Working, it prepares.
    Prepare(usize),
    /// It commits.
    Commit(usize),
    /// It aborts.
    Abort(usize),
}

impl System for TransactionCommit {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::default());
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let State { prepared, committed, aborted } = *state;
        let all = Set::all(self.n);
        let working = all.minus(prepared).minus(committed).minus(aborted);
        for i in working.iter() {
            each(Action::Prepare(i), State { prepared: prepared.with(i), ..*state });
        }
        if all == prepared.or(committed) {
            for i in prepared.iter() {
                let committed = committed.with(i);
                each(Action::Commit(i), State { prepared: prepared.without(i), committed, aborted });
            }
        }
        if committed.is_empty() || self.broken {
            for i in working.or(prepared).iter() {
                let aborted = aborted.with(i);
                each(Action::Abort(i), State { prepared: prepared.without(i), committed, aborted });
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "TC1",
                "consistency",
                Says::Always(|_, s: &State| s.committed.is_empty() || s.aborted.is_empty()),
            ),
            Claim::new(
                "TC2",
                "all may commit",
                Says::Sometimes(|it: &Self, s: &State| s.committed == Set::all(it.n)),
            ),
            Claim::new(
                "TC3",
                "all may abort",
                Says::Sometimes(|it: &Self, s: &State| s.aborted == Set::all(it.n)),
            ),
        ]
    }

    fn representative(&self, state: &State) -> Option<State> {
        // managers differ in nothing but their number: the prepared first, then the committed, then the aborted
        let upto = |count| Set::all(count);
        let (p, c) = (state.prepared.len(), state.prepared.or(state.committed).len());
        let a = c + state.aborted.len();
        Some(State { prepared: upto(p), committed: upto(c).minus(upto(p)), aborted: upto(a).minus(upto(c)) })
    }
}

impl Published for TransactionCommit {
    const NAME: &'static str = "transaction-commit";
    const PAGE: &'static str = include_str!("transaction_commit.rs");
    const CONSTANTS: &'static [Constant] =
        &[constant("n", "resource managers", 3, 1, 16), broken("1: one aborts though another has committed")];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2)], 12, 5).generating(23),
        Row::new(&[("n", 3)], 34, 7).generating(94).published(),
        Row::new(&[("n", 4)], 96, 9).generating(357),
        Row::new(&[("n", 5)], 274, 11).generating(1_296),
        Row::new(&[("n", 6)], 792, 13).generating(4_567),
        Row::new(&[("n", 7)], 2_314, 15).generating(15_758).twice(),
        Row::new(&[("n", 8)], 6_816, 17).generating(53_513),
        Row::new(&[("n", 9)], 20_194, 19).generating(179_452),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "TC1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
