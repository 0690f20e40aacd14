//! Transactions: each anomaly's canonical history, and all that is said of isolation against its definition.

mod permuted;

use permuted::permuted;
use std::fmt::Write;
use synod_judge::generate::Random;
use synod_judge::log::Log;
use synod_judge::transactions::{
    Level, Outer, Pattern, Phenomenon, Report, Unjudged, Workload, judge, judge_text,
};

/// A history, an event a line: `1 + [[:append x 1]]` client 1 begins, `1 . [..]` it is done, `1 ! ` it failed, `1 ?` nobody knows.
fn edn(text: &str) -> String {
    let mut edn = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (client, rest) = line.split_once(' ').expect("a client");
        let (what, value) = rest.split_once(' ').unwrap_or((rest, "nil"));
        let kind = match what {
            "+" => "invoke",
            "." => "ok",
            "!" => "fail",
            _ => "info",
        };
        let _ = writeln!(edn, "{{:process {client} :type :{kind} :f :txn :value {value}}}");
    }
    edn
}

fn log(text: &str) -> Log {
    Log::from_text(&edn(text)).expect("a history").0
}

/// Transactions one after the other in the log, all of which run at once; each by a client of its own.
fn at_once(transactions: &[&str]) -> String {
    let begin = transactions.iter().enumerate().map(|(client, t)| format!("{client} + {t}\n"));
    let end = transactions.iter().enumerate().map(|(client, t)| format!("{client} . {t}\n"));
    begin.chain(end).collect()
}

fn lists(text: &str) -> Report {
    let report = judge(&log(text), Workload::ListAppend).expect("transactions");
    assert_eq!(judge_text(&edn(text), Workload::ListAppend).as_ref(), Ok(&report));
    report
}

fn registers(text: &str) -> Report {
    judge(&log(text), Workload::RwRegister).expect("transactions")
}

#[track_caller]
fn shows(report: &Report, phenomenon: Phenomenon, outer: Outer, strongest: &[Level]) {
    assert!(report.anomalies.iter().any(|a| (a.phenomenon, a.outer) == (phenomenon, outer)), "{report:#?}");
    assert_eq!(report.strongest(), strongest, "{report:#?}");
}

#[test]
fn adya_1999_g0_two_write_in_each_others_way() {
    let report = lists(&at_once(&[
        "[[:append x 1] [:append y 1]]",
        "[[:append x 2] [:append y 2]]",
        "[[:r x [1 2]] [:r y [2 1]]]",
    ]));
    shows(&report, Phenomenon::G0, Outer::None, &[]);
    let why = &report.anomalies.iter().find(|a| a.phenomenon == Phenomenon::G0).expect("it is there").why;
    assert_eq!(why.len(), 2);
    assert!(why.contains(&"T0 appended 1 to x before T1 appended 2 to x".to_owned()), "{why:?}");
}

#[test]
fn adya_1999_g1_what_failed_what_is_not_final_and_each_other() {
    let aborted = "1 + [[:append x 1]]\n1 !\n2 + [[:r x nil]]\n2 . [[:r x [1]]]";
    shows(&lists(aborted), Phenomenon::G1a, Outer::None, &[Level::ReadUncommitted]);
    let intermediate = at_once(&["[[:append x 1] [:append x 2]]", "[[:r x [1]]]"]);
    let report = lists(&intermediate);
    assert!(
        report.anomalies.iter().any(|a| a.phenomenon == Phenomenon::G1b)
            && !report.holds(Level::ReadCommitted)
    );
    let circular = at_once(&["[[:append x 1] [:r y [1]]]", "[[:append y 1] [:r x [1]]]"]);
    shows(&lists(&circular), Phenomenon::G1c, Outer::None, &[Level::ReadUncommitted]);
}

#[test]
fn kingsbury_alvaro_2020_read_skew_is_g_single() {
    let report = lists(&at_once(&["[[:append x 1] [:append y 1]]", "[[:r x nil] [:r y [1]]]"]));
    shows(&report, Phenomenon::GSingle, Outer::None, &[Level::ReadCommitted]);
    assert!(report.anomalies.iter().any(|a| a.phenomenon == Phenomenon::Fractured));
    // seen through a third, nothing of which is seen in part
    let through = at_once(&["[[:r x nil] [:r z [1]]]", "[[:append x 1]]", "[[:r x [1]] [:append z 1]]"]);
    let strongest = [Level::ReadAtomic];
    shows(&lists(&through), Phenomenon::GSingle, Outer::None, &strongest);
}

