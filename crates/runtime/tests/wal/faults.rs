//! Each fault at each operation of the story, and logs with a flaw that this must find.

use super::scenario::{self, RECORDS, Told, directory, open, tell};
use std::io;
use std::path::Path;
use std::sync::Arc;
use synod_runtime::disk::{Disk, DiskFile, Open};
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::wal::{Recovered, Wal, WalError};

/// A log, sound or not.
struct Tested {
    /// The disk that its writer sees.
    disk: fn(FaultyDisk<MemoryDisk>) -> Box<dyn Disk>,
    open: fn(&dyn Disk) -> Result<(Wal, Recovered), WalError>,
    told: Told,
}

const SOUND: Tested = Tested { disk: |disk| Box::new(disk), open, told: Told::InTurn };

fn operations() -> u64 {
    let disk = FaultyDisk::new(MemoryDisk::new(), u64::MAX, FaultKind::Error);
    let (acknowledged, error) = tell(&disk, Told::InTurn);
    assert_eq!((acknowledged, error.map(|e| e.to_string())), (RECORDS, None));
    disk.operations()
}

/// What was seen on the way, so that a sweep that meets nothing is noticed.
#[derive(Debug, Default)]
struct Seen {
    struck: usize,
    torn: usize,
    /// Logs that hold more than was acknowledged.
    more: usize,
}

impl Tested {
    /// Strikes the story once, and looks at what is left, as it is and after losses of power.
    fn strike(&self, at: u64, kind: FaultKind, seen: &mut Seen) -> Result<(), String> {
        let memory = MemoryDisk::new();
        let disk = (self.disk)(FaultyDisk::new(memory.clone(), at, kind));
        let (acknowledged, error) = tell(&*disk, self.told);
        let is_harmless = matches!(kind, FaultKind::Short(_));
        match &error {
            Some(WalError::Io { .. }) if !is_harmless => seen.struck += 1,
            None if is_harmless || acknowledged == RECORDS => {}
            Some(other) => return Err(format!("another error: {other}")),
            None => return Err("neither an error nor the whole story".to_owned()),
        }
        for disk in losses(&memory) {
            self.recover(&disk, acknowledged, seen)?;
        }
        // the process is killed, nothing more: what it wrote is there, durable or not
        self.recover(&memory, acknowledged, seen)
    }

    /// Opens what is left, goes on, and loses power: nothing that was read may be gone.
    fn recover(&self, disk: &MemoryDisk, acknowledged: usize, seen: &mut Seen) -> Result<(), String> {
        let (mut wal, recovered) = (self.open)(disk).map_err(|e| e.to_string())?;
        let found = scenario::check(&recovered, acknowledged)?;
        seen.torn += usize::from(recovered.torn.is_some());
        seen.more += usize::from(found > acknowledged);
        wal.append(&[99]).and_then(|()| wal.sync()).map_err(|e| e.to_string())?;
        let (_, again) = (self.open)(&disk.power_loss(0)).map_err(|e| format!("the second time: {e}"))?;
        let before = again.records_before as usize + again.records.len();
        if before != found + 1 || again.records.last() != Some(&vec![99]) {
            return Err(format!("{found} records were there, and one more; now {before}"));
        }
        Ok(())
    }

    /// Every kind of fault at every operation.
    fn sweep(&self, kinds: &[FaultKind]) -> Result<Seen, String> {
        let mut seen = Seen::default();
        for at in 0..operations() {
            for &kind in kinds {
                let outcome = self.strike(at, kind, &mut seen);
                outcome.map_err(|what| format!("{kind:?} at operation {at}: {what}"))?;
            }
        }
        Ok(seen)
    }
}

