//! What a search keeps of what it has seen: the states, how each was found, and, where liveness asks, the steps.

use crate::fair::Graph;
use crate::fingerprint::Print;
use crate::report::Store;
use crate::space::{Exact, Space, StateOf};
use crate::visited::Prints;
use std::collections::BTreeMap;

/// The steps between states, by number, for judging what happens for ever. The position of an edge is the place of its
/// step.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) graph: Graph,
    /// By label, from 1 on: what [`Space::class`] calls it.
    pub(crate) classes: Vec<u64>,
    pub(super) labels: BTreeMap<u64, u32>,
    /// The first state of each level.
    pub(crate) levels: Vec<u32>,
}

impl Steps {
    pub(super) fn label(&mut self, class: u64) -> u32 {
        if class == 0 {
            return 0;
        }
        *self.labels.entry(class).or_insert_with(|| {
            self.classes.push(class);
            self.classes.len() as u32
        })
    }
}

/// What was seen.
pub(super) enum Visited<S: Space> {
    Short(Prints<u64>),
    Long(Prints<u128>),
    /// In full, with the steps between them where they are asked for.
    Exact(S::Exact, Option<Steps>),
}

impl<S: Space> Visited<S> {
    /// Nothing seen yet. With `steps`, states are kept in full, with the steps between them.
    pub(super) fn new(store: Store, steps: bool) -> Self {
        match store {
            _ if steps => Self::Exact(S::Exact::default(), Some(Steps::default())),
            Store::Exact => Self::Exact(S::Exact::default(), None),
            Store::Fingerprint64 => Self::Short(Prints::new()),
            Store::Fingerprint128 => Self::Long(Prints::new()),
        }
    }

    /// Whether a state with this fingerprint was seen. Where states are kept in full, any may have been.
    pub(super) fn has(&self, print: Print) -> bool {
        match self {
            Self::Short(prints) => prints.has(print),
            Self::Long(prints) => prints.has(print),
            Self::Exact(..) => true,
        }
    }

    /// Adds a state; whether it is new.
    pub(super) fn insert(&mut self, print: Print, state: &StateOf<S>) -> bool {
        match self {
            Self::Short(prints) => prints.insert(print),
            Self::Long(prints) => prints.insert(print),
            Self::Exact(exact, _) => exact.insert(print, state).1,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Short(prints) => prints.len(),
            Self::Long(prints) => prints.len(),
            Self::Exact(exact, _) => exact.len(),
        }
    }

    pub(super) fn memory(&self) -> u64 {
        match self {
            Self::Short(prints) => prints.memory(),
            Self::Long(prints) => prints.memory(),
            Self::Exact(exact, steps) => exact.memory() + steps.as_ref().map_or(0, |s| s.graph.memory()),
        }
    }
}

/// The step by which each state was found first.
#[derive(Default)]
pub(super) struct Parents {
    pub(super) of: Vec<u32>,
    /// The place among its parent's steps; what does not fit stands in `far`.
    pub(super) places: Vec<u16>,
    pub(super) far: BTreeMap<u32, u32>,
}

impl Parents {
    pub(super) fn push(&mut self, parent: u32, place: u32) {
        if place >= u32::from(u16::MAX) {
            self.far.insert(self.of.len() as u32, place);
        }
        self.of.push(parent);
        self.places.push(u16::try_from(place).unwrap_or(u16::MAX));
    }

    pub(super) fn place(&self, state: u32) -> u32 {
        match self.places[state as usize] {
            u16::MAX => self.far[&state],
            place => u32::from(place),
        }
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    pub(super) fn memory(&self) -> u64 {
        (self.of.capacity() * 4 + self.places.capacity() * 2) as u64
    }
}
