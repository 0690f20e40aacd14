//! Values as recorded histories have them, whatever wrote them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What an operation was given or returned.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing: `nil`, `null`, an empty field.
    #[default]
    Nil,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text: a string, a keyword without its colon, a symbol, a number that is not whole, as it was written.
    Text(Arc<str>),
    /// Several in order.
    Sequence(Vec<Value>),
    /// By key. A set is a map to nothing.
    Map(BTreeMap<Value, Value>),
}

impl Value {
    /// Of text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The elements of a sequence or a set, if it is one.
    pub fn elements(&self) -> Option<Vec<Self>> {
        match self {
            Self::Sequence(elements) => Some(elements.clone()),
            Self::Map(set) if set.values().all(|value| *value == Self::Nil) => {
                Some(set.keys().cloned().collect())
            }
            _ => None,
        }
    }

    /// The two elements of a pair.
    pub fn pair(&self) -> Option<(&Self, &Self)> {
        match self {
            Self::Sequence(elements) => match &elements[..] {
                [first, second] => Some((first, second)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a map has under a text.
    pub fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Map(map) = self { map.get(&Self::text(key)) } else { None }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// As [`fmt::Display`] has it, but for text, which stands in quotes.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            other => write!(f, "{other}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Sequence(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (index, (key, value)) in map.iter().enumerate() {
                    write!(f, "{}{key}", if index > 0 { ", " } else { "" })?;
                    if *value != Self::Nil {
                        write!(f, " {value}")?;
                    }
                }
                f.write_str("}")
            }
        }
    }
}
