//! Machines and wires: that each part of a platform has the effect that it says, and is counted.
#![allow(clippy::float_cmp, reason = "instants are whole nanoseconds")]

mod support;

use std::sync::Arc;
use std::time::Duration;
use support::*;
use synod_kernel::{Budget, Durability, Environment, Partition, Probability, Setting};
use synod_model::Bounds;
use synod_model::prelude::*;
use synod_model::timing::TimingKind;
use synod_sim::platform::{
    Assumption, Bandwidth, Bursts, Clocks, Disk, Per, Periods, Phase, Rate, Regions, Size, Strikes, Topology,
    decided, good_period,
};
use synod_sim::{
    Condition, Conditional, Distribution, Fault, FaultKind, Happening, NAMED, OTHERS, Options, Outcome,
    Platform, THERE,
};

const P: [ProcessId; 4] = [ProcessId(0), ProcessId(1), ProcessId(2), ProcessId(3)];

fn constant(ms: u64) -> Distribution {
    Distribution::Constant { value: Duration::from_millis(ms) }
}

fn over(platform: Platform, faults: Vec<(Duration, Fault)>) -> Options {
    Options { platform: Some(Arc::new(platform)), ..script(faults) }
}

/// The values that are asked of p0, each sent to all.
fn gossip(environment: Environment, values: u8) -> Setting<Gossip> {
    Setting::new(environment, 0, vec![(0..values).collect()])
}

/// A message as a trace has it: when it was sent and delivered, in milliseconds, from where, to where.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sent {
    at: f64,
    arrived: f64,
    from: u64,
    to: u64,
}

impl Sent {
    fn took(&self) -> f64 {
        rounded(self.arrived - self.at)
    }
}

/// To the nanosecond.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1e6).round() / 1e6
}

