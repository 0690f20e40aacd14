//! Threads that make things durable while the owner of the log goes on: one for batches, of which at most one is with it, since the next is
//! what gathers meanwhile; and one for each snapshot.

use super::WalError;
use super::format::Buffer;
use super::segments::{Begun, Segments};
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The thread, as the owner of the log knows it.
pub(super) struct Writer {
    /// None, once it is to end.
    batches: Option<Sender<Vec<Buffer>>>,
    written: Receiver<Written>,
    thread: Option<JoinHandle<()>>,
}

/// What became of batches.
pub(super) struct Written {
    /// They are durable, and were so after this time; or the log has failed.
    pub(super) outcome: Result<Duration, WalError>,
    /// Their memory, to be used again.
    pub(super) emptied: Vec<Buffer>,
}

pub(super) fn locked(segments: &Mutex<Segments>) -> MutexGuard<'_, Segments> {
    segments.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes batches, one after the other.
pub(super) fn write_all(segments: &Mutex<Segments>, batches: &mut [Buffer]) -> Result<Duration, WalError> {
    let (begun, mut segments) = (Instant::now(), locked(segments));
    segments.check()?;
    for batch in batches {
        segments.write(batch)?;
        batch.clear();
    }
    Ok(begun.elapsed())
}

impl Writer {
    /// Starts it. It calls `told` whenever something has been written, or has failed.
    pub(super) fn start(
        segments: Arc<Mutex<Segments>>,
        told: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (batches, to_write) = mpsc::channel::<Vec<Buffer>>();
        let (tell, written) = mpsc::channel();
        let run = move || {
            for mut batches in to_write {
                let outcome = write_all(&segments, &mut batches);
                // an owner who is gone wants to know nothing
                let _ = tell.send(Written { outcome, emptied: batches });
                told();
            }
        };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(run)?;
        Ok(Self { batches: Some(batches), written, thread: Some(thread) })
    }

    /// It has these to write.
    pub(super) fn write(&self, batches: Vec<Buffer>) {
        let taken = self.batches.as_ref().map(|to| to.send(batches));
        assert!(matches!(taken, Some(Ok(()))), "the thread ends with its owner alone");
    }

    /// What has been written, if anything has; waits for it if told to.
    pub(super) fn written(&self, wait: bool) -> Option<Written> {
        if wait { self.written.recv().ok() } else { self.written.try_recv().ok() }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread that makes a snapshot.
pub(super) struct Snapshotting(Option<JoinHandle<Result<(), WalError>>>);

impl Snapshotting {
    /// Starts it.
    pub(super) fn start(segments: Arc<Mutex<Segments>>, begun: Begun, bytes: Vec<u8>) -> io::Result<Self> {
        let run = move || {
            let written = begun.write(&bytes);
            locked(&segments).end_snapshot(&begun, bytes.len(), written)
        };
        Ok(Self(Some(thread::Builder::new().name("snapshot".to_owned()).spawn(run)?)))
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// How it ends.
    pub(super) fn end(mut self) -> Result<(), WalError> {
        let ended = self.0.take().map_or(Ok(Ok(())), JoinHandle::join);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Snapshotting {
    fn drop(&mut self) {
        let _ = self.0.take().map(JoinHandle::join);
    }
}
