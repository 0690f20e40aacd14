//! `coverage`: what a real run shows of the assumptions of synchrony.

use super::{Desk, failures};
use crate::args;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::columns;
use crate::plot::{Chart, Panel, Point, Series};
use crate::report::{count, grouped, seconds};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use synod_kernel::environment::duration::rounded;
use synod_model::ProcessId;
use synod_runtime::coverage::drift::Drift;
use synod_runtime::coverage::samples::{Samples, needed, rule_of_three};
use synod_runtime::coverage::{Broken, Coverage};
use synod_runtime::record;

/// The quantiles that are told.
const QUANTILES: [(&str, f64); 5] =
    [("50%", 0.5), ("90%", 0.9), ("99%", 0.99), ("99.9%", 0.999), ("most", 1.0)];
/// What is suggested where nobody says what is wanted.
const WANTED: [f64; 3] = [0.99, 0.999, 0.9999];
/// In a picture: no more links than these have lines of their own.
const LINKS_DRAWN: usize = 6;
/// In a picture: so many points a line.
const POINTS: u32 = 60;

/// A bound, and how the run kept to it.
struct Held {
    /// "d = 5ms"
    bound: String,
    name: &'static str,
    noun: &'static str,
    broken: Broken,
    /// How many may have broken it, for all that is known.
    perhaps: u64,
    /// Whether the processes were told of it.
    declared: bool,
}

/// `coverage`.
pub(super) fn coverage(desk: &Desk<'_>, args: &args::Coverage) -> Result<Exit, Error> {
    let records = records(&args.directory)?;
    let coverage = Coverage::load(&records)?.ok_or_else(|| nothing_recorded(&records))?;
    let held = held(&coverage, args);
    let wanted = if args.wanted.is_empty() { WANTED.to_vec() } else { args.wanted.clone() };
    desk.printer.event(&event(&coverage, &held, &wanted));
    tell(desk, &coverage, &held, &wanted);
    if let Some(path) = &args.svg {
        failures::save(path, &chart(&coverage, args).svg())?;
        desk.printer.talk(format!("plots: {}", path.display()));
    }
    let outside = held.iter().any(|held| held.declared && held.broken.times > 0);
    let nothing = coverage.delays.is_empty() && coverage.missing.is_empty();
    Ok(if outside || nothing { Exit::Inconclusive } else { Exit::Holds })
}

pub(super) fn nothing_recorded(records: &Path) -> Error {
    Error::Records {
        what: format!("the nodes of {} died before they recorded anything", records.display()),
        hint: "run it again".to_owned(),
    }
}

