//! Links over UDP datagrams: fair-loss as they are; perfect with a link of the library between ([`stack`]).
//!
//! Messages for one peer share datagrams until [`Links::flush`], and datagrams share system calls ([`socket`]). One thread
//! receives; it also gives the stack its pulses. What arrives and is no datagram of a peer ([`datagram`]), is not authentic
//! ([`mac`]), was seen before ([`replay`]) or is of an incarnation that is over, is counted and dropped.
//!
//! A number seen before is known for as long as the receiver lives. So that nothing of before its start is taken from a recording
//! either, a datagram with an authentication code must name the receiver's incarnation: peers tell each other theirs when they start, and whenever the
//! other's idea of it is wrong.
//!
//! A link that is *cut* loses what is sent: a stack above sends it again when it is healed. For a peer that is down nothing grows
//! but a stack's queue, and that up to a bound.

pub mod datagram;
pub mod mac;
mod names;
pub mod pieces;
pub mod replay;
pub mod socket;
pub mod stack;

use super::complaints::{Complaints, Kind};
use super::place::{Finder, Place};
use super::stream::locked;
use super::{Dropped, Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, Rejected, Security};
use crate::frame::Payloads;
use crate::keys::Keys;
use datagram::{DATAGRAM_LENGTH, Header, Nonsense, RECORD_LENGTH_MAX, Record, Records, Writer};
use pieces::{MESSAGE_LENGTH_MAX, NoPiece, Unfinished, pieces};
use replay::ReplayWindow;
use socket::{Batched, Buffers};
use stack::{Below, Stack};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use synod_model::ProcessId;

/// How long after it is set a stack's pulse comes.
pub const PULSE: Duration = Duration::from_millis(5);
/// A peer that was heard within this time lives.
const ALIVE: Duration = Duration::from_secs(2);
/// What a message may take besides its payload.
const OVERHEAD: usize = 64;
/// How often at most a peer whose idea of us is wrong is told.
const GREETING_PAUSE: Duration = Duration::from_millis(1);

/// All links of one node over one UDP port, both directions.
pub struct UdpLinks {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    tcp: Option<SocketAddr>,
}

struct Shared {
    core: Mutex<Core>,
    socket: Batched,
    inbox: Arc<dyn Inbox>,
    stopped: AtomicBool,
}

/// What both the node's thread and the receiving one have to do with.
struct Core {
    cluster: u64,
    me: ProcessId,
    incarnation: u64,
    keyed: bool,
    queue_soft: usize,
    queue_hard: usize,
    stack: Option<Box<dyn Stack>>,
    wires: Wires,
    complaints: Complaints,
}

/// The links below the stack.
struct Wires {
    peers: BTreeMap<ProcessId, Peer>,
    batch_length: usize,
    deliveries: Deliveries,
}

/// What is delivered once the lock is released.
#[derive(Default)]
struct Deliveries {
    bytes: Vec<u8>,
    /// Who sent them, and where they end.
    ends: Vec<(ProcessId, usize)>,
}

impl Deliveries {
    fn push(&mut self, from: ProcessId, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.ends.push((from, self.bytes.len()));
    }
}

struct Peer {
    /// Where it is, once that is known.
    address: Option<SocketAddr>,
    finder: Finder,
    /// What the header of the next datagram says.
    header: Header,
    key: Option<mac::MacKey>,
    writer: Writer,
    window: ReplayWindow,
    unfinished: Unfinished,
    next_message: u32,
    /// Whether this incarnation of the peer has said something that counts.
    is_met: bool,
    heard_at: Option<Instant>,
    greeted_at: Option<Instant>,
    status: LinkStatus,
}

