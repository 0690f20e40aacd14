//! Many runs, over many threads, with one result.

use crate::fault::FaultKind;
use crate::outcome::{ASSERTION, Ended, Outcome};
use crate::plan::Options;
use crate::platform::Outside;
use crate::simulation::Simulation;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use synod_properties::{Kind, Property, Verdict};

/// How many seeds a thread takes at a time.
const CHUNK: u64 = 16;

/// A run that refutes a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What it came to.
    pub outcome: Outcome,
}

/// What the runs of a range of seeds came to, up to the first that refutes something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Campaign {
    /// How many runs there were.
    pub runs: u64,
    /// The one of the lowest seed that refutes a property.
    pub failure: Option<Failure>,
    /// What is said of each property.
    pub verdicts: Vec<(Property, Verdict)>,
    /// The faults that took effect, in all runs together.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The marked branches, each with whether some run came to it, where they are asked for.
    pub branches: BTreeMap<String, bool>,
    /// The goals that some run reached.
    pub reached: BTreeSet<String>,
    /// How many messages were delivered.
    pub delivered: u64,
    /// How many steps were taken.
    pub steps: u64,
    /// How the runs ended.
    pub ended: BTreeMap<Ended, u64>,
    /// By property: how many runs ended in its debt before that was due.
    pub undecided: BTreeMap<String, u64>,
    /// How runs were outside of the model.
    pub outside: Outside,
}

impl Campaign {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.runs += 1;
        self.delivered += outcome.delivered;
        self.steps += outcome.steps;
        *self.ended.entry(outcome.ended).or_default() += 1;
        self.reached.extend(outcome.reached.iter().cloned());
        for (&kind, times) in &outcome.faults {
            *self.faults.entry(kind).or_default() += times;
        }
        for (branch, reached) in &outcome.branches {
            *self.branches.entry(branch.clone()).or_default() |= reached;
        }
        self.outside.add(seed, &outcome.outside);
        if !outcome.due {
            let debts: BTreeSet<_> = outcome.owed.iter().map(|debt| debt.property.clone()).collect();
            for property in debts {
                *self.undecided.entry(property).or_default() += 1;
            }
        }
        if outcome.broken().is_some() {
            self.failure = Some(Failure { seed, outcome });
        }
    }

    fn merge(&mut self, later: Self) {
        self.runs += later.runs;
        self.delivered += later.delivered;
        self.steps += later.steps;
        self.reached.extend(later.reached);
        for (kind, times) in later.faults {
            *self.faults.entry(kind).or_default() += times;
        }
        for (branch, reached) in later.branches {
            *self.branches.entry(branch).or_default() |= reached;
        }
        for (ended, times) in later.ended {
            *self.ended.entry(ended).or_default() += times;
        }
        for (property, times) in later.undecided {
            *self.undecided.entry(property).or_default() += times;
        }
        self.outside.merge(later.outside);
        self.failure = later.failure;
    }

    fn judge(&mut self, properties: Vec<Property>) {
        self.verdicts = properties.into_iter().map(|p| (p, self.verdict(&p))).collect();
        if let Verdict::Violated { what } = self.verdict(&ASSERTION) {
            self.verdicts.push((ASSERTION, Verdict::Violated { what }));
        }
    }

    fn verdict(&self, property: &Property) -> Verdict {
        if let Some(what) = self.failure.as_ref().and_then(|f| violated_by(&f.outcome, property)) {
            return Verdict::Violated { what };
        }
        let unknown = |why: String| Verdict::Unknown { why };
        match property.kind {
            Kind::Reachable if !self.reached.contains(property.id) => {
                unknown(format!("reached in none of {} runs", self.runs))
            }
            Kind::Liveness => match self.undecided.get(property.id) {
                Some(runs) => unknown(format!("owed at the end of {runs} runs that were cut short")),
                None => Verdict::Holds,
            },
            Kind::Reachable | Kind::Safety => Verdict::Holds,
        }
    }
}

/// How a run refutes `property`, if it does.
fn violated_by(outcome: &Outcome, property: &Property) -> Option<String> {
    let violation = outcome.violation.iter().find(|v| v.property == property.id).map(|v| v.what.clone());
    let debt = || outcome.owed.iter().find(|o| outcome.due && o.property == property.id);
    violation.or_else(|| debt().map(|o| o.what.clone()))
}

/// Simulates the runs of `seeds` over `threads` threads, up to the lowest seed whose run refutes a property.
///
/// The result does not depend on the number of threads. `progress` is told how many runs are done, from this thread.
pub fn campaign(
    simulation: &dyn Simulation,
    seeds: Range<u64>,
    options: &Options,
    threads: usize,
    progress: &dyn Fn(u64),
) -> Campaign {
    let next = AtomicU64::new(0);
    let chunks = (seeds.end.saturating_sub(seeds.start)).div_ceil(CHUNK);
    let mut campaign = std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads.max(1) {
            let (sender, next, seeds) = (sender.clone(), &next, seeds.clone());
            scope.spawn(move || work(simulation, &seeds, options, (next, chunks), &sender));
        }
        drop(sender);
        in_order(receiver.iter(), progress)
    });
    campaign.judge(simulation.properties());
    campaign
}

/// Takes one chunk of seeds after the other, until there are no more, or a lower one failed.
fn work(
    simulation: &dyn Simulation,
    seeds: &Range<u64>,
    options: &Options,
    (next, chunks): (&AtomicU64, u64),
    results: &Sender<(u64, Campaign)>,
) {
    loop {
        let chunk = next.fetch_add(1, Ordering::Relaxed);
        if chunk >= chunks {
            return;
        }
        let first = seeds.start + chunk * CHUNK;
        let mut part = Campaign::default();
        for seed in first..(first + CHUNK).min(seeds.end) {
            part.add(seed, simulation.run(seed, options));
            if part.failure.is_some() {
                // chunks are taken in order: all lower ones are done or under way
                next.store(chunks, Ordering::Relaxed);
                break;
            }
        }
        if results.send((chunk, part)).is_err() {
            return;
        }
    }
}

/// Merges the parts in the order of their seeds, whatever the order in which they come, up to the first failure.
fn in_order(parts: impl Iterator<Item = (u64, Campaign)>, progress: &dyn Fn(u64)) -> Campaign {
    let mut whole = Campaign::default();
    let mut early = BTreeMap::new();
    let (mut next, mut done) = (0, 0);
    for (chunk, part) in parts {
        done += part.runs;
        progress(done);
        early.insert(chunk, part);
        while let Some(part) = early.remove(&next).filter(|_| whole.failure.is_none()) {
            whole.merge(part);
            next += 1;
        }
    }
    whole
}
