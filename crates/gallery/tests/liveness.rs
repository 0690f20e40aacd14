//! Every claim of liveness in the gallery, judged on the whole graph by the book: a violation is a fair run, and a run
//! is fair for ever within a strongly connected part that serves every class it owes something to.

use std::collections::{BTreeMap, BTreeSet};
use synod_check::system::{Justice, Predicate, Says, System};
use synod_gallery::{Constants, Published};

/// All states of a system with the steps between them.
struct Graph<S: System> {
    system: S,
    states: Vec<S::State>,
    initial: usize,
    /// From each state: to where, and what a run owes to the step.
    steps: Vec<Vec<(usize, Justice)>>,
}

impl<S: System> Graph<S> {
    fn new(system: S) -> Self {
        let mut numbers = BTreeMap::new();
        let mut states = Vec::new();
        let mut number = |state: S::State, states: &mut Vec<S::State>| {
            *numbers.entry(state).or_insert_with_key(|state| {
                states.push(state.clone());
                states.len() - 1
            })
        };
        system.initial(&mut |state| _ = system.within(&state).then(|| number(state, &mut states)));
        let (initial, mut steps) = (states.len(), Vec::new());
        while let Some(state) = states.get(steps.len()).cloned() {
            let mut found = Vec::new();
            system.steps(&state, &mut |action, next| {
                if next != state && system.within(&next) {
                    found.push((number(next, &mut states), system.fairness(&action)));
                }
            });
            steps.push(found);
        }
        Self { system, states, initial, steps }
    }

    fn satisfying(&self, holds: Predicate<S>) -> BTreeSet<usize> {
        (0..self.states.len()).filter(|&at| holds(&self.system, &self.states[at])).collect()
    }

    fn others(&self, of: &BTreeSet<usize>) -> BTreeSet<usize> {
        (0..self.states.len()).filter(|at| !of.contains(at)).collect()
    }

    /// What can be reached from `from` without leaving `within`.
    fn reach(&self, from: impl IntoIterator<Item = usize>, within: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut waiting: Vec<usize> = from.into_iter().filter(|at| within.contains(at)).collect();
        let mut reached: BTreeSet<usize> = waiting.iter().copied().collect();
        while let Some(at) = waiting.pop() {
            let next = self.steps[at].iter().map(|&(to, _)| to).filter(|to| within.contains(to));
            waiting.extend(next.filter(|&to| reached.insert(to)));
        }
        reached
    }

    /// The strongly connected components of the states `within`, single states included: a run may rest in one.
    fn components(&self, within: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for &root in within {
            let mut path = if seen.insert(root) { vec![(root, 0)] } else { Vec::new() };
            while let Some((at, step)) = path.last_mut() {
                match self.steps[*at].get(*step) {
                    Some(&(to, _)) => {
                        *step += 1;
                        if within.contains(&to) && seen.insert(to) {
                            path.push((to, 0));
                        }
                    }
                    None => order.push(path.pop().expect("it was last").0),
                }
            }
        }
        let mut back: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &at in within {
            for &(to, _) in &self.steps[at] {
                back.entry(to).or_default().push(at);
            }
        }
        let mut rest = within.clone();
        let mut components = Vec::new();
        for root in order.into_iter().rev() {
            let mut waiting = if rest.remove(&root) { vec![root] } else { continue };
            let mut component = BTreeSet::from([root]);
            while let Some(at) = waiting.pop() {
                for &from in back.get(&at).into_iter().flatten().filter(|&from| rest.remove(from)) {
                    component.insert(from);
                    waiting.push(from);
                }
            }
            components.push(component);
        }
        components
    }

    /// Whether a fair run can stay for ever within these states, and come to one of `again` again and again.
    fn stays(&self, within: &BTreeSet<usize>, again: Option<&BTreeSet<usize>>) -> bool {
        self.components(within).into_iter().any(|component| self.is_fair(&component, again))
    }

    fn is_fair(&self, component: &BTreeSet<usize>, again: Option<&BTreeSet<usize>>) -> bool {
        if again.is_some_and(|again| again.is_disjoint(component)) {
            return false;
        }
        let enabled = |class: Justice| {
            component.iter().copied().filter(move |&at| self.steps[at].iter().any(|&(_, owed)| owed == class))
        };
        let steps = || component.iter().flat_map(|&at| &self.steps[at]);
        let owed: BTreeSet<Justice> = steps().map(|&(_, owed)| owed).collect();
        let taken: BTreeSet<Justice> =
            steps().filter(|(to, _)| component.contains(to)).map(|&(_, owed)| owed).collect();
        for class in owed.difference(&taken) {
            match class {
                Justice::None => {}
                Justice::Weak(_) if enabled(*class).count() < component.len() => {}
                Justice::Weak(_) => return false,
                Justice::Strong(_) => {
                    let avoid: BTreeSet<usize> = enabled(*class).collect();
                    return self.stays(&component.difference(&avoid).copied().collect(), again);
                }
            }
        }
        true
    }

