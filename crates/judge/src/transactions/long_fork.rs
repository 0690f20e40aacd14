//! Long fork: two transactions see two writes in different orders (Sovran, Power, Aguilera, Li 2011; Jepsen's workload of that name).
//!
//! Each key is written once, alone in its transaction; a read asks for all keys of a group. What two reads of a group see is comparable -
//! all that the one has seen the other has, or the other way round - unless there is a fork.

use super::Workload;
use super::anomaly::Phenomenon;
use super::report::{Anomaly, Report};
use crate::log::{End, Log, LogOperation};
use crate::reading::Meaningless;
use crate::value::Value;
use std::collections::BTreeMap;

/// What a read saw: by key, whether it was written.
struct Read {
    operation: usize,
    seen: Vec<bool>,
}

/// Looks for forks.
pub(super) fn judge(log: &Log) -> Result<Report, Meaningless> {
    let mut groups: BTreeMap<Vec<&Value>, Vec<Read>> = BTreeMap::new();
    let mut values: BTreeMap<&Value, &Value> = BTreeMap::new();
    let mut writers: BTreeMap<&Value, usize> = BTreeMap::new();
    for (index, operation) in log.operations().iter().enumerate() {
        let (done, line) = match &operation.end {
            End::Ok(value) => (Some(value), operation.end_line.unwrap_or(operation.line)),
            _ => (None, operation.line),
        };
        let parts = parts(done.unwrap_or(&operation.argument), line)?;
        for &(is_write, key, value) in &parts {
            if is_write && writers.insert(key, index).is_some() && !matches!(operation.end, End::Failed(_)) {
                return Err(Meaningless { line, what: format!("{key} is written a second time") });
            }
            let says = done.is_some() || is_write;
            if says && *value != Value::Nil && values.insert(key, value).is_some_and(|before| before != value)
            {
                return Err(Meaningless {
                    line,
                    what: format!("{key} has a second value: each key is written once"),
                });
            }
        }
        if done.is_some() && parts.iter().all(|&(is_write, ..)| !is_write) && !parts.is_empty() {
            let mut read: Vec<_> = parts.iter().map(|&(_, key, value)| (key, *value != Value::Nil)).collect();
            read.sort_unstable();
            let (keys, seen) = read.into_iter().unzip();
            groups.entry(keys).or_default().push(Read { operation: index, seen });
        }
    }
    let mut anomalies = vec![];
    for (keys, mut reads) in groups {
        reads.sort_by_key(|read| read.seen.iter().filter(|&&seen| seen).count());
        // where each has seen what the one before has, all are comparable
        anomalies.extend(reads.windows(2).filter_map(|pair| fork(log, &keys, &pair[0], &pair[1])));
    }
    anomalies.sort_by_key(|anomaly| anomaly.operations.clone());
    Ok(Report::of_anomalies(Workload::LongFork, log.operations().len(), anomalies))
}

type Part<'a> = (bool, &'a Value, &'a Value);

fn parts(value: &Value, line: usize) -> Result<Vec<Part<'_>>, Meaningless> {
    let wrong = |what: &Value| {
        let what: String = what.to_string().chars().take(60).collect();
        Meaningless { line, what: format!("`{what}` is neither [:r KEY VALUE] nor [:w KEY VALUE]") }
    };
    let Value::Sequence(micro) = value else {
        return if *value == Value::Nil { Ok(vec![]) } else { Err(wrong(value)) };
    };
    micro
        .iter()
        .map(|operation| match operation {
            Value::Sequence(parts) => match &parts[..] {
                [function, key, value] => match function.as_text() {
                    Some("r" | "read") => Ok((false, key, value)),
                    Some("w" | "write") if *value != Value::Nil => Ok((true, key, value)),
                    _ => Err(wrong(operation)),
                },
                _ => Err(wrong(operation)),
            },
            _ => Err(wrong(operation)),
        })
        .collect()
}

fn fork(log: &Log, keys: &[&Value], one: &Read, other: &Read) -> Option<Anomaly> {
    let seen_by = |first: &Read, second: &Read| {
        let at = first.seen.iter().zip(&second.seen).position(|(&first, &second)| first && !second)?;
        Some(keys[at])
    };
    let (only_one, only_other) = (seen_by(one, other)?, seen_by(other, one)?);
    let lines = |read: &Read| {
        let LogOperation { line, end_line, .. } = &log.operations()[read.operation];
        end_line.unwrap_or(*line)
    };
    let why = [(one, only_one, only_other), (other, only_other, only_one)].map(|(read, seen, missed)| {
        format!("T{} (line {}) saw that {seen} was written, and not {missed}", read.operation, lines(read))
    });
    Some(Anomaly::of_log(log, Phenomenon::LongFork, vec![one.operation, other.operation], why.to_vec()))
}
