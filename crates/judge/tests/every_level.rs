//! Every small history of a register by each weaker condition, against its definition, up to who is who and what values are called.
//!
//! What clients do one after the other is all that most conditions know; those that know of real time are held against theirs on histories
//! of operations that overlap in every way. `SYNOD_JUDGE_SIZE` says how many operations they have.
#![expect(
    clippy::print_stdout,
    clippy::cast_possible_wrap,
    reason = "counts of what was checked; few values"
)]

mod definitions;
mod every;

use definitions::{Op, holds, log, verdict};
use every::histories;
use std::collections::BTreeMap;
use synod_judge::consistency::Level;
use synod_judge::{History, Outcome, RegisterOperation, RegisterReturn};

/// How many operations histories have, unless told.
const USUAL: usize = 4;

fn size() -> usize {
    std::env::var("SYNOD_JUDGE_SIZE").map_or(USUAL, |text| text.parse().unwrap())
}

/// How many histories there are, and how many satisfy each level.
#[derive(Debug, Default)]
struct Counts {
    histories: usize,
    hold: BTreeMap<Level, usize>,
}

impl Counts {
    fn check(&mut self, ops: &[Op], levels: &[Level]) {
        self.histories += 1;
        let log = log(ops);
        for &level in levels {
            let defined = holds(ops, level);
            assert_eq!(verdict(&log, level).holds(), Some(defined), "{level}: {ops:#?}");
            *self.hold.entry(level).or_default() += usize::from(defined);
        }
    }

    /// Tells the counts, and holds those of the usual size against what they were.
    fn are(&self, what: &str, histories: usize, hold: &[usize]) {
        println!("{what}: {self:?}");
        if size() == USUAL {
            let held: Vec<usize> = self.hold.values().copied().collect();
            assert_eq!((self.histories, &held[..]), (histories, hold), "{what}");
        }
    }
}

/// What a client does: a read of a value, or a write of one, of which it may not know whether it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Done {
    Read(i64),
    Write(i64),
    WriteUnknown(i64),
}

impl Done {
    fn value(&mut self) -> &mut i64 {
        let (Self::Read(value) | Self::Write(value) | Self::WriteUnknown(value)) = self;
        value
    }
}

/// Values in the order in which they occur; 0 is what was there initially.
fn renamed(row: &[Vec<Done>]) -> Vec<Vec<Done>> {
    let mut names = vec![0];
    let mut row = row.to_vec();
    for done in row.iter_mut().flatten() {
        let value = done.value();
        let name = names.iter().position(|name| name == value).unwrap_or(names.len());
        if name == names.len() {
            names.push(*value);
        }
        *value = name as i64;
    }
    row
}

/// Whether no other order of clients who do as many comes first.
fn is_first(row: &[Vec<Done>]) -> bool {
    fn least(left: &mut Vec<Vec<Done>>, row: &mut Vec<Vec<Done>>, own: &[Vec<Done>]) -> bool {
        if left.is_empty() {
            return own <= &renamed(row)[..];
        }
        (0..left.len()).all(|next| {
            if left[next].len() != own[row.len()].len() {
                return true;
            }
            let client = left.remove(next);
            row.push(client);
            let is_least = least(left, row, own);
            left.insert(next, row.pop().expect("it was pushed"));
            is_least
        })
    }
    least(&mut row.to_vec(), &mut vec![], row)
}

/// Calls `visit` with all that clients who do so many operations each may do: values by name, reads of what is written or nothing.
fn rows(sizes: &[usize], visit: &mut impl FnMut(&[Vec<Done>])) {
    fn go(sizes: &[usize], row: &mut Vec<Vec<Done>>, named: i64, visit: &mut impl FnMut(&[Vec<Done>])) {
        let client = row.len() - 1;
        if row[client].len() == sizes[client] {
            if row.len() < sizes.len() {
                row.push(vec![]);
                go(sizes, row, named, visit);
                row.pop();
            } else {
                visit(row);
            }
            return;
        }
        for value in 0..=named + 1 {
            let writes = [Done::Write(value), Done::WriteUnknown(value)];
            for done in [Done::Read(value)].into_iter().chain(writes.into_iter().filter(|_| value > 0)) {
                row[client].push(done);
                go(sizes, row, named.max(value), visit);
                row[client].pop();
            }
        }
    }
    go(sizes, &mut vec![vec![]], 0, visit);
}

