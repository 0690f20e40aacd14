//! The way to judge that is best for an object and its history.

mod levels;
mod lives;
mod nest;
mod queue;
mod set;
mod stack;
mod visits;

use crate::history::{History, Outcome};
use crate::linearizability::{Budget, Verdict, by_prefixes, linearizable};
use crate::model::{
    Queue, QueueOperation, QueueReturn, Register, RegisterOperation, RegisterReturn, Set, SetOperation,
    SetReturn, Stack, StackOperation, StackReturn,
};
use crate::search::{Found, Search};
use crate::specification::SequentialSpecification;
use crate::versions::{Versioned, versions};
use crate::zones::{self, Zones};
use rustc_hash::FxHashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// A way to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Any object.
    Search,
    /// Registers to which nothing is written twice.
    Zones,
    /// Registers to which values are written again and again.
    Visits,
    /// Texts and lists to which nothing is written twice.
    Versions,
    /// Queues into which nothing is put twice.
    Queue,
    /// Stacks onto which nothing is pushed twice.
    Stack,
    /// Sets of which no operation asks for more than one element, or from which nothing is removed.
    Set,
}

impl Way {
    /// What it is, with its source.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "just-in-time linearization with memory (Wing, Gong 1993; Lowe 2017)",
            Self::Zones => "zones, since no value is written twice (Gibbons, Korach 1997)",
            Self::Visits => "visits to values, the rest of the writes being hidden before them",
            Self::Versions => "search among the versions that were read, since nothing is written twice",
            Self::Queue => "bad patterns, since nothing is put twice (Henzinger, Sezgin, Vafeiadis 2013)",
            Self::Stack => "nested from the bottom, since nothing is pushed twice (Abdulla et al. 2025)",
            Self::Set => "element by element, or state by state, since a set is that (Herlihy, Wing 1990)",
        }
    }
}

/// The verdict of a way that tells, or that of the search.
fn judged<S: SequentialSpecification>(
    object: &S,
    history: &History<S::Operation, S::Return>,
    budget: Budget<'_>,
    ways: &[(Way, &dyn Fn(&History<S::Operation, S::Return>) -> Option<Found>)],
) -> (Verdict, Way) {
    let whole = history.events().len();
    for (way, decide) in ways {
        // of the whole a way may tell what it does not of each prefix, where less is known
        let search = |prefix: &History<_, _>| {
            (prefix.events().len() < whole).then(|| Search::new(object, prefix, budget).run())
        };
        if let Some(verdict) =
            by_prefixes(history, budget, |prefix| decide(prefix).or_else(|| search(prefix)))
        {
            return (verdict, *way);
        }
    }
    (linearizable(object, history, budget), Way::Search)
}

/// A register's history.
pub fn register<V: Clone + Eq + Hash + Debug>(
    history: &History<RegisterOperation<V>, RegisterReturn<V>>,
    budget: Budget<'_>,
) -> (Verdict, Way) {
    let zones = |history: &_| match zones::order(history) {
        Zones::Order(order) => Some(Found::Order(order)),
        Zones::None => Some(Found::None { prefix: 0, order: vec![] }),
        Zones::Ambiguous => None,
    };
    let visits = |history: &_| Some(by_visits(history, budget));
    judged(&Register::default(), history, budget, &[(Way::Zones, &zones), (Way::Visits, &visits)])
}

/// Whether there is an order.
fn by_visits<V: Eq + Hash>(
    history: &History<RegisterOperation<V>, RegisterReturn<V>>,
    budget: Budget<'_>,
) -> Found {
    let mut numbers: FxHashMap<&V, u32> = FxHashMap::default();
    let mut accesses = vec![];
    let mut unseen = sights(history);
    for (operation, o) in history.operations().iter().enumerate() {
        let (value, is_write) = match (&o.operation, &o.outcome) {
            (_, Outcome::Failed) | (RegisterOperation::Read, Outcome::Unknown) => continue,
            (RegisterOperation::Write(v), Outcome::Unknown) => match unseen.get_mut(v) {
                Some(reads) if *reads > 0 => {
                    *reads -= 1;
                    (Some(v), true)
                }
                _ => continue,
            },
            (RegisterOperation::Write(v), Outcome::Ok(RegisterReturn::Written)) => (Some(v), true),
            (RegisterOperation::Read, Outcome::Ok(RegisterReturn::Value(v))) => (v.as_ref(), false),
            _ => return Found::None { prefix: 0, order: vec![] }, // no answer to what was asked
        };
        let value = value.map_or(visits::INITIAL, |value| {
            let next = numbers.len() as u32 + 1;
            *numbers.entry(value).or_insert(next)
        });
        let returned = o.returned.filter(|_| matches!(o.outcome, Outcome::Ok(_)));
        accesses.push(visits::Access { operation, invoked: o.invoked, returned, is_write, value });
    }
    let operations = |order: Vec<(usize, usize)>| order.into_iter().map(|(_, operation)| operation).collect();
    match visits::visits(&accesses, &mut { budget }) {
        visits::Visited::Order(order) => Found::Order(operations(order)),
        visits::Visited::None { prefix, order } => Found::None { prefix, order: operations(order) },
        visits::Visited::OutOfBudget { prefix } => Found::OutOfBudget { prefix },
    }
}

/// How often each value was read. No more of its writes of unknown outcome need take effect: what nobody reads before it is overwritten
/// may as well never have happened, and of such writes those that began first can do what any others can.
fn sights<V: Eq + Hash>(history: &History<RegisterOperation<V>, RegisterReturn<V>>) -> FxHashMap<&V, usize> {
    let mut sights = FxHashMap::default();
    for operation in history.operations() {
        if let Outcome::Ok(RegisterReturn::Value(Some(value))) = &operation.outcome {
            *sights.entry(value).or_insert(0) += 1;
        }
    }
    sights
}

/// A queue's history.
pub fn queue<V: Clone + Eq + Hash + Debug>(
    history: &History<QueueOperation<V>, QueueReturn<V>>,
    budget: Budget<'_>,
) -> (Verdict, Way) {
    judged(&Queue::default(), history, budget, &[(Way::Queue, &queue::decide::<Queue<V>>)])
}

/// A stack's history.
pub fn stack<V: Clone + Eq + Hash + Debug>(
    history: &History<StackOperation<V>, StackReturn<V>>,
    budget: Budget<'_>,
) -> (Verdict, Way) {
    judged(&Stack::default(), history, budget, &[(Way::Stack, &stack::decide::<Stack<V>>)])
}

/// A set's history.
pub fn set<V: Clone + Ord + Hash + Debug>(
    history: &History<SetOperation<V>, SetReturn<V>>,
    budget: Budget<'_>,
) -> (Verdict, Way) {
    judged(&Set::default(), history, budget, &[(Way::Set, &|history| set::decide(history, budget))])
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
    judged(object, history, budget, &[(Way::Versions, &decide)])
}
