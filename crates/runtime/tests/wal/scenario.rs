//! A story that takes a log through all that it does: batches, rotations, a batch longer than a segment, a restart,
//! snapshots, compaction, segments used again. Its records are numbered; a snapshot is the list of their numbers.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use synod_model::ProcessId;
use synod_runtime::disk::Disk;
use synod_runtime::wal::{Identity, Recovered, Wal, WalError, WalOptions};

pub(crate) const IDENTITY: Identity = Identity { cluster: 0xC1, process: ProcessId(2) };

/// Three sectors for batches in a segment.
pub(crate) const OPTIONS: WalOptions = WalOptions { segment_length: 2048, snapshot_after: 2048 };

pub(crate) fn directory() -> &'static Path {
    Path::new("data/p2")
}

pub(crate) fn open(disk: &dyn Disk) -> Result<(Wal, Recovered), WalError> {
    Wal::open_with(disk, directory(), IDENTITY, OPTIONS)
}

enum Step {
    Batch(Range<u8>),
    Snapshot,
    Restart,
}

const STEPS: [Step; 22] = [
    Step::Batch(0..3),
    Step::Batch(3..4),
    Step::Batch(4..9),
    Step::Snapshot,
    Step::Batch(9..12),
    Step::Restart,
    Step::Batch(12..13),
    Step::Snapshot,
    Step::Batch(13..15),
    Step::Batch(15..19),
    Step::Batch(19..20),
    Step::Snapshot,
    Step::Batch(20..22),
    Step::Restart,
    Step::Batch(22..24),
    Step::Snapshot,
    Step::Batch(24..26),
    Step::Batch(26..27),
    Step::Batch(27..30),
    Step::Batch(30..32),
    Step::Batch(32..34),
    Step::Batch(34..36),
];

/// How many records the story writes.
pub(crate) const RECORDS: usize = 36;
/// How many of them are in its last batch.
pub(crate) const LAST_BATCH: usize = 2;

/// Records 15 to 18 take five sectors, two of a later batch take two.
pub(crate) fn record(number: u8) -> Vec<u8> {
    let length = match number {
        15..19 => 500,
        28 | 33 => 300,
        _ => 1 + usize::from(number % 5),
    };
    vec![number; length]
}

/// How many records there may be at all: what is between two of these is half a batch.
fn boundaries() -> BTreeSet<usize> {
    STEPS
        .iter()
        .filter_map(|step| if let Step::Batch(batch) = step { Some(batch.start.into()) } else { None })
        .chain([RECORDS])
        .collect()
}

/// How a story goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// One thing after the other.
    InTurn,
    /// What belongs together is written apart.
    InHalves,
    /// Snapshots are made by a thread, while it goes on.
    Beside,
}

/// Tells the story; how many records were acknowledged, and what ended it before its time.
pub(crate) fn tell(disk: &dyn Disk, how: Told) -> (usize, Option<WalError>) {
    let mut acknowledged = 0;
    let mut told = || {
        let (mut wal, _) = open(disk)?;
        for step in STEPS {
            match step {
                Step::Batch(batch) => {
                    let end = batch.end;
                    for number in batch {
                        wal.append(&record(number))?;
                        if how == Told::InHalves {
                            wal.sync()?;
                        }
                    }
                    wal.sync()?;
                    acknowledged = end.into();
                }
                Step::Snapshot if how == Told::Beside => {
                    wal.snapshot_made(true)?;
                    wal.begin_snapshot((0..acknowledged as u8).collect())?;
                }
                Step::Snapshot => wal.snapshot(&(0..acknowledged as u8).collect::<Vec<_>>())?,
                Step::Restart => {
                    wal.snapshot_made(true)?;
                    drop(wal);
                    wal = open(disk)?.0;
                }
            }
        }
        wal.snapshot_made(true).map(drop)
    };
    let error = told().err();
    (acknowledged, error)
}

/// The numbers of the records that a log holds.
pub(crate) fn numbers(recovered: &Recovered) -> Result<Vec<u8>, String> {
    let mut numbers = recovered.snapshot.clone().unwrap_or_default();
    if numbers.len() as u64 != recovered.records_before {
        return Err(format!("a snapshot of {} stands for {}", numbers.len(), recovered.records_before));
    }
    for found in &recovered.records {
        let number = *found.first().ok_or("an empty record")?;
        if *found != record(number) {
            return Err(format!("record {number} is changed"));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

/// Whether a log holds the beginning of the story, whole batches of it, and all that was acknowledged.
pub(crate) fn check(recovered: &Recovered, acknowledged: usize) -> Result<usize, String> {
    let numbers = numbers(recovered)?;
    if !numbers.iter().copied().eq(0..numbers.len() as u8) {
        return Err(format!("not the beginning of the story: {numbers:?}"));
    }
    if numbers.len() < acknowledged {
        return Err(format!("{} of {acknowledged} acknowledged records are there", numbers.len()));
    }
    if !boundaries().contains(&numbers.len()) {
        return Err(format!("half a batch: {} records", numbers.len()));
    }
    Ok(numbers.len())
}
