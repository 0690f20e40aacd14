//! What no database should show, by its name.

use super::graph::{Dependency, DependencySet};
use super::level::Level;
use std::collections::BTreeMap;

/// What histories show that not every level allows.
///
/// Cycles are told apart by their anti-dependencies (Adya 1999, sections 3.2 and 4.3; Kingsbury, Alvaro 2020, section 4.1), and by
/// whether they need what a scan did not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phenomenon {
    /// An element that was appended once stands in a list twice.
    Duplicate,
    /// A read of what was never written.
    Garbage,
    /// Two reads of a list of which none is the beginning of the other: one of them saw what was never committed (Kingsbury, Alvaro 2020,
    /// section 4.2).
    IncompatibleOrder,
    /// Of what was written by a transaction that failed.
    G1a,
    /// Of what its transaction has overwritten.
    G1b,
    /// A committed transaction built upon what an aborted one wrote.
    DirtyUpdate,
    /// A transaction that does not see what it read or wrote before (Cerone, Bernardi, Gotsman 2015, INT).
    Internal,
    /// A transaction that sees what it writes later.
    FutureRead,
    /// A transaction that sees one write of another, and not the other (the same, EXT; Bailis et al. 2014).
    Fractured,
    /// A transaction that sees another, and not what that had seen or followed (the same, TRANSVIS).
    Causality,
    /// Two reads see two writes in different orders: a long fork, in the workload of that name (Sovran et al. 2011).
    LongFork,
    /// Reads of all accounts with different totals, between which money was only transferred: no snapshots.
    ChangedTotal,
    /// An account from which more was taken than it had: of two transfers one did not see the other.
    NegativeBalance,
    /// Two transactions that read the same version and both overwrite it (Berenson et al. 1995, P4).
    LostUpdate,
    /// Two transactions that both found a key missing, by scans, and both write it.
    LostInsert,
    /// A cycle of writes alone.
    G0,
    /// Of writes and reads of what was written.
    G1c,
    /// With one anti-dependency.
    GSingle,
    /// With several, of which no two are next to each other.
    GNonadjacent,
    /// With two next to each other.
    G2Item,
    /// With one anti-dependency, which is one of a scan.
    GSinglePhantom,
    /// With several, of which no two are next to each other, and one is of a scan.
    GNonadjacentPhantom,
    /// With two next to each other, and one of a scan (Adya 1999, section 3.2.4: G2).
    G2,
}

impl Phenomenon {
    /// Those that are cycles of the graph.
    pub(super) const CYCLES: [Self; 8] = [
        Self::G0,
        Self::G1c,
        Self::GSingle,
        Self::GNonadjacent,
        Self::G2Item,
        Self::GSinglePhantom,
        Self::GNonadjacentPhantom,
        Self::G2,
    ];

    /// Whether it is a cycle of transactions that come before each other.
    pub fn is_cycle(self) -> bool {
        Self::CYCLES.contains(&self)
    }

    /// Whether it is a cycle with what a scan did not find.
    pub(super) fn has_phantom(self) -> bool {
        matches!(self, Self::GSinglePhantom | Self::GNonadjacentPhantom | Self::G2)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate-elements",
            Self::Garbage => "garbage-read",
            Self::IncompatibleOrder => "incompatible-order",
            Self::G1a => "G1a (aborted read)",
            Self::G1b => "G1b (intermediate read)",
            Self::DirtyUpdate => "dirty update",
            Self::Internal => "internal",
            Self::FutureRead => "future read",
            Self::Fractured => "fractured read",
            Self::Causality => "causality violation",
            Self::LongFork => "long fork",
            Self::ChangedTotal => "changed total",
            Self::NegativeBalance => "negative balance",
            Self::LostUpdate => "lost update",
            Self::LostInsert => "lost insert",
            Self::G0 => "G0 (dirty write)",
            Self::G1c => "G1c (circular information flow)",
            Self::GSingle => "G-single (read skew)",
            Self::GNonadjacent => "G-nonadjacent",
            Self::G2Item => "G2-item",
            Self::GSinglePhantom => "G-single (phantom)",
            Self::GNonadjacentPhantom => "G-nonadjacent (phantom)",
            Self::G2 => "G2 (phantom)",
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

impl Outer {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Session, Self::RealTime];

    /// Its edges.
    pub(super) fn bits(self) -> DependencySet {
        match self {
            Self::None => 0,
            Self::Session => Dependency::Session.bit(),
            Self::RealTime => Dependency::RealTime.bit(),
        }
    }

    /// The edges of versions whose order follows from it.
    pub(super) fn of_versions(self) -> DependencySet {
        match self {
            Self::None => 0,
            Self::Session => Dependency::WriteWriteInSession.bit() | Dependency::ReadWriteInSession.bit(),
            Self::RealTime => Dependency::WriteWriteInTime.bit() | Dependency::ReadWriteInTime.bit(),
        }
    }

    /// In words, after what needs it.
    pub fn needs(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Session => ", with the order of a client's own transactions",
            Self::RealTime => ", with the order of real time",
        }
    }
}

