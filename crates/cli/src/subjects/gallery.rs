//! The gallery's systems: each is checked by its constants, and its size compared with the one that is known.

use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use synod_check::ActionCount;
use synod_cli::Checkable;
use synod_cli::checkable::{Asked, Constant, Section};
use synod_cli::error::Error;
use synod_cli::grounds::check::{
    Options, known, refuse_unfit, safety_alone, tell_order, telling, with_advice,
};
use synod_cli::report::{Answer, Failure, Published, Report, Trace, count, grouped};
use synod_cli::watch::Watch;
use synod_gallery::{Constants, Entry, Findings, Refused, Row, Run};
use synod_properties::{GroundKind, Property, Verdict};

pub(super) fn all() -> Vec<Box<dyn Checkable>> {
    synod_gallery::all().iter().map(|entry| Box::new(System(entry)) as Box<dyn Checkable>).collect()
}

/// A system of the gallery.
struct System(&'static Entry);

impl Checkable for System {
    fn section(&self) -> Section {
        Section::Gallery
    }

    fn name(&self) -> &'static str {
        self.0.name
    }

    fn source(&self) -> &'static str {
        self.0.page
    }

    fn constants(&self) -> Vec<Constant> {
        constants(self.0.constants)
    }

    fn properties(&self) -> Vec<Property> {
        self.0.claims()
    }

    fn may_be_reduced(&self) -> bool {
        true
    }

    fn may_use_disk(&self) -> bool {
        true
    }

    fn known(&self) -> Vec<String> {
        let rows = self.0.rows.iter().map(row_line);
        let refuted =
            self.0.refuted.iter().map(|r| format!("{}: {} is refuted", given(r.constants), r.property));
        rows.chain(refuted).collect()
    }

    fn check(&self, asked: &Asked, options: &Options, watch: &Watch) -> Result<Report, Error> {
        let started = Instant::now();
        refuse_unfit(options, &self.properties())?;
        let subject = format!("{} with {:?}, symmetry {}", self.0.name, asked.constants, options.symmetry);
        let options = &Options { subject, ..options.clone() };
        let found = self.0.check(&asked.constants, options, &mut telling(watch));
        let found = found.map_err(|refused| refusal(self.0.name, &refused))?;
        let mut report = blank(self.0.name, found.constants.to_string(), found.verdicts.clone());
        report.elapsed = started.elapsed();
        report.interrupted = watch.interrupted();
        self.describe(&mut report, &found, options);
        if found.complete && found.counterexamples.is_empty() && found.states <= COUNTED_MAX {
            let counted = self.0.count_actions(&found.constants, COUNTED_MAX as usize);
            let told = |kind: &ActionCount| self.unreached(kind, &found.constants);
            report.unreached = counted.map(|kinds| kinds.iter().filter_map(told).collect());
        }
        report.failures = found.counterexamples.iter().map(|run| failure(run, &found.verdicts)).collect();
        Ok(report)
    }
}

/// Up to how many states actions are counted, in a pass of its own.
pub(super) const COUNTED_MAX: u64 = 100_000;

impl System {
    /// What is amiss with actions of a kind; with the usual constants also why, where that is known.
    fn unreached(&self, kind: &ActionCount, constants: &Constants) -> Option<String> {
        let unreached = kind.unreached()?.to_string();
        let usual = self.0.constants(&[]).as_ref() == Ok(constants);
        let known = self.0.unreached.iter().find(|known| usual && known.kind == kind.kind);
        Some(known.map_or(unreached.clone(), |known| format!("{unreached} ({})", known.because)))
    }

    fn describe(&self, report: &mut Report, found: &Findings, options: &Options) {
        let row = self.0.row(&found.constants, options.symmetry).filter(|_| found.complete);
        let reduced = "reduced by symmetry: of states that it makes equal, one is counted";
        report.notes.extend(options.symmetry.then(|| reduced.to_owned()));
        // how deep a state lies is known where the least deep come first
        report.answers = sizes(found, row, options.order.finds_shortest());
        report.known = known(found.store, found.states, found.memory);
        let how = match (found.complete, found.counterexamples.first()) {
            (true, _) if options.order.finds_shortest() => {
                format!("complete in {}", count(u64::from(found.levels()), "level", "levels"))
            }
            (true, _) => "complete".to_owned(),
            (false, Some(run)) => {
                format!("refuted in {}", count(run.steps.len() as u64, "step", "steps"))
            }
            (false, None) => format!("not complete beyond level {}", found.levels()),
        };
        report.scope = format!("{}: {how}, {}", found.constants, count(found.states, "state", "states"));
        report.numbers = numbers(&[
            ("initial", found.initial.into()),
            ("states", found.states.into()),
            ("generated", found.generated.into()),
            ("depth", found.depth.into()),
            ("levels", found.levels().into()),
            ("memory", found.memory.into()),
            ("complete", found.complete.into()),
            ("omission_probability_max", found.store.omission(found.states).into()),
        ]);
        report.notes.push("not explored: other constants than these".to_owned());
        report.notes.extend(safety_alone(options));
        let finite = found.counterexamples.first().filter(|run| run.cycle_from.is_none());
        tell_order(report, options, found.complete, finite.map(|_| found.shortest));
        if let Some(row) = row {
            report.notes.push(format!("what is published was {}", row.provenance));
        }
        let stopped = found.stopped.iter().filter(|_| found.counterexamples.is_empty());
        report.notes.extend(stopped.map(|why| with_advice(why, options)));
    }
}

