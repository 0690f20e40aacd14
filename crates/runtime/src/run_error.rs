//! Why a node ends.

use crate::link::LinkError;
use crate::record::RecordError;
use crate::wal::WalError;
use std::io;
use std::path::PathBuf;
use synod_model::{Output, ProcessId};
use thiserror::Error;

/// Why a node ends.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its log.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// Its links.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its configuration.
    #[error("the node's configuration {}: {what}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The log holds what this algorithm does not write.
    #[error("write {number} in the log is none of this algorithm's: {why}")]
    ForeignWrite {
        /// Which, from 0 on.
        number: u64,
        /// Why.
        why: String,
    },
    /// The snapshot holds what this algorithm does not write.
    #[error("the snapshot of the log is none of this algorithm's: {0}")]
    ForeignSnapshot(String),
    /// A value of the algorithm has no encoding.
    #[error("a value of this algorithm cannot be encoded: {0}")]
    Value(#[source] postcard::Error),
    /// The process asks an oracle.
    #[error("the process asks an oracle ({output}); nothing on a real machine answers as one")]
    NoOracle {
        /// What it wants to hear.
        output: Output,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// Another node speaks for this process, and peers listen to that one.
    #[error("another node runs as {process}: {why}")]
    Replaced {
        /// The process.
        process: ProcessId,
        /// What a peer says.
        why: String,
    },
}

impl RunError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Wal(e) => e.hint(),
            Self::Link(e) => e.hint(),
            Self::Record(e) => e.hint(),
            Self::Config { .. } => "check the path, and that the file is a node's configuration",
            Self::ForeignWrite { .. } | Self::ForeignSnapshot(_) => {
                "the algorithm changed: start with an empty data directory"
            }
            Self::Value(_) => "derive `Serialize` plainly, without attributes that skip or flatten fields",
            Self::NoOracle { .. } => "run the algorithm with a detector module in the oracle's place",
            Self::Thread(_) => "the limit on threads or memory is reached (`ulimit -u`)",
            Self::Replaced { .. } => {
                "run one node for each process, and never from a copy of a data directory or without the old one"
            }
        }
    }
}
