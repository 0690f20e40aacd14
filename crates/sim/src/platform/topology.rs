//! Topologies: which processes are neighbours, and the way of a message between those that are not.

use super::{Fits, Unfit, known};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use synod_model::ProcessId;

/// Who is whose neighbour. Messages of others take the fewest hops there are, each as long as a message between neighbours;
/// what forwards them is the network, which works also where a process is down. Cuts cut wires: while there is another way,
/// messages take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Topology {
    /// Everybody is everybody's: the usual.
    Full {},
    /// Each has the next one and the one before it.
    Ring {},
    /// One has all others.
    Star {
        /// Which.
        #[serde(default)]
        center: ProcessId,
    },
    /// Process 0 is the root, and each has so many children, in order.
    Tree {
        /// How many.
        #[serde(default = "two")]
        arity: u32,
    },
    /// Rows of so many, each with those beside, above and below it.
    Grid {
        /// How many.
        width: u32,
    },
    /// Any graph.
    Edges {
        /// Its edges, in both directions.
        edges: Vec<(ProcessId, ProcessId)>,
    },
}

fn two() -> u32 {
    2
}

impl Topology {
    pub(super) fn fits(&self, n: u32) -> Fits {
        match self {
            Self::Star { center } => known("topology.center", *center, n)?,
            Self::Tree { arity: 0 } => {
                return Err(Unfit::new(
                    "`topology.arity` = 0: a tree without branches",
                    "an arity is at least 1",
                ));
            }
            Self::Grid { width: 0 } => {
                return Err(Unfit::new(
                    "`topology.width` = 0: a grid without columns",
                    "a width is at least 1",
                ));
            }
            Self::Edges { edges } => {
                edges.iter().flat_map(|(a, b)| [a, b]).try_for_each(|&p| known("topology.edges", p, n))?;
            }
            _ => {}
        }
        let mut routes = Routes::new(self, n);
        match (0..n).find(|&to| routes.hops(0, to).is_none()) {
            Some(alone) => Err(Unfit::new(
                format!("`topology` is not connected: there is no way from process 0 to process {alone}"),
                "add edges; to cut a network in two, use a partition, which has a budget",
            )),
            None => Ok(()),
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Full {} => "fully connected".to_owned(),
            Self::Ring {} => "a ring".to_owned(),
            Self::Star { center } => format!("a star around p{}", center.0),
            Self::Tree { arity } => format!("a tree of arity {arity}"),
            Self::Grid { width } => format!("a grid of width {width}"),
            Self::Edges { edges } => format!("a graph of {} edges", edges.len()),
        }
    }

    /// The edges among `n` processes.
    fn edges(&self, n: u32) -> Vec<(u32, u32)> {
        match self {
            Self::Full {} => (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect(),
            Self::Ring {} => (0..n).map(|a| (a, (a + 1) % n)).filter(|(a, b)| a != b).collect(),
            Self::Star { center } => (0..n).filter(|p| *p != center.0).map(|p| (center.0, p)).collect(),
            Self::Tree { arity } => (1..n).map(|p| ((p - 1) / arity, p)).collect(),
            Self::Grid { width } => {
                let beside = (0..n).filter(|p| (p + 1) % width != 0).map(|p| (p, p + 1));
                let below = (0..n).map(|p| (p, p.saturating_add(*width)));
                beside.chain(below).filter(|&(_, b)| b < n).collect()
            }
            Self::Edges { edges } => edges.iter().map(|(a, b)| (a.0, b.0)).collect(),
        }
    }
}

/// The ways between processes, while some wires are cut.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// By process: its neighbours, in ascending order.
    neighbours: Vec<Vec<u32>>,
    cut: BTreeSet<(u32, u32)>,
    /// By sender: from where a message reaches each process first; found when it is asked for.
    before: BTreeMap<u32, Vec<u32>>,
}

/// Nothing reaches it.
const NOWHERE: u32 = u32::MAX;

impl Routes {
    pub(super) fn new(topology: &Topology, n: u32) -> Self {
        let mut neighbours = vec![Vec::new(); n as usize];
        // smaller worlds than the one that it was written for have some of it
        for (a, b) in topology.edges(n).into_iter().filter(|(a, b)| *a.max(b) < n) {
            neighbours[a as usize].push(b);
            neighbours[b as usize].push(a);
        }
        for of_one in &mut neighbours {
            of_one.sort_unstable();
            of_one.dedup();
        }
        Self { neighbours, cut: BTreeSet::new(), before: BTreeMap::new() }
    }

