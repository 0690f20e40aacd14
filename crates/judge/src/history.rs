//! Histories: who invoked what, when, and what came of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

/// A client: uses the object one operation at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Client(pub u64);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.0)
    }
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome<R> {
    /// It took effect between its invocation and now, and returned this.
    Ok(R),
    /// It did not and will not take effect.
    Failed,
    /// Nobody knows: it may take effect at any time from its invocation on, or never. A timeout is this.
    Unknown,
}

/// One event of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event<O, R> {
    /// A client starts an operation.
    Invoke {
        /// Who.
        client: Client,
        /// What.
        operation: O,
        /// Of which object, where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<u64>,
        /// Whether it is the operation before once more, whose outcome the client does not know or which failed.
        #[serde(default, skip_serializing_if = "is_false")]
        retry: bool,
        /// When, in nanoseconds, where there was a clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// The client's operation ends, for the client.
    Return {
        /// Who.
        client: Client,
        /// With what.
        outcome: Outcome<R>,
        /// When, in nanoseconds, where there was a clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl<O, R> Event<O, R> {
    /// `client` starts `operation`, as far as is known for the first time.
    pub fn invoke(client: Client, operation: O) -> Self {
        Self::Invoke { client, operation, key: None, retry: false, at: None }
    }

    /// The operation of `client` ends with `outcome`.
    pub fn end(client: Client, outcome: Outcome<R>) -> Self {
        Self::Return { client, outcome, at: None }
    }
}

/// One operation of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation<O, R> {
    /// Who invoked it.
    pub client: Client,
    /// What was invoked.
    pub operation: O,
    /// What came of it; unknown while it has not returned.
    pub outcome: Outcome<R>,
    /// The index of its invocation among the events.
    pub invoked: usize,
    /// The index of its return among the events, if it has returned.
    pub returned: Option<usize>,
}

/// Events in real-time order, in which each client runs one operation at a time.
///
/// After an unknown outcome its client may go on: the operation then stays concurrent with all that follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct History<O, R> {
    events: Vec<Event<O, R>>,
    operations: Vec<Operation<O, R>>,
    /// The operation that each client waits for.
    running: BTreeMap<Client, usize>,
}

impl<O, R> Default for History<O, R> {
    fn default() -> Self {
        Self { events: Vec::new(), operations: Vec::new(), running: BTreeMap::new() }
    }
}

/// Why a list of events is not a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// A client invokes an operation while it waits for another.
    #[error("event {event}: {client} invokes an operation while it waits for the one of event {invoked}")]
    InvokesTwice {
        /// The index of the event.
        event: usize,
        /// Who.
        client: Client,
        /// The index of the invocation that has not returned.
        invoked: usize,
    },
    /// A client's operation returns that was not invoked.
    #[error("event {event}: {client} has nothing to return from")]
    ReturnsUninvoked {
        /// The index of the event.
        event: usize,
        /// Who.
        client: Client,
    },
}

impl HistoryError {
    /// The index of the event that is wrong.
    pub fn event(&self) -> usize {
        match self {
            Self::InvokesTwice { event, .. } | Self::ReturnsUninvoked { event, .. } => *event,
        }
    }
}

impl<O: Clone, R: Clone> History<O, R> {
    /// The history of these events.
    pub fn new(events: impl IntoIterator<Item = Event<O, R>>) -> Result<Self, HistoryError> {
        let mut history = Self::default();
        for event in events {
            history.push(event)?;
        }
        Ok(history)
    }

    /// Adds the next event; an event that cannot be next is not added.
    pub fn push(&mut self, event: Event<O, R>) -> Result<(), HistoryError> {
        match &event {
            Event::Invoke { client, operation, .. } => self.note_invocation(*client, operation)?,
            Event::Return { client, outcome, .. } => self.note_end(*client, outcome)?,
        }
        self.events.push(event);
        Ok(())
    }

    fn note_invocation(&mut self, client: Client, operation: &O) -> Result<(), HistoryError> {
        let event = self.events.len();
        if let Some(&running) = self.running.get(&client) {
            let invoked = self.operations[running].invoked;
            return Err(HistoryError::InvokesTwice { event, client, invoked });
        }
        self.running.insert(client, self.operations.len());
        self.operations.push(Operation {
            client,
            operation: operation.clone(),
            outcome: Outcome::Unknown,
            invoked: event,
            returned: None,
        });
        Ok(())
    }

