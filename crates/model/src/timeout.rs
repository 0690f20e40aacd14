//! A timeout that adapts, up to a limit.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a timeout starts and grows, until it is longer than the bound nobody knows.
///
/// It saturates: without the limit the states of an algorithm that adapts its timeouts would be unbounded. The limit
/// belongs to the deployment: eventual properties need it to exceed the real bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeout {
    /// What it is at first.
    #[serde(with = "crate::duration")]
    pub initial: Duration,
    /// What is added each time it proved too short.
    #[serde(with = "crate::duration")]
    pub increment: Duration,
    /// What it never exceeds.
    #[serde(with = "crate::duration")]
    pub max: Duration,
}

impl Timeout {
    /// The one after `current`, which proved too short.
    #[must_use]
    pub fn after(&self, current: Duration) -> Duration {
        current.saturating_add(self.increment).min(self.max)
    }
}

impl Default for Timeout {
    /// 100 ms, growing by as much, up to one second.
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            increment: Duration::from_millis(100),
            max: Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_grows_by_its_increment_and_saturates() {
        let timeout = Timeout::default();
        let mut current = timeout.initial;
        for _ in 0..3 {
            current = timeout.after(current);
        }
        assert_eq!(current, Duration::from_millis(400));
        for _ in 0..20 {
            current = timeout.after(current);
        }
        assert_eq!(current, timeout.max);
        assert_eq!(timeout.after(Duration::MAX), timeout.max, "no overflow");
    }
}
