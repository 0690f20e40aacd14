//! The semantics as the checker sees it: small processes, every run.

use crate::reference::Reference;
use crate::space::{Edge, Space};
use crate::{Control, Engine, Measure, Options, Order, Report, Store, check};
use std::collections::BTreeSet;
use synod_kernel::{Budget, Durability, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::oracle::OracleKind;
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Unjudged, Verdict, Violation};

mod reduced;
mod refines;

/// Stores every number that it is told, then answers with the sum so far; the asker indicates the answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Adder {
    sum: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Sum(u8);

impl Stable for Sum {
    type Write = u8;
    fn apply(&mut self, write: u8) {
        self.0 += write;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Told {
    Add(u8),
    Sum(u8),
}

impl Process for Adder {
    type Model = (CrashRecovery, Perfect, Asynchronous, AnyNumber);
    type Parameters = ();
    type Request = u8;
    type Indication = u8;
    type Message = Told;
    type Stable = Sum;
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self { sum: 0 }
    }
    fn on_request(&mut self, number: u8, ctx: &mut impl Context<Self>) {
        ctx.store(number);
        self.sum += number;
        ctx.send(ProcessId(1 - ctx.me().0), Told::Add(number));
    }
    fn on_message(&mut self, from: ProcessId, told: Told, ctx: &mut impl Context<Self>) {
        match told {
            Told::Add(number) => {
                ctx.store(number);
                self.sum += number;
                ctx.send(from, Told::Sum(self.sum));
            }
            Told::Sum(sum) => ctx.indicate(sum),
        }
    }
    fn on_recovery((): &(), stable: &Sum, _: &mut impl Context<Self>) -> Self {
        Self { sum: stable.0 }
    }
    no_timers!();
}

pub(crate) fn adders(durability: Durability, restarts: u32) -> Setting<Adder> {
    let mut environment = Environment::benign(2);
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(restarts);
    environment.storage.durability = durability;
    Setting::new(environment, (), vec![vec![1, 2], vec![4]])
}

/// The reachable states in which no effect is held back, without their budgets, as text.
fn settled(setting: &Setting<Adder>) -> BTreeSet<String> {
    let space = Reference::<Adder, Unjudged>::new(setting, &Unjudged, |_| 0);
    let mut rows = space.start().0.rows;
    let mut seen: BTreeSet<_> = rows.iter().map(|state| format!("{state:?}")).collect();
    let mut settled = BTreeSet::new();
    while let Some(state) = rows.pop() {
        if state.world.seats.iter().all(|s| s.stores_pending() == 0) {
            let rest = &state.world.rest;
            settled.insert(format!(
                "{:?} {:?} {:?} {:?}",
                state.world.seats, rest.asked, rest.budgets.restarts, state.network
            ));
        }
        let expanded = space.expand(&state, &mut |edge| {
            if let Edge::To { step: (next, _), .. } = edge
                && seen.insert(format!("{next:?}"))
            {
                rows.push(next);
            }
        });
        expanded.expect("plain values need no table");
    }
    settled
}

#[test]
fn with_nothing_held_a_deferred_disk_reaches_the_same_states_as_an_immediate_one() {
    for restarts in 0..=2 {
        let immediate = settled(&adders(Durability::Immediate, restarts));
        let deferred = settled(&adders(Durability::Deferred, restarts));
        assert!(immediate.len() > 10, "{} states", immediate.len());
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).next().cloned();
        assert_eq!(
            only(&immediate, &deferred),
            None,
            "reached by immediate stores alone, {restarts} restarts"
        );
        assert_eq!(
            only(&deferred, &immediate),
            None,
            "reached by deferred stores alone, {restarts} restarts"
        );
    }
}

fn explore<P, M>(setting: &Setting<P>, monitor: &M, options: &Options) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    check(setting, monitor, |_| 0, options, &mut |_| Control::Continue)
}

