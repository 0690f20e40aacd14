//! The way to judge that is best for an object and its history.

use crate::history::History;
use crate::linearizability::{Budget, Verdict, by_prefixes, linearizable};
use crate::model::{Register, RegisterOperation, RegisterReturn};
use crate::search::{Found, Search};
use crate::versions::{Versioned, versions};
use crate::zones::{self, Zones};
use std::fmt::Debug;
use std::hash::Hash;

/// A way to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Any object.
    Search,
    /// Registers to which nothing is written twice.
    Zones,
    /// Texts and lists to which nothing is written twice.
    Versions,
}

impl Way {
    /// What it is, with its source.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "just-in-time linearization with memory (Wing, Gong 1993; Lowe 2017)",
            Self::Zones => "zones, since no value is written twice (Gibbons, Korach 1997)",
            Self::Versions => "search among the versions that were read, since nothing is written twice",
        }
    }
}

/// A register's history.
pub fn register<V: Clone + Eq + Hash + Debug>(
    history: &History<RegisterOperation<V>, RegisterReturn<V>>,
    budget: Budget<'_>,
) -> (Verdict, Way) {
    let decide = |history: &_| match zones::order(history) {
        Zones::Order(order) => Some(Found::Order(order)),
        Zones::None => Some(Found::None { prefix: 0, order: vec![] }),
        Zones::Ambiguous => None,
    };
    match by_prefixes(history, decide) {
        Some(verdict) => (verdict, Way::Zones),
        None => (linearizable(&Register::default(), history, budget), Way::Search),
    }
}

/// The history of an object of versions.
pub fn versioned<S: Versioned>(
    object: &S,
    history: &History<S::Operation, S::Return>,
    budget: Budget<'_>,
) -> (Verdict, Way) {
    let decide = |history: &_| {
        let (object, history) = versions::<S>(history)?;
        Some(Search::new(&object, &history, budget).run())
    };
    match by_prefixes(history, decide) {
        Some(verdict) => (verdict, Way::Versions),
        None => (linearizable(object, history, budget), Way::Search),
    }
}
