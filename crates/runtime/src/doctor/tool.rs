//! Programs of others, asked to do something small.

use super::Answer;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// Whether the search path has a program.
pub(super) fn exists(name: &str) -> bool {
    find(name).is_some()
}

/// Where the search path has a program.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    // an administrator's tools, which not every user's search path has
    let more = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&paths).chain(more).map(|path| path.join(name)).find(|path| path.is_file())
}

/// A fault that programs of others make: they are there, and what they are asked for happens.
pub(super) struct Recipe {
    /// The programs, each with the package of Debian that has it.
    pub(super) tools: &'static [(&'static str, &'static str)],
    /// What is tried, in the shell.
    pub(super) script: &'static str,
    /// By what it can be made then.
    pub(super) how: &'static str,
    /// What to do if the kernel refuses.
    pub(super) remedy: &'static str,
}

impl Recipe {
    /// Tries it.
    pub(super) fn attempt(&self) -> Answer {
        if !cfg!(target_os = "linux") {
            return Answer::no("this is not Linux", "run it on Linux");
        }
        let missing: Vec<_> = self.tools.iter().filter(|(name, _)| !exists(name)).collect();
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
            let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
            packages.dedup();
            return Answer::no(
                format!("there is no {}", names.join(", ")),
                format!("install {}", packages.join(", ")),
            );
        }
        if !rustix::process::geteuid().is_root() {
            return Answer::no("this needs root", "run `synod doctor` as root to know");
        }
        match run(self.script) {
            Ok(()) => Answer::yes(self.how),
            Err(why) => Answer::no(why, self.remedy),
        }
    }
}

/// Runs a script of the shell: what it said if it failed.
pub(crate) fn run(script: &str) -> Result<(), String> {
    let mut command = Command::new("sh");
    command.args(["-ec", script]).env("PATH", path()).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|e| format!("cannot start a shell: {e}"))?;
    let stderr = child.stderr.take();
    // what it says is read to its end beside, so that it never waits for us
    let reader = thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.map(|stderr| stderr.take(1 << 16).read_to_string(&mut said));
        said
    });
    let ended = wait(&mut child);
    let said = reader.join().unwrap_or_default();
    match ended {
        Some(true) => Ok(()),
        Some(false) => Err(said.lines().find(|line| !line.trim().is_empty()).map_or_else(
            || "it was refused without a word".to_owned(),
            |line| line.trim().trim_end_matches('.').to_owned(),
        )),
        None => Err(format!("nothing happened within {} s", PATIENCE.as_secs())),
    }
}

/// Whether it succeeded; `None` if it had to be ended, with all that it started.
fn wait(child: &mut Child) -> Option<bool> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    None
}

fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_says_why() {
        assert_eq!(run("true"), Ok(()));
        assert_eq!(run("echo >&2; echo 'no such thing.' >&2; exit 3"), Err("no such thing".to_owned()));
        assert!(run("false").unwrap_err().contains("without a word"));
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let tools = &[("sh", "dash"), ("no-such-tool-of-synod", "some-package")];
        let answer = Recipe { tools, script: "true", how: "so", remedy: "" }.attempt();
        let Answer::No { why, remedy } = answer else { panic!("{answer:?}") };
        if cfg!(target_os = "linux") {
            assert_eq!(why, "there is no no-such-tool-of-synod");
            assert_eq!(remedy, "install some-package");
        }
    }
}
