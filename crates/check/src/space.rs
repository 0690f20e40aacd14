//! What the search needs of the states that it explores, whatever they are made of.

use crate::fingerprint::Print;
use std::ops::Range;
use synod_properties::{Property, Violation};

/// States side by side in memory, in the order in which they were found.
pub(crate) trait Rows: Default + Send + Sync {
    /// One of them.
    type State: ?Sized + Sync;
    /// All of them while they wait.
    type Packed: Packed;
    fn len(&self) -> usize;
    fn at(&self, at: usize) -> &Self::State;
    /// Adds a copy of a state.
    fn add(&mut self, state: &Self::State);
    /// Moves all of `other` behind these.
    fn append(&mut self, other: &mut Self);
    /// Forgets all from this place on.
    fn truncate(&mut self, len: usize);
    /// Bytes in use.
    fn memory(&self) -> u64;
    /// Copies those of a range, to wait.
    fn pack(&self, range: Range<usize>) -> Self::Packed;
    /// Puts what waited behind these.
    fn unpack(&mut self, packed: Self::Packed);
}

/// States that wait.
pub(crate) trait Packed: Sized + Send + Sync {
    /// How many they are.
    fn len(&self) -> usize;
    /// Bytes in use.
    fn memory(&self) -> u64;
    /// All of them as bytes, where they can be written.
    fn bytes(&self) -> Option<Vec<u8>> {
        None
    }
    /// What was written.
    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let _ = bytes;
        None
    }
}

impl<T: Clone + Send + Sync> Rows for Vec<T> {
    type State = T;
    type Packed = Self;
    fn len(&self) -> usize {
        self.len()
    }
    fn at(&self, at: usize) -> &T {
        &self[at]
    }
    fn add(&mut self, state: &T) {
        self.push(state.clone());
    }
    fn append(&mut self, other: &mut Self) {
        self.append(other);
    }
    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
    fn memory(&self) -> u64 {
        (self.capacity() * size_of::<T>()) as u64
    }
    fn pack(&self, range: Range<usize>) -> Self {
        self[range].to_vec()
    }
    fn unpack(&mut self, mut packed: Self) {
        self.append(&mut packed);
    }
}

impl<T: Send + Sync> Packed for Vec<T> {
    fn len(&self) -> usize {
        self.len()
    }
    fn memory(&self) -> u64 {
        (self.capacity() * size_of::<T>()) as u64
    }
}

/// How many words of a state its fingerprint takes.
pub(crate) const HEAD: usize = 4;

/// Slices of words, one after the other: each a fingerprint, and numbers.
#[derive(Default)]
pub(crate) struct Words {
    words: Vec<u32>,
    ends: Vec<u32>,
}

impl Words {
    /// Adds the slice that `write` appends.
    #[inline]
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u32>)) {
        write(&mut self.words);
        self.ends.push(u32::try_from(self.words.len()).expect("a segment of states is small"));
    }

    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] as usize }
    }
}

impl Rows for Words {
    type State = [u32];
    type Packed = Halves;
    fn len(&self) -> usize {
        self.ends.len()
    }
    #[inline]
    fn at(&self, at: usize) -> &[u32] {
        &self.words[self.start(at)..self.ends[at] as usize]
    }
    fn add(&mut self, state: &[u32]) {
        self.write(|words| words.extend_from_slice(state));
    }
    fn append(&mut self, other: &mut Self) {
        let before = self.words.len() as u32;
        self.words.append(&mut other.words);
        self.ends.extend(other.ends.drain(..).map(|end| before + end));
    }
    fn truncate(&mut self, len: usize) {
        self.words.truncate(self.start(len));
        self.ends.truncate(len);
    }
    fn memory(&self) -> u64 {
        (self.words.capacity() * 4 + self.ends.capacity() * 4) as u64
    }
    fn pack(&self, range: Range<usize>) -> Halves {
        Halves::of(self, range)
    }
    fn unpack(&mut self, packed: Halves) {
        packed.read(self);
    }
}

/// Slices of words that wait, as halves of words: few numbers need both.
pub(crate) struct Halves {
    /// Whether all words are two halves, not those of fingerprints alone.
    wide: bool,
    /// By slice: how many words it has.
    lengths: Vec<u32>,
    cells: Vec<u16>,
}

