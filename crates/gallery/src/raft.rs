//! Raft: a leader per term, a log that grows at the leader and is copied, entries committed by majorities.
//!
//! # Source
//! D. Ongaro, J. Ousterhout, *In search of an understandable consensus algorithm*, USENIX ATC 2014; J. Vanlightly's
//! specification Raft, made for model checking.
//!
//! # States and steps
//! As in the paper, but with these choices of the specification. A server times out, votes for itself and asks all others in
//! one step. A leader has at most one request to append under way to each other server, with at most one entry. A message
//! received stays known as one that was sent: an empty request to append, and a request for votes, are never sent twice.
//! Messages are neither lost nor duplicated by the network. Each value is submitted once.
//!
//! # Claims
//! RF1 election safety: at most one leader in a term. RF2 logs agree as far as both are committed. RF3 leader
//! completeness: the leader of the highest term has every acknowledged value. RF4 what a leader has committed is held by
//! a majority. RF4 is refuted with three elections, or two and a restart: the rejection of a request from an earlier term carries the present
//! one, so that the leader takes it for the answer that it awaits, and sends the next request while one is under way; if
//! that one was empty and is received last, the follower cuts off what it has appended.
//!
//! # Departures from the source
//! None. Elections and restarts are bounded by constants, and counted in the state.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, Unreached, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use synod_check::system::{Claim, Says, System};

/// The most servers.
const SERVERS_MAX: usize = 3;
/// The most values.
const VALUES_MAX: usize = 3;

/// The system.
#[derive(Clone, Debug)]
pub struct Raft {
    servers: usize,
    values: usize,
    elections: u8,
    restarts: u8,
    /// The twin: a server votes again in a term in which it has voted.
    broken: bool,
}

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It leads.
    Leader,
}

/// An entry of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    term: u8,
    value: u8,
}

/// A log: each value is in it once at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log([Option<Entry>; VALUES_MAX]);

impl Log {
    /// The entry at an index, from 1.
    fn get(&self, index: u8) -> Option<Entry> {
        *self.0.get(usize::from(index).checked_sub(1)?)?
    }

    /// The term of the entry at an index, or 0.
    fn term(&self, index: u8) -> u8 {
        self.get(index).map_or(0, |entry| entry.term)
    }

    fn len(&self) -> u8 {
        self.0.iter().flatten().count() as u8
    }

    fn last_term(&self) -> u8 {
        self.term(self.len())
    }

    /// Its first entries, then this one.
    fn with(&self, first: u8, entry: Option<Entry>) -> Self {
        let mut log = Self::default();
        let first = usize::from(first);
        log.0[..first].copy_from_slice(&self.0[..first]);
        if entry.is_some() {
            log.0[first] = entry;
        }
        log
    }
}

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    current_term: u8,
    role: Role,
    voted_for: Option<u8>,
    log: Log,
    commit_index: u8,
    votes_granted: Set,
    next_index: [u8; SERVERS_MAX],
    match_index: [u8; SERVERS_MAX],
    /// From whom it awaits an answer to a request to append.
    pending_response: Set,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Message {
    source: u8,
    destination: u8,
    term: u8,
    body: Body,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Body {
    /// A request for a vote.
    RequestVote {
        /// The last term of the candidate's log.
        last_log_term: u8,
        /// Its length.
        last_log_index: u8,
    },
    /// The answer.
    Vote {
        /// Whether it is given.
        granted: bool,
    },
    /// A request to append.
    AppendEntries {
        /// The index before the entry.
        prev_log_index: u8,
        /// The term there.
        prev_log_term: u8,
        /// The entry, if there is one.
        entry: Option<Entry>,
        /// The leader's commit index, as far as the request goes.
        leader_commit: u8,
    },
    /// The answer.
    Appended {
        /// Whether it has been done.
        success: bool,
        /// Up to which index the logs agree.
        match_index: u8,
    },
}

/// Whether a value has been submitted, and acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Submitted {
    /// Not submitted.
    No,
    /// Submitted.
    Pending,
    /// Acknowledged.
    Acknowledged,
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    servers: [Server; SERVERS_MAX],
    /// Every message ever sent, in order, with how many copies are under way.
    messages: Vec<(Message, u8)>,
    submitted: [Submitted; VALUES_MAX],
    elections: u8,
    restarts: u8,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// A server restarts.
    Restart(usize),
    /// A server times out.
    RequestVote(usize),
    /// A candidate has a majority.
    BecomeLeader(usize),
    /// A leader takes a value from a client.
    ClientRequest(usize, u8),
    /// A leader advances its commit index.
    AdvanceCommitIndex(usize),
    /// A leader asks another server to append.
    AppendEntries(usize, usize),
    /// A server sees a higher term in a message.
    UpdateTerm(Message),
    /// A server receives a message.
    Receive(Message),
}

