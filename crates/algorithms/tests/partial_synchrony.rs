//! Liveness under partial synchrony: bounds that nobody knows, from an instant that nobody knows.

use std::time::Duration;
use synod_algorithms::detectors::elect_lower_epoch::Defect;
use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch};
use synod_check::time::Timed;
use synod_check::{Control, Options, SystemReport, check_system};
use synod_kernel::{Budget, Environment, Setting};
use synod_model::{Process, Timeout};
use synod_properties::leader::{ELD1, ELD2, LeaderMonitor};
use synod_properties::{GroundKind, Verdict, usual};

const fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

#[test]
fn p() {
    for (period, delta, init, max, restarts, stops, losses, defect) in [
        (1, 1, 1, 3, 0, 0, 0, None),
        (1, 1, 1, 2, 0, 0, 0, None),
        (1, 1, 1, 3, 0, 1, 0, None),
        (1, 1, 1, 3, 1, 0, 0, None),
        (1, 1, 1, 3, 1, 1, 0, None),
        (1, 1, 1, 3, 1, 1, 1, None),
        (1, 1, 1, 3, 0, 1, 0, Some(Defect::CandidatesKept)),
        (1, 1, 1, 3, 0, 0, 0, Some(Defect::PrefersItself)),
    ] {
        let mut e: Environment = usual::<<ElectLowerEpoch as Process>::Model>(GroundKind::Check, 2);
        e.links.delay_min = ns(0);
        e.links.delay_max = ns(delta);
        e.failures.restarts = Budget::AtMost(restarts);
        e.failures.stops = Budget::AtMost(stops);
        e.links.losses = Budget::AtMost(losses);
        e.links.duplications = Budget::NONE;
        let timeout = Timeout { initial: ns(init), increment: ns(1), max: ns(max) };
        let parameters = DetectorParameters { period: ns(period), timeout, defect };
        let setting: Setting<ElectLowerEpoch> = Setting::new(e, parameters, vec![vec![], vec![]]);
        let world = Timed::new(&setting, LeaderMonitor::new(2), |_| 0).unwrap().ticking(ns(1)).unwrap().for_good(ELD1).for_good(ELD2);
        let options = Options { states_max: 400_000, ..Options::default() };
        let at = std::time::Instant::now();
        let report: SystemReport<_> = check_system(&world, &options, &mut |_| Control::Continue);
        eprintln!("{period} {delta} {init} {max} r{restarts} s{stops} l{losses} {defect:?}: {} {:?} {:?}", report.states, report.verdicts.iter().map(|v| v.1.to_string().chars().take(60).collect::<String>()).collect::<Vec<_>>(), at.elapsed());
        for c in &report.counterexamples { eprintln!("{} {:?} {:#?}", c.property, c.cycle_from, c.steps.iter().map(|(s, _)| s.to_string()).collect::<Vec<_>>()); }
    }
}
