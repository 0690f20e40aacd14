//! Two-phase commit: a transaction manager asks, resource managers answer, and the answer binds.
//!
//! # Source
//! Jim Gray, Leslie Lamport, *Consensus on transaction commit*, ACM TODS 31(1), 2006, section 3; the specification
//! TwoPhase.
//!
//! # States and steps
//! Each resource manager is working, prepared, committed or aborted. Messages are sent and never leave. A manager that
//! works prepares, and says so, or aborts on its own. The transaction manager hears of the prepared ones; it commits when
//! it has heard of all, or aborts at any time, and says so. A resource manager that sees the decision follows it.
//!
//! # Claims
//! TC1 consistency: no manager commits and another aborts (the system implements transaction commit). Commit and abort
//! are both possible.
//!
//! # Departures from the source
//! `Commit` and `Abort` have no bits of their own among the messages: each has been sent exactly if the transaction
//! manager has decided so. A step that receives a message again, and changes nothing, is left out.
//!
//! # Known answers
//! 8,832 states with 5 managers, 314 up to a renumbering of them.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use std::fmt;
use synod_check::system::{Claim, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct TwoPhaseCommit {
    /// Resource managers.
    n: usize,
    /// The twin: the transaction manager commits though it has not heard of one of them.
    broken: bool,
}

/// A state in one word: for each resource manager two bits of what it is, one of whether it has said that it is
/// prepared, and one of whether that has been heard; and two bits of what the transaction manager is.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State(u64);

/// The most managers that a word has room for.
const MANAGERS_MAX: u64 = 15;
/// Where the sets of managers begin.
const SETTLED: u32 = 0;
const DIFFERENT: u32 = 15;
const SENT: u32 = 30;
const HEARD: u32 = 45;
/// Where the transaction manager stands.
const TM: u32 = 60;

/// What the transaction manager is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    /// Undecided.
    Init,
    /// It has decided to commit, and said so.
    Committed,
    /// It has decided to abort, and said so.
    Aborted,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The transaction manager hears that a resource manager is prepared.
    ReceivePrepared(usize),
    /// The transaction manager commits.
    Commit,
    /// The transaction manager aborts.
    Abort,
    /// A resource manager prepares.
    Prepare(usize),
    /// A resource manager aborts on its own.
    ChooseToAbort(usize),
    /// A resource manager follows the decision to commit.
    ReceiveCommit(usize),
    /// A resource manager follows the decision to abort.
    ReceiveAbort(usize),
}

impl State {
    const fn set(self, at: u32) -> Set {
        Set((self.0 >> at) as u16 & 0x7fff)
    }

    /// Those that have committed or aborted.
    const fn settled(self) -> Set {
        self.set(SETTLED)
    }

    /// Those that are prepared or aborted: what differs from working, and from committed.
    const fn different(self) -> Set {
        self.set(DIFFERENT)
    }

    /// The managers that work.
    const fn working(self, all: Set) -> Set {
        all.minus(self.settled()).minus(self.different())
    }

    /// Those that have committed.
    const fn committed(self) -> Set {
        self.settled().minus(self.different())
    }

    /// Those that have aborted.
    const fn aborted(self) -> Set {
        self.settled().and(self.different())
    }

    /// Those that have said that they are prepared.
    const fn sent(self) -> Set {
        self.set(SENT)
    }

    /// Those of whom the transaction manager has heard it.
    const fn heard(self) -> Set {
        self.set(HEARD)
    }

    const fn manager(self) -> Manager {
        match self.0 >> TM {
            0 => Manager::Init,
            1 => Manager::Committed,
            _ => Manager::Aborted,
        }
    }

    const fn with_manager(self, manager: Manager) -> Self {
        Self(self.0 & !(3 << TM) | (manager as u64) << TM)
    }

    const fn plus(self, at: u32, i: usize) -> Self {
        Self(self.0 | 1 << (at + i as u32))
    }

    const fn hear(self, i: usize) -> Self {
        self.plus(HEARD, i)
    }

