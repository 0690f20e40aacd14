//! What all nodes agree on: workloads over a state machine that Raft replicates.

use crate::wire::{Code, Fault};
use crate::workload::{Asked, Caller, Desk, Workload};
use std::collections::BTreeMap;
use std::fmt::Debug;
use synod_algorithms::consensus::raft::{IndicationOf, Raft, RaftParameters};
use synod_model::interface::{Ask, Outcome, Refusal, ReplicaEvent, StateMachine, Submit, Ticket};

/// What is asked of a state machine.
pub(super) type AskOf<S> = Ask<<S as StateMachine>::Command, <S as StateMachine>::Query>;

/// How requests are those of a state machine.
pub(super) trait Service: Debug {
    /// The machine.
    type Machine: StateMachine;

    /// What a request asks of the machine.
    fn ask(asked: &Asked<'_>) -> Result<AskOf<Self::Machine>, Fault>;

    /// What is replied to a request of type `kind`, of what the machine answers.
    fn reply(
        caller: Caller,
        kind: &str,
        answer: <Self::Machine as StateMachine>::Answer,
        desk: &mut Desk<Raft<Self::Machine>>,
    );
}

/// A workload over Raft.
#[derive(Debug)]
pub(super) struct Replicated<S: Service> {
    parameters: RaftParameters,
    /// Who waits, for an answer of which type. In a node that starts anew the tickets would have to.
    waiting: BTreeMap<Ticket, (Caller, String)>,
    next: u64,
    service: std::marker::PhantomData<S>,
}

impl<S: Service> Replicated<S> {
    pub(super) fn new(parameters: RaftParameters) -> Self {
        Self { parameters, waiting: BTreeMap::new(), next: 0, service: std::marker::PhantomData }
    }
}

impl<S: Service> Workload for Replicated<S> {
    type Process = Raft<S::Machine>;

    fn parameters(&self) -> RaftParameters {
        self.parameters.clone()
    }

    fn ask(&mut self, asked: &Asked<'_>, desk: &mut Desk<Self::Process>) -> Result<(), Fault> {
        let ask = S::ask(asked)?;
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, (asked.caller.clone(), asked.kind.to_owned()));
        desk.submit(Submit { ticket, ask });
        Ok(())
    }

    fn told(&mut self, indication: IndicationOf<S::Machine>, desk: &mut Desk<Self::Process>) {
        let ReplicaEvent::Settled { ticket, outcome } = indication else { return };
        let Some((caller, kind)) = self.waiting.remove(&ticket) else { return };
        match outcome {
            Outcome::Answer(answer) => S::reply(caller, &kind, answer, desk),
            Outcome::Refused(refusal) if refusal != Refusal::AlreadyAnswered => {
                desk.refuse(caller, &Fault::new(Code::TemporarilyUnavailable, words(refusal)));
            }
            _ => desk.refuse(caller, &Fault::new(Code::Timeout, "it may have been done, and may yet be")),
        }
    }
}

fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotLeader(_) => "no leader is known here",
        Refusal::Overloaded => "too much waits already",
        _ => "it cannot be taken on now",
    }
}