#[test]
fn engines_and_orders_agree_on_what_there_is() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        let setting = adders(durability, 2);
        let mut counts = BTreeSet::new();
        for engine in [Engine::Reference, Engine::Tabulating] {
            let guided = [Measure::Coverage, Measure::Distance].map(|by| Order::Guided { by });
            let swarm = Order::Swarm { seed: 1, searches: 3, states_each: 1 << 20 };
            for order in [Order::BreadthFirst, Order::DepthFirst, swarm].into_iter().chain(guided) {
                let report = explore(&setting, &Unjudged, &Options { engine, order, ..Options::default() });
                assert!(report.complete);
                counts.insert((report.states, report.transitions));
            }
        }
        assert_eq!(counts.len(), 1, "{counts:?}");
    }
}

#[test]
fn a_handler_runs_once_per_distinct_input() {
    let setting = adders(Durability::Immediate, 2);
    let on = |engine| explore(&setting, &Unjudged, &Options { engine, ..Options::default() }).handler_calls;
    assert!(on(Engine::Tabulating) * 10 < on(Engine::Reference));
}

#[test]
fn a_bound_that_is_hit_is_told_and_no_verdict_is_given() {
    let setting = adders(Durability::Deferred, 2);
    let depth = Options { depth_max: Some(3), ..Options::default() };
    let report = explore(&setting, &Sums, &depth);
    assert!(!report.complete && report.stopped.as_deref().is_some_and(|s| s.contains("3 steps")));
    assert!(matches!(report.verdict("LOW"), Verdict::Unknown { .. }));
    assert_eq!(report.depth, 3, "states at the bound are judged");
    let states = Options { states_max: 100, ..Options::default() };
    let report = explore(&setting, &Unjudged, &states);
    assert!(!report.complete && (100..200).contains(&report.states), "{report}");
}

/// LOW: no sum above 6 is told. (7 is the sum of all.)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Sums;

const LOW: Property = Property::safety("LOW", "no sum above 6 is told");
const TOLD: Property = Property::reachable("TOLD", "a sum above 9 is told");

