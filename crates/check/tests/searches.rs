//! Orders, stores and numbers of threads: the same space, the same answer.

use synod_check::system::{Claim, Predicate, Says, System};
use synod_check::{Control, Measure, Options, Order, Store, SystemReport, check_system};
use synod_properties::Verdict;

/// Counters modulo `top`, each raised on its own; a pair of neighbours may swap.
struct Counters {
    top: u8,
    /// What must not be reached, if anything.
    never: Option<[u8; 4]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Act {
    Raise(usize),
    Swap(usize),
}

const NEVER: Predicate<Counters> = |system, state| system.never != Some(*state);
const FULL: Predicate<Counters> = |system, state: &[u8; 4]| state.iter().all(|&c| c + 1 == system.top);
const FIRST: Predicate<Counters> = |_, state: &[u8; 4]| state[0] < 200;

impl System for Counters {
    type State = [u8; 4];
    type Action = Act;
    fn initial(&self, each: &mut impl FnMut([u8; 4])) {
        each([0; 4]);
    }
    fn steps(&self, state: &[u8; 4], each: &mut impl FnMut(Act, [u8; 4])) {
        for i in 0..4 {
            let mut next = *state;
            next[i] = (next[i] + 1) % self.top;
            each(Act::Raise(i), next);
        }
        for i in 0..3 {
            let mut next = *state;
            next.swap(i, i + 1);
            each(Act::Swap(i), next);
        }
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("NEVER", "what must not be is not", Says::Always(NEVER)),
            Claim::new("FULL", "all may be full", Says::Sometimes(FULL)),
            Claim::new("SMALL", "the first stays small", Says::Always(FIRST)),
        ]
    }
    fn representative(&self, state: &[u8; 4]) -> Option<[u8; 4]> {
        let mut sorted = *state;
        sorted.sort_unstable();
        Some(sorted)
    }
}

fn run(never: Option<[u8; 4]>, options: &Options) -> SystemReport<Counters> {
    check_system(&Counters { top: 14, never }, options, &mut |_| Control::Continue)
}

fn length(report: &SystemReport<Counters>) -> usize {
    report.counterexample().expect("it is refuted").steps.len()
}

#[test]
fn every_order_store_and_number_of_threads_finds_the_same_states() {
    let breadth_first = run(None, &Options::default());
    assert_eq!((breadth_first.states, breadth_first.complete), (14_u64.pow(4), true));
    for store in [Store::Fingerprint64, Store::Fingerprint128, Store::Exact] {
        for threads in 1..=3 {
            let options = Options { store, threads, ..Options::default() };
            let report = run(None, &options);
            let of = |r: &SystemReport<Counters>| (r.states, r.generated, r.depth, r.verdicts.clone());
            assert_eq!(of(&report), of(&breadth_first), "{store:?}, {threads} threads");
        }
        let deep = run(None, &Options { store, order: Order::DepthFirst, ..Options::default() });
        assert_eq!(
            (deep.states, deep.generated),
            (breadth_first.states, breadth_first.generated),
            "{store:?}"
        );
    }
    let swarm = Order::Swarm { seed: 3, searches: 2, states_each: 50_000 };
    for order in [GUIDED[0], GUIDED[1], swarm] {
        let report = run(None, &Options { order, ..Options::default() });
        let of = |r: &SystemReport<Counters>| (r.states, r.generated, r.complete, r.verdicts.clone());
        assert_eq!(of(&report), of(&breadth_first), "{order:?}");
    }
}

const GUIDED: [Order; 2] = [Order::Guided { by: Measure::Coverage }, Order::Guided { by: Measure::Distance }];

#[test]
fn a_counterexample_is_the_same_with_any_number_of_threads_and_shortest_by_depth_and_by_deepening() {
    let never = Some([0, 3, 2, 1]);
    let breadth_first = run(never, &Options::default());
    for threads in 2..=3 {
        let report = run(never, &Options { threads, ..Options::default() });
        let steps = |r: &SystemReport<Counters>| r.counterexample().expect("it is refuted").steps.clone();
        assert_eq!(steps(&report), steps(&breadth_first), "{threads} threads");
        assert_eq!((report.states, report.generated), (breadth_first.states, breadth_first.generated));
    }
    assert_eq!(length(&breadth_first), 6, "six raises");
    assert_eq!(length(&run(never, &Options { order: Order::Deepening, ..Options::default() })), 6);
}

