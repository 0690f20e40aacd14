//! A node: one process of an algorithm as an OS process.
//!
//! One thread owns the process. Its loop: handle what has arrived and what is due; record it; let leave what need not
//! wait; sync the log once for all of it; let leave what waited. Events that arrive during the sync share the next
//! one: group commit.
//!
//! What waits for the node is bounded: messages wait with their senders, commands with their clients. While a peer is
//! behind ([`Links::is_congested`]) no requests are taken. There are at most so many clients.

use crate::audience::{Audience, Listener};
use crate::client::{Command, NodeStatus, Reply, read_line, write_line};
use crate::clock::ClockSettings;
use crate::disk::{Disk, OsDisk};
use crate::host::{Host, Speech};
use crate::link::udp::stack::Build;
use crate::link::{self, Inbox, LinkError, LinkOptions, LinkSettings, Links, Place, Rejected};
use crate::mailbox::Mailbox;
use crate::record::{EffectName, RecordError};
use crate::wal::{WalError, WalOptions};
use crate::wire::Wire;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use synod_model::failure::{FailureKind, FailureModel, Who};
use synod_model::{Bounds, Event, FailuresOf, Group, Output, Process, ProcessId};
use thiserror::Error;

/// How many events are handled at most before what they say leaves.
const BATCH_EVENTS_MAX: usize = 256;
/// How long a client may take to read what it is told before it is hung up.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a node that takes no requests looks whether it may again.
const CONGESTION_PAUSE: Duration = Duration::from_millis(2);

/// Why a process that does not come back is asked in vain.
const OUTLIVED: &str =
    "it has stopped, and by its model does not come back to this instance: it joins the next";

/// All that a node needs to know; as a file, what its OS process is started with.
pub type NodeConfig<P> = Config<<P as Process>::Parameters>;

/// The same, whatever the parameters are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config<Q> {
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// The cluster: nodes and clients of another one are refused.
    pub cluster: u64,
    /// The process.
    pub process: ProcessId,
    /// All processes.
    pub group: Group,
    /// What all of them know.
    pub parameters: Q,
    /// The known bounds of the synchronous model.
    #[serde(default)]
    pub bounds: Option<Bounds>,
    /// Where it listens, for nodes and clients.
    pub listen: SocketAddr,
    /// Where the others listen: addresses, or names.
    pub peers: BTreeMap<ProcessId, Place>,
    /// Where its log is.
    pub directory: PathBuf,
    /// How the log uses the disk.
    #[serde(default)]
    pub log: WalOptions,
    /// Where its record goes.
    pub records: PathBuf,
    /// How long after it is set a pulse fires.
    #[serde(with = "synod_kernel::environment::duration")]
    pub pulse: Duration,
    /// Its links to the others.
    #[serde(default)]
    pub links: LinkSettings,
    /// Stop when the standard input ends: with the parent, even if that is killed.
    #[serde(default)]
    pub stop_with_input: bool,
    /// Its clock.
    #[serde(default)]
    pub clock: ClockSettings,
}

