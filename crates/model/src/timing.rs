//! Axis 3: what time promises.

use crate::system::order;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::oracle::OracleSet;

/// The timing models as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimingKind {
    /// See [`Asynchronous`].
    Asynchronous,
    /// See [`PartiallySynchronous`].
    PartiallySynchronous,
    /// See [`Synchronous`].
    Synchronous,
}

impl TimingKind {
    /// All of them, from the least promise to the most: a chain.
    pub const ALL: [Self; 3] = [Self::Asynchronous, Self::PartiallySynchronous, Self::Synchronous];

    /// Whether it promises all that `weaker` does.
    pub fn at_least(self, weaker: Self) -> bool {
        self >= weaker
    }

    /// The field's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asynchronous => "asynchronous",
            Self::PartiallySynchronous => "partially-synchronous",
            Self::Synchronous => "synchronous",
        }
    }

    /// What an algorithm under this model may call.
    pub const fn grants(self) -> &'static str {
        match self {
            Self::Asynchronous => "ctx.set_pulse",
            Self::PartiallySynchronous => "ctx.set_pulse, ctx.set_timer",
            Self::Synchronous => "ctx.set_pulse, ctx.set_timer, ctx.bounds",
        }
    }
}

/// A timing model, as a marker type; oracles extend it ([`crate::With`]).
pub trait TimingModel: 'static {
    /// The timing itself, as a value.
    const KIND: TimingKind;
    /// The oracles granted beside it.
    const ORACLES: OracleSet;
}

macro_rules! timings {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl TimingModel for $name {
            const KIND: TimingKind = TimingKind::$name;
            const ORACLES: OracleSet = OracleSet::NONE;
        }
    )*};
}
timings! {
    /// Messages and steps take any finite time. Grants the pulse: an untimed timer that fires infinitely often.
    Asynchronous;
    /// Asynchronous until an instant GST that nobody knows; afterwards delays are bounded (Dwork, Lynch,
    /// Stockmeyer 1988). Grants timers, no known bounds.
    PartiallySynchronous;
    /// Delays within d, steps within p, drift within rho, all known. Grants timers and the bounds.
    Synchronous;
}

order! { TIMINGS:
    Asynchronous >= Asynchronous;
    PartiallySynchronous >= PartiallySynchronous, Asynchronous;
    Synchronous >= Synchronous, PartiallySynchronous, Asynchronous;
}

/// The timing model grants a clock to measure durations by.
#[diagnostic::on_unimplemented(
    message = "the timing model `{Self}` grants no clock",
    label = "`set_timer` needs a timing model in which time means something",
    note = "assume `PartiallySynchronous` or `Synchronous`; to retransmit under `Asynchronous`, use `set_pulse`"
)]
pub trait LocalClock: TimingModel {}
impl LocalClock for PartiallySynchronous {}
impl LocalClock for Synchronous {}
impl<T: LocalClock, O: crate::oracle::Oracle> LocalClock for crate::With<T, O> {}

/// The timing model grants known bounds on delays, steps and drift.
#[diagnostic::on_unimplemented(
    message = "the timing model `{Self}` knows no bounds on delays",
    label = "`bounds` needs the synchronous model",
    note = "under partial synchrony bounds hold eventually, but nobody knows them: adapt a timeout instead, \
            or assume `Synchronous`"
)]
pub trait KnownBounds: LocalClock {}
impl KnownBounds for Synchronous {}
impl<T: KnownBounds, O: crate::oracle::Oracle> KnownBounds for crate::With<T, O> {}

/// The known bounds of the synchronous model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// d: a message is delivered within this time.
    #[serde(with = "crate::duration")]
    pub delay: Duration,
    /// p: a step takes at most this time.
    #[serde(with = "crate::duration")]
    pub step: Duration,
    /// rho: how far two clocks may drift apart, in parts per million.
    pub drift_ppm: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_timings_is_a_chain() {
        for host in TimingKind::ALL {
            for module in TimingKind::ALL {
                let table =
                    TIMINGS.iter().any(|&(h, m)| h == format!("{host:?}") && m == format!("{module:?}"));
                assert_eq!(host.at_least(module), table, "{host:?} >= {module:?}");
            }
        }
    }
}
