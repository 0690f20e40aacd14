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

/// How the reason of a vacuous verdict begins.
const VACUOUS: &str = "vacuous: ";

impl Verdict {
    /// Unknown, since what the property asks about never came up.
    pub fn vacuous(why: &str) -> Self {
        Self::Unknown { why: format!("{VACUOUS}{why}") }
    }

    /// Whether it is unknown for that reason: then nothing speaks against a verdict from elsewhere.
    pub fn is_vacuous(&self) -> bool {
        matches!(self, Self::Unknown { why } if why.starts_with(VACUOUS))
    }
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
