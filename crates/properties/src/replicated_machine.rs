//! A replicated state machine: it is as if there were one (HW90).
//!
//! The replicas tell in which order they execute what the log says. That order is held against what clients see: each command that
//! was asked before is executed once at most and nothing else is, each answer is that of one machine that follows this order, and
//! nothing is ordered before what had ended when it was asked. What passes is linearizable, whatever the replicas make up: the order
//! is the witness (HW90, Definition 2). It takes no search, however much stays unknown.
//!
//! Which of several like commands an execution is, nobody tells. There is a way to have it (a matching of executions with what was
//! asked before each) exactly if, for every i, what was asked before the i-th execution are at least i (Hall's condition).

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::{BTreeMap, VecDeque};
use synod_model::interface::{
    Ask, Carries, LogIndex, Outcome, ReplicaEvent, Stamp, StateMachine, Submit, Ticket, Witness,
};
use synod_model::{ProcessId, ProcessSet, State};

/// Commands and queries seem to take effect one at a time, each between its request and its answer, and a command of a session
/// once: the history is linearizable, in the order in which the replicas say that they execute. One whose outcome is unknown may take
/// effect at any later time, or never.
pub const LINEARIZABILITY: Property = Property::safety("linearizability", "linearizability");
/// Some command is answered.
pub const ANSWERED: Property = Property::reachable("answered", "a command is answered");

/// How many commands took effect.
type Position = u64;

/// The monitor of a replicated state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicatedMachine<S: StateMachine> {
    order: Order<S>,
    running: BTreeMap<(ProcessId, Ticket), Running<S>>,
    /// The commands of sessions that were asked.
    stamped: BTreeMap<Stamp, Stamped<S>>,
    /// Where the latest is, of all that has ended: what is asked now comes after it.
    ended: Position,
    down: ProcessSet,
    answered: bool,
}

/// What is asked, and the position after which it takes effect: a command was not yet executed when it was asked, and a query sees
/// what had ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Running<S: StateMachine> {
    Command(S::Command, Position),
    Query(S::Query, Position),
    Stamped(Stamp),
}

/// A command of a session, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Stamped<S: StateMachine> {
    command: S::Command,
    since: Position,
    answer: Option<S::Answer>,
}

