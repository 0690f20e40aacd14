//! The liveness claims of a plain transition system, judged on all its states.
//!
//! As in TLA+, a step that changes nothing is no step: it neither enables nor serves a class.

use super::{Answer, Bits, Class, Fairness, Graph, Lasso, Step, Temporal, refute};
use crate::SystemRun;
use crate::system::{Claim, Justice, Predicate, Says, System};
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use synod_properties::{Property, Verdict};

/// What is known of a system's liveness.
#[derive(Clone, Debug)]
pub struct LivenessReport<S: System> {
    /// Each claim on all fair runs, with its verdict.
    pub verdicts: Vec<(Property, Verdict)>,
    /// A run for each of them that is broken.
    pub counterexamples: Vec<SystemRun<S>>,
    /// Distinct states.
    pub states: u32,
    /// Distinct steps between different states: by target and class.
    pub edges: u64,
}

impl<S: System> LivenessReport<S> {
    /// The verdict on the claim with this identifier.
    ///
    /// # Panics
    /// If there is no such claim.
    pub fn verdict(&self, id: &str) -> &Verdict {
        let found = self.verdicts.iter().find(|(property, _)| property.id == id);
        &found.unwrap_or_else(|| panic!("no claim {id}")).1
    }

    /// The run that breaks the claim with this identifier.
    pub fn counterexample(&self, id: &str) -> Option<&SystemRun<S>> {
        self.counterexamples.iter().find(|run| run.property == id)
    }
}

/// Explores a system and judges its claims on all fair runs (`Eventually`, `LeadsTo`, `InfinitelyOften`,
/// `EventuallyAlways`).
///
/// States are kept and compared as they are. Beyond `states_max` none is expanded: then, as where a step leads outside
/// `System::within`, a claim is refuted by what was explored, or is not judged.
pub fn check_liveness<S: System>(system: &S, states_max: u32) -> LivenessReport<S> {
    let space = Space::explore(system, states_max);
    let mut report = LivenessReport {
        verdicts: Vec::new(),
        counterexamples: Vec::new(),
        states: space.states.len() as u32,
        edges: space.graph.edges_total(),
    };
    for claim in system.claims() {
        let Some((answer, exercised)) = space.judge(claim.says) else { continue };
        let verdict = match answer {
            Answer::None if !exercised => Verdict::vacuous("no state is reached that the claim speaks of"),
            Answer::None => Verdict::Holds,
            Answer::Open { reason: 0, state } => Verdict::Unknown {
                why: format!(
                    "not judged: runs leave the states that are kept, from {:?}",
                    space.states[state as usize]
                ),
            },
            Answer::Open { .. } => Verdict::Unknown { why: format!("the limit of {states_max} states") },
            Answer::Found(lasso) => {
                let run = space.run(&claim, &lasso);
                let what = run.what.clone();
                report.counterexamples.push(run);
                Verdict::Violated { what }
            }
        };
        report.verdicts.push((claim.property, verdict));
    }
    report
}

/// Classes of actions as labels of edges: 0 for those that are owed nothing, from 1 on as they come up.
#[derive(Debug)]
struct Labels {
    labels: BTreeMap<Justice, u32>,
    classes: Vec<Class>,
}

impl Labels {
    fn new() -> Self {
        Self { labels: BTreeMap::from([(Justice::None, 0)]), classes: vec![Class::default()] }
    }

    fn label(&mut self, justice: Justice) -> u32 {
        *self.labels.entry(justice).or_insert_with(|| {
            self.classes.push(Class::new(match justice {
                Justice::None => Fairness::None,
                Justice::Weak(_) => Fairness::Weak,
                Justice::Strong(_) => Fairness::Strong,
            }));
            self.classes.len() as u32 - 1
        })
    }
}

/// A system's states, numbered breadth-first, and the steps between them.
struct Space<'a, S: System> {
    system: &'a S,
    states: Vec<S::State>,
    table: HashTable<u32>,
    /// By state: one from which it was reached first; itself where it is initial.
    parents: Vec<u32>,
    levels: Vec<u32>,
    graph: Graph,
    labels: Labels,
}

impl<'a, S: System> Space<'a, S> {
    fn explore(system: &'a S, states_max: u32) -> Self {
        let mut space = Self {
            system,
            states: Vec::new(),
            table: HashTable::new(),
            parents: Vec::new(),
            levels: vec![0],
            graph: Graph::new(),
            labels: Labels::new(),
        };
        system.initial(&mut |state| {
            if system.within(&state) {
                let number = space.states.len() as u32;
                space.number(state, number);
            }
        });
        let mut next = 0;
        while next < space.states.len() as u32 && space.states.len() as u64 <= u64::from(states_max) {
            if next == space.levels[space.levels.len() - 1] {
                space.levels.push(space.states.len() as u32);
            }
            space.expand(next);
            next += 1;
        }
        space
    }

