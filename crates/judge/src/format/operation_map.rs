//! Events as maps: what Jepsen, Knossos and Elle write, in EDN or JSON.

use super::edn::Reader;
use super::{Malformed, Place, ReadError};
use crate::history::Client;
use crate::log::{Kind, LogEvent};
use crate::value::Value;
use std::sync::Arc;

type Push<'a> = &'a mut dyn FnMut(LogEvent) -> Result<(), ReadError>;

/// Maps one after the other, or in vectors or lists.
pub(super) fn edn(
    text: &str,
    mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut reader = Reader::new(text);
    let mut enclosing = None;
    while let Some(byte) = reader.next_byte()? {
        match (byte, enclosing) {
            (b'[' | b'(', None) => {
                enclosing = Some(if byte == b'[' { b']' } else { b')' });
                reader.skip();
            }
            (byte, Some(end)) if byte == end => {
                enclosing = None;
                reader.skip();
            }
            _ => {
                let place = reader.place();
                let fields = if byte == b'{' {
                    Fields::read(&mut reader)?
                } else {
                    Fields::of(reader.value(1)?, place)?
                };
                event(fields, place, &mut push)?;
            }
        }
    }
    match enclosing {
        Some(end) => {
            Err(reader.error(format!("the text ends before `{}`: is it whole?", end as char)).into())
        }
        None => Ok(()),
    }
}

/// An array of maps, or a map a line.
pub(super) fn json(
    text: &str,
    mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let bad = |e: &serde_json::Error, lines_before: usize| {
        Malformed::at(lines_before + e.line(), e.column(), e.to_string())
    };
    if text.trim_start().starts_with('[') {
        let maps: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| bad(&e, 0))?;
        for (index, map) in maps.iter().enumerate() {
            // where in the text an element stands is not known: its number says as much
            let place = Place { line: index + 1, column: 1 };
            event(Fields::of(super::json::value(map), place)?, place, &mut push)?;
        }
        return Ok(());
    }
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let map: serde_json::Value = serde_json::from_str(line).map_err(|e| bad(&e, index))?;
        let place = Place { line: index + 1, column: 1 };
        event(Fields::of(super::json::value(&map), place)?, place, &mut push)?;
    }
    Ok(())
}

/// What of a map counts.
#[derive(Default)]
struct Fields {
    process: Option<Value>,
    kind: Option<Value>,
    function: Option<Value>,
    value: Option<Value>,
    time: Option<Value>,
    key: Option<Value>,
}

impl Fields {
    /// Of a map that has been read.
    fn of(map: Value, place: Place) -> Result<Self, Malformed> {
        let Value::Map(map) = map else {
            return Err(Malformed { place, what: format!("an event is a map, not `{}`", short(&map)) });
        };
        let mut fields = Self::default();
        for (name, value) in map {
            if let Some(field) = name.as_text().and_then(|name| fields.named(name)) {
                *field = Some(value);
            }
        }
        Ok(fields)
    }

    /// Of the map that comes next: what does not count is read over.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        reader.skip();
        while !reader.closes(b'}')? {
            let place = reader.place();
            let name = reader.value(2)?;
            if reader.next_byte()? == Some(b'}') {
                return Err(Malformed { place, what: format!("the key `{name}` has no value") });
            }
            let value = reader.value(2)?;
            if let Some(field) = name.as_text().and_then(|name| fields.named(name))
                && field.replace(value).is_some()
            {
                return Err(Malformed { place, what: format!("the key `{name}` stands twice") });
            }
        }
        Ok(fields)
    }

    fn named(&mut self, name: &str) -> Option<&mut Option<Value>> {
        Some(match name {
            "process" => &mut self.process,
            "type" => &mut self.kind,
            "f" => &mut self.function,
            "value" => &mut self.value,
            "time" => &mut self.time,
            "key" => &mut self.key,
            _ => return None,
        })
    }
}

/// What a map says happened; nothing if it was to somebody who is no client.
fn event(fields: Fields, place: Place, push: Push<'_>) -> Result<(), ReadError> {
    let bad = |what: String| Malformed { place, what };
    let client = match &fields.process {
        // only one speaks
        None => Client(0),
        Some(Value::Integer(number)) => {
            Client(u64::try_from(*number).map_err(|_| bad(format!("no client has the number {number}")))?)
        }
        // the nemesis and its like are no clients
        Some(_) => return Ok(()),
    };
    let kind = match fields.kind.as_ref().and_then(Value::as_text) {
        Some("invoke") => Kind::Invoke,
        Some("ok") => Kind::Ok,
        Some("fail") => Kind::Fail,
        Some("info") => Kind::Info,
        Some(other) => return Err(bad(format!("`{other}` is no type: invoke, ok, fail, info")).into()),
        None => return Err(bad("an event has a `type`: invoke, ok, fail, info".to_owned()).into()),
    };
    let function: Arc<str> = match fields.function {
        Some(Value::Text(function)) => function,
        None => "txn".into(), // Elle's own examples leave it out
        Some(other) => return Err(bad(format!("`{}` is no name of a function", short(&other))).into()),
    };
    let at = fields.time.as_ref().and_then(Value::integer).and_then(|at| u64::try_from(at).ok());
    let (value, key) = (fields.value.unwrap_or_default(), fields.key);
    push(LogEvent { client, kind, function, value, key, at, line: place.line })
}

/// The beginning of a value.
fn short(value: &Value) -> String {
    let text = value.to_string();
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push_str("..");
    }
    short
}
