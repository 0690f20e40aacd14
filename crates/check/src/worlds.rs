//! Worlds of processes: what both representations of them share, and what is judged of what was found.

use crate::coverage::Unreached;
use crate::fair::{Answer, Bits, Class, Fairness, Graph, Lasso, Question, find};
use crate::report::{Counterexample, DETERMINISM, NO_PANIC, Options, Report, SYMMETRY, Store};
use crate::search::{Ended, Found, Steps};
use crate::shape::Shape;
use crate::space::{Exact, Run, Space, StateOf};
use crate::tested::Tested;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use synod_kernel::{
    self as kernel, Budget, Choice, InPlace, Laws, Move, Observed, Rest, Script, Seat, SeatId, Setting,
    Status,
};
use synod_model::{Output, Process, ProcessId, ProcessSet, State, When};
use synod_properties::{Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};

/// What reads the states of a space as worlds of processes.
pub(crate) trait Reader<P: Process, M, S: Space> {
    /// Calls `see` with the seats of a state, its monitor, and the rest of its world.
    fn view<T>(&self, space: &S, state: &StateOf<S>, see: impl FnOnce(&[&Seat<P>], &M, &Rest) -> T) -> T;
    /// The moves by which the start of this place came to be.
    fn start(&self, place: usize) -> Vec<Move<P::Message, P::Timer>>;
    /// The step of this place out of a state that was explored.
    fn step(&self, space: &S, from: &StateOf<S>, place: u32) -> Move<P::Message, P::Timer>;
    /// How often a handler ran.
    fn handler_calls(&self, space: &S) -> u64;
    /// Which parts of the world took which values, where that is known.
    fn shape(&self, space: &S) -> Shape {
        let _ = space;
        Shape::default()
    }
    /// What was put to the test.
    fn tested<'s>(&'s self, space: &'s S) -> &'s Tested;
    /// What no explored run came to, where that is known.
    fn unreached(&self, space: &S) -> Option<Vec<Unreached>> {
        let _ = space;
        None
    }
    /// A number of a state's monitor, equal for equal ones, where monitors have numbers.
    fn monitor_number(&self, space: &S, state: &StateOf<S>) -> Option<u32> {
        let _ = (space, state);
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
    monitor.observe(&match observed {
        Observed::Request(at, request) => Observation::Request { at: *at, request },
        Observed::Indication(at, indication) => Observation::Indication { at: *at, indication },
        Observed::Crash(at) => Observation::Crash { at: *at },
        Observed::Recover(at) => Observation::Recover { at: *at },
        Observed::Corrupt(at) => Observation::Corrupt { at: *at },
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
pub(crate) fn report<P, M, S, R>(
    mut found: Found<S>,
    reader: &R,
    setting: &Setting<P>,
    options: &Options,
) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Space,
    R: Reader<P, M, S>,
{
    let (mut stopped, mut counterexample) = (None, None);
    match found.ended.take() {
        None => {}
        Some(Ended::Limit(why)) => stopped = Some(why),
        Some(Ended::Broken(violation, run)) => {
            stopped = Some("stopped at the violation".to_owned());
            counterexample = Some(broken(violation, reader.moves(&found, &run)));
        }
    }
    let mut judged = Judged::default();
    if let Some((exact, mut steps)) = found.kept.take() {
        judged = judge_liveness(&found, reader, &exact, &mut steps, setting);
        counterexample = judged.counterexample.take();
    } else {
        let why = if options.reduces() {
            "not judged: what happens for ever is judged on all states, without a reduction"
        } else {
            "not judged: only breadth-first is what happens for ever judged"
        };
        let properties = found.space.properties();
        judged.unjudged.extend(properties.iter().map(|p| (p.id.to_owned(), why.to_owned())));
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
        reader.tested(&found.space),
    );
    Report {
        verdicts: options.asked(verdicts),
        states: found.states,
        transitions: found.transitions,
        depth: found.depth,
        complete,
        stopped,
        store: options.store_for(&found.space.properties()),
        handler_calls: reader.handler_calls(&found.space),
        memory: found.memory,
        parts: reader.shape(&found.space).ranked(),
        counterexample,
        permutations: 1,
        shortest: found.shortest,
        // what a reduction leaves out may be what came to it; and what is tried on a process need not come to it
        unreached: reader.unreached(&found.space).filter(|_| !options.partial_order && !options.forget),
    }
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

/// What was judged of liveness.
struct Judged<P: Process> {
    counterexample: Option<Counterexample<P>>,
    /// The properties that some run breaks, each with what stands for ever in it; the counterexample is of one of them.
    broken: BTreeMap<String, String>,
    /// The properties that some runs leave open, and why.
    unjudged: BTreeSet<(String, String)>,
    /// In no fair run do the oracles keep their axioms for ever: nothing is ever owed.
    vacuous: bool,
}

impl<P: Process> Default for Judged<P> {
    fn default() -> Self {
        Self { counterexample: None, broken: BTreeMap::new(), unjudged: BTreeSet::new(), vacuous: false }
    }
}

fn verdicts<P: Process>(
    properties: &[Property],
    reached: u64,
    stopped: Option<&str>,
    counterexample: Option<&Counterexample<P>>,
    judged: &Judged<P>,
    tested: &Tested,
) -> Vec<(Property, Verdict)> {
    let verdict = |at: usize, property: &Property| {
        if let Some(c) = counterexample.filter(|c| c.property == property.id) {
            return Verdict::Violated { what: c.what.clone() };
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
        let broken = counterexample.filter(|c| c.property == p.id)?;
        Some((p, Verdict::Violated { what: broken.what.clone() }))
    }));
    all
}

/// What a run owes to a step of a world, and whom it concerns; packed into a class's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    fairness: Fairness,
    /// A crash, by a choice or inside a handler.
    crashes: bool,
    /// A timer with a duration: when it fires is a matter of time.
    timed: bool,
    /// The seat that it concerns, and the sender of the message.
    at: Option<SeatId>,
    from: Option<SeatId>,
}

impl Owed {
    /// What is owed to a move.
    pub(crate) fn of<M, T>(chosen: &Move<M, T>, fairness: kernel::Fairness) -> Self {
        let choice = &chosen.choice;
        let from = match choice {
            Choice::Deliver { from, .. } | Choice::Duplicate { from, .. } => Some(*from),
            _ => None,
        };
        let at = match choice {
            Choice::Sync { seat } | Choice::Crash { seat, .. } => Some(*seat),
            _ => choice.handler_seat(),
        };
        let crashes = chosen.cut.is_some() || matches!(choice, Choice::Crash { .. });
        let fairness = match fairness {
            _ if crashes => Fairness::None,
            kernel::Fairness::Unfair => Fairness::None,
            // what is set stays set until it fires or is cancelled
            kernel::Fairness::Timed => Fairness::Weak,
            // FLL1: what is sent again and again arrives again and again; and a cut heals, a pulse fires, a disk writes
            kernel::Fairness::Fair => Fairness::Strong,
        };
        let timed = matches!(chosen.choice, Choice::Fire { .. }) && fairness == Fairness::Weak;
        Self { fairness, crashes, timed, at, from }
    }

    /// The name of the class of all steps that are owed the same under this number; 0 where nothing can be asked.
    pub(crate) fn class(self, number: u64) -> u64 {
        if self.fairness == Fairness::None && !self.crashes {
            return 0;
        }
        // all crashes of a process are alike
        let number = if self.crashes { 0 } else { number & ((1 << 40) - 1) };
        let seat = |seat: Option<SeatId>| seat.map_or(0, |s| u64::from(s.0.min(254)) + 1);
        let fairness = match self.fairness {
            Fairness::None => 0,
            Fairness::Weak => 1,
            Fairness::Strong => 2,
        };
        number << 20
            | seat(self.from) << 12
            | seat(self.at) << 4
            | u64::from(self.timed) << 3
            | u64::from(self.crashes) << 2
            | fairness
    }

    fn of_class(class: u64) -> Self {
        let seat = |shift: u32| (class >> shift & 0xff).checked_sub(1).map(|s| SeatId(s as u32));
        let fairness = match class & 3 {
            0 => Fairness::None,
            1 => Fairness::Weak,
            _ => Fairness::Strong,
        };
        Self {
            fairness,
            crashes: class >> 2 & 1 == 1,
            timed: class >> 3 & 1 == 1,
            at: seat(4),
            from: seat(12),
        }
    }
}

/// Why a state's runs are not followed: the greater the reason, the sooner it is told.
const OPEN_TIMED: u8 = 1;
const OPEN_PULSES: u8 = 2;

fn why_open(reason: u8) -> &'static str {
    match reason {
        0 => "not judged: the run goes on beyond the bound on the algorithm's measure",
        OPEN_TIMED => "not judged yet: a timer is set, which needs fairness in time",
        _ => "not judged: a pulse is set, and the budget of pulses is spent",
    }
}

/// The debts of a space: for each, the states in which it stands.
struct Debts<M> {
    standing: Vec<(Obligation, Bits)>,
    /// The states in which what the oracles said last is within their axioms.
    kept: Bits,
    /// By monitor, or by its number where it has one: its debts.
    known: BTreeMap<u32, Rc<[usize]>>,
    known_by_value: BTreeMap<M, Rc<[usize]>>,
    numbers: BTreeMap<Obligation, usize>,
}

impl<M: State> Debts<M> {
    fn gather<P, S, R>(
        (space, reader): (&S, &R),
        exact: &S::Exact,
        setting: &Setting<P>,
        looping: &ProcessSet,
    ) -> Self
    where
        P: Process,
        M: Monitor<P::Request, P::Indication>,
        S: Space,
        R: Reader<P, M, S>,
    {
        let states = exact.len() as u32;
        let mut all = Self {
            standing: Vec::new(),
            kept: Bits::none(states),
            known: BTreeMap::new(),
            known_by_value: BTreeMap::new(),
            numbers: BTreeMap::new(),
        };
        for number in 0..states {
            exact.with(number, |state| {
                let monitor_number = reader.monitor_number(space, state);
                reader.view(space, state, |seats, monitor, _| {
                    let mut faulty = stopped(setting, seats);
                    looping.iter().for_each(|p| _ = faulty.insert(p));
                    if !axioms_hold(setting, seats, &faulty) {
                        return;
                    }
                    all.kept.insert(number);
                    for &debt in all.of::<P>(monitor_number, monitor, states).iter() {
                        if all.standing[debt].0.among.is_disjoint(&faulty) {
                            all.standing[debt].1.insert(number);
                        }
                    }
                });
            });
        }
        all
    }

    /// What a monitor says is owed.
    fn of<P>(&mut self, number: Option<u32>, monitor: &M, states: u32) -> Rc<[usize]>
    where
        P: Process,
        M: Monitor<P::Request, P::Indication>,
    {
        let known = match number {
            Some(number) => self.known.get(&number),
            None => self.known_by_value.get(monitor),
        };
        if let Some(known) = known {
            return Rc::clone(known);
        }
        let mut owed = Vec::new();
        monitor.owed(&mut |obligation| {
            let next = self.standing.len();
            let at = *self.numbers.entry(obligation.clone()).or_insert(next);
            if at == next {
                self.standing.push((obligation, Bits::none(states)));
            }
            owed.push(at);
        });
        let owed: Rc<[usize]> = owed.into();
        _ = match number {
            Some(number) => self.known.insert(number, Rc::clone(&owed)),
            None => self.known_by_value.insert(monitor.clone(), Rc::clone(&owed)),
        };
        owed
    }
}

/// Looks, for every debt, for a fair run in which it stands for ever: the shortest one found breaks its property.
fn judge_liveness<P, M, S, R>(
    found: &Found<S>,
    reader: &R,
    exact: &S::Exact,
    steps: &mut Steps,
    setting: &Setting<P>,
) -> Judged<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Space,
    R: Reader<P, M, S>,
{
    let mut judged = Judged::default();
    if setting.environment.links.ignored_stay {
        // a message that waits until it is heeded is fairer than any link: what would starve may seem to thrive
        let properties = found.space.properties();
        let live = properties.iter().filter(|p| p.kind == Kind::Liveness);
        judged.unjudged.extend(
            live.map(|p| (p.id.to_owned(), "not judged: ignored messages stay in flight".to_owned())),
        );
        return judged;
    }
    mark_open((&found.space, reader), exact, &mut steps.graph);
    let mut shortest: Option<(usize, Obligation, Lasso)> = None;
    judged.vacuous = true;
    for looping in crash_loops(setting) {
        let debts = Debts::gather((&found.space, reader), exact, setting, &looping);
        let classes = classes(steps, &looping, setting);
        let stays = find(&steps.graph, &question(&debts.kept, &classes, steps));
        judged.vacuous &= matches!(stays, Answer::None);
        for (obligation, region) in debts.standing {
            match find(&steps.graph, &question(&region, &classes, steps)) {
                Answer::None => {}
                Answer::Open { reason, .. } => {
                    judged.unjudged.insert((obligation.property, why_open(reason).to_owned()));
                }
                // some run in which timers fire when they like: not one that keeps the bounds, perhaps
                Answer::Found(lasso) if is_timed(steps, &lasso) => {
                    judged.unjudged.insert((obligation.property, why_open(OPEN_TIMED).to_owned()));
                }
                Answer::Found(lasso) => {
                    let depth = steps.levels.partition_point(|&first| first <= lasso.start) - 1;
                    let length = depth + lasso.stem.len() + lasso.cycle.len();
                    let what = format!("{}, for ever", obligation.what);
                    // whichever debt is met first, the same is told
                    let told =
                        judged.broken.entry(obligation.property.clone()).or_insert_with(|| what.clone());
                    *told = what.min(std::mem::take(told));
                    if shortest.as_ref().is_none_or(|(least, _, _)| length < *least) {
                        shortest = Some((length, obligation, lasso));
                    }
                }
            }
        }
    }
    let Some((_, obligation, lasso)) = shortest else { return judged };
    let mut moves = reader.moves(found, &found.run_to(lasso.start));
    let cycle_from = moves.len() + lasso.stem.len();
    let steps = lasso.stem.iter().chain(&lasso.cycle);
    moves.extend(steps.map(|step| exact.with(step.state, |s| reader.step(&found.space, s, step.edge))));
    let Obligation { property, what, .. } = obligation;
    let what = format!("{what}, for ever");
    judged.counterexample = Some(Counterexample { property, what, moves, cycle_from: Some(cycle_from) });
    judged
}

/// A run that stays in a region for ever, from wherever it enters it.
fn question<'a>(region: &'a Bits, classes: &'a [Class], steps: &'a Steps) -> Question<'a> {
    Question { region, from: region, accepting: None, classes, levels: &steps.levels }
}

