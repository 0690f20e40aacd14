//! Processes that lie: who they are, what the adversary says in their names, whose signatures it can show.

use crate::puppet::*;
use synod_kernel::signature::{signatures, signed_by};
use synod_kernel::trace::{Header, Recorder, TraceError, Writer, replay};
use synod_kernel::{Budget, Choice, Environment, Fairness, Move, Observed, Setting, Status, Takeover};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_model::{AuthenticatedByzantine, ThirdFaulty, Unverified};

/// Three puppets that greet each other, `liars` of which may lie, saying 7 or 8.
fn gossip(liars: u32) -> Setting<Puppet> {
    let all: &[Act] = &[Act::Send(0, 5), Act::Send(1, 5), Act::Send(2, 5)];
    let mut environment = quiet(3);
    environment.failures.kind = FailureKind::Byzantine;
    environment.failures.lies = Budget::AtMost(liars);
    setting(environment, &[&[all], &[all], &[all]]).with_lies(vec![8, 7, 8])
}

fn corrupt(i: u32) -> PuppetChoice {
    Choice::Corrupt { seat: seat(i) }
}

fn init(i: u32) -> PuppetChoice {
    Choice::Init { seat: seat(i) }
}

fn lie(from: u32, to: u32, message: u8) -> PuppetChoice {
    Choice::Lie { from: seat(from), to: seat(to), message }
}

#[test]
fn who_lies_is_chosen_before_anyone_starts_each_set_in_one_way() {
    let setting = gossip(2);
    let mut run = Run(Recorder::new(&setting));
    assert_eq!(run.0.enabled(), [init(0), corrupt(0), corrupt(1), corrupt(2)]);
    let line = run.take(corrupt(1));
    assert_eq!((line.enabled, line.observed), (4, vec![Observed::Corrupt(ProcessId(1))]));
    assert_eq!(run.0.enabled(), [init(0), corrupt(2)], "in ascending order, and two at most");
    run.take(init(0));
    assert_eq!(run.0.enabled(), [init(2)], "nobody is corrupted once someone has started");
    run.take(init(2));
    assert_eq!(run.0.world().seats[1].status(), Status::Lying);
}

#[test]
fn only_those_who_may_fail_may_lie() {
    let mut setting = gossip(1);
    setting.environment.failures.among = Some(Group::new(1, 2));
    assert_eq!(Recorder::new(&setting).enabled(), [init(0), corrupt(1), corrupt(2)]);
}

/// The second of three lies.
fn second_lies(setting: &Setting<Puppet>) -> Run<'_> {
    let mut run = Run(Recorder::new(setting));
    run.take_all([corrupt(1), init(0), init(2)]);
    run
}

#[test]
fn the_adversary_says_each_lie_to_each_process_that_is_up_in_its_own_names_alone() {
    let setting = gossip(1);
    assert_eq!(setting.lies, [7, 8], "a domain is a set");
    let mut run = second_lies(&setting);
    let said = run.picks(|c| matches!(c, Choice::Lie { .. }).then_some(c));
    assert_eq!(said, [lie(1, 0, 7), lie(1, 0, 8), lie(1, 2, 7), lie(1, 2, 8)].into());
    let heard = run.take(lie(1, 2, 7));
    assert_eq!((heard.sent.as_slice(), heard.cause), ([].as_slice(), None));
    assert_eq!(told(&heard), [Told::Heard(ProcessId(1), 7)]);
    assert_eq!(told(&run.take(lie(1, 2, 7))), [Told::Heard(ProcessId(1), 7)], "and again, at any time");
    assert!(!run.may(&lie(0, 2, 7)) && !run.may(&lie(1, 1, 7)) && !run.may(&lie(1, 2, 9)));
    assert!(run.0.step(None, Move::plain(lie(0, 2, 7))).is_none());
}

#[test]
fn one_who_lies_is_asked_nothing_and_nothing_is_in_flight_to_it() {
    let setting = gossip(1);
    let mut run = second_lies(&setting);
    assert!(run.may(&ask(0)) && !run.may(&ask(1)));
    assert_eq!(sent(&run.take(ask(0))), [(0, 5), (2, 5)], "what is sent to it is read at once");
    assert!(!run.may(&deliver(0, 1, 5)) && run.may(&deliver(0, 2, 5)));
}

#[test]
fn a_cut_keeps_lies_from_arriving_too() {
    let mut setting = gossip(1);
    setting.environment.partitions = Budget::AtMost(1);
    let mut run = second_lies(&setting);
    run.take(Choice::Sever { links: vec![(seat(1), seat(2))] });
    assert!(run.may(&lie(1, 0, 7)) && !run.may(&lie(1, 2, 7)));
    run.take(Choice::Heal);
    assert!(run.may(&lie(1, 2, 7)));
}

