//! The write-ahead log: what a process stores, on disk before anything that it says afterwards leaves.
//!
//! The log is a row of *segments*, files of one length that are written full of zeros before they are used: a sync then
//! writes data and no metadata. [`Wal::append`] only buffers; [`Wal::sync`] writes all that was appended as one *batch*
//! under one checksum, and syncs the file once: group commit. Many threads share these batches through a [`Log`]. A
//! batch is found again as a whole or not at all: what must not be torn apart is appended between two syncs.
//!
//! A batch is written only when the one before it is durable, and continues its chain of checksums. So at most the
//! last batch can be incomplete, and recovery can tell the two kinds of damage apart for certain:
//!
//! * a bad batch with nothing valid behind it is the *torn tail* of a crash: nothing that was said depends on it,
//!   and it is left out;
//! * a bad batch with a valid one behind it, or with a segment behind it that continues another chain, was durable once:
//!   the disk has lost what this process may have promised. That is refused.
//!
//! A *snapshot* stands for all records before it ([`Wal::snapshot`]). Recovery reads the newest sound one and the
//! records behind it. Two snapshots are kept, and the segments from the older one on: a damaged snapshot costs nothing
//! but time. Segments before those are used again.
//!
//! The log also counts the process's incarnations: each start is a durable batch of its own.
//!
//! An error of the disk is final. After a failed sync the kernel may have dropped what it could not write, and a later
//! sync that succeeds proves nothing: the node ends, and starts again from what is durable.

mod format;
mod log;
mod recovery;
mod segments;
mod snapshot;
mod writer;

use crate::disk::{self, Disk};
use format::Buffer;
use segments::Segments;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use synod_model::ProcessId;
use thiserror::Error;
use writer::{Snapshotting, Writer, Written};

pub use log::{Log, Ticket};

/// Of the format of the log; a log of another version is refused.
pub const VERSION: u32 = 2;
/// The name of the file that keeps a second OS process out of the directory.
pub const LOCK_NAME: &str = "lock";
/// The longest record, and about the longest batch, in bytes.
pub const RECORD_LENGTH_MAX: usize = 64 << 20;

/// The name of a segment, counted from 1, within the log's directory.
pub fn segment_name(number: u64) -> String {
    format!("{}{number:016}", segments::SEGMENT)
}

/// How a log uses its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalOptions {
    /// How long a segment is, in bytes: rounded up to whole sectors, and no less than two. A batch that is longer gets a
    /// segment of its own.
    pub segment_length: u64,
    /// How many bytes the log grows before a snapshot is due ([`Wal::snapshot_due`]): so much is read at the next start,
    /// and about twice as much is on the disk.
    pub snapshot_after: u64,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { segment_length: 4 << 20, snapshot_after: 8 << 20 }
    }
}

/// Whose log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: u64,
    /// The process in it.
    pub process: ProcessId,
}

/// What can go wrong with a log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WalError {
    /// The operating system refused a file operation.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted: "sync".
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another OS process has the directory.
    #[error("the data directory {} is in use by another node", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The file does not begin as one of a log does.
    #[error("{} is no file of a write-ahead log, or its header is damaged", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// The log has another format.
    #[error("{} has log format {found}; this build reads format {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The log belongs to another process, or to one of another cluster.
    #[error(
        "{} is the log of {} in cluster {:016x}, not of {} in cluster {:016x}",
        path.display(), found.process, found.cluster, expected.process, expected.cluster
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Whose it should be.
        expected: Identity,
    },
    /// A batch that was durable is damaged.
    #[error(
        "{} is corrupt: the batch at byte {offset} is damaged, and {} goes on behind it at byte {valid}",
        path.display(), later.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged batch begins.
        offset: u64,
        /// The file that shows that there was more: the same, or the next one.
        later: PathBuf,
        /// Where in it.
        valid: u64,
    },
    /// A segment is shorter than it was made.
    #[error("{} has {found} bytes; it was made with {expected}", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// As it was.
        expected: u64,
    },
    /// A segment is not there.
    #[error("the segment {} is missing: what it held was durable", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A snapshot is damaged, and the records that it stands for are gone.
    #[error("the snapshot {} is damaged, and the log alone does not reach as far", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
    },
    /// A record is longer than a log takes.
    #[error("a record of {length} bytes is longer than the {RECORD_LENGTH_MAX} that a log takes")]
    RecordTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// An earlier operation on this log failed.
    #[error("the log {} failed earlier: nothing can be made durable any more", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
    },
}

