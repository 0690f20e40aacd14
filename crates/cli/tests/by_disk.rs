//! A check that has less memory than it needs, or is killed half way, from outside.

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use support::Ran;

fn synod(place: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.args(arguments.split_whitespace()).current_dir(place);
    command
}

fn ran(place: &Path, arguments: &str) -> Ran {
    synod(place, arguments).output().expect("it starts").into()
}

/// What a check counted.
fn numbers(ran: &Ran) -> Value {
    let report = ran.events().into_iter().find(|event| event["event"] == "ground");
    report.expect("a report")["numbers"].clone()
}

const SYSTEM: &str = "check gallery/two-phase-commit --json --set n=";

#[test]
fn a_check_that_is_killed_half_way_goes_on_to_the_published_count() {
    let place = tempfile::tempdir().expect("a directory");
    let start = format!("{SYSTEM}8 --save note --save-every 0s");
    let mut child = synod(place.path(), &start).stdout(Stdio::null()).spawn().expect("it starts");
    while !place.path().join("note").exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ends without a note");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("SIGKILL");
    assert!(!child.wait().expect("a child").success(), "it was not at its end");
    let whole = ran(place.path(), &format!("{SYSTEM}8 --resume note")).exits(0);
    assert_eq!(numbers(&whole)["states"], 1_745_408);
    assert_eq!(numbers(&whole)["levels"], 26);
    // a file that was not replaced yet may be left; the note itself is whole either way
    let again = ran(place.path(), &format!("{SYSTEM}8 --resume note")).exits(0);
    assert_eq!(numbers(&again)["states"], 1_745_408);
}

#[test]
fn a_quarter_of_the_memory_and_a_disk_give_the_same_count() {
    let place = tempfile::tempdir().expect("a directory");
    let free = ran(place.path(), &format!("{SYSTEM}7")).exits(0);
    let tight = format!("{SYSTEM}7 --memory 1500KiB");
    ran(place.path(), &tight).exits(3).says("the memory limit").says("--spill");
    let spilled = ran(place.path(), &format!("{tight} --spill .")).exits(0);
    let needed = numbers(&free)["memory"].as_u64().expect("a number");
    assert!(numbers(&spilled)["memory"].as_u64().expect("a number") <= needed / 4);
    assert_eq!(numbers(&spilled)["states"], 296_448);
    assert_eq!(std::fs::read_dir(place.path()).expect("a directory").count(), 0, "nothing is left behind");
}

#[test]
fn an_algorithm_of_several_worlds_is_saved_world_by_world() {
    let place = tempfile::tempdir().expect("a directory");
    let stopped = "check paxos --safety --save note --states-max 100000 --json";
    let stopped = ran(place.path(), stopped).exits(3);
    assert_eq!(numbers(&stopped)["complete"], false);
    assert!(place.path().join("note").exists() && place.path().join("note.1").exists());
    let free = ran(place.path(), "check paxos --safety --json").exits(0);
    let resumed = ran(place.path(), "check paxos --safety --resume note --json").exits(0);
    assert_eq!(numbers(&resumed)["states"], numbers(&free)["states"]);
    assert_eq!(numbers(&resumed)["transitions"], numbers(&free)["transitions"]);
}

#[test]
fn notes_that_are_of_no_use_are_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let place = place.path();
    ran(place, &format!("{SYSTEM}7 --save note --states-max 100000")).exits(3).says("--resume note");
    ran(place, &format!("{SYSTEM}6 --resume note")).exits(3).says("it is of another check");
    let note = place.join("note");
    let bytes = std::fs::read(&note).expect("a note");
    std::fs::write(&note, &bytes[..bytes.len() / 2]).expect("there is room");
    ran(place, &format!("{SYSTEM}7 --resume note")).exits(3).says("cut short or damaged");
    std::fs::write(&note, "a letter").expect("there is room");
    ran(place, &format!("{SYSTEM}7 --resume note")).exits(3).says("cannot go on");
    ran(place, &format!("{SYSTEM}7 --resume none")).exits(2).says("there is no none");
}

#[test]
fn where_a_disk_is_of_no_use_it_is_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let place = place.path();
    ran(place, "check paxos --save note").exits(2).complains("--safety");
    ran(place, "check gallery/two-phase-commit --order depth-first --spill .").exits(2).complains("--order");
    ran(place, "check phase-king --save note").exits(2).complains("no effect");
    ran(place, "check paxos --safety --save-every 1s").exits(2).complains("--save");
    ran(place, "check paxos --safety --spill nowhere --memory 8MiB").exits(3).says("nowhere");
    ran(place, "check herman --safety").exits(2).complains("no effect");
    ran(place, "check herman --memory 1GiB").exits(2).complains("no effect");
    ran(place, "check paxos --memory 12").exits(2).complains("a size needs a unit");
}
