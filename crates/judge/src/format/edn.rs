//! Extensible Data Notation, as Jepsen, Knossos and Elle write their histories: values from bytes, with the place of what is none.
//!
//! Tags are read over: what is tagged counts. No crate that is kept well reads it piece by piece and says where it went wrong.

use super::{Malformed, Place};
use crate::value::Value;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How deeply values may stand in each other.
pub(super) const DEPTH_MAX: usize = 64;
/// Texts up to this length are kept once.
const SHARED_LENGTH_MAX: usize = 24;

/// Reads values one after the other.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_begins: usize,
    shared: Shared,
}

/// Short texts, each kept once.
pub(crate) type Shared = FxHashSet<Arc<str>>;

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self::after(text, 0, Shared::default())
    }

    /// Of a text that comes after so many lines, in which texts were met that are kept.
    pub(crate) fn after(text: &'a str, before: usize, shared: Shared) -> Self {
        Self { bytes: text.as_bytes(), at: 0, line: before + 1, line_begins: 0, shared }
    }

    /// The texts that were met, for the next.
    pub(crate) fn into_shared(self) -> Shared {
        self.shared
    }

    pub(crate) fn place(&self) -> Place {
        Place { line: self.line, column: 1 + self.at - self.line_begins }
    }

    pub(crate) fn error(&self, what: impl Into<String>) -> Malformed {
        Malformed { place: self.place(), what: what.into() }
    }

    /// Skips what is no value: space, commas, comments. The next byte, if there is one.
    pub(crate) fn next_byte(&mut self) -> Result<Option<u8>, Malformed> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    self.line_begins = self.at;
                }
                Some(b' ' | b'\t' | b'\r' | b',') => self.at += 1,
                Some(b';') => {
                    let rest = &self.bytes[self.at..];
                    self.at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                }
                Some(b'#') if self.bytes.get(self.at + 1) == Some(&b'_') => {
                    self.at += 2;
                    self.value(0)?;
                }
                byte => return Ok(byte.copied()),
            }
        }
    }

    /// Skips one byte, which is known.
    pub(crate) fn skip(&mut self) {
        self.at += 1;
    }

    /// The next value, `depth` deep in others.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("values stand more than {DEPTH_MAX} deep in each other")));
        }
        let Some(byte) = self.next_byte()? else {
            return Err(self.error("the text ends where a value must be"));
        };
        match byte {
            b'[' => self.sequence(b']', depth),
            b'(' => self.sequence(b')', depth),
            b'{' => self.map(depth),
            b'"' => self.string(),
            b'#' => self.tagged(depth),
            b'\\' => self.character(),
            b']' | b')' | b'}' => Err(self.error(format!("`{}` closes nothing", byte as char))),
            b'0'..=b'9' | b'-' => match self.integer() {
                Some(number) => Ok(Value::Integer(number)),
                None => self.word(),
            },
            _ => self.word(),
        }
    }

    /// A number of up to 18 digits, which is what most are.
    fn integer(&mut self) -> Option<i64> {
        let negative = self.bytes[self.at] == b'-';
        let digits = &self.bytes[self.at + usize::from(negative)..];
        let count = digits.iter().take(19).take_while(|byte| byte.is_ascii_digit()).count();
        let ended =
            matches!(digits.get(count), None | Some(b' ' | b']' | b'}' | b')' | b',' | b'\n' | b'\r'));
        if !(1..=18).contains(&count) || !ended {
            return None;
        }
        self.at += count + usize::from(negative);
        let number = digits[..count].iter().fold(0, |number, digit| 10 * number + i64::from(digit - b'0'));
        Some(if negative { -number } else { number })
    }

    fn sequence(&mut self, end: u8, depth: usize) -> Result<Value, Malformed> {
        self.skip();
        let mut elements = vec![];
        while !self.closes(end)? {
            elements.push(self.value(depth + 1)?);
        }
        Ok(Value::Sequence(elements))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Malformed> {
        self.skip();
        let mut map = BTreeMap::new();
        while !self.closes(b'}')? {
            let place = self.place();
            let key = self.value(depth + 1)?;
            if self.next_byte()? == Some(b'}') {
                return Err(Malformed { place, what: format!("the key `{key}` has no value") });
            }
            let value = self.value(depth + 1)?;
            if map.contains_key(&key) {
                return Err(Malformed { place, what: format!("the key `{key}` stands twice") });
            }
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }

    /// Whether what is read ends here.
    pub(crate) fn closes(&mut self, end: u8) -> Result<bool, Malformed> {
        match self.next_byte()? {
            Some(byte) if byte == end => {
                self.skip();
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(self.error(format!("the text ends before `{}`: is it whole?", end as char))),
        }
    }

    fn tagged(&mut self, depth: usize) -> Result<Value, Malformed> {
        self.skip();
        match self.bytes.get(self.at) {
            Some(b'{') => {
                self.skip();
                let mut set = BTreeMap::new();
                while !self.closes(b'}')? {
                    set.insert(self.value(depth + 1)?, Value::Nil);
                }
                Ok(Value::Map(set))
            }
            Some(b'#') => {
                self.skip(); // `##Inf` and its kind
                self.word()
            }
            _ => {
                self.token();
                self.value(depth + 1)
            }
        }
    }

    fn character(&mut self) -> Result<Value, Malformed> {
        self.skip();
        let place = self.place();
        let token = self.token();
        let what = match token {
            "newline" => "\n",
            "space" => " ",
            "tab" => "\t",
            "return" => "\r",
            "" => return Err(Malformed { place, what: "a character is missing".to_owned() }),
            character => character,
        };
        Ok(self.shared(what))
    }

    fn string(&mut self) -> Result<Value, Malformed> {
        let begin = self.place();
        self.skip();
        let from = self.at;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(Malformed {
                    place: begin,
                    what: "a string does not end: is the text whole?".to_owned(),
                });
            };
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let so_far = &self.bytes[from..self.at - 1];
                    let mut text = unescaped.take().unwrap_or_else(|| so_far.to_vec());
                    let escaped = self.escaped()?;
                    text.extend(escaped.encode_utf8(&mut [0; 4]).bytes());
                    unescaped = Some(text);
                }
                byte => {
                    if byte == b'\n' {
                        self.line += 1;
                        self.line_begins = self.at;
                    }
                    if let Some(text) = &mut unescaped {
                        text.push(byte);
                    }
                }
            }
        }
        if let Some(text) = unescaped {
            Ok(Value::Text(String::from_utf8_lossy(&text).into()))
        } else {
            let text = std::str::from_utf8(&self.bytes[from..self.at - 1]).unwrap_or_default();
            Ok(self.shared(text))
        }
    }

    fn escaped(&mut self) -> Result<char, Malformed> {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        Ok(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => byte as char,
            b'u' => {
                let digits =
                    self.bytes.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                self.at = (self.at + 4).min(self.bytes.len());
                code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.at -= 1;
                return Err(self.error("no such escape in a string"));
            }
        })
    }

    /// The bytes up to the next that ends a word.
    fn token(&mut self) -> &'a str {
        let ends = |byte: &u8| {
            matches!(
                byte,
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b'"' | b';' | b'[' | b']' | b'(' | b')' | b'{' | b'}'
            )
        };
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        self.at += length;
        // the ends are ASCII: what is between them is whole
        std::str::from_utf8(&rest[..length]).unwrap_or_default()
    }

    fn word(&mut self) -> Result<Value, Malformed> {
        let place = self.place();
        let word = self.token();
        Ok(match word {
            "nil" => Value::Nil,
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "" | ":" => return Err(Malformed { place, what: "no value".to_owned() }),
            _ if word.starts_with(':') => self.shared(&word[1..]),
            _ => match word.strip_suffix('N').unwrap_or(word).parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => self.shared(word),
            },
        })
    }

    fn shared(&mut self, text: &str) -> Value {
        if text.len() > SHARED_LENGTH_MAX {
            return Value::text(text);
        }
        if let Some(known) = self.shared.get(text) {
            return Value::Text(Arc::clone(known));
        }
        let new: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&new));
        Value::Text(new)
    }
}
