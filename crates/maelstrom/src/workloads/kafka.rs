//! `kafka`: logs by key, into which messages are sent and from which they are polled.

use super::replicated::{AskOf, Service};
use crate::json::Json;
use crate::wire::Fault;
use crate::workload::{Asked, Caller, Desk};
use serde_json::Value;
use std::collections::BTreeMap;
use synod_algorithms::consensus::raft::Raft;
use synod_model::interface::{Ask, StateMachine};
use synod_model::prelude::{Deserialize, Serialize};

/// How many messages of a log one poll brings at most.
const POLLED_MAX: usize = 100;

/// A log, and up to where its messages have been dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Log {
    messages: Vec<Json>,
    committed: Option<u64>,
}

/// The state machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Logs(BTreeMap<String, Log>);

/// By key.
type Offsets = BTreeMap<String, u64>;

/// What changes the logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Change {
    /// Adds a message to a log.
    Send { key: String, message: Json },
    /// Messages up to these offsets have been dealt with.
    Commit(Offsets),
}

/// What only reads them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Look {
    /// The messages from these offsets on.
    Poll(Offsets),
    /// Up to where messages of these logs have been dealt with.
    Committed(Vec<String>),
}

/// What they answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The message has this offset.
    Sent(u64),
    /// It is so.
    Done,
    /// Messages with their offsets.
    Polled(BTreeMap<String, Vec<(u64, Json)>>),
    /// Offsets, of those logs that have one.
    Committed(Offsets),
}

impl StateMachine for Logs {
    type Command = Change;
    type Query = Look;
    type Answer = Answer;

    fn execute(&mut self, change: &Change) -> Answer {
        match change {
            Change::Send { key, message } => {
                let messages = &mut self.0.entry(key.clone()).or_default().messages;
                messages.push(message.clone());
                Answer::Sent(messages.len() as u64 - 1)
            }
            Change::Commit(offsets) => {
                for (key, &offset) in offsets {
                    let log = self.0.entry(key.clone()).or_default();
                    // clients that do not know of each other may be at different places: none takes another back
                    log.committed = log.committed.max(Some(offset));
                }
                Answer::Done
            }
        }
    }

    fn answer(&self, look: &Look) -> Answer {
        match look {
            Look::Poll(offsets) => {
                let polled = offsets.iter().map(|(key, &from)| {
                    let messages = self.0.get(key).map_or(&[][..], |log| &log.messages);
                    let from = from.min(messages.len() as u64);
                    let rest = messages[from as usize..].iter().take(POLLED_MAX).cloned();
                    (key.clone(), (from..).zip(rest).collect())
                });
                Answer::Polled(polled.collect())
            }
            Look::Committed(keys) => {
                let committed = |key: &String| Some((key.clone(), self.0.get(key)?.committed?));
                Answer::Committed(keys.iter().filter_map(committed).collect())
            }
        }
    }
}

/// `kafka`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kafka;

impl Service for Kafka {
    type Machine = Logs;

    fn ask(asked: &Asked<'_>) -> Result<AskOf<Logs>, Fault> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match asked.kind {
            "send" => {
                let key = asked.read("key", "text", text)?;
                let message = Json::of(asked.field("msg")?);
                Ok(Ask::Execute { stamp: None, command: Change::Send { key, message } })
            }
            "poll" => Ok(Ask::Query(Look::Poll(asked.read("offsets", WHAT, offsets)?))),
            "commit_offsets" => {
                let command = Change::Commit(asked.read("offsets", WHAT, offsets)?);
                Ok(Ask::Execute { stamp: None, command })
            }
            "list_committed_offsets" => {
                let keys = |value: &Value| value.as_array()?.iter().map(text).collect();
                Ok(Ask::Query(Look::Committed(asked.read("keys", "list of texts", keys)?)))
            }
            _ => Err(asked.unknown()),
        }
    }

    fn reply(caller: Caller, kind: &str, answer: Answer, desk: &mut Desk<Raft<Logs>>) {
        match answer {
            Answer::Sent(offset) => desk.reply(caller, kind, [("offset", offset.into())]),
            Answer::Done => desk.reply(caller, kind, []),
            Answer::Polled(polled) => {
                let pair =
                    |(offset, message): &(u64, Json)| Value::from(vec![(*offset).into(), message.value()]);
                let of =
                    |(key, messages): (String, Vec<_>)| (key, messages.iter().map(pair).collect::<Value>());
                desk.reply(caller, kind, [("msgs", polled.into_iter().map(of).collect())]);
            }
            Answer::Committed(offsets) => {
                let offsets = offsets.into_iter().map(|(key, offset)| (key, Value::from(offset)));
                desk.reply(caller, kind, [("offsets", offsets.collect())]);
            }
        }
    }
}

const WHAT: &str = "map from texts to offsets";

fn offsets(value: &Value) -> Option<Offsets> {
    value.as_object()?.iter().map(|(key, offset)| Some((key.clone(), offset.as_u64()?))).collect()
}
