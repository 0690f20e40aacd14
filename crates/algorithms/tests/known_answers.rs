//! The register and the leader detectors, explored in full, with the counts that are known.

mod explored;

use synod_algorithms::detectors::{
    DetectorParameters, ElectLowerEpoch, EventuallyPerfectLeader, OmegaOracle,
};
use synod_algorithms::registers::{AbdRegister, RegisterRequest, abd};
use synod_check::Engine;
use synod_kernel::{Budget, Environment, Setting};
use synod_model::oracle::OracleKind;
use synod_model::timing::TimingKind;
use synod_properties::Verdict;
use synod_properties::leader::LeaderMonitor;
use synod_properties::registers::AtomicRegister;

use explored::*;

/// 3 servers, of which `f` may stop, and 2 clients that ask this.
fn abd(f: u32, defect: Option<abd::Defect>, asked: [&[Ask]; 2]) -> Setting<AbdRegister<char>> {
    let parameters = abd::Parameters { servers: 3, clients: 2, defect };
    let mut environment = crash_stop(5, f);
    environment.failures.among = Some(parameters.servers());
    let mut requests = vec![vec![]; 3];
    requests.extend(asked.map(<[Ask]>::to_vec));
    Setting::new(environment, parameters, requests)
}

type Ask = RegisterRequest<char>;
const READ: Ask = RegisterRequest::Read;
const A: Ask = RegisterRequest::Write('a');

#[test]
fn abd_with_two_clients_and_three_servers_is_linearizable() {
    assert_eq!(holds(&abd(0, None, [&[A], &[READ]]), &AtomicRegister::new()), 152_700);
}

#[test]
fn abd_of_which_a_server_stops_is_linearizable() {
    // on both engines where little is asked; plain values take half a minute for all of it
    let little = explore(&abd(1, None, [&[A], &[]]), &AtomicRegister::new());
    assert!(little.complete && little.counterexample.is_none(), "{little}");
    let report = explore_with(Engine::Tabulating, &abd(1, None, [&[A], &[READ]]), &AtomicRegister::new());
    assert!(report.complete && report.holds(), "{report}");
    assert_eq!(report.states, 526_404);
}

#[test]
fn the_servers_of_abd_can_take_each_others_place() {
    let abd = by_symmetry(&abd(0, None, [&[A], &[READ]]), &AtomicRegister::new()).expect("it is reduced");
    assert!(abd.complete && abd.counterexample.is_none(), "{abd}");
    assert_eq!((abd.permutations, abd.states), (6, 26_984), "152,700 without");
}

#[test]
fn abd_without_the_write_back_is_not_linearizable() {
    let twin = abd(0, Some(abd::Defect::NoWriteBack), [&[A], &[READ, READ]]);
    let report = explore_with(Engine::Tabulating, &twin, &AtomicRegister::new());
    assert!(matches!(report.verdict("NNAR2"), Verdict::Violated { .. }), "{report}");
    // five starts, three requests, and a write that reaches one server while both reads are done
    assert_eq!(replays(&twin, &report), 21, "{}", story(&report));
}

#[test]
fn abd_that_waits_for_all_servers_is_linearizable_and_waits_for_ever() {
    let twin = |f| abd(f, Some(abd::Defect::WaitsForAll), [&[A, READ], &[]]);
    holds(&twin(0), &AtomicRegister::new());
    // five starts, a server stops, the write is asked for, and the others answer
    assert_eq!(stuck(&twin(1), &AtomicRegister::new(), "NNAR1", &["NNAR2"]), 11);
}

/// `n` processes, one of which may stop, with an oracle that speaks so often.
fn with_oracle(n: u32, oracle: OracleKind, outputs: u32) -> Environment {
    let mut environment = crash_stop(n, 1);
    environment.oracles.granted = [oracle].into();
    environment.oracles.outputs = Budget::AtMost(outputs);
    environment
}

#[test]
fn the_leader_made_from_eventually_p_is_accurate_and_agreed() {
    let setting = Setting::<EventuallyPerfectLeader>::new(
        with_oracle(3, OracleKind::EventuallyPerfect, 4),
        DetectorParameters::default(),
        vec![],
    );
    holds(&setting, &LeaderMonitor::new(3));
}

#[test]
fn omega_as_a_module_is_accurate_and_agreed() {
    let setting = Setting::<OmegaOracle>::new(
        with_oracle(3, OracleKind::Omega, 5),
        DetectorParameters::default(),
        vec![],
    );
    holds(&setting, &LeaderMonitor::new(3));
}

#[test]
fn elect_lower_epoch_reaches_a_leader_and_its_liveness_awaits_fairness_in_time() {
    let mut environment = restarts(fair_loss(1, 0), 1);
    environment.timing.kind = TimingKind::PartiallySynchronous;
    environment.timing.firings = Budget::AtMost(3);
    let setting = Setting::<ElectLowerEpoch>::new(environment, DetectorParameters::default(), vec![]);
    let report = explore(&setting, &LeaderMonitor::new(2));
    assert!(report.complete, "{report}");
    assert_eq!(*report.verdict("trusted"), Verdict::Holds);
    assert!(!matches!(report.verdict("ELD1"), Verdict::Violated { .. }), "{report}\n{}", story(&report));
}
