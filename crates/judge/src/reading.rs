//! What the operations of a log mean to a model.

use crate::history::{Event, History, Outcome};
use crate::linearizability::{Budget, Verdict, linearizable};
use crate::log::{End, Log, LogOperation};
use crate::model::{
    CasRegister, CasRegisterOperation, CasRegisterReturn, Counter, CounterOperation, CounterReturn, EtcdMap,
    EtcdMapOperation, EtcdMapReturn, List, ListOperation, ListReturn, Lock, LockOperation, LockReturn, Queue,
    QueueOperation, QueueReturn, Register, RegisterOperation, RegisterReturn, Revised, Set, SetOperation,
    SetReturn, Stack, StackOperation, StackReturn, TextMap, TextOperation, TextReturn,
};
use crate::special::{self, Way};
use crate::specification::SequentialSpecification;
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// An operation of a log means nothing to the model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct Meaningless {
    /// The line of the log.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// How a log is to be understood where logs of one kind differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conventions {
    /// A compare-and-set that failed has compared, and seen another value. Else, as for all that failed, it never took effect.
    pub failed_cas_compared: bool,
    /// A read that returned nothing says nothing, as Knossos has it. Else it has seen that nothing was written.
    pub nil_read_says_nothing: bool,
}

/// What an operation asks and what came of it.
type Meaning<S> =
    (<S as SequentialSpecification>::Operation, Outcome<<S as SequentialSpecification>::Return>);

/// A model that knows what the operations of a log mean.
pub trait Readable: SequentialSpecification + Sized {
    /// Whether what stands under different keys is different objects.
    const KEYED: bool = true;

    /// What an operation asks, and what came of it; an error says why it means nothing.
    fn read(&self, operation: &LogOperation, conventions: Conventions) -> Result<Meaning<Self>, String>;

    /// Whether a history of one object is linearizable, in the way that is best for it.
    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        (linearizable(self, history, budget), Way::Search)
    }
}

/// One object's part of a log.
#[derive(Clone, Debug)]
pub struct Part<S: SequentialSpecification> {
    /// Which object.
    pub key: Option<Value>,
    /// Its history.
    pub history: History<S::Operation, S::Return>,
    /// Which operation of the log each of its operations is.
    pub operations: Vec<usize>,
}

/// The histories of the objects of a log.
pub fn parts<S: Readable>(
    model: &S,
    log: &Log,
    conventions: Conventions,
) -> Result<Vec<Part<S>>, Meaningless> {
    let mut timed = vec![];
    for (index, operation) in log.operations().iter().enumerate() {
        let (asked, outcome) = model
            .read(operation, conventions)
            .map_err(|what| Meaningless { line: operation.end_line.unwrap_or(operation.line), what })?;
        let key = operation.key.clone().filter(|_| S::KEYED);
        let client = operation.client;
        timed.push((operation.invoked, index, key.clone(), Event::invoke(client, asked)));
        timed.extend(operation.returned.map(|end| (end, index, key, Event::end(client, outcome))));
    }
    timed.sort_by_key(|&(at, ..)| at);
    let mut parts: BTreeMap<Option<Value>, Part<S>> = BTreeMap::new();
    for (_, index, key, event) in timed {
        let part = parts.entry(key.clone()).or_insert_with(|| Part {
            key,
            history: History::default(),
            operations: vec![],
        });
        if matches!(event, Event::Invoke { .. }) {
            part.operations.push(index);
        }
        part.history.push(event).expect("a log has one operation of a client at a time");
    }
    Ok(parts.into_values().collect())
}

/// What came of an operation whose return `read` understands.
fn outcome<R>(end: &End, read: impl FnOnce(&Value) -> Result<R, String>) -> Result<Outcome<R>, String> {
    Ok(match end {
        End::Ok(value) => Outcome::Ok(read(value)?),
        End::Failed(_) => Outcome::Failed,
        End::Unknown => Outcome::Unknown,
    })
}

fn always<R>(end: &End, returned: R) -> Result<Outcome<R>, String> {
    outcome(end, |_| Ok(returned))
}

fn unknown_function<T>(model: &str, function: &str, known: &str) -> Result<T, String> {
    Err(format!("`{function}` is nothing that is asked of a {model}: {known}"))
}

fn some(value: &Value) -> Option<Value> {
    (*value != Value::Nil).then(|| value.clone())
}

