//! What the README shows of the command line is what it prints.

use std::path::Path;
use std::process::Command;

#[test]
fn the_readme_shows_lines_that_the_command_prints() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README stands at the root");
    let (command, shown) = readme
        .split_once("$ cargo run --release -- ")
        .and_then(|(_, rest)| rest.split_once("```")?.0.split_once('\n'))
        .expect("the README shows a command with its output");
    let folder = tempfile::tempdir().expect("a folder to run it in");
    let output = Command::new(env!("CARGO_BIN_EXE_synod"))
        .args(command.split_whitespace())
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(1), "a violation was found");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).expect("it prints text");
    assert!(shown.lines().count() > 5, "the README shows something");
    for line in shown.lines() {
        assert!(printed.lines().any(|l| l == line), "{line:?} is not among:\n{printed}");
    }
}
