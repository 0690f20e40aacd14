//! The verdict on a history of transactions.

use super::Workload;
use super::anomaly::{KEPT_MAX, Outer, Pattern, Phenomenon, refutes};
use super::level::Level;
use crate::history::Client;
use crate::log::{End, Log};
use std::collections::BTreeMap;
use std::fmt;

/// A transaction that has to do with an anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Involved {
    /// The operation of the log; the explanations call it `T` and this number.
    pub operation: usize,
    /// Whose it was.
    pub client: Client,
    /// The line of its invocation.
    pub line: usize,
    /// The line of its end.
    pub end_line: Option<usize>,
    /// What it did; reads that say what those before have said are left out.
    pub did: String,
    /// What came of it.
    pub ended: &'static str,
}

/// Something that not every level allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Its kind.
    pub phenomenon: Phenomenon,
    /// What besides reads and writes it needs.
    pub outer: Outer,
    /// What it is also called.
    pub pattern: Option<Pattern>,
    /// The operations of the log that take part; of a cycle, in its order.
    pub operations: Vec<usize>,
    /// Why, a line for each edge.
    pub why: Vec<String>,
    /// Those operations in words, in the order of the log.
    pub involved: Vec<Involved>,
}

impl Anomaly {
    /// One that is told of the operations of a log.
    pub(super) fn of_log(
        log: &Log,
        phenomenon: Phenomenon,
        operations: Vec<usize>,
        why: Vec<String>,
    ) -> Self {
        let involved = operations.iter().map(|&index| {
            let operation = &log.operations()[index];
            let (did, ended) = match &operation.end {
                End::Ok(value) => (value, "committed"),
                End::Failed(_) => (&operation.argument, "aborted"),
                End::Unknown => (&operation.argument, "of unknown outcome"),
            };
            let (client, line, end_line) = (operation.client, operation.line, operation.end_line);
            Involved { operation: index, client, line, end_line, did: did.to_string(), ended }
        });
        let involved = involved.collect();
        Self { phenomenon, outer: Outer::None, pattern: None, operations, why, involved }
    }

    /// The lines where the operations that take part begin; of a cycle, in its order.
    pub fn lines(&self) -> Vec<usize> {
        let line = |operation: &usize| self.involved.iter().find(|one| one.operation == *operation);
        self.operations.iter().filter_map(line).map(|one| one.line).collect()
    }

    /// Whether it refutes a level.
    pub fn refutes(&self, level: Level) -> bool {
        refutes((self.phenomenon, self.outer)).iter().any(|&weaker| level.implies(weaker))
    }
}

/// Whether a history satisfies a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// Something refutes it.
    No,
    /// It could not be told within the budget.
    Unknown,
    /// Nothing refutes it.
    Yes,
}

/// What was found of a history of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the transactions worked on.
    pub workload: Workload,
    /// How many there were.
    pub transactions: usize,
    /// The first few of each kind; the shortest of cycles.
    pub anomalies: Vec<Anomaly>,
    /// How many of each kind there were; of cycles, how many are told.
    pub counts: BTreeMap<(Phenomenon, Outer), usize>,
    /// What was inferred, and what was not, in words.
    pub notes: Vec<String>,
    pub(super) levels: BTreeMap<Level, Holds>,
}

impl Report {
    /// With these anomalies, and the levels that they refute.
    pub(super) fn of_anomalies(workload: Workload, transactions: usize, mut anomalies: Vec<Anomaly>) -> Self {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        let holds = |level: Level| {
            if anomalies.iter().any(|anomaly| anomaly.refutes(level)) { Holds::No } else { Holds::Yes }
        };
        let levels = Level::ALL.into_iter().map(|level| (level, holds(level))).collect();
        anomalies.retain(|anomaly| {
            let count = counts.entry((anomaly.phenomenon, anomaly.outer)).or_default();
            *count += 1;
            *count <= KEPT_MAX
        });
        Self { workload, transactions, anomalies, counts, notes: vec![], levels }
    }

    /// Whether nothing refutes a level.
    pub fn holds(&self, level: Level) -> bool {
        self.verdict(level) == Holds::Yes
    }

    /// Whether a level is refuted, or that could not be told.
    pub fn verdict(&self, level: Level) -> Holds {
        self.levels[&level]
    }

    /// The levels that nothing refutes, a weaker one before the stronger.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        Level::ALL.into_iter().filter(|&level| self.holds(level))
    }

    /// The strongest levels that nothing refutes: none of them implies another.
    pub fn strongest(&self) -> Vec<Level> {
        let topped = |one: Level| self.levels().any(|other| other != one && other.implies(one));
        self.levels().filter(|&level| !topped(level)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strongest: Vec<&str> = self.strongest().into_iter().map(Level::name).collect();
        match &strongest[..] {
            [] => write!(f, "{} transactions: no level holds", self.transactions)?,
            some => write!(f, "{} transactions: {}", self.transactions, some.join(" and "))?,
        }
        for level in Level::ALL.into_iter().filter(|&level| self.verdict(level) == Holds::Unknown) {
            write!(f, "\nwhether {level} holds could not be told within the budget")?;
        }
        for anomaly in &self.anomalies {
            write!(f, "\n\n{anomaly}")?;
        }
        for note in &self.notes {
            write!(f, "\n\nnote: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.phenomenon.name())?;
        if let Some(pattern) = self.pattern {
            write!(f, ", {}", pattern.name())?;
        }
        let refuted: Vec<&str> =
            refutes((self.phenomenon, self.outer)).iter().map(|level| level.name()).collect();
        write!(f, "{}: not {}", self.outer.needs(), refuted.join(", nor "))?;
        for words in &self.why {
            write!(f, "\n  {words}")?;
        }
        for Involved { operation, client, line, end_line, did, ended } in &self.involved {
            let lines =
                end_line.map_or_else(|| format!("line {line}"), |end| format!("lines {line} and {end}"));
            write!(f, "\n    T{operation}: {did}, {ended}, {client}, {lines}")?;
        }
        Ok(())
    }
}