fn lines(content: &str) -> Vec<serde_json::Value> {
    content.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn millis(line: &serde_json::Value) -> Option<f64> {
    Some(line.get("at")?.as_u64()? as f64 / 1e6)
}

/// The messages that were delivered, in order.
fn delivered(content: &str) -> Vec<Sent> {
    let lines = lines(content);
    let sent_at = |step: u64| lines.iter().find(|l| l["step"].as_u64() == Some(step)).and_then(millis);
    let of = |line: &serde_json::Value| {
        let deliver = line.get("do")?.get("deliver")?;
        Some(Sent {
            at: sent_at(line["cause"]["step"].as_u64()?)?,
            arrived: millis(line)?,
            from: deliver["from"].as_u64()?,
            to: deliver["to"].as_u64()?,
        })
    };
    lines.iter().filter_map(of).collect()
}

fn counted(outcome: &Outcome, kind: FaultKind) -> u64 {
    outcome.faults.get(&kind).copied().unwrap_or(0)
}

fn near(found: f64, computed: f64, tolerance: f64) {
    assert!((found - computed).abs() <= tolerance, "{found} is not {computed} +- {tolerance}");
}

#[test]
fn delays_follow_their_law_and_those_of_some_links_their_own() {
    let setting = gossip(world(3, "perfect"), 200);
    let slow =
        synod_sim::platform::Link { from: vec![P[0]], to: vec![P[2]], one_way: true, delay: constant(70) };
    let platform = Platform {
        delay: Some(Distribution::Exponential { mean: ms(4) }),
        links: vec![slow],
        ..Platform::default()
    };
    let (outcome, content) = checked(&setting, &Spread::among(3), 1, &over(platform, vec![]));
    let all = delivered(&content);
    let to = |p: u64| all.iter().filter(move |sent| sent.to == p).map(Sent::took).collect::<Vec<_>>();
    // the mean of 200 has a deviation of 4 / sqrt(200)
    near(to(1).iter().sum::<f64>() / 200.0, 4.0, 1.0);
    assert_eq!(to(2), [70.0; 200]);
    assert_eq!((outcome.due, outcome.owed.len()), (true, 0));
    assert_eq!(outcome.outside, [], "an asynchronous world promises nothing of delays");
}

#[test]
fn processes_in_regions_are_as_far_apart_as_those_are() {
    let setting = gossip(world(4, "perfect"), 5);
    let mut regions = Regions::of("ibm-cloud-2024-10", &["london", "tokyo", "london", "sao-paulo"]);
    let platform = |regions: Regions| Platform { regions: Some(regions), ..Platform::default() };
    let (_, content) = checked(&setting, &Spread::among(4), 1, &over(platform(regions.clone()), vec![]));
    for sent in delivered(&content) {
        assert_eq!(sent.took(), [0.05, 121.0, 0.05, 94.0][sent.to as usize], "{sent:?}");
    }
    regions.jitter = Some(Distribution::uniform(ms(1), ms(2)));
    let (_, content) = checked(&setting, &Spread::among(4), 1, &over(platform(regions), vec![]));
    let to_tokyo: Vec<_> = delivered(&content).into_iter().filter(|sent| sent.to == 1).collect();
    assert!(to_tokyo.iter().all(|sent| (122.0..=123.0).contains(&sent.took())), "{to_tokyo:?}");
}

#[test]
fn messages_of_a_ring_go_around_a_cut_and_are_held_where_there_is_no_way() {
    let ring =
        Platform { delay: Some(constant(5)), topology: Some(Topology::Ring {}), ..Platform::default() };
    let mut environment = world(4, "perfect");
    environment.partitions = Budget::AtMost(2);
    let setting = gossip(environment, 1);
    let wire = |a: usize, b: usize| Fault::CutLinks { links: vec![(P[a], P[b]), (P[b], P[a])] };
    let took = |faults: Vec<(Duration, Fault)>| {
        let (outcome, content) = checked(&setting, &Spread::among(4), 1, &over(ring.clone(), faults));
        let mut took = [0.0; 4];
        for sent in delivered(&content) {
            took[sent.to as usize] = sent.took();
        }
        (took, outcome)
    };
    assert_eq!(took(vec![]).0, [5.0, 5.0, 10.0, 5.0]);
    let (around, outcome) = took(vec![(ms(0), wire(0, 1))]);
    assert_eq!((around, counted(&outcome, FaultKind::Reroute)), ([5.0, 15.0, 10.0, 5.0], 1));
    let (held, outcome) = took(vec![(ms(0), wire(0, 1)), (ms(0), wire(2, 3)), (ms(500), Fault::Heal {})]);
    assert!(held[1] > 400.0 && held[2] > 400.0 && held[3] == 5.0, "{held:?}");
    assert_eq!(counted(&outcome, FaultKind::PartialPartition), 1);
    assert_eq!(counted(&outcome, FaultKind::Heal), 1);
}

#[test]
fn losses_come_in_bursts_and_at_the_rate_of_the_chain() {
    let setting: Setting<LossyGossip> =
        Setting::new(lossy(2, Budget::Unlimited, Budget::NONE), 20, vec![(0..200).collect()]);
    let share = Probability::per_million;
    let loss = Bursts {
        good_to_bad: share(50_000),
        bad_to_good: share(250_000),
        good: Probability::ZERO,
        bad: share(900_000),
    };
    let platform = Platform { loss: Some(loss), lasting: true, ..Platform::default() };
    let (outcome, _) = checked(&setting, &Spread::among(2), 3, &over(platform.clone(), vec![]));
    let lost = counted(&outcome, FaultKind::BurstLoss);
    assert_eq!(lost, counted(&outcome, FaultKind::Loss), "a good link loses nothing here");
    // 200 values, sent 21 times to two: bad a sixth of the time
    near(lost as f64 / 8_400.0, 0.9 / 6.0, 0.02);
    let brief = Platform { lasting: false, ..platform };
    let (outcome, _) = checked(&setting, &Spread::among(2), 3, &over(brief, vec![]));
    assert!(counted(&outcome, FaultKind::Loss) <= lost);
}

#[test]
fn what_finds_no_room_is_lost_or_held_back_where_nothing_may_be_lost() {
    // a value is a byte on the wire, and has 99 of overhead: a message takes 10 ms
    let narrow = |queue| Platform {
        delay: Some(constant(1)),
        bandwidth: Some(Bandwidth {
            rate: Rate(10_000),
            queue,
            burst: Size(0),
            per: Per::Process,
            overhead: Size(99),
        }),
        ..Platform::default()
    };
    let setting = gossip(world(2, "perfect"), 50);
    let (outcome, content) = checked(&setting, &Spread::among(2), 2, &over(narrow(None), vec![]));
    let all = delivered(&content);
    let (first, last) = (all[0], all[99]);
    assert!(last.arrived - first.arrived >= 99.0 * 10.0 - 1e-6, "a hundred messages take a second");
    assert_eq!(counted(&outcome, FaultKind::HeldBack), 0);
    let (outcome, content) = checked(&setting, &Spread::among(2), 2, &over(narrow(Some(Size(500))), vec![]));
    assert_eq!(delivered(&content).len(), 100, "perfect links lose nothing");
    assert!(counted(&outcome, FaultKind::HeldBack) > 10);
    let setting: Setting<LossyGossip> =
        Setting::new(lossy(2, Budget::Unlimited, Budget::NONE), 0, vec![(0..50).collect()]);
    let mut quiet = setting;
    quiet.environment.links.loss_probability = Probability::ZERO;
    let (outcome, content) = checked(&quiet, &Spread::among(2), 2, &over(narrow(Some(Size(500))), vec![]));
    let overflown = counted(&outcome, FaultKind::Overflow);
    assert_eq!(delivered(&content).len() as u64 + overflown, 100);
    assert!(overflown > 10, "{overflown}");
    // an uplink that is ten times as narrow for a while
    let drop = Fault::BandwidthDrop { process: P[0], factor: 10, lasts: ms(300) };
    let setting = gossip(world(2, "perfect"), 1);
    let (outcome, content) =
        checked(&setting, &Spread::among(2), 2, &over(narrow(None), vec![(ms(0), drop)]));
    let took: Vec<_> = delivered(&content).iter().map(Sent::took).collect();
    assert_eq!((took, counted(&outcome, FaultKind::BandwidthDrop)), (vec![101.0, 201.0], 1));
}

#[test]
fn timers_run_at_the_rate_of_their_clock_and_jump_with_it() {
    let environment = partially_synchronous(world(2, "perfect"), ms(0));
    let setting: Setting<Heart> = Setting::new(environment, (), vec![]);
    let clocks = Clocks { drift_ppm: vec![250_000, -200_000], ..Clocks::default() };
    let platform = Platform { clocks: Some(clocks), ..Platform::default() };
    let beats = |options: &Options| {
        let (outcome, content) = checked(&setting, &Spread::among(0), 1, options);
        let at = |p: u64| {
            let fired =
                lines(&content).into_iter().filter(move |l| l["do"]["fire"]["seat"].as_u64() == Some(p));
            fired
                .filter(|l| l["do"]["fire"]["timer"] == "Beat")
                .filter_map(|l| millis(&l))
                .collect::<Vec<_>>()
        };
        (at(0), at(1), outcome)
    };
    let (fast, slow, _) = beats(&over(platform, vec![]));
    assert_eq!((fast.len(), slow.len()), (50, 32), "every 40 ms, and every 62.5 ms, for 2 s");
    assert_eq!(fast[..3], [40.0, 80.0, 120.0]);
    assert_eq!(slow[..2], [62.5, 125.0]);
    let jump = |back| vec![(ms(60), Fault::ClockJump { process: P[0], by: ms(30), back })];
    let (ahead, other, outcome) = beats(&script(jump(false)));
    assert_eq!(ahead[..3], [50.0, 70.0, 120.0], "due at 100, it comes 30 ms earlier");
    assert_eq!((other[1], counted(&outcome, FaultKind::ClockJump)), (100.0, 1));
    assert_eq!(beats(&script(jump(true))).0[..3], [50.0, 130.0, 180.0]);
}

#[test]
fn a_process_that_stands_still_misses_nothing_and_has_all_of_it_due_at_the_end() {
    let setting: Setting<Heart> = Setting::new(partially_synchronous(world(2, "perfect"), ms(0)), (), vec![]);
    let pause = Fault::Pause { process: P[1], lasts: ms(500) };
    let (outcome, content) = checked(&setting, &Spread::among(0), 1, &script(vec![(ms(120), pause)]));
    let at_1: Vec<_> =
        delivered(&content).into_iter().filter(|sent| sent.to == 1).map(|sent| sent.arrived).collect();
    assert!(at_1.iter().all(|at| !(120.0..620.0).contains(at)), "{at_1:?}");
    let waited = at_1.iter().filter(|&&at| at == 620.0).count();
    assert_eq!((at_1.len(), waited), (39, 10), "a beat every 50 ms: those of 120 to 620 ms waited");
    assert_eq!(counted(&outcome, FaultKind::Pause), 1);
    let breach = &outcome.outside[0];
    assert_eq!((breach.assumption, breach.count), (Assumption::Delay, 10), "after GST a message takes 10 ms");
    let before: Options = script(vec![(ms(1_999), Fault::Pause { process: P[1], lasts: ms(1) })]);
    let (outcome, _) = checked(&setting, &Spread::among(0), 1, &before);
    assert_eq!(
        (counted(&outcome, FaultKind::Pause), outcome.outside),
        (0, vec![]),
        "nothing was due: no effect"
    );
}

#[test]
fn a_busy_process_takes_one_thing_after_the_other() {
    let setting = gossip(world(2, "perfect"), 10);
    let platform = Platform {
        delay: Some(constant(1)),
        step: Some(constant(20)),
        speeds: vec![1.0, 0.5],
        ..Platform::default()
    };
    let (_, content) = checked(&setting, &Spread::among(2), 1, &over(platform.clone(), vec![]));
    let at_1: Vec<_> =
        delivered(&content).into_iter().filter(|sent| sent.to == 1).map(|sent| sent.arrived).collect();
    assert!(at_1.windows(2).all(|w| rounded(w[1] - w[0]) >= 40.0), "half as fast: {at_1:?}");
    let all = delivered(&content);
    assert!(all.iter().all(|sent| sent.took() >= 21.0), "what a handler says leaves at its end");
    let slow = Fault::Slow { process: P[1], factor: 3, lasts: ms(500) };
    let (outcome, content) = checked(&setting, &Spread::among(2), 1, &over(platform, vec![(ms(0), slow)]));
    let at_1: Vec<_> =
        delivered(&content).into_iter().filter(|sent| sent.to == 1).map(|sent| sent.arrived).collect();
    assert!(rounded(at_1[1] - at_1[0]) >= 120.0, "{at_1:?}");
    assert_eq!(counted(&outcome, FaultKind::Slow), 1);
}

#[test]
fn disks_take_as_long_as_they_are_told_and_longer_while_they_are_slow() {
    let setting: Setting<Keeper> =
        Setting::new(recovering(2, 0, Durability::Deferred), Order::StoreThenReply, vec![vec![], vec![7]]);
    let syncs = |faults| {
        let platform = Platform { disk: Some(Disk { sync: constant(30) }), ..Platform::default() };
        let (outcome, content) = checked(&setting, &Kept::default(), 1, &over(platform, faults));
        let put = delivered(&content)[0].arrived;
        let lines = lines(&content);
        let sync = lines.iter().find(|l| l["do"].get("sync").is_some()).and_then(millis);
        (rounded(sync.expect("a write") - put), outcome)
    };
    assert_eq!(syncs(vec![]).0, 30.0);
    let slow = Fault::SlowDisk { process: P[0], factor: 8, lasts: ms(1_000) };
    let (took, outcome) = syncs(vec![(ms(0), slow)]);
    assert_eq!((took, counted(&outcome, FaultKind::SlowDisk)), (240.0, 1));
}

#[test]
fn a_spike_delays_the_links_that_it_is_on_while_it_lasts() {
    let setting = gossip(world(3, "perfect"), 1);
    let between = Partition { from: vec![P[0]], to: vec![P[1]], one_way: true };
    let spike = Fault::DelaySpike { between, by: ms(90), lasts: ms(1_000) };
    let platform = Platform { delay: Some(constant(5)), ..Platform::default() };
    let (outcome, content) = checked(&setting, &Spread::among(3), 1, &over(platform, vec![(ms(0), spike)]));
    let mut took: Vec<_> = delivered(&content).iter().map(|sent| (sent.to, sent.took())).collect();
    took.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(took, [(0, 5.0), (1, 95.0), (2, 5.0)]);
    assert_eq!(counted(&outcome, FaultKind::DelaySpike), 1);
}

#[test]
fn a_share_of_the_messages_is_overtaken() {
    let setting = gossip(world(2, "perfect"), 200);
    let reordering =
        synod_sim::platform::Reordering { share: Probability::per_million(100_000), by: constant(100) };
    let platform = Platform { delay: Some(constant(5)), reordering: Some(reordering), ..Platform::default() };
    let (outcome, content) = checked(&setting, &Spread::among(2), 1, &over(platform, vec![]));
    let late = delivered(&content).iter().filter(|sent| sent.took() == 105.0).count();
    near(late as f64, 40.0, 15.0);
    assert!(counted(&outcome, FaultKind::Reordering) > 20);
}

#[test]
fn bounds_hold_in_good_periods_alone() {
    let mut environment = partially_synchronous(world(2, "perfect"), ms(0));
    environment.links.delay_max = ms(10);
    let setting: Setting<Heart> = Setting::new(environment, (), vec![]);
    let periods = Periods {
        good: constant(300),
        bad: constant(200),
        first: Phase::Bad,
        delay: constant(120),
        loss: Probability::ZERO,
    };
    let platform = Platform { periods: Some(periods), ..Platform::default() };
    let (outcome, content) = checked(&setting, &Spread::among(0), 1, &over(platform, vec![]));
    for sent in delivered(&content) {
        let in_bad = sent.at % 500.0 < 200.0;
        let latest = (200.0 - sent.at % 500.0) + 10.0;
        assert!(
            if in_bad { sent.took() <= latest && sent.took() > 10.0 } else { sent.took() <= 10.0 },
            "{sent:?}"
        );
    }
    assert!(counted(&outcome, FaultKind::Delay) > 10);
    assert_eq!(outcome.outside, [], "what a bad period does is declared");
}

#[test]
fn a_delay_beyond_the_bound_is_outside_the_model() {
    let mut environment = partially_synchronous(world(2, "perfect"), ms(300));
    environment.links.delay_max = ms(100);
    let setting: Setting<Heart> = Setting::new(environment, (), vec![]);
    let platform = Platform { delay: Some(constant(812)), ..Platform::default() };
    let (outcome, content) = checked(&setting, &Spread::among(0), 1, &over(platform, vec![]));
    let [breach] = &outcome.outside[..] else { panic!("{:?}", outcome.outside) };
    let line =
        lines(&content).into_iter().find(|l| l["step"].as_u64() == Some(breach.first_at)).expect("a step");
    assert!(line["do"].get("deliver").is_some(), "{line}");
    assert!(breach.to_string().starts_with("delay 812ms > d = 100ms at event "), "{breach}");
    let (outcome, _) = checked(&setting, &Spread::among(0), 1, &over(Platform::default(), vec![]));
    assert_eq!(outcome.outside, []);
}

#[test]
fn recovery_under_crash_stop_is_outside_the_model() {
    let mut environment = world(2, "perfect");
    environment.failures.kind = synod_model::failure::FailureKind::CrashStop;
    environment.failures.restarts = Budget::AtMost(1);
    let setting = gossip(environment, 1);
    let crash = Fault::Crash { process: P[1], recover_after: Some(ms(10)), kept: 0, torn: false };
    let (outcome, _) = checked(&setting, &Spread::among(2), 1, &script(vec![(ms(50), crash)]));
    assert_eq!(outcome.outside.iter().map(|b| b.assumption).collect::<Vec<_>>(), [Assumption::Recovery]);
}

#[test]
fn when_a_leader_is_elected_it_is_cut_off() {
    use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch};
    let mut environment = partially_synchronous(world(3, "fair-loss"), ms(0));
    environment.failures.kind = synod_model::failure::FailureKind::CrashRecovery;
    environment.partitions = Budget::AtMost(1);
    let setting: Setting<ElectLowerEpoch> = Setting::new(environment, DetectorParameters::default(), vec![]);
    let partition = Partition { from: vec![NAMED], to: vec![OTHERS], one_way: false };
    let cut = Conditional {
        when: Condition { process: Some(P[2]), ..Condition::first(Happening::Indication, "Trust") },
        after: ms(15),
        fault: Fault::Sever { partition },
    };
    let options = Options { conditions: vec![cut.clone()], ..script(vec![]) };
    let monitor = synod_properties::leader::LeaderMonitor::new(3);
    let (outcome, content) = checked(&setting, &monitor, 1, &options);
    let lines = lines(&content);
    let trust = lines.iter().find(|l| {
        l["observed"].to_string().contains("[2,") && l["observed"].to_string().contains("indication")
    });
    let trust = trust.expect("p2 trusts somebody");
    let leader = trust["observed"][0]["indication"][1].as_u64().expect("a process");
    let severed = lines.iter().find(|l| l["do"].get("sever").is_some()).expect("a cut");
    assert_eq!(rounded(millis(severed).unwrap() - millis(trust).unwrap()), 15.0);
    let links = severed["do"]["sever"]["links"].as_array().expect("links").clone();
    assert_eq!(links.len(), 4, "to two others, both ways");
    assert!(
        links.iter().all(|l| l[0].as_u64() == Some(leader) || l[1].as_u64() == Some(leader)),
        "{links:?}"
    );
    assert_eq!(counted(&outcome, FaultKind::Partition), 1);
    let elected_then = |at: f64| {
        lines
            .iter()
            .filter(|l| millis(l).is_some_and(|t| t > at))
            .filter(|l| l["observed"].to_string().contains("indication"))
            .count()
    };
    assert!(elected_then(millis(severed).unwrap()) > 0, "the others elect another");
    // only the one that p2 trusts third
    let third = Condition { number: 30, ..cut.when };
    let never = Options { conditions: vec![Conditional { when: third, ..cut }], ..script(vec![]) };
    assert_eq!(counted(&checked(&setting, &monitor, 1, &never).0, FaultKind::Partition), 0);
}