/// Where the records are of what a user names.
pub(super) fn records(directory: &Path) -> Result<PathBuf, Error> {
    let cluster = Path::new(super::CLUSTERS).join(directory);
    if let Some(found) = record::find(directory).or_else(|| record::find(&cluster)) {
        return Ok(found);
    }
    let (what, hint) = match std::fs::metadata(directory) {
        Ok(found) if found.is_file() => {
            ("is a file, not a directory with the records of a run", "give the directory that the file is in")
        }
        Ok(_) => ("has no records of a run", "give a directory below .synod/runs or .synod/clusters"),
        Err(_) => (
            "is no directory, nor a cluster's name",
            "`cluster list` shows clusters; runs are below .synod/runs",
        ),
    };
    Err(Error::Arguments { what: format!("{} {what}", directory.display()), hint: hint.to_owned() })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn time(nanos: u64) -> String {
    rounded(Duration::from_nanos(nanos))
}

/// The bounds that were asked for, and those that were declared and not asked for otherwise.
fn held(coverage: &Coverage, args: &args::Coverage) -> Vec<Held> {
    let declared = coverage.declared;
    let timed = |[name, noun, letter]: [&'static str; 3],
                 asked: Option<Duration>,
                 told: Option<Duration>,
                 broken: &dyn Fn(u64) -> Broken| {
        let bound = asked.or(told)?;
        let (text, broken) = (format!("{letter} = {}", rounded(bound)), broken(nanos(bound)));
        Some(Held { bound: text, name, noun, broken, perhaps: 0, declared: asked.is_none() })
    };
    let (told_delay, told_step) = (declared.map(|bounds| bounds.delay), declared.map(|bounds| bounds.step));
    let delay = timed(["delay", "messages", "d"], args.delay, told_delay, &|bound| coverage.late(bound));
    let step = timed(["step", "steps", "p"], args.step, told_step, &|bound| coverage.slow(bound));
    let rate = args.drift.map(|rate| (rate, false)).or(declared.map(|bounds| (bounds.drift_ppm, true)));
    let drift = rate.map(|(rate, declared)| Held {
        bound: format!("rho = {rate} ppm"),
        name: "drift",
        noun: "pairs of clocks",
        broken: coverage.apart(rate.into()),
        perhaps: coverage.perhaps_apart(rate.into()),
        declared,
    });
    [delay, step, drift].into_iter().flatten().collect()
}

fn tell(desk: &Desk<'_>, coverage: &Coverage, held: &[Held], wanted: &[f64]) {
    let say = |line: String| desk.printer.say(line);
    say(format!(
        "coverage {}  {} in {}, {}",
        coverage.algorithm,
        count(coverage.processes.len() as u64, "process", "processes"),
        count(coverage.incarnations as u64, "incarnation", "incarnations"),
        seconds(Duration::from_nanos(coverage.lasted)),
    ));
    for line in columns(&distributions(coverage)) {
        say(line);
    }
    for line in remarks(coverage) {
        say(format!("  {line}"));
    }
    for (&(p, q), drift) in &coverage.clocks {
        say(format!("  clocks {p} and {q}: {}", went(drift)));
    }
    for held in held {
        say(format!("{} {}", mark(held), judged(held)));
    }
    say("suggested, at 95 % confidence if samples are independent:".to_owned());
    for line in columns(&suggestions(coverage, wanted)) {
        say(line);
    }
}

fn distributions(coverage: &Coverage) -> Vec<Vec<String>> {
    let head = ["", "samples"].into_iter().chain(QUANTILES.iter().map(|(name, _)| *name));
    let mut rows = vec![head.map(str::to_owned).collect()];
    let mut row = |name: String, samples: &Samples| {
        if samples.is_empty() {
            return;
        }
        let quantiles =
            QUANTILES.iter().map(|(_, share)| samples.quantile(*share).map_or(String::new(), time));
        rows.push([name, grouped(samples.len())].into_iter().chain(quantiles).collect());
    };
    row("message delays".to_owned(), &coverage.delays);
    for ((from, to), samples) in &coverage.links {
        row(format!("  {from} -> {to}"), samples);
    }
    row("to oneself".to_owned(), &coverage.own);
    row("steps".to_owned(), &coverage.steps);
    row("  their handlers".to_owned(), &coverage.handlers);
    rows
}

fn remarks(coverage: &Coverage) -> Vec<String> {
    let mut remarks = Vec::new();
    if coverage.delays.is_empty() {
        remarks.push("no message between two processes arrived: nothing is known of delays".to_owned());
    }
    if let Some(longest) = coverage.missing.quantile(1.0) {
        remarks.push(format!(
            "{} never arrived, though the receiver was up: the longest for {}",
            count(coverage.missing.len(), "message", "messages"),
            time(longest)
        ));
    }
    if coverage.backwards > 0 {
        remarks.push(format!(
            "{} arrived before they left: the machines' clocks disagree, and delays between them are off by as much",
            count(coverage.backwards, "message", "messages")
        ));
    }
    if coverage.handlers.len() < coverage.steps.len() {
        remarks.push(
            "the record does not say how long handlers took: it was written by an older version".to_owned(),
        );
    }
    remarks
}

fn went(drift: &Drift) -> String {
    let over = format!("{} over {}", count(drift.exchanges, "exchange", "exchanges"), time(drift.over));
    let (low, high) = drift.ahead;
    match drift.ppm {
        None => format!("no two rates explain them: one jumped, or changed its rate ({over})"),
        Some((slow, fast)) if !slow.is_finite() || !fast.is_finite() => {
            format!("too few messages to tell how they drift ({over})")
        }
        Some((slow, fast)) => format!(
            "the second goes {slow:+.0} to {fast:+.0} ppm faster, and was ahead by {} to {} ({over})",
            ahead(low),
            ahead(high)
        ),
    }
}

fn ahead(nanos: i64) -> String {
    format!("{}{}", if nanos < 0 { "-" } else { "" }, time(nanos.unsigned_abs()))
}

fn mark(held: &Held) -> char {
    match (held.broken, held.perhaps) {
        (Broken { of: 0, .. }, _) | (Broken { times: 0, .. }, 1..) => '?',
        (Broken { times: 0, .. }, 0) => '✓',
        (_, _) if held.declared => '?',
        (_, _) => '✗',
    }
}

fn judged(held: &Held) -> String {
    let Held { bound, noun, broken: Broken { times, of }, .. } = held;
    let outside = if held.declared && *times > 0 { "outside the model: " } else { "" };
    let told = if held.declared { " (declared)" } else { "" };
    let all = format!("{} {noun}", grouped(*of));
    let perhaps = match held.perhaps {
        0 => String::new(),
        k => format!("; of {} of them messages cannot tell", grouped(k)),
    };
    match (*times, *of) {
        (_, 0) => format!("{bound}{told}: there are no {noun} to tell"),
        (0, _) if held.perhaps > 0 => {
            format!("{bound}{told}: broken by none of {all} for certain{perhaps}: exchange more, for longer")
        }
        (0, n) if held.name == "drift" => format!("{bound}{told}: broken by none of {}", grouped(n)),
        (0, n) => format!(
            "{bound}{told}: broken by none of {all}; at 95 % confidence by at most 3/{} = {} of all",
            grouped(n),
            percent(rule_of_three(n))
        ),
        (times, n) => format!(
            "{outside}{bound}{told}: broken by {} of {all}, {}{perhaps}",
            grouped(times),
            percent(times as f64 / n as f64)
        ),
    }
}

/// With two significant digits.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent > 0.0 { (1.0 - percent.log10().floor()).clamp(0.0, 9.0) as usize } else { 0 };
    let text = format!("{percent:.digits$}");
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{short} %")
}

fn suggestions(coverage: &Coverage, wanted: &[f64]) -> Vec<Vec<String>> {
    let mut rows =
        vec![["of all", "--delay", "--step", "timeout for an answer (2d + p)"].map(str::to_owned).to_vec()];
    for &share in wanted {
        let (delay, step) = (coverage.delay_for(share), coverage.step_for(share));
        let or_more = |bound: Option<u64>, of: u64| match bound {
            Some(bound) => time(bound),
            None if of < needed(share) => format!("? ({} samples needed)", grouped(needed(share))),
            None => "? (too many never arrived)".to_owned(),
        };
        rows.push(vec![
            percent_exact(share),
            or_more(delay, coverage.delays.len() + coverage.missing.len()),
            or_more(step, coverage.steps.len()),
            timeout(delay, step).map_or_else(|| "?".to_owned(), time),
        ]);
    }
    rows
}

/// As it was written: a share in percent.
fn percent_exact(share: f64) -> String {
    let text = format!("{:.6}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// How long to wait for an answer.
fn timeout(delay: Option<u64>, step: Option<u64>) -> Option<u64> {
    Some(delay?.saturating_mul(2).saturating_add(step?))
}

fn event(coverage: &Coverage, held: &[Held], wanted: &[f64]) -> Value {
    let samples = |samples: &Samples| {
        let quantiles: serde_json::Map<_, _> = QUANTILES
            .iter()
            .map(|(name, share)| ((*name).to_owned(), json!(samples.quantile(*share))))
            .collect();
        json!({ "samples": samples.len(), "quantiles": quantiles })
    };
    let link = |((from, to), of): (&(ProcessId, ProcessId), &Samples)| json!({ "from": from, "to": to, "delays": samples(of) });
    // numbers that are none have no form in JSON: null
    let clock = |(&(p, q), drift): (&(ProcessId, ProcessId), &Drift)| {
        json!({
            "of": [p, q], "exchanges": drift.exchanges, "over": drift.over, "ppm": drift.ppm, "ahead": drift.ahead,
            "jumped": drift.ppm.is_none(),
        })
    };
    let bound = |held: &Held| {
        json!({
            "bound": held.name, "text": held.bound, "broken": held.broken.times, "of": held.broken.of,
            "undecided": held.perhaps, "declared": held.declared,
        })
    };
    let suggestion = |&share: &f64| {
        let (delay, step) = (coverage.delay_for(share), coverage.step_for(share));
        json!({ "share": share, "delay": delay, "step": step, "timeout": timeout(delay, step) })
    };
    json!({
        "event": "coverage", "algorithm": coverage.algorithm, "processes": coverage.processes,
        "incarnations": coverage.incarnations, "lasted": coverage.lasted, "delays": samples(&coverage.delays),
        "links": coverage.links.iter().map(link).collect::<Vec<_>>(), "own": samples(&coverage.own),
        "steps": samples(&coverage.steps), "handlers": samples(&coverage.handlers),
        "missing": coverage.missing.len(), "backwards": coverage.backwards,
        "clocks": coverage.clocks.iter().map(clock).collect::<Vec<_>>(),
        "bounds": held.iter().map(bound).collect::<Vec<_>>(),
        "suggested": wanted.iter().map(suggestion).collect::<Vec<_>>(),
    })
}

fn chart(coverage: &Coverage, args: &args::Coverage) -> Chart {
    let panel = |y: &str, all: Vec<(String, &Samples)>, bound: Option<(String, u64)>| {
        let nines = all.iter().map(|(_, samples)| nines(samples)).fold(1.0, f64::max);
        let line = |(label, samples): (String, &Samples)| Series {
            label,
            points: quantiles(samples),
            stated: false,
        };
        let mut series: Vec<_> = all.into_iter().map(line).collect();
        series.extend(bound.map(|(label, bound)| {
            let point = |x| Point { x, y: bound as f64 / 1e6, band: None };
            Series { label, points: vec![point(0.0), point(nines)], stated: true }
        }));
        Panel { x: "nines of all (1 is 90 %, 2 is 99 %, 3 is 99.9 %)".to_owned(), y: y.to_owned(), series }
    };
    let asked = |name: &str, asked: Option<Duration>, declared: Option<Duration>| {
        let bound = asked.or(declared)?;
        (bound != Duration::MAX).then(|| (format!("{name} = {}", rounded(bound)), nanos(bound)))
    };
    let mut delays = vec![("all messages".to_owned(), &coverage.delays)];
    if (2..=LINKS_DRAWN).contains(&coverage.links.len()) {
        delays.extend(coverage.links.iter().map(|((p, q), samples)| (format!("{p} -> {q}"), samples)));
    }
    let steps = vec![("steps".to_owned(), &coverage.steps), ("handlers".to_owned(), &coverage.handlers)];
    let declared = coverage.declared;
    Chart {
        title: format!("coverage {}", coverage.algorithm),
        subtitle: format!(
            "{} of {} in {}",
            count(coverage.delays.len(), "message", "messages"),
            count(coverage.processes.len() as u64, "process", "processes"),
            seconds(Duration::from_nanos(coverage.lasted))
        ),
        panels: vec![
            panel("message delay (ms)", delays, asked("d", args.delay, declared.map(|b| b.delay))),
            panel("step (ms)", steps, asked("p", args.step, declared.map(|b| b.step))),
        ],
    }
}

/// How far into the tail samples reach: with a thousand of them, three nines.
fn nines(samples: &Samples) -> f64 {
    (samples.len().max(1) as f64).log10()
}

fn quantiles(samples: &Samples) -> Vec<Point> {
    let at = |k: u32| {
        let x = nines(samples) * f64::from(k) / f64::from(POINTS);
        let y = samples.quantile(1.0 - 10_f64.powf(-x))?;
        Some(Point { x, y: y as f64 / 1e6, band: None })
    };
    (0..=POINTS).filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(times: u64, of: u64, perhaps: u64, declared: bool) -> Held {
        let broken = Broken { times, of };
        Held { bound: "d = 5ms".to_owned(), name: "delay", noun: "messages", broken, perhaps, declared }
    }

    #[test]
    fn a_bound_is_told_with_how_often_it_was_broken() {
        let said = |held: Held| format!("{} {}", mark(&held), judged(&held));
        assert_eq!(said(held(12, 10_331, 0, false)), "✗ d = 5ms: broken by 12 of 10,331 messages, 0.12 %");
        assert_eq!(
            said(held(12, 10_331, 0, true)),
            "? outside the model: d = 5ms (declared): broken by 12 of 10,331 messages, 0.12 %"
        );
        assert_eq!(
            said(held(0, 3000, 0, false)),
            "✓ d = 5ms: broken by none of 3,000 messages; at 95 % confidence by at most 3/3,000 = 0.1 % of all"
        );
        assert!(said(held(0, 0, 0, true)).starts_with("? d = 5ms (declared): there are no messages"));
        assert!(said(held(0, 3, 2, false)).starts_with("? "));
    }

    #[test]
    fn shares_are_told_with_two_digits() {
        assert_eq!([0.5, 0.0012, 1.0, 0.000_031_4].map(percent), ["50 %", "0.12 %", "100 %", "0.0031 %"]);
        assert_eq!([0.999, 0.9999, 0.5].map(percent_exact), ["99.9 %", "99.99 %", "50 %"]);
    }
}
