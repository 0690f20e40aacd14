//! The reachable part of a game, as a sparse matrix.

use super::Game;
use crate::actions::Kinds;
use crate::coverage::Unreached;
use crate::intern::Interner;
use crate::report::{Control, Progress};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// The reachable states of a game, with what leads where.
pub struct Explored<'a, G: Game> {
    pub(super) game: &'a G,
    pub(super) states: Interner<G::State>,
    pub(super) initial: Vec<u32>,
    pub(super) matrix: Matrix,
}

/// What a game's answers are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Distinct states.
    pub states: u64,
    /// Actions of the adversary, over all states.
    pub choices: u64,
    /// Outcomes, over all actions.
    pub branches: u64,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, {} choices, {} branches", self.states, self.choices, self.branches)
    }
}

impl<G: Game> fmt::Debug for Explored<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a game of {}", self.scope())
    }
}

/// The choices of each state, and the branches of each choice: state after state.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    /// By state: where its choices end.
    choices_end: Vec<u32>,
    /// By choice: where its branches end.
    branches_end: Vec<u32>,
    /// By branch: where it leads, and its probability, rounded to the nearest.
    branches: Vec<(u32, f64)>,
}

impl Matrix {
    pub(super) fn states(&self) -> u32 {
        self.choices_end.len() as u32
    }

    pub(super) fn choices(&self, state: u32) -> std::ops::Range<u32> {
        let start = if state == 0 { 0 } else { self.choices_end[state as usize - 1] };
        start..self.choices_end[state as usize]
    }

    pub(super) fn choice_count(&self) -> u32 {
        self.branches_end.len() as u32
    }

    pub(super) fn branches(&self, choice: u32) -> &[(u32, f64)] {
        let start = if choice == 0 { 0 } else { self.branches_end[choice as usize - 1] };
        &self.branches[start as usize..self.branches_end[choice as usize] as usize]
    }

    pub(super) fn targets(&self, choice: u32) -> impl Iterator<Item = u32> + '_ {
        self.branches(choice).iter().map(|&(target, _)| target)
    }

    fn memory(&self) -> u64 {
        let ends = self.choices_end.capacity() + self.branches_end.capacity();
        (4 * ends + size_of::<(u32, f64)>() * self.branches.capacity()) as u64
    }

    pub(super) fn close_choice(&mut self, branches: impl IntoIterator<Item = (u32, f64)>) {
        self.branches.extend(branches);
        self.branches_end.push(u32::try_from(self.branches.len()).expect("fewer than 2^32 branches"));
    }

    pub(super) fn close_state(&mut self) {
        self.choices_end.push(self.branches_end.len() as u32);
    }
}

impl<'a, G: Game> Explored<'a, G> {
    /// Explores every state that some adversary and some luck reach.
    ///
    /// # Errors
    /// If there are more than `states_max` states, or `progress` stops it: what was known until then.
    pub fn new(
        game: &'a G,
        states_max: u64,
        progress: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Self, Progress> {
        let mut this = Self { game, states: Interner::new(), initial: Vec::new(), matrix: Matrix::default() };
        game.initial(&mut |state| {
            let (id, new) = this.states.intern(state);
            if new {
                this.initial.push(id);
            }
        });
        let mut from = 0;
        while (from as usize) < this.states.len() {
            this.expand(from);
            from += 1;
            let now = this.progress(from);
            let asked = from.is_multiple_of(4096).then(|| progress(&now));
            if now.states > states_max || asked == Some(Control::Stop) {
                return Err(now);
            }
        }
        Ok(this)
    }

    fn expand(&mut self, from: u32) {
        let mut found = Vec::new();
        self.game.actions(self.states.get(from), &mut |_, distribution| found.push(distribution));
        for distribution in found {
            let whole = distribution.whole() as f64;
            let mut branches: Vec<(u32, u64)> = Vec::with_capacity(distribution.parts.len());
            for (weight, state) in distribution.parts {
                let (id, _) = self.states.intern(state);
                match branches.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, sum)) => *sum += weight,
                    None => branches.push((id, weight)),
                }
            }
            self.matrix.close_choice(branches.into_iter().map(|(id, weight)| (id, weight as f64 / whole)));
        }
        self.matrix.close_state();
    }

    fn progress(&self, expanded: u32) -> Progress {
        let states = self.states.len() as u64;
        let frontier = states - u64::from(expanded);
        Progress {
            states,
            transitions: self.matrix.branches.len() as u64,
            depth: 0,
            frontier,
            memory: self.states.memory() + self.matrix.memory(),
        }
    }

    /// What no run comes to: kinds of actions that are never enabled, or change nothing; a coin that is never tossed.
    pub fn unreached(&self) -> Vec<Unreached>
    where
        G: Game<Action: Serialize + DeserializeOwned>,
    {
        let mut kinds = Kinds::of::<G::Action>();
        for state in self.states() {
            self.game.actions(state, &mut |action, distribution| {
                let changes = distribution.outcomes().any(|(_, next)| next != state);
                kinds.note(&action, changes);
            });
        }
        let mut all = kinds.unreached();
        let tossed = (0..self.matrix.choice_count()).any(|choice| self.matrix.branches(choice).len() > 1);
        all.extend((!tossed).then_some(Unreached::Coin));
        all
    }

    /// What the answers are about.
    pub fn scope(&self) -> Scope {
        Scope {
            states: self.states.len() as u64,
            choices: u64::from(self.matrix.choice_count()),
            branches: self.matrix.branches.len() as u64,
        }
    }

    /// Every state, in the order in which they were found: the order of every answer's values.
    pub fn states(&self) -> impl Iterator<Item = &G::State> {
        (0..self.states.len() as u32).map(|id| self.states.get(id))
    }

    /// By state: whether it satisfies a predicate.
    pub(super) fn are(&self, goal: impl Fn(&G::State) -> bool) -> Vec<bool> {
        self.states().map(goal).collect()
    }

    /// The name of a choice of a state, by its place among the state's choices.
    pub(super) fn action(&self, state: u32, choice: u32) -> G::Action {
        let place = (choice - self.matrix.choices(state).start) as usize;
        let mut names = Vec::new();
        self.game.actions(self.states.get(state), &mut |name, _| names.push(name));
        names.swap_remove(place)
    }
}
