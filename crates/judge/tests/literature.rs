//! The examples of the literature, and what they are known to be.

use synod_judge::{
    Budget, Client, Event, History, NotLinearizable, Online, Outcome, Register, RegisterOperation,
    RegisterReturn, SequentialSpecification, Verdict, linearizable,
};

type Registers = History<RegisterOperation<u8>, RegisterReturn<u8>>;

/// A history of a register in a line each: `1 w 5` client 1 invokes a write, `1 r` a read, `1 . ` the write returns,
/// `1 .5` the read returns 5, `1 .-` that it is empty, `1 ?` the outcome is unknown, `1 !` it failed.
fn history(text: &str) -> Registers {
    let events = text.split(',').map(|event| {
        let (client, what) = event.trim().split_once(' ').expect("client and event");
        let client = Client(client.parse().expect("a client's number"));
        let invoke = |operation| Event::invoke(client, operation);
        let end = |outcome| Event::end(client, outcome);
        match what {
            "r" => invoke(RegisterOperation::Read),
            "." => end(Outcome::Ok(RegisterReturn::Written)),
            ".-" => end(Outcome::Ok(RegisterReturn::Value(None))),
            "?" => end(Outcome::Unknown),
            "!" => end(Outcome::Failed),
            write if write.starts_with('w') => {
                invoke(RegisterOperation::Write(write[1..].parse().expect("a value")))
            }
            read => end(Outcome::Ok(RegisterReturn::Value(Some(read[1..].parse().expect("a value"))))),
        }
    });
    History::new(events).expect("each client runs one operation at a time")
}

fn judge(text: &str) -> Verdict {
    linearizable(&Register::default(), &history(text), Budget::default())
}

#[test]
fn herlihy_wing_1990_a_read_sees_a_concurrent_write_or_not() {
    assert!(judge("1 w1, 1 ., 1 w2, 2 r, 2 .1, 1 .").is_linearizable());
    assert!(judge("1 w1, 1 ., 1 w2, 2 r, 2 .2, 1 .").is_linearizable());
    assert!(judge("1 w1, 1 ., 1 w2, 2 r, 2 .3, 1 .").is_violation());
}

#[test]
fn lamport_1986_new_old_inversion_is_regular_but_not_atomic() {
    let verdict = judge("1 w1, 1 ., 1 w2, 2 r, 2 .2, 3 r, 3 .1, 1 .");
    // operations: 0 writes 1, 1 writes 2, 2 reads 2, 3 reads 1
    assert_eq!(verdict, Verdict::Violation { prefix: 6, order: vec![0, 1, 2], operation: 3 });
}

#[test]
fn a_stale_read_after_a_completed_write_is_refused() {
    let verdict = judge("1 w0, 1 ., 2 w1, 2 ., 3 r, 3 .0");
    assert_eq!(verdict, Verdict::Violation { prefix: 5, order: vec![0, 1], operation: 2 });
}

#[test]
fn concurrent_writes_take_one_order_for_all_readers() {
    assert!(judge("1 w1, 2 w2, 1 ., 2 ., 3 r, 3 .1, 4 r, 4 .1").is_linearizable());
    assert!(judge("1 w1, 2 w2, 1 ., 2 ., 3 r, 3 .1, 4 r, 4 .2").is_violation());
}

#[test]
fn an_unknown_write_may_take_effect_at_any_later_time_or_never() {
    assert!(judge("1 w1, 1 ?, 2 r, 2 .-, 2 r, 2 .1").is_linearizable());
    assert!(judge("1 w1, 1 ?, 2 r, 2 .-, 2 r, 2 .-").is_linearizable());
    assert!(
        judge("1 w1, 1 ?, 1 w2, 1 ., 2 r, 2 .2, 2 r, 2 .1").is_linearizable(),
        "even after the client's next"
    );
    assert!(judge("1 w1, 1 ?, 2 r, 2 .1, 2 r, 2 .-").is_violation(), "once");
    assert!(judge("2 r, 2 .1, 1 w1, 1 ?").is_violation(), "but not before it was invoked");
}

#[test]
fn a_failed_write_has_no_effect() {
    assert!(judge("1 w1, 1 !, 2 r, 2 .-").is_linearizable());
    assert!(judge("1 w1, 1 !, 2 r, 2 .1").is_violation());
}

#[test]
fn an_unfinished_write_may_have_taken_effect() {
    assert!(judge("1 w1, 2 r, 2 .1").is_linearizable());
    assert!(judge("1 w1, 2 r, 2 .1, 3 r, 3 .-").is_violation());
}

#[test]
fn the_empty_history_is_linearizable() {
    let verdict = linearizable(&Register::<u8>::default(), &History::default(), Budget::steps(0));
    assert_eq!(verdict, Verdict::Linearizable { order: vec![] });
}

