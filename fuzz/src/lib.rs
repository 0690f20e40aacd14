//! Where bytes come in from outside, each as one function: it takes whatever it is given, and comes back. What the bytes
//! say may be refused, never followed into a panic or without end.
//!
//! Bytes that carry their own checksum are read twice: as they are, and with the checksum made to fit, since nothing
//! that is changed at random would get past it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::BytesDeserializer;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use synod_algorithms::broadcast::{EagerReliableBroadcast, eager_reliable};
use synod_algorithms::links::{SelectiveRepeat, SequenceNumber, selective_repeat};
use synod_check::disk::{Notebook, Outside, Saved, WriteTo};
use synod_check::system::{Claim, Says, System};
use synod_check::{Control, Options, check, check_system};
use synod_cli::environment::{Overrides, describe, validate};
use synod_cli::{experiment, platform, script};
use synod_judge::format::{Conversion, Feed, Format};
use synod_judge::judgement::{self, Model};
use synod_judge::log::Log;
use synod_judge::monitor::Monitor;
use synod_judge::transactions::{self, Workload};
use synod_judge::{Budget, History, Register, RegisterOperation, RegisterReturn, linearizable};
use synod_kernel::trace::{Header, Recorder, Writer, digest, replay};
use synod_kernel::{Environment, Move, Setting};
use synod_kv::Store;
use synod_kv::etcd::message::{
    Compare, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest,
    WatchRequest,
};
use synod_kv::etcd::protobuf::Message as _;
use synod_kv::request::parse;
use synod_kv::resp::Decoder;
use synod_kv::server::Server;
use synod_maelstrom::Name;
use synod_model::interface::{Ask, Broadcast, Outcome, ReplicaEvent, StateMachine, Submit};
use synod_model::{Group, ProcessId};
use synod_properties::GroundKind;
use synod_properties::broadcast::BroadcastMonitor;
use synod_runtime::disk::Disk;
use synod_runtime::fault::MemoryDisk;
use synod_runtime::frame;
use synod_runtime::link::udp::datagram::{self, Record};
use synod_runtime::link::udp::pieces::{Unfinished, pieces};
use synod_runtime::link::udp::stack::{Below, Bundle, Stack, Stacked};
use synod_runtime::node::NodeConfig;
use synod_runtime::record::Incarnation;
use synod_runtime::service::Service as _;
use synod_runtime::wal::{Identity, Recovered, Wal, WalError, WalOptions};

/// The algorithm whose traces, records and messages are read.
type Process = EagerReliableBroadcast<u32>;

/// A way in.
#[derive(Clone, Copy)]
pub struct WayIn {
    /// Its name: that of its target and of its corpus.
    pub name: &'static str,
    /// What takes the bytes; whether they are as they should be.
    pub take: fn(&[u8]) -> bool,
    /// Bytes that are as they should be, written by the product itself.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: [WayIn; 14] = [
    WayIn { name: "trace", take: trace, seeds: traces },
    WayIn { name: "experiment", take: experiment, seeds: Vec::new },
    WayIn { name: "environment", take: environment, seeds: environments },
    WayIn { name: "note", take: note, seeds: notes },
    WayIn { name: "frame", take: frame, seeds: frames },
    WayIn { name: "datagram", take: datagram, seeds: datagrams },
    WayIn { name: "log", take: log, seeds: logs },
    WayIn { name: "snapshot", take: snapshot, seeds: snapshots },
    WayIn { name: "record", take: record, seeds: Vec::new },
    WayIn { name: "history", take: history, seeds: histories },
    WayIn { name: "recorded", take: recorded, seeds: recordings },
    WayIn { name: "maelstrom", take: maelstrom, seeds: conversations },
    WayIn { name: "resp", take: resp, seeds: Vec::new },
    WayIn { name: "etcd", take: etcd, seeds: calls },
];

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The name of a workload, and lines to a node of it: whether it complains of none. What nodes tell each other has a checksum too; it is
/// not made to fit here, since processes trust each other's messages as their models let them.
pub fn maelstrom(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let Ok(name) = text(lines.next().unwrap_or_default()).parse::<Name>() else { return false };
    let (mut node, mut now, mut complaints) =
        (name.node(&synod_maelstrom::Options::default(), 1), Duration::ZERO, 0);
    for line in lines {
        complaints += node.take(line, now).complaints.len();
        now += Duration::from_millis(100);
        if node.deadline().is_some_and(|at| at <= now) {
            complaints += node.wake(now).complaints.len();
        }
    }
    complaints == 0
}

