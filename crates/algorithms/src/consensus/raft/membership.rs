//! Who replicates, and who leads, when that is to change: joint consensus (§6), leadership transfer (Ong14 §3.10).

use super::message::{Message, Timer};
use super::requests::Origin;
use super::{Configuration, Defect, Payload, Raft, Role};
use synod_model::interface::{Ask, LogIndex, Members, Outcome, Refusal, StateMachine};
use synod_model::prelude::*;

impl<S: StateMachine> Raft<S> {
    // upon a request for other members, at the leader
    pub(super) fn on_reconfigure(&mut self, origin: Origin, members: &Members, ctx: &mut impl Context<Self>) {
        let (index, now) = (self.log.configuration().0, self.configuration().clone());
        let at_once = self.has(Defect::ChangesAtOnce);
        let (committed, no_op) = (index <= self.commit_index, self.parameters.no_op);
        let Role::Leader(leading) = &mut self.role else { return };
        if members.voters.is_empty() || !members.voters.is_disjoint(&members.learners) {
            return self.tell(origin, Outcome::Refused(Refusal::Senseless), ctx);
        }
        if (&members.voters, &members.learners) == (&now.voters, &now.learners) {
            if committed && !now.is_joint() {
                return self.tell(origin, Outcome::Done, ctx);
            }
            // asked again while it goes on: whoever asked first hears how it ends
            if *leading.pending.entry(index).or_insert(origin) != origin {
                self.tell(origin, Outcome::Refused(Refusal::Busy), ctx);
            }
            return;
        }
        // Its first entry must be committed: else it may not know of a change that is (Ong15).
        let begun = !no_op || self.commit_index >= leading.first;
        if !at_once && (now.is_joint() || !committed || !begun) {
            return self.tell(origin, Outcome::Refused(Refusal::Busy), ctx);
        }
        let simple = at_once || members.voters == now.voters;
        let next = if simple { Configuration::of(members) } else { now.joint(members) };
        self.propose(Payload::Configuration(next), Some(origin), ctx);
    }

    /// The configuration at this index is committed: a joint one gives way to the new, and who is not of that gives way to whoever is.
    pub(super) fn on_configuration(
        &mut self,
        index: LogIndex,
        origin: Option<Origin>,
        ctx: &mut impl Context<Self>,
    ) {
        let latest = self.log.configuration().0 == index;
        if latest && self.leave_joint(origin, ctx) {
            return;
        }
        if let Some(origin) = origin {
            self.tell(origin, Outcome::Done, ctx);
        }
        if latest && matches!(self.role, Role::Leader(_)) && !self.configuration().votes(ctx.me()) {
            // let it be known, and let somebody take over at once
            self.heartbeat_all(ctx);
            if let Some(successor) = self.most_advanced() {
                ctx.send(successor, Message::TimeoutNow { term: self.current_term });
            }
            self.step_down(None, ctx);
        }
    }

    /// A leader whose configuration is joint and committed goes on to the new one; whether it did.
    pub(super) fn leave_joint(&mut self, origin: Option<Origin>, ctx: &mut impl Context<Self>) -> bool {
        let leads = matches!(self.role, Role::Leader(_));
        let leaves =
            leads && self.configuration().is_joint() && self.log.configuration().0 <= self.commit_index;
        if leaves {
            self.propose(Payload::Configuration(self.configuration().settled()), origin, ctx);
        }
        leaves
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
        leading.offered = true;
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
