//! The work on a chunk of states: expand all, look up all successors, build the new ones.

use super::frontier::segments;
use super::kept::{Steps, Visited};
use crate::fingerprint::Print;
use crate::older::Older;
use crate::parallel::{Threads, job};
use crate::space::{Edge, Missing, Rows, Space};
use crate::visited::{Part, Prints, Recent, Word};
use std::io;
use synod_properties::Violation;

/// A successor that was found.
pub(super) struct Candidate<T> {
    pub(super) print: Print,
    pub(super) row: u32,
    pub(super) place: u32,
    pub(super) step: T,
}

/// Which part of the set of what was seen a state belongs to.
#[derive(Clone, Copy)]
pub(super) struct PartOf {
    /// By its fingerprint, and how many parts there are.
    pub(super) part: fn(Print, usize) -> usize,
    pub(super) parts: usize,
    /// Whether more than the lower half of a fingerprint counts.
    pub(super) wide: bool,
}

/// Candidates that are looked up by one thread, which may not be the one that found them: as few bytes as possible.
#[derive(Default)]
struct Parted {
    low: Vec<u64>,
    high: Vec<u64>,
    at: Vec<u32>,
}

impl Parted {
    fn clear(&mut self) {
        self.low.clear();
        self.high.clear();
        self.at.clear();
    }

    #[inline]
    fn push(&mut self, print: Print, at: u32, wide: bool) {
        self.low.push(print as u64);
        if wide {
            self.high.push((print >> 64) as u64);
        }
        self.at.push(at);
    }

    fn words<W: Word>(&self) -> impl Iterator<Item = (u32, W)> {
        let print = |at: usize| {
            let high = self.high.get(at).map_or(0, |&high| Print::from(high) << 64);
            W::of(high | Print::from(self.low[at]))
        };
        self.at.iter().enumerate().map(move |(place, &at)| (at, print(place)))
    }
}

/// The work on a chunk of states. No two chunks share a line of a cache, or a pair of lines: each is one thread's.
#[repr(align(128))]
pub(super) struct Chunk<S: Space> {
    /// What its states are unpacked from.
    packed: Option<<S::Rows as Rows>::Packed>,
    /// The states, and the number of the first of them.
    pub(super) rows: S::Rows,
    pub(super) number: u32,
    pub(super) candidates: Vec<Candidate<S::Step>>,
    /// By part of the set of what was seen: which candidates are looked up there. Nothing where one part takes all.
    parted: Vec<Parted>,
    /// The next state to expand.
    pub(super) next: usize,
    pub(super) broken: Option<(usize, u32, Violation)>,
    /// The states that were passed by, since a table lacked an entry.
    pub(super) blocked: Vec<u32>,
    pub(super) generated: u64,
    pub(super) transitions: u64,
    /// The sum of the fingerprints of those that were expanded.
    pub(super) sum: u64,
    /// The steps that lead to states that are not kept: the state, the place, the class.
    pub(super) outside: Vec<(u32, u32, u64)>,
    pub(super) ended: Option<(usize, Violation)>,
    /// By part: the candidates that are new, in order.
    fresh: Vec<Vec<u32>>,
    /// What is new, up to a state that breaks a property; and as segments, where it is enough for that.
    pub(super) built: S::Rows,
    pub(super) segments: Vec<<S::Rows as Rows>::Packed>,
    /// By what was built: the state that it was found from, and the place of the step from there.
    pub(super) parents: Vec<(u32, u32)>,
    /// The goals that it reaches.
    pub(super) reached: u64,
    /// What the last one that was built breaks.
    pub(super) broken_state: Option<Violation>,
}

impl<S: Space> Default for Chunk<S> {
    fn default() -> Self {
        Self {
            packed: None,
            rows: S::Rows::default(),
            number: 0,
            candidates: Vec::new(),
            parted: Vec::new(),
            next: 0,
            broken: None,
            blocked: Vec::new(),
            generated: 0,
            transitions: 0,
            sum: 0,
            outside: Vec::new(),
            ended: None,
            fresh: vec![Vec::new()],
            built: S::Rows::default(),
            segments: Vec::new(),
            parents: Vec::new(),
            reached: 0,
            broken_state: None,
        }
    }
}

impl<S: Space> Chunk<S> {
    /// Makes room for the states that are expanded next, the first of which has this number.
    pub(super) fn open(&mut self, number: u32) -> &mut S::Rows {
        self.rows.truncate(0);
        self.number = number;
        self.forget();
        &mut self.rows
    }

    /// Takes states to expand, the first of which has this number.
    pub(super) fn take(&mut self, number: u32, packed: <S::Rows as Rows>::Packed) {
        self.open(number);
        self.packed = Some(packed);
    }

