//! The textbook's algorithms under the whole vocabulary of faults: the sound ones hold, their twins are found.

mod support;

use support::judged::{examine, holds, refuted};
use support::*;
use synod_algorithms::broadcast::{
    EagerReliableBroadcast, MajorityAckBroadcast, eager_reliable, majority_ack,
};
use synod_algorithms::consensus::{Defect, PaxosParameters, PaxosSequence};
use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch, OmegaOracle, elect_lower_epoch};
use synod_algorithms::links::{LinkSend, PerfectOverFairLoss};
use synod_algorithms::registers::{AbdRegister, abd};
use synod_kernel::{Budget, Durability, Environment, Probability, Setting};
use synod_model::interface::{Broadcast, ProposeAt, RegisterRequest};
use synod_model::{Datum, Group, Layers, Over, Process, ProcessId};
use synod_properties::Verdict;
use synod_properties::broadcast::BroadcastMonitor;
use synod_properties::consensus::ConsensusSequence;
use synod_properties::leader::LeaderMonitor;
use synod_properties::links::PerfectLinks;
use synod_properties::registers::AtomicRegister;
use synod_sim::cost::Stack;
use synod_sim::{Fault, FaultKind, FaultPlan, Instance, Options, Simulation, campaign};

fn crash_stop(n: u32, f: u32) -> Environment {
    let mut environment = world(n, "perfect");
    environment.failures.kind = synod_model::failure::FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(f);
    environment.partitions = Budget::AtMost(2);
    environment
}

#[test]
fn broadcasts_differ_in_whether_the_faulty_count() {
    let requests = || vec![vec![Broadcast('a'), Broadcast('b')], vec![Broadcast('c')]];
    let eager = Setting::<EagerReliableBroadcast<char>>::new(
        crash_stop(3, 1),
        eager_reliable::Parameters { defect: None },
        requests(),
    );
    holds(&eager, &BroadcastMonitor::reliable(3), 2_000, &options());
    refuted(&eager, &BroadcastMonitor::uniform(3), 5_000, &options(), "URB4");
    let majority = |f| {
        let parameters = majority_ack::Parameters::default();
        Setting::<MajorityAckBroadcast<char>>::new(crash_stop(3, f), parameters, requests())
    };
    holds(&majority(1), &BroadcastMonitor::uniform(3), 2_000, &options());
    refuted(&majority(2), &BroadcastMonitor::uniform(3), 2_000, &options(), "URB1");
}

#[test]
fn perfect_links_over_fair_loss_hold_however_much_is_lost() {
    let mut environment = lossy(2, Budget::Unlimited, Budget::Unlimited);
    environment.partitions = Budget::Unlimited;
    let sends = |values: &[char], to| {
        values.iter().map(|&message| LinkSend { to: ProcessId(to), message }).collect::<Vec<_>>()
    };
    let setting = Setting::<PerfectOverFairLoss<char>>::new(
        environment,
        Layers::default(),
        vec![sends(&['a', 'b'], 1), sends(&['c'], 0)],
    );
    holds(&setting, &PerfectLinks::default(), 100, &options());
}

/// A broadcast over links that are made of fair-loss ones: so often is a message lost, of a million.
fn stacked(
    n: u32,
    requests: u32,
    loss: u32,
) -> Setting<Over<BestEffort, PerfectOverFairLoss<BestEffortMessage>>> {
    let mut environment = lossy(n, Budget::Unlimited, Budget::NONE);
    environment.links.loss_probability = Probability::per_million(loss);
    environment.failures = synod_kernel::Failures::NONE;
    let asked = (0..requests).map(|k| Broadcast(Datum(k.into()))).collect();
    Setting::new(environment, Layers::default(), vec![asked])
}

type BestEffort = synod_algorithms::broadcast::BestEffortBroadcast<Datum>;
type BestEffortMessage = <BestEffort as Process>::Message;

