//! What no database should show, by its name.

use super::graph::Dependency;
use super::level::Level;
use std::fmt;

/// Kinds of cycles, by how many anti-dependencies they have (Adya 1999, sections 3.2 and 4.3; Kingsbury, Alvaro 2020, section 4.1).
///
/// G2 is what G2-item is, for reads of predicates, which these workloads do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cycle {
    /// Writes alone.
    G0,
    /// Writes and reads of what was written.
    G1c,
    /// And one anti-dependency.
    GSingle,
    /// Several anti-dependencies, no two next to each other.
    GNonadjacent,
    /// Two anti-dependencies next to each other.
    G2Item,
}

impl Cycle {
    pub(super) const ALL: [Self; 5] =
        [Self::G0, Self::G1c, Self::GSingle, Self::GNonadjacent, Self::G2Item];

    fn name(self) -> &'static str {
        match self {
            Self::G0 => "G0",
            Self::G1c => "G1c",
            Self::GSingle => "G-single",
            Self::GNonadjacent => "G-nonadjacent",
            Self::G2Item => "G2-item",
        }
    }
}

/// What a cycle needs beside what was read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Nothing.
    Any,
    /// The order of a client's transactions.
    Session,
    /// The order of real time.
    RealTime,
}

impl Order {
    pub(super) const ALL: [Self; 3] = [Self::Any, Self::Session, Self::RealTime];

    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Any => 0,
            Self::Session => Dependency::Session.bit(),
            Self::RealTime => Dependency::RealTime.bit(),
        }
    }
}

/// Kinds of anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An element that was appended once stands in a list twice.
    DuplicateElement,
    /// Two reads of a list of which none is the beginning of the other: one of them saw what was never committed.
    IncompatibleOrder,
    /// A read of what was never written.
    GarbageRead,
    /// Aborted read: of what was written by a transaction that failed.
    G1a,
    /// Intermediate read: of what its transaction has overwritten.
    G1b,
    /// A committed transaction built upon what an aborted one wrote.
    DirtyUpdate,
    /// A transaction that does not see what it read or wrote before (Cerone, Bernardi, Gotsman 2015, INT).
    Internal,
    /// A transaction that sees what it writes later.
    FutureRead,
    /// A transaction that sees one write of another, and not the other (the same, EXT; Bailis et al. 2014).
    FracturedRead,
    /// A transaction that sees another, and not what that had seen or followed.
    CausalityViolation(Order),
    /// Two transactions that read the same version and both overwrite it (Berenson et al. 1995, P4).
    LostUpdate,
    /// A cycle of dependencies.
    Cycle(Cycle, Order),
}

impl Kind {
    /// The weakest levels that it contradicts: all that imply one of them fail.
    pub fn refutes(self) -> Level {
        match self {
            Self::DuplicateElement | Self::Cycle(Cycle::G0, Order::Any) => Level::ReadUncommitted,
            Self::IncompatibleOrder
            | Self::GarbageRead
            | Self::G1a
            | Self::G1b
            | Self::DirtyUpdate
            | Self::Cycle(Cycle::G1c, Order::Any) => Level::ReadCommitted,
            Self::Internal | Self::FutureRead | Self::FracturedRead => Level::ReadAtomic,
            Self::CausalityViolation(Order::Any) => Level::Causal,
            Self::CausalityViolation(_) | Self::Cycle(Cycle::G0 | Cycle::G1c, Order::Session) => {
                Level::SessionCausal
            }
            Self::LostUpdate | Self::Cycle(Cycle::GSingle | Cycle::GNonadjacent, Order::Any) => {
                Level::SnapshotIsolation
            }
            Self::Cycle(Cycle::G2Item, Order::Any) => Level::Serialisable,
            Self::Cycle(Cycle::G2Item, Order::Session) => Level::SessionSerialisable,
            Self::Cycle(Cycle::G2Item, Order::RealTime) => Level::StrictSerialisable,
            Self::Cycle(_, Order::Session) => Level::SessionSnapshotIsolation,
            Self::Cycle(_, Order::RealTime) => Level::StrongSnapshotIsolation,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = |order: &Order| match order {
            Order::Any => "",
            Order::Session => "-session",
            Order::RealTime => "-realtime",
        };
        f.write_str(match self {
            Self::DuplicateElement => "duplicate-elements",
            Self::IncompatibleOrder => "incompatible-order",
            Self::GarbageRead => "garbage-read",
            Self::G1a => "G1a",
            Self::G1b => "G1b",
            Self::DirtyUpdate => "dirty-update",
            Self::Internal => "internal",
            Self::FutureRead => "future-read",
            Self::FracturedRead => "fractured-read",
            Self::CausalityViolation(of) => return write!(f, "causality-violation{}", order(of)),
            Self::LostUpdate => "lost-update",
            Self::Cycle(cycle, of) => return write!(f, "{}{}", cycle.name(), order(of)),
        })
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

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WriteSkew => "write skew",
            Self::LongFork => "long fork",
        })
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
    pub(super) counts: std::collections::BTreeMap<Kind, usize>,
}

/// Of one kind so many are kept.
const KEPT_MAX: usize = 8;

impl Anomalies {
    pub(super) fn push(&mut self, found: Found) {
        let count = self.counts.entry(found.kind).or_default();
        *count += 1;
        if *count <= KEPT_MAX {
            self.found.push(found);
        }
    }

    fn of(&mut self, kind: Kind, key: u32, value: Option<i64>, transactions: &[u32]) {
        self.push(Found {
            kind,
            key: Some(key),
            value,
            version: None,
            transactions: transactions.to_vec(),
            dependencies: vec![],
        });
    }

    pub(super) fn of_reads(&mut self, kind: Kind, key: u32, transactions: &[u32]) {
        self.of(kind, key, None, transactions);
    }

    pub(super) fn of_value(&mut self, kind: Kind, key: u32, value: i64, transactions: &[u32]) {
        self.of(kind, key, Some(value), transactions);
    }

    pub(super) fn of_version(&mut self, kind: Kind, version: u32, transactions: Vec<u32>) {
        let (key, value) = (None, None);
        self.push(Found { kind, key, value, version: Some(version), transactions, dependencies: vec![] });
    }

    pub(super) fn of_path(&mut self, kind: Kind, path: Vec<(u32, Dependency)>) {
        let (transactions, dependencies) = path.into_iter().unzip();
        self.push(Found { kind, key: None, value: None, version: None, transactions, dependencies });
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.counts.contains_key(&kind)
    }
}
