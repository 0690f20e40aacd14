//! A cluster on this machine: one OS process per node, on loopback, and the hand that kills, restarts and cuts.

use crate::client::{Client, Command, NodeStatus, Reply, read_line, write_line};
use crate::keys::{self, Validity};
use crate::link::{self, LinkError, LinkSettings, Security};
use crate::node::{NodeConfig, RunError};
use crate::wal::WalOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};
use synod_model::{Bounds, Group, Process, ProcessId};
use thiserror::Error;

/// Ports are looked for from here on: below the range from which systems give ports to those who dial.
const PORTS: std::ops::Range<u16> = 18_000..31_000;
/// How long a node may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a node may take to stop when asked.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the keys that are made for a cluster are, in its directory.
const KEYS: &str = "keys";
const ATTEMPT_PAUSE: Duration = Duration::from_millis(5);

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct ClusterOptions<P: Process> {
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// n.
    pub processes: u32,
    /// What all processes know.
    pub parameters: P::Parameters,
    /// The known bounds of the synchronous model.
    pub bounds: Option<Bounds>,
    /// An empty or new directory for logs, records and what nodes print.
    pub directory: PathBuf,
    /// The port of process 0, the others' following; free ones are looked for if there is none given.
    pub first_port: Option<u16>,
    /// How long after it is set a pulse fires.
    pub pulse: Duration,
    /// The nodes' links. Where they are to be secure, and there is no directory of keys, keys are made for this cluster.
    pub links: LinkSettings,
}

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
    /// No ports are free.
    #[error("there are no {0} free ports on {ip} in {PORTS:?}", ip = Ipv4Addr::LOCALHOST)]
    NoPorts(u32),
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
    /// A node does not answer.
    #[error("{process} does not answer within {} s", START_TIMEOUT.as_secs())]
    Mute {
        /// Which.
        process: ProcessId,
    },
}

impl ClusterError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Link(e) => e.hint(),
            Self::Run(e) => e.hint(),
            Self::NoPorts(_) => "stop what listens on this machine, or name a first port",
            Self::NotEmpty(_) => "name a new directory: a cluster's logs and records stand by themselves",
            Self::Io { source, .. } => crate::disk::hint(source),
            Self::Spawn { .. } => "the limit on processes or memory may be reached (`ulimit -u`)",
            Self::Died { .. } => "if it says `panicked`, that is a bug of the algorithm or of this program",
            Self::Mute { .. } => "the machine may be overloaded: try again with fewer processes",
        }
    }
}

/// Something that a cluster's node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<I> {
    /// Who.
    pub process: ProcessId,
    /// In which incarnation.
    pub incarnation: u64,
    /// What.
    pub reply: Reply<I>,
}

/// A running cluster. Dropping it kills its nodes.
pub struct Cluster<P: Process> {
    directory: PathBuf,
    nodes: Vec<Node<P>>,
    command: Box<dyn Fn(&Path) -> std::process::Command>,
    told: Receiver<Told<P::Indication>>,
    tell: Sender<Told<P::Indication>>,
    /// What is cut, to be cut again when a node comes back.
    cuts: BTreeSet<(ProcessId, ProcessId)>,
}

struct Node<P: Process> {
    config: NodeConfig<P>,
    child: Option<Child>,
    stream: Option<TcpStream>,
    incarnation: u64,
}

impl<P: Process> Cluster<P> {
    /// Starts all nodes. `command` gives the program that runs [`crate::node::run_node`] with the configuration in a file.
    pub fn start(
        options: ClusterOptions<P>,
        command: impl Fn(&Path) -> std::process::Command + 'static,
    ) -> Result<Self, ClusterError> {
        let directory = &options.directory;
        let failed = |operation, source| ClusterError::Io { operation, path: directory.clone(), source };
        fs::create_dir_all(directory).map_err(|e| failed("create", e))?;
        if fs::read_dir(directory).map_err(|e| failed("read", e))?.next().is_some() {
            return Err(ClusterError::NotEmpty(directory.clone()));
        }
        let addresses = addresses(&options)?;
        if options.links.security != Security::None && options.links.keys.is_none() {
            let made = directory.join(KEYS);
            keys::generate("run", options.processes, Validity::of(keys::VALID), &made)
                .map_err(LinkError::from)?;
        }
        let (tell, told) = mpsc::channel();
        let cluster = RandomState::new().hash_one(std::process::id());
        let nodes = addresses.keys().map(|&p| Node::new(config(&options, cluster, p, &addresses))).collect();
        let mut cluster = Self {
            directory: options.directory,
            nodes,
            command: Box::new(command),
            told,
            tell,
            cuts: BTreeSet::new(),
        };
        for p in cluster.processes() {
            cluster.spawn(p)?;
        }
        for p in cluster.processes() {
            cluster.connect(p)?;
        }
        Ok(cluster)
    }

    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> + use<P> {
        (0..self.nodes.len() as u32).map(ProcessId)
    }

