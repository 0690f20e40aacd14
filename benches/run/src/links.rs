//! What the TCP links cost over bare sockets, side by side in one run: messages of 64 bytes one way, and request and
//! reply between two ends.
//!
//! ```console
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-run -- links
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use synod_model::ProcessId;
use synod_runtime::keys::{self, VALID, Validity};
use synod_runtime::link::{self, Inbox, LinkOptions, LinkSettings, Links, Rejected, Security};

const LENGTH: usize = 64;
/// Of a message and its length.
const FRAMED: usize = 4 + LENGTH;
const BATCH: usize = 64 << 10;
const SECONDS: Duration = Duration::from_millis(800);
const ROUNDS: usize = 5;
const PINGS: usize = 3000;
const PING_ROUNDS: usize = 31;
const P: ProcessId = ProcessId(0);
const Q: ProcessId = ProcessId(1);

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    one.set_nodelay(true).unwrap();
    other.set_nodelay(true).unwrap();
    (one, other)
}

/// Messages a second over a bare socket; many, or one, in a system call. Each message is copied in, and looked at when
/// it is out again.
fn bare(batch: usize) -> f64 {
    let (mut one, mut other) = pair();
    let reader = thread::spawn(move || {
        let (mut buffer, mut filled, mut messages, mut sum) = (vec![0; 256 << 10], 0, 0_u64, 0_u64);
        loop {
            let more = other.read(&mut buffer[filled..]).unwrap();
            if more == 0 {
                return (messages, sum);
            }
            filled += more;
            let mut at = 0;
            while filled - at >= FRAMED {
                let length = u32::from_le_bytes(buffer[at..at + 4].try_into().unwrap()) as usize;
                sum = sum.wrapping_add(look(&buffer[at + 4..at + 4 + length]));
                messages += 1;
                at += 4 + length;
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
        }
    });
    let begun = Instant::now();
    let (message, mut bytes) = ([7; LENGTH], Vec::with_capacity(batch + FRAMED));
    while begun.elapsed() < SECONDS {
        // the clock is read once in a while
        for _ in 0..256.max(batch / FRAMED) {
            bytes.extend_from_slice(&(LENGTH as u32).to_le_bytes());
            bytes.extend_from_slice(&message);
            if bytes.len() >= batch {
                one.write_all(&bytes).unwrap();
                bytes.clear();
            }
        }
    }
    drop(one);
    let (messages, _) = reader.join().unwrap();
    messages as f64 / begun.elapsed().as_secs_f64()
}

/// What a receiver does with a message at the least.
fn look(message: &[u8]) -> u64 {
    u64::from(message[0]) + u64::from(message[message.len() - 1])
}

/// Counts.
#[derive(Default)]
struct Count {
    messages: AtomicU64,
    sum: AtomicU64,
}

impl Inbox for Count {
    fn deliver(&self, _: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        // one thread delivers: no locked instructions are needed to count
        self.messages.store(self.messages.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.sum.store(self.sum.load(Ordering::Relaxed).wrapping_add(look(payload)), Ordering::Relaxed);
        Ok(())
    }
    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        // it has room for everything
        self.deliver(from, payload).map(|()| true)
    }
    fn client(&self, _: TcpStream) {}
}

/// Answers in the thread that delivers.
#[derive(Default)]
struct Echo {
    links: OnceLock<std::sync::Mutex<Box<dyn Links>>>,
}

impl Inbox for Echo {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let links = self.links.wait().lock().unwrap();
        links.send(from, payload).unwrap();
        links.flush();
        Ok(())
    }
    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        // it has room for everything
        self.deliver(from, payload).map(|()| true)
    }
    fn client(&self, _: TcpStream) {}
}

/// Sends the next request in the thread that delivers the reply.
struct Ask {
    links: OnceLock<std::sync::Mutex<Box<dyn Links>>>,
    times: std::sync::Mutex<(Instant, Vec<Duration>)>,
    done: AtomicBool,
    main: Thread,
}

impl Inbox for Ask {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let mut times = self.times.lock().unwrap();
        let took = times.0.elapsed();
        times.1.push(took);
        if times.1.len() == PINGS {
            self.done.store(true, Ordering::SeqCst);
            self.main.unpark();
            return Ok(());
        }
        times.0 = Instant::now();
        let links = self.links.wait().lock().unwrap();
        links.send(from, payload).unwrap();
        links.flush();
        Ok(())
    }
    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        // it has room for everything
        self.deliver(from, payload).map(|()| true)
    }
    fn client(&self, _: TcpStream) {}
}

fn start(
    settings: &LinkSettings,
    listener: TcpListener,
    me: ProcessId,
    peer: (ProcessId, SocketAddr),
    inbox: Arc<dyn Inbox>,
) -> Box<dyn Links> {
    let peers = BTreeMap::from([(peer.0, peer.1.into())]);
    let options = LinkOptions { cluster: 7, me, incarnation: 1, peers, stack: None };
    link::start(settings, listener, options, inbox).unwrap()
}