    /// Whether every fair run satisfies the claim, if it is one of liveness.
    fn satisfies(&self, says: Says<S>) -> Option<bool> {
        let all = self.others(&BTreeSet::new());
        let violated = match says {
            Says::Eventually(holds) => {
                let not_yet = self.others(&self.satisfying(holds));
                self.stays(&self.reach(0..self.initial, &not_yet), None)
            }
            Says::LeadsTo(first, then) => {
                let not_yet = self.others(&self.satisfying(then));
                self.stays(&self.reach(self.satisfying(first), &not_yet), None)
            }
            Says::InfinitelyOften(holds) => self.stays(&self.others(&self.satisfying(holds)), None),
            Says::EventuallyAlways(holds) => self.stays(&all, Some(&self.others(&self.satisfying(holds)))),
            Says::Always(_) | Says::Ends(_) | Says::Sometimes(_) => return None,
        };
        Some(!violated)
    }
}

impl<S: Published> Graph<S> {
    fn of(given: &[(&str, u64)]) -> Self {
        let constants = Constants::of::<S>(given).expect("the constants are in range");
        Self::new(S::new(&constants).expect("the constants go together"))
    }

    /// The same where a run owes nothing.
    fn idle(mut self) -> Self {
        self.steps.iter_mut().flatten().for_each(|(_, owed)| *owed = Justice::None);
        self
    }
}

/// Each claim of liveness with its verdict.
fn verdicts_of<S: System>(graph: Graph<S>) -> BTreeMap<&'static str, bool> {
    let claims = graph.system.claims();
    claims.iter().filter_map(|c| Some((c.property.id, graph.satisfies(c.says)?))).collect()
}

fn judge<S: Published>(given: &[(&str, u64)]) -> BTreeMap<&'static str, bool> {
    verdicts_of(Graph::<S>::of(given))
}

#[track_caller]
fn live<S: Published>(given: &[(&str, u64)], ids: &[&str]) {
    let verdicts = judge::<S>(given);
    assert_eq!(
        verdicts.keys().copied().collect::<BTreeSet<_>>(),
        ids.iter().copied().collect(),
        "{}",
        S::NAME
    );
    assert!(verdicts.values().all(|&holds| holds), "{}: {verdicts:?}", S::NAME);
    // a run that owes nothing may rest where the claim is not met yet; so each claim asks for something somewhere
    let idle = verdicts_of(Graph::<S>::of(given).idle());
    assert!(idle.values().all(|&holds| !holds), "{} without fairness: {idle:?}", S::NAME);
}

macro_rules! live {
    ($($name:ident: $module:ident :: $system:ident $given:expr => $ids:expr,)*) => {
        $(
            #[test]
            fn $name() {
                live::<synod_gallery::$module::$system>(&$given, &$ids);
            }
        )*
    };
}

live! {
    peterson_locks_nobody_out: peterson::Peterson [] => ["ME2.0", "ME2.1"],
    ewd840_detects: ewd840::Ewd840 [("n", 4)] => ["TD3"],
    ewd998_detects: ewd998::Ewd998 [] => ["TD3"],
    async_termination_is_detected: async_termination_detection::AsyncTerminationDetection [("n", 3)] => ["TD3"],
    chang_roberts_elects: chang_roberts::ChangRoberts [("n", 4)] => ["LE2"],
    ewd426_stabilises: ewd426::Ewd426 [("n", 4), ("m", 3)] => ["SS2"],
    simple_regular_ends: simple_regular::SimpleRegular [] => ["SR2"],
    a_spanning_tree_is_found: spanning_tree::SpanningTree [] => ["ST3"],
    readers_and_writers_are_served: readers_writers::ReadersWriters [] => ["RW2.r", "RW2.w"],
    alternating_bit_delivers: alternating_bit::AlternatingBit [] => ["AB2"],
    philosophers_eat: chandy_misra_philosophers::ChandyMisraPhilosophers [] => ["DP2"],
    echo_ends: echo::Echo [] => ["EC3"],
    folklore_broadcast_delivers: bcast_folklore::BcastFolklore [] => ["RB1", "RB4"],
    byzantine_broadcast_delivers: bcast_byz::BcastByz [] => ["RB1", "RB4"],
    atomic_commitment_decides: nbacg_guer01::NbacgGuer01 [] => ["NBAC3"],
    forwarding_unblocks: atomic_commitment::AtomicCommitment [] => ["AC3.2", "AC5"],
}

#[test]
fn what_is_refuted_is_refuted() {
    let blocking = judge::<synod_gallery::atomic_commitment::AtomicCommitment>(&[("forward", 0)]);
    assert_eq!(blocking, BTreeMap::from([("AC3.2", true), ("AC5", false)]));
    let few = judge::<synod_gallery::ewd426::Ewd426>(&[("n", 4), ("m", 2)]);
    assert_eq!(few, BTreeMap::from([("SS2", false)]));
}
