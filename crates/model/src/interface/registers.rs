//! Shared registers (CGR11 ch. 4).

use serde::{Deserialize, Serialize};

/// ⟨Read⟩ or ⟨Write | value⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegisterRequest<V> {
    /// Read the register.
    Read,
    /// Write a value.
    Write(V),
}

/// ⟨ReadReturn | value⟩ or ⟨WriteReturn⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegisterReturn<V> {
    /// The value read; `None` where nothing was written.
    ReadReturn(Option<V>),
    /// The write is done.
    WriteReturn,
}
