//! Strongly connected components, one partition refined in place.
//!
//! Tarjan's depth-first search (1972) without recursion, in the memory of Pearce's variant (2016): one number a state says
//! where it stands in the search and afterwards to which component it belongs.

use super::{Graph, Question};
use std::ops::Range;

/// The mark of a state that belongs to nothing any more.
const OUT: u32 = u32::MAX;
/// The mark of a state that the search has yet to see.
const UNSEEN: u32 = u32::MAX - 1;
/// The bit of a call's place that says that another state was reached from which the search came.
const REACHED_BACK: u32 = 1 << 31;

/// Disjoint sets of states; those with more than one member are pieces.
pub(super) struct Partition {
    /// By state: [`OUT`], [`UNSEEN`], its index in the search (below `states`), or `states` and the start of its piece.
    marks: Vec<u32>,
    /// The pieces, one after the other.
    members: Vec<u32>,
    /// What was left by the search and waits for the root of its component.
    stack: Vec<u32>,
    /// The states on the way of the search, each with the place of the edge that is looked at.
    calls: Vec<(u32, u32)>,
    states: u32,
    /// Whether any edge is forbidden: else labels need not be read.
    forbids: bool,
}

/// A piece: its states within the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    start: u32,
    end: u32,
}

impl Piece {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Partition {
    /// Nothing is seen of the region.
    pub(super) fn new(question: &Question<'_>) -> Self {
        let states = question.region.states();
        assert!(states < 1 << 31, "components are found among fewer than 2^31 states");
        let mut marks = vec![OUT; states as usize];
        question.region.iter().for_each(|state| marks[state as usize] = UNSEEN);
        let forbids = question.classes.iter().any(|class| class.forbidden);
        Self { marks, members: Vec::new(), stack: Vec::new(), calls: Vec::new(), states, forbids }
    }

    /// The states of a piece.
    pub(super) fn states(&self, piece: Piece) -> &[u32] {
        &self.members[piece.range()]
    }

    /// Whether two states are one, or in one piece.
    pub(super) fn together(&self, a: u32, b: u32) -> bool {
        a == b || {
            let mark = self.marks[a as usize];
            mark != OUT && mark == self.marks[b as usize]
        }
    }

    /// Splits the unseen states that are reached from `roots` into components: calls `alone` with the states that are one
    /// of their own, and adds the pieces to `pieces`.
    pub(super) fn split(
        &mut self,
        graph: &Graph,
        question: &Question<'_>,
        roots: impl Iterator<Item = u32>,
        pieces: &mut Vec<Piece>,
        alone: &mut impl FnMut(u32),
    ) {
        let mut out = self.members.len() as u32;
        for root in roots {
            if self.marks[root as usize] == UNSEEN {
                self.descend(graph, question, root, &mut out, pieces, alone);
            }
        }
    }

    /// The states of `piece` without those that `keep` denies: taken apart anew.
    pub(super) fn split_again(
        &mut self,
        graph: &Graph,
        question: &Question<'_>,
        piece: Piece,
        keep: &mut impl FnMut(u32) -> bool,
        pieces: &mut Vec<Piece>,
        alone: &mut impl FnMut(u32),
    ) {
        let mut kept = Vec::new();
        for &state in &self.members[piece.range()] {
            let keep = keep(state);
            self.marks[state as usize] = if keep { UNSEEN } else { OUT };
            if keep {
                kept.push(state);
            }
        }
        let mut out = piece.start;
        for root in kept {
            if self.marks[root as usize] == UNSEEN {
                self.descend(graph, question, root, &mut out, pieces, alone);
            }
        }
    }

    /// Searches from an unseen state; components are written from `out` on.
    fn descend(
        &mut self,
        graph: &Graph,
        question: &Question<'_>,
        root: u32,
        out: &mut u32,
        pieces: &mut Vec<Piece>,
        alone: &mut impl FnMut(u32),
    ) {
        let mut index = 0;
        self.enter(root, &mut index);
        while let Some(&(state, place)) = self.calls.last() {
            let (next, reached_back) = self.look(graph, question, state, place & !REACHED_BACK);
            let reached_back = reached_back | place & REACHED_BACK;
            if let Some((place, target)) = next {
                // the same edge is looked at again when the search comes back
                self.calls.last_mut().expect("it was there").1 = place | reached_back;
                self.enter(target, &mut index);
                continue;
            }
            self.calls.pop();
            if reached_back == 0 {
                self.close(state, out, pieces, alone);
            } else {
                self.stack.push(state);
            }
        }
    }

    fn enter(&mut self, state: u32, index: &mut u32) {
        self.marks[state as usize] = *index;
        *index += 1;
        self.calls.push((state, 0));
    }

    /// Looks at the edges of a state from `place` on, as far as the first unseen target.
    fn look(
        &mut self,
        graph: &Graph,
        question: &Question<'_>,
        state: u32,
        place: u32,
    ) -> (Option<(u32, u32)>, u32) {
        let edges = graph.edges(state);
        let mut least = self.marks[state as usize];
        let mut reached_back = 0;
        let mut next = None;
        for edge in edges.start + place as usize..edges.end {
            let target = if self.forbids { question.allowed(graph, edge) } else { graph.target(edge) };
            let Some(target) = target else { continue };
            // outside the region, and beyond what was numbered, nothing has a mark
            let Some(&mark) = self.marks.get(target as usize) else { continue };
            if mark == UNSEEN {
                next = Some(((edge - edges.start) as u32, target));
                break;
            }
            // what is closed or elsewhere has a greater mark than any index
            if mark < least {
                least = mark;
                reached_back = REACHED_BACK;
            }
        }
        self.marks[state as usize] = least;
        (next, reached_back)
    }

    /// The component of `root`, which the search leaves: it, and what waits above it.
    fn close(&mut self, root: u32, out: &mut u32, pieces: &mut Vec<Piece>, alone: &mut impl FnMut(u32)) {
        let least = self.marks[root as usize];
        let first = self.stack.iter().rposition(|&s| self.marks[s as usize] < least).map_or(0, |p| p + 1);
        let size = (self.stack.len() - first) as u32 + 1;
        if size == 1 {
            self.marks[root as usize] = OUT;
            return alone(root);
        }
        let piece = Piece { start: *out, end: *out + size };
        *out = piece.end;
        if self.members.len() < piece.range().end {
            self.members.resize(piece.range().end, OUT);
        }
        for (place, state) in piece.range().zip(self.stack.drain(first..).chain([root])) {
            self.members[place] = state;
            self.marks[state as usize] = self.states + piece.start;
        }
        pieces.push(piece);
    }
}
