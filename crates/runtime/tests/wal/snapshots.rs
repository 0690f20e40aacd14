//! Snapshots stand for what is before them, and the log does not grow.

use super::faults::through;
use super::scenario::{OPTIONS, directory, open};
use super::write;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;
use synod_runtime::disk::Disk;
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::wal::{Wal, WalError};

fn files(disk: &dyn Disk, prefix: &str) -> usize {
    disk.list(directory()).unwrap().iter().filter(|name| name.starts_with(prefix)).count()
}

#[test]
fn recovery_is_the_snapshot_and_the_records_behind_it() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    write(&mut wal, &[b"a", b"b"]);
    wal.append(b"c").unwrap();
    wal.snapshot(b"ab").unwrap();
    wal.sync().unwrap();
    let (mut wal, recovered) = open(&disk.power_loss(0)).unwrap();
    assert_eq!((recovered.snapshot.as_deref(), recovered.records_before), (Some(&b"ab"[..]), 2));
    assert_eq!((recovered.records, recovered.incarnation, wal.records()), (vec![b"c".to_vec()], 2, 3));
    wal.snapshot(b"abc").unwrap();
    wal.snapshot(b"abc").unwrap();
    drop(wal);
    let (_, recovered) = open(&disk.power_loss(0)).unwrap();
    assert_eq!(recovered.records_before, 2, "another disk");
}

#[test]
fn a_log_goes_on_while_a_snapshot_is_made() {
    let memory = MemoryDisk::new();
    let (begun, begins) = mpsc::channel();
    let (go_on, gate) = mpsc::channel();
    let gate = Mutex::new(gate);
    let disk = through(&memory, move |path, file| {
        if path.ends_with("new-snapshot") {
            begun.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
        }
        file
    });
    let (mut wal, _) = open(&*disk).unwrap();
    write(&mut wal, &[b"a", b"b"]);
    wal.begin_snapshot(b"ab".to_vec()).unwrap();
    begins.recv().unwrap();
    // it is not even written yet; the log rotates meanwhile, and a loss of power costs none of it
    for number in 0..10_u8 {
        write(&mut wal, &[&[number; 600]]);
    }
    assert!(!wal.snapshot_made(false).unwrap());
    assert!(!wal.snapshot_due(), "one after the other");
    let (_, recovered) = open(&memory.power_loss(0)).unwrap();
    assert_eq!((recovered.snapshot, recovered.records.len()), (None, 12));
    go_on.send(()).unwrap();
    assert!(wal.snapshot_made(true).unwrap());
    assert!(wal.snapshot_due(), "what was written meanwhile counts");
    let (_, recovered) = open(&memory.power_loss(0)).unwrap();
    assert_eq!((recovered.snapshot.as_deref(), recovered.records_before), (Some(&b"ab"[..]), 2));
    assert_eq!(recovered.records.len(), 10);
}

#[test]
fn a_snapshot_waits_for_the_one_before_it() {
    let memory = MemoryDisk::new();
    let (enter, entered) = mpsc::channel();
    let (go_on, gate) = mpsc::channel();
    let (gate, below) = (Mutex::new(gate), memory.clone());
    let disk = through(&memory, move |path, file| {
        if path.ends_with("new-snapshot") {
            enter.send(files(&below, "snapshot.")).unwrap();
            gate.lock().unwrap().recv().unwrap();
        }
        file
    });
    let (mut wal, _) = open(&*disk).unwrap();
    write(&mut wal, &[b"a"]);
    wal.begin_snapshot(b"a".to_vec()).unwrap();
    assert_eq!(entered.recv(), Ok(0));
    write(&mut wal, &[b"b"]);
    let releases = thread::spawn(move || {
        // long enough for one that does not wait; one that waits does so for this
        let early = entered.recv_timeout(Duration::from_millis(100));
        (0..2).for_each(|_| go_on.send(()).unwrap());
        early.or_else(|_| entered.recv())
    });
    wal.snapshot(b"ab").unwrap();
    assert_eq!(releases.join().unwrap(), Ok(1), "the first one is there");
    let (_, recovered) = open(&memory.power_loss(0)).unwrap();
    assert_eq!((recovered.snapshot.as_deref(), recovered.records_before), (Some(&b"ab"[..]), 2));
}

