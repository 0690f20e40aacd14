//! Damage that no crash makes: it is refused, and named.

use super::scenario::{RECORDS, Told, check, directory, open, tell};
use super::write;
use std::path::PathBuf;
use synod_runtime::disk::Disk;
use synod_runtime::fault::MemoryDisk;
use synod_runtime::wal::{WalError, segment_name};

/// What the story leaves: its segments, and its snapshots, by age.
fn told() -> (MemoryDisk, Vec<PathBuf>, Vec<PathBuf>) {
    let disk = MemoryDisk::new();
    assert!(tell(&disk, Told::InTurn).1.is_none());
    let names = disk.list(directory()).unwrap();
    let of = |prefix| {
        names.iter().filter(|name| name.starts_with(prefix)).map(|name| directory().join(name)).collect()
    };
    let (segments, snapshots) = (of("log."), of("snapshot."));
    (disk, segments, snapshots)
}

#[test]
fn a_damaged_batch_with_a_valid_one_behind_it_is_named() {
    let disk = MemoryDisk::new();
    write(&mut open(&disk).unwrap().0, &[b"a", b"b"]);
    let path = directory().join(segment_name(1));
    let mut content = disk.content(&path).unwrap();
    content[1024 + 20] ^= 1;
    disk.replace(&path, &content);
    match open(&disk) {
        Err(error @ WalError::Corrupt { offset: 1024, valid: 1536, .. }) => {
            assert!(error.to_string().contains("batch at byte 1024"), "{error}");
            assert!(error.hint().contains("replace it"));
        }
        other => panic!("{:?}", other.map(|(_, recovered)| recovered)),
    }
    // the same with nothing behind it is the end of the log
    content[1536..].fill(0);
    disk.replace(&path, &content);
    let (_, recovered) = open(&disk).unwrap();
    let torn = recovered.torn.unwrap();
    assert_eq!((recovered.records.len(), torn.offset, torn.length), (0, 1024, 512));
}

#[test]
fn a_damaged_last_batch_of_a_segment_is_noticed_by_the_next() {
    let disk = MemoryDisk::new();
    // a start and two batches fill the first segment
    write(&mut open(&disk).unwrap().0, &[b"a", b"b", b"c"]);
    let [first, second] = [1, 2].map(|number| directory().join(segment_name(number)));
    let mut content = disk.content(&first).unwrap();
    content[1536..].fill(0);
    disk.replace(&first, &content);
    match open(&disk) {
        Err(WalError::Corrupt { path, offset: 1536, later, valid: 0 }) => {
            assert_eq!((path, later), (first, second));
        }
        other => panic!("{:?}", other.map(|(_, recovered)| recovered)),
    }
}

#[test]
fn a_segment_that_is_missing_short_or_in_the_place_of_another_is_refused() {
    let (_, segments, snapshots) = told();
    let newest = snapshots[1].file_name().unwrap().to_str().unwrap()[9..25].parse().unwrap();
    let needed: Vec<_> =
        segments.iter().map(|segment| *segment >= directory().join(segment_name(newest))).collect();
    assert!(needed.iter().any(|needed| !needed) && needed[1..segments.len() - 1].contains(&true));
    for (at, segment) in segments.iter().enumerate() {
        let open =
            |disk: &MemoryDisk| open(disk).map(|(_, recovered)| check(&recovered, RECORDS - 4).unwrap());
        let (disk, _, _) = told();
        let content = disk.content(segment).unwrap();
        for length in [0, 1, 63, 64, 512, 2047] {
            disk.replace(segment, &content[..length]);
            match open(&disk.power_loss(0)) {
                Err(WalError::Header { .. } | WalError::Short { .. }) => assert!(needed[at]),
                outcome => assert!(!needed[at] && outcome.unwrap() == RECORDS),
            }
        }
        let (disk, _, _) = told();
        let other = disk.content(&segments[(at + 1) % segments.len()]).unwrap();
        disk.replace(segment, &other);
        match open(&disk) {
            Err(WalError::Header { .. }) => assert!(needed[at]),
            outcome => assert!(!needed[at] && outcome.unwrap() == RECORDS),
        }
        let (disk, _, _) = told();
        disk.remove(segment).unwrap();
        match open(&disk) {
            Err(WalError::Missing { path }) => assert!(needed[at] && path == *segment),
            // nobody knows that there was another last one
            outcome => assert!(!needed[at] && outcome.unwrap() == RECORDS || at + 1 == segments.len()),
        }
    }
}