/// All kinds of requests, and what another node of each workload has to say.
fn conversations() -> Vec<Vec<u8>> {
    let message = |from: &str, to: &str, body: &str| {
        format!("{{\"id\":7,\"src\":\"{from}\",\"dest\":\"{to}\",\"body\":{body}}}\n")
    };
    let init = |to: &str| {
        let body =
            format!("{{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"{to}\",\"node_ids\":[\"n1\",\"n2\"]}}");
        message("c0", to, &body)
    };
    let asked = [
        "{\"type\":\"echo\",\"echo\":[1,{}]",
        "{\"type\":\"generate\"",
        "{\"type\":\"topology\",\"topology\":{\"n1\":[\"n2\"]}",
        "{\"type\":\"broadcast\",\"message\":5",
        "{\"type\":\"add\",\"element\":4,\"delta\":4",
        "{\"type\":\"read\",\"key\":1",
        "{\"type\":\"write\",\"key\":1,\"value\":2",
        "{\"type\":\"cas\",\"key\":1,\"from\":2,\"to\":3,\"create_if_not_exists\":true",
        "{\"type\":\"txn\",\"txn\":[[\"r\",1,null],[\"w\",1,2],[\"append\",2,3]]",
        "{\"type\":\"send\",\"key\":\"k\",\"msg\":9",
        "{\"type\":\"poll\",\"offsets\":{\"k\":0}",
        "{\"type\":\"commit_offsets\",\"offsets\":{\"k\":0}",
        "{\"type\":\"list_committed_offsets\",\"keys\":[\"k\"]",
    ];
    let requests = |to: &str| -> String {
        asked.iter().map(|body| message("c0", to, &format!("{body},\"msg_id\":3}}"))).collect()
    };
    let told = |name: Name| {
        let mut node = name.node(&synod_maelstrom::Options::default(), 1);
        let lines = [init("n2"), requests("n2")].concat();
        let mut said: Vec<String> =
            lines.lines().flat_map(|line| node.take(line.as_bytes(), Duration::ZERO).lines).collect();
        if let Some(at) = node.deadline() {
            said.extend(node.wake(at).lines);
        }
        let to_n1 = said.into_iter().filter(|line| line.contains("\"dest\":\"n1\""));
        let to_n1: Vec<_> = to_n1.map(|line| line + "\n").collect();
        [format!("{name}\n"), init("n1"), to_n1.concat(), requests("n1")].concat().into_bytes()
    };
    Name::ALL.map(told).into()
}

