//! The splits of a world in two: how many there are, without building each.

use crate::seat::SeatId;
use std::collections::BTreeSet;

/// How many seats take sides; the others stand with the second.
pub(crate) const SIDED_MAX: usize = 16;

/// How many splits of `seats` in two, both ways or one way, cut a link that is not in `severed`: those that
/// [`World::enabled`](crate::World::enabled) has, where an environment lists no cuts.
pub(crate) fn count(seats: usize, severed: &BTreeSet<(SeatId, SeatId)>) -> u64 {
    if seats < 2 {
        return 0;
    }
    let sided = seats.min(SIDED_MAX);
    let one_way = (1 << sided) - 2;
    let both_ways = (1 << (sided - 1)) - 1;
    if severed.is_empty() {
        return one_way + both_ways;
    }
    // a side from which no link leads away but severed ones is closed under the links that are left
    let left = |a: usize, b: usize| a != b && !severed.contains(&(SeatId(a as u32), SeatId(b as u32)));
    let one_way_left = Graph::new(seats, left);
    let any_way_left = Graph::new(seats, |a, b| left(a, b) || left(b, a));
    // neither the empty side nor all those that take sides make a split; of both ways, the first seat is on one
    let full = |graph: &Graph| u64::from(graph.is_closed(&(0..sided).collect()));
    let cut_one_way = one_way_left.closed(sided, None) - 1 - full(&one_way_left);
    let cut_both_ways = any_way_left.closed(sided, Some(0)) - full(&any_way_left);
    one_way - cut_one_way + both_ways - cut_both_ways
}

/// Who can be reached from whom, by links that are left.
struct Graph {
    /// By seat: those that it reaches, itself among them.
    reached: Vec<BTreeSet<usize>>,
}

impl Graph {
    fn new(seats: usize, edge: impl Fn(usize, usize) -> bool) -> Self {
        let reach = |from: usize| {
            let (mut seen, mut waiting) = (BTreeSet::from([from]), vec![from]);
            while let Some(a) = waiting.pop() {
                for b in (0..seats).filter(|&b| edge(a, b)) {
                    if seen.insert(b) {
                        waiting.push(b);
                    }
                }
            }
            seen
        };
        Self { reached: (0..seats).map(reach).collect() }
    }

    fn is_closed(&self, side: &BTreeSet<usize>) -> bool {
        side.iter().all(|&a| self.reached[a].is_subset(side))
    }

    /// How many closed sets there are among the first `sided` seats, with `member` in them. Each is met once, so that the
    /// work is in what is cut, not in what could be.
    fn closed(&self, sided: usize, member: Option<usize>) -> u64 {
        let beyond: BTreeSet<usize> = (sided..self.reached.len()).collect();
        match member {
            None => self.closed_between(&BTreeSet::new(), &beyond, sided),
            Some(a) if self.reached[a].is_disjoint(&beyond) => {
                self.closed_between(&self.reached[a], &beyond, sided)
            }
            Some(_) => 0,
        }
    }

    /// How many closed sets have all of `inside` and none of `outside`.
    fn closed_between(&self, inside: &BTreeSet<usize>, outside: &BTreeSet<usize>, sided: usize) -> u64 {
        let open = (0..sided).find(|a| !inside.contains(a) && !outside.contains(a));
        let Some(open) = open else { return 1 };
        let mut sets = 0;
        if self.reached[open].is_disjoint(outside) {
            sets += self.closed_between(&(inside | &self.reached[open]), outside, sided);
        }
        let reaching: BTreeSet<_> =
            (0..self.reached.len()).filter(|&a| self.reached[a].contains(&open)).collect();
        if reaching.is_disjoint(inside) {
            sets += self.closed_between(inside, &(outside | &reaching), sided);
        }
        sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::links;

    /// The same by building each split.
    fn enumerated(seats: usize, severed: &BTreeSet<(SeatId, SeatId)>) -> u64 {
        let all: Vec<_> = (0..seats as u32).map(SeatId).collect();
        let mut count = 0;
        for mask in 1..(1_u64 << seats.min(SIDED_MAX)) - 1 {
            let (a, b): (Vec<_>, Vec<_>) =
                all.iter().partition(|s| mask.checked_shr(s.0).unwrap_or(0) & 1 == 1);
            let is_new = |one_way| !links(&a, &b, one_way).iter().all(|link| severed.contains(link));
            count += u64::from(mask & 1 == 1 && is_new(false)) + u64::from(is_new(true));
        }
        count
    }

    #[test]
    fn splits_are_counted_as_if_each_were_built() {
        let mut random = crate::Random::new(7);
        let mut differing = BTreeSet::new();
        for seats in 0..=6 {
            let all: Vec<_> = (0..seats as u32).map(SeatId).collect();
            for density in [0, 30, 60, 90, 100] {
                for _ in 0..20 {
                    let pairs = links(&all, &all, true);
                    let severed = pairs.into_iter().filter(|_| random.below(100) < density).collect();
                    let counted = count(seats, &severed);
                    assert_eq!(counted, enumerated(seats, &severed), "{seats} {severed:?}");
                    differing.insert(counted);
                }
            }
        }
        assert!(differing.len() > 20, "{differing:?}");
    }

    #[test]
    fn more_seats_than_take_sides_are_counted_alike() {
        for seats in [16, 17] {
            let all: Vec<_> = (0..seats as u32).map(SeatId).collect();
            let (a, b) = all.split_at(5);
            for severed in [vec![], links(a, b, false), links(b, a, true), links(&all, &all, true)] {
                let severed = severed.into_iter().collect();
                assert_eq!(count(seats, &severed), enumerated(seats, &severed), "{seats}");
            }
        }
    }
}
