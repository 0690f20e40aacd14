//! The binary from outside: exit codes, bad input, and every command line that it prints.

mod support;

#[path = "support/place.rs"]
mod place;

use place::{Place, printed_commands};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::Ran;

fn synod(arguments: &str) -> Ran {
    Place::new().synod(arguments)
}

const EXPERIMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");

#[test]
fn looking_around_is_no_failure() {
    synod("--help").exits(0).says("Exit codes");
    synod("--version").exits(0);
    synod("list").exits(0).says("paxos").says("eager-reliable-broadcast").says("UC4");
    synod("models")
        .exits(0)
        .says("crash-recovery")
        .says("exactly once per pair of incarnations")
        .says("refused");
    synod("explain paxos").exits(0).says("SOURCE").says("Lam01").says("--defect promise-not-stored");
    synod("explain s0102").exits(0).says("n > 2f");
    synod("explain S0503").exits(0).says("ports");
    synod("explain URB4").exits(0).says("uniform agreement").says("majority-ack-broadcast");
}

#[test]
fn every_algorithm_has_a_page_a_model_and_properties() {
    let place = Place::new();
    let listed = place.synod("list --json").exits(0).events();
    let algorithms: Vec<_> = listed.iter().filter(|e| e["event"] == "algorithm").collect();
    assert!(algorithms.len() >= 10, "{}", algorithms.len());
    for algorithm in algorithms {
        let name = algorithm["name"].as_str().expect("a name");
        assert!(!algorithm["summary"].as_str().expect("a summary").is_empty(), "{name}");
        assert!(!algorithm["properties"].as_array().expect("a list").is_empty(), "{name}");
        let page = place.synod(&format!("explain {name}")).exits(0);
        for heading in ["SOURCE", "MODEL", "PROPERTIES", "COST", "DEPARTURES FROM THE SOURCE"] {
            assert!(page.out.contains(heading), "{name} lacks {heading}");
        }
    }
}

#[test]
fn a_published_number_is_set_beside_ours() {
    synod("reproduce").exits(0).says("F1").says("Demers").says("a moment");
    synod("reproduce I5 b7")
        .exits(0)
        .says("27.14")
        .says("Padhye")
        .says("looked up in the source")
        .says("recalled, not looked up")
        .says("numbers agree");
    synod("reproduce --quick I6 --seed 3").exits(0).says("Monte Carlo, 20000 samples").says("seed       3");
    synod("reproduce F1X").exits(2).complains("no published result is called `F1X`");
    let lines = synod("reproduce I3 --json").exits(0).events();
    let numbers: Vec<_> = lines.iter().filter(|line| line["event"] == "number").collect();
    assert!(numbers.len() > 10 && numbers.iter().all(|n| n["agrees"] == true), "{numbers:?}");
    let whole = lines.iter().find(|line| line["event"] == "reproduction").expect("a whole");
    assert_eq!((&whole["misses"], &whole["numbers"]), (&0.into(), &numbers.len().into()));
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    synod("check paxso").exits(2).complains("error[S0201]").complains("did you mean `paxos`?");
    synod("check quicksort").exits(2).complains("`list` shows all of them");
    synod("explain URB6").exits(2).complains("did you mean `URB");
    synod("check paxos --defect no-nak").exits(2).complains("S0202").complains("no-nack");
    synod("chekc paxos").exits(2).complains("check");
    synod("check").exits(2).complains("no algorithm is named");
    synod("sim paxos --seed tomorrow").exits(2).complains("a seed is a number");
}

#[test]
fn n_and_f_out_of_bounds_are_refused_with_the_bound() {
    synod("check paxos --n 0").exits(2).complains("S0203").complains("between 1 and 64");
    synod("run paxos --n 65").exits(2).complains("S0203");
    synod("sim paxos --n 1048577").exits(2).complains("S0203");
    synod("sim paxos --n 5 --f 3").exits(2).complains("S0102").complains("n > 2f").complains("admits f = 2");
    synod("sim paxos --n 5 --f 6").exits(2).complains("S0203").complains("f = 6");
    synod("check abd --n 2").exits(2).complains("n = 2 is less than 3");
}

#[test]
fn a_world_outside_of_the_model_is_refused_and_shown_when_asked_for() {
    let stuck = "check majority-ack-broadcast --n 2 --f 1";
    synod(stuck).exits(2).complains("S0102").complains("--outside-model");
    let place = Place::new();
    place.synod(&format!("{stuck} --outside-model")).exits(1).says("outside of the model").says("URB1");
    place.synod(&format!("{stuck} --outside-model --expect-violation")).exits(0);
    synod("check eager-reliable-broadcast --restarts 1").exits(2).complains("S0106");
    synod("sim eager-reliable-broadcast --losses 3").exits(2).complains("S0103");
    // what holds there all the same is neither green nor red
    synod("check best-effort-broadcast --f 0 --losses 0 --env /dev/null").exits(0);
    let timing = place.write("weaker.toml", "[timing]\nkind = \"asynchronous\"\n");
    let line = format!("sim single-decree --runs 3 --outside-model --env {}", timing.display());
    place.synod(&line).exits(3).says("S0104");
}

