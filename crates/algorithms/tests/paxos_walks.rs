//! Paxos on random walks through the kernel's choices: crashes with writes pending, kept or torn, restarts, a
//! process that stops for ever, messages lost with their sender or at a receiver that is down, a cut, an oracle that
//! says anything. Then the faults end and the oracle settles, and every debt between correct processes must be paid.
//!
//! A walk needs no clock and no probabilities: it is the adversary's power at its plainest.

use synod_algorithms::consensus::{Defect, Paxos, PaxosParameters, PaxosSequence};
use synod_algorithms::detectors::{EventuallyPerfectLeader, OmegaOracle};
use synod_kernel::environment::{Budget, Environment};
use synod_kernel::trace::Recorder;
use synod_kernel::{Choice, Fairness, InPlace, Move, Random, Setting, Status};
use synod_model::interface::{Propose, ProposeAt};
use synod_model::{Group, Output, Process, ProcessId};
use synod_properties::{Consensus, ConsensusSequence, Monitor, Observation, Violation};

const N: u32 = 3;
const FAULTY_STEPS: usize = 80;
const FAIR_STEPS: usize = 5_000;

/// A run with its monitor and the dice.
struct Walk<'a, P: Process, M> {
    run: Recorder<'a, P>,
    setting: &'a Setting<P>,
    monitor: M,
    dice: Random,
}

type Step<P> = Choice<<P as Process>::Message, <P as Process>::Timer>;

impl<P: Process, M: Monitor<P::Request, P::Indication>> Walk<'_, P, M> {
    fn step(&mut self, choice: Step<P>) -> Result<(), Violation> {
        let line = self.run.step(None, Move::plain(choice)).expect("the choice is enabled");
        line.observed.iter().try_for_each(|observed| self.monitor.observe(&Observation::of(observed)))
    }

    fn pick<T>(&mut self, mut from: Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(self.dice.below(from.len() as u64) as usize))
    }

    /// Anything may happen; faults more seldom than the rest.
    fn arbitrary(&mut self) -> Result<(), Violation> {
        let faults_per_million = [20_000, 60_000, 120_000][self.dice.below(3) as usize];
        for _ in 0..FAULTY_STEPS {
            let faulty = self.dice.chance(faults_per_million);
            let rare = |c: &Step<P>| {
                matches!(
                    c,
                    Choice::Crash { .. } | Choice::Disk { .. } | Choice::Lose { .. } | Choice::Output { .. }
                )
            };
            let enabled: Vec<_> = self.run.enabled().into_iter().filter(|c| rare(c) == faulty).collect();
            let Some(choice) = self.pick(enabled) else { continue };
            self.step(choice)?;
        }
        Ok(())
    }

    /// The faults end, the oracle settles on a correct leader, and all that is fair happens, in any order.
    fn settle(&mut self) -> Result<(), Violation> {
        while let Some(recover) = self.run.enabled().into_iter().find(|c| matches!(c, Choice::Recover { .. }))
        {
            self.step(recover)?;
        }
        let stopped = self.stopped();
        let correct = (0..N).map(ProcessId).filter(|p| !stopped.contains(p)).collect();
        let leader = self.pick(correct).expect("a majority is correct");
        let settled = |output: &Output| match output {
            Output::Trust(p) => *p == leader,
            Output::Suspect(p) => stopped.contains(p),
            Output::Restore(p) => !stopped.contains(p),
        };
        for _ in 0..FAIR_STEPS {
            let may_come = |c: &Step<P>| match c {
                Choice::Output { output, .. } => settled(output),
                c => {
                    let rep = InPlace::new(self.setting, synod_kernel::Script::default());
                    self.run.world().fairness(self.setting.into(), &rep, c) == Fairness::Fair
                }
            };
            let fair = self.run.enabled().into_iter().filter(may_come).collect();
            let Some(choice) = self.pick(fair) else { return Ok(()) };
            self.step(choice)?;
        }
        panic!("no end of messages without faults");
    }

    fn stopped(&self) -> Vec<ProcessId> {
        let seats = self.run.world().seats.iter().enumerate();
        seats.filter(|(_, s)| s.status() == Status::Stopped).map(|(p, _)| ProcessId(p as u32)).collect()
    }

    fn owed(&self) -> Vec<String> {
        let (mut all, stopped) = (vec![], self.stopped());
        self.monitor.owed(&mut |debt| {
            if !stopped.iter().any(|&p| debt.among.contains(p)) {
                all.push(debt.what);
            }
        });
        all
    }
}

