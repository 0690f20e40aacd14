//! Broadcast (CGR11 ch. 3).

use crate::ProcessId;
use serde::{Deserialize, Serialize};

/// ⟨Broadcast | message⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Broadcast<M>(pub M);

/// ⟨Deliver | origin, message⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BroadcastDeliver<M> {
    /// Who broadcast it.
    pub origin: ProcessId,
    /// What was broadcast.
    pub message: M,
}
