//! Leader detection (CGR11 §2.6).

use crate::ProcessId;
use serde::{Deserialize, Serialize};

/// ⟨Trust | process⟩: the leader from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Trust(pub ProcessId);
