//! What no run came to is told; and a property that no run puts to the test does not hold, it is vacuous.

use synod_check::chance::Worlds;
use synod_check::{Control, Engine, Options, Report, Unreached, check};
use synod_kernel::{Budget, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

/// How much of the page is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Used {
    All,
    /// Nobody refuses, nobody tries again.
    Agreeable,
    /// Nobody answers.
    Deaf,
}

/// Asks the other for its vote; refused, it tries again at a pulse, and then gives up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Asker {
    used: Used,
    refused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Ask {
    Vote,
    Recount,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Said {
    Please { again: bool },
    Answer(Answer),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Answer {
    Ack,
    Nack,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Wait {
    Again,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Told {
    Granted,
    GivenUp,
}

impl Process for Asker {
    type Model = (CrashRecovery, Perfect, Asynchronous, AnyNumber);
    type Parameters = Used;
    type Request = Ask;
    type Indication = Told;
    type Message = Said;
    type Timer = Wait;
    const MARKS: &'static [&'static str] = &["refused", "refused again"];

    fn on_init(used: &Used, _: &mut impl Context<Self>) -> Self {
        Self { used: *used, refused: false }
    }

    fn on_request(&mut self, _: Ask, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId(1 - ctx.me().0), Said::Please { again: false });
    }

    fn on_message(&mut self, from: ProcessId, said: Said, ctx: &mut impl Context<Self>) {
        match (said, self.used) {
            (_, Used::Deaf) => {}
            (Said::Please { again }, used) => {
                ctx.send(from, Said::Answer(Answer::Ack));
                if used == Used::All && !again {
                    ctx.send(from, Said::Answer(Answer::Nack));
                }
            }
            (Said::Answer(Answer::Ack), _) => ctx.indicate(Told::Granted),
            (Said::Answer(Answer::Nack), _) if self.refused => {
                ctx.reach("refused again");
                ctx.indicate(Told::GivenUp);
            }
            (Said::Answer(Answer::Nack), _) => {
                ctx.reach("refused");
                self.refused = true;
                ctx.set_pulse(Wait::Again);
            }
        }
    }

    fn on_timer(&mut self, _: Wait, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId(1 - ctx.me().0), Said::Please { again: false });
    }

    no_storage!();
}

/// GRANT: who asks is answered in the end. SENSE is never broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Grants {
    owed: Vec<ProcessId>,
}

const GRANT: Property = Property::liveness("GRANT", "who asks is answered");
const SENSE: Property = Property::safety("SENSE", "whatever is answered makes sense");

