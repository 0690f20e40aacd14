//! The API of etcd, asked by a client that speaks just enough HTTP/2: its headers are plain, its windows wide or none.

use super::{Cluster, PATIENCE, scratch};
use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use synod_kv::etcd::message::*;
use synod_kv::etcd::protobuf::{Message, read};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const WIDE: u32 = 1 << 30;

/// What a stream brings.
#[derive(Debug)]
enum Brought {
    Data(Vec<u8>),
    /// The code and the words with which it ended.
    End(String),
    Pong,
    Gone,
}

/// A client.
struct Etcd {
    stream: BufReader<TcpStream>,
    next: u32,
    token: Option<String>,
    /// What was brought of other streams than the one that was waited for.
    others: VecDeque<(u32, Brought)>,
}

fn literal(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

impl Etcd {
    fn new(cluster: &Cluster, p: usize) -> Self {
        Self::with_window(cluster, p, WIDE)
    }

    /// A client that takes so much of a stream before it says more.
    fn with_window(cluster: &Cluster, p: usize, window: u32) -> Self {
        let address = cluster.receptions[p].local_addr().expect("bound");
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut this = Self { stream: BufReader::new(stream), next: 1, token: None, others: VecDeque::new() };
        this.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let initial = [&[0, 4][..], &window.to_be_bytes()].concat();
        this.frame(SETTINGS, 0, 0, &initial);
        this.frame(WINDOW, 0, 0, &WIDE.to_be_bytes());
        this
    }

    /// A client of a node that knows a leader.
    fn settled(cluster: &Cluster, p: usize) -> Self {
        drop(cluster.settled_client(p));
        Self::new(cluster, p)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("it reads");
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        self.write(&[&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat());
    }

    fn open(&mut self, path: &str) -> u32 {
        let mut headers = [literal(":method", "POST"), literal(":path", path)].concat();
        headers.extend(self.token.iter().flat_map(|token| literal("token", token)));
        let stream = self.next;
        self.next += 2;
        self.frame(HEADERS, END_HEADERS, stream, &headers);
        stream
    }

    fn say(&mut self, stream: u32, message: &impl Message, flags: u8) {
        let mut bytes = vec![0; 5];
        message.write(&mut bytes);
        let length = (bytes.len() as u32 - 5).to_be_bytes();
        bytes[1..5].copy_from_slice(&length);
        let mut pieces = bytes.chunks(16 << 10).peekable();
        while let Some(piece) = pieces.next() {
            let is_last = pieces.peek().is_none();
            self.frame(DATA, if is_last { flags } else { 0 }, stream, piece);
        }
    }

    fn begin(&mut self, path: &str, request: &impl Message) -> u32 {
        let stream = self.open(path);
        self.say(stream, request, END_STREAM);
        stream
    }

    /// The next frame that says something.
    fn bring(&mut self) -> (u32, Brought) {
        loop {
            let mut head = [0; 9];
            if self.stream.read_exact(&mut head).is_err() {
                return (0, Brought::Gone);
            }
            let [a, b, c, kind, flags, s @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            self.stream.read_exact(&mut payload).expect("a frame");
            let stream = u32::from_be_bytes(s);
            match kind {
                DATA => return (stream, Brought::Data(payload)),
                HEADERS if flags & END_STREAM != 0 => return (stream, Brought::End(status(&payload))),
                PING => return (0, Brought::Pong),
                GOAWAY => return (0, Brought::Gone),
                HEADERS | SETTINGS | WINDOW | RESET => {}
                other => panic!("a frame of kind {other}"),
            }
        }
    }

    fn bring_of(&mut self, stream: u32) -> Brought {
        if let Some(place) = self.others.iter().position(|&(of, _)| of == stream) {
            return self.others.remove(place).expect("it is there").1;
        }
        loop {
            let (of, brought) = self.bring();
            if of == stream || matches!(brought, Brought::Gone) {
                return brought;
            }
            self.others.push_back((of, brought));
        }
    }

    /// The next message of a stream, or how it ended.
    fn hear<M: Message>(&mut self, stream: u32) -> Result<M, String> {
        let mut bytes = vec![];
        while bytes.len() < 5 || bytes.len() < 5 + length(&bytes) {
            match self.bring_of(stream) {
                Brought::Data(more) => bytes.extend(more),
                Brought::End(status) => return Err(status),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(bytes.len(), 5 + length(&bytes), "one message at a time");
        Ok(read(&bytes[5..]).expect("a message"))
    }

    fn ask<M: Message>(&mut self, path: &str, request: &impl Message) -> Result<M, String> {
        let stream = self.begin(path, request);
        self.answer(stream)
    }

    fn answer<M: Message>(&mut self, stream: u32) -> Result<M, String> {
        let message = self.hear(stream)?;
        assert!(matches!(self.bring_of(stream), Brought::End(status) if status == "0"));
        Ok(message)
    }

    fn put(&mut self, key: &str, value: &str) -> Result<i64, String> {
        let told: PutResponse = self.ask(PUT, &put(key, value))?;
        Ok(told.header.expect("a header").revision)
    }

    fn get(&mut self, key: &str) -> Option<String> {
        let told: RangeResponse = self.ask(RANGE, &range(key)).expect("an answer");
        told.kvs.first().map(|kv| String::from_utf8(kv.value.to_vec()).expect("text"))
    }

    fn watch(&mut self, create: WatchCreateRequest) -> u32 {
        let stream = self.open("/etcdserverpb.Watch/Watch");
        let create_request = Some(Box::new(create));
        self.say(stream, &WatchRequest { create_request, ..WatchRequest::default() }, 0);
        stream
    }
}

fn length(bytes: &[u8]) -> usize {
    u32::from_be_bytes(bytes[1..5].try_into().expect("four")) as usize
}

/// What the trailers say.
fn status(headers: &[u8]) -> String {
    let text = String::from_utf8_lossy(headers).into_owned();
    let after = |name: &str| {
        let begin = text.find(name)? + name.len();
        let length = usize::from(*text.as_bytes().get(begin)?);
        Some(text[begin + 1..begin + 1 + length].to_owned())
    };
    let words = after("grpc-message").map_or_else(String::new, |words| format!(" {words}"));
    after("grpc-status").expect("a status") + &words
}

const PUT: &str = "/etcdserverpb.KV/Put";
const RANGE: &str = "/etcdserverpb.KV/Range";

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

fn range(key: &str) -> RangeRequest {
    RangeRequest { key: key.into(), ..RangeRequest::default() }
}

fn prefix(key: &str, end: &str) -> WatchCreateRequest {
    WatchCreateRequest { key: key.into(), range_end: end.into(), ..WatchCreateRequest::default() }
}

/// `+key=value` or `-key`.
fn events(response: &WatchResponse) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let event = |event: &Event| {
        let kv = event.kv.as_ref().expect("a key");
        let key = text(&kv.key);
        if event.kind == 0 { format!("+{key}={}", text(&kv.value)) } else { format!("-{key}") }
    };
    response.events.iter().map(event).collect()
}

/// So many events of a watch, however they come.
fn seen(client: &mut Etcd, stream: u32, count: usize) -> Vec<String> {
    let mut seen = vec![];
    while seen.len() < count {
        let response: WatchResponse = client.hear(stream).expect("events");
        seen.extend(events(&response));
    }
    seen
}

#[test]
fn both_protocols_see_one_store_at_any_node() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut etcd: Vec<_> = (0..3).map(|p| Etcd::settled(&cluster, p)).collect();
    let mut resp = cluster.settled_client(1);
    assert_eq!(etcd[0].put("a", "1"), Ok(2));
    assert_eq!(resp.ask("INCR a"), ":2");
    assert_eq!(etcd[2].get("a"), Some("2".to_owned()));
    assert_eq!(etcd[2].put("a", "5"), Ok(4));
    assert_eq!(resp.ask("GET a"), "5");
    // many calls at once, each with its answer
    let streams: Vec<_> = (0..50).map(|k| etcd[1].begin(PUT, &put(&format!("k{k}"), "v"))).collect();
    let mut revisions: Vec<_> = streams
        .into_iter()
        .map(|stream| etcd[1].answer::<PutResponse>(stream).expect("put").header.expect("a header").revision)
        .collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (5..55).collect::<Vec<_>>(), "each has a revision of its own");
    assert_eq!(etcd[0].put("", "1"), Err("3 etcdserver: key is not provided".to_owned()));
    let unknown = etcd[0].ask::<PutResponse>("/etcdserverpb.KV/None", &put("a", "1"));
    assert_eq!(unknown.map(|_| ()), Err("12 etcdserver: not supported here".to_owned()));
    let members: MemberListResponse =
        etcd[0].ask("/etcdserverpb.Cluster/MemberList", &MemberListRequest {}).expect("members");
    assert_eq!(members.members.len(), 3);
    let status: StatusResponse =
        etcd[2].ask("/etcdserverpb.Maintenance/Status", &StatusRequest {}).expect("a status");
    assert_eq!(status.leader, cluster.leader(2) as u64 + 1);
}

#[test]
fn a_watch_sees_every_change_once_and_in_order_at_whichever_node() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut watcher = Etcd::settled(&cluster, 2);
    let mut writer = Etcd::settled(&cluster, 0);
    writer.put("w/0", "before").expect("put");
    let now = watcher.watch(prefix("w/", "w0"));
    let created: WatchResponse = watcher.hear(now).expect("created");
    assert!(created.created && created.events.is_empty());
    let revision = created.header.expect("a header").revision;
    let past = watcher.watch(WatchCreateRequest { start_revision: 2, prev_kv: true, ..prefix("w/", "w0") });
    assert!(watcher.hear::<WatchResponse>(past).expect("created").created);
    let mut resp = cluster.settled_client(1);
    let mut all = vec![];
    for k in 0..30 {
        writer.put(&format!("w/{k}"), "1").expect("put");
        writer.put("other", "1").expect("put");
        all.push(format!("+w/{k}=1"));
    }
    assert_eq!(resp.ask("DEL w/3"), ":1");
    all.push("-w/3".to_owned());
    assert_eq!(seen(&mut watcher, now, all.len()), all, "from revision {revision} on");
    all.insert(0, "+w/0=before".to_owned());
    assert_eq!(seen(&mut watcher, past, all.len()), all);
    let cancel_request = Some(Box::new(WatchCancelRequest { watch_id: 0 }));
    watcher.say(now, &WatchRequest { cancel_request, ..WatchRequest::default() }, 0);
    assert!(watcher.hear::<WatchResponse>(now).expect("an answer").canceled);
    let compact: CompactionResponse = writer
        .ask("/etcdserverpb.KV/Compact", &CompactionRequest { revision: 20, physical: false })
        .expect("done");
    assert!(compact.header.is_some());
    let gone = watcher.watch(WatchCreateRequest { start_revision: 3, ..prefix("w/", "w0") });
    assert!(watcher.hear::<WatchResponse>(gone).expect("created").created);
    let canceled: WatchResponse = watcher.hear(gone).expect("an answer");
    assert_eq!((canceled.canceled, canceled.compact_revision), (true, 20));
    watcher.say(past, &WatchRequest { progress_request: Some(Box::default()), ..WatchRequest::default() }, 0);
    let progress: WatchResponse = watcher.hear(past).expect("progress");
    assert_eq!((progress.watch_id, progress.events.len()), (-1, 0));
}

#[test]
fn a_lease_ends_with_its_keys_though_nobody_asks() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut watcher = Etcd::settled(&cluster, 0);
    let mut owner = Etcd::settled(&cluster, 1);
    let watch = watcher.watch(prefix("l/", "l0"));
    assert!(watcher.hear::<WatchResponse>(watch).expect("created").created);
    let grant = |owner: &mut Etcd, ttl| {
        let granted = owner.ask("/etcdserverpb.Lease/LeaseGrant", &LeaseGrantRequest { ttl, id: 0 });
        granted.map(|granted: LeaseGrantResponse| granted.id).expect("granted")
    };
    let (brief, long) = (grant(&mut owner, 1), grant(&mut owner, 1000));
    for (key, lease) in [("l/brief", brief), ("l/long", long)] {
        owner.ask::<PutResponse>(PUT, &PutRequest { lease, ..put(key, "1") }).expect("put");
    }
    assert_eq!(seen(&mut watcher, watch, 3), ["+l/brief=1", "+l/long=1", "-l/brief"]);
    let alive = owner.open("/etcdserverpb.Lease/LeaseKeepAlive");
    for (id, ttl) in [(long, 1000), (brief, 0)] {
        owner.say(alive, &LeaseKeepAliveRequest { id }, 0);
        let told: LeaseKeepAliveResponse = owner.hear(alive).expect("an answer");
        assert_eq!((told.id, told.ttl), (id, ttl));
    }
    let revoked = owner.ask("/etcdserverpb.Lease/LeaseRevoke", &LeaseRevokeRequest { id: long });
    assert!(revoked.is_ok_and(|revoked: LeaseRevokeResponse| revoked.header.is_some()));
    assert_eq!(seen(&mut watcher, watch, 1), ["-l/long"]);
    let again =
        owner.ask::<LeaseRevokeResponse>("/etcdserverpb.Lease/LeaseRevoke", &LeaseRevokeRequest { id: long });
    assert_eq!(again.map(|_| ()), Err("5 etcdserver: requested lease not found".to_owned()));
}

