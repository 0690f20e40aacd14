//! Perfect links over TCP, plain or within TLS: the senders' ends.
//!
//! Each node listens on one port. Each direction of a link is a connection of its own, from the sender to the
//! receiver; it is dialled when there is something to send, and again, after a pause that grows, when it breaks. What
//! the bytes on it mean is [`crate::session`]'s matter; the receivers' ends are in `accept`.
//!
//! Payloads are gathered until [`Links::flush`], and leave in one system call from the thread that calls it. Only what
//! the socket does not take at once is left to the thread of that link, so that nobody waits for a slow peer.
//!
//! # Bounds
//! What waits for a peer is bounded ([`LinkSettings`]). While a peer that lives - it has acknowledged something within
//! `patience` - is behind by more than `queue_soft` bytes, the links are congested, and the node takes no requests of
//! clients. When `queue_hard` bytes wait, the session is closed: all of it is dropped, as if the peer had crashed. If it
//! had, the model has it so (what was in flight is lost); if it had not, the loss is counted as outside of the model.
//!
//! A link that is *cut* holds its traffic until it is healed: under perfect links a partition is delay.

use super::accept::{Receiver, accept};
use super::complaints::Complaints;
use super::place::{Finder, Place, Unknown};
use super::stream::{Reader, Writer, halves, locked};
use super::tls::{Tls, explain, is_tls};
use super::{
    Dropped, Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, Next, PAYLOAD_LENGTH_MAX,
    Security, Sockets, Source,
};
use crate::frame::{self, FrameError, Frames};
use crate::keys::Keys;
use crate::session::{Epoch, Instance, Outgoing, SessionError};
use rustix::net::sockopt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use synod_model::ProcessId;
use thiserror::Error;

/// Of the protocol between nodes.
pub const VERSION: u32 = 2;
/// What a connection between nodes begins with; whatever begins otherwise is a client's.
pub(super) const PREAMBLE: [u8; 8] = *b"SYNODTCP";
/// What one within TLS begins with.
pub(super) const PREAMBLE_TLS: [u8; 8] = *b"SYNODTLS";
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long either side waits for the other one's half of the handshake.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(2);
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(100);
/// A connection on which nothing is acknowledged for so many times the settings' patience is given up: a changed length
/// makes the receiver wait for what never comes.
const PATIENCES_MAX: u32 = 4;
/// A connection is given up when the other end's machine says nothing for so long.
const SILENCE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) version: u32,
    pub(super) cluster: u64,
    pub(super) from: ProcessId,
    pub(super) to: ProcessId,
    pub(super) incarnation: u64,
    pub(super) session: u64,
    pub(super) token: u64,
}

impl Hello {
    pub(super) fn epoch(&self) -> Epoch {
        Epoch { incarnation: self.incarnation, session: self.session }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Welcome {
        incarnation: u64,
        token: u64,
        received: u64,
    },
    Refused(String),
    /// Another OS process speaks for this process.
    Over(String),
}

/// What the receiver says on a connection after that.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Back {
    Acknowledge(u64),
    /// Another OS process claims to speak for this process.
    Impostor(String),
}

/// Why a connection ends. It shows in [`LinkStatus`] alone.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Unknown(#[from] Unknown),
    #[error("no TLS with the peer: {}", explain(.0))]
    Tls(io::Error),
    #[error("the peer refuses: {0}")]
    Refused(String),
    #[error("the peer closed the connection")]
    Closed,
    #[error("the connection leads back to its own end")]
    Looped,
}

/// Why nothing can be read where an answer should be: within TLS an acceptor refuses by an alert.
fn refused(error: FrameError) -> Broken {
    match error {
        FrameError::Io(e) if is_tls(&e) => Broken::Tls(e),
        other => other.into(),
    }
}

/// What all threads of a node's links share.
pub(super) struct Shared {
    pub(super) options: LinkOptions,
    pub(super) settings: LinkSettings,
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) tls: Option<Tls>,
    /// Who waits for the sockets calls for what they bring.
    pub(super) sockets: Arc<Sockets>,
    /// Which OS process this is.
    pub(super) instance: Instance,
    pub(super) complaints: Complaints,
}

/// All links of one node, both directions.
pub struct TcpLinks {
    shared: Arc<Shared>,
    peers: BTreeMap<ProcessId, Arc<Sender>>,
    receiver: Arc<Receiver>,
    address: Option<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
}

