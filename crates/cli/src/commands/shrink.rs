//! A trace made small; a test made of one.

use crate::args;
use crate::commands::{Desk, conditions, failures, program, replay};
use crate::emit::{INLINE_LINES_MAX, regression_test};
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::shrink::{adopt, by_steps};
use crate::grounds::title;
use crate::registry::Entry;
use crate::report::{Failure, Report, Trace, count};
use std::path::Path;
use std::time::Instant;
use synod_kernel::trace::Broken;
use synod_properties::{GroundKind, Verdict};
use synod_sim::shrink::Limits;
use synod_sim::workload::LINEARIZABLE;

/// `shrink`.
pub(super) fn shrink(desk: &Desk<'_>, args: &args::Shrink) -> Result<Exit, Error> {
    let refused = |what: String, hint: &str| Error::Unsupported { what, hint: hint.to_owned() };
    let path = args.file.display();
    let opened = replay::open(desk, &args.file)?;
    let replay::Opened { content, header, entry, scale, world, replayed } = opened;
    let Some(broken) = replayed.judged.clone().filter(|_| replayed.confirmed()) else {
        let what = format!("{path} breaks nothing: there is nothing to keep while it is made small");
        return Err(refused(what, "give the trace of a failure"));
    };
    let damaged = |source| Error::Trace { path: args.file.clone(), source };
    let open = if header.ground == "check" { entry.steps_checked } else { entry.steps };
    let started = Instant::now();
    let stop = || desk.interrupt.is_set() || args.time.is_some_and(|most| started.elapsed() > most);
    let conditions = match failures::command_of(&args.file) {
        Some(command) => conditions::find(desk, &command, &broken.property, &stop)?,
        None => None,
    };
    let tell = |conditions: Option<conditions::Conditions>| {
        conditions.map_or(Ok(()), |conditions| conditions.tell(desk, &args.file.with_extension("toml")))
    };
    let Some(run) = open(&content).map_err(damaged)? else {
        if conditions.is_some() {
            tell(conditions)?;
            return Ok(Exit::Violation);
        }
        let what = format!(
            "the steps of {path} cannot be left out one by one: time decides what may happen there, or what is owed at its end"
        );
        return Err(refused(what, "`sim` makes what it finds small by itself: by what the seed draws"));
    };
    let limits =
        Limits { attempts: args.attempts.unwrap_or(Limits::default().attempts), ..Limits::default() };
    let small = by_steps(run, &limits, &stop);
    let ground = match header.ground.as_str() {
        "check" => GroundKind::Check,
        "run" => GroundKind::Run,
        _ => GroundKind::Sim,
    };
    let mut report = Report::empty(title(&header.algorithm, &scale), ground, world);
    let mut failure = blank(entry, ground, &broken, content.clone());
    if !adopt(&mut failure, entry, small, &content, started.elapsed()) {
        let what = format!("nothing smaller than {path} replays to the same end");
        return Err(refused(what, "replay shows it as it is"));
    }
    report.scope = count(failure.story.len() as u64, "step", "steps");
    report.elapsed = started.elapsed();
    let properties = (entry.on(ground).properties)();
    let property = properties.into_iter().find(|p| p.id == broken.property);
    report.verdicts.extend(property.map(|p| (p, Verdict::Violated { what: failure.what.clone() })));
    if let (Some(to), Trace::Content(content)) = (&args.to, &failure.trace) {
        failures::save(to, content)?;
    }
    report.failures.push(failure);
    let exit = desk.tell(&mut report, |_| String::new());
    tell(conditions)?;
    Ok(exit)
}

fn blank(entry: &Entry, ground: GroundKind, broken: &Broken, content: String) -> Failure {
    let properties = (entry.on(ground).properties)();
    let name = properties.iter().find(|p| p.id == broken.property).map_or("", |p| p.name);
    Failure {
        property: broken.property.clone(),
        name: name.to_owned(),
        what: broken.what.clone(),
        step: 0,
        at: None,
        story: Vec::new(),
        text: Vec::new(),
        trace: Trace::Content(content),
        seed: None,
        shrunk: None,
        delays: None,
    }
}

/// `replay --emit-test`: the test that a trace is.
pub(super) fn emit_test(desk: &Desk<'_>, file: &Path) -> Result<Exit, Error> {
    let opened = replay::open(desk, file)?;
    let Some(broken) = opened.replayed.judged.as_ref().filter(|_| opened.replayed.confirmed()) else {
        return Err(Error::Unsupported {
            what: format!("{} breaks nothing: there is nothing to test", file.display()),
            hint: "give the trace of a failure".to_owned(),
        });
    };
    if broken.property == LINEARIZABLE.id {
        return Err(Error::Unsupported {
            what: format!("{} breaks what clients saw, and that is not in a trace", file.display()),
            hint: "the seed makes the same history again".to_owned(),
        });
    }
    let subject =
        if opened.header.ground == "check" { opened.entry.type_checked } else { opened.entry.type_name };
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let is_twin = opened.scale.defect.is_some();
    let code = regression_test(&opened.header.algorithm, subject, is_twin, broken, &opened.content, &name);
    code.lines().for_each(|line| desk.printer.say(line));
    desk.printer.event(&serde_json::json!({ "event": "test", "code": code }));
    if opened.content.lines().count() > INLINE_LINES_MAX {
        desk.printer.talk(format!("the test reads {name}: put it beside the test"));
    }
    desk.printer.talk(format!("`{} replay {}` tells the run", program(), file.display()));
    Ok(Exit::Holds)
}
