//! Axis 1: how processes fail.
//!
//! Four questions decide a failure model: who may **stop**, who may **restart and forget** what was not stored,
//! who may **omit** messages, who may **lie**. Models are ordered where all four are: a lattice, not a chain.

use crate::system::order;
use serde::{Deserialize, Serialize};

/// Who may do a thing: nobody, f of the processes, or anyone (finitely often).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// No process.
    Nobody,
    /// At most f processes.
    Faulty,
    /// Every process, finitely often; it is correct all the same.
    Anyone,
}

/// The four answers of a failure model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FailureProfile {
    /// Who may stop for ever.
    pub stop: Who,
    /// Who may restart and forget what was not stored.
    pub restart: Who,
    /// Who may omit to send or to receive (being down is not counted here).
    pub omit: Who,
    /// Who may lie.
    pub lie: Who,
}

impl FailureProfile {
    /// Whether an adversary with this profile is one of `weaker` too: each of the four at most as large.
    pub fn at_least(self, weaker: Self) -> bool {
        self.stop <= weaker.stop
            && self.restart <= weaker.restart
            && self.omit <= weaker.omit
            && self.lie <= weaker.lie
    }
}

/// The failure models as values: what a file, a table or a diagnostic names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// See [`Reliable`].
    Reliable,
    /// See [`CrashStop`].
    CrashStop,
    /// See [`Omission`].
    Omission,
    /// See [`CrashRecovery`].
    CrashRecovery,
    /// See [`AuthenticatedByzantine`].
    AuthenticatedByzantine,
    /// See [`Byzantine`].
    Byzantine,
}

impl FailureKind {
    /// All of them, from least to most severe: the list that users are shown. The order is [`FailureKind::at_least`].
    pub const ALL: [Self; 6] = [
        Self::Reliable,
        Self::CrashStop,
        Self::CrashRecovery,
        Self::Omission,
        Self::AuthenticatedByzantine,
        Self::Byzantine,
    ];

    /// The four answers.
    pub const fn profile(self) -> FailureProfile {
        use Who::{Anyone, Faulty, Nobody};
        let (stop, restart, omit, lie) = match self {
            Self::Reliable => (Nobody, Nobody, Nobody, Nobody),
            Self::CrashStop => (Faulty, Nobody, Nobody, Nobody),
            Self::Omission => (Faulty, Nobody, Faulty, Nobody),
            Self::CrashRecovery => (Faulty, Anyone, Nobody, Nobody),
            Self::AuthenticatedByzantine | Self::Byzantine => (Faulty, Faulty, Faulty, Faulty),
        };
        FailureProfile { stop, restart, omit, lie }
    }

    /// Whether an adversary of `self` is an adversary of `weaker` too.
    pub fn at_least(self, weaker: Self) -> bool {
        let forges = |k| k == Self::Byzantine;
        self.profile().at_least(weaker.profile()) && (!forges(self) || forges(weaker))
    }

    /// The field's word, as files and tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reliable => "reliable",
            Self::CrashStop => "crash-stop",
            Self::Omission => "omission",
            Self::CrashRecovery => "crash-recovery",
            Self::AuthenticatedByzantine => "authenticated-byzantine",
            Self::Byzantine => "byzantine",
        }
    }

    /// When a process counts as correct.
    pub const fn correct_means(self) -> &'static str {
        match self {
            Self::Reliable => "always",
            Self::CrashStop => "never crashes",
            Self::Omission => "never stops, never omits",
            Self::CrashRecovery => "eventually up for ever",
            Self::AuthenticatedByzantine | Self::Byzantine => "follows its code",
        }
    }

    /// What an algorithm under this model may call.
    pub const fn grants(self) -> &'static str {
        match self {
            Self::CrashRecovery => "ctx.store, on_recovery(stable)",
            Self::AuthenticatedByzantine => "ctx.sign, ctx.verify",
            _ => "-",
        }
    }
}

/// A failure model, as a marker type.
pub trait FailureModel: 'static {
    /// The same as a value.
    const KIND: FailureKind;
}

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl FailureModel for $name { const KIND: FailureKind = FailureKind::$name; }
    )*};
}
failures! {
    /// Nobody fails.
    Reliable;
    /// At most f processes stop for ever; the others never crash.
    CrashStop;
    /// At most f processes stop, or omit to send or to receive.
    Omission;
    /// Anyone may crash and restart finitely often, forgetting what it did not store; at most f stop for ever
    /// or crash for ever. Grants stable storage.
    CrashRecovery;
    /// At most f processes do anything, but cannot forge a correct process's signature. Grants signatures.
    AuthenticatedByzantine;
    /// At most f processes do anything.
    Byzantine;
}

// `Reliable`, `CrashStop` and `Omission` provide all that the authenticated model assumes, but grant no signatures:
// an embedding needs both, so that pair is left out.
order! { FAILURES:
    Reliable >= Reliable, CrashStop, Omission, CrashRecovery, Byzantine;
    CrashStop >= CrashStop, Omission, CrashRecovery, Byzantine;
    Omission >= Omission, Byzantine;
    CrashRecovery >= CrashRecovery;
    AuthenticatedByzantine >= AuthenticatedByzantine, Byzantine;
    Byzantine >= Byzantine;
}

/// The failure model grants stable storage.
#[diagnostic::on_unimplemented(
    message = "the failure model `{Self}` grants no stable storage",
    label = "`store` needs a model in which processes recover",
    note = "under crash-stop a crashed process never returns, so there is nothing to store for: \
            assume `CrashRecovery` if it may restart"
)]
pub trait StableStorage: FailureModel {}
impl StableStorage for CrashRecovery {}

/// The failure model grants digital signatures.
#[diagnostic::on_unimplemented(
    message = "the failure model `{Self}` grants no signatures",
    label = "`sign` and `verify` need signatures that cannot be forged",
    note = "assume `AuthenticatedByzantine`"
)]
pub trait Signatures: FailureModel {}
impl Signatures for AuthenticatedByzantine {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_failure_models_is_that_of_their_profiles_less_ungranted_signatures() {
        let name = |k: FailureKind| format!("{k:?}");
        for host in FailureKind::ALL {
            for module in FailureKind::ALL {
                let ungranted = module == FailureKind::AuthenticatedByzantine && host != module;
                let table = FAILURES.iter().any(|&(h, m)| h == name(host) && m == name(module));
                assert_eq!(host.at_least(module) && !ungranted, table, "{host:?} >= {module:?}");
            }
        }
    }
}
