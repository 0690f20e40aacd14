//! The smallest part of a violation, against its definition: it fails whatever came of the rest, and without any one of it something else may be.

mod every;

use every::{brute_force, histories};
use std::cell::Cell;
use std::fmt::Write;
use synod_judge::judgement::{Model, conventions, judge_closely};
use synod_judge::log::Log;
use synod_judge::model::{Set, SetOperation, SetReturn};
use synod_judge::smallest::{Smallest, smallest};
use synod_judge::special::{Way, register, set};
use synod_judge::{
    Budget, Client, Event, History, Outcome, Register, RegisterOperation, RegisterReturn,
    SequentialSpecification, Verdict, linearizable,
};

type Registers = History<RegisterOperation<u8>, RegisterReturn<u8>>;

/// The history, with what came of these operations alone.
fn only<O: Clone, R: Clone>(history: &History<O, R>, kept: &[usize]) -> History<O, R> {
    let mut events = history.events().to_vec();
    for (_, operation) in history.operations().iter().enumerate().filter(|(i, _)| !kept.contains(i)) {
        if let Some(Event::Return { outcome, .. }) = operation.returned.map(|end| &mut events[end]) {
            *outcome = Outcome::Unknown;
        }
    }
    History::new(events).unwrap()
}

/// Holds a part against its definition; its size.
fn check_of<S: SequentialSpecification>(
    object: &S,
    history: &History<S::Operation, S::Return>,
    judge: impl Fn(&History<S::Operation, S::Return>, Budget<'_>) -> (Verdict, Way),
) -> Option<usize> {
    let found = smallest(object, history, |h, budget| judge(h, budget).0, Budget::default());
    let searched = smallest(object, history, |h, b| linearizable(object, h, b), Budget::default());
    assert_eq!(found, searched, "by whatever way: {history:?}");
    assert_eq!(found.is_none(), brute_force(object, history), "{history:?}");
    let part = found?;
    assert!(part.is_smallest);
    assert!(!brute_force(object, &only(history, &part.operations)), "{part:?} of {history:?}");
    for left_out in &part.operations {
        let rest: Vec<usize> = part.operations.iter().copied().filter(|o| o != left_out).collect();
        assert!(brute_force(object, &only(history, &rest)), "{part:?} without {left_out} of {history:?}");
    }
    Some(part.operations.len())
}

fn check(history: &Registers) -> Option<usize> {
    check_of(&Register::default(), history, register)
}

#[test]
fn of_every_small_history_of_a_set_that_fails() {
    let asks = |_| {
        let of = |v| [SetOperation::Add(v), SetOperation::Contains(v)];
        [of(1), of(2)].concat()
    };
    let answers = |asked: &SetOperation<u8>, _: &[SetOperation<u8>]| match asked {
        SetOperation::Contains(_) => vec![SetReturn::Contained(true), SetReturn::Contained(false)],
        _ => vec![SetReturn::Done],
    };
    let mut sizes = [0; 5];
    histories(4, 3, &asks, &answers, &mut |history| {
        sizes[check_of(&Set::default(), history, set).unwrap_or(0)] += 1;
    });
    assert!(sizes[1..3].iter().all(|&count| count > 100), "{sizes:?}");
}

/// Two thousand elements, of which each operation asks one: what is wrong with one is shown without the others.
#[test]
fn of_a_set_the_part_is_about_one_element() {
    let mut history = History::default();
    let mut step = |operation, value| {
        history.invoke(Client(1), operation).unwrap();
        history.returned(Client(1), value).unwrap();
    };
    for round in 0..20_000_u32 {
        let element = round % 2_000;
        match round / 2_000 % 3 {
            0 => step(SetOperation::Add(element), SetReturn::Done),
            1 => step(SetOperation::Contains(element), SetReturn::Contained(round != 3_500)),
            _ => step(SetOperation::Remove(element), SetReturn::Done),
        }
    }
    let part = smallest(&Set::default(), &history, |h, budget| set(h, budget).0, Budget::default());
    // it was added, and not found
    assert_eq!(part, Some(Smallest { operations: vec![1_500, 3_500], is_smallest: true }));
}

#[test]
fn of_every_small_history_that_fails() {
    let asks = |_| vec![RegisterOperation::Read, RegisterOperation::Write(1), RegisterOperation::Write(2)];
    let answers = |asked: &RegisterOperation<u8>, _: &[RegisterOperation<u8>]| match asked {
        RegisterOperation::Read => [None, Some(1), Some(2)].map(RegisterReturn::Value).to_vec(),
        RegisterOperation::Write(_) => vec![RegisterReturn::Written],
    };
    let mut sizes = [0; 5];
    histories(4, 3, &asks, &answers, &mut |history| {
        sizes[check(history).unwrap_or(0)] += 1;
    });
    assert!(sizes[1..4].iter().all(|&count| count > 100), "{sizes:?}");
}

#[test]
fn a_write_that_failed_is_part_of_it() {
    let mut history = Registers::default();
    history.invoke(Client(1), RegisterOperation::Write(1)).unwrap();
    history.end(Client(1), Outcome::Failed).unwrap();
    history.invoke(Client(2), RegisterOperation::Read).unwrap();
    history.returned(Client(2), RegisterReturn::Value(Some(1))).unwrap();
    assert_eq!(check(&history), Some(2));
}

#[test]
fn far_apart_in_a_long_history() {
    let mut text = String::from("client,kind,function,key,value,at\n");
    for value in 0..2_000 {
        writeln!(text, "1,invoke,write,,{value},\n1,ok,write,,{value},").unwrap();
    }
    text.push_str("2,invoke,read,,,\n2,ok,read,,3,\n");
    let (log, format) = Log::from_text(&text).unwrap();
    let judged = judge_closely(&log, Model::Register, conventions(format), Budget::default()).unwrap();
    let part = judged.parts[0].smallest.as_ref().expect("it is a violation");
    assert!(part.is_smallest, "{part:?}");
    assert!(part.operations.len() == 3 && part.operations.starts_with(&[3]), "{part:?}");
    assert_eq!(part.operations[2], 2_000, "{part:?}");
}

#[test]
fn what_the_budget_does_not_tell_is_kept() {
    let object = Register::<u8>::default();
    let mut history = Registers::default();
    for _ in 0..4 {
        history.invoke(Client(1), RegisterOperation::Write(1)).unwrap();
        history.returned(Client(1), RegisterReturn::Written).unwrap();
    }
    history.invoke(Client(2), RegisterOperation::Read).unwrap();
    history.returned(Client(2), RegisterReturn::Value(Some(2))).unwrap();
    let judge = |h: &Registers, budget: Budget<'_>| {
        let whole = h.operations().iter().all(|o| matches!(o.outcome, Outcome::Ok(_)));
        linearizable(&object, h, if whole { budget } else { Budget::steps(0) })
    };
    let part = smallest(&object, &history, judge, Budget::default()).unwrap();
    assert_eq!((part.operations.len(), part.is_smallest), (5, false));
}

