//! A replicated log under leaders: what a replica tells of it.

use super::replication::{Outcome, Ticket};
use crate::identity::ProcessId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Add;

/// The number of a term: a time in which at most one process leads. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Term(pub u64);

impl Term {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}", self.0)
    }
}

/// The place of an entry in the log: 1, 2, .. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogIndex(pub u64);

impl LogIndex {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The one before it; that of 0 is 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many entries there are after `base`, up to this one.
    pub fn beyond(self, base: Self) -> usize {
        self.0.saturating_sub(base.0) as usize
    }
}

impl Add<usize> for LogIndex {
    type Output = Self;
    fn add(self, entries: usize) -> Self {
        Self(self.0 + entries as u64)
    }
}

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An entry of a replicated log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogEntry<P> {
    /// The term in which a leader made it.
    pub term: Term,
    /// What it says.
    pub payload: P,
}

/// What a replica tells the layer above.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReplicaEvent<P, A> {
    /// How a request ended: exactly once for each, unless the process crashes.
    Settled {
        /// Which one.
        ticket: Ticket,
        /// How.
        outcome: Outcome<A>,
    },
    /// Who leads in this term, as far as this process knows.
    Leader {
        /// The term.
        term: Term,
        /// Who.
        leader: Option<ProcessId>,
    },
    /// What judges it, where it is asked for.
    Witness(Witness<P>),
}

/// What is told of the inside, so that what a replicated log promises can be judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Witness<P> {
    /// This process leads this term.
    Elected(Term),
    /// All in the log after an index is now this.
    Logged {
        /// The index.
        after: LogIndex,
        /// What follows it.
        entries: Vec<LogEntry<P>>,
    },
    /// A snapshot now stands for the log up to an index.
    Installed {
        /// The index.
        index: LogIndex,
        /// The term of the entry there.
        term: Term,
    },
    /// The entries up to this index are committed, as this process knows in this term.
    Committed {
        /// The index.
        index: LogIndex,
        /// The term that it is in.
        term: Term,
    },
    /// The entry at this index is executed.
    Executed {
        /// The index.
        index: LogIndex,
        /// What it says.
        payload: P,
        /// Whether it takes effect: a command of a session does once, however often the log has it.
        afresh: bool,
    },
}

/// What an entry of a replicated log has for the state machine.
pub trait Carries<C> {
    /// The command, if it is one.
    fn command(&self) -> Option<&C>;
}