#[test]
fn what_no_ground_plays_is_refused() {
    let place = Place::new();
    let file = place.write("e.toml", "[timing]\nkind = \"synchronous\"\n");
    place.synod(&format!("check abd --env {}", file.display())).exits(2).complains("S0206");
    let lies = "who lies says to anyone, at any time, and nothing else: Send(0), Send(1), Echo(0), Echo(1)";
    synod("check echo-broadcast --defect counts-echoes").exits(1).says("BCB3").says(lies);
    synod("run echo-broadcast --lies 1").exits(2).complains("S0206").complains("no real cluster plays");
    synod("sim echo-broadcast --lies 1 --runs 100").exits(0).says("takeover");
    synod("sim echo-broadcast --defect small-quorum --lies 1").exits(1).says("BCB4").says("lies from now on");
    synod("sim eager-reliable-broadcast --omissions 1 --runs 100")
        .exits(2)
        .complains("S0101")
        .complains("omit");
    synod("check abd --lies 1").exits(2).complains("S0101").complains("lie");
}

#[test]
fn a_wrong_experiment_is_refused_with_its_line_and_a_hint() {
    let place = Place::new();
    let refused = |name: &str, content: &str, line: &str, hint: &str| {
        let file = place.write(name, content);
        let ran = place.synod(&format!("sim --experiment {}", file.display())).exits(2);
        ran.complains("S0204").complains(line).complains(hint);
    };
    refused("a.toml", "algorithm = \"paxos\"\n[sim]\nrusn = 3\n", "line 3", "did you mean `runs`?");
    refused(
        "b.toml",
        "algorithm = \"paxos\"\n\n[sim.environment.links]\ndelay_max = \"-5ms\"\n",
        "line 4",
        "10ms",
    );
    refused("c.toml", "algorithm = \"paxos\"\n[sim.environment.links]\ndelay_max = -5\n", "line 3", "10ms");
    refused("d.toml", "n = 3\n", "algorithm", "begins with");
    refused("e.toml", "algorithm = \n", "line 1", "docs/experiments.md");
    let script = "algorithm = \"paxos\"\n\n[[sim.script]]\nat = \"1s\"\nkind = \"crash\"\n";
    refused(
        "g.toml",
        &format!("{script}process = 1\nrecover_afte = 5"),
        "line 3",
        "did you mean `recover_after`?",
    );
    refused("h.toml", &script.replace("1s", "-1s"), "line 3", "10ms");
    let file = place.write("i.toml", &format!("{script}process = 7"));
    let ran = place.synod(&format!("sim --experiment {}", file.display())).exits(2);
    ran.complains("S0208").complains("process 7 of n = 5").complains("counted from 0");
    for (keys, complaint) in
        [("two_seats = 0", "nobody may lie here"), ("withhold = 1", "messages are withheld from nobody")]
    {
        let file =
            place.write("j.toml", &format!("algorithm = \"eager-reliable-broadcast\"\n[check]\n{keys}\n"));
        place.synod(&format!("check --experiment {}", file.display())).exits(2).complains(complaint);
    }
    place.synod("sim --experiment nowhere.toml").exits(2).complains("S0501");
    let file = place.write("f.toml", "algorithm = \"paxso\"\n");
    place.synod(&format!("sim --experiment {}", file.display())).exits(2).complains("did you mean `paxos`?");
}

/// What another process of the program does is compared with the seed that it was asked for, not with what was found.
#[test]
fn a_search_by_coverage_refutes_a_twin_and_says_how_to_find_it_again() {
    let place = Place::new();
    let found = place.synod("sim abd --defect waits-for-all --search coverage --runs 300").exits(1);
    found.says("NNAR1 termination violated").says("searched by coverage");
    let sound = place.synod("sim abd --search coverage --runs 20 --json").exits(0);
    assert!(!sound.out.contains("violation_rate_max"), "what a search draws is no sample: {}", sound.out);
    let one = place.synod("sim abd --seed 3 --json"); // whether a fault took effect is the seed's
    assert!(!one.out.contains("violation_rate_max"), "one run is no sample: {}", one.out);
}

#[test]
fn the_shipped_experiments_are_good() {
    let place = Place::new();
    for name in ["paxos", "abd", "link-ladder", "crash-loop"] {
        let file = format!("{EXPERIMENTS}/{name}.toml");
        place.synod(&format!("sim --experiment {file} --runs 20")).exits(0).says("holds");
    }
    let ladder = format!("check --experiment {EXPERIMENTS}/link-ladder.toml");
    place.synod(&ladder).exits(0).says("complete").says("at most 2 losses");
    let abd = format!("check --experiment {EXPERIMENTS}/abd.toml --states-max 2000");
    place.synod(&abd).exits(3).says("not complete");
}