#[test]
fn berenson_1995_write_skew_is_g2_item_and_snapshot_isolation_allows_it() {
    let report = lists(&at_once(&[
        "[[:r x nil] [:append y 1]]",
        "[[:r y nil] [:append x 1]]",
        "[[:r x [1]] [:r y [1]]]",
    ]));
    shows(&report, Phenomenon::G2Item, Outer::None, &[Level::StrongSnapshotIsolation]);
    let lost =
        lists(&at_once(&["[[:r x nil] [:append x 1]]", "[[:r x nil] [:append x 2]]", "[[:r x [1 2]]]"]));
    assert!(!lost.holds(Level::SnapshotIsolation), "a lost update: {lost:?}");
}

#[test]
fn a_long_fork_is_no_snapshot() {
    let fork = at_once(&[
        "[[:append x 1]]",
        "[[:append y 1]]",
        "[[:r x [1]] [:r y nil]]",
        "[[:r x nil] [:r y [1]]]",
    ]);
    shows(&lists(&fork), Phenomenon::GNonadjacent, Outer::None, &[Level::SessionCausal]);
}

#[test]
fn what_is_over_comes_before_what_begins_and_a_clients_own_too() {
    let stale = "1 + [[:append x 1]]\n1 . [[:append x 1]]\n2 + [[:r x nil]]\n2 . [[:r x nil]]";
    let strongest = [Level::SessionSerializable];
    shows(&lists(stale), Phenomenon::GSingle, Outer::RealTime, &strongest);
    let own = stale.replace("2 ", "1 ");
    shows(&lists(&own), Phenomenon::GSingle, Outer::Session, &[Level::Serializable]);
    let fine = stale.replace("[[:r x nil]]\n2 . [[:r x nil]]", "[[:r x nil]]\n2 . [[:r x [1]]]");
    assert_eq!(lists(&fine).strongest(), [Level::StrictSerializable]);
}

#[test]
fn lists_that_cannot_be_are_told() {
    let two = lists(&at_once(&["[[:append x 1]]", "[[:append x 2]]", "[[:r x [1 2]]]", "[[:r x [2]]]"]));
    shows(&two, Phenomenon::IncompatibleOrder, Outer::None, &[Level::ReadUncommitted]);
    shows(&lists(&at_once(&["[[:append x 1]]", "[[:r x [1 1]]]"])), Phenomenon::Duplicate, Outer::None, &[]);
    shows(&lists(&at_once(&["[[:r x [7]]]"])), Phenomenon::Garbage, Outer::None, &[]);
    let internal = lists(&at_once(&["[[:append x 1] [:r x nil]]"]));
    shows(&internal, Phenomenon::Internal, Outer::None, &[Level::ReadCommitted]);
}

#[test]
fn registers_say_less_and_what_they_say_is_so() {
    let skew = registers(&at_once(&["[[:r x nil] [:w y 1]]", "[[:r y nil] [:w x 1]]"]));
    shows(&skew, Phenomenon::G2Item, Outer::None, &[Level::StrongSnapshotIsolation]);
    let lost = registers(&at_once(&["[[:r x 0] [:w x 1]]", "[[:r x 0] [:w x 2]]", "[[:w x 0]]"]));
    shows(&lost, Phenomenon::LostUpdate, Outer::None, &[Level::SessionCausal]);
    let foreign = registers(&at_once(&["[[:r x 3]]"]));
    assert_eq!(foreign.strongest(), [Level::StrictSerializable]);
    assert!(foreign.notes[0].contains("3 was read of x"));
    let aborted = registers("1 + [[:w x 1]]\n1 !\n2 + [[:r x nil]]\n2 . [[:r x 1]]");
    shows(&aborted, Phenomenon::G1a, Outer::None, &[Level::ReadUncommitted]);
    let unknown = registers("1 + [[:w x 1]]\n1 ?\n2 + [[:r x nil]]\n2 . [[:r x 1]]");
    assert_eq!(unknown.strongest(), [Level::StrictSerializable]);
}

