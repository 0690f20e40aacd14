//! FloodSet in lock-step rounds against every crash adversary, and by the clock.

mod common;

use common::{Alone, Indicate, Send, Set};
use std::collections::BTreeSet;
use synod_algorithms::consensus::FloodSet;
use synod_algorithms::consensus::flood_set::{Defect, Parameters};
use synod_check::rounds::{Faults, Input, LockStep, every_input};
use synod_check::system::System;
use synod_check::{Control, Options, SystemReport, check_system};
use synod_model::interface::{Decide, Propose};
use synod_model::{Group, InRound, Round, RoundEnds, Rounds};
use synod_properties::{Consensus, Verdict};

type Flood = FloodSet<u8>;
type World = LockStep<Flood, Consensus<u8>>;

fn inputs(n: u32, values: &[u8]) -> Vec<Input<Flood>> {
    let asked = |input: Vec<u8>| input.into_iter().map(|v| vec![Propose(v)]).collect();
    every_input(n, values).into_iter().map(asked).collect()
}

/// `n` processes that decide after `rounds` rounds, at most `f` of which crash.
fn world(n: u32, f: u32, rounds: u32, defect: Option<Defect>, inputs: Vec<Input<Flood>>) -> World {
    let parameters = Parameters { faulty_max: rounds - 1, defect };
    let (faults, monitor) = (Faults::crashes(f), Consensus::new(Group::first(n)));
    LockStep::new(n, parameters, inputs, faults, Round(rounds + 1), monitor)
}

fn check(world: &World) -> SystemReport<World> {
    check_system(world, &Options::default(), &mut |_| Control::Continue)
}

fn check_rounds(n: u32, f: u32, rounds: u32) -> SystemReport<World> {
    check(&world(n, f, rounds, None, inputs(n, &[0, 1])))
}

fn holds(report: &SystemReport<World>) -> bool {
    report.complete && report.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds)
}

fn breaks_agreement(report: &SystemReport<World>) -> bool {
    matches!(report.verdict("UC4"), Verdict::Violated { .. })
}

/// Lynch 1996 §6.2; Fischer, Lynch 1982: f + 1 rounds suffice, f do not.
#[test]
fn f_plus_one_rounds_suffice_and_f_do_not() {
    for (n, f) in [(3, 1), (4, 1), (4, 2)] {
        for rounds in 1..=f {
            assert!(breaks_agreement(&check_rounds(n, f, rounds)), "({n}, {f}) in {rounds} rounds");
        }
        let report = check_rounds(n, f, f + 1);
        assert!(holds(&report), "({n}, {f}): {:?}", report.verdicts);
        assert_eq!(report.depth, f + 1);
    }
}

/// Where f = n - 1, nobody is left to disagree after f rounds with a crash in each: the lower bound is for f < n - 1.
#[test]
fn if_all_but_one_may_crash_f_rounds_suffice() {
    assert!(breaks_agreement(&check_rounds(3, 2, 1)));
    for rounds in [2, 3] {
        assert!(holds(&check_rounds(3, 2, rounds)));
    }
}

#[test]
fn a_decision_is_owed_when_the_rounds_are_over() {
    let (monitor, faults) = (Consensus::new(Group::first(3)), Faults::crashes(1));
    let parameters = Parameters { faulty_max: 1, defect: None };
    let report = check(&LockStep::new(3, parameters, inputs(3, &[0, 1]), faults, Round(1), monitor));
    assert!(matches!(report.verdict("C1"), Verdict::Violated { .. }), "one round of two");
}

/// Distinct executions from one input, told apart by what the adversary does: one without a crash, and for each round one
/// for each process and each subset of the n - 1 others that it reaches.
fn executions(world: &World, state: &<World as System>::State) -> u64 {
    let mut next = Vec::new();
    world.steps(state, &mut |_, state| next.push(state));
    if next.is_empty() { 1 } else { next.iter().map(|state| executions(world, state)).sum() }
}

#[test]
fn one_crash_among_three_in_r_rounds_has_1_plus_12_r_executions() {
    for rounds in 1..=3 {
        let one_input = vec![vec![vec![Propose(0)], vec![Propose(1)], vec![Propose(1)]]];
        // judged by nobody, so that no execution ends early
        let world = LockStep::new(
            3,
            Parameters { faulty_max: rounds - 1, defect: None },
            one_input,
            Faults::crashes(1),
            Round(rounds),
            Consensus::new(Group::first(3)),
        );
        let mut starts = Vec::new();
        world.initial(&mut |state| starts.push(state));
        assert_eq!(starts.len(), 1);
        assert_eq!(executions(&world, &starts[0]), 1 + u64::from(rounds) * 3 * 4);
    }
}

