//! Synod's checker beside stateright's, on the Paxos world of servers and clients: same world, same count, one thread,
//! breadth-first, exact linearizability check in every state, A B A B. Prints CPU seconds and ratios.
//!
//! `cargo run --release -p bench-check -- [--clients 3] [--rounds 3] [--at-least RATIO]`

#[path = "../../../crates/check/tests/paxos_world/mod.rs"]
mod paxos_world;
mod peer;

use std::process::{Command, ExitCode};
use synod_check::{Control, Options, check};

fn synod(clients: u32) -> u64 {
    let setting = paxos_world::setting(clients);
    let monitor = paxos_world::History::default();
    check(&setting, &monitor, |_| 0, &Options::default(), &mut |_| Control::Continue).states
}

/// CPU seconds of this process, user and system, and its peak memory in MB.
fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a Linux system");
    let after = stat.rsplit(')').next().expect("a process has a name");
    let ticks = |field: usize| -> f64 {
        after.split_whitespace().nth(field).expect("a field").parse().expect("a number")
    };
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux system");
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    ((ticks(11) + ticks(12)) / 100.0, kilobytes / 1024)
}

/// One side alone, in this process: "states seconds megabytes".
fn side(name: &str, clients: u32) {
    let states = if name == "synod" { synod(clients) } else { peer::explore(u64::from(clients)) as u64 };
    let (seconds, megabytes) = usage();
    println!("{states} {seconds} {megabytes}");
}

fn run(name: &str, clients: u32) -> (u64, f64, u64) {
    let this = std::env::current_exe().expect("this program has a path");
    let output = Command::new(this)
        .args(["--side", name, "--clients", &clients.to_string()])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut fields = text.split_whitespace();
    let mut next = || fields.next().unwrap_or_else(|| panic!("{name} printed no result")).to_owned();
    (next().parse().expect("states"), next().parse().expect("seconds"), next().parse().expect("megabytes"))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| arguments.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
    let clients = option("--clients").map_or(3, |c| c.parse().expect("--clients takes a number"));
    if let Some(name) = option("--side") {
        side(&name, clients);
        return ExitCode::SUCCESS;
    }
    let rounds = option("--rounds").map_or(3, |r| r.parse().expect("--rounds takes a number"));
    let (mut ratios, mut memory) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (ours, peers) = (run("synod", clients), run("stateright", clients));
        assert_eq!(ours.0, peers.0, "both explore the same world");
        for (name, (states, seconds, megabytes)) in [("synod", ours), ("stateright", peers)] {
            let rate = states as f64 / seconds / 1000.0;
            println!(
                "round {round}  {name:<10}  {states} states  {seconds:6.2} CPU s  {rate:7.0} k states/s  {megabytes} MB"
            );
        }
        ratios.push(peers.1 / ours.1);
        memory.push(peers.2 as f64 / ours.2 as f64);
    }
    let ratio = median(&mut ratios);
    println!(
        "median: {ratio:.1} times stateright's states per CPU second, 1/{:.1} of its memory",
        median(&mut memory)
    );
    match option("--at-least").map(|r| r.parse::<f64>().expect("--at-least takes a number")) {
        Some(bar) if ratio < bar => {
            println!("below the bar of {bar}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
