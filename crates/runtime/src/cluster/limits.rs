//! What of a cluster's faults its algorithm's model has: the rest is done when asked for, and refutes nothing.

use super::{Fault, Volume};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use synod_model::failure::{FailureKind, Who};
use synod_model::timing::TimingKind;
use synod_model::{Bounds, ProcessId, duration};

/// What the model of a cluster's algorithm has of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How processes fail.
    pub failures: FailureKind,
    /// What is promised of time.
    pub timing: TimingKind,
    /// f: how many may stop for ever.
    pub f: u32,
    /// The known bounds of the synchronous model.
    #[serde(default)]
    pub bounds: Option<Bounds>,
}

impl Limits {
    /// Whether a process that was killed may come back to the instance that it was in.
    pub fn comes_back(&self) -> bool {
        self.failures.profile().restart != Who::Nobody
    }

    /// In which way a fault is beyond the model, where it is. `stopped` are those who were killed before it, and are of no
    /// use any more where nobody comes back.
    pub fn beyond(&self, fault: &Fault, stopped: &BTreeSet<ProcessId>) -> Option<String> {
        match fault {
            Fault::Replace(p, Volume::Lost) if self.comes_back() => Some(format!(
                "{p} has lost its disk, which its model ({}) takes for stable",
                self.failures.name()
            )),
            Fault::Kill(p) | Fault::Replace(p, _) => self.beyond_kill(*p, stopped),
            Fault::Restart(_) | Fault::Resume(_) | Fault::Heal(..) | Fault::Unmute(_) | Fault::HealAll => {
                None
            }
            Fault::Delay(_, _, most) if self.bounds.is_some_and(|bounds| *most <= bounds.delay) => None,
            Fault::Duplicate(..) => None,
            Fault::Pause(_) => self.beyond_time("processes take longer than its bound"),
            Fault::Skew(..) => self.beyond_time("clocks drift by more than its bound"),
            Fault::Delay(_, _, most) => self.beyond_time(&format!(
                "messages take up to {}, longer than its bound",
                duration::format(*most)
            )),
            Fault::Cut(..) | Fault::Mute(_) | Fault::Partition(_) | Fault::OneWay(..) | Fault::Loss(..) => {
                self.beyond_time("messages take longer than its bound")
            }
        }
    }

    fn beyond_kill(&self, p: ProcessId, stopped: &BTreeSet<ProcessId>) -> Option<String> {
        let profile = self.failures.profile();
        if self.comes_back() {
            return None;
        }
        let f = if profile.stop == Who::Nobody { 0 } else { self.f };
        let killed = stopped.len() + usize::from(!stopped.contains(&p));
        (killed > f as usize).then(|| {
            format!(
                "{killed} of its processes have stopped; its model ({}) has {f} at most here",
                self.failures.name()
            )
        })
    }

    fn beyond_time(&self, what: &str) -> Option<String> {
        (self.timing == TimingKind::Synchronous)
            .then(|| format!("{what}, which its model ({}) knows", self.timing.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_does_not_have_is_told() {
        let limits = |failures, timing, f| Limits { failures, timing, f, bounds: None };
        let (none, one) = (BTreeSet::new(), BTreeSet::from([ProcessId(0)]));
        let beyond =
            |limits: Limits, fault: &str, stopped| limits.beyond(&fault.parse().unwrap(), stopped).is_some();
        let stop = limits(FailureKind::CrashStop, TimingKind::Asynchronous, 1);
        assert!(!beyond(stop, "kill 0", &none) && !beyond(stop, "kill 0", &one));
        assert!(beyond(stop, "kill 1", &one) && beyond(stop, "replace 1", &one));
        assert!(!beyond(stop, "pause 0", &none) && !beyond(stop, "partition 0 | 1", &none));
        let recovery = limits(FailureKind::CrashRecovery, TimingKind::PartiallySynchronous, 1);
        assert!(!beyond(recovery, "kill 1", &one) && !beyond(recovery, "replace 1", &one));
        assert!(beyond(recovery, "replace 1 without volume", &none));
        let synchronous = limits(FailureKind::CrashStop, TimingKind::Synchronous, 1);
        for fault in ["pause 0", "skew 0 +1s", "delay 1s", "loss 1%", "partition 0 | 1"] {
            assert!(beyond(synchronous, fault, &none), "{fault}");
        }
        assert!(!beyond(synchronous, "heal", &none) && !beyond(synchronous, "kill 0", &none));
        assert!(beyond(limits(FailureKind::Reliable, TimingKind::Asynchronous, 1), "kill 0", &none));
    }
}