/// Whether a timer with a duration fires in its loop.
fn is_timed(steps: &Steps, lasso: &Lasso) -> bool {
    lasso.cycle.iter().any(|step| {
        let label = steps.graph.label(step.place(&steps.graph)) as usize;
        label > 0 && Owed::of_class(steps.classes[label - 1]).timed
    })
}

/// What runs owe, by label: nothing to processes that crash again and again, nor to what these send; and crashes of
/// others are none of these runs'.
fn classes<P: Process>(steps: &Steps, looping: &ProcessSet, setting: &Setting<P>) -> Vec<Class> {
    let identity = |seat: Option<SeatId>| seat.map(|s| setting.seating.identity(s));
    let class = |&class: &u64| {
        let owed = Owed::of_class(class);
        let faulty = |p: Option<ProcessId>| p.is_some_and(|p| looping.contains(p));
        if owed.crashes {
            return if faulty(identity(owed.at)) { Class::default() } else { Class::FORBIDDEN };
        }
        if faulty(identity(owed.at)) || faulty(identity(owed.from)) {
            return Class::default();
        }
        Class::new(owed.fairness)
    };
    std::iter::once(Class::default()).chain(steps.classes.iter().map(class)).collect()
}

/// The sets of processes that may crash and recover for ever: where restarts have a budget, in the end there are none.
fn crash_loops<P: Process>(setting: &Setting<P>) -> Vec<ProcessSet> {
    let environment = &setting.environment;
    if environment.failures.restarts != Budget::Unlimited {
        return vec![ProcessSet::new()];
    }
    let may = setting.group().members().filter(|&p| environment.failures.may_fail(p));
    let may: Vec<ProcessId> = may.take(10).collect();
    let chosen = |mask: u32| may.iter().enumerate().filter(move |(i, _)| mask >> i & 1 == 1).map(|(_, &p)| p);
    (0..1_u32 << may.len()).map(|mask| chosen(mask).collect()).collect()
}