/// Without losses: each of the n - 1 messages once, and once more at every pulse of its sender that comes after it.
#[test]
fn what_links_cost_that_send_for_ever_is_known_pulse_by_pulse() {
    let setting = stacked(4, 3, 0);
    let instance = Instance::new("stack", setting, BroadcastMonitor::<Datum>::best_effort(4));
    let options = Options { costs: true, ..script(Vec::new()) };
    assert_eq!(instance.run(1, &options).costs.expect("they are counted").stack, None, "nobody asked");
    let (outcome, trace) = instance.carrying::<BestEffortMessage>().trace(1, &options);
    assert!(outcome.violation.is_none() && outcome.owed.is_empty());
    let (mut asked, mut resent) = (0, 0);
    for line in trace.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        if line["do"]["request"]["seat"] == 0 {
            asked += 1;
        } else if line["do"]["fire"]["seat"] == 0 {
            resent += 3 * asked;
        }
    }
    let Stack { upper, all } = outcome.costs.and_then(|costs| costs.stack).expect("they are counted");
    assert_eq!((upper.messages, all.messages), (3 * asked, 3 * asked + resent));
    assert!(asked == 3 && resent > 100, "{asked} {resent}");
    // the link's part of a message is its number, a byte here
    let each = upper.bytes / upper.messages;
    assert_eq!((each * upper.messages, (each + 1) * all.messages), (upper.bytes, all.bytes));
    assert_eq!((upper.writes, all.writes), (0, 0));
}

/// What is lost three times in ten arrives all the same; on the bare links it is owed in the end.
#[test]
fn links_made_of_lossy_ones_keep_what_those_break() {
    let options = options();
    let monitor = BroadcastMonitor::<Datum>::best_effort(4);
    let over = campaign(&simulated(&stacked(4, 3, 300_000), &monitor), 0..100, &options, 2, &|_| {});
    assert!(over.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds), "{:?}", over.verdicts);
    assert!(over.counts.faults[&FaultKind::Loss] > 5_000);
    let stack = stacked(4, 3, 300_000);
    let bare = Setting::<BestEffort>::new(stack.environment, stack.parameters.upper, stack.requests);
    let bare = campaign(&simulated(&bare, &monitor), 0..100, &options, 2, &|_| {});
    let broken = bare.failure.expect("a message that is lost is owed").outcome.broken().expect("it is due");
    assert_eq!(broken.property, "BEB1");
}

#[test]
fn a_register_without_its_write_back_is_not_atomic() {
    let register = |defect| {
        let parameters = abd::Parameters { servers: 3, clients: 3, defect };
        let mut environment = crash_stop(6, 1);
        environment.failures.among = Some(parameters.servers());
        let requests = [
            vec![RegisterRequest::Write('a')],
            vec![RegisterRequest::Read; 2],
            vec![RegisterRequest::Read; 2],
        ];
        let requests = [vec![], vec![], vec![]].into_iter().chain(requests).collect();
        Setting::<AbdRegister<char>>::new(environment, parameters, requests)
    };
    holds(&register(None), &AtomicRegister::new(), 1_000, &options());
    refuted(&register(Some(abd::Defect::NoWriteBack)), &AtomicRegister::new(), 20_000, &options(), "NNAR2");
}

/// The practical world: restarts, slow disks, torn writes, partitions, oracles or timers.
fn practical(n: u32, durability: Durability) -> Environment {
    let mut environment = recovering(n, 4, durability);
    environment.failures.stops = Budget::AtMost((n - 1) / 2);
    environment.storage.torn_writes = Budget::AtMost(2);
    environment.partitions = Budget::AtMost(2);
    environment
}

fn proposals(n: u32) -> Vec<Vec<ProposeAt<u32>>> {
    (0..n).map(|p| (0..3).map(|instance| ProposeAt { instance, value: p }).collect()).collect()
}

