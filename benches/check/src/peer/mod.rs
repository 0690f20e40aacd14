//! The worlds on stateright's API, each written from its description in the way its author's examples are written.

pub mod abd;
pub mod paxos;
pub mod two_phase;
