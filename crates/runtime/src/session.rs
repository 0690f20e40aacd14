//! Perfect links, per pair of incarnations, over connections that break: without sockets.
//!
//! A *session* is between one incarnation of a sender and one of a receiver. Within it each payload has a sequence
//! number, counted from 1. [`Outgoing`] keeps what is not acknowledged and writes it again on the next connection;
//! [`Incoming`] filters what it has. So while both ends live nothing is lost or delivered twice.
//!
//! When the receiver comes back with a new incarnation, what was written to the old one and not acknowledged may or
//! may not have been delivered: it is lost now, since "once" must hold. What was never written was not in flight yet:
//! it goes to the new incarnation. When the sender comes back with a new incarnation, the old one is *fenced*: nothing
//! that it wrote and that still arrives is delivered.
//!
//! [`Outgoing`] gathers payloads into batches ([`crate::frame::Batch`]): a batch is written as a whole, and written
//! again as a whole. It may be *closed*, when it has grown beyond what its owner allows: all that waits is forsaken, as if
//! the receiver had crashed, and a new session begins with the next payload. If it turns out that the receiver had
//! not crashed, these payloads were lost outside of the model.

use crate::frame;
use std::collections::VecDeque;
use thiserror::Error;

/// About how long a batch becomes, in bytes, before the next one is begun.
pub const BATCH_LENGTH: usize = 64 << 10;
/// How many used buffers are kept for batches to come.
const SPARES_MAX: usize = 8;
/// How many bytes a batch takes at most to say how long a payload is.
const LENGTH_OF_LENGTH: usize = 16;

/// A peer does not keep to the session's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A message of an incarnation that is over.
    #[error("incarnation {incarnation} is over: {latest} has been seen")]
    Fenced {
        /// The incarnation.
        incarnation: u64,
        /// The latest one that was seen.
        latest: u64,
    },
    /// A message of a session that its sender has closed.
    #[error("session {session} of incarnation {incarnation} is closed")]
    Closed {
        /// The sender's incarnation.
        incarnation: u64,
        /// Its session.
        session: u64,
    },
    /// Two OS processes claim the same incarnation of the same process.
    #[error("two nodes run with one identity: incarnation {incarnation} runs elsewhere already")]
    Twice {
        /// The incarnation.
        incarnation: u64,
    },
    /// A sequence number was left out.
    #[error("sequence number {sequence} came where {expected} was next")]
    Gap {
        /// What came.
        sequence: u64,
        /// What was next.
        expected: u64,
    },
    /// What was never written was acknowledged.
    #[error("sequence number {sequence} was acknowledged, {written} is the last that was written")]
    Unwritten {
        /// What was acknowledged.
        sequence: u64,
        /// The last that was written.
        written: u64,
    },
}

/// Which OS process speaks for a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// The durable number of its start.
    pub incarnation: u64,
    /// Drawn at random when it started: no two OS processes have the same.
    pub token: u64,
}

/// What a sender's session with one receiver is known by: later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// The sender's incarnation.
    pub incarnation: u64,
    /// How many sessions with this receiver it has closed.
    pub session: u64,
}

/// What is lost when a connection to a new incarnation begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Payloads that were in flight when the receiver crashed, or that were forsaken while it was down.
    pub in_flight: u64,
    /// Payloads that were forsaken though it had not crashed.
    pub outside_model: u64,
}

/// Payloads that travel together, as the frame that they will be.
#[derive(Clone, Debug)]
struct Batch {
    frame: Vec<u8>,
    count: u64,
}

/// The sender's end of a session.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The receiver, once known.
    receiver: Option<Instance>,
    /// What is not acknowledged, in order.
    batches: VecDeque<Batch>,
    /// How many payloads that is.
    payloads: u64,
    /// How many bytes that is.
    bytes: usize,
    /// The sequence number of the first payload in the queue.
    first: u64,
    /// The last sequence number that was acknowledged: within the first batch, or just before it.
    acknowledged: u64,
    /// How many batches were written to this incarnation of the receiver, on any connection.
    written: usize,
    /// How many payloads these have.
    payloads_written: u64,
    /// How many batches were written on this connection, and how many payloads these have.
    written_now: usize,
    payloads_written_now: u64,
    /// How many sessions were closed.
    closed: u64,
    /// How many payloads were forsaken since the receiver was last heard of.
    forsaken: u64,
    batch_length: usize,
    spares: Vec<Vec<u8>>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::new(BATCH_LENGTH)
    }
}

