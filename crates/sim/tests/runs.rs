//! One seed is one run, to the byte; how runs end; what campaigns find.

mod support;

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use support::*;
use synod_kernel::trace::{name, replay};
use synod_kernel::{Budget, Choice, Durability, Environment, Setting};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};
use synod_sim::{
    Campaign, Ended, Fault, FaultPlan, Instance, Nondeterminism, Options, Prefix, PrefixError, Simulation,
    campaign, check_determinism, compare, run,
};

fn keeper(order: Order, durability: Durability) -> Setting<Keeper> {
    Setting::new(recovering(2, 1, durability), order, vec![vec![], vec![6]])
}

fn quietly(campaign: &Campaign) -> &Verdict {
    &campaign.verdicts[0].1
}

/// The same constant in debug and in release. It changes with the semantics, the plan of a seed, or the trace format:
/// then old seeds mean other runs, which the changelog must say.
#[test]
fn a_seed_is_a_run_to_the_byte_in_every_build() {
    let mut environment = recovering(3, 3, Durability::Deferred);
    environment.failures.stops = Budget::AtMost(1);
    environment.storage.torn_writes = Budget::AtMost(1);
    environment.partitions = Budget::AtMost(2);
    let requests = vec![vec![], vec![2, 4, 6], vec![3, 5]];
    let setting = Setting::<Keeper>::new(environment, Order::StoreThenReply, requests);
    let names: Vec<_> =
        (0..4).map(|seed| name(&checked(&setting, &Kept::default(), seed, &options()).1)).collect();
    assert_eq!(names, ["a252aa677c99c10e", "d9e2d9c4c6cbff7b", "8176f28c71e944c1", "592c81589a222dee"]);
}

/// A run of a swarm is one of the environment that was declared, and its seed makes it again.
#[test]
fn a_swarm_is_drawn_from_the_seed_and_refines_the_environment() {
    let mut setting = keeper(Order::StoreThenReply, Durability::Deferred);
    setting.environment.failures.restarts = Budget::AtMost(4);
    setting.environment.partitions = Budget::AtMost(2);
    setting.requests[1] = vec![2, 4, 6];
    let swarming = Options { swarm: true, ..options() };
    let (mut narrowed, mut unchanged) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..60 {
        let (_, content) = checked(&setting, &Kept::default(), seed, &swarming);
        let run = replay::<Keeper>(&content).expect("it replays").setting;
        assert!(run.environment.refines(&setting.environment), "{seed}");
        narrowed.insert((
            run.environment.failures.restarts,
            run.environment.partitions,
            run.requests.clone(),
        ));
        unchanged += usize::from(content == checked(&setting, &Kept::default(), seed, &options()).1);
    }
    assert!(narrowed.len() > 10, "{narrowed:?}");
    assert!((5..30).contains(&unchanged), "{unchanged} of 60 runs have it all");
}

#[test]
fn seeds_differ() {
    let setting = keeper(Order::StoreThenReply, Durability::Deferred);
    let traces: std::collections::BTreeSet<_> =
        (0..50).map(|seed| checked(&setting, &Kept::default(), seed, &options()).1).collect();
    assert_eq!(traces.len(), 50);
}

/// With stores durable at once and crashes between handlers alone, no seed would find it.
#[test]
fn a_reply_before_its_store_is_found() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        let broken = keeper(Order::ReplyThenStore, durability);
        let found = campaign(&simulated(&broken, &Kept::default()), 0..3_000, &options(), 2, &|_| {});
        let failure = found.failure.as_ref().expect("some seed shows it");
        assert!(matches!(quietly(&found), Verdict::Violated { .. }), "{durability:?}");
        let (outcome, content) = checked(&broken, &Kept::default(), failure.seed, &options());
        assert_eq!(outcome, failure.outcome);
        let end = replay::<Keeper>(&content).expect("it replays").end;
        assert_eq!(end.violation.expect("it is in the trace").property, "K1");

        let sound = keeper(Order::StoreThenReply, durability);
        let held = campaign(&simulated(&sound, &Kept::default()), 0..3_000, &options(), 2, &|_| {});
        assert_eq!((held.counts.runs, &held.failure, quietly(&held)), (3_000, &None, &Verdict::Holds));
        assert!(held.counts.reached.contains("R1"));
    }
}

