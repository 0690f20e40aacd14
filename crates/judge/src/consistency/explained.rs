//! Which write each read read: what all the conditions on visibility start from.

use super::accesses::{Access, Seen};
use std::collections::BTreeMap;

/// Where what was read comes from: a write, or nothing before it.
pub(super) type Source = Option<usize>;

/// Operations that took effect and where what they read comes from.
pub(super) struct Explained<'a> {
    pub(super) accesses: &'a [Access],
    /// Of each operation that reads, its source.
    pub(super) sources: Vec<Option<Source>>,
    /// Whether it took effect.
    pub(super) effective: Vec<bool>,
    /// The writes of each key that took effect.
    pub(super) writes: Vec<Vec<usize>>,
    /// The operations of each client that took effect, in its order.
    pub(super) clients: Vec<Vec<usize>>,
}

/// All the ways in which reads may have come by what they read.
pub(super) struct Candidates<'a> {
    accesses: &'a [Access],
    of: Vec<Vec<Source>>,
}

impl<'a> Candidates<'a> {
    pub(super) fn new(accesses: &'a [Access]) -> Self {
        let mut writers: BTreeMap<(usize, &Option<crate::value::Value>), Vec<usize>> = BTreeMap::new();
        let mut all: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, access) in accesses.iter().enumerate() {
            if let Some(held) = &access.wrote {
                writers.entry((access.key, held)).or_default().push(index);
                all.entry(access.key).or_default().push(index);
            }
        }
        let mut of = vec![];
        for (index, access) in accesses.iter().enumerate() {
            let mut sources = vec![];
            match &access.seen {
                Seen::Nothing => {}
                Seen::This(held) => {
                    sources.extend(held.is_none().then_some(None));
                    sources.extend(writers.get(&(access.key, held)).into_iter().flatten().map(|&w| Some(w)));
                }
                Seen::Other(held) => {
                    sources.extend(held.is_some().then_some(None));
                    let differs = |&&write: &&usize| accesses[write].wrote.as_ref() != Some(held);
                    sources
                        .extend(all.get(&access.key).into_iter().flatten().filter(differs).map(|&w| Some(w)));
                }
            }
            sources.retain(|&source| source != Some(index));
            // what is likeliest is tried first: the write that was last invoked by then
            let end = access.returned.unwrap_or(usize::MAX);
            sources.sort_by_key(|source| match source.map(|write| accesses[write].invoked) {
                Some(invoked) if invoked < end => (0, usize::MAX - invoked),
                None => (1, 0),
                Some(invoked) => (2, invoked),
            });
            of.push(sources);
        }
        let mut candidates = Self { accesses, of };
        candidates.without_impossible();
        candidates
    }

    /// An operation of unknown outcome that would have read what nobody wrote never took effect.
    fn without_impossible(&mut self) {
        loop {
            let impossible = |&index: &usize| {
                let access = &self.accesses[index];
                access.reads() && !access.is_known() && self.of[index].is_empty()
            };
            let impossible: Vec<bool> = (0..self.of.len()).map(|index| impossible(&index)).collect();
            let mut changed = false;
            for sources in &mut self.of {
                let before = sources.len();
                sources.retain(|source| source.is_none_or(|write| !impossible[write]));
                changed |= sources.len() < before;
            }
            if !changed {
                return;
            }
        }
    }

    /// An operation that read what nobody wrote.
    pub(super) fn thin_air_read(&self) -> Option<usize> {
        (0..self.of.len()).find(|&index| {
            let access = &self.accesses[index];
            access.reads() && access.is_known() && self.of[index].is_empty()
        })
    }

    /// Whether there is but one way.
    pub(super) fn is_one(&self) -> bool {
        self.of.iter().all(|sources| sources.len() <= 1)
    }

    /// Where an operation may have read what it read.
    pub(super) fn of(&self, index: usize) -> &[Source] {
        &self.of[index]
    }

    /// Calls `visit` with every way, until it breaks off.
    pub(super) fn try_each<T>(&self, mut visit: impl FnMut(Explained<'a>) -> Option<T>) -> Option<T> {
        let mut choice = vec![0; self.of.len()];
        loop {
            if let Some(result) = visit(self.explained(&choice)) {
                return Some(result);
            }
            let next = (0..choice.len()).find(|&index| choice[index] + 1 < self.of[index].len())?;
            choice[next] += 1;
            choice[..next].fill(0);
        }
    }

    fn explained(&self, choice: &[usize]) -> Explained<'a> {
        let accesses = self.accesses;
        let chosen = |index: usize| self.of[index].get(choice[index]).copied();
        let mut effective = vec![false; accesses.len()];
        let mut pending: Vec<usize> =
            (0..accesses.len()).filter(|&index| accesses[index].is_known()).collect();
        while let Some(index) = pending.pop() {
            if !std::mem::replace(&mut effective[index], true) {
                pending.extend(chosen(index).flatten());
            }
        }
        let sources = (0..accesses.len()).map(|index| chosen(index).filter(|_| effective[index])).collect();
        let keys = accesses.iter().map(|access| access.key + 1).max().unwrap_or(0);
        let mut writes = vec![vec![]; keys];
        let mut clients: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, access) in accesses.iter().enumerate().filter(|&(index, _)| effective[index]) {
            if access.writes() {
                writes[access.key].push(index);
            }
            clients.entry(access.client).or_default().push(index);
        }
        Explained { accesses, sources, effective, writes, clients: clients.into_values().collect() }
    }
}

impl Explained<'_> {
    /// Each pair of next operations in the order of a client, of those that `matter`: an operation of unknown outcome is followed by none.
    pub(super) fn client_order(
        &self,
        client: &[usize],
        matter: impl Fn(usize) -> bool,
        mut add: impl FnMut(usize, usize),
    ) {
        let mut last = None;
        for &index in client.iter().filter(|&&index| matter(index)) {
            if let Some(last) = last {
                add(last, index);
            }
            if self.accesses[index].is_known() {
                last = Some(index);
            }
        }
    }

    /// The operations of a client that read, each with its source. One of unknown outcome comes before no other.
    pub(super) fn reads<'s>(&'s self, client: &'s [usize]) -> impl Iterator<Item = (usize, Source)> + 's {
        client.iter().filter_map(|&index| Some((index, self.sources[index]?)))
    }
}
