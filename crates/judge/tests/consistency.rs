//! The weaker conditions against their definitions on small histories, against each other on random ones, and on the literature's examples.

#![expect(clippy::cast_possible_wrap, reason = "operations are few")]

mod definitions;

use definitions::{Op, holds, log, systems, verdict};
use synod_judge::Budget;
use synod_judge::consistency::{Level, LevelVerdict, judge, strongest};
use synod_judge::generate::Random;
use synod_judge::judgement::Model;
use synod_judge::log::Log;
use synod_judge::reading::Conventions;

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
    let levels = levels();
    let mut counts = vec![(0, 0); levels.len()];
    let operations = std::env::var("SYNOD_JUDGE_OPERATIONS").map_or(3, |text| text.parse().unwrap());
    every_history(operations, &mut vec![], 1, &mut |ops| cross_check(ops, &levels, &mut counts));
    every_history(operations - 1, &mut vec![], 2, &mut |ops| cross_check(ops, &levels, &mut counts));
    assert_eq!(counts[0].0 + counts[0].1, counts[1].0 + counts[1].1);
}

#[test]
fn random_histories_are_judged_as_they_are_defined() {
    let levels = levels();
    let mut counts = vec![(0, 0); levels.len()];
    let rounds = std::env::var("SYNOD_JUDGE_ROUNDS").map_or(300, |text| text.parse().unwrap());
    for seed in 0..rounds {
        let random = &mut Random::new(seed);
        let operations = 3 + random.below(2) as usize;
        let ops = random_history(random, 2 + seed % 2, operations, 1 + seed % 3 / 2, seed % 4 == 0);
        cross_check(&ops, &levels, &mut counts);
    }
    both_are_met(&levels, &counts);
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

#[test]
fn systems_satisfy_what_they_are_made_for_until_they_are_broken() {
    let mut weaker_only = 0;
    for level in levels() {
        for seed in 0..60 {
            let random = &mut Random::new(seed);
            let mut ops = systems::satisfying(level, 5 + seed as usize, random);
            let judged = verdict(&log(&ops), level);
            assert_eq!(judged, LevelVerdict::Holds, "{level}: {ops:?}");
            weaker_only += usize::from(verdict(&log(&ops), Level::Linearizable).holds() == Some(false));
            let end = ops.iter().map(|op| op.returned + 1).max().unwrap();
            let breaking = systems::one_by_one(&systems::breaking(level));
            ops.extend(breaking.into_iter().map(|op| Op {
                invoked: op.invoked + end,
                // all at once where times count: what was read is older than the bound
                returned: op.returned + end,
                ..op
            }));
            if level == Level::Time(2) {
                let read = ops.last_mut().unwrap();
                (read.invoked, read.returned) = (read.invoked + 9, read.returned + 9);
            }
            let judged = verdict(&log(&ops), level);
            assert_eq!(judged.holds(), Some(false), "{level}: {ops:?}");
        }
    }
    assert!(weaker_only > 300, "{weaker_only} are weaker than linearizable");
}

/// A history in which the clients run one after the other, each `w x 1`, `r y 0`; 0 is what was there initially.
fn scripts(scripts: &[&str]) -> Vec<Op> {
    let mut ops = vec![];
    for (client, script) in scripts.iter().enumerate() {
        for step in script.split(',') {
            let [what, key, value] = step.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{step}")
            };
            let value: i64 = value.parse().unwrap();
            let (seen, wrote) = if what == "r" { (Some(value), None) } else { (None, Some(value)) };
            let key = ["x", "y", "z"].iter().position(|name| *name == key).unwrap();
            let (client, invoked) = (client as u64, 2 * ops.len());
            ops.push(Op { client, key, seen, wrote, known: true, invoked, returned: invoked + 1 });
        }
    }
    ops
}

/// Which of these levels hold.
fn held(ops: &[Op], levels: &[Level]) -> Vec<bool> {
    levels.iter().map(|&level| verdict(&log(ops), level).holds().unwrap()).collect()
}

