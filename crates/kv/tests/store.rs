//! The store as a state machine: revisions, time, the same bytes from the same log, snapshots in pieces.

use synod_kv::act::{Lifetime, Only, Set};
use synod_kv::etcd::ask::Change;
use synod_kv::etcd::message::{CompactionRequest, DeleteRangeRequest, LeaseGrantRequest, PutRequest};
use synod_kv::{Act, Bytes, Command, Failure, Query, Read, Reply, Status, Store, VALUE_LENGTH_MAX, Write};
use synod_model::interface::StateMachine;

const OK: Reply = Reply::Status(Status::Ok);

fn set(key: &str, value: &str, lifetime: Lifetime) -> Act {
    Act::Write(Write::Set(Set {
        key: key.into(),
        value: value.into(),
        only: Only::Always,
        lifetime,
        tell_old: false,
    }))
}

fn put(key: &str, value: &str) -> Act {
    set(key, value, Lifetime::Unbounded)
}

fn delete(key: &str) -> Act {
    Act::Write(Write::Delete(vec![key.into()]))
}

fn command(at: u64, acts: impl Into<Vec<Act>>) -> Command {
    Command { at, acts: acts.into() }
}

fn read(store: &Store, at: u64, read: Read) -> Reply {
    store.answer(&Query { at, reads: vec![read] }).remove(0)
}

fn get(store: &Store, key: &str) -> Reply {
    read(store, 0, Read::Get(key.into()))
}

/// Creation, last write and version of a key.
fn revisions(store: &Store, key: &str) -> Option<(u64, u64, u64)> {
    store.entry(key.as_bytes()).map(|e| (e.create_revision, e.mod_revision, e.version))
}

#[test]
fn an_act_is_one_revision_whatever_it_changes() {
    let mut store = Store::default();
    assert_eq!(store.revision(), 1, "as etcd has it");
    store.execute(&command(1, [put("a", "1"), put("b", "1"), put("a", "2")]));
    assert_eq!(store.revision(), 4);
    assert_eq!(revisions(&store, "a"), Some((2, 4, 2)));
    let pairs = vec![("b".into(), "2".into()), ("c".into(), "2".into())];
    store.execute(&command(2, [Act::Write(Write::SetAll(pairs))]));
    assert_eq!((revisions(&store, "b"), revisions(&store, "c")), (Some((3, 5, 2)), Some((5, 5, 1))));
    store.execute(&command(3, [delete("b"), put("b", "3")]));
    assert_eq!(revisions(&store, "b"), Some((7, 7, 1)), "created anew");
    let nothing = [delete("none"), Act::Read(Read::Get("a".into())), Act::Write(Write::Persist("a".into()))];
    store.execute(&command(4, nothing));
    store.execute(&command(5, [Act::Write(Write::Expire { key: "a".into(), after: 1000 })]));
    assert_eq!(store.revision(), 7, "what changes no value is no revision");
}

#[test]
fn acts_of_a_command_see_each_other_and_one_that_fails_changes_nothing() {
    let mut store = Store::default();
    let up = || Act::Write(Write::Increment { key: "a".into(), by: 1 });
    let replies =
        store.execute(&command(1, [put("a", "x"), up(), put("a", "9"), up(), Act::Read(Read::Count)]));
    assert!(matches!(replies[1], Reply::Failed(_)));
    assert_eq!(replies[3..], [Reply::Integer(10), Reply::Integer(1)]);
}

#[test]
fn time_enters_with_commands_alone_and_never_goes_back() {
    let mut store = Store::default();
    store.execute(&command(1_000, [set("a", "1", Lifetime::Millis(500)), put("b", "1")]));
    assert_eq!(store.next_expiry(), Some(1_500));
    assert_eq!(read(&store, 1_400, Read::Milliseconds("a".into())), Reply::Integer(100));
    let due = Query { at: 1_500, reads: vec![Read::Get("b".into())] };
    assert_eq!(store.answer(&due), [], "something is due: ask by a command");
    assert_eq!(get(&store, "a"), Reply::Bulk("1".into()), "and there until the log says so");
    store.execute(&command(1_499, []));
    assert_eq!(store.entry(b"a").map(|e| e.version), Some(1));
    store.execute(&command(1_500, []));
    assert_eq!((get(&store, "a"), store.next_expiry()), (Reply::Nil, None));
    assert_eq!(store.revision(), 4, "what expires is a revision");
    store.execute(&command(3, [set("c", "1", Lifetime::Millis(10))]));
    assert_eq!((store.now(), store.next_expiry()), (1_500, Some(1_510)), "a clock that is behind");
}

