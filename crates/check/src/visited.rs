//! The states that were seen, by their fingerprints.

use crate::fingerprint::Print;

/// The part of a fingerprint that a set keeps. Zero marks a free place.
pub(crate) trait Word: Copy + Eq + Send + Sync + Default {
    /// Of a print; never zero.
    fn of(print: Print) -> Self;
    /// 64 bits that order the places in the set.
    fn high(self) -> u64;
}

impl Word for u64 {
    #[inline]
    fn of(print: Print) -> Self {
        (print as Self).max(1)
    }
    #[inline]
    fn high(self) -> u64 {
        self
    }
}

impl Word for u128 {
    #[inline]
    fn of(print: Print) -> Self {
        print.max(1)
    }
    #[inline]
    fn high(self) -> u64 {
        self as u64
    }
}

/// A set of words in one array: linear probing from the place that the word's size dictates, so that growing is one pass
/// from left to right.
pub(crate) struct Shard<W> {
    homes: usize,
    /// The homes, and behind them what was pushed over the end.
    places: Vec<W>,
    len: usize,
}

impl<W: Word> Shard<W> {
    fn with_homes(homes: usize) -> Self {
        Self { homes, places: vec![W::default(); homes + 16], len: 0 }
    }

    #[inline]
    fn home(&self, word: W) -> usize {
        // the shard is chosen by the six highest bits: here the others spread
        ((u128::from(word.high() << SHARD_BITS) * self.homes as u128) >> 64) as usize
    }

    /// What stands at the home place: read early, so that many such reads overlap.
    #[inline]
    pub(crate) fn touch(&self, word: W) -> W {
        self.places[self.home(word)]
    }

    /// Adds a word; whether it is new.
    #[inline]
    pub(crate) fn insert(&mut self, word: W) -> bool {
        let from = self.home(word);
        for place in &mut self.places[from..] {
            if *place == word {
                return false;
            }
            if *place == W::default() {
                *place = word;
                return self.added();
            }
        }
        self.places.push(word);
        self.added()
    }

    #[inline]
    fn added(&mut self) -> bool {
        self.len += 1;
        if self.len * 16 > self.homes * 13 {
            self.grow();
        }
        true
    }

    fn has(&self, word: W) -> bool {
        let from = self.home(word);
        self.places[from..].iter().take_while(|&&w| w != W::default()).any(|&w| w == word)
    }

    fn grow(&mut self) {
        let mut larger = Self::with_homes(self.homes * 3 / 2);
        for word in self.words() {
            let from = larger.home(word);
            match larger.places[from..].iter_mut().find(|place| **place == W::default()) {
                Some(place) => *place = word,
                None => larger.places.push(word),
            }
        }
        larger.len = self.len;
        *self = larger;
    }

    /// The words, about in order.
    pub(crate) fn words(&self) -> impl Iterator<Item = W> + '_ {
        self.places.iter().copied().filter(|&w| w != W::default())
    }
}

const SHARD_BITS: u32 = 6;

/// How many parts a set has: each grows on its own, and each belongs to one thread at a time.
pub(crate) const SHARDS: usize = 1 << SHARD_BITS;

/// The part that a word belongs to.
#[inline]
pub(crate) fn shard_of<W: Word>(word: W) -> usize {
    (word.high() >> (64 - SHARD_BITS)) as usize
}

/// A set of words.
pub(crate) struct Prints<W> {
    pub(crate) shards: Vec<Shard<W>>,
}

impl<W: Word> Prints<W> {
    pub(crate) fn new() -> Self {
        // of different sizes, so that they do not all grow at once
        let shards = (0..SHARDS).map(|i| Shard::with_homes(128 + 64 * i / SHARDS)).collect();
        Self { shards }
    }

    pub(crate) fn insert(&mut self, print: Print) -> bool {
        let word = W::of(print);
        self.shards[shard_of(word)].insert(word)
    }

    pub(crate) fn has(&self, print: Print) -> bool {
        let word = W::of(print);
        self.shards[shard_of(word)].has(word)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|s| s.len).sum()
    }

    pub(crate) fn memory(&self) -> u64 {
        self.shards.iter().map(|s| (s.places.capacity() * size_of::<W>()) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::print_of;

    fn each_word_is_new_once<W: Word>() {
        let mut set = Prints::<W>::new();
        for round in 0..2 {
            for k in 0..60_000_u32 {
                assert_eq!(set.insert(print_of(&k)), round == 0, "{k}");
            }
        }
        assert_eq!(set.len(), 60_000);
        assert!((0..120_000_u32).all(|k| set.has(print_of(&k)) == (k < 60_000)));
        assert!((60_000..120_000_u32).all(|k| set.insert(print_of(&k))));
    }

    #[test]
    fn a_set_of_prints_knows_what_it_has_seen() {
        each_word_is_new_once::<u64>();
        each_word_is_new_once::<u128>();
    }

    #[test]
    fn words_that_share_a_home_are_kept_apart_also_past_the_end() {
        let mut shard = Shard::<u64>::with_homes(64);
        let words: Vec<u64> = (1..=2_000).map(|k| u64::MAX - k).collect();
        assert!(words.iter().all(|&w| shard.insert(w)));
        assert!(words.iter().all(|&w| !shard.insert(w)));
    }
}
