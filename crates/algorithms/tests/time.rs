//! Algorithms of the synchronous model in discrete time: bounded delays, steps, clocks that drift. The counts of states are
//! those of a program that shares nothing with this one.

mod common;

use common::{Alone, Indicate, Send, Set};
use std::time::Duration;
use synod_algorithms::coordination::lease::{self, Parameters};
use synod_algorithms::coordination::{Acquire, Lease, LeaseEvent};
use synod_algorithms::detectors::exclude_on_timeout::{self, Message, Timeout, by_any_clock};
use synod_algorithms::detectors::{Crashed, ExcludeOnTimeout};
use synod_check::system::System;
use synod_check::time::Timed;
use synod_check::{Control, Options, SystemReport, check_system};
use synod_kernel::{Budget, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Process, ProcessId};
use synod_properties::lease::LeaseMonitor;
use synod_properties::perfect_detector::{PFD1, PerfectDetectorMonitor};
use synod_properties::{Monitor, Verdict};

/// A fifth: local time is 12 parts of a nanosecond, of which every clock makes whole ones.
const FIFTH: u32 = 200_000;

const fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

fn bounds(delay: u64, step: u64, drift_ppm: u32) -> Bounds {
    Bounds { delay: ns(delay), step: ns(step), drift_ppm }
}

/// `n` processes, `f` of which may crash, in a world that keeps to these bounds.
fn synchronous(n: u32, f: u32, bounds: Bounds) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(f);
    environment.links.delay_max = bounds.delay;
    environment.timing.kind = TimingKind::Synchronous;
    environment.timing.bounds = Some(bounds);
    environment
}

fn check<S: System>(world: &S) -> SystemReport<S> {
    let report = check_system(world, &Options::default(), &mut |_| Control::Continue);
    assert!(report.complete || report.counterexample().is_some());
    report
}

fn is_violated<S: System>(report: &SystemReport<S>, id: &str) -> bool {
    matches!(report.verdict(id), Verdict::Violated { .. })
}

/// The steps of the run that breaks something, one a line.
fn steps<P, M>(report: &SystemReport<Timed<'_, P, M>>) -> Vec<String>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    report.counterexample().expect("a run").steps.iter().map(|(step, _)| step.to_string()).collect()
}

// ---- the lease ----

/// A server and two clients, each of which asks once.
fn lease(f: u32, bounds: Bounds, parameters: Parameters) -> Setting<Lease> {
    Setting::new(synchronous(3, f, bounds), parameters, vec![vec![], vec![Acquire], vec![Acquire]])
}

fn two_clients(term: Duration, excess: Duration) -> Parameters {
    Parameters { term, excess, clients: 2, defect: None }
}

fn judged(setting: &Setting<Lease>) -> Timed<'_, Lease, LeaseMonitor> {
    Timed::new(setting, LeaseMonitor::new(ProcessId(0), 3), |_| 0).unwrap()
}

fn ticking(setting: &Setting<Lease>) -> Timed<'_, Lease, LeaseMonitor> {
    judged(setting).ticking(ns(1)).unwrap()
}

/// Gray, Cheriton 1989 §5, and folklore: less than T(1 - rho) / (1 + rho), for T = 10 s.
#[test]
fn a_client_holds_for_as_long_as_drift_allows_and_not_a_nanosecond_longer() {
    for (ppm, limit) in [(100, 9_998_000_199), (10_000, 9_801_980_198), (100_000, 8_181_818_181)] {
        let (term, bounds) = (Duration::from_secs(10), bounds(0, 0, ppm));
        assert_eq!(two_clients(term, ns(0)).holds_max(bounds), Some(ns(limit)), "{ppm} ppm");
        let setting = lease(0, bounds, two_clients(term, ns(0)));
        let report = check(&judged(&setting));
        assert!(report.holds(), "{ppm} ppm: {:?}", report.verdicts);
        assert_eq!(report.states, 1_287, "{ppm} ppm");
        let setting = lease(0, bounds, two_clients(term, ns(1)));
        let report = check(&judged(&setting));
        assert!(is_violated(&report, "LS1"), "{ppm} ppm: {:?}", report.verdicts);
    }
}

