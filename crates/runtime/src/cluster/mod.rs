//! A cluster on this machine: one OS process per node, on loopback with a proxy on every link or in network namespaces, and
//! the hand that kills, pauses, cuts and delays.
//!
//! It knows no process: parameters, requests and indications are values in JSON.

pub mod control;
mod error;
mod fault;
pub mod limits;
mod network;
mod ports;
mod spaces;
pub mod supervisor;

pub(crate) use self::ports::RANGE as PORTS;

pub use self::error::ClusterError;
pub use self::fault::{Change, Fault, Links, Volume, WORDS};
pub use self::network::NetworkKind;

use self::network::{Addresses, Network};
use crate::client::{Client, Command, Reply, read_line, write_line};
use crate::clock::{ClockSettings, Jump};
use crate::disk::OsDisk;
use crate::keys::{self, Validity};
use crate::link::{LinkError, LinkSettings, Place, Security};
use crate::node::{Config, stop_within};
use crate::proxy::{Passed, Rule, Way};
use crate::wal::{Identity, Wal, WalOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};
use synod_model::{Bounds, Group, ProcessId};

/// How long a node may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a node may take to stop when asked.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the keys that are made for a cluster are, in its directory.
const KEYS: &str = "keys";
const ATTEMPT_PAUSE: Duration = Duration::from_millis(5);

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// n.
    pub processes: u32,
    /// What all processes know.
    pub parameters: Value,
    /// The known bounds of the synchronous model.
    pub bounds: Option<Bounds>,
    /// A directory for logs, records and what nodes print.
    pub directory: PathBuf,
    /// The port of process 0, the others' following; free ones are looked for if there is none given.
    pub first_port: Option<u16>,
    /// How long after it is set a pulse fires.
    pub pulse: Duration,
    /// What the proxy draws by.
    pub seed: u64,
    /// The nodes' links. Where they are to be secure, and there is no directory of keys, keys are made for this cluster.
    pub links: LinkSettings,
    /// Whether the nodes record what they do.
    pub record: bool,
    /// What is between the nodes.
    pub network: NetworkKind,
}

/// Something that a cluster's node says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Who.
    pub process: ProcessId,
    /// In which incarnation.
    pub incarnation: u64,
    /// What.
    pub reply: Reply<Value>,
}

/// A running cluster. Dropping it kills its nodes.
pub struct Cluster {
    directory: PathBuf,
    nodes: Vec<Node>,
    network: Network,
    command: Box<dyn Fn(&Path) -> std::process::Command + Send>,
    tell: Sender<Told>,
}

struct Node {
    config: Config<Value>,
    child: Option<Child>,
    stream: Option<TcpStream>,
    incarnation: u64,
    paused: bool,
}

