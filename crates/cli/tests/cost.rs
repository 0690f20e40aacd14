//! Costs, sweeps, workloads and histories, from outside.

mod support;

use serde_json::Value;
use std::fs;
use std::process::Command;
use support::Ran;
use synod_judge::{Budget, History, Register, RegisterOperation, RegisterReturn, linearizable};
use tempfile::TempDir;

fn in_a(place: &TempDir, arguments: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.args(arguments.split_whitespace()).current_dir(place.path());
    command.output().expect("it starts").into()
}

fn synod(arguments: &str) -> Ran {
    in_a(&tempfile::tempdir().expect("a directory"), arguments)
}

fn events(ran: &Ran, event: &str) -> Vec<Value> {
    ran.events().into_iter().filter(|value| value["event"] == event).collect()
}

#[test]
fn every_algorithm_costs_what_its_page_states() {
    let list = synod("list --json");
    let names: Vec<_> =
        events(&list, "algorithm").iter().map(|e| e["name"].as_str().unwrap().to_owned()).collect();
    let mut stated = 0;
    for name in names {
        // rounds and time alone are not simulated
        let ran = synod(&format!("cost {name} --n 4..=10/3 --json"));
        if ran.code == 2 {
            continue;
        }
        assert_eq!(ran.code, 0, "{name}: {}", ran.out);
        let costs = events(&ran, "cost");
        stated += costs.iter().filter(|cost| !cost["formula"].is_null()).count();
    }
    assert!(stated > 100, "{stated} numbers have a formula");
}

#[test]
fn rounds_are_counted_and_held_against_what_is_stated() {
    let rounds = |arguments: &str| {
        let ran = synod(&format!("cost {arguments} --json"));
        let of = |event: &Value| (event["metric"] == "rounds").then(|| event["measured"].as_f64().unwrap());
        (events(&ran, "cost").iter().filter_map(of).collect::<Vec<_>>(), ran.code)
    };
    // f is 1, 2, 4, and 1, 2, 7
    assert_eq!(rounds("flood-set --n 3,5,9"), (vec![2.0, 3.0, 5.0], 0));
    assert_eq!(rounds("phase-king --n 5,9,31"), (vec![4.0, 6.0, 16.0], 0));
    assert_eq!(rounds("flood-set --n 5 --defect one-round-fewer"), (vec![2.0], 1));
    synod("cost phase-king --n 9").exits(0).says("messages = (f + 1) (n^2 - 1)").says("240");
    synod("cost flood-set --under faults").exits(2).complains("S0206");
    synod("cost flood-set --defect no-such").exits(2).complains("S0202");
}

#[test]
fn a_twin_that_relays_nothing_costs_less_than_is_stated() {
    let place = tempfile::tempdir().expect("a directory");
    let ran = in_a(&place, "cost eager-reliable-broadcast --defect no-relay --n 5 --svg a.svg --csv a.csv");
    ran.exits(1).says("4, NOT 24");
    let svg = fs::read_to_string(place.path().join("a.svg")).expect("it is written");
    assert!(svg.starts_with("<svg") && svg.contains("stated: n^2 - 1"));
    let csv = fs::read_to_string(place.path().join("a.csv")).expect("it is written");
    assert!(csv.contains("5,broadcast,messages,4,,,n^2 - 1,24"), "{csv}");
}

/// Four message delays an operation, whatever a delay is.
#[test]
fn a_sweep_of_the_delay_finds_the_latency_of_a_register() {
    let place = tempfile::tempdir().expect("a directory");
    let ran = in_a(
        &place,
        "sweep abd --vary delay=1ms,2ms,5ms --vary n=5,7 --metric p50,delays,violations --runs 3 --f 0 --partitions 0 \
         --clients 2 --operations 40 --horizon 2s --json --svg s.svg --csv s.csv",
    )
    .exits(0);
    let points = events(&ran, "point");
    assert_eq!(points.len(), 3 * 2 * 3);
    for point in points {
        let delay: f64 = point["at"]["delay"].as_str().unwrap().trim_end_matches("ms").parse().unwrap();
        let expected = match point["metric"].as_str().unwrap() {
            "p50" => 4.0 * delay,
            "delays" => 4.0,
            _ => 0.0,
        };
        let middle = point["middle"].as_f64().expect("a value");
        assert!((middle - expected).abs() <= expected * 0.001, "{point}");
    }
    assert!(fs::read_to_string(place.path().join("s.svg")).expect("it is written").contains("n = 7"));
    assert_eq!(fs::read_to_string(place.path().join("s.csv")).expect("it is written").lines().count(), 19);
}

