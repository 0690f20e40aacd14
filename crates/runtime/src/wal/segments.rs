//! The row of segments, its end, and what becomes of segments that nothing needs.

use super::format::{Buffer, Header, SECTOR, in_sectors};
use super::snapshot::{self, Place};
use super::{Identity, WalError, WalOptions, failed, segment_name};
use crate::disk::{Disk, DiskFile, Open};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the name of a segment begins with.
pub(super) const SEGMENT: &str = "log.";
/// What the name of a file begins with that was a segment and can be one again.
pub(super) const SPARE: &str = "spare.";
/// The name of a segment that is being made, and of a snapshot: both may be at the same time.
const NEW: &str = "new";
const NEW_SNAPSHOT: &str = "new-snapshot";
/// How many zeros are written at once.
const ZEROS: usize = 1 << 20;

/// Where a log is, and whose it is.
pub(super) struct Home {
    pub(super) disk: Box<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) identity: Identity,
    /// In whole sectors.
    pub(super) segment_length: u64,
    pub(super) snapshot_after: u64,
}

impl Home {
    pub(super) fn new(disk: &dyn Disk, directory: &Path, identity: Identity, options: WalOptions) -> Self {
        let segment_length = in_sectors(options.segment_length.max(2 * SECTOR as u64));
        Self {
            disk: disk.handle(),
            directory: directory.to_owned(),
            identity,
            segment_length,
            snapshot_after: options.snapshot_after,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn sync_names(&self) -> Result<(), WalError> {
        self.disk.sync_directory(&self.directory).map_err(failed("sync", &self.directory))
    }

    /// The names of the files that begin with `prefix` and a number, by that number.
    pub(super) fn numbered(names: &[String], prefix: &str) -> Vec<(u64, String)> {
        let number = |name: &String| name.strip_prefix(prefix)?.parse().ok();
        let mut found: Vec<_> = names.iter().filter_map(|name| Some((number(name)?, name.clone()))).collect();
        found.sort();
        found
    }

    pub(super) fn list(&self) -> Result<Vec<String>, WalError> {
        self.disk.list(&self.directory).map_err(failed("list", &self.directory))
    }

    /// Gives a durable file its name, durably.
    fn name(&self, from: &Path, to: &Path) -> Result<(), WalError> {
        self.disk.rename(from, to).map_err(failed("rename", from))?;
        self.sync_names()
    }

    /// Makes a segment: full of zeros, under another name first, so that one that has its name is whole.
    fn create(&self, header: &Header) -> Result<Box<dyn DiskFile>, WalError> {
        let path = self.path(NEW);
        let mut file = self.disk.open(&path, Open::Fresh).map_err(failed("create", &path))?;
        let mut content = header.encode();
        let mut offset = 0;
        while offset < header.length {
            let length = (header.length - offset).min(ZEROS as u64);
            content.resize(length as usize, 0);
            file.write_all_at(offset, &content).map_err(failed("write to", &path))?;
            offset += length;
            content.clear();
        }
        file.sync().map_err(failed("sync", &path))?;
        self.name(&path, &self.path(&segment_name(header.number)))?;
        Ok(file)
    }

    /// Makes a segment out of a file that was one: a header of its own makes all that is behind it invalid.
    fn reuse(&self, spare: &str, header: &Header) -> Result<Box<dyn DiskFile>, WalError> {
        let path = self.path(spare);
        let mut file = self.disk.open(&path, Open::Existing).map_err(failed("open", &path))?;
        file.write_all_at(0, &header.encode()).map_err(failed("write to", &path))?;
        file.sync().map_err(failed("sync", &path))?;
        self.name(&path, &self.path(&segment_name(header.number)))?;
        Ok(file)
    }

    /// The first segment of a log that is new.
    pub(super) fn first(&self) -> Result<Last, WalError> {
        let header = self.header(1, self.segment_length, 0, 0);
        Ok(Last { file: self.create(&header)?, header, end: SECTOR as u64 })
    }

    fn header(&self, number: u64, length: u64, chain: u32, records: u64) -> Header {
        let salt = RandomState::new().hash_one(number);
        Header { identity: self.identity, number, salt, length, chain, records }
    }
}

/// The segment that is written to.
pub(super) struct Last {
    pub(super) header: Header,
    pub(super) file: Box<dyn DiskFile>,
    /// Where the next batch goes.
    pub(super) end: u64,
}

/// What is known at the end of the log.
pub(super) struct End {
    pub(super) chain: u32,
    pub(super) records: u64,
    pub(super) incarnation: u64,
    /// Bytes since the last snapshot.
    pub(super) since_snapshot: u64,
    /// The newest sound snapshot.
    pub(super) snapshot: Option<Place>,
    /// How many bytes it has.
    pub(super) snapshot_length: u64,
}

/// A snapshot that is being made, beside whatever else becomes of the log.
pub(super) struct Begun {
    home: Arc<Home>,
    place: Place,
    /// How many bytes of the log it makes superfluous.
    since_snapshot: u64,
}

impl Begun {
    /// Writes it, durably.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), WalError> {
        let Home { disk, identity, .. } = &*self.home;
        let path = self.home.path(NEW_SNAPSHOT);
        let mut file = disk.open(&path, Open::Fresh).map_err(failed("create", &path))?;
        let content = snapshot::encode(*identity, &self.place, bytes);
        file.write_all_at(0, &content).map_err(failed("write to", &path))?;
        file.sync().map_err(failed("sync", &path))?;
        self.home.name(&path, &self.home.path(&self.place.snapshot_name()))
    }
}

/// The log's files.
pub(super) struct Segments {
    home: Arc<Home>,
    /// Held as long as the log is.
    _lock: Box<dyn DiskFile>,
    last: Last,
    end: End,
    spares: Vec<String>,
    /// An operation failed. The state of the files is unknown from then on: a sync that succeeds after one that failed
    /// proves nothing, so none is tried.
    failed: bool,
}

impl Segments {
    pub(super) fn new(
        home: Home,
        lock: Box<dyn DiskFile>,
        last: Last,
        end: End,
        spares: Vec<String>,
    ) -> Self {
        Self { home: Arc::new(home), _lock: lock, last, end, spares, failed: false }
    }