#[test]
fn a_bound_on_the_depth_opens_again_what_was_first_found_deeper() {
    // within five steps, whatever the order: a state that a deep way finds first is not lost
    let within = |order| run(None, &Options { order, depth_max: Some(5), ..Options::default() });
    let (broad, deep) = (within(Order::BreadthFirst), within(Order::DepthFirst));
    assert!(!broad.complete && !deep.complete);
    assert_eq!(broad.states, deep.states);
    for order in GUIDED {
        let guided = within(order);
        assert_eq!((guided.complete, guided.states), (false, broad.states), "{order:?}");
    }
    let never = Some([0, 0, 0, 5]);
    let deep = run(never, &Options { order: Order::DepthFirst, depth_max: Some(5), ..Options::default() });
    assert_eq!(length(&deep), 5, "it takes all five");
}

#[test]
fn random_walks_find_what_is_near_and_never_claim_to_be_complete() {
    let walks = Order::Walks { seed: 7, walks: 500, length: 40 };
    let report = run(None, &Options { order: walks, ..Options::default() });
    assert!(!report.complete && report.stopped.as_deref().is_some_and(|s| s.contains("seed 7")));
    assert!(matches!(report.verdict("NEVER"), Verdict::Unknown { .. }));
    let found = run(Some([1, 1, 0, 0]), &Options { order: walks, ..Options::default() });
    let steps = &found.counterexample().expect("it is refuted").steps;
    assert_eq!(steps[steps.len() - 1].1, [1, 1, 0, 0]);
    let again = run(Some([1, 1, 0, 0]), &Options { order: walks, ..Options::default() });
    assert_eq!(again.counterexample().map(|c| c.steps.clone()), Some(steps.clone()), "same seed, same walks");
}

#[test]
fn a_long_winded_counterexample_is_made_a_shortest_one_where_that_takes_little() {
    let never = Some([0, 3, 2, 1]);
    let walks = Order::Walks { seed: 1, walks: 1_000, length: 1_000 };
    let swarm = Order::Swarm { seed: 1, searches: 4, states_each: 40_000 };
    for order in [Order::DepthFirst, walks, swarm, GUIDED[0]] {
        let report = run(never, &Options { order, ..Options::default() });
        assert_eq!((length(&report), report.shortest), (6, true), "{order:?}");
    }
}

/// A dial of three digits opens a lock of many bolts, each at a position of its own; trying it at another closes all.
struct Safe;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Turned {
    Dial(usize),
    Bolt,
}

const BOLTS: u8 = 40;

impl Safe {
    /// The digit that the next bolt looks at, and what it must be.
    fn wanted(open: u8) -> (usize, u8) {
        (usize::from(open % 3), open % 10 * 7 % 10)
    }
}

impl System for Safe {
    type State = (u8, [u8; 3]);
    type Action = Turned;
    fn initial(&self, each: &mut impl FnMut(Self::State)) {
        each((0, [5; 3]));
    }
    fn steps(&self, &(open, dial): &Self::State, each: &mut impl FnMut(Turned, Self::State)) {
        for i in 0..3 {
            let mut turned = dial;
            turned[i] = (turned[i] + 1) % 10;
            each(Turned::Dial(i), (open, turned));
        }
        let (digit, value) = Self::wanted(open);
        let after = if dial[digit] == value { (open + 1).min(BOLTS) } else { 0 };
        each(Turned::Bolt, (after, dial));
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        vec![Claim::new("SHUT", "it stays shut", Says::Always(|_, state: &(u8, [u8; 3])| state.0 < BOLTS))]
    }
    fn distance(&self, &(open, dial): &Self::State) -> Option<u64> {
        let (digit, value) = Self::wanted(open);
        Some(u64::from(BOLTS - open) * 10 + u64::from((value + 10 - dial[digit]) % 10))
    }
}

#[test]
fn what_is_deep_is_found_by_distance_and_by_coverage_among_far_fewer_states() {
    let crack =
        |order| check_system(&Safe, &Options { order, ..Options::default() }, &mut |_| Control::Continue);
    let breadth_first = crack(Order::BreadthFirst);
    assert!(breadth_first.states > 30_000, "{}", breadth_first.states);
    for (order, most) in [(Order::Guided { by: Measure::Distance }, 1_000), (GUIDED[0], 10_000)] {
        let report = crack(order);
        assert!(matches!(report.verdict("SHUT"), Verdict::Violated { .. }), "{order:?}");
        assert!(report.states < most, "{order:?}: {} states", report.states);
        assert!(!report.shortest, "to know that would take more than it took");
    }
}

