//! Exploring a plain transition system.

use crate::erased::{self, Values};
use crate::fair::{Answer, Bits, Class, Fairness, Temporal, refute};
use crate::fingerprint::{Print, print_of, scatter};
use crate::intern::Kept;
use crate::report::{Control, Options, Order, Progress, SYMMETRY, Store};
use crate::search::{Ended, Found, Steps, breadth_first};
use crate::space::{Edge, Exact, Missing, Run, Space, Start};
use crate::system::{Justice, Predicate, Says, System};
use std::hash::{Hash, Hasher};
use synod_properties::{Kind, Property, Verdict, Violation};

/// What a check of a system answers.
#[derive(Clone, Debug)]
pub struct SystemReport<S: System> {
    /// Each claim with its verdict.
    pub verdicts: Vec<(Property, Verdict)>,
    /// Distinct initial states.
    pub initial: u64,
    /// Distinct states. Of a swarm that is not complete: those that each of its searches visited, summed up, so that a
    /// state that several visited is counted several times.
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
    /// A run for each claim that is broken: of safety, the first one found; of liveness, each.
    pub counterexamples: Vec<SystemRun<S>>,
    /// Whether no run breaks a claim of safety that is shorter than the one that was found, as far as this is known.
    pub shortest: bool,
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

    /// A run that breaks a claim, if one was found.
    pub fn counterexample(&self) -> Option<&SystemRun<S>> {
        self.counterexamples.first()
    }

    /// The run that breaks the claim with this identifier.
    pub fn counterexample_to(&self, id: &str) -> Option<&SystemRun<S>> {
        self.counterexamples.iter().find(|run| run.property == id)
    }

    /// Whether every claim holds.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds)
    }
}

/// A system as a space.
struct Plain<'a, S: System> {
    system: &'a S,
    symmetric: bool,
    /// Claims on states, by their place.
    always: Vec<(usize, Predicate<S>)>,
    ends: Vec<(usize, Predicate<S>)>,
    goals: Vec<(usize, Predicate<S>)>,
    properties: Vec<Property>,
}

/// Tells the parts of a value: the words and bytes that it is hashed by, each with its place.
struct Parts<'a> {
    each: &'a mut dyn FnMut(u64),
    place: u64,
}

impl Parts<'_> {
    fn word(&mut self, word: u64) {
        (self.each)(scatter(scatter(word) ^ self.place));
        self.place += 1;
    }
}

impl Hasher for Parts<'_> {
    fn finish(&self) -> u64 {
        self.place
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.word(u64::from(byte));
        }
    }

    fn write_u16(&mut self, i: u16) {
        self.word(u64::from(i));
    }

    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }

    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    fn write_u128(&mut self, i: u128) {
        self.word(i as u64);
        self.word((i >> 64) as u64);
    }

    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }
}

impl<'a, S: System> Plain<'a, S> {
    fn new(system: &'a S, symmetric: bool) -> Self {
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
        Self { system, symmetric, always, ends, goals, properties }
    }

    /// The state that stands for those that symmetry makes equal to it.
    #[inline]
    fn canonical(&self, state: S::State) -> S::State {
        if !self.symmetric {
            return state;
        }
        self.system.representative(&state).unwrap_or(state)
    }

    /// A claim that tells a state from its representative: then the symmetry would hide what it sees.
    fn told_apart(&self, state: &S::State, representative: &S::State) -> Option<Violation> {
        if !self.symmetric || state == representative {
            return None;
        }
        let all = self.always.iter().chain(&self.ends).chain(&self.goals);
        let differ = |(_, holds): &&(usize, Predicate<S>)| {
            holds(self.system, state) != holds(self.system, representative)
        };
        let (at, _) = all.into_iter().find(differ)?;
        let id = self.properties[*at].id;
        let what = format!("{id} tells {state:?} from {representative:?}, which the symmetry takes for one");
        Some(Violation::new(&SYMMETRY, what))
    }

    /// The initial states that are kept.
    fn start(&self) -> Start<Vec<S::State>> {
        let mut rows = Vec::new();
        self.system.initial(&mut |state| {
            if self.system.within(&state) {
                rows.push(self.canonical(state));
            }
        });
        Start { rows, broken: None }
    }

    /// The step of this place out of a state.
    fn step(&self, from: &S::State, place: u32) -> (S::Action, S::State) {
        let (mut at, mut found) = (0, None);
        self.system.steps(from, &mut |action, next| {
            if at == place {
                found = Some((action, self.canonical(next)));
            }
            at += 1;
        });
        found.expect("a state has this many steps")
    }

    fn first_broken(&self, claims: &[(usize, Predicate<S>)], state: &S::State) -> Option<Violation> {
        let (at, _) = claims.iter().find(|(_, holds)| !holds(self.system, state))?;
        Some(Violation::new(&self.properties[*at], format!("{state:?}")))
    }
}

