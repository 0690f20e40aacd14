//! The gallery's games: coins are not choices. What is asked of them has a number for an answer.

use super::gallery::{blank, broken, constants, given, numbers, refusal};
use serde_json::json;
use std::time::Instant;
use synod_check::chance::Precision;
use synod_check::{Progress, chance};
use synod_cli::Checkable;
use synod_cli::checkable::{Asked, Constant, Section};
use synod_cli::error::Error;
use synod_cli::grounds::check::{Options, telling};
use synod_cli::report::{Answer, Published, Report, count, grouped};
use synod_cli::watch::Watch;
use synod_gallery::chance::{Entry, Findings, Found, Known};
use synod_properties::{Property, Verdict};

pub(super) fn all() -> Vec<Box<dyn Checkable>> {
    synod_gallery::chance::all().iter().map(|entry| Box::new(Game(entry)) as Box<dyn Checkable>).collect()
}

/// A game of the gallery.
struct Game(&'static Entry);

impl Checkable for Game {
    fn section(&self) -> Section {
        Section::Games
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

    fn known(&self) -> Vec<String> {
        self.0.known.iter().map(known_line).collect()
    }

    fn check(&self, asked: &Asked, options: &Options, watch: &Watch) -> Result<Report, Error> {
        let started = Instant::now();
        let analysed =
            self.0.analyse(&asked.constants, options.states_max, Precision::default(), &mut telling(watch));
        let analysed = analysed.map_err(|refused| refusal(self.0.name, &refused))?;
        let mut report = match analysed {
            Ok(found) => self.answered(&found),
            Err(progress) => self.stopped(asked, &progress, options),
        };
        report.elapsed = started.elapsed();
        report.interrupted = watch.interrupted();
        Ok(report)
    }
}

impl Game {
    fn answered(&self, found: &Findings) -> Report {
        let verdict = |property: Property| (property, verdict(found, property.id));
        let verdicts = self.0.claims().into_iter().map(verdict).collect();
        let mut report = blank(self.0.name, found.constants.to_string(), verdicts);
        let known = self.0.known(&found.constants);
        report.answers = answers(found, known);
        let chance::Scope { states, choices, branches } = found.scope;
        report.scope = format!(
            "{}: complete, {}, {}, {}",
            found.constants,
            count(states, "state", "states"),
            count(choices, "choice", "choices"),
            count(branches, "branch", "branches")
        );
        "states compared in full; every adversary, bounds from both sides".clone_into(&mut report.known);
        report.numbers = numbers(&[
            ("states", states.into()),
            ("choices", choices.into()),
            ("branches", branches.into()),
            ("complete", true.into()),
        ]);
        let escapes = !found.escapes.is_empty();
        report.unreached = (!escapes).then(|| found.unreached.iter().map(ToString::to_string).collect());
        report.notes.push("not explored: other constants than these".to_owned());
        report.failures = found
            .escapes
            .iter()
            .map(|(name, lines)| {
                let what = "an adversary keeps away from it: the run above has positive probability";
                broken(name, "with probability 1", what, steps(lines), lines.clone())
            })
            .collect();
        report
    }

    fn stopped(&self, asked: &Asked, progress: &Progress, options: &Options) -> Report {
        let why = if progress.states > options.states_max {
            format!("more than {}", count(options.states_max, "state", "states"))
        } else {
            "stopped".to_owned()
        };
        let unknown = Verdict::Unknown { why: format!("not complete: {why}") };
        let verdicts = self.0.claims().into_iter().map(|property| (property, unknown.clone())).collect();
        let mut report = blank(self.0.name, given(&asked.constants), verdicts);
        report.scope = format!("not complete, {}", count(progress.states, "state", "states"));
        report.numbers = numbers(&[("states", progress.states.into()), ("complete", false.into())]);
        report
    }
}

fn verdict(found: &Findings, question: &str) -> Verdict {
    match found.answer(question) {
        Found::Surely(false) => Verdict::Violated { what: "an adversary keeps away from it".to_owned() },
        _ => Verdict::Holds,
    }
}

/// The steps of the run at whose end an adversary stays: the last number at the beginning of a line.
fn steps(lines: &[String]) -> usize {
    let number = |line: &String| line.split_whitespace().next()?.parse().ok();
    lines.iter().rev().find_map(number).unwrap_or(0)
}

/// What was asked, and the number of states.
fn answers(found: &Findings, known: Option<&Known>) -> Vec<Answer> {
    let states = found.scope.states;
    let published = known
        .and_then(|k| k.states)
        .map(|number| Published { number: count(number, "state", "states"), equal: number == states });
    let size = Answer {
        name: "distinct states".to_owned(),
        found: grouped(states),
        value: states.into(),
        precision: String::new(),
        published,
    };
    let answers = found.answers.iter().map(|(name, answer)| {
        let known = known.and_then(|k| Some((k.answers.iter().find(|(n, _)| n == name)?.1, k.within)));
        numbered(name, *answer, known)
    });
    std::iter::once(size).chain(answers).collect()
}

fn numbered(name: &str, found: Found, known: Option<(f64, f64)>) -> Answer {
    let (text, value, precision) = match found {
        Found::Surely(sure) => {
            (if sure { "surely" } else { "not surely" }.to_owned(), json!(sure), String::new())
        }
        Found::Value(value) if value.low.is_infinite() => {
            (value.to_string(), json!("infinite"), String::new())
        }
        Found::Value(value) if value.width() == 0.0 => {
            (value.to_string(), json!(value.low), ", exact".to_owned())
        }
        Found::Value(value) => (
            value.to_string(),
            json!({ "low": value.low, "high": value.high }),
            format!(", its bounds {:.0e} apart", value.width()),
        ),
    };
    let published = known.map(|(number, within)| Published {
        number: match found {
            Found::Surely(_) if number > 0.0 => "surely".to_owned(),
            Found::Surely(_) => "not surely".to_owned(),
            Found::Value(_) => decimal(number, within),
        },
        equal: found.is(number, within),
    });
    Answer { name: name.to_owned(), found: text, value, precision, published }
}

/// A published number, with no more digits than it was published with.
fn decimal(number: f64, within: f64) -> String {
    let digits = if within > 0.0 { (-within.log10()).ceil().clamp(0.0, 9.0) as usize } else { 9 };
    if number.is_infinite() {
        return "infinite".to_owned();
    }
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn known_line(known: &Known) -> String {
    let states = known.states.map(|states| count(states, "state", "states"));
    let answer = |(name, number): &(&str, f64)| format!("{name} {}", decimal(*number, known.within));
    let all: Vec<_> = states.into_iter().chain(known.answers.iter().map(answer)).collect();
    format!("{}: {}", given(known.constants), all.join(", "))
}
