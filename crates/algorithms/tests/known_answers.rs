//! Exhaustive checks with known answers: what holds, and which twin or which weaker world breaks it.
//!
//! Every check runs on both engines, which must agree on the number of states.

use synod_algorithms::broadcast::{
    BestEffortBroadcast, Broadcast, EagerReliableBroadcast, MajorityAckBroadcast, best_effort,
    eager_reliable, majority_ack,
};
use synod_algorithms::detectors::{
    DetectorParameters, ElectLowerEpoch, EventuallyPerfectLeader, OmegaOracle,
};
use synod_algorithms::links::{
    FifoLink, FifoOverFairLoss, LinkSend, LoggedOverFairLoss, PerfectOverFairLoss, RetransmitForever,
    eliminate_duplicates, fifo, log_delivered, retransmit_forever,
};
use synod_algorithms::registers::{AbdRegister, RegisterRequest, abd};
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Durability, Environment, Links, Setting};
use synod_model::failure::FailureKind;
use synod_model::link::{LinkBase, LinkKind};
use synod_model::oracle::OracleKind;
use synod_model::timing::TimingKind;
use synod_model::{Layers, Process, ProcessId};
use synod_properties::broadcast::BroadcastMonitor;
use synod_properties::leader::LeaderMonitor;
use synod_properties::links::{FifoLinks, LoggedLinks, PerfectLinks, StubbornLinks};
use synod_properties::registers::AtomicRegister;
use synod_properties::{Monitor, Verdict};

fn explore_with<P, M>(engine: Engine, setting: &Setting<P>, monitor: &M) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let options = Options { engine, states_max: 3_000_000, ..Options::default() };
    check(setting, monitor, |_| 0, &options, &mut |_| Control::Continue)
}

/// Explores on both engines; they must agree.
fn explore<P, M>(setting: &Setting<P>, monitor: &M) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let [reference, report] =
        [Engine::Reference, Engine::Tabulating].map(|e| explore_with(e, setting, monitor));
    let counts = |r: &Report<P>| (r.states, r.transitions, r.depth, r.complete, r.verdicts.clone());
    assert_eq!(counts(&reference), counts(&report));
    report
}

/// The length of the counterexample, which must replay.
fn replays<P: Process>(setting: &Setting<P>, report: &Report<P>) -> usize {
    let counterexample = report.counterexample.as_ref().expect("what is violated has a counterexample");
    let replayed = replay::<P>(&counterexample.trace("test", setting)).expect("a counterexample replays");
    assert_eq!(replayed.lines.len(), counterexample.moves.len());
    replayed.lines.len()
}

/// The number of states of a complete exploration in which everything holds.
#[track_caller]
fn holds<P, M>(setting: &Setting<P>, monitor: &M) -> u64
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let report = explore(setting, monitor);
    assert!(report.complete && report.holds(), "{report}\n{}", story(&report));
    report.states
}

/// The length of a counterexample to the property `id`.
#[track_caller]
fn refuted<P, M>(setting: &Setting<P>, monitor: &M, id: &str) -> usize
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let report = explore(setting, monitor);
    assert!(matches!(report.verdict(id), Verdict::Violated { .. }), "{report}\n{}", story(&report));
    replays(setting, &report)
}

fn story<P: Process>(report: &Report<P>) -> String {
    let Some(c) = &report.counterexample else { return String::new() };
    let lines = c.moves.iter().map(|m| match m.cut {
        Some(cut) => format!("  {} (crash before effect {})\n", m.choice, cut.before),
        None => format!("  {}\n", m.choice),
    });
    format!("{}: {}\n{}", c.property, c.what, lines.collect::<String>())
}

/// `n` crash-stop processes of which `f` may stop, over perfect links, asynchronous.
fn crash_stop(n: u32, f: u32) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(f);
    environment
}

/// Two processes over links that lose and duplicate.
fn fair_loss(losses: u32, duplications: u32) -> Environment {
    let mut environment = Environment::benign(2);
    environment.links = Links::of(LinkKind::plain(LinkBase::FairLoss));
    environment.links.as_set = true;
    environment.links.losses = Budget::AtMost(losses);
    environment.links.duplications = Budget::AtMost(duplications);
    environment
}

