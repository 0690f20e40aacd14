//! What there is to know: the algorithms, their pages, properties and codes.

use crate::checkable::{Checkable, Section};
use crate::commands::{Desk, program};
use crate::environment::describe;
use crate::error::Error;
use crate::exit::Exit;
use crate::nearest::nearest;
use crate::output::table;
use crate::page::Page;
use crate::registry::{Entry, Found, ModelCard};
use crate::report::ground_name;
use serde_json::json;
use synod_kernel::Code;
use synod_properties::{GroundKind, Kind, Property, Twin};

/// What is said after a run without arguments.
pub(super) const WHAT_ELSE: &str = "What else: `list` shows the algorithms and a gallery of published systems, `explain NAME` a page, `models` the system models; `--help` the rest.";

/// `list`.
pub(super) fn list(desk: &Desk<'_>) -> Exit {
    let mut table = table(["algorithm", "what it does", "model", "properties"]);
    for entry in desk.registry.entries() {
        let properties = (entry.subject.properties)();
        let ids = ids(&properties);
        let model = (entry.subject.model)().line();
        desk.printer.event(&json!({
            "event": "algorithm", "name": entry.name(), "summary": entry.page().line(), "model": model,
            "properties": properties, "defects": entry.subject.twins.iter().map(|t| t.name).collect::<Vec<_>>(),
        }));
        table.add_row([entry.name().to_owned(), entry.page().line(), model, ids]);
    }
    desk.printer.say(table.to_string());
    for section in Section::ALL {
        list_section(desk, section);
    }
    desk.printer.talk(format!("{} explain NAME shows the page of one", program()));
    Exit::Holds
}

/// What is checked by its constants alone.
fn list_section(desk: &Desk<'_>, section: Section) {
    let mut all = desk.registry.checkables(section).peekable();
    if all.peek().is_none() {
        return;
    }
    let ours = matches!(section, Section::Rounds | Section::Time);
    let mut table = if ours {
        table(["algorithm", "what it does", "model", "properties"])
    } else {
        table(["name", "what it is", "constants", "claims"])
    };
    for checkable in all {
        let (name, summary) = (desk.registry.title(checkable), checkable.page().line());
        let (properties, constants) = (checkable.properties(), checkable.constants());
        let names: Vec<_> = constants.iter().map(|c| c.name).collect();
        let model = checkable.model().map(|model| model.line());
        let mut event = json!({
            "event": section.event(), "name": name, "summary": summary, "properties": properties,
            "constants": names, "known": checkable.known(),
        });
        if let Some(model) = &model {
            event["model"] = json!(model);
            event["defects"] = json!(checkable.twins().iter().map(|t| t.name).collect::<Vec<_>>());
        }
        desk.printer.event(&event);
        table.add_row([name, summary, model.unwrap_or_else(|| names.join(" ")), ids(&properties)]);
    }
    desk.printer.say(format!("\n{}", section.title()));
    desk.printer.say(table.to_string());
}

/// The identifiers of what is promised, goals apart.
fn ids(properties: &[Property]) -> String {
    let ids: Vec<_> = properties.iter().filter(|p| p.kind != Kind::Reachable).map(|p| p.id).collect();
    ids.join(" ")
}

/// `explain`.
pub(super) fn explain(desk: &Desk<'_>, name: &str) -> Result<Exit, Error> {
    let text = code(name)
        .or_else(|| page_of(desk, name))
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
    let names = desk.registry.names();
    let properties = properties(desk);
    let ids = properties.iter().map(|(property, _)| property.id);
    nearest(name, names.iter().map(String::as_str).chain(ids)).map(str::to_owned)
}

/// All properties, each with the algorithms that promise it.
fn properties(desk: &Desk<'_>) -> Vec<(Property, Vec<String>)> {
    let algorithms = desk.registry.entries().iter().map(|e| (e.name().to_owned(), (e.subject.properties)()));
    let checkables = Section::ALL.into_iter().flat_map(|section| desk.registry.checkables(section));
    let checkables = checkables.map(|c| (desk.registry.title(c), c.properties()));
    let mut all: Vec<(Property, Vec<_>)> = Vec::new();
    for (name, properties) in algorithms.chain(checkables) {
        for property in properties {
            match all.iter_mut().find(|(p, _)| *p == property) {
                Some((_, names)) => names.push(name.clone()),
                None => all.push((property, vec![name.clone()])),
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

/// The page of this name; with a word on a published system that has the name of an algorithm.
fn page_of(desk: &Desk<'_>, name: &str) -> Option<String> {
    let also = format!("{}{name}", Section::GALLERY);
    Some(match desk.registry.find_checked(name).ok()? {
        Found::Checkable(checkable) => checkable_page(&desk.registry.title(checkable), checkable),
        Found::Algorithm(entry) if desk.registry.names().contains(&also) => {
            format!("{}\n\nThe gallery has a published system of this name: `explain {also}`.", page(entry))
        }
        Found::Algorithm(entry) => page(entry),
    })
}

/// The head of a source file, under a name.
fn head(name: &str, page: &Page) -> Vec<String> {
    let mut parts = vec![format!("{name}\n\n{}", page.summary)];
    for (heading, text) in &page.sections {
        parts.push(format!("{}\n{}", heading.to_uppercase(), indented(text)));
    }
    parts
}

fn as_a_type(model: &ModelCard) -> String {
    format!("AS A TYPE\n{}", indented(&format!("{}\n(`models` explains the axes)", model.line())))
}

fn broken_twins(twins: &[Twin]) -> Option<String> {
    let lines = twins.iter().map(|t| format!("--defect {:<22} breaks {}: {}", t.name, t.breaks, t.about));
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| format!("BROKEN TWINS\n{}", indented(&lines.join("\n"))))
}

/// The page of what is checked by its constants alone.
fn checkable_page(title: &str, checkable: &dyn Checkable) -> String {
    let mut parts = head(title, &checkable.page());
    parts.extend(checkable.model().as_ref().map(as_a_type));
    parts.extend(broken_twins(checkable.twins()));
    let constants: Vec<_> = checkable.constants().iter().map(|c| format!("--set {}", c.line())).collect();
    parts.push(format!("CONSTANTS, AS THEY ARE UNLESS SET\n{}", indented(&constants.join("\n"))));
    let known = checkable.known();
    if !known.is_empty() {
        parts.push(format!("PUBLISHED\n{}", indented(&known.join("\n"))));
    }
    parts.push(format!("CHECKED BY\n{}", indented(&format!("{} check {title}", program()))));
    parts.join("\n\n")
}

/// An algorithm's page, and what is known of it besides.
fn page(entry: &Entry) -> String {
    let mut parts = head(entry.name(), &entry.page());
    parts.push(as_a_type(&(entry.subject.model)()));
    parts.extend(broken_twins(entry.subject.twins));
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
