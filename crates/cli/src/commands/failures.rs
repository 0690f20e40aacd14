//! Where counterexamples are kept.

use crate::commands::program;
use crate::error::Error;
use crate::output::CommandLine;
use crate::report::{Report, Trace};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use synod_kernel::trace;

/// Where counterexamples are written, in the current directory.
const DIRECTORY: &str = ".synod/failures";

/// Writes a report's counterexamples: the commands that its failure block prints. `again` is the command that makes a run
/// again, from its seed where it has one.
pub(super) fn keep(
    report: &mut Report,
    again: impl Fn(Option<u64>) -> String,
) -> Result<Vec<CommandLine>, Error> {
    let Some(failure) = report.failures.first_mut() else { return Ok(Vec::new()) };
    let line = |label, seed, remark: &str| {
        let command = format!("{} {}", program(), again(seed));
        CommandLine { label, command, remark: remark.to_owned() }
    };
    let mut build = "the same build".to_owned();
    let path = match &failure.trace {
        Trace::Content(content) => {
            let (path, executable) = write(content, failure.seed.map(|seed| again(Some(seed))))?;
            build = executable.map_or(build, |digest| format!("build {digest}"));
            path.display().to_string()
        }
        Trace::File(path) => path.clone(),
        Trace::Again => return Ok(vec![line("again", None, "")]),
    };
    failure.trace = Trace::File(path.clone());
    let mut commands = vec![CommandLine {
        label: "replay",
        command: format!("{} replay {}", program(), crate::args::quote(&path)),
        remark: String::new(),
    }];
    if failure.seed.is_some() {
        commands.push(line("seed", failure.seed, &format!("  # {build} only")));
    }
    commands.push(CommandLine {
        label: "test",
        command: format!(
            "{} replay --emit-test {} >> tests/regressions.rs",
            program(),
            crate::args::quote(&path)
        ),
        remark: String::new(),
    });
    Ok(commands)
}

/// Writes a trace under the name of its content, and beside it which build made it, by which command; and the digest of that build.
fn write(content: &str, command: Option<String>) -> Result<(PathBuf, Option<String>), Error> {
    let path = Path::new(DIRECTORY).join(format!("{}.jsonl", trace::name(content)));
    let command = command.or_else(|| command_of(&path));
    save(&path, content)?;
    let mut build = build();
    build["command"] = json!(command);
    save(&path.with_extension("build.json"), &build.to_string())?;
    Ok((path, build["executable"].as_str().map(str::to_owned)))
}

/// The command that found the run of a trace, where that stands beside it.
pub(super) fn command_of(trace: &Path) -> Option<String> {
    let beside = std::fs::read_to_string(trace.with_extension("build.json")).ok()?;
    let build: Value = serde_json::from_str(&beside).ok()?;
    build["command"].as_str().map(str::to_owned)
}

/// What identifies this build: a seed means the same in the same build alone, a trace in all that read its version.
fn build() -> Value {
    let executable = std::env::current_exe().and_then(std::fs::read).ok();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "optimised": !cfg!(debug_assertions),
        "executable": executable.map(|bytes| trace::digest(&bytes)),
    })
}

/// Writes a file, and the directories that lead there.
pub(crate) fn save(path: &Path, content: &str) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(unwritable)?;
    }
    std::fs::write(path, content).map_err(unwritable)
}