#[test]
fn what_clients_saw_is_a_history_that_the_judge_reads() {
    let place = tempfile::tempdir().expect("a directory");
    let ran = in_a(
        &place,
        "sim abd --clients 2 --operations 60 --seed 3 --f 0 --partitions 0 --history h.jsonl --json",
    )
    .exits(0);
    let text = fs::read_to_string(place.path().join("h.jsonl")).expect("it is written");
    let history: History<RegisterOperation<u64>, RegisterReturn<u64>> =
        History::from_json_lines(&text).expect("a history");
    assert_eq!(history.operations().len(), 60);
    assert!(linearizable(&Register::default(), &history, Budget::default()).is_linearizable());
    let ground = events(&ran, "ground");
    assert_eq!(ground[0]["numbers"]["costs"]["kinds"]["write"]["messages"]["p50"], 20);
    let verdicts = events(&ran, "verdict");
    assert!(verdicts.iter().any(|v| v["property"] == "HISTORY" && v["verdict"] == "holds"), "{}", ran.out);
}

#[test]
fn nonsense_is_refused_with_a_hint() {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(
        place.path().join("mix.toml"),
        "algorithm = \"abd\"\n[sim.workload]\nmix = { read = 0, write = 0 }\n",
    )
    .expect("a file");
    fs::write(place.path().join("key.toml"), "algorithm = \"abd\"\n[sim.workload]\ntimout = \"1s\"\n")
        .expect("a file");
    for (arguments, why) in [
        ("sweep abd --vary los=0..0.3", "did you mean `loss`?"),
        ("sweep abd --vary n=7..5", "is empty"),
        ("sweep abd --vary n=5 --n 7", "say it once"),
        ("sweep abd --vary workload.arrivals.rate=10,20 --rate 5", "say it once"),
        ("sweep abd --vary environment.links.delay_mx=1ms..3ms", "did you mean `delay_max`?"),
        ("sweep abd --vary loss=0.1", "S0"),
        ("sweep abd", "--vary"),
        ("sweep abd --vary n=5 --metric p98", "p99"),
        ("cost abd --n 0", "from 1 on"),
        ("cost paxso", "did you mean `paxos`"),
        ("sim abd --rate 0", "`arrivals.rate` = 0 is out of bounds"),
        ("sim abd --clients 0", "`arrivals.clients` = 0"),
        ("sim abd --seed 1 --history h.jsonl", "there are no clients"),
        ("sim --experiment mix.toml", "gives every operation the weight 0"),
        ("sim --experiment key.toml", "did you mean `timeout`?"),
    ] {
        in_a(&place, arguments).exits(2).complains(why);
    }
}

const LADDER: &str = "eliminate-duplicates over retransmit-forever inserted under the algorithm: fair-loss -> stubborn -> perfect";

/// Every algorithm that is made over a chain, on links that lose: outside of its model without transformers, green with them.
#[test]
fn transformers_close_the_gap_to_links_that_lose_and_their_cost_is_shown() {
    for name in
        ["eager-reliable-broadcast", "majority-ack-broadcast", "best-effort-broadcast", "abd", "ben-or"]
    {
        let line = format!("sim {name} --links fair-loss --losses 50 --requests 2 --runs 8 --horizon 1s");
        synod(&line).exits(2).complains("S0103").complains("--with-transformers");
        let ran = synod(&format!("{line} --with-transformers")).exits(0);
        let model = "x fair-loss x asynchronous refines the model";
        let ran =
            ran.says(&format!("{name}+eliminate-duplicates+retransmit-forever")).says(LADDER).says(model);
        let (_, after) = ran.out.split_once("what the links cost: the algorithm sends ").expect("a line");
        let factor: f64 =
            after.split_once("(x ").and_then(|(_, f)| f.split(' ').next()?.parse().ok()).expect("a factor");
        assert!(factor > 5.0, "{name}: {after}");
    }
    let fails = "sim best-effort-broadcast --links fair-loss --losses unlimited --runs 20 --horizon 1s";
    synod(&format!("{fails} --outside-model")).exits(1).says("BEB1").says("is outside of (S0103)");
    synod(&format!("{fails} --with-transformers")).exits(0);
}

