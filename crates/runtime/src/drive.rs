//! A run of a cluster: a client that asks in rounds, and faults that strike all through it.
//!
//! A round asks some processes for something, at once; it ends when all that came to be owed in it is paid by those
//! who are up. Faults strike right behind the requests of their round, into the middle of what these set off. A fault
//! counts only if the cluster said something after it; a cut, only if a message had to wait for it.

use crate::client::{NodeStatus, Reply};
use crate::cluster::control::memory_kib;
use crate::cluster::{Change, Cluster, ClusterError, Fault, Told};
use crate::oversight::Oversight;
use crate::proxy::{Passed, Way};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use synod_kernel::Observed;
use synod_model::ProcessId;

/// How often the driver looks up from waiting.
const TICK: Duration = Duration::from_millis(20);
/// How long a node may take to say how it is.
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);

/// What to do with a cluster.
#[derive(Clone, Debug)]
pub struct Plan {
    /// By round: who is asked what. A process that is down is not asked.
    pub rounds: Vec<Vec<(ProcessId, Value)>>,
    /// What strikes in which round, in this order.
    pub faults: Vec<(usize, Fault)>,
    /// What strikes besides, and when: so long after the beginning.
    pub schedule: Vec<(Duration, Fault)>,
    /// Whether a process that was killed comes back to the instance; where not, nobody waits for it once it was.
    pub comes_back: bool,
    /// Ask a process again that restarted in the middle of a round.
    pub ask_again: bool,
    /// How long a round may take before the next one begins all the same.
    pub round_max: Duration,
    /// How long a round takes at least while a fault lasts: what is owed then may have to wait until it is over.
    pub round_max_cut: Duration,
    /// How long the end may take: until nobody who is up owes anything.
    pub settle_max: Duration,
    /// How long all rounds together may take.
    pub run_max: Duration,
}

impl Plan {
    /// These rounds and faults, with the usual patience.
    pub fn new(rounds: Vec<Vec<(ProcessId, Value)>>, faults: Vec<(usize, Fault)>) -> Self {
        Self {
            rounds,
            faults,
            schedule: Vec::new(),
            comes_back: true,
            ask_again: true,
            round_max: Duration::from_secs(5),
            round_max_cut: Duration::from_millis(50),
            settle_max: Duration::from_secs(10),
            run_max: Duration::from_secs(45),
        }
    }
}

/// What happens in the course of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A round has ended.
    Round {
        /// How many have.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// A fault has struck.
    Fault(Fault),
    /// The rounds are over; what is owed is waited for.
    Settling,
}

/// A fault that struck.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// What.
    pub fault: Fault,
    /// In which round.
    pub round: usize,
    /// Whether it took effect, and the cluster said something after it.
    pub effective: bool,
}

/// How a run went. Its judgement is another matter: that is made from the records.
#[derive(Clone, Debug, Default)]
pub struct Driven {
    /// How many rounds began.
    pub rounds: usize,
    /// How many of them ended with nothing owed.
    pub rounds_paid: usize,
    /// How many requests reached a node that then recorded them.
    pub requests: usize,
    /// By process: what it told, in all of its incarnations. A client that is told nothing proves nothing.
    pub indications: BTreeMap<ProcessId, Vec<Value>>,
    /// The faults, in order.
    pub faults: Vec<Injected>,
    /// The nodes at the end.
    pub nodes: BTreeMap<ProcessId, NodeStatus>,
    /// By process that is up at the end: how many KiB of memory its OS process has.
    pub memory_kib: BTreeMap<ProcessId, u64>,
    /// How many connections were broken on the way.
    pub broken: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether [`Plan::run_max`] was over before the last round.
    pub timed_out: bool,
}

impl Driven {
    /// How many faults of a kind took effect.
    pub fn effective(&self, kind: impl Fn(&Fault) -> bool) -> usize {
        self.faults.iter().filter(|injected| injected.effective && kind(&injected.fault)).count()
    }
}

