//! The special ways to judge against the general search, which other tests hold against the definition.

mod every;

use every::explains;
use std::hash::Hash;
use synod_judge::generate::{Random, Shape, linearizable as generate};
use synod_judge::model::{
    List, ListOperation, ListReturn, Queue, QueueOperation, QueueReturn, Set, SetOperation, Stack,
    StackOperation, StackReturn, TextMap, TextOperation, TextReturn,
};
use synod_judge::special::{Way, queue, register, set, stack, versioned};
use synod_judge::{
    Budget, Event, History, Outcome, Register, RegisterOperation, RegisterReturn, SequentialSpecification,
    Verdict, linearizable,
};

/// The history with what one operation returned in place of what another did, and some ends swapped.
fn mutated<O: Clone, R: Clone>(history: &History<O, R>, random: &mut Random) -> History<O, R> {
    let mut events = history.events().to_vec();
    let mut outcomes = vec![];
    for event in &mut events {
        if let Event::Return { outcome, .. } = event {
            outcomes.push(outcome);
        }
    }
    if !outcomes.is_empty() {
        let (from, to) = (random.below(outcomes.len() as u64), random.below(outcomes.len() as u64));
        *outcomes[to as usize] = outcomes[from as usize].clone();
        if random.below(4) == 0 {
            *outcomes[from as usize] = if random.below(2) == 0 { Outcome::Failed } else { Outcome::Unknown };
        }
    }
    History::new(events).expect("only outcomes were changed")
}

/// Judges generated and mutated histories in both ways; how often each verdict came, and how often it was left to the search.
fn cross_check<S: SequentialSpecification<Operation: Hash>>(
    object: &S,
    ask: impl Fn(&mut Random, u64) -> S::Operation,
    special: impl Fn(&History<S::Operation, S::Return>) -> (Verdict, Way),
) -> [usize; 3] {
    let mut counts = [0; 3];
    let rounds = std::env::var("SYNOD_JUDGE_ROUNDS").map_or(4_000, |text| text.parse().unwrap());
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let unknown = [100, 0, 300][(seed / 36 % 3) as usize];
        let shape = Shape { clients: 1 + seed % 4, operations: 1 + (seed / 4 % 9) as usize, unknown };
        let mut number = 0;
        let history = generate(object, shape, seed, |random| {
            number += 1;
            ask(random, number)
        });
        for changes in 0..4 {
            let history = (0..changes).fold(history.clone(), |history, _| mutated(&history, &mut random));
            let (verdict, way) = special(&history);
            counts[2] += usize::from(way == Way::Search);
            match (&verdict, linearizable(object, &history, Budget::default())) {
                (Verdict::Linearizable { order }, Verdict::Linearizable { .. }) => {
                    assert!(explains(object, &history, order), "{order:?} of {history:?}");
                    counts[0] += 1;
                }
                (
                    Verdict::Violation { prefix, order, operation },
                    Verdict::Violation { prefix: its, operation: its_operation, .. },
                ) => {
                    assert_eq!((*prefix, *operation), (its, its_operation), "{history:?}");
                    assert!(explains(object, &history.prefix(*prefix), order), "{order:?} of {history:?}");
                    counts[1] += 1;
                }
                (verdict, other) => panic!("{verdict:?}, but the search says {other:?}: {history:?}"),
            }
            if changes == 0 {
                assert!(verdict.is_linearizable(), "linearizable by construction: {history:?}");
            }
        }
    }
    counts
}

#[test]
fn zones_of_a_register_say_what_the_search_says() {
    let object = Register::<u64>::default();
    let ask = |random: &mut Random, number| match random.below(2) {
        0 => RegisterOperation::Read,
        _ => RegisterOperation::Write(number),
    };
    let counts = cross_check(&object, ask, |history| register(history, Budget::default()));
    assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
    assert_eq!(counts[2], 0, "nothing is written twice");
}

#[test]
fn versions_of_a_text_say_what_the_search_says() {
    let ask = |random: &mut Random, number| match random.below(8) {
        0..4 => TextOperation::Get,
        4..7 => TextOperation::Append(format!("{number}.").into()),
        _ => TextOperation::Put(format!("{number}.").into()),
    };
    let counts = cross_check(&TextMap, ask, |history| versioned(&TextMap, history, Budget::default()));
    assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
    assert_eq!(counts[2], 0, "nothing is written twice");
}

#[test]
fn versions_of_a_list_say_what_the_search_says() {
    let list = List::<u64>::default();
    let ask = |random: &mut Random, number| match random.below(2) {
        0 => ListOperation::Read,
        _ => ListOperation::Append(number),
    };
    let counts = cross_check(&list, ask, |history| versioned(&list, history, Budget::default()));
    assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
    assert_eq!(counts[2], 0, "nothing is written twice");
}

#[test]
fn visits_of_a_register_say_what_the_search_says() {
    for values in [1, 2, 4] {
        let ask = |random: &mut Random, _| match random.below(2) {
            0 => RegisterOperation::Read,
            _ => RegisterOperation::Write(random.below(values)),
        };
        let counts =
            cross_check(&Register::<u64>::default(), ask, |history| register(history, Budget::default()));
        assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
        assert_eq!(counts[2], 0, "they are registers");
    }
}

#[test]
fn queues_and_stacks_say_what_the_search_says() {
    let ask = |random: &mut Random, number| match random.below(9) {
        0..4 => QueueOperation::Dequeue,
        _ => QueueOperation::Enqueue(number),
    };
    let counts = cross_check(&Queue::<u64>::default(), ask, |history| queue(history, Budget::default()));
    assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
    assert_eq!(counts[2], 0, "nothing is put twice");
    let ask = |random: &mut Random, number| match random.below(9) {
        0..4 => StackOperation::Pop,
        _ => StackOperation::Push(number),
    };
    let counts = cross_check(&Stack::<u64>::default(), ask, |history| stack(history, Budget::default()));
    assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
    assert!(counts[2] < 20, "few are too hard with pops of which nobody knows: {counts:?}");
}

