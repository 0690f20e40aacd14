//! The write-ahead log under every fault that the file layer can inject, at every operation.

use std::path::Path;
use synod_model::ProcessId;
use synod_runtime::disk::{Disk, OsDisk};
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::wal::{Identity, LOG_NAME, RECORD_LENGTH_MAX, Recovered, TornTail, Wal, WalError};

const IDENTITY: Identity = Identity { cluster: 0xC1, process: ProcessId(2) };

fn directory() -> &'static Path {
    Path::new("data/p2")
}

fn open(disk: &dyn Disk) -> Result<(Wal, Recovered), WalError> {
    Wal::open(disk, directory(), IDENTITY)
}

fn record(number: u8) -> Vec<u8> {
    vec![number; usize::from(number % 5)]
}

/// Three batches of records; what was acknowledged as durable before the first error.
fn write_three_batches(disk: &dyn Disk) -> (Vec<Vec<u8>>, Option<WalError>) {
    let mut durable = vec![];
    let outcome = (|| {
        let (mut wal, _) = open(disk)?;
        for batch in [0..3, 3..4, 4..9] {
            for number in batch.clone() {
                wal.append(&record(number))?;
            }
            wal.sync()?;
            durable.extend(batch.map(record));
        }
        Ok(())
    })();
    (durable, outcome.err())
}

fn all_records() -> Vec<Vec<u8>> {
    (0..9).map(record).collect()
}

fn operations() -> u64 {
    let disk = FaultyDisk::new(MemoryDisk::new(), u64::MAX, FaultKind::Error);
    assert!(write_three_batches(&disk).1.is_none());
    disk.operations()
}

#[test]
fn what_was_synced_is_read_again_and_each_start_counts() {
    let disk = MemoryDisk::new();
    write_three_batches(&disk);
    for incarnation in 2..5 {
        let after_power_loss = open(&disk.power_loss(0)).unwrap().1;
        assert_eq!((after_power_loss.records, after_power_loss.incarnation), (all_records(), incarnation));
        let (_, recovered) = open(&disk).unwrap();
        assert_eq!((recovered.records, recovered.incarnation), (all_records(), incarnation));
    }
}

#[test]
fn an_incarnation_is_durable_before_anything_else_is() {
    let disk = MemoryDisk::new();
    let (wal, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.incarnation, 1);
    drop(wal);
    assert_eq!(open(&disk.power_loss(0)).unwrap().1.incarnation, 2);
}

#[test]
fn many_appends_share_one_sync() {
    let count = |records: u8| {
        let disk = FaultyDisk::new(MemoryDisk::new(), u64::MAX, FaultKind::Error);
        let (mut wal, _) = open(&disk).unwrap();
        let before = disk.operations();
        for number in 0..records {
            wal.append(&record(number)).unwrap();
        }
        assert_eq!(wal.pending(), usize::from(records));
        wal.sync().unwrap();
        assert_eq!(wal.pending(), 0);
        disk.operations() - before
    };
    assert_eq!((count(1), count(100)), (2, 2), "one write and one sync, however many records");
}

#[test]
fn what_was_not_synced_is_not_written() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    wal.append(b"lost").unwrap();
    drop(wal);
    assert!(open(&disk).unwrap().1.records.is_empty());
}

#[test]
fn after_a_power_loss_at_any_operation_recovery_reads_what_was_acknowledged() {
    let mut torn_tails = 0;
    for at in 0..operations() {
        for arrive in 0..40 {
            let memory = MemoryDisk::new();
            let (durable, error) =
                write_three_batches(&FaultyDisk::new(memory.clone(), at, FaultKind::Torn(arrive)));
            assert!(error.is_some(), "operation {at} failed and nobody noticed");
            // the bytes that arrived are in the file or in its cache: any part of them may survive
            for kept in [0, 1, 8, 13, arrive, usize::MAX] {
                let (mut wal, recovered) = open(&memory.power_loss(kept)).unwrap();
                torn_tails += usize::from(recovered.torn.is_some());
                assert!(
                    recovered.records.starts_with(&durable),
                    "operation {at}: an acknowledged record is lost"
                );
                assert!(
                    all_records().starts_with(&recovered.records),
                    "operation {at}: a record is invented"
                );
                wal.append(b"next").unwrap();
                wal.sync().unwrap();
            }
        }
    }
    assert!(torn_tails > 100, "only {torn_tails} torn tails were seen");
}

#[test]
fn a_disk_that_is_full_or_read_only_or_failing_at_any_operation_is_an_error_and_loses_nothing() {
    for kind in [FaultKind::Full, FaultKind::ReadOnly, FaultKind::Error] {
        let mut struck = 0;
        for at in 0..operations() {
            let memory = MemoryDisk::new();
            let (durable, error) = write_three_batches(&FaultyDisk::new(memory.clone(), at, kind));
            struck += u32::from(error.is_some());
            if let Some(error) = error {
                assert!(matches!(error, WalError::Io { .. }), "{error}");
                assert!(!error.hint().is_empty());
            } else {
                assert_eq!(durable, all_records(), "{kind:?} at {at}: neither an error nor the whole job");
            }
            let (_, recovered) = open(&memory).unwrap();
            assert!(recovered.records.starts_with(&durable));
            assert!(all_records().starts_with(&recovered.records));
        }
        assert!(struck > 8, "{kind:?} struck {struck} times only");
    }
}

#[test]
fn short_writes_are_carried_on() {
    for at in 0..operations() {
        for taken in 0..4 {
            let disk = FaultyDisk::new(MemoryDisk::new(), at, FaultKind::Short(taken));
            assert!(write_three_batches(&disk).1.is_none());
            assert_eq!(open(&disk).unwrap().1.records, all_records());
        }
    }
}