impl WalError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => disk::hint(source),
            Self::InUse { .. } => "stop the other node, or choose another data directory",
            Self::Header { .. } => "choose another data directory, or restore the file from a copy",
            Self::Version { .. } => "use the build that wrote it, or start with an empty data directory",
            Self::Foreign { .. } => "give each node the data directory that it had before",
            Self::Corrupt { .. } | Self::Short { .. } | Self::Missing { .. } | Self::Snapshot { .. } => {
                "this node may have promised what it no longer knows: keep it out of the cluster, or replace it"
            }
            Self::RecordTooLong { .. } => "store smaller pieces",
            Self::Failed { .. } => "restart the node: it recovers what is durable",
        }
    }
}

/// What a log held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The snapshot that stands for the records before.
    pub snapshot: Option<Vec<u8>>,
    /// How many records the snapshot stands for.
    pub records_before: u64,
    /// All durable records behind it, in order.
    pub records: Vec<Vec<u8>>,
    /// The number of this start, counted from 1.
    pub incarnation: u64,
    /// What was left out, if the last batch was begun and is incomplete.
    pub torn: Option<TornTail>,
    /// A snapshot that is damaged, and that older ones and the log's records could replace. The file is kept under another
    /// name.
    pub damaged_snapshot: Option<PathBuf>,
}

/// An incomplete batch at the end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// In which file.
    pub path: PathBuf,
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it would have had there.
    pub length: u64,
}

/// An open log.
pub struct Wal {
    segments: Arc<Mutex<Segments>>,
    pending: Buffer,
    /// What did not fit into one batch.
    full: Vec<Buffer>,
    /// The memory of a batch that is durable.
    spare: Option<Buffer>,
    /// Who writes batches while the owner goes on, and how many records it has.
    writer: Option<Writer>,
    being_written: usize,
    /// A snapshot that is being made while the owner goes on.
    snapshotting: Option<Snapshotting>,
}

impl Wal {
    /// Opens the log in `directory`, makes one if there is none, and counts a new incarnation, durably.
    pub fn open(
        disk: &dyn Disk,
        directory: &Path,
        identity: Identity,
    ) -> Result<(Self, Recovered), WalError> {
        Self::open_with(disk, directory, identity, WalOptions::default())
    }

    /// As [`Wal::open`], with these options.
    pub fn open_with(
        disk: &dyn Disk,
        directory: &Path,
        identity: Identity,
        options: WalOptions,
    ) -> Result<(Self, Recovered), WalError> {
        let (segments, recovered) = recovery::open(disk, directory, identity, options)?;
        let segments = Arc::new(Mutex::new(segments));
        let log = Self {
            segments,
            pending: Buffer::records(),
            full: vec![],
            spare: None,
            writer: None,
            being_written: 0,
            snapshotting: None,
        };
        Ok((log, recovered))
    }

    /// Has batches written by a thread from now on, which calls `told` whenever it has written one, or has failed to: see
    /// [`Wal::begin_sync`].
    pub fn write_beside(&mut self, told: impl Fn() + Send + 'static) -> io::Result<()> {
        self.writer = Some(Writer::start(Arc::clone(&self.segments), told)?);
        Ok(())
    }

    /// Whether a thread writes batches.
    pub fn writes_beside(&self) -> bool {
        self.writer.is_some()
    }

    /// Takes a record; it is durable after the next [`Wal::sync`].
    pub fn append(&mut self, record: &[u8]) -> Result<(), WalError> {
        check_length(record.len())?;
        if !self.pending.has_room(1, record.len()) {
            let next = self.spare.take().unwrap_or_else(Buffer::records);
            self.full.push(std::mem::replace(&mut self.pending, next));
        }
        self.pending.push(record);
        Ok(())
    }

    /// How many records are not durable yet, those that are being written left out.
    pub fn pending(&self) -> usize {
        let records = self.full.iter().map(Buffer::count).sum::<u64>() + self.pending.count();
        records as usize
    }

    /// All that was appended, as batches.
    fn batches(&mut self) -> Vec<Buffer> {
        let mut batches = std::mem::take(&mut self.full);
        if self.pending.count() > 0 {
            let next = self.spare.take().unwrap_or_else(Buffer::records);
            batches.push(std::mem::replace(&mut self.pending, next));
        }
        batches
    }

