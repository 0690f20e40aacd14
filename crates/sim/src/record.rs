//! A run as a line of a campaign's results.

use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};

/// What is said of a run in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// It refutes nothing, and owes nothing.
    Holds,
    /// It refutes a property.
    Violated,
    /// It refutes nothing, and ended in debts that were not due.
    Undecided,
    /// It broke assumptions of its model: what it shows is neither for the algorithm nor against it.
    Outside,
}

/// A run of a campaign: its seed, its verdict, and all that it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its seed.
    pub seed: u64,
    /// Its verdict.
    pub verdict: Judgement,
    /// What it refutes.
    pub property: Option<String>,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Record {
    /// The run of this seed.
    pub fn new(seed: u64, outcome: Outcome) -> Self {
        let property = outcome.broken().map(|broken| broken.property);
        let verdict = match &property {
            _ if !outcome.outside.is_empty() => Judgement::Outside,
            Some(_) => Judgement::Violated,
            None if outcome.owed.is_empty() => Judgement::Holds,
            None => Judgement::Undecided,
        };
        Self { seed, verdict, property, outcome }
    }

    /// As a line, without its end.
    ///
    /// # Panics
    /// Never: a record has no keys but text.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a record is written as JSON")
    }

    /// The record that a line is.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }
}
