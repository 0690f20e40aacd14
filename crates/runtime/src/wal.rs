//! The write-ahead log: what a process stores, on disk before anything that it says afterwards leaves.
//!
//! One file: a header with the identity of its process, then *batches*. [`Wal::append`] only buffers;
//! [`Wal::sync`] writes all that was appended as one batch under one checksum, and syncs the file once: group
//! commit. A batch is written only when the one before it is durable. So at most the last batch can be incomplete,
//! and recovery can tell the two kinds of damage apart for certain:
//!
//! * a bad batch with nothing valid behind it is the *torn tail* of a crash: nothing that was said depends on it,
//!   and it is cut off;
//! * a bad batch with a valid one behind it was durable once: the disk has lost what this process may have
//!   promised. That is refused.
//!
//! The log also counts the process's incarnations: each start is a durable batch of its own.
//!
//! ```text
//! header: magic (8) · version (4) · cluster (8) · process (4) · crc32 of these (4)
//! batch:  length of the payload (4) · crc32 of place and length (4) · crc32 of the payload (4) · payload
//! ```
//! Integers are little-endian. A batch is valid only in the place where it was written. Its header has a checksum
//! of its own so that looking for a valid batch behind a bad one reads each byte but a few times.

use crate::disk::{self, Disk, DiskFile, Open};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use synod_model::ProcessId;
use thiserror::Error;

const MAGIC: [u8; 8] = *b"SYNODWAL";
/// Of the format of the log; a log of another version is refused.
pub const VERSION: u32 = 1;
/// The name of the log within its directory.
pub const LOG_NAME: &str = "wal";
/// The name of the file that keeps a second OS process out of the directory.
pub const LOCK_NAME: &str = "lock";
const HEADER_LENGTH: usize = 28;
const BATCH_HEADER_LENGTH: usize = 12;
/// The longest record, and about the longest batch, in bytes.
pub const RECORD_LENGTH_MAX: usize = 64 << 20;

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
    /// The file does not begin as a log does.
    #[error("{} is not a write-ahead log, or its header is damaged", path.display())]
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
        "{} is corrupt: the batch at byte {offset} is damaged, and a valid one follows at byte {valid}",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged batch begins.
        offset: usize,
        /// Where a later, valid one begins.
        valid: usize,
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
            Self::Corrupt { .. } => {
                "this node may have promised what it no longer knows: keep it out of the cluster, or replace it"
            }
            Self::RecordTooLong { .. } => "store smaller pieces",
            Self::Failed { .. } => "restart the node: it recovers what is durable",
        }
    }
}

/// What a log held when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// All records that are durable, in order.
    pub records: Vec<Vec<u8>>,
    /// The number of this start, counted from 1.
    pub incarnation: u64,
    /// What was cut off, if the last batch was incomplete.
    pub torn: Option<TornTail>,
}

/// An incomplete batch at the end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where it began.
    pub offset: usize,
    /// How many bytes were cut off.
    pub length: usize,
}

#[derive(Serialize, Deserialize)]
enum Batch {
    /// The process starts for the time with this number.
    Start(u64),
    Records(Vec<Vec<u8>>),
}

/// An open log.
pub struct Wal {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Held as long as the log is.
    _lock: Box<dyn DiskFile>,
    /// Where the next batch goes.
    end: usize,
    pending: Vec<Vec<u8>>,
    /// A write or a sync failed. The state of the file is unknown from then on: a sync that succeeds after one that
    /// failed proves nothing, so none is tried.
    failed: bool,
}

