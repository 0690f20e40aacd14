//! Writing down how far a breadth-first search has come, and going on from there.
//!
//! States have the numbers of their order of discovery, so those that wait are all from a certain number on. What is
//! written is what was seen, by fingerprint, and the step by which each state was found; the states that wait are made
//! again along these steps. The place of a step among the others may depend on the order in which tables were filled, so
//! they are filled again at the same states.

use super::kept::{PARENT_BYTES, Parents, Visited};
use super::{Ended, Search, Wave, successor};
use crate::disk::{Notebook, Saved};
use crate::fair::Bits;
use crate::space::{Rows, Space};
use crate::visited::{Prints, Word};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, BufReader, BufWriter, Read, SeekFrom, Write};

/// What a note begins with: the format and its version.
const MAGIC: [u8; 16] = *b"synod progress 1";

/// Numbers by name, and in a row.
macro_rules! head {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// The numbers at its head.
        struct Head {
            $($(#[doc = $doc])* $name: u64),*
        }

        impl Head {
            const LENGTH: usize = [$(stringify!($name)),*].len();

            fn words(&self) -> [u64; Self::LENGTH] {
                [$(self.$name),*]
            }

            fn of_words([$($name),*]: [u64; Self::LENGTH]) -> Self {
                Self { $($name),* }
            }
        }
    };
}
head!(
    /// How many bytes a fingerprint has.
    width,
    initial,
    states,
    /// The first state that was not expanded.
    number,
    /// The first of the next level.
    level_end,
    transitions,
    generated,
    expanded,
    depth,
    reached,
    /// At how many states tables were filled.
    filled,
    /// The sum of the fingerprints of all that was expanded: with it, those of the states that wait can be told.
    sum,
);

/// Why a note is of no use.
fn refused(why: &str) -> Ended {
    Ended::Limit(format!("cannot go on from what was saved: {why}"))
}

fn unreadable(error: &io::Error) -> Ended {
    refused(&error.to_string())
}

/// Where the algorithm has changed since, or the note has.
fn changed() -> Ended {
    refused("the algorithm does not do what it did then")
}

/// Writes, and sums up what was written.
struct Summed<'a> {
    to: BufWriter<&'a mut dyn Write>,
    sum: crc32fast::Hasher,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A note whose sum is right, at its first byte.
fn whole(mut saved: Box<dyn Saved>) -> Result<Box<dyn Saved>, Ended> {
    let mut sum = crc32fast::Hasher::new();
    let (mut block, mut last) = (vec![0; 1 << 16], Vec::new());
    loop {
        let count = saved.read(&mut block).map_err(|error| unreadable(&error))?;
        last.extend_from_slice(&block[..count]);
        if count == 0 {
            break;
        }
        let body = last.len().saturating_sub(4);
        sum.update(&last[..body]);
        last.drain(..body);
    }
    let written: Result<[u8; 4], _> = last.try_into();
    if written.map(u32::from_le_bytes) != Ok(sum.finalize()) {
        return Err(refused("it is cut short or damaged"));
    }
    saved.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
    Ok(saved)
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn read_head(from: &mut impl Read, subject: &str) -> Result<Head, Ended> {
    let failed = |error: io::Error| unreadable(&error);
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic).map_err(failed)?;
    if magic != MAGIC {
        return Err(refused("it is of another version of this format, or no note of a search at all"));
    }
    let mut written = Vec::new();
    let length = number(from).map_err(failed)?;
    from.take(length).read_to_end(&mut written).map_err(failed)?;
    if written != subject.as_bytes() {
        let written = String::from_utf8_lossy(&written);
        return Err(refused(&format!("it is of another check: {written}, where this is {subject}")));
    }
    let mut words = [0; Head::LENGTH];
    for word in &mut words {
        *word = number(from).map_err(failed)?;
    }
    Ok(Head::of_words(words))
}

fn write_prints<W: Word>(prints: &Prints<W>, to: &mut impl Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(W::BYTES);
    prints.each(&mut |word| {
        bytes.clear();
        word.put(&mut bytes);
        to.write_all(&bytes)
    })
}

impl<S: Space> Search<'_, S> {
    /// Writes down how far it has come, where there is a notebook.
    pub(super) fn save(&mut self, wave: &Wave<S::Rows>) -> Result<(), Ended> {
        let Some(notebook) = self.notebook() else { return Ok(()) };
        let written = notebook.save(&mut |to| self.write(wave, to));
        written.map_err(|error| Ended::Limit(format!("how far it has come cannot be saved: {error}")))
    }

    /// The notebook, if this search can use one.
    fn notebook(&self) -> Option<&dyn Notebook> {
        let fits = self.options.can_be_put_on_disk(&self.space.properties());
        self.options.notebook.as_ref().filter(|_| fits).map(|notebook| &*notebook.0)
    }

    fn write(&self, wave: &Wave<S::Rows>, to: &mut dyn Write) -> io::Result<()> {
        let head = Head {
            width: self.width(),
            initial: self.roots.places.len() as u64,
            states: self.parents.len() as u64,
            number: u64::from(wave.number),
            level_end: u64::from(wave.number) + wave.level.len() as u64,
            transitions: self.transitions,
            generated: self.generated,
            expanded: self.expanded,
            depth: u64::from(self.depth),
            reached: self.reached,
            filled: self.filled.len() as u64,
            sum: self.sum,
        };
        let mut to = Summed { to: BufWriter::with_capacity(1 << 16, to), sum: crc32fast::Hasher::new() };
        let subject = &self.options.subject;
        to.write_all(&MAGIC)?;
        to.write_all(&(subject.len() as u64).to_le_bytes())?;
        to.write_all(subject.as_bytes())?;
        for word in head.words() {
            to.write_all(&word.to_le_bytes())?;
        }
        match &self.visited {
            Visited::Short(prints) => write_prints(prints, &mut to)?,
            Visited::Long(prints) => write_prints(prints, &mut to)?,
            Visited::Exact(..) => {}
        }
        self.parents.write(&mut to)?;
        self.filled.iter().try_for_each(|state| to.write_all(&state.to_le_bytes()))?;
        let sum = to.sum.clone().finalize();
        to.to.write_all(&sum.to_le_bytes())?;
        to.flush()
    }

    fn width(&self) -> u64 {
        match self.visited {
            Visited::Short(_) => 8,
            Visited::Long(_) => 16,
            Visited::Exact(..) => 0,
        }
    }

    /// Goes on from what was saved, if anything was.
    pub(super) fn resume(&mut self) -> Result<Option<Wave<S::Rows>>, Ended> {
        let Some(notebook) = self.notebook() else { return Ok(None) };
        let Some(saved) = notebook.saved().map_err(|error| unreadable(&error))? else { return Ok(None) };
        let mut from = BufReader::with_capacity(1 << 16, whole(saved)?);
        let head = read_head(&mut from, &self.options.subject)?;
        let all = self.read_states(&head, &mut from)?;
        self.read_filled(&head, &mut from)?;
        self.transitions = head.transitions;
        self.generated = head.generated;
        self.expanded = head.expanded;
        self.told = head.expanded;
        self.depth = head.depth as u32;
        self.reached |= head.reached;
        self.sum = head.sum;
        let (wave, sum) = self.make_waiting(head.number as u32, head.level_end as u32)?;
        // states that wait now and are not those that waited then: other steps lead elsewhere
        if sum == all.wrapping_sub(head.sum) { Ok(Some(wave)) } else { Err(changed()) }
    }

    /// Reads what was seen, and the steps between; the sum of all fingerprints.
    fn read_states(&mut self, head: &Head, from: &mut impl Read) -> Result<u64, Ended> {
        let roots = self.roots.places.len() as u64;
        let fits = head.width == self.width()
            && head.initial == roots
            && (roots..1 << 32).contains(&head.states)
            && head.level_end <= head.states
            && head.number <= head.level_end
            // no level is empty; and what is counted on must have room
            && head.depth <= head.states
            && [head.transitions, head.generated, head.expanded].iter().all(|&count| count < 1 << 62);
        if !fits {
            return Err(changed());
        }
        // those of the start are among what was saved
        self.visited = Visited::new(self.options.store, false);
        let (mut no_wave, mut word, mut all) = (Wave::from(0), vec![0; head.width as usize], 0_u64);
        for read in 1..=head.states {
            from.read_exact(&mut word).map_err(|error| unreadable(&error))?;
            all = all.wrapping_add(u64::from_le_bytes(word[..8].try_into().expect("at least 8 bytes")));
            match &mut self.visited {
                Visited::Short(prints) => _ = prints.insert_recent(u64::get(&word)),
                Visited::Long(prints) => _ = prints.insert_recent(u128::get(&word)),
                Visited::Exact(..) => {}
            }
            if read.is_multiple_of(1 << 16) {
                self.make_room(&mut no_wave).map_err(|error| unreadable(&error))?;
            }
        }
        let (mut bytes, mut least) = ([0; PARENT_BYTES], 0);
        for state in 0..head.states {
            from.read_exact(&mut bytes).map_err(|error| unreadable(&error))?;
            let (parent, place) = Parents::of_bytes(bytes);
            if state < roots {
                continue;
            }
            // found in this order, states have parents in this order, and only such as were expanded
            if parent < least || u64::from(parent) >= head.number.min(state) {
                return Err(changed());
            }
            least = parent;
            self.parents.push(parent, place);
            if state % (1 << 16) == 0 {
                self.make_room(&mut no_wave).map_err(|error| unreadable(&error))?;
            }
        }
        if self.visited.len() as u64 == head.states { Ok(all) } else { Err(changed()) }
    }

    /// Reads at which states the tables were filled.
    fn read_filled(&mut self, head: &Head, from: &mut impl Read) -> Result<(), Ended> {
        let mut bytes = [0; 4];
        for _ in 0..head.filled.min(head.number) {
            from.read_exact(&mut bytes).map_err(|error| unreadable(&error))?;
            self.filled.push(u32::from_le_bytes(bytes));
        }
        let fits = self.filled.len() as u64 == head.filled
            && self.filled.iter().all(|&state| u64::from(state) < head.number);
        if fits { Ok(()) } else { Err(changed()) }
    }

    fn parent_of(&self, state: u32) -> Result<(u32, u32), Ended> {
        self.parents.get(state).map_err(|error| unreadable(&error))
    }

    /// The states that wait, from this number on, those at which tables are filled, and all on the way to them.
    fn needed(&self, first: u32) -> Result<Bits, Ended> {
        let (roots, states) = (self.roots.places.len() as u32, self.parents.len() as u32);
        let mut needed = Bits::none(states);
        self.filled.iter().for_each(|&state| needed.insert(state));
        for state in (0..states).rev() {
            if state >= first {
                needed.insert(state);
            }
            if state >= roots && needed.get(state) {
                needed.insert(self.parent_of(state)?.0);
            }
        }
        Ok(needed)
    }

    /// Makes the states that wait, from this number on; the sum of their fingerprints.
    fn make_waiting(&mut self, first: u32, level_end: u32) -> Result<(Wave<S::Rows>, u64), Ended> {
        let needed = self.needed(first)?;
        let fills = Bits::from_fn(first, {
            let all: BTreeSet<u32> = self.filled.iter().copied().collect();
            move |state| all.contains(&state)
        });
        // tables are filled in the order in which they were, at states that come in the order of their numbers
        let mut order = std::mem::take(&mut self.filled).into_iter().peekable();
        let mut ready: BTreeMap<u32, S::Rows> = BTreeMap::new();
        let (mut wave, mut sum) = (Wave::from(first), 0_u64);
        // those whose children are yet to be made, in order
        let mut open: VecDeque<(u32, S::Rows)> = VecDeque::new();
        for state in (0..self.parents.len() as u32).filter(|&state| needed.get(state)) {
            let rows = self.make_again(state, &mut open)?;
            if state < first && fills.get(state) {
                let mut copy = S::Rows::default();
                copy.add(rows.at(0));
                ready.insert(state, copy);
            }
            while let Some((state, rows)) = order.peek().and_then(|state| ready.remove_entry(state)) {
                (self.fill)(&mut self.space, rows.at(0));
                self.filled.push(state);
                order.next();
            }
            if state < first {
                open.push_back((state, rows));
            } else {
                let frontier = if state < level_end { &mut wave.level } else { &mut wave.next };
                sum = sum.wrapping_add(self.space.print(rows.at(0)) as u64);
                frontier.add(rows.at(0));
            }
            if state % (1 << 16) == 0 {
                self.make_room(&mut wave).map_err(|error| unreadable(&error))?;
            }
        }
        if order.next().is_some() { Err(changed()) } else { Ok((wave, sum)) }
    }

    /// Makes a state whose parent is among those that are open, and closes those before its parent.
    fn make_again(&mut self, state: u32, open: &mut VecDeque<(u32, S::Rows)>) -> Result<S::Rows, Ended> {
        if (state as usize) < self.roots.places.len() {
            let mut rows = S::Rows::default();
            rows.add(self.roots.rows.at(state as usize));
            return Ok(rows);
        }
        let (parent, place) = self.parent_of(state)?;
        while open.front().is_some_and(|(number, _)| *number < parent) {
            open.pop_front();
        }
        let (_, from) = open.front().expect("the parent of a needed state is needed");
        let (print, rows) = successor(&self.space, from.at(0), place).ok_or_else(changed)?;
        let seen = self.visited.has_seen(print).map_err(|error| unreadable(&error))?;
        if seen { Ok(rows) } else { Err(changed()) }
    }
}
