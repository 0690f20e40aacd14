//! Search guided by coverage: what came to something new is begun again, and goes on otherwise.
//!
//! Every second run is that of the next seed, as in any campaign. The others begin as one of the runs that showed features which
//! none had shown before, up to a random step, and go on with other chance under the same plan of faults. Runs are made in
//! batches, each judged as a whole before the next is drawn: so the search is the same for any number of threads.

use crate::campaign::Campaign;
use crate::outcome::Outcome;
use crate::plan::Options;
use crate::simulation::Simulation;
use crate::stream::{Done, in_order};
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use synod_kernel::Random;

/// How many runs are drawn at once.
const BATCH: u64 = 64;
/// How many runs are kept to begin again as.
const CORPUS_MAX: usize = 1_024;
/// So many of them are drawn, and the one that was begun again least often is taken.
const ENTRANTS: u64 = 3;
/// How often a run is begun otherwise at most.
const TURNS_MAX: usize = 8;

/// A run: the seed that it begins with, and from which step on which other one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The first seed; its plan of faults holds throughout.
    pub seed: u64,
    /// The others, each after so many steps.
    pub then: Vec<(u64, u64)>,
}

impl Lineage {
    /// With this lineage.
    pub fn of(&self, options: &Options) -> Options {
        Options { then: self.then.clone(), ..options.clone() }
    }
}

struct Entry {
    lineage: Lineage,
    steps: u64,
    begun: u64,
}

struct Search {
    random: Random,
    fresh: Range<u64>,
    seen: BTreeSet<u32>,
    corpus: Vec<Entry>,
}

impl Search {
    fn draw(&mut self) -> Lineage {
        if self.corpus.is_empty() || self.random.below(2) == 0 {
            let seed = self.fresh.next().unwrap_or_else(|| self.random.bits());
            return Lineage { seed, then: Vec::new() };
        }
        let entrants = (0..ENTRANTS).map(|_| self.random.below(self.corpus.len() as u64) as usize);
        let entrants: Vec<_> = entrants.collect();
        let taken = entrants.into_iter().min_by_key(|&at| self.corpus[at].begun).expect("there are entrants");
        let entry = &mut self.corpus[taken];
        entry.begun += 1;
        let at = self.random.below(entry.steps + 1);
        let Lineage { seed, then } = &entry.lineage;
        let mut then: Vec<_> = then.iter().copied().filter(|(step, _)| *step < at).collect();
        then.push((at, self.random.bits() >> 32));
        Lineage { seed: *seed, then }
    }

    fn learn(&mut self, lineage: &Lineage, outcome: &Outcome) {
        let Some(covered) = &outcome.coverage else { return };
        let known = self.seen.len();
        self.seen.extend(&covered.which);
        if self.seen.len() == known || lineage.then.len() >= TURNS_MAX {
            return;
        }
        let entry = Entry { lineage: lineage.clone(), steps: outcome.steps, begun: 0 };
        if self.corpus.len() < CORPUS_MAX {
            self.corpus.push(entry);
        } else {
            let at = self.random.below(CORPUS_MAX as u64) as usize;
            self.corpus[at] = entry;
        }
    }
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Searched {
    /// Its runs, up to the first that refutes something; the failure's seed is that of its lineage.
    pub campaign: Campaign,
    /// The run that refutes something.
    pub lineage: Option<Lineage>,
    /// How many features its runs have in all.
    pub features: u64,
}

/// Searches for a run that refutes a property, in as many runs as there are seeds.
///
/// The result does not depend on the number of threads. `go_on` is told how many runs are done.
pub fn search(
    simulation: &dyn Simulation,
    seeds: Range<u64>,
    options: &Options,
    threads: usize,
    go_on: &dyn Fn(u64) -> bool,
) -> Searched {
    let mut searched = Searched::default();
    let mut search = Search {
        random: Random::new(!seeds.start),
        fresh: seeds.clone(),
        seen: BTreeSet::new(),
        corpus: Vec::new(),
    };
    let options = Options { coverage: true, ..options.clone() };
    let mut left = seeds.end.saturating_sub(seeds.start);
    while left > 0 && searched.lineage.is_none() {
        let lineages: Vec<_> = (0..left.min(BATCH)).map(|_| search.draw()).collect();
        left -= lineages.len() as u64;
        let run = |at: u64| {
            let lineage = &lineages[at as usize];
            let outcome = simulation.run(lineage.seed, &lineage.of(&options));
            Done { last: outcome.broken().is_some(), result: outcome }
        };
        let mut stopped = false;
        in_order(&(0..lineages.len() as u64), 1, threads, &run, &mut |at, outcome| {
            let lineage = &lineages[at as usize];
            search.learn(lineage, &outcome);
            searched.campaign.add(lineage.seed, outcome);
            if searched.campaign.failure.is_some() {
                searched.lineage = Some(lineage.clone());
            }
            stopped = !go_on(searched.campaign.counts.runs);
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if stopped {
            break;
        }
    }
    searched.features = search.seen.len() as u64;
    searched.campaign.judge(simulation.properties());
    searched
}
