//! Lists: a read says in what order all was appended that it sees (Kingsbury, Alvaro 2020, section 4.2).

use super::anomaly::Phenomenon;
use super::collect::{Status, Transactions, What};
use super::dependencies::{Dependencies, Place, Version};
use super::graph::{Dependency, NONE};
use crate::reading::Meaningless;
use rustc_hash::FxHashMap;

/// Who appended an element.
#[derive(Clone, Copy)]
struct Appended {
    by: u32,
    intermediate: bool,
    version: u32,
}

type Appends = FxHashMap<(u32, i64), Appended>;

/// What the transactions say of each other.
pub(super) fn dependencies(transactions: &Transactions) -> Result<Dependencies, Meaningless> {
    let mut found = Dependencies::new(transactions);
    let mut appends = appends(transactions)?;
    inconsistent_reads(transactions, &appends, &mut found);
    observed(transactions, &appends, &mut found);
    let keys: Vec<Key> = (0..transactions.names.keys())
        .map(|key| Key::new(key, transactions, &mut appends, &mut found))
        .collect();
    let last = reads_and_writes(transactions, &appends, &keys, &mut found);
    for (key, Last { readers, scanners, appenders }) in keys.iter().zip(last) {
        found.overwrite(&readers, &appenders, Dependency::ReadWrite);
        found.overwrite(&scanners, &appenders, Dependency::Phantom);
        for appender in appenders {
            if key.last != NONE {
                found.edge(key.last, appender, Dependency::WriteWrite);
            }
        }
    }
    found.lost_updates();
    found.notes.push(
        "the order of the appends is read from the lists; what nobody read comes after what somebody did"
            .to_owned(),
    );
    Ok(found)
}

fn appends(transactions: &Transactions) -> Result<Appends, Meaningless> {
    let mut appends = Appends::with_capacity_and_hasher(
        transactions.micro_operations_count() / 2,
        rustc_hash::FxBuildHasher,
    );
    for by in 0..transactions.all.len() as u32 {
        let transaction = transactions.all[by as usize];
        for operation in transactions.of(by) {
            let intermediate = operation.what == What::WriteIntermediate;
            if !intermediate && operation.what != What::Write {
                continue;
            }
            let appended = Appended { by, intermediate, version: NONE };
            let Some(before) = appends.insert((operation.key, operation.value), appended) else { continue };
            let other = transactions.all[before.by as usize];
            if transaction.status == Status::Aborted && before.by != by {
                appends.insert((operation.key, operation.value), before);
            } else if other.status != Status::Aborted || before.by == by {
                let names = &transactions.names;
                let (value, key) = (names.value(operation.value), names.key_name(operation.key));
                let what = format!(
                    "{value} is written to {key}, as in line {}: whose it is cannot be told",
                    other.line
                );
                return Err(Meaningless { line: transaction.line as usize, what });
            }
        }
    }
    Ok(appends)
}

/// What was read that is no beginning of the longest list.
fn inconsistent_reads(transactions: &Transactions, appends: &Appends, found: &mut Dependencies) {
    for odd in &transactions.odd {
        let longest = &transactions.traces[odd.key as usize];
        found.anomalies.of_reads(Phenomenon::IncompatibleOrder, odd.key, &[odd.reader, longest.reader]);
        let mut elements = odd.elements.clone();
        elements.sort_unstable();
        if let Some(twice) = elements.windows(2).find(|pair| pair[0] == pair[1]) {
            found.anomalies.of_value(Phenomenon::Duplicate, odd.key, twice[0], &[odd.reader]);
        }
        for &element in &odd.elements[odd.common..] {
            match appends.get(&(odd.key, element)) {
                None => found.anomalies.of_value(Phenomenon::Garbage, odd.key, element, &[odd.reader]),
                Some(appended) if transactions.all[appended.by as usize].status == Status::Aborted => {
                    found.anomalies.of_value(Phenomenon::G1a, odd.key, element, &[appended.by, odd.reader]);
                }
                Some(_) => {}
            }
        }
    }
}

/// Of whom something was read, that was committed.
fn observed(transactions: &Transactions, appends: &Appends, found: &mut Dependencies) {
    let odd = transactions.odd.iter().map(|odd| (odd.key as usize, &odd.elements));
    let traces = transactions.traces.iter().enumerate().map(|(key, trace)| (key, &trace.elements));
    for (key, elements) in odd.chain(traces) {
        for &element in elements {
            if let Some(appended) = appends.get(&(key as u32, element))
                && transactions.all[appended.by as usize].status == Status::Unknown
            {
                found.present[appended.by as usize] = true;
            }
        }
    }
}

/// A key: its versions stand together, from the initial one on.
struct Key {
    first: u32,
    /// How many elements are in an order that all reads agree on.
    agreed: u32,
    /// The last to have appended one of them.
    last: u32,
    /// For so many elements read: who appended the last of them, and who appends the next.
    around: Vec<(u32, u32)>,
    /// How many come before one that was never committed, and before one that nobody appended.
    aborted: u32,
    garbage: u32,
}

