//! The log: what was proposed, in order; a prefix of it may have been replaced by what it came to.

use super::configuration::Configuration;
use synod_model::interface::{Carries, LogEntry, LogIndex, Stamp, Term};
use synod_model::prelude::*;

/// An entry of the log.
pub type Entry<C> = LogEntry<Payload<C>>;

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Payload<C> {
    /// Nothing: the first entry of a leader, with which it commits those before it (§8).
    Nothing,
    /// A command; of a session if it is stamped.
    Command {
        /// Its session, and its number in it.
        stamp: Option<Stamp>,
        /// The command.
        command: C,
    },
    /// A session begins.
    OpenSession,
    /// Who replicates, from this entry on, committed or not (§6).
    Configuration(Configuration),
}

impl<C> Carries<C> for Payload<C> {
    fn command(&self) -> Option<&C> {
        match self {
            Self::Command { command, .. } => Some(command),
            Self::Nothing | Self::OpenSession | Self::Configuration(_) => None,
        }
    }
}

/// The entries after a base, which stands for all up to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Log<C> {
    base: LogIndex,
    base_term: Term,
    /// The configuration at the base; none where it is the one that all started with.
    base_configuration: Option<Configuration>,
    entries: Vec<Entry<C>>,
    /// Where among the entries there are configurations.
    configurations: Vec<LogIndex>,
}

impl<C> Default for Log<C> {
    fn default() -> Self {
        Self::starting_at(LogIndex(0), Term(0), None)
    }
}

impl<C> Log<C> {
    /// The empty log after a base.
    pub fn starting_at(base: LogIndex, term: Term, configuration: Option<Configuration>) -> Self {
        Self {
            base,
            base_term: term,
            base_configuration: configuration,
            entries: Vec::new(),
            configurations: Vec::new(),
        }
    }

    /// The last index that the base stands for.
    pub fn base(&self) -> LogIndex {
        self.base
    }

    /// The index of the last entry.
    pub fn last_index(&self) -> LogIndex {
        self.base + self.entries.len()
    }

    /// The term of the last entry.
    pub fn last_term(&self) -> Term {
        self.entries.last().map_or(self.base_term, |entry| entry.term)
    }

    /// The term of the entry at `index`, if that is known.
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == self.base { Some(self.base_term) } else { self.get(index).map(|entry| entry.term) }
    }

    /// The entry at `index`, if it is here.
    pub fn get(&self, index: LogIndex) -> Option<&Entry<C>> {
        self.entries.get(index.beyond(self.base).checked_sub(1)?)
    }

    /// The entries after the base, in order.
    pub fn entries(&self) -> &[Entry<C>] {
        &self.entries
    }

    /// The entries after `index`, which is not before the base.
    pub fn after(&self, index: LogIndex) -> &[Entry<C>] {
        &self.entries[index.beyond(self.base).min(self.entries.len())..]
    }

    /// The greatest index up to `index` whose entry is of `term` or an earlier one: what comes after it there cannot be in
    /// a log that has `term` at `index` (end of §5.3).
    pub fn last_up_to(&self, index: LogIndex, term: Term) -> LogIndex {
        let end = index.beyond(self.base).min(self.entries.len());
        self.base + self.entries[..end].partition_point(|entry| entry.term <= term)
    }

    /// The last configuration, and where it is; none if it is the one that all started with.
    pub fn configuration(&self) -> (LogIndex, Option<&Configuration>) {
        let Some(&index) = self.configurations.last() else {
            return (self.base, self.base_configuration.as_ref());
        };
        match self.get(index).map(|entry| &entry.payload) {
            Some(Payload::Configuration(configuration)) => (index, Some(configuration)),
            _ => unreachable!("the places of configurations go with the entries"),
        }
    }

    /// Replaces all after `index` by `entries`.
    pub fn replace_after(&mut self, index: LogIndex, entries: impl IntoIterator<Item = Entry<C>>) {
        self.entries.truncate(index.beyond(self.base));
        self.configurations.retain(|&at| at <= index);
        for entry in entries {
            let at = self.last_index().next();
            if matches!(entry.payload, Payload::Configuration(_)) {
                self.configurations.push(at);
            }
            self.entries.push(entry);
        }
    }
}

