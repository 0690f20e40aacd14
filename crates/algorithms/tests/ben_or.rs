//! Ben-Or's consensus: agreement by the checker, the power of its coins as a game against the scheduler.

use synod_algorithms::consensus::BenOr;
use synod_algorithms::consensus::ben_or::{Defect, Parameters};
use synod_check::chance::{
    AlmostSurely, CutOff, Explored, Extreme, Game as _, Interval, Precision, WorldState, Worlds,
};
use synod_check::{Control, Options, check};
use synod_kernel::{Budget, Environment, Random, Seat, Setting};
use synod_model::failure::FailureKind;
use synod_model::interface::Propose;
use synod_model::oracle::OracleKind;
use synod_model::{Group, Round};
use synod_properties::{Consensus, Verdict};

/// Processes that propose these, of which `f` may crash and `stops` do; they give up after `rounds` rounds.
fn setting(proposals: &[bool], f: u32, stops: u32, rounds: u32, defect: Option<Defect>) -> Setting<BenOr> {
    let mut environment = Environment::benign(proposals.len() as u32);
    environment.links.ignored_stay = true;
    environment.oracles.granted.insert(OracleKind::LocalCoin);
    if stops > 0 {
        environment.failures.kind = FailureKind::CrashStop;
        environment.failures.stops = Budget::AtMost(stops);
    }
    let parameters = Parameters { faulty_max: f, rounds_max: Some(Round(rounds)), defect };
    let requests = proposals.iter().map(|&value| vec![Propose(value)]).collect();
    Setting::new(environment, parameters, requests)
}

fn judge() -> Consensus<bool> {
    Consensus::new(Group::first(3))
}

const MIXED: [bool; 3] = [false, false, true];

/// Agreement is for every fall of the coins.
#[test]
fn safety_is_for_certain() {
    for (f, stops, rounds, states) in [(1, 1, 1, 66_267), (0, 0, 2, 17_412)] {
        let setting = setting(&MIXED, f, stops, rounds, None);
        let report = check(&setting, &judge(), |_| 0, &Options::default(), &mut |_| Control::Continue);
        assert!(report.complete);
        for property in ["C2", "C3", "UC4", "decided"] {
            assert_eq!(*report.verdict(property), Verdict::Holds, "{property}");
        }
        let worlds = Worlds::new(&setting, judge(), |_| 0);
        assert_eq!(
            (report.states, explored(&worlds).scope().states),
            (states, states),
            "as many as the game has"
        );
    }
}

type Game<'a> = Worlds<'a, BenOr, Consensus<bool>>;
type Seen = WorldState<BenOr, Consensus<bool>>;

fn explored<'a>(worlds: &'a Game<'a>) -> Explored<'a, Game<'a>> {
    Explored::new(worlds, 1 << 20, &mut |_| Control::Continue).expect("small enough")
}

/// Those that did not crash.
fn up(state: &Seen) -> impl Iterator<Item = &BenOr> + Clone {
    state.world.seats.iter().filter_map(Seat::local)
}

/// All that did not crash have ended the round, with the same value.
fn all_equal(state: &Seen) -> bool {
    let same = |value| up(state).all(|p| p.has_ended() && p.preferred() == Some(value));
    same(false) || same(true)
}

/// The least and the greatest probability, over the schedules and crashes, of being equal after one round.
fn equal_after_a_round(f: u32, stops: u32) -> [Interval; 2] {
    let setting = setting(&MIXED, f, stops, 1, None);
    let worlds = Worlds::new(&setting, judge(), |_| 0);
    let explored = explored(&worlds);
    let broken = |state: &Seen| matches!(state.cut_off, Some(CutOff::Broken(_)));
    let never = explored.probability(Extreme::Greatest, broken, Precision::default());
    assert_eq!(never.value, Interval::exactly(0.0));
    [Extreme::Least, Extreme::Greatest]
        .map(|e| explored.probability(e, all_equal, Precision::default()).value)
}

/// Ben-Or 1983: whatever the adversary does, the coins may all fall to the side that one process saw proposed.
#[test]
fn with_mixed_proposals_all_are_equal_after_a_round_with_probability_an_eighth_at_least_and_one_at_most() {
    for stops in [0, 1] {
        let [least, greatest] = equal_after_a_round(1, stops);
        assert!(least.contains(0.125) && least.width() < 1e-9, "{least:?}");
        assert_eq!(greatest, Interval::exactly(1.0));
    }
}

/// Where everybody waits for everybody, all see the same majority.
#[test]
fn without_faults_no_coin_is_flipped() {
    assert_eq!(equal_after_a_round(0, 0), [Interval::exactly(1.0); 2]);
}

#[test]
fn equal_proposals_are_decided_in_a_round_whatever_the_adversary_does_and_mixed_ones_are_not() {
    let surely = |proposals: &[bool]| {
        let setting = setting(proposals, 1, 0, 1, None);
        let worlds = Worlds::new(&setting, judge(), |_| 0);
        let decided = |state: &Seen| up(state).all(BenOr::has_decided);
        match explored(&worlds).almost_surely(decided) {
            AlmostSurely::Holds => true,
            AlmostSurely::Escapes(escape) => {
                let (end, actions) = &escape.stays[0];
                assert!(actions.is_empty() && up(end).all(BenOr::has_ended), "they give up");
                false
            }
        }
    };
    assert!(surely(&[true; 3]));
    assert!(!surely(&MIXED));
}

/// The step on which agreement hangs: once a process has decided v, all that end the round prefer v.
fn a_decision_binds(defect: Option<Defect>) -> bool {
    let setting = setting(&MIXED, 1, 0, 1, defect);
    let worlds = Worlds::new(&setting, judge(), |_| 0);
    let torn = |state: &Seen| {
        let differs = |p: &BenOr| up(state).any(|q| q.has_ended() && q.preferred() != p.preferred());
        up(state).any(|p| p.has_decided() && differs(p))
    };
    explored(&worlds).probability(Extreme::Greatest, torn, Precision::default()).value
        == Interval::exactly(0.0)
}

#[test]
fn a_decision_binds_the_others_but_not_those_of_the_twins() {
    assert!(a_decision_binds(None));
    assert!(!a_decision_binds(Some(Defect::DecidesOnOne)));
    assert!(!a_decision_binds(Some(Defect::FlipsRegardless)));
}

/// Walks at random until a property is broken.
fn walk(defect: Option<Defect>, walks: u64) -> Option<String> {
    let setting = setting(&MIXED, 1, 0, 2, defect);
    let worlds = Worlds::new(&setting, judge(), |_| 0);
    let mut random = Random::new(7);
    for _ in 0..walks {
        let mut at = None;
        worlds.initial(&mut |state| at = Some(state));
        loop {
            let state = at.take().expect("a walk is somewhere");
            if let Some(CutOff::Broken(violation)) = state.cut_off {
                return Some(violation.property);
            }
            let mut ways = Vec::new();
            worlds.actions(&state, &mut |_, distribution| ways.push(distribution));
            if ways.is_empty() {
                break;
            }
            let way = ways.swap_remove(random.below(ways.len() as u64) as usize);
            let place = random.below(way.outcomes().len() as u64) as usize;
            at = way.outcomes().nth(place).map(|(_, state)| state.clone());
        }
    }
    None
}

#[test]
fn the_twins_disagree_in_the_second_round() {
    assert_eq!(walk(None, 300), None);
    for defect in [Defect::DecidesOnOne, Defect::FlipsRegardless] {
        assert_eq!(walk(Some(defect), 20_000).as_deref(), Some("UC4"), "{defect:?}");
    }
}
