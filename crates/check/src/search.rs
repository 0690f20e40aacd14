//! The search, over states of any kind.
//!
//! Breadth-first, a chunk of states at a time: all of them are expanded, then all successors looked up, then the new
//! ones built. Nothing is built for a state that was seen before, and many lookups overlap. The order of what is found
//! depends on the space alone, never on the number of threads.

use crate::fair::Graph;
use crate::fingerprint::Print;
use crate::report::{Control, Options, Order, Progress, Store};
use crate::space::{BrokenStart, Edge, Exact, Missing, Rows, Space, StateOf};
use crate::visited::{Prints, SHARDS, Word, shard_of};
use rayon::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use synod_properties::{Kind, Violation};

/// The steps between states, by number, for judging what happens for ever. The position of an edge is the place of its
/// step.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) graph: Graph,
    /// By label, from 1 on: what [`Space::class`] calls it.
    pub(crate) classes: Vec<u64>,
    labels: BTreeMap<u64, u32>,
    /// The first state of each level.
    pub(crate) levels: Vec<u32>,
}

impl Steps {
    fn label(&mut self, class: u64) -> u32 {
        if class == 0 {
            return 0;
        }
        *self.labels.entry(class).or_insert_with(|| {
            self.classes.push(class);
            self.classes.len() as u32
        })
    }
}

/// What was seen.
enum Visited<S: Space> {
    Short(Prints<u64>),
    Long(Prints<u128>),
    /// In full, with the steps between them where they are asked for.
    Exact(S::Exact, Option<Steps>),
}

impl<S: Space> Visited<S> {
    fn len(&self) -> usize {
        match self {
            Self::Short(prints) => prints.len(),
            Self::Long(prints) => prints.len(),
            Self::Exact(exact, _) => exact.len(),
        }
    }

    fn memory(&self) -> u64 {
        match self {
            Self::Short(prints) => prints.memory(),
            Self::Long(prints) => prints.memory(),
            Self::Exact(exact, steps) => exact.memory() + steps.as_ref().map_or(0, |s| s.graph.memory()),
        }
    }
}

/// The step by which each state was found first.
#[derive(Default)]
struct Parents {
    parents: Vec<u32>,
    /// The place among its parent's steps; what does not fit stands in `far`.
    places: Vec<u16>,
    far: BTreeMap<u32, u32>,
}

impl Parents {
    fn push(&mut self, parent: u32, place: u32) {
        if place >= u32::from(u16::MAX) {
            self.far.insert(self.parents.len() as u32, place);
        }
        self.parents.push(parent);
        self.places.push(u16::try_from(place).unwrap_or(u16::MAX));
    }

    fn place(&self, state: u32) -> u32 {
        match self.places[state as usize] {
            u16::MAX => self.far[&state],
            place => u32::from(place),
        }
    }

    fn memory(&self) -> u64 {
        (self.parents.capacity() * 4 + self.places.capacity() * 2) as u64
    }
}

/// A successor that was found.
struct Candidate<T> {
    print: Print,
    row: u32,
    place: u32,
    step: T,
}

/// How many states are expanded together.
const CHUNK: usize = 512;

/// The work on a chunk of states.
struct Chunk<S: Space> {
    candidates: Vec<Candidate<S::Step>>,
    /// The first of its states.
    first: usize,
    /// The first state that was not expanded, since a table lacked an entry or a property broke.
    next: usize,
    broken: Option<(usize, u32, Violation)>,
    generated: u64,
    transitions: u64,
    /// The steps that lead to states that are not kept: the state, the place, the class.
    outside: Vec<(u32, u32, u64)>,
    ended: Option<(usize, Violation)>,
    /// The candidates that are new.
    fresh: Vec<u32>,
    built: S::Rows,
}

impl<S: Space> Default for Chunk<S> {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            first: 0,
            next: 0,
            broken: None,
            generated: 0,
            transitions: 0,
            outside: Vec::new(),
            ended: None,
            fresh: Vec::new(),
            built: S::Rows::default(),
        }
    }
}

impl<S: Space> Chunk<S> {
    fn is_stopped(&self) -> bool {
        self.broken.is_some() || self.ended.is_some()
    }

    /// Expands the states from `next` on until a table lacks an entry or something is broken.
    fn expand(&mut self, space: &S, rows: &S::Rows, end: usize) {
        while self.next < end && !self.is_stopped() {
            if self.expand_one(space, rows).is_err() {
                return;
            }
            self.next += 1;
        }
    }

