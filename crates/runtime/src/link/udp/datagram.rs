//! What a datagram is, as bytes.
//!
//! ```text
//! datagram: magic "SUD" · version (1) · cluster (8) · from (4) · to (4) · incarnation (8) · heard (8) · sequence (8) · records · trailer
//! record:   length and kind (2) · bytes
//! trailer:  authentication code (16), or crc32 (4) of all before it where there are no keys
//! ```
//! Integers are little-endian. `incarnation` is the sender's, `heard` the receiver's as the sender has heard of it, 0 before it
//! has. A record is a message or, by the highest bit of its length, a piece of one; a length of 0 is padding up to the trailer.

use super::mac::{Code, MacKey};
use synod_model::ProcessId;
use thiserror::Error;

/// The longest datagram, in bytes: below what Ethernet carries in one frame, also behind IPv6 and a tunnel's header.
pub const DATAGRAM_LENGTH: usize = 1400;
const MAGIC: [u8; 4] = *b"SUD\x01";
const HEADER_LENGTH: usize = 44;
/// The longest record's bytes.
pub const RECORD_LENGTH_MAX: usize = DATAGRAM_LENGTH - HEADER_LENGTH - Code::LENGTH - 2;
const PIECE: u16 = 1 << 15;

/// Who speaks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cluster.
    pub cluster: u64,
    /// The sender.
    pub from: ProcessId,
    /// The receiver.
    pub to: ProcessId,
    /// The sender's incarnation.
    pub incarnation: u64,
    /// The receiver's, as the sender has heard of it; 0 before it has.
    pub heard: u64,
    /// The number of the datagram among those of this incarnation to this receiver.
    pub sequence: u64,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// A piece of one.
    Piece(&'a [u8]),
}

/// Why bytes are no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Nonsense {
    /// They do not follow the format, or were damaged.
    #[error("it is no datagram of these links, or a damaged one")]
    Malformed,
    /// More than [`DATAGRAM_LENGTH`].
    #[error("it is longer than the {DATAGRAM_LENGTH} bytes of a datagram")]
    Oversized,
    /// The authentication code is not that of its sender.
    #[error("its authentication code is not that of its sender")]
    Forged,
}

/// Datagrams being written for one receiver, one behind the other; all but the last of [`DATAGRAM_LENGTH`] bytes.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where the datagram that is not sealed begins.
    open: Option<usize>,
}

impl Writer {
    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the datagram that is open has room for such a record; without one there is.
    pub fn has_room(&self, record: Record<'_>) -> bool {
        let (Record::Message(bytes) | Record::Piece(bytes)) = record;
        let used = self.open.map_or(HEADER_LENGTH, |from| self.bytes.len() - from);
        used + 2 + bytes.len() + Code::LENGTH <= DATAGRAM_LENGTH
    }

    /// Whether a datagram is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Begins a datagram.
    pub fn open(&mut self, header: Header) {
        self.open = Some(self.bytes.len());
        self.bytes.extend(MAGIC);
        self.bytes.extend(header.cluster.to_le_bytes());
        self.bytes.extend(header.from.0.to_le_bytes());
        self.bytes.extend(header.to.0.to_le_bytes());
        for number in [header.incarnation, header.heard, header.sequence] {
            self.bytes.extend(number.to_le_bytes());
        }
    }

    /// Appends a record to the datagram that is open, which has room for it.
    pub fn record(&mut self, record: Record<'_>) {
        let (bytes, kind) = match record {
            Record::Message(bytes) => (bytes, 0),
            Record::Piece(bytes) => (bytes, PIECE),
        };
        debug_assert!(self.has_room(record) && self.is_open() && !bytes.is_empty(), "a record fits");
        self.bytes.extend((bytes.len() as u16 | kind).to_le_bytes());
        self.bytes.extend(bytes);
    }

    /// Ends the datagram that is open: padded if another is to follow.
    pub fn seal(&mut self, key: Option<&MacKey>, pad: bool) {
        let Some(from) = self.open.take() else { return };
        if pad {
            let trailer = key.map_or(4, |_| Code::LENGTH);
            self.bytes.resize(from + DATAGRAM_LENGTH - trailer, 0);
        }
        let datagram = &self.bytes[from..];
        if let Some(key) = key {
            let code = key.code(datagram);
            self.bytes.extend(code.0);
        } else {
            let checksum = crc32fast::hash(datagram);
            self.bytes.extend(checksum.to_le_bytes());
        }
    }

    /// The sealed datagrams.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was sent.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.open = None;
    }
}

/// What a datagram says, if it is one: its header, and its records. `key` gives the key that its sender shares, if there are keys.
pub fn read<'a, 'k>(
    bytes: &'a [u8],
    keyed: bool,
    key: impl FnOnce(&Header) -> Option<&'k MacKey>,
) -> Result<(Header, Records<'a>), Nonsense> {
    if bytes.len() > DATAGRAM_LENGTH {
        return Err(Nonsense::Oversized);
    }
    let trailer = if keyed { Code::LENGTH } else { 4 };
    let (content, trailer) =
        bytes.split_at_checked(bytes.len().wrapping_sub(trailer)).ok_or(Nonsense::Malformed)?;
    let (header, records) = content.split_at_checked(HEADER_LENGTH).ok_or(Nonsense::Malformed)?;
    if header[..4] != MAGIC {
        return Err(Nonsense::Malformed);
    }
    let word = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let process = |at: usize| ProcessId(word(at) as u32);
    let header = Header {
        cluster: word(4),
        from: process(12),
        to: process(16),
        incarnation: word(20),
        heard: word(28),
        sequence: word(36),
    };
    if keyed {
        let key = key(&header).ok_or(Nonsense::Forged)?;
        if !key.verify(content, trailer) {
            return Err(Nonsense::Forged);
        }
    } else if crc32fast::hash(content).to_le_bytes() != trailer {
        return Err(Nonsense::Malformed);
    }
    Ok((header, Records(records)))
}

/// The records of a datagram. An error ends them.
#[derive(Clone, Debug)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Nonsense>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.0);
        let Some((&length, rest)) = rest.split_first_chunk() else {
            return (!rest.is_empty() && rest != [0]).then_some(Err(Nonsense::Malformed));
        };
        let length = u16::from_le_bytes(length);
        if length == 0 {
            return rest.iter().any(|&padding| padding != 0).then_some(Err(Nonsense::Malformed));
        }
        let Some((record, rest)) = rest.split_at_checked((length & !PIECE) as usize) else {
            return Some(Err(Nonsense::Malformed));
        };
        if record.is_empty() {
            return Some(Err(Nonsense::Malformed));
        }
        self.0 = rest;
        Some(Ok(if length & PIECE == 0 { Record::Message(record) } else { Record::Piece(record) }))
    }
}
