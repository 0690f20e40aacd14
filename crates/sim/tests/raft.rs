//! Raft whole, under the whole vocabulary of faults: members change, leadership is handed over, logs are compacted, queries are answered
//! by rounds and by leases; and the twins of these parts are found.

mod support;

use std::sync::Arc;
use support::judged::{examine, holds};
use support::{checked, ms, options, script};
use synod_algorithms::consensus::raft::{Defect, Payload, Raft, RaftParameters};
use synod_algorithms::machines::{ReadFrom, Registers, WriteTo};
use synod_kernel::{Budget, Environment, Partition, Setting};
use synod_model::interface::{Ask, Members, Submit, Ticket};
use synod_model::{Datum, Process, ProcessId, ProcessSet};
use synod_properties::{GroundKind, ReplicatedLog, ReplicatedMachine, usual};
use synod_sim::platform::{Clocks, Platform};
use synod_sim::{Condition, Conditional, Fault, Happening, NAMED, OTHERS, Options};

type Replica = Raft<Registers>;
type Monitor = (ReplicatedLog<Payload<WriteTo>>, ReplicatedMachine<Registers>);
type Asks = Ask<WriteTo, ReadFrom>;

fn monitor() -> Monitor {
    (ReplicatedLog::new(), ReplicatedMachine::new())
}

/// All of it, with logs that are compacted soon.
fn whole() -> RaftParameters {
    RaftParameters { witnessed: true, compact_after: 4, compact_keep: 1, ..RaftParameters::default() }
}

fn environment(n: u32) -> Environment {
    usual::<<Replica as Process>::Model>(GroundKind::Sim, n)
}

fn write(value: u64) -> Asks {
    Ask::Execute { stamp: None, command: WriteTo { key: 0, value: Datum(value) } }
}

const READ: Asks = Ask::Query(ReadFrom { key: 0 });

fn members(voters: &[u32], learners: &[u32]) -> Asks {
    let set = |ids: &[u32]| -> ProcessSet { ids.iter().copied().map(ProcessId).collect() };
    Ask::Reconfigure(Members { voters: set(voters), learners: set(learners) })
}

/// n processes, each asked for these in turn.
fn raft(parameters: RaftParameters, asks: Vec<Vec<Asks>>) -> Setting<Replica> {
    let n = asks.len() as u32;
    let mut ticket = 0;
    let mut submit = |ask: &Asks| {
        ticket += 1;
        Submit { ticket: Ticket(ticket), ask: ask.clone() }
    };
    let requests = asks.iter().map(|of| of.iter().map(&mut submit).collect()).collect();
    Setting::new(environment(n), parameters, requests)
}

/// Three who are asked for so many each, commands and queries in turn.
fn in_turn(each: u64) -> Vec<Vec<Asks>> {
    let ask = |p, k| if k % 2 == 0 { write(each * p + k) } else { READ };
    (0..3).map(|p| (0..each).map(|k| ask(p, k)).collect()).collect()
}

/// From three voters to three others, by way of a learner.
fn changing() -> Vec<Vec<Asks>> {
    vec![
        vec![write(1), members(&[1, 2, 3], &[4])],
        vec![write(2), READ],
        vec![READ, members(&[2, 3, 4], &[])],
        vec![write(3)],
        vec![READ, write(4)],
    ]
}

/// Long enough that what a process that was removed is asked is given up.
fn long() -> Options {
    Options { horizon: ms(20_000), ..options() }
}

#[test]
fn members_change_while_commands_are_executed() {
    let parameters = RaftParameters { voters: Some(3), ..whole() };
    holds(&raft(parameters, changing()), &monitor(), 300, &long());
}

#[test]
fn leadership_is_handed_over_while_commands_are_executed() {
    let to = |p| Ask::TransferLeadership(ProcessId(p));
    let asks = vec![vec![write(1), to(2), READ], vec![READ, to(0), write(2)], vec![write(3), to(1), READ]];
    holds(&raft(whole(), asks), &monitor(), 300, &long());
}

#[test]
fn queries_are_answered_within_leases() {
    let parameters = RaftParameters { lease_drift_ppm: Some(10_000), ..whole() };
    holds(&raft(parameters, in_turn(4)), &monitor(), 300, &long());
}

/// A world, with the seeds that find its twin.
fn told_apart(defect: Defect, setting: &Setting<Replica>, options: &Options, seeds: u64, property: &str) {
    let sound = examine(setting, &monitor(), seeds, options);
    assert_eq!(sound.failure, None);
    let mut twin = setting.clone();
    twin.parameters.defect = Some(defect);
    let failure = examine(&twin, &monitor(), seeds, options).failure;
    let failure = failure.unwrap_or_else(|| panic!("{defect:?} passes {seeds} runs"));
    assert_eq!(failure.outcome.broken().expect("it fails").property, property, "{defect:?}");
    assert_eq!(checked(&twin, &monitor(), failure.seed, options).0, failure.outcome);
}

