//! How a segment and a batch look on the disk.
//!
//! ```text
//! segment: one sector with its header, then batches, each from a sector's first byte on
//! header:  magic (8) · version (4) · cluster (8) · process (4) · number (8) · salt (8) · length (8) · chain (4)
//!          · records before (8) · crc32 of these (4)
//! batch:   length of the payload (4) · chain (4) · crc32 of the payload (4) · crc32 of place and these (4) · payload
//! payload: 0 · incarnation (8), or 1 · records, each its length (4) and its bytes
//! ```
//! Integers are little-endian. *Chain* is the last checksum of the batch before, also across segments. The *place* of a
//! batch is its cluster, its process, the number and the salt of its segment, and its first byte there: what a segment
//! held in an earlier life, or what a record holds that looks like a batch, is valid nowhere.

use super::{Identity, RECORD_LENGTH_MAX, VERSION, WalError};
use std::path::Path;
use synod_model::ProcessId;

/// The unit in which a disk writes, and in which batches are placed: no write touches a sector of a durable batch.
pub(super) const SECTOR: usize = 512;
const MAGIC: [u8; 8] = *b"SYNODWAL";
const HEADER_LENGTH: usize = 64;
const BATCH_HEADER_LENGTH: usize = 16;
const START: u8 = 0;
const RECORDS: u8 = 1;
/// The longest payload of a batch.
const PAYLOAD_LENGTH_MAX: usize = RECORD_LENGTH_MAX + 5;
/// How much memory an empty batch has at most, in bytes.
const MEMORY_KEPT: usize = 1 << 20;

/// A number of bytes, in whole sectors.
pub(super) fn in_sectors(length: u64) -> u64 {
    length.next_multiple_of(SECTOR as u64)
}

/// Little-endian integers, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes")))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.bytes(8).map(|eight| u64::from_le_bytes(eight.try_into().expect("eight bytes")))
    }

    pub(super) fn identity(&mut self) -> Option<Identity> {
        Some(Identity { cluster: self.u64()?, process: ProcessId(self.u32()?) })
    }
}

/// Begins a header: magic, version, identity.
pub(super) fn preamble(magic: [u8; 8], identity: Identity) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(identity.cluster.to_le_bytes());
    bytes.extend(identity.process.0.to_le_bytes());
    bytes
}

/// Ends a header: the checksum of what is before it.
pub(super) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The fields of a header of `length` bytes behind its preamble, if the file is of this kind, sound, of this version,
/// and ours.
pub(super) fn check_header<'a>(
    path: &Path,
    content: &'a [u8],
    magic: [u8; 8],
    length: usize,
    expected: Identity,
) -> Result<Fields<'a>, WalError> {
    let damaged = || WalError::Header { path: path.to_owned() };
    let mut fields = Fields(content.get(..length).ok_or_else(damaged)?);
    let sum = crc32fast::hash(&content[..length - 4]);
    if fields.bytes(8) != Some(&magic) || Fields(&content[length - 4..]).u32() != Some(sum) {
        return Err(damaged());
    }
    let found = fields.u32().ok_or_else(damaged)?;
    if found != VERSION {
        return Err(WalError::Version { path: path.to_owned(), found });
    }
    let found = fields.identity().ok_or_else(damaged)?;
    if found != expected {
        return Err(WalError::Foreign { path: path.to_owned(), found, expected });
    }
    Ok(fields)
}

/// The first sector of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) identity: Identity,
    /// Which segment of the log it is, from 1 on.
    pub(super) number: u64,
    /// Chance: no one who chooses what is in a record can make it look like a batch.
    pub(super) salt: u64,
    /// How long the file is.
    pub(super) length: u64,
    /// The chain as the segment before left it.
    pub(super) chain: u32,
    /// How many records the segments before have.
    pub(super) records: u64,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = preamble(MAGIC, self.identity);
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.salt.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.chain.to_le_bytes());
        bytes.extend(self.records.to_le_bytes());
        let mut bytes = sealed(bytes);
        debug_assert_eq!(bytes.len(), HEADER_LENGTH);
        bytes.resize(SECTOR, 0);
        bytes
    }

    /// The header of the segment that is named as number `number`.
    pub(super) fn decode(
        path: &Path,
        content: &[u8],
        number: u64,
        expected: Identity,
    ) -> Result<Self, WalError> {
        let mut fields = check_header(path, content, MAGIC, HEADER_LENGTH, expected)?;
        let mut read = || {
            let (number, salt, length) = (fields.u64()?, fields.u64()?, fields.u64()?);
            let (chain, records) = (fields.u32()?, fields.u64()?);
            Some(Self { identity: expected, number, salt, length, chain, records })
        };
        let header = read().filter(|header| header.number == number);
        let header = header.ok_or_else(|| WalError::Header { path: path.to_owned() })?;
        let found = content.len() as u64;
        if found < header.length {
            return Err(WalError::Short { path: path.to_owned(), found, expected: header.length });
        }
        Ok(header)
    }

    /// The checksum of a batch's header, whose first three fields are `fields`, at `offset`.
    fn place(&self, offset: u64, fields: &[u8]) -> u32 {
        let mut place = [0; 36];
        place[..8].copy_from_slice(&self.identity.cluster.to_le_bytes());
        place[8..12].copy_from_slice(&self.identity.process.0.to_le_bytes());
        place[12..20].copy_from_slice(&self.number.to_le_bytes());
        place[20..28].copy_from_slice(&self.salt.to_le_bytes());
        place[28..].copy_from_slice(&offset.to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&place);
        hasher.update(fields);
        hasher.finalize()
    }
}

