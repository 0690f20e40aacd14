//! What is done with a cluster that stays up.

#![allow(rustdoc::broken_intra_doc_links, reason = "help texts: what stands in brackets may be left out")]

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use synod_kernel::Budget;
use synod_kernel::environment::duration;
use synod_runtime::cluster::NetworkKind;

/// `cluster`.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum Cluster {
    /// Starts a cluster in the background; its name is the algorithm's, unless --as gives another.
    Up(Up),
    /// Which clusters there are.
    List,
    /// How its nodes, links and clocks are.
    Status(At),
    /// Asks a process for something, in JSON, and prints what processes tell: [NAME] PROCESS JSON.
    Request(Request),
    /// kill -9: [NAME] PROCESS.
    Kill(Words),
    /// Stops the OS process of a node, with all that it knows: [NAME] PROCESS.
    Pause(Words),
    /// Lets a paused node go on: [NAME] PROCESS.
    Resume(Words),
    /// Starts a node that was killed again: [NAME] PROCESS.
    Restart(Words),
    /// Cuts the links between groups, or one way: [NAME] '0 | 1,2' or [NAME] '0 -> 1,2'.
    Partition(Words),
    /// What passes is late: [NAME] 20ms..50ms, and of which links, where not of all: '0 -> 1', '0 | 1,2', 2.
    Delay(Words),
    /// What passes is lost; on TCP, connections break: [NAME] 5%, and of which links.
    Loss(Words),
    /// Datagrams pass twice: [NAME] 5%, and of which links.
    Duplicate(Words),
    /// Sets a clock, by a jump, a rate or both: [NAME] PROCESS +2s x1.05.
    Skew(Skew),
    /// The network and the clocks are as they were; or one way is: [NAME] '0 -> 1'.
    Heal(Words),
    /// Starts a process elsewhere, with its volume, or `without volume`: [NAME] PROCESS [without volume].
    Replace(Words),
    /// A process more, where an algorithm can take one in: [NAME].
    Grow(At),
    /// Lets the faults of an experiment's `[[run.schedule]]` strike, each at its time.
    Nemesis(Nemesis),
    /// Judges what its nodes recorded, up or down.
    Judge(At),
    /// Stops it in order, and judges what its nodes recorded.
    Down(Down),
    /// Runs an algorithm again and again under faults, and judges all of it.
    Soak(Soak),
}

const AFTER_HELP: &str = "\
NAME may be left out where there is one cluster. Processes are 0, 1, .. or p0, p1, ..
Words in place of the shell's own signs: `0 and 1,2` for '0 | 1,2', `0 to 1` for '0 -> 1'.

  cluster up paxos -n 3                      cluster partition paxos '0 | 1,2'
  cluster request paxos 0 '{\"instance\":0,\"value\":7}'  cluster delay paxos 20ms..50ms '0 -> 1'
  cluster kill paxos 2                       cluster skew paxos 1 +2s x1.05
  cluster restart paxos 2                    cluster heal paxos
  cluster status paxos                       cluster down paxos
  cluster soak paxos --minutes 10 --nemesis all";

/// Which cluster.
#[derive(Clone, Debug, Default, Args)]
pub struct At {
    /// Its name; may be left out where there is one.
    pub name: Option<String>,
    /// Its directory, in place of .synod/clusters/NAME.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "name")]
    pub dir: Option<PathBuf>,
}

/// Which cluster, and what befalls it.
#[derive(Clone, Debug, Default, Args)]
pub struct Words {
    /// The cluster's name, where there is more than one, and what befalls it.
    #[arg(value_name = "WORDS", allow_negative_numbers = true)]
    pub words: Vec<String>,
    /// Its directory, in place of .synod/clusters/NAME.
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
}

