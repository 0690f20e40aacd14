//! A number of ours beside the published one.

use serde::Serialize;
use std::fmt;

/// How close is close enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tolerance {
    /// Half a unit of the last digit that was printed.
    Printed,
    /// This share of the published number.
    Share(f64),
    /// So much more or less.
    Absolute(f64),
    /// So many times the published number, or one so-manieth of it.
    Factor(f64),
    /// Four standard deviations of ours, and half a unit of the last digit printed.
    FourSigma,
}

/// How ours was computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// By this formula.
    Exact(&'static str),
    /// By looking at all of these.
    Enumeration(String),
    /// By the mean of samples, drawn from a law, of which there were so many.
    MonteCarlo {
        /// How many.
        samples: u64,
    },
    /// By runs of the library's processes in the simulator.
    Simulated {
        /// Which algorithm, by its page in the library.
        algorithm: &'static str,
        /// n.
        processes: u32,
        /// How many runs.
        runs: u64,
    },
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(formula) => write!(f, "exact: {formula}"),
            Self::Enumeration(of) => write!(f, "enumeration: {of}"),
            Self::MonteCarlo { samples } => write!(f, "Monte Carlo, {samples} samples"),
            Self::Simulated { algorithm, processes, runs } => {
                write!(f, "simulated processes: {algorithm}, n = {processes}, {runs} runs")
            }
        }
    }
}

/// A number of ours beside the published one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Of what.
    pub what: String,
    /// As it was printed.
    pub published: String,
    /// What came out here.
    pub ours: f64,
    /// The standard error of ours: 0 where it is exact.
    pub standard_error: f64,
    /// How close is close enough.
    pub tolerance: Tolerance,
    /// What is added to the tolerance since there are few samples.
    pub sampling: f64,
    /// How ours was computed.
    pub how: How,
}

impl Finding {
    /// An exact number beside a printed one.
    pub(crate) fn exact(what: impl Into<String>, published: impl Into<String>, ours: f64, how: How) -> Self {
        Self {
            what: what.into(),
            published: published.into(),
            ours,
            standard_error: 0.0,
            tolerance: Tolerance::Printed,
            sampling: 0.0,
            how,
        }
    }

    /// An estimate and its standard error beside a printed number.
    pub(crate) fn estimate(
        what: impl Into<String>,
        published: impl Into<String>,
        (ours, standard_error): (f64, f64),
        tolerance: Tolerance,
        how: How,
    ) -> Self {
        Self { standard_error, tolerance, ..Self::exact(what, published, ours, how) }
    }

    /// Adds four standard deviations to the tolerance.
    pub(crate) fn allow_for_sampling(&mut self) {
        if self.tolerance != Tolerance::FourSigma {
            self.sampling = 4.0 * self.standard_error;
        }
    }

    /// The published number.
    ///
    /// # Panics
    /// If what was printed is no number: a mistake in the catalogue.
    pub fn number(&self) -> f64 {
        self.published.parse().unwrap_or_else(|_| panic!("{:?} is no number", self.published))
    }

    /// From where to where ours may lie.
    pub fn range(&self) -> (f64, f64) {
        let published = self.number();
        let around = |by: f64| (published - by, published + by);
        let printed = || half_a_unit(&self.published) * (1.0 + 1e-9);
        let (low, high) = match self.tolerance {
            Tolerance::Printed => around(printed()),
            Tolerance::Share(share) => around(share * published.abs()),
            Tolerance::Absolute(by) => around(by),
            Tolerance::Factor(factor) => (published / factor, published * factor),
            Tolerance::FourSigma => around(4.0 * self.standard_error + printed()),
        };
        (low - self.sampling, high + self.sampling)
    }

    /// Whether ours is close enough.
    pub fn agrees(&self) -> bool {
        let (low, high) = self.range();
        (low..=high).contains(&self.ours)
    }
}

/// Half of what the last digit of a printed number counts.
fn half_a_unit(printed: &str) -> f64 {
    let (digits, exponent) = printed.split_once(['e', 'E']).unwrap_or((printed, "0"));
    let decimals =
        digits.split_once('.').map_or(0, |(_, decimals)| i32::try_from(decimals.len()).unwrap_or(i32::MAX));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    0.5 * libm::pow(10.0, f64::from(exponent - decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(published: &str, ours: f64) -> Finding {
        Finding::exact("x", published, ours, How::Exact("x"))
    }

    #[test]
    fn what_was_printed_says_how_close_it_is_to_what_was_meant() {
        for (printed, half) in
            [("1.7", 0.05), (".0979", 5e-5), ("1.88e-6", 5e-9), ("12", 0.5), ("3e-4", 5e-5)]
        {
            assert!((half_a_unit(printed) / half - 1.0).abs() < 1e-9, "{printed}");
        }
        assert!(exact(".5556", 5.0 / 9.0).agrees() && !exact(".5555", 5.0 / 9.0).agrees());
    }

    #[test]
    fn each_tolerance_has_its_range() {
        let of = |tolerance| Finding { tolerance, standard_error: 0.1, ..exact("2", 2.2) };
        assert!(of(Tolerance::Share(0.11)).agrees() && !of(Tolerance::Share(0.09)).agrees());
        assert!(of(Tolerance::Absolute(0.3)).agrees() && !of(Tolerance::Absolute(0.1)).agrees());
        assert!(of(Tolerance::Factor(1.2)).agrees() && !of(Tolerance::Factor(1.05)).agrees());
        assert!(of(Tolerance::FourSigma).agrees());
        let mut few = of(Tolerance::Share(0.01));
        few.allow_for_sampling();
        assert!(few.agrees(), "0.02 and four times 0.1");
        few.ours = 2.5;
        assert!(!few.agrees());
    }
}
