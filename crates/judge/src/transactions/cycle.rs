//! The transactions that lie on cycles, and the shortest cycle of each kind among them.

use super::anomaly::{Anomalies, Kind, Outer, Phenomenon, refutes};
use super::graph::{Dependency, DependencySet, Edge, Graph, NONE, cyclic_components};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use std::collections::hash_map::Entry;

/// How many components are searched for a kind of cycle, the smallest first.
const COMPONENTS_MAX: usize = 4;
/// How many edges a search for one kind in one component follows, once it has found a cycle or the component is through.
const STEPS_MAX: usize = 4_000_000;

const WRITES: DependencySet = 1 << Dependency::WriteWrite as u8;
const INFORMATION: DependencySet = WRITES | 1 << Dependency::WriteRead as u8;
const ITEMS: DependencySet = INFORMATION | 1 << Dependency::ReadWrite as u8;
const ALL: DependencySet = ITEMS | 1 << Dependency::Phantom as u8;

/// What leads from one transaction to the next in a cycle of this kind. In what order versions are that clients or clocks tell apart, only
/// levels say that have one order for all.
fn mask(cycle: Phenomenon, outer: Outer) -> DependencySet {
    match cycle {
        Phenomenon::G0 => WRITES | outer.bits(),
        Phenomenon::G1c => INFORMATION | outer.bits(),
        phantom if phantom.has_phantom() => ALL | outer.bits() | outer.of_versions(),
        _ => ITEMS | outer.bits() | outer.of_versions(),
    }
}

/// Whether the one refutes whatever the other does.
fn is_as_bad(one: Kind, other: Kind) -> bool {
    refutes(other).iter().all(|level| refutes(one).iter().any(|&weaker| level.implies(weaker)))
}

/// The part of the graph that lies on cycles of any edges.
pub(super) struct Core {
    pub(super) graph: Graph,
    /// What each of its nodes is in the whole.
    pub(super) nodes: Vec<u32>,
    component: Vec<u32>,
    /// Below are transactions, from here on gates.
    pub(super) transactions: u32,
}

