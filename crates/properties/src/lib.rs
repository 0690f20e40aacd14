//! Properties of distributed algorithms, with the textbook's names, as monitors.
//!
//! A [`Monitor`] is a deterministic automaton over what can be observed at the interface of an abstraction: requests
//! down, indications up, crashes and recoveries. The same monitor judges an exploration, a simulated run and the
//! recorded run of a real cluster.

pub mod algorithm;
pub mod broadcast;
pub mod byzantine_broadcast;
pub mod completeness;
pub mod confirmed_links;
pub mod consensus;
pub mod cost;
pub mod epidemic;
pub mod leader;
pub mod lease;
pub mod links;
pub mod monitor;
pub mod operation;
pub mod perfect_detector;
pub mod registers;
pub mod regression;
pub mod replicated_log;
pub mod replicated_machine;
#[cfg(test)]
mod testing;
pub mod usual;
pub mod verdict;

pub use algorithm::{Algorithm, GroundKind, Scale, Twin};
pub use consensus::{Consensus, ConsensusSequence};
pub use cost::{Cost, Metric};
pub use monitor::{Kind, Monitor, NO_PANIC, Obligation, Observation, Property, Unjudged, Violation};
pub use operation::{Ask, Completion, Object, OperationKind, Operations, OperationsOf, Told, operations};
pub use registers::AtomicRegister;
pub use replicated_log::ReplicatedLog;
pub use replicated_machine::ReplicatedMachine;
pub use usual::usual;
pub use verdict::Verdict;
