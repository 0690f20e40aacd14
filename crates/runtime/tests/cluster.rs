//! Clusters of OS processes on loopback, killed and cut: this program is its own node.

#![allow(clippy::print_stderr, reason = "a test program without a harness reports by itself")]

mod courier;
mod ledger;
mod operators;

use courier::{OverDurable, OverLogged, OverPerfect};
use ledger::{Ledger, LedgerMonitor, Twin};
use operators::{a_signal_stops_a_node_in_order_and_a_second_one_at_once, operators_are_told_how_a_node_is};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use synod_kernel::{Observed, trace};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_model::timing::TimingKind;
use synod_properties::{Kind, Verdict};
use synod_runtime::client::{NodeStatus, Reply};
use synod_runtime::cluster::control::{Answer, Control, Description, Home, NodeState, Order};
use synod_runtime::cluster::limits::Limits;
use synod_runtime::cluster::supervisor::{launch, supervise};
use synod_runtime::cluster::{Cluster, ClusterError, ClusterOptions, Fault, NetworkKind, Told};
use synod_runtime::disk::OsDisk;
use synod_runtime::drive::{Driven, Plan, Progress, drive};
use synod_runtime::execution::Execution;
use synod_runtime::judge::{Judgement, examine, judge, judge_observations, observations};
use synod_runtime::link::LinkError;
use synod_runtime::link::LinkSettings;
use synod_runtime::node::{Config, NodeConfig, run_node, run_node_alone};
use synod_runtime::oversight::{Oversight, oversight};
use synod_runtime::record::{Incarnation, Record, RecordError};
use synod_runtime::replay::{self, ReplayError};
use synod_runtime::retrace::{self, RetraceError};
use synod_runtime::wal::WalOptions;

type Seen = Observed<u64, ledger::Told>;

const CONFIG: &str = "SYNOD_TEST_NODE";
/// The directory of a cluster that this program is behind.
const HOME: &str = "SYNOD_TEST_HOME";
const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

fn main() {
    if let Some(config) = std::env::var_os(CONFIG) {
        let path = Path::new(&config);
        match &*Config::<Value>::load(path).unwrap().algorithm {
            "courier-durable" => return carry::<OverDurable>(path),
            "courier-logged" => return carry::<OverLogged>(path),
            "courier-perfect" => return carry::<OverPerfect>(path),
            _ => {}
        }
        if let Ok(config) = NodeConfig::<Ledger>::load(path) {
            return run_node_alone::<Ledger>(&OsDisk, &config, None).unwrap();
        }
        return run_node::<Herald>(&NodeConfig::<Herald>::load(path).unwrap()).unwrap();
    }
    if let Some(home) = std::env::var_os(HOME) {
        if let Err(error) = supervise(&Home(home.into()), itself) {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
        return;
    }
    let tests: [(&str, fn()); 13] = [
        (
            "what_is_sent_over_logged_links_arrives_once_whoever_is_killed",
            what_is_sent_over_logged_links_arrives_once_whoever_is_killed,
        ),
        (
            "links_without_a_log_lose_what_a_killed_node_had_sent",
            links_without_a_log_lose_what_a_killed_node_had_sent,
        ),
        ("operators_are_told_how_a_node_is", operators_are_told_how_a_node_is),
        (
            "a_signal_stops_a_node_in_order_and_a_second_one_at_once",
            a_signal_stops_a_node_in_order_and_a_second_one_at_once,
        ),
        ("who_stopped_does_not_come_back_to_its_instance", who_stopped_does_not_come_back_to_its_instance),
        ("pauses_delays_and_clocks_are_delay_alone", pauses_delays_and_clocks_are_delay_alone),
        (
            "a_cluster_in_the_background_does_what_it_is_told",
            a_cluster_in_the_background_does_what_it_is_told,
        ),
        ("a_cluster_under_faults_is_a_run_of_the_model", a_cluster_under_faults_is_a_run_of_the_model),
        ("a_process_that_does_not_store_is_refuted", a_process_that_does_not_store_is_refuted),
        ("a_run_ends_when_it_is_told_to", a_run_ends_when_it_is_told_to),
        ("a_node_with_a_bug_is_reported_with_its_panic", a_node_with_a_bug_is_reported_with_its_panic),
        ("namespaces_keep_what_a_partition_lets_them", namespaces_keep_what_a_partition_lets_them),
        ("bad_ports_and_directories_are_refused", bad_ports_and_directories_are_refused),
    ];
    let wanted = std::env::args().nth(1).filter(|a| !a.starts_with('-')).unwrap_or_default();
    for (name, test) in tests.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        test();
        eprintln!("test {name} ... ok");
    }
}