    /// Unpacks its states.
    pub(super) fn unpack(&mut self) {
        if let Some(packed) = self.packed.take() {
            self.rows.unpack(packed);
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.broken.is_some() || self.ended.is_some()
    }

    /// Expands the states from `next` on for which the tables suffice, up to one at which something is broken.
    ///
    /// With `visited`, steps that a reduction by partial order shows to be needless are left out.
    pub(super) fn expand_known(
        &mut self,
        space: &S,
        visited: Option<&Visited<S>>,
        recent: &mut Recent,
        part: Option<PartOf>,
    ) {
        self.unpack();
        while self.next < self.rows.len() && !self.is_stopped() {
            if self.expand_one(space, visited, part.is_some().then_some(&mut *recent)).is_err() {
                self.blocked.push(self.next as u32);
            }
            self.next += 1;
        }
        if let Some(part) = part.filter(|_| self.blocked.is_empty()) {
            self.part(part);
        }
    }

    /// Back to its first state.
    pub(super) fn forget(&mut self) {
        self.next = 0;
        self.candidates.clear();
        self.parted.iter_mut().for_each(Parted::clear);
        self.outside.clear();
        self.blocked.clear();
        (self.broken, self.ended) = (None, None);
        (self.generated, self.transitions, self.sum) = (0, 0, 0);
    }

    /// Puts what was found in the order of states: two runs that are in order, which a stable sort merges.
    pub(super) fn sort(&mut self) {
        self.candidates.sort_by_key(|candidate| candidate.row);
        self.outside.sort_by_key(|&(row, _, _)| row);
    }

    /// Expands the state at `next`. With `recent`, what was found before is no candidate, as far as that tells: of all
    /// states that are expanded with it, those that come later in the order of states must be expanded later.
    pub(super) fn expand_one(
        &mut self,
        space: &S,
        visited: Option<&Visited<S>>,
        recent: Option<&mut Recent>,
    ) -> Result<(), Missing> {
        let (row, before) = (self.next, self.candidates.len());
        let state = self.rows.at(row);
        let own = space.print(state);
        let (mut place, mut generated, mut changed) = (0, 0, 0);
        let (mut broken, mut left_out, outside_before) = (None, false, self.outside.len());
        let (candidates, outside) = (&mut self.candidates, &mut self.outside);
        let mut see = |edge| {
            match edge {
                Edge::LeftOut => left_out = true,
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
        };
        let found = match visited {
            None => space.expand(state, &mut see),
            Some(visited) => space.expand_reduced(state, &|print| visited.has(print), &mut see),
        };
        if let Err(missing) = found {
            self.candidates.truncate(before);
            self.outside.truncate(outside_before);
            return Err(missing);
        }
        self.generated += generated;
        self.transitions += changed;
        self.sum = self.sum.wrapping_add(own as u64);
        self.broken = broken;
        if changed == 0 && !left_out && self.outside.len() == outside_before && self.broken.is_none() {
            self.ended = space.broken_end(state).map(|violation| (row, violation));
        }
        if let Some(recent) = recent {
            self.forget_recent(before, recent);
        }
        Ok(())
    }

    /// Of the candidates from this place on, forgets those that were found before, as far as `recent` tells.
    fn forget_recent(&mut self, from: usize, recent: &mut Recent) {
        let mut kept = from;
        for at in from..self.candidates.len() {
            if !recent.note(self.candidates[at].print) {
                self.candidates.swap(kept, at);
                kept += 1;
            }
        }
        self.candidates.truncate(kept);
    }

    /// Says which part of the set of what was seen each candidate is looked up in.
    pub(super) fn part(&mut self, PartOf { part, parts, wide }: PartOf) {
        self.parted.resize_with(parts, Parted::default);
        self.parted.iter_mut().for_each(Parted::clear);
        for (at, candidate) in self.candidates.iter().enumerate() {
            self.parted[part(candidate.print, parts)].push(candidate.print, at as u32, wide);
        }
    }

    /// Looks up which candidates are new: all, or those of one part.
    fn look_up<W: Word>(&self, part: &mut Part<'_, W>, only: Option<usize>, fresh: &mut Vec<u32>) {
        fresh.clear();
        let mut is_new = |at: u32| fresh.push(at);
        match only {
            None => {
                let all = self.candidates.iter().zip(0..);
                part.insert_all(all.map(|(candidate, at)| (at, W::of(candidate.print))), &mut is_new);
            }
            Some(only) => {
                part.insert_all(self.parted[only].words::<W>(), &mut is_new);
            }
        }
    }

    /// Of the candidates that seem new, forgets those that were seen long ago.
    fn forget_older<W: Word>(&mut self, older: &Older<W>) -> io::Result<()> {
        if older.is_empty() {
            return Ok(());
        }
        for fresh in &mut self.fresh {
            let mut kept = Vec::with_capacity(fresh.len());
            for &at in &*fresh {
                if !older.has(W::of(self.candidates[at as usize].print))? {
                    kept.push(at);
                }
            }
            *fresh = kept;
        }
        Ok(())
    }

    /// Builds what is new, up to a state that breaks a property.
    pub(super) fn build(&mut self, space: &S, judges_goals: bool) {
        self.parents.clear();
        self.built.truncate(0);
        (self.reached, self.broken_state) = (0, None);
        for at in InOrder::new(&mut self.fresh) {
            // few candidates are new: the others are not even looked at
            let candidate = &self.candidates[at as usize];
            let from = self.rows.at(candidate.row as usize);
            space.build(from, (candidate.print, candidate.step.clone()), &mut self.built);
            self.parents.push((candidate.row, candidate.place));
            let state = self.built.at(self.built.len() - 1);
            if judges_goals {
                self.reached |= space.reached(state);
            }
            self.broken_state = space.broken(state);
            if self.broken_state.is_some() {
                break;
            }
        }
        self.candidates.clear();
        self.segments = segments(&self.built);
    }
}

/// Numbers that stand in order in several lists, in order.
struct InOrder<'a> {
    lists: Vec<std::iter::Peekable<std::vec::Drain<'a, u32>>>,
}

impl<'a> InOrder<'a> {
    fn new(lists: &'a mut [Vec<u32>]) -> Self {
        Self { lists: lists.iter_mut().map(|list| list.drain(..).peekable()).collect() }
    }
}

impl Iterator for InOrder<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if let [list] = &mut *self.lists {
            return list.next();
        }
        let first = |list: &mut std::iter::Peekable<_>| list.peek().copied();
        let least = self.lists.iter_mut().filter_map(first).min()?;
        self.lists.iter_mut().find_map(|list| list.next_if_eq(&least))
    }
}

