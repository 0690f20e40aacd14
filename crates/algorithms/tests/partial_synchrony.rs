//! Liveness under partial synchrony: bounds that nobody knows, from an instant that nobody knows.

use std::time::Duration;
use synod_algorithms::detectors::elect_lower_epoch::Defect;
use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch};
use synod_check::time::Timed;
use synod_check::{Control, Options, SystemReport, check_system};
use synod_kernel::{Budget, Setting};
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Group, Process, ProcessId, Timeout};
use synod_properties::leader::{ELD1, ELD2, LeaderMonitor};
use synod_properties::{GroundKind, Verdict, usual};

type Elected<'a> = Timed<'a, ElectLowerEpoch, LeaderMonitor>;

const fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

/// Two processes, one of which may crash for ever. A heartbeat a tick; delays shorter than a tick from GST on; timeouts
/// of a tick at first, and of `limit` ticks at most.
fn elect(limit: u64, defect: Option<Defect>) -> Setting<ElectLowerEpoch> {
    let mut environment = usual::<<ElectLowerEpoch as Process>::Model>(GroundKind::Check, 2);
    environment.links.delay_min = ns(0);
    environment.links.delay_max = ns(0);
    environment.links.losses = Budget::NONE;
    environment.links.duplications = Budget::NONE;
    environment.failures.restarts = Budget::NONE;
    let timeout = Timeout { initial: ns(1), increment: ns(1), max: ns(limit) };
    let parameters = DetectorParameters { period: ns(1), timeout, defect };
    Setting::new(environment, parameters, vec![vec![], vec![]])
}

fn check(setting: &Setting<ElectLowerEpoch>) -> SystemReport<Elected<'_>> {
    let world = Timed::new(setting, LeaderMonitor::new(2), |_| 0).unwrap().ticking(ns(1)).unwrap();
    let world = world.for_good(ELD1).for_good(ELD2);
    let report = check_system(&world, &Options::default(), &mut |_| Control::Continue);
    assert!(report.complete && world.is_exact());
    report
}

fn is_violated(report: &SystemReport<Elected<'_>>, id: &str) -> bool {
    matches!(report.verdict(id), Verdict::Violated { .. })
}

/// Cachin, Guerraoui, Rodrigues 2011, Algorithm 2.9, once its timeouts are saturated above the period and the delay.
#[test]
fn all_that_stay_up_trust_one_of_them_for_good() {
    let setting = elect(2, None);
    let report = check(&setting);
    assert!(report.holds(), "{:?}", report.verdicts);
    assert_eq!(report.states, 60_157);
}

#[test]
fn where_timeouts_do_not_outgrow_the_period_leaders_alternate_for_ever() {
    let setting = elect(1, None);
    let report = check(&setting);
    assert!(is_violated(&report, "ELD2"));
    let run = report.counterexample_to("ELD2").expect("a lasso");
    let (stem, cycle) = run.steps.split_at(run.cycle_from.expect("a lasso"));
    let text = |steps: &[_]| -> Vec<String> {
        steps.iter().map(|(step, _): &(synod_check::time::Passage<_, _>, _)| step.to_string()).collect()
    };
    assert!(text(stem).contains(&"bounds hold from now on".to_owned()));
    assert!(text(cycle).contains(&"1ns pass".to_owned()), "time goes on in the loop");
}

#[test]
fn the_twins_of_elect_lower_epoch_are_refuted() {
    for (defect, id) in [(Defect::CandidatesKept, "ELD1"), (Defect::PrefersItself, "ELD2")] {
        let setting = elect(2, Some(defect));
        assert!(is_violated(&check(&setting), id), "{defect:?}");
    }
}

/// Two processes, one of which crashes and recovers for ever; bounds hold from the start.
fn crash_loop(looping: ProcessId, defect: Option<Defect>) -> Setting<ElectLowerEpoch> {
    let mut setting = elect(2, defect);
    let environment = &mut setting.environment;
    environment.failures.stops = Budget::NONE;
    environment.failures.restarts = Budget::Unlimited;
    environment.failures.among = Some(Group::new(looping.0, 1));
    environment.links.as_set = false;
    environment.timing.kind = TimingKind::Synchronous;
    environment.timing.bounds = Some(Bounds { delay: ns(0), step: ns(0), drift_ppm: 0 });
    setting
}

/// Whatever its epoch grows to.
fn renumbered(setting: &Setting<ElectLowerEpoch>, looping: ProcessId) -> Elected<'_> {
    let world = Timed::new(setting, LeaderMonitor::new(2), |_| 0).unwrap().ticking(ns(1)).unwrap();
    let world = world.for_good(ELD1).for_good(ELD2).crash_loops([looping].into_iter().collect());
    world.renumbered().expect("its epochs are numbers")
}

#[test]
fn who_crashes_and_recovers_for_ever_is_not_trusted_for_ever_since_its_epoch_grows() {
    for (looping, states) in [(ProcessId(0), 10_488), (ProcessId(1), 15_578)] {
        let setting = crash_loop(looping, None);
        let world = renumbered(&setting, looping);
        let report = check_system(&world, &Options::default(), &mut |_| Control::Continue);
        assert!(report.complete && report.holds(), "{looping}: {:?}", report.verdicts);
        assert_eq!(report.states, states, "{looping}");
    }
}

#[test]
fn an_epoch_that_is_not_stored_does_not_grow_and_whom_it_is_of_is_trusted_again_and_again() {
    let looping = ProcessId(0);
    let setting = crash_loop(looping, Some(Defect::EpochNotStored));
    let world = renumbered(&setting, looping);
    let report = check_system(&world, &Options::default(), &mut |_| Control::Continue);
    assert!(is_violated(&report, "ELD1"));
    let run = report.counterexample_to("ELD1").expect("a lasso");
    let steps: Vec<_> = run.steps.iter().map(|(step, _)| step.clone()).collect();
    let cycle_from = run.cycle_from.expect("a lasso");
    assert!(steps[cycle_from..].iter().any(|step| step.to_string() == "p0 crashes"), "{steps:?}");
    assert_eq!(world.along(&steps, cycle_from), Ok(0), "the run is one of the algorithm");
}
