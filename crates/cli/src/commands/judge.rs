//! `judge`: recorded histories, and what they keep.

mod convert;
mod follow;
mod gallery;
mod input;

use super::{Desk, failures};
use crate::args;
use crate::args::judge::{FailedCas, Level, NilRead, Subject};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, grouped};
use crate::watch::Watch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use synod_judge::consistency::{self, LevelVerdict, Strongest};
use synod_judge::format::{Feed, Format, ReadError};
use synod_judge::judgement::{self, Judgement, Model, PartVerdict};
use synod_judge::log::{End, Log};
use synod_judge::reading::{Conventions, Meaningless};
use synod_judge::timeline::{Timeline, words};
use synod_judge::transactions::{self, Holds, Incoming, Involved, Recorded, Report, Unjudged, Workload};
use synod_judge::{Budget, Verdict};

/// How often it is looked whether the time is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// In a picture: no more operations than these around a violation.
const DRAWN_MAX: usize = 200;

/// A file and what was found of it.
struct Judged {
    path: PathBuf,
    /// What it says; nothing where transactions were judged while they were read.
    log: Log,
    recorded: Recorded,
    conventions: Conventions,
    finding: Finding,
}

/// What was found of a file.
enum Finding {
    /// Of objects.
    Objects(Model, Judgement),
    /// Of objects, whether they satisfy a condition that is no linearizability.
    Level(Model, consistency::Level, LevelVerdict),
    /// Of objects, what they satisfy.
    Strongest(Model, Strongest),
    /// Of transactions.
    Transactions(Workload, Report),
}

/// `judge`.
pub(super) fn judge(desk: &Desk<'_>, args: &args::Judge) -> Result<Exit, Error> {
    if let Some(names) = &args.gallery {
        return gallery::gallery(desk, names);
    }
    if let Some(to) = args.to {
        return convert::convert(desk, args, to);
    }
    asked(args)?;
    if args.follow {
        return follow::follow(desk, args);
    }
    let results = all(desk, args);
    let mut exit = Exit::Holds;
    let mut drawn = false;
    let mut tally = [0; 4];
    for result in results {
        let judged = match result {
            Ok(judged) => judged,
            Err(error) if args.files.len() > 1 => {
                // the others count nonetheless
                desk.printer.error(&error);
                exit = exit.and(error.exit());
                tally[3] += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let found = of(args, &judged.finding);
        tally[match found {
            Exit::Holds => 0,
            Exit::Violation => 1,
            _ => 2,
        }] += 1;
        exit = exit.and(found);
        desk.printer.event(&event(args, &judged));
        tell(desk, args, &judged);
        if !drawn && (found == Exit::Violation || args.files.len() == 1) {
            drawn = true;
            draw(desk, args, &judged)?;
        }
    }
    if args.files.len() > 1 {
        let [yes, no, open, unread] = tally;
        let unread = if unread > 0 { format!(", {unread} could not be read") } else { String::new() };
        desk.printer.say(format!(
            "{}: {yes} {}, {no} not, {open} not known{unread}",
            count(args.files.len(), "file"),
            if args.strongest { "judged".to_owned() } else { level(args) },
        ));
    }
    let stopped = desk.interrupt.is_set() && exit != Exit::Violation;
    Ok(if stopped { Exit::Interrupted } else { exit })
}

/// Judges the files side by side; the results in their order.
fn all(desk: &Desk<'_>, args: &args::Judge) -> Vec<Result<Judged, Error>> {
    let watch = Watch::new("judge".to_owned(), desk.printer.quiet, desk.interrupt.clone());
    let (over, next, left) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(args.files.len()));
    let results: Vec<Mutex<Option<Result<Judged, Error>>>> =
        args.files.iter().map(|_| Mutex::default()).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(args.files.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let take = || next.fetch_add(1, Ordering::Relaxed);
                while let Some((path, result)) =
                    Some(take()).and_then(|index| args.files.get(index).zip(results.get(index)))
                {
                    let judged = one(args, path, &over);
                    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
                    left.fetch_sub(1, Ordering::Release);
                }
            });
        }
        let begin = Instant::now();
        while left.load(Ordering::Acquire) > 0 {
            let is_late = args.time_max.is_some_and(|max| begin.elapsed() > max);
            if is_late || watch.interrupted() {
                over.store(true, Ordering::Relaxed);
            }
            let done = args.files.len() - left.load(Ordering::Relaxed);
            watch.tell(|| format!("{done} of {}", count(args.files.len(), "file")));
            thread::park_timeout(LOOK_EVERY);
        }
    });
    let result = |cell: Mutex<_>| cell.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().filter_map(result).collect()
}

