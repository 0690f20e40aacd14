//! What is left of what a world may do.

use crate::choice::DiskFault;
use crate::environment::{Budget, Environment};
use synod_model::When;

/// What is left of each budget.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budgets {
    /// Crashes for ever.
    pub stops: Budget,
    /// Processes that omit.
    pub omissions: Budget,
    /// Processes that lie.
    pub lies: Budget,
    /// Crashes with recovery.
    pub restarts: Budget,
    /// Losses.
    pub losses: Budget,
    /// Duplications.
    pub duplications: Budget,
    /// Injected messages.
    pub injections: Budget,
    /// Partitions.
    pub partitions: Budget,
    /// Torn writes.
    pub torn_writes: Budget,
    /// Flipped bits.
    pub bit_rot: Budget,
    /// Misdirected writes.
    pub misdirected_writes: Budget,
    /// Failed writes.
    pub failed_writes: Budget,
    /// Outputs of oracles.
    pub outputs: Budget,
    /// Firings of timers.
    pub firings: Budget,
    /// Firings of pulses.
    pub pulses: Budget,
    /// Messages to and from twins that do not reach their audience: see [`Seating::withhold`](crate::Seating::withhold).
    pub withheld: Budget,
}

impl Budgets {
    /// All that an environment allows.
    pub fn of(environment: &Environment) -> Self {
        Self {
            stops: environment.failures.stops,
            omissions: environment.failures.omissions,
            lies: environment.failures.lies,
            restarts: environment.failures.restarts,
            losses: environment.links.losses,
            duplications: environment.links.duplications,
            injections: environment.links.injections,
            partitions: environment.partitions,
            torn_writes: environment.storage.torn_writes,
            bit_rot: environment.storage.bit_rot,
            misdirected_writes: environment.storage.misdirected_writes,
            failed_writes: environment.storage.failed_writes,
            outputs: environment.oracles.outputs,
            firings: environment.timing.firings,
            pulses: environment.timing.pulses,
            withheld: Budget::NONE,
        }
    }

    /// What is left for a timer of this kind. Oracles fire by their outputs alone.
    pub fn fire(&self, when: When) -> Budget {
        match when {
            When::After(_) => self.firings,
            When::Pulse => self.pulses,
            When::Oracle(_) => Budget::NONE,
        }
    }

    /// The ways in which a process with `pending` writes may crash: (for ever, writes kept, torn).
    pub(crate) fn crashes(&self, pending: u32, mut each: impl FnMut(bool, u32, bool)) {
        for (forever, budget) in [(false, self.restarts), (true, self.stops)] {
            // what a disk keeps that is never read again makes no difference
            let kept_max = if forever { 0 } else { pending };
            for kept in 0..=kept_max * u32::from(budget.any()) {
                if budget.any() {
                    each(forever, kept, false);
                }
                if budget.any() && !forever && kept < pending && self.torn_writes.any() {
                    each(false, kept, true);
                }
            }
        }
    }

    /// f: of all that may be faulty in whatever way, so many are left.
    fn faulty(&self) -> Budget {
        self.stops.max(self.omissions).max(self.lies)
    }

    /// One of the three was spent, and with it one of f, the largest of them.
    fn spend_faulty(&mut self, f: Budget) {
        let left = f.spent();
        self.stops = self.stops.min(left);
        self.omissions = self.omissions.min(left);
        self.lies = self.lies.min(left);
    }

    pub(crate) fn spend_crash(&mut self, forever: bool, torn: bool) {
        if torn {
            self.torn_writes = self.torn_writes.spent();
        }
        if forever {
            let f = self.faulty();
            self.stops = self.stops.spent();
            self.spend_faulty(f);
        } else {
            self.restarts = self.restarts.spent();
        }
    }

    pub(crate) fn spend_omission(&mut self) {
        let f = self.faulty();
        self.omissions = self.omissions.spent();
        self.spend_faulty(f);
    }

    pub(crate) fn spend_lie(&mut self) {
        let f = self.faulty();
        self.lies = self.lies.spent();
        self.spend_faulty(f);
    }

    pub(crate) fn spend_disk(&mut self, fault: DiskFault) {
        let budget = match fault {
            DiskFault::Rot { .. } => &mut self.bit_rot,
            DiskFault::Misdirect => &mut self.misdirected_writes,
            DiskFault::Refuse => &mut self.failed_writes,
        };
        *budget = budget.spent();
    }
}
