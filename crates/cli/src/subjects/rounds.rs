//! Algorithms in lock-step rounds: each is checked in a world of rounds, in which the faults are the only choices, and simulated with
//! rounds that its processes count by the clock.

use super::gallery::{COUNTED_MAX, blank, broken, numbers};
use super::{at_least, defect};
use std::fmt::{Debug, Write};
use std::marker::PhantomData;
use std::time::Instant;
use synod_algorithms::consensus::{FloodSet, PhaseKing, flood_set, phase_king};
use synod_check::rounds::{self, Between, Faults, Input, LockStep, Seat, every_input};
use synod_check::system::System;
use synod_check::{SystemReport, SystemRun, check_system};
use synod_cli::checkable::{Asked, Constant, RoundsCost, Section};
use synod_cli::error::Error;
use synod_cli::grounds::check::{Options, known, refuse_unfit, safety_alone, tell_order, telling};
use synod_cli::registry::ModelCard;
use synod_cli::report::{Failure, Report, count};
use synod_cli::watch::Watch;
use synod_cli::{Checkable, Entry};
use synod_kernel::{Budget, Environment};
use synod_model::bound::Bound;
use synod_model::interface::Propose;
use synod_model::{Group, InRound, ProcessId, QuarterFaulty, Round, RoundProcess, Rounds};
use synod_properties::{
    Algorithm, Consensus, Cost, GroundKind, Metric, Monitor, Property, Scale, Twin, Verdict, usual,
};
use synod_sim::cost::encoded_length;

pub(super) fn all() -> Vec<Box<dyn Checkable>> {
    vec![Box::new(InRounds::<Flood>(PhantomData)), Box::new(InRounds::<King>(PhantomData))]
}

/// A value that a process proposes: of two, since an algorithm that agrees on these agrees on any.
type Value = u8;
const VALUES: [Value; 2] = [0, 1];

/// An algorithm in rounds as a check takes it.
trait RoundAlgorithm: 'static {
    type Process: RoundProcess;
    type Monitor: Monitor<<Self::Process as RoundProcess>::Request, <Self::Process as RoundProcess>::Indication>;

    const NAME: &'static str;
    const PAGE: &'static str;
    const TWINS: &'static [Twin];

    /// How many processes are simulated where nothing is said: as few as have an f of 1.
    const SIMULATED: u32;
    /// What an instance costs, as its page states it; f is what it reckons with.
    const COSTS: &'static [Cost];

    fn constants() -> Vec<Constant>;
    fn monitor(n: u32) -> Self::Monitor;
    /// What is explored with these constants.
    fn plan(asked: &Asked) -> Result<Plan<Self::Process, Self::Monitor>, Error>;

    /// How many faulty processes are reckoned with where nothing is said.
    fn faulty_max(n: u32) -> u32;
    /// How many rounds there are.
    fn rounds(f: u32) -> u32;
    fn parameters(scale: &Scale) -> Result<<Self::Process as RoundProcess>::Parameters, String>;
    /// By process: what is asked before the first round.
    fn requests(scale: &Scale) -> Input<Self::Process>;
    /// What a process that lies may say.
    fn lies() -> Vec<<Self::Process as RoundProcess>::Message> {
        Vec::new()
    }
}

/// The algorithm `T` as the simulator takes it: with rounds that are counted by the clock, and all that befalls a process in the midst
/// of one.
struct Clocked<T>(PhantomData<fn() -> T>);

impl<T: RoundAlgorithm> Algorithm for Clocked<T> {
    type Process = Rounds<T::Process>;
    type Monitor = T::Monitor;

    const NAME: &'static str = T::NAME;
    const PAGE: &'static str = T::PAGE;
    const TWINS: &'static [Twin] = T::TWINS;
    const ASKED_AT_START: bool = true;

    fn scale(_: GroundKind) -> Scale {
        Scale::new(T::SIMULATED, T::SIMULATED)
    }

    fn parameters(scale: &Scale) -> Result<<T::Process as RoundProcess>::Parameters, String> {
        at_least(scale, 1, "somebody must decide")?;
        T::parameters(scale)
    }

    fn requests(scale: &Scale) -> Input<T::Process> {
        let mut all = T::requests(scale);
        all.iter_mut().skip(scale.requests as usize).for_each(Vec::clear);
        all
    }

    fn lies(scale: &Scale) -> Vec<InRound<<T::Process as RoundProcess>::Message>> {
        let rounds = (1..=T::rounds(T::faulty_max(scale.n))).map(Round);
        let lies = T::lies();
        rounds.flat_map(|round| lies.iter().map(move |m| InRound { round, message: m.clone() })).collect()
    }

