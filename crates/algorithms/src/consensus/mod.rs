//! Consensus (CGR11 ch. 5): processes propose values and all decide one of them.

pub mod ben_or;
pub mod flood_set;
pub mod paxos;
pub mod paxos_sequence;
pub mod phase_king;
pub mod raft;
pub mod single_decree;

pub use ben_or::BenOr;
pub use flood_set::FloodSet;
pub use paxos::{Paxos, PaxosParameters, PracticalDetector};
pub use paxos_sequence::PaxosSequence;
pub use phase_king::PhaseKing;
pub use raft::{Raft, RaftParameters};
pub use single_decree::{Ballot, Defect, Ledger, SingleDecree};
