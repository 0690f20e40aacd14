//! What a user can get wrong, and what a machine can refuse: each with a code, a hint and an exit code.

use crate::exit::Exit;
use std::path::PathBuf;
use synod_kernel::trace::TraceError;
use synod_kernel::{Code, Diagnostic};
use synod_runtime::record::RecordError;
use thiserror::Error;

/// Why a command does not come to a verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No algorithm has this name.
    #[error("there is no algorithm `{name}`")]
    UnknownAlgorithm {
        /// The name.
        name: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// The algorithm has no such broken twin.
    #[error("`{algorithm}` has no defect `{name}`")]
    UnknownDefect {
        /// The algorithm.
        algorithm: String,
        /// The name.
        name: String,
        /// Those that it has.
        known: Vec<&'static str>,
    },
    /// n, f or the number of requests make no sense.
    #[error("{what}")]
    Scale {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The environment is outside of the algorithm's model.
    #[error("{}", messages(.0))]
    OutsideModel(Vec<Diagnostic>),
    /// The environment asks for what no ground can do yet.
    #[error("{what}")]
    Unsupported {
        /// What it asks for.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A file with an experiment or an environment is wrong.
    #[error("{}: {what}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A script asks for faults that cannot happen.
    #[error("{what}")]
    Script {
        /// Which, and why.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The command line is wrong.
    #[error("{what}")]
    Arguments {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Nothing is known under this name.
    #[error("nothing is known under `{name}`")]
    NoPage {
        /// The name.
        name: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// A trace cannot be read, or replays differently.
    #[error("{}: {source}", path.display())]
    Trace {
        /// Which.
        path: PathBuf,
        /// Why.
        source: TraceError,
    },
    /// There is nothing with such a constant.
    #[error("{what}")]
    Constant {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A file has other results than those that it should, or none.
    #[error("{}: {what}", path.display())]
    Results {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The records of a run cannot be read.
    #[error("{what}")]
    Records {
        /// Which, and why.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The records of a run are not what the same inputs make of the same process.
    #[error("{what}")]
    OtherwiseRecorded {
        /// Where, and how.
        what: String,
        /// What to do.
        hint: String,
    },
    /// One seed had two runs.
    #[error("seed {seed} has two different runs in the same binary: {}", files.join(", "))]
    TwoRuns {
        /// Which.
        seed: u64,
        /// Among these files.
        files: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The machine refuses what a cluster needs.
    #[error("the cluster failed: {what}")]
    Cluster {
        /// What it refuses.
        what: String,
        /// What to do.
        hint: String,
    },
}

fn messages(diagnostics: &[Diagnostic]) -> String {
    let all: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    all.join("\n       ")
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        Self::Records { what: error.to_string(), hint: error.hint().to_owned() }
    }
}

impl Error {
    /// The code that `synod explain` explains.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutsideModel(found) => found.first().map_or("S0101", |d| d.code.name()),
            Self::UnknownAlgorithm { .. } => "S0201",
            Self::UnknownDefect { .. } => "S0202",
            Self::Scale { .. } => "S0203",
            Self::File { .. } => "S0204",
            Self::NoPage { .. } => "S0205",
            Self::Unsupported { .. } => "S0206",
            Self::Arguments { .. } => "S0207",
            Self::Script { .. } => "S0208",
            Self::Constant { .. } => "S0209",
            Self::Trace { source: TraceError::NotEnabled { .. } | TraceError::Differs { .. }, .. }
            | Self::TwoRuns { .. }
            | Self::OtherwiseRecorded { .. } => "S0302",
            Self::Trace { .. } | Self::Records { .. } => "S0301",
            Self::Results { .. } => "S0303",
            Self::Unreadable { .. } => "S0501",
            Self::Unwritable { .. } => "S0502",
            Self::Cluster { .. } => "S0503",
        }
    }

    /// What to do.
    pub fn hint(&self) -> String {
        let did_you_mean = |nearest: &Option<String>, other: &str| match nearest {
            Some(name) => format!("did you mean `{name}`?"),
            None => other.to_owned(),
        };
        match self {
            Self::UnknownAlgorithm { nearest, .. } => did_you_mean(nearest, "`list` shows all of them"),
            Self::UnknownDefect { known, .. } if known.is_empty() => "leave `--defect` out".to_owned(),
            Self::UnknownDefect { known, .. } => format!("it has {}", known.join(", ")),
            Self::OutsideModel(found) => {
                let mut hints: Vec<_> = found.iter().map(|d| d.hint.as_str()).collect();
                if found.iter().any(|d| d.code == Code::Links) {
                    hints.push("where the library's transformers close the gap, --with-transformers puts them between");
                }
                format!("{}; or see what happens with --outside-model", hints.join("; "))
            }
            Self::Scale { hint, .. }
            | Self::File { hint, .. }
            | Self::Unsupported { hint, .. }
            | Self::Arguments { hint, .. }
            | Self::Script { hint, .. }
            | Self::Constant { hint, .. }
            | Self::Results { hint, .. }
            | Self::Records { hint, .. }
            | Self::OtherwiseRecorded { hint, .. }
            | Self::Cluster { hint, .. } => hint.clone(),
            Self::TwoRuns { .. } => {
                "one machine computes something else than the other, or a handler depends on more than its \
                 state and its event: make both runs with --trace, and compare"
                    .to_owned()
            }
            Self::NoPage { nearest, .. } => did_you_mean(
                nearest,
                "`list` shows the algorithms; codes read like S0101, properties like UC4",
            ),
            Self::Trace { source, .. } => source.hint().to_owned(),
            Self::Unreadable { .. } => "check the path and its permissions".to_owned(),
            Self::Unwritable { .. } => {
                "check that the directory is writable and the disk not full".to_owned()
            }
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Trace { source: TraceError::NotEnabled { .. } | TraceError::Differs { .. }, .. } => {
                Exit::Nondeterminism
            }
            Self::TwoRuns { .. } | Self::OtherwiseRecorded { .. } => Exit::Nondeterminism,
            Self::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Exit::Usage,
            Self::Unreadable { .. } | Self::Unwritable { .. } | Self::Cluster { .. } => Exit::Environment,
            _ => Exit::Usage,
        }
    }

    /// The codes that only this crate gives, explained.
    pub const EXPLANATIONS: [(&'static str, &'static str); 15] = [
        ("S0201", "No algorithm is registered under that name. `list` shows the names."),
        (
            "S0202",
            "A defect is the name of a broken twin: the same algorithm with one line changed, so that a property can\n\
             be seen to fail. `explain ALGORITHM` lists the twins that it has.",
        ),
        (
            "S0203",
            "n is the number of processes, f the number of those that may stop for ever. An algorithm's bound (n > 2f, ..)\n\
             is part of its model; some algorithms need processes of several kinds and so a least n.",
        ),
        (
            "S0204",
            "An experiment file, or a file with an environment, does not say what it should. Every key is described in\n\
             docs/experiments.md; keys that do not exist are refused, so that a slip does not go unnoticed.",
        ),
        ("S0205", "`explain` knows algorithms, properties and codes."),
        (
            "S0206",
            "The model has this value, but no ground plays it yet. A verdict that ignored it would be worth nothing,\n\
             so it is refused. `models` shows what the grounds play.",
        ),
        ("S0207", "The command line contradicts itself, or leaves out what is needed."),
        (
            "S0208",
            "A script of faults has one that cannot happen: at a process that there is not, after the end of the run, or\n\
             beyond the environment's budgets. The runs would show less than they seem to, so it is refused.",
        ),
        (
            "S0209",
            "What is checked by its constants alone, a published system or an algorithm in rounds, has no such constant, or not\n\
             with this value. `explain NAME` lists them with their ranges.",
        ),
        (
            "S0301",
            "The file is no trace, a trace of another version, or one that was cut or changed. Its name is a digest of its\n\
             content; nothing is replayed from it. The same holds of the records of a real run.",
        ),
        (
            "S0302",
            "The same choices have other consequences than those recorded: the algorithm or its semantics changed since, or\n\
             a handler depends on something besides its state and its event (a clock, an address, an unordered table).",
        ),
        (
            "S0303",
            "Results of a campaign are merged, or gone on with, where they are of one binary, one algorithm and one world: a\n\
             seed means another run elsewhere. What does not fit is left as it is.",
        ),
        ("S0501", "A file cannot be read."),
        ("S0502", "A file cannot be written: the verdict stands, its trace is lost."),
        (
            "S0503",
            "A real cluster needs ports on the loopback interface, a directory to write to, and leave to start processes.",
        ),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_replays_differently_is_nondeterminism_and_a_damaged_one_is_not() {
        let trace = |source| Error::Trace { path: PathBuf::from("t.jsonl"), source };
        let differs =
            TraceError::Differs { line: 2, step: 0, recorded: String::new(), replayed: String::new() };
        assert_eq!(trace(differs).exit(), Exit::Nondeterminism);
        assert_eq!(trace(TraceError::Truncated { line: 3 }).exit(), Exit::Usage);
    }

    #[test]
    fn a_missing_file_is_the_users_and_a_forbidden_one_the_machines() {
        let unreadable = |kind: std::io::ErrorKind| {
            Error::Unreadable { path: PathBuf::from("x"), source: kind.into() }.exit()
        };
        assert_eq!(unreadable(std::io::ErrorKind::NotFound), Exit::Usage);
        assert_eq!(unreadable(std::io::ErrorKind::PermissionDenied), Exit::Environment);
    }
}