impl<S: System> Space for Plain<'_, S> {
    type Rows = Vec<S::State>;
    type Step = (S::State, u64);
    type Exact = Kept<S::State>;

    fn properties(&self) -> Vec<Property> {
        self.properties.clone()
    }

    #[inline]
    fn print(&self, state: &S::State) -> Print {
        print_of(state)
    }

    #[inline]
    fn expand(&self, state: &S::State, each: &mut impl FnMut(Edge<(S::State, u64)>)) -> Result<(), Missing> {
        self.system.steps(state, &mut |action, next| {
            // a step that changes nothing is no step: it neither enables nor serves a class (TLA+)
            let class = match self.system.fairness(&action) {
                _ if next == *state => 0,
                Justice::None => 0,
                Justice::Weak(class) => class << 2 | 1,
                Justice::Strong(class) => class << 2 | 2,
            };
            if !self.system.within(&next) {
                return each(Edge::Outside(class));
            }
            if !self.symmetric {
                return each(Edge::To { print: print_of(&next), step: (next, class) });
            }
            let representative = self.canonical(next.clone());
            each(match self.told_apart(&next, &representative) {
                Some(violation) => Edge::Broken(violation),
                None => Edge::To { print: print_of(&representative), step: (representative, class) },
            });
        });
        Ok(())
    }

    #[inline]
    fn build(&self, _: &S::State, (_, (next, _)): (Print, Self::Step), rows: &mut Vec<S::State>) {
        rows.push(next);
    }

    fn keep(
        &self,
        exact: &mut Self::Exact,
        _: &S::State,
        (print, (state, _)): (Print, &Self::Step),
        _: &mut Self::Rows,
    ) -> (u32, bool) {
        exact.insert(print, state)
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

    fn judges_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    fn distance(&self, state: &S::State) -> u64 {
        let unreached = || self.goals.iter().filter(|(_, holds)| !holds(self.system, state)).count() as u64;
        self.system.distance(state).unwrap_or_else(unreached)
    }

    fn parts(&self, state: &S::State, each: &mut dyn FnMut(u64)) {
        state.hash(&mut Parts { each, place: 0 });
    }

    fn class(&self, step: &(S::State, u64)) -> u64 {
        step.1
    }

    fn keeps_runs(&self) -> bool {
        !self.symmetric
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
    let space = Plain::new(system, options.symmetry);
    let start = space.start();
    let starts = start.rows.clone();
    let mut found = if options.order == Order::BreadthFirst {
        breadth_first(space, start, options, progress)
    } else {
        let found = erased::explore(&space, start, options, progress);
        found.of_space(Plain::new(system, options.symmetry), Values::all)
    };
    let (mut stopped, mut counterexamples) = (None, Vec::new());
    match found.ended.take() {
        None => {}
        Some(Ended::Limit(why)) => stopped = Some(why),
        Some(Ended::Broken(violation, run)) => {
            stopped = Some("stopped at the violation".to_owned());
            let run = told(&found, &starts, violation, &run);
            counterexamples.push(if options.symmetry { unfold(system, run) } else { run });
        }
    }
    let judged = found.kept.take().map(|(states, steps)| judge_all(&found, &starts, &states, &steps));
    let (judged, lassos) = judged.unwrap_or_default();
    counterexamples.extend(lassos);
    SystemReport {
        verdicts: options.asked(verdicts(&found, stopped.as_deref(), &counterexamples, &judged)),
        initial: found.initial,
        states: found.states,
        generated: found.generated,
        depth: found.depth,
        complete: stopped.is_none(),
        stopped,
        store: options.store_for(&found.space.properties()),
        memory: found.memory,
        counterexamples,
        shortest: found.shortest,
    }
}

/// A run with its actions and states, and what it breaks.
fn told<S: System>(
    found: &Found<Plain<'_, S>>,
    starts: &[S::State],
    Violation { property, what }: Violation,
    run: &Run,
) -> SystemRun<S> {
    let mut steps = Vec::new();
    found.walk(run, |state, place| steps.push(found.space.step(state, place)));
    SystemRun { property, what, start: starts[run.start].clone(), steps, cycle_from: None }
}

/// A run of the system itself along a run of representatives.
fn unfold<S: System>(system: &S, mut run: SystemRun<S>) -> SystemRun<S> {
    let representative = |state: &S::State| system.representative(state).unwrap_or_else(|| state.clone());
    let mut start = None;
    system.initial(&mut |state| {
        if start.is_none() && representative(&state) == run.start {
            start = Some(state);
        }
    });
    run.start = start.expect("a representative stands for an initial state");
    let mut here = run.start.clone();
    for (action, state) in &mut run.steps {
        let mut found = None;
        system.steps(&here, &mut |a, next| {
            if found.is_none() && representative(&next) == *state {
                found = Some((a, next));
            }
        });
        // the last step may break a property, and lead to a state that was not kept
        if let Some((a, next)) = found {
            (*action, *state) = (a, next.clone());
            here = next;
        }
    }
    run
}

/// Judges what is claimed of all fair runs: each such claim by its place, and a run for each that is broken.
fn judge_all<S: System>(
    found: &Found<Plain<'_, S>>,
    starts: &[S::State],
    states: &Kept<S::State>,
    steps: &Steps,
) -> (Vec<(usize, Verdict)>, Vec<SystemRun<S>>) {
    let (system, mut verdicts, mut lassos) = (found.space.system, Vec::new(), Vec::new());
    for (at, claim) in system.claims().iter().enumerate() {
        let Some((answer, exercised)) = judge(found.initial, system, states, steps, claim.says) else {
            continue;
        };
        let verdict = match answer {
            Answer::None if !exercised => Verdict::vacuous("no state is reached that the claim speaks of"),
            Answer::None => Verdict::Holds,
            Answer::Open { state, .. } => {
                let from = states.with(state, |s| format!("{s:?}"));
                Verdict::Unknown {
                    why: format!("not judged: runs leave the states that are kept, from {from}"),
                }
            }
            Answer::Found(lasso) => {
                let what = match lasso.cycle.len() {
                    0 => {
                        format!("the run stops for ever in {}", states.with(lasso.knot, |s| format!("{s:?}")))
                    }
                    1 => "the run repeats its last step for ever".to_owned(),
                    n => format!("the run repeats its last {n} steps for ever"),
                };
                let violation = Violation::new(&claim.property, what.clone());
                let mut run = told(found, starts, violation, &found.run_to(lasso.start));
                run.cycle_from = Some(run.steps.len() + lasso.stem.len());
                let steps = lasso.stem.iter().chain(&lasso.cycle);
                run.steps
                    .extend(steps.map(|step| states.with(step.state, |s| found.space.step(s, step.edge))));
                lassos.push(run);
                Verdict::Violated { what }
            }
        };
        verdicts.push((at, verdict));
    }
    (verdicts, lassos)
}

/// Whether some fair run breaks a claim, if it speaks of fair runs; and whether any run could.
fn judge<S: System>(
    initial: u64,
    system: &S,
    states: &Kept<S::State>,
    steps: &Steps,
    says: Says<S>,
) -> Option<(Answer, bool)> {
    let count = states.len() as u32;
    let satisfying =
        |holds: Predicate<S>| Bits::from_fn(count, |number| states.with(number, |s| holds(system, s)));
    let mut classes = vec![Class::default()];
    classes.extend(steps.classes.iter().map(|class| match class & 3 {
        1 => Class::new(Fairness::Weak),
        _ => Class::new(Fairness::Strong),
    }));
    let starts = Bits::from_fn(count, |number| u64::from(number) < initial);
    let ask = |claim| refute(&steps.graph, &starts, claim, &classes, &steps.levels);
    Some(match says {
        Says::Eventually(goal) => (ask(Temporal::Eventually(&satisfying(goal))), count > 0),
        Says::LeadsTo(cause, goal) => {
            let (cause, goal) = (satisfying(cause), satisfying(goal));
            (ask(Temporal::LeadsTo(&cause, &goal)), !cause.is_empty())
        }
        Says::InfinitelyOften(goal) => (ask(Temporal::InfinitelyOften(&satisfying(goal))), count > 0),
        Says::EventuallyAlways(goal) => (ask(Temporal::EventuallyAlways(&satisfying(goal))), count > 0),
        Says::Always(_) | Says::Ends(_) | Says::Sometimes(_) => return None,
    })
}

fn verdicts<S: System>(
    found: &Found<Plain<'_, S>>,
    stopped: Option<&str>,
    broken: &[SystemRun<S>],
    judged: &[(usize, Verdict)],
) -> Vec<(Property, Verdict)> {
    let unknown = |why: &str| Verdict::Unknown { why: why.to_owned() };
    let properties = found.space.properties();
    let run_of = |property: &Property| broken.iter().find(|run| run.property == property.id);
    let verdict = |at: usize, property: &Property| match (run_of(property), property.kind, stopped) {
        (Some(run), _, _) => Verdict::Violated { what: run.what.clone() },
        (_, Kind::Reachable, _) if found.reached >> at & 1 == 1 => Verdict::Holds,
        (_, _, Some(why)) => unknown(&format!("not complete: {why}")),
        (_, Kind::Reachable, _) => unknown("never reached: what it stands for was not exercised"),
        (_, Kind::Liveness, _) => {
            let found = judged.iter().find(|(place, _)| *place == at);
            let why = "not judged: only breadth-first and without symmetry is what happens for ever judged";
            found.map_or_else(|| unknown(why), |(_, verdict)| verdict.clone())
        }
        (_, Kind::Safety, _) => Verdict::Holds,
    };
    properties.iter().enumerate().map(|(at, p)| (*p, verdict(at, p))).collect()
}
