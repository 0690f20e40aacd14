//! Maelstrom's workloads: an adapter each.

mod kafka;
mod numbers;
mod replicated;
mod spread;
mod store;

use crate::node::{Node, Said};
use crate::workload::Workload;
use numbers::{Echo, UniqueIds};
use replicated::Replicated;
use spread::{Spread, Sum, Values};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use synod_algorithms::consensus::raft::{self, RaftParameters};
use synod_algorithms::gossip::bimodal;

/// The workloads that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// What is said comes back.
    Echo,
    /// Names that nobody else is given.
    UniqueIds,
    /// Messages that all nodes see.
    Broadcast,
    /// A set that grows.
    GSet,
    /// A counter that grows.
    GCounter,
    /// A counter.
    PnCounter,
    /// Registers that are read, written, compared and set: linearizable.
    LinKv,
    /// Transactions on registers: strict serializable.
    TxnRwRegister,
    /// Transactions on lists: strict serializable.
    TxnListAppend,
    /// Logs by key.
    Kafka,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Echo,
        Self::UniqueIds,
        Self::Broadcast,
        Self::GSet,
        Self::GCounter,
        Self::PnCounter,
        Self::LinKv,
        Self::TxnRwRegister,
        Self::TxnListAppend,
        Self::Kafka,
    ];

    /// As Maelstrom calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::UniqueIds => "unique-ids",
            Self::Broadcast => "broadcast",
            Self::GSet => "g-set",
            Self::GCounter => "g-counter",
            Self::PnCounter => "pn-counter",
            Self::LinKv => "lin-kv",
            Self::TxnRwRegister => "txn-rw-register",
            Self::TxnListAppend => "txn-list-append",
            Self::Kafka => "kafka",
        }
    }

    /// A node of it. Its choices follow from the seed and from its name.
    pub fn node(self, options: &Options, seed: u64) -> Box<dyn Line> {
        fn boxed<W: Workload + fmt::Debug + 'static>(workload: W, seed: u64) -> Box<dyn Line> {
            Box::new(Node::new(workload, seed))
        }
        let parameters = options.spread();
        match self {
            Self::Echo => boxed(Echo, seed),
            Self::UniqueIds => boxed(UniqueIds::default(), seed),
            Self::Broadcast => boxed(Spread { parameters, fold: Values::messages() }, seed),
            Self::GSet => boxed(Spread { parameters, fold: Values::elements() }, seed),
            Self::GCounter | Self::PnCounter => {
                let fold = Sum { grows: self == Self::GCounter, total: 0 };
                boxed(Spread { parameters, fold }, seed)
            }
            Self::LinKv => boxed(Replicated::<store::LinKv>::new(options.replicated()), seed),
            Self::TxnRwRegister | Self::TxnListAppend => {
                boxed(Replicated::<store::Transactions>::new(options.replicated()), seed)
            }
            Self::Kafka => boxed(Replicated::<kafka::Kafka>::new(options.replicated()), seed),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("no workload is called `{name}`: {names}")
        })
    }
}

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a message between nodes takes on average, at least about: what waits, waits longer where that is more.
    pub latency: Duration,
    /// For how long updates are gathered before they are passed on together; each goes to all at once, where there is none.
    pub gather: Option<Duration>,
    /// The broken twin of what spreads, if any.
    pub spread_defect: Option<bimodal::Defect>,
    /// The broken twin of what is replicated, if any.
    pub raft_defect: Option<raft::Defect>,
}

impl Default for Options {
    /// For messages of up to 20 ms; to all at once.
    fn default() -> Self {
        Self { latency: Duration::from_millis(20), gather: None, spread_defect: None, raft_defect: None }
    }
}

impl Options {
    fn spread(&self) -> bimodal::Parameters {
        bimodal::Parameters {
            gathers: self.gather.map(bimodal::Window),
            // what is on its way looks as if it were lost: seldom enough to cost little
            period: (self.latency * 10).max(Duration::from_millis(200)),
            defect: self.spread_defect,
        }
    }

    fn replicated(&self) -> RaftParameters {
        let latency = self.latency.max(Duration::from_millis(1));
        RaftParameters {
            election: latency * 15,
            election_spread: latency * 15,
            heartbeat: latency * 4,
            // a client that waits for longer than it does has given up itself
            give_up_after: Duration::from_secs(1),
            defect: self.raft_defect,
            ..RaftParameters::default()
        }
    }
}

/// A node of any workload. See [`Node`] for what its methods promise.
pub trait Line: fmt::Debug {
    /// Takes a line, which came at `now`.
    fn take(&mut self, line: &[u8], now: Duration) -> Said;
    /// When it wants to be woken, if no line comes before.
    fn deadline(&self) -> Option<Duration>;
    /// Lets all timers fire that are due at `now`.
    fn wake(&mut self, now: Duration) -> Said;
}

impl<W: Workload + fmt::Debug> Line for Node<W> {
    fn take(&mut self, line: &[u8], now: Duration) -> Said {
        Node::take(self, line, now)
    }

    fn deadline(&self) -> Option<Duration> {
        Node::deadline(self)
    }

    fn wake(&mut self, now: Duration) -> Said {
        Node::wake(self, now)
    }
}
