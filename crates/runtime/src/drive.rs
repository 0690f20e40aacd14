//! A run of a cluster: a client that asks in rounds, and faults that strike all through it.
//!
//! A round asks some processes for something, at once; it ends when all that came to be owed in it is paid by those
//! who are up. Faults strike right behind the requests of their round, into the middle of what these set off. A fault
//! counts only if the cluster said something after it; a cut, only if a message had to wait for it.

use crate::client::{NodeStatus, Reply};
use crate::cluster::{Cluster, ClusterError, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};
use synod_model::{Process, ProcessId};
use synod_properties::{Monitor, Observation};

/// How often the driver looks up from waiting.
const TICK: Duration = Duration::from_millis(20);

/// What the nemesis does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// `kill -9`.
    Kill(ProcessId),
    /// Starts a killed node again.
    Restart(ProcessId),
    /// Cuts a link, one way.
    Cut(ProcessId, ProcessId),
    /// Heals it.
    Heal(ProcessId, ProcessId),
    /// Cuts all links from a process.
    Mute(ProcessId),
    /// Heals them.
    Unmute(ProcessId),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(p) => write!(f, "kill -9 {p}"),
            Self::Restart(p) => write!(f, "restart {p}"),
            Self::Cut(from, to) => write!(f, "cut {from} -> {to}"),
            Self::Heal(from, to) => write!(f, "heal {from} -> {to}"),
            Self::Mute(p) => write!(f, "cut all links from {p}"),
            Self::Unmute(p) => write!(f, "heal all links from {p}"),
        }
    }
}

/// What to do with a cluster.
#[derive(Clone, Debug)]
pub struct Plan<Q> {
    /// By round: who is asked what. A process that is down is not asked.
    pub rounds: Vec<Vec<(ProcessId, Q)>>,
    /// What strikes in which round, in this order.
    pub faults: Vec<(usize, Fault)>,
    /// Ask a process again that restarted in the middle of a round.
    pub ask_again: bool,
    /// How long a round may take before the next one begins all the same.
    pub round_max: Duration,
    /// How long a round takes while a link is cut: what is owed then may have to wait until it heals.
    pub round_max_cut: Duration,
    /// How long the end may take: until nobody who is up owes anything.
    pub settle_max: Duration,
    /// How long all rounds together may take.
    pub run_max: Duration,
}

impl<Q> Plan<Q> {
    /// These rounds and faults, with the usual patience.
    pub fn new(rounds: Vec<Vec<(ProcessId, Q)>>, faults: Vec<(usize, Fault)>) -> Self {
        Self {
            rounds,
            faults,
            ask_again: true,
            round_max: Duration::from_secs(5),
            round_max_cut: Duration::from_millis(50),
            settle_max: Duration::from_secs(10),
            run_max: Duration::from_secs(45),
        }
    }
}

/// What happens in the course of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injected {
    /// What.
    pub fault: Fault,
    /// In which round.
    pub round: usize,
    /// Whether it took effect, and the cluster said something after it.
    pub effective: bool,
}

/// How a run went. Its judgement is another matter: that is made from the records.
#[derive(Clone, Debug)]
pub struct Driven<I> {
    /// How many rounds began.
    pub rounds: usize,
    /// How many of them ended with nothing owed.
    pub rounds_paid: usize,
    /// How many requests reached a node that then recorded them.
    pub requests: usize,
    /// By process: what it told, in all of its incarnations. A client that is told nothing proves nothing.
    pub indications: BTreeMap<ProcessId, Vec<I>>,
    /// The faults, in order.
    pub faults: Vec<Injected>,
    /// The nodes at the end.
    pub nodes: BTreeMap<ProcessId, NodeStatus>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether [`Plan::run_max`] was over before the last round.
    pub timed_out: bool,
}

impl<I> Driven<I> {
    /// How many faults of a kind took effect.
    pub fn effective(&self, kind: impl Fn(&Fault) -> bool) -> usize {
        self.faults.iter().filter(|injected| injected.effective && kind(&injected.fault)).count()
    }
}

