//! The search for fair runs against the definition: on small random graphs, every set of edges that a run could take for
//! ever is tried.
//!
//! What a run does for ever is the set of edges that it takes again and again: a strongly connected set, or a single state
//! in which it stops. There are at most 2^13 such sets here, so the oracle needs no algorithm.

use proptest::prelude::*;
use synod_check::fair::{Answer, Bits, Class, Fairness, Graph, Lasso, Question, Temporal, find, refute};

const LABELS: u32 = 4;

/// A graph and a question about it, as plain values.
#[derive(Clone, Debug)]
struct Case {
    states: u32,
    /// From, to (`None`: beyond what was explored), label.
    edges: Vec<(u32, Option<u32>, u32)>,
    marked: Vec<u32>,
    classes: Vec<Class>,
    region: Vec<bool>,
    from: Vec<bool>,
    accepting: Option<Vec<bool>>,
}

impl Case {
    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for state in 0..self.states {
            graph.open(state);
            for (_, to, label) in self.edges.iter().filter(|e| e.0 == state) {
                match to {
                    Some(to) => graph.edge(*to, *label),
                    None => graph.beyond(*label),
                }
            }
        }
        self.marked.iter().for_each(|&state| graph.mark(state, 1 + state as u8));
        graph
    }

    fn enabled(&self, state: u32, label: u32) -> bool {
        self.edges.iter().any(|e| e.0 == state && e.2 == label)
    }

    /// The edges that a run may take within the region.
    fn steps(&self) -> Vec<(u32, u32, u32)> {
        let within = |state: u32| self.region[state as usize];
        let edges = self.edges.iter().filter_map(|&(from, to, label)| Some((from, to?, label)));
        edges
            .filter(|&(a, b, label)| within(a) && within(b) && !self.classes[label as usize].forbidden)
            .collect()
    }

    /// The states that such a run visits.
    fn reached(&self) -> Vec<bool> {
        let mut reached: Vec<bool> =
            self.from.iter().zip(&self.region).map(|(from, region)| *from && *region).collect();
        for _ in 0..self.states {
            for (from, to, _) in self.steps() {
                reached[to as usize] |= reached[from as usize];
            }
        }
        reached
    }

    /// Whether a run that takes exactly `taken` for ever, and visits exactly `visited`, is one that is looked for.
    fn is_wanted(&self, visited: &[u32], taken: &[(u32, u32, u32)]) -> bool {
        let fair = |label: u32| {
            taken.iter().any(|edge| edge.2 == label)
                || match self.classes[label as usize].fairness {
                    Fairness::None => true,
                    Fairness::Weak => visited.iter().any(|&s| !self.enabled(s, label)),
                    Fairness::Strong => visited.iter().all(|&s| !self.enabled(s, label)),
                }
        };
        visited.iter().all(|state| !self.marked.contains(state))
            && self.accepting.as_ref().is_none_or(|a| visited.iter().any(|&s| a[s as usize]))
            && (0..LABELS).all(fair)
    }

    /// Whether some set of edges makes a wanted run.
    fn oracle(&self) -> bool {
        let (steps, reached) = (self.steps(), self.reached());
        let stops = (0..self.states).any(|s| reached[s as usize] && self.is_wanted(&[s], &[]));
        stops
            || (1_u32..1 << steps.len()).any(|set| {
                let taken: Vec<_> =
                    (0..steps.len()).filter(|i| set >> i & 1 == 1).map(|i| steps[i]).collect();
                let visited: Vec<u32> =
                    (0..self.states).filter(|s| taken.iter().any(|e| e.0 == *s)).collect();
                reached[visited[0] as usize]
                    && is_connected(&visited, &taken)
                    && self.is_wanted(&visited, &taken)
            })
    }

    /// The greatest reason and the first state where a run gets to what is not known.
    fn unknown(&self) -> Option<Answer> {
        let reached = self.reached();
        let beyond = |s: u32| {
            self.edges.iter().any(|e| e.0 == s && e.1.is_none() && !self.classes[e.2 as usize].forbidden)
        };
        let marked = |s: u32| self.marked.contains(&s).then_some(1 + s as u8);
        let reason = |s: u32| marked(s).or_else(|| beyond(s).then_some(0));
        let open = (0..self.states).filter(|&s| reached[s as usize]).filter_map(|s| Some((reason(s)?, s)));
        let greatest = open.max_by_key(|&(reason, state)| (reason, std::cmp::Reverse(state)));
        greatest.map(|(reason, state)| Answer::Open { state, reason })
    }
}

