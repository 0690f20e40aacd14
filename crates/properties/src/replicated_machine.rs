//! A replicated state machine: it is as if there were one (HW90).

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use synod_judge::{Client, Online, SequentialSpecification};
use synod_model::interface::{Ask, Outcome, ReplicaEvent, Stamp, StateMachine, Submit, Ticket};
use synod_model::{ProcessId, ProcessSet, State};

/// Commands and queries seem to take effect one at a time, each between its request and its answer, and a command of a session
/// once: the history is linearizable. One whose outcome is unknown may take effect at any later time, or never.
pub const LINEARIZABILITY: Property = Property::safety("linearizability", "linearizability");
/// Some command is answered.
pub const ANSWERED: Property = Property::reachable("answered", "a command is answered");

/// A state machine as an object whose histories are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Specification<S>(PhantomData<S>);

/// What is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation<C, Q> {
    /// To execute a command.
    Execute(C),
    /// To answer a query.
    Query(Q),
}

impl<S: StateMachine> SequentialSpecification for Specification<S> {
    type State = S;
    type Operation = Operation<S::Command, S::Query>;
    type Return = S::Answer;

    fn initial(&self) -> S {
        S::default()
    }

    fn apply(&self, state: &S, operation: &Self::Operation) -> (S, S::Answer) {
        let mut state = state.clone();
        let answer = match operation {
            Operation::Execute(command) => state.execute(command),
            Operation::Query(query) => state.answer(query),
        };
        (state, answer)
    }

    fn observes(&self, operation: &Self::Operation, _: Option<&S::Answer>) -> bool {
        matches!(operation, Operation::Query(_))
    }
}

type History<S> = Online<
    Specification<S>,
    S,
    Operation<<S as StateMachine>::Command, <S as StateMachine>::Query>,
    <S as StateMachine>::Answer,
>;

/// The monitor of a replicated state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicatedMachine<S: StateMachine> {
    history: History<S>,
    /// Who runs what, as the history knows it: each operation is a client of its own.
    running: BTreeMap<(ProcessId, Ticket), Client>,
    /// The commands of sessions that were asked, and their answers.
    stamped: BTreeMap<Stamp, (Client, Option<S::Answer>)>,
    down: ProcessSet,
    answered: bool,
}

impl<S: StateMachine> Default for ReplicatedMachine<S> {
    fn default() -> Self {
        Self {
            history: Online::new(Specification(PhantomData)),
            running: BTreeMap::new(),
            stamped: BTreeMap::new(),
            down: ProcessSet::new(),
            answered: false,
        }
    }
}

impl<S: StateMachine> ReplicatedMachine<S> {
    /// One that nobody has asked for anything.
    pub fn new() -> Self {
        Self::default()
    }

    fn on_request(&mut self, at: ProcessId, ticket: Ticket, ask: &Ask<S::Command, S::Query>) {
        let (operation, stamp) = match ask {
            Ask::Execute { stamp, command } => (Operation::Execute(command.clone()), *stamp),
            Ask::Query(query) => (Operation::Query(query.clone()), None),
            Ask::OpenSession | Ask::Reconfigure(_) | Ask::TransferLeadership(_) => return,
        };
        // what its session knows besides is not part of its name
        let stamp = stamp.map(|stamp| Stamp { answered_below: 0, ..stamp });
        let client = stamp.and_then(|stamp| self.stamped.get(&stamp)).map(|&(client, _)| client);
        let client = client.unwrap_or_else(|| self.invoke(operation, stamp));
        self.running.insert((at, ticket), client);
        if self.down.contains(at) {
            self.give_up(at);
        }
    }

    fn invoke(&mut self, operation: Operation<S::Command, S::Query>, stamp: Option<Stamp>) -> Client {
        // the least number that is free, so that what has passed leaves no trace
        let taken: BTreeSet<_> =
            self.running.values().chain(self.stamped.values().map(|(client, _)| client)).copied().collect();
        let most = taken.len() as u64;
        let client = (0..most).map(Client).find(|client| !taken.contains(client)).unwrap_or(Client(most));
        self.history.invoke(client, operation);
        if let Some(stamp) = stamp {
            self.stamped.insert(stamp, (client, None));
        }
        client
    }

    fn on_settled(
        &mut self,
        at: ProcessId,
        ticket: Ticket,
        outcome: &Outcome<S::Answer>,
    ) -> Result<(), Violation> {
        let Some(client) = self.running.remove(&(at, ticket)) else { return Ok(()) };
        let stamp = self.stamped.iter().find(|(_, (of, _))| *of == client).map(|(&stamp, _)| stamp);
        let result = match outcome {
            Outcome::Answer(answer) => return self.on_answer(at, client, stamp, answer),
            // one of a session may be asked again, and was perhaps executed before
            _ if stamp.is_some() => Ok(()),
            Outcome::Refused(_) => self.history.failed(client),
            _ => {
                self.history.unknown(client);
                Ok(())
            }
        };
        result.map_err(|_| {
            let what = format!("{at} refused request {}, which was executed", ticket.0);
            Violation::new(&LINEARIZABILITY, what)
        })
    }

    fn on_answer(
        &mut self,
        at: ProcessId,
        client: Client,
        stamp: Option<Stamp>,
        answer: &S::Answer,
    ) -> Result<(), Violation> {
        self.answered = true;
        if let Some((_, known)) = stamp.and_then(|stamp| self.stamped.get_mut(&stamp)) {
            match known {
                Some(before) if before != answer => {
                    let what =
                        format!("{at} answers {answer:?}, where the same command was answered {before:?}");
                    return Err(Violation::new(&LINEARIZABILITY, what));
                }
                Some(_) => return Ok(()),
                None => *known = Some(answer.clone()),
            }
        }
        let operation = self.history.running(client).cloned();
        self.history.returned(client, answer).map_err(|_| {
            let operation = operation.map_or_else(String::new, |operation| format!(" to {operation:?}"));
            let what = format!("{at} answers {answer:?}{operation}: no order of the operations explains it");
            Violation::new(&LINEARIZABILITY, what)
        })
    }

    /// Nobody knows what becomes of what `p` was asked.
    fn give_up(&mut self, p: ProcessId) {
        let stamped: Vec<_> = self.stamped.values().map(|&(client, _)| client).collect();
        let gone: Vec<_> = self
            .running
            .iter()
            .filter(|((at, _), _)| *at == p)
            .map(|(&key, &client)| (key, client))
            .collect();
        for (key, client) in gone {
            self.running.remove(&key);
            if !stamped.contains(&client) {
                self.history.unknown(client);
            }
        }
    }
}

impl<S: StateMachine, P: State> Monitor<Submit<S::Command, S::Query>, ReplicaEvent<P, S::Answer>>
    for ReplicatedMachine<S>
{
    fn properties(&self) -> Vec<Property> {
        vec![LINEARIZABILITY, ANSWERED]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, Submit<S::Command, S::Query>, ReplicaEvent<P, S::Answer>>,
    ) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request } => self.on_request(at, request.ticket, &request.ask),
            Observation::Indication { at, indication: ReplicaEvent::Settled { ticket, outcome } } => {
                self.on_settled(at, *ticket, outcome)?;
            }
            Observation::Indication { .. } => {}
            Observation::Crash { at } | Observation::Corrupt { at } => {
                self.give_up(at);
                self.down.insert(at);
            }
            Observation::Recover { at } => {
                self.give_up(at);
                self.down.remove(at);
            }
        }
        Ok(())
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.answered {
            reach(ANSWERED.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        if self.answered {
            exercise(LINEARIZABILITY.id);
        }
    }
}