    fn note_end(&mut self, client: Client, outcome: &Outcome<R>) -> Result<(), HistoryError> {
        let event = self.events.len();
        let Some(running) = self.running.remove(&client) else {
            return Err(HistoryError::ReturnsUninvoked { event, client });
        };
        let operation = &mut self.operations[running];
        operation.outcome = outcome.clone();
        operation.returned = Some(event);
        Ok(())
    }

    /// `client` starts `operation`.
    pub fn invoke(&mut self, client: Client, operation: O) -> Result<(), HistoryError> {
        self.push(Event::invoke(client, operation))
    }

    /// The operation of `client` ends with `outcome`.
    pub fn end(&mut self, client: Client, outcome: Outcome<R>) -> Result<(), HistoryError> {
        self.push(Event::end(client, outcome))
    }

    /// The operation of `client` took effect and returned `value`.
    pub fn returned(&mut self, client: Client, value: R) -> Result<(), HistoryError> {
        self.end(client, Outcome::Ok(value))
    }

    /// The first `events` events: what was running then has an unknown outcome.
    #[must_use]
    pub fn prefix(&self, events: usize) -> Self {
        Self::new(self.events.iter().take(events).cloned()).expect("histories are closed under prefixes")
    }
}

impl<O, R> History<O, R> {
    /// Its events, in real-time order.
    pub fn events(&self) -> &[Event<O, R>] {
        &self.events
    }

    /// The histories of the objects, each by itself: linearizability is local (Herlihy, Wing 1990, theorem 1).
    pub fn by_key(&self) -> BTreeMap<Option<u64>, Self>
    where
        O: Clone,
        R: Clone,
    {
        let mut histories: BTreeMap<Option<u64>, Self> = BTreeMap::new();
        let mut uses: BTreeMap<Client, Option<u64>> = BTreeMap::new();
        for event in &self.events {
            let object = match event {
                Event::Invoke { client, key, .. } => {
                    uses.insert(*client, *key);
                    *key
                }
                Event::Return { client, .. } => uses.get(client).copied().flatten(),
            };
            let part = histories.entry(object).or_default().push(event.clone());
            part.expect("a client that runs one operation at a time runs one at a time on each object");
        }
        histories
    }

    /// Its operations, in the order of their invocations.
    pub fn operations(&self) -> &[Operation<O, R>] {
        &self.operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Plain = History<char, u8>;

    #[test]
    fn a_client_runs_one_operation_at_a_time() {
        let mut history = Plain::default();
        history.invoke(Client(1), 'a').unwrap();
        history.invoke(Client(2), 'b').unwrap();
        let error = HistoryError::InvokesTwice { event: 2, client: Client(1), invoked: 0 };
        assert_eq!(history.invoke(Client(1), 'c'), Err(error));
        assert_eq!(history.events().len(), 2, "what is refused is not added");
        history.returned(Client(1), 0).unwrap();
        let error = HistoryError::ReturnsUninvoked { event: 3, client: Client(1) };
        assert_eq!(history.returned(Client(1), 0), Err(error));
        assert_eq!(error.to_string(), "event 3: client 1 has nothing to return from");
    }

    #[test]
    fn a_client_goes_on_after_a_timeout() {
        let mut history = Plain::default();
        history.invoke(Client(1), 'a').unwrap();
        history.end(Client(1), Outcome::Unknown).unwrap();
        history.invoke(Client(1), 'b').unwrap();
        assert_eq!(history.operations().len(), 2);
    }

    #[test]
    fn a_history_of_several_objects_is_one_of_each() {
        let mut history = Plain::default();
        for (client, key) in [(1, 7), (2, 8)] {
            let client = Client(client);
            let invocation =
                Event::Invoke { client, operation: 'a', key: Some(key), retry: false, at: Some(key) };
            history.push(invocation).unwrap();
        }
        history.returned(Client(2), 1).unwrap();
        let parts = history.by_key();
        assert_eq!(parts.keys().copied().collect::<Vec<_>>(), [Some(7), Some(8)]);
        assert_eq!(parts[&Some(8)].operations()[0].outcome, Outcome::Ok(1));
        assert_eq!(parts[&Some(7)].operations()[0].outcome, Outcome::Unknown);
    }

    #[test]
    fn in_a_prefix_what_has_not_returned_is_unknown() {
        let mut history = Plain::default();
        history.invoke(Client(1), 'a').unwrap();
        history.returned(Client(1), 7).unwrap();
        assert_eq!(history.operations()[0].outcome, Outcome::Ok(7));
        assert_eq!(history.prefix(1).operations()[0].outcome, Outcome::Unknown);
    }
}
