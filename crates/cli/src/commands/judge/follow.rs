//! `judge FILE --follow`: a history judged while it grows.

use super::{Desk, conventions, count, input, meaningless, refused, unread};
use crate::args;
use crate::args::judge::{Level, Subject};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::grouped;
use crate::watch::Watch;
use serde_json::json;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use synod_judge::consistency;
use synod_judge::format::{Feed, Format, ReadError};
use synod_judge::judgement::Model;
use synod_judge::log::{LogEvent, LogOperation};
use synod_judge::monitor::{Found, Monitor, Scope, Unfit, Violation};
use synod_judge::timeline::words;

/// How often it is looked whether a file has grown, and how far the judge is told.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const PIECE: usize = 1 << 16;
/// How many pieces wait for the judge: who writes faster waits too.
const WAITING: usize = 8;

pub(super) fn follow(desk: &Desk<'_>, args: &args::Judge) -> Result<Exit, Error> {
    let usage = |what: &str, hint: &str| Error::Arguments { what: what.to_owned(), hint: hint.to_owned() };
    let Subject::Objects(model) = args.subject() else {
        return Err(usage("transactions are judged as a whole", "without --follow"));
    };
    if !matches!(args.level, None | Some(Level::Consistency(consistency::Level::Linearizable))) {
        return Err(usage("a history that grows is judged for linearizability", "without --follow"));
    }
    let [path] = &args.files[..] else {
        return Err(usage("--follow takes one file", "start a command for each"));
    };
    let mut following = Following { args, path, model, monitor: None, violation: None, error: None };
    let ended = following.all(desk)?;
    Ok(following.tell(desk, ended))
}

/// Why there was no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Late,
    Interrupted,
    Violated,
}

struct Following<'a> {
    args: &'a args::Judge,
    path: &'a PathBuf,
    model: Model,
    monitor: Option<Monitor>,
    violation: Option<Box<Violation>>,
    error: Option<Error>,
}