impl Monitor<u8, u8> for Sums {
    fn properties(&self) -> Vec<Property> {
        vec![LOW, TOLD]
    }
    fn observe(&mut self, observation: &Observation<'_, u8, u8>) -> Result<(), Violation> {
        match observation {
            Observation::Indication { indication, .. } if **indication > 6 => {
                Err(Violation::new(&LOW, format!("{indication} is told")))
            }
            _ => Ok(()),
        }
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

#[test]
fn a_counterexample_is_a_run_that_replays() {
    for engine in [Engine::Reference, Engine::Tabulating] {
        for durability in [Durability::Immediate, Durability::Deferred] {
            let setting = adders(durability, 1);
            let report = explore(&setting, &Sums, &Options { engine, ..Options::default() });
            let found = report.counterexample.as_ref().expect("all may be summed up");
            assert_eq!(found.property, "LOW");
            let trace = found.trace("adder", &setting);
            let replayed = synod_kernel::trace::replay::<Adder>(&trace).expect("it replays");
            assert_eq!(replayed.lines.len(), found.moves.len());
            assert_eq!(trace, found.trace("adder", &setting), "same input, same bytes");
        }
    }
}

#[test]
fn a_swarm_over_tables_that_are_filled_as_it_goes_is_the_same_on_any_number_of_threads() {
    let setting = adders(Durability::Deferred, 2);
    for engine in [Engine::Reference, Engine::Tabulating] {
        let mut answers = BTreeSet::new();
        for threads in 1..=3 {
            let order = Order::Swarm { seed: 9, searches: 18, states_each: 60 };
            let options = Options { engine, order, threads, ..Options::default() };
            let blind = explore(&setting, &Unjudged, &options);
            assert!(!blind.complete, "a share is not all");
            let report = explore(&setting, &Sums, &options);
            let found = report.counterexample.as_ref().expect("a search finds it");
            let trace = found.trace("adder", &setting);
            synod_kernel::trace::replay::<Adder>(&trace).expect("it replays");
            let sizes = [&blind, &report].map(|r| (r.states, r.transitions, r.depth, r.handler_calls));
            answers.insert((sizes, trace));
        }
        assert_eq!(answers.len(), 1, "{engine:?}: {answers:#?}");
    }
}

#[test]
fn a_goal_that_is_never_reached_is_not_held() {
    let mut setting = adders(Durability::Immediate, 0);
    setting.requests = vec![vec![1]];
    setting.requests.resize(2, Vec::new());
    let report = explore(&setting, &Sums, &Options::default());
    assert!(report.complete && *report.verdict("LOW") == Verdict::Holds);
    assert!(matches!(report.verdict("TOLD"), Verdict::Unknown { .. }));
}

/// A process that waits: for a message of the other, for a pulse, for a timer, or for its oracle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Waiter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum WaitsFor {
    Nothing,
    PingPong,
    Message,
    Pulse,
    Timer,
    Oracle,
    Draw,
}

impl Process for Waiter {
    type Model = (CrashStop, Perfect, With<PartiallySynchronous, Omega>);
    type Parameters = WaitsFor;
    type Request = ();
    type Indication = bool;
    type Message = u8;
    type Timer = u8;
    fn on_init(waits: &WaitsFor, ctx: &mut impl Context<Self>) -> Self {
        let me = ctx.me();
        match waits {
            WaitsFor::PingPong if me.0 == 0 => ctx.send(ProcessId(1), 0),
            WaitsFor::Message if me.0 == 0 => ctx.send(ProcessId(1), 1),
            WaitsFor::Pulse => ctx.set_pulse(1),
            WaitsFor::Timer => ctx.set_timer(1, Duration::from_secs(1)),
            WaitsFor::Oracle => ctx.consult::<Omega>(Output::Trust(ProcessId(0)), 1),
            WaitsFor::Draw => {
                let drawn = ctx.choose(3) > 0;
                ctx.indicate(drawn);
            }
            _ => {}
        }
        Self
    }
    fn on_request(&mut self, (): (), _: &mut impl Context<Self>) {}
    fn on_message(&mut self, from: ProcessId, message: u8, ctx: &mut impl Context<Self>) {
        if message == 0 {
            ctx.send(from, 0);
        } else {
            ctx.indicate(true);
        }
    }
    fn on_timer(&mut self, _: u8, ctx: &mut impl Context<Self>) {
        ctx.indicate(true);
    }
    no_storage!();
}

/// DONE: each process of these indicates true in the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Done(ProcessSet);

const DONE: Property = Property::liveness("DONE", "everybody is done in the end");

impl Monitor<(), bool> for Done {
    fn properties(&self) -> Vec<Property> {
        vec![DONE]
    }
    fn observe(&mut self, observation: &Observation<'_, (), bool>) -> Result<(), Violation> {
        if let Observation::Indication { at, indication: true } = observation {
            self.0.remove(*at);
        }
        Ok(())
    }
    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for p in self.0.iter() {
            owe(Obligation::new(&DONE, [p], format!("{p} is not done")));
        }
    }
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

fn waits(waits: WaitsFor, for_whom: &[u32], change: impl FnOnce(&mut Environment)) -> Verdict {
    let mut environment = Environment::benign(2);
    environment.timing.kind = synod_model::timing::TimingKind::PartiallySynchronous;
    change(&mut environment);
    let setting = Setting::<Waiter>::new(environment, waits, Vec::new());
    let monitor = Done(for_whom.iter().copied().map(ProcessId).collect());
    let verdicts = [Engine::Reference, Engine::Tabulating].map(|engine| {
        let report = explore(&setting, &monitor, &Options { engine, ..Options::default() });
        if let Some(counterexample) = &report.counterexample {
            let trace = counterexample.trace("waiter", &setting);
            synod_kernel::trace::replay::<Waiter>(&trace).expect("it replays");
        }
        report.verdict("DONE").clone()
    });
    assert_eq!(verdicts[0], verdicts[1]);
    verdicts[0].clone()
}

fn is_violated(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Violated { .. })
}

