//! Fair runs of small graphs with known answers, and of large ones that only an iterative search survives.

use synod_check::fair::{Answer, Bits, Class, Fairness, Graph, Lasso, Question, Temporal, find, refute};

const NONE: Class = Class::new(Fairness::None);
const WEAK: Class = Class::new(Fairness::Weak);
const STRONG: Class = Class::new(Fairness::Strong);

/// A graph of `states`, with edges (from, to, label).
fn graph(states: u32, edges: &[(u32, u32, u32)]) -> Graph {
    let mut graph = Graph::new();
    for state in 0..states {
        graph.open(state);
        edges.iter().filter(|e| e.0 == state).for_each(|e| graph.edge(e.1, e.2));
    }
    graph
}

fn set(states: u32, members: &[u32]) -> Bits {
    Bits::from_fn(states, |s| members.contains(&s))
}

/// A fair run that starts in 0 and stays in `region`.
fn within(graph: &Graph, region: &Bits, classes: &[Class]) -> Answer {
    let from = set(region.states(), &[0]);
    let question = Question { region, from: &from, accepting: None, classes, levels: &[] };
    let answer = find(graph, &question);
    if let Answer::Found(lasso) = &answer {
        assert_eq!(lasso.verify(graph, &question), Ok(()));
    }
    answer
}

fn found(answer: Answer) -> Lasso {
    match answer {
        Answer::Found(lasso) => lasso,
        other => panic!("no run was found: {other:?}"),
    }
}

#[test]
fn a_class_enabled_now_and_then_is_owed_nothing_under_weak_fairness_and_its_step_under_strong() {
    // 0 <-> 1; in 0 alone the class leads out
    let g = graph(3, &[(0, 1, 0), (1, 0, 0), (0, 2, 1)]);
    let region = set(3, &[0, 1]);
    let lasso = found(within(&g, &region, &[NONE, WEAK]));
    assert_eq!((lasso.knot, lasso.cycle.len()), (1, 0), "the run stops in 1, where the class is not enabled");
    assert_eq!(found(within(&g, &region, &[NONE, NONE])).knot, 0);
    // under strong fairness it may still stop in 1: only a step from 1 that is owed makes it go on
    assert_eq!(found(within(&g, &region, &[NONE, STRONG])).knot, 1);
    let g = graph(3, &[(0, 1, 2), (1, 0, 2), (0, 2, 1)]);
    assert_eq!(found(within(&g, &region, &[NONE, WEAK, WEAK])).cycle.len(), 2);
    assert_eq!(within(&g, &region, &[NONE, STRONG, WEAK]), Answer::None);
}

#[test]
fn a_run_stops_where_only_steps_that_are_owed_nothing_are_enabled() {
    let g = graph(2, &[(0, 1, 1)]);
    let region = set(2, &[0]);
    assert_eq!(found(within(&g, &region, &[NONE, NONE])).cycle, []);
    assert_eq!(within(&g, &region, &[NONE, WEAK]), Answer::None);
    assert_eq!(within(&g, &region, &[NONE, STRONG]), Answer::None);
}

#[test]
fn a_loop_from_a_state_to_itself_serves_its_class() {
    let g = graph(2, &[(0, 0, 1), (0, 1, 2)]);
    let region = set(2, &[0]);
    let lasso = found(within(&g, &region, &[NONE, STRONG, NONE]));
    assert_eq!((lasso.stem.len(), lasso.cycle.len()), (0, 1));
    assert_eq!(within(&g, &region, &[NONE, STRONG, WEAK]), Answer::None);
}

