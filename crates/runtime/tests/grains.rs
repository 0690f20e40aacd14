//! The same processes, requests and faults in every grain come to the same: this program is its own node.

#![allow(clippy::print_stderr, reason = "a test program without a harness reports by itself")]

mod ledger;
mod notary;

use ledger::{Entries, Ledger, LedgerMonitor, Twin};
use notary::Notary;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use synod_kernel::environment::parse_link;
use synod_kernel::{Environment, Links, Observed, Setting};
use synod_model::ProcessId;
use synod_model::failure::FailureKind;
use synod_properties::Verdict;
use synod_runtime::cluster::{ClusterError, ClusterOptions, Fault, NetworkKind, Volume};
use synod_runtime::drive::{Driven, Plan, drive};
use synod_runtime::execution::Execution;
use synod_runtime::grain::{Around, Grain, start, start_around};
use synod_runtime::judge::{Judgement, judge};
use synod_runtime::link::{Inbox, LinkSettings, Rejected};
use synod_runtime::node::{NodeConfig, run_node};
use synod_runtime::oversight::oversight;
use synod_runtime::replay;

const CONFIG: &str = "SYNOD_TEST_NODE";
const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];
const GRAINS: [Grain; 3] = [Grain::OsProcess, Grain::Threads, Grain::Shared];
const ROUNDS: u64 = 16;

fn main() {
    if let Some(config) = std::env::var_os(CONFIG) {
        let config = NodeConfig::<Ledger>::load(Path::new(&config)).unwrap();
        return run_node::<Ledger>(&config).unwrap();
    }
    let tests: [(&str, fn()); 6] = [
        ("every_grain_conforms", every_grain_conforms),
        ("the_simulator_tells_the_same", the_simulator_tells_the_same),
        ("links_that_deliver_twice_are_found", links_that_deliver_twice_are_found),
        ("a_node_that_forgets_its_log_is_found", a_node_that_forgets_its_log_is_found),
        ("a_panic_is_told_as_what_it_is", a_panic_is_told_as_what_it_is),
        ("signatures_need_keys_in_every_grain", signatures_need_keys_in_every_grain),
    ];
    let wanted = std::env::args().nth(1).filter(|a| !a.starts_with('-')).unwrap_or_default();
    for (name, test) in tests.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        test();
        eprintln!("test {name} ... ok");
    }
}

fn options(directory: &Path, twin: Twin) -> ClusterOptions {
    ClusterOptions {
        algorithm: "ledger".to_owned(),
        processes: 3,
        parameters: serde_json::to_value(twin).unwrap(),
        bounds: None,
        directory: directory.to_owned(),
        first_port: None,
        pulse: Duration::from_millis(5),
        seed: 1,
        links: LinkSettings::default(),
        record: true,
        network: NetworkKind::Proxy,
    }
}

fn itself(config: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CONFIG, config);
    command
}

/// Who is asked for what in which round: nobody who is killed in it, or down.
fn requests() -> Vec<Vec<(ProcessId, u64)>> {
    let away = |p, r| (p == P[1] && (4..=7).contains(&r)) || (p == P[2] && (11..=12).contains(&r));
    let entry = |p: ProcessId, r| (p, 1000 * (r + 1) + u64::from(p.0));
    (0..ROUNDS).map(|r| P.into_iter().filter(|&p| !away(p, r)).map(|p| entry(p, r)).collect()).collect()
}

fn plan(faults: &[(usize, Fault)]) -> Plan {
    let round = |round: Vec<(_, u64)>| round.into_iter().map(|(p, entry)| (p, entry.into())).collect();
    let rounds = requests().into_iter().map(round).collect();
    let patience = Duration::from_secs(20);
    Plan { round_max: patience, settle_max: patience, ..Plan::new(rounds, faults.to_vec()) }
}

fn troubles() -> Plan {
    plan(&[
        (4, Fault::Kill(P[1])),
        (7, Fault::Restart(P[1])),
        (8, Fault::Cut(P[0], P[2])),
        (10, Fault::Heal(P[0], P[2])),
        (11, Fault::Kill(P[2])),
        (12, Fault::Restart(P[2])),
        (13, Fault::Mute(P[1])),
        (14, Fault::Unmute(P[1])),
    ])
}

fn run(grain: Grain, directory: &Path, plan: &Plan) -> Driven {
    let started = start::<Ledger>(grain, options(directory, Twin::Sound), itself).unwrap();
    drive(started, plan, oversight::<Ledger>(LedgerMonitor::default()), |_| {}, || false).unwrap()
}

fn run_around(grain: Grain, directory: &Path, around: Around) -> Driven {
    let started = start_around::<Ledger>(grain, &options(directory, Twin::Sound), Some(around)).unwrap();
    drive(started, &plan(&[]), oversight::<Ledger>(LedgerMonitor::default()), |_| {}, || false).unwrap()
}

fn records(directory: &Path) -> Execution<Ledger> {
    Execution::load(&directory.join("records")).unwrap()
}

fn judged(execution: &Execution<Ledger>) -> Judgement {
    let merged = execution.merge();
    assert_eq!(merged.unplaced, 0, "a message without its release");
    judge(&merged, LedgerMonitor::default())
}

/// What has to come out, whatever the grain: each process keeps what it was asked to keep.
fn expected() -> BTreeSet<(ProcessId, u64)> {
    requests().into_iter().flatten().collect()
}

