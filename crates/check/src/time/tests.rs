//! Time in worlds whose every state can be counted by hand.

use super::*;
use crate::{Control, Options, SystemReport, check_system};
use synod_kernel::{Budget, Environment};
use synod_model::prelude::*;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, no_requests, no_storage};
use synod_properties::{Observation, Verdict};

/// Process 0 sends a message and sets a timer; 1 sets a timer of `second` when the message arrives. Which is first?
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Race {
    first: Duration,
    second: Duration,
    copies: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Go;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Bell;

impl Process for Race {
    type Model = (CrashStop, Perfect, Synchronous, AnyNumber);
    type Parameters = (Duration, Duration, u32);
    type Indication = Bell;
    type Message = Go;
    type Timer = Bell;

    fn on_init(&(first, second, copies): &Self::Parameters, ctx: &mut impl Context<Self>) -> Self {
        if ctx.me() == ProcessId(0) {
            (0..copies).for_each(|_| ctx.send(ProcessId(1), Go));
            ctx.set_timer(Bell, first);
        }
        Self { first, second, copies }
    }

    fn on_message(&mut self, _: ProcessId, _: Go, ctx: &mut impl Context<Self>) {
        ctx.set_timer(Bell, self.second);
    }

    fn on_timer(&mut self, Bell: Bell, ctx: &mut impl Context<Self>) {
        ctx.indicate(Bell);
    }

    no_requests!();
    no_storage!();
}

const ONE_FIRST: Property = Property::reachable("one-first", "process 1 rings before process 0");
const ZERO_FIRST: Property = Property::reachable("zero-first", "process 0 rings before process 1");
const BOTH: Property = Property::liveness("both", "both ring");

/// Who rang, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Order(Vec<ProcessId>);

impl Monitor<Never, Bell> for Order {
    fn properties(&self) -> Vec<Property> {
        vec![ONE_FIRST, ZERO_FIRST, BOTH]
    }

    fn observe(&mut self, observation: &Observation<'_, Never, Bell>) -> Result<(), Violation> {
        if let Observation::Indication { at, .. } = observation {
            self.0.push(*at);
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for p in [ProcessId(0), ProcessId(1)].into_iter().filter(|p| !self.0.contains(p)) {
            owe(Obligation::new(&BOTH, [p], format!("{p} has not rung")));
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        match self.0.first() {
            Some(ProcessId(0)) => reach(ZERO_FIRST.id),
            Some(_) => reach(ONE_FIRST.id),
            None => {}
        }
    }
}

const fn ns(n: u64) -> Duration {
    Duration::from_nanos(n)
}

/// Messages take from `delays.0` to `delays.1`.
fn environment(delays: (u64, u64), step: u64, drift_ppm: u32) -> Environment {
    let mut environment = Environment::benign(2);
    environment.links.delay_min = ns(delays.0);
    environment.links.delay_max = ns(delays.1);
    environment.timing.kind = TimingKind::Synchronous;
    environment.timing.bounds = Some(Bounds { delay: ns(delays.1), step: ns(step), drift_ppm });
    environment
}

fn race(environment: Environment, first: u64, second: u64) -> Setting<Race> {
    Setting::new(environment, (ns(first), ns(second), 1), vec![vec![], vec![]])
}

fn timed(setting: &Setting<Race>) -> Timed<'_, Race, Order> {
    Timed::new(setting, Order::default(), |_| 0).unwrap()
}

fn check<S: System>(system: &S) -> SystemReport<S> {
    check_system(system, &Options::default(), &mut |_| Control::Continue)
}

/// Whether process 1, and whether process 0 can be first.
fn firsts(world: &Timed<'_, Race, Order>) -> (bool, bool) {
    let report = check(world);
    assert_eq!(*report.verdict("both"), Verdict::Holds);
    (*report.verdict("one-first") == Verdict::Holds, *report.verdict("zero-first") == Verdict::Holds)
}

#[test]
fn the_shorter_time_is_over_first_and_equal_ones_in_any_order() {
    for (first, expected) in
        [(7, (true, false)), (6, (true, true)), (5, (true, true)), (4, (true, true)), (3, (false, true))]
    {
        let setting = race(environment((1, 3), 0, 0), first, 3);
        assert_eq!(firsts(&timed(&setting).ticking(ns(1)).unwrap()), expected, "{first}");
    }
}

#[test]
fn a_timer_may_be_late_by_a_step_and_a_message_too() {
    let late = |first| firsts(&timed(&race(environment((0, 0), 2, 0), first, 3)).ticking(ns(1)).unwrap());
    // the message is handled within 2, the timer of 3 within 2 more: 3 to 7; the other timer within 2
    assert_eq!(
        [0, 1, 6, 7, 8].map(late),
        [(false, true), (true, true), (true, true), (true, true), (true, false)]
    );
}

#[test]
fn clocks_at_the_extremes_of_drift_ring_up_to_a_half_sooner_or_later() {
    let drifts =
        |first| firsts(&timed(&race(environment((0, 0), 0, 500_000), first, 6)).ticking(ns(1)).unwrap());
    // 6 takes 4, 6 or 12; `first` takes two thirds of itself, itself or twice itself
    assert_eq!([1, 2, 18, 19].map(drifts), [(false, true), (true, true), (true, true), (true, false)]);
}

#[test]
fn states_of_a_race_are_what_is_left_of_each_time() {
    let setting = race(environment((0, 2), 0, 0), 9, 1);
    let world = timed(&setting).ticking(ns(1)).unwrap();
    // The message in flight after 0, 1, 2. Then it is handled, after which all is determined: 9, 8 or 7 are left of the
    // first timer and 1 of the second; then 8, 7, 6 and nothing, before the second rings and after; from there on time
    // jumps to the end of the first, which rings.
    assert_eq!(check(&world).states, 3 + 3 + 3 + 3 + 1 + 1);
    assert!(world.is_exact());
    assert!(!timed(&setting).is_exact(), "jumps");
}

/// What only a tick between two instants of interest shows: the message after 1 of its 2.
#[test]
fn time_that_jumps_shows_less_than_time_that_ticks() {
    let mut environment = environment((0, 4), 0, 0);
    environment.processes = 2;
    let setting = race(environment, 20, 1);
    let states = |world: &Timed<'_, Race, Order>| check(world).states;
    let [jumps, coarse, fine] =
        [timed(&setting), timed(&setting).ticking(ns(2)).unwrap(), timed(&setting).ticking(ns(1)).unwrap()];
    let counts = [&jumps, &coarse, &fine].map(states);
    assert!(counts[0] < counts[1] && counts[1] < counts[2], "{counts:?}");
    assert_eq!([&jumps, &coarse, &fine].map(Timed::is_exact), [false, false, true]);
}

#[test]
fn a_debt_is_paid_at_its_deadline_or_never() {
    let setting = race(environment((0, 2), 0, 0), 1, 3);
    let within = |deadline| check(&timed(&setting).ticking(ns(1)).unwrap().due(BOTH, ns(deadline)));
    assert_eq!(*within(5).verdict("both"), Verdict::Holds);
    let report = within(4);
    assert!(matches!(report.verdict("both"), Verdict::Violated { .. }));
    let run = report.counterexample().expect("a run");
    let broken = run.steps.last().and_then(|(_, state)| state.broken.clone()).expect("it ends broken");
    assert_eq!(broken.what, "p1 has not rung, more than 4ns after it came to be owed");
}

#[test]
fn whoever_crashes_owes_nothing_and_rings_nothing() {
    let mut environment = environment((0, 0), 0, 0);
    environment.failures.stops = Budget::AtMost(1);
    let setting = race(environment, 1, 1);
    let report = check(&timed(&setting).ticking(ns(1)).unwrap().due(BOTH, ns(1)));
    // the message of a process that crashes may be lost; then the other, though correct, does not ring
    assert!(matches!(report.verdict("both"), Verdict::Violated { .. }));
    let run = report.counterexample().expect("a run");
    assert!(run.steps.iter().any(|(step, _)| step.to_string().contains("-x")), "{:?}", run.steps);
}

#[test]
fn any_copy_may_be_lost_and_the_oldest_arrives_first() {
    let mut environment = environment((0, 2), 0, 0);
    environment.links.losses = Budget::AtMost(1);
    let setting = Setting::new(environment, (ns(9), ns(1), 2), vec![vec![], vec![]]);
    let world = timed(&setting).ticking(ns(1)).unwrap();
    let mut starts = Vec::new();
    world.initial(&mut |state| starts.push(state));
    let [start] = starts.try_into().expect("one way to start");
    let mut older = start.later(Span(1));
    older.in_flight[1] = start.in_flight[1].clone();
    let mut left = Vec::new();
    world.steps(&older, &mut |step, next| left.push((step.to_string(), next.in_flight)));
    let closes = |flights: &[Flight<Go>]| flights.iter().map(|f| f.window.closes.0).collect::<Vec<_>>();
    let left: Vec<_> = left.iter().map(|(step, flights)| (step.as_str(), closes(flights))).collect();
    let (arrives, lost) = ("p0 -> p1  Go", "p0 -x p1  Go lost");
    assert_eq!(left, [(arrives, vec![2]), (lost, vec![2]), (lost, vec![1]), ("1ns pass", vec![0, 1])]);
}

/// Who may be first where messages arrive within these, may be where they may arrive sooner or later.
#[test]
fn what_may_happen_in_less_time_may_happen_in_more() {
    let ranges = (0..=3).flat_map(|min| (min..=3).map(move |max| (min, max)));
    let kinds = [TimingKind::Synchronous, TimingKind::PartiallySynchronous];
    let worlds: Vec<_> = ranges
        .flat_map(|delays| kinds.map(|kind| (delays, kind)))
        .map(|(delays, kind)| {
            let mut environment = environment(delays, 0, 0);
            environment.timing.kind = kind;
            environment.timing.bounds = Some(Bounds { delay: ns(3), step: ns(0), drift_ppm: 0 });
            let first = |first| firsts(&timed(&race(environment.clone(), first, 1)).ticking(ns(1)).unwrap());
            ([1, 2, 3, 4].map(first), environment)
        })
        .collect();
    let mut strict = 0;
    for (more, weaker) in &worlds {
        for (less, _) in worlds.iter().filter(|(_, e)| e.refines(weaker)) {
            for (less, more) in less.iter().zip(more) {
                assert!(less.0 <= more.0 && less.1 <= more.1, "{weaker:?}");
            }
            strict += usize::from(less != more);
        }
    }
    assert!(strict > 0);
}

#[test]
fn what_has_no_meaning_in_discrete_time_is_refused() {
    let refused = |change: fn(&mut Environment)| {
        let mut environment = environment((0, 1), 0, 0);
        change(&mut environment);
        let setting = race(environment, 1, 1);
        Timed::new(&setting, Order::default(), |_| 0).err().expect("refused")
    };
    assert!(refused(|e| e.timing.bounds = None).contains("bounds"));
    assert!(refused(|e| e.links.as_set = true).contains("bag"));
    assert!(refused(|e| e.partitions = Budget::AtMost(1)).contains("partitions"));
    assert!(refused(|e| e.links.delay_min = ns(2)).contains("delays"));
    assert!(
        refused(|e| e.timing.bounds = Some(Bounds { delay: ns(1), step: ns(0), drift_ppm: 1_000_000 }))
            .contains("drift")
    );
    let setting = race(environment((0, 1), 0, 0), 1, 1);
    assert!(timed(&setting).ticking(ns(0)).is_err());
}

#[test]
fn before_bounds_hold_there_are_no_times_and_afterwards_all_is_done() {
    let mut environment = environment((1, 3), 0, 0);
    environment.timing.kind = TimingKind::PartiallySynchronous;
    environment.timing.bounds = None;
    for (first, second) in [(1, 9), (9, 1)] {
        let setting = race(environment.clone(), first, second);
        assert_eq!(firsts(&timed(&setting).ticking(ns(1)).unwrap()), (true, true), "{first} {second}");
    }
    let setting = race(environment.clone(), 1, 9);
    let report = check(&timed(&setting).ticking(ns(1)).unwrap().for_good(BOTH));
    assert_eq!(*report.verdict("both"), Verdict::Holds);
    // by hand: before GST the message is in flight, or the second timer set, or it has rung; the first is set, or has rung
    let unbounded = report.states - stable_states(&setting);
    assert_eq!(unbounded, 2 + 2 + 2 + 1, "of both having rung the order is remembered");
    environment.timing.kind = TimingKind::Asynchronous;
    let setting = race(environment, 1, 1);
    assert!(Timed::new(&setting, Order::default(), |_| 0).err().expect("refused").contains("asynchronous"));
}

fn stable_states(setting: &Setting<Race>) -> u64 {
    let world = timed(setting).ticking(ns(1)).unwrap();
    let (mut seen, mut todo) = (std::collections::BTreeSet::new(), Vec::new());
    world.initial(&mut |state| todo.push(state));
    while let Some(state) = todo.pop() {
        if seen.insert(state.clone()) {
            world.steps(&state, &mut |_, next| todo.push(next));
        }
    }
    seen.iter().filter(|state| state.stable).count() as u64
}

#[test]
fn what_no_run_in_time_comes_to_is_told() {
    let told = |environment, copies| -> Vec<_> {
        let setting = Setting::new(environment, (ns(3), ns(1), copies), vec![vec![], vec![]]);
        timed(&setting).unreached(1_000).expect("small enough").iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(environment((1, 2), 0, 0), 1), Vec::<String>::new());
    assert_eq!(told(environment((1, 2), 0, 0), 0), ["message `Go` never sent"]);
    let mut lossy = environment((1, 2), 0, 0);
    lossy.links.losses = Budget::AtMost(1);
    assert_eq!(told(lossy.clone(), 1), Vec::<String>::new());
    assert_eq!(told(lossy, 0), ["message `Go` never sent", "loss granted, never possible"]);
}
