//! Registers: a read says whose write it saw, but not in what order the writes were. Of their order only that is used which follows:
//!
//! * the initial state comes before all;
//! * in a transaction that reads and then writes a key the written version comes after the read one, or else G1c: it follows from
//!   read committed on (Kingsbury, Alvaro 2020, section 5.3: writes follow reads);
//! * of levels that keep the order of clients or of real time, versions are in the order in which they were met ([`met`]).

use super::anomaly::Phenomenon;
use super::collect::{Status, Transactions, What};
use super::dependencies::{Dependencies, Place, Version};
use super::graph::{Dependency, NONE};
use super::met;
use rustc_hash::FxHashMap;

#[derive(Clone, Copy)]
struct Written {
    by: u32,
    intermediate: bool,
    /// By more than one, of whom none is known to have been aborted.
    ambiguous: bool,
    version: u32,
}

type Writes = FxHashMap<(u32, i64), Written>;

/// What the transactions say of each other.
pub(super) fn dependencies(transactions: &Transactions) -> Dependencies {
    let mut found = Dependencies::new(transactions);
    let mut writes = writes(transactions);
    observed(transactions, &writes, &mut found);
    for key in 0..transactions.names.keys() as u32 {
        found.versions.push(Version { key, writer: NONE, value: 0, place: Place::Rank(0) });
    }
    let (mut ambiguous, mut garbage) = (vec![], vec![]);
    let mut uses: Vec<(u32, u32, Use)> = vec![];
    let mut missed = transactions.missed.iter().peekable();
    for one in 0..transactions.all.len() as u32 {
        for operation in transactions.of(one) {
            let name = (operation.key, operation.value);
            match operation.what {
                What::ReadNothing => {
                    found.reads.push(operation.key);
                    uses.push((operation.key, one, Use::Reads));
                }
                What::ReadValue => {
                    let Some(written) = writes.get_mut(&name) else {
                        garbage.push(name);
                        continue;
                    };
                    if written.ambiguous {
                        ambiguous.push(name);
                        continue;
                    }
                    let by = written.by;
                    let kind = match transactions.all[by as usize].status {
                        Status::Aborted => Some(Phenomenon::G1a),
                        _ if written.intermediate && by != one => Some(Phenomenon::G1b),
                        _ => None,
                    };
                    if let Some(kind) = kind {
                        found.anomalies.of_value(kind, name.0, name.1, &[by, one]);
                    }
                    let version = version(written, name, &mut found);
                    found.reads.push(version);
                    if found.present[by as usize] {
                        found.edge(by, one, Dependency::WriteRead);
                    }
                    uses.push((version, one, Use::Reads));
                }
                What::Write if found.present[one as usize] => {
                    let Some(written) = writes.get_mut(&name).filter(|written| written.by == one) else {
                        continue;
                    };
                    let version = version(written, name, &mut found);
                    found.writes.push(version);
                    uses.push((operation.key, one, Use::Overwrites));
                }
                _ => {}
            }
        }
        while let Some(&(_, key)) = missed.next_if(|&&(by, _)| by == one) {
            found.missed.push(key);
            uses.push((key, one, Use::Misses));
        }
        found.reads.next();
        found.missed.next();
        found.writes.next();
        updates(one, &mut found, &mut uses);
    }
    overwrites(uses, &mut found);
    met::orders(transactions, &mut found);
    found.lost_updates();
    notes(transactions, &garbage, &ambiguous, &mut found);
    found
}

/// What a transaction does to a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Reads,
    /// By a scan that did not find it.
    Misses,
    Overwrites,
}

fn writes(transactions: &Transactions) -> Writes {
    let mut writes = Writes::default();
    for by in 0..transactions.all.len() as u32 {
        let aborted = transactions.all[by as usize].status == Status::Aborted;
        for operation in transactions.of(by) {
            let intermediate = operation.what == What::WriteIntermediate;
            if !intermediate && operation.what != What::Write {
                continue;
            }
            let new = Written { by, intermediate, ambiguous: false, version: NONE };
            let written = writes.entry((operation.key, operation.value)).or_insert(new);
            let before_aborted = transactions.all[written.by as usize].status == Status::Aborted;
            match (written.by == by, before_aborted, aborted) {
                (true, ..) => written.intermediate &= intermediate,
                (false, true, false) => *written = new,
                (false, _, true) => {}
                (false, false, false) => written.ambiguous = true,
            }
        }
    }
    writes
}

fn observed(transactions: &Transactions, writes: &Writes, found: &mut Dependencies) {
    for one in 0..transactions.all.len() as u32 {
        for operation in transactions.of(one).iter().filter(|operation| operation.what == What::ReadValue) {
            if let Some(written) = writes.get(&(operation.key, operation.value))
                && !written.ambiguous
                && transactions.all[written.by as usize].status == Status::Unknown
            {
                found.present[written.by as usize] = true;
            }
        }
    }
}

fn version(written: &mut Written, (key, value): (u32, i64), found: &mut Dependencies) -> u32 {
    if written.version == NONE {
        written.version = found.versions.len() as u32;
        found.versions.push(Version { key, writer: written.by, value, place: Place::Written });
    }
    written.version
}

/// In a transaction writes follow reads.
fn updates(one: u32, found: &mut Dependencies, uses: &mut Vec<(u32, u32, Use)>) {
    for &written in found.writes.of(one) {
        let key = found.versions[written as usize].key;
        for &read in found.reads.of(one) {
            if found.versions[read as usize].key == key && found.versions[read as usize].writer != NONE {
                found.versions[written as usize].place = Place::After(read);
                uses.push((read, one, Use::Overwrites));
            }
        }
    }
}

/// Who reads a version comes before who overwrites it.
fn overwrites(mut uses: Vec<(u32, u32, Use)>, found: &mut Dependencies) {
    uses.sort_unstable_by_key(|&(version, one, usage)| (version, usage, one));
    uses.dedup();
    for of_version in uses.chunk_by(|one, other| one.0 == other.0) {
        let who = |wanted: Use| -> Vec<u32> {
            of_version.iter().filter(|&&(_, _, usage)| usage == wanted).map(|&(_, one, _)| one).collect()
        };
        found.overwrite(&who(Use::Reads), &who(Use::Overwrites), Dependency::ReadWrite);
        found.overwrite(&who(Use::Misses), &who(Use::Overwrites), Dependency::Phantom);
    }
}

fn notes(
    transactions: &Transactions,
    garbage: &[(u32, i64)],
    ambiguous: &[(u32, i64)],
    found: &mut Dependencies,
) {
    let mut note = |reads: &[(u32, i64)], what: &str| {
        if let Some(&(key, value)) = reads.first() {
            let (key, value) = (transactions.names.key_name(key), transactions.names.value(value));
            let more = reads.len() - 1;
            let more = if more == 0 { String::new() } else { format!(", and {more} more such reads") };
            found.notes.push(format!("{value} was read of {key}{more}: {what}"));
        }
    };
    note(garbage, "none of these transactions wrote it; it may have been there before, or others wrote it");
    note(ambiguous, "several wrote it; nothing is inferred");
    let inferred = "versions are ordered as far as it follows: the initial one first, writes after what their transaction read, and as clients and clocks met them";
    found.notes.push(inferred.to_owned());
}
