//! The server of a node: what its clients ask goes to Raft, what Raft tells goes to its clients. Without sockets: those are the
//! node's ([`Service`]).
//!
//! One look at all sockets gathers what their clients ask: writes of many clients are one entry of the log, reads one query. A batch in which a
//! client both reads and writes is an entry of its own: its answer is bounded, and nobody else's counts in it.
//!
//! Reads ask no entry of the log, but where a key's time is over by the clock here and the log has yet to say so: then an empty entry
//! lets that time pass first, and the reads are asked again, as of then.

use crate::act::{Act, Command, Millis, Query, Read, Reply};
use crate::conversation::About;
use crate::etcd::ask::Look;
use crate::etcd::{Node, changes};
use crate::speaker::{Speaker, Trouble};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use synod_algorithms::consensus::raft::{IndicationOf, Raft, RequestOf};
use synod_model::interface::{Ask, Outcome, Refusal, ReplicaEvent, Submit, Term, Ticket};
use synod_model::{Process, ProcessId};
use synod_runtime::service::{Service, Word};

/// About how many bytes of writes of several clients make one entry of the log.
const GATHERED_LENGTH: usize = 256 << 10;
/// How many entries of clients that read and write at once are under way: their answers may be long, and travel.
const MIXED_MAX: usize = 3;
/// How long it is waited where nobody could say what has changed.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How many bits of a ticket are its number within an incarnation.
const NUMBER_BITS: u32 = 40;

/// The server of a node.
#[derive(Debug)]
pub struct Server {
    process: ProcessId,
    incarnation: u64,
    about: About,
    term: Term,
    leader: Option<ProcessId>,
    clients: BTreeMap<u64, Speaker>,
    /// What clients ask, until the process is asked.
    batches: VecDeque<Batch>,
    /// Reads that are asked again: time has passed up to then.
    again: Vec<(Millis, Shared<Read>)>,
    /// Reads that are asked again once time has passed.
    due: Vec<Shared<Read>>,
    /// What the process was asked.
    asked: BTreeMap<Ticket, Asked>,
    /// How many of them read and write.
    mixed: usize,
    /// How often it was asked.
    count: u64,
    words: Vec<Word>,
    watching: Watching,
}

/// What clients who watch wait for.
#[derive(Debug, Default)]
struct Watching {
    /// Who watches.
    clients: BTreeSet<u64>,
    /// The revision to which the store has come here, durable or not.
    revision: i64,
    /// Somebody may want to know what changed: it is looked who, and from when on.
    is_due: bool,
    /// What changed was asked for.
    is_asked: bool,
    /// A lease is over, and the log has yet to say so.
    lease_is_over: bool,
    /// That time passes was asked for.
    time_is_asked: bool,
    /// There was no answer: when it is asked again.
    again_at: Option<Duration>,
    /// The time of day at the last look.
    now: Duration,
}

impl Watching {
    /// There is an answer, and what changed meanwhile is asked for at once; or there is none, and it is asked again later.
    fn heard(&mut self, answered: bool) {
        if answered {
            self.is_due = true;
        } else {
            self.again_at = Some(self.now + AGAIN_AFTER);
        }
    }
}

/// Whose acts they are, of which of its batches, and how many.
type Part = (u64, u64, usize);

/// What a client asks at once.
#[derive(Debug)]
struct Batch {
    client: u64,
    /// Its number among those of the client.
    number: u64,
    acts: Vec<Act>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
    Mixed,
}

impl Kind {
    fn of(acts: &[Act]) -> Self {
        let reads = acts.iter().filter(|act| matches!(act, Act::Read(_))).count();
        match reads {
            0 if acts.iter().all(Act::is_told_briefly) => Self::Writes,
            reads if reads == acts.len() => Self::Reads,
            _ => Self::Mixed,
        }
    }
}

/// What several clients ask together.
#[derive(Clone, Debug)]
struct Shared<T> {
    what: Vec<T>,
    /// Whose they are, and how many of each.
    parts: Vec<Part>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { what: vec![], parts: vec![] }
    }
}