#[test]
fn what_is_no_transaction_is_refused_with_its_line() {
    let refused = |text: &str, workload| judge(&log(text), workload).expect_err(text).to_string();
    assert!(
        refused("1 + [[:w x 1]]", Workload::ListAppend)
            .contains("line 1: `w` is nothing that these transactions do: r, append")
    );
    assert!(refused("1 + 7", Workload::ListAppend).contains("not `7`"));
    assert!(refused("1 + [[:r x]]", Workload::RwRegister).contains("neither a read nor a write"));
    for bad in ["1 + [[:r x nil]]\n1 + [[:r x nil]]", "1 . [[:r x nil]]", "1 + [[:r x nil]", ""] {
        let refused = Log::from_text(&edn(bad)).expect_err(bad);
        assert_eq!(judge_text(&edn(bad), Workload::ListAppend), Err(Unjudged::Read(refused)), "{bad}");
    }
    let twice = "1 + [[:append x 1]]\n1 . [[:append x 1]]\n1 + [[:append x 1]]";
    assert!(refused(twice, Workload::ListAppend).contains("1 is written to x, as in line 1"));
}

#[test]
fn stronger_levels_imply_weaker_ones() {
    assert!(Level::ALL.iter().all(|&level| Level::StrictSerializable.implies(level)));
    assert!(!Level::Serializable.implies(Level::SessionSnapshotIsolation));
    assert!(!Level::StrongSnapshotIsolation.implies(Level::Serializable));
}

/// A transaction of a small history: reads of so many elements, and appends.
#[derive(Clone, Debug)]
struct Small {
    client: usize,
    invoked: usize,
    returned: usize,
    end: char,
    /// Key, and the length of what is read, or the element.
    parts: Vec<(usize, Result<usize, u8>)>,
}

/// Some transactions, and for each key the order in which elements come.
fn small(random: &mut Random, count_max: u64, ends: &[char]) -> (Vec<Small>, [Vec<u8>; 2]) {
    let count = 2 + random.below(count_max - 1) as usize;
    let mut instants: Vec<usize> = (0..2 * count).collect();
    for at in (1..instants.len()).rev() {
        instants.swap(at, random.below(at as u64 + 1) as usize);
    }
    let (mut orders, mut element) = ([vec![], vec![]], 0);
    let mut all: Vec<Small> = vec![];
    for number in 0..count {
        let (a, b) = (instants[2 * number], instants[2 * number + 1]);
        let mut parts = vec![];
        let end = ends[random.below(ends.len() as u64) as usize];
        for _ in 0..=random.below(2) {
            let key = random.below(2) as usize;
            let is_new = !parts.iter().any(|&(other, _)| other == key);
            if is_new && random.below(2) == 0 {
                parts.push((key, Ok(random.below(4) as usize)));
            } else if is_new {
                element += 1;
                let at = random.below(orders[key].len() as u64 + 1) as usize;
                if end == '.' || random.below(2) == 0 {
                    orders[key].insert(at, element);
                }
                parts.push((key, Err(element)));
            }
        }
        all.push(Small { client: number, invoked: a.min(b), returned: a.max(b), end, parts });
    }
    // some are run by one client, one after the other
    for at in 1..all.len() {
        if random.below(2) == 0
            && all[..at].iter().all(|t| t.returned < all[at].invoked || t.client != all[at - 1].client)
        {
            all[at].client = all[at - 1].client;
        }
    }
    for part in all.iter_mut().flat_map(|t| &mut t.parts) {
        if let (key, Ok(length)) = part {
            *length = (*length).min(orders[*key].len());
        }
    }
    // the last one reads all
    let parts = (0..2).map(|key| (key, Ok(orders[key].len()))).collect();
    all.push(Small { client: 99, invoked: 2 * count, returned: 2 * count + 1, end: '.', parts });
    (all, orders)
}

fn written(all: &[Small], orders: &[Vec<u8>; 2]) -> Log {
    let mut events = vec![];
    for t in all {
        let parts = t.parts.iter().map(|(key, part)| match part {
            Ok(length) => format!("[:r {key} {:?}]", &orders[*key][..*length]),
            Err(element) => format!("[:append {key} {element}]"),
        });
        let parts = format!("[{}]", parts.collect::<Vec<_>>().join(" "));
        events.push((t.invoked, format!("{} + {parts}\n", t.client)));
        events.push((t.returned, format!("{} {} {parts}\n", t.client, t.end)));
    }
    events.sort();
    log(&events.into_iter().map(|(_, event)| event).collect::<String>())
}

