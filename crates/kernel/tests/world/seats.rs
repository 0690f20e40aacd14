//! Worlds are indexed by seat: twins are two seats of one identity, each with its audience.

use crate::puppet::*;
use synod_kernel::{Observed, Seating, Setting};
use synod_model::ProcessId;

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
    assert_eq!(heard.observed, [Observed::Indication(ProcessId(0), Told::Heard(ProcessId(2), 6))]);
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
    assert_eq!(bad(|s| s.environment.processes = 0), "a world has 1 to 65536 processes, not 0");
    assert_eq!(bad(|s| s.environment.processes = 70_000), "a world has 1 to 65536 processes, not 70000");
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