/// The nodes of an algorithm, in whatever grain, and the hand that troubles them.
pub trait Deployment: Send {
    /// n.
    fn count(&self) -> u32;
    /// Whether a process's node runs.
    fn is_up(&self, p: ProcessId) -> bool;
    /// The incarnation of the node that runs, or ran last.
    fn incarnation(&self, p: ProcessId) -> u64;
    /// The OS process of a node, if it has one of its own.
    fn pid(&self, p: ProcessId) -> Option<u32>;
    /// Whether a fault lasts that will be over.
    fn is_troubled(&self) -> bool;
    /// What passed between them; `None` where nobody counts.
    fn passed(&self) -> Option<BTreeMap<Way, Passed>>;
    /// An error if any node has ended though nobody killed it.
    fn check_all(&mut self) -> Result<(), ClusterError>;
    /// Lets a fault strike. Whether anything changed by it.
    fn strike(&mut self, fault: &Fault) -> Result<bool, ClusterError>;
    /// Asks a process for something. Whether it could be told.
    fn request(&mut self, p: ProcessId, request: &Value) -> bool;
    /// Asks a node how it is. The answer is a reply.
    fn ask_status(&mut self, p: ProcessId) -> bool;
    /// Stops all nodes in order.
    fn stop(self: Box<Self>) -> Result<(), ClusterError>;
}

impl Deployment for Cluster {
    fn count(&self) -> u32 {
        self.processes().count() as u32
    }

    fn is_up(&self, p: ProcessId) -> bool {
        self.is_up(p)
    }

    fn incarnation(&self, p: ProcessId) -> u64 {
        self.incarnation(p)
    }

    fn pid(&self, p: ProcessId) -> Option<u32> {
        self.pid(p)
    }

    fn is_troubled(&self) -> bool {
        !self.rules().is_empty() || self.processes().any(|p| self.is_paused(p))
    }

    fn passed(&self) -> Option<BTreeMap<Way, Passed>> {
        self.passed()
    }

    fn check_all(&mut self) -> Result<(), ClusterError> {
        self.check_all()
    }

    fn strike(&mut self, fault: &Fault) -> Result<bool, ClusterError> {
        self.strike(fault)
    }

    fn request(&mut self, p: ProcessId, request: &Value) -> bool {
        self.request(p, request)
    }

    fn ask_status(&mut self, p: ProcessId) -> bool {
        self.ask_status(p)
    }

    fn stop(self: Box<Self>) -> Result<(), ClusterError> {
        (*self).stop()
    }
}

impl From<Cluster> for Box<dyn Deployment> {
    fn from(cluster: Cluster) -> Self {
        Box::new(cluster)
    }
}

/// Runs a cluster by a plan, and stops it: before the end of the plan, as soon as `stop` says so. `oversight` is asked only
/// what is owed.
pub fn drive(
    (cluster, told): (impl Into<Box<dyn Deployment>>, Receiver<Told>),
    plan: &Plan,
    oversight: Box<dyn Oversight>,
    progress: impl FnMut(Progress),
    stop: impl Fn() -> bool,
) -> Result<Driven, ClusterError> {
    let begun = Instant::now();
    let mut driver = Driver {
        cluster: cluster.into(),
        told,
        oversight,
        progress,
        stop,
        driven: Driven::default(),
        indications: 0,
        struck: vec![],
        asked: BTreeMap::new(),
        schedule: plan.schedule.iter().map(|(at, fault)| (begun + *at, fault.clone())).collect(),
        number: 0,
        comes_back: plan.comes_back,
        gone: BTreeSet::new(),
    };
    for (number, requests) in plan.rounds.iter().enumerate() {
        driver.driven.timed_out = begun.elapsed() > plan.run_max;
        if driver.driven.timed_out || (driver.stop)() {
            break;
        }
        let paid = driver.round(number, requests, plan)?;
        driver.driven.rounds += 1;
        driver.driven.rounds_paid += usize::from(paid);
        (driver.progress)(Progress::Round { done: driver.driven.rounds, of: plan.rounds.len() });
    }
    if let Some((last, _)) = driver.schedule.back().cloned() {
        driver.wait(last + TICK, |driver| driver.schedule.is_empty())?;
    }
    driver.settle(plan.settle_max)?;
    let driven = driver.finish()?;
    Ok(Driven { elapsed: begun.elapsed(), ..driven })
}