/// Whether some order of all of them does what they say, `before` being kept.
fn some_order(all: &[Small], orders: &[Vec<u8>; 2], before: &dyn Fn(&Small, &Small) -> bool) -> bool {
    fn go(
        all: &[Small],
        orders: &[Vec<u8>; 2],
        before: &dyn Fn(&Small, &Small) -> bool,
        done: &mut Vec<usize>,
        lists: &[Vec<u8>; 2],
    ) -> bool {
        if all.iter().enumerate().all(|(at, t)| t.end != '.' || done.contains(&at)) {
            return true;
        }
        (0..all.len())
            .filter(|at| !done.contains(at) && all[*at].end != '!')
            .collect::<Vec<_>>()
            .into_iter()
            .any(|at| {
                let left = (0..all.len()).filter(|other| !done.contains(other) && *other != at);
                if left.into_iter().any(|other| all[other].end == '.' && before(&all[other], &all[at])) {
                    return false;
                }
                let mut lists = lists.clone();
                let fits = all[at].parts.iter().all(|(key, part)| match part {
                    Ok(length) => all[at].end != '.' || lists[*key] == orders[*key][..*length],
                    Err(element) => {
                        lists[*key].push(*element);
                        true
                    }
                });
                done.push(at);
                let found = fits && go(all, orders, before, done, &lists);
                done.pop();
                found
            })
    }
    go(all, orders, before, &mut vec![], &[vec![], vec![]])
}

#[test]
fn serialisability_is_what_its_definition_says_on_small_histories() {
    let mut random = Random::new(5);
    let mut counts = [[0; 2]; 3];
    for round in 0..30_000 {
        let ends: &[char] = if round % 2 == 0 { &['.'] } else { &['.', '.', '!', '?'] };
        let (all, orders) = small(&mut random, 4, ends);
        let report = judge(&written(&all, &orders), Workload::ListAppend).expect("transactions");
        assert!(report.anomalies.iter().all(|anomaly| !anomaly.why.is_empty()), "{report}");
        assert_eq!(report.anomalies.is_empty(), report.holds(Level::StrictSerializable), "{report}");
        let session = |a: &Small, b: &Small| a.client == b.client && a.returned < b.invoked;
        let real_time = |a: &Small, b: &Small| a.returned < b.invoked;
        let truth: [(Level, bool); 3] = [
            (Level::Serializable, some_order(&all, &orders, &|_, _| false)),
            (Level::SessionSerializable, some_order(&all, &orders, &session)),
            (Level::StrictSerializable, some_order(&all, &orders, &real_time)),
        ];
        for (at, (level, holds)) in truth.into_iter().enumerate() {
            assert_eq!(report.holds(level), holds, "{level}: {all:?} {orders:?}\n{report:#?}");
            counts[at][usize::from(holds)] += 1;
        }
        for (a, b) in Level::ALL.iter().flat_map(|&a| Level::ALL.map(|b| (a, b))) {
            assert!(!(a.implies(b) && report.holds(a) && !report.holds(b)), "{a} without {b}: {report:#?}");
        }
    }
    assert!(counts.iter().flatten().all(|&count| count > 1_000), "{counts:?}");
}

/// Whether each transaction may see a set of those before it in some order of all, so that it reads what they leave (Cerone, Bernardi,
/// Gotsman 2015): INT and EXT, and what `allowed` asks of the sets.
fn abstract_execution(
    all: &[Small],
    orders: &[Vec<u8>; 2],
    allowed: &dyn Fn(&[usize], &[u32]) -> bool,
) -> bool {
    let mut order: Vec<usize> = vec![];
    permuted(all.len(), &mut order, &mut |order| {
        let sees = |seen: u32, t: &Small| {
            t.parts.iter().all(|&(key, part)| {
                let Ok(length) = part else { return true };
                let writes =
                    |at: &usize| all[*at].parts.iter().any(|&(other, part)| other == key && part.is_err());
                let last = order.iter().rposition(|at| seen & (1 << at) != 0 && writes(at));
                let upto = last.map_or(0, |last| last + 1);
                let parts = order[..upto].iter().flat_map(|&at| &all[at].parts);
                let list = parts.filter(|(other, _)| *other == key).filter_map(|(_, part)| part.err());
                list.eq(orders[key][..length].iter().copied())
            })
        };
        let choices: Vec<Vec<u32>> = (0..all.len())
            .map(|at| {
                let place = order.iter().position(|&other| other == at).expect("it is there");
                let before: u32 = order[..place].iter().map(|other| 1 << other).sum();
                (0..1 << all.len()).filter(|&seen| seen & !before == 0 && sees(seen, &all[at])).collect()
            })
            .collect();
        some_choice(&choices, &mut vec![], &|seen| allowed(order, seen))
    })
}