/// Marks the states from which runs go on in a way that the budgets cut off.
fn mark_open<P, M, S, R>((space, reader): (&S, &R), exact: &S::Exact, graph: &mut Graph)
where
    P: Process,
    S: Space,
    R: Reader<P, M, S>,
{
    for number in 0..exact.len() as u32 {
        let reason = exact.with(number, |s| {
            reader.view(space, s, |seats, _, rest| {
                let (pulses, firings) = (rest.budgets.pulses.any(), rest.budgets.firings.any());
                let timers = seats.iter().flat_map(|seat| seat.timers());
                let reasons = timers.filter_map(|(_, when)| match when {
                    When::After(_) if !firings => Some(OPEN_TIMED),
                    When::Pulse if !pulses => Some(OPEN_PULSES),
                    _ => None,
                });
                reasons.max()
            })
        });
        if let Some(reason) = reason {
            graph.mark(number, reason);
        }
    }
}

fn broken<P: Process>(violation: Violation, moves: Vec<Move<P::Message, P::Timer>>) -> Counterexample<P> {
    let Violation { property, mut what } = violation;
    if let (Some(last), true) = (moves.last(), [NO_PANIC, DETERMINISM].iter().any(|p| p.id == property)) {
        what = format!("{}: {what}", last.choice);
    }
    Counterexample { property, what, moves, cycle_from: None }
}

/// The processes that stopped for ever, lie, or have twins.
fn stopped<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>]) -> ProcessSet {
    setting
        .seating
        .seats()
        .filter(|s| matches!(seats[s.index()].status(), Status::Stopped | Status::Lying))
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
    let correct = |seat: SeatId| !faulty.contains(setting.seating.identity(seat));
    let seats: Vec<_> = setting.seating.seats().filter(|&s| correct(s)).map(|s| seats[s.index()]).collect();
    if seats.iter().any(|seat| seat.status() == Status::Down) {
        return false;
    }
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
    agreed && up().filter(|s| consults(s, false)).all(|s| s.suspects() == faulty)
}

/// Whether oracles are consulted, and what they said last is within their axioms where nobody crashes for ever that has not yet.
pub(crate) fn oracles_agree<P: Process>(setting: &Setting<P>, seats: &[Seat<P>]) -> bool {
    let seats: Vec<_> = seats.iter().collect();
    !setting.environment.oracles.granted.is_empty() && axioms_hold(setting, &seats, &stopped(setting, &seats))
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
