//! Directed graphs on dense arrays, and their strongly connected components.

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A set of dependencies, a bit each.
pub(super) type DependencySet = u16;

/// What an edge says of two transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Dependency {
    /// The second overwrites what the first wrote.
    WriteWrite,
    /// The second reads what the first wrote.
    WriteRead,
    /// The second overwrites what the first read.
    ReadWrite,
    /// The second writes a key that the first had looked for by a scan, and not found: an anti-dependency of a predicate (Adya 1999,
    /// section 3.1.4).
    Phantom,
    /// The second overwrites what the first wrote, since a client met the two versions one after the other.
    WriteWriteInSession,
    /// The second overwrites what the first read, in the same way.
    ReadWriteInSession,
    /// The second overwrites what the first wrote, since who met that was through before somebody met what the second wrote.
    WriteWriteInTime,
    /// The second overwrites what the first read, in the same way.
    ReadWriteInTime,
    /// A client did the first before the second.
    Session,
    /// The first returned before the second was invoked.
    RealTime,
    /// Out of a gate: the edge that led into it goes on.
    Through,
}

impl Dependency {
    /// Its bit in a set.
    pub(super) fn bit(self) -> DependencySet {
        1 << self as u8
    }

    /// Whether the first did not see what the second wrote.
    pub(super) fn is_anti(self) -> bool {
        matches!(self, Self::ReadWrite | Self::Phantom | Self::ReadWriteInSession | Self::ReadWriteInTime)
    }
}

/// An edge. Nodes beyond the transactions are gates: who goes in may come out at any of their ends, so that all of some transactions
/// precede all of others by as many edges as there are transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) dependency: Dependency,
}

/// Edges by where they begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    offsets: Vec<u32>,
    targets: Vec<(u32, Dependency)>,
}

impl Graph {
    /// Of so many nodes.
    pub(super) fn new(nodes: usize, edges: &[Edge]) -> Self {
        let mut offsets = vec![0; nodes + 1];
        for edge in edges {
            offsets[edge.from as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut targets = vec![(0, Dependency::Through); edges.len()];
        for edge in edges {
            let place = &mut next[edge.from as usize];
            targets[*place as usize] = (edge.to, edge.dependency);
            *place += 1;
        }
        Self { offsets, targets }
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The edges out of a node.
    pub(super) fn out(&self, node: u32) -> &[(u32, Dependency)] {
        let node = node as usize;
        &self.targets[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    /// The same with every edge the other way.
    pub(super) fn reversed(&self) -> Self {
        let edges: Vec<_> = (0..self.nodes() as u32)
            .flat_map(|from| {
                self.out(from).iter().map(move |&(to, dependency)| Edge { from: to, to: from, dependency })
            })
            .collect();
        Self::new(self.nodes(), &edges)
    }
}

/// The component of each node that lies on a cycle; [`NONE`] of every other (Tarjan 1972, without recursion).
///
/// `out(node, i)` is the i-th successor: [`None`] when there are no more, [`NONE`] for one to be passed over.
pub(super) fn cyclic_components(nodes: usize, out: impl Fn(u32, u32) -> Option<u32>) -> (Vec<u32>, u32) {
    let mut component = vec![NONE; nodes];
    let mut components = 0;
    // 0: not seen; the least node of the stack that is reached from here
    let mut low = vec![0u32; nodes];
    let mut stack = vec![];
    let mut calls: Vec<(u32, u32, u32)> = vec![];
    let mut clock = 1u32;
    for root in 0..nodes as u32 {
        if low[root as usize] != 0 {
            continue;
        }
        low[root as usize] = clock;
        calls.push((root, 0, clock));
        clock += 1;
        stack.push(root);
        while let Some(&mut (node, ref mut next, index)) = calls.last_mut() {
            let Some(to) = out(node, *next) else {
                calls.pop();
                let reached = low[node as usize];
                if let Some(&(parent, ..)) = calls.last() {
                    low[parent as usize] = low[parent as usize].min(reached);
                }
                if reached == index {
                    close(node, &mut stack, &mut low, &mut component, &mut components, &out);
                }
                continue;
            };
            *next += 1;
            if to == NONE {
                continue;
            }
            if low[to as usize] == 0 {
                low[to as usize] = clock;
                calls.push((to, 0, clock));
                clock += 1;
                stack.push(to);
            } else {
                // a closed component has the greatest
                low[node as usize] = low[node as usize].min(low[to as usize]);
            }
        }
    }
    (component, components)
}

/// Takes a component from the stack.
fn close(
    root: u32,
    stack: &mut Vec<u32>,
    low: &mut [u32],
    component: &mut [u32],
    components: &mut u32,
    out: impl Fn(u32, u32) -> Option<u32>,
) {
    let single = stack.last() == Some(&root);
    let cyclic = !single || (0..).map_while(|next| out(root, next)).any(|to| to == root);
    while let Some(node) = stack.pop() {
        low[node as usize] = u32::MAX;
        if cyclic {
            component[node as usize] = *components;
        }
        if node == root {
            break;
        }
    }
    *components += u32::from(cyclic);
}
