//! Published systems as readable models, each with its known answers.
//!
//! A file is a system: its head says where it comes from, what its states and steps are, what its source claims of it,
//! and where the model departs from the source. States are as small as they can be written without becoming a riddle.
//! The number of distinct states and the depth of each have been found by others; a checker, and a model, that are
//! right find the same.

#![allow(clippy::trivially_copy_pass_by_ref, reason = "predicates take states as the trait hands them out")]

pub mod alternating_bit;
pub mod async_termination_detection;
pub mod atomic_commitment;
pub mod bakery;
pub mod bcast_byz;
pub mod bcast_folklore;
mod catalogue;
pub mod cf1s_folklore;
pub mod chance;
pub mod chandy_misra_philosophers;
pub mod chang_roberts;
pub mod echo;
pub mod ewd426;
pub mod ewd840;
pub mod ewd998;
pub mod fifo;
pub mod lamport_mutex;
pub mod nbacg_guer01;
pub mod paxos;
mod permutation;
pub mod peterson;
pub mod raft;
pub mod readers_writers;
pub mod set;
pub mod simple_regular;
pub mod spanning_tree;
pub mod transaction_commit;
pub mod two_phase_commit;
pub mod two_phase_commit_with_backup;
pub mod voting;

pub use catalogue::{
    Constant, Constants, Entry, Findings, Provenance, Published, Refused, Refuted, Row, Run, Unreached,
};

/// All of them, in the order of their names.
pub const fn all() -> &'static [Entry] {
    const ALL: &[Entry] = &[
        Entry::of::<alternating_bit::AlternatingBit>(),
        Entry::of::<async_termination_detection::AsyncTerminationDetection>(),
        Entry::of::<atomic_commitment::AtomicCommitment>(),
        Entry::of::<bakery::Bakery>(),
        Entry::of::<bcast_byz::BcastByz>(),
        Entry::of::<bcast_folklore::BcastFolklore>(),
        Entry::of::<cf1s_folklore::Cf1sFolklore>(),
        Entry::of::<chandy_misra_philosophers::ChandyMisraPhilosophers>(),
        Entry::of::<chang_roberts::ChangRoberts>(),
        Entry::of::<echo::Echo>(),
        Entry::of::<ewd426::Ewd426>(),
        Entry::of::<ewd840::Ewd840>(),
        Entry::of::<ewd998::Ewd998>(),
        Entry::of::<lamport_mutex::LamportMutex>(),
        Entry::of::<nbacg_guer01::NbacgGuer01>(),
        Entry::of::<paxos::Paxos>(),
        Entry::of::<peterson::Peterson>(),
        Entry::of::<raft::Raft>(),
        Entry::of::<readers_writers::ReadersWriters>(),
        Entry::of::<simple_regular::SimpleRegular>(),
        Entry::of::<spanning_tree::SpanningTree>(),
        Entry::of::<transaction_commit::TransactionCommit>(),
        Entry::of::<two_phase_commit::TwoPhaseCommit>(),
        Entry::of::<two_phase_commit_with_backup::TwoPhaseCommitWithBackup>(),
        Entry::of::<voting::Voting>(),
    ];
    ALL
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.name == name)
}