    /// Whether the node of a process runs.
    pub fn is_up(&self, p: ProcessId) -> bool {
        self.nodes[p.index()].child.is_some()
    }

    /// The incarnation of the node that runs, or ran last.
    pub fn incarnation(&self, p: ProcessId) -> u64 {
        self.nodes[p.index()].incarnation
    }

    /// Where clients find a process.
    pub fn address(&self, p: ProcessId) -> SocketAddr {
        self.nodes[p.index()].config.listen
    }

    /// Where the nodes' records are.
    pub fn records(&self) -> PathBuf {
        self.directory.join("records")
    }

    fn spawn(&mut self, p: ProcessId) -> Result<(), ClusterError> {
        let path = self.directory.join(format!("{p}.json"));
        let output = self.output_of(p)?;
        let node = &mut self.nodes[p.index()];
        node.config.store(&path)?;
        let mut command = (self.command)(&path);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output);
        let child = command.spawn().map_err(|source| ClusterError::Spawn { process: p, source })?;
        node.child = Some(child);
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
            let NodeConfig { listen, cluster, .. } = self.nodes[p.index()].config;
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
        let listen = move || forward::<P>(p, incarnation, reader, &tell);
        thread::Builder::new()
            .name(format!("from {p}"))
            .spawn(listen)
            .map_err(|source| ClusterError::Spawn { process: p, source })?;
        let node = &mut self.nodes[p.index()];
        (node.stream, node.incarnation) = (Some(stream), incarnation);
        let cuts: Vec<_> = self.cuts.iter().filter(|(from, _)| *from == p).copied().collect();
        for (from, to) in cuts {
            self.command(from, &Command::Cut(to));
        }
        Ok(())
    }

    /// An error if the node has ended though nobody killed it.
    fn check(&mut self, p: ProcessId) -> Result<(), ClusterError> {
        let Some(child) = &mut self.nodes[p.index()].child else { return Ok(()) };
        match child.try_wait() {
            Ok(Some(status)) => {
                self.nodes[p.index()].child = None;
                let said = fs::read_to_string(self.output_path(p)).unwrap_or_default();
                Err(ClusterError::Died { process: p, status, said: last_words(&said) })
            }
            _ => Ok(()),
        }
    }

    /// An error if any node has ended though nobody killed it.
    pub fn check_all(&mut self) -> Result<(), ClusterError> {
        self.processes().try_for_each(|p| self.check(p))
    }

    /// `kill -9`. Whether there was a node to kill.
    pub fn kill(&mut self, p: ProcessId) -> bool {
        let node = &mut self.nodes[p.index()];
        node.stream = None;
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

    /// Cuts a link, one way; also for incarnations to come.
    pub fn cut(&mut self, from: ProcessId, to: ProcessId) {
        self.cuts.insert((from, to));
        self.command(from, &Command::Cut(to));
    }

    /// Heals a link. The sender's reply tells how many messages had waited.
    pub fn heal(&mut self, from: ProcessId, to: ProcessId) {
        self.cuts.remove(&(from, to));
        self.command(from, &Command::Heal(to));
    }

    /// What is cut.
    pub fn cuts(&self) -> &BTreeSet<(ProcessId, ProcessId)> {
        &self.cuts
    }

    /// Asks a process for something. Whether it could be told: if so it is still not known to have heard.
    pub fn request(&mut self, p: ProcessId, request: P::Request) -> bool {
        self.command(p, &Command::Request(request))
    }

    /// Asks a node how it is. The answer is a reply.
    pub fn ask_status(&mut self, p: ProcessId) -> bool {
        self.command(p, &Command::Status)
    }

    fn command(&mut self, p: ProcessId, command: &Command<P::Request>) -> bool {
        let stream = &mut self.nodes[p.index()].stream;
        stream.as_mut().is_some_and(|stream| write_line(stream, command).is_ok())
    }

    /// The next thing that a node says, if one does in time.
    pub fn poll(&mut self, patience: Duration) -> Option<Told<P::Indication>> {
        self.told.recv_timeout(patience).ok()
    }

    /// The status of every node that is up. What else they say meanwhile goes to `other`.
    pub fn statuses(
        &mut self,
        other: &mut impl FnMut(Told<P::Indication>),
    ) -> BTreeMap<ProcessId, NodeStatus> {
        let asked: Vec<_> = self.processes().collect();
        let mut missing: BTreeSet<_> = asked.into_iter().filter(|&p| self.ask_status(p)).collect();
        let mut statuses = BTreeMap::new();
        while !missing.is_empty()
            && let Some(told) = self.poll(STOP_TIMEOUT)
        {
            if let Reply::Status(status) = told.reply {
                missing.remove(&told.process);
                statuses.insert(told.process, status);
            } else {
                other(told);
            }
        }
        statuses
    }

    /// Stops all nodes in order; those that do not stop in time are killed. What they say last goes to `other`.
    pub fn stop(mut self, other: &mut impl FnMut(Told<P::Indication>)) -> Result<(), ClusterError> {
        self.check_all()?;
        for p in self.processes() {
            self.command(p, &Command::Stop);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for p in self.processes() {
            self.wait_for_end(p, deadline)?;
        }
        while let Ok(told) = self.told.try_recv() {
            other(told);
        }
        Ok(())
    }

    fn wait_for_end(&mut self, p: ProcessId, deadline: Instant) -> Result<(), ClusterError> {
        while let Some(child) = &mut self.nodes[p.index()].child {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => self.nodes[p.index()].child = None,
                Ok(Some(_)) => return self.check(p),
                _ if Instant::now() > deadline => _ = self.kill(p),
                _ => thread::sleep(ATTEMPT_PAUSE),
            }
        }
        Ok(())
    }
}