/// Runs a cluster by a plan, and stops it: before the end of the plan, as soon as `stop` says so. `monitor` is asked only
/// what is owed.
pub fn drive<P: Process, M: Monitor<P::Request, P::Indication>>(
    cluster: Cluster<P>,
    plan: Plan<P::Request>,
    monitor: M,
    progress: impl FnMut(Progress),
    stop: impl Fn() -> bool,
) -> Result<Driven<P::Indication>, ClusterError> {
    let begun = Instant::now();
    let mut driver = Driver::<P, M, _, _> {
        cluster,
        monitor,
        progress,
        stop,
        driven: Driven {
            rounds: 0,
            rounds_paid: 0,
            requests: 0,
            indications: BTreeMap::new(),
            faults: vec![],
            nodes: BTreeMap::new(),
            elapsed: Duration::ZERO,
            timed_out: false,
        },
        told: 0,
        struck: vec![],
        asked: BTreeMap::new(),
    };
    for (number, requests) in plan.rounds.iter().enumerate() {
        driver.driven.timed_out = begun.elapsed() > plan.run_max;
        if driver.driven.timed_out || (driver.stop)() {
            break;
        }
        let paid = driver.round(number, requests, &plan)?;
        driver.driven.rounds += 1;
        driver.driven.rounds_paid += usize::from(paid);
        (driver.progress)(Progress::Round { done: driver.driven.rounds, of: plan.rounds.len() });
    }
    driver.settle(plan.settle_max)?;
    let driven = driver.finish()?;
    Ok(Driven { elapsed: begun.elapsed(), ..driven })
}

struct Driver<P: Process, M, F, S> {
    cluster: Cluster<P>,
    monitor: M,
    progress: F,
    /// Whether to end before the plan does.
    stop: S,
    /// What is known so far.
    driven: Driven<P::Indication>,
    /// How many indications there were in all.
    told: usize,
    struck: Vec<Struck>,
    /// In this round: who was asked in which incarnation.
    asked: BTreeMap<ProcessId, u64>,
}

/// A fault, and what is needed to know later whether it took effect.
struct Struck {
    fault: Fault,
    round: usize,
    took_effect: bool,
    /// How many indications there had been.
    told: usize,
}

/// A debt, as far as it is told from others.
type Debts = BTreeSet<(String, String)>;