/// What may be there after a loss of power: nothing that was not durable; each prefix of the changed names; each subset
/// of up to six sectors; sectors as they were between two writes.
fn losses(memory: &MemoryDisk) -> impl Iterator<Item = MemoryDisk> + '_ {
    let names = memory.unsynced_names();
    let none = (0..=names).map(|kept| memory.power_loss_in_sectors(kept, |_| 0));
    let touched = {
        let mut touched = 0;
        drop(memory.power_loss_in_sectors(names, |_| {
            touched += 1;
            0
        }));
        touched
    };
    let subsets = (1..1_u64 << touched.min(6)).map(move |mask| {
        let mut sector = 0;
        memory.power_loss_in_sectors(names, |writes| {
            sector += 1;
            if mask >> (sector - 1) & 1 == 1 { writes } else { 0 }
        })
    });
    let between = (1..if touched > 0 { 5_u64 } else { 1 }).map(move |seed| {
        let mut random = seed;
        memory.power_loss_in_sectors(names, |writes| {
            // Xorshift (Marsaglia 2003)
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % (writes + 1)
        })
    });
    none.chain(subsets).chain(between)
}

const TORN: [FaultKind; 6] = [
    FaultKind::Torn(0),
    FaultKind::Torn(1),
    FaultKind::Torn(16),
    FaultKind::Torn(512),
    FaultKind::Torn(530),
    FaultKind::Torn(usize::MAX),
];

#[test]
fn after_a_power_loss_at_any_operation_recovery_reads_what_was_acknowledged() {
    let seen = SOUND.sweep(&TORN).unwrap();
    assert!(seen.struck > 400 && seen.torn > 50 && seen.more > 100, "{seen:?}");
}

#[test]
fn a_disk_that_is_full_or_read_only_or_failing_at_any_operation_is_an_error_and_loses_nothing() {
    let seen = SOUND.sweep(&[FaultKind::Full, FaultKind::ReadOnly, FaultKind::Error]).unwrap();
    assert!(seen.struck > 200, "{seen:?}");
}

/// Which operation is struck depends on how the two threads run: nothing that it may be does harm.
#[test]
fn a_snapshot_that_is_made_beside_loses_nothing_whatever_fails() {
    let beside = Tested { told: Told::Beside, ..SOUND };
    let seen = beside.sweep(&TORN).unwrap();
    assert!(seen.struck > 400 && seen.torn > 50 && seen.more > 100, "{seen:?}");
    let seen = beside.sweep(&[FaultKind::Full, FaultKind::ReadOnly, FaultKind::Error]).unwrap();
    assert!(seen.struck > 200, "{seen:?}");
}

#[test]
fn short_writes_are_carried_on() {
    let seen = SOUND.sweep(&[FaultKind::Short(0), FaultKind::Short(1), FaultKind::Short(600)]).unwrap();
    assert_eq!((seen.struck, seen.torn), (0, 0));
}

/// A disk whose files are not what they are on the one below.
struct Through {
    disk: Box<dyn Disk>,
    opened: Arc<Opened>,
}

/// What becomes of a file of this path.
type Opened = dyn Fn(&Path, Box<dyn DiskFile>) -> Box<dyn DiskFile> + Send + Sync;

/// The disk, with `opened` for each of its files.
pub(crate) fn through(
    disk: &dyn Disk,
    opened: impl Fn(&Path, Box<dyn DiskFile>) -> Box<dyn DiskFile> + Send + Sync + 'static,
) -> Box<dyn Disk> {
    Box::new(Through { disk: disk.handle(), opened: Arc::new(opened) })
}