    fn expand_one(&mut self, space: &S, rows: &S::Rows) -> Result<(), Missing> {
        let (row, before) = (self.next, self.candidates.len());
        let state = rows.at(row);
        let own = space.print(state);
        let (mut place, mut generated, mut changed) = (0, 0, 0);
        let (mut broken, outside_before) = (None, self.outside.len());
        let (candidates, outside) = (&mut self.candidates, &mut self.outside);
        let found = space.expand(state, &mut |edge| {
            match edge {
                Edge::To { print, step } => {
                    changed += u64::from(print != own);
                    candidates.push(Candidate { print, row: row as u32, place, step });
                }
                Edge::Outside(class) => outside.push((row as u32, place, class)),
                Edge::Broken(violation) => {
                    if broken.is_none() {
                        broken = Some((row, place, violation));
                    }
                }
            }
            place += 1;
            generated += 1;
        });
        if let Err(missing) = found {
            self.candidates.truncate(before);
            self.outside.truncate(outside_before);
            return Err(missing);
        }
        self.generated += generated;
        self.transitions += changed;
        self.broken = broken;
        if changed == 0 && self.outside.len() == outside_before && self.broken.is_none() {
            self.ended = space.broken_end(state).map(|violation| (row, violation));
        }
        Ok(())
    }

    /// Looks up which candidates are new, those of the shards that `ours` takes.
    fn look_up<W: Word>(&self, shards: &mut [crate::visited::Shard<W>], first: usize, fresh: &mut Vec<u32>) {
        const ABREAST: usize = 16;
        let range = first..first + shards.len();
        let all = range.len() == SHARDS;
        let mut waiting = [(0_usize, 0_u32, W::default()); ABREAST];
        let mut count = 0;
        let mut flush = |waiting: &mut [(usize, u32, W)]| {
            let touched = waiting.iter().fold(0, |sum, &(s, _, w)| sum ^ shards[s].touch(w).high());
            std::hint::black_box(touched);
            for &(shard, at, word) in waiting.iter() {
                if shards[shard].insert(word) {
                    fresh.push(at);
                }
            }
        };
        for (at, candidate) in self.candidates.iter().enumerate() {
            let word = W::of(candidate.print);
            let shard = shard_of(word);
            if all || range.contains(&shard) {
                waiting[count] = (shard - first, at as u32, word);
                count += 1;
                if count == ABREAST {
                    flush(&mut waiting);
                    count = 0;
                }
            }
        }
        flush(&mut waiting[..count]);
    }

