//! Each fault takes effect for a process whose model admits it, and never beyond its budget.

mod support;

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;
use support::*;
use synod_kernel::trace::{Replayed, replay};
use synod_kernel::{Budget, Choice, Durability, Partition, Setting};
use synod_model::failure::FailureKind;
use synod_model::{Process, ProcessId};
use synod_properties::Monitor;
use synod_sim::{Ended, Fault, FaultKind, Options};

fn p(i: u32) -> ProcessId {
    ProcessId(i)
}

/// The faults of these runs, each run checked for determinism.
fn seen<P, M>(setting: &Setting<P>, monitor: &M, seeds: u64, options: &Options) -> BTreeSet<FaultKind>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    (0..seeds).flat_map(|seed| checked(setting, monitor, seed, options).0.faults.into_keys()).collect()
}

fn gossip(n: u32) -> Setting<Gossip> {
    Setting::new(world(n, "perfect"), 0, vec![vec![1, 2], vec![3]])
}

fn keeper(restarts: u32, order: Order, durability: Durability) -> Setting<Keeper> {
    let mut environment = recovering(2, restarts, durability);
    environment.storage.torn_writes = Budget::AtMost(1);
    Setting::new(environment, order, vec![vec![], vec![6]])
}

#[test]
fn every_kind_of_fault_takes_effect_at_random() {
    use FaultKind as K;
    let mut stopping = gossip(4);
    stopping.environment.failures.kind = FailureKind::CrashStop;
    stopping.environment.failures.stops = Budget::AtMost(1);
    let stops = seen(&stopping, &Spread::among(4), 100, &options());
    assert!(stops.is_superset(&[K::Crash, K::CrashInHandler, K::Stop, K::LossAtSender].into()), "{stops:?}");

    let restarting = keeper(2, Order::StoreThenReply, Durability::Deferred);
    let restarts = seen(&restarting, &Kept::default(), 80, &options());
    let expected =
        [K::Recovery, K::Amnesia, K::LostWrite, K::TornWrite, K::CrashInHandler, K::LossAtReceiver];
    assert!(restarts.is_superset(&expected.into()), "{restarts:?}");

    let mut losing =
        Setting::<LossyGossip>::new(lossy(3, Budget::Unlimited, Budget::AtMost(4)), 3, vec![vec![1, 2]]);
    losing.environment.partitions = Budget::Unlimited;
    let links = seen(&losing, &Spread::among(3), 40, &options());
    let expected = [K::Loss, K::Duplication, K::Reordering, K::Partition, K::OneWayPartition, K::Heal];
    assert!(links.is_superset(&expected.into()), "{links:?}");

    let clocked = partially_synchronous(world(3, "perfect"), ms(500));
    let delays = seen(&Setting::<Heart>::new(clocked, (), vec![]), &Spread::among(0), 2, &options());
    assert!(delays.contains(&K::Delay), "{delays:?}");

    let mut listening = world(3, "perfect");
    listening.failures.stops = Budget::AtMost(1);
    listening.oracles.outputs = Budget::Unlimited;
    let oracles = seen(&Setting::<Listener>::new(listening, (), vec![]), &Axioms::among(3), 10, &options());
    assert!(oracles.is_superset(&[K::Trust, K::Suspect, K::Restore].into()), "{oracles:?}");

    let all: BTreeSet<_> = [stops, restarts, links, delays, oracles].into_iter().flatten().collect();
    // the platform's and the adversary's have tests of their own
    assert_eq!(
        all,
        FaultKind::ALL
            .iter()
            .copied()
            .filter(|kind| !kind.is_of_platform() && !OF_THE_ADVERSARY.contains(kind))
            .collect()
    );
}

#[test]
fn a_scripted_crash_and_recovery_happen_at_their_times() {
    let setting = keeper(1, Order::StoreThenReply, Durability::Immediate);
    let crash = Fault::Crash { process: p(0), recover_after: Some(ms(40)), kept: 0, torn: false };
    let (outcome, content) = checked(&setting, &Kept::default(), 3, &script(vec![(ms(5), crash)]));
    let lines = replay::<Keeper>(&content).expect("it replays").lines;
    let at = |wanted: fn(&Choice<Talk, synod_model::Never>) -> bool| {
        lines.iter().find(|line| wanted(&line.choice)).and_then(|line| line.at)
    };
    assert_eq!(at(|c| matches!(c, Choice::Crash { .. })), Some(5_000_000));
    assert_eq!(at(|c| matches!(c, Choice::Recover { .. })), Some(45_000_000));
    assert_eq!((outcome.faults[&FaultKind::Crash], outcome.faults[&FaultKind::Recovery]), (1, 1));
}

