//! Faults without end, drawn from a seed: what strikes one episode of a soak.

use crate::clock::Jump;
use crate::cluster::limits::Limits;
use crate::cluster::{Fault, Links, NetworkKind};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;
use synod_kernel::Random;
use synod_model::ProcessId;

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nodes are killed, and started again where the model has that.
    Kills,
    /// OS processes are stopped for a while.
    Pauses,
    /// Links are cut, one way and both ways.
    Partitions,
    /// Clocks jump and drift.
    Clock,
    /// What passes is late.
    Delay,
    /// What passes is lost; on TCP, connections break.
    Loss,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Kills, Self::Pauses, Self::Partitions, Self::Clock, Self::Delay, Self::Loss];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Pauses => "pauses",
            Self::Partitions => "partitions",
            Self::Clock => "clock",
            Self::Delay => "delay",
            Self::Loss => "loss",
        }
    }

    /// Of which kind a fault is; what ends one is of none.
    pub fn of(fault: &Fault) -> Option<Self> {
        Some(match fault {
            Fault::Kill(_) | Fault::Replace(..) => Self::Kills,
            Fault::Pause(_) => Self::Pauses,
            Fault::Cut(..) | Fault::Mute(_) | Fault::Partition(_) | Fault::OneWay(..) => Self::Partitions,
            Fault::Skew(..) => Self::Clock,
            Fault::Delay(..) => Self::Delay,
            Fault::Loss(..) | Fault::Duplicate(..) => Self::Loss,
            Fault::Restart(_) | Fault::Resume(_) | Fault::Heal(..) | Fault::Unmute(_) | Fault::HealAll => {
                return None;
            }
        })
    }

    /// Why a model does not have faults of this kind, where it does not.
    pub fn beyond(self, limits: &Limits) -> Option<String> {
        limits.beyond(&self.example(), &BTreeSet::new())
    }

    /// Why a network does not have faults of this kind, where it does not.
    pub fn lacking(self, network: NetworkKind) -> Option<String> {
        network.lacks(&self.example())
    }

    fn example(self) -> Fault {
        let p = ProcessId(0);
        let all = || BTreeSet::from([p]);
        match self {
            Self::Kills => Fault::Kill(p),
            Self::Pauses => Fault::Pause(p),
            Self::Partitions => Fault::Partition(vec![all(), BTreeSet::from([ProcessId(1)])]),
            Self::Clock => Fault::Skew(p, Jump::default(), 2.0),
            Self::Delay => Fault::Delay(Links::All, DELAY_MAX, DELAY_MAX),
            Self::Loss => Fault::Loss(Links::All, 0.1),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("{text:?} is no kind of fault: {}, all, none are", all.join(", "))
        })
    }
}

const DELAY_MAX: Duration = Duration::from_millis(60);
/// How many rounds a fault lasts at most.
const LASTS_MAX: u64 = 3;

/// The faults of an episode of so many rounds, by round and in order.
pub fn storm(
    processes: u32,
    limits: &Limits,
    kinds: &[Kind],
    rounds: usize,
    random: &mut Random,
) -> Vec<(usize, Fault)> {
    let last = rounds.saturating_sub(1);
    let mut storm = Storm { processes, limits, random, last, faults: Vec::new(), down: BTreeSet::new() };
    // the last quarter is for those who are left
    let busy = (rounds * 3 / 4).max(1);
    for round in 0..busy {
        if !kinds.is_empty() && storm.random.below(3) > 0 {
            let kind = kinds[storm.random.below(kinds.len() as u64) as usize];
            storm.strike(kind, round);
        }
    }
    let mut faults = storm.faults;
    faults.sort_by_key(|(round, _)| *round);
    faults
}

struct Storm<'a> {
    processes: u32,
    limits: &'a Limits,
    random: &'a mut Random,
    /// The last round: what strikes is over by then.
    last: usize,
    faults: Vec<(usize, Fault)>,
    /// Those who do not come back.
    down: BTreeSet<ProcessId>,
}

