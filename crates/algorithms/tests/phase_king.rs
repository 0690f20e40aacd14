//! Phase King in lock-step rounds, against liars who tell each receiver something else.

use std::collections::BTreeSet;
use synod_algorithms::consensus::PhaseKing;
use synod_algorithms::consensus::phase_king::{Defect, Parameters};
use synod_check::rounds::{Between, Faults, InRound, Input, LockStep, every_input};
use synod_check::system::{Claim, Says, System};
use synod_check::{Control, Options, check_system};
use synod_model::interface::Propose;
use synod_model::{Group, ProcessId, Round};
use synod_properties::{Consensus, Monitor, Observation, Verdict};

type King = PhaseKing<u8>;
type World = LockStep<King, Consensus<u8>>;

/// By process: what it proposes, in every way; nothing is asked of the liar.
fn inputs(n: u32, liar: ProcessId) -> Vec<Input<King>> {
    let ask = |input: Vec<u8>| -> Input<King> {
        let ask = |(p, value)| if p == liar.index() { vec![] } else { vec![Propose(value)] };
        input.into_iter().enumerate().map(ask).collect()
    };
    every_input(n, &[0, 1]).into_iter().filter(|input| input[liar.index()] == 0).map(ask).collect()
}

fn world(n: u32, liar: u32, defect: Option<Defect>, monitor: Consensus<u8>) -> World {
    let parameters = Parameters { faulty_max: 1, defect };
    let liar = ProcessId(liar);
    LockStep::new(n, parameters, inputs(n, liar), Faults::lies(vec![liar], vec![0, 1]), Round(5), monitor)
}

fn judge(n: u32) -> Consensus<u8> {
    Consensus::new(Group::first(n))
}

/// Agreement alone: any value may be the liar's.
fn judge_agreement(n: u32, liar: u32) -> Consensus<u8> {
    let mut monitor = judge(n);
    for value in [0, 1] {
        let observation = Observation::Request { at: ProcessId(liar), request: &Propose(value) };
        monitor.observe(&observation).expect("a request breaks nothing");
    }
    monitor
}

/// The properties that a liar in one of these places breaks.
fn broken(n: u32, liars: std::ops::Range<u32>, defect: Option<Defect>) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    for liar in liars {
        let report =
            check_system(&world(n, liar, defect, judge(n)), &Options::default(), &mut |_| Control::Continue);
        let violated = report.verdicts.iter().filter(|(_, v)| matches!(v, Verdict::Violated { .. }));
        broken.extend(violated.map(|(property, _)| property.id));
        if report.counterexamples.is_empty() {
            assert!(report.complete, "{:?}", report.stopped);
            let phases = if defect == Some(Defect::OnePhaseFewer) { 1 } else { 2 };
            assert_eq!(report.depth, 2 * phases, "two rounds a phase");
            assert!(
                report.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds),
                "{:?}",
                report.verdicts
            );
        }
    }
    broken
}

/// Berman, Garay, Perry 1989: n > 4f suffices for this algorithm.
#[test]
fn among_five_a_liar_in_any_place_breaks_nothing() {
    assert!(broken(5, 0..5, None).is_empty());
}

#[test]
fn among_four_a_liar_breaks_it() {
    assert!(!broken(4, 0..4, None).is_empty());
}

#[test]
fn the_twins_are_broken() {
    for defect in [Defect::TrustsTheLastKing, Defect::LowThreshold, Defect::OnePhaseFewer] {
        assert!(!broken(5, 0..2, Some(defect)).is_empty(), "{defect:?}");
    }
}

/// One phase is enough unless its king lies; a majority is not, whoever lies.
#[test]
fn the_twins_break_agreement_under_the_liars_that_matter() {
    let agreement = |defect, liar| {
        let world = world(5, liar, Some(defect), judge_agreement(5, liar));
        let report = check_system(&world, &Options::default(), &mut |_| Control::Continue);
        *report.verdict("UC4") == Verdict::Holds
    };
    assert_eq!([0, 1, 4].map(|liar| agreement(Defect::OnePhaseFewer, liar)), [false, true, true]);
    assert_eq!([0, 1, 4].map(|liar| agreement(Defect::LowThreshold, liar)), [false; 3]);
}

/// A world in which nobody is told different things in the last round.
struct OneTongue(World);

impl System for OneTongue {
    type State = Between<King, Consensus<u8>>;
    type Action = InRound<u8>;

    fn initial(&self, each: &mut impl FnMut(Self::State)) {
        self.0.initial(each);
    }

    fn steps(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Self::State)) {
        self.0.steps(state, &mut |action, next| {
            if action.round < Round(4) || !equivocates(&action, 4) {
                each(action, next);
            }
        });
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![Claim::new(
            "agreement",
            "agreement",
            Says::Always(|_, state: &Self::State| state.broken.is_none()),
        )]
    }
}

/// Whether of `receivers` one is told something else than another, or told nothing.
fn equivocates(action: &InRound<u8>, receivers: usize) -> bool {
    let said: BTreeSet<_> = action.lies.iter().map(|(_, _, value)| value).collect();
    said.len() > 1 || (said.len() == 1 && action.lies.len() < receivers)
}

#[test]
fn only_an_equivocation_in_the_last_round_breaks_agreement_where_the_last_king_is_trusted() {
    let twin = |liar| world(5, liar, Some(Defect::TrustsTheLastKing), judge_agreement(5, liar));
    for liar in 0..5 {
        let report = check_system(&OneTongue(twin(liar)), &Options::default(), &mut |_| Control::Continue);
        assert_eq!(*report.verdict("agreement"), Verdict::Holds, "p{liar} tells all the same in the end");
        assert!(report.complete);
    }
    let report = check_system(&twin(1), &Options::default(), &mut |_| Control::Continue);
    assert!(matches!(report.verdict("UC4"), Verdict::Violated { .. }));
    let steps = report.counterexamples[0].steps.clone();
    assert_eq!(steps.len(), 4);
    assert!(equivocates(&steps[3].0, 4), "{:?}", steps[3].0);
}

/// (f + 1) (n² - 1) messages.
#[test]
fn messages_are_f_plus_one_times_n_squared_minus_one() {
    for (n, f, messages) in [(5, 1, 48), (9, 2, 240)] {
        let parameters = Parameters { faulty_max: f, defect: None };
        let input: Input<King> = (0..n).map(|p| vec![Propose(u8::from(p % 2 == 0))]).collect();
        let world: World = LockStep::new(n, parameters, vec![input], Faults::NONE, Round(20), judge(n));
        let (mut sent, mut rounds, mut state) = (0, 0, None);
        world.initial(&mut |start| state = Some(start));
        let mut state = state.expect("one start");
        loop {
            sent += state.sent();
            let mut next = Vec::new();
            world.steps(&state, &mut |_, state| next.push(state));
            let Some(only) = next.pop() else { break };
            (state, rounds) = (only, rounds + 1);
        }
        assert_eq!((sent, rounds), (messages, 2 * (f + 1)), "n = {n}, f = {f}");
        assert!(state.monitor.decided().is_some());
    }
}
