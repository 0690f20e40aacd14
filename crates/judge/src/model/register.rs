//! The register: the object of most histories.

use crate::specification::SequentialSpecification;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

/// A read-write register of values `V`, empty at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register<V>(PhantomData<V>);

impl<V> Default for Register<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// What is asked of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterOperation<V> {
    /// Read it.
    Read,
    /// Write this value.
    Write(V),
}

/// What a register answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterReturn<V> {
    /// To a read: the value, `None` where nothing was written.
    Value(Option<V>),
    /// To a write.
    Written,
}

impl<V: Clone + Eq + Hash + Debug> SequentialSpecification for Register<V> {
    type State = Option<V>;
    type Operation = RegisterOperation<V>;
    type Return = RegisterReturn<V>;

    fn initial(&self) -> Option<V> {
        None
    }

    fn apply(&self, state: &Option<V>, operation: &RegisterOperation<V>) -> (Option<V>, RegisterReturn<V>) {
        match operation {
            RegisterOperation::Read => (state.clone(), RegisterReturn::Value(state.clone())),
            RegisterOperation::Write(v) => (Some(v.clone()), RegisterReturn::Written),
        }
    }

    fn observes(&self, operation: &RegisterOperation<V>, _: Option<&RegisterReturn<V>>) -> bool {
        matches!(operation, RegisterOperation::Read)
    }
}
