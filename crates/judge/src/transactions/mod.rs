//! Transactions: which isolation a history of them keeps, and the anomalies that refute more.
//!
//! From what was read follows who must come before whom (Adya 1999; Kingsbury, Alvaro 2020): `ww`, the one wrote what the other
//! overwrote; `wr`, the one wrote what the other read; `rw`, the one read what the other overwrote. A cycle is an anomaly, and its
//! kind says which levels it refutes. What is not refuted may hold: for lists that is nearly all that can be known, for
//! registers the order of versions is inferred where it must be so, and no further.

mod append;
mod cycles;
mod graph;
mod register;
mod transaction;

use crate::log::Log;
use crate::reading::Meaningless;
use graph::{Edge, Graph};
use std::fmt;
use transaction::Transactions;

/// What transactions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// They append to lists, `[:append k v]`, and read them, `[:r k [..]]`; nothing is appended twice to a list.
    ListAppend,
    /// They write registers, `[:w k v]`, and read them, `[:r k v]`; nothing is written twice to a register.
    RwRegister,
}

impl Workload {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListAppend => "list-append",
            Self::RwRegister => "rw-register",
        }
    }
}

/// A level of isolation; later ones imply earlier ones of their branch ([`Level::implies`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No G0 (Adya 1999, PL-1).
    ReadUncommitted,
    /// Nor G1 (PL-2).
    ReadCommitted,
    /// Nor a transaction seen in part (Bailis et al. 2014).
    ReadAtomic,
    /// Nor a cycle in which no two `rw` follow each other (Fekete et al. 2005; Cerone, Gotsman 2016).
    SnapshotIsolation,
    /// The same, each client's transactions being in order.
    SessionSnapshotIsolation,
    /// The same, what is over being before what begins.
    StrongSnapshotIsolation,
    /// No cycle (PL-3).
    Serializable,
    /// The same, each client's transactions being in order.
    SessionSerializable,
    /// The same, what is over being before what begins.
    StrictSerializable,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ReadUncommitted,
        Self::ReadCommitted,
        Self::ReadAtomic,
        Self::SnapshotIsolation,
        Self::SessionSnapshotIsolation,
        Self::StrongSnapshotIsolation,
        Self::Serializable,
        Self::SessionSerializable,
        Self::StrictSerializable,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read-uncommitted",
            Self::ReadCommitted => "read-committed",
            Self::ReadAtomic => "read-atomic",
            Self::SnapshotIsolation => "snapshot-isolation",
            Self::SessionSnapshotIsolation => "session-snapshot-isolation",
            Self::StrongSnapshotIsolation => "strong-snapshot-isolation",
            Self::Serializable => "serializable",
            Self::SessionSerializable => "session-serializable",
            Self::StrictSerializable => "strict-serializable",
        }
    }

    /// Whether what keeps this level keeps the other one.
    pub fn implies(self, other: Self) -> bool {
        // how strong it is among those without a common order, and how much of the outer order it keeps
        let rank = |level: Self| match level {
            Self::ReadUncommitted => (0, 0),
            Self::ReadCommitted => (1, 0),
            Self::ReadAtomic => (2, 0),
            Self::SnapshotIsolation => (3, 0),
            Self::SessionSnapshotIsolation => (3, 1),
            Self::StrongSnapshotIsolation => (3, 2),
            Self::Serializable => (4, 0),
            Self::SessionSerializable => (4, 1),
            Self::StrictSerializable => (4, 2),
        };
        let ((a, outer), (b, other_outer)) = (rank(self), rank(other));
        a >= b && outer >= other_outer
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kind of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phenomenon {
    /// A transaction does not see what it did or saw itself.
    Internal,
    /// A list was read with an element twice.
    Duplicate,
    /// Two reads of a list are not the beginning of one another.
    IncompatibleOrder,
    /// An element was read that nobody appended.
    Garbage,
    /// A cycle of `ww`.
    G0,
    /// What a transaction that failed wrote was read.
    G1a,
    /// What a transaction overwrote itself was read.
    G1b,
    /// A cycle of `ww` and `wr`.
    G1c,
    /// A transaction was seen in part.
    Fractured,
    /// Two read the same version of a register and both wrote the next: whichever came first is lost (Berenson et al. 1995, P4).
    LostUpdate,
    /// A cycle with one `rw`.
    GSingle,
    /// A cycle with several `rw`, no two after each other.
    GNonadjacent,
    /// A cycle with two `rw` after each other.
    G2Item,
}

impl Phenomenon {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Duplicate => "duplicate-elements",
            Self::IncompatibleOrder => "incompatible-order",
            Self::Garbage => "garbage-read",
            Self::G0 => "G0 (dirty write)",
            Self::G1a => "G1a (aborted read)",
            Self::G1b => "G1b (intermediate read)",
            Self::G1c => "G1c (circular information flow)",
            Self::Fractured => "fractured read",
            Self::LostUpdate => "lost update",
            Self::GSingle => "G-single (read skew)",
            Self::GNonadjacent => "G-nonadjacent",
            Self::G2Item => "G2-item (write skew)",
        }
    }

    /// The weakest level that it refutes.
    fn refutes(self) -> Level {
        match self {
            Self::Duplicate | Self::IncompatibleOrder | Self::Garbage | Self::G0 => Level::ReadUncommitted,
            Self::G1a | Self::G1b | Self::G1c => Level::ReadCommitted,
            Self::Internal | Self::Fractured => Level::ReadAtomic,
            Self::LostUpdate | Self::GSingle | Self::GNonadjacent => Level::SnapshotIsolation,
            Self::G2Item => Level::Serializable,
        }
    }
}