/// The same where anyone may restart, so often in all.
fn restarts(mut environment: Environment, times: u32) -> Environment {
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(times);
    environment
}

fn deferred(mut environment: Environment) -> Environment {
    environment.storage.durability = Durability::Deferred;
    environment
}

/// Process 0 sends these to process 1.
fn sends(messages: &[char]) -> Vec<Vec<LinkSend<char>>> {
    vec![messages.iter().map(|&message| LinkSend { to: ProcessId(1), message }).collect()]
}

type Perfect = PerfectOverFairLoss<char>;
type PerfectParameters = <Perfect as Process>::Parameters;

fn perfect(environment: Environment, parameters: PerfectParameters, messages: &[char]) -> Setting<Perfect> {
    Setting::new(environment, parameters, sends(messages))
}

#[test]
fn stubborn_links_over_fair_loss_deliver_again_and_again() {
    for environment in [fair_loss(2, 1), restarts(fair_loss(1, 1), 1)] {
        let setting = Setting::<RetransmitForever<char>>::new(
            environment,
            retransmit_forever::Parameters::default(),
            sends(&['a']),
        );
        holds(&setting, &StubbornLinks::default());
    }
}

#[test]
fn stubborn_links_that_stop_retransmitting_lose_as_soon_as_the_network_may_lose_more() {
    let defect = Some(retransmit_forever::Defect::StopsAfter(1));
    let setting = |losses| {
        Setting::<RetransmitForever<char>>::new(
            fair_loss(losses, 0),
            retransmit_forever::Parameters { defect },
            sends(&['a']),
        )
    };
    holds(&setting(0), &StubbornLinks::default());
    refuted(&setting(1), &StubbornLinks::default(), "SL1");
}

#[test]
fn perfect_links_over_fair_loss_keep_pl1_to_pl3_under_loss_and_duplication() {
    let states = [(0, 0), (1, 1), (3, 2)].map(|(losses, duplications)| {
        let environment = fair_loss(losses, duplications);
        holds(&perfect(environment, Layers::default(), &['a', 'b']), &PerfectLinks::default())
    });
    assert_eq!(states, [13, 56, 176]);
}

#[test]
fn perfect_links_deliver_equal_messages_as_often_as_sent() {
    holds(&perfect(fair_loss(1, 1), Layers::default(), &['a', 'a']), &PerfectLinks::default());
}

#[test]
fn pl2_fails_without_the_filter_and_pl1_without_retransmission() {
    let upper = eliminate_duplicates::Parameters { defect: Some(eliminate_duplicates::Defect::NoFilter) };
    let no_filter = Layers { upper, ..Layers::default() };
    refuted(&perfect(fair_loss(0, 0), no_filter, &['a']), &PerfectLinks::default(), "PL2");
    let link = retransmit_forever::Parameters { defect: Some(retransmit_forever::Defect::StopsAfter(0)) };
    let stops = Layers { link, ..Layers::default() };
    refuted(&perfect(fair_loss(1, 0), stops, &['a']), &PerfectLinks::default(), "PL1");
}

#[test]
fn pl2_is_refuted_across_a_receivers_restart_and_lpl_holds() {
    let environment = || restarts(fair_loss(0, 0), 1);
    refuted(&perfect(environment(), Layers::default(), &['a']), &PerfectLinks::default(), "PL2");
    let logged = |environment, parameters| {
        Setting::<LoggedOverFairLoss<char>>::new(environment, parameters, sends(&['a', 'b']))
    };
    for environment in [environment(), deferred(environment()), restarts(fair_loss(1, 1), 1)] {
        holds(&logged(environment, Layers::default()), &LoggedLinks::default());
    }
    let upper = log_delivered::Parameters { defect: Some(log_delivered::Defect::DeliversBeforeItLogs) };
    for environment in [environment(), deferred(environment())] {
        let twin = Layers { upper, ..Layers::default() };
        refuted(&logged(environment, twin), &LoggedLinks::default(), "LPL2");
    }
}

#[test]
fn fifo_links_keep_the_order_and_the_twin_without_hold_back_does_not() {
    let fifo = |defect| {
        let parameters = fifo::Parameters { defect };
        Setting::<FifoLink<char>>::new(crash_stop(2, 1), parameters, sends(&['a', 'b', 'c']))
    };
    holds(&fifo(None), &FifoLinks::default());
    refuted(&fifo(Some(fifo::Defect::NoHoldBack)), &FifoLinks::default(), "FPL4");
}

