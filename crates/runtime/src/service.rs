//! A service: what uses a node from within its OS process, and whom its own clients ask.
//!
//! Its clients speak a protocol of their own at an address of their own. The node's thread reads what they say, hands it to the
//! [`Service`], asks the process what that asks in turn, and tells clients what it tells: one thread from the socket to the log and
//! back, and one look at all sockets gathers what their clients ask. A service does no I/O.
//!
//! What waits is bounded: a client of whom the service does not want to hear is not read from, and neither is one that does not read.
//! While a peer is behind, the process is asked nothing.

use crate::audience::Outlet;
use crate::link::{LinkError, Next, Sockets, Source, receive_now, send_now};
use crate::mailbox::Mailbox;
use crate::node::{Input, RunError};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};
use synod_model::Process;

/// How much is read at once of what a client says.
const READ_LENGTH: usize = 16 << 10;
/// How long it is waited after an accept that failed: what is lacking then, as file descriptors, may come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long it may take to reach one's own address.
const LAST_TIMEOUT: Duration = Duration::from_secs(1);

/// What uses a node: without I/O, and called by the node's own thread.
pub trait Service<P: Process>: Send {
    /// A client has connected.
    fn joined(&mut self, client: u64);

    /// A client is gone.
    fn left(&mut self, client: u64);

    /// A client says this.
    fn said(&mut self, client: u64, bytes: &[u8]);

    /// Whether it wants to hear more of a client now. If not, the client is read from again once it was told something.
    fn listens(&self, client: u64) -> bool;

    /// Whether it has something to ask of the process.
    fn has_asks(&self) -> bool;

    /// What it asks of the process now. `at`: the time of day, since 1970.
    fn asks(&mut self, at: Duration) -> Vec<P::Request>;

    /// The process tells it this.
    fn indicated(&mut self, indication: P::Indication);

    /// What the process has come to, at each turn of the node. It need not be durable: what clients are told of it must be asked for all the
    /// same. Whether it has something to ask of the process.
    fn looks(&mut self, process: &P, at: Duration) -> bool;

    /// What clients are to be told that were not told yet.
    fn tells(&mut self) -> Vec<Word>;

    /// What a client is told for whom there is no room.
    fn no_room(&self) -> &'static [u8];
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub client: u64,
    /// What.
    pub bytes: Vec<u8>,
    /// Whether it is the last that it is told: then it is hung up.
    pub last: bool,
}

/// Where the clients of a service come to.
#[derive(Debug)]
pub struct Reception {
    /// What they connect to.
    pub listener: TcpListener,
    /// How many are served at once.
    pub clients_max: usize,
}

/// Ends a node from within its OS process.
#[derive(Clone)]
pub struct Stopper(Arc<dyn Fn(bool) + Send + Sync>);

impl Stopper {
    pub(crate) fn new<P: Process>(inputs: Arc<Mailbox<Input<P>>>) -> Self {
        Self(Arc::new(move |kills| _ = inputs.notice(if kills { Input::Killed } else { Input::Stop })))
    }

    /// It stops in order.
    pub fn stop(&self) {
        (self.0)(false);
    }

    /// It ends as if its OS process had been killed: what was not durable is lost.
    pub fn kill(&self) {
        (self.0)(true);
    }
}

/// A service and its clients.
pub(crate) struct Inside<P: Process> {
    service: Box<dyn Service<P>>,
    seats: BTreeMap<u64, Arc<Seat<P>>>,
    /// The node knows that there is something to do here.
    is_noticed: bool,
}

/// The same, for the node and for the sockets of the clients: one thread has both.
pub(crate) struct Lobby<P: Process> {
    inside: Mutex<Inside<P>>,
    inputs: Arc<Mailbox<Input<P>>>,
    sockets: Arc<Sockets>,
}

impl<P: Process> Lobby<P> {
    /// A service whose clients are met from now on.
    pub(crate) fn open(
        service: Box<dyn Service<P>>,
        Reception { listener, clients_max }: Reception,
        inputs: Arc<Mailbox<Input<P>>>,
    ) -> Result<Open<P>, RunError> {
        let sockets = inputs.sockets().cloned();
        let sockets = sockets.ok_or(LinkError::Sockets(io::ErrorKind::Unsupported.into()))?;
        let inside = Mutex::new(Inside { service, seats: BTreeMap::new(), is_noticed: false });
        let lobby = Arc::new(Self { inside, inputs, sockets });
        let address = listener.local_addr().map_err(RunError::Thread)?;
        let meets = Arc::clone(&lobby);
        let run = move || meets.accept(&listener, clients_max);
        let named = thread::Builder::new().name("reception".to_owned());
        let thread = Some(named.spawn(run).map_err(RunError::Thread)?);
        Ok(Open { lobby, address, thread })
    }

    fn inside(&self) -> MutexGuard<'_, Inside<P>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Meets clients for as long as the node lives: the first who comes after that finds nobody.
    fn accept(self: &Arc<Self>, listener: &TcpListener, clients_max: usize) {
        let mut next = 0;
        for stream in listener.incoming() {
            if self.sockets.is_closed() {
                return;
            }
            match stream {
                Ok(stream) => {
                    // a client that breaks off is no trouble of ours
                    let _ = self.meet(stream, next, clients_max);
                    next += 1;
                }
                Err(_) => thread::sleep(ACCEPT_PAUSE),
            }
        }
    }

