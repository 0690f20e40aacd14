//! The OS process behind a cluster that runs in the background: it owns the nodes and the proxy between them, and does
//! what it is told on its socket.

use super::control::{
    Answer, ClusterStatus, Description, Home, NodeReport, NodeState, Order, Said, memory_kib,
};
use super::{Cluster, ClusterError, ClusterOptions, Fault, Told, Volume};
use crate::client::{NodeStatus, Reply, read_line, write_line};
use crate::proxy::Passed;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use synod_model::ProcessId;
use thiserror::Error;

/// How often it looks whether a node has ended by itself.
const TICK: Duration = Duration::from_millis(100);
/// How long a node may take to say how it is.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long nobody must have said anything for a request to count as answered.
const QUIET: Duration = Duration::from_millis(100);
/// The longest that a client waits for what it asked, in place of for ever: later there is no clock.
const WAIT_MAX: Duration = Duration::from_hours(24 * 365);
/// How many indications are kept, for those who ask right after them.
const SAID_MAX: usize = 10_000;
/// How many have a connection at once at most.
const CLIENTS_MAX: usize = 64;
/// The longest path that a Unix socket has.
const SOCKET_PATH_MAX: usize = 107;

/// Why there is no supervisor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// The nodes.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
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
    /// Another one has the cluster.
    #[error("the cluster in {} is up already", .0.display())]
    Taken(PathBuf),
    /// The directory's path is too long for a socket.
    #[error("the path {} is longer than the {SOCKET_PATH_MAX} bytes that a Unix socket's may have", .0.display())]
    PathTooLong(PathBuf),
}

impl SupervisorError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Cluster(e) => e.hint(),
            Self::Io { source, .. } => crate::disk::hint(source),
            Self::Taken(_) => "ask for its status, or take it down first",
            Self::PathTooLong(_) => {
                "choose a shorter directory, or go nearer to it first: the path may be relative"
            }
        }
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SupervisorError {
    let path = path.to_owned();
    move |source| SupervisorError::Io { operation, path, source }
}

/// Runs the cluster that is described in its directory, until it is taken down. `command` gives the program of a node.
pub fn supervise(
    home: &Home,
    command: impl Fn(&Path) -> Command + Send + 'static,
) -> Result<(), SupervisorError> {
    let description = home.read().map_err(failed("read", &home.description()))?;
    let Some(_lock) = home.take().map_err(failed("lock", &home.0))? else {
        return Err(SupervisorError::Taken(home.0.clone()));
    };
    // a terminal that closes ends those who are of its session; where this is one's own already, all is well
    let _ = rustix::process::setsid();
    let listener = listen(home)?;
    let (cluster, told) = Cluster::start(options(home, &description), command)?;
    tracing::info!(algorithm = %description.algorithm, processes = description.processes, "up");
    let supervisor = Arc::new(Supervisor {
        home: home.clone(),
        begun: Instant::now(),
        state: Mutex::new(State::new(cluster, description)),
        changed: Condvar::new(),
    });
    let listening = Arc::clone(&supervisor);
    thread::spawn(move || listening.listen(&told));
    let serving = Arc::clone(&supervisor);
    thread::spawn(move || serving.accept(&listener));
    supervisor.run();
    tracing::info!("down");
    // whoever gave the word is answered before the process ends
    thread::sleep(TICK);
    let _ = fs::remove_file(home.socket());
    Ok(())
}

fn options(home: &Home, description: &Description) -> ClusterOptions {
    ClusterOptions {
        algorithm: description.algorithm.clone(),
        processes: description.processes,
        parameters: description.parameters.clone(),
        bounds: description.limits.bounds,
        directory: home.nodes(),
        first_port: description.first_port,
        pulse: description.pulse,
        seed: description.seed,
        links: description.links.clone(),
        record: description.record,
        network: description.network,
    }
}

/// The socket: its directory and itself are its owner's alone.
fn listen(home: &Home) -> Result<UnixListener, SupervisorError> {
    let path = home.socket();
    if path.as_os_str().len() > SOCKET_PATH_MAX {
        return Err(SupervisorError::PathTooLong(path));
    }
    fs::set_permissions(&home.0, Permissions::from_mode(0o700))
        .map_err(failed("close to others", &home.0))?;
    // one that was left behind: whoever had it is gone, for the lock was free
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(failed("listen on", &path))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed("close to others", &path))?;
    Ok(listener)
}