/// A phenomenon and what it needs.
pub(super) type Kind = (Phenomenon, Outer);

/// The weakest levels that a phenomenon refutes: all that imply one of them fail.
pub(super) fn refutes((phenomenon, outer): Kind) -> &'static [Level] {
    use Phenomenon::{
        Causality, ChangedTotal, DirtyUpdate, Duplicate, Fractured, FutureRead, G0, G1a, G1b, G1c, G2,
        G2Item, GNonadjacent, GNonadjacentPhantom, GSingle, GSinglePhantom, Garbage, IncompatibleOrder,
        Internal, LongFork, LostInsert, LostUpdate, NegativeBalance,
    };
    match (phenomenon, outer) {
        (Duplicate | Garbage | G0, Outer::None) => &[Level::ReadUncommitted],
        (IncompatibleOrder | G1a | G1b | DirtyUpdate | G1c, Outer::None) => &[Level::ReadCommitted],
        (Internal | FutureRead, _) => &[Level::ReadAtomic, Level::RepeatableRead],
        (Fractured, _) => &[Level::ReadAtomic],
        (Causality, Outer::None) => &[Level::Causal],
        (Causality | G0 | G1c, Outer::Session) => &[Level::SessionCausal],
        (LongFork | ChangedTotal | NegativeBalance | LostUpdate | GSingle | GNonadjacent, Outer::None) => {
            &[Level::SnapshotIsolation, Level::RepeatableRead]
        }
        (LostInsert | GSinglePhantom | GNonadjacentPhantom, Outer::None) => &[Level::SnapshotIsolation],
        (G2Item, Outer::None) => &[Level::RepeatableRead],
        (G2, Outer::None) => &[Level::Serializable],
        (G2Item | G2, Outer::Session) => &[Level::SessionSerializable],
        (G2Item | G2, Outer::RealTime) => &[Level::StrictSerializable],
        (_, Outer::Session) => &[Level::SessionSnapshotIsolation],
        (_, Outer::RealTime) => &[Level::StrongSnapshotIsolation],
    }
}

/// What a cycle is also called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Two transactions read what the other writes, and write different keys (Berenson et al. 1995, A5B).
    WriteSkew,
    /// Two transactions see two writes in different orders (Sovran et al. 2011).
    LongFork,
}

impl Pattern {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteSkew => "write skew",
            Self::LongFork => "long fork",
        }
    }
}

/// An anomaly as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) key: Option<u32>,
    pub(super) value: Option<i64>,
    pub(super) version: Option<u32>,
    pub(super) transactions: Vec<u32>,
    /// How each of the transactions leads to the next, and the last to the first.
    pub(super) dependencies: Vec<Dependency>,
}

/// The first few of each kind, and how many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Anomalies {
    pub(super) found: Vec<Found>,
    pub(super) counts: BTreeMap<Kind, usize>,
}

/// Of one kind so many are kept.
pub(super) const KEPT_MAX: usize = 3;

impl Anomalies {
    pub(super) fn push(&mut self, found: Found) {
        let count = self.counts.entry(found.kind).or_default();
        *count += 1;
        if *count <= KEPT_MAX {
            self.found.push(found);
        }
    }

    fn of(&mut self, phenomenon: Phenomenon, key: u32, value: Option<i64>, transactions: &[u32]) {
        self.push(Found {
            kind: (phenomenon, Outer::None),
            key: Some(key),
            value,
            version: None,
            transactions: transactions.to_vec(),
            dependencies: vec![],
        });
    }

    pub(super) fn of_reads(&mut self, phenomenon: Phenomenon, key: u32, transactions: &[u32]) {
        self.of(phenomenon, key, None, transactions);
    }

    pub(super) fn of_value(&mut self, phenomenon: Phenomenon, key: u32, value: i64, transactions: &[u32]) {
        self.of(phenomenon, key, Some(value), transactions);
    }

    pub(super) fn of_version(&mut self, phenomenon: Phenomenon, version: u32, transactions: Vec<u32>) {
        let (kind, key, value) = ((phenomenon, Outer::None), None, None);
        self.push(Found { kind, key, value, version: Some(version), transactions, dependencies: vec![] });
    }

    pub(super) fn of_path(&mut self, kind: Kind, path: Vec<(u32, Dependency)>) {
        let (transactions, dependencies) = path.into_iter().unzip();
        self.push(Found { kind, key: None, value: None, version: None, transactions, dependencies });
    }

    pub(super) fn has(&self, phenomenon: Phenomenon, outer: Outer) -> bool {
        self.counts.contains_key(&(phenomenon, outer))
    }
}
