//! A race: two sides on one world.

use crate::arguments::{Arguments, Scenario};
use crate::sample::Sample;
use crate::sides::{Who, World};
use serde::Serialize;
use std::path::PathBuf;

/// What is run side by side.
#[derive(Clone, Debug)]
pub struct Race {
    pub world: World,
    pub threads: u32,
    /// What each must find: a step of one is not always a step of the other.
    pub states: States,
    pub ours: Who,
    pub peer: Who,
    /// The peer's program, where it is one.
    pub program: PathBuf,
}

/// How many states a world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct States {
    pub ours: u64,
    pub peer: u64,
}

impl States {
    /// The same for both.
    fn both(states: u64) -> Self {
        Self { ours: states, peer: states }
    }
}

impl Race {
    /// Its name: the world, after the peer if that is not stateright, and the threads if there are several.
    pub fn name(&self) -> String {
        let peer = if self.peer == Who::Spin { "spin-" } else { "" };
        let threads = if self.threads == 1 { String::new() } else { format!("/{}", self.threads) };
        format!("{peer}{}{threads}", self.world)
    }

    pub fn sample(&self, who: Who) -> Result<Sample, String> {
        let sample = Sample::take(who, self.world, self.threads, &self.program)?;
        let known = if who == self.peer { self.states.peer } else { self.states.ours };
        if sample.states == known {
            return Ok(sample);
        }
        Err(format!("{who} finds {} states on {}, and not {known}", sample.states, self.world))
    }
}

/// The worlds of a scenario, each with its number of states.
fn worlds(scenario: Scenario, small: bool) -> Vec<(World, States)> {
    let paxos = |clients, states| (World::Paxos { clients }, States::both(states));
    let two_phase = |managers, states| (World::TwoPhase { managers }, States::both(states));
    let abd = |clients, states| (World::Abd { clients }, States::both(states));
    match (scenario, small) {
        (Scenario::Paxos, true) => vec![paxos(2, 16_668)],
        (Scenario::Paxos, false) => vec![paxos(3, 1_194_428)],
        (Scenario::TwoPhase, false) => vec![two_phase(7, 296_448), two_phase(8, 1_745_408)],
        (Scenario::TwoPhase | Scenario::Spin, true) => vec![two_phase(5, 8_832), two_phase(6, 50_816)],
        (Scenario::Spin, false) => vec![two_phase(8, 1_745_408), two_phase(9, 10_340_352)],
        (Scenario::Abd, true) => vec![abd(1, 559)],
        (Scenario::Abd, false) => vec![abd(2, 1_212_979)],
        (Scenario::Ring, true) => [ring(3, [25, 13], [399, 61]), ring(5, [150, 21], [15_779, 97])].concat(),
        (Scenario::Ring, false) => {
            [ring(6, [384, 25], [106_435, 115]), ring(7, [995, 29], [723_053, 133])].concat()
        }
        (Scenario::All, _) => Vec::new(),
    }
}

/// The ring of this size, unreduced and reduced. A process of ours takes a message and answers it in one step; one of SPIN's
/// in as many as it has statements.
fn ring(processes: u32, ours: [u64; 2], spins: [u64; 2]) -> Vec<(World, States)> {
    let of = |reduced| {
        let states = States { ours: ours[usize::from(reduced)], peer: spins[usize::from(reduced)] };
        (World::Ring { processes, reduced }, states)
    };
    vec![of(false), of(true)]
}

/// The races that are asked for. `build` gives SPIN's program for a world, or nothing where that race is passed over.
pub fn races(
    asked: &Arguments,
    build: impl Fn(World) -> Result<Option<PathBuf>, String>,
) -> Result<Vec<Race>, String> {
    let mut races = Vec::new();
    let ours = if asked.exact { Who::SynodExact } else { Who::Synod };
    let of = |scenario| if asked.scenario.has(scenario) { worlds(scenario, asked.small) } else { Vec::new() };
    for (world, states) in [Scenario::Paxos, Scenario::TwoPhase, Scenario::Abd].into_iter().flat_map(of) {
        races.extend(asked.threads.iter().map(|&threads| {
            let (peer, program) = (Who::Stateright, PathBuf::new());
            Race { world, threads, states, ours, peer, program }
        }));
    }
    for (world, states) in [Scenario::Spin, Scenario::Ring].into_iter().flat_map(of) {
        let Some(program) = build(world)? else { continue };
        races.push(Race { world, threads: 1, states, ours, peer: Who::Spin, program });
    }
    Ok(races)
}

/// What the rounds of a race come to.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub race: String,
    pub threads: u32,
    pub states: States,
    /// Medians.
    pub ours: Medians,
    pub peer: Medians,
    /// The median of the rounds' ratios: the peer's CPU time to ours.
    pub ratio: f64,
    /// The same of peak memory.
    pub memory: f64,
    /// What the ratio must reach.
    pub bar: Option<f64>,
}

/// What a side's runs come to, each figure the median of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Medians {
    pub side: String,
    pub cpu: f64,
    pub wall: f64,
    pub thousands_a_second: f64,
    pub peak: f64,
    pub bytes_a_state: f64,
    pub account_a_state: Option<f64>,
}

impl Medians {
    fn of(who: Who, samples: &[Sample]) -> Self {
        let of = |figure: &dyn Fn(&Sample) -> f64| median(samples.iter().map(figure));
        Self {
            side: who.to_string(),
            cpu: of(&|s| s.cpu),
            wall: of(&|s| s.wall),
            thousands_a_second: of(&Sample::rate),
            peak: of(&|s| s.peak as f64),
            bytes_a_state: of(&Sample::bytes_a_state),
            account_a_state: samples.first().and_then(|s| Some(s.account? as f64 / s.states as f64)),
        }
    }
}

impl Outcome {
    pub fn of(race: &Race, ours: &[Sample], peer: &[Sample], bar: Option<f64>) -> Self {
        let ratio_of = |figure: fn(&Sample) -> f64| {
            median(ours.iter().zip(peer).map(|(ours, peer)| figure(peer) / figure(ours)))
        };
        Self {
            race: race.name(),
            threads: race.threads,
            states: race.states,
            ours: Medians::of(race.ours, ours),
            peer: Medians::of(race.peer, peer),
            ratio: ratio_of(|s| s.cpu),
            memory: ratio_of(|s| s.peak as f64),
            bar,
        }
    }

    /// Whether the bar is met, where there is one.
    pub fn passes(&self) -> bool {
        self.bar.is_none_or(|bar| self.ratio >= bar)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
