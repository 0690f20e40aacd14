//! One client of the API: its calls, its watches, and the stream of its leases. Without sockets.

use super::ask::{Answer, Changes, Told};
use super::call::{Method, Node, act, authenticated, check_alarm, message, written};
use super::error::Error;
use super::http2::{Connection, Heard};
use super::message::{Event, WatchCreateRequest, WatchRequest, WatchResponse};
use super::protobuf::read;
use crate::act::{Act, Reply};
use crate::bytes::Bytes;
use crate::conversation::About;
use crate::store::Span;
use std::collections::BTreeMap;

/// How many acts of a client, and about how many bytes of them, are under way until no more is read of it.
const ACTS_MAX: usize = 8 << 10;
const LENGTH_MAX: usize = 8 << 20;
/// How much may wait to be read by the client before long answers are refused, and watches wait.
const WAITING_MAX: usize = 16 << 20;
/// How many watches a client may have.
const WATCHES_MAX: usize = 10_000;
const NO_PUT: i64 = 0;
const NO_DELETE: i64 = 1;

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    connection: Connection,
    calls: BTreeMap<u32, Call>,
    /// What waits to be asked.
    acts: Vec<(u32, Act)>,
    /// What was asked: of which calls, and about how long it was.
    asked: BTreeMap<u64, (Vec<u32>, usize)>,
    next_batch: u64,
    under_way: usize,
    length: usize,
    watches: BTreeMap<(u32, i64), Watch>,
    /// Streams whose client asks how far its watches have come.
    progress: Vec<(u32, bool)>,
    is_over: bool,
}

#[derive(Clone, Debug)]
struct Call {
    method: Method,
    /// Why it is not heeded.
    refusal: Option<Error>,
    /// How much of it is under way.
    asked: usize,
    has_ended: bool,
}

/// A watch.
#[derive(Clone, Debug)]
struct Watch {
    request: WatchCreateRequest,
    /// The first revision that was not told: none, until it is known what it begins with.
    next: Option<i64>,
    /// It is among those for which changes were asked for.
    is_asked: bool,
}