#[test]
fn an_edge_that_is_forbidden_or_leaves_enables_its_class() {
    let region = set(2, &[0, 1]);
    let g = graph(2, &[(0, 1, 1), (1, 0, 2)]);
    let forbidden = Class { fairness: Fairness::Weak, forbidden: true };
    assert_eq!(within(&g, &region, &[NONE, forbidden, NONE]), Answer::None);
    // whoever means that it is owed nothing says so
    assert_eq!(found(within(&g, &region, &[NONE, Class::FORBIDDEN, WEAK])).knot, 0);
    // beyond what was explored
    let mut g = Graph::new();
    g.open(0);
    g.beyond(1);
    assert_eq!(within(&g, &set(1, &[0]), &[NONE, WEAK]), Answer::Open { state: 0, reason: 0 });
    assert_eq!(found(within(&g, &set(1, &[0]), &[NONE, NONE])).knot, 0);
}

/// What two rounds of removal leave: 3 goes since the strong class 1 leads out of it, with it the only step that serves
/// the strong class 2, so that 2 goes; 0 and 1 remain.
fn nested(last: &[(u32, u32, u32)]) -> Graph {
    let edges = [(0, 1, 4), (1, 0, 4), (1, 2, 0), (2, 1, 0), (2, 3, 2), (3, 1, 0), (3, 4, 1)];
    graph(5, &[&edges, last].concat())
}

#[test]
fn a_component_is_taken_apart_twice() {
    let region = set(5, &[0, 1, 2, 3]);
    let classes = [NONE, STRONG, STRONG, WEAK, STRONG];
    let lasso = found(within(&nested(&[]), &region, &classes));
    assert_eq!((lasso.start, lasso.cycle.len()), (0, 2));
    assert_eq!(lasso.cycle.iter().map(|s| s.state).collect::<Vec<_>>(), [0, 1]);
    // a weak class enabled in what remains alone, although not in the whole component
    let weak = nested(&[(0, 4, 3), (1, 4, 3)]);
    assert_eq!(within(&weak, &region, &classes), Answer::None);
    // one round is not enough
    let classes = [NONE, STRONG, NONE, WEAK, STRONG];
    assert!(matches!(within(&weak, &region, &classes), Answer::Found(_)));
}

#[test]
fn the_loop_visits_what_must_be_visited_again_and_again() {
    // a ring of six with a short cut from 1 to 0; 4 must be visited
    let ring: Vec<_> = (0..6).map(|s| (s, (s + 1) % 6, 1)).chain([(1, 0, 1)]).collect();
    let (g, all) = (graph(6, &ring), Bits::all(6));
    let goal = set(6, &[0, 1, 2, 3, 5]);
    let lasso = found(refute(&g, &set(6, &[0]), Temporal::EventuallyAlways(&goal), &[NONE, WEAK], &[]));
    assert_eq!(lasso.cycle.len(), 6);
    assert_eq!(found(within(&g, &all, &[NONE, WEAK])).cycle.len(), 2, "the loop is the short one");
}

#[test]
fn the_whole_run_is_the_shortest_when_states_are_numbered_by_level() {
    // 0 -> 1 -> 2 -> 3(loop) and 0 -> 4 -> 5 -> 6 -> 7(loop): levels 0 | 1 4 | 2 5 | 3 6 | 7, renumbered
    let g = graph(
        9,
        &[(0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 4, 1), (3, 5, 1), (4, 6, 1), (5, 5, 1), (6, 7, 1), (7, 7, 1)],
    );
    let levels = [0, 1, 3, 5, 7, 8];
    let (region, from) = (Bits::all(9), set(9, &[3, 6]));
    let question =
        Question { region: &region, from: &from, accepting: None, classes: &[NONE, WEAK], levels: &levels };
    let lasso = found(find(&g, &question));
    assert_eq!((lasso.start, lasso.stem.len(), lasso.knot), (3, 1, 5));
}

