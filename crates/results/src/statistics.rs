//! Means with their standard errors, and quantiles.

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

    /// The standard deviation.
    pub(crate) fn deviation(&self) -> f64 {
        libm::sqrt(self.squares / (self.count.max(2) - 1) as f64)
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
    fn a_quantile_of_evenly_spread_values_is_its_share() {
        let sorted: Vec<f64> = (0..1000).map(|k| f64::from(k) / 1000.0).collect();
        let (median, error) = quantile(&sorted, 0.5);
        assert!((median - 0.5).abs() < 2e-3 && (error - libm::sqrt(0.25 / 1000.0)).abs() < 2e-3);
    }
}