impl Following<'_> {
    /// Judges what comes until there is no more, or something is certain.
    fn all(&mut self, desk: &Desk<'_>) -> Result<Ended, Error> {
        let watch = Watch::new("judge".to_owned(), desk.printer.quiet, desk.interrupt.clone());
        let (file, (sender, pieces)) = (input::open(self.path)?, sync_channel(WAITING));
        let grows = self.path != Path::new("-");
        // a read that waits cannot be called off: it is left behind when the command ends
        thread::spawn(move || read(file, grows, &sender));
        let mut feed = Feed::default();
        let begin = Instant::now();
        loop {
            if watch.interrupted() {
                return Ok(Ended::Interrupted);
            }
            if self.args.time_max.is_some_and(|max| begin.elapsed() > max) {
                return Ok(Ended::Late);
            }
            watch.tell(|| self.scope().map_or("nothing yet".to_owned(), told));
            let Some(piece) = next(&pieces, self.path)? else { continue };
            let whole = piece.is_empty();
            let read = if whole { self.end(std::mem::take(&mut feed)) } else { self.push(&mut feed, &piece) };
            read.map_err(|error| unread(self.path, &error))?;
            match (self.error.take(), &self.violation) {
                (Some(error), _) => return Err(error),
                (None, Some(_)) => return Ok(Ended::Violated),
                (None, None) if whole => return Ok(Ended::Whole),
                (None, None) => {}
            }
        }
    }

    fn push(&mut self, feed: &mut Feed, piece: &[u8]) -> Result<(), ReadError> {
        let mut events = vec![];
        let read = feed.push(piece, |event| {
            events.push(event);
            Ok(())
        });
        let Some(format) = feed.format() else { return read };
        events.into_iter().try_for_each(|event| self.judge(format, event))?;
        // what came before it is judged first
        if self.violation.is_some() { Ok(()) } else { read }
    }

    /// What a text without a line's end is shows only now: it is one event, or none.
    fn end(&mut self, feed: Feed) -> Result<(), ReadError> {
        let mut events = vec![];
        let format = feed.end(|event| {
            events.push(event);
            Ok(())
        });
        match format {
            Ok(format) => events.into_iter().try_for_each(|event| self.judge(format, event)),
            // nothing is no violation: the verdict says so
            Err(ReadError::Empty) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn judge(&mut self, format: Format, event: LogEvent) -> Result<(), ReadError> {
        if self.violation.is_some() || self.error.is_some() {
            return Ok(());
        }
        let (model, args) = (self.model, self.args);
        let monitor = self.monitor.get_or_insert_with(|| Monitor::new(model, conventions(args, format)));
        match monitor.push(event) {
            Ok(Found::Nothing) => {}
            Ok(Found::Violation(violation)) => self.violation = Some(violation),
            Err(Unfit::Log(error)) => return Err(error.into()),
            Err(Unfit::Meaningless(error)) => self.error = Some(meaningless(self.path, model, &error)),
            Err(error) => self.error = Some(refused(self.path, error.to_string(), "docs/judge.md")),
        }
        Ok(())
    }

    fn scope(&self) -> Option<Scope> {
        self.monitor.as_ref().map(Monitor::scope)
    }

    /// The verdict, and what it is about.
    fn tell(&self, desk: &Desk<'_>, ended: Ended) -> Exit {
        let (path, scope) = (self.path.display(), self.scope().unwrap_or_default());
        let exit = match ended {
            Ended::Violated => Exit::Violation,
            Ended::Interrupted => Exit::Interrupted,
            Ended::Whole | Ended::Late if scope.events == 0 => Exit::Inconclusive,
            Ended::Whole | Ended::Late => Exit::Holds,
        };
        desk.printer.event(&json!({
            "event": "followed", "file": path.to_string(), "model": self.model.name(),
            "holds": if scope.events == 0 { None } else { Some(self.violation.is_none()) },
            "ended": match ended {
                Ended::Whole => "whole",
                Ended::Late => "time-max",
                Ended::Interrupted => "interrupted",
                Ended::Violated => "violation",
            },
            "events": scope.events, "operations": scope.operations, "running": scope.running, "unknown": scope.unknown,
            "line": self.violation.as_ref().and_then(|violation| violation.operation.end_line),
        }));
        let word = match (&self.violation, scope.events) {
            (Some(_), _) => "✗",
            (None, 0) => "?",
            (None, _) => "✓",
        };
        let verdict = match (&self.violation, scope.events) {
            (Some(_), _) => "not linearizable",
            (None, 0) => "no events",
            (None, _) => "linearizable so far",
        };
        desk.printer.say(format!("{word} {path}  {verdict}  {} · {}", self.model, told(scope)));
        for line in self.violation.iter().flat_map(|violation| lines(violation)) {
            desk.printer.say(format!("  {line}"));
        }
        exit
    }
}

fn told(scope: Scope) -> String {
    let Scope { events, operations, running, unknown, objects } = scope;
    format!(
        "{} · {} on {} · {} running · {} of unknown outcome",
        count(events, "event"),
        count(operations, "operation"),
        count(objects, "object"),
        grouped(running as u64),
        grouped(unknown as u64),
    )
}

fn lines(violation: &Violation) -> Vec<String> {
    let Violation { operation, concurrent, unknown } = violation;
    let place = |operation: &LogOperation| {
        let end = operation.end_line.map_or("no end yet".to_owned(), |end| format!("line {end}"));
        format!("  {} (line {} to {end}): {}", operation.client, operation.line, words(operation))
    };
    let mut lines = vec!["the events before have an order, with this end there is none:".to_owned()];
    lines.push(place(operation));
    if !concurrent.is_empty() {
        lines.push("ran at the same time:".to_owned());
        lines.extend(concurrent.iter().map(place));
    }
    if *unknown > 0 {
        lines.push(format!("{} of unknown outcome may have taken effect", count(*unknown, "operation")));
    }
    lines
}

/// The next piece if there is one by now; empty at the end.
fn next(pieces: &Receiver<Result<Vec<u8>, std::io::Error>>, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match pieces.recv_timeout(LOOK_EVERY) {
        Ok(Ok(piece)) => Ok(Some(piece)),
        Ok(Err(error)) => Err(input::unreadable(path, error)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Ok(Some(vec![])),
    }
}

/// Reads what comes. A file that grows has no end.
fn read(mut file: Box<dyn Read + Send>, grows: bool, to: &SyncSender<Result<Vec<u8>, std::io::Error>>) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) if grows => {
                thread::sleep(LOOK_EVERY);
                continue;
            }
            Ok(0) => return,
            Ok(length) => Ok(piece[..length].to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if to.send(read).is_err() || failed {
            return;
        }
    }
}