#[test]
fn a_script_strikes_each_run_as_written() {
    let place = Place::new();
    let scripted = |faults: &str| {
        let file = place.write("script.toml", &format!("algorithm = \"eager-reliable-broadcast\"\n{faults}"));
        place.synod(&format!("sim --experiment {} --runs 10 --trace t.jsonl --json", file.display()))
    };
    let crash = "[[sim.script]]\nat = \"3ms\"\nkind = \"crash\"\nprocess = 2\n";
    let events = scripted(crash).exits(0).events();
    let ground = events.iter().find(|e| e["event"] == "ground").expect("a ground");
    assert_eq!(ground["numbers"]["faults"]["crash for ever"], 10, "one a run");
    let trace = fs::read_to_string(place.path().join("t.jsonl")).expect("the trace");
    let crashes: Vec<_> = trace.lines().filter(|line| line.contains("{\"crash\":")).collect();
    assert_eq!(crashes.len(), 1, "{crashes:?}");
    assert!(crashes[0].contains("\"at\":3000000"), "{}", crashes[0]);
    scripted("sim.script = []\n").exits(3); // no fault, though there are budgets
}

#[test]
fn a_check_says_what_it_covers() {
    synod("check majority-ack-broadcast")
        .exits(0)
        .says("n = 3, 1 request, at most 1 stop: complete, 735 states")
        .says("not explored: other sizes than n = 3");
    let engines = ["reference", "tabulating"].map(|engine| {
        // depth-first, what happens for ever is not judged
        let deep = synod(&format!("check eager-reliable-broadcast --engine {engine} --order depth-first"));
        deep.exits(3)
            .says("complete, 1,746 states; states known by 64-bit fingerprints")
            .says("holds     RB2");
        synod(&format!("check eager-reliable-broadcast --engine {engine}")).exits(0).says("1,746 states")
    });
    assert!(engines[0].out.contains("reference engine"));
}

#[test]
fn what_is_guided_refutes_a_twin_before_it_has_seen_much() {
    let twin = "check abd --defect no-write-back --states-max 50000";
    synod(twin).exits(3).says("not complete: the limit of 50000 states");
    let guided = format!("{twin} --order guided --by distance");
    synod(&guided).exits(1).says("violated").says("a shorter run may break it too");
}

#[test]
fn what_was_not_exhausted_or_shows_nothing_is_inconclusive() {
    synod("check eager-reliable-broadcast --states-max 100").exits(3).says("inconclusive");
    synod("check eager-reliable-broadcast --depth-max 3").exits(3).says("inconclusive");
    synod("check eager-reliable-broadcast --requests 0").exits(3).says("goal");
    synod("check eager-reliable-broadcast --expect-violation").exits(3).says("though one was expected");
}

#[test]
fn runs_that_no_fault_struck_show_nothing() {
    let place = Place::new();
    let codes: Vec<_> = (0..40).map(|seed| place.synod(&format!("sim abd --seed {seed}"))).collect();
    let quiet =
        codes.iter().find(|ran| ran.out.contains("no fault took effect")).expect("a run without faults");
    assert_eq!(quiet.code, 3);
    assert!(codes.iter().any(|ran| ran.code == 0), "a run with faults");
}

/// The command that adds a test to a file does.
fn emits_a_test(place: &Place, command: &str) {
    fs::create_dir_all(place.path().join("tests")).expect("a directory");
    let tests = place.path().join("tests/regressions.rs");
    let before = fs::read_to_string(&tests).unwrap_or_default();
    place.shell(command).exits(0);
    let after = fs::read_to_string(&tests).expect("the tests");
    let added = after.strip_prefix(&before).expect("it is appended");
    assert!(added.contains("#[test]\nfn ") && added.contains("\"--lenient\""), "{added}");
}

#[test]
fn a_refuted_check_prints_commands_that_work() {
    let place = Place::new();
    for line in [
        "check eager-reliable-broadcast --defect no-relay",
        "check eliminate-duplicates --defect no-filter",
        "check retransmit-forever --defect stops-after-1 --losses 2",
    ] {
        let ran = place.synod(line).exits(1).says("violated");
        let commands = printed_commands(&ran.out);
        let labels: Vec<_> = commands.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["replay", "test"], "{line}");
        place.shell(commands[0].1).exits(1).says("as recorded");
        emits_a_test(&place, commands[1].1);
        place.synod(&format!("{line} --expect-violation")).exits(0);
    }
}

#[test]
fn a_refuted_simulation_prints_commands_that_work() {
    let place = Place::new();
    for line in [
        "sim fifo-link --defect no-hold-back --losses 5",
        "sim eliminate-duplicates --defect no-filter --n 3",
        "sim paxos --defect ignores-accepted",
        "sim paxos --defect no-nack --horizon 40s",
    ] {
        let ran = place.synod(line).exits(1).says("violated");
        let commands = printed_commands(&ran.out);
        assert_eq!(
            commands.iter().map(|(label, _)| *label).collect::<Vec<_>>(),
            ["replay", "seed", "test"],
            "{line}"
        );
        emits_a_test(&place, commands[2].1);
        let (replay, seed) = (commands[0].1, commands[1].1);
        place.shell(replay).exits(1).says("as recorded");
        let again = place.shell(seed).exits(1);
        assert_eq!(printed_commands(&again.out)[0].1, replay, "the seed makes the same trace: {line}");
    }
    place.emitted_tests_pass();
}

