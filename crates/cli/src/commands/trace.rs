//! Traces as such: whether one is as it was written, and what is in it. The algorithm is not asked: a trace of one that this
//! program does not know will do.

use crate::commands::Desk;
use crate::commands::replay::{Located, locate};
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::replay::Audience;
use crate::output::table;
use crate::report::{StoryLine, count, grouped, seconds};
use crate::traces::{self, Seekable, is_compressed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use synod_kernel::trace::{End, Header, Reader, Told, TraceError, Writer};
use synod_kernel::{Choice, SeatId};

/// So many kinds of messages are told apart; a message that has its content in its name makes a kind of each.
const KINDS_MAX: usize = 64;
/// The kinds beyond.
const OTHERS: &str = "others";

/// `trace validate`.
pub(super) fn validate(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    let (header, end) = scan(file, |_| ())?;
    desk.printer.event(&json!({
        "event": "trace", "algorithm": header.algorithm, "ground": header.ground, "steps": end.steps,
        "violation": end.violation,
    }));
    desk.printer.say(format!(
        "✓ a trace of {}, as it was written: {}, numbered without gaps, each after its cause",
        header.algorithm,
        count(end.steps, "step", "steps")
    ));
    Ok(Exit::Holds)
}

/// `trace stats`.
pub(super) fn stats(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    let mut stats = Stats::default();
    let (header, end) = scan(file, |told| stats.add(told))?;
    let bytes = Seekable::new(file)?.bytes();
    desk.printer.event(&json!({
        "event": "trace", "algorithm": header.algorithm, "ground": header.ground, "steps": end.steps,
        "violation": end.violation, "bytes": bytes, "compressed": is_compressed(file), "terse": header.terse,
        "until_ns": stats.until,
        "events": stats.events, "messages": stats.messages, "processes": stats.seats,
    }));
    let seed = header.seed.as_ref().map_or_else(String::new, |seed| format!(", seed {seed}"));
    desk.printer.say(format!("trace {}  {}{seed}", header.algorithm, header.ground));
    let until = stats.until.map_or_else(String::new, |until| {
        format!(" in {} of its time", seconds(Duration::from_nanos(until)))
    });
    let form = if is_compressed(file) { "compressed bytes" } else { "bytes" };
    desk.printer.say(format!("{}{until}; {} {form}", count(end.steps, "step", "steps"), grouped(bytes)));
    if let Some(broken) = &end.violation {
        desk.printer.say(format!("ends where {} is violated: {}", broken.property, broken.what));
    }
    // what a handler sent follows from a terse trace, and does not stand in it
    let sent = |messages| if header.terse { "?".to_owned() } else { grouped(messages) };
    let mut events = table(["event", "steps"]);
    for (event, steps) in &stats.events {
        events.add_row([(*event).to_owned(), grouped(*steps)]);
    }
    desk.printer.say(events.to_string());
    if !stats.messages.is_empty() {
        let mut messages = table(["message", "sent", "delivered", "duplicated", "lost", "lies"]);
        for (kind, of) in &stats.messages {
            let numbers = [of.delivered, of.duplicated, of.lost, of.lies].map(grouped);
            let numbers = [sent(of.sent)].into_iter().chain(numbers);
            messages.add_row([kind.clone()].into_iter().chain(numbers));
        }
        desk.printer.say(messages.to_string());
    }
    let mut seats = table(["process", "steps", "sent", "delivered", "crashes", "recoveries"]);
    for (seat, of) in stats.seats.iter().enumerate() {
        let [steps, delivered, crashes, recoveries] =
            [of.steps, of.delivered, of.crashes, of.recoveries].map(grouped);
        let numbers = [steps, sent(of.sent), delivered, crashes, recoveries];
        seats.add_row([format!("p{seat}")].into_iter().chain(numbers));
    }
    desk.printer.say(seats.to_string());
    Ok(Exit::Holds)
}

/// Who has a trace written anew while it is taken again.
struct Copyist<'a> {
    writer: Writer<&'a mut dyn Write>,
}

