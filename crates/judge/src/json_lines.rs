//! Histories as JSON Lines: one event a line.
//!
//! ```text
//! {"invoke":{"client":1,"operation":{"write":5}}}
//! {"return":{"client":1,"outcome":{"ok":"written"}}}
//! ```

use crate::history::{Event, History, HistoryError};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Why a text is not a history.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JsonLinesError {
    /// A line is not an event.
    #[error("line {line}: not an event of a history")]
    NotAnEvent {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line is an event that cannot come there.
    #[error("line {line}: an event out of order")]
    OutOfOrder {
        /// The number of the line, from 1.
        line: usize,
        /// Why it cannot.
        source: HistoryError,
    },
}

impl<O: Clone + DeserializeOwned, R: Clone + DeserializeOwned> History<O, R> {
    /// Reads a history, one event a line. Empty lines are skipped.
    pub fn from_json_lines(text: &str) -> Result<Self, JsonLinesError> {
        let mut history = Self::default();
        for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line = index + 1;
            let event: Event<O, R> =
                serde_json::from_str(text).map_err(|source| JsonLinesError::NotAnEvent { line, source })?;
            history.push(event).map_err(|source| JsonLinesError::OutOfOrder { line, source })?;
        }
        Ok(history)
    }
}

impl<O: Serialize, R: Serialize> History<O, R> {
    /// Writes it, one event a line. An error is one of the `Serialize` of `O` or `R`.
    pub fn to_json_lines(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for event in self.events() {
            text.push_str(&serde_json::to_string(event)?);
            text.push('\n');
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, Outcome, RegisterOperation, RegisterReturn};
    use std::error::Error as _;

    type Registers = History<RegisterOperation<u8>, RegisterReturn<u8>>;

    const TEXT: &str = r#"{"invoke":{"client":1,"operation":{"write":5}}}
{"invoke":{"client":2,"operation":"read"}}
{"return":{"client":1,"outcome":{"ok":"written"}}}
{"return":{"client":2,"outcome":{"ok":{"value":5}}}}
{"invoke":{"client":1,"operation":"read"}}
{"return":{"client":1,"outcome":"unknown"}}
"#;

    #[test]
    fn a_history_survives_writing_and_reading() {
        let history = Registers::from_json_lines(TEXT).unwrap();
        assert_eq!(history.events().len(), 6);
        assert_eq!(history.operations()[2].outcome, Outcome::Unknown);
        assert_eq!(history.to_json_lines().unwrap(), TEXT);
        assert_eq!(Registers::from_json_lines(&format!("\n{TEXT}\n \n")).unwrap(), history);
    }

    #[test]
    fn an_error_names_the_line() {
        let error =
            Registers::from_json_lines(&TEXT.replace("\"read\"}}\n{\"return\"", "\"raed\"}}\n{\"return\""))
                .unwrap_err();
        assert_eq!(error.to_string(), "line 2: not an event of a history");
        assert!(error.source().unwrap().to_string().contains("raed"));

        let swapped = format!("\n{{\"return\":{{\"client\":7,\"outcome\":\"failed\"}}}}\n{TEXT}");
        let error = Registers::from_json_lines(&swapped).unwrap_err();
        assert_eq!(error.to_string(), "line 2: an event out of order");
        assert!(matches!(
            error,
            JsonLinesError::OutOfOrder {
                source: HistoryError::ReturnsUninvoked { event: 0, client: Client(7) },
                ..
            }
        ));
        assert!(matches!(
            Registers::from_json_lines(&TEXT[..TEXT.len() - 9]),
            Err(JsonLinesError::NotAnEvent { line: 6, .. })
        ));
    }
}