/// How large it is, and what is known of that.
fn sizes(found: &Findings, row: Option<&Row>, by_depth: bool) -> Vec<Answer> {
    let size = |name: &str, [one, many]: [&str; 2], value: u64, known: Option<u64>| Answer {
        name: name.to_owned(),
        found: grouped(value),
        value: value.into(),
        precision: String::new(),
        published: known.map(|known| Published { number: count(known, one, many), equal: known == value }),
    };
    let mut all = vec![
        size("initial states", ["initial state", "initial states"], found.initial, row.map(|r| r.initial)),
        size("distinct states", ["state", "states"], found.states, row.map(|r| r.states)),
    ];
    if by_depth {
        let published = row.map(|r| r.levels.into());
        all.push(size("levels", ["level", "levels"], found.levels().into(), published));
    }
    if let Some(generated) = row.and_then(|r| r.generated) {
        all.push(size("successors computed", ["successor", "successors"], found.generated, Some(generated)));
    }
    all
}

fn row_line(row: &Row) -> String {
    let initial = count(row.initial, "initial state", "initial states");
    let states = count(row.states, "state", "states");
    let symmetric = if row.symmetric { ", those that the symmetry makes equal counted once" } else { "" };
    let levels = count(row.levels.into(), "level", "levels");
    format!("{}: {initial}, {states}, {levels}; {}{symmetric}", given(row.constants), row.provenance)
}

/// Constants that are not the usual ones, in one line.
pub(super) fn given(constants: &[(&str, u64)]) -> String {
    let all: Vec<_> = constants.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if all.is_empty() { "unless set".to_owned() } else { all.join(" ") }
}

pub(super) fn constants(all: &[synod_gallery::Constant]) -> Vec<Constant> {
    let constant = |c: &synod_gallery::Constant| Constant {
        name: c.name,
        is: c.is,
        usual: c.default.to_string(),
        least: c.least,
        most: c.most,
    };
    all.iter().map(constant).collect()
}

/// Why there is no such system: each constant is in its range, so they do not go together.
pub(super) fn refusal(name: &str, refused: &Refused) -> Error {
    let hint = format!("`explain {name}` tells its constants");
    Error::Constant { what: refused.to_string(), hint }
}

pub(super) fn numbers(all: &[(&str, Value)]) -> Map<String, Value> {
    all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// A report that says nothing but its verdicts yet.
pub(super) fn blank(name: &str, world: String, verdicts: Vec<(Property, Verdict)>) -> Report {
    Report {
        algorithm: name.to_owned(),
        ground: GroundKind::Check,
        world,
        verdicts,
        scope: String::new(),
        known: String::new(),
        numbers: Map::new(),
        notes: Vec::new(),
        outside: Vec::new(),
        excused: false,
        inconclusive: Vec::new(),
        answers: Vec::new(),
        failures: Vec::new(),
        interrupted: false,
        nondeterminism: None,
        elapsed: Duration::ZERO,
        unreached: None,
    }
}

fn failure(run: &Run, verdicts: &[(Property, Verdict)]) -> Failure {
    let name = verdicts.iter().find(|(p, _)| p.id == run.property).map_or("", |(p, _)| p.name);
    broken(&run.property, name, &run.what, run.steps.len(), run.lines())
}

/// What is broken by a run that is told as text.
pub(super) fn broken(property: &str, name: &str, what: &str, steps: usize, text: Vec<String>) -> Failure {
    Failure {
        property: property.to_owned(),
        name: name.to_owned(),
        what: what.to_owned(),
        step: steps as u64,
        at: None,
        story: Vec::new(),
        text,
        trace: Trace::Again,
        seed: None,
        shrunk: None,
        delays: None,
    }
}
