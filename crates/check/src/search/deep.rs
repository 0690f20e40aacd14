//! Searches that are not breadth-first.

use super::chunk::{Candidate, Chunk};
use super::kept::Visited;
use super::{Ended, Search, path};
use crate::fingerprint::Print;
use crate::space::{Exact, Rows, Space};
use std::collections::BTreeMap;
use synod_properties::Violation;

impl<S: Space> Search<'_, S> {
    /// The newest state first.
    pub(super) fn depth_first(&mut self) -> Result<(), Ended<S::Name>> {
        let mut stack = S::Rows::default();
        let mut numbers: Vec<(u32, u32)> = Vec::new();
        for at in 0..self.start.len() {
            stack.add(self.start.at(at));
            numbers.push((at as u32, 0));
        }
        let mut depths = self.options.depth_max.map(|_| BTreeMap::<Print, u32>::new());
        let (mut one, mut shallow) = (S::Rows::default(), false);
        while let Some((number, depth)) = numbers.pop() {
            self.depth = self.depth.max(depth);
            one.truncate(0);
            one.add(stack.at(numbers.len()));
            stack.truncate(numbers.len());
            if self.options.depth_max.is_some_and(|max| depth >= max) {
                shallow = true;
                continue;
            }
            self.expand_deep(&one, (number, depth), &mut stack, &mut numbers, depths.as_mut())?;
            if self.expanded.is_multiple_of(4096) {
                self.check_limits(numbers.len(), stack.memory())?;
            }
        }
        match self.options.depth_max {
            Some(max) if shallow => Err(Ended::Limit(format!("the depth limit of {max} steps"))),
            _ => Ok(()),
        }
    }

    pub(super) fn expand_deep(
        &mut self,
        one: &S::Rows,
        (number, depth): (u32, u32),
        stack: &mut S::Rows,
        numbers: &mut Vec<(u32, u32)>,
        mut depths: Option<&mut BTreeMap<Print, u32>>,
    ) -> Result<(), Ended<S::Name>> {
        let mut chunk = Chunk::<S>::default();
        let broken = self.expand_chunks(std::slice::from_mut(&mut chunk), one, &[1]);
        let broken = broken.map(|(_, place, violation)| (place, violation));
        for candidate in chunk.candidates.drain(..) {
            let Candidate { print, place, step, .. } = candidate;
            let before = stack.len();
            self.space.build(one.at(0), step, stack);
            let new = match &mut self.visited {
                Visited::Short(prints) => prints.insert(print),
                Visited::Long(prints) => prints.insert(print),
                Visited::Exact(exact, _) => exact.insert(print, stack.at(before)).1,
            };
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
            let found = self.parents.parents.len() as u32;
            self.parents.push(number, place);
            self.reached |= self.space.reached(stack.at(before));
            numbers.push((found, depth + 1));
            if let Some(violation) = self.space.broken(stack.at(before)) {
                self.depth = self.depth.max(depth + 1);
                let (names, _) = path(&mut self.space, &self.roots, &self.start, &self.parents, found);
                return Err(Ended::Broken(violation, names));
            }
        }
        match broken {
            None => Ok(()),
            Some((place, violation)) => {
                self.depth = self.depth.max(depth);
                Err(self.broken_deep(one, number, place, violation))
            }
        }
    }

    pub(super) fn broken_deep(
        &mut self,
        one: &S::Rows,
        number: u32,
        place: Option<u32>,
        violation: Violation,
    ) -> Ended<S::Name> {
        let (mut names, _) = path(&mut self.space, &self.roots, &self.start, &self.parents, number);
        if let Some(place) = place {
            names.push(self.space.name(one.at(0), place as usize));
        }
        Ended::Broken(violation, names)
    }
}
