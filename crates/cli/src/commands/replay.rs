//! A trace, taken again.

use crate::args::quote;
use crate::commands::{Desk, program};
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::replay::{Audience, Replay};
use crate::grounds::run::Again;
use crate::grounds::{Replayed, title};
use crate::output::Printer;
use crate::registry::Entry;
use crate::report::{StoryLine, count, grouped};
use crate::traces::{Seekable, Source};
use serde_json::json;
use std::io::Read;
use std::path::Path;
use synod_kernel::trace::{Broken, Header, Reader, TraceError};
use synod_properties::Scale;
use synod_runtime::record;
use synod_runtime::retrace::RetraceError;
use synod_sim::workload::LINEARIZABLE;

/// Prints a replay as it goes.
struct Telling<'a> {
    printer: Printer,
    algorithm: &'a str,
}

impl Audience for Telling<'_> {
    fn world(&mut self, scale: &Scale, world: &str) {
        self.printer.say(format!("replay {}  {world}", title(self.algorithm, scale)));
    }

    fn step(&mut self, line: StoryLine) {
        self.printer.step(&line);
    }
}

/// A trace in a file, with the algorithm that it is of.
pub(super) struct Located<'a> {
    pub(super) seekable: Seekable,
    pub(super) header: Header,
    entry: &'a Entry,
    pub(super) take: Replayed,
}

pub(super) fn locate<'a>(desk: &Desk<'a>, file: &Path) -> Result<Located<'a>, Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let seekable = Seekable::new(file)?;
    let header = {
        let mut from = seekable.source().open().map_err(damaged)?;
        Reader::open(&mut *from).map_err(damaged)?.header().clone()
    };
    let entry = desk.registry.find(&header.algorithm)?;
    let take = if header.ground == "check" { entry.replay_checked } else { entry.replay };
    Ok(Located { seekable, header, entry, take })
}

/// A trace that was taken again, held in memory as a whole.
pub(super) struct Opened<'a> {
    pub(super) content: String,
    pub(super) header: Header,
    pub(super) entry: &'a Entry,
    pub(super) scale: Scale,
    pub(super) world: String,
    pub(super) replayed: Replay,
}

/// What a replay says of its world.
#[derive(Default)]
struct Place(Option<(Scale, String)>);

impl Audience for Place {
    fn world(&mut self, scale: &Scale, world: &str) {
        self.0 = Some((scale.clone(), world.to_owned()));
    }

    fn step(&mut self, _: StoryLine) {}
}

/// Reads a trace and takes it again.
pub(super) fn open<'a>(desk: &Desk<'a>, file: &Path) -> Result<Opened<'a>, Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let Located { seekable, header, entry, take } = locate(desk, file)?;
    let mut content = String::new();
    let read = |e: std::io::Error| damaged(TraceError::Unreadable { line: 0, what: e.to_string() });
    seekable.source().open().map_err(damaged)?.read_to_string(&mut content).map_err(read)?;
    let mut place = Place::default();
    let replayed = take(&Source::Content(&content), &mut place).map_err(damaged)?;
    let (scale, world) = place.0.expect("a replay tells its world first");
    Ok(Opened { content, header, entry, scale, world, replayed })
}

/// `replay` of the records of a real run: every handler once more, each node by itself; and all of them in one world.
fn again(desk: &Desk<'_>, directory: &Path) -> Result<Exit, Error> {
    let records = super::coverage::records(directory)?;
    let algorithm = named(&records)?;
    let entry = desk.registry.find(&algorithm)?;
    let Again { nodes, trace } = (entry.again)(&records)?;
    desk.printer.say(format!("replay {algorithm}  {}", records.display()));
    let nodes = nodes.map_err(|e| otherwise(e.to_string(), RetraceError::NONDETERMINISTIC))?;
    for (process, again) in &nodes {
        desk.printer.say(format!(
            "  {process}: {} again, each effect the same byte for byte; {} the same; {}",
            count(again.handlers as u64, "handler", "handlers"),
            count(again.states as u64, "state", "states"),
            count(again.incarnations as u64, "incarnation", "incarnations"),
        ));
        desk.printer.event(&json!({
            "event": "again", "process": process, "handlers": again.handlers, "states": again.states,
            "incarnations": again.incarnations,
        }));
    }
    let handlers: usize = nodes.values().map(|again| again.handlers).sum();
    let told = match trace {
        Ok(trace) => {
            let damaged = |source: TraceError| Error::Trace { path: records.clone(), source };
            let replayed =
                (entry.replay)(&Source::Content(&trace), &mut Place::default()).map_err(damaged)?;
            let steps = grouped(replayed.steps);
            if let Some(broken) = replayed.judged {
                desk.printer
                    .say(format!("✗ {} violated: {}  (in {steps} steps)", broken.property, broken.what));
                return Ok(Exit::Violation);
            }
            format!("as one run of a simulated world: {steps} steps, no property is violated")
        }
        Err(error @ RetraceError::Differs { .. }) => return Err(otherwise(error.to_string(), error.hint())),
        Err(error) => {
            desk.printer.say(format!("? all together they are no run of the model: {error}"));
            return Ok(Exit::Inconclusive);
        }
    };
    desk.printer.say(format!("✓ {} the same; {told}", count(handlers as u64, "handler", "handlers")));
    if handlers == 0 {
        return Ok(Exit::Inconclusive);
    }
    desk.printer.talk(format!(
        "go on from where it stood: {} sim {algorithm} --from {}",
        program(),
        quote(&directory.display().to_string())
    ));
    Ok(Exit::Holds)
}

