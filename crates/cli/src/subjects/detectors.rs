//! Leader detectors: nothing is asked of them.

use super::{at_least, defect, sized};
use std::time::Duration;
use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch};
use synod_cli::Entry;
use synod_cli::worlds::usual;
use synod_kernel::{Budget, Environment};
use synod_model::{Never, Process, Timeout};
use synod_properties::leader::LeaderMonitor;
use synod_properties::{Algorithm, GroundKind, Scale, Twin};

pub(super) fn all() -> Vec<Entry> {
    vec![Entry::new::<LowerEpoch>()]
}

/// Elect Lower Epoch.
struct LowerEpoch;

impl Algorithm for LowerEpoch {
    type Process = ElectLowerEpoch;
    type Monitor = LeaderMonitor;

    const NAME: &'static str = "elect-lower-epoch";
    const PAGE: &'static str = include_str!("../../../algorithms/src/detectors/elect_lower_epoch.rs");
    const TWINS: &'static [Twin] = &[Twin::new(
        "epoch-not-stored",
        "ELD1",
        "every start is epoch 1, so that one which crashes for ever is trusted again and again",
    )];

    fn scale(ground: GroundKind) -> Scale {
        match ground {
            GroundKind::Check => sized(2, 0),
            GroundKind::Sim | GroundKind::Run => sized(5, 0),
        }
    }

    fn parameters(scale: &Scale) -> Result<DetectorParameters, String> {
        at_least(scale, 1, "somebody must be trusted")?;
        // The period of the heartbeats is the delay, which differs from process to process: one that waits less than
        // the leader takes for a heartbeat must outgrow it. That takes many periods: hence short ones, and a limit that
        // no run comes near.
        let timeout = Timeout {
            initial: Duration::from_millis(50),
            increment: Duration::from_millis(50),
            max: Duration::from_mins(1),
        };
        Ok(DetectorParameters { timeout, defect: defect(scale)? })
    }

    fn requests(_: &Scale) -> Vec<Vec<Never>> {
        Vec::new()
    }

    fn monitor(scale: &Scale) -> Self::Monitor {
        LeaderMonitor::new(scale.n)
    }

    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
        match ground {
            GroundKind::Check => environment.timing.firings = Budget::AtMost(4),
            // each loss may be mistaken for a crash, and makes the delays longer
            GroundKind::Sim => environment.links.losses = Budget::AtMost(20),
            GroundKind::Run => {}
        }
        environment
    }
}
