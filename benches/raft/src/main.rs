//! raft-kv beside etcd: durable writes and linearizable reads a second, three nodes each on loopback, one disk, fsync on.
//!
//! ```console
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-raft -- [--rounds R] [--seconds S] [--directory D]
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-raft -- failover [--rounds R] [--directory D]
//! ```
//!
//! `etcd` is the program of that name in the path. Each client has a connection and one request at a time, to the node that leads; values
//! have 256 bytes, keys are drawn from 10,000. By the API of etcd both are asked by the same client; raft-kv by RESP as well. The sides take
//! turns, and a ratio is the median of the turns' ratios.
//!
//! `failover` kills the leader (kill -9), and tells after how long a write is answered again, by any of the two others.

mod client;
mod cluster;

use client::{Api, Client};
use cluster::{Cluster, Side};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: [usize; 4] = [1, 8, 64, 256];
const KEYS: u64 = 10_000;
const VALUE_LENGTH: usize = 256;
/// How long a cluster may take until it serves.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a client waits for an answer after a leader was killed, before it asks anew.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Writes,
    Reads,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug)]
struct Turn {
    rate: f64,
    p50: f64,
    p99: f64,
}

struct Options {
    fails_over: bool,
    rounds: usize,
    seconds: f64,
    directory: PathBuf,
}

impl Options {
    fn of(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut this = Self { fails_over: false, rounds: 3, seconds: 3.0, directory: std::env::temp_dir() };
        while let Some(name) = given.next() {
            if name == "failover" {
                (this.fails_over, this.rounds) = (true, 7);
                continue;
            }
            let value = given.next().ok_or_else(|| format!("{name}: a value is missing"))?;
            let wrong = |_| format!("{name} {value}: no number");
            match &*name {
                "--rounds" => this.rounds = value.parse().map_err(wrong)?,
                "--seconds" => {
                    this.seconds = value.parse().map_err(|_| format!("{name} {value}: no number"))?
                }
                "--directory" => this.directory = value.into(),
                other => return Err(format!("{other}: there are --rounds, --seconds, --directory")),
            }
        }
        if this.rounds == 0 || !this.seconds.is_finite() || this.seconds <= 0.0 {
            return Err("at least one round, of some seconds".to_owned());
        }
        Ok(this)
    }
}

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if(|first| first == cluster::NODE).is_some() {
        return cluster::node(given);
    }
    match Options::of(given)
        .and_then(|options| if options.fails_over { fail_over(&options) } else { rates(&options) })
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const LANES: [(&str, Side, Api); 3] = [
    ("etcd", Side::Etcd, Api::Etcd),
    ("raft-kv, API of etcd", Side::Ours, Api::Etcd),
    ("raft-kv, RESP", Side::Ours, Api::Resp),
];

fn rates(options: &Options) -> Result<(), String> {
    println!("load before: {}", load());
    let mut turns: BTreeMap<(What, usize, usize), Vec<Turn>> = BTreeMap::new();
    for round in 0..options.rounds {
        for side in [Side::Etcd, Side::Ours] {
            let cluster = Cluster::start(side, &options.directory)?;
            let leader = leader(&cluster)?;
            for (lane, &(name, _, api)) in LANES.iter().enumerate().filter(|(_, lane)| lane.1 == side) {
                for (what, clients) in
                    [What::Writes, What::Reads].into_iter().flat_map(|what| CLIENTS.map(|c| (what, c)))
                {
                    let turn = turn(&cluster.addresses[leader], api, what, clients, options.seconds)?;
                    eprintln!("round {round}  {name:22} {what:?} {clients:4} clients  {:7.0}/s", turn.rate);
                    turns.entry((what, clients, lane)).or_default().push(turn);
                }
            }
        }
    }
    println!("load after: {}", load());
    println!(
        "{:8} {:>7}  {:22} {:>9} {:>8} {:>8} {:>6}",
        "", "clients", "", "median/s", "p50 ms", "p99 ms", "ratio"
    );
    for ((what, clients, lane), all) in &turns {
        let peer = &turns[&(*what, *clients, 0)];
        let ratio = median(all.iter().zip(peer).map(|(ours, peer)| ours.rate / peer.rate).collect());
        let of = |figure: fn(&Turn) -> f64| median(all.iter().map(figure).collect());
        let (rate, p50, p99) = (of(|t| t.rate), of(|t| t.p50), of(|t| t.p99));
        println!("{what:8?} {clients:7}  {:22} {rate:9.0} {p50:8.2} {p99:8.2} {ratio:6.2}", LANES[*lane].0);
    }
    Ok(())
}