#[test]
fn conditions_are_met_by_messages_requests_and_crashes() {
    let mut environment = world(3, "perfect");
    environment.failures.kind = synod_model::failure::FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(2);
    let setting = gossip(environment, 3);
    let stop = |process| Fault::Crash { process, recover_after: None, kept: 0, torn: false };
    let on = |what, number, fault| Conditional {
        when: Condition { what, kind: None, process: None, number, times: 1 },
        after: ms(1),
        fault,
    };
    let conditions = vec![on(Happening::Message, 2, stop(THERE)), on(Happening::Crash, 1, stop(P[2]))];
    let (outcome, content) =
        checked(&setting, &Spread::among(3), 4, &Options { conditions, ..script(vec![]) });
    let second = delivered(&content)[1];
    let crashes: Vec<_> = lines(&content).into_iter().filter(|l| l["do"].get("crash").is_some()).collect();
    assert_eq!(crashes[0]["do"]["crash"]["seat"].as_u64(), Some(second.to));
    assert_eq!(rounded(millis(&crashes[0]).unwrap() - second.arrived), 1.0);
    let expected = if second.to == 2 { 1 } else { 2 };
    assert_eq!(counted(&outcome, FaultKind::Stop), expected);
}

#[test]
fn what_strikes_by_chance_keeps_to_its_budgets_and_each_kind_has_an_effect() {
    let mut environment = recovering(7, 0, Durability::Deferred);
    environment.partitions = Budget::AtMost(2);
    let setting: Setting<Keeper> = Setting::new(
        environment,
        Order::StoreThenReply,
        (0..7).map(|p| vec![p; usize::from(p > 0)]).collect(),
    );
    let budgets = Strikes {
        pauses: 3,
        slow: 2,
        slow_disks: 20,
        delay_spikes: 2,
        bandwidth_drops: 2,
        partial_partitions: 2,
        ..Strikes::default()
    };
    let platform = Platform {
        step: Some(constant(1)),
        bandwidth: Some(Bandwidth {
            rate: Rate(100_000),
            queue: None,
            burst: Size(0),
            per: Per::Link,
            overhead: Size(20),
        }),
        budgets,
        ..Platform::default()
    };
    platform.fits(&setting.environment).expect("sound");
    let options = Options { platform: Some(Arc::new(platform)), ..options() };
    let kinds = [
        (FaultKind::Pause, 3),
        (FaultKind::Slow, 2),
        (FaultKind::SlowDisk, 20),
        (FaultKind::DelaySpike, 2),
        (FaultKind::BandwidthDrop, 2),
        (FaultKind::PartialPartition, 2),
    ];
    let mut struck = [0; 6];
    for seed in 0..60 {
        let (outcome, _) = checked(&setting, &Kept::default(), seed, &options);
        for (place, (kind, budget)) in kinds.into_iter().enumerate() {
            let times = counted(&outcome, kind);
            assert!(times <= budget, "{times} of {kind}, seed {seed}");
            struck[place] += times;
        }
        assert!(outcome.violation.is_none());
    }
    assert!(struck.iter().all(|&times| times > 0), "{struck:?}");
}

