//! The work on a chunk of states: expand all, look up all successors, build the new ones.

use super::kept::{Steps, Visited};
use crate::fingerprint::Print;
use crate::older::Older;
use crate::parallel::{Threads, job};
use crate::space::{Edge, Missing, Rows, Space};
use crate::visited::{Prints, SHARDS, Shard, Word, shard_of};
use std::io;
use synod_properties::Violation;

/// A successor that was found.
pub(super) struct Candidate<T> {
    pub(super) print: Print,
    pub(super) row: u32,
    pub(super) place: u32,
    pub(super) step: T,
}

/// How many states are expanded together.
pub(super) const CHUNK: usize = 512;

/// The work on a chunk of states.
pub(super) struct Chunk<S: Space> {
    pub(super) candidates: Vec<Candidate<S::Step>>,
    /// The first of its states.
    pub(super) first: usize,
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
    /// The candidates that are new.
    pub(super) fresh: Vec<u32>,
    pub(super) built: S::Rows,
    /// By what was built: the state that it was found from, and the place of the step from there.
    pub(super) parents: Vec<(u32, u32)>,
}

impl<S: Space> Default for Chunk<S> {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            first: 0,
            next: 0,
            broken: None,
            blocked: Vec::new(),
            generated: 0,
            transitions: 0,
            sum: 0,
            outside: Vec::new(),
            ended: None,
            fresh: Vec::new(),
            built: S::Rows::default(),
            parents: Vec::new(),
        }
    }
}

impl<S: Space> Chunk<S> {
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
        rows: &S::Rows,
        end: usize,
    ) {
        while self.next < end && !self.is_stopped() {
            if self.expand_one(space, visited, rows).is_err() {
                self.blocked.push(self.next as u32);
            }
            self.next += 1;
        }
    }

    /// Back to its first state.
    pub(super) fn forget(&mut self) {
        self.next = self.first;
        self.candidates.clear();
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

    /// Expands the state at `next`.
    pub(super) fn expand_one(
        &mut self,
        space: &S,
        visited: Option<&Visited<S>>,
        rows: &S::Rows,
    ) -> Result<(), Missing> {
        let (row, before) = (self.next, self.candidates.len());
        let state = rows.at(row);
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
        Ok(())
    }

    /// Looks up which candidates are new, those of the shards that `ours` takes.
    pub(super) fn look_up<W: Word>(&self, shards: &mut [Shard<W>], first: usize, fresh: &mut Vec<u32>) {
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

    /// Of the candidates that seem new, forgets those that were seen long ago.
    fn forget_older<W: Word>(&mut self, older: &Older<W>) -> io::Result<()> {
        if older.is_empty() {
            return Ok(());
        }
        let mut fresh = Vec::with_capacity(self.fresh.len());
        for &at in &self.fresh {
            if !older.has(W::of(self.candidates[at as usize].print))? {
                fresh.push(at);
            }
        }
        self.fresh = fresh;
        Ok(())
    }

    /// Builds what is new.
    pub(super) fn build(&mut self, space: &S, rows: &S::Rows) {
        self.parents.clear();
        let mut fresh = self.fresh.iter().copied().peekable();
        for (at, candidate) in self.candidates.drain(..).enumerate() {
            if fresh.next_if(|&f| f as usize == at).is_some() {
                space.build(rows.at(candidate.row as usize), candidate.step, &mut self.built);
                self.parents.push((candidate.row, candidate.place));
            }
        }
        self.fresh.clear();
    }
}

pub(super) fn look_up_prints<S: Space, W: Word>(
    prints: &mut Prints<W>,
    chunks: &mut [Chunk<S>],
    threads: Option<&Threads>,
) -> io::Result<()> {
    look_up_recent(prints, chunks, threads);
    for chunk in chunks {
        chunk.forget_older(&prints.older)?;
        prints.len += chunk.fresh.len();
    }
    Ok(())
}

/// Adds what is not in memory to what is.
fn look_up_recent<S: Space, W: Word>(
    prints: &mut Prints<W>,
    chunks: &mut [Chunk<S>],
    threads: Option<&Threads>,
) {
    let Some(threads) = threads else {
        for chunk in chunks {
            let mut fresh = std::mem::take(&mut chunk.fresh);
            chunk.look_up(&mut prints.shards, 0, &mut fresh);
            chunk.fresh = fresh;
        }
        return;
    };
    // each thread looks at all candidates and heeds those of its own shards: their order is that of the candidates
    let part = SHARDS.div_ceil(threads.count());
    let shared: &[Chunk<S>] = chunks;
    let mut found: Vec<Vec<Vec<u32>>> = vec![vec![Vec::new(); shared.len()]; SHARDS.div_ceil(part)];
    let parts = prints.shards.chunks_mut(part).zip(&mut found).enumerate();
    let jobs = parts.map(|(at, (shards, found))| {
        job(move || {
            for (chunk, fresh) in shared.iter().zip(found) {
                chunk.look_up(shards, at * part, fresh);
            }
        })
    });
    threads.run(jobs.collect());
    for (at, chunk) in chunks.iter_mut().enumerate() {
        for part in &found {
            chunk.fresh.extend(&part[at]);
        }
        #[expect(clippy::stable_sort_primitive, reason = "runs in order, which a stable sort merges")]
        chunk.fresh.sort();
    }
}

/// Builds every candidate, since it is compared in full; notes the steps, where they are asked for.
pub(super) fn look_up_exact<S: Space>(
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
