//! A log of registers under keys as reads and writes of all keys together.

use crate::history::{Client, Outcome};
use crate::judgement::Model;
use crate::log::Log;
use crate::model::{
    CasRegister, CasRegisterOperation, CasRegisterReturn, Register, RegisterOperation, RegisterReturn,
    TextMap, TextOperation, TextReturn,
};
use crate::reading::{Conventions, Meaningless, Readable};
use crate::value::Value;
use std::collections::BTreeMap;

/// What a register holds; initially nothing.
pub(super) type Held = Option<Value>;

/// What an operation has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It does not read.
    Nothing,
    /// This.
    This(Held),
    /// Anything but this: a compare-and-set that compared in vain.
    Other(Held),
}

/// An operation of a register that may matter.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// Which operation of the log it is.
    pub(super) operation: usize,
    pub(super) client: Client,
    /// The number of its key.
    pub(super) key: usize,
    pub(super) seen: Seen,
    pub(super) wrote: Option<Held>,
    /// The index of its invocation among the events.
    pub(super) invoked: usize,
    /// That of its return; nothing where the outcome is unknown.
    pub(super) returned: Option<usize>,
}

impl Access {
    pub(super) fn is_known(&self) -> bool {
        self.returned.is_some()
    }

    pub(super) fn reads(&self) -> bool {
        self.seen != Seen::Nothing
    }

    pub(super) fn writes(&self) -> bool {
        self.wrote.is_some()
    }

    /// Whether it had returned when the other was invoked.
    pub(super) fn precedes(&self, other: &Self) -> bool {
        self.returned.is_some_and(|returned| returned < other.invoked)
    }
}

/// Why a log is not one of registers.
pub(super) enum NotRegisters {
    /// An operation means nothing to the model.
    Meaningless(Meaningless),
    /// It is of another object.
    Other(String),
}

/// The operations of a log that took effect, or may have.
pub(super) fn accesses(
    log: &Log,
    model: Model,
    conventions: Conventions,
) -> Result<Vec<Access>, NotRegisters> {
    let mut keys: BTreeMap<Option<&Value>, usize> = BTreeMap::new();
    let mut accesses = vec![];
    for (index, operation) in log.operations().iter().enumerate() {
        let read = match model {
            Model::Register => Register::default().read(operation, conventions).map(register),
            Model::CasRegister => CasRegister::default().read(operation, conventions).map(cas_register),
            Model::KeyValue => {
                let (asked, outcome) =
                    TextMap.read(operation, conventions).map_err(|what| meaningless(operation, what))?;
                if matches!(asked, TextOperation::Append(_)) && outcome != Outcome::Failed {
                    let why = "texts are appended to: this condition is judged of reads and writes only";
                    return Err(NotRegisters::Other(why.to_owned()));
                }
                Ok(text((asked, outcome)))
            }
            other => {
                let why = format!("this condition is judged of registers only, not of a {other}");
                return Err(NotRegisters::Other(why));
            }
        };
        let Some((seen, wrote, is_known)) = read.map_err(|what| meaningless(operation, what))? else {
            continue;
        };
        let next = keys.len();
        let key = *keys.entry(operation.key.as_ref()).or_insert(next);
        let returned = operation.returned.filter(|_| is_known);
        let (client, invoked) = (operation.client, operation.invoked);
        accesses.push(Access { operation: index, client, key, seen, wrote, invoked, returned });
    }
    Ok(accesses)
}

fn meaningless(operation: &crate::log::LogOperation, what: String) -> NotRegisters {
    NotRegisters::Meaningless(Meaningless { line: operation.end_line.unwrap_or(operation.line), what })
}

/// What was seen, what was written, and whether it is known to have taken effect; nothing where it does not matter.
type Effect = Option<(Seen, Option<Held>, bool)>;

fn register((asked, outcome): (RegisterOperation<Value>, Outcome<RegisterReturn<Value>>)) -> Effect {
    match (asked, outcome) {
        (RegisterOperation::Read, Outcome::Ok(RegisterReturn::Value(held))) => {
            Some((Seen::This(held), None, true))
        }
        (RegisterOperation::Write(v), Outcome::Ok(_)) => Some((Seen::Nothing, Some(Some(v)), true)),
        (RegisterOperation::Write(v), Outcome::Unknown) => Some((Seen::Nothing, Some(Some(v)), false)),
        _ => None,
    }
}

fn cas_register(
    (asked, outcome): (CasRegisterOperation<Value>, Outcome<CasRegisterReturn<Value>>),
) -> Effect {
    use CasRegisterOperation::{CompareAndSet, Read, Write};
    match (asked, outcome) {
        (Read, Outcome::Ok(CasRegisterReturn::Value(held))) => Some((Seen::This(held), None, true)),
        (Write(v), Outcome::Ok(_)) => Some((Seen::Nothing, Some(Some(v)), true)),
        (Write(v), Outcome::Unknown) => Some((Seen::Nothing, Some(Some(v)), false)),
        (CompareAndSet(old, _), Outcome::Ok(CasRegisterReturn::Differs)) => {
            Some((Seen::Other(old), None, true))
        }
        (CompareAndSet(old, new), Outcome::Ok(_)) => Some((Seen::This(old), Some(Some(new)), true)),
        (CompareAndSet(old, new), Outcome::Unknown) => Some((Seen::This(old), Some(Some(new)), false)),
        _ => None,
    }
}

fn text((asked, outcome): (TextOperation, Outcome<TextReturn>)) -> Effect {
    let held = |text: std::sync::Arc<str>| (!text.is_empty()).then_some(Value::Text(text));
    match (asked, outcome) {
        (TextOperation::Get, Outcome::Ok(TextReturn::Text(text))) => {
            Some((Seen::This(held(text)), None, true))
        }
        (TextOperation::Put(text), Outcome::Ok(_)) => Some((Seen::Nothing, Some(held(text)), true)),
        (TextOperation::Put(text), Outcome::Unknown) => Some((Seen::Nothing, Some(held(text)), false)),
        _ => None,
    }
}
