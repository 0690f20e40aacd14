//! What is checked by its constants alone, from outside: the gallery, games, algorithms in rounds; and how states are known.

mod support;

use serde_json::Value;
use std::process::Command;
use support::Ran;
use tempfile::TempDir;

fn run(program: &str, arguments: &[&str], place: &TempDir) -> Ran {
    Command::new(program).args(arguments).current_dir(place.path()).output().expect("it starts").into()
}

/// The objects of one kind that it printed.
fn events(ran: &Ran, kind: &str) -> Vec<Value> {
    ran.events().into_iter().filter(|event| event["event"] == kind).collect()
}

fn place() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn synod_in(place: &TempDir, arguments: &str) -> Ran {
    run(env!("CARGO_BIN_EXE_synod"), &arguments.split_whitespace().collect::<Vec<_>>(), place)
}

fn synod(arguments: &str) -> Ran {
    synod_in(&place(), arguments)
}

#[test]
fn the_list_has_the_gallery_the_games_and_the_rounds() {
    let listed = synod("list").exits(0);
    let listed = listed.says("published systems").says("two-phase-commit").says("gallery/paxos");
    listed.says("shared-coin").says("lock-step rounds").says("flood-set").says("phase-king").says("ben-or");
    let listed = synod("list --json").exits(0);
    let (systems, games) = (events(&listed, "system"), events(&listed, "game"));
    assert_eq!((systems.len(), games.len()), (25, 3));
    for event in systems.iter().chain(&games) {
        let name = &event["name"];
        for list in ["properties", "constants", "known"] {
            assert!(!event[list].as_array().expect("a list").is_empty(), "{name} has no {list}");
        }
        assert!(!event["summary"].as_str().expect("text").is_empty(), "{name}");
    }
}

#[test]
fn every_page_has_its_constants_and_what_is_published() {
    let place = place();
    let listed = synod_in(&place, "list --json");
    for event in [events(&listed, "system"), events(&listed, "game")].concat() {
        let name = event["name"].as_str().expect("a name");
        let page = synod_in(&place, &format!("explain {name}")).exits(0);
        page.says("SOURCE").says("--set ").says("PUBLISHED").says(&format!("check {name}"));
    }
    synod("explain two-phase-commit")
        .exits(0)
        .says("--set n = 3")
        .says("1 to 15")
        .says("n=7: 1 initial state, 296,448 states, 23 levels")
        .says("broken=1: TC1 is refuted");
    synod("explain paxos").exits(0).says("explain gallery/paxos");
    synod("explain TC1").exits(0).says("consistency").says("two-phase-commit");
    synod("explain flood-set").exits(0).says("SOURCE").says("rounds = f + 1").says("--defect no-flooding");
    synod("explain S0209").exits(0).says("constant");
}

#[test]
fn other_orders_are_named_with_the_verdict_and_find_the_published_size() {
    let orders = ["depth-first", "guided", "guided --by distance", "swarm --searches 2"];
    for order in orders {
        let ran = synod(&format!("check two-phase-commit --set n=4 --order {order}")).exits(0);
        ran.says("published: 1,568 states: equal")
            .says("n=4 broken=0: complete, 1,568 states")
            .says("order: ");
    }
    let share = "check two-phase-commit --set n=6 --order swarm --searches 5 --states-each 900 --seed 7";
    let ran = synod(share).exits(3).says("a swarm of 5 searches, each of about 900 states at most (seed 7)");
    ran.says("is counted for each of them").says("not complete");
    let states = |ran: &Ran| events(ran, "ground")[0]["numbers"].clone();
    let alone = synod(&format!("{share} --json")).exits(3);
    assert_eq!(states(&alone), states(&synod(&format!("{share} --json --threads 3"))));
}

#[test]
fn a_counterexample_of_another_order_is_shortened_and_its_command_finds_it_again() {
    let refuted = "check two-phase-commit --set broken=1";
    let steps = |ran: &Ran| events(ran, "failure")[0]["step"].clone();
    let shortest = steps(&synod(&format!("{refuted} --json")).exits(1));
    for order in ["swarm --searches 3 --states-each 500 --seed 5", "guided --by coverage", "depth-first"] {
        let ran = synod(&format!("{refuted} --json --order {order}")).exits(1);
        assert_eq!(steps(&ran), shortest, "{order}");
        let again = events(&ran, "failure")[0]["commands"]["again"].to_string();
        let (name, rest) = order.split_once(' ').unwrap_or((order, ""));
        assert!(again.contains(&format!("--order {name}")) && again.contains(rest), "{again}");
    }
    synod(&format!("{refuted} --order guided")).exits(1).says("no run is shorter that breaks anything");
}

