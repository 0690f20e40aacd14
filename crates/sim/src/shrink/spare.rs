//! A failing run made small by leaving out what its seed draws: simulated again each time.

use crate::outcome::Outcome;
use crate::plan::{Options, Spared};
use crate::simulation::Simulation;
use std::time::Duration;

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spare {
    /// The options that make the small run.
    pub options: Options,
    /// What it comes to.
    pub outcome: Outcome,
    /// How many runs were made.
    pub attempts: u64,
    /// How many faults and requests were planned, and how many are left.
    pub planned: (u64, u64),
    /// How many of those that are left are faults.
    pub faults_left: u64,
    /// Whether it passes without any one of the planned faults and requests that are left: each was tried.
    pub minimal: bool,
}

/// Leaves out faults that the seed draws, requests and time, as long as the run breaks the same property.
pub fn spare(
    simulation: &dyn Simulation,
    seed: u64,
    options: &Options,
    attempts_max: u64,
    stop: &dyn Fn() -> bool,
) -> Option<Spare> {
    let outcome = simulation.run(seed, options);
    let property = outcome.broken()?.property;
    let mut search = Search {
        simulation,
        seed,
        property,
        attempts_max,
        stop,
        attempts: 0,
        options: options.clone(),
        outcome,
    };
    search.time();
    let (faults, requests) = simulation.planned(seed, &search.options);
    let before = faults as u64 + requests.iter().map(|&r| u64::from(r)).sum::<u64>();
    search.chance();
    let minimal = search.until_none_can_go(faults, &requests);
    let spared = &search.options.spared;
    let gone = spared.faults.len() as u64 + spared.requests.values().map(|&r| u64::from(r)).sum::<u64>();
    Some(Spare {
        attempts: search.attempts,
        planned: (before, before - gone),
        faults_left: (faults - spared.faults.len()) as u64,
        minimal,
        options: search.options,
        outcome: search.outcome,
    })
}

struct Search<'a> {
    simulation: &'a dyn Simulation,
    seed: u64,
    property: String,
    attempts_max: u64,
    stop: &'a dyn Fn() -> bool,
    attempts: u64,
    options: Options,
    outcome: Outcome,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.attempts >= self.attempts_max || (self.stop)()
    }

    /// Takes these options, if the run breaks the same property under them.
    fn attempt(&mut self, options: Options) -> bool {
        self.attempts += 1;
        let outcome = self.simulation.run(self.seed, &options);
        let outside = !outcome.outside.is_empty() && self.outcome.outside.is_empty();
        let same = !outside && outcome.broken().is_some_and(|broken| broken.property == self.property);
        if same {
            (self.options, self.outcome) = (options, outcome);
        }
        same
    }

    fn attempt_spared(&mut self, change: impl FnOnce(&mut Spared)) -> bool {
        let mut options = self.options.clone();
        change(&mut options.spared);
        self.attempt(options)
    }

    /// Half of the time, again and again.
    fn time(&mut self) {
        let least = self.least_time();
        while !self.is_over() {
            let horizon = self.options.horizon / 2;
            if horizon < least || !self.attempt(Options { horizon, ..self.options.clone() }) {
                return;
            }
        }
    }

    /// The shortest time. In a moment a sound run pays no debt either: to break a property of liveness, a run is never shorter than
    /// many messages take one after the other.
    fn least_time(&self) -> Duration {
        /// How many messages.
        const MESSAGES: u32 = 128;
        match self.outcome.violation {
            Some(_) => Duration::from_nanos(1),
            None => self.simulation.environment().links.delay_max.saturating_mul(MESSAGES),
        }
    }

    /// All that strikes message by message.
    fn chance(&mut self) {
        if !self.is_over() {
            self.attempt_spared(|spared| spared.chance = true);
        }
    }

    /// Halves of the faults, then single faults and the last requests of each seat, until none of them can go.
    fn until_none_can_go(&mut self, faults: usize, requests: &[u32]) -> bool {
        let mut size = faults.div_ceil(2).max(1);
        loop {
            let mut gone = false;
            let left: Vec<_> = (0..faults).filter(|f| !self.options.spared.faults.contains(f)).collect();
            for chunk in left.rchunks(size) {
                if self.is_over() {
                    return false;
                }
                gone |= self.attempt_spared(|spared| spared.faults.extend(chunk));
            }
            for (seat, &all) in requests.iter().enumerate() {
                loop {
                    let spared = self.options.spared.requests.get(&(seat as u32)).copied().unwrap_or(0);
                    if spared >= all {
                        break;
                    }
                    if self.is_over() {
                        return false;
                    }
                    // all of them, half of them, one
                    let more = if size > 1 { (all - spared).div_ceil(2) } else { 1 };
                    if !self.attempt_spared(|s| _ = s.requests.insert(seat as u32, spared + more)) {
                        break;
                    }
                    gone = true;
                }
            }
            match (size, gone) {
                (1, false) => return true,
                (1, true) => {}
                _ => size = size.div_ceil(2),
            }
        }
    }
}