impl Disk for Through {
    fn handle(&self) -> Box<dyn Disk> {
        Box::new(Self { disk: self.disk.handle(), opened: Arc::clone(&self.opened) })
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_directory(directory)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        Ok((self.opened)(path, self.disk.open(path, how)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }
}

/// A file that only says that it syncs, or forgets that it could not.
struct FlawedFile {
    file: Box<dyn DiskFile>,
    syncs: bool,
}

impl DiskFile for FlawedFile {
    fn lock(&mut self) -> io::Result<()> {
        self.file.lock()
    }

    fn length(&mut self) -> io::Result<u64> {
        self.file.length()
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.file.read()
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(offset, bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // once more, and then all seems well
        if self.syncs { self.file.sync().or_else(|_| self.file.sync()) } else { Ok(()) }
    }
}

fn flawed(disk: &dyn Disk, syncs: bool) -> Box<dyn Disk> {
    through(disk, move |_, file| Box::new(FlawedFile { file, syncs }))
}

/// A disk whose files only say that they sync.
pub(crate) fn not_syncing(disk: &dyn Disk) -> Box<dyn Disk> {
    flawed(disk, false)
}

#[test]
fn a_log_that_does_not_sync_is_found() {
    let twin = Tested { disk: |disk| flawed(&disk, false), ..SOUND };
    let what = twin.sweep(&TORN).unwrap_err();
    assert!(what.contains("acknowledged records are there") || what.contains("damaged"), "{what}");
}

#[test]
fn a_log_that_tries_a_failed_sync_again_is_found() {
    let twin = Tested { disk: |disk| flawed(&disk, true), ..SOUND };
    let what = twin.sweep(&[FaultKind::Error]).unwrap_err();
    assert!(what.contains("acknowledged records are there") || what.contains("damaged"), "{what}");
}

#[test]
fn a_log_that_writes_apart_what_belongs_together_is_found() {
    let twin = Tested { told: Told::InHalves, ..SOUND };
    let what = twin.sweep(&TORN).unwrap_err();
    assert!(what.contains("half a batch"), "{what}");
}

/// A log that cuts off whatever does not continue the chain.
fn cutting(disk: &dyn Disk) -> Result<(Wal, Recovered), WalError> {
    loop {
        match open(disk) {
            Err(WalError::Corrupt { path, offset, later, .. }) => {
                let lost = |_| WalError::Missing { path: path.clone() };
                let mut file = disk.open(&path, Open::Existing).map_err(lost)?;
                let rest = file.length().map_err(lost)? - offset;
                file.write_all_at(offset, &vec![0; rest as usize]).map_err(lost)?;
                if later != path {
                    disk.remove(&later).map_err(lost)?;
                }
            }
            opened => return opened,
        }
    }
}

/// What becomes of a log of which a bit has changed: each bit of a byte in three, of each file.
fn rot(open: fn(&dyn Disk) -> Result<(Wal, Recovered), WalError>) -> Result<(usize, usize), String> {
    let (mut refused, mut read) = (0, 0);
    let disk = MemoryDisk::new();
    assert!(tell(&disk, Told::InTurn).1.is_none());
    for name in disk.list(directory()).unwrap() {
        let path = directory().join(&name);
        let sound = disk.content(&path).unwrap();
        for byte in (0..sound.len()).step_by(3) {
            let mut damaged = sound.clone();
            damaged[byte] ^= 1 << (byte % 8);
            let disk = disk.power_loss(0);
            disk.replace(&path, &damaged);
            match open(&disk) {
                Err(WalError::Io { source, .. }) => return Err(source.to_string()),
                Err(_) => refused += 1,
                Ok((_, recovered)) => {
                    read += 1;
                    // the last batch alone cannot be told from one that never was
                    scenario::check(&recovered, RECORDS - scenario::LAST_BATCH)
                        .map_err(|what| format!("{name}, byte {byte}: {what}"))?;
                }
            }
        }
    }
    Ok((refused, read))
}

#[test]
fn a_changed_bit_anywhere_is_refused_or_costs_nothing_that_was_durable() {
    let (refused, read) = rot(open).unwrap();
    assert!(refused > 100 && read > 100, "{refused} refused, {read} read");
}

#[test]
fn a_log_that_cuts_off_a_corrupt_middle_is_found() {
    let what = rot(cutting).unwrap_err();
    assert!(what.contains("acknowledged records are there"), "{what}");
}
