//! Why a condition is violated, in words.

use super::LevelVerdict;
use super::accesses::Access;
use super::explained::Source;
use super::graph::Reason;
use crate::history::Client;
use crate::log::{End, Log};

/// What shows a violation; operations are named by their index among the accesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// What was read was never written.
    ThinAir { read: usize },
    /// Each must come before the next, and the last before the first; for a client, or for all.
    Cycle { client: Option<Client>, cycle: Vec<(usize, Reason)> },
    /// What was read had been overwritten for the reader.
    Overwritten { client: Option<Client>, read: usize, source: Source, by: usize },
    /// What was read was written only later.
    Later { read: usize, write: usize },
    /// In the end two clients read different writes.
    Disagree { first: usize, second: usize },
}

/// An operation of a log, in words.
pub(super) fn operation(log: &Log, index: usize) -> String {
    let operation = &log.operations()[index];
    let key = operation.key.as_ref().map_or(String::new(), |key| format!(" of {key}"));
    let asked = match (&*operation.function, &operation.argument) {
        (function @ ("read" | "get"), _) => format!("{function}{key}"),
        (function, argument) => format!("{function} {argument}{key}"),
    };
    let end = match &operation.end {
        End::Ok(value) if matches!(&*operation.function, "read" | "get") => format!(" = {value}"),
        End::Ok(_) => String::new(),
        End::Failed(_) => ", which failed".to_owned(),
        End::Unknown => ", whose outcome is unknown".to_owned(),
    };
    format!("line {}: {} {asked}{end}", operation.line, operation.client)
}

/// What is broken, told.
pub(super) fn broken(log: &Log, accesses: &[Access], broken: Broken) -> LevelVerdict {
    let told = |index: usize| format!("({})", operation(log, accesses[index].operation));
    let (involved, why) = match broken {
        Broken::ThinAir { read } => (vec![read], format!("{} read what nobody wrote", told(read))),
        Broken::Later { read, write } => (
            vec![read, write],
            format!("{} read what {} wrote, which was invoked only later", told(read), told(write)),
        ),
        Broken::Disagree { first, second } => {
            let why =
                format!("when nothing more was written, {} and {} still differ", told(first), told(second));
            (vec![first, second], why)
        }
        Broken::Overwritten { client, read, source, by } => {
            let what = source
                .map_or("what was there initially".to_owned(), |write| format!("what {} wrote", told(write)));
            let whom = client.map_or(String::new(), |client| format!(" in any order for {client}"));
            let why = format!("{} read {what}, which {} had overwritten before{whom}", told(read), told(by));
            (source.into_iter().chain([by, read]).collect(), why)
        }
        Broken::Cycle { client, cycle } => told_cycle(client, &cycle, told),
    };
    let mut operations: Vec<usize> = involved.into_iter().map(|index| accesses[index].operation).collect();
    operations.sort_unstable();
    operations.dedup();
    LevelVerdict::Violated { operations, why }
}

fn told_cycle(
    client: Option<Client>,
    cycle: &[(usize, Reason)],
    told: impl Fn(usize) -> String,
) -> (Vec<usize>, String) {
    let mut involved = vec![];
    let mut steps = vec![];
    for (place, &(from, reason)) in cycle.iter().enumerate() {
        let to = cycle[(place + 1) % cycle.len()].0;
        involved.push(from);
        // what an operation reads and what it writes are apart
        if from == to && cycle.len() > 1 {
            continue;
        }
        let because = match reason {
            Reason::Client => "in the order of their client".to_owned(),
            Reason::Read => "which read it".to_owned(),
            Reason::Overwrites => "which overwrites what it read".to_owned(),
            Reason::Overwritten { by } => {
                involved.push(by);
                format!("for {} has seen both and read the latter", told(by))
            }
        };
        steps.push(format!("{} comes before {}, {because}", told(from), told(to)));
    }
    let whom = client.map_or(String::new(), |client| format!(" for {client}"));
    (involved, format!("these come before each other{whom}: {}", steps.join("; ")))
}

/// Where the search for one order ended.
pub(super) fn stuck(log: &Log, most: usize, of: usize, stuck: &[(usize, String, String)]) -> LevelVerdict {
    let told = |(index, returned, would): &(usize, String, String)| {
        format!("({}) returned {returned}, and would have returned {would}", operation(log, *index))
    };
    let next: Vec<String> = stuck.iter().map(told).collect();
    let why = format!(
        "an order that keeps each client's explains at most {most} of {of} operations; then {}",
        next.join(", and ")
    );
    LevelVerdict::Violated { operations: stuck.iter().map(|&(index, ..)| index).collect(), why }
}
