//! What lines say: messages, and the errors that Maelstrom knows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What a message carries.
pub(crate) type Body = Map<String, Value>;

/// A line. Fields that are not known are left alone: Maelstrom adds some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) src: String,
    pub(crate) dest: String,
    pub(crate) body: Body,
}

/// The kinds of errors that Maelstrom knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Nobody knows whether it was done, or will be.
    Timeout,
    /// There is no such request here.
    NotSupported,
    /// It cannot be done now.
    TemporarilyUnavailable,
    /// The request lacks something, or something in it has the wrong type.
    MalformedRequest,
    /// There is no such key.
    KeyDoesNotExist,
    /// What was to be so is not so.
    PreconditionFailed,
}

impl Code {
    /// Its number in the protocol.
    pub fn number(self) -> u16 {
        match self {
            Self::Timeout => 0,
            Self::NotSupported => 10,
            Self::TemporarilyUnavailable => 11,
            Self::MalformedRequest => 12,
            Self::KeyDoesNotExist => 20,
            Self::PreconditionFailed => 22,
        }
    }

    /// Whether nothing was done, and nothing will be.
    pub fn is_definite(self) -> bool {
        self != Self::Timeout
    }
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of error it is.
    pub code: Code,
    /// For people.
    pub text: String,
}

impl Fault {
    /// Of a kind, in words.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The request lacks something, or something in it has the wrong type.
    pub fn malformed(text: impl Into<String>) -> Self {
        Self::new(Code::MalformedRequest, text)
    }

    pub(crate) fn body(&self) -> Body {
        let fields = [
            ("type", Value::from("error")),
            ("code", self.code.number().into()),
            ("text", self.text.as_str().into()),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.code.number(), self.text)
    }
}