impl<T> Shared<T> {
    fn add(&mut self, (client, number): (u64, u64), what: impl IntoIterator<Item = T>) {
        let before = self.what.len();
        self.what.extend(what);
        self.parts.push((client, number, self.what.len() - before));
    }
}

/// What the process was asked.
#[derive(Debug)]
enum Asked {
    /// Writes, or what one client reads and writes.
    Entry { parts: Vec<Part>, kind: Kind },
    /// Reads.
    Query(Shared<Read>),
    /// That time passes, for reads to be asked again.
    Time { at: Millis, reads: Shared<Read> },
    /// That time passes, for leases to end.
    Leases,
    /// What changed from a revision on.
    Changes(i64),
}

impl Server {
    /// The server of a node's process in this incarnation. Its clients must say the token first, if there is one.
    pub fn new(process: ProcessId, incarnation: u64, token: Option<Vec<u8>>) -> Self {
        Self {
            process,
            incarnation,
            about: About { token, info: String::new(), node: Node { process: process.0, ..Node::default() } },
            term: Term::default(),
            leader: None,
            clients: BTreeMap::new(),
            batches: VecDeque::new(),
            again: vec![],
            due: vec![],
            asked: BTreeMap::new(),
            mixed: 0,
            count: 0,
            words: vec![],
            watching: Watching::default(),
        }
    }

    /// What clients are told of the cluster: its number, and where its nodes listen for each other.
    #[must_use]
    pub fn of_cluster(mut self, cluster: u64, places: Vec<String>) -> Self {
        (self.about.node.cluster, self.about.node.places) = (cluster, places);
        self
    }

    fn submit(&mut self, ask: Ask<Command, Query>, asked: Asked) -> RequestOf<Store> {
        self.count += 1;
        let ticket = Ticket((self.incarnation << NUMBER_BITS) | self.count);
        self.asked.insert(ticket, asked);
        Submit { ticket, ask }
    }

    fn enter(&mut self, at: Millis, acts: Shared<Act>, kind: Kind) -> RequestOf<Store> {
        let command = Command { at, acts: acts.what };
        let asked = Asked::Entry { parts: acts.parts, kind };
        self.submit(Ask::Execute { stamp: None, command }, asked)
    }

    fn query(&mut self, at: Millis, reads: Shared<Read>) -> RequestOf<Store> {
        let query = Query { at, reads: reads.what.clone() };
        self.submit(Ask::Query(query), Asked::Query(reads))
    }

    /// The next batch that may be asked now.
    fn next_batch(&mut self) -> Option<Batch> {
        let free = self.mixed < MIXED_MAX;
        let next = self.batches.iter().position(|batch| free || batch.kind != Kind::Mixed)?;
        self.batches.remove(next)
    }

    /// A client goes on: what it asks waits to be asked, what it is told waits to be told.
    fn go_on(&mut self, client: u64, mut out: Vec<u8>) {
        let Some(speaker) = self.clients.get_mut(&client) else { return };
        for (number, acts) in speaker.go_on(&self.about, &mut out) {
            let kind = Kind::of(&acts);
            self.batches.push_back(Batch { client, number, acts, kind });
        }
        let last = speaker.is_over();
        if last || !out.is_empty() {
            self.words.push(Word { client, bytes: out, last });
        }
    }

    /// Each of them hears its part.
    fn tell(&mut self, parts: Vec<Part>, mut ended: impl FnMut(usize) -> Result<Vec<Reply>, Trouble>) {
        for (client, number, count) in parts {
            let ended = ended(count);
            let mut out = vec![];
            // one that is gone hears nothing
            let Some(speaker) = self.clients.get_mut(&client) else { continue };
            speaker.ended(number, ended, &self.about, &mut out);
            self.go_on(client, out);
        }
    }

    fn answer(&mut self, parts: Vec<Part>, replies: Vec<Reply>) {
        let mut replies = replies.into_iter();
        self.tell(parts, |count| Ok(replies.by_ref().take(count).collect()));
    }

