//! The exit codes: a contract, see `docs/exit-codes.md`.

use serde::Serialize;

/// How a command ends. The number is the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// All properties hold within the stated bounds.
    Holds = 0,
    /// A property is violated, and the counterexample written.
    Violation = 1,
    /// The command line or a file is wrong.
    Usage = 2,
    /// Neither: out of time or memory, vacuous, no fault took effect, outside of the model.
    Inconclusive = 3,
    /// The same choices had other consequences.
    Nondeterminism = 4,
    /// The machine: a port, a disk, a process that does not start.
    Environment = 5,
    /// A bug of this program.
    Internal = 101,
    /// Interrupted; what was found until then is reported.
    Interrupted = 130,
}

impl Exit {
    /// The code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Of two parts of one command, the one that decides: what is known to be wrong before what is not known.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }

    const fn weight(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Inconclusive => 1,
            Self::Interrupted => 2,
            Self::Environment => 3,
            Self::Violation => 4,
            Self::Usage => 5,
            Self::Nondeterminism => 6,
            Self::Internal => 7,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_not_hidden_by_what_is_inconclusive() {
        assert_eq!(Exit::Inconclusive.and(Exit::Violation), Exit::Violation);
        assert_eq!(Exit::Violation.and(Exit::Inconclusive), Exit::Violation);
        assert_eq!(Exit::Holds.and(Exit::Inconclusive), Exit::Inconclusive);
        assert_eq!(Exit::Violation.and(Exit::Nondeterminism), Exit::Nondeterminism);
    }
}
