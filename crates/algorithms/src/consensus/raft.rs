//! Raft: a replicated log under a leader that is elected by term, and a state machine that executes it.
//!
//! # Source
//! OO14 (Figure 2, §5-8, Figure 13); Ong14 for pre-vote (§9.6), check-quorum (§6.2), stickiness (§4.2.3), leadership transfer (§3.10),
//! read index and leases (§6.4), client sessions (§6.3) and writing in parallel (§10.2.1). Joint consensus is OO14 §6.
//!
//! # Model
//! crash-recovery x fair-loss links x partially synchronous; `n > 2f`. Leases assume clocks besides, that drift no more than is said.
//!
//! # Properties
//! Figure 3: election safety · leader append-only · log matching · leader completeness · state machine safety. Each command of a
//! session is executed once; queries are answered linearizably; each request is settled. In the end somebody leads, once messages
//! are faster than timeouts for long enough. Twins: [`Defect`].
//!
//! # Cost
//! In its steady state 2(n - 1) messages and n writes for each command, less where several go together. The leader knows that it is
//! committed after one round trip, and a write at a majority; its followers with the next message. A query costs 2(n - 1) messages for
//! all that wait for the same round; within a lease none.
//!
//! # Departures from the source
//! - **One message a time is answered, not a call**: links may lose, double and reorder what they carry.
//! - **Pipelining**: a leader sends entries before the last ones are acknowledged, up to `in_flight_max` messages; what is asked
//!   meanwhile goes with the next one. A heartbeat that finds nothing acknowledged since the last starts again from what is.
//! - **A mismatch is answered with the greatest index that may match** (end of §5.3), so that a leader skips a term at a time.
//! - **A round number** goes with each message of a leader and with its answer: that a majority has answered a round shows that the
//!   leader still led when the round began (§8: "exchange heartbeat messages with a majority").
//! - **Snapshots** are pieces of a state, not chunks of a file; each process compacts its log on its own by executing it again on its disk
//!   ([`Ledger`]), and a leader sends what it has executed now.
//! - **Requests** may be asked of any process, which hands them to the leader, as often as it takes. A command without a stamp may not be
//!   asked twice: a process that does not lead makes it one of a session of its own, or refuses it with the leader's name (`forwards`).
//!   What waits for too long is given up (`give_up_after`).
//! - **A leader's own acknowledgement** that it has written is a message as well, and sent again with each heartbeat until it arrives.
//!
//! # Bounds
//! See `tests/raft_check.rs`. Figure 2 alone: n = 2, 1 command, up to 2 terms (6,386 states), 2 commands (129,136); n = 3, 1 command, 1 term
//! (1,012,197): complete. Each other part but reads, requests handed on, members and transfer at n = 2. Those are simulated, under the
//! whole vocabulary of faults, with their twins told apart (`sim/tests/raft.rs`): three voters of five that become three others, leadership
//! handed over, leases under clocks that drift as far as they allow for.

mod configuration;
mod election;
mod ledger;
mod log;
mod membership;
mod message;
mod parameters;
mod reads;
mod replication;
mod requests;
mod sessions;
mod snapshot;

pub use configuration::Configuration;
pub use ledger::{Ledger, Replica, Snapshot, Write};
pub use log::{Entry, Log, Payload};
pub use message::{
    AppendEntries, IndicationOf, InstallSnapshot, Message, Mismatch, RequestOf, RequestVote, Timer,
};
pub use parameters::{Defect, RaftParameters};
pub use sessions::Sessions;

use replication::Leading;
use requests::Asked;
use std::collections::{BTreeMap, BTreeSet};
use synod_model::interface::{LogIndex, ReplicaEvent, StateMachine, Submit, Term, Ticket, Witness};
use synod_model::prelude::*;

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raft<S: StateMachine> {
    parameters: RaftParameters,
    /// The configuration that all start with.
    initial: Configuration,
    /// `currentTerm`, as it will be when all stores are durable; so are the next two.
    current_term: Term,
    /// `votedFor`.
    voted_for: Option<ProcessId>,
    /// `log[]`.
    log: Log<S::Command>,
    /// `commitIndex`.
    commit_index: LogIndex,
    /// `lastApplied`, and what the log up to there comes to.
    replica: Replica<S>,
    role: Role<S>,
    /// Who leads the current term, as far as it knows.
    leader: Option<ProcessId>,
    /// Whether it heard that leader within the least election timeout.
    attached: bool,
    /// A snapshot of which not all pieces are here.
    incoming: Option<snapshot::Incoming<S>>,
    /// What was asked of it, and is not settled.
    asked: BTreeMap<Ticket, Asked<S>>,
    /// The session in which it hands on what it is asked without a stamp.
    own: requests::Own,
    /// Queries that may be answered from an index on.
    readable: BTreeSet<(LogIndex, Ticket)>,
}

/// What a process is in its term.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Role<S: StateMachine> {
    Follower,
    /// It asks who would vote for it in the next term.
    PreCandidate {
        votes: ProcessSet,
    },
    Candidate {
        votes: ProcessSet,
    },
    Leader(Box<Leading<S>>),
}

impl<S: StateMachine> Process for Raft<S> {
    type Model = (CrashRecovery, FairLoss, PartiallySynchronous, Majority);
    type Parameters = RaftParameters;
    type Request = RequestOf<S>;
    type Indication = IndicationOf<S>;
    type Message = Message<S>;
    type Timer = Timer;
    type Stable = Ledger<S>;

    // terms are compared, and followed by the next
    const RENUMBERING: Option<Renumbering<Self>> = Some(Renumbering {
        apart: 2,
        state: |raft, each| raft.each_term(each),
        stable: |ledger, each| ledger.each_term(each),
        message: |message, each| message.each_term(each),
    });

