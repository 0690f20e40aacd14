//! Isolation levels, and which imply which.

use std::fmt;
use std::str::FromStr;

/// What a database may promise of its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// PL-1: writes are not interleaved (Adya 1999, section 3.2.1): no G0.
    ReadUncommitted,
    /// PL-2: what is read was committed, and information does not flow in circles (Adya 1999, section 3.2.2): no G1.
    ReadCommitted,
    /// Of a transaction one sees all or nothing (Cerone, Bernardi, Gotsman 2015, section 3: INT, EXT).
    ReadAtomic,
    /// And with it all that it saw (the same: TRANSVIS).
    Causal,
    /// And the client's own earlier transactions.
    SessionCausal,
    /// Reads are of one snapshot, and of two transactions that overlap one writes (Adya 1999, section 4.3: no G-SI; Cerone, Gotsman 2016,
    /// theorem 9: no cycle but with two adjacent anti-dependencies).
    SnapshotIsolation,
    /// And the snapshot has the client's earlier transactions (Daudjee, Salem 2006, strong session snapshot isolation).
    SessionSnapshotIsolation,
    /// And the snapshot has all that was committed before the transaction began (the same, strong snapshot isolation).
    StrongSnapshotIsolation,
    /// PL-2.99: as if one after the other, but for what scans did not find (Adya 1999, section 3.2.3): no cycle without phantoms.
    RepeatableRead,
    /// PL-3: as if one after the other (Adya 1999, section 3.2.4): no cycle.
    Serializable,
    /// And in the order of each client (Daudjee, Salem 2004).
    SessionSerializable,
    /// And in the order of real time (Papadimitriou 1979; Herlihy, Wing 1990).
    StrictSerializable,
}

impl Level {
    /// All of them; one that another implies stands before it.
    pub const ALL: [Self; 12] = [
        Self::ReadUncommitted,
        Self::ReadCommitted,
        Self::ReadAtomic,
        Self::Causal,
        Self::SessionCausal,
        Self::SnapshotIsolation,
        Self::SessionSnapshotIsolation,
        Self::StrongSnapshotIsolation,
        Self::RepeatableRead,
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
            Self::Causal => "transactional-causal",
            Self::SessionCausal => "session-transactional-causal",
            Self::SnapshotIsolation => "snapshot-isolation",
            Self::SessionSnapshotIsolation => "session-snapshot-isolation",
            Self::StrongSnapshotIsolation => "strong-snapshot-isolation",
            Self::RepeatableRead => "repeatable-read",
            Self::Serializable => "serializable",
            Self::SessionSerializable => "session-serializable",
            Self::StrictSerializable => "strict-serializable",
        }
    }

    /// The levels next below.
    pub fn implies_directly(self) -> &'static [Self] {
        match self {
            Self::ReadUncommitted => &[],
            Self::ReadCommitted => &[Self::ReadUncommitted],
            Self::ReadAtomic | Self::RepeatableRead => &[Self::ReadCommitted],
            Self::Causal => &[Self::ReadAtomic],
            Self::SessionCausal | Self::SnapshotIsolation => &[Self::Causal],
            Self::SessionSnapshotIsolation => &[Self::SessionCausal, Self::SnapshotIsolation],
            Self::StrongSnapshotIsolation => &[Self::SessionSnapshotIsolation],
            Self::Serializable => &[Self::SnapshotIsolation, Self::RepeatableRead],
            Self::SessionSerializable => &[Self::SessionSnapshotIsolation, Self::Serializable],
            Self::StrictSerializable => &[Self::StrongSnapshotIsolation, Self::SessionSerializable],
        }
    }

    /// Whether what satisfies this satisfies the other.
    pub fn implies(self, other: Self) -> bool {
        self == other || self.implies_directly().iter().any(|below| below.implies(other))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let name = name.replace("serialis", "serializ").replace("strong-session-", "session-");
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is no level of transactions: {known}")
        })
    }
}
