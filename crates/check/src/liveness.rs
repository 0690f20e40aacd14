//! The graph of fair steps, and its components that nothing leaves.

use crate::search::Graph;

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

/// The fair steps out of a state, to others: their places and where they lead.
fn successors(graph: &Graph, state: u32) -> impl Iterator<Item = (usize, u32)> + '_ {
    let steps = graph.steps(state).iter().enumerate();
    steps.filter(move |(_, (to, class))| *class != 0 && *to != state).map(|(place, (to, _))| (place, *to))
}

/// Calls `see` with every strongly connected component that no fair step leaves.
///
/// Tarjan's algorithm (1972), with its own stack.
pub(crate) fn bottom_components(graph: &Graph, see: &mut dyn FnMut(&[u32])) {
    const UNSEEN: u32 = u32::MAX;
    let states = graph.starts.len();
    let mut order = vec![UNSEEN; states];
    let mut low = vec![0_u32; states];
    // a state that was closed belongs to a component found before
    let mut closed = vec![false; states];
    let mut stack: Vec<u32> = Vec::new();
    let mut calls: Vec<(u32, usize)> = Vec::new();
    let mut next = 0_u32;
    for root in 0..states as u32 {
        if order[root as usize] != UNSEEN {
            continue;
        }
        calls.push((root, 0));
        while let Some(&mut (state, ref mut place)) = calls.last_mut() {
            let here = state as usize;
            if order[here] == UNSEEN {
                order[here] = next;
                low[here] = next;
                next += 1;
                stack.push(state);
            }
            if let Some(&(to, class)) = graph.steps(state).get(*place) {
                *place += 1;
                if class == 0 || to == state {
                    continue;
                }
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
                see_component(graph, &stack[start..], see);
                for member in stack.drain(start..) {
                    closed[member as usize] = true;
                }
            }
        }
    }
}

fn see_component(graph: &Graph, component: &[u32], see: &mut dyn FnMut(&[u32])) {
    let mut sorted = component.to_vec();
    sorted.sort_unstable();
    let stays = |s: &u32| successors(graph, *s).all(|(_, to)| sorted.binary_search(&to).is_ok());
    if sorted.iter().all(stays) {
        see(&sorted);
    }
}

/// Steps along a way from `start` back to it within a component: each as its state and its place there; none where the
/// state is alone.
pub(crate) fn cycle(graph: &Graph, start: u32, component: &[u32]) -> Vec<(u32, usize)> {
    let mut parents = vec![None; component.len()];
    let place = |state: u32| component.binary_search(&state).ok();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(state) = queue.pop_front() {
        for (step, to) in successors(graph, state) {
            let Some(at) = place(to) else { continue };
            if to == start {
                let mut way = vec![(state, step)];
                while way[way.len() - 1].0 != start {
                    let here = way[way.len() - 1].0;
                    way.push(parents[place(here).expect("on the way")].expect("on the way"));
                }
                way.reverse();
                return way;
            }
            if parents[at].is_none() {
                parents[at] = Some((state, step));
                queue.push_back(to);
            }
        }
    }
    Vec::new()
}