fn cut(from: &[u32], to: &[u32], one_way: bool) -> Fault {
    let of = |ids: &[u32]| ids.iter().copied().map(ProcessId).collect();
    Fault::Sever { partition: Partition { from: of(from), to: of(to), one_way } }
}

/// Whoever leads is cut off a little later, so often; all cuts heal at these times, in ms.
fn leaders_cut_off(after: u64, times: u32, heal: impl IntoIterator<Item = u64>) -> Options {
    let partition = Partition { from: vec![NAMED], to: vec![OTHERS], one_way: false };
    let condition = Conditional {
        when: Condition { times, ..Condition::first(Happening::Indication, "Leader") },
        after: ms(after),
        fault: Fault::Sever { partition },
    };
    let heals = heal.into_iter().map(|at| (ms(at), Fault::Heal {})).collect();
    Options {
        horizon: ms(20_000),
        requests_within: Some(ms(3_000)),
        conditions: vec![condition],
        ..script(heals)
    }
}

/// That of the paper, with snapshots.
fn plain() -> RaftParameters {
    RaftParameters { check_quorum: false, pre_vote: false, compact_after: 2, compact_keep: 0, ..whole() }
}

fn with_cuts(mut setting: Setting<Replica>, gst: u64) -> Setting<Replica> {
    setting.environment.timing.gst = ms(gst);
    setting.environment.partitions = Budget::AtMost(30);
    setting
}

#[test]
fn who_was_cut_off_answers_no_query_by_what_it_had() {
    let setting = with_cuts(raft(plain(), in_turn(10)), 2_000);
    let cuts = leaders_cut_off(20, 3, [3_000, 4_000, 5_000]);
    told_apart(Defect::ReadsLocally, &setting, &cuts, 20, "linearizability");
}

/// Figure 8: a leader that has an entry of an earlier term on a majority, and is elected no more.
#[test]
fn only_entries_of_its_own_term_are_committed_by_counting() {
    let one_by_one =
        RaftParameters { no_op: false, entries_max: 1, in_flight_max: 1, compact_after: 0, ..plain() };
    let setting = with_cuts(raft(one_by_one, in_turn(10)), 2_000);
    let cuts = leaders_cut_off(10, 20, (1..9).map(|k| 600 * k));
    told_apart(Defect::CommitsOlderTerms, &setting, &cuts, 100, "leader-completeness");
}

/// A process that was away votes for a new leader and is sent its snapshot; that leader is gone, and the old one is still there.
#[test]
fn a_snapshot_takes_nobody_back_to_an_earlier_term() {
    let setting = with_cuts(raft(plain(), in_turn(10)), 0);
    let away = vec![
        (ms(0), cut(&[0, 1], &[2], false)),
        (ms(1_500), Fault::Heal {}),
        (ms(1_500), cut(&[0], &[1], false)),
        (ms(1_500), cut(&[0], &[2], true)),
    ];
    let taken =
        |fault| Conditional { when: Condition::first(Happening::Message, "PieceTaken"), after: ms(0), fault };
    let conditions = vec![taken(Fault::Heal {}), taken(cut(&[1], &[0, 2], false))];
    let options =
        Options { requests_within: Some(ms(3_000)), horizon: ms(20_000), conditions, ..script(away) };
    told_apart(Defect::SnapshotLowersTerm, &setting, &options, 20, "election-safety");
}

/// Clocks that are off by what leases allow for, the leader's slow and the others' fast.
#[test]
fn a_lease_ends_before_anybody_else_is_elected() {
    let drift = 300_000;
    let parameters = RaftParameters { lease_drift_ppm: Some(drift), election_spread: ms(40), ..whole() };
    let asks = (0..3)
        .map(|p| (0..30).map(|k| if p > 0 && k % 2 == 0 { write(30 * p + k) } else { READ }).collect())
        .collect();
    let mut setting = with_cuts(raft(parameters, asks), 0);
    setting.environment.links.delay_max = ms(3);
    let drift = i64::from(drift);
    let clocks = Clocks { drift_ppm: vec![-drift, drift, drift], ..Clocks::default() };
    let platform = Platform { clocks: Some(clocks), ..Platform::default() };
    let cuts = leaders_cut_off(20, 20, (1..11).map(|k| 300 * k));
    let options = Options { platform: Some(Arc::new(platform)), ..cuts };
    told_apart(Defect::LeaseIgnoresDrift, &setting, &options, 100, "linearizability");
}

#[test]
fn the_twins_of_other_parts_are_found_by_chance() {
    let compacting = RaftParameters { compact_after: 2, compact_keep: 0, ..whole() };
    let spread = Options { requests_within: Some(ms(4_000)), ..long() };
    let three = raft(compacting.clone(), in_turn(4));
    told_apart(Defect::EmptySnapshot, &three, &spread, 50, "linearizability");
    told_apart(Defect::ForgetsSessions, &three, &long(), 50, "linearizability");
    told_apart(Defect::AnswersBeforeCommit, &three, &long(), 5, "linearizability");
    let five = raft(RaftParameters { voters: Some(3), ..compacting }, changing());
    told_apart(Defect::ChangesAtOnce, &five, &long(), 20, "leader-completeness");
}
