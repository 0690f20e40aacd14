//! What a run puts to the test: a property whose antecedent never comes true holds of nothing.

use crate::fault::{Fault, FaultKind};
use synod_properties::{Kind, Monitor};

/// In so many runs a property is put to the test, and a fault that there is a budget for takes effect: where it is in none of
/// them, the runs show nothing of it. Fewer may miss it by chance.
pub const RUNS_THAT_TEST: u64 = 100;

/// How many of the first observations of a run are looked at, each; after these, ever fewer.
const LOOKED_AT: u64 = 16;

/// What a run puts to the test: liveness by a debt; what is indicated tests safety. Asked now and then, and at the end of a run.
#[derive(Debug)]
pub(crate) struct Tested {
    /// The properties of liveness, each with whether anything was owed under it.
    liveness: Vec<(&'static str, bool)>,
    /// How many of these nothing was owed under.
    open: usize,
    /// What the monitor found exercised when it was looked at.
    exercised: Vec<&'static str>,
    observations: u64,
    indicated: bool,
}

impl Tested {
    pub(crate) fn new<Q, I, M: Monitor<Q, I>>(monitor: &M) -> Self {
        let properties = monitor.properties();
        let liveness: Vec<_> =
            properties.iter().filter(|p| p.kind == Kind::Liveness).map(|p| (p.id, false)).collect();
        Self { open: liveness.len(), liveness, exercised: Vec::new(), observations: 0, indicated: false }
    }

    /// Takes note of an observation, which the monitor has seen.
    #[inline]
    pub(crate) fn note<Q, I, M: Monitor<Q, I>>(&mut self, monitor: &M, is_indication: bool) {
        self.indicated |= is_indication;
        self.observations += 1;
        if self.observations <= LOOKED_AT || self.observations.is_power_of_two() {
            self.look(monitor);
        }
    }

    fn look<Q, I, M: Monitor<Q, I>>(&mut self, monitor: &M) {
        if self.indicated {
            let exercised = &mut self.exercised;
            monitor.exercised(&mut |id| {
                if !exercised.contains(&id) {
                    exercised.push(id);
                }
            });
        }
        if self.open == 0 {
            return;
        }
        let (liveness, open) = (&mut self.liveness, &mut self.open);
        monitor.owed(&mut |debt| {
            if let Some((_, owed)) = liveness.iter_mut().find(|(id, owed)| *id == debt.property && !owed) {
                *owed = true;
                *open -= 1;
            }
        });
    }

    /// What the run has put to the test: the properties' identifiers, in their order.
    pub(crate) fn all<Q, I, M: Monitor<Q, I>>(&mut self, monitor: &M) -> Vec<String> {
        self.look(monitor);
        let mut exercised = self.exercised.clone();
        exercised.extend(self.liveness.iter().filter(|(_, owed)| *owed).map(|(id, _)| *id));
        let properties = monitor.properties();
        properties.iter().filter(|p| exercised.contains(&p.id)).map(|p| p.id.to_owned()).collect()
    }
}

/// As which kinds a fault shows when it takes effect, any of them; nothing of what heals.
pub fn effects(fault: &Fault) -> &'static [FaultKind] {
    match fault {
        Fault::Crash { .. } | Fault::CrashWhileStoring { .. } | Fault::CrashLoop { .. } => {
            &[FaultKind::Crash]
        }
        Fault::CrashInHandler { .. } => &[FaultKind::CrashInHandler],
        Fault::Sever { .. } => &[FaultKind::Partition, FaultKind::OneWayPartition],
        Fault::CutLinks { .. } => {
            &[FaultKind::PartialPartition, FaultKind::Partition, FaultKind::OneWayPartition]
        }
        Fault::Lose { .. } => &[FaultKind::Loss, FaultKind::LossAtSender],
        Fault::Duplicate { .. } => &[FaultKind::Duplication],
        Fault::Omit { .. } => &[FaultKind::Omission],
        Fault::TakeOver { .. } => &[FaultKind::TakeOver],
        Fault::Inject { .. } => &[FaultKind::Injection, FaultKind::Corruption, FaultKind::Replay],
        Fault::Corrupt { .. } => &[FaultKind::Corruption],
        Fault::Rot { .. } => &[FaultKind::BitRot],
        Fault::MisdirectWrite { .. } => &[FaultKind::MisdirectedWrite],
        Fault::FailWrite { .. } => &[FaultKind::FailedWrite],
        Fault::Output { .. } => &[FaultKind::Trust, FaultKind::Suspect, FaultKind::Restore],
        Fault::Pause { .. } => &[FaultKind::Pause],
        Fault::Slow { .. } => &[FaultKind::Slow],
        Fault::SlowDisk { .. } => &[FaultKind::SlowDisk],
        Fault::ClockJump { .. } => &[FaultKind::ClockJump],
        Fault::DelaySpike { .. } => &[FaultKind::DelaySpike],
        Fault::BandwidthDrop { .. } => &[FaultKind::BandwidthDrop],
        Fault::Heal {} => &[],
    }
}
