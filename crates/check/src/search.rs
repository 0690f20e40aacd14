//! The search, over states of any kind.
//!
//! Breadth-first, a chunk of states at a time: all of them are expanded, then all successors looked up, then the new
//! ones built. Nothing is built for a state that was seen before, and many lookups overlap. The order of what is found
//! depends on the space alone, never on the number of threads.

mod chunk;
mod deep;
mod kept;

use crate::report::{Control, Options, Order, Progress};
use crate::space::{BrokenStart, Edge, Rows, Space, StateOf};
use chunk::{CHUNK, Chunk, look_up_exact, look_up_prints};
pub(crate) use kept::Steps;
use kept::{Parents, Visited};
use rayon::prelude::*;
use std::collections::VecDeque;
use synod_properties::{Kind, Violation};

/// Why a search ended before all was explored.
pub(crate) enum Ended<N> {
    Broken(Violation, Vec<N>),
    Limit(String),
}

/// What a search found.
pub(crate) struct Found<S: Space> {
    pub(crate) space: S,
    pub(crate) initial: u64,
    pub(crate) states: u64,
    pub(crate) transitions: u64,
    pub(crate) generated: u64,
    pub(crate) depth: u32,
    pub(crate) memory: u64,
    pub(crate) reached: u64,
    pub(crate) ended: Option<Ended<S::Name>>,
    /// The states in full and the steps between them, where liveness is to be judged.
    pub(crate) kept: Option<(S::Exact, Steps)>,
    roots: Vec<Vec<S::Name>>,
    start: S::Rows,
    parents: Parents,
}

impl<S: Space> Found<S> {
    /// How the state of this number came to be.
    pub(crate) fn path(&mut self, state: u32) -> Vec<S::Name> {
        path(&mut self.space, &self.roots, &self.start, &self.parents, state).0
    }
}

/// The names of the steps to a state, and the state itself.
fn path<S: Space>(
    space: &mut S,
    roots: &[Vec<S::Name>],
    start: &S::Rows,
    parents: &Parents,
    state: u32,
) -> (Vec<S::Name>, S::Rows) {
    let mut way = vec![state];
    while way[way.len() - 1] as usize >= roots.len() {
        way.push(parents.of[way[way.len() - 1] as usize]);
    }
    let root = way.pop().expect("a run starts at an initial state") as usize;
    let (mut names, mut here) = (roots[root].clone(), S::Rows::default());
    here.add(start.at(root));
    for &next in way.iter().rev() {
        let place = parents.place(next);
        names.push(space.name(here.at(0), place as usize));
        here = successor(space, here.at(0), place);
    }
    (names, here)
}

/// The state to which the step of this place leads, alone.
pub(crate) fn successor<S: Space>(space: &S, from: &StateOf<S>, place: u32) -> S::Rows {
    let mut rows = S::Rows::default();
    let (mut at, mut found) = (0, None);
    let told = space.expand(from, &mut |edge| {
        match edge {
            Edge::To { step, .. } if at == place => found = Some(step),
            Edge::To { .. } | Edge::Outside(_) | Edge::Broken(_) | Edge::LeftOut => {}
        }
        at += 1;
    });
    told.expect("a state that was expanded can be expanded again");
    space.build(from, found.expect("a state has this many steps"), &mut rows);
    rows
}

/// A run of the search.
struct Search<'a, S: Space> {
    space: S,
    options: &'a Options,
    progress: &'a mut dyn FnMut(&Progress) -> Control,
    pool: Option<rayon::ThreadPool>,
    visited: Visited<S>,
    parents: Parents,
    roots: Vec<Vec<S::Name>>,
    start: S::Rows,
    reached: u64,
    goals: u64,
    transitions: u64,
    generated: u64,
    depth: u32,
    memory: u64,
    expanded: u64,
    told: u64,
    /// Segments that were expanded, for new states to be built in.
    spare: Vec<S::Rows>,
}

/// Explores a space.
pub(crate) fn search<S: Space>(
    space: S,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<S> {
    let properties = space.properties();
    // what happens for ever is judged on the steps between all states, in the order in which they are found first
    let live = options.order == Order::BreadthFirst
        && space.keeps_runs()
        && !options.partial_order
        && properties.iter().any(|p| p.kind == Kind::Liveness);
    let visited = Visited::new(options.store, live);
    let pool = (options.threads > 1).then(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads as usize).build();
        pool.expect("an operating system gives a few threads")
    });
    let goals = properties.iter().enumerate().filter(|(_, p)| p.kind == Kind::Reachable);
    let goals = goals.map(|(i, _)| 1 << i).sum();
    let mut search = Search {
        space,
        options,
        progress,
        pool,
        visited,
        parents: Parents::default(),
        roots: Vec::new(),
        start: S::Rows::default(),
        reached: 0,
        goals,
        transitions: 0,
        generated: 0,
        depth: 0,
        memory: 0,
        expanded: 0,
        told: 0,
        spare: Vec::new(),
    };
    let ended = search.run().err();
    search.weigh(0);
    let complete = ended.is_none();
    Found {
        initial: search.roots.len() as u64,
        states: search.visited.len() as u64,
        transitions: search.transitions,
        generated: search.generated,
        depth: search.depth,
        memory: search.memory,
        reached: search.reached,
        ended,
        kept: match search.visited {
            Visited::Exact(exact, Some(steps)) if complete => Some((exact, steps)),
            _ => None,
        },
        space: search.space,
        roots: search.roots,
        start: search.start,
        parents: search.parents,
    }
}

