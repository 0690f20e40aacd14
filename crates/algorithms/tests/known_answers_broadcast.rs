//! Broadcasts, explored in full: what holds, and what the textbook says does not.

mod explored;

use synod_algorithms::broadcast::{
    BestEffortBroadcast, Broadcast, EagerReliableBroadcast, MajorityAckBroadcast, best_effort,
    eager_reliable, majority_ack,
};
use synod_kernel::{Environment, Setting};
use synod_model::Process;
use synod_properties::broadcast::BroadcastMonitor;

use explored::*;

fn broadcasts<P>(environment: Environment, parameters: P::Parameters) -> Setting<P>
where
    P: Process<Request = Broadcast<char>>,
{
    Setting::new(environment, parameters, vec![vec![Broadcast('a')]])
}

#[test]
fn best_effort_broadcast_keeps_beb1_to_beb3_and_not_rb4() {
    let beb = |defect| {
        let parameters = best_effort::Parameters { defect };
        broadcasts::<BestEffortBroadcast<char>>(crash_stop(3, 1), parameters)
    };
    holds(&beb(None), &BroadcastMonitor::best_effort(3));
    refuted(&beb(None), &BroadcastMonitor::reliable(3), "RB4");
    refuted(&beb(Some(best_effort::Defect::SkipsTheLast)), &BroadcastMonitor::best_effort(3), "BEB1");
}

fn eager(f: u32, defect: Option<eager_reliable::Defect>) -> Setting<EagerReliableBroadcast<char>> {
    broadcasts(crash_stop(3, f), eager_reliable::Parameters { defect })
}

#[test]
fn eager_reliable_broadcast_keeps_rb1_to_rb4() {
    let states = [1, 2].map(|f| holds(&eager(f, None), &BroadcastMonitor::reliable(3)));
    assert_eq!(states, [1_635, 1_746]);
    let relays_first = eager(1, Some(eager_reliable::Defect::RelaysFirst));
    holds(&relays_first, &BroadcastMonitor::reliable(3));
}

#[test]
fn those_who_do_not_broadcast_can_take_each_others_place_unless_one_is_forgotten() {
    let eager = by_symmetry(&eager(1, None), &BroadcastMonitor::reliable(3)).expect("it is reduced");
    assert_eq!((eager.permutations, eager.complete), (2, true));
    assert!(eager.states > 1_635 / 2 && eager.states < 1_635 * 11 / 20, "{eager}");
    let parameters = best_effort::Parameters { defect: Some(best_effort::Defect::SkipsTheLast) };
    let forgetful = broadcasts::<BestEffortBroadcast<char>>(crash_stop(3, 1), parameters);
    assert!(by_symmetry(&forgetful, &BroadcastMonitor::best_effort(3)).is_none(), "p2 is told apart");
}

#[test]
fn eager_reliable_broadcast_is_not_uniform_even_if_it_relays_before_it_delivers() {
    for defect in [None, Some(eager_reliable::Defect::RelaysFirst)] {
        refuted(&eager(1, defect), &BroadcastMonitor::uniform(3), "URB4");
    }
}

#[test]
fn rb4_fails_without_the_relay() {
    let twin = eager(1, Some(eager_reliable::Defect::NoRelay));
    refuted(&twin, &BroadcastMonitor::reliable(3), "RB4");
}

fn majority_ack(n: u32, defect: Option<majority_ack::Defect>) -> Setting<MajorityAckBroadcast<char>> {
    broadcasts(crash_stop(n, 1), majority_ack::Parameters { defect })
}

#[test]
fn majority_ack_broadcast_is_uniform_with_a_correct_majority() {
    let states = holds(&majority_ack(3, None), &BroadcastMonitor::uniform(3));
    assert_eq!(states, 735);
}

#[test]
fn urb4_fails_if_the_first_acknowledgement_is_enough() {
    let twin = majority_ack(3, Some(majority_ack::Defect::DeliversOnFirstAck));
    refuted(&twin, &BroadcastMonitor::uniform(3), "URB4");
}

#[test]
fn majority_ack_broadcast_that_waits_for_all_is_uniform_and_stuck_when_one_stops() {
    let twin = majority_ack(3, Some(majority_ack::Defect::WaitsForAll));
    stuck(&twin, &BroadcastMonitor::uniform(3), "URB1", &["URB2", "URB3"]);
}

#[test]
fn majority_ack_broadcast_of_two_is_stuck_when_one_stops() {
    refuted(&majority_ack(2, None), &BroadcastMonitor::uniform(2), "URB1");
}