/// (f + 1) n (n - 1) messages (Lynch 1996 §6.2).
#[test]
fn messages_are_f_plus_one_times_n_times_n_minus_one() {
    for (n, f, messages) in [(3, 1, 12), (5, 1, 40), (5, 2, 60)] {
        let world = world(n, 0, f + 1, None, inputs(n, &[0]));
        let mut sent = 0;
        world.initial(&mut |start| {
            let mut state = start;
            loop {
                sent += state.sent();
                let mut next = Vec::new();
                world.steps(&state, &mut |_, state| next.push(state));
                match next.pop() {
                    Some(only) => state = only,
                    None => break,
                }
                assert!(next.is_empty(), "without faults there is one execution");
            }
        });
        assert_eq!(sent, messages, "n = {n}, f = {f}");
    }
}

#[test]
fn the_twins_break_agreement() {
    let twin = |defect| check(&world(3, 1, 2, Some(defect), inputs(3, &[0, 1])));
    let hasty = twin(Defect::OneRoundFewer);
    assert!(breaks_agreement(&hasty));
    assert_eq!(hasty.counterexamples[0].steps.clone().len(), 1);
    let deaf = twin(Defect::NoFlooding);
    assert!(breaks_agreement(&deaf));
    assert_eq!(deaf.counterexamples[0].steps.clone().len(), 2);
}

/// Crash-stop is assumed: a process that omits to send in the last round alone splits the others.
#[test]
fn omissions_to_send_break_agreement() {
    let monitor = Consensus::new(Group::first(3));
    let parameters = Parameters { faulty_max: 1, defect: None };
    let omissions = Faults::omissions(1, true, false);
    let world: World = LockStep::new(3, parameters, inputs(3, &[0, 1]), omissions, Round(3), monitor);
    assert!(breaks_agreement(&check(&world)));
}

/// Nor may a process miss what is sent to it: it decides all the same, by what it has heard.
#[test]
fn omissions_to_receive_break_uniform_agreement() {
    let monitor = Consensus::new(Group::first(3));
    let parameters = Parameters { faulty_max: 1, defect: None };
    let omissions = Faults::omissions(1, false, true);
    let world: World = LockStep::new(3, parameters, inputs(3, &[0, 1]), omissions, Round(3), monitor);
    let report = check(&world);
    assert!(breaks_agreement(&report));
    let steps = report.counterexamples[0].steps.clone();
    let lost: Vec<_> = steps.iter().flat_map(|(round, _)| &round.lost).collect();
    assert!(lost.iter().all(|(_, to, _)| *to == lost[0].1), "one process alone misses messages: {lost:?}");
}

/// Every process by its own clock: what is sent in a round arrives before it ends, in whatever order.
#[test]
fn by_the_clock_all_decide_the_least_value() {
    let parameters = Parameters { faulty_max: 1, defect: None };
    let mut processes: Vec<_> = (0..3).map(|p| Alone::<Rounds<Flood>>::new(p, 3, parameters)).collect();
    let mut decided = vec![];
    for (p, process) in processes.iter_mut().enumerate() {
        assert_eq!(process.request(Propose(5 - p as u8)), []);
    }
    for round in 0..=2 {
        // the clocks strike one after the other: what the first sends then, the last hears before its own strikes
        for p in 0..3 {
            for did in processes[p].timer(RoundEnds(Round(round))) {
                match did {
                    Send(to, message) => assert_eq!(processes[to as usize].message(p as u32, message), []),
                    Indicate(decide) => decided.push(decide),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(decided, [Decide(3), Decide(3), Decide(3)]);
    assert!(processes.iter().all(|p| p.process.late() == 0));
}

fn tagged(round: u32, values: &[u8]) -> InRound<BTreeSet<u8>> {
    InRound { round: Round(round), message: values.iter().copied().collect() }
}

#[test]
fn by_the_clock_it_proposes_in_round_1_and_decides_at_the_end_of_the_last() {
    let parameters = Parameters { faulty_max: 1, defect: None };
    let (mut p, did) = Alone::<Rounds<Flood>>::start(1, 3, parameters);
    assert_eq!(did, [Set(RoundEnds(Round(0)))]);
    assert_eq!(p.request(Propose(5)), [], "before the first round");
    let flood = |round, values: &[u8]| {
        [Send(0, tagged(round, values)), Send(2, tagged(round, values)), Set(RoundEnds(Round(round)))]
    };
    assert_eq!(p.timer(RoundEnds(Round(0))), flood(1, &[5]));
    assert_eq!(p.message(0, tagged(2, &[3, 5])), [], "ahead of its round: kept for it");
    assert_eq!(p.message(2, tagged(1, &[7])), []);
    assert_eq!(p.timer(RoundEnds(Round(1))), flood(2, &[5, 7]));
    assert_eq!(p.message(0, tagged(1, &[1])), [], "too late");
    assert_eq!(p.process.late(), 1);
    assert_eq!(p.timer(RoundEnds(Round(2))), [Indicate(Decide(3))], "no clock is set any more");
    assert_eq!(p.message(0, tagged(3, &[1])), [], "it has halted");
}
