//! Requests a second through a two-phase exchange of three nodes, beside stateright's `spawn`.
//!
//! `requests [--rounds R] [--seconds S] [--directory D] [--at-least F]`: fails if ours serves less than F times as many.
//!
//! The exchange is that of one Paxos ballot, or of one read of the register of Attiya, Bar-Noy and Dolev: asked by a client,
//! a node sends to the two others, and with the answer of one, itself counted, has a majority; so once more, and it
//! replies. [`Exchange`] is what both sides run, unchanged; what differs is what carries it:
//!
//! * stateright: a thread for each actor, JSON in a UDP datagram for each message, no stable storage. Its client is a
//!   UDP socket.
//! * ours: a node as `synod run` has it, three of them in one OS process as well: perfect links over TCP, the record of the run that
//!   is judged and replayed; a client over TCP in lines of JSON. Once without stable storage, as the peer; once with each of
//!   the three durable in the log before it answers in the second phase.
//!
//! The loop is closed: so many requests are outstanding, and with each reply the next is sent. Each run is an OS process
//! of its own; the sides take turns, and a ratio is the median of the turns' ratios.

use super::median;
use serde::{Deserialize, Serialize};
use stateright::actor::{Actor, Id, Out, spawn};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command as Child;
use std::thread;
use std::time::{Duration, Instant};
use synod_model::prelude::*;
use synod_runtime::client::{Client, Command, Reply};
use synod_runtime::clock::ClockSettings;
use synod_runtime::link::LinkSettings;
use synod_runtime::node::{Config, NodeConfig, run_node};
use synod_runtime::wal::WalOptions;

const OUTSTANDING: [usize; 4] = [1, 8, 64, 256];
const SIDES: [&str; 3] = ["stateright", "synod", "synod-log"];
const PATIENCE: Duration = Duration::from_secs(10);
/// What has not arrived for so long is lost.
const LOST: Duration = Duration::from_millis(50);
const CLUSTER: u64 = 7;

/// What the nodes, and a client of the peer's, tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Message {
    Request(u64),
    Prepare { round: u64 },
    Promise { round: u64, accepted: u64 },
    Accept { round: u64, value: u64 },
    Accepted { round: u64 },
    Reply(u64),
}

/// A node's part: `C` is what the one who asks is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Exchange<C> {
    /// The rounds that this node leads, in their first or in their second phase.
    first: BTreeMap<u64, (C, u64)>,
    second: BTreeMap<u64, (C, u64)>,
    next: u64,
    accepted: u64,
}

/// What a node does next.
enum Step<C> {
    Broadcast(Message),
    /// To whom the message came from.
    Answer(Message),
    Tell(C, u64),
    Nothing,
}

impl<C> Exchange<C> {
    fn new() -> Self {
        Self { first: BTreeMap::new(), second: BTreeMap::new(), next: 0, accepted: 0 }
    }

    fn ask(&mut self, client: C, value: u64) -> Step<C> {
        self.next += 1;
        self.first.insert(self.next, (client, value));
        Step::Broadcast(Message::Prepare { round: self.next })
    }