#[test]
fn after_bouajjani_2017_histories_tell_the_causal_forms_apart() {
    use Level::{Causal, CausalConvergence, Sequential, WeakCausal};
    let forms = [WeakCausal, Causal, CausalConvergence, Sequential];
    let a = scripts(&["w x 1, r x 2", "w x 2, r x 1"]);
    assert_eq!(held(&a, &forms), [true, true, false, false], "(a) CM but not CCv");
    let b = scripts(&["w z 1, w x 1, w y 1", "w x 2, r z 0, r y 1, r x 2"]);
    assert_eq!(held(&b, &forms), [true, false, true, false], "(b) CCv but not CM");
    let c = scripts(&["w x 1", "w x 2, r x 1, r x 2"]);
    assert_eq!(held(&c, &forms), [true, false, false, false], "(c) CC but neither");
    let d = scripts(&["w x 1, r y 0, w y 1, r x 1", "w x 2, r y 0, w y 2, r x 2"]);
    assert_eq!(held(&d, &forms), [true, true, true, false], "(d) all, but not sequentially consistent");
    let e = scripts(&["w x 1, w y 1", "r y 1, w x 2", "r x 2, r x 1"]);
    assert_eq!(held(&e, &forms), [false, false, false, false], "(e) none");
}

#[test]
fn lamport_1979_of_two_that_wrote_one_sees_the_other() {
    let flags = scripts(&["w x 1, r y 0", "w y 1, r x 0"]);
    assert_eq!(
        held(&flags, &[Level::Sequential, Level::Causal, Level::CausalConvergence]),
        [false, true, true]
    );
    let flags = scripts(&["w x 1, r y 0", "w y 1, r x 1"]);
    assert_eq!(held(&flags, &[Level::Sequential, Level::Linearizable]), [true, true]);
    let late = scripts(&["w x 1", "r x 0, r x 1"]);
    assert_eq!(held(&late, &[Level::Sequential, Level::Linearizable, Level::Regular]), [true, false, false]);
}

#[test]
fn lipton_sandberg_1988_and_ahamad_1995_pram_keeps_each_clients_order_causal_memory_what_was_read_too() {
    let both = [Level::Pram, Level::Causal];
    assert_eq!(held(&scripts(&["w x 1", "w x 2", "r x 1, r x 2", "r x 2, r x 1"]), &both), [true, true]);
    assert_eq!(held(&scripts(&["w x 1", "r x 1, w y 2", "r y 2, r x 0"]), &both), [true, false]);
    assert_eq!(held(&scripts(&["w x 1, w y 2", "r y 2, r x 0"]), &both), [false, false]);
}

#[test]
fn terry_1994_each_session_guarantee_is_missed_by_itself() {
    use Level::{MonotonicReads, MonotonicWrites, ReadYourWrites, WritesFollowReads};
    let all = [ReadYourWrites, MonotonicReads, MonotonicWrites, WritesFollowReads];
    // read your writes: the new password is not known yet
    assert_eq!(held(&scripts(&["w x 1, w x 2, r x 1"]), &all), [false, true, true, true]);
    // monotonic reads: an appointment was there, and is gone
    assert_eq!(held(&scripts(&["w x 1", "r x 1, r x 0"]), &all), [true, false, true, true]);
    // writes follow reads: the reply is there, the article is not
    assert_eq!(held(&scripts(&["w x 1", "r x 1, w y 1", "r y 1, r x 0"]), &all), [true, true, true, false]);
    // monotonic writes: the program is there, the library it was written for before is not
    assert_eq!(held(&scripts(&["w x 1, w y 1", "r y 1, r x 0"]), &all), [true, true, false, true]);
}

#[test]
fn lamport_1986_a_read_during_a_write() {
    let op = |client, seen, wrote, invoked, returned| Op {
        client,
        key: 0,
        seen,
        wrote,
        known: true,
        invoked,
        returned,
    };
    let registers = [Level::Linearizable, Level::Regular, Level::Safe];
    let during = |reads: [i64; 2]| {
        let [first, second] = reads;
        [
            op(0, None, Some(1), 0, 1),
            op(0, None, Some(2), 2, 9),
            op(1, Some(first), None, 3, 4),
            op(1, Some(second), None, 5, 6),
        ]
    };
    assert_eq!(held(&during([1, 2]), &registers), [true, true, true]);
    assert_eq!(held(&during([2, 1]), &registers), [false, true, true], "new, then old");
    assert_eq!(held(&during([1, 77]), &registers), [false, false, true], "neither");
    let after = [op(0, None, Some(1), 0, 1), op(1, Some(77), None, 2, 3)];
    assert_eq!(held(&after, &registers), [false, false, false]);
}

