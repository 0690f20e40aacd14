//! Transactions of a file, or as many generated ones: `cargo run --release -p synod-judge --example transactions -- COUNT [STALE|registers] [FILE]`: of so
//! many reads one misses the last element; written to the file, or judged. `.. -- FILE [registers]` judges a file while it is read.
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::fmt::Write;
use std::io::Read;
use std::time::Instant;
use synod_judge::generate::Random;
use synod_judge::transactions::{Incoming, Workload, judge_text};

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

/// The same of registers: four parts a transaction, values written once.
fn generated_registers(count: usize) -> String {
    let mut random = Random::new(1);
    let mut registers: Vec<Option<usize>> = vec![];
    let mut text = String::new();
    let mut running: Vec<Option<Vec<Part>>> = vec![None; 20];
    let (mut done, mut value) = (0, 0);
    while done < count {
        let client = random.below(20) as usize;
        let parts = running[client].take();
        let kind = if parts.is_some() { "ok" } else { "invoke" };
        let known = parts.is_some();
        let parts = parts.unwrap_or_else(|| {
            let part = |_| {
                value += 1;
                ((random.below(2) == 0).then_some(value), done / 8 + random.below(10) as usize)
            };
            (0..4).map(part).collect()
        });
        let mut words = vec![];
        for &(write, key) in &parts {
            registers.resize(registers.len().max(key + 1), None);
            registers[key] = if known { write.or(registers[key]) } else { registers[key] };
            let read = registers[key].filter(|_| known).map_or("nil".to_owned(), |value| value.to_string());
            words.push(
                write.map_or_else(|| format!("[:r {key} {read}]"), |value| format!("[:w {key} {value}]")),
            );
        }
        let _ = writeln!(text, "{{:process {client} :type :{kind} :f :txn :value [{}]}}", words.join(" "));
        if known {
            done += 1;
        } else {
            running[client] = Some(parts);
        }
    }
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let what = arguments.first().ok_or("a file or a number is missing")?;
    let second = arguments.get(1).map_or("0", String::as_str);
    let begin = Instant::now();
    let text = match what.parse() {
        Ok(count) if second == "registers" => generated_registers(count),
        Ok(count) => generated(count, second.parse()?),
        Err(_) => return read(what, second),
    };
    println!("made in {:?}", begin.elapsed());
    if let Some(file) = arguments.get(2) {
        std::fs::write(file, text)?;
        return Ok(());
    }
    let workload = if text.contains(":w ") { Workload::RwRegister } else { Workload::ListAppend };
    let begin = Instant::now();
    let report = judge_text(&text, workload)?;
    println!("{} MB", text.len() >> 20);
    println!("{}: {:?}, all in {:?}\n{report}", workload.name(), report.strongest(), begin.elapsed());
    Ok(())
}

/// Judges a file while it is read, as the command does.
fn read(file: &str, workload: &str) -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let is_registers = workload == "registers";
    let mut incoming = Incoming::new(if is_registers { Workload::RwRegister } else { Workload::ListAppend });
    let (mut file, mut piece) = (std::fs::File::open(file)?, vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => incoming.push(&piece[..length])?,
        }
    }
    println!("read in {:?}", begin.elapsed());
    let (report, recorded) = incoming.end()?;
    println!("{recorded:?}: {:?}, all in {:?}\n{report}", report.strongest(), begin.elapsed());
    Ok(())
}
