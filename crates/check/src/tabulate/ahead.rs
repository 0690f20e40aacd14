//! Which steps out of a state suffice: found by looking ahead, a few steps of the others.
//!
//! A set T of the steps out of a state s suffices where it makes no difference to take one of them first, whatever the others
//! do (a persistent set; Godefroid 1996). This is looked up, not derived: from s the states are visited to which steps that
//! are not in T lead, and at each such state v, for each such step x and each t of T that can still be taken,
//!
//! * t and x **commute**: both orders lead to the same state; or
//! * x **makes up for** t: after x there is no t, and x alone leads to where t and then x lead. A message that makes its receiver
//!   deaf to others does that: whether they came first is gone.
//!
//! Where neither is so, the first step on the way to x joins T, and it begins again; until T is all that can happen, or the
//! states are more than a few ([`NEAR`]). Since states are compared, not steps, whatever may stand between steps is accounted for -
//! a monitor, a budget, a cut, a disk - and two messages to one process commute where its tables say so: votes below a
//! quorum.
//!
//! # Why this is sound
//! *For each state z that can be reached, one is visited that reaches no fewer goals; what breaks a property is told.* By induction on the
//! length of a run from a state s that is visited to z. If all steps out of s are taken, so is the run's first. Else let t
//! be the first step of the run that is in T and was never made up for on the way. It commutes with those before it: from the state to which t leads
//! from s a shorter run leads to z. If there is none, take any t of T: by the same steps the run leads from t's state to z itself, where one
//! made up for t, or to the state to which t leads from z, which is checked to reach the goals of z. A step that breaks a
//! property, or leads beyond what is explored, never stands in such a run: a look ahead that meets it takes it into T, or ends. In the last case the
//! run is no shorter, so that what follows must not go round in a circle: then its steps would be put off for ever.
//!
//! *No circles.* One t of T must lead *on*. It does where it takes its process from one local state to another from which there is no
//! way back. Whether there is one is not known before all is explored: there is none, it is **assumed**, and where the local steps
//! that were found at last make a circle, the exploration is begun anew, knowing that. Else it must lead to a state that was not yet
//! expanded. Steps between local states that lead back never lead into an earlier component of their graph, so a circle has steps of
//! the second kind alone, each of which leads to a state that is expanded later.
//!
//! *What was assumed to be forgotten* ([`forgetting`](super::forgetting)) is held against the local states of all runs: those that a run passes through before it has taken, or
//! made up for, a step of T are those that were looked at ahead.

use super::change::{Called, NONE};
use super::making::Maker;
use super::{HEAD, Tabulated, Taken};
use crate::fingerprint::{Print, Printer};
use crate::intern::Interner;
use crate::space::{Edge, Missing, Rows, Space, Words};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::hash::BuildHasherDefault;
use synod_kernel::{Keeping, Move};
use synod_model::Process;
use synod_properties::Monitor;

/// A part of the argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Steps that do not commute are not taken for such.
    Comparison,
    /// No goal is hidden.
    Goals,
    /// No step is put off for ever.
    Circles,
}

#[cfg(test)]
thread_local! {
    /// What the reduction does without on this thread: tests show that they find that out.
    pub(crate) static WITHOUT: std::cell::Cell<Option<Part>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
fn is_without(part: Part) -> bool {
    WITHOUT.get() == Some(part)
}

#[cfg(not(test))]
const fn is_without(_: Part) -> bool {
    false
}

/// How many states are looked at from one: what is found out at all is found out soon.
const NEAR: usize = 48;

/// How many steps a set has at most.
const MOST: usize = 64;

/// A move as what is chosen, whatever comes of it.
type Named = Move<u32, u32>;

/// What is known for looking ahead: read by whoever expands a state.
#[derive(Default)]
pub(super) struct Ahead {
    /// By change: the number of the move that it is, the same in all states.
    names: Vec<u32>,
    /// The steps of processes, from local state to local state, that may be undone.
    circles: HashSet<(u32, u32), BuildHasherDefault<Printer>>,
}

/// What looking ahead rests on.
#[derive(Default)]
pub(super) struct Local {
    names: Option<Interner<Named>>,
    /// From node to node: the steps of processes that were found.
    steps: BTreeSet<(u32, u32)>,
}

/// The state for which a table lacks an entry.
pub(super) struct Lacking(Vec<u32>);

/// A step out of a state that is looked at.
#[derive(Clone, Copy)]
struct Step {
    name: u32,
    change: u32,
    /// Nothing where a property is broken, or the state is not kept.
    to: Option<(Print, Taken)>,
}

/// A state that is looked at, and the steps out of it once they are asked for.
struct Near {
    words: Vec<u32>,
    steps: Option<Vec<Step>>,
}

/// What comes of a step and another that is put off.
enum Both {
    Commute,
    /// The first makes up for the other.
    MadeUp,
    Differ,
}

/// What a look at the others' steps comes to.
enum Seen {
    /// Nothing that a set's steps differ with.
    Suffices,
    /// This step is, or leads to, one that they differ with.
    Joins(u32),
    Unknown,
}

/// What is looked at from one state.
struct Look<'a> {
    space: &'a Tabulated,
    ahead: &'a Ahead,
    near: Vec<Near>,
    numbers: HashMap<Print, usize, BuildHasherDefault<Printer>>,
    /// How many more are looked at.
    more: usize,
}