struct Supervisor {
    home: Home,
    begun: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

/// What is known of the cluster.
struct State {
    /// Gone once it is down.
    cluster: Option<Cluster>,
    description: Description,
    /// What processes told, the last of it; and how much there was before that.
    said: VecDeque<Said>,
    forgotten: u64,
    nodes: BTreeMap<ProcessId, NodeBook>,
    /// Who was killed, or ended, in this instance.
    stopped: BTreeSet<ProcessId>,
    faults: u64,
    over: bool,
    clients: usize,
}

/// What is known of a node.
#[derive(Default)]
struct NodeBook {
    /// How often it was asked for its status in its incarnation, and the answers.
    asked: u64,
    answered: u64,
    status: Option<NodeStatus>,
    /// How many requests it was sent, and what became of them.
    sent: u64,
    heard: u64,
    refused: BTreeMap<u64, String>,
    died: Option<String>,
}

impl NodeBook {
    /// It comes back: what it was asked before, it will not answer.
    fn begin_again(&mut self) {
        (self.answered, self.heard, self.status, self.died) = (self.asked, self.sent, None, None);
    }
}

impl State {
    fn new(cluster: Cluster, description: Description) -> Self {
        let nodes = cluster.processes().map(|p| (p, NodeBook::default())).collect();
        Self {
            cluster: Some(cluster),
            description,
            said: VecDeque::new(),
            forgotten: 0,
            nodes,
            stopped: BTreeSet::new(),
            faults: 0,
            over: false,
            clients: 0,
        }
    }

    fn book(&mut self, p: ProcessId) -> &mut NodeBook {
        self.nodes.entry(p).or_default()
    }

    fn hear(&mut self, Told { process, incarnation, reply }: Told) {
        if self.cluster.as_ref().is_some_and(|cluster| cluster.incarnation(process) != incarnation) {
            return;
        }
        match reply {
            Reply::Indication(indication) => {
                if self.said.len() == SAID_MAX {
                    self.said.pop_front();
                    self.forgotten += 1;
                }
                self.said.push_back(Said { process, indication });
            }
            Reply::Requested => self.book(process).heard += 1,
            Reply::Refused(why) => {
                let book = self.book(process);
                book.heard += 1;
                book.refused.insert(book.heard, why);
            }
            Reply::Status(status) => {
                let book = self.book(process);
                book.answered += 1;
                book.status = Some(status);
            }
            _ => {}
        }
    }

    /// How many indications there have been.
    fn said_in_all(&self) -> u64 {
        self.forgotten + self.said.len() as u64
    }

    /// What a fault changes in what is known of nodes.
    fn note(&mut self, fault: &Fault) {
        match fault {
            Fault::Kill(p) => _ = self.stopped.insert(*p),
            Fault::Restart(p) | Fault::Replace(p, _) => {
                self.book(*p).begin_again();
                self.stopped.insert(*p);
            }
            _ => {}
        }
    }

    /// Notices a node that has ended by itself.
    fn check(&mut self) {
        let Some(cluster) = &mut self.cluster else { return };
        let processes: Vec<_> = cluster.processes().collect();
        for p in processes {
            if let Err(ClusterError::Died { said, status, .. }) = cluster.check(p) {
                let words = format!("{status}: {said}");
                tracing::warn!(process = %p, "ended by itself: {words}");
                self.nodes.entry(p).or_default().died = Some(words);
                self.stopped.insert(p);
            }
        }
    }
}

type Held<'a> = MutexGuard<'a, State>;

impl Supervisor {
    fn lock(&self) -> Held<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what is known to change; not for ever.
    fn wait<'a>(&self, state: Held<'a>, deadline: Instant) -> Held<'a> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Until the cluster is down.
    fn run(&self) {
        let mut state = self.lock();
        while !state.over {
            state.check();
            state = self.wait(state, Instant::now() + TICK);
        }
    }

    fn listen(&self, told: &Receiver<Told>) {
        while let Ok(first) = told.recv() {
            let mut state = self.lock();
            state.hear(first);
            while let Ok(more) = told.try_recv() {
                state.hear(more);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    fn accept(self: Arc<Self>, listener: &UnixListener) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                thread::sleep(TICK);
                continue;
            };
            let mut state = self.lock();
            // those beyond it see a closed connection
            if state.clients < CLIENTS_MAX {
                state.clients += 1;
                drop(state);
                let serving = Arc::clone(&self);
                thread::spawn(move || {
                    // a client that breaks off is no trouble of ours
                    let _ = serving.serve(stream);
                    serving.lock().clients -= 1;
                });
            }
        }
    }

    fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let answer = match read_line::<Order>(&mut reader) {
                Ok(None) => return Ok(()),
                Ok(Some(order)) => self.obey(order),
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    refused(format!("that is no order: {e}"), "use the command line of the same build")
                }
                Err(e) => return Err(e),
            };
            write_line(&mut stream, &answer)?;
        }
    }

    fn obey(&self, order: Order) -> Answer {
        match order {
            Order::Status => self.status(),
            Order::Request { process, value, wait } => self.request(process, &value, wait),
            Order::Strike(words) => match words.parse() {
                Ok(fault) => self.strike(&fault),
                Err(what) => refused(what, "`cluster --help` shows an example of each"),
            },
            Order::Down => self.down(),
        }
    }

    fn down(&self) -> Answer {
        // who stops it already tells when it is down
        let Some(cluster) = self.lock().cluster.take() else { return gone() };
        let stopped = cluster.stop();
        self.lock().over = true;
        self.changed.notify_all();
        match stopped {
            Ok(()) => Answer::Down,
            Err(e) => refused(e.to_string(), e.hint()),
        }
    }

    fn request(&self, p: ProcessId, value: &Value, wait: Duration) -> Answer {
        let deadline = Instant::now() + wait.min(WAIT_MAX);
        let mut state = self.lock();
        let before = state.said_in_all();
        let Some(cluster) = &mut state.cluster else { return gone() };
        if p.index() >= cluster.processes().count() {
            return unknown(cluster, p);
        }
        if cluster.is_paused(p) {
            return refused(format!("{p} is paused"), "resume it first");
        }
        if !cluster.request(p, value) {
            return refused(format!("{p} is down"), "restart it, or ask another");
        }
        let book = state.book(p);
        book.sent += 1;
        let ticket = book.sent;
        let (mut seen, mut quiet_since) = (before, Instant::now());
        loop {
            if let Some(why) = state.book(p).refused.remove(&ticket) {
                return refused(format!("{p} refuses: {why}"), "`explain` shows what the algorithm is asked");
            }
            if state.said_in_all() > seen {
                (seen, quiet_since) = (state.said_in_all(), Instant::now());
            }
            let handled = state.book(p).heard >= ticket;
            let answered = handled && seen > before && quiet_since.elapsed() >= QUIET;
            let now = Instant::now();
            if answered || now >= deadline || state.cluster.is_none() {
                let skip = before.saturating_sub(state.forgotten) as usize;
                return Answer::Requested { handled, told: state.said.iter().skip(skip).cloned().collect() };
            }
            state = self.wait(state, deadline.min(now + QUIET));
        }
    }

    fn strike(&self, fault: &Fault) -> Answer {
        let mut state = self.lock();
        let State { cluster: Some(cluster), description, stopped, .. } = &mut *state else { return gone() };
        if let Some(&p) = fault.processes().iter().find(|p| p.index() >= cluster.processes().count()) {
            return unknown(cluster, p);
        }
        let beyond = description.limits.beyond(fault, stopped);
        let changed = match cluster.strike(fault) {
            Ok(changed) => changed,
            Err(e) => return refused(e.to_string(), e.hint()),
        };
        let beyond = beyond.filter(|_| changed);
        if let Some(what) = &beyond
            && !description.beyond.contains(what)
        {
            description.beyond.push(what.clone());
            if let Err(e) = self.home.write(description) {
                return refused(
                    format!("it was done, and cannot be written down: {e}"),
                    "its verdict is void",
                );
            }
        }
        tracing::info!(changed, "{fault}");
        if changed {
            state.faults += 1;
            state.note(fault);
        }
        let note = note(fault, changed, state.description.limits.comes_back());
        drop(state);
        self.changed.notify_all();
        Answer::Struck { changed, beyond, note }
    }

    fn status(&self) -> Answer {
        let mut state = self.lock();
        let State { cluster: Some(cluster), nodes, .. } = &mut *state else { return gone() };
        let mut asked = Vec::new();
        for p in cluster.processes() {
            if !cluster.is_paused(p) && cluster.ask_status(p) {
                let book = nodes.entry(p).or_default();
                book.asked += 1;
                asked.push((p, book.asked));
            }
        }
        let deadline = Instant::now() + STATUS_TIMEOUT;
        while Instant::now() < deadline && asked.iter().any(|(p, number)| state.book(*p).answered < *number) {
            state = self.wait(state, deadline);
        }
        let State { cluster: Some(cluster), description, nodes, faults, .. } = &*state else { return gone() };
        let passed = cluster.passed().map(|all| {
            let mut passed = Passed::default();
            for more in all.values() {
                passed.add(more);
            }
            passed
        });
        Answer::Status(Box::new(ClusterStatus {
            algorithm: description.algorithm.clone(),
            model: description.model.clone(),
            pid: std::process::id(),
            memory_kib: memory_kib(std::process::id()),
            identity: cluster.identity(),
            uptime: Duration::from_secs(self.begun.elapsed().as_secs()),
            nodes: cluster.processes().map(|p| report(cluster, p, nodes.get(&p))).collect(),
            rules: cluster.rules().into_iter().map(|((p, q), rule)| (p, q, rule.to_string())).collect(),
            passed,
            faults: *faults,
            beyond: description.beyond.clone(),
        }))
    }
}

