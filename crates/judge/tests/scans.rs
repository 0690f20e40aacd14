//! Scans of keys: what they did not find is an anti-dependency of a predicate (Adya 1999, section 3.1.4), G2 and not G2-item.

mod permuted;

use permuted::permuted;
use std::collections::BTreeMap;
use std::fmt::Write;
use synod_judge::generate::Random;
use synod_judge::log::Log;
use synod_judge::transactions::{Level, Outer, Phenomenon, Report, Workload, judge, judge_text};

/// Transactions that all run at once, each by a client of its own: with what they asked, and what they saw.
fn edn(transactions: &[String]) -> String {
    let mut text = String::new();
    for (client, parts) in transactions.iter().enumerate() {
        let _ = writeln!(text, "{{:process {client} :type :invoke :f :txn :value {parts}}}");
    }
    for (client, parts) in transactions.iter().enumerate() {
        let _ = writeln!(text, "{{:process {client} :type :ok :f :txn :value {parts}}}");
    }
    text
}

fn judged(transactions: &[String], workload: Workload) -> Report {
    let text = edn(transactions);
    let (log, _) = Log::from_text(&text).expect("a history");
    let report = judge(&log, workload).expect("transactions");
    assert_eq!(judge_text(&text, workload).as_ref(), Ok(&report), "read at once or piece by piece");
    report
}

fn lists(transactions: &[&str]) -> Report {
    judged(&transactions.iter().map(|&parts| parts.to_owned()).collect::<Vec<_>>(), Workload::ListAppend)
}

fn refused(parts: &str) -> String {
    let (log, _) = Log::from_text(&edn(&[parts.to_owned()])).expect("a history");
    judge(&log, Workload::RwRegister).expect_err("it is refused").to_string()
}

#[track_caller]
fn shows(report: &Report, phenomenon: Phenomenon, strongest: &[Level]) {
    let is_it = |kind: (Phenomenon, Outer)| kind == (phenomenon, Outer::None);
    assert!(report.anomalies.iter().any(|a| is_it((a.phenomenon, a.outer))), "{report}");
    assert_eq!(report.strongest(), strongest, "{report}");
}

#[test]
fn two_that_look_for_what_the_other_inserts_are_g2_and_not_g2_item() {
    let report = lists(&["[[:scan :all {}] [:append 1 1]]", "[[:scan :all {}] [:append 2 2]]"]);
    shows(&report, Phenomenon::G2, &[Level::StrongSnapshotIsolation, Level::RepeatableRead]);
    assert!(report.to_string().contains("T0 scanned and did not find 2, and T1 appended 2 to 2"), "{report}");
    assert!(report.to_string().contains("G2 (phantom): not serializable"), "{report}");
    assert!(
        report.to_string().contains("T0: [:scan :all ..] [:append 1 1], committed"),
        "in its order: {report}"
    );
    let registers = ["[[:scan :all {}] [:w 1 1]]", "[[:scan [1 2] {}] [:w 2 2]]"].map(str::to_owned);
    let report = judged(&registers, Workload::RwRegister);
    shows(&report, Phenomenon::G2, &[Level::StrongSnapshotIsolation, Level::RepeatableRead]);
    let apart = lists(&["[[:scan [1 5] {}] [:append 9 1]]", "[[:scan [6 10] {9 [1]}] [:append 7 2]]"]);
    assert_eq!(apart.strongest(), [Level::StrictSerializable], "7 is nothing that the first looked for");
}

/// Adya 1999, section 3.2.3, H_phantom: the sum is read after an insert that the scan before it did not see.
#[test]
fn adya_1999_h_phantom_is_no_snapshot_but_a_repeatable_read() {
    let report = lists(&[
        "[[:scan [1 9] {1 [10]}] [:r 100 [1 2]]]",
        "[[:append 2 10] [:append 100 2]]",
        "[[:append 1 10] [:append 100 1]]",
    ]);
    shows(&report, Phenomenon::GSinglePhantom, &[Level::RepeatableRead]);
    let fractured = report.anomalies.iter().any(|a| a.phenomenon == Phenomenon::Fractured);
    assert!(fractured, "of the second it sees the sum, and not the insert: {report}");
}

#[test]
fn what_a_scan_found_was_read() {
    let skew = lists(&[
        "[[:scan :all {1 [1]}] [:append 2 2]]",
        "[[:scan [1 1] {1 [1]}] [:append 1 3]]",
        "[[:append 1 1]]",
    ]);
    assert_eq!(skew.strongest(), [Level::StrictSerializable], "{skew}");
    let own = lists(&["[[:append 1 1] [:scan :all {}]]"]);
    shows(&own, Phenomenon::Internal, &[Level::ReadCommitted]);
    let gone = lists(&["[[:r 1 [1]] [:scan :all {}]]", "[[:append 1 1]]"]);
    shows(&gone, Phenomenon::Internal, &[Level::ReadCommitted]);
    let twice = lists(&["[[:scan :all {}] [:scan :all {1 [1]}]]", "[[:append 1 1]]"]);
    shows(&twice, Phenomenon::GSinglePhantom, &[Level::RepeatableRead]);
}

