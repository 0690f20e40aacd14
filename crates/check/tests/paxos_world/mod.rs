//! The Paxos world whose exact size is known: three servers that agree on one write, clients that write and then read.
//!
//! Its size was published with another checker's example; here it is written anew as processes of ours. A delivery that
//! its receiver ignores is no step of it (`links.ignored_stay`).

use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;

use crate::register_clients::{Ask, Client, Event};

const SERVERS: u32 = 3;

/// (round, server).
type Ballot = (u32, ProcessId);
/// (request, client, value).
type Proposal = (u64, ProcessId, char);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Msg {
    Put(u64, char),
    Get(u64),
    PutOk(u64),
    GetOk(u64, char),
    Prepare(Ballot),
    Prepared(Ballot, Option<(Ballot, Proposal)>),
    Accept(Ballot, Proposal),
    Accepted(Ballot),
    Decided(Ballot, Proposal),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Server {
    ballot: Ballot,
    proposal: Option<Proposal>,
    prepares: BTreeMap<ProcessId, Option<(Ballot, Proposal)>>,
    accepts: BTreeSet<ProcessId>,
    accepted: Option<(Ballot, Proposal)>,
    decided: bool,
}

/// Servers and clients in one world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Server(Server),
    Client(Client),
}

impl Ask for Msg {
    fn put(request: u64, value: char) -> Self {
        Self::Put(request, value)
    }

    fn get(request: u64) -> Self {
        Self::Get(request)
    }
}

fn servers_but(me: ProcessId) -> impl Iterator<Item = ProcessId> {
    (0..SERVERS).map(ProcessId).filter(move |&p| p != me)
}

impl Process for Role {
    type Model = (Reliable, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = Event;
    type Message = Msg;

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let me = ctx.me();
        if me.0 < SERVERS {
            return Self::Server(Server {
                ballot: (0, ProcessId(0)),
                proposal: None,
                prepares: BTreeMap::new(),
                accepts: BTreeSet::new(),
                accepted: None,
                decided: false,
            });
        }
        Self::Client(Client::start(SERVERS, ctx))
    }

    fn on_message(&mut self, from: ProcessId, message: Msg, ctx: &mut impl Context<Self>) {
        match self {
            Self::Server(server) => server.on_message(from, message, ctx),
            Self::Client(client) => match message {
                Msg::PutOk(request) => client.on_put_ok(SERVERS, request, ctx),
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
        let me = ctx.me();
        if self.decided {
            if let (Msg::Get(request), Some((_, (_, _, value)))) = (message, self.accepted) {
                ctx.send(from, Msg::GetOk(request, value));
            }
            return;
        }
        match message {
            Msg::Put(request, value) if self.proposal.is_none() => {
                self.proposal = Some((request, from, value));
                self.accepts.clear();
                self.ballot = (self.ballot.0 + 1, me);
                self.prepares = BTreeMap::from([(me, self.accepted)]);
                tell_others(&Msg::Prepare(self.ballot), ctx);
            }
            Msg::Prepare(ballot) if self.ballot < ballot => {
                self.ballot = ballot;
                ctx.send(from, Msg::Prepared(ballot, self.accepted));
            }
            Msg::Prepared(ballot, accepted) if ballot == self.ballot => {
                self.prepares.insert(from, accepted);
                if self.prepares.len() == 2 {
                    let greatest = self.prepares.values().max().copied().flatten();
                    let proposal = greatest.map(|(_, p)| p).or(self.proposal).expect("its own, at least");
                    self.proposal = Some(proposal);
                    self.accepted = Some((ballot, proposal));
                    self.accepts.insert(me);
                    tell_others(&Msg::Accept(ballot, proposal), ctx);
                }
            }
            Msg::Accept(ballot, proposal) if self.ballot <= ballot => {
                self.ballot = ballot;
                self.accepted = Some((ballot, proposal));
                ctx.send(from, Msg::Accepted(ballot));
            }
            Msg::Accepted(ballot) if ballot == self.ballot => {
                self.accepts.insert(from);
                if self.accepts.len() == 2 {
                    self.decided = true;
                    let proposal = self.proposal.expect("it proposed");
                    tell_others(&Msg::Decided(ballot, proposal), ctx);
                    ctx.send(proposal.1, Msg::PutOk(proposal.0));
                }
            }
            Msg::Decided(ballot, proposal) => {
                self.ballot = ballot;
                self.accepted = Some((ballot, proposal));
                self.decided = true;
            }
            _ => {}
        }
    }
}

fn tell_others(message: &Msg, ctx: &mut impl Context<Role>) {
    for to in servers_but(ctx.me()) {
        ctx.send(to, message.clone());
    }
}

/// The world with this many clients.
pub(crate) fn setting(clients: u32) -> Setting<Role> {
    let mut environment = Environment::benign(SERVERS + clients);
    environment.links.ignored_stay = true;
    Setting::new(environment, (), Vec::new())
}