impl TcpLinks {
    /// Starts to accept and to dial.
    pub fn start(
        settings: &LinkSettings,
        listener: TcpListener,
        options: LinkOptions,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Self, LinkError> {
        let tls = match settings.security {
            Security::Tls => Some(tls(settings, options.me)?),
            _ => None,
        };
        let token = RandomState::new().hash_one((std::process::id(), options.me));
        let (sockets, is_own) = match inbox.sockets() {
            Some(sockets) => (sockets, false),
            None => (Arc::new(Sockets::new().map_err(LinkError::Sockets)?), true),
        };
        let shared = Arc::new(Shared {
            sockets,
            instance: Instance { incarnation: options.incarnation, token },
            options,
            settings: settings.clone(),
            inbox,
            tls,
            complaints: Complaints::default(),
        });
        let receiver = Arc::new(Receiver::new(Arc::clone(&shared)));
        let address = listener.local_addr().ok();
        let mut links = Self { shared, peers: BTreeMap::new(), receiver, address, threads: vec![] };
        if is_own {
            let sockets = Arc::clone(&links.shared.sockets);
            links.threads.push(spawn("sockets".to_owned(), move || attend(&sockets))?);
        }
        for (&to, place) in &links.shared.options.peers {
            let sender = Arc::new(Sender::new(Arc::clone(&links.shared), to, place.clone()));
            links.peers.insert(to, Arc::clone(&sender));
            links.threads.push(spawn(format!("to {to}"), move || sender.run())?);
        }
        let receiver = Arc::clone(&links.receiver);
        links.threads.push(spawn("handshakes".to_owned(), move || receiver.limit_handshakes())?);
        let receiver = Arc::clone(&links.receiver);
        links.threads.push(spawn("accept".to_owned(), move || accept(&receiver, &listener))?);
        Ok(links)
    }

    fn sender(&self, to: ProcessId) -> Result<&Sender, LinkError> {
        self.peers.get(&to).map(|sender| &**sender).ok_or(LinkError::NoSuchPeer(to))
    }
}

/// Reads what comes, where nobody else does.
fn attend(sockets: &Sockets) {
    while !sockets.is_closed() {
        sockets.look_out();
    }
}

fn tls(settings: &LinkSettings, me: ProcessId) -> Result<Tls, LinkError> {
    let directory = settings.keys.as_deref().ok_or(LinkError::NoKeys)?;
    Ok(Tls::new(&Keys::load(directory, me)?)?)
}

impl Links for TcpLinks {
    fn send(&self, to: ProcessId, payload: &[u8]) -> Result<(), LinkError> {
        let length = payload.len();
        if length > PAYLOAD_LENGTH_MAX {
            return Err(LinkError::TooLong { length });
        }
        self.sender(to)?.send(payload);
        Ok(())
    }

    fn flush(&self) {
        self.peers.values().for_each(|sender| sender.flush());
    }

    fn greet(&self) {
        self.peers.values().for_each(|sender| sender.update(|state| state.greet = true));
    }

    fn is_congested(&self) -> bool {
        self.peers.values().any(|sender| sender.is_congested())
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
        let dropped = |p| self.shared.complaints.dropped(Some(p));
        let status = |sender: &Sender| locked(&sender.state).status();
        self.peers
            .iter()
            .map(|(&p, sender)| (p, LinkStatus { dropped: dropped(p), ..status(sender) }))
            .collect()
    }