fn ports() -> ((TcpListener, SocketAddr), (TcpListener, SocketAddr)) {
    let port = || {
        let listener = link::listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    (port(), port())
}

/// Messages a second over the links; flushed after so many.
fn linked([at_p, at_q]: [&LinkSettings; 2], flush_after: usize) -> f64 {
    let ((listens_p, to_p), (listens_q, to_q)) = ports();
    let count = Arc::new(Count::default());
    let q = start(at_q, listens_q, Q, (P, to_p), count.clone());
    let p = start(at_p, listens_p, P, (Q, to_q), Arc::new(Count::default()));
    p.send(Q, &[7; LENGTH]).unwrap();
    p.flush();
    while count.messages.load(Ordering::Relaxed) == 0 {
        thread::yield_now();
    }
    let begun = Instant::now();
    let mut sent = 1;
    while begun.elapsed() < SECONDS {
        for _ in 0..1024 / flush_after {
            for _ in 0..flush_after {
                p.send(Q, &[7; LENGTH]).unwrap();
            }
            p.flush();
            sent += flush_after as u64;
        }
        // as a node does: nothing new while the peer is behind
        while p.is_congested() {
            thread::yield_now();
        }
    }
    while count.messages.load(Ordering::Relaxed) < sent {
        thread::yield_now();
    }
    let rate = sent as f64 / begun.elapsed().as_secs_f64();
    assert_eq!(p.status()[&Q].outside_model, 0);
    drop((p, q));
    rate
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Over one socket, or over one for each direction, as the links have it.
fn bare_ping(sockets: usize) -> Duration {
    let (mut one, mut other) = pair();
    let (mut back, mut reply) =
        if sockets == 1 { (other.try_clone().unwrap(), one.try_clone().unwrap()) } else { pair() };
    let echo = thread::spawn(move || {
        let mut message = [0; LENGTH];
        while other.read_exact(&mut message).is_ok() {
            back.write_all(&message).unwrap();
        }
    });
    let mut message = [7; LENGTH];
    let mut times = vec![];
    for _ in 0..PINGS {
        let begun = Instant::now();
        one.write_all(&message).unwrap();
        reply.read_exact(&mut message).unwrap();
        times.push(begun.elapsed());
    }
    one.shutdown(std::net::Shutdown::Both).unwrap();
    echo.join().unwrap();
    median(times)
}

fn linked_ping([at_p, at_q]: [&LinkSettings; 2]) -> Duration {
    let ((listens_p, to_p), (listens_q, to_q)) = ports();
    let echo = Arc::new(Echo::default());
    let ask = Arc::new(Ask {
        links: OnceLock::new(),
        times: std::sync::Mutex::new((Instant::now(), vec![])),
        done: AtomicBool::new(false),
        main: thread::current(),
    });
    let q = start(at_q, listens_q, Q, (P, to_p), echo.clone());
    let p = start(at_p, listens_p, P, (Q, to_q), ask.clone());
    let _ = echo.links.set(std::sync::Mutex::new(q));
    let _ = ask.links.set(std::sync::Mutex::new(p));
    {
        let links = ask.links.wait().lock().unwrap();
        links.send(Q, &[7; LENGTH]).unwrap();
        links.flush();
    }
    while !ask.done.load(Ordering::SeqCst) {
        thread::park();
    }
    let times = std::mem::take(&mut ask.times.lock().unwrap().1);
    median(times)
}

/// Whether the bars are met.
pub fn run() -> bool {
    let temporary = tempfile::tempdir().unwrap();
    let keys = temporary.path().join("keys");
    keys::generate("bench", 2, Validity::of(VALID), &keys).unwrap();
    let plain = LinkSettings::default();
    let secure = |p: ProcessId| LinkSettings {
        security: Security::Tls,
        keys: Some(keys.join(p.to_string())),
        ..LinkSettings::default()
    };
    let (plain, secure) = ([&plain, &plain], [&secure(P), &secure(Q)]);
    println!(
        "million messages of {LENGTH} bytes a second; median of {ROUNDS} rounds, each of which runs all of them"
    );
    let mut all = BTreeMap::<&str, Vec<f64>>::new();
    for _ in 0..ROUNDS {
        for (name, rate) in [
            ("bare socket, batches of 64 KiB", bare(BATCH)),
            ("bare socket, a system call for each", bare(1)),
            ("TCP links, flushed after 256", linked(plain, 256)),
            ("TCP links, flushed after each", linked(plain, 1)),
            ("TLS links, flushed after 256", linked(secure, 256)),
        ] {
            all.entry(name).or_default().push(rate);
        }
    }
    let middle = |all: &[f64]| crate::median(&mut all.to_vec());
    let rates: BTreeMap<_, _> = all.iter().map(|(name, rates)| (*name, middle(rates))).collect();
    for (name, rate) in &rates {
        println!("{:>8.2}  {name}", rate / 1e6);
    }
    let links = rates["TCP links, flushed after 256"];
    println!(
        "  of the batching socket: {:.2} (at least 0.50)",
        links / rates["bare socket, batches of 64 KiB"]
    );
    println!(
        "  of a system call for each: {:.1} (at least 5)",
        links / rates["bare socket, a system call for each"]
    );
    println!(
        "request and reply of {LENGTH} bytes: p50 of {PINGS}, median of {PING_ROUNDS} rounds, microseconds"
    );
    let mut all = BTreeMap::<&str, Vec<f64>>::new();
    for _ in 0..PING_ROUNDS {
        for (name, time) in [
            ("bare socket", bare_ping(1)),
            ("bare sockets, one for each direction", bare_ping(2)),
            ("TCP links", linked_ping(plain)),
            ("TLS links", linked_ping(secure)),
        ] {
            all.entry(name).or_default().push(time.as_secs_f64() * 1e6);
        }
    }
    let times: BTreeMap<_, _> = all.iter().map(|(name, times)| (*name, middle(times))).collect();
    for (name, time) in &times {
        println!("{time:>8.1}  {name}");
    }
    let ratio = times["TCP links"] / times["bare socket"];
    println!("  TCP links over the bare socket: {ratio:.2} (at most 1.30)");
    links >= 0.5 * rates["bare socket, batches of 64 KiB"]
        && links >= 5.0 * rates["bare socket, a system call for each"]
        && ratio <= 1.3
}