fn options(directory: PathBuf, twin: Twin) -> ClusterOptions {
    ClusterOptions {
        algorithm: "ledger".to_owned(),
        processes: 3,
        parameters: serde_json::to_value(twin).unwrap(),
        bounds: None,
        directory,
        first_port: None,
        pulse: Duration::from_millis(5),
        seed: 1,
        links: LinkSettings::default(),
        record: true,
        network: NetworkKind::Proxy,
    }
}

fn watch() -> Box<dyn Oversight> {
    oversight::<Ledger>(LedgerMonitor::default())
}

fn itself(config: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CONFIG, config);
    command
}

/// In each round every process is asked to keep an entry of its own.
fn plan(rounds: u64, faults: &[(usize, Fault)]) -> Plan {
    let round = |r: u64| P.map(|p| (p, (1000 * (r + 1) + u64::from(p.0)).into())).to_vec();
    let rounds = (0..rounds).map(round).collect();
    let patience = Duration::from_secs(20);
    Plan { round_max: patience, settle_max: patience, ..Plan::new(rounds, faults.to_vec()) }
}

fn run(directory: &Path, twin: Twin, plan: Plan) -> Driven {
    let cluster = Cluster::start(options(directory.to_owned(), twin), itself).unwrap();
    drive(cluster, &plan, watch(), |_| {}, || false).unwrap()
}

fn a_cluster_under_faults_is_a_run_of_the_model() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let faults = [
        (4, Fault::Kill(P[1])),
        (8, Fault::Restart(P[1])),
        (12, Fault::Cut(P[0], P[2])),
        (16, Fault::Kill(P[0])),
        (16, Fault::Restart(P[0])),
        (20, Fault::Heal(P[0], P[2])),
        (21, Fault::Mute(P[1])),
        (23, Fault::Unmute(P[1])),
        (24, Fault::Kill(P[2])),
        (26, Fault::Restart(P[2])),
        (26, Fault::Kill(P[1])),
        (30, Fault::Restart(P[1])),
        (36, Fault::Kill(P[1])),
    ];
    let driven = run(&directory, Twin::Sound, plan(40, &faults));
    assert_eq!((driven.rounds, driven.timed_out), (40, false));
    assert!(driven.rounds_paid >= 30, "only {} rounds were paid", driven.rounds_paid);
    assert!(driven.faults.iter().all(|fault| fault.effective), "{:?}", driven.faults);
    assert_eq!(driven.effective(|fault| matches!(fault, Fault::Kill(_))), 5);
    assert_eq!(driven.nodes.len(), 2);
    let (stores, syncs) = driven.nodes.values().fold((0, 0), |(a, b), s| (a + s.stores, b + s.syncs));
    assert!(0 < syncs && syncs < stores, "{syncs} syncs for {stores} stores: no commit is shared");

    let records = directory.join("records");
    let examined = examine::<Ledger, _>(&records, "ledger", LedgerMonitor::default()).unwrap();
    assert_eq!((examined.unplaced, examined.survivors), (0, 2));
    let execution = Execution::<Ledger>::load(&records).unwrap();
    judged(&execution);
    replayed(&execution);
    assert_eq!(retold(&execution).verdicts, examined.judgement.verdicts);
    assert!(trace::replay::<Ledger>(&examined.trace).is_ok());
    damaged(&execution);
}