/// What a client of etcd's API says after its preface, at once and in two parts: whether the connection lives on. What it asks, a store is
/// asked, and what that answers, the client is told.
pub fn etcd(bytes: &[u8]) -> bool {
    let served = |pieces: &[&[u8]]| {
        let (mut server, mut store) = (Server::new(ProcessId(0), 1, None), Store::default());
        server.joined(0);
        server.said(0, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        for piece in pieces {
            server.said(0, piece);
        }
        // what is asked until nothing more is: a watch asks again
        for _ in 0..8 {
            for Submit { ticket, ask } in server.asks(Duration::from_secs(1)) {
                let answer = match ask {
                    Ask::Execute { command, .. } => store.execute(&command),
                    Ask::Query(query) => store.answer(&query),
                    _ => panic!("a server asks for nothing else"),
                };
                let outcome = Outcome::Answer(answer);
                server.indicated(ReplicaEvent::Settled { ticket, outcome });
            }
        }
        server.tells().iter().any(|word| word.last)
    };
    let ends = served(&[bytes]);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    assert_eq!(ends, served(&[first, second]), "a cut makes no difference");
    !ends
}

/// Calls of each kind, in a connection each.
fn calls() -> Vec<Vec<u8>> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let settings = frame(4, 0, 0, &[0, 4, 0, 1, 0, 0]);
    let call = |stream: u8, path: &str, message: &[u8]| {
        let headers = [&[0x83, 0x86, 0x44, path.len() as u8], path.as_bytes()].concat();
        let prefixed = [&[0, 0, 0, 0, message.len() as u8], message].concat();
        [frame(1, 4, stream, &headers), frame(0, 1, stream, &prefixed)].concat()
    };
    let written = |message: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = vec![];
        message(&mut bytes);
        bytes
    };
    let put = PutRequest { key: "a".into(), value: "1".into(), prev_kv: true, ..PutRequest::default() };
    let range = RangeRequest { key: "a".into(), range_end: "b".into(), limit: 3, ..RangeRequest::default() };
    let op = RequestOp { request_put: Some(Box::new(put.clone())), ..RequestOp::default() };
    let compare = Compare { key: "a".into(), version: 1, ..Compare::default() };
    let txn = TxnRequest { compare: vec![compare], success: vec![op], failure: vec![] };
    let create = WatchCreateRequest { key: "a".into(), start_revision: 1, ..WatchCreateRequest::default() };
    let watch = WatchRequest { create_request: Some(Box::new(create)), ..WatchRequest::default() };
    let grant = LeaseGrantRequest { ttl: 5, id: 7 };
    let kv = [
        call(1, "/etcdserverpb.KV/Put", &written(&|out| put.write(out))),
        call(3, "/etcdserverpb.KV/Range", &written(&|out| range.write(out))),
        call(5, "/etcdserverpb.KV/Txn", &written(&|out| txn.write(out))),
    ];
    let others = [
        call(1, "/etcdserverpb.Lease/LeaseGrant", &written(&|out| grant.write(out))),
        call(3, "/etcdserverpb.Watch/Watch", &written(&|out| watch.write(out))),
        call(5, "/etcdserverpb.Maintenance/Status", &[]),
    ];
    [kv, others].map(|calls| [settings.clone(), calls.concat()].concat()).to_vec()
}

/// What a client of raft-kv says: its requests, and what they mean; the same wherever it is cut.
pub fn resp(bytes: &[u8]) -> bool {
    let read = |pieces: &[&[u8]]| {
        let (mut decoder, mut all) = (Decoder::default(), vec![]);
        for piece in pieces {
            decoder.take(piece);
            loop {
                match decoder.request() {
                    Ok(Some(words)) => all.push(parse(&words.words)),
                    Ok(None) => break,
                    Err(error) => return (all, Some(error)),
                }
            }
        }
        (all, None)
    };
    let whole = read(&[bytes]);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    assert_eq!(whole, read(&[first, second]), "a cut makes no difference");
    whole.1.is_none()
}

/// Four bytes of a checksum.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// A datagram from a peer: its format, its pieces, and the messages of the links that run over it.
pub fn datagram(bytes: &[u8]) -> bool {
    if let Some((content, _)) = bytes.split_last_chunk::<4>() {
        let _ = datagram_as_it_is(&[content, &checksum(content)].concat());
    }
    datagram_as_it_is(bytes)
}

fn datagram_as_it_is(bytes: &[u8]) -> bool {
    type Link = SelectiveRepeat<Bundle>;
    let Ok((_, records)) = datagram::read(bytes, false, |_| None) else { return false };
    let mut stack = Stacked::<Link>::new(
        ProcessId(0),
        Group::first(2),
        0,
        &selective_repeat::Parameters::default(),
        None,
        Link::lost,
    );
    let (mut unfinished, mut fits) = (Unfinished::default(), true);
    stack.send(ProcessId(1), b"something", usize::MAX, &mut Aside);
    stack.flush(&mut Aside);
    for record in records {
        let taken = match record {
            Ok(Record::Message(message)) => stack.receive(ProcessId(1), message, &mut Aside).is_ok(),
            Ok(Record::Piece(piece)) => unfinished.take(piece).is_ok(),
            Err(_) => false,
        };
        fits &= taken;
        stack.pulse(&mut Aside);
    }
    fits
}

