//! A log judged against a model by its name.

use crate::explanation::{Explanation, explain};
use crate::format::Format;
use crate::linearizability::{Budget, Verdict};
use crate::log::Log;
use crate::model::{CasRegister, Counter, EtcdMap, List, Lock, Queue, Register, Set, Stack, TextMap};
use crate::reading::{Conventions, Meaningless, Part, Readable, parts};
use crate::smallest::{Smallest, smallest};
use crate::special::Way;
use crate::specification::SequentialSpecification;
use crate::value::Value;
use std::fmt;
use std::str::FromStr;

/// The models that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// [`Register`].
    Register,
    /// [`CasRegister`].
    CasRegister,
    /// [`Counter`].
    Counter,
    /// [`Set`].
    Set,
    /// [`Queue`].
    Queue,
    /// [`Stack`].
    Stack,
    /// [`Lock`], which anybody may release.
    Lock,
    /// [`Lock`], which only its holder may release.
    OwnedLock,
    /// [`List`].
    List,
    /// [`TextMap`].
    KeyValue,
    /// [`EtcdMap`].
    Etcd,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Register,
        Self::CasRegister,
        Self::Counter,
        Self::Set,
        Self::Queue,
        Self::Stack,
        Self::Lock,
        Self::OwnedLock,
        Self::List,
        Self::KeyValue,
        Self::Etcd,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
            Self::Counter => "counter",
            Self::Set => "set",
            Self::Queue => "queue",
            Self::Stack => "stack",
            Self::Lock => "lock",
            Self::OwnedLock => "owned-lock",
            Self::List => "list",
            Self::KeyValue => "kv",
            Self::Etcd => "etcd",
        }
    }

    /// What its operations are called.
    pub fn functions(self) -> &'static str {
        match self {
            Self::Register => "read, write V",
            Self::CasRegister => "read, write V, cas [OLD NEW]",
            Self::Counter => "read, add N, decrement N, add-and-get N",
            Self::Set => "add V, remove V, contains V, read",
            Self::Queue => "enqueue V, dequeue",
            Self::Stack => "push V, pop",
            Self::Lock | Self::OwnedLock => "acquire, release",
            Self::List => "append V, read",
            Self::KeyValue => "get, put V, append V, each of a key",
            Self::Etcd => "get K, put [K V], delete K, put-if [K [REVISION V]]",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|model| model.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|model| model.name()).collect();
            format!("no model is called `{name}`: {}", names.join(", "))
        })
    }
}

/// What was found of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartVerdict {
    /// Which object.
    pub key: Option<Value>,
    /// How many operations it had.
    pub operations: usize,
    /// The verdict, in which operations are those of the log.
    pub verdict: Verdict,
    /// How it was judged.
    pub way: Way,
    /// Why, of a violation; operations are those of the log.
    pub explanation: Option<Explanation>,
    /// Of the first violation, where it was asked for and is known: the smallest part that fails by itself; operations are those of the log.
    pub smallest: Option<Smallest>,
}

/// What was found of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Of each object.
    pub parts: Vec<PartVerdict>,
}

impl Judgement {
    /// Whether all of it is linearizable; nothing if that is not known.
    pub fn holds(&self) -> Option<bool> {
        if self.parts.iter().any(|part| part.verdict.is_violation()) {
            return Some(false);
        }
        self.parts.iter().all(|part| part.verdict.is_linearizable()).then_some(true)
    }
}

/// The conventions of logs in a format.
pub fn conventions(format: Format) -> Conventions {
    Conventions {
        failed_cas_compared: format == Format::JepsenLog,
        nil_read_says_nothing: format == Format::Edn,
    }
}

/// What is to be done with a model, whichever it is.
pub(crate) trait ForModel {
    /// What comes of it.
    type Found;
    fn with<S>(self, model: &S) -> Self::Found
    where
        S: Readable<State: Ord, Operation: Ord, Return: Ord> + Clone + 'static;
}

