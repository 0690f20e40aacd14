//! `cluster soak`: an algorithm under faults, again and again, and all of it judged.
//!
//! A soak is made of *episodes*. Each is a cluster of its own, which is asked all that its algorithm has to be asked, meets
//! a storm of faults drawn from the seed and the episode's number, settles, and stops; its records are judged and removed. So an
//! algorithm that decides once is put to the test as often as one that goes on for ever, and nothing grows with time:
//! the memory of this process and of the nodes is sampled, and what it comes to is part of the verdict.

use super::super::Desk;
use super::{called, home_of, limits, prepare, tell, wanted, wrong};
use crate::args;
use crate::error::Error;
use crate::exit::Exit;
use crate::experiment;
use crate::grounds::World;
use crate::grounds::run::{Deployment, PULSE, beyond_the_links, itself, refused, rounds};
use crate::registry::Entry;
use crate::report::{Report, count, grouped};
use crate::watch::Watch;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use synod_kernel::Random;
use synod_model::ProcessId;
use synod_properties::{GroundKind, Kind as PropertyKind, Verdict};
use synod_runtime::cluster::control::memory_kib;
use synod_runtime::cluster::limits::Limits;
use synod_runtime::cluster::{Cluster, ClusterOptions, Fault, NetworkKind};
use synod_runtime::drive::{Driven, Plan, Progress, drive};
use synod_runtime::nemesis::{Kind, storm};

/// How many rounds an episode has, where the algorithm can be asked so often.
const ROUNDS: usize = 24;
/// How many it has where each process is asked a few times alone.
const ROUNDS_FEW: usize = 10;
const ROUND_MAX: Duration = Duration::from_millis(500);
/// How long a round lasts while a fault does.
const ROUND_TROUBLED: Duration = Duration::from_millis(80);
const SETTLE_MAX: Duration = Duration::from_secs(20);
const EPISODE_MAX: Duration = Duration::from_mins(1);
/// How long the last one may take, though the time be over.
const EPISODE_MIN: Duration = Duration::from_secs(3);
/// How often it is told how far it is, where nobody sees a moving line.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How many episodes that came to no verdict are kept.
const KEPT_MAX: usize = 3;
/// By how much memory may differ between the beginning and the end: what allocators and page sizes make of it.
const SLACK_KIB: u64 = 8 << 10;

/// `cluster soak`.
pub(super) fn soak(desk: &Desk<'_>, args: &args::Soak) -> Result<Exit, Error> {
    if args.up.record == args::Switch::Off {
        return Err(wrong("a soak judges what was recorded", "leave `--record off` out"));
    }
    let (entry, world) = wanted(desk, &args.up)?;
    let world = busy(entry, world, args.up.requests.is_some());
    let home = home_of(entry, &args.up)?;
    let storm = Storm::new(entry.name(), args, &world)?;
    let total = match (args.minutes, args.seconds) {
        (None, None) => Duration::from_mins(10),
        (minutes, seconds) => Duration::from_secs(60 * minutes.unwrap_or(0) + seconds.unwrap_or(0)),
    };
    // a first deployment tells what is wrong with the world before anything is removed
    drop((entry.deploy)(&world)?);
    prepare(&home, args.up.fresh)?;
    let unwritable = |source| Error::Unwritable { path: home.0.clone(), source };
    let Some(_lock) = home.take().map_err(unwritable)? else {
        return Err(wrong(
            format!("{} is in use", home.0.display()),
            "another soak runs there: wait, or use --as",
        ));
    };
    let mut soak = Soak {
        desk,
        entry,
        world: &world,
        storm,
        directory: home.nodes(),
        up: &args.up,
        keep: args.keep,
        tally: Tally::default(),
        report: None,
        kept: Vec::new(),
    };
    desk.printer.talk(format!(
        "soaking {}: {}; {}; seed {:#x}",
        entry.name(),
        count(world.environment.processes.into(), "process", "processes"),
        soak.storm.describe(),
        soak.storm.seed,
    ));
    let outcome = soak.run(total);
    let kept = soak.kept.len();
    let report = soak.finish();
    if kept == 0 && !args.keep && outcome.is_ok() {
        // nothing of it is of use to anybody
        let _ = fs::remove_dir_all(home.nodes());
    }
    let mut report = match (outcome, report) {
        (Ok(()), Some(report)) => report,
        (Ok(()), None) => return Err(wrong("no episode came to its end", "soak for longer: --seconds 30")),
        (Err(error), None) => return Err(error),
        (Err(error), Some(mut report)) => {
            report.inconclusive.push(format!("it broke off: {error}"));
            report
        }
    };
    if kept > 0 {
        report
            .notes
            .push(format!("logs and records are kept; --fresh removes them, as for {}", called(&home)));
    }
    Ok(desk.tell(&mut report, |_| String::new()))
}