fn judged(execution: &Execution<Ledger>) {
    let merged = execution.merge();
    assert_eq!(merged.unplaced, 0, "a message without its release");
    assert!(execution.check_links().unwrap() > 500);
    let judgement = judge(&merged, LedgerMonitor::default());
    for (property, verdict) in &judgement.verdicts {
        assert_eq!(*verdict, Verdict::Holds, "{}", property.id);
    }
    assert!(judgement.observations > 100);
    let incarnations: Vec<_> = execution.processes.values().map(Vec::len).collect();
    assert_eq!(incarnations, [2, 3, 2]);
    for (&p, all) in &execution.processes {
        let killed = p == P[1];
        let (last, before) = all.split_last().unwrap();
        assert!(last.stopped() != killed, "a last word shows who was asked to stop");
        assert!(before.iter().all(|incarnation| !incarnation.stopped()), "killed, and said a last word");
    }
}

fn replayed(execution: &Execution<Ledger>) {
    let handlers: usize = execution.processes.values().flatten().map(|i| i.handled().count()).sum();
    assert_eq!(replay::verify(execution).unwrap(), handlers);
}

/// The run of the cluster is a run of the kernel's world, and judged alike.
fn retold(execution: &Execution<Ledger>) -> Judgement {
    let merged = execution.merge();
    let judgement = judge(&merged, LedgerMonitor::default());
    let broken = judgement
        .violation
        .as_ref()
        .map(|(v, _)| trace::Broken { property: v.property.clone(), what: v.what.clone() });
    let text = retrace::trace("ledger", execution, broken.clone()).unwrap();
    let again = trace::replay::<Ledger>(&text).unwrap();
    assert_eq!(again.end.violation, broken);
    let handlers: usize = execution.processes.values().flatten().map(|i| i.handled().count()).sum();
    assert!(again.lines.len() > handlers);
    assert!(again.lines.is_sorted_by_key(|line| line.at));

    let retold: Vec<_> = again.lines.into_iter().flat_map(|line| line.observed).collect();
    let recorded = observations(&merged);
    for p in P {
        // what is asked of a process, and what it tells; each in order
        for kind in [
            |o: &Seen, p| matches!(o, Observed::Request(at, _) if *at == p),
            |o: &Seen, p| matches!(o, Observed::Indication(at, _) if *at == p),
            |o: &Seen, p| matches!(o, Observed::Crash(at) | Observed::Recover(at) if *at == p),
        ] {
            let of = |all: &[Seen]| all.iter().filter(|o| kind(o, p)).cloned().collect::<Vec<_>>();
            assert_eq!(of(&retold), of(&recorded));
        }
    }
    let rejudged = judge_observations(&retold, LedgerMonitor::default());
    assert_eq!(rejudged.owed, judgement.owed);
    assert_eq!(
        rejudged.violation.map(|(violation, _)| violation),
        judgement.violation.clone().map(|(violation, _)| violation)
    );
    judgement
}

