//! What a ground says of a property.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a ground says of a property, within its scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds in all that was examined.
    Holds,
    /// It is broken.
    Violated {
        /// How.
        what: String,
    },
    /// It was not judged to the end.
    Unknown {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds => f.write_str("holds"),
            Self::Violated { .. } => f.write_str("violated"),
            Self::Unknown { .. } => f.write_str("unknown"),
        }
    }
}
