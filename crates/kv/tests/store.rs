//! The store as a state machine: revisions, time, the same bytes from the same log, snapshots in pieces.

use synod_kv::act::{Lifetime, Only, Set};
use synod_kv::{Act, Bytes, Command, Query, Read, Reply, Status, Store, Write};
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
fn a_command_is_one_revision_whatever_it_changes() {
    let mut store = Store::default();
    store.execute(&command(1, [put("a", "1"), put("b", "1"), put("a", "2")]));
    assert_eq!(store.revision(), 1);
    assert_eq!(revisions(&store, "a"), Some((1, 1, 2)));
    store.execute(&command(2, [put("b", "2")]));
    assert_eq!(revisions(&store, "b"), Some((1, 2, 2)));
    store.execute(&command(3, [delete("b"), put("b", "3")]));
    assert_eq!(revisions(&store, "b"), Some((3, 3, 1)), "created anew");
    let nothing = [delete("none"), Act::Read(Read::Get("a".into())), Act::Write(Write::Persist("a".into()))];
    store.execute(&command(4, nothing));
    store.execute(&command(5, [Act::Write(Write::Expire { key: "a".into(), after: 1000 })]));
    assert_eq!(store.revision(), 3, "what changes no value is no revision");
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
    assert_eq!(read(&store, 9_000, Read::Milliseconds("a".into())), Reply::Integer(0), "due");
    assert_eq!(get(&store, "a"), Reply::Bulk("1".into()), "and there until the log says so");
    store.execute(&command(1_499, []));
    assert_eq!(store.entry(b"a").map(|e| e.version), Some(1));
    store.execute(&command(1_500, []));
    assert_eq!((get(&store, "a"), store.next_expiry()), (Reply::Nil, None));
    assert_eq!(store.revision(), 2, "what expires is a revision");
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
    assert_eq!(revisions(&store, "a"), Some((3, 3, 1)), "after the revision in which the old one went");
}

#[test]
fn overwriting_forgets_when_to_expire() {
    let mut store = Store::default();
    store.execute(&command(0, [set("a", "1", Lifetime::Millis(10)), put("a", "2")]));
    store.execute(&command(10, []));
    assert_eq!(get(&store, "a"), Reply::Bulk("2".into()));
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
            Act::Write(match draw(16) {
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
    assert_eq!(pieces.len(), 4);
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
