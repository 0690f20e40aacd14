//! Worlds are indexed by seat: twins are two seats of one identity, each with its audience.

use crate::puppet::*;
use std::collections::BTreeSet;
use synod_kernel::trace::Recorder;
use synod_kernel::{Budget, Choice, Fairness, InPlace, Observed, Script, Seating, Setting};
use synod_model::{Effect, ProcessId};

fn twinned() -> (Setting<Puppet>, synod_kernel::SeatId) {
    let everybody: &[Act] = &[Act::Send(0, 5), Act::Send(1, 5), Act::Send(2, 5)];
    let mut setting = setting(quiet(3), &[&[everybody], &[], &[&[Act::Send(0, 6)]]]);
    let twin = setting.seating.add(ProcessId(0));
    setting.requests.push(vec![everybody.to_vec()]);
    (setting, twin)
}

#[test]
fn a_twin_has_its_process_identity_and_a_seat_of_its_own() {
    let (setting, twin) = twinned();
    assert_eq!((twin, setting.seating.len()), (seat(3), 4));
    assert_eq!(setting.seating.identity(twin), ProcessId(0));
    assert_eq!(setting.fits(), Ok(()));
    let mut run = Run::started(&setting);
    assert_eq!(sent(&run.take(ask(2))), [(0, 6), (3, 6)], "what is sent to a process reaches both its seats");
    let heard = run.take(deliver(2, 3, 6));
    assert!(matches!(heard.effects[..], [Effect::Indicate { indication: Told::Heard(ProcessId(2), 6), .. }]));
    assert_eq!(heard.observed, [], "what twins tell is nobody's business");
}

#[test]
fn each_twin_reaches_its_audience_under_one_identity() {
    let (mut setting, twin) = twinned();
    setting.seating.reach(seat(0), vec![seat(0), seat(1)]);
    setting.seating.reach(twin, vec![twin, seat(2)]);
    let mut run = Run::started(&setting);
    assert_eq!(sent(&run.take(ask(0))), [(0, 5), (1, 5)]);
    assert_eq!(sent(&run.take(ask(3))), [(3, 5), (2, 5)]);
    assert_eq!(told(&run.take(deliver(0, 1, 5))), [Told::Heard(ProcessId(0), 5)]);
    assert_eq!(
        told(&run.take(deliver(3, 2, 5))),
        [Told::Heard(ProcessId(0), 5)],
        "p2 cannot tell them apart"
    );
}

#[test]
fn who_has_a_twin_is_observed_to_be_the_adversarys_and_in_nothing_else() {
    let (setting, twin) = twinned();
    let mut run = Run(Recorder::new(&setting));
    let mut started = |i| run.take(Choice::Init { seat: seat(i) }).observed;
    assert_eq!(started(0), [Observed::Corrupt(ProcessId(0))]);
    assert_eq!([started(1), started(2), started(3)], [[], [], []], "its twin is no other");
    assert_eq!(run.take(ask(twin.0)).observed, []);
    assert_eq!(run.take(ask(2)).observed.len(), 1);
}

/// The audience of a message is chosen anew: each may be withheld from each of those whom it goes to, while the budget
/// lasts.
#[test]
fn messages_to_and_from_twins_may_be_withheld() {
    let (mut setting, twin) = twinned();
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(2)]);
    assert!(!run.may(&lose(0, 1, 5)), "fixed audiences");
    setting.seating.withhold(Budget::AtMost(2));
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(twin.0), ask(2)]);
    let losses = run.picks(|choice| match choice {
        Choice::Lose { from, to, .. } => Some((from.0, to.0)),
        _ => None,
    });
    let all: BTreeSet<_> =
        [0, 3].iter().flat_map(|&a| (0..4).map(move |b| (a, b))).chain([(2, 0), (2, 3)]).collect();
    assert_eq!(losses, all, "and none between others");
    run.take_all([lose(0, 1, 5), lose(2, 3, 6)]);
    assert!(!run.may(&lose(0, 2, 5)), "two were withheld");
    let text = serde_json::to_string(&setting).expect("plain data");
    assert_eq!(serde_json::from_str::<Setting<Puppet>>(&text).expect("it reads back"), setting);
}

#[test]
fn nothing_that_twins_do_say_or_hear_is_fair() {
    let (setting, _) = twinned();
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(2)]);
    let rep = InPlace::new(&setting, Script::default());
    let fairness = |choice| run.0.world().fairness((&setting).into(), &rep, &choice);
    assert_eq!(fairness(deliver(0, 1, 5)), Fairness::Unfair);
    assert_eq!(fairness(deliver(2, 3, 6)), Fairness::Unfair);
    assert_eq!(fairness(deliver(1, 2, 5)), Fairness::Fair);
}

#[test]
#[should_panic(expected = "who does not exist among 3 processes")]
fn nobody_sends_to_nobody() {
    let setting = setting(quiet(3), &[&[&[Act::Send(3, 1)]]]);
    Run::started(&setting).take(ask(0));
}

#[test]
fn parts_of_a_setting_that_do_not_fit_are_told() {
    let good = || setting(quiet(3), &[]);
    let bad = |spoil: fn(&mut Setting<Puppet>)| {
        let mut setting = good();
        spoil(&mut setting);
        setting.fits().unwrap_err()
    };
    assert_eq!(good().fits(), Ok(()));
    assert_eq!(bad(|s| s.seating = Seating::plain(2)), "seats for 2 processes, of 3");
    assert_eq!(bad(|s| s.environment.processes = 0), "a world has 1 to 1048576 processes, not 0");
    assert_eq!(
        bad(|s| s.environment.processes = 2_000_000),
        "a world has 1 to 1048576 processes, not 2000000"
    );
    assert_eq!(bad(|s| s.requests.clear()), "requests for 0 seats, of 3");
    assert_eq!(
        bad(|s| _ = s.seating.add(ProcessId(3))),
        "a twin of p3, who does not exist among 3 processes"
    );
    assert_eq!(bad(|s| s.seating.reach(seat(0), vec![seat(9)])), "an audience with seat 9, of 3 seats");
    assert_eq!(
        bad(|s| s.environment.failures.among = Some(synod_model::Group::new(u32::MAX, 2))),
        "2 processes from p4294967295 on may fail, of 3 in all"
    );
}
