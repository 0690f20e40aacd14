//! From one format to another, event by event.

use super::{Feed, Format, ReadError, Unsayable, Writer};
use crate::log::{Kind, LogEvent, Turns};
use crate::value::Value;
use thiserror::Error;

/// Why a text could not be written in another format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unconverted {
    /// It is no history.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The other format cannot say it.
    #[error(transparent)]
    Unsayable(#[from] Unsayable),
}

/// What was converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// What it was written as.
    pub from: Format,
    /// How many events there were.
    pub events: usize,
    /// How many reads returned nothing: whether that says something is told by the format, see [`conventions`](crate::judgement::conventions).
    pub nil_reads: usize,
    /// How many compare-and-sets failed, of which the same holds.
    pub failed_cas: usize,
}

/// A history that is read in whatever format it has and written in another, piece by piece.
pub struct Conversion {
    feed: Feed,
    writing: Writing,
}

struct Writing {
    writer: Writer,
    with_times: bool,
    running: Turns<()>,
    unsayable: Option<Unsayable>,
    text: String,
    events: usize,
    nil_reads: usize,
    failed_cas: usize,
}

impl Conversion {
    /// To this format, with the times of events or without.
    pub fn new(to: Format, with_times: bool) -> Self {
        let writer = Writer::new(to);
        let writing = Writing {
            writer,
            with_times,
            running: Turns::default(),
            unsayable: None,
            text: writer.head(),
            events: 0,
            nil_reads: 0,
            failed_cas: 0,
        };
        Self { feed: Feed::default(), writing }
    }

    /// Takes more of the text: what of the other came of it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, Unconverted> {
        let read = self.feed.push(bytes, |event| self.writing.take(event));
        self.writing.written(read)
    }

    /// There is no more: the rest of the other text, and what was converted.
    pub fn end(self) -> Result<(String, Converted), Unconverted> {
        let Self { feed, mut writing } = self;
        let mut format = None;
        let read = feed.end(|event| writing.take(event)).map(|from| format = Some(from));
        let text = writing.written(read)?;
        let from = format.filter(|_| writing.events > 0).ok_or(ReadError::Empty)?;
        let Writing { events, nil_reads, failed_cas, .. } = writing;
        Ok((text, Converted { from, events, nil_reads, failed_cas }))
    }
}

impl Writing {
    fn take(&mut self, mut event: LogEvent) -> Result<(), ReadError> {
        if event.kind == Kind::Invoke {
            self.running.invoke(&event, ())?;
        } else {
            self.running.end(&event)?;
        }
        let is_nil_read = event.kind == Kind::Ok && &*event.function == "read" && event.value == Value::Nil;
        self.nil_reads += usize::from(is_nil_read);
        self.failed_cas += usize::from(event.kind == Kind::Fail && &*event.function == "cas");
        self.events += 1;
        event.at = event.at.filter(|_| self.with_times);
        if self.unsayable.is_none() {
            self.unsayable = self.writer.write(&event, &mut self.text).err();
        }
        Ok(())
    }

    fn written(&mut self, read: Result<(), ReadError>) -> Result<String, Unconverted> {
        // what stands first in the text is told first
        match self.unsayable.take() {
            Some(unsayable) => Err(unsayable.into()),
            None => Ok(read.map(|()| std::mem::take(&mut self.text))?),
        }
    }
}
