//! Marks: branches of an algorithm's code by name, so that those that no run takes can be told.
//!
//! An algorithm lists the names ([`Process::MARKS`], [`RoundProcess::MARKS`]) and says where it comes to them
//! (`ctx.reach("stale ballot")`). A mark is no effect: it is in no state, no message, no trace, and nobody heeds it but who
//! asks what was covered. The marks of embedded modules and of roles are known once these have started.

use crate::context::Sink;
use crate::process::Process;
use crate::round::RoundProcess;
use std::any::type_name;
use std::fmt;

/// A marked branch: whose, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    of: &'static str,
    name: &'static str,
}

impl Mark {
    /// One of a process's.
    ///
    /// # Panics
    /// In a debug build, if the process does not list it.
    pub(crate) fn of<P: Process>(name: &'static str) -> Self {
        Self::listed::<P>(name, P::MARKS)
    }

    /// One of a round algorithm's.
    ///
    /// # Panics
    /// In a debug build, if the algorithm does not list it.
    pub(crate) fn in_rounds<A: RoundProcess>(name: &'static str) -> Self {
        Self::listed::<A>(name, A::MARKS)
    }

    fn listed<P>(name: &'static str, all: &[&'static str]) -> Self {
        let of = type_name::<P>();
        debug_assert!(all.contains(&name), "{name:?} is not among the marks of {of}");
        Self { of, name }
    }

    /// All that a process lists.
    pub fn all<P: Process>() -> impl Iterator<Item = Self> {
        P::MARKS.iter().map(|name| Self::of::<P>(name))
    }

    /// All that a round algorithm lists.
    pub fn all_in_rounds<A: RoundProcess>() -> impl Iterator<Item = Self> {
        A::MARKS.iter().map(|name| Self::in_rounds::<A>(name))
    }
}

impl fmt::Display for Mark {
    /// The algorithm without its path and its parameters, and the name: `Paxos: stale ballot`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.of.split('<').next().unwrap_or(self.of);
        write!(f, "{}: {}", plain.rsplit("::").next().unwrap_or(plain), self.name)
    }
}

/// Makes the marks of a module, or of a role, known where it starts.
pub fn declare<P: Process, M: Process>(sink: &mut impl Sink<P>) {
    for mark in Mark::all::<M>() {
        sink.mark(mark, false);
    }
}
