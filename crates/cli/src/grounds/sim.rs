//! Many simulated runs, one a seed.

use super::{Origin, Replayed, World, confirm, number, report, setting, title};
use crate::clients;
use crate::error::Error;
use crate::report::{Report, count, grouped};
use crate::results::{self, Writing};
use crate::traces;
use crate::transformers::{Chain, LinkFor, MessageOf, Stacked};
use crate::watch::Watch;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use synod_check::Unreached;
use synod_kernel::environment::duration;
use synod_kernel::{Environment, Setting};
use synod_model::RunsOver;
use synod_properties::regression::scale_of;
use synod_properties::{Algorithm, GroundKind, Kind, NO_PANIC, Property, Verdict, operations};
use synod_sim::results::{Header, Seeds};
use synod_sim::workload::LINEARIZABLE;
use synod_sim::{
    Campaign, Ended, FaultKind, FaultPlan, Instance, Prefix, PrefixError, Record, Simulation, Wanted,
    effects, records,
};

/// In so many runs a fault that there is a budget for takes effect: where it does in none of them, it cannot.
const RUNS_THAT_STRIKE: u64 = 1_000;
/// What the budget for these is called.
const TORN_WRITES: &str = "torn writes";
/// How many of the runs are made again, to see whether they are the same.
const SELF_CHECKS: u64 = 2;

/// What a simulation is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seeds, a run each.
    pub seeds: Range<u64>,
    /// How far a run goes.
    pub run: synod_sim::Options,
    /// Whether its trace, where one is wanted, is terse.
    pub terse: bool,
    /// How many threads share the work. The result does not depend on it.
    pub threads: usize,
    /// The seeds that failed before: they are tried first.
    pub corpus: Vec<u64>,
    /// After how long it stops, if ever.
    pub time: Option<Duration>,
    /// Where a line a run goes, and how the file begins.
    pub out: Option<(PathBuf, Header)>,
    /// Whether runs are drawn by what others came to.
    pub guided: bool,
    /// What a guided search came to that found nothing.
    pub searched: Option<Campaign>,
    /// How a failure is made small.
    pub shrink: super::shrink::Options,
}

/// Searches for a run that refutes something, guided by coverage: the options of that run alone, or of what was searched in vain.
/// And how much it searched: runs, steps, features.
pub(crate) fn guided(simulation: &dyn Simulation, options: &Options, watch: &Watch) -> (Options, [u64; 3]) {
    let started = Instant::now();
    let go_on = |runs: u64| {
        watch.tell(|| count(runs, "run", "runs"));
        !watch.interrupted() && options.time.is_none_or(|time| started.elapsed() < time)
    };
    let searched =
        synod_sim::search(simulation, options.seeds.clone(), &options.run, options.threads, &go_on);
    let numbers = [searched.campaign.counts.runs, searched.campaign.counts.steps, searched.features];
    let options = options.clone();
    let options = match searched.lineage {
        Some(lineage) => Options {
            seeds: lineage.seed..lineage.seed.saturating_add(1),
            run: lineage.of(&options.run),
            ..options
        },
        None => Options { searched: Some(searched.campaign), ..options },
    };
    (options, numbers)
}

/// How the results of a campaign begin.
pub(crate) fn header(
    simulation: &dyn Simulation,
    world: &World,
    run: &synod_sim::Options,
    command: String,
    seeds: Seeds,
) -> Result<Header, Error> {
    let algorithm = title(simulation.algorithm(), &world.scale);
    let settings = results::settings(world, run);
    let mut header = Header::new(algorithm, results::binary()?, settings, command, seeds)
        .promising(&simulation.properties());
    header.budgets =
        budgeted(&world.environment).into_iter().map(|(name, kinds)| (name.to_owned(), kinds)).collect();
    header.outside = world.outside.iter().map(|diagnostic| diagnostic.code.name().to_owned()).collect();
    Ok(header)
}

/// The algorithm `A` in a world.
pub fn instance<A: Algorithm>(world: &World) -> Result<Box<dyn Simulation>, Error> {
    if let Some(from) = &world.from {
        return continued::<A>(world, from);
    }
    let instance = Instance::new(A::NAME, setting::<A>(world)?, A::monitor(&world.scale));
    Ok(Box::new(instance.with_operations(operations::<A>(&world.scale))))
}

