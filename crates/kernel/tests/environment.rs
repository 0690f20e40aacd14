//! Environments: their order is a partial one, a model denotes the weakest that it allows, and what is outside says so.

use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;
use synod_kernel::diagnostic::outside;
use synod_kernel::environment::{duration, parse_link};
use synod_kernel::{
    Budget, Code, Durability, Environment, Failures, Links, Omits, Oracles, Partition, Probability, Storage,
    Takeover, Timing,
};
use synod_model::bound::AnyNumber;
use synod_model::failure::FailureKind;
use synod_model::link::{LinkBase, LinkKind};
use synod_model::oracle::OracleKind;
use synod_model::prelude::*;
use synod_model::timing::TimingKind;
use synod_model::{AllCorrect, Arbitrary, Authenticated, Bounds};

// Small domains, so that pairs that differ in one component, and comparable ones, really occur.

fn budget() -> impl Strategy<Value = Budget> {
    prop_oneof![Just(Budget::NONE), Just(Budget::AtMost(1)), Just(Budget::Unlimited)]
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::from_micros(1500)), Just(Duration::MAX)]
}

fn chance() -> impl Strategy<Value = Probability> {
    prop_oneof![
        Just(Probability::ZERO),
        Just(Probability::per_million(1)),
        Just(Probability::per_million(250_000))
    ]
}

fn group() -> impl Strategy<Value = Group> {
    (0..2_u32, 0..3_u32).prop_map(|(first, count)| Group::new(first, count))
}

fn failures() -> impl Strategy<Value = Failures> {
    let budgets = [budget(), budget(), budget(), budget()];
    let omits = prop::sample::select(vec![Omits::Send, Omits::Receive, Omits::General]);
    let takeover = prop::sample::select(vec![Takeover::AtStart, Takeover::AnyTime]);
    let kind = prop::sample::select(FailureKind::ALL.to_vec());
    (kind, budgets, omits, takeover, option::of(group())).prop_map(
        |(kind, [stops, omissions, lies, restarts], omits, takeover, among)| Failures {
            kind,
            stops,
            omissions,
            omits,
            lies,
            takeover,
            restarts,
            among,
        },
    )
}

fn storage() -> impl Strategy<Value = Storage> {
    let durability = prop_oneof![Just(Durability::Immediate), Just(Durability::Deferred)];
    let budgets = [budget(), budget(), budget(), budget()];
    (durability, budgets, time()).prop_map(
        |(durability, [torn_writes, bit_rot, misdirected_writes, failed_writes], sync_max)| Storage {
            durability,
            torn_writes,
            bit_rot,
            misdirected_writes,
            failed_writes,
            sync_max,
        },
    )
}

fn link_kind() -> impl Strategy<Value = LinkKind> {
    (prop::sample::select(LinkBase::ALL.to_vec()), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(base, fifo, arbitrary, authenticated)| LinkKind { base, fifo, arbitrary, authenticated })
}

fn links() -> impl Strategy<Value = Links> {
    let adversary = (link_kind(), [budget(), budget(), budget()], any::<bool>(), any::<bool>());
    (adversary, [chance(), chance(), chance()], time(), time()).prop_map(
        |((kind, budgets, as_set, ignored_stay), [lose, duplicate, inject], delay_min, delay_max)| Links {
            kind,
            losses: budgets[0],
            duplications: budgets[1],
            injections: budgets[2],
            as_set,
            ignored_stay,
            loss_probability: lose,
            duplication_probability: duplicate,
            injection_probability: inject,
            delay_min,
            delay_max,
        },
    )
}

fn partition() -> impl Strategy<Value = Partition> {
    let side = || prop::collection::vec((0..2_u32).prop_map(ProcessId), 0..2);
    (side(), side(), any::<bool>()).prop_map(|(from, to, one_way)| Partition { from, to, one_way })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (0..2_u64, 0..2_u64, 0..2_u32).prop_map(|(delay, step, drift_ppm)| Bounds {
        delay: Duration::from_millis(delay),
        step: Duration::from_millis(step),
        drift_ppm,
    })
}