    pub(super) fn snapshot_due(&self) -> bool {
        self.end.since_snapshot > self.home.snapshot_after.max(self.end.snapshot_length)
    }

    /// How many records are durable.
    pub(super) fn records(&self) -> u64 {
        self.end.records
    }

    pub(super) fn last_path(&self) -> PathBuf {
        self.home.path(&segment_name(self.last.header.number))
    }

    /// Whether nothing has failed.
    pub(super) fn check(&self) -> Result<(), WalError> {
        if self.failed {
            return Err(WalError::Failed { path: self.last_path() });
        }
        Ok(())
    }

    /// What fails once is not tried again.
    fn finally(&mut self, act: impl FnOnce(&mut Self) -> Result<(), WalError>) -> Result<(), WalError> {
        self.check()?;
        self.failed = true;
        act(self)?;
        self.failed = false;
        Ok(())
    }

    /// Counts a start, durably.
    pub(super) fn start(&mut self) -> Result<u64, WalError> {
        let incarnation = self.end.incarnation + 1;
        self.write(&mut Buffer::start(incarnation))?;
        self.end.incarnation = incarnation;
        Ok(incarnation)
    }

    /// Writes a batch, durably.
    pub(super) fn write(&mut self, batch: &mut Buffer) -> Result<(), WalError> {
        self.finally(|log| {
            let length = batch.length();
            if log.last.end + length > log.last.header.length {
                log.rotate(length)?;
            }
            let Last { header, file, end } = &mut log.last;
            let (bytes, chain) = batch.seal(header, *end, log.end.chain);
            let path = || log.home.path(&segment_name(header.number));
            file.write_all_at(*end, bytes).map_err(|e| failed("write to", &path())(e))?;
            file.sync().map_err(|e| failed("sync", &path())(e))?;
            *end += length;
            log.end.chain = chain;
            log.end.records += batch.count();
            log.end.since_snapshot += length;
            Ok(())
        })
    }

