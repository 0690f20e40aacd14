//! Plain transition systems: the second way in, for shared-memory algorithms, specifications, and worlds whose steps are
//! no single process's (rounds).

use std::fmt;
use std::hash::Hash;
use synod_properties::{Kind, Property};

/// What a system's states and actions must be: compared, hashed, shown, and shared between threads.
pub trait Plain: Clone + Ord + Hash + fmt::Debug + Send + Sync + 'static {}
impl<T: Clone + Ord + Hash + fmt::Debug + Send + Sync + 'static> Plain for T {}

/// A transition system: initial states, and for every state the actions that are enabled with the states they lead to.
///
/// A state is exactly what its type holds; an action is its name in a counterexample. Both callbacks must be called in
/// an order that depends on their argument alone: same system, same counterexample.
pub trait System: Sized + Sync {
    /// A state.
    type State: Plain;
    /// A step's name: what a reader of a counterexample sees.
    type Action: Plain;

    /// Calls `each` with every initial state.
    fn initial(&self, each: &mut impl FnMut(Self::State));

    /// Calls `each` with every enabled action and the state it leads to; more than once with an action that may end in
    /// several states. A step back to the same state is allowed, and counts as no step.
    fn steps(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Self::State));

    /// What is claimed of it.
    fn claims(&self) -> Vec<Claim<Self>>;

    /// Whether a state is kept: one outside is neither counted nor expanded (a constraint that makes a system finite).
    fn within(&self, state: &Self::State) -> bool {
        let _ = state;
        true
    }

    /// Whether a run may pass an action over for ever.
    fn fairness(&self, action: &Self::Action) -> Justice {
        let _ = action;
        Justice::None
    }

    /// How far a state is from what one looks for, for a search guided by distance ([`Measure`](crate::Measure)); where
    /// nobody says, the number of its goals ([`Says::Sometimes`]) that the state does not reach. It guides, and decides
    /// nothing: a wrong one costs time.
    fn distance(&self, state: &Self::State) -> Option<u64> {
        let _ = state;
        None
    }

    /// The representative of a state among those that a symmetry makes equal, where the system has one: the same for
    /// all of them. Used when the reduction by symmetry is asked for.
    fn representative(&self, state: &Self::State) -> Option<Self::State> {
        let _ = state;
        None
    }
}

/// What a run owes to an action. Actions of one class are served together: one of them taken serves the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Justice {
    /// Nothing: it may be passed over for ever.
    None,
    /// Weak fairness: a class enabled from some point on for ever is taken.
    Weak(u64),
    /// Strong fairness: a class enabled again and again is taken again and again.
    Strong(u64),
}

/// A predicate on states.
pub type Predicate<S> = fn(&S, &<S as System>::State) -> bool;

/// A property with what it says.
pub struct Claim<S: System> {
    /// Its name.
    pub property: Property,
    /// What it says.
    pub says: Says<S>,
}

/// What a claim says of the states of a run.
pub enum Says<S: System> {
    /// Every state satisfies this (an invariant).
    Always(Predicate<S>),
    /// Every state without a step to another satisfies this; `|_, _| false` claims the absence of deadlock.
    Ends(Predicate<S>),
    /// Some run reaches such a state.
    Sometimes(Predicate<S>),
    /// Every fair run reaches such a state.
    Eventually(Predicate<S>),
    /// In every fair run, the first is followed by the second (or holds together with it), every time.
    LeadsTo(Predicate<S>, Predicate<S>),
    /// Every fair run is in such a state again and again.
    InfinitelyOften(Predicate<S>),
    /// Every fair run is in such states alone from some point on.
    EventuallyAlways(Predicate<S>),
}

impl<S: System> Clone for Says<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S: System> Copy for Says<S> {}

impl<S: System> Claim<S> {
    /// `says` under this identifier and name.
    pub const fn new(id: &'static str, name: &'static str, says: Says<S>) -> Self {
        let kind = match says {
            Says::Always(_) | Says::Ends(_) => Kind::Safety,
            Says::Sometimes(_) => Kind::Reachable,
            _ => Kind::Liveness,
        };
        Self { property: Property { id, name, kind }, says }
    }
}
