//! What is printed, and how: for people, as JSON lines, or in short. Data on standard output, talk on standard error.

use crate::error::Error;
use crate::exit::Exit;
use crate::report::{Answer, Failure, Necessary, Report, StoryLine, ground_name, seconds};
use crate::story;
use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use synod_properties::{Kind, Property, Verdict};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default().bold();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// What is printed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printer {
    /// One JSON object a line.
    pub json: bool,
    /// Verdicts and failures alone.
    pub quiet: bool,
}

/// A failure's lines that are commands: each is typed as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// What it is for: "replay".
    pub label: &'static str,
    /// The command.
    pub command: String,
    /// A remark after it.
    pub remark: String,
}

impl Printer {
    /// A line for people, on standard output; nothing where the output is JSON.
    pub fn say(self, line: impl AsRef<str>) {
        if !self.json {
            out(line.as_ref());
        }
    }

    /// Text as it stands, on standard output, whatever the output is.
    pub fn raw(self, text: &str) {
        let _ = std::io::stdout().write_all(text.as_bytes());
    }

    /// A line of talk, on standard error.
    pub fn talk(self, line: impl AsRef<str>) {
        if !self.quiet {
            // nobody is there to be told that standard error is closed
            let _ = writeln!(anstream::stderr(), "{}", line.as_ref());
        }
    }

    /// An object of the JSON output; nothing for people.
    pub fn event(self, event: &Value) {
        if self.json {
            out(&event.to_string());
        }
    }

    /// An error, on standard error; as an object too where the output is JSON.
    pub fn error(self, error: &Error) {
        let (code, hint) = (error.code(), error.hint());
        let _ =
            writeln!(anstream::stderr(), "{BAD}error[{code}]{BAD:#}: {error}\n{BOLD}hint:{BOLD:#} {hint}");
        self.event(&json!({
            "event": "error", "code": code, "message": error.to_string(), "hint": hint, "exit": error.exit().code(),
        }));
    }

    /// What a ground found.
    pub fn report(self, report: &Report, commands: &[CommandLine]) {
        if self.json {
            return json_report(report, commands);
        }
        if !self.quiet {
            heading(report);
            verdicts(report);
            report.answers.iter().for_each(answer);
            scope(report);
        }
        for (at, failure) in report.failures.iter().enumerate() {
            // the first one's commands find the others too
            failure_block(report, failure, if at == 0 { commands } else { &[] }, self.quiet);
        }
        conclusion(report);
    }

    /// The table of all grounds.
    pub fn table(self, reports: &[Report]) {
        if !self.json && !reports.is_empty() {
            out(&verdict_table(reports));
        }
    }

    /// The last object of the JSON output.
    pub fn summary(self, exit: Exit) {
        self.event(&json!({ "event": "summary", "result": exit, "exit": exit.code() }));
    }

    /// A step of a run.
    pub fn step(self, line: &StoryLine) {
        if self.json {
            self.event(&story_event(line));
        } else if !self.quiet {
            out(&story::render_line(line, true));
        }
    }
}

/// Prints a line on standard output. A reader that has gone away wants no more: that is no error.
fn out(line: &str) {
    if writeln!(anstream::stdout(), "{line}").is_err() {
        std::process::exit(i32::from(Exit::Holds.code()));
    }
}

/// Rows in columns as wide as what stands in them, indented; the first row is the heads.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..count).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn heading(report: &Report) {
    out(&format!(
        "{BOLD}{}{BOLD:#} {}  {DIM}{}{DIM:#}",
        ground_name(report.ground),
        report.algorithm,
        report.world
    ));
    for diagnostic in &report.outside {
        out(&format!(
            "  {OPEN}outside of the model{OPEN:#} {diagnostic}\n    {DIM}hint: {}{DIM:#}",
            diagnostic.hint
        ));
    }
}

/// The word for a verdict, and how it looks.
fn word(property: &Property, verdict: &Verdict) -> (&'static str, Style) {
    match (property.kind, verdict) {
        (Kind::Reachable, Verdict::Holds) => ("reached", GOOD),
        (Kind::Reachable, Verdict::Violated { .. }) => ("unreached", OPEN),
        (_, Verdict::Holds) => ("holds", GOOD),
        (_, Verdict::Violated { .. }) => ("violated", BAD),
        (_, Verdict::Unknown { .. }) => ("unknown", OPEN),
    }
}

