//! Transactions of a file, or as many generated ones: `cargo run --release -p synod-judge --example transactions -- FILE|COUNT [STALE]`: of so many reads one
//! misses the last element
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::fmt::Write;
use std::time::Instant;
use synod_judge::generate::Random;
use synod_judge::transactions::{Workload, judge_text};

/// A part of a transaction: what it appends, if it is no read, and to which list.
type Part = (Option<usize>, usize);

fn asked(&(append, key): &Part) -> String {
    append.map_or(format!("[:r {key} nil]"), |element| format!("[:append {key} {element}]"))
}

/// Serialisable by construction, but for stale reads: 20 clients, four parts a transaction; each takes effect at its end.
fn generated(count: usize, stale: u64) -> String {
    let mut random = Random::new(1);
    let mut lists: Vec<Vec<usize>> = vec![];
    let mut text = String::new();
    let mut running: Vec<Option<Vec<Part>>> = vec![None; 20];
    let (mut done, mut element) = (0, 0);
    while done < count {
        let client = random.below(20) as usize;
        let Some(parts) = running[client].take() else {
            let first = done / 8;
            let mut part = |_| {
                element += 1;
                ((random.below(2) == 0).then_some(element), first + random.below(10) as usize)
            };
            let parts: Vec<Part> = (0..4).map(&mut part).collect();
            let words: Vec<_> = parts.iter().map(asked).collect();
            let _ =
                writeln!(text, "{{:process {client} :type :invoke :f :txn :value [{}]}}", words.join(" "));
            running[client] = Some(parts);
            continue;
        };
        let mut words = vec![];
        for part in parts {
            let (append, key) = part;
            lists.resize(lists.len().max(key + 1), vec![]);
            lists[key].extend(append);
            let read = lists[key].len().saturating_sub(usize::from(stale > 0 && random.below(stale) == 0));
            words.push(
                append.map_or_else(|| format!("[:r {key} {:?}]", &lists[key][..read]), |_| asked(&part)),
            );
        }
        let _ = writeln!(text, "{{:process {client} :type :ok :f :txn :value [{}]}}", words.join(" "));
        done += 1;
    }
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let what = std::env::args().nth(1).ok_or("a file or a number is missing")?;
    let begin = Instant::now();
    let text = match what.parse() {
        Ok(count) => generated(count, std::env::args().nth(2).map_or(Ok(0), |stale| stale.parse())?),
        Err(_) => std::fs::read_to_string(&what)?,
    };
    println!("made or loaded in {:?}", begin.elapsed());
    let workload = if text.contains(":w ") { Workload::RwRegister } else { Workload::ListAppend };
    let begin = Instant::now();
    let report = judge_text(&text, workload)?;
    println!("{} MB", text.len() >> 20);
    println!("{}: {:?}, all in {:?}\n{report}", workload.name(), report.strongest(), begin.elapsed());
    Ok(())
}
