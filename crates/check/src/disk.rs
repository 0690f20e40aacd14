//! What a search does with a disk: put there what its budget of memory has no room for, and write down how far it has come.
//! This crate opens no file: whoever has a disk hands it in.

use std::fmt;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

/// A disk, as a search sees it.
pub trait Disk: Send + Sync {
    /// A new file, empty, gone when it is dropped.
    fn scratch(&self) -> io::Result<Box<dyn Scratch>>;
}

/// A file that is written at its end and read anywhere.
pub trait Scratch: Send + Sync {
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Fills `bytes` from the byte number `at` on; what is not there is an error.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()>;
}

/// What `write` writes is written somewhere.
pub type WriteTo<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// Where a search writes down how far it has come, so that another can go on from there.
pub trait Notebook: Send + Sync {
    /// Replaces what was saved: all of it or nothing.
    fn save(&self, write: WriteTo<'_>) -> io::Result<()>;
    /// What was saved before, if the search is to go on from there.
    fn saved(&self) -> io::Result<Option<Box<dyn Saved>>>;
}

/// What was saved, to be read from its start, twice.
pub trait Saved: Read + Seek {}
impl<T: Read + Seek> Saved for T {}

/// Something outside of this crate that [`crate::Options`] refer to. Two are equal if they are the same one.
pub struct Outside<T: ?Sized>(pub Arc<T>);

impl<T: ?Sized> Clone for Outside<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> PartialEq for Outside<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: ?Sized> Eq for Outside<T> {}

impl<T: ?Sized> fmt::Debug for Outside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("given from outside")
    }
}
