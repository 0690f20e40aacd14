//! What was explored: states as numbers, their edges in one array.

use std::ops::Range;

/// The target of an edge that leads beyond what was explored.
const BEYOND: u32 = u32::MAX;
/// The place of the edges of a state that was never opened.
const UNOPENED: u64 = u64::MAX;
/// How many low bits of a place hold the number of edges.
const LENGTH_BITS: u32 = 24;
/// The most edges of one state.
const LENGTH_MAX: u64 = (1 << LENGTH_BITS) - 1;

/// States from 0 on, each with its edges in the order given; every edge has a target and a label.
///
/// Eight bytes a state; four bytes an edge and one, two or four more for its label, as the greatest label needs. States
/// may be opened in any order. One that is never opened counts as not explored.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By state: where its edges start, and how many there are.
    places: Vec<u64>,
    targets: Vec<u32>,
    labels: Labels,
    current: u32,
    /// By state: why its edges are not all known, 0 if they are; as long as the last state that was marked.
    marks: Vec<u8>,
}

impl Graph {
    /// The reason of a state that was never opened.
    pub const UNEXPLORED: u8 = u8::MAX;

    /// A graph without states.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with the edges of a state.
    ///
    /// # Panics
    /// If the state was opened before.
    pub fn open(&mut self, state: u32) {
        let place = state as usize;
        if self.places.len() <= place {
            self.places.resize(place + 1, UNOPENED);
        }
        assert!(self.places[place] == UNOPENED, "state {state} is opened twice");
        self.places[place] = (self.targets.len() as u64) << LENGTH_BITS;
        self.current = state;
    }

    /// An edge of the state that was opened last.
    ///
    /// # Panics
    /// If no state was opened, or it has more than sixteen million edges.
    pub fn edge(&mut self, target: u32, label: u32) {
        assert!(target < BEYOND, "a state's number is below 2^32 - 1");
        self.push(target, label);
    }

    /// An edge of the state that was opened last to a state that was not explored, and never will be: its class is
    /// enabled, and nothing is known of what comes after.
    ///
    /// # Panics
    /// As [`Self::edge`].
    pub fn beyond(&mut self, label: u32) {
        self.push(BEYOND, label);
    }

    fn push(&mut self, target: u32, label: u32) {
        let place = &mut self.places[self.current as usize];
        assert!(*place & LENGTH_MAX < LENGTH_MAX, "too many edges of state {}", self.current);
        *place += 1;
        self.targets.push(target);
        self.labels.push(label);
    }

    /// The edges of a state are not all known; of several reasons (from 1 on) the greatest is kept.
    pub fn mark(&mut self, state: u32, reason: u8) {
        let place = state as usize;
        if self.marks.len() <= place {
            self.marks.resize(place + 1, 0);
        }
        self.marks[place] = self.marks[place].max(reason);
    }

    /// Why the edges of a state are not all known, if so.
    pub fn reason(&self, state: u32) -> Option<u8> {
        if self.places.get(state as usize).is_none_or(|&place| place == UNOPENED) {
            return Some(Self::UNEXPLORED);
        }
        self.marks.get(state as usize).copied().filter(|&reason| reason > 0)
    }

    /// How many edges there are.
    pub fn edges_total(&self) -> u64 {
        self.targets.len() as u64
    }

    /// What it occupies, in bytes.
    pub fn memory(&self) -> u64 {
        (self.places.capacity() * 8 + self.targets.capacity() * 4 + self.marks.capacity()) as u64
            + self.labels.memory()
    }

    /// The edges of a state, by their places among all edges.
    pub fn edges(&self, state: u32) -> Range<usize> {
        match self.places.get(state as usize) {
            Some(&place) if place != UNOPENED => {
                let start = (place >> LENGTH_BITS) as usize;
                start..start + (place & LENGTH_MAX) as usize
            }
            _ => 0..0,
        }
    }

    /// Where an edge leads; `None`: beyond what was explored.
    pub fn target(&self, edge: usize) -> Option<u32> {
        Some(self.targets[edge]).filter(|&target| target != BEYOND)
    }

    /// An edge's label.
    pub fn label(&self, edge: usize) -> u32 {
        self.labels.get(edge)
    }
}

/// Labels, as wide as the greatest.
#[derive(Clone, Debug)]
enum Labels {
    Byte(Vec<u8>),
    Short(Vec<u16>),
    Word(Vec<u32>),
}

impl Default for Labels {
    fn default() -> Self {
        Self::Byte(Vec::new())
    }
}

impl Labels {
    fn push(&mut self, label: u32) {
        match self {
            Self::Byte(labels) if u8::try_from(label).is_ok() => labels.push(label as u8),
            Self::Short(labels) if u16::try_from(label).is_ok() => labels.push(label as u16),
            Self::Word(labels) => labels.push(label),
            Self::Byte(labels) if u16::try_from(label).is_ok() => {
                *self = Self::Short(labels.iter().map(|&l| u16::from(l)).chain([label as u16]).collect());
            }
            Self::Byte(labels) => {
                *self = Self::Word(labels.iter().map(|&l| u32::from(l)).chain([label]).collect());
            }
            Self::Short(labels) => {
                *self = Self::Word(labels.iter().map(|&l| u32::from(l)).chain([label]).collect());
            }
        }
    }

    fn get(&self, edge: usize) -> u32 {
        match self {
            Self::Byte(labels) => u32::from(labels[edge]),
            Self::Short(labels) => u32::from(labels[edge]),
            Self::Word(labels) => labels[edge],
        }
    }

    fn memory(&self) -> u64 {
        (match self {
            Self::Byte(labels) => labels.capacity(),
            Self::Short(labels) => labels.capacity() * 2,
            Self::Word(labels) => labels.capacity() * 4,
        }) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_found_again_in_any_order_of_opening_and_with_labels_of_any_width() {
        let mut graph = Graph::new();
        let labels = [3, 255, 256, 65_535, 65_536, 7, u32::MAX];
        for state in [4_u32, 0, 2] {
            graph.open(state);
            for label in labels {
                graph.edge(state + 1, label);
            }
            graph.beyond(9);
        }
        for state in [0, 2, 4] {
            let edges: Vec<_> = graph.edges(state).map(|e| (graph.target(e), graph.label(e))).collect();
            let expected = labels.iter().map(|&label| (Some(state + 1), label)).chain([(None, 9)]);
            assert_eq!(edges, expected.collect::<Vec<_>>());
        }
        assert_eq!(graph.edges_total(), 24);
        assert!(graph.edges(1).is_empty() && graph.edges(9).is_empty());
    }

    #[test]
    fn a_state_that_was_never_opened_is_open_and_the_greatest_reason_stays() {
        let mut graph = Graph::new();
        graph.open(1);
        graph.mark(1, 4);
        graph.mark(1, 2);
        graph.open(2);
        assert_eq!([0, 1, 2, 3].map(|s| graph.reason(s)), [Some(255), Some(4), None, Some(255)]);
    }
}
