//! Leader election (§5.2, §5.4.1), with votes asked in advance and leaders that are heeded while they are heard.

use super::message::{Message, RequestVote, Timer};
use super::replication::Leading;
use super::{Defect, Payload, Raft, RaftParameters, Role, Write};
use synod_model::interface::{ReplicaEvent, StateMachine, Term, Witness};
use synod_model::prelude::*;

/// The candidate.
impl<S: StateMachine> Raft<S> {
    pub(super) fn set_election_timer(&self, ctx: &mut impl Context<Self>) {
        let RaftParameters { election, election_spread, election_steps: steps, .. } = self.parameters;
        let step = if steps > 1 { ctx.choose(steps) } else { 0 };
        ctx.set_timer(Timer::Election, election + election_spread * step / steps.max(1));
    }

    // upon event ⟨Timeout⟩, of the election timer
    pub(super) fn on_election_timeout(&mut self, ctx: &mut impl Context<Self>) {
        self.set_election_timer(ctx);
        if !self.may_stand(ctx.me()) {
            return;
        }
        if self.parameters.pre_vote { self.canvass(ctx) } else { self.stand(false, ctx) }
    }

    /// Asks who would vote for it, before it disturbs anybody with a new term (Ong14 §9.6).
    fn canvass(&mut self, ctx: &mut impl Context<Self>) {
        self.set_leader(None, ctx);
        self.role = Role::PreCandidate { votes: ProcessSet::new() };
        self.request_votes(self.current_term.next(), true, false, ctx);
        self.on_pre_vote(ctx.me(), ctx);
    }

    /// Begins a term, and stands for election in it.
    fn stand(&mut self, transfer: bool, ctx: &mut impl Context<Self>) {
        self.vote(self.current_term.next(), Some(ctx.me()), ctx);
        self.set_leader(None, ctx);
        self.role = Role::Candidate { votes: ProcessSet::new() };
        self.request_votes(self.current_term, false, transfer, ctx);
        self.on_granted(ctx.me(), ctx);
    }

    fn request_votes(&self, term: Term, pre_vote: bool, transfer: bool, ctx: &mut impl Context<Self>) {
        let (last_log_index, last_log_term) = (self.log.last_index(), self.log.last_term());
        let request = RequestVote { term, last_log_index, last_log_term, pre_vote, transfer };
        let me = ctx.me();
        for p in self.configuration().voting().iter().filter(|&p| p != me) {
            ctx.send(p, Message::RequestVote(request));
        }
    }

    // upon event ⟨fll, Deliver | from, [VOTE, term, granted]⟩
    pub(super) fn on_vote(
        &mut self,
        from: ProcessId,
        term: Term,
        granted: bool,
        pre_vote: bool,
        ctx: &mut impl Context<Self>,
    ) {
        match (granted, pre_vote) {
            (true, true) if term == self.current_term.next() => self.on_pre_vote(from, ctx),
            (true, false) if term == self.current_term => self.on_granted(from, ctx),
            (true, true) => {}
            (false, _) | (true, false) => self.see(term, ctx),
        }
    }

    fn on_pre_vote(&mut self, from: ProcessId, ctx: &mut impl Context<Self>) {
        let Role::PreCandidate { votes } = &mut self.role else { return };
        votes.insert(from);
        let votes = votes.clone();
        if self.configuration().decides(|p| votes.contains(p)) {
            self.stand(false, ctx);
        }
    }

    fn on_granted(&mut self, from: ProcessId, ctx: &mut impl Context<Self>) {
        let Role::Candidate { votes } = &mut self.role else { return };
        votes.insert(from);
        let votes = votes.clone();
        if self.configuration().decides(|p| votes.contains(p)) {
            self.lead(ctx);
        }
    }

    fn lead(&mut self, ctx: &mut impl Context<Self>) {
        let me = ctx.me();
        self.role =
            Role::Leader(Box::new(Leading::new(self.log.last_index(), &self.configuration().members(), me)));
        ctx.cancel(Timer::Election);
        self.witness(|_| Witness::Elected(self.current_term), ctx);
        self.attach(ctx);
        self.set_leader(Some(me), ctx);
        ctx.set_timer(Timer::Heartbeat, self.parameters.heartbeat);
        if self.parameters.check_quorum {
            ctx.set_timer(Timer::CheckQuorum, self.parameters.election);
        }
        if self.parameters.no_op {
            self.propose(Payload::Nothing, None, ctx);
        } else {
            self.heartbeat_all(ctx);
        }
        self.leave_joint(None, ctx);
        self.route_all(ctx);
    }

    /// Leadership is handed over: it stands at once, and nobody minds that they still hear the leader (Ong14 §3.10).
    // upon event ⟨fll, Deliver | ℓ, [TIMEOUT-NOW, term]⟩
    pub(super) fn on_timeout_now(&mut self, term: Term, ctx: &mut impl Context<Self>) {
        if term == self.current_term && !matches!(self.role, Role::Leader(_)) && self.may_stand(ctx.me()) {
            self.set_election_timer(ctx);
            self.stand(true, ctx);
        }
    }

    fn may_stand(&self, me: ProcessId) -> bool {
        let leads = matches!(self.role, Role::Leader(_));
        !leads && self.configuration().votes(me)
    }
}