    fn strangers(&self) -> Dropped {
        self.shared.complaints.dropped(None)
    }
}

impl Drop for TcpLinks {
    fn drop(&mut self) {
        self.receiver.stop();
        self.shared.sockets.close();
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

pub(super) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LinkError> {
    thread::Builder::new().name(name).spawn(run).map_err(LinkError::Thread)
}

/// No delay for small writes, and no waiting for ever for a machine that has vanished.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, SILENCE_MAX / 2)?;
    sockopt::set_tcp_keepintvl(stream, SILENCE_MAX / 4)?;
    sockopt::set_tcp_keepcnt(stream, 2)?;
    sockopt::set_tcp_user_timeout(stream, SILENCE_MAX.as_millis() as u32)?;
    Ok(())
}

/// The sender's end of the link to one peer.
struct Sender {
    shared: Arc<Shared>,
    to: ProcessId,
    /// Asked by the link's thread alone.
    finder: Mutex<Finder>,
    /// Something was sent since the last flush.
    dirty: AtomicBool,
    state: Mutex<SenderState>,
    changed: Condvar,
}

struct SenderState {
    outgoing: Outgoing,
    /// The connection, to be hung up from other threads.
    stream: Option<TcpStream>,
    /// What is written to; absent while the link's thread waits for the socket.
    writer: Option<Writer>,
    /// The socket has not taken all: the link's thread waits for it.
    stalled: bool,
    /// The connection has failed.
    broken: bool,
    cut: bool,
    stopped: bool,
    /// The peer is to hear of this incarnation, though there is nothing to send.
    greet: bool,
    /// When the peer has last acknowledged something, or welcomed this process.
    progress: Instant,
    /// Nothing had waited for it before something was sent: it is not behind since `progress`, but since it is asked.
    fresh: bool,
    /// Whether it has acknowledged something on this connection.
    fruitful: bool,
    lost: u64,
    outside_model: u64,
    connections: u64,
    trouble: Option<String>,
}

impl SenderState {
    fn hang_up(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Since when the peer has acknowledged nothing of what waits for it.
    fn behind_since(&mut self) -> Instant {
        if std::mem::take(&mut self.fresh) {
            self.progress = Instant::now();
        }
        self.progress
    }

    fn fail(&mut self, why: &dyn std::fmt::Display) {
        self.broken = true;
        self.trouble = Some(why.to_string());
        self.hang_up();
    }

    fn must_hang_up(&self) -> bool {
        self.broken || self.cut || self.stopped
    }

    /// Gives the socket what it takes. Whether the link's thread has something to do now.
    fn push(&mut self) -> bool {
        if self.stream.is_none() {
            return self.outgoing.has_unwritten();
        }
        if self.must_hang_up() {
            return false;
        }
        let Some(writer) = &mut self.writer else { return false };
        while let Some((_, frame)) = self.outgoing.write() {
            match writer.offer(frame) {
                Ok(true) => {}
                Ok(false) => {
                    self.stalled = true;
                    return true;
                }
                Err(e) => {
                    self.fail(&e);
                    return true;
                }
            }
        }
        false
    }

    fn status(&self) -> LinkStatus {
        LinkStatus {
            cut: self.cut,
            connected: self.stream.is_some() && !self.broken,
            unacknowledged: self.outgoing.unacknowledged(),
            lost: self.lost,
            connections: self.connections,
            trouble: self.trouble.clone(),
            queued_bytes: self.outgoing.bytes(),
            // Until the peer says that it had crashed.
            outside_model: self.outside_model + self.outgoing.forsaken(),
            sessions_closed: self.outgoing.closed(),
            dropped: Dropped::default(),
        }
    }
}

impl Sender {
    fn new(shared: Arc<Shared>, to: ProcessId, place: Place) -> Self {
        let state = SenderState {
            outgoing: Outgoing::default(),
            stream: None,
            writer: None,
            stalled: false,
            broken: false,
            cut: false,
            stopped: false,
            greet: false,
            progress: Instant::now(),
            fresh: false,
            fruitful: false,
            lost: 0,
            outside_model: 0,
            connections: 0,
            trouble: None,
        };
        let (dirty, state) = (AtomicBool::new(false), Mutex::new(state));
        let finder = Mutex::new(Finder::new(place));
        Self { shared, to, finder, dirty, state, changed: Condvar::new() }
    }

    #[inline]
    fn send(&self, payload: &[u8]) {
        let mut state = locked(&self.state);
        // The clock is read when somebody asks since when.
        state.fresh |= state.outgoing.bytes() == 0;
        state.outgoing.send(payload);
        if state.outgoing.bytes() > self.shared.settings.queue_hard {
            self.close(&mut state);
        }
        if state.outgoing.has_full_batch() && state.push() {
            self.changed.notify_all();
        }
        drop(state);
        if !self.dirty.load(Ordering::Relaxed) {
            self.dirty.store(true, Ordering::Relaxed);
        }
    }

    fn flush(&self) {
        if self.dirty.load(Ordering::Relaxed) {
            self.dirty.store(false, Ordering::Relaxed);
            let mut state = locked(&self.state);
            if state.push() {
                self.changed.notify_all();
            }
        }
    }