/// The world with as many requests as make up an episode, where more of them make it longer.
fn busy(entry: &Entry, world: World, is_given: bool) -> World {
    let longest = |world: &World| {
        (entry.deploy)(world).ok().and_then(|made| made.requests.iter().map(Vec::len).max()).unwrap_or(0)
    };
    let mut length = longest(&world);
    let mut best = world;
    while !is_given && length < ROUNDS {
        let mut more = best.clone();
        more.scale.requests = more.scale.requests.saturating_mul(2).max(1);
        let longer = longest(&more);
        if longer <= length {
            break;
        }
        (best, length) = (more, longer);
    }
    best
}

/// What strikes.
struct Storm {
    kinds: Vec<Kind>,
    /// At its time in each episode, in place of what is drawn.
    schedule: Vec<(Duration, Fault)>,
    limits: Limits,
    seed: u64,
    /// Why what strikes is beyond the model, where it is.
    beyond: Vec<String>,
    /// Which kinds are left out, and why.
    left_out: Vec<String>,
}

impl Storm {
    fn new(name: &str, args: &args::Soak, world: &World) -> Result<Self, Error> {
        let mut storm = Self {
            kinds: Vec::new(),
            schedule: Vec::new(),
            limits: limits(world),
            seed: args.up.seed.unwrap_or_else(chance),
            beyond: Vec::new(),
            left_out: Vec::new(),
        };
        if let Some(path) = &args.up.experiment {
            let schedule = experiment::load(path)?.run.schedule;
            storm.schedule = schedule.into_iter().map(|one| (one.at.0, one.fault.0)).collect();
            storm.schedule.sort_by_key(|(at, _)| *at);
            let network = NetworkKind::from(args.up.network);
            let lacks = |(_, fault): &(_, Fault)| Some((fault.to_string(), network.lacks(fault)?));
            if let Some((fault, why)) = storm.schedule.iter().find_map(lacks) {
                return Err(lacking(&fault, &why));
            }
        }
        let said: Vec<_> =
            if storm.schedule.is_empty() { storm.choose(args)? } else { storm.hold_to_the_model() };
        if !said.is_empty() && !args.beyond_the_model {
            return Err(wrong(
                format!("beyond the model of `{name}`: {}", said.join("; ")),
                "leave it out, or see what happens with --beyond-the-model",
            ));
        }
        storm.beyond = said;
        Ok(storm)
    }

    /// The kinds that are asked for. What of them is beyond the model.
    fn choose(&mut self, args: &args::Soak) -> Result<Vec<String>, Error> {
        let words: Vec<_> = args.nemesis.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let network = NetworkKind::from(args.up.network);
        let mut beyond = Vec::new();
        for word in words {
            match word {
                "none" => {}
                "all" => {
                    for kind in Kind::ALL {
                        if let Some(why) = kind.lacking(network) {
                            self.left_out.push(format!("{}: {why}", kind.name()));
                            continue;
                        }
                        match kind.beyond(&self.limits) {
                            Some(why) if args.beyond_the_model => {
                                beyond.push(format!("{}: {why}", kind.name()));
                            }
                            Some(why) => {
                                self.left_out
                                    .push(format!("{}: the model does not have it: {why}", kind.name()));
                                continue;
                            }
                            None => {}
                        }
                        self.kinds.push(kind);
                    }
                }
                word => {
                    let kind: Kind =
                        word.parse().map_err(|what: String| wrong(what, "separate them with commas"))?;
                    if let Some(why) = kind.lacking(network) {
                        return Err(lacking(word, &why));
                    }
                    beyond.extend(kind.beyond(&self.limits).map(|why| format!("{word}: {why}")));
                    self.kinds.push(kind);
                }
            }
        }
        self.kinds.sort_unstable();
        self.kinds.dedup();
        Ok(beyond)
    }

