//! Crashes, links and partitions: what is enabled when, and what it does.

use crate::puppet::*;
use std::collections::BTreeSet;
use synod_kernel::{Budget, Choice, Environment, Fairness, Observed, Partition, Status};
use synod_model::link::{LinkBase, LinkKind};
use synod_model::{Group, ProcessId};

fn with_links(n: u32, base: LinkBase) -> Environment {
    let mut e = quiet(n);
    e.links.kind = LinkKind::plain(base);
    e
}

#[test]
fn everybody_starts_before_anything_else_happens() {
    let setting = setting(quiet(2), &[&[&[Act::Say(1)]]]);
    let run = Run(synod_kernel::trace::Recorder::new(&setting));
    assert_eq!(run.0.enabled(), [Choice::Init { seat: seat(0) }]);
}

#[test]
fn a_message_to_a_process_that_is_down_is_lost_or_waits() {
    let mut e = quiet(2);
    e.failures.restarts = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), crash(1, false, 0, false)]);
    assert!(!run.may(&lose(0, 1, 7)), "its sender is up");
    let consumed = run.take(deliver(0, 1, 7));
    assert_eq!((told(&consumed), consumed.effects), (vec![], vec![]));
    assert!(!run.may(&deliver(0, 1, 7)));

    let mut run = Run::started(&setting);
    run.take_all([ask(0), crash(1, false, 0, false), recover(1)]);
    assert_eq!(told(&run.take(deliver(0, 1, 7))), [Told::Heard(ProcessId(0), 7)]);
}

#[test]
fn a_request_to_a_process_that_is_down_is_observed_and_lost() {
    let mut e = quiet(1);
    e.failures.restarts = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Say(7)]]]);
    let mut run = Run::started(&setting);
    run.take(crash(0, false, 0, false));
    let line = run.take(ask(0));
    assert_eq!(line.observed, [Observed::Request(ProcessId(0), vec![Act::Say(7)])]);
    assert!(!run.may(&ask(0)));
}

#[test]
fn perfect_links_lose_only_what_a_process_that_is_down_has_in_flight() {
    let mut e = quiet(2);
    e.failures.restarts = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7), Act::Send(1, 8)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert!(!run.may(&lose(0, 1, 7)));
    run.take(crash(0, false, 0, false));
    assert!(run.may(&lose(0, 1, 7)) && run.may(&deliver(0, 1, 7)), "a choice, message by message");
    run.take(lose(0, 1, 8));
    run.take(recover(0));
    assert!(!run.may(&lose(0, 1, 7)), "what is left when it is up again is a correct process's");
    assert!(run.may(&deliver(0, 1, 7)) && !run.may(&deliver(0, 1, 8)));
}

#[test]
fn a_process_that_stopped_for_ever_hears_nothing_and_never_recovers() {
    let mut e = quiet(2);
    e.failures.stops = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7)], &[Act::Send(1, 8)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), crash(1, true, 0, false)]);
    assert_eq!(run.0.world().seats[1].status(), Status::Stopped);
    assert!(!run.may(&deliver(0, 1, 7)) && !run.may(&recover(1)));
    assert_eq!(sent(&run.take(ask(0))), [], "what is sent to it goes nowhere");
    assert!(!run.may(&crash(0, true, 0, false)), "f = 1");
}

#[test]
fn only_those_who_may_fail_crash() {
    let mut e = quiet(3);
    e.failures.stops = Budget::AtMost(1);
    e.failures.restarts = Budget::AtMost(1);
    e.failures.among = Some(Group::new(1, 2));
    let setting = setting(e, &[]);
    let crashes = Run::started(&setting).picks(|c| match c {
        Choice::Crash { seat, forever, .. } => Some((seat.0, forever)),
        _ => None,
    });
    assert_eq!(crashes, [(1, false), (1, true), (2, false), (2, true)].into());
}

#[test]
fn losses_and_duplications_are_spent() {
    let mut e = with_links(2, LinkBase::FairLoss);
    e.links.losses = Budget::AtMost(1);
    e.links.duplications = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7), Act::Send(1, 7), Act::Send(1, 8)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert_eq!(told(&run.take(duplicate(0, 1, 8))), [Told::Heard(ProcessId(0), 8)]);
    assert!(run.may(&deliver(0, 1, 8)), "a copy stays");
    assert!(!run.may(&duplicate(0, 1, 7)));
    run.take(lose(0, 1, 7));
    assert!(!run.may(&lose(0, 1, 8)));
    run.take(deliver(0, 1, 7));
    assert!(!run.may(&deliver(0, 1, 7)), "one of two copies was lost, the other delivered");
}

