//! A replicated log under leaders: what Raft promises of it (OO14, Figure 3).

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::BTreeMap;
use synod_model::interface::{LogEntry, LogIndex, ReplicaEvent, Submit, Term, Ticket, Witness};
use synod_model::{ProcessId, State, Value};

/// At most one process is elected in a term, once.
pub const ELECTION_SAFETY: Property = Property::safety("election-safety", "election safety");
/// A leader never overwrites or deletes entries of its log.
pub const LEADER_APPEND_ONLY: Property = Property::safety("leader-append-only", "leader append-only");
/// If two logs have an entry of the same index and term, they are the same up to there.
pub const LOG_MATCHING: Property = Property::safety("log-matching", "log matching");
/// An entry that is committed in a term is in the logs of the leaders of all later terms.
pub const LEADER_COMPLETENESS: Property = Property::safety("leader-completeness", "leader completeness");
/// No two processes execute different entries at the same index; none takes back or drops what it knows to be committed.
pub const STATE_MACHINE_SAFETY: Property = Property::safety("state-machine-safety", "state machine safety");
/// What is asked of a correct process is settled in the end; so somebody leads then.
pub const SETTLED: Property = Property::liveness("settled", "requests are settled");
/// Some process is elected.
pub const ELECTED: Property = Property::reachable("elected", "a leader is elected");
/// Some entry is committed.
pub const COMMITTED: Property = Property::reachable("committed", "an entry is committed");

/// The monitor of a replicated log whose entries say `P`. It wants the processes to tell of their logs ([`Witness`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicatedLog<P> {
    logs: BTreeMap<ProcessId, Log<P>>,
    /// Who was elected in each term, and with which log.
    elected: BTreeMap<Term, (ProcessId, Log<P>)>,
    /// Who leads, as it believes itself.
    leading: BTreeMap<ProcessId, Term>,
    /// Up to where each process knows its log to be committed.
    commit: BTreeMap<ProcessId, LogIndex>,
    /// What is committed at each index, and the earliest term in which somebody said so.
    committed: BTreeMap<LogIndex, (LogEntry<P>, Term)>,
    asked: BTreeMap<ProcessId, std::collections::BTreeSet<Ticket>>,
    down: synod_model::ProcessSet,
}

/// A log as its process told of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Log<P> {
    /// A snapshot stands for all up to here.
    base: LogIndex,
    entries: Vec<LogEntry<P>>,
}

impl<P> Log<P> {
    fn get(&self, index: LogIndex) -> Option<&LogEntry<P>> {
        self.entries.get(index.beyond(self.base).checked_sub(1)?)
    }

    fn last(&self) -> LogIndex {
        self.base + self.entries.len()
    }

    fn replace_after(&mut self, index: LogIndex, entries: &[LogEntry<P>])
    where
        P: Clone,
    {
        self.entries.truncate(index.beyond(self.base));
        self.entries.extend_from_slice(entries);
    }
}

impl<P> Default for Log<P> {
    fn default() -> Self {
        Self { base: LogIndex(0), entries: Vec::new() }
    }
}

impl<P> Default for ReplicatedLog<P> {
    fn default() -> Self {
        Self {
            logs: BTreeMap::new(),
            elected: BTreeMap::new(),
            leading: BTreeMap::new(),
            commit: BTreeMap::new(),
            committed: BTreeMap::new(),
            asked: BTreeMap::new(),
            down: synod_model::ProcessSet::new(),
        }
    }
}

impl<P: State> ReplicatedLog<P> {
    /// Empty logs, and nobody leads.
    pub fn new() -> Self {
        Self::default()
    }

    fn on_witness(&mut self, p: ProcessId, witness: &Witness<P>) -> Result<(), Violation> {
        match witness {
            Witness::Elected(term) => self.on_elected(p, *term),
            Witness::Logged { after, entries } => self.on_logged(p, *after, entries),
            Witness::Installed { index, term } => self.on_installed(p, *index, *term),
            Witness::Committed { index, term } => self.on_committed(p, *index, *term),
            Witness::Executed { index, payload, .. } => self.on_executed(p, *index, payload),
        }
    }

    fn on_elected(&mut self, p: ProcessId, term: Term) -> Result<(), Violation> {
        let log = self.logs.entry(p).or_default().clone();
        if let Some((other, _)) = self.elected.get(&term) {
            let what = format!("{other} was elected in {term}, and {p} is");
            return Err(Violation::new(&ELECTION_SAFETY, what));
        }
        for (&index, (entry, since)) in &self.committed {
            complete(p, term, &log, index, entry, *since)?;
        }
        self.elected.insert(term, (p, log));
        self.leading.insert(p, term);
        Ok(())
    }