impl Halves {
    /// The slices of a range.
    fn of(rows: &Words, range: Range<usize>) -> Self {
        let words = &rows.words[rows.start(range.start)..rows.start(range.end)];
        let lengths = range.clone().map(|at| rows.at(at).len() as u32).collect();
        let both = |&word: &u32| [word as u16, (word >> 16) as u16];
        let mut cells = Vec::with_capacity(words.len() + range.len() * HEAD);
        let mut bits = 0;
        for at in range {
            let (head, numbers) = rows.at(at).split_at(HEAD);
            cells.extend(head.iter().flat_map(both));
            bits = numbers.iter().fold(bits, |all, &word| all | word);
            cells.extend(numbers.iter().map(|&word| word as u16));
        }
        let wide = bits > u32::from(u16::MAX);
        if wide {
            cells = words.iter().flat_map(both).collect();
        }
        Self { wide, lengths, cells }
    }

    /// Adds all of them to `rows`.
    fn read(&self, rows: &mut Words) {
        let whole = |pair: &[u16]| u32::from(pair[0]) | u32::from(pair[1]) << 16;
        let mut rest = self.cells.as_slice();
        for &length in &self.lengths {
            let doubled = if self.wide { length as usize } else { HEAD };
            let (pairs, after) = rest.split_at(2 * doubled);
            let (numbers, after) = after.split_at(length as usize - doubled);
            rest = after;
            rows.write(|words| {
                words.extend(pairs.chunks_exact(2).map(whole));
                words.extend(numbers.iter().map(|&half| u32::from(half)));
            });
        }
    }
}

impl Packed for Halves {
    fn len(&self) -> usize {
        self.lengths.len()
    }
    fn memory(&self) -> u64 {
        (self.lengths.capacity() * 4 + self.cells.capacity() * 2) as u64
    }
    fn bytes(&self) -> Option<Vec<u8>> {
        let head = [self.lengths.len() as u32, u32::from(self.wide)];
        let words = head.iter().chain(&self.lengths).flat_map(|word| word.to_le_bytes());
        Some(words.chain(self.cells.iter().flat_map(|half| half.to_le_bytes())).collect())
    }
    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(4 * at..4 * at + 4)?.try_into().ok()?));
        let (count, wide) = (word(0)? as usize, word(1)? == 1);
        let lengths = (2..2 + count).map(word).collect::<Option<Vec<u32>>>()?;
        let halves = bytes[8 + 4 * count..].chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let read = Self { wide, lengths, cells: halves.collect() };
        let of = |&length: &u32| {
            let numbers = (length as usize).checked_sub(HEAD)?;
            Some(2 * HEAD + if wide { 2 * numbers } else { numbers })
        };
        let all = read.lengths.iter().map(of).sum::<Option<usize>>()?;
        (all == read.cells.len()).then_some(read)
    }
}

/// A state of some rows.
pub(crate) type StateOf<S> = <<S as Space>::Rows as Rows>::State;

/// A step out of a state.
pub(crate) enum Edge<T> {
    /// To the state with this fingerprint; `step` is what [`Space::build`] needs to make it.
    To { print: Print, step: T },
    /// To a state that is not kept, beyond the bound on the algorithm's measure or outside of the constraint; with the
    /// step's class of fairness.
    Outside(u64),
    /// It breaks a property.
    Broken(Violation),
    /// A step that a reduction leaves out: it has a place, and nothing else.
    LeftOut,
}

/// A table lacks an entry: whoever searches makes it.
#[derive(Debug)]
pub(crate) struct Missing;

/// Where the runs of a space begin.
pub(crate) struct Start<R> {
    pub(crate) rows: R,
    /// What one more run breaks before it has a state.
    pub(crate) broken: Option<Violation>,
}

/// A run, as places: those of its start and of each step among all of the state that it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) places: Vec<u32>,
}

/// States, and the steps between them. Everything here depends on the state alone, so that a search is the same with any
/// number of threads.
pub(crate) trait Space: Sync {
    type Rows: Rows;
    /// What makes a successor out of a state.
    type Step: Clone + Send + Sync;
    /// Where states are kept that are to be compared value by value.
    type Exact: Exact<StateOf<Self>>;