/// A second handler acknowledges, without a store of its own, what the first one's store still has to make durable.
#[test]
fn the_kernel_twin_that_holds_effects_back_within_one_handler_alone_is_found() {
    for (durability, sound) in [(Durability::Deferred, true), (Durability::DeferredWithinHandler, false)] {
        let environment = recovering(2, 1, durability);
        let setting = Setting::<Keeper>::new(environment, Order::StoreThenReply, vec![vec![], vec![6, 6]]);
        let found = campaign(&simulated(&setting, &Kept::default()), 0..5_000, &options(), 2, &|_| {});
        assert_eq!(found.failure.is_none(), sound, "{durability:?}: {:?}", found.failure);
    }
}

#[test]
fn a_campaign_does_not_depend_on_its_threads() {
    let setting = keeper(Order::ReplyThenStore, Durability::Deferred);
    let one = campaign(&simulated(&setting, &Kept::default()), 7..900, &options(), 1, &|_| {});
    let three = campaign(&simulated(&setting, &Kept::default()), 7..900, &options(), 3, &|_| {});
    assert_eq!(one, three);
    let failure = one.failure.expect("it is broken");
    assert_eq!(one.counts.runs, failure.seed - 7 + 1);
    let earlier =
        (7..failure.seed).find(|&seed| run(&setting, &Kept::default(), seed, &options()).broken().is_some());
    assert_eq!(earlier, None, "the lowest seed that fails is the one reported");
}

#[test]
fn progress_is_told() {
    let told = std::cell::Cell::new(0);
    let setting = keeper(Order::StoreThenReply, Durability::Deferred);
    campaign(&simulated(&setting, &Kept::default()), 0..100, &options(), 2, &|done| told.set(done));
    assert_eq!(told.get(), 100);
}

#[test]
fn timers_fire_at_their_time_replaced_ones_once_and_cancelled_ones_never() {
    let setting =
        Setting::<Heart>::new(partially_synchronous(world(2, "perfect"), Duration::ZERO), (), vec![]);
    let (outcome, content) = checked(&setting, &Spread::among(0), 1, &script(vec![]));
    assert_eq!((outcome.ended, outcome.time), (Ended::Horizon, Duration::from_secs(2)));
    let lines = replay::<Heart>(&content).expect("it replays").lines;
    let fired = |wanted| -> Vec<u64> {
        let at = |line: &synod_kernel::trace::Line<Heart>| match &line.choice {
            Choice::Fire { seat, timer } if *timer == wanted && seat.0 == 0 => line.at,
            _ => None,
        };
        lines.iter().filter_map(at).map(|nanos| nanos / 1_000_000).collect()
    };
    assert_eq!(fired(Alarm::Cancelled), Vec::<u64>::new());
    assert_eq!(fired(Alarm::Replaced), [30]);
    assert_eq!(fired(Alarm::Beat), (1..=40).map(|k| 50 * k).collect::<Vec<_>>());
}

#[test]
fn delays_keep_to_their_bounds_after_gst() {
    let environment = partially_synchronous(world(2, "perfect"), ms(300));
    let setting = Setting::<Heart>::new(environment, (), vec![]);
    let (_, content) = checked(&setting, &Spread::among(0), 1, &script(vec![]));
    let lines = replay::<Heart>(&content).expect("it replays").lines;
    let (mut late, mut timely) = (0, 0);
    for line in lines.iter().filter(|line| matches!(line.choice, Choice::Deliver { .. })) {
        let sent = lines[line.cause.expect("a send").step as usize].at.expect("a clock");
        let at = line.at.expect("a clock");
        assert!(at - sent >= 1_000_000);
        if sent >= 300_000_000 {
            assert!(at - sent <= 10_000_000);
            timely += 1;
        } else {
            assert!(at <= 310_000_000);
            late += u32::from(at - sent > 10_000_000);
        }
    }
    assert!(late > 5 && timely > 50, "{late} {timely}");
}

