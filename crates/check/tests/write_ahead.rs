//! Why effects are held back across handlers: a twin of the kernel that holds them back within one handler only breaks
//! Paxos. A second handler answers a duplicate of a Prepare from a promise whose store is pending.
//!
//! The world is the smallest Paxos there is: two leaders, ballots 1 and 2, and one acceptor between them.
//!
//! And what a crash cuts short: effects that waited for one write leave one after the other, not all at once.

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

/// What a clerk that starts again tells anew, of the receipts that it has on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Retells {
    Nothing,
    Last,
    All,
}

/// Writes a number down and tells both halves of it; when it starts again, it makes up for what it thinks is lost.
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
    type Parameters = Retells;
    type Request = u8;
    type Indication = Half;
    type Stable = Receipts;

    fn on_init(_: &Retells, _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, number: u8, ctx: &mut impl Context<Self>) {
        ctx.store(number);
        ctx.indicate(Half::First(number));
        ctx.indicate(Half::Second(number));
    }

    fn on_recovery(retells: &Retells, Receipts(all): &Receipts, ctx: &mut impl Context<Self>) -> Self {
        let anew = match retells {
            Retells::Nothing => &[],
            Retells::Last => &all[all.len().saturating_sub(1)..],
            Retells::All => &all[..],
        };
        for &number in anew {
            ctx.indicate(Half::Second(number));
        }
        ctx.indicate(Half::Closed);
        Self
    }

    no_messages!();
    no_timers!();
}

const WHOLE: Property = Property::safety("WHOLE", "what is half told when the books are closed is told");
const CLOSED: Property = Property::reachable("CLOSED", "the books are closed with something told");

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Whole {
    first: std::collections::BTreeSet<u8>,
    second: std::collections::BTreeSet<u8>,
    closed: bool,
}

impl Monitor<u8, Half> for Whole {
    fn properties(&self) -> Vec<Property> {
        vec![WHOLE, CLOSED]
    }
    fn observe(&mut self, observation: &Observation<'_, u8, Half>) -> Result<(), Violation> {
        let Observation::Indication { indication, .. } = observation else { return Ok(()) };
        match indication {
            Half::First(number) => _ = self.first.insert(*number),
            Half::Second(number) => _ = self.second.insert(*number),
            Half::Closed => {
                self.closed |= !self.first.is_empty();
                if let Some(half) = self.first.difference(&self.second).next() {
                    return Err(Violation::new(&WHOLE, format!("{half} is half told")));
                }
            }
        }
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.closed {
            reach(CLOSED.id);
        }
    }
}

/// Whether the books are whole, by both engines.
fn whole(retells: Retells, durability: Durability, requests: &[u8]) -> bool {
    let mut environment = Environment::benign(1);
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(2);
    environment.storage.durability = durability;
    let setting = Setting::<Clerk>::new(environment, retells, vec![requests.to_vec()]);
    let on = |engine| {
        let options = Options { engine, ..Options::default() };
        check(&setting, &Whole::default(), |_| 0, &options, &mut |_| Control::Continue)
    };
    let (reference, report) = (on(Engine::Reference), on(Engine::Tabulating));
    assert_eq!((reference.states, reference.transitions), (report.states, report.transitions));
    for found in [&reference, &report].into_iter().filter_map(|report| report.counterexample.as_ref()) {
        assert_eq!(found.property, "WHOLE");
        let trace = found.trace("clerk", &setting);
        synod_kernel::trace::replay::<Clerk>(&trace).expect("it replays");
        assert!(found.moves.iter().any(|step| step.cut.is_some()), "a crash between two that leave: {trace}");
    }
    assert_eq!(reference.verdict("WHOLE"), report.verdict("WHOLE"));
    assert!(report.counterexample.is_some() || report.holds(), "{report}");
    report.counterexample.is_none()
}

#[test]
fn a_crash_between_two_that_waited_for_one_write_is_explored() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        assert!(
            !whole(Retells::Nothing, durability, &[1]),
            "{durability:?}: one half left, the other did not"
        );
        assert!(whole(Retells::Last, durability, &[1]), "{durability:?}");
        assert!(whole(Retells::All, durability, &[1, 2]), "{durability:?}");
    }
}

/// An immediate disk does not show it: there the second write is made when all of the first is told.
#[test]
fn writes_behind_the_one_whose_release_a_crash_cuts_short_may_be_durable_too() {
    assert!(!whole(Retells::Last, Durability::Deferred, &[1, 2]));
    assert!(whole(Retells::Last, Durability::Immediate, &[1, 2]));
}