fn one(args: &args::Judge, path: &Path, over: &AtomicBool) -> Result<Judged, Error> {
    match args.subject() {
        Subject::Objects(model) => of_objects(args, path, model, over),
        Subject::Transactions(workload) => {
            let mut incoming = Incoming::new(workload);
            input::each_piece(path, |bytes| incoming.push(bytes).map_err(|error| unread(path, &error)))?;
            let (report, recorded) = incoming.end().map_err(|error| match error {
                Unjudged::Read(error) => unread(path, &error),
                error => refused(
                    path,
                    error.to_string(),
                    "each transaction is a list of reads and writes of which no two are the same: docs/judge.md",
                ),
            })?;
            let finding = Finding::Transactions(workload, report);
            let conventions = judgement::conventions(recorded.format);
            Ok(Judged { path: path.to_owned(), log: Log::default(), recorded, conventions, finding })
        }
    }
}

fn of_objects(args: &args::Judge, path: &Path, model: Model, over: &AtomicBool) -> Result<Judged, Error> {
    let (log, format) = logged(path)?;
    let budget = Budget {
        steps_max: args.steps_max,
        memory_max: args.memory_max.saturating_mul(1 << 20),
        interrupted: Some(over),
        ..Budget::default()
    };
    let conventions = conventions(args, format);
    let finding =
        objects(args, &log, model, conventions, budget).map_err(|error| meaningless(path, model, &error))?;
    let recorded = Recorded::of(&log, format);
    Ok(Judged { path: path.to_owned(), log, recorded, conventions, finding })
}

/// The history of a file.
fn logged(path: &Path) -> Result<(Log, Format), Error> {
    let (mut feed, mut log) = (Feed::default(), Log::default());
    let mut each = |event| Ok(log.push(event)?);
    input::each_piece(path, |bytes| feed.push(bytes, &mut each).map_err(|error| unread(path, &error)))?;
    let format = feed.end(&mut each).map_err(|error| unread(path, &error))?;
    if log.operations().is_empty() {
        return Err(unread(path, &ReadError::Empty));
    }
    Ok((log, format))
}

/// How logs of a format are understood, unless told otherwise.
fn conventions(args: &args::Judge, format: Format) -> Conventions {
    let mut conventions = judgement::conventions(format);
    if let Some(how) = args.failed_cas {
        conventions.failed_cas_compared = how == FailedCas::Compared;
    }
    if let Some(how) = args.nil_read {
        conventions.nil_read_says_nothing = how == NilRead::Unseen;
    }
    conventions
}

fn refused(path: &Path, what: String, hint: &str) -> Error {
    Error::File { path: path.to_owned(), what, hint: hint.to_owned() }
}

/// A file is no history.
fn unread(path: &Path, error: &ReadError) -> Error {
    let hint = match error {
        ReadError::Malformed(_) => "mend the text there; `synod judge --help` names the formats",
        ReadError::Log(_) => "a client runs one operation at a time: give each thread a number of its own",
        _ => "`synod judge --help` names the formats",
    };
    refused(path, error.to_string(), hint)
}

/// A history is not one of the model.
fn meaningless(path: &Path, model: Model, error: &Meaningless) -> Error {
    refused(path, error.to_string(), &format!("a {model} is asked for: {}", model.functions()))
}

