//! Temporal claims as questions for a fair run.

use super::{Answer, Bits, Class, Graph, Question, find};

/// A claim on every fair run, over sets of states.
#[derive(Clone, Copy, Debug)]
pub enum Temporal<'a> {
    /// It reaches one of these.
    Eventually(&'a Bits),
    /// Whenever it is in one of the first, it is then or later in one of the second.
    LeadsTo(&'a Bits, &'a Bits),
    /// It is in one of these again and again.
    InfinitelyOften(&'a Bits),
    /// It is in these alone from some point on.
    EventuallyAlways(&'a Bits),
}

/// Looks for a fair run that breaks a claim: [`Answer::None`] says that the claim holds.
///
/// Every state of the graph counts as one that is reached; the sets have as many states as the graph. The stem of a lasso
/// starts where the claim is owed from, and no step after that is forbidden: in an initial state for `Eventually`, in one
/// of the first set for `LeadsTo`, else anywhere, so that it is empty: the way there is the explorer's.
pub fn refute(
    graph: &Graph,
    initial: &Bits,
    claim: Temporal<'_>,
    classes: &[Class],
    levels: &[u32],
) -> Answer {
    let ask = |region: &Bits, from: &Bits, accepting: Option<&Bits>| {
        find(graph, &Question { region, from, accepting, classes, levels })
    };
    match claim {
        Temporal::Eventually(goal) => ask(&goal.complement(), initial, None),
        Temporal::LeadsTo(cause, goal) => ask(&goal.complement(), cause, None),
        Temporal::InfinitelyOften(goal) => {
            let region = goal.complement();
            ask(&region, &region, None)
        }
        Temporal::EventuallyAlways(goal) => {
            let all = Bits::all(goal.states());
            ask(&all, &all, Some(&goal.complement()))
        }
    }
}