    /// Too much waits: the session is over.
    fn close(&self, state: &mut SenderState) {
        let forsaken = state.outgoing.close();
        let bound = self.shared.settings.queue_hard;
        tracing::warn!(to = %self.to, "{forsaken} messages dropped: more than {bound} bytes waited");
        state.fail(&format_args!("the session was closed: more than {bound} bytes waited"));
    }

    fn is_congested(&self) -> bool {
        let mut state = locked(&self.state);
        state.outgoing.bytes() > self.shared.settings.queue_soft
            && state.stream.is_some()
            && !state.must_hang_up()
            && state.behind_since().elapsed() < self.shared.settings.patience
    }

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
            let has_none = |state: &SenderState| state.outgoing.unacknowledged() == 0 && !state.greet;
            let idle = |state: &SenderState| state.cut || has_none(state);
            if self.wait_while(|state| !state.stopped && idle(state)).stopped {
                return;
            }
            match self.dial() {
                Ok((reader, stream)) => self.serve(reader, stream),
                Err(broken) => self.not_reached(&broken),
            }
            if std::mem::take(&mut locked(&self.state).fruitful) {
                pause = PAUSE_MIN;
            }
            let stopped = |state: &mut SenderState| !state.stopped;
            drop(self.changed.wait_timeout_while(locked(&self.state), pause, stopped));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// A connection to where the peer is now: the first of its addresses at which somebody listens.
    fn connect(&self) -> Result<TcpStream, Broken> {
        let mut failed = Broken::Closed;
        for address in locked(&self.finder).find(DIAL_TIMEOUT)? {
            match TcpStream::connect_timeout(&address, DIAL_TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(e) => failed = e.into(),
            }
        }
        Err(failed)
    }

    /// It is dialled again and again: what changes is told.
    fn not_reached(&self, broken: &Broken) {
        let why = Some(broken.to_string());
        let mut state = locked(&self.state);
        if state.trouble != why {
            tracing::info!(peer = %self.to, "not reached: {broken}");
            state.trouble = why;
        }
    }

    /// A connection to the peer, after the handshake: it can be written to.
    fn dial(&self) -> Result<(Frames<Reader>, TcpStream), Broken> {
        let mut stream = self.connect()?;
        if stream.local_addr()? == stream.peer_addr()? {
            // On loopback a port without a listener can be given to the very dialler that asks for it.
            return Err(Broken::Looped);
        }
        tune(&stream)?;
        stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        stream.set_write_timeout(Some(HANDSHAKE_TIMEOUT))?;
        let tls = match &self.shared.tls {
            None => {
                io::Write::write_all(&mut stream, &PREAMBLE)?;
                None
            }
            Some(tls) => {
                io::Write::write_all(&mut stream, &PREAMBLE_TLS)?;
                Some(tls.dial(&mut stream, self.to).map_err(Broken::Tls)?)
            }
        };
        let (reader, mut writer) = halves(stream.try_clone()?, tls)?;
        let mut reader = Frames::new(reader);
        let Instance { incarnation, token } = self.shared.instance;
        let LinkOptions { cluster, me, .. } = self.shared.options;
        let session = locked(&self.state).outgoing.closed();
        let hello = Hello { version: VERSION, cluster, from: me, to: self.to, incarnation, session, token };
        let mut bytes = vec![];
        frame::append(&mut bytes, &hello)?;
        writer.offer(&bytes)?;
        writer.finish()?;
        match frame::value(reader.read().map_err(refused)?.ok_or(Broken::Closed)?)? {
            Answer::Refused(why) => Err(Broken::Refused(why)),
            Answer::Over(why) => {
                tracing::error!(to = %self.to, "{why}");
                self.shared.inbox.impostor(&why);
                Err(Broken::Refused(why))
            }
            Answer::Welcome { incarnation, token, received } => {
                stream.set_read_timeout(None)?;
                stream.set_write_timeout(None)?;
                let to_wait_for = stream.try_clone()?;
                self.welcome(Instance { incarnation, token }, session, received, stream, writer)?;
                Ok((reader, to_wait_for))
            }
        }
    }

