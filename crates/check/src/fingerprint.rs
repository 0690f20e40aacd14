//! Fingerprints of values: 128 bits, the same for the same value in every run.

use std::hash::{Hash, Hasher};

/// A fingerprint. A search by 64 bits uses the low half.
pub(crate) type Print = u128;

/// The fingerprint of a value.
#[inline]
pub(crate) fn print_of<T: Hash + ?Sized>(value: &T) -> Print {
    let mut hasher = Printer::default();
    value.hash(&mut hasher);
    hasher.print()
}

/// The fingerprint of what stands at a place of a sequence, from what it has at the first: one to be summed over places.
pub(crate) fn placed(first: Print, place: usize) -> Print {
    if place == 0 { first } else { print_of(&(first, place)) }
}

/// Scatters a small number over 64 bits.
#[inline]
pub(crate) fn scatter(key: u64) -> u64 {
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
    (product >> 64) as u64 ^ product as u64
}

/// A hasher of two lanes, each a multiplication to twice the width, folded, for every word that is written. The lanes
/// differ in their constants and in the order in which they mix, so that what cancels in one does not in the other.
///
/// That a search omits states as seldom as the birthday bound says is true for a hash without structure alone; the tests
/// below count collisions on inputs that are all structure.
pub(crate) struct Printer {
    a: u64,
    b: u64,
}

impl Default for Printer {
    #[inline]
    fn default() -> Self {
        Self { a: 0x243f_6a88_85a3_08d3, b: 0x1319_8a2e_0370_7344 }
    }
}

impl Printer {
    #[inline]
    fn word(&mut self, word: u64) {
        self.a = fold(self.a ^ word, 0xa409_3822_299f_31d1).rotate_left(29) ^ word;
        self.b = fold(self.b.wrapping_add(word), 0x082e_fa98_ec4e_6c89).wrapping_add(word.rotate_left(32));
    }

    #[inline]
    fn print(&self) -> Print {
        let a = avalanche(self.a ^ self.b.rotate_left(17));
        let b = avalanche(self.b.wrapping_add(fold(self.a, 0x4528_21e6_38d0_1377)));
        u128::from(b) << 64 | u128::from(a)
    }
}

/// The product to 128 bits, its halves folded into one.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b | 1);
    (product >> 64) as u64 ^ product as u64
}

/// Every bit of the result depends on every bit of the argument (the finish of SplitMix64).
#[inline]
fn avalanche(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Hasher for Printer {
    #[inline]
    fn finish(&self) -> u64 {
        self.print() as u64
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.word(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            // the length tells "a" from "a\0"
            self.word(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
        }
    }

    #[inline]
    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }

    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.word(u64::from(i));
    }

    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }

    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    #[inline]
    fn write_u128(&mut self, i: u128) {
        self.word(i as u64);
        self.word((i >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the values share the bits that `of` takes of their print.
    fn collisions(mut prints: Vec<u64>) -> usize {
        prints.sort_unstable();
        prints.windows(2).filter(|pair| pair[0] == pair[1]).count()
    }

    /// Holds both halves, and 32 bits of each, to the birthday bound: none at 64 bits; at 32 no more than chance gives.
    fn is_honest(values: impl Iterator<Item = Print> + Clone, what: &str) {
        let count = values.clone().count() as f64;
        let expected = count * count / 2.0 / f64::from(u32::MAX);
        let allowed = (expected + 6.0 * expected.sqrt() + 3.0) as usize;
        for shift in [0, 64] {
            assert_eq!(
                collisions(values.clone().map(|p| (p >> shift) as u64).collect()),
                0,
                "{what}: 64 bits at {shift}"
            );
        }
        for shift in [0, 16, 32, 64, 80, 96] {
            let found = collisions(values.clone().map(|p| u64::from((p >> shift) as u32)).collect());
            assert!(
                found <= allowed,
                "{what}: 32 bits at {shift}: {found} collisions, chance gives {expected:.0}"
            );
        }
    }

    #[test]
    fn short_vectors_of_small_numbers_do_not_collide_more_than_chance() {
        let digits = |mut k: u32| -> [u8; 6] {
            std::array::from_fn(|_| {
                let digit = k % 9;
                k /= 9;
                digit as u8
            })
        };
        is_honest((0..9_u32.pow(6)).map(|k| print_of(&digits(k))), "arrays of six small bytes");
        is_honest((0..9_u32.pow(6)).map(|k| print_of(&digits(k).map(u32::from))), "six small words");
        is_honest((0..1_u64 << 19).map(|k| print_of(&(k << 40))), "high bits alone");
        is_honest((0..1_u32 << 19).map(|k| print_of(&(k & 0x3ff, k >> 10))), "pairs");
    }

    #[test]
    fn sums_over_swapped_parts_do_not_collide_more_than_chance() {
        // two envelopes that swap their messages: what a nearly linear mixer cannot tell apart in a sum
        let envelope = |to: u32, from: u32, message: u32| print_of(&(to, from, message));
        let swaps = (0..700_u32)
            .flat_map(|m| (0..600_u32).map(move |k| envelope(0, 1, m).wrapping_add(envelope(1, 0, 700 + k))));
        is_honest(swaps, "sums of two envelopes");
        let crossed = (0..64_u32).flat_map(|a| (0..64).flat_map(move |b| (0..64).map(move |c| (a, b, c))));
        is_honest(
            crossed.map(|(a, b, c)| {
                envelope(0, 1, a).wrapping_add(envelope(1, 2, b)).wrapping_add(envelope(2, 0, c))
            }),
            "sums of three envelopes with the same messages",
        );
    }

    #[test]
    fn sums_over_places_of_a_queue_do_not_collide_more_than_chance() {
        let envelope = |message: u32| print_of(&("in flight", 0_u32, 1_u32, message));
        let queue = |mut digits: u32, base: u32, length: usize| {
            (0..length).fold(0, |sum: Print, place| {
                let digit = digits % base;
                digits /= base;
                sum.wrapping_add(placed(envelope(digit), place))
            })
        };
        // not out of few: where two of four messages' prints differ by what two others' do, whole families collide
        is_honest((0..75_u32.pow(3)).map(|k| queue(k, 75, 3)), "queues of three");
        let short = (0..600).map(|k| queue(k, 600, 1)).chain((0..600_u32.pow(2)).map(|k| queue(k, 600, 2)));
        is_honest(short, "queues of one and of two");
    }
}