/// Where what a stack says is not heard.
struct Aside;

impl Below for Aside {
    fn transmit(&mut self, _: ProcessId, _: &[u8]) {}
    fn deliver(&mut self, _: ProcessId, _: frame::Payloads<'_>) {}
}

/// Datagrams with messages of a link, and with pieces.
fn datagrams() -> Vec<Vec<u8>> {
    /// What a stack says, as records.
    struct Written(datagram::Writer);
    impl Below for Written {
        fn transmit(&mut self, _: ProcessId, message: &[u8]) {
            self.0.record(Record::Message(message));
        }
        fn deliver(&mut self, _: ProcessId, _: frame::Payloads<'_>) {}
    }
    type Message = selective_repeat::Message<Bundle>;
    let header = datagram::Header {
        cluster: 7,
        from: ProcessId(1),
        to: ProcessId(0),
        incarnation: 1,
        heard: 1,
        sequence: 5,
    };
    let begun = || {
        let mut writer = datagram::Writer::default();
        writer.open(header);
        writer
    };
    let (from, to) = (selective_repeat::Incarnation(1), selective_repeat::Incarnation(0));
    let (sn, next) = (SequenceNumber(3), SequenceNumber(1));
    let said: [Message; 3] = [
        Message::Hello { from },
        Message::Data { from, to, sn, asks: true, message: bundle(b"\x04\0\0\0data") },
        Message::Ack { from, to, next, beyond: vec![(SequenceNumber(2), sn)] },
    ];
    let (mut messages, mut parts) = (Written(begun()), begun());
    for message in &said {
        let bytes = postcard_of(message);
        messages.transmit(ProcessId(0), &bytes);
    }
    for piece in pieces(9, &[1; 1200]).take(1) {
        parts.record(Record::Piece(&piece));
    }
    [messages.0, parts]
        .map(|mut writer| {
            writer.seal(None, false);
            writer.bytes().to_vec()
        })
        .into()
}

/// Payloads behind their lengths, as they travel together.
fn bundle(bytes: &[u8]) -> Bundle {
    let bytes = BytesDeserializer::<serde::de::value::Error>::new(bytes);
    Bundle::deserialize(bytes).expect("the lengths add up")
}

/// A value as links write it: the payload of its frame.
fn postcard_of<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![];
    frame::append(&mut bytes, value).expect("a short value");
    bytes.split_off(8)
}

/// A trace, as `replay` reads it.
pub fn trace(bytes: &[u8]) -> bool {
    let text = text(bytes);
    if let Some(content) = made_to_fit(&text) {
        let _ = replay::<Process>(&content);
    }
    replay::<Process>(&text).is_ok()
}

/// The trace with the digest that it should have.
fn made_to_fit(trace: &str) -> Option<String> {
    let (steps, last) = trace.strip_suffix('\n')?.rsplit_once('\n')?;
    let (end, _) = last.strip_prefix("{\"end\":")?.rsplit_once(",\"digest\":")?;
    let digest = digest(format!("{steps}\n{end}").as_bytes());
    Some(format!("{steps}\n{{\"end\":{end},\"digest\":\"{digest}\"}}\n"))
}

fn setting() -> Setting<Process> {
    let requests = vec![vec![Broadcast(7)], vec![]];
    Setting::new(Environment::benign(2), eager_reliable::Parameters::default(), requests)
}

/// A run in which whatever is enabled first happens.
fn traces() -> Vec<Vec<u8>> {
    let setting = setting();
    let (mut recorder, mut writer) = (
        Recorder::new(&setting),
        Writer::new(&Header::new("eager-reliable-broadcast", "check", None, &setting)),
    );
    while let Some(choice) = recorder.enabled().into_iter().next() {
        let line = recorder.step(None, Move::plain(choice)).expect("it is enabled");
        writer.step(&line);
    }
    vec![writer.finish(None).into_bytes()]
}

/// An experiment file; and what it says of the world of each ground.
pub fn experiment(bytes: &[u8]) -> bool {
    let Ok(experiment) = experiment::parse(Path::new("experiment.toml"), &text(bytes)) else {
        return false;
    };
    let environments = [
        (GroundKind::Check, &experiment.check.environment),
        (GroundKind::Sim, &experiment.sim.environment),
        (GroundKind::Run, &experiment.run.environment),
    ];
    for (ground, overrides) in environments {
        apply(overrides, experiment.n.unwrap_or(3), ground);
    }
    if let Some(own) = &experiment.sim.platform {
        let _ = platform::of_experiment(own, &experiment.source, &Environment::benign(3));
    }
    if let Some(script) = &experiment.sim.script {
        let _ =
            script::plan(script, &Environment::benign(3), None, Duration::from_secs(10), &experiment.source);
    }
    true
}

/// A file with an environment.
pub fn environment(bytes: &[u8]) -> bool {
    let Ok(overrides) = experiment::parse_environment(Path::new("environment.toml"), &text(bytes)) else {
        return false;
    };
    for ground in [GroundKind::Check, GroundKind::Sim, GroundKind::Run] {
        apply(&overrides, 3, ground);
    }
    true
}

fn apply(overrides: &Overrides, n: u32, ground: GroundKind) {
    let mut environment = Environment::benign(n);
    overrides.clone().apply(&mut environment);
    let _ = (validate(&environment, ground), describe(&environment));
}

fn environments() -> Vec<Vec<u8>> {
    let all = "partitions = 1\ncuts = [{ from = [0], to = [1, 2], one_way = true }]\nmeasure = 3\n\
               [failures]\nkind = \"crash-recovery\"\nstops = 1\nrestarts = \"unlimited\"\namong = { first = 0, count = 2 }\n\
               [storage]\ndurability = \"deferred\"\ntorn_writes = 1\nsync_max = \"2ms\"\n\
               [links]\nkind = \"fifo perfect\"\nlosses = 2\nloss_probability = 0.25\ndelay_max = \"10ms\"\n\
               [timing]\nkind = \"partially-synchronous\"\ngst = \"1s\"\nfirings = 3\n\
               bounds = { delay = \"5ms\", step = \"1ms\", drift_ppm = 100 }\n\
               [oracles]\ngranted = [\"omega\"]\noutputs = 2\n";
    vec![all.as_bytes().to_vec()]
}

/// Where a search finds what was saved, and puts what it saves.
struct Desk {
    saved: Option<Vec<u8>>,
    kept: Mutex<Vec<u8>>,
}

impl Desk {
    fn with(saved: Option<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self { saved, kept: Mutex::new(Vec::new()) })
    }