    fn on_logged(&mut self, p: ProcessId, after: LogIndex, entries: &[LogEntry<P>]) -> Result<(), Violation> {
        let log = self.logs.entry(p).or_default();
        if let Some(term) = self.leading.get(&p).filter(|_| after < log.last()) {
            let what = format!("{p} leads {term}, and drops what is after index {after} of its log");
            return Err(Violation::new(&LEADER_APPEND_ONLY, what));
        }
        if let Some(&commit) = self.commit.get(&p).filter(|&&commit| after < commit && commit > log.base) {
            let what = format!(
                "{p} drops what is after index {after}, where it knows all up to {commit} to be committed"
            );
            return Err(Violation::new(&STATE_MACHINE_SAFETY, what));
        }
        log.replace_after(after, entries);
        let log = &self.logs[&p];
        for (&q, other) in self.logs.iter().filter(|&(&q, _)| q != p) {
            if let Some((index, term)) = mismatch(log, other) {
                let what =
                    format!("the logs of {p} and {q} agree on {term} at an index, and differ at {index}");
                return Err(Violation::new(&LOG_MATCHING, what));
            }
        }
        Ok(())
    }

    fn on_installed(&mut self, p: ProcessId, index: LogIndex, term: Term) -> Result<(), Violation> {
        let log = self.logs.entry(p).or_default();
        let gone = index.beyond(log.base).min(log.entries.len());
        log.entries.drain(..gone);
        log.base = index;
        self.commit.insert(p, index);
        match self.committed.get(&index) {
            _ if index == LogIndex(0) => Ok(()),
            Some((entry, _)) if entry.term == term => Ok(()),
            committed => {
                let what = match committed {
                    None => format!("{p} has a snapshot up to index {index}, which nobody committed"),
                    Some((entry, _)) => {
                        format!(
                            "{p} has a snapshot up to index {index} of {term}, where {} is committed",
                            entry.term
                        )
                    }
                };
                Err(Violation::new(&STATE_MACHINE_SAFETY, what))
            }
        }
    }

    fn on_committed(&mut self, p: ProcessId, index: LogIndex, term: Term) -> Result<(), Violation> {
        let log = self.logs.entry(p).or_default();
        let commit = self.commit.entry(p).or_default();
        if index < *commit {
            let what = format!("{p} takes back that index {commit} is committed: only {index} is");
            return Err(Violation::new(&STATE_MACHINE_SAFETY, what));
        }
        *commit = index;
        if index > log.last() {
            let what = format!("{p} commits up to index {index}, and its log ends at {}", log.last());
            return Err(Violation::new(&STATE_MACHINE_SAFETY, what));
        }
        for i in (log.base.0 + 1..=index.0).map(LogIndex) {
            let Some(entry) = log.get(i) else { continue };
            let (there, since) = self.committed.entry(i).or_insert_with(|| (entry.clone(), term));
            *since = term.min(*since);
            if there != entry {
                let what = format!("at index {i} {p} commits {entry:?}, where {there:?} is committed");
                return Err(Violation::new(&STATE_MACHINE_SAFETY, what));
            }
            for (&later, (leader, log)) in &self.elected {
                complete(*leader, later, log, i, entry, *since)?;
            }
        }
        Ok(())
    }

    fn on_executed(&mut self, p: ProcessId, index: LogIndex, payload: &P) -> Result<(), Violation> {
        match self.committed.get(&index) {
            Some((entry, _)) if entry.payload == *payload => Ok(()),
            _ => {
                let what = format!("{p} executes {payload:?} at index {index}, where that is not committed");
                Err(Violation::new(&STATE_MACHINE_SAFETY, what))
            }
        }
    }

    fn on_crash(&mut self, p: ProcessId) {
        self.leading.remove(&p);
        self.commit.remove(&p);
        self.asked.remove(&p);
    }
}

/// Whether the log with which `p` was elected in `term` has what was committed before it.
fn complete<P: State>(
    p: ProcessId,
    term: Term,
    log: &Log<P>,
    index: LogIndex,
    entry: &LogEntry<P>,
    since: Term,
) -> Result<(), Violation> {
    if term <= since || index <= log.base || log.get(index) == Some(entry) {
        return Ok(());
    }
    let what =
        format!("{p} is elected in {term} without what was committed in {since} at index {index}: {entry:?}");
    Err(Violation::new(&LEADER_COMPLETENESS, what))
}

/// Where two logs differ below an index at which they agree on the term; the index, and that term.
fn mismatch<P: State>(a: &Log<P>, b: &Log<P>) -> Option<(LogIndex, Term)> {
    let base = a.base.max(b.base);
    let common = (base.0 + 1..=a.last().min(b.last()).0).map(LogIndex);
    let agree = |&i: &LogIndex| Some(a.get(i)?.term == b.get(i)?.term).filter(|&same| same).map(|_| i);
    let last = common.clone().rev().find_map(|i| agree(&i))?;
    let differs = common.take_while(|&i| i <= last).find(|&i| a.get(i) != b.get(i))?;
    Some((differs, a.get(last)?.term))
}

