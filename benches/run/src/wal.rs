//! The write-ahead log beside a bare file that is preallocated, written once, and synced once for all who write.
//!
//! `wal [--rounds R] [--seconds S] [--directory D] [--at-least F]`: fails if the log reaches less than F of its limit.
//!
//! A *writer* appends a record of 256 bytes, waits until it is durable, and appends the next. With perfect batching the
//! records of all writers are one write and one `fdatasync`. How writers run is a matter of its own: as tasks of one
//! thread, as in a node or in an asynchronous server, or as a thread each, which must be woken for each record. So each
//! way has its own limit: the bare file written by one thread, and the bare file written by one thread of many that
//! meet at a barrier. (The limit of one thread is printed beside the rate of many threads as well.)
//!
//! *Beside* is how a node has its log: one thread has all writers and appends for them, another writes and syncs the batch meanwhile
//! ([`Wal::begin_sync`]). Here nobody has anything to do meanwhile, so that it shows what the hand-over costs.
//!
//! The log is as a node has it: segments of 4 MiB, a snapshot after 8 MiB. It has been compacted before, so that it uses
//! its segments again; rotations and snapshots are part of what is measured. The sides take turns, and a share is the
//! median of the shares of the turns.

use super::median;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use synod_model::ProcessId;
use synod_runtime::disk::OsDisk;
use synod_runtime::wal::{Identity, Log, Wal};

const RECORD: [u8; 256] = [0x5a; 256];
const IDENTITY: Identity = Identity { cluster: 1, process: ProcessId(1) };
const FILE_LENGTH: u64 = 64 << 20;
const MIB: usize = 1 << 20;

struct Arguments {
    rounds: usize,
    span: Duration,
    directory: PathBuf,
    at_least: f64,
}

fn parse(given: &[String]) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        rounds: 15,
        span: Duration::from_millis(100),
        directory: std::env::temp_dir(),
        at_least: 0.8,
    };
    for pair in given.chunks(2) {
        let [key, value] = pair else { return Err(format!("{} wants a value", pair[0])) };
        let number = || value.parse::<f64>().map_err(|e| format!("{key} {value}: {e}"));
        match key.as_str() {
            "--rounds" => arguments.rounds = number()?.max(1.0) as usize,
            "--seconds" => arguments.span = Duration::from_secs_f64(number()?.clamp(0.01, 60.0)),
            "--directory" => arguments.directory = value.into(),
            "--at-least" => arguments.at_least = number()?,
            _ => return Err(format!("unknown: {key}")),
        }
    }
    Ok(arguments)
}

