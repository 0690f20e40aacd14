//! A trace, taken again.

use crate::commands::Desk;
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::replay::{Audience, Replay};
use crate::output::Printer;
use crate::registry::Entry;
use crate::report::{StoryLine, grouped};
use crate::traces::{Seekable, Source};
use serde_json::json;
use std::path::Path;
use synod_kernel::trace::{Broken, Header, Reader, TraceError};
use synod_properties::Scale;

/// A trace that was taken again.
pub(super) struct Opened<'a> {
    pub(super) content: String,
    pub(super) header: Header,
    pub(super) entry: &'a Entry,
    pub(super) replayed: Replay,
}

/// Reads a trace, all of it, and takes it again.
pub(super) fn open<'a>(desk: &Desk<'a>, file: &Path) -> Result<Opened<'a>, Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let content = Seekable::new(file)?.source().content().map_err(damaged)?;
    let source = Source::Content(&content);
    let (header, entry) = header(desk, &source, file)?;
    let replayed = take(entry, &header)(&source, &mut Nobody).map_err(damaged)?;
    Ok(Opened { header, entry, replayed, content })
}

/// What a trace says it is of.
fn header<'a>(desk: &Desk<'a>, source: &Source<'_>, file: &Path) -> Result<(Header, &'a Entry), Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let mut from = source.open().map_err(damaged)?;
    let header = Reader::open(&mut *from).map_err(damaged)?.header().clone();
    let entry = desk.registry.find(&header.algorithm)?;
    Ok((header, entry))
}

fn take(entry: &Entry, header: &Header) -> crate::grounds::Replayed {
    if header.ground == "check" { entry.replay_checked } else { entry.replay }
}

/// Is told of a replay for its verdict alone.
struct Nobody;

impl Audience for Nobody {
    fn step(&mut self, _: StoryLine) {}
}

/// Prints a replay as it goes.
struct Telling<'a> {
    printer: Printer,
    algorithm: &'a str,
}

impl Audience for Telling<'_> {
    fn world(&mut self, scale: &Scale, world: &str) {
        let defect = scale.defect.as_ref().map_or_else(String::new, |defect| format!("/{defect}"));
        self.printer.say(format!("replay {}{defect}  {world}", self.algorithm));
    }

    fn step(&mut self, line: StoryLine) {
        self.printer.step(&line);
    }
}

/// `replay`.
pub(super) fn replay(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    let seekable = Seekable::new(file)?;
    let source = seekable.source();
    let (header, entry) = header(desk, &source, file)?;
    let mut telling = Telling { printer: desk.printer, algorithm: &header.algorithm };
    let replayed = take(entry, &header)(&source, &mut telling)
        .map_err(|source| Error::Trace { path: file.to_owned(), source })?;
    let said = |found: Option<&Broken>| found.map(|b| json!({ "property": b.property, "what": b.what }));
    desk.printer.event(&json!({
        "event": "replay", "algorithm": header.algorithm, "ground": header.ground, "steps": replayed.steps,
        "recorded": said(replayed.recorded.as_ref()), "judged": said(replayed.judged.as_ref()),
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
