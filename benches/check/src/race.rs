//! A race: two sides, or one that nobody races yet, on one world.

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
    /// What both must find.
    pub states: u64,
    pub ours: Option<Who>,
    pub peer: Who,
    /// The peer's program, where it is one.
    pub program: PathBuf,
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
        if sample.states == self.states {
            return Ok(sample);
        }
        Err(format!("{who} finds {} states on {}, and not {}", sample.states, self.world, self.states))
    }
}

/// The worlds of a scenario, each with its number of states.
fn worlds(scenario: Scenario, small: bool) -> Vec<(World, u64)> {
    let two_phase = |managers, states| (World::TwoPhase { managers }, states);
    let ring = |processes, states, least| {
        [
            (World::Ring { processes, reduced: false }, states),
            (World::Ring { processes, reduced: true }, least),
        ]
    };
    match (scenario, small) {
        (Scenario::Paxos, true) => vec![(World::Paxos { clients: 2 }, 16_668)],
        (Scenario::Paxos, false) => vec![(World::Paxos { clients: 3 }, 1_194_428)],
        (Scenario::TwoPhase, false) => vec![two_phase(7, 296_448), two_phase(8, 1_745_408)],
        (Scenario::TwoPhase | Scenario::Spin, true) => vec![two_phase(5, 8_832), two_phase(6, 50_816)],
        (Scenario::Spin, false) => vec![two_phase(8, 1_745_408), two_phase(9, 10_340_352)],
        (Scenario::Abd, false) => vec![(World::Abd { clients: 2 }, 1_212_979)],
        (Scenario::Ring, true) => [ring(3, 399, 61), ring(5, 15_779, 97)].concat(),
        (Scenario::Ring, false) => [ring(6, 106_435, 115), ring(7, 723_053, 133)].concat(),
        (Scenario::Abd, true) | (Scenario::All, _) => Vec::new(),
    }
}

/// The races that are asked for. `build` gives SPIN's program for a world, or nothing where that race is passed over.
pub fn races(
    asked: &Arguments,
    build: impl Fn(World) -> Result<Option<PathBuf>, String>,
) -> Result<Vec<Race>, String> {
    let mut races = Vec::new();
    let us = if asked.exact { Who::SynodExact } else { Who::Synod };
    let of = |scenario| if asked.scenario.has(scenario) { worlds(scenario, asked.small) } else { Vec::new() };
    for scenario in [Scenario::Paxos, Scenario::TwoPhase, Scenario::Abd] {
        // what our kernel has no links for yet is run for the peer's numbers alone
        let ours = (scenario != Scenario::Abd).then_some(us);
        for (world, states) in of(scenario) {
            races.extend(asked.threads.iter().map(|&threads| {
                let (peer, program) = (Who::Stateright, PathBuf::new());
                Race { world, threads, states, ours, peer, program }
            }));
        }
    }
    for scenario in [Scenario::Spin, Scenario::Ring] {
        let ours = (scenario != Scenario::Ring).then_some(us);
        for (world, states) in of(scenario) {
            let Some(program) = build(world)? else { continue };
            races.push(Race { world, threads: 1, states, ours, peer: Who::Spin, program });
        }
    }
    Ok(races)
}

/// What the rounds of a race come to.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub race: String,
    pub threads: u32,
    pub states: u64,
    /// Medians.
    pub ours: Option<Medians>,
    pub peer: Medians,
    /// The median of the rounds' ratios: the peer's CPU time to ours.
    pub ratio: Option<f64>,
    /// The same of peak memory.
    pub memory: Option<f64>,
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
    /// `ours` is empty where nobody races the peer.
    pub fn of(race: &Race, ours: &[Sample], peer: &[Sample], bar: Option<f64>) -> Self {
        let ratio_of = |figure: fn(&Sample) -> f64| {
            race.ours.map(|_| median(ours.iter().zip(peer).map(|(ours, peer)| figure(peer) / figure(ours))))
        };
        Self {
            race: race.name(),
            threads: race.threads,
            states: race.states,
            ours: race.ours.map(|who| Medians::of(who, ours)),
            peer: Medians::of(race.peer, peer),
            ratio: ratio_of(|s| s.cpu),
            memory: ratio_of(|s| s.peak as f64),
            bar,
        }
    }

    /// Whether the bar is met, where there is one.
    pub fn passes(&self) -> bool {
        self.bar.is_none_or(|bar| self.ratio.is_none_or(|ratio| ratio >= bar))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
