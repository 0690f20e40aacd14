//! What an object does when it is used by one client at a time.

use std::fmt::Debug;
use std::hash::Hash;

/// A deterministic sequential object. This is all that a user writes to have histories of it judged:
///
/// ```
/// use synod_judge::SequentialSpecification;
///
/// /// A counter whose increment returns the value before it.
/// struct Counter;
///
/// impl SequentialSpecification for Counter {
///     type State = u64;
///     type Operation = ();
///     type Return = u64;
///     fn initial(&self) -> u64 {
///         0
///     }
///     fn apply(&self, count: &u64, (): &()) -> (u64, u64) {
///         (count + 1, *count)
///     }
/// }
/// ```
pub trait SequentialSpecification {
    /// The state of the object.
    type State: Clone + Eq + Hash + Debug;
    /// What clients ask of it.
    type Operation: Clone + Eq + Hash + Debug;
    /// What they get.
    type Return: Clone + Eq + Hash + Debug;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// What `operation` makes of `state`, and what it returns.
    fn apply(&self, state: &Self::State, operation: &Self::Operation) -> (Self::State, Self::Return);

    /// Whether `operation`, when it returns this (nothing: whatever it returns), never changes any state. Only speed depends on it; an answer of
    /// "yes" that is not true makes verdicts wrong.
    fn observes(&self, _operation: &Self::Operation, _returned: Option<&Self::Return>) -> bool {
        false
    }

    /// Of an object that is many, like a set, which is a bit for each element: a number of the one that `operation` asks; nothing if it asks more
    /// than one. Linearizability is local (Herlihy, Wing 1990, theorem 1): what is wrong with one of them is shown without the others.
    fn place(&self, _operation: &Self::Operation) -> Option<u64> {
        None
    }

    /// Whether what is yet to be observed can still be if at this event of the history `next` comes after `state`. Only speed depends on it; an
    /// answer of "no" that is not true makes verdicts wrong.
    #[doc(hidden)]
    fn may_follow(&self, _state: &Self::State, _next: &Self::State, _event: usize) -> bool {
        true
    }
}
