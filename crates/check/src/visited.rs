//! The states that were seen, by their fingerprints.

use crate::disk::Disk;
use crate::fingerprint::Print;
use crate::older::Older;
use std::io;

/// The part of a fingerprint that a set keeps. Zero marks a free place.
pub(crate) trait Word: Copy + Ord + Send + Sync + Default + 'static {
    /// How many bytes it has.
    const BYTES: usize = size_of::<Self>();
    /// Appends its bytes.
    fn put(self, bytes: &mut Vec<u8>);
    /// What has these bytes, [`Self::BYTES`] of them.
    fn get(bytes: &[u8]) -> Self;
    /// Of a print; never zero.
    fn of(print: Print) -> Self;
    /// Its 64 highest bits.
    fn high(self) -> u64;
}

impl Word for u64 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
    fn get(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().expect("as many bytes as a word has"))
    }
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
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
    fn get(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().expect("as many bytes as a word has"))
    }
    #[inline]
    fn of(print: Print) -> Self {
        print.max(1)
    }
    #[inline]
    fn high(self) -> u64 {
        (self >> 64) as u64
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
        // written, not asked for as zeros: pages that are read before they are written are mapped twice, and the second
        // time every thread is interrupted
        let mut places = Vec::with_capacity(homes + 8);
        places.resize(homes + 8, W::default());
        Self { homes, places, len: 0 }
    }

    #[inline]
    fn home(&self, word: W) -> usize {
        // the shard is chosen by the highest bits: here the others spread
        ((u128::from(word.high() << SHARD_BITS) * self.homes as u128) >> 64) as usize
    }

    /// What stands at the home place: read early, so that many such reads overlap.
    #[inline]
    fn touch(&self, word: W) -> W {
        self.places[self.home(word)]
    }

    /// Adds a word; whether it is new.
    #[inline]
    fn insert(&mut self, word: W) -> bool {
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

const SHARD_BITS: u32 = 8;

/// How many parts a set has: each grows on its own, and each belongs to one thread at a time.
const SHARDS: usize = 1 << SHARD_BITS;

/// The part that a word belongs to.
#[inline]
fn shard_of<W: Word>(word: W) -> usize {
    (word.high() >> (64 - SHARD_BITS)) as usize
}

/// Which of so many parts of a set a print's word belongs to.
pub(crate) fn part_of<W: Word>(print: Print, parts: usize) -> usize {
    shard_of(W::of(print)) * parts / SHARDS
}

/// States that were found of late, each in the place that its fingerprint dictates: most of what is found again was found
/// just before.
pub(crate) struct Recent(Vec<Print>);

impl Recent {
    const PLACES: usize = 1 << 11;

    pub(crate) fn new() -> Self {
        // in no place stands what would belong there
        Self((0..Self::PLACES).map(|at| at as Print ^ 1).collect())
    }

    /// Notes a state; whether it was noted before. Nothing is known of one that was not.
    #[inline]
    pub(crate) fn note(&mut self, print: Print) -> bool {
        let place = &mut self.0[print as usize % Self::PLACES];
        std::mem::replace(place, print) == print
    }
}

/// A part of a set, for one thread.
pub(crate) struct Part<'a, W> {
    shards: &'a mut [Shard<W>],
    /// Which of all the first shard is.
    first: usize,
}

impl<W: Word> Part<'_, W> {
    /// Adds words that belong here, in order; tells which are new by what stands beside them.
    #[inline]
    pub(crate) fn insert_all(&mut self, words: impl Iterator<Item = (u32, W)>, is_new: &mut impl FnMut(u32)) {
        const ABREAST: usize = 16;
        let mut waiting = [(0_usize, 0_u32, W::default()); ABREAST];
        let mut count = 0;
        for (at, word) in words {
            waiting[count] = (shard_of(word) - self.first, at, word);
            count += 1;
            if count == ABREAST {
                self.insert_abreast(&waiting, is_new);
                count = 0;
            }
        }
        self.insert_abreast(&waiting[..count], is_new);
    }

    /// Adds words; all their places are read before the first is needed.
    #[inline]
    fn insert_abreast(&mut self, waiting: &[(usize, u32, W)], is_new: &mut impl FnMut(u32)) {
        let touched = waiting.iter().fold(0, |sum, &(s, _, w)| sum ^ self.shards[s].touch(w).high());
        std::hint::black_box(touched);
        for &(shard, at, word) in waiting {
            if self.shards[shard].insert(word) {
                is_new(at);
            }
        }
    }
}