#[test]
fn a_budget_that_runs_out_is_no_verdict() {
    let text = "1 w1, 1 ., 2 r, 2 .2";
    assert_eq!(
        linearizable(&Register::default(), &history(text), Budget::steps(1)),
        Verdict::Unknown { prefix: 3 }
    );
    assert!(linearizable(&Register::default(), &history(text), Budget::steps(100)).is_violation());
}

/// A first-in first-out queue, as a user would write it.
struct Queue;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum QueueOperation {
    Enqueue(char),
    Dequeue,
}

impl SequentialSpecification for Queue {
    type State = Vec<char>;
    type Operation = QueueOperation;
    type Return = Option<char>;
    fn initial(&self) -> Vec<char> {
        vec![]
    }
    fn apply(&self, queue: &Vec<char>, operation: &QueueOperation) -> (Vec<char>, Option<char>) {
        match (operation, &queue[..]) {
            (QueueOperation::Enqueue(x), queue) => ([queue, &[*x]].concat(), None),
            (QueueOperation::Dequeue, [first, rest @ ..]) => (rest.to_vec(), Some(*first)),
            (QueueOperation::Dequeue, []) => (vec![], None),
        }
    }
}

/// The four queue histories of Figure 1; its clients A, B, C are 1, 2, 3.
#[test]
fn herlihy_wing_1990_figure_1_two_queue_histories_are_acceptable_and_two_are_not() {
    use QueueOperation::{Dequeue, Enqueue};
    let judge = |events: &[(u64, Result<QueueOperation, Option<char>>)]| {
        let mut history = History::default();
        for (client, event) in events {
            match event {
                Ok(operation) => history.invoke(Client(*client), operation.clone()).unwrap(),
                Err(value) => history.returned(Client(*client), *value).unwrap(),
            }
        }
        linearizable(&Queue, &history, Budget::default())
    };
    let ok = Err(None);
    // H1: E(x) and E(y) overlap: either may come first
    let h1 = [
        (1, Ok(Enqueue('x'))),
        (2, Ok(Enqueue('y'))),
        (2, ok.clone()),
        (1, ok.clone()),
        (2, Ok(Dequeue)),
        (2, Err(Some('x'))),
        (1, Ok(Dequeue)),
        (1, Err(Some('y'))),
        (1, Ok(Enqueue('z'))),
    ];
    assert!(judge(&h1).is_linearizable());
    // H2: E(x) ends before E(y) begins, and y is dequeued first: not acceptable
    let h2 = [
        (1, Ok(Enqueue('x'))),
        (1, ok.clone()),
        (2, Ok(Enqueue('y'))),
        (1, Ok(Dequeue)),
        (2, ok.clone()),
        (1, Err(Some('y'))),
    ];
    assert!(judge(&h2).is_violation());
    // H3: x is dequeued before its enqueue has returned: fine
    let h3 = [(1, Ok(Enqueue('x'))), (2, Ok(Dequeue)), (2, Err(Some('x')))];
    assert!(judge(&h3).is_linearizable());
    // H4: y is dequeued twice: not acceptable
    let h4 = [
        (1, Ok(Enqueue('x'))),
        (2, Ok(Enqueue('y'))),
        (1, ok.clone()),
        (2, ok),
        (1, Ok(Dequeue)),
        (3, Ok(Dequeue)),
        (1, Err(Some('y'))),
        (3, Err(Some('y'))),
    ];
    assert!(judge(&h4).is_violation());
}

/// Many concurrent writes and a read of none of them: without memoisation this takes 15! steps.
#[test]
fn lowe_2017_memoisation_makes_the_search_exponential_rather_than_factorial() {
    let mut history = Registers::default();
    for client in 0..15 {
        history.invoke(Client(client), RegisterOperation::Write(client as u8)).unwrap();
    }
    for client in 0..15 {
        history.returned(Client(client), RegisterReturn::Written).unwrap();
    }
    history.invoke(Client(0), RegisterOperation::Read).unwrap();
    history.returned(Client(0), RegisterReturn::Value(Some(99))).unwrap();
    let verdict = linearizable(&Register::default(), &history, Budget::steps(6_000_000));
    assert!(matches!(verdict, Verdict::Violation { prefix: 31, operation: 15, .. }), "{verdict:?}");
}

/// Forty writes that nobody heard of again: kept naively, 2^40 ways in which the past may have been.
#[test]
fn an_online_judge_keeps_few_of_the_pasts_that_unknown_writes_leave_possible() {
    let mut judge = Online::new(Register::default());
    for value in 0..40 {
        judge.invoke(Client(1), RegisterOperation::Write(value));
        judge.unknown(Client(1));
    }
    for value in (0..40).rev() {
        judge.invoke(Client(2), RegisterOperation::Read);
        assert_eq!(judge.returned(Client(2), &RegisterReturn::Value(Some(value))), Ok(()));
    }
    judge.invoke(Client(2), RegisterOperation::Read);
    assert_eq!(judge.returned(Client(2), &RegisterReturn::Value(Some(1))), Err(NotLinearizable));
}
