//! A failure made small, before anyone is told of it.

use super::{World, sim};
use crate::registry::Entry;
use crate::report::{Failure, Necessary, Report, Shrunk, Trace};
use crate::traces::Source;
use crate::watch::Watch;
use std::time::{Duration, Instant};
use synod_kernel::trace::Reader;
use synod_properties::{GroundKind, Scale};
use synod_sim::shrink::{Limits, Size, Taken, minimise, spare};
use synod_sim::{FaultPlan, Simulation};

/// How many runs of each smaller world are looked at.
const RUNS_SMALLER: u64 = 256;
/// A longer run is not simulated again and again.
const STEPS_TO_REPEAT: u64 = 100_000;

/// How a failure is made small.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it is.
    pub wanted: bool,
    /// How much is tried: what comes out is a function of this.
    pub limits: Limits,
    /// How long, where that is limited: what comes out then depends on the machine.
    pub time_max: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self { wanted: true, limits: Limits::default(), time_max: None }
    }
}

/// What a failure was made of.
pub(crate) struct Small {
    content: Vec<String>,
    processes: Option<(u32, u32)>,
    attempts: u64,
    necessary: Necessary,
}

/// Makes the failure of a simulation small, if there is one.
pub(crate) fn failure(
    report: &mut Report,
    entry: &Entry,
    world: &World,
    options: &sim::Options,
    watch: &Watch,
) {
    let Some(failure) = report.failures.first_mut().filter(|_| options.shrink.wanted) else { return };
    let (Trace::Content(content), Some(seed)) = (&failure.trace, failure.seed) else { return };
    let started = Instant::now();
    let is_late = || options.shrink.time_max.is_some_and(|most| started.elapsed() > most);
    let stop = || watch.interrupted() || is_late();
    watch.tell(|| "a failure: it is made small".to_owned());
    let whole = content.clone();
    let found = (seed, whole.clone());
    let property = failure.property.clone();
    let smaller = smaller_world(entry, world, options, (&property, &found), &stop);
    let processes = smaller.as_ref().map(|(smaller, _)| (world.scale.n, smaller.scale.n));
    let (world, (seed, content)) = smaller.unwrap_or_else(|| (world.clone(), found));
    let Some(small) = smallest(entry, &world, options, (seed, content), &stop) else { return };
    adopt(failure, entry, Small { processes, ..small }, &whole, started.elapsed());
}

/// The run by leaving out its steps; or else what its seed draws.
fn smallest(
    entry: &Entry,
    world: &World,
    options: &sim::Options,
    (seed, content): (u64, String),
    stop: &dyn Fn() -> bool,
) -> Option<Small> {
    if let Ok(Some(run)) = (entry.steps)(&content) {
        return Some(by_steps(run, &options.shrink.limits, stop));
    }
    let simulation = (entry.sim)(world).ok()?;
    if size(&content).events > STEPS_TO_REPEAT {
        return None;
    }
    let spare = spare(simulation.as_ref(), seed, &options.run, options.shrink.limits.attempts, stop)?;
    let (_, content) = simulation.trace(seed, &spare.options);
    let necessary = if spare.minimal { Necessary::Planned } else { Necessary::Unknown };
    Some(Small { content: vec![content], processes: None, attempts: spare.attempts, necessary })
}

/// A run by leaving out its steps.
pub(crate) fn by_steps(run: Box<dyn Taken>, limits: &Limits, stop: &dyn Fn() -> bool) -> Small {
    let shrunk = minimise(run, limits, stop);
    let necessary = match (shrunk.minimal, shrunk.run.is_debt()) {
        (false, _) => Necessary::Unknown,
        (true, false) => Necessary::Event,
        (true, true) => Necessary::Chosen,
    };
    // a monitor made for fewer requests may judge otherwise
    let content = vec![shrunk.run.trace(true), shrunk.run.trace(false)];
    Small { content, processes: None, attempts: shrunk.attempts, necessary }
}

