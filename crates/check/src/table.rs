//! A table from keys of 64 bits to numbers: what every step looks up.

use crate::fingerprint::scatter;

/// Linear probing in one array of pairs, at most half full: a lookup reads one line of memory.
pub(crate) struct Table {
    /// (key, number); a key of `FREE` marks a free place.
    places: Vec<(u64, u32)>,
    len: usize,
}

const FREE: u64 = u64::MAX;

impl Table {
    pub(crate) fn new() -> Self {
        Self { places: vec![(FREE, 0); 64], len: 0 }
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<u32> {
        let mask = self.places.len() - 1;
        let mut at = scatter(key) as usize & mask;
        loop {
            let (found, number) = self.places[at];
            if found == key {
                return Some(number);
            }
            if found == FREE {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, key: u64, number: u32) {
        debug_assert!(key != FREE && self.get(key).is_none());
        if self.len * 2 >= self.places.len() {
            let larger = vec![(FREE, 0); self.places.len() * 2];
            for (key, number) in std::mem::replace(&mut self.places, larger) {
                if key != FREE {
                    self.place(key, number);
                }
            }
        }
        self.len += 1;
        self.place(key, number);
    }

    fn place(&mut self, key: u64, number: u32) {
        let mask = self.places.len() - 1;
        let mut at = scatter(key) as usize & mask;
        while self.places[at].0 != FREE {
            at = (at + 1) & mask;
        }
        self.places[at] = (key, number);
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.places.capacity() * size_of::<(u64, u32)>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_again_and_no_other() {
        let mut table = Table::new();
        for k in 0..10_000_u64 {
            table.insert(k << 32 | (k * 7), k as u32);
        }
        for k in 0..10_000_u64 {
            assert_eq!(table.get(k << 32 | (k * 7)), Some(k as u32));
            assert_eq!(table.get(k << 32 | (k * 7 + 1)), None);
        }
    }
}
