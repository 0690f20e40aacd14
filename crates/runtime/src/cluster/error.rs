//! Why a cluster cannot be run.

use crate::link::LinkError;
use crate::node::RunError;
use crate::wal::WalError;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitStatus;
use synod_model::ProcessId;
use thiserror::Error;

/// Why a cluster cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A port.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A node's configuration.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A volume that is made anew.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// No ports are free.
    #[error("there are no {0} free ports on {ip} in {ports:?}", ip = Ipv4Addr::LOCALHOST, ports = super::ports::RANGE)]
    NoPorts(usize),
    /// The links' proxy does not start.
    #[error("the proxy between the nodes does not start: {0}")]
    Proxy(#[source] io::Error),
    /// The directory has something in it.
    #[error("the directory {} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A node's program cannot be started.
    #[error("cannot start the program of {process}: {source}")]
    Spawn {
        /// Which node.
        process: ProcessId,
        /// Why not.
        source: io::Error,
    },
    /// A node ended though nobody killed it.
    #[error("{process} ended by itself ({status}): {said}")]
    Died {
        /// Which.
        process: ProcessId,
        /// How.
        status: ExitStatus,
        /// The end of what it printed.
        said: String,
    },
    /// A node in this OS process ended though nobody killed it.
    #[error("{process} ended by itself: {why}")]
    Ended {
        /// Which.
        process: ProcessId,
        /// Why.
        why: String,
    },
    /// A node does not answer.
    #[error("{process} does not answer within {} s", super::START_TIMEOUT.as_secs())]
    Mute {
        /// Which.
        process: ProcessId,
    },
    /// A node does not stop when it is asked to; it was killed.
    #[error("{process} did not stop within {} s of being asked, and was killed", super::STOP_TIMEOUT.as_secs())]
    Deaf {
        /// Which.
        process: ProcessId,
    },
    /// A signal could not be sent to a node.
    #[error("the OS process of {process} cannot be signalled: {source}")]
    Signal {
        /// Whose.
        process: ProcessId,
        /// Why not.
        source: io::Error,
    },
    /// A fault names a process that the cluster does not have.
    #[error("there is no {process} among {count} processes")]
    NoSuchProcess {
        /// Which.
        process: ProcessId,
        /// How many there are, from p0 on.
        count: usize,
    },
    /// Nodes cannot have network namespaces here.
    #[error("there are no network namespaces to be had: {why}: {remedy}")]
    NoNamespaces {
        /// What is in the way.
        why: String,
        /// What to do about it.
        remedy: String,
    },
    /// What is done to network namespaces failed.
    #[error("the network between the namespaces cannot be changed: {0}")]
    Namespaces(String),
    /// The network does not have a fault.
    #[error("there is no `{fault}` here: {why}")]
    Lacking {
        /// Which.
        fault: String,
        /// Why not.
        why: String,
    },
    /// A fault would do nothing.
    #[error("{0}")]
    Idle(String),
}

impl ClusterError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Link(e) => e.hint(),
            Self::Run(e) => e.hint(),
            Self::Wal(e) => e.hint(),
            Self::NoPorts(_) => "stop what listens on this machine, or name a first port",
            Self::Proxy(_) => "the limit on open files or threads may be reached (`ulimit -n`, `ulimit -u`)",
            Self::NotEmpty(_) => "name a new directory: a cluster's logs and records stand by themselves",
            Self::Io { source, .. } => crate::disk::hint(source),
            Self::Spawn { .. } => "the limit on processes or memory may be reached (`ulimit -u`)",
            Self::Died { .. } | Self::Ended { .. } => {
                "if it says `panicked`, that is a bug of the algorithm or of this program"
            }
            Self::Mute { .. } => "the machine may be overloaded: try again with fewer processes",
            Self::Deaf { .. } => {
                "the machine may be overloaded; if not, that is a bug of this program: please report it"
            }
            Self::Signal { .. } => "it may have ended this very moment: look at the status",
            Self::NoSuchProcess { .. } => "processes are called 0, 1, .. or p0, p1, ..",
            Self::NoNamespaces { .. } => {
                "`synod doctor` shows what there is; `--network proxy` needs neither root nor programs of others"
            }
            Self::Namespaces(_) => "somebody else may have changed it: take the cluster down, and up again",
            Self::Lacking { .. } => "a cluster that is up with `--network proxy` has it",
            Self::Idle(_) => "the status shows how each process is",
        }
    }
}