#[test]
fn a_scripted_crash_inside_a_handler_cuts_it_there() {
    let setting = keeper(1, Order::ReplyThenStore, Durability::Immediate);
    let fault = Fault::CrashInHandler { process: p(0), recover_after: Some(ms(100)), before: Some(1) };
    let (outcome, content) = checked(&setting, &Kept::default(), 0, &script(vec![(ms(0), fault)]));
    assert_eq!(outcome.faults[&FaultKind::CrashInHandler], 1);
    let lines = replay::<Keeper>(&content).expect("it replays").lines;
    let cut: Vec<_> = lines.iter().filter(|line| line.cut.is_some()).collect();
    assert_eq!(cut.len(), 1);
    assert_eq!((cut[0].effects.len(), cut[0].sent.len()), (2, 1), "the reply left, the store never happened");
}

#[test]
fn a_write_that_waits_is_lost_or_torn_with_its_process() {
    for torn in [false, true] {
        let setting = keeper(1, Order::StoreThenReply, Durability::Deferred);
        let fault = Fault::CrashWhileStoring { process: p(0), recover_after: Some(ms(10)), torn };
        let kind = if torn { FaultKind::TornWrite } else { FaultKind::LostWrite };
        let hit = (0..20)
            .map(|seed| checked(&setting, &Kept::default(), seed, &script(vec![(ms(0), fault.clone())])).0)
            .filter(|outcome| outcome.faults.get(&kind) == Some(&1))
            .count();
        assert!(hit >= 5, "{kind}: {hit} of 20");
    }
}

#[test]
fn a_partition_holds_under_perfect_links_and_loses_under_fair_loss() {
    for one_way in [false, true] {
        let partition = Partition { from: vec![p(0)], to: vec![p(1), p(2)], one_way };
        let faults = vec![(ms(0), Fault::Sever { partition }), (ms(300), Fault::Heal {})];
        let kind = if one_way { FaultKind::OneWayPartition } else { FaultKind::Partition };
        let mut held = gossip(3);
        held.environment.partitions = Budget::AtMost(1);
        let (outcome, _) = checked(&held, &Spread::among(3), 1, &script(faults.clone()));
        assert_eq!((outcome.faults[&kind], outcome.faults[&FaultKind::Heal]), (1, 1));
        assert_eq!((outcome.ended, outcome.due, outcome.owed.len()), (Ended::Quiescent, true, 0));
        assert!(outcome.time >= ms(300), "the held messages arrive after the heal");

        let mut lost = Setting::<LossyGossip>::new(world(3, "fair-loss"), 0, vec![vec![1]]);
        lost.environment.partitions = Budget::AtMost(1);
        let (outcome, _) = checked(&lost, &Spread::among(3), 1, &script(faults));
        assert_eq!((outcome.faults[&kind], outcome.owed.len()), (1, 2), "two never hear of it");
    }
}

#[test]
fn a_partition_outside_the_listed_cuts_does_not_happen() {
    let partition = |i| Partition { from: vec![p(i)], to: vec![p(1)], one_way: true };
    let mut setting = gossip(3);
    setting.environment.partitions = Budget::Unlimited;
    setting.environment.cuts = Some([partition(0)].into());
    for (i, expected) in [(0, 1), (2, 0)] {
        let faults = vec![(ms(0), Fault::Sever { partition: partition(i) }), (ms(90), Fault::Heal {})];
        let (_, content) = checked(&setting, &Spread::among(3), 0, &script(faults));
        let lines = replay::<Gossip>(&content).expect("it replays").lines;
        let cuts = lines.iter().filter(|line| matches!(line.choice, Choice::Sever { .. })).count();
        assert_eq!(cuts, expected);
    }
}

#[test]
fn scripted_losses_and_duplications_hit_the_next_message_of_their_link() {
    let setting = Setting::<LossyGossip>::new(
        lossy(2, Budget::AtMost(1), Budget::AtMost(1)),
        0,
        vec![vec![1], vec![2]],
    );
    let faults = vec![
        (ms(0), Fault::Lose { from: p(0), to: p(1) }),
        (ms(0), Fault::Duplicate { from: p(1), to: p(0) }),
    ];
    let (outcome, _) = checked(&setting, &Spread::among(2), 9, &script(faults));
    assert_eq!((outcome.faults[&FaultKind::Loss], outcome.faults[&FaultKind::Duplication]), (1, 1));
    assert_eq!((outcome.delivered, outcome.owed.len()), (4, 1));
}