/// What happens to a record after it was written.
fn damaged(execution: &Execution<Ledger>) {
    let original = &execution.processes[&P[1]][0];
    let text = std::fs::read_to_string(&original.path).unwrap();
    let parse = |text: &str| Incarnation::<Ledger>::parse(&original.path, text.as_bytes());

    // the last line is torn: it is left out
    for cut in 1..200 {
        let torn = parse(&text[..text.len() - cut]).unwrap().unwrap();
        let lines = text[..text.len() - cut].matches('\n').count() - 1;
        assert_eq!((torn.records.len(), &torn.records[..]), (lines, &original.records[..lines]));
    }
    assert!(parse(&text[..20]).unwrap().is_none(), "died in its first line");

    // the middle is damaged: it is refused, with the line
    let lines: Vec<_> = text.lines().collect();
    let middle = lines.len() / 2;
    let with = |line: &str| [&lines[..middle], &[line], &lines[middle + 1..]].concat().join("\n") + "\n";
    for line in [&lines[middle][1..], "", "{}", lines[0], "\u{0}"] {
        let refused = parse(&with(line)).unwrap_err();
        assert!(matches!(refused, RecordError::Damaged { line, .. } if line == middle + 1), "{refused}");
    }
    let handled = lines.iter().position(|line| line.contains("\"handler\":3,")).unwrap();
    let without = [&lines[..handled], &lines[handled + 1..]].concat().join("\n");
    assert!(parse(&without).unwrap_err().to_string().contains("handler 3 is missing"));
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert!(matches!(parse(&newer), Err(RecordError::Version { found: 2, .. })));

    // another effect, another draw, another disk: the replay differs
    let mut tampered = execution.clone();
    let incarnation = &mut tampered.processes.get_mut(&P[1]).unwrap()[0];
    let place = incarnation.lines.iter().position(|line| line.contains("\"draws\"")).unwrap();
    let Record::Handled(handled) = &mut incarnation.records[place] else { panic!("only handlers draw") };
    handled.draws[0] ^= 1;
    assert!(matches!(
        replay::verify(&tampered),
        Err(ReplayError::Differs { line, .. }) if line == place + 2
    ));
    let mut tampered = execution.clone();
    tampered.processes.get_mut(&P[1]).unwrap()[1].start.writes -= 1;
    assert!(matches!(replay::verify(&tampered), Err(ReplayError::Disk { .. })));

    // a sender's record that is lost makes its messages look invented, and that is said
    let mut tampered = execution.clone();
    tampered.processes.get_mut(&P[1]).unwrap().clear();
    assert!(tampered.merge().unplaced > 0);
    assert!(tampered.check_links().unwrap_err().to_string().starts_with("PL3"));
    assert_eq!(retrace::trace("ledger", &tampered, None), Err(RetraceError::NoRecord(P[1])));
}

fn a_process_that_does_not_store_is_refuted() {
    let temporary = tempfile::tempdir().unwrap();
    let faults = [(3, Fault::Kill(P[2])), (5, Fault::Restart(P[2]))];
    run(&temporary.path().join("cluster"), Twin::Amnesiac, plan(8, &faults));
    let execution = Execution::<Ledger>::load(&temporary.path().join("cluster/records")).unwrap();
    let judgement = retold(&execution);
    let verdict = |id| &judgement.verdicts.iter().find(|(p, _)| p.id == id).unwrap().1;
    assert!(matches!(verdict("L1"), Verdict::Violated { what } if what.contains("p2 has forgotten")));
    let others = judgement.verdicts.iter().filter(|(p, _)| p.kind == Kind::Safety && p.id != "L1");
    assert!(others.into_iter().all(|(_, verdict)| matches!(verdict, Verdict::Unknown { .. })));
    // it is deterministic all the same
    assert!(replay::verify(&execution).unwrap() > 0);
}

fn a_run_ends_when_it_is_told_to() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let cluster = Cluster::start(options(directory.clone(), Twin::Sound), itself).unwrap();
    let rounds = Cell::new(0);
    let count = |progress| rounds.set(rounds.get() + usize::from(matches!(progress, Progress::Round { .. })));
    let plan = plan(1_000, &[]);
    let driven = drive(cluster, &plan, watch(), count, || rounds.get() == 3).unwrap();
    assert_eq!((driven.rounds, driven.timed_out), (3, false));
    let execution = Execution::<Ledger>::load(&directory.join("records")).unwrap();
    assert!(replay::verify(&execution).unwrap() > 0, "what was done until then is recorded");
}

fn a_node_with_a_bug_is_reported_with_its_panic() {
    let temporary = tempfile::tempdir().unwrap();
    let options = options(temporary.path().join("cluster"), Twin::Superstitious);
    let cluster = Cluster::start(options, itself).unwrap();
    let thirteen = Plan { rounds: vec![vec![(P[1], 13.into())]], ..plan(0, &[]) };
    let error = drive(cluster, &thirteen, watch(), |_| {}, || false).unwrap_err();
    assert!(
        matches!(&error, ClusterError::Died { process, said, .. } if *process == P[1] && said.contains("thirteen!")),
        "{error}"
    );
    assert!(error.hint().contains("bug"));
}

/// Asked for something, a process sends it to all others, who tell it; by its model nobody comes back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Herald;

