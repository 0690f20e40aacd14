//! The graph of fair steps, and its components that nothing leaves.

/// Why a component is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Open {
    /// A timer is set: whether it fires in time is a matter of partial synchrony's fairness.
    Timed,
    /// A pulse is set, and the budget of pulses is spent.
    Pulses,
    /// A step leads beyond the bound on the algorithm's own measure.
    Beyond,
}

impl Open {
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Timed => "not judged yet: a timer is set, which needs fairness in time",
            Self::Pulses => "not judged: a pulse is set, and the budget of pulses is spent",
            Self::Beyond => "not judged: the run goes on beyond the bound on the algorithm's measure",
        }
    }
}

/// The fair steps between states, by number.
#[derive(Default)]
pub(crate) struct Graph {
    edges: Vec<u32>,
    /// By state: where its edges start; states are expanded in any order.
    starts: Vec<u64>,
    lengths: Vec<u32>,
    current: u32,
    open: Vec<Option<Open>>,
}

impl Graph {
    /// Begins with the edges out of a state.
    pub(crate) fn open(&mut self, state: u32) {
        let place = state as usize;
        if self.starts.len() <= place {
            self.starts.resize(place + 1, 0);
            self.lengths.resize(place + 1, 0);
        }
        self.starts[place] = self.edges.len() as u64;
        self.current = state;
    }

    /// An edge from the state that was opened last.
    pub(crate) fn edge(&mut self, to: u32) {
        if to != self.current {
            self.edges.push(to);
            self.lengths[self.current as usize] += 1;
        }
    }

    /// A component with this state is not judged.
    pub(crate) fn mark(&mut self, state: u32, open: Open) {
        let place = state as usize;
        if self.open.len() <= place {
            self.open.resize(place + 1, None);
        }
        self.open[place] = self.open[place].max(Some(open));
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.edges.capacity() * 4 + self.starts.capacity() * 12 + self.open.capacity()) as u64
    }

    fn successors(&self, state: u32) -> &[u32] {
        let place = state as usize;
        match self.starts.get(place) {
            Some(&start) => &self.edges[start as usize..start as usize + self.lengths[place] as usize],
            None => &[],
        }
    }

    /// Calls `see` with every strongly connected component that no edge leaves, and why it is not judged, if so.
    ///
    /// Tarjan's algorithm (1972), with its own stack.
    pub(crate) fn bottom_components(&self, states: u32, see: &mut dyn FnMut(&[u32], Option<Open>)) {
        const UNSEEN: u32 = u32::MAX;
        let mut order = vec![UNSEEN; states as usize];
        let mut low = vec![0_u32; states as usize];
        // a state that was closed belongs to a component found before
        let mut closed = vec![false; states as usize];
        let mut stack: Vec<u32> = Vec::new();
        let mut calls: Vec<(u32, u32)> = Vec::new();
        let mut next = 0_u32;
        for root in 0..states {
            if order[root as usize] != UNSEEN {
                continue;
            }
            calls.push((root, 0));
            while let Some(&mut (state, ref mut place)) = calls.last_mut() {
                let here = state as usize;
                if *place == 0 {
                    order[here] = next;
                    low[here] = next;
                    next += 1;
                    stack.push(state);
                }
                let successors = self.successors(state);
                if let Some(&to) = successors.get(*place as usize) {
                    *place += 1;
                    if order[to as usize] == UNSEEN {
                        calls.push((to, 0));
                    } else if !closed[to as usize] {
                        low[here] = low[here].min(order[to as usize]);
                    }
                    continue;
                }
                calls.pop();
                if let Some(&(caller, _)) = calls.last() {
                    low[caller as usize] = low[caller as usize].min(low[here]);
                }
                if low[here] == order[here] {
                    let start = stack.iter().rposition(|&s| s == state).expect("a root is on the stack");
                    self.see_component(&stack[start..], see);
                    for member in stack.drain(start..) {
                        closed[member as usize] = true;
                    }
                }
            }
        }
    }

    fn see_component(&self, component: &[u32], see: &mut dyn FnMut(&[u32], Option<Open>)) {
        let mut sorted = component.to_vec();
        sorted.sort_unstable();
        let stays = |s: &u32| self.successors(*s).iter().all(|to| sorted.binary_search(to).is_ok());
        if sorted.iter().all(stays) {
            let open = sorted.iter().filter_map(|&s| self.open.get(s as usize).copied().flatten()).max();
            see(&sorted, open);
        }
    }

    /// States along a way from `start` back to it within a component; just `start` where it is alone.
    pub(crate) fn cycle(&self, start: u32, component: &[u32]) -> Vec<u32> {
        let mut parents = vec![None; component.len()];
        let place = |state: u32| component.binary_search(&state).ok();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(state) = queue.pop_front() {
            for &to in self.successors(state) {
                let Some(at) = place(to) else { continue };
                if to == start {
                    let mut way = vec![start, state];
                    let mut here = state;
                    while here != start {
                        here = parents[place(here).expect("on the way")].expect("on the way");
                        way.push(here);
                    }
                    way.reverse();
                    return way;
                }
                if parents[at].is_none() {
                    parents[at] = Some(state);
                    queue.push_back(to);
                }
            }
        }
        vec![start]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(u32, &[u32])]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.open(*from);
            to.iter().for_each(|&t| graph.edge(t));
        }
        graph
    }

    fn bottoms(graph: &Graph, states: u32) -> Vec<Vec<u32>> {
        let mut found = Vec::new();
        graph.bottom_components(states, &mut |c, _| found.push(c.to_vec()));
        found.sort();
        found
    }

    #[test]
    fn a_component_that_an_edge_leaves_is_no_bottom() {
        // 0 -> {1 <-> 2} -> 3, and 4 alone; 5 -> 4
        let g = graph(&[(0, &[1]), (1, &[2]), (2, &[1, 3]), (3, &[]), (4, &[]), (5, &[4])]);
        assert_eq!(bottoms(&g, 6), [vec![3], vec![4]]);
    }

    #[test]
    fn a_loop_that_nothing_leaves_is_one_bottom_and_shows_its_way_around() {
        let g = graph(&[(0, &[1]), (1, &[2]), (2, &[3]), (3, &[1, 2])]);
        assert_eq!(bottoms(&g, 4), [vec![1, 2, 3]]);
        assert_eq!(g.cycle(1, &[1, 2, 3]), [1, 2, 3, 1]);
    }
}
