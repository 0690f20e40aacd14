//! Predicates of a system whose states carry a monitor: one for each of its properties.

use crate::system::{Predicate, System};
use synod_properties::{Monitor, Property};

/// How many properties a monitor may have here.
pub(crate) const PROPERTIES_MAX: usize = 32;

/// A system whose states are judged by a monitor.
pub(crate) trait Judged: System {
    /// Whether the property of this place is not broken.
    fn is_unbroken(&self, state: &Self::State, at: usize) -> bool;
    /// Whether nothing is due under the property of this place.
    fn is_paid(&self, state: &Self::State, at: usize) -> bool;
    /// Whether the goal of this place is reached.
    fn is_reached(&self, state: &Self::State, at: usize) -> bool;
}

/// Whether a monitor has reached a goal.
pub(crate) fn has_reached<Q, I>(monitor: &impl Monitor<Q, I>, property: &Property) -> bool {
    let mut reached = false;
    monitor.reached(&mut |goal| reached |= goal == property.id);
    reached
}

/// A predicate is a function without a state of its own: one for each place in the list of properties.
macro_rules! one_each {
    ($($at:literal)*) => {
        pub(crate) fn unbroken<S: Judged>() -> [Predicate<S>; PROPERTIES_MAX] {
            [$(|system, state| system.is_unbroken(state, $at)),*]
        }

        pub(crate) fn paid<S: Judged>() -> [Predicate<S>; PROPERTIES_MAX] {
            [$(|system, state| system.is_paid(state, $at)),*]
        }

        pub(crate) fn reached<S: Judged>() -> [Predicate<S>; PROPERTIES_MAX] {
            [$(|system, state| system.is_reached(state, $at)),*]
        }
    };
}
one_each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
