//! What it costs to record a run: the same runs with and without their traces, which go to a file.

use crate::median;
use crate::sample::Sample;
use std::fs::File;
use std::io::BufReader;
use std::process::Command;
use std::time::Duration;
use synod_algorithms::consensus::{PaxosParameters, PaxosSequence};
use synod_algorithms::detectors::ElectLowerEpoch;
use synod_kernel::trace::Reader;
use synod_kernel::{Environment, Setting};
use synod_model::interface::ProposeAt;
use synod_model::prelude::*;
use synod_properties::{GroundKind, Unjudged};
use synod_properties::usual::usual;
use synod_sim::{FaultPlan, Options, run, trace_to};

/// Passes every token on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ring;

impl Process for Ring {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = u64;
    type Indication = Never;
    type Message = u64;

    fn on_init(tokens: &u64, ctx: &mut impl Context<Self>) -> Self {
        let next = ProcessId((ctx.me().0 + 1) % ctx.n() as u32);
        (0..*tokens).for_each(|token| ctx.send(next, token));
        Self
    }

    fn on_message(&mut self, _: ProcessId, token: u64, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId((ctx.me().0 + 1) % ctx.n() as u32), token + 1);
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

const SCENARIOS: [&str; 2] = ["tokens", "paxos"];

/// How a run is recorded.
const SIDES: [&str; 3] = ["plain", "full", "terse"];

/// One side in this process: SCENARIO SIDE.
pub fn measure(given: &[String]) -> Result<(), String> {
    let [scenario, side] = given else { return Err("--trace takes SCENARIO SIDE".to_owned()) };
    let sample = match scenario.as_str() {
        "tokens" => Sample::of(|| tokens(side)),
        "paxos" => Sample::of(|| paxos(side)),
        "long" => Sample::of(|| long(side)),
        _ => return Err(format!("no scenario {scenario}")),
    };
    sample.print();
    Ok(())
}

/// 25 tokens among five processes, for so many steps.
fn ring(steps: u64) -> (Setting<Ring>, Options) {
    let mut environment = Environment::benign(5);
    environment.links.delay_min = Duration::from_millis(1);
    environment.links.delay_max = Duration::from_millis(10);
    let options = Options {
        steps_max: steps,
        horizon: Duration::from_secs(1_000_000_000),
        faults: FaultPlan::Script(vec![]),
        ..Options::default()
    };
    (Setting::new(environment, 5, vec![]), options)
}

/// Ten million steps: written, or replayed; in full, or as `synod sim` has it.
fn long(side: &str) -> u64 {
    let file = std::env::temp_dir().join("bench-sim-long.jsonl");
    if side.starts_with("replay") {
        let mut from = BufReader::new(File::open(&file).expect("it was written"));
        let mut reader = Reader::open(&mut from).expect("a trace");
        let setting = reader.setting::<Ring>().expect("a setting");
        let end = reader.replay(&setting, |_| ()).expect("the same run");
        std::fs::remove_file(&file).expect("it was written");
        return end.steps;
    }
    let (setting, options) = ring(10_000_000);
    let options = Options { terse: side == "write", ..options };
    let mut to = File::create(&file).expect("a place for a trace");
    trace_to("tokens", &setting, &Unjudged, 1, &options, &mut to).expect("room for a trace").1.steps
}

fn tokens(side: &str) -> u64 {
    let (setting, options) = ring(4_000_000);
    simulate("tokens", &setting, 0..1, &options, side)
}

/// A sequence of instances, under the faults of `synod sim`.
fn paxos(side: &str) -> u64 {
    type Sequence = PaxosSequence<u64, ElectLowerEpoch>;
    let environment = usual::<<Sequence as Process>::Model>(GroundKind::Sim, 5);
    let propose = |p: u64| (0..20).map(|k| ProposeAt { instance: k, value: 100 * (k + 1) + p }).collect();
    let setting =
        Setting::<Sequence>::new(environment, PaxosParameters::default(), (0..3).map(propose).collect());
    simulate("paxos", &setting, 0..400, &Options::default(), side)
}

fn simulate<P: Process>(
    name: &str,
    setting: &Setting<P>,
    seeds: std::ops::Range<u64>,
    options: &Options,
    side: &str,
) -> u64 {
    let file = std::env::temp_dir().join(format!("bench-sim-{name}-{}.jsonl", std::process::id()));
    // traces of many runs one after the other: what a file costs that is new is not the question
    let mut to = File::create(&file).expect("a place for traces");
    let options = Options { terse: side == "terse", ..options.clone() };
    let simulated = |seed| {
        if side == "plain" {
            return run(setting, &Unjudged, seed, &options).delivered;
        }
        let traced = trace_to(name, setting, &Unjudged, seed, &options, &mut to);
        traced.expect("room for a trace").0.delivered
    };
    let delivered = seeds.map(simulated).sum();
    std::fs::remove_file(&file).expect("it was written");
    delivered
}

/// Each scenario, plain and recorded in turns; and ten million steps, written and replayed.
pub fn compare(rounds: usize) -> Result<(), String> {
    println!("thousands of deliveries per CPU second, medians; what a trace costs\n");
    println!("| scenario | plain | full trace | cost | terse trace | cost |\n|---|---|---|---|---|---|");
    for scenario in SCENARIOS {
        let mut rates = SIDES.map(|_| Vec::new());
        for _ in 0..rounds {
            for (side, rates) in SIDES.iter().zip(&mut rates) {
                rates.push(child(scenario, side)?.rate());
            }
        }
        let cost = |of: usize| {
            let ratios: Vec<f64> = rates[0].iter().zip(&rates[of]).map(|(plain, of)| plain / of).collect();
            median(&ratios)
        };
        let (full, terse) = (cost(1), cost(2));
        let rate = |of: usize| median(&rates[of]) / 1e3;
        println!(
            "| {scenario} | {:.0} | {:.0} | **{full:.1}** | {:.0} | **{terse:.1}** |",
            rate(0),
            rate(1),
            rate(2)
        );
    }
    for side in ["write", "replay", "write-full", "replay-full"] {
        let Sample { messages, cpu, peak } = child("long", side)?;
        println!("{side}: {messages} steps, {cpu:.1} CPU s, {} MB at the peak", peak >> 20);
    }
    Ok(())
}

fn child(scenario: &str, side: &str) -> Result<Sample, String> {
    let this = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
    let output = Command::new(&this).args(["--trace", scenario, side]).output();
    let output = output.map_err(|e| format!("{scenario} cannot be started: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(text.trim())
        .map_err(|e| format!("{scenario}: {e}: {}", String::from_utf8_lossy(&output.stderr)))
}
