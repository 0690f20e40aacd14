//! A log that many threads append to. What they append while a batch is being synced is the next batch, and one of those
//! who wait for it syncs it for all.

use super::format::Buffer;
use super::segments::Segments;
use super::{WalError, check_length};
use crate::courtesy::Courtesy;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// How often at most a leader lets others run, so that they append to its batch.
const YIELDS_MAX: u64 = 64;

/// How often one who waits lets others run before it sleeps: to be woken takes about as long as a sync.
const YIELDS_BEFORE_SLEEP: usize = 50;

/// A log for many threads. Clones are the same log.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    segments: Mutex<Segments>,
    /// How many records the next batch will have if those who waited for the last one append again.
    expected: AtomicU64,
    /// How often it is worth to wait for them: falls when they do not come.
    patience: AtomicU64,
    courtesy: Courtesy,
}

/// What is appended and not yet being written.
struct Queue {
    group: Arc<Group>,
    buffer: Buffer,
    /// Of the batch before: its memory is used again.
    emptied: Option<Buffer>,
    /// The number of the next record.
    next: u64,
    /// Whether a thread writes, or has been told to.
    leading: bool,
    /// The log that failed.
    failed: Option<PathBuf>,
}

/// Those who wait for one batch.
#[derive(Default)]
struct Group {
    state: AtomicU8,
    waiting: Mutex<Vec<Thread>>,
}

/// It grows, or it is being written.
const OPEN: u8 = 0;
/// One of those who wait must write it.
const LEADERLESS: u8 = 1;
const DURABLE: u8 = 2;
const FAILED: u8 = 3;

/// A record that is on its way to the disk.
#[must_use = "the record is not durable before `wait` returns"]
pub struct Ticket {
    log: Log,
    group: Arc<Group>,
    record: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    pub(super) fn new(segments: Segments) -> Self {
        let queue = Queue {
            group: Arc::default(),
            next: segments.records(),
            buffer: Buffer::records(),
            emptied: None,
            leading: false,
            failed: None,
        };
        let shared = Shared {
            queue: Mutex::new(queue),
            segments: Mutex::new(segments),
            expected: AtomicU64::new(0),
            patience: AtomicU64::new(YIELDS_MAX),
            courtesy: Courtesy::default(),
        };
        Self(Arc::new(shared))
    }

    /// Takes a record. It becomes durable when someone waits for it, or for one that was taken later.
    pub fn append(&self, record: &[u8]) -> Result<Ticket, WalError> {
        self.append_together(&[record])
    }

    /// Takes records that are found again all, or none of them. The ticket is that of the last.
    pub fn append_together(&self, records: &[&[u8]]) -> Result<Ticket, WalError> {
        let length = records.iter().map(|record| record.len()).sum();
        check_length(length + 4 * records.len().saturating_sub(1))?;
        loop {
            let mut queue = locked(&self.0.queue);
            if let Some(path) = &queue.failed {
                return Err(WalError::Failed { path: path.clone() });
            }
            if queue.buffer.has_room(records.len(), length) {
                for record in records {
                    queue.buffer.push(record);
                }
                queue.next += records.len() as u64;
                let record = queue.next.saturating_sub(1);
                return Ok(Ticket { log: self.clone(), group: Arc::clone(&queue.group), record });
            }
            let group = Arc::clone(&queue.group);
            drop(queue);
            self.wait_for(&group)?;
        }
    }

    /// Takes a record and makes it durable; its number, counted from 0.
    pub fn write(&self, record: &[u8]) -> Result<u64, WalError> {
        self.append(record)?.wait()
    }

    /// Puts what `fold` makes in the place of all records that are durable; it is told how many these are. Nothing is
    /// written meanwhile: it must not wait for this log. An error is final.
    pub fn snapshot(&self, fold: impl FnOnce(u64) -> Vec<u8>) -> Result<(), WalError> {
        let mut segments = locked(&self.0.segments);
        let bytes = fold(segments.records());
        segments.snapshot(&bytes)
    }

