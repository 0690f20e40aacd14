//! Many runs, over many threads, with one result.

use crate::cost::Summary;
use crate::counts::{Counts, plain};
use crate::outcome::{Ended, Outcome};
use crate::plan::Options;
use crate::platform::Outside;
use crate::record::Record;
use crate::simulation::Simulation;
use crate::stream::{Done, in_order};
use crate::workload::LINEARIZABLE;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use synod_properties::{NO_PANIC, Property, Verdict};

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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Campaign {
    /// What they come to together.
    #[serde(flatten)]
    pub counts: Counts,
    /// The one of the lowest seed that refutes a property.
    pub failure: Option<Failure>,
    /// What is said of each property.
    pub verdicts: Vec<(Property, Verdict)>,
    /// The marked branches, each with whether some run came to it, where they are asked for.
    pub branches: BTreeMap<String, bool>,
    /// How the runs ended.
    pub ended: BTreeMap<Ended, u64>,
    /// What the runs cost, where that is counted.
    pub costs: Option<Summary>,
    /// How runs were outside of the model.
    pub outside: Outside,
}

impl Campaign {
    /// Adds a run.
    pub fn add(&mut self, seed: u64, outcome: Outcome) {
        self.counts.add(&outcome);
        *self.ended.entry(outcome.ended).or_default() += 1;
        for (branch, reached) in &outcome.branches {
            *self.branches.entry(branch.clone()).or_default() |= reached;
        }
        self.outside.add(seed, &outcome.outside);
        if let Some(costs) = &outcome.costs {
            self.costs.get_or_insert_default().add(costs);
        }
        if outcome.broken().is_some() {
            self.failure = Some(Failure { seed, outcome });
        }
    }

    /// Says what its runs say of these properties.
    pub fn judge(&mut self, properties: Vec<Property>) {
        self.verdicts = properties.into_iter().map(|p| (p, self.verdict(&p))).collect();
        for property in [NO_PANIC, LINEARIZABLE] {
            let told = self.verdicts.iter().any(|(p, _)| p.id == property.id);
            if let (false, Verdict::Violated { what }) = (told, self.verdict(&property)) {
                self.verdicts.push((property, Verdict::Violated { what }));
            }
        }
    }

    fn verdict(&self, property: &Property) -> Verdict {
        if let Some(what) = self.failure.as_ref().and_then(|f| violated_by(&f.outcome, property)) {
            return Verdict::Violated { what };
        }
        self.counts.verdict(property.id, property.kind, &plain)
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
    let mut campaign = Campaign::default();
    let run = |seed| {
        let outcome = simulation.run(seed, options);
        Done { last: outcome.broken().is_some(), result: outcome }
    };
    in_order(&seeds, CHUNK, threads, &run, &mut |seed, outcome| {
        campaign.add(seed, outcome);
        progress(campaign.counts.runs);
        ControlFlow::Continue(())
    });
    campaign.judge(simulation.properties());
    campaign
}

/// What is wanted of a stream of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// None after the first that refutes a property.
    pub to_the_first: bool,
    /// Its line, with each.
    pub lines: bool,
}

/// Simulates the runs of `seeds` over `threads` threads, and hands them to `take`, on this thread, in the order of the seeds,
/// until it has enough: each with its line, which is empty where none is wanted.
pub fn records(
    simulation: &dyn Simulation,
    seeds: Range<u64>,
    options: &Options,
    threads: usize,
    wanted: Wanted,
    take: &mut dyn FnMut(Record, &str) -> ControlFlow<()>,
) {
    let run = |seed| {
        let record = Record::new(seed, simulation.run(seed, options));
        let line = if wanted.lines { record.line() } else { String::new() };
        Done { last: wanted.to_the_first && record.property.is_some(), result: (record, line) }
    };
    in_order(&seeds, CHUNK, threads, &run, &mut |_, (record, line)| take(record, &line));
}
