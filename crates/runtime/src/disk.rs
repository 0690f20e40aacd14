//! The file operations that a node needs, as a trait: so that a test, or an operator's drill, can put a disk that
//! fails in the place of the real one ([`crate::fault`]).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It must exist; it is read, and appended to.
    Existing,
    /// It is made, or emptied if it exists.
    Fresh,
}

/// Where files are.
pub trait Disk: Send + Sync {
    /// Makes a directory and those above it, as far as they are missing.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, atomically; one that has the name already is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the *names* of a directory durable. Syncing a file does not.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// A file that is appended to; one that existed is read to its end before.
pub trait DiskFile: Send {
    /// Takes the file for this OS process alone; [`io::ErrorKind::WouldBlock`] if another one has it.
    fn lock(&mut self) -> io::Result<()>;

    /// All that is in it.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Appends some prefix of `bytes`; how long it was.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes its content durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts it to `length` bytes.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Appends all of `bytes`.
    fn append_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.append(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => bytes = &bytes[taken..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if how == Open::Fresh {
            options.create(true).truncate(true);
        }
        Ok(Box::new(OsFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}

struct OsFile(File);

impl DiskFile for OsFile {
    fn lock(&mut self) -> io::Result<()> {
        self.0.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            TryLockError::Error(e) => e,
        })
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut content)?;
        Ok(content)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The position is at the end: it has been read to there, or was written to there.
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)?;
        self.0.seek(SeekFrom::End(0)).map(drop)
    }
}

/// What to do about a file operation that failed.
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose a data directory on another disk"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "choose a data directory that this user can write to"
        }
        io::ErrorKind::NotFound => "check the path",
        _ => "the disk may be failing: see the system's log, and keep a copy of the data directory",
    }
}