    /// Makes all that was appended durable, as one batch (or as few as it takes). An error is final: restart from
    /// what is durable.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.synced(true)?;
        let mut batches = self.batches();
        writer::write_all(&self.segments, &mut batches).map_err(|error| self.why(error))?;
        self.spare = batches.pop();
        Ok(())
    }

    /// Begins to make all that was appended durable, by the thread of [`Wal::write_beside`]: it is once [`Wal::synced`] says so. What is
    /// appended meanwhile belongs to the next batch.
    ///
    /// # Panics
    /// If there is no such thread, or it still writes.
    pub fn begin_sync(&mut self) {
        assert_eq!(self.being_written, 0, "one batch after the other");
        self.being_written = self.pending();
        let batches = self.batches();
        self.writer.as_ref().expect("there is a thread").write(batches);
    }

    /// How many records are being written.
    pub fn being_written(&self) -> usize {
        self.being_written
    }

    /// How long it took to write what was being written, if it is durable now; waits for it if told to. An error is final.
    pub fn synced(&mut self, wait: bool) -> Result<Option<Duration>, WalError> {
        let Some(writer) = self.writer.as_ref().filter(|_| self.being_written > 0) else { return Ok(None) };
        let Some(Written { outcome, mut emptied }) = writer.written(wait) else { return Ok(None) };
        self.being_written = 0;
        self.spare = emptied.pop();
        outcome.map(Some).map_err(|error| self.why(error))
    }

    /// Why it failed, if that was a snapshot.
    fn why(&mut self, error: WalError) -> WalError {
        match (error, self.snapshotting.take()) {
            (error @ WalError::Failed { .. }, Some(snapshot)) => snapshot.end().err().unwrap_or(error),
            (error, _) => error,
        }
    }

    /// Puts `bytes` in the place of all records up to the last sync, and gives up the segments that only older snapshots
    /// need. What is appended and not synced is not affected. One that is being made is waited for. An error is final.
    pub fn snapshot(&mut self, bytes: &[u8]) -> Result<(), WalError> {
        self.snapshot_made(true)?;
        writer::locked(&self.segments).snapshot(bytes)
    }

    /// As [`Wal::snapshot`], by a thread: it is made once [`Wal::snapshot_made`] says so. What is synced meanwhile is behind it.
    ///
    /// # Panics
    /// If a batch is being written, or another snapshot is being made.
    pub fn begin_snapshot(&mut self, bytes: Vec<u8>) -> Result<(), WalError> {
        assert_eq!(self.being_written, 0, "a snapshot stands for all that was written before");
        assert!(self.snapshotting.is_none(), "one snapshot after the other");
        let segments = Arc::clone(&self.segments);
        let Some(begun) = writer::locked(&self.segments).begin_snapshot()? else { return Ok(()) };
        let started = Snapshotting::start(segments, begun, bytes);
        let path = || writer::locked(&self.segments).last_path();
        self.snapshotting = Some(started.map_err(|source| failed("make a thread for", &path())(source))?);
        Ok(())
    }

    /// Whether one was begun and is made; waits for it if told to. An error is final.
    pub fn snapshot_made(&mut self, wait: bool) -> Result<bool, WalError> {
        match self.snapshotting.take_if(|snapshot| wait || snapshot.has_ended()) {
            Some(snapshot) => snapshot.end().map(|()| true),
            None => Ok(false),
        }
    }

    /// Whether recovery would have to read more than [`WalOptions::snapshot_after`] bytes of the log, and more than the
    /// last snapshot has: snapshots cost no more than the log itself. Not while one is being made.
    pub fn snapshot_due(&self) -> bool {
        self.snapshotting.is_none() && writer::locked(&self.segments).snapshot_due()
    }

    /// How many records are durable: those of a snapshot, and those behind it.
    pub fn records(&self) -> u64 {
        writer::locked(&self.segments).records()
    }

    /// The log, for many threads. What was appended becomes durable first.
    pub fn share(mut self) -> Result<Log, WalError> {
        self.sync()?;
        self.snapshot_made(true)?;
        let Self { segments, writer, .. } = self;
        drop(writer);
        let segments = Arc::into_inner(segments).and_then(|segments| segments.into_inner().ok());
        Ok(Log::new(segments.expect("nobody else has them, and no thread has panicked")))
    }
}

fn check_length(length: usize) -> Result<(), WalError> {
    if length > RECORD_LENGTH_MAX {
        return Err(WalError::RecordTooLong { length });
    }
    Ok(())
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalError {
    move |source| WalError::Io { operation, path: path.to_owned(), source }
}
