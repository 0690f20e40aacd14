//! Letting others run for a moment, in place of sleeping: to be woken takes longer. Not on a machine that is busy with other things, where who
//! lets others run is not back soon.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Who is not back so soon after it let others run is on a machine that is busy with other things.
const YIELD_MAX: Duration = Duration::from_micros(500);
/// For how many waits nobody yields on such a machine.
const BUSY_WAITS: u64 = 1000;

/// Whether it is worth to let others run.
#[derive(Debug, Default)]
pub(crate) struct Courtesy {
    /// For how many more waits it is not.
    busy: AtomicU64,
}

impl Courtesy {
    /// Lets others run and comes back; not where that took long lately. Whether it did.
    pub(crate) fn lets_others_run(&self) -> bool {
        let busy = self.busy.load(Ordering::Relaxed);
        if busy > 0 {
            self.busy.store(busy - 1, Ordering::Relaxed);
            return false;
        }
        let before = Instant::now();
        thread::yield_now();
        self.took(before.elapsed());
        true
    }

    fn took(&self, time: Duration) {
        if time > YIELD_MAX {
            self.busy.store(BUSY_WAITS, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_kept_waiting_yields_no_more_for_a_while() {
        let courtesy = Courtesy::default();
        courtesy.took(YIELD_MAX);
        assert_eq!(courtesy.busy.load(Ordering::Relaxed), 0);
        courtesy.took(2 * YIELD_MAX);
        for _ in 0..BUSY_WAITS {
            assert!(!courtesy.lets_others_run());
        }
        assert!(courtesy.lets_others_run());
    }
}