/// A process that panics when asked for 13.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Superstitious;

impl Process for Superstitious {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Request = u8;
    type Indication = u8;
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_request(&mut self, value: u8, ctx: &mut impl Context<Self>) {
        assert!(value != 13, "not {value}");
        ctx.indicate(value);
    }
    no_messages!();
    no_timers!();
    no_storage!();
}

#[test]
fn a_panic_in_a_handler_is_a_broken_assertion_with_a_seed() {
    let setting = Setting::<Superstitious>::new(world(1, "perfect"), (), vec![vec![1, 13, 2]]);
    let found = campaign(&simulated(&setting, &Spread::among(1)), 5..10, &options(), 2, &|_| {});
    let failure = found.failure.expect("it panics in every run");
    assert_eq!(failure.seed, 5);
    let violation = failure.outcome.violation.expect("an assertion");
    assert_eq!((violation.property.as_str(), violation.what.as_str()), ("no panic", "not 13"));
    let (property, verdict) = found.verdicts.last().expect("a verdict");
    assert_eq!((property.id, verdict), ("no panic", &Verdict::Violated { what: "not 13".to_owned() }));
    checked(&setting, &Spread::among(1), 5, &options());
}

fn verdict_of_validity(campaign: &Campaign) -> &Verdict {
    &campaign.verdicts.iter().find(|(p, _)| *p == Spread::VALIDITY).expect("it is judged").1
}

#[test]
fn debts_are_due_at_quiescence_unless_someone_among_is_faulty() {
    // one process more than there is would have to tell
    let setting = Setting::<Gossip>::new(world(2, "perfect"), 0, vec![vec![1]]);
    let outcome = checked(&setting, &Spread::among(3), 0, &options()).0;
    assert_eq!((outcome.ended, outcome.due, outcome.owed.len()), (Ended::Quiescent, true, 1));
    assert_eq!(outcome.broken().expect("a debt is due").property, "S2");
    let refuted = campaign(&simulated(&setting, &Spread::among(3)), 0..10, &options(), 1, &|_| {});
    assert!(matches!(verdict_of_validity(&refuted), Verdict::Violated { .. }));

    let mut stopping = Setting::<Gossip>::new(world(2, "perfect"), 0, vec![vec![1]]);
    stopping.environment.failures.stops = Budget::AtMost(1);
    let stop = Fault::Crash { process: ProcessId(1), recover_after: None, kept: 0, torn: false };
    let outcome = checked(&stopping, &Spread::among(2), 0, &script(vec![(ms(0), stop)])).0;
    assert_eq!((outcome.ended, outcome.owed), (Ended::Quiescent, vec![]), "p1 owes nothing any more");
}

fn heart(gst: Duration) -> Setting<Heart> {
    Setting::new(partially_synchronous(world(2, "perfect"), gst), (), vec![vec![1]])
}

#[test]
fn debts_are_due_at_the_horizon_only_after_a_quiet_half() {
    let due = campaign(&simulated(&heart(ms(900)), &Spread::among(2)), 0..20, &options(), 1, &|_| {});
    assert!(matches!(verdict_of_validity(&due), Verdict::Violated { .. }));
    let late = campaign(&simulated(&heart(ms(1_100)), &Spread::among(2)), 0..20, &options(), 1, &|_| {});
    assert!(matches!(verdict_of_validity(&late), Verdict::Unknown { .. }));
    assert_eq!(late.ended.get(&Ended::Horizon), Some(&20));
}