impl Message {
    const fn to(&self) -> usize {
        self.destination as usize
    }

    const fn from(&self) -> usize {
        self.source as usize
    }

    /// The answer to it.
    const fn answer(&self, term: u8, body: Body) -> Self {
        Self { source: self.destination, destination: self.source, term, body }
    }
}

impl State {
    fn was_sent(&self, message: &Message) -> bool {
        self.messages.binary_search_by(|(sent, _)| sent.cmp(message)).is_ok()
    }

    fn send(&mut self, message: Message) {
        match self.messages.binary_search_by(|(sent, _)| sent.cmp(&message)) {
            Ok(at) => self.messages[at].1 += 1,
            Err(at) => self.messages.insert(at, (message, 1)),
        }
    }

    /// One copy of the message is no longer under way.
    fn discard(&mut self, message: &Message) {
        let at = self.messages.binary_search_by(|(sent, _)| sent.cmp(message));
        self.messages[at.expect("a message that is received was sent")].1 -= 1;
    }
}

impl Raft {
    fn is_majority(&self, count: usize) -> bool {
        2 * count > self.servers
    }

    fn others(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        Set::all(self.servers).without(i).iter()
    }

    fn restart(&self, state: &State, i: usize) -> Option<State> {
        let mut next = (state.restarts < self.restarts).then(|| state.clone())?;
        let server = &mut next.servers[i];
        *server = Server {
            current_term: server.current_term,
            voted_for: server.voted_for,
            log: server.log,
            ..self.new_server()
        };
        next.restarts += 1;
        Some(next)
    }

    fn request_vote(&self, state: &State, i: usize) -> Option<State> {
        let server = &state.servers[i];
        if state.elections == self.elections || server.role == Role::Leader {
            return None;
        }
        let term = server.current_term + 1;
        let (last_log_term, last_log_index) = (server.log.last_term(), server.log.len());
        let body = Body::RequestVote { last_log_term, last_log_index };
        let request = |j: usize| Message { source: i as u8, destination: j as u8, term, body };
        if self.others(i).any(|j| state.was_sent(&request(j))) {
            return None;
        }
        let mut next = state.clone();
        self.others(i).for_each(|j| next.send(request(j)));
        let server = &mut next.servers[i];
        (server.role, server.current_term) = (Role::Candidate, term);
        (server.voted_for, server.votes_granted) = (Some(i as u8), Set::only(i));
        next.elections += 1;
        Some(next)
    }

    fn become_leader(&self, state: &State, i: usize) -> Option<State> {
        let server = &state.servers[i];
        if server.role != Role::Candidate || !self.is_majority(server.votes_granted.len()) {
            return None;
        }
        let mut next = state.clone();
        let server = &mut next.servers[i];
        server.role = Role::Leader;
        server.next_index[..self.servers].fill(server.log.len() + 1);
        server.match_index = [0; SERVERS_MAX];
        server.pending_response = Set::EMPTY;
        Some(next)
    }

    fn client_request(state: &State, i: usize, value: u8) -> Option<State> {
        let server = &state.servers[i];
        if server.role != Role::Leader || state.submitted[usize::from(value)] != Submitted::No {
            return None;
        }
        let mut next = state.clone();
        next.submitted[usize::from(value)] = Submitted::Pending;
        let entry = Entry { term: server.current_term, value };
        next.servers[i].log = server.log.with(server.log.len(), Some(entry));
        Some(next)
    }

    fn advance_commit_index(&self, state: &State, i: usize) -> Option<State> {
        let server = &state.servers[i];
        let holders = |index: u8| 1 + self.others(i).filter(|&j| server.match_index[j] >= index).count();
        let agreed = (1..=server.log.len()).rev().find(|&index| self.is_majority(holders(index)))?;
        let current = server.log.term(agreed) == server.current_term;
        if server.role != Role::Leader || !current || agreed <= server.commit_index {
            return None;
        }
        let mut next = state.clone();
        next.servers[i].commit_index = agreed;
        for entry in (server.commit_index + 1..=agreed).filter_map(|index| server.log.get(index)) {
            let submitted = &mut next.submitted[usize::from(entry.value)];
            *submitted = (*submitted).max(Submitted::Acknowledged);
        }
        Some(next)
    }

