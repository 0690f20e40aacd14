//! In which worlds of processes what comes next is a matter of queues alone.

use synod_kernel::{Budget, Budgets, Durability, Environment, Keeping};

/// Whether a process that has a message in each of its queues does next what it does, whatever the others do: there are
/// no faults, oracles and disks, which may change that; no budget of timers, which is everybody's; and what arrives next is
/// what was sent first.
pub(crate) fn queues_alone(environment: &Environment) -> bool {
    // every budget is named, so that none is forgotten
    let Budgets {
        stops,
        omissions,
        lies,
        restarts,
        losses,
        duplications,
        injections,
        partitions,
        torn_writes,
        bit_rot,
        misdirected_writes,
        failed_writes,
        outputs,
        firings,
        pulses,
        // of twins, which no environment has
        withheld: _,
    } = Budgets::of(environment);
    let failures = [stops, omissions, lies, restarts];
    let network = [losses, duplications, injections, partitions];
    let disks = [torn_writes, bit_rot, misdirected_writes, failed_writes];
    let faults = [failures, network, disks, [outputs; 4]].concat();
    let timers = [firings, pulses];
    Keeping::of(&environment.links) == Keeping::Queues
        && !faults.iter().any(|budget| budget.any())
        && timers.iter().all(|budget| *budget == Budget::Unlimited)
        && environment.storage.durability == Durability::Immediate
}