#[test]
fn after_a_failed_sync_none_is_tried_again() {
    let plain = FaultyDisk::new(MemoryDisk::new(), u64::MAX, FaultKind::Error);
    drop(open(&plain).unwrap());
    let sync = plain.operations() + 1; // the batch's write comes first
    let disk = FaultyDisk::new(MemoryDisk::new(), sync, FaultKind::Error);
    let (mut wal, _) = open(&disk).unwrap();
    wal.append(b"a").unwrap();
    assert!(matches!(wal.sync(), Err(WalError::Io { operation: "sync", .. })));
    wal.append(b"b").unwrap();
    let before = disk.operations();
    assert!(matches!(wal.sync(), Err(WalError::Failed { .. })));
    assert!(matches!(wal.sync(), Err(WalError::Failed { .. })));
    assert_eq!(disk.operations(), before, "the disk was asked again");
}

fn log_path() -> std::path::PathBuf {
    directory().join(LOG_NAME)
}

/// The log of three batches, on its disk.
fn written() -> (MemoryDisk, Vec<u8>) {
    let disk = MemoryDisk::new();
    assert!(write_three_batches(&disk).1.is_none());
    let content = disk.content(&log_path()).unwrap();
    (disk, content)
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_cut_off_as_the_last_batch() {
    let (disk, content) = written();
    let (mut refused, mut torn) = (0, 0);
    for byte in 0..content.len() {
        for bit in 0..8 {
            let mut damaged = content.clone();
            damaged[byte] ^= 1 << bit;
            disk.replace(&log_path(), &damaged);
            match open(&disk) {
                Err(WalError::Corrupt { offset, valid, .. }) => {
                    assert!(offset <= byte && byte < valid, "byte {byte}: said to be in {offset}..{valid}");
                    refused += 1;
                }
                Err(WalError::Header { .. }) => assert!(byte < 28),
                Err(error) => panic!("byte {byte}: {error}"),
                Ok((_, recovered)) => {
                    let TornTail { offset, length } = recovered.torn.expect("damage went unnoticed");
                    assert_eq!(offset + length, content.len());
                    assert_eq!(recovered.records, all_records()[..4], "only the last batch may go");
                    torn += 1;
                }
            }
        }
    }
    assert!(refused > 0 && torn > 0);
}

#[test]
fn a_log_cut_anywhere_keeps_its_whole_batches() {
    let (disk, content) = written();
    for length in 28..content.len() {
        disk.replace(&log_path(), &content[..length]);
        let (_, recovered) = open(&disk).unwrap();
        assert!([0, 3, 4, 9].contains(&recovered.records.len()));
        assert!(all_records().starts_with(&recovered.records));
    }
    for length in 0..28 {
        disk.replace(&log_path(), &content[..length]);
        assert!(matches!(open(&disk), Err(WalError::Header { .. })));
    }
}

#[test]
fn a_batch_in_another_place_is_not_valid() {
    let (disk, content) = written();
    let mut doubled = content.clone();
    doubled.extend(&content[28..]);
    disk.replace(&log_path(), &doubled);
    let (_, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.records, all_records(), "old batches were read a second time");
    assert_eq!(recovered.torn.map(|torn| torn.offset), Some(content.len()));
}

#[test]
fn a_log_of_another_process_cluster_or_version_is_refused() {
    let (disk, mut content) = written();
    for other in [Identity { cluster: 1, ..IDENTITY }, Identity { process: ProcessId(3), ..IDENTITY }] {
        assert!(matches!(Wal::open(&disk, directory(), other), Err(WalError::Foreign { .. })));
    }
    content[8] = 9;
    let checksum = crc32fast::hash(&content[..24]);
    content[24..28].copy_from_slice(&checksum.to_le_bytes());
    disk.replace(&log_path(), &content);
    assert!(matches!(open(&disk), Err(WalError::Version { found: 9, .. })));
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_log_goes_on() {
    let (mut wal, _) = open(&MemoryDisk::new()).unwrap();
    let long = vec![0; RECORD_LENGTH_MAX + 1];
    assert!(matches!(wal.append(&long), Err(WalError::RecordTooLong { .. })));
    wal.append(b"short").unwrap();
    wal.sync().unwrap();
}

#[test]
fn records_too_long_for_one_batch_take_several() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    let half = vec![7; RECORD_LENGTH_MAX / 2 + 1];
    for _ in 0..3 {
        wal.append(&half).unwrap();
    }
    wal.sync().unwrap();
    assert_eq!(open(&disk.power_loss(0)).unwrap().1.records, vec![half; 3]);
}

#[test]
fn on_the_machines_disk_a_second_node_is_kept_out_until_the_first_is_gone() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a").join("b");
    let (mut wal, _) = Wal::open(&OsDisk, &path, IDENTITY).unwrap();
    wal.append(b"x").unwrap();
    wal.sync().unwrap();
    assert!(matches!(Wal::open(&OsDisk, &path, IDENTITY), Err(WalError::InUse { .. })));
    drop(wal);
    let (_, recovered) = Wal::open(&OsDisk, &path, IDENTITY).unwrap();
    assert_eq!((recovered.records, recovered.incarnation), (vec![b"x".to_vec()], 2));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_with_a_hint() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Wal::open(&OsDisk, &file.join("data"), IDENTITY).map(|_| ()).unwrap_err();
    assert!(matches!(error, WalError::Io { operation: "create", .. }), "{error}");
    assert!(!error.hint().is_empty());
}
