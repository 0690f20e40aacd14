//! Maelstrom's part, in virtual time and from a seed: clients, a network with latency and partitions, and what is counted.
//!
//! As Maelstrom does it: messages of clients take no time and always arrive; a partition drops what is due, when its receiver would take
//! it; a client has one request at a time, and one that is not answered in time has an unknown outcome.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use synod_kernel::Random;
use synod_maelstrom::{Line, Name, Options};

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// How long messages between nodes take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Latency {
    Constant(Duration),
    /// From nothing to twice this.
    Uniform(Duration),
}

/// A test as Maelstrom has them.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    /// Clients at each node.
    pub(crate) clients: usize,
    /// Requests a second, over all clients.
    pub(crate) rate: u32,
    pub(crate) time: Duration,
    pub(crate) latency: Latency,
    /// Cut in two and healed in turns, each for so long.
    pub(crate) partitions: Option<Duration>,
    /// How long a client waits.
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
}

impl Plan {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            nodes,
            clients: 1,
            rate: 100,
            time: s(10),
            latency: Latency::Constant(ms(0)),
            partitions: None,
            timeout: s(5),
            seed: 1,
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Ok(Value),
    /// With this code.
    Error(u64),
    /// No answer in time.
    Unknown,
}

impl End {
    /// Whether it is known not to have been done.
    pub(crate) fn failed(&self) -> bool {
        matches!(self, Self::Error(code) if ![0, 13].contains(code))
    }
}

/// A request, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// A number that no other client ever has.
    pub(crate) client: u64,
    pub(crate) node: usize,
    pub(crate) request: Value,
    pub(crate) invoked: Duration,
    pub(crate) ended: Duration,
    /// Where its beginning and its end stand among those of all.
    pub(crate) order: (usize, usize),
    pub(crate) end: End,
    /// Whether it was asked after all partitions were over.
    pub(crate) last: bool,
}

impl Operation {
    pub(crate) fn kind(&self) -> &str {
        self.request["type"].as_str().expect("it was asked")
    }

    pub(crate) fn ok(&self) -> Option<&Value> {
        if let End::Ok(value) = &self.end { Some(value) } else { None }
    }
}

/// What is to happen.
enum Due {
    Line {
        from: usize,
        to: usize,
        line: String,
    },
    Wake(usize),
    /// A client that is free asks something.
    Ask,
    Timeout {
        slot: usize,
        message: u64,
    },
}

struct Client {
    number: u64,
    node: usize,
    waits_for: Option<(u64, usize)>,
}

/// A run.
pub(crate) struct Run {
    plan: Plan,
    nodes: Vec<Box<dyn Line>>,
    clients: Vec<Client>,
    due: BTreeMap<(Duration, u64), Due>,
    places: u64,
    random: Random,
    now: Duration,
    events: usize,
    last: bool,
    pub(crate) operations: Vec<Operation>,
    /// How many messages nodes sent each other.
    pub(crate) between_nodes: usize,
    pub(crate) dropped: usize,
    pub(crate) complaints: Vec<String>,
    /// What the first node was handed.
    pub(crate) tape: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    src: &'a str,
    dest: &'a str,
}

impl Run {
    /// Starts the nodes.
    pub(crate) fn new(plan: Plan, name: Name, options: &Options) -> Self {
        let nodes = (0..plan.nodes).map(|_| name.node(options, plan.seed)).collect();
        Self::of(plan, nodes)
    }

    /// Of these nodes.
    pub(crate) fn of(plan: Plan, nodes: Vec<Box<dyn Line>>) -> Self {
        let client = |slot| Client { number: slot as u64, node: slot % plan.nodes, waits_for: None };
        let mut run = Self {
            clients: (0..plan.nodes * plan.clients).map(client).collect(),
            nodes,
            due: BTreeMap::new(),
            places: 0,
            random: Random::new(plan.seed),
            now: Duration::ZERO,
            events: 0,
            last: false,
            operations: Vec::new(),
            between_nodes: 0,
            dropped: 0,
            complaints: Vec::new(),
            tape: Vec::new(),
            plan,
        };
        let names: Vec<_> = (0..run.nodes.len()).map(|node| format!("n{node}")).collect();
        for node in 0..run.nodes.len() {
            let body = json!({"type": "init", "msg_id": 0, "node_id": names[node], "node_ids": names});
            run.hand(node, &json!({"id": 0, "src": "c0", "dest": names[node], "body": body}).to_string());
        }
        run
    }

    /// Lets clients ask what `generate` makes for the client with this number, then heals, waits for `rest`, and asks `last` at every node.
    pub(crate) fn go(
        mut self,
        mut generate: impl FnMut(&mut Random, u64) -> Value,
        rest: Duration,
        last: impl Fn(usize) -> Option<Value>,
    ) -> Self {
        let gap = Duration::from_secs(1) / self.plan.rate;
        let requests = (self.plan.time.as_nanos() / gap.as_nanos()) as u32;
        for request in 0..requests {
            self.push(gap * request, Due::Ask);
        }
        self.until(self.plan.time, &mut generate);
        self.last = true;
        self.until(self.plan.time + rest, &mut generate);
        for slot in 0..self.clients.len() {
            if let (Some(body), None) = (last(slot), self.clients[slot].waits_for) {
                self.ask(slot, body);
            }
        }
        self.until(self.plan.time + rest + self.plan.timeout, &mut generate);
        self
    }

    fn push(&mut self, at: Duration, due: Due) {
        self.due.insert((at, self.places), due);
        self.places += 1;
    }

