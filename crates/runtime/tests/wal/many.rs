//! One log, many threads.

use super::scenario::{directory, open};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::wal::{Log, RECORD_LENGTH_MAX, Recovered, WalError};

/// So many threads write `(thread, number)`, each one after the other, until one is refused; what was acknowledged.
fn write_all(log: &Log, threads: u8, each: u8) -> BTreeMap<u64, (u8, u8)> {
    let acknowledged = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for thread in 0..threads {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for number in 0..each {
                    let Ok(place) = log.write(&[thread, number]) else { return };
                    assert_eq!(acknowledged.lock().unwrap().insert(place, (thread, number)), None);
                }
            });
        }
    });
    acknowledged.into_inner().unwrap()
}

fn pairs(recovered: &Recovered) -> Vec<(u8, u8)> {
    recovered.records.iter().map(|record| (record[0], record[1])).collect()
}

#[test]
fn what_threads_write_is_there_once_in_the_order_of_its_numbers() {
    let disk = MemoryDisk::new();
    let log = open(&disk).unwrap().0.share().unwrap();
    let acknowledged = write_all(&log, 8, 50);
    assert_eq!(acknowledged.len(), 400);
    let (_, recovered) = open(&disk.power_loss(0)).unwrap();
    let found = pairs(&recovered);
    assert_eq!(found.len(), 400);
    for (place, record) in acknowledged {
        assert_eq!(found[place as usize], record);
    }
}

#[test]
fn appends_that_wait_together_share_a_sync() {
    let disk = FaultyDisk::new(MemoryDisk::new(), u64::MAX, FaultKind::Error);
    let log = open(&disk).unwrap().0.share().unwrap();
    let before = disk.operations();
    let tickets: Vec<_> = (0..60_u8).map(|number| log.append(&[number]).unwrap()).collect();
    for (number, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.wait().unwrap(), number as u64);
    }
    assert_eq!(disk.operations() - before, 2, "one write and one sync");
}

#[test]
fn a_log_that_was_written_by_one_goes_on_for_many() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    wal.append(b"first").unwrap();
    let log = wal.share().unwrap();
    assert_eq!(log.write(b"second").unwrap(), 1);
    assert_eq!(log.append_together(&[b"third", b"fourth"]).unwrap().wait().unwrap(), 3);
    let (_, recovered) = open(&disk.power_loss(0)).unwrap();
    assert_eq!(recovered.records, [&b"first"[..], b"second", b"third", b"fourth"]);
}

#[test]
fn when_the_disk_fails_nobody_is_told_that_a_record_is_durable_and_nobody_waits_for_ever() {
    let mut struck = 0;
    for at in (20..260).step_by(3) {
        for kind in [FaultKind::Error, FaultKind::Torn(100), FaultKind::Full] {
            let memory = MemoryDisk::new();
            let disk = FaultyDisk::new(memory.clone(), at, kind);
            let Ok((wal, _)) = open(&disk) else { continue };
            let log = wal.share().unwrap();
            let acknowledged = write_all(&log, 4, 40);
            if acknowledged.len() < 160 {
                struck += 1;
                assert!(matches!(log.write(b"x"), Err(WalError::Failed { .. })));
            }
            let (_, recovered) = open(&memory.power_loss(0)).unwrap();
            let found = pairs(&recovered);
            for (place, record) in acknowledged {
                assert_eq!(found[place as usize], record, "{kind:?} at {at}");
            }
        }
    }
    assert!(struck > 20, "{struck}");
}

#[test]
fn a_snapshot_of_a_shared_log_stands_for_the_records_that_it_was_told_of() {
    let disk = MemoryDisk::new();
    let log = open(&disk).unwrap().0.share().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| write_all(&log, 3, 60));
        scope.spawn(|| {
            for _ in 0..20 {
                log.snapshot(|records| records.to_le_bytes().to_vec()).unwrap();
                thread::yield_now();
            }
        });
    });
    let (_, recovered) = open(&disk.power_loss(0)).unwrap();
    assert_eq!(recovered.snapshot.as_deref(), Some(&recovered.records_before.to_le_bytes()[..]));
    assert_eq!(recovered.records_before + recovered.records.len() as u64, 180);
    assert!(!disk.content(&directory().join("new")).is_some_and(|content| content.is_empty()));
}

#[test]
fn what_is_too_long_is_refused_and_what_no_longer_fits_into_a_batch_waits() {
    let disk = MemoryDisk::new();
    let log = open(&disk).unwrap().0.share().unwrap();
    let long = vec![1; RECORD_LENGTH_MAX];
    assert!(matches!(log.append_together(&[&long, b"x"]), Err(WalError::RecordTooLong { .. })));
    let first = log.append(&long).unwrap();
    // there is no room: the first becomes durable for it
    let second = log.append(b"x").unwrap();
    assert_eq!((first.wait().unwrap(), second.wait().unwrap()), (0, 1));
    assert_eq!(open(&disk.power_loss(0)).unwrap().1.records.len(), 2);
}
