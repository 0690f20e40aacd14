//! In which worlds of processes a reduction by partial order is possible.

use synod_kernel::{Budget, Budgets, Durability, Environment, Keeping};

/// Why no reduction by partial order ([`Options::partial_order`](crate::Options)) is possible in worlds of this environment;
/// nothing where one is: faults, oracles and disks may change what a process does next, a budget of timers is everybody's,
/// and what arrives next must be what was sent first.
pub fn no_partial_order(environment: &Environment) -> Option<&'static str> {
    let Budgets { stops, lies, restarts, losses, duplications, partitions, torn_writes, outputs, .. } =
        Budgets::of(environment);
    let faults = [stops, lies, restarts, losses, duplications, partitions, torn_writes];
    let timers = [environment.timing.firings, environment.timing.pulses];
    let reasons = [
        (Keeping::of(&environment.links) != Keeping::Queues, "its links are not FIFO"),
        (faults.iter().any(|budget| budget.any()), "it has faults"),
        (outputs.any(), "oracles speak in it"),
        (timers.iter().any(|budget| *budget != Budget::Unlimited), "its timers share a budget"),
        (
            environment.storage.durability != Durability::Immediate,
            "its writes are durable later than they are made",
        ),
    ];
    reasons.into_iter().find(|(is_so, _)| *is_so).map(|(_, why)| why)
}
