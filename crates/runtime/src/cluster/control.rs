//! How a cluster that runs in the background is talked to: JSON Lines on a Unix socket in its directory.

use super::NetworkKind;
use super::limits::Limits;
use crate::client::{NodeStatus, read_line, write_line};
use crate::link::LinkSettings;
use crate::proxy::Passed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use synod_model::{ProcessId, duration};

/// What a cluster is, as it was asked for: a file in its directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// n.
    pub processes: u32,
    /// How many requests its parameters are made for.
    pub requests: u32,
    /// Its broken twin.
    #[serde(default)]
    pub defect: Option<String>,
    /// What all processes know.
    pub parameters: Value,
    /// The algorithm's model, in a line.
    pub model: String,
    /// What that has of faults.
    pub limits: Limits,
    /// How long after it is set a pulse fires.
    #[serde(with = "duration")]
    pub pulse: Duration,
    /// What its network draws by.
    pub seed: u64,
    /// The nodes' links.
    #[serde(default)]
    pub links: LinkSettings,
    /// The port of process 0, if one was given.
    #[serde(default)]
    pub first_port: Option<u16>,
    /// Whether its nodes record what they do: without that nothing is judged or replayed.
    #[serde(default = "yes")]
    pub record: bool,
    /// What is between its nodes.
    #[serde(default)]
    pub network: NetworkKind,
    /// In which ways what befell it is beyond its model.
    #[serde(default)]
    pub beyond: Vec<String>,
}

fn yes() -> bool {
    true
}

/// The directory of a cluster, and the files in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(pub PathBuf);

impl Home {
    /// What the cluster is.
    pub fn description(&self) -> PathBuf {
        self.0.join("cluster.json")
    }

    /// Where its supervisor listens.
    pub fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// What its supervisor prints.
    pub fn log(&self) -> PathBuf {
        self.0.join("supervisor.log")
    }

    /// What its supervisor holds for as long as it lives.
    fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Volumes, records, and what nodes print.
    pub fn nodes(&self) -> PathBuf {
        self.0.join("nodes")
    }

    /// Takes the cluster: nobody else does while the file is held.
    pub fn take(&self) -> io::Result<Option<File>> {
        fs::create_dir_all(&self.0)?;
        let file = File::options().create(true).truncate(false).write(true).open(self.lock())?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// Whether somebody has taken it.
    pub fn is_taken(&self) -> bool {
        let open = File::options().write(true).open(self.lock());
        open.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Reads what the cluster is.
    pub fn read(&self) -> io::Result<Description> {
        serde_json::from_slice(&fs::read(self.description())?).map_err(io::Error::from)
    }

    /// Writes it, in one piece.
    pub fn write(&self, description: &Description) -> io::Result<()> {
        let (path, new) = (self.description(), self.0.join("cluster.json.new"));
        fs::write(&new, serde_json::to_string_pretty(description)?)?;
        fs::rename(new, path)
    }
}

/// What a supervisor is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// How the cluster is.
    Status,
    /// A request to a process.
    Request {
        /// Which.
        process: ProcessId,
        /// What.
        value: Value,
        /// How long to listen for what comes of it.
        #[serde(with = "duration")]
        wait: Duration,
    },
    /// A fault, in its own words.
    Strike(String),
    /// Stop all nodes in order, and end.
    Down,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To a question for the status.
    Status(Box<ClusterStatus>),
    /// To a request.
    Requested {
        /// Whether it is known to be handled.
        handled: bool,
        /// What processes told from then on.
        told: Vec<Said>,
    },
    /// To a fault.
    Struck {
        /// Whether anything changed.
        changed: bool,
        /// In which way it is beyond the model.
        beyond: Option<String>,
        /// What is worth knowing besides.
        note: Option<String>,
    },
    /// All nodes have stopped.
    Down,
    /// It cannot be done.
    Refused {
        /// Why.
        what: String,
        /// What to do.
        hint: String,
    },
}

/// Something that a process told the layer above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Who.
    pub process: ProcessId,
    /// What.
    pub indication: Value,
}

/// How a cluster is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// The algorithm.
    pub algorithm: String,
    /// Its model.
    pub model: String,
    /// The supervisor's OS process.
    pub pid: u32,
    /// How many KiB of memory it has.
    pub memory_kib: Option<u64>,
    /// What tells its nodes from others'.
    pub identity: u64,
    /// For how long it has been up.
    #[serde(with = "duration")]
    pub uptime: Duration,
    /// Its nodes.
    pub nodes: Vec<NodeReport>,
    /// What is done to its links: from whom, to whom, what.
    pub rules: Vec<(ProcessId, ProcessId, String)>,
    /// What passed all of its links.
    pub passed: Option<Passed>,
    /// How many faults have struck it.
    pub faults: u64,
    /// In which ways what befell it is beyond its model.
    pub beyond: Vec<String>,
}

/// How a node is, as its supervisor sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Which.
    pub process: ProcessId,
    /// How it is.
    pub state: NodeState,
    /// Its OS process.
    pub pid: Option<u32>,
    /// How many KiB of memory that has.
    pub memory_kib: Option<u64>,
    /// Where clients find it.
    pub address: SocketAddr,
    /// Where it tells operators how it is, over HTTP.
    #[serde(default)]
    pub operators: Option<SocketAddr>,
    /// Its incarnation.
    pub incarnation: u64,
    /// How much of the time of its clock passes in one second.
    pub clock_rate: f64,
    /// What it says of itself, if it does.
    pub status: Option<NodeStatus>,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// It runs.
    Up,
    /// It runs, and is of no instance: its process has stopped, and by its model does not come back.
    Outlived,
    /// It is paused.
    Paused,
    /// It was killed.
    Down,
    /// It ended by itself: what it said.
    Died(String),
}

/// A connection to a supervisor.
#[derive(Debug)]
pub struct Control {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Control {
    /// Connects to the supervisor of a cluster.
    pub fn connect(home: &Home) -> io::Result<Self> {
        let stream = UnixStream::connect(home.socket())?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, reader })
    }

    /// Gives an order, and waits for the answer.
    pub fn order(&mut self, order: &Order) -> io::Result<Answer> {
        write_line(&mut self.stream, order)?;
        read_line(&mut self.reader)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// How many KiB of memory an OS process has, where the machine tells.
pub fn memory_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