/// The algorithm `A` in a world that goes on from where a run stood.
fn continued<A: Algorithm>(world: &World, from: &Origin) -> Result<Box<dyn Simulation>, Error> {
    let monitor = |setting: &Setting<A::Process>| A::monitor(&scale_of::<A>(setting));
    let (prefix, setting) = Prefix::of(&from.content, from.at, &world.environment, monitor)
        .map_err(|error| not_continued(from, error))?;
    let scale = scale_of::<A>(&setting);
    if scale.defect != world.scale.defect {
        let wanted = scale
            .defect
            .map_or_else(|| "leave --defect out".to_owned(), |defect| format!("say so: --defect {defect}"));
        let what = format!("{} is not a run of {}", from.path.display(), title(A::NAME, &world.scale));
        return Err(Error::Arguments { what, hint: wanted });
    }
    let monitor = monitor(&setting);
    Ok(Box::new(Instance::new(A::NAME, setting, monitor).going_on_from(prefix)))
}

fn not_continued(from: &Origin, error: PrefixError) -> Error {
    let hint = match error {
        PrefixError::Trace(source) => return Error::Trace { path: from.path.clone(), source },
        PrefixError::NoStep { .. } => "steps are counted from 0; leave --at out to take all of them",
        PrefixError::Refused { .. } => {
            "leave out what changes the world, or go on from a step before it: --at"
        }
        _ => "go on from a step before it: --at",
    };
    Error::Arguments { what: format!("{}: {error}", from.path.display()), hint: hint.to_owned() }
}

/// The algorithm `A` over the links that the chain `C` makes, in a world: what they cost is counted.
pub(crate) fn stacked<A: Algorithm, C: Chain>(world: &World) -> Result<Box<dyn Simulation>, Error>
where
    A::Process: RunsOver<LinkFor<A, C>>,
{
    type S<A, C> = Stacked<A, C>;
    let monitor = S::<A, C>::monitor(&world.scale);
    let instance = Instance::new(S::<A, C>::NAME, setting::<S<A, C>>(world)?, monitor);
    let instance = instance.with_operations(operations::<S<A, C>>(&world.scale));
    Ok(Box::new(instance.carrying::<MessageOf<A>>()))
}

/// Simulates an algorithm; `replay` takes its traces again.
pub fn sim(
    simulation: &dyn Simulation,
    replay: Replayed,
    world: &World,
    options: &Options,
    watch: &Watch,
) -> Result<Report, Error> {
    let started = Instant::now();
    let mut nondeterminism = None;
    for seed in options.seeds.clone().take(SELF_CHECKS as usize) {
        if let Err(error) = synod_sim::check_determinism(simulation, seed, &options.run) {
            nondeterminism = Some(error.to_string());
        }
    }
    let expired = || options.time.is_some_and(|time| started.elapsed() >= time);
    let failed_again = failing_again(simulation, options);
    let of_corpus = failed_again.is_some();
    let total = Total(match failed_again {
        Some(campaign) => campaign,
        None => simulate(simulation, options, watch, &expired)?,
    });
    let mut report = report(simulation.algorithm(), GroundKind::Sim, world, total.verdicts());
    report.elapsed = started.elapsed();
    report.interrupted = watch.interrupted();
    report.nondeterminism = nondeterminism;
    let point = crate::environment::point(&world.environment, &world.model, &world.outside);
    report.world = format!("{}; {point}", report.world);
    report.notes.extend(world.transformers.clone());
    total.describe(&mut report, world, options);
    total.say_what_was_outside(&mut report);
    if !options.corpus.is_empty() {
        let seeds = count(options.corpus.len() as u64, "seed", "seeds");
        let again = if of_corpus { "one of them fails again" } else { "none of them fails any more" };
        report.notes.push(format!("{seeds} of the corpus first: {again}"));
        number(&mut report.numbers, "corpus", options.corpus.len());
    }
    if let Some(seed) = total.failure() {
        let (_, content) = simulation.trace(seed, &options.run);
        confirm(&mut report, replay, content, Some(seed));
    }
    if let Some(time) = options.time.filter(|_| expired()) {
        report.notes.push(format!(
            "stopped after {}: how many runs that are depends on the machine",
            duration::format(time)
        ));
    }
    if let Some((path, _)) = &options.out {
        report.notes.push(format!("a line a run: {}", path.display()));
    }
    Ok(report)
}

/// The run of the first seed of the corpus that fails, if one does. Those that do not are no part of a campaign: what it counts
/// does not depend on what failed before.
fn failing_again(simulation: &dyn Simulation, options: &Options) -> Option<Campaign> {
    let runs = options.corpus.iter().map(|&seed| (seed, simulation.run(seed, &options.run)));
    let (seed, outcome) = runs.into_iter().find(|(_, outcome)| outcome.broken().is_some())?;
    let mut campaign = Campaign::default();
    campaign.add(seed, outcome);
    campaign.judge(simulation.properties());
    Some(campaign)
}

