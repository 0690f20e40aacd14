//! Lies and signatures, in both engines: what was never signed is never believed, what was signed may be shown again.

use serde::{Deserialize, Serialize};
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::signature::signed_by;
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Environment, Setting};
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
