//! Where the outcomes of coins and choices come from.

use synod_model::{Draw, Mark, ProcessId, Upper};

/// A source of outcomes.
pub trait Draws {
    /// The outcome of `draw`, below its bound.
    fn draw(&mut self, draw: Draw) -> u32;
    /// The handler that draws comes to a mark; or, with `reached` false, starts a module that has it. Nobody need heed it.
    fn mark(&mut self, mark: Mark, reached: bool) {
        let _ = (mark, reached);
    }
    /// What the layer above its links does at process `me`, where that is such a layer. Nobody need heed it.
    fn upper(&mut self, me: ProcessId, does: Upper<'_>) {
        let _ = (me, does);
    }
}

/// The marks that handlers came to, or might have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(Mark, bool)>);

impl Marks {
    /// Takes note of one.
    pub fn note(&mut self, mark: Mark, reached: bool) {
        match self.0.iter_mut().find(|(known, _)| *known == mark) {
            Some((_, before)) => *before |= reached,
            None => self.0.push((mark, reached)),
        }
    }

    /// Each, with whether a handler came to it.
    pub fn each(&self) -> impl Iterator<Item = (Mark, bool)> {
        self.0.iter().copied()
    }
}

/// xoshiro256** 1.0 (Blackman, Vigna 2018), seeded by SplitMix64: written out here, since a seed must give the same run
/// for years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        let mut z = seed;
        Self { state: std::array::from_fn(|_| split_mix(&mut z)) }
    }

    /// 64 bits that belong to a place: those of `SplitMix64` after so many steps. For what is drawn once per link, or per
    /// process, where a table of it would be too large.
    #[inline]
    pub fn at(seed: u64, place: u64) -> u64 {
        let mut z = seed.wrapping_add(place.wrapping_mul(GOLDEN));
        split_mix(&mut z)
    }

    /// The next 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound`, by multiplication (Lemire 2019, without the rejection: its bias is below 2^-32 here).
    ///
    /// # Panics
    /// If `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw needs an outcome");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// True with probability `parts_per_million` / 10^6.
    #[inline]
    pub fn chance(&mut self, parts_per_million: u32) -> bool {
        parts_per_million > 0 && self.below(1_000_000) < u64::from(parts_per_million)
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn split_mix(z: &mut u64) -> u64 {
    *z = z.wrapping_add(GOLDEN);
    let mut x = *z;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Outcomes given beforehand, zeros after them; and a record of what was asked, and of marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    given: Vec<u32>,
    asked: Vec<Draw>,
    marks: Marks,
}

impl Script {
    /// These outcomes, then zeros.
    pub fn new(given: Vec<u32>) -> Self {
        Self { given, ..Self::default() }
    }

    /// As new with these outcomes, in the same memory.
    pub fn restart(&mut self, given: &[u32]) {
        self.given.clear();
        self.given.extend_from_slice(given);
        self.asked.clear();
        self.marks.0.clear();
    }

    /// The outcomes given beforehand.
    pub fn given(&self) -> &[u32] {
        &self.given
    }

    /// The outcomes that were drawn so far.
    pub fn drawn(&self) -> Vec<u32> {
        let given = |i: usize| self.given.get(i).copied().unwrap_or(0);
        self.asked.iter().enumerate().map(|(i, draw)| given(i).min(draw.bound() - 1)).collect()
    }

    /// The draws that were asked so far.
    pub fn asked(&self) -> &[Draw] {
        &self.asked
    }

    /// The marks that were met so far.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Whether every given outcome was asked for and lies below its bound.
    pub fn fits(&self) -> bool {
        self.given.len() <= self.asked.len()
            && self.given.iter().zip(&self.asked).all(|(&g, d)| g < d.bound())
    }

    /// The scripts that differ from this run's in the last place that can still go up: calling this on each run, from
    /// the empty script on, tries every combination of outcomes once.
    pub fn successor(&self) -> Option<Self> {
        let mut outcomes = self.drawn();
        while let Some(last) = outcomes.pop() {
            if last + 1 < self.asked[outcomes.len()].bound() {
                outcomes.push(last + 1);
                return Some(Self::new(outcomes));
            }
        }
        None
    }
}

impl Draws for Script {
    fn draw(&mut self, draw: Draw) -> u32 {
        let given = self.given.get(self.asked.len()).copied().unwrap_or(0);
        self.asked.push(draw);
        given.min(draw.bound() - 1)
    }

    fn mark(&mut self, mark: Mark, reached: bool) {
        self.marks.note(mark, reached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_sequence() {
        // reference: xoshiro256** from the state 1, 2, 3, 4
        let mut r = Random { state: [1, 2, 3, 4] };
        assert_eq!(
            [r.bits(), r.bits(), r.bits(), r.bits()],
            [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240]
        );
    }
}