    fn append_entries(state: &State, i: usize, j: usize) -> Option<State> {
        let server = &state.servers[i];
        if server.role != Role::Leader || server.pending_response.has(j) {
            return None;
        }
        let index = server.next_index[j];
        let (prev_log_index, entry) = (index - 1, server.log.get(index));
        let body = Body::AppendEntries {
            prev_log_index,
            prev_log_term: server.log.term(prev_log_index),
            entry,
            leader_commit: server.commit_index.min(index.min(server.log.len())),
        };
        let term = server.current_term;
        let message = Message { source: i as u8, destination: j as u8, term, body };
        if entry.is_none() && state.was_sent(&message) {
            return None;
        }
        let mut next = state.clone();
        next.servers[i].pending_response = server.pending_response.with(j);
        next.send(message);
        Some(next)
    }

    fn update_term(state: &State, message: &Message) -> Option<State> {
        let server = &state.servers[message.to()];
        let mut next = (message.term > server.current_term).then(|| state.clone())?;
        let server = &mut next.servers[message.to()];
        (server.current_term, server.role, server.voted_for) = (message.term, Role::Follower, None);
        Some(next)
    }

    fn receive(&self, state: &State, message: &Message) -> Option<State> {
        let mut next = state.clone();
        next.discard(message);
        let (server, from) = (&mut next.servers[message.to()], message.from());
        let own = server.current_term;
        let order = message.term.cmp(&own);
        let answer = match message.body {
            Body::RequestVote { last_log_term, last_log_index } if order != Ordering::Greater => {
                let log_ok = (last_log_term, last_log_index) >= (server.log.last_term(), server.log.len());
                let free = server.voted_for.is_none_or(|voted| usize::from(voted) == from);
                let granted = order == Ordering::Equal && log_ok && (free || self.broken);
                if granted {
                    server.voted_for = Some(message.source);
                }
                Some(Body::Vote { granted })
            }
            Body::Vote { granted } if order == Ordering::Equal => {
                if granted {
                    server.votes_granted = server.votes_granted.with(from);
                }
                None
            }
            Body::AppendEntries { prev_log_index, prev_log_term, entry, leader_commit } => {
                let exists = prev_log_index <= server.log.len();
                let log_ok =
                    prev_log_index == 0 || (exists && prev_log_term == server.log.term(prev_log_index));
                match (order, log_ok, server.role) {
                    (Ordering::Less, ..) | (Ordering::Equal, false, Role::Follower) => {
                        Some(Body::Appended { success: false, match_index: 0 })
                    }
                    (Ordering::Equal, true, Role::Follower | Role::Candidate) => {
                        server.role = Role::Follower;
                        server.commit_index = leader_commit;
                        server.log = server.log.with(prev_log_index, entry);
                        let match_index = prev_log_index + u8::from(entry.is_some());
                        Some(Body::Appended { success: true, match_index })
                    }
                    _ => return None,
                }
            }
            Body::Appended { success, match_index } if order == Ordering::Equal => {
                if success {
                    server.next_index[from] = match_index + 1;
                    server.match_index[from] = match_index;
                } else {
                    server.next_index[from] = (server.next_index[from] - 1).max(1);
                }
                server.pending_response = server.pending_response.without(from);
                None
            }
            _ => return None,
        };
        if let Some(body) = answer {
            next.send(message.answer(own, body));
        }
        Some(next)
    }

    fn new_server(&self) -> Server {
        let mut next_index = [0; SERVERS_MAX];
        next_index[..self.servers].fill(1);
        Server {
            current_term: 1,
            role: Role::Follower,
            voted_for: None,
            log: Log::default(),
            commit_index: 0,
            votes_granted: Set::EMPTY,
            next_index,
            match_index: [0; SERVERS_MAX],
            pending_response: Set::EMPTY,
        }
    }

    fn leaders<'a>(&self, state: &'a State) -> impl Iterator<Item = &'a Server> {
        state.servers[..self.servers].iter().filter(|server| server.role == Role::Leader)
    }

    /// Election safety.
    fn one_leader_a_term(&self, state: &State) -> bool {
        self.leaders(state).all(|one| {
            self.leaders(state).filter(|other| other.current_term == one.current_term).count() == 1
        })
    }

    fn committed_logs_agree(&self, state: &State) -> bool {
        let servers = &state.servers[..self.servers];
        servers.iter().all(|one| {
            servers.iter().all(|other| {
                let both = one.commit_index.min(other.commit_index);
                (1..=both).all(|index| one.log.get(index) == other.log.get(index))
            })
        })
    }

    fn newest_leader_has_what_is_acknowledged(&self, state: &State) -> bool {
        let newest = state.servers.iter().map(|server| server.current_term).max();
        let newest = self.leaders(state).filter(|server| Some(server.current_term) == newest);
        let acknowledged = |value: &u8| state.submitted[usize::from(*value)] == Submitted::Acknowledged;
        newest.into_iter().all(|leader| {
            let has = |value: u8| leader.log.0.iter().flatten().any(|entry| entry.value == value);
            (0..self.values as u8).filter(acknowledged).all(has)
        })
    }

    fn a_majority_has_what_is_committed(&self, state: &State) -> bool {
        let mut committed = self.leaders(state).filter(|leader| leader.commit_index > 0).peekable();
        committed.peek().is_none()
            || committed.any(|leader| {
                let entry = leader.log.get(leader.commit_index);
                let holds = |server: &&Server| server.log.get(leader.commit_index) == entry;
                self.is_majority(state.servers[..self.servers].iter().filter(holds).count())
            })
    }
}