/// What is asked at once: its number in the session, and the acts.
pub(crate) type Batch = (u64, Vec<Act>);

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            connection: Connection::new(),
            calls: BTreeMap::new(),
            acts: vec![],
            asked: BTreeMap::new(),
            next_batch: 0,
            under_way: 0,
            length: 0,
            watches: BTreeMap::new(),
            progress: vec![],
            is_over: false,
        }
    }

    /// The client says this.
    pub(crate) fn take(&mut self, bytes: &[u8], about: &About) {
        let mut heard = vec![];
        self.is_over |= self.connection.take(bytes, &mut heard).is_err();
        for heard in heard {
            self.hear(heard, about);
        }
    }

    pub(crate) fn listens(&self) -> bool {
        !self.is_over && self.under_way < ACTS_MAX && self.length < LENGTH_MAX
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// What is to be told now.
    pub(crate) fn out(&mut self) -> Vec<u8> {
        self.connection.out()
    }

    fn hear(&mut self, heard: Heard, about: &About) {
        match heard {
            Heard::Call { stream, path, token } => self.called(stream, &path, token, about),
            Heard::Message { stream, bytes } => self.said(stream, &bytes, about),
            Heard::Unreadable { stream } => self.fail(stream, Error::RequestTooLarge),
            Heard::End { stream } => {
                if let Some(call) = self.calls.get_mut(&stream) {
                    call.has_ended = true;
                }
                self.end_if_done(stream);
            }
            Heard::Reset { stream } => self.forget(stream),
        }
    }

    fn forget(&mut self, stream: u32) {
        self.calls.remove(&stream);
        self.watches.retain(|&(of, _), _| of != stream);
        self.progress.retain(|&(of, _)| of != stream);
    }

    fn called(&mut self, stream: u32, path: &str, token: Option<String>, about: &About) {
        let Some(method) = Method::of(path) else { return self.fail(stream, Error::Unsupported) };
        let refusal = match token {
            _ if about.token.is_none() => None,
            Some(token) if about.is_token(token.as_bytes()) => None,
            Some(_) => Some(Error::InvalidToken),
            None => Some(Error::NoUser),
        };
        self.calls.insert(stream, Call { method, refusal, asked: 0, has_ended: false });
    }

    /// A stream ends once its client says no more, and all it said was answered. Another call of which nothing is under way then has
    /// never said what it is about.
    fn end_if_done(&mut self, stream: u32) {
        let Some(call) = self.calls.get(&stream).filter(|call| call.has_ended && call.asked == 0) else {
            return;
        };
        if !call.method.is_stream() {
            return self.fail(stream, Error::Malformed);
        }
        self.forget(stream);
        self.connection.end(stream, 0, "");
    }

    fn fail(&mut self, stream: u32, error: Error) {
        self.forget(stream);
        self.connection.end(stream, error.code(), &error.to_string());
    }

    fn said(&mut self, stream: u32, bytes: &[u8], about: &About) {
        let Some(&Call { method, refusal, asked, .. }) = self.calls.get(&stream) else { return };
        // a call that is no stream says one thing
        if !method.is_stream() && asked > 0 {
            return;
        }
        let failed = match (method, refusal) {
            (Method::Authenticate, _) => self.authenticate(stream, bytes, about),
            (_, Some(refusal)) => Err(refusal),
            (Method::Watch, _) => self.watch(stream, bytes),
            (Method::Alarm, _) => check_alarm(bytes).and_then(|()| self.ask(stream, method, bytes)),
            (_, None) => self.ask(stream, method, bytes),
        };
        if let Err(error) = failed {
            self.fail(stream, error);
        }
    }

    fn ask(&mut self, stream: u32, method: Method, bytes: &[u8]) -> Result<(), Error> {
        let act = act(method, bytes)?;
        if let Some(call) = self.calls.get_mut(&stream) {
            call.asked += 1;
        }
        self.under_way += 1;
        self.length += act.length();
        self.acts.push((stream, act));
        Ok(())
    }

    fn authenticate(&mut self, stream: u32, bytes: &[u8], about: &About) -> Result<(), Error> {
        if about.token.is_none() {
            return Err(Error::NoAuth);
        }
        let told = authenticated(bytes, |token| about.is_token(token), &about.node)?;
        self.answer(stream, &told);
        Ok(())
    }

    /// An answer, and, unless there are more, its end.
    fn answer(&mut self, stream: u32, told: &[u8]) {
        self.connection.tell(stream, told);
        if self.calls.get(&stream).is_some_and(|call| !call.method.is_stream()) {
            self.calls.remove(&stream);
            self.connection.end(stream, 0, "");
        }
    }

    /// What is asked now: what reads, what writes, and what does both, each by itself.
    pub(crate) fn batches(&mut self) -> Vec<Batch> {
        let (mut reads, mut writes, mut batches) = (vec![], vec![], vec![]);
        for (stream, act) in std::mem::take(&mut self.acts) {
            match &act {
                Act::Read(_) => reads.push((stream, act)),
                Act::Write(_) if act.is_told_briefly() => writes.push((stream, act)),
                Act::Write(_) => batches.push(vec![(stream, act)]),
            }
        }
        batches.extend([reads, writes]);
        batches.retain(|batch| !batch.is_empty());
        batches.into_iter().map(|batch| self.batch(batch)).collect()
    }

    fn batch(&mut self, batch: Vec<(u32, Act)>) -> Batch {
        self.next_batch += 1;
        let length = batch.iter().map(|(_, act)| act.length()).sum();
        let (streams, acts) = batch.into_iter().unzip();
        self.asked.insert(self.next_batch, (streams, length));
        (self.next_batch, acts)
    }

    /// A batch has ended: with a reply to each act, or with an error.
    pub(crate) fn ended(&mut self, batch: u64, ended: Result<Vec<Reply>, Error>, node: &Node) {
        let Some((streams, length)) = self.asked.remove(&batch) else { return };
        self.under_way -= streams.len();
        self.length -= length;
        let mut replies = ended.map(Vec::into_iter);
        for stream in streams {
            let reply = replies.as_mut().map(Iterator::next).map_err(|error| *error);
            let Some(call) = self.calls.get_mut(&stream) else { continue };
            call.asked -= 1;
            let method = call.method;
            let told = match reply {
                Ok(Some(Reply::Etcd(answer))) => self.told(method, *answer, node),
                Ok(_) => Err(Error::Unsupported),
                Err(error) => Err(error),
            };
            match told {
                Ok(told) => self.answer(stream, &told),
                Err(error) => self.fail(stream, error),
            }
            self.end_if_done(stream);
        }
    }

    fn told(&self, method: Method, answer: Answer, node: &Node) -> Result<Vec<u8>, Error> {
        const SHORT: usize = 4 << 10;
        if self.connection.waiting() > WAITING_MAX && answer.length() > SHORT {
            return Err(Error::AnswerTooLong);
        }
        message(method, answer, node)
    }
}