fn timing() -> impl Strategy<Value = Timing> {
    let kind = prop::sample::select(TimingKind::ALL.to_vec());
    (kind, budget(), budget(), time(), time(), option::of(bounds())).prop_map(
        |(kind, firings, pulses, gst, delay_before_gst, bounds)| Timing {
            kind,
            firings,
            pulses,
            gst,
            delay_before_gst,
            bounds,
        },
    )
}

fn oracles() -> impl Strategy<Value = Oracles> {
    (btree_set(prop::sample::select(OracleKind::ALL.to_vec()), 0..3), budget())
        .prop_map(|(granted, outputs)| Oracles { granted, outputs })
}

fn environment() -> impl Strategy<Value = Environment> {
    let cuts = option::of(btree_set(partition(), 0..3));
    (2..4_u32, failures(), storage(), links(), budget(), cuts, timing(), oracles(), budget()).prop_map(
        |(processes, failures, storage, links, partitions, cuts, timing, oracles, measure)| Environment {
            processes,
            failures,
            storage,
            links,
            partitions,
            cuts,
            timing,
            oracles,
            measure,
        },
    )
}

/// One component of an environment put in the place of another's.
fn graft(base: &Environment, donor: &Environment, component: usize) -> Environment {
    let (mut out, donor) = (base.clone(), donor.clone());
    match component {
        0 => out.processes = donor.processes,
        1 => out.failures.kind = donor.failures.kind,
        2 => out.failures.stops = donor.failures.stops,
        3 => out.failures.restarts = donor.failures.restarts,
        4 => out.failures.among = donor.failures.among,
        5 => out.storage.durability = donor.storage.durability,
        6 => out.storage.torn_writes = donor.storage.torn_writes,
        7 => out.storage.sync_max = donor.storage.sync_max,
        8 => out.links.kind = donor.links.kind,
        9 => out.links.losses = donor.links.losses,
        10 => out.links.duplications = donor.links.duplications,
        11 => out.links.as_set = donor.links.as_set,
        12 => out.links.ignored_stay = donor.links.ignored_stay,
        13 => out.links.loss_probability = donor.links.loss_probability,
        14 => out.links.duplication_probability = donor.links.duplication_probability,
        15 => out.links.delay_min = donor.links.delay_min,
        16 => out.links.delay_max = donor.links.delay_max,
        17 => out.partitions = donor.partitions,
        18 => out.cuts = donor.cuts,
        19 => out.timing.kind = donor.timing.kind,
        20 => out.timing.firings = donor.timing.firings,
        21 => out.timing.pulses = donor.timing.pulses,
        22 => out.timing.gst = donor.timing.gst,
        23 => out.timing.delay_before_gst = donor.timing.delay_before_gst,
        24 => out.timing.bounds = donor.timing.bounds,
        25 => out.oracles.granted = donor.oracles.granted,
        26 => out.oracles.outputs = donor.oracles.outputs,
        27 => out.failures.lies = donor.failures.lies,
        28 => out.failures.omissions = donor.failures.omissions,
        29 => out.failures.omits = donor.failures.omits,
        30 => out.failures.takeover = donor.failures.takeover,
        31 => out.storage.bit_rot = donor.storage.bit_rot,
        32 => out.storage.misdirected_writes = donor.storage.misdirected_writes,
        33 => out.storage.failed_writes = donor.storage.failed_writes,
        34 => out.links.injections = donor.links.injections,
        35 => out.links.injection_probability = donor.links.injection_probability,
        _ => out.measure = donor.measure,
    }
    out
}

const COMPONENTS: usize = 37;
const FAILURE_KIND: usize = 1;
const CUTS: usize = 18;
const DURABILITY: usize = 5;
const TORN_WRITES: usize = 6;
const ORACLE_OUTPUTS: usize = 26;