    /// What of a schedule is beyond the model.
    fn hold_to_the_model(&self) -> Vec<String> {
        let mut stopped = BTreeSet::new();
        let mut beyond = Vec::new();
        for (_, fault) in &self.schedule {
            beyond.extend(self.limits.beyond(fault, &stopped).map(|why| format!("{fault}: {why}")));
            if let Fault::Kill(p) | Fault::Replace(p, _) = fault {
                stopped.insert(*p);
            }
        }
        beyond
    }

    fn describe(&self) -> String {
        if !self.schedule.is_empty() {
            return format!("a schedule of {}", count(self.schedule.len() as u64, "fault", "faults"));
        }
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
        if kinds.is_empty() { "no faults".to_owned() } else { kinds.join(", ") }
    }
}

/// The network does not have what is asked for.
fn lacking(what: &str, why: &str) -> Error {
    wrong(format!("there is no `{what}` here: {why}"), "leave it out, or soak with `--network proxy`")
}

/// A seed that nobody gave.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// What all episodes come to.
#[derive(Default)]
struct Tally {
    episodes: u64,
    rounds: u64,
    requests: u64,
    observations: u64,
    connections_broken: u64,
    inconclusive: u64,
    /// By kind of fault: how many there were, and how many took effect.
    faults: BTreeMap<Kind, (u64, u64)>,
    restarts: u64,
    /// KiB of memory at the end of each episode: this process's, and the largest node's.
    memory: Vec<(u64, u64)>,
    elapsed: Duration,
}

struct Soak<'a> {
    desk: &'a Desk<'a>,
    entry: &'a Entry,
    world: &'a World,
    storm: Storm,
    directory: PathBuf,
    up: &'a args::Up,
    keep: bool,
    tally: Tally,
    report: Option<Report>,
    kept: Vec<PathBuf>,
}

