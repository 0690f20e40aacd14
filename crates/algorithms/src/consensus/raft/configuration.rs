//! Who replicates: one set of voters, or two while one gives way to the other (joint consensus, §6).

use synod_model::interface::Members;
use synod_model::prelude::*;

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// C-new: those of whom a majority decides.
    pub voters: ProcessSet,
    /// C-old: those of whom a majority must agree besides, while the change goes on; else nobody.
    pub outgoing: ProcessSet,
    /// Those who are told, and have no say.
    pub learners: ProcessSet,
}

impl Configuration {
    /// Of these members, with no change going on.
    pub fn of(members: &Members) -> Self {
        Self {
            voters: members.voters.clone(),
            outgoing: ProcessSet::new(),
            learners: members.learners.clone(),
        }
    }

    /// C-old,new: on the way from this one to `members`.
    #[must_use]
    pub fn joint(&self, members: &Members) -> Self {
        Self { outgoing: self.voters.clone(), ..Self::of(members) }
    }

    /// C-new: where that way ends.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { outgoing: ProcessSet::new(), ..self.clone() }
    }

    /// Whether a change goes on.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether `p` has a say.
    pub fn votes(&self, p: ProcessId) -> bool {
        self.voters.contains(p) || self.outgoing.contains(p)
    }

    /// Those with a say, in ascending order.
    pub fn voting(&self) -> ProcessSet {
        self.voters.iter().chain(self.outgoing.iter()).collect()
    }

    /// All who are told.
    pub fn members(&self) -> ProcessSet {
        self.voting().iter().chain(self.learners.iter()).collect()
    }

    /// Whether those of whom `has` holds decide: a majority of each set.
    pub fn decides(&self, has: impl Fn(ProcessId) -> bool) -> bool {
        self.reached_by(|p| u64::from(has(p))) > 0
    }

    /// The greatest number that deciding voters have come to: of those that a majority has reached, in each set.
    pub fn reached_by(&self, number: impl Fn(ProcessId) -> u64) -> u64 {
        let of = |set: &ProcessSet| {
            let mut numbers: Vec<_> = set.iter().map(&number).collect();
            numbers.sort_unstable_by(|a, b| b.cmp(a));
            numbers.get(set.len() / 2).copied()
        };
        let new = of(&self.voters).unwrap_or(0);
        of(&self.outgoing).map_or(new, |old| old.min(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u32]) -> ProcessSet {
        ids.iter().copied().map(ProcessId).collect()
    }

    fn members(ids: &[u32]) -> Members {
        Members { voters: set(ids), learners: ProcessSet::new() }
    }

    #[test]
    fn a_majority_decides_and_half_does_not() {
        for n in 1..8_u32 {
            let all = Configuration::of(&members(&(0..n).collect::<Vec<_>>()));
            for k in 0..=n {
                assert_eq!(all.decides(|p| p.0 < k), 2 * k > n, "{k} of {n}");
            }
        }
        assert!(!Configuration::default().decides(|_| true), "nobody decides nothing");
    }

    #[test]
    fn a_joint_configuration_needs_both_majorities() {
        let joint = Configuration::of(&members(&[0, 1, 2])).joint(&members(&[2, 3, 4]));
        let decides = |ids: &[u32]| joint.decides(|p| ids.contains(&p.0));
        assert!(!decides(&[0, 1]) && !decides(&[3, 4]) && !decides(&[0, 2]));
        assert!(decides(&[0, 2, 3]) && decides(&[0, 1, 3, 4]));
        assert_eq!(joint.reached_by(|p| u64::from(p.0)), 1);
        assert_eq!(joint.settled().reached_by(|p| u64::from(p.0)), 3);
    }
}