fn some_choice(choices: &[Vec<u32>], chosen: &mut Vec<u32>, fits: &dyn Fn(&[u32]) -> bool) -> bool {
    let Some(next) = choices.get(chosen.len()) else { return fits(chosen) };
    next.iter().any(|&choice| {
        chosen.push(choice);
        let is_found = some_choice(choices, chosen, fits);
        chosen.pop();
        is_found
    })
}

#[test]
fn weaker_levels_are_what_their_definitions_say_on_small_histories() {
    let mut random = Random::new(6);
    let mut counts = [[0; 2]; 6];
    for _ in 0..4_000 {
        let (all, orders) = small(&mut random, 3, &['.']);
        let report = judge(&written(&all, &orders), Workload::ListAppend).expect("transactions");
        let ids = 0..all.len();
        let bit = |seen: &[u32], a: usize, b: usize| seen[b] & (1 << a) != 0;
        let pairs = || ids.clone().flat_map(|a| (0..all.len()).map(move |b| (a, b)));
        let transitive = |seen: &[u32]| pairs().all(|(a, b)| !bit(seen, a, b) || seen[a] & !seen[b] == 0);
        let session = |seen: &[u32]| {
            pairs().all(|(a, b)| {
                !(all[a].client == all[b].client && all[a].returned < all[b].invoked) || bit(seen, a, b)
            })
        };
        let real_time =
            |seen: &[u32]| pairs().all(|(a, b)| all[a].returned >= all[b].invoked || bit(seen, a, b));
        let keys =
            |t: &Small| t.parts.iter().filter(|part| part.1.is_err()).map(|part| part.0).collect::<Vec<_>>();
        let snapshot = |order: &[usize], seen: &[u32]| {
            let prefix = ids.clone().all(|b| {
                let places = order.iter().map(|&a| bit(seen, a, b)).collect::<Vec<_>>();
                places.windows(2).all(|pair| pair[0] || !pair[1])
            });
            let conflicts =
                |a: usize, b: usize| a != b && keys(&all[a]).iter().any(|key| keys(&all[b]).contains(key));
            prefix && pairs().all(|(a, b)| !conflicts(a, b) || bit(seen, a, b) || bit(seen, b, a))
        };
        let truth = [
            (Level::ReadAtomic, abstract_execution(&all, &orders, &|_, _| true)),
            (Level::Causal, abstract_execution(&all, &orders, &|_, seen| transitive(seen))),
            (
                Level::SessionCausal,
                abstract_execution(&all, &orders, &|_, seen| transitive(seen) && session(seen)),
            ),
            (Level::SnapshotIsolation, abstract_execution(&all, &orders, &snapshot)),
            (
                Level::SessionSnapshotIsolation,
                abstract_execution(&all, &orders, &|order, seen| snapshot(order, seen) && session(seen)),
            ),
            (
                Level::StrongSnapshotIsolation,
                abstract_execution(&all, &orders, &|order, seen| snapshot(order, seen) && real_time(seen)),
            ),
        ];
        for (at, (level, holds)) in truth.into_iter().enumerate() {
            assert_eq!(report.holds(level), holds, "{level}: {all:?} {orders:?}\n{report}");
            counts[at][usize::from(holds)] += 1;
        }
    }
    assert!(counts.iter().flatten().all(|&count| count > 100), "{counts:?}");
}

/// A small history of registers: key, and what is read, or the value written.
type SmallRegisters = Vec<(Small, Vec<(usize, Result<Option<u8>, u8>)>)>;

fn small_registers(random: &mut Random) -> SmallRegisters {
    let (all, _) = small(random, 4, &['.', '.', '.', '!', '?']);
    let mut written: [Vec<Option<u8>>; 2] = [vec![None], vec![None]];
    for (key, part) in all.iter().flat_map(|t| &t.parts) {
        written[*key].extend(part.err().map(Some));
    }
    let parts = |t: &Small, random: &mut Random| {
        let parts = t.parts.iter().map(|&(key, part)| {
            let values = &written[key];
            (key, part.map(|_| values[random.below(values.len() as u64) as usize]))
        });
        let mut parts: Vec<_> = parts.collect();
        // some read what they write before they do
        if let Some(&(key, Err(_))) = parts.first()
            && random.below(2) == 0
        {
            let value = written[key][random.below(written[key].len() as u64) as usize];
            parts.insert(0, (key, Ok(value)));
        }
        parts
    };
    all.iter().map(|t| (t.clone(), parts(t, random))).collect()
}

