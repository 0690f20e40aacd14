//! Published systems in which an adversary chooses and coins decide, with their known answers.

mod catalogue;
pub mod herman;
pub mod shared_coin;
pub mod synchronous_election;

pub use catalogue::{Asks, Entry, Findings, Found, Goal, Known, PublishedGame, Question};

/// All of them, in the order of their names.
pub const fn all() -> &'static [Entry] {
    const ALL: &[Entry] = &[
        Entry::of::<herman::Herman>(),
        Entry::of::<shared_coin::SharedCoin>(),
        Entry::of::<synchronous_election::SynchronousElection>(),
    ];
    ALL
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.name == name)
}