/// What is forgotten and only observed is left out of an attempt, and yet has to be gone through.
#[test]
fn attempts_are_bounded_by_what_they_cost_and_not_by_what_is_left_of_them() {
    let (reads, needed) = (20_000, 300);
    let mut history = Registers::default();
    for number in 0..reads {
        history.invoke(Client(1), RegisterOperation::Read).unwrap();
        let value = (number >= reads - needed).then_some(1);
        history.returned(Client(1), RegisterReturn::Value(value)).unwrap();
    }
    // none of the last can be forgotten
    let is_needed = |o: &Outcome<_>| *o == Outcome::Ok(RegisterReturn::Value(Some(1)));
    let attempts = Cell::new(0);
    let judge = |part: &Registers, _: Budget<'_>| {
        attempts.set(attempts.get() + 1);
        if part.operations().iter().filter(|o| is_needed(&o.outcome)).count() < needed {
            return Verdict::Linearizable { order: vec![] };
        }
        Verdict::Violation { prefix: 2 * reads - 1, order: vec![], operation: reads - 1 }
    };
    let part = smallest(&Register::default(), &history, judge, Budget::default()).unwrap();
    assert_eq!((part.operations.len(), part.is_smallest), (needed, false));
    assert!((100..250).contains(&attempts.get()), "{} attempts", attempts.get());
}