impl<Q: Serialize + DeserializeOwned> Config<Q> {
    /// Reads the configuration from a file.
    pub fn load(path: &Path) -> Result<Self, RunError> {
        let unreadable = |what: String| RunError::Config { path: path.to_owned(), what };
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))
    }

    /// Writes the configuration to a file.
    pub fn store(&self, path: &Path) -> Result<(), RunError> {
        let unwritable = |what: String| RunError::Config { path: path.to_owned(), what };
        let text = serde_json::to_string_pretty(self).map_err(|e| unwritable(e.to_string()))?;
        std::fs::write(path, text).map_err(|e| unwritable(e.to_string()))
    }
}

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
    #[error("write {number} in the log is none of this algorithm's: {source}")]
    ForeignWrite {
        /// Which, from 0 on.
        number: u64,
        /// Why.
        source: postcard::Error,
    },
    /// The snapshot holds what this algorithm does not write.
    #[error("the snapshot of the log is none of this algorithm's: {0}")]
    ForeignSnapshot(#[source] postcard::Error),
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

/// Runs a node until it is told to stop, or fails.
pub fn run_node<P: Process>(config: &NodeConfig<P>) -> Result<(), RunError> {
    run_node_on::<P>(&OsDisk, config, None)
}

/// As [`run_node`], on this disk; over `stack` if its links carry datagrams and it asks for better ones than they are.
pub fn run_node_on<P: Process>(
    disk: &dyn Disk,
    config: &NodeConfig<P>,
    stack: Option<Build>,
) -> Result<(), RunError> {
    let listener = link::listen(config.listen)?;
    let inputs = Arc::new(Mailbox::new(config.links.inbox));
    let watched = Arc::clone(&inputs);
    Node::<P>::open(disk, config, inputs, |options, door| {
        if config.stop_with_input {
            stop_with_input::<P>(watched)?;
        }
        Ok(link::start(&config.links, listener, LinkOptions { stack, ..options }, door)?)
    })?
    .run()
}

/// What happens to a node, from outside of the thread that owns it.
pub(crate) enum Input<P: Process> {
    Message(ProcessId, EffectName, P::Message),
    Joined(u64, Listener),
    Left(u64),
    Command(u64, Command<P::Request>),
    Garbage(u64, String),
    Impostor(String),
    Challenged(String),
    ParentGone,
    /// It ends at once, as if its OS process had been killed.
    Killed,
}

/// Parent gone, node gone.
fn stop_with_input<P: Process>(inputs: Arc<Mailbox<Input<P>>>) -> Result<(), RunError> {
    let watch = move || {
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        inputs.notice(Input::ParentGone);
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(watch).map(drop).map_err(RunError::Thread)
}

/// The way from the links' threads to the node's.
struct Door<P: Process> {
    inputs: Arc<Mailbox<Input<P>>>,
    wire: Arc<Wire>,
    cluster: u64,
    me: ProcessId,
    incarnation: u64,
    clients_max: usize,
    clients: AtomicUsize,
    joined: AtomicU64,
}

impl<P: Process> Inbox for Door<P> {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let (name, message) = self.wire.decode(payload)?;
        // Nobody takes it once the node has ended: it is lost with the node.
        self.inputs.message(Input::Message(from, name, message), payload.len());
        Ok(())
    }

    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        let (name, message) = self.wire.decode(payload)?;
        Ok(self.inputs.offer(Input::Message(from, name, message), payload.len()))
    }

    fn impostor(&self, why: &str) {
        self.inputs.notice(Input::Impostor(why.to_owned()));
    }

    fn challenged(&self, why: &str) {
        self.inputs.notice(Input::Challenged(why.to_owned()));
    }

    fn client(&self, stream: TcpStream) {
        let others = self.clients.fetch_add(1, Ordering::SeqCst);
        // A client that breaks off is no trouble of ours.
        let _ = if others < self.clients_max { self.serve(stream) } else { self.refuse(stream) };
        self.clients.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<P: Process> Door<P> {
    fn refuse(&self, mut stream: TcpStream) -> io::Result<()> {
        let why = format!("too many connections: {} clients are served at once", self.clients_max);
        stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
        write_line(&mut stream, &Reply::<()>::Refused(why))
    }

    /// A client, from its hello to its end.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
        stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
        let refusal = match read_line::<Command<P::Request>>(&mut reader) {
            Ok(Some(Command::Hello { cluster })) if cluster == self.cluster => None,
            Ok(Some(Command::Hello { .. })) => Some("this is a node of another cluster".to_owned()),
            Ok(_) => Some("the first line must be a hello".to_owned()),
            Err(e) => Some(format!("the first line must be a hello: {e}")),
        };
        if let Some(why) = refusal {
            return write_line(&mut stream, &Reply::<()>::Refused(why));
        }
        stream.set_read_timeout(None)?;
        let client = self.joined.fetch_add(1, Ordering::Relaxed);
        let listener = Listener::start(stream)?;
        listener.tell(&Reply::<()>::Welcome { process: self.me, incarnation: self.incarnation });
        self.inputs.notice(Input::Joined(client, listener));
        loop {
            let (input, is_request) = match read_line(&mut reader) {
                Ok(Some(command)) => {
                    let is_request = matches!(command, Command::Request(_));
                    (Input::Command(client, command), is_request)
                }
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    (Input::Garbage(client, e.to_string()), false)
                }
                Ok(None) | Err(_) => break,
            };
            if !self.inputs.command(input, is_request) {
                break;
            }
        }
        self.inputs.notice(Input::Left(client));
        Ok(())
    }
}

