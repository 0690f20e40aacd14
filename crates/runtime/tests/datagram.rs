//! Links over datagrams between endpoints on loopback, through a relay that loses, duplicates and reorders.

use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;
use synod_algorithms::links::{SelectiveRepeat, selective_repeat};
use synod_kernel::Random;
use synod_model::{Group, ProcessId, Whole};
use synod_runtime::keys::{VALID, Validity, generate};
use synod_runtime::link::udp::datagram::{self, DATAGRAM_LENGTH, Header, Nonsense, Record, Writer};
use synod_runtime::link::udp::mac::MacKey;
use synod_runtime::link::udp::pieces::{MESSAGE_LENGTH_MAX, Unfinished, pieces};
use synod_runtime::link::udp::replay::{ReplayWindow, WINDOW};
use synod_runtime::link::udp::stack::{Bundle, Stack, Stacked};
use synod_runtime::link::{
    self, Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, Place, Rejected, Security,
    Transport,
};

/// Only a link that is broken for good takes this long.
const PATIENCE: Duration = Duration::from_secs(50);
const P: ProcessId = ProcessId(0);
const Q: ProcessId = ProcessId(1);

/// Selective repeat, as it is checked, on bytes.
fn repeat(me: ProcessId, group: Group, incarnation: u64) -> Box<dyn Stack> {
    type Link = SelectiveRepeat<Bundle>;
    let before = (incarnation > 1).then(|| Whole(Some(selective_repeat::Incarnation(incarnation - 2))));
    let parameters = selective_repeat::Parameters::default();
    Box::new(Stacked::<Link>::new(me, group, incarnation, &parameters, before.as_ref(), Link::lost))
}

struct Mailbox(Sender<(ProcessId, Vec<u8>)>);

impl Inbox for Mailbox {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        if payload == b"nonsense" {
            return Err(Rejected::Malformed("it says so".to_owned()));
        }
        let _ = self.0.send((from, payload.to_vec()));
        Ok(())
    }

    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        // it has room for everything
        self.deliver(from, payload).map(|()| true)
    }

    fn client(&self, _: TcpStream) {}
}

struct End {
    links: Box<dyn Links>,
    deliveries: Receiver<(ProcessId, Vec<u8>)>,
}

impl End {
    fn send(&self, to: ProcessId, payload: &[u8]) {
        self.links.send(to, payload).unwrap();
        self.links.flush();
    }

    fn receive(&self) -> Vec<u8> {
        self.deliveries.recv_timeout(PATIENCE).expect("nothing is delivered").1
    }

    fn status(&self, of: ProcessId) -> LinkStatus {
        self.links.status().remove(&of).unwrap()
    }

    /// Waits until the link to `to` stands as wanted.
    fn until(&self, to: ProcessId, wanted: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
        loop {
            let status = self.status(to);
            if wanted(&status) {
                return status;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until `to` has acknowledged all; nothing else is delivered here meanwhile.
    fn settle(&self, to: ProcessId) {
        self.until(to, |status| status.unacknowledged == 0);
    }
}

/// What the two ends have in common.
#[derive(Clone, Copy, Default)]
struct Kind {
    /// Whether there is a stack.
    stacked: bool,
    /// The cluster's secret.
    secret: Option<u8>,
}

const FAIR_LOSS: Kind = Kind { stacked: false, secret: None };
const PERFECT: Kind = Kind { stacked: true, secret: None };
const AUTHENTIC: Kind = Kind { stacked: true, secret: Some(7) };

/// The keys of two clusters of two, by the name of the secret.
static KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    for secret in ["7", "8"] {
        generate("pair", 2, Validity::of(VALID), &directory.path().join(secret)).unwrap();
    }
    directory
});

fn settings(kind: Kind, me: ProcessId) -> LinkSettings {
    let transport = Transport::Udp;
    let Some(secret) = kind.secret else { return LinkSettings { transport, ..LinkSettings::default() } };
    let keys = Some(KEYS.path().join(secret.to_string()).join(me.to_string()));
    LinkSettings { transport, security: Security::Mac, keys, ..LinkSettings::default() }
}

fn start(kind: Kind, listener: TcpListener, me: ProcessId, incarnation: u64, peer: SocketAddr) -> End {
    start_with(&settings(kind, me), kind, listener, me, incarnation, peer)
}

fn start_with(
    settings: &LinkSettings,
    kind: Kind,
    listener: TcpListener,
    me: ProcessId,
    incarnation: u64,
    peer: impl Into<Place>,
) -> End {
    let (deliveries, delivered) = mpsc::channel();
    let peers = BTreeMap::from([(if me == P { Q } else { P }, peer.into())]);
    let stack: Option<link::udp::stack::Build> = if kind.stacked { Some(repeat) } else { None };
    let options = LinkOptions { cluster: 7, me, incarnation, peers, stack };
    let links = link::start(settings, listener, options, Arc::new(Mailbox(deliveries))).unwrap();
    End { links, deliveries: delivered }
}

/// A port for both UDP and TCP.
fn port() -> (TcpListener, SocketAddr) {
    loop {
        let listener = link::listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return (listener, address);
        }
    }
}

