//! The search, over states of any kind.
//!
//! Breadth-first, a chunk of states at a time: all of them are expanded, then all successors looked up, then the new
//! ones built. Nothing is built for a state that was seen before, and many lookups overlap. The order of what is found
//! depends on the space alone, never on the number of threads.

mod agenda;
mod chunk;
mod deep;
mod faults;
mod frontier;
mod kept;
mod notes;
mod swarm;

use crate::fingerprint::Print;
use crate::parallel::Threads;
use crate::report::{Control, Options, Order, Progress};
use crate::space::{Edge, Missing, Packed, Rows, Run, Space, Start, StateOf};
use crate::visited::{Prints, Recent};
use chunk::{Chunk, PartOf, look_up_exact, look_up_prints};
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

    /// The same of a space whose states are written otherwise. Those that were kept in full are not among it.
    pub(crate) fn of_space<T: Space>(self, space: T, rows: impl FnOnce(&S::Rows) -> T::Rows) -> Found<T> {
        Found {
            space,
            initial: self.initial,
            states: self.states,
            transitions: self.transitions,
            generated: self.generated,
            depth: self.depth,
            memory: self.memory,
            reached: self.reached,
            ended: self.ended,
            shortest: self.shortest,
            kept: None,
            roots: Roots { rows: rows(&self.roots.rows), places: self.roots.places },
            parents: self.parents,
        }
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
struct Wave<R: Rows> {
    /// The number of the first state that was not expanded.
    number: u32,
    /// The states of its depth that were not expanded.
    level: Frontier<R>,
    /// Those one step further that were found.
    next: Frontier<R>,
}

impl<R: Rows> Wave<R> {
    /// No states; the first is to have this number.
    fn from(number: u32) -> Self {
        Self { number, level: Frontier::default(), next: Frontier::default() }
    }
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
    space.build(from, (print, step), &mut rows);
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
    /// What was expanded, or is about to be, under a reduction by partial order.
    closed: Prints<u64>,
    /// Working space of some segments, for the next.
    chunks: Vec<Chunk<S>>,
    /// By thread: what it found of late.
    recent: Vec<Recent>,
}

/// How a search goes.
type Course<S> = fn(&mut Search<'_, S>, Start<<S as Space>::Rows>) -> Result<(), Ended>;

/// Explores a space in any order; `fill` makes all entries of its tables that the expansion of a state needs. What is broken by a run that
/// need not be a shortest one is looked for once more, breadth-first, among as many states.
pub(crate) fn search<S: Space>(
    space: S,
    start: Start<S::Rows>,
    fill: &mut dyn FnMut(&mut S, &StateOf<S>),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<S> {
    let in_order: Course<S> = |search, start| search.in_order(start);
    if options.order.finds_shortest() {
        return explore(space, start, fill, options, progress, in_order).with_fewest_faults(fill, options);
    }
    let mut again = S::Rows::default();
    (0..start.rows.len()).for_each(|at| again.add(start.rows.at(at)));
    let found = explore(space, start, fill, options, progress, in_order);
    if matches!(found.ended, Some(Ended::Broken(..))) {
        return shorten(found, again, fill, options, progress).with_fewest_faults(fill, options);
    }
    found
}

/// Explores a space without tables and without faults breadth-first, whatever order is asked for: no other is made for it.
pub(crate) fn breadth_first<S: Space>(
    space: S,
    start: Start<S::Rows>,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<S> {
    let in_breadth: Course<S> = |search, start| search.in_breadth(start);
    explore(space, start, &mut |_, _| {}, options, progress, in_breadth)
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
    let (start, in_breadth): (_, Course<S>) =
        (Start { rows, broken: None }, |search, start| search.in_breadth(start));
    let again = explore(found.space, start, fill, &bounded, progress, in_breadth);
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

/// Explores a space on this course.
fn explore<S: Space>(
    space: S,
    start: Start<S::Rows>,
    fill: &mut dyn FnMut(&mut S, &StateOf<S>),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
    course: Course<S>,
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
        closed: Prints::new(),
        chunks: Vec::new(),
        recent: (0..options.threads.max(1)).map(|_| Recent::new()).collect(),
    };
    let ended = course(&mut search, start).err();
    search.weigh(0);
    let complete = ended.is_none();
    Found {
        initial: search.roots.places.len() as u64,
        // of one that ends at something broken those that were found before it, on any number of threads
        states: match options.order {
            Order::BreadthFirst => search.parents.len() as u64,
            _ => search.states(),
        },
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
    /// Breadth-first.
    fn in_breadth(&mut self, start: Start<S::Rows>) -> Result<(), Ended> {
        self.begin(start)?;
        self.breadth_first()
    }

    /// In the order that is asked for.
    fn in_order(&mut self, start: Start<S::Rows>) -> Result<(), Ended> {
        self.begin(start)?;
        match self.options.order {
            Order::BreadthFirst => self.breadth_first(),
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
        let mut wave = Wave::from(0);
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

    fn breadth_first(&mut self) -> Result<(), Ended> {
        let mut wave = self.first_wave()?;
        loop {
            if wave.level.len() > 0 {
                self.open_level(&wave)?;
            }
            while wave.level.len() > 0 {
                self.expand_segments(&mut wave)?;
                self.rest(&mut wave)?;
            }
            if wave.next.len() == 0 {
                return Ok(());
            }
            self.depth += 1;
            wave.level = std::mem::take(&mut wave.next);
        }
    }

    /// Expands some segments of a level: as many on one thread as on several, so that they rest after the same states.
    fn expand_segments(&mut self, wave: &mut Wave<S::Rows>) -> Result<(), Ended> {
        /// How many are expanded before it rests.
        const SEGMENTS: usize = 16;
        // a reduction looks at what was expanded before: always after the same states
        let abreast = if self.threads.is_some() || self.options.partial_order { SEGMENTS } else { 1 };
        let mut chunks = std::mem::take(&mut self.chunks);
        chunks.resize_with(abreast, Chunk::default);
        for _ in 0..SEGMENTS / abreast {
            let mut count = 0;
            while count < abreast
                && let Some(packed) = wave.level.pop().map_err(|error| no_disk(&error))?
            {
                let states = packed.len() as u32;
                chunks[count].take(wave.number, packed);
                wave.number += states;
                count += 1;
            }
            if self.options.partial_order {
                chunks[..count].iter_mut().for_each(|chunk| chunk.close(&self.space, &mut self.closed));
            }
            self.expand_and_build(&mut chunks[..count], &mut wave.next)?;
        }
        self.chunks = chunks;
        Ok(())
    }

    /// Expands chunks of states, and adds what is new to `next`.
    fn expand_and_build(
        &mut self,
        chunks: &mut [Chunk<S>],
        next: &mut Frontier<S::Rows>,
    ) -> Result<(), Ended> {
        let recent = !matches!(self.visited, Visited::Exact(..));
        let broken = self.expand_chunks(chunks, recent);
        self.look_up(chunks).map_err(|error| no_disk(&error))?;
        self.build(chunks, next)?;
        match broken {
            None => Ok(()),
            Some((state, place, violation)) => {
                self.depth += u32::from(place.is_some());
                Err(self.broken((state, place), violation))
            }
        }
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
        wave.next.put_on(&*disk.0)
    }

    /// Expands chunks of states; the first thing that is broken, by the number of its state. With `recent`, what was found
    /// just before is no candidate.
    fn expand_chunks(
        &mut self,
        chunks: &mut [Chunk<S>],
        recent: bool,
    ) -> Option<(u32, Option<u32>, Violation)> {
        self.expand_known(chunks);
        let part_of = self.threads.as_ref().and_then(|threads| self.visited.part_of(threads.count()));
        let mut broken = None;
        for chunk in chunks {
            if broken.is_some() {
                chunk.forget();
                continue;
            }
            self.expand_rest(chunk, recent, part_of);
            self.expanded += chunk.next as u64;
            broken = chunk.broken.take().map(|(row, place, v)| (chunk.number + row as u32, Some(place), v));
            broken = broken.or(chunk.ended.take().map(|(row, v)| (chunk.number + row as u32, None, v)));
        }
        broken
    }

    /// On several threads, expands all that the tables suffice for.
    fn expand_known(&mut self, chunks: &mut [Chunk<S>]) {
        let Some(threads) = self.threads.as_ref().filter(|_| chunks.len() > 1) else { return };
        let part_of = self.visited.part_of(threads.count());
        let closed = self.options.partial_order.then_some(&self.closed);
        let space = &self.space;
        threads.each(chunks, &mut self.recent, |chunk, recent| {
            chunk.expand_known(space, closed, recent, part_of);
        });
    }

    /// Expands what lacked an entry, in order: the tables are filled at the same states on any number of threads.
    fn expand_rest(&mut self, chunk: &mut Chunk<S>, recent: bool, part_of: Option<PartOf>) {
        chunk.unpack();
        let blocked = std::mem::take(&mut chunk.blocked);
        let parted = chunk.next == chunk.rows.len() && blocked.is_empty();
        // what a thread found in states that come later says nothing of what comes before
        let recent = recent && chunk.next == 0 && self.threads.is_none();
        for &row in &blocked {
            if chunk.is_stopped() {
                break;
            }
            self.expand_filling(chunk, row as usize, false);
        }
        if !blocked.is_empty() && chunk.is_stopped() {
            // which one is the first to stop at is told by taking them in order
            chunk.forget();
        } else if !blocked.is_empty() {
            chunk.sort();
            chunk.next = chunk.rows.len();
        }
        while chunk.next < chunk.rows.len() && !chunk.is_stopped() {
            self.expand_filling(chunk, chunk.next, recent);
        }
        if let Some(part_of) = part_of.filter(|_| !parted) {
            chunk.part(part_of);
        }
    }

    /// Expands one state, and makes the entries that this needs.
    fn expand_filling(&mut self, chunk: &mut Chunk<S>, row: usize, recent: bool) {
        chunk.next = row;
        if self.expand_one(chunk, recent).is_err() {
            (self.fill)(&mut self.space, chunk.rows.at(row));
            self.filled.push(chunk.number + row as u32);
            self.expand_one(chunk, recent).expect("what was filled lacks nothing");
        }
        chunk.next += 1;
    }

    fn expand_one(&mut self, chunk: &mut Chunk<S>, recent: bool) -> Result<(), Missing> {
        let closed = self.options.partial_order.then_some(&self.closed);
        chunk.expand_one(&self.space, closed, recent.then_some(&mut self.recent[0]))
    }

    /// Finds out which candidates are new.
    fn look_up(&mut self, chunks: &mut [Chunk<S>]) -> io::Result<()> {
        match &mut self.visited {
            Visited::Short(prints) => look_up_prints(prints, chunks, self.threads.as_ref()),
            Visited::Long(prints) => look_up_prints(prints, chunks, self.threads.as_ref()),
            Visited::Exact(exact, steps) => {
                for chunk in chunks {
                    look_up_exact(&self.space, exact, steps.as_mut(), chunk);
                }
                Ok(())
            }
        }
    }

    fn build(&mut self, chunks: &mut [Chunk<S>], next: &mut Frontier<S::Rows>) -> Result<(), Ended> {
        let (space, judges_goals) = (&self.space, self.reached & self.goals != self.goals);
        match self.threads.as_ref().filter(|_| chunks.len() > 1) {
            Some(threads) => {
                threads.each(chunks, &mut self.recent, |chunk, _| chunk.build(space, judges_goals));
            }
            None => chunks.iter_mut().for_each(|chunk| chunk.build(space, judges_goals)),
        }
        chunks.iter_mut().try_for_each(|chunk| self.take(chunk, next))
    }

    /// Counts the steps that were found.
    fn count(&mut self, chunk: &Chunk<S>) {
        self.generated += chunk.generated;
        self.transitions += chunk.transitions;
        self.sum = self.sum.wrapping_add(chunk.sum);
    }

    /// Takes what was built of a chunk.
    fn take(&mut self, chunk: &mut Chunk<S>, next: &mut Frontier<S::Rows>) -> Result<(), Ended> {
        self.count(chunk);
        self.reached |= chunk.reached;
        for &(row, place) in &chunk.parents {
            self.parents.push(chunk.number + row, place);
        }
        if chunk.segments.is_empty() {
            next.append(&mut chunk.built);
        }
        chunk.segments.drain(..).for_each(|packed| next.append_segment(packed));
        match chunk.broken_state.take() {
            None => Ok(()),
            Some(violation) => {
                self.depth += 1;
                Err(self.broken((self.parents.len() as u32 - 1, None), violation))
            }
        }
    }

    /// How many states were visited.
    fn states(&self) -> u64 {
        self.visited.len() as u64 + self.elsewhere
    }

    /// Bytes in use.
    fn weigh(&mut self, frontier: u64) -> u64 {
        let now = self.visited.memory()
            + self.parents.memory()
            + self.space.memory()
            + frontier
            + self.closed.memory();
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