impl Soak<'_> {
    fn run(&mut self, total: Duration) -> Result<(), Error> {
        let begun = Instant::now();
        let mut told = begun;
        let watch = self.desk.watch(self.entry.name(), GroundKind::Run);
        while begun.elapsed() < total && !watch.interrupted() {
            let left = total.saturating_sub(begun.elapsed());
            let report = self.episode(left, &watch)?;
            self.tally.elapsed = begun.elapsed();
            let exit = report.exit();
            self.take(report);
            if matches!(exit, Exit::Violation | Exit::Nondeterminism) {
                break;
            }
            watch.tell(|| self.tally.line());
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.desk.printer.talk(format!("  {}", self.tally.line()));
                self.desk.printer.event(&self.tally.event("progress"));
            }
        }
        if let Some(report) = &mut self.report {
            report.interrupted = watch.interrupted();
        }
        Ok(())
    }

    /// One episode, and what is judged of it.
    fn episode(&mut self, left: Duration, watch: &Watch) -> Result<Report, Error> {
        let number = self.tally.episodes;
        let directory = self.directory.join(number.to_string());
        let mut random = Random::new(Random::at(self.storm.seed, number));
        let deployment = (self.entry.deploy)(self.world)?;
        let rounds = spread(&deployment, &mut random);
        let (links, _) =
            deployment.links(self.up.transport.map(Into::into), self.up.security.map(Into::into))?;
        let n = self.world.environment.processes;
        let faults = storm(n, &self.storm.limits, &self.storm.kinds, rounds.len(), &mut random);
        let plan = Plan {
            schedule: self.storm.schedule.clone(),
            comes_back: self.storm.limits.comes_back(),
            round_max: ROUND_MAX,
            round_max_cut: ROUND_TROUBLED,
            settle_max: SETTLE_MAX,
            run_max: EPISODE_MAX.min(left.max(EPISODE_MIN)),
            ..Plan::new(rounds, faults)
        };
        let options = ClusterOptions {
            algorithm: self.entry.name().to_owned(),
            processes: n,
            parameters: deployment.parameters,
            bounds: self.world.environment.timing.bounds,
            directory: directory.clone(),
            first_port: self.up.port,
            pulse: PULSE,
            seed: random.bits(),
            links,
            // an episode is judged by what was recorded, and its records are removed
            record: true,
            network: self.up.network.into(),
        };
        let cluster = Cluster::start(options, itself(self.entry.name())).map_err(refused)?;
        let records = cluster.0.records();
        let tally = &self.tally;
        let tell = |progress: Progress| {
            if let Progress::Fault(fault) = progress {
                watch.tell(|| format!("{}  {fault}", tally.line()));
            }
        };
        let driven = drive(cluster, &plan, deployment.oversight, tell, || watch.interrupted());
        let driven = driven.map_err(refused)?;
        let mut report = (self.entry.judge)(self.world, &records, None)?;
        beyond_the_links(&mut report, &driven);
        if !self.storm.beyond.is_empty() {
            super::unforeseen(&mut report);
        }
        self.count(&driven, &report);
        self.tidy(&directory, report.exit());
        Ok(report)
    }

    fn count(&mut self, driven: &Driven, report: &Report) {
        let tally = &mut self.tally;
        tally.episodes += 1;
        tally.rounds += driven.rounds as u64;
        tally.requests += driven.requests as u64;
        tally.observations += report.numbers.get("observations").and_then(Value::as_u64).unwrap_or(0);
        tally.connections_broken += driven.broken;
        tally.inconclusive += u64::from(report.exit() == Exit::Inconclusive);
        for injected in &driven.faults {
            if let Some(kind) = Kind::of(&injected.fault) {
                let (all, effective) = tally.faults.entry(kind).or_default();
                *all += 1;
                *effective += u64::from(injected.effective);
            }
            let restarted = matches!(injected.fault, Fault::Restart(_) | Fault::Replace(..));
            tally.restarts += u64::from(restarted);
        }
        let largest = driven.memory_kib.values().max().copied().unwrap_or(0);
        tally.memory.push((memory_kib(std::process::id()).unwrap_or(0), largest));
    }

    /// Removes what nobody needs.
    fn tidy(&mut self, directory: &Path, exit: Exit) {
        let is_wrong = exit != Exit::Holds;
        if self.keep || (is_wrong && self.kept.len() < KEPT_MAX) || exit == Exit::Violation {
            self.kept.push(directory.to_owned());
        } else {
            // what cannot be removed does no harm
            let _ = fs::remove_dir_all(directory);
        }
    }

    /// What an episode adds to the verdict.
    fn take(&mut self, mut report: Report) {
        let number = self.tally.episodes - 1;
        let mark = |what: &mut String| *what = format!("episode {number}: {what}");
        report.inconclusive.iter_mut().for_each(mark);
        report.nondeterminism.iter_mut().for_each(mark);
        report.notes.clear();
        let Some(all) = &mut self.report else {
            self.report = Some(report);
            return;
        };
        for ((property, verdict), (_, latest)) in all.verdicts.iter_mut().zip(report.verdicts) {
            if is_told(property.kind, verdict, &latest) {
                *verdict = latest;
            }
        }
        let room = KEPT_MAX.saturating_sub(all.inconclusive.len());
        all.inconclusive.extend(report.inconclusive.into_iter().take(room));
        all.failures.extend(report.failures);
        all.nondeterminism = all.nondeterminism.take().or(report.nondeterminism);
    }

    fn finish(self) -> Option<Report> {
        let Self { tally, storm, kept, desk, world, .. } = self;
        let mut report = self.report?;
        desk.printer.event(&tally.event("soak"));
        report.elapsed = tally.elapsed;
        report.scope = tally.scope(world.environment.processes);
        report.numbers = tally.numbers();
        report.notes = vec![
            format!(
                "{} asked, {} observed, in {} of {}",
                count(tally.requests, "request", "requests"),
                count(tally.observations, "event", "events"),
                count(tally.rounds, "round", "rounds"),
                count(tally.episodes, "episode", "episodes"),
            ),
            tally.effects(),
            tally.memory_line(),
            format!(
                "seed {:#x}: each episode's faults are drawn from it; what they meet is up to the machine",
                storm.seed
            ),
        ];
        report.notes.extend(storm.left_out.iter().map(|why| format!("left out: {why}")));
        report.notes.extend(kept.iter().map(|path| format!("logs and records: {}", path.display())));
        super::excuse(&mut report, &storm.beyond);
        report.inconclusive.extend(tally.growth());
        if tally.inconclusive > 0 {
            report.notes.push(format!("{} of them came to no verdict", tally.inconclusive));
        }
        if !storm.kinds.is_empty() && tally.faults.values().all(|(_, effective)| *effective == 0) {
            report.inconclusive.push("no fault took effect".to_owned());
        }
        Some(report)
    }
}