#[test]
fn only_what_is_missing_is_inserted_and_what_no_chain_makes_is_refused() {
    let none = synod("sim abd --with-transformers --runs 3 --f 0").says("none inserted").says("sim abd");
    assert!(!none.out.contains("what the links cost"), "{}", none.out);
    synod("check best-effort-broadcast --n 2 --f 0 --links stubborn --with-transformers")
        .exits(0)
        .says("transformers: eliminate-duplicates inserted under the algorithm: stubborn -> perfect");
    let refused = |line: &str, what: &str, hint: &str| {
        synod(&format!("{line} --with-transformers")).exits(2).complains(what).complains(hint);
    };
    refused(
        "sim paxos --links fair-loss",
        "the step from stubborn to perfect is missing",
        "one of stubborn links into perfect ones that is made for crash-recovery",
    );
    refused("sim echo-broadcast --links fair-loss", "authenticated", "");
    refused("sim abd --losses 3", "perfect links have no losses, and here they have 3", "--links fair-loss");
    refused("run abd --links fair-loss", "no cluster puts link transformers", "`sim` and `check`");
    refused("check two-phase-commit", "--with-transformers has no effect", "");
    refused("sim lease --links fair-loss", "arrives after any bound", "");
    let place = tempfile::tempdir().expect("a directory");
    let arbitrary = "algorithm = \"abd\"\nwith_transformers = true\n[sim.environment.links]\nkind = \"arbitrary fair-loss\"\n";
    fs::write(place.path().join("e.toml"), arbitrary).expect("it is written");
    in_a(&place, "sim --experiment e.toml").exits(2).complains("no injection").complains("authenticates");
    fs::write(place.path().join("e.toml"), arbitrary.replace("true", "7")).expect("it is written");
    in_a(&place, "sim --experiment e.toml").exits(2).complains("line 2");
}

/// What fails over transformers is found again by its seed, and its trace replays and is made small.
#[test]
fn a_failure_over_transformers_replays_by_the_name_of_the_stack() {
    let place = tempfile::tempdir().expect("a directory");
    let line = "sim abd --defect waits-for-all --links fair-loss --with-transformers --requests 1 --runs 50 --horizon 1s";
    let ran = in_a(&place, line).exits(1).says("abd+eliminate-duplicates+retransmit-forever/waits-for-all");
    let command = |label: &str| {
        let line = ran.out.lines().find_map(|line| line.trim_start().strip_prefix(label)).expect("a command");
        let line = line.split(" # ").next().unwrap_or_default();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    let replay = command("replay:");
    let told =
        in_a(&place, &replay).exits(1).says("as recorded").says("+eliminate-duplicates+retransmit-forever");
    told.says(" crashes"); // not so short that a sound run would owe it too: who is waited for has stopped
    in_a(&place, &replay.replace("replay", "trace validate")).exits(0);
    let seed = command("seed:");
    assert!(seed.contains("--with-transformers"), "{seed}");
    in_a(&place, &seed).exits(1);
}

#[test]
fn costs_sweeps_and_campaigns_count_what_links_cost() {
    let ran =
        synod("cost eager-reliable-broadcast --n 4 --links fair-loss --with-transformers --json").exits(0);
    let costs = events(&ran, "cost");
    let of = |name: &str| {
        let cost = costs.iter().find(|cost| cost["metric"] == name).expect(name);
        cost["measured"].as_f64().expect("a number")
    };
    assert_eq!((of("messages"), of("sent by the algorithm")), (15.0, 15.0), "n^2 - 1");
    assert!(of("by its links") > 1_000.0 && of("of its links") > of("bytes of the algorithm"));

    let sweep = "sweep best-effort-broadcast --links fair-loss --with-transformers --vary loss=0,0.3 \
                 --metric amplification,violations --runs 2 --n 3 --f 0 --operations 4 --horizon 1s --json";
    let points = events(&synod(sweep).exits(0), "point");
    let factors = points
        .iter()
        .filter(|p| p["metric"] == "amplification")
        .map(|p| p["middle"].as_f64().expect("a value"));
    assert!(factors.clone().count() == 2 && factors.clone().all(|factor| factor > 10.0), "{points:?}");

    let place = tempfile::tempdir().expect("a directory");
    let campaign =
        "campaign run abd --links fair-loss --with-transformers --seeds 0..4 --horizon 500ms --out d";
    in_a(&place, campaign).exits(0).says("abd+eliminate-duplicates+retransmit-forever");
    let file =
        fs::read_dir(place.path().join("d")).expect("it is made").next().expect("a file").expect("a file");
    let lines = fs::read_to_string(file.path()).expect("lines");
    let run: Value = serde_json::from_str(lines.lines().nth(1).expect("a run")).expect("JSON");
    let stack = &run["costs"]["stack"];
    assert!(stack["all"]["messages"].as_u64() > stack["upper"]["messages"].as_u64(), "{run}");
}
