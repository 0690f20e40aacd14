//! Worlds of processes: what both representations of them share, and what is judged of what was found.

use crate::liveness::{Open, bottom_components, cycle};
use crate::report::{Counterexample, Options, Report};
use crate::search::{Ended, Found, Graph};
use crate::space::{Exact, Space, StateOf};
use std::collections::BTreeSet;
use synod_kernel::{InPlace, Laws, Move, Observed, Rest, Script, Seat, Setting, Status};
use synod_model::{Output, Process, ProcessId, ProcessSet, When};
use synod_properties::{Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};

/// A space whose states are worlds of processes.
pub(crate) trait Worlds<P: Process, M>: Space<Name = Move<P::Message, P::Timer>> {
    /// Calls `see` with the seats of a state, its monitor, and the rest of its world.
    fn view<T>(&self, state: &StateOf<Self>, see: impl FnOnce(&[&Seat<P>], &M, &Rest) -> T) -> T;
}

/// Feeds what was observed to a monitor.
pub(crate) fn judge<Q, I, M: Monitor<Q, I>>(
    monitor: &mut M,
    observed: &Observed<Q, I>,
) -> Result<(), Violation> {
    monitor.observe(&match observed {
        Observed::Request(at, request) => Observation::Request { at: *at, request },
        Observed::Indication(at, indication) => Observation::Indication { at: *at, indication },
        Observed::Crash(at) => Observation::Crash { at: *at },
        Observed::Recover(at) => Observation::Recover { at: *at },
    })
}

/// The goals that a monitor has reached, as bits by the property's place.
pub(crate) fn goals<Q, I, M: Monitor<Q, I>>(properties: &[Property], monitor: &M) -> u64 {
    let mut bits = 0;
    monitor.reached(&mut |goal| {
        let places = properties.iter().enumerate().filter(|(_, p)| p.id == goal);
        places.for_each(|(at, _)| bits |= 1 << at);
    });
    bits
}

/// What came out, judged.
pub(crate) fn report<P, M, S>(mut found: Found<S>, setting: &Setting<P>, options: &Options) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Worlds<P, M>,
{
    let (mut stopped, mut counterexample) = (None, None);
    match found.ended.take() {
        None => {}
        Some(Ended::Limit(why)) => stopped = Some(why),
        Some(Ended::Broken(violation, moves)) => {
            stopped = Some("stopped at the violation".to_owned());
            counterexample = Some(broken(violation, moves));
        }
    }
    let mut judged = Judged::default();
    if let (None, Some((exact, graph))) = (&stopped, found.kept.take()) {
        judged = judge_liveness(&mut found, &exact, &graph, setting);
        counterexample = judged.counterexample.take();
    }
    let complete = stopped.is_none();
    if let (None, Some(c)) = (&stopped, &counterexample)
        && c.cycle_from.is_none()
    {
        stopped = Some("stopped at the violation".to_owned());
    }
    let verdicts = verdicts(
        &found.space.properties(),
        found.reached,
        stopped.as_deref(),
        counterexample.as_ref(),
        &judged,
    );
    Report {
        verdicts,
        states: found.states,
        transitions: found.transitions,
        depth: found.depth,
        complete,
        stopped,
        store: options.store,
        handler_calls: found.space.handler_calls(),
        memory: found.memory,
        counterexample,
    }
}

/// What was judged of liveness.
struct Judged<P: Process> {
    counterexample: Option<Counterexample<P>>,
    /// The properties that were not judged in some component, and why.
    unjudged: BTreeSet<(String, String)>,
    /// In no component that a run may stay in for ever do the oracles keep their axioms: nothing is ever owed.
    vacuous: bool,
}

impl<P: Process> Default for Judged<P> {
    fn default() -> Self {
        Self { counterexample: None, unjudged: BTreeSet::new(), vacuous: false }
    }
}

fn verdicts<P: Process>(
    properties: &[Property],
    reached: u64,
    stopped: Option<&str>,
    counterexample: Option<&Counterexample<P>>,
    judged: &Judged<P>,
) -> Vec<(Property, Verdict)> {
    let verdict = |at: usize, property: &Property| {
        if let Some(c) = counterexample.filter(|c| c.property == property.id) {
            return Verdict::Violated { what: c.what.clone() };
        }
        let unknown = |why: &str| Verdict::Unknown { why: why.to_owned() };
        match property.kind {
            Kind::Reachable if reached >> at & 1 == 1 => Verdict::Holds,
            Kind::Reachable if stopped.is_none() => {
                unknown("never reached: what it stands for was not exercised")
            }
            Kind::Liveness if stopped.is_none() && judged.vacuous => Verdict::vacuous(
                "the oracles keep their axioms in no run to its end, so nothing is owed; grant them more outputs",
            ),
            Kind::Liveness if stopped.is_none() => judged
                .unjudged
                .iter()
                .find(|(id, _)| id == property.id)
                .map_or(Verdict::Holds, |(_, why)| unknown(why)),
            Kind::Safety if stopped.is_none() => Verdict::Holds,
            _ => unknown(&format!("not complete: {}", stopped.unwrap_or("stopped"))),
        }
    };
    properties.iter().enumerate().map(|(at, p)| (*p, verdict(at, p))).collect()
}