impl UdpLinks {
    /// Starts to receive at the address at which `listener` meets clients.
    pub fn start(
        settings: &LinkSettings,
        listener: TcpListener,
        options: LinkOptions,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Self, LinkError> {
        let tcp = listener.local_addr().ok();
        let address = listener.local_addr().map_err(LinkError::Thread)?;
        let socket = UdpSocket::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => LinkError::PortInUse { address },
            _ => LinkError::Listen { address, source },
        })?;
        let (socket, buffers) =
            Batched::new(socket).map_err(|source| LinkError::Listen { address, source })?;
        let keys = match settings.security {
            Security::Mac => {
                let directory = settings.keys.as_ref().ok_or(LinkError::NoKeys)?;
                Some(Keys::load(directory, options.me)?)
            }
            _ => None,
        };
        let has_names = options.peers.values().any(|place| matches!(place, Place::Name { .. }));
        let core = Core::new(settings, &options, keys.as_ref(), socket.batch_length(DATAGRAM_LENGTH))?;
        let shared =
            Arc::new(Shared { core: Mutex::new(core), socket, inbox, stopped: AtomicBool::new(false) });
        let mut links = Self { shared: Arc::clone(&shared), threads: vec![], tcp };
        // whoever is found is greeted
        locked(&shared.core).look_up(&shared.socket);
        if has_names {
            let shared = Arc::clone(&shared);
            links.threads.push(super::tcp::spawn("names".to_owned(), move || names::watch(&shared))?);
        }
        let receiver = Arc::clone(&shared);
        links.threads.push(super::tcp::spawn("datagrams".to_owned(), move || receiver.run(buffers))?);
        links
            .threads
            .push(super::tcp::spawn("clients".to_owned(), move || meet_clients(&shared, &listener))?);
        Ok(links)
    }
}

impl Links for UdpLinks {
    fn send(&self, to: ProcessId, payload: &[u8]) -> Result<(), LinkError> {
        if payload.len() > MESSAGE_LENGTH_MAX - OVERHEAD {
            return Err(LinkError::TooLong { length: payload.len() });
        }
        self.shared.change(|core, socket| core.send(to, payload, socket))
    }

    fn flush(&self) {
        self.shared.change(Core::flush);
    }

    fn is_congested(&self) -> bool {
        let core = locked(&self.shared.core);
        core.wires.peers.iter().any(|(&p, peer)| peer.is_alive() && core.queued_bytes(p) > core.queue_soft)
    }

    fn cut(&self, to: ProcessId) -> Result<(), LinkError> {
        let mut core = locked(&self.shared.core);
        let peer = core.wires.peers.get_mut(&to).ok_or(LinkError::NoSuchPeer(to))?;
        peer.status.cut = true;
        peer.writer.clear();
        Ok(())
    }

    fn heal(&self, to: ProcessId) -> Result<usize, LinkError> {
        let mut core = locked(&self.shared.core);
        core.wires.peers.get_mut(&to).ok_or(LinkError::NoSuchPeer(to))?.status.cut = false;
        Ok(core.unacknowledged(to))
    }

    fn status(&self) -> BTreeMap<ProcessId, LinkStatus> {
        let core = locked(&self.shared.core);
        core.wires.peers.keys().map(|&p| (p, core.status(p))).collect()
    }

    fn strangers(&self) -> Dropped {
        locked(&self.shared.core).complaints.dropped(None)
    }
}

impl Drop for UdpLinks {
    fn drop(&mut self) {
        self.flush();
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.socket.wake();
        // the thread that meets clients waits for one
        let _ = self.tcp.map(|address| std::net::TcpStream::connect_timeout(&address, ALIVE));
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Clients come by TCP, to the port of the same number.
fn meet_clients(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else {
            thread::sleep(PULSE); // out of file descriptors, most likely
            continue;
        };
        let far = !stream.peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        if shared.refuses_clients(far) {
            continue;
        }
        let inbox = Arc::clone(&shared.inbox);
        let _ = thread::Builder::new().name("client".to_owned()).spawn(move || inbox.client(stream));
    }
}

impl Shared {
    /// Whether a client is not heard: where nodes authenticate each other, nothing tells who one from elsewhere is.
    fn refuses_clients(&self, far: bool) -> bool {
        let core = locked(&self.core);
        let refused = core.keyed && far;
        if refused {
            let why = "a client from another machine, where only nodes with keys speak";
            core.complaints.count(None, Kind::Forged, &why);
        }
        refused
    }

    /// Does something that may begin a pulse: of that the thread that gives them must know.
    fn change<T>(&self, change: impl FnOnce(&mut Core, &Batched) -> T) -> T {
        let mut core = locked(&self.core);
        let was_pulsing = core.is_pulsing();
        let changed = change(&mut core, &self.socket);
        if core.is_pulsing() && !was_pulsing {
            self.socket.wake();
        }
        changed
    }