impl Outgoing {
    /// One whose batches become about so long, in bytes. With 0 each payload travels alone.
    pub fn new(batch_length: usize) -> Self {
        Self {
            receiver: None,
            batches: VecDeque::new(),
            payloads: 0,
            bytes: 0,
            first: 1,
            acknowledged: 0,
            written: 0,
            payloads_written: 0,
            written_now: 0,
            payloads_written_now: 0,
            closed: 0,
            forsaken: 0,
            batch_length,
            spares: vec![],
        }
    }

    /// Takes a payload to be delivered.
    pub fn send(&mut self, payload: &[u8]) {
        let has_room = |batch: &Batch| {
            let length = batch.frame.len();
            length < self.batch_length
                && length + payload.len() + LENGTH_OF_LENGTH <= frame::PAYLOAD_LENGTH_MAX
        };
        let open = self.batches.len() > self.written && self.batches.back().is_some_and(has_room);
        if !open {
            let mut frame = self.spares.pop().unwrap_or_default();
            frame::begin_batch(&mut frame);
            self.bytes += frame.len();
            self.batches.push_back(Batch { frame, count: 0 });
        }
        let batch = self.batches.back_mut().expect("one is open");
        let before = batch.frame.len();
        frame::add_to_batch(&mut batch.frame, payload);
        batch.count += 1;
        self.bytes += batch.frame.len() - before;
        self.payloads += 1;
    }

    /// Whether a batch has its full length and waits to be written: there is nothing to be gained by waiting longer.
    pub fn has_full_batch(&self) -> bool {
        self.batches.get(self.written_now).is_some_and(|batch| batch.frame.len() >= self.batch_length)
    }

    /// A connection begins: the receiver says who it is, and up to where it has received what this incarnation of the
    /// sender wrote in this session. What is lost with the receiver's old incarnation.
    pub fn welcome(&mut self, receiver: Instance, received: u64) -> Result<Lost, SessionError> {
        let incarnation = receiver.incarnation;
        let crashed = match self.receiver {
            Some(known) if incarnation < known.incarnation => {
                return Err(SessionError::Fenced { incarnation, latest: known.incarnation });
            }
            Some(known) if incarnation == known.incarnation && receiver.token != known.token => {
                return Err(SessionError::Twice { incarnation });
            }
            Some(known) => incarnation > known.incarnation,
            None => false,
        };
        let in_flight = if crashed { self.renew() } else { 0 };
        let forsaken = std::mem::take(&mut self.forsaken);
        self.receiver = Some(receiver);
        (self.written_now, self.payloads_written_now) = (0, 0);
        self.acknowledge(received)?;
        Ok(if crashed {
            Lost { in_flight: in_flight + forsaken, outside_model: 0 }
        } else {
            Lost { in_flight, outside_model: forsaken }
        })
    }

    /// The session with a new incarnation of the receiver.
    fn renew(&mut self) -> u64 {
        let lost = self.payloads_written - (self.acknowledged + 1 - self.first);
        for batch in self.batches.drain(..self.written) {
            self.bytes -= batch.frame.len();
            self.payloads -= batch.count;
        }
        self.restart();
        lost
    }

    /// Sequence numbers begin anew.
    fn restart(&mut self) {
        (self.first, self.acknowledged) = (1, 0);
        (self.written, self.payloads_written) = (0, 0);
        (self.written_now, self.payloads_written_now) = (0, 0);
    }