    fn settled(&mut self, asked: Asked, outcome: Outcome<Vec<Reply>>) {
        let is_read = !matches!(asked, Asked::Entry { .. });
        match (asked, outcome) {
            (Asked::Query(reads), Outcome::Answer(replies)) if replies.is_empty() => self.due.push(reads),
            (Asked::Time { at, reads }, Outcome::Answer(_)) => self.again.push((at, reads)),
            (Asked::Leases, outcome) => {
                self.watching.time_is_asked = false;
                self.watching.heard(matches!(outcome, Outcome::Answer(_)));
            }
            (Asked::Changes(from), outcome) => self.changed(from, outcome),
            (Asked::Entry { parts, .. } | Asked::Query(Shared { parts, .. }), Outcome::Answer(replies)) => {
                self.answer(parts, replies);
            }
            (
                Asked::Entry { parts, .. }
                | Asked::Query(Shared { parts, .. })
                | Asked::Time { reads: Shared { parts, .. }, .. },
                outcome,
            ) => self.tell(parts, |_| Err(trouble(&outcome, is_read))),
        }
    }

    /// Whoever watches hears what changed. Where time is over by the clock here, that it passes is asked for first.
    fn changed(&mut self, from: i64, outcome: Outcome<Vec<Reply>>) {
        self.watching.is_asked = false;
        let changed = match outcome {
            Outcome::Answer(mut replies) => {
                self.watching.lease_is_over |= replies.is_empty();
                changes(replies.pop())
            }
            _ => None,
        };
        self.watching.heard(changed.is_some());
        for client in self.watching.clients.clone() {
            let Some(speaker) = self.clients.get_mut(&client) else { continue };
            speaker.changed(from, changed.as_ref(), &self.about);
            self.go_on(client, vec![]);
        }
    }

    /// From which revision on somebody wants to know what changed.
    fn wanted(&self) -> Option<i64> {
        if !self.watching.is_due || self.watching.is_asked {
            return None;
        }
        let speakers = self.watching.clients.iter().filter_map(|client| self.clients.get(client));
        speakers.filter_map(|speaker| speaker.wants(self.watching.revision)).min()
    }

    /// What those who watch ask for, and what lets leases end.
    fn watching_asks(&mut self, at: Millis) -> Vec<RequestOf<Store>> {
        let mut requests = vec![];
        if self.watching.lease_is_over && !self.watching.time_is_asked {
            (self.watching.lease_is_over, self.watching.time_is_asked) = (false, true);
            let command = Command { at, acts: vec![] };
            requests.push(self.submit(Ask::Execute { stamp: None, command }, Asked::Leases));
        }
        if let Some(from) = self.wanted() {
            self.watching.is_asked = true;
            self.clients.values_mut().for_each(Speaker::is_asking);
            let reads = vec![Read::Etcd(Box::new(Look::Changes(from)))];
            requests.push(self.submit(Ask::Query(Query { at, reads }), Asked::Changes(from)));
        }
        self.watching.is_due &= self.watching.is_asked;
        requests
    }

    /// What INFO tells is made anew.
    fn inform(&mut self) {
        let leader = self.leader.map_or_else(|| "none".to_owned(), |leader| leader.0.to_string());
        let part = if self.leader == Some(self.process) { "leader" } else { "follower" };
        self.about.info = format!(
            "# Server\r\nredis_version:7.0.0\r\nsynod_version:{}\r\n\r\n\
             # Clients\r\nconnected_clients:{}\r\n\r\n\
             # Replication\r\nrole:master\r\nraft_process:{}\r\nraft_incarnation:{}\r\nraft_role:{part}\r\n\
             raft_term:{}\r\nraft_leader:{leader}\r\n",
            env!("CARGO_PKG_VERSION"),
            self.clients.len(),
            self.process.0,
            self.incarnation,
            self.term.0,
        );
    }
}

/// Why there is no answer.
fn trouble(outcome: &Outcome<Vec<Reply>>, is_read: bool) -> Trouble {
    match outcome {
        Outcome::Refused(Refusal::NotLeader(_)) => Trouble::NoLeader,
        Outcome::Refused(Refusal::Overloaded) => Trouble::Overloaded,
        Outcome::Refused(_) => Trouble::Refused,
        _ if is_read => Trouble::NoAnswer,
        _ => Trouble::Unknown,
    }
}