/// Judges the obligations in every component that no fair choice leaves: in such a component a fair run may stay for
/// ever, and then visits every state of it again and again, so what is owed in all of them is never paid.
fn judge_liveness<P, M, S>(
    found: &mut Found<S>,
    exact: &S::Exact,
    graph: &Graph,
    setting: &Setting<P>,
) -> Judged<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Worlds<P, M>,
{
    let mut judged = Judged::default();
    let properties = found.space.properties();
    if setting.environment.links.ignored_stay {
        // a message that waits until it is heeded is fairer than any link: what would starve may seem to thrive
        let live = properties.iter().filter(|p| p.kind == Kind::Liveness);
        judged.unjudged.extend(
            live.map(|p| (p.id.to_owned(), "not judged: ignored messages stay in flight".to_owned())),
        );
        return judged;
    }
    let mut worst: Option<(u32, Obligation, Vec<u32>)> = None;
    let mut oracles_keep = false;
    let space = &found.space;
    let open = |state: u32| exact.with(state, |s| space.view(s, |seats, _, rest| why_open(seats, rest)));
    let outside: BTreeSet<u32> = graph.outside.iter().copied().collect();
    bottom_components(graph, &mut |component| {
        let owed = owed_throughout(space, exact, setting, component);
        oracles_keep |=
            exact.with(component[0], |s| space.view(s, |seats, _, _| axioms_hold(setting, seats)));
        let beyond = component.iter().any(|s| outside.contains(s)).then_some(Open::Beyond);
        if let Some(open) = component.iter().filter_map(|&s| open(s)).max().max(beyond) {
            judged.unjudged.extend(owed.into_iter().map(|o| (o.property, open.why().to_owned())));
            return;
        }
        let first = component.iter().copied().min().expect("a component has a state");
        let better = worst.as_ref().is_none_or(|(state, _, _)| first < *state);
        if let (true, Some(obligation)) = (better, owed.into_iter().next()) {
            worst = Some((first, obligation, component.to_vec()));
        }
    });
    judged.vacuous = !oracles_keep;
    let Some((first, obligation, component)) = worst else { return judged };
    let mut moves = found.path(first);
    let cycle_from = moves.len();
    for (state, place) in cycle(graph, first, &component) {
        moves.push(exact.with(state, |s| found.space.name(s, place)));
    }
    let Obligation { property, what, .. } = obligation;
    let what = format!("{what}, for ever");
    judged.counterexample = Some(Counterexample { property, what, moves, cycle_from: Some(cycle_from) });
    judged
}

/// Why a component with this state is not judged, if so.
fn why_open<P: Process>(seats: &[&Seat<P>], rest: &Rest) -> Option<Open> {
    let timers = seats.iter().flat_map(|seat| seat.timers());
    let open = timers.filter_map(|(_, when)| match when {
        When::After(_) => Some(Open::Timed),
        When::Pulse if !rest.budgets.pulses.any() => Some(Open::Pulses),
        When::Pulse | When::Oracle(_) => None,
    });
    open.max()
}

/// What is owed in every state of a component, where its debtors are correct and the oracles keep their axioms.
fn owed_throughout<P, M, S>(
    space: &S,
    exact: &S::Exact,
    setting: &Setting<P>,
    component: &[u32],
) -> BTreeSet<Obligation>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Worlds<P, M>,
{
    let owed = |state: u32| -> BTreeSet<Obligation> {
        exact.with(state, |state| {
            space.view(state, |seats, monitor, _| {
                let mut owed = BTreeSet::new();
                if !axioms_hold(setting, seats) {
                    return owed;
                }
                let faulty = stopped(setting, seats);
                monitor.owed(&mut |o| {
                    if o.among.is_disjoint(&faulty) {
                        owed.insert(o);
                    }
                });
                owed
            })
        })
    };
    let mut throughout = owed(component[0]);
    for &state in &component[1..] {
        if throughout.is_empty() {
            break;
        }
        let here = owed(state);
        throughout.retain(|o| here.contains(o));
    }
    throughout
}

fn broken<P: Process>(violation: Violation, moves: Vec<Move<P::Message, P::Timer>>) -> Counterexample<P> {
    Counterexample { property: violation.property, what: violation.what, moves, cycle_from: None }
}

/// The processes that stopped for ever.
fn stopped<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>]) -> ProcessSet {
    setting
        .seating
        .seats()
        .filter(|s| seats[s.index()].status() == Status::Stopped)
        .map(|s| setting.seating.identity(s))
        .collect()
}

/// Whether what the oracles said last is within their axioms, were it to stay so: all correct processes that consult
/// Omega trust one and the same correct process; all that consult eventually-P suspect exactly the crashed.
fn axioms_hold<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>]) -> bool {
    let faulty = stopped(setting, seats);
    let consults = |seat: &Seat<P>, omega: bool| {
        seat.timers().iter().any(
            |(_, when)| matches!(when, When::Oracle(output) if matches!(output, Output::Trust(_)) == omega),
        )
    };
    let up = || seats.iter().filter(|seat| seat.status() == Status::Up);
    let trusted: BTreeSet<Option<ProcessId>> =
        up().filter(|s| consults(s, true)).map(|s| s.trusts()).collect();
    let agreed = trusted.is_empty()
        || (trusted.len() == 1 && trusted.iter().all(|t| t.is_some_and(|leader| !faulty.contains(leader))));
    agreed && up().filter(|s| consults(s, false)).all(|s| *s.suspects() == faulty)
}

/// A representation for running one step with a script.
pub(crate) type Scripted<'a, P> = InPlace<'a, P, Script>;

/// What holds throughout.
pub(crate) fn laws<P: Process>(setting: &Setting<P>) -> Laws<'_> {
    Laws::from(setting)
}
