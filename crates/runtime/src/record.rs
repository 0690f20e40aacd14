//! What a node records of its run: one file per incarnation, JSON Lines.
//!
//! A handler is recorded before anything it says can leave the process; the release of what it says is recorded when
//! all stores before it are durable, and before it leaves. So whoever receives a message finds its release in the
//! sender's record: a lost tail never makes a message look invented. Each start records the disk that it read.
//!
//! Records are written, not synced: they survive the death of the process, and need not survive that of the machine.

use crate::digest::Digest;
use crate::disk::{Disk, DiskFile, Open};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use synod_model::{Bounds, Effect, EffectOf, Event, EventOf, Group, Process, ProcessId, Stable};
use thiserror::Error;

/// Of the format; a record of another version is refused.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Record<P: Process> {
    /// The first line.
    Start(Start<P>),
    /// A handler has run.
    Handled(Handled<P>),
    /// Effects leave.
    Released(Release),
    /// The last line, if the node was asked to stop. A process without it has crashed.
    Stopped {
        /// When.
        at: u64,
    },
}

impl<P: Process> Record<P> {
    /// When it was made: nanoseconds of the wall clock since 1970. Good for breaking ties only.
    pub fn at(&self) -> u64 {
        match self {
            Self::Start(Start { at, .. })
            | Self::Handled(Handled { at, .. })
            | Self::Released(Release { at, .. })
            | Self::Stopped { at } => *at,
        }
    }
}

/// A start of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct Start<P: Process> {
    /// [`VERSION`].
    pub version: u32,
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// The cluster.
    pub cluster: u64,
    /// The process.
    pub process: ProcessId,
    /// The number of this start, counted from 1, durably.
    pub incarnation: u64,
    /// All processes.
    pub group: Group,
    /// What all of them know.
    pub parameters: P::Parameters,
    /// The bounds that it was told, under the synchronous model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// What it read from its disk.
    pub disk: DiskImage<P::Stable>,
    /// Of how many writes that is the fold.
    pub writes: u64,
    /// Where links are logged: the last handler before it that left something in the log. Those behind it that handled
    /// messages never happened; what was said up to it counts as released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<HandlerName>,
    /// When.
    pub at: u64,
}

/// Names a handler of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerName {
    /// The incarnation.
    pub incarnation: u64,
    /// The handler.
    pub handler: u64,
}

/// A disk, as JSON where it has that form: a map with keys of several parts has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskImage<S>(pub S);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Image {
    Json(serde_json::Value),
    /// In hexadecimal.
    Postcard(String),
}

impl<S: Stable> Serialize for DiskImage<S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let image = if let Ok(json) = serde_json::to_value(&self.0) {
            Image::Json(json)
        } else {
            let bytes = postcard::to_stdvec(&self.0).map_err(serde::ser::Error::custom)?;
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            Image::Postcard(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
        };
        image.serialize(serializer)
    }
}

impl<'de, S: Stable> Deserialize<'de> for DiskImage<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Image::deserialize(deserializer)? {
            Image::Json(json) => serde_json::from_value(json).map(Self).map_err(D::Error::custom),
            Image::Postcard(hexadecimal) => {
                let byte = |at| hexadecimal.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
                let bytes: Option<Vec<u8>> = (0..hexadecimal.len()).step_by(2).map(byte).collect();
                let bytes = bytes.ok_or_else(|| D::Error::custom("not hexadecimal"))?;
                crate::wire::whole(&bytes).map(Self).map_err(D::Error::custom)
            }
        }
    }
}

/// A handler that has run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct Handled<P: Process> {
    /// Its number within the incarnation, counted from 0.
    pub handler: u64,
    /// When it was done.
    pub at: u64,
    /// How long it took, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
    /// How far the node's own clock was ahead, in nanoseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skew: i64,
    /// What happened.
    pub event: EventOf<P>,
    /// For a message: which effect of its sender it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EffectName>,
    /// The outcomes of its draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<u32>,
    /// All that it did, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectOf<P>>,
    /// The [digest](crate::digest) of the process's state after it, where one was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Digest>,
}