/// Whether these edges lead from each of these states to each, and nowhere else.
fn is_connected(visited: &[u32], taken: &[(u32, u32, u32)]) -> bool {
    let closure = |forward: bool| {
        let mut seen = vec![visited[0]];
        for _ in visited {
            for &(a, b, _) in taken {
                let (a, b) = if forward { (a, b) } else { (b, a) };
                if seen.contains(&a) && !seen.contains(&b) {
                    seen.push(b);
                }
            }
        }
        visited.iter().all(|s| seen.contains(s)) && seen.iter().all(|s| visited.contains(s))
    };
    closure(true) && closure(false)
}

fn bits(members: &[bool]) -> Bits {
    Bits::from_fn(members.len() as u32, |s| members[s as usize])
}

fn class() -> impl Strategy<Value = Class> {
    let fairness = prop_oneof![Just(Fairness::None), Just(Fairness::Weak), Just(Fairness::Strong)];
    (fairness, prop::bool::weighted(0.12)).prop_map(|(fairness, forbidden)| Class { fairness, forbidden })
}

fn members(states: u32, weight: f64) -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(prop::bool::weighted(weight), states as usize)
}

fn cases() -> impl Strategy<Value = Case> {
    (1_u32..=6, prop::bool::weighted(0.2)).prop_flat_map(|(states, unknowns)| {
        let strange = if unknowns { 0.1 } else { 0.0 };
        let to = (prop::bool::weighted(strange), 0..states).prop_map(|(beyond, to)| (!beyond).then_some(to));
        let edges = prop::collection::vec((0..states, to, 0..LABELS), 0..=12);
        let marked = members(states, strange)
            .prop_map(|m| (0..m.len() as u32).filter(|&s| m[s as usize]).collect::<Vec<u32>>());
        let classes = prop::collection::vec(class(), LABELS as usize);
        let accepting = prop::option::of(members(states, 0.4));
        (edges, marked, classes, members(states, 0.9), members(states, 0.5), accepting).prop_map(
            move |(edges, marked, classes, region, from, accepting)| Case {
                states,
                edges,
                marked,
                classes,
                region,
                from,
                accepting,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fair_run_is_found_where_there_is_one_and_nowhere_else(case in cases()) {
        let graph = case.graph();
        let (region, from) = (bits(&case.region), bits(&case.from));
        let accepting = case.accepting.as_deref().map(bits);
        let question = Question {
            region: &region,
            from: &from,
            accepting: accepting.as_ref(),
            classes: &case.classes,
            levels: &[],
        };
        let answer = find(&graph, &question);
        prop_assert_eq!(&answer, &find(&graph, &question), "the same question has the same answer");
        match answer {
            Answer::Found(lasso) => {
                prop_assert!(case.oracle(), "there is none, but {lasso:?} is shown");
                prop_assert_eq!(lasso.verify(&graph, &question), Ok(()));
            }
            other => {
                prop_assert!(!case.oracle(), "there is one, but the answer is {other:?}");
                prop_assert_eq!(other, case.unknown().unwrap_or(Answer::None));
            }
        }
    }
}

/// A claim over sets of states, as plain values.
#[derive(Clone, Debug)]
struct Claimed {
    case: Case,
    which: u8,
    cause: Vec<bool>,
    goal: Vec<bool>,
}

impl Claimed {
    /// Whether a run through these states, that repeats those from `knot` on for ever, keeps the claim.
    fn keeps(&self, states: &[u32], knot: usize) -> bool {
        let is = |set: &[bool], at: usize| set[states[at] as usize];
        let ends_in = |holds: &dyn Fn(usize) -> bool| (knot..states.len()).any(holds);
        let later = |from: usize| {
            (from..states.len()).any(|at| is(&self.goal, at)) || ends_in(&|at| is(&self.goal, at))
        };
        match self.which {
            0 => later(0),
            1 => (0..states.len()).all(|at| !is(&self.cause, at) || later(at)),
            2 => ends_in(&|at| is(&self.goal, at)),
            _ => !ends_in(&|at| !is(&self.goal, at)),
        }
    }

    /// Whether some run that repeats itself within so many steps is fair and breaks the claim.
    fn is_broken_within(&self, steps_max: usize) -> bool {
        let starts = (0..self.case.states).filter(|&s| self.case.from[s as usize]);
        starts.into_iter().any(|start| self.is_broken_after(&mut vec![start], &mut Vec::new(), steps_max))
    }

    fn is_broken_after(&self, states: &mut Vec<u32>, taken: &mut Vec<(u32, u32, u32)>, left: usize) -> bool {
        let last = states[states.len() - 1];
        let knots = (0..states.len()).filter(|&knot| states[knot] == last);
        for knot in knots {
            // the last state is the knot's: a loop visits it once
            let visited = &states[knot..states.len() - usize::from(knot + 1 < states.len())];
            let run = &states[..knot + visited.len()];
            if self.case.is_wanted(visited, &taken[knot..]) && !self.keeps(run, knot) {
                return true;
            }
        }
        left > 0
            && self.case.edges.iter().filter(|e| e.0 == last).any(|&(from, to, label)| {
                let Some(to) = to else { return false };
                states.push(to);
                taken.push((from, to, label));
                let broken = self.is_broken_after(states, taken, left - 1);
                states.pop();
                taken.pop();
                broken
            })
    }
}

fn claims() -> impl Strategy<Value = Claimed> {
    (1_u32..=4).prop_flat_map(|states| {
        let edges = prop::collection::vec((0..states, (0..states).prop_map(Some), 0..LABELS), 0..=6);
        let classes = prop::collection::vec(class(), LABELS as usize);
        (edges, classes, members(states, 0.5), 0_u8..4, members(states, 0.4), members(states, 0.4)).prop_map(
            move |(edges, classes, from, which, cause, goal)| {
                let classes = classes.into_iter().map(|c| Class::new(c.fairness)).collect();
                let mut case =
                    Case { states, edges, marked: vec![], classes, region: vec![], from, accepting: None };
                case.from[0] = true;
                case.region = vec![true; states as usize];
                // every state of an explored graph is one that was reached
                let unreached = (0..states).filter(|&s| !case.reached()[s as usize]).collect::<Vec<_>>();
                for state in unreached {
                    case.from[state as usize] = true;
                }
                Claimed { case, which, cause, goal }
            },
        )
    })
}

/// A way from a state of `from` to `to`, through any states: the explorer's part.
fn way(case: &Case, to: u32) -> Vec<u32> {
    let mut ways: Vec<Vec<u32>> =
        (0..case.states).filter(|&s| case.from[s as usize]).map(|start| vec![start]).collect();
    loop {
        if let Some(found) = ways.iter().find(|w| w[w.len() - 1] == to) {
            return found.clone();
        }
        let further = |w: &Vec<u32>| {
            let w = w.clone();
            let edges = case.edges.iter().filter(move |e| e.0 == w[w.len() - 1]);
            edges.filter_map(|e| e.1).collect::<Vec<u32>>()
        };
        let all = ways.iter().flat_map(|w| further(w).into_iter().map(|s| [&w[..], &[s]].concat()));
        ways = all.collect();
    }
}

fn states_of(graph: &Graph, lasso: &Lasso) -> (Vec<u32>, usize) {
    let cycle = lasso.cycle.iter().map(|s| s.state);
    let states: Vec<u32> = lasso.stem.iter().map(|s| s.state).chain(cycle).collect();
    assert!(states.iter().all(|&s| graph.reason(s).is_none()));
    if lasso.cycle.is_empty() {
        return ([states, vec![lasso.knot]].concat(), lasso.stem.len());
    }
    (states, lasso.stem.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_claim_is_refuted_by_a_run_that_breaks_it_and_never_missed(claimed in claims()) {
        let case = &claimed.case;
        let graph = case.graph();
        let (cause, goal, initial) = (bits(&claimed.cause), bits(&claimed.goal), bits(&case.from));
        let claim = match claimed.which {
            0 => Temporal::Eventually(&goal),
            1 => Temporal::LeadsTo(&cause, &goal),
            2 => Temporal::InfinitelyOften(&goal),
            _ => Temporal::EventuallyAlways(&goal),
        };
        match refute(&graph, &initial, claim, &case.classes, &[]) {
            Answer::Found(lasso) => {
                let before = way(case, lasso.start);
                let (states, knot) = states_of(&graph, &lasso);
                let run = [&before[..before.len() - 1], &states].concat();
                prop_assert!(!claimed.keeps(&run, before.len() - 1 + knot), "{lasso:?} keeps the claim");
            }
            answer => {
                prop_assert_eq!(answer, Answer::None);
                prop_assert!(!claimed.is_broken_within(7), "a run that breaks the claim was missed");
            }
        }
    }
    #[test]
    fn contradictory_claims_are_never_both_held(claimed in claims()) {
        let graph = claimed.case.graph();
        let (goal, initial) = (bits(&claimed.goal), bits(&claimed.case.from));
        let held = |goal: &Bits| {
            let claim = Temporal::EventuallyAlways(goal);
            refute(&graph, &initial, claim, &claimed.case.classes, &[]) == Answer::None
        };
        prop_assert!(!held(&goal) || !held(&goal.complement()), "there is no fair run at all?");
    }
}
