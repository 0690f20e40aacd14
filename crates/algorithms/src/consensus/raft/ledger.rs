//! What is on disk, and what the log comes to when it is executed.

use super::configuration::Configuration;
use super::log::{Entry, Log, Payload};
use super::sessions::Sessions;
use synod_model::interface::{LogIndex, Outcome, StateMachine, Term};
use synod_model::prelude::*;

/// What the log up to some index comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Replica<S: StateMachine> {
    /// `lastApplied`: the index.
    pub last_applied: LogIndex,
    /// The answers to commands of sessions.
    pub sessions: Sessions<S::Answer>,
    /// The state machine.
    pub machine: S,
}

impl<S: StateMachine> Default for Replica<S> {
    fn default() -> Self {
        Self { last_applied: LogIndex(0), sessions: Sessions::default(), machine: S::default() }
    }
}

impl<S: StateMachine> Replica<S> {
    /// Executes the next entry: what that came to, where somebody may have asked for it, and whether it took effect.
    pub(super) fn apply(&mut self, payload: &Payload<S::Command>) -> (Outcome<S::Answer>, bool) {
        self.last_applied = self.last_applied.next();
        let index = self.last_applied.0;
        match payload {
            Payload::Nothing | Payload::Configuration(_) => (Outcome::Done, true),
            Payload::OpenSession => (Outcome::Opened(self.sessions.open(index, S::SESSIONS_MAX)), true),
            Payload::Command { stamp: None, command } => {
                (Outcome::Answer(self.machine.execute(command)), true)
            }
            Payload::Command { stamp: Some(stamp), command } => {
                let mut afresh = false;
                let outcome = self.sessions.once(*stamp, index, || {
                    afresh = true;
                    self.machine.execute(command)
                });
                (outcome, afresh)
            }
        }
    }
}

/// What stands for a prefix of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Snapshot<S: StateMachine> {
    /// The term of the last entry that it stands for.
    pub last_term: Term,
    /// The configuration then; none if it is the one that all started with.
    pub configuration: Option<Configuration>,
    /// What the log up to then comes to.
    pub replica: Replica<S>,
}

/// What is on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Ledger<S: StateMachine> {
    /// `currentTerm`: the latest term that it has seen.
    pub current_term: Term,
    /// `votedFor`: whom it voted for in that term.
    pub voted_for: Option<ProcessId>,
    /// What the log up to its base comes to.
    pub replica: Replica<S>,
    /// `log`.
    pub log: Log<S::Command>,
}

impl<S: StateMachine> Default for Ledger<S> {
    fn default() -> Self {
        Self { current_term: Term(0), voted_for: None, replica: Replica::default(), log: Log::default() }
    }
}

/// One entry into the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Write<S: StateMachine> {
    /// The term, and the vote in it: never the one without the other.
    Vote {
        /// The term.
        term: Term,
        /// The vote.
        voted_for: Option<ProcessId>,
    },
    /// All in the log after an index is replaced.
    Append {
        /// The index.
        after: LogIndex,
        /// By these.
        entries: Vec<Entry<S::Command>>,
    },
    /// The log up to here is executed, and let go.
    Compact {
        /// The index.
        through: LogIndex,
    },
    /// A leader's snapshot stands for the log up to its index.
    Install(Box<Snapshot<S>>),
}

impl<S: StateMachine> Stable for Ledger<S> {
    type Write = Write<S>;

    fn apply(&mut self, write: Write<S>) {
        match write {
            Write::Vote { term, voted_for } => (self.current_term, self.voted_for) = (term, voted_for),
            Write::Append { after, entries } => self.log.replace_after(after, entries),
            Write::Compact { through } => {
                for entry in self.log.compact(through) {
                    _ = self.replica.apply(&entry.payload);
                }
            }
            Write::Install(snapshot) => {
                install(&mut self.log, &snapshot);
                self.replica = snapshot.replica;
            }
        }
    }
}

impl<S: StateMachine> Ledger<S> {
    /// Every term in it, to be named anew.
    pub(super) fn each_term(&mut self, each: &mut Renumber<'_>) {
        each(&mut self.current_term.0);
        self.log.each_term(each);
    }
}

/// Makes a snapshot the base of the log; of its entries those stay that follow it (Figure 13, 6).
pub(super) fn install<S: StateMachine>(log: &mut Log<S::Command>, snapshot: &Snapshot<S>) {
    let index = snapshot.replica.last_applied;
    if log.term_at(index) == Some(snapshot.last_term) {
        log.compact(index);
    } else {
        *log = Log::starting_at(index, snapshot.last_term, snapshot.configuration.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::{ReadFrom, Registers, WriteTo};
    use synod_model::Datum;

    fn append(after: u64, values: &[u64]) -> Write<Registers> {
        let command = |&value: &u64| WriteTo { key: 0, value: Datum(value) };
        let entry = |value| Entry {
            term: Term(1),
            payload: Payload::Command { stamp: None, command: command(value) },
        };
        Write::Append { after: LogIndex(after), entries: values.iter().map(entry).collect() }
    }

    fn value(replica: &Replica<Registers>) -> Option<Datum> {
        replica.machine.answer(&ReadFrom { key: 0 })
    }

    #[test]
    fn a_compacted_ledger_is_what_its_log_came_to() {
        let mut ledger = Ledger::default();
        ledger.apply(append(0, &[1, 2, 3]));
        ledger.apply(append(2, &[10]));
        ledger.apply(Write::Compact { through: LogIndex(2) });
        assert_eq!((value(&ledger.replica), ledger.replica.last_applied), (Some(Datum(2)), LogIndex(2)));
        assert_eq!(ledger.log.entries().len(), 1);
        ledger.apply(Write::Compact { through: LogIndex(3) });
        assert_eq!(value(&ledger.replica), Some(Datum(10)));
    }

    #[test]
    fn a_snapshot_leaves_what_follows_it_and_nothing_else() {
        let mut machine = Registers::default();
        machine.execute(&WriteTo { key: 0, value: Datum(7) });
        let replica = Replica { last_applied: LogIndex(2), machine, ..Replica::default() };
        let snapshot =
            |term| Snapshot { last_term: Term(term), configuration: None, replica: replica.clone() };
        let mut ledger = Ledger::default();
        ledger.apply(append(0, &[1, 2, 3]));
        let mut other = ledger.clone();
        ledger.apply(Write::Install(Box::new(snapshot(1))));
        assert_eq!((ledger.log.last_index(), value(&ledger.replica)), (LogIndex(3), Some(Datum(7))));
        other.apply(Write::Install(Box::new(snapshot(2))));
        assert_eq!((other.log.last_index(), other.log.last_term()), (LogIndex(2), Term(2)));
    }
}
