//! What must come before what, and why.

use std::collections::VecDeque;

/// Why something must come before something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is the order of their client.
    Client,
    /// The second read what the first wrote.
    Read,
    /// This one has seen the first, and yet read the second.
    Overwritten { by: usize },
    /// The second overwrites what the first read.
    Overwrites,
}

/// How many nodes the shortest cycle is looked for from.
const CYCLES_FROM: usize = 32;

/// Operations and what must come before what.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    after: Vec<Vec<(usize, Reason)>>,
    before: Vec<Vec<usize>>,
}

impl Graph {
    pub(super) fn new(nodes: usize) -> Self {
        Self { after: vec![vec![]; nodes], before: vec![vec![]; nodes] }
    }

    pub(super) fn add(&mut self, first: usize, second: usize, reason: Reason) {
        self.after[first].push((second, reason));
        self.before[second].push(first);
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.after.len()
    }

    pub(super) fn before(&self, node: usize) -> &[usize] {
        &self.before[node]
    }

    /// The nodes in an order that keeps all; or a short cycle, each with why it comes before the next.
    pub(super) fn order(&self) -> Result<Vec<usize>, Vec<(usize, Reason)>> {
        let mut missing: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..missing.len()).filter(|&node| missing[node] == 0).collect();
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            for &(after, _) in &self.after[node] {
                missing[after] -= 1;
                if missing[after] == 0 {
                    order.push(after);
                }
            }
        }
        if order.len() == missing.len() { Ok(order) } else { Err(self.cycle(&missing)) }
    }

    /// A shortest cycle through some of the nodes whose predecessors are missing.
    fn cycle(&self, missing: &[usize]) -> Vec<(usize, Reason)> {
        // going backwards from what misses a predecessor one comes to a cycle
        let mut seen = vec![false; missing.len()];
        let mut node = (0..missing.len()).find(|&node| missing[node] > 0).expect("not all are ordered");
        let mut walk = vec![];
        while !seen[node] {
            seen[node] = true;
            walk.push(node);
            let unordered = |&&before: &&usize| missing[before] > 0;
            node = *self.before[node].iter().find(unordered).expect("a predecessor is missing");
        }
        let from = walk.iter().position(|&passed| passed == node).expect("it was passed");
        let cycles = walk[from..].iter().take(CYCLES_FROM).filter_map(|&start| self.cycle_through(start));
        cycles.min_by_key(Vec::len).expect("each of the walk is on a cycle")
    }

    fn cycle_through(&self, start: usize) -> Option<Vec<(usize, Reason)>> {
        let mut came: Vec<Option<(usize, Reason)>> = vec![None; self.after.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &(after, reason) in &self.after[node] {
                if came[after].is_none() {
                    came[after] = Some((node, reason));
                    queue.push_back(after);
                }
            }
            if let Some(last) = came[start] {
                let mut cycle = vec![last];
                while cycle[cycle.len() - 1].0 != start {
                    cycle.push(came[cycle[cycle.len() - 1].0]?);
                }
                cycle.reverse();
                return Some(cycle);
            }
        }
        None
    }
}

/// For each node those that come before it.
pub(super) struct Pasts {
    words: usize,
    bits: Vec<u64>,
}

impl Pasts {
    /// How many bytes it takes.
    pub(super) fn bytes(nodes: usize) -> usize {
        nodes.saturating_mul(nodes.div_ceil(64) * 8)
    }

    /// Of a graph without cycles, whose nodes these are in order.
    pub(super) fn new(graph: &Graph, order: &[usize]) -> Self {
        let words = order.len().div_ceil(64);
        let mut bits = vec![0; words * order.len()];
        for &node in order {
            for &before in graph.before(node) {
                for word in 0..words {
                    bits[node * words + word] |= bits[before * words + word];
                }
                bits[node * words + before / 64] |= 1 << (before % 64);
            }
        }
        Self { words, bits }
    }

    /// Whether the first comes before the second.
    pub(super) fn precedes(&self, first: usize, second: usize) -> bool {
        self.bits[second * self.words + first / 64] & (1 << (first % 64)) != 0
    }
}
