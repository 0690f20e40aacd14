//! A store of values by key, in which transactions take effect as one: `lin-kv`, `txn-rw-register`, `txn-list-append`.

use super::replicated::{AskOf, Service};
use crate::json::Json;
use crate::wire::{Code, Fault};
use crate::workload::{Asked, Caller, Desk};
use serde_json::Value;
use std::collections::BTreeMap;
use synod_algorithms::consensus::raft::Raft;
use synod_model::interface::{Ask, StateMachine};
use synod_model::prelude::{Deserialize, Serialize};

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Cell {
    /// What was written last.
    Register(Json),
    /// What was appended, in order.
    List(Vec<Json>),
}

impl Cell {
    fn value(&self) -> Value {
        match self {
            Self::Register(value) => value.value(),
            Self::List(values) => values.iter().map(Json::value).collect(),
        }
    }
}

/// The state machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Store(BTreeMap<Json, Cell>);

/// A step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Micro {
    key: Json,
    does: Does,
}

/// What it does to its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Does {
    Read,
    Write(Json),
    Append(Json),
}

/// What changes the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Change {
    /// All of these, as one.
    Transact(Vec<Micro>),
    /// Writes a value where another one stands.
    Compare { key: Json, from: Json, to: Json, create: bool },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Answer {
    /// What each step of a transaction has found; nothing, of one that writes.
    Transacted(Vec<(Micro, Option<Cell>)>),
    /// The other value stood there.
    Written,
    /// Another value stands there.
    Differs(Cell),
    /// There is no such key.
    Missing,
}

impl Store {
    /// Takes a step: what it has found.
    fn step(&mut self, Micro { key, does }: &Micro) -> Option<Cell> {
        match does {
            Does::Read => return self.0.get(key).cloned(),
            Does::Write(value) => _ = self.0.insert(key.clone(), Cell::Register(value.clone())),
            Does::Append(value) => {
                match self.0.entry(key.clone()).or_insert_with(|| Cell::List(Vec::new())) {
                    Cell::List(values) => values.push(value.clone()),
                    register @ Cell::Register(_) => *register = Cell::List(vec![value.clone()]),
                }
            }
        }
        None
    }
}

impl StateMachine for Store {
    type Command = Change;
    /// Reads alone, as one.
    type Query = Vec<Micro>;
    type Answer = Answer;

    fn execute(&mut self, change: &Change) -> Answer {
        match change {
            Change::Transact(steps) => {
                Answer::Transacted(steps.iter().map(|step| (step.clone(), self.step(step))).collect())
            }
            Change::Compare { key, from, to, create } => match self.0.get_mut(key) {
                Some(cell) if cell.value() == from.value() => {
                    *cell = Cell::Register(to.clone());
                    Answer::Written
                }
                Some(cell) => Answer::Differs(cell.clone()),
                None if *create => {
                    self.0.insert(key.clone(), Cell::Register(to.clone()));
                    Answer::Written
                }
                None => Answer::Missing,
            },
        }
    }

    fn answer(&self, steps: &Vec<Micro>) -> Answer {
        Answer::Transacted(steps.iter().map(|step| (step.clone(), self.0.get(&step.key).cloned())).collect())
    }
}

/// Steps as what they are asked as: those that only read are a query.
fn transaction(steps: Vec<Micro>) -> AskOf<Store> {
    if steps.iter().all(|step| step.does == Does::Read) {
        Ask::Query(steps)
    } else {
        Ask::Execute { stamp: None, command: Change::Transact(steps) }
    }
}

/// `lin-kv`.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinKv;

impl Service for LinKv {
    type Machine = Store;

    fn ask(asked: &Asked<'_>) -> Result<AskOf<Store>, Fault> {
        let key = || asked.field("key").map(Json::of);
        let field = |name| asked.field(name).map(Json::of);
        let create = asked.body.get("create_if_not_exists").is_some_and(|create| *create == true);
        match asked.kind {
            "read" => Ok(transaction(vec![Micro { key: key()?, does: Does::Read }])),
            "write" => Ok(transaction(vec![Micro { key: key()?, does: Does::Write(field("value")?) }])),
            "cas" => {
                let command = Change::Compare { key: key()?, from: field("from")?, to: field("to")?, create };
                Ok(Ask::Execute { stamp: None, command })
            }
            _ => Err(asked.unknown()),
        }
    }

    fn reply(caller: Caller, kind: &str, answer: Answer, desk: &mut Desk<Raft<Store>>) {
        match answer {
            Answer::Transacted(steps) if kind == "read" => {
                match steps.into_iter().find_map(|(_, found)| found) {
                    Some(cell) => desk.reply(caller, kind, [("value", cell.value())]),
                    None => desk.refuse(caller, &Fault::new(Code::KeyDoesNotExist, "there is no such key")),
                }
            }
            Answer::Transacted(_) | Answer::Written => desk.reply(caller, kind, []),
            Answer::Differs(cell) => {
                let text = format!("it is {}", cell.value());
                desk.refuse(caller, &Fault::new(Code::PreconditionFailed, text));
            }
            Answer::Missing => {
                desk.refuse(caller, &Fault::new(Code::KeyDoesNotExist, "there is no such key"));
            }
        }
    }
}

/// `txn-rw-register` and `txn-list-append`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transactions;

impl Service for Transactions {
    type Machine = Store;

    fn ask(asked: &Asked<'_>) -> Result<AskOf<Store>, Fault> {
        if asked.kind != "txn" {
            return Err(asked.unknown());
        }
        let steps = asked.read("txn", "list", Value::as_array)?;
        Ok(transaction(steps.iter().map(micro).collect::<Result<_, _>>()?))
    }

    fn reply(caller: Caller, kind: &str, answer: Answer, desk: &mut Desk<Raft<Store>>) {
        let Answer::Transacted(steps) = answer else { return };
        let done = steps.into_iter().map(|(Micro { key, does }, found)| {
            let (name, value) = match does {
                Does::Read => ("r", found.map_or(Value::Null, |cell| cell.value())),
                Does::Write(value) => ("w", value.value()),
                Does::Append(value) => ("append", value.value()),
            };
            Value::from(vec![name.into(), key.value(), value])
        });
        desk.reply(caller, kind, [("txn", done.collect())]);
    }
}

fn micro(step: &Value) -> Result<Micro, Fault> {
    let wrong = || {
        Fault::malformed(format!("`{step}` is no step: [\"r\", k, null], [\"w\", k, v], [\"append\", k, v]"))
    };
    let [does, key, value] = step.as_array().ok_or_else(wrong)?.as_slice() else { return Err(wrong()) };
    let does = match does.as_str() {
        Some("r") => Does::Read,
        Some("w") => Does::Write(Json::of(value)),
        Some("append") => Does::Append(Json::of(value)),
        _ => return Err(wrong()),
    };
    Ok(Micro { key: Json::of(key), does })
}