    fn welcome(
        &self,
        peer: Instance,
        session: u64,
        received: u64,
        stream: TcpStream,
        writer: Writer,
    ) -> Result<(), Broken> {
        let mut state = locked(&self.state);
        if session != state.outgoing.closed() {
            return Err(Broken::Closed);
        }
        let lost = state.outgoing.welcome(peer, received)?;
        state.lost += lost.in_flight;
        state.outside_model += lost.outside_model;
        (state.stream, state.writer) = (Some(stream), Some(writer));
        (state.broken, state.stalled, state.greet) = (false, false, false);
        state.progress = Instant::now();
        state.connections += 1;
        tracing::info!(peer = %self.to, incarnation = peer.incarnation, "connected");
        Ok(())
    }

    /// Writes what there is to write until the connection breaks or is hung up.
    fn serve(self: &Arc<Self>, reader: Frames<Reader>, stream: TcpStream) {
        let acknowledgements = Acknowledgements { sender: Arc::clone(self), reader: Mutex::new(reader) };
        match self.shared.sockets.add(stream, Arc::new(acknowledgements)) {
            Ok(number) => {
                self.write_until_broken();
                self.shared.sockets.remove(number);
            }
            Err(e) => self.update(|state| state.trouble = Some(e.to_string())),
        }
        locked(&self.state).hang_up();
        let mut state = locked(&self.state);
        (state.stream, state.writer) = (None, None);
        if !state.stopped {
            let why = state.trouble.as_deref().unwrap_or("hung up");
            tracing::warn!(peer = %self.to, "connection ended: {why}");
        }
    }

    fn write_until_broken(&self) {
        self.update(SenderState::push);
        loop {
            let patience = self.shared.settings.patience.saturating_mul(PATIENCES_MAX);
            let idle = |state: &mut SenderState| !state.must_hang_up() && !state.stalled;
            let waited = self.changed.wait_timeout_while(locked(&self.state), patience, idle);
            let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.must_hang_up() {
                return;
            }
            if timeout.timed_out() {
                if state.outgoing.unacknowledged() > 0 && state.behind_since().elapsed() > patience {
                    state.fail(&"the peer acknowledges nothing");
                }
                continue;
            }
            let Some(mut writer) = state.writer.take() else { return };
            drop(state);
            let finished = writer.finish();
            let mut state = locked(&self.state);
            (state.writer, state.stalled) = (Some(writer), false);
            match finished {
                Ok(()) => _ = state.push(),
                Err(e) => state.fail(&e),
            }
        }
    }

    /// Why the connection ends.
    fn breaks(&self, ended: &Broken) {
        match ended {
            Broken::Frame(e) => self.shared.complaints.frame(Some(self.to), e),
            Broken::Session(e) => self.shared.complaints.session(self.to, *e),
            _ => {}
        }
        self.update(|state| {
            // Whoever has hung up before has said why.
            if !state.must_hang_up() {
                state.fail(ended);
            }
            state.hang_up();
            state.broken = true;
        });
    }

    /// Hears what has come so far.
    fn hear(&self, reader: &mut Frames<Reader>) -> Result<(), Broken> {
        reader.stream().allow();
        loop {
            match reader.read() {
                Ok(body) => self.heed(frame::value(body.ok_or(Broken::Closed)?)?)?,
                Err(e) if e.is_later() => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn heed(&self, said: Back) -> Result<(), Broken> {
        match said {
            Back::Acknowledge(sequence) => {
                let mut state = locked(&self.state);
                // A session that was closed meanwhile is acknowledged no more.
                if !state.must_hang_up() {
                    state.outgoing.acknowledge(sequence)?;
                    state.progress = Instant::now();
                    state.fruitful = true;
                }
            }
            Back::Impostor(why) => {
                tracing::error!(to = %self.to, "{why}");
                self.shared.inbox.challenged(&why);
                self.update(|state| state.trouble = Some(why));
            }
        }
        Ok(())
    }
}

/// What a peer says of what it was sent.
struct Acknowledgements {
    sender: Arc<Sender>,
    reader: Mutex<Frames<Reader>>,
}

impl Source for Acknowledgements {
    fn ready(&self) -> Next {
        let heard = self.sender.hear(&mut locked(&self.reader));
        heard.map_or_else(
            |ended| {
                self.sender.breaks(&ended);
                Next::End
            },
            |()| Next::Arrival,
        )
    }

    fn ended(&self) {}
}
