//! The thread of a proxy: it waits for all sockets at once, and for whatever is due next.

use super::datagram::Wire;
use super::stream::Connection;
use super::{Rule, State, Way, locked};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use synod_kernel::Random;

/// How many connections of one pair there are at once at most.
const CONNECTIONS_MAX: usize = 64;
/// How long nobody is let in where the machine has no more sockets.
const BREATHER: Duration = Duration::from_millis(50);

/// What is drawn.
#[derive(Debug)]
pub(super) struct Chance(Random);

impl Chance {
    /// Whether something of this probability happens.
    pub(super) fn strikes(&mut self, probability: f64) -> bool {
        const ONE: u64 = 1 << 53;
        probability > 0.0 && (self.0.below(ONE) as f64) < probability * ONE as f64
    }

    /// How late something is.
    pub(super) fn late(&mut self, rule: &Rule) -> Duration {
        let jitter = rule.jitter.as_nanos().min(u128::from(u64::MAX - 1)) as u64;
        let drawn = if jitter == 0 { 0 } else { self.0.below(jitter + 1) };
        // what is late for ever never comes, as if it were cut
        rule.delay.saturating_add(Duration::from_nanos(drawn)).min(Duration::from_secs(1 << 30))
    }
}

/// What a socket is.
#[derive(Clone, Copy, Debug)]
enum Socket {
    Waker,
    Listener(Way),
    Datagrams(Way),
    Near(u64),
    Far(u64),
}

#[derive(Debug)]
pub(super) struct Engine {
    state: Arc<Mutex<State>>,
    woken: UnixDatagram,
    listeners: BTreeMap<Way, TcpListener>,
    wire: Wire,
    connections: BTreeMap<u64, (Way, Connection)>,
    /// How many there have been.
    opened: u64,
    /// When the next one is let in.
    breather: Option<Instant>,
    chance: Chance,
}

impl Engine {
    pub(super) fn new(
        state: Arc<Mutex<State>>,
        woken: UnixDatagram,
        listeners: BTreeMap<Way, TcpListener>,
        wire: Wire,
        random: Random,
    ) -> Self {
        let chance = Chance(random);
        Self {
            state,
            woken,
            listeners,
            wire,
            connections: BTreeMap::new(),
            opened: 0,
            breather: None,
            chance,
        }
    }

    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.state);
        loop {
            let ready = self.wait();
            let mut state = locked(&shared);
            if state.stopped {
                return;
            }
            let now = Instant::now();
            for (socket, flags) in ready {
                self.serve(socket, flags, now, &mut state);
            }
            self.connections.retain(|_, (_, connection)| connection.advance(now, &mut state).is_ok());
            self.wire.advance(now, &mut state);
        }
    }

    /// Waits until a socket is ready or something is due.
    fn wait(&mut self) -> Vec<(Socket, PollFlags)> {
        let mut sockets = vec![Socket::Waker];
        let mut asked = vec![PollFd::new(&self.woken, PollFlags::IN)];
        let mut due = self.wire.due();
        let now = Instant::now();
        self.breather = self.breather.filter(|&until| until > now);
        let state = locked(&self.state);
        if self.breather.is_none() {
            for (&way, listener) in &self.listeners {
                sockets.push(Socket::Listener(way));
                asked.push(PollFd::new(listener, PollFlags::IN));
            }
        }
        for (&way, socket) in &self.wire.sockets {
            sockets.push(Socket::Datagrams(way));
            asked.push(PollFd::new(socket, PollFlags::IN));
        }
        for (&number, (_, connection)) in &self.connections {
            let (near, far) = connection.interest(&state);
            // an end of which nothing is to be known is left out: that it has hung up would be told over and over
            if !near.is_empty() {
                sockets.push(Socket::Near(number));
                asked.push(PollFd::new(&connection.near, near));
            }
            if !far.is_empty() {
                sockets.push(Socket::Far(number));
                asked.push(PollFd::new(&connection.far, far));
            }
            due = due.into_iter().chain(connection.due(&state)).min();
        }
        drop(state);
        let until = due.into_iter().chain(self.breather).min();
        let timeout = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
        // interrupted, or out of memory: nothing is ready then, and the next round asks again
        if poll(&mut asked, timeout.as_ref()).is_err() {
            return Vec::new();
        }
        let told = sockets.into_iter().zip(asked.iter().map(PollFd::revents));
        told.filter(|(_, flags)| !flags.is_empty()).collect()
    }

    fn serve(&mut self, socket: Socket, flags: PollFlags, now: Instant, state: &mut State) {
        match socket {
            Socket::Waker => while self.woken.recv(&mut [0; 64]).is_ok() {},
            Socket::Listener(way) => self.accept(way, now, state),
            Socket::Datagrams(way) => self.wire.receive(way, now, state, &mut self.chance),
            Socket::Near(number) | Socket::Far(number) => {
                let Some((_, connection)) = self.connections.get_mut(&number) else { return };
                let chance = &mut self.chance;
                let served = match socket {
                    Socket::Near(_) => connection.near_ready(flags, now, state, chance),
                    _ => connection.far_ready(flags, now, state, chance),
                };
                if served.is_err() {
                    self.connections.remove(&number);
                }
            }
        }
    }

    fn accept(&mut self, way: Way, now: Instant, state: &mut State) {
        loop {
            let near = match self.listeners[&way].accept() {
                Ok((near, _)) => near,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {
                    continue;
                }
                Err(_) => {
                    self.breather = Some(now + BREATHER);
                    return;
                }
            };
            let Some(&target) = state.targets.get(&way.1) else { continue };
            if self.connections.values().filter(|(of, _)| *of == way).count() >= CONNECTIONS_MAX {
                continue;
            }
            // where nobody listens it is closed: whoever made it tries again
            if let Ok(connection) = Connection::open(way, near, target) {
                state.passed(way).connections += 1;
                self.opened += 1;
                self.connections.insert(self.opened, (way, connection));
            }
        }
    }
}

/// Rounded up: what is due must be due when it wakes.
fn timespec(duration: Duration) -> Timespec {
    let duration = duration + Duration::from_nanos(1);
    Timespec { tv_sec: duration.as_secs().cast_signed(), tv_nsec: duration.subsec_nanos().into() }
}
