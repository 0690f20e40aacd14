//! Failure and leader detectors (CGR11 §2.6), and the oracles that stand for them.

pub mod elect_lower_epoch;
pub mod eventually_perfect;
pub mod exclude_on_timeout;
pub mod freshness_points;
pub mod omega;
pub mod swim;

pub use elect_lower_epoch::{ElectLowerEpoch, Epoch};
pub use eventually_perfect::{EventuallyPerfectLeader, EventuallyPerfectOracle};
pub use exclude_on_timeout::ExcludeOnTimeout;
pub use freshness_points::FreshnessPoints;
pub use omega::OmegaOracle;
pub use swim::Swim;
pub use synod_model::interface::Crashed;
pub use synod_model::interface::Suspicion;
pub use synod_model::interface::Trust;

use synod_model::prelude::*;

/// An eventual leader detector (ELD1-2): a module that tells its host whom to trust, be it by heartbeats or by an
/// oracle. An algorithm that needs a leader is generic over it.
pub trait LeaderDetector:
    Process<Request = Never, Indication = Trust, Parameters = DetectorParameters>
{
}

impl<D> LeaderDetector for D where
    D: Process<Request = Never, Indication = Trust, Parameters = DetectorParameters>
{
}

/// What the leader detectors know from the start; the oracles need nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorParameters {
    /// Δ: the period of the heartbeats.
    #[serde(with = "synod_model::duration")]
    pub period: Duration,
    /// How long a process waits for heartbeats, and how that adapts.
    pub timeout: Timeout,
    /// The broken twin, if any.
    pub defect: Option<elect_lower_epoch::Defect>,
}

impl Default for DetectorParameters {
    /// A heartbeat every 200 ms; the first delay is 300 ms, so that it has one in it, and grows by 100 ms up to one second.
    fn default() -> Self {
        let timeout = Timeout { initial: Duration::from_millis(300), ..Timeout::default() };
        Self { period: Duration::from_millis(200), timeout, defect: None }
    }
}
