//! The write-ahead log: what it promises, under every fault that the file layer can inject, at every operation.

mod damage;
mod faults;
mod killed;
mod many;
mod scenario;
mod snapshots;

use scenario::{IDENTITY, directory, open};
use std::path::Path;
use synod_model::ProcessId;
use synod_runtime::disk::{Disk, OsDisk};
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::wal::{Identity, LOCK_NAME, RECORD_LENGTH_MAX, Wal, WalError, WalOptions, segment_name};

/// Appends each as a batch of its own.
fn write(wal: &mut Wal, records: &[&[u8]]) {
    for record in records {
        wal.append(record).unwrap();
        wal.sync().unwrap();
    }
}

#[test]
fn what_was_synced_is_read_again_and_each_start_counts() {
    let disk = MemoryDisk::new();
    let records: [&[u8]; 4] = [b"one", b"", &[7; 3000], b"last"];
    write(&mut open(&disk).unwrap().0, &records);
    for incarnation in 2..5 {
        for disk in [&disk.power_loss(0), &disk] {
            let (_, recovered) = open(disk).unwrap();
            assert_eq!(
                (&recovered.records[..], recovered.incarnation),
                (&records.map(<[u8]>::to_vec)[..], incarnation)
            );
            assert_eq!((recovered.torn, recovered.records_before), (None, 0));
        }
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
            wal.append(&[number]).unwrap();
        }
        assert_eq!(wal.pending(), usize::from(records));
        wal.sync().unwrap();
        assert_eq!(wal.pending(), 0);
        disk.operations() - before
    };
    assert_eq!((count(1), count(90)), (2, 2), "one write and one sync, however many records");
}

#[test]
fn a_segment_has_its_length_before_it_is_used_and_a_full_disk_does_not_stop_it() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    let length = disk.content(&directory().join(segment_name(1))).unwrap().len();
    write(&mut wal, &[b"a"]);
    drop(wal);
    // the second start takes a sector, and a third batch is in the space that the segment has
    let full = FaultyDisk::new(disk.clone(), 0, FaultKind::Full);
    assert!(matches!(open(&full), Err(WalError::Io { operation: "create", .. })), "the lock needs a name");
    let full = FaultyDisk::new(disk.clone(), 2, FaultKind::Full);
    let (mut wal, recovered) = open(&full).unwrap();
    assert_eq!(recovered.records, [b"a"]);
    let error = wal.append(&[1; 2000]).and_then(|()| wal.sync()).unwrap_err();
    assert!(matches!(error, WalError::Io { operation: "create", .. }), "{error}");
    assert!(error.hint().contains("space"), "{}", error.hint());
    assert_eq!(disk.content(&directory().join(segment_name(1))).unwrap().len(), length);
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
    assert!(matches!(wal.snapshot(b""), Err(WalError::Failed { .. })));
    assert!(matches!(wal.sync(), Err(WalError::Failed { .. })));
    assert_eq!(disk.operations(), before, "the disk was asked again");
}

#[test]
fn a_log_of_another_process_cluster_or_format_is_refused() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    write(&mut wal, &[b"a"]);
    let path = directory().join(segment_name(1));
    let sound = disk.content(&path).unwrap();
    let others = [Identity { cluster: 1, ..IDENTITY }, Identity { process: ProcessId(3), ..IDENTITY }];
    for other in others {
        assert!(matches!(Wal::open(&disk, directory(), other), Err(WalError::Foreign { .. })));
    }
    let mut content = sound.clone();
    content[8] = 9;
    let checksum = crc32fast::hash(&content[..60]);
    content[60..64].copy_from_slice(&checksum.to_le_bytes());
    disk.replace(&path, &content);
    assert!(matches!(open(&disk), Err(WalError::Version { found: 9, .. })));
    disk.replace(&path, &sound);
    wal.snapshot(b"a").unwrap();
    for other in others {
        assert!(matches!(Wal::open(&disk, directory(), other), Err(WalError::Foreign { .. })));
    }
    disk.replace(&directory().join("wal"), b"SYNODWAL");
    let error = open(&disk).map(drop).unwrap_err();
    assert!(matches!(error, WalError::Version { found: 1, .. }) && !error.hint().is_empty(), "{error}");
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_log_goes_on() {
    let (mut wal, _) = open(&MemoryDisk::new()).unwrap();
    let long = vec![0; RECORD_LENGTH_MAX + 1];
    assert!(matches!(wal.append(&long), Err(WalError::RecordTooLong { .. })));
    write(&mut wal, &[b"short"]);
}

#[test]
fn records_too_long_for_one_batch_take_several() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    let half = vec![7; RECORD_LENGTH_MAX / 2 + 1];
    for _ in 0..3 {
        wal.append(&half).unwrap();
    }
    assert_eq!(wal.pending(), 3);
    wal.sync().unwrap();
    assert_eq!((wal.pending(), wal.records()), (0, 3));
    assert!(open(&disk.power_loss(0)).unwrap().1.records == [&half[..]; 3]);
}

#[test]
fn on_the_machines_disk_a_second_node_is_kept_out_until_the_first_is_gone() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a").join("b");
    let options = WalOptions { segment_length: 8192, snapshot_after: 8192 };
    let open = || Wal::open_with(&OsDisk, &path, IDENTITY, options);
    let (mut wal, _) = open().unwrap();
    for number in 0..40_u8 {
        write(&mut wal, &[&[number; 700]]);
        if wal.snapshot_due() {
            wal.snapshot(&[number]).unwrap();
        }
    }
    assert!(matches!(open(), Err(WalError::InUse { .. })));
    drop(wal);
    let (_, recovered) = open().unwrap();
    assert_eq!(recovered.records_before + recovered.records.len() as u64, 40);
    assert_eq!(recovered.snapshot.unwrap()[0] + 1, recovered.records[0][0]);
    assert_eq!(recovered.incarnation, 2);
    let names = OsDisk.list(&path).unwrap();
    let count = |prefix| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert_eq!((count(LOCK_NAME), count("snapshot.")), (1, 2));
    assert!(count("log.") + count("spare.") < 12, "the log takes no more than a bounded space: {names:?}");
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_with_a_hint() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Wal::open(&OsDisk, &file.join("data"), IDENTITY).map(|_| ()).unwrap_err();
    assert!(matches!(error, WalError::Io { operation: "create", .. }), "{error}");
    assert!(!error.hint().is_empty());
    assert!(Wal::open(&OsDisk, Path::new("/proc/data"), IDENTITY).is_err());
}
