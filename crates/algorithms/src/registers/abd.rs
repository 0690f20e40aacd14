//! ABD: an atomic register for many writers and many readers, replicated on servers of which a majority is correct.
//! Every operation asks a majority, then tells a majority; any two majorities meet.
//!
//! # Source
//! ABD95 (one writer); LS97 (many writers: tags). The same in CGR11 as Algorithms 4.10-4.11 (Read-Impose
//! Write-Consult-Majority).
//!
//! # Model
//! crash-stop x perfect links x asynchronous; a majority *of the servers* is correct; any number of clients may crash.
//!
//! # Properties
//! NNAR1 termination · NNAR2 atomicity (linearizability of the history).
//! Twin "no write-back": a read returns what it found without telling a majority; a later read may find less (NNAR2
//! fails). Twin "waits for all": a client waits for all servers (safe; once a server has stopped it waits for ever, NNAR1
//! fails).
//!
//! # Cost
//! 4 messages a server and 4 steps an operation, reads and writes alike; to s servers 4s messages.
//!
//! # Departures from the source
//! - Clients and servers are processes of their own (ids 0..s are servers, clients follow); the sources' processes are
//!   both at once.
//! - A client that is asked while it is busy queues what it is asked: operations of one client are one after another.
//!
//! # Bounds
//! Covered whole: 3 servers, f = 1, 2 clients, 1 write and 1 read.

use super::{RegisterRequest, RegisterReturn};
use std::collections::VecDeque;
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How many servers there are: the processes 0..servers.
    pub servers: u32,
    /// How many clients follow.
    pub clients: u32,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Parameters {
    /// The servers.
    pub fn servers(&self) -> Group {
        Group::first(self.servers)
    }

    /// The clients.
    pub fn clients(&self) -> Group {
        Group::new(self.servers, self.clients)
    }
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A read returns without a second phase.
    NoWriteBack,
    /// A client waits for all servers: safe, and not live once one has stopped.
    WaitsForAll,
}

roles! {
    /// One process of the algorithm: a server or a client.
    [V: Value] pub enum AbdRegister<V> {
        /// Keeps a copy of the register.
        Server(Server<V>): seats Parameters::servers, among Parameters::servers;
        /// Reads and writes; the processes it runs among are the servers.
        Client(Client<V>): seats Parameters::clients, among Parameters::servers;
    }
}

/// What the sources' model is, for both roles.
type Model = (CrashStop, Perfect, Asynchronous, Majority);

/// The version of a value: the greater is the later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// The sequence number.
    pub number: u64,
    /// Who wrote it: breaks ties between writes that do not know of each other. Nobody wrote what is there from the start.
    pub writer: Option<ProcessId>,
}

/// A value with its tag; none was written under the least tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tagged<V> {
    /// The version.
    pub tag: Tag,
    /// The value.
    pub value: Option<V>,
}

impl<V> Default for Tagged<V> {
    fn default() -> Self {
        Self { tag: Tag::default(), value: None }
    }
}

impl<V: Value> Tagged<V> {
    /// Takes `other` if it is the later version.
    fn adopt(&mut self, other: Self) {
        if other.tag > self.tag {
            *self = other;
        }
    }
}

/// The number of an operation of a client: answers to an earlier one are told apart by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationNumber(pub u64);

/// Its messages, in the order of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<V> {
    /// First phase, client to server: what have you got?
    Query(OperationNumber),
    /// Its answer.
    QueryReply(OperationNumber, Tagged<V>),
    /// Second phase, client to server: have this, if it is later than what you have got.
    Update(OperationNumber, Tagged<V>),
    /// Its answer.
    UpdateAck(OperationNumber),
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server<V> {
    /// The latest version it heard of.
    copy: Tagged<V>,
}

impl<V: Value> Process for Server<V> {
    type Model = Model;
    type Parameters = Parameters;
    type Request = RegisterRequest<V>;
    type Indication = RegisterReturn<V>;
    type Message = Message<V>;

    // upon event ⟨Init⟩
    fn on_init(_: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self { copy: Tagged::default() }
    }

    // a server is asked for nothing: who asks it all the same gets no answer
    fn on_request(&mut self, _: RegisterRequest<V>, _: &mut impl Context<Self>) {}

    // upon the receipt of a query, and of an update
    fn on_message(&mut self, client: ProcessId, message: Message<V>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Query(op) => ctx.send(client, Message::QueryReply(op, self.copy.clone())),
            Message::Update(op, tagged) => {
                self.copy.adopt(tagged);
                ctx.send(client, Message::UpdateAck(op));
            }
            Message::QueryReply(..) | Message::UpdateAck(_) => {} // answers are for clients
        }
    }

    no_timers!();
    no_storage!();
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client<V> {
    defect: Option<Defect>,
    /// The number of the current operation.
    operation: OperationNumber,
    /// How far the current operation is.
    phase: Phase<V>,
    /// What else it was asked.
    waiting: VecDeque<RegisterRequest<V>>,
}