#[test]
fn a_lease_that_is_held_too_long_is_granted_anew_by_a_fast_clock() {
    let setting = lease(0, bounds(0, 0, 100_000), two_clients(Duration::from_secs(10), ns(1)));
    let report = check(&judged(&setting));
    let expected = [
        "p1 is asked",
        "p1 -> p0  Request",
        "p0 -> p1  Grant",
        "p2 is asked",
        "p2 -> p0  Request",
        "9.09090909s + 90/99 ns pass",
        "p0 timer Expiry",
        "p0 -> p2  Grant",
    ];
    assert_eq!(steps(&report), expected);
}

#[test]
fn in_whole_ticks_the_lease_is_covered_whole() {
    // (delay, step, drift, T, crashes) -> (held, states)
    for (delay, step, drift, term, f, holds, states) in [
        (0, 0, FIFTH, 6, 0, 3, 12_951),
        (0, 0, FIFTH, 6, 1, 3, 70_290),
        (1, 0, 0, 5, 0, 3, 135),
        (1, 0, 0, 5, 1, 3, 490),
        (1, 1, 0, 8, 0, 4, 325),
    ] {
        let bounds = bounds(delay, step, drift);
        let setting = lease(f, bounds, two_clients(ns(term), ns(0)));
        assert_eq!(setting.parameters.holds_max(bounds), Some(ns(holds)));
        let world = ticking(&setting);
        let report = check(&world);
        assert!(report.holds(), "{bounds:?}: {:?}", report.verdicts);
        assert_eq!(report.states, states, "{bounds:?}");
        assert!(world.is_exact());
        let setting = lease(f, bounds, two_clients(ns(term), ns(1)));
        assert!(is_violated(&check(&ticking(&setting)), "LS1"), "{bounds:?}, one more");
    }
}

#[test]
fn where_the_limit_is_a_whole_number_of_ticks_it_is_one_too_many() {
    let limit = 6 * 8 / 12;
    assert_eq!(two_clients(ns(6), ns(0)).holds_max(bounds(0, 0, FIFTH)), Some(ns(limit - 1)));
    let setting = lease(0, bounds(0, 0, FIFTH), two_clients(ns(6), ns(1)));
    let report = check(&ticking(&setting));
    assert!(
        steps(&report).contains(&"5ns pass".to_owned()),
        "both have 5 ns: 4 by the slow clock, 6 by the fast"
    );
}

#[test]
fn the_twin_that_holds_for_the_whole_term_needs_clocks_that_agree_and_more() {
    let whole = Parameters { defect: Some(lease::Defect::WholeTerm), ..two_clients(ns(6), ns(0)) };
    for bounds in [bounds(0, 0, FIFTH), bounds(1, 0, 0), bounds(0, 0, 0)] {
        let setting = lease(0, bounds, whole);
        assert!(is_violated(&check(&ticking(&setting)), "LS1"), "{bounds:?}");
    }
}

#[test]
fn the_twin_that_forgets_who_asks_does_not_grant() {
    let forgets = Parameters { defect: Some(lease::Defect::Forgets), ..two_clients(ns(6), ns(0)) };
    let setting = lease(0, bounds(1, 0, 0), forgets);
    let report = check(&ticking(&setting));
    assert!(is_violated(&report, "LS2"));
    assert_eq!(*report.verdict("LS1"), Verdict::Holds);
}

#[test]
fn a_term_that_the_way_of_the_grant_uses_up_is_never_held() {
    let parameters = two_clients(ns(3), ns(0));
    assert_eq!(parameters.holds_max(bounds(1, 1, 0)), None);
    assert_eq!(parameters.holds_max(bounds(0, 0, 1_000_000)), None);
    let setting = lease(0, bounds(1, 1, 0), parameters);
    let report = check(&ticking(&setting));
    assert!(is_violated(&report, "LS2"));
    assert_eq!(*report.verdict("LS1"), Verdict::Holds);
}

