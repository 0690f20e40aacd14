//! Clients of a register, each of which writes once and then reads once, and the history of what they did, judged in every
//! state: what the worlds of servers whose exact sizes are known have in common.

use std::collections::BTreeMap;
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Violation};

/// What a register holds before anything is written.
pub(crate) const NOTHING: char = '?';

/// What a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Event {
    Writes(char),
    Wrote,
    Reads,
    Read(char),
}

/// What a client awaits, and how many requests it has made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Client {
    awaits: Option<u64>,
    count: u64,
}

/// Messages with which clients ask.
pub(crate) trait Ask {
    fn put(request: u64, value: char) -> Self;
    fn get(request: u64) -> Self;
}

/// The letter that a client writes.
fn letter(client: ProcessId, servers: u32) -> char {
    char::from(b'A' + (client.0 - servers) as u8)
}

impl Client {
    /// It writes. The servers come before the clients.
    pub(crate) fn start<P>(servers: u32, ctx: &mut impl Context<P>) -> Self
    where
        P: Process<Indication = Event, Message: Ask>,
    {
        let me = ctx.me();
        let (request, letter) = (u64::from(me.0), letter(me, servers));
        ctx.send(ProcessId(me.0 % servers), P::Message::put(request, letter));
        ctx.indicate(Event::Writes(letter));
        Self { awaits: Some(request), count: 1 }
    }

    /// It has written: it reads, from another server.
    pub(crate) fn on_put_ok<P>(&mut self, servers: u32, request: u64, ctx: &mut impl Context<P>)
    where
        P: Process<Indication = Event, Message: Ask>,
    {
        if self.awaits != Some(request) {
            return;
        }
        ctx.indicate(Event::Wrote);
        let me = u64::from(ctx.me().0);
        let next = (self.count + 1) * me;
        let server = (me + self.count) % u64::from(servers);
        ctx.send(ProcessId(server as u32), P::Message::get(next));
        ctx.indicate(Event::Reads);
        self.awaits = Some(next);
        self.count += 1;
    }

    /// It has read, and is done.
    pub(crate) fn on_get_ok<P>(&mut self, request: u64, value: char, ctx: &mut impl Context<P>)
    where
        P: Process<Indication = Event>,
    {
        if self.awaits != Some(request) {
            return;
        }
        ctx.indicate(Event::Read(value));
        self.awaits = None;
        self.count += 1;
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
        explains(&queues, &taken, NOTHING)
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
        let read = |(_, op): &Invoked| matches!(op, Op::Read(Some(value)) if *value != NOTHING);
        if self.completed.values().flatten().any(read) {
            reach(READ.id);
        }
    }
}