impl Key {
    fn new(key: usize, transactions: &Transactions, appends: &mut Appends, found: &mut Dependencies) -> Self {
        let trace = &transactions.traces[key];
        let first = found.versions.len() as u32;
        let mut agreed = trace.agreed as u32;
        let (mut aborted, mut garbage, mut last) = (NONE, NONE, NONE);
        found.versions.push(Version { key: key as u32, writer: NONE, value: 0, place: Place::Rank(0) });
        let mut around = vec![(NONE, NONE)];
        for (rank, &element) in trace.elements.iter().enumerate() {
            let rank = rank as u32;
            let appended = appends.get_mut(&(key as u32, element));
            let mut writer = NONE;
            match appended {
                Some(appended) if appended.version != NONE => {
                    found.anomalies.of_value(Phenomenon::Duplicate, key as u32, element, &[trace.reader]);
                    agreed = agreed.min(rank);
                }
                Some(appended) => {
                    if found.present[appended.by as usize] {
                        writer = appended.by;
                        if aborted != NONE {
                            found.anomalies.of_value(
                                Phenomenon::DirtyUpdate,
                                key as u32,
                                trace.elements[aborted as usize],
                                &[writer],
                            );
                        }
                    } else {
                        aborted = aborted.min(rank);
                    }
                    if rank < agreed {
                        appended.version = first + 1 + rank;
                    }
                }
                None => {
                    if garbage != NONE && trace.elements[..rank as usize].contains(&element) {
                        found.anomalies.of_value(Phenomenon::Duplicate, key as u32, element, &[trace.reader]);
                        agreed = agreed.min(rank);
                    }
                    garbage = garbage.min(rank);
                }
            }
            if rank >= agreed {
                continue;
            }
            found.versions.push(Version {
                key: key as u32,
                writer,
                value: element,
                place: Place::Rank(rank + 1),
            });
            if writer != NONE {
                if last != NONE {
                    found.edge(last, writer, Dependency::WriteWrite);
                }
                last = writer;
            }
            around.push((last, NONE));
        }
        let mut next = NONE;
        for read in (0..agreed as usize).rev() {
            let writer = found.versions[first as usize + 1 + read].writer;
            next = if writer == NONE { next } else { writer };
            around[read].1 = next;
        }
        Self { first, agreed, last, around, aborted, garbage }
    }
}

/// Of a key: who read all that anybody read, who found nothing by a scan where nobody read anything, and who appended what nobody read.
#[derive(Clone, Default)]
struct Last {
    readers: Vec<u32>,
    scanners: Vec<u32>,
    appenders: Vec<u32>,
}

/// The edges of reads; by key, who is last.
fn reads_and_writes(
    transactions: &Transactions,
    appends: &Appends,
    keys: &[Key],
    found: &mut Dependencies,
) -> Vec<Last> {
    let mut last = vec![Last::default(); keys.len()];
    let mut missed = transactions.missed.iter().peekable();
    for one in 0..transactions.all.len() as u32 {
        for operation in transactions.of(one) {
            let key = &keys[operation.key as usize];
            let Last { readers, appenders, .. } = &mut last[operation.key as usize];
            let name = (operation.key, operation.value);
            match operation.what {
                What::Write | What::WriteIntermediate if found.present[one as usize] => {
                    let appended = appends[&name];
                    let mut version = appended.version;
                    if version == NONE && appended.by == one {
                        version = found.versions.len() as u32;
                        found.versions.push(Version {
                            key: operation.key,
                            writer: one,
                            value: operation.value,
                            place: Place::Unread,
                        });
                        if appenders.last() != Some(&one) {
                            appenders.push(one);
                        }
                    }
                    if version != NONE {
                        found.writes.push(version);
                    }
                }
                What::ReadPrefix => {
                    let read = operation.value as u32;
                    let all = read_prefix(transactions, appends, one, (operation.key, key), read, found);
                    if all && readers.last() != Some(&one) {
                        readers.push(one);
                    }
                }
                What::ReadOdd => {
                    let common = transactions.odd[operation.value as usize].common as u32;
                    let (writer, _) = key.around[common.min(key.agreed) as usize];
                    if writer != NONE {
                        found.edge(writer, one, Dependency::WriteRead);
                    }
                }
                _ => {}
            }
        }
        while let Some(&(_, name)) = missed.next_if(|&&(by, _)| by == one) {
            let key = &keys[name as usize];
            found.missed.push(key.first);
            match key.around[0].1 {
                NONE => last[name as usize].scanners.push(one),
                next => found.edge(one, next, Dependency::Phantom),
            }
        }
        found.reads.next();
        found.missed.next();
        found.writes.next();
    }
    last
}

/// The edges of a read of a beginning of the list; whether that is all that anybody read.
fn read_prefix(
    transactions: &Transactions,
    appends: &Appends,
    reader: u32,
    (name, key): (u32, &Key),
    read: u32,
    found: &mut Dependencies,
) -> bool {
    let elements = &transactions.traces[name as usize].elements;
    if key.aborted < read {
        let element = elements[key.aborted as usize];
        let by = appends[&(name, element)].by;
        found.anomalies.of_value(Phenomenon::G1a, name, element, &[by, reader]);
    }
    if key.garbage < read {
        found.anomalies.of_value(Phenomenon::Garbage, name, elements[key.garbage as usize], &[reader]);
    }
    if read > 0
        && let element = elements[read as usize - 1]
        && let Some(appended) = appends.get(&(name, element))
        && appended.intermediate
        && appended.by != reader
    {
        found.anomalies.of_value(Phenomenon::G1b, name, element, &[appended.by, reader]);
    }
    let (writer, next) = key.around[read.min(key.agreed) as usize];
    if writer != NONE {
        found.edge(writer, reader, Dependency::WriteRead);
    }
    if read > key.agreed {
        return false; // what follows is in an order that nobody knows
    }
    found.reads.push(key.first + read);
    if next != NONE {
        found.edge(reader, next, Dependency::ReadWrite);
    }
    next == NONE
}