#[test]
fn a_watch_goes_on_over_the_loss_of_the_leader() {
    let directory = scratch();
    let mut cluster = Cluster::start(directory.path(), None, 10);
    let leader = cluster.leader(0);
    let (left, right) = ((leader + 1) % 3, (leader + 2) % 3);
    let mut watcher = Etcd::settled(&cluster, left);
    let watch = watcher.watch(prefix("w/", "w0"));
    assert!(watcher.hear::<WatchResponse>(watch).expect("created").created);
    let mut writer = Etcd::settled(&cluster, right);
    writer.put("w/1", "1").expect("put");
    cluster.kill(leader);
    let mut writer = Etcd::settled(&cluster, right);
    writer.put("w/2", "1").expect("put");
    assert_eq!(seen(&mut watcher, watch, 2), ["+w/1=1", "+w/2=1"]);
}

#[test]
fn long_answers_wait_for_room_and_nonsense_ends_the_connection() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), None, 10);
    let mut client = Etcd::settled(&cluster, 0);
    let value = "v".repeat(1 << 20);
    client.put("long", &value).expect("put");
    assert_eq!(client.get("long"), Some(value.clone()));
    let longer = client.put("long", &format!("{value}v"));
    assert_eq!(longer, Err("3 etcdserver: request is too large".to_owned()));
    let much = client.put("long", &value.repeat(2));
    assert_eq!(much, Err("3 etcdserver: request is too large".to_owned()));
    // one that takes nothing at first, and others are answered meanwhile
    let mut narrow = Etcd::with_window(&cluster, 0, 0);
    let stream = narrow.begin(RANGE, &range("long"));
    narrow.frame(PING, 0, 0, &[7; 8]);
    assert!(matches!(narrow.bring(), (0, Brought::Pong)));
    narrow.frame(WINDOW, 0, stream, &WIDE.to_be_bytes());
    let told: RangeResponse = narrow.answer(stream).expect("an answer");
    assert_eq!(told.kvs[0].value.len(), value.len());
    for wrong in [
        &[0, 0, 4, DATA, 0, 0, 0, 0, 9, 1, 2, 3, 4][..],
        &[0xff; 9],
        &[0, 0, 1, HEADERS, 4, 0, 0, 0, 1, 0x80],
    ] {
        let mut bad = Etcd::new(&cluster, 0);
        bad.write(wrong);
        assert!(matches!(bad.bring(), (0, Brought::Gone)));
    }
    assert_eq!(client.put("a", "1"), Ok(3));
}

#[test]
fn the_token_is_said_with_every_call() {
    let directory = scratch();
    let cluster = Cluster::start(directory.path(), Some("secret"), 10);
    let mut client = Etcd::new(&cluster, 0);
    assert_eq!(client.put("a", "1"), Err("3 etcdserver: user name is empty".to_owned()));
    let password =
        |password: &str| AuthenticateRequest { name: "any".to_owned(), password: password.to_owned() };
    let path = "/etcdserverpb.Auth/Authenticate";
    let wrong = client.ask::<AuthenticateResponse>(path, &password("other"));
    let words = "3 etcdserver: authentication failed, invalid user ID or password";
    assert_eq!(wrong.map(|_| ()), Err(words.to_owned()));
    let right: AuthenticateResponse = client.ask(path, &password("secret")).expect("a token");
    client.token = Some(right.token);
    let put = loop {
        match client.put("a", "1") {
            Err(status) if status.starts_with("14") => {}
            put => break put,
        }
    };
    assert_eq!(put, Ok(2));
}
