//! What a run does is held against the bounds that its environment declares: assumption coverage.

use super::span;
use crate::plan::{gst, nanos};
use serde::{Deserialize, Serialize};
use std::fmt;
use synod_kernel::Environment;
use synod_model::timing::TimingKind;

/// An assumption of a system model, as a run may break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assumption {
    /// d: how long a message takes; under partial synchrony after GST, and in good periods.
    Delay,
    /// p: how long a step takes, from the instant at which it is due.
    Step,
    /// rho: how far a clock drifts.
    Drift,
    /// Clocks do not jump.
    Jump,
    /// f: how many are faulty.
    Crashes,
    /// Who crashed stays so.
    Recovery,
}

impl Assumption {
    /// What is measured.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Step => "step",
            Self::Drift => "drift",
            Self::Jump => "clock jump",
            Self::Crashes => "crashes",
            Self::Recovery => "recoveries",
        }
    }

    /// The bound's name.
    const fn bound(self) -> &'static str {
        match self {
            Self::Delay => "d",
            Self::Step => "p",
            Self::Drift => "rho",
            Self::Jump => "any",
            Self::Crashes => "f",
            Self::Recovery => "crash-stop's",
        }
    }

    /// A value of it in words.
    fn value(self, value: u64) -> String {
        match self {
            Self::Delay | Self::Step | Self::Jump => span(value),
            Self::Drift => format!("{value} ppm"),
            Self::Crashes | Self::Recovery => value.to_string(),
        }
    }
}

/// How a run broke an assumption of its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// Which.
    pub assumption: Assumption,
    /// What it allows: nanoseconds, parts per million, or a number.
    pub limit: u64,
    /// How often it was broken.
    pub count: u64,
    /// The worst value.
    pub worst: u64,
    /// The event at which that came.
    pub worst_at: u64,
    /// The first event at which it was broken.
    pub first_at: u64,
}

impl Breach {
    /// Both together, of two runs.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        if other.worst > self.worst {
            (self.worst, self.worst_at) = (other.worst, other.worst_at);
        }
        self.first_at = self.first_at.min(other.first_at);
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { assumption, limit, count, worst, worst_at, first_at } = self;
        let [worst, limit] = [*worst, *limit].map(|value| assumption.value(value));
        write!(f, "{} {worst} > {} = {limit} at event {worst_at}", assumption.name(), assumption.bound())?;
        if *count > 1 {
            write!(f, ", the worst of {count}, the first at event {first_at}")?;
        }
        Ok(())
    }
}

/// How many runs broke assumptions, and which run was worst in each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outside {
    /// How many runs there were that broke any.
    pub runs: u64,
    /// By assumption: the worst, in which run.
    pub worst: Vec<(Breach, u64)>,
}

impl Outside {
    /// What the run of a seed broke.
    pub fn add(&mut self, seed: u64, breaches: &[Breach]) {
        let worst = breaches.iter().map(|breach| (breach.clone(), seed)).collect();
        self.merge(Self { runs: u64::from(!breaches.is_empty()), worst });
    }

    /// Both together.
    pub fn merge(&mut self, later: Self) {
        self.runs += later.runs;
        for (breach, seed) in later.worst {
            match self.worst.iter_mut().find(|(known, _)| known.assumption == breach.assumption) {
                Some(known) if (breach.worst, known.1) > (known.0.worst, seed) => *known = (breach, seed),
                Some(_) => {}
                None => self.worst.push((breach, seed)),
            }
        }
        self.worst.sort_by_key(|(breach, _)| breach.assumption);
    }
}

/// The bounds of an environment, and how a run broke them.
#[derive(Clone, Debug)]
pub(crate) struct Assumptions {
    /// The longest delay, from GST on.
    delay: Option<u64>,
    /// The longest step, where it has a bound of its own.
    step: Option<u64>,
    drift_ppm: Option<u64>,
    gst: u64,
    pub(crate) breaches: Vec<Breach>,
}

