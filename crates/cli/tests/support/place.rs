//! A directory to work in, with the binary; and what its failure blocks say.

use crate::support::Ran;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A directory to work in, with the binary.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The binary with these arguments, divided at spaces.
    pub(crate) fn synod(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        command.args(arguments.split_whitespace()).current_dir(self.path());
        command.output().expect("it starts").into()
    }

    /// The binary with these arguments, and one that has spaces in it.
    pub(crate) fn synod_with(&self, arguments: &str, last: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
        command.args(arguments.split_whitespace()).arg(last).current_dir(self.path());
        command.output().expect("it starts").into()
    }

    /// A line as somebody types it into a shell.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        Command::new("sh").args(["-c", line]).current_dir(self.path()).output().expect("a shell").into()
    }

    /// The tests that were emitted, in a crate that depends on nothing, pass.
    pub(crate) fn emitted_tests_pass(&self) {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        // a long trace stands beside its test
        for trace in fs::read_dir(self.path().join(".synod/failures")).expect("traces") {
            let trace = trace.expect("a file");
            fs::copy(trace.path(), self.path().join("tests").join(trace.file_name())).expect("a copy");
        }
        let mut compiler = Command::new(rustc);
        compiler.args(["--edition", "2024", "--test", "-o", "regressions", "tests/regressions.rs"]);
        assert!(compiler.current_dir(self.path()).status().expect("a compiler").success());
        let mut tests = Command::new(self.path().join("regressions"));
        let ran = tests.env("SYNOD", env!("CARGO_BIN_EXE_synod")).output().expect("they run");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
        let other = tests.env("SYNOD", "true").output().expect("they run");
        assert!(!other.status.success(), "no twin is repaired");
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    }
}

/// The commands of a failure block, by label.
pub(crate) fn printed_commands(out: &str) -> Vec<(&str, &str)> {
    let lines = out.lines().skip_while(|line| !line.starts_with('✗'));
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
        .filter(|(label, _)| !label.contains(' '))
        .map(|(label, command)| (label, command.trim()))
        .collect()
}