/// Of a hundred datagrams, how many are lost, doubled, or held back behind the next one.
#[derive(Clone, Copy)]
struct Faults {
    lost: u64,
    doubled: u64,
    late: u64,
}

const NONE: Faults = Faults { lost: 0, doubled: 0, late: 0 };
const MANY: Faults = Faults { lost: 20, doubled: 10, late: 20 };

/// A way to `target`, and all that went by it.
struct Relay {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    stopped: Arc<AtomicBool>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

fn relay(target: SocketAddr, faults: Faults, seed: u64) -> Relay {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (seen, stopped) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), Arc::<AtomicBool>::default());
    let address = socket.local_addr().unwrap();
    let (log, stop) = (Arc::clone(&seen), Arc::clone(&stopped));
    thread::spawn(move || {
        let (mut random, mut held, mut bytes) = (Random::new(seed), None::<Vec<u8>>, [0; 2048]);
        while !stop.load(Ordering::SeqCst) {
            let Ok(length) = socket.recv(&mut bytes) else { continue };
            let datagram = &bytes[..length];
            log.lock().unwrap().push(datagram.to_vec());
            let mut happens = |percent| random.below(100) < percent;
            if happens(faults.lost) {
                continue;
            }
            if held.is_none() && happens(faults.late) {
                held = Some(datagram.to_vec());
                continue;
            }
            let copies = if happens(faults.doubled) { 2 } else { 1 };
            for _ in 0..copies {
                let _ = socket.send_to(datagram, target);
            }
            if let Some(late) = held.take() {
                let _ = socket.send_to(&late, target);
            }
        }
    });
    Relay { address, seen, stopped }
}

/// Two ends, each behind a relay.
fn pair(kind: Kind, faults: Faults) -> (End, End, [Relay; 2]) {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let relays = [relay(to_p, faults, 1), relay(to_q, faults, 2)];
    let p = start(kind, at_p, P, 1, relays[1].address);
    let q = start(kind, at_q, Q, 1, relays[0].address);
    (p, q, relays)
}

fn all_once(from: &End, to: &End, process: ProcessId, messages: u32) {
    for number in 0..messages {
        from.links.send(process, &number.to_le_bytes()).unwrap();
        if number % 50 == 0 {
            from.links.flush();
        }
    }
    from.links.flush();
    let delivered: Vec<_> = (0..messages).map(|_| to.receive()).collect();
    let distinct: BTreeSet<_> =
        delivered.iter().map(|m| u32::from_le_bytes(m[..].try_into().unwrap())).collect();
    assert_eq!(distinct, (0..messages).collect());
    from.settle(process);
    assert!(to.deliveries.try_recv().is_err(), "something is delivered twice");
}

#[test]
fn the_stack_delivers_once_what_is_lost_doubled_and_reordered_below_it() {
    for kind in [PERFECT, AUTHENTIC] {
        let (p, q, _relays) = pair(kind, MANY);
        all_once(&p, &q, Q, 3_000);
        all_once(&q, &p, P, 300);
    }
}

