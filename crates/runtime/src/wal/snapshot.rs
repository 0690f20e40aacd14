//! A snapshot: a file of its own, with what stands for all records before a place in the log.
//!
//! ```text
//! magic (8) · version (4) · cluster (8) · process (4) · segment (8) · offset (8) · chain (4) · records before (8)
//! · incarnation (8) · length (8) · crc32 of the bytes (4) · crc32 of these (4) · the bytes
//! ```
//! It is written under another name, synced, and renamed: a file that has a snapshot's name was whole once.

use super::format::{check_header, preamble, sealed};
use super::{Identity, WalError};
use std::path::Path;

const MAGIC: [u8; 8] = *b"SYNODSNP";
const HEADER_LENGTH: usize = 76;
/// More than there can be of records or starts.
const COUNT_MAX: u64 = 1 << 62;

/// A place between two batches of a log, and what is known there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the segment.
    pub(super) segment: u64,
    /// The first byte of the batch that comes next.
    pub(super) offset: u64,
    /// The chain behind the batch before.
    pub(super) chain: u32,
    /// How many records are before.
    pub(super) records: u64,
    /// The last start before.
    pub(super) incarnation: u64,
}

impl Place {
    /// Where it is, for comparisons.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    /// The name of the file with the snapshot of this place.
    pub(super) fn snapshot_name(&self) -> String {
        format!("{PREFIX}{:016}.{:016}", self.segment, self.offset)
    }
}

const PREFIX: &str = "snapshot.";

/// Which place a file is a snapshot of, by its name.
pub(super) fn position_of(name: &str) -> Option<(u64, u64)> {
    let (segment, offset) = name.strip_prefix(PREFIX)?.split_once('.')?;
    Some((segment.parse().ok()?, offset.parse().ok()?))
}

pub(super) fn encode(identity: Identity, place: &Place, bytes: &[u8]) -> Vec<u8> {
    let mut header = preamble(MAGIC, identity);
    header.extend(place.segment.to_le_bytes());
    header.extend(place.offset.to_le_bytes());
    header.extend(place.chain.to_le_bytes());
    header.extend(place.records.to_le_bytes());
    header.extend(place.incarnation.to_le_bytes());
    header.extend((bytes.len() as u64).to_le_bytes());
    header.extend(crc32fast::hash(bytes).to_le_bytes());
    let mut snapshot = sealed(header);
    debug_assert_eq!(snapshot.len(), HEADER_LENGTH);
    snapshot.extend(bytes);
    snapshot
}

/// What a file says that is named as the snapshot of `position`. Damage is [`WalError::Header`] or
/// [`WalError::Snapshot`].
pub(super) fn decode(
    path: &Path,
    mut content: Vec<u8>,
    position: (u64, u64),
    expected: Identity,
) -> Result<(Place, Vec<u8>), WalError> {
    let damaged = || WalError::Snapshot { path: path.to_owned() };
    let mut fields = check_header(path, &content, MAGIC, HEADER_LENGTH, expected)?;
    let mut read = || {
        let (segment, offset, chain) = (fields.u64()?, fields.u64()?, fields.u32()?);
        let place = Place { segment, offset, chain, records: fields.u64()?, incarnation: fields.u64()? };
        Some((place, fields.u64()?, fields.u32()?))
    };
    let (place, length, sum) = read().ok_or_else(damaged)?;
    let bytes = content.split_off(HEADER_LENGTH);
    let whole = bytes.len() as u64 == length && crc32fast::hash(&bytes) == sum;
    if !whole || place.position() != position || place.records.max(place.incarnation) > COUNT_MAX {
        return Err(damaged());
    }
    Ok((place, bytes))
}
