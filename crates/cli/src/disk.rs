//! A real disk for the checker: scratch files, and the file in which it writes down how far it has come.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use synod_check::disk::{Disk, Notebook, Saved, Scratch, WriteTo};
use tempfile::NamedTempFile;

/// Scratch files in a directory; none of them outlives the process.
#[derive(Debug)]
pub struct Directory(pub PathBuf);

impl Disk for Directory {
    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        let file = tempfile::tempfile_in(&self.0).map_err(|error| named(&self.0, &error))?;
        Ok(Box::new(ScratchFile { file: Mutex::new(file), len: 0 }))
    }
}

/// An error that says where it happened.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

struct ScratchFile {
    file: Mutex<File>,
    len: u64,
}

impl Scratch for ScratchFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.len))?;
        file.write_all(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }
}

/// A file that is replaced as a whole.
#[derive(Debug)]
pub struct Note {
    /// The file.
    pub path: PathBuf,
    /// Whether to go on from what it holds.
    pub resumes: bool,
}

impl Notebook for Note {
    /// Under another name first: whoever is killed meanwhile leaves the old one whole.
    fn save(&self, write: WriteTo<'_>) -> io::Result<()> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let failed = |error: io::Error| named(&self.path, &error);
        let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).map_err(failed)?;
        write(&mut file).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn saved(&self) -> io::Result<Option<Box<dyn Saved>>> {
        if !self.resumes {
            return Ok(None);
        }
        match File::open(&self.path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(&self.path, &error)),
        }
    }
}

/// The note of the world of this number: the first one's has the name that was given.
pub fn nth(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// How many bytes a text such as "512MiB" or "2GiB" says.
pub fn bytes(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim() {
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        "TiB" | "T" => 40,
        other => return Err(format!("a size needs a unit (KiB, MiB, GiB, TiB), not {other:?}")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is not a size: write 512MiB or 2GiB"))?;
    let bytes = number.checked_mul(1 << shift).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| format!("{text:?} is no size that memory has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("2 GiB"), Ok(2 << 30));
        assert_eq!(bytes("3K"), Ok(3 << 10));
        for wrong in ["", "12", "MiB", "0GiB", "-1MiB", "2GB", "99999999999999TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_note_is_replaced_as_a_whole_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let note = Note { path: directory.path().join("note"), resumes: true };
        assert!(note.saved().expect("nothing is no error").is_none());
        note.save(&mut |to| to.write_all(b"first")).expect("there is room");
        let failed = note.save(&mut |to| {
            to.write_all(b"sec")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert!(failed.is_err());
        let mut text = String::new();
        note.saved().expect("it is there").expect("it is there").read_to_string(&mut text).expect("text");
        assert_eq!(text, "first");
        assert_eq!(
            std::fs::read_dir(directory.path()).expect("a directory").count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn scratch_files_are_read_where_they_were_written_and_seen_by_nobody() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut scratch = Directory(directory.path().to_owned()).scratch().expect("a file");
        scratch.append(b"abc").expect("there is room");
        let mut two = [0; 2];
        scratch.read_at(1, &mut two).expect("it is there");
        scratch.append(b"def").expect("there is room");
        assert_eq!(&two, b"bc");
        scratch.read_at(3, &mut two).expect("it is there");
        assert_eq!(&two, b"de");
        assert!(scratch.read_at(5, &mut two).is_err());
        assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0);
        assert!(Directory(directory.path().join("none")).scratch().is_err());
    }
}
