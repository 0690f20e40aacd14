//! A trace, taken again.

use crate::commands::Desk;
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::replay::Replay;
use crate::registry::Entry;
use serde_json::json;
use std::path::Path;
use synod_kernel::trace::{self, Header, TraceError};

/// A trace that was taken again.
pub(super) struct Opened<'a> {
    pub(super) content: String,
    pub(super) header: Header,
    pub(super) entry: &'a Entry,
    pub(super) replayed: Replay,
}

/// Reads a trace and takes it again.
pub(super) fn open<'a>(desk: &Desk<'a>, file: &Path) -> Result<Opened<'a>, Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let bytes = std::fs::read(file).map_err(|source| Error::Unreadable { path: file.to_owned(), source })?;
    let content = String::from_utf8(bytes)
        .map_err(|_| damaged(TraceError::NotATrace("it is not text in UTF-8".to_owned())))?;
    let header = trace::header(&content).map_err(damaged)?;
    let entry = desk.registry.find(&header.algorithm)?;
    let take = if header.ground == "check" { entry.replay_checked } else { entry.replay };
    let replayed = take(&content).map_err(damaged)?;
    Ok(Opened { content, header, entry, replayed })
}

/// `replay`.
pub(super) fn replay(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    let Opened { header, replayed, .. } = open(desk, file)?;
    let defect = replayed.scale.defect.as_ref().map_or_else(String::new, |d| format!("/{d}"));
    desk.printer.say(format!("replay {}{defect}  {}", header.algorithm, replayed.world));
    desk.printer.story(&replayed.story, true);
    let steps = replayed.story.len();
    let said =
        |found: Option<&trace::Broken>| found.map(|b| json!({ "property": b.property, "what": b.what }));
    desk.printer.event(&json!({
        "event": "replay", "algorithm": header.algorithm, "ground": header.ground, "steps": steps,
        "recorded": said(replayed.recorded.as_ref()), "judged": said(replayed.judged.as_ref()),
    }));
    if !replayed.confirmed() {
        let show = |broken: Option<&trace::Broken>| {
            broken.map_or("nothing broken".to_owned(), |b| format!("{} broken: {}", b.property, b.what))
        };
        desk.printer.say(format!(
            "✗ every step is the same, the judgement is not\n  recorded: {}\n  now:      {}",
            show(replayed.recorded.as_ref()),
            show(replayed.judged.as_ref())
        ));
        return Ok(Exit::Nondeterminism);
    }
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
