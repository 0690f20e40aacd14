//! When faults strike a run: spread over its work, within the budgets of its environment, each with rounds behind it.

mod storm;

pub use self::storm::{Kind, storm};

use crate::cluster::Fault;
use synod_kernel::{Budget, Environment};
use synod_model::ProcessId;

/// How many rounds a run should have at least, though nothing be asked in them: so that faults strike and heal.
pub const ROUNDS_MIN: usize = 16;

/// The faults of a run in which something is asked in so many rounds, by round and in order.
///
/// Processes that may restart are killed and started again, in turn; where none may, those that may stop are killed, the
/// last ones first; links are cut, one way and both ways, and heal.
pub fn plan(environment: &Environment, asked: usize) -> Vec<(usize, Fault)> {
    Nemesis::new(environment, asked).plan()
}

/// When faults strike.
struct Nemesis<'a> {
    environment: &'a Environment,
    /// They strike in the rounds before this one: while there is work, with some left for those who stay.
    quiet: usize,
    faults: Vec<(usize, Fault)>,
}

impl<'a> Nemesis<'a> {
    /// For a run in which something is asked in so many rounds; in none, where nothing is ever asked.
    fn new(environment: &'a Environment, asked: usize) -> Self {
        let busy = if asked == 0 { ROUNDS_MIN } else { asked };
        Self { environment, quiet: (busy * 3 / 4).max(1), faults: Vec::new() }
    }

    /// The faults, within the budgets. Each strikes in the middle of a round's work, and rounds follow it.
    fn plan(mut self) -> Vec<(usize, Fault)> {
        let fallible: Vec<_> = (0..self.environment.processes)
            .map(ProcessId)
            .filter(|&p| self.environment.failures.may_fail(p))
            .collect();
        if !fallible.is_empty() {
            self.restarts(&fallible);
            self.stops(&fallible);
        }
        self.cuts();
        self.faults.sort_by_key(|(round, _)| *round);
        self.faults
    }

    /// The round of the k-th of so many faults.
    fn spread(&self, k: u32, of: u32) -> usize {
        k as usize * self.quiet / of as usize
    }

    fn restarts(&mut self, fallible: &[ProcessId]) {
        let often = up_to(self.environment.failures.restarts, self.quiet as u32);
        for k in 0..often {
            // the first process leads first, in most algorithms that have a leader
            let victim = fallible[k as usize % fallible.len()];
            let at = self.spread(k, often);
            // every other one is back within the round, the others miss some of it
            let back = if k % 2 == 0 { at + 1 } else { at };
            self.faults.extend([(at, Fault::Kill(victim)), (back, Fault::Restart(victim))]);
        }
    }

    /// Those that stop are the last ones. Where processes restart nobody stops: a restart may need them.
    fn stops(&mut self, fallible: &[ProcessId]) {
        if self.environment.failures.restarts.any() {
            return;
        }
        let often = up_to(self.environment.failures.stops, fallible.len() as u32);
        for (k, &victim) in (0..often).zip(fallible.iter().rev()) {
            self.faults.push((self.spread(k, often), Fault::Kill(victim)));
        }
    }

    fn cuts(&mut self) {
        let n = self.environment.processes;
        let often = up_to(self.environment.partitions, 4);
        for k in 0..often {
            // far apart, and neighbours: some algorithms speak only to those, or those to these
            let (a, b) = if k % 2 == 0 { (k % n, n - 1 - k % n) } else { (k % n, (k + 1) % n) };
            if a == b {
                continue;
            }
            let at = self.spread(k, often);
            self.cut(at, ProcessId(a), ProcessId(b));
            // every other cut is one-way
            if k % 2 == 0 {
                self.cut(at, ProcessId(b), ProcessId(a));
            }
        }
    }

    fn cut(&mut self, at: usize, from: ProcessId, to: ProcessId) {
        // a whole round lies between: what is asked in it meets the cut
        self.faults.extend([(at, Fault::Cut(from, to)), (at + 2, Fault::Heal(from, to))]);
    }
}

/// As often as the budget allows, and no more than `most` times.
fn up_to(budget: Budget, most: u32) -> u32 {
    match budget {
        Budget::AtMost(k) => k.min(most),
        Budget::Unlimited => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_kernel::Failures;
    use synod_model::failure::FailureKind;

    fn environment(kind: FailureKind, stops: u32, restarts: u32) -> Environment {
        let mut environment = Environment::benign(5);
        let (stops, restarts) = (Budget::AtMost(stops), Budget::AtMost(restarts));
        environment.failures = Failures { kind, stops, restarts, ..Failures::NONE };
        environment.partitions = Budget::AtMost(2);
        environment
    }

    #[test]
    fn whoever_restarts_was_killed_and_every_cut_heals() {
        for asked in [0, 1, 2, 40] {
            let faults = plan(&environment(FailureKind::CrashRecovery, 2, 5), asked);
            let count = |kind: fn(&Fault) -> bool| faults.iter().filter(|(_, f)| kind(f)).count();
            assert_eq!(count(|f| matches!(f, Fault::Kill(_))), count(|f| matches!(f, Fault::Restart(_))));
            assert_eq!(count(|f| matches!(f, Fault::Cut(..))), count(|f| matches!(f, Fault::Heal(..))));
            assert!(count(|f| matches!(f, Fault::Kill(_))) > 0 && count(|f| matches!(f, Fault::Cut(..))) > 0);
            assert!(faults.iter().all(|(round, _)| *round < asked.max(ROUNDS_MIN)));
            assert!(faults.is_sorted_by_key(|(round, _)| *round));
        }
    }

    #[test]
    fn no_more_are_killed_for_good_than_may_be_faulty() {
        let faults = plan(&environment(FailureKind::CrashStop, 2, 0), 40);
        assert_eq!(faults.iter().filter(|(_, f)| matches!(f, Fault::Kill(_))).count(), 2);
        assert!(!faults.iter().any(|(_, f)| matches!(f, Fault::Restart(_))));
    }
}
