//! What it costs to record a run: the same runs with and without their traces, which go to a file.

use crate::median;
use crate::sample::Sample;
use crate::synod::Nothing;
use std::fs::File;
use std::process::Command;
use std::time::Duration;
use synod_algorithms::consensus::{PaxosParameters, PaxosSequence};
use synod_algorithms::detectors::ElectLowerEpoch;
use synod_kernel::{Environment, Setting};
use synod_model::interface::ProposeAt;
use synod_model::prelude::*;
use synod_properties::usual::usual;
use synod_properties::GroundKind;
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

/// One side in this process: SCENARIO, and whether it is recorded.
pub fn measure(given: &[String]) -> Result<(), String> {
    let [scenario, recorded] = given else { return Err("--trace takes SCENARIO plain|recorded".to_owned()) };
    let recorded = recorded == "recorded";
    let sample = match scenario.as_str() {
        "tokens" => Sample::of(|| tokens(recorded)),
        "paxos" => Sample::of(|| paxos(recorded)),
        _ => return Err(format!("no scenario {scenario}")),
    };
    sample.print();
    Ok(())
}

/// 25 tokens among five processes.
fn tokens(recorded: bool) -> u64 {
    let mut environment = Environment::benign(5);
    environment.links.delay_min = Duration::from_millis(1);
    environment.links.delay_max = Duration::from_millis(10);
    let setting = Setting::<Ring>::new(environment, 5, vec![]);
    let options = Options {
        steps_max: 4_000_000,
        horizon: Duration::from_secs(1_000_000_000),
        faults: FaultPlan::Script(vec![]),
        branches: false,
        ..Options::default()
    };
    simulate("tokens", &setting, 0..1, &options, recorded)
}

/// A sequence of instances, under the faults of `synod sim`.
fn paxos(recorded: bool) -> u64 {
    type Sequence = PaxosSequence<u64, ElectLowerEpoch>;
    let environment = usual::<<Sequence as Process>::Model>(GroundKind::Sim, 5);
    let propose = |p: u64| (0..20).map(|k| ProposeAt { instance: k, value: 100 * (k + 1) + p }).collect();
    let setting =
        Setting::<Sequence>::new(environment, PaxosParameters::default(), (0..3).map(propose).collect());
    simulate("paxos", &setting, 0..400, &Options::default(), recorded)
}

fn simulate<P: Process>(
    name: &str,
    setting: &Setting<P>,
    seeds: std::ops::Range<u64>,
    options: &Options,
    recorded: bool,
) -> u64 {
    let file = std::env::temp_dir().join(format!("bench-sim-{name}-{}.jsonl", std::process::id()));
    let simulated = |seed| {
        if !recorded {
            return run(setting, &Nothing, seed, options).delivered;
        }
        let mut to = File::create(&file).expect("a place for a trace");
        let (outcome, _) =
            trace_to(name, setting, &Nothing, seed, options, &mut to).expect("room for a trace");
        outcome.delivered
    };
    let delivered = seeds.map(simulated).sum();
    if recorded {
        std::fs::remove_file(&file).expect("it was written");
    }
    delivered
}

/// Each scenario, plain and recorded in turns.
pub fn compare(rounds: usize) -> Result<(), String> {
    let this = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
    println!("| scenario | plain | recorded | ratio |\n|---|---|---|---|");
    for scenario in SCENARIOS {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (side, rates) in ["plain", "recorded"].into_iter().zip(&mut rates) {
                let output = Command::new(&this).args(["--trace", scenario, side]).output();
                let output = output.map_err(|e| format!("{scenario} cannot be started: {e}"))?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let sample: Sample = serde_json::from_str(text.trim())
                    .map_err(|e| format!("{scenario}: {e}: {}", String::from_utf8_lossy(&output.stderr)))?;
                rates.push(sample.rate());
            }
        }
        let ratios: Vec<f64> = rates[0].iter().zip(&rates[1]).map(|(plain, recorded)| plain / recorded).collect();
        let [plain, recorded] = rates.map(|rates| median(&rates) / 1e3);
        println!("| {scenario} | {plain:.0} | {recorded:.0} | **{:.1}** |", median(&ratios));
    }
    Ok(())
}
