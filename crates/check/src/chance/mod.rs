//! Chance: coins are not choices. A system in which an adversary chooses and coins decide, as a Markov decision process
//! (Puterman 1994; Baier, Katoen 2008, ch. 10).
//!
//! A [`Game`] has states; in each the adversary takes one of the enabled actions, and chance picks the next state by the
//! action's distribution. [`Explored`] holds its reachable states and answers for every adversary at once:
//! whether a goal is reached *almost surely*, with the end component in which a (fair) adversary stays if it is not; the least
//! and the greatest *probability* of reaching it; the least and the greatest *expected* reward until then.
//!
//! Numbers are [`Interval`]s that contain the true value: iterated from both sides, rounded outward, and only the digits
//! that are certain are printed.

mod components;
mod fair;
mod interval;
mod model;
mod qualitative;
mod rounds;
#[cfg(test)]
mod tests;
mod values;
mod world;

pub use interval::Interval;
pub use model::{Explored, Scope};
pub use qualitative::{AlmostSurely, Escape};
pub use values::{Answer, Precision};
pub use world::{CutOff, Taken, WorldState, Worlds};

use crate::system::{Justice, Plain};

/// A system in which an adversary chooses and coins decide.
pub trait Game: Sized + Sync {
    /// A state.
    type State: Plain;
    /// The name of what the adversary may do.
    type Action: Plain;

    /// Calls `each` with every initial state: the adversary picks one.
    fn initial(&self, each: &mut impl FnMut(Self::State));

    /// Calls `each` with every action that is enabled and the distribution over the states it leads to, in an order that
    /// depends on the state alone. In a state without an action the run ends.
    fn actions(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Distribution<Self::State>));

    /// Whether an adversary may pass an action over for ever. Almost-sure reachability is judged against fair adversaries
    /// alone; probabilities and expectations are over all.
    fn fairness(&self, action: &Self::Action) -> Justice {
        let _ = action;
        Justice::None
    }
}

/// Whom the answer is for: of all adversaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extreme {
    /// The one that makes the quantity least.
    Least,
    /// The one that makes it greatest.
    Greatest,
}

impl Extreme {
    /// Of two values.
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Least => a.min(b),
            Self::Greatest => a.max(b),
        }
    }
}

/// A finite distribution with rational weights: an outcome of k parts has the probability k / (the sum of all parts).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distribution<S> {
    parts: Vec<(u64, S)>,
}

impl<S> Distribution<S> {
    /// Certainly this.
    pub fn certain(outcome: S) -> Self {
        Self { parts: vec![(1, outcome)] }
    }

    /// Each of these with the same probability.
    ///
    /// # Panics
    /// If there is none.
    pub fn uniform(outcomes: impl IntoIterator<Item = S>) -> Self {
        Self::new(outcomes.into_iter().map(|outcome| (1, outcome)).collect())
    }

    /// Each of these with the probability of its parts among all.
    ///
    /// # Panics
    /// If there are no parts, or more than 2^53 in all.
    pub fn new(parts: Vec<(u64, S)>) -> Self {
        let parts: Vec<_> = parts.into_iter().filter(|(weight, _)| *weight > 0).collect();
        let all = parts.iter().try_fold(0_u64, |sum, (weight, _)| sum.checked_add(*weight));
        assert!(all.is_some_and(|all| (1..1 << 53).contains(&all)), "a distribution has 1 to 2^53 parts");
        Self { parts }
    }

    /// What may come out, each with its parts.
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = (u64, &S)> {
        self.parts.iter().map(|(weight, outcome)| (*weight, outcome))
    }

    /// The number of parts in all.
    pub fn whole(&self) -> u64 {
        self.parts.iter().map(|(weight, _)| weight).sum()
    }

    /// A distribution picked by chance: the outcome of the picked one.
    ///
    /// # Panics
    /// If there is none to pick, or if the common denominator exceeds 2^53.
    pub fn mixed(uniform: Vec<Self>) -> Self {
        let common = uniform.iter().fold(1_u64, |all, d| least_common_multiple(all, d.whole()));
        let scaled = uniform.into_iter().flat_map(|d| {
            let factor = common / d.whole();
            d.parts.into_iter().map(move |(weight, outcome)| (weight * factor, outcome))
        });
        Self::new(scaled.collect())
    }

    /// The same over other outcomes.
    pub fn map<T>(self, mut outcome: impl FnMut(S) -> T) -> Distribution<T> {
        Distribution { parts: self.parts.into_iter().map(|(weight, s)| (weight, outcome(s))).collect() }
    }
}

fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a.checked_mul(b / x).expect("a common denominator below 2^53")
}
