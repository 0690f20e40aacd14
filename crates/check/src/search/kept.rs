//! What a search keeps of what it has seen: the states, how each was found, and, where liveness asks, the steps.

use super::chunk::PartOf;
use crate::disk::{Disk, Scratch};
use crate::fair::Graph;
use crate::fingerprint::Print;
use crate::report::Store;
use crate::space::{Exact, Space, StateOf};
use crate::visited::{Prints, part_of};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The steps between states, by number, for judging what happens for ever. The position of an edge is the place of its
/// step.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) graph: Graph,
    /// By label, from 1 on: what [`Space::class`] calls it.
    pub(crate) classes: Vec<u64>,
    pub(super) labels: BTreeMap<u64, u32>,
    /// The first state of each level.
    pub(crate) levels: Vec<u32>,
}

impl Steps {
    pub(super) fn label(&mut self, class: u64) -> u32 {
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
pub(super) enum Visited<S: Space> {
    Short(Prints<u64>),
    Long(Prints<u128>),
    /// In full, with the steps between them where they are asked for.
    Exact(S::Exact, Option<Steps>),
}

impl<S: Space> Visited<S> {
    /// Nothing seen yet. With `steps`, states are kept in full, with the steps between them.
    pub(super) fn new(store: Store, steps: bool) -> Self {
        match store {
            _ if steps => Self::Exact(S::Exact::default(), Some(Steps::default())),
            Store::Exact => Self::Exact(S::Exact::default(), None),
            Store::Fingerprint64 => Self::Short(Prints::new()),
            Store::Fingerprint128 => Self::Long(Prints::new()),
        }
    }

    /// Whether a state with this fingerprint was seen, be it on disk.
    pub(super) fn has_seen(&self, print: Print) -> io::Result<bool> {
        match self {
            Self::Short(prints) => prints.has_seen(print),
            Self::Long(prints) => prints.has_seen(print),
            Self::Exact(..) => Ok(true),
        }
    }

    /// How candidates are parted among so many threads, where they are looked up by fingerprints.
    pub(super) fn part_of(&self, parts: usize) -> Option<PartOf> {
        match self {
            Self::Short(_) => Some(PartOf { part: part_of::<u64>, parts, wide: false }),
            Self::Long(_) => Some(PartOf { part: part_of::<u128>, parts, wide: true }),
            Self::Exact(..) => None,
        }
    }

    /// Adds a state; whether it is new.
    pub(super) fn insert(&mut self, print: Print, state: &StateOf<S>) -> bool {
        match self {
            Self::Short(prints) => prints.insert(print),
            Self::Long(prints) => prints.insert(print),
            Self::Exact(exact, _) => exact.insert(print, state).1,
        }
    }

    /// Adds the fingerprint of a state; whether it is new. Nothing where states are kept in full.
    pub(super) fn insert_print(&mut self, print: Print) -> Option<bool> {
        match self {
            Self::Short(prints) => Some(prints.insert(print)),
            Self::Long(prints) => Some(prints.insert(print)),
            Self::Exact(..) => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Short(prints) => prints.len,
            Self::Long(prints) => prints.len,
            Self::Exact(exact, _) => exact.len(),
        }
    }

    /// Bytes in use for what could be on disk.
    pub(super) fn recent_memory(&self) -> u64 {
        match self {
            Self::Short(prints) => prints.recent_memory(),
            Self::Long(prints) => prints.recent_memory(),
            Self::Exact(..) => 0,
        }
    }

    /// Puts all that is in memory on disk, where it is fingerprints.
    pub(super) fn put_on(&mut self, disk: &dyn Disk) -> io::Result<()> {
        match self {
            Self::Short(prints) => prints.put_on(disk),
            Self::Long(prints) => prints.put_on(disk),
            Self::Exact(..) => Ok(()),
        }
    }

    pub(super) fn memory(&self) -> u64 {
        match self {
            Self::Short(prints) => prints.memory(),
            Self::Long(prints) => prints.memory(),
            Self::Exact(exact, steps) => exact.memory() + steps.as_ref().map_or(0, |s| s.graph.memory()),
        }
    }
}

/// The step by which each state was found first; those of the first states may be on disk.
#[derive(Default)]
pub(super) struct Parents {
    /// How many are on disk, and where.
    stored: usize,
    file: Option<Box<dyn Scratch>>,
    of: Vec<u32>,
    /// The place among its parent's steps; what does not fit stands in `far`.
    places: Vec<u16>,
    far: BTreeMap<usize, u32>,
}

/// How many bytes a parent and its place have.
pub(super) const PARENT_BYTES: usize = 8;

impl Parents {
    pub(super) fn push(&mut self, parent: u32, place: u32) {
        if place >= u32::from(u16::MAX) {
            self.far.insert(self.of.len(), place);
        }
        self.of.push(parent);
        self.places.push(u16::try_from(place).unwrap_or(u16::MAX));
    }

    /// The parent of a state, and the place of the step from there.
    pub(super) fn get(&self, state: u32) -> io::Result<(u32, u32)> {
        if let Some(at) = (state as usize).checked_sub(self.stored) {
            return Ok(self.here(at));
        }
        let mut bytes = [0; PARENT_BYTES];
        let file = self.file.as_ref().expect("what is stored has a file");
        file.read_at(u64::from(state) * PARENT_BYTES as u64, &mut bytes)?;
        Ok(Self::of_bytes(bytes))
    }

    fn here(&self, at: usize) -> (u32, u32) {
        let place = match self.places[at] {
            u16::MAX => self.far[&at],
            place => u32::from(place),
        };
        (self.of[at], place)
    }

    fn bytes((parent, place): (u32, u32)) -> [u8; PARENT_BYTES] {
        (u64::from(place) << 32 | u64::from(parent)).to_le_bytes()
    }

    pub(super) fn of_bytes(bytes: [u8; PARENT_BYTES]) -> (u32, u32) {
        let both = u64::from_le_bytes(bytes);
        (both as u32, (both >> 32) as u32)
    }

    /// Writes all of them as bytes.
    pub(super) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let (mut at, end) = (0, self.stored * PARENT_BYTES);
        let mut block = vec![0; 1 << 16];
        while at < end {
            let block = &mut block[..(end - at).min(1 << 16)];
            self.file.as_ref().expect("what is stored has a file").read_at(at as u64, block)?;
            to.write_all(block)?;
            at += block.len();
        }
        (0..self.of.len()).try_for_each(|at| to.write_all(&Self::bytes(self.here(at))))
    }

    /// Puts all of them on disk.
    pub(super) fn put_on(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let bytes: Vec<u8> = (0..self.of.len()).flat_map(|at| Self::bytes(self.here(at))).collect();
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(disk.scratch()?),
        };
        file.append(&bytes)?;
        self.stored += self.of.len();
        (self.of, self.places, self.far) = Default::default();
        Ok(())
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.stored + self.of.len()
    }

    pub(super) fn memory(&self) -> u64 {
        (self.of.capacity() * 4 + self.places.capacity() * 2) as u64
    }
}