    fn monitor(scale: &Scale) -> T::Monitor {
        T::monitor(scale.n)
    }

    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let mut environment = usual::<<T::Process as RoundProcess>::Model>(ground, scale.n);
        let f = Budget::AtMost(T::faulty_max(scale.n));
        // no more fail than it reckons with
        environment.failures.stops = environment.failures.stops.min(f);
        if environment.failures.lies.any() {
            // one that omits has no say, and the monitor knows of those alone that lie: they may be silent, too
            environment.failures.omissions = Budget::NONE;
        }
        environment
    }
}

/// What an instance comes to where nothing fails.
fn cost_of<T: RoundAlgorithm>(
    n: u32,
    parameters: <T::Process as RoundProcess>::Parameters,
    requests: Input<T::Process>,
) -> RoundsCost {
    let f = T::faulty_max(n);
    // one more than there should be: a twin may take longer
    let rounds_max = Round(T::rounds(f) + 1);
    let monitor = T::monitor(n);
    let world =
        LockStep::<T::Process, _>::new(n, parameters, vec![requests], Faults::NONE, rounds_max, monitor);
    let (mut now, mut messages, mut bytes) = (None, Vec::new(), 0);
    world.initial(&mut |state| now = now.take().or(Some(state)));
    while let Some(state) = now.take() {
        let sent: Vec<_> = sent(&state).collect();
        world.steps(&state, &mut |_, next| now = now.take().or(Some(next)));
        if now.is_some() {
            messages.push(sent.len() as u64);
            bytes += sent.into_iter().map(encoded_length).sum::<u64>();
        }
    }
    RoundsCost { f, messages, bytes, stated: T::COSTS }
}

/// What is sent to others in the round that comes next.
fn sent<A: RoundProcess, M>(state: &Between<A, M>) -> impl Iterator<Item = &A::Message> {
    state.seats.iter().enumerate().flat_map(|(from, seat)| {
        let outbox = if let Seat::Up { outbox, .. } = seat { outbox.as_slice() } else { &[] };
        outbox.iter().filter(move |(to, _)| to.index() != from).map(|(_, message)| message)
    })
}

/// Worlds to explore, one after the other, up to one that refutes something.
struct Plan<A: RoundProcess, M> {
    worlds: Vec<LockStep<A, M>>,
    /// In words.
    world: String,
    notes: Vec<String>,
}

pub(super) fn constant(name: &'static str, is: &'static str, usual: &str, least: u64, most: u64) -> Constant {
    Constant { name, is, usual: usual.to_owned(), least, most }
}

/// The value of a constant that is the number of something.
pub(super) fn number(asked: &Asked, name: &str, usual: u32) -> u32 {
    asked.get(name).and_then(|value| u32::try_from(value).ok()).unwrap_or(usual)
}

pub(super) fn twin<D: serde::de::DeserializeOwned>(asked: &Asked) -> Result<Option<D>, Error> {
    let scale = Scale { defect: asked.defect.clone(), ..Scale::new(0, 0) };
    let hint = "`explain NAME` lists the twins".to_owned();
    defect(&scale).map_err(|what| Error::Constant { what, hint })
}

pub(super) fn together(what: String, name: &str) -> Error {
    Error::Constant { what, hint: format!("`explain {name}` tells its constants") }
}

/// FloodSet.
struct Flood;

impl RoundAlgorithm for Flood {
    type Process = FloodSet<Value>;
    type Monitor = Consensus<Value>;