/// Names an effect of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectName {
    /// The incarnation.
    pub incarnation: u64,
    /// The handler.
    pub handler: u64,
    /// The index in the handler's effects.
    pub effect: u32,
}

/// Effects that leave together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// When.
    pub at: u64,
    /// How far the node's own clock was ahead, in nanoseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skew: i64,
    /// How many writes, the oldest pending, have become durable for it.
    pub stores: u32,
    /// Messages and indications: (handler, index of the effect).
    pub effects: Vec<(u64, u32)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
fn is_zero(skew: &i64) -> bool {
    *skew == 0
}

/// The wall clock.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// The wall clock as it was read once, and what has passed since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    read: u64,
    at: Instant,
}

impl Wall {
    /// Reads it; it is now so late.
    pub(crate) fn new(at: Instant) -> Self {
        Self { read: now(), at }
    }

    /// What it shows at an instant.
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        self.read + instant.saturating_duration_since(self.at).as_nanos() as u64
    }
}

/// Why a record cannot be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The operating system refused a file operation.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A value of the algorithm has no form in JSON.
    #[error("a value of this algorithm cannot be written as JSON: {0}")]
    Value(#[source] serde_json::Error),
    /// Written in another version of the format.
    #[error("{} is a record of version {found}; this build reads version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A line is not what it should be.
    #[error("{}, line {line} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which, from 1 on.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

impl RecordError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => crate::disk::hint(source),
            Self::Value(_) => "keys of maps must be strings or numbers: use a list of pairs",
            Self::Version { .. } => "read it with the build that wrote it",
            Self::Damaged { .. } => "the file was changed after it was written: run again",
        }
    }
}

/// The record of one incarnation, being written.
pub(crate) struct Recorder {
    path: PathBuf,
    /// None, where nothing is recorded.
    file: Option<Box<dyn DiskFile>>,
    lines: Vec<u8>,
    /// Something has happened since the last flush.
    must_flush: bool,
}

impl Recorder {
    /// Records nothing.
    pub(crate) fn none() -> Self {
        Self { path: PathBuf::new(), file: None, lines: vec![], must_flush: false }
    }

    /// Begins the record of an incarnation in `directory`.
    pub(crate) fn create(
        disk: &dyn Disk,
        directory: &Path,
        process: ProcessId,
        incarnation: u64,
    ) -> Result<Self, RecordError> {
        let path = directory.join(file_name(process, incarnation));
        let failed = |operation| {
            let path = path.clone();
            move |source| RecordError::Io { operation, path, source }
        };
        disk.create_directory(directory).map_err(failed("create the directory of"))?;
        let file = disk.open(&path, Open::Fresh).map_err(failed("create"))?;
        Ok(Self { path, file: Some(file), lines: vec![], must_flush: false })
    }

    /// Whether anything is recorded.
    pub(crate) fn records(&self) -> bool {
        self.file.is_some()
    }

    /// Takes a line; it is written with the next flush.
    pub(crate) fn line<P: Process>(&mut self, record: &Record<P>) -> Result<(), RecordError> {
        if self.records() {
            serde_json::to_writer(&mut self.lines, record).map_err(RecordError::Value)?;
            self.lines.push(b'\n');
        }
        Ok(())
    }

    /// Takes the line of a handler. Its effects, to be taken.
    pub(crate) fn handled<P: Process>(
        &mut self,
        handled: Handled<P>,
    ) -> Result<Vec<EffectOf<P>>, RecordError> {
        let record = Record::Handled(handled);
        self.line(&record)?;
        let Record::Handled(Handled { effects, .. }) = record else { unreachable!("made two lines above") };
        Ok(effects)
    }

    /// Something has happened, recorded or not.
    pub(crate) fn take_note(&mut self) {
        self.must_flush = true;
    }

    /// Whether something has happened since the last flush.
    pub(crate) fn must_flush(&self) -> bool {
        self.must_flush
    }