impl Look<'_> {
    fn add(&mut self, words: Vec<u32>, print: Print) -> usize {
        let Self { near, numbers, .. } = self;
        *numbers.entry(print).or_insert_with(|| {
            near.push(Near { words, steps: None });
            near.len() - 1
        })
    }

    /// The steps out of a state.
    fn steps(&mut self, at: usize) -> Result<&[Step], Lacking> {
        if self.near[at].steps.is_none() {
            let words = &self.near[at].words;
            let steps = self.space.steps(self.ahead, words).map_err(|Missing| Lacking(words.clone()))?;
            self.near[at].steps = Some(steps);
        }
        Ok(self.near[at].steps.as_deref().expect("made just now"))
    }

    fn step(&mut self, at: usize, name: u32) -> Result<Option<Step>, Lacking> {
        Ok(self.steps(at)?.iter().find(|step| step.name == name).copied())
    }

    /// The state to which a step leads.
    fn after(&mut self, at: usize, (print, taken): (Print, Taken)) -> usize {
        if let Some(&known) = self.numbers.get(&print) {
            return known;
        }
        let mut rows = Words::default();
        self.space.build(&self.near[at].words, (print, taken), &mut rows);
        self.add(rows.at(0).to_vec(), print)
    }

    /// What comes of a step x and a step t of a set, both out of this state.
    fn both(&mut self, here: usize, x: Step, t: Step) -> Result<Both, Lacking> {
        let (Some(to_x), Some(to_t)) = (x.to, t.to) else { return Ok(Both::Differ) };
        if self.space.are_apart(&self.near[here].words, x.change, t.change) {
            return Ok(Both::Commute);
        }
        let (via_x, via_t) = (self.after(here, to_x), self.after(here, to_t));
        let (then_t, then_x) = (self.step(via_x, t.name)?, self.step(via_t, x.name)?);
        if is_without(Part::Comparison) {
            return Ok(if then_t.is_some() { Both::Commute } else { Both::MadeUp });
        }
        let Some((both, _)) = then_x.and_then(|step| step.to) else { return Ok(Both::Differ) };
        Ok(match then_t {
            Some(Step { to: Some((print, _)), .. }) if print == both => Both::Commute,
            None if both == to_x.0 => Both::MadeUp,
            _ => Both::Differ,
        })
    }

    /// A set of steps that suffices and has this one; nothing where that would be all, or is not known.
    fn set_with(&mut self, name: u32) -> Result<Option<Vec<u32>>, Lacking> {
        let (mut set, all) = (vec![name], self.steps(0)?.len());
        loop {
            if set.len() >= all.min(MOST) {
                return Ok(None);
            }
            match self.look(&set)? {
                Seen::Suffices => return Ok(Some(set)),
                Seen::Joins(name) => set.push(name),
                Seen::Unknown => return Ok(None),
            }
        }
    }

    /// Visits what others than these steps lead to.
    fn look(&mut self, set: &[u32]) -> Result<Seen, Lacking> {
        // a state, the first step on the way there, and which steps of the set can still be taken
        let mut open = vec![(0, None, u64::MAX >> (64 - set.len()))];
        let mut at = 0;
        while let Some(&(here, first, left)) = open.get(at) {
            at += 1;
            let Some(more) = self.more.checked_sub(1) else { return Ok(Seen::Unknown) };
            self.more = more;
            let Some(chosen) = self.left(here, set, left)? else { return Ok(Seen::Unknown) };
            for step in self.steps(here)?.to_vec() {
                if let Some(place) = set.iter().position(|&name| name == step.name) {
                    if left >> place & 1 == 0 {
                        // it comes back
                        return Ok(Seen::Unknown);
                    }
                    continue;
                }
                let joins = Ok(Seen::Joins(first.unwrap_or(step.name)));
                let Some(to) = step.to else { return joins };
                let mut left_then = 0;
                for &(place, t) in &chosen {
                    match self.both(here, step, t)? {
                        Both::Commute => left_then |= 1 << place,
                        Both::MadeUp => {}
                        Both::Differ => return joins,
                    }
                }
                if left_then == 0 {
                    continue;
                }
                let there = self.after(here, to);
                if open.iter().any(|&(seen, _, left)| (seen, left) == (there, left_then)) {
                    continue;
                }
                open.push((there, first.or(Some(step.name)), left_then));
            }
        }
        Ok(Seen::Suffices)
    }

    /// The steps of the set that can still be taken, by their places. Nothing where one leads nowhere or to fewer goals.
    fn left(&mut self, here: usize, set: &[u32], left: u64) -> Result<Option<Vec<(usize, Step)>>, Lacking> {
        let goals = self.space.reached(&self.near[here].words);
        let mut steps = Vec::with_capacity(set.len());
        for (place, &name) in set.iter().enumerate().filter(|(place, _)| left >> place & 1 == 1) {
            let Some(step) = self.step(here, name)? else { return Ok(None) };
            let Some((_, taken)) = step.to else { return Ok(None) };
            if goals & !self.space.goals[taken.monitor as usize] != 0 && !is_without(Part::Goals) {
                return Ok(None);
            }
            steps.push((place, step));
        }
        Ok(Some(steps))
    }

    /// Whether a step out of the first state leads on.
    fn leads_on(&self, step: Step, is_closed: &dyn Fn(Print) -> bool) -> bool {
        let Some((print, _)) = step.to else { return false };
        let (change, words) = (&self.space.changes[step.change as usize], &self.near[0].words);
        let moves = change.seat != NONE && {
            let node = |state: u32| self.space.node(change.seat as usize, state);
            let (from, to) = (node(words[HEAD + change.seat as usize]), node(change.after));
            from != to && !self.ahead.circles.contains(&(from, to))
        };
        moves || !is_closed(print) || is_without(Part::Circles)
    }
}

