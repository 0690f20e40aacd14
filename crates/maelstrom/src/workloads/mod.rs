//! Maelstrom's workloads: an adapter each.

mod numbers;

use crate::node::{Node, Said};
use crate::workload::Workload;
use numbers::{Echo, UniqueIds};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The workloads that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// What is said comes back.
    Echo,
    /// Names that nobody else is given.
    UniqueIds,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Echo, Self::UniqueIds];

    /// As Maelstrom calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::UniqueIds => "unique-ids",
        }
    }

    /// A node of it. Its choices follow from the seed and from its name.
    pub fn node(self, _options: &Options, seed: u64) -> Box<dyn Line> {
        match self {
            Self::Echo => Box::new(Node::new(Echo, seed)),
            Self::UniqueIds => Box::new(Node::new(UniqueIds::default(), seed)),
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {}

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
