//! Why a history is not linearizable, in words.

use crate::history::{History, Outcome};
use crate::linearizability::{Budget, Verdict};
use crate::search::Search;
use crate::specification::SequentialSpecification;
use std::collections::BTreeSet;

/// What an explanation may cost: a verdict is not to wait for its reasons.
const STEPS_MAX: u64 = 300_000;
const MEMORY_MAX: usize = 256 << 20;
/// No more states than these are told one by one.
const STATES_MAX: usize = 6;

/// Why no order explains the end of an operation. Operations are named by their index in [`History::operations`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The operation that ended with what it cannot have seen.
    pub operation: usize,
    /// What it returned.
    pub returned: String,
    /// All states that the object may have been in by then, whichever order its operations took effect in, each with what would have been
    /// returned. The first few; none where there are too many orders to know them all.
    pub states: Vec<(String, String)>,
    /// How many more there are.
    pub more: usize,
    /// What ran at the same time, in the order of invocation.
    pub concurrent: Vec<usize>,
    /// The last that took effect before all of these, in the order found.
    pub before: Vec<usize>,
}

/// Explains a violation; nothing if the verdict is none.
pub fn explain<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    verdict: &Verdict,
    budget: Budget<'_>,
) -> Option<Explanation> {
    let Verdict::Violation { prefix, order, operation } = verdict else { return None };
    let failing = history.prefix(prefix + 1);
    let budget = Budget {
        steps_max: budget.steps_max.min(STEPS_MAX),
        memory_max: budget.memory_max.min(MEMORY_MAX),
        ..budget
    };
    let stuck = Search::new(specification, &failing, budget).stuck().unwrap_or_default();
    let operations = history.operations();
    let its = &operations[*operation];
    let Outcome::Ok(returned) = &its.outcome else { return None };
    let told: BTreeSet<(String, String)> =
        stuck.iter().map(|(state, would)| (format!("{state:?}"), format!("{would:?}"))).collect();
    let overlaps = |index: &usize| {
        let other = &operations[*index];
        let is_open =
            other.returned.is_none_or(|end| end > its.invoked) || matches!(other.outcome, Outcome::Unknown);
        index != operation && other.invoked < *prefix && is_open && !matches!(other.outcome, Outcome::Failed)
    };
    let concurrent: Vec<usize> = (0..operations.len()).filter(overlaps).collect();
    let before = order.iter().rev().filter(|index| !concurrent.contains(index)).take(2).copied();
    let mut before: Vec<usize> = before.collect();
    before.reverse();
    Some(Explanation {
        operation: *operation,
        returned: format!("{returned:?}"),
        more: told.len().saturating_sub(STATES_MAX),
        states: told.into_iter().take(STATES_MAX).collect(),
        concurrent,
        before,
    })
}