fn report(cluster: &Cluster, p: ProcessId, book: Option<&NodeBook>) -> NodeReport {
    let status = book.and_then(|book| book.status.clone()).filter(|_| cluster.is_up(p));
    let state = match book.and_then(|book| book.died.clone()) {
        Some(said) if !cluster.is_up(p) => NodeState::Died(said),
        _ if !cluster.is_up(p) => NodeState::Down,
        _ if cluster.is_paused(p) => NodeState::Paused,
        _ if status.as_ref().is_some_and(|status| status.outlived) => NodeState::Outlived,
        _ => NodeState::Up,
    };
    let pid = cluster.pid(p);
    NodeReport {
        process: p,
        state,
        pid,
        memory_kib: pid.and_then(memory_kib),
        address: cluster.address(p),
        operators: cluster.operators(p),
        incarnation: cluster.incarnation(p),
        clock_rate: cluster.clock_rate(p),
        status,
    }
}

/// What is worth knowing of a fault besides.
fn note(fault: &Fault, changed: bool, comes_back: bool) -> Option<String> {
    match fault {
        Fault::Restart(p) | Fault::Replace(p, Volume::Kept | Volume::Lost) if changed && !comes_back => {
            Some(format!(
                "{p} has stopped, and by its model does not come back to this instance: it joins the next"
            ))
        }
        Fault::Kill(p) if !changed => Some(format!("{p} was down")),
        Fault::Restart(p) if !changed => Some(format!("{p} is up")),
        Fault::Pause(p) if !changed => Some(format!("{p} is down, or paused already")),
        Fault::Resume(p) if !changed => Some(format!("{p} is not paused")),
        Fault::Skew(p, ..) if !changed => Some(format!("{p} is down: its clock goes so once it is back")),
        Fault::Loss(..) => Some("on TCP, where nothing can be lost, connections break".to_owned()),
        Fault::Duplicate(..) => Some("on TCP, where nothing can be doubled, that does nothing".to_owned()),
        _ => None,
    }
}

fn refused(what: impl Into<String>, hint: &str) -> Answer {
    Answer::Refused { what: what.into(), hint: hint.to_owned() }
}

fn unknown(cluster: &Cluster, process: ProcessId) -> Answer {
    let error = ClusterError::NoSuchProcess { process, count: cluster.processes().count() };
    refused(error.to_string(), error.hint())
}

fn gone() -> Answer {
    refused("the cluster is going down", "bring it up again")
}

/// Starts a supervisor in the background and waits until its cluster is up. `program` runs [`supervise`].
pub fn launch(home: &Home, mut program: Command) -> Result<super::control::Control, SupervisorError> {
    let log = home.log();
    let output = File::create(&log).map_err(failed("create", &log))?;
    program.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(output);
    let mut child = program.spawn().map_err(failed("start the program of", &home.0))?;
    loop {
        if let Ok(mut control) = super::control::Control::connect(home)
            && matches!(control.order(&Order::Status), Ok(Answer::Status(_)))
        {
            return Ok(control);
        }
        if let Ok(Some(_)) = child.try_wait() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let said = super::last_words(&said);
            return Err(SupervisorError::Io {
                operation: "bring up the cluster in",
                path: home.0.clone(),
                source: io::Error::other(said),
            });
        }
        thread::sleep(super::ATTEMPT_PAUSE);
    }
}
