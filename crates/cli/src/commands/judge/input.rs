//! The bytes of a file, piece by piece.

use crate::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// The file, or standard input.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(File::open(path).map_err(|error| unreadable(path, error))?))
}

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::Unreadable { path: path.to_owned(), source }
}

/// Hands on a file from its beginning to its end.
pub(super) fn each_piece(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let (mut file, mut piece) = (open(path)?, vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&piece[..length])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, error)),
        }
    }
}
