//! Small systems that satisfy a condition by how they work, and what breaks each.

#![expect(clippy::cast_possible_wrap, reason = "operations are few")]

use super::Op;
use synod_judge::consistency::Level;
use synod_judge::generate::Random;

/// An operation before it has times: client, key, what it read, what it wrote.
type Step = (u64, usize, Option<i64>, Option<i64>);

/// One after the other.
pub(crate) fn one_by_one(steps: &[Step]) -> Vec<Op> {
    let op = |(index, &(client, key, seen, wrote)): (usize, &Step)| {
        let (invoked, returned) = (2 * index, 2 * index + 1);
        Op { client, key, seen, wrote, known: true, invoked, returned }
    };
    steps.iter().enumerate().map(op).collect()
}

/// In the order of each client, but clients anyhow.
fn shuffled(mut steps: Vec<Step>, random: &mut Random) -> Vec<Step> {
    let mut mixed = vec![];
    while !steps.is_empty() {
        let client = steps[random.below(steps.len() as u64) as usize].0;
        let first = steps.iter().position(|step| step.0 == client).unwrap();
        mixed.push(steps.remove(first));
    }
    mixed
}

const CLIENTS: u64 = 3;
const KEYS: u64 = 2;

/// A history of a system that satisfies the level.
pub(crate) fn satisfying(level: Level, operations: usize, random: &mut Random) -> Vec<Op> {
    match level {
        Level::Sequential => {
            one_by_one(&shuffled(log_positions(operations, random, true, true, Some(0)), random))
        }
        Level::CausalConvergence => one_by_one(&replicas(operations, random, true, |_| true)),
        Level::Causal => one_by_one(&replicas(operations, random, true, |_| false)),
        Level::WeakCausal => one_by_one(&replicas(operations, random, true, |client| client % 2 == 0)),
        Level::Pram => one_by_one(&replicas(operations, random, false, |_| false)),
        Level::ReadYourWrites => one_by_one(&log_positions(operations, random, false, true, None)),
        Level::MonotonicReads | Level::MonotonicWrites | Level::WritesFollowReads => {
            one_by_one(&log_positions(operations, random, true, false, None))
        }
        Level::Eventual => {
            let mut steps = log_positions(operations, random, false, false, None);
            for key in 0..KEYS as usize {
                let last = steps.iter().rev().find_map(|step| step.3.filter(|_| step.1 == key)).unwrap_or(0);
                steps.extend((0..CLIENTS).map(|client| (client, key, Some(last), None)));
            }
            one_by_one(&steps)
        }
        Level::Versions(k) => {
            one_by_one(&log_positions(operations, random, false, false, Some(k as usize - 1)))
        }
        Level::Time(_) => one_by_one(&log_positions(operations, random, true, true, Some(0))),
        Level::Linearizable | Level::Regular | Level::Safe => overlapping(level, operations, random),
        other => panic!("no system for {other}"),
    }
}

/// All writes in one log for each key together; reads stand somewhere in it: not before where the client stood, or wrote; at most so many versions late.
fn log_positions(
    operations: usize,
    random: &mut Random,
    is_monotonic: bool,
    sees_own: bool,
    versions: Option<usize>,
) -> Vec<Step> {
    let (mut steps, mut log): (Vec<Step>, Vec<(usize, i64)>) = (vec![], vec![]);
    let mut stands = [0; CLIENTS as usize];
    for value in 1..=operations as i64 {
        let (client, key) = (random.below(CLIENTS), random.below(KEYS) as usize);
        let stand = &mut stands[client as usize];
        if random.below(2) == 0 {
            log.push((key, value));
            if sees_own {
                *stand = log.len();
            }
            steps.push((client, key, None, Some(value)));
            continue;
        }
        let of_key: Vec<usize> = (0..log.len()).filter(|&at| log[at].0 == key).collect();
        let least = versions.map_or(0, |late| match of_key.len().checked_sub(late + 1) {
            Some(at) => of_key[at] + 1,
            None => 0,
        });
        let least = least.max(if is_monotonic || sees_own { *stand } else { 0 });
        let at = least + random.below((log.len() - least + 1) as u64) as usize;
        if is_monotonic {
            *stand = at;
        }
        let seen = log[..at].iter().rev().find(|write| write.0 == key).map_or(0, |write| write.1);
        steps.push((client, key, Some(seen), None));
    }
    steps
}

/// A write as replicas have it.
#[derive(Clone)]
struct Write {
    key: usize,
    value: i64,
    stamp: (u64, u64),
    /// What its replica had applied when it was made, of each client.
    after: Vec<usize>,
}