    /// Goes on in a new segment that has room for a batch. The batches before are durable.
    fn rotate(&mut self, room: u64) -> Result<(), WalError> {
        let End { chain, records, .. } = self.end;
        let length = self.home.segment_length.max(SECTOR as u64 + room);
        let header = self.home.header(self.last.header.number + 1, length, chain, records);
        let spare = if length == self.home.segment_length { self.spares.pop() } else { None };
        let file = match spare {
            Some(spare) => self.home.reuse(&spare, &header)?,
            None => self.home.create(&header)?,
        };
        self.last = Last { header, file, end: SECTOR as u64 };
        Ok(())
    }

    /// Makes a snapshot of all that is durable, durably.
    pub(super) fn snapshot(&mut self, bytes: &[u8]) -> Result<(), WalError> {
        let Some(begun) = self.begin_snapshot()? else { return Ok(()) };
        let written = begun.write(bytes);
        self.end_snapshot(&begun, bytes.len(), written)
    }

    /// Begins one, unless there is one.
    pub(super) fn begin_snapshot(&self) -> Result<Option<Begun>, WalError> {
        self.check()?;
        let End { chain, records, incarnation, since_snapshot, .. } = self.end;
        let Last { header, end, .. } = &self.last;
        let place = Place { segment: header.number, offset: *end, chain, records, incarnation };
        let is_new = self.end.snapshot != Some(place);
        Ok(is_new.then(|| Begun { home: Arc::clone(&self.home), place, since_snapshot }))
    }

    /// It is durable, so many bytes; or has failed, and the log with it.
    pub(super) fn end_snapshot(
        &mut self,
        begun: &Begun,
        length: usize,
        written: Result<(), WalError>,
    ) -> Result<(), WalError> {
        self.finally(|log| {
            written?;
            let before = log.end.snapshot.replace(begun.place);
            log.end.since_snapshot -= begun.since_snapshot;
            log.end.snapshot_length = length as u64;
            log.compact(begun.place, before)
        })
    }

    /// Gives up what neither the newest snapshot needs nor the one before it. The first one has the whole log before it.
    fn compact(&mut self, newest: Place, before: Option<Place>) -> Result<(), WalError> {
        let Some(before) = before else { return Ok(()) };
        let names = self.home.list()?;
        let kept = [newest.position(), before.position()];
        for name in
            names.iter().filter(|name| snapshot::position_of(name).is_some_and(|at| !kept.contains(&at)))
        {
            let path = self.home.path(name);
            self.home.disk.remove(&path).map_err(failed("remove", &path))?;
        }
        // Until the next snapshot the log grows about as much as it did until this one.
        let spares_max = (self.last.header.number - before.segment + 1) as usize;
        for (number, name) in Home::numbered(&names, SEGMENT) {
            if number < before.segment {
                self.give_up(&name, format!("{SPARE}{number:016}"), spares_max)?;
            }
        }
        // A spare is written to under another header: it must have lost its old name before.
        self.home.sync_names()
    }

    /// Keeps a segment as a spare, or removes it.
    fn give_up(&mut self, name: &str, spare: String, spares_max: usize) -> Result<(), WalError> {
        let path = self.home.path(name);
        let disk = &self.home.disk;
        if self.spares.len() < spares_max && length(&**disk, &path)? == self.home.segment_length {
            disk.rename(&path, &self.home.path(&spare)).map_err(failed("rename", &path))?;
            self.spares.push(spare);
        } else {
            disk.remove(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }
}

/// How long a file is.
pub(super) fn length(disk: &dyn Disk, path: &Path) -> Result<u64, WalError> {
    let mut file = disk.open(path, Open::Existing).map_err(failed("open", path))?;
    file.length().map_err(failed("measure", path))
}