#[test]
fn a_stubborn_link_delivers_again_and_again() {
    for ignored_stay in [false, true] {
        let mut e = with_links(2, LinkBase::Stubborn);
        e.links.ignored_stay = ignored_stay;
        let setting = setting(e, &[&[&[Act::Send(1, 7)]]]);
        let mut run = Run::started(&setting);
        run.take(ask(0));
        for _ in 0..3 {
            assert_eq!(told(&run.take(deliver(0, 1, 7))), [Told::Heard(ProcessId(0), 7)]);
        }
        assert!(!run.may(&lose(0, 1, 7)));
    }
}

#[test]
fn in_a_set_of_messages_the_second_of_two_equal_ones_changes_nothing() {
    let mut e = with_links(2, LinkBase::FairLoss);
    e.links.as_set = true;
    let setting = setting(e, &[&[&[Act::Send(1, 7), Act::Send(1, 7)], &[Act::Send(1, 7)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    run.take(deliver(0, 1, 7));
    assert!(!run.may(&deliver(0, 1, 7)));
    run.take(ask(0));
    assert!(run.may(&deliver(0, 1, 7)), "sent again after it arrived, it is in flight again");
}

#[test]
fn an_ignored_delivery_is_no_step_where_the_environment_says_so() {
    for stays in [true, false] {
        let mut e = quiet(2);
        e.links.ignored_stay = stays;
        let setting = setting(e, &[&[&[Act::Send(1, IGNORED), Act::Send(1, 7)]]]);
        let mut run = Run::started(&setting);
        run.take_all([ask(0), deliver(0, 1, IGNORED), deliver(0, 1, 7)]);
        assert_eq!(run.may(&deliver(0, 1, IGNORED)), stays);
        assert!(!run.may(&deliver(0, 1, 7)));
    }
}

#[test]
fn an_ignored_message_that_stays_keeps_its_place_on_a_fifo_link() {
    for stays in [true, false] {
        let mut e = quiet(2);
        e.links.kind.fifo = true;
        e.links.ignored_stay = stays;
        let setting = setting(e, &[&[&[Act::Send(1, IGNORED), Act::Send(1, 7)]]]);
        let mut run = Run::started(&setting);
        run.take_all([ask(0), deliver(0, 1, IGNORED)]);
        assert_eq!(run.may(&deliver(0, 1, IGNORED)), stays);
        assert_eq!(run.may(&deliver(0, 1, 7)), !stays, "it is the next as soon as the first is gone");
    }
}

#[test]
fn messages_arrive_in_any_order() {
    let setting = setting(quiet(2), &[&[&[Act::Send(1, 7), Act::Send(1, 8)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), deliver(0, 1, 8), deliver(0, 1, 7)]);
}

fn links_of(a: &[u32], b: &[u32], one_way: bool) -> Vec<(synod_kernel::SeatId, synod_kernel::SeatId)> {
    let seats = |of: &[u32]| of.iter().map(|&i| seat(i)).collect::<Vec<_>>();
    synod_kernel::world::links(&seats(a), &seats(b), one_way)
}

#[test]
fn a_partition_severs_both_ways_until_it_heals() {
    let mut e = quiet(3);
    e.partitions = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7), Act::Send(2, 8)]], &[&[Act::Send(0, 9)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(1), Choice::Sever { links: links_of(&[0, 2], &[1], false) }]);
    assert!(!run.may(&deliver(0, 1, 7)) && !run.may(&deliver(1, 0, 9)));
    assert!(run.may(&deliver(0, 2, 8)), "they are on one side");
    assert!(!run.may(&lose(0, 1, 7)), "under perfect links a partition is delay");
    assert!(run.picks(|c| matches!(c, Choice::Sever { .. }).then_some(())).is_empty(), "one partition only");
    run.take(Choice::Heal);
    assert!(run.may(&deliver(0, 1, 7)) && run.may(&deliver(1, 0, 9)) && !run.may(&Choice::Heal));
}

#[test]
fn a_one_way_partition_lets_the_other_way_through() {
    let mut e = quiet(2);
    e.partitions = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7)]], &[&[Act::Send(0, 9)]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), ask(1), Choice::Sever { links: links_of(&[0], &[1], true) }]);
    assert!(!run.may(&deliver(0, 1, 7)) && run.may(&deliver(1, 0, 9)));
}

