//! What passes a proxy, and what does not.

use super::*;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

const P: ProcessId = ProcessId(0);
const Q: ProcessId = ProcessId(1);
/// Long enough for whatever is to come; nothing waits for it that comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two processes with a proxy between them.
struct Pair {
    proxy: Proxy,
    /// Where each listens.
    streams: [TcpListener; 2],
    datagrams: [UdpSocket; 2],
    /// What P takes for the address of Q, and the other way round.
    ports: [SocketAddr; 2],
}

fn pair() -> Pair {
    let any = || SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let streams = [(); 2].map(|()| TcpListener::bind(any()).unwrap());
    let datagrams =
        streams.each_ref().map(|listener| UdpSocket::bind(listener.local_addr().unwrap()).unwrap());
    for socket in &datagrams {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let ports = [Port::bind(any()).unwrap(), Port::bind(any()).unwrap()];
    let addresses = ports.each_ref().map(|port| port.address().unwrap());
    let [there, back] = ports;
    let targets = [P, Q].into_iter().zip(streams.iter().map(|listener| listener.local_addr().unwrap()));
    let ports = BTreeMap::from([((P, Q), there), ((Q, P), back)]);
    let proxy = Proxy::start(ports, targets.collect(), 1).unwrap();
    Pair { proxy, streams, datagrams, ports: addresses }
}

impl Pair {
    fn rule(&self, ways: &[Way], change: impl Fn(&mut Rule)) {
        self.proxy.change(&ways.iter().copied().collect(), change);
    }

    /// A connection that P makes to Q, and Q's end of it.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(self.ports[0]).unwrap();
        let (far, _) = self.streams[1].accept().unwrap();
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        (near, far)
    }
}

fn takes(stream: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, expected);
}

/// Nothing is there to be read. (It may be that it has not come yet: whoever asks has seen something later come.)
fn has_nothing(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
}

#[test]
fn streams_pass_both_ways_and_end_one_way_at_a_time() {
    let pair = pair();
    let (mut near, mut far) = pair.connect();
    near.write_all(b"there").unwrap();
    takes(&mut far, b"there");
    near.shutdown(Shutdown::Write).unwrap();
    assert_eq!(far.read(&mut [0]).unwrap(), 0, "the end has passed");
    let much = vec![7; 3 << 20];
    let sent = much.clone();
    let sender = thread::spawn(move || far.write_all(&sent).map(|()| far));
    takes(&mut near, &much);
    drop(sender.join().unwrap().unwrap());
    assert_eq!(near.read(&mut [0]).unwrap(), 0);
    let passed = pair.proxy.passed();
    assert_eq!((passed[&(P, Q)].bytes, passed[&(Q, P)].bytes), (5, 3 << 20));
    assert_eq!((passed[&(P, Q)].connections, passed[&(Q, P)].connections), (1, 0));
}

#[test]
fn a_cut_holds_one_way_alone_and_what_it_holds_passes_when_it_heals() {
    let pair = pair();
    let (mut near, mut far) = pair.connect();
    pair.rule(&[(P, Q)], |rule| rule.held = true);
    near.write_all(b"held").unwrap();
    far.write_all(b"free").unwrap();
    takes(&mut near, b"free");
    while pair.proxy.passed()[&(P, Q)].met_cut == 0 {
        thread::yield_now();
    }
    assert!(has_nothing(&far));
    assert_eq!(pair.proxy.rules().len(), 1);
    pair.rule(&[(P, Q)], |rule| rule.held = false);
    takes(&mut far, b"held");
    assert!(pair.proxy.rules().is_empty());
}

#[test]
fn a_connection_that_is_hung_up_at_a_cut_is_let_go() {
    let pair = pair();
    let (mut near, mut far) = pair.connect();
    pair.rule(&[(P, Q)], |rule| rule.held = true);
    near.write_all(b"never").unwrap();
    drop(near);
    assert!(far.read(&mut [0]).map_or(true, |length| length == 0), "nothing of it has passed");
}

#[test]
fn what_is_late_keeps_its_order_and_comes_no_sooner() {
    let pair = pair();
    let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(20));
    pair.rule(&[(P, Q)], |rule| (rule.delay, rule.jitter) = (delay, jitter));
    let (mut near, mut far) = pair.connect();
    near.set_nodelay(true).unwrap();
    let begun = Instant::now();
    (0..50).for_each(|k| near.write_all(&[k]).unwrap());
    takes(&mut far, &(0..50).collect::<Vec<_>>());
    assert!(begun.elapsed() >= delay);
}

#[test]
fn a_stream_that_loses_something_breaks_and_the_next_one_is_whole() {
    let pair = pair();
    let (mut near, mut far) = pair.connect();
    pair.rule(&[(P, Q)], |rule| rule.loss = 1.0);
    near.write_all(b"lost").unwrap();
    assert!(near.read(&mut [0]).map_or(true, |length| length == 0));
    assert!(far.read(&mut [0]).map_or(true, |length| length == 0));
    assert_eq!(pair.proxy.passed()[&(P, Q)].broken, 1);
    pair.rule(&[(P, Q)], |rule| rule.loss = 0.0);
    let (mut near, mut far) = pair.connect();
    near.write_all(b"whole").unwrap();
    takes(&mut far, b"whole");
}

#[test]
fn datagrams_come_from_whom_they_seem_and_are_lost_and_doubled_as_told() {
    let pair = pair();
    let mut buffer = [0; 16];
    let send = |text: &[u8]| _ = pair.datagrams[0].send_to(text, pair.ports[0]).unwrap();
    send(b"one");
    let (length, from) = pair.datagrams[1].recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (&b"one"[..], pair.ports[1]), "as if from P, to answer");
    pair.rule(&[(P, Q)], |rule| rule.duplication = 1.0);
    send(b"two");
    for _ in 0..2 {
        let (length, _) = pair.datagrams[1].recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"two");
    }
    pair.rule(&[(P, Q)], |rule| *rule = Rule { loss: 1.0, ..Rule::default() });
    let lost = |count| {
        while pair.proxy.passed()[&(P, Q)].lost < count {
            thread::yield_now();
        }
    };
    send(b"lost");
    lost(1);
    pair.rule(&[(P, Q)], |rule| *rule = Rule { held: true, ..Rule::default() });
    send(b"cut");
    lost(2);
    pair.rule(&[(P, Q)], |rule| *rule = Rule { delay: Duration::from_millis(5), ..Rule::default() });
    send(b"last");
    let (length, _) = pair.datagrams[1].recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"last");
    let Passed { datagrams, lost, duplicated, met_cut, .. } = pair.proxy.passed()[&(P, Q)];
    assert_eq!((datagrams, lost, duplicated, met_cut), (4, 2, 1, 1));
}

#[test]
fn a_process_that_moves_is_found_and_one_that_is_gone_is_refused() {
    let mut pair = pair();
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    pair.proxy.retarget(Q, elsewhere.local_addr().unwrap());
    pair.streams[1] = elsewhere;
    let (mut near, mut far) = pair.connect();
    near.write_all(b"here").unwrap();
    takes(&mut far, b"here");
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    pair.proxy.retarget(Q, closed);
    let mut refused = TcpStream::connect(pair.ports[0]).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(refused.read(&mut [0]).map_or(true, |length| length == 0));
}
