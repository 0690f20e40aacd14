//! What there is to know: the algorithms, their pages, properties and codes.

use crate::commands::{Desk, program};
use crate::environment::describe;
use crate::error::Error;
use crate::exit::Exit;
use crate::nearest::nearest;
use crate::output::table;
use crate::registry::Entry;
use crate::report::ground_name;
use serde_json::json;
use synod_kernel::Code;
use synod_properties::{GroundKind, Kind, Property};

/// What is said after a run without arguments.
pub(super) const WHAT_ELSE: &str = "What else: `list` shows the algorithms, `explain NAME` a page, `models` the system models; `--help` the rest.";

/// `list`.
pub(super) fn list(desk: &Desk<'_>) -> Exit {
    let mut table = table(["algorithm", "what it does", "model", "properties"]);
    for entry in desk.registry.entries() {
        let properties = (entry.subject.properties)();
        let ids: Vec<_> = properties.iter().filter(|p| p.kind != Kind::Reachable).map(|p| p.id).collect();
        let model = (entry.subject.model)().line();
        desk.printer.event(&json!({
            "event": "algorithm", "name": entry.name(), "summary": entry.page().line(), "model": model,
            "properties": properties, "defects": entry.subject.twins.iter().map(|t| t.name).collect::<Vec<_>>(),
        }));
        table.add_row([entry.name().to_owned(), entry.page().line(), model, ids.join(" ")]);
    }
    desk.printer.say(table.to_string());
    desk.printer.talk(format!("{} explain NAME shows the page of one", program()));
    Exit::Holds
}

/// `explain`.
pub(super) fn explain(desk: &Desk<'_>, name: &str) -> Result<Exit, Error> {
    let text = code(name)
        .or_else(|| desk.registry.find(name).ok().map(page))
        .or_else(|| property(desk, name))
        .ok_or_else(|| Error::NoPage { name: name.to_owned(), nearest: nearest_page(desk, name) })?;
    desk.printer.event(&json!({ "event": "explanation", "name": name, "text": text }));
    desk.printer.say(text);
    Ok(Exit::Holds)
}

fn code(name: &str) -> Option<String> {
    let upper = name.to_uppercase();
    let kernel = Code::ALL.iter().map(|code| (code.name(), code.explanation()));
    kernel
        .chain(Error::EXPLANATIONS)
        .find(|(code, _)| *code == upper)
        .map(|(code, text)| format!("{code}\n\n{text}"))
}

fn nearest_page(desk: &Desk<'_>, name: &str) -> Option<String> {
    let names = desk.registry.entries().iter().map(Entry::name);
    let properties = properties(desk);
    let ids = properties.iter().map(|(property, _)| property.id);
    nearest(name, names.chain(ids)).map(str::to_owned)
}

/// All properties, each with the algorithms that promise it.
fn properties(desk: &Desk<'_>) -> Vec<(Property, Vec<&'static str>)> {
    let mut all: Vec<(Property, Vec<_>)> = Vec::new();
    for entry in desk.registry.entries() {
        for property in (entry.subject.properties)() {
            match all.iter_mut().find(|(p, _)| *p == property) {
                Some((_, names)) => names.push(entry.name()),
                None => all.push((property, vec![entry.name()])),
            }
        }
    }
    all
}

fn property(desk: &Desk<'_>, id: &str) -> Option<String> {
    let found: Vec<_> =
        properties(desk).into_iter().filter(|(property, _)| property.id.eq_ignore_ascii_case(id)).collect();
    (!found.is_empty()).then(|| {
        let texts = found.into_iter().map(|(property, names)| {
            let judged = match property.kind {
                Kind::Safety => "safety: broken by one observation, whatever comes after it",
                Kind::Liveness => {
                    "liveness: a debt, broken in a fair run in which it is never paid although those among whom it \
                     counts are correct"
                }
                Kind::Reachable => "a goal: some run must reach it, so that nothing holds vacuously",
            };
            format!("{} {}\n\n{judged}\njudged of: {}", property.id, property.name, names.join(", "))
        });
        texts.collect::<Vec<_>>().join("\n\n")
    })
}

/// An algorithm's page, and what is known of it besides.
fn page(entry: &Entry) -> String {
    let page = entry.page();
    let mut parts = vec![format!("{}\n\n{}", entry.name(), page.summary)];
    for (heading, text) in &page.sections {
        parts.push(format!("{}\n{}", heading.to_uppercase(), indented(text)));
    }
    let model = format!("{}\n(`models` explains the axes)", (entry.subject.model)().line());
    parts.push(format!("AS A TYPE\n{}", indented(&model)));
    if !entry.subject.twins.is_empty() {
        let twins = entry
            .subject
            .twins
            .iter()
            .map(|twin| format!("--defect {:<22} breaks {}: {}", twin.name, twin.breaks, twin.about));
        parts.push(format!("BROKEN TWINS\n{}", indented(&twins.collect::<Vec<_>>().join("\n"))));
    }
    let worlds = [GroundKind::Check, GroundKind::Sim, GroundKind::Run].map(|ground| {
        let subject = entry.on(ground);
        let scale = (subject.scale)(ground);
        format!("{:<6} {}", ground_name(ground), describe(&(subject.environment)(ground, &scale)))
    });
    parts.push(format!("WORLDS, UNLESS TOLD OTHERWISE\n{}", indented(&worlds.join("\n"))));
    parts.join("\n\n")
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") });
    lines.collect::<Vec<_>>().join("\n")
}
