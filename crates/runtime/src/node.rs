//! A node: one process of an algorithm as an OS process.
//!
//! One thread owns the process. Its loop: handle what has arrived and what is due; record it; let leave what need not
//! wait; sync the log once for all of it; let leave what waited. Events that arrive during the sync share the next
//! one: group commit.

use crate::client::{Command, NodeStatus, Reply, read_line, write_line};
use crate::clock::ClockSettings;
use crate::disk::{Disk, OsDisk};
use crate::host::{Host, Speech};
use crate::link::{self, Inbox, LinkError, LinkOptions, LinkSettings, Links, Rejected};
use crate::record::{EffectName, RecordError};
use crate::wal::WalError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use synod_model::{Bounds, Event, Group, Output, Process, ProcessId};
use thiserror::Error;

/// How many events are handled at most before what they say leaves.
const BATCH_EVENTS_MAX: usize = 256;
/// How long a client may take to read what it is told before it is hung up.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// Where the others listen.
    pub peers: BTreeMap<ProcessId, SocketAddr>,
    /// Where its log is.
    pub directory: PathBuf,
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
        number: usize,
        /// Why.
        source: postcard::Error,
    },
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
}

impl RunError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Wal(e) => e.hint(),
            Self::Link(e) => e.hint(),
            Self::Record(e) => e.hint(),
            Self::Config { .. } => "check the path, and that the file is a node's configuration",
            Self::ForeignWrite { .. } => "the algorithm changed: start with an empty data directory",
            Self::Value(_) => "derive `Serialize` plainly, without attributes that skip or flatten fields",
            Self::NoOracle { .. } => "run the algorithm with a detector module in the oracle's place",
            Self::Thread(_) => "the limit on threads or memory is reached (`ulimit -u`)",
        }
    }
}

/// Runs a node until it is told to stop, or fails.
pub fn run_node<P: Process>(config: &NodeConfig<P>) -> Result<(), RunError> {
    run_node_on::<P>(&OsDisk, config)
}

/// As [`run_node`], on this disk.
pub fn run_node_on<P: Process>(disk: &dyn Disk, config: &NodeConfig<P>) -> Result<(), RunError> {
    let listener = link::listen(config.listen)?;
    let (mut host, _torn) = Host::open(disk, config)?;
    host.start()?;
    let (mailbox, inputs) = mpsc::channel();
    if config.stop_with_input {
        stop_with_input::<P>(mailbox.clone())?;
    }
    let options = LinkOptions {
        cluster: config.cluster,
        me: config.process,
        incarnation: host.incarnation(),
        peers: config.peers.clone(),
    };
    let inbox = Mailbox::<P> {
        inputs: mailbox,
        cluster: config.cluster,
        me: config.process,
        incarnation: host.incarnation(),
        clients: AtomicU64::new(0),
    };
    let links = link::start(&config.links, listener, options, Arc::new(inbox))?;
    if host.is_outlived() {
        links.greet();
    }
    let mut node = Node {
        me: config.process,
        host,
        links,
        clients: BTreeMap::new(),
        indicated: vec![],
        to_itself: VecDeque::new(),
    };
    let ended = node.run(&inputs);
    node.dismiss_clients();
    ended
}

/// What happens to a node, from outside of the thread that owns it.
enum Input<P: Process> {
    Message(ProcessId, EffectName, P::Message),
    Joined(u64, Listener),
    Left(u64),
    Command(u64, Command<P::Request>),
    Garbage(u64, String),
    ParentGone,
}

/// A client, as its node sees it.
struct Listener {
    lines: Sender<Vec<u8>>,
    writer: JoinHandle<()>,
}

impl Listener {
    fn tell<I: Serialize>(&self, reply: &Reply<I>) {
        // One that has gone hears nothing.
        let _ = self.lines.send(line(reply));
    }
}

fn line<I: Serialize>(reply: &Reply<I>) -> Vec<u8> {
    let mut line = vec![];
    write_line(&mut line, reply).expect("what has no form in JSON was refused by the record before");
    line
}

