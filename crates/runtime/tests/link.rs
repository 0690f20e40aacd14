//! Links between endpoints on loopback, over connections that break.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};
use synod_model::ProcessId;
use synod_runtime::frame;
use synod_runtime::keys::{self, KeyError, VALID, Validity};
use synod_runtime::link::{
    self, Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, PAYLOAD_LENGTH_MAX, Place,
    Rejected, Security,
};

/// Only a link that is broken for good takes this long.
const PATIENCE: Duration = Duration::from_secs(50);
const P: ProcessId = ProcessId(0);
const Q: ProcessId = ProcessId(1);

const R: ProcessId = ProcessId(2);

struct Mailbox {
    deliveries: Sender<(ProcessId, Vec<u8>)>,
    clients: Sender<TcpStream>,
    impostors: Sender<String>,
    /// Held, nothing is taken.
    gate: Arc<Mutex<()>>,
}

impl Inbox for Mailbox {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        drop(self.gate.lock());
        if payload.is_empty() {
            return Err(Rejected::Malformed("nothing".to_owned()));
        }
        let _ = self.deliveries.send((from, payload.to_vec()));
        Ok(())
    }
    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        // it has room for everything
        self.deliver(from, payload).map(|()| true)
    }
    fn impostor(&self, why: &str) {
        let _ = self.impostors.send(format!("impostor: {why}"));
    }
    fn challenged(&self, why: &str) {
        let _ = self.impostors.send(format!("challenged: {why}"));
    }
    fn client(&self, stream: TcpStream) {
        let _ = self.clients.send(stream);
    }
}

struct End {
    links: Box<dyn Links>,
    deliveries: Receiver<(ProcessId, Vec<u8>)>,
    clients: Receiver<TcpStream>,
    impostors: Receiver<String>,
    gate: Arc<Mutex<()>>,
}

impl End {
    fn receive(&self) -> (ProcessId, u32) {
        let (from, payload) = self.deliveries.recv_timeout(PATIENCE).expect("nothing is delivered");
        (from, u32::from_le_bytes(payload.try_into().unwrap()))
    }

    fn send(&self, to: ProcessId, number: u32) {
        self.links.send(to, &number.to_le_bytes()).unwrap();
        self.links.flush();
    }

    /// Waits until the link to `to` stands as wanted.
    fn until(&self, to: ProcessId, wanted: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
        loop {
            let status = self.links.status().remove(&to).unwrap();
            if wanted(&status) {
                return status;
            }
            thread::yield_now();
        }
    }
}