struct Driver<F, S> {
    cluster: Box<dyn Deployment>,
    told: Receiver<Told>,
    oversight: Box<dyn Oversight>,
    progress: F,
    /// Whether to end before the plan does.
    stop: S,
    /// What is known so far.
    driven: Driven,
    /// How many indications there were in all.
    indications: usize,
    struck: Vec<Struck>,
    /// In this round: who was asked in which incarnation.
    asked: BTreeMap<ProcessId, u64>,
    /// What is to strike at its time.
    schedule: VecDeque<(Instant, Fault)>,
    /// Which round it is.
    number: usize,
    comes_back: bool,
    /// Who was killed and does not come back.
    gone: BTreeSet<ProcessId>,
}

/// A fault, and what is needed to know later whether it took effect.
struct Struck {
    fault: Fault,
    round: usize,
    took_effect: bool,
    /// How many indications there had been.
    told: usize,
    /// How often something had met a cut, by way; where it is one.
    met: BTreeMap<(ProcessId, ProcessId), u64>,
}

/// A debt, as far as it is told from others.
type Debts = BTreeSet<(String, String)>;

impl<F, S> Driver<F, S>
where
    F: FnMut(Progress),
    S: Fn() -> bool,
{
    /// One round. Whether all that came to be owed in it was paid in time.
    fn round(
        &mut self,
        number: usize,
        requests: &[(ProcessId, Value)],
        plan: &Plan,
    ) -> Result<bool, ClusterError> {
        self.number = number;
        let before = self.debts();
        let begun = Instant::now();
        self.asked.clear();
        self.ask(requests);
        for (_, fault) in plan.faults.iter().filter(|(round, _)| *round == number) {
            self.strike(fault, number)?;
            if plan.ask_again && matches!(fault, Fault::Restart(_)) {
                self.ask(requests);
            }
        }
        let paid = |driver: &mut Self| driver.debts().is_subset(&before);
        if !self.cluster.is_troubled() {
            return self.wait(begun + plan.round_max, paid);
        }
        // a cut that nothing has met would show nothing: such a round lasts its whole time
        self.wait(begun + plan.round_max_cut, |_| false)?;
        Ok(paid(self))
    }

    fn processes(&self) -> impl Iterator<Item = ProcessId> + use<F, S> {
        (0..self.cluster.count()).map(ProcessId)
    }

    /// Asks those who are up and have not been asked in their incarnation.
    fn ask(&mut self, requests: &[(ProcessId, Value)]) {
        let asked = self.asked.clone();
        for (p, request) in requests {
            let incarnation = self.cluster.incarnation(*p);
            let is_due = asked.get(p) != Some(&incarnation) && !self.gone.contains(p);
            if is_due && self.cluster.request(*p, request) {
                self.asked.insert(*p, incarnation);
                self.oversight.see(&Observed::Request(*p, request.clone()));
            }
        }
    }

    fn strike(&mut self, fault: &Fault, round: usize) -> Result<(), ClusterError> {
        let met = self.met(fault);
        let took_effect = self.cluster.strike(fault)?;
        if let (Fault::Kill(p) | Fault::Replace(p, _), false) = (fault, self.comes_back) {
            self.gone.insert(*p);
        }
        match *fault {
            _ if !took_effect => {}
            Fault::Restart(p) if self.gone.contains(&p) => {}
            Fault::Replace(p, _) if self.gone.contains(&p) => self.oversight.see(&Observed::Crash(p)),
            Fault::Kill(p) => self.oversight.see(&Observed::Crash(p)),
            Fault::Restart(p) => self.oversight.see(&Observed::Recover(p)),
            Fault::Replace(p, _) => {
                self.oversight.see(&Observed::Crash(p));
                self.oversight.see(&Observed::Recover(p));
            }
            _ => {}
        }
        let struck = Struck { fault: fault.clone(), round, took_effect, told: self.indications, met };
        self.struck.push(struck);
        (self.progress)(Progress::Fault(fault.clone()));
        Ok(())
    }

    /// How often something has met a cut on the ways that a fault cuts.
    fn met(&self, fault: &Fault) -> BTreeMap<(ProcessId, ProcessId), u64> {
        let count = self.cluster.count() as usize;
        let Some((ways, Change::Cut)) = fault.on_links(count) else { return BTreeMap::new() };
        // where nobody counts, a cut is taken for one that was met
        let Some(passed) = self.cluster.passed() else { return BTreeMap::new() };
        ways.into_iter().map(|way| (way, passed.get(&way).map_or(0, |passed| passed.met_cut))).collect()
    }

    /// Listens until `done`, the deadline, or the word to stop. Whether it was done.
    fn wait(
        &mut self,
        deadline: Instant,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, ClusterError> {
        loop {
            while let Ok(told) = self.told.try_recv() {
                self.hear(told);
            }
            while self.schedule.front().is_some_and(|(due, _)| *due <= Instant::now())
                && let Some((_, fault)) = self.schedule.pop_front()
            {
                self.strike(&fault, self.number)?;
            }
            if done(self) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || (self.stop)() {
                return Ok(false);
            }
            match self.told.recv_timeout(left.min(TICK)) {
                Ok(told) => self.hear(told),
                Err(_) => self.cluster.check_all()?,
            }
        }
    }

    fn hear(&mut self, Told { process, reply, .. }: Told) {
        match reply {
            Reply::Indication(indication) => {
                self.indications += 1;
                self.oversight.see(&Observed::Indication(process, indication.clone()));
                self.driven.indications.entry(process).or_default().push(indication);
            }
            Reply::Requested => self.driven.requests += 1,
            Reply::Status(status) => _ = self.driven.nodes.insert(process, status),
            _ => {}
        }
    }

    /// What is owed by processes that are up.
    fn debts(&self) -> Debts {
        let is_here = |p| self.cluster.is_up(p) && !self.gone.contains(&p);
        let is_due = |among: &synod_model::ProcessSet| among.iter().all(is_here);
        let owed = self.oversight.owed().into_iter().filter(|debt| is_due(&debt.among));
        owed.map(|debt| (debt.property, debt.what)).collect()
    }

    /// Heals what is cut, lets go on what is paused, and waits until nothing is owed.
    fn settle(&mut self, settle_max: Duration) -> Result<(), ClusterError> {
        (self.progress)(Progress::Settling);
        self.cluster.strike(&Fault::HealAll)?;
        for p in self.processes() {
            self.cluster.strike(&Fault::Resume(p))?;
        }
        self.wait(Instant::now() + settle_max, |driver| driver.debts().is_empty()).map(drop)
    }

    fn finish(mut self) -> Result<Driven, ClusterError> {
        let asked: Vec<_> = self.processes().collect();
        let asked: Vec<_> = asked.into_iter().filter(|&p| self.cluster.ask_status(p)).collect();
        let answered = |driver: &mut Self| asked.iter().all(|p| driver.driven.nodes.contains_key(p));
        self.wait(Instant::now() + STATUS_TIMEOUT, answered)?;
        let memory = |p| Some((p, memory_kib(self.cluster.pid(p)?)?));
        self.driven.memory_kib = self.processes().filter_map(memory).collect();
        let passed = self.cluster.passed().unwrap_or_default();
        self.driven.broken = passed.values().map(|passed| passed.broken).sum();
        // What is said while stopping is in the records.
        self.cluster.stop()?;
        let met = |way: &_| passed.get(way).map_or(0, |passed| passed.met_cut);
        self.driven.faults = self.struck.iter().map(|struck| struck.judged(self.indications, met)).collect();
        Ok(self.driven)
    }
}

impl Struck {
    fn judged(&self, told: usize, met: impl Fn(&(ProcessId, ProcessId)) -> u64) -> Injected {
        let Self { fault, round, .. } = self;
        // a cut took effect if something met it
        let took_effect = self.took_effect
            && (self.met.is_empty() || self.met.iter().any(|(way, &before)| met(way) > before));
        Injected { fault: fault.clone(), round: *round, effective: took_effect && self.told < told }
    }
}
