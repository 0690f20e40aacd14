//! What holds with probability 0 or 1, by the graph alone (Baier, Katoen 2008, §10.6).

use super::fair::fair_components;
use super::model::{Explored, Matrix};
use super::{Extreme, Game};
use std::collections::VecDeque;
use std::fmt::Debug;

/// Whether a goal is reached with probability 1, whatever a fair adversary does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlmostSurely<S, A> {
    /// It is.
    Holds,
    /// Some fair adversary keeps away from it with positive probability.
    Escapes(Escape<S, A>),
}

/// How an adversary keeps away from a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escape<S, A> {
    /// A run, which has positive probability, to where it stays: the first state, then actions with what came of them.
    pub start: S,
    /// Its steps.
    pub stem: Vec<(A, S)>,
    /// Where it stays for ever: states of an end component, each with the actions by which it stays. A single state without
    /// an action where the run ends short of the goal.
    pub stays: Vec<(S, Vec<A>)>,
}

impl<S: Debug, A: Debug> Escape<S, A> {
    /// As lines: the run, then the states in which the adversary stays, each with its actions.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("  0  {:?}", self.start)];
        for (at, (action, state)) in self.stem.iter().enumerate() {
            lines.push(format!("     {action:?}"));
            lines.push(format!("{:>3}  {state:?}", at + 1));
        }
        if let [(_, actions)] = self.stays.as_slice()
            && actions.is_empty()
        {
            lines.push("     where it ends".to_owned());
            return lines;
        }
        lines.push(format!(
            "     from here on it stays among these {} states, by these actions:",
            self.stays.len()
        ));
        for (state, actions) in &self.stays {
            lines.push(format!("     {state:?}  {actions:?}"));
        }
        lines
    }
}

impl<G: Game> Explored<'_, G> {
    /// Whether every fair adversary reaches a goal state with probability 1, from every initial state.
    pub fn almost_surely(&self, goal: impl Fn(&G::State) -> bool) -> AlmostSurely<G::State, G::Action> {
        let goal = self.are(goal);
        let open: Vec<bool> = goal.iter().map(|goal| !goal).collect();
        let components = fair_components(self, &open);
        let lost = |state: u32| {
            let ends = open[state as usize] && self.matrix.choices(state).is_empty();
            ends || components.of[state as usize].is_some()
        };
        let Some((first, steps)) = self.way(&goal, lost) else { return AlmostSurely::Holds };
        let last = steps.last().map_or(first, |&(_, _, to)| to);
        let mine = |state: u32| {
            let staying = self.matrix.choices(state).filter(|&c| components.stays[c as usize]);
            (self.states.get(state).clone(), staying.map(|c| self.action(state, c)).collect())
        };
        let stays = match components.of[last as usize] {
            Some(component) => components.members[component as usize].iter().map(|&s| mine(s)).collect(),
            None => vec![(self.states.get(last).clone(), Vec::new())],
        };
        let stem = steps
            .into_iter()
            .map(|(from, choice, to)| (self.action(from, choice), self.states.get(to).clone()));
        let start = self.states.get(first).clone();
        AlmostSurely::Escapes(Escape { start, stem: stem.collect(), stays })
    }

    /// A shortest run from an initial state, short of the goal, to a state that satisfies `found`.
    fn way(&self, goal: &[bool], found: impl Fn(u32) -> bool) -> Option<(u32, Vec<(u32, u32, u32)>)> {
        let mut came: Vec<Option<(u32, u32)>> = vec![None; goal.len()];
        let mut seen = vec![false; goal.len()];
        let mut queue: VecDeque<u32> = self.initial.iter().copied().filter(|&s| !goal[s as usize]).collect();
        for &state in &queue {
            seen[state as usize] = true;
        }
        while let Some(state) = queue.pop_front() {
            if found(state) {
                let (mut steps, mut at) = (Vec::new(), state);
                while let Some((from, choice)) = came[at as usize] {
                    steps.push((from, choice, at));
                    at = from;
                }
                steps.reverse();
                return Some((at, steps));
            }
            for choice in self.matrix.choices(state) {
                for target in self.matrix.targets(choice).filter(|&t| !goal[t as usize]) {
                    if !std::mem::replace(&mut seen[target as usize], true) {
                        came[target as usize] = Some((state, choice));
                        queue.push_back(target);
                    }
                }
            }
        }
        None
    }
}

