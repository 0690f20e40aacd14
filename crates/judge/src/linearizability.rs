//! Linearizability: just-in-time linearization, with memory.
//!
//! An operation takes effect only when a return asks for it: at the first return that is not explained, its own operation takes
//! effect, or one that is running does before it (Lowe 2017, after Wing, Gong 1993). So what the past leaves open is the state and
//! which of the running operations took effect; where that was met before at the same return, nothing new follows.
//!
//! Three arguments spare choices, none of them an answer. An operation that only observes takes effect as soon as what it
//! saw is so. Of running operations that ask the same and return the same the one that returns first goes first. An operation
//! of unknown outcome takes effect where that changes something.

use crate::history::History;
use crate::search::{Found, Search};
use crate::specification::SequentialSpecification;
use std::sync::atomic::AtomicBool;

/// How much a judgement may cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// The most choices of the operation that takes effect next.
    pub steps_max: u64,
    /// The most bytes of what it remembers, about.
    pub memory_max: usize,
    /// It gives up soon after this is set.
    pub interrupted: Option<&'a AtomicBool>,
    /// Whether a violation tells the longest prefix that is linearizable, where that takes judging some twenty of them; else it tells
    /// one that is, and the operation that returned last.
    pub longest_prefix: bool,
}

impl Budget<'_> {
    /// So many choices.
    pub const fn steps(steps_max: u64) -> Self {
        Self { steps_max, memory_max: 4 << 30, interrupted: None, longest_prefix: true }
    }
}

impl Default for Budget<'_> {
    /// A hundred million choices, about a minute; 4 GiB.
    fn default() -> Self {
        Self::steps(100_000_000)
    }
}

/// Whether a history is linearizable. Operations are named by their index in [`History::operations`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Linearizable {
        /// An order in which the operations took effect; those missing failed, or are unknown and never did.
        order: Vec<usize>,
    },
    /// It is not.
    Violation {
        /// The length, in events, of the longest prefix that is linearizable.
        prefix: usize,
        /// An order that explains that prefix.
        order: Vec<usize>,
        /// The operation whose return, the event after the prefix, no order explains.
        operation: usize,
    },
    /// The budget ran out.
    Unknown {
        /// The length, in events, of the longest prefix that was found to be linearizable.
        prefix: usize,
    },
}

impl Verdict {
    /// Whether an order was found.
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable { .. })
    }

    /// Whether no order exists.
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::Violation { .. })
    }
}

/// Whether `history` is linearizable with respect to `specification`.
pub fn linearizable<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    budget: Budget<'_>,
) -> Verdict {
    by_prefixes(history, budget, |history| Some(Search::new(specification, history, budget).run()))
        .expect("any history can be searched")
}

/// The verdict of a decision, if it can be made, which is taken again for prefixes until the longest that is linearizable is known: all of what is linearizable has
/// linearizable prefixes.
///
/// A search that finds no order knows all outcomes. In a prefix some of them are still open, so one that is longer than the search came may
/// be linearizable; mostly none is.
pub(crate) fn by_prefixes<O: Clone, R: Clone>(
    history: &History<O, R>,
    budget: Budget<'_>,
    decide: impl Fn(&History<O, R>) -> Option<Found>,
) -> Option<Verdict> {
    let returns =
        || history.operations().iter().enumerate().filter_map(|(number, o)| Some((o.returned?, number)));
    let mut explained = match decide(history)? {
        Found::Order(order) => return Some(Verdict::Linearizable { order }),
        Found::OutOfBudget { prefix } => return Some(Verdict::Unknown { prefix }),
        Found::None { prefix, order } => (prefix, order),
    };
    let mut unexplained = history.events().len();
    if !budget.longest_prefix
        && let Some((_, operation)) = returns().max()
    {
        let (prefix, order) = explained;
        return Some(Verdict::Violation { prefix, order, operation });
    }
    let mut stride = 1;
    while explained.0 + 1 < unexplained {
        let far = explained.0 + stride;
        let middle = if far < unexplained { far } else { usize::midpoint(explained.0, unexplained) };
        match decide(&history.prefix(middle))? {
            Found::Order(order) => {
                explained = (middle, order);
                stride *= 2;
            }
            Found::None { .. } => {
                unexplained = middle;
                stride = (stride / 2).max(1);
            }
            Found::OutOfBudget { .. } => return Some(Verdict::Unknown { prefix: explained.0 }),
        }
    }
    let (prefix, order) = explained;
    let operation = returns().find(|&(event, _)| event == prefix).map(|(_, operation)| operation);
    let operation =
        operation.expect("only a return can be unexplained: what is invoked may be yet to take effect");
    Some(Verdict::Violation { prefix, order, operation })
}