    /// The number of a state that was reached from `parent`.
    fn number(&mut self, state: S::State, parent: u32) -> u32 {
        let hash = FxBuildHasher.hash_one(&state);
        if let Some(&known) = self.table.find(hash, |&id| self.states[id as usize] == state) {
            return known;
        }
        let number = self.states.len() as u32;
        self.states.push(state);
        self.parents.push(parent);
        self.table.insert_unique(hash, number, |&id| FxBuildHasher.hash_one(&self.states[id as usize]));
        number
    }

    fn expand(&mut self, from: u32) {
        let mut steps = Vec::new();
        let state = &self.states[from as usize];
        self.system.steps(state, &mut |action, to| {
            if to != *state {
                steps.push((self.system.fairness(&action), to));
            }
        });
        let mut edges: Vec<(u32, Option<u32>)> = steps
            .into_iter()
            .map(|(justice, to)| {
                let label = self.labels.label(justice);
                (label, self.system.within(&to).then(|| self.number(to, from)))
            })
            .collect();
        edges.sort_unstable();
        edges.dedup();
        self.graph.open(from);
        for (label, target) in edges {
            match target {
                Some(target) => self.graph.edge(target, label),
                None => self.graph.beyond(label),
            }
        }
    }

    fn satisfying(&self, holds: Predicate<S>) -> Bits {
        Bits::from_fn(self.states.len() as u32, |s| holds(self.system, &self.states[s as usize]))
    }

    /// Whether some fair run breaks the claim, if it speaks of fair runs; and whether any run could.
    fn judge(&self, says: Says<S>) -> Option<(Answer, bool)> {
        let states = self.states.len() as u32;
        let initial = Bits::from_fn(states, |s| self.parents[s as usize] == s);
        let ask = |claim| refute(&self.graph, &initial, claim, &self.labels.classes, &self.levels);
        Some(match says {
            Says::Eventually(goal) => (ask(Temporal::Eventually(&self.satisfying(goal))), states > 0),
            Says::LeadsTo(cause, goal) => {
                let (cause, goal) = (self.satisfying(cause), self.satisfying(goal));
                (ask(Temporal::LeadsTo(&cause, &goal)), !cause.is_empty())
            }
            Says::InfinitelyOften(goal) => {
                (ask(Temporal::InfinitelyOften(&self.satisfying(goal))), states > 0)
            }
            Says::EventuallyAlways(goal) => {
                (ask(Temporal::EventuallyAlways(&self.satisfying(goal))), states > 0)
            }
            Says::Always(_) | Says::Ends(_) | Says::Sometimes(_) => return None,
        })
    }

    /// The run of a lasso, from an initial state on.
    fn run(&self, claim: &Claim<S>, lasso: &Lasso) -> SystemRun<S> {
        let mut way = vec![lasso.start];
        while self.parents[way[way.len() - 1] as usize] != way[way.len() - 1] {
            way.push(self.parents[way[way.len() - 1] as usize]);
        }
        way.reverse();
        let before = way.windows(2).map(|pair| self.step(pair[0], pair[1], None));
        let after = lasso.stem.iter().chain(&lasso.cycle).map(|&step| self.follow(step));
        SystemRun {
            property: claim.property.id.to_owned(),
            what: match lasso.cycle.len() {
                0 => format!("the run stops for ever in {:?}", self.states[lasso.knot as usize]),
                n => format!("the run repeats its last {n} steps for ever"),
            },
            start: self.states[way[0] as usize].clone(),
            steps: before.chain(after).collect(),
            cycle_from: Some(way.len() - 1 + lasso.stem.len()),
        }
    }

    fn follow(&self, step: Step) -> (S::Action, S::State) {
        let edge = step.place(&self.graph);
        let target = self.graph.target(edge).expect("a run stays within what was explored");
        self.step(step.state, target, Some(self.graph.label(edge)))
    }

    /// The first action that leads from a state to another, of the class with this label if any is given.
    fn step(&self, from: u32, to: u32, label: Option<u32>) -> (S::Action, S::State) {
        let target = &self.states[to as usize];
        let mut found = None;
        self.system.steps(&self.states[from as usize], &mut |action, state| {
            if found.is_none()
                && state == *target
                && label.is_none_or(|l| self.labels.labels.get(&self.system.fairness(&action)) == Some(&l))
            {
                found = Some(action);
            }
        });
        (found.expect("an edge is some action's"), target.clone())
    }
}