impl Readable for Register<Value> {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        Ok(match &*o.function {
            "read" => (RegisterOperation::Read, outcome(&o.end, |v| Ok(RegisterReturn::Value(some(v))))?),
            "write" => {
                (RegisterOperation::Write(o.argument.clone()), always(&o.end, RegisterReturn::Written)?)
            }
            other => return unknown_function("register", other, "read, write"),
        })
    }

    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        special::register(history, budget)
    }
}

impl Readable for CasRegister<Value> {
    fn read(&self, o: &LogOperation, conventions: Conventions) -> Result<Meaning<Self>, String> {
        Ok(match &*o.function {
            "read" if conventions.nil_read_says_nothing && o.end == End::Ok(Value::Nil) => {
                (CasRegisterOperation::ReadUnseen, Outcome::Ok(CasRegisterReturn::Done))
            }
            "read" => {
                (CasRegisterOperation::Read, outcome(&o.end, |v| Ok(CasRegisterReturn::Value(some(v))))?)
            }
            "write" => {
                (CasRegisterOperation::Write(o.argument.clone()), always(&o.end, CasRegisterReturn::Done)?)
            }
            "cas" => {
                let Some((expected, new)) = o.argument.pair() else {
                    return Err(
                        "a compare-and-set is given two values: what it expects and what it sets".to_owned()
                    );
                };
                let asked = CasRegisterOperation::CompareAndSet(some(expected), new.clone());
                let compared = conventions.failed_cas_compared && matches!(o.end, End::Failed(_));
                let returned = match &o.end {
                    End::Failed(_) if compared => Outcome::Ok(CasRegisterReturn::Differs),
                    End::Ok(Value::Boolean(false)) => Outcome::Ok(CasRegisterReturn::Differs),
                    end => always(end, CasRegisterReturn::Done)?,
                };
                (asked, returned)
            }
            other => return unknown_function("compare-and-set register", other, "read, write, cas"),
        })
    }
}

impl Readable for Counter {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        let number = |value: &Value| value.integer().ok_or_else(|| format!("`{value}` is no whole number"));
        let amount = || if o.argument == Value::Nil { Ok(1) } else { number(&o.argument) };
        Ok(match &*o.function {
            "read" => (CounterOperation::Read, outcome(&o.end, |v| number(v).map(CounterReturn::Count))?),
            "add" | "increment" | "inc" => {
                (CounterOperation::Add(amount()?), always(&o.end, CounterReturn::Added)?)
            }
            "decrement" | "dec" => {
                (CounterOperation::Add(amount()?.wrapping_neg()), always(&o.end, CounterReturn::Added)?)
            }
            "add-and-get" => (
                CounterOperation::AddAndRead(amount()?),
                outcome(&o.end, |v| number(v.pair().map_or(v, |(_, sum)| sum)).map(CounterReturn::Count))?,
            ),
            other => return unknown_function("counter", other, "read, add, decrement, add-and-get"),
        })
    }
}

impl Readable for Set<Value> {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        let elements = |value: &Value| match value {
            Value::Nil => Ok(SetReturn::Elements([].into())),
            value => value
                .elements()
                .map(|elements| SetReturn::Elements(elements.into_iter().collect()))
                .ok_or_else(|| format!("`{value}` is no set")),
        };
        let contained = |value: &Value| match value {
            Value::Boolean(answer) => Ok(SetReturn::Contained(*answer)),
            other => Err(format!("`{other}` is neither true nor false")),
        };
        let element = || o.argument.clone();
        Ok(match &*o.function {
            "add" => (SetOperation::Add(element()), always(&o.end, SetReturn::Done)?),
            "remove" => (SetOperation::Remove(element()), always(&o.end, SetReturn::Done)?),
            "contains" => (SetOperation::Contains(element()), outcome(&o.end, contained)?),
            "read" => (SetOperation::Read, outcome(&o.end, elements)?),
            other => return unknown_function("set", other, "add, remove, contains, read"),
        })
    }

    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        special::set(history, budget)
    }
}

impl Readable for Queue<Value> {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        Ok(match &*o.function {
            "enqueue" => {
                (QueueOperation::Enqueue(o.argument.clone()), always(&o.end, QueueReturn::Enqueued)?)
            }
            "dequeue" => (QueueOperation::Dequeue, outcome(&o.end, |v| Ok(QueueReturn::Dequeued(some(v))))?),
            other => return unknown_function("queue", other, "enqueue, dequeue"),
        })
    }

    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        special::queue(history, budget)
    }
}

