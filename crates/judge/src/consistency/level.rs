//! The conditions by name: what each says, who said it, and which others it implies.

use std::fmt;
use std::str::FromStr;

/// A condition on histories.
///
/// All are of one family (Burckhardt 2014, chapters 3 to 5; Viotti, Vukolic 2016; Perrin et al. 2016): a history is explained by saying which operations
/// of unknown outcome took effect, which operations each one has seen (*visibility*), and in which order they count (*arbitration*) - one order for
/// all, one for each client, or one for each operation. A read returns the write to its key that is last in the arbitration among those it has seen,
/// or, where it has seen none, what was there initially. The conditions differ in what visibility and arbitration must respect.
///
/// *The order of a client* is that of its operations; one whose outcome is unknown comes after those before it, but those that follow need not
/// wait for it: it may take effect at any later time, or never. What failed never took effect. A compare-and-set that succeeded is a read and a
/// write in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// One order of all operations, in real time (Herlihy, Wing 1990).
    Linearizable,
    /// One order of all operations, in which each client's are in its order (Lamport 1979).
    Sequential,
    /// Causal convergence, causal+: what causes is seen, and one arbitration for all.
    CausalConvergence,
    /// Causal memory: what causes is seen, and one arbitration for each client.
    Causal,
    /// Weak causal consistency: what causes is seen, and one arbitration for each operation.
    WeakCausal,
    /// Pipelined random access memory: each client has its own order, in which each client's operations are in its order.
    Pram,
    /// A client sees what it wrote.
    ReadYourWrites,
    /// A client goes on seeing what it saw.
    MonotonicReads,
    /// Who sees a write sees those that its client made before.
    MonotonicWrites,
    /// Who sees a write sees those that its client had read before.
    WritesFollowReads,
    /// When no more is written, what clients last read is the same.
    Eventual,
    /// A read returns the last write before it, or one that runs at the same time.
    Regular,
    /// A read while nothing is written returns the last write before it.
    Safe,
    /// Bounded staleness in versions: as linearizable, but a read may return any of the last so many writes.
    Versions(u32),
    /// Bounded staleness in time: as linearizable, but a read may return what was so many nanoseconds before it.
    Time(u64),
}

impl Level {
    /// All that have no parameter, stronger ones before weaker.
    pub const ALL: [Self; 13] = [
        Self::Linearizable,
        Self::Sequential,
        Self::CausalConvergence,
        Self::Causal,
        Self::WeakCausal,
        Self::Pram,
        Self::ReadYourWrites,
        Self::MonotonicReads,
        Self::MonotonicWrites,
        Self::WritesFollowReads,
        Self::Eventual,
        Self::Regular,
        Self::Safe,
    ];

