//! A node: one process of an algorithm as an OS process.
//!
//! One thread owns the process, and waits for all sockets of its node ([`crate::link::Sockets`]). Its loop: read what has arrived; handle
//! it, and what is due; record it; let leave what need not wait, in one system call for each peer and each client; sync the log once for all of
//! it; let leave what waited. So a message is read, handled and answered by one thread. Events that arrive during the
//! sync share the next one: group commit.
//!
//! What waits for the node is bounded: it reads each socket once when nothing waits, and the rest waits with its senders. While a peer is
//! behind ([`Links::is_congested`]) no requests are taken. There are at most so many clients.

use crate::audience::{Audience, Listener};
use crate::client::{Command, NodeStatus, Reply};
use crate::clock::ClockSettings;
use crate::disk::{Disk, OsDisk};
pub(crate) use crate::door::Input;
use crate::door::{Door, packet};
use crate::host::{Host, Speech};
use crate::link::udp::stack::Build;
use crate::link::{self, Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, Place, Sockets};
use crate::mailbox::Mailbox;
use crate::ops::{self, About, Desk, Figures, Phase, Server, Tally, Watch};
use crate::record::{EffectName, RecordError};
pub use crate::run_error::RunError;
use crate::service::{Lobby, Open, Reception, Service, Stopper};
use crate::wal::WalOptions;
use crate::wire::Wire;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};
use synod_model::failure::{FailureKind, FailureModel, Who};
use synod_model::{Bounds, Event, FailuresOf, Group, Process, ProcessId};

/// How many events are handled at most before what they say leaves.
const BATCH_EVENTS_MAX: usize = 256;
/// How often a node that takes no requests looks whether it may again.
const CONGESTION_PAUSE: Duration = Duration::from_millis(2);

/// How long it is waited between two looks whether all that left is acknowledged.
const DRAIN_PAUSE: Duration = Duration::from_millis(2);

/// Why a process that does not come back is asked in vain.
pub(crate) const OUTLIVED: &str =
    "it has stopped, and by its model does not come back to this instance: it joins the next";
/// Why a node that ends refuses what it has not begun.
const STOPPING: &str = "the node stops: it takes no more requests";

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
    /// Where its record goes. Nothing is recorded, judged and replayed if that is empty: a record grows for as long as its
    /// node runs.
    #[serde(default)]
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
    /// Where it tells operators how it is, over HTTP: an address, or a port of loopback.
    #[serde(default, deserialize_with = "ops::address")]
    pub operators: Option<SocketAddr>,
    /// How long it may take to stop: until all that it said has arrived, and its clients have read all.
    #[serde(default = "stop_within", with = "synod_kernel::environment::duration")]
    pub stop_within: Duration,
}

/// [`Config::stop_within`], where it is not given.
pub fn stop_within() -> Duration {
    Duration::from_secs(5)
}

impl<Q> Config<Q> {
    /// One of as many nodes as there are places, the first of which is that of the first process: in cluster 0, over TCP, with neither a
    /// record nor operators.
    pub fn new(
        process: ProcessId,
        places: &[Place],
        listen: SocketAddr,
        directory: &Path,
        parameters: Q,
    ) -> Self {
        let all = (0..).map(ProcessId).zip(places.iter().cloned());
        Self {
            algorithm: String::new(),
            cluster: 0,
            process,
            group: Group::first(u32::try_from(places.len()).unwrap_or(u32::MAX)),
            parameters,
            bounds: None,
            listen,
            peers: all.filter(|&(p, _)| p != process).collect(),
            directory: directory.to_owned(),
            log: WalOptions::default(),
            records: PathBuf::new(),
            pulse: Duration::from_millis(100),
            links: LinkSettings::default(),
            stop_with_input: false,
            clock: ClockSettings::default(),
            operators: None,
            stop_within: stop_within(),
        }
    }
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
    run_node_within::<P>(disk, config, stack, false)
}