#[test]
fn a_run_cut_short_by_its_steps_decides_nothing_about_debts() {
    let options = Options { steps_max: 30, ..options() };
    let outcome = checked(&heart(ms(0)), &Spread::among(2), 0, &options).0;
    assert_eq!((outcome.ended, outcome.steps, outcome.due), (Ended::Steps, 30, false));
    assert!(!outcome.owed.is_empty() && outcome.broken().is_none());
}

#[test]
fn debts_stay_open_while_a_cut_does_not_heal() {
    let mut setting = Setting::<Gossip>::new(world(2, "perfect"), 0, vec![vec![1]]);
    setting.environment.partitions = Budget::AtMost(1);
    let partition =
        synod_kernel::Partition { from: vec![ProcessId(0)], to: vec![ProcessId(1)], one_way: false };
    let outcome =
        checked(&setting, &Spread::among(2), 0, &script(vec![(ms(0), Fault::Sever { partition })])).0;
    assert_eq!((outcome.owed.len(), outcome.due), (1, false));
}

#[test]
fn an_unreached_goal_is_not_held_to_hold() {
    let setting = Setting::<Gossip>::new(world(2, "perfect"), 0, vec![]);
    let nothing = campaign(&simulated(&setting, &Spread::among(2)), 0..20, &options(), 1, &|_| {});
    assert!(matches!(nothing.verdicts[2].1, Verdict::Unknown { .. }));
}

#[test]
fn options_for_explorations_are_left_out() {
    let mut environment: Environment = world(3, "perfect");
    environment.links.as_set = true;
    environment.links.ignored_stay = true;
    let setting = Setting::<Gossip>::new(environment, 1, vec![vec![1, 1, 1]; 3]);
    let outcome = checked(&setting, &Spread::among(3), 0, &script(vec![])).0;
    assert_eq!(outcome.ended, Ended::Quiescent);
}

#[test]
fn the_weakest_environment_of_a_model_can_be_simulated() {
    let mut environment = Environment::weakest::<<Keeper as Process>::Model>(3);
    environment.links.delay_max = ms(10);
    environment.storage.sync_max = ms(10);
    let setting = Setting::<Keeper>::new(environment, Order::StoreThenReply, vec![vec![], vec![6], vec![]]);
    let options = Options { faults: FaultPlan::Random, ..options() };
    for seed in 0..30 {
        let outcome = checked(&setting, &Kept::default(), seed, &options).0;
        assert_ne!(outcome.ended, Ended::Steps);
    }
}

/// Flips coins; the outcomes are in the trace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Gambler;

impl Process for Gambler {
    type Model = (CrashStop, Perfect, With<Asynchronous, LocalCoin>);
    type Parameters = ();
    type Request = u8;
    type Indication = u8;
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_request(&mut self, value: u8, ctx: &mut impl Context<Self>) {
        let flips = (0..8).filter(|_| ctx.coin()).count();
        if flips > 0 && ctx.choose(3) < 3 {
            ctx.indicate(value);
        }
    }
    no_messages!();
    no_timers!();
    no_storage!();
}

#[test]
fn the_outcomes_of_draws_are_recorded_and_replayed() {
    let setting = Setting::<Gambler>::new(world(2, "perfect"), (), vec![vec![1], vec![2]]);
    let mut all = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (_, content) = checked(&setting, &Spread::among(0), seed, &options());
        let lines = replay::<Gambler>(&content).expect("it replays").lines;
        all.extend(lines.into_iter().filter(|line| !line.draws.is_empty()).map(|line| line.draws));
    }
    assert!(all.len() > 20, "{}", all.len());
}

/// Writes a number down, then tells both halves of it. Started again it tells the second half anew, if it is `careful`,
/// and closes its books.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Clerk;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Receipts(Vec<u8>);

