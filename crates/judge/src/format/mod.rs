//! What histories are written as: ours, and those of other tools.
//!
//! | format | one event is |
//! |---|---|
//! | JSON Lines | `{"invoke":{"client":1,"operation":{"write":5}}}`, `{"return":{"client":1,"outcome":{"ok":"written"}}}` |
//! | EDN, JSON (Jepsen, Knossos, Elle) | `{:process 1, :type :invoke, :f :write, :value 5}` |
//! | Jepsen's log | `INFO  jepsen.util - 1 :invoke :write 5` |
//! | CSV | a row of `client,kind,function,key,value,at` |

mod convert;
mod csv;
mod edn;
mod feed;
mod jepsen;
mod json;
mod operation_map;
mod write;

use crate::log::{Log, LogError, LogEvent};
pub use convert::{Conversion, Converted, Unconverted};
pub use feed::Feed;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
pub use write::{Unsayable, Writer};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1 on.
    pub line: usize,
    /// In bytes, from 1 on.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A text is not of its format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {what}")]
pub struct Malformed {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
}

impl Malformed {
    pub(crate) fn at(line: usize, column: usize, what: impl Into<String>) -> Self {
        Self { place: Place { line, column }, what: what.into() }
    }
}

/// Why a text is no history.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is not of its format.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its events are no history.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Of none of the formats.
    #[error("this is no history in a format that is known: JSON Lines, EDN, JSON, a log of Jepsen's, CSV")]
    UnknownFormat,
    /// It is no text.
    #[error("no text: byte {byte} is not UTF-8")]
    NotText {
        /// The index of the first byte that is none.
        byte: usize,
    },
    /// There is nothing in it.
    #[error("there are no events in it")]
    Empty,
}

/// A format of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Ours: one event a line.
    JsonLines,
    /// Jepsen's, Knossos', Elle's: maps one after the other, or in a vector.
    Edn,
    /// The same maps in JSON, in an array or one a line.
    Json,
    /// Lines that Jepsen logged.
    JepsenLog,
    /// A table.
    Csv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::JsonLines, Self::Edn, Self::Json, Self::JepsenLog, Self::Csv];

    /// Its name where one is to be chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "json-lines",
            Self::Edn => "edn",
            Self::Json => "json",
            Self::JepsenLog => "jepsen-log",
            Self::Csv => "csv",
        }
    }

    /// What a text is, or why it is nothing.
    pub(crate) fn found(text: &str) -> Result<Self, ReadError> {
        if text.trim().is_empty() {
            return Err(ReadError::Empty);
        }
        Self::of(text).ok_or(ReadError::UnknownFormat)
    }

    /// What a text is, by its beginning.
    pub fn of(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(';'))?;
        let body = line.trim_start_matches(['[', '(', '{', ' ']);
        if line.contains("jepsen.util") || line.starts_with("INFO") {
            Some(Self::JepsenLog)
        } else if csv::is_header(line) {
            Some(Self::Csv)
        } else if line.starts_with('{') && (body.starts_with("\"invoke\"") || body.starts_with("\"return\""))
        {
            Some(Self::JsonLines)
        } else if body.starts_with('"') {
            Some(Self::Json)
        } else if line.starts_with(['[', '(', '{', '#']) {
            // a vector that begins with a line of its own may be of either
            let inside = text.trim_start_matches(|c: char| c.is_whitespace() || "[({".contains(c));
            Some(if inside.starts_with('"') { Self::Json } else { Self::Edn })
        } else {
            None
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonLines => "JSON Lines",
            Self::Edn => "EDN",
            Self::Json => "JSON",
            Self::JepsenLog => "a log of Jepsen's",
            Self::Csv => "CSV",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| format!("no format is called `{name}`: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Reads a format, piece by piece.
enum Reading {
    JsonLines(json::Lines),
    Edn(operation_map::Maps),
    Json(operation_map::Json),
    JepsenLog,
    Csv(csv::Table),
}

impl Reading {
    fn new(format: Format) -> Self {
        match format {
            Format::JsonLines => Self::JsonLines(json::Lines::default()),
            Format::Edn => Self::Edn(operation_map::Maps::default()),
            Format::Json => Self::Json(operation_map::Json::default()),
            Format::JepsenLog => Self::JepsenLog,
            Format::Csv => Self::Csv(csv::Table::default()),
        }
    }

    /// Reads a piece that comes after so many lines.
    fn read(
        &mut self,
        text: &str,
        before: usize,
        push: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match self {
            Self::JsonLines(lines) => lines.read(text, before, push),
            Self::Edn(maps) => maps.read(text, before, push),
            Self::Json(json) => json.read(text, before, push),
            Self::JepsenLog => jepsen::log(text, before, push),
            Self::Csv(table) => table.read(text, before, push),
        }
    }

    /// The text ends.
    fn end(self) -> Result<(), ReadError> {
        if let Self::Edn(maps) = self { maps.end() } else { Ok(()) }
    }
}

/// The events of a text in this format, one after the other.
pub(crate) fn events(
    text: &str,
    format: Format,
    push: impl FnMut(LogEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut reading = Reading::new(format);
    reading.read(text, 0, push)?;
    reading.end()
}

impl Log {
    /// Reads a history in this format.
    pub fn read(text: &str, format: Format) -> Result<Self, ReadError> {
        let mut log = Self::default();
        events(text, format, |event| Ok(log.push(event)?))?;
        if log.operations().is_empty() { Err(ReadError::Empty) } else { Ok(log) }
    }

    /// Reads a history in whatever format it is.
    pub fn from_text(text: &str) -> Result<(Self, Format), ReadError> {
        let format = Format::found(text)?;
        Ok((Self::read(text, format)?, format))
    }
}

/// The lines of a text that comes after so many, but for empty ones, each with its number.
fn numbered(text: &str, before: usize) -> impl Iterator<Item = (usize, &str)> {
    (before + 1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}
