//! Samples, exactly: all of them, in order.

/// The confidence of what is said of all that could have been sampled.
pub const CONFIDENCE: f64 = 0.95;

/// So many nanoseconds each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples(Vec<u64>);

impl Samples {
    pub(super) fn push(&mut self, sample: u64) {
        self.0.push(sample);
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least of them that this share of all does not exceed; of 1 the greatest.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (share.clamp(0.0, 1.0) * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied()
    }

    /// How many are greater.
    pub fn above(&self, bound: u64) -> u64 {
        (self.0.len() - self.0.partition_point(|&sample| sample <= bound)) as u64
    }

    /// The least sample that this share of all that could be sampled does not exceed, with [`CONFIDENCE`] and whatever their
    /// distribution, if they are independent; there are `beyond` more, greater than all. None if there are too few to tell: see
    /// [`needed`].
    pub fn bound(&self, share: f64, beyond: u64) -> Option<u64> {
        let may_exceed = exceeding(self.len() + beyond, share)?.checked_sub(beyond)?;
        let rank = self.len().checked_sub(may_exceed)?.checked_sub(1)?;
        self.0.get(rank as usize).copied()
    }
}

/// How many samples it takes for the greatest of them to bound this share of all.
pub fn needed(share: f64) -> u64 {
    let needed = ((1.0 - CONFIDENCE).ln() / share.ln()).ceil();
    if needed.is_finite() { needed.max(1.0) as u64 } else { u64::MAX }
}

/// Of so many samples, how many may exceed what is said to bound this share of all: the greatest number m such that, if the
/// share were exceeded more often than that, m or fewer of the samples would with probability 1 - [`CONFIDENCE`] at most.
fn exceeding(samples: u64, share: f64) -> Option<u64> {
    let n = samples as f64;
    let odds = ((1.0 - share) / share).ln();
    // the binomial distribution, its probabilities as logarithms: the first of them may be tiny
    let (mut probability, mut all, mut m) = (n * share.ln(), 0.0, 0.0);
    while m <= n {
        all += f64::exp(probability);
        if all > 1.0 - CONFIDENCE {
            return (m >= 1.0).then(|| m as u64 - 1);
        }
        probability += ((n - m) / (m + 1.0)).ln() + odds;
        m += 1.0;
    }
    None
}

/// The greatest share of all that breaks a bound that none of so many samples broke, at 95 % confidence: the rule of three.
pub fn rule_of_three(samples: u64) -> f64 {
    if samples == 0 { 1.0 } else { (3.0 / samples as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let samples = Samples((1..=1000).collect());
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|q| samples.quantile(q).unwrap()), [1, 500, 990, 1000]);
        assert_eq!((samples.above(990), samples.above(0), samples.above(1000)), (10, 1000, 0));
        assert_eq!(Samples::default().quantile(0.5), None);
    }

    /// By the tables of Wilks: 59 samples for 95 %, 299 for 99 %; 93 if one may exceed it.
    #[test]
    fn the_greatest_of_enough_samples_bounds_a_share() {
        assert_eq!([0.95, 0.99, 0.999].map(needed), [59, 299, 2995]);
        assert_eq!((exceeding(58, 0.95), exceeding(59, 0.95)), (None, Some(0)));
        assert_eq!((exceeding(92, 0.95), exceeding(93, 0.95)), (Some(0), Some(1)));
        assert_eq!(exceeding(1_000_000, 0.99), Some(9836));
        let samples = Samples((1..=93).collect());
        assert_eq!((samples.bound(0.95, 0), samples.bound(0.99, 0)), (Some(92), None));
        assert_eq!((samples.bound(0.95, 1), samples.bound(0.95, 2)), (Some(93), None));
        assert_eq!((rule_of_three(0), rule_of_three(300)), (1.0, 0.01));
    }
}
