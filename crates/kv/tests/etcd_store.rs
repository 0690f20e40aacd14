//! The store as the API of etcd sees it. The expectations are what etcd 3.4 answered to the same requests.

use synod_kv::act::{Lifetime, Only, Set};
use synod_kv::etcd::ask::{Answer, Change, Changes, Look, Told};
use synod_kv::etcd::error::Error;
use synod_kv::etcd::message::*;
use synod_kv::{Act, Bytes, Command, Query, Read, Reply, Store, Write};
use synod_model::interface::StateMachine;

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Etcd(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

/// A store at some time of the log.
#[derive(Default)]
struct At {
    store: Store,
    now: u64,
}

impl At {
    fn act(&mut self, act: Act) -> Reply {
        self.store.execute(&Command { at: self.now, acts: vec![act] }).remove(0)
    }

    fn change(&mut self, change: Change) -> Answer {
        answer(self.act(Act::Write(Write::Etcd(Box::new(change)))))
    }

    fn put(&mut self, key: &str, value: &str) -> Answer {
        self.change(Change::Put(put(key, value)))
    }

    fn look(&self, look: Look) -> Answer {
        let reads = vec![Read::Etcd(Box::new(look))];
        answer(self.store.answer(&Query { at: self.now, reads }).remove(0))
    }

    /// `key=value@created/modified/version`, and the count.
    fn get(&self, request: RangeRequest) -> Result<(String, i64), Error> {
        let what = self.look(Look::Range(request)).what?;
        let Told::Range(range) = what else { panic!("{what:?}") };
        let more = if range.more { " .." } else { "" };
        Ok((texts(&range.kvs) + more, range.count))
    }

    fn changes(&self, from: i64) -> Changes {
        match self.look(Look::Changes(from)).what {
            Ok(Told::Changes(changes)) => changes,
            other => panic!("{other:?}"),
        }
    }

    fn watched(&self, from: i64) -> String {
        let text = |event: Event| {
            let kv = event.kv.expect("a key");
            let before = event.prev_kv.map_or_else(String::new, |kv| format!("<{}", text(&kv)));
            format!("{}{}{before}", if event.kind == 0 { "+" } else { "-" }, self::text(&kv))
        };
        self.changes(from).events.into_iter().map(text).collect::<Vec<_>>().join(" ")
    }
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

fn one(key: &str) -> RangeRequest {
    RangeRequest { key: key.into(), ..RangeRequest::default() }
}

fn prefix(key: &str) -> RangeRequest {
    let mut end = key.as_bytes().to_vec();
    *end.last_mut().expect("not empty") += 1;
    RangeRequest { range_end: end.into(), ..one(key) }
}

fn text(kv: &KeyValue) -> String {
    let utf8 = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("text");
    let lease = if kv.lease == 0 { String::new() } else { format!("L{}", kv.lease) };
    let (key, value) = (utf8(&kv.key), utf8(&kv.value));
    format!("{key}={value}@{}/{}/{}{lease}", kv.create_revision, kv.mod_revision, kv.version)
}

fn texts(kvs: &[KeyValue]) -> String {
    kvs.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// The beginning of the script: seven puts.
fn begun() -> At {
    let mut at = At::default();
    for (key, value) in
        [("a", "b"), ("a", "1"), ("a", "2"), ("b", "1"), ("c/1", "x"), ("c/2", "y"), ("c/3", "z")]
    {
        at.put(key, value);
    }
    at
}

#[test]
fn ranges_are_told_as_of_any_revision() {
    let mut at = begun();
    let ok = |text: &str, count| Ok((text.to_owned(), count));
    assert_eq!(at.look(Look::Range(one("none"))).revision, 8);
    assert_eq!(at.get(one("none")), ok("", 0));
    assert_eq!(at.get(one("a")), ok("a=2@2/4/3", 1));
    assert_eq!(at.get(RangeRequest { revision: 2, ..one("a") }), ok("a=b@2/2/1", 1));
    assert_eq!(at.get(RangeRequest { revision: 3, ..one("a") }), ok("a=1@2/3/2", 1));
    assert_eq!(at.get(RangeRequest { revision: 8, ..one("a") }), ok("a=2@2/4/3", 1));
    assert_eq!(at.get(RangeRequest { revision: 99, ..one("a") }), Err(Error::FutureRevision));
    assert_eq!(at.get(RangeRequest { revision: 6, ..prefix("c/") }), ok("c/1=x@6/6/1", 1));
    let deletion = DeleteRangeRequest { key: "c/".into(), range_end: "c0".into(), prev_kv: true };
    let gone = at.change(Change::DeleteRange(deletion));
    let Ok(Told::DeleteRange(told)) = gone.what else { panic!("{gone:?}") };
    assert_eq!((gone.revision, told.deleted), (9, 3));
    assert_eq!(texts(&told.prev_kvs), "c/1=x@6/6/1 c/2=y@7/7/1 c/3=z@8/8/1");
    assert_eq!(at.get(prefix("c/")), ok("", 0));
    assert_eq!(at.get(RangeRequest { revision: 7, ..prefix("c/") }), ok("c/1=x@6/6/1 c/2=y@7/7/1", 2));
    let none = at.change(Change::DeleteRange(DeleteRangeRequest {
        key: "none".into(),
        ..DeleteRangeRequest::default()
    }));
    assert_eq!(none.revision, 9, "nothing has changed");
}

#[test]
fn a_range_is_limited_sorted_and_filtered() {
    let at = begun();
    let ok = |text: &str, count| Ok((text.to_owned(), count));
    let c = || prefix("c/");
    assert_eq!(at.get(RangeRequest { limit: 2, ..c() }), ok("c/1=x@6/6/1 c/2=y@7/7/1 ..", 3));
    assert_eq!(at.get(RangeRequest { limit: 3, ..c() }), ok("c/1=x@6/6/1 c/2=y@7/7/1 c/3=z@8/8/1", 3));
    assert_eq!(at.get(RangeRequest { count_only: true, ..c() }), ok("", 3));
    assert_eq!(at.get(RangeRequest { keys_only: true, ..c() }), ok("c/1=@6/6/1 c/2=@7/7/1 c/3=@8/8/1", 3));
    let value_down = RangeRequest { sort_target: 4, sort_order: 2, ..c() };
    assert_eq!(at.get(value_down), ok("c/3=z@8/8/1 c/2=y@7/7/1 c/1=x@6/6/1", 3));
    let last = RangeRequest { sort_target: 3, sort_order: 2, limit: 1, ..c() };
    assert_eq!(at.get(last), ok("c/3=z@8/8/1 ..", 3));
    let keys = |key: &str, end: &[u8]| RangeRequest { range_end: end.into(), keys_only: true, ..one(key) };
    assert_eq!(at.get(keys("b", b"\0")).expect("keys").1, 4, "from a key on");
    assert_eq!(at.get(keys("\0", b"\0")).expect("keys").1, 5, "all");
    assert_eq!(at.get(keys("a", b"c")).expect("keys").1, 2, "the end is not among them");
    assert_eq!(at.get(keys("c", b"a")).expect("keys").1, 0, "an end before the beginning");
    let young = RangeRequest { min_mod_revision: 7, ..c() };
    assert_eq!(at.get(young), ok("c/2=y@7/7/1 c/3=z@8/8/1", 3), "the count is that of the range");
}

fn on(key: &str, target: i64, result: i64, number: i64) -> Compare {
    let (version, create_revision, mod_revision, lease) = (number, number, number, number);
    let value = number.to_string().into_bytes().into();
    Compare {
        result,
        target,
        key: key.into(),
        version,
        create_revision,
        mod_revision,
        value,
        lease,
        range_end: "".into(),
    }
}

fn ops(ops: Vec<RequestOp>) -> Vec<RequestOp> {
    ops
}

fn puts(key: &str, value: &str) -> RequestOp {
    RequestOp { request_put: Some(Box::new(put(key, value))), ..RequestOp::default() }
}

fn gets(key: &str) -> RequestOp {
    RequestOp { request_range: Some(Box::new(one(key))), ..RequestOp::default() }
}

fn txn(
    at: &mut At,
    compare: Vec<Compare>,
    success: Vec<RequestOp>,
    failure: Vec<RequestOp>,
) -> (i64, TxnResponse) {
    let answer = at.change(Change::Txn(TxnRequest { compare, success, failure }));
    match answer.what {
        Ok(Told::Txn(told)) => (answer.revision, told),
        other => panic!("{other:?}"),
    }
}

#[test]
fn comparisons_are_made_of_all_that_can_be_compared() {
    let (version, create, modified, value, lease) = (0, 1, 2, 3, 4);
    let (equal, greater, less, other) = (0, 1, 2, 3);
    let mut at = begun();
    let cases = [
        (on("a", version, equal, 3), true),
        (on("a", version, greater, 3), false),
        (on("a", version, greater, 2), true),
        (on("a", create, less, 3), true),
        (on("a", modified, equal, 4), true),
        (on("a", modified, other, 4), false),
        (on("a", value, equal, 2), true),
        (on("a", value, less, 2), false),
        (on("a", lease, equal, 0), true),
        (on("none", create, equal, 0), true),
        (on("none", value, other, 5), false),
        (Compare { range_end: "c0".into(), ..on("c/", create, greater, 5) }, true),
        (Compare { range_end: "c0".into(), ..on("c/", create, greater, 6) }, false),
    ];
    for (compare, holds) in cases {
        let (revision, told) = txn(&mut at, vec![compare.clone()], vec![], vec![]);
        assert_eq!((revision, told.succeeded), (8, holds), "{compare:?}");
    }
    let both = vec![on("a", version, equal, 3), on("b", version, equal, 3)];
    assert!(!txn(&mut at, both, vec![], vec![]).1.succeeded, "all of them");
}

#[test]
fn a_transaction_is_one_revision_and_sees_what_it_did() {
    let mut at = begun();
    let delete = DeleteRangeRequest { key: "b".into(), ..DeleteRangeRequest::default() };
    let delete = RequestOp { request_delete_range: Some(Box::new(delete)), ..RequestOp::default() };
    let nested =
        TxnRequest { compare: vec![on("d", 0, 0, 0)], success: ops(vec![puts("e", "1")]), failure: vec![] };
    let nested = RequestOp { request_txn: Some(Box::new(nested)), ..RequestOp::default() };
    let success = vec![gets("d"), puts("d", "1"), gets("d"), delete, gets("b"), nested];
    let (revision, told) = txn(&mut at, vec![], success, vec![puts("never", "1")]);
    assert_eq!((revision, told.succeeded), (9, true));
    let ranges: Vec<_> = told.responses.iter().filter_map(|op| op.response_range.as_ref()).collect();
    let shown: Vec<_> =
        ranges.iter().map(|range| (texts(&range.kvs), range.header.as_ref().map(|h| h.revision))).collect();
    let shown: Vec<_> = shown.iter().map(|(text, revision)| (text.as_str(), *revision)).collect();
    assert_eq!(shown, [("", Some(8)), ("d=1@9/9/1", Some(9)), ("", Some(9))]);
    let inner = told.responses[5].response_txn.as_ref().expect("a transaction");
    assert!(inner.succeeded, "compared before anything was done");
    assert_eq!(at.watched(9), "+d=1@9/9/1 -b=@0/9/0<b=1@5/5/1 +e=1@9/9/1");
}

#[test]
fn a_transaction_of_which_something_cannot_be_does_nothing() {
    let mut at = begun();
    let before = at.store.clone();
    let refused = |at: &mut At, op: RequestOp| {
        let success = vec![puts("d", "1"), op];
        at.change(Change::Txn(TxnRequest { success, ..TxnRequest::default() })).what.expect_err("refused")
    };
    let with = |put: PutRequest| RequestOp { request_put: Some(Box::new(put)), ..RequestOp::default() };
    assert_eq!(refused(&mut at, with(PutRequest { lease: 77, ..put("x", "") })), Error::LeaseNotFound);
    assert_eq!(refused(&mut at, with(PutRequest { ignore_value: true, ..put("x", "") })), Error::KeyNotFound);
    let future = RangeRequest { revision: 99, ..one("a") };
    let future = RequestOp { request_range: Some(Box::new(future)), ..RequestOp::default() };
    assert_eq!(refused(&mut at, future), Error::FutureRevision);
    let nested =
        TxnRequest { success: vec![with(PutRequest { lease: 77, ..put("x", "") })], ..TxnRequest::default() };
    let nested = RequestOp { request_txn: Some(Box::new(nested)), ..RequestOp::default() };
    assert_eq!(refused(&mut at, nested), Error::LeaseNotFound);
    for value in ["e", "f"] {
        at.put(value, &"v".repeat(1 << 20));
    }
    let revision = at.store.revision();
    let long = vec![puts("d", "1"), gets("e"), gets("f")];
    let long = at.change(Change::Txn(TxnRequest { success: long, ..TxnRequest::default() }));
    assert_eq!((long.what, at.store.revision()), (Err(Error::AnswerTooLong), revision));
    assert_eq!((at.store.entry(b"d"), before.entry(b"d")), (None, None));
}

#[test]
fn a_put_keeps_what_it_is_told_to_keep() {
    let mut at = begun();
    at.change(Change::Grant(LeaseGrantRequest { ttl: 100, id: 7 }));
    at.change(Change::Put(PutRequest { lease: 7, ..put("a", "3") }));
    let kept = at.change(Change::Put(PutRequest { ignore_lease: true, prev_kv: true, ..put("a", "4") }));
    let Ok(Told::Put(PutResponse { prev_kv: Some(old), .. })) = kept.what else { panic!("{kept:?}") };
    assert_eq!(text(&old), "a=3@2/9/4L7");
    at.change(Change::Put(PutRequest { ignore_value: true, lease: 7, ..put("a", "") }));
    assert_eq!(at.get(one("a")), Ok(("a=4@2/11/6L7".to_owned(), 1)));
    at.put("a", "5");
    assert_eq!(at.get(one("a")), Ok(("a=5@2/12/7".to_owned(), 1)), "without a lease");
    let none = at.change(Change::Put(PutRequest { lease: 8, ..put("k", "v") }));
    assert_eq!(none.what, Err(Error::LeaseNotFound));
}

#[test]
fn what_was_compacted_is_told_to_be_gone() {
    let mut at = begun();
    let compact = |at: &mut At, revision| {
        at.change(Change::Compact(CompactionRequest { revision, physical: false })).what
    };
    assert_eq!(compact(&mut at, 5), Ok(Told::Done));
    assert_eq!(at.get(RangeRequest { revision: 4, ..one("a") }), Err(Error::Compacted));
    assert_eq!(at.get(RangeRequest { revision: 5, ..one("a") }), Ok(("a=2@2/4/3".to_owned(), 1)));
    assert_eq!(compact(&mut at, 5), Err(Error::Compacted));
    assert_eq!(compact(&mut at, 3), Err(Error::Compacted));
    assert_eq!(compact(&mut at, 999), Err(Error::FutureRevision));
    assert_eq!(at.changes(1).compacted, 5);
    assert_eq!(at.watched(5).split(' ').count(), 4, "that revision is there still");
}

#[test]
fn a_lease_ends_with_its_keys_by_the_time_of_the_log() {
    let mut at = At::default();
    let id = |answer: Answer| match answer.what {
        Ok(Told::Lease { id, ttl }) => (id, ttl),
        other => panic!("{other:?}"),
    };
    let (first, ttl) = id(at.change(Change::Grant(LeaseGrantRequest { ttl: 10, id: 0 })));
    assert_eq!((ttl, first != 0), (10, true));
    let taken = at.change(Change::Grant(LeaseGrantRequest { ttl: 10, id: first }));
    assert_eq!(taken.what, Err(Error::LeaseExists));
    let (other, _) = id(at.change(Change::Grant(LeaseGrantRequest { ttl: 20, id: 0 })));
    assert_ne!(first, other);
    at.change(Change::Put(PutRequest { lease: first, ..put("a", "1") }));
    at.change(Change::Put(PutRequest { lease: first, ..put("b", "1") }));
    at.change(Change::Put(PutRequest { lease: other, ..put("b", "2") }));
    let left = |at: &At, id| match at.look(Look::TimeToLive(LeaseTimeToLiveRequest { id, keys: true })).what {
        Ok(Told::TimeToLive(told)) => (told.ttl, told.granted_ttl, told.keys.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(left(&at, first), (10, 10, 1), "a key has one lease");
    at.now = 5_000;
    assert_eq!(left(&at, first).0, 5);
    assert_eq!(id(at.change(Change::KeepAlive(first))), (first, 10));
    at.now = 14_999;
    at.act(Act::Read(Read::Count));
    assert_eq!(at.store.next_lease_end(), Some(15_000));
    at.now = 15_000;
    at.store.execute(&Command { at: 15_000, acts: vec![] });
    assert_eq!((left(&at, first), left(&at, other)), ((-1, 0, 0), (5, 20, 1)));
    assert_eq!(at.watched(5), "-a=@0/5/0<a=1@2/2/1L1");
    assert_eq!(id(at.change(Change::KeepAlive(first))), (first, 0), "there is none any more");
    assert_eq!(at.change(Change::Revoke(other)).revision, 6);
    assert_eq!(at.change(Change::Revoke(other)).what, Err(Error::LeaseNotFound));
    assert_eq!(at.get(one("b")), Ok((String::new(), 0)));
    let long = at.change(Change::Grant(LeaseGrantRequest { ttl: 9_000_000_001, id: 0 }));
    assert_eq!(long.what, Err(Error::LeaseTooLong));
}

#[test]
fn what_is_set_by_the_other_protocol_is_seen_and_watched() {
    let mut at = At::default();
    let set = |lifetime| {
        let (key, value, only) = ("a".into(), "1".into(), Only::Always);
        Act::Write(Write::Set(Set { key, value, only, lifetime, tell_old: false }))
    };
    at.act(set(Lifetime::Unbounded));
    at.act(Act::Write(Write::Increment { key: "a".into(), by: 1 }));
    at.act(set(Lifetime::Millis(10)));
    at.now = 10;
    at.act(Act::Write(Write::Append { key: "b".into(), tail: "x".into() }));
    at.act(Act::Write(Write::Clear));
    let all = "+a=1@2/2/1 +a=2@2/3/2<a=1@2/2/1 +a=1@2/4/3<a=2@2/3/2 -a=@0/5/0<a=1@2/4/3 \
               +b=x@6/6/1 -b=@0/7/0<b=x@6/6/1";
    assert_eq!(at.watched(1), all);
}

/// Without the API of etcd little is remembered, with it more; never the whole of what was, and always the latest.
#[test]
fn what_is_remembered_is_bounded() {
    let mut at = At::default();
    let append = || Act::Write(Write::Append { key: "a".into(), tail: "x".into() });
    (0..10_000).for_each(|_| drop(at.act(append())));
    let first = at.changes(1).compacted;
    assert!(first > 9_000, "values grow: {first}");
    assert_eq!(at.get(RangeRequest { revision: first - 1, ..one("a") }), Err(Error::Compacted));
    assert!(at.get(RangeRequest { revision: first, ..one("a") }).is_ok());
    at.put("b", "1");
    (0..500).for_each(|_| drop(at.act(append())));
    assert_eq!(at.changes(1).compacted, first, "now more is kept");
}
