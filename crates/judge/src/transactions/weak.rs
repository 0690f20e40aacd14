//! What each transaction sees of the others: all or nothing (read atomic), and what those saw (causal).

use super::anomaly::{Outer, Phenomenon};
use super::cycle::Core;
use super::dependencies::Dependencies;
use super::graph::Dependency;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;

/// How many edges the search for a violation of causality follows.
const STEPS_MAX: usize = 40_000_000;

/// By key, which version a transaction read.
fn reads(of: u32, found: &Dependencies) -> Vec<(u32, u32)> {
    let all = found.reads.of(of).iter().chain(found.missed.of(of));
    let mut reads: Vec<_> = all.map(|&read| (found.versions[read as usize].key, read)).collect();
    reads.sort_unstable();
    reads
}

/// Whether one who read these should have seen a write of the other.
fn misses(reads: &[(u32, u32)], of: u32, found: &Dependencies) -> bool {
    found.writes.of(of).iter().any(|&written| {
        let key = found.versions[written as usize].key;
        let from = reads.partition_point(|&(other, _)| other < key);
        reads[from..]
            .iter()
            .take_while(|&&(other, _)| other == key)
            .any(|&(_, read)| found.later(read, written))
    })
}

/// Reads of a part of a transaction.
pub(super) fn fractured_reads(core: &Core, found: &mut Dependencies) {
    for &one in core.nodes.iter().filter(|&&node| node < core.transactions) {
        let reads = reads(one, found);
        let mut writers: Vec<u32> =
            reads.iter().map(|&(_, read)| found.versions[read as usize].writer).collect();
        writers.sort_unstable();
        writers.dedup();
        let seen_in_part = writers
            .into_iter()
            .find(|&writer| writer < core.transactions && writer != one && misses(&reads, writer, found));
        if let Some(writer) = seen_in_part {
            let path = vec![(writer, Dependency::WriteRead), (one, Dependency::ReadWrite)];
            found.anomalies.of_path((Phenomenon::Fractured, Outer::None), path);
        }
    }
}

/// Looks for a transaction that misses what is in its past. Whether all were looked at.
pub(super) fn causality(core: &Core, outer: Outer, found: &mut Dependencies) -> bool {
    let back = core.graph.reversed();
    let mask = Dependency::WriteRead.bit() | outer.bits();
    let mut steps = 0;
    for one in (0..core.nodes.len() as u32).filter(|&node| core.is_transaction(node)) {
        if !core.graph.out(one).iter().any(|&(_, dependency)| dependency.is_anti()) {
            continue;
        }
        let reads = reads(core.nodes[one as usize], found);
        let mut came: FxHashMap<u32, (u32, Dependency)> = FxHashMap::default();
        let mut seen = FxHashSet::from_iter([one]);
        let mut queue = VecDeque::from([one]);
        while let Some(at) = queue.pop_front() {
            if at != one && misses(&reads, core.nodes[at as usize], found) {
                let mut path = vec![];
                let mut back = at;
                while back != one {
                    let (next, dependency) = came[&back];
                    path.push((core.nodes[back as usize], dependency));
                    back = next;
                }
                path.push((core.nodes[one as usize], Dependency::ReadWrite));
                found.anomalies.of_path((Phenomenon::Causality, outer), path);
                return true;
            }
            for &(before, dependency) in back.out(at) {
                steps += 1;
                if dependency.bit() & mask != 0 && seen.insert(before) {
                    came.insert(before, (at, dependency));
                    queue.push_back(before);
                }
            }
            if steps > STEPS_MAX {
                return false;
            }
        }
    }
    true
}
