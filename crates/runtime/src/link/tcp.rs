//! Perfect links over TCP.
//!
//! Each node listens on one port. Each direction of a link is a connection of its own, from the sender to the
//! receiver; it is dialled when there is something to send, and again, after a pause that grows, when it breaks. What
//! the bytes on it mean is [`crate::session`]'s matter.
//!
//! A link that is *cut* holds its traffic until it is healed: under perfect links a partition is delay.
//!
//! Nothing here keeps a sender from filling its own memory for a peer that is down; and a peer whose machine vanishes
//! without a word is noticed only when TCP gives up.

use super::{Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, PAYLOAD_LENGTH_MAX};
use crate::frame::{self, FrameError};
use crate::session::{Arrival, Incoming, Outgoing, SessionError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use synod_model::ProcessId;
use thiserror::Error;

/// Of the protocol between nodes.
pub const VERSION: u32 = 1;
/// What a connection between nodes begins with; whatever begins otherwise is a client's.
const PREAMBLE: [u8; 8] = *b"SYNODTCP";
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long either side waits for the other one's half of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// About how many bytes go into one write.
const BURST_LENGTH: usize = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    version: u32,
    cluster: u64,
    from: ProcessId,
    to: ProcessId,
    incarnation: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Welcome { incarnation: u64, received: u64 },
    Refused(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Data {
    sequence: u64,
    payload: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Acknowledge {
    sequence: u64,
}

/// Why a connection ends. It shows in [`LinkStatus`] alone.
#[derive(Debug, Error)]
enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the peer refuses: {0}")]
    Refused(String),
    #[error("the peer closed the connection")]
    Closed,
    #[error("the connection leads back to its own end")]
    Looped,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All links of one node, both directions.
pub struct TcpLinks {
    peers: BTreeMap<ProcessId, Arc<Sender>>,
    receiver: Arc<Receiver>,
    address: Option<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
}

impl TcpLinks {
    /// Starts to accept and to dial.
    pub fn start(
        _settings: &LinkSettings,
        listener: TcpListener,
        options: LinkOptions,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Self, LinkError> {
        let incoming = options.peers.keys().map(|&p| (p, Mutex::default())).collect();
        let mut links = Self {
            peers: BTreeMap::new(),
            receiver: Arc::new(Receiver {
                options: options.clone(),
                inbox,
                incoming,
                open: Mutex::default(),
                opened: AtomicU64::new(0),
                stopped: AtomicBool::new(false),
            }),
            address: listener.local_addr().ok(),
            threads: vec![],
        };
        for (&to, &address) in &options.peers {
            let sender = Arc::new(Sender {
                options: options.clone(),
                to,
                address,
                state: Mutex::default(),
                changed: Condvar::new(),
            });
            links.peers.insert(to, Arc::clone(&sender));
            links.threads.push(spawn(format!("to {to}"), move || sender.run())?);
        }
        let receiver = Arc::clone(&links.receiver);
        links.threads.push(spawn("accept".to_owned(), move || accept(&receiver, &listener))?);
        Ok(links)
    }

    fn sender(&self, to: ProcessId) -> Result<&Sender, LinkError> {
        self.peers.get(&to).map(|sender| &**sender).ok_or(LinkError::NoSuchPeer(to))
    }
}

impl Links for TcpLinks {
    fn send(&self, to: ProcessId, payload: &[u8]) -> Result<(), LinkError> {
        let length = payload.len();
        if length > PAYLOAD_LENGTH_MAX {
            return Err(LinkError::TooLong { length });
        }
        self.sender(to)?.update(|state| state.outgoing.send(payload.to_vec()));
        Ok(())
    }

    fn cut(&self, to: ProcessId) -> Result<(), LinkError> {
        self.sender(to)?.update(|state| {
            state.cut = true;
            state.hang_up();
        });
        Ok(())
    }

    fn heal(&self, to: ProcessId) -> Result<usize, LinkError> {
        Ok(self.sender(to)?.update(|state| {
            state.cut = false;
            state.outgoing.unacknowledged()
        }))
    }

    fn status(&self) -> BTreeMap<ProcessId, LinkStatus> {
        self.peers.iter().map(|(&p, sender)| (p, locked(&sender.state).status())).collect()
    }
}

impl Drop for TcpLinks {
    fn drop(&mut self) {
        self.receiver.stop();
        for sender in self.peers.values() {
            sender.update(|state| {
                state.stopped = true;
                state.hang_up();
            });
        }
        // The acceptor waits for a connection: give it one.
        let _ = self.address.map(|address| TcpStream::connect_timeout(&address, DIAL_TIMEOUT));
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LinkError> {
    thread::Builder::new().name(name).spawn(run).map_err(LinkError::Thread)
}

/// The sender's end of the link to one peer.
struct Sender {
    options: LinkOptions,
    to: ProcessId,
    address: SocketAddr,
    state: Mutex<SenderState>,
    changed: Condvar,
}

#[derive(Default)]
struct SenderState {
    outgoing: Outgoing,
    /// The connection, to be hung up from other threads.
    stream: Option<TcpStream>,
    /// The connection has failed.
    broken: bool,
    cut: bool,
    stopped: bool,
    lost: usize,
    connections: u64,
    trouble: Option<String>,
}

impl SenderState {
    fn hang_up(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn must_hang_up(&self) -> bool {
        self.broken || self.cut || self.stopped
    }

    fn status(&self) -> LinkStatus {
        LinkStatus {
            cut: self.cut,
            connected: self.stream.is_some() && !self.broken,
            unacknowledged: self.outgoing.unacknowledged(),
            lost: self.lost,
            connections: self.connections,
            trouble: self.trouble.clone(),
            ..LinkStatus::default()
        }
    }
}

impl Sender {
    fn update<T>(&self, change: impl FnOnce(&mut SenderState) -> T) -> T {
        let result = change(&mut locked(&self.state));
        self.changed.notify_all();
        result
    }

    fn wait_while(&self, condition: impl Fn(&SenderState) -> bool) -> MutexGuard<'_, SenderState> {
        let state = locked(&self.state);
        self.changed.wait_while(state, |state| condition(state)).unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self: &Arc<Self>) {
        let mut pause = PAUSE_MIN;
        loop {
            let idle = |state: &SenderState| state.cut || state.outgoing.unacknowledged() == 0;
            if self.wait_while(|state| !state.stopped && idle(state)).stopped {
                return;
            }
            match self.dial() {
                Ok(stream) => {
                    pause = PAUSE_MIN;
                    self.serve(stream);
                }
                Err(broken) => {
                    self.update(|state| state.trouble = Some(broken.to_string()));
                    let stopped = |state: &mut SenderState| !state.stopped;
                    drop(self.changed.wait_timeout_while(locked(&self.state), pause, stopped));
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// A connection to the peer, after the handshake.
    fn dial(&self) -> Result<TcpStream, Broken> {
        let mut stream = TcpStream::connect_timeout(&self.address, DIAL_TIMEOUT)?;
        if stream.local_addr()? == stream.peer_addr()? {
            // On loopback a port without a listener can be given to the very dialler that asks for it.
            return Err(Broken::Looped);
        }
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        let mut bytes = PREAMBLE.to_vec();
        let LinkOptions { cluster, me, incarnation, .. } = self.options;
        frame::append(&mut bytes, &Hello { version: VERSION, cluster, from: me, to: self.to, incarnation })?;
        stream.write_all(&bytes)?;
        match frame::read(&mut stream)?.ok_or(Broken::Closed)? {
            Answer::Refused(why) => return Err(Broken::Refused(why)),
            Answer::Welcome { incarnation, received } => {
                let mut state = locked(&self.state);
                state.lost += state.outgoing.welcome(incarnation, received)?;
                state.stream = Some(stream.try_clone()?);
                state.broken = false;
                state.connections += 1;
            }
        }
        stream.set_read_timeout(None)?;
        Ok(stream)
    }

    /// Writes what there is to write until the connection breaks or is hung up.
    fn serve(self: &Arc<Self>, mut stream: TcpStream) {
        let acknowledgements = stream.try_clone().map_err(Broken::from).and_then(|stream| {
            let sender = Arc::clone(self);
            let reader = move || sender.read_acknowledgements(stream);
            thread::Builder::new().name(format!("acks from {}", self.to)).spawn(reader).map_err(Broken::from)
        });
        let trouble = match &acknowledgements {
            Ok(_) => self.write_until_broken(&mut stream).err().map(|e| e.to_string()),
            Err(e) => Some(e.to_string()),
        };
        let _ = stream.shutdown(Shutdown::Both);
        if let Ok(reader) = acknowledgements {
            let _ = reader.join();
        }
        let mut state = locked(&self.state);
        state.stream = None;
        if trouble.is_some() {
            state.trouble = trouble;
        }
    }

    fn write_until_broken(&self, stream: &mut TcpStream) -> Result<(), Broken> {
        let mut burst = Vec::new();
        loop {
            let mut state = self.wait_while(|state| !state.must_hang_up() && !state.outgoing.has_unwritten());
            if state.must_hang_up() {
                return Ok(());
            }
            burst.clear();
            while burst.len() < BURST_LENGTH
                && let Some((sequence, payload)) = state.outgoing.write()
            {
                frame::append(&mut burst, &Data { sequence, payload: payload.to_vec() })?;
            }
            drop(state);
            stream.write_all(&burst)?;
        }
    }

    fn read_acknowledgements(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let ended: Broken = loop {
            match frame::read(&mut stream) {
                Ok(Some(Acknowledge { sequence })) => {
                    if let Err(e) = locked(&self.state).outgoing.acknowledge(sequence) {
                        break e.into();
                    }
                }
                Ok(None) => break Broken::Closed,
                Err(e) => break e.into(),
            }
        };
        self.update(|state| {
            state.broken = true;
            state.trouble = Some(ended.to_string());
            state.hang_up();
        });
    }
}

/// The receivers' ends of the links from all peers.
struct Receiver {
    options: LinkOptions,
    inbox: Arc<dyn Inbox>,
    incoming: BTreeMap<ProcessId, Mutex<Incoming>>,
    /// The connections that are open, to be hung up at the end.
    open: Mutex<BTreeMap<u64, TcpStream>>,
    opened: AtomicU64,
    stopped: AtomicBool,
}

impl Receiver {
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for stream in locked(&self.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// A connection, from its first byte to its last.
    fn serve(&self, stream: TcpStream) {
        let Ok(handle) = stream.try_clone() else { return };
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        locked(&self.open).insert(number, handle);
        // A stop between the accept and the insert has missed this one.
        if !self.stopped.load(Ordering::SeqCst) {
            // Whatever is wrong with it: the peer dials again, and sees why.
            let _ = self.greet(stream);
        }
        locked(&self.open).remove(&number);
    }

    fn greet(&self, mut stream: TcpStream) -> Result<(), Broken> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        let mut first = [0];
        if stream.peek(&mut first)? == 1 && first[0] != PREAMBLE[0] {
            stream.set_read_timeout(None)?;
            self.inbox.client(stream);
            return Ok(());
        }
        let mut preamble = [0; PREAMBLE.len()];
        stream.read_exact(&mut preamble)?;
        if preamble != PREAMBLE {
            return Err(Broken::Closed);
        }
        let hello: Hello = frame::read(&mut stream)?.ok_or(Broken::Closed)?;
        let answer = self.answer(&hello);
        let mut bytes = vec![];
        frame::append(&mut bytes, &answer)?;
        stream.write_all(&bytes)?;
        if matches!(answer, Answer::Refused(_)) {
            return Ok(());
        }
        stream.set_read_timeout(None)?;
        self.receive(&hello, stream)
    }

    fn answer(&self, hello: &Hello) -> Answer {
        let LinkOptions { cluster, me, incarnation, .. } = self.options;
        if hello.version != VERSION {
            return Answer::Refused(format!("protocol {VERSION} is spoken here, not {}", hello.version));
        }
        if (hello.cluster, hello.to) != (cluster, me) {
            return Answer::Refused(format!("this is {me} of cluster {cluster:016x}"));
        }
        let Some(incoming) = self.incoming.get(&hello.from) else {
            return Answer::Refused(format!("{} is no peer of {me}", hello.from));
        };
        match locked(incoming).hello(hello.incarnation) {
            Ok(received) => Answer::Welcome { incarnation, received },
            Err(fenced) => Answer::Refused(fenced.to_string()),
        }
    }

    fn receive(&self, hello: &Hello, stream: TcpStream) -> Result<(), Broken> {
        let mut acknowledgements = stream.try_clone()?;
        let mut stream = BufReader::with_capacity(BURST_LENGTH, stream);
        let incoming = &self.incoming[&hello.from];
        while let Some(Data { sequence, payload }) = frame::read(&mut stream)? {
            let received = {
                // Delivered under the lock: no older connection gets in between.
                let mut incoming = locked(incoming);
                if incoming.arrive(hello.incarnation, sequence)? == Arrival::Deliver {
                    let _ = self.inbox.deliver(hello.from, &payload);
                }
                incoming.received()
            };
            if stream.buffer().is_empty() {
                let mut bytes = vec![];
                frame::append(&mut bytes, &Acknowledge { sequence: received })?;
                acknowledgements.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}

fn accept(receiver: &Arc<Receiver>, listener: &TcpListener) {
    let mut threads: Vec<JoinHandle<()>> = vec![];
    for stream in listener.incoming() {
        if receiver.stopped.load(Ordering::SeqCst) {
            break;
        }
        threads.retain(|thread| !thread.is_finished());
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely: leave the others time to close some.
            thread::sleep(PAUSE_MAX);
            continue;
        };
        let receiver = Arc::clone(receiver);
        let serve = move || receiver.serve(stream);
        threads.extend(thread::Builder::new().name("connection".to_owned()).spawn(serve));
    }
    // Those that came after the streams were hung up see the flag.
    for thread in threads {
        let _ = thread.join();
    }
}