fn some_register_order(
    all: &SmallRegisters,
    before: &dyn Fn(&Small, &Small) -> bool,
    done: &mut Vec<usize>,
    state: [Option<u8>; 2],
) -> bool {
    if all.iter().enumerate().all(|(at, (t, _))| t.end != '.' || done.contains(&at)) {
        return true;
    }
    (0..all.len()).any(|at| {
        let (t, parts) = &all[at];
        let waits =
            |other: usize| !done.contains(&other) && all[other].0.end == '.' && before(&all[other].0, t);
        if done.contains(&at) || t.end == '!' || (0..all.len()).any(waits) {
            return false;
        }
        let mut state = state;
        let fits = parts.iter().all(|&(key, part)| match part {
            Ok(value) => t.end != '.' || state[key] == value,
            Err(value) => {
                state[key] = Some(value);
                true
            }
        });
        done.push(at);
        let is_found = fits && some_register_order(all, before, done, state);
        done.pop();
        is_found
    })
}

/// Whether in some order of all each reads what those up to some point left, of whom all are that come before it by `before`; and writes
/// nothing that those after that point wrote (Daudjee, Salem 2006; Cerone, Gotsman 2016).
fn some_snapshots(
    all: &SmallRegisters,
    before: &dyn Fn(&Small, &Small) -> bool,
    done: &mut Vec<usize>,
) -> bool {
    let state = |upto: &[usize]| {
        let mut state = [None; 2];
        for &(key, part) in upto.iter().flat_map(|&at| &all[at].1) {
            state[key] = part.err().or(state[key]);
        }
        state
    };
    let writes = |at: usize| all[at].1.iter().filter(|(_, part)| part.is_err()).map(|&(key, _)| key);
    let reads = |at: usize, mut state: [Option<u8>; 2]| {
        all[at].1.iter().all(|&(key, part)| match part {
            Ok(value) => all[at].0.end != '.' || state[key] == value,
            Err(value) => {
                state[key] = Some(value);
                true
            }
        })
    };
    if all.iter().enumerate().all(|(at, (t, _))| t.end != '.' || done.contains(&at)) {
        return true;
    }
    (0..all.len()).any(|at| {
        if done.contains(&at) || all[at].0.end == '!' {
            return false;
        }
        let sees = |upto: usize| {
            let first = |other: usize| all[other].0.end == '.' && before(&all[other].0, &all[at].0);
            let clashes = |&other: &usize| writes(other).any(|key| writes(at).any(|own| own == key));
            (0..all.len()).all(|other| !first(other) || done[..upto].contains(&other))
                && !done[upto..].iter().any(clashes)
                && reads(at, state(&done[..upto]))
        };
        let fits = (0..=done.len()).any(sees);
        done.push(at);
        let is_found = fits && some_snapshots(all, before, done);
        done.pop();
        is_found
    })
}

/// Without a read before each write nothing but clients and clocks tells in what order versions are.
#[test]
fn registers_are_in_the_order_in_which_they_were_met() {
    let stale =
        "0 + [[:w x 1]]\n0 . [[:w x 1]]\n0 + [[:w x 2]]\n0 . [[:w x 2]]\n1 + [[:r x nil]]\n1 . [[:r x 1]]";
    let report = registers(stale);
    shows(&report, Phenomenon::GSingle, Outer::RealTime, &[Level::SessionSerializable]);
    let told = "T2 read x as 1, and T1 wrote 2 to x after that: T0 was through with the one before T1 began, which met the other";
    assert!(report.to_string().contains(told), "{report}");
    let back = "0 + [[:w x 1]]\n1 + [[:w x 2]]\n2 + [[:r x nil]]\n2 . [[:r x 1]]\n2 + [[:r x nil]]\n2 . [[:r x 2]]\n2 + [[:r x nil]]\n2 . [[:r x 1]]\n0 . [[:w x 1]]\n1 . [[:w x 2]]";
    let report = registers(back);
    assert_eq!(report.strongest(), [Level::SessionCausal, Level::Serializable], "{report}");
    assert!(report.to_string().contains(": a client met the one before the other"), "{report}");
    let others = "0 + [[:w x 1]]\n0 . [[:w x 1]]\n1 + [[:w x 2]]\n1 . [[:w x 2]]\n2 + [[:r x nil]]\n2 . [[:r x 2]]\n3 + [[:r x nil]]\n3 . [[:r x 1]]";
    assert!(
        registers(others).holds(Level::SessionSerializable)
            && !registers(others).holds(Level::StrictSerializable)
    );
}