/// Parent gone, node gone.
fn stop_with_input<P: Process>(mailbox: Sender<Input<P>>) -> Result<(), RunError> {
    let watch = move || {
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        let _ = mailbox.send(Input::ParentGone);
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(watch).map(drop).map_err(RunError::Thread)
}

/// The way from the links' threads to the node's.
struct Mailbox<P: Process> {
    inputs: Sender<Input<P>>,
    cluster: u64,
    me: ProcessId,
    incarnation: u64,
    clients: AtomicU64,
}

impl<P: Process> Inbox for Mailbox<P> {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let (name, message) =
            postcard::from_bytes(payload).map_err(|e| Rejected::Malformed(e.to_string()))?;
        // Nobody takes it once the node has ended: it is lost with the node.
        let _ = self.inputs.send(Input::Message(from, name, message));
        Ok(())
    }

    fn client(&self, stream: TcpStream) {
        // A client that breaks off is no trouble of ours.
        let _ = self.serve(stream);
    }
}

impl<P: Process> Mailbox<P> {
    /// A client, from its hello to its end.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
        let refusal = match read_line::<Command<P::Request>>(&mut reader) {
            Ok(Some(Command::Hello { cluster })) if cluster == self.cluster => None,
            Ok(Some(Command::Hello { .. })) => Some("this is a node of another cluster".to_owned()),
            Ok(_) => Some("the first line must be a hello".to_owned()),
            Err(e) => Some(format!("the first line must be a hello: {e}")),
        };
        if let Some(why) = refusal {
            return write_line(&mut stream, &Reply::<()>::Refused(why));
        }
        let client = self.clients.fetch_add(1, Ordering::Relaxed);
        let (lines, replies) = mpsc::channel();
        let writer =
            thread::Builder::new().name("client".to_owned()).spawn(move || write_all(stream, &replies))?;
        let listener = Listener { lines, writer };
        listener.tell(&Reply::<()>::Welcome { process: self.me, incarnation: self.incarnation });
        let _ = self.inputs.send(Input::Joined(client, listener));
        loop {
            let input = match read_line(&mut reader) {
                Ok(Some(command)) => Input::Command(client, command),
                Err(e) if e.kind() == io::ErrorKind::InvalidData => Input::Garbage(client, e.to_string()),
                Ok(None) | Err(_) => break,
            };
            if self.inputs.send(input).is_err() {
                break;
            }
        }
        let _ = self.inputs.send(Input::Left(client));
        Ok(())
    }
}

