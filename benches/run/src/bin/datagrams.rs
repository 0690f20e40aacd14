//! Messages of 64 bytes over UDP on loopback, from one thread to another: bare sockets beside the links, in turns.
//!
//! ```console
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-run --bin datagrams [SECONDS [ROUNDS [ARM]]]
//! ```
//! The bare batched socket sends a datagram for each message, as many as one system call takes (segmentation offload); packed, it puts as many
//! messages into a datagram as the links do. It promises nothing; what arrives is counted.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use synod_algorithms::links::{SelectiveRepeat, selective_repeat};
use synod_model::{Group, ProcessId};
use synod_runtime::keys::{VALID, Validity, generate};
use synod_runtime::link::udp::datagram::DATAGRAM_LENGTH;
use synod_runtime::link::udp::socket::Batched;
use synod_runtime::link::udp::stack::{Build, Bundle, Stack, Stacked};
use synod_runtime::link::{self, Inbox, LinkOptions, LinkSettings, Links, Rejected, Security, Transport};

const LENGTH: usize = 64;
const MESSAGE: [u8; LENGTH] = [7; LENGTH];

fn main() {
    let given: Vec<f64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let seconds = Duration::from_secs_f64(given.first().copied().unwrap_or(1.0));
    let rounds = given.get(1).map_or(5, |&rounds| rounds as usize);
    type Arm = (&'static str, fn(Duration) -> f64);
    let arms: [Arm; 7] = [
        ("bare, one system call a message", one_by_one),
        ("bare, batched", |time| batched(time, LENGTH, false)),
        ("bare, batched, packed", |time| batched(time, DATAGRAM_LENGTH, true)),
        ("fair-loss links", |time| links(time, None, false)),
        ("perfect stack", |time| links(time, Some(repeat), false)),
        ("fair-loss links, authenticated", |time| links(time, None, true)),
        ("perfect stack, authenticated", |time| links(time, Some(repeat), true)),
    ];
    let mut rates = vec![vec![]; arms.len()];
    // one alone, to look at it with a profiler
    if let Some((name, arm)) = given.get(2).and_then(|&only| arms.get(only as usize)) {
        return println!("{name:34} {:12.0} messages/s", arm(seconds));
    }
    for _ in 0..rounds {
        for (rates, (_, arm)) in rates.iter_mut().zip(&arms) {
            rates.push(arm(seconds));
        }
    }
    let medians: Vec<f64> = rates.iter_mut().map(|rates| median(rates)).collect();
    for ((name, _), rate) in arms.iter().zip(&medians) {
        println!("{name:34} {rate:12.0} messages/s  {:5.2} of batched", rate / medians[1]);
    }
    let met = medians[4] / medians[1] >= 0.5;
    println!("perfect stack at least half of bare batched: {}", if met { "yes" } else { "NO" });
    std::process::exit(i32::from(!met));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// What arrives in a second while `send` sends and `receive` counts, each in a thread of its own.
fn rate(
    time: Duration,
    mut send: impl FnMut() + Send + 'static,
    mut receive: impl FnMut() -> u64 + Send + 'static,
) -> f64 {
    let (stopped, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sender = thread::spawn({
        let stopped = Arc::clone(&stopped);
        move || {
            while !stopped.load(Ordering::Relaxed) {
                send()
            }
        }
    });
    let receiver = thread::spawn({
        let (stopped, count) = (Arc::clone(&stopped), Arc::clone(&count));
        move || {
            while !stopped.load(Ordering::Relaxed) {
                count.fetch_add(receive(), Ordering::Relaxed);
            }
        }
    });
    thread::sleep(time / 10);
    let (before, began) = (count.load(Ordering::Relaxed), Instant::now());
    thread::sleep(time);
    let rate = (count.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    stopped.store(true, Ordering::Relaxed);
    sender.join().expect("a sender");
    receiver.join().expect("a receiver");
    rate
}

fn one_by_one(time: Duration) -> f64 {
    let ((from, _), (at, to)) = (socket(), socket());
    from.connect(to).expect("an address");
    at.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let mut bytes = [0; 2 * LENGTH];
    let receive = move || u64::from(at.recv(&mut bytes).is_ok_and(|length| length == LENGTH));
    rate(time, move || _ = from.send(&MESSAGE), receive)
}

/// Datagrams of this length, as many as one system call takes: of a message each, or of as many as fit behind their lengths.
fn batched(time: Duration, datagram: usize, packed: bool) -> f64 {
    let ((from, _), (at, to)) = (socket(), socket());
    let ((from, _), (at, mut buffers)) =
        (Batched::new(from).expect("a socket"), Batched::new(at).expect("a socket"));
    let length = from.batch_length(datagram);
    let mut bytes = vec![];
    let send = move || {
        bytes.clear();
        while bytes.len() + datagram <= length {
            let end = bytes.len() + datagram;
            while packed && bytes.len() + 2 + LENGTH <= end {
                bytes.extend((LENGTH as u16).to_le_bytes());
                bytes.extend(MESSAGE);
            }
            if !packed {
                bytes.extend(MESSAGE);
            }
            bytes.resize(end, 0);
        }
        let _ = from.send(to, &bytes, datagram);
    };
    let receive = move || {
        let mut messages = 0;
        let count =
            |datagram: &[u8]| messages += if packed { unpacked(datagram) } else { is_message(datagram) };
        at.receive(&mut buffers, Some(Duration::from_millis(50)), count).expect("a socket");
        messages
    };
    rate(time, send, receive)
}

fn is_message(bytes: &[u8]) -> u64 {
    u64::from(std::hint::black_box(bytes).len() == LENGTH)
}

/// How many messages are in a datagram.
fn unpacked(mut datagram: &[u8]) -> u64 {
    let mut messages = 0;
    while let Some((&length, rest)) = datagram.split_first_chunk()
        && let Some((message, rest)) = rest.split_at_checked(u16::from_le_bytes(length) as usize)
        && !message.is_empty()
    {
        messages += is_message(message);
        datagram = rest;
    }
    messages
}

/// Selective repeat, as the command line puts it between nodes and datagrams.
fn repeat(me: ProcessId, group: Group, _: u64) -> Box<dyn Stack> {
    type Link = SelectiveRepeat<Bundle>;
    let parameters = selective_repeat::Parameters::default();
    Box::new(Stacked::<Link>::new(me, group, 1, &parameters, None, Link::lost))
}

struct Counter(Arc<AtomicU64>);

impl Inbox for Counter {
    fn deliver(&self, _: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let counted = u64::from(std::hint::black_box(payload).len() == LENGTH);
        self.0.fetch_add(counted, Ordering::Relaxed);
        Ok(())
    }

    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        // it has room for everything
        self.deliver(from, payload).map(|()| true)
    }

    fn client(&self, _: TcpStream) {}
}

fn links(time: Duration, stack: Option<Build>, authenticated: bool) -> f64 {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = directory.path().join("keys");
    generate("bench", 2, Validity::of(VALID), &keys).expect("keys");
    let listeners = [0, 1].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    let addresses = [0, 1].map(|p: usize| listeners[p].local_addr().expect("an address"));
    let counts = [0, 1].map(|_| Arc::new(AtomicU64::new(0)));
    let mut ends: Vec<Box<dyn Links>> = vec![];
    for (p, listener) in listeners.into_iter().enumerate() {
        let me = ProcessId(p as u32);
        let settings = LinkSettings {
            transport: Transport::Udp,
            security: if authenticated { Security::Mac } else { Security::None },
            keys: authenticated.then(|| keys.join(me.to_string())),
            ..LinkSettings::default()
        };
        let peers = BTreeMap::from([(ProcessId(1 - p as u32), addresses[1 - p].into())]);
        let options = LinkOptions { cluster: 1, me, incarnation: 1, peers, stack };
        let inbox = Arc::new(Counter(Arc::clone(&counts[p])));
        ends.push(link::start(&settings, listener, options, inbox).expect("links"));
    }
    let from = ends.swap_remove(0);
    let send = move || {
        for _ in 0..512 {
            from.send(ProcessId(1), &MESSAGE).expect("a peer");
        }
        from.flush();
        while from.is_congested() {
            thread::sleep(Duration::from_micros(100));
        }
    };
    let (count, mut seen) = (Arc::clone(&counts[1]), 0);
    // the links' own thread receives
    let receive = move || {
        thread::sleep(Duration::from_millis(2));
        let now = count.load(Ordering::Relaxed);
        now - std::mem::replace(&mut seen, now)
    };
    rate(time, send, receive)
}
