//! Scripts in experiment files: which faults strike a simulated run, and when.

mod reading;

use crate::error::Error;
use crate::platform::Source;
use std::collections::BTreeSet;
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_kernel::{Budget, Durability, Environment, Partition, Takeover};
use synod_sim::{Condition, Conditional, Fault, FaultPlan, NAMED, OTHERS, Platform, THERE};

/// How many faults a schedule comes to at most: beyond it an interval is a mistake.
const SCHEDULED_MAX: u64 = 100_000;

/// A fault and when it strikes, as a file writes it: `at = "1s"`, `kind = "crash"`, and what belongs to this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    when: Occasion,
    fault: Fault,
}

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Occasion {
    /// Once.
    At(Duration),
    /// Again and again.
    Every {
        /// The first time.
        at: Duration,
        every: Duration,
        until: Option<Duration>,
        times: Option<u64>,
    },
    /// After something happened.
    When(Condition, Duration),
}

impl Occasion {
    /// How often it strikes at most.
    fn times(&self, horizon: Duration) -> u64 {
        match self {
            Self::At(_) => 1,
            Self::Every { .. } => self.instants(horizon).count() as u64,
            Self::When(condition, _) => condition.times.into(),
        }
    }

    /// At which instants before `horizon` it strikes, so far as they are known.
    fn instants(&self, horizon: Duration) -> impl Iterator<Item = Duration> {
        let (at, every, until, times) = match *self {
            Self::At(at) => (at, Duration::ZERO, Duration::MAX, 1),
            Self::Every { at, every, until, times } => {
                (at, every, until.unwrap_or(Duration::MAX).min(horizon), times.unwrap_or(SCHEDULED_MAX))
            }
            Self::When(..) => (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0),
        };
        let times = u32::try_from(times.min(SCHEDULED_MAX)).unwrap_or(u32::MAX);
        (0..times).map_while(move |k| at.checked_add(every.checked_mul(k)?).filter(|&at| at < until))
    }
}

/// The plan that a script is, with what waits for a condition, for runs in `environment` up to `horizon`.
///
/// The simulator passes over what cannot happen. In a script that would be a slip that nobody sees: it is refused.
pub fn plan(
    script: &[Scripted],
    environment: &Environment,
    platform: Option<&Platform>,
    horizon: Duration,
    source: &Source,
) -> Result<(FaultPlan, Vec<Conditional>), Error> {
    for (number, Scripted { when, fault }) in (1..).zip(script) {
        happens_in_time(when, horizon)
            .and_then(|()| is_admitted(fault, when, environment))
            .and_then(|()| has_effect(fault, environment, platform))
            .map_err(|(what, hint)| {
                let line = source.line_of_header("[[sim.script]]", number);
                let line = line.map_or_else(String::new, |line| format!("line {line}: "));
                refusal(format!("{line}fault {number} of the script {what}"), hint)
            })?;
    }
    for (budget, needed, key) in spending(script, environment, horizon) {
        if let Budget::AtMost(most) = budget
            && needed > most
        {
            let needed = if needed == u32::MAX { "\"unlimited\"".to_owned() } else { needed.to_string() };
            return Err(refusal(
                format!("the script needs `{key}` = {needed}, the budget is {most}"),
                format!("raise `{key}` in [sim.environment], or leave faults out"),
            ));
        }
    }
    let mut faults: Vec<_> =
        script.iter().flat_map(|s| s.when.instants(horizon).map(|at| (at, s.fault.clone()))).collect();
    if script.iter().any(|s| matches!(s.when, Occasion::Every { .. })) {
        faults.sort_by_key(|(at, _)| *at);
    }
    let conditional = |s: &Scripted| match &s.when {
        Occasion::When(when, after) => {
            Some(Conditional { when: when.clone(), after: *after, fault: s.fault.clone() })
        }
        _ => None,
    };
    Ok((FaultPlan::Script(faults), script.iter().filter_map(conditional).collect()))
}

fn refusal(what: String, hint: String) -> Error {
    Error::Script { what, hint }
}

/// What is wrong with a fault, and what to do.
type Wrong = (String, String);

