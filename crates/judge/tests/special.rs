//! The special ways to judge against the general search, which other tests hold against the definition.

use std::hash::Hash;
use synod_judge::generate::{Random, Shape, linearizable as generate};
use synod_judge::model::{List, ListOperation, ListReturn, TextMap, TextOperation, TextReturn};
use synod_judge::special::{Way, register, versioned};
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

/// Whether an order of operations is a proof.
fn explains<S: SequentialSpecification>(
    object: &S,
    history: &History<S::Operation, S::Return>,
    order: &[usize],
) -> bool {
    let operations = history.operations();
    let mut state = object.initial();
    let replayed = order.iter().all(|&i| {
        let (after, value) = object.apply(&state, &operations[i].operation);
        state = after;
        match &operations[i].outcome {
            Outcome::Ok(returned) => value == *returned,
            Outcome::Unknown => true,
            Outcome::Failed => false,
        }
    });
    let is_over = |i: usize| matches!(operations[i].outcome, Outcome::Ok(_));
    let complete = (0..operations.len()).all(|i| order.iter().filter(|&&j| j == i).count() <= 1)
        && (0..operations.len()).all(|i| !is_over(i) || order.contains(&i));
    let in_time = order.iter().enumerate().all(|(at, &i)| {
        let too_late = |&j: &usize| is_over(j) && operations[j].returned < Some(operations[i].invoked);
        !order[at + 1..].iter().any(too_late)
    });
    replayed && complete && in_time
}

/// Judges generated and mutated histories in both ways; how often each verdict came.
fn cross_check<S: SequentialSpecification<Operation: Hash>>(
    object: &S,
    ask: impl Fn(&mut Random, u64) -> S::Operation,
    special: impl Fn(&History<S::Operation, S::Return>) -> (Verdict, Way),
) -> [usize; 2] {
    let mut counts = [0, 0];
    for seed in 0..4_000 {
        let mut random = Random::new(seed);
        let shape = Shape { clients: 1 + seed % 4, operations: 1 + (seed / 4 % 9) as usize, unknown: 100 };
        let mut number = 0;
        let history = generate(object, shape, seed, |random| {
            number += 1;
            ask(random, number)
        });
        for changes in 0..4 {
            let history = (0..changes).fold(history.clone(), |history, _| mutated(&history, &mut random));
            let (verdict, way) = special(&history);
            assert_ne!(way, Way::Search, "nothing is written twice");
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
    assert!(counts.iter().all(|&count| count > 1_000), "{counts:?}");
}

#[test]
fn versions_of_a_text_say_what_the_search_says() {
    let ask = |random: &mut Random, number| match random.below(8) {
        0..4 => TextOperation::Get,
        4..7 => TextOperation::Append(format!("{number}.").into()),
        _ => TextOperation::Put(format!("{number}.").into()),
    };
    let counts = cross_check(&TextMap, ask, |history| versioned(&TextMap, history, Budget::default()));
    assert!(counts.iter().all(|&count| count > 1_000), "{counts:?}");
}

#[test]
fn versions_of_a_list_say_what_the_search_says() {
    let list = List::<u64>::default();
    let ask = |random: &mut Random, number| match random.below(2) {
        0 => ListOperation::Read,
        _ => ListOperation::Append(number),
    };
    let counts = cross_check(&list, ask, |history| versioned(&list, history, Budget::default()));
    assert!(counts.iter().all(|&count| count > 1_000), "{counts:?}");
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

    let mut written = History::default();
    for _ in 0..2 {
        written.invoke(alice, RegisterOperation::Write(1)).unwrap();
        written.returned(alice, RegisterReturn::Written).unwrap();
    }
    assert_eq!(register(&written, Budget::default()).1, Way::Search);
}
