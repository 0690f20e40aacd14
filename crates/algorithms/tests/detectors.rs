//! Leader detectors, sentence by sentence.

mod common;

use common::{Alone, Indicate, Send, Set, Store};
use std::time::Duration;
use synod_algorithms::detectors::elect_lower_epoch::{Defect, Heartbeat, Timer};
use synod_algorithms::detectors::omega::Trusted;
use synod_algorithms::detectors::{
    DetectorParameters, ElectLowerEpoch, Epoch, EventuallyPerfectLeader, FreshnessPoints, LeaderDetector,
    OmegaOracle, Suspicion, Swim, Trust, freshness_points, swim,
};
use synod_model::{Event, ProcessId, Timeout};

const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

fn beat(epoch: u64) -> Heartbeat {
    Heartbeat(Epoch(epoch))
}

fn elect() -> Alone<ElectLowerEpoch> {
    Alone::new(2, 3, DetectorParameters::default())
}

#[test]
fn elect_lower_epoch_stores_its_epoch_before_it_speaks_of_it() {
    let (mut p, did) = Alone::<ElectLowerEpoch>::start(1, 2, DetectorParameters::default());
    let start = |epoch| {
        let heartbeats = [Send(0, beat(epoch)), Send(1, beat(epoch))];
        let timers = [Set(Timer::Heartbeat), Set(Timer::Timeout)];
        [&[Indicate(Trust(P[0])), Store(Epoch(epoch))], &heartbeats[..], &timers].concat()
    };
    assert_eq!(did, start(1));
    assert_eq!(p.restart(), start(2));
    assert_eq!(p.restart(), start(3));
}

#[test]
fn elect_lower_epoch_from_an_empty_disk_recovers_as_it_starts() {
    let (mut p, did) = Alone::<ElectLowerEpoch>::start(1, 2, DetectorParameters::default());
    p.disk = synod_model::Whole::default();
    assert_eq!(p.restart(), did);
}

#[test]
fn elect_lower_epoch_trusts_the_lowest_epoch_then_the_lowest_identity() {
    let mut p = elect();
    p.message(0, beat(2));
    p.message(1, beat(1));
    p.message(2, beat(1));
    assert_eq!(p.timer(Timer::Timeout)[0], Indicate(Trust(P[1])));
}

#[test]
fn elect_lower_epoch_takes_the_highest_epoch_that_each_spoke_of() {
    let mut p = elect();
    p.message(2, beat(2));
    for epoch in [1, 3, 1] {
        p.message(1, beat(epoch));
    }
    assert_eq!(p.timer(Timer::Timeout)[0], Indicate(Trust(P[2])));
}

#[test]
fn elect_lower_epoch_says_nothing_new_about_the_same_leader_or_when_nobody_was_heard() {
    let mut p = elect();
    assert_eq!(p.timer(Timer::Timeout), [Set(Timer::Timeout)], "the leader stays");
    p.message(0, beat(1));
    assert_eq!(p.timer(Timer::Timeout), [Set(Timer::Timeout)]);
}

#[test]
fn elect_lower_epoch_speaks_at_a_period_apart_from_its_delay() {
    let mut p = elect();
    let heartbeat = [Send(0, beat(1)), Send(1, beat(1)), Send(2, beat(1)), Set(Timer::Heartbeat)];
    for _ in 0..3 {
        assert_eq!(p.timer(Timer::Heartbeat), heartbeat);
    }
    let DetectorParameters { period, timeout, .. } = DetectorParameters::default();
    assert!(period < timeout.initial, "a leader is heard in the first delay already");
}

#[test]
fn elect_lower_epoch_forgets_its_candidates_with_the_delay() {
    let mut p = elect();
    p.message(0, beat(1));
    p.timer(Timer::Timeout);
    p.message(1, beat(9));
    assert_eq!(p.timer(Timer::Timeout)[0], Indicate(Trust(P[1])));
}

#[test]
fn elect_lower_epoch_has_finitely_many_states_once_its_delay_saturates() {
    let second = Duration::from_secs(1);
    let timeout = Timeout { initial: second, increment: second, max: 3 * second };
    let mut p = Alone::<ElectLowerEpoch>::new(2, 3, DetectorParameters { timeout, ..Default::default() });
    let mut flap = |leader| {
        p.message(leader, beat(1));
        p.timer(Timer::Timeout);
        p.process.clone()
    };
    flap(1);
    flap(0);
    let saturated = [flap(1), flap(0)];
    assert_eq!([flap(1), flap(0)], saturated);
}

fn twin(defect: Defect) -> DetectorParameters {
    DetectorParameters { defect: Some(defect), ..DetectorParameters::default() }
}

#[test]
fn the_twin_that_stores_no_epoch_starts_with_epoch_1_each_time() {
    let (mut p, did) = Alone::<ElectLowerEpoch>::start(0, 1, twin(Defect::EpochNotStored));
    assert_eq!(did, [Indicate(Trust(P[0])), Send(0, beat(1)), Set(Timer::Heartbeat), Set(Timer::Timeout)]);
    assert_eq!(p.restart(), did);
}

#[test]
fn the_twin_that_keeps_candidates_trusts_whom_it_no_longer_hears() {
    let mut p = Alone::<ElectLowerEpoch>::new(2, 3, twin(Defect::CandidatesKept));
    p.message(0, beat(1));
    p.timer(Timer::Timeout);
    p.message(1, beat(1));
    assert_eq!(p.timer(Timer::Timeout), [Set(Timer::Timeout)]);
}

