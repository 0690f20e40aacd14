//! The states that wait, of a search that takes one after the other: which is next.

use crate::fingerprint::Printer;
use crate::report::Measure;
use crate::space::{Rows, Space};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasherDefault;

/// States that wait, each with its number and its depth.
pub(super) enum Agenda<R> {
    /// The newest is next.
    Newest { states: R, numbers: Vec<(u32, u32)> },
    /// The one with the least rank is next; of those the least deep; of those the first that was found.
    Nearest { queues: BTreeMap<(u64, u32), Queue<R>>, rank: Rank, len: usize, memory: u64 },
}

impl<R: Rows> Agenda<R> {
    pub(super) fn newest() -> Self {
        Self::Newest { states: R::default(), numbers: Vec::new() }
    }

    pub(super) fn nearest(rank: Rank) -> Self {
        Self::Nearest { queues: BTreeMap::new(), rank, len: 0, memory: 0 }
    }

    /// Adds a state with its number and its depth.
    pub(super) fn add<S: Space<Rows = R>>(
        &mut self,
        space: &S,
        state: &R::State,
        (number, depth): (u32, u32),
    ) {
        match self {
            Self::Newest { states, numbers } => {
                states.add(state);
                numbers.push((number, depth));
            }
            Self::Nearest { queues, rank, len, memory } => {
                let queue = queues.entry((rank.of(space, state), depth)).or_insert_with(|| {
                    *memory += size_of::<((u64, u32), Queue<R>)>() as u64;
                    Queue::default()
                });
                *memory += queue.add(state, number);
                *len += 1;
            }
        }
    }

    /// Takes the next state out and adds it to these; its number and its depth.
    pub(super) fn take(&mut self, into: &mut R) -> Option<(u32, u32)> {
        match self {
            Self::Newest { states, numbers } => {
                let next = numbers.pop()?;
                into.add(states.at(numbers.len()));
                states.truncate(numbers.len());
                Some(next)
            }
            Self::Nearest { queues, len, memory, .. } => {
                let mut first = queues.first_entry()?;
                let (_, depth) = *first.key();
                let (number, freed) = first.get_mut().take(into);
                *memory -= freed;
                *len -= 1;
                if first.get().numbers.is_empty() {
                    first.remove();
                    *memory -= size_of::<((u64, u32), Queue<R>)>() as u64;
                }
                Some((number, depth))
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Newest { numbers, .. } => numbers.len(),
            Self::Nearest { len, .. } => *len,
        }
    }

    pub(super) fn memory(&self) -> u64 {
        match self {
            Self::Newest { states, numbers } => states.memory() + numbers.capacity() as u64 * 8,
            Self::Nearest { rank, len, memory, .. } => memory + *len as u64 * 4 + rank.memory(),
        }
    }
}

/// States of one rank and one depth, in the order in which they were found.
pub(super) struct Queue<R> {
    segments: VecDeque<R>,
    /// How many of the first segment were taken.
    taken: usize,
    numbers: VecDeque<u32>,
}

impl<R> Default for Queue<R> {
    fn default() -> Self {
        Self { segments: VecDeque::new(), taken: 0, numbers: VecDeque::new() }
    }
}

/// How many states a segment has at most.
const SEGMENT: usize = 256;

impl<R: Rows> Queue<R> {
    /// Adds a state; how many more bytes are in use.
    fn add(&mut self, state: &R::State, number: u32) -> u64 {
        self.numbers.push_back(number);
        if self.segments.back().is_none_or(|last| last.len() >= SEGMENT) {
            self.segments.push_back(R::default());
        }
        let last = self.segments.back_mut().expect("there is one");
        let before = last.memory();
        last.add(state);
        last.memory() - before
    }

    /// Takes the first state out and adds it to these; its number, and how many bytes are free again.
    fn take(&mut self, into: &mut R) -> (u32, u64) {
        let number = self.numbers.pop_front().expect("a queue has a state");
        let first = self.segments.front().expect("each state is in a segment");
        into.add(first.at(self.taken));
        self.taken += 1;
        if self.taken < first.len() {
            return (number, 0);
        }
        self.taken = 0;
        (number, self.segments.pop_front().map_or(0, |segment| segment.memory()))
    }
}

/// Which states come first.
pub(super) enum Rank {
    Distance,
    /// By part of a state: how many states that were found have it.
    Coverage(HashMap<u64, u32, BuildHasherDefault<Printer>>),
}

impl Rank {
    pub(super) fn new(by: Measure) -> Self {
        match by {
            Measure::Distance => Self::Distance,
            Measure::Coverage => Self::Coverage(HashMap::default()),
        }
    }

    /// The rank of a state that was found.
    fn of<S: Space>(&mut self, space: &S, state: &<S::Rows as Rows>::State) -> u64 {
        match self {
            Self::Distance => space.distance(state),
            Self::Coverage(seen) => {
                let mut least = u32::MAX;
                space.parts(state, &mut |part| {
                    let count = seen.entry(part).or_insert(0);
                    least = least.min(*count);
                    *count = count.saturating_add(1);
                });
                u64::from(least)
            }
        }
    }

    fn memory(&self) -> u64 {
        match self {
            Self::Distance => 0,
            Self::Coverage(seen) => (seen.capacity() * (size_of::<(u64, u32)>() + 1)) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_gives_back_what_it_was_given_in_order_and_all_of_its_memory() {
        let (mut queue, mut out, mut bytes) = (Queue::default(), Vec::new(), 0);
        // taken in between, over several segments
        for number in 0..3 * SEGMENT as u32 {
            bytes += queue.add(&number, number);
            if number % 2 == 0 {
                let (_, freed) = queue.take(&mut out);
                bytes -= freed;
            }
        }
        while !queue.numbers.is_empty() {
            let (number, freed) = queue.take(&mut out);
            assert_eq!(out.last(), Some(&number));
            bytes -= freed;
        }
        assert_eq!((out, bytes), ((0..3 * SEGMENT as u32).collect::<Vec<_>>(), 0));
    }
}
