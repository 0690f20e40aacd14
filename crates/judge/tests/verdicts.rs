//! What a verdict says, and what outcomes mean. The examples of the literature are in the gallery.

use synod_judge::{
    Budget, Client, Event, History, NotLinearizable, Online, Outcome, Register, RegisterOperation,
    RegisterReturn, Verdict, linearizable,
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
fn a_violation_says_how_far_there_is_an_order_which_and_what_ended_then() {
    let verdict = judge("1 w1, 1 ., 1 w2, 2 r, 2 .2, 3 r, 3 .1, 1 .");
    // operations: 0 writes 1, 1 writes 2, 2 reads 2, 3 reads 1
    assert_eq!(verdict, Verdict::Violation { prefix: 6, order: vec![0, 1, 2], operation: 3 });
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
