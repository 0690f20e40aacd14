//! Numbers that the literature states, computed again: by formulas, by enumeration, by Monte Carlo, and by processes of the
//! library that are simulated.
//!
//! A [`Row`] is a result with its source, its system model and its tolerance. [`Row::reproduce`] computes it and sets each number
//! beside the published one. Nothing here draws but from the seed, and all that decides uses the same bits on every machine.

mod detectors;
mod elections;
mod finding;
mod gossip;
mod links;
mod quorums;
mod simulated;
mod staleness;
mod statistics;
mod tails;

pub use finding::{Finding, How, Tolerance};

use serde::Serialize;

/// How much is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Where everything is drawn from.
    pub seed: u64,
    /// As many samples as the row's tolerance needs; else few, and four standard deviations of them are added to it.
    pub full: bool,
}

impl Effort {
    /// The seed unless another is given.
    pub const SEED: u64 = 1987;

    /// All samples.
    pub const FULL: Self = Self { seed: Self::SEED, full: true };
    /// Few.
    pub const CHEAP: Self = Self { seed: Self::SEED, full: false };

    /// So many samples, or so few.
    pub(crate) fn samples(&self, full: u64, cheap: u64) -> u64 {
        if self.full { full } else { cheap }
    }
}

/// How we know what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// It was looked up in the source.
    LookedUp,
    /// It was recalled, and not looked up: the source itself is to be asked before it is quoted.
    Recalled,
    /// It was recomputed from the source's formula by somebody else's program than this one.
    Recomputed,
}

impl Provenance {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LookedUp => "looked up in the source",
            Self::Recalled => "recalled, not looked up",
            Self::Recomputed => "recomputed independently from the source's formula",
        }
    }
}

/// A published result.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// Its name here.
    pub id: &'static str,
    /// What it says.
    pub title: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// What is assumed of the world.
    pub model: &'static str,
    /// How close our number must come.
    pub tolerance: &'static str,
    /// How we know the published numbers.
    pub provenance: &'static [Provenance],
    /// Which of them, where it is not the same for all; and what to know before one reads them.
    pub remarks: &'static [&'static str],
    /// Whether all of it is a matter of a moment, without the simulation of many processes.
    pub cheap: bool,
    #[serde(skip)]
    reproduce: fn(&Effort) -> Vec<Finding>,
}

impl Row {
    /// Computes it.
    pub fn reproduce(&self, effort: &Effort) -> Vec<Finding> {
        let mut findings = (self.reproduce)(effort);
        if !effort.full {
            // fewer samples say less
            findings.iter_mut().for_each(Finding::allow_for_sampling);
        }
        findings
    }
}

/// All results, by letter and number.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    [staleness::ROWS, quorums::ROWS, elections::ROWS, detectors::ROWS, gossip::ROWS, links::ROWS, tails::ROWS]
        .into_iter()
        .flatten()
}

/// The result of this name, in either case of letters.
pub fn row(id: &str) -> Option<&'static Row> {
    rows().find(|row| row.id.eq_ignore_ascii_case(id))
}
