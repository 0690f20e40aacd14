//! Lies and signatures, in both engines: what was never signed is never believed, what was signed may be shown again.

use serde::{Deserialize, Serialize};
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::signature::signed_by;
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Environment, SeatId, Setting};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_model::{AuthenticatedByzantine, ThirdFaulty, Unverified};
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

/// Signs what it is asked to, for a process, and tells what reaches it signed. Whoever passes it on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Notary {
    /// The broken twin: believes the name on a letter.
    credulous: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Letter(Unverified<u8>, u8);

impl Process for Notary {
    type Model = (AuthenticatedByzantine, Perfect, Asynchronous, ThirdFaulty);
    type Parameters = bool;
    type Request = (ProcessId, u8);
    type Indication = (ProcessId, u8);
    type Message = Letter;

    fn on_init(credulous: &bool, _: &mut impl Context<Self>) -> Self {
        Self { credulous: *credulous }
    }

    fn on_request(&mut self, (to, value): (ProcessId, u8), ctx: &mut impl Context<Self>) {
        let seal = ctx.sign(value).into_unverified();
        ctx.send(to, Letter(seal, value));
    }

    fn on_message(&mut self, _: ProcessId, Letter(seal, value): Letter, ctx: &mut impl Context<Self>) {
        let claimed = seal.claimed_signer();
        match ctx.verify(seal) {
            Some(signed) => ctx.indicate((signed.signer(), *signed.value())),
            None if self.credulous => ctx.indicate((claimed, value)),
            None => {}
        }
    }

    no_timers!();
    no_storage!();
}

const UNFORGED: Property =
    Property::safety("U", "nobody believes a correct process to have signed what it did not");
const SHOWN: Property = Property::reachable("shown", "a process learns what was signed for another");

/// Who signed what, for whom, as far as they are correct.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seals {
    signed: Vec<(ProcessId, ProcessId, u8)>,
    lying: ProcessSet,
    shown: bool,
}

impl Monitor<(ProcessId, u8), (ProcessId, u8)> for Seals {
    fn properties(&self) -> Vec<Property> {
        vec![UNFORGED, SHOWN]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, (ProcessId, u8), (ProcessId, u8)>,
    ) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request: &(to, value) } => self.signed.push((at, to, value)),
            Observation::Indication { at, indication: &(signer, value) } if !self.lying.contains(signer) => {
                let signed = |p: ProcessId| self.signed.contains(&(signer, p, value));
                if !(0..3).map(ProcessId).any(signed) {
                    let what = format!("{at} believes that {signer} signed {value}");
                    return Err(Violation::new(&UNFORGED, what));
                }
                self.shown |= !signed(at);
            }
            Observation::Corrupt { at } => _ = self.lying.insert(at),
            Observation::Indication { .. } | Observation::Crash { .. } | Observation::Recover { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.shown {
            reach(SHOWN.id);
        }
    }
}

/// p0 signs 1 for p1 and 2 for p2; one of the three may lie, saying that anyone signed 1, 2 or 3.
fn notaries(credulous: bool, liars: u32) -> Setting<Notary> {
    let mut environment = Environment::benign(3);
    environment.failures.kind = FailureKind::AuthenticatedByzantine;
    environment.failures.lies = Budget::AtMost(liars);
    let [p0, p1, p2] = [0, 1, 2].map(ProcessId);
    let genuine = |signer| (1..=3).map(move |value| Letter(signed_by(signer, value), value));
    let forged = Letter(Unverified::claim(p0, 3, b"p0".to_vec()), 3);
    let lies = [p0, p1, p2].into_iter().flat_map(genuine).chain([forged]).collect();
    let requests = vec![vec![(p1, 1), (p2, 2)], vec![], vec![]];
    Setting::new(environment, credulous, requests).with_lies(lies)
}

fn both(setting: &Setting<Notary>) -> Report<Notary> {
    let [fast, plain] = [Engine::Tabulating, Engine::Reference].map(|engine| {
        let options = Options { engine, ..Options::default() };
        check(setting, &Seals::default(), |_| 0, &options, &mut |_| Control::Continue)
    });
    let counts = |r: &Report<Notary>| (r.states, r.transitions, r.depth);
    assert_eq!((counts(&fast), &fast.verdicts), (counts(&plain), &plain.verdicts));
    fast
}