/// Whether the later of two verdicts is told in place of the other.
fn is_told(kind: PropertyKind, told: &Verdict, latest: &Verdict) -> bool {
    let weight = |verdict: &Verdict| match (verdict, kind) {
        (Verdict::Holds, PropertyKind::Reachable) | (Verdict::Violated { .. }, _) => 2,
        (Verdict::Unknown { .. }, _) => 1,
        (Verdict::Holds, _) => 0,
    };
    weight(latest) > weight(told)
}

/// Who is asked what, by round. In the first one nobody is: what strikes in it is there when the others begin.
fn spread(deployment: &Deployment, random: &mut Random) -> Vec<Vec<(ProcessId, Value)>> {
    let requests = &deployment.requests;
    let longest = requests.iter().map(Vec::len).max().unwrap_or(0);
    if longest * 2 > ROUNDS_FEW {
        let mut all = rounds(requests, longest);
        all.insert(0, Vec::new());
        return all;
    }
    let mut all = vec![Vec::new(); ROUNDS_FEW];
    for (p, values) in requests.iter().enumerate() {
        // in order, each somewhere in the first half
        let mut places: Vec<_> =
            values.iter().map(|_| 1 + random.below(ROUNDS_FEW as u64 / 2) as usize).collect();
        places.sort_unstable();
        for (value, place) in values.iter().zip(places) {
            all[place].push((ProcessId(p as u32), value.clone()));
        }
    }
    all
}

impl Tally {
    fn faults_line(&self) -> String {
        let mut words: Vec<_> =
            self.faults.iter().map(|(kind, (all, _))| format!("{} {}", grouped(*all), kind.name())).collect();
        if self.restarts > 0 {
            words.push(count(self.restarts, "restart", "restarts"));
        }
        if words.is_empty() { "no faults".to_owned() } else { words.join(", ") }
    }

    fn line(&self) -> String {
        let (own, largest) = self.memory.last().copied().unwrap_or((0, 0));
        format!(
            "{}  {}: {}; {} here, {} the largest node",
            clock(self.elapsed),
            count(self.episodes, "episode", "episodes"),
            self.faults_line(),
            tell::bytes(own << 10),
            tell::bytes(largest << 10),
        )
    }

    fn scope(&self, n: u32) -> String {
        format!(
            "n = {n}, {}, {}: {}",
            clock(self.elapsed),
            count(self.episodes, "episode", "episodes"),
            self.faults_line()
        )
    }

    fn effects(&self) -> String {
        let parts: Vec<_> = self
            .faults
            .iter()
            .map(|(kind, (all, effective))| {
                format!("{} of {} {}", grouped(*effective), grouped(*all), kind.name())
            })
            .collect();
        format!(
            "something was told after {}; {} broken",
            if parts.is_empty() { "no fault".to_owned() } else { parts.join(", ") },
            count(self.connections_broken, "connection", "connections")
        )
    }