fn write_all(mut stream: TcpStream, replies: &Receiver<Vec<u8>>) {
    while let Ok(line) = replies.recv() {
        if io::Write::write_all(&mut stream, &line).is_err() {
            // It does not read. Its reading thread notices.
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// The thread that owns the process.
struct Node<'a, P: Process> {
    me: ProcessId,
    host: Host<'a, P>,
    links: Box<dyn Links>,
    clients: BTreeMap<u64, Listener>,
    /// What was indicated in this incarnation, as lines: a client that comes late hears it too.
    indicated: Vec<Vec<u8>>,
    /// A message to oneself goes through the network too: through this much of it.
    to_itself: VecDeque<(EffectName, P::Message)>,
}

impl<P: Process> Node<'_, P> {
    fn run(&mut self, inputs: &Receiver<Input<P>>) -> Result<(), RunError> {
        let mut going = true;
        while going {
            let speech = self.host.flush()?;
            self.say(speech)?;
            if self.host.must_sync() {
                let speech = self.host.sync()?;
                self.say(speech)?;
            }
            self.host.fire_due()?;
            for (name, message) in std::mem::take(&mut self.to_itself) {
                self.host.handle(Event::Message(self.me, message), Some(name))?;
            }
            going = self.take_inputs(inputs)?;
        }
        let speech = self.host.flush()?;
        self.say(speech)?;
        let speech = self.host.sync()?;
        self.say(speech)?;
        self.host.stop()?;
        self.tell_all(&line(&Reply::<()>::Stopped));
        Ok(())
    }

    /// Waits for an input, or until something is due, and handles what there is. Whether the node goes on.
    fn take_inputs(&mut self, inputs: &Receiver<Input<P>>) -> Result<bool, RunError> {
        let mut next = match self.patience() {
            None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => inputs.recv_timeout(patience),
        };
        for _ in 0..BATCH_EVENTS_MAX {
            match next {
                Ok(input) => {
                    if !self.take(input)? {
                        return Ok(false);
                    }
                }
                Err(RecvTimeoutError::Timeout) => break,
                // The links hold the other end for as long as there is a node.
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            next = inputs.recv_timeout(Duration::ZERO);
        }
        Ok(true)
    }

    /// How long nothing is to do unless something arrives.
    fn patience(&self) -> Option<Duration> {
        if !self.to_itself.is_empty() || self.host.must_flush() {
            return Some(Duration::ZERO);
        }
        self.host.next_timer()
    }

    fn take(&mut self, input: Input<P>) -> Result<bool, RunError> {
        match input {
            Input::Message(from, name, message) => {
                self.host.handle(Event::Message(from, message), Some(name))?;
            }
            Input::Joined(client, listener) => self.join(client, listener),
            Input::Left(client) => _ = self.clients.remove(&client),
            Input::Command(client, command) => return self.obey(client, command),
            Input::Garbage(client, why) => self.tell(client, &Reply::Refused(why)),
            Input::ParentGone => return Ok(false),
        }
        Ok(true)
    }

    fn join(&mut self, client: u64, listener: Listener) {
        for line in &self.indicated {
            let _ = listener.lines.send(line.clone());
        }
        self.clients.insert(client, listener);
    }

    fn obey(&mut self, client: u64, command: Command<P::Request>) -> Result<bool, RunError> {
        match command {
            Command::Hello { .. } => self.tell(client, &Reply::Refused("we have met".to_owned())),
            Command::Request(_) if self.host.is_outlived() => {
                self.tell(client, &Reply::Refused(OUTLIVED.to_owned()));
            }
            Command::Request(request) => {
                self.host.handle(Event::Request(request), None)?;
                let speech = self.host.flush()?;
                self.tell(client, &Reply::Requested);
                self.say(speech)?;
            }
            Command::Cut(to) => {
                let reply = self.links.cut(to).map(|()| Reply::Cut(to));
                self.tell(client, &reply.unwrap_or_else(refused));
            }
            Command::Heal(to) => {
                let reply = self.links.heal(to).map(|held| Reply::Healed { to, held });
                self.tell(client, &reply.unwrap_or_else(refused));
            }
            Command::Clock { jump, rate } => {
                self.host.skew(jump, rate);
                self.tell(client, &Reply::Clock);
            }
            Command::Status => self.tell(client, &Reply::Status(self.status())),
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
                    let payload = postcard::to_stdvec(&(name, message)).map_err(RunError::Value)?;
                    self.links.send(to, &payload)?;
                }
                Speech::Indicate(indication) => {
                    let line = line(&Reply::Indication(indication));
                    self.tell_all(&line);
                    self.indicated.push(line);
                }
            }
        }
        self.links.flush();
        Ok(())
    }

    fn tell(&self, client: u64, reply: &Reply<()>) {
        if let Some(listener) = self.clients.get(&client) {
            listener.tell(reply);
        }
    }

    fn tell_all(&self, line: &[u8]) {
        for listener in self.clients.values() {
            let _ = listener.lines.send(line.to_vec());
        }
    }

    /// Lets the clients read their last lines.
    fn dismiss_clients(&mut self) {
        for (_, Listener { lines, writer }) in std::mem::take(&mut self.clients) {
            drop(lines);
            let _ = writer.join();
        }
    }
}

fn refused(error: LinkError) -> Reply<()> {
    Reply::Refused(error.to_string())
}