fn port() -> (TcpListener, SocketAddr) {
    let listener = link::listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn start_with(
    settings: &LinkSettings,
    listener: TcpListener,
    (me, incarnation): (ProcessId, u64),
    peers: &[(ProcessId, SocketAddr)],
) -> End {
    let peers = peers.iter().map(|&(p, address)| (p, address.into())).collect();
    start_on(settings, listener, LinkOptions { cluster: 7, me, incarnation, peers, stack: None })
}

fn start_on(settings: &LinkSettings, listener: TcpListener, options: LinkOptions) -> End {
    let (deliveries, delivered) = mpsc::channel();
    let (clients, connected) = mpsc::channel();
    let (told, impostors) = mpsc::channel();
    let gate = Arc::<Mutex<()>>::default();
    let inbox = Arc::new(Mailbox { deliveries, clients, impostors: told, gate: Arc::clone(&gate) });
    let links = link::start(settings, listener, options, inbox).unwrap();
    End { links, deliveries: delivered, clients: connected, impostors, gate }
}

fn start(listener: TcpListener, me: ProcessId, incarnation: u64, peers: &[(ProcessId, SocketAddr)]) -> End {
    start_with(&LinkSettings::default(), listener, (me, incarnation), peers)
}

fn pair() -> (End, End) {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    (start(at_p, P, 1, &[(Q, to_q)]), start(at_q, Q, 1, &[(P, to_p)]))
}

/// Forwards to `target`; breaks each connection after so many more bytes towards it.
fn flaky_proxy(target: SocketAddr, growth: usize) -> SocketAddr {
    let (listener, address) = port();
    thread::spawn(move || {
        for (number, inward) in listener.incoming().enumerate() {
            let (mut inward, mut outward) = (inward.unwrap(), TcpStream::connect(target).unwrap());
            let (mut back_from, mut back_to) = (outward.try_clone().unwrap(), inward.try_clone().unwrap());
            let back = thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
            let budget = 40 + (growth * number * number) as u64;
            let _ = std::io::copy(&mut Read::by_ref(&mut inward).take(budget), &mut outward);
            for stream in [inward, outward] {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            let _ = back.join();
        }
    });
    address
}

#[test]
fn both_directions_deliver_in_order() {
    let (p, q) = pair();
    for number in 0..1000 {
        p.send(Q, number);
        q.send(P, number);
    }
    for number in 0..1000 {
        assert_eq!(q.receive(), (P, number));
        assert_eq!(p.receive(), (Q, number));
    }
}

#[test]
fn connections_that_break_anywhere_lose_and_double_nothing() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    let p = start(at_p, P, 1, &[(Q, flaky_proxy(to_q, 97))]);
    let q = start(at_q, Q, 1, &[(P, to_q)]);
    for number in 0..3000 {
        p.send(Q, number);
    }
    for number in 0..3000 {
        assert_eq!(q.receive(), (P, number));
    }
    let status = p.until(Q, |status| status.unacknowledged == 0);
    assert!(status.connections > 5, "the proxy broke {} connections only", status.connections);
    assert_eq!(status.lost, 0);
    assert!(q.deliveries.try_recv().is_err(), "delivered twice");
}

#[test]
fn a_receiver_that_restarts_gets_what_was_not_in_flight_once() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    let p = start(at_p, P, 1, &[(Q, to_q)]);
    let q = start(at_q, Q, 1, &[]);
    drop(q); // it never knew p: p is refused, nothing is in flight
    let q = start(link::listen(to_q).unwrap(), Q, 2, &[(P, to_q)]);
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
    p.until(Q, |status| status.unacknowledged == 0);
    drop(q);
    p.until(Q, |status| !status.connected);
    p.send(Q, 2);
    let q = start(link::listen(to_q).unwrap(), Q, 3, &[(P, to_q)]);
    assert_eq!(q.receive(), (P, 2), "1 was delivered to the old incarnation");
}

#[test]
fn an_old_incarnation_of_a_sender_is_fenced() {
    let ((at_q, to_q), (at_old, _), (at_new, to_p)) = (port(), port(), port());
    let q = start(at_q, Q, 1, &[(P, to_p)]);
    let old = start(at_old, P, 1, &[(Q, to_q)]);
    old.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
    old.until(Q, |status| status.unacknowledged == 0);
    let new = start(at_new, P, 2, &[(Q, to_q)]);
    new.send(Q, 2);
    assert_eq!(q.receive(), (P, 2));
    old.send(Q, 3);
    let over = |status: &LinkStatus| status.trouble.as_ref().is_some_and(|why| why.contains("is over"));
    assert_eq!(old.until(Q, over).unacknowledged, 1);
    new.send(Q, 4);
    assert_eq!(q.receive(), (P, 4), "a message of the old incarnation got through");
}

#[test]
fn a_cut_link_holds_its_traffic_until_it_is_healed() {
    let (p, q) = pair();
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
    p.until(Q, |status| status.unacknowledged == 0);
    p.links.cut(Q).unwrap();
    p.send(Q, 2);
    p.send(Q, 3);
    let status = p.until(Q, |status| !status.connected);
    assert_eq!((status.cut, status.unacknowledged), (true, 2));
    // one direction only
    q.send(P, 9);
    assert_eq!(p.receive(), (Q, 9));
    assert!(q.deliveries.try_recv().is_err());
    assert_eq!(p.links.heal(Q).unwrap(), 2);
    assert_eq!((q.receive(), q.receive()), ((P, 2), (P, 3)));
}