#[test]
fn signatures_of_correct_processes_are_never_forged_and_may_be_shown_again() {
    let report = both(&notaries(false, 1));
    assert!(report.complete && report.holds(), "{report}");
    let nobody_lies = both(&notaries(false, 0));
    assert_eq!(*nobody_lies.verdict("U"), Verdict::Holds);
    assert!(
        !matches!(nobody_lies.verdict("shown"), Verdict::Holds),
        "no correct process shows a letter around"
    );
}

#[test]
fn who_believes_a_name_without_its_signature_is_deceived() {
    let setting = notaries(true, 1);
    let found = both(&setting).counterexample.expect("it is refuted");
    assert_eq!(found.property, "U");
    assert_eq!(found.moves.len(), 4, "one liar, two starts, one lie: {:?}", found.moves);
    assert_eq!(replay::<Notary>(&found.trace("notary", &setting)).expect("it replays").lines.len(), 4);
}

#[test]
fn two_who_lie_share_what_they_hear() {
    // p1 heard 1, p2 heard 2: either may show both
    let mut setting = notaries(false, 2);
    setting.environment.failures.among = Some(Group::new(1, 2));
    let report = both(&setting);
    assert_eq!(*report.verdict("U"), Verdict::Holds);
    // p0 hears its own letters back from those who lie, and no others in its name
    assert_eq!(*report.verdict("shown"), Verdict::Holds);
}

/// Takes the word of p0, in two rounds: p0 announces a value, whoever hears it tells the other; then p0 says which it is.
/// Who hears two announcements, or one and of another from the other, takes nobody's word any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Confirmed {
    /// The broken twin: takes the last word as it is, though it is not what was announced.
    trusts_the_last_round: bool,
    announced: Option<u8>,
    told: Option<u8>,
    distrusts: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Word {
    Announced(u8),
    Heard(u8),
    Last(u8),
}

impl Confirmed {
    fn note(slot: &mut Option<u8>, distrusts: &mut bool, value: u8) {
        *distrusts |= slot.replace(value).is_some_and(|before| before != value);
    }
}

impl Process for Confirmed {
    type Model = (synod_model::Byzantine, Fifo<Perfect>, Asynchronous, AnyNumber);
    type Parameters = bool;
    type Request = u8;
    type Indication = u8;
    type Message = Word;

    fn on_init(trusts_the_last_round: &bool, _: &mut impl Context<Self>) -> Self {
        Self { trusts_the_last_round: *trusts_the_last_round, ..Self::default() }
    }

    fn on_request(&mut self, value: u8, ctx: &mut impl Context<Self>) {
        for word in [Word::Announced(value), Word::Last(value)] {
            [1, 2].map(ProcessId).into_iter().for_each(|p| ctx.send(p, word.clone()));
        }
    }

    fn on_message(&mut self, _: ProcessId, word: Word, ctx: &mut impl Context<Self>) {
        match word {
            Word::Announced(value) => {
                Self::note(&mut self.announced, &mut self.distrusts, value);
                ctx.send(ProcessId(3 - ctx.me().0), Word::Heard(value));
            }
            Word::Heard(value) => Self::note(&mut self.told, &mut self.distrusts, value),
            Word::Last(value) => {
                let agreed = self.announced.is_some() && self.announced == self.told && !self.distrusts;
                if agreed && (self.trusts_the_last_round || self.announced == Some(value)) {
                    ctx.indicate(value);
                }
            }
        }
    }

    no_timers!();
    no_storage!();
}

const ONE_WORD: Property = Property::safety("ONE", "no two correct processes take different words");
const WORD: Property = Property::liveness("WORD", "p1 takes a word");
const PROMISE: Property = Property::liveness("PROMISE", "p1 takes a word, if p0 is correct");

/// What was taken by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Words(std::collections::BTreeMap<ProcessId, u8>);

impl Monitor<u8, u8> for Words {
    fn properties(&self) -> Vec<Property> {
        vec![ONE_WORD, WORD, PROMISE]
    }