#[test]
fn fifo_links_keep_their_order_through_partitions() {
    let mut setting = Setting::<FifoGossip>::new(world(3, "fifo perfect"), 3, vec![vec![1, 2, 3]; 3]);
    setting.environment.partitions = Budget::AtMost(3);
    let kinds = seen(&setting, &Spread::among(3), 20, &options());
    assert!(kinds.contains(&FaultKind::Partition));
    assert!(!kinds.contains(&FaultKind::Reordering));
}

/// What a run does does not depend on whether it is recorded.
#[test]
fn fifo_links_lose_what_is_queued_behind_a_crash_whoever_watches() {
    let mut setting = Setting::<FifoGossip>::new(world(3, "fifo perfect"), 3, vec![vec![1, 2, 3]; 3]);
    setting.environment.failures.stops = Budget::AtMost(1);
    let kinds = seen(&setting, &Spread::among(3), 40, &options());
    assert!(kinds.contains(&FaultKind::LossAtSender));
    assert!(!kinds.contains(&FaultKind::Reordering));
}

#[test]
fn stubborn_links_deliver_for_ever() {
    let setting = Setting::<StubbornGossip>::new(world(2, "stubborn"), 0, vec![vec![1]]);
    let (outcome, _) = checked(&setting, &Spread::among(2), 0, &script(vec![]));
    assert_eq!(outcome.ended, Ended::Horizon);
    assert!(outcome.delivered > 50, "{}", outcome.delivered);
}

#[test]
fn logged_links_lose_nothing_at_a_crashed_receiver() {
    let mut setting = Setting::<Amnesiac>::new(recovering(2, 1, Durability::Immediate), 0, vec![vec![1]]);
    setting.environment.links.kind = synod_kernel::environment::parse_link("logged").expect("a link");
    let crash = Fault::Crash { process: p(1), recover_after: Some(ms(500)), kept: 0, torn: false };
    for seed in 0..10 {
        let (outcome, _) = checked(&setting, &Spread::among(2), seed, &script(vec![(ms(0), crash.clone())]));
        assert_eq!((outcome.owed.len(), outcome.faults.get(&FaultKind::LossAtReceiver)), (0, None));
    }
}

#[test]
fn oracles_keep_their_axioms_in_the_end() {
    let mut environment = world(4, "perfect");
    environment.failures.stops = Budget::AtMost(1);
    environment.oracles.outputs = Budget::Unlimited;
    let setting = Setting::<Listener>::new(environment, (), vec![]);
    let mut wrong = 0;
    for seed in 0..300 {
        let (outcome, _) = checked(&setting, &Axioms::among(4), seed, &options());
        assert_eq!((outcome.ended, outcome.due), (Ended::Quiescent, true), "seed {seed}");
        assert_eq!(outcome.owed, vec![], "seed {seed}");
        wrong += u64::from(outcome.reached == ["R1"]);
    }
    // 61 % of 2,000 seeds
    assert!(wrong >= 150, "before that they say anything: {wrong} of 300");
}

#[test]
fn too_few_outputs_for_the_axioms_leave_debts_undecided() {
    let mut environment = world(4, "perfect");
    environment.oracles.outputs = Budget::AtMost(2);
    let setting = Setting::<Listener>::new(environment, (), vec![]);
    let (outcome, _) = checked(&setting, &Axioms::among(4), 0, &options());
    assert!(!outcome.due);
    assert!(outcome.broken().is_none());
}

