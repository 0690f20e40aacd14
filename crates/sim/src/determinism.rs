//! The self-check: the same seed gives the same run.

use crate::outcome::Outcome;
use crate::plan::Options;
use crate::simulation::Simulation;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use synod_kernel::Choice;
use synod_kernel::trace::TraceError;

/// How a seed gave two different runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Nondeterminism {
    /// Two runs of one seed have different traces.
    #[error("seed {seed:#x} gives two different runs: {difference}")]
    Traces {
        /// The seed.
        seed: u64,
        /// The first event that differs.
        difference: Box<Difference>,
    },
    /// Two runs of one seed come to different ends.
    #[error("seed {seed:#x} gives two different outcomes: {what}")]
    Outcomes {
        /// The seed.
        seed: u64,
        /// What differs, in both.
        what: String,
    },
    /// The trace does not replay.
    #[error("the trace of seed {seed:#x} does not replay: {source}")]
    Replay {
        /// The seed.
        seed: u64,
        /// Why.
        source: TraceError,
    },
}

/// The first event in which two traces of one seed differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its number; none, where the runs differ before the first or at their ends.
    pub step: Option<u64>,
    /// Its instant, in the first run.
    pub at: Option<Duration>,
    /// What happens in it, in the first run: "p0 -> p1  7".
    pub event: String,
    /// What differs: "effects", "draws".
    pub what: String,
    /// That, in the first run.
    pub one: String,
    /// That, in the second.
    pub other: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "event {step}")?,
            None => f.write_str("before the first event or after the last")?,
        }
        if let Some(at) = self.at {
            write!(f, " (t = {at:?})")?;
        }
        if !self.event.is_empty() {
            write!(f, ", {}", self.event)?;
        }
        write!(f, ": {} differ\n  once:  {}\n  again: {}", self.what, self.one, self.other)
    }
}

/// Runs a seed three times, once without a trace, and compares; then replays the trace.
pub fn check_determinism(
    simulation: &dyn Simulation,
    seed: u64,
    options: &Options,
) -> Result<(Outcome, String), Nondeterminism> {
    let (one, content) = simulation.trace(seed, options);
    let (two, again) = simulation.trace(seed, options);
    compare(seed, &content, &again)?;
    for other in [two, simulation.run(seed, options)] {
        if one != other {
            return Err(Nondeterminism::Outcomes { seed, what: outcomes(&one, &other) });
        }
    }
    simulation.replay(&content).map_err(|source| Nondeterminism::Replay { seed, source })?;
    Ok((one, content))
}

/// Compares two traces of a seed: made one after the other, or by two processes of one system.
pub fn compare(seed: u64, one: &str, other: &str) -> Result<(), Nondeterminism> {
    match difference(one, other) {
        Some(difference) => Err(Nondeterminism::Traces { seed, difference: Box::new(difference) }),
        None => Ok(()),
    }
}

/// The first event that differs.
fn difference(one: &str, other: &str) -> Option<Difference> {
    if one == other {
        return None;
    }
    let same = one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| -> (Value, String) {
        let line = text.lines().nth(same).unwrap_or("(nothing)").to_owned();
        (serde_json::from_str(&line).unwrap_or_default(), line)
    };
    let ((a, one), (b, other)) = (line(one), line(other));
    let step = a["step"].as_u64().or_else(|| b["step"].as_u64());
    let (what, one, other) = match first_field(&a, &b) {
        Some((what, one, other)) => (what, one, other),
        None => ("the lines".to_owned(), one, other),
    };
    let event = if what == "what happens" { String::new() } else { told(&a["do"]) };
    Some(Difference { step, at: a["at"].as_u64().map(Duration::from_nanos), event, what, one, other })
}

/// The fields of a step, in the order in which one follows from those before it, with what they are in words.
const FIELDS: [(&str, &str); 9] = [
    ("do", "what happens"),
    ("at", "the instants"),
    ("cut", "the crashes in it"),
    ("draws", "the outcomes of draws"),
    ("effects", "the effects of the handler"),
    ("sent", "the messages that leave"),
    ("observed", "the observations"),
    ("cause", "the causes"),
    ("enabled", "the numbers of enabled choices"),
];

fn first_field(one: &Value, other: &Value) -> Option<(String, String, String)> {
    let (a, b) = (one.as_object()?, other.as_object()?);
    let &(field, what) = FIELDS.iter().find(|(field, _)| a.get(*field) != b.get(*field))?;
    let text = |value: &Value| match (field, value) {
        ("do", value) => told(value),
        (_, Value::Null) => "none".to_owned(),
        (_, value) => value.to_string(),
    };
    Some((what.to_owned(), text(&one[field]), text(&other[field])))
}

/// A choice in words.
fn told(choice: &Value) -> String {
    match serde_json::from_value::<Choice<Value, Value>>(choice.clone()) {
        Ok(choice) => choice.map(Shown, Shown).to_string(),
        Err(_) => choice.to_string(),
    }
}

/// A value as JSON has it.
struct Shown(Value);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What differs of two outcomes.
fn outcomes(one: &Outcome, other: &Outcome) -> String {
    let fields = |outcome: &Outcome| serde_json::to_value(outcome).unwrap_or_default();
    let (one, other) = (fields(one), fields(other));
    let empty = serde_json::Map::new();
    let all = one.as_object().unwrap_or(&empty);
    let differing = all.keys().filter(|&field| one[field] != other[field]);
    let told: Vec<_> = differing.map(|f| format!("{f} is {} and {}", one[f], other[f])).collect();
    format!("{} (where a trace is kept, or was made before, a handler does something else)", told.join(", "))
}
