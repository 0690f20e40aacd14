//! The clock of a node, which its timers go by: that of the machine, unless it is told to jump or to drift.
//!
//! The instants in a node's record are not taken from it: they are the observer's, who sees all nodes by one clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};
use synod_model::duration;

/// The slowest and the fastest that a clock goes.
pub const RATES: std::ops::RangeInclusive<f64> = 0.001..=1000.0;
/// What a clock that has just started shows: so much can it jump backwards.
const START: Duration = Duration::from_secs(1 << 32);

/// How a clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockSettings {
    /// How much of its time passes in one second.
    pub rate: f64,
}

impl Default for ClockSettings {
    fn default() -> Self {
        Self { rate: 1.0 }
    }
}

/// A jump of a clock, as in "+2s" and "-500ms".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jump {
    /// Whether it goes backwards.
    pub back: bool,
    /// How far.
    pub by: Duration,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.back { '-' } else { '+' }, duration::format(self.by))
    }
}

impl FromStr for Jump {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (back, by) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
            (Some(by), _) => (true, by),
            (None, Some(by)) => (false, by),
            (None, None) => return Err(format!("{text:?} is no jump: write +2s or -500ms")),
        };
        Ok(Self { back, by: duration::parse(by)? })
    }
}

impl Serialize for Jump {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Jump {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A clock. What it shows counts from a start of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When it was set, by the machine's clock and by itself.
    set: Instant,
    shown: Duration,
    rate: f64,
    /// When it started, by the machine's clock.
    started: Instant,
}

impl Clock {
    pub(crate) fn new(settings: ClockSettings) -> Self {
        let started = Instant::now();
        Self { set: started, shown: START, rate: within(settings.rate), started }
    }

    /// How far it was ahead of the machine's clock at an instant after it was set, in nanoseconds.
    pub(crate) fn skew_at(&self, instant: Instant) -> i64 {
        let machine = START.saturating_add(instant.saturating_duration_since(self.started));
        let nanos = |ahead: Duration| i64::try_from(ahead.as_nanos()).unwrap_or(i64::MAX);
        let shown = self.at(instant);
        shown.checked_sub(machine).map_or_else(|| -nanos(machine.saturating_sub(shown)), nanos)
    }

    /// What it shows.
    pub(crate) fn now(&self) -> Duration {
        self.at(Instant::now())
    }

    /// What it shows, or showed, at an instant after it was set.
    pub(crate) fn at(&self, instant: Instant) -> Duration {
        let passed = instant.saturating_duration_since(self.set);
        // as it is, where it goes as the machine's: not through a number that is rounded
        let passed = if is_one(self.rate) { passed } else { passed.mul_f64(self.rate) };
        self.shown.saturating_add(passed)
    }

    /// How long it takes until it shows `due`.
    pub(crate) fn until(&self, due: Duration) -> Duration {
        let left = due.saturating_sub(self.now());
        if is_one(self.rate) {
            return left;
        }
        Duration::try_from_secs_f64(left.as_secs_f64() / self.rate).unwrap_or(Duration::MAX)
    }

    /// Sets it.
    pub(crate) fn set(&mut self, jump: Jump, rate: f64) {
        let now = Instant::now();
        let shown = self.at(now);
        self.shown = if jump.back { shown.saturating_sub(jump.by) } else { shown.saturating_add(jump.by) };
        (self.set, self.rate) = (now, within(rate));
    }
}

fn is_one(rate: f64) -> bool {
    (rate - 1.0).abs() < f64::EPSILON
}

fn within(rate: f64) -> f64 {
    // one that is no number comes to 1
    if rate.is_nan() { 1.0 } else { rate.clamp(*RATES.start(), *RATES.end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_jumps_and_drifts() {
        let mut clock = Clock::new(ClockSettings { rate: 2.0 });
        let start = clock.set;
        let second = Duration::from_secs(1);
        assert_eq!(clock.at(start + second), START + 2 * second);
        let before = clock.now();
        clock.set("-1min".parse().unwrap(), 0.5);
        assert!(clock.now() < before, "it was set back");
        assert_eq!(clock.at(clock.set + second), clock.at(clock.set) + second / 2);
        let (due, left) = (clock.now() + 10 * second, clock.until(clock.now() + 10 * second));
        assert!(left <= 20 * second && left > 19 * second, "{left:?} until {due:?}");
        clock.set("+2s".parse().unwrap(), 1.0);
        assert!(clock.until(due) < left, "it was set forward");
        // nonsense does not stop it, nor end it
        clock.set(Jump { back: false, by: Duration::MAX }, f64::NAN);
        assert_eq!(clock.until(due), Duration::ZERO);
    }

    #[test]
    fn a_clock_knows_how_far_it_is_ahead() {
        let second = Duration::from_secs(1);
        let clock = Clock::new(ClockSettings { rate: 1.5 });
        assert_eq!(clock.skew_at(clock.started + 2 * second), 1_000_000_000);
        let mut clock = Clock::new(ClockSettings::default());
        assert_eq!(clock.skew_at(clock.started + second), 0);
        clock.set("-2s".parse().unwrap(), 1.0);
        assert_eq!(clock.skew_at(clock.set + second), -2_000_000_000);
    }

    #[test]
    fn jumps_are_written_with_their_sign() {
        for text in ["+2s", "-500ms", "+0s"] {
            assert_eq!(text.parse::<Jump>().unwrap().to_string(), text);
        }
        for wrong in ["2s", "", "+", "-x", "--1s"] {
            assert!(wrong.parse::<Jump>().is_err(), "{wrong}");
        }
    }
}