#[test]
fn a_lease_server_grants_in_the_order_of_requests() {
    use lease::{Expiry, Message::Grant, Message::Request};
    let mut server = Alone::<Lease>::new(0, 3, two_clients(ns(20_000_000), ns(0)));
    assert_eq!(server.message(2, Request), [Send(2, Grant), Set(Expiry)]);
    assert_eq!(server.message(1, Request), []);
    assert_eq!(server.timer(Expiry), [Send(1, Grant), Set(Expiry)]);
    assert_eq!(server.timer(Expiry), []);
    let mut client = Alone::<Lease>::new(1, 3, two_clients(ns(20_000_000), ns(0)));
    assert_eq!(client.request(Acquire), [Send(0, Request)]);
    assert_eq!(client.message(0, Grant), [Indicate(LeaseEvent::Acquired), Set(Expiry)]);
    assert_eq!(client.timer(Expiry), [Indicate(LeaseEvent::Expired)]);
}

// ---- exclude on timeout ----

fn detector(
    environment: Environment,
    parameters: exclude_on_timeout::Parameters,
) -> Setting<ExcludeOnTimeout> {
    let nothing = vec![vec![]; environment.processes as usize];
    Setting::new(environment, parameters, nothing)
}

fn margin(ticks: u64) -> exclude_on_timeout::Parameters {
    exclude_on_timeout::Parameters { margin: ns(ticks), defect: None }
}

fn detecting(setting: &Setting<ExcludeOnTimeout>) -> Timed<'_, ExcludeOnTimeout, PerfectDetectorMonitor> {
    let monitor = PerfectDetectorMonitor::new(setting.environment.processes);
    Timed::new(setting, monitor, |_| 0).unwrap().ticking(ns(1)).unwrap()
}

/// Cachin, Guerraoui, Rodrigues 2011, Algorithm 2.5.
#[test]
fn exclude_on_timeout_is_complete_and_accurate() {
    for (n, f, delay, states) in [(2, 1, 1, 100), (2, 1, 2, 168), (2, 2, 1, 107), (3, 1, 1, 10_402)] {
        let setting = detector(synchronous(n, f, bounds(delay, 0, 0)), margin(1));
        let world = detecting(&setting);
        let report = check(&world);
        assert!(report.holds(), "n = {n}, f = {f}, d = {delay}: {:?}", report.verdicts);
        assert_eq!(report.states, states, "n = {n}, f = {f}, d = {delay}");
        assert!(world.is_exact());
    }
    let setting = detector(synchronous(2, 1, bounds(1, 1, 0)), margin(1));
    assert!(check(&detecting(&setting)).holds(), "steps take time");
    let setting = detector(synchronous(2, 1, bounds(1, 0, FIFTH)), margin(1));
    let report = check(&detecting(&setting));
    assert!(report.holds(), "clocks drift");
    assert_eq!(report.states, 45_022);
}

/// Two periods: one that it had answered in when it crashed at its very beginning, one without an answer.
#[test]
fn a_crash_is_detected_within_two_periods_by_a_slow_clock_and_no_sooner() {
    for bounds in [bounds(1, 0, 0), bounds(2, 0, 0), bounds(1, 1, 0), bounds(1, 0, FIFTH)] {
        let setting = detector(synchronous(2, 1, bounds), margin(1));
        let period = (by_any_clock(bounds, 2) + ns(1)).as_nanos() as u64;
        let longest = period * 1_000_000 / (1_000_000 - u64::from(bounds.drift_ppm));
        let bound = 2 * (ns(longest) + bounds.step);
        let report = check(&detecting(&setting).due(PFD1, bound));
        assert!(report.holds(), "{bounds:?}: {:?}", report.verdicts);
        let report = check(&detecting(&setting).due(PFD1, bound.saturating_sub(ns(1))));
        assert!(is_violated(&report, "PFD1"), "{bounds:?}");
    }
}

