//! A failure made small, before anyone is told of it.

use super::{World, sim};
use crate::registry::Entry;
use crate::report::{Failure, Necessary, Report, Shrunk, Trace, count, grouped, seconds};
use crate::traces::Source;
use crate::watch::Watch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use synod_kernel::trace::{Reader, Tried, with_tried};
use synod_properties::{GroundKind, Scale};
use synod_sim::shrink::{Limits, Size, Spare, Taken, minimise, spare};
use synod_sim::{FaultPlan, Simulation};

/// How many runs of each smaller world are looked at.
const RUNS_SMALLER: u64 = 256;
/// A longer run is not simulated again and again.
const STEPS_TO_REPEAT: u64 = 100_000;
/// So many messages that take longer than others are named.
const DELAYS_SHOWN: usize = 12;

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
    let tried = if spare.minimal { planned(entry, &content, &spare) } else { Tried::default() };
    let content = with_tried(&content, tried).unwrap_or(content);
    Some(Small { content: vec![content], processes: None, attempts: spare.attempts, necessary })
}

/// The steps of what the seed planned: of each process the last request was left out, and, where all faults are of the plan,
/// each fault.
fn planned(entry: &Entry, content: &str, spare: &Spare) -> Tried {
    const FAULTS: &str = "!/&%";
    let mut story = Vec::new();
    let replayed = (entry.replay)(&Source::Content(content), &mut story);
    if replayed.is_err() || spare.options.workload.is_some() {
        return Tried::default();
    }
    let requests = story.iter().filter(|line| line.glyph == '?');
    let last: BTreeMap<_, _> = requests.map(|line| (&line.place, line.step)).collect();
    let faults = story.iter().filter(|line| FAULTS.contains(line.glyph)).map(|line| line.step);
    let faults: Vec<_> = faults.collect();
    let all_planned = spare.options.spared.chance && faults.len() as u64 == spare.faults_left;
    let mut necessary: Vec<_> = last.into_values().collect();
    necessary.extend(faults.into_iter().filter(|_| all_planned));
    necessary.sort_unstable();
    Tried { necessary, ..Tried::default() }
}

/// How long the messages of a run are under way: what their delays were made, where there is a clock.
fn delays(content: &str) -> Option<String> {
    let (mut times, mut by_delay) = (Vec::new(), BTreeMap::<u64, Vec<u64>>::new());
    for line in content.lines().skip(1) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(step), Some(at)) = (line["step"].as_u64(), line["at"].as_u64()) else { continue };
        times.push(at);
        let sent = line["cause"]["step"].as_u64().filter(|_| !line["do"]["deliver"].is_null());
        if let Some(sent) = sent.and_then(|sent| times.get(sent as usize)) {
            by_delay.entry(at - sent).or_default().push(step);
        }
    }
    let all = by_delay.values().map(Vec::len).sum::<usize>() as u64;
    let (shortest, alike) = by_delay.pop_first()?;
    let shortest = seconds(Duration::from_nanos(shortest));
    let mut longer: Vec<_> = by_delay.into_values().flatten().collect();
    if longer.is_empty() {
        return Some(format!("{} {shortest} each", count(all, "message", "messages")));
    }
    longer.sort_unstable();
    let alike = grouped(alike.len() as u64);
    if longer.len() > DELAYS_SHOWN {
        return Some(format!(
            "{alike} of {} {shortest}, the others longer",
            count(all, "message", "messages")
        ));
    }
    let longer: Vec<_> = longer.iter().map(|step| grouped(*step)).collect();
    let of = count(all, "message", "messages");
    Some(format!("{alike} of {of} {shortest}; longer alone those of {}", longer.join(", ")))
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
    let content = [true, false].map(|reduced| {
        let content = shrunk.run.trace(reduced);
        with_tried(&content, shrunk.tried.clone()).unwrap_or(content)
    });
    let content = content.into();
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
        failure.delays = delays(&content);
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
    let placed =
        world.from.is_some() || world.two_seats.is_some() || world.environment.failures.among.is_some();
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
    let transformers = world.transformers.clone();
    fits.then_some(World {
        from: None,
        scale,
        environment,
        model: world.model.clone(),
        outside,
        two_seats: None,
        transformers,
    })
}
