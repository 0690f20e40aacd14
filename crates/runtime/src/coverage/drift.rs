//! How two clocks go, from the messages that their owners exchange.
//!
//! A message from p to q that leaves at s by p's clock and arrives at r by q's shows that q's clock is ahead of p's by r - s at most:
//! it cannot have arrived before it left. One from q to p shows by how much at least. Two clocks that each go at a rate of their own
//! are apart by a line in time, below all of the former points and above all of the latter; the slopes that such lines can have are
//! what is known of their drift. Where there is no line, one of them jumped, or changed its rate.

/// In so many parts is the time cut in each of which the best message in each direction is kept.
const WINDOWS: usize = 128;

/// How two clocks went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// How many messages there were, in the direction that had fewer.
    pub exchanges: u64,
    /// Over which time, in nanoseconds.
    pub over: u64,
    /// How much faster the second of them went: between these, in parts per million. None where no two rates explain what was
    /// seen.
    pub ppm: Option<(f64, f64)>,
    /// How far the second of them was ahead at some time, at least and at most, in nanoseconds.
    pub ahead: (i64, i64),
}

impl Drift {
    /// So fast did they drift apart at least, in parts per million; infinitely, where one jumped.
    pub fn least(&self) -> f64 {
        self.ppm.map_or(f64::INFINITY, |(low, high)| low.max(-high).max(0.0))
    }

    /// So fast did they at most.
    pub fn most(&self) -> f64 {
        self.ppm.map_or(f64::INFINITY, |(low, high)| high.max(-low))
    }

    pub(super) fn tells_more_than(&self, other: &Self) -> bool {
        (self.least(), -self.most()) > (other.least(), -other.most())
    }
}

/// A time by p's clock, and how far q's was ahead then, at least or at most.
type Point = (i64, i64);

/// The messages that two processes exchanged.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchanges {
    at_most: Vec<Point>,
    at_least: Vec<Point>,
}

impl Exchanges {
    /// A message, from the first or from the second, by the clocks of its sender and of its receiver.
    pub(super) fn message(&mut self, from_first: bool, left: i64, arrived: i64) {
        if from_first {
            self.at_most.push((left, arrived.saturating_sub(left)));
        } else {
            self.at_least.push((arrived, left.saturating_sub(arrived)));
        }
    }

    /// How the two clocks went; none if messages went in one direction alone.
    pub(super) fn drift(&self) -> Option<Drift> {
        let times = || self.at_most.iter().chain(&self.at_least).map(|&(time, _)| time);
        let (begun, ended) = (times().min()?, times().max()?);
        let upper = best(&self.at_most, begun, ended, |new, old| new < old);
        let lower = best(&self.at_least, begun, ended, |new, old| new > old);
        let most = upper.iter().map(|&(_, ahead)| ahead).min()?;
        let least = lower.iter().map(|&(_, ahead)| ahead).max()?;
        Some(Drift {
            exchanges: self.at_most.len().min(self.at_least.len()) as u64,
            over: ended.abs_diff(begun),
            ppm: slopes(&upper, &lower),
            ahead: (least.min(most), most.max(least)),
        })
    }
}

/// In each window of time the point that says most.
fn best(points: &[Point], begun: i64, ended: i64, better: fn(i64, i64) -> bool) -> Vec<Point> {
    let length = ended.abs_diff(begun) / WINDOWS as u64 + 1;
    let mut windows: Vec<Option<Point>> = vec![None; WINDOWS];
    for &(time, ahead) in points {
        let window = &mut windows[((time.abs_diff(begun) / length) as usize).min(WINDOWS - 1)];
        if window.is_none_or(|(_, best)| better(ahead, best)) {
            *window = Some((time, ahead));
        }
    }
    windows.into_iter().flatten().collect()
}

/// The slopes that a line can have that is below all of `upper` and above all of `lower`: in parts per million.
fn slopes(upper: &[Point], lower: &[Point]) -> Option<(f64, f64)> {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for &(t, at_most) in upper {
        for &(u, at_least) in lower {
            let room = at_most.saturating_sub(at_least) as f64;
            match t.saturating_sub(u) {
                0 if room < 0.0 => return None,
                0 => {}
                later @ 1.. => high = high.min(room / later as f64),
                earlier => low = low.max(room / earlier as f64),
            }
        }
    }
    (low <= high).then_some((low * 1e6, high * 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of messages to and fro, each under way for this long, between clocks of which one is ahead by `ahead`.
    fn exchanged(delays: [i64; 2], ahead: impl Fn(i64) -> i64) -> Drift {
        let mut exchanges = Exchanges::default();
        for round in 0..1000 {
            let time = round * 1_000_000;
            exchanges.message(true, time, time + delays[0] + ahead(time + delays[0]));
            let back = time + 500_000;
            exchanges.message(false, back + ahead(back), back + delays[1]);
        }
        exchanges.drift().unwrap()
    }

    #[test]
    fn the_drift_of_a_clock_is_between_its_bounds() {
        let (low, high) = exchanged([20_000, 30_000], |time| 7_000_000 + time / 5_000).ppm.unwrap();
        assert!(low < 200.0 && 200.0 < high && high - low < 200.0, "{low} to {high}");
        let even = exchanged([20_000, 30_000], |_| 7_000_000);
        assert_eq!((even.exchanges, even.least()), (1000, 0.0));
        assert_eq!(even.ahead, (7_000_000 - 30_000, 7_000_000 + 20_000));
        assert!(even.most() < 100.0, "{}", even.most());
    }

    #[test]
    fn a_clock_that_jumps_goes_at_no_rate() {
        let jumps = exchanged([20_000, 30_000], |time| if time > 500_000_000 { 2_000_000_000 } else { 0 });
        // a jump of two seconds in one second might as well be a rate, were the rest not even
        assert_eq!(jumps.ppm, None);
        assert!(jumps.least().is_infinite() && jumps.tells_more_than(&exchanged([1, 1], |_| 0)));
    }

    #[test]
    fn one_direction_tells_nothing() {
        let mut exchanges = Exchanges::default();
        exchanges.message(true, 1, 2);
        assert_eq!(exchanges.drift(), None);
    }
}
