//! Handlers that fail: one that panics is a violation with its trace, one that is no function of its input is named with
//! both outcomes.

use std::sync::atomic::{AtomicU32, Ordering};
use synod_check::{Control, DETERMINISM, Engine, NO_PANIC, Options, Order, Report, check};
use synod_kernel::trace::{self, Broken};
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

/// Where a process panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Where {
    Start,
    Message,
    /// When its coin falls to one side.
    Coin,
}

/// Hands numbers on, each one less; panics where it is told to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Bomb(Where);

impl Process for Bomb {
    type Model = (CrashStop, Perfect, With<Asynchronous, LocalCoin>, AnyNumber);
    type Parameters = Where;
    type Request = u8;
    type Indication = u8;
    type Message = u8;

    fn on_init(&place: &Where, ctx: &mut impl Context<Self>) -> Self {
        assert!(place != Where::Start || ctx.me() != ProcessId(1), "no start");
        Self(place)
    }
    fn on_request(&mut self, number: u8, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId(1 - ctx.me().0), number);
    }
    fn on_message(&mut self, from: ProcessId, number: u8, ctx: &mut impl Context<Self>) {
        match self.0 {
            Where::Coin => assert!(!ctx.coin() || !ctx.coin(), "heads twice"),
            _ => assert!(number > 0, "nothing is left of {number}"),
        }
        if let Some(less) = number.checked_sub(1) {
            ctx.send(from, less);
        }
    }
    no_timers!();
    no_storage!();
}

/// Tells how often any of its kind was called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fickle;

static CALLS: AtomicU32 = AtomicU32::new(0);

impl Process for Fickle {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    type Parameters = ();
    type Request = u8;
    type Indication = u8;
    type Message = u8;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_request(&mut self, number: u8, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId(1), number);
    }
    fn on_message(&mut self, _: ProcessId, _: u8, ctx: &mut impl Context<Self>) {
        ctx.indicate((CALLS.fetch_add(1, Ordering::Relaxed) % 100) as u8);
    }
    no_timers!();
    no_storage!();
}

/// Judges nothing: whatever is asked and told is right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Anything;

const TOLD: Property = Property::safety("S", "anything is right");

impl Monitor<u8, u8> for Anything {
    fn properties(&self) -> Vec<Property> {
        vec![TOLD]
    }
    fn observe(&mut self, _: &Observation<'_, u8, u8>) -> Result<(), Violation> {
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

fn setting<P: Process<Request = u8>>(parameters: P::Parameters) -> Setting<P> {
    let mut environment = Environment::benign(2);
    environment.oracles.granted.insert(synod_model::oracle::OracleKind::LocalCoin);
    Setting::new(environment, parameters, vec![vec![2], vec![]])
}

fn checked<P>(setting: &Setting<P>, engine: Engine, order: Order) -> Report<P>
where
    P: Process<Request = u8, Indication = u8>,
{
    let options = Options { engine, order, ..Options::default() };
    check(setting, &Anything, |_| 0, &options, &mut |_| Control::Continue)
}

#[test]
fn a_panic_is_a_violation_whose_trace_ends_before_it() {
    for order in [Order::BreadthFirst, Order::DepthFirst] {
        for engine in [Engine::Tabulating, Engine::Reference] {
            let setting = setting::<Bomb>(Where::Message);
            let report = checked(&setting, engine, order);
            let what = "p0 -> p1  0: the handler panics: nothing is left of 0".to_owned();
            let violated = Verdict::Violated { what: what.clone() };
            assert_eq!(report.verdicts.last(), Some(&(NO_PANIC, violated)), "{engine:?}");
            assert!(matches!(report.verdict("S"), Verdict::Unknown { .. }), "stopped at the violation");
            let counterexample = report.counterexample.expect("a run");
            // two starts, a request, and 2, 1 and 0 on their ways
            assert_eq!(counterexample.moves.len(), 6);
            let text = counterexample.trace("bomb", &setting);
            let replayed = trace::replay::<Bomb>(&text).expect("a trace of the steps before");
            assert_eq!(replayed.lines.len(), 5);
            let property = NO_PANIC.id.to_owned();
            assert_eq!(replayed.end.violation, Some(Broken { property, what }));
        }
    }
}

#[test]
fn a_panic_for_some_outcomes_of_draws_is_found() {
    let report = checked(&setting::<Bomb>(Where::Coin), Engine::Tabulating, Order::BreadthFirst);
    let Verdict::Violated { what } = report.verdict(NO_PANIC.id) else { panic!("{:?}", report.verdicts) };
    assert!(what.ends_with("heads twice"), "{what}");
}

#[test]
fn a_panic_at_the_start_is_a_violation_too() {
    for engine in [Engine::Tabulating, Engine::Reference] {
        let setting = setting::<Bomb>(Where::Start);
        let report = checked(&setting, engine, Order::BreadthFirst);
        let violated = Verdict::Violated { what: "p1 starts: the handler panics: no start".to_owned() };
        assert_eq!(*report.verdict(NO_PANIC.id), violated);
        let text = report.counterexample.expect("a run").trace("bomb", &setting);
        assert_eq!(trace::replay::<Bomb>(&text).expect("a trace").lines.len(), 1);
    }
}

#[test]
fn a_handler_that_is_no_function_of_its_input_is_named_with_both_outcomes() {
    let setting = setting::<Fickle>(());
    let report = checked(&setting, Engine::Tabulating, Order::BreadthFirst);
    let (property, Verdict::Violated { what }) = report.verdicts.last().expect("a verdict") else {
        panic!("{:?}", report.verdicts)
    };
    assert_eq!(*property, DETERMINISM);
    assert!(what.starts_with("p0 -> p1  2: the same handler on the same input gives"), "{what}");
    let told: Vec<_> = what.match_indices("indicates ").map(|(at, _)| &what[at..at + 11]).collect();
    assert_eq!(told.len(), 2, "{what}");
    assert_ne!(told[0], told[1]);
    let text = report.counterexample.expect("a run").trace("fickle", &setting);
    assert_eq!(trace::replay::<Fickle>(&text).expect("the steps before").lines.len(), 3);
}

#[test]
fn a_process_that_behaves_has_no_such_rows() {
    let mut calm = setting::<Bomb>(Where::Message);
    calm.requests = vec![Vec::new(), Vec::new()];
    let report = checked(&calm, Engine::Tabulating, Order::BreadthFirst);
    let [(TOLD, verdict)] = &report.verdicts[..] else { panic!("{:?}", report.verdicts) };
    assert!(verdict.is_vacuous(), "nothing is told where nothing is asked: {verdict:?}");
}
