//! Events as they stand in each of the formats: what is written is read as the same, and what a format cannot say is an error.
//!
//! A history has texts, where EDN tells keywords from strings: names of functions are written as keywords, values as strings.

use super::edn::DEPTH_MAX;
use super::{Format, csv, operation_map};
use crate::log::{Kind, LogEvent};
use crate::value::Value;
use std::fmt::Write as _;
use std::iter;
use thiserror::Error;

/// How deep values may stand in each other in JSON, with room for what they stand in.
const JSON_DEPTH_MAX: usize = 100;

/// An event has something that a format cannot say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {format} cannot say {what}")]
pub struct Unsayable {
    /// The line of the event.
    pub line: usize,
    /// The format.
    pub format: Format,
    /// What.
    pub what: String,
}

/// Writes events in a format, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    format: Format,
}

impl Writer {
    /// In this format.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// What stands before all events.
    pub fn head(self) -> String {
        if self.format == Format::Csv { format!("{}\n", csv::COLUMNS.join(",")) } else { String::new() }
    }

    /// Writes an event behind a text; where it cannot be said, nothing is written.
    pub fn write(self, event: &LogEvent, to: &mut String) -> Result<(), Unsayable> {
        let from = to.len();
        self.say(event, to).map_err(|what| {
            to.truncate(from);
            Unsayable { line: event.line, format: self.format, what }
        })
    }

    fn say(self, event: &LogEvent, to: &mut String) -> Result<(), String> {
        let deepest = depth(&event.value).max(event.key.as_ref().map_or(0, depth));
        let depth_max = match self.format {
            Format::Edn => DEPTH_MAX - operation_map::DEPTH,
            Format::JepsenLog => DEPTH_MAX,
            Format::JsonLines | Format::Json | Format::Csv => JSON_DEPTH_MAX,
        };
        if deepest > depth_max {
            return Err(format!("values that stand {deepest} deep in each other"));
        }
        match self.format {
            Format::JsonLines => json_line(event, to)?,
            Format::Edn => edn_map(event, to)?,
            Format::Json => json_map(event, to)?,
            Format::JepsenLog => jepsen_line(event, to)?,
            Format::Csv => row(event, to)?,
        }
        to.push('\n');
        Ok(())
    }
}

/// How deep values stand in each other.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Sequence(elements) => elements.iter().map(depth).max(),
        Value::Map(map) => map.iter().map(|(key, value)| depth(key).max(depth(value))).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Invoke => "invoke",
        Kind::Ok => "ok",
        Kind::Fail => "fail",
        Kind::Info => "info",
    }
}

fn json_line(event: &LogEvent, to: &mut String) -> Result<(), String> {
    let LogEvent { client, kind, function, value, key, at, .. } = event;
    let said = |word: &str, to: &mut String| {
        if *value == Value::Nil {
            quoted(word, to);
            return Ok(());
        }
        to.push('{');
        quoted(word, to);
        to.push(':');
        json(value, to)?;
        to.push('}');
        Ok::<_, String>(())
    };
    match kind {
        Kind::Invoke => {
            let _ = write!(to, "{{\"invoke\":{{\"client\":{},\"operation\":", client.0);
            said(function, to)?;
            if let Some(key) = key {
                if *key == Value::Nil {
                    return Err("that the key is nil".to_owned());
                }
                to.push_str(",\"key\":");
                json(key, to)?;
            }
        }
        Kind::Ok => {
            let _ = write!(to, "{{\"return\":{{\"client\":{},\"outcome\":{{\"ok\":{{\"value\":", client.0);
            json(value, to)?;
            to.push_str("}}");
        }
        Kind::Fail | Kind::Info => {
            let _ = write!(to, "{{\"return\":{{\"client\":{},\"outcome\":", client.0);
            said(if *kind == Kind::Fail { "failed" } else { "unknown" }, to)?;
        }
    }
    if let Some(at) = at {
        let _ = write!(to, ",\"at\":{at}");
    }
    to.push_str("}}");
    Ok(())
}

/// The client and the time, which these maps have as numbers with a sign.
fn signed(event: &LogEvent) -> Result<(i64, Option<i64>), String> {
    let number = |what: &str, number: u64| {
        i64::try_from(number).map_err(|_| format!("the {what} {number}: it is above {}", i64::MAX))
    };
    Ok((number("client", event.client.0)?, event.at.map(|at| number("time", at)).transpose()?))
}

fn edn_map(event: &LogEvent, to: &mut String) -> Result<(), String> {
    let (client, at) = signed(event)?;
    let _ = write!(to, "{{:process {client}, :type :{}, :f ", kind_name(event.kind));
    if is_keyword(&event.function) {
        let _ = write!(to, ":{}", event.function);
    } else {
        edn_text(&event.function, to);
    }
    to.push_str(", :value ");
    edn(&event.value, to);
    if let Some(key) = &event.key {
        to.push_str(", :key ");
        edn(key, to);
    }
    if let Some(at) = at {
        let _ = write!(to, ", :time {at}");
    }
    to.push('}');
    Ok(())
}