#[test]
fn a_swarm_answers_the_same_on_any_number_of_threads_and_for_another_seed_something_else() {
    let swarm = |seed, never, threads| {
        let order = Order::Swarm { seed, searches: 20, states_each: 700 };
        let report = run(never, &Options { order, threads, ..Options::default() });
        let steps = report.counterexample().map(|run| run.steps.clone());
        (report.states, report.generated, report.depth, report.complete, report.verdicts, steps)
    };
    let never = Some([3, 1, 4, 1]);
    let (alone, refuted) = (swarm(5, None, 1), swarm(5, never, 1));
    for threads in 2..=3 {
        assert_eq!(swarm(5, None, threads), alone, "{threads} threads");
        assert_eq!(swarm(5, never, threads), refuted, "{threads} threads");
    }
    assert!(refuted.5.is_some_and(|steps| steps.last().is_some_and(|(_, state)| Some(*state) == never)));
    assert_ne!(swarm(6, None, 1), alone, "another seed");
    // each of the twenty visits its share, and says that this is not all
    assert!((20 * 100..20 * 720).contains(&alone.0) && !alone.3, "{} states", alone.0);
    assert!(matches!(alone.4[0].1, Verdict::Unknown { .. }));
}

#[test]
fn a_system_without_a_state_is_explored_by_every_order() {
    struct Empty;
    impl System for Empty {
        type State = u8;
        type Action = u8;
        fn initial(&self, _: &mut impl FnMut(u8)) {}
        fn steps(&self, _: &u8, _: &mut impl FnMut(u8, u8)) {}
        fn claims(&self) -> Vec<Claim<Self>> {
            Vec::new()
        }
    }
    let walks = Order::Walks { seed: 0, walks: 3, length: 3 };
    let swarm = Order::Swarm { seed: 0, searches: 3, states_each: 3 };
    let orders = [Order::BreadthFirst, Order::DepthFirst, Order::Deepening, walks, swarm];
    for order in orders.into_iter().chain(GUIDED) {
        let options = Options { order, ..Options::default() };
        let report = check_system(&Empty, &options, &mut |_| Control::Continue);
        assert_eq!((report.states, report.complete), (0, true), "{order:?}");
    }
}

#[test]
fn symmetry_keeps_one_state_of_each_class_and_its_counterexample_is_a_run_of_the_system() {
    let options = Options { symmetry: true, ..Options::default() };
    let report = run(None, &options);
    // multisets of four out of fourteen
    assert_eq!((report.states, report.holds()), (14 * 15 * 16 * 17 / 24, true));
    let refuted = run(Some([2, 2, 2, 2]), &options);
    let run_found = refuted.counterexample().expect("it is refuted");
    assert_eq!(run_found.steps.len(), 8);
    let system = Counters { top: 14, never: None };
    let mut here = run_found.start;
    for (action, state) in &run_found.steps {
        let mut is_step = false;
        system.steps(&here, &mut |a, next| is_step |= (a, next) == (*action, *state));
        assert!(is_step, "{action:?} leads from {here:?} to {state:?}");
        here = *state;
    }
    assert_eq!(here, [2, 2, 2, 2]);
}

#[test]
fn a_claim_that_is_seen_to_tell_symmetric_states_apart_is_refused() {
    let report = run(Some([0, 0, 3, 0]), &Options { symmetry: true, ..Options::default() });
    let found = report.counterexample().expect("it is refused");
    assert_eq!(found.property, "symmetry");
    assert!(found.what.contains("NEVER"), "{}", found.what);
    assert!(matches!(report.verdict("NEVER"), Verdict::Unknown { .. }));
}

#[test]
fn what_is_found_up_to_a_violation_is_the_same_with_any_number_of_threads() {
    let never = Some([5, 9, 12, 7]);
    let one = run(never, &Options::default());
    assert_eq!(length(&one), 33, "as many steps as the counters' sum");
    let of = |r: &SystemReport<Counters>| (r.states, r.generated, r.depth, r.verdicts.clone());
    for threads in 2..=3 {
        let several = run(never, &Options { threads, ..Options::default() });
        assert_eq!(of(&several), of(&one), "{threads} threads");
    }
}