fn paxos(defect: Option<Defect>, durability: Durability) -> Setting<PaxosSequence<u32, OmegaOracle>> {
    let mut environment = practical(3, durability);
    environment.oracles.outputs = Budget::Unlimited;
    Setting::new(environment, PaxosParameters { defect, ..PaxosParameters::default() }, proposals(3))
}

fn consensus(n: u32) -> ConsensusSequence<u32> {
    ConsensusSequence::new(Group::first(n))
}

#[test]
fn paxos_with_an_oracle_decides_through_all_faults() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        holds(&paxos(None, durability), &consensus(3), 1_000, &options());
    }
}

#[test]
fn the_twins_of_paxos_are_found() {
    // those that forget what they promised take a checker, or a longer search
    for defect in [Defect::IgnoresAccepted, Defect::QuorumsMiss] {
        refuted(&paxos(Some(defect), Durability::Deferred), &consensus(3), 20_000, &options(), "UC4");
    }
}

#[test]
fn paxos_with_its_own_detector_decides_after_gst() {
    let environment = partially_synchronous(practical(5, Durability::Deferred), ms(300));
    let setting = Setting::<PaxosSequence<u32, ElectLowerEpoch>>::new(
        environment,
        PaxosParameters::default(),
        proposals(5),
    );
    let options = Options { horizon: std::time::Duration::from_secs(20), ..options() };
    let found = examine(&setting, &consensus(5), 40, &options);
    assert_eq!(found.failure, None);
    assert!(found.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds), "{:?}", found.verdicts);
}

/// Process 0 crashes for ever, and is down at the end, after 10 s.
fn crash_loop() -> Options {
    let fault = Fault::CrashLoop { process: ProcessId(0), down: ms(400), up: ms(400) };
    let faults = FaultPlan::Script(vec![(ms(1_000), fault)]);
    Options { horizon: std::time::Duration::from_secs(10), faults, ..options() }
}

fn elect_lower_epoch(defect: Option<elect_lower_epoch::Defect>) -> Setting<ElectLowerEpoch> {
    let mut environment = partially_synchronous(practical(3, Durability::Deferred), ms(300));
    environment.failures.restarts = Budget::Unlimited;
    let parameters = DetectorParameters { defect, ..DetectorParameters::default() };
    Setting::new(environment, parameters, vec![])
}

#[test]
fn a_process_that_crashes_for_ever_loses_the_lead_by_its_epoch() {
    let sound = examine(&elect_lower_epoch(None), &LeaderMonitor::new(3), 100, &crash_loop());
    assert_eq!(sound.failure, None);
    assert!(sound.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds), "{:?}", sound.verdicts);
    assert!(sound.counts.faults[&FaultKind::Recovery] >= 1_000, "{:?}", sound.counts.faults);
    let twin = elect_lower_epoch(Some(elect_lower_epoch::Defect::EpochNotStored));
    let refuted = examine(&twin, &LeaderMonitor::new(3), 100, &crash_loop()).failure.expect("it is trusted");
    assert_eq!(refuted.outcome.broken().expect("it is broken").property, "ELD1");
}

#[test]
fn a_crash_loop_is_one_of_the_faulty_and_ends_with_the_budget_of_restarts() {
    let crashes = |restarts, stops| {
        let mut setting = elect_lower_epoch(None);
        setting.environment.failures.restarts = restarts;
        setting.environment.failures.stops = stops;
        let (outcome, _) = checked(&setting, &LeaderMonitor::new(3), 0, &crash_loop());
        (outcome.faults.get(&FaultKind::Crash).copied().unwrap_or(0), outcome.due)
    };
    assert_eq!(crashes(Budget::Unlimited, Budget::AtMost(1)), (12, true));
    assert_eq!(crashes(Budget::Unlimited, Budget::NONE), (0, true));
    assert_eq!(crashes(Budget::AtMost(4), Budget::AtMost(1)), (4, true), "correct from 3.8 s on");
    assert_eq!(crashes(Budget::AtMost(9), Budget::AtMost(1)), (9, false), "it is correct from 7.8 s on");
}