fn json_map(event: &LogEvent, to: &mut String) -> Result<(), String> {
    let (client, at) = signed(event)?;
    let _ = write!(to, "{{\"process\":{client},\"type\":\"{}\",\"f\":", kind_name(event.kind));
    quoted(&event.function, to);
    to.push_str(",\"value\":");
    json(&event.value, to)?;
    if let Some(key) = &event.key {
        to.push_str(",\"key\":");
        json(key, to)?;
    }
    if let Some(at) = at {
        let _ = write!(to, ",\"time\":{at}");
    }
    to.push('}');
    Ok(())
}

fn jepsen_line(event: &LogEvent, to: &mut String) -> Result<(), String> {
    // the key of an end is that of its invocation, which was said or refused
    if event.key.is_some() {
        return Err("which key an operation is of".to_owned());
    }
    if event.at.is_some() {
        return Err("when an event was".to_owned());
    }
    if !is_keyword(&event.function) {
        return Err(format!("the function {:?}, which is no keyword", event.function));
    }
    let LogEvent { client, kind, function, value, .. } = event;
    let _ = write!(to, "INFO  jepsen.util - {}\t:{}\t:{function}\t", client.0, kind_name(*kind));
    edn(value, to);
    Ok(())
}

fn row(event: &LogEvent, to: &mut String) -> Result<(), String> {
    let LogEvent { client, kind, function, value, key, at, .. } = event;
    if function.contains(['\n', '\r']) {
        return Err(format!("the function {function:?}, which goes over lines"));
    }
    let _ = write!(to, "{},{},", client.0, kind_name(*kind));
    field(function, to);
    to.push(',');
    if let Some(key) = key {
        if *key == Value::Nil {
            to.push_str("null");
        } else {
            cell(key, to)?;
        }
    }
    to.push(',');
    cell(value, to)?;
    to.push(',');
    if let Some(at) = at {
        let _ = write!(to, "{at}");
    }
    Ok(())
}

/// A value of a table: a bare word where that is read as the same.
fn cell(value: &Value, to: &mut String) -> Result<(), String> {
    match value {
        Value::Nil => {}
        Value::Text(text) if is_keyword(text) && csv::field(text) == *value => to.push_str(text),
        value => {
            let mut written = String::new();
            json(value, &mut written)?;
            field(&written, to);
        }
    }
    Ok(())
}

/// A field of a table.
fn field(text: &str, to: &mut String) {
    if text.contains([',', '"']) || text.trim() != text {
        let _ = write!(to, "\"{}\"", text.replace('"', "\"\""));
    } else {
        to.push_str(text);
    }
}

/// A text as JSON has it.
fn quoted(text: &str, to: &mut String) {
    to.push_str(&serde_json::Value::from(text).to_string());
}

/// What stands before the first of a row, and before each after it.
fn between(others: &str) -> impl Iterator<Item = &str> {
    iter::once("").chain(iter::repeat(others))
}

fn json(value: &Value, to: &mut String) -> Result<(), String> {
    match value {
        Value::Nil => to.push_str("null"),
        Value::Boolean(_) | Value::Integer(_) => {
            let _ = write!(to, "{value}");
        }
        Value::Text(text) => quoted(text, to),
        Value::Sequence(elements) => {
            to.push('[');
            for (between, element) in between(",").zip(elements) {
                to.push_str(between);
                json(element, to)?;
            }
            to.push(']');
        }
        Value::Map(map) => {
            to.push('{');
            for (between, (key, value)) in between(",").zip(map) {
                let Value::Text(key) = key else {
                    return Err(format!("a map or a set with `{key}`, which is no text"));
                };
                to.push_str(between);
                quoted(key, to);
                to.push(':');
                json(value, to)?;
            }
            to.push('}');
        }
    }
    Ok(())
}

fn edn(value: &Value, to: &mut String) {
    match value {
        Value::Nil => to.push_str("nil"),
        Value::Boolean(_) | Value::Integer(_) => {
            let _ = write!(to, "{value}");
        }
        Value::Text(text) => edn_text(text, to),
        Value::Sequence(elements) => {
            to.push('[');
            for (between, element) in between(" ").zip(elements) {
                to.push_str(between);
                match micro_operation(element) {
                    Some((function, rest)) => {
                        let _ = write!(to, "[:{function}");
                        for value in rest {
                            to.push(' ');
                            edn(value, to);
                        }
                        to.push(']');
                    }
                    None => edn(element, to),
                }
            }
            to.push(']');
        }
        Value::Map(map) => {
            let is_set = !map.is_empty() && map.values().all(|value| *value == Value::Nil);
            to.push_str(if is_set { "#{" } else { "{" });
            for (between, (key, value)) in between(if is_set { " " } else { ", " }).zip(map) {
                to.push_str(between);
                edn(key, to);
                if !is_set {
                    to.push(' ');
                    edn(value, to);
                }
            }
            to.push('}');
        }
    }
}

/// A part of a transaction, whose name is a keyword to Elle.
fn micro_operation(value: &Value) -> Option<(&str, &[Value])> {
    let Value::Sequence(parts) = value else { return None };
    let [function, rest @ ..] = &parts[..] else { return None };
    let function = function.as_text()?;
    let is_one = rest.len() == 2 && matches!(function, "r" | "w" | "append" | "read" | "write");
    is_one.then_some((function, rest))
}

fn edn_text(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\t' => to.push_str("\\t"),
            '\r' => to.push_str("\\r"),
            other => to.push(other),
        }
    }
    to.push('"');
}

/// Whether a text can stand without quotes everywhere.
fn is_keyword(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_?!".contains(c))
}