fn kept(driven: &Driven) -> BTreeSet<(ProcessId, u64)> {
    let all = driven.indications.iter().flat_map(|(&p, told)| told.iter().map(move |told| (p, told)));
    let kept = |(p, told)| match serde_json::from_value(told).unwrap() {
        ledger::Told::Kept(entry) => Some((p, entry)),
        _ => None,
    };
    all.map(|(p, told)| (p, told.clone())).filter_map(kept).collect()
}

fn every_grain_conforms() {
    for grain in GRAINS {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("cluster");
        let driven = run(grain, &directory, &troubles());
        assert!(driven.faults.iter().all(|fault| fault.effective), "{grain:?}: {:?}", driven.faults);
        assert_eq!(kept(&driven), expected(), "{grain:?}");
        let execution = records(&directory);
        for (property, verdict) in &judged(&execution).verdicts {
            assert_eq!(*verdict, Verdict::Holds, "{grain:?}: {}", property.id);
        }
        assert!(execution.check_links().unwrap() > 100, "{grain:?}");
        let handlers: usize = execution.processes.values().flatten().map(|i| i.handled().count()).sum();
        assert_eq!(replay::verify(&execution).unwrap(), handlers, "{grain:?}");
        let incarnations: Vec<_> = execution.processes.values().map(Vec::len).collect();
        assert_eq!(incarnations, [1, 2, 2], "{grain:?}");
        for all in execution.processes.values() {
            let (last, before) = all.split_last().unwrap();
            assert!(last.stopped() && before.iter().all(|incarnation| !incarnation.stopped()), "{grain:?}");
        }
    }
}

fn the_simulator_tells_the_same() {
    let mut environment = Environment::benign(3);
    environment.links = Links::of(parse_link("perfect").unwrap());
    environment.links.delay_max = Duration::from_millis(10);
    environment.failures.kind = FailureKind::CrashRecovery;
    let asked = |p| requests().into_iter().flatten().filter(move |(at, _)| *at == p).map(|(_, entry)| entry);
    let requests = P.map(|p| asked(p).collect()).to_vec();
    let setting = Setting::<Ledger>::new(environment, Twin::Sound, requests);
    for seed in 0..5 {
        let options = synod_sim::Options::default();
        let (_, observed) = synod_sim::observe(&setting, &LedgerMonitor::default(), seed, &options);
        let kept = observed.into_iter().filter_map(|(_, observed)| match observed {
            Observed::Indication(p, ledger::Told::Kept(entry)) => Some((p, entry)),
            _ => None,
        });
        assert_eq!(kept.collect::<BTreeSet<_>>(), expected(), "seed {seed}");
    }
}

/// Delivers everything twice.
struct Twice(Arc<dyn Inbox>);

impl Inbox for Twice {
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        self.0.deliver(from, payload)?;
        self.0.deliver(from, payload)
    }

    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        Ok(self.0.offer(from, payload)? && self.0.offer(from, payload)?)
    }

    fn client(&self, stream: std::net::TcpStream) {
        self.0.client(stream);
    }
}

fn links_that_deliver_twice_are_found() {
    for grain in [Grain::Threads, Grain::Shared] {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("cluster");
        run_around(grain, &directory, Arc::new(|inbox| Arc::new(Twice(inbox))));
        let error = records(&directory).check_links().unwrap_err();
        assert!(error.to_string().starts_with("PL2"), "{grain:?}: {error}");
    }
}

fn a_node_that_forgets_its_log_is_found() {
    for grain in GRAINS {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("cluster");
        run(grain, &directory, &plan(&[(5, Fault::Replace(P[1], Volume::Lost))]));
        let execution = records(&directory);
        assert_eq!(execution.processes[&P[1]][1].start.disk.0, Entries::default());
        let judgement = judged(&execution);
        let (property, verdict) = &judgement.verdicts[0];
        assert!(
            matches!(verdict, Verdict::Violated { what } if what.contains("p1 has forgotten")),
            "{grain:?}: {} {verdict:?}",
            property.id
        );
        assert!(replay::verify(&execution).is_err(), "{grain:?}: a disk that nobody wrote");
    }
}

fn a_panic_is_told_as_what_it_is() {
    for grain in [Grain::Threads, Grain::Shared] {
        let temporary = tempfile::tempdir().unwrap();
        let options = options(&temporary.path().join("cluster"), Twin::Superstitious);
        let started = start::<Ledger>(grain, options, itself).unwrap();
        let thirteen = Plan { rounds: vec![vec![(P[1], 13.into())]], ..plan(&[]) };
        let watch = oversight::<Ledger>(LedgerMonitor::default());
        let error = drive(started, &thirteen, watch, |_| {}, || false).unwrap_err();
        assert!(
            matches!(&error, ClusterError::Ended { why, .. } if why.contains("thirteen!")),
            "{grain:?}: {error}"
        );
    }
}

/// One trust domain or not: what a process signed is checked below the process, with keys.
fn signatures_need_keys_in_every_grain() {
    for grain in [Grain::Threads, Grain::Shared] {
        let temporary = tempfile::tempdir().unwrap();
        let options = ClusterOptions {
            algorithm: "notary".to_owned(),
            parameters: serde_json::Value::Null,
            ..options(&temporary.path().join("cluster"), Twin::Sound)
        };
        let error = start::<Notary>(grain, options, itself).map(drop).unwrap_err();
        assert!(error.to_string().contains("keys"), "{grain:?}: {error}");
    }
}
