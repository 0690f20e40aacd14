//! A text that comes in pieces, of which no more is held than an event needs.
//!
//! Pieces are cut where a line ends and no event is open. An array of JSON is read as a whole, and so is what follows `#_` between
//! events of EDN: where it ends, its value says.

use super::{Format, ReadError, Reading};
use crate::format::operation_map;
use crate::log::LogEvent;

/// Reads events from bytes as they come.
#[derive(Default)]
pub struct Feed {
    /// What has come and was not read yet.
    held: Vec<u8>,
    /// How much of it has been looked through for a place to cut.
    looked: usize,
    cut: Cut,
    reading: Option<(Format, Reading)>,
    lines: usize,
    bytes: usize,
}

impl Feed {
    /// Takes more bytes, and hands on the events that are whole.
    pub fn push(
        &mut self,
        bytes: &[u8],
        each: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.held.extend_from_slice(bytes);
        if self.reading.is_none() && !(bytes.contains(&b'\n') && self.begin()) {
            return Ok(());
        }
        let whole = self.cut.last(&self.held[self.looked..]).map(|cut| self.looked + cut);
        self.looked = self.held.len();
        match whole {
            Some(whole) => self.read(whole, each),
            None => Ok(()),
        }
    }

    /// There is no more: hands on what is left.
    pub fn end(
        mut self,
        mut each: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<Format, ReadError> {
        if self.reading.is_none() {
            let format = Format::found(self.text(self.held.len())?)?;
            self.reading = Some((format, Reading::new(format)));
        }
        self.read(self.held.len(), &mut each)?;
        let (format, reading) = self.reading.ok_or(ReadError::UnknownFormat)?;
        reading.end()?;
        Ok(format)
    }

    /// What the text is, once its beginning is here.
    pub fn format(&self) -> Option<Format> {
        self.reading.as_ref().map(|(format, _)| *format)
    }

    /// Finds the format, if a line is here that tells it.
    fn begin(&mut self) -> bool {
        let lines = self.held.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let head = String::from_utf8_lossy(&self.held[..lines]);
        let tells = |line: &str| {
            let line = line.trim();
            !line.starts_with(';') && line.chars().any(|c| !c.is_whitespace() && !"[({".contains(c))
        };
        if !head.lines().any(tells) {
            return false;
        }
        let Some(format) = Format::of(&head) else {
            // what is none is told at the end: by then as much is known as ever will be
            return false;
        };
        self.cut = match format {
            Format::Edn => Cut::Edn(Edn::default()),
            Format::Json if operation_map::is_array(&head) => Cut::Never,
            _ => Cut::Lines,
        };
        self.reading = Some((format, Reading::new(format)));
        true
    }

    fn text(&self, length: usize) -> Result<&str, ReadError> {
        std::str::from_utf8(&self.held[..length])
            .map_err(|error| ReadError::NotText { byte: self.bytes + error.valid_up_to() })
    }

    /// Reads the first bytes that are held.
    fn read(
        &mut self,
        length: usize,
        each: impl FnMut(LogEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut reading = self.reading.take();
        let text = self.text(length)?;
        let lines = text.matches('\n').count();
        if let Some((_, reading)) = &mut reading {
            reading.read(text, self.lines, each)?;
        }
        self.reading = reading;
        self.lines += lines;
        self.bytes += length;
        self.held.drain(..length);
        self.looked = self.looked.saturating_sub(length);
        Ok(())
    }
}

/// Where a text may be cut.
#[derive(Default)]
enum Cut {
    /// After any line.
    #[default]
    Lines,
    /// After a line with which no map is open.
    Edn(Edn),
    /// Nowhere.
    Never,
}

impl Cut {
    /// The last place in these bytes, which follow those before.
    fn last(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Lines => bytes.iter().rposition(|&byte| byte == b'\n').map(|at| at + 1),
            Self::Edn(edn) => {
                let mut last = None;
                for (at, &byte) in bytes.iter().enumerate() {
                    if edn.is_between(byte) {
                        last = Some(at + 1);
                    }
                }
                last
            }
            Self::Never => None,
        }
    }
}

/// Where in EDN a byte stands.
#[derive(Default)]
struct Edn {
    inside: Inside,
    /// How many are open of what stands in the outermost vector or list.
    depth: usize,
    enclosed: bool,
    hash: bool,
    /// Something between events is to be read over.
    never: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Comment,
    Text,
    /// What the next byte is does not matter: of a text, or of a character.
    Escape,
    Character,
}

impl Edn {
    /// Whether the text can be cut after this byte.
    fn is_between(&mut self, byte: u8) -> bool {
        let after_hash = std::mem::replace(&mut self.hash, false);
        match (self.inside, byte) {
            (Inside::Comment, b'\n') | (Inside::Text, b'"') | (Inside::Character, _) => {
                self.inside = Inside::Nothing;
            }
            (Inside::Text, b'\\') => self.inside = Inside::Escape,
            (Inside::Escape, _) => self.inside = Inside::Text,
            (Inside::Comment | Inside::Text, _) => {}
            (Inside::Nothing, byte) => self.outside(byte, after_hash),
        }
        byte == b'\n' && self.inside == Inside::Nothing && self.depth == 0 && !self.never
    }

    fn outside(&mut self, byte: u8, after_hash: bool) {
        match byte {
            b';' => self.inside = Inside::Comment,
            b'"' => self.inside = Inside::Text,
            b'\\' => self.inside = Inside::Character,
            b'#' => self.hash = true,
            b'_' if after_hash && self.depth == 0 => self.never = true,
            b'[' | b'(' if self.depth == 0 && !self.enclosed => self.enclosed = true,
            b']' | b')' if self.depth == 0 => self.enclosed = false,
            b'[' | b'(' | b'{' => self.depth += 1,
            b']' | b')' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
