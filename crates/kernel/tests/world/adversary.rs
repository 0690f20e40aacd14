//! Processes that omit or are taken over in the midst of a run, networks that inject, disks that corrupt.

use crate::puppet::*;
use synod_kernel::environment::parse_link;
use synod_kernel::{
    Budget, Choice, DiskFault, Durability, Fairness, InPlace, Move, Omits, Script, Setting, Status,
};
use synod_kernel::{Observed, Takeover};
use synod_model::ProcessId;
use synod_model::failure::FailureKind;

fn omit(i: u32) -> PuppetChoice {
    Choice::Omit { seat: seat(i) }
}

fn corrupt(i: u32) -> PuppetChoice {
    Choice::Corrupt { seat: seat(i) }
}

fn init(i: u32) -> PuppetChoice {
    Choice::Init { seat: seat(i) }
}

fn disk(i: u32, fault: DiskFault) -> PuppetChoice {
    Choice::Disk { seat: seat(i), fault }
}

fn inject(from: u32, to: u32, message: u8) -> PuppetChoice {
    Choice::Inject { from: seat(from), to: seat(to), message }
}

/// Three puppets that greet each other.
fn greeting(change: impl Fn(&mut synod_kernel::Environment)) -> Setting<Puppet> {
    let all: &[Act] = &[Act::Send(0, 5), Act::Send(1, 5), Act::Send(2, 5)];
    let mut environment = quiet(3);
    change(&mut environment);
    setting(environment, &[&[all], &[all], &[all]])
}

fn losable(run: &Run<'_>) -> Vec<(u32, u32)> {
    run.picks(|c| match c {
        Choice::Lose { from, to, .. } => Some((from.0, to.0)),
        _ => None,
    })
    .into_iter()
    .collect()
}

#[test]
fn what_one_that_omits_sends_or_is_sent_may_be_lost_for_no_budget() {
    for (omits, expected) in [
        (Omits::Send, vec![(1, 0), (1, 1), (1, 2)]),
        (Omits::Receive, vec![(0, 1), (1, 1)]),
        (Omits::General, vec![(0, 1), (1, 0), (1, 1), (1, 2)]),
    ] {
        let setting = greeting(|e| {
            e.failures.kind = FailureKind::Omission;
            e.failures.omissions = Budget::AtMost(1);
            e.failures.omits = omits;
        });
        let mut run = Run::started(&setting);
        assert!(!run.may(&omit(1)), "an exploration has it from the start");
        run.take_all([ask(0), ask(1), omit(1)]);
        assert_eq!(losable(&run), expected);
        assert!(run.0.step(None, Move::plain(omit(2))).is_none(), "one at most");
    }
}

#[test]
fn who_omits_is_chosen_before_anyone_starts_beside_who_lies() {
    let setting = greeting(|e| {
        e.failures.omissions = Budget::AtMost(2);
        e.failures.lies = Budget::AtMost(1);
    });
    let mut run = Run(synod_kernel::trace::Recorder::new(&setting));
    assert_eq!(run.0.enabled(), [init(0), corrupt(0), omit(0), corrupt(1), omit(1), corrupt(2), omit(2)]);
    run.take(corrupt(1));
    assert_eq!(run.0.enabled(), [init(0), omit(0), omit(2)]);
    run.take(omit(0));
    assert_eq!(run.0.enabled(), [init(0)], "two in all, the larger of the budgets");
    run.take_all([init(0), init(2)]);
    assert_eq!(run.0.world().seats[0].status(), Status::Up, "it follows its code");
}

#[test]
fn what_one_that_omits_has_in_flight_need_not_arrive() {
    let setting = greeting(|e| e.failures.omissions = Budget::AtMost(1));
    let mut run = Run::started(&setting);
    run.take_all([ask(0), omit(0)]);
    let rep = InPlace::new(&setting, Script::default());
    let fairness = |choice| run.0.world().fairness((&setting).into(), &rep, &choice);
    assert_eq!(fairness(deliver(0, 1, 5)), Fairness::Unfair);
    assert_eq!(fairness(deliver(1, 2, 5)), Fairness::Fair);
}