/// What orders transactions besides what they read and wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outer {
    /// Nothing.
    None,
    /// A client's transactions follow each other.
    Session,
    /// What is over comes before what begins.
    RealTime,
}

/// An anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Its kind.
    pub phenomenon: Phenomenon,
    /// What besides reads and writes it needs.
    pub outer: Outer,
    /// The operations of the log that take part; of a cycle, in its order.
    pub operations: Vec<usize>,
    /// Why, a line for each edge.
    pub why: Vec<String>,
}

impl Anomaly {
    /// Whether it refutes a level.
    pub fn refutes(&self, level: Level) -> bool {
        let weakest = match (self.phenomenon.refutes(), self.outer) {
            (Level::Serializable, Outer::Session) => Level::SessionSerializable,
            (Level::Serializable, Outer::RealTime) => Level::StrictSerializable,
            (weakest, Outer::None) => weakest,
            (_, Outer::Session) => Level::SessionSnapshotIsolation,
            (_, Outer::RealTime) => Level::StrongSnapshotIsolation,
        };
        level.implies(weakest)
    }
}

/// What was found of a history of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many transactions took part.
    pub transactions: usize,
    /// One anomaly of each kind, the smallest found.
    pub anomalies: Vec<Anomaly>,
    /// What was not counted as one, in words.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing refutes a level.
    pub fn holds(&self, level: Level) -> bool {
        !self.anomalies.iter().any(|anomaly| anomaly.refutes(level))
    }

    /// The strongest levels that nothing refutes: none of them implies another.
    pub fn strongest(&self) -> Vec<Level> {
        let held: Vec<Level> = Level::ALL.into_iter().filter(|&level| self.holds(level)).collect();
        let is_topped = |level: Level| held.iter().any(|&other| other != level && other.implies(level));
        held.iter().copied().filter(|&level| !is_topped(level)).collect()
    }
}

/// Looks for anomalies.
pub fn judge(log: &Log, workload: Workload) -> Result<Report, Meaningless> {
    let transactions = Transactions::read(log, workload)?;
    let mut found = Found { graph: Graph::new(transactions.list.len()), anomalies: vec![], notes: vec![] };
    match workload {
        Workload::ListAppend => append::analyse(&transactions, &mut found),
        Workload::RwRegister => register::analyse(&transactions, &mut found),
    }
    let Found { graph, mut anomalies, notes } = found;
    anomalies.extend(cycles::all(&transactions, graph));
    anomalies.sort_by_key(|anomaly| (anomaly.phenomenon, anomaly.outer));
    Ok(Report { transactions: transactions.list.len(), anomalies, notes })
}

/// What is found on the way.
struct Found {
    graph: Graph,
    anomalies: Vec<Anomaly>,
    notes: Vec<String>,
}

impl Found {
    /// An anomaly that is no cycle; of each kind the first is kept.
    fn anomaly(&mut self, phenomenon: Phenomenon, operations: Vec<usize>, why: impl FnOnce() -> String) {
        if !self.anomalies.iter().any(|anomaly| anomaly.phenomenon == phenomenon) {
            self.anomalies.push(Anomaly { phenomenon, outer: Outer::None, operations, why: vec![why()] });
        }
    }

    fn edge(&mut self, from: usize, to: usize, edge: Edge) {
        if from != to {
            self.graph.add(from, to, edge);
        }
    }
}
