//! Consensus (CGR11 ch. 5).

use serde::{Deserialize, Serialize};

/// ⟨Propose | value⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Propose<V>(pub V);

/// ⟨Decide | value⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Decide<V>(pub V);

/// ⟨Propose | value⟩ in one instance of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProposeAt<V> {
    /// The instance's number.
    pub instance: u64,
    /// The value.
    pub value: V,
}

/// ⟨Decide | value⟩ in one instance of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DecideAt<V> {
    /// The instance's number.
    pub instance: u64,
    /// The value.
    pub value: V,
}