    fn kept(&self) -> Vec<u8> {
        self.kept.lock().expect("one thread").clone()
    }
}

impl Notebook for Desk {
    fn save(&self, write: WriteTo<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes as &mut dyn Write)?;
        *self.kept.lock().expect("one thread") = bytes;
        Ok(())
    }

    fn saved(&self) -> io::Result<Option<Box<dyn Saved>>> {
        Ok(self.saved.clone().map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Saved>))
    }
}

/// Three counters up to three.
struct Counters;

impl System for Counters {
    type State = [u8; 3];
    type Action = usize;

    fn initial(&self, each: &mut impl FnMut([u8; 3])) {
        each([0; 3]);
    }

    fn steps(&self, state: &[u8; 3], each: &mut impl FnMut(usize, [u8; 3])) {
        for i in (0..3).filter(|&i| state[i] < 3) {
            let mut next = *state;
            next[i] += 1;
            each(i, next);
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![Claim::new(
            "LOW",
            "all stay low",
            Says::Always(|_, state: &[u8; 3]| state.iter().all(|&c| c < 4)),
        )]
    }
}

/// Searches on, or from the start up to `states_max`, with this desk: a system, or a world of processes. Why it stopped, if
/// it did.
fn search(desk: &Arc<Desk>, of_processes: bool, states_max: u64) -> Option<String> {
    let notebook = Some(Outside(Arc::clone(desk) as Arc<dyn Notebook>));
    let subject = "a search".to_owned();
    let options = Options { states_max, notebook, safety: true, subject, ..Options::default() };
    let go = &mut |_: &_| Control::Continue;
    if of_processes {
        check(&setting(), &BroadcastMonitor::reliable(2), |_| 0, &options, go).stopped
    } else {
        check_system(&Counters, &options, go).stopped
    }
}

/// What a search wrote down, read by the search that goes on from there.
pub fn note(bytes: &[u8]) -> bool {
    let goes_on =
        |saved: &[u8], of_processes| search(&Desk::with(Some(saved.to_vec())), of_processes, 1_000).is_none();
    let body = &bytes[..bytes.len().saturating_sub(4)];
    for of_processes in [false, true] {
        goes_on(&[body, &checksum(body)].concat(), of_processes);
    }
    [false, true].into_iter().any(|of_processes| goes_on(bytes, of_processes))
}

fn notes() -> Vec<Vec<u8>> {
    let written = |of_processes| {
        let desk = Desk::with(None);
        search(&desk, of_processes, 10);
        desk.kept()
    };
    vec![written(false), written(true)]
}

/// What arrives on a socket, as frames.
pub fn frame(bytes: &[u8]) -> bool {
    /// Whether a stream has such values up to its end.
    fn read<T: DeserializeOwned>(mut bytes: &[u8]) -> bool {
        loop {
            match frame::read::<T>(&mut bytes) {
                Ok(Some(_)) => {}
                end => return end.is_ok(),
            }
        }
    }
    fn read_all(stream: &[u8]) -> bool {
        let data = read::<(u64, Vec<u8>)>(stream);
        let message = read::<<Process as synod_model::Process>::Message>(stream);
        read::<BTreeMap<ProcessId, Vec<Option<String>>>>(stream) || data || message
    }
    let framed = [&(bytes.len() as u32).to_le_bytes(), &checksum(bytes)[..], bytes].concat();
    let payload = read_all(&framed);
    read_all(bytes) || payload
}

fn frames() -> Vec<Vec<u8>> {
    let (mut data, mut names) = (Vec::new(), Vec::new());
    for sequence in [3_u64, 300] {
        frame::append(&mut data, &(sequence, vec![1_u8, 2, 3])).expect("it is short");
    }
    let named = BTreeMap::from([(ProcessId(3), vec![None, Some("three".to_owned())])]);
    frame::append(&mut names, &named).expect("it is short");
    // without its frame: it is given one
    let payload = names[8..].to_vec();
    vec![data, names, payload]
}

const IDENTITY: Identity = Identity { cluster: 5, process: ProcessId(1) };
/// Small segments: what is read is read quickly.
const OPTIONS: WalOptions = WalOptions { segment_length: 2048, snapshot_after: 2048 };
/// Of a segment and of a snapshot: where the checksum of its header is.
const SEGMENT_SUM: usize = 60;
const SNAPSHOT_SUM: usize = 72;
/// Of a snapshot: the chain that the log behind it continues.
const SNAPSHOT_CHAIN: Range<usize> = 40..44;
/// Where the first batch of a segment is, and how long its header is.
const BATCH: usize = 512;
const BATCH_HEADER: usize = 16;

fn log_directory() -> &'static Path {
    Path::new("log")
}