impl Cluster {
    /// Starts all nodes. `command` gives the program that runs [`crate::node::run_node`] with the configuration in a
    /// file. What the nodes say comes out of the receiver.
    pub fn start(
        options: ClusterOptions,
        command: impl Fn(&Path) -> std::process::Command + Send + 'static,
    ) -> Result<(Self, Receiver<Told>), ClusterError> {
        empty(&options.directory)?;
        if options.links.security != Security::None && options.links.keys.is_none() {
            let made = options.directory.join(KEYS);
            keys::generate("run", options.processes, Validity::of(keys::VALID), &made)
                .map_err(LinkError::from)?;
        }
        let (network, Addresses { nodes: listens, operators, peers }) = Network::start(&options)?;
        let cluster = RandomState::new().hash_one(std::process::id());
        let node = |(&p, &listen)| {
            let peers = peers.get(&p).into_iter().flatten().map(|(&q, &at)| (q, at.into())).collect();
            let operators = operators.get(&p).copied();
            Node::new(Config { operators, ..config(&options, cluster, p, listen, peers) })
        };
        let nodes = listens.iter().map(node).collect();
        let (tell, told) = mpsc::channel();
        let directory = options.directory;
        let mut cluster = Self { directory, nodes, network, command: Box::new(command), tell };
        for p in cluster.processes() {
            cluster.spawn(p)?;
        }
        for p in cluster.processes() {
            cluster.connect(p)?;
        }
        Ok((cluster, told))
    }

    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (0..self.nodes.len() as u32).map(ProcessId)
    }

    /// Whether the node of a process runs.
    pub fn is_up(&self, p: ProcessId) -> bool {
        self.nodes[p.index()].child.is_some()
    }

    /// Whether it is paused.
    pub fn is_paused(&self, p: ProcessId) -> bool {
        self.nodes[p.index()].paused
    }

    /// Its OS process, if it runs.
    pub fn pid(&self, p: ProcessId) -> Option<u32> {
        self.nodes[p.index()].child.as_ref().map(Child::id)
    }

    /// The incarnation of the node that runs, or ran last.
    pub fn incarnation(&self, p: ProcessId) -> u64 {
        self.nodes[p.index()].incarnation
    }

    /// How much of the time of its clock passes in one second.
    pub fn clock_rate(&self, p: ProcessId) -> f64 {
        self.nodes[p.index()].config.clock.rate
    }

    /// Where clients find a process.
    pub fn address(&self, p: ProcessId) -> SocketAddr {
        self.nodes[p.index()].config.listen
    }

    /// Where it tells operators how it is, over HTTP.
    pub fn operators(&self, p: ProcessId) -> Option<SocketAddr> {
        self.nodes[p.index()].config.operators
    }

    /// What tells its nodes from those of other clusters.
    pub fn identity(&self) -> u64 {
        self.nodes.first().map_or(0, |node| node.config.cluster)
    }

    /// Where the nodes' records are.
    pub fn records(&self) -> PathBuf {
        self.directory.join("records")
    }

    /// What is done to links now.
    pub fn rules(&self) -> BTreeMap<Way, Rule> {
        self.network.rules()
    }

    /// What passed the links, and what did not; `None` where nobody counts.
    pub fn passed(&self) -> Option<BTreeMap<Way, Passed>> {
        self.network.passed()
    }

    fn spawn(&mut self, p: ProcessId) -> Result<(), ClusterError> {
        let path = self.directory.join(format!("{p}.json"));
        let output = self.output_of(p)?;
        let node = &mut self.nodes[p.index()];
        node.config.store(&path)?;
        let mut command = self.network.place(p, (self.command)(&path));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output);
        let child = command.spawn().map_err(|source| ClusterError::Spawn { process: p, source })?;
        (node.child, node.paused) = (Some(child), false);
        Ok(())
    }

    fn output_path(&self, p: ProcessId) -> PathBuf {
        self.directory.join(format!("{p}.stderr"))
    }

    /// The file that takes what a node prints.
    fn output_of(&self, p: ProcessId) -> Result<File, ClusterError> {
        let path = self.output_path(p);
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened.map_err(|source| ClusterError::Io { operation: "create", path, source })
    }

    /// Waits until the node answers.
    fn connect(&mut self, p: ProcessId) -> Result<(), ClusterError> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.check(p)?;
            let Config { listen, cluster, .. } = self.nodes[p.index()].config;
            match Client::connect(listen, cluster, START_TIMEOUT) {
                Ok(client) if client.process == p => return self.welcome(p, client),
                _ if Instant::now() > deadline => return Err(ClusterError::Mute { process: p }),
                _ => thread::sleep(ATTEMPT_PAUSE),
            }
        }
    }

    fn welcome(&mut self, p: ProcessId, client: Client) -> Result<(), ClusterError> {
        let incarnation = client.incarnation;
        let (stream, reader) = client.split();
        let tell = self.tell.clone();
        let listen = move || forward(p, incarnation, reader, &tell);
        thread::Builder::new()
            .name(format!("from {p}"))
            .spawn(listen)
            .map_err(|source| ClusterError::Spawn { process: p, source })?;
        let node = &mut self.nodes[p.index()];
        (node.stream, node.incarnation) = (Some(stream), incarnation);
        Ok(())
    }

    /// An error if the node has ended though nobody killed it. It counts as down from then on.
    pub fn check(&mut self, p: ProcessId) -> Result<(), ClusterError> {
        let Some(child) = &mut self.nodes[p.index()].child else { return Ok(()) };
        match child.try_wait() {
            Ok(Some(status)) => {
                let node = &mut self.nodes[p.index()];
                (node.child, node.stream, node.paused) = (None, None, false);
                let said = fs::read(self.output_path(p)).unwrap_or_default();
                let said = last_words(&String::from_utf8_lossy(&said));
                Err(ClusterError::Died { process: p, status, said })
            }
            _ => Ok(()),
        }
    }

    /// An error if any node has ended though nobody killed it.
    pub fn check_all(&mut self) -> Result<(), ClusterError> {
        self.processes().try_for_each(|p| self.check(p))
    }

    /// Lets a fault strike. Whether anything changed by it.
    pub fn strike(&mut self, fault: &Fault) -> Result<bool, ClusterError> {
        let count = self.nodes.len();
        if let Some(&process) = fault.processes().iter().find(|p| p.index() >= count) {
            return Err(ClusterError::NoSuchProcess { process, count });
        }
        self.network.takes(fault)?;
        if let Some((ways, change)) = fault.on_links(count) {
            self.network.change(&ways, change)?;
        }
        match fault {
            Fault::Kill(p) => Ok(self.kill(*p)),
            Fault::Restart(p) => self.restart(*p),
            Fault::Pause(p) => self.pause(*p),
            Fault::Resume(p) => self.resume(*p),
            Fault::Replace(p, volume) => self.replace(*p, *volume).map(|()| true),
            Fault::Skew(p, jump, rate) => Ok(self.skew(*p, *jump, *rate)),
            Fault::HealAll => {
                self.heal_clocks();
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// Clocks go as they should.
    fn heal_clocks(&mut self) {
        let skewed = |cluster: &Self, p| (cluster.clock_rate(p) - 1.0).abs() > f64::EPSILON;
        let skewed: Vec<_> = self.processes().filter(|&p| skewed(self, p)).collect();
        for p in skewed {
            self.skew(p, Jump::default(), 1.0);
        }
    }

    /// `kill -9`. Whether there was a node to kill.
    pub fn kill(&mut self, p: ProcessId) -> bool {
        let node = &mut self.nodes[p.index()];
        (node.stream, node.paused) = (None, false);
        let Some(mut child) = node.child.take() else { return false };
        let killed = child.kill().is_ok();
        let _ = child.wait();
        killed
    }

    /// Starts a node that was killed again. Whether it was down.
    pub fn restart(&mut self, p: ProcessId) -> Result<bool, ClusterError> {
        if self.is_up(p) {
            return Ok(false);
        }
        self.spawn(p)?;
        self.connect(p)?;
        Ok(true)
    }

    fn pause(&mut self, p: ProcessId) -> Result<bool, ClusterError> {
        self.signal(p, Signal::STOP, true)
    }

    fn resume(&mut self, p: ProcessId) -> Result<bool, ClusterError> {
        self.signal(p, Signal::CONT, false)
    }

    /// Whether that changed anything.
    fn signal(&mut self, p: ProcessId, signal: Signal, paused: bool) -> Result<bool, ClusterError> {
        let node = &mut self.nodes[p.index()];
        // a child that was not waited for keeps its number, so no other process is meant
        let Some(child) = node.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()))
        else {
            return Ok(false);
        };
        if node.paused == paused {
            return Ok(false);
        }
        let failed = |e: rustix::io::Errno| ClusterError::Signal { process: p, source: e.into() };
        kill_process(child, signal).map_err(failed)?;
        node.paused = paused;
        Ok(true)
    }

    /// Sets a clock; its rate also for incarnations to come. Whether the node could be told.
    fn skew(&mut self, p: ProcessId, jump: Jump, rate: f64) -> bool {
        self.nodes[p.index()].config.clock = ClockSettings { rate };
        self.command::<()>(p, &Command::Clock { jump, rate })
    }

    /// Starts a process elsewhere: at another port, with the same volume or with none. What it had not stored is lost.
    fn replace(&mut self, p: ProcessId, volume: Volume) -> Result<(), ClusterError> {
        self.kill(p);
        let address = self.network.relocate(p, self.address(p))?;
        if volume == Volume::Lost {
            let Node { config, incarnation, .. } = &self.nodes[p.index()];
            let identity = Identity { cluster: config.cluster, process: p };
            renew_volume(&config.directory, identity, *incarnation)?;
        }
        self.nodes[p.index()].config.listen = address;
        self.spawn(p)?;
        self.connect(p)
    }

    /// Asks a process for something. Whether it could be told: if so it is still not known to have heard.
    pub fn request(&mut self, p: ProcessId, request: &Value) -> bool {
        self.command(p, &Command::Request(request))
    }

    /// Asks a node how it is. The answer is a reply.
    pub fn ask_status(&mut self, p: ProcessId) -> bool {
        self.command::<()>(p, &Command::Status)
    }

    fn command<Q: serde::Serialize>(&mut self, p: ProcessId, command: &Command<Q>) -> bool {
        let stream = &mut self.nodes[p.index()].stream;
        stream.as_mut().is_some_and(|stream| write_line(stream, command).is_ok())
    }

    /// Stops all nodes in order; those that do not stop in time are killed. The error is the first of a node that had
    /// ended by itself.
    pub fn stop(mut self) -> Result<(), ClusterError> {
        let mut ended = self.check_all();
        for p in self.processes() {
            let _ = self.resume(p);
            self.command::<()>(p, &Command::Stop);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for p in self.processes() {
            ended = ended.and(self.wait_for_end(p, deadline));
        }
        ended
    }

    fn wait_for_end(&mut self, p: ProcessId, deadline: Instant) -> Result<(), ClusterError> {
        while let Some(child) = &mut self.nodes[p.index()].child {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => self.nodes[p.index()].child = None,
                Ok(Some(_)) => return self.check(p),
                _ if Instant::now() > deadline => {
                    self.kill(p);
                    return Err(ClusterError::Deaf { process: p });
                }
                _ => thread::sleep(ATTEMPT_PAUSE),
            }
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for p in self.processes() {
            self.kill(p);
        }
    }
}

impl Node {
    fn new(config: Config<Value>) -> Self {
        Self { config, child: None, stream: None, incarnation: 0, paused: false }
    }
}

/// Makes sure of an empty directory.
pub(crate) fn empty(directory: &Path) -> Result<(), ClusterError> {
    let failed = |operation, source| ClusterError::Io { operation, path: directory.to_owned(), source };
    fs::create_dir_all(directory).map_err(|e| failed("create", e))?;
    match fs::read_dir(directory).map_err(|e| failed("read", e))?.next() {
        None => Ok(()),
        Some(_) => Err(ClusterError::NotEmpty(directory.to_owned())),
    }
}

/// An empty volume. Its incarnations are counted on, so that nobody takes what its predecessor sent for its own.
pub(crate) fn renew_volume(path: &Path, identity: Identity, incarnations: u64) -> Result<(), ClusterError> {
    let failed = |source| ClusterError::Io { operation: "remove", path: path.to_owned(), source };
    fs::remove_dir_all(path).map_err(failed)?;
    for _ in 0..incarnations {
        Wal::open(&OsDisk, path, identity)?;
    }
    Ok(())
}

/// Why a node ended, from what it printed: its panic or its error, without the way there.
fn last_words(output: &str) -> String {
    let lines: Vec<_> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let cause = lines.iter().rposition(|line| line.contains("panicked at") || line.starts_with("error"));
    let from = cause.unwrap_or(lines.len().saturating_sub(3));
    lines[from..].iter().take(3).copied().collect::<Vec<_>>().join(" ")
}

/// Passes on what a node says until it ends.
fn forward(process: ProcessId, incarnation: u64, mut reader: BufReader<TcpStream>, tell: &Sender<Told>) {
    while let Ok(Some(reply)) = read_line(&mut reader) {
        if tell.send(Told { process, incarnation, reply }).is_err() {
            return;
        }
    }
}

/// Where the keys of a process are: those that were given, or those made for this cluster.
fn keys_of(directory: &Path, p: ProcessId, links: &LinkSettings) -> Option<PathBuf> {
    let made = (links.security != Security::None).then(|| directory.join(KEYS));
    links.keys.clone().or(made).map(|keys| keys.join(p.to_string()))
}

fn config(
    options: &ClusterOptions,
    cluster: u64,
    process: ProcessId,
    listen: SocketAddr,
    peers: BTreeMap<ProcessId, Place>,
) -> Config<Value> {
    Config {
        algorithm: options.algorithm.clone(),
        cluster,
        process,
        group: Group::first(options.processes),
        parameters: options.parameters.clone(),
        bounds: options.bounds,
        listen,
        peers,
        directory: options.directory.join(process.to_string()),
        records: if options.record { options.directory.join("records") } else { PathBuf::new() },
        pulse: options.pulse,
        links: LinkSettings {
            keys: keys_of(&options.directory, process, &options.links),
            ..options.links.clone()
        },
        log: WalOptions::default(),
        stop_with_input: true,
        clock: ClockSettings::default(),
        operators: None,
        stop_within: stop_within(),
    }
}
