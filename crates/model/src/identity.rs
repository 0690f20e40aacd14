//! Who: process identities and sets of them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The identity of a process, counted from 0 within its world.
///
/// Not the place it runs at: two *seats* of a world may carry one identity (the twins of a Byzantine process).
///
/// Written as a number; by its type's name whoever takes a value apart knows it from other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(pub u32);

impl ProcessId {
    /// As an index into a table by process.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// A contiguous range of identities: the processes an algorithm runs among.
///
/// In a world of one kind it is everybody; with servers and clients in one world each role has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Range")]
pub struct Group {
    /// The lowest identity of the group.
    pub first: ProcessId,
    /// How many processes it has.
    pub count: u32,
}

/// A group as it is written.
#[derive(Deserialize)]
#[serde(rename = "Group")]
struct Range {
    first: ProcessId,
    count: u32,
}

impl TryFrom<Range> for Group {
    type Error = String;

    fn try_from(Range { first, count }: Range) -> Result<Self, String> {
        let end = first.0.checked_add(count);
        end.map(|_| Self { first, count })
            .ok_or_else(|| format!("a group of {count} from {first} on: there are no such identities"))
    }
}

impl Group {
    /// The group of identities `0..count`.
    pub const fn first(count: u32) -> Self {
        Self { first: ProcessId(0), count }
    }

    /// The group of `count` identities from `first` on.
    pub const fn new(first: u32, count: u32) -> Self {
        Self { first: ProcessId(first), count }
    }

    /// Its members, in ascending order.
    pub fn members(self) -> impl DoubleEndedIterator<Item = ProcessId> + ExactSizeIterator + Clone {
        (self.first.0..self.first.0 + self.count).map(ProcessId)
    }

    /// Whether `p` is a member.
    pub const fn contains(self, p: ProcessId) -> bool {
        self.first.0 <= p.0 && p.0 < self.first.0 + self.count
    }

    /// The member after `p`, where they form a ring.
    ///
    /// # Panics
    /// If `p` is no member.
    pub const fn after(self, p: ProcessId) -> ProcessId {
        assert!(self.contains(p), "only a member has a neighbour");
        ProcessId(self.first.0 + (p.0 - self.first.0 + 1) % self.count)
    }

    /// The smallest number of members that is more than half of them.
    pub const fn majority(self) -> usize {
        self.count as usize / 2 + 1
    }
}

/// A set of processes, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessSet(BTreeSet<ProcessId>);

impl ProcessSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Adds `p`; whether it was absent.
    pub fn insert(&mut self, p: ProcessId) -> bool {
        self.0.insert(p)
    }

    /// Takes `p` out; whether it was present.
    pub fn remove(&mut self, p: ProcessId) -> bool {
        self.0.remove(&p)
    }

    /// Whether `p` is a member.
    pub fn contains(&self, p: ProcessId) -> bool {
        self.0.contains(&p)
    }

    /// Its members, in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = ProcessId> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no process is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.0.is_disjoint(&other.0)
    }
}

impl FromIterator<ProcessId> for ProcessSet {
    fn from_iter<I: IntoIterator<Item = ProcessId>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl fmt::Display for ProcessSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{")?;
        for (i, p) in self.iter().enumerate() {
            write!(f, "{}{p}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, "}}")
    }
}