/// A set of words. What has no room in memory is on disk, and may be in memory again.
pub(crate) struct Prints<W> {
    shards: Vec<Shard<W>>,
    pub(crate) older: Older<W>,
    /// How many there are.
    pub(crate) len: usize,
}

/// Empty shards, of different sizes, so that they do not all grow at once.
fn shards<W: Word>() -> Vec<Shard<W>> {
    (0..SHARDS).map(|i| Shard::with_homes(32 + 16 * i / SHARDS)).collect()
}

impl<W: Word> Prints<W> {
    pub(crate) fn new() -> Self {
        Self { shards: shards(), older: Older::default(), len: 0 }
    }

    /// All of it as one part, to add words to.
    pub(crate) fn whole(&mut self) -> Part<'_, W> {
        self.parts(1).next().expect("there is one")
    }

    /// So many parts, each of its own, to add words to.
    pub(crate) fn parts(&mut self, count: usize) -> impl Iterator<Item = Part<'_, W>> {
        let (mut rest, mut first) = (self.shards.as_mut_slice(), 0);
        (0..count).map(move |at| {
            let end = (0..SHARDS).find(|shard| shard * count / SHARDS > at).unwrap_or(SHARDS);
            let (shards, after) = std::mem::take(&mut rest).split_at_mut(end - first);
            rest = after;
            Part { shards, first: std::mem::replace(&mut first, end) }
        })
    }

    /// Adds a word while all of them are in memory; whether it is new.
    pub(crate) fn insert(&mut self, print: Print) -> bool {
        debug_assert!(self.older.is_empty(), "what is on disk is looked up by the chunk");
        self.insert_recent(W::of(print))
    }

    /// Adds a word that is not on disk; whether it is new.
    pub(crate) fn insert_recent(&mut self, word: W) -> bool {
        let new = self.shards[shard_of(word)].insert(word);
        self.len += usize::from(new);
        new
    }

    /// Whether a word is in memory or on disk.
    pub(crate) fn has_seen(&self, print: Print) -> io::Result<bool> {
        Ok(self.has(print) || self.older.has(W::of(print))?)
    }

    /// Puts all that is in memory on disk.
    pub(crate) fn put_on(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let most = self.shards.iter().map(|shard| shard.len as u64).sum();
        // a word's shard is chosen by its highest bits: the shards one after the other are in order
        let mut words = self.shards.iter().flat_map(|shard| {
            let mut words: Vec<W> = shard.words().collect();
            words.sort_unstable();
            words
        });
        self.older.add(disk, most, &mut words)?;
        self.shards = shards();
        Ok(())
    }

    /// Calls `each` with every word.
    pub(crate) fn each(&self, each: &mut dyn FnMut(W) -> io::Result<()>) -> io::Result<()> {
        for word in self.older.words() {
            each(word?)?;
        }
        for word in self.shards.iter().flat_map(Shard::words) {
            if !self.older.has(word)? {
                each(word)?;
            }
        }
        Ok(())
    }

    /// Bytes in use for what could be on disk.
    pub(crate) fn recent_memory(&self) -> u64 {
        self.shards.iter().map(|s| (s.places.capacity() * size_of::<W>()) as u64).sum()
    }

    /// Whether a word is in memory.
    pub(crate) fn has(&self, print: Print) -> bool {
        let word = W::of(print);
        self.shards[shard_of(word)].has(word)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.recent_memory() + self.older.memory()
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
        assert_eq!(set.len, 60_000);
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
