//! Clusters that stay up, through the binary.

#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/place.rs"]
mod place;

use place::Place;

/// Takes a cluster down, whatever became of its test.
struct Up<'a>(&'a Place);

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let _ = self.0.synod("cluster down paxos --no-judge");
    }
}

#[test]
fn a_cluster_stays_up_and_does_what_it_is_told() {
    let place = Place::new();
    place.synod("cluster kill 2").exits(2).complains("there is no cluster");
    place.synod("cluster up paxos -n 3 --as a/b").exits(2).complains("is no name of a cluster");
    let up = Up(&place);
    place.synod("cluster up paxos -n 3 --quiet").exits(0).says("paxos is up: 3 processes");
    place.synod("cluster up paxos").exits(2).complains("is up already");
    place.synod("cluster soak paxos --seconds 1").exits(2).complains("is up already");
    for (line, why) in [
        ("kill 9", "no p9 among 3"),
        ("kill", "takes one process"),
        ("kill paxso 1", "did you mean `paxos`?"),
        ("partition 0 and 7", "no p7"),
        ("partition 0", "two sides"),
        ("skew 1 2s", "is no jump"),
        ("request 0 nonsense", "is no JSON"),
        ("request 0 \"nonsense\"", "p0 refuses"),
        ("grow", "fixed when it starts"),
    ] {
        place.synod(&format!("cluster {line}")).exits(2).complains(why);
    }
    for line in
        ["kill 2", "partition 0 and 1", "pause paxos 1", "skew paxos 0 -1s x1.5", "delay 1ms..2ms 0 to 1"]
    {
        place.synod(&format!("cluster {line}")).exits(0).says("✓");
    }
    let status = place.synod("cluster status").exits(0);
    for what in ["operators", "down", "paused", "x1.5", "p0 -> p1: cut, delay 1ms..2ms", "p1 -> p0: cut"] {
        assert!(status.out.contains(what), "{what} is not in\n{}", status.out);
    }
    let said = |file: &str| {
        let path = place.path().join(".synod/clusters/paxos").join(file);
        std::fs::read_to_string(path).expect("what was said")
    };
    assert!(said("nodes/p0.stderr").contains("started algorithm=paxos process=p0 incarnation=1"));
    assert!(said("supervisor.log").contains("kill 2"), "{}", said("supervisor.log"));
    for line in ["heal", "resume 1", "restart 2", "replace 1"] {
        place.synod(&format!("cluster {line}")).exits(0).says("✓");
    }
    place.synod("cluster replace 1 without volume").exits(0).complains("beyond the model");
    let judged = place.synod("cluster down").exits(3).says("has lost its disk");
    assert!(judged.out.contains("UC4"), "{}", judged.out);
    place.synod("cluster status").exits(5).complains("is down");
    place.synod("cluster up paxos").exits(2).complains("--fresh removes it");
    place.synod("cluster judge").exits(3);
    drop(up);
}

#[test]
fn a_node_says_what_ends_it_as_it_is_asked_to() {
    let place = Place::new();
    let text = place.synod("node paxos nowhere.json").exits(5).complains("error[");
    assert!(!text.err.contains("{\""), "{}", text.err);
    let json = place.synod("node paxos nowhere.json --log-format json").exits(5);
    let line: serde_json::Value = serde_json::from_str(json.err.trim()).expect("one line of JSON");
    assert_eq!((line["level"].as_str(), json.out.as_str()), (Some("ERROR"), ""));
    assert!(line["message"].as_str().is_some_and(|message| message.contains("nowhere.json")), "{line}");
    place.synod("node paxos nowhere.json --log loud").exits(2).complains("possible values");
}

#[test]
fn a_real_run_is_replayed_continued_and_measured() {
    let place = Place::new();
    place.synod("run paxos --no-faults --directory real --quiet").exits(0);
    let again = place.synod("replay real").exits(0).says("each effect the same byte for byte");
    assert!(again.out.contains("no property is violated") && again.out.contains("p2: "), "{}", again.out);
    let measured =
        place.synod("coverage real --delay 1ns --drift 1ppm --wanted 50% --svg plots.svg").exits(0);
    for what in ["message delays", "p0 -> p1", "✗ d = 1ns: broken by", "clocks p0 and p1", "50 %"] {
        assert!(measured.out.contains(what), "{what} is not in\n{}", measured.out);
    }
    place.synod("coverage real --json --delay 10min").exits(0).says("\"broken\":0,");
    place.synod("sim paxos --from real --runs 20").exits(0).says("20 runs");
    place.synod("sim paxos --from real --at 5 --seed 3 --trace on.jsonl --restarts 2").exits(0);
    place.synod("replay on.jsonl").exits(0).says("each line the same");
    place.synod("sim paxos --from on.jsonl --at 9 --runs 5").exits(0);
    for (line, why) in [
        ("coverage nowhere", "is no directory, nor a cluster's name"),
        ("coverage .", "has no records of a run"),
        ("coverage on.jsonl", "is a file"),
        ("coverage real --wanted 100%", "is no share"),
        ("replay .", "has no records of a run"),
        ("sim abd --from real", "has the records of paxos"),
        ("sim abd --from on.jsonl", "is a run of paxos"),
        ("sim paxos --from real --at 1000000", "there is no step 1000000"),
        ("sim paxos --from on.jsonl --restarts 1", "goes on in its own world"),
        ("sim paxos --from real --n 5", "cannot be used with"),
        ("sim paxos --at 5", "--from"),
        ("sim paxos --from real --defect no-nack", "is not a run of paxos/no-nack"),
    ] {
        place.synod(line).exits(2).complains(why);
    }
    // one changed byte is found, and named
    let record = place.path().join("real/records/p1.1.jsonl");
    let mut text = std::fs::read_to_string(&record).expect("a record");
    let digest = text.find("\"state\":\"").expect("a digest") + 9;
    let other = if text[digest..].starts_with('0') { "1" } else { "0" };
    text.replace_range(digest..=digest, other);
    std::fs::write(&record, text).expect("a record");
    place.synod("replay real").exits(4).complains("handled.state");
}