/// A log with a snapshot and some records behind it.
fn log_disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (mut wal, _) = open_log(&disk).expect("a disk that does not fail");
    for record in [&b"one"[..], b"", b"another"] {
        wal.append(record).expect("it is short");
    }
    wal.sync().and_then(|()| wal.snapshot(b"all three")).expect("a disk that does not fail");
    wal.append(b"behind").and_then(|()| wal.sync()).expect("a disk that does not fail");
    disk
}

fn open_log(disk: &MemoryDisk) -> Result<(Wal, Recovered), WalError> {
    Wal::open_with(disk, log_directory(), IDENTITY, OPTIONS)
}

/// The file of the log whose name begins so.
fn log_file(disk: &MemoryDisk, prefix: &str) -> PathBuf {
    let names = disk.list(log_directory()).expect("a disk that does not fail");
    let name = names.into_iter().find(|name| name.starts_with(prefix)).expect("there is one");
    log_directory().join(name)
}

/// Puts content in the place of a file, opens the log, and goes on with it.
fn opens(disk: &MemoryDisk, file: &str, content: &[u8], is_sound: impl Fn(&Recovered) -> bool) -> bool {
    disk.replace(&log_file(disk, file), content);
    let Ok((mut wal, recovered)) = open_log(disk) else { return false };
    wal.append(b"and more").and_then(|()| wal.sync()).is_ok() && is_sound(&recovered)
}

