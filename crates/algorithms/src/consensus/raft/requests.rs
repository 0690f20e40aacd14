//! Requests: handed to the leader, as often as it takes, and settled exactly once each.

use super::message::{Message, RequestOf, Timer};
use super::{Defect, Payload, Raft, Role};
use synod_model::interface::{
    Ask, Outcome, Refusal, ReplicaEvent, Session, Stamp, StateMachine, Submit, Ticket,
};
use synod_model::prelude::*;

/// Who asked, by which name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    pub(super) process: ProcessId,
    pub(super) ticket: Ticket,
}

/// What was asked here, and is not settled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Asked<S: StateMachine> {
    pub(super) ask: Ask<S::Command, S::Query>,
    /// How often a leader was asked: 0, 1, or more.
    sent: u8,
    /// Whether the time to give up has come once since.
    overdue: bool,
}

/// The session in which a process hands on what it is asked without a stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Own {
    #[default]
    None,
    /// It is asked for.
    Opening,
    /// It is open; the number of the next command in it.
    Open { session: Session, next: u64 },
}

/// The ticket by which a process asks for its own session.
const OWN_SESSION: Ticket = Ticket(u64::MAX);

impl<S: StateMachine> Asked<S> {
    fn new(ask: Ask<S::Command, S::Query>) -> Self {
        Self { ask, sent: 0, overdue: false }
    }

    /// Its number, if it is a command of this session.
    fn number_in(&self, session: Session) -> Option<u64> {
        match &self.ask {
            Ask::Execute { stamp: Some(stamp), .. } => {
                Some(stamp.number).filter(|_| stamp.session == session)
            }
            _ => None,
        }
    }
}

/// Whether an ask may be made twice.
fn repeats<C, Q>(ask: &Ask<C, Q>) -> bool {
    !matches!(ask, Ask::Execute { stamp: None, .. })
}

/// Whoever is asked.
impl<S: StateMachine> Raft<S> {
    pub(super) fn on_ask(
        &mut self,
        ticket: Ticket,
        ask: Ask<S::Command, S::Query>,
        ctx: &mut impl Context<Self>,
    ) {
        if self.asked.len() >= self.parameters.waiting_max {
            let outcome = Outcome::Refused(Refusal::Overloaded);
            return ctx.indicate(ReplicaEvent::Settled { ticket, outcome });
        }
        if self.asked.is_empty() {
            self.await_answers(ctx);
        }
        self.asked.insert(ticket, Asked::new(ask));
        self.route(ticket, ctx);
    }

    /// Hands a request to the leader, if one is known.
    fn route(&mut self, ticket: Ticket, ctx: &mut impl Context<Self>) {
        let makes_way = self.makes_way();
        let (Some(leader), Some(asked)) = (self.leader, self.asked.get_mut(&ticket)) else { return };
        let here = leader == ctx.me();
        if asked.sent > 0 && !repeats(&asked.ask) {
            // this leader has it in its log
            return;
        }
        if !here && !repeats(&asked.ask) {
            if !self.parameters.forwards {
                let outcome = Outcome::Refused(Refusal::NotLeader(Some(leader)));
                return self.settled(ticket, outcome, ctx);
            }
            if !self.stamp(ticket, ctx) {
                return;
            }
        }
        let Some(asked) = self.asked.get_mut(&ticket) else { return };
        if here && makes_way && !matches!(asked.ask, Ask::TransferLeadership(_)) {
            // the next leader will be asked
            return;
        }
        asked.sent = asked.sent.saturating_add(1).min(2);
        let ask = asked.ask.clone();
        let origin = Origin { process: ctx.me(), ticket };
        match ask {
            Ask::Query(_) if here => self.on_read_index(origin.process, ticket, ctx),
            ask if here => self.take_on(origin, ask, ctx),
            Ask::Query(_) => ctx.send(leader, Message::ReadIndex { ticket }),
            ask => ctx.send(leader, Message::Forward(Submit { ticket, ask })),
        }
        if !here {
            ctx.set_timer(Timer::Retry, self.parameters.election + self.parameters.election_spread);
        }
    }

    /// Makes a command one of its own session, so that it may be asked twice; whether it is.
    fn stamp(&mut self, ticket: Ticket, ctx: &mut impl Context<Self>) -> bool {
        let Own::Open { session, next } = self.own else {
            if self.own == Own::None {
                self.own = Own::Opening;
                self.asked.insert(OWN_SESSION, Asked::new(Ask::OpenSession));
                self.route(OWN_SESSION, ctx);
            }
            return false;
        };
        let open = self.asked.values().filter_map(|asked| asked.number_in(session)).min();
        let answered_below = open.unwrap_or(next);
        if let Some(Asked { ask: Ask::Execute { stamp, .. }, .. }) = self.asked.get_mut(&ticket) {
            *stamp = Some(Stamp { session, number: next, answered_below });
            self.own = Own::Open { session, next: next + 1 };
        }
        true
    }

    pub(super) fn route_all(&mut self, ctx: &mut impl Context<Self>) {
        for ticket in self.asked.keys().copied().collect::<Vec<_>>() {
            self.route(ticket, ctx);
        }
    }

