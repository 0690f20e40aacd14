//! What is varied: numbers, ranges of them, and the keys of an experiment that take them.

use crate::error::Error;
use crate::experiment::{self, Experiment};
use crate::nearest::nearest;
use std::path::Path;
use std::time::Duration;
use synod_kernel::environment::duration;
use toml::{Table, Value};

/// How many points a range has that does not say.
const POINTS: u32 = 7;
/// The most points of one range.
const POINTS_MAX: u32 = 1_000;

/// The values of one option.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it is called on the command line.
    pub name: String,
    /// The keys of `[sim]` that are set to each value.
    keys: Vec<String>,
    /// Further keys, with what they are set to.
    beside: Vec<(String, Value)>,
    /// The values.
    pub values: Vec<Number>,
}

/// A number of an experiment file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Without a point.
    Whole(i64),
    /// With one.
    Broken(f64),
    /// A duration.
    Lasting(Duration),
}

impl Number {
    /// Where it stands on an axis; durations in milliseconds.
    pub fn place(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Broken(number) => number,
            Self::Lasting(lasts) => lasts.as_secs_f64() * 1e3,
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Whole(number) => Value::Integer(number),
            Self::Broken(number) => Value::Float(number),
            Self::Lasting(lasts) => Value::String(duration::format(lasts)),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            Self::Broken(number) => write!(f, "{number}"),
            Self::Lasting(lasts) => f.write_str(&duration::format(*lasts)),
        }
    }
}

/// A short name: the keys of `[sim]` that it sets, and what it sets beside.
struct Short {
    name: &'static str,
    keys: &'static [&'static str],
    unlimited: &'static [&'static str],
}

const SHORT: &[Short] = &[
    Short { name: "n", keys: &["n"], unlimited: &[] },
    Short { name: "f", keys: &["environment.failures.stops"], unlimited: &[] },
    Short { name: "requests", keys: &["requests"], unlimited: &[] },
    Short {
        name: "loss",
        keys: &["environment.links.loss_probability"],
        unlimited: &["environment.links.losses"],
    },
    Short {
        name: "duplication",
        keys: &["environment.links.duplication_probability"],
        unlimited: &["environment.links.duplications"],
    },
    Short {
        name: "delay",
        keys: &["environment.links.delay_min", "environment.links.delay_max"],
        unlimited: &[],
    },
    Short { name: "restarts", keys: &["environment.failures.restarts"], unlimited: &[] },
    Short { name: "partitions", keys: &["environment.partitions"], unlimited: &[] },
    Short { name: "gst", keys: &["environment.timing.gst"], unlimited: &[] },
    Short { name: "sync", keys: &["environment.storage.sync_max"], unlimited: &[] },
    Short { name: "horizon", keys: &["horizon"], unlimited: &[] },
    Short { name: "clients", keys: &["workload.arrivals.clients"], unlimited: &[] },
    Short { name: "rate", keys: &["workload.arrivals.rate"], unlimited: &[] },
    Short { name: "operations", keys: &["workload.operations"], unlimited: &[] },
    Short { name: "timeout", keys: &["workload.timeout"], unlimited: &[] },
    Short { name: "retries", keys: &["workload.retries"], unlimited: &[] },
];

/// Reads `KEY=VALUES`.
pub fn axis(text: &str) -> Result<Axis, String> {
    let (name, values) =
        text.split_once('=').ok_or_else(|| "write KEY=VALUES, as in loss=0..0.3 or n=3,5,7".to_owned())?;
    let name = name.trim();
    let values = numbers(values.trim()).map_err(|why| format!("{name}: {why}"))?;
    let path = name.strip_prefix("sim.").unwrap_or(name);
    // a key that has a short name is known by it, so that both are seen to be one
    let is_called =
        |short: &&Short| short.name == name || (short.unlimited.is_empty() && short.keys == [path]);
    let found = SHORT.iter().find(is_called);
    let name = found.map_or(name, |short| short.name);
    let (keys, beside) = match found {
        Some(short) => {
            let unlimited = |key: &&str| ((*key).to_owned(), Value::String("unlimited".to_owned()));
            (
                short.keys.iter().map(|key| (*key).to_owned()).collect(),
                short.unlimited.iter().map(unlimited).collect(),
            )
        }
        None if name.contains('.') => (vec![path.to_owned()], Vec::new()),
        None => return Err(unknown(name)),
    };
    Ok(Axis { name: name.to_owned(), keys, beside, values })
}