impl Process for Herald {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Request = u64;
    type Indication = u64;
    type Message = u64;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, word: u64, ctx: &mut impl Context<Self>) {
        for p in ctx.processes().filter(|&p| p != ctx.me()).collect::<Vec<_>>() {
            ctx.send(p, word);
        }
    }

    fn on_message(&mut self, _: ProcessId, word: u64, ctx: &mut impl Context<Self>) {
        ctx.indicate(word);
    }

    no_timers!();
    no_storage!();
}

/// A courier's node, with a log that is put into snapshots often.
fn carry<P: Process>(path: &Path) {
    let config = NodeConfig::<P>::load(path).unwrap();
    let log = WalOptions { segment_length: 2048, snapshot_after: 4096 };
    run_node::<P>(&NodeConfig::<P> { log, ..config }).unwrap();
}

/// Two couriers, and what is known to have arrived with each, and how often.
struct Couriers {
    cluster: Cluster,
    told: Receiver<Told>,
    arrived: [BTreeMap<u64, u64>; 2],
}

impl Couriers {
    fn start(directory: PathBuf, algorithm: &str) -> Self {
        let algorithm = algorithm.to_owned();
        let options = ClusterOptions {
            algorithm,
            processes: 2,
            parameters: Value::Null,
            ..options(directory, Twin::Sound)
        };
        let (cluster, told) = Cluster::start(options, itself).unwrap();
        Self { cluster, told, arrived: Default::default() }
    }

    fn hear(&mut self) -> Told {
        let told = self.told.recv_timeout(Duration::from_mins(2)).unwrap();
        if let Reply::Indication(indication) = &told.reply {
            let indication: courier::Told = serde_json::from_value(indication.clone()).unwrap();
            self.arrived[told.process.index()].extend(indication.parcels());
        }
        told
    }

    /// Brings parcels from one to the other, and returns when it has taken all of them on.
    fn send(&mut self, from: usize, parcels: std::ops::Range<u64>) {
        for parcel in parcels.clone() {
            assert!(self.cluster.request(P[from], &serde_json::to_value((P[1 - from], parcel)).unwrap()));
        }
        let mut left = parcels.count();
        while left > 0 {
            let told = self.hear();
            left -= usize::from(told.process == P[from] && told.reply == Reply::Requested);
        }
    }

    fn kill(&mut self, who: &[usize]) {
        for &p in who {
            assert!(self.cluster.kill(P[p]));
        }
    }

    fn restart(&mut self, who: &[usize]) {
        for &p in who {
            assert!(self.cluster.restart(P[p]).unwrap());
        }
    }

    fn wait_for(&mut self, at: usize, parcels: std::ops::Range<u64>) {
        while !parcels.clone().all(|parcel| self.arrived[at].contains_key(&parcel)) {
            self.hear();
        }
    }
}

fn what_is_sent_over_logged_links_arrives_once_whoever_is_killed() {
    // what crashes, by round; what a sender that crashes has sent, only durable links keep
    couriers_deliver_once::<OverDurable>(
        "courier-durable",
        &[&[1], &[0], &[0, 1], &[1, 0], &[0], &[1]],
        &[0, 1],
    );
    couriers_deliver_once::<OverLogged>("courier-logged", &[&[1], &[1], &[1], &[1]], &[0]);
}

fn couriers_deliver_once<P: Process>(algorithm: &str, kills: &[&[usize]], senders: &[usize]) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let mut couriers = Couriers::start(directory.clone(), algorithm);
    let mut next = 0;
    for &who in kills {
        for &from in senders {
            couriers.send(from, 1000 * from as u64 + next..1000 * from as u64 + next + 12);
        }
        next += 12;
        couriers.kill(who);
        couriers.restart(who);
    }
    for &from in senders {
        couriers.wait_for(1 - from, 1000 * from as u64..1000 * from as u64 + next);
    }
    for arrived in &couriers.arrived {
        assert!(arrived.values().all(|&times| times == 1), "{algorithm}: {arrived:?}");
    }
    couriers.cluster.stop().unwrap();
    let execution = Execution::<P>::load(&directory.join("records")).unwrap();
    assert_eq!(execution.merge().unplaced, 0);
    let deliveries = execution.check_links().unwrap() as u64;
    assert!(deliveries >= next * senders.len() as u64, "{deliveries}");
    assert!(replay::verify(&execution).unwrap() as u64 > deliveries);
    retrace::trace(algorithm, &execution, None).unwrap();
}