impl Tabulated {
    /// Whether two moves commute wherever both are possible and neither breaks anything, by what they touch: each a process of its
    /// own, to which it leaves what is in flight there, and one of them, at most, what is judged by.
    fn are_apart(&self, words: &[u32], one: u32, other: u32) -> bool {
        let seat = |change: u32| {
            let c = &self.changes[change as usize];
            let to = (c.taken != NONE).then(|| u32::from(self.envelopes.ends[c.taken as usize].0));
            // whether a sender is down may count
            let down = |state: u32| self.down.get(state as usize);
            let stays = c.seat == NONE || down(words[HEAD + c.seat as usize]) == down(c.after);
            let seat = to.or((c.seat != NONE).then_some(c.seat));
            seat.filter(|_| stays && c.rest == NONE && c.discarded == NONE)
        };
        let is_silent = |change: u32| self.told[change as usize].observed == 0;
        // of a set, a copy that is sent may be the one that is taken; in a queue, places count
        self.keeping == Keeping::Bag
            && (is_silent(one) || is_silent(other))
            && seat(one).zip(seat(other)).is_some_and(|(one, other)| one != other)
    }

    /// The steps out of a state, by name.
    fn steps(&self, ahead: &Ahead, words: &[u32]) -> Result<Vec<Step>, Missing> {
        let mut steps = Vec::new();
        self.each_made(words, &mut |change| {
            let name = *ahead.names.get(change as usize).ok_or(Missing)?;
            let mut to = None;
            self.tell(words, change, &mut |edge| {
                if let Edge::To { print, step } = edge {
                    to = Some((print, step));
                }
            })?;
            steps.push(Step { name, change, to });
            Ok(())
        })?;
        Ok(steps)
    }

