//! Machines: the law of their disks, and what is kept of each while a run goes on.

use super::{Fits, Unfit, law_fits};
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};
use synod_kernel::{Durability, Environment};

/// How long disks take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// How long a write takes to become durable, in place of the environment's 0 to `sync_max`.
    pub sync: Distribution,
}

impl Disk {
    pub(super) fn fits(&self, environment: &Environment) -> Fits {
        if environment.storage.durability == Durability::Immediate {
            return Err(Unfit::new(
                "`disk` where writes are durable at once",
                "set `storage.durability = \"deferred\"` in the environment",
            ));
        }
        law_fits("disk.sync", &self.sync)
    }
}

/// Something that lasts, and whether it made a difference yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spell {
    pub(super) until: u64,
    /// How many times slower, where it slows something.
    pub(super) factor: u32,
    pub(super) effective: bool,
}

impl Spell {
    pub(super) fn new(until: u64, factor: u32) -> Self {
        Self { until, factor, effective: false }
    }

    pub(super) fn holds(&self, now: u64) -> bool {
        now < self.until
    }
}

/// The machine under a seat.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// The process that runs there.
    pub(super) process: u32,
    /// When its last handler ends.
    pub(super) busy_until: u64,
    pub(super) pause: Spell,
    pub(super) slow: Spell,
    pub(super) slow_disk: Spell,
    pub(super) narrow: Spell,
    pub(super) drift_ppm: i64,
    /// Time of a step over time of one at the usual speed.
    pub(super) slowness: f64,
}