/// Whether the bar is met.
pub fn run(given: &[String]) -> Result<bool, String> {
    let Arguments { rounds, span, directory, at_least } = parse(given)?;
    let temporary = tempfile::tempdir_in(&directory).map_err(|e| e.to_string())?;
    let mut bare = Bare::create(temporary.path())?;
    let log = open(&temporary.path().join("log"))?.share().map_err(|e| e.to_string())?;
    let mut wal = open(&temporary.path().join("beside"))?;
    wal.write_beside(|| {}).map_err(|e| e.to_string())?;
    println!("256-byte records; {rounds} turns of {span:?} each, medians; appends a second");
    println!(
        "writers  one thread: bare      log  share   beside  share   threads: bare      log  share  of one thread's"
    );
    let mut is_met = true;
    for writers in [1, 8, 64] {
        let mut columns: [Vec<f64>; 9] = Default::default();
        for _ in 0..rounds {
            let limit = bare_tasks(&mut bare, writers, span)?;
            let tasks = log_tasks(&log, writers, span)?;
            let beside = log_beside(&mut wal, writers, span)?;
            let threads_limit = bare_threads(&mut bare, writers, span);
            let threads = log_threads(&log, writers, span);
            let of_limit = [tasks / limit, threads / threads_limit, threads / limit];
            let [of_tasks, of_threads, of_one] = of_limit;
            let of_beside = beside / limit;
            let row = [limit, tasks, of_tasks, beside, of_beside, threads_limit, threads, of_threads, of_one];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let [limit, tasks, share, beside, beside_share, threads_limit, threads, threads_share, of_one] =
            columns.map(|mut column| median(&mut column));
        println!(
            "{writers:>7} {limit:>17.0} {tasks:>8.0} {share:>6.2} {beside:>8.0} {beside_share:>6.2} \
             {threads_limit:>15.0} {threads:>8.0} {threads_share:>6.2} {of_one:>16.2}",
        );
        is_met &= share >= at_least && threads_share >= at_least;
    }
    println!("the bar, {at_least} of the limit: {}", if is_met { "met" } else { "missed" });
    Ok(is_met)
}

/// A log that has been compacted: its next segments are those that it had.
fn open(directory: &Path) -> Result<Wal, String> {
    let (mut wal, _) = Wal::open(&OsDisk, directory, IDENTITY).map_err(|e| e.to_string())?;
    for _ in 0..3 {
        while !wal.snapshot_due() {
            wal.append(&vec![1; MIB]).and_then(|()| wal.sync()).map_err(|e| e.to_string())?;
        }
        wal.snapshot(&wal.records().to_le_bytes()).map_err(|e| e.to_string())?;
    }
    Ok(wal)
}

fn snapshot_if_due(log: &Log) -> Result<(), String> {
    if log.snapshot_due() {
        log.snapshot(|records| records.to_le_bytes().to_vec()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// A file written full of zeros once, and then in a circle.
struct Bare {
    file: File,
    at: u64,
}

impl Bare {
    fn create(directory: &Path) -> Result<Self, String> {
        let create = || {
            let path = directory.join("bare");
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
            for at in (0..FILE_LENGTH).step_by(MIB) {
                file.write_all_at(&vec![0; MIB], at)?;
            }
            file.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(|e: std::io::Error| e.to_string())?;
        Ok(Self { file, at: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.at + bytes.len() as u64 > FILE_LENGTH {
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        self.file.sync_data()
    }
}

fn bare_tasks(bare: &mut Bare, writers: usize, span: Duration) -> Result<f64, String> {
    let batch = RECORD.repeat(writers);
    let (start, mut appends) = (Instant::now(), 0);
    while start.elapsed() < span {
        bare.write(&batch).map_err(|e| e.to_string())?;
        appends += writers;
    }
    Ok(appends as f64 / start.elapsed().as_secs_f64())
}

/// All append, then all wait: as an event loop does.
fn log_tasks(log: &Log, writers: usize, span: Duration) -> Result<f64, String> {
    let (start, mut appends) = (Instant::now(), 0);
    let mut tickets = Vec::with_capacity(writers);
    while start.elapsed() < span {
        for _ in 0..writers {
            tickets.push(log.append(&RECORD).map_err(|e| e.to_string())?);
        }
        for ticket in tickets.drain(..) {
            ticket.wait().map_err(|e| e.to_string())?;
        }
        snapshot_if_due(log)?;
        appends += writers;
    }
    Ok(appends as f64 / start.elapsed().as_secs_f64())
}

/// All append, and a thread writes it beside: as a node does.
fn log_beside(wal: &mut Wal, writers: usize, span: Duration) -> Result<f64, String> {
    let (start, mut appends) = (Instant::now(), 0);
    while start.elapsed() < span {
        for _ in 0..writers {
            wal.append(&RECORD).map_err(|e| e.to_string())?;
        }
        wal.begin_sync();
        wal.synced(true).map_err(|e| e.to_string())?;
        if wal.snapshot_due() {
            wal.snapshot(&wal.records().to_le_bytes()).map_err(|e| e.to_string())?;
        }
        appends += writers;
    }
    Ok(appends as f64 / start.elapsed().as_secs_f64())
}

/// Threads that meet, one of which writes what all of them have.
fn bare_threads(bare: &mut Bare, writers: usize, span: Duration) -> f64 {
    let (barrier, ends) = (Barrier::new(writers), AtomicBool::new(false));
    let shared = Mutex::new((bare, Vec::new()));
    let appends = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    shared.lock().expect("no panic").1.extend(RECORD);
                    if barrier.wait().is_leader() {
                        let (bare, batch) = &mut *shared.lock().expect("no panic");
                        bare.write(batch).expect("the disk works");
                        batch.clear();
                        ends.store(start.elapsed() > span, Ordering::Relaxed);
                    }
                    barrier.wait();
                    appends.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    appends.into_inner() as f64 / start.elapsed().as_secs_f64()
}

fn log_threads(log: &Log, writers: usize, span: Duration) -> f64 {
    let appends = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for writer in 0..writers {
            let (log, appends) = (log.clone(), &appends);
            scope.spawn(move || {
                while start.elapsed() < span {
                    log.write(&RECORD).expect("the disk works");
                    if writer == 0 {
                        snapshot_if_due(&log).expect("the disk works");
                    }
                    appends.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    appends.into_inner() as f64 / start.elapsed().as_secs_f64()
}
