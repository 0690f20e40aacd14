//! The states that wait to be expanded.

use crate::disk::{Disk, Scratch};
use crate::space::{Packed, Rows};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// A part of the states that wait.
enum Segment<P> {
    Here(P),
    There { file: Rc<dyn Scratch>, at: u64, bytes: usize, states: usize },
}

impl<P: Packed> Segment<P> {
    fn len(&self) -> usize {
        match self {
            Self::Here(packed) => packed.len(),
            Self::There { states, .. } => *states,
        }
    }

    fn memory(&self) -> u64 {
        match self {
            Self::Here(packed) => packed.memory(),
            Self::There { .. } => 0,
        }
    }
}

/// How many states a segment has, about: those of half as many are not put together with others.
const SEGMENT: usize = 512;

/// States as segments, where they are enough for that.
pub(super) fn segments<R: Rows>(rows: &R) -> Vec<R::Packed> {
    if rows.len() < SEGMENT / 2 {
        return Vec::new();
    }
    let count = rows.len().div_ceil(SEGMENT);
    let end = |at: usize| rows.len() * at / count;
    (0..count).map(|at| rows.pack(end(at)..end(at + 1))).collect()
}

/// States in the order in which they were found, some of them on disk.
pub(super) struct Frontier<R: Rows> {
    segments: VecDeque<Segment<R::Packed>>,
    /// The last ones, while they are no segment yet.
    last: R,
    len: usize,
    memory: u64,
}

impl<R: Rows> Default for Frontier<R> {
    fn default() -> Self {
        Self { segments: VecDeque::new(), last: R::default(), len: 0, memory: 0 }
    }
}

impl<R: Rows> Frontier<R> {
    fn push(&mut self, packed: R::Packed) {
        self.memory += packed.memory();
        self.segments.push_back(Segment::Here(packed));
    }

    /// The last ones become a segment.
    fn close(&mut self) {
        if self.last.len() > 0 {
            let packed = self.last.pack(0..self.last.len());
            self.last.truncate(0);
            self.push(packed);
        }
    }

    /// Moves few rows to the end.
    pub(super) fn append(&mut self, rows: &mut R) {
        self.len += rows.len();
        if self.last.len() + rows.len() > SEGMENT {
            self.close();
        }
        self.last.append(rows);
    }

    /// Moves a segment to the end.
    pub(super) fn append_segment(&mut self, packed: R::Packed) {
        self.len += packed.len();
        self.close();
        self.push(packed);
    }

    /// Adds one state.
    pub(super) fn add(&mut self, state: &R::State) {
        self.len += 1;
        self.last.add(state);
        if self.last.len() == SEGMENT {
            self.close();
        }
    }

    /// The first segment.
    pub(super) fn pop(&mut self) -> io::Result<Option<R::Packed>> {
        if self.segments.is_empty() {
            self.close();
        }
        let Some(segment) = self.segments.pop_front() else { return Ok(None) };
        self.len -= segment.len();
        self.memory -= segment.memory();
        let (file, at, bytes) = match segment {
            Segment::Here(packed) => return Ok(Some(packed)),
            Segment::There { file, at, bytes, .. } => (file, at, bytes),
        };
        let mut written = vec![0; bytes];
        file.read_at(at, &mut written)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "states come back other than they were");
        R::Packed::of_bytes(&written).map(Some).ok_or_else(damaged)
    }

    /// Puts all but the first segments on disk, where states can be written.
    pub(super) fn put_on(&mut self, disk: &dyn Disk) -> io::Result<()> {
        /// How many stay.
        const HERE: usize = 16;
        let (mut file, mut at, mut there) = (None, 0, Vec::new());
        for (place, segment) in self.segments.iter().enumerate().skip(HERE) {
            if let Segment::Here(packed) = segment
                && let Some(bytes) = packed.bytes()
            {
                let file: &mut Box<dyn Scratch> = match &mut file {
                    Some(file) => file,
                    empty => empty.insert(disk.scratch()?),
                };
                file.append(&bytes)?;
                there.push((place, at, bytes.len()));
                at += bytes.len() as u64;
            }
        }
        let Some(file) = file.map(Rc::from) else { return Ok(()) };
        for (place, at, bytes) in there {
            let segment = &mut self.segments[place];
            self.memory -= segment.memory();
            *segment = Segment::There { file: Rc::clone(&file), at, bytes, states: segment.len() };
        }
        Ok(())
    }

    /// How many states wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory + self.last.memory()
    }
}
