//! Traces in files: compressed where the name ends in `.zst`, and read piece by piece, however long they are.

use crate::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use synod_kernel::trace::TraceError;
use tempfile::NamedTempFile;
use zstd::stream::{read::Decoder, write::Encoder};

/// zstd's own default: traces shrink to a tenth and less, at the speed at which they are written.
const LEVEL: i32 = 3;

/// Where a trace is, to be read more than once.
pub enum Source<'a> {
    /// In memory.
    Content(&'a str),
    /// In a file.
    File(&'a Path),
}

impl<'a> Source<'a> {
    /// From the start.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(&self) -> Result<Box<dyn BufRead + 'a>, TraceError> {
        match self {
            Self::Content(content) => Ok(Box::new(content.as_bytes())),
            Self::File(path) => {
                read(path).map_err(|e| TraceError::Unreadable { line: 0, what: e.to_string() })
            }
        }
    }
}

/// A trace's file that can be read more than once: itself, or a copy of what comes through a pipe.
pub(crate) struct Seekable {
    path: PathBuf,
    /// Removed with this.
    _copy: Option<NamedTempFile>,
}

impl Seekable {
    pub(crate) fn new(file: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: file.to_owned(), source };
        let mut from = File::open(file).map_err(unreadable)?;
        let kind = from.metadata().map_err(unreadable)?.file_type();
        if kind.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        if kind.is_file() {
            return Ok(Self { path: file.to_owned(), _copy: None });
        }
        let suffix = if is_compressed(file) { ".jsonl.zst" } else { ".jsonl" };
        let unwritable = |source| Error::Unwritable { path: std::env::temp_dir(), source };
        let mut copy = tempfile::Builder::new().suffix(suffix).tempfile().map_err(unwritable)?;
        io::copy(&mut from, &mut copy).map_err(unwritable)?;
        Ok(Self { path: copy.path().to_owned(), _copy: Some(copy) })
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source::File(&self.path)
    }

    /// How many bytes the file has.
    pub(crate) fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |found| found.len())
    }
}

/// Whether a file's name says that it is compressed.
pub(crate) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zst"))
}

fn read(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if is_compressed(path) {
        return Ok(Box::new(BufReader::new(Decoder::new(file)?)));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// Writes a file, and the directories that lead there, with what `write` hands on.
pub(crate) fn save<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<T, Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(unwritable)?;
    }
    let mut file = File::create(path).map_err(unwritable)?;
    if !is_compressed(path) {
        return write(&mut file).map_err(unwritable);
    }
    let compressed = || {
        let mut encoder = Encoder::new(&mut file, LEVEL)?;
        encoder.include_checksum(true)?;
        let written = write(&mut encoder)?;
        encoder.finish()?;
        Ok(written)
    };
    compressed().map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use synod_kernel::trace::{Chosen, Header, Reader, Writer};
    use synod_kernel::{Choice, Move};

    fn header() -> Header {
        let setting = serde_json::Value::Null;
        let (synod, version) = ("trace".to_owned(), synod_kernel::trace::VERSION);
        let (algorithm, ground) = ("none".to_owned(), "sim".to_owned());
        let tried = synod_kernel::trace::Tried::default();
        Header { synod, version, algorithm, ground, seed: None, terse: true, tried, setting }
    }

    fn write(path: &Path) {
        let written = save(path, |to| {
            let mut writer = Writer::to(&header(), to);
            for at in 0..5_000 {
                writer.chosen(&Chosen::<(), ()>::new(Some(at), Move::plain(Choice::Heal)));
            }
            writer.close(None).map(|written| written.steps)
        });
        assert_eq!(written.expect("room"), 5_000);
    }

    fn steps(path: &Path) -> Result<u64, TraceError> {
        let mut from = Source::File(path).open()?;
        Ok(Reader::open(&mut *from)?.scan(|_| ())?.steps)
    }

    #[test]
    fn a_name_that_ends_in_zst_is_compressed_and_reads_the_same() {
        let place = tempfile::tempdir().expect("a directory");
        let (plain, small) = (place.path().join("a/b.jsonl"), place.path().join("a/b.jsonl.zst"));
        write(&plain);
        write(&small);
        assert_eq!((steps(&plain), steps(&small)), (Ok(5_000), Ok(5_000)));
        let content = |path: &Path| {
            let mut text = String::new();
            read(path).expect("it is there").read_to_string(&mut text).expect("text");
            text
        };
        assert_eq!(content(&plain), content(&small));
        let bytes = |path: &Path| Seekable::new(path).expect("it is there").bytes();
        assert!(bytes(&small) * 10 < bytes(&plain));
    }

    #[test]
    fn damage_to_what_is_compressed_is_told() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("t.jsonl.zst");
        write(&path);
        let whole = fs::read(&path).expect("it is there");
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("room");
            steps(&path).expect_err("it is damaged")
        };
        assert!(matches!(refused(&whole[..whole.len() / 2]), TraceError::Unreadable { .. }));
        assert!(matches!(refused(b"{\"synod\":\"trace\"}\n"), TraceError::Unreadable { line: 0, .. }));
        assert!(matches!(
            refused(b""),
            TraceError::NotATrace(_) | TraceError::Unreadable { .. } | TraceError::Truncated { .. }
        ));
        for at in (0..whole.len()).step_by(13) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).expect("room");
            // whatever it is, it is told, but where it changes nothing of what was written: its digest holds
            match steps(&path) {
                Ok(steps) => assert_eq!(steps, 5_000, "byte {at}"),
                Err(error) => assert!(!error.to_string().is_empty() && !error.hint().is_empty(), "byte {at}"),
            }
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let place = tempfile::tempdir().expect("a directory");
        assert!(matches!(Seekable::new(place.path()), Err(Error::Unreadable { .. })));
        assert!(matches!(Seekable::new(&place.path().join("nowhere")), Err(Error::Unreadable { .. })));
        assert!(matches!(save(&place.path().join("."), |_| Ok(())), Err(Error::Unwritable { .. })));
    }
}
