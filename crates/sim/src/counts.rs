//! What runs come to together: the same for a campaign in hand and for results that were written.

use crate::fault::FaultKind;
use crate::outcome::Outcome;
use crate::tested::RUNS_THAT_TEST;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use synod_properties::{Kind, Verdict};

/// Sums and unions over runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many runs there were.
    pub runs: u64,
    /// By property: how many runs ended in its debt before that was due.
    pub undecided: BTreeMap<String, u64>,
    /// The goals that some run reached.
    pub reached: BTreeSet<String>,
    /// By property: how many runs put it to the test.
    pub tested: BTreeMap<String, u64>,
    /// How often each kind of fault took effect.
    pub faults: BTreeMap<FaultKind, u64>,
    /// How many steps were taken.
    pub steps: u64,
    /// How many messages were delivered.
    pub delivered: u64,
}

impl Counts {
    /// Adds a run.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.steps += outcome.steps;
        self.delivered += outcome.delivered;
        for goal in &outcome.reached {
            // most are known
            if !self.reached.contains(goal) {
                self.reached.insert(goal.clone());
            }
        }
        for (&kind, times) in &outcome.faults {
            *self.faults.entry(kind).or_default() += times;
        }
        for property in &outcome.tested {
            *self.tested.entry(property.clone()).or_default() += 1;
        }
        if !outcome.due {
            let debts: BTreeSet<_> = outcome.owed.iter().map(|debt| &debt.property).collect();
            for property in debts {
                *self.undecided.entry(property.clone()).or_default() += 1;
            }
        }
    }

    /// What is said of a property that no run refutes: that it holds, or why it is open. `runs` writes a number of them.
    pub fn verdict(&self, id: &str, kind: Kind, runs: &dyn Fn(u64) -> String) -> Verdict {
        let unknown = |why: String| Verdict::Unknown { why };
        match kind {
            Kind::Safety | Kind::Liveness if self.runs >= RUNS_THAT_TEST && !self.tested.contains_key(id) => {
                Verdict::vacuous(&format!("put to the test in none of {}", runs(self.runs)))
            }
            Kind::Reachable if !self.reached.contains(id) => {
                unknown(format!("reached in none of {}", runs(self.runs)))
            }
            Kind::Liveness => match self.undecided.get(id) {
                Some(&owing) => {
                    unknown(format!("owed at the end of {} that ended before it was due", runs(owing)))
                }
                None => Verdict::Holds,
            },
            Kind::Reachable | Kind::Safety => Verdict::Holds,
        }
    }
}

/// A number of runs as programs read it.
pub(crate) fn plain(runs: u64) -> String {
    format!("{runs} runs")
}