#[test]
fn two_that_insert_what_neither_found_lose_one() {
    for workload in [Workload::ListAppend, Workload::RwRegister] {
        let write = if workload == Workload::ListAppend { "append" } else { "w" };
        let insert = |value: u32| format!("[[:scan [1 1] {{}}] [:{write} 1 {value}]]");
        shows(
            &judged(&[insert(1), insert(2)], workload),
            Phenomenon::LostInsert,
            &[Level::SessionCausal, Level::RepeatableRead],
        );
    }
}

#[test]
fn json_has_pairs_where_keys_are_no_texts() {
    let event = |client: u32, kind: &str, value: &str| {
        format!("{{\"process\":{client},\"type\":\"{kind}\",\"f\":\"txn\",\"value\":{value}}}\n")
    };
    let (one, other) =
        ("[[\"scan\",null,[[1,7]]],[\"w\",2,8]]", "[[\"scan\",[1,3],[[1,7]]],[\"w\",3,9],[\"w\",1,7]]");
    let text =
        [event(0, "invoke", one), event(1, "invoke", other), event(0, "ok", one), event(1, "ok", other)]
            .concat();
    let report = judge_text(&text, Workload::RwRegister).expect("transactions");
    assert!(report.anomalies.iter().any(|a| a.phenomenon == Phenomenon::FutureRead), "{report}");
    assert!(!report.holds(Level::ReadAtomic) && !report.holds(Level::RepeatableRead));
}

#[test]
fn what_is_no_scan_is_refused() {
    for (parts, what) in [
        ("[[:scan x {}]]", "a scan is of :all, or of whole numbers [FROM TO], not `x`"),
        ("[[:scan [1 2 3] {}]]", "a scan is of :all"),
        ("[[:scan [1 2] {3 4}]]", "a scan of [1 2] does not look for 3"),
        ("[[:scan :all 5]]", "a scan finds a map, not `5`"),
        ("[[:scan :all [5]]]", "a scan finds a map, or pairs of keys and values"),
        ("[[:scan :all [[1 5] [1 6]]]]", "a scan finds a key once"),
        ("[[:scan :all]]", "neither a read nor a write"),
    ] {
        assert!(refused(parts).contains(what), "{parts}: {}", refused(parts));
    }
}

/// A part of a small transaction.
#[derive(Clone, Debug)]
enum Part {
    Write(i64, i64),
    Read(i64),
    Scan(i64, i64),
}

/// What it saw: of a key, or of a range of them.
type Seen = BTreeMap<i64, Vec<i64>>;
type Small = Vec<(Part, Seen)>;

/// Of lists all that was appended is there, of registers the last.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    All,
    Last,
}

fn apply(state: &mut Seen, parts: &[(Part, Seen)], kept: Kept) {
    for (part, _) in parts {
        if let &Part::Write(key, value) = part {
            let values = state.entry(key).or_default();
            if kept == Kept::Last {
                values.clear();
            }
            values.push(value);
        }
    }
}

/// What each part sees, from a state on.
fn seen(mut state: Seen, parts: &[(Part, Seen)], kept: Kept) -> Vec<Seen> {
    let see = |state: &Seen, from: i64, to: i64| {
        state.range(from..=to).map(|(&key, values)| (key, values.clone())).collect()
    };
    let each = parts.iter().map(|part| match part.0 {
        Part::Write(..) => {
            apply(&mut state, std::slice::from_ref(part), kept);
            Seen::new()
        }
        Part::Read(key) => see(&state, key, key),
        Part::Scan(from, to) => see(&state, from, to),
    });
    each.collect()
}

fn after(all: &[Small], order: &[usize], kept: Kept) -> Seen {
    let mut state = Seen::new();
    for &one in order {
        apply(&mut state, &all[one], kept);
    }
    state
}

/// Some transactions, each of which sees what some of those before it left; the last one sees all.
fn small(random: &mut Random, kept: Kept) -> Vec<Small> {
    let count = 2 + random.below(3) as usize;
    let mut value = 0;
    let mut all: Vec<Small> = vec![];
    for _ in 0..count {
        let mut parts = vec![];
        for _ in 0..=random.below(3) {
            let key = 1 + random.below(2).cast_signed();
            parts.push((
                match random.below(4) {
                    0 | 1 => {
                        value += 1;
                        Part::Write(key, value)
                    }
                    2 => Part::Read(key),
                    _ => Part::Scan(1, 1 + random.below(2).cast_signed()),
                },
                Seen::new(),
            ));
        }
        all.push(parts);
    }
    all.push(vec![(Part::Read(1), Seen::new()), (Part::Read(2), Seen::new())]);
    for at in 0..all.len() {
        let before: Vec<usize> = (0..at).filter(|_| at == count || random.below(2) > 0).collect();
        let saw = seen(after(&all, &before, kept), &all[at], kept);
        all[at].iter_mut().zip(saw).for_each(|(part, saw)| part.1 = saw);
    }
    all
}

