//! Scripts in experiment files: which faults strike a simulated run, and when.

use crate::environment::Span;
use crate::error::Error;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_kernel::{Budget, Environment, Partition};
use synod_model::ProcessId;
use synod_sim::{Fault, FaultPlan};

/// A fault and when it strikes, as a file writes it: `at = "1s"`, `kind = "crash"`, and what belongs to this kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Scripted {
    at: Span,
    #[serde(flatten)]
    fault: Fault,
}

/// The plan that a script is, for runs in `environment` up to `horizon`.
///
/// The simulator passes over what cannot happen. In a script that would be a slip that nobody sees: it is refused.
pub fn plan(script: &[Scripted], environment: &Environment, horizon: Duration) -> Result<FaultPlan, Error> {
    for (number, Scripted { at, fault }) in (1..).zip(script) {
        happens_in_time(at.0, horizon)
            .and_then(|()| is_admitted(fault, environment))
            .map_err(|(what, hint)| refusal(format!("fault {number} of the script {what}"), hint))?;
    }
    for (budget, needed, key) in spending(script, environment) {
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
    Ok(FaultPlan::Script(script.iter().map(|s| (s.at.0, s.fault.clone())).collect()))
}

fn refusal(what: String, hint: String) -> Error {
    Error::Script { what, hint }
}

/// What is wrong with a fault, and what to do.
type Wrong = (String, String);

fn happens_in_time(at: Duration, horizon: Duration) -> Result<(), Wrong> {
    if at < horizon {
        return Ok(());
    }
    let [at, horizon] = [at, horizon].map(duration::format);
    Err((format!("strikes at {at}, when the run is over"), format!("the horizon is {horizon}: raise it")))
}

/// Refuses processes that do not exist or do not fail, and cuts that cut nothing.
fn is_admitted(fault: &Fault, environment: &Environment) -> Result<(), Wrong> {
    let n = environment.processes;
    if let Some(p) = named(fault).into_iter().find(|p| p.0 >= n) {
        return Err((format!("names process {} of n = {n}", p.0), "processes are counted from 0".to_owned()));
    }
    match fault {
        Fault::Crash { process, .. }
        | Fault::CrashInHandler { process, .. }
        | Fault::CrashWhileStoring { process, .. }
        | Fault::CrashLoop { process, .. }
            if !environment.failures.may_fail(*process) =>
        {
            let hint = "`failures.among` says who may".to_owned();
            Err((format!("crashes process {}, which may not fail", process.0), hint))
        }
        Fault::CrashLoop { down, up, .. } if down.is_zero() || up.is_zero() => {
            let hint = "`down` and `up` are longer than nothing".to_owned();
            Err(("crashes without end at one instant".to_owned(), hint))
        }
        Fault::Sever { partition } => cuts_something(partition, environment),
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

/// The processes that a fault speaks of.
fn named(fault: &Fault) -> Vec<ProcessId> {
    fault.processes()
}

/// The budgets, each with what the script spends of it and its key.
fn spending(script: &[Scripted], environment: &Environment) -> [(Budget, u32, &'static str); 7] {
    let count = |spends: fn(&Fault) -> bool| script.iter().filter(|s| spends(&s.fault)).count() as u32;
    let loops = count(|f| matches!(f, Fault::CrashLoop { .. }));
    let crashes = count(|f| single_crash(f) == Some(Crash::Recovers));
    let stops = count(|f| single_crash(f) == Some(Crash::Stops));
    let torn =
        count(|f| matches!(f, Fault::Crash { torn: true, .. } | Fault::CrashWhileStoring { torn: true, .. }));
    let (failures, links) = (&environment.failures, &environment.links);
    [
        (failures.stops, stops + loops, "failures.stops"),
        (failures.restarts, if loops > 0 { u32::MAX } else { crashes }, "failures.restarts"),
        (environment.storage.torn_writes, torn, "storage.torn_writes"),
        (environment.partitions, count(|f| matches!(f, Fault::Sever { .. })), "partitions"),
        (links.losses, count(|f| matches!(f, Fault::Lose { .. })), "links.losses"),
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

    fn planned(faults: &[&str]) -> Result<FaultPlan, Error> {
        plan(&read(faults).expect("faults"), &world(), Duration::from_secs(10))
    }

    #[test]
    fn every_kind_of_fault_can_be_written() {
        let mut environment = world();
        environment.failures.stops = Budget::AtMost(2);
        environment.failures.restarts = Budget::Unlimited;
        environment.storage.torn_writes = Budget::AtMost(1);
        environment.links.losses = Budget::AtMost(1);
        environment.links.duplications = Budget::AtMost(1);
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
        ]);
        let plan = plan(&script.expect("faults"), &environment, Duration::from_secs(2)).expect("a plan");
        let FaultPlan::Script(faults) = plan else { panic!("a script is wanted") };
        assert_eq!(faults.len(), 9);
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
        assert!(plan(&script, &environment, Duration::from_secs(1)).is_err(), "it may not fail");
        environment = world();
        environment.cuts = Some(BTreeSet::new());
        let script = read(&[cut]).expect("a fault");
        assert!(plan(&script, &environment, Duration::from_secs(1)).is_err(), "the cut is not listed");
    }
}