/// What is asked of objects.
fn objects(
    args: &args::Judge,
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<Finding, Meaningless> {
    if args.strongest {
        return Ok(Finding::Strongest(model, consistency::strongest(log, model, conventions, budget)?));
    }
    match args.level {
        None | Some(Level::Isolation(_) | Level::Consistency(consistency::Level::Linearizable)) => {
            Ok(Finding::Objects(model, judgement::judge_closely(log, model, conventions, budget)?))
        }
        Some(Level::Consistency(level)) => {
            let verdict = consistency::judge(log, model, level, conventions, budget)?;
            Ok(Finding::Level(model, level, verdict))
        }
    }
}

/// Whether the level is one of what is judged.
fn asked(args: &args::Judge) -> Result<(), Error> {
    let (what, hint) = match (args.subject(), args.level) {
        (Subject::Objects(model), Some(Level::Isolation(level))) => (
            format!("{level} is kept by transactions, not by a {model}"),
            "of objects it is asked whether they are linearizable, sequential, ..; of transactions: --model list-append",
        ),
        (Subject::Transactions(_), Some(Level::Consistency(level))) => (
            format!("objects are {level}, transactions are not"),
            "of transactions the strongest level is strict-serializable",
        ),
        _ => return Ok(()),
    };
    Err(Error::Arguments { what, hint: hint.to_owned() })
}

/// What is asked of transactions.
fn isolation(args: &args::Judge) -> transactions::Level {
    match args.level {
        Some(Level::Isolation(level)) => level,
        _ => transactions::Level::StrictSerializable,
    }
}

/// What is asked for, in a word.
fn level(args: &args::Judge) -> String {
    match args.subject() {
        Subject::Objects(_) => match args.level {
            Some(Level::Consistency(level)) => level.to_string(),
            _ => "linearizable".to_owned(),
        },
        Subject::Transactions(_) => isolation(args).to_string(),
    }
}

/// Whether transactions keep a level, if that is known.
fn keeps(report: &Report, level: transactions::Level) -> Option<bool> {
    match report.verdict(level) {
        Holds::Yes => Some(true),
        Holds::No => Some(false),
        Holds::Unknown => None,
    }
}

fn of(args: &args::Judge, finding: &Finding) -> Exit {
    let holds = match finding {
        Finding::Objects(_, judgement) => judgement.holds(),
        Finding::Level(_, _, verdict) => verdict.holds(),
        // an answer, whatever it is
        Finding::Strongest(..) => Some(true),
        Finding::Transactions(_, report) => keeps(report, isolation(args)),
    };
    match holds {
        _ if args.strongest && holds.is_some() => Exit::Holds,
        Some(true) => Exit::Holds,
        Some(false) => Exit::Violation,
        None => Exit::Inconclusive,
    }
}

fn count(number: usize, one: &str) -> String {
    report::count(number as u64, one, &format!("{one}s"))
}

/// An operation where it stands.
fn operation(log: &Log, index: usize) -> String {
    let operation = &log.operations()[index];
    let end = operation.end_line.map_or("no end".to_owned(), |end| format!("line {end}"));
    format!("{} (line {} to {end}): {}", operation.client, operation.line, words(operation))
}

/// A transaction where it stands.
fn transaction(involved: &Involved) -> String {
    let Involved { operation, client, line, end_line, did, ended } = involved;
    let end = end_line.map_or("no end".to_owned(), |end| format!("line {end}"));
    format!("    T{operation}: {client} (line {line} to {end}), {ended}: {did}")
}

fn tell(desk: &Desk<'_>, args: &args::Judge, judged: &Judged) {
    let Judged { path, log, recorded, conventions, finding } = judged;
    let (model, objects) = match finding {
        Finding::Objects(model, Judgement { parts }) if parts.len() == 1 => (model.name(), String::new()),
        Finding::Objects(model, Judgement { parts }) => {
            (model.name(), format!(" on {}", count(parts.len(), "object")))
        }
        Finding::Level(model, ..) | Finding::Strongest(model, _) => (model.name(), String::new()),
        Finding::Transactions(workload, _) => (workload.name(), String::new()),
    };
    desk.printer.say(format!(
        "{}  {model} · {}{objects} · {} · {}",
        verdict(args, path, finding),
        count(recorded.operations, "operation"),
        count(recorded.clients, "client"),
        recorded.format,
    ));
    if desk.printer.quiet {
        return;
    }
    for line in lines(log, finding) {
        desk.printer.say(format!("  {line}"));
    }
    if model == Model::CasRegister.name() {
        for line in taken_for(log, *conventions) {
            desk.printer.say(format!("  {line}"));
        }
    }
    if recorded.clock_went_back > 0 {
        let times = count(recorded.clock_went_back, "time");
        desk.printer.say(format!("  the log's clock went back {times}: its order is what counts"));
    }
}

/// What a convention decided, which another tool's would have decided otherwise.
fn taken_for(log: &Log, conventions: Conventions) -> Vec<String> {
    let how_many = |function: &str, end: &dyn Fn(&End) -> bool| {
        log.operations().iter().filter(|o| &*o.function == function && end(&o.end)).count()
    };
    let unseen = how_many("read", &|end| *end == End::Ok(synod_judge::Value::Nil));
    let failed = how_many("cas", &|end| matches!(end, End::Failed(_)));
    let mut lines = vec![];
    if conventions.nil_read_says_nothing && unseen > 0 {
        lines.push(format!(
            "{} of nothing: what was read counts as not known (--nil-read empty: nothing was written)",
            count(unseen, "read")
        ));
    }
    if conventions.failed_cas_compared && failed > 0 {
        lines.push(format!("{failed} compare-and-sets failed: they count as having seen another value (--failed-cas never: as never done)"));
    }
    lines
}

/// The verdict on a file, in words.
fn verdict(args: &args::Judge, path: &Path, finding: &Finding) -> String {
    let path = path.display();
    match (finding, of(args, finding)) {
        (Finding::Transactions(_, report), Exit::Holds) if args.strongest => {
            let levels: Vec<_> = report.strongest().iter().map(ToString::to_string).collect();
            format!("✓ {path}  nothing refutes {}", named_levels(&levels))
        }
        // no cycle was found: where not all was read, that is not yet a proof
        (Finding::Transactions(..), Exit::Holds) => format!("✓ {path}  nothing refutes {}", level(args)),
        (Finding::Strongest(_, strongest), _) => {
            let levels: Vec<_> = strongest.levels.iter().map(ToString::to_string).collect();
            format!("✓ {path}  {}", named_levels(&levels))
        }
        (_, Exit::Holds) => format!("✓ {path}  {}", level(args)),
        (_, Exit::Violation) => format!("✗ {path}  not {}", level(args)),
        _ => format!("? {path}  not known"),
    }
}

fn named_levels(levels: &[String]) -> String {
    if levels.is_empty() { "no level at all".to_owned() } else { levels.join(" and ") }
}

/// Why a level does not hold, or is not known to.
fn level_lines(log: &Log, verdict: &LevelVerdict) -> Vec<String> {
    match verdict {
        LevelVerdict::Holds => vec![],
        LevelVerdict::Violated { operations, why } => {
            let mut lines = vec![why.clone()];
            lines.extend(operations.iter().map(|&index| format!("  {}", operation(log, index))));
            lines
        }
        LevelVerdict::Unknown { how_far, why } => vec![format!("{why}: {how_far}")],
    }
}

/// Why, and how it was judged.
fn lines(log: &Log, finding: &Finding) -> Vec<String> {
    match finding {
        Finding::Objects(_, judgement) => {
            let mut lines: Vec<_> = judgement.parts.iter().flat_map(|part| part_lines(log, part)).collect();
            let mut ways: Vec<_> = judgement.parts.iter().map(|part| part.way.name()).collect();
            ways.sort_unstable();
            ways.dedup();
            lines.push(format!("by {}", ways.join("; ")));
            lines
        }
        Finding::Level(_, level, verdict) => {
            let mut lines = level_lines(log, verdict);
            lines.push(format!("{level}: {}", level.definition()));
            lines
        }
        Finding::Strongest(_, strongest) => {
            let mut lines = vec![];
            for (level, verdict) in &strongest.verdicts {
                let word = match verdict.holds() {
                    Some(true) => "holds",
                    Some(false) => "does not hold",
                    None => "is not known",
                };
                lines.push(format!("{level} {word}"));
                lines.extend(level_lines(log, verdict).into_iter().map(|line| format!("  {line}")));
            }
            lines
        }
        Finding::Transactions(_, report) => {
            let mut lines = vec![];
            for anomaly in &report.anomalies {
                let pattern =
                    anomaly.pattern.map_or(String::new(), |pattern| format!(", {}", pattern.name()));
                let (name, needs) = (anomaly.phenomenon.name(), anomaly.outer.needs());
                lines.push(format!("{name}{pattern}{needs}"));
                lines.extend(anomaly.why.iter().map(|why| format!("  {why}")));
                lines.extend(anomaly.involved.iter().map(transaction));
            }
            lines.extend(report.notes.iter().cloned());
            lines
        }
    }
}

/// Of an object that is not fine, why.
fn part_lines(log: &Log, part: &PartVerdict) -> Vec<String> {
    let of_key = part.key.as_ref().map_or(String::new(), |key| format!("key {key}: "));
    match &part.verdict {
        Verdict::Linearizable { .. } => vec![],
        Verdict::Unknown { prefix } => {
            vec![format!("{of_key}the budget ran out; the first {} have an order", count(*prefix, "event"))]
        }
        Verdict::Violation { prefix, operation: index, .. } => {
            let mut lines = vec![
                format!(
                    "{of_key}the first {} have an order, with the next there is none:",
                    count(*prefix, "event")
                ),
                format!("  {}", operation(log, *index)),
            ];
            if let Some(why) = &part.explanation {
                lines.push(
                    "whatever took effect before, in whichever order, it would have returned".to_owned(),
                );
                for (state, returned) in &why.states {
                    lines.push(format!("  {returned}, the state being {state}"));
                }
                if why.more > 0 {
                    lines.push(format!("  .. and {} more", grouped(why.more as u64)));
                }
                if !why.states.is_empty() {
                    lines.push(format!("but not {}", why.returned));
                }
                named(&mut lines, log, "ran at the same time:", &why.concurrent);
                named(&mut lines, log, "took effect last before:", &why.before);
            }
            if let Some(part) = &part.smallest {
                let rest = if part.is_smallest { "" } else { " (there may be a smaller one)" };
                let heading =
                    format!("the smallest part that fails by itself, whatever came of the rest{rest}:");
                named(&mut lines, log, &heading, &part.operations);
            }
            lines
        }
    }
}

fn named(lines: &mut Vec<String>, log: &Log, heading: &str, operations: &[usize]) {
    const MAX: usize = 12;
    if !operations.is_empty() {
        lines.push(heading.to_owned());
        lines.extend(operations.iter().take(MAX).map(|&index| format!("  {}", operation(log, index))));
    }
    if operations.len() > MAX {
        lines.push(format!("  .. and {} more", operations.len() - MAX));
    }
}

fn event(args: &args::Judge, judged: &Judged) -> Value {
    let Judged { path, log, recorded, finding, .. } = judged;
    let line = |index: usize| log.operations()[index].line;
    let lines = |indices: &[usize]| indices.iter().map(|&index| line(index)).collect::<Vec<_>>();
    let part = |part: &PartVerdict| {
        let mut object = json!({
            "key": part.key.as_ref().map(ToString::to_string), "operations": part.operations, "way": part.way.name(),
        });
        let more = match &part.verdict {
            Verdict::Linearizable { order } => json!({ "verdict": "linearizable", "order": lines(order) }),
            Verdict::Unknown { prefix } => json!({ "verdict": "unknown", "explained_events": prefix }),
            Verdict::Violation { prefix, order, operation } => json!({
                "verdict": "violation", "explained_events": prefix, "order": lines(order), "line": line(*operation),
                "returned": part.explanation.as_ref().map(|why| &why.returned),
                "possible": part.explanation.as_ref().map(|why| &why.states),
                "concurrent": part.explanation.as_ref().map(|why| lines(&why.concurrent)),
                "smallest": part.smallest.as_ref().map(|part| lines(&part.operations)),
            }),
        };
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    };
    let anomaly = |anomaly: &transactions::Anomaly| {
        json!({
            "phenomenon": anomaly.phenomenon.name(), "needs": format!("{:?}", anomaly.outer).to_lowercase(),
            "lines": anomaly.lines(), "why": anomaly.why,
        })
    };
    let mut event = json!({
        "event": "judgement", "file": path.display().to_string(), "format": recorded.format.to_string(), "level": level(args),
        "operations": recorded.operations,
    });
    let more = match finding {
        Finding::Objects(model, judgement) => json!({
            "model": model.name(), "holds": judgement.holds(), "parts": judgement.parts.iter().map(part).collect::<Vec<_>>(),
        }),
        Finding::Level(model, _, verdict) => {
            json!({ "model": model.name(), "holds": verdict.holds(), "why": level_lines(log, verdict) })
        }
        Finding::Strongest(model, strongest) => json!({
            "model": model.name(), "strongest": strongest.levels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "levels": strongest.verdicts.iter().map(|(level, verdict)| json!({
                "level": level.to_string(), "holds": verdict.holds(), "why": level_lines(log, verdict),
            })).collect::<Vec<_>>(),
        }),
        Finding::Transactions(workload, report) => json!({
            "model": workload.name(), "holds": keeps(report, isolation(args)), "notes": report.notes,
            "strongest": report.strongest().iter().map(|level| level.name()).collect::<Vec<_>>(),
            "anomalies": report.anomalies.iter().map(anomaly).collect::<Vec<_>>(),
        }),
    };
    if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
        event.extend(more);
    }
    event
}