    fn meet(self: &Arc<Self>, stream: TcpStream, client: u64, clients_max: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut inside = self.inside();
        if inside.seats.len() >= clients_max {
            return send_now(&stream, inside.service.no_room()).map(drop);
        }
        let to_wait_for = stream.try_clone()?;
        let seat = Arc::new(Seat {
            client,
            outlet: Outlet::new(stream, Arc::clone(&self.sockets)),
            number: AtomicU64::new(0),
            is_last: AtomicBool::new(false),
            lobby: Arc::clone(self),
        });
        inside.service.joined(client);
        inside.seats.insert(client, Arc::clone(&seat));
        // whoever answers waits until all that is known of the client is there
        let added = self.sockets.add(to_wait_for, Arc::clone(&seat) as Arc<dyn Source>);
        if let Ok(number) = added {
            seat.number.store(number, Ordering::Relaxed);
            seat.outlet.is_at(number);
        }
        drop(inside);
        added.map(drop).inspect_err(|_| seat.ended())
    }

    /// What the process is asked now.
    pub(crate) fn asks(&self) -> Vec<P::Request> {
        let mut inside = self.inside();
        inside.is_noticed = false;
        inside.service.asks(time_of_day())
    }

    /// The service sees what the process has come to. Whether it has something to ask.
    pub(crate) fn looks(&self, process: &P) -> bool {
        self.inside().service.looks(process, time_of_day())
    }

    pub(crate) fn indicated(&self, indication: P::Indication) {
        self.inside().service.indicated(indication);
    }

    /// Clients are told what they are to be told. Whether the service has something to ask: what a client said meanwhile, it asks once
    /// the client was answered.
    pub(crate) fn tell(&self) -> bool {
        let words = self.inside().service.tells();
        for Word { client, bytes, last } in words {
            let inside = self.inside();
            let Some(seat) = inside.seats.get(&client).cloned() else { continue };
            let listens = inside.service.listens(client);
            drop(inside);
            seat.tell(&bytes, last, listens);
        }
        self.inside().service.has_asks()
    }

    /// The node turns, and asks what there is to ask.
    fn notice(&self, inside: &mut Inside<P>) {
        if !inside.is_noticed {
            inside.is_noticed = true;
            self.inputs.notice(Input::Service);
        }
    }
}

fn time_of_day() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A lobby, as long as it is open. To be dropped once its sockets are closed.
pub(crate) struct Open<P: Process> {
    pub(crate) lobby: Arc<Lobby<P>>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl<P: Process> Drop for Open<P> {
    fn drop(&mut self) {
        // whoever meets clients waits for one: here it is
        let reached = TcpStream::connect_timeout(&self.address, LAST_TIMEOUT).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| reached) {
            let _ = thread.join();
        }
    }
}

/// A client.
struct Seat<P: Process> {
    client: u64,
    outlet: Outlet,
    /// What its socket is known by.
    number: AtomicU64,
    /// It is told nothing more.
    is_last: AtomicBool,
    lobby: Arc<Lobby<P>>,
}

impl<P: Process> Seat<P> {
    fn tell(&self, bytes: &[u8], last: bool, listens: bool) {
        self.outlet.tell(bytes);
        let is_done = self.outlet.flush();
        self.is_last.fetch_or(last, Ordering::Relaxed);
        let number = self.number.load(Ordering::Relaxed);
        if last {
            self.lobby.sockets.call([number]);
        } else {
            self.lobby.sockets.wait_for(number, next(is_done, listens));
        }
    }

    /// Reads once, if the service wants to hear it. Whether the client is still there.
    fn hear(&self, inside: &mut Inside<P>) -> bool {
        if !inside.service.listens(self.client) {
            return true;
        }
        let mut buffer = [0; READ_LENGTH];
        match receive_now(self.outlet.stream(), &mut buffer) {
            Ok(0) => false,
            Ok(received) => {
                inside.service.said(self.client, &buffer[..received]);
                self.lobby.notice(inside);
                true
            }
            Err(e) => e.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// What a client is waited for. One that does not read is not heard.
fn next(is_done: bool, listens: bool) -> Next {
    match (is_done, listens) {
        (true, true) => Next::Arrival,
        (true, false) => Next::Nothing,
        (false, _) => Next::RoomAlone,
    }
}

impl<P: Process> Source for Seat<P> {
    fn ready(&self) -> Next {
        let is_done = self.outlet.flush();
        if is_done && self.is_last.load(Ordering::Relaxed) {
            return Next::End;
        }
        let mut inside = self.lobby.inside();
        if is_done && !self.hear(&mut inside) {
            return Next::End;
        }
        next(is_done, inside.service.listens(self.client))
    }

    fn ended(&self) {
        self.outlet.hang_up();
        let mut inside = self.lobby.inside();
        inside.seats.remove(&self.client);
        inside.service.left(self.client);
    }
}