impl Assumptions {
    pub(crate) fn of(environment: &Environment) -> Self {
        let timing = &environment.timing;
        let (links, bounds) = (&environment.links, timing.bounds);
        let mut this = Self { delay: None, step: None, drift_ppm: None, gst: 0, breaches: Vec::new() };
        match timing.kind {
            // nothing is promised of time
            TimingKind::Asynchronous => {}
            TimingKind::PartiallySynchronous => {
                this.delay = Some(nanos(bounds.map_or(links.delay_max, |b| b.delay)));
                this.gst = gst(timing);
            }
            TimingKind::Synchronous => {
                this.delay = Some(nanos(bounds.map_or(links.delay_max, |b| b.delay)));
            }
        }
        if timing.kind != TimingKind::Asynchronous {
            this.step = bounds.map(|b| nanos(b.step));
            this.drift_ppm = bounds.map(|b| b.drift_ppm.into());
        }
        this
    }

    /// Whether messages have a bound to keep.
    pub(crate) fn bounds_delays(&self) -> bool {
        self.delay.is_some()
    }

    /// Whether steps have one of their own.
    pub(crate) fn bounds_steps(&self) -> bool {
        self.step.is_some()
    }

    fn hold(&mut self, assumption: Assumption, limit: Option<u64>, value: u64, event: u64) {
        let Some(limit) = limit.filter(|&limit| value > limit) else { return };
        let one = Breach { assumption, limit, count: 1, worst: value, worst_at: event, first_at: event };
        match self.breaches.iter_mut().find(|b| b.assumption == assumption) {
            Some(breach) => breach.merge(&one),
            None => self.breaches.push(one),
        }
    }

    /// A message that was sent at `sent` is here; bounds held since `since`.
    pub(crate) fn delivered(&mut self, sent: u64, since: u64, now: u64, event: u64) {
        let from = sent.max(self.gst).max(since);
        self.hold(Assumption::Delay, self.delay, now.saturating_sub(from), event);
    }

    /// A step ended so long after it was due.
    pub(crate) fn stepped(&mut self, due: u64, since: u64, end: u64, event: u64) {
        let from = due.max(self.gst).max(since);
        self.hold(Assumption::Step, self.step, end.saturating_sub(from), event);
    }

    /// A timer was set by a clock with this drift.
    pub(crate) fn timed(&mut self, drift_ppm: i64, event: u64) {
        if drift_ppm != 0 {
            self.hold(Assumption::Drift, self.drift_ppm, drift_ppm.unsigned_abs(), event);
        }
    }

    /// A clock jumped.
    pub(crate) fn jumped(&mut self, by: u64, event: u64) {
        self.hold(Assumption::Jump, self.drift_ppm.map(|_| 0), by, event);
    }

    /// So many are faulty.
    pub(crate) fn faulty(&mut self, faulty: u64, f: u64, event: u64) {
        self.hold(Assumption::Crashes, Some(f), faulty, event);
    }

    /// Someone recovered under crash-stop.
    pub(crate) fn recovered(&mut self, event: u64) {
        self.hold(Assumption::Recovery, Some(0), 1, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use synod_kernel::environment::Timing;

    #[test]
    fn a_delay_beyond_the_bound_is_told_with_its_event_and_one_within_is_not() {
        let mut environment = Environment::benign(2);
        environment.links.delay_max = Duration::from_millis(100);
        environment.timing = Timing::of(TimingKind::PartiallySynchronous);
        environment.timing.gst = Duration::from_secs(1);
        let mut assumptions = Assumptions::of(&environment);
        const MS: u64 = 1_000_000;
        assumptions.delivered(0, 0, 1_100 * MS, 10);
        assumptions.delivered(2_000 * MS, 0, 2_100 * MS, 11);
        assert_eq!(assumptions.breaches, []);
        assumptions.delivered(2_000 * MS, 0, 2_812 * MS, 93);
        assumptions.delivered(3_000 * MS, 0, 3_200 * MS, 95);
        assumptions.delivered(3_000 * MS, 3_150 * MS, 3_200 * MS, 96);
        let told = assumptions.breaches[0].to_string();
        assert_eq!(told, "delay 812ms > d = 100ms at event 93, the worst of 2, the first at event 93");
        environment.timing.kind = TimingKind::Asynchronous;
        let mut assumptions = Assumptions::of(&environment);
        assumptions.delivered(0, 0, u64::MAX, 1);
        assert_eq!(assumptions.breaches, [], "asynchronous links promise no time");
    }
}