/// Draws the first object that is not fine, or all.
fn draw(desk: &Desk<'_>, args: &args::Judge, judged: &Judged) -> Result<(), Error> {
    if args.svg.is_none() && args.html.is_none() {
        return Ok(());
    }
    let Judged { path, log, finding, .. } = judged;
    let read_again;
    let log = if let Finding::Transactions(..) = finding {
        read_again = logged(path)?.0;
        &read_again
    } else {
        log
    };
    let nothing = vec![];
    let parts = if let Finding::Objects(_, judgement) = finding { &judgement.parts } else { &nothing };
    let wrong = parts.iter().find(|part| part.verdict.is_violation());
    let anomaly = match finding {
        Finding::Transactions(_, report) => report.anomalies.first(),
        _ => None,
    };
    let broken: &[usize] = match finding {
        Finding::Level(_, _, LevelVerdict::Violated { operations, .. }) => operations,
        _ => anomaly.map_or(&[], |anomaly| &anomaly.operations),
    };
    let cycle = anomaly.filter(|anomaly| anomaly.phenomenon.is_cycle());
    let (order, wrong_operation) = match wrong.map(|part| &part.verdict) {
        Some(Verdict::Violation { order, operation, .. }) => (order.clone(), Some(*operation)),
        _ => (parts.iter().flat_map(|part| order(&part.verdict)).copied().collect(), None),
    };
    let smallest = wrong.and_then(|part| part.smallest.as_ref());
    let smallest: &[usize] = smallest.map_or(&[], |part| &part.operations);
    let smallest = &smallest[..smallest.len().min(DRAWN_MAX)];
    let operations = log.operations();
    let key = wrong.map(|part| part.key.clone());
    let is_shown = |&index: &usize| {
        if let Finding::Transactions(_, report) = finding
            && !report.anomalies.is_empty()
        {
            return report.anomalies.iter().any(|anomaly| anomaly.operations.contains(&index));
        }
        key.as_ref().is_none_or(|key| key.is_none() || *key == operations[index].key)
            && wrong_operation
                .is_none_or(|wrong| Some(operations[index].invoked) < operations[wrong].returned)
    };
    let mut shown: Vec<usize> = (0..operations.len()).filter(is_shown).collect();
    let cut = shown.len().saturating_sub(DRAWN_MAX);
    if wrong_operation.is_some() {
        // what stands right before it tells most, and what fails with it
        shown.retain(|index| !matches!(operations[*index].end, End::Failed(_)) || smallest.contains(index));
        let near = shown.split_off(shown.len().saturating_sub(DRAWN_MAX));
        shown.retain(|index| smallest.contains(index));
        shown.extend(near);
    } else {
        shown.truncate(DRAWN_MAX);
    }
    let title = verdict(args, path, finding);
    let timeline = Timeline {
        log,
        title,
        shown,
        order,
        wrong: wrong_operation.into_iter().chain(broken.iter().copied()).collect(),
        smallest: smallest.to_vec(),
        cycle: cycle.map_or(vec![], |anomaly| anomaly.operations.clone()),
    };
    if let Some(file) = &args.svg {
        failures::save(file, &timeline.svg())?;
        desk.printer.talk(format!("picture: {}", file.display()));
    }
    if let Some(file) = &args.html {
        let why = lines(log, finding).join("\n");
        failures::save(file, &timeline.html(&why))?;
        desk.printer.talk(format!("page: {}", file.display()));
    }
    if cut > 0 {
        desk.printer.talk(format!("drawn are {DRAWN_MAX} operations, not {} more", grouped(cut as u64)));
    }
    Ok(())
}

fn order(verdict: &Verdict) -> &[usize] {
    match verdict {
        Verdict::Linearizable { order } | Verdict::Violation { order, .. } => order,
        Verdict::Unknown { .. } => &[],
    }
}