impl Model {
    /// Does it with the model of this name.
    pub(crate) fn hand<F: ForModel>(self, it: F) -> F::Found {
        match self {
            Self::Register => it.with(&Register::<Value>::default()),
            Self::CasRegister => it.with(&CasRegister::<Value>::default()),
            Self::Counter => it.with(&Counter),
            Self::Set => it.with(&Set::<Value>::default()),
            Self::Queue => it.with(&Queue::<Value>::default()),
            Self::Stack => it.with(&Stack::<Value>::default()),
            Self::Lock => it.with(&Lock { owned: false }),
            Self::OwnedLock => it.with(&Lock { owned: true }),
            Self::List => it.with(&List::<Value>::default()),
            Self::KeyValue => it.with(&TextMap),
            Self::Etcd => it.with(&EtcdMap::<Value, Value>::default()),
        }
    }
}

/// Whether a log is linearizable.
pub fn judge(
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<Judgement, Meaningless> {
    model.hand(Judging { log, conventions, budget, closely: false })
}

/// Whether a log is linearizable, and the smallest part that fails by itself of the first object that is not.
pub fn judge_closely(
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<Judgement, Meaningless> {
    model.hand(Judging { log, conventions, budget, closely: true })
}

/// Whether a log is linearizable with respect to a model of one's own.
pub fn judge_with<S: Readable>(
    model: &S,
    log: &Log,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<Judgement, Meaningless> {
    Judging { log, conventions, budget, closely: false }.of(model)
}

struct Judging<'a> {
    log: &'a Log,
    conventions: Conventions,
    budget: Budget<'a>,
    closely: bool,
}

impl ForModel for Judging<'_> {
    type Found = Result<Judgement, Meaningless>;

    fn with<S: Readable>(self, model: &S) -> Self::Found {
        self.of(model)
    }
}

impl Judging<'_> {
    fn of<S: Readable>(self, model: &S) -> Result<Judgement, Meaningless> {
        let mut look = self.closely;
        let judged = parts(model, self.log, self.conventions)?.into_iter().map(|part| {
            let mut judged = judged(model, &part, self.budget);
            if look && judged.verdict.is_violation() {
                look = false;
                let decide = |history: &_, budget: Budget<'_>| model.judge(history, budget).0;
                judged.smallest = smallest(model, &part.history, decide, self.budget).map(|smallest| {
                    let operations = of_part(&part, &smallest.operations);
                    Smallest { operations, ..smallest }
                });
            }
            judged
        });
        Ok(Judgement { parts: judged.collect() })
    }
}

/// Judges an object's part.
fn judged<S: Readable>(model: &S, part: &Part<S>, budget: Budget<'_>) -> PartVerdict {
    let (verdict, way) = model.judge(&part.history, budget);
    let explanation = explain(model, &part.history, &verdict, budget).map(|explanation| Explanation {
        operation: part.operations[explanation.operation],
        concurrent: of_part(part, &explanation.concurrent),
        before: of_part(part, &explanation.before),
        ..explanation
    });
    let (key, operations) = (part.key.clone(), part.operations.len());
    PartVerdict { key, operations, verdict: of_the_log(part, verdict), way, explanation, smallest: None }
}

/// Which operations of the log these of a part are.
fn of_part<S: SequentialSpecification>(part: &Part<S>, operations: &[usize]) -> Vec<usize> {
    operations.iter().map(|&index| part.operations[index]).collect()
}

/// A verdict whose operations are those of the log.
fn of_the_log<S: SequentialSpecification>(part: &Part<S>, verdict: Verdict) -> Verdict {
    let named = |order: Vec<usize>| of_part(part, &order);
    match verdict {
        Verdict::Linearizable { order } => Verdict::Linearizable { order: named(order) },
        Verdict::Violation { prefix, order, operation } => {
            Verdict::Violation { prefix, order: named(order), operation: part.operations[operation] }
        }
        unknown @ Verdict::Unknown { .. } => unknown,
    }
}
