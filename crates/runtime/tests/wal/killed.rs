//! An OS process that writes to a log on the machine's disk, and is killed while it does.
//!
//! This test program is the writer too: with [`WRITER`] set it writes to the directory that it names until it dies, and
//! says what is durable; with [`READER`] it says whether all of that is there. `ci/power-cut.sh` uses both.

use super::faults::not_syncing;
use super::scenario::IDENTITY;
use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use synod_runtime::disk::{Disk, OsDisk};
use synod_runtime::wal::{Recovered, Wal, WalError, WalOptions};

/// In the environment of a writer: the directory of its log.
const WRITER: &str = "SYNOD_WAL_WRITER";
/// In the environment of a writer: that its log is to have a flaw, and does not sync.
const FLAWED: &str = "SYNOD_WAL_FLAWED";
/// In the environment of a reader: the directory of the log.
const READER: &str = "SYNOD_WAL_READER";
/// In the environment of a reader: the last number that a writer said.
const SAID: &str = "SYNOD_WAL_SAID";

/// So small that a second of writing rotates, snapshots and compacts many times.
const OPTIONS: WalOptions = WalOptions { segment_length: 16 << 10, snapshot_after: 48 << 10 };

/// Batches are pairs: a number, and the same again. What stands for all of them is the last number.
fn last(recovered: &Recovered) -> Result<u64, String> {
    let number = |bytes: &[u8]| {
        bytes
            .get(..8)
            .map(|eight| u64::from_le_bytes(eight.try_into().expect("eight bytes")))
            .ok_or("no number")
    };
    let mut last = recovered.snapshot.as_deref().map_or(Ok(0), number)?;
    if !recovered.records.len().is_multiple_of(2) {
        return Err(format!("half a batch: {} records", recovered.records.len()));
    }
    for pair in recovered.records.chunks(2) {
        let (first, second) = (number(&pair[0])?, number(&pair[1])?);
        if (first, second) != (last + 1, last + 1) {
            return Err(format!("after {last} comes a pair ({first}, {second})"));
        }
        last = first;
    }
    Ok(last)
}

fn open(disk: &dyn Disk, directory: &Path) -> Result<(Wal, Recovered), WalError> {
    Wal::open_with(disk, directory, IDENTITY, OPTIONS)
}

/// Writes pairs until `until`, and says the number of each one that is durable.
fn write(disk: &dyn Disk, directory: &Path, until: u64, mut say: impl FnMut(u64)) -> Result<(), String> {
    let (mut wal, recovered) = open(disk, directory).map_err(|e| e.to_string())?;
    let mut number = last(&recovered)?;
    while number < until {
        number += 1;
        let mut record = number.to_le_bytes().to_vec();
        record.resize(8 + (number % 700) as usize, 7);
        let mut pair = || {
            wal.append(&record)?;
            wal.append(&record)?;
            wal.sync()
        };
        pair().map_err(|e| e.to_string())?;
        say(number);
        if wal.snapshot_due() {
            wal.snapshot(&number.to_le_bytes()).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

#[test]
fn writer() {
    let Ok(directory) = env::var(WRITER) else {
        let temporary = tempfile::tempdir().unwrap();
        let mut said = 0;
        write(&OsDisk, temporary.path(), 100, |number| said = number).unwrap();
        assert_eq!(said, 100);
        return;
    };
    let mut out = std::io::stderr();
    let disk = if env::var(FLAWED).is_ok() { not_syncing(&OsDisk) } else { OsDisk.handle() };
    let told = write(&*disk, Path::new(&directory), u64::MAX, |number| {
        // one write: half a line would say another number
        out.write_all(format!("durable {number}\n").as_bytes()).unwrap();
    });
    panic!("{}", told.unwrap_err());
}

#[test]
fn reader() {
    let Ok(directory) = env::var(READER) else {
        let temporary = tempfile::tempdir().unwrap();
        write(&OsDisk, temporary.path(), 30, |_| ()).unwrap();
        assert_eq!(last(&open(&OsDisk, temporary.path()).unwrap().1), Ok(30));
        return;
    };
    let said: u64 = env::var(SAID).unwrap().parse().unwrap();
    let recovered = open(&OsDisk, Path::new(&directory)).unwrap_or_else(|e| panic!("{e}")).1;
    let last = last(&recovered).unwrap();
    assert!(last >= said, "{said} was durable; the log ends with {last}");
    let told = format!("incarnation {}: {last} are there, {said} were said", recovered.incarnation);
    writeln!(std::io::stderr(), "{told}").unwrap();
}

#[test]
fn a_writer_that_is_killed_again_and_again_loses_nothing_that_it_said() {
    const KILLS: u64 = 12;
    let temporary = tempfile::tempdir().unwrap();
    let mut said = 0;
    let mut incarnations = BTreeMap::new();
    for round in 1..=KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "killed::writer", "--nocapture"])
            .env(WRITER, temporary.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, told) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listener = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(number) = line.strip_prefix("durable ") else { continue };
                let _ = tell.send(number.parse::<u64>().unwrap());
            }
        });
        // each lives for some writes: a different number each time, so that it dies in different places
        let death = told.recv().expect("it writes") + round * 7 % 40;
        while told.recv().expect("it writes on") < death {}
        child.kill().unwrap();
        child.wait().unwrap();
        listener.join().unwrap();
        said = told.try_iter().last().unwrap_or(death).max(death);
        let (_, recovered) = open(&OsDisk, temporary.path()).unwrap();
        let there = last(&recovered).unwrap();
        assert!(there >= said, "round {round}: {said} was said, {there} is there");
        incarnations.insert(recovered.incarnation, there);
    }
    assert!(said > KILLS * 10);
    assert!(incarnations.keys().copied().eq((1..=KILLS).map(|round| 2 * round)));
}
