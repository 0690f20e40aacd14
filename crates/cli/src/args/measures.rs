//! The grammar of `cost` and `sweep`.

use super::{Subject, links, seed};
use crate::clients::Clients;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_model::link::LinkKind;

/// `cost`.
#[derive(Clone, Debug, Default, Args)]
pub struct Cost {
    /// The algorithm, as `list` names it; may be left out where there is only one.
    pub algorithm: Option<String>,
    /// The broken twin to take in place of the algorithm.
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// For which n: a list or a range, as in 3,5,7 or 3..=31 (3..=31/4: every fourth).
    #[arg(long, value_name = "NUMBERS", default_value = "3..=15/2", value_parser = sizes)]
    pub n: Sizes,
    /// The links, as in perfect or fair-loss.
    #[arg(long, value_name = "KIND", value_parser = links)]
    pub links: Option<LinkKind>,
    /// Where the links are weaker than the algorithm's model assumes, put the library's link transformers under it that close the
    /// gap, and count what they cost.
    #[arg(long)]
    pub with_transformers: bool,
    /// In which environment.
    #[arg(long, value_name = "WHAT", default_value = "no-faults")]
    pub under: Under,
    /// With `--under faults`: how many runs for each n, one a seed.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value = "0", value_parser = seed)]
    pub seed: u64,
    /// Write the plots there.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the table there.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// Numbers of processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes(pub Vec<u32>);

/// In which environment costs are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Under {
    /// Nothing fails, and every message takes as long as every other.
    #[default]
    NoFaults,
    /// What a simulation meets.
    Faults,
}

/// `sweep`.
#[derive(Clone, Debug, Default, Args)]
pub struct Sweep {
    /// What is examined.
    #[command(flatten)]
    pub subject: Subject,
    /// What takes which values: loss=0..0.3, n=3,5,7, delay=1ms..20ms/5, or any key of `[sim]` by its path. The first is the
    /// horizontal axis; each combination of the others is a line.
    #[arg(long, value_name = "KEY=VALUES", required = true, value_parser = crate::vary::axis)]
    pub vary: Vec<crate::vary::Axis>,
    /// What is measured.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = ["p50", "p99", "messages", "violations"])]
    pub metric: Vec<crate::clients::Metric>,
    /// How many runs for each point, one a seed.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub runs: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value = "0", value_parser = seed)]
    pub seed: u64,
    /// The virtual time after which a run ends.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub horizon: Option<Duration>,
    /// What clients do.
    #[command(flatten)]
    pub clients: Clients,
    /// Write the plots there.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the table there.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// Numbers of processes, as a list or a range.
fn sizes(text: &str) -> Result<Sizes, String> {
    let size = |number| match number {
        crate::vary::Number::Whole(n) => u32::try_from(n).ok().filter(|n| *n > 0),
        _ => None,
    };
    let sizes: Option<Vec<_>> = crate::vary::numbers(text)?.into_iter().map(size).collect();
    sizes.map(Sizes).ok_or_else(|| "n is a number from 1 on".to_owned())
}
