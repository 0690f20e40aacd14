//! The results of a campaign: a header, and a line a run, in ascending order of seeds.
//!
//! Results are merged as sets of runs: `merge` is commutative, associative and idempotent, to the byte. What must be the same in
//! all of them is in their headers: the binary, since a seed means the same in the same binary alone, and what was simulated.

use crate::counts::{Counts, plain};
use crate::fault::FaultKind;
use crate::record::{Judgement, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use synod_properties::{Kind, Property, Verdict};

/// The version of the format.
const VERSION: u32 = 1;

/// A range of seeds: from `start` on, up to but not `end`; without an end for as long as there is time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seeds {
    /// The first.
    pub start: u64,
    /// The one after the last.
    pub end: Option<u64>,
}

impl Seeds {
    /// From `start` up to, but not, `end`.
    pub const fn of(start: u64, end: u64) -> Self {
        Self { start, end: Some(end) }
    }

    /// The part of this number, of so many that differ by one seed at most and together are all of it.
    ///
    /// # Panics
    /// If there is no such part, or no end.
    #[must_use]
    pub fn part(self, index: u64, parts: u64) -> Self {
        let end = self.end.expect("what has parts has an end");
        assert!(index < parts, "part {index} of {parts}");
        let bound =
            |i: u64| self.start + (u128::from(end - self.start) * u128::from(i) / u128::from(parts)) as u64;
        Self::of(bound(index), bound(index + 1))
    }

    /// The least range with both.
    fn hull(self, other: Self) -> Self {
        let end = self.end.zip(other.end).map(|(a, b)| a.max(b));
        Self { start: self.start.min(other.start), end }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", self.start)?;
        self.end.map_or(Ok(()), |end| write!(f, "{end}"))
    }
}

/// A property, as a header has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Promise {
    /// The identifier: "C4".
    pub id: String,
    /// The name: "agreement".
    pub name: String,
    /// How it is judged.
    pub kind: Kind,
}

impl From<&Property> for Promise {
    fn from(property: &Property) -> Self {
        Self { id: property.id.to_owned(), name: property.name.to_owned(), kind: property.kind }
    }
}

/// The first line of a file with results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// "campaign".
    synod: String,
    version: u32,
    /// The algorithm, with its broken twin.
    pub algorithm: String,
    /// A digest of the binary that made it.
    pub binary: String,
    /// A digest of the environment, of what is asked, and of how far runs go.
    pub settings: String,
    /// The same as a command line: what comes after the command's name.
    pub command: String,
    /// The seeds of the whole campaign.
    pub seeds: Seeds,
    /// What is promised.
    pub properties: Vec<Promise>,
    /// The kinds of fault that there are budgets for.
    #[serde(default)]
    pub budgets: BTreeMap<String, Vec<FaultKind>>,
    /// The codes of what is outside of the algorithm's model, where nothing is promised.
    #[serde(default)]
    pub outside: Vec<String>,
}

/// Why results cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mixed {
    /// They were made by different binaries.
    #[error("different binaries: {0} and {1}")]
    Binaries(String, String),
    /// They are of different algorithms.
    #[error("different algorithms: {0} and {1}")]
    Algorithms(String, String),
    /// They are of different worlds.
    #[error("different settings: `{0}` and `{1}`")]
    Settings(String, String),
    /// One seed had two runs.
    #[error("seed {0} has two different runs in the same binary")]
    Runs(u64),
}

impl Header {
    /// The header of a campaign.
    pub fn new(algorithm: String, binary: String, settings: String, command: String, seeds: Seeds) -> Self {
        let (synod, version) = ("campaign".to_owned(), VERSION);
        let (properties, budgets, outside) = Default::default();
        Self { synod, version, algorithm, binary, settings, command, seeds, properties, budgets, outside }
    }

    /// With these promises.
    #[must_use]
    pub fn promising(self, properties: &[Property]) -> Self {
        Self { properties: properties.iter().map(Promise::from).collect(), ..self }
    }

