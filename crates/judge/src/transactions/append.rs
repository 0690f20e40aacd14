//! Lists that are appended to: what was read tells the order of versions (Kingsbury, Alvaro 2020, §4.2).

use super::graph::Edge;
use super::transaction::{NIL, Part, Status, Transactions};
use super::{Found, Phenomenon};
use std::collections::BTreeMap;

/// What is known of a list.
#[derive(Default)]
struct List<'a> {
    /// What a transaction read that had not appended to it before: who, and what.
    reads: Vec<(usize, &'a [u32])>,
    /// What committed transactions appended.
    appended: Vec<(usize, u32)>,
}

pub(super) fn analyse(transactions: &Transactions, found: &mut Found) {
    let mut lists: BTreeMap<u32, List<'_>> = BTreeMap::new();
    for (place, transaction) in transactions.list.iter().enumerate() {
        internal(transactions, place, found);
        if transaction.status != Status::Committed {
            continue;
        }
        let mut own: BTreeMap<u32, usize> = BTreeMap::new();
        for part in &transaction.parts {
            match part {
                Part::Write { key, value } => {
                    *own.entry(*key).or_default() += 1;
                    lists.entry(*key).or_default().appended.push((place, *value));
                }
                Part::Read { key, values: Some(values) } => {
                    // of what it appended itself the order is its own
                    let own = own.get(key).copied().unwrap_or_default();
                    let before = values.len().saturating_sub(own);
                    lists.entry(*key).or_default().reads.push((place, &values[..before]));
                    if own > 0 {
                        lists.entry(*key).or_default().reads.push((place, values));
                    }
                }
                Part::Read { values: None, .. } => {}
            }
        }
    }
    for (key, list) in lists {
        versions(transactions, key, &list, found);
    }
    fractured(transactions, found);
}

/// A transaction sees what it did, and what it saw.
fn internal(transactions: &Transactions, place: usize, found: &mut Found) {
    let transaction = &transactions.list[place];
    let mut known: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut appended: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for part in &transaction.parts {
        match part {
            Part::Write { key, value } => {
                appended.entry(*key).or_default().push(*value);
                if let Some(list) = known.get_mut(key) {
                    list.push(*value);
                }
            }
            Part::Read { key, values: Some(values) } => {
                let expected = known.get(key).is_none_or(|list| list == values);
                let ends = appended.get(key).is_none_or(|own| values.ends_with(own));
                if !expected || !ends {
                    found.anomaly(Phenomenon::Internal, vec![transaction.operation], || {
                        let key = transactions.keys.name(*key);
                        format!(
                            "{} reads {key} as nothing that it read and appended before",
                            transactions.name(place)
                        )
                    });
                }
                known.insert(*key, values.clone());
            }
            Part::Read { values: None, .. } => {}
        }
    }
}