/// Three environments that differ in a few components at most: independent ones are hardly ever comparable.
fn neighbours() -> impl Strategy<Value = [Environment; 3]> {
    let places = || prop::collection::vec(0..COMPONENTS, 1..3);
    (environment(), environment(), environment(), places(), places()).prop_map(|(a, b, c, to_b, to_c)| {
        let near = to_b.iter().fold(a.clone(), |e, &i| graft(&e, &b, i));
        let far = to_c.iter().fold(near.clone(), |e, &i| graft(&e, &c, i));
        [a, near, far]
    })
}

fn orders() -> impl Strategy<Value = [Environment; 3]> {
    (
        neighbours(),
        prop::sample::select(vec![[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]]),
    )
        .prop_map(|(three, order)| order.map(|i| three[i].clone()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn refines_is_reflexive(a in environment()) {
        prop_assert!(a.refines(&a));
    }

    #[test]
    fn refines_is_antisymmetric([a, b, _] in orders()) {
        prop_assert!(!(a.refines(&b) && b.refines(&a)) || a == b);
    }

    #[test]
    fn refines_is_transitive([a, b, c] in orders()) {
        prop_assert!(!(a.refines(&b) && b.refines(&c)) || a.refines(&c));
    }

    #[test]
    fn an_environment_is_within_a_model_where_it_refines_the_models_weakest(
        n in 1..5_u32, donor in environment(), place in 1..COMPONENTS
    ) {
        for (name, weakest, outside) in models(n) {
            let e = graft(&weakest, &donor, place);
            // what nobody can do anything with is weaker on paper only
            // (torn writes are the weakest's too wherever the model grants storage); a disk that is done at once and a cut
            // that leaves some on no side are no other model, though they show what the weakest does not
            let idle = [DURABILITY, TORN_WRITES, CUTS].contains(&place)
                || (ORACLE_OUTPUTS == place && e.oracles.granted.is_empty())
                || (FAILURE_KIND == place && !e.failures.any());
            prop_assert_eq!(outside(&e).is_empty(), e.refines(&weakest) || idle, "{} and {:?}", name, e);
        }
    }

    #[test]
    fn an_environment_is_what_was_written_of_it_in_json(a in environment()) {
        let text = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Environment>(&text).unwrap(), a);
    }

    #[test]
    fn an_environment_is_what_was_written_of_it_in_toml(a in environment()) {
        let text = toml::to_string(&a).unwrap();
        prop_assert_eq!(toml::from_str::<Environment>(&text).unwrap(), a, "{}", text);
    }

    #[test]
    fn a_duration_is_what_was_written_of_it(nanos in any::<u64>(), scale in 0..4_u32) {
        let d = Duration::from_nanos(nanos / 1000_u64.pow(scale)) * 1000_u32.pow(scale.min(3));
        prop_assert_eq!(duration::parse(&duration::format(d)), Ok(d));
    }

    #[test]
    fn no_text_makes_the_duration_parser_panic(text in "\\PC{0,12}") {
        let _ = duration::parse(&text);
    }
}

/// The generator would prove nothing if chains of three distinct environments never came out of it.
#[test]
fn the_generator_makes_chains() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let chains = (0..5_000)
        .filter(|_| {
            let [a, b, c] = orders().new_tree(&mut runner).unwrap().current();
            a != b && b != c && a.refines(&b) && b.refines(&c)
        })
        .count();
    assert!(chains > 100, "{chains} chains of 5,000");
}

type Diagnose = fn(&Environment) -> Vec<synod_kernel::Diagnostic>;