    /// Why runs that refute nothing show nothing, or not all that is promised.
    pub fn open(&self, summary: &Summary) -> Vec<String> {
        let mut open: Vec<_> =
            self.properties.iter().filter_map(|promise| summary.why_open(promise)).collect();
        let struck =
            |kinds: &Vec<FaultKind>| kinds.iter().any(|kind| summary.counts.faults.contains_key(kind));
        if !self.budgets.is_empty() && !self.budgets.values().any(struck) {
            let budgets: Vec<_> = self.budgets.keys().map(String::as_str).collect();
            open.push(format!("no fault took effect although there are budgets for {}", budgets.join(", ")));
        }
        if let Some(runs) = summary.verdicts.get(&Judgement::Outside) {
            open.push(format!("{runs} of {} runs broke assumptions of the model", summary.counts.runs));
        }
        if !self.outside.is_empty() {
            open.push(format!(
                "outside of the model ({}): nothing is promised there",
                self.outside.join(", ")
            ));
        }
        open
    }

    /// As a line, without its end.
    ///
    /// # Panics
    /// Never: a header has no keys but text.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a header is written as JSON")
    }

    /// The header that a line is.
    ///
    /// # Errors
    /// If it is none, or one of another version.
    pub fn parse(line: &str) -> Result<Self, String> {
        let header: Self = serde_json::from_str(line)
            .map_err(|_| "it does not begin as results of a campaign do".to_owned())?;
        match (header.synod.as_str(), header.version) {
            ("campaign", VERSION) => Ok(header),
            ("campaign", version) => Err(format!("it is of version {version}, this program knows {VERSION}")),
            _ => Err("it has no results of a campaign".to_owned()),
        }
    }

    /// Whether both are of one campaign, but for its seeds.
    ///
    /// # Errors
    /// What differs.
    pub fn same(&self, other: &Self) -> Result<(), Mixed> {
        // told in one order, whoever is asked
        fn two(a: &str, b: &str) -> (String, String) {
            (a.min(b).to_owned(), a.max(b).to_owned())
        }
        if self.algorithm != other.algorithm {
            let (a, b) = two(&self.algorithm, &other.algorithm);
            return Err(Mixed::Algorithms(a, b));
        }
        if self.binary != other.binary {
            let (a, b) = two(&self.binary, &other.binary);
            return Err(Mixed::Binaries(a, b));
        }
        if self.settings != other.settings || self.properties != other.properties {
            let (a, b) = two(&self.command, &other.command);
            return Err(Mixed::Settings(a, b));
        }
        Ok(())
    }

    /// The header of both together.
    ///
    /// # Errors
    /// Why they cannot be one.
    pub fn join(&self, other: &Self) -> Result<Self, Mixed> {
        self.same(other)?;
        let command = self.command.clone().min(other.command.clone());
        Ok(Self { command, seeds: self.seeds.hull(other.seeds), ..self.clone() })
    }
}

/// The seed of a line.
pub fn seed_of(line: &str) -> Option<u64> {
    let digits = line.strip_prefix("{\"seed\":")?;
    digits[..digits.find(',')?].parse().ok()
}

/// Why a merge stopped.
#[derive(Debug)]
pub enum Stopped<E> {
    /// A source cannot be read, or the result not be written.
    Failed(E),
    /// A source's line is none: which source, and which of its lines after the header, from 0.
    Damaged(usize, u64),
    /// They do not agree.
    Mixed(Mixed),
}

