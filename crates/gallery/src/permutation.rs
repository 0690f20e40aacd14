//! Permutations of a few values: what a symmetry of values is made of.

/// The most values that are permuted.
pub(crate) const VALUES_MAX: usize = 4;

/// A value for each value.
pub(crate) type Permutation = [u8; VALUES_MAX];

/// All permutations of `0 .. n`, each the identity beyond.
pub(crate) fn permutations(n: usize) -> Vec<Permutation> {
    let mut all = vec![[0, 1, 2, 3]];
    for last in 1..n {
        let swapped = |at: usize| {
            move |permutation: &Permutation| {
                let mut next = *permutation;
                next.swap(at, last);
                next
            }
        };
        all = (0..=last).flat_map(|at| all.iter().map(swapped(at)).collect::<Vec<_>>()).collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_as_many_permutations_as_there_should_be() {
        for (n, count) in [(1, 1), (2, 2), (3, 6), (4, 24)] {
            let all = permutations(n);
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), count);
            assert!(all.iter().all(|p| p[n..].iter().enumerate().all(|(i, &v)| usize::from(v) == n + i)));
        }
    }
}
