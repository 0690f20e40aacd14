//! Why effects are held back across handlers: a twin of the kernel that holds them back within one handler only breaks
//! Paxos. A second handler answers a duplicate of a Prepare from a promise whose store is pending.
//!
//! The world is the smallest Paxos there is: two leaders, ballots 1 and 2, and one acceptor between them.

use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::{Budget, Durability, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

const ACCEPTOR: ProcessId = ProcessId(2);

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Ledger {
    promised: u8,
    vote: Option<(u8, char)>,
}

impl Stable for Ledger {
    type Write = Self;
    fn apply(&mut self, write: Self) {
        *self = write;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Message {
    Prepare(u8),
    Promise(u8, Option<(u8, char)>),
    Accept(u8, char),
    Accepted(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Role {
    Leader { ballot: u8, value: char },
    Acceptor(Ledger),
}

impl Process for Role {
    type Model = (CrashRecovery, Perfect, Asynchronous, AnyNumber);
    type Parameters = ();
    type Indication = char;
    type Message = Message;
    type Stable = Ledger;

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        if ctx.me() == ACCEPTOR {
            return Self::Acceptor(Ledger::default());
        }
        let ballot = ctx.me().0 as u8 + 1;
        ctx.send(ACCEPTOR, Message::Prepare(ballot));
        Self::Leader { ballot, value: char::from(b'a' + ballot) }
    }

    fn on_message(&mut self, from: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match (self, message) {
            (Self::Leader { ballot, value }, Message::Promise(b, vote)) if b == *ballot => {
                *value = vote.map_or(*value, |(_, voted)| voted);
                ctx.send(from, Message::Accept(b, *value));
            }
            (Self::Leader { ballot, value }, Message::Accepted(b)) if b == *ballot => ctx.indicate(*value),
            (Self::Acceptor(ledger), Message::Prepare(b)) if b >= ledger.promised => {
                if b > ledger.promised {
                    ledger.promised = b;
                    ctx.store(ledger.clone());
                }
                ctx.send(from, Message::Promise(b, ledger.vote));
            }
            (Self::Acceptor(ledger), Message::Accept(b, value)) if b >= ledger.promised => {
                *ledger = Ledger { promised: b, vote: Some((b, value)) };
                ctx.store(ledger.clone());
                ctx.send(from, Message::Accepted(b));
            }
            _ => {}
        }
    }

    fn on_recovery((): &(), ledger: &Ledger, _: &mut impl Context<Self>) -> Self {
        Self::Acceptor(ledger.clone())
    }

    no_requests!();
    no_timers!();
}

const AGREEMENT: Property = Property::safety("UC4", "uniform agreement");
const DECIDED: Property = Property::reachable("DECIDED", "a value is decided");

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Agreement(Option<char>);

impl Monitor<Never, char> for Agreement {
    fn properties(&self) -> Vec<Property> {
        vec![AGREEMENT, DECIDED]
    }
    fn observe(&mut self, observation: &Observation<'_, Never, char>) -> Result<(), Violation> {
        let Observation::Indication { at, indication: value } = observation else { return Ok(()) };
        match self.0.replace(**value) {
            Some(first) if first != **value => {
                Err(Violation::new(&AGREEMENT, format!("{at} decides {value}, not {first}")))
            }
            _ => Ok(()),
        }
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.0.is_some() {
            reach(DECIDED.id);
        }
    }
}

/// The acceptor may restart once, one message may come twice.
fn explore(durability: Durability) -> Report<Role> {
    let mut environment = Environment::benign(3);
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(1);
    environment.failures.among = Some(Group::new(ACCEPTOR.0, 1));
    environment.links.duplications = Budget::AtMost(1);
    environment.storage.durability = durability;
    let setting = Setting::new(environment, (), Vec::new());
    let on = |engine| {
        let options = Options { engine, ..Options::default() };
        check(&setting, &Agreement::default(), |_| 0, &options, &mut |_| Control::Continue)
    };
    let (reference, report) = (on(Engine::Reference), on(Engine::Tabulating));
    assert_eq!((reference.states, reference.transitions), (report.states, report.transitions));
    if let Some(counterexample) = &report.counterexample {
        let trace = counterexample.trace("paxos", &setting);
        synod_kernel::trace::replay::<Role>(&trace).expect("it replays");
    }
    report
}

#[test]
fn a_kernel_that_holds_back_within_one_handler_only_is_refuted() {
    let report = explore(Durability::DeferredWithinHandler);
    assert!(matches!(report.verdict("UC4"), Verdict::Violated { .. }), "{report}");
}

#[test]
fn the_kernel_that_releases_in_order_across_handlers_is_not() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        let report = explore(durability);
        assert!(report.complete && report.holds(), "{durability:?}: {report}");
    }
}