#[test]
fn peers_may_have_names_and_an_unknown_one_is_trouble_of_its_link_alone() {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let stranger = ProcessId(2);
    let place = |text: &str| text.parse::<Place>().unwrap();
    let peers = [(Q, place(&format!("localhost:{}", to_q.port()))), (stranger, place("nobody.invalid:7000"))];
    let options =
        LinkOptions { cluster: 7, me: P, incarnation: 1, peers: BTreeMap::from(peers), stack: None };
    let p = start_on(&LinkSettings::default(), at_p, options);
    let q = start(at_q, Q, 1, &[(P, to_p)]);
    p.send(stranger, 1);
    p.send(Q, 2);
    assert_eq!(q.receive(), (P, 2));
    p.until(stranger, |status| {
        status.trouble.as_ref().is_some_and(|why| why.contains("nobody.invalid:7000"))
    });
}

#[test]
fn a_node_of_another_cluster_is_refused() {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let p = start(at_p, P, 1, &[(Q, to_q)]);
    let (deliveries, delivered) = mpsc::channel();
    let (clients, _connected) = mpsc::channel();
    let options = LinkOptions {
        cluster: 8,
        me: Q,
        incarnation: 1,
        peers: BTreeMap::from([(P, to_p.into())]),
        stack: None,
    };
    let inbox = Arc::new(Mailbox { deliveries, clients, impostors: mpsc::channel().0, gate: Arc::default() });
    let q = link::start(&LinkSettings::default(), at_q, options, inbox).unwrap();
    p.send(Q, 1);
    p.until(Q, |status| status.trouble.as_ref().is_some_and(|why| why.contains("cluster")));
    assert!(delivered.try_recv().is_err());
    assert!(q.strangers().foreign > 0);
}

#[test]
fn noise_on_the_port_disturbs_nobody_and_clients_get_through() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    let p = start(at_p, P, 1, &[(Q, to_q)]);
    let q = start(at_q, Q, 1, &[(P, to_q)]);
    let mut frames = b"SYNODTCP".to_vec();
    frames.extend(5u32.to_le_bytes());
    frames.extend([0xff; 40]);
    for noise in [&b"SYNODTCQ"[..], b"S", &frames, b"SYNODTCP\xff\xff\xff\xff\0\0\0\0"] {
        let mut stream = TcpStream::connect(to_q).unwrap();
        stream.write_all(noise).unwrap();
        // the other side may have hung up by now
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty());
    }
    let mut client = TcpStream::connect(to_q).unwrap();
    client.write_all(b"{}\n").unwrap();
    let mut line = [0; 3];
    let mut met = q.clients.recv_timeout(PATIENCE).expect("no client");
    assert_eq!(met.read_timeout().unwrap(), None, "a client may be silent for as long as it likes");
    met.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"{}\n");
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
}

#[test]
fn what_a_caller_does_wrong_is_an_error_with_a_hint() {
    let (listener, address) = port();
    let error = link::listen(address).unwrap_err();
    assert!(matches!(error, LinkError::PortInUse { .. }), "{error}");
    assert!(error.hint().contains("port"));
    assert!(matches!(link::listen(([192, 0, 2, 1], 1).into()), Err(LinkError::Listen { .. })));
    let p = start(listener, P, 1, &[(Q, address)]);
    assert!(matches!(p.links.send(ProcessId(9), &[]), Err(LinkError::NoSuchPeer(_))));
    assert!(matches!(p.links.send(Q, &vec![0; PAYLOAD_LENGTH_MAX + 1]), Err(LinkError::TooLong { .. })));
    p.links.send(Q, &vec![0; PAYLOAD_LENGTH_MAX]).unwrap();
}