impl<C: Clone> Log<C> {
    /// Lets the base stand for all up to `through`, which are in the log; what it stands for now.
    pub fn compact(&mut self, through: LogIndex) -> Vec<Entry<C>> {
        let through = through.clamp(self.base, self.last_index());
        self.base_configuration = self.configuration_at(through).cloned();
        self.base_term = self.term_at(through).unwrap_or(self.base_term);
        let gone = self.entries.drain(..through.beyond(self.base)).collect();
        self.configurations.retain(|&at| at > through);
        self.base = through;
        gone
    }

    /// The last configuration up to `index`; none if it is the one that all started with.
    pub fn configuration_at(&self, index: LogIndex) -> Option<&Configuration> {
        let at = self.configurations.iter().rev().find(|&&at| at <= index);
        match at.and_then(|&at| self.get(at)).map(|entry| &entry.payload) {
            Some(Payload::Configuration(configuration)) => Some(configuration),
            _ => self.base_configuration.as_ref(),
        }
    }
}

impl<C> Log<C> {
    /// Every term in it, to be named anew.
    pub(super) fn each_term(&mut self, each: &mut Renumber<'_>) {
        each(&mut self.base_term.0);
        each_term_of(&mut self.entries, each);
    }
}

/// Every term in entries, to be named anew.
pub(super) fn each_term_of<C>(entries: &mut [Entry<C>], each: &mut Renumber<'_>) {
    for entry in entries {
        each(&mut entry.term.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_model::interface::Members;

    fn log(terms: &[u64]) -> Log<char> {
        let mut log = Log::default();
        let entry = |&term| Entry { term: Term(term), payload: Payload::Nothing };
        log.replace_after(LogIndex(0), terms.iter().map(entry));
        log
    }

    #[test]
    fn a_base_stands_for_what_was_compacted() {
        let mut log = log(&[1, 1, 2, 3]);
        assert_eq!(log.compact(LogIndex(3)).len(), 3);
        assert_eq!((log.base(), log.last_index(), log.last_term()), (LogIndex(3), LogIndex(4), Term(3)));
        assert_eq!(log.term_at(LogIndex(3)), Some(Term(2)));
        assert_eq!((log.term_at(LogIndex(2)), log.get(LogIndex(3))), (None, None));
        assert_eq!(log.compact(LogIndex(9)).len(), 1);
        assert_eq!((log.last_index(), log.last_term()), (LogIndex(4), Term(3)));
    }

    #[test]
    fn what_a_leader_cannot_have_is_skipped_a_term_at_a_time() {
        let log = log(&[1, 1, 4, 4, 5]);
        assert_eq!(log.last_up_to(LogIndex(5), Term(3)), LogIndex(2));
        assert_eq!(log.last_up_to(LogIndex(4), Term(4)), LogIndex(4));
        assert_eq!(log.last_up_to(LogIndex(9), Term(9)), LogIndex(5));
        assert_eq!(log.last_up_to(LogIndex(3), Term(0)), LogIndex(0));
    }

    #[test]
    fn the_last_configuration_counts_and_goes_with_its_entry() {
        let of = |n: u32| {
            Configuration::of(&Members {
                voters: (0..n).map(ProcessId).collect(),
                learners: ProcessSet::new(),
            })
        };
        let mut log = log(&[1]);
        let entry = |n| Entry { term: Term(1), payload: Payload::Configuration(of(n)) };
        log.replace_after(LogIndex(1), [entry(3), entry(4)]);
        assert_eq!(log.configuration(), (LogIndex(3), Some(&of(4))));
        let mut shorter = log.clone();
        shorter.replace_after(LogIndex(2), []);
        assert_eq!(shorter.configuration(), (LogIndex(2), Some(&of(3))));
        log.compact(LogIndex(2));
        assert_eq!((log.configuration_at(LogIndex(2)), log.configuration().1), (Some(&of(3)), Some(&of(4))));
        log.replace_after(LogIndex(2), []);
        assert_eq!(log.configuration(), (LogIndex(2), Some(&of(3))));
    }
}
