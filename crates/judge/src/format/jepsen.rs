//! The lines that Jepsen logs: `INFO  jepsen.util - 3 :invoke :read nil`, with tabs between.

use super::edn::Reader;
use super::{Malformed, ReadError};
use crate::history::Client;
use crate::log::{Kind, LogEvent};

/// One event a line, the first of which comes after so many; lines of others are read over.
pub(super) fn log(
    text: &str,
    before: usize,
    mut push: impl FnMut(LogEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    for (index, text) in text.lines().enumerate() {
        let line = before + index + 1;
        let Some((_, said)) = text.split_once("jepsen.util - ") else { continue };
        let mut columns = said.splitn(4, '\t').map(str::trim);
        let (process, kind, function) = (columns.next(), columns.next(), columns.next());
        let (Some(process), Some(kind), Some(function)) = (process, kind, function) else { continue };
        // the nemesis is no client
        let Ok(client) = process.parse().map(Client) else { continue };
        let kind = match kind {
            ":invoke" => Kind::Invoke,
            ":ok" => Kind::Ok,
            ":fail" => Kind::Fail,
            ":info" => Kind::Info,
            other => {
                let column = 1 + text.find(other).unwrap_or_default();
                let what = format!("`{other}` is no type: :invoke, :ok, :fail, :info");
                return Err(Malformed::at(line, column, what).into());
            }
        };
        let written = columns.next().unwrap_or_default();
        let begins = text.len() - written.len();
        let mut reader = Reader::new(written);
        let value = match reader.next_byte()? {
            None => crate::Value::Nil,
            Some(_) => reader.value(0).map_err(|e| Malformed::at(line, begins + e.place.column, e.what))?,
        };
        let function = function.trim_start_matches(':').into();
        push(LogEvent { client, kind, function, value, key: None, at: None, line })?;
    }
    Ok(())
}
