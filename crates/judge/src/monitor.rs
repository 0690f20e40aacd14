//! A log judged while it grows, in the memory that what is open takes.
//!
//! What [`Online`] does for a history of one object, this does for the events of a log, whatever objects they are of: a running system
//! can be judged by what its clients tell, event by event, without a record of it.
//!
//! ```
//! use synod_judge::format::Feed;
//! use synod_judge::judgement::Model;
//! use synod_judge::monitor::{Found, Monitor};
//! use synod_judge::reading::Conventions;
//!
//! let mut monitor = Monitor::new(Model::Register, Conventions::default());
//! let (mut feed, mut found) = (Feed::default(), vec![]);
//! let text = r#"{"invoke":{"client":1,"operation":{"write":5}}}
//! {"return":{"client":1,"outcome":{"ok":"written"}}}
//! {"invoke":{"client":2,"operation":"read"}}
//! {"return":{"client":2,"outcome":{"ok":{"value":4}}}}
//! "#;
//! feed.push(text.as_bytes(), |event| Ok(found.push(monitor.push(event))))?;
//! assert!(matches!(&found[..], [Ok(Found::Nothing), Ok(_), Ok(_), Ok(Found::Violation(_))]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::history::{Client, Outcome};
use crate::judgement::{ForModel, Model};
use crate::log::{End, Kind, LogError, LogEvent, LogOperation, Turns};
use crate::online::Online;
use crate::reading::{Conventions, Meaningless, Readable};
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Why an event was not judged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It cannot be next.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It means nothing to the model.
    #[error(transparent)]
    Meaningless(#[from] Meaningless),
}

/// What is known after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is an order that explains all events so far.
    Nothing,
    /// There is none, whatever follows.
    Violation(Box<Violation>),
}

/// The operation whose end no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// It.
    pub operation: LogOperation,
    /// What else was running on the object then.
    pub concurrent: Vec<LogOperation>,
    /// How many operations of the object had an unknown outcome.
    pub unknown: usize,
}

/// Judges a log event by event.
pub struct Monitor {
    object: Box<dyn Judging>,
    running: Turns<LogOperation>,
    scope: Scope,
}

/// What a verdict is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// How many events were judged.
    pub events: usize,
    /// How many operations were invoked.
    pub operations: usize,
    /// How many of them run.
    pub running: usize,
    /// How many ended with an unknown outcome: they may still take effect.
    pub unknown: usize,
    /// How many objects there are.
    pub objects: usize,
}

impl Monitor {
    /// Of objects of this model that nothing has happened to.
    pub fn new(model: Model, conventions: Conventions) -> Self {
        struct Begin(Conventions);
        impl ForModel for Begin {
            type Found = Box<dyn Judging>;
            fn with<S>(self, model: &S) -> Self::Found
            where
                S: Readable<State: Ord, Operation: Ord, Return: Ord> + Clone + 'static,
            {
                Box::new(Objects { model: model.clone(), conventions: self.0, by_key: BTreeMap::new() })
            }
        }
        Self { object: model.hand(Begin(conventions)), running: Turns::default(), scope: Scope::default() }
    }

    /// Judges the next event. After a violation or an error nothing that it says counts.
    pub fn push(&mut self, event: LogEvent) -> Result<Found, Unfit> {
        let found = if event.kind == Kind::Invoke { self.invoke(event) } else { self.end(event) }?;
        self.scope.events += 1;
        Ok(found)
    }

    fn invoke(&mut self, event: LogEvent) -> Result<Found, Unfit> {
        let LogEvent { client, ref function, ref value, ref key, at, line, .. } = event;
        let operation = LogOperation {
            client,
            function: Arc::clone(function),
            argument: value.clone(),
            key: key.clone(),
            end: End::Unknown,
            invoked: self.scope.events,
            returned: None,
            line,
            end_line: None,
            times: (at, None),
        };
        self.running.invoke(&event, operation.clone())?;
        self.object.invoke(operation)?;
        self.scope.operations += 1;
        self.scope.running += 1;
        self.scope.objects = self.object.count();
        Ok(Found::Nothing)
    }