/// What waits for the node, for as long as there is one.
struct Inputs<P: Process>(Arc<Mailbox<Input<P>>>);

impl<P: Process> Drop for Inputs<P> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The thread that owns the process.
pub(crate) struct Node<'a, P: Process> {
    /// Closed before the links end: whoever waits for room is one of theirs.
    inputs: Inputs<P>,
    me: ProcessId,
    host: Host<'a, P>,
    wire: Arc<Wire>,
    links: Box<dyn Links>,
    audience: Audience,
    /// Inputs that wait for their turn.
    arrived: VecDeque<Input<P>>,
    /// A message to oneself goes through the network too: through this much of it.
    to_itself: VecDeque<(EffectName, P::Message)>,
    /// A buffer for payloads.
    payload: Vec<u8>,
    /// What a peer says of another node that claims to be this one.
    challenged: Option<String>,
    killed: bool,
}

impl<'a, P: Process> Node<'a, P> {
    /// A node that has started, over the links that `connect` makes.
    pub(crate) fn open(
        disk: &dyn Disk,
        config: &'a NodeConfig<P>,
        inputs: Arc<Mailbox<Input<P>>>,
        connect: impl FnOnce(LinkOptions, Arc<dyn Inbox>) -> Result<Box<dyn Links>, RunError>,
    ) -> Result<Self, RunError> {
        let (mut host, _torn) = Host::open(disk, config)?;
        host.start()?;
        let wire = Arc::new(Wire::new(FailuresOf::<P>::KIND, &config.links, config.cluster, config.process)?);
        let options = LinkOptions {
            cluster: config.cluster,
            me: config.process,
            incarnation: host.incarnation(),
            peers: config.peers.clone(),
            stack: None,
        };
        let door = Door::<P> {
            inputs: Arc::clone(&inputs),
            wire: Arc::clone(&wire),
            cluster: config.cluster,
            me: config.process,
            incarnation: host.incarnation(),
            clients_max: config.links.clients,
            clients: AtomicUsize::new(0),
            joined: AtomicU64::new(0),
        };
        let links = connect(options, Arc::new(door))?;
        if host.is_outlived() {
            links.greet();
        }
        Ok(Self {
            inputs: Inputs(inputs),
            me: config.process,
            host,
            wire,
            links,
            audience: Audience::default(),
            arrived: VecDeque::new(),
            to_itself: VecDeque::new(),
            payload: vec![],
            challenged: None,
            killed: false,
        })
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.host.incarnation()
    }

    /// A client in this OS process.
    pub(crate) fn admit(&mut self, client: u64, listener: Listener) {
        self.audience.join(client, listener);
    }
}

