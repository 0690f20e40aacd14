//! A system model: how processes fail, what links promise, what time promises, and how many may be faulty.

use crate::bound::{Bound, OneCorrect};
use crate::failure::FailureModel;
use crate::link::LinkModel;
use crate::timing::TimingModel;

/// What an algorithm assumes, written as a tuple of markers.
///
/// `(CrashStop, Perfect, Asynchronous)` holds for any f < n;
/// `(CrashRecovery, Perfect, PartiallySynchronous, Majority)` carries its bound n > 2f as a fourth member.
/// Oracles extend the timing: `(CrashStop, Perfect, With<Asynchronous, Omega>)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a system model",
    note = "a system model is a tuple (failures, link, timing) or (failures, link, timing, bound), \
            for example `(CrashRecovery, Perfect, PartiallySynchronous, Majority)`"
)]
pub trait SystemModel: 'static {
    /// Axis 1: how processes fail.
    type Failures: FailureModel;
    /// Axis 2: what links promise.
    type Link: LinkModel;
    /// Axis 3: what time promises, and the oracles.
    type Timing: TimingModel;
    /// How many processes may be faulty among n.
    type Bound: Bound;
}

impl<F: FailureModel, L: LinkModel, T: TimingModel> SystemModel for (F, L, T) {
    type Failures = F;
    type Link = L;
    type Timing = T;
    type Bound = OneCorrect;
}

impl<F: FailureModel, L: LinkModel, T: TimingModel, B: Bound> SystemModel for (F, L, T, B) {
    type Failures = F;
    type Link = L;
    type Timing = T;
    type Bound = B;
}

/// `H: AtLeast<M>`: whatever `M` assumes, `H` provides; an adversary of `H` is one of `M` too.
///
/// Holds per axis between markers and, member by member, between system models. A host may embed a module
/// only if the host's model is at least the module's.
#[diagnostic::on_unimplemented(
    message = "the model `{Self}` does not provide what `{M}` assumes",
    label = "assumes `{M}`, which `{Self}` does not promise",
    note = "strengthen the host's model on that axis, or put a transformer between (see `synod models`)"
)]
pub trait AtLeast<M> {}

macro_rules! tuples_at_least {
    ($([$($h:ident),*] >= [$($m:ident),*] where [$($extra:tt)*];)*) => {$(
        impl<$($h,)* $($m,)*> AtLeast<($($m,)*)> for ($($h,)*) where F: AtLeast<G>, L: AtLeast<K>, T: AtLeast<U>, $($extra)* {}
    )*};
}
tuples_at_least! {
    [F, L, T] >= [G, K, U] where [];
    [F, L, T, B] >= [G, K, U] where [B: AtLeast<OneCorrect>];
    [F, L, T] >= [G, K, U, C] where [OneCorrect: AtLeast<C>];
    [F, L, T, B] >= [G, K, U, C] where [B: AtLeast<C>];
}

/// Writes a relation of one axis twice from one table: as `AtLeast` impls, and as data for the tests that hold
/// it against the axis's definition.
macro_rules! order {
    ($table:ident: $($host:ident >= $($module:ident),+;)*) => {
        $($(impl crate::AtLeast<$module> for $host {})+)*
        #[cfg(test)]
        pub(crate) const $table: &[(&str, &str)] = &[$($((stringify!($host), stringify!($module)),)+)*];
    };
}
pub(crate) use order;