    fn observe(&mut self, observation: &Observation<'_, u8, u8>) -> Result<(), Violation> {
        if let Observation::Indication { at, indication } = observation {
            self.0.insert(*at, **indication);
        }
        if self.0.values().any(|word| self.0.values().any(|other| word != other)) {
            return Err(Violation::new(&ONE_WORD, format!("{:?}", self.0)));
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        if !self.0.contains_key(&ProcessId(1)) {
            owe(Obligation::new(&WORD, [ProcessId(1)], "p1 waits"));
            owe(Obligation::new(&PROMISE, [0, 1].map(ProcessId), "p1 waits"));
        }
    }

    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

/// p0 and its twin, who say 0 and 1, to these audiences.
fn twins(trusts_the_last_round: bool, audiences: [&[u32]; 2]) -> Setting<Confirmed> {
    let mut environment = Environment::benign(3);
    environment.links.kind.fifo = true;
    let mut setting = Setting::new(environment, trusts_the_last_round, vec![vec![0], vec![], vec![]]);
    let twin = setting.seating.add(ProcessId(0));
    setting.requests.push(vec![1]);
    for (seat, audience) in [SeatId(0), twin].into_iter().zip(audiences) {
        setting.seating.reach(seat, audience.iter().copied().map(SeatId).collect());
    }
    setting
}

const BOTH: [&[u32]; 2] = [&[1, 2], &[1, 2]];

fn taken(setting: &Setting<Confirmed>) -> Report<Confirmed> {
    let [fast, plain] = [Engine::Tabulating, Engine::Reference].map(|engine| {
        let options = Options { engine, ..Options::default() };
        check(setting, &Words::default(), |_| 0, &options, &mut |_| Control::Continue)
    });
    let length = |r: &Report<Confirmed>| r.counterexample.as_ref().map(|found| found.moves.len());
    assert_eq!((length(&fast), &fast.verdicts), (length(&plain), &plain.verdicts));
    fast
}

#[test]
fn twins_that_equivocate_in_the_last_round_alone_choose_their_audiences_anew() {
    let audiences: [&[u32]; 4] = [&[], &[1], &[2], &[1, 2]];
    for a in audiences {
        for b in audiences {
            let report = taken(&twins(true, [a, b]));
            let broken = matches!(report.verdict("ONE"), Verdict::Violated { .. });
            assert!(report.complete && !broken, "fixed audiences {a:?}, {b:?}: {report}");
        }
    }
    let mut anew = twins(true, BOTH);
    anew.seating.withhold(Budget::AtMost(1));
    let report = taken(&anew);
    let found = report.counterexample.as_ref().expect("it is refuted");
    assert_eq!(found.property, "ONE", "{report}");
    let withheld: Vec<_> =
        found.moves.iter().map(|m| m.choice.to_string()).filter(|m| m.contains("-x")).collect();
    assert_eq!(withheld.len(), 1, "{:?}", found.moves);
    assert!(withheld[0].contains("Announced"), "one of them is not heard to announce: {withheld:?}");
    assert!(replay::<Confirmed>(&found.trace("confirmed", &anew)).is_ok());
    let mut sound = twins(false, BOTH);
    sound.seating.withhold(Budget::Unlimited);
    assert_eq!(*taken(&sound).verdict("ONE"), Verdict::Holds);
}

#[test]
fn nothing_is_owed_to_twins_and_they_owe_nobody_their_words() {
    // a correct p0 may be asked for nothing: what is broken is told of each property, though one run is shown
    let environment = twins(false, BOTH).environment;
    let honest = Setting::<Confirmed>::new(environment, false, vec![vec![0], vec![], vec![]]);
    let report = taken(&honest);
    assert!(matches!(report.verdict("WORD"), Verdict::Violated { .. }), "{report}");
    assert!(matches!(report.verdict("PROMISE"), Verdict::Violated { .. }), "{report}");
    let report = taken(&twins(false, BOTH));
    assert!(matches!(report.verdict("WORD"), Verdict::Violated { .. }), "{report}");
    assert!(!matches!(report.verdict("PROMISE"), Verdict::Violated { .. }), "{report}");
}