impl<P, M, F, S> Driver<P, M, F, S>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    F: FnMut(Progress),
    S: Fn() -> bool,
{
    /// One round. Whether all that came to be owed in it was paid in time.
    fn round(
        &mut self,
        number: usize,
        requests: &[(ProcessId, P::Request)],
        plan: &Plan<P::Request>,
    ) -> Result<bool, ClusterError> {
        let before = self.debts();
        let begun = Instant::now();
        self.asked.clear();
        self.ask(requests);
        for &(_, fault) in plan.faults.iter().filter(|(round, _)| *round == number) {
            self.strike(fault, number)?;
            if plan.ask_again && matches!(fault, Fault::Restart(_)) {
                self.ask(requests);
            }
        }
        let paid = |driver: &mut Self| driver.debts().is_subset(&before);
        if self.cluster.cuts().is_empty() {
            return self.wait(begun + plan.round_max, paid);
        }
        // a cut that nothing has met would show nothing: such a round lasts its whole time
        self.wait(begun + plan.round_max_cut, |_| false)?;
        Ok(paid(self))
    }

    /// Asks those who are up and have not been asked in their incarnation.
    fn ask(&mut self, requests: &[(ProcessId, P::Request)]) {
        let asked = self.asked.clone();
        for (p, request) in requests {
            let incarnation = self.cluster.incarnation(*p);
            if asked.get(p) != Some(&incarnation) && self.cluster.request(*p, request.clone()) {
                self.asked.insert(*p, incarnation);
                self.observe(&Observation::Request { at: *p, request });
            }
        }
    }

    fn strike(&mut self, fault: Fault, round: usize) -> Result<(), ClusterError> {
        let took_effect = match fault {
            Fault::Kill(p) => {
                let killed = self.cluster.kill(p);
                self.observe(&Observation::Crash { at: p });
                killed
            }
            Fault::Restart(p) => {
                let restarted = self.cluster.restart(p)?;
                self.observe(&Observation::Recover { at: p });
                restarted
            }
            // Known when it heals: whether something had to wait.
            Fault::Cut(from, to) => {
                self.cluster.cut(from, to);
                false
            }
            Fault::Heal(from, to) => {
                self.cluster.heal(from, to);
                true
            }
            Fault::Mute(from) => {
                self.others(from).for_each(|to| self.cluster.cut(from, to));
                false
            }
            Fault::Unmute(from) => {
                self.others(from).for_each(|to| self.cluster.heal(from, to));
                true
            }
        };
        self.struck.push(Struck { fault, round, took_effect, told: self.told });
        (self.progress)(Progress::Fault(fault));
        Ok(())
    }

    fn others(&self, p: ProcessId) -> impl Iterator<Item = ProcessId> + use<P, M, F, S> {
        self.cluster.processes().filter(move |&q| q != p)
    }

    /// Listens until `done`, the deadline, or the word to stop. Whether it was done.
    fn wait(
        &mut self,
        deadline: Instant,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, ClusterError> {
        loop {
            while let Some(told) = self.cluster.poll(Duration::ZERO) {
                self.hear(told);
            }
            if done(self) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || (self.stop)() {
                return Ok(false);
            }
            match self.cluster.poll(left.min(TICK)) {
                Some(told) => self.hear(told),
                None => self.cluster.check_all()?,
            }
        }
    }

    fn hear(&mut self, Told { process, reply, .. }: Told<P::Indication>) {
        match reply {
            Reply::Indication(indication) => {
                self.told += 1;
                self.observe(&Observation::Indication { at: process, indication: &indication });
                self.driven.indications.entry(process).or_default().push(indication);
            }
            Reply::Requested => self.driven.requests += 1,
            Reply::Healed { to, held } => self.healed(process, to, held),
            Reply::Forgotten(_)
            | Reply::Welcome { .. }
            | Reply::Cut(_)
            | Reply::Status(_)
            | Reply::Stopped
            | Reply::Refused(_) => {}
        }
    }

    /// A link is healed: its last cut took effect if something had waited.
    fn healed(&mut self, from: ProcessId, to: ProcessId, held: usize) {
        let cuts = [Fault::Cut(from, to), Fault::Mute(from)];
        let cut = self.struck.iter_mut().rev().find(|struck| cuts.contains(&struck.fault));
        if let Some(cut) = cut {
            cut.took_effect |= held > 0;
        }
    }

    /// The client's view is not the order of the run, so what a violation is, it does not know.
    fn observe(&mut self, observation: &Observation<'_, P::Request, P::Indication>) {
        let _ = self.monitor.observe(observation);
    }

    /// What is owed by processes that are up.
    fn debts(&self) -> Debts {
        let mut debts = Debts::new();
        self.monitor.owed(&mut |debt| {
            if debt.among.iter().all(|p| self.cluster.is_up(p)) {
                debts.insert((debt.property, debt.what));
            }
        });
        debts
    }

    /// Heals what is cut, and waits until nothing is owed.
    fn settle(&mut self, settle_max: Duration) -> Result<(), ClusterError> {
        (self.progress)(Progress::Settling);
        for (from, to) in self.cluster.cuts().clone() {
            self.cluster.heal(from, to);
        }
        self.wait(Instant::now() + settle_max, |driver| driver.debts().is_empty()).map(drop)
    }

    fn finish(mut self) -> Result<Driven<P::Indication>, ClusterError> {
        let mut late = vec![];
        self.driven.nodes = self.cluster.statuses(&mut |told| late.push(told));
        for told in late {
            self.hear(told);
        }
        // What is said while stopping is in the records.
        self.cluster.stop(&mut drop)?;
        let told = self.told;
        self.driven.faults = self.struck.iter().map(|struck| struck.judged(told)).collect();
        Ok(self.driven)
    }
}

impl Struck {
    fn judged(&self, told: usize) -> Injected {
        let &Self { fault, round, took_effect, .. } = self;
        Injected { fault, round, effective: took_effect && self.told < told }
    }
}
