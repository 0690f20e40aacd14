//! Frames: how values travel over a byte stream.
//!
//! ```text
//! frame: length of what follows the checksum (4) · crc32 of it (4) · a value (postcard)
//! ```
//! A *batch* is a frame with many payloads:
//!
//! ```text
//! batch: length (4) · crc32 (4) · sequence number of the first (8) · for each: length (4) · payload
//! ```
//! Integers are little-endian. Whatever bytes arrive, reading gives a value or an error; and it takes no more memory
//! than what arrives.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read};
use thiserror::Error;

/// The longest payload, in bytes.
pub const PAYLOAD_LENGTH_MAX: usize = 16 << 20;
const HEADER_LENGTH: usize = 8;
const BATCH_HEADER_LENGTH: usize = HEADER_LENGTH + 8;
/// How much is read at once.
const READ_LENGTH: usize = 256 << 10;

/// Why bytes are no frame, or a value fits none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The payload is longer than [`PAYLOAD_LENGTH_MAX`], or says so.
    #[error("a frame of {length} bytes is longer than the {PAYLOAD_LENGTH_MAX} allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The bytes end within a frame.
    #[error("the stream ends within a frame")]
    Truncated,
    /// The payload is not what was sent.
    #[error("the checksum of a frame does not match")]
    Checksum,
    /// The payload is no value of the expected type.
    #[error("a frame's payload is not of the expected type: {0}")]
    Payload(#[from] postcard::Error),
    /// The payload is a value and more.
    #[error("a frame's payload goes on for {0} bytes behind its value")]
    Trailing(usize),
    /// A batch's payloads do not fill it.
    #[error("the lengths in a batch do not add up")]
    Lengths,
    /// The stream failed.
    #[error("reading a frame: {0}")]
    Io(#[from] io::Error),
}

impl FrameError {
    /// Whether the stream has nothing now, and nothing is wrong.
    pub(crate) fn is_later(&self) -> bool {
        matches!(self, Self::Io(e) if e.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Appends the frame of `value` to `bytes`.
pub fn append<T: Serialize>(bytes: &mut Vec<u8>, value: &T) -> Result<(), FrameError> {
    let payload = postcard::to_stdvec(value)?;
    let length = payload.len();
    if length > PAYLOAD_LENGTH_MAX {
        return Err(FrameError::TooLong { length });
    }
    bytes.extend((length as u32).to_le_bytes());
    bytes.extend(crc32fast::hash(&payload).to_le_bytes());
    bytes.extend(payload);
    Ok(())
}

/// Begins a batch in `frame`, whatever it held before.
pub(crate) fn begin_batch(frame: &mut Vec<u8>) {
    frame.clear();
    frame.extend([0; BATCH_HEADER_LENGTH]);
}

/// Appends a payload to a batch. It must fit a frame.
pub(crate) fn add_to_batch(frame: &mut Vec<u8>, payload: &[u8]) {
    frame.extend((payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(payload);
}

/// Makes a batch ready to travel. It may be sealed again with another number.
pub(crate) fn seal_batch(frame: &mut [u8], sequence: u64) {
    let length = (frame.len() - HEADER_LENGTH) as u32;
    frame[HEADER_LENGTH..BATCH_HEADER_LENGTH].copy_from_slice(&sequence.to_le_bytes());
    let checksum = crc32fast::hash(&frame[HEADER_LENGTH..]);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..HEADER_LENGTH].copy_from_slice(&checksum.to_le_bytes());
}

/// Payloads that came together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The sequence number of the first.
    pub sequence: u64,
    /// How many there are.
    pub count: u64,
    rest: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Reads what a frame holds.
    pub fn parse(body: &'a [u8]) -> Result<Self, FrameError> {
        let (&sequence, rest) = body.split_first_chunk().ok_or(FrameError::Lengths)?;
        let mut all = Payloads(rest);
        let count = all.by_ref().count() as u64;
        if !all.0.is_empty() {
            return Err(FrameError::Lengths);
        }
        Ok(Self { sequence: u64::from_le_bytes(sequence), count, rest })
    }

    /// The payloads, in order.
    pub fn payloads(&self) -> impl Iterator<Item = &'a [u8]> {
        Payloads(self.rest)
    }
}

/// Payloads behind their lengths. Where the lengths do not add up, something is left.
#[derive(Clone, Debug)]
pub struct Payloads<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Payloads<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.0.split_first_chunk()?;
        let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
        self.0 = rest;
        Some(payload)
    }
}

/// Frames from a stream, read in large pieces.
#[derive(Debug)]
pub struct Frames<R> {
    stream: R,
    buffer: Vec<u8>,
    /// What of the buffer is filled and not taken.
    begin: usize,
    end: usize,
}

impl<R: Read> Frames<R> {
    /// Frames from this stream.
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: vec![0; READ_LENGTH], begin: 0, end: 0 }
    }

    /// The stream.
    pub(crate) fn stream(&mut self) -> &mut R {
        &mut self.stream
    }

    /// What the next frame holds; `None` where the stream ends between two frames. Where the stream has nothing now
    /// ([`io::ErrorKind::WouldBlock`]) nothing is lost: the next call goes on.
    pub fn read(&mut self) -> Result<Option<&[u8]>, FrameError> {
        if !self.has(HEADER_LENGTH)? {
            return if self.begin == self.end { Ok(None) } else { Err(FrameError::Truncated) };
        }
        let mut header = [0; HEADER_LENGTH];
        header.copy_from_slice(&self.buffer[self.begin..self.begin + HEADER_LENGTH]);
        let [l0, l1, l2, l3, checksum @ ..] = header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > PAYLOAD_LENGTH_MAX {
            return Err(FrameError::TooLong { length });
        }
        if !self.has(HEADER_LENGTH + length)? {
            return Err(FrameError::Truncated);
        }
        let body = self.begin + HEADER_LENGTH..self.begin + HEADER_LENGTH + length;
        self.begin = body.end;
        let body = &self.buffer[body];
        if crc32fast::hash(body) != u32::from_le_bytes(checksum) {
            return Err(FrameError::Checksum);
        }
        Ok(Some(body))
    }

    /// Reads until so many bytes are there, or the stream ends. Whether they are.
    fn has(&mut self, length: usize) -> io::Result<bool> {
        while self.end - self.begin < length {
            if self.begin == self.end {
                (self.begin, self.end) = (0, 0);
                // A long frame took more for a while.
                if self.buffer.len() > READ_LENGTH {
                    self.buffer = vec![0; READ_LENGTH];
                }
            }
            if self.end == self.buffer.len() {
                if self.begin > 0 {
                    self.buffer.copy_within(self.begin..self.end, 0);
                    (self.begin, self.end) = (0, self.end - self.begin);
                } else {
                    // Twice what has arrived, whatever the length promises.
                    self.buffer.resize(self.buffer.len() * 2, 0);
                }
            }
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(more) => self.end += more,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
}

/// Reads the next value; `None` where the stream ends between two frames.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut header = [0; HEADER_LENGTH];
    match fill(stream, &mut header)? {
        0 => return Ok(None),
        HEADER_LENGTH => {}
        _ => return Err(FrameError::Truncated),
    }
    let [l0, l1, l2, l3, checksum @ ..] = header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > PAYLOAD_LENGTH_MAX {
        return Err(FrameError::TooLong { length });
    }
    let mut payload = Vec::new();
    if stream.take(length as u64).read_to_end(&mut payload)? < length {
        return Err(FrameError::Truncated);
    }
    if crc32fast::hash(&payload) != u32::from_le_bytes(checksum) {
        return Err(FrameError::Checksum);
    }
    value(&payload).map(Some)
}

/// The value that a frame holds.
pub fn value<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(body)? {
        (value, []) => Ok(value),
        (_, rest) => Err(FrameError::Trailing(rest.len())),
    }
}

/// Reads until `buffer` is full or the stream ends; how much it was.
fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