#[test]
fn what_is_refuted_of_registers_is_so_on_small_histories() {
    let mut random = Random::new(7);
    let mut counts = [[0; 2]; 2];
    for _ in 0..30_000 {
        let all = small_registers(&mut random);
        let mut events = vec![];
        for (t, parts) in &all {
            let parts = parts.iter().map(|(key, part)| match part {
                Ok(None) => format!("[:r {key} nil]"),
                Ok(Some(value)) => format!("[:r {key} {value}]"),
                Err(value) => format!("[:w {key} {value}]"),
            });
            let parts = parts.collect::<Vec<_>>().join(" ");
            events.push((t.invoked, format!("{} + [{parts}]\n", t.client)));
            events.push((t.returned, format!("{} {} [{parts}]\n", t.client, t.end)));
        }
        events.sort();
        let report = registers(&events.into_iter().map(|(_, event)| event).collect::<String>());
        let real_time = |a: &Small, b: &Small| a.returned < b.invoked;
        let session = |a: &Small, b: &Small| a.client == b.client && a.returned < b.invoked;
        for (level, holds) in [
            (Level::Serializable, some_register_order(&all, &|_, _| false, &mut vec![], [None; 2])),
            (Level::SessionSerializable, some_register_order(&all, &session, &mut vec![], [None; 2])),
            (Level::StrictSerializable, some_register_order(&all, &real_time, &mut vec![], [None; 2])),
            (Level::SnapshotIsolation, some_snapshots(&all, &|_, _| false, &mut vec![])),
            (Level::SessionSnapshotIsolation, some_snapshots(&all, &session, &mut vec![])),
            (Level::StrongSnapshotIsolation, some_snapshots(&all, &real_time, &mut vec![])),
        ] {
            assert!(report.holds(level) || !holds, "{level}: {all:?}\n{report}");
            counts[usize::from(holds)][usize::from(report.holds(level))] += 1;
        }
    }
    let [[refuted, missed], [_, held]] = counts;
    assert!(refuted > 100 * missed && held > 1_000, "{counts:?}");
}

#[test]
fn sovran_2011_reads_that_see_two_writes_in_different_orders_are_a_long_fork() {
    let reads = |first: &str, second: &str| at_once(&["[[:w x 1]]", "[[:w y 1]]", first, second]);
    let forked = log(&reads("[[:r x 1] [:r y nil]]", "[[:r y 1] [:r x nil]]"));
    let report = judge(&forked, Workload::LongFork).expect("transactions");
    shows(&report, Phenomenon::LongFork, Outer::None, &[Level::SessionCausal]);
    assert!(report.to_string().contains("T2 (line 7) saw that x was written, and not y"), "{report}");
    let as_registers = registers(&reads("[[:r x 1] [:r y nil]]", "[[:r y 1] [:r x nil]]"));
    assert!(as_registers.anomalies.iter().any(|anomaly| anomaly.pattern == Some(Pattern::LongFork)));
    let comparable = log(&reads("[[:r x 1] [:r y nil]]", "[[:r y 1] [:r x 1]]"));
    let report = judge(&comparable, Workload::LongFork).expect("transactions");
    assert_eq!(report.strongest(), [Level::StrictSerializable]);
    let twice = judge(&log(&at_once(&["[[:w x 1]]", "[[:w x 2]]"])), Workload::LongFork);
    assert!(twice.expect_err("a key is written twice").to_string().contains("x is written a second time"));
}

#[test]
fn a_bank_neither_makes_money_nor_loses_it() {
    let bank = |second: &str| {
        let text = format!(
            "{{:process 0 :type :invoke :f :read}} {{:process 0 :type :ok :f :read :value {{0 70, 1 30}}}}
             {{:process 1 :type :invoke :f :transfer :value {{:from 0 :to 1 :amount 10}}}}
             {{:process 1 :type :ok :f :transfer :value {{:from 0 :to 1 :amount 10}}}}
             {{:process 0 :type :invoke :f :read}} {{:process 0 :type :ok :f :read :value {second}}}"
        );
        judge(&Log::from_text(&text).expect("a history").0, Workload::Bank).expect("a bank")
    };
    assert_eq!(bank("{0 60, 1 40}").strongest(), [Level::StrictSerializable]);
    shows(&bank("{0 60, 1 30}"), Phenomenon::ChangedTotal, Outer::None, &[Level::SessionCausal]);
    shows(&bank("{0 110, 1 -10}"), Phenomenon::NegativeBalance, Outer::None, &[Level::SessionCausal]);
    shows(&bank("{0 100}"), Phenomenon::Garbage, Outer::None, &[]);
    shows(&bank("{0 100, 1 nil}"), Phenomenon::Garbage, Outer::None, &[]);
}

