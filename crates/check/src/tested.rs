//! What was put to the test: a property that no run exercises holds of nothing.

use crate::worlds::judge;
use std::sync::atomic::{AtomicU64, Ordering};
use synod_kernel::Observed;
use synod_properties::{Kind, Monitor, Property, Violation};

/// The properties that what was observed so far has put to the test: by what was indicated, liveness also by a debt, if only
/// within a step.
pub(crate) struct Tested {
    properties: Vec<Property>,
    /// Those for which nobody has to look any more, as bits by the property's place.
    done: AtomicU64,
}

impl Tested {
    pub(crate) fn new(properties: Vec<Property>) -> Self {
        let tested = Self { properties, done: AtomicU64::new(0) };
        tested.note(|p| p.kind == Kind::Reachable);
        tested
    }

    /// Whether the property of this place was put to the test.
    pub(crate) fn has(&self, place: usize) -> bool {
        self.done.load(Ordering::Relaxed) >> place & 1 == 1
    }

    fn note(&self, is_tested: impl Fn(&Property) -> bool) {
        let places = self.properties.iter().enumerate().filter(|(_, p)| is_tested(p));
        let bits = places.fold(0_u64, |bits, (at, _)| bits | 1 << at);
        self.done.fetch_or(bits, Ordering::Relaxed);
    }

    fn is_looked_for(&self, kind: Kind) -> bool {
        self.properties.iter().enumerate().any(|(at, p)| p.kind == kind && !self.has(at))
    }

    /// Looks at what a monitor says is owed.
    pub(crate) fn look<Q, I, M: Monitor<Q, I>>(&self, monitor: &M) {
        if self.is_looked_for(Kind::Liveness) {
            monitor.owed(&mut |debt| self.note(|p| p.kind == Kind::Liveness && p.id == debt.property));
        }
    }

    /// Feeds what was observed in a step to a monitor, and takes note of what that tests.
    pub(crate) fn judge<Q, I, M: Monitor<Q, I>>(
        &self,
        monitor: &mut M,
        observed: &Observed<Q, I>,
    ) -> Result<(), Violation> {
        judge(monitor, observed)?;
        self.look(monitor);
        let looked_for = self.is_looked_for(Kind::Safety) || self.is_looked_for(Kind::Liveness);
        if matches!(observed, Observed::Indication(..)) && looked_for {
            monitor.exercised(&mut |id| self.note(|p| p.id == id));
        }
        Ok(())
    }
}
