//! Numbers that are known to lie between two others.

use std::fmt;

/// A number that is known to lie between `low` and `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound; infinite where none was found.
    pub high: f64,
}

impl Interval {
    /// Exactly this.
    pub const fn exactly(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// Whether `value` lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// How far its bounds are apart.
    pub fn width(self) -> f64 {
        if self.low.to_bits() == self.high.to_bits() { 0.0 } else { self.high - self.low }
    }
}

/// Printed are the decimals on which both bounds, rounded, agree: at most 12 of them.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DECIMALS_MAX: usize = 12;
        if self.low.is_infinite() {
            return f.write_str("infinite");
        }
        if self.high.is_infinite() {
            return write!(f, "at least {}", self.low);
        }
        let rounded = |value: f64, decimals: usize| format!("{value:.decimals$}");
        let agreed = (0..=DECIMALS_MAX).rev().find(|&d| rounded(self.low, d) == rounded(self.high, d));
        match agreed {
            None => write!(f, "{} to {}", self.low, self.high),
            Some(_) if self.width() == 0.0 => write!(f, "{}", self.low),
            Some(decimals) => f.write_str(&rounded(self.low, decimals)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certain_decimals_are_printed() {
        let text = |low, high| Interval { low, high }.to_string();
        assert_eq!(text(0.333_333, 0.333_334), "0.33333");
        assert_eq!(text(0.25, 0.25), "0.25");
        assert_eq!(text(1.4, 1.6), "1.4 to 1.6");
        assert_eq!(text(74.999_999_9, 75.000_000_1), "75.000000");
        assert_eq!(text(3.0, f64::INFINITY), "at least 3");
        assert_eq!(text(f64::INFINITY, f64::INFINITY), "infinite");
    }
}
