//! The Paxos world whose exact size is known: three servers that agree on one write, clients that write and then read.
//!
//! Its size was published with another checker's example; here it is written anew as processes of ours. A delivery that
//! its receiver ignores is no step of it (`links.ignored_stay`).

use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Violation};

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

/// What a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Event {
    Writes(char),
    Wrote,
    Reads,
    Read(char),
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Client {
    awaits: Option<u64>,
    count: u64,
}

/// Servers and clients in one world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Server(Server),
    Client(Client),
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
        let letter = letter(me);
        ctx.send(ProcessId(me.0 % SERVERS), Msg::Put(u64::from(me.0), letter));
        ctx.indicate(Event::Writes(letter));
        Self::Client(Client { awaits: Some(u64::from(me.0)), count: 1 })
    }

    fn on_message(&mut self, from: ProcessId, message: Msg, ctx: &mut impl Context<Self>) {
        match self {
            Self::Server(server) => server.on_message(from, message, ctx),
            Self::Client(client) => client.on_message(message, ctx),
        }
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

fn letter(client: ProcessId) -> char {
    char::from(b'A' + (client.0 - SERVERS) as u8)
}

impl Client {
    fn on_message(&mut self, message: Msg, ctx: &mut impl Context<Role>) {
        let me = u64::from(ctx.me().0);
        match message {
            Msg::PutOk(request) if self.awaits == Some(request) => {
                ctx.indicate(Event::Wrote);
                let next = (self.count + 1) * me;
                ctx.send(ProcessId(((me + self.count) % u64::from(SERVERS)) as u32), Msg::Get(next));
                ctx.indicate(Event::Reads);
                self.awaits = Some(next);
                self.count += 1;
            }
            Msg::GetOk(request, value) if self.awaits == Some(request) => {
                ctx.indicate(Event::Read(value));
                self.awaits = None;
                self.count += 1;
            }
            _ => {}
        }
    }
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Op {
    Write(char),
    Read(Option<char>),
}

/// An operation, with the index of the last operation that each other client had completed when it was invoked.
type Invoked = (BTreeMap<ProcessId, usize>, Op);

/// The history of all clients, part of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct History {
    completed: BTreeMap<ProcessId, Vec<Invoked>>,
    in_flight: BTreeMap<ProcessId, Invoked>,
}

const LINEARIZABLE: Property = Property::safety("LIN", "linearizable");
const READ: Property = Property::reachable("READ", "a value is read");

impl History {
    fn invoke(&mut self, at: ProcessId, op: Op) {
        let seen = self
            .completed
            .iter()
            .filter(|(c, done)| **c != at && !done.is_empty())
            .map(|(c, done)| (*c, done.len() - 1))
            .collect();
        self.in_flight.insert(at, (seen, op));
    }

    fn complete(&mut self, at: ProcessId, read: Option<char>) {
        let (seen, op) = self.in_flight.remove(&at).expect("what returns was invoked");
        let op = if let Op::Read(_) = op { Op::Read(read) } else { op };
        self.completed.entry(at).or_default().push((seen, op));
    }

    /// Whether some order of the operations that respects real time explains all reads; pending ones may be left out.
    fn is_linearizable(&self) -> bool {
        let mut queues: BTreeMap<ProcessId, Vec<(Invoked, bool)>> = BTreeMap::new();
        for (client, done) in &self.completed {
            queues.entry(*client).or_default().extend(done.iter().cloned().map(|o| (o, true)));
        }
        for (client, pending) in &self.in_flight {
            queues.entry(*client).or_default().push((pending.clone(), false));
        }
        let taken: BTreeMap<_, _> = queues.keys().map(|c| (*c, 0)).collect();
        explains(&queues, &taken, '?')
    }
}

fn explains(
    queues: &BTreeMap<ProcessId, Vec<(Invoked, bool)>>,
    taken: &BTreeMap<ProcessId, usize>,
    value: char,
) -> bool {
    let left = |c: &ProcessId| queues[c].get(taken[c]);
    if queues.keys().all(|c| left(c).is_none_or(|(_, completed)| !completed)) {
        return true;
    }
    queues.keys().any(|client| {
        let Some(((seen, op), completed)) = left(client) else { return false };
        if seen.iter().any(|(other, last)| taken[other] <= *last) {
            return false;
        }
        let after = match op {
            Op::Write(v) => *v,
            Op::Read(Some(v)) if *v != value => return false,
            Op::Read(None) if *completed => return false,
            Op::Read(_) => value,
        };
        let mut next = taken.clone();
        *next.get_mut(client).expect("a client") += 1;
        explains(queues, &next, after)
    })
}

impl Monitor<Never, Event> for History {
    fn properties(&self) -> Vec<Property> {
        vec![LINEARIZABLE, READ]
    }

    fn observe(&mut self, observation: &Observation<'_, Never, Event>) -> Result<(), Violation> {
        let Observation::Indication { at, indication } = *observation else { return Ok(()) };
        match *indication {
            Event::Writes(value) => self.invoke(at, Op::Write(value)),
            Event::Reads => self.invoke(at, Op::Read(None)),
            Event::Wrote => self.complete(at, None),
            Event::Read(value) => self.complete(at, Some(value)),
        }
        match indication {
            Event::Wrote | Event::Read(_) if !self.is_linearizable() => {
                Err(Violation::new(&LINEARIZABLE, format!("no order explains {self:?}")))
            }
            _ => Ok(()),
        }
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        let read = |(_, op): &Invoked| matches!(op, Op::Read(Some(_)));
        if self.completed.values().flatten().any(read) {
            reach(READ.id);
        }
    }
}

/// The world with this many clients.
pub(crate) fn setting(clients: u32) -> Setting<Role> {
    let mut environment = Environment::benign(SERVERS + clients);
    environment.links.ignored_stay = true;
    Setting::new(environment, (), Vec::new())
}