    /// Its name, without its parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::Sequential => "sequential",
            Self::CausalConvergence => "causal+",
            Self::Causal => "causal",
            Self::WeakCausal => "weak-causal",
            Self::Pram => "pram",
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic-reads",
            Self::MonotonicWrites => "monotonic-writes",
            Self::WritesFollowReads => "writes-follow-reads",
            Self::Eventual => "eventual",
            Self::Regular => "regular",
            Self::Safe => "safe",
            Self::Versions(_) => "versions",
            Self::Time(_) => "time",
        }
    }

    /// What it says.
    pub fn definition(self) -> &'static str {
        match self {
            Self::Linearizable => {
                "there is one order of all operations, each at an instant between its invocation and its return, that explains what was returned"
            }
            Self::Sequential => {
                "there is one order of all operations that explains what was returned and in which each client's operations are in its order"
            }
            Self::CausalConvergence => {
                "all that an operation depends on (the order of its client, what was read, what that depends on) is seen by it, and one order of all writes, which respects dependence, says which of those seen counts"
            }
            Self::Causal => {
                "each client has an order of all writes and its own reads that respects dependence (the order of clients, what was read, what that depends on) and explains what it read"
            }
            Self::WeakCausal => {
                "each operation has an order of all that it depends on (the order of its client, what was read, what that depends on) that respects dependence and explains what it returned"
            }
            Self::Pram => {
                "each client has an order of all writes and its own reads that respects the order of each client and explains what it read"
            }
            Self::ReadYourWrites => {
                "each client's reads have seen what it wrote before, where each client's writes count in its order"
            }
            Self::MonotonicReads => {
                "each client's reads have seen what its earlier reads have seen, where each client's writes count in its order"
            }
            Self::MonotonicWrites => {
                "each client's reads, if they can have gone forward at all, can have done so seeing with each write those that its client made before, which count before it"
            }
            Self::WritesFollowReads => {
                "each client's reads, if they can have gone forward at all, can have done so seeing with each write those that its client had read before, which count before it"
            }
            Self::Eventual => {
                "of each key, the last reads of clients that read when all writes were over (of unknown outcome: when somebody had read them; if nobody did they do not count) have returned the same write"
            }
            Self::Regular => {
                "each read returns a write that does not begin after it and is not overwritten between that write's end and the read's invocation"
            }
            Self::Safe => {
                "each read that runs while no write of its key runs returns a write that is not overwritten between that write's end and the read's invocation; other reads return anything"
            }
            Self::Versions(_) => {
                "there is one order of all operations of a key, each at an instant between its invocation and its return, in which each read returns one of the last k writes before it"
            }
            Self::Time(_) => {
                "there is one order of all operations of a key, each at an instant between its invocation, for a read earlier by the given time, and its return, that explains what was returned"
            }
        }
    }

    /// Who defined it.
    pub fn source(self) -> &'static str {
        match self {
            Self::Linearizable => {
                "Herlihy, Wing 1990, Linearizability: a correctness condition for concurrent objects, section 2"
            }
            Self::Sequential => {
                "Lamport 1979, How to make a multiprocessor computer that correctly executes multiprocess programs"
            }
            Self::CausalConvergence => {
                "Burckhardt 2014, Principles of eventual consistency, section 5.1.3; Lloyd et al. 2011 (causal+); Bouajjani et al. 2017, On verifying causal consistency, section 3 (CCv)"
            }
            Self::Causal => {
                "Ahamad et al. 1995, Causal memory: definitions, implementation, and programming; Bouajjani et al. 2017, section 3 (CM)"
            }
            Self::WeakCausal => {
                "Perrin, Mostefaoui, Jard 2016, Causal consistency: beyond memory; Bouajjani et al. 2017, section 3 (CC)"
            }
            Self::Pram => {
                "Lipton, Sandberg 1988, PRAM: a scalable shared memory; Steinke, Nutt 2004, A unified theory of shared memory consistency"
            }
            Self::ReadYourWrites | Self::MonotonicReads | Self::MonotonicWrites | Self::WritesFollowReads => {
                "Terry et al. 1994, Session guarantees for weakly consistent replicated data, section 3"
            }
            Self::Eventual => {
                "Vogels 2009, Eventually consistent; Viotti, Vukolic 2016, Consistency in non-transactional distributed storage systems, section 3.2 (of finite histories: what was read when nothing more was written)"
            }
            Self::Regular => {
                "Lamport 1986, On interprocess communication, part II; with several writers Shao et al. 2011, Multiwriter consistency conditions for shared memory registers (MWR1: each read with all writes)"
            }
            Self::Safe => {
                "Lamport 1986, On interprocess communication, part II; with several writers after Shao et al. 2011"
            }
            Self::Versions(_) => {
                "Aiyer, Alvisi, Bazzi 2005, On the availability of non-strict quorum systems (k-atomicity)"
            }
            Self::Time(_) => {
                "Golab, Li, Shah 2011, Analyzing consistency properties for fun and profit (Delta-atomicity)"
            }
        }
    }

    /// What it implies directly: every history that satisfies this satisfies those.
    pub fn implies(self) -> &'static [Self] {
        match self {
            Self::Linearizable => &[Self::Sequential, Self::Regular, Self::Eventual],
            Self::Sequential => &[Self::CausalConvergence, Self::Causal],
            Self::CausalConvergence => {
                &[Self::WeakCausal, Self::MonotonicReads, Self::MonotonicWrites, Self::WritesFollowReads]
            }
            Self::Causal => &[Self::WeakCausal, Self::Pram, Self::WritesFollowReads],
            Self::WeakCausal => &[Self::ReadYourWrites],
            Self::Pram => &[Self::ReadYourWrites, Self::MonotonicReads, Self::MonotonicWrites],
            Self::Regular => &[Self::Safe],
            _ => &[],
        }
    }

    /// Whether every history that satisfies this satisfies `other`.
    pub fn is_at_least(self, other: Self) -> bool {
        let by_parameter = match (self, other) {
            (Self::Versions(least), Self::Versions(most)) => least <= most,
            (Self::Time(least), Self::Time(most)) => least <= most,
            (Self::Linearizable, Self::Versions(k)) => k >= 1,
            (Self::Linearizable, Self::Time(_)) => true,
            _ => false,
        };
        by_parameter || self == other || self.implies().iter().any(|implied| implied.is_at_least(other))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Versions(k) => write!(f, "versions:{k}"),
            Self::Time(nanoseconds) => write!(f, "time:{nanoseconds}"),
            other => f.write_str(other.name()),
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(k) = text.strip_prefix("versions:") {
            return match k.parse() {
                Ok(k) if k > 0 => Ok(Self::Versions(k)),
                _ => Err(format!("`{k}` is no number of versions: 1 or more")),
            };
        }
        if let Some(time) = text.strip_prefix("time:") {
            return time.parse().map(Self::Time).map_err(|_| format!("`{time}` is no number of nanoseconds"));
        }
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| format!("`{text}` is no level: {}, versions:K, time:NANOSECONDS", known()))
    }
}