#[test]
fn a_dead_peer_costs_bounded_memory_and_the_others_nothing() {
    let ((at_p, to_p), (at_q, to_q), (nobody, to_r)) = (port(), port(), port());
    drop(nobody);
    let settings = LinkSettings { queue_hard: 64 << 10, ..LinkSettings::default() };
    let p = start_with(&settings, at_p, (P, 1), &[(Q, to_q), (R, to_r)]);
    let q = start(at_q, Q, 1, &[(P, to_p)]);
    for number in 0..20_000 {
        p.send(R, number);
        p.send(Q, number);
        if number % 500 == 499 {
            let status = &p.links.status()[&R];
            assert!(status.queued_bytes <= 64 << 10, "{} bytes wait", status.queued_bytes);
            // as a node does; that it is dead holds nobody up
            p.until(Q, |status| status.unacknowledged < 2000);
            assert!(!p.links.is_congested());
        }
    }
    for number in 0..20_000 {
        assert_eq!(q.receive(), (P, number));
    }
    let status = p.links.status().remove(&R).unwrap();
    assert!(status.sessions_closed > 1);
    assert_eq!(status.outside_model as usize + status.unacknowledged, 20_000, "each is waiting or counted");
    // it comes: what still waits is delivered, once
    let r = start(link::listen(to_r).unwrap(), R, 1, &[(P, to_p)]);
    let first = 20_000 - status.unacknowledged as u32;
    for number in first..20_000 {
        assert_eq!(r.receive(), (P, number));
    }
    p.until(R, |status| status.unacknowledged == 0);
    assert_eq!(p.links.status()[&Q].outside_model, 0);
}

#[test]
fn a_peer_that_is_slow_is_waited_for_and_loses_nothing() {
    let ((at_p, to_p), (at_q, to_q), (at_r, to_r)) = (port(), port(), port());
    let settings = LinkSettings { queue_soft: 256 << 10, patience: PATIENCE, ..LinkSettings::default() };
    let p = start_with(&settings, at_p, (P, 1), &[(Q, to_q), (R, to_r)]);
    let (q, r) = (start(at_q, Q, 1, &[(P, to_p)]), start(at_r, R, 1, &[(P, to_p)]));
    p.send(R, 0);
    assert_eq!(r.receive(), (P, 0));
    let gate = r.gate.lock().unwrap();
    let mut sent = 1;
    let long = |number: u32| [&number.to_le_bytes()[..], &[0; 1000]].concat();
    while !p.links.is_congested() {
        // more than the sockets take
        for _ in 0..100 {
            p.links.send(R, &long(sent)).unwrap();
            sent += 1;
        }
        p.links.flush();
        assert!(sent < 60_000, "never congested");
    }
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1), "another peer is served meanwhile");
    drop(gate);
    for number in 1..sent {
        let (from, payload) = r.deliveries.recv_timeout(PATIENCE).unwrap();
        assert_eq!((from, &payload[..]), (P, &long(number)[..]));
    }
    p.until(R, |status| status.unacknowledged == 0);
    assert!(!p.links.is_congested());
    assert_eq!(p.links.status()[&R].outside_model, 0);
}

/// What a node says first, as bytes.
fn hello(from: ProcessId, to: ProcessId, incarnation: u64) -> Vec<u8> {
    let mut bytes = b"SYNODTCP".to_vec();
    frame::append(&mut bytes, &(link::tcp::VERSION, 7_u64, from, to, incarnation, 0_u64, 99_u64)).unwrap();
    bytes
}

