//! The server of a node: what its clients ask goes to Raft, what Raft tells goes to its clients. Without sockets: those are the
//! node's ([`Service`]).
//!
//! One look at all sockets gathers what their clients ask: writes of many clients are one entry of the log, reads one query. A batch in which a
//! client both reads and writes is an entry of its own: its answer is bounded, and nobody else's counts in it.
//!
//! Reads ask no entry of the log, but where a key's time is over by the clock here and the log has yet to say so: then an empty entry
//! lets that time pass first, and the reads are asked again, as of then.

use crate::act::{Act, Command, Millis, Query, Read, Reply};
use crate::conversation::{About, Conversation, Ended};
use crate::store::Store;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use synod_algorithms::consensus::raft::{IndicationOf, Raft, RequestOf};
use synod_model::interface::{Ask, Outcome, Refusal, ReplicaEvent, Submit, Term, Ticket};
use synod_model::{Process, ProcessId};
use synod_runtime::service::{Service, Word};

/// About how many bytes of writes of several clients make one entry of the log.
const GATHERED_LENGTH: usize = 256 << 10;
/// How many entries of clients that read and write at once are under way: their answers may be long, and travel.
const MIXED_MAX: usize = 3;
/// How many bits of a ticket are its number within an incarnation.
const NUMBER_BITS: u32 = 40;

const UNKNOWN: &str = "ERR outcome unknown: no leader has confirmed it; it may have been done, or may yet be";
const NO_ANSWER: &str = "CLUSTERDOWN no leader has answered in time";
const NO_LEADER: &str = "CLUSTERDOWN there is no leader: nothing was done";
const OVERLOADED: &str = "TRYAGAIN too much waits already: nothing was done";
const REFUSED: &str = "ERR refused: nothing was done";

/// The server of a node.
#[derive(Debug)]
pub struct Server {
    process: ProcessId,
    incarnation: u64,
    about: About,
    term: Term,
    leader: Option<ProcessId>,
    clients: BTreeMap<u64, Conversation>,
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
}

/// What a client asks at once.
#[derive(Debug)]
struct Batch {
    client: u64,
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
    parts: Vec<(u64, usize)>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { what: vec![], parts: vec![] }
    }
}

impl<T> Shared<T> {
    fn add(&mut self, client: u64, what: impl IntoIterator<Item = T>) {
        let before = self.what.len();
        self.what.extend(what);
        self.parts.push((client, self.what.len() - before));
    }
}

/// What the process was asked.
#[derive(Debug)]
enum Asked {
    /// Writes, or what one client reads and writes.
    Entry { parts: Vec<(u64, usize)>, kind: Kind },
    /// Reads.
    Query(Shared<Read>),
    /// That time passes, for reads to be asked again.
    Time { at: Millis, reads: Shared<Read> },
}

impl Server {
    /// The server of a node's process in this incarnation. Its clients must say the token first, if there is one.
    pub fn new(process: ProcessId, incarnation: u64, token: Option<Vec<u8>>) -> Self {
        Self {
            process,
            incarnation,
            about: About { token, info: String::new() },
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
        }
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
        let Some(conversation) = self.clients.get_mut(&client) else { return };
        if let Some(acts) = conversation.next_batch(&self.about, &mut out) {
            let kind = Kind::of(&acts);
            self.batches.push_back(Batch { client, acts, kind });
        }
        let last = conversation.is_over();
        if last || !out.is_empty() {
            self.words.push(Word { client, bytes: out, last });
        }
    }

    /// Each of them hears its part.
    fn tell(&mut self, parts: Vec<(u64, usize)>, mut ended: impl FnMut(usize) -> Ended) {
        for (client, count) in parts {
            let ended = ended(count);
            let mut out = vec![];
            // one that is gone hears nothing
            let Some(conversation) = self.clients.get_mut(&client) else { continue };
            conversation.ended(ended, &mut out);
            self.go_on(client, out);
        }
    }

    fn answer(&mut self, parts: Vec<(u64, usize)>, replies: Vec<Reply>) {
        let mut replies = replies.into_iter();
        self.tell(parts, |count| Ended::Answered(replies.by_ref().take(count).collect()));
    }

    fn settled(&mut self, asked: Asked, outcome: Outcome<Vec<Reply>>) {
        let is_read = !matches!(asked, Asked::Entry { .. });
        match (asked, outcome) {
            (Asked::Query(reads), Outcome::Answer(replies)) if replies.is_empty() => self.due.push(reads),
            (Asked::Time { at, reads }, Outcome::Answer(_)) => self.again.push((at, reads)),
            (Asked::Entry { parts, .. } | Asked::Query(Shared { parts, .. }), Outcome::Answer(replies)) => {
                self.answer(parts, replies);
            }
            (
                Asked::Entry { parts, .. }
                | Asked::Query(Shared { parts, .. })
                | Asked::Time { reads: Shared { parts, .. }, .. },
                outcome,
            ) => self.tell(parts, |_| Ended::Failed(failure(&outcome, is_read))),
        }
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
fn failure(outcome: &Outcome<Vec<Reply>>, is_read: bool) -> &'static str {
    match outcome {
        Outcome::Refused(Refusal::NotLeader(_)) => NO_LEADER,
        Outcome::Refused(Refusal::Overloaded) => OVERLOADED,
        Outcome::Refused(_) => REFUSED,
        _ if is_read => NO_ANSWER,
        _ => UNKNOWN,
    }
}

impl Service<Raft<Store>> for Server {
    fn joined(&mut self, client: u64) {
        self.clients.insert(client, Conversation::new(client));
        self.inform();
    }

    fn left(&mut self, client: u64) {
        self.clients.remove(&client);
        self.inform();
    }

    fn said(&mut self, client: u64, bytes: &[u8]) {
        if let Some(conversation) = self.clients.get_mut(&client) {
            conversation.take(bytes);
        }
        self.go_on(client, vec![]);
    }

    fn listens(&self, client: u64) -> bool {
        self.clients.get(&client).is_some_and(Conversation::listens)
    }

    fn has_asks(&self) -> bool {
        let free = self.mixed < MIXED_MAX;
        !self.due.is_empty()
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
        while let Some(Batch { client, acts, kind }) = self.next_batch() {
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
                self.inform();
            }
            ReplicaEvent::Witness(_) => {}
        }
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
        assert_eq!(ended("SET a 1\n", Outcome::Unknown), format!("-{UNKNOWN}\r\n"));
        assert_eq!(ended("GET a\n", Outcome::Unknown), format!("-{NO_ANSWER}\r\n"));
        assert_eq!(ended("SET a 1\n", refused(Refusal::NotLeader(None))), format!("-{NO_LEADER}\r\n"));
        assert_eq!(ended("GET a\n", refused(Refusal::Overloaded)), format!("-{OVERLOADED}\r\n"));
        assert_eq!(ended("SET a 1\n", refused(Refusal::Busy)), format!("-{REFUSED}\r\n"));
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