/// Models of every kind on every axis: name, the weakest environment, and how to ask what is outside.
fn models(n: u32) -> Vec<(&'static str, Environment, Diagnose)> {
    macro_rules! list {
        ($($model:ty),* $(,)?) => { vec![$((stringify!($model), Environment::weakest::<$model>(n), outside::<$model>)),*] };
    }
    list![
        (Reliable, Perfect, Asynchronous),
        (CrashStop, Perfect, Asynchronous),
        (CrashStop, FairLoss, Asynchronous),
        (CrashStop, Stubborn, Asynchronous),
        (Omission, Perfect, Synchronous),
        (CrashRecovery, Perfect, PartiallySynchronous, Majority),
        (CrashRecovery, Logged, PartiallySynchronous),
        (CrashRecovery, Durable, With<Asynchronous, Omega>, Majority),
        (CrashStop, Fifo<Perfect>, With<Asynchronous, EventuallyPerfect>),
        (CrashStop, Perfect, With<Asynchronous, LocalCoin>, Majority),
        (AuthenticatedByzantine, Authenticated<Perfect>, PartiallySynchronous, ThirdFaulty),
        (Byzantine, Arbitrary<FairLoss>, Synchronous, ThirdFaulty),
        (CrashStop, Perfect, Synchronous, AllCorrect),
        (CrashStop, Perfect, Asynchronous, AnyNumber),
    ]
}

#[test]
fn a_models_weakest_environment_is_within_the_model() {
    for n in 1..6 {
        for (name, weakest, outside) in models(n) {
            assert_eq!(outside(&weakest), [], "{name} at n = {n}");
        }
    }
}

#[test]
fn the_benign_environment_is_within_every_model_that_asks_for_nothing_more() {
    for (name, _, outside) in models(3).into_iter().take(4) {
        assert_eq!(outside(&Environment::benign(3)).len(), usize::from(name.contains("Stubborn")), "{name}");
    }
}

/// Each way to weaken an environment beyond what the model denotes, with the code that names it.
#[test]
fn what_is_weaker_than_a_models_weakest_is_outside_with_its_code() {
    type M = (CrashRecovery, Perfect, With<PartiallySynchronous, Omega>, Majority);
    type S = (CrashStop, Perfect, Asynchronous, Majority);
    type O = (Omission, Perfect, Asynchronous, Majority);
    let m = || Environment::weakest::<M>(3);
    let o = || Environment::weakest::<O>(3);
    let s = || Environment::weakest::<S>(3);
    let weakened = |mut e: Environment, weaken: fn(&mut Environment)| {
        weaken(&mut e);
        e
    };
    let cases: [(Code, Diagnose, Environment); 19] = [
        (Code::Bound, outside::<M>, weakened(m(), |e| e.failures.stops = Budget::AtMost(2))),
        (Code::Bound, outside::<S>, weakened(s(), |e| e.failures.stops = Budget::Unlimited)),
        (Code::Failures, outside::<M>, weakened(m(), |e| e.failures.kind = FailureKind::Omission)),
        (Code::Failures, outside::<S>, weakened(s(), |e| e.failures.kind = FailureKind::Byzantine)),
        (Code::Failures, outside::<S>, weakened(s(), |e| e.failures.omissions = Budget::AtMost(1))),
        (Code::Bound, outside::<O>, weakened(o(), |e| e.failures.omissions = Budget::AtMost(2))),
        (Code::Storage, outside::<M>, weakened(m(), |e| e.storage.bit_rot = Budget::AtMost(1))),
        (Code::Storage, outside::<M>, weakened(m(), |e| e.storage.misdirected_writes = Budget::AtMost(1))),
        (Code::Storage, outside::<S>, weakened(s(), |e| e.storage.failed_writes = Budget::AtMost(1))),
        (Code::Links, outside::<M>, weakened(m(), |e| e.links.injections = Budget::AtMost(1))),
        (Code::Links, outside::<M>, weakened(m(), |e| e.links.kind.arbitrary = true)),
        (Code::Amnesia, outside::<S>, weakened(s(), |e| e.failures.restarts = Budget::AtMost(1))),
        (Code::Links, outside::<M>, weakened(m(), |e| e.links.losses = Budget::AtMost(1))),
        (Code::Links, outside::<M>, weakened(m(), |e| e.links.duplications = Budget::AtMost(1))),
        (Code::Links, outside::<M>, weakened(m(), |e| e.links.kind = LinkKind::plain(LinkBase::FairLoss))),
        (Code::Links, outside::<M>, weakened(m(), |e| e.links.as_set = true)),
        (Code::Timing, outside::<M>, weakened(m(), |e| e.timing.kind = TimingKind::Asynchronous)),
        (Code::Oracles, outside::<M>, weakened(m(), |e| e.oracles.granted.clear())),
        (Code::Oracles, outside::<M>, weakened(m(), |e| e.oracles.granted = [OracleKind::LocalCoin].into())),
    ];
    let mut seen = BTreeSet::new();
    for (code, outside, environment) in cases {
        let found = outside(&environment);
        assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [code], "{environment:?}");
        assert!(found.iter().all(|d| !d.message.is_empty() && !d.hint.is_empty()));
        assert!(!code.explanation().is_empty());
        seen.insert(code);
    }
    assert_eq!(seen, Code::ALL.into(), "every code has its example");
    assert_eq!(Code::ALL.map(Code::name), ["S0101", "S0102", "S0103", "S0104", "S0105", "S0106", "S0107"]);
}