#[test]
fn a_snapshot_that_fails_is_told_and_final() {
    let begin = |at: u64| {
        let disk = FaultyDisk::new(MemoryDisk::new(), at, FaultKind::Error);
        let (mut wal, _) = open(&disk).unwrap();
        write(&mut wal, &[b"a"]);
        let operations = disk.operations();
        wal.begin_snapshot(b"a".to_vec()).unwrap();
        while disk.operations() == operations {
            thread::yield_now();
        }
        (wal, operations)
    };
    let (mut wal, operations) = begin(u64::MAX);
    assert!(wal.snapshot_made(true).unwrap());
    let (mut asked, _) = begin(operations);
    assert!(matches!(asked.snapshot_made(true), Err(WalError::Io { operation: "create", .. })));
    asked.append(b"b").unwrap();
    assert!(matches!(asked.sync(), Err(WalError::Failed { .. })));
    // whoever does not ask is told by the next sync that finds the log failed
    let (mut unasked, _) = begin(operations);
    let error = (0..).find_map(|_| unasked.append(b"b").and_then(|()| unasked.sync()).err()).unwrap();
    assert!(matches!(error, WalError::Io { operation: "create", .. }), "{error}");
}

#[test]
fn a_snapshot_is_due_when_the_log_has_grown_by_as_much_as_it_is_told() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    let batches_until_due = |wal: &mut Wal| {
        let mut batches = 0;
        while !wal.snapshot_due() {
            write(wal, &[b"a"]);
            batches += 1;
        }
        batches
    };
    // the start is a batch too
    assert_eq!(batches_until_due(&mut wal), OPTIONS.snapshot_after / 512);
    wal.snapshot(b"small").unwrap();
    assert_eq!(batches_until_due(&mut wal), OPTIONS.snapshot_after / 512 + 1);
    wal.snapshot(&[0; 10 * 512]).unwrap();
    assert_eq!(batches_until_due(&mut wal), 11, "no more is written for snapshots than for the log");
    drop(wal);
    let (mut wal, _) = open(&disk).unwrap();
    assert!(wal.snapshot_due(), "what was read counts");
    wal.snapshot(b"").unwrap();
    assert!(!wal.snapshot_due());
}

#[test]
fn a_log_that_is_compacted_uses_its_segments_again_and_does_not_grow() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    let mut most = 0;
    let mut highest = 0;
    for round in 0..50_u8 {
        for _ in 0..10 {
            write(&mut wal, &[&[round; 600]]);
        }
        wal.snapshot(&[round]).unwrap();
        let names = disk.list(directory()).unwrap();
        if round > 3 {
            most = most.max(names.len());
        } else {
            highest = highest.max(names.len());
        }
    }
    assert!(most <= highest + 8, "{most} files, {highest} at first");
    assert_eq!(files(&disk, "snapshot."), 2);
    assert!(files(&disk, "spare.") > 0);
    let (_, recovered) = open(&disk.power_loss(0)).unwrap();
    assert_eq!(
        (recovered.snapshot, recovered.records_before, recovered.records.len()),
        (Some(vec![49]), 500, 0)
    );
}

#[test]
fn a_segment_used_again_is_not_written_full_of_zeros_again() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    for round in 0..3_u8 {
        for _ in 0..6 {
            write(&mut wal, &[&[round; 1200]]);
        }
        wal.snapshot(&[round]).unwrap();
    }
    drop(wal);
    let spares = files(&disk, "spare.");
    // where there is no space for a new one
    let full = FaultyDisk::new(disk.clone(), 2, FaultKind::Full);
    assert!(open(&full).is_err(), "renaming is said to need space");
    let (mut wal, _) = open(&disk).unwrap();
    write(&mut wal, &[&[9; 300]]);
    assert!(files(&disk, "spare.") < spares);
    // what the segment held in its earlier life is behind the batch, and is nobody's
    let newest = disk.list(directory()).unwrap().into_iter().rfind(|name| name.starts_with("log."));
    let content = disk.content(&directory().join(newest.unwrap())).unwrap();
    assert!(content[1536..].iter().any(|&byte| byte != 0));
    let (_, recovered) = open(&disk.power_loss(0)).unwrap();
    assert_eq!(recovered.records, [[9; 300]]);
    assert_eq!(recovered.torn, None);
}

#[test]
fn spares_of_another_length_are_given_up() {
    let disk = MemoryDisk::new();
    drop(open(&disk).unwrap());
    let spare = Path::new("data/p2").join("spare.0000000000000009");
    disk.replace(&spare, &[1; 100]);
    drop(open(&disk).unwrap());
    assert_eq!(disk.content(&spare), None);
}