    const NAME: &'static str = "flood-set";
    const PAGE: &'static str = include_str!("../../../algorithms/src/consensus/flood_set.rs");
    const TWINS: &'static [Twin] = &[
        Twin::new("one-round-fewer", "UC4", "it decides after f rounds: there may have been a crash in each"),
        Twin::new("no-flooding", "UC4", "it tells its own value in every round, not all that it knows"),
    ];

    fn constants() -> Vec<Constant> {
        vec![
            constant("n", "processes", "3", 1, 5),
            constant("f", "how many may crash, fewer than n", "1", 0, 4),
            constant("rounds", "after how many rounds they decide", "f + 1", 1, 6),
        ]
    }

    const SIMULATED: u32 = 4;
    const COSTS: &'static [Cost] =
        &[Cost::operation(Metric::Messages, "(f + 1) n (n - 1)"), Cost::operation(Metric::Rounds, "f + 1")];

    fn faulty_max(n: u32) -> u32 {
        n.saturating_sub(1) / 2
    }

    fn rounds(f: u32) -> u32 {
        f + 1
    }

    fn parameters(scale: &Scale) -> Result<flood_set::Parameters, String> {
        Ok(flood_set::Parameters { faulty_max: Self::faulty_max(scale.n), defect: defect(scale)? })
    }

    /// Each proposes a value of its own: whoever hears of the least decides it.
    fn requests(scale: &Scale) -> Input<FloodSet<Value>> {
        (0..scale.n).map(|p| vec![Propose((p % 256) as u8)]).collect()
    }

    fn monitor(n: u32) -> Consensus<Value> {
        Consensus::new(Group::first(n))
    }

    fn plan(asked: &Asked) -> Result<Plan<FloodSet<Value>, Consensus<Value>>, Error> {
        let n = number(asked, "n", 3);
        let f = number(asked, "f", 1.min(n - 1));
        if f >= n {
            return Err(together(format!("f = {f} of n = {n}: somebody must be left"), Self::NAME));
        }
        let rounds = number(asked, "rounds", f + 1);
        let parameters = flood_set::Parameters { faulty_max: rounds - 1, defect: twin(asked)? };
        let inputs = every_input(n, &VALUES).into_iter().map(|input| propose(input, None)).collect();
        let faults = Faults::crashes(f);
        let world = LockStep::new(n, parameters, inputs, faults, Round(rounds + 1), Self::monitor(n));
        Ok(Plan {
            worlds: vec![world],
            world: format!(
                "n = {n}, at most {}, decided after {}",
                count(f.into(), "crash", "crashes"),
                count(rounds.into(), "round", "rounds")
            ),
            notes: vec![
                "who crashes in a round reaches any subset of those it sends to; every input of 0 and 1"
                    .to_owned(),
            ],
        })
    }
}

/// Phase King.
struct King;

impl RoundAlgorithm for King {
    type Process = PhaseKing<Value>;
    type Monitor = Consensus<Value>;

    const NAME: &'static str = "phase-king";
    const PAGE: &'static str = include_str!("../../../algorithms/src/consensus/phase_king.rs");
    const TWINS: &'static [Twin] = &[
        Twin::new(
            "trusts-the-last-king",
            "UC4",
            "in the last phase the king's word is taken, whatever was heard",
        ),
        Twin::new("low-threshold", "UC4", "a value is kept that more than n/2 have sent, instead of n/2 + f"),
        Twin::new("one-phase-fewer", "UC4", "it decides after f phases: every king may have lied"),
    ];

    fn constants() -> Vec<Constant> {
        vec![
            constant("n", "processes", "5", 2, 6),
            constant("f", "how many lie, and are reckoned with", "the most below n/4, at least 1", 0, 1),
        ]
    }

    const SIMULATED: u32 = 5;
    const COSTS: &'static [Cost] = &[
        Cost::operation(Metric::Messages, "(f + 1) (n^2 - 1)"),
        Cost::operation(Metric::Rounds, "2 (f + 1)"),
    ];

    fn faulty_max(n: u32) -> u32 {
        QuarterFaulty::faulty_max(n)
    }

    fn rounds(f: u32) -> u32 {
        2 * (f + 1)
    }

    fn parameters(scale: &Scale) -> Result<phase_king::Parameters, String> {
        Ok(phase_king::Parameters { faulty_max: Self::faulty_max(scale.n), defect: defect(scale)? })
    }

    /// One proposes one value, the next the other.
    fn requests(scale: &Scale) -> Input<PhaseKing<Value>> {
        VALUES.into_iter().cycle().take(scale.n as usize).map(|value| vec![Propose(value)]).collect()
    }

    fn lies() -> Vec<Value> {
        VALUES.to_vec()
    }

    fn monitor(n: u32) -> Consensus<Value> {
        Consensus::new(Group::first(n))
    }

    fn plan(asked: &Asked) -> Result<Plan<PhaseKing<Value>, Consensus<Value>>, Error> {
        let n = number(asked, "n", 5);
        let f = number(asked, "f", QuarterFaulty::faulty_max(n).max(1));
        let defect = twin(asked)?;
        let liars: Vec<Option<ProcessId>> =
            if f == 0 { vec![None] } else { (0..n).map(|p| Some(ProcessId(p))).collect() };
        let world = |liar: Option<ProcessId>| {
            let of = every_input(n, &VALUES).into_iter();
            // nothing is asked of the liar: one input stands for those that differ there alone
            let of = of.filter(|input| liar.is_none_or(|p| input[p.index()] == VALUES[0]));
            let inputs = of.map(|input| propose(input, liar)).collect();
            let lies = Faults::lies(liar.into_iter().collect(), VALUES.to_vec());
            let parameters = phase_king::Parameters { faulty_max: f, defect };
            let rounds = Round(2 * (f + 1) + 1);
            LockStep::new(n, parameters, inputs, lies, rounds, Self::monitor(n))
        };
        let who = if f == 0 { "no liar".to_owned() } else { format!("a liar in each of {n} places") };
        Ok(Plan {
            worlds: liars.into_iter().map(world).collect(),
            world: format!("n = {n}, f = {f}, {who}"),
            notes: vec![
                "who lies says to each process in each round, and nothing else: 0, 1, or nothing".to_owned(),
                "every input of 0 and 1".to_owned(),
            ],
        })
    }
}