    // upon event ⟨Init⟩
    fn on_init(parameters: &RaftParameters, ctx: &mut impl Context<Self>) -> Self {
        Self::start(parameters, &Ledger::default(), ctx)
    }

    // upon event ⟨Recovery⟩
    fn on_recovery(parameters: &RaftParameters, ledger: &Ledger<S>, ctx: &mut impl Context<Self>) -> Self {
        let mut this = Self::start(parameters, ledger, ctx);
        // it may have heard a leader that now relies on it
        this.attach(ctx);
        let base = this.log.base();
        this.witness(
            |log| Witness::Installed { index: base, term: log.term_at(base).unwrap_or_default() },
            ctx,
        );
        this.witness(|log| Witness::Logged { after: base, entries: log.entries().to_vec() }, ctx);
        this
    }

    // upon a request from the layer above
    fn on_request(&mut self, Submit { ticket, ask }: RequestOf<S>, ctx: &mut impl Context<Self>) {
        self.on_ask(ticket, ask, ctx);
    }

    // upon event ⟨fll, Deliver | from, m⟩
    fn on_message(&mut self, from: ProcessId, message: Message<S>, ctx: &mut impl Context<Self>) {
        match message {
            Message::RequestVote(request) => self.on_request_vote(from, request, ctx),
            Message::Vote { term, granted, pre_vote } => self.on_vote(from, term, granted, pre_vote, ctx),
            Message::AppendEntries(append) => self.on_append_entries(from, append, ctx),
            Message::Appended { term, result, round } => self.on_appended(from, term, result, round, ctx),
            Message::InstallSnapshot(install) => self.on_install_snapshot(from, *install, ctx),
            Message::PieceTaken { term, index, next } => self.on_piece_taken(from, term, index, next, ctx),
            Message::TimeoutNow { term } => self.on_timeout_now(term, ctx),
            Message::Forward(request) => self.on_forward(from, request, ctx),
            Message::Settled { ticket, outcome } => self.settled(ticket, outcome, ctx),
            Message::ReadIndex { ticket } => self.on_read_index(from, ticket, ctx),
            Message::ReadAt { ticket, index } => self.on_read_at(ticket, index, ctx),
        }
    }

    // upon event ⟨Timeout⟩
    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        match timer {
            Timer::Election => self.on_election_timeout(ctx),
            Timer::Patience => self.attached = false,
            Timer::Heartbeat => self.on_heartbeat(ctx),
            Timer::CheckQuorum => self.on_check_quorum(ctx),
            Timer::Lease(round) => self.on_lease_over(round),
            Timer::Transfer => self.on_transfer_late(ctx),
            Timer::Retry => self.on_retry(ctx),
            Timer::GiveUp => self.on_give_up(ctx),
        }
    }
}

/// What it starts with, and what all of its parts use.
impl<S: StateMachine> Raft<S> {
    fn start(parameters: &RaftParameters, ledger: &Ledger<S>, ctx: &mut impl Context<Self>) -> Self {
        let voters = parameters.voters.map_or(ctx.n(), |k| k as usize);
        let this = Self {
            parameters: parameters.clone(),
            initial: Configuration {
                voters: ctx.processes().take(voters).collect(),
                ..Configuration::default()
            },
            current_term: ledger.current_term,
            voted_for: ledger.voted_for,
            log: ledger.log.clone(),
            commit_index: ledger.replica.last_applied,
            replica: ledger.replica.clone(),
            role: Role::Follower,
            leader: None,
            attached: false,
            incoming: None,
            asked: BTreeMap::new(),
            own: requests::Own::None,
            readable: BTreeSet::new(),
        };
        this.set_election_timer(ctx);
        this
    }

    /// The last configuration in the log, committed or not: "a server always uses the latest configuration in its log" (§6).
    fn configuration(&self) -> &Configuration {
        self.log.configuration().1.unwrap_or(&self.initial)
    }

    fn has(&self, defect: Defect) -> bool {
        self.parameters.defect == Some(defect)
    }

    /// Tells who judges it, where somebody does.
    fn witness(
        &self,
        what: impl FnOnce(&Log<S::Command>) -> Witness<Payload<S::Command>>,
        ctx: &mut impl Context<Self>,
    ) {
        if self.parameters.witnessed {
            ctx.indicate(ReplicaEvent::Witness(what(&self.log)));
        }
    }

    /// Replaces all after `index` in the log, and on disk.
    fn write(&mut self, after: LogIndex, entries: Vec<Entry<S::Command>>, ctx: &mut impl Context<Self>) {
        self.log.replace_after(after, entries.iter().cloned());
        ctx.store(Write::Append { after, entries });
        self.witness(|log| Witness::Logged { after, entries: log.after(after).to_vec() }, ctx);
    }
}

impl<S: StateMachine> Raft<S> {
    /// Every term in its state, to be named anew.
    fn each_term(&mut self, each: &mut Renumber<'_>) {
        each(&mut self.current_term.0);
        self.log.each_term(each);
        if let Some(incoming) = &mut self.incoming {
            each(incoming.last_term());
        }
        if let Role::Leader(leading) = &mut self.role {
            leading.peers.values_mut().for_each(|progress| progress.each_term(each));
        }
    }

    /// Its term: a measure to bound an exploration by.
    pub fn term(&self) -> Term {
        self.current_term
    }

    /// Who leads, as far as it knows.
    pub fn leader(&self) -> Option<ProcessId> {
        self.leader
    }

    /// What the log comes to, as far as it is committed.
    pub fn machine(&self) -> &S {
        &self.replica.machine
    }

    /// Its log.
    pub fn log(&self) -> &Log<S::Command> {
        &self.log
    }

    /// `commitIndex`.
    pub fn commit_index(&self) -> LogIndex {
        self.commit_index
    }
}
