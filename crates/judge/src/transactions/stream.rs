//! From a text to transactions at once, event by event, without a log between.

use super::collect::{Objects, Transactions};
use super::{Report, Workload};
use crate::format::{Format, ReadError, events};
use crate::log::{Kind, Log, LogEvent, Turns};
use crate::reading::Meaningless;
use thiserror::Error;

/// Why a text could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unjudged {
    /// It is no history.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its operations are none of these transactions.
    #[error(transparent)]
    Meaningless(#[from] Meaningless),
}

/// Judges the transactions of a text, in whatever format it is. The same as [`judge`](super::judge) of its log, in less time and memory.
pub fn judge_text(text: &str, workload: Workload) -> Result<Report, Unjudged> {
    let objects = match workload {
        Workload::ListAppend => Objects::Lists,
        Workload::RwRegister => Objects::Registers,
        Workload::LongFork | Workload::Bank => return Ok(super::judge(&Log::from_text(text)?.0, workload)?),
    };
    let format = Format::found(text)?;
    let mut transactions = Transactions::new(objects);
    let mut running = Turns::default();
    let mut meaningless = None;
    events(text, format, |event| {
        if event.kind == Kind::Invoke {
            running.invoke(&event, ())?;
        } else {
            running.end(&event)?;
        }
        if meaningless.is_none() {
            let LogEvent { client, kind, value, line, .. } = event;
            meaningless = transactions.push(client.0, kind, &value, line).err();
        }
        Ok(())
    })?;
    match meaningless {
        Some(meaningless) => Err(meaningless.into()),
        None if transactions.all.is_empty() => Err(ReadError::Empty.into()),
        None => Ok(transactions.judge()?),
    }
}