/// Every process proposes its value, but for the liar.
fn propose(input: Vec<Value>, liar: Option<ProcessId>) -> Vec<Vec<Propose<Value>>> {
    let of = |(p, value)| if liar.is_some_and(|l| l.index() == p) { vec![] } else { vec![Propose(value)] };
    input.into_iter().enumerate().map(of).collect()
}

/// Nothing here is of the shape that one algorithm has: any in rounds is checked so.
struct InRounds<T>(PhantomData<fn() -> T>);

impl<T: RoundAlgorithm> Checkable for InRounds<T> {
    fn section(&self) -> Section {
        Section::Rounds
    }

    fn name(&self) -> &'static str {
        T::NAME
    }

    fn source(&self) -> &'static str {
        T::PAGE
    }

    fn constants(&self) -> Vec<Constant> {
        T::constants()
    }

    fn properties(&self) -> Vec<Property> {
        T::monitor(1).properties()
    }

    fn known(&self) -> Vec<String> {
        Vec::new()
    }

    fn model(&self) -> Option<ModelCard> {
        Some(ModelCard::of::<<T::Process as RoundProcess>::Model>())
    }

    fn simulated(&self) -> Option<Entry> {
        Some(Entry::simulated::<Clocked<T>>())
    }

    fn rounds_cost(&self, n: u32, defect: Option<&str>) -> Result<Option<RoundsCost>, Error> {
        let scale = Scale { defect: defect.map(str::to_owned), ..Scale::new(n, n) };
        let parameters = T::parameters(&scale).map_err(|what| together(what, T::NAME))?;
        Ok(Some(cost_of::<T>(n, parameters, T::requests(&scale))))
    }

    fn twins(&self) -> &'static [Twin] {
        T::TWINS
    }

    fn check(&self, asked: &Asked, options: &Options, watch: &Watch) -> Result<Report, Error> {
        refuse_unfit(options, &self.properties())?;
        let started = Instant::now();
        let Plan { worlds, world, notes } = T::plan(asked)?;
        let mut total = Total::default();
        let mut report = blank(T::NAME, world.clone(), Vec::new());
        for world in &worlds {
            let found = check_system(world, options, &mut telling(watch));
            total.add(&found);
            report.verdicts = verdicts(&found, world);
            report.failures = found.counterexamples.iter().map(|run| failure(run, world)).collect();
            if !report.failures.is_empty() || !found.complete {
                break;
            }
        }
        report.elapsed = started.elapsed();
        report.interrupted = watch.interrupted();
        total.describe(&mut report, (&world, ["round", "rounds"]), options);
        if report.failures.is_empty() && total.stopped.is_none() && total.states <= COUNTED_MAX {
            report.unreached = unreached(&worlds);
        }
        report.notes.extend(notes);
        Ok(report)
    }
}

/// What no run of any of these worlds comes to.
fn unreached<A, M>(worlds: &[LockStep<A, M>]) -> Option<Vec<String>>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let all = worlds.iter().map(|world| world.unreached(COUNTED_MAX as usize)).collect::<Option<Vec<_>>>()?;
    let (first, others) = all.split_first()?;
    let in_none = first.iter().filter(|unreached| others.iter().all(|other| other.contains(unreached)));
    Some(in_none.map(ToString::to_string).collect())
}

/// What all worlds came to.
#[derive(Default)]
pub(super) struct Total {
    initial: u64,
    pub(super) states: u64,
    generated: u64,
    depth: u32,
    memory: u64,
    store: synod_check::Store,
    pub(super) stopped: Option<String>,
    refuted_in: Option<usize>,
    shortest: bool,
}

impl Total {
    pub(super) fn add<S: System>(&mut self, found: &SystemReport<S>) {
        self.initial += found.initial;
        self.states += found.states;
        self.generated += found.generated;
        self.depth = self.depth.max(found.depth);
        self.memory += found.memory;
        self.store = found.store;
        self.stopped.clone_from(&found.stopped);
        self.refuted_in = found.counterexample().map(|run| run.steps.len());
        self.shortest = found.shortest;
    }

