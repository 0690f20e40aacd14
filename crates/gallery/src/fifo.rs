//! A queue of small numbers in one word: what the models' channels and waiting lines are.

use std::fmt;

/// A first-in first-out queue of at most sixteen numbers, each 1 to 15.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fifo(u64);

impl Fifo {
    /// The most that fit.
    pub const MOST: usize = 16;

    /// How many it holds.
    pub const fn len(self) -> usize {
        (64 - self.0.leading_zeros() as usize).div_ceil(4)
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// With `item` at the end.
    ///
    /// # Panics
    /// If there is no room, or the item is not 1 to 15.
    #[must_use]
    pub fn push(self, item: u8) -> Self {
        assert!((1..16).contains(&item) && self.len() < Self::MOST, "{item} does not fit into {self:?}");
        Self(self.0 | u64::from(item) << (4 * self.len()))
    }

    /// The first, and the rest.
    pub const fn pop(self) -> Option<(u8, Self)> {
        if self.0 == 0 { None } else { Some(((self.0 & 15) as u8, Self(self.0 >> 4))) }
    }

    /// Without the one at `index`.
    #[must_use]
    pub const fn without(self, index: usize) -> Self {
        let below = (1 << (4 * index)) - 1;
        Self(self.0 & below | (self.0 >> 4) & !below)
    }

    /// What it holds, the first first.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..self.len()).map(move |index| (self.0 >> (4 * index) & 15) as u8)
    }
}

impl fmt::Debug for Fifo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_first_comes_out_first() {
        let queue = Fifo::default().push(3).push(15).push(1);
        assert_eq!((queue.len(), queue.iter().collect::<Vec<_>>()), (3, vec![3, 15, 1]));
        assert_eq!(queue.pop().map(|(first, rest)| (first, rest.len())), Some((3, 2)));
        assert_eq!(queue.without(1), Fifo::default().push(3).push(1));
        assert_eq!(queue.without(2), Fifo::default().push(3).push(15));
        assert_eq!(format!("{queue:?}"), "[3, 15, 1]");
        assert!(Fifo::default().pop().is_none() && Fifo::default().is_empty());
        let full = (0..16).fold(Fifo::default(), |queue, _| queue.push(15));
        assert_eq!((full.len(), full.without(15).len()), (16, 15));
    }
}