#[test]
fn the_twin_that_prefers_itself_trusts_itself_among_equals() {
    let mut p = Alone::<ElectLowerEpoch>::new(2, 3, twin(Defect::PrefersItself));
    p.message(1, beat(1));
    p.message(2, beat(1));
    assert_eq!(p.timer(Timer::Timeout)[0], Indicate(Trust(P[2])));
    p.message(1, beat(1));
    p.message(2, beat(2));
    assert_eq!(p.timer(Timer::Timeout)[0], Indicate(Trust(P[1])), "but not above a lower epoch");
}

#[test]
fn omega_tells_what_the_oracle_outputs() {
    let (mut p, did) = Alone::<OmegaOracle>::start(0, 3, DetectorParameters::default());
    assert_eq!(did, P.map(|p| Set(Trusted(p))));
    assert_eq!(p.timer(Trusted(P[2])), [Indicate(Trust(P[2]))]);
    assert_eq!(p.restart(), did, "it consults the oracle anew");
}

#[test]
fn the_eventually_perfect_leader_is_the_lowest_that_is_not_suspected() {
    let (mut p, did) = Alone::<EventuallyPerfectLeader>::start(1, 3, DetectorParameters::default());
    assert_eq!(did.last(), Some(&Indicate(Trust(P[0]))), "nobody is suspected at first");
    assert_eq!(p.timer(Suspicion::Suspect(P[1])), [], "the leader is the same");
    assert_eq!(p.timer(Suspicion::Suspect(P[0])), [Indicate(Trust(P[2]))]);
    assert_eq!(p.timer(Suspicion::Suspect(P[2])), [], "all are suspected: the leader stays");
    assert_eq!(p.timer(Suspicion::Restore(P[0])), [Indicate(Trust(P[0]))]);
}

#[test]
fn heartbeats_and_oracles_are_leader_detectors_alike() {
    fn first_leader<D: LeaderDetector>(fire: Option<Event<D::Message, D::Timer, D::Request>>) -> Trust {
        let (mut p, mut did) = Alone::<D>::start(0, 3, DetectorParameters::default());
        if let Some(Event::Timer(timer)) = fire {
            did.extend(p.timer(timer));
        }
        let told = did.into_iter().find_map(|d| if let Indicate(trust) = d { Some(trust) } else { None });
        told.expect("it trusts somebody")
    }
    assert_eq!(first_leader::<ElectLowerEpoch>(None), Trust(P[0]));
    assert_eq!(first_leader::<EventuallyPerfectLeader>(None), Trust(P[0]));
    assert_eq!(first_leader::<OmegaOracle>(Some(Event::Timer(Trusted(P[1])))), Trust(P[1]));
}

#[test]
fn freshness_points_suspect_whoever_has_no_heartbeat_that_is_fresh_then() {
    use freshness_points::{Heartbeat, Timer};
    let mut p = Alone::<FreshnessPoints>::new(0, 2, freshness_points::Parameters::default());
    assert_eq!(p.timer(Timer::Heartbeat), [Set(Timer::Heartbeat), Send(1, Heartbeat(1))]);
    assert_eq!(p.message(1, Heartbeat(1)), []);
    assert_eq!(p.timer(Timer::Freshness), [Set(Timer::Freshness)]);
    let suspects = [Set(Timer::Freshness), Indicate(Suspicion::Suspect(P[1]))];
    assert_eq!(p.timer(Timer::Freshness), suspects, "the second heartbeat is not here");
    assert_eq!(p.timer(Timer::Freshness), [Set(Timer::Freshness)], "once");
    assert_eq!(p.message(1, Heartbeat(2)), [], "too old");
    assert_eq!(p.message(1, Heartbeat(4)), [Indicate(Suspicion::Restore(P[1]))]);
    assert_eq!(p.timer(Timer::Freshness), [Set(Timer::Freshness)], "the fourth is fresh at the fourth point");
}

#[test]
fn swim_asks_others_before_it_suspects() {
    use swim::{Message, Probe, Timer};
    let (mut p, did) = Alone::<Swim>::start(0, 3, swim::Parameters::default());
    let probe = |period| Probe { by: P[0], period };
    assert_eq!(did, [Set(Timer::Period), Send(1, Message::Ping(probe(1))), Set(Timer::Timeout)]);
    assert_eq!(p.timer(Timer::Timeout), [Send(2, Message::PingReq(probe(1), P[1]))]);
    let suspects = Indicate(Suspicion::Suspect(P[1]));
    let again = [suspects, Set(Timer::Period), Send(1, Message::Ping(probe(2))), Set(Timer::Timeout)];
    assert_eq!(p.timer(Timer::Period), again);
    assert_eq!(p.message(2, Message::Ack(probe(1))), [], "its period is over");
    assert_eq!(p.message(1, Message::Ack(probe(2))), [Indicate(Suspicion::Restore(P[1]))]);
    assert_eq!(p.timer(Timer::Timeout), [], "it has answered");
}

#[test]
fn swim_probes_on_behalf_of_others_and_passes_the_answer_on() {
    use swim::{Message, Probe};
    let mut p = Alone::<Swim>::new(2, 3, swim::Parameters::default());
    let probe = Probe { by: P[0], period: 4 };
    assert_eq!(p.message(0, Message::PingReq(probe, P[1])), [Send(1, Message::Ping(probe))]);
    assert_eq!(p.message(1, Message::Ack(probe)), [Send(0, Message::Ack(probe))]);
    assert_eq!(p.message(1, Message::Ping(probe)), [Send(1, Message::Ack(probe))]);
    let vouching = swim::Parameters { defect: Some(swim::Defect::Vouches), ..swim::Parameters::default() };
    let mut twin = Alone::<Swim>::new(2, 3, vouching);
    assert_eq!(twin.message(0, Message::PingReq(probe, P[1])), [Send(0, Message::Ack(probe))]);
}
