//! Losses in bursts: a link is good or bad, and loses more where it is bad (Gilbert 1960, Elliott 1963).

use super::{Fits, Unfit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use synod_kernel::{Probability, Random};

/// The chain of Gilbert and Elliott, a step for each message that arrives over the link.
///
/// A share good_to_bad / (good_to_bad + bad_to_good) of the messages meets a bad link, for 1 / bad_to_good messages
/// in a row on average. Of those it loses `bad`, of the others `good`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// The chance that a good link is bad for the next message.
    #[serde(default)]
    pub good_to_bad: Probability,
    /// The chance that a bad link is good again for the next one.
    #[serde(default = "certain")]
    pub bad_to_good: Probability,
    /// How likely a message is lost by a good link.
    #[serde(default)]
    pub good: Probability,
    /// How likely one is lost by a bad link.
    #[serde(default = "certain")]
    pub bad: Probability,
}

fn certain() -> Probability {
    Probability::per_million(1_000_000)
}

impl Bursts {
    pub(super) fn fits(&self) -> Fits {
        if self.good_to_bad != Probability::ZERO
            && self.bad_to_good == Probability::ZERO
            && self.bad == certain()
        {
            return Err(Unfit::new(
                "`loss`: a link that is bad stays so and loses everything, for ever",
                "raise `loss.bad_to_good` above 0, or lower `loss.bad` below 1",
            ));
        }
        Ok(())
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// Lost while the link was bad.
    LostInBurst,
}

/// The links that are bad.
#[derive(Clone, Debug, Default)]
pub(super) struct BadLinks(BTreeSet<(u32, u32)>);

impl BadLinks {
    /// The next message arrives over a link.
    pub(super) fn next(&mut self, bursts: &Bursts, link: (u32, u32), random: &mut Random) -> Fate {
        let was_bad = self.0.contains(&link);
        let turns = if was_bad { bursts.bad_to_good } else { bursts.good_to_bad };
        let is_bad = was_bad != random.chance(turns.parts_per_million());
        if is_bad != was_bad {
            if is_bad {
                self.0.insert(link)
            } else {
                self.0.remove(&link)
            };
        }
        let lost = if is_bad { bursts.bad } else { bursts.good };
        match (random.chance(lost.parts_per_million()), is_bad) {
            (false, _) => Fate::Kept,
            (true, false) => Fate::Lost,
            (true, true) => Fate::LostInBurst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stationary_loss_rate_and_the_length_of_bursts_are_those_of_the_chain() {
        let share = |parts| Probability::per_million(parts);
        let bursts = Bursts {
            good_to_bad: share(20_000),
            bad_to_good: share(200_000),
            good: share(1_000),
            bad: share(800_000),
        };
        let (mut links, mut random) = (BadLinks::default(), Random::new(5));
        let (mut lost, mut bad, mut runs) = (0_u32, 0_u32, 0_u32);
        let mut was_bad = false;
        const MESSAGES: u32 = 400_000;
        for _ in 0..MESSAGES {
            let fate = links.next(&bursts, (0, 1), &mut random);
            lost += u32::from(fate != Fate::Kept);
            let is_bad = links.0.contains(&(0, 1));
            bad += u32::from(is_bad);
            runs += u32::from(is_bad && !was_bad);
            was_bad = is_bad;
        }
        // the chain's stationary distribution: p / (p + r) = 1/11 of the messages meet a bad link
        let near = |found: f64, computed: f64, tolerance: f64| {
            assert!((found - computed).abs() < tolerance * computed, "{found} is not {computed}");
        };
        near(f64::from(lost) / f64::from(MESSAGES), 10.0 / 11.0 * 0.001 + 1.0 / 11.0 * 0.8, 0.03);
        near(f64::from(bad) / f64::from(MESSAGES), 1.0 / 11.0, 0.03);
        near(f64::from(bad) / f64::from(runs), 5.0, 0.03);
    }
}