#[test]
fn messages_in_flight_may_be_a_set_where_links_lose_or_repeat_without_bound() {
    let as_set = |mut e: Environment| {
        e.links.as_set = true;
        e
    };
    type Lossy = (CrashStop, FairLoss, Asynchronous);
    type Repeating = (CrashStop, Stubborn, Asynchronous);
    assert_eq!(outside::<Lossy>(&as_set(Environment::weakest::<Lossy>(3))), []);
    assert_eq!(outside::<Repeating>(&as_set(Environment::weakest::<Repeating>(3))), []);
}

/// What a listed cut parts, the cuts that happen where there is no list may not part, and no more than that.
#[test]
fn a_listed_cut_is_among_all_cuts_where_it_takes_every_process_to_a_side() {
    let listed = |n, from: &[u32], to: &[u32]| {
        let side = |of: &[u32]| of.iter().copied().map(ProcessId).collect();
        let mut e = Environment::benign(n);
        e.cuts = Some([Partition { from: side(from), to: side(to), one_way: false }].into());
        e
    };
    for (within, n, from, to) in [
        (true, 3, &[0][..], &[1, 2][..]),
        (true, 3, &[1], &[2, 0]),
        (true, 3, &[], &[0]),
        (false, 3, &[0], &[1]),
        (false, 3, &[0, 1], &[1, 2]),
    ] {
        assert_eq!(listed(n, from, to).refines(&Environment::benign(n)), within, "{from:?} | {to:?}");
    }
    let rest: Vec<_> = (1..17).collect();
    assert!(listed(16, &[0], &rest[..15]).refines(&Environment::benign(16)));
    assert!(!listed(17, &[0], &rest).refines(&Environment::benign(17)), "not all of so many take sides");
}

/// Delays before GST are delays: an asynchronous world in which messages arrive sooner has none as long.
#[test]
fn delays_before_gst_are_delays_of_a_world_that_knows_no_gst() {
    let mut partial = Environment::benign(3);
    partial.timing.kind = TimingKind::PartiallySynchronous;
    partial.timing.gst = Duration::from_secs(1);
    partial.timing.delay_before_gst = Duration::from_millis(500);
    partial.links.delay_max = Duration::from_millis(10);
    let mut asynchronous = partial.clone();
    asynchronous.timing.kind = TimingKind::Asynchronous;
    assert!(!partial.refines(&asynchronous));
    asynchronous.links.delay_max = Duration::from_millis(500);
    assert!(partial.refines(&asynchronous));
}

