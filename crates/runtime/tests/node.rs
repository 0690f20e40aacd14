//! One node in this OS process, on disks that fail and among clients that misbehave.

mod courier;
mod ledger;
mod notary;

use courier::OverDurable;
use ledger::{Ledger, Told, Twin};
use notary::{Letter, Notary};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use synod_kernel::signature::signed_by;
use synod_model::{Group, Process, ProcessId};
use synod_runtime::client::{Client, Command, Reply};
use synod_runtime::clock::ClockSettings;
use synod_runtime::disk::{Disk, DiskFile, Open};
use synod_runtime::execution::Execution;
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::frame;
use synod_runtime::keys::{self, VALID, Validity};
use synod_runtime::link::{LinkError, LinkSettings, tcp};
use synod_runtime::node::{Config, NodeConfig, RunError, run_node_on, stop_within};
use synod_runtime::replay;
use synod_runtime::retrace;
use synod_runtime::wal::{Identity, Wal, WalError, WalOptions, segment_name};

const PATIENCE: Duration = Duration::from_secs(50);

/// A free port that no other test here is given, nor any socket that dials.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(14_000);
    let ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|&address| TcpListener::bind(address).is_ok()).unwrap()
}

fn config() -> NodeConfig<Ledger> {
    Config {
        algorithm: "ledger".to_owned(),
        cluster: 7,
        process: ProcessId(0),
        group: Group::first(1),
        parameters: Twin::Sound,
        bounds: None,
        listen: free_address(),
        peers: BTreeMap::new(),
        directory: PathBuf::from("data/p0"),
        records: PathBuf::from("data/records"),
        pulse: Duration::from_millis(1),
        log: WalOptions { segment_length: 2048, snapshot_after: 2048 },
        links: LinkSettings::default(),
        stop_with_input: false,
        clock: ClockSettings::default(),
        operators: None,
        stop_within: stop_within(),
    }
}

/// Connects as soon as the node listens; not at all if it has ended before.
fn connect(address: SocketAddr, gone: impl Fn() -> bool) -> Option<Client> {
    loop {
        match Client::connect(address, 7, PATIENCE) {
            Ok(client) => return Some(client),
            Err(_) if gone() => return None,
            Err(_) => thread::yield_now(),
        }
    }
}

/// Asks for the entries one after the other, until all are kept or the node ends. What was kept, and what was found.
fn keep(client: &mut Client, entries: std::ops::Range<u64>) -> (Vec<u64>, Vec<Told>) {
    let (mut kept, mut told) = (vec![], vec![]);
    for entry in entries {
        if client.send(&Command::Request(entry)).is_err() {
            break;
        }
        while let Ok(Some(reply)) = client.receive::<Told>() {
            let Reply::Indication(indication) = reply else { continue };
            told.push(indication.clone());
            if indication == Told::Kept(entry) {
                kept.push(entry);
                break;
            }
        }
    }
    (kept, told)
}

