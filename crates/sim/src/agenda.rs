//! What is to happen and when: small keys in order, over a slab of entries.

mod keys;
mod wheels;

use self::keys::{Key, Keys};
use std::hint;

/// A place in the slab.
pub type Slot = u32;

/// The low bits of a key hold the slot, those above it the number that orders entries of one instant.
const SLOT_BITS: u32 = 28;

/// How many numbers there are: an hour of entries, at twenty million a second.
const NUMBERS: u64 = 1 << (u64::BITS - SLOT_BITS);

/// So many bytes of entries are near enough anyhow: some first-level caches hold no more.
const CACHE: usize = 1 << 15;

fn slot(order: u64) -> Slot {
    (order & ((1 << SLOT_BITS) - 1)) as Slot
}

/// An entry with its place in the order of all.
#[derive(Debug, PartialEq, Eq)]
pub struct Due<E> {
    /// The virtual time, in nanoseconds.
    pub time: u64,
    /// How many entries were put in before it.
    pub number: u64,
    /// What is to happen.
    pub entry: E,
}

#[derive(Debug)]
enum Place<E> {
    Taken(E),
    /// Its key is still among the keys, or whoever parked it still names it.
    Cancelled,
    /// The next free place, if there is one.
    Free(Option<Slot>),
}

/// Entries by time; those of one instant in the order in which they were put in.
///
/// Places are used again: a run that keeps as much pending as before allocates nothing.
#[derive(Debug)]
pub struct Agenda<E> {
    /// time, number and slot in one word, which compares in two instructions.
    keys: Keys,
    places: Vec<Place<E>>,
    free: Option<Slot>,
    number: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { keys: Keys::default(), places: Vec::new(), free: None, number: 0 }
    }
}

impl<E> Agenda<E> {
    /// Puts in what is to happen at `time`.
    #[inline]
    pub fn push(&mut self, time: u64, entry: E) -> Slot {
        let slot = self.park(entry);
        self.enqueue(time, slot);
        slot
    }

    /// Keeps an entry that has no time yet.
    #[inline]
    pub fn park(&mut self, entry: E) -> Slot {
        let Some(slot) = self.free else {
            let slot = self.places.len();
            assert!(slot < 1 << SLOT_BITS, "fewer than 2^{SLOT_BITS} entries are pending");
            self.places.push(Place::Taken(entry));
            return slot as Slot;
        };
        let place = &mut self.places[slot as usize];
        let Place::Free(next) = *place else { unreachable!("the list of free places holds free places") };
        self.free = next;
        *place = Place::Taken(entry);
        slot
    }

    /// Gives a parked entry its time. A cancelled one is forgotten when that comes.
    #[inline]
    pub fn enqueue(&mut self, time: u64, slot: Slot) {
        self.enqueue_as(time, self.number, slot);
        self.number += 1;
    }

    /// The number of the next entry that is put in.
    #[inline]
    pub fn upcoming(&self) -> u64 {
        self.number
    }

    /// The same for one that was due already under this number: it keeps its place among those of its new instant.
    #[inline]
    pub fn enqueue_as(&mut self, time: u64, number: u64, slot: Slot) {
        assert!(number < NUMBERS, "fewer than {NUMBERS} entries are put in, in all");
        let order = number << SLOT_BITS | u64::from(slot);
        self.keys.push(u128::from(time) << 64 | u128::from(order));
    }

    /// The earliest entry.
    #[inline]
    pub fn pop(&mut self) -> Option<Due<E>> {
        loop {
            let key = self.keys.pop(|soon| Self::fetch(&self.places, soon))?;
            let order = key as u64;
            let slot = slot(order);
            let place = std::mem::replace(&mut self.places[slot as usize], Place::Free(self.free));
            self.free = Some(slot);
            if let Place::Taken(entry) = place {
                return Some(Due { time: (key >> 64) as u64, number: order >> SLOT_BITS, entry });
            }
        }
    }

    /// Looks at the places of what comes soon, where they are too many to be in the cache anyway: memory is asked for all of them
    /// at once, and not for one after the other when their time comes.
    fn fetch(places: &[Place<E>], soon: &[Key]) {
        if size_of_val(places) > CACHE {
            let taken = |&key: &Key| matches!(places[slot(key as u64) as usize], Place::Taken(_));
            hint::black_box(soon.iter().filter(|&key| taken(key)).count());
        }
    }

    /// Takes an entry out before its time, if it is there.
    pub fn cancel(&mut self, slot: Slot) -> Option<E> {
        let place = &mut self.places[slot as usize];
        if !matches!(place, Place::Taken(_)) {
            return None;
        }
        match std::mem::replace(place, Place::Cancelled) {
            Place::Taken(entry) => Some(entry),
            Place::Cancelled | Place::Free(_) => None,
        }
    }

    /// The entry at `slot`, unless it was cancelled.
    pub fn get(&self, slot: Slot) -> Option<&E> {
        match &self.places[slot as usize] {
            Place::Taken(entry) => Some(entry),
            Place::Cancelled | Place::Free(_) => None,
        }
    }

    /// The places of the entries that `wanted` wants, in the order of the places.
    pub fn find(&self, wanted: impl Fn(&E) -> bool) -> Vec<Slot> {
        let is_wanted = |place: &Place<E>| matches!(place, Place::Taken(entry) if wanted(entry));
        (0..self.places.len() as Slot).filter(|&slot| is_wanted(&self.places[slot as usize])).collect()
    }
}

#[cfg(test)]
mod tests;
