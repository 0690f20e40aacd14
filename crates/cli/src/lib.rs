//! The command line: registry, experiments, output, exit codes.
//!
//! The one crate that prints, and the only one that names algorithms and grounds together. A binary is a [`Registry`]
//! handed to [`main`]: the binary `synod` has the library's algorithms (`subjects`), a user's own has the user's.
//!
//! Data goes to standard output, talk and progress to standard error; `--json` gives one object a line. The exit codes
//! ([`exit::Exit`]) are a contract.

pub mod args;
pub mod checkable;
pub mod clients;
mod commands;
mod corpus;
pub mod disk;
pub mod emit;
pub mod environment;
pub mod error;
pub mod exit;
pub mod experiment;
pub mod grounds;
mod internal;
pub mod logs;
mod models;
pub mod nearest;
pub mod output;
pub mod page;
mod plan;
pub mod platform;
pub mod plot;
pub mod registry;
pub mod report;
mod results;
pub mod script;
mod story;
pub mod traces;
pub mod transformers;
pub mod vary;
pub mod watch;

pub use checkable::Checkable;
pub use registry::{Entry, Registry};

use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// Does what the process's arguments ask, with these algorithms.
pub fn main(entries: Vec<Entry>) -> ExitCode {
    main_of(Registry::new(entries))
}

/// The same, with all that a registry has.
pub fn main_of(registry: Registry) -> ExitCode {
    internal::reporting(|| {
        let arguments = match args::Arguments::try_parse() {
            Ok(arguments) => arguments,
            Err(refused) => return usage(&refused),
        };
        match arguments.output.color {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        commands::run(&registry, &arguments)
    })
    .into()
}

/// Help and version are answers, all else that the grammar refuses is an error.
fn usage(refused: &clap::Error) -> exit::Exit {
    // nobody is there to be told that the standard streams are closed
    let _ = refused.print();
    match refused.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit::Exit::Holds,
        _ => exit::Exit::Usage,
    }
}
