//! The bank as its author runs it.

use std::process::Command;

/// The exit code of the program with these arguments.
fn run(arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicated-bank"));
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).status().expect("it runs").code()
}

#[test]
fn it_holds_where_it_is_simulated_and_where_it_runs() {
    assert_eq!(run(&["sim", "--runs", "500"]), Some(0));
    assert_eq!(run(&["run"]), Some(0));
}

#[test]
fn its_twin_is_refuted() {
    assert_eq!(run(&["sim", "--runs", "500", "--defect", "answers-before-commit"]), Some(1));
}
