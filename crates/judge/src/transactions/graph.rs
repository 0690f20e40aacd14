//! Who comes before whom, and why.

use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Why one comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Edge {
    /// It wrote what the other overwrote: key, the value, the next one.
    Ww(u32, u32, u32),
    /// It wrote what the other read: key, the value.
    Wr(u32, u32),
    /// It read what the other overwrote: key, what it read, what came next.
    Rw(u32, u32, u32),
    /// The same client ran it before.
    Session,
    /// It was over when the other began, or is an instant between.
    RealTime,
}

impl Edge {
    pub(super) fn is_rw(self) -> bool {
        matches!(self, Self::Rw(..))
    }
}

/// Edges between nodes that are numbers.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) edges: Vec<Vec<(u32, Edge)>>,
}

impl Graph {
    pub(super) fn new(nodes: usize) -> Self {
        Self { edges: vec![vec![]; nodes] }
    }

    pub(super) fn add(&mut self, from: usize, to: usize, edge: Edge) {
        self.edges[from].push((to as u32, edge));
    }

    pub(super) fn node(&mut self) -> usize {
        self.edges.push(vec![]);
        self.edges.len() - 1
    }

    /// The strongly connected components with more than one node, of the edges that `keep` keeps (Tarjan 1972, without recursion). States
    /// double the nodes: `state` says what an edge makes of one, if it may be taken.
    pub(super) fn components(&self, follow: Follow<'_>) -> Vec<Vec<usize>> {
        let count = 2 * self.edges.len();
        let (mut index, mut low) = (vec![u32::MAX; count], vec![0_u32; count]);
        let (mut on_stack, mut stack, mut next) = (vec![false; count], vec![], 0);
        let mut components = vec![];
        let mut calls: Vec<(usize, usize)> = vec![];
        for root in (0..count).filter(|node| node % 2 == 0) {
            if index[root] != u32::MAX {
                continue;
            }
            calls.push((root, 0));
            while let Some(&mut (node, ref mut at)) = calls.last_mut() {
                if *at == 0 {
                    (index[node], low[node]) = (next, next);
                    next += 1;
                    stack.push(node);
                    on_stack[node] = true;
                }
                let edges = &self.edges[node / 2];
                let mut child = None;
                while let Some(&(to, edge)) = edges.get(*at) {
                    *at += 1;
                    let Some(state) = follow(node % 2 == 1, edge) else { continue };
                    let to = 2 * to as usize + usize::from(state);
                    if index[to] == u32::MAX {
                        child = Some(to);
                        break;
                    } else if on_stack[to] {
                        low[node] = low[node].min(index[to]);
                    }
                }
                if let Some(child) = child {
                    calls.push((child, 0));
                    continue;
                }
                if *at == 0 {
                    *at = 1;
                }
                calls.pop();
                if let Some(&(parent, _)) = calls.last() {
                    low[parent] = low[parent].min(low[node]);
                }
                if low[node] == index[node] {
                    let begin = stack.iter().rposition(|&other| other == node).unwrap_or_default();
                    let component = stack.split_off(begin);
                    for &member in &component {
                        on_stack[member] = false;
                    }
                    if component.len() > 1 {
                        components.push(component);
                    }
                }
            }
        }
        components
    }

    /// The shortest way from a node back to itself within a component, as nodes and the edges that leave them.
    pub(super) fn cycle(
        &self,
        start: usize,
        members: &[bool],
        follow: Follow<'_>,
    ) -> Option<Vec<(usize, Edge)>> {
        let mut came: FxHashMap<usize, (usize, Edge)> = FxHashMap::default();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &(to, edge) in &self.edges[node / 2] {
                let Some(state) = follow(node % 2 == 1, edge) else { continue };
                let to = 2 * to as usize + usize::from(state);
                if !members[to] || came.contains_key(&to) {
                    continue;
                }
                came.insert(to, (node, edge));
                if to == start {
                    let mut cycle = vec![];
                    let mut at = start;
                    while let Some(&(from, edge)) = came.get(&at) {
                        cycle.push((from / 2, edge));
                        at = from;
                        if at == start {
                            break;
                        }
                    }
                    cycle.reverse();
                    return Some(cycle);
                }
                queue.push_back(to);
            }
        }
        None
    }
}

/// Whether an edge may be taken, and in which state one is then.
pub(super) type Follow<'a> = &'a dyn Fn(bool, Edge) -> Option<bool>;
