//! Queries: answered from the state machine alone, and never from the past (§8; Ong14 §6.4).

use super::message::{Message, Timer};
use super::requests::Origin;
use super::{Defect, Raft, Role};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::interface::{Ask, LogIndex, Outcome, StateMachine, Ticket};
use synod_model::prelude::*;

/// The rounds of a leader's messages: whoever answers one did not know of another leader when it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Rounds {
    /// The latest that has begun; 0 before the first.
    latest: u64,
    /// The latest that deciding voters have answered.
    confirmed: u64,
    /// The rounds with which a lease began that is not over.
    leases: BTreeSet<u64>,
    /// By process: the latest round that it has answered.
    answered: BTreeMap<ProcessId, u64>,
    /// What waits for a round to be confirmed.
    waiting: Vec<Waiting>,
}

/// A query that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Waiting {
    origin: Origin,
    /// Until this round is confirmed.
    round: u64,
    /// And this index is executed.
    index: LogIndex,
}

impl Rounds {
    pub(super) fn round(&self) -> u64 {
        self.latest
    }
}

/// The leader.
impl<S: StateMachine> Raft<S> {
    // upon event ⟨fll, Deliver | from, [READ-INDEX, ticket]⟩
    pub(super) fn on_read_index(&mut self, from: ProcessId, ticket: Ticket, ctx: &mut impl Context<Self>) {
        let origin = Origin { process: from, ticket };
        let commit_index = self.commit_index;
        let locally = self.has(Defect::ReadsLocally);
        let Role::Leader(leading) = &mut self.role else { return };
        // Until an entry of its term is committed it may not know of all that are.
        let index = commit_index.max(leading.first);
        let rounds = &mut leading.reads;
        if locally || rounds.leases.first().is_some_and(|&round| round <= rounds.confirmed) {
            let index = if locally { commit_index } else { index };
            return self.read_at(origin, index, ctx);
        }
        // A round that has begun began before the query: it takes the next one, which all share that ask until it begins.
        let begins = rounds.confirmed == rounds.latest;
        rounds.waiting.push(Waiting { origin, round: rounds.latest + 1, index });
        if begins {
            self.begin_round(ctx);
        }
    }

    fn begin_round(&mut self, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        leading.reads.latest += 1;
        let round = leading.reads.latest;
        self.heartbeat_all(ctx);
        self.on_round(ctx.me(), round, ctx);
    }

    /// A process has answered a round.
    pub(super) fn on_round(&mut self, from: ProcessId, round: u64, ctx: &mut impl Context<Self>) {
        let configuration = self.configuration().clone();
        let Role::Leader(leading) = &mut self.role else { return };
        let rounds = &mut leading.reads;
        if round == 0 || rounds.answered.get(&from).is_some_and(|&known| known >= round) {
            return;
        }
        rounds.answered.insert(from, round);
        let confirmed = configuration.reached_by(|p| rounds.answered.get(&p).copied().unwrap_or(0));
        rounds.confirmed = rounds.confirmed.max(confirmed);
        let (ready, waiting) = rounds.waiting.iter().partition(|query| query.round <= rounds.confirmed);
        rounds.waiting = waiting;
        let ready: Vec<Waiting> = ready;
        let next = rounds.confirmed == rounds.latest && !rounds.waiting.is_empty();
        for Waiting { origin, index, .. } in ready {
            self.read_at(origin, index, ctx);
        }
        if next {
            self.begin_round(ctx);
        }
    }

    fn read_at(&mut self, Origin { process, ticket }: Origin, index: LogIndex, ctx: &mut impl Context<Self>) {
        if process == ctx.me() {
            self.on_read_at(ticket, index, ctx);
        } else {
            ctx.send(process, Message::ReadAt { ticket, index });
        }
    }

    /// With each heartbeat a lease begins, which counts once its round is confirmed.
    pub(super) fn begin_lease(&mut self, ctx: &mut impl Context<Self>) {
        let Some(lease) = self.parameters.lease() else { return };
        let lease = if self.has(Defect::LeaseIgnoresDrift) { self.parameters.election } else { lease };
        let Role::Leader(leading) = &mut self.role else { return };
        if leading.offered {
            return;
        }
        leading.reads.latest += 1;
        let round = leading.reads.latest;
        leading.reads.leases.insert(round);
        ctx.set_timer(Timer::Lease(round), lease);
        self.on_round(ctx.me(), round, ctx);
    }

    // upon event ⟨Timeout⟩, of a lease
    pub(super) fn on_lease_over(&mut self, round: u64) {
        if let Role::Leader(leading) = &mut self.role {
            leading.reads.leases.remove(&round);
        }
    }

    /// Whoever takes over need not wait for a lease to end.
    pub(super) fn end_leases(&mut self) {
        if let Role::Leader(leading) = &mut self.role {
            leading.reads.leases.clear();
        }
    }
}

/// Whoever was asked.
impl<S: StateMachine> Raft<S> {
    // upon event ⟨fll, Deliver | ℓ, [READ-AT, ticket, index]⟩
    pub(super) fn on_read_at(&mut self, ticket: Ticket, index: LogIndex, ctx: &mut impl Context<Self>) {
        self.readable.insert((index, ticket));
        self.answer_queries(ctx);
    }

    /// Answers all queries whose index is executed.
    pub(super) fn answer_queries(&mut self, ctx: &mut impl Context<Self>) {
        while let Some(&(index, ticket)) = self.readable.first()
            && index <= self.replica.last_applied
        {
            self.readable.remove(&(index, ticket));
            let Some(Ask::Query(query)) = self.asked.get(&ticket).map(|asked| &asked.ask) else { continue };
            let outcome = Outcome::Answer(self.replica.machine.answer(query));
            self.settled(ticket, outcome, ctx);
        }
    }
}