/// Finds out which candidates of the chunks are new, the first of equal ones.
pub(super) fn look_up_prints<S: Space, W: Word>(
    prints: &mut Prints<W>,
    chunks: &mut [Chunk<S>],
    threads: Option<&Threads>,
) -> io::Result<()> {
    match threads.filter(|_| chunks.len() > 1) {
        None => {
            let part = &mut prints.whole();
            for chunk in &mut *chunks {
                chunk.fresh.truncate(1);
                let mut fresh = std::mem::take(&mut chunk.fresh[0]);
                chunk.look_up(part, None, &mut fresh);
                chunk.fresh[0] = fresh;
            }
        }
        Some(threads) => look_up_parts(prints, chunks, threads),
    }
    for chunk in chunks {
        chunk.forget_older(&prints.older)?;
        prints.len += chunk.fresh.iter().map(Vec::len).sum::<usize>();
    }
    Ok(())
}

/// Each thread adds what belongs to its part of the set, in the order of the candidates.
fn look_up_parts<S: Space, W: Word>(prints: &mut Prints<W>, chunks: &mut [Chunk<S>], threads: &Threads) {
    let count = threads.count();
    let mut found: Vec<Vec<Vec<u32>>> = (0..count)
        .map(|at| {
            chunks
                .iter_mut()
                .map(|chunk| chunk.fresh.get_mut(at).map(std::mem::take).unwrap_or_default())
                .collect()
        })
        .collect();
    let shared: &[Chunk<S>] = chunks;
    let jobs = prints.parts(count).zip(&mut found).enumerate();
    let jobs = jobs.map(|(at, (mut part, found))| {
        job(move || {
            for (chunk, fresh) in shared.iter().zip(found) {
                chunk.look_up(&mut part, Some(at), fresh);
            }
        })
    });
    threads.run(jobs.collect());
    for (at, chunk) in chunks.iter_mut().enumerate() {
        chunk.fresh = found.iter_mut().map(|part| std::mem::take(&mut part[at])).collect();
    }
}

/// Builds every candidate, since it is compared in full; notes the steps, where they are asked for.
pub(super) fn look_up_exact<S: Space>(
    space: &S,
    exact: &mut S::Exact,
    mut steps: Option<&mut Steps>,
    chunk: &mut Chunk<S>,
) {
    let mut one = S::Rows::default();
    let (rows, number) = (&chunk.rows, chunk.number);
    let mut outside = chunk.outside.drain(..).peekable();
    let mut row_open = 0;
    let mut open_to = |steps: &mut Option<&mut Steps>, row: usize| {
        while row_open <= row {
            if let Some(steps) = steps {
                steps.graph.open(number + row_open as u32);
            }
            row_open += 1;
        }
    };
    chunk.fresh.truncate(1);
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
            chunk.fresh[0].push(at as u32);
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
    if chunk.next > 0 {
        open_to(&mut steps, chunk.next - 1);
    }
}