impl Readable for Stack<Value> {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        Ok(match &*o.function {
            "push" => (StackOperation::Push(o.argument.clone()), always(&o.end, StackReturn::Pushed)?),
            "pop" => (StackOperation::Pop, outcome(&o.end, |v| Ok(StackReturn::Popped(some(v))))?),
            other => return unknown_function("stack", other, "push, pop"),
        })
    }

    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        special::stack(history, budget)
    }
}

impl Readable for List<Value> {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        let elements = |value: &Value| match value {
            Value::Nil => Ok(ListReturn::Elements(vec![])),
            Value::Sequence(elements) => Ok(ListReturn::Elements(elements.clone())),
            other => Err(format!("`{other}` is no list")),
        };
        Ok(match &*o.function {
            "append" => (ListOperation::Append(o.argument.clone()), always(&o.end, ListReturn::Appended)?),
            "read" => (ListOperation::Read, outcome(&o.end, elements)?),
            other => return unknown_function("list", other, "append, read"),
        })
    }

    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        special::versioned(self, history, budget)
    }
}

impl Readable for Lock {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        let asked = match &*o.function {
            "acquire" | "lock" => LockOperation::Acquire(o.client),
            "release" | "unlock" => LockOperation::Release(o.client),
            other => return unknown_function("lock", other, "acquire, release"),
        };
        let done = |value: &Value| {
            Ok(if *value == Value::Boolean(false) { LockReturn::Refused } else { LockReturn::Done })
        };
        Ok((asked, outcome(&o.end, done)?))
    }
}

impl Readable for TextMap {
    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        let text = |value: &Value| -> Arc<str> {
            match value {
                Value::Nil => "".into(),
                Value::Text(text) => Arc::clone(text),
                other => other.to_string().into(),
            }
        };
        Ok(match &*o.function {
            "get" => (TextOperation::Get, outcome(&o.end, |v| Ok(TextReturn::Text(text(v))))?),
            "put" => (TextOperation::Put(text(&o.argument)), always(&o.end, TextReturn::Done)?),
            "append" => (TextOperation::Append(text(&o.argument)), always(&o.end, TextReturn::Done)?),
            other => return unknown_function("key-value map", other, "get, put, append"),
        })
    }

    fn judge(&self, history: &History<Self::Operation, Self::Return>, budget: Budget<'_>) -> (Verdict, Way) {
        special::versioned(self, history, budget)
    }
}

impl Readable for EtcdMap<Value, Value> {
    /// Revisions are those of the whole map.
    const KEYED: bool = false;

    fn read(&self, o: &LogOperation, _: Conventions) -> Result<Meaning<Self>, String> {
        let number = |value: &Value| value.integer().ok_or_else(|| format!("`{value}` is no revision"));
        let (key, argument) = match (&o.key, o.argument.pair()) {
            (Some(key), _) => (key.clone(), o.argument.clone()),
            (None, Some((key, argument))) => (key.clone(), argument.clone()),
            (None, None) => (o.argument.clone(), Value::Nil),
        };
        let changed = |value: &Value| match value {
            Value::Nil | Value::Boolean(false) => Ok(EtcdMapReturn::Changed(None)),
            revision => Ok(EtcdMapReturn::Changed(Some(number(revision)?))),
        };
        let got = |value: &Value| match value {
            Value::Nil => Ok(EtcdMapReturn::Value(None)),
            value => {
                let (value, revision) = value.pair().ok_or("what was got is a value and its revision")?;
                Ok(EtcdMapReturn::Value(Some(Revised { value: value.clone(), revision: number(revision)? })))
            }
        };
        Ok(match &*o.function {
            "get" => (EtcdMapOperation::Get(key), outcome(&o.end, got)?),
            "put" => (EtcdMapOperation::Put(key, argument), outcome(&o.end, changed)?),
            "delete" => (EtcdMapOperation::Delete(key), outcome(&o.end, changed)?),
            "put-if" => {
                let (revision, value) =
                    argument.pair().ok_or("a conditional put is given a revision and a value")?;
                let asked = EtcdMapOperation::PutIfRevision(key, number(revision)?, value.clone());
                (asked, outcome(&o.end, changed)?)
            }
            other => return unknown_function("map with revisions", other, "get, put, delete, put-if"),
        })
    }
}
