//! Liveness claims of plain systems with known answers: what other tools are known to get wrong, and three algorithms of
//! the literature, each with what breaks it.

mod fair_models;

use fair_models::{Ewd426, Ewd840, Lock, PETERSON_FAIR, PETERSON_UNFAIR, Peterson, replay};
use synod_check::system::{Claim, Justice, Predicate, Says, System};
use synod_check::{Control, Options, SystemReport, check_system};
use synod_properties::Verdict;

/// A system given by its edges: (from, to, what is owed to it), initially in 0.
struct Edges {
    edges: Vec<(u8, u8, Justice)>,
    claims: Vec<(&'static str, Says<Self>)>,
}

impl System for Edges {
    type State = u8;
    type Action = (u8, Justice);
    fn initial(&self, each: &mut impl FnMut(u8)) {
        each(0);
    }
    fn steps(&self, state: &u8, each: &mut impl FnMut(Self::Action, u8)) {
        self.edges.iter().filter(|e| e.0 == *state).for_each(|&(_, to, justice)| each((to, justice), to));
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        self.claims.iter().map(|&(id, says)| Claim::new(id, id, says)).collect()
    }
    fn within(&self, state: &u8) -> bool {
        *state < 100
    }
    fn fairness(&self, action: &Self::Action) -> Justice {
        action.1
    }
}

/// Progress: some step is taken where one is enabled.
const PROGRESS: Justice = Justice::Weak(0);
const IS_ONE: Predicate<Edges> = |_, s| *s == 1;
const IS_NOT_ONE: Predicate<Edges> = |_, s| *s != 1;

fn judge(edges: &[(u8, u8, Justice)], says: &[(&'static str, Says<Edges>)]) -> SystemReport<Edges> {
    checked(&Edges { edges: edges.to_vec(), claims: says.to_vec() })
}

/// The report, after each counterexample was replayed.
fn checked<S: System>(system: &S) -> SystemReport<S> {
    let report = check_system(system, &Options::default(), &mut |_| Control::Continue);
    for claim in system.claims() {
        if let Verdict::Violated { .. } = report.verdict(claim.property.id) {
            let run = report.counterexample_to(claim.property.id).expect("what is violated is shown");
            replay(system, &claim, run);
        }
    }
    report
}

fn holds<S: System>(report: &SystemReport<S>, id: &str) -> bool {
    match report.verdict(id) {
        Verdict::Holds => true,
        Verdict::Violated { .. } => false,
        Verdict::Unknown { why } => panic!("{id}: {why}"),
    }
}

/// The states of the counterexample, and from which place on it repeats itself.
fn run<S: System>(report: &SystemReport<S>, id: &str) -> (Vec<S::State>, usize) {
    let run = report.counterexample_to(id).expect("a counterexample");
    let states = std::iter::once(run.start.clone()).chain(run.steps.iter().map(|s| s.1.clone())).collect();
    (states, run.cycle_from.expect("a lasso"))
}

/// A search that looks at `eventually` only where a run ends has nothing to look at on a cycle (stateright's
/// documentation of `Property::eventually` says so).
#[test]
fn unsoundness_1_an_eventually_is_not_missed_on_a_cycle() {
    let edges = [(0, 2, PROGRESS), (2, 3, PROGRESS), (3, 2, PROGRESS), (3, 1, PROGRESS)];
    let report = judge(&edges, &[("GOAL", Says::Eventually(IS_ONE))]);
    assert_eq!(run(&report, "GOAL"), (vec![0, 2, 3, 2], 1));
    // strong fairness for the way out forces it
    let edges = [(0, 2, PROGRESS), (2, 3, PROGRESS), (3, 2, PROGRESS), (3, 1, Justice::Strong(1))];
    assert!(holds(&judge(&edges, &[("GOAL", Says::Eventually(IS_ONE))]), "GOAL"));
}

/// A search that carries "already satisfied" along its paths, and expands a state once, forgets the second path to a
/// state that was first reached on one that satisfied the claim.
#[test]
fn unsoundness_2_an_eventually_is_not_missed_where_two_paths_join() {
    // 1 is the goal; 3 is first reached through it
    let edges = [(0, 1, PROGRESS), (0, 2, PROGRESS), (1, 3, PROGRESS), (2, 3, PROGRESS), (3, 4, PROGRESS)];
    let report = judge(&edges, &[("GOAL", Says::Eventually(IS_ONE))]);
    assert_eq!(run(&report, "GOAL"), (vec![0, 2, 3, 4], 3));
    let edges: Vec<_> = edges.into_iter().filter(|e| e.1 != 2).collect();
    assert!(holds(&judge(&edges, &[("GOAL", Says::Eventually(IS_ONE))]), "GOAL"));
}

/// "From some point on always" and its contrary cannot both hold of a system that has a run.
#[test]
fn unsoundness_3_contradictory_eventually_always_are_not_both_held() {
    let claims = [("IN", Says::EventuallyAlways(IS_ONE)), ("OUT", Says::EventuallyAlways(IS_NOT_ONE))];
    // back and forth for ever: neither
    let report = judge(&[(0, 1, PROGRESS), (1, 0, PROGRESS)], &claims);
    assert_eq!(["IN", "OUT"].map(|id| holds(&report, id)), [false, false]);
    // there for ever: one
    let report = judge(&[(0, 1, PROGRESS), (0, 2, PROGRESS), (2, 0, PROGRESS)], &claims);
    assert_eq!(["IN", "OUT"].map(|id| holds(&report, id)), [false, false]);
    let report = judge(&[(0, 2, PROGRESS), (2, 1, PROGRESS)], &claims);
    assert_eq!(["IN", "OUT"].map(|id| holds(&report, id)), [true, false]);
    let report =
        judge(&[(0, 2, PROGRESS), (2, 0, PROGRESS), (0, 1, Justice::None), (1, 3, PROGRESS)], &claims);
    assert_eq!(["IN", "OUT"].map(|id| holds(&report, id)), [false, true]);
}

/// A fairness assumption over all processes makes the faulty ones cooperate: a protocol that waits for all of them then
/// passes. Steps of faulty processes are owed nothing, however long they are enabled.
#[test]
fn unsoundness_4_fairness_does_not_force_the_faulty_to_cooperate() {
    // 0: nobody has voted; 2: the correct process has; 3: the faulty one has; 1: both have, decided
    let votes = |faulty| {
        let correct = Justice::Weak(1);
        [(0, 2, correct), (0, 3, faulty), (2, 1, faulty), (3, 1, correct)]
    };
    let claim = [("DECIDES", Says::Eventually(IS_ONE))];
    assert!(holds(&judge(&votes(Justice::Weak(2)), &claim), "DECIDES"), "were both correct");
    assert!(holds(&judge(&votes(Justice::Strong(2)), &claim), "DECIDES"), "were both correct");
    let report = judge(&votes(Justice::None), &claim);
    assert_eq!(run(&report, "DECIDES"), (vec![0, 2], 1), "it stops while the faulty one's step is enabled");
    // the correct one's own steps are forced all the same
    assert!(holds(&judge(&[(0, 2, Justice::None), (0, 1, PROGRESS), (2, 1, PROGRESS)], &claim), "DECIDES"));
}

#[test]
fn a_step_that_changes_nothing_is_no_step() {
    // a weak class that only ever changes nothing neither keeps the run from stopping nor serves anything
    let report =
        judge(&[(0, 0, Justice::Weak(1)), (0, 1, Justice::None)], &[("GOAL", Says::Eventually(IS_ONE))]);
    assert_eq!(run(&report, "GOAL"), (vec![0], 0));
    let report = judge(&[(0, 0, PROGRESS), (0, 1, PROGRESS)], &[("GOAL", Says::Eventually(IS_ONE))]);
    assert!(holds(&report, "GOAL"));
}

#[test]
fn what_leaves_the_kept_states_leaves_the_verdict_open() {
    let edges = [(0, 1, PROGRESS), (0, 100, PROGRESS), (1, 2, PROGRESS)];
    let claims = [
        ("GOAL", Says::Eventually(IS_ONE)),
        ("STAYS", Says::EventuallyAlways(IS_ONE)),
        ("AFTER", Says::LeadsTo(IS_ONE, |_, s| *s == 2)),
        ("NEVER", Says::LeadsTo(|_, s| *s == 9, IS_ONE)),
    ];
    let report = judge(&edges, &claims);
    assert!(matches!(report.verdict("GOAL"), Verdict::Unknown { .. }), "{:?}", report.verdicts);
    assert!(!holds(&report, "STAYS"), "a run within what was explored breaks it");
    assert!(holds(&report, "AFTER"), "no run that matters leaves");
    assert!(report.verdict("NEVER").is_vacuous());
    let system = Edges { edges: vec![(0, 2, PROGRESS), (2, 1, PROGRESS)], claims: claims.to_vec() };
    let one = Options { states_max: 1, ..Options::default() };
    let cut = check_system(&system, &one, &mut |_| Control::Continue);
    let why = "not complete: the limit of 1 states".to_owned();
    assert_eq!(cut.verdict("GOAL"), &Verdict::Unknown { why });
}

#[test]
fn a_lock_released_again_and_again_starves_under_weak_fairness_and_not_under_strong() {
    assert!(!holds(&checked(&Lock { patient: Justice::Weak(1) }), "ENTERS"));
    assert!(holds(&checked(&Lock { patient: Justice::Strong(1) }), "ENTERS"));
}

#[test]
fn peterson_is_free_of_starvation_when_both_processes_are_weakly_fair() {
    let report = checked(&Peterson { fair: PETERSON_FAIR });
    assert_eq!(report.states, 42);
    assert!(["P0", "P1"].iter().all(|id| holds(&report, id)));
    // a process may stay in its noncritical section for ever
    assert!(!holds(&report, "BUSY"));
}

#[test]
fn peterson_starves_when_the_other_process_may_stop_anywhere() {
    let report = checked(&Peterson { fair: [true, false] });
    assert!(!holds(&report, "P0") && !holds(&report, "P1"));
    let report = checked(&Peterson { fair: PETERSON_UNFAIR });
    assert!(!holds(&report, "P0") && !holds(&report, "P1"));
}

/// The published counts, and the published liveness.
#[test]
fn ewd840_detects_termination_when_the_token_moves() {
    for (n, states) in [(2, 54), (3, 302), (4, 1_566)] {
        let report = checked(&Ewd840 { n, fair: true });
        assert_eq!(report.states, states, "n = {n}");
        assert!(holds(&report, "LIVENESS"), "n = {n}");
        assert!(!holds(&report, "ENDS"), "active nodes are not forced to become passive");
    }
}

#[test]
fn ewd840_detects_nothing_when_the_token_may_rest() {
    for n in 2..=4 {
        assert!(!holds(&checked(&Ewd840 { n, fair: false }), "LIVENESS"), "n = {n}");
    }
}

/// Dijkstra 1974 asks for as many values as nodes; one fewer suffices (Fokkink, Hoepman and Pang 2005), two fewer do not.
#[test]
fn ewd426_stabilises_with_enough_values_and_not_with_fewer() {
    for (n, m) in [(3, 2), (3, 3), (4, 3), (4, 4), (5, 4)] {
        let report = checked(&Ewd426 { n, m });
        assert_eq!(report.states, u64::from(m).pow(u32::from(n)));
        assert!(holds(&report, "STABLE") && holds(&report, "SERVED"), "n = {n}, m = {m}");
    }
    for (n, m) in [(4, 2), (5, 2), (5, 3)] {
        assert!(!holds(&checked(&Ewd426 { n, m }), "STABLE"), "n = {n}, m = {m}");
    }
}
