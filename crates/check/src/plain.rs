//! Exploring a plain transition system.

use crate::fingerprint::{Print, print_of};
use crate::intern::Kept;
use crate::report::{Control, Options, Progress, Store};
use crate::search::{Ended, Found, search};
use crate::space::{BrokenStart, Edge, Missing, Space};
use crate::system::{Justice, Says, System};
use synod_properties::{Kind, Property, Verdict, Violation};

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
    /// How a state was known again.
    pub store: Store,
    /// Bytes used.
    pub memory: u64,
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

    /// Whether every claim holds.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds)
    }
}

/// A system as a space.
struct Plain<'a, S: System> {
    system: &'a S,
    /// Claims on states, by their place.
    always: Vec<(usize, crate::system::Predicate<S>)>,
    ends: Vec<(usize, crate::system::Predicate<S>)>,
    goals: Vec<(usize, crate::system::Predicate<S>)>,
    properties: Vec<Property>,
}

/// What a step of a system is called: how it started, or an action and the state after it.
enum Name<S: System> {
    Start(S::State),
    Step(S::Action, S::State),
}

impl<S: System> Clone for Name<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Start(state) => Self::Start(state.clone()),
            Self::Step(action, state) => Self::Step(action.clone(), state.clone()),
        }
    }
}

impl<'a, S: System> Plain<'a, S> {
    fn new(system: &'a S) -> Self {
        let claims = system.claims();
        let (mut always, mut ends, mut goals) = (Vec::new(), Vec::new(), Vec::new());
        for (at, claim) in claims.iter().enumerate() {
            match claim.says {
                Says::Always(holds) => always.push((at, holds)),
                Says::Ends(holds) => ends.push((at, holds)),
                Says::Sometimes(holds) => goals.push((at, holds)),
                _ => {}
            }
        }
        let properties = claims.iter().map(|c| c.property).collect();
        Self { system, always, ends, goals, properties }
    }

    fn first_broken(
        &self,
        claims: &[(usize, crate::system::Predicate<S>)],
        state: &S::State,
    ) -> Option<Violation> {
        let (at, _) = claims.iter().find(|(_, holds)| !holds(self.system, state))?;
        Some(Violation::new(&self.properties[*at], format!("{state:?}")))
    }
}

impl<S: System> Space for Plain<'_, S> {
    type Rows = Vec<S::State>;
    type Step = (S::State, u64);
    type Name = Name<S>;
    type Exact = Kept<S::State>;

    fn properties(&self) -> Vec<Property> {
        self.properties.clone()
    }

    fn initial(&mut self, rows: &mut Vec<S::State>) -> Result<Vec<Vec<Name<S>>>, BrokenStart<Name<S>>> {
        self.system.initial(&mut |state| {
            if self.system.within(&state) {
                rows.push(state);
            }
        });
        Ok(rows.iter().map(|state| vec![Name::Start(state.clone())]).collect())
    }

    #[inline]
    fn print(&self, state: &S::State) -> Print {
        print_of(state)
    }

    #[inline]
    fn expand(
        &self,
        state: &S::State,
        each: &mut impl FnMut(Edge<(S::State, u64)>),
    ) -> Result<(), Missing> {
        self.system.steps(state, &mut |action, next| {
            if self.system.within(&next) {
                let class = match self.system.fairness(&action) {
                    Justice::None => 0,
                    Justice::Weak(class) => class << 2 | 1,
                    Justice::Strong(class) => class << 2 | 2,
                };
                each(Edge::To { print: print_of(&next), step: (next, class) });
            } else {
                each(Edge::Outside);
            }
        });
        Ok(())
    }

    fn fill(&mut self, _: &S::State) {}

    #[inline]
    fn build(&self, _: &S::State, (next, _): (S::State, u64), rows: &mut Vec<S::State>) {
        rows.push(next);
    }

    fn reached(&self, state: &S::State) -> u64 {
        let bits = self.goals.iter().filter(|(_, holds)| holds(self.system, state)).map(|(at, _)| 1 << at);
        bits.sum()
    }

    #[inline]
    fn broken(&self, state: &S::State) -> Option<Violation> {
        self.first_broken(&self.always, state)
    }

    fn broken_end(&self, state: &S::State) -> Option<Violation> {
        self.first_broken(&self.ends, state)
    }

    fn name(&mut self, from: &S::State, place: usize) -> Name<S> {
        let (mut at, mut found) = (0, None);
        self.system.steps(from, &mut |action, next| {
            if self.system.within(&next) {
                if at == place {
                    found = Some(Name::Step(action, next));
                }
                at += 1;
            }
        });
        found.expect("a state has this many steps")
    }

    fn class(&self, step: &(S::State, u64)) -> u64 {
        step.1
    }

    fn memory(&self) -> u64 {
        0
    }
}

/// Explores every run of a system and judges its claims.
pub fn check_system<S: System>(
    system: &S,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> SystemReport<S> {
    let mut found = search(Plain::new(system), options, progress);
    let (mut stopped, mut counterexample) = (None, None);
    match found.ended.take() {
        None => {}
        Some(Ended::Limit(why)) => stopped = Some(why),
        Some(Ended::Broken(violation, names)) => {
            stopped = Some("stopped at the violation".to_owned());
            counterexample = Some(run(violation, names, None));
        }
    }
    SystemReport {
        verdicts: verdicts(&found, stopped.as_deref(), counterexample.as_ref()),
        initial: found.initial,
        states: found.states,
        generated: found.generated,
        depth: found.depth,
        complete: stopped.is_none(),
        stopped,
        store: options.store,
        memory: found.memory,
        counterexample,
    }
}

fn run<S: System>(violation: Violation, names: Vec<Name<S>>, cycle_from: Option<usize>) -> SystemRun<S> {
    let mut names = names.into_iter();
    let Some(Name::Start(start)) = names.next() else { unreachable!("a run starts at an initial state") };
    let steps = names.map(|name| match name {
        Name::Step(action, state) => (action, state),
        Name::Start(_) => unreachable!("a run starts once"),
    });
    SystemRun { property: violation.property, what: violation.what, start, steps: steps.collect(), cycle_from }
}

fn verdicts<S: System>(
    found: &Found<Plain<'_, S>>,
    stopped: Option<&str>,
    counterexample: Option<&SystemRun<S>>,
) -> Vec<(Property, Verdict)> {
    let unknown = |why: &str| Verdict::Unknown { why: why.to_owned() };
    let properties = found.space.properties();
    let verdict = |at: usize, property: &Property| match (counterexample, property.kind, stopped) {
        (Some(run), _, _) if run.property == property.id => Verdict::Violated { what: run.what.clone() },
        (_, Kind::Reachable, _) if found.reached >> at & 1 == 1 => Verdict::Holds,
        (_, _, Some(why)) => unknown(&format!("not complete: {why}")),
        (_, Kind::Reachable, _) => unknown("never reached: what it stands for was not exercised"),
        (_, Kind::Liveness, _) => unknown("not judged yet"),
        (_, Kind::Safety, _) => Verdict::Holds,
    };
    properties.iter().enumerate().map(|(at, p)| (*p, verdict(at, p))).collect()
}
