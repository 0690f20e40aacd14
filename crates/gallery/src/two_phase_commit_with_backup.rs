//! Two-phase commit with a backup: a second transaction manager takes over when the first has decided and vanished.
//!
//! # Source
//! The specification 2PCwithBTM of the TLA+ examples (M. Demirbas), after Jim Gray, Leslie Lamport, *Consensus on
//! transaction commit*, ACM TODS 31(1), 2006.
//!
//! # States and steps
//! Resource managers work, prepare, follow a decision that they see in the manager's state, abort on their own while they
//! work; one of them may fail. The manager may commit when all are prepared or one has committed, and may abort when one
//! has aborted or failed and none has committed; having written its decision it may become hidden. The backup does the
//! same once the manager is hidden.
//!
//! # Claims
//! TC1 consistency: no manager commits and another aborts. Both ends are possible.
//!
//! # Departures from the source
//! Steps that change nothing are left out.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, Unreached, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct TwoPhaseCommitWithBackup {
    /// Resource managers.
    n: usize,
    /// Whether one of them may fail.
    managers_fail: bool,
    /// Whether the transaction manager may fail.
    coordinator_fails: bool,
    /// The twin: an abort is decided though one has committed.
    broken: bool,
}

/// What the resource managers see of the transaction manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// No decision yet.
    Init,
    /// Commit.
    Commit,
    /// Abort.
    Abort,
    /// Nothing: it is down.
    Hidden,
}

/// Where the transaction manager or its backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Label {
    /// It decides.
    Decide,
    /// It writes that it commits.
    WriteCommit,
    /// It writes that it aborts.
    WriteAbort,
    /// It may fail, having committed.
    FailCommitted,
    /// It may fail, having aborted.
    FailAborted,
    /// It has ended.
    Done,
}

/// A state; a resource manager in no set works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    prepared: Set,
    committed: Set,
    aborted: Set,
    failed: Set,
    /// Those that have ended.
    done: Set,
    seen: Seen,
    manager: Label,
    backup: Label,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// A resource manager prepares.
    Prepare(usize),
    /// A resource manager commits.
    Commit(usize),
    /// A resource manager aborts.
    Abort(usize),
    /// A resource manager fails.
    Fail(usize),
    /// A resource manager ends.
    End(usize),
    /// The transaction manager moves on from a label.
    Manager(Label),
    /// The backup moves on from a label.
    Backup(Label),
}

impl State {
    /// The same, but with one manager out of all sets, to be put into one of them.
    fn lift(&self, i: usize) -> Self {
        let (prepared, committed) = (self.prepared.without(i), self.committed.without(i));
        let (aborted, failed) = (self.aborted.without(i), self.failed.without(i));
        Self { prepared, committed, aborted, failed, ..*self }
    }

    fn settled(&self) -> Set {
        self.committed.or(self.aborted).or(self.failed)
    }
}

impl TwoPhaseCommitWithBackup {
    fn can_commit(&self, s: &State) -> bool {
        s.prepared == Set::all(self.n) || !s.committed.is_empty()
    }

    fn can_abort(&self, s: &State) -> bool {
        !s.aborted.or(s.failed).is_empty() && (s.committed.is_empty() || self.broken)
    }

    fn resource_manager(&self, s: &State, i: usize, each: &mut impl FnMut(Action, State)) {
        if s.settled().has(i) {
            each(Action::End(i), State { done: s.done.with(i), ..*s });
            return;
        }
        let (works, lifted) = (!s.prepared.has(i), s.lift(i));
        if works {
            each(Action::Prepare(i), State { prepared: s.prepared.with(i), ..lifted });
        }
        if s.seen == Seen::Commit {
            each(Action::Commit(i), State { committed: s.committed.with(i), ..lifted });
        }
        if works || s.seen == Seen::Abort {
            each(Action::Abort(i), State { aborted: s.aborted.with(i), ..lifted });
        }
        if self.managers_fail && s.failed.is_empty() {
            each(Action::Fail(i), State { failed: Set::only(i), ..lifted });
        }
    }

    fn manager(&self, s: &State, each: &mut impl FnMut(Action, State)) {
        let mut go = |manager, seen| each(Action::Manager(s.manager), State { seen, manager, ..*s });
        let failed = if self.coordinator_fails { Seen::Hidden } else { s.seen };
        match s.manager {
            Label::Decide => {
                if self.can_commit(s) {
                    go(Label::WriteCommit, s.seen);
                }
                if self.can_abort(s) {
                    go(Label::WriteAbort, s.seen);
                }
            }
            Label::WriteCommit => go(Label::FailCommitted, Seen::Commit),
            Label::WriteAbort => go(Label::FailAborted, Seen::Abort),
            Label::FailCommitted | Label::FailAborted => go(Label::Done, failed),
            Label::Done => {}
        }
    }

    fn backup(&self, s: &State, each: &mut impl FnMut(Action, State)) {
        let mut go = |backup, seen| each(Action::Backup(s.backup), State { seen, backup, ..*s });
        match s.backup {
            Label::Decide if s.seen == Seen::Hidden => {
                if self.can_commit(s) {
                    go(Label::WriteCommit, s.seen);
                }
                if self.can_abort(s) {
                    go(Label::WriteAbort, s.seen);
                }
            }
            Label::WriteCommit => go(Label::Done, Seen::Commit),
            Label::WriteAbort => go(Label::Done, Seen::Abort),
            _ => {}
        }
    }
}

impl System for TwoPhaseCommitWithBackup {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let none = Set::EMPTY;
        each(State {
            prepared: none,
            committed: none,
            aborted: none,
            failed: none,
            done: none,
            seen: Seen::Init,
            manager: Label::Decide,
            backup: Label::Decide,
        });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        self.manager(state, each);
        self.backup(state, each);
        for i in Set::all(self.n).minus(state.done).iter() {
            self.resource_manager(state, i, each);
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        let consistent = |_: &Self, s: &State| s.committed.is_empty() || s.aborted.is_empty();
        vec![
            Claim::new("TC1", "consistency", Says::Always(consistent)),
            Claim::new(
                "TC2",
                "all may commit",
                Says::Sometimes(|it: &Self, s: &State| s.committed == Set::all(it.n)),
            ),
            Claim::new(
                "TC4",
                "the backup may decide",
                Says::Sometimes(|_, s: &State| s.backup == Label::Done && s.settled() == s.done),
            ),
        ]
    }
}

impl Published for TwoPhaseCommitWithBackup {
    const NAME: &'static str = "two-phase-commit-with-backup";
    const PAGE: &'static str = include_str!("two_phase_commit_with_backup.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "resource managers", 3, 1, 16),
        constant("managers_fail", "1: a resource manager may fail", 1, 0, 1),
        constant("coordinator_fails", "1: the transaction manager may fail", 1, 0, 1),
        broken("1: an abort is decided though one has committed"),
    ];
    const ROWS: &'static [Row] = &[Row::new(&[("n", 3)], 1_245, 15).published()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "TC1" }];
    const UNREACHED: &'static [Unreached] = &[
        Unreached { kind: "Backup(Done)", because: "no step leaves it" },
        Unreached { kind: "Backup(FailAborted)", because: "the backup does not fail" },
        Unreached { kind: "Backup(FailCommitted)", because: "the backup does not fail" },
        Unreached { kind: "Manager(Done)", because: "no step leaves it" },
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self {
            n: constants.size("n"),
            managers_fail: constants.get("managers_fail") == 1,
            coordinator_fails: constants.get("coordinator_fails") == 1,
            broken: constants.broken(),
        })
    }
}
