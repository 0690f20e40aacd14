//! How long to wait for an acknowledgement before sending again: an estimate from the round trips measured, doubled each time
//! that it was too short (Paxson, Allman, Chu, Sargent 2011: RFC 6298; the estimator is Jacobson's, 1988).
//!
//! Whoever retransmits asks [`RetransmissionTimeout::current`], tells it of each round trip that it measured
//! ([`RetransmissionTimeout::measured`]; never of a message that was sent twice, for nobody knows which copy was
//! acknowledged: Karn, Partridge 1987), and of each time that it expired ([`RetransmissionTimeout::expired`]).
//! All in whole nanoseconds: the same on every machine.

use synod_model::prelude::*;

/// The constants of the estimator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// The timeout before any round trip is measured: 1 s.
    #[serde(with = "synod_model::duration")]
    pub initial: Duration,
    /// The least timeout that a measurement gives: 1 s.
    #[serde(with = "synod_model::duration")]
    pub min: Duration,
    /// The longest timeout, at least 60 s.
    #[serde(with = "synod_model::duration")]
    pub max: Duration,
    /// G: the clock's granularity.
    #[serde(with = "synod_model::duration")]
    pub granularity: Duration,
}

impl Default for Constants {
    /// Those of the RFC, with a clock of one millisecond.
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { initial: second, min: second, max: 60 * second, granularity: Duration::from_millis(1) }
    }
}

/// The estimate and the timeout that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RetransmissionTimeout {
    constants: Constants,
    /// SRTT and RTTVAR: the smoothed round trip, and how much it varies.
    estimate: Option<(Duration, Duration)>,
    /// RTO.
    timeout: Duration,
}

impl RetransmissionTimeout {
    /// Before any measurement (2.1).
    pub fn new(constants: Constants) -> Self {
        Self { constants, estimate: None, timeout: constants.initial }
    }

    /// RTO: how long to wait now.
    pub fn current(&self) -> Duration {
        self.timeout
    }

    /// SRTT, once there was a measurement.
    pub fn smoothed(&self) -> Option<Duration> {
        self.estimate.map(|(smoothed, _)| smoothed)
    }

    /// A round trip took this long (2.2, 2.3): alpha = 1/8, beta = 1/4, K = 4.
    pub fn measured(&mut self, round_trip: Duration) {
        let (smoothed, varies) = match self.estimate {
            None => (round_trip, round_trip / 2),
            // RTTVAR first: it is made with the SRTT before this measurement
            Some((smoothed, varies)) => {
                ((7 * smoothed + round_trip) / 8, (3 * varies + smoothed.abs_diff(round_trip)) / 4)
            }
        };
        self.estimate = Some((smoothed, varies));
        let Constants { min, max, granularity, .. } = self.constants;
        self.timeout = (smoothed + granularity.max(4 * varies)).max(min).min(max);
    }

    /// It expired (5.5): the timer is backed off.
    pub fn expired(&mut self) {
        self.timeout = (2 * self.timeout).min(self.constants.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measurement_r_gives_r_and_half_of_it() {
        let mut timeout = RetransmissionTimeout::new(Constants::default());
        assert_eq!(timeout.current(), Duration::from_secs(1));
        timeout.measured(Duration::from_millis(500));
        assert_eq!(timeout.smoothed(), Some(Duration::from_millis(500)));
        assert_eq!(timeout.current(), Duration::from_millis(1500));
    }

    #[test]
    fn backing_off_doubles_up_to_the_limit() {
        let mut timeout = RetransmissionTimeout::new(Constants::default());
        let seconds: Vec<_> = std::iter::repeat_with(|| {
            let now = timeout.current().as_secs();
            timeout.expired();
            now
        })
        .take(8)
        .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
