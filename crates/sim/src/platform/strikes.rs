//! How many faults of the platform's vocabulary strike by chance.

use super::{Fits, Platform, Unfit};
use serde::{Deserialize, Serialize};
use synod_kernel::{Durability, Environment};

/// By kind: how many strike a run at most. Where bounds hold from GST on, they strike before it; all of them in the first half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Strikes {
    /// A process stands still.
    pub pauses: u32,
    /// A process is slow.
    pub slow: u32,
    /// A disk is slow.
    pub slow_disks: u32,
    /// A clock jumps.
    pub clock_jumps: u32,
    /// Some links are slow.
    pub delay_spikes: u32,
    /// An uplink is narrow.
    pub bandwidth_drops: u32,
    /// Any links are cut, as bridges and partial partitions; each is one of the environment's `partitions`, too.
    pub partial_partitions: u32,
}

impl Strikes {
    pub(super) fn fit(&self, platform: &Platform, environment: &Environment) -> Fits {
        let needs = |budget: u32, key: &str, there: bool, hint: &str| {
            if budget == 0 || there {
                return Ok(());
            }
            Err(Unfit::new(format!("`budgets.{key}` = {budget} can have no effect"), hint))
        };
        let deferred = environment.storage.durability != Durability::Immediate;
        needs(self.slow, "slow", platform.step.is_some(), "say with `step` how long a handler takes")?;
        needs(
            self.slow_disks,
            "slow_disks",
            deferred,
            "set `storage.durability = \"deferred\"` in the environment",
        )?;
        needs(
            self.bandwidth_drops,
            "bandwidth_drops",
            platform.bandwidth.is_some(),
            "say with `bandwidth` how much fits through",
        )?;
        let cuts = environment.partitions.any() && environment.cuts.is_none();
        needs(
            self.partial_partitions,
            "partial_partitions",
            cuts,
            "set `partitions` in the environment, and no list of `cuts`",
        )
    }
}