/// A node on `disk` that is asked to keep entries, then to stop.
fn session(
    disk: &(impl Disk + Clone + 'static),
    entries: std::ops::Range<u64>,
) -> (Result<(), RunError>, Vec<u64>, Vec<Told>) {
    let config = config();
    let (address, disk) = (config.listen, disk.clone());
    let node = thread::spawn(move || run_node_on::<Ledger>(&disk, &config, None));
    let (kept, told) = connect(address, || node.is_finished()).map_or_else(Default::default, |mut client| {
        let said = keep(&mut client, entries);
        let _ = client.send(&Command::<u64>::Stop);
        said
    });
    (node.join().unwrap(), kept, told)
}

fn found(told: &[Told]) -> Vec<u64> {
    let found =
        told.iter().find_map(|told| if let Told::Found(entries) = told { Some(entries) } else { None });
    found.expect("a node that starts again says what it found").iter().copied().collect()
}

#[test]
fn a_node_that_starts_again_finds_what_it_kept() {
    let disk = MemoryDisk::new();
    let (ended, kept, _) = session(&disk, 0..5);
    ended.unwrap();
    assert_eq!(kept, [0, 1, 2, 3, 4]);
    let (ended, kept, told) = session(&disk.power_loss(0), 5..7);
    ended.unwrap();
    assert_eq!((kept, found(&told)), (vec![5, 6], vec![0, 1, 2, 3, 4]));
}

#[test]
fn a_node_that_puts_snapshots_in_the_place_of_its_writes_finds_them_and_its_records_fit() {
    let disk = MemoryDisk::new();
    for start in 0..4_u64 {
        let before: Vec<_> = (100..100 + 30 * start).collect();
        let (ended, kept, told) = session(&disk, 100 + 30 * start..130 + 30 * start);
        ended.unwrap();
        assert_eq!(kept.len(), 30);
        if start > 0 {
            assert_eq!(found(&told), before);
        }
    }
    let names = disk.list(Path::new("data/p0")).unwrap();
    assert_eq!(names.iter().filter(|name| name.starts_with("snapshot.")).count(), 2, "{names:?}");
    assert!(names.len() < 20, "a log of 120 batches is bounded: {names:?}");
    let execution = recorded::<Ledger>(&disk);
    assert!(replay::verify(&execution).unwrap() > 120);
    let starts: Vec<_> = execution.processes[&ProcessId(0)].iter().map(|i| i.start.writes).collect();
    assert_eq!(starts, [0, 30, 60, 90]);
}

#[test]
fn a_node_that_records_nothing_writes_its_log_alone() {
    let disk = MemoryDisk::new();
    let config = NodeConfig::<Ledger> { records: PathBuf::new(), ..config() };
    let (address, log) = (config.listen, disk.clone());
    let node = thread::spawn(move || run_node_on::<Ledger>(&log, &config, None));
    let mut client = connect(address, || node.is_finished()).unwrap();
    assert_eq!(keep(&mut client, 0..3).0, [0, 1, 2]);
    client.send(&Command::<u64>::Stop).unwrap();
    node.join().unwrap().unwrap();
    assert!(!disk.list(Path::new("data/p0")).unwrap().is_empty());
    for elsewhere in ["data/records", ""] {
        assert_eq!(disk.list(Path::new(elsewhere)).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_snapshot_of_another_algorithm_is_refused() {
    let disk = MemoryDisk::new();
    let config = config();
    let identity = Identity { cluster: 7, process: ProcessId(0) };
    let (mut wal, _) = Wal::open_with(&disk, &config.directory, identity, config.log).unwrap();
    wal.snapshot(&[0xff; 3]).unwrap();
    let error = run_node_on::<Ledger>(&disk, &config, None).unwrap_err();
    assert!(matches!(error, RunError::ForeignSnapshot(_)) && !error.hint().is_empty(), "{error}");
}

#[test]
fn whatever_a_disk_refuses_a_node_ends_with_an_error_and_nothing_that_it_said_is_lost() {
    for kind in [FaultKind::Full, FaultKind::ReadOnly, FaultKind::Error, FaultKind::Torn(3)] {
        let mut struck = 0;
        for at in 0.. {
            let memory = MemoryDisk::new();
            let (ended, kept, _) = session(&FaultyDisk::new(memory.clone(), at, kind), 0..4);
            match ended {
                Ok(()) => {
                    assert_eq!(kept, [0, 1, 2, 3]);
                    break;
                }
                Err(error) => {
                    assert!(
                        matches!(error, RunError::Wal(WalError::Io { .. }) | RunError::Record(_)),
                        "{error}"
                    );
                    assert!(!error.hint().is_empty());
                    struck += 1;
                }
            }
            // the machine is repaired: whatever of the unsynced is there, what was said is
            let (ended, _, told) = session(&memory.power_loss(usize::MAX), 9..10);
            ended.unwrap();
            let survived =
                if told.iter().any(|t| matches!(t, Told::Found(_))) { found(&told) } else { vec![] };
            assert!(
                survived.starts_with(&kept),
                "operation {at}, {kind:?}: kept {kept:?}, found {survived:?}"
            );
        }
        assert!(struck > 20, "{kind:?} struck {struck} times only");
    }
}

/// A courier on `disk` that is asked to send parcels to itself, then to stop when all have arrived. Which it has taken on, and how
/// often each is known to have arrived.
fn parcels(
    disk: &(impl Disk + Clone + 'static),
    parcels: std::ops::Range<u64>,
    wanted: &[u64],
) -> (Result<(), RunError>, Vec<u64>, BTreeMap<u64, u64>) {
    let Config { listen, directory, records, pulse, links, clock, operators, stop_within, .. } = config();
    let config = NodeConfig::<OverDurable> {
        algorithm: "courier".to_owned(),
        cluster: 7,
        process: ProcessId(0),
        group: Group::first(1),
        parameters: (),
        bounds: None,
        listen,
        peers: BTreeMap::new(),
        directory,
        records,
        pulse,
        log: WalOptions { segment_length: 2048, snapshot_after: 1024 },
        links,
        stop_with_input: false,
        clock,
        operators,
        stop_within,
    };
    let disk = disk.clone();
    let node = thread::spawn(move || run_node_on::<OverDurable>(&disk, &config, None));
    let (mut taken, mut arrived) = (vec![], BTreeMap::new());
    if let Some(mut client) = connect(listen, || node.is_finished()) {
        let all: Vec<_> = parcels.collect();
        for &parcel in &all {
            let _ = client.send(&Command::Request((ProcessId(0), parcel)));
        }
        let is_there =
            |arrived: &BTreeMap<u64, u64>| all.iter().chain(wanted).all(|p| arrived.contains_key(p));
        while taken.len() < all.len() || !is_there(&arrived) {
            match client.receive::<courier::Told>() {
                Ok(Some(Reply::Requested)) => taken.push(all[taken.len()]),
                Ok(Some(Reply::Indication(told))) => arrived.extend(told.parcels()),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let _ = client.send(&Command::<u64>::Stop);
    }
    (node.join().unwrap(), taken, arrived)
}

#[test]
fn whatever_a_disk_refuses_what_was_sent_over_durable_links_arrives_once() {
    let (mut struck, mut again) = (0, 0);
    for at in 0.. {
        let memory = MemoryDisk::new();
        let (ended, taken, _) = parcels(&FaultyDisk::new(memory.clone(), at, FaultKind::Error), 0..6, &[]);
        let is_whole = ended.is_ok();
        assert!(is_whole || matches!(ended, Err(RunError::Wal(WalError::Io { .. }) | RunError::Record(_))));
        // its OS process is gone, and its machine lives on: records are written, not synced
        let disk = memory;
        let (ended, _, arrived) = parcels(&disk, 6..8, &taken);
        ended.unwrap();
        assert!(taken.iter().all(|parcel| arrived[parcel] == 1), "operation {at}: {taken:?}, {arrived:?}");
        assert!(arrived.values().all(|&times| times == 1), "operation {at}: {arrived:?}");
        let execution = recorded::<OverDurable>(&disk);
        assert_eq!(execution.merge().unplaced, 0, "operation {at}");
        execution.check_links().unwrap();
        again += replay::verify(&execution).unwrap();
        retrace::trace("courier", &execution, None).unwrap();
        if is_whole {
            break;
        }
        struck += 1;
    }
    assert!(struck > 10 && again > 3 * struck, "{struck} times, {again} handlers");
}

/// The records on a disk.
fn recorded<P: Process>(disk: &MemoryDisk) -> Execution<P> {
    let temporary = tempfile::tempdir().unwrap();
    let records = Path::new("data/records");
    for name in disk.list(records).unwrap() {
        std::fs::write(temporary.path().join(&name), disk.content(&records.join(&name)).unwrap()).unwrap();
    }
    Execution::load(temporary.path()).unwrap()
}

/// A client that speaks plain lines.
struct Raw(TcpStream, BufReader<TcpStream>);

impl Raw {
    fn new(address: SocketAddr) -> Self {
        drop(connect(address, || false));
        let stream = TcpStream::connect(address).unwrap();
        Self(stream.try_clone().unwrap(), BufReader::new(stream))
    }

    fn say(&mut self, line: &str) -> Value {
        self.0.write_all(line.as_bytes()).unwrap();
        self.0.write_all(b"\n").unwrap();
        self.hear()
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }
}

#[test]
fn a_client_speaks_lines_and_what_is_no_command_is_refused_with_the_reason() {
    let config = config();
    let address = config.listen;
    let node = thread::spawn(move || run_node_on::<Ledger>(&MemoryDisk::new(), &config, None));
    for no_hello in ["{}", "{\"request\":1}", "{\"hello\":{\"cluster\":8}}"] {
        let mut stranger = Raw::new(address);
        assert!(stranger.say(no_hello)["refused"].is_string());
        assert_eq!(stranger.hear(), Value::Null, "not hung up");
    }
    let mut client = Raw::new(address);
    let welcome = client.say("{\"hello\":{\"cluster\":7}}");
    assert_eq!(welcome, json!({ "welcome": { "process": 0, "incarnation": 1 } }));
    for garbage in
        ["", "{", "null", "{\"request\":-1}", "{\"request\":{}}", "{\"fly\":1}", "[[[[", "\u{fffd}"]
    {
        assert!(client.say(garbage)["refused"].is_string(), "{garbage}");
    }
    assert!(client.say("{\"hello\":{\"cluster\":7}}")["refused"].is_string());
    assert!(client.say("{\"cut\":1}")["refused"].as_str().unwrap().contains("p1"));
    assert_eq!(client.say("{\"request\":5}"), json!("requested"));
    assert_eq!(client.hear(), json!({ "indication": { "Stored": 5 } }));
    assert_eq!(client.hear(), json!({ "indication": { "Kept": 5 } }));
    assert_eq!(client.say("\"status\"")["status"]["stores"], 1);

    // one that comes late hears it too
    let mut late = Raw::new(address);
    late.say("{\"hello\":{\"cluster\":7}}");
    assert_eq!(late.hear(), json!({ "indication": { "Stored": 5 } }));
    late.0.write_all(b"{\"request\":").unwrap();
    late.0.shutdown(Shutdown::Both).unwrap();
    assert_eq!(client.say("\"stop\""), json!("stopped"));
    node.join().unwrap().unwrap();
}

/// A disk on which nothing becomes durable while its gate is held.
#[derive(Clone)]
struct Gated(MemoryDisk, Arc<Mutex<()>>);

struct GatedFile(Box<dyn DiskFile>, Arc<Mutex<()>>);

impl Disk for Gated {
    fn handle(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.0.create_directory(directory)
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.0.list(directory)
    }
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(GatedFile(self.0.open(path, how)?, Arc::clone(&self.1))))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.0.sync_directory(directory)
    }
}

impl DiskFile for GatedFile {
    fn lock(&mut self) -> io::Result<()> {
        self.0.lock()
    }
    fn length(&mut self) -> io::Result<u64> {
        self.0.length()
    }
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.0.read()
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(offset, bytes)
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        drop(self.1.lock());
        self.0.sync()
    }
}

#[test]
fn while_its_log_is_synced_a_node_goes_on_and_what_waits_for_that_is_not_said() {
    let disk = Gated(MemoryDisk::new(), Arc::default());
    let config = NodeConfig::<Ledger> { pulse: Duration::from_hours(1), ..config() };
    let gate = Arc::clone(&disk.1);
    let address = config.listen;
    let memory = disk.0.clone();
    let node = thread::spawn(move || run_node_on::<Ledger>(&disk, &config, None));
    let mut client = Raw::new(address);
    client.say("{\"hello\":{\"cluster\":7}}");
    let held = gate.lock().unwrap();
    for entry in [5, 6, 7] {
        assert_eq!(client.say(&format!("{{\"request\":{entry}}}")), json!("requested"));
    }
    // its start, the requests, and what the first of them says to itself; what the others say waits for what that one stores
    while client.say("\"status\"")["status"]["handlers"] != 1 + 3 + 1 {}
    let status = client.say("\"status\"");
    assert_eq!((&status["status"]["stores"], &status["status"]["syncs"]), (&json!(1), &json!(0)));
    drop(held);
    let told: Vec<_> = (0..6).map(|_| client.hear()["indication"].clone()).collect();
    for entry in [5, 6, 7] {
        let place = |told_so: &str| told.iter().position(|told| told[told_so] == entry).expect("it is told");
        assert!(place("Stored") < place("Kept"), "{told:?}");
    }
    assert_eq!(client.say("\"stop\""), json!("stopped"));
    node.join().unwrap().unwrap();
    let execution = recorded::<Ledger>(&memory);
    assert!(replay::verify(&execution).unwrap() > 6);
    retrace::trace("ledger", &execution, None).unwrap();
}

#[test]
fn while_a_peer_is_behind_requests_wait_and_nothing_else_does() {
    let (places, one) = ([free_address(), free_address()], ProcessId(1));
    let at_peer = TcpListener::bind(places[1]).unwrap();
    let config = NodeConfig::<Ledger> {
        group: Group::first(2),
        listen: places[0],
        peers: BTreeMap::from([(one, places[1].into())]),
        pulse: Duration::from_hours(1),
        links: LinkSettings { queue_soft: 1, patience: PATIENCE, ..LinkSettings::default() },
        ..config()
    };
    let node = thread::spawn(move || run_node_on::<Ledger>(&MemoryDisk::new(), &config, None));
    let [mut asks, mut looks] = [(); 2].map(|()| Raw::new(places[0]));
    asks.say("{\"hello\":{\"cluster\":7}}");
    looks.say("{\"hello\":{\"cluster\":7}}");
    assert_eq!(asks.say("{\"request\":1}"), json!("requested"));
    let (mut peer, _) = at_peer.accept().unwrap();
    let mut welcome = vec![];
    frame::append(&mut welcome, &(0_u8, 1_u64, 5_u64, 0_u64)).unwrap();
    peer.write_all(&welcome).unwrap();
    let mut status = || loop {
        looks.0.write_all(b"\"status\"\n").unwrap();
        // indications are told to all
        if let Some(status) = std::iter::repeat_with(|| looks.hear()).find(|said| !said["status"].is_null()) {
            return status["status"].clone();
        }
    };
    // its start, the request, and both messages to itself
    let stands = |status: &Value| status["handlers"] == 4 && status["links"]["1"]["connected"] == true;
    while !stands(&status()) {}
    asks.0.write_all(b"{\"request\":2}\n\"status\"\n").unwrap();
    for _ in 0..100 {
        assert_eq!(status()["handlers"], 4, "the request is taken");
    }
    let mut acknowledged = vec![];
    frame::append(&mut acknowledged, &(0_u8, 1_u64)).unwrap();
    peer.write_all(&acknowledged).unwrap();
    while asks.hear() != json!("requested") {}
    looks.say("\"stop\"");
    drop(peer);
    node.join().unwrap().unwrap();
}

#[test]
fn a_port_in_use_is_an_error_and_costs_no_incarnation() {
    let config = config();
    let taken = TcpListener::bind(config.listen).unwrap();
    let disk = MemoryDisk::new();
    let error = run_node_on::<Ledger>(&disk, &config, None).unwrap_err();
    assert!(matches!(error, RunError::Link(LinkError::PortInUse { .. })), "{error}");
    assert!(error.hint().contains("port"));
    assert_eq!(disk.content(&Path::new("data/p0").join(segment_name(1))), None);
    drop(taken);
}

#[test]
fn a_configuration_that_is_none_is_an_error() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("p0.json");
    assert!(matches!(NodeConfig::<Ledger>::load(&path), Err(RunError::Config { .. })));
    let config = config();
    config.store(&path).unwrap();
    assert_eq!(NodeConfig::<Ledger>::load(&path).unwrap(), config);
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in [
        &text[..text.len() / 2],
        &text.replace("\"pulse\": \"1ms\"", "\"pulse\": -1"),
        &text.replace("\"peers\"", "\"pears\""),
        &text.replace("\"peers\": {}", "\"peers\": { \"1\": \"10.0.0.256:7000\" }"),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = NodeConfig::<Ledger>::load(&path).unwrap_err();
        assert!(matches!(error, RunError::Config { .. }) && !error.hint().is_empty(), "{error}");
    }
}

/// The configuration of one of two notaries.
fn notary(p: u32, places: [SocketAddr; 2], keys: Option<&Path>) -> NodeConfig<Notary> {
    let peer = ProcessId(1 - p);
    Config {
        algorithm: "notary".to_owned(),
        cluster: 7,
        process: ProcessId(p),
        group: Group::first(2),
        parameters: (),
        bounds: None,
        listen: places[p as usize],
        peers: BTreeMap::from([(peer, places[peer.index()].into())]),
        directory: PathBuf::from(format!("data/p{p}")),
        records: PathBuf::from("data/records"),
        pulse: Duration::from_millis(1),
        log: WalOptions::default(),
        links: LinkSettings { keys: keys.map(|keys| keys.join(format!("p{p}"))), ..LinkSettings::default() },
        stop_with_input: false,
        clock: ClockSettings::default(),
        operators: None,
        stop_within: stop_within(),
    }
}

fn notary_at(places: [SocketAddr; 2], p: u32, keys: &Path) -> (thread::JoinHandle<()>, Client) {
    let config = notary(p, places, Some(keys));
    let node = thread::spawn(move || run_node_on::<Notary>(&MemoryDisk::new(), &config, None).unwrap());
    let client = connect(places[p as usize], || node.is_finished()).expect("it has ended");
    (node, client)
}

/// The next reply that is wanted.
fn next<T>(client: &mut Client, wanted: impl Fn(Reply<(ProcessId, u8)>) -> Option<T>) -> T {
    loop {
        let reply = client.receive().unwrap().expect("it ends");
        if let Some(wanted) = wanted(reply) {
            return wanted;
        }
    }
}

fn told(reply: Reply<(ProcessId, u8)>) -> Option<(ProcessId, u8)> {
    if let Reply::Indication(told) = reply { Some(told) } else { None }
}

#[test]
fn signatures_are_real_between_nodes_and_forged_ones_reach_no_process() {
    let temporary = tempfile::tempdir().unwrap();
    let keys = temporary.path().join("keys");
    keys::generate("notaries", 2, Validity::of(VALID), &keys).unwrap();
    let places = [free_address(), free_address()];
    let ((first, mut p), (second, mut q)) = (notary_at(places, 0, &keys), notary_at(places, 1, &keys));
    p.send(&Command::Request((ProcessId(1), 5_u8))).unwrap();
    assert_eq!(next(&mut q, told), (ProcessId(0), 5), "verified by the other one");
    // One who has taken the place of p, and has no key of p's: its newer incarnation is listened to.
    p.send(&Command::<u8>::Stop).unwrap();
    first.join().unwrap();
    let mut stream = TcpStream::connect(places[1]).unwrap();
    let mut bytes = b"SYNODTCP".to_vec();
    let hello = (tcp::VERSION, 7_u64, ProcessId(0), ProcessId(1), 9_u64, 0_u64, 1_u64);
    frame::append(&mut bytes, &hello).unwrap();
    let letter = Letter::Sealed(signed_by(ProcessId(0), 6_u8));
    let name = (9_u64, 0_u64, 0_u32);
    let payloads = [
        postcard::to_stdvec(&(name, &letter, vec![vec![7_u8; 64]])).unwrap(),
        postcard::to_stdvec(&(name, &letter, Vec::<Vec<u8>>::new())).unwrap(),
        b"no letter".to_vec(),
        postcard::to_stdvec(&(name, Letter::Plain(8), Vec::<Vec<u8>>::new())).unwrap(),
    ];
    let mut batch = 1_u64.to_le_bytes().to_vec();
    for payload in payloads {
        batch.extend((payload.len() as u32).to_le_bytes());
        batch.extend(payload);
    }
    bytes.extend((batch.len() as u32).to_le_bytes());
    bytes.extend(crc32fast::hash(&batch).to_le_bytes());
    bytes.extend(batch);
    stream.write_all(&bytes).unwrap();
    // the one letter that claims no signature arrives behind all of them
    assert_eq!(next(&mut q, told), (ProcessId(0), 8));
    q.send(&Command::<u8>::Status).unwrap();
    let status = next(&mut q, |reply| if let Reply::Status(status) = reply { Some(status) } else { None });
    let dropped = status.links[&ProcessId(0)].dropped;
    assert_eq!((dropped.forged, dropped.malformed), (2, 1), "{dropped:?}");
    q.send(&Command::<u8>::Stop).unwrap();
    second.join().unwrap();
}

#[test]
fn a_node_that_signs_needs_keys() {
    let config = notary(0, [free_address(), free_address()], None);
    let ended = run_node_on::<Notary>(&MemoryDisk::new(), &config, None).unwrap_err();
    assert!(matches!(ended, RunError::Link(LinkError::NoKeys)), "{ended}");
    assert!(ended.hint().contains("synod keys"));
}
