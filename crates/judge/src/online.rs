//! Linearizability judged while the history grows.
//!
//! A [`History`](crate::History) remembers all that was; an automaton that judges it need not. What the past leaves
//! open is a set of configurations: the state of the object, which of the running operations have taken effect
//! already, with what return value, and which operations of unknown outcome may still take effect. Operations take
//! effect *just in time*, when a return asks for it (Lowe 2017); a set that runs empty is a history that no order
//! explains. Unlike the history, the set does not grow with time, and two histories that leave the same open are
//! equal: a model checker explores what follows once.

use crate::history::Client;
use crate::specification::SequentialSpecification;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Judges a history of an object `S` event by event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Online<S, State, Operation, Return> {
    specification: S,
    /// The operations that run, by client.
    running: BTreeMap<Client, Operation>,
    configurations: Configurations<State, Operation, Return>,
}

/// One way in which the past may have been, but for the open operations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Past<State, Return> {
    state: State,
    /// The clients whose running operation has taken effect, and what it returns.
    effected: BTreeMap<Client, Return>,
}

/// The operations of unknown outcome that may still take effect, with their number.
type Open<Operation> = BTreeMap<Operation, usize>;

/// Ways in which the past may have been, none of which is *dominated*: the same but for fewer open operations.
/// Whatever can follow a dominated one can follow the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Configurations<State, Operation, Return>(BTreeMap<Past<State, Return>, BTreeSet<Open<Operation>>>);

impl<State: Ord + Clone, Operation: Ord, Return: Ord + Clone> Configurations<State, Operation, Return> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds one, unless it is dominated; whether it did.
    fn insert(&mut self, past: Past<State, Return>, open: Open<Operation>) -> bool {
        let includes = |more: &Open<Operation>, fewer: &Open<Operation>| {
            fewer.iter().all(|(operation, count)| more.get(operation).is_some_and(|more| more >= count))
        };
        let alternatives = self.0.entry(past).or_default();
        if alternatives.iter().any(|other| includes(other, &open)) {
            return false;
        }
        alternatives.retain(|other| !includes(&open, other));
        alternatives.insert(open)
    }

    fn take(
        &mut self,
    ) -> impl Iterator<Item = (Past<State, Return>, Open<Operation>)> + use<State, Operation, Return> {
        std::mem::take(&mut self.0)
            .into_iter()
            .flat_map(|(past, alternatives)| alternatives.into_iter().map(move |open| (past.clone(), open)))
    }
}

/// The history is not linearizable: no order explains how its last operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no order of the operations explains this")]
pub struct NotLinearizable;

impl<S> Online<S, S::State, S::Operation, S::Return>
where
    S: SequentialSpecification<State: Ord, Operation: Ord, Return: Ord>,
{
    /// The empty history of the object.
    pub fn new(specification: S) -> Self {
        let mut configurations = Configurations::new();
        let past = Past { state: specification.initial(), effected: BTreeMap::new() };
        configurations.insert(past, Open::new());
        Self { specification, running: BTreeMap::new(), configurations }
    }

    /// The operation that `client` waits for.
    pub fn running(&self, client: Client) -> Option<&S::Operation> {
        self.running.get(&client)
    }

    /// All operations that are waited for.
    pub fn all_running(&self) -> impl Iterator<Item = (Client, &S::Operation)> {
        self.running.iter().map(|(&client, operation)| (client, operation))
    }

    /// `client` starts `operation`. One that it waited for has an unknown outcome then.
    pub fn invoke(&mut self, client: Client, operation: S::Operation) {
        self.unknown(client);
        self.running.insert(client, operation);
    }

    /// The operation of `client` returns `value`.
    ///
    /// # Panics
    /// If the client waits for none: ask [`Online::running`].
    pub fn returned(&mut self, client: Client, value: &S::Return) -> Result<(), NotLinearizable> {
        assert!(self.running.contains_key(&client), "{client} waits for no operation");
        let mut left: VecDeque<_> = self.configurations.take().collect();
        let mut met = Configurations::new();
        // breadth first: what uses up fewer open operations comes first, and dominates what uses up more
        while let Some((mut past, open)) = left.pop_front() {
            match past.effected.get(&client) {
                Some(returned) if returned == value => {
                    past.effected.remove(&client);
                    self.configurations.insert(past, open);
                }
                Some(_) => {}
                None => {
                    if met.insert(past.clone(), open.clone()) {
                        self.one_more_effect(&past, &open, |past, open| left.push_back((past, open)));
                    }
                }
            }
        }
        self.running.remove(&client);
        self.verdict()
    }

    /// The client stops waiting and will never know: its operation may take effect at any time from now on, or never.
    pub fn unknown(&mut self, client: Client) {
        let Some(operation) = self.running.remove(&client) else { return };
        for (mut past, mut open) in self.configurations.take() {
            if past.effected.remove(&client).is_none() {
                *open.entry(operation.clone()).or_default() += 1;
            }
            self.configurations.insert(past, open);
        }
    }

    /// The operation of `client` did not and will not take effect.
    pub fn failed(&mut self, client: Client) -> Result<(), NotLinearizable> {
        self.running.remove(&client);
        self.configurations.0.retain(|past, _| !past.effected.contains_key(&client));
        self.verdict()
    }

    fn verdict(&self) -> Result<(), NotLinearizable> {
        if self.configurations.0.is_empty() { Err(NotLinearizable) } else { Ok(()) }
    }

    /// All that one more operation taking effect can lead to.
    fn one_more_effect(
        &self,
        past: &Past<S::State, S::Return>,
        open: &Open<S::Operation>,
        mut next: impl FnMut(Past<S::State, S::Return>, Open<S::Operation>),
    ) {
        for (&client, operation) in
            self.running.iter().filter(|(client, _)| !past.effected.contains_key(client))
        {
            let (state, value) = self.specification.apply(&past.state, operation);
            let mut effected = past.effected.clone();
            effected.insert(client, value);
            next(Past { state, effected }, open.clone());
        }
        for operation in open.keys() {
            let (state, _) = self.specification.apply(&past.state, operation);
            if state == past.state {
                continue; // nobody will see its value: without effect it may as well never have happened
            }
            let mut open = open.clone();
            if let Some(count) = open.get_mut(operation) {
                *count -= 1;
            }
            open.retain(|_, count| *count > 0);
            next(Past { state, effected: past.effected.clone() }, open);
        }
    }
}