impl Core {
    /// Of a graph of so many transactions and some gates; nothing if there is no cycle.
    pub(super) fn of(whole: &Graph, transactions: u32) -> Option<Self> {
        let (component, count) = cyclic_components(whole.nodes(), |node, next| {
            whole.out(node).get(next as usize).map(|&(to, _)| to)
        });
        if count == 0 {
            return None;
        }
        let nodes: Vec<u32> =
            (0..whole.nodes() as u32).filter(|&node| component[node as usize] != NONE).collect();
        let mut local = vec![NONE; whole.nodes()];
        for (index, &node) in nodes.iter().enumerate() {
            local[node as usize] = index as u32;
        }
        let mut edges = vec![];
        for &node in &nodes {
            for &(to, dependency) in whole.out(node) {
                if component[to as usize] == component[node as usize] {
                    let (from, to) = (local[node as usize], local[to as usize]);
                    edges.push(Edge { from, to, dependency });
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let graph = Graph::new(nodes.len(), &edges);
        let component = nodes.iter().map(|&node| component[node as usize]).collect();
        Some(Self { graph, nodes, component, transactions })
    }

    pub(super) fn is_transaction(&self, node: u32) -> bool {
        self.nodes[node as usize] < self.transactions
    }

    fn components(&self, mask: DependencySet) -> (Vec<u32>, u32) {
        let mask = mask | Dependency::Through.bit();
        cyclic_components(self.nodes.len(), |node, next| {
            let &(to, dependency) = self.graph.out(node).get(next as usize)?;
            Some(if dependency.bit() & mask == 0 { NONE } else { to })
        })
    }

    /// Whether there is a cycle of this kind, or a worse one, with an order.
    pub(super) fn cyclic(&self, cycle: Phenomenon, outer: Outer) -> bool {
        let mask = mask(cycle, outer);
        match cycle {
            Phenomenon::G0 | Phenomenon::G1c | Phenomenon::G2Item | Phenomenon::G2 => {
                self.components(mask).1 > 0
            }
            _ => self.snapshot_cyclic(mask),
        }
    }

    /// Whether there is a cycle without two anti-dependencies next to each other: one in the graph of transactions that have and have not
    /// been entered by an anti-dependency.
    fn snapshot_cyclic(&self, mask: DependencySet) -> bool {
        let mask = mask | Dependency::Through.bit();
        let (_, count) = cyclic_components(2 * self.nodes.len(), |doubled, next| {
            let (node, entered) = (doubled / 2, doubled % 2);
            let &(to, dependency) = self.graph.out(node).get(next as usize)?;
            Some(match dependency {
                _ if dependency.bit() & mask == 0 => NONE,
                Dependency::Through => 2 * to + entered,
                anti if anti.is_anti() => {
                    if entered == 1 {
                        NONE
                    } else {
                        2 * to + 1
                    }
                }
                _ => 2 * to,
            })
        });
        count > 0
    }

    /// The shortest cycles. One with an order is searched where there is none as bad without it.
    pub(super) fn cycles(&self, anomalies: &mut Anomalies) {
        let mut known: FxHashSet<(u32, Phenomenon, Outer)> = FxHashSet::default();
        for outer in Outer::ALL {
            for cycle in Phenomenon::CYCLES {
                let mask = mask(cycle, outer);
                for nodes in self.smallest_components(mask) {
                    let whole = self.component[nodes[0] as usize];
                    let as_bad = |&(at, other, weaker): &(u32, Phenomenon, Outer)| {
                        at == whole && weaker < outer && is_as_bad((other, weaker), (cycle, outer))
                    };
                    if known.iter().any(as_bad) {
                        continue;
                    }
                    if let Some(path) = (Search { core: self, cycle, outer, mask, nodes: &nodes }).shortest()
                    {
                        known.insert((whole, cycle, outer));
                        anomalies.of_path((cycle, outer), path);
                    }
                }
            }
        }
    }

    fn smallest_components(&self, mask: DependencySet) -> Vec<Vec<u32>> {
        let (component, count) = self.components(mask);
        let mut nodes = vec![vec![]; count as usize];
        for (node, &component) in component.iter().enumerate() {
            if component != NONE {
                nodes[component as usize].push(node as u32);
            }
        }
        nodes.sort_unstable_by_key(|nodes| (nodes.len(), nodes[0]));
        nodes.truncate(COMPONENTS_MAX);
        nodes
    }
}

/// What has been followed so far, as bits: the last edge was an anti-dependency; there was a second one (where it counts: next to another);
/// there was an edge of the order; the next has to be an anti-dependency.
type State = u8;
const ENTERED: State = 1;
const SECOND: State = 2;
const ORDERED: State = 4;
const OWES: State = 8;

struct Search<'a> {
    core: &'a Core,
    cycle: Phenomenon,
    outer: Outer,
    mask: DependencySet,
    nodes: &'a [u32],
}

impl Search<'_> {
    /// What has been followed with the edge that such a cycle is begun with, if it is one.
    fn first(&self, dependency: Dependency) -> Option<State> {
        if dependency.bit() & self.mask == 0 {
            return None;
        }
        let state = match (self.cycle, dependency) {
            (Phenomenon::G0, Dependency::WriteWrite) | (Phenomenon::G1c, Dependency::WriteRead) => 0,
            (Phenomenon::G0 | Phenomenon::G1c, _) => return None,
            (phantom, _) if phantom.has_phantom() && dependency != Dependency::Phantom => return None,
            (_, anti) if !anti.is_anti() => return None,
            (Phenomenon::G2Item, _) => OWES,
            _ => ENTERED,
        };
        Some(state | self.ordered(dependency))
    }

    /// Whether it is an edge of the order, or follows from it.
    fn ordered(&self, dependency: Dependency) -> State {
        let needs = self.outer.bits() | self.outer.of_versions();
        if dependency.bit() & needs == 0 { 0 } else { ORDERED }
    }

    fn follow(&self, state: State, dependency: Dependency) -> Option<State> {
        if dependency == Dependency::Through {
            return Some(state);
        }
        if dependency.bit() & self.mask == 0 {
            return None;
        }
        let state = state | self.ordered(dependency);
        if !dependency.is_anti() {
            return (state & OWES == 0).then_some(state & !ENTERED);
        }
        match self.cycle {
            Phenomenon::GNonadjacent | Phenomenon::GNonadjacentPhantom if state & ENTERED == 0 => {
                Some(state | ENTERED | SECOND)
            }
            Phenomenon::G2Item => Some(state & !OWES),
            Phenomenon::G2 if state & ENTERED != 0 => Some(state | SECOND),
            Phenomenon::G2 => Some(state | ENTERED),
            _ => None,
        }
    }

    fn accepts(&self, state: State) -> bool {
        let ordered = self.outer == Outer::None || state & ORDERED != 0;
        ordered
            && match self.cycle {
                Phenomenon::GNonadjacent | Phenomenon::GNonadjacentPhantom => {
                    state & SECOND != 0 && state & ENTERED == 0
                }
                // the last edge and the first are next to each other
                Phenomenon::G2 => state & (SECOND | ENTERED) != 0,
                _ => state & OWES == 0,
            }
    }

    /// The shortest cycle: each transaction, with how it leads to the next.
    fn shortest(&self) -> Option<Vec<(u32, Dependency)>> {
        let inside: FxHashSet<u32> = self.nodes.iter().copied().collect();
        let mut best: Option<Vec<(u32, Dependency)>> = None;
        let mut steps = 0;
        for &from in self.nodes.iter().filter(|&&node| self.core.is_transaction(node)) {
            for &(to, dependency) in self.core.graph.out(from) {
                let shortest = best.as_ref().map_or(usize::MAX, Vec::len);
                let Some(state) = self.first(dependency) else { continue };
                if !inside.contains(&to) || shortest == 2 {
                    continue;
                }
                if steps > STEPS_MAX {
                    return best;
                }
                if let Some(path) =
                    self.back_to((from, dependency), (to, state), shortest, &inside, &mut steps)
                {
                    best = Some(path);
                }
            }
        }
        best
    }

    /// The shortest way back from the end of an edge, with fewer than so many transactions in all.
    fn back_to(
        &self,
        (from, by): (u32, Dependency),
        start: (u32, State),
        shorter_than: usize,
        inside: &FxHashSet<u32>,
        steps: &mut usize,
    ) -> Option<Vec<(u32, Dependency)>> {
        // how many edges between transactions, and by which one it came
        let mut seen: FxHashMap<(u32, State), ((u32, State), Dependency)> = FxHashMap::default();
        let mut queue = VecDeque::from([(start, 1usize)]);
        seen.insert(start, ((from, 0), by));
        let mut closed: FxHashSet<(u32, State)> = FxHashSet::default();
        while let Some((at, length)) = queue.pop_front() {
            if !closed.insert(at) {
                continue;
            }
            if at.0 == from {
                if self.accepts(at.1) {
                    return self.path(from, start, at, &seen);
                }
                continue;
            }
            for &(to, dependency) in self.core.graph.out(at.0) {
                *steps += 1;
                let Some(state) = self.follow(at.1, dependency) else { continue };
                let next = (to, state);
                let longer = length + usize::from(dependency != Dependency::Through);
                if longer >= shorter_than || !inside.contains(&to) || closed.contains(&next) {
                    continue;
                }
                if dependency == Dependency::Through {
                    seen.insert(next, (at, dependency));
                    queue.push_front((next, longer));
                } else if let Entry::Vacant(unseen) = seen.entry(next) {
                    unseen.insert((at, dependency));
                    queue.push_back((next, longer));
                }
            }
        }
        None
    }

    /// The transactions of a cycle, gates left out; nothing if one stands in it twice: then there is a shorter one of another kind.
    fn path(
        &self,
        from: u32,
        start: (u32, State),
        end: (u32, State),
        seen: &FxHashMap<(u32, State), ((u32, State), Dependency)>,
    ) -> Option<Vec<(u32, Dependency)>> {
        let mut path = vec![];
        let mut at = end;
        loop {
            let (before, dependency) = seen[&at];
            if dependency != Dependency::Through {
                path.push((self.core.nodes[before.0 as usize], dependency));
            }
            if at == start && before.0 == from {
                break;
            }
            at = before;
        }
        path.reverse();
        let mut who: Vec<u32> = path.iter().map(|&(one, _)| one).collect();
        who.sort_unstable();
        let once = who.windows(2).all(|pair| pair[0] != pair[1]);
        once.then_some(path)
    }
}