#[test]
fn what_is_said_of_an_order_that_is_not_taken_is_refused() {
    for (line, what, hint) in [
        ("--by distance", "--by has no effect", "--order guided"),
        ("--order walks --searches 3", "--searches has no effect", "--order swarm"),
        ("--order guided --seed 3", "--seed has no effect", "--order walks or --order swarm"),
        ("--order swarm --walks 3", "--walks has no effect", "--order walks"),
        ("--states-each 3", "--states-each has no effect", "--order swarm"),
        ("--order swarm --searches 0", "0 is not in 1..", "--help"),
        ("--order guided --by luck", "luck", "coverage"),
        ("--order swarm --save note", "--save", "--order"),
        ("--order guided --spill .", "--spill", "--order"),
    ] {
        synod(&format!("check two-phase-commit {line}")).exits(2).complains(what).complains(hint);
    }
    let place = place();
    let file = place.path().join("none.toml");
    let text = "algorithm = \"two-phase-commit\"\n[check]\norder = \"swarm\"\nstates_each = 0\n";
    std::fs::write(&file, text).expect("a file");
    synod_in(&place, "check --experiment none.toml").exits(2).complains("states_each = 0 is out of bounds");
}

#[test]
fn a_system_is_checked_and_its_size_is_the_published_one() {
    let first = synod("check two-phase-commit --set n=6 --threads 2").exits(0);
    let first = first
        .says("holds     TC1")
        .says("published: 50,816 states: equal")
        .says("published: 20 levels: equal");
    first.says("by 64-bit fingerprints: an omission has probability at most 7.0e-11").says("bytes a state");
    synod("check two-phase-commit --n 6").exits(0).says("50,816");
    synod("check gallery/paxos").exits(0).says("published: 3,921 states: equal");
    let events = events(&synod("check two-phase-commit --set n=4 --json").exits(0), "answer");
    let states = events.iter().find(|e| e["name"] == "distinct states").expect("the states");
    assert_eq!((&states["value"], &states["equal"]), (&Value::from(1568), &Value::from(true)));
}