/// As [`run_node_on`], where the OS process is the node's alone: SIGTERM stops it in order, and SIGINT too unless it stops
/// with its parent. A second signal ends it at once; so does time, 5 s after [`Config::stop_within`].
pub fn run_node_alone<P: Process>(
    disk: &dyn Disk,
    config: &NodeConfig<P>,
    stack: Option<Build>,
) -> Result<(), RunError> {
    run_node_within::<P>(disk, config, stack, true)
}

/// Runs a node that is used by what `serve` makes, whose clients come to `reception`: given the node's incarnation, and what ends it. SIGTERM
/// and SIGINT do so too, if `with_signals`, as in [`run_node_alone`].
pub fn run_node_with<P: Process>(
    config: &NodeConfig<P>,
    with_signals: bool,
    reception: Reception,
    serve: impl FnOnce(u64, Stopper) -> Box<dyn Service<P>>,
) -> Result<(), RunError> {
    run_served::<P>(&OsDisk, config, None, with_signals, |node| {
        let inputs = Arc::clone(&node.inputs.0);
        let service = serve(node.incarnation(), Stopper::new(Arc::clone(&inputs)));
        node.lobby = Some(Lobby::open(service, reception, inputs)?);
        Ok(())
    })
}

fn run_node_within<P: Process>(
    disk: &dyn Disk,
    config: &NodeConfig<P>,
    stack: Option<Build>,
    with_signals: bool,
) -> Result<(), RunError> {
    run_served::<P>(disk, config, stack, with_signals, |_| Ok(()))
}