    /// A message of another node. Of two answers the second comes when the phase is over.
    fn take(&mut self, message: Message) -> Step<C> {
        match message {
            Message::Prepare { round } => Step::Answer(Message::Promise { round, accepted: self.accepted }),
            Message::Promise { round, .. } => {
                let Some((client, value)) = self.first.remove(&round) else { return Step::Nothing };
                self.second.insert(round, (client, value));
                self.accepted = value;
                Step::Broadcast(Message::Accept { round, value })
            }
            Message::Accept { round, value } => {
                self.accepted = value;
                Step::Answer(Message::Accepted { round })
            }
            Message::Accepted { round } => {
                let Some((client, value)) = self.second.remove(&round) else { return Step::Nothing };
                Step::Tell(client, value)
            }
            Message::Request(_) | Message::Reply(_) => Step::Nothing,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Parameters {
    /// Whether what is accepted is stored.
    stores: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Node {
    exchange: Exchange<()>,
    stores: bool,
}

impl Node {
    fn follow(&self, step: Step<()>, from: ProcessId, ctx: &mut impl Context<Self>) {
        match step {
            Step::Broadcast(message) => {
                let others = ctx.group().members().filter(|&p| p != ctx.me()).collect::<Vec<_>>();
                others.into_iter().for_each(|p| ctx.send(p, message));
                // behind what asks the others, and before what is told the client: three disks write at a time
                if let (true, Message::Accept { value, .. }) = (self.stores, message) {
                    ctx.store(value);
                }
            }
            Step::Answer(message) => {
                if let (true, Message::Accepted { .. }) = (self.stores, message) {
                    ctx.store(self.exchange.accepted);
                }
                ctx.send(from, message);
            }
            Step::Tell((), value) => ctx.indicate(value),
            Step::Nothing => {}
        }
    }
}

impl Process for Node {
    type Model = (CrashRecovery, Perfect, Asynchronous, Majority);
    type Parameters = Parameters;
    type Request = u64;
    type Indication = u64;
    type Message = Message;
    type Stable = Whole<u64>;
    no_timers!();

    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self { exchange: Exchange::new(), stores: parameters.stores }
    }

    fn on_recovery(parameters: &Parameters, last: &Whole<u64>, _: &mut impl Context<Self>) -> Self {
        let exchange = Exchange { accepted: last.0.unwrap_or_default(), ..Exchange::new() };
        Self { exchange, stores: parameters.stores }
    }

    fn on_request(&mut self, value: u64, ctx: &mut impl Context<Self>) {
        let step = self.exchange.ask((), value);
        self.follow(step, ctx.me(), ctx);
    }

    fn on_message(&mut self, from: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        let step = self.exchange.take(message);
        self.follow(step, from, ctx);
    }
}

/// The same as an actor of the peer's.
struct Peer {
    others: [Id; 2],
}

impl Actor for Peer {
    type Msg = Message;
    type Timer = ();
    type State = Exchange<Id>;
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) -> Exchange<Id> {
        Exchange::new()
    }

    fn on_msg(&self, _: Id, state: &mut Cow<Exchange<Id>>, from: Id, message: Message, out: &mut Out<Self>) {
        let step = match message {
            Message::Request(value) => state.to_mut().ask(from, value),
            message => state.to_mut().take(message),
        };
        match step {
            Step::Broadcast(message) => out.broadcast(&self.others, &message),
            Step::Answer(message) => out.send(from, message),
            Step::Tell(client, value) => out.send(client, Message::Reply(value)),
            Step::Nothing => {}
        }
    }
}

/// Keeps so many requests outstanding for so long, after a tenth of it. Replies a second. (`reply` tells whether it was one:
/// in place of what is lost another is asked.)
fn closed_loop(
    outstanding: usize,
    time: Duration,
    mut ask: impl FnMut(u64),
    mut reply: impl FnMut() -> bool,
) -> f64 {
    let mut asked = 0..;
    asked.by_ref().take(outstanding).for_each(&mut ask);
    let mut serve = |time| {
        let (began, mut served) = (Instant::now(), 0_u32);
        while began.elapsed() < time {
            served += u32::from(reply());
            ask(asked.next().expect("numbers do not end"));
        }
        f64::from(served) / began.elapsed().as_secs_f64()
    };
    serve(time / 10);
    serve(time)
}

fn ports() -> [SocketAddr; 3] {
    // all are held until each is known, so that they differ
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

fn of_stateright(outstanding: usize, time: Duration) -> f64 {
    let ids = ports().map(|at| Id::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, at.port())));
    let [a, b, c] = ids;
    let actors =
        vec![(a, Peer { others: [b, c] }), (b, Peer { others: [a, c] }), (c, Peer { others: [a, b] })];
    thread::spawn(move || {
        let (write, read) = (serde_json::to_vec::<Message>, |bytes: &[u8]| serde_json::from_slice(bytes));
        spawn(write, read, serde_json::to_vec::<()>, |bytes| serde_json::from_slice(bytes), actors)
    });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.connect(SocketAddrV4::from(a)).expect("an address");
    socket.set_read_timeout(Some(LOST)).expect("a timeout");
    let ask = |value| {
        let bytes = serde_json::to_vec(&Message::Request(value)).expect("it has an encoding");
        // nobody may listen there yet
        let _ = socket.send(&bytes);
    };
    let reply = || {
        let mut bytes = [0; 1 << 12];
        let message = socket.recv(&mut bytes).map(|length| serde_json::from_slice(&bytes[..length]));
        matches!(message, Ok(Ok(Message::Reply(_))))
    };
    let began = Instant::now();
    ask(0);
    while !reply() {
        assert!(began.elapsed() < PATIENCE, "no actor answers");
        ask(0);
    }
    closed_loop(outstanding, time, ask, reply)
}

fn of_synod(stores: bool, directory: &Path, outstanding: usize, time: Duration) -> f64 {
    let group = Group::first(3);
    let addresses: BTreeMap<_, _> = group.members().zip(ports()).collect();
    for process in group.members() {
        let config: NodeConfig<Node> = Config {
            algorithm: "exchange".to_owned(),
            cluster: CLUSTER,
            process,
            group,
            parameters: Parameters { stores },
            bounds: None,
            listen: addresses[&process],
            peers: addresses.iter().map(|(&p, &at)| (p, at.into())).filter(|(p, _)| *p != process).collect(),
            directory: directory.join(process.to_string()),
            log: WalOptions::default(),
            records: directory.join("records"),
            pulse: Duration::from_millis(5),
            links: LinkSettings::default(),
            stop_with_input: false,
            clock: ClockSettings::default(),
            operators: None,
            stop_within: PATIENCE,
        };
        thread::spawn(move || run_node::<Node>(&config).expect("a node"));
    }
    let began = Instant::now();
    let client = loop {
        match Client::connect(addresses[&ProcessId(0)], CLUSTER, PATIENCE) {
            Ok(client) => break client,
            Err(e) => assert!(began.elapsed() < PATIENCE, "no node: {e}"),
        }
        thread::sleep(Duration::from_millis(5));
    };
    // what replies came together allow leaves together
    let (mut stream, mut reader) = client.split();
    let (requests, mut line) = (RefCell::new(vec![]), String::new());
    let ask = |value| {
        let mut requests = requests.borrow_mut();
        serde_json::to_writer(&mut *requests, &Command::Request(value)).expect("it has an encoding");
        requests.push(b'\n');
    };
    let reply = || {
        loop {
            if reader.buffer().is_empty() {
                stream.write_all(&std::mem::take(&mut *requests.borrow_mut())).expect("the node lives");
            }
            line.clear();
            reader.read_line(&mut line).expect("the node lives");
            match serde_json::from_str(&line) {
                Ok(Reply::<u64>::Indication(_)) => break true,
                Ok(Reply::Requested) => {}
                other => panic!("no reply: {other:?}"),
            }
        }
    };
    closed_loop(outstanding, time, ask, reply)
}

struct Arguments {
    rounds: usize,
    seconds: f64,
    directory: PathBuf,
    at_least: f64,
    /// Of one run in an OS process of its own: a side, and how many requests are outstanding.
    one: Option<(String, usize)>,
}

fn parse(given: &[String]) -> Result<Arguments, String> {
    let directory = std::env::temp_dir();
    let mut arguments = Arguments { rounds: 5, seconds: 0.5, directory, at_least: 3.0, one: None };
    for pair in given.chunks(2) {
        let [key, value] = pair else { return Err(format!("{} wants a value", pair[0])) };
        let number = || value.parse::<f64>().map_err(|e| format!("{key} {value}: {e}"));
        match key.as_str() {
            "--rounds" => arguments.rounds = number()?.max(1.0) as usize,
            "--seconds" => arguments.seconds = number()?.clamp(0.01, 60.0),
            "--directory" => arguments.directory = value.into(),
            "--at-least" => arguments.at_least = number()?,
            side if SIDES.contains(&&side[2.min(side.len())..]) => {
                arguments.one = Some((side[2..].to_owned(), number()?.max(1.0) as usize));
            }
            _ => return Err(format!("unknown: {key}")),
        }
    }
    Ok(arguments)
}

/// Whether the bar is met.
pub fn run(given: &[String]) -> Result<bool, String> {
    let arguments = parse(given)?;
    let Arguments { rounds, seconds, directory, at_least, one } = &arguments;
    if let Some((side, outstanding)) = one {
        let time = Duration::from_secs_f64(*seconds);
        let temporary = tempfile::tempdir_in(directory).map_err(|e| e.to_string())?;
        println!(
            "{}",
            match side.as_str() {
                "stateright" => of_stateright(*outstanding, time),
                side => of_synod(side == "synod-log", temporary.path(), *outstanding, time),
            }
        );
        return Ok(true);
    }
    println!("requests a second; {rounds} turns of {seconds} s, medians");
    println!("outstanding  stateright     synod  ratio   with the log  ratio");
    let mut is_met = true;
    for outstanding in OUTSTANDING {
        let mut columns: [Vec<f64>; 5] = Default::default();
        for _ in 0..*rounds {
            let mut rates = [0.0; 3];
            for (rate, side) in rates.iter_mut().zip(SIDES) {
                *rate = apart(side, outstanding, &arguments)?;
            }
            let [peer, ours, logged] = rates;
            let row = [peer, ours, ours / peer, logged, logged / peer];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let [peer, ours, ratio, logged, logged_ratio] = columns.map(|mut column| median(&mut column));
        println!(
            "{outstanding:>11} {peer:>11.0} {ours:>9.0} {ratio:>6.2} {logged:>14.0} {logged_ratio:>6.2}"
        );
        is_met &= ratio >= *at_least;
    }
    println!("the bar, {at_least} times the peer's: {}", if is_met { "met" } else { "missed" });
    Ok(is_met)
}

/// One run, in an OS process of its own.
fn apart(side: &str, outstanding: usize, arguments: &Arguments) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Child::new(program)
        .args(["requests", &format!("--{side}"), &outstanding.to_string()])
        .args(["--seconds", &arguments.seconds.to_string()])
        .arg("--directory")
        .arg(&arguments.directory)
        .output()
        .map_err(|e| e.to_string())?;
    let rate = String::from_utf8_lossy(&output.stdout).trim().parse();
    rate.map_err(|_| format!("{side}: {}", String::from_utf8_lossy(&output.stderr)))
}