/// The order of a list's versions, and what follows from it.
fn versions(transactions: &Transactions, key: u32, list: &List<'_>, found: &mut Found) {
    let name = |place: usize| transactions.name(place);
    let operation = |place: usize| transactions.list[place].operation;
    let key_name = || transactions.keys.name(key);
    let Some(&(longest_reader, longest)) = list.reads.iter().rev().max_by_key(|(_, values)| values.len())
    else {
        return;
    };
    let mut sorted = longest.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        found.anomaly(Phenomenon::Duplicate, vec![operation(longest_reader)], || {
            format!("{} reads an element of {} twice", name(longest_reader), key_name())
        });
        return;
    }
    let writer = |value: u32| transactions.writers.get(&(key, value)).copied();
    for &value in longest {
        let Some(writer) = writer(value) else {
            found.anomaly(Phenomenon::Garbage, vec![operation(longest_reader)], || {
                let value = transactions.values.name(value);
                format!("{} reads {value} in {}, which nobody appended", name(longest_reader), key_name())
            });
            return;
        };
        if transactions.list[writer].status == Status::Aborted {
            found.anomaly(Phenomenon::G1a, vec![operation(writer), operation(longest_reader)], || {
                let value = transactions.values.name(value);
                format!(
                    "{} failed, but {} reads {value} of it in {}",
                    name(writer),
                    name(longest_reader),
                    key_name()
                )
            });
        }
    }
    let mut in_order = vec![];
    for &(reader, values) in &list.reads {
        if !longest.starts_with(values) {
            found.anomaly(
                Phenomenon::IncompatibleOrder,
                vec![operation(reader), operation(longest_reader)],
                || {
                    format!(
                        "{} and {} read {} in orders that exclude each other",
                        name(reader),
                        name(longest_reader),
                        key_name()
                    )
                },
            );
            continue;
        }
        in_order.push((reader, values.len()));
        intermediate(transactions, key, reader, values, found);
    }
    let is_visible = |place: usize| transactions.list[place].status != Status::Aborted;
    for pair in longest.windows(2) {
        if let (Some(before), Some(after)) = (writer(pair[0]), writer(pair[1]))
            && is_visible(before)
            && is_visible(after)
        {
            found.edge(before, after, Edge::Ww(key, pair[0], pair[1]));
        }
    }
    // what nobody read comes after all that was
    let unread: Vec<(usize, u32)> =
        list.appended.iter().copied().filter(|(_, value)| sorted.binary_search(value).is_err()).collect();
    let last = longest.last().copied();
    if let Some((last, writer)) =
        last.and_then(|last| Some((last, writer(last)?))).filter(|&(_, w)| is_visible(w))
    {
        for &(after, value) in &unread {
            found.edge(writer, after, Edge::Ww(key, last, value));
        }
    }
    for (reader, length) in in_order {
        let read = length.checked_sub(1).map(|at| longest[at]);
        if let Some(value) = read
            && let Some(writer) = writer(value).filter(|&writer| is_visible(writer))
        {
            found.edge(writer, reader, Edge::Wr(key, value));
        }
        let read = read.unwrap_or(NIL);
        match longest.get(length) {
            Some(&next) => {
                if let Some(writer) = writer(next).filter(|&writer| is_visible(writer)) {
                    found.edge(reader, writer, Edge::Rw(key, read, next));
                }
            }
            None => {
                for &(after, value) in &unread {
                    found.edge(reader, after, Edge::Rw(key, read, value));
                }
            }
        }
    }
}

/// What ends with an element after which the same transaction appended more was read in between.
fn intermediate(transactions: &Transactions, key: u32, reader: usize, values: &[u32], found: &mut Found) {
    let Some(&last) = values.last() else { return };
    let Some(&writer) = transactions.writers.get(&(key, last)) else { return };
    let more = transactions.list[writer].parts.iter().rev().find_map(|part| match part {
        Part::Write { key: other, value } if *other == key => Some(*value),
        _ => None,
    });
    if writer != reader && more != Some(last) {
        let operations = vec![transactions.list[writer].operation, transactions.list[reader].operation];
        found.anomaly(Phenomenon::G1b, operations, || {
            let (last, key) = (transactions.values.name(last), transactions.keys.name(key));
            format!(
                "{} reads {key} up to {last}, after which {} appended more",
                transactions.name(reader),
                transactions.name(writer)
            )
        });
    }
}

/// A transaction that sees one thing of another sees all of it.
fn fractured(transactions: &Transactions, found: &mut Found) {
    for (reader, transaction) in transactions.list.iter().enumerate() {
        if transaction.status != Status::Committed {
            continue;
        }
        let reads = || {
            transaction.parts.iter().filter_map(|part| match part {
                Part::Read { key, values: Some(values) } => Some((*key, values)),
                _ => None,
            })
        };
        if reads().nth(1).is_none() {
            continue;
        }
        for (key, values) in reads() {
            let Some(&writer) = values.last().and_then(|&last| transactions.writers.get(&(key, last))) else {
                continue;
            };
            if writer == reader {
                continue;
            }
            for part in &transactions.list[writer].parts {
                let Part::Write { key: other, value } = part else { continue };
                // what it read of that key before it was overwritten by itself
                let missing = reads().find(|(key, values)| key == other && !values.contains(value));
                if missing.is_some() {
                    let operations = vec![transactions.list[writer].operation, transaction.operation];
                    found.anomaly(Phenomenon::Fractured, operations, || {
                        let (seen, unseen) = (transactions.keys.name(key), transactions.keys.name(*other));
                        let (reader, writer) = (transactions.name(reader), transactions.name(writer));
                        format!("{reader} sees what {writer} did to {seen}, but not what it did to {unseen}")
                    });
                }
            }
        }
    }
}
