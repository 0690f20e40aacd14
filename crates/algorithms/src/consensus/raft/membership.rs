//! Who replicates, and who leads, when that is to change: joint consensus (§6), leadership transfer (Ong14 §3.10).

use super::message::{Message, Timer};
use super::requests::Origin;
use super::{Configuration, Defect, Payload, Raft, Role};
use synod_model::interface::{Ask, LogIndex, Members, Outcome, Refusal, StateMachine};
use synod_model::prelude::*;

impl<S: StateMachine> Raft<S> {
    // upon a request for other members, at the leader
    pub(super) fn on_reconfigure(&mut self, origin: Origin, members: &Members, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &self.role else { return };
        let (index, _) = self.log.configuration();
        let at_once = self.has(Defect::ChangesAtOnce);
        // Its first entry must be committed: else it may not know of a change that is (Ong15).
        let begun = !self.parameters.no_op || self.commit_index >= leading.first;
        let busy = index > self.commit_index || self.configuration().is_joint() || !begun;
        if members.voters.is_empty() || !members.voters.is_disjoint(&members.learners) {
            return self.tell(origin, Outcome::Refused(Refusal::Senseless), ctx);
        }
        if busy && !at_once {
            return self.tell(origin, Outcome::Refused(Refusal::Busy), ctx);
        }
        let now = self.configuration();
        let next = if members.voters == now.voters || at_once {
            Configuration::of(members)
        } else {
            now.joint(members)
        };
        self.propose(Payload::Configuration(next), Some(origin), ctx);
    }

    /// A configuration is committed: a joint one gives way to the new, and who is not of that gives way to whoever is.
    pub(super) fn on_configuration(
        &mut self,
        index: LogIndex,
        configuration: &Configuration,
        ctx: &mut impl Context<Self>,
    ) {
        let latest = self.log.configuration().0 == index;
        if !latest || !matches!(self.role, Role::Leader(_)) {
            return;
        }
        if configuration.is_joint() {
            self.propose(Payload::Configuration(configuration.settled()), None, ctx);
        } else if !configuration.votes(ctx.me()) && !self.has(Defect::RemovedVotes) {
            // let it be known, and let somebody take over at once
            self.heartbeat_all(ctx);
            if let Some(successor) = self.most_advanced() {
                ctx.send(successor, Message::TimeoutNow { term: self.current_term });
            }
            self.step_down(None, ctx);
        }
    }

    /// The voter whose log is known to match furthest.
    fn most_advanced(&self) -> Option<ProcessId> {
        let Role::Leader(leading) = &self.role else { return None };
        let voters = self.configuration().voters.iter();
        voters.max_by_key(|p| leading.peers.get(p).map_or(LogIndex(0), |progress| progress.match_index))
    }
}

/// Handing leadership over.
impl<S: StateMachine> Raft<S> {
    // upon a request that another process lead, at the leader
    pub(super) fn on_transfer(&mut self, origin: Origin, to: ProcessId, ctx: &mut impl Context<Self>) {
        let votes = self.configuration().voters.contains(to);
        let Role::Leader(leading) = &mut self.role else { return };
        if to == ctx.me() {
            return self.tell(origin, Outcome::Done, ctx);
        }
        if !votes {
            return self.tell(origin, Outcome::Refused(Refusal::Senseless), ctx);
        }
        if leading.transfer.is_some_and(|other| other != to) {
            return self.tell(origin, Outcome::Refused(Refusal::Busy), ctx);
        }
        leading.transfer = Some(to);
        self.end_leases();
        ctx.set_timer(Timer::Transfer, self.parameters.election);
        self.replicate(to, ctx);
        self.hand_over(ctx);
    }

    /// Whether another process is about to lead.
    pub(super) fn makes_way(&self) -> bool {
        matches!(&self.role, Role::Leader(leading) if leading.transfer.is_some())
    }

    /// Once the successor has all of the log, it is told to stand.
    pub(super) fn hand_over(&mut self, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &self.role else { return };
        let Some(to) = leading.transfer else { return };
        if leading.match_index(to, ctx.me()) == self.log.last_index() {
            ctx.send(to, Message::TimeoutNow { term: self.current_term });
        }
    }

    // upon event ⟨Timeout⟩: the successor has not taken over; it goes on as the leader it still is
    pub(super) fn on_transfer_late(&mut self, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        leading.transfer = None;
        let transfer = |ask: &Ask<_, _>| matches!(ask, Ask::TransferLeadership(_));
        let given_up: Vec<_> =
            self.asked.iter().filter(|(_, asked)| transfer(&asked.ask)).map(|(&ticket, _)| ticket).collect();
        for ticket in given_up {
            self.settled(ticket, Outcome::Unknown, ctx);
        }
        self.route_all(ctx);
    }
}
