//! What the clients of each workload may see: a checker each.

use crate::driver::{End, Operation, Run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// `echo`: the reply equals the request.
pub(crate) fn echo(run: &Run) -> Result<(), String> {
    for operation in &run.operations {
        match operation.ok() {
            Some(reply) if reply["echo"] == operation.request["echo"] => {}
            other => return Err(format!("{} is answered {other:?}", operation.request)),
        }
    }
    Ok(())
}

/// `unique-ids`: no name is given twice.
pub(crate) fn unique_ids(run: &Run) -> Result<(), String> {
    let mut given = BTreeSet::new();
    for reply in run.operations.iter().filter_map(Operation::ok) {
        let id: &Value = &reply["id"];
        if id.is_null() || !given.insert(id.to_string()) {
            return Err(format!("{id} is given twice"));
        }
    }
    Ok(())
}

/// What became of elements that were added, and of reads of all of them.
#[derive(Debug)]
pub(crate) struct Spread {
    /// How long after it was known each element was still missed by a read: Maelstrom's stable latencies, in ascending order.
    pub(crate) stable: Vec<Duration>,
}

impl Spread {
    /// The latency of this share of elements.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        self.stable[((self.stable.len() - 1) as f64 * share).round() as usize]
    }
}

/// `broadcast` and `g-set`: at last every node has each element that was acknowledged, once, and none that nobody added.
pub(crate) fn spread(run: &Run, adds: &str, element: &str, elements: &str) -> Result<Spread, String> {
    let mut known: BTreeMap<i64, Option<Duration>> = BTreeMap::new();
    for operation in run.operations.iter().filter(|operation| operation.kind() == adds) {
        let element = operation.request[element].as_i64().expect("a number");
        known.insert(element, operation.ok().map(|_| operation.ended));
    }
    let mut absent: BTreeMap<i64, Duration> = BTreeMap::new();
    let mut nodes = BTreeSet::new();
    for read in run.operations.iter().filter(|operation| operation.kind() == "read") {
        let Some(reply) = read.ok() else { continue };
        let listed = reply[elements].as_array().ok_or("a read without a list")?;
        let seen: BTreeSet<i64> = listed.iter().filter_map(Value::as_i64).collect();
        if seen.len() != listed.len() {
            return Err(format!("a read at n{} has an element twice, or what is none", read.node));
        }
        if let Some(made) = seen.iter().find(|element| !known.contains_key(element)) {
            return Err(format!("n{} has {made}, which nobody added", read.node));
        }
        for (&element, at) in known.iter().filter(|(element, _)| !seen.contains(element)) {
            if read.last && at.is_some() {
                return Err(format!("n{} has lost {element}", read.node));
            }
            absent.insert(element, read.invoked);
        }
        if read.last {
            nodes.insert(read.node);
        }
    }
    if nodes.len() < run.nodes() {
        return Err("not every node was read at last".to_owned());
    }
    let latency = |(element, at): (&i64, &Option<Duration>)| {
        let known = (*at)?;
        Some(absent.get(element).map_or(Duration::ZERO, |absent| absent.saturating_sub(known)))
    };
    let mut stable: Vec<_> = known.iter().filter_map(latency).collect();
    stable.sort();
    Ok(Spread { stable })
}

/// `g-counter` and `pn-counter`: at last every node has the sum of all that was added.
pub(crate) fn counter(run: &Run) -> Result<(), String> {
    let mut sum = 0..=0;
    for operation in run.operations.iter().filter(|operation| operation.kind() == "add") {
        let delta = operation.request["delta"].as_i64().expect("a number");
        let (certain, possible) = match operation.end {
            End::Ok(_) => (true, true),
            End::Unknown => (false, true),
            End::Error(_) => (false, !operation.end.failed()),
        };
        let (low, high) = sum.into_inner();
        let least = if certain { delta } else { delta.min(0) };
        let most = if certain { delta } else { delta.max(0) };
        sum = if possible { low + least..=high + most } else { low..=high };
    }
    let last: Vec<_> = run.operations.iter().filter(|operation| operation.last).collect();
    if last.len() < run.nodes() {
        return Err("not every node was read at last".to_owned());
    }
    for read in last {
        let value = read.ok().and_then(|reply| reply["value"].as_i64()).ok_or("no number was read")?;
        if !sum.contains(&value) {
            return Err(format!("n{} has {value}, not {sum:?}", read.node));
        }
    }
    Ok(())
}