/// Synchronous, with delays up to 10 ms, steps up to 1 ms and clocks that drift by a hundredth.
fn synchronous(n: u32) -> Environment {
    let mut environment = world(n, "perfect");
    environment.failures.kind = synod_model::failure::FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(1);
    environment.timing.kind = TimingKind::Synchronous;
    environment.timing.bounds = Some(Bounds { delay: ms(10), step: ms(1), drift_ppm: 10_000 });
    environment
}

/// The first seed that breaks a property of safety, and what it broke of the model.
fn broken<P, M>(setting: &Setting<P>, monitor: &M, options: &Options) -> Option<(String, Vec<Assumption>)>
where
    P: Process,
    M: synod_properties::Monitor<P::Request, P::Indication>,
{
    (0..60).find_map(|seed| {
        let (outcome, _) = checked(setting, monitor, seed, options);
        let outside = outcome.outside.iter().map(|b| b.assumption).collect();
        outcome.broken().map(|broken| (broken.property, outside))
    })
}

fn drifting(drift_ppm: &[i64]) -> Options {
    let clocks = Clocks { drift_ppm: drift_ppm.to_vec(), ..Clocks::default() };
    Options {
        platform: Some(Arc::new(Platform { clocks: Some(clocks), ..Platform::default() })),
        ..options()
    }
}

