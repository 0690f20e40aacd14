//! Which of the adversary's strategies finds which broken twin of the Byzantine broadcasts, in how many runs: the table of
//! `docs/sim/adversary.md`.

use std::time::Duration;
use synod_algorithms::broadcast::{DoubleEchoBroadcast, EchoBroadcast, double_echo, echo};
use synod_kernel::environment::{Takeover, parse_link};
use synod_kernel::{Budget, Environment, Links, Setting};
use synod_model::failure::FailureKind;
use synod_model::interface::Broadcast;
use synod_model::{Datum, Process, ProcessId};
use synod_properties::Monitor;
use synod_properties::byzantine_broadcast::ByzantineBroadcast;
use synod_sim::{Options, Strategy, run};

const STORIES: [Datum; 2] = [Datum(0), Datum(1)];
const SENDER: ProcessId = ProcessId(0);
const CAMPAIGNS: u64 = 15;
const RUNS: u64 = 1_500;

fn environment() -> Environment {
    let mut environment = Environment::benign(4);
    environment.links = Links::of(parse_link("authenticated perfect").expect("a link"));
    environment.links.delay_min = Duration::from_millis(1);
    environment.links.delay_max = Duration::from_millis(10);
    environment.failures.kind = FailureKind::Byzantine;
    environment.failures.stops = Budget::AtMost(1);
    environment.failures.lies = Budget::AtMost(1);
    environment.failures.takeover = Takeover::AnyTime;
    environment
}

/// The median of how many runs it takes until one is refuted.
fn median<P, M>(setting: &Setting<P>, monitor: &M, strategy: Strategy) -> String
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let options =
        Options { adversaries: vec![strategy], horizon: Duration::from_secs(2), ..Options::default() };
    let refuted = |seed: u64| run(setting, monitor, seed, &options).broken().is_some();
    let needed = |campaign: u64| (1..=RUNS).find(|run| refuted(campaign * RUNS + run)).unwrap_or(u64::MAX);
    let mut all: Vec<_> = (0..CAMPAIGNS).map(needed).collect();
    all.sort_unstable();
    let median = all[all.len() / 2];
    if median == u64::MAX { "-".to_owned() } else { median.to_string() }
}

#[expect(clippy::print_stdout, reason = "it prints its measurement")]
fn main() {
    println!("| strategy | small-quorum | counts-echoes | small-ready-quorum | no-amplification |");
    println!("|---|---|---|---|---|");
    for strategy in Strategy::ALL {
        let mut row = vec![format!("`{strategy}`")];
        for defect in [echo::Defect::SmallQuorum, echo::Defect::CountsEchoes] {
            use echo::Message::{Echo, Send};
            let parameters = echo::Parameters { sender: SENDER, f: 1, defect: Some(defect) };
            let lies = STORIES.into_iter().flat_map(|m| [Send(m), Echo(m)]).collect();
            let requests = vec![vec![Broadcast(STORIES[0])]];
            let setting =
                Setting::<EchoBroadcast<Datum>>::new(environment(), parameters, requests).with_lies(lies);
            row.push(median(&setting, &ByzantineBroadcast::consistent(4, SENDER), strategy));
        }
        for defect in [double_echo::Defect::SmallReadyQuorum, double_echo::Defect::NoAmplification] {
            use double_echo::Message::{Echo, Ready, Send};
            let parameters = double_echo::Parameters { sender: SENDER, f: 1, defect: Some(defect) };
            let lies = STORIES.into_iter().flat_map(|m| [Send(m), Echo(m), Ready(m)]).collect();
            let requests = vec![vec![Broadcast(STORIES[0])]];
            let setting = Setting::<DoubleEchoBroadcast<Datum>>::new(environment(), parameters, requests)
                .with_lies(lies);
            row.push(median(&setting, &ByzantineBroadcast::reliable(4, SENDER), strategy));
        }
        println!("| {} |", row.join(" | "));
    }
}
