//! Synod's checker beside its peers, in one run: same world, same count, A B A B, each run in a process of its own.
//! Breadth-first against breadth-first beside stateright; SPIN searches depth first, its fastest. No reductions, but for
//! the ring election's. Prints CPU seconds, elapsed seconds, peak memory, and the medians of the rounds' ratios.
//!
//! `cargo run --release -p bench-check -- --help`

#[path = "../../../crates/check/tests/abd_world/mod.rs"]
mod abd_world;
mod arguments;
#[path = "../../../crates/check/tests/paxos_world/mod.rs"]
mod paxos_world;
mod peer;
mod race;
#[path = "../../../crates/check/tests/register_clients/mod.rs"]
mod register_clients;
#[path = "../../../crates/check/tests/ring_world/mod.rs"]
mod ring_world;
mod sample;
mod sides;
mod spin;

use arguments::{Arguments, Scenario, USAGE};
use race::{Medians, Outcome, Race, races};
use sample::Sample;
use serde::Serialize;
use sides::Who;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Arguments::parse(std::env::args().skip(1)).and_then(|asked| answer(&asked)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bench-check: {why}");
            ExitCode::from(2)
        }
    }
}

/// Whether all bars are met.
fn answer(asked: &Arguments) -> Result<bool, String> {
    if let Some(side) = &asked.side {
        println!("{}", line(&Sample::measure(side, asked.threads[0])?));
        return Ok(true);
    }
    let mut outcomes = Vec::new();
    with_races(asked, |races| {
        for race in races {
            outcomes.push(run(race, asked)?);
        }
        Ok(())
    })?;
    if asked.json {
        for outcome in &outcomes {
            println!("{}", line(outcome));
        }
    } else {
        table(&outcomes);
    }
    for bar in asked.bars.iter().filter_map(|bar| bar.race.as_ref()) {
        if outcomes.iter().all(|outcome| outcome.race != *bar) {
            eprintln!("not judged: no race {bar} was run");
        }
    }
    Ok(outcomes.iter().all(Outcome::passes))
}

/// The races, without SPIN's where it cannot be had; its programs live as long as they are used.
fn with_races(asked: &Arguments, go: impl FnOnce(&[Race]) -> Result<(), String>) -> Result<(), String> {
    let needs = |scenario| asked.scenario.has(scenario);
    if !needs(Scenario::Spin) && !needs(Scenario::Ring) {
        return go(&races(asked, |_| Ok(None))?);
    }
    let workshop = spin::Workshop::open();
    let built = races(asked, |world| match spin::program(&workshop, world) {
        Ok(program) => program.map(Some),
        Err(missing) => {
            eprintln!("skipped: spin on {world}: {missing} (Debian's packages spin and gcc have it)");
            Ok(None)
        }
    })?;
    go(&built)
}

fn line(of: &impl Serialize) -> String {
    serde_json::to_string(of).expect("numbers and names have a JSON form")
}

#[derive(Serialize)]
struct Run<'a> {
    race: &'a str,
    round: usize,
    side: String,
    #[serde(flatten)]
    sample: Sample,
}

fn run(race: &Race, asked: &Arguments) -> Result<Outcome, String> {
    let name = race.name();
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for round in 1..=asked.rounds {
        let take = |who: Who| -> Result<Sample, String> {
            let sample = race.sample(who)?;
            if asked.json {
                println!("{}", line(&Run { race: &name, round, side: who.to_string(), sample }));
            } else {
                show(&name, round, who, &sample);
            }
            Ok(sample)
        };
        ours.push(take(race.ours)?);
        peer.push(take(race.peer)?);
    }
    Ok(Outcome::of(race, &ours, &peer, asked.bar(&name)))
}

fn show(race: &str, round: usize, who: Who, sample: &Sample) {
    println!(
        "{race:<19} round {round}  {who:<11} {:>9} states  {:7.3} CPU s  {:7.3} s  {:6.0} k states/s  {:5} MB",
        sample.states,
        sample.cpu,
        sample.wall,
        sample.rate(),
        sample.peak >> 20
    );
}

fn table(outcomes: &[Outcome]) {
    println!(
        "\nmedians; rates in thousands of states per CPU second, memory at its peak and by its growth\n"
    );
    println!("| race | side | CPU s | s | k states/s | MB | bytes a state | ratio | memory |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for outcome in outcomes {
        let ours = row(&outcome.race, outcome.states.ours, &outcome.ours);
        println!("{ours} {:.1}{} | 1/{:.1} |", outcome.ratio, judged(outcome), outcome.memory);
        println!("{} | |", row(&outcome.race, outcome.states.peer, &outcome.peer));
    }
    for (one, more) in pairs(outcomes) {
        speedup(one, more);
    }
}

fn judged(outcome: &Outcome) -> String {
    outcome.bar.map_or_else(String::new, |bar| {
        let word = if outcome.passes() { "at least" } else { "below the bar of" };
        format!(" ({word} {bar})")
    })
}

fn row(race: &str, states: u64, side: &Medians) -> String {
    format!(
        "| {} | {} | {:.2} | {:.2} | {:.0} | {:.0} | {} |",
        race,
        side.side,
        side.cpu,
        side.wall,
        side.thousands_a_second,
        side.peak / f64::from(1 << 20),
        bytes_a_state(states, side)
    )
}

/// Nothing of a small space: what a program needs for itself outweighs its states.
fn bytes_a_state(states: u64, side: &Medians) -> String {
    match side.account_a_state {
        _ if states < 100_000 => String::new(),
        Some(account) => format!("{:.1} (its own account: {account:.1})", side.bytes_a_state),
        None => format!("{:.1}", side.bytes_a_state),
    }
}

/// Each race on one thread, with the same on more.
fn pairs(outcomes: &[Outcome]) -> impl Iterator<Item = (&Outcome, &Outcome)> {
    outcomes.iter().filter(|one| one.threads == 1).flat_map(move |one| {
        let same = move |more: &&Outcome| more.race == format!("{}/{}", one.race, more.threads);
        outcomes.iter().filter(same).map(move |more| (one, more))
    })
}

fn speedup(one: &Outcome, more: &Outcome) {
    let of = |one: &Medians, more: &Medians| format!("{} {:.2}", one.side, one.wall / more.wall);
    let (ours, peer) = (of(&one.ours, &more.ours), of(&one.peer, &more.peer));
    println!("elapsed time on one thread to that on {}, {}: {ours}, {peer}", more.threads, one.race);
}
