//! Searches that are not breadth-first: one state at a time.

use super::agenda::{Agenda, Rank};
use super::chunk::{Candidate, Chunk};
use super::kept::{Parents, Visited};
use super::{Ended, Search};
use crate::fingerprint::{Print, Printer};
use crate::report::Measure;
use crate::space::{Missing, Rows, Run, Space, StateOf};
use crate::visited::Prints;
use hashbrown::HashMap;
use std::hash::BuildHasherDefault;
use synod_kernel::Random;
use synod_properties::Violation;

/// The least depth at which each state was found.
type Depths = HashMap<Print, u32, BuildHasherDefault<Printer>>;

/// A search that takes one state after the other.
pub(super) struct Dive<S: Space> {
    agenda: Agenda<S::Rows>,
    /// How deep it goes.
    bound: Option<u32>,
    /// Under a bound that is to be exhausted: a state that was found deeper before is opened again.
    depths: Option<Depths>,
    /// Puts the steps out of each state in an order of its own.
    shuffle: Option<Random>,
    /// What was expanded, where a reduction by partial order is asked for.
    closed: Option<Prints<u64>>,
    /// The state that is being expanded, alone; its number and its depth, until that is done.
    chunk: Chunk<S>,
    open: Option<(u32, u32)>,
    /// Working space.
    built: S::Rows,
    pub(super) tally: Tally,
}

/// What a search has come to.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) expanded: u64,
    pub(super) generated: u64,
    pub(super) transitions: u64,
    pub(super) depth: u32,
    pub(super) reached: u64,
    /// Whether there is more beyond the bound on the depth.
    pub(super) more: bool,
}

impl Tally {
    /// Adds what another search has come to.
    pub(super) fn add(&mut self, other: &Self) {
        self.expanded += other.expanded;
        self.generated += other.generated;
        self.transitions += other.transitions;
        self.depth = self.depth.max(other.depth);
        self.reached |= other.reached;
        self.more |= other.more;
    }
}

/// What came of a step of a search.
pub(super) enum Stepped {
    /// A state was expanded.
    On,
    /// None waits.
    Empty,
    /// Something is broken in the state of this number, or by the step of this place out of it.
    Broken(u32, Option<u32>, Violation),
}

impl<S: Space> Dive<S> {
    /// Begins at these states, which have the first numbers.
    pub(super) fn new(roots: &S::Rows, space: &S, mut agenda: Agenda<S::Rows>, bound: Option<u32>) -> Self {
        for at in 0..roots.len() {
            agenda.add(space, roots.at(at), (at as u32, 0));
        }
        Self {
            agenda,
            bound,
            depths: None,
            shuffle: None,
            closed: None,
            chunk: Chunk::default(),
            open: None,
            built: S::Rows::default(),
            tally: Tally::default(),
        }
    }

    /// Opens states again that are found less deep than before, so that none within the bound is missed.
    fn reopening(mut self, roots: &S::Rows, space: &S) -> Self {
        let of = |_| (0..roots.len()).map(|at| (space.print(roots.at(at)), 0)).collect();
        self.depths = self.bound.map(of);
        self
    }

    /// Takes the steps out of each state in an order drawn from here.
    pub(super) fn shuffled(mut self, random: Random) -> Self {
        self.shuffle = Some(random);
        self
    }

    /// Leaves out what a reduction by partial order shows to be needless, where that is asked for.
    pub(super) fn reducing(mut self, reduces: bool) -> Self {
        self.closed = reduces.then(Prints::new);
        self
    }

    /// The state that is being expanded.
    pub(super) fn open(&self) -> &StateOf<S> {
        self.chunk.rows.at(0)
    }

    /// Whether any state waits.
    pub(super) fn is_done(&self) -> bool {
        self.open.is_none() && self.agenda.len() == 0
    }

    /// How many states wait.
    pub(super) fn waiting(&self) -> usize {
        self.agenda.len()
    }