/// Two elements have to be gone, one by the time at which nothing is found and one by the time at which what was put after it is
/// taken: by dequeues of which nobody knows what they took.
#[test]
fn takers_are_counted_up_to_each_deadline_and_not_only_to_the_first() {
    let [unknown, other, client] = [1, 2, 3].map(synod_judge::Client);
    for takers in [1, 2] {
        let mut history = History::default();
        for &taker in &[unknown, other][..takers] {
            history.invoke(taker, QueueOperation::Dequeue).unwrap();
        }
        let mut step = |operation, value| {
            history.invoke(client, operation).unwrap();
            history.returned(client, value).unwrap();
        };
        step(QueueOperation::Enqueue(1), QueueReturn::Enqueued);
        step(QueueOperation::Dequeue, QueueReturn::Dequeued(None));
        step(QueueOperation::Enqueue(2), QueueReturn::Enqueued);
        step(QueueOperation::Enqueue(3), QueueReturn::Enqueued);
        step(QueueOperation::Dequeue, QueueReturn::Dequeued(Some(3)));
        let (verdict, way) = queue(&history, Budget::default());
        assert_eq!(verdict.is_linearizable(), takers == 2);
        assert_ne!(way, Way::Search);
        let searched = linearizable(&Queue::<u64>::default(), &history, Budget::default());
        assert_eq!(searched.is_linearizable(), takers == 2);
    }
}

/// Nothing is found where one element has been taken, not where it must be there: only there does another have to be gone, by a dequeue
/// of which nobody knows what it took.
#[test]
fn nothing_is_found_where_nothing_must_be_there() {
    let [unknown, finder, client] = [1, 2, 3].map(synod_judge::Client);
    let mut history = History::default();
    history.invoke(unknown, QueueOperation::Dequeue).unwrap();
    let mut step = |client, operation, value: Option<_>| {
        history.invoke(client, operation).unwrap();
        if let Some(value) = value {
            history.returned(client, value).unwrap();
        }
    };
    step(client, QueueOperation::Enqueue(1), Some(QueueReturn::Enqueued));
    step(finder, QueueOperation::Dequeue, None);
    step(client, QueueOperation::Enqueue(2), Some(QueueReturn::Enqueued));
    step(client, QueueOperation::Dequeue, Some(QueueReturn::Dequeued(Some(1))));
    history.returned(finder, QueueReturn::Dequeued(None)).unwrap();
    let (verdict, way) = queue(&history, Budget::default());
    assert!(verdict.is_linearizable(), "{verdict:?}");
    assert_ne!(way, Way::Search);
}

#[test]
fn sets_say_what_the_search_says() {
    for removes in [false, true] {
        let ask = |random: &mut Random, _| match random.below(4) {
            0 if removes => SetOperation::Remove(random.below(3)),
            0 => SetOperation::Read,
            1 => SetOperation::Contains(random.below(3)),
            _ => SetOperation::Add(random.below(3)),
        };
        let counts = cross_check(&Set::<u64>::default(), ask, |history| set(history, Budget::default()));
        assert!(counts[..2].iter().all(|&count| count > 1_000), "{counts:?}");
        assert_eq!(counts[2], 0, "it is either read or something removed");
    }
}

#[test]
fn what_is_written_twice_is_searched() {
    let mut texts = History::default();
    let (alice, bob) = (synod_judge::Client(1), synod_judge::Client(2));
    for client in [alice, bob] {
        texts.invoke(client, TextOperation::Append("a".into())).unwrap();
        texts.returned(client, TextReturn::Done).unwrap();
    }
    assert_eq!(versioned(&TextMap, &texts, Budget::default()).1, Way::Search);
    // "a", "ab": what is read as "ab" was written in one piece or in two
    let mut ambiguous = History::default();
    for text in ["a", "ab", "b"] {
        ambiguous.invoke(alice, TextOperation::Append(text.into())).unwrap();
        ambiguous.returned(alice, TextReturn::Done).unwrap();
    }
    ambiguous.invoke(bob, TextOperation::Get).unwrap();
    ambiguous.returned(bob, TextReturn::Text("aabb".into())).unwrap();
    let (verdict, way) = versioned(&TextMap, &ambiguous, Budget::default());
    assert!(way == Way::Search && verdict.is_linearizable());

    let list = List::<u8>::default();
    let mut twice = History::default();
    for _ in 0..2 {
        twice.invoke(alice, ListOperation::Append(1)).unwrap();
        twice.returned(alice, ListReturn::Appended).unwrap();
    }
    assert_eq!(versioned(&list, &twice, Budget::default()).1, Way::Search);

    let mut queued = History::default();
    let mut pushed = History::default();
    let mut written = History::default();
    for _ in 0..2 {
        queued.invoke(alice, QueueOperation::Enqueue(1)).unwrap();
        queued.returned(alice, QueueReturn::Enqueued).unwrap();
        pushed.invoke(alice, StackOperation::Push(1)).unwrap();
        pushed.returned(alice, StackReturn::Pushed).unwrap();
        written.invoke(alice, RegisterOperation::Write(1)).unwrap();
        written.returned(alice, RegisterReturn::Written).unwrap();
    }
    assert_eq!(queue(&queued, Budget::default()).1, Way::Search);
    assert_eq!(stack(&pushed, Budget::default()).1, Way::Search);
    assert_eq!(register(&written, Budget::default()).1, Way::Visits);
}