#[test]
fn nonsense_in_a_peers_name_is_counted_and_the_link_survives() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    let p = start(at_p, P, 2, &[(Q, to_q)]);
    let q = start(at_q, Q, 1, &[(P, to_q)]);
    let mut wrong_checksum = 12_u32.to_le_bytes().to_vec();
    wrong_checksum.extend([0; 16]);
    let mut no_batch = vec![];
    frame::append(&mut no_batch, &(1_u64, "text")).unwrap();
    let mut gap = vec![];
    frame::append(&mut gap, &[9_u8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5]).unwrap();
    let oversized = [[0xff; 8], [0; 8]].concat();
    for nonsense in [&wrong_checksum, &no_batch, &gap, &oversized] {
        let mut stream = TcpStream::connect(to_q).unwrap();
        stream.write_all(&hello(P, Q, 1)).unwrap();
        let mut welcome = [0; 8];
        stream.read_exact(&mut welcome).unwrap();
        stream.write_all(nonsense).unwrap();
        // hung up, in one way or the other
        let _ = stream.read_to_end(&mut vec![]);
    }
    let dropped = q.links.status()[&P].dropped;
    assert_eq!((dropped.malformed, dropped.oversized), (3, 1), "{dropped:?}");
    p.send(Q, 5);
    assert_eq!(q.receive(), (P, 5), "the newer incarnation is the real one");
    // what the node itself does not take is counted, and the link goes on
    p.links.send(Q, &[]).unwrap();
    p.send(Q, 6);
    assert_eq!(q.receive(), (P, 6));
    assert_eq!(q.links.status()[&P].dropped.malformed, 4);
    assert_eq!(p.links.status()[&Q].connections, 1);
}

#[test]
fn a_peer_that_acknowledges_nothing_is_dialled_again() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    let settings = LinkSettings { patience: Duration::from_millis(20), ..LinkSettings::default() };
    let p = start_with(&settings, at_p, (P, 1), &[(Q, to_q)]);
    p.send(Q, 1);
    for _ in 0..3 {
        let (mut stream, _) = at_q.accept().unwrap();
        let mut welcome = vec![];
        frame::append(&mut welcome, &(0_u8, 1_u64, 5_u64, 0_u64)).unwrap();
        stream.write_all(&welcome).unwrap();
        // until p hangs up
        let _ = stream.read_to_end(&mut vec![]);
    }
    let status = p.until(Q, |status| status.connections >= 3);
    assert_eq!((status.unacknowledged, status.outside_model), (1, 0));
}

#[test]
fn two_nodes_with_one_identity_are_both_told() {
    let ((at_q, to_q), (at_p, to_p), (at_twin, _)) = (port(), port(), port());
    let q = start(at_q, Q, 1, &[(P, to_p)]);
    let first = start(at_p, P, 4, &[(Q, to_q)]);
    first.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
    let twin = start(at_twin, P, 4, &[(Q, to_q)]);
    twin.send(Q, 2);
    for (end, told) in [(&twin, "impostor"), (&first, "challenged")] {
        let why = end.impostors.recv_timeout(PATIENCE).expect("nobody is told");
        assert!(why.starts_with(told) && why.contains("two nodes run with one identity"), "{why}");
    }
    first.send(Q, 3);
    assert_eq!(q.receive(), (P, 3), "the first one is served on, and nothing of its twin is delivered");
    assert!(q.links.status()[&P].dropped.foreign > 0);
}

#[test]
fn too_many_connections_are_turned_away_and_peers_are_served() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    let settings = LinkSettings { clients: 2, ..LinkSettings::default() };
    let q = start_with(&settings, at_q, (Q, 1), &[(P, to_q)]);
    let p = start(at_p, P, 1, &[(Q, to_q)]);
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
    let mut crowd = vec![];
    while q.links.strangers().surplus == 0 {
        crowd.push(TcpStream::connect(to_q).unwrap());
        assert!(crowd.len() < 1000);
    }
    p.send(Q, 2);
    assert_eq!(q.receive(), (P, 2));
    let mut last = TcpStream::connect(to_q).unwrap();
    let mut said = String::new();
    last.read_to_string(&mut said).unwrap();
    assert!(said.contains("too many connections"), "{said}");
}