/// How much a run spent of: stops, restarts, losses, duplications, partitions, torn writes, outputs.
fn spent<P: Process>(trace: &Replayed<P>, losses: u64) -> [u64; 7] {
    let count = |of: &dyn Fn(&Choice<P::Message, P::Timer>) -> bool| {
        trace.lines.iter().filter(|line| of(&line.choice)).count() as u64
    };
    let cuts =
        |forever| trace.lines.iter().filter_map(|l| l.cut).filter(|c| c.forever == forever).count() as u64;
    [
        count(&|c| matches!(c, Choice::Crash { forever: true, .. })) + cuts(true),
        count(&|c| matches!(c, Choice::Crash { forever: false, .. })) + cuts(false),
        losses,
        count(&|c| matches!(c, Choice::Duplicate { .. })),
        count(&|c| matches!(c, Choice::Sever { .. })),
        count(&|c| matches!(c, Choice::Crash { torn: true, .. })),
        count(&|c| matches!(c, Choice::Output { .. })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// The kernel asserts budgets too: a breach would show as a broken ASSERT.
    #[test]
    fn budgets_are_never_exceeded(
        seed in any::<u64>(),
        stops in 0_u32..3, restarts in 0_u32..4, losses in 0_u32..4, duplications in 0_u32..4,
        partitions in 0_u32..3, torn in 0_u32..2,
        among in proptest::option::of(0_u32..3),
    ) {
        let mut environment = lossy(3, Budget::AtMost(losses), Budget::AtMost(duplications));
        environment.failures.kind = FailureKind::CrashRecovery;
        environment.failures.stops = Budget::AtMost(stops);
        environment.failures.restarts = Budget::AtMost(restarts);
        environment.failures.among = among.map(|p| synod_model::Group::new(p, 1));
        environment.storage.durability = Durability::Deferred;
        environment.storage.torn_writes = Budget::AtMost(torn);
        environment.storage.sync_max = ms(20);
        environment.partitions = Budget::AtMost(partitions);
        let setting = Setting::<Keeper>::new(environment, Order::StoreThenReply, vec![vec![], vec![2, 4], vec![6]]);
        let (outcome, content) = checked(&setting, &Kept::default(), seed, &options());
        let broken = outcome.violation.map(|v| v.property);
        prop_assert_ne!(broken.as_deref(), Some("ASSERT"));
        let lost = outcome.faults.get(&FaultKind::Loss).copied().unwrap_or(0);
        let trace = replay::<Keeper>(&content).expect("it replays");
        let budgets = [stops, restarts, losses, duplications, partitions, torn, 0].map(u64::from);
        for (spent, budget) in spent(&trace, lost).into_iter().zip(budgets) {
            prop_assert!(spent <= budget, "{:?} of {:?}", spent, budgets);
        }
        for line in &trace.lines {
            let seat = match line.choice {
                Choice::Crash { seat, .. } => Some(seat),
                _ => line.cut.and_then(|_| line.choice.cut_seat()),
            };
            prop_assert!(seat.is_none_or(|seat| among.is_none_or(|only| seat.0 == only)));
        }
    }

    #[test]
    fn outputs_keep_to_their_budget(seed in any::<u64>(), outputs in 0_u32..30) {
        let mut environment = world(3, "perfect");
        environment.oracles.outputs = Budget::AtMost(outputs);
        let setting = Setting::<Listener>::new(environment, (), vec![]);
        let (outcome, _) = checked(&setting, &Axioms::among(3), seed, &options());
        let kinds = [FaultKind::Trust, FaultKind::Suspect, FaultKind::Restore];
        let given: u64 = kinds.iter().filter_map(|kind| outcome.faults.get(kind)).sum();
        prop_assert!(given <= u64::from(outputs));
        prop_assert_eq!(outcome.violation, None);
    }
}

#[test]
fn a_scripted_fault_beyond_its_budget_does_not_happen() {
    let setting = keeper(1, Order::StoreThenReply, Durability::Deferred);
    let crash =
        |at| (ms(at), Fault::Crash { process: p(0), recover_after: Some(ms(5)), kept: 0, torn: false });
    let forever = (ms(80), Fault::Crash { process: p(1), recover_after: None, kept: 0, torn: false });
    let sever = Fault::Sever { partition: Partition { from: vec![p(0)], to: vec![p(1)], one_way: false } };
    let faults = vec![crash(10), crash(40), forever, (ms(90), sever)];
    let (outcome, _) = checked(&setting, &Kept::default(), 0, &script(faults));
    assert_eq!(outcome.faults[&FaultKind::Crash], 1);
    assert_eq!(outcome.violation, None);
}

#[test]
fn faults_read_and_write_as_files_do() {
    let fault =
        Fault::Crash { process: p(1), recover_after: Some(Duration::from_millis(250)), kept: 0, torn: false };
    let text = serde_json::to_string(&fault).expect("plain data");
    assert_eq!(text, r#"{"kind":"crash","process":1,"recover_after":"250ms","kept":0,"torn":false}"#);
    assert_eq!(
        serde_json::from_str::<Fault>(r#"{"kind":"crash","process":1,"recover_after":"250ms"}"#).ok(),
        Some(fault)
    );
    assert!(serde_json::from_str::<Fault>(r#"{"kind":"crash","process":1,"recover_afer":"250ms"}"#).is_err());
}
