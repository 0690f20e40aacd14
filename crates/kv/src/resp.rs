//! The protocol's bytes (RESP): requests, as they come in bit by bit, and replies.
//!
//! A request is an array of strings, or a line of words as one types it. Nothing else is expected of a client, so that nothing is ever
//! nested; each length is held against its limit before a byte of what it announces is waited for.

use crate::act::Reply;
use crate::bytes::Bytes;
use crate::number::decimal;
use crate::{KEY_LENGTH_MAX, VALUE_LENGTH_MAX};
use std::io::Write;
use thiserror::Error;

/// The longest request, in bytes: a value of the greatest length with its key and its options.
pub const REQUEST_LENGTH_MAX: usize = VALUE_LENGTH_MAX + KEY_LENGTH_MAX + (1 << 10);
/// The longest line: one that is typed, or a length.
const LINE_LENGTH_MAX: usize = 64 << 10;
/// How many strings a request has at most: as many as are not longer than it may be.
const STRINGS_MAX: usize = REQUEST_LENGTH_MAX / "$0\r\n\r\n".len();

/// Why what a client says is no request: nothing that follows can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// A length of an array that is none.
    #[error("ERR Protocol error: invalid multibulk length")]
    ArrayLength,
    /// A length of a string that is none, or too great.
    #[error("ERR Protocol error: invalid bulk length")]
    StringLength,
    /// In place of a string.
    #[error("ERR Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    NoString(u8),
    /// What follows a string.
    #[error("ERR Protocol error: expected CRLF after a string")]
    NoEnd,
    /// A line without end.
    #[error("ERR Protocol error: too big inline request")]
    LongLine,
    /// A length without end.
    #[error("ERR Protocol error: too big mbulk count string")]
    LongCount,
    /// A quote that nothing closes.
    #[error("ERR Protocol error: unbalanced quotes in request")]
    Quotes,
    /// Too long as a whole.
    #[error("ERR Protocol error: request longer than {REQUEST_LENGTH_MAX} bytes")]
    LongRequest,
}

/// A request, with its length as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Its words: the name of a command, and what goes with it. None, if the line was empty.
    pub words: Vec<Bytes>,
    /// How many bytes it took.
    pub length: usize,
}

/// Requests, made of what has come.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Where the request begins that is being read, and what follows what was read of it.
    begin: usize,
    at: usize,
    /// Of an array: its strings so far, and how many more there are to come.
    strings: Vec<Bytes>,
    missing: usize,
    /// Up to where the end of a line was looked for.
    searched: usize,
}

impl Decoder {
    /// Takes what has come.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.begin);
        self.at -= self.begin;
        self.searched = self.searched.saturating_sub(self.begin);
        self.begin = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes wait that were not read yet.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.begin
    }

    /// The next request, once all of it is there.
    ///
    /// # Errors
    /// If it is none.
    pub fn request(&mut self) -> Result<Option<Words>, ProtocolError> {
        if self.missing == 0 && !self.head()? {
            return Ok(None);
        }
        while self.missing > 0 {
            let Some(string) = self.string()? else { return Ok(None) };
            self.strings.push(string);
            self.missing -= 1;
        }
        let length = self.at - self.begin;
        self.begin = self.at;
        Ok(Some(Words { words: std::mem::take(&mut self.strings), length }))
    }

    /// How a request begins: how many strings follow, or the words of a line. Whether it was there.
    fn head(&mut self) -> Result<bool, ProtocolError> {
        let Some(&first) = self.bytes.get(self.at) else { return Ok(false) };
        if first != b'*' {
            let Some(line) = self.line(ProtocolError::LongLine)? else { return Ok(false) };
            self.strings = typed(line)?;
            return Ok(true);
        }
        let Some(line) = self.line(ProtocolError::LongCount)? else { return Ok(false) };
        let count = decimal(&line[1..]).ok_or(ProtocolError::ArrayLength)?;
        // an array of no strings is no request, and no error
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        if count > STRINGS_MAX {
            return Err(ProtocolError::ArrayLength);
        }
        self.missing = count;
        Ok(true)
    }

    /// The next line, without its end, if all of it is there.
    fn line(&mut self, too_long: ProtocolError) -> Result<Option<&[u8]>, ProtocolError> {
        let from = self.searched.max(self.at);
        let Some(end) = self.bytes[from..].iter().position(|&byte| byte == b'\n') else {
            self.searched = self.bytes.len();
            return if self.bytes.len() - self.at > LINE_LENGTH_MAX { Err(too_long) } else { Ok(None) };
        };
        let (begin, end) = (self.at, from + end);
        if end - begin > LINE_LENGTH_MAX {
            return Err(too_long);
        }
        self.at = end + 1;
        let line = &self.bytes[begin..end];
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// The next string, if all of it is there.
    fn string(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        let begin = self.at;
        match self.bytes.get(begin) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&other) => return Err(ProtocolError::NoString(other)),
        }
        let Some(line) = self.line(ProtocolError::LongCount)? else { return Ok(None) };
        let length = decimal(&line[1..]).and_then(|length| usize::try_from(length).ok());
        let length =
            length.filter(|&length| length <= VALUE_LENGTH_MAX).ok_or(ProtocolError::StringLength)?;
        if self.at - self.begin + length > REQUEST_LENGTH_MAX {
            return Err(ProtocolError::LongRequest);
        }
        let Some(string) = self.bytes.get(self.at..self.at + length + 2) else {
            // all of it is read again when there is more
            self.at = begin;
            return Ok(None);
        };
        let Some(string) = string.strip_suffix(b"\r\n") else { return Err(ProtocolError::NoEnd) };
        let string = Bytes::from(string);
        self.at += length + 2;
        Ok(Some(string))
    }
}