impl Service<Raft<Store>> for Server {
    fn joined(&mut self, client: u64) {
        self.clients.insert(client, Speaker::new(client));
        self.inform();
    }

    fn left(&mut self, client: u64) {
        self.clients.remove(&client);
        self.watching.clients.remove(&client);
        self.inform();
    }

    fn said(&mut self, client: u64, bytes: &[u8]) {
        if let Some(speaker) = self.clients.get_mut(&client) {
            speaker.take(bytes, &self.about);
            if speaker.watches() {
                self.watching.clients.insert(client);
                self.watching.is_due = true;
            }
        }
        self.go_on(client, vec![]);
    }

    fn listens(&self, client: u64) -> bool {
        self.clients.get(&client).is_some_and(Speaker::listens)
    }

    fn has_asks(&self) -> bool {
        let free = self.mixed < MIXED_MAX;
        !self.due.is_empty()
            || (self.watching.lease_is_over && !self.watching.time_is_asked)
            || self.wanted().is_some()
            || !self.again.is_empty()
            || self.batches.iter().any(|batch| free || batch.kind != Kind::Mixed)
    }

    fn asks(&mut self, at: Duration) -> Vec<<Raft<Store> as Process>::Request> {
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let (mut requests, mut reads, mut writes) = (vec![], Shared::default(), Shared::default());
        let mut length = 0;
        for (then, reads) in std::mem::take(&mut self.again) {
            requests.push(self.query(then, reads));
        }
        for reads in std::mem::take(&mut self.due) {
            let command = Command { at, acts: vec![] };
            requests.push(self.submit(Ask::Execute { stamp: None, command }, Asked::Time { at, reads }));
        }
        requests.extend(self.watching_asks(at));
        while let Some(Batch { client, number, acts, kind }) = self.next_batch() {
            let client = (client, number);
            match kind {
                Kind::Reads => reads.add(client, acts.into_iter().filter_map(Act::into_read)),
                Kind::Writes => {
                    length += acts.iter().map(Act::length).sum::<usize>();
                    writes.add(client, acts);
                    if length >= GATHERED_LENGTH {
                        requests.push(self.enter(at, std::mem::take(&mut writes), Kind::Writes));
                        length = 0;
                    }
                }
                Kind::Mixed => {
                    self.mixed += 1;
                    let mut own = Shared::default();
                    own.add(client, acts);
                    requests.push(self.enter(at, own, Kind::Mixed));
                }
            }
        }
        if !writes.what.is_empty() {
            requests.push(self.enter(at, writes, Kind::Writes));
        }
        if !reads.what.is_empty() {
            requests.push(self.query(at, reads));
        }
        requests
    }

    fn indicated(&mut self, indication: IndicationOf<Store>) {
        match indication {
            ReplicaEvent::Settled { ticket, outcome } => {
                let Some(asked) = self.asked.remove(&ticket) else { return };
                if matches!(asked, Asked::Entry { kind: Kind::Mixed, .. }) {
                    self.mixed -= 1;
                }
                self.settled(asked, outcome);
            }
            ReplicaEvent::Leader { term, leader } => {
                (self.term, self.leader) = (term, leader);
                (self.about.node.term, self.about.node.leader) = (term.0, leader.map(|leader| leader.0));
                self.inform();
            }
            ReplicaEvent::Witness(_) => {}
        }
    }

    fn looks(&mut self, process: &Raft<Store>, at: Duration) -> bool {
        let store = process.machine();
        let revision = i64::try_from(store.revision()).unwrap_or(i64::MAX);
        self.watching.is_due |= std::mem::replace(&mut self.watching.revision, revision) != revision;
        self.about.node.index = process.commit_index().0;
        // whoever leads lets leases end: nobody need ask for what has ended
        let leads = self.leader == Some(self.process) && !self.watching.time_is_asked;
        let is_over = |end: Millis| u128::from(end) <= at.as_millis();
        self.watching.lease_is_over |= leads && store.next_lease_end().is_some_and(is_over);
        if self.watching.again_at.is_some_and(|again_at| again_at <= at) {
            (self.watching.again_at, self.watching.is_due) = (None, true);
        }
        self.watching.now = at;
        self.has_asks()
    }

