//! Algorithms of the synchronous model in discrete time: bounded delays, steps, clocks that drift.

use std::time::Duration;
use synod_algorithms::coordination::lease::{self, Parameters};
use synod_algorithms::coordination::{Acquire, Lease};
use synod_algorithms::detectors::{ExcludeOnTimeout, exclude_on_timeout};
use synod_check::time::{Passage, Timed};
use synod_check::{Control, Options, SystemReport, check_system};
use synod_kernel::{Budget, Choice, Environment, Move, Setting};
use synod_model::Process;
use synod_model::failure::FailureKind;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, ProcessId};
use synod_properties::lease::LeaseMonitor;
use synod_properties::perfect_detector::{PFD1, PerfectDetectorMonitor};
use synod_properties::{Monitor, Verdict};

const fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

/// `n` processes, `f` of which may crash, with messages that take up to `delay`.
fn synchronous(n: u32, f: u32, bounds: Bounds) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(f);
    environment.links.delay_max = bounds.delay;
    environment.timing.kind = TimingKind::Synchronous;
    environment.timing.bounds = Some(bounds);
    environment
}

fn bounds(delay: u64, step: u64, drift_ppm: u32) -> Bounds {
    Bounds { delay: ns(delay), step: ns(step), drift_ppm }
}

type LeaseWorld<'a> = Timed<'a, Lease, LeaseMonitor>;

fn lease(f: u32, bounds: Bounds, parameters: Parameters) -> Setting<Lease> {
    let clients = parameters.clients;
    let requests = (0..=clients).map(|p| if p == 0 { vec![] } else { vec![Acquire] }).collect();
    Setting::new(synchronous(1 + clients, f, bounds), parameters, requests)
}

fn two_clients(term: Duration, excess: Duration) -> Parameters {
    Parameters { term, excess, clients: 2, defect: None }
}

fn judge_lease(setting: &Setting<Lease>) -> LeaseWorld<'_> {
    Timed::new(setting, LeaseMonitor::new(ProcessId(0), setting.environment.processes), |_| 0).unwrap()
}

fn check<S: synod_check::system::System>(world: &S) -> SystemReport<S> {
    check_system(world, &Options::default(), &mut |_| Control::Continue)
}

fn is_violated<S: synod_check::system::System>(report: &SystemReport<S>, id: &str) -> bool {
    matches!(report.verdict(id), Verdict::Violated { .. })
}

/// The steps of a run, one a line.
fn steps<P: Process, M: Monitor<P::Request, P::Indication>>(
    report: &SystemReport<Timed<'_, P, M>>,
) -> Vec<String> {
    report.counterexample().expect("a run").steps.iter().map(|(step, _)| step.to_string()).collect()
}

#[test]
fn p() {
    for (t, d, p, f, x, ppm, tick) in [
        (6, 0, 0, 0, 0, 200_000, true),
        (6, 0, 0, 1, 0, 200_000, true),
        (6, 0, 0, 0, 1, 200_000, true),
        (5, 1, 0, 0, 0, 0, true),
        (5, 1, 0, 1, 0, 0, true),
        (5, 1, 0, 0, 1, 0, true),
        (8, 1, 1, 0, 0, 0, true),
        (8, 1, 1, 0, 1, 0, true),
        (6, 1, 0, 1, 0, 200_000, false),
        (6, 1, 0, 1, 1, 200_000, false),
    ] {
        let bounds = bounds(d, p, ppm);
        let setting = lease(f, bounds, two_clients(ns(t), ns(x)));
        let mut world = judge_lease(&setting);
        if tick {
            world = world.ticking(ns(1)).unwrap();
        }
        let report = check(&world);
        eprintln!(
            "LEASE {t} {d} {p} {f} {x} {ppm} {tick}: {:?} {} exact {} {:?}",
            setting.parameters.holds_max(bounds),
            report.states,
            world.is_exact(),
            report.holds()
        );
        if report.counterexample().is_some() {
            eprintln!("{:#?}", steps(&report));
        }
    }
}
#[test]
fn g() {
    for ppm in [100, 10_000, 100_000] {
        for x in [0, 1] {
            let (term, bounds) = (Duration::from_secs(10), bounds(0, 0, ppm));
            let setting = lease(0, bounds, two_clients(term, ns(x)));
            let report = check(&judge_lease(&setting));
            eprintln!("G {ppm} {x}: {} {:?}", report.states, report.holds());
            if report.counterexample().is_some() {
                eprintln!("{:#?}", steps(&report));
            }
        }
    }
}

#[test]
fn q() {
    for (n, f, d, p, dm, margin, ppm) in [
        (2, 1, 1, 0, 1, 1, 0),
        (2, 1, 1, 0, 1, 0, 0),
        (2, 1, 2, 0, 2, 1, 0),
        (2, 1, 1, 0, 2, 1, 0),
        (2, 1, 1, 1, 1, 1, 0),
        (2, 1, 1, 0, 1, 1, 200_000),
        (2, 2, 1, 0, 1, 1, 0),
        (3, 1, 1, 0, 1, 1, 0),
    ] {
        let bounds = bounds(d, p, ppm);
        let mut env = synchronous(n, f, bounds);
        env.links.delay_max = ns(dm);
        let parameters = exclude_on_timeout::Parameters { margin: ns(margin), defect: None };
        let setting: Setting<ExcludeOnTimeout> = Setting::new(env, parameters, vec![vec![]; n as usize]);
        let world =
            Timed::new(&setting, PerfectDetectorMonitor::new(n), |_| 0).unwrap().ticking(ns(1)).unwrap();
        let report = check(&world);
        eprintln!(
            "EOT {n} {f} {d} {p} {dm} {margin} {ppm}: {} exact {} {:?}",
            report.states,
            world.is_exact(),
            report
                .verdicts
                .iter()
                .map(|v| v.1.to_string().chars().take(40).collect::<String>())
                .collect::<Vec<_>>()
        );
        if report.counterexample().is_some() {
            eprintln!("{:#?}", steps(&report));
        }
        if n == 2 && ppm == 0 {
            for b in 5..13 {
                let world = Timed::new(&setting, PerfectDetectorMonitor::new(n), |_| 0)
                    .unwrap()
                    .ticking(ns(1))
                    .unwrap()
                    .due(PFD1, ns(b));
                let report = check(&world);
                eprintln!(" {b}: {} {:?}", report.states, matches!(report.verdict("PFD1"), Verdict::Holds));
            }
        }
    }
}
