//! The register of Attiya, Bar-Noy and Dolev (*Sharing memory robustly in message-passing systems*, JACM 42(1), 1995) with
//! many writers, on stateright's API: three servers, clients that each write once and then read, links in order.

use stateright::actor::register::{RegisterActor, RegisterMsg};
use stateright::actor::{Actor, ActorModel, Id, Network, Out};
use stateright::semantics::LinearizabilityTester;
use stateright::semantics::register::Register;
use stateright::{Checker, Expectation, Model};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

const SERVERS: usize = 3;
const MAJORITY: usize = 2;

type Request = u64;
/// (clock, writer).
type Stamp = (u64, Id);
type Stamped = (Stamp, char);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Msg {
    Query(Request),
    Answer(Request, Stamped),
    Record(Request, Stamped),
    Recorded(Request),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Query { request: Request, client: Id, write: Option<char>, answers: BTreeMap<Id, Stamped> },
    Record { request: Request, client: Id, read: Option<char>, recorded: BTreeSet<Id> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    held: Stamped,
    phase: Option<Phase>,
}

impl Server {
    fn keep(&mut self, offered: Stamped) {
        if offered.0 > self.held.0 {
            self.held = offered;
        }
    }

    /// A majority has answered: its greatest value is recorded, or the one to be written under a greater stamp.
    fn record(&mut self, me: Id, out: &mut Out<Replica>) {
        let Some(Phase::Query { request, client, write, answers }) = self.phase.take() else { return };
        let (stamp, value) = answers.into_values().max_by_key(|(stamp, _)| *stamp).expect("a majority");
        let chosen = write.map_or((stamp, value), |written| ((stamp.0 + 1, me), written));
        out.broadcast(&others(me), &RegisterMsg::Internal(Msg::Record(request, chosen)));
        self.keep(chosen);
        let read = if write.is_some() { None } else { Some(value) };
        self.phase = Some(Phase::Record { request, client, read, recorded: BTreeSet::from([me]) });
    }
}

#[derive(Clone)]
struct Replica;

fn others(me: Id) -> Vec<Id> {
    (0..SERVERS).map(Id::from).filter(|&p| p != me).collect()
}

type Message = RegisterMsg<Request, char, Msg>;

impl Actor for Replica {
    type Msg = Message;
    type Timer = ();
    type State = Server;
    type Storage = ();
    type Random = ();

    fn on_start(&self, me: Id, _: &Option<()>, _: &mut Out<Self>) -> Server {
        Server { held: ((0, me), '?'), phase: None }
    }

    fn on_msg(&self, me: Id, state: &mut Cow<'_, Server>, from: Id, msg: Message, out: &mut Out<Self>) {
        match msg {
            RegisterMsg::Put(request, value) => begin(me, state, from, (request, Some(value)), out),
            RegisterMsg::Get(request) => begin(me, state, from, (request, None), out),
            RegisterMsg::Internal(msg) => on_internal(me, state, from, msg, out),
            _ => {}
        }
    }
}

fn begin(
    me: Id,
    state: &mut Cow<'_, Server>,
    client: Id,
    (request, write): (Request, Option<char>),
    out: &mut Out<Replica>,
) {
    if state.phase.is_some() {
        return;
    }
    out.broadcast(&others(me), &RegisterMsg::Internal(Msg::Query(request)));
    let answers = BTreeMap::from([(me, state.held)]);
    state.to_mut().phase = Some(Phase::Query { request, client, write, answers });
}

fn on_internal(me: Id, state: &mut Cow<'_, Server>, from: Id, msg: Msg, out: &mut Out<Replica>) {
    match (msg, &state.phase) {
        (Msg::Query(request), _) => {
            out.send(from, RegisterMsg::Internal(Msg::Answer(request, state.held)));
        }
        (Msg::Record(request, offered), _) => {
            out.send(from, RegisterMsg::Internal(Msg::Recorded(request)));
            if offered.0 > state.held.0 {
                state.to_mut().keep(offered);
            }
        }
        (Msg::Answer(of, theirs), Some(Phase::Query { request, .. })) if of == *request => {
            let server = state.to_mut();
            let Some(Phase::Query { answers, .. }) = &mut server.phase else { return };
            answers.insert(from, theirs);
            if answers.len() == MAJORITY {
                server.record(me, out);
            }
        }
        (Msg::Recorded(of), Some(Phase::Record { request, recorded, .. }))
            if of == *request && !recorded.contains(&from) =>
        {
            let server = state.to_mut();
            let Some(Phase::Record { client, read, recorded, .. }) = &mut server.phase else { return };
            recorded.insert(from);
            if recorded.len() == MAJORITY {
                out.send(*client, read.map_or(RegisterMsg::PutOk(of), |value| RegisterMsg::GetOk(of, value)));
                server.phase = None;
            }
        }
        _ => {}
    }
}

/// Explores breadth-first: distinct states.
pub fn explore(clients: usize, threads: usize) -> usize {
    ActorModel::new((), LinearizabilityTester::new(Register('?')))
        .actors((0..SERVERS).map(|_| RegisterActor::Server(Replica)))
        .actors((0..clients).map(|_| RegisterActor::Client { put_count: 1, server_count: SERVERS }))
        .init_network(Network::new_ordered([]))
        .property(Expectation::Always, "linearizable", |_, state| {
            state.history.serialized_history().is_some()
        })
        .property(Expectation::Sometimes, "a value is read", |_, state| {
            let mut messages = state.network.iter_deliverable();
            messages.any(|e| matches!(e.msg, RegisterMsg::GetOk(_, value) if *value != '?'))
        })
        .record_msg_in(RegisterMsg::record_returns)
        .record_msg_out(RegisterMsg::record_invocations)
        .checker()
        .threads(threads)
        .spawn_bfs()
        .join()
        .unique_state_count()
}
