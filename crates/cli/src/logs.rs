//! What a node says of itself while it runs: lines on standard error, for people or for programs.

use clap::ValueEnum;
use std::io;
use tracing_subscriber::filter::LevelFilter;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing.
    Off,
    /// What ends it.
    Error,
    /// What somebody should look at, too.
    Warn,
    /// What happens to it, too: starts, peers, snapshots, its end.
    #[default]
    Info,
    /// All that there is.
    Debug,
}

/// How it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// A line of JSON each.
    Json,
}

impl Level {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Off => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

/// From now on this process says what happens to it. Where something listens already, that goes on.
pub(crate) fn listen(level: Level, format: Format) {
    let plain = tracing_subscriber::fmt()
        .with_max_level(level.filter())
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    let _ = match format {
        Format::Text => tracing::subscriber::set_global_default(plain.finish()),
        Format::Json => tracing::subscriber::set_global_default(plain.json().flatten_event(true).finish()),
    };
}
