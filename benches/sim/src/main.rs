//! Synod's simulator beside its peers, in one run: the same request and reply of small datagrams, A B C D A B C D, each run in
//! a process of its own. Half of the n processes ask, each a server of its own among the others, again once it is
//! answered; every message takes 1 ms of virtual time. Prints messages delivered per CPU second, user and system.
//!
//! `cargo run --release -p bench-sim -- --help`

mod anysystem;
mod sample;
mod sides;
mod synod;
mod tracing;
mod turmoil;

use sample::Sample;
use sides::Side;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
bench-sim [--rounds 3] [--n 2,16,128,1000] [--sides synod,turmoil,madsim,anysystem] [--share 1] [--at-least RATIO]
bench-sim --tracing [--rounds 3]

Races Synod's simulator against its peers: messages delivered per CPU second, medians of the rounds.
  --rounds    how often each is run
  --n         among how many processes
  --sides     who takes part
  --share     the share of the usual number of messages: 0.1 tells in seconds whether all is well
  --at-least  fails where the ratio to the best peer is less
  --tracing   instead: what it costs to record a run";

/// The command line.
struct Arguments {
    rounds: usize,
    sizes: Vec<u32>,
    sides: Vec<Side>,
    share: f64,
    at_least: Option<f64>,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let answer = match given.first().map(String::as_str) {
        Some("--help") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some("--side") => side(&given[1..]).map(|sample| {
            sample.print();
            true
        }),
        Some("--trace") => tracing::measure(&given[1..]).map(|()| true),
        Some("--tracing") => rounds_of(&given[1..]).and_then(tracing::compare).map(|()| true),
        _ => parse(given.into_iter()).and_then(|asked| race(&asked)),
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bench-sim: {why}");
            ExitCode::from(2)
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number that can stand here"))
}

fn side(given: &[String]) -> Result<Sample, String> {
    let [side, n, messages] = given else { return Err("--side takes SIDE PROCESSES MESSAGES".to_owned()) };
    side.parse::<Side>()?.measure(number(n)?, number(messages)?)
}

fn rounds_of(given: &[String]) -> Result<usize, String> {
    match given {
        [] => Ok(3),
        [name, rounds] if name == "--rounds" => number(rounds),
        _ => Err("--tracing takes --rounds NUMBER alone".to_owned()),
    }
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut asked = Arguments {
        rounds: 3,
        sizes: vec![2, 16, 128, 1_000],
        sides: Side::ALL.to_vec(),
        share: 1.0,
        at_least: None,
    };
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} takes a value"))?;
        match name.as_str() {
            "--rounds" => asked.rounds = number::<usize>(&value)?.max(1),
            "--n" => asked.sizes = value.split(',').map(number).collect::<Result<_, _>>()?,
            "--sides" => asked.sides = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--share" => asked.share = number(&value)?,
            "--at-least" => asked.at_least = Some(number(&value)?),
            _ => return Err(format!("no option {name}")),
        }
    }
    if let Some(n) = asked.sizes.iter().find(|n| **n < 2 || **n % 2 == 1) {
        return Err(format!("{n} processes are no pairs"));
    }
    Ok(asked)
}

/// Whether the bar is met at every size.
fn race(asked: &Arguments) -> Result<bool, String> {
    let madsim = if asked.sides.contains(&Side::Madsim) { sides::build_madsim()? } else { "".into() };
    let rows = asked.sizes.iter().map(|&n| row(asked, n, &madsim)).collect::<Result<Vec<_>, _>>()?;
    println!("\nmedians; thousands of messages delivered per CPU second, and ours to the best peer's\n");
    let names = asked.sides.iter().map(Side::to_string).collect::<Vec<_>>();
    println!("| n | {} | ratio |", names.join(" | "));
    println!("|{}", "---|".repeat(names.len() + 2));
    for row in &rows {
        let rates: Vec<String> = row.rates.iter().map(|rate| format!("{:.0}", rate / 1e3)).collect();
        println!(
            "| {} | {} | {} |",
            row.n,
            rates.join(" | "),
            row.ratio.map_or(String::new(), |r| format!("**{r:.1}**"))
        );
    }
    let passes = |row: &Row| row.ratio.zip(asked.at_least).is_none_or(|(ratio, bar)| ratio >= bar);
    Ok(rows.iter().all(passes))
}

/// What the rounds at a size come to.
struct Row {
    n: u32,
    /// By side: the median.
    rates: Vec<f64>,
    /// The median of the rounds' ratios of ours to the best peer.
    ratio: Option<f64>,
}

fn row(asked: &Arguments, n: u32, madsim: &Path) -> Result<Row, String> {
    let mut rates = vec![Vec::new(); asked.sides.len()];
    let mut ratios = Vec::new();
    for round in 1..=asked.rounds {
        let (mut ours, mut best) = (None, None::<f64>);
        for (side, rates) in asked.sides.iter().zip(&mut rates) {
            let sample = side.sample(n, asked.share, madsim)?;
            let Sample { messages, cpu, peak } = sample;
            println!(
                "n = {n:<5} round {round}  {side:<9} {messages:>9} messages  {cpu:7.3} CPU s  {:9.0} a second  {:5} MB",
                sample.rate(),
                peak >> 20
            );
            rates.push(sample.rate());
            match side {
                Side::Synod => ours = Some(sample.rate()),
                _ => best = Some(best.unwrap_or(0.0).max(sample.rate())),
            }
        }
        ratios.extend(ours.zip(best).map(|(ours, best)| ours / best));
    }
    let ratio = (!ratios.is_empty()).then(|| median(&ratios));
    Ok(Row { n, rates: rates.iter().map(|rates| median(rates)).collect(), ratio })
}

pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