#[test]
fn fifo_links_over_fair_loss_are_three_layers_that_hold() {
    let setting =
        Setting::<FifoOverFairLoss<char>>::new(fair_loss(1, 1), Layers::default(), sends(&['a', 'b']));
    holds(&setting, &FifoLinks::default());
}

fn broadcasts<P>(environment: Environment, parameters: P::Parameters) -> Setting<P>
where
    P: Process<Request = Broadcast<char>>,
{
    Setting::new(environment, parameters, vec![vec![Broadcast('a')]])
}

#[test]
fn best_effort_broadcast_keeps_beb1_to_beb3_and_not_rb4() {
    let beb = |defect| {
        let parameters = best_effort::Parameters { defect };
        broadcasts::<BestEffortBroadcast<char>>(crash_stop(3, 1), parameters)
    };
    holds(&beb(None), &BroadcastMonitor::best_effort(3));
    refuted(&beb(None), &BroadcastMonitor::reliable(3), "RB4");
    refuted(&beb(Some(best_effort::Defect::SkipsTheLast)), &BroadcastMonitor::best_effort(3), "BEB1");
}

fn eager(f: u32, defect: Option<eager_reliable::Defect>) -> Setting<EagerReliableBroadcast<char>> {
    broadcasts(crash_stop(3, f), eager_reliable::Parameters { defect })
}

#[test]
fn eager_reliable_broadcast_keeps_rb1_to_rb4() {
    let states = [1, 2].map(|f| holds(&eager(f, None), &BroadcastMonitor::reliable(3)));
    assert_eq!(states, [1_635, 1_746]);
    let relays_first = eager(1, Some(eager_reliable::Defect::RelaysFirst));
    holds(&relays_first, &BroadcastMonitor::reliable(3));
}

#[test]
fn eager_reliable_broadcast_is_not_uniform_even_if_it_relays_before_it_delivers() {
    for defect in [None, Some(eager_reliable::Defect::RelaysFirst)] {
        refuted(&eager(1, defect), &BroadcastMonitor::uniform(3), "URB4");
    }
}

#[test]
fn rb4_fails_without_the_relay() {
    let twin = eager(1, Some(eager_reliable::Defect::NoRelay));
    refuted(&twin, &BroadcastMonitor::reliable(3), "RB4");
}

fn majority_ack(n: u32, defect: Option<majority_ack::Defect>) -> Setting<MajorityAckBroadcast<char>> {
    broadcasts(crash_stop(n, 1), majority_ack::Parameters { defect })
}

#[test]
fn majority_ack_broadcast_is_uniform_with_a_correct_majority() {
    let states = holds(&majority_ack(3, None), &BroadcastMonitor::uniform(3));
    assert_eq!(states, 735);
}

#[test]
fn urb4_fails_if_the_first_acknowledgement_is_enough() {
    let twin = majority_ack(3, Some(majority_ack::Defect::DeliversOnFirstAck));
    refuted(&twin, &BroadcastMonitor::uniform(3), "URB4");
}

#[test]
fn majority_ack_broadcast_of_two_is_stuck_when_one_stops() {
    refuted(&majority_ack(2, None), &BroadcastMonitor::uniform(2), "URB1");
}

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
    let sound = |f| abd(f, None, [&[A], &[READ]]);
    assert_eq!(holds(&sound(0), &AtomicRegister::new()), 152_700);
    assert_eq!(holds(&sound(1), &AtomicRegister::new()), 526_404);
}

#[test]
fn abd_without_the_write_back_is_not_linearizable() {
    let twin = abd(0, Some(abd::Defect::NoWriteBack), [&[A], &[READ, READ]]);
    let report = explore_with(Engine::Tabulating, &twin, &AtomicRegister::new());
    assert!(matches!(report.verdict("NNAR2"), Verdict::Violated { .. }), "{report}");
    // five starts, three requests, and a write that reaches one server while both reads are done
    assert_eq!(replays(&twin, &report), 21, "{}", story(&report));
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
