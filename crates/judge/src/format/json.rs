//! Our JSON Lines, whatever the operations are.
//!
//! Keys may be any value here, and an end that failed or is not known may say more: `{"failed":VALUE}`, `{"unknown":VALUE}`.

use super::{Malformed, ReadError, numbered};
use crate::history::Client;
use crate::log::{Kind, LogEvent};
use crate::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An event of a line.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Invoke {
        client: Client,
        operation: Json,
        key: Option<Json>,
        #[serde(default, rename = "retry")]
        _retry: bool,
        at: Option<u64>,
    },
    Return {
        client: Client,
        outcome: Json,
        at: Option<u64>,
    },
}

/// Reads one event a line.
#[derive(Default)]
pub(super) struct Lines {
    /// What each client asked for last: an end does not say what it ends.
    asked: BTreeMap<Client, Arc<str>>,
}

impl Lines {
    /// Reads lines that come after so many.
    pub(super) fn read(
        &mut self,
        text: &str,
        before: usize,
        mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        for (line, text) in numbered(text, before) {
            push(self.event(text, line)?)?;
        }
        Ok(())
    }

    fn event(&mut self, text: &str, line: usize) -> Result<LogEvent, Malformed> {
        let event: Line = serde_json::from_str(text)
            .map_err(|e| Malformed::at(line, e.column(), format!("not an event of a history: {e}")))?;
        match event {
            Line::Invoke { client, operation, key, at, .. } => {
                let (function, value) = named(&operation).ok_or_else(|| {
                    Malformed::at(line, 1, "an operation is a name, or a name and its argument")
                })?;
                self.asked.insert(client, Arc::clone(&function));
                let key = key.as_ref().map(self::value);
                Ok(LogEvent { client, kind: Kind::Invoke, function, value, key, at, line })
            }
            Line::Return { client, outcome, at } => {
                let (kind, value) = ended(&outcome).ok_or_else(|| {
                    Malformed::at(line, 1, "not an event of a history: an outcome is ok, failed or unknown")
                })?;
                let function = self.asked.get(&client).cloned().unwrap_or_else(|| "".into());
                Ok(LogEvent { client, kind, function, value, key: None, at, line })
            }
        }
    }
}

/// What came of an operation.
fn ended(outcome: &Json) -> Option<(Kind, Value)> {
    match outcome {
        Json::String(word) => match &word[..] {
            "failed" => Some((Kind::Fail, Value::Nil)),
            "unknown" => Some((Kind::Info, Value::Nil)),
            _ => None,
        },
        Json::Object(map) if map.len() == 1 => {
            let (word, said) = map.iter().next()?;
            match &word[..] {
                "ok" => Some((Kind::Ok, named(said).map_or_else(|| value(said), |(_, value)| value))),
                "failed" => Some((Kind::Fail, value(said))),
                "unknown" => Some((Kind::Info, value(said))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A name, and what it is given.
fn named(json: &Json) -> Option<(Arc<str>, Value)> {
    match json {
        Json::String(name) => Some((name.as_str().into(), Value::Nil)),
        Json::Object(map) => match map.iter().next() {
            Some((name, argument)) if map.len() == 1 => Some((name.as_str().into(), value(argument))),
            _ => None,
        },
        _ => None,
    }
}

/// The value that a JSON value is.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::text(&number.to_string()), Value::Integer)
        }
        Json::String(text) => Value::text(text),
        Json::Array(elements) => Value::Sequence(elements.iter().map(value).collect()),
        Json::Object(map) => Value::Map(map.iter().map(|(key, of)| (Value::text(key), value(of))).collect()),
    }
}
