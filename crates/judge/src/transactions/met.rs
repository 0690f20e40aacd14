//! Registers: in what order versions are that were met one after the other.
//!
//! Who reads or writes a version meets it. Where there is one order for all that keeps that of each client, a client that meets one version
//! and then another has met the earlier one first; where it keeps real time, so has whoever was through before somebody met the other.
//! (Kingsbury, Alvaro 2020, section 5.3: keys that are sequentially consistent, or linearizable, by themselves.)

use super::anomaly::Outer;
use super::collect::{Transaction, Transactions};
use super::dependencies::{Dependencies, Place};
use super::graph::{Dependency, NONE};
use rustc_hash::FxHashMap;

/// Who meets which version that somebody wrote.
struct Meetings {
    /// The transactions that read a version, by version.
    readers: Vec<u32>,
    /// Where those of each version begin.
    from: Vec<u32>,
}

impl Meetings {
    fn of(found: &Dependencies) -> Self {
        let mut from = vec![0; found.versions.len() + 1];
        each_read(found, |version, _| from[version as usize + 1] += 1);
        for version in 0..found.versions.len() {
            from[version + 1] += from[version];
        }
        let mut next = from.clone();
        let mut readers = vec![0; from[found.versions.len()] as usize];
        each_read(found, |version, one| {
            readers[next[version as usize] as usize] = one;
            next[version as usize] += 1;
        });
        Self { readers, from }
    }

    /// In the order of their invocation.
    fn readers(&self, version: u32) -> &[u32] {
        let version = version as usize;
        &self.readers[self.from[version] as usize..self.from[version + 1] as usize]
    }
}

/// Whether somebody wrote it whom others can know of.
fn counts(version: u32, found: &Dependencies) -> bool {
    let writer = found.versions[version as usize].writer;
    writer != NONE && found.present[writer as usize]
}

fn each_present(found: &Dependencies) -> impl Iterator<Item = u32> + '_ {
    (0..found.present.len() as u32).filter(|&one| found.present[one as usize])
}

fn each_read(found: &Dependencies, mut visit: impl FnMut(u32, u32)) {
    for one in each_present(found) {
        let reads = found.reads.of(one);
        for (at, &version) in reads.iter().enumerate() {
            if counts(version, found) && !reads[..at].contains(&version) {
                visit(version, one);
            }
        }
    }
}

/// The edges of versions that follow each other so.
pub(super) fn orders(transactions: &Transactions, found: &mut Dependencies) {
    let meetings = Meetings::of(found);
    let session = in_session(transactions, found);
    follow(&session, &meetings, Outer::Session, found);
    let time = in_time(transactions, &meetings, found);
    follow(&time, &meetings, Outer::RealTime, found);
    found.met = [session, time];
}

/// Each pair of versions that a client meets one right after the other.
fn in_session(transactions: &Transactions, found: &Dependencies) -> Vec<(u32, u32)> {
    let mut last: FxHashMap<(u64, u32), (u32, u32)> = FxHashMap::default();
    let mut pairs = vec![];
    for one in each_present(found) {
        let client = transactions.all[one as usize].client;
        let reads = found.reads.of(one).iter().filter(|&&version| counts(version, found));
        for &version in reads.chain(found.writes.of(one)) {
            let key = found.versions[version as usize].key;
            if let Some((before, who)) = last.insert((client, key), (version, one))
                && who != one
                && before != version
                && ended(transactions, who)
            {
                pairs.push((before, version));
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// What a client does after one of unknown outcome may come before that.
fn ended(transactions: &Transactions, one: u32) -> bool {
    transactions.all[one as usize].returned != NONE
}

/// A version in time: when the last who meets it begins, when the first is through, and its number.
type Span = (u32, u32, u32);

/// Pairs of versions of which somebody is through with the first before somebody begins who meets the second; left out are those that follow
/// from others.
fn in_time(transactions: &Transactions, meetings: &Meetings, found: &Dependencies) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, Span)> = vec![];
    for version in (0..found.versions.len() as u32).filter(|&version| counts(version, found)) {
        let writer = found.versions[version as usize].writer;
        let (mut begun, mut through) = (0, NONE);
        for &one in meetings.readers(version).iter().chain([&writer]) {
            let Transaction { invoked, returned, .. } = transactions.all[one as usize];
            (begun, through) = (begun.max(invoked), through.min(returned));
        }
        spans.push((found.versions[version as usize].key, (begun, through, version)));
    }
    spans.sort_unstable();
    let mut pairs = vec![];
    for of_key in spans.chunk_by(|one, other| one.0 == other.0) {
        let spans: Vec<Span> = of_key.iter().map(|&(_, span)| span).collect();
        let firsts = firsts(&spans);
        for &(_, ended, version) in spans.iter().filter(|span| span.1 != NONE) {
            let from = spans.partition_point(|&(begun, ..)| begun <= ended);
            // whoever follows the one that is through first of all that follow, follows it
            let Some(&first) = firsts[from].iter().find(|&&at| at != usize::MAX && spans[at].2 != version)
            else {
                continue;
            };
            let direct = spans[from..].iter().take_while(|&&(begun, ..)| begun <= spans[first].1);
            let direct = direct.map(|span| span.2).chain([spans[first].2]).filter(|&later| later != version);
            pairs.extend(direct.map(|later| (version, later)));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// For each place the two from there on that are through first.
fn firsts(spans: &[Span]) -> Vec<[usize; 2]> {
    let mut firsts = vec![[usize::MAX; 2]; spans.len() + 1];
    let through = |at: usize| if at == usize::MAX { NONE } else { spans[at].1 };
    for at in (0..spans.len()).rev() {
        let [first, second] = firsts[at + 1];
        firsts[at] = if first == usize::MAX || through(at) < through(first) {
            [at, first]
        } else if second == usize::MAX || through(at) < through(second) {
            [first, at]
        } else {
            [first, second]
        };
    }
    firsts
}

/// Who wrote or read the first of a pair comes before who wrote the second. Of one that was read to be overwritten that is known.
fn follow(pairs: &[(u32, u32)], meetings: &Meetings, outer: Outer, found: &mut Dependencies) {
    let (write, read) = match outer {
        Outer::Session => (Dependency::WriteWriteInSession, Dependency::ReadWriteInSession),
        _ => (Dependency::WriteWriteInTime, Dependency::ReadWriteInTime),
    };
    for of_version in pairs.chunk_by(|one, other| one.0 == other.0) {
        let version = of_version[0].0;
        let follows = |&later: &u32| found.versions[later as usize].place != Place::After(version);
        let later = of_version.iter().map(|&(_, later)| later).filter(follows);
        let mut writers: Vec<u32> = later.map(|later| found.versions[later as usize].writer).collect();
        writers.sort_unstable();
        writers.dedup();
        for &writer in &writers {
            found.edge(found.versions[version as usize].writer, writer, write);
        }
        found.overwrite(meetings.readers(version), &writers, read);
    }
}
