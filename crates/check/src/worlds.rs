//! Worlds of processes: what both representations of them share, and what is judged of what was found.

use crate::coverage::Unreached;
use crate::fair::Lasso;
use crate::liveness::{Judged, OPEN_PULSES, OPEN_TIMED, Worlds, judge as judge_liveness};
use crate::report::{Counterexample, DETERMINISM, NO_PANIC, Options, Report, SYMMETRY, Store};
use crate::search::{Ended, Found};
use crate::shape::Shape;
use crate::space::{Exact, Run, Space, StateOf};
use crate::tested::Tested;
use synod_kernel::{InPlace, Laws, Move, Observed, Rest, Script, Seat, Setting, Status, World};
use synod_model::{Output, Process, ProcessSet, When};
use synod_properties::{Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};

/// What reads the states of a space as worlds of processes.
pub(crate) trait Reader<P: Process, S: Space> {
    /// Calls `see` with the seats of a state, and the rest of its world.
    fn view<T>(&self, space: &S, state: &StateOf<S>, see: impl FnOnce(&[&Seat<P>], &Rest) -> T) -> T;
    /// The number of a state's monitor, equal for equal ones.
    fn monitor_number(&self, space: &S, state: &StateOf<S>) -> u32;
    /// What the monitor of this number says is owed.
    fn owed(&self, monitor: u32) -> Vec<Obligation>;
    /// The moves by which the start of this place came to be.
    fn start(&self, place: usize) -> Vec<Move<P::Message, P::Timer>>;
    /// The step of this place out of a state that was explored.
    fn step(&self, space: &S, from: &StateOf<S>, place: u32) -> Move<P::Message, P::Timer>;
    /// How often a handler ran.
    fn handler_calls(&self) -> u64;
    /// Which parts of the world took which values, where that is known.
    fn shape(&self, space: &S) -> Shape {
        let _ = space;
        Shape::default()
    }
    /// What was put to the test.
    fn tested(&self) -> &Tested;
    /// What no explored run came to, where that is known.
    fn unreached(&self) -> Option<Vec<Unreached>> {
        None
    }
    /// The moves of a run.
    fn moves(&self, found: &Found<S>, run: &Run) -> Vec<Move<P::Message, P::Timer>> {
        let mut moves = self.start(run.start);
        found.walk(run, |state, place| moves.push(self.step(&found.space, state, place)));
        moves
    }
}

/// Feeds what was observed to a monitor.
pub(crate) fn judge<Q, I, M: Monitor<Q, I>>(
    monitor: &mut M,
    observed: &Observed<Q, I>,
) -> Result<(), Violation> {
    monitor.observe(&Observation::of(observed))
}

/// What a monitor says is owed.
pub(crate) fn owed<Q, I, M: Monitor<Q, I>>(monitor: &M) -> Vec<Obligation> {
    let mut all = Vec::new();
    monitor.owed(&mut |obligation| all.push(obligation));
    all
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

/// What was judged of what happens for ever, with a run that breaks a property.
pub(crate) type ForEver<P> = (Judged, Option<Counterexample<P>>);

/// Judges what happens for ever, where the states were kept in full.
pub(crate) fn judge_for_ever<P, S, R>(
    found: &mut Found<S>,
    reader: &R,
    setting: &Setting<P>,
    options: &Options,
) -> ForEver<P>
where
    P: Process,
    S: Space,
    R: Reader<P, S>,
{
    let properties = found.space.properties();
    let Some((states, mut steps)) = found.kept.take() else { return not_judged(&properties, options) };
    let worlds = Kept { space: &found.space, states: &states, reader, setting };
    let mut judged =
        judge_liveness(&worlds, &mut steps, &properties, (&setting.environment, &setting.seating));
    let counterexample =
        judged.lasso.take().map(|(obligation, lasso)| for_ever(found, &states, reader, obligation, &lasso));
    (judged, counterexample)
}

/// Nothing was judged of what happens for ever.
pub(crate) fn not_judged<P: Process>(properties: &[Property], options: &Options) -> ForEver<P> {
    let why = if options.reduces() {
        "not judged: what happens for ever is judged on all states, without a reduction"
    } else {
        "not judged: only breadth-first is what happens for ever judged"
    };
    (Judged::none(properties, why), None)
}

/// What came out, judged.
pub(crate) fn report<P, S, R>(
    mut found: Found<S>,
    reader: &R,
    (judged, mut counterexample): ForEver<P>,
    options: &Options,
) -> Report<P>
where
    P: Process,
    S: Space,
    R: Reader<P, S>,
{
    let mut stopped = None;
    match found.ended.take() {
        None => {}
        Some(Ended::Limit(why)) => stopped = Some(why),
        Some(Ended::Broken(violation, run)) => {
            stopped = Some("stopped at the violation".to_owned());
            counterexample = Some(broken(violation, reader.moves(&found, &run)));
        }
    }
    let properties = found.space.properties();
    let told = counterexample.as_ref().map(|c| (c.property.as_str(), c.what.as_str()));
    let verdicts = verdicts(&properties, found.reached, stopped.as_deref(), told, &judged, reader.tested());
    Report {
        verdicts: options.asked(verdicts),
        states: found.states,
        transitions: found.transitions,
        depth: found.depth,
        complete: stopped.is_none(),
        stopped,
        store: options.store_for(&properties),
        handler_calls: reader.handler_calls(),
        memory: found.memory,
        parts: reader.shape(&found.space).ranked(),
        counterexample,
        permutations: 1,
        shortest: found.shortest,
        // what a reduction leaves out may be what came to it; and what is tried on a process need not come to it
        unreached: reader.unreached().filter(|_| !options.partial_order && !options.forget),
    }
}

/// The states that were kept in full, as they are judged.
struct Kept<'a, P: Process, S: Space, R> {
    space: &'a S,
    states: &'a S::Exact,
    reader: &'a R,
    setting: &'a Setting<P>,
}