fn run_served<P: Process>(
    disk: &dyn Disk,
    config: &NodeConfig<P>,
    stack: Option<Build>,
    with_signals: bool,
    serve: impl FnOnce(&mut Node<'_, P>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let listener = link::listen(config.listen)?;
    let sockets = Arc::new(Sockets::new().map_err(LinkError::Sockets)?);
    let inputs = Arc::new(Mailbox::beside(config.links.inbox, Some(sockets)));
    if with_signals {
        let told = Arc::clone(&inputs);
        let stop = move || _ = told.notice(Input::Stop);
        ops::signals::heed(!config.stop_with_input, config.stop_within, stop).map_err(RunError::Thread)?;
    }
    let watched = Arc::clone(&inputs);
    let (watch, _server) = operators(config, &inputs)?;
    let mut node = Node::<P>::open(disk, config, inputs, watch, |options, door| {
        if config.stop_with_input {
            stop_with_input::<P>(watched)?;
        }
        Ok(link::start(&config.links, listener, LinkOptions { stack, ..options }, door)?)
    })?;
    serve(&mut node)?;
    node.run()
}

/// What tells operators how the node is, from before it reads its log until it has ended; if anybody asks.
fn operators<P: Process>(
    config: &NodeConfig<P>,
    inputs: &Arc<Mailbox<Input<P>>>,
) -> Result<(Option<Arc<Watch>>, Option<Server>), RunError> {
    let Some(address) = config.operators else { return Ok((None, None)) };
    let listener = link::listen(address)?;
    let woken = Arc::clone(inputs);
    let watch = Arc::new(Watch::new(move || _ = woken.notice(Input::Asked)));
    let about = About {
        algorithm: config.algorithm.clone(),
        process: config.process,
        processes: config.group.members().count(),
        transport: config.links.transport,
        directory: config.directory.clone(),
        records: config.records.clone(),
        begun: Instant::now(),
    };
    let desk = Desk::new(about, Arc::clone(&watch));
    let server = Server::start(listener, move |path| desk.respond(path))?;
    Ok((Some(watch), Some(server)))
}

/// Parent gone, node gone.
fn stop_with_input<P: Process>(inputs: Arc<Mailbox<Input<P>>>) -> Result<(), RunError> {
    let watch = move || {
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        inputs.notice(Input::Stop);
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(watch).map(drop).map_err(RunError::Thread)
}

/// What waits for the node, for as long as there is one.
struct Inputs<P: Process>(Arc<Mailbox<Input<P>>>);

impl<P: Process> Drop for Inputs<P> {
    fn drop(&mut self) {
        self.0.close();
        self.0.sockets().into_iter().for_each(|sockets| sockets.close());
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
    /// Who uses it, and has something to ask.
    lobby: Option<Open<P>>,
    asks: bool,
    /// Inputs that wait for their turn.
    arrived: VecDeque<Input<P>>,
    /// A message to oneself goes through the network too: through this much of it.
    to_itself: VecDeque<(EffectName, P::Message)>,
    /// A buffer for payloads.
    payload: Vec<u8>,
    /// Clients whose requests are not recorded yet or, where links are logged, not durable.
    requested: Vec<u64>,
    /// What a peer says of another node that claims to be this one.
    challenged: Option<String>,
    killed: bool,
    watch: Option<Arc<Watch>>,
    tally: Tally,
    congested: bool,
    /// How long it may take to stop, and a peer to acknowledge something.
    stop_within: Duration,
    patience: Duration,
    /// How many bytes may wait in an outbox of the log before no requests are taken.
    outbox_max: usize,
}

impl<'a, P: Process> Node<'a, P> {
    /// A node that has started, over the links that `connect` makes.
    pub(crate) fn open(
        disk: &dyn Disk,
        config: &'a NodeConfig<P>,
        inputs: Arc<Mailbox<Input<P>>>,
        watch: Option<Arc<Watch>>,
        connect: impl FnOnce(LinkOptions, Arc<dyn Inbox>) -> Result<Box<dyn Links>, RunError>,
    ) -> Result<Self, RunError> {
        let mut host = Host::open(disk, config)?;
        if inputs.sockets().is_some() {
            let woken = Arc::clone(&inputs);
            host.sync_beside(move || _ = woken.notice(Input::Synced))?;
        }
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
            is_logged: host.post().is_some(),
            cluster: config.cluster,
            me: config.process,
            incarnation: host.incarnation(),
            hello_within: config.links.handshake,
            clients_max: config.links.clients,
            clients: Arc::default(),
            joined: AtomicU64::new(0),
        };
        let links = connect(options, Arc::new(door))?;
        // whoever asks whether peers are connected wants them to be, though there be nothing to say
        if host.is_outlived() || watch.is_some() {
            links.greet();
        }
        tracing::info!(
            algorithm = %config.algorithm, process = %config.process, incarnation = host.incarnation(),
            outlived = host.is_outlived(), listen = %config.listen, operators = config.operators.map(tracing::field::display),
            "started"
        );
        if let Some(watch) = &watch {
            watch.enter(Phase::Runs);
        }
        Ok(Self {
            inputs: Inputs(inputs),
            me: config.process,
            host,
            wire,
            links,
            audience: Audience::default(),
            lobby: None,
            asks: false,
            arrived: VecDeque::new(),
            to_itself: VecDeque::new(),
            payload: vec![],
            requested: vec![],
            outbox_max: config.links.queue_hard,
            challenged: None,
            killed: false,
            watch,
            tally: Tally::new(config.group),
            congested: false,
            stop_within: config.stop_within,
            patience: config.links.patience,
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
        let until = Instant::now().checked_add(self.stop_within);
        if ended.is_ok() && !self.killed {
            self.drain(until);
        }
        self.audience.dismiss(until);
        ended
    }

    fn go_on(&mut self) -> Result<(), RunError> {
        while self.turn(true)? {}
        if let Some(watch) = &self.watch {
            watch.enter(Phase::Stops);
        }
        self.finish()
    }

    /// Waits until peers have acknowledged what was sent, as long as they do.
    fn drain(&self, until: Option<Instant>) {
        let (mut left, mut progress) = (usize::MAX, Instant::now());
        loop {
            let owed = |link: &LinkStatus| if link.connected && !link.cut { link.unacknowledged } else { 0 };
            let now_left = self.links.status().values().map(owed).sum();
            if now_left < left {
                (left, progress) = (now_left, Instant::now());
            }
            let is_late = until.is_some_and(|until| Instant::now() >= until);
            if left == 0 || is_late || progress.elapsed() >= self.patience {
                tracing::info!(unacknowledged = left, "stopped in order");
                return;
            }
            self.inputs.0.wait(DRAIN_PAUSE);
        }
    }

    /// What is recorded and said leaves; what has arrived is handled, and what is due; if `wait`, it is waited for. Whether
    /// the node goes on.
    ///
    /// A timer fires after what had arrived when it fell due, as far as one turn goes: a node that was busy or asleep beyond a
    /// timeout hears the answers before it acts on their absence.
    pub(crate) fn turn(&mut self, wait: bool) -> Result<bool, RunError> {
        self.answer_operators();
        self.speak()?;
        self.make_durable()?;
        self.forward()?;
        for (name, message) in std::mem::take(&mut self.to_itself) {
            self.host.handle(Event::Message(self.me, message), Some(name))?;
        }
        self.links.poll();
        self.await_inputs(wait);
        let seen = self.host.now();
        if !self.take_inputs()? {
            return Ok(false);
        }
        self.host.fire_due(seen)?;
        Ok(true)
    }

    /// The end: in order, unless the node was killed.
    pub(crate) fn finish(&mut self) -> Result<(), RunError> {
        if self.killed {
            return Ok(());
        }
        self.refuse_the_rest();
        self.speak()?;
        self.sync()?;
        self.forward()?;
        self.host.stop()?;
        self.audience.stop();
        self.audience.flush();
        Ok(())
    }

    /// What was stored becomes durable: at once, or beside all else. What waited for what has become durable leaves.
    fn make_durable(&mut self) -> Result<(), RunError> {
        if let Some(speech) = self.host.synced(false)? {
            self.say(speech)?;
            self.host.snapshot_if_due()?;
        }
        if !self.host.must_sync() {
            return Ok(());
        }
        if self.host.syncs_beside() {
            self.host.begin_sync();
            return Ok(());
        }
        self.sync()?;
        self.host.snapshot_if_due()
    }

    /// What was handled is recorded, and what need not wait for the disk leaves.
    fn speak(&mut self) -> Result<(), RunError> {
        let speech = self.host.flush()?;
        if !self.host.holds() {
            self.confirm();
        }
        self.say(speech)
    }

    /// All writes become durable, and what waited for them leaves.
    fn sync(&mut self) -> Result<(), RunError> {
        let speech = self.host.sync()?;
        self.confirm();
        self.say(speech)
    }

    /// Clients hear that their requests are handled and recorded.
    fn confirm(&mut self) {
        for client in self.requested.drain(..) {
            self.audience.tell(client, &Reply::Requested);
        }
    }

    /// What is in the outboxes of logged links leaves, now that the log is durable.
    fn forward(&mut self) -> Result<(), RunError> {
        let Some(post) = self.host.post() else { return Ok(()) };
        for (to, bytes) in post.packets(&*self.links) {
            if to == self.me {
                let own = packet(&self.wire, to, &bytes).expect("a packet of its own");
                self.arrived.push_back(own);
            } else {
                self.links.send(to, &bytes)?;
            }
        }
        self.links.flush();
        Ok(())
    }

    /// What has arrived and was not begun is not taken any more, and whoever asked for it is told.
    fn refuse_the_rest(&mut self) {
        self.inputs.0.close();
        let mut rest = std::mem::take(&mut self.arrived);
        rest.append(&mut self.inputs.0.take(Some(Instant::now())));
        for input in rest {
            match input {
                Input::Joined(client, listener) => self.audience.join(client, listener),
                Input::Command(client, Command::Request(_)) => self.refuse(client, STOPPING),
                _ => {}
            }
        }
    }

    /// Copies the figures out for those who ask.
    fn answer_operators(&mut self) {
        let Some(watch) = self.watch.as_ref().filter(|watch| watch.is_asked()) else { return };
        let status = self.status();
        if status.links.values().any(|link| !link.connected) {
            self.links.greet();
        }
        let (inputs, waiting_bytes) = self.inputs.0.waiting();
        let (writes, snapshots, syncs) = self.host.durable();
        watch.answer(Figures {
            status,
            tally: self.tally.clone(),
            syncs,
            writes,
            snapshots,
            clients: self.audience.count(),
            waiting: self.arrived.len() + inputs,
            waiting_bytes,
            congested: self.congested,
        });
    }

    /// If `wait`, waits for an input, or until something is due.
    fn await_inputs(&mut self, wait: bool) {
        let congested = self.links.is_congested() || self.host.posted_bytes_most() > self.outbox_max;
        self.inputs.0.hold_requests(congested);
        if std::mem::replace(&mut self.congested, congested) != congested {
            if congested {
                tracing::warn!("congested: a peer is behind, requests wait");
            } else {
                tracing::info!("no more congested");
            }
        }
        if self.arrived.is_empty() {
            let pause = congested.then(|| Instant::now() + CONGESTION_PAUSE);
            let now = (!wait).then(Instant::now);
            self.arrived = self.inputs.0.take(self.deadline().into_iter().chain(pause).chain(now).min());
        }
    }

    /// Handles what has arrived. Whether the node goes on.
    fn take_inputs(&mut self) -> Result<bool, RunError> {
        for _ in 0..BATCH_EVENTS_MAX {
            let Some(input) = self.arrived.pop_front() else { break };
            if !self.take(input)? {
                return Ok(false);
            }
        }
        if let (Some(Open { lobby, .. }), Some(process)) = (&self.lobby, self.host.process()) {
            self.asks |= lobby.looks(process);
        }
        if self.asks && !self.congested {
            self.serve()?;
        }
        Ok(true)
    }

    /// The process is asked what its service asks; and whoever that answers by itself is told.
    fn serve(&mut self) -> Result<(), RunError> {
        self.asks = false;
        let Some(lobby) = self.lobby.as_ref().map(|open| Arc::clone(&open.lobby)) else { return Ok(()) };
        for request in lobby.asks() {
            self.tally.requests_taken += 1;
            self.host.handle(Event::Request(request), None)?;
        }
        self.asks = lobby.tell();
        Ok(())
    }

    /// Until when nothing is to do unless something arrives.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let has_arrived = !self.arrived.is_empty() || !self.inputs.0.is_empty();
        let asks = self.asks && !self.congested;
        if has_arrived || asks || !self.to_itself.is_empty() || self.host.must_flush() {
            return Some(Instant::now());
        }
        // what is due beyond the end of time is never
        self.host.next_timer().and_then(|left| Instant::now().checked_add(left))
    }

    fn take(&mut self, input: Input<P>) -> Result<bool, RunError> {
        match input {
            Input::Message(from, name, message) => {
                self.tally.received(from);
                self.host.handle(Event::Message(from, message), Some(name))?;
            }
            Input::Numbered { from, outbox, number, name, message } => {
                self.tally.received(from);
                if self.host.post().is_some_and(|post| post.take(from, outbox, number)) {
                    self.host.handle(Event::Message(from, message), Some(name))?;
                }
            }
            Input::Taken { from, outbox, number } => {
                self.host.post().into_iter().for_each(|post| post.settle(from, outbox, number));
            }
            Input::Joined(client, listener) => self.audience.join(client, listener),
            Input::Left(client) => self.audience.leave(client),
            Input::Command(client, command) => return self.obey(client, command),
            Input::Garbage(client, why) => self.audience.tell(client, &Reply::Refused(why)),
            // Where peers may lie, one of them could end this node with a word.
            Input::Impostor(_) if lies(FailuresOf::<P>::KIND) => {}
            Input::Impostor(why) => return Err(RunError::Replaced { process: self.me, why }),
            Input::Challenged(why) => self.challenged = Some(why),
            Input::Stop => return Ok(false),
            Input::Service => self.asks = true,
            // the turn that this makes is the answer
            Input::Asked | Input::Synced => {}
            Input::Killed => {
                self.killed = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn obey(&mut self, client: u64, command: Command<P::Request>) -> Result<bool, RunError> {
        // replies come in the order of what they answer
        if !matches!(command, Command::Request(_)) && !self.requested.is_empty() {
            self.speak()?;
        }
        match command {
            Command::Hello { .. } => self.audience.tell(client, &Reply::Refused("we have met".to_owned())),
            Command::Request(_) if self.host.is_outlived() => self.refuse(client, OUTLIVED),
            Command::Request(request) => {
                self.tally.requests_taken += 1;
                self.host.handle(Event::Request(request), None)?;
                self.requested.push(client);
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

    fn refuse(&mut self, client: u64, why: &str) {
        self.tally.requests_refused += 1;
        self.audience.tell(client, &Reply::Refused(why.to_owned()));
    }

    fn status(&self) -> NodeStatus {
        let (handlers, stores, syncs) = self.host.counts();
        NodeStatus {
            incarnation: self.host.incarnation(),
            handlers,
            stores,
            syncs,
            outlived: self.host.is_outlived(),
            links: self.links_status(),
            strangers: self.links.strangers(),
            challenged: self.challenged.clone(),
        }
    }

    fn links_status(&self) -> BTreeMap<ProcessId, LinkStatus> {
        let mut links = self.links.status();
        for (&to, link) in &mut links {
            link.unacknowledged = link.unacknowledged.max(self.host.posted(to));
        }
        links
    }

    /// What is released leaves.
    fn say(&mut self, speech: Vec<Speech<P>>) -> Result<(), RunError> {
        let mut is_told = false;
        for said in speech {
            match said {
                Speech::Send { to, name, message } if self.host.post().is_some() => {
                    self.tally.sent(to);
                    self.hand_in(to, name, &message)?;
                }
                Speech::Send { to, name, message } if to == self.me => {
                    self.to_itself.push_back((name, message));
                }
                Speech::Send { to, name, message } => {
                    let buffer = std::mem::take(&mut self.payload);
                    self.payload = self.wire.encode(name, &message, buffer).map_err(RunError::Value)?;
                    self.links.send(to, &self.payload)?;
                    self.tally.sent(to);
                }
                Speech::Indicate(indication) if let Some(Open { lobby, .. }) = &self.lobby => {
                    lobby.indicated(indication);
                    is_told = true;
                }
                Speech::Indicate(indication) => {
                    self.audience.indicate(indication).map_err(RecordError::Value)?;
                }
            }
        }
        self.links.flush();
        self.audience.flush();
        if let (true, Some(Open { lobby, .. })) = (is_told, &self.lobby) {
            self.asks |= lobby.tell();
        }
        Ok(())
    }
}

impl<P: Process> Node<'_, P> {
    /// A message goes into the outbox of logged links, unless its handler's record has brought it there.
    fn hand_in(&mut self, to: ProcessId, name: EffectName, message: &P::Message) -> Result<(), RunError> {
        let Some(post) = self.host.post().filter(|post| !post.keeps_the_sent()) else { return Ok(()) };
        let payload = self.wire.encode(name, message, vec![]).map_err(RunError::Value)?;
        Ok(post.send(to, payload)?)
    }
}

fn lies(failures: FailureKind) -> bool {
    failures.profile().lie != Who::Nobody
}

fn refused(error: LinkError) -> Reply<()> {
    Reply::Refused(error.to_string())
}

#[cfg(test)]
mod tests;