/// What is written at once, under one checksum: all of it is found again, or nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// The process starts for the time with this number.
    Start(u64),
    Records(Vec<Vec<u8>>),
}

/// A batch in the making: as it will be on the disk.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    records: u64,
}

impl Buffer {
    pub(super) fn records() -> Self {
        Self::begin(RECORDS)
    }

    pub(super) fn start(incarnation: u64) -> Self {
        let mut buffer = Self::begin(START);
        buffer.bytes.extend(incarnation.to_le_bytes());
        buffer
    }

    fn begin(kind: u8) -> Self {
        let mut bytes = vec![0; BATCH_HEADER_LENGTH];
        bytes.push(kind);
        Self { bytes, records: 0 }
    }

    pub(super) fn push(&mut self, record: &[u8]) {
        let length = u32::try_from(record.len()).expect("longer ones are refused");
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(record);
        self.records += 1;
    }

    /// Whether records of so many bytes fit into it; into an empty one, a record of any length that is allowed does.
    pub(super) fn has_room(&self, records: usize, bytes: usize) -> bool {
        self.bytes.len() - BATCH_HEADER_LENGTH + 4 * records + bytes <= PAYLOAD_LENGTH_MAX
    }

    pub(super) fn count(&self) -> u64 {
        self.records
    }

    /// How many bytes it takes on the disk.
    pub(super) fn length(&self) -> u64 {
        in_sectors(self.bytes.len() as u64)
    }

    /// Makes it empty again, keeping as much memory as most batches take.
    pub(super) fn clear(&mut self) {
        self.bytes.truncate(BATCH_HEADER_LENGTH + 1);
        self.bytes.shrink_to(MEMORY_KEPT);
        self.records = 0;
    }

    /// The batch in its place, and the chain behind it.
    pub(super) fn seal(&mut self, segment: &Header, offset: u64, chain: u32) -> (&[u8], u32) {
        let (header, payload) = self.bytes.split_at_mut(BATCH_HEADER_LENGTH);
        let length = u32::try_from(payload.len()).expect("has_room keeps batches short");
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4..8].copy_from_slice(&chain.to_le_bytes());
        header[8..12].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        let place = segment.place(offset, &header[..12]);
        header[12..].copy_from_slice(&place.to_le_bytes());
        self.bytes.resize(in_sectors(self.bytes.len() as u64) as usize, 0);
        (&self.bytes, place)
    }
}

/// A batch as it was found.
pub(super) struct Found {
    pub(super) batch: Batch,
    /// The chain that it continues.
    pub(super) chain: u32,
    /// The chain behind it.
    pub(super) next_chain: u32,
    /// Where the next one begins.
    pub(super) end: u64,
}

/// The header of a batch, if there is one for this place: the chain, the checksum of the payload, its own, and where
/// the payload ends.
fn batch_header(segment: &Header, content: &[u8], offset: usize) -> Option<(u32, u32, u32, usize)> {
    let header = content.get(offset..)?.get(..BATCH_HEADER_LENGTH)?;
    let mut fields = Fields(header);
    let (length, chain, payload) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let place = fields.u32()?;
    if length == 0 || segment.place(offset as u64, &header[..12]) != place {
        return None;
    }
    Some((chain, payload, place, (offset + BATCH_HEADER_LENGTH).checked_add(length as usize)?))
}

/// The valid batch at `offset`, if there is one.
pub(super) fn decode(segment: &Header, content: &[u8], offset: u64) -> Option<Found> {
    let offset = usize::try_from(offset).ok()?;
    let (chain, sum, next_chain, end) = batch_header(segment, content, offset)?;
    let payload = content.get(offset + BATCH_HEADER_LENGTH..end)?;
    if crc32fast::hash(payload) != sum {
        return None;
    }
    Some(Found { batch: batch(payload)?, chain, next_chain, end: in_sectors(end as u64) })
}

fn batch(payload: &[u8]) -> Option<Batch> {
    let mut fields = Fields(payload);
    match fields.bytes(1)?[0] {
        START => {
            let incarnation = fields.u64()?;
            // no other start could follow the last number
            (fields.0.is_empty() && incarnation != u64::MAX).then_some(Batch::Start(incarnation))
        }
        RECORDS => {
            let mut records = vec![];
            while !fields.0.is_empty() {
                let length = fields.u32()?;
                records.push(fields.bytes(length as usize)?.to_vec());
            }
            Some(Batch::Records(records))
        }
        _ => None,
    }
}

/// The first place from `offset` on that has a valid batch, whatever it continues.
pub(super) fn find(segment: &Header, content: &[u8], offset: u64) -> Option<u64> {
    (offset..content.len() as u64).step_by(SECTOR).find(|&later| decode(segment, content, later).is_some())
}

/// The number of bytes of the batch that began at `offset` and is not whole, if its first sector is there.
pub(super) fn torn(segment: &Header, content: &[u8], offset: u64) -> Option<u64> {
    let (.., end) = batch_header(segment, content, usize::try_from(offset).ok()?)?;
    Some(in_sectors(end as u64).min(content.len() as u64) - offset)
}