#[test]
fn a_debt_is_judged_where_no_fair_choice_leads_on() {
    assert_eq!(waits(WaitsFor::Message, &[1], |_| {}), Verdict::Holds, "delivery is fair");
    assert_eq!(waits(WaitsFor::Pulse, &[0, 1], |_| {}), Verdict::Holds, "so are pulses");
    assert!(is_violated(&waits(WaitsFor::Nothing, &[1], |_| {})), "quiescence is the case of one state");
    assert!(
        is_violated(&waits(WaitsFor::PingPong, &[1], |_| {})),
        "and a loop that goes on for ever is no excuse"
    );
}

#[test]
fn an_unspent_budget_of_faults_keeps_no_component_open() {
    let faults = |e: &mut Environment| {
        e.failures.kind = FailureKind::CrashStop;
        e.failures.stops = Budget::AtMost(1);
        e.partitions = Budget::AtMost(1);
    };
    assert!(is_violated(&waits(WaitsFor::Nothing, &[1], faults)));
    assert_eq!(
        waits(WaitsFor::Pulse, &[0, 1], faults),
        Verdict::Holds,
        "a cut heals, and the crashed owe nothing"
    );
}

#[test]
fn a_message_of_a_crashed_process_may_be_lost_for_ever() {
    let stop = |e: &mut Environment| {
        e.failures.kind = FailureKind::CrashStop;
        e.failures.stops = Budget::AtMost(1);
    };
    assert!(is_violated(&waits(WaitsFor::Message, &[1], stop)));
}

#[test]
fn what_is_set_fires_unless_its_budget_cuts_that_off() {
    assert_eq!(waits(WaitsFor::Timer, &[1], |_| {}), Verdict::Holds, "whenever that is");
    let no_firings = |e: &mut Environment| e.timing.firings = Budget::NONE;
    assert!(matches!(waits(WaitsFor::Timer, &[1], no_firings), Verdict::Unknown { .. }));
    let no_pulses = |e: &mut Environment| e.timing.pulses = Budget::NONE;
    assert!(matches!(waits(WaitsFor::Pulse, &[1], no_pulses), Verdict::Unknown { .. }));
}

#[test]
fn messages_that_wait_until_they_are_heeded_are_too_fair_to_judge_by() {
    let stay = |e: &mut Environment| e.links.ignored_stay = true;
    assert!(matches!(waits(WaitsFor::Message, &[1], stay), Verdict::Unknown { .. }));
}

#[test]
fn an_oracle_may_be_silent_only_outside_its_axioms() {
    let omega = |outputs| {
        move |e: &mut Environment| {
            e.oracles.granted = [OracleKind::Omega].into();
            e.oracles.outputs = Budget::AtMost(outputs);
        }
    };
    // nobody is told whom to trust: the axiom does not hold, so nothing is owed
    assert!(waits(WaitsFor::Oracle, &[0, 1], omega(0)).is_vacuous());
    assert!(waits(WaitsFor::Oracle, &[0, 1], omega(1)).is_vacuous(), "one of two is told");
    assert_eq!(waits(WaitsFor::Oracle, &[0, 1], omega(2)), Verdict::Holds);
}

#[test]
fn every_outcome_of_a_draw_is_explored_also_at_the_start() {
    // an initial state in which process 0 drew a zero owes for ever
    assert!(is_violated(&waits(WaitsFor::Draw, &[0], |_| {})));
    let environment = Environment::benign(2);
    let setting = Setting::<Waiter>::new(environment, WaitsFor::Draw, Vec::new());
    // three outcomes at each of two processes; the state does not remember them, the monitor which were zero
    let monitor = Done([0, 1].into_iter().map(ProcessId).collect());
    assert_eq!(explore(&setting, &monitor, &Options::default()).states, 4);
}

#[test]
fn what_multiplies_the_states_is_told_by_field_and_message() {
    let report = explore(&adders(Durability::Immediate, 1), &Unjudged, &Options::default());
    let values = |what: &str| report.parts.iter().find(|p| p.what.contains(what)).map(|p| p.values);
    assert_eq!(values("p0's `sum`"), Some(8), "every sum of 1, 2 and 4: {:?}", report.parts);
    assert_eq!(values("messages `Add`"), Some(3));
    assert!(report.parts.windows(2).all(|pair| pair[0].values >= pair[1].values), "most first");
}
