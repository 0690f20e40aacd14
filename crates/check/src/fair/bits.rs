//! Sets of states, one bit each.

/// A set of states below a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    states: u32,
}

impl Bits {
    /// No state of `states`.
    pub fn none(states: u32) -> Self {
        Self { words: vec![0; states.div_ceil(64) as usize], states }
    }

    /// All states below `states`.
    pub fn all(states: u32) -> Self {
        Self::none(states).complement()
    }

    /// Those for which `holds`.
    pub fn from_fn(states: u32, mut holds: impl FnMut(u32) -> bool) -> Self {
        let mut bits = Self::none(states);
        (0..states).filter(|&s| holds(s)).for_each(|s| bits.insert(s));
        bits
    }

    /// The bound, not the number of members.
    pub fn states(&self) -> u32 {
        self.states
    }

    /// Whether a state is a member.
    pub fn get(&self, state: u32) -> bool {
        self.words.get(state as usize / 64).is_some_and(|word| word >> (state % 64) & 1 == 1)
    }

    /// Makes a state a member.
    ///
    /// # Panics
    /// If it is not below the bound.
    pub fn insert(&mut self, state: u32) {
        assert!(state < self.states, "state {state} of {}", self.states);
        self.words[state as usize / 64] |= 1 << (state % 64);
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The states below the bound that are no members.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut words: Vec<u64> = self.words.iter().map(|word| !word).collect();
        if let (Some(last), used @ 1..) = (words.last_mut(), self.states % 64) {
            *last &= (1 << used) - 1;
        }
        Self { words, states: self.states }
    }

    /// The members of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let words = self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect();
        Self { words, states: self.states.min(other.states) }
    }

    /// The members, in increasing order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(place, &word)| {
            let bits = std::iter::successors(Some(word), |w| Some(w & w.wrapping_sub(1)));
            bits.take_while(|&w| w != 0).map(move |w| place as u32 * 64 + w.trailing_zeros())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_order_and_a_complement_ends_at_the_bound() {
        let bits = Bits::from_fn(130, |s| s % 43 == 0);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 43, 86, 129]);
        assert_eq!(bits.complement().iter().count(), 126);
        assert_eq!(bits.complement().complement(), bits);
        assert!(bits.and(&bits.complement()).is_empty());
        assert_eq!(Bits::all(64).iter().count(), 64);
        assert!(Bits::all(0).is_empty() && !bits.get(131));
    }
}