/// The words of a line: apart by spaces, within quotes as they are.
fn typed(line: &[u8]) -> Result<Vec<Bytes>, ProtocolError> {
    let (mut words, mut rest) = (vec![], line.trim_ascii_start());
    while !rest.is_empty() {
        let (word, length) = word(rest).ok_or(ProtocolError::Quotes)?;
        words.push(word.into());
        rest = rest[length..].trim_ascii_start();
    }
    Ok(words)
}

/// The first word, and where it ends; none if a quote in it is not closed, or something follows one that is.
fn word(line: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut word, mut at, mut quote) = (vec![], 0, None);
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let (byte, length) = match (quote, rest) {
            (None, []) => return Some((word, at)),
            (None, [space, ..]) if space.is_ascii_whitespace() => return Some((word, at)),
            (Some(_), []) => return None,
            (None, [opened @ (b'"' | b'\''), ..]) => {
                (quote, at) = (Some(*opened), at + 1);
                continue;
            }
            (Some(open), [closed, after @ ..]) if open == *closed => {
                let ends = after.first().is_none_or(u8::is_ascii_whitespace);
                return ends.then_some((word, at + 1));
            }
            (Some(b'"'), [b'\\', escaped @ ..]) if !escaped.is_empty() => unescaped(escaped),
            (Some(b'\''), [b'\\', b'\'', ..]) => (b'\'', 2),
            (_, [plain, ..]) => (*plain, 1),
        };
        word.push(byte);
        at += length;
    }
}

/// What a backslash and what follows it stand for, and the length of both.
fn unescaped(escaped: &[u8]) -> (u8, usize) {
    let hex = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match escaped {
        [b'x', high, low, ..] if hex(high).is_some() && hex(low).is_some() => {
            (hex(high).unwrap_or_default() * 16 + hex(low).unwrap_or_default(), 4)
        }
        [b'n', ..] => (b'\n', 2),
        [b'r', ..] => (b'\r', 2),
        [b't', ..] => (b'\t', 2),
        [b'b', ..] => (0x08, 2),
        [b'a', ..] => (0x07, 2),
        [other, ..] => (*other, 2),
        [] => (b'\\', 1),
    }
}

/// Which version of the protocol a client has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What all begin with.
    #[default]
    Two,
    /// After `HELLO 3`.
    Three,
}

/// Writes a reply.
pub fn reply(reply: &Reply, version: Version, out: &mut Vec<u8>) {
    match reply {
        Reply::Status(status) => simple(status.as_str(), out),
        Reply::Nil if version == Version::Three => out.extend_from_slice(b"_\r\n"),
        Reply::Nil => out.extend_from_slice(b"$-1\r\n"),
        Reply::Integer(number) => head(b':', number, out),
        Reply::Bulk(bytes) => bulk(bytes, out),
        Reply::Array(items) => {
            array(items.len(), out);
            for item in items {
                self::reply(item, version, out);
            }
        }
        Reply::Failed(failure) => error(&failure.to_string(), out),
        // nobody who asks here is answered so
        Reply::Etcd(_) => error("ERR an answer of another protocol", out),
    }
}

/// Writes that an array of so many follows.
pub fn array(length: usize, out: &mut Vec<u8>) {
    head(b'*', length, out);
}