impl<S: Space> Search<'_, S> {
    fn run(&mut self) -> Result<(), Ended<S::Name>> {
        self.begin()?;
        match self.options.order {
            Order::BreadthFirst => self.breadth_first(),
            Order::DepthFirst => self.depth_first(),
            Order::Deepening => self.deepening(),
            Order::Walks { seed, walks, length } => self.walks(seed, walks, length),
        }
    }

    /// The initial states.
    fn begin(&mut self) -> Result<(), Ended<S::Name>> {
        let mut rows = S::Rows::default();
        let broken = |(violation, names): BrokenStart<S::Name>| Ended::Broken(violation, names);
        let names = self.space.initial(&mut rows).map_err(broken)?;
        self.generated += rows.len() as u64;
        for (at, names) in names.into_iter().enumerate() {
            let state = rows.at(at);
            let print = self.space.print(state);
            if self.visited.insert(print, state) {
                self.start.add(state);
                self.roots.push(names);
                self.parents.push(u32::MAX, 0);
            }
        }
        for at in 0..self.start.len() {
            let state = self.start.at(at);
            self.reached |= self.space.reached(state);
            if let Some(violation) = self.space.broken(state) {
                return Err(Ended::Broken(violation, self.roots[at].clone()));
            }
        }
        Ok(())
    }

    fn breadth_first(&mut self) -> Result<(), Ended<S::Name>> {
        let mut level: VecDeque<S::Rows> = VecDeque::new();
        let mut first = S::Rows::default();
        (0..self.start.len()).for_each(|at| first.add(self.start.at(at)));
        level.push_back(first);
        let mut number = 0;
        while level.iter().any(|rows| rows.len() > 0) {
            if self.options.depth_max.is_some_and(|max| self.depth >= max) {
                return Err(Ended::Limit(format!("the depth limit of {} steps", self.depth)));
            }
            if let Visited::Exact(_, Some(steps)) = &mut self.visited {
                steps.levels.push(number);
            }
            let mut next = VecDeque::new();
            while let Some(mut rows) = level.pop_front() {
                self.expand_rows(&rows, number, &mut next)?;
                number += rows.len() as u32;
                let frontier = level.iter().chain(&next).map(Rows::memory).sum::<u64>() + rows.memory();
                let waiting: usize = level.iter().chain(&next).map(Rows::len).sum();
                self.check_limits(waiting, frontier)?;
                rows.truncate(0);
                self.spare.push(rows);
                self.spare.truncate(8);
            }
            if next.iter().any(|rows: &S::Rows| rows.len() > 0) {
                self.depth += 1;
            }
            level = next;
        }
        Ok(())
    }

    /// Expands a segment of states, the first of which has this number.
    fn expand_rows(
        &mut self,
        rows: &S::Rows,
        number: u32,
        next: &mut VecDeque<S::Rows>,
    ) -> Result<(), Ended<S::Name>> {
        let threads = self.pool.as_ref().map(rayon::ThreadPool::current_num_threads);
        let abreast = match threads {
            // a reduction looks at what was seen before: always after the same states
            _ if self.options.partial_order => 16,
            None => 1,
            Some(threads) => 8 * threads,
        };
        let mut chunks: Vec<Chunk<S>> = Vec::new();
        chunks.resize_with(abreast, Chunk::default);
        for first in (0..rows.len()).step_by(CHUNK * abreast) {
            let count = (rows.len() - first).div_ceil(CHUNK).min(abreast);
            let ends: Vec<usize> = (1..=count).map(|i| rows.len().min(first + i * CHUNK)).collect();
            let chunks = &mut chunks[..count];
            for (i, chunk) in chunks.iter_mut().enumerate() {
                chunk.first = first + i * CHUNK;
                chunk.next = chunk.first;
                chunk.outside.clear();
            }
            let broken = self.expand_chunks(chunks, rows, &ends);
            self.look_up(chunks, rows, number);
            self.build(chunks, rows, number, next)?;
            if let Some(broken) = broken {
                return Err(self.broken(rows, number, broken));
            }
        }
        Ok(())
    }

    /// Expands chunks of states; the first thing that is broken, by its row.
    fn expand_chunks(
        &mut self,
        chunks: &mut [Chunk<S>],
        rows: &S::Rows,
        ends: &[usize],
    ) -> Option<(usize, Option<u32>, Violation)> {
        let visited = self.options.partial_order.then_some(&self.visited);
        if let Some(pool) = &self.pool {
            let space = &self.space;
            pool.install(|| {
                let pairs = chunks.par_iter_mut().zip(ends);
                pairs.for_each(|(chunk, &end)| chunk.expand(space, visited, rows, end));
            });
        }
        let mut broken = None;
        for (chunk, &end) in chunks.iter_mut().zip(ends) {
            if broken.is_some() {
                chunk.candidates.clear();
                chunk.outside.clear();
                (chunk.generated, chunk.transitions) = (0, 0);
                continue;
            }
            chunk.expand(&self.space, visited, rows, end);
            while chunk.next < end && !chunk.is_stopped() {
                self.space.fill(rows.at(chunk.next));
                chunk.expand(&self.space, visited, rows, end);
            }
            self.generated += std::mem::take(&mut chunk.generated);
            self.transitions += std::mem::take(&mut chunk.transitions);
            self.expanded += (chunk.next - chunk.first) as u64;
            broken = chunk.broken.take().map(|(row, place, v)| (row, Some(place), v));
            broken = broken.or(chunk.ended.take().map(|(row, v)| (row, None, v)));
        }
        broken
    }

    /// Finds out which candidates are new.
    fn look_up(&mut self, chunks: &mut [Chunk<S>], rows: &S::Rows, number: u32) {
        match &mut self.visited {
            Visited::Short(prints) => look_up_prints(prints, chunks, self.pool.as_ref()),
            Visited::Long(prints) => look_up_prints(prints, chunks, self.pool.as_ref()),
            Visited::Exact(exact, steps) => {
                for chunk in chunks {
                    look_up_exact(&self.space, exact, steps.as_mut(), chunk, rows, number);
                }
            }
        }
    }

    fn build(
        &mut self,
        chunks: &mut [Chunk<S>],
        rows: &S::Rows,
        number: u32,
        next: &mut VecDeque<S::Rows>,
    ) -> Result<(), Ended<S::Name>> {
        /// How many states a segment of the frontier has.
        const SEGMENT: usize = 1 << 14;
        let space = &self.space;
        let mut found: Vec<Vec<(u32, u32)>> = vec![Vec::new(); chunks.len()];
        match &self.pool {
            Some(pool) => pool.install(|| {
                let pairs = chunks.par_iter_mut().zip(&mut found);
                pairs.for_each(|(chunk, parents)| chunk.build(space, rows, parents));
            }),
            None => {
                for (chunk, parents) in chunks.iter_mut().zip(&mut found) {
                    chunk.build(space, rows, parents);
                }
            }
        }
        for (chunk, parents) in chunks.iter_mut().zip(found) {
            for (at, (row, place)) in parents.into_iter().enumerate() {
                let state = chunk.built.at(at);
                self.parents.push(number + row, place);
                if self.reached & self.goals != self.goals {
                    self.reached |= self.space.reached(state);
                }
                if let Some(violation) = self.space.broken(state) {
                    let state = self.parents.len() as u32 - 1;
                    self.depth += 1;
                    let (names, _) = path(&mut self.space, &self.roots, &self.start, &self.parents, state);
                    return Err(Ended::Broken(violation, names));
                }
            }
            match next.back_mut() {
                Some(last) if last.len() < SEGMENT => last.append(&mut chunk.built),
                _ => {
                    let mut last = self.spare.pop().unwrap_or_default();
                    last.append(&mut chunk.built);
                    next.push_back(last);
                }
            }
        }
        Ok(())
    }

    fn broken(
        &mut self,
        rows: &S::Rows,
        number: u32,
        (row, place, violation): (usize, Option<u32>, Violation),
    ) -> Ended<S::Name> {
        let state = number + row as u32;
        let (mut names, _) = path(&mut self.space, &self.roots, &self.start, &self.parents, state);
        if let Some(place) = place {
            self.depth += 1;
            names.push(self.space.name(rows.at(row), place as usize));
        }
        Ended::Broken(violation, names)
    }

    fn weigh(&mut self, frontier: u64) {
        let now = self.visited.memory() + self.parents.memory() + self.space.memory() + frontier;
        self.memory = self.memory.max(now);
    }

    fn check_limits(&mut self, waiting: usize, frontier: u64) -> Result<(), Ended<S::Name>> {
        self.weigh(frontier);
        /// States have numbers of 32 bits; a segment of them may be in hand when the limit is met.
        const STATES_MAX: u64 = (1 << 32) - (1 << 26);
        let (states, most) = (self.visited.len() as u64, self.options.states_max.min(STATES_MAX));
        if states > most {
            return Err(Ended::Limit(format!("the limit of {most} states")));
        }
        if self.memory > self.options.memory_max {
            return Err(Ended::Limit(format!("the memory limit of {} MB", self.options.memory_max >> 20)));
        }
        if self.expanded - self.told < 4096 {
            return Ok(());
        }
        self.told = self.expanded;
        let now = Progress {
            states,
            transitions: self.transitions,
            depth: self.depth,
            frontier: waiting as u64,
            memory: self.memory,
        };
        if (self.progress)(&now) == Control::Stop {
            return Err(Ended::Limit("stopped on request".to_owned()));
        }
        Ok(())
    }
}