    /// Expands the next state. Where a table lacks an entry, the same again.
    pub(super) fn step(
        &mut self,
        space: &S,
        (visited, parents): (&mut Visited<S>, &mut Parents),
    ) -> Result<Stepped, Missing> {
        if self.open.is_none() {
            self.open_next();
            if let Some(closed) = self.closed.as_mut().filter(|_| self.open.is_some()) {
                self.chunk.close(space, closed);
            }
        }
        let Some((number, depth)) = self.open else { return Ok(Stepped::Empty) };
        self.chunk.expand_one(space, self.closed.as_ref(), None)?;
        self.open = None;
        self.count();
        let mut candidates = std::mem::take(&mut self.chunk.candidates);
        self.put_in_order(&mut candidates);
        for candidate in candidates.drain(..) {
            if let Some(stop) = self.add(space, (visited, parents), candidate, (number, depth)) {
                return Ok(stop);
            }
        }
        self.chunk.candidates = candidates;
        let broken = self.chunk.broken.take().map(|(_, place, violation)| (Some(place), violation));
        let broken = broken.or(self.chunk.ended.take().map(|(_, violation)| (None, violation)));
        Ok(broken.map_or(Stepped::On, |(place, violation)| Stepped::Broken(number, place, violation)))
    }

    /// Opens the next state within the bound.
    fn open_next(&mut self) {
        while let Some((number, depth)) = self.agenda.take(self.chunk.open(0)) {
            self.tally.depth = self.tally.depth.max(depth);
            if self.bound.is_none_or(|max| depth < max) {
                self.open = Some((number, depth));
                return;
            }
            self.tally.more = true;
        }
    }

    fn count(&mut self) {
        self.tally.expanded += 1;
        self.tally.generated += self.chunk.generated;
        self.tally.transitions += self.chunk.transitions;
    }

    fn put_in_order(&mut self, candidates: &mut [Candidate<S::Step>]) {
        let Some(random) = &mut self.shuffle else { return };
        for last in (1..candidates.len()).rev() {
            candidates.swap(last, random.below(last as u64 + 1) as usize);
        }
    }

    /// Adds a state that was found, if it is new or is to be opened again.
    fn add(
        &mut self,
        space: &S,
        (visited, parents): (&mut Visited<S>, &mut Parents),
        Candidate { print, place, step, .. }: Candidate<S::Step>,
        (number, depth): (u32, u32),
    ) -> Option<Stepped> {
        // nothing is built for a state that its fingerprint tells to be known
        let new = visited.insert_print(print);
        let sooner = self.depths.as_mut().is_some_and(|depths| {
            let known = depths.entry(print).or_insert(u32::MAX);
            let sooner = depth + 1 < *known;
            *known = (depth + 1).min(*known);
            sooner
        });
        if new == Some(false) && !sooner {
            return None;
        }
        self.built.truncate(0);
        space.build(self.chunk.rows.at(0), (print, step), &mut self.built);
        let state = self.built.at(0);
        if !new.unwrap_or_else(|| visited.insert(print, state)) && !sooner {
            return None;
        }
        let found = parents.len() as u32;
        parents.push(number, place);
        self.tally.reached |= space.reached(state);
        self.agenda.add(space, state, (found, depth + 1));
        let violation = space.broken(state)?;
        self.tally.depth = self.tally.depth.max(depth + 1);
        Some(Stepped::Broken(found, None, violation))
    }

    /// Bytes in use.
    pub(super) fn memory(&self) -> u64 {
        /// What a place of the table of depths takes.
        const PLACE: usize = size_of::<(Print, u32)>() + 1;
        let depths = self.depths.as_ref().map_or(0, |depths| depths.capacity() * PLACE);
        self.agenda.memory() + depths as u64 + self.closed.as_ref().map_or(0, Prints::memory)
    }
}

