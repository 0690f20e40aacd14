//! From bytes to transactions at once, event by event, without a log between.

use super::collect::{Objects, Transactions};
use super::{Report, Workload};
use crate::format::{Feed, Format, ReadError, events};
use crate::log::{Clock, Kind, Log, LogEvent, Turns};
use crate::reading::Meaningless;
use rustc_hash::FxHashSet;
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

/// What a history is, besides what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What it was written as.
    pub format: Format,
    /// How many operations it has.
    pub operations: usize,
    /// Of how many clients.
    pub clients: usize,
    /// How often its clock went back.
    pub clock_went_back: usize,
}

impl Recorded {
    /// What a log is.
    pub fn of(log: &Log, format: Format) -> Self {
        let clients: FxHashSet<u64> = log.operations().iter().map(|operation| operation.client.0).collect();
        let (operations, clock_went_back) = (log.operations().len(), log.clock_went_back());
        Self { format, operations, clients: clients.len(), clock_went_back }
    }
}

/// Transactions that are judged while their text comes in, piece by piece: neither the text nor a log is kept, but for long forks and banks.
pub struct Incoming {
    feed: Feed,
    gathered: Gathered,
}

impl Incoming {
    /// Nothing has come yet.
    pub fn new(workload: Workload) -> Self {
        Self { feed: Feed::default(), gathered: Gathered::new(workload) }
    }

    /// Takes more of the text.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        self.feed.push(bytes, |event| self.gathered.push(event))
    }

    /// There is no more.
    pub fn end(self) -> Result<(Report, Recorded), Unjudged> {
        let Self { feed, mut gathered } = self;
        let format = feed.end(|event| gathered.push(event))?;
        gathered.judge(format)
    }
}

/// Judges the transactions of a text, in whatever format it is. The same as [`judge`](super::judge) of its log, in less time and memory.
pub fn judge_text(text: &str, workload: Workload) -> Result<Report, Unjudged> {
    let format = Format::found(text)?;
    let mut gathered = Gathered::new(workload);
    events(text, format, |event| gathered.push(event))?;
    Ok(gathered.judge(format)?.0)
}

/// What has come of a history.
enum Gathered {
    /// Transactions of lists or of registers.
    Transactions(Box<Direct>),
    /// What is judged of a log.
    Log(Workload, Log),
}

struct Direct {
    transactions: Transactions,
    running: Turns<()>,
    clients: FxHashSet<u64>,
    clock: Clock,
    /// The first that means nothing: told if the text is well-formed.
    meaningless: Option<Meaningless>,
}

impl Gathered {
    fn new(workload: Workload) -> Self {
        let objects = match workload {
            Workload::ListAppend => Objects::Lists,
            Workload::RwRegister => Objects::Registers,
            Workload::LongFork | Workload::Bank => return Self::Log(workload, Log::default()),
        };
        Self::Transactions(Box::new(Direct {
            transactions: Transactions::new(objects),
            running: Turns::default(),
            clients: FxHashSet::default(),
            clock: Clock::default(),
            meaningless: None,
        }))
    }

    fn push(&mut self, event: LogEvent) -> Result<(), ReadError> {
        match self {
            Self::Transactions(direct) => direct.push(&event),
            Self::Log(_, log) => Ok(log.push(event)?),
        }
    }

    fn judge(self, format: Format) -> Result<(Report, Recorded), Unjudged> {
        match self {
            Self::Transactions(direct) => direct.judge(format),
            Self::Log(_, log) if log.operations().is_empty() => Err(ReadError::Empty.into()),
            Self::Log(workload, log) => Ok((super::judge(&log, workload)?, Recorded::of(&log, format))),
        }
    }
}

impl Direct {
    fn push(&mut self, event: &LogEvent) -> Result<(), ReadError> {
        if event.kind == Kind::Invoke {
            self.running.invoke(event, ())?;
            self.clients.insert(event.client.0);
        } else {
            self.running.end(event)?;
        }
        self.clock.tell(event.at);
        if self.meaningless.is_none() {
            let LogEvent { client, kind, value, line, .. } = event;
            self.meaningless = self.transactions.push(client.0, *kind, value, *line).err();
        }
        Ok(())
    }

    fn judge(self, format: Format) -> Result<(Report, Recorded), Unjudged> {
        if let Some(meaningless) = self.meaningless {
            return Err(meaningless.into());
        }
        let operations = self.transactions.all.len();
        if operations == 0 {
            return Err(ReadError::Empty.into());
        }
        let (clients, clock_went_back) = (self.clients.len(), self.clock.went_back);
        let recorded = Recorded { format, operations, clients, clock_went_back };
        Ok((self.transactions.judge()?, recorded))
    }
}