/// With another checksum behind the first bytes.
fn resealed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= at + 4 {
        let sum = checksum(&bytes[..at]);
        bytes[at..at + 4].copy_from_slice(&sum);
    }
    bytes
}

/// A segment of a write-ahead log without a snapshot, as a node finds it when it starts.
pub fn log(bytes: &[u8]) -> bool {
    let is_sound = |recovered: &Recovered| recovered.torn.is_none() && !recovered.records.is_empty();
    let disk = || {
        let disk = log_disk();
        disk.remove(&log_file(&disk, "snapshot.")).expect("it is there");
        disk
    };
    let header = opens(&disk(), "log.", &resealed(bytes, SEGMENT_SUM), is_sound);
    // the same as the payload of a batch that is whole
    let disk = disk();
    let mut segment = disk.content(&log_file(&disk, "log.")).expect("it is there");
    segment.truncate(BATCH);
    let fields = [(bytes.len() as u32).to_le_bytes(), [0; 4], checksum(bytes)].concat();
    let place = [&segment[12..40], &(BATCH as u64).to_le_bytes(), &fields].concat();
    segment.extend([&fields[..], &checksum(&place), bytes].concat());
    segment.resize(segment.len().max(OPTIONS.segment_length as usize), 0);
    let payload = opens(&disk, "log.", &segment, is_sound);
    header || payload
}

fn logs() -> Vec<Vec<u8>> {
    let disk = log_disk();
    let whole = disk.content(&log_file(&disk, "log.")).expect("it is there");
    // a batch without its header: it is given one
    let second = BATCH * 2;
    let length = u32::from_le_bytes(whole[second..second + 4].try_into().expect("four bytes")) as usize;
    let batch = whole[second + BATCH_HEADER..][..length].to_vec();
    vec![whole, batch]
}

/// A snapshot of a log, as a node finds it when it starts.
pub fn snapshot(bytes: &[u8]) -> bool {
    let is_sound = |recovered: &Recovered| recovered.snapshot.is_some();
    let mut fitting = bytes.to_vec();
    if let Some(sum) = bytes.get(SNAPSHOT_SUM + 4..).map(checksum) {
        fitting[SNAPSHOT_SUM - 4..SNAPSHOT_SUM].copy_from_slice(&sum);
    }
    let as_it_is = opens(&log_disk(), "snapshot.", &resealed(&fitting, SNAPSHOT_SUM), is_sound);
    // of this very log: each has another chain, by chance
    let disk = log_disk();
    let own = disk.content(&log_file(&disk, "snapshot.")).expect("it is there");
    if let Some(chain) = fitting.get_mut(SNAPSHOT_CHAIN) {
        chain.copy_from_slice(&own[SNAPSHOT_CHAIN]);
    }
    opens(&disk, "snapshot.", &resealed(&fitting, SNAPSHOT_SUM), is_sound) || as_it_is
}

