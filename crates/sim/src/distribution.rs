//! Distributions of durations and of keys, drawn from a seed: the same values on every machine, for they use `libm` alone.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use synod_kernel::Random;
use synod_kernel::environment::duration;

/// How long something takes. In files: `{ kind = "exponential", mean = "5ms" }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Constant {
        /// So long.
        #[serde(with = "duration")]
        value: Duration,
    },
    /// Any value between two, both included, equally likely.
    Uniform {
        /// The shortest.
        #[serde(with = "duration")]
        min: Duration,
        /// The longest.
        #[serde(with = "duration")]
        max: Duration,
    },
    /// Memoryless: what comes at a constant rate.
    Exponential {
        /// Its mean.
        #[serde(with = "duration")]
        mean: Duration,
    },
    /// A power law: P(X > x) = (scale / x)^shape for x above `scale`.
    Pareto {
        /// The shortest.
        #[serde(with = "duration")]
        scale: Duration,
        /// How thin the tail is; the mean is infinite for 1 and less.
        shape: f64,
    },
    /// Its logarithm is normal.
    LogNormal {
        /// Half are shorter.
        #[serde(with = "duration")]
        median: Duration,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// One of several, by weight.
    Mixture {
        /// Which, how often each.
        of: Vec<Weighted>,
    },
    /// One after the other.
    Sum {
        /// Which.
        of: Vec<Distribution>,
    },
    /// A table of quantiles as measured, with straight lines between them.
    Empirical {
        /// The values, each with the share of what is at most as long: ascending, the last share 1.
        quantiles: Vec<Quantile>,
    },
}

/// A part of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// How often it is taken, relative to the others.
    pub weight: f64,
    /// What is drawn then.
    pub distribution: Distribution,
}

/// A point of a distribution function.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// The share of what is at most as long as `value`, in [0, 1].
    pub share: f64,
    /// The duration.
    #[serde(with = "duration")]
    pub value: Duration,
}

/// A number strictly between 0 and 1: 53 bits.
pub fn unit(random: &mut Random) -> f64 {
    ((random.bits() >> 11) as f64 + 0.5) * (1.0 / (1_u64 << 53) as f64)
}

/// A standard normal number (Box, Muller 1958; the sine of the pair is not used).
fn normal(random: &mut Random) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(unit(random)));
    radius * libm::cos(std::f64::consts::TAU * unit(random))
}

fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

impl Distribution {
    /// Between two durations, equally likely.
    pub fn uniform(min: Duration, max: Duration) -> Self {
        Self::Uniform { min, max }
    }

    /// Whether its parameters make sense.
    ///
    /// # Errors
    /// The first that does not, and why.
    pub fn fits(&self) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            (value.is_finite() && value > 0.0)
                .then_some(())
                .ok_or_else(|| format!("`{name}` = {value} is not a positive number"))
        };
        match self {
            Self::Uniform { min, max } if min > max => {
                let [min, max] = [*min, *max].map(duration::format);
                Err(format!("`min` = {min} exceeds `max` = {max}"))
            }
            Self::Constant { .. } | Self::Exponential { .. } | Self::Uniform { .. } => Ok(()),
            Self::Pareto { shape, .. } => positive("shape", *shape),
            Self::LogNormal { sigma, .. } => positive("sigma", *sigma),
            Self::Mixture { of } if of.is_empty() => Err("a mixture of nothing".to_owned()),
            Self::Mixture { of } => {
                of.iter().try_for_each(|part| positive("weight", part.weight).and(part.distribution.fits()))
            }
            Self::Sum { of } => of.iter().try_for_each(Self::fits),
            Self::Empirical { quantiles } => table_fits(quantiles),
        }
    }

    /// The shortest that it gives.
    pub fn min(&self) -> Duration {
        match self {
            Self::Constant { value } => *value,
            Self::Uniform { min, .. } => *min,
            Self::Exponential { .. } | Self::LogNormal { .. } => Duration::ZERO,
            Self::Pareto { scale, .. } => *scale,
            Self::Mixture { of } => of.iter().map(|p| p.distribution.min()).min().unwrap_or_default(),
            Self::Sum { of } => of.iter().map(Self::min).sum(),
            Self::Empirical { quantiles } => quantiles.first().map_or(Duration::ZERO, |q| q.value),
        }
    }

    /// The longest that it gives, if there is one.
    pub fn max(&self) -> Option<Duration> {
        match self {
            Self::Constant { value } => Some(*value),
            Self::Uniform { max, .. } => Some(*max),
            Self::Exponential { .. } | Self::LogNormal { .. } | Self::Pareto { .. } => None,
            Self::Mixture { of } => {
                of.iter().map(|p| p.distribution.max()).try_fold(Duration::ZERO, |a, b| Some(a.max(b?)))
            }
            Self::Sum { of } => of.iter().map(Self::max).try_fold(Duration::ZERO, |a, b| Some(a + b?)),
            Self::Empirical { quantiles } => quantiles.last().map(|q| q.value),
        }
    }

    /// A value, in nanoseconds; what is longer than 584 years is for ever.
    pub fn draw(&self, random: &mut Random) -> u64 {
        match self {
            Self::Constant { value } => crate::plan::nanos(*value),
            Self::Uniform { min, max } => {
                crate::ground::between(crate::plan::nanos(*min), crate::plan::nanos(*max), random)
            }
            Self::Exponential { mean } => (-nanos(*mean) * libm::log(unit(random))) as u64,
            Self::Pareto { scale, shape } => {
                (nanos(*scale) * libm::exp(-libm::log(unit(random)) / shape)) as u64
            }
            Self::LogNormal { median, sigma } => (nanos(*median) * libm::exp(sigma * normal(random))) as u64,
            Self::Mixture { of } => pick(of, random).draw(random),
            Self::Sum { of } => of.iter().fold(0, |sum: u64, d| sum.saturating_add(d.draw(random))),
            Self::Empirical { quantiles } => at(quantiles, unit(random)),
        }
    }
}

