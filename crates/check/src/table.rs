//! A table from keys of 64 bits to pairs of numbers: what every step looks up.

use crate::fingerprint::scatter;

/// What a key stands for.
pub(crate) type Pair = (u32, u32);

/// Linear probing in one array of pairs, at most half full: a lookup reads one line of memory.
pub(crate) struct Table {
    /// (key, value); a key of `FREE` marks a free place.
    places: Vec<(u64, Pair)>,
    len: usize,
}

const FREE: u64 = u64::MAX;

impl Table {
    pub(crate) fn new() -> Self {
        Self { places: vec![(FREE, (0, 0)); 64], len: 0 }
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<Pair> {
        let mask = self.places.len() - 1;
        let mut at = scatter(key) as usize & mask;
        loop {
            let (found, value) = self.places[at];
            if found == key {
                return Some(value);
            }
            if found == FREE {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, key: u64, value: Pair) {
        debug_assert!(key != FREE && self.get(key).is_none());
        if self.len * 2 >= self.places.len() {
            let larger = vec![(FREE, (0, 0)); self.places.len() * 2];
            for (key, value) in std::mem::replace(&mut self.places, larger) {
                if key != FREE {
                    self.place(key, value);
                }
            }
        }
        self.len += 1;
        self.place(key, value);
    }

    fn place(&mut self, key: u64, value: Pair) {
        let mask = self.places.len() - 1;
        let mut at = scatter(key) as usize & mask;
        while self.places[at].0 != FREE {
            at = (at + 1) & mask;
        }
        self.places[at] = (key, value);
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.places.capacity() * size_of::<(u64, Pair)>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_again_and_no_other() {
        let mut table = Table::new();
        for k in 0..10_000_u64 {
            table.insert(k << 32 | (k * 7), (k as u32, 1));
        }
        for k in 0..10_000_u64 {
            assert_eq!(table.get(k << 32 | (k * 7)), Some((k as u32, 1)));
            assert_eq!(table.get(k << 32 | (k * 7 + 1)), None);
        }
    }
}
