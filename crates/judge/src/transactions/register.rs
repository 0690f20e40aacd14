//! Registers: what must come before what is less than with lists. A transaction that reads a value and then writes that register writes after
//! it, and before anything is written there is nothing; no other order of versions is inferred (Kingsbury, Alvaro 2020, §5).

use super::graph::Edge;
use super::transaction::{NIL, Part, Status, Transactions};
use super::{Found, Phenomenon};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn analyse(transactions: &Transactions, found: &mut Found) {
    let mut versions: BTreeMap<u32, BTreeSet<(u32, u32)>> = BTreeMap::new();
    let mut readers: FxHashMap<(u32, u32), Vec<usize>> = FxHashMap::default();
    let mut foreign: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut updates: FxHashMap<(u32, u32), usize> = FxHashMap::default();
    for (place, transaction) in transactions.list.iter().enumerate() {
        if transaction.status == Status::Aborted {
            continue;
        }
        let is_committed = transaction.status == Status::Committed;
        let mut now: BTreeMap<u32, u32> = BTreeMap::new();
        let mut own: FxHashSet<u32> = FxHashSet::default();
        for part in &transaction.parts {
            match part {
                Part::Write { key, value } => {
                    let before = now.insert(*key, *value);
                    if let Some(before) = before.filter(|_| is_committed) {
                        if !own.contains(key) {
                            update(transactions, place, (*key, before), found, &mut updates);
                        }
                        versions.entry(*key).or_default().insert((before, *value));
                    }
                    own.insert(*key);
                }
                Part::Read { key, values: Some(values) } => {
                    let value = values.first().copied().unwrap_or(NIL);
                    if now.insert(*key, value).is_some_and(|before| before != value) {
                        found.anomaly(Phenomenon::Internal, vec![transaction.operation], || {
                            let key = transactions.keys.name(*key);
                            format!(
                                "{} reads {key} as nothing that it read or wrote before",
                                transactions.name(place)
                            )
                        });
                    } else if !own.contains(key) {
                        readers.entry((*key, value)).or_default().push(place);
                        read(transactions, place, (*key, value), found, &mut foreign);
                    }
                }
                Part::Read { values: None, .. } => {}
            }
        }
    }
    for &(key, value) in foreign.iter().take(3) {
        let (key, value) = (transactions.keys.name(key), transactions.values.name(value));
        found.notes.push(format!("{value} was read of {key}, and none of these transactions wrote it: it counts as there from outside"));
    }
    edges(transactions, &versions, &readers, found);
}

/// A transaction read a version of a register and writes another: nobody else may.
fn update(
    transactions: &Transactions,
    place: usize,
    version: (u32, u32),
    found: &mut Found,
    updates: &mut FxHashMap<(u32, u32), usize>,
) {
    if let Some(other) = updates.insert(version, place) {
        let operations = vec![transactions.list[other].operation, transactions.list[place].operation];
        found.anomaly(Phenomenon::LostUpdate, operations, || {
            let (key, value) = (transactions.keys.name(version.0), transactions.values.name(version.1));
            let (one, other) = (transactions.name(other), transactions.name(place));
            format!("{one} and {other} both read {value} of {key} and wrote it anew: one overwrote what the other did")
        });
    }
}

/// What is wrong with what was read, taken by itself.
fn read(
    transactions: &Transactions,
    reader: usize,
    (key, value): (u32, u32),
    found: &mut Found,
    foreign: &mut BTreeSet<(u32, u32)>,
) {
    if value == NIL {
        return;
    }
    let Some(&writer) = transactions.writers.get(&(key, value)) else {
        foreign.insert((key, value));
        return;
    };
    let operations = vec![transactions.list[writer].operation, transactions.list[reader].operation];
    let names = || (transactions.name(reader), transactions.values.name(value), transactions.keys.name(key));
    let wrote = transactions.name(writer);
    if transactions.list[writer].status == Status::Aborted {
        found.anomaly(Phenomenon::G1a, operations, || {
            let (reader, value, key) = names();
            format!("{wrote} failed, but {reader} reads {value} of it from {key}")
        });
        return;
    }
    let last = transactions.list[writer].parts.iter().rev().find_map(|part| match part {
        Part::Write { key: other, value } if *other == key => Some(*value),
        _ => None,
    });
    if writer != reader && last != Some(value) {
        found.anomaly(Phenomenon::G1b, operations, || {
            let (reader, value, key) = names();
            format!("{reader} reads {value} from {key}, which {wrote} then overwrote itself")
        });
    }
}

fn edges(
    transactions: &Transactions,
    versions: &BTreeMap<u32, BTreeSet<(u32, u32)>>,
    readers: &FxHashMap<(u32, u32), Vec<usize>>,
    found: &mut Found,
) {
    let writer = |key: u32, value: u32| {
        let place = transactions.writers.get(&(key, value)).copied();
        place.filter(|&place| transactions.list[place].status != Status::Aborted)
    };
    let mut sorted: Vec<_> = readers.iter().collect();
    sorted.sort_unstable();
    for (&(key, value), readers) in sorted {
        if let Some(writer) = writer(key, value) {
            for &reader in readers {
                found.edge(writer, reader, Edge::Wr(key, value));
            }
        }
    }
    for (&key, pairs) in versions {
        for &(before, after) in pairs {
            let Some(next) = writer(key, after) else { continue };
            if let Some(writer) = writer(key, before) {
                found.edge(writer, next, Edge::Ww(key, before, after));
            }
            for &reader in readers.get(&(key, before)).into_iter().flatten() {
                found.edge(reader, next, Edge::Rw(key, before, after));
            }
        }
    }
    // whoever read nothing did so before anything was written
    for transaction in transactions.list.iter().enumerate() {
        let (place, transaction) = transaction;
        if transaction.status != Status::Committed {
            continue;
        }
        for part in &transaction.parts {
            let Part::Write { key, value } = part else { continue };
            for &reader in readers.get(&(*key, NIL)).into_iter().flatten() {
                found.edge(reader, place, Edge::Rw(*key, NIL, *value));
            }
        }
    }
}