    fn properties(&self) -> Vec<Property>;
    fn print(&self, state: &StateOf<Self>) -> Print;
    /// Calls `each` with every step out of a state, in an order that depends on the state alone. Where a table lacks an
    /// entry, what was told until then is void.
    fn expand(&self, state: &StateOf<Self>, each: &mut impl FnMut(Edge<Self::Step>)) -> Result<(), Missing>;
    /// As [`Space::expand`], leaving out steps that a reduction by partial order shows to be needless; `is_closed`
    /// tells whether a state was expanded before, or may be with this one.
    fn expand_reduced(
        &self,
        state: &StateOf<Self>,
        is_closed: &dyn Fn(Print) -> bool,
        each: &mut impl FnMut(Edge<Self::Step>),
    ) -> Result<(), Missing> {
        let _ = is_closed;
        self.expand(state, each)
    }
    /// Adds the state to which `step` leads from `from`, the one with this fingerprint.
    fn build(&self, from: &StateOf<Self>, step: (Print, Self::Step), rows: &mut Self::Rows);
    /// Keeps the state to which `step` leads from `from` in full: its number, and whether it is new. `one` is working space.
    fn keep(
        &self,
        exact: &mut Self::Exact,
        from: &StateOf<Self>,
        (print, step): (Print, &Self::Step),
        one: &mut Self::Rows,
    ) -> (u32, bool) {
        one.truncate(0);
        self.build(from, (print, step.clone()), one);
        exact.insert(print, one.at(0))
    }
    /// The goals that a state reaches, as bits by the property's place.
    fn reached(&self, state: &StateOf<Self>) -> u64;
    /// The invariant that a state breaks.
    fn broken(&self, state: &StateOf<Self>) -> Option<Violation>;
    /// What is broken by a state that no step leaves.
    fn broken_end(&self, state: &StateOf<Self>) -> Option<Violation>;
    /// Whether anything is claimed of states that no step leaves.
    fn judges_ends(&self) -> bool {
        false
    }
    /// How far a state is from what is looked for.
    fn distance(&self, state: &StateOf<Self>) -> u64;
    /// Calls `each` with a number for each part that a state is made of, the same for the same part of another.
    fn parts(&self, state: &StateOf<Self>, each: &mut dyn FnMut(u64));
    /// The class of fairness of a step: 0 for none.
    fn class(&self, step: &Self::Step) -> u64;
    /// Whether the steps between states are those of single runs, so that what happens for ever can be judged.
    fn keeps_runs(&self) -> bool {
        true
    }
    /// By place: the faults of the steps out of a state that was expanded; where none is told there is none.
    fn faults(&self, state: &StateOf<Self>) -> Vec<u32> {
        let _ = state;
        Vec::new()
    }
    /// The faults by which an initial state came to be.
    fn faults_before(&self, state: &StateOf<Self>) -> u32 {
        let _ = state;
        0
    }
    /// Bytes in use for tables.
    fn memory(&self) -> u64;
}

/// States that are kept in full, each with a number.
pub(crate) trait Exact<State: ?Sized>: Default + Send + Sync {
    /// The number of a state, and whether it is new.
    fn insert(&mut self, print: Print, state: &State) -> (u32, bool);
    /// Calls `see` with the state of this number.
    fn with<T>(&self, number: u32, see: impl FnOnce(&State) -> T) -> T;
    fn len(&self) -> usize;
    fn memory(&self) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(states: &[&[u32]]) -> Words {
        let mut rows = Words::default();
        for state in states {
            rows.add(state);
        }
        rows
    }

    #[test]
    fn what_waits_is_what_was_packed() {
        let narrow: [&[u32]; 3] =
            [&[u32::MAX, 1, 2, 3, 65_535, 7], &[0, 0, 0, 1 << 20], &[9, 9, 9, 9, 5, 6, 7]];
        let wide: [&[u32]; 2] = [&[1, 2, 3, 4, 65_536], &[5, 6, 7, 8, 1, u32::MAX]];
        for states in [&narrow[..], &wide[..], &[]] {
            let packed = rows(states).pack(0..states.len());
            let written = packed.bytes().expect("words can be written");
            for packed in [packed, Halves::of_bytes(&written).expect("it is whole")] {
                assert_eq!(packed.len(), states.len());
                let mut read = rows(&[&[1, 1, 1, 1]]);
                read.unpack(packed);
                let all: Vec<&[u32]> = (1..read.len()).map(|at| read.at(at)).collect();
                assert_eq!(all, states);
            }
            let cut = |end: usize| Halves::of_bytes(&written[..end]).is_none();
            assert!((0..written.len() - 1).all(cut), "what is cut short is refused");
        }
    }
}
