//! What a node is started with.

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
