//! A key's text in a key-value map: got, put, appended to.

use crate::specification::SequentialSpecification;
use std::sync::Arc;

/// The text under one key, empty at first. Keys are objects of their own: a map is linearizable if each key is (Herlihy, Wing 1990, theorem 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextMap;

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextOperation {
    /// Its text.
    Get,
    /// Have this text.
    Put(Arc<str>),
    /// Have this at its end.
    Append(Arc<str>),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextReturn {
    /// The text.
    Text(Arc<str>),
    /// To a change.
    Done,
}

impl SequentialSpecification for TextMap {
    type State = Arc<str>;
    type Operation = TextOperation;
    type Return = TextReturn;

    fn initial(&self) -> Arc<str> {
        "".into()
    }

    fn apply(&self, text: &Arc<str>, operation: &TextOperation) -> (Arc<str>, TextReturn) {
        match operation {
            TextOperation::Get => (Arc::clone(text), TextReturn::Text(Arc::clone(text))),
            TextOperation::Put(new) => (Arc::clone(new), TextReturn::Done),
            TextOperation::Append(more) => (format!("{text}{more}").into(), TextReturn::Done),
        }
    }

    fn observes(&self, operation: &TextOperation, _: Option<&TextReturn>) -> bool {
        *operation == TextOperation::Get
    }
}