/// One of the parts, by weight.
fn pick<'a>(of: &'a [Weighted], random: &mut Random) -> &'a Distribution {
    let total: f64 = of.iter().map(|part| part.weight).sum();
    let mut left = unit(random) * total;
    for part in of {
        left -= part.weight;
        if left < 0.0 {
            return &part.distribution;
        }
    }
    &of.last().expect("a mixture of something").distribution
}

fn table_fits(quantiles: &[Quantile]) -> Result<(), String> {
    let ascends = quantiles.windows(2).all(|w| w[0].share <= w[1].share && w[0].value <= w[1].value);
    let shares = quantiles.iter().all(|q| (0.0..=1.0).contains(&q.share));
    match quantiles.last() {
        None => Err("a table without quantiles".to_owned()),
        Some(_) if !shares => Err("a share lies in [0, 1]".to_owned()),
        Some(_) if !ascends => Err("shares and values of quantiles ascend".to_owned()),
        #[expect(clippy::float_cmp, reason = "written as 1")]
        Some(last) if last.share != 1.0 => Err(format!("the last share is 1, not {}", last.share)),
        Some(_) => Ok(()),
    }
}

/// The value below which this share lies, in nanoseconds.
fn at(quantiles: &[Quantile], share: f64) -> u64 {
    let above = quantiles.partition_point(|q| q.share < share).min(quantiles.len() - 1);
    let high = quantiles[above];
    let Some(low) = above.checked_sub(1).map(|below| quantiles[below]) else {
        return nanos(high.value) as u64;
    };
    let width = high.share - low.share;
    let part = if width > 0.0 { (share - low.share) / width } else { 1.0 };
    (nanos(low.value) + part * (nanos(high.value) - nanos(low.value))) as u64
}