    /// The names of steps that suffice, as few as are found; nothing where they are all.
    fn sufficient(
        &self,
        words: &[u32],
        is_closed: &dyn Fn(Print) -> bool,
    ) -> Result<Option<Vec<u32>>, Lacking> {
        let Some(ahead) = &self.ahead else { return Ok(None) };
        let mut look = Look { space: self, ahead, near: Vec::new(), numbers: HashMap::default(), more: NEAR };
        look.add(words.to_vec(), self.print(words));
        let steps = look.steps(0)?.to_vec();
        let mut best: Option<Vec<u32>> = None;
        if steps.len() < 2 {
            return Ok(best);
        }
        for step in &steps {
            let Some(set) = look.set_with(step.name)? else { continue };
            let mut chosen = steps.iter().filter(|step| set.contains(&step.name));
            if chosen.any(|&step| look.leads_on(step, is_closed))
                && best.as_ref().is_none_or(|best| set.len() < best.len())
            {
                best = Some(set);
            }
            if best.as_ref().is_some_and(|best| best.len() == 1) {
                break;
            }
        }
        Ok(best)
    }

    /// Tells the steps out of a state that suffice.
    pub(super) fn expand_sufficient(
        &self,
        words: &[u32],
        is_closed: &dyn Fn(Print) -> bool,
        each: &mut impl FnMut(Edge<Taken>),
    ) -> Result<(), Missing> {
        let set = self.sufficient(words, is_closed).map_err(|Lacking(_)| Missing)?;
        let Some((set, ahead)) = set.zip(self.ahead.as_ref()) else { return self.expand(words, each) };
        self.each_made(words, &mut |change| {
            if set.contains(&ahead.names[change as usize]) {
                self.tell(words, change, each)
            } else {
                each(Edge::LeftOut);
                Ok(())
            }
        })
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Maker<'_, P, M> {
    /// Leaves out steps from now on where others suffice.
    pub(crate) fn begin_to_look_ahead(&mut self, space: &mut Tabulated) {
        self.local.names = Some(Interner::new());
        space.ahead = Some(Ahead::default());
    }

    /// Whether processes were found to go in circles that were not known: then it is to begin anew, knowing them.
    pub(crate) fn finds_circles(&mut self, space: &mut Tabulated) -> bool {
        let Some(ahead) = &mut space.ahead else { return false };
        let before = ahead.circles.len();
        ahead.circles = circles(&self.local.steps).collect();
        ahead.circles.len() > before
    }

    /// Takes note of a step of a process.
    pub(super) fn note_local(&mut self, space: &Tabulated, seat: usize, (from, to): (u32, u32)) {
        if self.local.names.is_some() {
            self.local.steps.insert((space.node(seat, from), space.node(seat, to)));
        }
    }

    /// Makes all entries that it takes to look ahead from a state.
    pub(super) fn fill_ahead(&mut self, space: &mut Tabulated, words: &[u32]) {
        if self.local.names.is_none() {
            return;
        }
        self.name_moves(space);
        // where none is new, no set is taken before others are looked at
        while let Err(Lacking(words)) = space.sufficient(words, &|_| true) {
            self.fill_one(space, &words);
            self.name_moves(space);
        }
    }

    /// Gives names to the moves that have none yet.
    fn name_moves(&mut self, space: &mut Tabulated) {
        let (Some(names), Some(ahead)) = (&mut self.local.names, &mut space.ahead) else { return };
        for Called { choice, draws, cut } in &space.called[ahead.names.len()..] {
            let name = Move { choice: choice.clone(), draws: draws.clone(), cut: *cut };
            ahead.names.push(names.intern(name).0);
        }
    }
}

/// The steps that lie on a circle of steps.
fn circles(steps: &BTreeSet<(u32, u32)>) -> impl Iterator<Item = (u32, u32)> + '_ {
    let nodes = steps.iter().map(|&(a, b)| a.max(b) as usize + 1).max().unwrap_or_default();
    let mut following = vec![Vec::new(); nodes];
    let mut followed = vec![Vec::new(); nodes];
    for &(from, to) in steps {
        following[from as usize].push(to);
        followed[to as usize].push(from);
    }
    // strongly connected components: by the order in which nodes are left, then backwards
    let (mut order, mut entered) = (Vec::new(), vec![false; nodes]);
    for root in 0..nodes as u32 {
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut entered[node as usize], true) {
                continue;
            }
            match following[node as usize].get(next) {
                Some(&to) => path.extend([(node, next + 1), (to, 0)]),
                None => order.push(node),
            }
        }
    }
    let mut component = vec![NONE; nodes];
    for &root in order.iter().rev() {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if component[node as usize] == NONE {
                component[node as usize] = root;
                open.extend(&followed[node as usize]);
            }
        }
    }
    let within = move |&&(from, to): &&(u32, u32)| component[from as usize] == component[to as usize];
    steps.iter().filter(within).copied()
}
