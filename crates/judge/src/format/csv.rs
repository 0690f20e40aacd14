//! A table: `client,kind,function,key,value,at`, a row for each event, the header first.
//!
//! `kind` is invoke, ok, fail or info; `key` and `at` (nanoseconds) may be empty. A value is written as JSON, or as a bare word.
//! Fields with commas stand in double quotes, a double quote in them twice (RFC 4180); a row does not go over lines.

use super::{Malformed, ReadError, numbered};
use crate::history::Client;
use crate::log::{Kind, LogEvent};
use crate::value::Value;

pub(super) const COLUMNS: [&str; 6] = ["client", "kind", "function", "key", "value", "at"];

/// Whether a line is the table's header.
pub(super) fn is_header(line: &str) -> bool {
    line.split(',').map(str::trim).eq(COLUMNS)
}

/// Reads the rows of a table.
#[derive(Default)]
pub(super) struct Table {
    /// Whether the header has been read.
    begun: bool,
}

impl Table {
    /// Reads lines that come after so many.
    pub(super) fn read(
        &mut self,
        text: &str,
        before: usize,
        mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        for (line, text) in numbered(text, before) {
            if self.begun {
                push(row(text, line)?)?;
            } else if is_header(text) {
                self.begun = true;
            } else {
                let what = format!("the header of the table is {}", COLUMNS.join(","));
                return Err(Malformed::at(line, 1, what).into());
            }
        }
        Ok(())
    }
}

fn row(text: &str, line: usize) -> Result<LogEvent, Malformed> {
    let fields = fields(text, line)?;
    let Ok([client, kind, function, key, value, at]) = <[_; 6]>::try_from(fields) else {
        return Err(Malformed::at(line, 1, format!("a row has {} fields", COLUMNS.len())));
    };
    let bad = |column: usize, what: String| Malformed::at(line, column, what);
    let client = Client(client.1.parse().map_err(|_| bad(client.0, format!("`{}` is no client", client.1)))?);
    let kind = match &kind.1[..] {
        "invoke" => Kind::Invoke,
        "ok" => Kind::Ok,
        "fail" => Kind::Fail,
        "info" => Kind::Info,
        other => return Err(bad(kind.0, format!("`{other}` is no kind: invoke, ok, fail, info"))),
    };
    let at = match &at.1[..] {
        "" => None,
        text => Some(text.parse().map_err(|_| bad(at.0, format!("`{text}` is no time in nanoseconds")))?),
    };
    let key = (!key.1.is_empty()).then(|| field(&key.1));
    Ok(LogEvent { client, kind, function: function.1.into(), value: field(&value.1), key, at, line })
}

/// The fields of a row, each with its column.
fn fields(text: &str, line: usize) -> Result<Vec<(usize, String)>, Malformed> {
    let mut fields = vec![];
    let mut rest = text;
    loop {
        let column = 1 + text.len() - rest.len();
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, after) =
                rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
            fields.push((column, field.trim().to_owned()));
            match after {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
            continue;
        };
        let mut field = String::new();
        let mut parts = quoted;
        loop {
            let Some((part, after)) = parts.split_once('"') else {
                return Err(Malformed::at(line, column, "a double quote does not end"));
            };
            field.push_str(part);
            if let Some(more) = after.strip_prefix('"') {
                field.push('"');
                parts = more;
            } else {
                parts = after;
                break;
            }
        }
        fields.push((column, field));
        match parts.strip_prefix(',') {
            Some(after) => rest = after,
            None if parts.trim().is_empty() => return Ok(fields),
            None => return Err(Malformed::at(line, column, "after a double quote comes a comma")),
        }
    }
}

/// A value: JSON, or else the text itself.
pub(super) fn field(text: &str) -> Value {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => super::json::value(&json),
        Err(_) if text.is_empty() || text == "nil" => Value::Nil,
        Err(_) => Value::text(text),
    }
}
