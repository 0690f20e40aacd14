//! Exploring a plain transition system.

use crate::intern::Interner;
use crate::report::{Control, Options, Progress};
use crate::system::{Says, System};
use std::collections::BTreeSet;
use synod_properties::{Kind, Property, Verdict};

/// What a check of a system answers.
#[derive(Clone, Debug)]
pub struct SystemReport<S: System> {
    /// Each claim with its verdict.
    pub verdicts: Vec<(Property, Verdict)>,
    /// Distinct initial states.
    pub initial: u64,
    /// Distinct states.
    pub states: u64,
    /// Successors computed, with the initial states, those seen before and those that are the same state.
    pub generated: u64,
    /// The greatest depth, in steps from an initial state.
    pub depth: u32,
    /// Whether all was explored.
    pub complete: bool,
    /// Why not, if not.
    pub stopped: Option<String>,
    /// A run that breaks a claim.
    pub counterexample: Option<SystemRun<S>>,
}

/// A run of a system.
#[derive(Clone, Debug)]
pub struct SystemRun<S: System> {
    /// The identifier of the claim that it breaks.
    pub property: String,
    /// How.
    pub what: String,
    /// Its first state.
    pub start: S::State,
    /// Its steps, each with the state after it.
    pub steps: Vec<(S::Action, S::State)>,
    /// From which step on it repeats itself for ever, where it does; equal to the number of steps where nothing more
    /// happens.
    pub cycle_from: Option<usize>,
}

impl<S: System> SystemReport<S> {
    /// The verdict on the claim with this identifier.
    ///
    /// # Panics
    /// If there is no such claim.
    pub fn verdict(&self, id: &str) -> &Verdict {
        let found = self.verdicts.iter().find(|(property, _)| property.id == id);
        &found.unwrap_or_else(|| panic!("no claim {id}")).1
    }
}

/// Explores every run of a system and judges its claims.
pub fn check_system<S: System>(
    system: &S,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> SystemReport<S> {
    let claims = system.claims();
    let mut states = Interner::new();
    let mut parents: Vec<u32> = Vec::new();
    let mut broken: Option<(usize, u32)> = None;
    let mut reached = BTreeSet::new();
    let (mut generated, mut depth) = (0_u64, 0);
    let mut judge = |id: u32, state: &S::State| {
        for (at, claim) in claims.iter().enumerate() {
            match claim.says {
                Says::Always(holds) if !holds(system, state) && broken.is_none() => broken = Some((at, id)),
                Says::Sometimes(holds) if holds(system, state) => _ = reached.insert(at),
                _ => {}
            }
        }
    };
    system.initial(&mut |state| {
        generated += 1;
        if system.within(&state) {
            let (id, new) = states.intern(state);
            if new {
                parents.push(id);
                judge(id, states.get(id));
            }
        }
    });
    let initial = states.len() as u64;
    let (mut from, mut level_end) = (0, states.len() as u32);
    let mut stopped = None;
    while from < states.len() as u32 {
        if from == level_end {
            (level_end, depth) = (states.len() as u32, depth + 1);
        }
        let mut found = Vec::new();
        system.steps(states.get(from), &mut |_, state| found.push(state));
        for state in found {
            generated += 1;
            if system.within(&state) {
                let (id, new) = states.intern(state);
                if new {
                    parents.push(from);
                    judge(id, states.get(id));
                }
            }
        }
        from += 1;
        let now = Progress { states: states.len() as u64, transitions: generated, depth, frontier: 0 };
        if from.is_multiple_of(4096) && progress(&now) == Control::Stop {
            stopped = Some("stopped on request".to_owned());
            break;
        }
        if states.len() as u64 > options.states_max {
            stopped = Some(format!("the limit of {} states", options.states_max));
            break;
        }
    }
    let counterexample = broken.map(|(at, id)| {
        let mut way = vec![id];
        while parents[way[way.len() - 1] as usize] != way[way.len() - 1] {
            way.push(parents[way[way.len() - 1] as usize]);
        }
        way.reverse();
        let steps = way.windows(2).map(|pair| {
            let mut action = None;
            system.steps(states.get(pair[0]), &mut |a, state| {
                if action.is_none() && state == *states.get(pair[1]) {
                    action = Some(a);
                }
            });
            (action.expect("a parent has a step to its child"), states.get(pair[1]).clone())
        });
        SystemRun {
            property: claims[at].property.id.to_owned(),
            what: format!("{:?}", states.get(id)),
            start: states.get(way[0]).clone(),
            steps: steps.collect(),
            cycle_from: None,
        }
    });
    let verdicts = claims
        .iter()
        .enumerate()
        .map(|(at, claim)| {
            let unknown = |why: &str| Verdict::Unknown { why: why.to_owned() };
            let verdict = match (&counterexample, claim.property.kind) {
                (Some(run), _) if run.property == claim.property.id => {
                    Verdict::Violated { what: run.what.clone() }
                }
                (_, Kind::Reachable) if reached.contains(&at) => Verdict::Holds,
                (_, Kind::Reachable) => unknown("never reached"),
                (_, Kind::Liveness) => unknown("not judged yet"),
                (_, Kind::Safety) => stopped.as_deref().map_or(Verdict::Holds, unknown),
            };
            (claim.property, verdict)
        })
        .collect();
    SystemReport {
        verdicts,
        initial,
        states: states.len() as u64,
        generated,
        depth,
        complete: stopped.is_none(),
        stopped,
        counterexample,
    }
}
