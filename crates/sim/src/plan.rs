//! Which faults a run meets, and when.

mod strikes;
mod urn;

use self::urn::Urn;

use crate::adversary::Strategy;
use crate::fault::Fault;
use crate::platform::Platform;
use crate::swarm::{Family, Swarm};
use crate::trigger::Conditional;
use crate::workload::Workload;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use synod_kernel::environment::Timing;
use synod_kernel::{Budget, Durability, Environment, Partition, Random, SeatId, Seating};
use synod_model::ProcessId;
use synod_model::timing::TimingKind;

/// How many restarts per process, and how many partitions, a random plan makes of an unlimited budget. Losses,
/// duplications and outputs of oracles need no such bound: they end with the first half of the run.
const UNLIMITED_RESTARTS_PER_PROCESS: u32 = 2;
const UNLIMITED_PARTITIONS: u32 = 4;

/// In how many links, at most, a random plan cuts a world of more than a thousand: it cuts off few there.
const CUT_MAX: u64 = 1 << 20;

/// Where the faults of a run come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultPlan {
    /// From the seed, within the environment's budgets, all in the first half of the horizon.
    #[default]
    Random,
    /// These, each after this time from the start, within the budgets, and no others.
    Script(Vec<(Duration, Fault)>),
}

/// How far a run goes, and what it meets.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The most steps that it takes.
    pub steps_max: u64,
    /// The virtual time after which it ends. Debts are due there if the last half was free of faults,
    /// but those of processes that never cease to crash.
    pub horizon: Duration,
    /// Where its faults come from.
    pub faults: FaultPlan,
    /// What the adversary may make of a process that it takes over by chance.
    pub adversaries: Vec<Strategy>,
    /// Whether it is noted which of the algorithm's marked branches are taken.
    pub branches: bool,
    /// What clients do, in place of the requests of the setting.
    pub workload: Option<Workload>,
    /// Whether it is counted what the run costs.
    pub costs: bool,
    /// Whether the history that clients saw is kept.
    pub history: bool,
    /// Whether a run has a random subset of the faults, rates and requests that there may be, drawn from its seed: where
    /// its faults are random.
    pub swarm: bool,
    /// Whether it is noted what of the algorithm's behaviour a run comes to.
    pub coverage: bool,
    /// After so many steps, in ascending order, all further chance is drawn from another seed: a run that begins as another does.
    pub then: Vec<(u64, u64)>,
    /// Within what time from the start the requests of the setting are made; where nothing is said it is drawn.
    pub requests_within: Option<Duration>,
    /// What is under the environment.
    pub platform: Option<Arc<Platform>>,
    /// Faults that wait for something to happen, besides those of the plan.
    pub conditions: Vec<Conditional>,
    /// What it is spared of what its seed, or its script, has for it.
    pub spared: Spared,
    /// Whether its trace, where it has one, is terse: of what was chosen alone, from which a replay finds all the rest. Costs
    /// a fraction.
    pub terse: bool,
}

/// What a run is spared of its plan, where a failure is made small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spared {
    /// Planned faults, by their place in the plan.
    pub faults: BTreeSet<usize>,
    /// By seat: how many of its last requests.
    pub requests: BTreeMap<u32, u32>,
    /// Losses, duplications and corruptions by chance.
    pub chance: bool,
}

impl Spared {
    /// How many of a seat's requests are made.
    pub(crate) fn left(&self, seat: SeatId, requests: u32) -> u32 {
        requests.saturating_sub(self.requests.get(&seat.0).copied().unwrap_or(0))
    }
}

impl Options {
    /// What the run of this seed has of all that there is.
    pub fn swarm_of(&self, seed: u64) -> Swarm {
        if self.swarm && self.faults == FaultPlan::Random { Swarm::of(seed) } else { Swarm::ALL }
    }
}

impl Default for Options {
    fn default() -> Self {
        let horizon = Duration::from_secs(10);
        Self {
            steps_max: 1_000_000,
            horizon,
            faults: FaultPlan::Random,
            adversaries: Strategy::ALL.to_vec(),
            branches: false,
            swarm: false,
            requests_within: None,
            platform: None,
            conditions: Vec::new(),
            workload: None,
            costs: false,
            history: false,
            spared: Spared::default(),
            terse: false,
            coverage: false,
            then: Vec::new(),
        }
    }
}

/// A duration in nanoseconds; what is longer than 584 years is for ever.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant from which on delays keep to their bound: at once, but under partial synchrony.
pub(crate) fn gst(timing: &Timing) -> u64 {
    if timing.kind == TimingKind::PartiallySynchronous { nanos(timing.gst) } else { 0 }
}

/// The instants and measures of a run, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    /// The run ends here.
    pub(crate) horizon: u64,
    /// The last instant of a random fault.
    pub(crate) faults_end: u64,
    /// The time scale on which things happen: the longest delay.
    pub(crate) unit: u64,
    /// Requests are made up to here.
    pub(crate) requests_end: u64,
    /// From here on oracles keep to their axioms.
    pub(crate) stable_from: u64,
}