/// Keys for two processes of a cluster.
/// Writes these bytes, then more of the last one, one at a time, until it is hung up.
fn drips_until_hung_up(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    // more of them than it could read until the pauses of reads alone ended this
    for byte in bytes.iter().chain(std::iter::repeat_n(bytes.last().unwrap(), 30_000)) {
        if stream.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("it still listens");
}

#[test]
fn who_drips_keeps_no_place() {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let settings = LinkSettings { handshake: Duration::from_millis(30), ..LinkSettings::default() };
    let q = start_with(&settings, at_q, (Q, 1), &[(P, to_p)]);
    // the length of a hello that never ends
    let hello = [&b"SYNODTCP"[..], &[0xff, 0xff, 0, 0, 1, 2, 3, 4]].concat();
    drips_until_hung_up(to_q, &hello);
    // whoever is known may be silent, and slow
    let p = start(at_p, P, 1, &[(Q, to_q)]);
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
    let (stream, client) = (0..1000)
        .find_map(|_| {
            let stream = TcpStream::connect(to_q).unwrap();
            // on a busy machine even this may take too long
            (&stream).write_all(b"{").ok()?;
            Some((stream, q.clients.recv_timeout(Duration::from_millis(200)).ok()?))
        })
        .expect("a client is met");
    thread::sleep(2 * settings.handshake);
    (&client).write_all(b"}").unwrap();
    (&stream).read_exact(&mut [0]).unwrap();
    p.send(Q, 2);
    assert_eq!(q.receive(), (P, 2));

    // within TLS too
    let temporary = tempfile::tempdir().unwrap();
    let keys = keys(temporary.path(), "drip", Validity::of(VALID));
    let (at, to) = port();
    let settings = LinkSettings { handshake: Duration::from_millis(30), ..keys(Q) };
    let _q = start_with(&settings, at, (Q, 1), &[(P, to_p)]);
    // a record of TLS that never ends
    drips_until_hung_up(to, &[&b"SYNODTLS"[..], &[22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb]].concat());
}

fn keys(directory: &Path, cluster: &str, validity: Validity) -> impl Fn(ProcessId) -> LinkSettings {
    let keys = directory.join(format!("{cluster}-{:?}", validity.until));
    keys::generate(cluster, 2, validity, &keys).unwrap();
    move |p| LinkSettings {
        security: Security::Tls,
        keys: Some(keys.join(p.to_string())),
        ..LinkSettings::default()
    }
}

#[test]
fn within_tls_connections_that_break_anywhere_lose_and_double_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let settings = keys(temporary.path(), "bank", Validity::of(VALID));
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let p = start_with(&settings(P), at_p, (P, 1), &[(Q, flaky_proxy(to_q, 900))]);
    let q = start_with(&settings(Q), at_q, (Q, 1), &[(P, to_p)]);
    let long = |number: u32| [&number.to_le_bytes()[..], &vec![7; number as usize % 400]].concat();
    for number in 0..500 {
        p.links.send(Q, &long(number)).unwrap();
        p.links.flush();
        q.send(P, number);
    }
    for number in 0..500 {
        assert_eq!(q.deliveries.recv_timeout(PATIENCE).unwrap(), (P, long(number)));
        assert_eq!(p.receive(), (Q, number));
    }
    let status = p.until(Q, |status| status.unacknowledged == 0);
    assert_eq!((status.lost, status.outside_model), (0, 0));
    // longer than a record, and than all buffers; the way back is not broken
    q.links.send(P, &vec![9; 5 << 20]).unwrap();
    q.links.flush();
    assert_eq!(p.deliveries.recv_timeout(PATIENCE).unwrap(), (Q, vec![9; 5 << 20]));
}

