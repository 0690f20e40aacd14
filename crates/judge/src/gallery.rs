//! Histories of the literature, each a file that says what it shows, where it is from, and what is known of it.
//!
//! A file is EDN with a head of comments: what it shows, then `source:`, `model:`, `holds:` and `fails:`, levels with spaces between. A level
//! that holds stands for those that it implies, one that fails for those that imply it.

use crate::consistency::{self, LevelVerdict};
use crate::format::ReadError;
use crate::judgement::{self, Model};
use crate::linearizability::Budget;
use crate::log::Log;
use crate::reading::Meaningless;
use crate::transactions::{self, Holds, Workload};
use thiserror::Error;

/// A history and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// Its name, which is that of its file.
    pub name: &'static str,
    /// What it shows.
    pub shows: String,
    /// Where it is from.
    pub source: String,
    /// What it is of.
    pub model: String,
    /// The levels that are known to hold, and not to.
    pub known: Vec<(String, bool)>,
    /// The file.
    pub text: &'static str,
}

/// What was found of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Which.
    pub level: String,
    /// Whether it is known to hold.
    pub known: bool,
    /// Whether it was found to; nothing if that could not be told.
    pub found: Option<bool>,
}

/// Why a file is no exhibit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It is no history.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It means nothing to its model.
    #[error(transparent)]
    Meaningless(#[from] Meaningless),
    /// Its head names something that there is not.
    #[error("there is no model or level `{0}`")]
    Unknown(String),
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../gallery/", $name, ".edn")))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "dirty-write",
    "aborted-read",
    "intermediate-read",
    "circular-information-flow",
    "read-skew",
    "lost-update",
    "write-skew",
    "phantom",
    "phantom-sum",
    "long-fork",
    "causality-violation",
    "read-only-anomaly",
    "stale-transaction",
    "session-inversion",
    "elle-read-skew",
    "incompatible-orders",
    "register-write-skew",
    "register-lost-update",
    "register-stale-read",
    "long-fork-of-registers",
    "bank-total",
    "queue-overlapping",
    "queue-out-of-order",
    "queue-before-its-return",
    "queue-twice",
    "new-old-inversion",
    "read-during-a-write",
    "stale-read",
    "two-orders",
    "unknown-write",
    "unknown-write-twice",
    "many-writes",
    "store-buffers",
    "independent-reads",
    "concurrent-writes-seen-differently",
    "convergent-but-no-memory",
    "weakly-causal",
    "not-causal",
    "own-write-missed",
    "reads-go-back",
    "writes-overtake",
    "writes-overtake-reads",
    "no-convergence",
];

/// All of them.
pub fn all() -> Vec<Exhibit> {
    FILES.iter().map(|&(name, text)| Exhibit::of(name, text)).collect()
}

impl Exhibit {
    /// Of a file.
    pub fn of(name: &'static str, text: &'static str) -> Self {
        let (mut shows, mut source, mut model) = (String::new(), String::new(), String::new());
        let mut known = vec![];
        let head = text.lines().map_while(|line| line.strip_prefix(';')).map(str::trim);
        for line in head {
            let levels = |levels: &str, holds| {
                levels.split_whitespace().map(move |l| (l.to_owned(), holds)).collect::<Vec<_>>()
            };
            match line.split_once(": ") {
                Some(("source", of)) => of.clone_into(&mut source),
                Some(("model", of)) => of.clone_into(&mut model),
                Some(("holds", of)) => known.extend(levels(of, true)),
                Some(("fails", of)) => known.extend(levels(of, false)),
                _ if shows.is_empty() => line.clone_into(&mut shows),
                _ => shows = format!("{shows} {line}"),
            }
        }
        Self { name, shows, source, model, known, text }
    }

    /// Judges it by all levels that something is known of.
    pub fn judge(&self, budget: Budget<'_>) -> Result<Vec<Compared>, Unfit> {
        let (log, format) = Log::from_text(self.text)?;
        let compared =
            |(level, known): &(String, bool), found| Compared { level: level.clone(), known: *known, found };
        if let Some(&workload) = Workload::ALL.iter().find(|workload| workload.name() == self.model) {
            let report = transactions::judge(&log, workload)?;
            let all = transactions::Level::ALL;
            return self
                .known
                .iter()
                .map(|known| {
                    let level = all.into_iter().find(|level| level.name() == known.0);
                    let verdict = report.verdict(level.ok_or_else(|| Unfit::Unknown(known.0.clone()))?);
                    let found = (verdict != Holds::Unknown).then_some(verdict == Holds::Yes);
                    Ok(compared(known, found))
                })
                .collect();
        }
        let model: Model = self.model.parse().map_err(|_| Unfit::Unknown(self.model.clone()))?;
        let conventions = judgement::conventions(format);
        // what was read is meant here, nothing too
        let conventions = crate::reading::Conventions { nil_read_says_nothing: false, ..conventions };
        self.known
            .iter()
            .map(|known| {
                let level: consistency::Level =
                    known.0.parse().map_err(|_| Unfit::Unknown(known.0.clone()))?;
                let found = if level == consistency::Level::Linearizable {
                    judgement::judge(&log, model, conventions, budget)?.holds()
                } else {
                    match consistency::judge(&log, model, level, conventions, budget)? {
                        LevelVerdict::Holds => Some(true),
                        LevelVerdict::Violated { .. } => Some(false),
                        LevelVerdict::Unknown { .. } => None,
                    }
                };
                Ok(compared(known, found))
            })
            .collect()
    }
}
