//! The sound algorithm, or a broken twin of it.

use serde::{Deserialize, Serialize};

/// What the processes of an algorithm know that has no parameters but its twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant<Defect> {
    /// The broken twin, if any.
    pub defect: Option<Defect>,
}

impl<Defect> Default for Variant<Defect> {
    /// The sound algorithm.
    fn default() -> Self {
        Self { defect: None }
    }
}
