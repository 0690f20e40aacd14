//! Links between endpoints on loopback, over connections that break.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;
use synod_model::ProcessId;
use synod_runtime::link::{
    self, Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, PAYLOAD_LENGTH_MAX, Rejected,
};

/// Only a link that is broken for good takes this long.
const PATIENCE: Duration = Duration::from_secs(50);
const P: ProcessId = ProcessId(0);
const Q: ProcessId = ProcessId(1);

struct Mailbox {
    deliveries: Sender<(ProcessId, Vec<u8>)>,
    clients: Sender<TcpStream>,
}

impl Inbox for Mailbox {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let _ = self.deliveries.send((from, payload.to_vec()));
        Ok(())
    }
    fn client(&self, stream: TcpStream) {
        let _ = self.clients.send(stream);
    }
}

struct End {
    links: Box<dyn Links>,
    deliveries: Receiver<(ProcessId, Vec<u8>)>,
    clients: Receiver<TcpStream>,
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

fn start(listener: TcpListener, me: ProcessId, incarnation: u64, peers: &[(ProcessId, SocketAddr)]) -> End {
    let (deliveries, delivered) = mpsc::channel();
    let (clients, connected) = mpsc::channel();
    let options = LinkOptions { cluster: 7, me, incarnation, peers: peers.iter().copied().collect() };
    let inbox = Arc::new(Mailbox { deliveries, clients });
    let links = link::start(&LinkSettings::default(), listener, options, inbox).unwrap();
    End { links, deliveries: delivered, clients: connected }
}

fn pair() -> (End, End) {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    (start(at_p, P, 1, &[(Q, to_q)]), start(at_q, Q, 1, &[(P, to_p)]))
}

/// Forwards to `target`; breaks each connection after so many more bytes towards it.
fn flaky_proxy(target: SocketAddr) -> SocketAddr {
    let (listener, address) = port();
    thread::spawn(move || {
        for (number, inward) in listener.incoming().enumerate() {
            let (mut inward, mut outward) = (inward.unwrap(), TcpStream::connect(target).unwrap());
            let (mut back_from, mut back_to) = (outward.try_clone().unwrap(), inward.try_clone().unwrap());
            let back = thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
            let budget = 40 + 997 * number as u64;
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
    let p = start(at_p, P, 1, &[(Q, flaky_proxy(to_q))]);
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
fn a_node_of_another_cluster_is_refused() {
    let ((at_p, to_p), (at_q, to_q)) = (port(), port());
    let p = start(at_p, P, 1, &[(Q, to_q)]);
    let (deliveries, delivered) = mpsc::channel();
    let (clients, _connected) = mpsc::channel();
    let options = LinkOptions { cluster: 8, me: Q, incarnation: 1, peers: BTreeMap::from([(P, to_p)]) };
    let inbox = Arc::new(Mailbox { deliveries, clients });
    let _q = link::start(&LinkSettings::default(), at_q, options, inbox).unwrap();
    p.send(Q, 1);
    p.until(Q, |status| status.trouble.as_ref().is_some_and(|why| why.contains("cluster")));
    assert!(delivered.try_recv().is_err());
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