/// Writes a string.
pub fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    head(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes a word.
pub fn simple(text: &str, out: &mut Vec<u8>) {
    head(b'+', text, out);
}

/// Writes an error: on one line, whatever it tells of what was said.
pub fn error(text: &str, out: &mut Vec<u8>) {
    head(b'-', text.replace(['\r', '\n'], " "), out);
}

/// Writes that so many pairs follow.
pub fn map(length: usize, version: Version, out: &mut Vec<u8>) {
    match version {
        Version::Two => array(2 * length, out),
        Version::Three => head(b'%', length, out),
    }
}

/// Writes a number.
pub fn integer(number: i64, out: &mut Vec<u8>) {
    head(b':', number, out);
}

fn head(kind: u8, what: impl std::fmt::Display, out: &mut Vec<u8>) {
    out.push(kind);
    write!(out, "{what}\r\n").expect("there is room in memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is read of bytes that come in pieces, as far as it can be read.
    fn requests<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Words>, Option<ProtocolError>) {
        let (mut decoder, mut all) = (Decoder::default(), vec![]);
        for piece in pieces {
            decoder.take(piece);
            loop {
                match decoder.request() {
                    Ok(Some(words)) => all.push(words),
                    Ok(None) => break,
                    Err(error) => return (all, Some(error)),
                }
            }
        }
        (all, None)
    }

    fn words(bytes: &[u8]) -> Result<Vec<Vec<String>>, ProtocolError> {
        let (all, error) = requests([bytes]);
        let text = |word: &Bytes| String::from_utf8_lossy(word).into_owned();
        let all = all.iter().map(|request| request.words.iter().map(text).collect()).collect();
        error.map_or(Ok(all), Err)
    }

    #[test]
    fn requests_come_as_arrays_and_as_lines() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*0\r\n*-1\r\n\r\nping\n SET  k \"a\\x41\\n\" 'b\"\\''\r\n*1\r\n$0\r\n\r\n";
        let expected: [&[&str]; 7] =
            [&["GET", "a"], &[], &[], &[], &["ping"], &["SET", "k", "aA\n", "b\"'"], &[""]];
        assert_eq!(
            words(bytes),
            Ok(expected.map(|words| words.iter().map(ToString::to_string).collect()).to_vec())
        );
    }

    #[test]
    fn what_is_no_request_is_told_and_nothing_follows_it() {
        let long = "x".repeat(LINE_LENGTH_MAX + 1);
        let many = format!("*{}\r\n", STRINGS_MAX + 1);
        let (half, length) = ("x".repeat(VALUE_LENGTH_MAX / 2), VALUE_LENGTH_MAX / 2);
        let whole =
            format!("*3\r\n${length}\r\n{half}\r\n${length}\r\n{half}\r\n${}\r\n", KEY_LENGTH_MAX * 2);
        for (bytes, error) in [
            ("*x\r\n", ProtocolError::ArrayLength),
            ("*01\r\n", ProtocolError::ArrayLength),
            ("*9223372036854775808\r\n", ProtocolError::ArrayLength),
            (&many, ProtocolError::ArrayLength),
            ("*1\r\n+OK\r\n", ProtocolError::NoString(b'+')),
            ("*1\r\n*1\r\n", ProtocolError::NoString(b'*')),
            ("*1\r\n$-1\r\n", ProtocolError::StringLength),
            ("*1\r\n$1048577\r\n", ProtocolError::StringLength),
            ("*1\r\n$1\r\nabc\r\n", ProtocolError::NoEnd),
            ("SET \"a\r\n", ProtocolError::Quotes),
            ("SET \"a\"b\r\n", ProtocolError::Quotes),
            (&long, ProtocolError::LongLine),
            (&format!("*{long}"), ProtocolError::LongCount),
            (&format!("{long}\r\n"), ProtocolError::LongLine),
            (&whole, ProtocolError::LongRequest),
        ] {
            assert_eq!(words(bytes.as_bytes()), Err(error), "{bytes:.40}");
        }
    }

    #[test]
    fn the_longest_value_has_room() {
        let (key, value) = ("k".repeat(KEY_LENGTH_MAX), "v".repeat(VALUE_LENGTH_MAX));
        let set = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len());
        let (all, error) = requests([set.as_bytes()]);
        assert_eq!((all.len(), all[0].length, error), (1, set.len(), None));
    }

    /// However bytes are cut on their way, they are the same requests, and the same error.
    #[test]
    fn no_cut_makes_a_difference() {
        for bytes in [
            &b"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\nPING \"a b\"\r\n*1\r\n$4\r\nQUIT\r\n"[..],
            b"ping\n*0\r\n*2\r\n$1\r\na\r\n$1\r\nbcd",
            b"*1\r\n$4\r\nPING\r\n*1\r\n!\r\n",
            b"a 'b\r\n",
        ] {
            let whole = requests([bytes]);
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(requests(pieces), whole, "cut at {first} and {second}");
                }
            }
            assert_eq!(requests(bytes.chunks(1)), whole, "byte by byte");
        }
    }

    /// All short strings over what the protocol is made of: each is read, or refused, and what is left is not read twice.
    #[test]
    fn no_short_nonsense_is_a_panic() {
        const ALPHABET: &[u8] = b"*$12-\r\n'\"\\x \x0b\x0c";
        for mut number in 0..ALPHABET.len().pow(5) {
            let mut bytes = [0; 5];
            for byte in &mut bytes {
                *byte = ALPHABET[number % ALPHABET.len()];
                number /= ALPHABET.len();
            }
            let (all, _) = requests([&bytes[..]]);
            assert!(all.iter().map(|request| request.length).sum::<usize>() <= bytes.len());
        }
    }

    #[test]
    fn replies_are_written_as_the_version_has_them() {
        let nested = Reply::Array(vec![Reply::Nil, Reply::Integer(-7), Reply::Bulk("a\r\n".into())]);
        let written = |version| {
            let mut out = vec![];
            reply(&nested, version, &mut out);
            error("ERR of\r\n+OK", &mut out);
            map(1, version, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(written(Version::Two), "*3\r\n$-1\r\n:-7\r\n$3\r\na\r\n\r\n-ERR of  +OK\r\n*2\r\n");
        assert_eq!(written(Version::Three), "*3\r\n_\r\n:-7\r\n$3\r\na\r\n\r\n-ERR of  +OK\r\n%1\r\n");
    }
}
