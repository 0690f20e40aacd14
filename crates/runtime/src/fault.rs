//! Disks that fail: one in memory that loses power, and a layer over any disk that makes one operation fail.

use crate::disk::{Disk, DiskFile, Open};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// From this operation on, whatever needs space finds none. Space that a file has can be written again.
    Full,
    /// From this operation on, whatever changes the disk is refused.
    ReadOnly,
    /// This operation alone fails; later ones seem to work. After a failed sync that is a lie: the kernel
    /// has dropped the pages that it could not write.
    Error,
    /// If this operation is a write, it takes at most so many bytes; nothing is wrong.
    Short(usize),
    /// If this operation is a write, so many of its bytes arrive; then the power fails: it and all later
    /// operations fail.
    Torn(usize),
}

/// What an operation does to a disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    /// Makes a file longer.
    Write,
    /// Changes what is there.
    Overwrite,
    Sync,
    Name,
}

impl Operation {
    fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Overwrite)
    }
}

struct Plan {
    /// How many operations there have been.
    done: u64,
    /// The operation, counted from 0, at which the fault strikes.
    at: u64,
    kind: FaultKind,
}

impl Plan {
    /// The error of the next operation; or how many bytes it may write; or no limit.
    fn next(&mut self, operation: Operation) -> io::Result<Option<usize>> {
        let now = self.done;
        self.done += 1;
        let (struck, after) = (now == self.at, now > self.at);
        match self.kind {
            FaultKind::Full
                if (struck || after) && matches!(operation, Operation::Write | Operation::Name) =>
            {
                Err(io::ErrorKind::StorageFull.into())
            }
            FaultKind::ReadOnly if (struck || after) && operation != Operation::Read => {
                Err(io::ErrorKind::ReadOnlyFilesystem.into())
            }
            FaultKind::Error if struck => Err(io::Error::other("input/output error (injected)")),
            FaultKind::Short(most) if struck && operation.is_write() => Ok(Some(most)),
            FaultKind::Torn(arrive) if struck && operation.is_write() => Ok(Some(arrive)),
            FaultKind::Torn(_) if struck || after => Err(io::Error::other("power lost (injected)")),
            _ => Ok(None),
        }
    }
}

/// A disk of which one operation fails, over another disk. Operations on the disk and on all of its files are
/// counted together.
#[derive(Clone)]
pub struct FaultyDisk<D> {
    disk: D,
    plan: Arc<Mutex<Plan>>,
}

impl<D: Disk> FaultyDisk<D> {
    /// `disk`, but for a fault of this `kind` at its operation `at`, counted from 0.
    pub fn new(disk: D, at: u64, kind: FaultKind) -> Self {
        Self { disk, plan: Arc::new(Mutex::new(Plan { done: 0, at, kind })) }
    }

    /// How many operations there have been.
    pub fn operations(&self) -> u64 {
        locked(&self.plan).done
    }

    fn next(&self, operation: Operation) -> io::Result<Option<usize>> {
        locked(&self.plan).next(operation)
    }
}