impl<P: Process, S: Space, R: Reader<P, S>> Worlds for Kept<'_, P, S, R> {
    fn count(&self) -> u32 {
        self.states.len() as u32
    }

    fn open(&self, state: u32) -> Option<u8> {
        self.states.with(state, |s| self.reader.view(self.space, s, why_open))
    }

    fn kept(&self, state: u32, looping: &ProcessSet) -> Option<(ProcessSet, u32)> {
        self.states.with(state, |s| {
            let faulty = self.reader.view(self.space, s, |seats, rest| {
                let mut faulty = faulty(self.setting, seats, rest);
                looping.iter().for_each(|p| _ = faulty.insert(p));
                axioms_hold(self.setting, seats, &faulty).then_some(faulty)
            });
            Some((faulty?, self.reader.monitor_number(self.space, s)))
        })
    }

    fn owed(&self, monitor: u32) -> Vec<Obligation> {
        self.reader.owed(monitor)
    }
}

/// Why the runs from a world are not followed in a way that its budgets cut off.
fn why_open<P: Process>(seats: &[&Seat<P>], rest: &Rest) -> Option<u8> {
    let (pulses, firings) = (rest.budgets.pulses.any(), rest.budgets.firings.any());
    let mut why = None;
    for seat in seats {
        for (_, when) in seat.timers() {
            match when {
                When::After(_) if !firings => why = why.max(Some(OPEN_TIMED)),
                When::Pulse if !pulses => why = why.max(Some(OPEN_PULSES)),
                _ => {}
            }
        }
    }
    why
}

/// The run in which a debt stands for ever.
fn for_ever<P: Process, S: Space, R: Reader<P, S>>(
    found: &Found<S>,
    states: &S::Exact,
    reader: &R,
    Obligation { property, what, .. }: Obligation,
    lasso: &Lasso,
) -> Counterexample<P> {
    let mut moves = reader.moves(found, &found.run_to(lasso.start));
    let cycle_from = moves.len() + lasso.stem.len();
    for steps in [&lasso.stem, &lasso.cycle] {
        for step in steps {
            moves.push(states.with(step.state, |s| reader.step(&found.space, s, step.edge)));
        }
    }
    let what = format!("{what}, for ever");
    Counterexample { property, what, moves, cycle_from: Some(cycle_from) }
}

/// What comes of a check that is not made: it was asked to take states for one that are not alike.
pub(crate) fn refused<P: Process>(properties: &[Property], why: &str) -> Report<P> {
    let unknown = || Verdict::Unknown { why: format!("not explored: {why}") };
    let mut verdicts: Vec<_> = properties.iter().map(|p| (*p, unknown())).collect();
    verdicts.push((SYMMETRY, Verdict::Violated { what: why.to_owned() }));
    let (property, what) = (SYMMETRY.id.to_owned(), why.to_owned());
    Report {
        verdicts,
        states: 0,
        transitions: 0,
        depth: 0,
        complete: false,
        stopped: Some("refused".to_owned()),
        store: Store::default(),
        handler_calls: 0,
        memory: 0,
        parts: Vec::new(),
        counterexample: Some(Counterexample { property, what, moves: Vec::new(), cycle_from: None }),
        permutations: 1,
        shortest: true,
        unreached: None,
    }
}

