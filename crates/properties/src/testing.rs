//! For the unit tests of monitors: observations by hand, and what a monitor says of them.

use crate::monitor::{Monitor, Obligation, Observation};
use synod_model::ProcessId;

pub(crate) fn request<Q, I>(at: ProcessId, request: &Q) -> Observation<'_, Q, I> {
    Observation::Request { at, request }
}

pub(crate) fn indicate<Q, I>(at: ProcessId, indication: &I) -> Observation<'_, Q, I> {
    Observation::Indication { at, indication }
}

pub(crate) fn crash<'a, Q, I>(at: ProcessId) -> Observation<'a, Q, I> {
    Observation::Crash { at }
}

pub(crate) fn recover<'a, Q, I>(at: ProcessId) -> Observation<'a, Q, I> {
    Observation::Recover { at }
}

pub(crate) fn corrupt<'a, Q, I>(at: ProcessId) -> Observation<'a, Q, I> {
    Observation::Corrupt { at }
}

/// The monitor after these observations, or the property that one of them breaks.
pub(crate) fn verdict<Q, I, M: Monitor<Q, I>>(
    mut monitor: M,
    observations: &[Observation<'_, Q, I>],
) -> Result<M, String> {
    for observation in observations {
        monitor.observe(observation).map_err(|violation| violation.property)?;
    }
    Ok(monitor)
}

/// What is owed.
pub(crate) fn owed<Q, I, M: Monitor<Q, I>>(monitor: &M) -> Vec<Obligation> {
    let mut debts = vec![];
    monitor.owed(&mut |debt| debts.push(debt));
    debts
}
