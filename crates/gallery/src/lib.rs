//! Published systems as readable models, each with its known answers.
//!
//! A file is a system: its head says where it comes from, what its states and steps are, what its source claims of it,
//! and where the model departs from the source. States are as small as they can be written without becoming a riddle.
//! The number of distinct states and the depth of each have been found by others; a checker, and a model, that are
//! right find the same.

mod catalogue;
pub mod chance;
pub mod set;
pub mod transaction_commit;
pub mod two_phase_commit;

pub use catalogue::{
    Constant, Constants, Entry, Findings, Provenance, Published, Refused, Refuted, Row, Run,
};

/// All of them, in the order of their names.
pub const fn all() -> &'static [Entry] {
    const ALL: &[Entry] = &[
        Entry::of::<transaction_commit::TransactionCommit>(),
        Entry::of::<two_phase_commit::TwoPhaseCommit>(),
    ];
    ALL
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.name == name)
}