/// A replica for each client, which applies the writes of others later: each client's in its order, and with `causal` not before what they depend on.
/// One that `converges` has the write with the latest stamp, others the one applied last.
fn replicas(
    operations: usize,
    random: &mut Random,
    causal: bool,
    converges: impl Fn(u64) -> bool,
) -> Vec<Step> {
    let clients = CLIENTS as usize;
    let mut steps = vec![];
    let mut made: Vec<Vec<Write>> = vec![vec![]; clients];
    let mut applied = vec![vec![0; clients]; clients];
    let mut held = vec![[(0, (0, 0)); KEYS as usize]; clients];
    let mut clocks = [0; CLIENTS as usize];
    let apply = |held: &mut [(i64, (u64, u64)); KEYS as usize], write: &Write, by_stamp: bool| {
        let now = &mut held[write.key];
        if !by_stamp || write.stamp > now.1 {
            *now = (write.value, write.stamp);
        }
    };
    for value in 1..=operations as i64 {
        let (me, key) = (random.below(CLIENTS) as usize, random.below(KEYS) as usize);
        for _ in 0..random.below(4) {
            let from = random.below(CLIENTS) as usize;
            let Some(write) = made[from].get(applied[me][from]) else { continue };
            if causal && write.after.iter().zip(&applied[me]).any(|(needs, has)| needs > has) {
                continue;
            }
            clocks[me] = clocks[me].max(write.stamp.0);
            apply(&mut held[me], write, converges(me as u64));
            applied[me][from] += 1;
        }
        if random.below(2) == 0 {
            clocks[me] += 1;
            let write = Write { key, value, stamp: (clocks[me], me as u64), after: applied[me].clone() };
            apply(&mut held[me], &write, converges(me as u64));
            applied[me][me] += 1;
            made[me].push(write);
            steps.push((me as u64, key, None, Some(value)));
        } else {
            steps.push((me as u64, key, Some(held[me][key].0), None));
        }
    }
    steps
}

/// Operations that overlap: one writer, and readers that return the last write or, while one runs, that; a safe one anything then; one that is
/// linearizable what is in the register at an instant.
fn overlapping(level: Level, operations: usize, random: &mut Random) -> Vec<Op> {
    let mut ops: Vec<Op> = vec![];
    let mut running: Vec<Option<usize>> = vec![None; CLIENTS as usize];
    let mut seen: Vec<Vec<i64>> = vec![];
    let (mut register, mut writing, mut at) = (0, None, 0);
    while ops.len() < operations || running.iter().any(Option::is_some) {
        let client = random.below(CLIENTS);
        if let Some(index) = running[client as usize].take() {
            ops[index].returned = at;
            if let Some(value) = ops[index].wrote {
                (register, writing) = (value, None);
                let running = running.iter().flatten();
                running.for_each(|&read| seen[read].push(value));
            } else {
                let possible = &seen[index];
                ops[index].seen = Some(match level {
                    Level::Linearizable => register,
                    Level::Safe if possible.len() > 1 => 1000,
                    _ => possible[random.below(possible.len() as u64) as usize],
                });
            }
        } else if ops.len() < operations {
            let wrote = (client == 0).then_some(ops.len() as i64 + 1);
            if let Some(value) = wrote {
                writing = Some(value);
                running.iter().flatten().for_each(|&read| seen[read].push(value));
            }
            running[client as usize] = Some(ops.len());
            seen.push([register].into_iter().chain(writing).collect());
            let seen = wrote.is_none().then_some(0);
            ops.push(Op { client, key: 0, seen, wrote, known: true, invoked: at, returned: 0 });
        } else {
            continue;
        }
        at += 1;
    }
    ops
}

/// What breaks a level: steps of keys 7 and 8, which are not used otherwise, one after the other.
pub(crate) fn breaking(level: Level) -> Vec<Step> {
    let (w, r) = (|c, key, v| (c, key, None, Some(v)), |c, key, v| (c, key, Some(v), None));
    match level {
        Level::Linearizable | Level::Regular | Level::Safe | Level::Versions(1) | Level::Time(_) => {
            vec![w(0, 7, 101), r(1, 7, 0)]
        }
        Level::Versions(k) => (0..i64::from(k)).map(|v| w(0, 7, 101 + v)).chain([r(1, 7, 0)]).collect(),
        // both clients wrote before they read, and neither saw the other's
        Level::Sequential => vec![w(0, 7, 101), r(0, 8, 0), w(1, 8, 102), r(1, 7, 0)],
        Level::CausalConvergence => vec![w(0, 7, 101), w(1, 7, 102), r(0, 7, 102), r(1, 7, 101)],
        Level::Causal | Level::WeakCausal | Level::WritesFollowReads => {
            vec![w(0, 7, 101), r(1, 7, 101), w(1, 8, 102), r(2, 8, 102), r(2, 7, 0)]
        }
        Level::Pram | Level::MonotonicWrites => vec![w(0, 7, 101), w(0, 8, 102), r(1, 8, 102), r(1, 7, 0)],
        Level::ReadYourWrites => vec![w(0, 7, 101), w(0, 7, 102), r(0, 7, 101)],
        Level::MonotonicReads => vec![w(0, 7, 101), r(1, 7, 101), r(1, 7, 0)],
        Level::Eventual => vec![w(0, 7, 101), w(1, 7, 102), r(0, 7, 101), r(1, 7, 102)],
        other => panic!("nothing breaks {other}"),
    }
}
