//! A spanning tree: every process looks for a neighbour that is closer to the root.
//!
//! # Source
//! The specifications SpanTree and SpanTreeTest of the TLA+ examples (L. Lamport), for P. Kaasböck's problem of a rooted
//! tree in a network.
//!
//! # States and steps
//! Each process has a parent, at first itself, and a distance, at first the highest; that of the root is 0. A process
//! takes a neighbour for its parent, and any distance below its own and above the neighbour's.
//!
//! # Claims
//! ST1 a process with a parent is farther from the root than its parent. ST2 where nothing more happens, every process
//! that is connected with the root has a neighbour for its parent and is one farther than it. ST3 that is so in the end,
//! if something happens.
//!
//! # Departures from the source
//! The five processes of the published graph are numbered from 0; with `every` = 1 every graph on n of them is an initial
//! state.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 5;
/// The published graph.
const EDGES: [(usize, usize); 7] = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)];

/// The system.
#[derive(Clone, Debug)]
pub struct SpanningTree {
    /// Processes.
    n: usize,
    /// The highest distance.
    far: u8,
    /// Whether every graph is an initial state.
    every: bool,
    /// The twin: a process may be as far as its parent.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    neighbours: [Set; N_MAX],
    parent: [u8; N_MAX],
    distance: [u8; N_MAX],
}

/// A process takes a parent and a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Adopt {
    /// Who.
    process: u8,
    /// Its parent.
    parent: u8,
    /// Its distance.
    distance: u8,
}

impl SpanningTree {
    fn start(&self, edges: impl IntoIterator<Item = (usize, usize)>) -> State {
        let mut neighbours = [Set::EMPTY; N_MAX];
        for (i, j) in edges {
            neighbours[i] = neighbours[i].with(j);
            neighbours[j] = neighbours[j].with(i);
        }
        let mut distance = [0; N_MAX];
        distance[1..self.n].fill(self.far);
        State { neighbours, parent: std::array::from_fn(|i| i as u8), distance }
    }

    /// The source's post-condition.
    fn is_tree(&self, state: &State) -> bool {
        (1..self.n).all(|i| {
            let (parent, distance) = (usize::from(state.parent[i]), state.distance[i]);
            if distance == self.far {
                parent == i && state.neighbours[i].iter().all(|j| state.distance[j] == self.far)
            } else {
                state.neighbours[i].has(parent) && distance == state.distance[parent] + 1
            }
        })
    }

    fn is_farther_than_its_parent(&self, state: &State) -> bool {
        (1..self.n).all(|i| {
            let parent = usize::from(state.parent[i]);
            parent == i || state.distance[parent] < state.distance[i]
        })
    }
}

impl System for SpanningTree {
    type State = State;
    type Action = Adopt;

    fn initial(&self, each: &mut impl FnMut(State)) {
        if !self.every {
            return each(self.start(EDGES.into_iter().filter(|&(_, j)| j < self.n)));
        }
        let pairs: Vec<_> = (0..self.n).flat_map(|j| (0..j).map(move |i| (i, j))).collect();
        for edges in Set::all(pairs.len()).subsets() {
            each(self.start(edges.iter().map(|edge| pairs[edge])));
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Adopt, State)) {
        for i in 1..self.n {
            for j in state.neighbours[i].iter() {
                let least = state.distance[j] + u8::from(!self.broken);
                for distance in least..state.distance[i] {
                    let mut next = *state;
                    (next.parent[i], next.distance[i]) = (j as u8, distance);
                    each(Adopt { process: i as u8, parent: j as u8, distance }, next);
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("ST1", "farther than its parent", Says::Always(Self::is_farther_than_its_parent)),
            Claim::new("ST2", "a tree where it ends", Says::Ends(Self::is_tree)),
            Claim::new("ST3", "a tree in the end", Says::Eventually(Self::is_tree)),
            Claim::new(
                "ST4",
                "all may be in the tree",
                Says::Sometimes(|it: &Self, s: &State| {
                    it.is_tree(s) && s.distance[..it.n].iter().all(|&distance| distance < it.far)
                }),
            ),
        ]
    }

    fn fairness(&self, _: &Adopt) -> Justice {
        Justice::Weak(0)
    }
}

impl Published for SpanningTree {
    const NAME: &'static str = "spanning-tree";
    const PAGE: &'static str = include_str!("spanning_tree.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 5, 2, N_MAX as u64),
        constant("far", "the highest distance, at least n", 6, 2, 9),
        constant("every", "1: every graph on them is an initial state", 0, 0, 1),
        broken("1: a process may be as far as its parent"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 5), ("far", 6)], 1_236, 5).generating(10_278).published(),
        Row::new(&[("n", 4), ("far", 5), ("every", 1)], 3_984, 4).from(64).generating(21_784).published(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "ST1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (n, far) = (constants.size("n"), constants.get("far") as u8);
        if usize::from(far) < n {
            return Err(Refused::Together("far is at least n"));
        }
        Ok(Self { n, far, every: constants.get("every") == 1, broken: constants.broken() })
    }
}