    /// The processes on the shortest way, both ends among them; of several that whose processes come first.
    pub(super) fn path(&mut self, from: u32, to: u32) -> Option<Vec<u32>> {
        if from == to {
            return Some(vec![from, to]);
        }
        let before = self.tree(from);
        let mut path = vec![to];
        while *path.last()? != from {
            match before[*path.last()? as usize] {
                NOWHERE => return None,
                next => path.push(next),
            }
        }
        path.reverse();
        Some(path)
    }

    /// How many hops a message takes.
    pub(super) fn hops(&mut self, from: u32, to: u32) -> Option<usize> {
        self.path(from, to).map(|path| path.len() - 1)
    }

    fn tree(&mut self, from: u32) -> &[u32] {
        let (neighbours, cut) = (&self.neighbours, &self.cut);
        self.before.entry(from).or_insert_with(|| {
            let mut before = vec![NOWHERE; neighbours.len()];
            before[from as usize] = from;
            let mut frontier = VecDeque::from([from]);
            while let Some(at) = frontier.pop_front() {
                for &next in &neighbours[at as usize] {
                    if before[next as usize] == NOWHERE && !cut.contains(&(at, next)) {
                        before[next as usize] = at;
                        frontier.push_back(next);
                    }
                }
            }
            before
        })
    }

    /// Cuts these wires, each in its direction. Whether one of them is there and was whole.
    pub(super) fn sever(&mut self, links: &[(u32, u32)]) -> bool {
        let before = self.cut.len();
        let wires = links.iter().filter(|(a, b)| self.neighbours[*a as usize].binary_search(b).is_ok());
        self.cut.extend(wires);
        self.before.clear();
        self.cut.len() > before
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.before.clear();
    }

    /// The pairs between which there is no way any more.
    pub(super) fn parted(&mut self) -> BTreeSet<(u32, u32)> {
        let n = self.neighbours.len() as u32;
        let mut parted = BTreeSet::new();
        for from in 0..n {
            let before = self.tree(from);
            parted.extend((0..n).filter(|&to| before[to as usize] == NOWHERE).map(|to| (from, to)));
        }
        parted
    }

    /// Whether wires are cut.
    pub(super) fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(topology: &Topology, n: u32, from: u32, to: u32) -> usize {
        topology.fits(n).expect("connected");
        Routes::new(topology, n).hops(from, to).expect("a way")
    }

    #[test]
    fn the_distances_are_those_of_the_shapes() {
        assert_eq!(hops(&Topology::Ring {}, 6, 0, 3), 3);
        assert_eq!(hops(&Topology::Ring {}, 6, 5, 0), 1);
        assert_eq!(hops(&Topology::Star { center: ProcessId(2) }, 5, 0, 4), 2);
        assert_eq!(hops(&Topology::Tree { arity: 2 }, 7, 3, 6), 4);
        assert_eq!(hops(&Topology::Grid { width: 3 }, 9, 0, 8), 4);
        assert_eq!(hops(&Topology::Grid { width: 3 }, 9, 2, 3), 3, "rows do not wrap");
        assert_eq!(hops(&Topology::Full {}, 5, 1, 4), 1);
        assert_eq!(hops(&Topology::Ring {}, 1, 0, 0), 1, "a message to oneself goes out and back");
        assert_eq!(hops(&Topology::Ring {}, 2, 0, 1), 1);
    }

    #[test]
    fn a_cut_ring_is_a_line_and_cut_twice_it_is_parted() {
        let mut routes = Routes::new(&Topology::Ring {}, 4);
        assert!(routes.sever(&[(0, 1), (1, 0)]));
        assert_eq!(routes.path(0, 1), Some(vec![0, 3, 2, 1]));
        assert!(routes.parted().is_empty());
        assert!(!routes.sever(&[(0, 2)]), "there is no such wire");
        assert!(routes.sever(&[(2, 3), (3, 2)]));
        assert_eq!(routes.path(0, 1), None);
        assert_eq!(routes.parted().len(), 8, "two and two, both ways");
        routes.heal();
        assert_eq!(routes.hops(0, 1), Some(1));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let edges = |of: &[(u32, u32)]| Topology::Edges {
            edges: of.iter().map(|&(a, b)| (ProcessId(a), ProcessId(b))).collect(),
        };
        let refused = |topology: Topology| topology.fits(4).expect_err("no network").what;
        assert!(refused(edges(&[(0, 1), (2, 3)])).contains("no way from process 0 to process 2"));
        assert!(refused(edges(&[(0, 9)])).contains("process 9 of n = 4"));
        assert!(refused(Topology::Grid { width: 0 }).contains("without columns"));
        assert!(edges(&[(0, 1), (1, 2), (3, 1)]).fits(4).is_ok());
    }
}