fn unknown(name: &str) -> String {
    let names = || SHORT.iter().map(|short| short.name);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "there are {}, and every key of `[sim]` with a dot in it, as in environment.links.delay_max",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    format!("there is no option `{name}` to vary: {hint}")
}

/// Reads numbers: `3,5,7`, `3..=31`, `3..=31/4` (every fourth), `0..0.3` (seven points, both ends included), `0..0.3/4` (so many), `1ms..20ms`.
pub fn numbers(text: &str) -> Result<Vec<Number>, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim) {
        match part.split_once("..") {
            Some((first, rest)) => all.extend(range(first, rest)?),
            None => all.push(number(part)?),
        }
    }
    if all.is_empty() { Err("no value".to_owned()) } else { Ok(all) }
}

fn number(text: &str) -> Result<Number, String> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Ok(Number::Whole(number));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Number::Broken(number)),
        _ => duration::parse(text).map(Number::Lasting).map_err(|_| {
            format!("{text:?} is no value: write a number, or one with a unit of time as in 10ms")
        }),
    }
}

fn range(first: &str, rest: &str) -> Result<Vec<Number>, String> {
    let (steps, rest) = match rest.strip_prefix('=') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (last, count) = match rest.split_once('/') {
        Some((last, count)) => {
            let count: u32 = count.trim().parse().map_err(|_| format!("{count:?} is no number"))?;
            (last, Some(count))
        }
        None => (rest, None),
    };
    let (first, last) = (number(first)?, number(last)?);
    if first.place() > last.place() {
        return Err(format!("the range {first}..{last} is empty: it ends before it begins"));
    }
    match (first, last) {
        (Number::Whole(first), Number::Whole(last)) if steps => {
            let step = i64::from(count.unwrap_or(1));
            if step == 0 || (last - first) / step >= i64::from(POINTS_MAX) {
                return Err(format!("a range has a step, and at most {POINTS_MAX} points"));
            }
            Ok((first..=last).step_by(step as usize).map(Number::Whole).collect())
        }
        _ if steps => Err("a range of whole numbers has the form 3..=31".to_owned()),
        _ => {
            let count = count.unwrap_or(POINTS);
            if !(2..=POINTS_MAX).contains(&count) {
                return Err(format!("{count} points: a range has 2 to {POINTS_MAX}"));
            }
            let whole = matches!((first, last), (Number::Whole(_), Number::Whole(_)));
            let at = |k: u32| between(first, last, f64::from(k) / f64::from(count - 1), whole);
            let mut points: Vec<_> = (0..count).map(at).collect::<Result<_, _>>()?;
            points.dedup();
            Ok(points)
        }
    }
}

/// A value between two, so far from the first. Whole numbers give whole ones where that is what a step comes to.
fn between(first: Number, last: Number, share: f64, whole: bool) -> Result<Number, String> {
    match (first, last) {
        (Number::Lasting(first), Number::Lasting(last)) => {
            let nanos = last.checked_sub(first).unwrap().as_nanos() as f64 * share;
            Ok(Number::Lasting(first + Duration::from_micros((nanos / 1e3).round() as u64)))
        }
        (Number::Lasting(_), _) | (_, Number::Lasting(_)) => {
            Err("both ends of a range are durations, or neither is".to_owned())
        }
        _ => {
            let value = first.place() + (last.place() - first.place()) * share;
            // 0.15, and not 0.15000000000000002
            let value = (value * 1e9).round() / 1e9;
            Ok(if whole && value.fract() == 0.0 {
                Number::Whole(value as i64)
            } else {
                Number::Broken(value)
            })
        }
    }
}

impl Axis {
    /// Sets its keys in the table of an experiment.
    pub fn set(&self, experiment: &mut Table, value: Number) -> Result<(), Error> {
        for (key, value) in &self.beside {
            put(experiment, key, value.clone())?;
        }
        self.keys.iter().try_for_each(|key| put(experiment, key, value.value()))
    }

