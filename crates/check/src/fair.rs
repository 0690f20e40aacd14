//! Fair runs: whether a finite graph has one that stays for ever where it should not.
//!
//! A run is *fair* when every class of steps under weak fairness that is enabled from some point on for ever is taken again
//! and again, and every class under strong fairness that is enabled again and again is taken again and again. A liveness
//! property is refuted by a fair run that never gets to what was promised: [`find`] looks for one, in a region of states,
//! and answers with a [`Lasso`] - a stem and a loop - that [`Lasso::verify`] checks anew, step by step.
//!
//! # What counts
//! * A class is enabled in a state if an edge of that state carries its label: an edge that leaves the region, that leads
//!   beyond what was explored ([`Graph::beyond`]), or that the question forbids, too. To forbid steps asks about fewer runs;
//!   it does not change which of them are fair. Whoever means that a class is owed nothing says so in the question's table.
//! * A class is served by an edge that the run takes for ever, a loop from a state to itself included. Where a step
//!   that changes nothing is no step (TLA+), the owner of the graph leaves those edges out.
//! * A run may stop: every state has an invisible step to itself (Lamport's stuttering) that serves nothing. To stop is fair
//!   in a state where no class under fairness is enabled, even if steps that are owed nothing are. Mere progress is one weak
//!   class of all steps.
//! * What is not known refutes nothing: no loop goes through a state whose edges are not all known ([`Graph::mark`]), and
//!   where runs reach one, or a step beyond what was explored, the answer is [`Answer::Open`] instead of a "no".
//!
//! # How
//! The states that a fair run visits for ever are strongly connected. A component in which a weak class is enabled everywhere
//! and never taken has no fair run, nor has any part of it. One in which a strong class is enabled somewhere and never taken
//! loses the states where it is enabled, and what remains is taken apart again: the emptiness check for Streett automata
//! (Emerson and Lei 1987), on components found by Tarjan's algorithm (1972) with Pearce's memory (2016). Each round is
//! linear in the edges of what is left; there are at most as many nested rounds as strong classes.

mod bits;
mod claims;
mod components;
mod graph;
mod lasso;
mod search;
mod verify;

pub use bits::Bits;
pub use claims::{Temporal, refute};
pub use graph::Graph;
pub use lasso::{Lasso, Step};
pub use search::find;

/// What a run owes to a class of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fairness {
    /// Nothing: it may be passed over for ever, as a faulty process's or an adversary's steps may.
    #[default]
    None,
    /// Enabled from some point on for ever, it is taken again and again.
    Weak,
    /// Enabled again and again, it is taken again and again.
    Strong,
}

/// What a question says of the edges with one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// What a run owes to them.
    pub fairness: Fairness,
    /// Whether the runs that are looked for do not take them.
    pub forbidden: bool,
}

impl Class {
    /// A class that may be taken, under this fairness.
    pub const fn new(fairness: Fairness) -> Self {
        Self { fairness, forbidden: false }
    }

    /// A class that may not be taken, and is owed nothing: crashes of a process that is to be correct.
    pub const FORBIDDEN: Self = Self { fairness: Fairness::None, forbidden: true };
}

/// Which fair runs are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// They stay in these states for ever.
    pub region: &'a Bits,
    /// From one of these on (those outside the region count for nothing): not a step of theirs leaves the region, or is
    /// forbidden, from there.
    pub from: &'a Bits,
    /// They visit these again and again; `None`: no matter what they visit.
    pub accepting: Option<&'a Bits>,
    /// By label; a label beyond the table is `Class::default()`.
    pub classes: &'a [Class],
    /// Where each level of a breadth-first numbering starts, for the shortest way from an initial state; empty where
    /// states are not numbered like that: then the way is the shortest from `from`.
    pub levels: &'a [u32],
}

impl Question<'_> {
    pub(crate) fn class(&self, label: u32) -> Class {
        self.classes.get(label as usize).copied().unwrap_or_default()
    }

    /// The target of an edge, unless it is forbidden or beyond what was explored.
    pub(crate) fn allowed(&self, graph: &Graph, edge: usize) -> Option<u32> {
        graph.target(edge).filter(|_| !self.class(graph.label(edge)).forbidden)
    }

    /// The target of an edge that a run may take: allowed, and within the region.
    pub(crate) fn way(&self, graph: &Graph, edge: usize) -> Option<u32> {
        self.allowed(graph, edge).filter(|&target| self.region.get(target))
    }
}

/// What is known of the fair runs that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Here is one.
    Found(Lasso),
    /// There is none.
    None,
    /// None was found, but runs go on from here into what is not known: within the region, from `from`, this state is
    /// reached, and its edges are not all known or one leads beyond what was explored.
    Open {
        /// The first such state among those with this reason.
        state: u32,
        /// The greatest reason given to [`Graph::mark`]; 0 where an edge leads beyond what was explored.
        reason: u8,
    },
}