/// The glyph before a verdict, so that it reads without colour.
fn glyph(property: &Property, verdict: &Verdict) -> char {
    match word(property, verdict).0 {
        "holds" | "reached" => '✓',
        "violated" => '✗',
        _ => '?',
    }
}

fn verdicts(report: &Report) {
    for (property, verdict) in &report.verdicts {
        let (word, style) = word(property, verdict);
        let glyph = glyph(property, verdict);
        let why = match verdict {
            Verdict::Holds => String::new(),
            Verdict::Violated { what } => format!("  {what}"),
            Verdict::Unknown { why } => format!("  {why}"),
        };
        // a goal has its whole name as its title
        let (id, name) = if property.kind == Kind::Reachable {
            ("goal", property.name)
        } else {
            (property.id, property.name)
        };
        out(&format!("  {style}{glyph} {word:<9}{style:#} {id:<6} {name}{why}"));
    }
}

/// A number, and whether it is the one that is known.
fn answer(answer: &Answer) {
    let Answer { name, found, precision, published, .. } = answer;
    let published = match published {
        None => String::new(),
        Some(known) if known.equal => format!("  published: {}: {GOOD}equal{GOOD:#}", known.number),
        Some(known) => format!("  published: {}: {BAD}different{BAD:#}, {found} found", known.number),
    };
    out(&format!("  = {found:<9} {name}{precision}{published}"));
}

fn scope(report: &Report) {
    let known = if report.known.is_empty() { String::new() } else { format!("; {}", report.known) };
    out(&format!("  {BOLD}scope{BOLD:#}  {}{known} {DIM}({}){DIM:#}", report.scope, seconds(report.elapsed)));
    for note in report.notes.iter().chain(&report.not_covered()) {
        out(&format!("  {DIM}{note}{DIM:#}"));
    }
}

fn conclusion(report: &Report) {
    let name = format!("{} {}", ground_name(report.ground), report.algorithm);
    match report.exit() {
        Exit::Holds => out(&format!("{GOOD}✓ {name}: holds{GOOD:#}  {}", report.scope)),
        Exit::Violation if report.differs() => {
            out(&format!("{BAD}✗ {name}: not what is published{BAD:#}  {}", report.scope));
            let differing = report.answers.iter().filter_map(|a| Some((a, a.published.as_ref()?)));
            for (answer, published) in differing.filter(|(_, published)| !published.equal) {
                out(&format!("  {}: {} found, {} published", answer.name, answer.found, published.number));
            }
        }
        Exit::Violation => {}
        Exit::Nondeterminism => {
            let what = report.nondeterminism.as_deref().unwrap_or_default();
            out(&format!("{BAD}✗ {name}: nondeterminism{BAD:#}  {what}"));
        }
        Exit::Interrupted => out(&format!("{OPEN}? {name}: interrupted{OPEN:#}  {}", report.scope)),
        _ => {
            out(&format!("{OPEN}? {name}: inconclusive{OPEN:#}  {}", report.scope));
            for why in report.why_inconclusive() {
                out(&format!("  {why}"));
            }
        }
    }
}

fn failure_block(report: &Report, failure: &Failure, commands: &[CommandLine], quiet: bool) {
    if !quiet {
        out("");
        for line in story::render(&failure.story, false).iter().chain(&failure.text) {
            out(line);
        }
        if let Some(legend) = story::legend(&failure.story) {
            out(&format!("{DIM}{legend}{DIM:#}"));
        }
    }
    out(&format!(
        "{BAD}✗ {} {} violated{BAD:#}  {}  {}",
        failure.property, failure.name, report.algorithm, report.world
    ));
    let at = failure.at.map_or_else(String::new, |at| format!(" (t = {})", seconds(at)));
    out(&format!("  at event {}{at}: {}", failure.step, failure.what));
    if let Some(shrunk) = &failure.shrunk {
        out(&format!("  {}", shrunk.line()));
        if let Some(delays) = &failure.delays {
            out(&format!("  message delays: {delays}"));
        }
    }
    for CommandLine { label, command, remark } in commands {
        let label = format!("{label}:");
        out(&format!("  {label:<8} {command}{remark}"));
    }
}

/// A table as wide as the terminal, or 120 columns where there is none.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    const LINE: LineStyle = LineStyle::none().fill('─').junction('─');
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().top_border(LINE).header_separator(LINE).bottom_border(LINE))
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(120);
    }
    table.set_header(header);
    // names are for copying: they stay whole
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