impl<P: Process> Drop for Cluster<P> {
    fn drop(&mut self) {
        for p in self.processes() {
            self.kill(p);
        }
    }
}

impl<P: Process> Node<P> {
    fn new(config: NodeConfig<P>) -> Self {
        Self { config, child: None, stream: None, incarnation: 0 }
    }
}

/// Why a node ended, from what it printed: its panic or its error, without the way there.
fn last_words(output: &str) -> String {
    let lines: Vec<_> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let cause = lines.iter().rposition(|line| line.contains("panicked at") || line.starts_with("error"));
    let from = cause.unwrap_or(lines.len().saturating_sub(3));
    lines[from..].iter().take(3).copied().collect::<Vec<_>>().join(" ")
}

/// Passes on what a node says until it ends.
fn forward<P: Process>(
    process: ProcessId,
    incarnation: u64,
    mut reader: BufReader<TcpStream>,
    tell: &Sender<Told<P::Indication>>,
) {
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

fn config<P: Process>(
    options: &ClusterOptions<P>,
    cluster: u64,
    p: ProcessId,
    addresses: &BTreeMap<ProcessId, SocketAddr>,
) -> NodeConfig<P> {
    NodeConfig {
        algorithm: options.algorithm.clone(),
        cluster,
        process: p,
        group: Group::first(options.processes),
        parameters: options.parameters.clone(),
        bounds: options.bounds,
        listen: addresses[&p],
        peers: addresses.iter().filter(|&(&q, _)| q != p).map(|(&q, &address)| (q, address)).collect(),
        directory: options.directory.join(p.to_string()),
        records: options.directory.join("records"),
        pulse: options.pulse,
        log: WalOptions::default(),
        links: LinkSettings { keys: keys_of(&options.directory, p, &options.links), ..options.links.clone() },
        stop_with_input: true,
    }
}

/// Where each process will listen: at ports that are free now.
fn addresses<P: Process>(
    options: &ClusterOptions<P>,
) -> Result<BTreeMap<ProcessId, SocketAddr>, ClusterError> {
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let processes = Group::first(options.processes).members();
    if let Some(first) = options.first_port {
        let addresses: BTreeMap<_, _> =
            processes.map(|p| (p, at(first.saturating_add(p.0 as u16)))).collect();
        // All at once: so that two nodes at one port are noticed too.
        let taken: Result<Vec<_>, _> = addresses.values().map(|&address| link::listen(address)).collect();
        return Ok(taken.map(|_| addresses)?);
    }
    let begin = RandomState::new().hash_one(std::process::id()) % PORTS.len() as u64;
    let candidates = PORTS.cycle().skip(begin as usize).take(PORTS.len());
    let mut free = candidates.map(at).filter_map(|address| Some((address, link::listen(address).ok()?)));
    let held: Vec<_> = processes.map_while(|p| Some((p, free.next()?))).collect();
    if held.len() < options.processes as usize {
        return Err(ClusterError::NoPorts(options.processes));
    }
    Ok(held.into_iter().map(|(p, (address, _))| (p, address)).collect())
}