/// Watches.
impl Session {
    fn watch(&mut self, stream: u32, bytes: &[u8]) -> Result<(), Error> {
        let request: WatchRequest = read(bytes).map_err(|_| Error::Malformed)?;
        if let Some(create) = request.create_request {
            self.create(stream, *create)?;
        }
        if let Some(cancel) = request.cancel_request
            && self.watches.remove(&(stream, cancel.watch_id)).is_some()
        {
            let canceled =
                WatchResponse { watch_id: cancel.watch_id, canceled: true, ..WatchResponse::default() };
            self.connection.tell(stream, &written(&canceled));
        }
        if request.progress_request.is_some() {
            self.progress.push((stream, false));
        }
        Ok(())
    }

    fn create(&mut self, stream: u32, mut request: WatchCreateRequest) -> Result<(), Error> {
        if self.watches.len() >= WATCHES_MAX {
            return Err(Error::TooManyRequests);
        }
        if request.key.is_empty() {
            // as etcd has it, all keys: from the first there can be
            request.key = Bytes::from(&[0][..]);
        }
        let of_stream =
            || self.watches.range((stream, i64::MIN)..=(stream, i64::MAX)).map(|(&(_, id), _)| id);
        let id =
            if request.watch_id == 0 { of_stream().max().map_or(0, |id| id + 1) } else { request.watch_id };
        if self.watches.contains_key(&(stream, id)) {
            let cancel_reason = "mvcc: duplicate watch ID provided on the WatchStream".to_owned();
            let refused = WatchResponse {
                watch_id: -1,
                created: true,
                canceled: true,
                cancel_reason,
                ..WatchResponse::default()
            };
            self.connection.tell(stream, &written(&refused));
            return Ok(());
        }
        self.watches.insert((stream, id), Watch { request, next: None, is_asked: false });
        Ok(())
    }

    /// From which revision on changes are to be asked for, of a store that is at `revision` as far as is known; a new watch alone
    /// asks for the revision, which is told with no changes at all.
    pub(crate) fn wants(&self, revision: i64) -> Option<i64> {
        let has_room = self.connection.waiting() < WAITING_MAX;
        let old = self.watches.values().filter_map(|watch| watch.next).filter(|&next| next <= revision);
        let is_new = !self.progress.is_empty() || self.watches.values().any(|watch| watch.next.is_none());
        old.chain(is_new.then_some(i64::MAX)).min().filter(|_| has_room)
    }

    /// Whether there is anything to watch.
    pub(crate) fn watches(&self) -> bool {
        !self.watches.is_empty() || !self.progress.is_empty()
    }

    /// Changes are asked for now.
    pub(crate) fn is_asking(&mut self) {
        self.watches.values_mut().for_each(|watch| watch.is_asked = true);
        self.progress.iter_mut().for_each(|(_, is_asked)| *is_asked = true);
    }

    /// Changes from a revision on, and the revision of the store.
    pub(crate) fn changed(&mut self, from: i64, changes: &Changes, revision: i64, node: &Node) {
        // what others asked for may be more than this client reads
        if self.connection.waiting() >= WAITING_MAX {
            return self.unchanged();
        }
        let (mut over, header) = (vec![], Some(node.header(revision)));
        for (&(stream, watch_id), watch) in self.watches.iter_mut().filter(|(_, watch)| watch.is_asked) {
            watch.is_asked = false;
            let mut response = WatchResponse { header: header.clone(), watch_id, ..WatchResponse::default() };
            let Some(next) = watch.next else {
                let start = watch.request.start_revision;
                watch.next = Some(if start > 0 { start } else { revision + 1 });
                self.connection.tell(stream, &written(&WatchResponse { created: true, ..response }));
                continue;
            };
            if next < changes.compacted && next <= revision {
                (response.canceled, response.compact_revision) = (true, changes.compacted);
                over.push((stream, watch_id));
            } else if next >= from {
                let wanted = changes.events.iter().filter(|event| watch.wants(next, event));
                response.events = wanted.map(|event| watch.told(event)).collect();
                watch.next = Some(next.max(changes.next));
            }
            if response.canceled || !response.events.is_empty() {
                self.connection.tell(stream, &written(&response));
            }
        }
        for watch in over {
            self.watches.remove(&watch);
        }
        let (told, waits) =
            std::mem::take(&mut self.progress).into_iter().partition(|&(_, is_asked)| is_asked);
        self.progress = waits;
        let told: Vec<_> = told;
        for (stream, _) in told {
            let progress = WatchResponse { header: header.clone(), watch_id: -1, ..WatchResponse::default() };
            self.connection.tell(stream, &written(&progress));
        }
    }

    /// Nobody could say what has changed: it is asked for again.
    pub(crate) fn unchanged(&mut self) {
        self.watches.values_mut().for_each(|watch| watch.is_asked = false);
        self.progress.iter_mut().for_each(|(_, is_asked)| *is_asked = false);
    }
}

