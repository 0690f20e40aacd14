//! A fair run as a stem and a loop, as short as a greedy search makes it.

use super::components::Partition;
use super::{Bits, Fairness, Graph, Question};
use std::collections::BTreeSet;

/// A step: a state, and the position of the edge taken in the state's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The state before it.
    pub state: u32,
    /// Which of its edges, from 0 on in the order in which the graph was given them.
    pub edge: u32,
}

impl Step {
    /// Its edge's place among all edges of the graph.
    pub fn place(self, graph: &Graph) -> usize {
        graph.edges(self.state).start + self.edge as usize
    }
}

/// A run that repeats itself for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lasso {
    /// Its first state, one of the question's `from`.
    pub start: u32,
    /// The way from there to the loop; empty where the loop begins at once.
    pub stem: Vec<Step>,
    /// The state in which the loop begins and ends.
    pub knot: u32,
    /// The loop; empty where the run stops for ever.
    pub cycle: Vec<Step>,
}

/// Loops are compared from this many places where they may begin, or fewer where they are dear.
const KNOTS_MAX: usize = 32;

/// The shortest among the lassos whose knots are reached first; `fair` are the states of fair components.
pub(super) fn shortest(graph: &Graph, question: &Question<'_>, fair: &Bits, partition: &Partition) -> Lasso {
    let mut walk = Walk::new(question);
    let mut cycles =
        Cycles { graph, question, partition, parents: Vec::new(), queue: Vec::new(), looked_at: 0 };
    let mut best: Option<(usize, u32, Vec<Step>)> = None;
    let mut knots = 0;
    let dear = 100_000 + graph.edges_total() / 8;
    'levels: while let Some((steps, level)) = walk.next_level(graph, question) {
        if best.as_ref().is_some_and(|b| b.0 <= steps) {
            break;
        }
        for &knot in level.iter().filter(|&&state| fair.get(state)) {
            let cycle = cycles.around(knot);
            knots += 1;
            if best.as_ref().is_none_or(|b| steps + cycle.len() < b.0) {
                best = Some((steps + cycle.len(), knot, cycle));
            }
            if knots >= KNOTS_MAX || cycles.looked_at > dear {
                break 'levels;
            }
        }
    }
    let (_, knot, cycle) = best.expect("a state of a fair component is reached");
    let stem = way_back(graph, question, &walk.parents, knot);
    Lasso { start: stem.first().map_or(knot, |step| step.state), stem, knot, cycle }
}

const NOBODY: u32 = u32::MAX;

/// The steps that led to `state`: back from parent to parent, as far as one that is its own.
fn way_back(graph: &Graph, question: &Question<'_>, parents: &[u32], mut state: u32) -> Vec<Step> {
    let mut steps = Vec::new();
    while parents[state as usize] != state {
        let parent = parents[state as usize];
        let edges = graph.edges(parent);
        let leads_here = |&edge: &usize| question.way(graph, edge) == Some(state);
        let edge = edges.clone().find(leads_here).expect("a parent has an edge to its child");
        steps.push(Step { state: parent, edge: (edge - edges.start) as u32 });
        state = parent;
    }
    steps.reverse();
    steps
}

/// A breadth-first walk through the region; a source sets out when its own level in the whole graph has come.
struct Walk {
    parents: Vec<u32>,
    sources: Vec<u32>,
    started: usize,
    level: Vec<u32>,
    steps: usize,
}

impl Walk {
    fn new(question: &Question<'_>) -> Self {
        Self {
            parents: vec![NOBODY; question.region.states() as usize],
            sources: question.from.iter().filter(|&s| question.region.get(s)).collect(),
            started: 0,
            level: Vec::new(),
            steps: 0,
        }
    }

    /// The states at the next distance, with it.
    fn next_level(&mut self, graph: &Graph, question: &Question<'_>) -> Option<(usize, &[u32])> {
        if self.steps > 0 {
            self.advance(graph, question);
        }
        self.steps += 1;
        // the last level has no end, and where there are no levels the first is the last
        let end = question.levels.get(self.steps).copied().unwrap_or(u32::MAX);
        while let Some(&source) = self.sources.get(self.started).filter(|&&source| source < end) {
            self.started += 1;
            if self.parents[source as usize] == NOBODY {
                self.parents[source as usize] = source;
                self.level.push(source);
            }
        }
        let more = !self.level.is_empty() || self.started < self.sources.len();
        more.then_some((self.steps - 1, &self.level))
    }

    fn advance(&mut self, graph: &Graph, question: &Question<'_>) {
        for state in std::mem::take(&mut self.level) {
            for edge in graph.edges(state) {
                let Some(target) = question.way(graph, edge) else { continue };
                if self.parents[target as usize] == NOBODY {
                    self.parents[target as usize] = state;
                    self.level.push(target);
                }
            }
        }
    }
}

