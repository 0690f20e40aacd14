//! The register of Attiya, Bar-Noy and Dolev (*Sharing memory robustly in message-passing systems*, JACM 42(1), 1995) with
//! many writers, whose exact size is known: servers that hold it together, clients that write and then read.
//!
//! Its size was published with another checker's example; here it is written anew as processes of ours. A server that is
//! busy ignores what another client asks of it, and nobody asks again. On links in order such a message is gone once it
//! arrived, or it would block what is behind it; without order an ignored delivery is no step (`links.ignored_stay`).

use crate::register_clients::{Ask, Client, Event, NOTHING};
use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;

/// (clock, writer).
type Stamp = (u64, ProcessId);
type Stamped = (Stamp, char);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Msg {
    Put(u64, char),
    PutOk(u64),
    Get(u64),
    GetOk(u64, char),
    Query(u64),
    Answer(u64, Stamped),
    Record(u64, Stamped),
    Recorded(u64),
}

impl Ask for Msg {
    fn put(request: u64, value: char) -> Self {
        Self::Put(request, value)
    }

    fn get(request: u64) -> Self {
        Self::Get(request)
    }
}

/// How far a server is with what a client asked of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    Idle,
    /// It asks a majority what they hold; `write` is what will be written.
    Querying {
        request: u64,
        client: ProcessId,
        write: Option<char>,
        answers: BTreeMap<ProcessId, Stamped>,
    },
    /// It has a majority record a value; `read` is what it will answer.
    Recording {
        request: u64,
        client: ProcessId,
        read: Option<char>,
        recorded: BTreeSet<ProcessId>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Server {
    held: Stamped,
    phase: Phase,
    servers: u32,
}

/// Servers and clients in one world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Server(Server),
    Client { client: Client, servers: u32 },
}

impl Process for Role {
    type Model = (Reliable, Fifo<Perfect>, Asynchronous);
    /// How many servers there are.
    type Parameters = u32;
    type Indication = Event;
    type Message = Msg;

    fn on_init(&servers: &u32, ctx: &mut impl Context<Self>) -> Self {
        let me = ctx.me();
        if me.0 < servers {
            return Self::Server(Server { held: ((0, me), NOTHING), phase: Phase::Idle, servers });
        }
        Self::Client { client: Client::start(servers, ctx), servers }
    }

    fn on_message(&mut self, from: ProcessId, message: Msg, ctx: &mut impl Context<Self>) {
        match self {
            Self::Server(server) => server.on_message(from, message, ctx),
            Self::Client { client, servers } => match message {
                Msg::PutOk(request) => client.on_put_ok(*servers, request, ctx),
                Msg::GetOk(request, value) => client.on_get_ok(request, value, ctx),
                _ => {}
            },
        }
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

impl Server {
    fn on_message(&mut self, from: ProcessId, message: Msg, ctx: &mut impl Context<Role>) {
        match message {
            Msg::Put(request, value) => self.on_asked(from, request, Some(value), ctx),
            Msg::Get(request) => self.on_asked(from, request, None, ctx),
            Msg::Query(request) => ctx.send(from, Msg::Answer(request, self.held)),
            Msg::Answer(request, theirs) => self.on_answer(from, request, theirs, ctx),
            Msg::Record(request, offered) => {
                self.keep(offered);
                ctx.send(from, Msg::Recorded(request));
            }
            Msg::Recorded(request) => self.on_recorded(from, request, ctx),
            Msg::PutOk(_) | Msg::GetOk(..) => {}
        }
    }

    fn majority(&self) -> usize {
        self.servers as usize / 2 + 1
    }

    fn keep(&mut self, offered: Stamped) {
        if offered.0 > self.held.0 {
            self.held = offered;
        }
    }

    fn on_asked(
        &mut self,
        client: ProcessId,
        request: u64,
        write: Option<char>,
        ctx: &mut impl Context<Role>,
    ) {
        if self.phase != Phase::Idle {
            return;
        }
        let answers = BTreeMap::from([(ctx.me(), self.held)]);
        self.phase = Phase::Querying { request, client, write, answers };
        self.tell_others(&Msg::Query(request), ctx);
    }

    fn on_answer(&mut self, from: ProcessId, of: u64, theirs: Stamped, ctx: &mut impl Context<Role>) {
        let majority = self.majority();
        let Phase::Querying { request, client, write, answers } = &mut self.phase else { return };
        if of != *request {
            return;
        }
        answers.insert(from, theirs);
        if answers.len() < majority {
            return;
        }
        // the greatest stamp that a majority knows: every write that ended before is among them
        let greatest = answers.values().max().copied().expect("a majority is not empty");
        let ((clock, _), value) = greatest;
        let (chosen, read) = match *write {
            Some(written) => (((clock + 1, ctx.me()), written), None),
            None => (greatest, Some(value)),
        };
        let (request, client, recorded) = (*request, *client, BTreeSet::from([ctx.me()]));
        self.phase = Phase::Recording { request, client, read, recorded };
        self.keep(chosen);
        self.tell_others(&Msg::Record(request, chosen), ctx);
    }

    fn on_recorded(&mut self, from: ProcessId, of: u64, ctx: &mut impl Context<Role>) {
        let majority = self.majority();
        let Phase::Recording { request, client, read, recorded } = &mut self.phase else { return };
        if of != *request {
            return;
        }
        recorded.insert(from);
        if recorded.len() < majority {
            return;
        }
        ctx.send(*client, read.map_or(Msg::PutOk(of), |value| Msg::GetOk(of, value)));
        self.phase = Phase::Idle;
    }

    fn tell_others(&self, message: &Msg, ctx: &mut impl Context<Role>) {
        let me = ctx.me();
        for to in (0..self.servers).map(ProcessId).filter(|&p| p != me) {
            ctx.send(to, *message);
        }
    }
}

/// The world with this many servers and clients, on links in order or not.
pub(crate) fn setting(servers: u32, clients: u32, fifo: bool) -> Setting<Role> {
    let mut environment = Environment::benign(servers + clients);
    environment.links.kind.fifo = fifo;
    environment.links.ignored_stay = !fifo;
    Setting::new(environment, servers, Vec::new())
}