/// Zipf's law over `0..n`: the key of rank k, from 1 on, is drawn with a probability that is proportional to k^-exponent.
#[derive(Clone, Debug, PartialEq)]
pub struct Zipf {
    /// By rank: the share of this and the more frequent ones.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// The law over `n` keys; with an exponent of 0 all are equally likely.
    ///
    /// # Panics
    /// If there is no key.
    pub fn new(n: u32, exponent: f64) -> Self {
        assert!(n > 0, "a key is drawn from some");
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=n)
            .map(|rank| {
                sum += libm::exp(-exponent * libm::log(f64::from(rank)));
                sum
            })
            .collect();
        for share in &mut cumulative {
            *share /= sum;
        }
        Self { cumulative }
    }

    /// A key: 0 is the most frequent one.
    pub fn draw(&self, random: &mut Random) -> u32 {
        let share = unit(random);
        self.cumulative.partition_point(|&c| c < share).min(self.cumulative.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 100_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// In milliseconds, in ascending order.
    fn drawn(distribution: &Distribution) -> Vec<f64> {
        distribution.fits().expect("sound parameters");
        let mut random = Random::new(7);
        let mut all: Vec<_> = (0..DRAWS).map(|_| distribution.draw(&mut random) as f64 / 1e6).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// Holds drawn quantiles to computed ones, within four standard deviations of the share.
    fn holds_to(distribution: &Distribution, share_below: impl Fn(f64) -> f64) {
        let all = drawn(distribution);
        for share in [0.01, 0.1, 0.5, 0.9, 0.99] {
            let value = all[(share * f64::from(DRAWS)) as usize];
            let tolerance = 4.0 * libm::sqrt(share * (1.0 - share) / f64::from(DRAWS));
            let computed = share_below(value);
            assert!((computed - share).abs() < tolerance, "{distribution:?}: {computed} is not {share}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_laws() {
        holds_to(&Distribution::uniform(ms(2), ms(12)), |x| (x - 2.0) / 10.0);
        holds_to(&Distribution::Exponential { mean: ms(4) }, |x| 1.0 - libm::exp(-x / 4.0));
        holds_to(&Distribution::Pareto { scale: ms(3), shape: 1.5 }, |x| 1.0 - libm::pow(3.0 / x, 1.5));
        holds_to(&Distribution::LogNormal { median: ms(5), sigma: 0.7 }, |x| {
            0.5 * libm::erfc(-libm::log(x / 5.0) / 0.7 / libm::sqrt(2.0))
        });
        let quantiles = vec![
            Quantile { share: 0.0, value: ms(0) },
            Quantile { share: 0.5, value: ms(10) },
            Quantile { share: 1.0, value: ms(30) },
        ];
        holds_to(
            &Distribution::Empirical { quantiles },
            |x| if x < 10.0 { x / 20.0 } else { 0.25 + x / 40.0 },
        );
    }

    #[test]
    fn mixtures_are_weighted_and_sums_are_sums() {
        let [a, b] = [ms(1), ms(9)].map(|value| Distribution::Constant { value });
        let of = vec![
            Weighted { weight: 3.0, distribution: a.clone() },
            Weighted { weight: 1.0, distribution: b.clone() },
        ];
        let all = drawn(&Distribution::Mixture { of });
        let long = all.iter().filter(|&&x| x > 5.0).count() as f64 / f64::from(DRAWS);
        assert!((long - 0.25).abs() < 0.006, "{long}");
        let sum = Distribution::Sum { of: vec![a, b] };
        assert_eq!((drawn(&sum)[0], sum.min(), sum.max()), (10.0, ms(10), Some(ms(10))));
    }

    #[test]
    fn the_first_keys_of_a_zipf_law_are_as_frequent_as_it_says() {
        let (law, mut random) = (Zipf::new(100, 1.0), Random::new(3));
        let mut times = [0_u32; 100];
        (0..DRAWS).for_each(|_| times[law.draw(&mut random) as usize] += 1);
        let harmonic: f64 = (1..=100).map(|k| 1.0 / f64::from(k)).sum();
        for rank in [1_u32, 2, 10, 100] {
            let share = 1.0 / f64::from(rank) / harmonic;
            let sigma = libm::sqrt(share * (1.0 - share) * f64::from(DRAWS));
            let seen = f64::from(times[rank as usize - 1]);
            assert!((seen - share * f64::from(DRAWS)).abs() < 4.0 * sigma, "rank {rank}: {seen}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        let of = |text: &str| serde_json::from_str::<Distribution>(text).expect("well-formed").fits();
        for (text, why) in [
            (r#"{"kind": "uniform", "min": "3ms", "max": "1ms"}"#, "`min` = 3ms exceeds `max` = 1ms"),
            (r#"{"kind": "pareto", "scale": "1ms", "shape": 0}"#, "`shape` = 0 is not a positive number"),
            (r#"{"kind": "mixture", "of": []}"#, "a mixture of nothing"),
            (
                r#"{"kind": "empirical", "quantiles": [{"share": 0.5, "value": "1ms"}]}"#,
                "the last share is 1, not 0.5",
            ),
        ] {
            assert_eq!(of(text), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_seed_gives_the_same_values_everywhere() {
        let mut random = Random::new(1);
        let law = Distribution::LogNormal { median: ms(5), sigma: 0.7 };
        let first: Vec<u64> = (0..3).map(|_| law.draw(&mut random)).collect();
        assert_eq!(first, [2_791_332, 2_821_625, 7_228_613]);
    }
}
