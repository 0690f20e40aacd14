//! A disk for tests: in memory, and full when it is told so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use synod_check::disk::{Disk, Scratch};

/// Files in memory.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    fails: Arc<AtomicBool>,
    /// How many bytes were ever written.
    pub(crate) written: Arc<AtomicU64>,
}

impl Memory {
    /// From now on nothing can be read or written.
    pub(crate) fn fail(&self) {
        self.fails.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        Ok(())
    }
}

impl Disk for Memory {
    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        self.check()?;
        Ok(Box::new(File { disk: self.clone(), bytes: Vec::new() }))
    }
}

struct File {
    disk: Memory,
    bytes: Vec<u8>,
}

impl Scratch for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.check()?;
        self.disk.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.disk.check()?;
        let from = self.bytes.get(at as usize..at as usize + bytes.len());
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