#[test]
fn a_budget_that_is_none_is_refused() {
    for (text, said) in [
        ("-1", "a budget is a number from 0 on, not -1"),
        ("4294967296", "a budget is a number from 0 on, not 4294967296"),
        ("\"many\"", "a budget is a number or \"unlimited\", not \"many\""),
    ] {
        let error = serde_json::from_str::<Budget>(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert_eq!(serde_json::from_str::<Budget>("\"unlimited\"").unwrap(), Budget::Unlimited);
    assert_eq!(serde_json::from_str::<Budget>("3").unwrap(), Budget::AtMost(3));
}

#[test]
fn a_probability_outside_of_its_interval_is_refused() {
    for text in ["-0.1", "1.000001", "2"] {
        let error = serde_json::from_str::<Probability>(text).unwrap_err().to_string();
        assert!(error.contains("a probability lies in [0, 1]"), "{text}: {error}");
    }
    assert!(toml::from_str::<std::collections::BTreeMap<String, Probability>>("p = nan").is_err());
    assert_eq!(serde_json::from_str::<Probability>("1").unwrap(), Probability::per_million(1_000_000));
}

#[test]
fn a_duration_without_a_unit_or_below_zero_is_refused() {
    for (text, said) in [
        ("10", "a duration needs a unit"),
        ("10 parsecs", "a duration needs a unit"),
        ("-3ms", "is not a duration"),
        ("1.5s", "is not a duration"),
        ("ms", "is not a duration"),
        ("", "a duration needs a unit"),
        ("99999999999999999999999999s", "is too long"),
        ("999999999999999999999999999999999999999999s", "is not a duration"),
    ] {
        let error = duration::parse(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    let mut links = serde_json::to_value(Links::of(LinkKind::plain(LinkBase::Perfect))).unwrap();
    links["delay_max"] = serde_json::json!(-4);
    let error = serde_json::from_value::<Links>(links.clone()).unwrap_err().to_string();
    assert!(error.contains("a duration cannot be negative: -4"), "{error}");
    links["delay_max"] = serde_json::json!(4);
    assert_eq!(serde_json::from_value::<Links>(links).unwrap().delay_max, Duration::from_millis(4));
}

#[test]
fn an_unknown_key_or_link_is_refused_by_name() {
    let mut written = serde_json::to_value(Environment::benign(3)).unwrap();
    written["links"]["kind"] = serde_json::json!("telepathic");
    let error = serde_json::from_value::<Environment>(written.clone()).unwrap_err().to_string();
    assert!(error.contains("unknown link \"telepathic\": expected one of fair-loss, stubborn"), "{error}");
    written["links"]["kind"] = serde_json::json!("authenticated fifo perfect");
    written["links"]["losess"] = serde_json::json!(1);
    let error = serde_json::from_value::<Environment>(written).unwrap_err().to_string();
    assert!(error.contains("losess"), "{error}");
    assert_eq!(parse_link("fifo"), None);
    assert_eq!(parse_link(""), None);
}

#[test]
fn the_weakest_environment_reads_back_as_it_was_written() {
    let weakest = Environment::weakest::<(CrashRecovery, FairLoss, PartiallySynchronous)>(3);
    let text = serde_json::to_string(&weakest).expect("plain data");
    assert_eq!(serde_json::from_str::<Environment>(&text).ok(), Some(weakest), "{text}");
    assert_eq!(duration::parse("unlimited"), Ok(Duration::MAX));
}

#[test]
fn the_document_on_models_speaks_of_every_marker_and_code() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut words: Vec<String> = Vec::new();
    words.extend(FailureKind::ALL.map(|k| format!("| `{k:?}` |")));
    words.extend(LinkBase::ALL.map(|k| format!("| `{k:?}` |")));
    words.extend(TimingKind::ALL.map(|k| format!("| `{k:?}` |")));
    words.extend(OracleKind::ALL.map(|k| format!("`{k:?}`")));
    words.extend(
        ["AnyNumber", "OneCorrect", "Majority", "ThirdFaulty", "QuarterFaulty", "AllCorrect"]
            .map(|b| format!("`{b}`")),
    );
    words.extend(["Fifo", "Arbitrary", "Authenticated"].map(|w| format!("| `{w}<L>` |")));
    words.extend(Code::ALL.map(|c| c.name().to_owned()));
    for word in words {
        assert!(document.contains(&word), "docs/models.md does not speak of {word}");
    }
    let grants =
        FailureKind::ALL.map(FailureKind::grants).into_iter().chain(TimingKind::ALL.map(TimingKind::grants));
    for call in grants.flat_map(|g| g.split(", ")).filter(|g| *g != "-") {
        assert!(document.contains(&format!("`{call}`")), "docs/models.md does not say who grants {call}");
    }
}