#[test]
fn leases_hold_within_the_drift_that_they_know_and_break_beyond_it() {
    use synod_algorithms::coordination::{Acquire, Lease, lease};
    let parameters = |defect| lease::Parameters { term: ms(300), excess: ms(0), clients: 2, defect };
    let requests = || vec![vec![], vec![Acquire], vec![Acquire]];
    let setting: Setting<Lease> = Setting::new(synchronous(3), parameters(None), requests());
    let monitor = synod_properties::lease::LeaseMonitor::new(ProcessId(0), 3);
    assert_eq!(broken(&setting, &monitor, &options()), None);
    // the server's clock is fast and a client's slow
    let beyond = drifting(&[200_000, -200_000, -200_000]);
    assert_eq!(broken(&setting, &monitor, &beyond), Some(("LS1".to_owned(), vec![Assumption::Drift])));
    let twin: Setting<Lease> =
        Setting::new(synchronous(3), parameters(Some(lease::Defect::WholeTerm)), requests());
    assert_eq!(broken(&twin, &monitor, &options()), Some(("LS1".to_owned(), vec![])));
}

#[test]
fn timeouts_exclude_nobody_who_lives_within_the_bounds() {
    use synod_algorithms::detectors::{ExcludeOnTimeout, exclude_on_timeout};
    let setting: Setting<ExcludeOnTimeout> =
        Setting::new(synchronous(3), exclude_on_timeout::Parameters::default(), vec![]);
    let monitor = synod_properties::perfect_detector::PerfectDetectorMonitor::new(3);
    assert_eq!(broken(&setting, &monitor, &options()), None);
    let beyond = drifting(&[300_000, 300_000, 300_000]);
    assert_eq!(broken(&setting, &monitor, &beyond), Some(("PFD2".to_owned(), vec![Assumption::Drift])));
    let slow = Platform { delay: Some(constant(15)), ..Platform::default() };
    let late = Options { platform: Some(Arc::new(slow)), ..options() };
    assert_eq!(broken(&setting, &monitor, &late), Some(("PFD2".to_owned(), vec![Assumption::Delay])));
}