#[test]
fn staleness_is_bounded_in_versions_and_in_time() {
    let stale = scripts(&["w x 1, w x 2, w x 3", "r x 1"]);
    let bounds = [Level::Versions(2), Level::Versions(3), Level::Time(2), Level::Time(5)];
    // the second write returns at 3, the read begins at 6
    assert_eq!(held(&stale, &bounds), [false, true, false, true]);
    let timeless = "client,kind,function,key,value,at\n1,invoke,write,x,5,\n1,ok,write,x,5,\n";
    let timeless = Log::from_text(timeless).unwrap().0;
    let judged = verdict(&timeless, Level::Time(5));
    assert!(
        matches!(judged, LevelVerdict::Unknown { ref why, .. } if why.contains("does not say when")),
        "{judged:?}"
    );
}

#[test]
fn a_violation_is_told_in_words() {
    let LevelVerdict::Violated { operations, why } =
        verdict(&log(&scripts(&["w x 1", "r x 1, r x 0"])), Level::Pram)
    else {
        panic!("it is violated")
    };
    assert_eq!(operations, [0, 2]);
    assert_eq!(
        why,
        "(line 5: client 1 read of 0 = nil) read what was there initially, which (line 1: client 0 write 1 of 0) had \
         overwritten before in any order for client 1"
    );
    let strongest = |ops: &[Op]| {
        strongest(&log(ops), Model::CasRegister, Conventions::default(), Budget::default()).unwrap().levels
    };
    assert_eq!(strongest(&scripts(&["w x 1, r x 1"])), [Level::Linearizable]);
    let lost = scripts(&["w x 1, r x 2", "w x 2, r x 1"]);
    assert_eq!(strongest(&lost), [Level::Causal, Level::Eventual], "the last read runs alone");
}

#[test]
fn what_cannot_be_judged_is_unknown_and_says_why() {
    let words = "client,kind,function,key,value,at\n1,invoke,append,x,a,\n1,ok,append,x,a,\n";
    let words = Log::from_text(words).unwrap().0;
    let judged =
        |level, budget| judge(&words, Model::KeyValue, level, Conventions::default(), budget).unwrap();
    assert_eq!(judged(Level::Sequential, Budget::default()), LevelVerdict::Holds);
    assert_eq!(judged(Level::Causal, Budget::default()), LevelVerdict::Holds, "what is sequential is");
    assert_eq!(judged(Level::Regular, Budget::default()).holds(), None, "appended to");
    // many ways to tell what was read, and few steps
    let mut random = Random::new(5);
    let ops: Vec<(u64, usize, Option<i64>, Option<i64>)> = (0..60)
        .map(|at| {
            let value = 1 + random.below(2) as i64;
            let (seen, wrote) = if at % 2 == 0 { (None, Some(value)) } else { (Some(value), None) };
            (at % 5, 0, seen, wrote)
        })
        .collect();
    let log = log(&systems::one_by_one(&ops));
    let judged = judge(&log, Model::Register, Level::Linearizable, Conventions::default(), Budget::default());
    assert_eq!(judged.unwrap().holds(), Some(false));
    let few =
        judge(&log, Model::Register, Level::Sequential, Conventions::default(), Budget::steps(5)).unwrap();
    assert!(matches!(few, LevelVerdict::Unknown { ref why, .. } if why.contains("ran out")), "{few:?}");
    for level in Level::ALL {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    assert_eq!("versions:2".parse(), Ok(Level::Versions(2)));
    assert!(
        "versions:0".parse::<Level>().is_err()
            && "casual".parse::<Level>().unwrap_err().contains("weak-causal")
    );
}

#[test]
fn thousands_of_operations_are_decided() {
    for level in [Level::CausalConvergence, Level::Causal, Level::Pram] {
        let ops = systems::satisfying(level, 3000, &mut Random::new(7));
        let log = log(&ops);
        for other in Level::ALL {
            let judged = verdict(&log, other);
            assert!(judged.holds().is_some(), "{other} of a history for {level}: {judged:?}");
            assert!(!level.is_at_least(other) || judged == LevelVerdict::Holds, "{other}");
        }
    }
}
