//! Our JSON Lines, whatever the operations are.

use super::{Malformed, ReadError};
use crate::history::{Event, Outcome};
use crate::log::{Kind, LogEvent};
use crate::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One event a line.
pub(super) fn lines(
    text: &str,
    mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    // an end does not say what it ends
    let mut asked: BTreeMap<_, Arc<str>> = BTreeMap::new();
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = index + 1;
        let event: Event<Json, Json> = serde_json::from_str(text)
            .map_err(|e| Malformed::at(line, e.column(), format!("not an event of a history: {e}")))?;
        match event {
            Event::Invoke { client, operation, key, at, .. } => {
                let (function, value) = named(&operation).ok_or_else(|| {
                    Malformed::at(line, 1, "an operation is a name, or a name and its argument")
                })?;
                asked.insert(client, Arc::clone(&function));
                let key =
                    key.map(|key| i64::try_from(key).map_or(Value::text(&key.to_string()), Value::Integer));
                push(LogEvent { client, kind: Kind::Invoke, function, value, key, at, line })?;
            }
            Event::Return { client, outcome, at } => {
                let (kind, value) = match &outcome {
                    Outcome::Ok(returned) => {
                        (Kind::Ok, named(returned).map_or(value(returned), |(_, value)| value))
                    }
                    Outcome::Failed => (Kind::Fail, Value::Nil),
                    Outcome::Unknown => (Kind::Info, Value::Nil),
                };
                let function = asked.get(&client).cloned().unwrap_or_else(|| "".into());
                push(LogEvent { client, kind, function, value, key: None, at, line })?;
            }
        }
    }
    Ok(())
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