/// Both are killed, the receiver before the parcel is sent and its sender after. Whether it arrives before the next one.
fn arrives_after_all(algorithm: &str) -> bool {
    let temporary = tempfile::tempdir().unwrap();
    let mut couriers = Couriers::start(temporary.path().join("cluster"), algorithm);
    couriers.kill(&[1]);
    couriers.send(0, 1..2);
    couriers.kill(&[0]);
    couriers.restart(&[0, 1]);
    couriers.send(0, 2..3);
    couriers.wait_for(1, 2..3);
    couriers.arrived[1].contains_key(&1)
}

fn links_without_a_log_lose_what_a_killed_node_had_sent() {
    assert!(arrives_after_all("courier-durable"));
    assert!(!arrives_after_all("courier-perfect"), "then the test above could not fail");
    assert!(!arrives_after_all("courier-logged"), "its outbox is volatile");
}

/// What is told until `done`.
fn hear(told: &Receiver<Told>, mut done: impl FnMut(&Told) -> bool) -> Vec<Told> {
    let mut all = vec![];
    loop {
        all.push(told.recv_timeout(Duration::from_secs(30)).unwrap());
        if done(all.last().unwrap()) {
            return all;
        }
    }
}

fn who_stopped_does_not_come_back_to_its_instance() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let options = ClusterOptions { parameters: Value::Null, ..options(directory.clone(), Twin::Sound) };
    let (mut cluster, told) = Cluster::start(options, itself).unwrap();
    // what p0 says last is held on the way to p2
    cluster.strike(&Fault::Cut(P[0], P[2])).unwrap();
    assert!(cluster.request(P[0], &7.into()));
    hear(&told, |told| told.process == P[1] && told.reply == Reply::Indication(7.into()));
    assert!(cluster.kill(P[0]));
    assert!(cluster.restart(P[0]).unwrap());
    assert_eq!(cluster.incarnation(P[0]), 2);
    // the new incarnation takes part in nothing
    assert!(cluster.request(P[0], &8.into()));
    let refused =
        |told: &Told| matches!(&told.reply, Reply::Refused(why) if why.contains("does not come back"));
    hear(&told, |told| told.process == P[0] && refused(told));
    // it has greeted the others: what the old one said, and still waits, is fenced
    cluster.strike(&Fault::HealAll).unwrap();
    let greeted = |status: &NodeStatus| status.links.values().all(|link| link.connections > 0);
    let mut has_greeted = false;
    for _ in 0..20_000 {
        cluster.ask_status(P[0]);
        let all = hear(&told, |told| matches!(told.reply, Reply::Status(_)));
        let Reply::Status(status) = &all.last().unwrap().reply else { unreachable!() };
        assert!(status.outlived && status.handlers == 0);
        has_greeted = greeted(status);
        if has_greeted {
            break;
        }
    }
    assert!(has_greeted, "the others have not heard of it");
    assert!(cluster.request(P[1], &9.into()));
    let heard = hear(&told, |told| told.process == P[2] && told.reply == Reply::Indication(9.into()));
    assert!(!heard.iter().any(|told| told.process == P[2] && told.reply == Reply::Indication(7.into())));
    cluster.stop().unwrap();
    // its record ends with its crash; there is none of what is not of this instance
    let execution = Execution::<Herald>::load(&directory.join("records")).unwrap();
    assert_eq!(execution.processes[&P[0]].len(), 1);
    assert!(!execution.processes[&P[0]][0].stopped());
    assert!(replay::verify(&execution).unwrap() > 3);
    retrace::trace("herald", &execution, None).unwrap();
}