impl Audience for Copyist<'_> {
    fn step(&mut self, _: StoryLine) {}

    fn copy(&mut self, write: &mut dyn FnMut(&mut Writer<&mut dyn Write>)) -> bool {
        write(&mut self.writer);
        true
    }
}

/// `trace expand` and `trace condense`.
pub(super) fn rewrite(desk: &Desk<'_>, file: &Path, to: &Path, terse: bool) -> Result<Exit, Error> {
    let Located { seekable, header, take, .. } = locate(desk, file)?;
    let same =
        |a: &Path, b: &Path| fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b));
    if same(file, to) {
        let what = format!("{} is the trace itself", to.display());
        return Err(Error::Arguments { what, hint: "name another file".to_owned() });
    }
    let header = Header { terse, ..header };
    let mut refused = None;
    let written = traces::save(to, |to| {
        let mut copyist = Copyist { writer: Writer::to(&header, to) };
        match take(&seekable.source(), &mut copyist) {
            Ok(replayed) => {
                copyist.writer.close(replayed.recorded).map(|written| (written.steps, written.name))
            }
            Err(error) => {
                refused = Some(error);
                Ok((0, String::new()))
            }
        }
    });
    if let Some(source) = refused {
        // nothing that looks like a trace is left behind
        fs::remove_file(to).map_err(|source| Error::Unwritable { path: to.to_owned(), source })?;
        return Err(Error::Trace { path: file.to_owned(), source });
    }
    let (steps, name) = written?;
    let form = if terse { "terse" } else { "full" };
    let path = to.display().to_string();
    desk.printer
        .event(&json!({ "event": "written", "path": path, "steps": steps, "name": name, "terse": terse }));
    desk.printer.say(format!("✓ {}, {form}, in {path}", count(steps, "step", "steps")));
    Ok(Exit::Holds)
}

