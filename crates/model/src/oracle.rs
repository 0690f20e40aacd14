//! Oracles: what a model may contain that no algorithm can program in it (Chandra, Toueg 1996).
//!
//! To its host an oracle is an embedded module whose indications come from the ground: `ctx.consult` ties an
//! [`Output`] to a timer, and the ground fires that timer, arbitrarily within the oracle's axioms.

use crate::identity::ProcessId;
use crate::system::AtLeast;
use crate::timing::{TimingKind, TimingModel};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// The oracles as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OracleKind {
    /// See [`Omega`].
    Omega,
    /// See [`EventuallyPerfect`].
    EventuallyPerfect,
    /// See [`LocalCoin`].
    LocalCoin,
}

impl OracleKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Omega, Self::EventuallyPerfect, Self::LocalCoin];

    /// The field's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Omega => "omega",
            Self::EventuallyPerfect => "eventually-perfect",
            Self::LocalCoin => "local-coin",
        }
    }

    /// The axioms, in words.
    pub const fn axioms(self) -> &'static str {
        match self {
            Self::Omega => "eventually all correct processes trust one and the same correct process",
            Self::EventuallyPerfect => "eventually exactly the crashed processes are suspected",
            Self::LocalCoin => "each flip is fair and independent",
        }
    }
}

/// A set of oracles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OracleSet(u8);

impl OracleSet {
    /// No oracle.
    pub const NONE: Self = Self(0);

    /// These and `more`.
    #[must_use]
    pub const fn with(self, more: OracleKind) -> Self {
        Self(self.0 | 1 << more as u8)
    }

    /// Whether `oracle` is among them.
    pub const fn has(self, oracle: OracleKind) -> bool {
        self.0 & 1 << oracle as u8 != 0
    }

    /// Whether all of `other` are among them.
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = OracleKind> {
        OracleKind::ALL.into_iter().filter(move |&o| self.has(o))
    }
}

impl FromIterator<OracleKind> for OracleSet {
    fn from_iter<I: IntoIterator<Item = OracleKind>>(members: I) -> Self {
        members.into_iter().fold(Self::NONE, Self::with)
    }
}

/// An oracle, as a marker type.
pub trait Oracle: 'static {
    /// The same as a value.
    const KIND: OracleKind;
}

macro_rules! oracles {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl Oracle for $name { const KIND: OracleKind = OracleKind::$name; }
    )*};
}
oracles! {
    /// Omega: outputs a trusted process; eventually all correct processes trust one and the same correct one.
    Omega;
    /// Eventually P: outputs suspicions; eventually exactly the crashed processes are suspected.
    EventuallyPerfect;
    /// A fair coin of one's own.
    LocalCoin;
}

/// The timing model `T` with the oracle `O` beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct With<T, O>(PhantomData<(T, O)>);

impl<T: TimingModel, O: Oracle> TimingModel for With<T, O> {
    const KIND: TimingKind = T::KIND;
    const ORACLES: OracleSet = T::ORACLES.with(O::KIND);
}

/// The timing model grants the oracle `O`.
#[diagnostic::on_unimplemented(
    message = "the timing model `{Self}` has no oracle `{O}`",
    label = "needs the oracle `{O}`",
    note = "assume it: `With<{Self}, {O}>`; or embed a module that implements it in a stronger model"
)]
pub trait Grants<O> {}

/// One impl per pair of oracles: a blanket impl for "granted by the inner timing" would overlap with the outer.
macro_rules! grants {
    ($($outer:ident: $($inner:ident),*;)*) => {$(
        impl<T> Grants<$outer> for With<T, $outer> {}
        $(impl<T: Grants<$inner>> Grants<$inner> for With<T, $outer> {})*
    )*};
}
grants! {
    Omega: EventuallyPerfect, LocalCoin;
    EventuallyPerfect: Omega, LocalCoin;
    LocalCoin: Omega, EventuallyPerfect;
}

// An oracle beside a timing takes nothing away from it; and what assumes oracles is provided by what grants each.
macro_rules! with_provides {
    ($($timing:ident),*) => {$(
        impl<T: AtLeast<crate::$timing>, O> AtLeast<crate::$timing> for With<T, O> {}
    )*};
}
with_provides!(Asynchronous, PartiallySynchronous, Synchronous);
impl<T: AtLeast<U> + Grants<O>, U, O> AtLeast<With<U, O>> for T {}

/// One output of a failure detector or leader oracle at a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// Omega: trust this process from now on.
    Trust(ProcessId),
    /// Eventually P: suspect it.
    Suspect(ProcessId),
    /// Eventually P: no longer suspect it.
    Restore(ProcessId),
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trust(p) => write!(f, "trust {p}"),
            Self::Suspect(p) => write!(f, "suspect {p}"),
            Self::Restore(p) => write!(f, "restore {p}"),
        }
    }
}
