//! Leader and failure detectors: nothing is asked of them.

use super::{at_least, defect};
use synod_algorithms::detectors::{
    DetectorParameters, ElectLowerEpoch, FreshnessPoints, Swim, freshness_points, swim,
};
use synod_cli::Entry;
use synod_kernel::{Budget, Environment};
use synod_model::{Never, Process};
use synod_properties::completeness::CompletenessMonitor;
use synod_properties::leader::LeaderMonitor;
use synod_properties::{Algorithm, Cost, GroundKind, Metric, Scale, Twin, usual};

pub(super) fn all() -> Vec<Entry> {
    vec![Entry::new::<LowerEpoch>(), Entry::simulated::<Freshness>(), Entry::simulated::<Probes>()]
}

/// Elect Lower Epoch.
struct LowerEpoch;

impl Algorithm for LowerEpoch {
    type Process = ElectLowerEpoch;
    type Monitor = LeaderMonitor;

    const NAME: &'static str = "elect-lower-epoch";
    const PAGE: &'static str = include_str!("../../../algorithms/src/detectors/elect_lower_epoch.rs");
    const TWINS: &'static [Twin] = &[
        Twin::new(
            "epoch-not-stored",
            "ELD1",
            "every start is epoch 1, so that one which crashes for ever is trusted again and again",
        ),
        Twin::new(
            "candidates-kept",
            "ELD1",
            "whoever was heard once is a candidate for ever, stopped or not",
        ),
        Twin::new("prefers-itself", "ELD2", "of equally low epochs each takes its own"),
    ];

    const COSTS: &'static [Cost] = &[Cost::period(Metric::Messages, "n(n - 1)", 200)];

    fn scale(ground: GroundKind) -> Scale {
        match ground {
            GroundKind::Check => Scale::new(2, 0),
            GroundKind::Sim | GroundKind::Run => Scale::new(5, 0),
        }
    }

    fn parameters(scale: &Scale) -> Result<DetectorParameters, String> {
        at_least(scale, 1, "somebody must be trusted")?;
        Ok(DetectorParameters { defect: defect(scale)?, ..DetectorParameters::default() })
    }

    fn requests(_: &Scale) -> Vec<Vec<Never>> {
        Vec::new()
    }

    fn monitor(scale: &Scale) -> Self::Monitor {
        LeaderMonitor::new(scale.n)
    }

    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
        if ground == GroundKind::Check {
            environment.timing.firings = Budget::AtMost(4);
        }
        environment
    }
}

macro_rules! by_chance {
    ($($(#[$doc:meta])* $name:ident: $process:ident, $module:ident, $text:literal, $page:literal, $twin:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Algorithm for $name {
            type Process = $process;
            type Monitor = CompletenessMonitor;

            const NAME: &'static str = $text;
            const PAGE: &'static str = include_str!(concat!("../../../algorithms/src/detectors/", $page));
            const TWINS: &'static [Twin] = &[$twin];

            fn scale(_: GroundKind) -> Scale {
                Scale::new(5, 0)
            }

            fn parameters(scale: &Scale) -> Result<$module::Parameters, String> {
                at_least(scale, 2, "one watches another")?;
                Ok($module::Parameters { defect: defect(scale)?, ..$module::Parameters::default() })
            }

            fn requests(_: &Scale) -> Vec<Vec<Never>> {
                Vec::new()
            }

            fn monitor(scale: &Scale) -> Self::Monitor {
                CompletenessMonitor::new(scale.n)
            }
        }
    )*};
}
by_chance! {
    /// NFD-S.
    Freshness: FreshnessPoints, freshness_points, "freshness-points", "freshness_points.rs",
        Twin::new("any-is-fresh", "EPFD1", "whoever was heard at all is never suspected");
    /// SWIM's failure detector.
    Probes: Swim, swim, "swim", "swim.rs",
        Twin::new("vouches", "EPFD1", "who is asked to probe another answers in its name");
}