/// Makes the runs, up to the first that refutes something, for as long as there is time, and goes on with those that the file
/// has already.
fn simulate(
    simulation: &dyn Simulation,
    options: &Options,
    watch: &Watch,
    expired: &dyn Fn() -> bool,
) -> Result<Campaign, Error> {
    if let Some(searched) = &options.searched {
        return Ok(searched.clone());
    }
    let mut campaign = Campaign::default();
    let mut seeds = options.seeds.clone();
    let mut out = None;
    if let Some((path, header)) = &options.out {
        let (writing, next) = Writing::open(path, header, seeds.start, &mut |record| {
            campaign.add(record.seed, record.outcome);
        })?;
        out = Some(writing);
        seeds.start = next;
    }
    let all = options.time.is_none().then(|| options.seeds.end - options.seeds.start);
    // what the file ends with is what it is about
    let refuted = campaign.failure.is_some();
    let mut failed = None;
    let mut take = |record: Record, line: &str| {
        campaign.add(record.seed, record.outcome);
        watch.tell(|| match all {
            Some(all) => format!("{} of {} runs", grouped(campaign.counts.runs), grouped(all)),
            None => count(campaign.counts.runs, "run", "runs"),
        });
        if let Some(writing) = &mut out
            && let Err(error) = writing.line(line)
        {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        if watch.interrupted() || expired() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if !refuted && !seeds.is_empty() {
        let wanted = Wanted { to_the_first: true, lines: options.out.is_some() };
        records(simulation, seeds, &options.run, options.threads, wanted, &mut take);
    }
    failed.map_or(Ok(()), Err)?;
    out.map_or(Ok(()), Writing::finish)?;
    let mut properties = simulation.properties();
    if options.run.workload.is_some() && simulation.object().is_some() {
        properties.push(LINEARIZABLE);
    }
    campaign.judge(properties);
    Ok(campaign)
}

/// Writes the trace of the first run.
pub fn record(simulation: &dyn Simulation, options: &Options, path: &Path) -> Result<(), Error> {
    let run = synod_sim::Options { terse: options.terse, ..options.run.clone() };
    traces::save(path, |to| simulation.trace_to(options.seeds.start, &run, to)).map(drop)
}

/// What the runs came to, as a report tells it.
struct Total(Campaign);

impl Total {
    /// The seed of the run that refutes something.
    fn failure(&self) -> Option<u64> {
        self.0.failure.as_ref().map(|failure| failure.seed)
    }

    fn verdicts(&self) -> Vec<(Property, Verdict)> {
        let said = |(property, verdict): &(Property, Verdict)| (*property, self.verdict(property, verdict));
        self.0.verdicts.iter().map(said).collect()
    }

    /// The campaign's, in words for people.
    fn verdict(&self, property: &Property, verdict: &Verdict) -> Verdict {
        if matches!(verdict, Verdict::Violated { .. }) {
            return verdict.clone();
        }
        self.0.counts.verdict(property.id, property.kind, &|runs| count(runs, "run", "runs"))
    }

    fn describe(&self, report: &mut Report, world: &World, options: &Options) {
        for (name, value) in [
            ("runs", self.0.counts.runs),
            ("steps", self.0.counts.steps),
            ("delivered", self.0.counts.delivered),
            ("seed_first", options.seeds.start),
        ] {
            number(&mut report.numbers, name, value);
        }
        let faults: serde_json::Map<_, _> = self
            .0
            .counts
            .faults
            .iter()
            .map(|(kind, times)| (kind.name().to_owned(), (*times).into()))
            .collect();
        number(&mut report.numbers, "faults", faults);
        let struck: u64 =
            self.0.counts.faults.iter().filter(|(kind, _)| is_counted(**kind)).map(|(_, times)| times).sum();
        report.scope = format!(
            "n = {}: {}, {}",
            world.environment.processes,
            count(self.0.counts.runs, "run", "runs"),
            count(struck, "fault took effect", "faults took effect")
        );
        if !self.0.counts.faults.is_empty() {
            let kinds: Vec<_> = self
                .0
                .counts
                .faults
                .iter()
                .map(|(kind, times)| format!("{} {}", grouped(*times), kind.name()))
                .collect();
            report.notes.push(format!("what struck: {}", kinds.join(", ")));
        }
        report.notes.push(format!(
            "{}, {}",
            count(self.0.counts.steps, "step", "steps"),
            count(self.0.counts.delivered, "message delivered", "messages delivered")
        ));
        if let FaultPlan::Script(script) = &options.run.faults {
            let faults = count(script.len() as u64, "fault", "faults");
            let waiting = match options.run.conditions.len() {
                0 => String::new(),
                k => format!(", and {k} on a condition"),
            };
            report.notes.push(format!("every run meets the same {faults}, by script{waiting}"));
        }
        if !options.run.conditions.is_empty() && !self.0.counts.faults.contains_key(&FaultKind::Condition) {
            let kinds: Vec<_> = options.run.conditions.iter().filter_map(|c| c.when.kind.clone()).collect();
            report.inconclusive.push(format!(
                "no condition of the script was met in any run{}; `sim --trace FILE` shows what happens",
                if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) }
            ));
        }
        if let Some(platform) = &options.run.platform {
            report.notes.push(format!("the platform: {}", platform.describe().join(", ")));
        }
        // runs that a search draws are no sample, and of three the bound says nothing
        if self.0.failure.is_none() && self.0.counts.runs > 3 && !options.guided {
            let bound = 3.0 / self.0.counts.runs as f64;
            report.notes.push(format!(
                "at 95 % confidence a run of this kind violates with probability at most 3/{} = {bound:.2e}",
                grouped(self.0.counts.runs)
            ));
            number(&mut report.numbers, "violation_rate_max", bound);
        }
        self.say_what_was_tested(report);
        if let Some(costs) = &self.0.costs {
            clients::describe(report, costs);
        }
        self.say_what_did_not_strike(report, &world.environment, &options.run.faults);
        self.say_what_of_the_script_did_not_strike(report, &options.run);
        self.say_what_was_covered(report);
        if let Some(&cut) = self.0.ended.get(&Ended::Steps) {
            report.notes.push(format!("{} ran out of steps", count(cut, "run", "runs")));
        }
    }

    /// How runs broke the assumptions of the model: what they show is then neither green nor red.
    fn say_what_was_outside(&self, report: &mut Report) {
        if self.0.outside.runs == 0 {
            return;
        }
        for (breach, seed) in &self.0.outside.worst {
            report.inconclusive.push(format!("outside the model: {breach} (seed {seed:#x})"));
        }
        let all = [("runs", self.0.outside.runs.into()), ("worst", serde_json::json!(self.0.outside.worst))];
        number(
            &mut report.numbers,
            "outside_the_model",
            serde_json::Map::from_iter(all.map(|(k, v)| (k.to_owned(), v))),
        );
        let runs = count(self.0.outside.runs, "run", "runs");
        report
            .notes
            .push(format!("{runs} of {} broke assumptions of the model", grouped(self.0.counts.runs)));
        // a failure that was outside of the model refutes nothing there
        report.excused = self.0.failure.as_ref().is_some_and(|failure| !failure.outcome.outside.is_empty());
        if report.excused {
            report.notes.push(
                "the run that breaks a property was outside the model: it refutes nothing there".to_owned(),
            );
        }
    }

    /// The marked branches of the algorithm: how many some run took, and which none did, unless a run ended at a violation.
    fn say_what_was_covered(&self, report: &mut Report) {
        if self.0.branches.is_empty() {
            return;
        }
        let never: Vec<_> =
            self.0.branches.iter().filter(|(_, taken)| !**taken).map(|(name, _)| name).collect();
        let (all, taken) = (self.0.branches.len(), self.0.branches.len() - never.len());
        number(&mut report.numbers, "branches", all);
        number(&mut report.numbers, "branches_taken", taken);
        report
            .notes
            .push(format!("{taken} of {} taken", count(all as u64, "marked branch", "marked branches")));
        if self.0.failure.is_none() {
            let told = never.into_iter().map(|name| Unreached::Branch(name.clone()).to_string());
            report.unreached = Some(told.collect());
        }
    }

    /// How often each property was put to the test.
    fn say_what_was_tested(&self, report: &mut Report) {
        let tested: serde_json::Map<_, _> =
            self.0.counts.tested.iter().map(|(property, runs)| (property.clone(), (*runs).into())).collect();
        number(&mut report.numbers, "tested", tested);
        let judged = self.0.verdicts.iter().filter(|(p, _)| p.kind != Kind::Reachable && p.id != NO_PANIC.id);
        let runs = |id: &str| self.0.counts.tested.get(id).copied().unwrap_or(0);
        let told: Vec<_> = judged.map(|(p, _)| format!("{} in {}", p.id, grouped(runs(p.id)))).collect();
        if !told.is_empty() {
            let of = count(self.0.counts.runs, "run", "runs");
            report.notes.push(format!("put to the test, of {of}: {}", told.join(", ")));
        }
    }

    /// A fault that somebody asked for, and that took effect in no run, tested nothing.
    fn say_what_of_the_script_did_not_strike(&self, report: &mut Report, run: &synod_sim::Options) {
        let FaultPlan::Script(script) = &run.faults else { return };
        let asked = script.iter().map(|(_, fault)| fault).chain(run.conditions.iter().map(|c| &c.fault));
        let mut idle: Vec<_> = asked
            .map(effects)
            .filter(|kinds| {
                !kinds.is_empty() && !kinds.iter().any(|kind| self.0.counts.faults.contains_key(kind))
            })
            .map(|kinds| kinds[0].name())
            .collect();
        idle.dedup();
        if !idle.is_empty() && self.0.failure.is_none() {
            report.inconclusive.push(format!("of the script, nothing had an effect of: {}", idle.join(", ")));
        }
    }

    /// A budget that nothing was spent of; where that is all of them, the runs showed nothing.
    fn say_what_did_not_strike(&self, report: &mut Report, environment: &Environment, plan: &FaultPlan) {
        let budgeted = budgeted(environment);
        let idle: Vec<_> = budgeted
            .iter()
            .filter(|(_, kinds)| !kinds.iter().any(|kind| self.0.counts.faults.contains_key(kind)))
            .map(|(name, _)| *name)
            .collect();
        let all = idle.len() == budgeted.len() && !budgeted.is_empty();
        if all && self.0.failure.is_none() {
            report
                .inconclusive
                .push(format!("no fault took effect although there are budgets for {}", idle.join(", ")));
            return;
        }
        // a torn write may leave no trace, or there is nothing to tear: that is no defect of the set-up
        let missed: Vec<_> = idle.iter().copied().filter(|name| *name != TORN_WRITES).collect();
        // nor is it if few runs meet few faults
        let is_judged = self.0.failure.is_none() && self.0.counts.runs >= RUNS_THAT_STRIKE;
        if is_judged && !missed.is_empty() && *plan == FaultPlan::Random {
            report.inconclusive.push(format!(
                "in none of {} runs a fault took effect of the budgets for {}",
                grouped(self.0.counts.runs),
                missed.join(", ")
            ));
        } else if !idle.is_empty() && *plan == FaultPlan::Random {
            report.notes.push(format!("no effect was seen of: {}", idle.join(", ")));
        }
    }
}

