//! The adversary: processes that lie and omit, networks that inject, disks that corrupt. Each within its budget, each
//! recorded and replayed, and Byzantine algorithms under all of them.

mod support;

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::*;
use synod_algorithms::broadcast::{DoubleEchoBroadcast, EchoBroadcast, double_echo, echo};
use synod_kernel::environment::parse_link;
use synod_kernel::trace::{Line, replay};
use synod_kernel::{
    Budget, Choice, DiskFault, Durability, Environment, Omits, Probability, Setting, Takeover,
};
use synod_model::failure::FailureKind;
use synod_model::interface::Broadcast;
use synod_model::{Datum, Process, ProcessId};
use synod_properties::byzantine_broadcast::ByzantineBroadcast;
use synod_properties::{Monitor, Unjudged};
use synod_sim::{Fault, FaultKind, Injection, Options, Platform, Strategy as Plan, run};

fn p(i: u32) -> ProcessId {
    ProcessId(i)
}

/// The choices of a run that is made three times and replayed.
fn lines<P, M>(setting: &Setting<P>, monitor: &M, seed: u64, options: &Options) -> Vec<Line<P>>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let (_, content) = checked(setting, monitor, seed, options);
    replay::<P>(&content).expect("it replays").lines
}

// --- budgets ---

/// How often a run did what there is a budget for, and who became faulty by it.
#[derive(Default)]
struct Spent {
    restarts: u32,
    torn: u32,
    injections: u32,
    disk: [u32; 3],
    stopped: BTreeSet<u32>,
    omitting: BTreeSet<u32>,
    lying: BTreeSet<u32>,
    partitions: u32,
    duplications: u32,
}

impl Spent {
    fn by<P: Process>(lines: &[Line<P>]) -> Self {
        let mut spent = Self::default();
        for line in lines {
            if let (Some(cut), Some(seat)) = (line.cut, line.choice.cut_seat()) {
                spent.crash(seat.0, cut.forever, cut.torn);
            }
            match line.choice {
                Choice::Crash { seat, forever, torn, .. } => spent.crash(seat.0, forever, torn),
                Choice::Omit { seat } => _ = spent.omitting.insert(seat.0),
                Choice::Corrupt { seat } => _ = spent.lying.insert(seat.0),
                Choice::Lie { from, .. } => assert!(spent.lying.contains(&from.0), "p{} never lied", from.0),
                Choice::Inject { .. } => spent.injections += 1,
                Choice::Disk { fault, .. } => {
                    spent.disk[match fault {
                        DiskFault::Rot { .. } => 0,
                        DiskFault::Misdirect => 1,
                        DiskFault::Refuse => 2,
                    }] += 1;
                }
                Choice::Sever { .. } => spent.partitions += 1,
                Choice::Duplicate { .. } => spent.duplications += 1,
                _ => {}
            }
        }
        spent
    }

    fn crash(&mut self, seat: u32, forever: bool, torn: bool) {
        self.torn += u32::from(torn);
        if forever {
            self.stopped.insert(seat);
        } else {
            self.restarts += 1;
        }
    }

    fn within(&self, e: &Environment) -> Result<(), String> {
        let (failures, storage) = (&e.failures, &e.storage);
        let f = failures.stops.max(failures.omissions).max(failures.lies);
        let faulty = self.stopped.len() + self.omitting.len() + self.lying.len();
        for (name, times, budget) in [
            ("f", faulty as u32, f),
            ("stops", self.stopped.len() as u32, failures.stops),
            ("omissions", self.omitting.len() as u32, failures.omissions),
            ("lies", self.lying.len() as u32, failures.lies),
            ("restarts", self.restarts, failures.restarts),
            ("torn writes", self.torn, storage.torn_writes),
            ("bit rot", self.disk[0], storage.bit_rot),
            ("misdirected writes", self.disk[1], storage.misdirected_writes),
            ("failed writes", self.disk[2], storage.failed_writes),
            ("injections", self.injections, e.links.injections),
            ("duplications", self.duplications, e.links.duplications),
            ("partitions", self.partitions, e.partitions),
        ] {
            if Budget::AtMost(times) > budget {
                return Err(format!("{name}: {times} of {budget}"));
            }
        }
        Ok(())
    }
}