#[test]
fn certificates_that_are_foreign_expired_or_anothers_are_refused_with_the_reason() {
    let temporary = tempfile::tempdir().unwrap();
    let good = keys(temporary.path(), "bank", Validity::of(VALID));
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let past = Validity { from: long_ago, until: long_ago + Duration::from_secs(1000) };
    let (whole, late) = (good(P).keys.unwrap(), temporary.path().join("late"));
    keys::renew(whole.parent().unwrap(), P, past, &late).unwrap();
    let expired = |_: ProcessId| LinkSettings { keys: Some(late.clone()), ..good(P) };
    let foreign = keys(temporary.path(), "bank", Validity::of(VALID / 2));
    let ((at_q, to_q), (at_p, to_p)) = (port(), port());
    let q = start_with(&good(Q), at_q, (Q, 1), &[(P, to_p)]);
    let mut refused = 0;
    let plain = |_: ProcessId| LinkSettings::default();
    let swapped = |_: ProcessId| LinkSettings { keys: good(Q).keys, ..good(Q) };
    let strangers: [(&dyn Fn(ProcessId) -> LinkSettings, &str); 3] =
        [(&foreign, "another authority"), (&plain, "only TLS"), (&expired, "expired")];
    for (settings, reason) in strangers {
        let stranger = start_with(&settings(P), port().0, (P, 1), &[(Q, to_q)]);
        stranger.send(Q, 1);
        let why = stranger.until(Q, |status| status.trouble.is_some()).trouble.unwrap();
        assert!(why.contains(reason), "{why}");
        while q.links.strangers().forged == refused {
            thread::yield_now();
        }
        refused = q.links.strangers().forged;
    }
    // Nobody else's keys are loaded in the first place.
    let (listener, _) = port();
    let options = LinkOptions { cluster: 7, me: P, incarnation: 1, peers: BTreeMap::new(), stack: None };
    let inbox = Mailbox {
        deliveries: mpsc::channel().0,
        clients: mpsc::channel().0,
        impostors: mpsc::channel().0,
        gate: Arc::default(),
    };
    let error =
        link::start(&swapped(P), listener, options, Arc::new(inbox)).err().expect("it has the keys of q");
    assert!(
        matches!(error, LinkError::Keys(KeyError::OtherProcess { found: Q, expected: P, .. })),
        "{error}"
    );
    // The real one is served all the while.
    let p = start_with(&good(P), at_p, (P, 2), &[(Q, to_q)]);
    p.send(Q, 9);
    assert_eq!(q.receive(), (P, 9), "and nothing that any of them sent");
    assert!(q.deliveries.try_recv().is_err());
    drop(p);
    let renewed = temporary.path().join("renewed");
    keys::renew(whole.parent().unwrap(), P, Validity::of(VALID), &renewed).unwrap();
    let p = start_with(&LinkSettings { keys: Some(renewed), ..good(P) }, port().0, (P, 3), &[(Q, to_q)]);
    p.send(Q, 10);
    assert_eq!(q.receive(), (P, 10), "a new certificate of the same authority");
}

