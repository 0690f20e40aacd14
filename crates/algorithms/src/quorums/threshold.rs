//! How many processes a quorum has, where any so many are one: by the names and sources of the literature.
//!
//! All but EPaxos's say which intersections make them right; the tests enumerate those for up to nine or eleven processes, and that
//! one process fewer breaks one.

/// More than half of n (Gifford 1979; Thomas 1979): any two meet.
pub const fn majority(n: u32) -> u32 {
    n / 2 + 1
}

/// Fast Paxos (Lamport 2006) with majorities as classic quorums: ⌈3n/4⌉. Any two fast quorums and a classic one meet.
pub const fn fast_paxos(n: u32) -> u32 {
    (3 * n).div_ceil(4)
}

/// Fast Paxos (Lamport 2006) with one size for both kinds of quorums: ⌊2n/3⌋ + 1. Any three meet.
pub const fn fast_paxos_uniform(n: u32) -> u32 {
    2 * n / 3 + 1
}

/// EPaxos (Moraru, Andersen, Kaminsky 2013), fast quorums of the optimised protocol: F + ⌊(F + 1)/2⌋ of n = 2F + 1, the command's
/// leader among them.
pub const fn epaxos(n: u32) -> u32 {
    let f = (n - 1) / 2;
    f + f.div_ceil(2)
}

/// EPaxos, fast quorums of the basic protocol: 2F of n = 2F + 1.
pub const fn epaxos_basic(n: u32) -> u32 {
    2 * ((n - 1) / 2)
}

/// Flexible Paxos (Howard, Malkhi, Spiegelman 2016): the least size of phase 1 quorums that meet all phase 2 quorums of this
/// size.
pub const fn flexible_phase_1(n: u32, phase_2: u32) -> u32 {
    n - phase_2 + 1
}

/// Byzantine quorums that meet in a correct process, f of n = 3f + 1 and more being faulty: ⌈(n + f + 1)/2⌉. PBFT (Castro, Liskov
/// 1999) has 2f + 1 of 3f + 1; they are the dissemination quorums of Malkhi, Reiter 1998, for values that sign themselves.
pub const fn dissemination(n: u32, f: u32) -> u32 {
    (n + f + 1).div_ceil(2)
}

/// Masking quorums (Malkhi, Reiter 1998), n > 4f: ⌈(n + 2f + 1)/2⌉. Any two have 2f + 1 in common: what is right outnumbers the
/// lies.
pub const fn masking(n: u32, f: u32) -> u32 {
    (n + 2 * f + 1).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorums::QuorumSystem;

    /// Whether quorums of this size meet in `common`, and smaller ones do not.
    fn is_least(n: u32, size: u32, common: u32) -> bool {
        let of = |size| QuorumSystem::of_size(n, size);
        of(size).meets(&of(size), common) && !of(size - 1).meets(&of(size - 1), common)
    }

    #[test]
    fn majorities_and_byzantine_quorums_are_the_least_that_meet() {
        for n in 1..=11 {
            assert!(is_least(n, majority(n), 1), "{n}");
            for f in (0..n).take_while(|f| n > 3 * f) {
                assert!(is_least(n, dissemination(n, f), f + 1), "{n} {f}");
                assert!(QuorumSystem::of_size(n, dissemination(n, f)).available(f), "{n} {f}");
            }
            for f in (0..n).take_while(|f| n > 4 * f) {
                assert!(is_least(n, masking(n, f), 2 * f + 1), "{n} {f}");
                assert!(QuorumSystem::of_size(n, masking(n, f)).available(f), "{n} {f}");
            }
        }
    }

    #[test]
    fn fast_quorums_are_the_least_that_meet_by_three() {
        for n in 3..=9 {
            let of = |size| QuorumSystem::of_size(n, size);
            let (classic, fast, uniform) = (of(majority(n)), fast_paxos(n), fast_paxos_uniform(n));
            assert!(classic.common_with_two_min(&of(fast)) >= 1, "{n}");
            assert_eq!(classic.common_with_two_min(&of(fast - 1)), 0, "{n}");
            assert!(of(uniform).common_with_two_min(&of(uniform)) >= 1, "{n}");
            assert_eq!(of(uniform - 1).common_with_two_min(&of(uniform - 1)), 0, "{n}");
        }
    }

    #[test]
    fn beyond_their_bound_byzantine_quorums_are_not_available() {
        for f in 1..=2 {
            assert!(!QuorumSystem::of_size(3 * f, dissemination(3 * f, f)).available(f));
            assert!(!QuorumSystem::of_size(4 * f, masking(4 * f, f)).available(f));
        }
    }

    #[test]
    fn a_flexible_phase_1_quorum_is_as_large_as_phase_2_makes_it() {
        for n in 1..=9 {
            for phase_2 in 1..=n {
                let (one, two) = (flexible_phase_1(n, phase_2), QuorumSystem::of_size(n, phase_2));
                assert!(QuorumSystem::of_size(n, one).meets(&two, 1));
                assert!(!QuorumSystem::of_size(n, one - 1).meets(&two, 1), "{n} {phase_2}");
            }
        }
    }
}
