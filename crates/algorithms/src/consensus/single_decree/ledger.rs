//! What is written down of a ballot, and what of it is on disk.

use std::fmt;
use synod_model::prelude::*;

/// A ballot's number: no two processes lead the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot {
    /// Compared first.
    pub round: u64,
    /// Its leader.
    pub leader: ProcessId,
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.leader)
    }
}

/// A vote: an acceptor accepted this value in this ballot. The later the greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vote<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// Its value: a ballot has at most one.
    pub value: V,
}

/// What is on disk: a process's ledger, "written in indelible ink" (Lam98 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ledger<V> {
    /// The greatest ballot that it promised or voted in: it takes part in no lesser one any more. Its own ballots too.
    pub promised: Option<Ballot>,
    /// Its vote in the greatest ballot that it voted in.
    pub accepted: Option<Vote<V>>,
    /// What it decided.
    pub decided: Option<V>,
}

/// One entry into the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Write<V> {
    /// A promise; before it is given.
    Promised(Ballot),
    /// A vote, which is a promise too; before it is told.
    Accepted(Vote<V>),
    /// The decision; before it is indicated.
    Decided(V),
}

impl<V> Default for Ledger<V> {
    fn default() -> Self {
        Self { promised: None, accepted: None, decided: None }
    }
}

impl<V: Value> Stable for Ledger<V> {
    type Write = Write<V>;
    fn apply(&mut self, write: Write<V>) {
        match write {
            Write::Promised(ballot) => self.promised = Some(ballot),
            Write::Accepted(vote) => {
                self.promised = Some(vote.ballot);
                self.accepted = Some(vote);
            }
            Write::Decided(value) => self.decided = Some(value),
        }
    }
}
