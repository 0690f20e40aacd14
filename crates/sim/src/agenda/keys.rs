//! Keys, the smallest first: a radix heap with digits of eight bits, which for instants is a hierarchical timing wheel.
//!
//! The keys that lie ahead stand in buckets by the highest digit of their instant that differs from `base`, and by that
//! digit: the nearest bucket is three counts of zeros away, however many keys there are. Opening a bucket of few keys sorts
//! them; a larger one is dealt out to the buckets of the next lower digits. So a key moves at most once per digit,
//! mostly once or twice, and the width of the buckets adapts to how crowded the near future is. What is put in
//! before the last key that was opened goes to a binary heap: then the bound is the logarithm of a heap's.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An instant in the upper half; in the lower one what orders those of one instant.
pub(super) type Key = u128;

const DIGIT_BITS: u32 = 8;
const DIGITS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = (u64::BITS / DIGIT_BITS) as usize;
/// Buckets whose bits stand in one word.
const WORD: usize = u64::BITS as usize;
const WORDS: usize = LEVELS * DIGITS / WORD;

/// How many keys a chunk holds: two lines of cache.
const CHUNK: usize = 8;

/// Up to so many keys of a bucket are sorted rather than dealt out.
const SORTED: u32 = 6;

const NONE: u32 = u32::MAX;

/// One key in its place, the others in chunks of which all but the first are full.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    key: Key,
    first: u32,
    keys: u32,
}

const EMPTY: Bucket = Bucket { key: 0, first: NONE, keys: 0 };

/// Keys, the smallest first.
#[derive(Debug)]
pub(super) struct Keys {
    /// No key in a bucket is of an earlier instant.
    base: u64,
    /// The words of `occupied` that are not zero: one bit each.
    words: u32,
    /// The buckets that have a key: one bit each, by level and digit.
    occupied: [u64; WORDS],
    /// By level and digit.
    buckets: Vec<Bucket>,
    chunks: Vec<[Key; CHUNK]>,
    /// By chunk: the next one of the bucket, a full one; or the next free one.
    next: Vec<u32>,
    free: u32,
    /// The largest key that was opened: what is smaller goes to `late`.
    opened: Key,
    /// The keys of the bucket that was opened last, in descending order.
    run: Vec<Key>,
    /// The keys that were put in too late for the run.
    late: BinaryHeap<Reverse<Key>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            base: 0,
            words: 0,
            occupied: [0; WORDS],
            buckets: vec![EMPTY; LEVELS * DIGITS],
            chunks: Vec::new(),
            next: Vec::new(),
            free: NONE,
            opened: 0,
            run: Vec::new(),
            late: BinaryHeap::new(),
        }
    }
}

const fn instant(key: Key) -> u64 {
    (key >> u64::BITS) as u64
}

impl Keys {
    #[inline]
    pub(super) fn push(&mut self, key: Key) {
        if key > self.opened {
            self.deal(key);
        } else {
            self.late.push(Reverse(key));
        }
    }

    /// Takes the smallest key.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Key> {
        if !self.late.is_empty() {
            return self.pop_late();
        }
        match self.run.pop() {
            None => self.open(),
            some => some,
        }
    }

    fn pop_late(&mut self) -> Option<Key> {
        let late = self.late.peek().map(|&Reverse(key)| key);
        if self.run.last().copied().is_some_and(|next| Some(next) < late) {
            return self.run.pop();
        }
        self.late.pop().map(|Reverse(key)| key)
    }

    /// Puts a key into its bucket.
    #[inline]
    fn deal(&mut self, key: Key) {
        let time = instant(key);
        let level = ((time ^ self.base) | 1).ilog2() / DIGIT_BITS;
        let digit = (time >> (level * DIGIT_BITS)) as usize % DIGITS;
        let at = level as usize * DIGITS + digit;
        self.words |= 1 << (at / WORD);
        self.occupied[at / WORD] |= 1 << (at % WORD);
        let bucket = &mut self.buckets[at];
        bucket.keys += 1;
        if bucket.keys == 1 {
            bucket.key = key;
        } else {
            self.deal_beside(at, key);
        }
    }

    /// Puts a key beside others.
    fn deal_beside(&mut self, at: usize, key: Key) {
        let bucket = &mut self.buckets[at];
        let place = (bucket.keys as usize - 2) % CHUNK;
        if place > 0 {
            self.chunks[bucket.first as usize][place] = key;
            return;
        }
        let next = bucket.first;
        if self.free == NONE {
            bucket.first = self.chunks.len() as u32;
            self.chunks.push([key; CHUNK]);
            self.next.push(next);
        } else {
            bucket.first = self.free;
            self.chunks[self.free as usize][0] = key;
            self.free = std::mem::replace(&mut self.next[self.free as usize], next);
        }
    }

    /// Opens the nearest bucket, and takes its smallest key.
    #[inline]
    fn open(&mut self) -> Option<Key> {
        loop {
            if self.words == 0 {
                return None;
            }
            let word = self.words.trailing_zeros() as usize;
            let bits = &mut self.occupied[word];
            let at = word * WORD + bits.trailing_zeros() as usize;
            *bits &= *bits - 1;
            if *bits == 0 {
                self.words &= self.words - 1;
            }
            let Bucket { key, first, keys } = self.buckets[at];
            self.buckets[at].keys = 0;
            if keys == 1 {
                self.base = instant(key);
                self.opened = key;
                return Some(key);
            }
            self.buckets[at].first = NONE;
            if keys <= SORTED || at < DIGITS {
                return self.sort(Bucket { key, first, keys });
            }
            self.deal_out((at / DIGITS) as u32, Bucket { key, first, keys });
        }
    }

    /// Makes the keys of a bucket the run.
    fn sort(&mut self, bucket: Bucket) -> Option<Key> {
        self.empty(bucket, |keys, some| keys.run.extend_from_slice(some));
        self.run.sort_unstable_by(|a, b| b.cmp(a));
        self.opened = *self.run.first()?;
        self.base = instant(self.opened);
        self.run.pop()
    }

    /// Deals the keys of the nearest bucket out to lower levels, where there is none.
    fn deal_out(&mut self, level: u32, bucket: Bucket) {
        let lower = (1 << (level * DIGIT_BITS)) - 1;
        self.base = instant(bucket.key) & !lower;
        self.empty(bucket, |keys, some| some.iter().for_each(|&key| keys.deal(key)));
    }

    /// Frees the chunks of a bucket of several keys, and calls `each` with the keys of each.
    fn empty(&mut self, Bucket { key, mut first, keys }: Bucket, mut each: impl FnMut(&mut Self, &[Key])) {
        each(self, &[key]);
        let mut count = (keys as usize - 2) % CHUNK + 1;
        while first != NONE {
            let some = self.chunks[first as usize];
            let next = std::mem::replace(&mut self.next[first as usize], self.free);
            self.free = first;
            each(self, &some[..count]);
            first = next;
            count = CHUNK;
        }
    }
}
