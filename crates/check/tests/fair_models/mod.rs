//! The systems of the tests of liveness, and the replay of their counterexamples.

use synod_check::SystemRun;
use synod_check::system::{Claim, Justice, Predicate, Says, System};

/// Replays a counterexample by the definitions alone: it is a run of the system, its loop is fair, and it breaks the claim.
pub(crate) fn replay<S: System>(system: &S, claim: &Claim<S>, run: &SystemRun<S>) {
    let mut initial = Vec::new();
    system.initial(&mut |state| initial.push(state));
    assert!(initial.contains(&run.start), "it starts in {:?}", run.start);
    let mut states = vec![run.start.clone()];
    for (action, to) in &run.steps {
        let from = states[states.len() - 1].clone();
        assert!(
            steps(system, &from).contains(&(action.clone(), to.clone())),
            "{from:?} has no {action:?} to {to:?}"
        );
        states.push(to.clone());
    }
    let knot = run.cycle_from.expect("a run for ever");
    assert_eq!(states[knot], states[states.len() - 1], "the loop is closed");
    let taken: Vec<Justice> = run.steps[knot..].iter().map(|(action, _)| system.fairness(action)).collect();
    is_fair(system, &states[knot..], &taken);
    assert!(is_broken(system, claim, &states, knot), "{:?} is kept by {:?}", claim.property, run.steps);
}

/// Steps that change something.
fn steps<S: System>(system: &S, state: &S::State) -> Vec<(S::Action, S::State)> {
    let mut steps = Vec::new();
    system.steps(state, &mut |action, to| {
        if to != *state {
            steps.push((action, to));
        }
    });
    steps
}

fn is_fair<S: System>(system: &S, visited: &[S::State], taken: &[Justice]) {
    let enabled = |state: &S::State| -> Vec<Justice> {
        steps(system, state).iter().map(|(action, _)| system.fairness(action)).collect()
    };
    for state in visited {
        for justice in enabled(state) {
            let served = match justice {
                Justice::None => true,
                Justice::Weak(_) => {
                    taken.contains(&justice) || visited.iter().any(|s| !enabled(s).contains(&justice))
                }
                Justice::Strong(_) => taken.contains(&justice),
            };
            assert!(served, "the loop passes over {justice:?}");
        }
    }
}

/// The last state is the knot's again.
fn is_broken<S: System>(system: &S, claim: &Claim<S>, states: &[S::State], knot: usize) -> bool {
    match claim.says {
        Says::Eventually(goal) => !states.iter().any(|s| goal(system, s)),
        Says::LeadsTo(cause, goal) => {
            let last = states.iter().rposition(|s| goal(system, s)).map_or(0, |p| p + 1);
            states[last..].iter().any(|s| cause(system, s)) && !states[knot..].iter().any(|s| goal(system, s))
        }
        Says::InfinitelyOften(goal) => !states[knot..].iter().any(|s| goal(system, s)),
        Says::EventuallyAlways(goal) => !states[knot..].iter().all(|s| goal(system, s)),
        _ => panic!("no claim on fair runs"),
    }
}

/// A lock that an eager process takes and releases for ever, while a patient one waits for it.
pub(crate) struct Lock {
    /// What is owed to the patient one's step.
    pub(crate) patient: Justice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Held {
    Free,
    ByEager,
    ByPatient,
}

impl System for Lock {
    type State = Held;
    type Action = Held;
    fn initial(&self, each: &mut impl FnMut(Held)) {
        each(Held::Free);
    }
    fn steps(&self, state: &Held, each: &mut impl FnMut(Held, Held)) {
        match state {
            Held::Free => [Held::ByEager, Held::ByPatient].into_iter().for_each(|held| each(held, held)),
            Held::ByEager => each(Held::Free, Held::Free),
            Held::ByPatient => {}
        }
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        vec![Claim::new("ENTERS", "the patient one gets it", Says::Eventually(|_, s| *s == Held::ByPatient))]
    }
    fn fairness(&self, action: &Held) -> Justice {
        if *action == Held::ByPatient { self.patient } else { Justice::Weak(0) }
    }
}

/// Peterson's mutual exclusion for two processes (1981), one access to a shared variable a step.
pub(crate) struct Peterson {
    /// Whose steps are weakly fair, but that nobody is forced to leave the noncritical section.
    pub(crate) fair: [bool; 2],
}

pub(crate) const PETERSON_FAIR: [bool; 2] = [true; 2];
pub(crate) const PETERSON_UNFAIR: [bool; 2] = [false; 2];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum At {
    Noncritical,
    SetFlag,
    SetTurn,
    Wait,
    Critical,
    Reset,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Two {
    pub(crate) at: [At; 2],
    pub(crate) turn: usize,
}

impl Two {
    /// A process's flag is up between setting and resetting it.
    fn flag(&self, i: usize) -> bool {
        matches!(self.at[i], At::SetTurn | At::Wait | At::Critical | At::Reset)
    }
}

impl System for Peterson {
    type State = Two;
    type Action = (usize, At);
    fn initial(&self, each: &mut impl FnMut(Two)) {
        each(Two { at: [At::Noncritical; 2], turn: 0 });
    }
    fn steps(&self, state: &Two, each: &mut impl FnMut((usize, At), Two)) {
        for i in 0..2 {
            let mut to = state.clone();
            to.at[i] = match state.at[i] {
                At::Noncritical => At::SetFlag,
                At::SetFlag => At::SetTurn,
                At::SetTurn => At::Wait,
                At::Wait if !state.flag(1 - i) || state.turn == i => At::Critical,
                At::Wait => continue,
                At::Critical => At::Reset,
                At::Reset => At::Noncritical,
            };
            if state.at[i] == At::SetTurn {
                to.turn = 1 - i;
            }
            each((i, state.at[i]), to);
        }
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "P0",
                "process 0 is not starved",
                Says::LeadsTo(|_, s: &Two| s.at[0] == At::SetFlag, |_, s: &Two| s.at[0] == At::Critical),
            ),
            Claim::new(
                "P1",
                "process 1 is not starved",
                Says::LeadsTo(|_, s: &Two| s.at[1] == At::SetFlag, |_, s: &Two| s.at[1] == At::Critical),
            ),
            Claim::new(
                "BUSY",
                "someone is critical again and again",
                Says::InfinitelyOften(|_, s: &Two| s.at.contains(&At::Critical)),
            ),
        ]
    }
    fn fairness(&self, (i, at): &(usize, At)) -> Justice {
        if self.fair[*i] && *at != At::Noncritical { Justice::Weak(*i as u64) } else { Justice::None }
    }
}