/// Property x ground x verdict x scope.
fn verdict_table(reports: &[Report]) -> String {
    let mut table = table(["property", "ground", "verdict", "scope"]);
    let mut properties: Vec<Property> = Vec::new();
    for (property, _) in reports.iter().flat_map(|r| &r.verdicts) {
        if !properties.iter().any(|p| p.id == property.id) {
            properties.push(*property);
        }
    }
    for property in properties {
        let mut title = if property.kind == Kind::Reachable {
            format!("goal: {}", property.name)
        } else {
            format!("{} {}", property.id, property.name)
        };
        for report in reports {
            let Some((_, verdict)) = report.verdicts.iter().find(|(p, _)| p.id == property.id) else {
                continue;
            };
            let said = format!("{} {}", glyph(&property, verdict), word(&property, verdict).0);
            let scope = match verdict {
                Verdict::Holds => report.scope.clone(),
                Verdict::Violated { what: why } | Verdict::Unknown { why } => why.clone(),
            };
            table.add_row([std::mem::take(&mut title), ground_name(report.ground).to_owned(), said, scope]);
        }
    }
    table.to_string()
}

fn json_report(report: &Report, commands: &[CommandLine]) {
    let ground = ground_name(report.ground);
    for (property, verdict) in &report.verdicts {
        let mut event = json!({
            "event": "verdict", "algorithm": report.algorithm, "ground": ground, "property": property.id,
            "name": property.name, "kind": property.kind, "verdict": verdict.to_string(), "scope": report.scope,
        });
        match verdict {
            Verdict::Holds => {}
            Verdict::Violated { what: why } | Verdict::Unknown { why } => event["why"] = json!(why),
        }
        out(&event.to_string());
    }
    for answer in &report.answers {
        let mut event = json!({
            "event": "answer", "algorithm": report.algorithm, "ground": ground, "name": answer.name,
            "found": answer.found, "value": answer.value,
        });
        if let Some(published) = &answer.published {
            event["published"] = json!(published.number);
            event["equal"] = json!(published.equal);
        }
        out(&event.to_string());
    }
    for (at, failure) in report.failures.iter().enumerate() {
        let mut event = json!({
            "event": "failure", "algorithm": report.algorithm, "ground": ground, "property": failure.property,
            "name": failure.name, "what": failure.what, "step": failure.step,
        });
        if let Some(at) = failure.at {
            event["at_ns"] = json!(at.as_nanos() as u64);
        }
        if let Some(seed) = failure.seed {
            event["seed"] = json!(format!("{seed:#x}"));
        }
        if let Some(shrunk) = &failure.shrunk {
            let steps = |mark| -> Vec<u64> {
                failure.story.iter().filter(|line| line.necessary == mark).map(|line| line.step).collect()
            };
            event["tried"] = json!({
                "necessary": steps(Some(true)), "dispensable": steps(Some(false)), "untried": steps(None),
            });
            event["delays"] = json!(failure.delays);
            event["shrunk"] = json!({
                "events": shrunk.events, "faults": shrunk.faults, "processes": shrunk.processes,
                "attempts": shrunk.attempts, "minimal": shrunk.necessary != Necessary::Unknown,
            });
        }
        if !failure.text.is_empty() {
            event["run"] = json!(failure.text);
        }
        for CommandLine { label, command, .. } in commands.iter().filter(|_| at == 0) {
            event["commands"][*label] = json!(command);
        }
        out(&event.to_string());
    }
    let event = json!({
        "event": "ground", "algorithm": report.algorithm, "ground": ground, "world": report.world,
        "scope": report.scope, "known": report.known, "numbers": report.numbers, "notes": report.notes,
        "unreached": report.unreached,
        "inconclusive": report.why_inconclusive(), "outside": report.outside,
        "nondeterminism": report.nondeterminism, "elapsed_ms": report.elapsed.as_millis() as u64,
        "result": report.exit(), "exit": report.exit().code(),
    });
    out(&event.to_string());
}

fn story_event(line: &StoryLine) -> Value {
    json!({
        "event": "step", "step": line.step, "at_ns": line.at.map(|at| at.as_nanos() as u64),
        "glyph": line.glyph, "place": line.place, "what": line.what, "tells": line.tells, "stores": line.stores,
        "necessary": line.necessary,
    })
}
