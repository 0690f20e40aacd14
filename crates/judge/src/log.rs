//! A history as it was recorded, before a model says what its operations mean.

use crate::history::Client;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// What an event of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A client starts an operation.
    Invoke,
    /// It took effect and returned.
    Ok,
    /// It did not and will not take effect.
    Fail,
    /// Nobody knows whether it does.
    Info,
}

/// An event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Who.
    pub client: Client,
    /// What it is.
    pub kind: Kind,
    /// What is asked for: `read`, `write`, `txn`.
    pub function: Arc<str>,
    /// With what, or what came back.
    pub value: Value,
    /// Of which object, where there are several and the log says so apart.
    pub key: Option<Value>,
    /// When, in nanoseconds, where there was a clock.
    pub at: Option<u64>,
    /// Where it stands: a line, from 1 on.
    pub line: usize,
}

/// What came of an operation of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It took effect and returned this.
    Ok(Value),
    /// It did not take effect; with what was said of it.
    Failed(Value),
    /// Nobody knows.
    Unknown,
}

/// An operation of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOperation {
    /// Who.
    pub client: Client,
    /// What was asked for.
    pub function: Arc<str>,
    /// With what.
    pub argument: Value,
    /// Of which object.
    pub key: Option<Value>,
    /// What came of it.
    pub end: End,
    /// The index of its invocation among the events.
    pub invoked: usize,
    /// The index of its end among the events.
    pub returned: Option<usize>,
    /// The line of its invocation.
    pub line: usize,
    /// The line of its end.
    pub end_line: Option<usize>,
    /// When it was invoked and when it ended, in nanoseconds, where there was a clock.
    pub times: (Option<u64>, Option<u64>),
}

/// Why events are no log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LogError {
    /// A client invokes an operation while it waits for another.
    #[error("line {line}: {client} invokes an operation while it waits for the one of line {invoked}")]
    InvokesTwice {
        /// The line.
        line: usize,
        /// Who.
        client: Client,
        /// The line of the invocation that has not ended.
        invoked: usize,
    },
    /// A client's operation ends that was not invoked.
    #[error("line {line}: {client} ends an operation that it did not invoke")]
    EndsUninvoked {
        /// The line.
        line: usize,
        /// Who.
        client: Client,
    },
    /// The end of an operation names another function than its invocation.
    #[error("line {line}: {client} ends `{ended}`, but line {invoked} invokes `{function}`")]
    EndsAnother {
        /// The line.
        line: usize,
        /// Who.
        client: Client,
        /// What ends.
        ended: Arc<str>,
        /// What was invoked.
        function: Arc<str>,
        /// The line of the invocation.
        invoked: usize,
    },
}

/// Who waits for what: a client has one operation at a time. With each goes what is to be found again at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turns<T>(BTreeMap<Client, (usize, Arc<str>, T)>);

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Turns<T> {
    /// A client starts an operation.
    pub(crate) fn invoke(&mut self, event: &LogEvent, it: T) -> Result<(), LogError> {
        let LogEvent { client, line, .. } = *event;
        if let Some(&(invoked, ..)) = self.0.get(&client) {
            return Err(LogError::InvokesTwice { line, client, invoked });
        }
        self.0.insert(client, (line, Arc::clone(&event.function), it));
        Ok(())
    }

    /// A client's operation ends: which.
    pub(crate) fn end(&mut self, event: &LogEvent) -> Result<T, LogError> {
        let LogEvent { client, line, .. } = *event;
        let Some((invoked, function, _)) = self.0.get(&client) else {
            return Err(LogError::EndsUninvoked { line, client });
        };
        if *function != event.function {
            let (ended, function) = (Arc::clone(&event.function), Arc::clone(function));
            return Err(LogError::EndsAnother { line, client, ended, function, invoked: *invoked });
        }
        self.0.remove(&client).map(|(.., it)| it).ok_or(LogError::EndsUninvoked { line, client })
    }
}

/// Operations as they were recorded, in the order of their invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    operations: Vec<LogOperation>,
    running: Turns<usize>,
    events: usize,
    clock: Clock,
}

/// Whether the times of events go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    latest: Option<u64>,
    pub(crate) went_back: usize,
}

impl Clock {
    /// The next event was at this time, if it has one.
    pub(crate) fn tell(&mut self, at: Option<u64>) {
        self.went_back += usize::from(at.zip(self.latest).is_some_and(|(at, before)| at < before));
        self.latest = at.or(self.latest);
    }
}

impl Log {
    /// Of these events.
    pub fn new(events: impl IntoIterator<Item = LogEvent>) -> Result<Self, LogError> {
        let mut log = Self::default();
        events.into_iter().try_for_each(|event| log.push(event))?;
        Ok(log)
    }

    /// Adds the next event; one that cannot be next is not added.
    pub fn push(&mut self, event: LogEvent) -> Result<(), LogError> {
        let at = event.at;
        if event.kind == Kind::Invoke {
            self.invoke(event)?;
        } else {
            self.end(event)?;
        }
        self.clock.tell(at);
        self.events += 1;
        Ok(())
    }

    fn invoke(&mut self, event: LogEvent) -> Result<(), LogError> {
        self.running.invoke(&event, self.operations.len())?;
        let LogEvent { client, function, value: argument, key, at, line, .. } = event;
        self.operations.push(LogOperation {
            client,
            function,
            argument,
            key,
            end: End::Unknown,
            invoked: self.events,
            returned: None,
            line,
            end_line: None,
            times: (at, None),
        });
        Ok(())
    }

    fn end(&mut self, event: LogEvent) -> Result<(), LogError> {
        let operation = &mut self.operations[self.running.end(&event)?];
        operation.end = match event.kind {
            Kind::Ok => End::Ok(event.value),
            Kind::Fail => End::Failed(event.value),
            Kind::Info | Kind::Invoke => End::Unknown,
        };
        operation.returned = Some(self.events);
        operation.end_line = Some(event.line);
        operation.times.1 = event.at;
        Ok(())
    }

    /// The operations, in the order of their invocations.
    pub fn operations(&self) -> &[LogOperation] {
        &self.operations
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.events
    }

    /// How often an event has an earlier time than the one before it. Their order is that of the log, whatever the clocks say.
    pub fn clock_went_back(&self) -> usize {
        self.clock.went_back
    }
}
