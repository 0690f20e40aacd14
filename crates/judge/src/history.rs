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
    },
    /// The client's operation ends, for the client.
    Return {
        /// Who.
        client: Client,
        /// With what.
        outcome: Outcome<R>,
    },
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
        match event {
            Event::Invoke { client, operation } => self.invoke(client, operation),
            Event::Return { client, outcome } => self.end(client, outcome),
        }
    }

    /// `client` starts `operation`.
    pub fn invoke(&mut self, client: Client, operation: O) -> Result<(), HistoryError> {
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
        self.events.push(Event::Invoke { client, operation });
        Ok(())
    }

    /// The operation of `client` ends with `outcome`.
    pub fn end(&mut self, client: Client, outcome: Outcome<R>) -> Result<(), HistoryError> {
        let event = self.events.len();
        let Some(running) = self.running.remove(&client) else {
            return Err(HistoryError::ReturnsUninvoked { event, client });
        };
        let operation = &mut self.operations[running];
        operation.outcome = outcome.clone();
        operation.returned = Some(event);
        self.events.push(Event::Return { client, outcome });
        Ok(())
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
    fn in_a_prefix_what_has_not_returned_is_unknown() {
        let mut history = Plain::default();
        history.invoke(Client(1), 'a').unwrap();
        history.returned(Client(1), 7).unwrap();
        assert_eq!(history.operations()[0].outcome, Outcome::Ok(7));
        assert_eq!(history.prefix(1).operations()[0].outcome, Outcome::Unknown);
    }
}