#[test]
fn what_a_simulation_finds_is_made_small() {
    const TWIN: &str = "sim ben-or --defect decides-on-one --seed 5";
    let place = Place::new();
    let small = place.synod(TWIN).exits(1);
    let small = small.says("  shrunk ").says("; removing any one event makes it pass").says("processes");
    let small = small.says("● necessary: ").says("no mark: not tried (3)").says("  message delays: ");
    let whole = place.synod(&format!("{TWIN} --no-shrink --no-corpus")).exits(1);
    assert!(!whole.out.contains("shrunk"), "{}", whole.out);
    let [small, file] = [&small.out, &whole.out]
        .map(|out| printed_commands(out)[0].1.split_once("replay ").expect("a file").1.to_owned());
    assert_ne!(small, file);
    // by hand, and no further than a run from which nothing can go
    let ran = place.synod(&format!("shrink {file}")).exits(1).says("shrunk").says("removing any one event");
    let ran = ran.says("  needs:   ").says("  spares:  ");
    let least = ran.out.lines().find_map(|line| line.strip_prefix("  least:   ")).expect("a command");
    place.shell(least).exits(1).says("UC4");
    let steps = place.synod(&format!("replay {small} --json")).exits(1).events();
    let starts = |step: &&Value| step["what"] == "starts";
    let steps = steps.iter().filter(|event| event["event"] == "step" && !starts(event));
    assert!(steps.clone().count() > 3 && steps.clone().all(|step| step["necessary"] == true));
    let again = place.synod(&format!("shrink {small} --to again.jsonl --json")).exits(1);
    let failure = again.events().into_iter().find(|e| e["event"] == "failure").expect("a failure");
    assert_eq!(
        (&failure["shrunk"]["minimal"], failure["property"].as_str()),
        (&Value::from(true), Some("UC4"))
    );
    assert_eq!(failure["shrunk"]["events"][0], failure["shrunk"]["events"][1]);
    let [before, after] = [place.path().join(small), place.path().join("again.jsonl")];
    assert_eq!(fs::read(before).expect("a trace"), fs::read(after).expect("a trace"));
    place.synod(&format!("shrink {file} --attempts 3")).exits(1).says("given up after 3 attempts");
    let (good, _) = trace(&place);
    place.synod(&format!("shrink {}", good.display())).exits(2).complains("breaks nothing");
    place.synod(&format!("replay --emit-test {}", good.display())).exits(2).complains("breaks nothing");
}

#[test]
fn seeds_that_failed_are_tried_first() {
    let place = Place::new();
    let line = "sim paxos --runs 20 --json";
    let numbers = |ran: Ran| -> Value {
        let events = ran.events();
        events.iter().find(|e| e["event"] == "ground").expect("a ground")["numbers"].clone()
    };
    let clean = numbers(place.synod(line).exits(0));
    place.synod("sim paxos --runs 20 --defect no-nack --no-corpus").exits(1);
    assert!(!place.path().join(".synod/corpus").exists());
    place.synod("sim paxos --runs 20 --defect no-nack").exits(1);
    place.synod("sim paxos --runs 20 --defect no-nack").exits(1).says("1 seed of the corpus first: one");
    let mut later = numbers(place.synod(line).exits(0));
    assert_eq!(later["corpus"], 1);
    later.as_object_mut().expect("an object").remove("corpus");
    assert_eq!(clean, later);
    assert_eq!(clean, numbers(place.synod(&format!("{line} --no-corpus")).exits(0)));
}

#[test]
fn what_no_run_comes_to_is_told_and_what_holds_of_nothing_does_not_hold() {
    let place = Place::new();
    let empty = "check best-effort-broadcast --n 2 --requests 0";
    place
        .synod(empty)
        .exits(3)
        .says("BEB2 no duplication: vacuous")
        .says("not covered: request `Broadcast` never handled; message `Datum` never sent");
    let events = place.synod(&format!("{empty} --json")).exits(3).events();
    let ground = events.iter().find(|e| e["event"] == "ground").expect("a ground");
    assert_eq!(ground["unreached"][0], "request `Broadcast` never handled");
    let events = place.synod("check best-effort-broadcast --n 2 --json").exits(0).events();
    let ground = events.iter().find(|e| e["event"] == "ground").expect("a ground");
    assert_eq!(ground["unreached"], serde_json::json!([]));
}

/// Those of an embedded module, too; an exploration tells what it never came to, a simulation so far.
#[test]
fn marked_branches_that_no_run_takes_are_told() {
    let place = Place::new();
    let ground = |line: &str| {
        let events = place.synod(line).events();
        events.into_iter().find(|e| e["event"] == "ground").expect("a ground")
    };
    let alone = ground("check echo-broadcast --n 1 --json");
    let never =
        ["another send", "late echo"].map(|name| format!("branch `EchoBroadcast: {name}` never taken"));
    assert_eq!(alone["unreached"], serde_json::json!(never), "who is alone hears nothing twice");
    let all = ground("check majority-ack-broadcast --json");
    assert_eq!(all["unreached"], serde_json::json!([]), "among three all of them are");
    let module = "branch `SingleDecree: stale ballot` never taken";
    let has = |ground: &serde_json::Value| ground["unreached"].as_array().unwrap().contains(&module.into());
    assert!(has(&ground("check paxos --n 1 --restarts 0 --json")), "it has nobody to promise anything to");
    let sampled = ground("sim paxos --n 1 --runs 5 --json");
    assert!(
        has(&sampled)
            && sampled["numbers"]["branches"].as_u64() > sampled["numbers"]["branches_taken"].as_u64()
    );
    place.synod("sim echo-broadcast --n 1 --runs 5").says("not covered so far: branch `EchoBroadcast");
}