    fn until(&mut self, end: Duration, generate: &mut impl FnMut(&mut Random, u64) -> Value) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), due) = entry.remove_entry();
            self.now = at;
            match due {
                Due::Line { from, to, .. } if self.cut(from, to) => self.dropped += 1,
                Due::Line { to, line, .. } => self.hand(to, &line),
                Due::Wake(node) => self.wake(node),
                Due::Ask => {
                    let free: Vec<_> = (0..self.clients.len())
                        .filter(|&slot| self.clients[slot].waits_for.is_none())
                        .collect();
                    if !free.is_empty() {
                        let slot = free[self.random.below(free.len() as u64) as usize];
                        let body = generate(&mut self.random, self.clients[slot].number);
                        self.ask(slot, body);
                    }
                }
                Due::Timeout { slot, message } => self.time_out(slot, message),
            }
        }
        self.now = end;
    }

    /// Whether two nodes are cut off from each other now: by a bit of each that is drawn anew each time.
    fn cut(&self, from: usize, to: usize) -> bool {
        let Some(period) = self.plan.partitions.filter(|_| !self.last) else { return false };
        let count = (self.now.as_nanos() / period.as_nanos()) as u64;
        if count.is_multiple_of(2) {
            return false;
        }
        let sides = Random::at(self.plan.seed, count);
        // the lone one moves on, so that nobody is always on one side
        let side = |node: usize| {
            (sides >> (node % 64)) & 1 == 1 || node as u64 == count / 2 % self.plan.nodes as u64
        };
        side(from) != side(to)
    }

    fn hand(&mut self, node: usize, line: &str) {
        if node == 0 {
            self.tape.push(line.to_owned());
        }
        let said = self.nodes[node].take(line.as_bytes(), self.now);
        self.said(node, said);
    }

    fn wake(&mut self, node: usize) {
        if self.nodes[node].deadline().is_some_and(|at| at <= self.now) {
            let said = self.nodes[node].wake(self.now);
            self.said(node, said);
        }
    }

    fn said(&mut self, node: usize, said: synod_maelstrom::Said) {
        self.complaints.extend(said.complaints);
        for line in said.lines {
            let Envelope { src, dest } = serde_json::from_str(&line).expect("a node writes messages");
            assert_eq!(src, format!("n{node}"), "a node speaks for itself");
            match dest.strip_prefix('n') {
                Some(to) => {
                    let to = to.parse().expect("a node");
                    self.between_nodes += 1;
                    let at = self.now + self.delay();
                    let line = format!("{{\"id\":{},{}", self.places, &line[1..]);
                    self.push(at, Due::Line { from: node, to, line });
                }
                None => self.answer(&line),
            }
        }
        if let Some(at) = self.nodes[node].deadline() {
            self.push(at.max(self.now), Due::Wake(node));
        }
    }

    fn delay(&mut self) -> Duration {
        match self.plan.latency {
            Latency::Constant(delay) => delay,
            Latency::Uniform(mean) => mean * 2 * self.random.below(1_001) as u32 / 1_000,
        }
    }

    fn ask(&mut self, slot: usize, mut body: Value) {
        let client = &mut self.clients[slot];
        let (message, node) = (self.operations.len() as u64 + 1, client.node);
        client.waits_for = Some((message, self.operations.len()));
        self.operations.push(Operation {
            client: client.number,
            node,
            request: body.clone(),
            invoked: self.now,
            ended: Duration::MAX,
            order: (self.events, usize::MAX),
            end: End::Unknown,
            last: self.last,
        });
        self.events += 1;
        body["msg_id"] = message.into();
        self.push(self.now + self.plan.timeout, Due::Timeout { slot, message });
        self.hand(
            node,
            &json!({"src": format!("c{slot}"), "dest": format!("n{node}"), "body": body}).to_string(),
        );
    }

    fn answer(&mut self, line: &str) {
        let message: Value = serde_json::from_str(line).expect("a message");
        let body = &message["body"];
        if body["type"] == "init_ok" {
            return;
        }
        let slot: usize = message["dest"].as_str().expect("a name")[1..].parse().expect("a client");
        let client = &mut self.clients[slot];
        let Some((_, operation)) = client.waits_for.take_if(|(message, _)| body["in_reply_to"] == *message)
        else {
            return;
        };
        let operation = &mut self.operations[operation];
        operation.ended = self.now;
        operation.order.1 = self.events;
        self.events += 1;
        operation.end = if body["type"] == "error" {
            End::Error(body["code"].as_u64().expect("an error has a code"))
        } else {
            assert_eq!(body["type"], format!("{}_ok", operation.kind()));
            End::Ok(body.clone())
        };
    }

    /// Whoever waits in vain is another client from then on.
    fn time_out(&mut self, slot: usize, message: u64) {
        let clients = self.clients.len() as u64;
        let client = &mut self.clients[slot];
        if client.waits_for.take_if(|(waits_for, _)| *waits_for == message).is_some() {
            client.number += clients;
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Messages between nodes for each request.
    pub(crate) fn messages_per_operation(&self) -> f64 {
        self.between_nodes as f64 / self.operations.len() as f64
    }

    /// The share of requests that were done.
    pub(crate) fn availability(&self) -> f64 {
        let done = self.operations.iter().filter(|op| op.ok().is_some()).count();
        done as f64 / self.operations.len() as f64
    }

    /// The kinds of requests that were done, so that an empty run passes no check.
    pub(crate) fn kinds_done(&self) -> BTreeSet<&str> {
        self.operations.iter().filter(|op| op.ok().is_some()).map(Operation::kind).collect()
    }
}