/// All ways to share out so many operations among at most so many clients, the busiest first.
fn shares(operations: usize, clients: usize, most: usize) -> Vec<Vec<usize>> {
    if operations == 0 {
        return vec![vec![]];
    }
    let first = |first: usize| {
        let rest = if clients == 1 && first < operations {
            vec![]
        } else {
            shares(operations - first, clients - 1, first)
        };
        rest.into_iter().map(move |rest| [vec![first], rest].concat())
    };
    if clients == 0 { vec![] } else { (1..=most.min(operations)).rev().flat_map(first).collect() }
}

#[test]
fn what_clients_do_one_after_the_other() {
    let levels = [
        Level::Sequential,
        Level::CausalConvergence,
        Level::Causal,
        Level::WeakCausal,
        Level::Pram,
        Level::ReadYourWrites,
        Level::MonotonicReads,
        Level::MonotonicWrites,
        Level::WritesFollowReads,
    ];
    let mut counts = Counts::default();
    for sizes in shares(size(), 3, size()) {
        rows(&sizes, &mut |row| {
            let mut written = vec![0];
            let mut unknown = 0;
            for done in row.iter().flatten() {
                match done {
                    Done::Write(value) => written.push(*value),
                    Done::WriteUnknown(value) => {
                        written.push(*value);
                        unknown += 1;
                    }
                    Done::Read(_) => {}
                }
            }
            let is_written = |done: &Done| !matches!(done, Done::Read(value) if !written.contains(value));
            if unknown > 1 || !row.iter().flatten().all(is_written) || !is_first(row) {
                return;
            }
            let mut ops = vec![];
            for (client, done) in row.iter().enumerate().flat_map(|(c, row)| row.iter().map(move |d| (c, *d)))
            {
                let (seen, wrote) = match done {
                    Done::Read(value) => (Some(value), None),
                    Done::Write(value) | Done::WriteUnknown(value) => (None, Some(value)),
                };
                let known = !matches!(done, Done::WriteUnknown(_));
                let at = 2 * ops.len();
                ops.push(Op {
                    client: client as u64,
                    key: 0,
                    seen,
                    wrote,
                    known,
                    invoked: at,
                    returned: at + 1,
                });
            }
            counts.check(&ops, &levels);
        });
    }
    counts.are("one after the other", 1894, &[1150, 1150, 1151, 1154, 1155, 1549, 1721, 1880, 1521]);
}

#[test]
fn operations_that_overlap_in_every_way() {
    let levels = [
        Level::Linearizable,
        Level::Regular,
        Level::Safe,
        Level::Eventual,
        Level::Versions(2),
        Level::Time(2),
    ];
    let asks = |_| vec![RegisterOperation::Read, RegisterOperation::Write(1), RegisterOperation::Write(2)];
    let answers = |asked: &RegisterOperation<i64>, _: &[RegisterOperation<i64>]| match asked {
        RegisterOperation::Read => [None, Some(1), Some(2)].map(RegisterReturn::Value).to_vec(),
        RegisterOperation::Write(_) => vec![RegisterReturn::Written],
    };
    let mut counts = Counts::default();
    histories(size(), 3, &asks, &answers, &mut |history: &History<_, RegisterReturn<i64>>| {
        let ops: Vec<Op> = history
            .operations()
            .iter()
            .filter_map(|o| {
                let (seen, wrote) = match (&o.operation, &o.outcome) {
                    (RegisterOperation::Write(value), _) => (None, Some(*value)),
                    (_, Outcome::Ok(RegisterReturn::Value(value))) => (Some(value.unwrap_or(0)), None),
                    _ => return None, // what nobody knows of a read says nothing
                };
                let known = matches!(o.outcome, Outcome::Ok(_));
                let returned = o.returned.unwrap_or(history.events().len() + o.invoked);
                Some(Op { client: o.client.0, key: 0, seen, wrote, known, invoked: o.invoked, returned })
            })
            .collect();
        if ops.len() == history.operations().len() {
            counts.check(&ops, &levels);
        }
    });
    counts.are("in every way", 16_174, &[4843, 7935, 5005, 8103, 6177, 6040]);
}
