//! The search, over states of any kind.
//!
//! Breadth-first, a chunk of states at a time: all of them are expanded, then all successors looked up, then the new
//! ones built. Nothing is built for a state that was seen before, and many lookups overlap. The order of what is found
//! depends on the space alone, never on the number of threads.

mod agenda;
mod chunk;
mod deep;
mod frontier;
mod kept;
mod notes;
mod swarm;

use crate::fingerprint::Print;
use crate::parallel::{Threads, job};
use crate::report::{Control, Options, Order, Progress};
use crate::space::{Edge, Rows, Run, Space, Start, StateOf};
use chunk::{CHUNK, Chunk, look_up_exact, look_up_prints};
use frontier::Frontier;
pub(crate) use kept::Steps;
use kept::{Parents, Visited};
use std::io;
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
    /// Whether no shorter run breaks anything than one that it ended at, as far as this is known.
    pub(crate) shortest: bool,
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
    /// How the state of this number came to be, where states are kept in full.
    pub(crate) fn run_to(&self, state: u32) -> Run {
        run_to(&self.roots.places, &self.parents, state)
            .expect("the steps of states kept in full are in memory")
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
                let next = successor(&self.space, here.at(0), place);
                here = next.expect("a state that was expanded has the steps that were told").1;
            }
        }
    }
}

/// How a state came to be.
fn run_to(roots: &[usize], parents: &Parents, state: u32) -> io::Result<Run> {
    let (mut here, mut places) = (state, Vec::new());
    while here as usize >= roots.len() {
        let (parent, place) = parents.get(here)?;
        places.push(place);
        here = parent;
    }
    places.reverse();
    Ok(Run { start: roots[here as usize], places })
}

/// Why a search ends that cannot use its disk.
fn no_disk(error: &io::Error) -> Ended {
    Ended::Limit(format!("the disk: {error}"))
}