/// How far an operation is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase<V> {
    /// There is none.
    Idle,
    /// First phase: who answered, and the latest version among the answers.
    Query { request: RegisterRequest<V>, heard: ProcessSet, latest: Tagged<V> },
    /// Second phase: who has it, and what the operation returns.
    Update { returns: RegisterReturn<V>, acks: ProcessSet },
}

impl<V: Value> Process for Client<V> {
    type Model = Model;
    type Parameters = Parameters;
    type Request = RegisterRequest<V>;
    type Indication = RegisterReturn<V>;
    type Message = Message<V>;
    const MARKS: &'static [&'static str] =
        &["asked meanwhile", "late query reply", "late acknowledgement", "of an earlier operation"];

    // upon event ⟨nnar, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self {
            defect: parameters.defect,
            operation: OperationNumber::default(),
            phase: Phase::Idle,
            waiting: VecDeque::new(),
        }
    }

    // upon event ⟨nnar, Read⟩, and upon event ⟨nnar, Write | v⟩
    fn on_request(&mut self, request: RegisterRequest<V>, ctx: &mut impl Context<Self>) {
        self.waiting.push_back(request);
        if self.phase == Phase::Idle {
            self.begin(ctx);
        } else {
            ctx.reach("asked meanwhile");
        }
    }

    fn on_message(&mut self, server: ProcessId, message: Message<V>, ctx: &mut impl Context<Self>) {
        match message {
            Message::QueryReply(op, tagged) if op == self.operation => {
                self.on_query_reply(server, tagged, ctx);
            }
            Message::UpdateAck(op) if op == self.operation => self.on_update_ack(server, ctx),
            _ => ctx.reach("of an earlier operation"), // or for servers
        }
    }

    no_timers!();
    no_storage!();
}

impl<V: Value> Client<V> {
    /// Begins the first phase of what waits longest.
    fn begin(&mut self, ctx: &mut impl Context<Self>) {
        self.phase = Phase::Idle;
        if let Some(request) = self.waiting.pop_front() {
            self.operation.0 += 1;
            self.phase = Phase::Query { request, heard: ProcessSet::new(), latest: Tagged::default() };
            ctx.broadcast(&Message::Query(self.operation));
        }
    }

    // upon receipt of [QUERY-REPLY, op, tag, v] from a majority of the servers
    fn on_query_reply(&mut self, server: ProcessId, tagged: Tagged<V>, ctx: &mut impl Context<Self>) {
        let Phase::Query { request, heard, latest } = &mut self.phase else {
            return ctx.reach("late query reply");
        };
        heard.insert(server);
        latest.adopt(tagged);
        if heard.len() < quorum(self.defect, ctx.group()) {
            return;
        }
        let latest = std::mem::take(latest);
        match request.clone() {
            RegisterRequest::Write(v) => {
                // Later than all that a majority has: so later than every write that is done.
                let tag = Tag { number: latest.tag.number + 1, writer: Some(ctx.me()) };
                self.update(Tagged { tag, value: Some(v) }, RegisterReturn::WriteReturn, ctx);
            }
            RegisterRequest::Read if self.defect == Some(Defect::NoWriteBack) => {
                ctx.indicate(RegisterReturn::ReadReturn(latest.value));
                self.begin(ctx);
            }
            RegisterRequest::Read => {
                // The write-back: its write may not be done, and who reads later must not find less.
                let returns = RegisterReturn::ReadReturn(latest.value.clone());
                self.update(latest, returns, ctx);
            }
        }
    }

    /// Begins the second phase.
    fn update(&mut self, tagged: Tagged<V>, returns: RegisterReturn<V>, ctx: &mut impl Context<Self>) {
        self.phase = Phase::Update { returns, acks: ProcessSet::new() };
        ctx.broadcast(&Message::Update(self.operation, tagged));
    }

    // upon receipt of [UPDATE-ACK, op] from a majority of the servers
    fn on_update_ack(&mut self, server: ProcessId, ctx: &mut impl Context<Self>) {
        let Phase::Update { returns, acks } = &mut self.phase else {
            return ctx.reach("late acknowledgement");
        };
        acks.insert(server);
        if acks.len() >= quorum(self.defect, ctx.group()) {
            ctx.indicate(returns.clone());
            self.begin(ctx);
        }
    }
}

/// How many servers a phase waits for: any two majorities meet, and one is correct.
fn quorum(defect: Option<Defect>, servers: Group) -> usize {
    if defect == Some(Defect::WaitsForAll) { servers.count as usize } else { servers.majority() }
}