    /// Builds what is new.
    fn build(&mut self, space: &S, rows: &S::Rows, parents: &mut Vec<(u32, u32)>) {
        let mut fresh = self.fresh.iter().copied().peekable();
        for (at, candidate) in self.candidates.drain(..).enumerate() {
            if fresh.next_if(|&f| f as usize == at).is_some() {
                space.build(rows.at(candidate.row as usize), candidate.step, &mut self.built);
                parents.push((candidate.row, candidate.place));
            }
        }
        self.fresh.clear();
    }
}

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
        way.push(parents.parents[way[way.len() - 1] as usize]);
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
            Edge::To { .. } | Edge::Outside(_) | Edge::Broken(_) => {}
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
    let live = properties.iter().any(|p| p.kind == Kind::Liveness);
    let visited = match (live, options.store) {
        (true, _) => Visited::Exact(S::Exact::default(), Some(Steps::default())),
        (false, Store::Exact) => Visited::Exact(S::Exact::default(), None),
        (false, Store::Fingerprint64) => Visited::Short(Prints::new()),
        (false, Store::Fingerprint128) => Visited::Long(Prints::new()),
    };
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
    let ended = search.run(live).err();
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
    fn run(&mut self, live: bool) -> Result<(), Ended<S::Name>> {
        self.begin()?;
        match self.options.order {
            Order::DepthFirst if !live => self.depth_first(),
            _ => self.breadth_first(),
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
            let new = match &mut self.visited {
                Visited::Short(prints) => prints.insert(print),
                Visited::Long(prints) => prints.insert(print),
                Visited::Exact(exact, _) => exact.insert(print, state).1,
            };
            if new {
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
        let abreast = self.pool.as_ref().map_or(1, |pool| 8 * pool.current_num_threads());
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
        if let Some(pool) = &self.pool {
            let space = &self.space;
            pool.install(|| {
                chunks.par_iter_mut().zip(ends).for_each(|(chunk, &end)| chunk.expand(space, rows, end));
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
            chunk.expand(&self.space, rows, end);
            while chunk.next < end && !chunk.is_stopped() {
                self.space.fill(rows.at(chunk.next));
                chunk.expand(&self.space, rows, end);
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
            for at in 0..chunk.built.len() {
                let state = chunk.built.at(at);
                let (row, place) = parents[at];
                self.parents.push(number + row, place);
                if self.reached & self.goals != self.goals {
                    self.reached |= self.space.reached(state);
                }
                if let Some(violation) = self.space.broken(state) {
                    let state = self.parents.parents.len() as u32 - 1;
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

    /// The newest state first.
    fn depth_first(&mut self) -> Result<(), Ended<S::Name>> {
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

    fn expand_deep(
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

    fn broken_deep(
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

    fn weigh(&mut self, frontier: u64) {
        let now = self.visited.memory() + self.parents.memory() + self.space.memory() + frontier;
        self.memory = self.memory.max(now);
    }

    fn check_limits(&mut self, waiting: usize, frontier: u64) -> Result<(), Ended<S::Name>> {
        self.weigh(frontier);
        let states = self.visited.len() as u64;
        if states > self.options.states_max {
            return Err(Ended::Limit(format!("the limit of {} states", self.options.states_max)));
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

fn look_up_prints<S: Space, W: Word>(
    prints: &mut Prints<W>,
    chunks: &mut [Chunk<S>],
    pool: Option<&rayon::ThreadPool>,
) {
    let Some(pool) = pool else {
        for chunk in chunks {
            let mut fresh = std::mem::take(&mut chunk.fresh);
            chunk.look_up(&mut prints.shards, 0, &mut fresh);
            chunk.fresh = fresh;
        }
        return;
    };
    // each thread looks at all candidates and heeds those of its own shards: their order is that of the candidates
    let part = SHARDS.div_ceil(pool.current_num_threads());
    let shared: &[Chunk<S>] = chunks;
    let found: Vec<Vec<Vec<u32>>> = pool.install(|| {
        let parts = prints.shards.par_chunks_mut(part).enumerate();
        let look = |(at, shards): (usize, &mut [crate::visited::Shard<W>])| {
            let of = |chunk: &Chunk<S>| {
                let mut fresh = Vec::new();
                chunk.look_up(shards, at * part, &mut fresh);
                fresh
            };
            shared.iter().map(of).collect()
        };
        parts.map(look).collect()
    });
    for (at, chunk) in chunks.iter_mut().enumerate() {
        found.iter().for_each(|part| chunk.fresh.extend(&part[at]));
        chunk.fresh.sort_unstable();
    }
}

/// Builds every candidate, since it is compared in full; notes the steps, where they are asked for.
fn look_up_exact<S: Space>(
    space: &S,
    exact: &mut S::Exact,
    mut steps: Option<&mut Steps>,
    chunk: &mut Chunk<S>,
    rows: &S::Rows,
    number: u32,
) {
    let mut one = S::Rows::default();
    let mut outside = chunk.outside.drain(..).peekable();
    let mut row_open = chunk.first;
    let mut open_to = |steps: &mut Option<&mut Steps>, row: usize| {
        while row_open <= row {
            if let Some(steps) = steps {
                steps.graph.open(number + row_open as u32);
            }
            row_open += 1;
        }
    };
    for (at, candidate) in chunk.candidates.iter().enumerate() {
        let row = candidate.row as usize;
        while let Some((r, _, class)) =
            outside.next_if(|&(r, place, _)| (r, place) < (candidate.row, candidate.place))
        {
            open_to(&mut steps, r as usize);
            if let Some(steps) = steps.as_deref_mut() {
                let label = steps.label(class);
                steps.graph.beyond(label);
            }
        }
        open_to(&mut steps, row);
        let class = space.class(&candidate.step);
        let step = (candidate.print, &candidate.step);
        let (to, new) = space.keep(exact, rows.at(row), step, &mut one);
        if new {
            chunk.fresh.push(at as u32);
        }
        if let Some(steps) = steps.as_deref_mut() {
            let label = steps.label(class);
            steps.graph.edge(to, label);
        }
    }
    for (r, _, class) in outside {
        open_to(&mut steps, r as usize);
        if let Some(steps) = steps.as_deref_mut() {
            let label = steps.label(class);
            steps.graph.beyond(label);
        }
    }
    if chunk.next > chunk.first {
        open_to(&mut steps, chunk.next - 1);
    }
}
