//! The search, over states of any kind.
//!
//! Breadth-first, a chunk of states at a time: all of them are expanded, then all successors looked up, then the new
//! ones built. Nothing is built for a state that was seen before, and many lookups overlap. The order of what is found
//! depends on the space alone, never on the number of threads.

mod chunk;
mod deep;
mod kept;

use crate::parallel::{Threads, job};
use crate::report::{Control, Options, Order, Progress};
use crate::space::{Edge, Rows, Run, Space, Start, StateOf};
use chunk::{CHUNK, Chunk, look_up_exact, look_up_prints};
pub(crate) use kept::Steps;
use kept::{Parents, Visited};
use std::collections::VecDeque;
use synod_properties::{Kind, Violation};

/// Why a search ended before all was explored.
pub(crate) enum Ended {
    Broken(Violation, Run),
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
    pub(crate) ended: Option<Ended>,
    /// The states in full and the steps between them, where liveness is to be judged.
    pub(crate) kept: Option<(S::Exact, Steps)>,
    roots: Roots<S>,
    parents: Parents,
}

/// The initial states, the first to be numbered.
struct Roots<S: Space> {
    rows: S::Rows,
    /// By state: its place among all starts.
    places: Vec<usize>,
}

impl<S: Space> Found<S> {
    /// How the state of this number came to be.
    pub(crate) fn run_to(&self, state: u32) -> Run {
        run_to(&self.roots.places, &self.parents, state)
    }

    /// Calls `see` with every state of a run that a step of it leaves, and the place of that step.
    pub(crate) fn walk(&self, run: &Run, mut see: impl FnMut(&StateOf<S>, u32)) {
        let Some(root) = self.roots.places.iter().position(|&place| place == run.start) else { return };
        let mut here = S::Rows::default();
        here.add(self.roots.rows.at(root));
        for (at, &place) in run.places.iter().enumerate() {
            see(here.at(0), place);
            // the last step may break a property, and lead nowhere
            if at + 1 < run.places.len() {
                here = successor(&self.space, here.at(0), place);
            }
        }
    }
}

/// How a state came to be.
fn run_to(roots: &[usize], parents: &Parents, state: u32) -> Run {
    let (mut here, mut places) = (state, Vec::new());
    while here as usize >= roots.len() {
        places.push(parents.place(here));
        here = parents.of[here as usize];
    }
    places.reverse();
    Run { start: roots[here as usize], places }
}

/// The state to which the step of this place leads, alone.
fn successor<S: Space>(space: &S, from: &StateOf<S>, place: u32) -> S::Rows {
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
    /// Makes all entries that the expansion of a state needs.
    fill: &'a mut dyn FnMut(&mut S, &StateOf<S>),
    progress: &'a mut dyn FnMut(&Progress) -> Control,
    threads: Option<Threads>,
    visited: Visited<S>,
    parents: Parents,
    roots: Roots<S>,
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

/// Explores a space; `fill` makes all entries of its tables that the expansion of a state needs.
pub(crate) fn search<S: Space>(
    space: S,
    start: Start<S::Rows>,
    fill: &mut dyn FnMut(&mut S, &StateOf<S>),
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
    let goals = properties.iter().enumerate().filter(|(_, p)| p.kind == Kind::Reachable);
    let goals = goals.map(|(i, _)| 1 << i).sum();
    let mut search = Search {
        space,
        options,
        fill,
        progress,
        threads: Threads::new(options.threads),
        visited,
        parents: Parents::default(),
        roots: Roots { rows: S::Rows::default(), places: Vec::new() },
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
    let ended = search.run(start).err();
    search.weigh(0);
    let complete = ended.is_none();
    Found {
        initial: search.roots.places.len() as u64,
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
        parents: search.parents,
    }
}

impl<S: Space> Search<'_, S> {
    fn run(&mut self, start: Start<S::Rows>) -> Result<(), Ended> {
        self.begin(start)?;
        match self.options.order {
            Order::BreadthFirst => self.breadth_first(),
            Order::DepthFirst => self.depth_first(),
            Order::Deepening => self.deepening(),
            Order::Walks { seed, walks, length } => self.walks(seed, walks, length),
        }
    }

    /// The initial states.
    fn begin(&mut self, Start { rows, broken }: Start<S::Rows>) -> Result<(), Ended> {
        if let Some(violation) = broken {
            return Err(Ended::Broken(violation, Run { start: rows.len(), places: Vec::new() }));
        }
        self.generated += rows.len() as u64;
        for at in 0..rows.len() {
            let state = rows.at(at);
            if self.visited.insert(self.space.print(state), state) {
                self.roots.rows.add(state);
                self.roots.places.push(at);
                self.parents.push(u32::MAX, 0);
            }
        }
        for at in 0..self.roots.rows.len() {
            let state = self.roots.rows.at(at);
            self.reached |= self.space.reached(state);
            if let Some(violation) = self.space.broken(state) {
                return Err(Ended::Broken(violation, self.run_to(at as u32)));
            }
        }
        Ok(())
    }

    fn run_to(&self, state: u32) -> Run {
        run_to(&self.roots.places, &self.parents, state)
    }

    fn breadth_first(&mut self) -> Result<(), Ended> {
        let mut level: VecDeque<S::Rows> = VecDeque::new();
        let mut first = S::Rows::default();
        (0..self.roots.rows.len()).for_each(|at| first.add(self.roots.rows.at(at)));
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
    ) -> Result<(), Ended> {
        let abreast = match &self.threads {
            // a reduction looks at what was seen before: always after the same states
            _ if self.options.partial_order => 16,
            None => 1,
            Some(threads) => 8 * threads.count(),
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
                return Err(self.broken(number, broken));
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
        if let Some(threads) = &self.threads {
            let (space, pairs) = (&self.space, chunks.iter_mut().zip(ends));
            let jobs = pairs.map(|(chunk, &end)| job(move || chunk.expand(space, visited, rows, end)));
            threads.run(jobs.collect());
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
                (self.fill)(&mut self.space, rows.at(chunk.next));
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
            Visited::Short(prints) => look_up_prints(prints, chunks, self.threads.as_ref()),
            Visited::Long(prints) => look_up_prints(prints, chunks, self.threads.as_ref()),
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
    ) -> Result<(), Ended> {
        /// How many states a segment of the frontier has.
        const SEGMENT: usize = 1 << 14;
        let space = &self.space;
        let mut found: Vec<Vec<(u32, u32)>> = vec![Vec::new(); chunks.len()];
        let pairs = chunks.iter_mut().zip(&mut found);
        match &self.threads {
            Some(threads) => {
                let jobs = pairs.map(|(chunk, parents)| job(move || chunk.build(space, rows, parents)));
                threads.run(jobs.collect());
            }
            None => pairs.for_each(|(chunk, parents)| chunk.build(space, rows, parents)),
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
                    return Err(Ended::Broken(violation, self.run_to(state)));
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

    fn broken(&mut self, number: u32, (row, place, violation): (usize, Option<u32>, Violation)) -> Ended {
        let mut run = self.run_to(number + row as u32);
        self.depth += u32::from(place.is_some());
        run.places.extend(place);
        Ended::Broken(violation, run)
    }

    fn weigh(&mut self, frontier: u64) {
        let now = self.visited.memory() + self.parents.memory() + self.space.memory() + frontier;
        self.memory = self.memory.max(now);
    }

    fn check_limits(&mut self, waiting: usize, frontier: u64) -> Result<(), Ended> {
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