#[test]
fn what_is_built_upon_an_aborted_write_is_a_dirty_update() {
    let text = "1 + [[:append x 1]]\n2 + [[:append x 2]]\n1 !\n2 . [[:append x 2]]\n3 + [[:r x nil]]\n3 . [[:r x [1 2]]]";
    let report = lists(text);
    shows(&report, Phenomenon::DirtyUpdate, Outer::None, &[Level::ReadUncommitted]);
    shows(&report, Phenomenon::G1a, Outer::None, &[Level::ReadUncommitted]);
}

#[test]
fn berenson_1995_lost_update_is_told_where_the_order_of_the_two_is_known_and_where_not() {
    let unread = lists(&at_once(&["[[:r x nil] [:append x 1]]", "[[:r x nil] [:append x 2]]"]));
    shows(&unread, Phenomenon::LostUpdate, Outer::None, &[Level::SessionCausal]);
    let read =
        lists(&at_once(&["[[:r x nil] [:append x 1]]", "[[:r x nil] [:append x 2]]", "[[:r x [2 1]]]"]));
    shows(&read, Phenomenon::LostUpdate, Outer::None, &[Level::SessionCausal]);
    shows(&read, Phenomenon::GSingle, Outer::None, &[Level::SessionCausal]);
}

#[test]
fn causality_is_broken_through_another_or_ones_own() {
    let through = at_once(&["[[:append x 1]]", "[[:r x [1]] [:append y 1]]", "[[:r y [1]] [:r x nil]]"]);
    shows(&lists(&through), Phenomenon::Causality, Outer::None, &[Level::ReadAtomic]);
    let own = "1 + [[:append x 1]]\n1 . [[:append x 1]]\n1 + [[:r x nil]]\n1 . [[:r x []]]";
    shows(&lists(own), Phenomenon::Causality, Outer::Session, &[Level::Serializable]);
}

#[test]
fn what_is_written_and_not_yet_read_in_a_transaction_is_its_own() {
    let own = lists(&at_once(&["[[:append x 1] [:r x [1]] [:append x 2] [:r x [1 2]]]", "[[:r x [1 2]]]"]));
    assert_eq!(own.strongest(), [Level::StrictSerializable]);
    let behind = lists(&at_once(&["[[:append x 1] [:r x [7 1]]]", "[[:append x 7]]", "[[:r x [1 7]]]"]));
    assert!(!behind.holds(Level::Serializable), "{behind}");
    let future = lists(&at_once(&["[[:r x [1]] [:append x 1]]"]));
    shows(&future, Phenomenon::FutureRead, Outer::None, &[Level::ReadCommitted]);
    let past_it = lists(&at_once(&["[[:r x [1 2]] [:append x 1]]", "[[:append x 2]]"]));
    shows(&past_it, Phenomenon::FutureRead, Outer::None, &[Level::ReadUncommitted]);
    shows(&past_it, Phenomenon::G1c, Outer::None, &[Level::ReadUncommitted]);
    let twice = registers(&at_once(&["[[:r x nil] [:r x 1]]", "[[:w x 1]]"]));
    shows(&twice, Phenomenon::Internal, Outer::None, &[Level::ReadCommitted]);
    let rewritten = registers(&at_once(&["[[:w x 1] [:w x 2]]", "[[:r x 1]]"]));
    shows(&rewritten, Phenomenon::G1b, Outer::None, &[Level::ReadUncommitted]);
}

#[test]
fn many_who_read_the_same_and_all_overwrite_it_take_edges_in_number_as_they_are() {
    // 2,000 that read nothing and append, 2,000 that read nothing: 8 million pairs, some thousand edges
    let transactions: Vec<String> =
        (0..4_000)
            .map(|at| {
                if at % 2 == 0 { "[[:r x nil]]".to_owned() } else { format!("[[:r x nil] [:append x {at}]]") }
            })
            .collect();
    let report = lists(&at_once(&transactions.iter().map(String::as_str).collect::<Vec<_>>()));
    shows(&report, Phenomenon::LostUpdate, Outer::None, &[Level::SessionCausal]);
    let cycle =
        report.anomalies.iter().find(|anomaly| anomaly.phenomenon == Phenomenon::G2Item).expect("a cycle");
    assert_eq!(cycle.operations.len(), 2);
}