impl<S: Space> Search<'_, S> {
    /// The newest state first.
    pub(super) fn depth_first(&mut self) -> Result<(), Ended> {
        let bound = self.options.depth_max;
        self.within(bound, Agenda::newest()).and_then(|more| self.depth_limit(more))
    }

    /// The state first that a measure puts first.
    pub(super) fn guided(&mut self, by: Measure) -> Result<(), Ended> {
        let bound = self.options.depth_max;
        self.within(bound, Agenda::nearest(Rank::new(by))).and_then(|more| self.depth_limit(more))
    }

    /// The newest state first, within a bound that grows by one whenever it was met.
    pub(super) fn deepening(&mut self) -> Result<(), Ended> {
        for bound in 0.. {
            if self.options.depth_max.is_some_and(|max| bound > max) {
                return self.depth_limit(true);
            }
            self.forget();
            if !self.within(Some(bound), Agenda::newest())? {
                break;
            }
        }
        Ok(())
    }

    /// The end of a search within the bound that was asked for.
    fn depth_limit(&self, more: bool) -> Result<(), Ended> {
        match self.options.depth_max {
            Some(max) if more => Err(Ended::Limit(format!("the depth limit of {max} steps"))),
            _ => Ok(()),
        }
    }

    /// Back to the initial states.
    fn forget(&mut self) {
        self.visited = Visited::new(self.options.store, false);
        self.parents = Parents::default();
        (self.transitions, self.generated) = (0, self.roots.rows.len() as u64);
        for at in 0..self.roots.rows.len() {
            let state = self.roots.rows.at(at);
            self.visited.insert(self.space.print(state), state);
            self.parents.push(u32::MAX, 0);
        }
    }

    /// Explores as deep as the bound allows; whether there is more beyond it.
    fn within(&mut self, bound: Option<u32>, agenda: Agenda<S::Rows>) -> Result<bool, Ended> {
        let dive = Dive::new(&self.roots.rows, &self.space, agenda, bound);
        let mut dive = dive.reopening(&self.roots.rows, &self.space).reducing(self.options.partial_order);
        loop {
            let mut stepped = dive.step(&self.space, (&mut self.visited, &mut self.parents));
            if stepped.is_err() {
                (self.fill)(&mut self.space, dive.open());
                stepped = dive.step(&self.space, (&mut self.visited, &mut self.parents));
            }
            let tally = std::mem::take(&mut dive.tally);
            self.note(&tally);
            dive.tally.more = tally.more;
            match stepped.expect("what was filled lacks nothing") {
                Stepped::On => {}
                Stepped::Empty => return Ok(dive.tally.more),
                Stepped::Broken(state, place, violation) => {
                    return Err(self.broken((state, place), violation));
                }
            }
            if self.expanded.is_multiple_of(4096) {
                self.check_limits(dive.agenda.len(), dive.memory())?;
            }
        }
    }

    /// Adds what a search has come to.
    fn note(&mut self, tally: &Tally) {
        self.expanded += tally.expanded;
        self.generated += tally.generated;
        self.transitions += tally.transitions;
        self.depth = self.depth.max(tally.depth);
        self.reached |= tally.reached;
    }

    /// Walks at random from an initial state until nothing more happens or the walk is long enough.
    pub(super) fn walks(&mut self, seed: u64, walks: u64, length: u32) -> Result<(), Ended> {
        if self.roots.rows.len() == 0 {
            return Ok(());
        }
        let mut random = Random::new(seed);
        let mut chunk = Chunk::<S>::default();
        let (mut here, mut next) = (S::Rows::default(), S::Rows::default());
        for walk in 0..walks {
            let root = random.below(self.roots.rows.len() as u64) as usize;
            here.truncate(0);
            here.add(self.roots.rows.at(root));
            let mut run = Run { start: self.roots.places[root], places: Vec::new() };
            for depth in 0..length {
                chunk.open(0).add(here.at(0));
                if self.options.partial_order {
                    chunk.close(&self.space, &mut self.closed);
                }
                let broken = self.expand_chunks(std::slice::from_mut(&mut chunk), false);
                self.count(&chunk);
                if let Some((_, place, violation)) = broken {
                    run.places.extend(place);
                    return Err(Ended::Broken(violation, run));
                }
                if chunk.candidates.is_empty() {
                    break;
                }
                let pick = random.below(chunk.candidates.len() as u64) as usize;
                let Candidate { print, place, step, .. } = chunk.candidates.swap_remove(pick);
                next.truncate(0);
                self.space.build(here.at(0), (print, step), &mut next);
                run.places.push(place);
                std::mem::swap(&mut here, &mut next);
                self.visited.insert(print, here.at(0));
                self.reached |= self.space.reached(here.at(0));
                self.depth = self.depth.max(depth + 1);
                if let Some(violation) = self.space.broken(here.at(0)) {
                    return Err(Ended::Broken(violation, run));
                }
            }
            if walk.is_multiple_of(64) {
                self.check_limits(0, 0)?;
            }
        }
        Err(Ended::Limit(self.options.order.to_string()))
    }
}