#[test]
fn those_who_stop_and_those_who_lie_are_together_the_larger_of_the_budgets() {
    let stops = |stops: u32, lies: u32, run: &[PuppetChoice]| {
        let mut setting = gossip(lies);
        setting.environment.failures.stops = Budget::AtMost(stops);
        assert_eq!(setting.environment.faulty_max(), stops.max(lies));
        let mut world = Run(Recorder::new(&setting));
        world.take_all(run.iter().cloned());
        world.picks(|c| match c {
            Choice::Crash { seat, forever: true, .. } => Some(seat.0),
            _ => None,
        })
    };
    let second = [corrupt(1), init(0), init(2)];
    assert!(stops(1, 1, &second).is_empty());
    assert_eq!(stops(2, 1, &second), [0, 2].into());
    assert_eq!(stops(1, 2, &second), [0, 2].into());
    let mut and_a_stop = second.to_vec();
    and_a_stop.push(crash(0, true, 0, false));
    assert!(stops(2, 1, &and_a_stop).is_empty());
    assert_eq!(stops(3, 1, &and_a_stop), [2].into());
}

#[test]
fn lies_are_no_fair_choice_and_are_faults() {
    let setting = gossip(1);
    let run = second_lies(&setting);
    let rep = synod_kernel::InPlace::new(&setting, synod_kernel::Script::default());
    for choice in [corrupt(0), lie(1, 0, 7)] {
        assert_eq!(run.0.world().fairness((&setting).into(), &rep, &choice), Fairness::Unfair);
        assert!(choice.is_fault());
    }
    assert_eq!((corrupt(0).handler_seat(), lie(1, 0, 7).handler_seat()), (None, Some(seat(0))));
}

