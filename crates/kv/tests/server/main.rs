//! Three nodes in one OS process, asked over plain TCP: what clients of either protocol see, and what survives.

mod etcd;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use synod_kv::node::{Config, parameters, run};
use synod_model::ProcessId;
use synod_runtime::node::RunError;
use synod_runtime::service::{Reception, Stopper};

/// How long a reply may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node that runs.
struct Running {
    stopper: Stopper,
    thread: JoinHandle<Result<(), RunError>>,
}

/// Three nodes, at addresses that stay theirs.
struct Cluster {
    nodes: Vec<Config>,
    token: Option<Vec<u8>>,
    receptions: Vec<TcpListener>,
    running: Vec<Option<Running>>,
    clients_max: usize,
}

fn loopback() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

impl Cluster {
    fn start(directory: &Path, token: Option<&str>, clients_max: usize) -> Self {
        let held: Vec<_> = (0..3).map(|_| loopback()).collect();
        let addresses: Vec<SocketAddr> = held.iter().map(|l| l.local_addr().expect("bound")).collect();
        drop(held);
        let places: Vec<_> = addresses.iter().map(|&address| address.into()).collect();
        let node = |p: u32| {
            let (listen, directory) = (addresses[p as usize], directory.join(p.to_string()));
            Config::new(ProcessId(p), &places, listen, &directory, parameters())
        };
        let token = token.map(|token| token.as_bytes().to_vec());
        let nodes = (0..3).map(node).collect();
        let receptions = (0..3).map(|_| loopback()).collect();
        let mut this = Self { nodes, token, receptions, running: vec![None, None, None], clients_max };
        (0..3).for_each(|p| this.run(p));
        this
    }

    fn run(&mut self, p: usize) {
        let (node, token) = (self.nodes[p].clone(), self.token.clone());
        let listener = self.receptions[p].try_clone().expect("a handle");
        let reception = Reception { listener, clients_max: self.clients_max };
        let (tell, started) = mpsc::channel();
        let body = move || {
            run(&node, false, reception, token, |stopper| {
                let _ = tell.send(stopper);
            })
        };
        let thread = thread::spawn(body);
        let Ok(stopper) = started.recv() else { panic!("it ended: {:?}", thread.join()) };
        self.running[p] = Some(Running { stopper, thread });
    }

    fn kill(&mut self, p: usize) {
        let Running { stopper, thread } = self.running[p].take().expect("it runs");
        stopper.kill();
        thread.join().expect("no panic").expect("no error");
    }

    fn client(&self, p: usize) -> Client {
        let stream = TcpStream::connect(self.receptions[p].local_addr().expect("bound")).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(BufReader::new(stream))
    }

    /// A client of `p` once somebody leads.
    fn settled_client(&self, p: usize) -> Client {
        let mut client = self.client(p);
        while client.ask("DBSIZE").starts_with("-CLUSTERDOWN") {}
        client
    }

    /// Who leads, as `p` knows.
    fn leader(&self, p: usize) -> usize {
        let info = self.settled_client(p).ask("INFO");
        let line = info.lines().find_map(|line| line.strip_prefix("raft_leader:")).expect("a line");
        line.parse().expect("a leader")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for running in self.running.iter_mut().filter_map(Option::take) {
            running.stopper.stop();
            let ended = running.thread.join();
            assert!(thread::panicking() || matches!(ended, Ok(Ok(()))), "{ended:?}");
        }
    }
}

/// A client that speaks the protocol as text.
struct Client(BufReader<TcpStream>);

impl Client {
    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("it reads");
    }

    fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n"));
        self.hear()
    }

    /// A reply: strings as they are, arrays in brackets.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a reply in time");
        let line = line.trim_end();
        let count = || line[1..].parse::<i64>().expect("a length");
        match line.as_bytes().first() {
            Some(b'$') if count() < 0 => "nil".to_owned(),
            Some(b'$') => {
                let mut bytes = vec![0; usize::try_from(count()).expect("a length") + 2];
                self.0.read_exact(&mut bytes).expect("a string");
                bytes.truncate(bytes.len() - 2);
                String::from_utf8(bytes).expect("text")
            }
            Some(b'*') => {
                let items: Vec<_> = (0..count()).map(|_| self.hear()).collect();
                format!("[{}]", items.join(" "))
            }
            Some(_) => line.to_owned(),
            None => "gone".to_owned(),
        }
    }
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn any_node_serves_and_all_see_the_same() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut clients: Vec<_> = (0..3).map(|p| cluster.settled_client(p)).collect();
    for (p, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("SET from{p} {p}")), "+OK");
        assert_eq!(client.ask("INCR counter"), format!(":{}", p + 1));
    }
    for client in &mut clients {
        assert_eq!(client.ask("MGET from0 from1 from2 counter none"), "[0 1 2 3 nil]");
        assert_eq!(client.ask("DBSIZE"), ":4");
        assert_eq!(client.ask("INCR from0x 1"), "-ERR wrong number of arguments for 'incr' command");
        assert_eq!(client.ask("PING"), "+PONG");
    }
    clients[1].say("MULTI\r\nSET a 1\r\nINCR a\r\nGET a\r\nINCR from\r\nEXEC\r\n");
    let heard: Vec<_> = (0..6).map(|_| clients[1].hear()).collect();
    assert_eq!(heard[5], "[+OK :2 2 :1]");
    // what a client asks later happens later, though it asks all at once
    let all: Vec<_> = (0..500).map(|k| format!("SET p {k}\r\nGET p\r\nINCR q\r\n")).collect();
    clients[2].say(&all.concat());
    for k in 0..500 {
        let three = [clients[2].hear(), clients[2].hear(), clients[2].hear()];
        assert_eq!(three, ["+OK".to_owned(), k.to_string(), format!(":{}", k + 1)]);
    }
    assert_eq!(clients[0].ask("GET q"), "500", "what was answered is seen everywhere");
}