impl<P: Process> Node<'_, P> {
    /// Runs to the end.
    pub(crate) fn run(mut self) -> Result<(), RunError> {
        let ended = self.go_on();
        self.audience.dismiss();
        ended
    }

    fn go_on(&mut self) -> Result<(), RunError> {
        while self.turn(true)? {}
        self.finish()
    }

    /// What is recorded and said leaves; what is due and what has arrived is handled; if `wait`, it is waited for. Whether
    /// the node goes on.
    pub(crate) fn turn(&mut self, wait: bool) -> Result<bool, RunError> {
        let speech = self.host.flush()?;
        self.say(speech)?;
        if self.host.must_sync() {
            let speech = self.host.sync()?;
            self.say(speech)?;
            self.host.snapshot_if_due()?;
        }
        self.host.fire_due()?;
        for (name, message) in std::mem::take(&mut self.to_itself) {
            self.host.handle(Event::Message(self.me, message), Some(name))?;
        }
        self.links.poll();
        self.take_inputs(wait)
    }

    /// The end: in order, unless the node was killed.
    pub(crate) fn finish(&mut self) -> Result<(), RunError> {
        if self.killed {
            return Ok(());
        }
        let speech = self.host.flush()?;
        self.say(speech)?;
        let speech = self.host.sync()?;
        self.say(speech)?;
        self.host.stop()?;
        self.audience.stop();
        Ok(())
    }

    /// If `wait`, waits for an input, or until something is due; handles what there is. Whether the node goes on.
    fn take_inputs(&mut self, wait: bool) -> Result<bool, RunError> {
        let congested = self.links.is_congested();
        self.inputs.0.hold_requests(congested);
        if self.arrived.is_empty() {
            let pause = congested.then(|| Instant::now() + CONGESTION_PAUSE);
            let now = (!wait).then(Instant::now);
            self.arrived = self.inputs.0.take(self.deadline().into_iter().chain(pause).chain(now).min());
        }
        for _ in 0..BATCH_EVENTS_MAX {
            let Some(input) = self.arrived.pop_front() else { break };
            if !self.take(input)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Until when nothing is to do unless something arrives.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let has_arrived = !self.arrived.is_empty() || !self.inputs.0.is_empty();
        if has_arrived || !self.to_itself.is_empty() || self.host.must_flush() {
            return Some(Instant::now());
        }
        // what is due beyond the end of time is never
        self.host.next_timer().and_then(|left| Instant::now().checked_add(left))
    }

    fn take(&mut self, input: Input<P>) -> Result<bool, RunError> {
        match input {
            Input::Message(from, name, message) => {
                self.host.handle(Event::Message(from, message), Some(name))?;
            }
            Input::Joined(client, listener) => self.audience.join(client, listener),
            Input::Left(client) => self.audience.leave(client),
            Input::Command(client, command) => return self.obey(client, command),
            Input::Garbage(client, why) => self.audience.tell(client, &Reply::Refused(why)),
            // Where peers may lie, one of them could end this node with a word.
            Input::Impostor(_) if lies(FailuresOf::<P>::KIND) => {}
            Input::Impostor(why) => return Err(RunError::Replaced { process: self.me, why }),
            Input::Challenged(why) => self.challenged = Some(why),
            Input::ParentGone => return Ok(false),
            Input::Killed => {
                self.killed = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn obey(&mut self, client: u64, command: Command<P::Request>) -> Result<bool, RunError> {
        match command {
            Command::Hello { .. } => self.audience.tell(client, &Reply::Refused("we have met".to_owned())),
            Command::Request(_) if self.host.is_outlived() => {
                self.audience.tell(client, &Reply::Refused(OUTLIVED.to_owned()));
            }
            Command::Request(request) => {
                self.host.handle(Event::Request(request), None)?;
                let speech = self.host.flush()?;
                self.audience.tell(client, &Reply::Requested);
                self.say(speech)?;
            }
            Command::Cut(to) => {
                let reply = self.links.cut(to).map(|()| Reply::Cut(to));
                self.audience.tell(client, &reply.unwrap_or_else(refused));
            }
            Command::Heal(to) => {
                let reply = self.links.heal(to).map(|held| Reply::Healed { to, held });
                self.audience.tell(client, &reply.unwrap_or_else(refused));
            }
            Command::Clock { jump, rate } => {
                self.host.skew(jump, rate);
                self.audience.tell(client, &Reply::Clock);
            }
            Command::Status => self.audience.tell(client, &Reply::Status(self.status())),
            Command::Stop => return Ok(false),
        }
        Ok(true)
    }

    fn status(&self) -> NodeStatus {
        let (handlers, stores, syncs) = self.host.counts();
        NodeStatus {
            incarnation: self.host.incarnation(),
            handlers,
            stores,
            syncs,
            outlived: self.host.is_outlived(),
            links: self.links.status(),
            strangers: self.links.strangers(),
            challenged: self.challenged.clone(),
        }
    }

    /// What is released leaves.
    fn say(&mut self, speech: Vec<Speech<P>>) -> Result<(), RunError> {
        for said in speech {
            match said {
                Speech::Send { to, name, message } if to == self.me => {
                    self.to_itself.push_back((name, message));
                }
                Speech::Send { to, name, message } => {
                    let buffer = std::mem::take(&mut self.payload);
                    self.payload = self.wire.encode(name, &message, buffer).map_err(RunError::Value)?;
                    self.links.send(to, &self.payload)?;
                }
                Speech::Indicate(indication) => self.audience.indicate(indication),
            }
        }
        self.links.flush();
        Ok(())
    }
}

fn lies(failures: FailureKind) -> bool {
    failures.profile().lie != Who::Nobody
}

fn refused(error: LinkError) -> Reply<()> {
    Reply::Refused(error.to_string())
}