/// All that is drawn before a run starts.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) calendar: Calendar,
    pub(crate) faults: Vec<(u64, Fault)>,
    /// Whether losses, duplications and wrong outputs happen by chance.
    pub(crate) random: bool,
    /// The process to trust in the end.
    pub(crate) leader: ProcessId,
}

/// Draws the plan of a run.
pub(crate) fn plan(
    environment: &Environment,
    seating: &Seating,
    options: &Options,
    swarm: Swarm,
    random: &mut Random,
) -> Plan {
    let horizon = nanos(options.horizon);
    // nothing scales with a delay that the run does not live to see
    let unit = nanos(environment.links.delay_max).clamp(1_000, (horizon / 16).max(1_000));
    let faults_end = horizon / 2;
    let drawn = unit.saturating_mul(1 << random.below(6)).min(horizon / 4);
    let requests_end = options.requests_within.map_or(drawn, nanos);
    // runs differ in how long their faults are spread out: some meet all of them at once
    let window = unit.saturating_mul(1 << random.below(8)).min(faults_end).max(1);
    let mut planner =
        Planner { environment, seating, swarm, random, unit, window, faults_end, faults: Vec::new() };
    let (is_random, stable_from) = match &options.faults {
        FaultPlan::Random => {
            planner.stops();
            planner.restarts();
            planner.partitions();
            let stable_from = planner.random.below(window);
            planner.adversary();
            (true, if swarm.has(Family::OracleNoise) { stable_from } else { 0 })
        }
        FaultPlan::Script(script) => {
            planner.faults = script.iter().map(|(at, fault)| (nanos(*at), fault.clone())).collect();
            (false, 0)
        }
    };
    if let (true, Some(platform)) = (is_random, &options.platform) {
        planner.strikes(platform);
    }
    let leader = planner.leader();
    let calendar = Calendar { horizon, faults_end, unit, requests_end, stable_from };
    Plan { calendar, faults: planner.faults, random: is_random, leader }
}

struct Planner<'a> {
    environment: &'a Environment,
    seating: &'a Seating,
    swarm: Swarm,
    random: &'a mut Random,
    unit: u64,
    window: u64,
    faults_end: u64,
    faults: Vec<(u64, Fault)>,
}

/// All of a budget, or so much of one without limit.
fn most(budget: Budget, unlimited: u32) -> u32 {
    match budget {
        Budget::AtMost(k) => k,
        Budget::Unlimited => unlimited,
    }
}