#[test]
fn a_key_that_expired_is_created_anew_in_the_same_command() {
    let mut store = Store::default();
    store.execute(&command(0, [set("a", "1", Lifetime::Millis(10))]));
    let only_new = Act::Write(Write::Set(Set {
        key: "a".into(),
        value: "2".into(),
        only: Only::IfAbsent,
        lifetime: Lifetime::Unbounded,
        tell_old: false,
    }));
    assert_eq!(store.execute(&command(9, [only_new.clone()])), [Reply::Nil]);
    assert_eq!(store.execute(&command(10, [only_new])), [OK]);
    assert_eq!(revisions(&store, "a"), Some((4, 4, 1)), "after the revision in which the old one went");
}

#[test]
fn overwriting_forgets_when_to_expire() {
    let mut store = Store::default();
    store.execute(&command(0, [set("a", "1", Lifetime::Millis(10)), put("a", "2")]));
    store.execute(&command(10, []));
    assert_eq!(get(&store, "a"), Reply::Bulk("2".into()));
}

/// A change by the API of etcd.
fn etcd_act(kind: u64, key: Bytes, number: i64) -> Act {
    let (lease, range_end) = (number % 4, Bytes::from("k4"));
    Act::Write(Write::Etcd(Box::new(match kind {
        0..=1 => Change::Put(PutRequest { key, value: "8".into(), lease, ..PutRequest::default() }),
        2 => Change::DeleteRange(DeleteRangeRequest { key, range_end, prev_kv: true }),
        3 => Change::Grant(LeaseGrantRequest { ttl: 1, id: lease }),
        4 => Change::Revoke(lease),
        5 => Change::KeepAlive(lease),
        _ => Change::Compact(CompactionRequest { revision: number * 10, physical: false }),
    })))
}

/// A log of every kind of write over few keys, drawn from a seed.
fn log(seed: u64, length: usize) -> Vec<Command> {
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut at = 0;
    let entry = |_| {
        at += draw(30);
        let acts = (0..=draw(3)).map(|_| {
            let key = Bytes::from(format!("k{}", draw(12)).as_str());
            let number = draw(40);
            Act::Write(match draw(20) {
                16..=19 => return etcd_act(draw(7), key, number.cast_signed()),
                0..=3 => return set(&format!("k{}", draw(12)), &number.to_string(), Lifetime::Unbounded),
                4..=6 => return set(&format!("k{}", draw(12)), "x", Lifetime::Millis(number)),
                7 => return set(&format!("k{}", draw(12)), "7", Lifetime::Kept),
                8 => Write::Delete(vec![key.clone(), key]),
                9..=10 => Write::Increment { key, by: number.cast_signed() - 20 },
                11 => Write::Append { key, tail: "1".into() },
                12 => Write::Expire { key, after: number.cast_signed() - 5 },
                13 => Write::Persist(key),
                14 => Write::SetAll(vec![(key, "3".into()), ("k0".into(), "4".into())]),
                _ if number == 0 => Write::Clear,
                _ => return Act::Read(Read::Keys("*".into())),
            })
        });
        Command { at, acts: acts.collect() }
    };
    (0..length).map(entry).collect()
}

fn bytes(store: &Store) -> Vec<u8> {
    postcard::to_stdvec(store).expect("a store can be written down")
}

/// The state in pieces, each written and read as it would be on its way, joined.
fn carried(store: &Store) -> Store {
    let mut again = Store::default();
    for piece in store.pieces() {
        again.join(postcard::from_bytes(&bytes(&piece)).expect("what was written can be read"));
    }
    again
}

#[test]
fn the_same_log_comes_to_the_same_bytes_from_any_snapshot_on() {
    for seed in 0..20 {
        let log = log(seed, 400);
        let mut whole = Store::default();
        let answers: Vec<_> = log.iter().map(|command| whole.execute(command)).collect();
        for cut in [0, 1, 100, 399] {
            let mut other = Store::default();
            let mut told: Vec<_> = log[..cut].iter().map(|command| other.execute(command)).collect();
            let mut other = carried(&other);
            told.extend(log[cut..].iter().map(|command| other.execute(command)));
            assert_eq!(told, answers, "seed {seed}, cut at {cut}");
            assert_eq!(other, whole, "with all orders that it keeps");
            assert_eq!(bytes(&other), bytes(&whole));
        }
    }
}

