//! The states that wait to be expanded.

use crate::disk::{Disk, Scratch};
use crate::space::Rows;
use std::collections::VecDeque;
use std::io;

/// A part of the states that wait.
enum Segment<R> {
    Here(R),
    There { file: Box<dyn Scratch>, bytes: usize, states: usize },
}

impl<R: Rows> Segment<R> {
    fn len(&self) -> usize {
        match self {
            Self::Here(rows) => rows.len(),
            Self::There { states, .. } => *states,
        }
    }

    fn memory(&self) -> u64 {
        match self {
            Self::Here(rows) => rows.memory(),
            Self::There { .. } => 0,
        }
    }
}

/// States in the order in which they were found, some of them on disk.
pub(super) struct Frontier<R> {
    segments: VecDeque<Segment<R>>,
    /// How many states a segment has, about.
    most: usize,
}

impl<R: Rows> Frontier<R> {
    /// No states; in segments of about so many.
    pub(super) fn of_segments(most: usize) -> Self {
        Self { segments: VecDeque::new(), most }
    }

    /// Moves rows to the end; `spare` gives empty ones.
    pub(super) fn append(&mut self, rows: &mut R, spare: &mut Vec<R>) {
        match self.segments.back_mut() {
            Some(Segment::Here(last)) if last.len() < self.most => last.append(rows),
            _ => {
                let mut last = spare.pop().unwrap_or_default();
                last.append(rows);
                self.segments.push_back(Segment::Here(last));
            }
        }
    }

    /// Adds one state.
    pub(super) fn add(&mut self, state: &R::State) {
        if !matches!(self.segments.back(), Some(Segment::Here(last)) if last.len() < self.most) {
            self.segments.push_back(Segment::Here(R::default()));
        }
        if let Some(Segment::Here(last)) = self.segments.back_mut() {
            last.add(state);
        }
    }

    /// The first segment.
    pub(super) fn pop(&mut self) -> io::Result<Option<R>> {
        let (file, bytes) = match self.segments.pop_front() {
            None => return Ok(None),
            Some(Segment::Here(rows)) => return Ok(Some(rows)),
            Some(Segment::There { file, bytes, .. }) => (file, bytes),
        };
        let mut packed = vec![0; bytes];
        file.read_at(0, &mut packed)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "states come back other than they were");
        R::unpack(&packed).map(Some).ok_or_else(damaged)
    }

    /// Puts all but the first segment on disk, where states can be written.
    pub(super) fn put_on(&mut self, disk: &dyn Disk) -> io::Result<()> {
        for segment in self.segments.iter_mut().skip(1) {
            if let Segment::Here(rows) = segment
                && let Some(packed) = rows.pack()
            {
                let mut file = disk.scratch()?;
                file.append(&packed)?;
                *segment = Segment::There { file, bytes: packed.len(), states: rows.len() };
            }
        }
        Ok(())
    }

    /// How many states wait.
    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(Segment::len).sum()
    }

    pub(super) fn memory(&self) -> u64 {
        self.segments.iter().map(Segment::memory).sum()
    }
}
