//! Operations: what clients ask of an algorithm, and what tells them that it is done.

use crate::algorithm::{Algorithm, Scale};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use synod_model::{Process, ProcessId};

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationKind {
    /// Its name, in mixes and in histories: "write".
    pub name: &'static str,
    /// Whether it carries a value, as a write does.
    pub carries: bool,
}

impl OperationKind {
    /// One that carries a value of its own, no two the same.
    pub const fn with_value(name: &'static str) -> Self {
        Self { name, carries: true }
    }

    /// One that carries none.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, carries: false }
    }
}

/// An operation to be made into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Who is asked.
    pub at: ProcessId,
    /// For what.
    pub kind: OperationKind,
    /// On which object, of those that have one name each.
    pub key: u64,
    /// The value: 1, 2, .. in the order in which operations begin.
    pub value: u64,
}

/// As a history has it: `"read"`, or `{"write":5}`.
impl Serialize for Ask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.kind.carries {
            return serializer.serialize_str(self.kind.name);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.kind.name, &self.value)?;
        map.end()
    }
}

/// How an operation ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completion {
    /// It is done, and that is all: "written".
    Done(&'static str),
    /// It told a value, under this name, or that there is none.
    Value(&'static str, Option<u64>),
}

/// As a history has it: `"written"`, or `{"value":5}`.
impl Serialize for Completion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Done(name) => serializer.serialize_str(name),
            Self::Value(name, value) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(name, value)?;
                map.end()
            }
        }
    }
}

/// An indication, beside a request that it may complete.
#[derive(Debug)]
pub struct Told<'a, Q, I> {
    /// Who was asked.
    pub asked: ProcessId,
    /// For what.
    pub request: &'a Q,
    /// Who tells something.
    pub by: ProcessId,
    /// What.
    pub indication: &'a I,
}

/// What the operations are operations of, where histories can be judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// A register, or one by key: of `read` and `write`, which end in `value` and `written`.
    Register,
}

/// An algorithm as its clients see it.
#[derive(Debug)]
pub struct Operations<Q, I> {
    /// Its size.
    pub scale: Scale,
    /// The kinds that can be mixed; where there is none, its clients ask what it is asked anyway, each once.
    pub kinds: &'static [OperationKind],
    /// Whether an operation names one object of several.
    pub keyed: bool,
    /// Whether a process answers what it is asked in that order, and its answers do not say to what.
    pub in_order: bool,
    /// What judges histories.
    pub object: Option<Object>,
    /// Whom clients can ask.
    pub clients: Vec<ProcessId>,
    /// By process: what it is asked anyway.
    pub own: Vec<Vec<Q>>,
    /// Makes a request of an operation.
    pub make: fn(&Scale, &Ask) -> Option<Q>,
    /// Whether an indication completes a request, and how.
    pub completes: fn(&Told<'_, Q, I>) -> Option<Completion>,
}

impl<Q, I> Clone for Operations<Q, I>
where
    Q: Clone,
{
    fn clone(&self) -> Self {
        Self { scale: self.scale.clone(), clients: self.clients.clone(), own: self.own.clone(), ..*self }
    }
}

impl<Q, I> Operations<Q, I> {
    /// What is asked anyway, by process, each once; nothing completes it.
    pub fn anyway(own: Vec<Vec<Q>>) -> Self {
        Self {
            scale: Scale::new(own.len() as u32, 0),
            kinds: &[],
            keyed: false,
            in_order: false,
            object: None,
            clients: asked(&own),
            own,
            make: |_, _| None,
            completes: |_| None,
        }
    }
}

/// Who is asked for anything.
pub(crate) fn asked<Q>(requests: &[Vec<Q>]) -> Vec<ProcessId> {
    (0..).map(ProcessId).zip(requests).filter(|(_, of)| !of.is_empty()).map(|(p, _)| p).collect()
}

/// Those of an algorithm.
pub type OperationsOf<A> = Operations<
    <<A as Algorithm>::Process as Process>::Request,
    <<A as Algorithm>::Process as Process>::Indication,
>;

/// The operations of the algorithm `A` at this scale.
pub fn operations<A: Algorithm>(scale: &Scale) -> OperationsOf<A> {
    Operations {
        scale: scale.clone(),
        kinds: A::OPERATIONS,
        keyed: A::KEYED,
        in_order: A::IN_ORDER,
        object: A::OBJECT,
        clients: A::clients(scale),
        own: A::requests(scale),
        make: A::operation,
        completes: A::completes,
    }
}
