//! Files with the results of campaigns: written line by line, gone on with where the last whole line ended, read back.

use crate::error::Error;
use serde::Serialize;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use synod_kernel::trace::digest;
use synod_sim::Record;
use synod_sim::results::{Header, Mixed, Seeds, Stopped, Summary, merge};
use tempfile::NamedTempFile;

/// How many files are read at a time.
const ABREAST: usize = 128;

/// A digest of this binary: a seed means the same in the same binary alone.
pub(crate) fn binary() -> Result<String, Error> {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    match std::fs::read(&path) {
        Ok(bytes) => Ok(digest(&bytes)),
        Err(source) => Err(Error::Unreadable { path, source }),
    }
}

/// A digest of what decides what runs do.
pub(crate) fn settings(world: &impl std::fmt::Debug, options: &impl std::fmt::Debug) -> String {
    digest(format!("{world:?} {options:?}").as_bytes())
}

/// Creates a directory, and those that lead there.
pub(crate) fn create(directory: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(directory)
        .map_err(|source| Error::Unwritable { path: directory.to_owned(), source })
}

fn damaged(path: &Path, what: impl Into<String>) -> Error {
    Error::Results {
        path: path.to_owned(),
        what: what.into(),
        hint: "remove it, and its runs are made again".to_owned(),
    }
}

fn foreign(path: &Path, mixed: &Mixed) -> Error {
    Error::Results {
        path: path.to_owned(),
        what: mixed.to_string(),
        hint: match mixed {
            Mixed::Binaries(..) => "take the binary that began it, or another --out",
            Mixed::Algorithms(..) | Mixed::Settings(..) | Mixed::Runs(_) => {
                "take another --out, or the command that began it"
            }
        }
        .to_owned(),
    }
}

/// A file with results that grows by a line a run.
pub(crate) struct Writing {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Writing {
    /// Begins the file, or goes on with it: a torn last line is cut off, `earlier` is told of the runs that are there, whose
    /// seeds follow each other from `first` on. The second value is the seed to go on with. A file that holds something
    /// else is left as it is.
    pub(crate) fn open(
        path: &Path,
        header: &Header,
        first: u64,
        earlier: &mut dyn FnMut(Record),
    ) -> Result<(Self, u64), Error> {
        let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            create(parent)?;
        }
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(unwritable)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Results {
                    path: path.to_owned(),
                    what: "another process writes to it".to_owned(),
                    hint: "wait for it, or take another --out".to_owned(),
                });
            }
            // where files cannot be locked, nobody is kept away
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let whole = whole_lines(&file).map_err(unwritable)?;
        let mut next = first;
        if whole > 0 {
            file.seek(SeekFrom::Start(0)).map_err(unwritable)?;
            let mut lines = lines(path, std::io::Read::take(&file, whole));
            let found = lines.next().transpose()?.unwrap_or_default();
            Header::parse(&found)
                .map_err(|what| Error::Results {
                    path: path.to_owned(),
                    what,
                    hint: "take another --out: this file is left as it is".to_owned(),
                })?
                .same(header)
                .map_err(|mixed| foreign(path, &mixed))?;
            for line in lines {
                let record = Record::parse(&line?).map_err(|what| damaged(path, what))?;
                if record.seed != next {
                    let what = format!("it has seed {} where {next} follows", record.seed);
                    return Err(damaged(path, what));
                }
                next += 1;
                earlier(record);
            }
        }
        // a file without one whole line is nobody's
        file.set_len(whole).map_err(unwritable)?;
        let mut writing = Self { file: BufWriter::new(file), path: path.to_owned() };
        if whole == 0 {
            writing.line(&header.line())?;
        }
        Ok((writing, next))
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Error> {
        let Self { file, path } = self;
        writeln!(file, "{line}").map_err(|source| Error::Unwritable { path: path.clone(), source })
    }

    /// All of it is on the disk.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { file, path } = self;
        let finished =
            file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|f| f.sync_all());
        finished.map_err(|source| Error::Unwritable { path, source })
    }
}