#[test]
fn a_good_period_is_long_enough_when_a_round_trip_fits_into_it() {
    // a heart beats every 50 ms, for ever: what is asked of it is told by all once a message gets through in time
    let mut environment = partially_synchronous(world(2, "fair-loss"), ms(0));
    environment.links.losses = Budget::Unlimited;
    let setting: Setting<LossyGossip> = Setting::new(environment, 1_000, vec![vec![1]]);
    let instance = synod_sim::Instance::new("test", setting, Spread::among(2));
    let tried = |good: u64| {
        let periods = Periods {
            good: constant(good),
            bad: constant(400),
            first: Phase::Bad,
            delay: constant(5),
            loss: Probability::per_million(1_000_000),
        };
        let platform = Platform { periods: Some(periods), ..Platform::default() };
        decided(&instance, 0..20, &over(platform, vec![]), 2)
    };
    assert!(tried(100).all());
    assert_eq!(tried(0).decided, 0, "all is lost in bad periods");
    let found = good_period(ms(200), ms(1), |length| tried(length.as_millis() as u64));
    let enough = found.enough.expect("a fifth of a second is enough");
    // pulses come within 40 ms, and a message takes up to 10
    assert!((ms(1)..=ms(60)).contains(&enough), "{found:?}");
    assert!(!found.short.expect("shorter ones are not").1.all());
}