impl<S: StateMachine> Default for ReplicatedMachine<S> {
    fn default() -> Self {
        Self {
            order: Order::default(),
            running: BTreeMap::new(),
            stamped: BTreeMap::new(),
            ended: 0,
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
        let running = match ask {
            Ask::Execute { stamp: None, command } => {
                Running::Command(command.clone(), self.order.ask(command))
            }
            Ask::Execute { stamp: Some(stamp), command } => {
                // what its session knows besides is not part of its name
                let stamp = Stamp { answered_below: 0, ..*stamp };
                if !self.stamped.contains_key(&stamp) {
                    let since = self.order.ask(command);
                    self.stamped.insert(stamp, Stamped { command: command.clone(), since, answer: None });
                }
                Running::Stamped(stamp)
            }
            Ask::Query(query) => Running::Query(query.clone(), self.ended),
            Ask::OpenSession | Ask::Reconfigure(_) | Ask::TransferLeadership(_) => return,
        };
        if !self.down.contains(at) {
            self.running.insert((at, ticket), running);
        }
    }

    fn on_settled(
        &mut self,
        at: ProcessId,
        ticket: Ticket,
        outcome: &Outcome<S::Answer>,
    ) -> Result<(), Violation> {
        let Some(running) = self.running.remove(&(at, ticket)) else { return Ok(()) };
        match (outcome, running) {
            (Outcome::Answer(answer), running) => self.on_answer(at, running, answer),
            // one of a session may be asked again, and was perhaps executed before
            (Outcome::Refused(_), Running::Command(command, since))
                if !self.order.withdraw(&command, since) =>
            {
                let what = format!("{at} refuses request {}, {command:?}, which was executed", ticket.0);
                Err(Violation::new(&LINEARIZABILITY, what))
            }
            _ => Ok(()),
        }
    }

    fn on_answer(&mut self, at: ProcessId, asked: Running<S>, answer: &S::Answer) -> Result<(), Violation> {
        self.answered = true;
        let (found, what) = match &asked {
            Running::Query(query, after) => {
                (self.order.seen(query, answer, *after), format!("the query {query:?}"))
            }
            Running::Command(command, since) => {
                (self.order.answered(command, answer, *since), format!("{command:?}"))
            }
            Running::Stamped(stamp) => {
                let Some(asked) = self.stamped.get_mut(stamp) else { return Ok(()) };
                match &asked.answer {
                    Some(before) if before == answer => return Ok(()),
                    Some(before) => {
                        let what = format!(
                            "{at} answers {answer:?}, where the same command was answered {before:?}"
                        );
                        return Err(Violation::new(&LINEARIZABILITY, what));
                    }
                    None => asked.answer = Some(answer.clone()),
                }
                (self.order.answered(&asked.command, answer, asked.since), format!("{:?}", asked.command))
            }
        };
        let Some(position) = found else {
            let what = format!(
                "{at} answers {answer:?} to {what}: not so in the order in which the log was executed"
            );
            return Err(Violation::new(&LINEARIZABILITY, what));
        };
        self.ended = self.ended.max(position);
        Ok(())
    }

    fn on_executed(
        &mut self,
        at: ProcessId,
        index: LogIndex,
        command: Option<&S::Command>,
    ) -> Result<(), Violation> {
        if index <= self.order.index {
            return Ok(()); // by another, or again after a crash
        }
        let what = if index > self.order.index.next() {
            format!(
                "{at} executes index {index}, and nobody told of having executed {}",
                self.order.index.next()
            )
        } else if self.order.execute(command) {
            return Ok(());
        } else {
            format!("{at} executes {command:?} at index {index}, which nobody asks for, or not once more")
        };
        Err(Violation::new(&LINEARIZABILITY, what))
    }

    /// Lets go of what nothing that runs, or will, can have seen.
    fn tidy(&mut self) {
        let running = self.running.values().filter_map(|running| match running {
            Running::Command(_, at) | Running::Query(_, at) => Some(*at),
            Running::Stamped(_) => None,
        });
        let open = self.stamped.values().filter(|stamped| stamped.answer.is_none()).map(|of| of.since);
        let oldest = running.chain(open).min().unwrap_or(self.ended);
        self.order.forget(oldest.min(self.ended));
    }
}

/// What was executed, and what of it can matter yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Order<S: StateMachine> {
    /// The log is executed up to here.
    index: LogIndex,
    /// The position of the first of the states.
    base: Position,
    /// The machine there, and after each command since.
    states: VecDeque<S>,
    /// The commands since that nobody was told the answer of.
    unanswered: BTreeMap<Position, (S::Command, S::Answer)>,
    /// What these may be and what may yet be executed: how many commands had taken effect when each was asked, ascending.
    asked: BTreeMap<S::Command, Vec<Position>>,
}

impl<S: StateMachine> Default for Order<S> {
    fn default() -> Self {
        let states = VecDeque::from([S::default()]);
        Self { index: LogIndex(0), base: 0, states, unanswered: BTreeMap::new(), asked: BTreeMap::new() }
    }
}

impl<S: StateMachine> Order<S> {
    fn executed(&self) -> Position {
        self.base + self.states.len() as Position - 1
    }

    /// Nothing that was executed up to now is it: the position.
    fn ask(&mut self, command: &S::Command) -> Position {
        let now = self.executed();
        self.asked.entry(command.clone()).or_default().push(now);
        now
    }

    /// What was asked then was not and will not be executed; false if what was cannot be explained without.
    fn withdraw(&mut self, command: &S::Command, since: Position) -> bool {
        self.remove(command, |asked| asked.iter().position(|&one| one == since));
        self.explained(command)
    }

