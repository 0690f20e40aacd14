//! Point-to-point links (CGR11 §2.4): the ladder from fair-loss to perfect, logged and FIFO links.
//!
//! All of them take ⟨Send⟩ as [`LinkSend`] and tell ⟨Deliver⟩ as [`LinkDeliver`] (the logged ones as [`LogDeliver`]).

pub mod eliminate_duplicates;
pub mod fifo;
pub mod log_delivered;
pub mod retransmission_timeout;
pub mod retransmit_forever;
pub mod selective_repeat;
pub mod stacks;
pub mod stop_and_wait;

pub use eliminate_duplicates::EliminateDuplicates;
pub use fifo::FifoLink;
pub use log_delivered::LogDelivered;
pub use retransmission_timeout::RetransmissionTimeout;
pub use retransmit_forever::RetransmitForever;
pub use selective_repeat::SelectiveRepeat;
pub use stacks::{FifoOverFairLoss, LoggedOverFairLoss, PerfectOverFairLoss};
pub use stop_and_wait::StopAndWait;
pub use synod_model::interface::{ConfirmedLink, LinkDeliver, LinkSend, LogDeliver};

use synod_model::prelude::*;

/// The number of a message among those that its sender sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceNumber(pub u64);

impl SequenceNumber {
    /// Takes the next number.
    pub(crate) fn take(&mut self) -> Self {
        let taken = *self;
        self.0 += 1;
        taken
    }
}

/// `[DATA, sn, m]`: a message under its sender's sequence number, so that equal ones sent twice are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Numbered<M> {
    /// The sender's number for it.
    pub sn: SequenceNumber,
    /// What is sent.
    pub message: M,
}
