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
    /// From this operation on, whatever needs space finds none.
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
    Write,
    Sync,
    Name,
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
            FaultKind::Short(most) if struck && operation == Operation::Write => Ok(Some(most)),
            FaultKind::Torn(arrive) if struck && operation == Operation::Write => Ok(Some(arrive)),
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

impl<D: Disk> Disk for FaultyDisk<D> {
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

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(most) = self.next(Operation::Write)? else { return self.file.append(bytes) };
        let prefix = &bytes[..most.min(bytes.len())];
        if matches!(locked(&self.plan).kind, FaultKind::Torn(_)) {
            self.file.append_all(prefix)?;
            return Err(io::Error::other("power lost (injected)"));
        }
        // A write of nothing would be an error of its own.
        self.file.append(if prefix.is_empty() { &bytes[..bytes.len().min(1)] } else { prefix })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.next(Operation::Sync)?;
        self.file.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        // Cutting a file needs no space, but it is a change.
        self.next(Operation::Sync)?;
        self.file.truncate(length)
    }
}

#[derive(Default)]
struct Content {
    written: Vec<u8>,
    /// What is surely there after the power fails.
    durable: Vec<u8>,
}

#[derive(Default)]
struct Names {
    now: BTreeMap<PathBuf, Arc<Mutex<Content>>>,
    durable: BTreeMap<PathBuf, Arc<Mutex<Content>>>,
    directories: BTreeSet<PathBuf>,
}

/// A disk in memory that tells what was made durable from what was not.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Names>>);

impl MemoryDisk {
    /// The empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk after a loss of power: names that were not synced are gone, and of each file's unsynced tail the
    /// first `kept` bytes are there.
    #[must_use]
    pub fn power_loss(&self, kept: usize) -> Self {
        let names = locked(&self.0);
        let files: BTreeMap<_, _> = names
            .durable
            .iter()
            .map(|(path, content)| {
                let content = locked(content);
                let mut survived = content.durable.clone();
                if content.written.starts_with(&content.durable) {
                    let tail = &content.written[content.durable.len()..];
                    survived.extend(&tail[..kept.min(tail.len())]);
                }
                let content = Content { written: survived.clone(), durable: survived };
                (path.clone(), Arc::new(Mutex::new(content)))
            })
            .collect();
        let directories = names.directories.clone();
        Self(Arc::new(Mutex::new(Names { now: files.clone(), durable: files, directories })))
    }

    /// What is in a file now.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        locked(&self.0).now.get(path).map(|content| locked(content).written.clone())
    }

    /// Puts bytes in the place of a file's, durably: the damage that a test wants.
    pub fn replace(&self, path: &Path, bytes: &[u8]) {
        let content = Content { written: bytes.to_vec(), durable: bytes.to_vec() };
        let content = Arc::new(Mutex::new(content));
        let mut names = locked(&self.0);
        names.now.insert(path.to_owned(), Arc::clone(&content));
        names.durable.insert(path.to_owned(), content);
    }
}

impl Disk for MemoryDisk {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        locked(&self.0).directories.insert(directory.to_owned());
        Ok(())
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut names = locked(&self.0);
        if how == Open::Fresh {
            names.now.insert(path.to_owned(), Arc::default());
        }
        let content = names.now.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(Arc::clone(content))))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = locked(&self.0);
        let content = names.now.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.now.insert(to.to_owned(), content);
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut names = locked(&self.0);
        let inside: Vec<_> = names
            .now
            .iter()
            .filter(|(path, _)| path.parent() == Some(directory))
            .map(|(path, content)| (path.clone(), Arc::clone(content)))
            .collect();
        names.durable.retain(|path, _| path.parent() != Some(directory));
        names.durable.extend(inside);
        Ok(())
    }
}

struct MemoryFile(Arc<Mutex<Content>>);

impl DiskFile for MemoryFile {
    fn lock(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(locked(&self.0).written.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).written.extend(bytes);
        Ok(bytes.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = locked(&self.0);
        let Content { written, durable } = &mut *content;
        durable.clone_from(written);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        locked(&self.0).written.truncate(length as usize);
        Ok(())
    }
}