#[test]
fn what_was_acknowledged_survives_the_leader_and_then_all_of_them() {
    let directory = scratch();
    let mut cluster = Cluster::start(directory.path(), None, 10);
    let leader = cluster.leader(0);
    let other = (leader + 1) % 3;
    let mut client = cluster.settled_client(other);
    for k in 0..50 {
        assert_eq!(client.ask(&format!("SET k{k} {k}")), "+OK");
    }
    cluster.kill(leader);
    let mut client = cluster.settled_client(other);
    for k in 50..100 {
        let heard = client.ask(&format!("SET k{k} {k}"));
        assert!(heard == "+OK" || heard.contains("outcome unknown"), "{heard}");
        if heard != "+OK" {
            while client.ask(&format!("SET k{k} {k}")) != "+OK" {}
        }
    }
    cluster.run(leader);
    (0..3).for_each(|p| cluster.kill(p));
    (0..3).for_each(|p| cluster.run(p));
    for p in 0..3 {
        let mut client = cluster.settled_client(p);
        for k in 0..100 {
            assert_eq!(client.ask(&format!("GET k{k}")), k.to_string(), "at {p}");
        }
    }
}

#[test]
fn a_key_whose_time_is_over_is_never_told_though_nothing_is_written() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut clients: Vec<_> = (0..3).map(|p| cluster.settled_client(p)).collect();
    assert_eq!(clients[0].ask("SET long x EX 1000"), "+OK");
    // the last that is written: no later command lets its time pass
    assert_eq!(clients[0].ask("SET brief x PX 1"), "+OK");
    while clients[1].ask("GET brief") != "nil" {}
    for client in &mut clients {
        // their clocks are one here
        assert_eq!(client.ask("EXISTS brief long"), ":1");
        assert_eq!(client.ask("TTL brief"), ":-2");
    }
}

#[test]
fn nonsense_is_told_and_ends_the_connection_and_nobody_elses() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let (mut good, mut bad) = (cluster.settled_client(0), cluster.settled_client(0));
    bad.say("*1\r\n:1\r\n");
    assert_eq!(bad.hear(), "-ERR Protocol error: expected '$', got ':'");
    assert_eq!(bad.hear(), "gone");
    let mut long = cluster.client(0);
    long.say("*2\r\n$3\r\nGET\r\n$999999999\r\n");
    assert_eq!(long.hear(), "-ERR Protocol error: invalid bulk length");
    assert_eq!(long.hear(), "gone");
    assert_eq!(good.ask("SET a 1"), "+OK");
    assert_eq!(good.ask("QUIT"), "+OK");
    assert_eq!(good.hear(), "gone");
}

#[test]
fn there_are_so_many_clients_and_no_more_and_each_says_the_token() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), Some("secret"), 2);
    let mut first = cluster.client(0);
    assert_eq!(first.ask("GET a"), "-NOAUTH Authentication required.");
    assert_eq!(first.ask("AUTH secret"), "+OK");
    let mut second = cluster.client(0);
    assert_eq!(second.ask("AUTH other"), "-WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(cluster.client(0).hear(), "-ERR max number of clients reached");
    assert_eq!(first.ask("QUIT"), "+OK");
    assert_eq!(first.hear(), "gone");
    // its place is free once the node has seen it go
    loop {
        let mut third = cluster.client(0);
        third.say("AUTH secret\r\n");
        if third.hear() == "+OK" {
            break;
        }
    }
}

/// A value of the greatest length goes through, and a client that reads nothing of many of them holds up nobody.
#[test]
fn long_values_pass_and_one_who_does_not_read_holds_up_nobody() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut client = cluster.settled_client(1);
    let value = "v".repeat(1 << 20);
    client.say(&format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{value}\r\n", value.len()));
    assert_eq!(client.hear(), "+OK");
    assert_eq!(client.ask("GET a"), value);
    let mut idle = cluster.client(1);
    idle.say(&"GET a\r\n".repeat(15));
    for k in 0..100 {
        assert_eq!(client.ask(&format!("SET b{k} 1")), "+OK");
    }
    for _ in 0..15 {
        assert_eq!(idle.hear(), value);
    }
    assert_eq!(idle.ask("PING"), "+PONG");
}