/// Every property with its verdict; `told` is what the counterexample breaks, and how.
fn verdicts(
    properties: &[Property],
    reached: u64,
    stopped: Option<&str>,
    told: Option<(&str, &str)>,
    judged: &Judged,
    tested: &Tested,
) -> Vec<(Property, Verdict)> {
    let verdict = |at: usize, property: &Property| {
        if let Some((_, what)) = told.filter(|(id, _)| *id == property.id) {
            return Verdict::Violated { what: what.to_owned() };
        }
        if let Some(what) = judged.broken.get(property.id) {
            return Verdict::Violated { what: what.clone() };
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
                .map(|(_, why)| unknown(why))
                .or_else(|| {
                    (!tested.has(at)).then(|| Verdict::vacuous("in no run is anything owed under it"))
                })
                .unwrap_or(Verdict::Holds),
            Kind::Safety if stopped.is_none() && !tested.has(at) => {
                Verdict::vacuous("in no run is anything indicated that puts it to the test")
            }
            Kind::Safety if stopped.is_none() => Verdict::Holds,
            _ => unknown(&format!("not complete: {}", stopped.unwrap_or("stopped"))),
        }
    };
    let mut all: Vec<_> = properties.iter().enumerate().map(|(at, p)| (*p, verdict(at, p))).collect();
    // what every process must keep to, whatever is asked of it, has a row where it is broken
    let of_all = [NO_PANIC, DETERMINISM, SYMMETRY].into_iter();
    all.extend(of_all.filter_map(|p| {
        let (_, what) = told.filter(|(id, _)| *id == p.id)?;
        Some((p, Verdict::Violated { what: what.to_owned() }))
    }));
    all
}

fn broken<P: Process>(violation: Violation, moves: Vec<Move<P::Message, P::Timer>>) -> Counterexample<P> {
    let Violation { property, mut what } = violation;
    if let (Some(last), true) = (moves.last(), [NO_PANIC, DETERMINISM].iter().any(|p| p.id == property)) {
        what = format!("{}: {what}", last.choice);
    }
    Counterexample { property, what, moves, cycle_from: None }
}

/// The processes that stopped for ever, omit, lie, or have twins.
fn faulty<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>], rest: &Rest) -> ProcessSet {
    setting
        .seating
        .seats()
        .filter(|s| {
            matches!(seats[s.index()].status(), Status::Stopped | Status::Lying) || rest.omitting.contains(s)
        })
        .map(|s| setting.seating.identity(s))
        .chain(setting.seating.twinned())
        .collect()
}

/// Whether what the oracles said last is within their axioms, were it to stay so: all correct processes that consult
/// Omega trust one and the same correct process; all that consult eventually-P suspect exactly the crashed.
///
/// A correct process that is down has yet to recover, and to be told.
fn axioms_hold<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>], faulty: &ProcessSet) -> bool {
    if setting.environment.oracles.granted.is_empty() {
        return true;
    }
    let mut leader = None;
    for seat in setting.seating.seats().filter(|&seat| !faulty.contains(setting.seating.identity(seat))) {
        let state = seats[seat.index()];
        match state.status() {
            Status::Down => return false,
            Status::Up => {}
            _ => continue,
        }
        let (mut by_trust, mut by_suspicion) = (false, false);
        for (_, when) in state.timers() {
            match when {
                When::Oracle(Output::Trust(_)) => by_trust = true,
                When::Oracle(_) => by_suspicion = true,
                _ => {}
            }
        }
        if by_trust {
            let trusted = state.trusts();
            if trusted.is_none_or(|p| faulty.contains(p)) || leader.is_some_and(|p| trusted != Some(p)) {
                return false;
            }
            leader = trusted;
        }
        if by_suspicion && state.suspects() != faulty {
            return false;
        }
    }
    true
}

/// Whether oracles are consulted, and what they said last is within their axioms where nobody crashes for ever that has not yet.
pub(crate) fn oracles_agree<P: Process>(setting: &Setting<P>, world: &World<Seat<P>>) -> bool {
    let seats: Vec<_> = world.seats.iter().collect();
    let faulty = faulty(setting, &seats, &world.rest);
    !setting.environment.oracles.granted.is_empty() && axioms_hold(setting, &seats, &faulty)
}

/// A representation for running one step with a script.
pub(crate) type Scripted<'a, P> = InPlace<'a, P, Script>;

/// What holds throughout.
pub(crate) fn laws<P: Process>(setting: &Setting<P>) -> Laws<'_> {
    Laws::from(setting)
}

/// What a panic said.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
