//! The verdict on a history of transactions.

use super::Workload;
use super::anomaly::{Kind, Pattern};
use super::level::Level;
use crate::history::Client;
use std::collections::BTreeMap;
use std::fmt;

/// A transaction that has to do with an anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Involved {
    /// What it is called in the explanation.
    pub name: String,
    /// Its index in the order of invocations.
    pub transaction: usize,
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

/// Something that no database of some level shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What it is.
    pub kind: Kind,
    /// What it is also called.
    pub pattern: Option<Pattern>,
    /// Why: of a cycle, each of its edges.
    pub explanation: Vec<String>,
    /// Who took part.
    pub operations: Vec<Involved>,
}

/// Whether a history satisfies a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// It contradicts it.
    No,
    /// It could not be told within the budget.
    Unknown,
    /// Nothing contradicts it.
    Yes,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the transactions worked on.
    pub workload: Workload,
    /// How many there were.
    pub transactions: usize,
    /// The first few of each kind.
    pub anomalies: Vec<Anomaly>,
    /// How many of each kind there were; of cycles, how many are shown.
    pub counts: BTreeMap<Kind, usize>,
    /// What was inferred, and what was not.
    pub remarks: Vec<String>,
    pub(super) levels: BTreeMap<Level, Holds>,
}

impl Report {
    /// Whether a level holds.
    pub fn holds(&self, level: Level) -> Holds {
        self.levels[&level]
    }

    /// The levels that hold, a weaker one before the stronger.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        Level::ALL.into_iter().filter(|&level| self.holds(level) == Holds::Yes)
    }

    /// The levels that hold and that no other one that holds implies: several if none is the strongest of all.
    pub fn strongest(&self) -> Vec<Level> {
        let above = |one: Level| self.levels().any(|other| other != one && other.implies(one));
        self.levels().filter(|&level| !above(level)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strongest: Vec<&str> = self.strongest().into_iter().map(Level::name).collect();
        match &strongest[..] {
            [] => write!(f, "{} transactions: no level holds", self.transactions)?,
            some => write!(f, "{} transactions: {}", self.transactions, some.join(" and "))?,
        }
        for level in Level::ALL.into_iter().filter(|&level| self.holds(level) == Holds::Unknown) {
            write!(f, "\nwhether {level} holds could not be told within the budget")?;
        }
        for anomaly in &self.anomalies {
            write!(f, "\n\n{anomaly}")?;
        }
        for remark in &self.remarks {
            write!(f, "\n\nnote: {remark}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(pattern) = self.pattern {
            write!(f, " ({pattern})")?;
        }
        write!(f, ", not {}:", self.kind.refutes())?;
        for (index, words) in self.explanation.iter().enumerate() {
            let last = index > 0 && index + 1 == self.explanation.len();
            write!(f, "\n  {}{words}{}", if last { "but " } else { "" }, if last { ": a cycle" } else { "" })?;
        }
        for Involved { name, client, line, end_line, did, ended, .. } in &self.operations {
            let lines = end_line.map_or_else(|| format!("line {line}"), |end| format!("lines {line} and {end}"));
            write!(f, "\n    {name} = {did}, {ended}, {client}, {lines}")?;
        }
        Ok(())
    }
}