impl Wal {
    /// Opens the log in `directory`, makes one if there is none, and counts a new incarnation, durably.
    pub fn open(
        disk: &dyn Disk,
        directory: &Path,
        identity: Identity,
    ) -> Result<(Self, Recovered), WalError> {
        let path = directory.join(LOG_NAME);
        let lock = take(disk, directory)?;
        let mut file = match disk.open(&path, Open::Existing) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => create(disk, directory, &path, identity)?,
            opened => opened.map_err(failed("open", &path))?,
        };
        let content = file.read().map_err(failed("read", &path))?;
        check_header(&path, &content, identity)?;
        let contents = scan(&path, &content)?;
        if contents.end < content.len() {
            file.truncate(contents.end as u64).map_err(failed("truncate", &path))?;
            file.sync().map_err(failed("sync", &path))?;
        }
        let torn = (contents.end < content.len())
            .then_some(TornTail { offset: contents.end, length: content.len() - contents.end });
        let incarnation = contents.incarnation + 1;
        let mut wal = Self { path, file, _lock: lock, end: contents.end, pending: vec![], failed: false };
        // Its sync covers the last batch too, which a killed process may have left written but not durable.
        wal.write(&Batch::Start(incarnation))?;
        Ok((wal, Recovered { records: contents.records, incarnation, torn }))
    }

    /// Takes a record; it is durable after the next [`Wal::sync`].
    pub fn append(&mut self, record: &[u8]) -> Result<(), WalError> {
        let length = record.len();
        if length > RECORD_LENGTH_MAX {
            return Err(WalError::RecordTooLong { length });
        }
        self.pending.push(record.to_vec());
        Ok(())
    }

    /// How many records are not durable yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Makes all that was appended durable, as one batch (or as few as it takes). An error is final: restart from
    /// what is durable.
    pub fn sync(&mut self) -> Result<(), WalError> {
        if self.failed {
            return Err(WalError::Failed { path: self.path.clone() });
        }
        let (mut batch, mut length) = (vec![], 0);
        for record in std::mem::take(&mut self.pending) {
            if length + record.len() > RECORD_LENGTH_MAX {
                self.write(&Batch::Records(std::mem::take(&mut batch)))?;
                length = 0;
            }
            length += record.len();
            batch.push(record);
        }
        if !batch.is_empty() {
            self.write(&Batch::Records(batch))?;
        }
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), WalError> {
        let bytes = encode(batch, self.end);
        self.failed = true;
        self.file.append_all(&bytes).map_err(failed("write to", &self.path))?;
        self.file.sync().map_err(failed("sync", &self.path))?;
        self.failed = false;
        self.end += bytes.len();
        Ok(())
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalError {
    move |source| WalError::Io { operation, path: path.to_owned(), source }
}

/// Makes the directory and keeps every other OS process out of it.
fn take(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn DiskFile>, WalError> {
    disk.create_directory(directory).map_err(failed("create", directory))?;
    let path = directory.join(LOCK_NAME);
    let mut lock = disk.open(&path, Open::Fresh).map_err(failed("create", &path))?;
    match lock.lock() {
        Ok(()) => Ok(lock),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            Err(WalError::InUse { directory: directory.to_owned() })
        }
        Err(e) => Err(failed("lock", &path)(e)),
    }
}

/// Makes an empty log: under another name first, so that a log that has its name has its header.
fn create(
    disk: &dyn Disk,
    directory: &Path,
    path: &Path,
    identity: Identity,
) -> Result<Box<dyn DiskFile>, WalError> {
    let fresh = path.with_extension("new");
    let mut file = disk.open(&fresh, Open::Fresh).map_err(failed("create", &fresh))?;
    file.append_all(&header(identity)).map_err(failed("write to", &fresh))?;
    file.sync().map_err(failed("sync", &fresh))?;
    disk.rename(&fresh, path).map_err(failed("create", path))?;
    disk.sync_directory(directory).map_err(failed("sync", directory))?;
    if let Some(above) = directory.parent().filter(|above| !above.as_os_str().is_empty()) {
        disk.sync_directory(above).map_err(failed("sync", above))?;
    }
    Ok(file)
}

fn header(identity: Identity) -> [u8; HEADER_LENGTH] {
    let mut header = [0; HEADER_LENGTH];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&identity.cluster.to_le_bytes());
    header[20..24].copy_from_slice(&identity.process.0.to_le_bytes());
    let checksum = crc32fast::hash(&header[..24]);
    header[24..].copy_from_slice(&checksum.to_le_bytes());
    header
}

fn check_header(path: &Path, content: &[u8], expected: Identity) -> Result<(), WalError> {
    let damaged = || WalError::Header { path: path.to_owned() };
    let header = content.get(..HEADER_LENGTH).ok_or_else(damaged)?;
    if header[..8] != MAGIC || crc32fast::hash(&header[..24]) != u32_at(header, 24) {
        return Err(damaged());
    }
    let version = u32_at(header, 8);
    if version != VERSION {
        return Err(WalError::Version { path: path.to_owned(), found: version });
    }
    let cluster = u64::from(u32_at(header, 12)) | u64::from(u32_at(header, 16)) << 32;
    let found = Identity { cluster, process: ProcessId(u32_at(header, 20)) };
    if found != expected {
        return Err(WalError::Foreign { path: path.to_owned(), found, expected });
    }
    Ok(())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The checksum of a batch's header.
fn place_checksum(offset: usize, length: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(offset as u64).to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.finalize()
}

fn encode(batch: &Batch, offset: usize) -> Vec<u8> {
    let bytes = vec![0; BATCH_HEADER_LENGTH];
    let mut bytes = postcard::to_extend(batch, bytes).expect("a batch of byte strings has an encoding");
    let (header, payload) = bytes.split_at_mut(BATCH_HEADER_LENGTH);
    let length = u32::try_from(payload.len()).expect("sync keeps batches short");
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&place_checksum(offset, length).to_le_bytes());
    header[8..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    bytes
}

/// The batch at `offset`, and where the next one begins; if there is a valid one.
fn decode(content: &[u8], offset: usize) -> Option<(Batch, usize)> {
    let begin = offset + BATCH_HEADER_LENGTH;
    let header = content.get(offset..begin)?;
    let length = u32_at(header, 0);
    if place_checksum(offset, length) != u32_at(header, 4) {
        return None;
    }
    let end = begin.checked_add(length as usize)?;
    let payload = content.get(begin..end)?;
    if crc32fast::hash(payload) != u32_at(header, 8) {
        return None;
    }
    match postcard::from_bytes(payload).ok()? {
        // no other start could follow it
        Batch::Start(u64::MAX) => None,
        batch => Some((batch, end)),
    }
}

struct Contents {
    records: Vec<Vec<u8>>,
    incarnation: u64,
    /// The end of the valid prefix.
    end: usize,
}

fn scan(path: &Path, content: &[u8]) -> Result<Contents, WalError> {
    let mut contents = Contents { records: vec![], incarnation: 0, end: HEADER_LENGTH };
    while let Some((batch, next)) = decode(content, contents.end) {
        match batch {
            Batch::Start(incarnation) => contents.incarnation = incarnation,
            Batch::Records(mut records) => contents.records.append(&mut records),
        }
        contents.end = next;
    }
    let offset = contents.end;
    match (offset + 1..content.len()).find(|&later| decode(content, later).is_some()) {
        Some(valid) => Err(WalError::Corrupt { path: path.to_owned(), offset, valid }),
        None => Ok(contents),
    }
}
