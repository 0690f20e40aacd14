//! A swarm: many small searches that differ (Holzmann, Joshi, Groce 2008).
//!
//! Searches go abreast, a number of them that does not depend on that of threads. A round takes each of them some way, with
//! the tables as they are; what they lack is filled in between, in the order of the searches. So all of them are a function
//! of the seed alone.

use super::agenda::Agenda;
use super::deep::{Dive, Stepped, Tally};
use super::kept::{Parents, Visited};
use super::{Ended, Search, run_to};
use crate::parallel::job;
use crate::space::{Rows, Run, Space};
use synod_kernel::Random;
use synod_properties::Violation;

/// How many searches go abreast.
const ABREAST: u64 = 16;

/// How many states each of them expands in a round at most.
const ROUND: u64 = 1024;

/// One search of a swarm.
struct Member<S: Space> {
    dive: Dive<S>,
    visited: Visited<S>,
    parents: Parents,
    end: Option<End>,
    /// Whether a table lacks an entry that it needs.
    waits: bool,
}

/// How a search of a swarm ended.
enum End {
    Broken(Violation, Run),
    /// Nothing is left.
    Exhausted,
    /// It met its bound on the states, or on the depth.
    Bounded,
}

impl<S: Space> Member<S> {
    /// One round.
    fn round(&mut self, space: &S, places: &[usize], states_each: u64) {
        for _ in 0..ROUND {
            if self.visited.len() as u64 >= states_each && !self.dive.is_done() {
                self.end = Some(End::Bounded);
                return;
            }
            match self.dive.step(space, (&mut self.visited, &mut self.parents)) {
                Err(_) => {
                    self.waits = true;
                    return;
                }
                Ok(Stepped::On) => {}
                Ok(Stepped::Empty) => {
                    self.end = Some(if self.dive.tally.more { End::Bounded } else { End::Exhausted });
                    return;
                }
                Ok(Stepped::Broken(state, place, violation)) => {
                    let run = run_to(places, &self.parents, state);
                    let mut run = run.expect("the steps of a search of a swarm are in memory");
                    run.places.extend(place);
                    self.end = Some(End::Broken(violation, run));
                    return;
                }
            }
        }
    }

    /// What it broke.
    fn violation(&mut self) -> Ended {
        match self.end.take() {
            Some(End::Broken(violation, run)) => Ended::Broken(violation, run),
            _ => unreachable!("asked of a search that broke something"),
        }
    }

    fn memory(&self) -> u64 {
        self.visited.memory() + self.parents.memory() + self.dive.memory()
    }
}

/// What searches have come to together: a state that several of them visited counts several times.
#[derive(Clone, Copy, Default)]
struct Sum {
    tally: Tally,
    states: u64,
}

impl Sum {
    fn and<S: Space>(mut self, members: &[Member<S>]) -> Self {
        for Member { dive, visited, .. } in members {
            self.tally.add(&dive.tally);
            self.states += visited.len() as u64;
        }
        self
    }
}

impl<S: Space> Search<'_, S> {
    /// Many small searches.
    pub(super) fn swarm(&mut self, seed: u64, searches: u64, states_each: u64) -> Result<(), Ended> {
        let mut random = Random::new(seed);
        let (initial, mut past) = (self.generated, Sum::default());
        self.visited = Visited::new(self.options.store, false);
        for first in (0..searches).step_by(ABREAST as usize) {
            let numbers = first..searches.min(first + ABREAST);
            let members = numbers.map(|at| self.member(at, Random::new(random.bits()), states_each));
            let mut members: Vec<_> = members.collect();
            self.go_abreast(&mut members, past, (initial, states_each))?;
            if let Some(all) = members.iter_mut().find(|member| matches!(member.end, Some(End::Exhausted))) {
                self.show(initial, Sum { tally: all.dive.tally, states: 0 });
                self.visited = std::mem::replace(&mut all.visited, Visited::new(self.options.store, false));
                return Ok(());
            }
            past = past.and(&members);
        }
        Err(Ended::Limit(self.options.order.to_string()))
    }

    /// The search of this number. The first has the whole of the depth; the others halve it, more or less often.
    fn member(&self, number: u64, mut random: Random, states_each: u64) -> Member<S> {
        let (roots, max) = (&self.roots.rows, self.options.depth_max);
        let most = max.unwrap_or(u32::try_from(states_each).unwrap_or(u32::MAX));
        // down to a bound of about eight steps
        let halvings = random.below(u64::from(most.max(8).ilog2() - 2));
        let bound = if number == 0 || halvings == 0 { max } else { Some(most >> halvings) };
        let (mut visited, mut parents) = (Visited::new(self.options.store, false), Parents::default());
        for at in 0..roots.len() {
            visited.insert(self.space.print(roots.at(at)), roots.at(at));
            parents.push(u32::MAX, 0);
        }
        let dive = Dive::new(roots, &self.space, Agenda::newest(), bound);
        let dive = dive.shuffled(random).reducing(self.options.partial_order);
        Member { dive, visited, parents, end: None, waits: false }
    }

    /// Searches abreast until the first of them that breaks anything is known, or all are over, or one has seen all.
    fn go_abreast(
        &mut self,
        members: &mut [Member<S>],
        past: Sum,
        (initial, states_each): (u64, u64),
    ) -> Result<(), Ended> {
        let mut checked = self.expanded;
        loop {
            let first_broken = members.iter().position(|m| matches!(m.end, Some(End::Broken(..))));
            let seen_all = members.iter().any(|m| matches!(m.end, Some(End::Exhausted)));
            // those before it may break something yet
            let before = first_broken.unwrap_or(members.len());
            let others = &mut members[..before];
            if (first_broken.is_none() && seen_all) || others.iter().all(|m| m.end.is_some()) {
                return first_broken.map_or(Ok(()), |at| Err(members[at].violation()));
            }
            self.round(others, states_each);
            self.show(initial, past.and(members));
            if self.expanded - checked >= 4096 {
                checked = self.expanded;
                let waiting = members.iter().map(|m| m.dive.waiting()).sum();
                let memory = members.iter().map(Member::memory).sum();
                let within = self.check_limits(waiting, memory);
                let broken = members.iter_mut().find(|m| matches!(m.end, Some(End::Broken(..))));
                within.map_err(|limit| broken.map_or(limit, Member::violation))?;
            }
        }
    }

    /// Takes each search some way, then makes the entries that they lack, in their order.
    fn round(&mut self, members: &mut [Member<S>], states_each: u64) {
        let (space, places) = (&self.space, &self.roots.places);
        let running = members.iter_mut().filter(|m| m.end.is_none());
        match &self.threads {
            Some(threads) => {
                threads.run(running.map(|m| job(move || m.round(space, places, states_each))).collect());
            }
            None => running.for_each(|m| m.round(space, places, states_each)),
        }
        for member in members.iter_mut().filter(|m| m.waits) {
            (self.fill)(&mut self.space, member.dive.open());
            member.waits = false;
        }
    }

    /// Takes over what searches have come to.
    fn show(&mut self, initial: u64, Sum { tally, states }: Sum) {
        (self.expanded, self.transitions, self.depth) = (tally.expanded, tally.transitions, tally.depth);
        self.generated = initial + tally.generated;
        self.reached |= tally.reached;
        self.elsewhere = states;
    }
}