#[test]
fn an_unexplored_state_refutes_nothing_and_leaves_the_answer_open() {
    // 0 -> 1 -> 0, and 1 -> 2, which was never expanded
    let mut g = Graph::new();
    for (state, targets) in [(0, &[1][..]), (1, &[0, 2])] {
        g.open(state);
        for &to in targets {
            g.edge(to, 1);
        }
    }
    let all = Bits::all(3);
    assert_eq!(found(within(&g, &all, &[NONE, WEAK])).cycle.len(), 2);
    let claim =
        |goal: &[u32]| refute(&g, &set(3, &[0]), Temporal::Eventually(&set(3, goal)), &[NONE, WEAK], &[]);
    assert_eq!(claim(&[1]), Answer::None);
    g.mark(1, 7);
    assert_eq!(within(&g, &all, &[NONE, WEAK]), Answer::Open { state: 2, reason: Graph::UNEXPLORED });
    assert_eq!(within(&g, &set(3, &[0, 1]), &[NONE, WEAK]), Answer::Open { state: 1, reason: 7 });
}

#[test]
fn a_lasso_that_is_not_fair_is_not_verified() {
    let g = graph(3, &[(0, 1, 2), (1, 0, 2), (0, 2, 1)]);
    let (region, from) = (set(3, &[0, 1]), set(3, &[0]));
    let ask = |classes| Question { region: &region, from: &from, accepting: None, classes, levels: &[] };
    let lasso = found(find(&g, &ask(&[NONE, WEAK, WEAK])));
    assert_eq!(lasso.verify(&g, &ask(&[NONE, STRONG, WEAK])), Err("the loop passes over class 1".to_owned()));
    let stops = Lasso { cycle: vec![], ..lasso.clone() };
    assert_eq!(stops.verify(&g, &ask(&[NONE, NONE, WEAK])), Err("the loop passes over class 2".to_owned()));
    let elsewhere = Lasso { knot: 2, ..lasso };
    assert!(elsewhere.verify(&g, &ask(&[NONE, WEAK, WEAK])).is_err());
}

#[test]
fn a_ring_of_three_hundred_thousand_states_is_searched_without_recursion() {
    const STATES: u32 = 300_000;
    let mut g = Graph::new();
    for state in 0..STATES {
        g.open(state);
        g.edge((state + 1) % STATES, 1 + state % 3);
        g.edge(state / 2, 4);
    }
    let all = Bits::all(STATES);
    let classes = [NONE, WEAK, STRONG, STRONG, STRONG];
    let lasso = found(within(&g, &all, &classes));
    assert!(lasso.stem.len() + lasso.cycle.len() <= 8, "{lasso:?}");
    // without the ring's last edge and the way back, each state is alone, and each owes a step
    let mut g = Graph::new();
    for state in 0..STATES {
        g.open(state);
        g.edge((state + 1).min(STATES - 1), 1);
        g.edge((state + 2).min(STATES - 1), 2);
    }
    let goal = set(STATES, &[STATES - 1]);
    let claim = Temporal::Eventually(&goal);
    assert_eq!(refute(&g, &set(STATES, &[0]), claim, &[NONE, WEAK, NONE], &[]), Answer::None);
}

#[test]
fn as_many_rounds_as_strong_classes_take_a_component_apart_to_its_end() {
    // a ladder: the strong class i leads down from rung i only; it is taken within as long as rung i + 1 is there
    const RUNGS: u32 = 60;
    let mut g = Graph::new();
    for rung in 0..=RUNGS {
        g.open(rung);
        if rung > 0 {
            g.edge(rung - 1, 0);
        }
        if rung < RUNGS {
            g.edge(rung + 1, rung + 1);
        }
    }
    g.open(RUNGS + 1);
    let classes: Vec<Class> = std::iter::once(NONE).chain((0..RUNGS).map(|_| STRONG)).collect();
    // without the top, rung after rung goes, and at the bottom the run owes its first step
    let region = Bits::from_fn(RUNGS + 2, |s| s < RUNGS);
    assert_eq!(within(&g, &region, &classes), Answer::None);
    let region = Bits::from_fn(RUNGS + 2, |s| s <= RUNGS);
    assert!(matches!(within(&g, &region, &classes), Answer::Found(_)));
}
