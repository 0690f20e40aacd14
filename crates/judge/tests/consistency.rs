//! The weaker conditions against their definitions on small histories, against each other on random ones, and on the literature's examples.

mod definitions;

use definitions::{Op, holds};
use synod_judge::consistency::{Level, LevelVerdict, judge, strongest};
use synod_judge::generate::Random;
use synod_judge::judgement::Model;
use synod_judge::log::{Kind, Log, LogEvent};
use synod_judge::reading::Conventions;
use synod_judge::{Budget, Client, Value};

/// All conditions, those with parameters too.
fn levels() -> Vec<Level> {
    let mut levels = Level::ALL.to_vec();
    levels.extend([
        Level::Versions(1),
        Level::Versions(2),
        Level::Versions(3),
        Level::Time(0),
        Level::Time(2),
    ]);
    levels
}

fn log(ops: &[Op]) -> Log {
    let mut events = vec![];
    for op in ops {
        let held = |v: i64| if v == 0 { Value::Nil } else { Value::from(v) };
        let (function, argument, value) = match (op.seen, op.wrote) {
            (Some(seen), None) => ("read", Value::Nil, held(seen)),
            (None, Some(wrote)) => ("write", held(wrote), held(wrote)),
            (seen, wrote) => {
                let pair = Value::Sequence(vec![held(seen.unwrap_or(0)), held(wrote.unwrap_or(0))]);
                ("cas", pair.clone(), pair)
            }
        };
        let event = |kind, value, at: usize| LogEvent {
            client: Client(op.client),
            kind,
            function: function.into(),
            value,
            key: Some(Value::from(op.key as i64)),
            at: Some(at as u64),
            line: at + 1,
        };
        events.push((op.invoked, event(Kind::Invoke, argument, op.invoked)));
        events.push((op.returned, event(if op.known { Kind::Ok } else { Kind::Info }, value, op.returned)));
    }
    events.sort_by_key(|&(at, _)| at);
    Log::new(events.into_iter().map(|(_, event)| event)).unwrap()
}

fn verdict(log: &Log, level: Level) -> LevelVerdict {
    judge(log, Model::CasRegister, level, Conventions::default(), Budget::default()).unwrap()
}

/// A random history: what each operation is, and how they run.
fn random_history(
    random: &mut Random,
    clients: u64,
    operations: usize,
    keys: u64,
    with_cas: bool,
) -> Vec<Op> {
    let mut ops: Vec<Op> = vec![];
    let mut running: Vec<Option<usize>> = vec![None; clients as usize];
    let (mut event, mut written) = (0, 0);
    let repeats = random.below(4) == 0;
    while ops.len() < operations || running.iter().any(Option::is_some) {
        let client = random.below(clients);
        if let Some(index) = running[client as usize].take() {
            ops[index].returned = event;
        } else if ops.len() < operations {
            written += 1;
            let value = if repeats { 1 + random.below(2) as i64 } else { written };
            let seen = random.below(operations as u64 / 2 + 1) as i64;
            let (seen, wrote) = match random.below(if with_cas { 5 } else { 4 }) {
                0 | 1 => (Some(seen), None),
                2 | 3 => (None, Some(value)),
                _ => (Some(seen), Some(value)),
            };
            let known = wrote.is_none() || random.below(5) > 0;
            running[client as usize] = Some(ops.len());
            ops.push(Op {
                client,
                key: random.below(keys) as usize,
                seen,
                wrote,
                known,
                invoked: event,
                returned: 0,
            });
        } else {
            continue;
        }
        event += 1;
    }
    // mostly what somebody wrote is read
    for index in 0..ops.len() {
        if ops[index].seen.is_some() && random.below(8) > 0 {
            let key = ops[index].key;
            let written: Vec<i64> = ops.iter().filter(|op| op.key == key).filter_map(|op| op.wrote).collect();
            let choice = random.below(written.len() as u64 + 1) as usize;
            ops[index].seen = Some(written.get(choice).copied().unwrap_or(0));
        }
    }
    ops
}

/// Judges a history by all levels in both ways.
fn cross_check(ops: &[Op], levels: &[Level], counts: &mut [(usize, usize)]) {
    let log = log(ops);
    for (level, count) in levels.iter().zip(counts) {
        let judged = verdict(&log, *level);
        let defined = holds(ops, *level);
        assert_eq!(judged.holds(), Some(defined), "{level}: {judged:?}\n{ops:#?}");
        *(if defined { &mut count.0 } else { &mut count.1 }) += 1;
        if let LevelVerdict::Violated { operations, why } = judged {
            assert!(!operations.is_empty() && why.contains("line"), "{level}: {why}");
        }
    }
}

