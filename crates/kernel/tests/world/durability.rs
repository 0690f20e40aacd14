//! Write-ahead order, across handlers; what a crash loses and what the disk keeps.

use crate::puppet::*;
use synod_kernel::seat::cuts;
use synod_kernel::{Budget, Choice, Cut, Durability, Environment, Move, Status};
use synod_model::{EffectOf, When};

fn deferred(n: u32) -> Environment {
    let mut e = quiet(n);
    e.storage.durability = Durability::Deferred;
    e
}

#[test]
fn what_a_later_handler_says_waits_for_an_earlier_handlers_store() {
    let setting = setting(deferred(2), &[&[&[Act::Store(1)], &[Act::Send(1, 7), Act::Say(8)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    let second = run.take(ask(0));
    assert_eq!((sent(&second), told(&second)), (vec![], vec![]), "it speaks of what is not durable");
    assert!(!run.may(&deliver(0, 1, 7)));
    assert_eq!(second.effects.len(), 2, "the trace shows what is held");
    let released = run.take(sync(0));
    assert_eq!((sent(&released), told(&released)), (vec![(1, 7)], vec![Told::Said(8)]));
    assert_eq!(run.disk(0), [1]);
    assert!(!run.may(&sync(0)), "nothing is pending any more");
}

#[test]
fn the_twin_of_the_kernel_that_holds_within_one_handler_only_lets_the_later_one_speak() {
    let mut e = deferred(2);
    e.storage.durability = Durability::DeferredWithinHandler;
    let setting = setting(e, &[&[&[Act::Store(1), Act::Send(1, 6)], &[Act::Send(1, 7)]]]);
    let mut run = Run::started(&setting);
    assert_eq!(sent(&run.take(ask(0))), [], "within its handler even the twin holds");
    assert_eq!(sent(&run.take(ask(0))), [(1, 7)], "the twin speaks of what is not durable");
    assert!(run.disk(0).is_empty());
    assert_eq!(sent(&run.take(sync(0))), [(1, 6)]);
}

#[test]
fn release_is_first_in_first_out_store_by_store() {
    let acts: &[Act] =
        &[Act::Send(1, 1), Act::Store(1), Act::Send(1, 2), Act::Store(2), Act::Say(3), Act::Send(1, 4)];
    let setting = setting(deferred(2), &[&[acts, &[Act::Send(1, 5)]]]);
    let mut run = Run::started(&setting);
    assert_eq!(sent(&run.take(ask(0))), [(1, 1)], "what was said before the store goes at once");
    assert_eq!(sent(&run.take(ask(0))), []);
    assert_eq!(sent(&run.take(sync(0))), [(1, 2)]);
    assert_eq!(run.disk(0), [1]);
    let last = run.take(sync(0));
    assert_eq!((told(&last), sent(&last)), (vec![Told::Said(3)], vec![(1, 4), (1, 5)]));
    assert_eq!(run.disk(0), [1, 2]);
}

#[test]
fn one_process_waits_for_its_own_disk_alone() {
    let setting = setting(deferred(2), &[&[&[Act::Store(1)]], &[&[Act::Send(0, 3)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert_eq!(sent(&run.take(ask(1))), [(0, 3)]);
}

#[test]
fn an_immediate_disk_holds_nothing() {
    let mut e = quiet(2);
    e.storage.durability = Durability::Immediate;
    let setting = setting(e, &[&[&[Act::Store(1), Act::Send(1, 2)]]]);
    let mut run = Run::started(&setting);
    assert_eq!(sent(&run.take(ask(0))), [(1, 2)]);
    assert_eq!(run.disk(0), [1]);
    assert!(!run.may(&sync(0)));
}

#[test]
fn timers_are_not_speech_they_take_effect_at_once_and_a_crash_loses_them() {
    let mut e = deferred(1);
    e.failures.restarts = Budget::AtMost(1);
    let acts: &[Act] = &[Act::Store(1), Act::Timer(5), Act::Pulse(6), Act::Timer(7), Act::Cancel(7)];
    let setting = setting(e, &[&[acts]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert!(run.may(&fire(0, 5)) && run.may(&fire(0, 6)) && !run.may(&fire(0, 7)));
    assert_eq!(told(&run.take(fire(0, 5))), [], "but what it says is held");
    assert!(!run.may(&fire(0, 5)), "a timer fires once");
    run.take(crash(0, false, 0, false));
    assert!(!run.may(&fire(0, 6)));
    run.take(recover(0));
    assert!(!run.may(&fire(0, 6)));
}

#[test]
fn setting_a_timer_that_is_set_replaces_it() {
    let setting = setting(quiet(1), &[&[&[Act::Timer(5)], &[Act::Pulse(5)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(0)]);
    let timers = run.0.world().seats[0].timers();
    assert_eq!(timers, [(Timer::Plain(5), When::Pulse)]);
    run.take(fire(0, 5));
    assert!(!run.may(&fire(0, 5)));
}

#[test]
fn a_crash_loses_what_is_held_and_what_is_not_durable() {
    let mut e = deferred(2);
    e.failures.restarts = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Store(1), Act::Send(1, 2), Act::Store(3), Act::Say(4)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    run.take(crash(0, false, 0, false));
    assert!(run.0.world().seats[0].local().is_none());
    assert!(!run.may(&sync(0)) && !run.may(&deliver(0, 1, 2)));
    let back = run.take(recover(0));
    assert_eq!((sent(&back), told(&back)), (vec![], vec![]));
    assert!(run.0.world().seats[0].local().unwrap().remembers().is_empty());
}

#[test]
fn of_the_pending_writes_a_disk_may_keep_a_prefix_and_tear_the_next() {
    let mut e = deferred(1);
    e.failures.restarts = Budget::AtMost(1);
    e.storage.torn_writes = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Store(1)], &[Act::Store(2)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(0)]);
    let crashes = run.picks(|c| match c {
        Choice::Crash { forever, kept, torn, .. } => Some((forever, kept, torn)),
        _ => None,
    });
    let expected =
        [(false, 0, false), (false, 0, true), (false, 1, false), (false, 1, true), (false, 2, false)];
    assert_eq!(crashes, expected.into());
    for (_, kept, torn) in expected {
        let mut run = Run::started(&setting);
        run.take_all([ask(0), ask(0), crash(0, false, kept, torn), recover(0)]);
        let mut left: Vec<u8> = [1, 2][..kept as usize].to_vec();
        left.extend(torn.then_some(TORN));
        assert_eq!(run.0.world().seats[0].local().unwrap().remembers(), left, "kept {kept}, torn {torn}");
        assert_eq!(run.0.world().rest.budgets.torn_writes, Budget::AtMost(u32::from(!torn)));
    }
}

fn effects_of(acts: &[Act]) -> Vec<EffectOf<Puppet>> {
    let setting = setting(deferred(2), &[&[acts]]);
    Run::started(&setting).take(ask(0)).effects
}

#[test]
fn a_crash_inside_a_handler_matters_before_stores_and_indications_once_something_was_said() {
    let places = |acts: &[Act]| cuts(&effects_of(acts)).collect::<Vec<_>>();
    let nowhere = Vec::<u32>::new();
    assert_eq!(places(&[]), nowhere);
    assert_eq!(places(&[Act::Say(1)]), nowhere, "before the first effect it is a crash between handlers");
    assert_eq!(places(&[Act::Timer(1), Act::Say(1)]), nowhere, "a timer alone is lost either way");
    assert_eq!(
        places(&[Act::Send(1, 1), Act::Send(1, 2)]),
        nowhere,
        "sends of a crashed process are lost one by one"
    );
    assert_eq!(places(&[Act::Send(1, 1), Act::Store(2), Act::Send(1, 3), Act::Say(4)]), [1, 3]);
    assert_eq!(places(&[Act::Store(1), Act::Say(2)]), [1]);
}

#[test]
fn a_crash_inside_a_handler_lets_what_came_before_it_happen() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        let mut e = quiet(2);
        e.storage.durability = durability;
        e.failures.restarts = Budget::AtMost(1);
        let setting = setting(e, &[&[&[Act::Send(1, 1), Act::Store(2), Act::Say(3)]]]);
        let mut run = Run::started(&setting);
        let cut = Some(Cut::before(2, false));
        let line = run.0.step(None, Move { choice: ask(0), draws: vec![], cut }).unwrap();
        assert_eq!((sent(&line), told(&line)), (vec![(1, 1)], vec![]));
        assert_eq!(run.0.world().seats[0].status(), Status::Down);
        assert_eq!(run.0.world().rest.budgets.restarts, Budget::NONE);
        let durable: &[u8] = if durability == Durability::Immediate { &[2] } else { &[] };
        assert_eq!(run.disk(0), durable);
    }
}

#[test]
fn no_crash_inside_a_handler_that_does_not_run_or_may_not_fail() {
    let cut = |forever| Some(Cut::before(0, forever));
    let refused = |e: Environment, choice: PuppetChoice, cut| {
        let setting = setting(e, &[&[&[Act::Say(1)]], &[&[Act::Send(0, 1)]]]);
        let mut run = Run::started(&setting);
        run.take(ask(1));
        run.0.step(None, Move { choice, draws: vec![], cut }).is_none()
    };
    let mut able = quiet(2);
    able.failures.restarts = Budget::AtMost(1);
    assert!(!refused(able.clone(), ask(0), cut(false)));
    assert!(refused(able.clone(), ask(0), cut(true)), "nobody stops for ever here");
    assert!(refused(quiet(2), ask(0), cut(false)), "no budget");
    assert!(refused(able.clone(), ask(0), Some(Cut::before(2, false))), "it has one effect");
    able.failures.among = Some(synod_model::Group::new(1, 1));
    assert!(refused(able, ask(0), cut(false)), "it is not one of those that may fail");
}

/// Tells before, between and behind two sends of one write, then asks for another write.
fn half_told() -> (Environment, &'static [Act], &'static [Act]) {
    let mut e = deferred(2);
    e.failures.restarts = Budget::AtMost(1);
    e.storage.torn_writes = Budget::AtMost(1);
    let first: &[Act] = &[Act::Store(1), Act::Say(2), Act::Send(1, 3), Act::Say(4)];
    (e, first, &[Act::Store(5), Act::Say(6)])
}

#[test]
fn a_crash_may_cut_short_what_a_durable_write_releases() {
    let (e, first, second) = half_told();
    let setting = setting(e, &[&[first, second]]);
    let release = |cut: Option<Cut>| {
        let mut run = Run::started(&setting);
        run.take_all([ask(0), ask(0)]);
        let line = run.0.step(None, Move { choice: sync(0), draws: vec![], cut }).expect("it may happen");
        (run, line)
    };
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(0)]);
    let places: Vec<_> = run.0.world().seats[0].release_cuts().collect();
    assert_eq!(places, [2], "before an indication, once something else has left");
    let rep = synod_kernel::InPlace::new(&setting, synod_kernel::Script::default());
    let cuts = run.0.world().release_cuts((&setting).into(), &rep, seat(0));
    let all = [(0, false), (0, true), (1, false)];
    assert_eq!(cuts, all.map(|(kept, torn)| Cut { before: 2, forever: false, kept, torn }), "{cuts:?}");
    for cut in cuts {
        let (mut run, line) = release(Some(cut));
        assert_eq!((told(&line), sent(&line)), (vec![Told::Said(2)], vec![(1, 3)]), "the rest never left");
        assert_eq!(run.0.world().seats[0].status(), Status::Down);
        assert_eq!(run.0.world().rest.budgets.restarts, Budget::NONE);
        assert_eq!(run.0.world().rest.budgets.torn_writes, Budget::AtMost(u32::from(!cut.torn)));
        let mut disk = vec![1];
        disk.extend((cut.kept == 1).then_some(5));
        disk.extend(cut.torn.then_some(TORN));
        assert_eq!(run.disk(0), disk, "{cut:?}");
        run.take(recover(0));
    }
    assert_eq!(told(&release(None).1), [Told::Said(2), Told::Said(4)]);
}

#[test]
fn no_crash_inside_a_release_beyond_what_leaves_what_is_pending_or_what_may_fail() {
    let (able, first, second) = half_told();
    let refused = |e: &Environment, asked: usize, cut| {
        let setting = setting(e.clone(), &[&[first, second]]);
        let mut run = Run::started(&setting);
        run.take_all(vec![ask(0); asked]);
        run.0.step(None, Move { choice: sync(0), draws: vec![], cut: Some(cut) }).is_none()
    };
    let cut = Cut::before(2, false);
    assert!(!refused(&able, 2, cut));
    assert!(
        !refused(&able, 2, Cut::before(3, false)),
        "behind the last it is a crash of its own, that a cluster may have"
    );
    assert!(refused(&able, 2, Cut::before(4, false)), "three effects leave");
    assert!(refused(&able, 0, cut), "nothing is pending");
    assert!(refused(&able, 2, Cut::before(2, true)), "nobody stops for ever here");
    assert!(refused(&able, 1, Cut { kept: 1, ..cut }), "no other write is pending");
    assert!(refused(&able, 1, Cut { torn: true, ..cut }), "nor torn");
    let in_handler = Some(Cut { kept: 1, ..Cut::before(1, false) });
    let setting = setting(able.clone(), &[&[first, second]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert!(run.0.step(None, Move { choice: ask(0), draws: vec![], cut: in_handler }).is_none());
    let mut spared = able.clone();
    spared.failures.among = Some(synod_model::Group::new(1, 1));
    assert!(refused(&spared, 2, cut), "it is not one of those that may fail");
    let quiet = deferred(2);
    assert!(refused(&quiet, 2, cut), "no budget");
}
