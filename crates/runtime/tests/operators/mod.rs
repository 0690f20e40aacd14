//! What nodes tell operators, and how they end when they are signalled.

use crate::ledger::{Ledger, Told, Twin};
use crate::{P, itself, options};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};
use synod_model::Group;
use synod_runtime::client::{Client, Command, Reply};
use synod_runtime::clock::ClockSettings;
use synod_runtime::cluster::{Cluster, ClusterError, Fault};
use synod_runtime::link::LinkSettings;
use synod_runtime::node::{Config, NodeConfig};
use synod_runtime::record::{Incarnation, file_name};
use synod_runtime::wal::WalOptions;

/// How long anything may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);
const CLUSTER: u64 = 7;
const NONE_RECEIVED: &str = "synod_messages_received_total{peer=\"p0\"} 0\n";

/// Waits until something is there.
fn until<T, E: Debug>(mut look: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(e) => assert!(Instant::now() < deadline, "{e:?}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What is answered: the status, and the body.
fn ask(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits for an answer that has this in it.
fn answers(address: SocketAddr, path: &str, status: u16, what: &str) {
    until(|| match ask(address, path) {
        Some((found, body)) if found == status && body.contains(what) => Ok(()),
        other => Err(other),
    });
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

pub(crate) fn operators_are_told_how_a_node_is() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let (mut cluster, told) = Cluster::start(options(directory, Twin::Sound), itself).unwrap();
    let [p0, p1, p2] = P.map(|p| cluster.operators(p).unwrap());
    for address in [p0, p1, p2] {
        answers(address, "/readyz", 200, "ready");
        answers(address, "/healthz", 200, "it turns");
    }
    assert_eq!(ask(p0, "/").unwrap().0, 404);
    assert!(cluster.request(P[0], &1000.into()));
    let kept = serde_json::to_value(Told::Kept(1000)).unwrap();
    while told.recv_timeout(PATIENCE).unwrap().reply != Reply::Indication(kept.clone()) {}
    for line in [
        "synod_requests_total{outcome=\"taken\"} 1\n",
        "synod_incarnation 1\n",
        "synod_clients 1\n",
        "synod_link_connected{peer=\"p1\"} 1\n",
        "synod_log_files{kind=\"segment\"} 1\n",
        "synod_record_files 1\n",
    ] {
        answers(p0, "/metrics", 200, line);
    }
    let (_, metrics) = ask(p0, "/metrics").unwrap();
    for name in ["handlers_total", "syncs_total", "sync_seconds_count", "messages_sent_total{peer=\"p2\"}"] {
        let found = metrics.lines().find_map(|line| line.strip_prefix(&format!("synod_{name} ")));
        assert!(found.is_some_and(|number| number != "0"), "{name} is not counted in\n{metrics}");
    }
    for p in [P[1], P[2]] {
        cluster.strike(&Fault::Kill(p)).unwrap();
    }
    answers(p0, "/readyz", 503, "1 of 3 processes are connected");
    answers(p0, "/healthz", 200, "it turns");
    cluster.strike(&Fault::Restart(P[1])).unwrap();
    // it has nothing to say to the one who is back, and finds it all the same
    answers(p0, "/readyz", 200, "ready");

    signal(cluster.pid(P[1]).unwrap(), Signal::TERM);
    let ended = until(|| match cluster.check(P[1]) {
        Err(ClusterError::Died { status, .. }) => Ok(status),
        other => Err(other),
    });
    assert!(ended.success(), "{ended}");
    let record = Incarnation::<Ledger>::load(&cluster.records().join(file_name(P[1], 2))).unwrap();
    assert!(record.unwrap().stopped());
    cluster.strike(&Fault::Restart(P[1])).unwrap();
    answers(p1, "/metrics", 200, "synod_incarnation 3\n");
    cluster.stop().unwrap();
}

/// A node in an OS process, killed at the end.
struct Node {
    child: Child,
    config: NodeConfig<Ledger>,
}

impl Node {
    fn start(directory: &Path, config: NodeConfig<Ledger>) -> Self {
        let path = directory.join(format!("{}.json", config.process));
        config.store(&path).unwrap();
        Self { child: itself(&path).spawn().unwrap(), config }
    }

    fn operators(&self) -> SocketAddr {
        self.config.operators.unwrap()
    }

    fn signal(&self, which: Signal) {
        signal(self.child.id(), which);
    }

    fn client(&self) -> Client {
        until(|| Client::connect(self.config.listen, CLUSTER, PATIENCE))
    }

    fn ended(&mut self) -> ExitStatus {
        until(|| self.child.try_wait().unwrap().ok_or("it runs"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many addresses that nobody has, below the ports that are given to those who dial.
fn addresses<const N: usize>() -> [SocketAddr; N] {
    let from = 16_000 + (std::process::id() % 1500) as u16;
    let all = (from..18_000).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let held: Vec<_> = all.filter_map(|address| TcpListener::bind(address).ok()).take(N).collect();
    std::array::from_fn(|at| held[at].local_addr().unwrap())
}

/// Two nodes that wait for each other as long as it takes.
fn pair(directory: &Path) -> [Node; 2] {
    let [a, b, for_a, for_b] = addresses();
    [(P[0], P[1], a, b, for_a), (P[1], P[0], b, a, for_b)].map(|(me, other, listen, there, operators)| {
        let config = Config {
            algorithm: "ledger".to_owned(),
            cluster: CLUSTER,
            process: me,
            group: Group::first(2),
            parameters: Twin::Sound,
            bounds: None,
            listen,
            peers: BTreeMap::from([(other, there.into())]),
            directory: directory.join(me.to_string()),
            records: directory.join("records"),
            pulse: Duration::from_millis(5),
            log: WalOptions::default(),
            links: LinkSettings { patience: Duration::from_hours(1), ..LinkSettings::default() },
            stop_with_input: false,
            clock: ClockSettings::default(),
            operators: Some(operators),
            stop_within: Duration::from_hours(1),
        };
        Node::start(directory, config)
    })
}

pub(crate) fn a_signal_stops_a_node_in_order_and_a_second_one_at_once() {
    for (first, second) in [(Signal::TERM, None), (Signal::INT, Some(Signal::TERM))] {
        let temporary = tempfile::tempdir().unwrap();
        let [mut node, peer] = pair(temporary.path());
        answers(node.operators(), "/readyz", 200, "ready");
        answers(peer.operators(), "/readyz", 200, "ready");
        let mut client = node.client();
        peer.signal(Signal::STOP);
        client.send(&Command::Request(1)).unwrap();
        while client.receive::<Told>().unwrap().unwrap() != Reply::Requested {}
        // the peer is owed a message: it is waited for
        node.signal(first);
        answers(node.operators(), "/readyz", 503, "it stops");
        answers(node.operators(), "/healthz", 200, "");
        while client.receive::<Told>().unwrap().unwrap() != Reply::Stopped {}
        assert_eq!(node.child.try_wait().unwrap(), None, "it has not been acknowledged");
        let stopped = || Incarnation::<Ledger>::load(&node.config.records.join(file_name(P[0], 1))).unwrap();
        assert!(stopped().unwrap().stopped());
        match second {
            // what is left of the first one has arrived when it ends
            None => {
                peer.signal(Signal::CONT);
                assert!(node.ended().success());
                until(|| match ask(peer.operators(), "/metrics") {
                    Some((200, page)) if page.contains(NONE_RECEIVED) => Err(page),
                    Some((200, page)) => Ok(page),
                    other => Err(format!("{other:?}")),
                });
                peer.signal(Signal::TERM);
            }
            Some(second) => {
                node.signal(second);
                assert_eq!(node.ended().signal(), Some(Signal::TERM.as_raw()));
            }
        }
    }
}