    /// Receives until the links are stopped.
    fn run(&self, mut buffers: Buffers) {
        let mut due: Option<Instant> = None;
        let mut deliveries = Deliveries::default();
        while !self.stopped.load(Ordering::SeqCst) {
            let patience = due.map(|due| due.saturating_duration_since(Instant::now()));
            let mut core = None;
            let received = self.socket.receive(&mut buffers, patience, |bytes| {
                core.get_or_insert_with(|| locked(&self.core)).take(bytes, &self.socket);
            });
            if received.is_err() {
                thread::sleep(PULSE); // the system is out of something: the links outlive it
            }
            let mut core = core.unwrap_or_else(|| locked(&self.core));
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) {
                core.pulse(&self.socket);
                due = None;
            }
            core.wires.flush(&self.socket);
            due = if core.is_pulsing() { due.or(Some(now + PULSE)) } else { None };
            std::mem::swap(&mut deliveries, &mut core.wires.deliveries);
            drop(core);
            // the inbox may wait for the node, and the node for the lock
            self.deliver(&mut deliveries);
        }
    }

    fn deliver(&self, deliveries: &mut Deliveries) {
        let mut begin = 0;
        for together in deliveries.ends.chunk_by(|(p, _), (q, _)| p == q) {
            let from = together[0].0;
            let mut payloads = together.iter().map(|&(_, end)| {
                let payload = &deliveries.bytes[begin..end];
                begin = end;
                payload
            });
            let mut rejected = |why: &Rejected| locked(&self.core).rejected(from, why);
            self.inbox.deliver_all(from, &mut payloads, &mut rejected);
        }
        deliveries.bytes.clear();
        deliveries.ends.clear();
    }
}

impl Core {
    fn new(
        settings: &LinkSettings,
        options: &LinkOptions,
        keys: Option<&Keys>,
        batch_length: usize,
    ) -> Result<Self, LinkError> {
        let LinkOptions { cluster, me, incarnation, .. } = *options;
        let mut peers = BTreeMap::new();
        for (&to, place) in &options.peers {
            let key = match keys {
                Some(keys) => Some(mac::MacKey::new(keys.secret(to).ok_or(LinkError::NoKey(to))?)),
                None => None,
            };
            let header = Header { cluster, from: me, to, incarnation, heard: 0, sequence: 0 };
            peers.insert(to, Peer::new(Finder::new(place.clone()), header, key));
        }
        let group = synod_model::Group::first(options.peers.len() as u32 + 1);
        Ok(Self {
            cluster,
            me,
            incarnation,
            keyed: keys.is_some(),
            queue_soft: settings.queue_soft,
            queue_hard: settings.queue_hard,
            stack: options.stack.map(|build| build(me, group, incarnation)),
            wires: Wires { peers, batch_length, deliveries: Deliveries::default() },
            complaints: Complaints::default(),
        })
    }

    fn is_pulsing(&self) -> bool {
        self.stack.as_ref().is_some_and(|stack| stack.is_pulsing())
    }

    fn pulse(&mut self, socket: &Batched) {
        if let Some(stack) = &mut self.stack {
            stack.pulse(&mut Carried { wires: &mut self.wires, socket });
        }
    }

    /// How many payloads for a peer a stack holds. Without one, none waits.
    fn unacknowledged(&self, to: ProcessId) -> usize {
        self.stack.as_ref().map_or(0, |stack| stack.unacknowledged(to))
    }

    /// About how many bytes wait for a peer.
    fn queued_bytes(&self, to: ProcessId) -> usize {
        self.stack.as_ref().map_or(0, |stack| stack.queued_bytes(to))
    }

    fn status(&self, p: ProcessId) -> LinkStatus {
        let peer = &self.wires.peers[&p];
        LinkStatus {
            connected: peer.is_alive(),
            unacknowledged: self.unacknowledged(p),
            queued_bytes: self.queued_bytes(p),
            dropped: self.complaints.dropped(Some(p)),
            lost: self.stack.as_ref().map_or(0, |stack| stack.lost(p) as u64),
            ..peer.status.clone()
        }
    }