/// What became of many walks.
#[derive(Debug, Default)]
struct Walks {
    decided: usize,
    violations: Vec<Violation>,
    stuck: Vec<(u64, Vec<String>)>,
}

fn environment() -> Environment {
    let mut environment = Environment::weakest::<<Paxos<char, OmegaOracle> as Process>::Model>(N);
    environment.failures.restarts = Budget::AtMost(3);
    environment.partitions = Budget::AtMost(1);
    environment
}

fn walk<P, M>(
    seeds: std::ops::Range<u64>,
    defect: Option<Defect>,
    requests: &[Vec<P::Request>],
    monitor: M,
) -> Walks
where
    P: Process<Parameters = PaxosParameters>,
    M: Monitor<P::Request, P::Indication>,
{
    let parameters = PaxosParameters { defect, ..PaxosParameters::default() };
    let mut walks = Walks::default();
    for seed in seeds {
        let mut environment = environment();
        environment.oracles.granted = synod_model::oracle::OracleKind::ALL.into_iter().collect();
        environment.oracles.outputs = Budget::Unlimited;
        let setting = Setting::<P>::new(environment, parameters, requests.to_vec());
        let mut walk = Walk {
            run: Recorder::new(&setting),
            setting: &setting,
            monitor: monitor.clone(),
            dice: Random::new(seed),
        };
        match walk.arbitrary().and_then(|()| walk.settle()) {
            Err(violation) => walks.violations.push(violation),
            Ok(()) if !walk.owed().is_empty() => walks.stuck.push((seed, walk.owed())),
            Ok(()) => {}
        }
        walk.monitor.reached(&mut |_| walks.decided += 1);
    }
    walks
}

fn proposals() -> Vec<Vec<Propose<char>>> {
    ["ad", "b", "ce"].map(|of| of.chars().map(Propose).collect()).to_vec()
}

fn single<D: synod_algorithms::consensus::paxos::PracticalDetector>(
    seeds: u64,
    defect: Option<Defect>,
) -> Walks {
    walk::<Paxos<char, D>, _>(0..seeds, defect, &proposals(), Consensus::new(Group::first(N)))
}

#[test]
fn paxos_with_omega_keeps_its_properties_on_every_walk() {
    let walks = single::<OmegaOracle>(4_000, None);
    assert!(walks.violations.is_empty() && walks.stuck.is_empty(), "{walks:?}");
    assert!(walks.decided > 3_000, "{}", walks.decided);
}

#[test]
fn paxos_with_eventually_p_keeps_its_properties_on_every_walk() {
    let walks = single::<EventuallyPerfectLeader>(2_000, None);
    assert!(walks.violations.is_empty() && walks.stuck.is_empty(), "{walks:?}");
    assert!(walks.decided > 1_500, "{}", walks.decided);
}

#[test]
fn a_sequence_of_paxos_keeps_its_properties_on_every_walk() {
    let requests: Vec<Vec<_>> =
        [vec![(0, 'a'), (1, 'b')], vec![(1, 'c'), (2, 'd')], vec![(0, 'e'), (2, 'f')]]
            .into_iter()
            .map(|of| of.into_iter().map(|(instance, value)| ProposeAt { instance, value }).collect())
            .collect();
    let monitor = ConsensusSequence::new(Group::first(N));
    let walks = walk::<PaxosSequence<char, OmegaOracle>, _>(0..2_000, None, &requests, monitor);
    assert!(walks.violations.is_empty() && walks.stuck.is_empty(), "{walks:?}");
    assert!(walks.decided > 1_500, "{}", walks.decided);
}

#[test]
fn a_leader_that_is_never_refused_aloud_gets_stuck() {
    let walks = single::<OmegaOracle>(2_000, Some(Defect::NoNack));
    assert!(walks.violations.is_empty(), "{walks:?}");
    assert!(!walks.stuck.is_empty(), "C1 should fail");
}