    /// Writes what was taken: it survives this OS process from here on.
    pub(crate) fn flush(&mut self) -> Result<(), RecordError> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.append_all(&self.lines));
        written.map_err(|source| RecordError::Io {
            operation: "write to",
            path: self.path.clone(),
            source,
        })?;
        self.lines.clear();
        self.must_flush = false;
        Ok(())
    }
}

/// The name of the file with the record of an incarnation.
pub fn file_name(process: ProcessId, incarnation: u64) -> String {
    format!("{process}.{incarnation}.jsonl")
}

/// Whether a file is named as the record of an incarnation.
pub fn is_record(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts = name.strip_prefix('p').and_then(|name| name.strip_suffix(".jsonl")?.split_once('.'));
    parts.is_some_and(|(process, incarnation)| number(process) && number(incarnation))
}

/// Where the records are of a run or a cluster whose directory this is, or that has them in it itself.
pub fn find(directory: &Path) -> Option<PathBuf> {
    let has = |directory: &PathBuf| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| is_record(&path))
    };
    ["", "records", "nodes/records"].map(|below| directory.join(below)).into_iter().find(has)
}

/// What the first line of a record says it is of.
pub fn algorithm(records: &Path) -> Result<Option<String>, RecordError> {
    #[derive(Deserialize)]
    struct First {
        start: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        algorithm: String,
    }
    let unreadable = |source| RecordError::Io { operation: "read", path: records.to_owned(), source };
    let mut paths: Vec<_> = Vec::new();
    for entry in std::fs::read_dir(records).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    for path in paths.into_iter().filter(|path| is_record(path)) {
        let bytes = std::fs::read(&path).map_err(unreadable)?;
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { continue };
        let damaged = |what: String| RecordError::Damaged { path: path.clone(), line: 1, what };
        let line = std::str::from_utf8(&bytes[..end]).map_err(|e| damaged(e.to_string()))?;
        check_version(&path, line)?;
        let first: First = serde_json::from_str(line).map_err(|e| damaged(e.to_string()))?;
        return Ok(Some(first.start.algorithm));
    }
    Ok(None)
}

/// The record of one incarnation, read again.
#[derive(Clone, Debug)]
pub struct Incarnation<P: Process> {
    /// Where it was read.
    pub path: PathBuf,
    /// Its start.
    pub start: Start<P>,
    /// What follows its start, in order.
    pub records: Vec<Record<P>>,
    /// The lines of `records`, as they were written.
    pub lines: Vec<String>,
    /// Whether the last line was incomplete, and is left out.
    pub torn: bool,
    /// By handler: its place in `records`.
    handlers: Vec<usize>,
}

