//! Renumbering: numbers that only count relative to each other, and may be named anew.
//!
//! Ballots, rounds and epochs grow for ever where nobody stops them, and with them the states of a world. What a
//! process does with such a number is to compare it with others and to go one beyond the greatest: then a world in
//! which all of them are others, in the same order, one next to another where they were, goes on as this one does. An
//! algorithm that declares where its numbers are ([`Process::RENUMBERING`]) can be explored modulo such a renumbering.
//! Nobody takes its word: a checker holds what handlers do against what they do with other numbers.

use crate::process::Process;

/// What becomes of a number.
pub type Renumber<'a> = dyn FnMut(&mut u64) + 'a;

/// Where the numbers of a process are that count relative to each other alone, and to 0, which is none yet.
///
/// Each function calls back with every such number in a value; with one that sits in an order, as in the key of a map,
/// it is for the function to put the value in order again. All numbers are of one order, those of embedded modules
/// too.
pub struct Renumbering<P: Process> {
    /// Up to which distance it matters how far apart two neighbours are: of those further apart only that they are. At
    /// least 1.
    pub apart: u64,
    /// Those in the state of a process.
    pub state: fn(&mut P, &mut Renumber<'_>),
    /// Those on its disk.
    pub stable: fn(&mut P::Stable, &mut Renumber<'_>),
    /// Those in a message.
    pub message: fn(&mut P::Message, &mut Renumber<'_>),
}

/// Calls `each` with where the numbers of an embedded module are, if it has any.
pub fn of_module<Q: Process>(each: impl FnOnce(Renumbering<Q>)) {
    if let Some(renumbering) = Q::RENUMBERING {
        each(renumbering);
    }
}