    /// Another leader, or none: what an earlier one had may be lost.
    pub(super) fn on_leader(&mut self, leader: Option<ProcessId>, ctx: &mut impl Context<Self>) {
        let Some(leader) = leader else { return };
        for ticket in self.asked.keys().copied().collect::<Vec<_>>() {
            let Some(asked) = self.asked.get(&ticket).filter(|asked| asked.sent > 0) else { continue };
            match &asked.ask {
                Ask::TransferLeadership(to) if *to == leader => self.settled(ticket, Outcome::Done, ctx),
                ask if repeats(ask) => {}
                _ => self.settled(ticket, Outcome::Unknown, ctx),
            }
        }
        // a leader takes on what it was asked once its term has begun
        if leader != ctx.me() {
            self.route_all(ctx);
        }
    }

    // upon event ⟨Timeout⟩: what the leader has not answered may not have come to it
    pub(super) fn on_retry(&mut self, ctx: &mut impl Context<Self>) {
        if self.leader.is_some_and(|leader| leader != ctx.me()) {
            self.route_all(ctx);
        }
    }

    fn await_answers(&self, ctx: &mut impl Context<Self>) {
        let after = self.parameters.give_up_after;
        if !after.is_zero() {
            ctx.set_timer(Timer::GiveUp, after);
        }
    }

    // upon event ⟨Timeout⟩: what waited when it came before has waited for long enough
    pub(super) fn on_give_up(&mut self, ctx: &mut impl Context<Self>) {
        let overdue: Vec<_> =
            self.asked.iter().filter(|(_, asked)| asked.overdue).map(|(&ticket, _)| ticket).collect();
        self.asked.values_mut().for_each(|asked| asked.overdue = true);
        for ticket in overdue {
            let sent = self.asked.get(&ticket).is_some_and(|asked| asked.sent > 0);
            let refused = Outcome::Refused(Refusal::NotLeader(self.leader));
            self.settled(ticket, if sent { Outcome::Unknown } else { refused }, ctx);
        }
        if !self.asked.is_empty() {
            self.await_answers(ctx);
        }
    }

    // upon event ⟨fll, Deliver | ℓ, [SETTLED, ticket, outcome]⟩
    pub(super) fn settled(
        &mut self,
        ticket: Ticket,
        outcome: Outcome<S::Answer>,
        ctx: &mut impl Context<Self>,
    ) {
        let Some(asked) = self.asked.remove(&ticket) else { return };
        if ticket == OWN_SESSION {
            self.own = match outcome {
                Outcome::Opened(session) => Own::Open { session, next: 0 },
                _ => Own::None,
            };
            return self.route_all(ctx);
        }
        let own = matches!(self.own, Own::Open { session, .. } if asked.number_in(session).is_some());
        let no_session = outcome == Outcome::Refused(Refusal::NoSession);
        if own && no_session {
            self.own = Own::None;
        }
        // a leader refuses what it was asked; of what another was asked before, or of a session that made way for others, nobody knows
        let doubtful = asked.sent > 1 || (own && no_session);
        let outcome = match outcome {
            Outcome::Refused(_) if doubtful => Outcome::Unknown,
            outcome => outcome,
        };
        ctx.indicate(ReplicaEvent::Settled { ticket, outcome });
    }
}

/// The leader.
impl<S: StateMachine> Raft<S> {
    // upon event ⟨fll, Deliver | from, [FORWARD, request]⟩
    pub(super) fn on_forward(
        &mut self,
        from: ProcessId,
        request: RequestOf<S>,
        ctx: &mut impl Context<Self>,
    ) {
        let Submit { ticket, ask } = request;
        let transfer = matches!(ask, Ask::TransferLeadership(_));
        // what links may double must be such that it may be asked twice; and who makes way lets the next leader be asked
        if matches!(self.role, Role::Leader(_)) && repeats(&ask) && (transfer || !self.makes_way()) {
            self.take_on(Origin { process: from, ticket }, ask, ctx);
        }
    }

    /// Takes on what is no query.
    fn take_on(&mut self, origin: Origin, ask: Ask<S::Command, S::Query>, ctx: &mut impl Context<Self>) {
        match ask {
            Ask::Execute { stamp, command } => {
                if self.has(Defect::AnswersBeforeCommit) {
                    let outcome = Outcome::Answer(self.replica.machine.clone().execute(&command));
                    self.tell(origin, outcome, ctx);
                }
                let stamp = if self.has(Defect::ForgetsSessions) { None } else { stamp };
                self.propose(Payload::Command { stamp, command }, Some(origin), ctx);
            }
            Ask::OpenSession => self.propose(Payload::OpenSession, Some(origin), ctx),
            Ask::Reconfigure(members) => self.on_reconfigure(origin, &members, ctx),
            Ask::TransferLeadership(to) => self.on_transfer(origin, to, ctx),
            Ask::Query(_) => self.on_read_index(origin.process, origin.ticket, ctx),
        }
    }

    /// Tells whoever asked how it ended.
    pub(super) fn tell(&mut self, origin: Origin, outcome: Outcome<S::Answer>, ctx: &mut impl Context<Self>) {
        if origin.process == ctx.me() {
            self.settled(origin.ticket, outcome, ctx);
        } else {
            ctx.send(origin.process, Message::Settled { ticket: origin.ticket, outcome });
        }
    }
}
