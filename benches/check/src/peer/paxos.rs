//! The Paxos world on stateright's API, written from the world's description.

use stateright::actor::{Actor, ActorModel, Envelope, Id, Network, Out};
use stateright::semantics::register::{Register, RegisterOp, RegisterRet};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};
use stateright::{Checker, Expectation, Model};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

const SERVERS: u64 = 3;

type Ballot = (u32, Id);
type Proposal = (u64, Id, char);
type Vote = Option<(Ballot, Proposal)>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Msg {
    Put(u64, char),
    Get(u64),
    PutOk(u64),
    GetOk(u64, char),
    Prepare(Ballot),
    Prepared(Ballot, Vote),
    Accept(Ballot, Proposal),
    Accepted(Ballot),
    Decided(Ballot, Proposal),
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    Server {
        ballot: Ballot,
        proposal: Option<Proposal>,
        prepares: BTreeMap<Id, Vote>,
        accepts: BTreeSet<Id>,
        accepted: Vote,
        decided: bool,
    },
    Client {
        awaits: Option<u64>,
        count: u64,
    },
}

#[derive(Clone)]
struct Node;

fn number(id: Id) -> u64 {
    usize::from(id) as u64
}

fn others(me: Id) -> Vec<Id> {
    (0..SERVERS as usize).map(Id::from).filter(|&p| p != me).collect()
}

impl Actor for Node {
    type Msg = Msg;
    type Timer = ();
    type State = State;
    type Storage = ();
    type Random = ();

    fn on_start(&self, me: Id, _: &Option<()>, out: &mut Out<Self>) -> State {
        let i = number(me);
        if i < SERVERS {
            return State::Server {
                ballot: (0, Id::from(0)),
                proposal: None,
                prepares: BTreeMap::new(),
                accepts: BTreeSet::new(),
                accepted: None,
                decided: false,
            };
        }
        let letter = char::from(b'A' + (i - SERVERS) as u8);
        out.send(Id::from((i % SERVERS) as usize), Msg::Put(i, letter));
        State::Client { awaits: Some(i), count: 1 }
    }

    fn on_msg(&self, me: Id, state: &mut Cow<'_, State>, from: Id, msg: Msg, out: &mut Out<Self>) {
        match &**state {
            State::Client { awaits, count } => match msg {
                Msg::PutOk(request) if *awaits == Some(request) => {
                    let (i, count) = (number(me), *count);
                    let next = (count + 1) * i;
                    out.send(Id::from(((i + count) % SERVERS) as usize), Msg::Get(next));
                    *state = Cow::Owned(State::Client { awaits: Some(next), count: count + 1 });
                }
                Msg::GetOk(request, _) if *awaits == Some(request) => {
                    *state = Cow::Owned(State::Client { awaits: None, count: count + 1 });
                }
                _ => {}
            },
            State::Server { .. } => on_server(me, state, from, msg, out),
        }
    }
}

fn on_server(me: Id, state: &mut Cow<'_, State>, from: Id, msg: Msg, out: &mut Out<Node>) {
    let State::Server { ballot: own, proposal: proposed, decided: done, accepted: vote, .. } = &**state
    else {
        return;
    };
    if *done {
        if let (Msg::Get(request), Some((_, (_, _, value)))) = (msg, vote) {
            out.send(from, Msg::GetOk(request, *value));
        }
        return;
    }
    let relevant = match &msg {
        Msg::Put(..) => proposed.is_none(),
        Msg::Prepare(b) => own < b,
        Msg::Prepared(b, _) | Msg::Accepted(b) => own == b,
        Msg::Accept(b, _) => own <= b,
        Msg::Decided(..) => true,
        _ => false,
    };
    if !relevant {
        return;
    }
    let State::Server { ballot, proposal, prepares, accepts, accepted, decided } = state.to_mut() else {
        return;
    };
    match msg {
        Msg::Put(request, value) => {
            *proposal = Some((request, from, value));
            accepts.clear();
            *ballot = (ballot.0 + 1, me);
            *prepares = BTreeMap::from([(me, *accepted)]);
            out.broadcast(&others(me), &Msg::Prepare(*ballot));
        }
        Msg::Prepare(b) => {
            *ballot = b;
            out.send(from, Msg::Prepared(b, *accepted));
        }
        Msg::Prepared(b, theirs) => {
            prepares.insert(from, theirs);
            if prepares.len() == 2 {
                let greatest = prepares.values().max().copied().flatten();
                let chosen = greatest.map(|(_, p)| p).or(*proposal).expect("its own");
                *proposal = Some(chosen);
                *accepted = Some((b, chosen));
                accepts.insert(me);
                out.broadcast(&others(me), &Msg::Accept(b, chosen));
            }
        }
        Msg::Accept(b, p) => {
            *ballot = b;
            *accepted = Some((b, p));
            out.send(from, Msg::Accepted(b));
        }
        Msg::Accepted(b) => {
            accepts.insert(from);
            if accepts.len() == 2 {
                *decided = true;
                let chosen = proposal.expect("it proposed");
                out.broadcast(&others(me), &Msg::Decided(b, chosen));
                out.send(chosen.1, Msg::PutOk(chosen.0));
            }
        }
        Msg::Decided(b, p) => {
            *ballot = b;
            *accepted = Some((b, p));
            *decided = true;
        }
        _ => {}
    }
}

type History = LinearizabilityTester<Id, Register<char>>;

fn invoked((): &(), history: &History, sent: Envelope<&Msg>) -> Option<History> {
    let op = match sent.msg {
        Msg::Put(_, value) => RegisterOp::Write(*value),
        Msg::Get(_) => RegisterOp::Read,
        _ => return None,
    };
    let mut history = history.clone();
    let _ = history.on_invoke(sent.src, op);
    Some(history)
}

fn returned((): &(), history: &History, got: Envelope<&Msg>) -> Option<History> {
    let result = match got.msg {
        Msg::PutOk(_) => RegisterRet::WriteOk,
        Msg::GetOk(_, value) => RegisterRet::ReadOk(*value),
        _ => return None,
    };
    let mut history = history.clone();
    let _ = history.on_return(got.dst, result);
    Some(history)
}

/// Explores breadth-first: distinct states.
pub fn explore(clients: u64, threads: usize) -> usize {
    ActorModel::new((), LinearizabilityTester::new(Register('?')))
        .actors((0..SERVERS + clients).map(|_| Node))
        .init_network(Network::new_unordered_nonduplicating([]))
        .property(Expectation::Always, "linearizable", |_, state| {
            state.history.serialized_history().is_some()
        })
        .property(Expectation::Sometimes, "a value is read", |_, state| {
            state.network.iter_deliverable().any(|e| matches!(e.msg, Msg::GetOk(_, value) if *value != '?'))
        })
        .record_msg_out(invoked)
        .record_msg_in(returned)
        .checker()
        .threads(threads)
        .spawn_bfs()
        .join()
        .unique_state_count()
}