    fn tells(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.words)
    }

    fn no_room(&self) -> &'static [u8] {
        b"-ERR max number of clients reached\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::Status;
    use synod_model::interface::StateMachine;

    const NOW: Duration = Duration::from_secs(5);

    fn server(clients: u64) -> Server {
        let mut server = Server::new(ProcessId(0), 3, None);
        (0..clients).for_each(|client| server.joined(client));
        server
    }

    /// What was asked, in short: how many acts of an entry, or reads of a query, and as of when.
    fn asks(server: &mut Server) -> Vec<(Ticket, &'static str, usize, Millis)> {
        let short = |submit: RequestOf<Store>| match submit.ask {
            Ask::Execute { stamp: None, command } => (submit.ticket, "entry", command.acts.len(), command.at),
            Ask::Query(query) => (submit.ticket, "query", query.reads.len(), query.at),
            other => panic!("{other:?}"),
        };
        let all = server.asks(NOW).into_iter().map(short).collect();
        assert!(!server.has_asks() || server.mixed == MIXED_MAX, "all is asked that can be");
        all
    }

    fn settle(server: &mut Server, ticket: Ticket, outcome: Outcome<Vec<Reply>>) {
        server.indicated(ReplicaEvent::Settled { ticket, outcome });
    }

    /// What each client was told.
    fn told(server: &mut Server) -> Vec<(u64, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        server.tells().into_iter().map(|word| (word.client, text(word.bytes))).collect()
    }

    fn ok(count: usize) -> Outcome<Vec<Reply>> {
        Outcome::Answer(vec![Reply::Status(Status::Ok); count])
    }

    #[test]
    fn what_many_ask_goes_together_and_each_hears_its_own() {
        let mut server = server(5);
        server.said(0, b"SET a 1\nSET b 1\n");
        server.said(1, b"GET a\n");
        server.said(2, b"DEL c\n");
        server.said(3, b"SET d 1\nGET d\n");
        server.said(4, b"GET b\nPING\nGET c\n");
        let asked = asks(&mut server);
        let kinds: Vec<_> = asked.iter().map(|&(_, kind, count, at)| (kind, count, at)).collect();
        assert_eq!(kinds, [("entry", 2, 5_000), ("entry", 3, 5_000), ("query", 3, 5_000)]);
        let query = [Reply::Nil, Reply::Bulk("B".into()), Reply::Integer(7)];
        settle(&mut server, asked[2].0, Outcome::Answer(query.to_vec()));
        assert_eq!(
            told(&mut server),
            [(1, "$-1\r\n".to_owned()), (4, "$1\r\nB\r\n+PONG\r\n:7\r\n".to_owned())]
        );
        settle(&mut server, asked[1].0, Outcome::Answer(vec![Reply::Nil, Reply::Nil, Reply::Integer(1)]));
        assert_eq!(told(&mut server), [(0, "$-1\r\n$-1\r\n".to_owned()), (2, ":1\r\n".to_owned())]);
        let tickets: Vec<_> = asked.iter().map(|&(ticket, ..)| ticket.0 >> NUMBER_BITS).collect();
        assert_eq!(tickets, [3; 3], "no other incarnation has them");
    }

    #[test]
    fn much_that_is_written_is_several_entries() {
        let mut server = server(10);
        let long = format!("SET a {}\n", "x".repeat(60_000));
        (0..10).for_each(|client| server.said(client, long.as_bytes()));
        let counts: Vec<_> = asks(&mut server).iter().map(|&(_, _, count, _)| count).collect();
        assert_eq!(counts, [5, 5]);
    }

    #[test]
    fn few_that_read_and_write_are_under_way_at_once() {
        let mut server = server(5);
        (0..4).for_each(|client| server.said(client, b"INCR a\nGET a\n"));
        server.said(4, b"SET b 1 GET\n");
        let first = asks(&mut server);
        assert_eq!(first.len(), MIXED_MAX);
        assert!(!server.has_asks());
        settle(&mut server, first[0].0, ok(2));
        assert!(server.has_asks());
        assert_eq!(asks(&mut server).len(), 1);
        settle(&mut server, first[1].0, Outcome::Unknown);
        let last = asks(&mut server);
        assert_eq!((last.len(), last[0].2), (1, 1), "what tells of the store is bounded, too");
    }

    /// The store itself answers: a read of what is due lets time pass, and is asked again as of then.
    #[test]
    fn reads_of_what_is_due_let_time_pass_first() {
        let mut server = server(2);
        let mut store = Store::default();
        store.execute(&Command { at: 4_000, acts: vec![parsed("PSETEX a 900 x"), parsed("SET b 1")] });
        server.said(0, b"GET b\n");
        server.said(1, b"EXISTS a\n");
        let mut kinds = vec![];
        while server.has_asks() {
            for Submit { ticket, ask } in server.asks(NOW + Duration::from_millis(kinds.len() as u64)) {
                let outcome = match ask {
                    Ask::Execute { command, .. } => {
                        kinds.push(("entry", command.at));
                        Outcome::Answer(store.execute(&command))
                    }
                    Ask::Query(query) => {
                        kinds.push(("query", query.at));
                        Outcome::Answer(store.answer(&query))
                    }
                    other => panic!("{other:?}"),
                };
                settle(&mut server, ticket, outcome);
            }
        }
        assert_eq!(kinds, [("query", 5_000), ("entry", 5_001), ("query", 5_001)]);
        assert_eq!(told(&mut server), [(0, "$1\r\n1\r\n".to_owned()), (1, ":0\r\n".to_owned())]);
    }

    fn parsed(line: &str) -> Act {
        let words: Vec<_> = line.split(' ').map(crate::Bytes::from).collect();
        match crate::request::parse(&words) {
            Ok(crate::request::Request::Act(act)) => act,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn how_it_failed_says_whether_it_may_have_been_done() {
        let ended = |said: &str, outcome: Outcome<Vec<Reply>>| {
            let mut server = server(1);
            server.said(0, said.as_bytes());
            let asked = asks(&mut server);
            settle(&mut server, asked[0].0, outcome);
            told(&mut server).remove(0).1
        };
        let refused = |refusal| Outcome::Refused(refusal);
        let told = |trouble: Trouble| format!("-{}\r\n", trouble.as_resp());
        assert_eq!(ended("SET a 1\n", Outcome::Unknown), told(Trouble::Unknown));
        assert_eq!(ended("GET a\n", Outcome::Unknown), told(Trouble::NoAnswer));
        assert_eq!(ended("SET a 1\n", refused(Refusal::NotLeader(None))), told(Trouble::NoLeader));
        assert_eq!(ended("GET a\n", refused(Refusal::Overloaded)), told(Trouble::Overloaded));
        assert_eq!(ended("SET a 1\n", refused(Refusal::Busy)), told(Trouble::Refused));
    }

    #[test]
    fn whoever_left_hears_nothing_and_what_it_asked_is_asked_all_the_same() {
        let mut server = server(2);
        server.said(0, b"SET a 1\n");
        server.said(1, b"SET b 1\n");
        server.left(0);
        let asked = asks(&mut server);
        assert!(matches!(asked[..], [(_, "entry", 2, _)]));
        settle(&mut server, asked[0].0, ok(2));
        settle(&mut server, asked[0].0, ok(2));
        assert_eq!(told(&mut server), [(1, "+OK\r\n".to_owned())], "once");
        assert!(!server.listens(0) && server.listens(1));
    }

    #[test]
    fn info_tells_who_leads() {
        let mut server = server(1);
        server.indicated(ReplicaEvent::Leader { term: Term(4), leader: Some(ProcessId(0)) });
        server.said(0, b"INFO replication\n");
        let (_, info) = told(&mut server).remove(0);
        for line in
            ["raft_role:leader", "raft_term:4", "raft_leader:0", "raft_incarnation:3", "connected_clients:1"]
        {
            assert!(info.contains(line), "{line} is not in {info}");
        }
    }
}
