//! Drawing some of many, each at most once.

use synod_kernel::Random;
use synod_model::ProcessId;

/// Processes to draw from: which one comes is a draw among those that are left, in their order. Takes a logarithm of their number.
pub(super) struct Urn {
    all: Vec<ProcessId>,
    /// How many are left of a range of them that ends at each place: as long as the lowest bit of that place, counted from 1 on.
    left_in: Vec<u32>,
    left: usize,
    drawn: Vec<bool>,
}

impl Urn {
    pub(super) fn new(all: Vec<ProcessId>) -> Self {
        let lowest = |place: u32| place & place.wrapping_neg();
        let left = all.len();
        Self { left_in: (1..=left as u32).map(lowest).collect(), left, drawn: vec![false; left], all }
    }

    pub(super) fn len(&self) -> usize {
        self.left
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Takes one out. There must be one.
    pub(super) fn draw(&mut self, random: &mut Random) -> ProcessId {
        let mut before = random.below(self.left as u64) as u32;
        let mut place = 0;
        let mut range = (self.all.len() + 1).next_power_of_two() / 2;
        while range > 0 {
            if let Some(&left) = self.left_in.get(place + range - 1)
                && left <= before
            {
                before -= left;
                place += range;
            } else if let Some(left) = self.left_in.get_mut(place + range - 1) {
                // the one that is taken lies in this range
                *left -= 1;
            }
            range /= 2;
        }
        self.left -= 1;
        self.drawn[place] = true;
        self.all[place]
    }

    /// Those that are left, in their order.
    pub(super) fn into_rest(self) -> Vec<ProcessId> {
        self.all.into_iter().zip(self.drawn).filter(|(_, drawn)| !drawn).map(|(process, _)| process).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_urn_is_a_list_from_which_some_are_removed() {
        for processes in (0..20).chain([63, 64, 65, 1_000]) {
            let mut list: Vec<_> = (0..processes).map(|p| ProcessId(2 * p)).collect();
            let mut urn = Urn::new(list.clone());
            let [mut one, mut same] = [(); 2].map(|()| Random::new(processes.into()));
            for _ in 0..processes / 2 {
                let removed = list.remove(one.below(list.len() as u64) as usize);
                assert_eq!(urn.draw(&mut same), removed, "of {processes}");
                assert_eq!(urn.len(), list.len());
            }
            assert_eq!(urn.into_rest(), list, "of {processes}");
        }
    }
}
