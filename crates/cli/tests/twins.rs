//! A property that nothing can refute is not tested: every broken twin that the command line offers is refuted by its
//! check, or by a simulation, in the property that it is said to break, by a run that replays.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Those which break what their check does not judge, or not within its bounds: (defect, what it breaks, by which
/// simulation).
const BY_SIMULATION: [(&str, &str, &[&str]); 16] = [
    ("answers-before-commit", "linearizability", &["raft"]),
    ("forgets-sessions", "linearizability", &["raft"]),
    ("candidates-kept", "ELD1", &["elect-lower-epoch"]),
    ("prefers-itself", "ELD2", &["elect-lower-epoch"]),
    ("epoch-not-stored", "ELD1", &["--experiment", CRASH_LOOP]),
    ("decides-on-one", "UC4", &["ben-or", "--n", "3", "--seed", "25", "--no-swarm"]),
    ("flips-regardless", "UC4", &["ben-or", "--n", "3", "--seed", "26", "--no-swarm"]),
    ("learns-again", "PB2", &["rumor-mongering"]),
    ("gives-up-after-2", "EC1", &["anti-entropy"]),
    ("told-once", "EC1", &["infection"]),
    ("never-compares", "EC1", &["bimodal"]),
    ("any-is-fresh", "EPFD1", &["freshness-points"]),
    ("vouches", "EPFD1", &["swim"]),
    ("gives-up", "FPL4", &["stop-and-wait"]),
    ("any-acknowledgement", "confirmation", &["stop-and-wait"]),
    ("counts-no-copies", "PL2", &["stop-and-wait"]),
];
/// Those which break something by a run whose numbers grow for ever.
const BY_RENUMBERING: [(&str, &str); 1] = [("promises-the-next", "C1")];
const CRASH_LOOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments/crash-loop.toml");

fn synod(directory: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    let ran = command.args(arguments).arg("--json").current_dir(directory).output().expect("it runs");
    let text = String::from_utf8(ran.stdout).expect("UTF-8");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("an object a line"));
    (ran.status.code(), lines.collect())
}

/// The twins: (algorithm, defect).
fn twins(directory: &Path) -> Vec<(String, String)> {
    let (_, lines) = synod(directory, &["list"]);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let of = |line: &Value| -> Vec<(String, String)> {
        let defects = line["defects"].as_array().cloned().unwrap_or_default();
        defects.iter().map(|defect| (text(&line["name"]), text(defect))).collect()
    };
    lines.iter().filter(|line| line["event"] == "algorithm").flat_map(of).collect()
}

#[test]
fn every_twin_is_refuted_by_its_check() {
    let place = tempfile::tempdir().expect("a directory");
    let mut twins = twins(place.path());
    assert!(twins.len() > 10, "{twins:?}");
    let elsewhere = |defect: &str| {
        BY_SIMULATION.iter().any(|(twin, ..)| *twin == defect)
            || BY_RENUMBERING.iter().any(|(twin, _)| *twin == defect)
    };
    // the single decree's are those of the sequence; of the graphs in time, which are large, the library's own test judges
    let left_out = ["single-decree", "elect-lower-epoch-in-time"];
    twins.retain(|(algorithm, defect)| !left_out.contains(&algorithm.as_str()) && !elsewhere(defect));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((algorithm, defect)) = twins.get(next.fetch_add(1, Ordering::Relaxed)) {
            refuted_however_it_is_searched(place.path(), algorithm, defect);
        }
    };
    std::thread::scope(|scope| {
        let others = std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
        (0..others).for_each(|_| _ = scope.spawn(work));
        work();
    });
    every_counterexample_replays(place.path());
}

/// Its check finds the twin, and so it does where states are forgotten and orders left out.
fn refuted_however_it_is_searched(place: &Path, algorithm: &str, defect: &str) {
    let (code, lines) = synod(place, &["check", algorithm, "--defect", defect]);
    assert_eq!(code, Some(1), "{algorithm} --defect {defect}: {lines:?}");
    let broken = broken(&lines);
    let lives =
        lines.iter().any(|line| line["property"].as_str() == broken.as_deref() && line["kind"] == "liveness");
    let mut reductions = vec!["--forget"];
    for _ in 0..2 {
        if lives && reductions.contains(&"--partial-order") {
            break; // under which what happens for ever is not judged
        }
        let (code, lines) = synod(place, &[&["check", algorithm, "--defect", defect], &*reductions].concat());
        if code == Some(2) {
            reductions.clear(); // nothing can be forgotten there
        } else {
            assert_eq!(self::broken(&lines), broken, "{algorithm} --defect {defect} {reductions:?}");
        }
        if algorithm == "paxos" && defect != "promise-not-stored" {
            break; // half a minute each
        }
        reductions.push("--partial-order");
    }
}

/// The property that is broken.
fn broken(lines: &[Value]) -> Option<String> {
    let mut verdicts =
        lines.iter().filter(|line| line["event"] == "verdict" && line["verdict"] == "violated");
    verdicts.find_map(|line| line["property"].as_str()).map(str::to_owned)
}

#[test]
fn the_other_twins_are_refuted_by_simulation() {
    let place = tempfile::tempdir().expect("a directory");
    for (defect, property, subject) in BY_SIMULATION {
        let arguments = [&["sim"], subject, &["--defect", defect]].concat();
        let (code, lines) = synod(place.path(), &arguments);
        assert_eq!(code, Some(1), "{defect}");
        let failure = lines.iter().find(|line| line["event"] == "failure").expect("a failure");
        assert_eq!(failure["property"], property, "{defect}");
    }
    every_counterexample_replays(place.path());
}

