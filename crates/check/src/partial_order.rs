//! In which worlds of processes what comes next is a matter of queues alone.

use synod_kernel::{Budget, Budgets, Durability, Environment, Keeping};

/// Whether a process that has a message in each of its queues does next what it does, whatever the others do: there are
/// no faults, oracles and disks, which may change that; no budget of timers, which is everybody's; and what arrives next is
/// what was sent first.
pub(crate) fn queues_alone(environment: &Environment) -> bool {
    let all = Budgets::of(environment);
    let failures = [all.stops, all.omissions, all.lies, all.restarts];
    let network = [all.losses, all.duplications, all.injections, all.partitions];
    let disks = [all.torn_writes, all.bit_rot, all.misdirected_writes, all.failed_writes];
    let faults = [failures, network, disks, [all.outputs; 4]].concat();
    let timers = [environment.timing.firings, environment.timing.pulses];
    Keeping::of(&environment.links) == Keeping::Queues
        && !faults.iter().any(|budget| budget.any())
        && timers.iter().all(|budget| *budget == Budget::Unlimited)
        && environment.storage.durability == Durability::Immediate
}