/// Beyond the bound: one of three is faulty. Its two copies tell two stories, and need no domain of lies for it.
#[test]
fn a_faulty_process_is_played_by_two_honest_copies() {
    let place = Place::new();
    let line = "check echo-broadcast --n 3 --two-seats 0 --outside-model --safety";
    let refuted = place.synod(line).exits(1).says("p0 in two seats").says("BCB4 consistency violated");
    let refuted = refuted.says("asked [Broadcast(0)] and [Broadcast(1)]");
    for (_, command) in printed_commands(&refuted.out).into_iter().filter(|(label, _)| *label != "test") {
        place.shell(command).exits(1).says("BCB4");
    }
    place.synod("check abd --two-seats 0").exits(2).complains("nobody may lie here");
    place.synod("check echo-broadcast --two-seats 9").exits(2).complains("there is no p9");
    place.synod("check echo-broadcast --two-seats 0 --lies 1").exits(2).complains("beside --lies");
    place.synod("check flood-set --two-seats 0").exits(2).complains("--two-seats has no effect");
}

/// No crash, no loss, no duplicate, and links that keep the order: a twin that delivers what arrives is as good as the whole.
#[test]
fn links_in_order_are_checked_simulated_and_replayed() {
    let place = Place::new();
    let twin = "check fifo-link --defect no-hold-back --f 0 --losses 0 --duplications 0 --safety";
    place.synod(&format!("{twin} --expect-violation")).exits(0).says("FPL4");
    // pulses without end put copies without end into a queue: only so far
    let ordered = place.synod_with(&format!("{twin} --states-max 20000 --links"), "fifo fair-loss");
    let ordered = ordered.says("FPL4").says("fifo fair-loss links");
    assert!(!ordered.out.contains("violated"), "{}", ordered.out);
    place
        .synod_with("check best-effort-broadcast --n 2 --links", "fifo perfect")
        .exits(0)
        .says("fifo perfect links");
    place
        .synod_with("sim eager-reliable-broadcast --seed 7 --trace t.jsonl --links", "fifo perfect")
        .exits(0)
        .says("fifo perfect links");
    place.synod("replay t.jsonl").exits(0).says("fifo perfect links");
    // the same, as a file says it
    place.write("ordered.toml", "[links]\nkind = \"fifo perfect\"\n");
    place.synod("check best-effort-broadcast --n 2 --env ordered.toml").exits(0).says("fifo perfect links");
    place
        .synod("run best-effort-broadcast --env ordered.toml")
        .exits(2)
        .complains("S0206")
        .complains("a real cluster provides no fifo perfect links");
    place.synod_with("check best-effort-broadcast --links", "fifo stubborn").exits(2).complains("S0206");
    place.synod_with("check best-effort-broadcast --links", "pigeon").exits(2).complains("links are one of");
    place
        .synod_with("check two-phase-commit --links", "fifo perfect")
        .exits(2)
        .complains("--links has no effect");
}

#[test]
fn a_reduction_by_partial_order_is_asked_for_where_there_is_one_and_refused_elsewhere() {
    let place = Place::new();
    let states = |ran: &Ran| {
        let events = ran.events();
        let ground = events.iter().find(|e| e["event"] == "ground").expect("a ground");
        assert_eq!(ground["numbers"]["complete"], true);
        ground["numbers"]["states"].as_u64().expect("a number")
    };
    let world = "check best-effort-broadcast --n 3 --f 0 --safety";
    let whole = place.synod_with(&format!("{world} --json --links"), "fifo perfect").exits(0);
    let reduced =
        place.synod_with(&format!("{world} --partial-order --json --links"), "fifo perfect").exits(0);
    assert!(states(&reduced) <= states(&whole));
    place
        .synod_with(&format!("{world} --partial-order --links"), "fifo perfect")
        .exits(0)
        .says("reduced by partial order");
    for more in ["--f 0", "--f 1"] {
        let world = format!("check best-effort-broadcast --n 3 --safety --json {more}");
        let (whole, reduced) = (place.synod(&world), place.synod(&format!("{world} --partial-order")));
        assert!(states(&reduced.exits(0)) < states(&whole.exits(0)), "{more}");
    }
    place
        .synod_with(&format!("{world} --partial-order --engine reference --links"), "fifo perfect")
        .exits(2)
        .complains("the reference engine");
    place.synod("check two-phase-commit --partial-order").exits(2).complains("--partial-order has no effect");
}

