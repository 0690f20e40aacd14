//! A row of numbers: changed a range at a time, asked for the first that is small.

use std::ops::Range;

/// Numbers at places `0..len`, in a tree of their least ones.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    len: usize,
    /// Of each node the least below it, without what is added above it.
    least: Vec<isize>,
    /// What is added to all below a node.
    added: Vec<isize>,
}

impl Levels {
    /// These numbers.
    pub(super) fn new(numbers: &[isize]) -> Self {
        let len = numbers.len().next_power_of_two();
        let mut least = vec![isize::MAX / 2; 2 * len];
        least[len..len + numbers.len()].copy_from_slice(numbers);
        for node in (1..len).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Self { len, least, added: vec![0; 2 * len] }
    }

    /// Adds to each number in a range.
    pub(super) fn add(&mut self, range: Range<usize>, amount: isize) {
        if range.start < range.end {
            self.add_below(1, 0..self.len, &range, amount);
        }
    }

    fn add_below(&mut self, node: usize, covers: Range<usize>, range: &Range<usize>, amount: isize) {
        if range.end <= covers.start || covers.end <= range.start {
            return;
        }
        if range.start <= covers.start && covers.end <= range.end {
            self.added[node] += amount;
            self.least[node] += amount;
            return;
        }
        let middle = usize::midpoint(covers.start, covers.end);
        self.add_below(2 * node, covers.start..middle, range, amount);
        self.add_below(2 * node + 1, middle..covers.end, range, amount);
        self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]) + self.added[node];
    }

    /// The first place in a range whose number is at most this.
    pub(super) fn first_at_most(&self, range: Range<usize>, bound: isize) -> Option<usize> {
        self.first_below(1, 0..self.len, &range, bound)
    }

    fn first_below(
        &self,
        node: usize,
        covers: Range<usize>,
        range: &Range<usize>,
        bound: isize,
    ) -> Option<usize> {
        if range.end <= covers.start || covers.end <= range.start || self.least[node] > bound {
            return None;
        }
        if covers.len() == 1 {
            return Some(covers.start);
        }
        let middle = usize::midpoint(covers.start, covers.end);
        let rest = bound - self.added[node];
        self.first_below(2 * node, covers.start..middle, range, rest)
            .or_else(|| self.first_below(2 * node + 1, middle..covers.end, range, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Random;

    #[test]
    fn numbers_are_what_was_added_to_them() {
        let mut random = Random::new(1);
        for len in 1..20 {
            let mut plain: Vec<isize> = (0..len).map(|_| random.below(5).cast_signed() as isize).collect();
            let mut levels = Levels::new(&plain);
            for _ in 0..200 {
                let mut place = || random.below(len + 1) as usize;
                let (a, b) = (place(), place());
                let range = a.min(b)..a.max(b);
                let amount = random.below(5).cast_signed() as isize - 2;
                levels.add(range.clone(), amount);
                plain[range.clone()].iter_mut().for_each(|number| *number += amount);
                let (range, bound) = (range.start / 2..range.end, amount - 1);
                let first = range.clone().find(|&place| plain[place] <= bound);
                assert_eq!(levels.first_at_most(range, bound), first);
            }
        }
    }
}
