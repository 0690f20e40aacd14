//! Events as maps: what Jepsen, Knossos and Elle write, in EDN or JSON.

use super::edn::{Reader, Shared};
use super::{Malformed, Place, ReadError, numbered};
use crate::history::Client;
use crate::log::{Kind, LogEvent};
use crate::value::Value;
use std::sync::Arc;

type Push<'a> = &'a mut dyn FnMut(LogEvent) -> Result<(), ReadError>;

/// How deep the values of events stand in the text.
pub(super) const DEPTH: usize = 2;

/// Reads maps one after the other, or in vectors or lists, piece by piece.
#[derive(Default)]
pub(super) struct Maps {
    /// What closes the vector or the list that is open.
    enclosing: Option<u8>,
    shared: Shared,
    end: Option<Malformed>,
}

impl Maps {
    /// Reads a piece that comes after so many lines and does not end within a map.
    pub(super) fn read(
        &mut self,
        text: &str,
        before: usize,
        mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut reader = Reader::after(text, before, std::mem::take(&mut self.shared));
        while let Some(byte) = reader.next_byte()? {
            match (byte, self.enclosing) {
                (b'[' | b'(', None) => {
                    self.enclosing = Some(if byte == b'[' { b']' } else { b')' });
                    reader.skip();
                }
                (byte, Some(end)) if byte == end => {
                    self.enclosing = None;
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
        let open = |end: u8| reader.error(format!("the text ends before `{}`: is it whole?", end as char));
        self.end = self.enclosing.map(open);
        self.shared = reader.into_shared();
        Ok(())
    }

    /// The text ends.
    pub(super) fn end(self) -> Result<(), ReadError> {
        self.end.map_or(Ok(()), |open| Err(open.into()))
    }
}

/// Reads an array of maps, or a map a line.
#[derive(Default)]
pub(super) struct Json {
    is_array: Option<bool>,
}

impl Json {
    /// Reads lines that come after so many, or the whole of an array.
    pub(super) fn read(
        &mut self,
        text: &str,
        before: usize,
        mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let bad = |e: &serde_json::Error, lines_before: usize| {
            Malformed::at(lines_before + e.line(), e.column(), e.to_string())
        };
        if *self.is_array.get_or_insert_with(|| is_array(text)) {
            let maps: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| bad(&e, before))?;
            for (index, map) in maps.iter().enumerate() {
                // where in the text an element stands is not known: its number says as much
                let place = Place { line: index + 1, column: 1 };
                event(Fields::of(super::json::value(map), place)?, place, &mut push)?;
            }
            return Ok(());
        }
        for (line, text) in numbered(text, before) {
            let map: serde_json::Value = serde_json::from_str(text).map_err(|e| bad(&e, line - 1))?;
            let place = Place { line, column: 1 };
            event(Fields::of(super::json::value(&map), place)?, place, &mut push)?;
        }
        Ok(())
    }
}

/// Whether JSON begins with an array.
pub(super) fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[')
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
