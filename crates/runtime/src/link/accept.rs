//! The receivers' ends of links over TCP, and the door for clients.
//!
//! What arrives is delivered under a lock for each sender, so that no older connection gets in between. It is
//! acknowledged a little later: one acknowledgement stands for all that came before it.
//!
//! Whatever is wrong with a connection ends that connection alone: it is counted, and logged once for each reason. The
//! sender dials again, and the session goes on where it was.

use super::complaints::Kind;
use super::sockets::LATER;
use super::stream::{Reader, Writer, halves, locked};
use super::tcp::{
    Answer, Back, Broken, HANDSHAKE_TIMEOUT, Hello, PAUSE_MAX, PREAMBLE, PREAMBLE_TLS, Shared, VERSION,
    spawn, tune,
};
use super::tls::{explain, names_of_peer};
use super::{LinkOptions, Next, Rejected, Source};
use crate::frame::{self, Batch, Frames};
use crate::session::{Incoming, Instance, SessionError};
use rustls::Connection;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use synod_model::ProcessId;

/// After so many bytes an acknowledgement waits no longer for others to come with it.
const ACKNOWLEDGE_BYTES: usize = 256 << 10;
/// A sender that reads no acknowledgements is hung up when so many bytes wait for it.
const BACKLOG_MAX: usize = 64 << 10;
/// How many connections may be about to say who they are, besides the clients.
const STRANGERS_MAX: usize = 64;
/// What one beyond the limit reads.
const TOO_MANY: &[u8] = b"{\"refused\":\"too many connections\"}\n";

/// The receivers' ends of the links from all peers.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    peers: BTreeMap<ProcessId, Mutex<Peer>>,
    /// The connections that are open, to be hung up at the end.
    open: Mutex<BTreeMap<u64, TcpStream>>,
    opened: AtomicU64,
    /// Those that have not said who they are, and until when they may.
    unknown: Mutex<BTreeMap<u64, Instant>>,
    came: Condvar,
    /// How many of them are no peer's.
    strangers: AtomicUsize,
    stopped: AtomicBool,
}

/// One sender.
#[derive(Default)]
struct Peer {
    incoming: Incoming,
    /// The latest connection from it.
    way: Option<Arc<Way>>,
}

/// The way back to a sender.
struct Way {
    stream: TcpStream,
    writer: Mutex<Writer>,
}

impl Way {
    /// Says something, without waiting.
    fn say(&self, what: &Back) {
        let mut bytes = vec![];
        let mut writer = locked(&self.writer);
        let said = frame::append(&mut bytes, what).is_ok() && writer.offer(&bytes).is_ok();
        if !said || writer.backlog() > BACKLOG_MAX {
            self.hang_up();
        }
    }