impl<P: Process> Incarnation<P> {
    /// Reads a file; `None` if its node died before its first line was complete.
    pub fn load(path: &Path) -> Result<Option<Self>, RecordError> {
        let bytes = std::fs::read(path).map_err(|source| RecordError::Io {
            operation: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &bytes)
    }

    /// Reads the content of a file; `path` is what errors call it.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Self>, RecordError> {
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
        let torn = whole < bytes.len();
        let damaged = |line, what: String| RecordError::Damaged { path: path.to_owned(), line, what };
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|e| {
            let line = bytes[..e.valid_up_to()].split(|&b| b == b'\n').count();
            damaged(line, e.to_string())
        })?;
        let mut lines = text.lines();
        let Some(first) = lines.next() else { return Ok(None) };
        check_version(path, first)?;
        let Record::Start(start) = serde_json::from_str(first).map_err(|e| damaged(1, e.to_string()))? else {
            return Err(damaged(1, "the first line is no start".to_owned()));
        };
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let mut records = Vec::with_capacity(lines.len());
        let mut handlers = vec![];
        for (i, line) in lines.iter().enumerate() {
            let record: Record<P> = serde_json::from_str(line).map_err(|e| damaged(i + 2, e.to_string()))?;
            match &record {
                Record::Start(_) => return Err(damaged(i + 2, "a second start".to_owned())),
                Record::Handled(handled) if handled.handler != handlers.len() as u64 => {
                    return Err(damaged(i + 2, format!("handler {} is missing", handlers.len())));
                }
                Record::Handled(_) => handlers.push(i),
                Record::Released(_) | Record::Stopped { .. } => {}
            }
            records.push(record);
        }
        Ok(Some(Self { path: path.to_owned(), start, records, lines, torn, handlers }))
    }

    /// Where links are logged, what the next start of the process says of the end of this record: up to which of its handlers
    /// the log was durable. What these said counts as released, though their node did not live to write that down: durable
    /// links send it in the incarnations to come, and what others lost was in flight. Behind that, from the first message
    /// on, nothing happened.
    pub(crate) fn settle(&mut self, durable: Option<u64>) -> Result<(), RecordError> {
        let is_durable = |handler: u64| durable.is_some_and(|last| handler <= last);
        let undone = |record: &Record<P>| matches!(record, Record::Handled(Handled { handler, event: Event::Message(..), .. }) if !is_durable(*handler));
        if let Some(end) = self.records.iter().position(undone) {
            self.records.truncate(end);
            self.lines.truncate(end);
            self.handlers.retain(|&place| place < end);
        }
        let Some(last) = durable.filter(|&last| last < self.handlers.len() as u64) else { return Ok(()) };
        let place = self.handlers[last as usize] + 1;
        let Some(release) = self.unreleased(place) else { return Ok(()) };
        let record = Record::<P>::Released(release);
        self.lines.insert(place, serde_json::to_string(&record).map_err(RecordError::Value)?);
        self.records.insert(place, record);
        self.handlers.iter_mut().filter(|at| **at >= place).for_each(|at| *at += 1);
        Ok(())
    }

    /// What the handlers before a place did and the record does not release.
    fn unreleased(&self, place: usize) -> Option<Release> {
        let (mut effects, mut stores, mut released) = (vec![], 0, 0);
        for record in &self.records {
            if let Record::Released(release) = record {
                released += release.effects.len();
                stores -= i64::from(release.stores);
            }
        }
        for record in &self.records[..place] {
            let Record::Handled(handled) = record else { continue };
            for (index, effect) in (0_u32..).zip(&handled.effects) {
                match effect {
                    Effect::Store { .. } => stores += 1,
                    Effect::Send { .. } | Effect::Indicate { .. } => effects.push((handled.handler, index)),
                    Effect::SetTimer { .. } | Effect::Cancel { .. } => {}
                }
            }
        }
        let effects = effects.split_off(released.min(effects.len()));
        let stores = u32::try_from(stores).unwrap_or(0);
        let at = self.records[place - 1].at();
        (stores > 0 || !effects.is_empty()).then_some(Release { at, skew: 0, stores, effects })
    }

    /// Whether the node was asked to stop, and did not crash.
    pub fn stopped(&self) -> bool {
        matches!(self.records.last(), Some(Record::Stopped { .. }))
    }

    /// When it was last heard of.
    pub fn ended_at(&self) -> u64 {
        self.records.last().map_or(self.start.at, Record::at)
    }

    /// An effect by its name.
    pub fn effect(&self, handler: u64, effect: u32) -> Option<&EffectOf<P>> {
        match &self.records[*self.handlers.get(handler as usize)?] {
            Record::Handled(handled) => handled.effects.get(effect as usize),
            _ => unreachable!("a handler's place is a handler's"),
        }
    }

    /// The number of the line that records a handler, from 1 on.
    pub(crate) fn line_of(&self, handler: u64) -> usize {
        self.handlers.get(handler as usize).map_or(1, |place| place + 2)
    }

    /// The handlers, in order.
    pub fn handled(&self) -> impl Iterator<Item = &Handled<P>> {
        self.records.iter().filter_map(|record| match record {
            Record::Handled(handled) => Some(handled),
            _ => None,
        })
    }
}

/// Refuses a start of another version before its other fields are looked at.
pub(crate) fn check_version(path: &Path, line: &str) -> Result<(), RecordError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    #[derive(Deserialize)]
    struct First {
        start: Versioned,
    }
    match serde_json::from_str::<First>(line) {
        Ok(first) if first.start.version != u64::from(VERSION) => {
            Err(RecordError::Version { path: path.to_owned(), found: first.start.version })
        }
        _ => Ok(()),
    }
}
