//! What the search needs of the states that it explores, whatever they are made of.

use crate::fingerprint::Print;
use synod_properties::{Property, Violation};

/// States side by side in memory, in the order in which they were found.
pub(crate) trait Rows: Default + Send + Sync {
    /// One of them.
    type State: ?Sized + Sync;
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
    /// All of them as bytes, where they can be written.
    fn pack(&self) -> Option<Vec<u8>> {
        None
    }
    /// What was packed.
    fn unpack(bytes: &[u8]) -> Option<Self> {
        let _ = bytes;
        None
    }
}

impl<T: Clone + Send + Sync> Rows for Vec<T> {
    type State = T;
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
}

/// Slices of words, one after the other.
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
    fn pack(&self) -> Option<Vec<u8>> {
        let words = std::iter::once(self.ends.len() as u32).chain(self.ends.iter().copied());
        Some(words.chain(self.words.iter().copied()).flat_map(u32::to_le_bytes).collect())
    }
    fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let count = words.next()? as usize;
        let ends: Vec<u32> = words.by_ref().take(count).collect();
        let words: Vec<u32> = words.collect();
        let whole = ends.len() == count && ends.last().map_or(0, |&end| end as usize) == words.len();
        (whole && ends.is_sorted()).then_some(Self { words, ends })
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
    /// As [`Space::expand`], leaving out steps that a reduction by partial order shows to be needless; `is_seen` tells
    /// whether a state was seen before.
    fn expand_reduced(
        &self,
        state: &StateOf<Self>,
        is_seen: &dyn Fn(Print) -> bool,
        each: &mut impl FnMut(Edge<Self::Step>),
    ) -> Result<(), Missing> {
        let _ = is_seen;
        self.expand(state, each)
    }
    /// Adds the state to which `step` leads from `from`.
    fn build(&self, from: &StateOf<Self>, step: Self::Step, rows: &mut Self::Rows);
    /// Keeps the state to which `step` leads from `from` in full: its number, and whether it is new. `one` is working space.
    fn keep(
        &self,
        exact: &mut Self::Exact,
        from: &StateOf<Self>,
        (print, step): (Print, &Self::Step),
        one: &mut Self::Rows,
    ) -> (u32, bool) {
        one.truncate(0);
        self.build(from, step.clone(), one);
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