    fn hang_up(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            peers: shared.options.peers.keys().map(|&p| (p, Mutex::default())).collect(),
            shared,
            open: Mutex::default(),
            opened: AtomicU64::new(0),
            unknown: Mutex::default(),
            came: Condvar::new(),
            strangers: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for stream in locked(&self.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(locked(&self.unknown));
        self.came.notify_all();
    }

    /// Hangs up who takes too long to say who it is, however many bytes it says in between: each read has a limit of its own,
    /// and a stranger who drips would keep its place for ever.
    pub(super) fn limit_handshakes(&self) {
        let mut unknown = locked(&self.unknown);
        while !self.is_stopped() {
            let now = Instant::now();
            unknown.retain(|number, until| {
                let is_late = *until <= now;
                if is_late && let Some(stream) = locked(&self.open).get(number) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                !is_late
            });
            let next = unknown.values().min().map(|until| until.saturating_duration_since(now));
            // a wait without an end would need another call: one of an hour does as well
            let (guard, _) = self
                .came
                .wait_timeout(unknown, next.unwrap_or(Duration::from_hours(1)))
                .unwrap_or_else(PoisonError::into_inner);
            unknown = guard;
        }
    }

    /// A connection has said who it is.
    fn is_known(&self, number: u64) {
        locked(&self.unknown).remove(&number);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// A connection, from its first byte to its last.
    fn serve(self: &Arc<Self>, stream: TcpStream) {
        let Ok(handle) = stream.try_clone() else { return };
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        locked(&self.open).insert(number, handle);
        if let Some(until) = Instant::now().checked_add(self.shared.settings.handshake) {
            locked(&self.unknown).insert(number, until);
            self.came.notify_all();
        }
        let stranger = Stranger::count(&self.strangers);
        // A stop between the accept and the insert has missed this one.
        if !self.is_stopped() {
            // Whatever is wrong with it: the peer dials again, and sees why.
            let _ = self.greet(stream, stranger, number);
        }
        self.is_known(number);
        locked(&self.open).remove(&number);
    }

    /// Meets whoever has connected. A peer's socket is left to the thread that waits for all of them.
    fn greet(
        self: &Arc<Self>,
        mut stream: TcpStream,
        stranger: Stranger<'_>,
        number: u64,
    ) -> Result<(), Broken> {
        tune(&stream)?;
        stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        stream.set_write_timeout(Some(HANDSHAKE_TIMEOUT))?;
        let mut first = [0];
        if stream.peek(&mut first)? == 1 && first[0] != PREAMBLE[0] {
            self.is_known(number);
            return self.meet(stream);
        }
        let mut preamble = [0; PREAMBLE.len()];
        stream.read_exact(&mut preamble)?;
        let tls = match (preamble, &self.shared.tls) {
            (PREAMBLE, None) => None,
            (PREAMBLE_TLS, Some(tls)) => {
                let accepted = tls.accept(&mut stream);
                Some(accepted.inspect_err(|e| self.complain(Kind::Forged, &explain(e)))?)
            }
            (PREAMBLE | PREAMBLE_TLS, tls) => {
                let why = if tls.is_some() { "only TLS is spoken here" } else { "no TLS is spoken here" };
                self.complain(Kind::Forged, &why);
                let (_, mut writer) = halves(stream, None)?;
                return answer(&mut writer, &Answer::Refused(why.to_owned()));
            }
            _ => {
                self.complain(Kind::Malformed, &"it is no node of ours");
                return Err(Broken::Closed);
            }
        };
        self.shake_hands(stream, tls, stranger, number)
    }

    /// A client.
    fn meet(&self, stream: TcpStream) -> Result<(), Broken> {
        let far = !stream.peer_addr()?.ip().to_canonical().is_loopback();
        if self.shared.tls.is_some() && far {
            // Nothing tells who it is.
            self.complain(
                Kind::Forged,
                &"a client from another machine, where only nodes with certificates speak",
            );
            return Err(Broken::Closed);
        }
        // it may be silent for as long as it likes
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        self.shared.inbox.client(stream);
        Ok(())
    }

    fn complain(&self, kind: Kind, why: &dyn std::fmt::Display) {
        self.shared.complaints.count(None, kind, why);
    }

    fn shake_hands(
        self: &Arc<Self>,
        stream: TcpStream,
        tls: Option<Connection>,
        stranger: Stranger<'_>,
        number: u64,
    ) -> Result<(), Broken> {
        let names = tls.as_ref().map(names_of_peer).unwrap_or_default();
        let (reader, writer) = halves(stream.try_clone()?, tls)?;
        let mut reader = Frames::new(reader);
        let hello = reader.read().and_then(|body| body.map(frame::value::<Hello>).transpose());
        let hello = hello.inspect_err(|e| self.shared.complaints.frame(None, e))?.ok_or(Broken::Closed)?;
        let way = Way { stream, writer: Mutex::new(writer) };
        if let Err(why) = self.check(&hello, &names) {
            return answer(&mut locked(&way.writer), &Answer::Refused(why));
        }
        let way = Arc::new(way);
        match self.admit(&hello, &way) {
            Ok(()) => {}
            Err(e @ (SessionError::Fenced { .. } | SessionError::Twice { .. })) => {
                self.shared.complaints.session(hello.from, e);
                return answer(&mut locked(&way.writer), &Answer::Over(e.to_string()));
            }
            Err(e) => return answer(&mut locked(&way.writer), &Answer::Refused(e.to_string())),
        }
        way.stream.set_read_timeout(None)?;
        self.is_known(number);
        drop(stranger);
        self.listen(hello, way, reader)
    }

    /// What the peer sends is read from now on.
    fn listen(self: &Arc<Self>, hello: Hello, way: Arc<Way>, reader: Frames<Reader>) -> Result<(), Broken> {
        let stream = way.stream.try_clone()?;
        let heard = Mutex::new(Heard { reader, received: 0, bytes: 0, owes_since: None });
        let arrivals = Arrivals { receiver: Arc::clone(self), hello, way, heard };
        self.shared.sockets.add(stream, Arc::new(arrivals))?;
        Ok(())
    }

    /// Whether it is the right one who has come to the right one; if not, why.
    fn check(&self, hello: &Hello, names: &[String]) -> Result<(), String> {
        let &Shared { options: LinkOptions { cluster, me, .. }, ref tls, .. } = &*self.shared;
        let identity = tls.as_ref().map_or(Ok(()), |tls| tls.check(names, hello.from));
        let (kind, why) = if hello.version != VERSION {
            (Kind::Foreign, format!("protocol {VERSION} is spoken here, not {}", hello.version))
        } else if (hello.cluster, hello.to) != (cluster, me) {
            (Kind::Foreign, format!("this is {me} of cluster {cluster:016x}"))
        } else if !self.peers.contains_key(&hello.from) {
            (Kind::Foreign, format!("{} is no peer of {me}", hello.from))
        } else if let Err(why) = identity {
            (Kind::Forged, format!("{} it is not: {why}", hello.from))
        } else {
            return Ok(());
        };
        self.complain(kind, &why);
        Err(why)
    }

    /// The connection is its sender's only one from now on.
    fn admit(&self, hello: &Hello, way: &Arc<Way>) -> Result<(), SessionError> {
        let mut peer = locked(&self.peers[&hello.from]);
        let admitted = peer.incoming.hello(hello.epoch(), hello.token);
        if let Err(twice @ SessionError::Twice { .. }) = admitted
            && let Some(way) = &peer.way
        {
            way.say(&Back::Impostor(twice.to_string()));
        }
        let received = admitted?;
        if let Some(old) = peer.way.replace(Arc::clone(way)) {
            old.hang_up();
        }
        let Instance { incarnation, token } = self.shared.instance;
        let welcome = Answer::Welcome { incarnation, token, received };
        if answer(&mut locked(&way.writer), &welcome).is_err() {
            way.hang_up();
        }
        Ok(())
    }

    /// What has come so far is delivered. Whether the connection goes on.
    fn receive(&self, hello: &Hello, heard: &mut Heard) -> Result<bool, Broken> {
        heard.reader.stream().allow();
        loop {
            let body = match heard.reader.read() {
                Ok(Some(body)) => body,
                Ok(None) => return Ok(false),
                Err(e) if e.is_later() => return Ok(true),
                Err(e) => return Err(e.into()),
            };
            heard.bytes += body.len();
            heard.received = self.deliver(hello, &Batch::parse(body)?)?;
        }
    }

    /// Up to where payloads have been received now.
    fn deliver(&self, hello: &Hello, batch: &Batch<'_>) -> Result<u64, SessionError> {
        let mut peer = locked(&self.peers[&hello.from]);
        let known = peer.incoming.arrive(hello.epoch(), batch.sequence, batch.count)?;
        let mut rejected = |why: &Rejected| self.shared.complaints.rejected(hello.from, why);
        self.shared.inbox.deliver_all(hello.from, &mut batch.payloads().skip(known as usize), &mut rejected);
        Ok(peer.incoming.received())
    }
}

/// What a peer sends.
struct Arrivals {
    receiver: Arc<Receiver>,
    hello: Hello,
    way: Arc<Way>,
    heard: Mutex<Heard>,
}

struct Heard {
    reader: Frames<Reader>,
    /// Up to where its payloads have been received.
    received: u64,
    /// How many bytes since the last acknowledgement.
    bytes: usize,
    /// Since when an acknowledgement waits.
    owes_since: Option<Instant>,
}

impl Heard {
    /// Acknowledges what has been received, if it is time to. What is waited for then.
    fn acknowledge(&mut self, way: &Way) -> Next {
        if self.bytes == 0 {
            return Next::Arrival;
        }
        let is_due = self.owes_since.is_some_and(|since| since.elapsed() >= LATER);
        if is_due || self.bytes >= ACKNOWLEDGE_BYTES {
            way.say(&Back::Acknowledge(self.received));
            (self.bytes, self.owes_since) = (0, None);
            return Next::Arrival;
        }
        if self.owes_since.is_some() {
            return Next::Arrival;
        }
        self.owes_since = Some(Instant::now());
        Next::ArrivalOrLater
    }
}

impl Source for Arrivals {
    fn ready(&self) -> Next {
        let Self { receiver, hello, way, heard } = self;
        let mut heard = locked(heard);
        let received = receiver.receive(hello, &mut heard);
        let complaints = &receiver.shared.complaints;
        match &received {
            Ok(true) => return heard.acknowledge(way),
            Err(Broken::Frame(e)) => complaints.frame(Some(hello.from), e),
            Err(Broken::Session(e)) => complaints.session(hello.from, *e),
            _ => {}
        }
        Next::End
    }

    fn ended(&self) {
        self.way.hang_up();
        let mut peer = locked(&self.receiver.peers[&self.hello.from]);
        if peer.way.as_ref().is_some_and(|latest| Arc::ptr_eq(latest, &self.way)) {
            peer.way = None;
        }
    }
}

/// Answers a hello.
fn answer(writer: &mut Writer, answer: &Answer) -> Result<(), Broken> {
    let mut bytes = vec![];
    frame::append(&mut bytes, answer)?;
    writer.offer(&bytes)?;
    Ok(writer.finish()?)
}

/// Counts a connection that is no peer's, for as long as it is none.
struct Stranger<'a>(&'a AtomicUsize);

impl<'a> Stranger<'a> {
    fn count(strangers: &'a AtomicUsize) -> Self {
        strangers.fetch_add(1, Ordering::SeqCst);
        Self(strangers)
    }
}

impl Drop for Stranger<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn accept(receiver: &Arc<Receiver>, listener: &TcpListener) {
    let mut threads: Vec<JoinHandle<()>> = vec![];
    let strangers_max = receiver.shared.settings.clients + STRANGERS_MAX;
    for stream in listener.incoming() {
        if receiver.is_stopped() {
            break;
        }
        threads.retain(|thread| !thread.is_finished());
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely: leave the others time to close some.
            thread::sleep(PAUSE_MAX);
            continue;
        };
        if receiver.strangers.load(Ordering::SeqCst) >= strangers_max {
            receiver.complain(Kind::Surplus, &"too many connections");
            let _ = halves(stream, None).and_then(|(_, mut writer)| writer.offer(TOO_MANY));
            continue;
        }
        let receiver = Arc::clone(receiver);
        threads.extend(spawn("connection".to_owned(), move || receiver.serve(stream)));
    }
    // Those that came after the streams were hung up see the flag.
    for thread in threads {
        let _ = thread.join();
    }
}
