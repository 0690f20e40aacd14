//! What is kept of every directed link, where there may be too many of them to keep something of each.

use std::collections::BTreeMap;
use synod_kernel::SeatId;

/// Up to this many seats every link has a place of its own in a table.
const SEATS_IN_TABLE: usize = 256;

fn in_table(seats: usize) -> Option<Vec<u64>> {
    (seats <= SEATS_IN_TABLE).then(|| vec![0; seats * seats])
}

/// The instant of the last arrival over each link: what queues are made of.
#[derive(Debug)]
pub(crate) struct LastArrivals {
    seats: usize,
    table: Option<Vec<u64>>,
    /// Those that lie ahead, and some that do not any more.
    ahead: BTreeMap<(SeatId, SeatId), u64>,
    /// How many there may be before those that do not are dropped.
    limit: usize,
}

impl LastArrivals {
    pub(crate) fn new(seats: usize) -> Self {
        Self { seats, table: in_table(seats), ahead: BTreeMap::new(), limit: 1 << 16 }
    }

    /// The first instant from `arrival` on that is not before the last arrival; it is the last one now.
    #[inline]
    pub(crate) fn queue(&mut self, now: u64, from: SeatId, to: SeatId, arrival: u64) -> u64 {
        let last = if let Some(table) = &mut self.table {
            &mut table[from.index() * self.seats + to.index()]
        } else {
            if self.ahead.len() >= self.limit {
                self.ahead.retain(|_, last| *last > now);
                self.limit = (2 * self.ahead.len()).max(1 << 16);
            }
            self.ahead.entry((from, to)).or_default()
        };
        *last = arrival.max(*last);
        *last
    }
}

/// The number of the youngest message that arrived over each link, to count those that arrive after it.
///
/// Of more than 2^16 links, those that share a place displace each other: then a reordering may go uncounted.
#[derive(Debug)]
pub(crate) struct Youngest {
    seats: usize,
    table: Option<Vec<u64>>,
    /// Each with the link whose number it is.
    shared: Vec<((SeatId, SeatId), u64)>,
}

const SHARED_BITS: u32 = 16;

impl Youngest {
    pub(crate) fn new(seats: usize) -> Self {
        let table = in_table(seats);
        let shared = if table.is_none() { vec![Default::default(); 1 << SHARED_BITS] } else { Vec::new() };
        Self { seats, table, shared }
    }

    /// A message of this number arrives: whether a younger one did so before it.
    #[inline]
    pub(crate) fn is_late(&mut self, from: SeatId, to: SeatId, number: u64) -> bool {
        let youngest = if let Some(table) = &mut self.table {
            &mut table[from.index() * self.seats + to.index()]
        } else {
            let link = u64::from(from.0) << 32 | u64::from(to.0);
            let place = link.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SHARED_BITS);
            let (of, youngest) = &mut self.shared[place as usize];
            if *of != (from, to) {
                (*of, *youngest) = ((from, to), 0);
            }
            youngest
        };
        let late = number < *youngest;
        *youngest = number.max(*youngest);
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_and_orders_are_those_of_the_link_in_small_worlds_and_in_large_ones() {
        for seats in [3, SEATS_IN_TABLE, SEATS_IN_TABLE + 1, 100_000] {
            let last = SeatId(seats as u32 - 1);
            let mut arrivals = LastArrivals::new(seats);
            let mut youngest = Youngest::new(seats);
            for (from, to) in [(SeatId(0), last), (last, SeatId(0)), (last, last)] {
                let at = [5, 3, 9].map(|arrival| arrivals.queue(1, from, to, arrival));
                assert_eq!(at, [5, 5, 9], "{seats} seats");
                let late = [4, 7, 6, 7, 8].map(|number| youngest.is_late(from, to, number));
                assert_eq!(late, [false, false, true, false, false], "{seats} seats");
            }
        }
    }

    #[test]
    fn links_whose_last_arrival_is_past_are_dropped() {
        let mut arrivals = LastArrivals::new(1_000_000);
        for k in 0..1_000_000_u32 {
            let now = u64::from(k);
            assert_eq!(arrivals.queue(now, SeatId(0), SeatId(k), now + 10), now + 10);
        }
        assert!(arrivals.ahead.len() <= 1 << 16);
        let again = SeatId(999_999);
        assert_eq!(arrivals.queue(1_000_000, SeatId(0), again, 1_000_001), 1_000_009);
    }
}