    /// The next batch to write on this connection, as a frame, with the sequence number of its first payload. It counts
    /// as written.
    pub fn write(&mut self) -> Option<(u64, &[u8])> {
        let batch = self.batches.get_mut(self.written_now)?;
        let sequence = self.first + self.payloads_written_now;
        self.written_now += 1;
        self.payloads_written_now += batch.count;
        if self.written_now > self.written {
            (self.written, self.payloads_written) = (self.written_now, self.payloads_written_now);
        }
        frame::seal_batch(&mut batch.frame, sequence);
        Some((sequence, &batch.frame))
    }

    /// The receiver has all up to `sequence`.
    pub fn acknowledge(&mut self, sequence: u64) -> Result<(), SessionError> {
        let written = self.first + self.payloads_written - 1;
        if sequence > written {
            return Err(SessionError::Unwritten { sequence, written });
        }
        self.acknowledged = self.acknowledged.max(sequence);
        while let Some(batch) = self.batches.front()
            && self.written > 0
            && self.first + batch.count <= sequence + 1
        {
            self.drop_first();
        }
        Ok(())
    }

    fn drop_first(&mut self) {
        let Some(Batch { frame, count }) = self.batches.pop_front() else { return };
        self.bytes -= frame.len();
        self.payloads -= count;
        self.first += count;
        self.written -= 1;
        self.payloads_written -= count;
        if self.written_now > 0 {
            self.written_now -= 1;
            self.payloads_written_now -= count;
        }
        if self.spares.len() < SPARES_MAX && frame.capacity() <= 2 * BATCH_LENGTH {
            self.spares.push(frame);
        }
    }

    /// Forsakes all that waits, and begins a new session. How many payloads that were.
    pub fn close(&mut self) -> u64 {
        let forsaken = self.payloads;
        self.batches = VecDeque::new();
        (self.payloads, self.bytes) = (0, 0);
        self.restart();
        self.closed += 1;
        self.forsaken += forsaken;
        forsaken
    }

    /// How many sessions were closed before this one.
    pub fn closed(&self) -> u64 {
        self.closed
    }

    /// How many payloads were forsaken since the receiver was last heard of: whether it had crashed is not known yet.
    pub fn forsaken(&self) -> u64 {
        self.forsaken
    }

    /// Whether there is something to write on this connection.
    pub fn has_unwritten(&self) -> bool {
        self.written_now < self.batches.len()
    }

    /// How many payloads are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.payloads as usize
    }

    /// How many bytes are kept for them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The receiver's end of the sessions with one sender: its memory is volatile, as the model has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Incoming {
    /// The sender's latest session; the least one before any is seen.
    epoch: Epoch,
    /// Which OS process that is.
    token: u64,
    /// The last sequence number received in it.
    received: u64,
}

impl Incoming {
    /// The sender begins a connection. Up to where its payloads have been received.
    pub fn hello(&mut self, epoch: Epoch, token: u64) -> Result<u64, SessionError> {
        self.check(epoch)?;
        if epoch.incarnation == self.epoch.incarnation && token != self.token {
            return Err(SessionError::Twice { incarnation: epoch.incarnation });
        }
        if epoch > self.epoch {
            *self = Self { epoch, token, received: 0 };
        }
        Ok(self.received)
    }

    /// An epoch that is over is refused.
    fn check(&self, epoch: Epoch) -> Result<(), SessionError> {
        let Epoch { incarnation, session } = epoch;
        if incarnation < self.epoch.incarnation {
            return Err(SessionError::Fenced { incarnation, latest: self.epoch.incarnation });
        }
        if epoch < self.epoch {
            return Err(SessionError::Closed { incarnation, session });
        }
        Ok(())
    }

    /// So many payloads arrive, numbered from `sequence` on. How many of them, from the first on, were delivered before.
    pub fn arrive(&mut self, epoch: Epoch, sequence: u64, count: u64) -> Result<u64, SessionError> {
        self.check(epoch)?;
        let expected = self.received + 1;
        if sequence > expected || epoch > self.epoch {
            return Err(SessionError::Gap { sequence, expected });
        }
        let known = (expected - sequence).min(count);
        self.received += count - known;
        Ok(known)
    }

    /// The last sequence number received: the cumulative acknowledgement.
    pub fn received(&self) -> u64 {
        self.received
    }
}
