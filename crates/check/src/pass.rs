//! A pass over all states that is made for what it sees on the way: a search pays nothing for it.

use crate::fingerprint::{Print, Printer, print_of};
use hashbrown::HashSet;
use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hash};

type Set = HashSet<Print, BuildHasherDefault<Printer>>;

/// Hands every state that can be reached from `first` to `expand`, once, breadth-first; `expand` calls back with where it
/// leads. Nothing if there are more than `states_max`. States are known by 128 bits of their fingerprints.
pub(crate) fn every_state<T: Hash>(
    first: impl IntoIterator<Item = T>,
    states_max: usize,
    mut expand: impl FnMut(&T, &mut dyn FnMut(T) -> bool),
) -> Option<()> {
    let (mut seen, mut waiting) = (Set::default(), VecDeque::new());
    waiting.extend(first.into_iter().filter(|state| seen.insert(print_of(state))));
    while let Some(state) = waiting.pop_front() {
        if seen.len() > states_max {
            return None;
        }
        expand(&state, &mut |next| {
            let new = seen.insert(print_of(&next));
            if new {
                waiting.push_back(next);
            }
            new
        });
    }
    Some(())
}
