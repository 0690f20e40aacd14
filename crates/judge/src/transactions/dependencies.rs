//! What the transactions say of each other, whatever they work on.

use super::anomaly::{Anomalies, Phenomenon};
use super::collect::{Status, Transactions};
use super::graph::{Dependency, Edge, NONE};

/// A version of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) key: u32,
    /// Who wrote it; [`NONE`] for the initial one.
    pub(super) writer: u32,
    /// What was written.
    pub(super) value: i64,
    /// What of the versions of its key is known to come before.
    pub(super) place: Place,
}

/// Where a version stands among those of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// So many come before it.
    Rank(u32),
    /// After all that were read.
    Unread,
    /// After this version.
    After(u32),
    /// After the initial one.
    Written,
}

/// Lists of something by transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct ByTransaction {
    ends: Vec<u32>,
    versions: Vec<u32>,
}

impl ByTransaction {
    pub(super) fn push(&mut self, version: u32) {
        self.versions.push(version);
    }

    /// The next transaction begins.
    pub(super) fn next(&mut self) {
        self.ends.push(self.versions.len() as u32);
    }

    pub(super) fn of(&self, transaction: u32) -> &[u32] {
        let index = transaction as usize;
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.versions[begin as usize..self.ends[index] as usize]
    }
}

/// Who depends on whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Dependencies {
    /// Nodes of the graph: the transactions, then the gates.
    pub(super) nodes: u32,
    pub(super) edges: Vec<Edge>,
    pub(super) versions: Vec<Version>,
    /// The versions that each transaction read, of others.
    pub(super) reads: ByTransaction,
    /// The initial versions of the keys that each looked for by scans, and did not find.
    pub(super) missed: ByTransaction,
    /// The versions that each wrote, if it counts.
    pub(super) writes: ByTransaction,
    /// Whether it was committed: it says so, or another read what it wrote.
    pub(super) present: Vec<bool>,
    /// Pairs of versions that were met one after the other: by a client, and in real time.
    pub(super) met: [Vec<(u32, u32)>; 2],
    pub(super) anomalies: Anomalies,
    pub(super) notes: Vec<String>,
}

impl Dependencies {
    pub(super) fn new(transactions: &Transactions) -> Self {
        let present = transactions.all.iter().map(|one| one.status == Status::Committed).collect();
        Self { nodes: transactions.all.len() as u32, present, ..Self::default() }
    }

    pub(super) fn edge(&mut self, from: u32, to: u32, dependency: Dependency) {
        if from != to {
            self.edges.push(Edge { from, to, dependency });
        }
    }

    pub(super) fn gate(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes - 1
    }

    /// Each reader comes before each writer but itself, by such an anti-dependency. Both are sorted, each once.
    pub(super) fn overwrite(&mut self, readers: &[u32], writers: &[u32], anti: Dependency) {
        if readers.is_empty() || writers.is_empty() {
            return;
        }
        if readers.len() * writers.len() <= 4 * (readers.len() + writers.len()) {
            for &reader in readers {
                for &writer in writers {
                    self.edge(reader, writer, anti);
                }
            }
            return;
        }
        let is_in = |list: &[u32], one: &u32| list.binary_search(one).is_ok();
        let (both, only_read): (Vec<u32>, Vec<u32>) = readers.iter().partition(|one| is_in(writers, one));
        let gate = self.gate();
        for &reader in &only_read {
            self.edge(reader, gate, anti);
        }
        for &writer in writers {
            self.edge(gate, writer, Dependency::Through);
        }
        let gate = self.gate();
        for &reader in &both {
            self.edge(reader, gate, anti);
        }
        for writer in writers.iter().filter(|one| !is_in(&both, one)) {
            self.edge(gate, *writer, Dependency::Through);
        }
        for pair in both.windows(2) {
            self.edge(pair[0], pair[1], anti);
            self.edge(pair[1], pair[0], anti);
        }
    }

    /// Transactions that read the same version of a key and overwrite it: all but one of the updates are lost (Berenson et al. 1995, P4).
    /// So are inserts of what scans did not find.
    pub(super) fn lost_updates(&mut self) {
        self.lost(Phenomenon::LostUpdate, |found, one| found.reads.of(one));
        self.lost(Phenomenon::LostInsert, |found, one| found.missed.of(one));
    }

    fn lost(&mut self, phenomenon: Phenomenon, seen: fn(&Self, u32) -> &[u32]) {
        let mut updates: Vec<(u32, u32)> = vec![];
        for transaction in (0..self.present.len() as u32).filter(|&one| self.present[one as usize]) {
            let writes = self.writes.of(transaction);
            for &read in seen(self, transaction) {
                let key = self.versions[read as usize].key;
                let overwrites =
                    |&written: &u32| self.versions[written as usize].key == key && self.later(read, written);
                if writes.iter().any(overwrites) {
                    updates.push((read, transaction));
                }
            }
        }
        updates.sort_unstable();
        updates.dedup();
        let lost = updates.chunk_by(|one, other| one.0 == other.0).filter(|group| group.len() > 1);
        for group in lost {
            let who: Vec<u32> = group.iter().map(|&(_, transaction)| transaction).collect();
            self.anomalies.of_version(phenomenon, group[0].0, who);
        }
    }

    /// Whether the second version is known to come after the first. Both are of one key.
    pub(super) fn later(&self, first: u32, second: u32) -> bool {
        const STEPS_MAX: usize = 1000;
        let place = |version: u32| self.versions[version as usize].place;
        match (place(first), place(second)) {
            (Place::Rank(first), Place::Rank(second)) => first < second,
            (Place::Rank(_), Place::Unread) => true,
            (Place::Rank(_), Place::Written | Place::After(_)) => {
                self.versions[first as usize].writer == NONE
            }
            (_, Place::After(_)) => {
                let mut version = second;
                for _ in 0..STEPS_MAX {
                    match place(version) {
                        Place::After(before) if before == first => return true,
                        Place::After(before) => version = before,
                        _ => return false,
                    }
                }
                false
            }
            _ => false,
        }
    }
}
