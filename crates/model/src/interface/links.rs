//! Point-to-point links (CGR11 §2.4).

use crate::ProcessId;
use serde::{Deserialize, Serialize};

/// ⟨Send | to, message⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkSend<M> {
    /// The receiver.
    pub to: ProcessId,
    /// What is sent.
    pub message: M,
}

/// ⟨Deliver | from, message⟩.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkDeliver<M> {
    /// The sender.
    pub from: ProcessId,
    /// What was sent.
    pub message: M,
}
