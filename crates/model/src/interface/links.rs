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

/// What logged links tell the layer above. "Log-delivered" means: in the log, which is what this speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogDeliver<M> {
    /// ⟨Deliver | delivered⟩, where the log has grown by this.
    Deliver(LinkDeliver<M>),
    /// ⟨Deliver | delivered⟩ after a restart: the whole log, in its order.
    Recovered(Vec<LinkDeliver<M>>),
}

/// What a link that acknowledges tells the layer above.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConfirmedLink<M> {
    /// ⟨Deliver | from, message⟩.
    Deliver(LinkDeliver<M>),
    /// ⟨Confirm | to, transmissions⟩: the oldest message to this process that was not confirmed before was delivered there.
    Confirm {
        /// The receiver.
        to: ProcessId,
        /// How often it was transmitted until then.
        transmissions: u32,
    },
}
