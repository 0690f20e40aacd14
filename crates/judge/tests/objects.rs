//! The search against the definition read aloud, on objects of every kind: some of the operations whose outcome is unknown, and
//! all that returned, in some order that keeps the order of real time, do what the object does.

use std::fmt::Debug;
use synod_judge::generate::{Random, Shape, linearizable as generate};
use synod_judge::model::{
    CasRegister, CasRegisterOperation, Counter, CounterOperation, EtcdMap, EtcdMapOperation, List,
    ListOperation, Lock, LockOperation, Queue, QueueOperation, Set, SetOperation, Stack, StackOperation,
};
use synod_judge::{Budget, Client, Event, History, Outcome, SequentialSpecification, Verdict, linearizable};

/// Whether some order of some of the operations explains the history.
fn brute_force<S: SequentialSpecification>(object: &S, history: &History<S::Operation, S::Return>) -> bool {
    fn go<S: SequentialSpecification>(
        object: &S,
        history: &History<S::Operation, S::Return>,
        done: &mut Vec<usize>,
        state: &S::State,
    ) -> bool {
        let operations = history.operations();
        let left: Vec<usize> = (0..operations.len()).filter(|i| !done.contains(i)).collect();
        let owed = |&i: &usize| matches!(operations[i].outcome, Outcome::Ok(_));
        if !left.iter().any(owed) {
            return true;
        }
        left.iter().any(|&i| {
            let (after, value) = object.apply(state, &operations[i].operation);
            let fits = match &operations[i].outcome {
                Outcome::Ok(returned) => value == *returned,
                Outcome::Unknown => true,
                Outcome::Failed => false,
            };
            let comes_late = |&&j: &&usize| owed(&j) && operations[j].returned < Some(operations[i].invoked);
            if !fits || left.iter().any(|j| comes_late(&j)) {
                return false;
            }
            done.push(i);
            let found = go(object, history, done, &after);
            done.pop();
            found
        })
    }
    go(object, history, &mut vec![], &object.initial())
}

/// The history with some outcomes in the place of others.
fn mutated<O: Clone, R: Clone>(history: &History<O, R>, random: &mut Random) -> History<O, R> {
    let mut events = history.events().to_vec();
    let mut outcomes: Vec<_> = events
        .iter_mut()
        .filter_map(|event| if let Event::Return { outcome, .. } = event { Some(outcome) } else { None })
        .collect();
    let (from, to) =
        (random.below(outcomes.len() as u64) as usize, random.below(outcomes.len() as u64) as usize);
    *outcomes[to] = outcomes[from].clone();
    if random.below(3) == 0 {
        *outcomes[from] = if random.below(3) == 0 { Outcome::Failed } else { Outcome::Unknown };
    }
    History::new(events).expect("only outcomes were changed")
}

#[track_caller]
fn agrees<S: SequentialSpecification<Return: Debug>>(
    object: &S,
    mut ask: impl FnMut(&mut Random) -> S::Operation,
) {
    let mut counts = [0, 0];
    for seed in 0..2_500 {
        let mut random = Random::new(seed);
        let shape = Shape { clients: 2 + seed % 3, operations: 2 + (seed / 3 % 5) as usize, unknown: 150 };
        let sound = generate(object, shape, seed, &mut ask);
        for changes in 0..3 {
            let history = (0..changes).fold(sound.clone(), |history, _| mutated(&history, &mut random));
            let verdict = linearizable(object, &history, Budget::default());
            let truth = brute_force(object, &history);
            counts[usize::from(truth)] += 1;
            assert!(truth || changes > 0, "linearizable by construction: {history:?}");
            match verdict {
                Verdict::Linearizable { .. } => assert!(truth, "{history:?}"),
                Verdict::Violation { prefix, .. } => {
                    assert!(!truth, "{history:?}");
                    assert!(brute_force(object, &history.prefix(prefix)), "{prefix}: {history:?}");
                    assert!(!brute_force(object, &history.prefix(prefix + 1)), "{prefix}: {history:?}");
                }
                Verdict::Unknown { .. } => panic!("out of budget: {history:?}"),
            }
        }
    }
    assert!(counts.iter().all(|&count| count > 300), "{counts:?}");
}

#[test]
fn counters_and_registers_with_compare_and_set() {
    agrees(&Counter, |random| match random.below(4) {
        0 => CounterOperation::Read,
        1 => CounterOperation::AddAndRead(1),
        _ => CounterOperation::Add(1 + random.below(2).cast_signed()),
    });
    agrees(&CasRegister::<u64>::default(), |random| match random.below(4) {
        0 => CasRegisterOperation::Read,
        1 => CasRegisterOperation::Write(random.below(2)),
        _ => CasRegisterOperation::CompareAndSet(
            (random.below(3) > 0).then_some(random.below(2)),
            random.below(2),
        ),
    });
}

#[test]
fn queues_stacks_sets_and_lists_of_elements_that_are_there_twice() {
    agrees(&Queue::<u64>::default(), |random| match random.below(2) {
        0 => QueueOperation::Dequeue,
        _ => QueueOperation::Enqueue(random.below(2)),
    });
    agrees(&Stack::<u64>::default(), |random| match random.below(2) {
        0 => StackOperation::Pop,
        _ => StackOperation::Push(random.below(2)),
    });
    agrees(&Set::<u64>::default(), |random| match random.below(4) {
        0 => SetOperation::Read,
        1 => SetOperation::Contains(random.below(2)),
        2 => SetOperation::Remove(random.below(2)),
        _ => SetOperation::Add(random.below(2)),
    });
    agrees(&List::<u64>::default(), |random| match random.below(2) {
        0 => ListOperation::Read,
        _ => ListOperation::Append(random.below(2)),
    });
}

#[test]
fn locks_and_maps_with_revisions() {
    for owned in [false, true] {
        agrees(&Lock { owned }, |random| {
            let client = Client(random.below(2));
            if random.below(2) == 0 { LockOperation::Acquire(client) } else { LockOperation::Release(client) }
        });
    }
    agrees(&EtcdMap::<u64, u64>::default(), |random| {
        let key = random.below(2);
        match random.below(4) {
            0 => EtcdMapOperation::Get(key),
            1 => EtcdMapOperation::Delete(key),
            2 => EtcdMapOperation::PutIfRevision(key, random.below(3).cast_signed(), random.below(2)),
            _ => EtcdMapOperation::Put(key, random.below(2)),
        }
    });
}