fn pauses_delays_and_clocks_are_delay_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let words = [
        (1, "pause 1"),
        (2, "resume 1"),
        (3, "delay 1ms..9ms 0 | 1,2"),
        (5, "heal"),
        (6, "skew 0 +10s x2"),
        (7, "skew 0 -3s x0.5"),
        (8, "loss 20%"),
        (11, "heal"),
        (12, "replace 2"),
        (13, "partition 0 -> 1,2"),
        (14, "heal"),
    ];
    let faults = words.map(|(round, words)| (round, words.parse().unwrap()));
    let driven = run(&directory, Twin::Sound, plan(16, &faults));
    assert_eq!((driven.rounds, driven.nodes.len()), (16, 3));
    assert!(driven.nodes.values().any(|node| node.incarnation == 2), "one was replaced");
    let examined =
        examine::<Ledger, _>(&directory.join("records"), "ledger", LedgerMonitor::default()).unwrap();
    for (property, verdict) in &examined.judgement.verdicts {
        assert_eq!(*verdict, Verdict::Holds, "{}", property.id);
    }
}

fn a_cluster_in_the_background_does_what_it_is_told() {
    let temporary = tempfile::tempdir().unwrap();
    let home = Home(temporary.path().to_owned());
    let limits =
        Limits { failures: FailureKind::CrashRecovery, timing: TimingKind::Asynchronous, f: 1, bounds: None };
    let mut description = Description {
        algorithm: "ledger".to_owned(),
        processes: 3,
        requests: 1,
        defect: None,
        parameters: serde_json::to_value(Twin::Sound).unwrap(),
        model: "crash-recovery".to_owned(),
        limits,
        pulse: Duration::from_millis(5),
        seed: 1,
        first_port: None,
        links: LinkSettings::default(),
        record: true,
        network: NetworkKind::Proxy,
        beyond: vec![],
    };
    home.write(&description).unwrap();
    let behind = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(HOME, temporary.path());
        command
    };
    assert!(!home.is_taken());
    let mut control = launch(&home, behind()).unwrap();
    assert!(home.is_taken() && home.take().unwrap().is_none());
    let second = behind().output().unwrap();
    assert!(!second.status.success() && String::from_utf8_lossy(&second.stderr).contains("is up already"));

    let mut order = |order: Order| control.order(&order).unwrap();
    let wait = Duration::from_secs(20);
    let ask = |process, value: Value| Order::Request { process, value, wait };
    let Answer::Requested { handled: true, told } = order(ask(P[0], 5.into())) else { panic!("no answer") };
    assert!(told.iter().any(|said| said.indication == serde_json::json!({ "Kept": 5 })), "{told:?}");
    let refused = |answer: Answer, why: &str| match answer {
        Answer::Refused { what, .. } => assert!(what.contains(why), "{what}"),
        other => panic!("{other:?}"),
    };
    refused(order(ask(P[0], "nonsense".into())), "refuses");
    refused(order(ask(ProcessId(9), 5.into())), "no p9");
    refused(order(Order::Strike("kill 9".to_owned())), "no p9");
    refused(order(Order::Strike("slay 1".to_owned())), "is no fault");

    let mut strike = |words: &str| match control.order(&Order::Strike(words.to_owned())).unwrap() {
        Answer::Struck { changed, beyond, .. } => (changed, beyond.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(strike("kill 2"), (true, false));
    assert_eq!(strike("kill 2"), (false, false));
    assert_eq!(strike("pause 1"), (true, false));
    assert_eq!(strike("partition 0 | 1"), (true, false));
    let states = |control: &mut Control| match control.order(&Order::Status).unwrap() {
        Answer::Status(status) => {
            let states: Vec<_> = status.nodes.iter().map(|node| node.state.clone()).collect();
            (states, status.rules.len())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(states(&mut control), (vec![NodeState::Up, NodeState::Paused, NodeState::Down], 2));
    refused(control.order(&ask(P[1], 6.into())).unwrap(), "paused");
    refused(control.order(&ask(P[2], 6.into())).unwrap(), "down");
    let mut strike = |words: &str| match control.order(&Order::Strike(words.to_owned())).unwrap() {
        Answer::Struck { changed, beyond, .. } => (changed, beyond.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(["resume 1", "restart 2", "heal"].map(&mut strike), [(true, false); 3]);
    assert_eq!(strike("replace 1 without volume"), (true, true), "its model takes disks for stable");
    description.beyond = home.read().unwrap().beyond;
    assert!(description.beyond[0].contains("has lost its disk"));
    assert_eq!(states(&mut control).0, vec![NodeState::Up; 3]);
    assert!(matches!(control.order(&ask(P[1], 8.into())).unwrap(), Answer::Requested { handled: true, .. }));
    assert_eq!(control.order(&Order::Down).unwrap(), Answer::Down);
    while home.is_taken() {
        std::thread::yield_now();
    }
    assert!(Control::connect(&home).is_err());
    // a cluster that was is not started over: its records stand by themselves
    let again = launch(&home, behind()).map(drop).unwrap_err();
    assert!(again.to_string().contains("is not empty"), "{again}");
}

fn namespaces_keep_what_a_partition_lets_them() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("cluster");
    let options =
        ClusterOptions { network: NetworkKind::Namespaces, ..options(directory.clone(), Twin::Sound) };
    let (cluster, told) = match Cluster::start(options, itself) {
        Err(ClusterError::NoNamespaces { why, remedy }) => {
            eprintln!("SKIPPED: no network namespaces: {why}: {remedy}");
            return;
        }
        started => started.unwrap(),
    };
    let mut cluster = cluster;
    for fault in ["delay 5ms", "loss 5%", "duplicate 5%"] {
        let refused = cluster.strike(&fault.parse().unwrap()).unwrap_err();
        assert!(matches!(refused, ClusterError::Lacking { .. }), "{refused}");
        assert!(refused.hint().contains("--network proxy"));
    }
    assert!(cluster.passed().is_none() && cluster.rules().is_empty());
    let faults = [
        (2, "partition 0 | 1,2"),
        (4, "heal"),
        (6, "partition 0 -> 2"),
        (7, "kill 1"),
        (8, "restart 1"),
        (9, "heal"),
        (10, "pause 2"),
        (11, "resume 2"),
        (12, "replace 0"),
    ];
    let faults = faults.map(|(round, fault)| (round, fault.parse().unwrap()));
    let plan = Plan { round_max: Duration::from_millis(500), ..plan(16, &faults) };
    let driven = drive((cluster, told), &plan, watch(), |_| {}, || false).unwrap();
    assert_eq!(driven.effective(|fault| matches!(fault, Fault::Partition(_) | Fault::OneWay(..))), 2);
    assert_eq!(driven.effective(|fault| matches!(fault, Fault::Kill(_) | Fault::Restart(_))), 2);
    let execution = Execution::<Ledger>::load(&directory.join("records")).unwrap();
    let judgement = judge(&execution.merge(), LedgerMonitor::default());
    assert_eq!(judgement.violation, None);
}

fn bad_ports_and_directories_are_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let start = |directory: &str, first_port| {
        let directory = temporary.path().join(directory);
        Cluster::start(ClusterOptions { first_port, ..options(directory, Twin::Sound) }, itself)
            .map(|_| ())
            .unwrap_err()
    };
    let taken = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = start("a", Some(port));
    assert!(matches!(error, ClusterError::Link(LinkError::PortInUse { .. })), "{error}");
    assert!(error.hint().contains("another port"));

    std::fs::write(temporary.path().join("file"), "").unwrap();
    let error = start("file/b", None);
    assert!(matches!(error, ClusterError::Io { operation: "create", .. }), "{error}");
    std::fs::create_dir_all(temporary.path().join("full/of")).unwrap();
    assert!(matches!(start("full", None), ClusterError::NotEmpty(_)));

    let lost =
        Cluster::start(options(temporary.path().join("c"), Twin::Sound), |_| Command::new("/nonexistent"));
    assert!(matches!(lost.map(|_| ()), Err(ClusterError::Spawn { .. })));
}
