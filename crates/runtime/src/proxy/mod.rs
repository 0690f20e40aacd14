//! A proxy on every link of a cluster: what passes between two processes is delayed, lost, doubled or held, one way or
//! both, as rules say that change while it runs. It knows nothing of what it carries, so it serves any transport.
//!
//! For each ordered pair there is a port of its own, for streams and for datagrams: what `p` believes to be the address
//! of `q`. What `p` sends to it is forwarded to where `q` listens, by the rule of (p, q). Answers on a stream that `p`
//! made go from `q` to `p`, by the rule of (q, p); datagrams reach `q` from the port that `q` believes to be `p`.
//!
//! A cut stream is held, not broken: what is under way waits, as it does where a network drops segments and TCP sends
//! them again. A cut wire loses its datagrams. All of it is one thread, and never waits for any of its sockets.

mod datagram;
mod engine;
mod rule;
mod stream;
#[cfg(test)]
mod tests;

pub use self::rule::{Passed, Rule};

use self::datagram::Wire;
use self::engine::Engine;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use synod_kernel::Random;
use synod_model::ProcessId;

/// From whom to whom.
pub type Way = (ProcessId, ProcessId);

/// The port of a pair.
#[derive(Debug)]
pub struct Port {
    streams: TcpListener,
    datagrams: UdpSocket,
}

impl Port {
    /// Takes a port for streams and for datagrams.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let streams = TcpListener::bind(address)?;
        let datagrams = UdpSocket::bind(streams.local_addr()?)?;
        streams.set_nonblocking(true)?;
        datagrams.set_nonblocking(true)?;
        Ok(Self { streams, datagrams })
    }

    /// Where it is.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.streams.local_addr()
    }
}

/// What is said to the thread, and what it says.
#[derive(Debug, Default)]
struct State {
    rules: BTreeMap<Way, Rule>,
    passed: BTreeMap<Way, Passed>,
    /// Where each process listens.
    targets: BTreeMap<ProcessId, SocketAddr>,
    stopped: bool,
}

impl State {
    fn rule(&self, way: Way) -> Rule {
        self.rules.get(&way).copied().unwrap_or_default()
    }

    fn passed(&mut self, way: Way) -> &mut Passed {
        self.passed.entry(way).or_default()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running proxy. Dropping it ends all that passes.
#[derive(Debug)]
pub struct Proxy {
    state: Arc<Mutex<State>>,
    waker: UnixDatagram,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts to forward what comes to `ports` to where `targets` says. `seed` draws what is lost, doubled and late.
    pub fn start(
        ports: BTreeMap<Way, Port>,
        targets: BTreeMap<ProcessId, SocketAddr>,
        seed: u64,
    ) -> io::Result<Self> {
        let (waker, woken) = UnixDatagram::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let state = Arc::new(Mutex::new(State { targets, ..State::default() }));
        let (mut listeners, mut sockets) = (BTreeMap::new(), BTreeMap::new());
        for (way, Port { streams, datagrams }) in ports {
            listeners.insert(way, streams);
            sockets.insert(way, datagrams);
        }
        let wire = Wire::new(sockets);
        let engine = Engine::new(Arc::clone(&state), woken, listeners, wire, Random::new(seed));
        let thread = thread::Builder::new().name("proxy".to_owned()).spawn(move || engine.run())?;
        Ok(Self { state, waker, thread: Some(thread) })
    }

    fn tell<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut locked(&self.state));
        // one that is full will wake it too
        let _ = self.waker.send(&[0]);
        result
    }

    /// Changes the rule of each of these ways.
    pub fn change(&self, ways: &BTreeSet<Way>, change: impl Fn(&mut Rule)) {
        self.tell(|state| {
            for &way in ways {
                let rule = state.rules.entry(way).or_default();
                change(rule);
                if rule.is_clear() {
                    state.rules.remove(&way);
                }
            }
        });
    }

    /// The rules that do something.
    pub fn rules(&self) -> BTreeMap<Way, Rule> {
        locked(&self.state).rules.clone()
    }

    /// What passed, and what did not.
    pub fn passed(&self) -> BTreeMap<Way, Passed> {
        locked(&self.state).passed.clone()
    }

    /// A process listens elsewhere from now on.
    pub fn retarget(&self, process: ProcessId, address: SocketAddr) {
        self.tell(|state| _ = state.targets.insert(process, address));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tell(|state| state.stopped = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
