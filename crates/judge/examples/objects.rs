//! How long histories of each object take: `cargo run --release -p synod-judge --example objects [OPERATIONS]`
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::time::Instant;
use synod_judge::generate::{Random, Shape, linearizable as generate};
use synod_judge::model::{
    Queue, QueueOperation, QueueReturn, Set, SetOperation, SetReturn, Stack, StackOperation, StackReturn,
};
use synod_judge::smallest::smallest;
use synod_judge::special::{Way, queue, register, set, stack};
use synod_judge::{
    Budget, Event, History, Outcome, Register, RegisterOperation, RegisterReturn, SequentialSpecification,
    Verdict,
};

/// Judges a history, and the same with a wrong answer near the end.
fn both<S: SequentialSpecification>(
    what: &str,
    object: &S,
    shape: Shape,
    ask: impl FnMut(&mut Random) -> S::Operation,
    wrong: impl Fn(&S::Return) -> Option<S::Return>,
    judge: impl Fn(&History<S::Operation, S::Return>, Budget<'_>) -> (Verdict, Way),
) {
    let history = generate(object, shape, 1, ask);
    let mut events = history.events().to_vec();
    let late = events.len() - events.len() / 100;
    let answer = events[late..].iter_mut().find_map(|event| match event {
        Event::Return { outcome: Outcome::Ok(value), .. } => wrong(value).map(|wrong| (value, wrong)),
        _ => None,
    });
    if let Some((value, wrong)) = answer {
        *value = wrong;
    }
    for (name, history) in [("", &history), (", a wrong answer", &History::new(events).unwrap())] {
        let begin = Instant::now();
        let (verdict, way) = judge(history, Budget::steps(100_000_000));
        let taken = begin.elapsed();
        let verdict = match verdict {
            Verdict::Linearizable { .. } => "linearizable".to_owned(),
            Verdict::Violation { prefix, .. } => format!("violation after {prefix} events"),
            Verdict::Unknown { prefix } => format!("unknown, {prefix} events explained"),
        };
        println!("{what}{name}: {verdict}, {way:?}, {taken:?}");
        let begin = Instant::now();
        if let Some(part) = smallest(object, history, |h, budget| judge(h, budget).0, Budget::default()) {
            let (few, is) = (part.operations.len(), part.is_smallest);
            println!("  {few} operations fail by themselves, none too many: {is}, {:?}", begin.elapsed());
        }
    }
}

fn main() {
    let operations = std::env::args().nth(1).map_or(100_000, |text| text.parse().expect("a number"));
    for (clients, unknown) in [(10, 0), (50, 0), (50, 1), (10, 10)] {
        let shape = Shape { clients, operations, unknown };
        let named = |what: &str| format!("{what}, {clients} clients, {unknown} of 1000 unknown");
        let mut number = 0;
        let mut next = |random: &mut Random| {
            number += 1;
            (random.below(2) == 0, number)
        };
        both(
            &named("queue"),
            &Queue::<u64>::default(),
            shape,
            |random| match next(random) {
                (true, number) => QueueOperation::Enqueue(number),
                _ => QueueOperation::Dequeue,
            },
            |value| match value {
                QueueReturn::Dequeued(Some(_)) => Some(QueueReturn::Dequeued(Some(1))),
                _ => None,
            },
            queue,
        );
        both(
            &named("stack"),
            &Stack::<u64>::default(),
            shape,
            |random| match next(random) {
                (true, number) => StackOperation::Push(number),
                _ => StackOperation::Pop,
            },
            |value| match value {
                StackReturn::Popped(Some(_)) => Some(StackReturn::Popped(Some(1))),
                _ => None,
            },
            stack,
        );
        both(
            &named("set of 1000 elements"),
            &Set::<u64>::default(),
            shape,
            |random| match random.below(4) {
                0 => SetOperation::Add(random.below(1000)),
                1 => SetOperation::Remove(random.below(1000)),
                _ => SetOperation::Contains(random.below(1000)),
            },
            |value| match value {
                SetReturn::Contained(there) => Some(SetReturn::Contained(!there)),
                _ => None,
            },
            set,
        );
        for values in [2, 5, 20] {
            both(
                &named(&format!("register of {values} values")),
                &Register::<u64>::default(),
                shape,
                |random| match random.below(2) {
                    0 => RegisterOperation::Read,
                    _ => RegisterOperation::Write(random.below(values)),
                },
                |value| match value {
                    RegisterReturn::Value(_) => Some(RegisterReturn::Value(None)),
                    RegisterReturn::Written => None,
                },
                register,
            );
        }
    }
}