/// Merges results: `write` gets the lines of what all of them are together, the header first, each run once, in the order of
/// the seeds. One line of each source is in memory at a time.
///
/// # Errors
/// Where a source fails or is damaged, or they are not of one campaign.
///
/// # Panics
/// If there is no source.
pub fn merge<E>(
    sources: Vec<(Header, impl Iterator<Item = Result<String, E>>)>,
    mut write: impl FnMut(&str) -> Result<(), E>,
) -> Result<(Header, Summary), Stopped<E>> {
    let (headers, lines): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
    let (first, others) = headers.split_first().expect("something is merged");
    let header =
        others.iter().try_fold(first.clone(), |all, other| all.join(other)).map_err(Stopped::Mixed)?;
    write(&header.line()).map_err(Stopped::Failed)?;
    let mut sources: Vec<_> = lines.into_iter().map(|lines| Source { lines, read: 0, last: None }).collect();
    let mut heads: BTreeMap<u64, Vec<(usize, String)>> = BTreeMap::new();
    let mut summary = Summary::default();
    for (index, source) in sources.iter_mut().enumerate() {
        if let Some((seed, line)) = source.next(index)? {
            heads.entry(seed).or_default().push((index, line));
        }
    }
    while let Some((seed, lines)) = heads.pop_first() {
        let (index, line) = &lines[0];
        if lines.iter().any(|(_, other)| other != line) {
            return Err(Stopped::Mixed(Mixed::Runs(seed)));
        }
        let damaged = |_| Stopped::Damaged(*index, sources[*index].read - 1);
        summary.add(&Record::parse(line).map_err(damaged)?);
        write(line).map_err(Stopped::Failed)?;
        for (index, _) in lines {
            if let Some((seed, line)) = sources[index].next(index)? {
                heads.entry(seed).or_default().push((index, line));
            }
        }
    }
    Ok((header, summary))
}

struct Source<I> {
    lines: I,
    read: u64,
    last: Option<u64>,
}

impl<I, E> Source<I>
where
    I: Iterator<Item = Result<String, E>>,
{
    fn next(&mut self, index: usize) -> Result<Option<(u64, String)>, Stopped<E>> {
        let Some(line) = self.lines.next().transpose().map_err(Stopped::Failed)? else { return Ok(None) };
        let seed = seed_of(&line).filter(|&seed| self.last.is_none_or(|last| last < seed));
        let seed = seed.ok_or(Stopped::Damaged(index, self.read))?;
        self.read += 1;
        self.last = Some(seed);
        Ok(Some((seed, line)))
    }
}

/// What the runs of a campaign come to, in bounded memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What they come to together.
    #[serde(flatten)]
    pub counts: Counts,
    /// By verdict.
    pub verdicts: BTreeMap<Judgement, u64>,
    /// By property that is refuted: how many runs do, and the first seed.
    pub violations: BTreeMap<String, (u64, u64)>,
    /// The ranges of seeds that have runs, in ascending order, none touching the next.
    pub covered: Vec<(u64, u64)>,
}

impl Summary {
    /// Adds a run; seeds ascend.
    pub fn add(&mut self, record: &Record) {
        self.counts.add(&record.outcome);
        *self.verdicts.entry(record.verdict).or_default() += 1;
        let refuted = record.property.as_ref().filter(|_| record.verdict == Judgement::Violated);
        if let Some(property) = refuted {
            self.violations.entry(property.clone()).or_insert((0, record.seed)).0 += 1;
        }
        match self.covered.last_mut() {
            Some((_, end)) if *end == record.seed => *end += 1,
            _ => self.covered.push((record.seed, record.seed + 1)),
        }
    }

    /// The first seed whose run refutes something.
    pub fn first_violation(&self) -> Option<u64> {
        self.violations.values().map(|(_, seed)| *seed).min()
    }

    /// The ranges of these seeds that have no run.
    pub fn missing(&self, seeds: Seeds) -> Vec<Seeds> {
        let mut missing = Vec::new();
        let mut next = seeds.start;
        for &(start, end) in &self.covered {
            if next < start {
                missing.push(Seeds::of(next, start));
            }
            next = next.max(end);
        }
        if let Some(end) = seeds.end.filter(|&end| next < end) {
            missing.push(Seeds::of(next, end));
        }
        missing
    }

    /// Why a promise neither held nor was refuted: a goal that no run reached, a debt that was left open.
    fn why_open(&self, promise: &Promise) -> Option<String> {
        let Promise { id, name, kind } = promise;
        if self.violations.contains_key(id) {
            return None;
        }
        match self.counts.verdict(id, *kind, &plain) {
            Verdict::Unknown { why } => Some(format!("{id} {name}: {why}")),
            Verdict::Holds | Verdict::Violated { .. } => None,
        }
    }
}