/// Loops within fair components.
struct Cycles<'a> {
    graph: &'a Graph,
    question: &'a Question<'a>,
    partition: &'a Partition,
    parents: Vec<u32>,
    queue: Vec<u32>,
    /// Edges, over all loops: what they cost.
    looked_at: u64,
}

impl Cycles<'_> {
    /// A fair loop from `knot` back to it: on to whatever is nearest and still owed, then home.
    fn around(&mut self, knot: u32) -> Vec<Step> {
        self.parents.resize(self.question.region.states() as usize, NOBODY);
        let mut debts = Debts::new(self.graph, self.question, knot);
        let mut cycle = Vec::new();
        let mut at = knot;
        while !debts.are_paid() || at != knot {
            // on the way home new debts may come up
            let way = if debts.are_paid() {
                self.way(at, &|_| false, &|state| state == knot)
            } else {
                self.way(at, &|label| debts.takes(label), &|state| debts.visits(self.graph, state))
            };
            for step in way {
                let edge = step.place(self.graph);
                at = self.graph.target(edge).expect("a way leads somewhere");
                debts.take(self.graph, self.graph.label(edge), at);
                cycle.push(step);
            }
        }
        cycle
    }

    /// The shortest way within the component whose last step has a label, or leads to a state, as wanted.
    fn way(&mut self, from: u32, label: &dyn Fn(u32) -> bool, state: &dyn Fn(u32) -> bool) -> Vec<Step> {
        self.queue.push(from);
        self.parents[from as usize] = from;
        let last = self.last_step(label, state).expect("what is owed is paid within a fair component");
        let mut way = way_back(self.graph, self.question, &self.parents, last.state);
        way.push(last);
        self.queue.drain(..).for_each(|state| self.parents[state as usize] = NOBODY);
        way
    }

    fn last_step(&mut self, label: &dyn Fn(u32) -> bool, wanted: &dyn Fn(u32) -> bool) -> Option<Step> {
        let mut head = 0;
        while let Some(&state) = self.queue.get(head) {
            head += 1;
            let edges = self.graph.edges(state);
            for edge in edges.clone() {
                self.looked_at += 1;
                let Some(target) = self.question.way(self.graph, edge) else { continue };
                if !self.partition.together(state, target) {
                    continue;
                }
                let new = self.parents[target as usize] == NOBODY;
                if label(self.graph.label(edge)) || new && wanted(target) {
                    return Some(Step { state, edge: (edge - edges.start) as u32 });
                }
                if new {
                    self.parents[target as usize] = state;
                    self.queue.push(target);
                }
            }
        }
        None
    }
}

/// What a loop still owes before it is fair.
struct Debts<'a> {
    question: &'a Question<'a>,
    taken: BTreeSet<u32>,
    /// Weak classes enabled in every state so far, and not taken.
    weak: BTreeSet<u32>,
    /// Strong classes enabled in some state so far, and not taken.
    strong: BTreeSet<u32>,
    accepted: bool,
}

impl<'a> Debts<'a> {
    fn new(graph: &Graph, question: &'a Question<'a>, knot: u32) -> Self {
        let weak = enabled(graph, question, knot, Fairness::Weak).collect();
        let strong = enabled(graph, question, knot, Fairness::Strong).collect();
        let accepted = question.accepting.is_none_or(|a| a.get(knot));
        Self { question, taken: BTreeSet::new(), weak, strong, accepted }
    }

    fn are_paid(&self) -> bool {
        self.weak.is_empty() && self.strong.is_empty() && self.accepted
    }

    /// Whether a step with this label pays one of them.
    fn takes(&self, label: u32) -> bool {
        self.weak.contains(&label) || self.strong.contains(&label)
    }

    /// Whether a visit pays one of them.
    fn visits(&self, graph: &Graph, state: u32) -> bool {
        !self.accepted && self.question.accepting.is_some_and(|a| a.get(state))
            || self.weak.iter().any(|&class| !is_enabled(graph, class, state))
    }

    fn take(&mut self, graph: &Graph, label: u32, target: u32) {
        self.taken.insert(label);
        self.weak.remove(&label);
        self.weak.retain(|&class| is_enabled(graph, class, target));
        self.strong.extend(enabled(graph, self.question, target, Fairness::Strong));
        self.strong.retain(|class| !self.taken.contains(class));
        self.accepted |= self.question.accepting.is_some_and(|a| a.get(target));
    }
}

fn is_enabled(graph: &Graph, class: u32, state: u32) -> bool {
    graph.edges(state).any(|edge| graph.label(edge) == class)
}

fn enabled<'a>(
    graph: &'a Graph,
    question: &'a Question<'a>,
    state: u32,
    fairness: Fairness,
) -> impl Iterator<Item = u32> + 'a {
    let labels = graph.edges(state).map(|edge| graph.label(edge));
    labels.filter(move |&label| question.class(label).fairness == fairness)
}
