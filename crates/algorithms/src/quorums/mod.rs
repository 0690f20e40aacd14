//! Quorum systems: sets of processes of which any two that matter have enough in common.
//!
//! [`threshold`] has the sizes that the literature gives, [`QuorumSystem`] the sets themselves, for so few processes that all
//! can be looked at: whether they intersect is decided by enumeration.

pub mod threshold;

use synod_model::{ProcessId, ProcessSet};

/// For how many processes sets are enumerated.
pub const ENUMERATED_MAX: u32 = 20;

/// A family of quorums of `n` processes, each a set as a bit mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumSystem {
    n: u32,
    quorums: Vec<u32>,
}

impl QuorumSystem {
    /// All sets of `size` of `n` processes.
    ///
    /// # Panics
    /// If n is more than [`ENUMERATED_MAX`].
    pub fn of_size(n: u32, size: u32) -> Self {
        assert!(n <= ENUMERATED_MAX, "2^{n} sets are not enumerated");
        Self { n, quorums: (0..1_u32 << n).filter(|set| set.count_ones() == size).collect() }
    }

    /// These sets of `n` processes.
    ///
    /// # Panics
    /// If n is more than [`ENUMERATED_MAX`], or a set has a member that is none of them.
    pub fn of(n: u32, quorums: &[ProcessSet]) -> Self {
        assert!(n <= ENUMERATED_MAX, "2^{n} sets are not enumerated");
        let mask = |set: &ProcessSet| {
            set.iter().fold(0, |mask, ProcessId(p)| {
                assert!(p < n, "a quorum of {n} processes has p{p}");
                mask | 1 << p
            })
        };
        Self { n, quorums: quorums.iter().map(mask).collect() }
    }

    /// The fewest processes that a quorum of this system and one of the other have in common.
    pub fn common_min(&self, other: &Self) -> u32 {
        let pairs = self.quorums.iter().flat_map(|a| other.quorums.iter().map(move |b| (a & b).count_ones()));
        pairs.min().unwrap_or(self.n)
    }

    /// The fewest processes that a quorum of this system and two of the other have in common.
    pub fn common_with_two_min(&self, other: &Self) -> u32 {
        let twos = || {
            let each = other.quorums.iter().enumerate();
            each.flat_map(|(i, a)| other.quorums[i..].iter().map(move |b| a & b))
        };
        // of the intersections of two, those alone that contain no other matter
        let mut both: Vec<u32> = twos().collect();
        both.sort_unstable_by_key(|set| (set.count_ones(), *set));
        both.dedup();
        let mut least: Vec<u32> = Vec::new();
        for set in both {
            if !least.iter().any(|smaller| smaller & set == *smaller) {
                least.push(set);
            }
        }
        let common = self.quorums.iter().flat_map(|a| least.iter().map(move |b| (a & b).count_ones()));
        common.min().unwrap_or(self.n)
    }

    /// Whether any quorum of this system meets any of the other in at least `common` processes.
    pub fn meets(&self, other: &Self, common: u32) -> bool {
        self.common_min(other) >= common
    }

    /// Whether a quorum is left when any `f` processes do not answer.
    pub fn available(&self, f: u32) -> bool {
        let mut failed = (0..1_u32 << self.n).filter(|set| set.count_ones() == f);
        failed.all(|failed| self.quorums.iter().any(|quorum| quorum & failed == 0))
    }

    /// F_p: the probability that no quorum is left, where each process has failed with probability `p` on its own (Peleg, Wool
    /// 1995; Naor, Wool 1998), by enumeration of all 2^n sets of failed ones.
    pub fn unavailability(&self, p: f64) -> f64 {
        let mut by_size = vec![0_u64; self.n as usize + 1];
        for failed in 0..1_u32 << self.n {
            if !self.quorums.iter().any(|quorum| quorum & failed == 0) {
                by_size[failed.count_ones() as usize] += 1;
            }
        }
        let share =
            |(k, sets): (usize, &u64)| *sets as f64 * power(p, k as u32) * power(1.0 - p, self.n - k as u32);
        by_size.iter().enumerate().map(share).sum()
    }
}

/// By repeated multiplication: the same bits on every machine.
fn power(base: f64, exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_a_quorum_system() {
        let set = |of: &[u32]| of.iter().map(|&p| ProcessId(p)).collect::<ProcessSet>();
        // a row and a column of 2 x 2
        let grid = QuorumSystem::of(4, &[set(&[0, 1, 2]), set(&[0, 1, 3]), set(&[2, 3, 0]), set(&[2, 3, 1])]);
        assert!(grid.meets(&grid, 2) && !grid.meets(&grid, 3));
        assert!(grid.available(1) && !grid.available(2));
    }

    #[test]
    fn halves_miss_each_other_and_majorities_do_not() {
        let halves = QuorumSystem::of_size(4, 2);
        assert_eq!(halves.common_min(&halves), 0);
        let majorities = QuorumSystem::of_size(5, 3);
        assert_eq!((majorities.common_min(&majorities), majorities.common_with_two_min(&majorities)), (1, 0));
    }

    #[test]
    fn one_process_is_as_unavailable_as_itself() {
        assert!((QuorumSystem::of_size(1, 1).unavailability(0.3) - 0.3).abs() < 1e-15);
    }
}