fn written(all: &[Small], kept: Kept) -> Vec<String> {
    let value = |values: &[i64]| match kept {
        Kept::All => format!("{values:?}"),
        Kept::Last => values.last().map_or("nil".to_owned(), i64::to_string),
    };
    let write = if kept == Kept::All { "append" } else { "w" };
    let part = |(part, seen): &(Part, Seen)| match part {
        Part::Write(key, value) => format!("[:{write} {key} {value}]"),
        Part::Read(key) => format!("[:r {key} {}]", value(seen.get(key).map_or(&[], |values| values))),
        Part::Scan(from, to) => {
            let found: Vec<_> = seen.iter().map(|(key, values)| format!("{key} {}", value(values))).collect();
            format!("[:scan [{from} {to}] {{{}}}]", found.join(" "))
        }
    };
    all.iter().map(|parts| format!("[{}]", parts.iter().map(part).collect::<Vec<_>>().join(" "))).collect()
}

/// Whether it saw what this state shows; of scans only what they found, if `items_alone`.
fn agrees(parts: &[(Part, Seen)], state: Seen, kept: Kept, items_alone: bool) -> bool {
    seen(state, parts, kept).iter().zip(parts).all(|(now, (part, then))| match part {
        Part::Scan(..) if items_alone => then.iter().all(|(key, values)| now.get(key) == Some(values)),
        _ => now == then,
    })
}

fn serial(all: &[Small], kept: Kept, items_alone: bool) -> bool {
    permuted(all.len(), &mut vec![], &mut |order| {
        (0..order.len()).all(|at| agrees(&all[order[at]], after(all, &order[..at], kept), kept, items_alone))
    })
}

/// Snapshot isolation: each sees those before it up to some point, and writes no key that those after that point wrote (Cerone, Gotsman 2016).
fn of_snapshots(all: &[Small], kept: Kept) -> bool {
    let writes = |one: usize| {
        all[one].iter().filter_map(|(part, _)| if let Part::Write(key, _) = part { Some(*key) } else { None })
    };
    permuted(all.len(), &mut vec![], &mut |order| {
        (0..order.len()).all(|at| {
            (0..=at).any(|upto| {
                let clashes =
                    |&other: &usize| writes(other).any(|key| writes(order[at]).any(|own| own == key));
                !order[upto..at].iter().any(clashes)
                    && agrees(&all[order[at]], after(all, &order[..upto], kept), kept, false)
            })
        })
    })
}

/// By level: how many histories do not satisfy it, and how many do.
fn counted(
    kept: Kept,
    rounds: u32,
    check: &dyn Fn(Level, &Report, bool, &[Small]),
) -> BTreeMap<Level, [u32; 2]> {
    let workload = if kept == Kept::All { Workload::ListAppend } else { Workload::RwRegister };
    let mut random = Random::new(11);
    let mut counts: BTreeMap<Level, [u32; 2]> = BTreeMap::new();
    for _ in 0..rounds {
        let all = small(&mut random, kept);
        let report = judged(&written(&all, kept), workload);
        for (level, holds) in [
            (Level::Serializable, serial(&all, kept, false)),
            (Level::RepeatableRead, serial(&all, kept, true)),
            (Level::SnapshotIsolation, of_snapshots(&all, kept)),
        ] {
            check(level, &report, holds, &all);
            counts.entry(level).or_default()[usize::from(holds)] += 1;
        }
    }
    counts
}

#[test]
fn levels_are_what_their_definitions_say_on_small_histories_with_scans() {
    let counts = counted(Kept::All, 6_000, &|level, report, holds, all| {
        assert_eq!(report.holds(level), holds, "{level}: {all:#?}\n{report}");
    });
    assert!(counts.values().flatten().all(|&count| count > 200), "{counts:?}");
    assert!(
        counts[&Level::RepeatableRead][1] > counts[&Level::Serializable][1] + 200,
        "phantoms alone: {counts:?}"
    );
}

#[test]
fn what_is_refuted_of_registers_with_scans_is_so_on_small_histories() {
    let counts = counted(Kept::Last, 6_000, &|level, report, holds, all| {
        assert!(!holds || report.holds(level), "{level}: {all:#?}\n{report}");
    });
    assert!(counts.values().flatten().all(|&count| count > 200), "{counts:?}");
}