    /// `step` and `steps` are words for a step.
    pub(super) fn describe(
        &self,
        report: &mut Report,
        (world, [step, steps]): (&str, [&str; 2]),
        options: &Options,
    ) {
        let how = match (&self.stopped, self.refuted_in) {
            (_, Some(taken)) => format!("refuted in {}", count(taken as u64, step, steps)),
            (None, None) => format!("complete in {}", count(self.depth.into(), step, steps)),
            (Some(_), None) => format!("not complete beyond {step} {}", self.depth),
        };
        report.scope = format!("{world}: {how}, {}", count(self.states, "state", "states"));
        report.known = known(self.store, self.states, self.memory);
        report.numbers = numbers(&[
            ("initial", self.initial.into()),
            ("states", self.states.into()),
            ("generated", self.generated.into()),
            ("depth", self.depth.into()),
            ("memory", self.memory.into()),
            ("complete", self.stopped.is_none().into()),
            ("omission_probability_max", self.store.omission(self.states).into()),
        ]);
        report.notes.push("not explored: other constants than these".to_owned());
        report.notes.extend(safety_alone(options));
        let shortest = self.refuted_in.map(|_| self.shortest);
        tell_order(report, options, self.stopped.is_none(), shortest);
        report.notes.extend(self.stopped.iter().filter(|_| self.refuted_in.is_none()).cloned());
        if options.depth_max.is_some() && step != "step" {
            report.notes.push(format!("a step is a {step}"));
        }
    }
}

/// The verdicts, what is broken told by the monitor and not by the whole state.
fn verdicts<A, M>(found: &SystemReport<LockStep<A, M>>, world: &LockStep<A, M>) -> Vec<(Property, Verdict)>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let told = |(property, verdict): &(Property, Verdict)| match found.counterexample_to(property.id) {
        Some(run) => (*property, Verdict::Violated { what: what(run, world) }),
        None => (*property, verdict.clone()),
    };
    found.verdicts.iter().map(told).collect()
}

/// How a run breaks its property: by what was seen, or by what is owed at its end.
fn what<A, M>(run: &SystemRun<LockStep<A, M>>, _: &LockStep<A, M>) -> String
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let last = run.steps.last().map_or(&run.start, |(_, state)| state);
    if let Some(broken) = &last.broken {
        return broken.what.clone();
    }
    let mut owed = None;
    last.monitor.owed(&mut |debt| {
        if owed.is_none() && debt.property == run.property && debt.among.is_disjoint(&last.faulty) {
            owed = Some(format!("{}, and the last round is over", debt.what));
        }
    });
    owed.unwrap_or_else(|| run.what.clone())
}

fn failure<A, M>(run: &SystemRun<LockStep<A, M>>, world: &LockStep<A, M>) -> Failure
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let properties = run.start.monitor.properties();
    let name = properties.iter().find(|p| p.id == run.property).map_or("", |p| p.name);
    broken(&run.property, name, &what(run, world), run.steps.len(), lines(run))
}

/// A run as lines: each round's faults above the processes as they are after it.
fn lines<A, M>(run: &SystemRun<LockStep<A, M>>) -> Vec<String>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let mut lines = vec!["     0  all start, and are asked".to_owned()];
    lines.extend(seats(&run.start));
    for (round, state) in &run.steps {
        lines.push(format!("{:>6}  {}", round.round.0, faults(round)));
        lines.extend(seats(state));
    }
    lines
}

fn seats<A: RoundProcess, M>(state: &Between<A, M>) -> impl Iterator<Item = String> {
    state.seats.iter().enumerate().map(|(p, seat)| match seat {
        Seat::Up { local, .. } => format!("          p{p}  {local:?}"),
        Seat::Stopped => format!("          p{p}  stopped"),
        Seat::Liar => format!("          p{p}  a liar"),
    })
}

/// What goes wrong in a round, and what was drawn.
fn faults<M: Debug>(round: &rounds::InRound<M>) -> String {
    let mut text = format!("{}:", round.round);
    for p in &round.crashed {
        let _ = write!(text, " {p} crashes;");
    }
    for (from, to, message) in &round.lost {
        let _ = write!(text, " {from}>{to} {message:?} is lost;");
    }
    for (liar, to, message) in &round.lies {
        let _ = write!(text, " {liar} tells {to} {message:?};");
    }
    for (p, outcomes) in &round.draws {
        let _ = write!(text, " {p} draws {outcomes:?};");
    }
    if text.ends_with(':') {
        text += " no fault";
    }
    text.trim_end_matches(';').to_owned()
}
