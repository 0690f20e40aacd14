//! Good times and bad ones, and how long a good one must be.

use super::{Fits, Unfit, law_fits};
use crate::distribution::Distribution;
use crate::plan::Options;
use crate::simulation::Simulation;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use synod_kernel::{Environment, Probability, Random};

/// Good and bad periods, in turns for ever. In the good ones delays are what they are otherwise, and the bounds hold; what is under
/// way when one begins arrives as if it were sent then, or earlier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Periods {
    /// How long a good one lasts.
    pub good: Distribution,
    /// How long a bad one lasts.
    pub bad: Distribution,
    /// Which comes first.
    #[serde(default)]
    pub first: Phase,
    /// How long messages take in a bad one.
    pub delay: Distribution,
    /// How likely a message that arrives in a bad one is lost, where links may lose it.
    #[serde(default)]
    pub loss: Probability,
}

/// What times are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Bounds hold.
    Good,
    /// They do not.
    #[default]
    Bad,
}

impl Periods {
    pub(super) fn fits(&self, environment: &Environment) -> Fits {
        law_fits("periods.good", &self.good)?;
        law_fits("periods.bad", &self.bad)?;
        law_fits("periods.delay", &self.delay)?;
        let none = |law: &Distribution| law.max() == Some(Duration::ZERO);
        if none(&self.good) && none(&self.bad) {
            return Err(Unfit::new("`periods` that last no time", "say how long `good` and `bad` ones are"));
        }
        if self.loss != Probability::ZERO && !environment.links.losses.any() {
            return Err(Unfit::new(
                format!("`periods.loss` over {} links, of which none may be lost", environment.links.kind),
                "set `links.losses` of the environment, and `links.kind = \"fair-loss\"`",
            ));
        }
        Ok(())
    }
}

/// The shortest bad period, in nanoseconds.
const SHORTEST: u64 = 1_000;

/// Where a run is in its periods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) phase: Phase,
    /// When it began.
    pub(super) since: u64,
    /// When it ends.
    pub(super) until: u64,
}

impl Now {
    pub(super) fn start(periods: &Periods, random: &mut Random) -> Self {
        let before = match periods.first {
            Phase::Good => Phase::Bad,
            Phase::Bad => Phase::Good,
        };
        let mut now = Self { phase: before, since: 0, until: 0 };
        now.advance(0, periods, random);
        now
    }

    /// Goes on to the period in which `time` lies.
    pub(super) fn advance(&mut self, time: u64, periods: &Periods, random: &mut Random) {
        while self.until <= time {
            // a good period of no time is passed over; bad ones are not of no time for ever
            let (phase, lasts) = match self.phase {
                Phase::Good => (Phase::Bad, periods.bad.draw(random).max(SHORTEST)),
                Phase::Bad => (Phase::Good, periods.good.draw(random)),
            };
            *self = Self { phase, since: self.until, until: self.until.saturating_add(lasts) };
            if self.until == u64::MAX {
                return;
            }
        }
    }
}

/// What was found of one length of good periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// How many of the runs paid all that was owed.
    pub decided: u64,
    /// Of how many.
    pub runs: u64,
}

impl Tried {
    /// Whether all did.
    pub fn all(self) -> bool {
        self.decided == self.runs
    }
}

/// How many runs of these seeds end with nothing owed and nothing broken.
pub fn decided(simulation: &dyn Simulation, seeds: Range<u64>, options: &Options, threads: usize) -> Tried {
    let runs = seeds.end.saturating_sub(seeds.start);
    let (next, decided) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = simulation.run(seed, options);
                    let is_decided = outcome.violation.is_none() && outcome.owed.is_empty();
                    decided.fetch_add(u64::from(is_decided), Ordering::Relaxed);
                }
            });
        }
    });
    Tried { decided: decided.into_inner(), runs }
}

/// How long good periods must be for a protocol to come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GoodPeriod {
    /// The shortest length at which all runs decided, if there is one up to the longest that was tried.
    pub enough: Option<Duration>,
    /// The longest below it at which some run did not, if there is one.
    pub short: Option<(Duration, Tried)>,
    /// All that was tried, in order of length.
    pub tried: Vec<(Duration, Tried)>,
}

/// Looks by bisection for the shortest good period, up to `longest` and to within `precision`, at which all runs decide. `run` makes
/// the runs of a length. A longer period is taken to be no worse: where a run is luckier with a shorter one, what is found is
/// one border of several.
pub fn good_period(
    longest: Duration,
    precision: Duration,
    mut run: impl FnMut(Duration) -> Tried,
) -> GoodPeriod {
    let precision = precision.max(Duration::from_nanos(1));
    let mut tried = Vec::new();
    let mut attempt = |length: Duration| {
        let found = run(length);
        tried.push((length, found));
        found
    };
    let (mut short, mut enough) = (None, None);
    if attempt(longest).all() {
        let (mut low, mut high) = (Duration::ZERO, longest);
        while high.saturating_sub(low) > precision {
            let middle = low + high.saturating_sub(low) / 2;
            let found = attempt(middle);
            if found.all() {
                high = middle;
            } else {
                (low, short) = (middle, Some((middle, found)));
            }
        }
        enough = Some(high);
    }
    tried.sort_unstable_by_key(|(length, _)| *length);
    if enough.is_none() {
        short = tried.last().copied();
    }
    GoodPeriod { enough, short, tried }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_the_border() {
        let ms = Duration::from_millis;
        let found = good_period(ms(1_000), ms(1), |length| Tried {
            decided: if length >= ms(137) { 10 } else { 3 },
            runs: 10,
        });
        let enough = found.enough.expect("a second is enough");
        assert!(ms(137) <= enough && enough <= ms(138), "{enough:?}");
        assert!(found.short.expect("shorter ones are not").0 < ms(137));
        assert!(found.tried.len() < 15);
        let never = good_period(ms(1_000), ms(1), |_| Tried { decided: 3, runs: 10 });
        assert_eq!((never.enough, never.tried.len()), (None, 1));
    }

    #[test]
    fn periods_take_turns_with_the_lengths_that_they_are_given() {
        let of = |ms| Distribution::Constant { value: Duration::from_millis(ms) };
        let periods =
            Periods { good: of(30), bad: of(10), first: Phase::Bad, delay: of(5), loss: Probability::ZERO };
        let mut random = Random::new(0);
        let mut now = Now::start(&periods, &mut random);
        let bad: Vec<_> = (0..80)
            .filter(|&ms| {
                now.advance(ms * 1_000_000, &periods, &mut random);
                now.phase == Phase::Bad
            })
            .collect();
        assert_eq!(bad, (0..10).chain(40..50).collect::<Vec<_>>());
    }
}