impl<D: Disk + Clone + 'static> Disk for FaultyDisk<D> {
    fn handle(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.next(Operation::Read)?;
        self.disk.list(directory)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        // Taking a name away needs no space, but it is a change.
        self.next(Operation::Sync)?;
        self.disk.remove(path)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.next(Operation::Name)?;
        self.disk.create_directory(directory)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        self.next(if how == Open::Fresh { Operation::Name } else { Operation::Read })?;
        Ok(Box::new(FaultyFile { file: self.disk.open(path, how)?, plan: Arc::clone(&self.plan) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.next(Operation::Name)?;
        self.disk.rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.next(Operation::Sync)?;
        self.disk.sync_directory(directory)
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultyFile {
    fn next(&self, operation: Operation) -> io::Result<Option<usize>> {
        locked(&self.plan).next(operation)
    }
}

impl DiskFile for FaultyFile {
    fn lock(&mut self) -> io::Result<()> {
        self.next(Operation::Read)?;
        self.file.lock()
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.next(Operation::Read)?;
        self.file.read()
    }

    fn length(&mut self) -> io::Result<u64> {
        self.next(Operation::Read)?;
        self.file.length()
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let grows = offset + bytes.len() as u64 > self.file.length()?;
        let operation = if grows { Operation::Write } else { Operation::Overwrite };
        self.write(operation, bytes, |file, bytes| file.write_at(offset, bytes))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(Operation::Write, bytes, |file, bytes| file.append(bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.next(Operation::Sync).inspect_err(|_| self.file.abandon())?;
        self.file.sync()
    }

    fn abandon(&mut self) {
        self.file.abandon();
    }
}

impl FaultyFile {
    fn write(
        &mut self,
        operation: Operation,
        bytes: &[u8],
        write: impl FnOnce(&mut dyn DiskFile, &[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Some(most) = self.next(operation)? else { return write(&mut *self.file, bytes) };
        let prefix = &bytes[..most.min(bytes.len())];
        if matches!(locked(&self.plan).kind, FaultKind::Torn(_)) {
            if !prefix.is_empty() {
                write(&mut *self.file, prefix)?;
            }
            return Err(io::Error::other("power lost (injected)"));
        }
        // A write of nothing would be an error of its own.
        write(&mut *self.file, if prefix.is_empty() { &bytes[..bytes.len().min(1)] } else { prefix })
    }
}

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// A write that is not durable.
#[derive(Clone)]
struct Unsynced {
    offset: usize,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Content {
    /// What is read.
    written: Vec<u8>,
    /// What is surely there after the power fails.
    durable: Vec<u8>,
    /// What the next sync makes durable, in order.
    unsynced: Vec<Unsynced>,
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        Self { written: bytes.clone(), durable: bytes, unsynced: vec![] }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.written, offset, bytes);
        self.unsynced.push(Unsynced { offset, bytes: bytes.to_vec() });
    }

    fn sync(&mut self) {
        for write in std::mem::take(&mut self.unsynced) {
            put(&mut self.durable, write.offset, &write.bytes);
        }
    }

    /// What is there after the power fails, if the first `kept` bytes of what was not durable were written.
    fn prefix(&self, mut kept: usize) -> Vec<u8> {
        let mut survived = self.durable.clone();
        for Unsynced { offset, bytes } in &self.unsynced {
            let prefix = &bytes[..kept.min(bytes.len())];
            kept -= prefix.len();
            put(&mut survived, *offset, prefix);
        }
        survived
    }

    /// What is there after the power fails, if each sector holds what it did after as many of the writes to it as
    /// `survives` says.
    fn sectors(&self, survives: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut sectors = BTreeMap::<usize, Vec<(usize, &[u8])>>::new();
        for Unsynced { offset, bytes } in &self.unsynced {
            let (mut at, mut rest) = (*offset, &bytes[..]);
            while !rest.is_empty() {
                let (inside, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                sectors.entry(at / SECTOR).or_default().push((at, inside));
                (at, rest) = (at + inside.len(), after);
            }
        }
        let mut survived = self.durable.clone();
        for writes in sectors.into_values() {
            let count = survives(writes.len());
            for (at, bytes) in writes.into_iter().take(count) {
                put(&mut survived, at, bytes);
            }
        }
        survived
    }
}

/// Writes `bytes` into a file's content.
fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

type Files = BTreeMap<PathBuf, Arc<Mutex<Content>>>;

/// A change of names: those that a directory gets, and those that it loses.
#[derive(Clone)]
struct Renaming {
    directory: PathBuf,
    gets: Option<(PathBuf, Arc<Mutex<Content>>)>,
    loses: Option<PathBuf>,
}

impl Renaming {
    fn apply(self, files: &mut Files) {
        if let Some(path) = self.loses {
            files.remove(&path);
        }
        files.extend(self.gets);
    }
}

#[derive(Default)]
struct Names {
    now: Files,
    durable: Files,
    /// What is not durable, in order.
    unsynced: Vec<Renaming>,
    directories: BTreeSet<PathBuf>,
}

impl Names {
    fn change(&mut self, renaming: Renaming) {
        renaming.clone().apply(&mut self.now);
        self.unsynced.push(renaming);
    }
}

/// A disk in memory that tells what was made durable from what was not.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Names>>);

impl MemoryDisk {
    /// The empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk after a loss of power: names that were not synced are gone, and of what was written to each file and
    /// not synced the first `kept` bytes are there.
    #[must_use]
    pub fn power_loss(&self, kept: usize) -> Self {
        self.after_power_loss(0, |content| content.prefix(kept))
    }

    /// The disk after a loss of power: of the changes of names that were not synced the first `names` are there (a
    /// file system's journal keeps their order), and of each sector that was written `w` times since its file was
    /// synced, what it held after `survives(w)` of these writes.
    #[must_use]
    pub fn power_loss_in_sectors(&self, names: usize, mut survives: impl FnMut(usize) -> usize) -> Self {
        self.after_power_loss(names, |content| content.sectors(&mut survives))
    }

    /// How many changes of names are not synced.
    pub fn unsynced_names(&self) -> usize {
        locked(&self.0).unsynced.len()
    }

    fn after_power_loss(&self, kept: usize, mut survived: impl FnMut(&Content) -> Vec<u8>) -> Self {
        let names = locked(&self.0);
        let mut files = names.durable.clone();
        names.unsynced.iter().take(kept).for_each(|change| change.clone().apply(&mut files));
        for content in files.values_mut() {
            let after = Content::of(survived(&locked(content)));
            *content = Arc::new(Mutex::new(after));
        }
        let directories = names.directories.clone();
        Self(Arc::new(Mutex::new(Names {
            now: files.clone(),
            durable: files,
            unsynced: vec![],
            directories,
        })))
    }

    /// What is in a file now.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        locked(&self.0).now.get(path).map(|content| locked(content).written.clone())
    }

    /// Puts bytes in the place of a file's, durably: the damage that a test wants.
    pub fn replace(&self, path: &Path, bytes: &[u8]) {
        let content = Arc::new(Mutex::new(Content::of(bytes.to_vec())));
        let mut names = locked(&self.0);
        names.now.insert(path.to_owned(), Arc::clone(&content));
        names.durable.insert(path.to_owned(), content);
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

impl Disk for MemoryDisk {
    fn handle(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        locked(&self.0).directories.insert(directory.to_owned());
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names = locked(&self.0);
        let inside = names.now.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut names = locked(&self.0);
        if how == Open::Fresh {
            let gets = Some((path.to_owned(), Arc::default()));
            names.change(Renaming { directory: parent(path), gets, loses: None });
        }
        let content = names.now.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(Arc::clone(content))))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = locked(&self.0);
        let content = Arc::clone(names.now.get(from).ok_or(io::ErrorKind::NotFound)?);
        let gets = Some((to.to_owned(), content));
        names.change(Renaming { directory: parent(to), gets, loses: Some(from.to_owned()) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut names = locked(&self.0);
        names.now.get(path).ok_or(io::ErrorKind::NotFound)?;
        names.change(Renaming { directory: parent(path), gets: None, loses: Some(path.to_owned()) });
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let names = &mut *locked(&self.0);
        for change in std::mem::take(&mut names.unsynced) {
            if change.directory == directory {
                change.apply(&mut names.durable);
            } else {
                names.unsynced.push(change);
            }
        }
        Ok(())
    }
}

struct MemoryFile(Arc<Mutex<Content>>);

impl DiskFile for MemoryFile {
    fn lock(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(locked(&self.0).written.len() as u64)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(locked(&self.0).written.clone())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).write(offset as usize, bytes);
        Ok(bytes.len())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut content = locked(&self.0);
        let end = content.written.len();
        content.write(end, bytes);
        Ok(bytes.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        locked(&self.0).sync();
        Ok(())
    }

    fn abandon(&mut self) {
        locked(&self.0).unsynced.clear();
    }
}
