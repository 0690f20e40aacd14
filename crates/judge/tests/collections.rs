//! The ways of queues, stacks, sets and registers against the definition, on all small histories.
#![expect(clippy::print_stdout, reason = "counts of what was checked")]

mod every;

use every::{brute_force, histories, is_true};
use std::collections::BTreeSet;
use synod_judge::model::{
    Queue, QueueOperation, QueueReturn, Set, SetOperation, SetReturn, Stack, StackOperation, StackReturn,
};
use synod_judge::special::{Way, queue, register, set, stack};
use synod_judge::{
    Budget, History, Register, RegisterOperation, RegisterReturn, SequentialSpecification, Verdict,
    linearizable,
};

/// How many operations histories have, unless told by `SYNOD_JUDGE_SIZE`.
const USUAL: usize = 4;

fn size() -> usize {
    std::env::var("SYNOD_JUDGE_SIZE").map_or(USUAL, |text| text.parse().unwrap())
}

/// The longest prefix that has an order, if not all has.
fn failed_at(verdict: &Verdict) -> Option<usize> {
    match verdict {
        Verdict::Violation { prefix, .. } => Some(*prefix),
        _ => None,
    }
}

/// How many histories there are, of which so many have an order, and how many were left to the search.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    histories: usize,
    linearizable: usize,
    searched: usize,
}

impl Counts {
    /// Holds the counts of the usual size against what they were: histories, those with an order, those left to the search.
    fn are(&self, object: &str, [histories, linearizable, searched]: [usize; 3]) {
        println!("{object}: {self:?}");
        if size() == USUAL {
            assert_eq!(*self, Self { histories, linearizable, searched }, "{object}");
        }
    }

    fn check<S: SequentialSpecification>(
        &mut self,
        object: &S,
        history: &History<S::Operation, S::Return>,
        (verdict, way): (Verdict, Way),
    ) {
        self.histories += 1;
        self.searched += usize::from(way == Way::Search);
        let truth = is_true(object, history, &verdict);
        // an order is its own proof; that there is none is held against the definition for the prefix, which is no longer
        assert_eq!(brute_force(object, history), truth, "{history:?}");
        self.linearizable += usize::from(truth);
    }
}

#[test]
fn every_small_history_of_a_queue() {
    let object = Queue::default();
    let asks = |number| vec![QueueOperation::Enqueue(number), QueueOperation::Dequeue];
    let answers = |asked: &QueueOperation<usize>, all: &[QueueOperation<usize>]| match asked {
        QueueOperation::Enqueue(_) => vec![QueueReturn::Enqueued],
        QueueOperation::Dequeue => {
            let put = all.iter().filter_map(|asked| match asked {
                QueueOperation::Enqueue(v) => Some(QueueReturn::Dequeued(Some(*v))),
                QueueOperation::Dequeue => None,
            });
            put.chain([QueueReturn::Dequeued(None)]).collect()
        }
    };
    let mut counts = Counts::default();
    histories(size(), 9, &asks, &answers, &mut |history| {
        counts.check(&object, history, queue(history, Budget::default()));
    });
    counts.are("queue", [2893, 2054, 0]);
}

#[test]
fn every_small_history_of_a_stack() {
    let object = Stack::default();
    let asks = |number| vec![StackOperation::Push(number), StackOperation::Pop];
    let answers = |asked: &StackOperation<usize>, all: &[StackOperation<usize>]| match asked {
        StackOperation::Push(_) => vec![StackReturn::Pushed],
        StackOperation::Pop => {
            let put = all.iter().filter_map(|asked| match asked {
                StackOperation::Push(v) => Some(StackReturn::Popped(Some(*v))),
                StackOperation::Pop => None,
            });
            put.chain([StackReturn::Popped(None)]).collect()
        }
    };
    let mut counts = Counts::default();
    histories(size(), 9, &asks, &answers, &mut |history| {
        counts.check(&object, history, stack(history, Budget::default()));
    });
    counts.are("stack", [2893, 2162, 0]);
}

#[test]
fn every_small_history_of_a_register_with_two_values() {
    let object = Register::default();
    let asks = |_| vec![RegisterOperation::Read, RegisterOperation::Write(1), RegisterOperation::Write(2)];
    let answers = |asked: &RegisterOperation<u8>, _: &[RegisterOperation<u8>]| match asked {
        RegisterOperation::Read => [None, Some(1), Some(2)].map(RegisterReturn::Value).to_vec(),
        RegisterOperation::Write(_) => vec![RegisterReturn::Written],
    };
    let mut counts = Counts::default();
    histories(size(), 9, &asks, &answers, &mut |history| {
        counts.check(&object, history, register(history, Budget::default()));
        let searched = linearizable(&object, history, Budget::default());
        let (verdict, _) = register(history, Budget::default());
        assert_eq!(failed_at(&searched), failed_at(&verdict), "{history:?}");
    });
    counts.are("register", [22_780, 7149, 0]);
}

#[test]
fn every_small_history_of_a_set_of_one_element() {
    let object = Set::default();
    let asks = |_| vec![SetOperation::Add(1), SetOperation::Remove(1), SetOperation::Contains(1)];
    let answers = |asked: &SetOperation<u8>, _: &[SetOperation<u8>]| match asked {
        SetOperation::Contains(_) => vec![SetReturn::Contained(true), SetReturn::Contained(false)],
        _ => vec![SetReturn::Done],
    };
    let mut counts = Counts::default();
    histories(size(), 9, &asks, &answers, &mut |history| {
        counts.check(&object, history, set(history, Budget::default()));
    });
    counts.are("set", [10_737, 5969, 0]);
}

#[test]
fn every_small_history_of_a_set_that_grows() {
    let object = Set::default();
    let asks =
        |_| vec![SetOperation::Add(1), SetOperation::Add(2), SetOperation::Contains(1), SetOperation::Read];
    let answers = |asked: &SetOperation<u8>, _: &[SetOperation<u8>]| match asked {
        SetOperation::Contains(_) => vec![SetReturn::Contained(true), SetReturn::Contained(false)],
        SetOperation::Read => {
            let sets: [&[u8]; 4] = [&[], &[1], &[2], &[1, 2]];
            sets.map(|elements| SetReturn::Elements(elements.iter().copied().collect::<BTreeSet<u8>>()))
                .to_vec()
        }
        _ => vec![SetReturn::Done],
    };
    let mut counts = Counts::default();
    histories(size(), 9, &asks, &answers, &mut |history| {
        counts.check(&object, history, set(history, Budget::default()));
    });
    counts.are("growing set", [116_482, 19_636, 0]);
}
