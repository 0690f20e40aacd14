//! Means with their standard errors, quantiles, integrals.

/// A sample, as far as its mean is concerned (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    count: u64,
    mean: f64,
    /// The sum of squared deviations.
    squares: f64,
}

impl Sample {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// The mean and its standard error.
    pub(crate) fn mean(&self) -> (f64, f64) {
        let n = self.count as f64;
        let variance = if self.count > 1 { self.squares / (n - 1.0) } else { 0.0 };
        (self.mean, libm::sqrt(variance / n))
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sample = Self::default();
        values.into_iter().for_each(|value| sample.add(value));
        sample
    }
}

/// A share of `samples`, and its standard error; where it came out as none or all, that of one sample more.
pub(crate) fn share(hits: u64, samples: u64) -> (f64, f64) {
    let n = samples as f64;
    let share = hits as f64 / n;
    let spread = share.clamp(1.0 / n, 1.0 - 1.0 / n);
    (share, libm::sqrt(spread * (1.0 - spread) / n))
}

/// The value below which this share of `sorted` lies, and the standard error of that, from the distance of the quantiles one
/// standard deviation of the share away.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> (f64, f64) {
    let n = sorted.len() as f64;
    let at = |share: f64| sorted[((share * n) as usize).min(sorted.len() - 1)];
    let deviation = libm::sqrt(share * (1.0 - share) / n);
    (at(share), (at((share + deviation).min(1.0)) - at((share - deviation).max(0.0))) / 2.0)
}

/// The integral of a smooth function between two ends, within about `error`: Simpson's rule, with halves of an interval
/// as long as they make a difference. Just inside of the ends, so that a jump there is no part of it.
pub(crate) fn integral(f: &impl Fn(f64) -> f64, (from, to): (f64, f64), error: f64) -> f64 {
    let inset = (to - from) * 1e-12;
    let (from, to) = (from + inset, to - inset);
    if to <= from {
        return 0.0;
    }
    let middle = f64::midpoint(from, to);
    let values = [f(from), f(middle), f(to)];
    halves(f, (from, to), values, error, 40)
}

fn halves(
    f: &impl Fn(f64) -> f64,
    (from, to): (f64, f64),
    [a, m, b]: [f64; 3],
    error: f64,
    depth: u32,
) -> f64 {
    let (middle, width) = (f64::midpoint(from, to), to - from);
    let (left, right) = (f(f64::midpoint(from, middle)), f(f64::midpoint(middle, to)));
    let whole = width / 6.0 * (a + 4.0 * m + b);
    let both = width / 12.0 * (a + 4.0 * left + 2.0 * m + 4.0 * right + b);
    let difference = both - whole;
    // a peak between the points would not be seen: the first few times nothing is taken for smooth
    if depth == 0 || (depth < 35 && difference.abs() < 15.0 * error) {
        return both + difference / 15.0;
    }
    halves(f, (from, middle), [a, left, m], error / 2.0, depth - 1)
        + halves(f, (middle, to), [m, right, b], error / 2.0, depth - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_mean_is_its_deviation_by_the_root_of_the_number() {
        let sample: Sample = [1.0, 2.0, 3.0, 4.0].into_iter().collect();
        let (mean, error) = sample.mean();
        assert!((mean - 2.5).abs() < 1e-12 && (error - libm::sqrt(5.0 / 3.0 / 4.0)).abs() < 1e-12);
    }

    #[test]
    fn integrals_are_those_of_the_textbook() {
        let peak = |x: f64| 1.0 / (1e-4 + x * x);
        let known = 2.0 * 100.0 * libm::atan(100.0);
        assert!((integral(&peak, (-1.0, 1.0), 1e-6) - known).abs() < 1e-4);
        assert!((integral(&libm::exp, (0.0, 1.0), 1e-10) - (libm::exp(1.0) - 1.0)).abs() < 1e-9);
        assert!(integral(&libm::exp, (1.0, 1.0), 1e-10).abs() < 1e-12);
    }

    #[test]
    fn a_quantile_of_evenly_spread_values_is_its_share() {
        let sorted: Vec<f64> = (0..1000).map(|k| f64::from(k) / 1000.0).collect();
        let (median, error) = quantile(&sorted, 0.5);
        assert!((median - 0.5).abs() < 2e-3 && (error - libm::sqrt(0.25 / 1000.0)).abs() < 2e-3);
    }
}
