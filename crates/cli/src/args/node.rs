//! What a node is started with, and its keys.

use crate::logs::{Format, Level};
use clap::Args;
use std::path::PathBuf;

/// `node`.
#[derive(Clone, Debug, Args)]
pub struct Node {
    /// The algorithm.
    pub algorithm: String,
    /// Its configuration.
    pub configuration: PathBuf,
    /// How much it says of itself on standard error.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub log: Level,
    /// Whether that is for people, or lines of JSON.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: Format,
}

/// `keys`.
#[derive(Clone, Debug, Args)]
pub struct Keys {
    /// The cluster's name, as a host is named.
    #[arg(required_unless_present = "renew")]
    pub name: Option<String>,
    /// How many processes it has.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 3, conflicts_with = "renew")]
    pub processes: u32,
    /// A new directory for them. Files can be read by their owner alone; none is written over.
    #[arg(long, value_name = "DIRECTORY")]
    pub out: PathBuf,
    /// For how many days the certificates are valid.
    #[arg(long, value_name = "NUMBER", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..36_500))]
    pub days: u32,
    /// Make a new certificate for this process (`1`) instead, with the authority and all else of the keys in `--from`.
    #[arg(long, value_name = "PROCESS", requires = "from", conflicts_with = "name")]
    pub renew: Option<u32>,
    /// The directory with a cluster's keys.
    #[arg(long, value_name = "DIRECTORY", requires = "renew")]
    pub from: Option<PathBuf>,
}