/// A message with its offset.
fn placed(pair: &Value) -> Option<(u64, &Value)> {
    Some((pair[0].as_u64()?, &pair[1]))
}

/// The messages that a poll brought, by key and offset.
fn polled(reply: &Value) -> impl Iterator<Item = (&str, Vec<(u64, &Value)>)> {
    let messages = reply["msgs"].as_object().into_iter().flatten();
    messages.map(move |(key, list)| {
        (key.as_str(), list.as_array().into_iter().flatten().filter_map(placed).collect())
    })
}

/// `kafka`: a message has one offset, an offset one message; what was acknowledged is polled by whoever asks from then on; no poll
/// leaves anything out; what was sent later has a greater offset; committed offsets never go back.
pub(crate) fn kafka(run: &Run) -> Result<(), String> {
    let mut at: BTreeMap<(String, u64), Value> = BTreeMap::new();
    let mut place = |key: &str, offset: u64, message: &Value| {
        let there = at.entry((key.to_owned(), offset)).or_insert_with(|| message.clone());
        if there == message { Ok(()) } else { Err(format!("{key} has {there} and {message} at {offset}")) }
    };
    let done = |kind: &'static str| {
        let of_kind = run.operations.iter().filter(move |operation| operation.kind() == kind);
        of_kind.filter_map(|operation| Some((operation, operation.ok()?)))
    };
    let mut sent = Vec::new();
    for (send, reply) in done("send") {
        let key = send.request["key"].as_str().expect("a key");
        let offset = reply["offset"].as_u64().ok_or("a message without an offset")?;
        place(key, offset, &send.request["msg"])?;
        sent.push((send, key, offset));
    }
    for (i, (one, key, offset)) in sent.iter().enumerate() {
        for (other, key_of_other, later) in &sent[i + 1..] {
            if key == key_of_other && one.order.1 < other.order.0 && offset >= later {
                return Err(format!("{key}: {later} was sent after {offset}"));
            }
        }
    }
    for (poll, reply) in done("poll") {
        for (key, messages) in polled(reply) {
            let from = poll.request["offsets"][key].as_u64().expect("it was asked for");
            for (expected, (offset, message)) in (from..).zip(&messages) {
                if expected != *offset {
                    return Err(format!("{key}: {expected} is left out"));
                }
                place(key, *offset, message)?;
            }
            let until = from + messages.len() as u64;
            let before = |(send, of, offset): &&(&Operation, &str, u64)| {
                *of == key && *offset >= from && send.order.1 < poll.order.0
            };
            if let Some((_, _, lost)) = sent.iter().filter(before).find(|(_, _, offset)| *offset >= until) {
                return Err(format!("{key}: {lost} was acknowledged, and is not polled from {from} on"));
            }
        }
    }
    let commits: Vec<_> = done("commit_offsets").collect();
    for (list, reply) in done("list_committed_offsets") {
        for key in list.request["keys"].as_array().expect("keys").iter().filter_map(Value::as_str) {
            let before = commits.iter().filter(|(commit, _)| commit.order.1 < list.order.0);
            let least = before.filter_map(|(commit, _)| commit.request["offsets"][key].as_u64()).max();
            if reply["offsets"][key].as_u64() < least {
                return Err(format!("{key}: {least:?} was committed, {} is listed", reply["offsets"][key]));
            }
        }
    }
    Ok(())
}
