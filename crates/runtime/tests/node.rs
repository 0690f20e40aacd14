//! One node in this OS process, on disks that fail and among clients that misbehave.

mod ledger;

use ledger::{Ledger, Told, Twin};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;
use synod_model::{Group, ProcessId};
use synod_runtime::client::{Client, Command, Reply};
use synod_runtime::clock::ClockSettings;
use synod_runtime::disk::Disk;
use synod_runtime::fault::{FaultKind, FaultyDisk, MemoryDisk};
use synod_runtime::link::{LinkError, LinkSettings};
use synod_runtime::node::{Config, NodeConfig, RunError, run_node_on};
use synod_runtime::wal::{LOG_NAME, WalError};

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
        links: LinkSettings::default(),
        stop_with_input: false,
        clock: ClockSettings::default(),
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
    let node = thread::spawn(move || run_node_on::<Ledger>(&disk, &config));
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
    let node = thread::spawn(move || run_node_on::<Ledger>(&MemoryDisk::new(), &config));
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

#[test]
fn a_port_in_use_is_an_error_and_costs_no_incarnation() {
    let config = config();
    let taken = TcpListener::bind(config.listen).unwrap();
    let disk = MemoryDisk::new();
    let error = run_node_on::<Ledger>(&disk, &config).unwrap_err();
    assert!(matches!(error, RunError::Link(LinkError::PortInUse { .. })), "{error}");
    assert!(error.hint().contains("port"));
    assert_eq!(disk.content(&Path::new("data/p0").join(LOG_NAME)), None);
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
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = NodeConfig::<Ledger>::load(&path).unwrap_err();
        assert!(matches!(error, RunError::Config { .. }) && !error.hint().is_empty(), "{error}");
    }
}
