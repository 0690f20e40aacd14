//! Published numbers, computed again.

use crate::args;
use crate::commands::{Desk, program};
use crate::error::Error;
use crate::exit::Exit;
use crate::nearest::nearest;
use crate::output::table;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use synod_results::{Effort, Finding, How, Provenance, Row, row, rows};

/// `reproduce`.
pub(super) fn reproduce(desk: &Desk<'_>, args: &args::Reproduce) -> Result<Exit, Error> {
    let chosen: Vec<&Row> = if args.all {
        rows().collect()
    } else {
        args.ids.iter().map(|id| named(id)).collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        return Ok(list(desk));
    }
    let effort = Effort { seed: args.seed.unwrap_or(Effort::SEED), full: !args.quick };
    let mut exit = Exit::Holds;
    in_order(&chosen, &effort, |row, findings| {
        if !tell(desk, row, &effort, findings) {
            exit = Exit::Violation;
        }
    });
    Ok(exit)
}

fn named(id: &str) -> Result<&'static Row, Error> {
    row(id).ok_or_else(|| {
        let nearest = nearest(&id.to_uppercase(), rows().map(|row| row.id)).map(|near| format!(" ({near}?)"));
        Error::Arguments {
            what: format!("no published result is called `{id}`{}", nearest.unwrap_or_default()),
            hint: "`reproduce` alone lists them".to_owned(),
        }
    })
}

/// Computes the rows on all cores, and hands them over in their order.
fn in_order(chosen: &[&'static Row], effort: &Effort, mut each: impl FnMut(&Row, &[Finding])) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(chosen.len());
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((place, row)) = take(chosen, next) {
                    if sender.send((place, row.reproduce(effort))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (place, findings) in receiver {
            early.insert(place, findings);
            while let Some(findings) = early.remove(&due) {
                each(chosen[due], &findings);
                due += 1;
            }
        }
    });
}

fn take(chosen: &[&'static Row], next: &AtomicUsize) -> Option<(usize, &'static Row)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    chosen.get(place).map(|row| (place, *row))
}

fn list(desk: &Desk<'_>) -> Exit {
    let mut table = table(["name", "result", "source", "how much work"]);
    for row in rows() {
        desk.printer.event(&described("result", row));
        let work = if row.cheap { "a moment" } else { "more" };
        table.add_row([row.id, row.title, row.source, work]);
    }
    desk.printer.say(table.to_string());
    desk.printer.talk(format!(
        "{} reproduce NAME computes one and sets both numbers side by side; --all all of them, --quick with few samples",
        program()
    ));
    Exit::Holds
}

fn described(event: &str, row: &Row) -> Value {
    let mut described = serde_json::to_value(row).unwrap_or_default();
    described["event"] = json!(event);
    described
}

/// Prints a row with its numbers; whether all agree.
fn tell(desk: &Desk<'_>, row: &Row, effort: &Effort, findings: &[Finding]) -> bool {
    let printer = desk.printer;
    let misses = findings.iter().filter(|found| !found.agrees()).count();
    for found in findings {
        printer.event(&number(row, found));
    }
    let mut event = described("reproduction", row);
    event["seed"] = json!(effort.seed);
    event["full"] = json!(effort.full);
    event["numbers"] = json!(findings.len());
    event["misses"] = json!(misses);
    printer.event(&event);
    if !printer.quiet {
        header(desk, row, effort);
        for how in ways(findings) {
            let mut numbers = table(["", "published", "ours", "4 sigma", "accepted", ""]);
            for found in findings.iter().filter(|found| found.how == *how) {
                numbers.add_row(line(found));
            }
            printer.say(format!("\n{how}\n{numbers}"));
        }
    }
    let all = findings.len();
    printer.say(if misses == 0 {
        format!("✓ {}: {all} numbers agree\n", row.id)
    } else {
        format!("✗ {}: {misses} of {all} numbers are not within the tolerance\n", row.id)
    });
    misses == 0
}

fn header(desk: &Desk<'_>, row: &Row, effort: &Effort) {
    let samples =
        if effort.full { "all" } else { "few: four standard deviations are added to the tolerance" };
    let known: Vec<_> = row.provenance.iter().map(|p| p.name()).collect();
    desk.printer.say(format!("{}  {}", row.id, row.title));
    for (what, text) in [
        ("source", row.source.to_owned()),
        ("model", row.model.to_owned()),
        ("tolerance", row.tolerance.to_owned()),
        ("published", known.join("; ")),
        ("seed", format!("{}; samples: {samples}", effort.seed)),
    ] {
        desk.printer.say(format!("  {what:<10} {text}"));
    }
    for remark in row.remarks {
        desk.printer.say(format!("  {:<10} {remark}", "note"));
    }
    if row.provenance.contains(&Provenance::Recalled) {
        desk.printer.say(format!("  {:<10} what is recalled is to be looked up before it is quoted", "note"));
    }
}

/// How the numbers were computed, each way once, in the order in which they come.
fn ways(findings: &[Finding]) -> Vec<&How> {
    let mut ways: Vec<&How> = Vec::new();
    for found in findings {
        if !ways.contains(&&found.how) {
            ways.push(&found.how);
        }
    }
    ways
}

fn line(found: &Finding) -> [String; 6] {
    let (low, high) = found.range();
    let sigma = if found.standard_error > 0.0 { digits(4.0 * found.standard_error) } else { "-".to_owned() };
    let accepted = format!("{} .. {}", digits(low), digits(high));
    let verdict = if found.agrees() { "✓" } else { "✗" };
    [found.what.clone(), found.published.clone(), digits(found.ours), sigma, accepted, verdict.to_owned()]
}

fn number(row: &Row, found: &Finding) -> Value {
    let (low, high) = found.range();
    json!({
        "event": "number", "id": row.id, "what": found.what, "published": found.number(), "printed": found.published,
        "ours": found.ours, "standard_error": found.standard_error, "low": low, "high": high,
        "agrees": found.agrees(), "how": found.how, "computed": found.how.to_string(),
    })
}

/// Five digits that count.
fn digits(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size < 1e-3 {
        format!("{number:.4e}")
    } else {
        let before = if size >= 1.0 { size.log10().floor() as usize + 1 } else { 0 };
        format!("{number:.*}", 6_usize.saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_with_the_digits_that_count() {
        let printed = [0.0, 1.0 / 3.0, 12.345_678_9, 123_456.78, 1.884_321e-6].map(digits);
        assert_eq!(printed, ["0", "0.333333", "12.3457", "123457", "1.8843e-6"]);
    }

    #[test]
    fn a_name_that_is_nearly_right_is_set_right() {
        let Err(Error::Arguments { what, .. }) = named("F11") else { panic!("there is no F11") };
        assert!(what.contains("F1?"), "{what}");
        assert_eq!(named("f1").expect("in either case").id, "F1");
    }
}