#[test]
fn a_large_store_goes_in_pieces() {
    let mut store = Store::default();
    let value = "v".repeat(10_000);
    for key in 0..100 {
        store.execute(&command(key, [set(&format!("k{key}"), &value, Lifetime::Millis(1_000))]));
    }
    let pieces = store.pieces();
    assert_eq!(pieces.len(), 8, "entries and history");
    assert!(pieces.iter().all(|piece| bytes(piece).len() < 300_000));
    assert_eq!(carried(&store), store);
    assert_eq!(Store::default().pieces(), [Store::default()]);
    let mut emptied = store.clone();
    emptied.execute(&command(500, [Act::Write(Write::Clear)]));
    assert_eq!(carried(&emptied), emptied, "an empty one has its revision and its time");
}

#[test]
fn a_snapshot_cut_short_is_no_store() {
    let mut store = Store::default();
    store.execute(&command(1, [put("a", "1"), put("b", "2")]));
    let whole = bytes(&store);
    for length in 0..whole.len() {
        assert!(postcard::from_bytes::<Store>(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_scan_tells_what_stays_exactly_once_whatever_comes_and_goes() {
    let mut store = Store::default();
    for key in 0..50 {
        store.execute(&command(0, [put(&format!("stays{key}"), "1"), put(&format!("goes{key}"), "1")]));
    }
    let (mut cursor, mut seen, mut round) = (0, Vec::new(), 0);
    loop {
        let scan = Read::Scan { cursor, pattern: Some("stays*".into()), count: 6 };
        let Reply::Array(mut page) = read(&store, 0, scan) else { panic!("a page") };
        let (Some(Reply::Array(keys)), Some(Reply::Bulk(next))) = (page.pop(), page.pop()) else {
            panic!("a cursor and keys")
        };
        seen.extend(keys);
        cursor = std::str::from_utf8(&next).ok().and_then(|text| text.parse().ok()).expect("a number");
        if cursor == 0 {
            break;
        }
        let changes = [delete(&format!("goes{round}")), put(&format!("stays{round}"), "2"), put("new", "1")];
        store.execute(&command(0, changes));
        round += 1;
    }
    assert!(round > 10);
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!((seen.len(), once.len()), (50, 50));
}

fn set_with(key: &str, value: &str, only: Only, lifetime: Lifetime, tell_old: bool) -> Act {
    Act::Write(Write::Set(Set { key: key.into(), value: value.into(), only, lifetime, tell_old }))
}

fn one(store: &mut Store, at: u64, act: Act) -> Reply {
    store.execute(&command(at, [act])).remove(0)
}

#[test]
fn an_increment_beyond_64_bits_is_refused_and_changes_nothing() {
    let mut store = Store::default();
    let by = |by| Act::Write(Write::Increment { key: "a".into(), by });
    for (value, step) in [(i64::MAX, 1), (i64::MIN, -1), (i64::MIN, i64::MIN)] {
        one(&mut store, 0, put("a", &value.to_string()));
        let revision = store.revision();
        assert_eq!(one(&mut store, 0, by(step)), Reply::Failed(Failure::Overflow));
        assert_eq!(get(&store, "a"), Reply::Bulk(value.to_string().into_bytes().into()));
        assert_eq!(store.revision(), revision);
    }
    one(&mut store, 0, put("a", &(i64::MAX - 1).to_string()));
    assert_eq!(one(&mut store, 0, by(1)), Reply::Integer(i64::MAX));
    one(&mut store, 0, put("a", "1 "));
    assert_eq!(one(&mut store, 0, by(1)), Reply::Failed(Failure::NotAnInteger));
}

#[test]
fn a_value_grows_up_to_its_limit_and_not_beyond() {
    let mut store = Store::default();
    let append =
        |length: usize| Act::Write(Write::Append { key: "a".into(), tail: vec![b'x'; length].into() });
    one(&mut store, 0, append(VALUE_LENGTH_MAX - 1));
    let full = Reply::Integer(1 << 20);
    assert_eq!(one(&mut store, 0, append(2)), Reply::Failed(Failure::TooLong));
    assert_eq!(one(&mut store, 0, append(1)), full);
    assert_eq!(one(&mut store, 0, append(1)), Reply::Failed(Failure::TooLong));
    assert_eq!(read(&store, 0, Read::Length("a".into())), full);
}

#[test]
fn a_key_lives_as_long_as_set_says() {
    let mut store = Store::default();
    let at = |store: &Store| store.entry(b"a").and_then(|entry| entry.expires_at);
    one(&mut store, 100, set("a", "1", Lifetime::Millis(50)));
    one(&mut store, 110, set("a", "2", Lifetime::Kept));
    assert_eq!((get(&store, "a"), at(&store)), (Reply::Bulk("2".into()), Some(150)));
    one(&mut store, 120, Act::Write(Write::Increment { key: "a".into(), by: 1 }));
    one(&mut store, 120, Act::Write(Write::Append { key: "a".into(), tail: "0".into() }));
    assert_eq!((get(&store, "a"), at(&store)), (Reply::Bulk("30".into()), Some(150)), "kept by both");
    one(&mut store, 130, set("a", "3", Lifetime::Millis(5)));
    assert_eq!(at(&store), Some(135));
    one(&mut store, 135, set("a", "4", Lifetime::Kept));
    assert_eq!(at(&store), None, "what has expired has left nothing to keep");
    one(&mut store, 136, Act::Write(Write::Expire { key: "a".into(), after: i64::MAX }));
    assert_eq!(at(&store), Some(136 + i64::MAX.cast_unsigned()));
    assert_eq!(
        one(&mut store, 137, Act::Write(Write::Expire { key: "a".into(), after: 0 })),
        Reply::Integer(1)
    );
    assert_eq!(get(&store, "a"), Reply::Nil);
}

#[test]
fn set_heeds_what_is_there_and_tells_it_where_asked() {
    let mut store = Store::default();
    let set = |only, tell_old| set_with("a", "new", only, Lifetime::Unbounded, tell_old);
    assert_eq!(one(&mut store, 0, set(Only::IfPresent, false)), Reply::Nil);
    assert_eq!(store.entry(b"a"), None, "XX creates nothing");
    assert_eq!(one(&mut store, 0, set(Only::IfPresent, true)), Reply::Nil);
    assert_eq!(one(&mut store, 0, set(Only::IfAbsent, true)), Reply::Nil, "GET of nothing, and it is set");
    assert_eq!(get(&store, "a"), Reply::Bulk("new".into()));
    one(&mut store, 0, put("a", "old"));
    assert_eq!(one(&mut store, 0, set(Only::IfAbsent, false)), Reply::Nil);
    assert_eq!(one(&mut store, 0, set(Only::IfAbsent, true)), Reply::Bulk("old".into()), "and it is not set");
    assert_eq!(get(&store, "a"), Reply::Bulk("old".into()));
    assert_eq!(one(&mut store, 0, set(Only::IfPresent, true)), Reply::Bulk("old".into()));
    assert_eq!(get(&store, "a"), Reply::Bulk("new".into()));
    assert_eq!(one(&mut store, 0, set(Only::IfPresent, false)), OK);
}

#[test]
fn what_is_left_of_a_life_is_rounded_to_the_nearest_second() {
    let mut store = Store::default();
    one(&mut store, 0, set("a", "1", Lifetime::Millis(10_000)));
    one(&mut store, 0, put("b", "1"));
    let left = |at, key: &str| read(&store, at, Read::Seconds(key.into()));
    for (at, seconds) in [(0, 10), (500, 10), (501, 9), (9_499, 1), (9_500, 1), (9_501, 0), (9_999, 0)] {
        assert_eq!(left(at, "a"), Reply::Integer(seconds), "after {at} ms");
    }
    assert_eq!((left(0, "b"), left(0, "c")), (Reply::Integer(-1), Reply::Integer(-2)));
}

/// An answer travels between processes: it is bounded, whatever is asked, and what it has no room for is not done.
#[test]
fn an_answer_is_bounded_and_says_so() {
    let mut store = Store::default();
    let long = "x".repeat(VALUE_LENGTH_MAX);
    let value = Reply::Bulk(long.as_str().into());
    one(&mut store, 0, put("a", &long));
    let get = || Act::Read(Read::Get("a".into()));
    assert_eq!(one(&mut store, 0, get()), value, "the longest value has room");
    let both = Act::Read(Read::GetAll(vec!["a".into(), "a".into()]));
    let too_long = Reply::Failed(Failure::AnswerTooLong);
    assert_eq!(one(&mut store, 0, both), too_long);
    let old = set_with("a", "new", Only::Always, Lifetime::Unbounded, true);
    let replies = store.execute(&command(0, [get(), get(), old, put("b", "1")]));
    assert_eq!(replies, [value.clone(), too_long.clone(), too_long.clone(), OK]);
    assert_eq!(store.entry(b"a").map(|entry| entry.value.len()), Some(VALUE_LENGTH_MAX), "not set");
    let many = |count| Read::GetAll(vec!["a".into(); count]);
    assert_eq!(read(&store, 0, many(15)), Reply::Array(vec![value; 15]));
    assert_eq!(read(&store, 0, many(17)), too_long);
    assert_eq!(read(&store, 0, Read::Scan { cursor: 0, pattern: None, count: u64::MAX }), {
        let keys = ["a", "b"].map(|key| Reply::Bulk(key.into())).to_vec();
        Reply::Array(vec![Reply::Bulk("0".into()), Reply::Array(keys)])
    });
}
