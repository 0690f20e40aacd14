//! A hierarchy of timing wheels: keys that lie far ahead, roughly in order.
//!
//! Each wheel has 64 buckets, each as long as the whole wheel below. A key stands in the narrowest wheel that reaches it from `base`.
//! The bucket that begins first is taken out as a whole, and its keys are put in again, into narrower wheels.

use super::keys::{Key, instant};
use std::hint;

const DIGIT_BITS: u32 = 6;
/// One bit each in a word.
const BUCKETS: usize = 1 << DIGIT_BITS;
const WHEELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// How many keys a chunk holds: two lines of cache.
const CHUNK: usize = 8;

/// Some keys, in the order in which they were put there: chunks, of which all but the last are full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    first: u32,
    last: u32,
    keys: u32,
}

impl Chain {
    pub(super) fn keys(&self) -> u32 {
        self.keys
    }
}

/// The chunks of all chains. Those that are empty are used again.
#[derive(Debug, Default)]
pub(super) struct Chains {
    chunks: Vec<[Key; CHUNK]>,
    /// By chunk: the next one of its chain, or the next empty one.
    next: Vec<u32>,
    /// An empty one, and how many there are.
    empty: (u32, u32),
}

impl Chains {
    #[inline]
    pub(super) fn append(&mut self, chain: &mut Chain, key: Key) {
        let place = chain.keys as usize % CHUNK;
        if place == 0 {
            self.lengthen(chain);
        }
        self.chunks[chain.last as usize][place] = key;
        chain.keys += 1;
    }

    /// A chunk more.
    fn lengthen(&mut self, chain: &mut Chain) {
        let (empty, left) = self.empty;
        let chunk = if left > 0 {
            self.empty = (self.next[empty as usize], left - 1);
            empty
        } else {
            self.chunks.push([0; CHUNK]);
            self.next.push(0);
            self.next.len() as u32 - 1
        };
        if chain.keys == 0 {
            chain.first = chunk;
        } else {
            self.next[chain.last as usize] = chunk;
        }
        chain.last = chunk;
    }

    /// The first chunk, and how many keys it has.
    #[inline]
    pub(super) fn take(&mut self, chain: &mut Chain) -> Option<([Key; CHUNK], usize)> {
        if chain.keys == 0 {
            return None;
        }
        let chunk = chain.first;
        let count = (chain.keys as usize).min(CHUNK);
        chain.keys -= count as u32;
        chain.first = self.next[chunk as usize];
        self.next[chunk as usize] = self.empty.0;
        self.empty = (chunk, self.empty.1 + 1);
        if chain.keys > 0 {
            // memory is asked for the next one while its user is busy with this one
            let [near, .., far] = &self.chunks[chain.first as usize];
            hint::black_box(*near as u32 ^ *far as u32);
        }
        Some((self.chunks[chunk as usize], count))
    }
}

/// The wheels.
#[derive(Debug)]
pub(super) struct Wheels {
    /// The wheels that have a key: one bit each.
    some: u32,
    /// When the first of all buckets begins; the end of time if there is none.
    begins: u64,
    /// By wheel, where it has a key: when its first bucket begins.
    begins_in: [u64; WHEELS],
    /// By wheel: the buckets that have a key, one bit each.
    taken: [u64; WHEELS],
    /// By wheel and digit.
    buckets: Vec<Chain>,
}

impl Default for Wheels {
    fn default() -> Self {
        Self {
            some: 0,
            begins: u64::MAX,
            begins_in: [0; WHEELS],
            taken: [0; WHEELS],
            buckets: vec![Chain::default(); WHEELS * BUCKETS],
        }
    }
}

impl Wheels {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.some == 0
    }

    /// No key is of an earlier instant.
    #[inline]
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// Puts in a key that is not before `base`, which never goes back.
    #[inline]
    pub(super) fn put(&mut self, chains: &mut Chains, base: u64, key: Key) {
        let time = instant(key);
        let mut wheel = ((time - base) | 1).ilog2() / DIGIT_BITS;
        let mut shift = wheel * DIGIT_BITS;
        // a wheel begins before `base`: what lies all of its length ahead is beyond it
        if (time >> shift) - (base >> shift) == BUCKETS as u64 {
            wheel += 1;
            shift += DIGIT_BITS;
        }
        let (wheel, number) = (wheel as usize, time >> shift);
        let (digit, begins) = (number as usize % BUCKETS, number << shift);
        if self.taken[wheel] == 0 || begins < self.begins_in[wheel] {
            self.begins_in[wheel] = begins;
            self.begins = self.begins.min(begins);
        }
        self.some |= 1 << wheel;
        self.taken[wheel] |= 1 << digit;
        chains.append(&mut self.buckets[wheel * BUCKETS + digit], key);
    }

    /// Takes out the bucket that begins first, with when it does; of several, the longest. There must be one.
    pub(super) fn take(&mut self) -> (u64, Chain) {
        let wheel = self.first();
        let begins = self.begins_in[wheel];
        let shift = wheel as u32 * DIGIT_BITS;
        let digit = (begins >> shift) as usize % BUCKETS;
        self.taken[wheel] &= !(1 << digit);
        if self.taken[wheel] == 0 {
            self.some &= !(1 << wheel);
        } else {
            // all the others are less than a turn ahead of it
            let ahead = self.taken[wheel].rotate_right(digit as u32).trailing_zeros();
            self.begins_in[wheel] = begins + (u64::from(ahead) << shift);
        }
        self.begins = if self.some == 0 { u64::MAX } else { self.begins_in[self.first()] };
        (begins, std::mem::take(&mut self.buckets[wheel * BUCKETS + digit]))
    }

    /// The wheel whose first bucket begins first; of several, the widest.
    fn first(&self) -> usize {
        let all = (0..WHEELS).filter(|wheel| self.some >> wheel & 1 != 0);
        all.min_by_key(|&wheel| (self.begins_in[wheel], WHEELS - wheel)).unwrap_or(0)
    }
}