/// A trace to damage.
fn trace(place: &Place) -> (PathBuf, String) {
    place.synod("sim eager-reliable-broadcast --seed 7 --trace t.jsonl --full");
    let path = place.path().join("t.jsonl");
    let content = fs::read_to_string(&path).expect("the trace");
    (path, content)
}

#[test]
fn a_trace_replays_and_the_story_is_told() {
    let place = Place::new();
    let (path, content) = trace(&place);
    let ran = place.synod(&format!("replay {}", path.display())).exits(0).says("each line the same");
    let steps = content.lines().count() - 2;
    assert!(ran.out.lines().count() >= steps, "a line a step");
    let events = place.synod(&format!("replay {} --json", path.display())).exits(0).events();
    assert_eq!(events.iter().filter(|e| e["event"] == "step").count(), steps);
}

#[test]
fn a_bad_trace_is_refused_with_the_reason() {
    let place = Place::new();
    let (_, content) = trace(&place);
    let refused = |content: &str, what: &str| {
        let path = place.write("bad.jsonl", content);
        place.synod(&format!("replay {}", path.display())).exits(2).complains("S0301").complains(what);
    };
    refused(&content[..content.len() / 2], "truncated");
    refused(content.trim_end().rsplit_once('\n').expect("lines").0, "truncated");
    refused("", "not a trace");
    refused("{\"hello\": 1}\n", "not a trace");
    refused(&content.replacen("\"version\":1", "\"version\":99", 1), "version 99");
    refused(&content.replacen("\"step\":5,", "\"step\":5,\"unknown\":1,", 1), "line 7 is damaged");
    place.synod("replay nowhere.jsonl").exits(2).complains("S0501");
    fs::write(place.path().join("binary.jsonl"), [0xff, 0xfe, 0]).expect("a file");
    place.synod("replay binary.jsonl").exits(2).complains("not a trace");
}

#[test]
fn a_trace_is_compressed_where_its_name_says_so_and_full_where_it_is_asked_for() {
    let place = Place::new();
    let (full, content) = trace(&place);
    let run = "sim eager-reliable-broadcast --seed 7 --trace";
    for (name, form) in [("t.jsonl.zst", "--full"), ("s.jsonl", ""), ("s.jsonl.zst", "")] {
        place.synod(&format!("{run} {name} {form}")).exits(0);
        let replayed = place.synod(&format!("replay {name}")).exits(0).out;
        assert_eq!(replayed, place.synod(&format!("replay {}", full.display())).exits(0).out, "{name}");
        place.synod(&format!("trace validate {name}")).exits(0).says("as it was written");
    }
    let size = |name: &str| fs::metadata(place.path().join(name)).expect("it is there").len() as usize;
    assert!(size("t.jsonl.zst") < content.len() / 2 && size("s.jsonl") < content.len());
    let whole = fs::read(place.path().join("t.jsonl.zst")).expect("it is there");
    for (name, bytes) in
        [("cut.jsonl.zst", &whole[..whole.len() / 2]), ("plain.jsonl.zst", content.as_bytes())]
    {
        fs::write(place.path().join(name), bytes).expect("a file");
        for command in ["replay", "trace validate", "trace stats"] {
            let refused = place.synod(&format!("{command} {name}")).exits(2);
            refused.complains("S0301").complains("cannot be read").complains("hint:");
        }
    }
    place.synod("sim eager-reliable-broadcast --full").exits(2).complains("--trace");
}

#[test]
fn a_terse_trace_is_expanded_and_a_full_one_condensed_without_loss() {
    let place = Place::new();
    let (_, full) = trace(&place);
    place.synod("sim eager-reliable-broadcast --seed 7 --trace s.jsonl").exits(0);
    let read = |name: &str| fs::read_to_string(place.path().join(name)).expect("a trace");
    let terse = read("s.jsonl");
    assert!(terse.len() * 2 < full.len());
    place.synod("trace expand s.jsonl a.jsonl").exits(0).says("full, in a.jsonl");
    place.synod("trace condense t.jsonl b.jsonl.zst").exits(0).says("terse, in b.jsonl.zst");
    place.synod("trace condense a.jsonl b.jsonl").exits(0);
    assert_eq!((read("a.jsonl"), read("b.jsonl")), (full.clone(), terse));
    place.synod("trace stats b.jsonl.zst").exits(0).says("?");
    place.write("damaged.jsonl", &full.replacen("\"enabled\":", "\"enabled\":1", 1));
    place.synod("trace condense damaged.jsonl c.jsonl").exits(2).complains("damaged");
    assert!(!place.path().join("c.jsonl").exists(), "nothing is left behind");
    place.synod("trace expand nowhere.jsonl c.jsonl").exits(2).complains("S0501");
}