impl System for Raft {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State {
            servers: [self.new_server(); SERVERS_MAX],
            messages: Vec::new(),
            submitted: [Submitted::No; VALUES_MAX],
            elections: 0,
            restarts: 0,
        });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let mut go = |action: Action, next: Option<State>| {
            if let Some(next) = next {
                each(action, next);
            }
        };
        for i in 0..self.servers {
            go(Action::Restart(i), self.restart(state, i));
            go(Action::RequestVote(i), self.request_vote(state, i));
            go(Action::BecomeLeader(i), self.become_leader(state, i));
            for value in 0..self.values as u8 {
                go(Action::ClientRequest(i, value), Self::client_request(state, i, value));
            }
            go(Action::AdvanceCommitIndex(i), self.advance_commit_index(state, i));
            for j in self.others(i) {
                go(Action::AppendEntries(i, j), Self::append_entries(state, i, j));
            }
        }
        for (message, copies) in &state.messages {
            go(Action::UpdateTerm(*message), Self::update_term(state, message));
            if *copies > 0 {
                go(Action::Receive(*message), self.receive(state, message));
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("RF1", "election safety", Says::Always(Self::one_leader_a_term)),
            Claim::new("RF2", "committed logs agree", Says::Always(Self::committed_logs_agree)),
            Claim::new(
                "RF3",
                "leader completeness",
                Says::Always(Self::newest_leader_has_what_is_acknowledged),
            ),
            Claim::new(
                "RF4",
                "a majority has what is committed",
                Says::Always(Self::a_majority_has_what_is_committed),
            ),
            Claim::new(
                "RF5",
                "a value may be acknowledged",
                Says::Sometimes(|_, s: &State| s.submitted[0] == Submitted::Acknowledged),
            ),
        ]
    }
}

impl Published for Raft {
    const NAME: &'static str = "raft";
    const PAGE: &'static str = include_str!("raft.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("servers", "servers", 2, 1, SERVERS_MAX as u64),
        constant("values", "values, each submitted once", 1, 1, VALUES_MAX as u64),
        constant("elections", "how many times a server may time out", 2, 0, 20),
        constant("restarts", "how many times a server may restart", 0, 0, 20),
        broken("1: a server votes again in a term in which it has voted"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("servers", 2), ("values", 1), ("elections", 1)], 89, 20).generating(101),
        Row::new(&[("servers", 2), ("values", 1), ("elections", 2)], 2_224, 28).generating(3_277),
        Row::new(&[("servers", 2), ("values", 2), ("elections", 2)], 39_870, 39).generating(61_571),
        Row::new(&[("servers", 2), ("values", 1), ("elections", 3)], 82_234, 40).generating(143_273),
        Row::new(&[("servers", 2), ("values", 1), ("elections", 2), ("restarts", 1)], 12_394, 33)
            .generating(20_833),
        Row::new(&[("servers", 3), ("values", 1), ("elections", 1)], 37_345, 35).generating(93_145),
    ];
    const REFUTED: &'static [Refuted] = &[
        Refuted { constants: &[("broken", 1)], property: "RF1" },
        Refuted { constants: &[("servers", 2), ("values", 1), ("elections", 3)], property: "RF4" },
        Refuted { constants: &[("elections", 2), ("restarts", 1)], property: "RF4" },
    ];
    const UNREACHED: &'static [Unreached] = &[
        Unreached { kind: "Restart", because: "nobody restarts: restarts = 0" },
        Unreached {
            kind: "UpdateTerm(AppendEntries)",
            because: "of two servers the other has voted for the leader, so it has the leader's term",
        },
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self {
            servers: constants.size("servers"),
            values: constants.size("values"),
            elections: constants.get("elections") as u8,
            restarts: constants.get("restarts") as u8,
            broken: constants.broken(),
        })
    }
}
