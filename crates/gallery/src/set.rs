//! A set of small numbers as bits: what the models count their processes with.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A set of numbers below 16.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Set(pub u16);

impl Set {
    /// No member.
    pub const EMPTY: Self = Self(0);

    /// All of `0 .. n`.
    pub const fn all(n: usize) -> Self {
        Self(((1_u32 << n) - 1) as u16)
    }

    /// `i` alone.
    pub const fn only(i: usize) -> Self {
        Self(1 << i)
    }

    /// Whether `i` is a member.
    pub const fn has(self, i: usize) -> bool {
        self.0 >> i & 1 == 1
    }

    /// With `i`.
    #[must_use]
    pub const fn with(self, i: usize) -> Self {
        Self(self.0 | 1 << i)
    }

    /// Without `i`.
    #[must_use]
    pub const fn without(self, i: usize) -> Self {
        Self(self.0 & !(1 << i))
    }

    /// With `i` if `member`, else without it.
    #[must_use]
    pub const fn set(self, i: usize, member: bool) -> Self {
        if member { self.with(i) } else { self.without(i) }
    }

    /// The members of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members of this one alone.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many members.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it has no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all its members are members of `other`.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Its members, rising.
    pub fn iter(self) -> impl Iterator<Item = usize> + Clone {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(next)
        })
    }

    /// All its subsets, the empty one first.
    pub fn subsets(self) -> impl Iterator<Item = Self> {
        let mut next = Some(0_u16);
        std::iter::from_fn(move || {
            let found = next?;
            next = (found != self.0).then(|| (found | !self.0).wrapping_add(1) & self.0);
            Some(Self(found))
        })
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(members: I) -> Self {
        members.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_members_and_all_its_subsets() {
        let set: Set = [0, 2, 15].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 15]);
        assert_eq!(format!("{set:?}"), "{0, 2, 15}");
        assert_eq!(set.subsets().count(), 8);
        assert!(set.subsets().all(|s| s.within(set)));
        assert_eq!(set.minus(Set::only(2)), set.without(2));
        assert_eq!((Set::all(16).len(), Set::all(0)), (16, Set::EMPTY));
        assert_eq!(Set::EMPTY.subsets().count(), 1);
        assert_eq!(Set::all(16).subsets().count(), 1 << 16);
    }
}