#[test]
fn every_split_is_a_partition_both_ways_and_each_way() {
    let mut e = quiet(3);
    e.partitions = Budget::AtMost(1);
    let setting = setting(e, &[]);
    let found = Run::started(&setting).picks(|c| match c {
        Choice::Sever { links } => Some(links),
        _ => None,
    });
    let mut expected = BTreeSet::new();
    for (a, b) in [(&[0][..], &[1, 2][..]), (&[1], &[0, 2]), (&[2], &[0, 1])] {
        expected.extend([links_of(a, b, false), links_of(a, b, true), links_of(b, a, true)]);
    }
    assert_eq!(found, expected);
}

#[test]
fn only_the_listed_partitions_happen() {
    let mut e = quiet(3);
    e.partitions = Budget::Unlimited;
    e.cuts = Some([Partition { from: vec![ProcessId(0)], to: vec![ProcessId(2)], one_way: false }].into());
    let setting = setting(e, &[]);
    let mut run = Run::started(&setting);
    let bridge = Choice::Sever { links: links_of(&[0], &[2], false) };
    let severs = |run: &Run<'_>| run.picks(|c| matches!(c, Choice::Sever { .. }).then_some(c));
    assert_eq!(severs(&run), [bridge.clone()].into(), "p1 still bridges the two");
    run.take(bridge);
    assert_eq!(severs(&run), BTreeSet::new(), "what is severed is not severed again");
}

#[test]
fn unreliable_links_lose_what_meets_a_cut() {
    let mut e = with_links(2, LinkBase::FairLoss);
    e.partitions = Budget::AtMost(1);
    let setting = setting(e, &[&[&[Act::Send(1, 7)]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert!(!run.may(&lose(0, 1, 7)));
    run.take(Choice::Sever { links: links_of(&[0], &[1], true) });
    run.take(lose(0, 1, 7));
    assert_eq!(run.0.world().rest.budgets.losses, Budget::NONE);
}

#[test]
fn timers_and_pulses_have_budgets_of_their_own() {
    let mut e = quiet(1);
    e.timing.firings = Budget::AtMost(1);
    e.timing.pulses = Budget::AtMost(1);
    let all: &[Act] = &[Act::Timer(1), Act::Timer(2), Act::Pulse(3), Act::Pulse(4)];
    let setting = setting(e, &[&[all]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), fire(0, 1)]);
    assert!(!run.may(&fire(0, 2)) && run.may(&fire(0, 3)));
    run.take(fire(0, 4));
    assert!(!run.may(&fire(0, 3)));
}

#[test]
fn crashes_and_partitions_are_spent() {
    let mut e = quiet(3);
    e.failures.restarts = Budget::AtMost(2);
    let setting = setting(e, &[]);
    let mut run = Run::started(&setting);
    let restart = |i| [crash(i, false, 0, false), recover(i)];
    run.take_all(restart(0).into_iter().chain(restart(0)));
    let crashes = run.picks(|c| matches!(c, Choice::Crash { .. }).then_some(()));
    assert!(crashes.is_empty());
}

#[test]
fn a_fair_run_delivers_recovers_heals_and_writes_but_owes_nobody_a_fault() {
    let mut e = quiet(2);
    e.failures.restarts = Budget::Unlimited;
    e.partitions = Budget::Unlimited;
    e.links.duplications = Budget::Unlimited;
    let acts: &[Act] = &[Act::Send(1, 1), Act::Store(2), Act::Timer(3), Act::Pulse(4)];
    let setting = setting(e, &[&[acts, &[]]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), crash(1, false, 0, false), Choice::Sever { links: links_of(&[0], &[1], true) }]);
    let rep = synod_kernel::InPlace::new(&setting, synod_kernel::Script::default());
    let world = run.0.world();
    let of = |c: &PuppetChoice| world.fairness((&setting).into(), &rep, c);
    for fair in [recover(1), Choice::Heal, sync(0), fire(0, 4), deliver(0, 1, 1)] {
        assert_eq!(of(&fair), Fairness::Fair, "{fair}");
    }
    assert_eq!(of(&fire(0, 3)), Fairness::Timed);
    for unfair in [ask(0), crash(0, false, 0, false), duplicate(0, 1, 1), lose(0, 1, 1)] {
        assert_eq!(of(&unfair), Fairness::Unfair, "{unfair}");
    }
}