impl<P: State, C: Value, Q: Value, A: Value> Monitor<Submit<C, Q>, ReplicaEvent<P, A>> for ReplicatedLog<P> {
    fn properties(&self) -> Vec<Property> {
        vec![
            ELECTION_SAFETY,
            LEADER_APPEND_ONLY,
            LOG_MATCHING,
            LEADER_COMPLETENESS,
            STATE_MACHINE_SAFETY,
            SETTLED,
            ELECTED,
            COMMITTED,
        ]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, Submit<C, Q>, ReplicaEvent<P, A>>,
    ) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request } => {
                if !self.down.contains(at) {
                    self.asked.entry(at).or_default().insert(request.ticket);
                }
            }
            Observation::Indication { at, indication } => match indication {
                ReplicaEvent::Witness(witness) => self.on_witness(at, witness)?,
                ReplicaEvent::Leader { leader, .. } => {
                    if *leader != Some(at) {
                        self.leading.remove(&at);
                    }
                }
                ReplicaEvent::Settled { ticket, .. } => {
                    let asked = self.asked.entry(at).or_default();
                    if !asked.remove(ticket) {
                        let what = format!("{at} settles request {} again, or nobody asked it", ticket.0);
                        return Err(Violation::new(&STATE_MACHINE_SAFETY, what));
                    }
                }
            },
            Observation::Crash { at } | Observation::Corrupt { at } => {
                self.on_crash(at);
                self.down.insert(at);
            }
            Observation::Recover { at } => {
                self.on_crash(at);
                self.down.remove(at);
            }
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (&p, tickets) in &self.asked {
            for ticket in tickets {
                owe(Obligation::new(&SETTLED, [p], format!("{p} has not settled request {}", ticket.0)));
            }
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if !self.elected.is_empty() {
            reach(ELECTED.id);
        }
        if !self.committed.is_empty() {
            reach(COMMITTED.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        if !self.elected.is_empty() {
            exercise(ELECTION_SAFETY.id);
            exercise(LEADER_APPEND_ONLY.id);
        }
        if self.logs.values().filter(|log| !log.entries.is_empty()).count() > 1 {
            exercise(LOG_MATCHING.id);
        }
        if !self.committed.is_empty() {
            exercise(STATE_MACHINE_SAFETY.id);
        }
        let first = self.committed.values().map(|(_, since)| *since).min();
        if first.is_some_and(|first| self.elected.keys().any(|&term| term > first)) {
            exercise(LEADER_COMPLETENESS.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, owed, recover, request, verdict};
    use synod_model::interface::{Ask, Outcome};

    const P: ProcessId = ProcessId(0);
    const Q: ProcessId = ProcessId(1);
    type Event = ReplicaEvent<char, u8>;
    type Asked = Submit<char, u8>;

    fn elected(term: u64) -> Event {
        ReplicaEvent::Witness(Witness::Elected(Term(term)))
    }

    fn logged(after: u64, entries: &[(u64, char)]) -> Event {
        let entries = entries.iter().map(|&(term, payload)| LogEntry { term: Term(term), payload }).collect();
        ReplicaEvent::Witness(Witness::Logged { after: LogIndex(after), entries })
    }

    fn committed(index: u64, term: u64) -> Event {
        ReplicaEvent::Witness(Witness::Committed { index: LogIndex(index), term: Term(term) })
    }

    fn installed(index: u64, term: u64) -> Event {
        ReplicaEvent::Witness(Witness::Installed { index: LogIndex(index), term: Term(term) })
    }

    fn after(events: &[(ProcessId, Event)]) -> Result<ReplicatedLog<char>, String> {
        let all: Vec<Observation<'_, Asked, Event>> =
            events.iter().map(|(p, event)| indicate(*p, event)).collect();
        verdict(ReplicatedLog::new(), &all)
    }

    #[test]
    fn one_election_a_term() {
        assert!(after(&[(P, elected(1)), (Q, elected(2))]).is_ok());
        assert_eq!(after(&[(P, elected(1)), (Q, elected(1))]).unwrap_err(), "election-safety");
        assert_eq!(after(&[(P, elected(1)), (P, elected(1))]).unwrap_err(), "election-safety");
    }

    #[test]
    fn a_leader_only_appends() {
        let led = [(P, logged(0, &[(1, 'a')])), (P, elected(2)), (P, logged(1, &[(2, 'b')]))];
        assert!(after(&led).is_ok());
        let drops =
            |also: &[(ProcessId, Event)]| after(&[&led, also, &[(P, logged(1, &[(3, 'c')]))]].concat());
        assert_eq!(drops(&[]).unwrap_err(), "leader-append-only");
        assert!(drops(&[(P, ReplicaEvent::Leader { term: Term(3), leader: Some(Q) })]).is_ok());
    }

    #[test]
    fn logs_that_agree_on_a_term_agree_below_it() {
        let of = |p, entries: &[(u64, char)]| (p, logged(0, entries));
        assert!(after(&[of(P, &[(1, 'a'), (2, 'b')]), of(Q, &[(1, 'a'), (3, 'c')])]).is_ok());
        assert!(after(&[of(P, &[(1, 'a')]), of(Q, &[(2, 'b')])]).is_ok());
        let below = after(&[of(P, &[(1, 'a'), (2, 'b')]), of(Q, &[(1, 'x'), (2, 'b')])]);
        assert_eq!(below.unwrap_err(), "log-matching");
        assert_eq!(after(&[of(P, &[(1, 'a')]), of(Q, &[(1, 'b')])]).unwrap_err(), "log-matching");
    }

    #[test]
    fn leaders_have_what_was_committed_before() {
        let first = [(P, logged(0, &[(1, 'a')])), (P, elected(1)), (P, committed(1, 1))];
        let then = |more: &[(ProcessId, Event)]| after(&[&first, more].concat());
        assert_eq!(then(&[(Q, elected(2))]).unwrap_err(), "leader-completeness");
        assert!(then(&[(Q, logged(0, &[(1, 'a')])), (Q, elected(2))]).is_ok());
        // also where it is heard of later
        let late = after(&[(P, logged(0, &[(1, 'a')])), (Q, elected(2)), (P, committed(1, 1))]);
        assert_eq!(late.unwrap_err(), "leader-completeness");
        // a snapshot has it
        assert!(then(&[(Q, installed(1, 1)), (Q, elected(2))]).is_ok());
    }

    #[test]
    fn what_is_committed_is_the_same_everywhere() {
        let two = [(P, logged(0, &[(1, 'a')])), (Q, logged(0, &[(2, 'b')])), (P, committed(1, 1))];
        let then = |more| after(&[&two[..], &[(Q, more)]].concat());
        assert_eq!(then(committed(1, 1)).unwrap_err(), "state-machine-safety");
        assert_eq!(then(committed(2, 1)).unwrap_err(), "state-machine-safety");
        assert_eq!(then(installed(1, 2)).unwrap_err(), "state-machine-safety");
        assert_eq!(then(installed(2, 2)).unwrap_err(), "state-machine-safety");
        assert!(then(installed(1, 1)).is_ok());
    }

    #[test]
    fn what_is_executed_is_committed() {
        let first = [(P, logged(0, &[(1, 'a'), (1, 'b')])), (P, committed(1, 1))];
        let then = |index, payload| {
            let index = LogIndex(index);
            let executed = ReplicaEvent::Witness(Witness::Executed { index, payload, afresh: true });
            after(&[&first[..], &[(P, executed)]].concat())
        };
        assert!(then(1, 'a').is_ok());
        assert_eq!(then(1, 'b').unwrap_err(), "state-machine-safety");
        assert_eq!(then(2, 'b').unwrap_err(), "state-machine-safety");
    }

    #[test]
    fn what_is_committed_stays() {
        let first = [(P, logged(0, &[(1, 'a'), (1, 'b')])), (P, committed(2, 1))];
        let then = |more| after(&[&first[..], &[(P, more)]].concat());
        assert_eq!(then(committed(1, 1)).unwrap_err(), "state-machine-safety");
        assert_eq!(then(logged(1, &[])).unwrap_err(), "state-machine-safety");
        assert!(then(logged(2, &[(1, 'c')])).is_ok());
    }

    #[test]
    fn what_was_asked_is_owed_and_settled_once() {
        let ask = Submit { ticket: Ticket(7), ask: Ask::Query(1) };
        let settled = ReplicaEvent::Settled { ticket: Ticket(7), outcome: Outcome::Unknown };
        let run = |all: &[Observation<'_, Asked, Event>]| verdict(ReplicatedLog::new(), all);
        let asked = run(&[request(P, &ask)]).unwrap();
        assert_eq!(owed::<Asked, Event, _>(&asked).len(), 1);
        assert!(owed::<Asked, Event, _>(&run(&[request(P, &ask), crash(P)]).unwrap()).is_empty());
        assert!(owed::<Asked, Event, _>(&run(&[crash(P), request(P, &ask), recover(P)]).unwrap()).is_empty());
        assert!(run(&[request(P, &ask), indicate(P, &settled)]).is_ok());
        let twice = [request(P, &ask), indicate(P, &settled), indicate(P, &settled)];
        assert_eq!(run(&twice).unwrap_err(), "state-machine-safety");
    }
}