impl Monitor<Ask, Told> for Grants {
    fn properties(&self) -> Vec<Property> {
        vec![GRANT, SENSE]
    }
    fn observe(&mut self, observation: &Observation<'_, Ask, Told>) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, .. } => self.owed.push(*at),
            Observation::Indication { at, .. } | Observation::Crash { at } => self.owed.retain(|p| p != at),
            Observation::Recover { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }
    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for &p in &self.owed {
            owe(Obligation::new(&GRANT, [p], "an answer"));
        }
    }
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

fn world(used: Used, requests: Vec<Vec<Ask>>, change: impl FnOnce(&mut Environment)) -> Setting<Asker> {
    let mut environment = Environment::benign(2);
    environment.failures.kind = FailureKind::CrashRecovery;
    change(&mut environment);
    Setting::new(environment, used, requests)
}

fn explore(setting: &Setting<Asker>, engine: Engine) -> Report<Asker> {
    let options = Options { engine, ..Options::default() };
    check(setting, &Grants::default(), |_| 0, &options, &mut |_| Control::Continue)
}

fn unreached(setting: &Setting<Asker>) -> Vec<String> {
    let report = explore(setting, Engine::Tabulating);
    assert!(report.complete, "{report}");
    report.unreached.expect("tables know").iter().map(ToString::to_string).collect()
}

fn once() -> Vec<Vec<Ask>> {
    vec![vec![Ask::Vote, Ask::Recount], Vec::new()]
}

#[test]
fn where_all_is_used_nothing_is_told() {
    let all = world(Used::All, once(), |e| {
        e.failures.restarts = Budget::AtMost(1);
        e.links.as_set = true;
    });
    assert_eq!(unreached(&all), Vec::<String>::new());
}

#[test]
fn a_dead_branch_is_told_by_message_timer_and_indication() {
    let expected = [
        "message `Answer(Nack)` never sent",
        "timer `Again` never set",
        "indication `GivenUp` never given",
        "branch `Asker: refused` never taken",
        "branch `Asker: refused again` never taken",
    ];
    assert_eq!(unreached(&world(Used::Agreeable, once(), |_| {})), expected);
}

#[test]
fn what_the_world_never_asks_and_never_lets_happen_is_told() {
    let setting = world(Used::Agreeable, vec![vec![Ask::Vote], Vec::new()], |_| {});
    assert_eq!(unreached(&setting)[0], "request `Recount` never handled");
    let no_pulse = world(Used::All, once(), |e| {
        e.timing.pulses = Budget::NONE;
        e.links.as_set = true;
    });
    let told = unreached(&no_pulse);
    assert!(told.contains(&"timer `Again` set, never fired".to_owned()), "{told:?}");
    assert!(!told.iter().any(|told| told.contains("refused` never")), "{told:?}");
    // a process that stores nothing has no write to tear
    let torn = world(Used::Agreeable, once(), |e| {
        e.failures.restarts = Budget::AtMost(1);
        e.storage.torn_writes = Budget::AtMost(1);
    });
    assert_eq!(unreached(&torn).last().unwrap(), "torn write granted, never possible");
}

#[test]
fn what_is_sent_and_not_handled_within_a_bound_is_told() {
    let setting = world(Used::Agreeable, once(), |_| {});
    let told = |depth| {
        let options = Options { depth_max: Some(depth), ..Options::default() };
        let report = check(&setting, &Grants::default(), |_| 0, &options, &mut |_| Control::Continue);
        assert!(!report.complete);
        report.unreached.expect("tables know").contains(&Unreached::Handled("Please".to_owned()))
    };
    assert!(told(1) && !told(2), "it is sent by the first step, and handled by the second");
}

/// That somebody hears a message is not all of its handler: it may have a branch that is never left.
#[test]
fn what_is_handled_and_always_ignored_is_told() {
    let told = unreached(&world(Used::Deaf, once(), |_| {}));
    assert!(told.contains(&"message `Please` handled, always ignored".to_owned()), "{told:?}");
    assert!(
        !told.iter().any(|told| told.starts_with("request")),
        "what leads to a message is not ignored: {told:?}"
    );
}

/// A pass over plain values, by a game's steps, sees what the tables see.
#[test]
fn a_game_of_the_same_world_tells_the_same() {
    let no_change = |_: &mut Environment| {};
    let torn = |e: &mut Environment| {
        e.failures.restarts = Budget::AtMost(1);
        e.storage.torn_writes = Budget::AtMost(1);
        e.links.as_set = true;
    };
    let lossy = |e: &mut Environment| {
        e.failures.stops = Budget::AtMost(1);
        e.timing.pulses = Budget::NONE;
    };
    for used in [Used::All, Used::Agreeable, Used::Deaf] {
        for setting in
            [world(used, once(), no_change), world(used, once(), torn), world(used, Vec::new(), lossy)]
        {
            let game = Worlds::new(&setting, Grants::default(), |_| 0);
            let told = game.unreached(100_000).expect("small enough");
            let report = explore(&setting, Engine::Tabulating);
            // where a run ends at a violation, the rest is not tried by the one, and all of it by the other
            if report.complete && report.counterexample.is_none() {
                assert_eq!(Some(told), report.unreached, "{used:?}");
            }
            assert_eq!(game.unreached(1), None, "there are more states");
        }
    }
}

#[test]
fn plain_values_tell_nothing_of_coverage() {
    assert_eq!(explore(&world(Used::Agreeable, once(), |_| {}), Engine::Reference).unreached, None);
}

#[test]
fn what_holds_of_nothing_is_vacuous() {
    for engine in [Engine::Reference, Engine::Tabulating] {
        let verdicts = |used, requests| {
            let report = explore(&world(used, requests, |_| {}), engine);
            assert!(report.complete);
            ["GRANT", "SENSE"].map(|id| report.verdict(id).clone())
        };
        let [grant, sense] = verdicts(Used::Agreeable, once());
        assert_eq!((grant, sense), (Verdict::Holds, Verdict::Holds));
        let [grant, sense] = verdicts(Used::Agreeable, Vec::new());
        assert!(grant.is_vacuous() && sense.is_vacuous(), "nobody asks: {grant:?} {sense:?}");
        let [grant, sense] = verdicts(Used::Deaf, once());
        assert!(matches!(grant, Verdict::Violated { .. }) && sense.is_vacuous(), "{grant:?} {sense:?}");
    }
}
