//! Frames: how values travel over a byte stream.
//!
//! ```text
//! frame: length of the payload (4) · crc32 of the payload (4) · payload (postcard)
//! ```
//! Integers are little-endian. Whatever bytes arrive, reading gives a value or an error; and it takes no more memory
//! than what arrives.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read};
use thiserror::Error;

/// The longest payload, in bytes.
pub const PAYLOAD_LENGTH_MAX: usize = 16 << 20;
const HEADER_LENGTH: usize = 8;

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
    /// The stream failed.
    #[error("reading a frame: {0}")]
    Io(#[from] io::Error),
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
    match postcard::take_from_bytes(&payload)? {
        (value, []) => Ok(Some(value)),
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