    const fn prepare(self, i: usize) -> Self {
        self.plus(DIFFERENT, i).plus(SENT, i)
    }

    const fn abort(self, i: usize) -> Self {
        self.plus(DIFFERENT, i).plus(SETTLED, i)
    }

    const fn commit(self, i: usize) -> Self {
        Self(self.0 & !(1 << (DIFFERENT + i as u32))).plus(SETTLED, i)
    }

    /// The same of each manager, in the order of what it is.
    fn sorted(self, n: usize) -> Self {
        let mut sorted = Self(self.0 >> TM << TM);
        let all = Set::all(n);
        let mut next = 0;
        for class in 0..16_u32 {
            let of = |bit: u32, at: u32| {
                if class >> bit & 1 == 1 { self.set(at) } else { all.minus(self.set(at)) }
            };
            let members = of(0, SETTLED).and(of(1, DIFFERENT)).and(of(2, SENT)).and(of(3, HEARD));
            let placed = u64::from(Set::all(next + members.len()).minus(Set::all(next)).0);
            for bit in (0..4).filter(|bit| class >> bit & 1 == 1) {
                sorted.0 |= placed << (bit * 15);
            }
            next += members.len();
        }
        sorted
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("tm", &self.manager())
            .field("prepared", &self.different().minus(self.settled()))
            .field("committed", &self.committed())
            .field("aborted", &self.aborted())
            .field("sent", &self.sent())
            .field("heard", &self.heard())
            .finish()
    }
}

impl System for TwoPhaseCommit {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::default());
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let all = Set::all(self.n);
        for i in state.working(all).iter() {
            each(Action::Prepare(i), state.prepare(i));
            each(Action::ChooseToAbort(i), state.abort(i));
        }
        match state.manager() {
            Manager::Init => {
                for i in state.sent().minus(state.heard()).iter() {
                    each(Action::ReceivePrepared(i), state.hear(i));
                }
                if state.heard().len() + usize::from(self.broken) >= self.n {
                    each(Action::Commit, state.with_manager(Manager::Committed));
                }
                each(Action::Abort, state.with_manager(Manager::Aborted));
            }
            // whatever the manager is now: that it is never the opposite is what is to be shown
            Manager::Committed => {
                for i in all.minus(state.committed()).iter() {
                    each(Action::ReceiveCommit(i), state.commit(i));
                }
            }
            Manager::Aborted => {
                for i in all.minus(state.aborted()).iter() {
                    each(Action::ReceiveAbort(i), state.abort(i));
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        let consistent = |_: &Self, s: &State| s.committed().is_empty() || s.aborted().is_empty();
        vec![
            Claim::new("TC1", "consistency", Says::Always(consistent)),
            Claim::new(
                "TC2",
                "all may commit",
                Says::Sometimes(|it: &Self, s: &State| s.committed() == Set::all(it.n)),
            ),
            Claim::new(
                "TC3",
                "all may abort",
                Says::Sometimes(|it: &Self, s: &State| s.aborted() == Set::all(it.n)),
            ),
        ]
    }

    fn representative(&self, state: &State) -> Option<State> {
        Some(state.sorted(self.n))
    }
}

impl Published for TwoPhaseCommit {
    const NAME: &'static str = "two-phase-commit";
    const PAGE: &'static str = include_str!("two_phase_commit.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "resource managers", 3, 1, MANAGERS_MAX),
        broken("1: the transaction manager commits though it has not heard of one"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2)], 56, 8),
        Row::new(&[("n", 3)], 288, 11).published(),
        Row::new(&[("n", 4)], 1_568, 14),
        Row::new(&[("n", 5)], 8_832, 17).twice(),
        Row::new(&[("n", 6)], 50_816, 20).published(),
        Row::new(&[("n", 7)], 296_448, 23).twice(),
        Row::new(&[("n", 3)], 80, 11).symmetric(),
        Row::new(&[("n", 4)], 166, 14).symmetric(),
        Row::new(&[("n", 5)], 314, 17).symmetric(),
        Row::new(&[("n", 6)], 553, 20).symmetric(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "TC1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
