//! Broadcast (CGR11 ch. 3): from best effort to uniform agreement, and among processes that may lie.
//!
//! All of them take ⟨Broadcast⟩ as [`Broadcast`] and tell ⟨Deliver⟩ as [`BroadcastDeliver`].

pub mod best_effort;
pub mod double_echo;
pub mod eager_reliable;
pub mod echo;
pub mod majority_ack;

pub use best_effort::BestEffortBroadcast;
pub use double_echo::DoubleEchoBroadcast;
pub use eager_reliable::EagerReliableBroadcast;
pub use echo::EchoBroadcast;
pub use majority_ack::MajorityAckBroadcast;
pub use synod_model::interface::{Broadcast, BroadcastDeliver};

use crate::links::SequenceNumber;
use synod_model::prelude::*;

/// Tells broadcast messages apart: who broadcast it, and which of its messages it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Who broadcast it.
    pub origin: ProcessId,
    /// The origin's number for it.
    pub sn: SequenceNumber,
}

/// `[DATA, s, m]`: a message with its origin, relayed by anyone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Data<M> {
    /// Which message.
    pub id: MessageId,
    /// What was broadcast.
    pub message: M,
}

impl<M> Data<M> {
    /// The indication of its delivery.
    fn deliver(self) -> BroadcastDeliver<M> {
        BroadcastDeliver { origin: self.id.origin, message: self.message }
    }
}