/// Dijkstra's detection of termination on a ring (EWD840, 1983).
pub(crate) struct Ewd840 {
    /// How many nodes.
    pub(crate) n: usize,
    /// Whether the token's steps are weakly fair; those of the nodes are owed nothing.
    pub(crate) fair: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ring {
    pub(crate) active: Vec<bool>,
    pub(crate) black: Vec<bool>,
    pub(crate) token: usize,
    pub(crate) token_black: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Moves {
    Token,
    Send(usize, usize),
    Deactivate(usize),
}

impl Ring {
    fn is_detected(&self) -> bool {
        self.token == 0 && !self.token_black && !self.black[0] && !self.active[0]
    }

    /// The token's step: started anew by node 0, or passed on.
    fn pass(&self, n: usize) -> Option<Self> {
        let i = self.token;
        let mut to = self.clone();
        if i == 0 {
            if !self.token_black && !self.black[0] {
                return None;
            }
            (to.token, to.token_black, to.black[0]) = (n - 1, false, false);
        } else {
            if self.active[i] && !self.black[i] && !self.token_black {
                return None;
            }
            (to.token, to.token_black, to.black[i]) = (i - 1, self.token_black || self.black[i], false);
        }
        Some(to)
    }
}

impl System for Ewd840 {
    type State = Ring;
    type Action = Moves;
    fn initial(&self, each: &mut impl FnMut(Ring)) {
        for bits in 0..1_usize << (2 * self.n) {
            let active = (0..self.n).map(|i| bits >> i & 1 == 1).collect::<Vec<_>>();
            let black = (0..self.n).map(|i| bits >> (self.n + i) & 1 == 1).collect::<Vec<_>>();
            for token in 0..self.n {
                each(Ring { active: active.clone(), black: black.clone(), token, token_black: true });
            }
        }
    }
    fn steps(&self, state: &Ring, each: &mut impl FnMut(Moves, Ring)) {
        if let Some(to) = state.pass(self.n) {
            each(Moves::Token, to);
        }
        for i in (0..self.n).filter(|&i| state.active[i]) {
            for j in (0..self.n).filter(|&j| j != i) {
                let mut to = state.clone();
                to.active[j] = true;
                to.black[i] |= j > i;
                each(Moves::Send(i, j), to);
            }
            let mut to = state.clone();
            to.active[i] = false;
            each(Moves::Deactivate(i), to);
        }
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "LIVENESS",
                "termination is detected",
                Says::LeadsTo(|_, s: &Ring| !s.active.contains(&true), |_, s: &Ring| s.is_detected()),
            ),
            Claim::new(
                "ENDS",
                "all comes to rest",
                Says::Eventually(|_, s: &Ring| !s.active.contains(&true)),
            ),
        ]
    }
    fn fairness(&self, action: &Moves) -> Justice {
        if self.fair && *action == Moves::Token { Justice::Weak(0) } else { Justice::None }
    }
}

/// Dijkstra's self-stabilising ring (EWD426, 1974): `n` nodes with `m` values each.
pub(crate) struct Ewd426 {
    pub(crate) n: u8,
    pub(crate) m: u8,
}

impl Ewd426 {
    fn is_privileged(c: &[u8], i: usize) -> bool {
        if i == 0 { c[0] == c[c.len() - 1] } else { c[i] != c[i - 1] }
    }
}

impl System for Ewd426 {
    type State = Vec<u8>;
    type Action = usize;
    fn initial(&self, each: &mut impl FnMut(Vec<u8>)) {
        let m = u32::from(self.m);
        for number in 0..m.pow(u32::from(self.n)) {
            each((0..u32::from(self.n)).map(|i| (number / m.pow(i) % m) as u8).collect());
        }
    }
    fn steps(&self, c: &Vec<u8>, each: &mut impl FnMut(usize, Vec<u8>)) {
        for i in (0..c.len()).filter(|&i| Self::is_privileged(c, i)) {
            let mut to = c.clone();
            to[i] = if i == 0 { (c[0] + 1) % self.m } else { c[i - 1] };
            each(i, to);
        }
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        let one: Predicate<Self> = |_, c| (0..c.len()).filter(|&i| Self::is_privileged(c, i)).count() == 1;
        vec![
            Claim::new("STABLE", "from some point on there is one privilege", Says::EventuallyAlways(one)),
            Claim::new(
                "SERVED",
                "node 1 is privileged again and again",
                Says::InfinitelyOften(|_, c: &Vec<u8>| Self::is_privileged(c, 1)),
            ),
        ]
    }
    /// Somebody moves.
    fn fairness(&self, _: &usize) -> Justice {
        Justice::Weak(0)
    }
}
