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

/// How many keys a chunk holds: a chunk is two lines of cache, and what fits in one is sorted rather than dealt out.
const CHUNK: usize = 7;

const NONE: u32 = u32::MAX;

/// Some keys of a bucket, or a free place in the pool of chunks.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    keys: [Key; CHUNK],
    /// The next chunk of the bucket, a full one; or the next free one.
    next: u32,
}

/// Keys in no order, in chunks of which all but the first are full.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: u32,
    keys: u32,
}

const EMPTY: Bucket = Bucket { first: NONE, keys: 0 };

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
    chunks: Vec<Chunk>,
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
        let place = bucket.keys as usize % CHUNK;
        bucket.keys += 1;
        if place > 0 {
            self.chunks[bucket.first as usize].keys[place] = key;
            return;
        }
        let next = bucket.first;
        if self.free == NONE {
            bucket.first = self.chunks.len() as u32;
            let mut keys = [0; CHUNK];
            keys[0] = key;
            self.chunks.push(Chunk { keys, next });
        } else {
            bucket.first = self.free;
            let chunk = &mut self.chunks[self.free as usize];
            self.free = std::mem::replace(&mut chunk.next, next);
            chunk.keys[0] = key;
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
            let bucket = std::mem::replace(&mut self.buckets[at], EMPTY);
            if bucket.keys == 1 {
                let chunk = &mut self.chunks[bucket.first as usize];
                let key = chunk.keys[0];
                chunk.next = std::mem::replace(&mut self.free, bucket.first);
                self.base = instant(key);
                self.opened = key;
                return Some(key);
            }
            if bucket.keys as usize <= CHUNK || at < DIGITS {
                return self.sort(bucket);
            }
            self.deal_out((at / DIGITS) as u32, bucket);
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
    #[cold]
    fn deal_out(&mut self, level: u32, bucket: Bucket) {
        let lower = (1 << (level * DIGIT_BITS)) - 1;
        self.base = instant(self.chunks[bucket.first as usize].keys[0]) & !lower;
        self.empty(bucket, |keys, some| some.iter().for_each(|&key| keys.deal(key)));
    }

    /// Frees the chunks of a bucket, and calls `each` with the keys of each.
    fn empty(&mut self, Bucket { mut first, keys }: Bucket, mut each: impl FnMut(&mut Self, &[Key])) {
        let mut count = (keys as usize - 1) % CHUNK + 1;
        while first != NONE {
            let chunk = self.chunks[first as usize];
            self.chunks[first as usize].next = self.free;
            self.free = first;
            each(self, &chunk.keys[..count]);
            first = chunk.next;
            count = CHUNK;
        }
    }
}