/// `cluster skew`: jumps begin with a sign.
#[derive(Clone, Debug, Default, Args)]
pub struct Skew {
    /// Its directory, in place of .synod/clusters/NAME. Stands before the words.
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
    /// The cluster's name, where there is more than one, the process, and how its clock is set.
    #[arg(value_name = "WORDS", allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// `cluster request`.
#[derive(Clone, Debug, Args)]
pub struct Request {
    /// Whom to ask for what.
    #[command(flatten)]
    pub words: Words,
    /// How long to listen for what comes of it.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "2s")]
    pub wait: Duration,
}

/// `cluster up`.
#[derive(Clone, Debug, Default, Args)]
pub struct Up {
    /// The algorithm, as `list` names it; may be left out where there is only one.
    pub algorithm: Option<String>,
    /// The cluster's name, where it is not the algorithm's.
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Its directory, in place of .synod/clusters/NAME.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "name")]
    pub dir: Option<PathBuf>,
    /// An experiment file, which names the algorithm and the rest (docs/experiments.md).
    #[arg(long, value_name = "FILE", conflicts_with = "algorithm")]
    pub experiment: Option<PathBuf>,
    /// How many processes.
    #[arg(short, long, value_name = "NUMBER")]
    pub n: Option<u32>,
    /// How many requests its parameters are made for.
    #[arg(long, value_name = "NUMBER")]
    pub requests: Option<u32>,
    /// f: how many processes may stop for ever.
    #[arg(long = "f", value_name = "BUDGET", value_parser = super::budget)]
    pub stops: Option<Budget>,
    /// The broken twin to take in place of the algorithm.
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// The port of process 0, the others' following; free ones are looked for if there is none.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// What carries the messages: datagrams where the model asks for no more than fair-loss links, else streams, unless told otherwise.
    #[arg(long, value_name = "TRANSPORT")]
    pub transport: Option<super::TransportName>,
    /// What keeps others from speaking in a process's name; the keys are made for the cluster.
    #[arg(long, value_name = "SECURITY")]
    pub security: Option<super::SecurityName>,
    /// What the network draws by, where it is told to lose or delay.
    #[arg(long, value_name = "SEED", value_parser = super::seed)]
    pub seed: Option<u64>,
    /// Whether the nodes record what they do: their records grow as long as they run, and without them nothing is judged,
    /// replayed or measured.
    #[arg(long, value_name = "SWITCH", value_enum, default_value_t)]
    pub record: Switch,
    /// What is between the nodes.
    #[arg(long, value_name = "NETWORK", value_enum, default_value_t)]
    pub network: NetworkName,
    /// Remove what a cluster of this name left.
    #[arg(long)]
    pub fresh: bool,
}

/// What is between the nodes of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NetworkName {
    /// A proxy on every link, on loopback: has all faults, and needs no root.
    #[default]
    Proxy,
    /// A network namespace for each node: partitions in the kernel; needs root, and has no delay, loss or duplicate.
    Namespaces,
}

impl From<NetworkName> for NetworkKind {
    fn from(name: NetworkName) -> Self {
        match name {
            NetworkName::Proxy => Self::Proxy,
            NetworkName::Namespaces => Self::Namespaces,
        }
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// It is done.
    #[default]
    On,
    /// It is not.
    Off,
}

/// `cluster nemesis`.
#[derive(Clone, Debug, Default, Args)]
pub struct Nemesis {
    /// Which cluster.
    #[command(flatten)]
    pub at: At,
    /// The experiment file with the schedule.
    #[arg(long, value_name = "FILE")]
    pub experiment: PathBuf,
}

/// `cluster down`.
#[derive(Clone, Debug, Default, Args)]
pub struct Down {
    /// Which cluster.
    #[command(flatten)]
    pub at: At,
    /// Leave the records as they are; `cluster judge` judges them later.
    #[arg(long)]
    pub no_judge: bool,
}

/// `cluster soak`.
#[derive(Clone, Debug, Default, Args)]
pub struct Soak {
    /// What is run, and where.
    #[command(flatten)]
    pub up: Up,
    /// How long, in minutes; 10 where nothing is said.
    #[arg(long, value_name = "NUMBER")]
    pub minutes: Option<u64>,
    /// How long, in seconds, besides.
    #[arg(long, value_name = "NUMBER")]
    pub seconds: Option<u64>,
    /// Which faults: kills, pauses, partitions, clock, delay, loss, some of them with commas; all that the model has; or none.
    #[arg(long, value_name = "KINDS", default_value = "all")]
    pub nemesis: String,
    /// Also those that the model does not have: the verdict says so.
    #[arg(long)]
    pub beyond_the_model: bool,
    /// Keep the logs and records of every episode, not only of those that are wrong.
    #[arg(long)]
    pub keep: bool,
}