/// Whether it is a fault, and not what delays and oracles do anyway.
fn is_counted(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Crash
            | FaultKind::Loss
            | FaultKind::Duplication
            | FaultKind::Partition
            | FaultKind::OneWayPartition
            | FaultKind::TornWrite
            | FaultKind::Omission
            | FaultKind::TakeOver
            | FaultKind::Lie
            | FaultKind::Replay
            | FaultKind::Corruption
            | FaultKind::Injection
            | FaultKind::BitRot
            | FaultKind::MisdirectedWrite
            | FaultKind::FailedWrite
            | FaultKind::Pause
            | FaultKind::Slow
            | FaultKind::SlowDisk
            | FaultKind::ClockJump
            | FaultKind::PartialPartition
            | FaultKind::DelaySpike
            | FaultKind::BandwidthDrop
            | FaultKind::Overflow
            | FaultKind::HeldBack
    )
}

/// The budgets that an environment has, each with the kinds of fault that spend it.
fn budgeted(environment: &Environment) -> Vec<(&'static str, Vec<FaultKind>)> {
    let (failures, storage, links) = (&environment.failures, &environment.storage, &environment.links);
    let injections = vec![FaultKind::Replay, FaultKind::Corruption, FaultKind::Injection];
    [
        (failures.stops, "stops", vec![FaultKind::Stop]),
        (failures.omissions, "omissions", vec![FaultKind::Omission]),
        (failures.lies, "lies", vec![FaultKind::Lie]),
        (links.injections, "injections", injections),
        (storage.bit_rot, "bit rot", vec![FaultKind::BitRot]),
        (storage.misdirected_writes, "misdirected writes", vec![FaultKind::MisdirectedWrite]),
        (storage.failed_writes, "failed writes", vec![FaultKind::FailedWrite]),
        (failures.restarts, "restarts", vec![FaultKind::Recovery]),
        (links.losses, "losses", vec![FaultKind::Loss, FaultKind::Overflow]),
        (links.duplications, "duplications", vec![FaultKind::Duplication]),
        (
            environment.partitions,
            "partitions",
            vec![FaultKind::Partition, FaultKind::OneWayPartition, FaultKind::PartialPartition],
        ),
        (environment.storage.torn_writes, TORN_WRITES, vec![FaultKind::TornWrite]),
    ]
    .into_iter()
    .filter(|(budget, ..)| budget.any())
    .map(|(_, name, kinds)| (name, kinds))
    .collect()
}
