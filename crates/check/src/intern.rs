//! Values as small integers.

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::{BuildHasher, Hash};

/// A table of distinct values; each has the number of its first appearance.
pub(crate) struct Interner<T> {
    values: Vec<T>,
    table: HashTable<u32>,
}

impl<T: Hash + Eq> Interner<T> {
    pub(crate) fn new() -> Self {
        Self { values: Vec::new(), table: HashTable::new() }
    }

    /// The number of `value`, and whether it is new.
    pub(crate) fn intern(&mut self, value: T) -> (u32, bool) {
        let hash = FxBuildHasher.hash_one(&value);
        if let Some(&id) = self.table.find(hash, |&id| self.values[id as usize] == value) {
            return (id, false);
        }
        let id = u32::try_from(self.values.len()).expect("fewer than 2^32 distinct values");
        self.values.push(value);
        self.table.insert_unique(hash, id, |&id| FxBuildHasher.hash_one(&self.values[id as usize]));
        (id, true)
    }

    pub(crate) fn get(&self, id: u32) -> &T {
        &self.values[id as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

/// A table of distinct slices of words, stored one after the other.
pub(crate) struct Slices {
    words: Vec<u32>,
    ends: Vec<u64>,
    /// (half of the hash, number): most unequal slices are told apart without a look at them.
    table: HashTable<(u32, u32)>,
}

impl Slices {
    pub(crate) fn new() -> Self {
        Self { words: Vec::new(), ends: Vec::new(), table: HashTable::new() }
    }

    /// The number of `slice`, and whether it is new. Compared word by word: no two are ever taken for one.
    pub(crate) fn intern(&mut self, slice: &[u32]) -> (u32, bool) {
        let tag = hash_words(slice) as u32;
        let (words, ends) = (&self.words, &self.ends);
        let same = |&(t, id): &(u32, u32)| t == tag && get(words, ends, id) == slice;
        if let Some(&(_, id)) = self.table.find(spread(tag), same) {
            return (id, false);
        }
        let id = u32::try_from(self.ends.len()).expect("fewer than 2^32 states");
        self.words.extend_from_slice(slice);
        self.ends.push(self.words.len() as u64);
        self.table.insert_unique(spread(tag), (tag, id), |&(t, _)| spread(t));
        (id, true)
    }

    pub(crate) fn get(&self, id: u32) -> &[u32] {
        get(&self.words, &self.ends, id)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.words.capacity() * 4 + self.ends.capacity() * 8 + self.table.capacity() * 9) as u64
    }
}

/// The table wants entropy in the high bits too.
#[inline]
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn get<'a>(words: &'a [u32], ends: &[u64], id: u32) -> &'a [u32] {
    let start = if id == 0 { 0 } else { ends[id as usize - 1] as usize };
    &words[start..ends[id as usize] as usize]
}

/// Multiply and fold, two words at a time: only speed hangs on its quality, never a verdict.
#[inline]
fn hash_words(slice: &[u32]) -> u64 {
    let mut h = slice.len() as u64 ^ 0x9e37_79b9_7f4a_7c15;
    for pair in slice.chunks(2) {
        let word = u64::from(pair[0]) | pair.get(1).map_or(0, |&w| u64::from(w) << 32);
        let product = u128::from(h ^ word) * 0xa076_1d64_78bd_642f;
        h = (product >> 64) as u64 ^ product as u64 ^ h.rotate_left(23);
    }
    h ^ (h >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_number_and_different_ones_do_not() {
        let mut slices = Slices::new();
        for round in 0..2 {
            for a in 0..300 {
                for length in 1..4 {
                    let slice: Vec<u32> = (0..length).map(|i| a * 7 + i * 100_000).collect();
                    let (id, new) = slices.intern(&slice);
                    assert_eq!(new, round == 0);
                    assert_eq!(slices.get(id), slice);
                }
            }
        }
        assert_eq!(slices.len(), 900);
    }
}