impl Storm<'_> {
    fn strike(&mut self, kind: Kind, round: usize) {
        let end = (round + 1 + self.random.below(LASTS_MAX) as usize).min(self.last).max(round);
        let p = self.process();
        match kind {
            Kind::Kills => self.kill(p, round, end),
            Kind::Pauses => self.faults.extend([(round, Fault::Pause(p)), (end, Fault::Resume(p))]),
            Kind::Partitions => {
                let (one, other) = self.sides();
                let fault = if self.random.below(3) == 0 {
                    Fault::OneWay(one, other)
                } else {
                    Fault::Partition(vec![one, other])
                };
                self.faults.extend([(round, fault), (end, Fault::HealAll)]);
            }
            Kind::Clock => {
                let by = Duration::from_millis(1 + self.random.below(3000));
                let jump = Jump { back: self.random.below(2) == 0, by };
                let rate = [0.5, 0.9, 1.0, 1.1, 2.0][self.random.below(5) as usize];
                let back = Fault::Skew(p, Jump::default(), 1.0);
                self.faults.extend([(round, Fault::Skew(p, jump, rate)), (end, back)]);
            }
            Kind::Delay => {
                let least = Duration::from_millis(self.random.below(20));
                let most = least + Duration::from_millis(self.random.below(40));
                let links = self.links();
                self.faults.extend([(round, Fault::Delay(links, least, most)), (end, Fault::HealAll)]);
            }
            Kind::Loss => {
                let probability = (1 + self.random.below(20)) as f64 / 100.0;
                let links = self.links();
                self.faults.extend([(round, Fault::Loss(links, probability)), (end, Fault::HealAll)]);
            }
        }
    }

    fn kill(&mut self, p: ProcessId, round: usize, end: usize) {
        if self.limits.comes_back() {
            // every other one is back at once, the others miss something
            let back = if self.random.below(2) == 0 { round } else { end };
            self.faults.extend([(round, Fault::Kill(p)), (back, Fault::Restart(p))]);
            return;
        }
        if self.down.contains(&p) || self.limits.beyond(&Fault::Kill(p), &self.down).is_some() {
            return;
        }
        self.down.insert(p);
        self.faults.push((round, Fault::Kill(p)));
        // its program may start again: of this instance it is not
        if self.random.below(2) == 0 {
            self.faults.push((end, Fault::Restart(p)));
        }
    }

    fn process(&mut self) -> ProcessId {
        ProcessId(self.random.below(self.processes.into()) as u32)
    }

    /// Two groups, neither of them empty where there are two processes.
    fn sides(&mut self) -> (BTreeSet<ProcessId>, BTreeSet<ProcessId>) {
        let mut one = BTreeSet::from([self.process()]);
        let all = (0..self.processes).map(ProcessId);
        for p in all.clone() {
            if one.len() as u32 * 2 < self.processes && self.random.below(3) == 0 {
                one.insert(p);
            }
        }
        let other = all.filter(|p| !one.contains(p)).collect();
        if self.random.below(2) == 0 { (one, other) } else { (other, one) }
    }

    fn links(&mut self) -> Links {
        match self.random.below(3) {
            0 => Links::All,
            1 => Links::Of(self.process()),
            _ => {
                let (from, to) = self.sides();
                Links::From(from, to)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_model::failure::FailureKind;
    use synod_model::timing::TimingKind;

    fn limits(failures: FailureKind, f: u32) -> Limits {
        Limits { failures, timing: TimingKind::Asynchronous, f, bounds: None }
    }

    #[test]
    fn what_strikes_ends_within_the_rounds() {
        let limits = limits(FailureKind::CrashRecovery, 1);
        for (rounds, seed) in (1..9).flat_map(|rounds| (0..20).map(move |seed| (rounds, seed))) {
            let faults = storm(3, &limits, &Kind::ALL, rounds, &mut Random::new(seed));
            assert!(faults.iter().all(|(round, _)| *round < rounds), "{rounds} {seed}: {faults:?}");
        }
    }

    #[test]
    fn a_storm_has_every_kind_and_what_it_does_ends() {
        let limits = limits(FailureKind::CrashRecovery, 1);
        let storm = |seed| storm(3, &limits, &Kind::ALL, 200, &mut Random::new(seed));
        let faults = storm(7);
        assert_eq!(faults, storm(7), "the same seed, the same storm");
        assert_ne!(faults, storm(8));
        let seen: BTreeSet<_> = faults.iter().filter_map(|(_, fault)| Kind::of(fault)).collect();
        assert_eq!(seen.len(), Kind::ALL.len());
        let count = |what: fn(&Fault) -> bool| faults.iter().filter(|(_, fault)| what(fault)).count();
        assert_eq!(count(|f| matches!(f, Fault::Kill(_))), count(|f| matches!(f, Fault::Restart(_))));
        assert_eq!(count(|f| matches!(f, Fault::Pause(_))), count(|f| matches!(f, Fault::Resume(_))));
        let last = |what: fn(&Fault) -> bool| faults.iter().rposition(|(_, fault)| what(fault));
        let cut = |f: &Fault| matches!(f, Fault::Partition(_) | Fault::OneWay(..));
        assert!(last(|f| matches!(f, Fault::HealAll)) > last(cut));
        assert!(faults.iter().all(|(round, _)| *round < 200));
    }

    #[test]
    fn no_more_stop_than_may_and_what_a_model_does_not_have_is_told() {
        let stop = limits(FailureKind::CrashStop, 2);
        for seed in 0..20 {
            let faults = storm(5, &stop, &[Kind::Kills], 100, &mut Random::new(seed));
            let killed = faults.iter().filter(|(_, fault)| matches!(fault, Fault::Kill(_))).count();
            assert_eq!(killed, 2);
        }
        assert_eq!(Kind::Kills.beyond(&stop), None);
        assert!(Kind::Kills.beyond(&limits(FailureKind::Reliable, 0)).is_some());
        let synchronous = Limits { timing: TimingKind::Synchronous, ..stop };
        let had: Vec<_> = Kind::ALL.into_iter().filter(|kind| kind.beyond(&synchronous).is_none()).collect();
        assert_eq!(had, [Kind::Kills]);
        assert!("kill".parse::<Kind>().unwrap_err().contains("kills"));
    }
}