/// Reads a trace as it stands.
fn scan(file: &Path, each: impl FnMut(&Told<'_>)) -> Result<(Header, End), Error> {
    let damaged = |source: TraceError| Error::Trace { path: file.to_owned(), source };
    let seekable = Seekable::new(file)?;
    let mut from = seekable.source().open().map_err(damaged)?;
    let reader = Reader::open(&mut *from).map_err(damaged)?;
    let header = reader.header().clone();
    Ok((header, reader.scan(each).map_err(damaged)?))
}

/// What is in a trace.
#[derive(Default)]
struct Stats {
    /// The last instant.
    until: Option<u64>,
    /// By kind.
    events: BTreeMap<&'static str, u64>,
    /// By kind.
    messages: BTreeMap<String, Messages>,
    /// By seat.
    seats: Vec<Seat>,
}

/// How many messages of a kind there were.
#[derive(Default, serde::Serialize)]
struct Messages {
    sent: u64,
    delivered: u64,
    duplicated: u64,
    lost: u64,
    lies: u64,
}

/// What happened at a process.
#[derive(Clone, Default, serde::Serialize)]
struct Seat {
    steps: u64,
    sent: u64,
    delivered: u64,
    crashes: u64,
    recoveries: u64,
}

/// No world has more: a number beyond is no seat, and no memory is taken for it.
const SEATS_MAX: u32 = 1 << 24;

impl Stats {
    fn add(&mut self, told: &Told<'_>) {
        self.until = told.at.or(self.until);
        *self.events.entry(name(&told.choice)).or_default() += 1;
        let at = match &told.choice {
            Choice::Init { seat }
            | Choice::Corrupt { seat }
            | Choice::Omit { seat }
            | Choice::Disk { seat, .. }
            | Choice::Request { seat }
            | Choice::Fire { seat, .. }
            | Choice::Output { seat, .. }
            | Choice::Sync { seat }
            | Choice::Crash { seat, .. }
            | Choice::Recover { seat } => Some(*seat),
            Choice::Deliver { to, .. }
            | Choice::Duplicate { to, .. }
            | Choice::Lie { to, .. }
            | Choice::Inject { to, .. } => Some(*to),
            _ => None,
        };
        if let Some(seat) = at.and_then(|seat| self.seat(seat)) {
            seat.steps += 1;
            seat.sent += told.sent.len() as u64;
            seat.crashes += u64::from(told.cut.is_some() || told.choice.crashes().is_some());
            seat.recoveries += u64::from(matches!(told.choice, Choice::Recover { .. }));
            seat.delivered +=
                u64::from(matches!(told.choice, Choice::Deliver { .. } | Choice::Duplicate { .. }));
        }
        match &told.choice {
            Choice::Deliver { message, .. } => self.message(message.get()).delivered += 1,
            Choice::Duplicate { message, .. } => {
                let kind = self.message(message.get());
                kind.delivered += 1;
                kind.duplicated += 1;
            }
            Choice::Lose { message, .. } => self.message(message.get()).lost += 1,
            Choice::Lie { message, .. } => self.message(message.get()).lies += 1,
            _ => {}
        }
        for (_, message) in &told.sent {
            self.message(message.get()).sent += 1;
        }
    }

    fn seat(&mut self, seat: SeatId) -> Option<&mut Seat> {
        if seat.0 >= SEATS_MAX {
            return None;
        }
        if seat.index() >= self.seats.len() {
            self.seats.resize(seat.index() + 1, Seat::default());
        }
        self.seats.get_mut(seat.index())
    }

    fn message(&mut self, text: &str) -> &mut Messages {
        let mut kind = kind(&serde_json::from_str(text).unwrap_or(Value::Null));
        if self.messages.len() >= KINDS_MAX && !self.messages.contains_key(&kind) {
            OTHERS.clone_into(&mut kind);
        }
        self.messages.entry(kind).or_default()
    }
}

/// The kind of a choice, as traces name it.
fn name<M, T>(choice: &Choice<M, T>) -> &'static str {
    match choice {
        Choice::Init { .. } => "init",
        Choice::Corrupt { .. } => "corrupt",
        Choice::Omit { .. } => "omit",
        Choice::Inject { .. } => "inject",
        Choice::Disk { .. } => "disk",
        Choice::Lie { .. } => "lie",
        Choice::Request { .. } => "request",
        Choice::Deliver { .. } => "deliver",
        Choice::Duplicate { .. } => "duplicate",
        Choice::Lose { .. } => "lose",
        Choice::Fire { .. } => "fire",
        Choice::Output { .. } => "output",
        Choice::Sync { .. } => "sync",
        Choice::Crash { .. } => "crash",
        Choice::Recover { .. } => "recover",
        Choice::Sever { .. } => "sever",
        Choice::Heal => "heal",
    }
}

/// The kind of a message: the names of its variants, from the outermost module inwards.
fn kind(message: &Value) -> String {
    /// No message has more modules in one another.
    const DEPTH_MAX: usize = 8;
    let mut names: Vec<&str> = Vec::new();
    let mut value = message;
    while names.len() < DEPTH_MAX {
        value = match value {
            Value::Object(fields) if fields.len() == 1 => {
                let Some((name, inner)) = fields.iter().next() else { break };
                names.push(name);
                inner
            }
            Value::String(name) if name.starts_with(char::is_uppercase) => {
                names.push(name);
                break;
            }
            // of several fields the last is the module's own message
            Value::Array(fields) => match fields.last() {
                Some(last) => last,
                None => break,
            },
            _ => break,
        };
    }
    if names.is_empty() { "message".to_owned() } else { names.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_by_its_variants() {
        for (message, name) in [
            (json!(7), "message"),
            (json!("Ack"), "Ack"),
            (json!("some text"), "message"),
            (json!({"Prepare": {"ballot": 1, "from": 2}}), "Prepare"),
            (json!({"Instance": [3, {"Promise": [1, null]}]}), "Instance Promise"),
            (json!({"a": 1, "b": 2}), "message"),
            (json!([]), "message"),
        ] {
            assert_eq!(kind(&message), name, "{message}");
        }
    }
}