    /// The mean of the first and the last third, this process's and the largest node's.
    fn trend(&self) -> Option<[(u64, u64); 2]> {
        let third = self.memory.len() / 3;
        let mean = |part: &[(u64, u64)], of: fn(&(u64, u64)) -> u64| {
            part.iter().map(of).sum::<u64>() / part.len() as u64
        };
        let (first, last) = (self.memory.get(..third)?, self.memory.get(self.memory.len() - third..)?);
        let pair = |of| (mean(first, of), mean(last, of));
        (third > 0).then(|| [pair(|m| m.0), pair(|m| m.1)])
    }

    fn memory_line(&self) -> String {
        match self.trend() {
            None => "memory: too few episodes to see a trend".to_owned(),
            Some([own, node]) => format!(
                "memory, first and last third: {} and {} here, {} and {} the largest node",
                tell::bytes(own.0 << 10),
                tell::bytes(own.1 << 10),
                tell::bytes(node.0 << 10),
                tell::bytes(node.1 << 10),
            ),
        }
    }

    /// Memory that is not flat.
    fn growth(&self) -> Option<String> {
        let grows = |(first, last): (u64, u64)| last > first + first / 10 + SLACK_KIB;
        let [own, node] = self.trend()?;
        (grows(own) || grows(node)).then(|| format!("memory grows: {}", self.memory_line()))
    }

    fn numbers(&self) -> serde_json::Map<String, Value> {
        let mut numbers = serde_json::Map::new();
        for (name, value) in [
            ("episodes", self.episodes),
            ("rounds", self.rounds),
            ("requests", self.requests),
            ("observations", self.observations),
            ("restarts", self.restarts),
            ("connections_broken", self.connections_broken),
            ("inconclusive", self.inconclusive),
        ] {
            numbers.insert(name.to_owned(), value.into());
        }
        for (kind, (all, effective)) in &self.faults {
            numbers.insert(kind.name().to_owned(), (*all).into());
            numbers.insert(format!("{}_effective", kind.name()), (*effective).into());
        }
        if let Some([own, node]) = self.trend() {
            numbers.insert("memory_kib".to_owned(), json!([own.0, own.1]));
            numbers.insert("node_memory_kib".to_owned(), json!([node.0, node.1]));
        }
        numbers
    }

    fn event(&self, name: &str) -> Value {
        json!({ "event": name, "seconds": self.elapsed.as_secs(), "numbers": self.numbers() })
    }
}

/// Minutes and seconds.
fn clock(elapsed: Duration) -> String {
    format!("{} min {:02} s", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_is_told_and_noise_is_not() {
        let of = |memory: Vec<(u64, u64)>| Tally { memory, ..Tally::default() }.growth();
        let flat = (0..30u64).map(|k| (50_000 + k % 7 * 100, 30_000 + k % 5 * 100)).collect();
        assert_eq!(of(flat), None);
        let node_grows = (0..30).map(|k| (50_000, 30_000 + k * 2_000)).collect();
        assert!(of(node_grows).unwrap().contains("memory grows"));
        assert!(of((0..30).map(|k| (50_000 + k * 2_000, 30_000)).collect()).is_some());
        assert_eq!(of(vec![(1, 1), (1 << 40, 1)]), None, "two samples are no trend");
    }

    #[test]
    fn the_worst_verdict_is_told_and_the_best_of_a_goal() {
        let violated = Verdict::Violated { what: String::new() };
        let unknown = Verdict::Unknown { why: String::new() };
        let order = [Verdict::Holds, unknown.clone(), violated.clone()];
        for (a, first) in order.iter().enumerate() {
            for (b, second) in order.iter().enumerate() {
                assert_eq!(is_told(PropertyKind::Safety, first, second), b > a);
            }
        }
        assert!(is_told(PropertyKind::Reachable, &unknown, &Verdict::Holds));
        assert!(!is_told(PropertyKind::Reachable, &Verdict::Holds, &unknown));
    }
}