impl Planner<'_> {
    /// How much of `budget` the plan spends: any number up to all of it, or up to `unlimited`.
    fn spend(&mut self, budget: Budget, unlimited: u32) -> u32 {
        self.random.below(u64::from(most(budget, unlimited)) + 1) as u32
    }

    fn fallible(&self) -> Vec<ProcessId> {
        let failures = &self.environment.failures;
        (0..self.environment.processes).map(ProcessId).filter(|&p| failures.may_fail(p)).collect()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.random.below(from.len() as u64) as usize].clone()
    }

    /// Distinct processes crash for ever.
    fn stops(&mut self) {
        let mut left = Urn::new(self.fallible());
        let minority = self.environment.processes.saturating_sub(1) / 2;
        for _ in 0..self.spend(self.environment.failures.stops, minority) {
            if left.is_empty() {
                return;
            }
            let process = left.draw(self.random);
            let at = self.random.below(self.window);
            self.crash(at, process, None);
        }
    }

    fn restarts(&mut self) {
        let fallible = self.fallible();
        let unlimited = UNLIMITED_RESTARTS_PER_PROCESS * fallible.len() as u32;
        if fallible.is_empty() {
            return;
        }
        for _ in 0..self.spend(self.environment.failures.restarts, unlimited) {
            let process = self.pick(&fallible);
            let at = self.random.below(self.window);
            let after = self.while_it_lasts(at);
            self.crash(at, process, Some(Duration::from_nanos(after)));
        }
    }

    /// A time for what began at `at` to last: it ends when faults do.
    fn while_it_lasts(&mut self, at: u64) -> u64 {
        let scale = (self.unit / 4).max(1).saturating_mul(1 << self.random.below(7));
        (1 + self.random.below(scale)).min(self.faults_end - at.min(self.faults_end))
    }

    fn crash(&mut self, at: u64, process: ProcessId, recover_after: Option<Duration>) {
        let deferred = self.environment.storage.durability != Durability::Immediate;
        let torn = self.random.below(2) == 0;
        let fault = match self.random.below(if deferred { 3 } else { 2 }) {
            1 if self.swarm.has(Family::CrashesInHandlers) => {
                Fault::CrashInHandler { process, recover_after, before: None }
            }
            2 if self.swarm.has(Family::CrashesWhileStoring) => {
                Fault::CrashWhileStoring { process, recover_after, torn }
            }
            _ => Fault::Crash { process, recover_after, kept: self.random.below(3) as u32, torn },
        };
        self.faults.push((at, fault));
    }

    /// Processes that lie or omit, and disks that fail. Nothing is drawn where there is no budget.
    fn adversary(&mut self) {
        let Environment { failures, storage, .. } = self.environment;
        self.at_distinct(failures.lies, |process| Fault::TakeOver { process, strategy: None });
        self.at_distinct(failures.omissions, |process| Fault::Omit { process });
        self.at_disks(storage.bit_rot, |process, _| Fault::Rot { process });
        self.at_disks(storage.misdirected_writes, |process, _| Fault::MisdirectWrite { process });
        self.at_disks(storage.failed_writes, |process, room_after| Fault::FailWrite { process, room_after });
    }

    /// Faults that make processes faulty: from the start, or later.
    fn at_distinct(&mut self, budget: Budget, fault: fn(ProcessId) -> Fault) {
        if !budget.any() {
            return;
        }
        let mut left = Urn::new(self.fallible());
        let minority = self.environment.processes.saturating_sub(1) / 2;
        // where the adversary may, it mostly does
        let times =
            if self.random.below(4) == 0 { self.spend(budget, minority) } else { most(budget, minority) };
        for _ in 0..times.min(left.len() as u32) {
            let process = left.draw(self.random);
            let at = if self.random.below(2) == 0 { 0 } else { self.random.below(self.window) };
            self.faults.push((at, fault(process)));
        }
    }

    fn at_disks(&mut self, budget: Budget, fault: fn(ProcessId, Duration) -> Fault) {
        let fallible = self.fallible();
        if !budget.any() || fallible.is_empty() {
            return;
        }
        for _ in 0..self.spend(budget, UNLIMITED_RESTARTS_PER_PROCESS * fallible.len() as u32) {
            let (process, at) = (self.pick(&fallible), self.random.below(self.window));
            let after = Duration::from_nanos(self.while_it_lasts(at));
            self.faults.push((at, fault(process, after)));
        }
    }

    /// One partition after the other.
    fn partitions(&mut self) {
        if self.seating.len() < 2 {
            return;
        }
        let mut at = 0;
        for _ in 0..self.spend(self.environment.partitions, UNLIMITED_PARTITIONS) {
            at += self.random.below(self.window);
            if at >= self.faults_end {
                return;
            }
            let Some(partition) = self.partition() else { return };
            self.faults.push((at, Fault::Sever { partition }));
            at += self.while_it_lasts(at);
            self.faults.push((at, Fault::Heal {}));
        }
    }

    fn partition(&mut self) -> Option<Partition> {
        if let Some(cuts) = &self.environment.cuts {
            let cuts: Vec<_> = cuts.iter().cloned().collect();
            return (!cuts.is_empty()).then(|| self.pick(&cuts));
        }
        let all: Vec<_> = (0..self.environment.processes).map(ProcessId).collect();
        // any group against the rest, a single process often, or a single link
        let most = (all.len() as u64 - 1).min((CUT_MAX / all.len() as u64).max(1));
        let group = if self.random.below(3) == 0 { 1 } else { 1 + self.random.below(most) };
        let mut left = Urn::new(all);
        let mut from: Vec<_> = (0..group).map(|_| left.draw(self.random)).collect();
        from.sort_unstable();
        let all = left.into_rest();
        let single = group == 1 && self.random.below(4) == 0;
        let to = if single { vec![self.pick(&all)] } else { all };
        // which of the two is cut off in a one-way partition is chance, too
        let (from, to) = if self.random.below(2) == 0 { (from, to) } else { (to, from) };
        let one_way = self.random.below(2) == 0 && self.swarm.has(Family::OneWayPartitions);
        Some(Partition { from, to, one_way })
    }

    /// A process that is not planned to crash for ever.
    fn leader(&mut self) -> ProcessId {
        let stops: BTreeSet<_> = self.faults.iter().filter_map(|(_, fault)| stops(fault)).collect();
        let lasting: Vec<_> =
            (0..self.environment.processes).map(ProcessId).filter(|p| !stops.contains(p)).collect();
        if lasting.is_empty() { ProcessId(0) } else { self.pick(&lasting) }
    }
}

/// Who is faulty by this fault.
fn stops(fault: &Fault) -> Option<ProcessId> {
    match fault {
        Fault::Crash { process, recover_after: None, .. }
        | Fault::CrashInHandler { process, recover_after: None, .. }
        | Fault::CrashWhileStoring { process, recover_after: None, .. }
        | Fault::CrashLoop { process, .. }
        | Fault::Omit { process }
        | Fault::TakeOver { process, .. } => Some(*process),
        _ => None,
    }
}