    fn send(&mut self, to: ProcessId, payload: &[u8], socket: &Batched) -> Result<(), LinkError> {
        let Self { stack, wires, .. } = self;
        if !wires.peers.contains_key(&to) {
            return Err(LinkError::NoSuchPeer(to));
        }
        let Some(stack) = stack else {
            wires.transmit(to, payload, socket);
            return Ok(());
        };
        let taken = stack.send(to, payload, self.queue_hard, &mut Carried { wires, socket });
        if let (false, Some(peer)) = (taken, wires.peers.get_mut(&to)) {
            peer.status.outside_model += 1;
        }
        Ok(())
    }

    /// What was sent leaves.
    fn flush(&mut self, socket: &Batched) {
        if let Some(stack) = &mut self.stack {
            stack.flush(&mut Carried { wires: &mut self.wires, socket });
        }
        self.wires.flush(socket);
    }

    fn start_stack(&mut self, to: ProcessId, socket: &Batched) {
        if let Some(stack) = &mut self.stack {
            stack.start(to, &mut Carried { wires: &mut self.wires, socket });
        }
    }

    /// A datagram arrives.
    fn take(&mut self, bytes: &[u8], socket: &Batched) {
        let peers = &self.wires.peers;
        let key = |header: &Header| peers.get(&header.from).and_then(|peer| peer.key.as_ref());
        let (header, records) = match datagram::read(bytes, self.keyed, key) {
            Ok(read) => read,
            Err(nonsense) => return self.complaints.count(None, nonsense.kind(), &nonsense),
        };
        let ours = header.cluster == self.cluster && header.to == self.me;
        let Some(peer) = self.wires.peers.get_mut(&header.from).filter(|_| ours) else {
            let why = "of another cluster, or between others";
            return self.complaints.count(None, Kind::Foreign, &why);
        };
        if !peer.hears(&header, self.keyed, self.incarnation, &self.complaints) {
            return;
        }
        if !std::mem::replace(&mut peer.is_met, true) {
            peer.status.connections += 1;
            tracing::info!(peer = %header.from, incarnation = header.incarnation, "heard of");
            if self.keyed {
                peer.greet(); // now it can hear that it is heard
                self.start_stack(header.from, socket);
            }
        }
        self.take_records(header.from, records, socket);
    }

    fn take_records(&mut self, from: ProcessId, records: Records<'_>, socket: &Batched) {
        for record in records {
            let taken = match record {
                Ok(Record::Message(message)) => self.take_message(from, message, socket),
                Ok(Record::Piece(piece)) => {
                    let whole = self.wires.peers.get_mut(&from).map(|peer| peer.unfinished.take(piece));
                    match whole {
                        Some(Ok(Some(message))) => self.take_message(from, &message, socket),
                        Some(Err(NoPiece)) => Err("a piece is no piece of a message".to_owned()),
                        _ => Ok(()),
                    }
                }
                Err(_) => Err("a record is longer than its datagram".to_owned()),
            };
            if let Err(why) = taken {
                self.malformed(from, why);
            }
        }
    }

    fn take_message(&mut self, from: ProcessId, message: &[u8], socket: &Batched) -> Result<(), String> {
        let Some(stack) = &mut self.stack else {
            self.wires.deliveries.push(from, message);
            return Ok(());
        };
        let below = &mut Carried { wires: &mut self.wires, socket };
        stack.receive(from, message, below).map_err(|e| format!("no message of the stack: {e}"))
    }

    /// What is no message says so.
    fn malformed(&mut self, from: ProcessId, why: String) {
        self.complaints.count(Some(from), Kind::Malformed, &why);
        if let Some(peer) = self.wires.peers.get_mut(&from) {
            peer.status.trouble.get_or_insert(why);
        }
    }

    /// The node takes no such payload.
    fn rejected(&mut self, from: ProcessId, rejected: &Rejected) {
        self.complaints.rejected(from, rejected);
        if let Some(peer) = self.wires.peers.get_mut(&from) {
            peer.status.trouble.get_or_insert_with(|| rejected.to_string());
        }
    }
}