#[test]
fn a_run_with_lies_is_written_and_replayed_and_no_other_lie_passes() {
    let setting = gossip(1);
    let trace = |choices: &[PuppetChoice]| {
        let mut recorder = Recorder::new(&setting);
        let mut writer = Writer::new(&Header::new("puppet", "check", None, &setting));
        for choice in choices {
            let line = recorder.step(None, Move::plain(choice.clone())).expect("it is enabled");
            writer.step(&line);
        }
        writer.finish(None)
    };
    let choices = [corrupt(1), init(0), init(2), lie(1, 0, 8), ask(2), lie(1, 2, 7), deliver(2, 0, 5)];
    let text = trace(&choices);
    assert!(text.contains(r#""do":{"corrupt":{"seat":1}}"#), "{text}");
    assert!(text.contains(r#""do":{"lie":{"from":1,"to":0,"message":8}}"#), "{text}");
    assert!(text.contains(r#""lies":[7,8]"#) && text.contains(r#""lies":1"#), "{text}");
    let replayed = replay::<Puppet>(&text).expect("it replays");
    assert_eq!(replayed.setting, setting);
    assert!(replayed.lines.iter().map(|line| &line.choice).eq(&choices));
    // a setting whose liars may say less
    let fewer = replay::<Puppet>(&resealed(&text.replace(r#""lies":[7,8]"#, r#""lies":[7]"#)));
    assert!(matches!(
        fewer,
        Err(TraceError::Differs { line: 5, .. } | TraceError::NotEnabled { line: 5, .. })
    ));
}

/// The trace with the digest that its changed lines have.
fn resealed(text: &str) -> String {
    let (before, last) = text.trim_end().rsplit_once('\n').expect("it has lines");
    let before = format!("{before}\n");
    let end =
        last.split_once(r#"{"end":"#).expect("an end").1.split_once(r#","digest""#).expect("a digest").0;
    let digest = synod_kernel::trace::name(&format!("{before}{end}"));
    format!("{before}{{\"end\":{end},\"digest\":\"{digest}\"}}\n")
}

#[test]
fn twins_beside_processes_that_lie_are_refused() {
    let mut setting = gossip(1);
    setting.seating.add(ProcessId(0));
    setting.requests.push(Vec::new());
    assert_eq!(
        setting.fits().unwrap_err(),
        "twins beside processes that lie: the adversary plays those itself"
    );
    setting.environment.failures.lies = Budget::NONE;
    assert_eq!(setting.fits(), Ok(()));
}

/// Signs what it is asked to, for a process; tells what reaches it under a genuine signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Notary;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Letter {
    Plain(u8),
    Sealed(Unverified<u8>),
    Both(Vec<Unverified<u8>>),
}

impl Process for Notary {
    type Model = (AuthenticatedByzantine, Perfect, Asynchronous, ThirdFaulty);
    type Parameters = ();
    type Request = (ProcessId, u8);
    type Indication = (ProcessId, u8);
    type Message = Letter;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, (to, value): (ProcessId, u8), ctx: &mut impl Context<Self>) {
        let sealed = ctx.sign(value).into_unverified();
        ctx.send(to, Letter::Sealed(sealed));
    }

    fn on_message(&mut self, _: ProcessId, letter: Letter, ctx: &mut impl Context<Self>) {
        let seals = match letter {
            Letter::Plain(_) => Vec::new(),
            Letter::Sealed(seal) => vec![seal],
            Letter::Both(seals) => seals,
        };
        for seal in seals {
            if let Some(signed) = ctx.verify(seal) {
                ctx.indicate((signed.signer(), *signed.value()));
            }
        }
    }

    no_timers!();
    no_storage!();
}

const P0: ProcessId = ProcessId(0);
const P1: ProcessId = ProcessId(1);
const P2: ProcessId = ProcessId(2);

/// Who lies knows what it would say: whether it may is the question.
fn notaries() -> Setting<Notary> {
    let mut environment = Environment::benign(3);
    environment.failures.kind = FailureKind::AuthenticatedByzantine;
    environment.failures.lies = Budget::AtMost(1);
    let lies = vec![
        Letter::Plain(1),
        Letter::Sealed(signed_by(P2, 1)),
        Letter::Sealed(signed_by(P0, 1)),
        Letter::Sealed(signed_by(P0, 2)),
        Letter::Both(vec![signed_by(P0, 1), signed_by(P2, 9)]),
        Letter::Sealed(Unverified::claim(P0, 3, vec![])),
    ];
    let requests = vec![vec![(P1, 2), (P2, 1)], vec![], vec![]];
    Setting::new(environment, (), requests).with_lies(lies)
}

#[test]
fn a_correct_processs_signature_is_shown_once_it_was_sent_to_one_who_lies() {
    let setting = notaries();
    let mut run = Recorder::new(&setting);
    let take = |run: &mut Recorder<'_, Notary>, choice: Choice<Letter, Never>| {
        run.step(None, Move::plain(choice)).expect("it is enabled").observed
    };
    let said = |run: &Recorder<'_, Notary>| {
        let to_p1 = run.enabled().into_iter().filter_map(|choice| match choice {
            Choice::Lie { to, message, .. } if to == seat(1) => Some(message),
            _ => None,
        });
        to_p1.collect::<Vec<_>>()
    };
    take(&mut run, Choice::Corrupt { seat: seat(2) });
    take(&mut run, Choice::Init { seat: seat(0) });
    take(&mut run, Choice::Init { seat: seat(1) });
    let forged = Letter::Sealed(Unverified::claim(P0, 3, vec![]));
    let own = Letter::Sealed(signed_by(P2, 1));
    assert_eq!(said(&run), [Letter::Plain(1), forged.clone(), own.clone()]);
    let lie = |message| Choice::Lie { from: seat(2), to: seat(1), message };
    assert_eq!(take(&mut run, lie(own)), [Observed::Indication(P1, (P2, 1))]);
    assert_eq!(take(&mut run, lie(forged)), [], "what is no signature proves nothing");
    take(&mut run, Choice::Request { seat: seat(0) });
    assert_eq!(said(&run).len(), 3, "sent to another, it is not seen");
    take(&mut run, Choice::Request { seat: seat(0) });
    let seen = said(&run);
    let shown = Letter::Sealed(signed_by(P0, 1));
    assert!(seen.contains(&shown) && seen.contains(&Letter::Both(vec![signed_by(P0, 1), signed_by(P2, 9)])));
    assert!(!seen.contains(&Letter::Sealed(signed_by(P0, 2))), "that one it never saw");
    assert_eq!(take(&mut run, lie(shown)), [Observed::Indication(P1, (P0, 1))]);
}

#[test]
fn one_who_is_taken_over_knows_the_signatures_that_it_was_sent() {
    let mut setting = notaries();
    setting.environment.failures.takeover = Takeover::AnyTime;
    let mut run = Recorder::new(&setting);
    let take = |run: &mut Recorder<'_, Notary>, choice: Choice<Letter, Never>| {
        let what = choice.to_string();
        run.step(None, Move::plain(choice)).unwrap_or_else(|| panic!("{what} is not enabled"));
    };
    for i in 0..3 {
        take(&mut run, Choice::Init { seat: seat(i) });
    }
    take(&mut run, Choice::Request { seat: seat(0) });
    take(&mut run, Choice::Request { seat: seat(0) });
    let sent = Letter::Sealed(signed_by(P0, 1));
    take(&mut run, Choice::Deliver { from: seat(0), to: seat(2), message: sent.clone() });
    take(&mut run, Choice::Corrupt { seat: seat(2) });
    let says = |message| Choice::Lie { from: seat(2), to: seat(1), message };
    assert!(run.enabled().contains(&says(sent)));
    let other = says(Letter::Sealed(signed_by(P0, 2)));
    assert!(!run.enabled().contains(&other) && run.step(None, Move::plain(other)).is_none());
}

#[test]
fn signatures_are_found_wherever_a_message_carries_them() {
    let both = Letter::Both(vec![signed_by(P0, 1), signed_by(P2, 1), signed_by(P0, 1)]);
    let signers: Vec<_> = signatures(&both).into_iter().map(|s| s.signer).collect();
    assert_eq!(signers, [P0, P2]);
    let nested = signed_by(P1, signed_by(P2, 4_u8));
    let signers: Vec<_> = signatures(&nested).into_iter().map(|s| s.signer).collect();
    assert_eq!(signers, [P1, P2]);
    assert!(signatures(&Letter::Plain(0)).is_empty());
    assert!(signatures(&Unverified::claim(P0, 3_u8, vec![])).is_empty());
}
