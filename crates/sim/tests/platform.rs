//! Machines and wires: that each part of a platform has the effect that it says, and is counted.

mod support;

use std::sync::Arc;
use std::time::Duration;
use support::*;
use synod_kernel::{Budget, Durability, Environment, Partition, Probability, Setting};
use synod_model::prelude::*;
use synod_model::timing::TimingKind;
use synod_sim::platform::{
    Assumption, Bandwidth, Bursts, Clocks, Disk, Per, Rate, Regions, Size, Strikes, Topology,
};
use synod_sim::{
    Condition, Conditional, Distribution, Ended, Fault, FaultKind, FaultPlan, Happening, NAMED, OTHERS,
    Options, Outcome, Platform, THERE, campaign,
};

const P: [ProcessId; 4] = [ProcessId(0), ProcessId(1), ProcessId(2), ProcessId(3)];

fn constant(ms: u64) -> Distribution {
    Distribution::Constant { value: Duration::from_millis(ms) }
}

fn over(platform: Platform, faults: Vec<(Duration, Fault)>) -> Options {
    Options { platform: Some(Arc::new(platform)), ..script(faults) }
}

/// The values that are asked of p0, each sent to all.
fn gossip(environment: Environment, values: u8) -> Setting<Gossip> {
    Setting::new(environment, 0, vec![(0..values).collect()])
}

/// The times at which messages were delivered, in milliseconds, with from and to, as the trace has them.
fn deliveries(content: &str) -> Vec<(f64, u64, u64)> {
    let lines = content.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter_map(|line| {
            let choice = line.get("choice")?.get("deliver")?;
            let at = line.get("at")?.as_u64()?;
            Some((at as f64 / 1e6, choice.get("from")?.as_u64()?, choice.get("to")?.as_u64()?))
        })
        .collect()
}

#[test]
fn look() {
    let setting = gossip(world(2, "perfect"), 2);
    let (outcome, content) = checked(&setting, &Spread::among(2), 1, &over(Platform::default(), vec![]));
    println!("{outcome:?}\n{content}");
}