/// The records of a real run of an algorithm as a trace.
pub(super) fn retraced(desk: &Desk<'_>, entry: &Entry, directory: &Path) -> Result<String, Error> {
    let records = super::coverage::records(directory)?;
    let of = named(&records)?;
    if desk.registry.find(&of)?.name() != entry.name() {
        return Err(Error::Arguments {
            what: format!("{} has the records of {of}, not of {}", directory.display(), entry.name()),
            hint: format!("sim {of} --from {}", directory.display()),
        });
    }
    (entry.again)(&records)?.trace.map_err(|error| match error {
        RetraceError::Differs { .. } => otherwise(error.to_string(), error.hint()),
        _ => Error::Records { what: format!("no run of the model: {error}"), hint: error.hint().to_owned() },
    })
}

/// What records are of.
fn named(records: &Path) -> Result<String, Error> {
    record::algorithm(records)?.ok_or_else(|| super::coverage::nothing_recorded(records))
}

fn otherwise(what: String, hint: &str) -> Error {
    Error::OtherwiseRecorded { what, hint: hint.to_owned() }
}

/// `replay`.
pub(super) fn replay(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    // what is neither file nor directory may be a cluster's name
    if !file.is_file() && super::coverage::records(file).is_ok() || file.is_dir() {
        return again(desk, file);
    }
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let Located { seekable, header, take, .. } = locate(desk, file)?;
    let source = seekable.source();
    let mut telling = Telling { printer: desk.printer, algorithm: &header.algorithm };
    let replayed = take(&source, &mut telling).map_err(damaged)?;
    desk.printer.event(&json!({
        "event": "replay", "algorithm": header.algorithm, "ground": header.ground, "steps": replayed.steps,
        "recorded": replayed.recorded, "judged": replayed.judged,
    }));
    if !replayed.confirmed() {
        let show = |broken: Option<&Broken>| {
            broken.map_or("nothing broken".to_owned(), |b| format!("{} broken: {}", b.property, b.what))
        };
        desk.printer.say(format!(
            "✗ every step is the same, the judgement is not\n  recorded: {}\n  now:      {}",
            show(replayed.recorded.as_ref()),
            show(replayed.judged.as_ref())
        ));
        return Ok(Exit::Nondeterminism);
    }
    let steps = grouped(replayed.steps);
    let Some(broken) = replayed.judged else {
        desk.printer.say(format!("✓ {steps} steps, each line the same; no property is violated"));
        return Ok(Exit::Holds);
    };
    desk.printer.say(format!(
        "✗ {} violated, as recorded: {}  ({steps} steps, each line the same)",
        broken.property, broken.what
    ));
    Ok(Exit::Violation)
}

/// `replay --lenient`: the steps that are still possible, and whether they break the same property.
pub(super) fn leniently(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let Located { seekable, header, entry, .. } = locate(desk, file)?;
    let mut content = String::new();
    let read = |e: std::io::Error| damaged(TraceError::Unreadable { line: 0, what: e.to_string() });
    seekable.source().open().map_err(damaged)?.read_to_string(&mut content).map_err(read)?;
    let judged = if header.ground == "check" { entry.judged_checked } else { entry.judged };
    let (recorded, found) = judged(&content).map_err(damaged)?;
    let said = |found: Option<&Broken>| found.map(|b| json!({ "property": b.property, "what": b.what }));
    desk.printer.event(&json!({
        "event": "lenient", "algorithm": header.algorithm, "recorded": said(recorded.as_ref()),
        "found": said(found.as_ref()),
    }));
    let Some(recorded) = recorded.filter(|broken| broken.property != LINEARIZABLE.id) else {
        return Err(Error::Unsupported {
            what: format!("{} breaks nothing that its steps show", file.display()),
            hint: "give the trace of a failure".to_owned(),
        });
    };
    if let Some(broken) = found {
        desk.printer.say(format!("✗ {} is broken still: {}", broken.property, broken.what));
        return Ok(Exit::Violation);
    }
    desk.printer.say(format!("✓ {} is broken no more by the steps that are left", recorded.property));
    Ok(Exit::Holds)
}