impl Watch {
    fn wants(&self, next: i64, event: &Event) -> bool {
        let Some(kv) = &event.kv else { return false };
        let filtered = if event.kind == 0 { NO_PUT } else { NO_DELETE };
        kv.mod_revision >= next
            && !self.request.filters.contains(&filtered)
            && Span::new(&self.request.key, &self.request.range_end).has(&kv.key)
    }

    fn told(&self, event: &Event) -> Event {
        let prev_kv = event.prev_kv.clone().filter(|_| self.request.prev_kv);
        Event { prev_kv, ..event.clone() }
    }
}

/// What changed, of an answer that has it.
pub(crate) fn changes(reply: Option<Reply>) -> Option<(Changes, i64)> {
    match reply {
        Some(Reply::Etcd(answer)) => match *answer {
            Answer { revision, what: Ok(Told::Changes(changes)) } => Some((changes, revision)),
            Answer { .. } => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::message::{KeyValue, RangeRequest};
    use crate::etcd::protobuf::Message;

    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const DATA: u8 = 0;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn call(stream: u8, path: &str, message: Option<&[u8]>) -> Vec<u8> {
        let headers = [&[0x83, 0x44, path.len() as u8], path.as_bytes()].concat();
        let message = message.map(|message| [&[0, 0, 0, 0, message.len() as u8], message].concat());
        let data =
            message.map_or_else(|| frame(DATA, 1, stream, &[]), |message| frame(DATA, 0, stream, &message));
        [frame(HEADERS, 4, stream, &headers), data].concat()
    }

    fn bytes(message: &impl Message) -> Vec<u8> {
        written(message)
    }

    /// A client that takes nothing that is told.
    fn session() -> Session {
        let mut session = Session::new();
        session.take(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), &About::default());
        session.out();
        session
    }

    fn watching(session: &mut Session, about: &About) {
        let create =
            WatchCreateRequest { key: "a".into(), start_revision: 1, ..WatchCreateRequest::default() };
        let create = WatchRequest { create_request: Some(Box::new(create)), ..WatchRequest::default() };
        session.take(&call(1, "/etcdserverpb.Watch/Watch", Some(&bytes(&create))), about);
        session.is_asking();
        session.changed(i64::MAX, &Changes::default(), 5, &about.node);
    }

    /// A put of a long value at that revision.
    fn put(revision: i64) -> Changes {
        let value = vec![b'v'; 1 << 20].into();
        let kv = KeyValue { key: "a".into(), value, mod_revision: revision, ..KeyValue::default() };
        let event = Event { kind: 0, kv: Some(kv), prev_kv: None };
        Changes { events: vec![event], next: revision + 1, compacted: 0 }
    }

    #[test]
    fn a_watch_of_one_who_does_not_read_waits_and_misses_nothing() {
        let (mut session, about) = (session(), About::default());
        watching(&mut session, &about);
        let told = |session: &Session| session.watches.values().next().and_then(|watch| watch.next);
        for revision in 1..40 {
            session.is_asking();
            session.changed(revision, &put(revision), 50, &about.node);
        }
        assert_eq!((session.wants(50), told(&session)), (None, Some(17)));
        assert!(session.connection.waiting() < WAITING_MAX + (2 << 20));
        // it reads all of it
        let wide = (1_u32 << 30).to_be_bytes();
        session.take(&[frame(8, 0, 0, &wide), frame(8, 0, 1, &wide)].concat(), &about);
        session.out();
        assert_eq!(session.wants(50), Some(17));
    }

    #[test]
    fn changes_that_begin_behind_a_watch_are_not_its() {
        let (mut session, about) = (session(), About::default());
        watching(&mut session, &about);
        session.is_asking();
        session.changed(9, &put(9), 9, &about.node);
        assert_eq!(session.wants(9), Some(1), "what was between is asked for");
        session.changed(1, &put(1), 9, &about.node);
        assert_eq!(session.wants(9), Some(1), "it was not among those who asked");
    }

    #[test]
    fn a_call_that_says_nothing_is_over() {
        let (mut session, about) = (session(), About::default());
        session.take(&call(1, "/etcdserverpb.KV/Range", None), &about);
        assert!(session.calls.is_empty() && session.batches().is_empty());
        let range = bytes(&RangeRequest { key: "a".into(), ..RangeRequest::default() });
        session.take(&call(3, "/etcdserverpb.KV/Range", Some(&range)), &about);
        assert_eq!(session.batches().len(), 1);
        session.take(&frame(3, 0, 3, &[0, 0, 0, 8]), &about);
        session.ended(1, Ok(vec![Reply::Nil]), &about.node);
        assert_eq!(
            (session.under_way, session.length, session.calls.len()),
            (0, 0, 0),
            "given up, and answered"
        );
    }
}
