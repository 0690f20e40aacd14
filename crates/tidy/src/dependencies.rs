//! Who may use whom: ARCHITECTURE.md says it, the manifests must agree.

use crate::tree::Crate;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of the table below the heading `heading`: its cells, without back-quotes.
fn table<'a>(document: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    document
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The names in a cell: "`a`, `b`", or "-" for none.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split(',').map(|n| n.trim().trim_matches('`')).filter(|n| *n != "-").map(str::to_owned).collect()
}

/// The table of crates is that of the manifests, and its arrows point down.
pub fn architecture(document: &str, crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut rows = BTreeMap::new();
    for (place, row) in table(document, "## Crates").into_iter().enumerate() {
        let [name, _, ours, others, in_tests] = row[..] else {
            complaints.push(format!("ARCHITECTURE.md: the row {row:?} has not five cells"));
            continue;
        };
        rows.insert(name.trim_matches('`').to_owned(), (place, names(ours), names(others), names(in_tests)));
    }
    for c in crates {
        let Some((place, ours, others, in_tests)) = rows.get(&c.name) else {
            complaints.push(format!("ARCHITECTURE.md: crates/{} has no row in the table of crates", c.name));
            continue;
        };
        for (what, written, real) in
            [("ours", ours, &c.ours), ("others", others, &c.others), ("in tests", in_tests, &c.in_tests)]
        {
            if written != real {
                complaints.push(format!(
                    "crates/{}, {what}: ARCHITECTURE.md says {written:?}, its manifest {real:?}",
                    c.name
                ));
            }
        }
        for used in &c.ours {
            if rows.get(used).is_none_or(|(below, ..)| below <= place) {
                complaints.push(format!("crates/{} uses {used}, which does not stand below it", c.name));
            }
        }
        if !c.linted {
            complaints.push(format!("crates/{} does not take the workspace's lints", c.name));
        }
    }
    for row in rows.keys().filter(|row| crates.iter().all(|c| c.name != **row)) {
        complaints.push(format!("ARCHITECTURE.md: there is no crates/{row}"));
    }
    complaints
}

/// No ground names an algorithm, nor the reverse, but in tests; what stands alone stands alone.
pub fn grounds_and_algorithms(crates: &[Crate]) -> Vec<String> {
    const GROUNDS: [&str; 3] = ["check", "runtime", "sim"];
    let mut complaints = Vec::new();
    for c in crates {
        let grounds: Vec<&String> = c.ours.iter().filter(|used| GROUNDS.contains(&used.as_str())).collect();
        match c.name.as_str() {
            name if GROUNDS.contains(&name) && c.ours.contains("algorithms") => {
                complaints.push(format!("the ground {name} names algorithms"));
            }
            name @ ("algorithms" | "properties" | "kernel" | "model") if !grounds.is_empty() => {
                complaints.push(format!("{name} names the grounds {grounds:?}"));
            }
            name @ ("judge" | "model" | "tidy") if !c.ours.is_empty() => {
                complaints.push(format!("{name} stands alone, but uses {:?}", c.ours));
            }
            _ => {}
        }
    }
    complaints
}

/// Every crate of others has its reason in ARCHITECTURE.md, and each reason its crate.
pub fn third_party(document: &str, crates: &[Crate]) -> Vec<String> {
    let rows = table(document, "## Crates of others");
    let reasoned: BTreeMap<&str, &str> =
        rows.iter().filter_map(|row| Some((row.first()?.trim_matches('`'), *row.get(1)?))).collect();
    let ours: BTreeSet<&str> = crates.iter().map(|c| c.name.as_str()).collect();
    let used: BTreeSet<&str> = crates
        .iter()
        .flat_map(|c| c.others.iter().chain(&c.in_tests))
        .map(String::as_str)
        .filter(|name| !ours.contains(name))
        .collect();
    let mut complaints = Vec::new();
    for name in &used {
        if reasoned.get(name).is_none_or(|reason| reason.len() < 10) {
            complaints.push(format!("ARCHITECTURE.md gives no reason for the crate {name}"));
        }
    }
    for name in reasoned.keys().filter(|name| !used.contains(*name)) {
        complaints.push(format!("ARCHITECTURE.md gives a reason for the crate {name}, which nobody uses"));
    }
    complaints
}