impl Nonsense {
    fn kind(self) -> Kind {
        match self {
            Self::Malformed => Kind::Malformed,
            Self::Oversized => Kind::Oversized,
            Self::Forged => Kind::Forged,
        }
    }
}

impl Peer {
    fn new(finder: Finder, header: Header, key: Option<mac::MacKey>) -> Self {
        Self {
            address: None,
            finder,
            header,
            key,
            writer: Writer::default(),
            window: ReplayWindow::default(),
            unfinished: Unfinished::default(),
            next_message: 0,
            is_met: false,
            heard_at: None,
            greeted_at: None,
            status: LinkStatus::default(),
        }
    }

    fn is_alive(&self) -> bool {
        self.heard_at.is_some_and(|at| at.elapsed() < ALIVE)
    }

    /// Whether what this datagram carries counts.
    fn hears(&mut self, header: &Header, keyed: bool, mine: u64, complaints: &Complaints) -> bool {
        if header.incarnation < self.header.heard {
            complaints.count(Some(header.from), Kind::Foreign, &"of an incarnation that is over");
            return false;
        }
        if header.incarnation > self.header.heard {
            self.header.heard = header.incarnation;
            self.window = ReplayWindow::default();
            self.unfinished = Unfinished::default();
            self.is_met = false;
        }
        if keyed && !self.window.see(header.sequence) {
            complaints.count(Some(header.from), Kind::Replayed, &"seen before, or too old to tell");
            return false;
        }
        self.heard_at = Some(Instant::now());
        if keyed && header.heard != mine {
            // it may be from before this start; who sent it now hears what to say
            if self.greeted_at.is_none_or(|at| at.elapsed() >= GREETING_PAUSE) {
                self.greeted_at = self.heard_at;
                self.greet();
            }
            return false;
        }
        true
    }

    /// A datagram without records: it says who is here.
    fn greet(&mut self) {
        self.begin();
    }

    fn begin(&mut self) {
        if !self.writer.is_open() {
            self.writer.open(self.header);
            self.header.sequence += 1;
        }
    }

    fn write(&mut self, record: Record<'_>, batch_length: usize, socket: &Batched) {
        if !self.writer.has_room(record) {
            self.writer.seal(self.key.as_ref(), true);
            if self.writer.len() + DATAGRAM_LENGTH > batch_length {
                self.leave(socket);
            }
        }
        self.begin();
        self.writer.record(record);
    }

    fn leave(&mut self, socket: &Batched) {
        self.writer.seal(self.key.as_ref(), false);
        if let Some(address) = self.address.filter(|_| !self.writer.is_empty() && !self.status.cut) {
            // what the system does not take is lost, as datagrams are
            if let Err(e) = socket.send(address, self.writer.bytes(), DATAGRAM_LENGTH) {
                self.status.trouble = Some(e.to_string());
            }
        }
        self.writer.clear();
    }
}

impl Wires {
    fn transmit(&mut self, to: ProcessId, message: &[u8], socket: &Batched) {
        let Some(peer) = self.peers.get_mut(&to).filter(|peer| !peer.status.cut) else { return };
        // a record without bytes would be padding: a piece has a head
        if !message.is_empty() && message.len() <= RECORD_LENGTH_MAX {
            return peer.write(Record::Message(message), self.batch_length, socket);
        }
        let number = peer.next_message;
        peer.next_message = number.wrapping_add(1);
        for piece in pieces(number, message) {
            peer.write(Record::Piece(&piece), self.batch_length, socket);
        }
    }

    fn flush(&mut self, socket: &Batched) {
        self.peers.values_mut().for_each(|peer| peer.leave(socket));
    }
}

/// The links, as a stack sees them.
struct Carried<'a> {
    wires: &'a mut Wires,
    socket: &'a Batched,
}

impl Below for Carried<'_> {
    fn transmit(&mut self, to: ProcessId, message: &[u8]) {
        self.wires.transmit(to, message, self.socket);
    }

    fn deliver(&mut self, from: ProcessId, payloads: Payloads<'_>) {
        payloads.for_each(|payload| self.wires.deliveries.push(from, payload));
    }
}