fn budget() -> impl Strategy<Value = Budget> {
    prop_oneof![2 => Just(Budget::NONE), 2 => Just(Budget::AtMost(1)), 1 => Just(Budget::AtMost(2)),
        1 => Just(Budget::Unlimited)]
}

/// Any environment of three that recover, with disks and links that fail in every way.
fn environment() -> impl Strategy<Value = Environment> {
    let budgets = prop::collection::vec(budget(), 11);
    let links =
        prop::sample::select(vec!["perfect", "arbitrary perfect", "arbitrary fair-loss", "fifo perfect"]);
    let omits = prop::sample::select(vec![Omits::Send, Omits::Receive, Omits::General]);
    (budgets, links, omits, any::<bool>(), any::<bool>()).prop_map(|(b, links, omits, deferred, late)| {
        let durability = if deferred { Durability::Deferred } else { Durability::Immediate };
        let mut e = recovering(3, 0, durability);
        e.links.kind = parse_link(links).expect("a link");
        [e.failures.stops, e.failures.omissions, e.failures.lies, e.failures.restarts] =
            [b[0], b[1], b[2], b[3]];
        [e.storage.torn_writes, e.storage.bit_rot, e.storage.misdirected_writes] = [b[4], b[5], b[6]];
        [e.storage.failed_writes, e.links.injections, e.links.duplications, e.partitions] =
            [b[7], b[8], b[9], b[10]];
        e.failures.omits = omits;
        e.failures.takeover = if late { Takeover::AnyTime } else { Takeover::AtStart };
        e.links.injection_probability = Probability::per_million(300_000);
        e.links.duplication_probability = Probability::per_million(300_000);
        e
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is declared: every recorded run replays, and spends no more.
    #[test]
    fn faults_never_exceed_their_budgets(environment in environment(), seed in any::<u64>(), swarm in any::<bool>()) {
        let requests = vec![vec![3], vec![6, 2], vec![1, 9]];
        let setting = Setting::<Keeper>::new(environment.clone(), Order::StoreThenReply, requests)
            .with_lies(vec![Talk::Put(7), Talk::Ack(9), Talk::Value(0)]);
        let options = Options { swarm, ..options() };
        let lines = lines(&setting, &Kept::default(), seed, &options);
        prop_assert_eq!(Spent::by(&lines).within(&environment), Ok(()));
    }
}

// --- each fault by itself ---

#[test]
fn every_fault_of_the_adversary_takes_effect_at_random() {
    let mut environment = recovering(3, 2, Durability::Deferred);
    environment.links.kind = parse_link("arbitrary perfect").expect("a link");
    environment.links.injections = Budget::AtMost(5);
    environment.links.injection_probability = Probability::per_million(300_000);
    environment.failures.omissions = Budget::AtMost(2);
    environment.failures.lies = Budget::AtMost(2);
    environment.failures.takeover = Takeover::AnyTime;
    environment.storage.bit_rot = Budget::AtMost(2);
    environment.storage.misdirected_writes = Budget::AtMost(2);
    environment.storage.failed_writes = Budget::AtMost(2);
    let setting =
        Setting::<Keeper>::new(environment, Order::StoreThenReply, vec![vec![3], vec![6, 2], vec![9]])
            .with_lies(vec![Talk::Put(7)]);
    let seen: BTreeSet<_> = (0..80)
        .flat_map(|seed| checked(&setting, &Kept::default(), seed, &options()).0.faults.into_keys())
        .collect();
    let missing: Vec<_> = OF_THE_ADVERSARY.iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn omitting(omits: Omits) -> Setting<Gossip> {
    let mut environment = world(3, "perfect");
    environment.failures.kind = FailureKind::Omission;
    environment.failures.omissions = Budget::AtMost(1);
    environment.failures.omits = omits;
    Setting::new(environment, 0, vec![vec![1, 2], vec![3, 4], vec![5]])
}

/// What was lost in some runs, as (from, to).
fn lost<P: Process>(lines: &[Line<P>]) -> BTreeSet<(u32, u32)> {
    let links = lines.iter().filter_map(|line| match line.choice {
        Choice::Lose { from, to, .. } => Some((from.0, to.0)),
        _ => None,
    });
    links.collect()
}

#[test]
fn one_that_omits_loses_what_it_sends_or_what_it_is_sent_or_either() {
    for omits in [Omits::Send, Omits::Receive, Omits::General] {
        let script = script(vec![(ms(0), Fault::Omit { process: p(1) })]);
        let all: BTreeSet<_> = (0..40)
            .flat_map(|seed| lost(&lines(&omitting(omits), &Spread::among(3), seed, &script)))
            .collect();
        let sends = all.iter().any(|&(from, to)| from == 1 && to != 1);
        let receives = all.iter().any(|&(from, to)| to == 1 && from != 1);
        assert_eq!((sends, receives), (omits != Omits::Receive, omits != Omits::Send), "{omits:?}");
        assert!(all.iter().all(|&(from, to)| from == 1 || to == 1), "{all:?}");
    }
}

#[test]
fn nothing_is_owed_to_one_that_omits() {
    for seed in 0..100 {
        let outcome = checked(&omitting(Omits::General), &Spread::among(3), seed, &options()).0;
        assert_eq!((outcome.broken(), outcome.due), (None, true), "seed {seed}");
    }
}

fn untrusted(kind: &str) -> Setting<Gossip> {
    let mut environment = world(3, kind);
    environment.links.injections = Budget::AtMost(1);
    environment.links.losses = Budget::AtMost(1);
    Setting::new(environment, 0, vec![vec![1, 2], vec![3]]).with_lies(vec![77])
}

#[test]
fn what_a_network_injects_arrives_where_it_is_not_trusted_alone() {
    let injected = |kind: &str, how, seed| {
        let script = script(vec![(ms(0), Fault::Inject { from: p(0), to: p(1), how })]);
        let lines = lines(&untrusted(kind), &Spread::among(3), seed, &script);

        lines.into_iter().find_map(|line| match line.choice {
            Choice::Inject { message, .. } => Some(message),
            _ => None,
        })
    };
    for how in [Injection::Replay, Injection::Change, Injection::Invent] {
        let all: BTreeSet<_> = (0..30).filter_map(|seed| injected("arbitrary perfect", how, seed)).collect();
        assert!(!all.is_empty(), "{how:?}");
        let old = all.iter().all(|m| [1, 2, 3].contains(m));
        assert_eq!(old, how == Injection::Replay || !all.contains(&77), "{how:?}: {all:?}");
        assert_eq!(injected("perfect", how, 0), None);
        assert_eq!(injected("authenticated arbitrary perfect", how, 0), None);
    }
}

#[test]
fn a_flipped_bit_is_a_loss_where_links_notice_and_another_message_where_they_do_not() {
    let script = script(vec![(ms(0), Fault::Corrupt { from: p(0), to: p(1) })]);
    let of = |kind: &str| checked(&untrusted(kind), &Spread::among(3), 1, &script);
    let sent_again = |kind: &str| {
        let mut setting = untrusted(kind);
        setting.environment.links.losses = Budget::NONE;
        checked(&setting, &Spread::among(3), 1, &script).0.faults.contains_key(&FaultKind::Corruption)
    };
    let (noticed, content) = of("fair-loss");
    assert_eq!(noticed.faults[&FaultKind::Corruption], 1);
    assert_eq!(lost(&replay::<Gossip>(&content).expect("it replays").lines), [(0, 1)].into());
    let (taken, content) = of("arbitrary perfect");
    assert_eq!(taken.faults[&FaultKind::Corruption], 1);
    assert!(lost(&replay::<Gossip>(&content).expect("it replays").lines).is_empty());
    assert!(!sent_again("perfect"), "nobody sees it");
}

#[test]
fn messages_are_corrupted_at_a_rate_within_budgets_and_nowhere_else() {
    let corrupting = |per_million| Platform {
        corruption: Some(Probability::per_million(per_million)),
        ..Platform::default()
    };
    let hit = |kind: &str, per_million, budget| {
        let mut setting = untrusted(kind);
        setting.requests = vec![(0..100).collect(), vec![], vec![]];
        let links = &mut setting.environment.links;
        (links.injections, links.losses) = (Budget::AtMost(budget), Budget::AtMost(budget));
        (links.injection_probability, links.loss_probability) = (Probability::ZERO, Probability::ZERO);
        let platform = Some(Arc::new(corrupting(per_million)));
        let (outcome, content) = checked(&setting, &Unjudged, 1, &Options { platform, ..script(vec![]) });
        let lost = replay::<Gossip>(&content).expect("it replays").lines;
        let lost = lost.iter().filter(|line| matches!(line.choice, Choice::Lose { .. })).count() as u64;
        (outcome.faults.get(&FaultKind::Corruption).copied().unwrap_or(0), lost)
    };
    // 300 messages, a quarter of them
    let (noticed, lost) = hit("fair-loss", 250_000, 1_000);
    assert!((45..105).contains(&noticed) && lost == noticed, "{noticed} {lost}");
    let (taken, lost) = hit("arbitrary perfect", 250_000, 1_000);
    assert!((45..105).contains(&taken) && lost == 0, "{taken} {lost}");
    assert_eq!(hit("fair-loss", 1_000_000, 5), (5, 5));
    assert_eq!(hit("arbitrary perfect", 1_000_000, 5).0, 5);
    assert_eq!(hit("arbitrary perfect", 0, 5), (0, 0));
    for kind in ["perfect", "authenticated arbitrary perfect"] {
        let mut environment = world(3, kind);
        environment.links.injections = Budget::AtMost(9);
        let refused = corrupting(1).fits(&environment).expect_err("what was sent arrives");
        assert!(refused.what.starts_with("`corruption` over"), "{refused}");
        corrupting(0).fits(&environment).expect("nothing happens");
    }
}

fn disk(change: impl Fn(&mut Environment)) -> Setting<Keeper> {
    let mut environment = recovering(2, 1, Durability::Deferred);
    change(&mut environment);
    Setting::new(environment, Order::StoreThenReply, vec![vec![], vec![6]])
}

#[test]
fn rot_and_misdirected_writes_break_what_a_sound_process_keeps_and_a_failed_write_does_not() {
    let crash = Fault::Crash { process: p(0), recover_after: Some(ms(30)), kept: 9, torn: false };
    let broken = |setting: &Setting<Keeper>, fault: &Fault, kind| {
        let script = script(vec![(ms(0), fault.clone()), (ms(60), crash.clone())]);
        let outcomes = (0..60).map(|seed| checked(setting, &Kept::default(), seed, &script).0);
        let mut counts = (0, 0);
        for outcome in outcomes.filter(|outcome| outcome.faults.contains_key(&kind)) {
            counts.0 += 1;
            counts.1 += u32::from(outcome.violation.is_some());
        }
        counts
    };
    let rotten = disk(|e| e.storage.bit_rot = Budget::AtMost(1));
    let (struck, _) = broken(&rotten, &Fault::Rot { process: p(0) }, FaultKind::BitRot);
    assert!(struck > 30, "{struck}");
    let astray = disk(|e| e.storage.misdirected_writes = Budget::AtMost(1));
    let (struck, _) = broken(&astray, &Fault::MisdirectWrite { process: p(0) }, FaultKind::MisdirectedWrite);
    assert!(struck > 30, "{struck}");
    let full = disk(|e| e.storage.failed_writes = Budget::AtMost(1));
    let fails = Fault::FailWrite { process: p(0), room_after: ms(50) };
    let (struck, violated) = broken(&full, &fails, FaultKind::FailedWrite);
    assert!(struck > 30 && violated == 0, "{struck} {violated}");
    // by chance, with another who asks again, the two corruptions are found
    for (change, found) in [
        ((|e| e.storage.bit_rot = Budget::AtMost(2)) as fn(&mut Environment), true),
        (|e| e.storage.misdirected_writes = Budget::AtMost(2), true),
        (|e| e.storage.failed_writes = Budget::AtMost(2), false),
    ] {
        let mut setting = disk(change);
        setting.environment.failures.restarts = Budget::AtMost(2);
        let violations = (0..4_000)
            .filter(|&s| run(&setting, &Kept::default(), s, &options()).violation.is_some())
            .count();
        assert_eq!(violations > 0, found, "{violations}");
    }
}

// --- Byzantine algorithms ---

const STORIES: [Datum; 2] = [Datum(0), Datum(1)];

fn byzantine(n: u32, f: u32) -> Environment {
    let mut environment = world(n, "authenticated perfect");
    environment.failures.kind = FailureKind::Byzantine;
    environment.failures.stops = Budget::AtMost(f);
    environment.failures.lies = Budget::AtMost(f);
    environment.failures.takeover = Takeover::AnyTime;
    environment
}

type Echo = EchoBroadcast<Datum>;
type DoubleEcho = DoubleEchoBroadcast<Datum>;

fn echo(n: u32, f: u32, assumed: u32, defect: Option<echo::Defect>) -> Setting<Echo> {
    let parameters = echo::Parameters { sender: p(0), f: assumed, defect };
    let lies = STORIES.into_iter().flat_map(|m| [echo::Message::Send(m), echo::Message::Echo(m)]).collect();
    Setting::new(byzantine(n, f), parameters, vec![vec![Broadcast(STORIES[0])]]).with_lies(lies)
}

fn double_echo(n: u32, f: u32, assumed: u32, defect: Option<double_echo::Defect>) -> Setting<DoubleEcho> {
    use double_echo::Message::{Echo, Ready, Send};
    let parameters = double_echo::Parameters { sender: p(0), f: assumed, defect };
    let lies = STORIES.into_iter().flat_map(|m| [Send(m), Echo(m), Ready(m)]).collect();
    Setting::new(byzantine(n, f), parameters, vec![vec![Broadcast(STORIES[0])]]).with_lies(lies)
}

fn with(plan: Plan) -> Options {
    Options { adversaries: vec![plan], ..options() }
}

/// In how many runs the first that is broken is found, and what is broken.
fn found<P, M>(setting: &Setting<P>, monitor: &M, options: &Options, most: u64) -> Option<(u64, String)>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    (0..most).find_map(|seed| Some((seed + 1, run(setting, monitor, seed, options).broken()?.property)))
}

#[test]
fn byzantine_broadcasts_hold_at_their_bound_under_every_adversary() {
    for plan in Plan::ALL {
        for (n, f) in [(4, 1), (7, 2)] {
            let (consistent, reliable) =
                (ByzantineBroadcast::consistent(n, p(0)), ByzantineBroadcast::reliable(n, p(0)));
            assert_eq!(found(&echo(n, f, f, None), &consistent, &with(plan), 600), None, "{plan}, n = {n}");
            assert_eq!(
                found(&double_echo(n, f, f, None), &reliable, &with(plan), 600),
                None,
                "{plan}, n = {n}"
            );
        }
    }
}

#[test]
fn byzantine_broadcasts_are_refuted_below_their_bound() {
    let (consistent, reliable) =
        (ByzantineBroadcast::consistent(3, p(0)), ByzantineBroadcast::reliable(3, p(0)));
    // three of whom one lies: they believe that none does, and are unsafe; or that one may, and are stuck
    let options = options();
    let (_, property) = found(&echo(3, 1, 0, None), &consistent, &options, 2_000).expect("unsafe");
    assert!(["BCB3", "BCB4"].contains(&property.as_str()), "{property}");
    found(&double_echo(3, 1, 0, None), &reliable, &options, 2_000).expect("unsafe");
    let (_, property) = found(&double_echo(3, 1, 1, None), &reliable, &options, 2_000).expect("stuck");
    assert!(["BRB1", "BRB5"].contains(&property.as_str()), "{property}");
}

/// Which adversary finds which twin: the table of `docs/sim/adversary.md`.
#[test]
fn twins_are_found_by_the_adversaries_that_suit_them() {
    let twins = |plan| {
        let consistent = ByzantineBroadcast::consistent(4, p(0));
        let reliable = ByzantineBroadcast::reliable(4, p(0));
        let echo = |defect| found(&echo(4, 1, 1, Some(defect)), &consistent, &with(plan), 1_500);
        let double = |defect| found(&double_echo(4, 1, 1, Some(defect)), &reliable, &with(plan), 1_500);
        [
            echo(echo::Defect::SmallQuorum),
            echo(echo::Defect::CountsEchoes),
            double(double_echo::Defect::SmallReadyQuorum),
            double(double_echo::Defect::NoAmplification),
        ]
    };
    let (yes, no) = (true, false);
    for (plan, expected) in [
        (Plan::Silence, [no, no, no, no]),
        (Plan::Selective, [no, no, no, yes]),
        (Plan::Delay, [no, no, no, no]),
        (Plan::Replay, [no, no, no, no]),
        (Plan::Twins, [yes, no, yes, yes]),
        (Plan::Forge, [yes, yes, yes, yes]),
    ] {
        let found = twins(plan);
        assert_eq!(found.each_ref().map(Option::is_some), expected, "{plan}: {found:?}");
    }
}
