//! Which of the open operations took effect: sets of small numbers.

use std::hash::Hash;

/// A set of slots below a width that is known.
pub(crate) trait Slots: Clone + Eq + Hash {
    /// None of them.
    fn none(width: usize) -> Self;
    fn has(&self, slot: usize) -> bool;
    fn take(&mut self, slot: usize);
    fn give_back(&mut self, slot: usize);
    /// Whether it has no more of `few` than `other`, and no fewer of the rest.
    fn is_as_good(&self, other: &Self, few: &Self) -> bool;
    /// How many bytes it has elsewhere.
    fn heap(width: usize) -> usize;
}

macro_rules! in_a_word {
    ($word:ty) => {
        impl Slots for $word {
            fn none(_: usize) -> Self {
                0
            }
            fn has(&self, slot: usize) -> bool {
                self >> slot & 1 == 1
            }
            fn take(&mut self, slot: usize) {
                *self |= 1 << slot;
            }
            fn give_back(&mut self, slot: usize) {
                *self &= !(1 << slot);
            }
            fn is_as_good(&self, other: &Self, few: &Self) -> bool {
                (self ^ few) & (other ^ few) == other ^ few
            }
            fn heap(_: usize) -> usize {
                0
            }
        }
    };
}

in_a_word!(u64);
in_a_word!(u128);

/// Any number of slots.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Many(Box<[u64]>);

impl Slots for Many {
    fn none(width: usize) -> Self {
        Self(vec![0; width.div_ceil(64)].into())
    }
    fn has(&self, slot: usize) -> bool {
        self.0[slot / 64].has(slot % 64)
    }
    fn take(&mut self, slot: usize) {
        self.0[slot / 64].take(slot % 64);
    }
    fn give_back(&mut self, slot: usize) {
        self.0[slot / 64].give_back(slot % 64);
    }
    fn is_as_good(&self, other: &Self, few: &Self) -> bool {
        let mut words = self.0.iter().zip(&other.0).zip(&few.0);
        words.all(|((one, other), few)| one.is_as_good(other, few))
    }
    fn heap(width: usize) -> usize {
        width.div_ceil(64) * size_of::<u64>()
    }
}