    fn remove(&mut self, command: &S::Command, which: impl FnOnce(&[Position]) -> Option<usize>) {
        let Some(asked) = self.asked.get_mut(command) else { return };
        if let Some(at) = which(asked) {
            asked.remove(at);
        }
        if asked.is_empty() {
            self.asked.remove(command);
        }
    }

    /// Whether each execution of this command can be one that was asked before it, and no two the same.
    fn explained(&self, command: &S::Command) -> bool {
        let asked = self.asked.get(command).map_or(&[][..], Vec::as_slice);
        let executions = self.unanswered.iter().filter(|(_, (of, _))| of == command);
        executions.enumerate().all(|(i, (&position, _))| asked.get(i).is_some_and(|&since| since < position))
    }

    /// The next entry of the log is executed; false if it has a command that nobody asked for.
    fn execute(&mut self, command: Option<&S::Command>) -> bool {
        self.index = self.index.next();
        let Some(command) = command else { return true };
        let mut machine = self.states.back().expect("one at least").clone();
        let answer = machine.execute(command);
        self.states.push_back(machine);
        self.unanswered.insert(self.executed(), (command.clone(), answer));
        self.explained(command)
    }

    /// Where the command that was asked then was executed with this answer: of several of its like the first, which leaves the others
    /// the most. None if there is none, or if the others cannot be explained without.
    fn answered(&mut self, command: &S::Command, answer: &S::Answer, since: Position) -> Option<Position> {
        let mut later = self.unanswered.range(since + 1..);
        let (&position, _) = later.find(|(_, (of, told))| (of, told) == (command, answer))?;
        self.unanswered.remove(&position);
        self.withdraw(command, since).then_some(position)
    }

    /// The first position at which this query has this answer.
    fn seen(&self, query: &S::Query, answer: &S::Answer, after: Position) -> Option<Position> {
        let since = (after - self.base) as usize;
        let found = self.states.iter().skip(since).position(|state| state.answer(query) == *answer)?;
        Some(after + found as Position)
    }

    fn forget(&mut self, before: Position) {
        let old = (before - self.base) as usize;
        self.states.drain(..old);
        self.base = before;
        let later = self.unanswered.split_off(&(before + 1));
        for (command, _) in std::mem::replace(&mut self.unanswered, later).into_values() {
            self.remove(&command, |_| Some(0)); // nobody waits for it: any that was asked before is as good
        }
    }
}

