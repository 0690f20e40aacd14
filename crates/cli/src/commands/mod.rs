//! The commands.

mod campaign;
mod cluster;
mod conditions;
mod cost;
mod coverage;
mod doctor;
mod examine;
mod failures;
mod from;
mod judge;
mod keys;
#[cfg(feature = "library")]
mod kv;
mod look;
#[cfg(feature = "library")]
mod maelstrom;
mod replay;
#[cfg(feature = "library")]
mod reproduce;
mod shrink;
mod sweep;
mod trace;

pub(crate) use self::failures::save;
use crate::args::{self, Arguments, Command, Trace, Verify};
use crate::error::Error;
use crate::exit::Exit;
use crate::logs::{self, Format, Level};
use crate::output::Printer;
use crate::registry::Registry;
use crate::watch::Interrupt;

/// Where clusters are, by name.
const CLUSTERS: &str = ".synod/clusters";

/// What every command has at hand.
pub(crate) struct Desk<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) printer: Printer,
    pub(crate) interrupt: Interrupt,
}

/// Does what `arguments` ask.
pub(crate) fn run(registry: &Registry, arguments: &Arguments) -> Exit {
    let printer = Printer { json: arguments.output.json, quiet: arguments.output.quiet };
    let desk = Desk { registry, printer, interrupt: Interrupt::default() };
    let result = match &arguments.command {
        Some(Command::Node(args::Node { algorithm, configuration, log, log_format })) => {
            logs::listen(*log, *log_format);
            let ended = registry.find(algorithm).and_then(|entry| (entry.node)(configuration));
            match ended {
                // whoever reads lines of JSON reads nothing else
                Err(error) if *log_format == Format::Json => {
                    tracing::error!(hint = error.hint(), "{error}");
                    return error.exit();
                }
                ended => ended.map(|()| Exit::Holds),
            }
        }
        #[cfg(feature = "library")]
        Some(Command::Kv(args::kv::Kv::Serve(args))) => {
            logs::listen(args.log, args.log_format);
            kv::serve(args)
        }
        Some(Command::Supervise { directory }) => {
            logs::listen(Level::Info, Format::Text);
            cluster::supervise(directory)
        }
        command => dispatch(&desk, command.as_ref()),
    };
    let exit = result.unwrap_or_else(|error| {
        printer.error(&error);
        error.exit()
    });
    // a node, and a second process that shows the same run, talk to programs of ours
    let is_inner = match &arguments.command {
        Some(Command::Node(_) | Command::Supervise { .. }) => true,
        #[cfg(feature = "library")]
        Some(Command::Kv(_)) => true,
        Some(Command::Sim(args)) => args.self_check,
        #[cfg(feature = "library")]
        Some(Command::Maelstrom(_)) => true,
        _ => false,
    };
    if !is_inner {
        printer.summary(exit);
    }
    exit
}

fn dispatch(desk: &Desk<'_>, command: Option<&Command>) -> Result<Exit, Error> {
    let listening = || Desk { interrupt: Interrupt::listen(), ..*desk };
    match command {
        None => {
            let exit = examine::verify(&listening(), &Verify::default())?;
            desk.printer.talk(look::WHAT_ELSE);
            Ok(exit)
        }
        Some(Command::Verify(args)) => examine::verify(&listening(), args),
        Some(Command::Check(args)) => examine::check(&listening(), args),
        Some(Command::Coverage(args)) => coverage::coverage(desk, args),
        Some(Command::Cost(args)) => cost::cost(&listening(), args),
        Some(Command::Sweep(args)) => sweep::sweep(&listening(), args),
        Some(Command::Sim(args)) => examine::simulate(&listening(), args),
        Some(Command::Campaign(args)) => campaign::campaign(&listening(), args),
        Some(Command::Run(args)) => examine::run(&listening(), args),
        Some(Command::Replay { file, emit_test: true, .. }) => shrink::emit_test(desk, file),
        Some(Command::Replay { file, lenient: true, .. }) => replay::leniently(desk, file),
        Some(Command::Replay { file, .. }) => replay::replay(desk, file),
        Some(Command::Judge(args)) => judge::judge(&listening(), args),
        #[cfg(feature = "library")]
        Some(Command::Kv(args)) => kv::kv(&listening(), args),
        Some(Command::Keys(args)) => keys::keys(desk, args),
        Some(Command::Doctor(args)) => Ok(doctor::doctor(desk, args)),
        Some(Command::Shrink(args)) => shrink::shrink(&listening(), args),
        Some(Command::Trace { what: Trace::Validate { file } }) => trace::validate(desk, file),
        Some(Command::Trace { what: Trace::Stats { file } }) => trace::stats(desk, file),
        Some(Command::Trace { what: Trace::Expand { file, to } }) => trace::rewrite(desk, file, to, false),
        Some(Command::Trace { what: Trace::Condense { file, to } }) => trace::rewrite(desk, file, to, true),
        #[cfg(feature = "library")]
        Some(Command::Reproduce(args)) => reproduce::reproduce(desk, args),
        #[cfg(feature = "library")]
        Some(Command::Maelstrom(args)) => maelstrom::maelstrom(desk, args),
        Some(Command::List) => Ok(look::list(desk)),
        Some(Command::Explain { name }) => look::explain(desk, name),
        Some(Command::Models) => Ok(crate::models::show(desk.printer)),
        Some(Command::Cluster(args)) => cluster::cluster(desk, args),
        Some(Command::Node(_) | Command::Supervise { .. }) => unreachable!("those are started before"),
    }
}

/// The program as it was called: what a printed command begins with.
pub(crate) fn program() -> String {
    crate::args::quote(&crate::args::program_name())
}