#[test]
fn without_a_margin_an_answer_may_be_handled_after_the_timeout_of_the_same_instant() {
    for bounds in [bounds(1, 0, 0), bounds(2, 0, 0), bounds(1, 1, 0)] {
        let setting = detector(synchronous(2, 0, bounds), margin(0));
        assert!(is_violated(&check(&detecting(&setting)), "PFD2"), "{bounds:?}");
    }
    // 12 by a clock that is a fifth too fast are 10: two delays to the instant
    let setting = detector(synchronous(2, 0, bounds(5, 0, FIFTH)), margin(0));
    let world = Timed::new(&setting, PerfectDetectorMonitor::new(2), |_| 0).unwrap();
    assert!(is_violated(&check(&world), "PFD2"), "in jumps");
    let setting = detector(synchronous(2, 0, bounds(1, 0, 0)), margin(0));
    let expected = [
        "1ns pass",
        "1ns pass",
        "p0 timer Timeout",
        "p1 timer Timeout",
        "1ns pass",
        "p1 -> p0  HeartbeatRequest",
        "p0 -> p1  HeartbeatRequest",
        "1ns pass",
        "p0 timer Timeout",
    ];
    let run = steps(&check(&detecting(&setting)));
    assert_eq!(
        run.len(),
        expected.len() - 1,
        "nobody may crash: time passes to the timeouts at once: {run:?}"
    );
    assert_eq!(run[0], "2ns pass");
    assert_eq!(run[1..], expected[2..]);
}

#[test]
fn a_delay_beyond_the_known_bound_is_taken_for_a_crash() {
    let mut environment = synchronous(2, 1, bounds(1, 0, 0));
    environment.links.delay_max = ns(2);
    let setting = detector(environment.clone(), margin(1));
    assert!(is_violated(&check(&detecting(&setting)), "PFD2"));
    // d + 1 both ways takes two ticks more
    let setting = detector(environment, margin(3));
    assert!(check(&detecting(&setting)).holds());
}

#[test]
fn the_twins_of_exclude_on_timeout_are_refuted() {
    let setting = |defect| {
        let parameters = exclude_on_timeout::Parameters { defect: Some(defect), ..margin(1) };
        detector(synchronous(2, 1, bounds(2, 0, 0)), parameters)
    };
    let one_way = setting(exclude_on_timeout::Defect::OneWay);
    assert!(is_violated(&check(&detecting(&one_way)), "PFD2"));
    let alive_kept = setting(exclude_on_timeout::Defect::AliveKept);
    let report = check(&detecting(&alive_kept));
    assert!(is_violated(&report, "PFD1"));
    assert_eq!(*report.verdict("PFD2"), Verdict::Holds);
    let run = report.counterexample_to("PFD1").expect("a lasso");
    assert!(
        run.cycle_from.is_some_and(|from| from < run.steps.len()),
        "heartbeats for ever, and no detection"
    );
}

#[test]
fn exclude_on_timeout_asks_and_excludes_who_did_not_answer() {
    let mut p = Alone::<ExcludeOnTimeout>::new(0, 3, margin(1));
    let ask = [Send(1, Message::HeartbeatRequest), Send(2, Message::HeartbeatRequest), Set(Timeout)];
    assert_eq!(p.timer(Timeout), ask, "all are alive at first");
    assert_eq!(p.message(1, Message::HeartbeatRequest), [Send(1, Message::HeartbeatReply)]);
    p.message(1, Message::HeartbeatReply);
    let detects = [&[ask[0].clone(), Indicate(Crashed(ProcessId(2)))], &ask[1..]].concat();
    assert_eq!(p.timer(Timeout), detects);
    p.message(1, Message::HeartbeatReply);
    assert_eq!(p.timer(Timeout), ask, "once");
}