#[test]
fn a_process_may_be_taken_over_in_the_midst_of_a_run() {
    let setting = greeting(|e| {
        e.failures.kind = FailureKind::Byzantine;
        e.failures.lies = Budget::AtMost(1);
        e.failures.takeover = Takeover::AnyTime;
    })
    .with_lies(vec![7]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert_eq!(run.take(corrupt(0)).observed, [Observed::Corrupt(ProcessId(0))]);
    assert_eq!(losable(&run), [(0, 0), (0, 1), (0, 2)], "what it had in flight may never have been sent");
    assert!(run.may(&deliver(0, 1, 5)) && !run.may(&corrupt(1)));
    let say = |message| Choice::Lie { from: seat(0), to: seat(1), message };
    assert!(run.may(&say(7)) && !run.may(&say(9)));
    let beyond = run.take(say(9));
    assert_eq!(told(&beyond), [Told::Heard(ProcessId(0), 9)], "the domain bounds explorations alone");
    let other = Choice::Lie { from: seat(1), to: seat(2), message: 9 };
    assert!(run.0.step(None, Move::plain(other)).is_none(), "nobody else lies");
}

#[test]
fn a_network_injects_in_whosever_name_where_it_may() {
    let over = |kind: &str| {
        greeting(|e| {
            e.links.kind = parse_link(kind).expect("a link");
            e.links.injections = Budget::AtMost(1);
        })
        .with_lies(vec![7])
    };
    let setting = over("arbitrary perfect");
    let mut run = Run::started(&setting);
    let injected = run.picks(|c| matches!(c, Choice::Inject { .. }).then_some(c));
    assert_eq!(injected.len(), 9, "from each, to each");
    assert_eq!(told(&run.take(inject(2, 0, 7))), [Told::Heard(ProcessId(2), 7)]);
    assert!(!run.may(&inject(2, 0, 7)), "once");
    let mut any = Run::started(&setting);
    assert_eq!(told(&any.take(inject(1, 0, 99))), [Told::Heard(ProcessId(1), 99)]);
    for kind in ["perfect", "authenticated arbitrary perfect"] {
        let setting = over(kind);
        let mut run = Run::started(&setting);
        assert!(!run.may(&inject(2, 0, 7)));
        assert!(run.0.step(None, Move::plain(inject(2, 0, 7))).is_none(), "{kind}");
    }
}

/// One that stores 4, says 1, stores 6 and says 2, on a disk that may fail in every way.
fn writer(durability: Durability) -> Setting<Puppet> {
    let acts: &[Act] = &[Act::Store(4), Act::Say(1), Act::Store(6), Act::Say(2)];
    let mut environment = quiet(1);
    environment.failures.restarts = Budget::AtMost(1);
    environment.storage.durability = durability;
    environment.storage.bit_rot = Budget::AtMost(1);
    environment.storage.misdirected_writes = Budget::AtMost(1);
    environment.storage.failed_writes = Budget::AtMost(1);
    setting(environment, &[&[acts]])
}

#[test]
fn a_bit_flips_while_a_process_is_down_and_is_found_when_it_starts_again() {
    let setting = writer(Durability::Immediate);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert!(!run.may(&disk(0, DiskFault::Rot { bit: 0 })), "it is up");
    run.take(crash(0, false, 0, false));
    assert_eq!(run.picks(|c| matches!(c, Choice::Disk { .. }).then_some(c)).len(), 16, "two bytes");
    run.take(disk(0, DiskFault::Rot { bit: 8 }));
    assert_eq!(run.disk(0), [4, 7]);
    assert!(!run.may(&disk(0, DiskFault::Rot { bit: 9 })), "once");
    run.take(recover(0));
    assert_eq!(run.0.world().seats[0].local().expect("it is up").remembers(), [4, 7]);
}

#[test]
fn a_misdirected_write_is_acknowledged_and_lost() {
    let setting = writer(Durability::Deferred);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert_eq!(told(&run.take(disk(0, DiskFault::Misdirect))), [Told::Said(1)]);
    run.take(sync(0));
    assert_eq!(run.disk(0), [6]);
}

#[test]
fn where_a_write_fails_the_process_stops_and_may_start_again() {
    let setting = writer(Durability::Deferred);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    let failed = run.take(disk(0, DiskFault::Refuse));
    assert_eq!(failed.observed, [Observed::Crash(ProcessId(0))], "what waited is never said");
    assert!(run.disk(0).is_empty());
    assert_eq!(run.0.world().rest.budgets.restarts, Budget::AtMost(1), "it is none of those");
    let back = run.take(recover(0));
    assert_eq!(back.cause.map(|cause| cause.step), Some(failed.step));
}