#[test]
fn twins_whose_numbers_grow_for_ever_are_refuted_modulo_a_renumbering() {
    let place = tempfile::tempdir().expect("a directory");
    for (defect, property) in BY_RENUMBERING {
        for algorithm in ["paxos", "single-decree"] {
            let (code, lines) = synod(place.path(), &["check", algorithm, "--renumber", "--defect", defect]);
            assert_eq!(
                (code, broken(&lines).as_deref()),
                (Some(1), Some(property)),
                "{algorithm}: {lines:?}"
            );
            let failure = lines.iter().find(|line| line["event"] == "failure").expect("a failure");
            let what = failure["what"].as_str().expect("text");
            assert!(what.contains("numbers grow by 2 each time round"), "{what}");
        }
    }
    every_counterexample_replays(place.path());
    let (code, _) = synod(place.path(), &["check", "abd", "--renumber"]);
    assert_eq!(code, Some(2), "it declares no numbers");
}

/// How many seeds each strategy begins with, how many runs it may take, and how it is asked for.
const SEEDS: u64 = 30;
const RUNS_MAX: u64 = 1_000;
const STRATEGIES: [(&str, &[&str]); 3] =
    [("all at once", &["--no-swarm"]), ("swarm", &[]), ("coverage", &["--search", "coverage"])];
/// A twin that none of the first so many seeds finds, by any strategy, is not measured.
const SEEDS_TRIED: u64 = 3;

/// Whether a twin is found from a seed on, and after how many runs and steps; none, where it is not simulated.
type Found = Option<(bool, u64, u64)>;

fn found(place: &Path, twin: &(String, String), strategy: &[&str], seed: u64) -> Found {
    let (first, runs) = ((seed * 1_000_000).to_string(), RUNS_MAX.to_string());
    let range = ["--seed", &first, "--runs", &runs, "--no-shrink", "--no-corpus"];
    let subject = ["sim", &twin.0, "--defect", &twin.1];
    let (code, lines) = synod(place, &[&subject, &range[..], strategy].concat());
    let ground = lines.iter().find(|line| line["event"] == "ground")?;
    let numbers = &ground["numbers"];
    let numbers = if numbers["searched"].is_object() { &numbers["searched"] } else { numbers };
    Some((code == Some(1), numbers["runs"].as_u64()?, numbers["steps"].as_u64()?))
}

/// The median of runs, that of steps, and of how many seeds it is found, as cells of a table.
fn cells(place: &Path, twin: &(String, String), strategy: &[&str]) -> String {
    let all: Vec<_> = (0..SEEDS).filter_map(|seed| found(place, twin, strategy, seed)).collect();
    let finds = all.iter().filter(|(found, ..)| *found).count();
    if finds <= all.len() / 2 {
        return format!("> {RUNS_MAX} | - | {finds}");
    }
    // what is not found takes longest
    let median = |of: fn(&(bool, u64, u64)) -> u64| {
        let mut numbers: Vec<_> = all.iter().map(|one| if one.0 { of(one) } else { u64::MAX }).collect();
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    };
    format!("{} | {} | {finds}", median(|one| one.1), median(|one| one.2))
}

/// The table of docs/sim/campaign.md: median runs and steps of 30 disjoint ranges of seeds.
#[test]
#[expect(clippy::print_stdout, reason = "it prints its measurement")]
#[ignore = "a measurement of many minutes: `-- --ignored --nocapture time_to_find`, with `--release`"]
fn time_to_find() {
    let place = tempfile::tempdir().expect("a directory");
    let only = std::env::var("TWINS").unwrap_or_default();
    let heading: Vec<_> =
        STRATEGIES.iter().map(|(name, _)| format!("{name}: runs | steps | found")).collect();
    println!("| twin | {} |\n|---|{}", heading.join(" | "), "--:|--:|--:|".repeat(STRATEGIES.len()));
    let mut measured = 0;
    for twin in twins(place.path()).iter().filter(|twin| twin.1.contains(&only)) {
        let name = format!("`{} --defect {}`", twin.0, twin.1);
        if found(place.path(), twin, &[], 0).is_none() {
            println!("| {name} | checked alone |");
            continue;
        }
        let finds =
            |seed, strategy| found(place.path(), twin, strategy, seed).is_some_and(|(found, ..)| found);
        if !(0..SEEDS_TRIED).any(|seed| STRATEGIES.iter().any(|(_, strategy)| finds(seed, strategy))) {
            println!("| {name} | not found |");
            continue;
        }
        measured += 1;
        let cells: Vec<_> =
            STRATEGIES.iter().map(|(_, strategy)| cells(place.path(), twin, strategy)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    assert!(measured > 0 || !only.is_empty(), "no twin is found");
}

fn every_counterexample_replays(directory: &Path) {
    let failures = std::fs::read_dir(directory.join(".synod/failures")).expect("counterexamples are written");
    for failure in failures {
        let file = failure.expect("a file").path();
        if file.extension().is_some_and(|e| e == "json") {
            continue; // which build made the trace beside it
        }
        assert!(file.with_extension("build.json").exists(), "{}", file.display());
        let (code, _) = synod(directory, &["replay", file.to_str().expect("UTF-8")]);
        assert_eq!(code, Some(1), "{} replays to its violation", file.display());
    }
}
