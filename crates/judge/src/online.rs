//! Linearizability judged while the history grows.
//!
//! A [`History`](crate::History) remembers all that was; an automaton that judges it need not. What the past leaves
//! open is a set of configurations: the state of the object, and which of the running operations have taken effect
//! already, with what return value. Operations take effect *just in time*, when a return asks for it (Lowe 2017); a
//! set that runs empty is a history that no order explains. Unlike the history, the set does not grow with time, and
//! two histories that leave the same open are equal: a model checker explores what follows once.

use crate::history::Client;
use crate::specification::SequentialSpecification;
use std::collections::{BTreeMap, BTreeSet};

/// Judges a history of an object `S` event by event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Online<S, State, Operation, Return> {
    specification: S,
    /// The operations that run, by client.
    running: BTreeMap<Client, Operation>,
    configurations: BTreeSet<Configuration<State, Operation, Return>>,
}

/// One way in which the past may have been.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Configuration<State, Operation, Return> {
    state: State,
    /// The clients whose running operation has taken effect, and what it returns.
    effected: BTreeMap<Client, Return>,
    /// The operations of unknown outcome that may still take effect, with their number.
    open: BTreeMap<Operation, usize>,
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
        let state = specification.initial();
        let first = Configuration { state, effected: BTreeMap::new(), open: BTreeMap::new() };
        Self { specification, running: BTreeMap::new(), configurations: BTreeSet::from([first]) }
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
        let (mut left, mut met) = (std::mem::take(&mut self.configurations), BTreeSet::new());
        let mut explained = BTreeSet::new();
        while let Some(configuration) = left.pop_first() {
            match configuration.effected.get(&client) {
                Some(returned) if returned == value => {
                    let mut without = configuration;
                    without.effected.remove(&client);
                    explained.insert(without);
                }
                Some(_) => {}
                None => {
                    left.extend(self.one_more_effect(&configuration).filter(|next| !met.contains(next)));
                    met.insert(configuration);
                }
            }
        }
        self.running.remove(&client);
        self.configurations = explained;
        self.verdict()
    }

    /// The client stops waiting and will never know: its operation may take effect at any time from now on, or never.
    pub fn unknown(&mut self, client: Client) {
        let Some(operation) = self.running.remove(&client) else { return };
        self.configurations = std::mem::take(&mut self.configurations)
            .into_iter()
            .map(|mut configuration| {
                if configuration.effected.remove(&client).is_none() {
                    *configuration.open.entry(operation.clone()).or_default() += 1;
                }
                configuration
            })
            .collect();
    }

    /// The operation of `client` did not and will not take effect.
    pub fn failed(&mut self, client: Client) -> Result<(), NotLinearizable> {
        self.running.remove(&client);
        self.configurations.retain(|configuration| !configuration.effected.contains_key(&client));
        self.verdict()
    }

    fn verdict(&self) -> Result<(), NotLinearizable> {
        if self.configurations.is_empty() { Err(NotLinearizable) } else { Ok(()) }
    }

    fn one_more_effect<'a>(
        &'a self,
        configuration: &'a Configuration<S::State, S::Operation, S::Return>,
    ) -> impl Iterator<Item = Configuration<S::State, S::Operation, S::Return>> + 'a {
        let running = self.running.iter().filter(|(client, _)| !configuration.effected.contains_key(client));
        let of_running = running.map(|(&client, operation)| {
            let (state, value) = self.specification.apply(&configuration.state, operation);
            let mut effected = configuration.effected.clone();
            effected.insert(client, value);
            Configuration { state, effected, open: configuration.open.clone() }
        });
        let of_open = configuration.open.keys().filter_map(|operation| {
            let (state, _) = self.specification.apply(&configuration.state, operation);
            if state == configuration.state {
                return None; // nobody will see its value: without effect it may as well never have happened
            }
            let mut open = configuration.open.clone();
            if let Some(count) = open.get_mut(operation) {
                *count -= 1;
            }
            open.retain(|_, count| *count > 0);
            Some(Configuration { state, effected: configuration.effected.clone(), open })
        });
        of_running.chain(of_open)
    }
}