impl Stable for Receipts {
    type Write = u8;
    fn apply(&mut self, write: u8) {
        self.0.push(write);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Half {
    First(u8),
    Second(u8),
    Closed,
}

impl Process for Clerk {
    type Model = (CrashRecovery, Perfect, Asynchronous, AnyNumber);
    type Parameters = bool;
    type Request = u8;
    type Indication = Half;
    type Stable = Receipts;
    fn on_init(_: &bool, _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_request(&mut self, number: u8, ctx: &mut impl Context<Self>) {
        ctx.store(number);
        ctx.indicate(Half::First(number));
        ctx.indicate(Half::Second(number));
    }
    fn on_recovery(careful: &bool, Receipts(all): &Receipts, ctx: &mut impl Context<Self>) -> Self {
        all.iter().filter(|_| *careful).for_each(|&number| ctx.indicate(Half::Second(number)));
        ctx.indicate(Half::Closed);
        Self
    }
    no_messages!();
    no_timers!();
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Books(Vec<u8>);

const WHOLE: Property = Property::safety("WHOLE", "what is half told when the books are closed is told");

impl Monitor<u8, Half> for Books {
    fn properties(&self) -> Vec<Property> {
        vec![WHOLE]
    }
    fn observe(&mut self, observation: &Observation<'_, u8, Half>) -> Result<(), Violation> {
        match observation {
            Observation::Indication { indication: Half::First(number), .. } => self.0.push(*number),
            Observation::Indication { indication: Half::Second(number), .. } => {
                self.0.retain(|n| n != number);
            }
            Observation::Indication { indication: Half::Closed, .. } if !self.0.is_empty() => {
                return Err(Violation::new(&WHOLE, format!("{:?} half told", self.0)));
            }
            _ => {}
        }
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

/// What waited for one write leaves one after the other: a crash may come in between, and only such a one breaks this twin.
#[test]
fn a_crash_between_two_that_waited_for_one_write_is_found() {
    let clerk = |careful| {
        Setting::<Clerk>::new(recovering(1, 2, Durability::Deferred), careful, vec![vec![1, 2, 3, 4]])
    };
    let found = campaign(&simulated(&clerk(false), &Books::default()), 0..3_000, &options(), 2, &|_| {});
    let failure = found.failure.as_ref().expect("some seed shows it");
    let (_, content) = checked(&clerk(false), &Books::default(), failure.seed, &options());
    let lines = replay::<Clerk>(&content).expect("it replays").lines;
    let is_cut = |line: &synod_kernel::trace::Line<Clerk>| {
        matches!(line.choice, Choice::Sync { .. }) && line.cut.is_some() && line.observed.len() == 2
    };
    assert!(lines.iter().any(is_cut), "one half and the crash: {content}");
    let sound = campaign(&simulated(&clerk(true), &Books::default()), 0..3_000, &options(), 2, &|_| {});
    assert_eq!((sound.counts.runs, &sound.failure), (3_000, &None));
}

/// Three ways not to be a function of one's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Fickleness {
    /// It iterates a table whose hasher is random.
    Table,
    /// It counts its calls outside of its state.
    Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fickle(Fickleness);

static CALLS: AtomicU8 = AtomicU8::new(0);

impl Process for Fickle {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = Fickleness;
    type Request = u8;
    type Indication = u8;
    fn on_init(fickleness: &Fickleness, _: &mut impl Context<Self>) -> Self {
        Self(*fickleness)
    }
    #[expect(clippy::iter_over_hash_type, reason = "what must not be, on purpose")]
    fn on_request(&mut self, value: u8, ctx: &mut impl Context<Self>) {
        match self.0 {
            Fickleness::Counter => ctx.indicate(CALLS.fetch_add(1, Ordering::Relaxed)),
            Fickleness::Table => {
                for value in (value..value + 16).collect::<std::collections::HashSet<_>>() {
                    ctx.indicate(value);
                }
            }
        }
    }
    no_messages!();
    no_timers!();
    no_storage!();
}

#[test]
fn a_handler_that_is_no_function_of_its_input_is_named_with_its_event() {
    for fickleness in [Fickleness::Table, Fickleness::Counter] {
        let setting = Setting::<Fickle>::new(world(2, "perfect"), fickleness, vec![vec![], vec![1]]);
        let found = check_determinism(&simulated(&setting, &Spread::among(1)), 3, &options());
        let error = found.expect_err("it does not do the same twice");
        let Nondeterminism::Traces { seed: 3, difference } = &error else { panic!("{error}") };
        assert_eq!(difference.step, Some(2), "after two that start");
        assert!(difference.at.is_some());
        assert_eq!(
            (difference.event.as_str(), difference.what.as_str()),
            ("p1 is asked", "the effects of the handler")
        );
        assert_ne!(difference.one, difference.other);
        assert!(error.to_string().contains("event 2 (t = "), "{error}");
    }
}

#[test]
fn what_happens_differently_is_told_in_words() {
    let setting = Setting::<Gossip>::new(world(2, "perfect"), 0, vec![vec![7]]);
    let simulation = simulated(&setting, &Spread::among(2));
    let (one, other) = (simulation.trace(1, &options()).1, simulation.trace(2, &options()).1);
    assert_eq!(compare(1, &one, &one), Ok(()));
    let error = compare(1, &one, &other).expect_err("two seeds");
    assert!(error.to_string().contains("before the first event"), "the header has the seed: {error}");
    let without_header = |text: &str| text.split_once('\n').expect("a header").1.to_owned();
    let error = compare(1, &without_header(&one), &without_header(&other)).expect_err("two runs");
    assert!(error.to_string().contains("the instants differ"), "{error}");
}
#[test]
fn a_terse_trace_is_the_same_run_at_a_fraction_of_its_length() {
    let setting = keeper(Order::StoreThenReply, Durability::Deferred);
    let simulation = simulated(&setting, &Kept::default());
    for seed in 0..20 {
        let terse = Options { terse: true, ..options() };
        let (outcome, full) = simulation.trace(seed, &options());
        let (same, short) = simulation.trace(seed, &terse);
        assert_eq!(outcome, same);
        assert!(short.len() < full.len());
        assert_eq!(replay::<Keeper>(&short).unwrap(), replay::<Keeper>(&full).unwrap());
    }
}

// --- a run that goes on from where another stood ---

/// The runs of a setting that go on from a trace.
fn from(content: &str, at: Option<u64>, setting: &Setting<Keeper>) -> Instance<Keeper, Kept> {
    let going_on = Prefix::of(content, at, &setting.environment, |_| Kept::default());
    let (prefix, setting) = going_on.unwrap_or_else(|e| panic!("{e}"));
    Instance::new("test", setting, Kept::default()).going_on_from(prefix)
}

fn several(order: Order) -> Setting<Keeper> {
    let mut setting = keeper(order, Durability::Deferred);
    setting.environment.failures.restarts = Budget::AtMost(3);
    setting.environment.partitions = Budget::AtMost(2);
    setting.requests[1] = vec![2, 4, 6];
    setting
}

/// Wherever it stood: with messages in flight, writes pending, processes down and links cut.
#[test]
fn a_run_goes_on_from_any_step_and_replays() {
    let setting = several(Order::StoreThenReply);
    let (mut down, mut cut, mut asked) = (0, 0, std::collections::BTreeSet::new());
    for seed in 0..6 {
        let (_, whole) = checked(&setting, &Kept::default(), seed, &options());
        let lines = replay::<Keeper>(&whole).expect("it replays").lines;
        for at in 0..lines.len() {
            let simulation = from(&whole, Some(at as u64), &setting);
            let (outcome, content) =
                check_determinism(&simulation, 77, &options()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(outcome.broken(), None, "seed {seed}, step {at}");
            assert_eq!(outcome.ended, Ended::Quiescent, "what was in flight arrives, who was down is back");
            let again =
                replay::<Keeper>(&content).unwrap_or_else(|e| panic!("seed {seed}, step {at}: {e}")).lines;
            assert_eq!(again[..=at], lines[..=at]);
            assert!(again.is_sorted_by_key(|line| line.at));
            let count =
                |wanted: fn(&Choice<_, _>) -> bool| again.iter().filter(|line| wanted(&line.choice)).count();
            asked.insert(count(|choice| matches!(choice, Choice::Request { .. })));
            down += usize::from(matches!(lines[at].choice, Choice::Crash { .. }) || lines[at].cut.is_some());
            cut += usize::from(matches!(lines[at].choice, Choice::Sever { .. }));
        }
    }
    assert!(down > 0 && cut > 0, "{down} {cut}");
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), [3], "each request is made once");
}

/// A bug that a run had not come to yet is found from where it stood, with what was observed before.
#[test]
fn what_goes_on_is_judged_with_what_came_before() {
    let mut benign = several(Order::ReplyThenStore);
    benign.environment.failures.restarts = Budget::NONE;
    benign.environment.partitions = Budget::NONE;
    let (outcome, whole) = checked(&benign, &Kept::default(), 1, &options());
    assert_eq!(outcome.broken(), None);
    let step =
        replay::<Keeper>(&whole).unwrap().lines.iter().position(|line| !line.observed.is_empty()).unwrap();
    let faulty = several(Order::ReplyThenStore);
    let simulation = from(&whole, Some(step as u64), &faulty);
    let found = campaign(&simulation, 0..3_000, &options(), 2, &|_| {});
    let failure = found.failure.as_ref().expect("some seed shows it");
    let (_, content) = simulation.trace(failure.seed, &options());
    assert!(replay::<Keeper>(&content).unwrap().end.violation.is_some());
    // from there nothing can go on
    let broken = |at| Prefix::<Keeper>::of(&content, at, &faulty.environment, |_| Kept::default()).err();
    assert!(matches!(broken(None), Some(PrefixError::Broken { .. })));
    assert!(matches!(broken(Some(9_999)), Some(PrefixError::NoStep { at: 9_999, .. })));
    // nor in a world without the faults that the run had
    let sound = several(Order::StoreThenReply);
    let refused = |seed| {
        let (_, whole) = checked(&sound, &Kept::default(), seed, &options());
        Prefix::<Keeper>::of(&whole, None, &benign.environment, |_| Kept::default()).err()
    };
    assert!((0..6).any(|seed| matches!(refused(seed), Some(PrefixError::Refused { .. }))));
    assert!(matches!(
        Prefix::<Keeper>::of("no trace", None, &faulty.environment, |_| Kept::default()).err(),
        Some(PrefixError::Trace(_))
    ));
}

/// A timer that was set is due when it would have been, by the clock of the trace.
#[test]
fn a_timer_goes_on_running() {
    let environment = partially_synchronous(world(2, "perfect"), Duration::ZERO);
    let setting = Setting::<Heart>::new(environment, (), vec![]);
    let (_, whole) = checked(&setting, &Spread::default(), 3, &options());
    let (prefix, setting) =
        Prefix::<Heart>::of(&whole, Some(20), &setting.environment, |_| Spread::default())
            .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(prefix.steps(), 21);
    let simulation = Instance::new("test", setting, Spread::default()).going_on_from(prefix);
    let (_, content) = simulation.trace(9, &options());
    let lines = replay::<Heart>(&content).expect("it replays").lines;
    let beats: Vec<_> = lines
        .iter()
        .filter(|line| matches!(line.choice, Choice::Fire { timer: Alarm::Beat, .. }))
        .filter_map(|line| line.at)
        .collect();
    assert!(beats.len() > 60 && beats.iter().all(|at| at.is_multiple_of(50_000_000)), "{beats:?}");
}