#[test]
fn a_refuted_system_tells_its_run_and_how_to_find_it_again() {
    let place = place();
    for (line, property, tells) in [
        ("check two-phase-commit --set broken=1", "TC1", "     Commit"),
        ("check flood-set --n 3 --f 1 --set rounds=1", "UC4", "round 1: p0 crashes; p0>p1 {0} is lost"),
        ("check phase-king --n 4 --f 1", "violated", "round 2: p0 tells p1 1"),
        ("check herman --set broken=1", "stable", "from here on it stays among these"),
    ] {
        let ran = synod_in(&place, line).exits(1).says(property).says(tells);
        let again = ran.out.lines().find_map(|l| l.trim().strip_prefix("again:")).expect("a command").trim();
        let same = run("sh", &["-c", again], &place).exits(1);
        let story = |ran: &Ran| {
            ran.out.lines().filter(|l| !l.contains("scope")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(story(&same), story(&ran), "{line}");
        synod_in(&place, &format!("{line} --expect-violation")).exits(0);
        let events = events(&synod_in(&place, &format!("{line} --json")).exits(1), "failure");
        assert!(!events[0]["run"].as_array().expect("the run").is_empty());
        assert!(events[0]["commands"]["again"].as_str().expect("a command").contains("check"));
    }
}

#[test]
fn a_broken_promise_is_told_as_a_stem_and_a_loop() {
    let ran = synod("check ewd426 --set n=4 --set m=2").exits(1).says("violated  SS2").says("SS2 one alone");
    ran.says("     from here on again and again:").says("the run repeats its last 8 steps for ever");
    let ran = synod("check atomic-commitment --set n=2 --set forward=0").exits(1).says("violated  AC5");
    ran.says("complete in 15 levels").says("     and nothing more happens");
    synod("check ewd840").exits(0).says("holds     TD3").says("states compared in full");
}

#[test]
fn a_game_is_analysed_and_its_numbers_are_the_published_ones() {
    synod("check shared-coin --set k=4")
        .exits(0)
        .says("holds     done")
        .says("published: 528 states: equal")
        .says("0.43774414 all-see-1-least, its bounds")
        .says("192.000000 steps-least")
        .says("published: 192: equal");
    let answers = events(&synod("check herman --set n=5 --json").exits(0), "answer");
    let steps = answers.iter().find(|e| e["name"] == "steps").expect("the steps");
    let (low, high) = (steps["value"]["low"].as_f64(), steps["value"]["high"].as_f64());
    assert!(low.is_some_and(|low| low <= 3.2) && high.is_some_and(|high| high >= 3.2), "{steps}");
    synod("check shared-coin --set k=4 --states-max 100").exits(3).says("more than 100 states");
}

#[test]
fn rounds_are_checked_at_the_bound_and_refuted_below_it() {
    synod("check flood-set").exits(0).says("holds     UC4").says("complete in 2 rounds, 56 states");
    synod("check flood-set --n 4 --f 2").exits(0).says("decided after 3 rounds");
    synod("check flood-set --n 4 --f 2 --set rounds=2").exits(1).says("UC4");
    synod("check phase-king")
        .exits(0)
        .says("a liar in each of 5 places")
        .says("and nothing else: 0, 1, or nothing");
    synod("check flood-set --n 3 --f 3").exits(2).complains("S0209").complains("somebody must be left");
    synod("check flood-set --defect no-floodin").exits(2).complains("S0202").complains("no-flooding");
}

/// Kinds of actions of a system, messages and faults of rounds, coins of a game: each is told, with the reason where the
/// catalogue has one.
#[test]
fn what_no_run_comes_to_is_told() {
    let unreached = |arguments: &str| events(&synod(arguments), "ground")[0]["unreached"].clone();
    synod("check gallery/raft")
        .exits(0)
        .says("not covered: action `Restart` never enabled (nobody restarts: restarts = 0)");
    assert_eq!(unreached("check two-phase-commit --json"), serde_json::json!([]));
    assert_eq!(unreached("check flood-set --json"), serde_json::json!([]));
    assert_eq!(
        unreached("check flood-set --n 1 --json"),
        serde_json::json!(["any message never sent"]),
        "who is alone has nobody to tell"
    );
    assert_eq!(
        unreached("check phase-king --defect low-threshold --n 4 --json"),
        Value::Null,
        "it is refuted"
    );
    assert_eq!(unreached("check herman --set n=3 --json"), serde_json::json!([]));
}

#[test]
fn algorithms_in_rounds_are_simulated_with_faults_in_the_midst_of_a_round() {
    synod("sim flood-set --runs 200").exits(0).says("holds     UC4").says("crash inside a handler");
    synod("sim phase-king --runs 200").exits(0).says("holds     UC4").says("lie");
    let found = |arguments: &str| synod(&format!("sim {arguments} --no-shrink")).exits(1).says("UC4");
    found("flood-set --defect one-round-fewer").says("replay").says("sim flood-set --defect one-round-fewer");
    found("flood-set --defect no-flooding");
    for defect in ["trusts-the-last-king", "low-threshold", "one-phase-fewer"] {
        found(&format!("phase-king --defect {defect}"));
    }
    synod("sim flood-set --defect no-such").exits(2).complains("S0202");
}

#[test]
fn what_is_wrong_with_constants_is_said() {
    synod("check two-phase-commti").exits(2).complains("S0201").complains("did you mean `two-phase-commit`?");
    synod("check two-phase-commit --set m=3").exits(2).complains("S0209").complains("it has n, broken");
    synod("check two-phase-commit --set brokn=1").exits(2).complains("did you mean `broken`?");
    synod("check two-phase-commit --set n=99").exits(2).complains("n lies between 1 and 15");
    synod("check two-phase-commit --set n").exits(2).complains("NAME=VALUE");
    synod("check herman --set n=4").exits(2).complains("n must be odd");
    synod("check two-phase-commit --losses 1").exits(2).complains("S0207").complains("--set NAME=VALUE");
    synod("check two-phase-commit --engine reference").exits(2).complains("S0207");
    synod("check paxos --set n=3").exits(2).complains("S0209").complains("--n");
    let refused = synod("sim two-phase-commit").exits(2).complains("S0206");
    refused.complains("`check two-phase-commit` explores it");
    synod("verify flood-set").exits(2).complains("S0206");
    synod("check paxos --threads 0").exits(2);
    synod("check paxos --threads 65").exits(2).complains("64");
}

#[test]
fn an_experiment_sets_constants_threads_and_the_store() {
    let place = place();
    let check = |text: &str| {
        std::fs::write(place.path().join("e.toml"), text).expect("a file");
        synod_in(&place, "check --experiment e.toml")
    };
    let full = "algorithm = \"two-phase-commit\"\n[check]\nthreads = 2\nstore = \"exact\"\nset = { n = 4 }\n";
    check(full).exits(0).says("1,568 states").says("states compared in full");
    check(&full.replace("exact", "fingerprint128")).exits(0).says("128-bit fingerprints");
    check(&full.replace("exact", "exat")).exits(2).complains("did you mean `exact`?");
    check(&full.replace("threads", "treads")).exits(2).complains("did you mean `threads`?");
    check(&full.replace("threads = 2", "threads = 65")).exits(2).complains("between 1 and 64");
    check(&full.replace("n = 4", "m = 4")).exits(2).complains("S0209");
    check("algorithm = \"flood-set\"\nrequests = 3\n")
        .exits(2)
        .complains("a number of requests has no effect");
}

#[test]
fn stores_and_threads_change_no_count() {
    for options in ["", "--threads 2", "--store fingerprint128", "--store exact", "--store exact --threads 2"]
    {
        synod(&format!("check ben-or {options}"))
            .exits(0)
            .says("complete, 66,267 states")
            .says("holds     UC4");
    }
    // liveness is a matter of cycles: of states compared in full
    let strong = synod("check majority-ack-broadcast --store fingerprint64").exits(0);
    strong.says("735 states; states compared in full");
}

#[test]
fn many_states_are_explained() {
    synod("check paxos --states-max 3000").exits(3).says("what makes states many: ");
}

#[test]
fn messages_are_forgotten_where_that_is_asked_for_and_refused_where_none_can_be() {
    synod("check eager-reliable-broadcast --safety").exits(0).says("complete, 1,746 states");
    let left = synod("check eager-reliable-broadcast --safety --forget").exits(0);
    left.says("complete, 120 states").says("forgotten: messages that their receivers never heed");
    synod("check eager-reliable-broadcast --forget")
        .exits(0)
        .says("holds     RB1")
        .says("complete, 120 states");
    synod("check retransmit-forever --forget").exits(2).complains("--forget has no effect here");
    synod("check eager-reliable-broadcast --engine reference --forget")
        .exits(2)
        .complains("tabulating engine");
    for name in ["two-phase-commit", "flood-set", "shared-coin"] {
        synod(&format!("check {name} --forget")).exits(2).complains("--forget has no effect on");
    }
}

#[test]
fn a_symmetry_is_asked_for_where_there_is_one_and_refused_elsewhere() {
    let reduced = synod("check two-phase-commit --set n=4 --symmetry").exits(0);
    reduced.says("published: 166 states: equal").says("reduced by symmetry");
    synod("check ewd840 --symmetry").exits(2).complains("no symmetry to reduce by");
    for name in ["flood-set", "shared-coin"] {
        synod(&format!("check {name} --symmetry")).exits(2).complains("--symmetry has no effect on");
    }
}

#[test]
fn processes_that_can_take_each_others_place_are_found_and_others_told_apart() {
    let reduced = synod("check eager-reliable-broadcast --symmetry --safety").exits(0);
    reduced.says("2 permutations of processes").says("RB2");
    let both = synod("check eager-reliable-broadcast --n 2 --requests 2 --symmetry --safety").exits(0);
    both.says("2 permutations of processes and data").says("RB2");
    let open = synod("check eager-reliable-broadcast --symmetry").exits(3);
    open.says("without a reduction");
    // a ballot is its owner's, and of two the greater wins
    let refused = synod("check paxos --symmetry").exits(2);
    refused.complains("--symmetry is refused").complains(" exchanged");
    synod("check eager-reliable-broadcast --n 2 --symmetry")
        .exits(2)
        .complains("p0 and p1 are not asked as much");
    synod("check eager-reliable-broadcast --symmetry --engine reference")
        .exits(2)
        .complains("reference engine");
}

/// A lease under drift, a perfect detector, a leader: each with its bound, beyond it, and a twin.
#[test]
fn algorithms_in_discrete_time_are_listed_checked_and_refuted() {
    synod("list").exits(0).says("Algorithms in discrete time").says("exclude-on-timeout");
    synod("explain lease").exits(0).says("GC89").says("excess = 0").says("whole-term");
    let ground = |arguments: &str| events(&synod(arguments), "ground")[0].clone();
    let lease = ground("check lease --json");
    assert_eq!((&lease["numbers"]["states"], &lease["exit"]), (&490.into(), &0.into()));
    assert_eq!(lease["unreached"], serde_json::json!([]), "all branches are taken");
    synod("check lease --f 0").exits(0).says("complete in").says("135 states");
    let refuted = synod("check lease --set excess=1").exits(1);
    let refuted = refuted.says("✗ violated  LS1    exclusion  p2 comes to hold what p1 still holds");
    refuted.says("ns pass").says("check lease --set excess=1");
    synod("check lease --set delay=0 --set drift=20 --set term=6 --set excess=1 --f 0").exits(1).says("LS1");
    synod("check lease --defect forgets")
        .exits(1)
        .says("✗ violated  LS2    grant  nothing more happens, and");
    synod("check lease --set delay=4 --set term=3").exits(2).complains("used up");
    assert_eq!(ground("check exclude-on-timeout --json")["numbers"]["states"], 100);
    synod("check exclude-on-timeout --set within=6").exits(0);
    synod("check exclude-on-timeout --set within=5").exits(1).says("PFD1").says("more than 5ns");
    synod("check exclude-on-timeout --set margin=0").exits(1).says("PFD2");
    synod("check elect-lower-epoch-in-time --set longest=1").exits(1).says("ELD2").says("again and again");
    synod("check lease --links fair-loss").exits(2).complains("--links has no effect");
}