/// Who leads where, backwards.
pub(super) struct Backwards {
    ends: Vec<u32>,
    /// (choice, its state), by target.
    sources: Vec<(u32, u32)>,
}

impl Backwards {
    pub(super) fn new(matrix: &Matrix) -> Self {
        let mut ends = vec![0_u32; matrix.states() as usize + 1];
        let each = |visit: &mut dyn FnMut(u32, u32, u32)| {
            for state in 0..matrix.states() {
                for choice in matrix.choices(state) {
                    matrix.targets(choice).for_each(|target| visit(target, choice, state));
                }
            }
        };
        each(&mut |target, _, _| ends[target as usize + 1] += 1);
        for place in 1..ends.len() {
            ends[place] += ends[place - 1];
        }
        let mut next = ends.clone();
        let mut sources = vec![(0, 0); *ends.last().expect("one more than states") as usize];
        each(&mut |target, choice, state| {
            sources[next[target as usize] as usize] = (choice, state);
            next[target as usize] += 1;
        });
        Self { ends, sources }
    }

    fn of(&self, target: u32) -> &[(u32, u32)] {
        &self.sources[self.ends[target as usize] as usize..self.ends[target as usize + 1] as usize]
    }

    /// The states from which some choices among those admitted lead to `goal` with positive probability.
    fn reaching(&self, goal: &[bool], mut admits: impl FnMut(u32, u32) -> bool) -> Vec<bool> {
        let mut reached = goal.to_vec();
        let mut stack: Vec<u32> = members(goal).collect();
        while let Some(target) = stack.pop() {
            for &(choice, state) in self.of(target) {
                if !reached[state as usize] && admits(choice, state) {
                    reached[state as usize] = true;
                    stack.push(state);
                }
            }
        }
        reached
    }
}

fn members(set: &[bool]) -> impl Iterator<Item = u32> + '_ {
    (0..set.len() as u32).filter(|&state| set[state as usize])
}

/// By state: whether the extreme probability of reaching the goal is more than 0.
pub(super) fn positive(matrix: &Matrix, back: &Backwards, goal: &[bool], extreme: Extreme) -> Vec<bool> {
    match extreme {
        Extreme::Greatest => back.reaching(goal, |_, _| true),
        // whatever is chosen may lead on: count the choices that do not yet
        Extreme::Least => {
            let mut waiting: Vec<usize> = (0..matrix.states()).map(|s| matrix.choices(s).len()).collect();
            let mut leads = vec![false; matrix.choice_count() as usize];
            back.reaching(goal, |choice, state| {
                if !std::mem::replace(&mut leads[choice as usize], true) {
                    waiting[state as usize] -= 1;
                }
                waiting[state as usize] == 0
            })
        }
    }
}

/// By state: whether the extreme probability of reaching the goal is 1.
pub(super) fn certain(matrix: &Matrix, back: &Backwards, goal: &[bool], extreme: Extreme) -> Vec<bool> {
    match extreme {
        // nothing leads, short of the goal, to where the least probability is 0
        Extreme::Least => {
            let hopeless: Vec<bool> = complement(&positive(matrix, back, goal, Extreme::Least));
            complement(&back.reaching(&hopeless, |_, state| !goal[state as usize]))
        }
        // the greatest set from which the goal can be reached by choices that stay in the set
        Extreme::Greatest => {
            let mut within = vec![true; goal.len()];
            loop {
                let next = back.reaching(goal, |choice, state| {
                    within[state as usize] && matrix.targets(choice).all(|t| within[t as usize])
                });
                if next == within {
                    return within;
                }
                within = next;
            }
        }
    }
}

fn complement(set: &[bool]) -> Vec<bool> {
    set.iter().map(|member| !member).collect()
}