#[test]
fn messages_longer_than_a_datagram_arrive_whole_and_none_longer_than_the_limit_leaves() {
    let (p, q, _relays) = pair(AUTHENTIC, Faults { lost: 1, ..NONE });
    let long = |length: usize| (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>();
    for length in [0, 1, 1_300, 1_400, 70_000] {
        p.send(Q, &long(length));
        assert!(q.receive() == long(length), "{length}");
    }
    let too_long = vec![0; MESSAGE_LENGTH_MAX];
    assert!(matches!(p.links.send(Q, &too_long), Err(LinkError::TooLong { .. })));
    assert!(matches!(p.links.send(P, b"to itself"), Err(LinkError::NoSuchPeer(P))));
}

#[test]
fn fair_loss_links_duplicate_what_the_network_does_and_codes_let_no_copy_through() {
    let doubled = Faults { doubled: 100, ..NONE };
    let (p, q, _relays) = pair(FAIR_LOSS, doubled);
    p.send(Q, b"twice");
    assert_eq!([q.receive(), q.receive()], [b"twice", b"twice"]);
    let (p, q, _relays) = pair(Kind { stacked: false, ..AUTHENTIC }, doubled);
    p.until(Q, |status| status.connections == 1);
    p.send(Q, b"once");
    assert_eq!(q.receive(), b"once");
    q.until(P, |status| status.dropped.replayed >= 2);
    assert!(q.deliveries.try_recv().is_err());
}

#[test]
fn a_cut_loses_and_a_stack_makes_up_for_it_when_it_is_healed() {
    let (p, q, _relays) = pair(FAIR_LOSS, NONE);
    p.links.cut(Q).unwrap();
    p.send(Q, b"lost");
    assert_eq!(p.links.heal(Q).unwrap(), 0);
    p.send(Q, b"arrives");
    assert_eq!(q.receive(), b"arrives");
    let (p, q, _relays) = pair(PERFECT, NONE);
    p.send(Q, b"before");
    assert_eq!(q.receive(), b"before");
    p.settle(Q);
    p.links.cut(Q).unwrap();
    p.send(Q, b"late");
    assert!(p.status(Q).cut);
    assert_eq!(p.links.heal(Q).unwrap(), 1);
    assert_eq!(q.receive(), b"late");
}

#[test]
fn for_a_peer_that_is_down_no_more_is_kept_than_the_bound() {
    let ((at_p, _), (at_q, to_q)) = (port(), port());
    drop(at_q);
    let settings = LinkSettings { queue_hard: 100_000, ..settings(PERFECT, P) };
    let p = start_with(&settings, PERFECT, at_p, P, 1, to_q);
    (0..2_000).for_each(|_| p.send(Q, &[1; 1000]));
    let status = p.status(Q);
    assert!(status.queued_bytes < 110_000 && status.outside_model > 1_000, "{status:?}");
    assert!(!p.links.is_congested(), "nobody waits for one that is down");
}

#[test]
fn what_was_meant_for_an_incarnation_that_is_over_is_not_delivered_to_the_next() {
    for kind in [PERFECT, AUTHENTIC, Kind { stacked: false, ..AUTHENTIC }] {
        let ((at_p, to_p), (at_q, to_q)) = (port(), port());
        let way = relay(to_q, NONE, 3);
        let p = start(kind, at_p, P, 1, way.address);
        let q = start(kind, at_q, Q, 1, to_p);
        p.until(Q, |status| kind.secret.is_none() || status.connections == 1);
        p.send(Q, b"first");
        assert_eq!(q.receive(), b"first");
        drop(q);
        let q = start(kind, TcpListener::bind(to_q).unwrap(), Q, 2, to_p);
        // all that p ever said, again
        let recorded = way.seen.lock().unwrap().clone();
        let thief = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for datagram in &recorded {
            thief.send_to(datagram, to_q).unwrap();
        }
        p.until(Q, |status| status.connections == 2);
        // what is sent before p's stack has heard of the new incarnation is lost with the old one
        let delivered = loop {
            p.send(Q, b"second");
            if let Ok(delivery) = q.deliveries.recv_timeout(Duration::from_millis(20)) {
                break delivery;
            }
        };
        assert!([delivered].into_iter().chain(q.deliveries.try_iter()).all(|(_, said)| said == b"second"));
    }
}

#[test]
fn a_sender_that_is_over_is_fenced() {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let way = relay(to_q, NONE, 4);
    let q = start(FAIR_LOSS, at_q, Q, 1, to_p);
    let p = start(FAIR_LOSS, at_p, P, 1, way.address);
    p.send(Q, b"old");
    assert_eq!(q.receive(), b"old");
    drop(p);
    let p = start(FAIR_LOSS, TcpListener::bind(to_p).unwrap(), P, 2, way.address);
    p.send(Q, b"new");
    assert_eq!(q.receive(), b"new");
    let old = way.seen.lock().unwrap()[0].clone();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().send_to(&old, to_q).unwrap();
    assert_eq!(q.until(P, |status| status.dropped.foreign > 0).dropped.foreign, 1);
    assert!(q.deliveries.try_recv().is_err());
}

#[test]
fn who_does_not_know_the_key_is_not_heard() {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let p = start(Kind { secret: Some(8), ..AUTHENTIC }, at_p, P, 1, to_q);
    let q = start(AUTHENTIC, at_q, Q, 1, to_p);
    p.send(Q, b"forged");
    while q.links.strangers().forged < 3 || p.links.strangers().forged < 1 {
        q.send(P, b"unheard");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(q.deliveries.try_recv().is_err() && p.deliveries.try_recv().is_err());
    assert!(!q.status(P).connected);
}

#[test]
fn a_peer_with_a_name_is_looked_up() {
    for kind in [PERFECT, AUTHENTIC] {
        let ((at_p, to_p), (at_q, to_q)) = (port(), port());
        let name = |at: SocketAddr| format!("localhost:{}", at.port()).parse::<Place>().unwrap();
        let p = start_with(&settings(kind, P), kind, at_p, P, 1, name(to_q));
        let q = start_with(&settings(kind, Q), kind, at_q, Q, 1, name(to_p));
        p.send(Q, b"1");
        assert_eq!(q.receive(), b"1");
    }
    let p = start_with(
        &settings(PERFECT, P),
        PERFECT,
        port().0,
        P,
        1,
        "nobody.invalid:1".parse::<Place>().unwrap(),
    );
    p.until(Q, |status| status.trouble.as_ref().is_some_and(|why| why.contains("nobody.invalid:1")));
}

#[test]
fn a_process_without_a_key_for_a_peer_does_not_start() {
    let options = |of: u32| LinkOptions {
        cluster: 7,
        me: P,
        incarnation: 1,
        peers: BTreeMap::from([(ProcessId(of), port().1.into())]),
        stack: None,
    };
    let inbox = || Arc::new(Mailbox(mpsc::channel().0));
    let keyed = settings(AUTHENTIC, P);
    let refused = link::start(&keyed, port().0, options(5), inbox()).err();
    assert!(matches!(refused, Some(LinkError::NoKey(ProcessId(5)))), "{refused:?}");
    let nowhere = LinkSettings { keys: Some("nowhere".into()), ..keyed.clone() };
    let refused = link::start(&nowhere, port().0, options(1), inbox()).err();
    assert!(matches!(refused, Some(LinkError::Keys(_))), "{refused:?}");
    let none = LinkSettings { keys: None, ..keyed };
    let refused = link::start(&none, port().0, options(1), inbox()).err();
    assert!(matches!(refused, Some(LinkError::NoKeys)), "{refused:?}");
}

#[test]
fn nonsense_of_every_kind_is_counted_and_dropped_and_the_link_goes_on() {
    for kind in [FAIR_LOSS, PERFECT, AUTHENTIC] {
        let ((at_p, to_p), (at_q, to_q)) = (port(), port());
        let way = relay(to_q, NONE, 5);
        let p = start(kind, at_p, P, 1, way.address);
        let q = start(kind, at_q, Q, 1, to_p);
        p.until(Q, |status| kind.secret.is_none() || status.connections == 1);
        for number in 0..20_u32 {
            p.send(Q, &number.to_le_bytes());
            q.receive();
        }
        p.settle(Q);
        let genuine = way.seen.lock().unwrap().clone();
        let thief = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut random = Random::new(6);
        let mut sent = 0;
        for datagram in genuine.iter().cycle().take(400) {
            thief.send_to(&mutated(datagram, &mut random), to_q).unwrap();
            sent += 1;
            let dropped = || {
                let (strangers, of_p) = (q.links.strangers(), q.status(P).dropped);
                [strangers, of_p].map(|d| d.malformed + d.oversized + d.forged + d.replayed + d.foreign)
            };
            while dropped().iter().sum::<u64>() < sent {
                thread::yield_now(); // so that the system loses none
            }
        }
        let strangers = q.links.strangers();
        assert!(strangers.oversized > 0, "{strangers:?}");
        assert!(
            if kind.secret.is_some() { strangers.forged } else { strangers.malformed } > 100,
            "{strangers:?}"
        );
        p.send(Q, b"nonsense");
        p.send(Q, b"sense");
        assert_eq!(q.receive(), b"sense");
        assert!(q.deliveries.try_recv().is_err());
        assert!(q.status(P).trouble.is_some_and(|trouble| trouble.contains("it says so")));
    }
}

/// Other bytes than these, in one of a few ways.
fn mutated(datagram: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    match random.below(5) {
        0 => {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        1 => bytes.truncate(random.below(bytes.len() as u64) as usize),
        2 => bytes.push(random.below(256) as u8),
        3 => bytes.resize(DATAGRAM_LENGTH + 1 + random.below(500) as usize, 0),
        _ => bytes = (0..random.below(1_200)).map(|_| random.below(256) as u8).collect(),
    }
    bytes
}

fn header(sequence: u64) -> Header {
    Header { cluster: 7, from: P, to: Q, incarnation: 3, heard: 2, sequence }
}

proptest! {
    #[test]
    fn the_window_knows_what_a_set_of_all_numbers_knows(
        steps in prop::collection::vec(prop_oneof![
            8 => (0..40_u64).prop_map(|back| (0, back)),
            4 => (0..80_u64).prop_map(|ahead| (ahead, 0)),
            1 => (0..3 * WINDOW).prop_map(|ahead| (ahead, 0)),
            1 => (0..2 * WINDOW).prop_map(|back| (0, back)),
            1 => Just((1 << 40, 0)),
        ], 1..400),
    ) {
        let (mut window, mut seen, mut highest) = (ReplayWindow::default(), BTreeSet::new(), None::<u64>);
        for (ahead, back) in steps {
            let number = highest.unwrap_or(0).saturating_add(ahead).saturating_sub(back);
            let too_old = highest.is_some_and(|highest| number.saturating_add(WINDOW) <= highest);
            let new = !too_old && seen.insert(number);
            prop_assert_eq!(window.see(number), new, "{}", number);
            highest = highest.max(Some(number));
        }
    }

    #[test]
    fn datagrams_are_read_as_written(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..400), 0..12),
        keyed: bool,
        pad: bool,
    ) {
        let key = MacKey::new(&[9; 32]);
        let key = keyed.then_some(&key);
        let mut writer = Writer::default();
        writer.open(header(5));
        let mut written = vec![];
        for (number, message) in messages.iter().enumerate() {
            let record = if number % 3 == 0 { Record::Piece(message) } else { Record::Message(message) };
            if writer.has_room(record) {
                writer.record(record);
                written.push(record);
            }
        }
        writer.seal(key, pad);
        let (found, records) = datagram::read(writer.bytes(), keyed, |_| key).expect("what was written");
        prop_assert_eq!(found, header(5));
        prop_assert_eq!(records.collect::<Result<Vec<_>, _>>(), Ok(written));
        prop_assert!(!pad || writer.len() == DATAGRAM_LENGTH);
    }

    #[test]
    fn no_other_bytes_are_a_datagram_of_that_key(at in 0..100_usize, bit in 0..8, keyed: bool) {
        let key = MacKey::new(&[9; 32]);
        let key = keyed.then_some(&key);
        let mut writer = Writer::default();
        writer.open(header(1));
        writer.record(Record::Message(b"forty-two bytes of a message are not few"));
        writer.seal(key, false);
        let mut bytes = writer.bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        let read = datagram::read(&bytes, keyed, |_| key).map(|_| ());
        prop_assert!(matches!(read, Err(Nonsense::Forged | Nonsense::Malformed)), "{:?}", read);
    }

    #[test]
    fn pieces_in_any_order_make_the_message_once(length in 0..9_000_usize, seed: u64) {
        let message: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut all: Vec<_> = pieces(4, &message).collect();
        let mut random = Random::new(seed);
        for at in (1..all.len()).rev() {
            all.swap(at, random.below(at as u64 + 1) as usize);
        }
        let mut unfinished = Unfinished::default();
        let last = all.pop().expect("a message has a piece");
        for piece in &all {
            prop_assert_eq!(unfinished.take(piece), Ok(None));
            prop_assert_eq!(unfinished.take(piece), Ok(None), "a copy adds nothing");
        }
        prop_assert_eq!(unfinished.take(&last), Ok(Some(message)));
    }
}
