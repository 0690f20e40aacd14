//! The election as its author runs it.

use std::process::Command;

/// The exit code of the program with these arguments.
fn run(arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ring-election"));
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).status().expect("it runs").code()
}

#[test]
fn it_holds_on_all_grounds() {
    assert_eq!(run(&["verify"]), Some(0));
}