    fn end(&mut self, event: LogEvent) -> Result<Found, Unfit> {
        let mut operation = self.running.end(&event)?;
        operation.end = match event.kind {
            Kind::Ok => End::Ok(event.value),
            Kind::Fail => End::Failed(event.value),
            Kind::Info | Kind::Invoke => End::Unknown,
        };
        operation.returned = Some(self.scope.events);
        operation.end_line = Some(event.line);
        operation.times.1 = event.at;
        self.scope.running -= 1;
        self.scope.unknown += usize::from(operation.end == End::Unknown);
        if self.object.end(&operation)? {
            return Ok(Found::Nothing);
        }
        let (concurrent, unknown) = self.object.open(operation.key.as_ref());
        Ok(Found::Violation(Box::new(Violation { operation, concurrent, unknown })))
    }

    /// What was judged so far.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

/// The objects of some model.
trait Judging {
    fn invoke(&mut self, operation: LogOperation) -> Result<(), Meaningless>;
    /// Whether there is an order still.
    fn end(&mut self, operation: &LogOperation) -> Result<bool, Meaningless>;
    /// What runs on an object, and how many may still take effect besides.
    fn open(&self, key: Option<&Value>) -> (Vec<LogOperation>, usize);
    fn count(&self) -> usize;
}

struct Objects<S: Readable> {
    model: S,
    conventions: Conventions,
    by_key: BTreeMap<Option<Value>, Object<S>>,
}

struct Object<S: Readable> {
    online: Online<S, S::State, S::Operation, S::Return>,
    running: BTreeMap<Client, LogOperation>,
    unknown: usize,
}

impl<S> Objects<S>
where
    S: Readable<State: Ord, Operation: Ord, Return: Ord> + Clone,
{
    fn object(&mut self, key: Option<&Value>) -> &mut Object<S> {
        let model = &self.model;
        self.by_key.entry(key.cloned().filter(|_| S::KEYED)).or_insert_with(|| Object {
            online: Online::new(model.clone()),
            running: BTreeMap::new(),
            unknown: 0,
        })
    }

    fn read(&self, operation: &LogOperation) -> Result<(S::Operation, Outcome<S::Return>), Meaningless> {
        let line = operation.end_line.unwrap_or(operation.line);
        self.model.read(operation, self.conventions).map_err(|what| Meaningless { line, what })
    }
}

impl<S> Judging for Objects<S>
where
    S: Readable<State: Ord, Operation: Ord, Return: Ord> + Clone,
{
    fn invoke(&mut self, operation: LogOperation) -> Result<(), Meaningless> {
        let (asked, _) = self.read(&operation)?;
        let object = self.object(operation.key.as_ref());
        object.online.invoke(operation.client, asked);
        object.running.insert(operation.client, operation);
        Ok(())
    }

    fn end(&mut self, operation: &LogOperation) -> Result<bool, Meaningless> {
        let (asked, outcome) = self.read(operation)?;
        let client = operation.client;
        let object = self.object(operation.key.as_ref());
        object.running.remove(&client);
        // an end may tell that what was asked is to be read otherwise: what it saw is not known then
        let same = object.online.running(client) == Some(&asked);
        let fits = match outcome {
            Outcome::Ok(returned) if same => object.online.returned(client, &returned),
            Outcome::Ok(_) | Outcome::Failed => object.online.failed(client),
            Outcome::Unknown => {
                object.online.unknown(client);
                object.unknown += 1;
                Ok(())
            }
        };
        Ok(fits.is_ok())
    }

    fn open(&self, key: Option<&Value>) -> (Vec<LogOperation>, usize) {
        let key = key.cloned().filter(|_| S::KEYED);
        self.by_key
            .get(&key)
            .map_or((vec![], 0), |object| (object.running.values().cloned().collect(), object.unknown))
    }

    fn count(&self) -> usize {
        self.by_key.len()
    }
}