/// Puts what was made small into the place of a failure, if it replays and breaks the same property.
pub(crate) fn adopt(
    failure: &mut Failure,
    entry: &Entry,
    small: Small,
    whole: &str,
    elapsed: Duration,
) -> bool {
    let before = size(whole);
    for content in small.content {
        let take = if is_checked(&content) { entry.replay_checked } else { entry.replay };
        let mut story = Vec::new();
        let Ok(replayed) = take(&Source::Content(&content), &mut story) else { continue };
        let Some(broken) = replayed.judged.filter(|broken| broken.property == failure.property) else {
            continue;
        };
        let after = size(&content);
        failure.shrunk = Some(Shrunk {
            processes: small.processes,
            events: (before.events, after.events),
            faults: (before.faults, after.faults),
            attempts: small.attempts,
            necessary: small.necessary,
            elapsed,
        });
        let last = story.last();
        let in_a_handler = broken.property == synod_properties::NO_PANIC.id;
        failure.what = broken.what;
        failure.step = last.map_or(0, |line| line.step) + u64::from(in_a_handler);
        failure.at = last.and_then(|line| line.at);
        failure.story = story;
        failure.trace = Trace::Content(content);
        return true;
    }
    false
}

/// Whether a check wrote this trace.
fn is_checked(content: &str) -> bool {
    synod_kernel::trace::header(content).is_ok_and(|header| header.ground == "check")
}

/// How large the run of a trace is.
fn size(content: &str) -> Size {
    let mut size = Size::default();
    let mut bytes = content.as_bytes();
    let scanned = Reader::open(&mut bytes).and_then(|reader| {
        reader.scan(|line| {
            size.events += 1;
            size.faults += u64::from(line.choice.is_fault()) + u64::from(line.cut.is_some());
        })
    });
    scanned.map_or_else(|_| Size::default(), |_| size)
}

/// The smallest world in which one of the next seeds breaks the same property: its run.
fn smaller_world(
    entry: &Entry,
    world: &World,
    options: &sim::Options,
    (property, (seed, content)): (&str, &(u64, String)),
    stop: &dyn Fn() -> bool,
) -> Option<(World, (u64, String))> {
    let scripted = options.run.faults != FaultPlan::Random;
    let placed = world.two_seats.is_some() || world.environment.failures.among.is_some();
    if scripted || placed || size(content).events > STEPS_TO_REPEAT {
        return None;
    }
    (2..world.scale.n).take_while(|_| !stop()).find_map(|n| {
        let smaller = with_processes(entry, world, n)?;
        if let Ok(Some(run)) = (entry.steps_in)(&smaller, content) {
            return Some((smaller, (*seed, run.trace(false))));
        }
        let simulation = (entry.sim)(&smaller).ok()?;
        let found = first_failure(simulation.as_ref(), *seed, options, property)?;
        Some((smaller, found))
    })
}

fn first_failure(
    simulation: &dyn Simulation,
    seed: u64,
    options: &sim::Options,
    property: &str,
) -> Option<(u64, String)> {
    let seeds = seed..seed.saturating_add(RUNS_SMALLER);
    let campaign = synod_sim::campaign(simulation, seeds, &options.run, options.threads, &|_| {});
    let failure = campaign.failure?;
    // what breaks outside of the model is another matter
    let same = failure.outcome.outside.is_empty()
        && failure.outcome.broken().is_some_and(|broken| broken.property == property);
    same.then(|| (failure.seed, simulation.trace(failure.seed, &options.run).1))
}

/// The same world with so many processes, if that is within the model, as far as the world was.
fn with_processes(entry: &Entry, world: &World, n: u32) -> Option<World> {
    let scale = Scale { n, ..world.scale.clone() };
    let subject = &entry.subject;
    let is_usual = (subject.environment)(GroundKind::Sim, &world.scale) == world.environment;
    let mut environment = world.environment.clone();
    if is_usual {
        environment = (subject.environment)(GroundKind::Sim, &scale);
    }
    environment.processes = n;
    let outside = (subject.outside)(&environment);
    let fits = environment.cuts.is_none() && (outside.is_empty() || !world.outside.is_empty());
    fits.then_some(World { scale, environment, model: world.model.clone(), outside, two_seats: None })
}