/// How many bytes of a file are whole lines. A torn line is short: it is looked for from the end.
fn whole_lines(mut file: &File) -> std::io::Result<u64> {
    const BLOCK: u64 = 1 << 16;
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        std::io::Read::read_exact(&mut file, &mut block)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn lines<R: std::io::Read>(path: &Path, file: R) -> impl Iterator<Item = Result<String, Error>> + use<R> {
    let path = path.to_owned();
    BufReader::new(file)
        .lines()
        .map(move |line| line.map_err(|source| Error::Unreadable { path: path.clone(), source }))
}

/// Makes a Parquet file of a file with results.
#[cfg(feature = "parquet")]
pub(crate) fn as_parquet(from: &Path, to: &Path) -> Result<(), Error> {
    let file = File::open(from).map_err(|source| Error::Unreadable { path: from.to_owned(), source })?;
    let names = synod_sim::FaultKind::ALL.iter().map(|kind| serde_json::to_value(kind).expect("a name"));
    let faults: Vec<_> = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    write_whole(to, |out| {
        let mut failed = None;
        let mut runs =
            lines(from, file).skip(1).map_while(|line| line.map_err(|error| failed = Some(error)).ok());
        let written = synod_columns::write(out, &faults, &mut runs);
        failed.map_or(Ok(()), Err)?;
        written
            .map_err(|error| Error::Unwritable { path: to.to_owned(), source: std::io::Error::other(error) })
    })
}

/// The header of a file with results, and its further lines.
fn open(path: &Path) -> Result<(Header, impl Iterator<Item = Result<String, Error>> + use<>), Error> {
    let file = File::open(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    let mut lines = lines(path, file);
    let header =
        Header::parse(&lines.next().transpose()?.unwrap_or_default()).map_err(|what| damaged(path, what))?;
    Ok((header, lines))
}

/// The files with results in these directories; those that are files are taken as they are.
pub(crate) fn files(places: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for place in places {
        let unreadable = |source| Error::Unreadable { path: place.clone(), source };
        if place.is_file() {
            files.push(place.clone());
            continue;
        }
        for entry in std::fs::read_dir(place).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(SHARD) && path.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// What the names of shards begin with.
const SHARD: &str = "seeds-";

/// The file with the results of these seeds.
pub(crate) fn shard(directory: &Path, seeds: Seeds) -> PathBuf {
    let end = seeds.end.map_or_else(String::new, |end| end.to_string());
    directory.join(format!("{SHARD}{}-{end}.jsonl", seeds.start))
}

/// The file while it is written.
pub(crate) fn unfinished(shard: &Path) -> PathBuf {
    shard.with_extension("jsonl.part")
}

/// The trace of a run, beside the results.
pub(crate) fn trace(directory: &Path, seed: u64) -> PathBuf {
    directory.join(format!("seed-{seed}.trace.jsonl"))
}

/// A file that is there as a whole or not at all.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Error>,
) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = BufWriter::new(NamedTempFile::new_in(parent).map_err(unwritable)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// What files come to together.
#[derive(Debug, Serialize)]
pub(crate) struct Together {
    pub(crate) header: Header,
    pub(crate) summary: Summary,
}

/// Reads files as one. `write` gets the lines.
fn read(files: &[PathBuf], write: &mut dyn FnMut(&str) -> Result<(), Error>) -> Result<Together, Error> {
    let mut sources = Vec::new();
    for file in files {
        let (header, lines) = open(file)?;
        if let Some((first, _)) = sources.first() {
            Header::same(first, &header).map_err(|mixed| Error::Results {
                path: file.clone(),
                what: format!("not of one campaign with {}: {mixed}", files[0].display()),
                hint: "merge what one binary made with the same settings".to_owned(),
            })?;
        }
        sources.push((header, lines));
    }
    let (header, summary) = merge(sources, write).map_err(|stopped| match stopped {
        Stopped::Failed(error) => error,
        Stopped::Damaged(file, line) => damaged(&files[file], format!("line {} is none of its", line + 2)),
        Stopped::Mixed(Mixed::Runs(seed)) => {
            Error::TwoRuns { seed, files: files.iter().map(|file| file.display().to_string()).collect() }
        }
        Stopped::Mixed(mixed) => foreign(&files[0], &mixed),
    })?;
    Ok(Together { header, summary })
}

/// What these files come to together; at most so many of them are open at a time as `scratch` makes do with.
pub(crate) fn together(files: &[PathBuf]) -> Result<Together, Error> {
    in_groups(files, &mut |_| Ok(()))
}

/// Merges files into one, which may be one of them.
pub(crate) fn merge_into(path: &Path, files: &[PathBuf]) -> Result<Together, Error> {
    let mut together = None;
    write_whole(path, |out| {
        together = Some(in_groups(files, &mut |line| {
            writeln!(out, "{line}").map_err(|source| Error::Unwritable { path: path.to_owned(), source })
        })?);
        Ok(())
    })?;
    Ok(together.expect("it was written"))
}

/// Merges a few files at a time, and what that gives, until few are left.
fn in_groups(files: &[PathBuf], write: &mut dyn FnMut(&str) -> Result<(), Error>) -> Result<Together, Error> {
    if files.len() <= ABREAST {
        return read(files, write);
    }
    let scratch =
        tempfile::tempdir().map_err(|source| Error::Unwritable { path: std::env::temp_dir(), source })?;
    let mut merged = Vec::new();
    for (number, group) in files.chunks(ABREAST).enumerate() {
        let path = scratch.path().join(format!("{number}.jsonl"));
        merge_into(&path, group)?;
        merged.push(path);
    }
    in_groups(&merged, write)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let text = |text: &str| text.to_owned();
        Header::new(text("a"), text("b"), text("s"), text("a --n 3"), Seeds::of(3, 9))
    }

    fn record(seed: u64) -> String {
        let outcome = r#""violation":null,"owed":[],"due":true,"reached":[],"delivered":1,"steps":2,"ended":"quiescent","time":{"secs":0,"nanos":1},"faults":{},"branches":{}"#;
        let parsed =
            Record::parse(&format!(r#"{{"seed":{seed},"verdict":"holds","property":null,{outcome}}}"#));
        parsed.expect("a record").line()
    }

    fn open(path: &Path) -> Result<(u64, Vec<u64>), Error> {
        let mut seen = Vec::new();
        let (writing, next) = Writing::open(path, &header(), 3, &mut |record| seen.push(record.seed))?;
        writing.finish()?;
        Ok((next, seen))
    }

    #[test]
    fn a_file_is_gone_on_with_after_its_last_whole_line() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("deep/er/runs.jsonl");
        assert_eq!(open(&path).expect("it begins"), (3, vec![]));
        let whole = [header().line(), record(3), record(4)].map(|line| line + "\n").concat();
        for torn in ["", "{", &record(5)] {
            std::fs::write(&path, whole.clone() + torn).expect("it is written");
            assert_eq!(open(&path).expect("it goes on"), (5, vec![3, 4]), "{torn:?}");
            assert_eq!(std::fs::read_to_string(&path).expect("it is read"), whole);
        }
        let long = "x".repeat(200_000);
        std::fs::write(&path, whole.clone() + &long).expect("it is written");
        assert_eq!(open(&path).expect("it goes on"), (5, vec![3, 4]));
    }

    #[test]
    fn what_is_not_its_own_is_refused_and_left_alone() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("runs.jsonl");
        let other =
            Header::new("a".to_owned(), "b2".to_owned(), "s".to_owned(), String::new(), Seeds::of(3, 9));
        let gap = [header().line(), record(3), record(5)].map(|line| line + "\n").concat();
        for content in ["my diary\n", &(other.line() + "\n"), &gap] {
            std::fs::write(&path, content).expect("it is written");
            let refused = open(&path).expect_err(content);
            assert_eq!(refused.exit(), crate::exit::Exit::Usage, "{refused}");
            assert_eq!(std::fs::read_to_string(&path).expect("it is read"), content);
        }
    }

    #[test]
    fn nobody_else_writes_meanwhile() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("runs.jsonl");
        let first = Writing::open(&path, &header(), 3, &mut |_| {}).expect("it begins");
        assert!(open(&path).expect_err("it is taken").to_string().contains("another process"));
        drop(first);
        assert_eq!(open(&path).expect("it is free").0, 3);
    }

    #[test]
    fn more_files_than_are_open_at_a_time_are_one() {
        let place = tempfile::tempdir().expect("a directory");
        let seeds = 3..3 + 3 * ABREAST as u64;
        for seed in seeds.clone().rev() {
            let path = shard(place.path(), Seeds::of(seed, seed + 1));
            std::fs::write(path, header().line() + "\n" + &record(seed) + "\n").expect("it is written");
        }
        let files = files(&[place.path().to_owned()]).expect("they are listed");
        let out = shard(place.path(), Seeds::of(seeds.start, seeds.end));
        let merged = merge_into(&out, &files).expect("they are one");
        assert_eq!(merged.summary.covered, [(seeds.start, seeds.end)]);
        let content = std::fs::read_to_string(&out).expect("it is read");
        assert!(content.lines().skip(1).eq(seeds.map(record)));
    }
}