    /// As [`super::Wal::snapshot_due`].
    pub fn snapshot_due(&self) -> bool {
        locked(&self.0.segments).snapshot_due()
    }

    fn wait_for(&self, group: &Arc<Group>) -> Result<(), WalError> {
        if self.takes_lead(group) {
            return self.lead();
        }
        let mut yields = 0..YIELDS_BEFORE_SLEEP;
        loop {
            match group.state.load(Ordering::Acquire) {
                DURABLE => return Ok(()),
                FAILED => {
                    let path = locked(&self.0.queue).failed.clone().unwrap_or_default();
                    return Err(WalError::Failed { path });
                }
                LEADERLESS if group.claim() => return self.lead(),
                _ if yields.next().is_some() && self.0.courtesy.lets_others_run() => {}
                _ => thread::park(),
            }
        }
    }

    /// Whether this thread must write the group; if not, it is told when there is something to know.
    fn takes_lead(&self, group: &Arc<Group>) -> bool {
        if group.state.load(Ordering::Acquire) >= DURABLE {
            return false;
        }
        let mut queue = locked(&self.0.queue);
        if !queue.leading && Arc::ptr_eq(&queue.group, group) {
            queue.leading = true;
            return true;
        }
        locked(&group.waiting).push(thread::current());
        false
    }

    /// Writes what is appended, for all.
    fn lead(&self) -> Result<(), WalError> {
        self.gather();
        let mut queue = locked(&self.0.queue);
        let fresh = queue.emptied.take().unwrap_or_else(Buffer::records);
        let mut buffer = std::mem::replace(&mut queue.buffer, fresh);
        let group = std::mem::take(&mut queue.group);
        drop(queue);
        let (written, path) = {
            let mut segments = locked(&self.0.segments);
            (segments.write(&mut buffer), segments.last_path())
        };
        let released = buffer.count();
        buffer.clear();
        let mut queue = locked(&self.0.queue);
        queue.emptied = Some(buffer);
        if written.is_err() {
            // Nobody appends any more; who has since the group was closed is told too.
            queue.failed = Some(path);
            let next = Arc::clone(&queue.group);
            drop(queue);
            group.end(FAILED);
            next.end(FAILED);
            return written;
        }
        self.0.expected.store(released + queue.buffer.count(), Ordering::Relaxed);
        queue.leading = queue.group.hand_over();
        drop(queue);
        group.end(DURABLE);
        Ok(())
    }

    /// Gives those who will probably append the time to do it: a sync costs more.
    fn gather(&self) {
        let expected = self.0.expected.load(Ordering::Relaxed);
        let patience = self.0.patience.load(Ordering::Relaxed);
        for _ in 0..patience {
            if locked(&self.0.queue).buffer.count() >= expected {
                self.0.patience.store((patience * 2).min(YIELDS_MAX), Ordering::Relaxed);
                return;
            }
            if !self.0.courtesy.lets_others_run() {
                return;
            }
        }
        self.0.patience.store((patience / 2).max(1), Ordering::Relaxed);
    }
}

impl Group {
    /// Tells those who wait how it ended.
    fn end(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        for thread in std::mem::take(&mut *locked(&self.waiting)) {
            thread.unpark();
        }
    }

    /// Makes one of those who wait the leader; whether there is one.
    fn hand_over(&self) -> bool {
        let waiting = locked(&self.waiting);
        let Some(thread) = waiting.first() else { return false };
        self.state.store(LEADERLESS, Ordering::Release);
        thread.unpark();
        true
    }

    fn claim(&self) -> bool {
        self.state.compare_exchange(LEADERLESS, OPEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Ticket {
    /// Waits until the record is durable; its number, counted from 0.
    pub fn wait(self) -> Result<u64, WalError> {
        self.log.wait_for(&self.group)?;
        Ok(self.record)
    }
}
