//! Failure detection (CGR11 §2.6).

use crate::ProcessId;
use serde::{Deserialize, Serialize};

/// ⟨Crash | process⟩, of the perfect failure detector: the process has crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Crashed(pub ProcessId);

/// ⟨Suspect | p⟩ or ⟨Restore | p⟩, of the detectors that may change their minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Suspicion {
    /// It is suspected to have crashed.
    Suspect(ProcessId),
    /// It is no longer suspected.
    Restore(ProcessId),
}
