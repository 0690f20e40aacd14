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
//! [`Outgoing`] keeps without bound what is sent to a process that is down.

use std::collections::VecDeque;
use thiserror::Error;

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

/// The sender's end of a session.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The receiver's incarnation, once known.
    receiver: Option<u64>,
    /// What is not acknowledged, in order.
    queue: VecDeque<Vec<u8>>,
    /// The sequence number of the first in the queue.
    first: u64,
    /// How many of the queue were written to this incarnation of the receiver, on any connection.
    written: usize,
    /// How many of the queue were written on this connection.
    written_now: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { receiver: None, queue: VecDeque::new(), first: 1, written: 0, written_now: 0 }
    }
}

impl Outgoing {
    /// Takes a payload to be delivered.
    pub fn send(&mut self, payload: Vec<u8>) {
        self.queue.push_back(payload);
    }

    /// A connection begins: the receiver says its incarnation, and up to where it has received what this incarnation
    /// of the sender wrote. How many payloads are lost with the receiver's old incarnation.
    pub fn welcome(&mut self, receiver: u64, received: u64) -> Result<usize, SessionError> {
        let lost = match self.receiver {
            Some(latest) if receiver < latest => {
                return Err(SessionError::Fenced { incarnation: receiver, latest });
            }
            Some(latest) if receiver > latest => self.renew(),
            _ => 0,
        };
        self.receiver = Some(receiver);
        self.written_now = 0;
        self.acknowledge(received)?;
        // What is received need not be written again.
        assert!(self.written_now == 0, "nothing has been written on this connection yet");
        Ok(lost)
    }

    /// The session with a new incarnation of the receiver.
    fn renew(&mut self) -> usize {
        let lost = self.written;
        self.queue.drain(..lost);
        (self.first, self.written, self.written_now) = (1, 0, 0);
        lost
    }

    /// The next payload to write on this connection, with its sequence number. It counts as written.
    pub fn write(&mut self) -> Option<(u64, &[u8])> {
        let payload = self.queue.get(self.written_now)?;
        let sequence = self.first + self.written_now as u64;
        self.written_now += 1;
        self.written = self.written.max(self.written_now);
        Some((sequence, payload))
    }

    /// The receiver has all up to `sequence`.
    pub fn acknowledge(&mut self, sequence: u64) -> Result<(), SessionError> {
        let written = self.first + self.written as u64 - 1;
        if sequence > written {
            return Err(SessionError::Unwritten { sequence, written });
        }
        let done = (sequence + 1).saturating_sub(self.first) as usize;
        self.queue.drain(..done);
        self.first += done as u64;
        self.written -= done;
        self.written_now = self.written_now.saturating_sub(done);
        Ok(())
    }

    /// Whether there is something to write on this connection.
    pub fn has_unwritten(&self) -> bool {
        self.written_now < self.queue.len()
    }

    /// How many payloads are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.queue.len()
    }
}

/// What becomes of a payload that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is new.
    Deliver,
    /// It was delivered before.
    Duplicate,
}

/// The receiver's end of the sessions with one sender: its memory is volatile, as the model has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Incoming {
    /// The sender's latest incarnation; 0 before any is seen.
    sender: u64,
    /// The last sequence number received from it.
    received: u64,
}

impl Incoming {
    /// The sender begins a connection. Up to where its payloads have been received.
    pub fn hello(&mut self, incarnation: u64) -> Result<u64, SessionError> {
        if incarnation < self.sender {
            return Err(SessionError::Fenced { incarnation, latest: self.sender });
        }
        if incarnation > self.sender {
            *self = Self { sender: incarnation, received: 0 };
        }
        Ok(self.received)
    }

    /// A payload arrives.
    pub fn arrive(&mut self, incarnation: u64, sequence: u64) -> Result<Arrival, SessionError> {
        if incarnation != self.sender {
            return Err(SessionError::Fenced { incarnation, latest: self.sender });
        }
        let expected = self.received + 1;
        if sequence > expected {
            return Err(SessionError::Gap { sequence, expected });
        }
        if sequence < expected {
            return Ok(Arrival::Duplicate);
        }
        self.received = sequence;
        Ok(Arrival::Deliver)
    }

    /// The last sequence number received: the cumulative acknowledgement.
    pub fn received(&self) -> u64 {
        self.received
    }
}