/// So many bytes, for people.
fn size(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

/// How far a breadth-first search has come.
struct Wave<R> {
    /// The number of the first state that was not expanded.
    number: u32,
    /// The states of its depth that were not expanded.
    level: Frontier<R>,
    /// Those one step further that were found.
    next: Frontier<R>,
}

/// The state to which the step of this place leads, alone, with its fingerprint; nothing where no such step leads to one
/// that is kept.
fn successor<S: Space>(space: &S, from: &StateOf<S>, place: u32) -> Option<(Print, S::Rows)> {
    let (mut at, mut found) = (0, None);
    let told = space.expand(from, &mut |edge| {
        if let Edge::To { print, step } = edge
            && at == place
        {
            found = Some((print, step));
        }
        at += 1;
    });
    let (print, step) = found.filter(|_| told.is_ok())?;
    let mut rows = S::Rows::default();
    space.build(from, step, &mut rows);
    Some((print, rows))
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
    /// How many states searches of their own have visited.
    elsewhere: u64,
    /// The sum of the fingerprints of all that was expanded.
    sum: u64,
    /// The states at which tables lacked an entry, breadth-first.
    filled: Vec<u32>,
    /// Working space of one segment, for the next.
    chunks: Vec<Chunk<S>>,
    /// Segments that were expanded, for new states to be built in.
    spare: Vec<S::Rows>,
}

/// Explores a space; `fill` makes all entries of its tables that the expansion of a state needs. What is broken by a run that
/// need not be a shortest one is looked for once more, breadth-first, among as many states.
pub(crate) fn search<S: Space>(
    space: S,
    start: Start<S::Rows>,
    fill: &mut dyn FnMut(&mut S, &StateOf<S>),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<S> {
    if options.order.finds_shortest() {
        return explore(space, start, fill, options, progress);
    }
    let mut again = S::Rows::default();
    (0..start.rows.len()).for_each(|at| again.add(start.rows.at(at)));
    let found = explore(space, start, fill, options, progress);
    if matches!(found.ended, Some(Ended::Broken(..))) {
        return shorten(found, again, fill, options, progress);
    }
    found
}

/// Looks for a run shorter than the one that a search of this space ended at, which breaks the same.
fn shorten<S: Space>(
    mut found: Found<S>,
    rows: S::Rows,
    fill: &mut dyn FnMut(&mut S, &StateOf<S>),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<S> {
    /// How many states are little, whatever the search visited.
    const LITTLE: u64 = 10_000;
    let Some(Ended::Broken(long, run)) = &mut found.ended else { return found };
    // that no step leaves a state is known when it is expanded
    let Some(depth) = run.places.len().checked_sub(usize::from(!found.space.judges_ends())) else {
        found.shortest = true;
        return found;
    };
    let bounded = Options {
        order: Order::BreadthFirst,
        safety: true,
        depth_max: Some(depth as u32),
        states_max: found.states.max(LITTLE).min(options.states_max),
        disk: None,
        notebook: None,
        ..options.clone()
    };
    let again = explore(found.space, Start { rows, broken: None }, fill, &bounded, progress);
    let known = match again.ended {
        Some(Ended::Broken(short, shorter)) => {
            let is_shorter = short.property == long.property && shorter.places.len() < run.places.len();
            if is_shorter {
                (*long, *run) = (short, shorter);
            }
            is_shorter
        }
        Some(Ended::Limit(_)) => again.depth as usize >= depth,
        None => true,
    };
    // a reduction keeps some run that breaks it, not the shortest
    found.shortest = known && !options.partial_order;
    found.space = again.space;
    found
}

/// Explores a space in the order that was asked for.
fn explore<S: Space>(
    space: S,
    start: Start<S::Rows>,
    fill: &mut dyn FnMut(&mut S, &StateOf<S>),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<S> {
    let properties = space.properties();
    let live = options.judges_liveness()
        && space.keeps_runs()
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
        elsewhere: 0,
        sum: 0,
        filled: Vec::new(),
        chunks: Vec::new(),
        spare: Vec::new(),
    };
    let ended = search.run(start).err();
    search.weigh(0);
    let complete = ended.is_none();
    Found {
        initial: search.roots.places.len() as u64,
        states: search.states(),
        transitions: search.transitions,
        generated: search.generated,
        depth: search.depth,
        memory: search.memory,
        reached: search.reached,
        ended,
        shortest: options.order.finds_shortest() && !options.partial_order,
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
            Order::BreadthFirst => {
                let wave = self.first_wave()?;
                self.breadth_first(wave)
            }
            Order::DepthFirst => self.depth_first(),
            Order::Deepening => self.deepening(),
            Order::Walks { seed, walks, length } => self.walks(seed, walks, length),
            Order::Guided { by } => self.guided(by),
            Order::Swarm { seed, searches, states_each } => self.swarm(seed, searches, states_each),
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
                return Err(self.broken((at as u32, None), violation));
            }
        }
        Ok(())
    }

    /// The end of a search that broke a property in this state, or by the step of this place out of it.
    fn broken(&self, (state, place): (u32, Option<u32>), violation: Violation) -> Ended {
        match run_to(&self.roots.places, &self.parents, state) {
            Ok(mut run) => {
                run.places.extend(place);
                Ended::Broken(violation, run)
            }
            Err(error) => Ended::Limit(format!(
                "{} is broken: {}; but the run to it cannot be read back from the disk: {error}",
                violation.property, violation.what
            )),
        }
    }

    /// Where it begins: at the initial states, or where an earlier one wrote down that it was.
    fn first_wave(&mut self) -> Result<Wave<S::Rows>, Ended> {
        if let Some(wave) = self.resume()? {
            return Ok(wave);
        }
        let mut wave = self.wave();
        (0..self.roots.rows.len()).for_each(|at| wave.level.add(self.roots.rows.at(at)));
        Ok(wave)
    }

    /// A level, or what is left of it, is about to be expanded.
    fn open_level(&mut self, wave: &Wave<S::Rows>) -> Result<(), Ended> {
        if self.options.depth_max.is_some_and(|max| self.depth >= max) {
            self.save(wave)?;
            return Err(Ended::Limit(format!("the depth limit of {} steps", self.depth)));
        }
        if let Visited::Exact(_, Some(steps)) = &mut self.visited {
            steps.levels.push(wave.number);
        }
        Ok(())
    }

    fn breadth_first(&mut self, mut wave: Wave<S::Rows>) -> Result<(), Ended> {
        loop {
            if wave.level.len() > 0 {
                self.open_level(&wave)?;
            }
            while let Some(mut rows) = wave.level.pop().map_err(|error| no_disk(&error))? {
                self.expand_rows(&rows, wave.number, &mut wave.next)?;
                wave.number += rows.len() as u32;
                rows.truncate(0);
                self.spare.push(rows);
                self.spare.truncate(8);
                self.rest(&mut wave)?;
            }
            if wave.next.len() == 0 {
                return Ok(());
            }
            self.depth += 1;
            let next = self.frontier();
            wave.level = std::mem::replace(&mut wave.next, next);
        }
    }

    /// No states; with a disk, in segments that are small beside the budget of memory.
    fn frontier(&self) -> Frontier<S::Rows> {
        /// How many states a segment has at most.
        const SEGMENT: u64 = 1 << 14;
        /// What a new state may take, amply; and how many segments' worth of them the budget must hold.
        const SHARE: u64 = 256 * 16;
        let most = (self.options.memory_max / SHARE).clamp(512, SEGMENT);
        Frontier::of_segments(if self.options.disk.is_some() { most } else { SEGMENT } as usize)
    }

    /// No states.
    fn wave(&self) -> Wave<S::Rows> {
        Wave { number: 0, level: self.frontier(), next: self.frontier() }
    }

    /// Between two segments: is there room, is it time to write down how far it has come, or to stop?
    fn rest(&mut self, wave: &mut Wave<S::Rows>) -> Result<(), Ended> {
        self.make_room(wave).map_err(|error| no_disk(&error))?;
        let frontier = wave.level.memory() + wave.next.memory();
        let saves = match self.check_limits(wave.level.len() + wave.next.len(), frontier) {
            Ok(saves) => saves,
            Err(ended) => {
                self.save(wave)?;
                return Err(ended);
            }
        };
        if saves { self.save(wave) } else { Ok(()) }
    }

    /// Puts on disk what can be, where there is one, before memory runs out.
    fn make_room(&mut self, wave: &mut Wave<S::Rows>) -> io::Result<()> {
        let Some(disk) = &self.options.disk else { return Ok(()) };
        if !self.options.can_be_put_on_disk(&self.space.properties()) {
            return Ok(());
        }
        let frontier = wave.level.memory() + wave.next.memory();
        let movable = self.visited.recent_memory() + self.parents.memory() + frontier;
        let max = self.options.memory_max;
        // what cannot be moved may take most of the room: then little is moved, and often; but not next to nothing
        if self.weigh(frontier) * 4 < max * 3 || movable * 8 < max {
            return Ok(());
        }
        self.visited.put_on(&*disk.0)?;
        self.parents.put_on(&*disk.0)?;
        wave.level.put_on(&*disk.0)?;
        wave.next.put_on(&*disk.0)?;
        self.spare.clear();
        Ok(())
    }

    /// Expands a segment of states, the first of which has this number.
    fn expand_rows(
        &mut self,
        rows: &S::Rows,
        number: u32,
        next: &mut Frontier<S::Rows>,
    ) -> Result<(), Ended> {
        let abreast = match &self.threads {
            // a reduction looks at what was seen before: always after the same states
            _ if self.options.partial_order => 16,
            None => 1,
            Some(threads) => 8 * threads.count(),
        };
        let mut all = std::mem::take(&mut self.chunks);
        all.resize_with(abreast, Chunk::default);
        for first in (0..rows.len()).step_by(CHUNK * abreast) {
            let count = (rows.len() - first).div_ceil(CHUNK).min(abreast);
            let ends: Vec<usize> = (1..=count).map(|i| rows.len().min(first + i * CHUNK)).collect();
            let chunks = &mut all[..count];
            for (i, chunk) in chunks.iter_mut().enumerate() {
                chunk.first = first + i * CHUNK;
                chunk.next = chunk.first;
                chunk.outside.clear();
            }
            let broken = self.expand_chunks(chunks, (rows, number), &ends);
            self.look_up(chunks, rows, number).map_err(|error| no_disk(&error))?;
            self.build(chunks, rows, number, next)?;
            if let Some((row, place, violation)) = broken {
                self.depth += u32::from(place.is_some());
                return Err(self.broken((number + row as u32, place), violation));
            }
        }
        self.chunks = all;
        Ok(())
    }

    /// Expands chunks of states, the first row of which has this number; the first thing that is broken, by its row.
    fn expand_chunks(
        &mut self,
        chunks: &mut [Chunk<S>],
        (rows, number): (&S::Rows, u32),
        ends: &[usize],
    ) -> Option<(usize, Option<u32>, Violation)> {
        self.expand_known(chunks, rows, ends);
        let mut broken = None;
        for (chunk, &end) in chunks.iter_mut().zip(ends) {
            if broken.is_some() {
                chunk.forget();
                continue;
            }
            self.expand_rest(chunk, (rows, number), end);
            self.generated += std::mem::take(&mut chunk.generated);
            self.transitions += std::mem::take(&mut chunk.transitions);
            self.sum = self.sum.wrapping_add(std::mem::take(&mut chunk.sum));
            self.expanded += (chunk.next - chunk.first) as u64;
            broken = chunk.broken.take().map(|(row, place, v)| (row, Some(place), v));
            broken = broken.or(chunk.ended.take().map(|(row, v)| (row, None, v)));
        }
        broken
    }

    /// On several threads, expands all that the tables suffice for.
    fn expand_known(&self, chunks: &mut [Chunk<S>], rows: &S::Rows, ends: &[usize]) {
        let Some(threads) = self.threads.as_ref().filter(|_| chunks.len() > 1) else { return };
        let visited = self.options.partial_order.then_some(&self.visited);
        let (space, pairs) = (&self.space, chunks.iter_mut().zip(ends));
        let jobs = pairs.map(|(chunk, &end)| job(move || chunk.expand_known(space, visited, rows, end)));
        threads.run(jobs.collect());
    }

    /// Expands what lacked an entry, in order: the tables are filled at the same states on any number of threads.
    fn expand_rest(&mut self, chunk: &mut Chunk<S>, (rows, number): (&S::Rows, u32), end: usize) {
        let blocked = std::mem::take(&mut chunk.blocked);
        for &row in &blocked {
            if chunk.is_stopped() {
                break;
            }
            self.expand_filling(chunk, (rows, number), row as usize);
        }
        if !blocked.is_empty() && chunk.is_stopped() {
            // which one is the first to stop at is told by taking them in order
            chunk.forget();
        } else if !blocked.is_empty() {
            chunk.sort();
            chunk.next = end;
        }
        while chunk.next < end && !chunk.is_stopped() {
            self.expand_filling(chunk, (rows, number), chunk.next);
        }
    }

    /// Expands one state, and makes the entries that this needs.
    fn expand_filling(&mut self, chunk: &mut Chunk<S>, (rows, number): (&S::Rows, u32), row: usize) {
        let visited = self.options.partial_order.then_some(&self.visited);
        chunk.next = row;
        if chunk.expand_one(&self.space, visited, rows).is_err() {
            (self.fill)(&mut self.space, rows.at(row));
            self.filled.push(number + row as u32);
            let visited = self.options.partial_order.then_some(&self.visited);
            chunk.expand_one(&self.space, visited, rows).expect("what was filled lacks nothing");
        }
        chunk.next += 1;
    }

    /// Finds out which candidates are new.
    fn look_up(&mut self, chunks: &mut [Chunk<S>], rows: &S::Rows, number: u32) -> io::Result<()> {
        match &mut self.visited {
            Visited::Short(prints) => look_up_prints(prints, chunks, self.threads.as_ref()),
            Visited::Long(prints) => look_up_prints(prints, chunks, self.threads.as_ref()),
            Visited::Exact(exact, steps) => {
                for chunk in chunks {
                    look_up_exact(&self.space, exact, steps.as_mut(), chunk, rows, number);
                }
                Ok(())
            }
        }
    }

    fn build(
        &mut self,
        chunks: &mut [Chunk<S>],
        rows: &S::Rows,
        number: u32,
        next: &mut Frontier<S::Rows>,
    ) -> Result<(), Ended> {
        let space = &self.space;
        match &self.threads {
            Some(threads) => {
                threads.run(chunks.iter_mut().map(|chunk| job(move || chunk.build(space, rows))).collect());
            }
            None => chunks.iter_mut().for_each(|chunk| chunk.build(space, rows)),
        }
        for chunk in chunks {
            for (at, &(row, place)) in chunk.parents.iter().enumerate() {
                let state = chunk.built.at(at);
                self.parents.push(number + row, place);
                if self.reached & self.goals != self.goals {
                    self.reached |= self.space.reached(state);
                }
                if let Some(violation) = self.space.broken(state) {
                    self.depth += 1;
                    return Err(self.broken((self.parents.len() as u32 - 1, None), violation));
                }
            }
            next.append(&mut chunk.built, &mut self.spare);
        }
        Ok(())
    }

    /// How many states were visited.
    fn states(&self) -> u64 {
        self.visited.len() as u64 + self.elsewhere
    }

    /// Bytes in use.
    fn weigh(&mut self, frontier: u64) -> u64 {
        let now = self.visited.memory() + self.parents.memory() + self.space.memory() + frontier;
        self.memory = self.memory.max(now);
        now
    }

    /// Whether it may go on; and whether to write down how far it has come.
    fn check_limits(&mut self, waiting: usize, frontier: u64) -> Result<bool, Ended> {
        let memory = self.weigh(frontier);
        /// States have numbers of 32 bits; a segment of them may be in hand when the limit is met.
        const STATES_MAX: u64 = (1 << 32) - (1 << 26);
        let (states, most) = (self.states(), self.options.states_max.min(STATES_MAX));
        if states > most {
            return Err(Ended::Limit(format!("the limit of {most} states")));
        }
        if memory > self.options.memory_max {
            let there = if self.options.disk.is_some() { ", with all on disk that can be there" } else { "" };
            let max = size(self.options.memory_max);
            return Err(Ended::Limit(format!("the memory limit of {max}{there}")));
        }
        if self.expanded - self.told < 4096 {
            return Ok(false);
        }
        self.told = self.expanded;
        let now = Progress {
            states,
            transitions: self.transitions,
            depth: self.depth,
            frontier: waiting as u64,
            memory: self.memory,
        };
        match (self.progress)(&now) {
            Control::Continue => Ok(false),
            Control::Save => Ok(true),
            Control::Stop => Err(Ended::Limit("stopped on request".to_owned())),
        }
    }
}