impl<S: StateMachine, P: State + Carries<S::Command>>
    Monitor<Submit<S::Command, S::Query>, ReplicaEvent<P, S::Answer>> for ReplicatedMachine<S>
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
            Observation::Indication { at, indication } => match indication {
                ReplicaEvent::Settled { ticket, outcome } => {
                    self.on_settled(at, *ticket, outcome)?;
                    self.tidy();
                }
                ReplicaEvent::Witness(Witness::Executed { index, payload, afresh }) => {
                    self.on_executed(at, *index, payload.command().filter(|_| *afresh))?;
                }
                ReplicaEvent::Witness(_) | ReplicaEvent::Leader { .. } => {}
            },
            // nobody knows what becomes of what it was asked
            Observation::Crash { at } | Observation::Corrupt { at } => {
                self.running.retain(|(p, _), _| *p != at);
                self.down.insert(at);
                self.tidy();
            }
            Observation::Recover { at } => {
                self.running.retain(|(p, _), _| *p != at);
                self.down.remove(at);
                self.tidy();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, recover, request, verdict};
    use serde::{Deserialize, Serialize};
    use synod_model::interface::{Refusal, Session};

    const P: ProcessId = ProcessId(0);
    const Q: ProcessId = ProcessId(1);

    /// A number: a command sets it and answers what it was.
    #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Number(u8);

    impl StateMachine for Number {
        type Command = u8;
        type Query = ();
        type Answer = u8;
        fn execute(&mut self, command: &u8) -> u8 {
            std::mem::replace(&mut self.0, *command)
        }
        fn answer(&self, (): &()) -> u8 {
            self.0
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Entry(Option<u8>);

    impl Carries<u8> for Entry {
        fn command(&self) -> Option<&u8> {
            self.0.as_ref()
        }
    }

    type Asked = Submit<u8, ()>;
    type Event = ReplicaEvent<Entry, u8>;

    #[derive(Clone)]
    enum Seen {
        Asked(ProcessId, Asked),
        Told(ProcessId, Event),
        Crash(ProcessId),
        Recover(ProcessId),
    }

    fn write(at: ProcessId, ticket: u64, command: u8) -> Seen {
        Seen::Asked(at, Submit { ticket: Ticket(ticket), ask: Ask::Execute { stamp: None, command } })
    }

    fn stamped(at: ProcessId, ticket: u64, number: u64, command: u8) -> Seen {
        let stamp = Some(Stamp { session: Session(1), number, answered_below: number });
        Seen::Asked(at, Submit { ticket: Ticket(ticket), ask: Ask::Execute { stamp, command } })
    }

    fn read(at: ProcessId, ticket: u64) -> Seen {
        Seen::Asked(at, Submit { ticket: Ticket(ticket), ask: Ask::Query(()) })
    }

    fn executed(at: ProcessId, index: u64, command: u8) -> Seen {
        let payload = Entry(Some(command));
        Seen::Told(
            at,
            ReplicaEvent::Witness(Witness::Executed { index: LogIndex(index), payload, afresh: true }),
        )
    }

    fn settled(at: ProcessId, ticket: u64, outcome: Outcome<u8>) -> Seen {
        Seen::Told(at, ReplicaEvent::Settled { ticket: Ticket(ticket), outcome })
    }

    fn answer(at: ProcessId, ticket: u64, answer: u8) -> Seen {
        settled(at, ticket, Outcome::Answer(answer))
    }

    fn after(all: &[Seen]) -> Result<ReplicatedMachine<Number>, String> {
        let all: Vec<Observation<'_, Asked, Event>> = all
            .iter()
            .map(|seen| match seen {
                Seen::Asked(at, asked) => request(*at, asked),
                Seen::Told(at, event) => indicate(*at, event),
                Seen::Crash(at) => crash(*at),
                Seen::Recover(at) => recover(*at),
            })
            .collect();
        verdict(ReplicatedMachine::new(), &all)
    }

    fn holds(all: &[Seen]) {
        after(all).unwrap();
    }

    fn broken(all: &[Seen]) {
        assert_eq!(after(all).unwrap_err(), "linearizability");
    }

    #[test]
    fn answers_are_those_of_the_order() {
        let two = [write(P, 1, 5), write(Q, 1, 7), executed(P, 1, 7), executed(P, 2, 5), executed(Q, 1, 7)];
        let then = |more: &[Seen]| [&two, more].concat();
        holds(&then(&[answer(P, 1, 7), answer(Q, 1, 0)]));
        broken(&then(&[answer(P, 1, 0)]));
        broken(&then(&[answer(P, 1, 7), answer(Q, 1, 5)]));
    }

    #[test]
    fn nothing_is_answered_before_it_is_executed() {
        broken(&[write(P, 1, 5), answer(P, 1, 0)]);
        broken(&[write(P, 1, 5), executed(P, 1, 5), read(Q, 1), answer(P, 1, 0), answer(Q, 1, 7)]);
    }

    #[test]
    fn queries_see_what_ended_before_and_may_see_what_runs() {
        let wrote = [write(P, 1, 5), executed(P, 1, 5)];
        let then = |more: &[Seen]| [&wrote, more].concat();
        holds(&then(&[read(Q, 1), answer(P, 1, 0), answer(Q, 1, 0)]));
        holds(&then(&[read(Q, 1), answer(Q, 1, 5), answer(P, 1, 0)]));
        broken(&then(&[answer(P, 1, 0), read(Q, 1), answer(Q, 1, 0)]));
        // and what one saw, the next sees too
        broken(&then(&[read(Q, 1), answer(Q, 1, 5), read(Q, 2), answer(Q, 2, 0)]));
    }

    #[test]
    fn what_ended_stays_before_what_is_asked_later() {
        // the second of P can only be what is executed after the first was answered
        let late = [write(P, 1, 5), write(Q, 1, 5), executed(P, 1, 5), answer(P, 1, 0), write(P, 2, 5)];
        holds(
            &[&late[..], &[executed(P, 2, 5), executed(P, 3, 5), answer(P, 2, 5), answer(Q, 1, 5)]].concat(),
        );
        broken(&[&late[..], &[answer(P, 2, 0)]].concat());
    }

    #[test]
    fn only_what_is_asked_is_executed_and_once() {
        broken(&[executed(P, 1, 5)]);
        broken(&[write(P, 1, 5), executed(P, 1, 5), executed(P, 2, 5)]);
        holds(&[write(P, 1, 5), write(Q, 1, 5), executed(P, 1, 5), executed(P, 2, 5)]);
        broken(&[write(P, 1, 5), executed(P, 2, 5)]);
    }

    #[test]
    fn what_is_refused_is_never_executed() {
        let no = settled(P, 1, Outcome::Refused(Refusal::Overloaded));
        holds(&[write(P, 1, 5), no.clone()]);
        broken(&[write(P, 1, 5), no.clone(), executed(P, 1, 5)]);
        broken(&[write(P, 1, 5), executed(P, 1, 5), no]);
    }

    #[test]
    fn what_was_executed_before_it_was_asked_is_not_it() {
        // P is refused what was executed; that Q asks for the same later does not explain what was read before
        let seen = [write(P, 1, 5), executed(P, 1, 5), read(Q, 1), answer(Q, 1, 5), write(Q, 2, 5)];
        let no = settled(P, 1, Outcome::Refused(Refusal::Overloaded));
        broken(&[&seen[..], std::slice::from_ref(&no)].concat());
        holds(&[write(Q, 2, 5), write(P, 1, 5), executed(P, 1, 5), read(Q, 1), answer(Q, 1, 5), no]);
        // P's command is executed twice, and answered as it was the second time; nor does it explain that
        let twice = [&seen[..], &[executed(P, 2, 5)]].concat();
        broken(&[&twice[..], &[answer(P, 1, 5)]].concat());
        holds(&[&twice[..], &[answer(P, 1, 0), answer(Q, 2, 5)]].concat());
        broken(&[write(P, 1, 5), executed(P, 1, 5), write(Q, 1, 5), answer(Q, 1, 0)]);
    }

    /// Whether some assignment of executions to what was asked explains all: tries each.
    fn assigned(asked: &[Asking], executed: &[(usize, u8)], taken: &mut Vec<usize>) -> bool {
        let Some(&(when, answer)) = executed.get(taken.len()) else {
            return (0..asked.len())
                .all(|ask| taken.contains(&ask) || !matches!(asked[ask].outcome, Some(Ok(_))));
        };
        (0..asked.len()).any(|ask| {
            let fits = asked[ask].when < when
                && match asked[ask].outcome {
                    None => true,
                    Some(Ok((told, then))) => told == answer && when < then,
                    Some(Err(())) => false,
                };
            let free = fits && !taken.contains(&ask);
            free && {
                taken.push(ask);
                let found = assigned(asked, executed, taken);
                taken.pop();
                found
            }
        })
    }

    #[derive(Clone, Copy)]
    struct Asking {
        when: usize,
        outcome: Option<Result<(u8, usize), ()>>,
    }

    /// Every order of asking, executing, answering and refusing one command: the monitor says what trying each assignment says.
    fn every_order(seen: &mut Vec<Seen>, asked: &[Asking], executed: &[(usize, u8)], count: &mut [u64; 2]) {
        let good = assigned(asked, executed, &mut Vec::new());
        assert_eq!(after(seen).is_ok(), good, "{} events", seen.len());
        count[usize::from(good)] += 1;
        if !good || seen.len() == 9 {
            return;
        }
        let now = seen.len();
        let mut then = |event: Seen, asked: &[Asking], executed: &[(usize, u8)]| {
            seen.push(event);
            every_order(seen, asked, executed, count);
            seen.pop();
        };
        let more = [asked, &[Asking { when: now, outcome: None }]].concat();
        then(write(P, asked.len() as u64, 5), &more, executed);
        let more = [executed, &[(now, if executed.is_empty() { 0 } else { 5 })]].concat();
        then(self::executed(P, more.len() as u64, 5), asked, &more);
        for ask in (0..asked.len()).filter(|&ask| asked[ask].outcome.is_none()) {
            let mut ended = |event: Seen, outcome| {
                let mut asked = asked.to_vec();
                asked[ask].outcome = Some(outcome);
                then(event, &asked, executed);
            };
            ended(answer(P, ask as u64, 0), Ok((0, now)));
            ended(answer(P, ask as u64, 5), Ok((5, now)));
            ended(settled(P, ask as u64, Outcome::Refused(Refusal::Overloaded)), Err(()));
        }
    }

    #[test]
    fn an_order_is_refused_exactly_if_no_assignment_explains_it() {
        let mut count = [0; 2];
        every_order(&mut Vec::new(), &[], &[], &mut count);
        assert_eq!(count, [32_872, 40_833], "bad and good ones");
    }

    #[test]
    fn what_is_unknown_may_be_executed_at_any_later_time() {
        let unknown = settled(P, 1, Outcome::Unknown);
        let late = [write(Q, 1, 7), executed(Q, 1, 7), executed(Q, 2, 5), answer(Q, 1, 0)];
        holds(&[&[write(P, 1, 5), unknown][..], &late, &[read(P, 2), answer(P, 2, 5)]].concat());
        holds(&[&[write(P, 1, 5), Seen::Crash(P), Seen::Recover(P)][..], &late].concat());
        holds(&[&[Seen::Crash(P), write(P, 1, 5), Seen::Recover(P)][..], &late].concat());
        // what it was asked before it crashed it does not answer
        let machine = after(&[write(P, 1, 5), read(P, 2), Seen::Crash(P), Seen::Recover(P)]).unwrap();
        assert!(machine.running.is_empty());
    }

    #[test]
    fn a_command_of_a_session_is_executed_once_and_answered_alike() {
        let first = [stamped(P, 1, 3, 5), executed(P, 1, 5), stamped(Q, 1, 3, 5)];
        let then = |more: &[Seen]| [&first, more].concat();
        holds(&then(&[answer(P, 1, 0), answer(Q, 1, 0)]));
        broken(&then(&[answer(P, 1, 0), answer(Q, 1, 5)]));
        broken(&then(&[executed(P, 2, 5)]));
        // refused here, and asked again there
        holds(&then(&[settled(P, 1, Outcome::Refused(Refusal::NotLeader(None))), answer(Q, 1, 0)]));
        holds(&[&first[..], &[stamped(P, 2, 4, 5), executed(P, 2, 5)]].concat());
    }

    #[test]
    fn what_has_passed_is_let_go() {
        let mut all = vec![write(Q, 1, 1)];
        for k in 1..=100 {
            all.extend([write(P, k, 9), executed(P, k, 9), answer(P, k, if k == 1 { 0 } else { 9 })]);
        }
        assert_eq!(after(&all).unwrap().order.states.len(), 101, "the first may have seen all");
        all.push(settled(Q, 1, Outcome::Unknown));
        let machine = after(&all).unwrap();
        assert_eq!((machine.order.states.len(), machine.order.unanswered.len()), (1, 0));
    }
}
