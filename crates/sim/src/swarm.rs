//! Swarm testing (Groce and others 2012): each run has some families of faults and not others, and of those a share.
//!
//! A run that meets everything at once hardly ever gets far in any one direction: what crashes mask, losses alone would show.
//! Which families a run has is drawn from its seed, apart from all else that is, so that a run without a swarm stays
//! what it was. A swarm takes away alone: its runs are runs of the environment that was declared.

use crate::plan::nanos;
use std::time::Duration;
use synod_kernel::environment::Probability;
use synod_kernel::{Budget, Environment, Random};

/// Apart from delays, plans and draws.
const SWARM: u64 = 0x5fa2_35c1_9e37_79b9;
/// One in so many runs has it all. With every second one, whatever takes all kinds of fault to meet is found in at most
/// twice the runs, and whatever hides when they do in at most twice those of a swarm without any such run.
const ALL_IN: u64 = 2;
/// A share is in these parts.
const WHOLE: u32 = 1_000_000;
/// What a share of an unlimited budget is a share of.
const UNLIMITED: u32 = 16;

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A family of what may befall a run: on or off in it as a whole.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Family { $($(#[$doc])* $name,)* }

        impl Family {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}
families! {
    /// Crashes for ever.
    Stops,
    /// Crashes with a recovery.
    Restarts,
    /// Of both: those inside of a handler.
    CrashesInHandlers,
    /// Of both: those while a write is pending.
    CrashesWhileStoring,
    /// Writes that a crash tears.
    TornWrites,
    /// Processes that lie.
    Lies,
    /// Losses, and how likely they are.
    Losses,
    /// Duplications, and how likely they are.
    Duplications,
    /// Cuts of the network.
    Partitions,
    /// Of these: those in one direction.
    OneWayPartitions,
    /// What oracles say before they keep to their axioms.
    OracleNoise,
    /// The time before GST.
    BeforeGst,
    /// The workload: how many of its requests each process is asked.
    Requests,
    /// Processes that omit.
    Omissions,
    /// Disks that corrupt, or refuse writes.
    Disks,
    /// What the network injects.
    Injections,
}

/// Which families a run has, and which share of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swarm([u32; Family::ALL.len()]);

impl Swarm {
    /// All that there is.
    pub const ALL: Self = Self([WHOLE; Family::ALL.len()]);

    /// That of the run of this seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ SWARM);
        if random.below(ALL_IN) == 0 {
            return Self::ALL;
        }
        Self(std::array::from_fn(|_| match random.below(4) {
            0 | 1 => 0,
            2 => WHOLE,
            _ => 1 + random.below(u64::from(WHOLE)) as u32,
        }))
    }

    /// Whether the run has anything of it.
    pub fn has(&self, family: Family) -> bool {
        self.share(family) > 0
    }

    fn share(&self, family: Family) -> u32 {
        self.0[family as usize]
    }

    /// The run's share of a number, rounded up: where there is something, and the family is on, something is left.
    fn part(&self, family: Family, number: u64) -> u64 {
        (u128::from(number) * u128::from(self.share(family))).div_ceil(u128::from(WHOLE)) as u64
    }

    /// The run's share of a budget.
    #[must_use]
    pub fn budget(&self, family: Family, budget: Budget) -> Budget {
        match budget {
            Budget::Unlimited if self.share(family) == WHOLE => Budget::Unlimited,
            Budget::Unlimited => Budget::AtMost(self.part(family, UNLIMITED.into()) as u32),
            Budget::AtMost(most) => Budget::AtMost(self.part(family, most.into()) as u32),
        }
    }

    fn rate(&self, family: Family, rate: Probability) -> Probability {
        Probability::per_million(self.part(family, rate.parts_per_million().into()) as u32)
    }

    /// How many of its requests a process is asked that has as many: of one it is asked always.
    pub fn requests(&self, most: usize) -> usize {
        (self.part(Family::Requests, most as u64) as usize).max(1)
    }

    /// What is left of an environment.
    pub fn narrow(&self, environment: &mut Environment) {
        let Environment { failures, storage, links, partitions, timing, .. } = environment;
        failures.stops = self.budget(Family::Stops, failures.stops);
        failures.restarts = self.budget(Family::Restarts, failures.restarts);
        failures.lies = self.budget(Family::Lies, failures.lies);
        failures.omissions = self.budget(Family::Omissions, failures.omissions);
        storage.bit_rot = self.budget(Family::Disks, storage.bit_rot);
        storage.misdirected_writes = self.budget(Family::Disks, storage.misdirected_writes);
        storage.failed_writes = self.budget(Family::Disks, storage.failed_writes);
        links.injections = self.budget(Family::Injections, links.injections);
        storage.torn_writes = self.budget(Family::TornWrites, storage.torn_writes);
        // a share of unlimited losses is one of how likely they are
        links.loss_probability = self.rate(Family::Losses, links.loss_probability);
        links.duplication_probability = self.rate(Family::Duplications, links.duplication_probability);
        *partitions = self.budget(Family::Partitions, *partitions);
        timing.gst = Duration::from_nanos(self.part(Family::BeforeGst, nanos(timing.gst)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_swarm_takes_away_alone() {
        let mut declared = Environment::benign(3);
        declared.failures.stops = Budget::AtMost(3);
        declared.failures.restarts = Budget::Unlimited;
        declared.partitions = Budget::AtMost(5);
        declared.links.losses = Budget::Unlimited;
        declared.links.loss_probability = Probability::per_million(100_000);
        declared.timing.gst = Duration::from_secs(1);
        let mut seen = BTreeSet::new();
        for seed in 0..4_000 {
            let mut narrowed = declared.clone();
            let swarm = Swarm::of(seed);
            swarm.narrow(&mut narrowed);
            assert!(narrowed.refines(&declared), "{swarm:?}");
            assert!((1..=7).contains(&swarm.requests(7)) && swarm.requests(1) == 1);
            assert!(narrowed.links.loss_probability <= declared.links.loss_probability);
            seen.insert((narrowed.failures.stops, narrowed.partitions));
        }
        assert_eq!(seen.len(), 4 * 6, "each number of stops beside each number of cuts");
    }

    #[test]
    fn each_family_is_off_in_some_runs_and_whole_in_others_whatever_the_rest() {
        let swarms: Vec<_> = (0..1_000).map(Swarm::of).collect();
        for &one in Family::ALL {
            for &other in Family::ALL.iter().filter(|&&other| other != one) {
                let seen: BTreeSet<_> = swarms.iter().map(|s| (s.has(one), s.has(other))).collect();
                assert_eq!(seen.len(), 4, "{one:?} and {other:?}");
            }
        }
        let all = swarms.iter().filter(|&&swarm| swarm == Swarm::ALL).count();
        assert!((450..550).contains(&all), "{all}");
    }
}