#[test]
fn a_batch_in_another_place_is_not_valid() {
    let disk = MemoryDisk::new();
    write(&mut open(&disk).unwrap().0, &[b"a"]);
    let path = directory().join(segment_name(1));
    let mut content = disk.content(&path).unwrap();
    content.copy_within(512..1536, 1536 - 512);
    content.copy_within(1024..1536, 1536);
    disk.replace(&path, &content);
    // the batch was moved on by a sector: it is gone, and nothing is read twice
    assert!(open(&disk).unwrap().1.records.is_empty());
}

#[test]
fn what_a_record_holds_is_never_taken_for_a_batch() {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open(&disk).unwrap();
    write(&mut wal, &[b"a"]);
    let segment = disk.content(&directory().join(segment_name(1))).unwrap();
    // A record that is the log itself, in a batch that is torn: nothing in it may look like a batch behind the tear.
    write(&mut wal, &[&segment]);
    drop(wal);
    let path = directory().join(segment_name(2));
    let mut content = disk.content(&path).unwrap();
    content[512..1024].fill(0);
    disk.replace(&path, &content);
    assert_eq!(open(&disk).unwrap().1.records, [b"a"]);
}

#[test]
fn a_damaged_snapshot_costs_nothing_while_the_one_before_it_and_its_records_are_there() {
    let (disk, _, snapshots) = told();
    assert_eq!(snapshots.len(), 2);
    let sound = disk.content(&snapshots[1]).unwrap();
    for byte in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[byte] ^= 0x10;
        let disk = disk.power_loss(0);
        disk.replace(&snapshots[1], &damaged);
        let (mut wal, recovered) = open(&disk).unwrap();
        assert_eq!(check(&recovered, RECORDS), Ok(RECORDS), "byte {byte}");
        assert_eq!(recovered.damaged_snapshot.as_ref(), Some(&snapshots[1]));
        assert_eq!(disk.content(&snapshots[1]), None, "it must not be read again");
        // and the log goes on, with snapshots
        wal.snapshot(&(0..RECORDS as u8).collect::<Vec<_>>()).unwrap();
        wal.append(&[36; 2]).and_then(|()| wal.sync()).unwrap();
        drop(wal);
        let (_, recovered) = open(&disk.power_loss(0)).unwrap();
        assert_eq!((recovered.records_before, recovered.records.len()), (RECORDS as u64, 1));
    }
    for length in 0..sound.len() {
        let disk = disk.power_loss(0);
        disk.replace(&snapshots[1], &sound[..length]);
        assert_eq!(check(&open(&disk).unwrap().1, RECORDS), Ok(RECORDS));
    }
}

#[test]
fn without_the_records_a_damaged_snapshot_is_refused() {
    // both snapshots; then the newer one, with the older one's segments gone
    for damage_both in [true, false] {
        let (disk, segments, snapshots) = told();
        for snapshot in if damage_both { &snapshots[..] } else { &snapshots[1..] } {
            let mut content = disk.content(snapshot).unwrap();
            *content.last_mut().unwrap() ^= 1;
            disk.replace(snapshot, &content);
        }
        if !damage_both {
            disk.remove(&segments[0]).unwrap();
        }
        let error = open(&disk).map(|_| ()).unwrap_err();
        assert!(matches!(&error, WalError::Snapshot { path } if *path == snapshots[1]), "{error}");
        assert!(error.hint().contains("replace it"));
    }
}

#[test]
fn a_log_that_ends_before_its_damaged_snapshot_is_refused() {
    let (disk, segments, snapshots) = told();
    disk.replace(&snapshots[1], b"");
    // all segments behind the older snapshot's are gone: the log alone seems whole, and is not
    for segment in &segments[1..] {
        disk.remove(segment).unwrap();
    }
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, WalError::Snapshot { .. }), "{error}");
}
