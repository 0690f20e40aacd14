//! Time in exact units, and clocks that drift.

use std::fmt;
use std::time::Duration;

const MILLION: u128 = 1_000_000;

/// A span of time, in the parts of a nanosecond that a world's [`Clocks`] count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u128);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// Both, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it after `elapsed`.
    #[must_use]
    pub fn after(self, elapsed: Self) -> Self {
        Self(self.0.saturating_sub(elapsed.0))
    }
}

/// How fast a process's clock runs, against real time: an extreme of what drift allows, or exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// 1 - rho.
    Slow,
    /// 1.
    #[default]
    Exact,
    /// 1 + rho.
    Fast,
}

/// Real time and local time in units so small that no clock's rate makes a fraction of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    drift_ppm: u32,
    /// Units in a nanosecond: the least number that each rate divides.
    per_nanosecond: u128,
}

impl Clocks {
    /// Clocks that drift by at most this much.
    ///
    /// # Errors
    /// If a clock could stand still.
    pub fn new(drift_ppm: u32) -> Result<Self, String> {
        if u128::from(drift_ppm) >= MILLION {
            return Err(format!("a drift of {drift_ppm} ppm: such a clock may stand still"));
        }
        let mut this = Self { drift_ppm, per_nanosecond: 1 };
        for &rate in this.rates() {
            let parts = this.parts(rate);
            let reduced = parts / greatest_common_divisor(parts, MILLION);
            this.per_nanosecond *= reduced / greatest_common_divisor(this.per_nanosecond, reduced);
        }
        Ok(this)
    }

    /// The rates at which a clock may run.
    pub fn rates(self) -> &'static [Rate] {
        if self.drift_ppm == 0 { &[Rate::Exact] } else { &[Rate::Slow, Rate::Exact, Rate::Fast] }
    }

    /// Local nanoseconds in a million real ones.
    fn parts(self, rate: Rate) -> u128 {
        match rate {
            Rate::Slow => MILLION - u128::from(self.drift_ppm),
            Rate::Exact => MILLION,
            Rate::Fast => MILLION + u128::from(self.drift_ppm),
        }
    }

    /// Real time.
    pub fn real(self, duration: Duration) -> Span {
        Span(duration.as_nanos().saturating_mul(self.per_nanosecond))
    }

    /// The real time in which a clock of this rate advances by so much.
    pub fn local(self, duration: Duration, rate: Rate) -> Span {
        // whole, since the reduced rate divides the units in a nanosecond
        Span(duration.as_nanos().saturating_mul(self.per_nanosecond * MILLION / self.parts(rate)))
    }

    /// What `span` is, for a reader.
    pub fn show(self, span: Span) -> Elapsed {
        Elapsed { units: span.0, per_nanosecond: self.per_nanosecond }
    }
}

/// A span of time with its unit, so that it can be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elapsed {
    units: u128,
    per_nanosecond: u128,
}

impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.units / self.per_nanosecond;
        let duration = u64::try_from(whole).map_or(Duration::MAX, Duration::from_nanos);
        let parts = self.units % self.per_nanosecond;
        match (whole, parts) {
            (_, 0) => write!(f, "{duration:?}"),
            (0, parts) => write!(f, "{parts}/{} ns", self.per_nanosecond),
            (_, parts) => write!(f, "{duration:?} + {parts}/{} ns", self.per_nanosecond),
        }
    }
}

pub(crate) fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clock_makes_whole_units_of_every_nanosecond() {
        for ppm in [0, 1, 100, 10_000, 100_000, 200_000, 333_333, 999_999] {
            let clocks = Clocks::new(ppm).unwrap();
            for &rate in clocks.rates() {
                let Span(real) = clocks.local(Duration::from_nanos(7), rate);
                assert_eq!(real * clocks.parts(rate), 7 * MILLION * clocks.per_nanosecond, "{ppm} {rate:?}");
            }
        }
        assert!(Clocks::new(1_000_000).is_err());
    }

    #[test]
    fn a_fifth_of_drift_needs_twelve_parts_of_a_nanosecond() {
        let clocks = Clocks::new(200_000).unwrap();
        assert_eq!(clocks.per_nanosecond, 12);
        let ten = Duration::from_nanos(10);
        assert_eq!(
            clocks.rates().iter().map(|&r| clocks.local(ten, r).0).collect::<Vec<_>>(),
            [150, 120, 100]
        );
        assert_eq!(format!("{:?}", clocks.show(clocks.local(ten, Rate::Slow))), "12ns + 6/12 ns");
    }
}
