//! What one run came to.

use crate::cost::Costs;
use crate::coverage::Covered;
use crate::fault::FaultKind;
use crate::platform::Breach;
use crate::workload::History;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use synod_kernel::trace::Broken;
use synod_properties::{Obligation, Violation};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Nothing was left to happen.
    Quiescent,
    /// Its virtual time was up.
    Horizon,
    /// It had taken all the steps it may.
    Steps,
    /// A property of safety was broken.
    Violation,
}

/// What one run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The property of safety that it broke.
    pub violation: Option<Violation>,
    /// What was owed at its end, but for debts that are void since a process among them is faulty.
    pub owed: Vec<Obligation>,
    /// Whether that should have been paid by then: nothing was left to happen, or the last half of the horizon had
    /// neither a fault nor an instant before GST, all oracles within their axioms, all cuts healed, all who recover up.
    pub due: bool,
    /// The goals that held at some time.
    pub reached: Vec<String>,
    /// The properties of safety and liveness that it put to the test.
    #[serde(default)]
    pub tested: Vec<String>,
    /// How many messages were delivered to processes that were up.
    pub delivered: u64,
    /// How many steps it took.
    pub steps: u64,
    /// Why it ended.
    pub ended: Ended,
    /// The virtual time of its end.
    pub time: Duration,
    /// The faults that took effect.
    pub faults: BTreeMap<FaultKind, u64>,
    /// How it broke assumptions of its environment's model, if it did: what it shows is then shown outside of the model.
    #[serde(default)]
    pub outside: Vec<Breach>,
    /// The marked branches of the algorithm and of its modules, each with whether a handler came to it; where
    /// [`Options::branches`](crate::Options::branches) asks.
    pub branches: BTreeMap<String, bool>,
    /// What of the algorithm's behaviour it came to; where [`Options::coverage`](crate::Options::coverage) asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Covered>,
    /// What it cost; where [`Options::costs`](crate::Options::costs) asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// What clients saw; where [`Options::history`](crate::Options::history) asks.
    #[serde(skip)]
    pub history: Option<History>,
}

impl Outcome {
    /// What the run refutes, if anything: a property of safety, or one of liveness by a debt that was due.
    pub fn broken(&self) -> Option<Broken> {
        let debt = || self.owed.first().filter(|_| self.due);
        match &self.violation {
            Some(Violation { property, what }) => {
                Some(Broken { property: property.clone(), what: what.clone() })
            }
            None => debt().map(|owed| Broken { property: owed.property.clone(), what: owed.what.clone() }),
        }
    }
}