fn defined() -> Vec<Level> {
    levels().into_iter().filter(|&level| level != Level::Eventual).collect()
}

fn both_are_met(levels: &[Level], counts: &[(usize, usize)]) {
    for (level, &(yes, no)) in levels.iter().zip(counts) {
        assert!(yes > 0 && no > 0, "{level}: {yes} hold, {no} do not");
    }
}

/// All histories of so many operations of two clients, one after the other: reads of nothing, 1, 2; writes of 1, 2, known or not.
fn every_history(left: usize, ops: &mut Vec<Op>, keys: usize, visit: &mut impl FnMut(&[Op])) {
    visit(ops);
    if left == 0 {
        return;
    }
    let at = 2 * ops.len();
    for client in 0..if ops.is_empty() { 1 } else { 2 } {
        for key in 0..keys {
            let op =
                |seen, wrote, known| Op { client, key, seen, wrote, known, invoked: at, returned: at + 1 };
            let reads = [0, 1, 2].map(|seen| op(Some(seen), None, true));
            let writes = [(1, true), (2, true), (1, false)].map(|(v, known)| op(None, Some(v), known));
            for op in reads.into_iter().chain(writes) {
                ops.push(op);
                every_history(left - 1, ops, keys, visit);
                ops.pop();
            }
        }
    }
}

#[test]
fn every_history_of_two_clients_is_judged_as_it_is_defined() {
    let levels = defined();
    let mut counts = vec![(0, 0); levels.len()];
    let operations = std::env::var("SYNOD_JUDGE_OPERATIONS").map_or(3, |text| text.parse().unwrap());
    every_history(operations, &mut vec![], 1, &mut |ops| cross_check(ops, &levels, &mut counts));
    every_history(operations - 1, &mut vec![], 2, &mut |ops| cross_check(ops, &levels, &mut counts));
    assert_eq!(counts[0].0 + counts[0].1, counts[1].0 + counts[1].1);
    println!("{levels:?} {counts:?}");
}

#[test]
fn random_histories_are_judged_as_they_are_defined() {
    let levels = defined();
    let mut counts = vec![(0, 0); levels.len()];
    let rounds = std::env::var("SYNOD_JUDGE_ROUNDS").map_or(300, |text| text.parse().unwrap());
    for seed in 0..rounds {
        let random = &mut Random::new(seed);
        let operations = 3 + random.below(2) as usize;
        let ops = random_history(random, 2 + seed % 2, operations, 1 + seed % 3 / 2, seed % 4 == 0);
        cross_check(&ops, &levels, &mut counts);
    }
    both_are_met(&levels, &counts);
    println!("{levels:?} {counts:?}");
    // causal orders of six operations are too many to try all
    let levels: Vec<Level> = levels
        .into_iter()
        .filter(|level| !matches!(level, Level::Causal | Level::CausalConvergence | Level::WeakCausal))
        .collect();
    let mut counts = vec![(0, 0); levels.len()];
    for seed in 0..rounds {
        let random = &mut Random::new(seed);
        let ops = random_history(random, 3, 6, 2, seed % 4 == 0);
        cross_check(&ops, &levels, &mut counts);
    }
    both_are_met(&levels, &counts);
    println!("{levels:?} {counts:?}");
}

#[test]
fn what_is_stronger_implies_what_is_weaker() {
    let levels = levels();
    let mut met = 0;
    for seed in 0..1500 {
        let random = &mut Random::new(seed);
        let ops = random_history(random, 3, 4 + seed as usize % 5, 2, seed % 3 == 0);
        let log = log(&ops);
        let held: Vec<bool> =
            levels.iter().map(|&level| verdict(&log, level).holds() == Some(true)).collect();
        for (strong, &level) in levels.iter().enumerate().filter(|&(index, _)| held[index]) {
            for (weak, &other) in levels.iter().enumerate() {
                assert!(!level.is_at_least(other) || held[weak], "{level} but not {other}: {ops:#?}");
                met += usize::from(strong != weak && level.is_at_least(other));
            }
        }
    }
    assert!(met > 5000, "{met}");
}