/// The voter.
impl<S: StateMachine> Raft<S> {
    // upon event ⟨fll, Deliver | from, [REQUEST-VOTE, term, lastLogIndex, lastLogTerm]⟩
    pub(super) fn on_request_vote(
        &mut self,
        from: ProcessId,
        request: RequestVote,
        ctx: &mut impl Context<Self>,
    ) {
        // It hears its leader: who asks for votes has missed it, or was removed. No answer, and no new term.
        let leads = matches!(self.role, Role::Leader(_));
        if self.parameters.check_quorum && (self.attached || leads) && !request.transfer {
            return;
        }
        let newer =
            (request.last_log_term, request.last_log_index) >= (self.log.last_term(), self.log.last_index());
        let up_to_date = newer || self.has(Defect::VotesForOlderLogs);
        if request.pre_vote {
            let granted = request.term > self.current_term && up_to_date;
            let term = if granted { request.term } else { self.current_term };
            return ctx.send(from, Message::Vote { term, granted, pre_vote: true });
        }
        let voted_for = if request.term > self.current_term { None } else { self.voted_for };
        let free = voted_for.is_none_or(|p| p == from);
        let granted = request.term >= self.current_term && free && up_to_date;
        let vote = if granted { Some(from) } else { voted_for };
        if request.term > self.current_term {
            self.follow(request.term, vote, ctx);
        } else if vote != self.voted_for {
            self.vote(self.current_term, vote, ctx);
        }
        if granted {
            self.set_election_timer(ctx);
        }
        ctx.send(from, Message::Vote { term: self.current_term, granted, pre_vote: false });
        if self.has(Defect::TermAndVoteApart) {
            ctx.store(Write::Vote { term: self.current_term, voted_for: self.voted_for });
        }
    }

    /// Enters a term, votes in it, or both: durable before anybody hears of it.
    pub(super) fn vote(&mut self, term: Term, voted_for: Option<ProcessId>, ctx: &mut impl Context<Self>) {
        (self.current_term, self.voted_for) = (term, voted_for);
        match self.parameters.defect {
            Some(Defect::VoteNotStored) => {}
            Some(Defect::TermAndVoteApart) => ctx.store(Write::Vote { term, voted_for: None }),
            _ => ctx.store(Write::Vote { term, voted_for }),
        }
    }
}

/// Whoever hears of a term, or of a leader.
impl<S: StateMachine> Raft<S> {
    /// "If one server's current term is smaller than the other's, then it updates its current term to the larger value" (§5.1).
    pub(super) fn see(&mut self, term: Term, ctx: &mut impl Context<Self>) {
        if term > self.current_term {
            self.follow(term, None, ctx);
        }
    }

    /// Enters a later term as a follower, with this vote in it.
    fn follow(&mut self, term: Term, voted_for: Option<ProcessId>, ctx: &mut impl Context<Self>) {
        self.vote(term, voted_for, ctx);
        self.step_down(None, ctx);
    }

    /// Is a follower from now on, of this leader.
    pub(super) fn step_down(&mut self, leader: Option<ProcessId>, ctx: &mut impl Context<Self>) {
        if matches!(std::mem::replace(&mut self.role, Role::Follower), Role::Leader(_)) {
            for timer in [Timer::Heartbeat, Timer::CheckQuorum, Timer::Transfer] {
                ctx.cancel(timer);
            }
            self.attached = false;
            self.set_election_timer(ctx);
        }
        self.set_leader(leader, ctx);
    }

    /// Whether a message of this term comes from its leader: it is heeded then, and heard.
    pub(super) fn hears(&mut self, leader: ProcessId, term: Term, ctx: &mut impl Context<Self>) -> bool {
        if term < self.current_term {
            return false;
        }
        self.see(term, ctx);
        if self.leader != Some(leader) || !matches!(self.role, Role::Follower) {
            self.step_down(Some(leader), ctx);
        }
        self.attach(ctx);
        self.set_election_timer(ctx);
        true
    }

    pub(super) fn attach(&mut self, ctx: &mut impl Context<Self>) {
        if self.parameters.check_quorum {
            self.attached = true;
            ctx.set_timer(Timer::Patience, self.parameters.election);
        }
    }

    fn set_leader(&mut self, leader: Option<ProcessId>, ctx: &mut impl Context<Self>) {
        if self.leader == leader {
            return;
        }
        self.leader = leader;
        ctx.indicate(ReplicaEvent::Leader { term: self.current_term, leader });
        self.on_leader(leader, ctx);
    }

    // upon event ⟨Timeout⟩: a leader that hears no majority makes way (Ong14 §6.2)
    pub(super) fn on_check_quorum(&mut self, ctx: &mut impl Context<Self>) {
        let me = ctx.me();
        let configuration = self.configuration().clone();
        let Role::Leader(leading) = &mut self.role else { return };
        let heard = leading.heard();
        if configuration.decides(|p| p == me || heard.contains(p)) {
            self.attach(ctx);
            ctx.set_timer(Timer::CheckQuorum, self.parameters.election);
        } else {
            self.step_down(None, ctx);
        }
    }
}
