//! Algorithms whose handlers fail, through the command line's own functions: what is said, and how it exits.

use std::sync::atomic::{AtomicU32, Ordering};
use synod_cli::emit;
use synod_cli::exit::Exit;
use synod_cli::grounds::{World, check, replay};
use synod_cli::report::{Report, Trace};
use synod_cli::traces::Source;
use synod_cli::watch::{Interrupt, Watch};
use synod_kernel::Environment;
use synod_model::prelude::*;
use synod_properties::regression;
use synod_properties::{
    Algorithm, GroundKind, Monitor, Obligation, Observation, Property, Scale, Verdict, Violation,
};

/// Judges nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Anything;

impl Monitor<u8, u32> for Anything {
    fn properties(&self) -> Vec<Property> {
        vec![Property::safety("S", "anything is right")]
    }
    fn observe(&mut self, _: &Observation<'_, u8, u32>) -> Result<(), Violation> {
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

static CALLS: AtomicU32 = AtomicU32::new(0);

macro_rules! algorithms {
    ($($name:ident, $text:literal, |$number:ident, $ctx:ident| $handler:expr;)*) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        struct $name;

        impl Process for $name {
            type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
            type Parameters = ();
            type Request = u8;
            type Indication = u32;
            type Message = u8;

            fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
                Self
            }
            fn on_request(&mut self, number: u8, ctx: &mut impl Context<Self>) {
                ctx.send(ProcessId(1), number);
            }
            fn on_message(&mut self, _: ProcessId, $number: u8, $ctx: &mut impl Context<Self>) {
                $handler
            }
            no_timers!();
            no_storage!();
        }

        impl Algorithm for $name {
            type Process = Self;
            type Monitor = Anything;
            const NAME: &'static str = $text;
            const PAGE: &'static str = "";
            fn scale(_: GroundKind) -> Scale {
                Scale::new(2, 1)
            }
            fn parameters(_: &Scale) -> Result<(), String> {
                Ok(())
            }
            fn requests(_: &Scale) -> Vec<Vec<u8>> {
                vec![vec![7]]
            }
            fn monitor(_: &Scale) -> Anything {
                Anything
            }
        }
    )*};
}
algorithms! {
    Careful, "careful", |number, ctx| if number < 7 { ctx.indicate(number.into()) };
    Bomb, "bomb", |number, _ctx| assert!(number < 7, "seven is too many");
    Fickle, "fickle", |_number, ctx| ctx.indicate(CALLS.fetch_add(1, Ordering::Relaxed));
}

fn checked<A: Algorithm>() -> Report {
    let world = World {
        scale: A::scale(GroundKind::Check),
        environment: Environment::benign(2),
        model: String::new(),
        outside: Vec::new(),
        two_seats: None,
        transformers: None,
        from: None,
    };
    let watch = Watch::new(String::new(), true, Interrupt::default());
    check::check::<A>(&world, &check::Options::default(), &watch).expect("it can be checked")
}

#[test]
fn a_panic_is_a_violation_that_names_the_step_and_replays() {
    let report = checked::<Bomb>();
    assert_eq!(report.exit(), Exit::Violation);
    let (property, verdict) = report.verdicts.last().expect("a verdict");
    assert_eq!(property.id, "no panic");
    let what = "p0 -> p1  7: the handler panics: seven is too many";
    assert_eq!(*verdict, Verdict::Violated { what: what.to_owned() });
    let failure = &report.failures[0];
    assert_eq!((failure.what.as_str(), failure.step, failure.story.len()), (what, 3, 3));
    let Trace::Content(trace) = &failure.trace else { panic!("a trace") };
    let replayed = replay::replay::<Bomb>(&Source::Content(trace), &mut Vec::new()).expect("it replays");
    assert!(replayed.confirmed() && replayed.judged.is_some());
}

/// What an emitted test calls the facade.
mod synod {
    pub(super) use synod_properties as properties;
}

#[test]
fn an_emitted_test_tests_what_it_says() {
    let report = checked::<Bomb>();
    let Trace::Content(trace) = &report.failures[0].trace else { panic!("a trace") };
    let broken = replay::replay::<Bomb>(&Source::Content(trace), &mut Vec::new())
        .expect("it replays")
        .judged
        .expect("it breaks something");
    // here it is a twin: it still panics
    let code =
        emit::regression_test("bomb", std::any::type_name::<Bomb>(), true, &broken, trace, "bomb.jsonl");
    assert!(
        code.starts_with(
            "/// no panic: p0 -> p1  7: the handler panics: seven is too many\n#[test]\nfn bomb_breaks_"
        ),
        "{code}"
    );
    assert!(code.contains(&format!("    let trace = r#\"{trace}\"#;\n")), "{code}");
    assert!(code.contains("    type Subject = failing::Bomb;\n"), "{code}");
    assert!(
        code.ends_with("    synod::properties::regression::assert_broken::<Subject>(trace);\n}\n"),
        "{code}"
    );
    // these lines of it, compiled
    {
        type Subject = crate::Bomb;
        synod::properties::regression::assert_broken::<Subject>(trace);
    }
    regression::assert_repaired::<Careful>(trace);
    let still_broken = std::panic::catch_unwind(|| regression::assert_repaired::<Bomb>(trace));
    assert!(still_broken.is_err(), "it panics as before");
    let repaired = std::panic::catch_unwind(|| regression::assert_broken::<Careful>(trace));
    assert!(repaired.is_err(), "it panics no more");
    let long = trace.lines().next().expect("a line").to_owned() + &"\n".repeat(500);
    let code = emit::regression_test("bomb", "a::Bomb", false, &broken, &long, "x/bomb.jsonl");
    assert!(code.contains("include_str!(\"x/bomb.jsonl\")") && code.contains("assert_repaired::<Subject>"));
}

#[test]
fn a_panic_that_does_not_happen_again_is_not_confirmed() {
    let report = checked::<Bomb>();
    let Trace::Content(trace) = &report.failures[0].trace else { panic!("a trace") };
    // the same steps, by an algorithm that heeds the message
    let replayed =
        replay::replay::<Fickle>(&Source::Content(trace), &mut Vec::new()).expect("its steps are the same");
    assert!(!replayed.confirmed());
}

#[test]
fn a_handler_that_is_no_function_of_its_input_is_nondeterminism() {
    let report = checked::<Fickle>();
    assert_eq!(report.exit(), Exit::Nondeterminism);
    assert_eq!(report.verdicts.last().expect("a verdict").0.id, "determinism");
    let what = report.nondeterminism.expect("what differs");
    assert!(
        what.starts_with("after 3 steps, p0 -> p1  7: the same handler on the same input gives"),
        "{what}"
    );
    assert_eq!(what.matches("indicates ").count(), 2, "{what}");
}