/// Forwards to `target`, both ways; changes the byte at this place of what the first connection brings.
fn tampering_proxy(target: SocketAddr, place: u64) -> SocketAddr {
    let (listener, address) = port();
    thread::spawn(move || {
        for (number, inward) in listener.incoming().enumerate() {
            let (mut inward, mut outward) = (inward.unwrap(), TcpStream::connect(target).unwrap());
            let (mut back_from, mut back_to) = (outward.try_clone().unwrap(), inward.try_clone().unwrap());
            let back = thread::spawn(move || {
                let _ = std::io::copy(&mut back_from, &mut back_to);
                let _ = back_to.shutdown(std::net::Shutdown::Both);
            });
            if number == 0 {
                let _ = std::io::copy(&mut Read::by_ref(&mut inward).take(place), &mut outward);
                let mut byte = [0];
                let _ = inward.read_exact(&mut byte);
                let _ = outward.write_all(&[byte[0] ^ 4]);
            }
            let _ = std::io::copy(&mut inward, &mut outward);
            for stream in [inward, outward] {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            let _ = back.join();
        }
    });
    address
}

#[test]
fn a_bit_changed_on_the_way_is_noticed_and_nothing_is_lost() {
    let temporary = tempfile::tempdir().unwrap();
    let secure = keys(temporary.path(), "bank", Validity::of(VALID));
    let plain = |_: ProcessId| LinkSettings::default();
    let both: [&dyn Fn(ProcessId) -> LinkSettings; 2] = [&secure, &plain];
    for settings in both {
        let ((at_p, _), (at_q, to_q)) = (port(), port());
        let p = start_with(&settings(P), at_p, (P, 1), &[(Q, tampering_proxy(to_q, 5000))]);
        let q = start_with(&settings(Q), at_q, (Q, 1), &[(P, to_q)]);
        p.links.send(Q, &vec![1; 20_000]).unwrap();
        p.send(Q, 2);
        assert_eq!(q.deliveries.recv_timeout(PATIENCE).unwrap(), (P, vec![1; 20_000]));
        assert_eq!(q.receive(), (P, 2));
        p.until(Q, |status| status.unacknowledged == 0);
        let dropped = q.links.status()[&P].dropped;
        assert_eq!(dropped.malformed + dropped.oversized + dropped.forged, 1, "{dropped:?}");
        assert!(q.deliveries.try_recv().is_err());
    }
}

#[test]
fn a_node_at_the_wrong_place_is_not_talked_to() {
    let temporary = tempfile::tempdir().unwrap();
    let settings = keys(temporary.path(), "bank", Validity::of(VALID));
    let ((at_q, to_q), (at_p, to_p)) = (port(), port());
    let q = start_with(&settings(Q), at_q, (Q, 1), &[(P, to_p)]);
    // p is told that p is where q is: the certificate says otherwise
    let confused = start_with(&settings(P), at_p, (P, 1), &[(P, to_q)]);
    confused.send(P, 1);
    let why = confused.until(P, |status| status.trouble.is_some()).trouble.unwrap();
    assert!(why.contains("p1.bank.synod") && why.contains("p0.bank.synod"), "{why}");
    assert!(q.deliveries.try_recv().is_err());
}

#[test]
fn nonsense_where_tls_is_spoken_disturbs_nobody() {
    let temporary = tempfile::tempdir().unwrap();
    let settings = keys(temporary.path(), "bank", Validity::of(VALID));
    let ((at_q, to_q), (at_p, to_p)) = (port(), port());
    let q = start_with(&settings(Q), at_q, (Q, 1), &[(P, to_p)]);
    let noise: [&[u8]; 5] = [
        b"SYNODTLS",
        b"SYNODTLS\x16\x03\x01\xff\xff\x01",
        &[&b"SYNODTLS"[..], &[0; 5000]].concat(),
        b"SYNODTLSGET / HTTP/1.1\r\n\r\n",
        &hello(P, Q, 9),
    ];
    for bytes in noise {
        let mut stream = TcpStream::connect(to_q).unwrap();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut vec![]);
    }
    assert!(q.links.strangers().forged >= 4, "{:?}", q.links.strangers());
    let p = start_with(&settings(P), at_p, (P, 1), &[(Q, to_q)]);
    p.send(Q, 1);
    assert_eq!(q.receive(), (P, 1));
}

#[test]
fn keys_are_their_owners_alone_and_never_written_over() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("keys");
    keys::generate("bank", 3, Validity::of(VALID), &out).unwrap();
    let again = keys::generate("bank", 3, Validity::of(VALID), &out);
    assert!(matches!(again, Err(KeyError::Exists(_))), "{again:?}");
    let mut files = 0;
    for entry in std::fs::read_dir(out.join("p1")).unwrap().chain(std::fs::read_dir(&out).unwrap()) {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 6 + 2 + 3);
    let load = |p: u32| keys::Keys::load(&out.join(format!("p{p}")), ProcessId(p)).unwrap();
    let (p, q) = (load(0), load(1));
    assert_eq!(p.secret(Q), q.secret(P));
    assert_ne!(p.secret(Q), p.secret(R));
    assert_eq!(format!("{p:?}"), "the keys of p0 in bank");
    for name in ["", "Bank", "bank.example", "-bank", "bank-", "9", &"b".repeat(41)] {
        let refused = keys::generate(name, 1, Validity::of(VALID), &temporary.path().join("no"));
        assert!(matches!(refused, Err(KeyError::Name(_))), "{name}");
    }
    std::fs::write(out.join("p0/sign.key"), "secret, but not hexadecimal").unwrap();
    let damaged = keys::Keys::load(&out.join("p0"), P).unwrap_err().to_string();
    assert!(damaged.contains("sign.key") && !damaged.contains("secret"), "{damaged}");
}