fn happens_in_time(when: &Occasion, horizon: Duration) -> Result<(), Wrong> {
    let at = match *when {
        Occasion::When(..) => return Ok(()),
        Occasion::At(at) => at,
        Occasion::Every { at, every, until, .. } => {
            if every.is_zero() {
                return Err((
                    "strikes without end at one instant".to_owned(),
                    "`every` is longer than nothing".to_owned(),
                ));
            }
            if let Some(until) = until.filter(|until| *until <= at) {
                let [at, until] = [at, until].map(duration::format);
                return Err((
                    format!("strikes from {at} on, until {until}, which is no later"),
                    "`at` is the first time, `until` when it ends".to_owned(),
                ));
            }
            if when.instants(horizon).count() as u64 == SCHEDULED_MAX {
                return Err((
                    format!("strikes {SCHEDULED_MAX} times and more"),
                    "lengthen `every`, or say with `times` how often".to_owned(),
                ));
            }
            at
        }
    };
    if at < horizon {
        return Ok(());
    }
    let [at, horizon] = [at, horizon].map(duration::format);
    Err((format!("strikes at {at}, when the run is over"), format!("the horizon is {horizon}: raise it")))
}

/// Refuses processes that do not exist or do not fail, and cuts that cut nothing.
fn is_admitted(fault: &Fault, when: &Occasion, environment: &Environment) -> Result<(), Wrong> {
    let conditional = matches!(when, Occasion::When(..));
    let at_start = matches!(when, Occasion::At(Duration::ZERO));
    let n = environment.processes;
    let relative = [THERE, NAMED, OTHERS];
    for p in fault.processes() {
        if relative.contains(&p) && !conditional {
            let hint = "with `when` a fault strikes after something happened".to_owned();
            return Err(("speaks of a process that a condition would tell".to_owned(), hint));
        }
        if p.0 >= n && !relative.contains(&p) {
            return Err((
                format!("names process {} of n = {n}", p.0),
                "processes are counted from 0".to_owned(),
            ));
        }
    }
    match fault {
        Fault::Crash { process, .. }
        | Fault::CrashInHandler { process, .. }
        | Fault::CrashWhileStoring { process, .. }
        | Fault::CrashLoop { process, .. }
        | Fault::Omit { process }
        | Fault::TakeOver { process, .. }
        | Fault::Rot { process }
        | Fault::MisdirectWrite { process }
        | Fault::FailWrite { process, .. }
            if !relative.contains(process) && !environment.failures.may_fail(*process) =>
        {
            let hint = "`failures.among` says who may".to_owned();
            Err((format!("strikes process {}, which may not fail", process.0), hint))
        }
        Fault::CrashLoop { down, up, .. } if down.is_zero() || up.is_zero() => {
            let hint = "`down` and `up` are longer than nothing".to_owned();
            Err(("crashes without end at one instant".to_owned(), hint))
        }
        Fault::TakeOver { .. } if environment.failures.takeover == Takeover::AtStart && !at_start => {
            let hint = "set `failures.takeover = \"any-time\"` in [sim.environment], or `at = 0`".to_owned();
            Err(("takes a process over in the midst of a run".to_owned(), hint))
        }
        Fault::Inject { .. } if !environment.links.inject() => {
            let hint = "`links.injections` says how many, over links that are `arbitrary`".to_owned();
            Err((format!("injects over {} links, which let nobody do that", environment.links.kind), hint))
        }
        Fault::MisdirectWrite { .. } | Fault::FailWrite { .. }
            if environment.storage.durability == Durability::Immediate =>
        {
            let hint = "set `storage.durability = \"deferred\"` in [sim.environment]".to_owned();
            Err(("has no write to strike: all are durable at once".to_owned(), hint))
        }
        Fault::Sever { partition } => cuts_something(partition, environment),
        Fault::CutLinks { links } => {
            if links.is_empty() || links.iter().any(|(from, to)| from == to) {
                let hint = "`links` is a list of pairs: [[0, 1], [1, 0]]".to_owned();
                return Err(("cuts no link between two processes".to_owned(), hint));
            }
            if environment.cuts.is_some() {
                let hint = "leave the list of `cuts` in [sim.environment] out".to_owned();
                return Err(("is a cut that the environment does not list".to_owned(), hint));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Refuses a fault of the platform's vocabulary that nothing would come of.
fn has_effect(fault: &Fault, environment: &Environment, platform: Option<&Platform>) -> Result<(), Wrong> {
    let no_effect = |hint: &str| Err(("can have no effect".to_owned(), hint.to_owned()));
    let has = |part: fn(&Platform) -> bool| platform.is_some_and(part);
    match fault {
        Fault::Pause { lasts, .. }
        | Fault::Slow { lasts, .. }
        | Fault::SlowDisk { lasts, .. }
        | Fault::DelaySpike { lasts, .. }
        | Fault::BandwidthDrop { lasts, .. }
            if lasts.is_zero() =>
        {
            no_effect("`lasts` is longer than nothing")
        }
        Fault::Slow { factor, .. } | Fault::SlowDisk { factor, .. } | Fault::BandwidthDrop { factor, .. }
            if *factor < 2 =>
        {
            no_effect("`factor` is how many times as long it takes: 2 or more")
        }
        Fault::ClockJump { by, .. } | Fault::DelaySpike { by, .. } if by.is_zero() => {
            no_effect("`by` is longer than nothing")
        }
        Fault::Slow { .. } if !has(|p| p.step.is_some()) => {
            no_effect("say with `step` in [sim.platform] how long a handler takes")
        }
        Fault::SlowDisk { .. } if environment.storage.durability == Durability::Immediate => {
            no_effect("set `storage.durability = \"deferred\"` in [sim.environment]")
        }
        Fault::BandwidthDrop { .. } if !has(|p| p.bandwidth.is_some()) => {
            no_effect("say with `bandwidth` in [sim.platform] how much fits through a wire")
        }
        Fault::DelaySpike { between, .. } if between.from.is_empty() || between.to.is_empty() => {
            no_effect("`between` has two groups, `from` and `to`")
        }
        _ => Ok(()),
    }
}

fn cuts_something(partition: &Partition, environment: &Environment) -> Result<(), Wrong> {
    let [from, to] = [&partition.from, &partition.to].map(|side| side.iter().collect::<BTreeSet<_>>());
    if from.is_empty() || to.is_empty() || !from.is_disjoint(&to) {
        let hint = "`from` and `to` are two groups with at least one process each".to_owned();
        return Err(("cuts no two sides apart".to_owned(), hint));
    }
    if environment.cuts.as_ref().is_some_and(|cuts| !cuts.contains(partition)) {
        let hint = "add it to `cuts` in [sim.environment], or leave that list out".to_owned();
        return Err(("is a cut that the environment does not list".to_owned(), hint));
    }
    Ok(())
}

/// The budgets, each with what the script spends of it and its key.
fn spending(
    script: &[Scripted],
    environment: &Environment,
    horizon: Duration,
) -> Vec<(Budget, u32, &'static str)> {
    let count = |spends: fn(&Fault) -> bool| {
        let times = script.iter().filter(|s| spends(&s.fault)).map(|s| s.when.times(horizon)).sum::<u64>();
        u32::try_from(times).unwrap_or(u32::MAX - 1)
    };
    let loops = count(|f| matches!(f, Fault::CrashLoop { .. }));
    let crashes = count(|f| single_crash(f) == Some(Crash::Recovers));
    let stops = count(|f| single_crash(f) == Some(Crash::Stops));
    let torn =
        count(|f| matches!(f, Fault::Crash { torn: true, .. } | Fault::CrashWhileStoring { torn: true, .. }));
    let omissions = count(|f| matches!(f, Fault::Omit { .. }));
    let lies = count(|f| matches!(f, Fault::TakeOver { .. }));
    let corruptions = count(|f| matches!(f, Fault::Corrupt { .. }));
    let (failures, storage, links) = (&environment.failures, &environment.storage, &environment.links);
    let (injected, lost) = if links.inject() { (corruptions, 0) } else { (0, corruptions) };
    let f = failures.stops.max(failures.omissions).max(failures.lies);
    vec![
        (failures.omissions, omissions, "failures.omissions"),
        (failures.lies, lies, "failures.lies"),
        (f, stops + loops + omissions + lies, "failures.stops"),
        (storage.bit_rot, count(|f| matches!(f, Fault::Rot { .. })), "storage.bit_rot"),
        (
            storage.misdirected_writes,
            count(|f| matches!(f, Fault::MisdirectWrite { .. })),
            "storage.misdirected_writes",
        ),
        (storage.failed_writes, count(|f| matches!(f, Fault::FailWrite { .. })), "storage.failed_writes"),
        (links.injections, injected + count(|f| matches!(f, Fault::Inject { .. })), "links.injections"),
        (failures.stops, stops + loops, "failures.stops"),
        (failures.restarts, if loops > 0 { u32::MAX } else { crashes }, "failures.restarts"),
        (environment.storage.torn_writes, torn, "storage.torn_writes"),
        (
            environment.partitions,
            count(|f| matches!(f, Fault::Sever { .. } | Fault::CutLinks { .. })),
            "partitions",
        ),
        (links.losses, lost + count(|f| matches!(f, Fault::Lose { .. })), "links.losses"),
        (links.duplications, count(|f| matches!(f, Fault::Duplicate { .. })), "links.duplications"),
        (environment.oracles.outputs, count(|f| matches!(f, Fault::Output { .. })), "oracles.outputs"),
    ]
}

/// How a single crash ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crash {
    Recovers,
    Stops,
}

fn single_crash(fault: &Fault) -> Option<Crash> {
    match fault {
        Fault::Crash { recover_after, .. }
        | Fault::CrashInHandler { recover_after, .. }
        | Fault::CrashWhileStoring { recover_after, .. } => {
            Some(if recover_after.is_some() { Crash::Recovers } else { Crash::Stops })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use synod_model::ProcessId;

    #[derive(Deserialize)]
    struct File {
        script: Vec<Scripted>,
    }

    fn read(faults: &[&str]) -> Result<Vec<Scripted>, toml::de::Error> {
        let faults: Vec<_> = faults.iter().map(|fault| format!("[[script]]\n{fault}\n")).collect();
        toml::from_str::<File>(&faults.concat()).map(|file| file.script)
    }

    fn world() -> Environment {
        let mut environment = Environment::benign(3);
        environment.failures.stops = Budget::AtMost(1);
        environment.failures.restarts = Budget::AtMost(1);
        environment.partitions = Budget::AtMost(1);
        environment
    }

    fn in_world(
        script: &[Scripted],
        environment: &Environment,
        horizon: Duration,
    ) -> Result<(FaultPlan, Vec<Conditional>), Error> {
        plan(script, environment, None, horizon, &Source::default())
    }

    fn planned(faults: &[&str]) -> Result<FaultPlan, Error> {
        let source = Source::default();
        plan(&read(faults).expect("faults"), &world(), None, Duration::from_secs(10), &source)
            .map(|(plan, _)| plan)
    }

    #[test]
    fn every_kind_of_fault_can_be_written() {
        let mut environment = world();
        environment.failures.stops = Budget::AtMost(2);
        environment.failures.restarts = Budget::Unlimited;
        environment.storage.torn_writes = Budget::AtMost(1);
        environment.links.losses = Budget::AtMost(1);
        environment.links.duplications = Budget::AtMost(1);
        environment.failures.stops = Budget::AtMost(5);
        environment.failures.omissions = Budget::AtMost(1);
        environment.failures.lies = Budget::AtMost(2);
        environment.failures.takeover = Takeover::AnyTime;
        environment.links.kind.arbitrary = true;
        environment.links.injections = Budget::AtMost(2);
        environment.storage.durability = Durability::Deferred;
        environment.storage.bit_rot = Budget::AtMost(1);
        environment.storage.misdirected_writes = Budget::AtMost(1);
        environment.storage.failed_writes = Budget::AtMost(1);
        environment.oracles.outputs = Budget::AtMost(1);
        let script = read(&[
            "at = \"1s\"\nkind = \"crash\"\nprocess = 0\nrecover_after = \"50ms\"\nkept = 1\ntorn = true",
            "at = 5\nkind = \"crash-in-handler\"\nprocess = 1\nbefore = 2",
            "at = 5\nkind = \"crash-while-storing\"\nprocess = 1\nrecover_after = 70",
            "at = 5\nkind = \"crash-loop\"\nprocess = 2\ndown = \"1s\"\nup = \"1s\"",
            "at = 5\nkind = \"sever\"\npartition = { from = [0], to = [1, 2], one_way = true }",
            "at = 5\nkind = \"heal\"",
            "at = 5\nkind = \"lose\"\nfrom = 0\nto = 1",
            "at = 5\nkind = \"duplicate\"\nfrom = 0\nto = 1",
            "at = 5\nkind = \"output\"\nprocess = 0\noutput = { trust = 1 }",
            "at = 5\nkind = \"omit\"\nprocess = 0",
            "at = 5\nkind = \"take-over\"\nprocess = 1\nstrategy = \"twins\"",
            "at = 5\nkind = \"take-over\"\nprocess = 2",
            "at = 5\nkind = \"inject\"\nfrom = 0\nto = 1\nhow = \"replay\"",
            "at = 5\nkind = \"corrupt\"\nfrom = 0\nto = 1",
            "at = 5\nkind = \"rot\"\nprocess = 0",
            "at = 5\nkind = \"misdirect-write\"\nprocess = 0",
            "at = 5\nkind = \"fail-write\"\nprocess = 0\nroom_after = \"1s\"",
        ]);
        let (plan, _) =
            in_world(&script.expect("faults"), &environment, Duration::from_secs(2)).expect("a plan");
        let FaultPlan::Script(faults) = plan else { panic!("a script is wanted") };
        assert_eq!(faults.len(), 17);
        let partition =
            Partition { from: vec![ProcessId(0)], to: vec![ProcessId(1), ProcessId(2)], one_way: true };
        assert_eq!(faults[4], (Duration::from_millis(5), Fault::Sever { partition }));
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        for fault in [
            "at = \"1s\"\nkind = \"crash\"\nprocess = 0\nrecover = \"50ms\"",
            "at = \"1s\"\nkind = \"heal\"\nprocess = 0",
            "at = \"1s\"\nkind = \"explode\"",
            "at = \"-1s\"\nkind = \"heal\"",
            "at = \"1s\"\nkind = \"crash\"\nprocess = 0\nrecover_after = -5",
            "at = \"1s\"\nkind = \"crash\"\nprocess = -1",
            "kind = \"heal\"",
            "at = \"1s\"\nprocess = 0",
        ] {
            let error = read(&[fault]).expect_err(fault);
            assert!(error.span().is_some(), "{error}");
        }
    }

    #[test]
    fn what_could_not_happen_is_refused_with_the_reason() {
        let refused = |faults: &[&str], reason: &str| {
            let error = planned(faults).expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
            assert!(!error.hint().is_empty());
        };
        let stop = "at = 1\nkind = \"crash\"\nprocess = 0";
        let cut = "at = 1\nkind = \"sever\"\npartition = { from = [0], to = [1] }";
        assert!(planned(&[stop, cut]).is_ok());
        refused(&["at = 1\nkind = \"crash\"\nprocess = 3"], "names process 3 of n = 3");
        refused(&["at = 1\nkind = \"lose\"\nfrom = 0\nto = 9"], "process 9");
        refused(&[stop, "at = \"10s\"\nkind = \"heal\""], "fault 2 of the script strikes at 10s");
        refused(&[stop, stop], "`failures.stops` = 2, the budget is 1");
        refused(&[cut, cut], "`partitions` = 2");
        let crash_loop = "at = 1\nkind = \"crash-loop\"\nprocess = 0\ndown = 5\nup = 5";
        refused(&[crash_loop], "`failures.restarts` = \"unlimited\"");
        refused(&[&crash_loop.replace("up = 5", "up = 0")], "without end");
        refused(&["at = 1\nkind = \"sever\"\npartition = { from = [0], to = [0] }"], "no two sides");
        refused(&["at = 1\nkind = \"output\"\nprocess = 0\noutput = { trust = 1 }"], "oracles.outputs");
        let mut environment = world();
        environment.failures.among = Some(synod_model::Group::new(1, 2));
        let script = read(&[stop]).expect("a fault");
        assert!(in_world(&script, &environment, Duration::from_secs(1)).is_err(), "it may not fail");
        environment = world();
        environment.cuts = Some(BTreeSet::new());
        let script = read(&[cut]).expect("a fault");
        assert!(in_world(&script, &environment, Duration::from_secs(1)).is_err(), "the cut is not listed");
    }
}