#[test]
fn a_trace_is_validated_and_counted_without_its_algorithm() {
    let place = Place::new();
    let (path, content) = trace(&place);
    let steps = content.lines().count() - 2;
    let foreign = content.replacen("\"eager-reliable-broadcast\"", "\"another\"", 1);
    let lines: Vec<_> = foreign.lines().collect();
    place.write("foreign.jsonl", &signed(&lines));
    place.synod("replay foreign.jsonl").exits(2).complains("S0201");
    place.synod("trace validate foreign.jsonl").exits(0).says("a trace of another, as it was written");
    place.write("changed.jsonl", &foreign);
    place.synod("trace validate changed.jsonl").exits(2).complains("S0301");
    let events = place.synod(&format!("trace stats {} --json", path.display())).exits(0).events();
    let stats = events.iter().find(|e| e["event"] == "trace").expect("an event");
    assert_eq!(stats["steps"], steps);
    let counted: u64 = stats["events"].as_object().expect("kinds").values().filter_map(Value::as_u64).sum();
    assert_eq!(counted as usize, steps);
    let delivered = content.lines().filter(|line| line.contains("\"do\":{\"deliver\"")).count();
    assert_eq!(stats["events"]["deliver"], delivered);
    place.synod(&format!("trace stats {}", path.display())).exits(0).says("deliver").says("p0");
}

/// The trace under a digest that fits it: as if another build had written it so.
fn signed(lines: &[&str]) -> String {
    let (last, steps) = lines.split_last().expect("an end line");
    let steps = steps.iter().fold(String::new(), |all, line| all + line + "\n");
    let end: Value = serde_json::from_str(last).expect("an end line");
    let end = end["end"].to_string();
    let digest = synod_kernel::trace::name(&format!("{steps}{end}"));
    format!("{steps}{{\"end\":{end},\"digest\":\"{digest}\"}}\n")
}

#[test]
fn a_trace_that_says_other_than_what_happens_is_nondeterminism() {
    let place = Place::new();
    let (_, content) = trace(&place);
    let mut lines: Vec<_> = content.lines().collect();
    assert_eq!(signed(&lines), content);
    let (at, line) =
        lines.iter().enumerate().find(|(_, line)| line.contains("\"deliver\"")).expect("a delivery");
    let enabled = line.split("\"enabled\":").nth(1).expect("a count").split([',', '}']).next();
    let enabled = format!("\"enabled\":{}", enabled.expect("digits"));
    let changed = line.replace(&enabled, "\"enabled\":999");
    lines[at] = &changed;
    let path = place.write("changed.jsonl", &signed(&lines));
    place.synod(&format!("replay {}", path.display())).exits(4).complains("S0302").complains("differs");
}

#[test]
fn a_counterexample_that_cannot_be_written_leaves_the_verdict() {
    let place = Place::new();
    place.write(".synod", "in the way");
    let ran = place.synod("check eager-reliable-broadcast --defect no-relay").exits(1);
    ran.says("violated").complains("S0502").complains("hint:");
}

#[test]
fn json_is_one_object_a_line_and_ends_with_a_summary() {
    let ran = synod("sim abd --runs 30 --json").exits(0);
    let events = ran.events();
    assert!(ran.err.is_empty(), "{}", ran.err);
    let verdicts: Vec<_> = events.iter().filter(|e| e["event"] == "verdict").collect();
    assert_eq!(verdicts.len(), 3);
    assert!(verdicts.iter().all(|v| v["verdict"] == "holds" && v["ground"] == "sim"));
    let ground = events.iter().find(|e| e["event"] == "ground").expect("a ground");
    assert_eq!(ground["numbers"]["runs"], 30);
    let last = events.last().expect("a summary");
    assert_eq!((&last["event"], &last["exit"]), (&Value::from("summary"), &Value::from(0)));
    let refused = synod("check paxso --json").exits(2);
    let events = refused.events();
    assert_eq!((&events[0]["event"], &events[0]["code"]), (&Value::from("error"), &Value::from("S0201")));
    assert_eq!(events[1]["exit"], 2);
}

#[test]
fn a_failure_in_json_carries_its_commands() {
    let place = Place::new();
    let ran = place.synod("check eager-reliable-broadcast --defect no-relay --json").exits(1);
    let events = ran.events();
    let failure = events.iter().find(|e| e["event"] == "failure").expect("a failure");
    assert_eq!(failure["property"], "RB4");
    place.shell(failure["commands"]["replay"].as_str().expect("a command")).exits(1);
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    assert!(!synod("check majority-ack-broadcast").out.contains('\u{1b}'));
    assert!(synod("check majority-ack-broadcast --color always").out.contains('\u{1b}'));
    let quiet = synod("check majority-ack-broadcast --quiet").exits(0);
    assert_eq!(quiet.out.lines().count(), 1, "{}", quiet.out);
}

#[test]
fn a_cluster_of_processes_is_killed_cut_and_judged() {
    let place = Place::new();
    let ran = place.synod("run paxos --n 3 --requests 12").exits(0);
    ran.says("UC4").says("3 OS processes on loopback").says("byte for byte").says("kill -9");
    let left: Vec<_> = fs::read_dir(place.path().join(".synod/runs")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "a good run leaves its trace alone: {left:?}");
    let file = left[0].as_ref().expect("a file");
    let content = fs::read_to_string(file.path()).expect("a trace");
    let name = format!("paxos-{}.jsonl", synod_kernel::trace::name(&content));
    assert_eq!(file.file_name().to_str(), Some(name.as_str()), "no later run takes its place");
    place.synod("run eager-reliable-broadcast --n 3 --requests 30 --directory kept").exits(0).says("RB4");
    assert!(place.path().join("kept/records").exists(), "what is asked for is kept");
    place.synod("run eager-reliable-broadcast --n 3 --directory kept").exits(5).complains("not empty");
}