/// Which node leads, as soon as one does and a write is answered there.
fn leader(cluster: &Cluster) -> Result<usize, String> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        for (node, address) in cluster.addresses.iter().enumerate() {
            let Ok(mut client) = Client::connect(address, Api::Etcd) else { continue };
            if client.leads().unwrap_or(false) && client.put(b"ready", b"yes").is_ok() {
                return Ok(node);
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(format!("nobody leads after {PATIENCE:?}; what the nodes said is in {}", cluster.place().display()))
}

/// So many clients for so long.
fn turn(address: &str, api: Api, what: What, clients: usize, seconds: f64) -> Result<Turn, String> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let work = |number: usize| {
        let address = address.to_owned();
        move || -> Result<Vec<f64>, String> {
            let mut client = Client::connect(&address, api)?;
            let (mut random, mut latencies) = (number as u64 * 7919 + 1, vec![]);
            while Instant::now() < until {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let key = format!("key{:06}", (random >> 33) % KEYS);
                let begun = Instant::now();
                match what {
                    What::Writes => client.put(key.as_bytes(), &[b'v'; VALUE_LENGTH])?,
                    What::Reads => client.get(key.as_bytes())?,
                }
                latencies.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            Ok(latencies)
        }
    };
    let threads: Vec<_> = (0..clients).map(|number| thread::spawn(work(number))).collect();
    let mut all = vec![];
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a client has failed".to_owned())??);
    }
    all.sort_by(f64::total_cmp);
    let at =
        |share: f64| all.get(((all.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    Ok(Turn { rate: all.len() as f64 / seconds, p50: at(0.5), p99: at(0.99) })
}

fn fail_over(options: &Options) -> Result<(), String> {
    println!("load before: {}", load());
    for side in [Side::Etcd, Side::Ours] {
        let mut times = vec![];
        for _ in 0..options.rounds {
            let mut cluster = Cluster::start(side, &options.directory)?;
            let leader = leader(&cluster)?;
            let killed = Instant::now();
            cluster.kill(leader);
            let others: Vec<_> =
                (0..3).filter(|&node| node != leader).map(|node| cluster.addresses[node].clone()).collect();
            times.push(written_again(&others, killed)?);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{side:?}: a write again {:.2} s after the leader's kill -9 (median of {}), from {:.2} to {:.2}",
            median(times.clone()),
            times.len(),
            times[0],
            times[times.len() - 1]
        );
    }
    println!("load after: {}", load());
    Ok(())
}

/// How long after an instant a write is answered, by any of these.
fn written_again(addresses: &[String], killed: Instant) -> Result<f64, String> {
    let asks = |address: &String| {
        let address = address.clone();
        thread::spawn(move || {
            while killed.elapsed() < PATIENCE {
                // who has asked a node without a leader asks again, on a connection of its own
                let writes = |mut client: Client| {
                    client.is_patient_for(ASKED_AGAIN_AFTER)?;
                    client.put(b"again", b"yes")
                };
                if Client::connect(&address, Api::Etcd).and_then(writes).is_ok() {
                    return Some(killed.elapsed().as_secs_f64());
                }
                thread::sleep(Duration::from_millis(5));
            }
            None
        })
    };
    let threads: Vec<_> = addresses.iter().map(asks).collect();
    let times = threads.into_iter().filter_map(|thread| thread.join().ok().flatten());
    times.min_by(f64::total_cmp).ok_or_else(|| format!("no write was answered within {PATIENCE:?}"))
}
