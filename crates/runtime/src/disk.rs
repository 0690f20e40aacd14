//! The file operations that a node needs, as a trait: so that a test, or an operator's drill, can put a disk that
//! fails in the place of the real one ([`crate::fault`]).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It must exist.
    Existing,
    /// It is made, or emptied if it exists.
    Fresh,
}

/// Where files are.
pub trait Disk: Send + Sync {
    /// The same disk again.
    fn handle(&self) -> Box<dyn Disk>;

    /// Makes a directory and those above it, as far as they are missing.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// The names in a directory, sorted; those that are no text are left out.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, atomically; one that has the name already is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away; with its last name goes the file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the *names* of a directory durable. Syncing a file does not.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// A file: either appended to from its first byte on, or written in places.
pub trait DiskFile: Send {
    /// Takes the file for this OS process alone; [`io::ErrorKind::WouldBlock`] if another one has it.
    fn lock(&mut self) -> io::Result<()>;

    /// How many bytes are in it.
    fn length(&mut self) -> io::Result<u64>;

    /// All that is in it.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Writes some prefix of `bytes` at a place, the file growing as it must; how long it was.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Appends some prefix of `bytes`; how long it was.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes its content durable, and its length.
    fn sync(&mut self) -> io::Result<()>;

    /// What a kernel does when a sync fails: what was written and is not durable can be read as before, but no later
    /// sync writes it. For disks that fail on purpose.
    fn abandon(&mut self) {}

    /// Writes all of `bytes` at a place.
    fn write_all_at(&mut self, mut offset: u64, bytes: &[u8]) -> io::Result<()> {
        all(bytes, |rest| {
            let taken = self.write_at(offset, rest)?;
            offset += taken as u64;
            Ok(taken)
        })
    }

    /// Appends all of `bytes`.
    fn append_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        all(bytes, |rest| self.append(rest))
    }
}

/// Writes again what is left, until nothing is.
fn all(mut bytes: &[u8], mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => bytes = &bytes[taken..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn handle(&self) -> Box<dyn Disk> {
        Box::new(*self)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let missing: Vec<_> = directory.ancestors().take_while(|above| !above.exists()).collect();
        fs::create_dir_all(directory)?;
        // The lowest one's name is the caller's to sync.
        for above in missing.into_iter().skip(1).filter_map(Path::parent) {
            self.sync_directory(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names: io::Result<Vec<_>> =
            fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect();
        let mut names: Vec<_> = names?.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort();
        Ok(names)
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

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
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

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut content)?;
        Ok(content)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The position is at the end: it was appended to there.
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
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
