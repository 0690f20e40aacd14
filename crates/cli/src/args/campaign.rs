//! The grammar of campaigns on many machines.

use super::{Sim, Subject, seed};
use clap::{Args, Subcommand};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;
use synod_kernel::environment::duration;

/// `campaign`.
#[derive(Clone, Debug, Subcommand)]
pub enum Campaign {
    /// Makes the runs of a range of seeds, or of one part of it, and writes them to one file: the same file wherever it is made.
    Run(Box<CampaignRun>),
    /// Makes one file of the files in directories, whatever their order, with each run once.
    Merge {
        /// Where they are: directories, or files.
        #[arg(required = true, value_name = "DIRECTORY")]
        from: Vec<PathBuf>,
        /// Where the one goes.
        #[arg(long, value_name = "DIRECTORY")]
        out: PathBuf,
        /// Exit with 0 if, and only if, a violation is found.
        #[arg(long)]
        expect_violation: bool,
    },
    /// What the files in directories come to, and what is missing.
    Status {
        /// Where they are: directories, or files.
        #[arg(required = true, value_name = "DIRECTORY")]
        from: Vec<PathBuf>,
    },
}

/// `campaign run`.
#[derive(Clone, Debug, Args)]
pub struct CampaignRun {
    /// What is examined.
    #[command(flatten)]
    pub subject: Subject,
    /// The seeds of the whole campaign, a run each: from A on, up to but not B.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub seeds: Range<u64>,
    /// Which part of how many, from 0/N to N-1/N. A Slurm array task knows its own.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub shard: Option<(u64, u64)>,
    /// How many parts there are, where the environment has the number of this one: JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID, from 0 on.
    #[arg(long, value_name = "N", conflicts_with = "shard", value_parser = clap::value_parser!(u64).range(1..))]
    pub shards: Option<u64>,
    /// Where the file goes.
    #[arg(long, value_name = "DIRECTORY")]
    pub out: PathBuf,
    /// How many threads share the work; all cores where nothing is said. The file is the same for any number.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// The most steps of a run.
    #[arg(long, value_name = "NUMBER")]
    pub steps_max: Option<u64>,
    /// The virtual time after which a run ends.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub horizon: Option<Duration>,
    /// Let every run meet all the kinds of fault that there may be, in place of a random subset of them.
    #[arg(long)]
    pub no_swarm: bool,
}

impl CampaignRun {
    /// The same as a simulation of so many runs.
    pub fn sim(&self) -> Sim {
        Sim {
            subject: self.subject.clone(),
            seed: Some(self.seeds.start),
            runs: Some(self.seeds.end - self.seeds.start),
            steps_max: self.steps_max,
            horizon: self.horizon,
            no_swarm: self.no_swarm,
            ..Sim::default()
        }
    }
}

/// A range of seeds.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write the seeds as A..B: from A on, up to but not B")?;
    let [from, to] = [seed(from.trim())?, seed(to.trim())?];
    match from.cmp(&to) {
        std::cmp::Ordering::Less => Ok(from..to),
        std::cmp::Ordering::Equal => {
            Err(format!("{text} is no seed: up to but not {to}, that is {from}..{}", to.saturating_add(1)))
        }
        std::cmp::Ordering::Greater => Err(format!("the seeds go backwards: did you mean {to}..{from}?")),
    }
}

/// A part of several.
fn shard(text: &str) -> Result<(u64, u64), String> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        None => Err("write the part as I/N: 0/4 is the first of four".to_owned()),
        Some((_, 0)) => Err("there is no part of none: 0/1 is all of it".to_owned()),
        Some((i, n)) if i >= n => {
            Err(format!("there is no part {i} of {n}: they are 0/{n} to {}/{n}", n - 1))
        }
        Some(part) => Ok(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_parts_that_make_no_sense_are_refused_with_those_that_do() {
        assert_eq!(seeds("5..0x10"), Ok(5..16));
        assert!(seeds("9..3").unwrap_err().ends_with("did you mean 3..9?"));
        assert!(seeds("3..3").unwrap_err().ends_with("that is 3..4"));
        assert!(seeds("100").unwrap_err().contains("A..B"));
        assert_eq!(shard("0/1"), Ok((0, 1)));
        assert!(shard("5/3").unwrap_err().ends_with("0/3 to 2/3"));
        assert!(shard("3/3").is_err() && shard("0/0").is_err() && shard("-1/3").is_err());
    }
}
