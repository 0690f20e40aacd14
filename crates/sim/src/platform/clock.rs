//! Clocks: timers run at the rate of the clock of their process.

use super::{Fits, Unfit};
use serde::{Deserialize, Serialize};
use synod_kernel::Random;

const MILLION: u128 = 1_000_000;

/// How far clocks are off, in parts per million of the time that passes; above 0 they are fast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clocks {
    /// By process.
    pub drift_ppm: Vec<i64>,
    /// Those of the others are off by anything up to this much, drawn in each run; half of them by exactly so much.
    pub drift_max_ppm: u32,
}

impl Clocks {
    pub(super) fn fits(&self, n: u32) -> Fits {
        if self.drift_ppm.len() > n as usize {
            let what = format!("`clocks.drift_ppm` of {} processes, of n = {n}", self.drift_ppm.len());
            return Err(Unfit::new(what, "leave some out"));
        }
        let most = self.drift_ppm.iter().map(|drift| drift.unsigned_abs()).max().unwrap_or(0);
        if most.max(self.drift_max_ppm.into()) >= MILLION as u64 {
            return Err(Unfit::new(
                "a drift of a million parts per million, or more: such a clock may stand still",
                "quartz drifts by some tens of parts per million",
            ));
        }
        Ok(())
    }

    /// The drift of a process's clock in a run.
    pub(super) fn draw(&self, process: u32, random: &mut Random) -> i64 {
        match self.drift_ppm.get(process as usize) {
            Some(&drift) => drift,
            None => drawn(self.drift_max_ppm, random),
        }
    }
}

/// A drift within a bound: often as much as it admits.
pub(super) fn drawn(max_ppm: u32, random: &mut Random) -> i64 {
    if max_ppm == 0 {
        return 0;
    }
    let max = i64::from(max_ppm);
    match random.below(4) {
        0 => max,
        1 => -max,
        _ => i64::try_from(random.below(2 * u64::from(max_ppm) + 1)).unwrap_or(max) - max,
    }
}

/// The time that passes, in nanoseconds, while a clock with this drift advances by `local`; no less.
pub(super) fn real(local: u64, drift_ppm: i64) -> u64 {
    if drift_ppm == 0 {
        return local;
    }
    let parts = u128::try_from(1_000_000 + i128::from(drift_ppm)).unwrap_or(1).max(1);
    u64::try_from((u128::from(local) * MILLION).div_ceil(parts)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_fires_early_and_a_slow_one_late_by_what_it_drifts() {
        const SECOND: u64 = 1_000_000_000;
        assert_eq!(real(SECOND, 0), SECOND);
        assert_eq!(real(SECOND, 250_000), SECOND * 4 / 5);
        assert_eq!(real(SECOND, -200_000), SECOND * 5 / 4);
        assert_eq!(SECOND - real(SECOND, 100), 99_990, "100 ppm are 0.1 ms a second");
        assert_eq!(real(1, 100), 1, "never before its time");
    }

    #[test]
    fn drifts_keep_to_their_bound_and_reach_it() {
        let mut random = Random::new(1);
        let all: Vec<_> = (0..1_000).map(|_| drawn(50, &mut random)).collect();
        assert!(all.iter().all(|drift| drift.abs() <= 50));
        assert!(all.contains(&50) && all.contains(&-50) && all.iter().any(|drift| drift.abs() < 10));
    }
}
