//! Searches that are not breadth-first.

use super::chunk::{Candidate, Chunk};
use super::kept::{Parents, Visited};
use super::{Ended, Search};
use crate::fingerprint::{Print, Printer};
use crate::space::{Rows, Run, Space};
use hashbrown::HashMap;
use std::hash::BuildHasherDefault;
use synod_kernel::Random;

/// The least depth at which each state was found.
type Depths = HashMap<Print, u32, BuildHasherDefault<Printer>>;

impl<S: Space> Search<'_, S> {
    /// The newest state first.
    pub(super) fn depth_first(&mut self) -> Result<(), Ended> {
        let bound = self.options.depth_max;
        match (self.dive(bound)?, bound) {
            (true, Some(max)) => Err(Ended::Limit(format!("the depth limit of {max} steps"))),
            _ => Ok(()),
        }
    }

    /// The newest state first, within a bound that grows by one whenever it was met.
    pub(super) fn deepening(&mut self) -> Result<(), Ended> {
        for bound in 0.. {
            if self.options.depth_max.is_some_and(|max| bound > max) {
                return Err(Ended::Limit(format!("the depth limit of {} steps", bound - 1)));
            }
            self.forget();
            if !self.dive(Some(bound))? {
                break;
            }
        }
        Ok(())
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
    fn dive(&mut self, bound: Option<u32>) -> Result<bool, Ended> {
        let mut stack = S::Rows::default();
        let mut numbers: Vec<(u32, u32)> = Vec::new();
        let mut depths = bound.map(|_| Depths::default());
        for at in 0..self.roots.rows.len() {
            stack.add(self.roots.rows.at(at));
            numbers.push((at as u32, 0));
            if let Some(depths) = &mut depths {
                depths.insert(self.space.print(self.roots.rows.at(at)), 0);
            }
        }
        let (mut one, mut more) = (S::Rows::default(), false);
        while let Some((number, depth)) = numbers.pop() {
            self.depth = self.depth.max(depth);
            one.truncate(0);
            one.add(stack.at(numbers.len()));
            stack.truncate(numbers.len());
            if bound.is_some_and(|max| depth >= max) {
                more = true;
                continue;
            }
            self.expand_deep(&one, (number, depth), &mut stack, &mut numbers, depths.as_mut())?;
            if self.expanded.is_multiple_of(4096) {
                /// What a place of the table of depths takes.
                const PLACE: usize = size_of::<(Print, u32)>() + 1;
                let depths = depths.as_ref().map_or(0, |depths| depths.capacity() * PLACE);
                self.check_limits(numbers.len(), stack.memory() + depths as u64)?;
            }
        }
        Ok(more)
    }

    /// Walks at random from an initial state until nothing more happens or the walk is long enough.
    pub(super) fn walks(&mut self, seed: u64, walks: u64, length: u32) -> Result<(), Ended> {
        if self.roots.rows.len() == 0 {
            return Ok(());
        }
        let mut random = Random::new(seed);
        for walk in 0..walks {
            let root = random.below(self.roots.rows.len() as u64) as usize;
            let mut here = S::Rows::default();
            here.add(self.roots.rows.at(root));
            let mut run = Run { start: self.roots.places[root], places: Vec::new() };
            for depth in 0..length {
                let mut chunk = Chunk::<S>::default();
                chunk.open(0).add(here.at(0));
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
                let mut next = S::Rows::default();
                self.space.build(here.at(0), (print, step), &mut next);
                run.places.push(place);
                here = next;
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
        Err(Ended::Limit(format!("{walks} random walks of at most {length} steps (seed {seed})")))
    }

    fn expand_deep(
        &mut self,
        one: &S::Rows,
        (number, depth): (u32, u32),
        stack: &mut S::Rows,
        numbers: &mut Vec<(u32, u32)>,
        mut depths: Option<&mut Depths>,
    ) -> Result<(), Ended> {
        let mut chunk = Chunk::<S>::default();
        chunk.open(0).add(one.at(0));
        let broken = self.expand_chunks(std::slice::from_mut(&mut chunk), false);
        self.count(&chunk);
        let broken = broken.map(|(_, place, violation)| (place, violation));
        for candidate in chunk.candidates.drain(..) {
            let Candidate { print, place, step, .. } = candidate;
            let before = stack.len();
            self.space.build(one.at(0), (print, step), stack);
            let new = self.visited.insert(print, stack.at(before));
            // under a bound on the depth, a state that was found deeper before is opened again
            let sooner = depths.as_mut().is_some_and(|depths| {
                let known = depths.entry(print).or_insert(u32::MAX);
                let sooner = depth + 1 < *known;
                *known = depth.saturating_add(1).min(*known);
                sooner
            });
            if !new && !sooner {
                stack.truncate(before);
                continue;
            }
            let found = self.parents.len() as u32;
            self.parents.push(number, place);
            self.reached |= self.space.reached(stack.at(before));
            numbers.push((found, depth + 1));
            if let Some(violation) = self.space.broken(stack.at(before)) {
                self.depth = self.depth.max(depth + 1);
                return Err(self.broken((found, None), violation));
            }
        }
        match broken {
            None => Ok(()),
            Some((place, violation)) => {
                self.depth = self.depth.max(depth);
                Err(self.broken((number, place), violation))
            }
        }
    }
}