fn snapshots() -> Vec<Vec<u8>> {
    let disk = log_disk();
    vec![disk.content(&log_file(&disk, "snapshot.")).expect("it is there")]
}

/// What a node wrote of its run, and what its OS process is started with.
pub fn record(bytes: &[u8]) -> bool {
    let incarnation = Incarnation::<Process>::parse(Path::new("record"), bytes).ok().flatten();
    if let Some(incarnation) = &incarnation {
        let _ = (incarnation.stopped(), incarnation.ended_at(), incarnation.handled().count());
        for handler in [0, 1, u64::MAX] {
            let _ = incarnation.effect(handler, u32::MAX);
        }
    }
    incarnation.is_some() || serde_json::from_slice::<NodeConfig<Process>>(bytes).is_ok()
}

/// A history of operations, and its verdict.
pub fn history(bytes: &[u8]) -> bool {
    let history = History::<RegisterOperation<u8>, RegisterReturn<u8>>::from_json_lines(&text(bytes));
    let Ok(history) = history else { return false };
    let _ = linearizable(&Register::default(), &history, Budget::steps(10_000));
    true
}

fn histories() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"invoke":{"client":1,"operation":{"write":5}}}"#,
        r#"{"invoke":{"client":2,"operation":"read"}}"#,
        r#"{"return":{"client":1,"outcome":{"ok":"written"}}}"#,
        r#"{"return":{"client":2,"outcome":{"ok":{"value":5}}}}"#,
        r#"{"invoke":{"client":1,"operation":"read"}}"#,
        r#"{"return":{"client":1,"outcome":"unknown"}}"#,
        "",
    ];
    vec![lines.join("\n").into_bytes()]
}

/// A recorded history in any format, judged as each kind of object and as transactions.
pub fn recorded(bytes: &[u8]) -> bool {
    let Ok((log, format)) = Log::from_text(&text(bytes)) else { return false };
    for model in Model::ALL {
        let _ = judgement::judge(&log, model, judgement::conventions(format), Budget::steps(1_000));
    }
    for workload in Workload::ALL {
        let _ = transactions::judge(&log, workload);
        let _ = transactions::judge_text(&text(bytes), workload);
    }
    in_pieces(bytes, format);
    true
}

/// The same in pieces: judged while it comes in, and written in every format.
fn in_pieces(bytes: &[u8], format: Format) {
    let (mut feed, mut monitor) =
        (Feed::default(), Monitor::new(Model::CasRegister, judgement::conventions(format)));
    let mut fits = true;
    for piece in bytes.chunks(16) {
        let _ = feed.push(piece, |event| {
            fits = fits && monitor.push(event).is_ok();
            Ok(())
        });
    }
    for to in Format::ALL {
        let mut conversion = Conversion::new(to, true);
        if bytes.chunks(64).all(|piece| conversion.push(piece).is_ok()) {
            let _ = conversion.end();
        }
    }
}

fn recordings() -> Vec<Vec<u8>> {
    let edn = "[{:process 1, :type :invoke, :f :write, :value 5, :key \"k\", :time 3}\n\
               {:process 1, :type :ok, :f :write, :value 5, :key \"k\"}\n\
               {:process 2, :type :invoke, :f :cas, :value [5 6]}]\n";
    let transactions = "{:process 1, :type :invoke, :f :txn, :value [[:append x 1] [:r y nil]]}\n\
                        {:process 1, :type :ok, :f :txn, :value [[:append x 1] [:r y [2 3]]]}\n";
    let json = r#"[{"process":1,"type":"invoke","f":"add","value":7},{"process":1,"type":"fail","f":"add"}]"#;
    let log = "INFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:ok\t:read\t5\n";
    let table =
        "client,kind,function,key,value,at\n1,invoke,enqueue,,\"[1,\"\"a\"\"]\",\n1,info,enqueue,,,9\n";
    [edn, transactions, json, log, table].map(|text| text.as_bytes().to_vec()).into()
}
