//! Links built from links: what the ladder amounts to over fair-loss links.
//!
//! A stack's model follows from its layers: the upper one's, on the links that the lower one assumes.

use super::{EliminateDuplicates, FifoLink, LogDelivered, Numbered, RetransmitForever};
use synod_model::prelude::*;

/// Perfect links over fair-loss ones: crash-stop x fair-loss links x asynchronous.
pub type PerfectOverFairLoss<M> = Over<EliminateDuplicates<M>, RetransmitForever<Numbered<M>>>;

/// Logged links over fair-loss ones: crash-recovery x fair-loss links x asynchronous.
pub type LoggedOverFairLoss<M> = Over<LogDelivered<M>, RetransmitForever<Numbered<M>>>;

/// FIFO links over fair-loss ones, three layers: crash-stop x fair-loss links x asynchronous.
pub type FifoOverFairLoss<M> = Over<FifoLink<M>, PerfectOverFairLoss<Numbered<M>>>;
