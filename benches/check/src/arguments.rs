//! What the harness is asked.

use std::path::PathBuf;
use std::str::FromStr;

pub const USAGE: &str = "\
bench-check [--scenario paxos|two-phase|abd|spin|ring|all] [--rounds 3] [--threads 1[,2]]
            [--exact] [--small] [--json] [--at-least RATIO] [--at-least NAME=RATIO]..

Races Synod's checker against its peers: A B A B, each run in a process of its own.
  --scenario  which races; paxos if none is given
  --rounds    how often each is run; medians are compared
  --threads   on how many threads, one number after the other (SPIN searches on one)
  --exact     our side compares states in full, as SPIN does; else it knows them by 64 bits, as stateright does
  --small     the same races on small worlds: tells in seconds whether all is well
  --json      a JSON line for each run and each race, in place of the tables
  --at-least  fails where the ratio of states per CPU second is less: of the race of this name, or of each";

/// The command line.
#[derive(Debug)]
pub struct Arguments {
    pub scenario: Scenario,
    pub rounds: usize,
    pub threads: Vec<u32>,
    pub exact: bool,
    pub small: bool,
    pub json: bool,
    pub bars: Vec<Bar>,
    /// One side alone, in this process: what the harness starts.
    pub side: Option<Side>,
}

/// A side's own arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub name: String,
    pub world: String,
    pub program: PathBuf,
}

/// Which races.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    Paxos,
    TwoPhase,
    Abd,
    Spin,
    Ring,
    All,
}

impl Scenario {
    pub fn has(self, other: Self) -> bool {
        self == other || self == Self::All
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "paxos" => Self::Paxos,
            "two-phase" => Self::TwoPhase,
            "abd" => Self::Abd,
            "spin" => Self::Spin,
            "ring" => Self::Ring,
            "all" => Self::All,
            _ => return Err(format!("no scenario {text}")),
        })
    }
}

/// The least ratio that passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Of which race; of each if none is named.
    pub race: Option<String>,
    pub ratio: f64,
}

impl FromStr for Bar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (race, ratio) = text.split_once('=').map_or((None, text), |(race, ratio)| (Some(race), ratio));
        Ok(Self { race: race.map(str::to_owned), ratio: number(ratio)? })
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number that can stand here"))
}

impl Arguments {
    pub fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            scenario: Scenario::Paxos,
            rounds: 3,
            threads: vec![1],
            exact: false,
            small: false,
            json: false,
            bars: Vec::new(),
            side: None,
        };
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{name} takes a value"));
            match name.as_str() {
                "--scenario" => arguments.scenario = value()?.parse()?,
                "--rounds" => arguments.rounds = number::<usize>(&value()?)?.max(1),
                "--threads" => {
                    arguments.threads = value()?.split(',').map(number).collect::<Result<_, _>>()?
                }
                "--exact" => arguments.exact = true,
                "--small" => arguments.small = true,
                "--json" => arguments.json = true,
                "--at-least" => arguments.bars.push(value()?.parse()?),
                "--side" => {
                    let (name, world) = (value()?, value()?);
                    arguments.side = Some(Side { name, world, program: value()?.into() });
                }
                _ => return Err(format!("no option {name}")),
            }
        }
        Ok(arguments)
    }

    /// What a race of this name must reach.
    pub fn bar(&self, race: &str) -> Option<f64> {
        let binds = |bar: &&Bar| bar.race.as_deref().is_none_or(|named| named == race);
        self.bars.iter().rev().find(binds).map(|bar| bar.ratio)
    }
}