#[test]
fn a_port_in_use_is_the_machines_fault() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let line = format!("run eager-reliable-broadcast --n 1 --f 0 --partitions 0 --port {port}");
    synod(&line).exits(5).complains("S0503").complains(&port.to_string());
}

/// What a command comes to when Ctrl-C is pressed as soon as it listens.
#[cfg(target_os = "linux")]
fn interrupted(arguments: &str) -> Ran {
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.args(arguments.split(' ')).current_dir(place.path());
    command.stdout(std::process::Stdio::piped());
    let child = command.spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    // it listens once SIGINT, the second signal, is among those that it catches
    let listens = || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
        u64::from_str_radix(caught, 16).is_ok_and(|mask| mask & 0b10 != 0)
    };
    while !listens() {
        std::thread::yield_now();
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("a signal");
    assert!(signal.success());
    let ran = Ran::from(child.wait_with_output().expect("it ends")).exits(130);
    let ground = ran.events().into_iter().find(|e| e["event"] == "ground").expect("a report");
    assert_eq!(ground["result"], "interrupted", "{}", ran.out);
    ran
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_campaign_reports_what_it_found() {
    interrupted("sim abd --runs 100000000 --json");
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_cluster_stops_and_reports_what_it_found() {
    let ran = interrupted("run eager-reliable-broadcast --n 3 --requests 100000 --json");
    let ground = ran.events().into_iter().find(|e| e["event"] == "ground").expect("a report");
    assert!(ground["numbers"]["rounds"].as_u64().expect("a number") < 10_000, "{ground}");
    assert!(!ran.out.contains("time ran out"), "{}", ran.out);
}

/// What there is in a directory: names and contents.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let files = fs::read_dir(directory).expect("a directory").map(|file| file.expect("a file").path());
    let mut all: Vec<_> = files.map(|path| (name(&path), fs::read(&path).expect("it is read"))).collect();
    all.sort();
    all
}

#[test]
fn shards_are_merged_to_what_one_process_makes_and_what_is_missing_is_made_by_the_command_that_is_printed() {
    let place = Place::new();
    let run = "campaign run abd --defect waits-for-all --seeds 0..60";
    place.synod(&format!("{run} --out one --threads 2")).exits(1).says("NNAR1").says("first by seed");
    for shard in [2, 0] {
        let code = place.synod(&format!("{run} --shard {shard}/3 --out shards --threads 1")).code;
        assert!(code == 0 || code == 1, "{code}");
    }
    let lacking = place.synod("campaign merge shards --out merged").exits(1).says("missing: seeds 20..40");
    place.synod("campaign status shards").exits(1).says("make them:");
    let make =
        lacking.out.lines().find_map(|line| line.trim().strip_prefix("make them:")).expect("a command");
    place.shell(make.trim());
    place.synod("campaign merge shards merged shards --out whole").exits(1);
    assert_eq!(contents(&place.path().join("whole")), contents(&place.path().join("one")));
    // once more, and where there is nothing to find
    place.synod(&format!("{run} --out one --expect-violation")).exits(0);
    place.synod("campaign run abd --seeds 0..20 --out sound").exits(0).says("20 hold");
    let replay = lacking.out.lines().find_map(|line| line.trim().strip_prefix("replay:")).expect("a command");
    place.shell(replay.trim()).exits(1);

    place.synod("campaign merge one sound --out both").exits(2).complains("different algorithms");
    place.synod(&format!("{run} --n 5 --out one")).exits(2).complains("different settings");
    place.synod("campaign status nothing").exits(2);
    fs::create_dir(place.path().join("empty")).expect("a directory");
    place.synod("campaign status empty").exits(2).complains("no results");
}

#[test]
fn a_simulation_writes_a_line_a_run_and_goes_on_where_its_file_ends() {
    let place = Place::new();
    let lines = || fs::read_to_string(place.path().join("out/runs.jsonl")).expect("it is written");
    place.synod("sim abd --runs 12 --out out").exits(0).says("12 runs");
    let first = lines();
    assert_eq!(first.lines().count(), 13);
    fs::write(place.path().join("out/runs.jsonl"), &first[..first.len() - 9]).expect("it is torn");
    place.synod("sim abd --runs 20 --out out").exits(0).says("20 runs");
    assert!(lines().starts_with(&first) && lines().lines().count() == 21);
    place.synod("sim abd --n 5 --runs 20 --out out").exits(2).complains("different settings");
    place.synod("sim abd --runs 20 --out x.csv").exits(2).complains(".jsonl");
    place.synod("sim abd --runs 3 --out /proc/nowhere").exits(5);
    place.synod("sim abd --for 1ms").says("depends on the machine");
}