    /// What its values are, for an axis of a plot.
    pub fn label(&self) -> String {
        let unit = match self.values.first() {
            Some(Number::Lasting(_)) => " (ms)",
            _ => match self.name.as_str() {
                "n" => " (processes)",
                "f" => " (processes that may stop)",
                "loss" | "duplication" => " (probability of a message)",
                "rate" => " (operations a second)",
                _ => "",
            },
        };
        format!("{}{unit}", self.name)
    }
}

/// Sets a key of `[sim]`, given by its path.
fn put(experiment: &mut Table, path: &str, value: Value) -> Result<(), Error> {
    let mut table = experiment;
    let mut keys: Vec<_> = std::iter::once("sim").chain(path.split('.')).collect();
    let last = keys.pop().unwrap_or_default();
    for key in keys {
        let next = table.entry(key.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else {
            return Err(Error::Arguments {
                what: format!("`{path}` cannot be varied: `{key}` is a value"),
                hint: "docs/experiments.md describes every key".to_owned(),
            });
        };
        table = next;
    }
    // what arrives in which loop follows from what is varied
    if path == "workload.arrivals.clients" {
        table.entry("kind".to_owned()).or_insert_with(|| Value::String("closed".to_owned()));
    } else if path == "workload.arrivals.rate" {
        table.entry("kind".to_owned()).or_insert_with(|| Value::String("poisson".to_owned()));
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

/// The experiment that such a table is.
pub fn experiment(table: &Table) -> Result<Experiment, Error> {
    experiment::parse(Path::new("(the varied experiment)"), &table.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<f64> {
        numbers(text).expect(text).into_iter().map(Number::place).collect()
    }

    #[test]
    fn numbers_are_lists_and_ranges() {
        assert_eq!(places("3,5,7"), [3.0, 5.0, 7.0]);
        assert_eq!(places("3..=6"), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(places("3..=31/4").last(), Some(&31.0));
        assert_eq!(places("0..0.3"), [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]);
        assert_eq!(places("0..10/3"), [0.0, 5.0, 10.0]);
        assert_eq!(places("1ms..9ms/3"), [1.0, 5.0, 9.0]);
        assert_eq!(numbers("0..10/3").unwrap()[1], Number::Whole(5));
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for (text, why) in [
            ("5..3", "the range 5..3 is empty"),
            ("0..1/1", "1 points"),
            ("0..=1ms", "whole numbers"),
            ("0..1ms", "both ends"),
            ("3..=31/0", "a step"),
            ("", "is no value"),
            ("many", "\"many\" is no value"),
        ] {
            let said = numbers(text).expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused_with_the_nearest() {
        assert!(axis("los=0..0.3").unwrap_err().contains("did you mean `loss`?"));
        assert!(axis("colour=1,2").unwrap_err().contains("there are n, f"));
        assert!(axis("n").unwrap_err().contains("KEY=VALUES"));
        let mut table: Table = toml::from_str("algorithm = \"abd\"").unwrap();
        let wrong = axis("environment.links.delay_mx=1,2").unwrap();
        wrong.set(&mut table, wrong.values[0]).unwrap();
        let error = experiment(&table).expect_err("there is no such key");
        assert_eq!(error.hint(), "did you mean `delay_max`?");
    }

    #[test]
    fn a_value_is_put_where_the_experiment_has_it() {
        let mut table: Table = toml::from_str("algorithm = \"abd\"\n[sim]\nruns = 3").unwrap();
        for text in ["loss=0.5", "n=5", "delay=4ms", "clients=3"] {
            let axis = axis(text).unwrap();
            axis.set(&mut table, axis.values[0]).unwrap();
        }
        let experiment = experiment(&table).expect("every key exists");
        assert_eq!((experiment.sim.n, experiment.sim.runs), (Some(5), Some(3)));
        let workload = experiment.sim.workload.expect("clients need one");
        assert!(matches!(workload.arrivals, synod_sim::workload::Arrivals::Closed { clients: 3, .. }));
    }
}
