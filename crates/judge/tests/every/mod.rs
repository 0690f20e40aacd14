//! Small histories, all of them, and the definition of linearizability read aloud.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fmt::Debug;
use synod_judge::{Client, Event, History, Outcome, SequentialSpecification, Verdict};

/// Calls `visit` on every history of `left` operations more, each of a client of its own, of which at most `open_max` run at the same time.
///
/// `asks` says what may be asked as the operation of this number, `answers` what may be returned to it, after these. Nothing more comes of those that
/// do not return. Invocations in a row, and returns in a row, stand in one order: which of them came first tells nobody anything.
pub(crate) fn histories<O: Clone + Ord, R: Clone>(
    left: usize,
    open_max: usize,
    asks: &impl Fn(usize) -> Vec<O>,
    answers: &impl Fn(&O, &[O]) -> Vec<R>,
    visit: &mut impl FnMut(&History<O, R>),
) {
    let mut all = Every { events: vec![], asked: vec![], open: vec![], open_max, asks, answers, visit };
    all.extend(left, None);
}

struct Every<'a, O, R, A, B, V> {
    events: Vec<Event<O, R>>,
    asked: Vec<O>,
    open: Vec<usize>,
    open_max: usize,
    asks: &'a A,
    answers: &'a B,
    visit: &'a mut V,
}

impl<O, R, A, B, V> Every<'_, O, R, A, B, V>
where
    O: Clone + Ord,
    R: Clone,
    A: Fn(usize) -> Vec<O>,
    B: Fn(&O, &[O]) -> Vec<R>,
    V: FnMut(&History<O, R>),
{
    /// `last` is who returned by the event before, if it is a return.
    fn extend(&mut self, left: usize, last: Option<usize>) {
        if left == 0 {
            (self.visit)(&History::new(self.events.iter().cloned()).unwrap());
        }
        if left > 0 && self.open.len() < self.open_max {
            let before = self.asked.last().filter(|_| last.is_none() && !self.events.is_empty()).cloned();
            for asked in (self.asks)(self.asked.len()) {
                if before.as_ref().is_some_and(|before| asked < *before) {
                    continue;
                }
                let number = self.asked.len();
                self.events.push(Event::invoke(Client(number as u64), asked.clone()));
                self.asked.push(asked);
                self.open.push(number);
                self.extend(left - 1, None);
                self.open.pop();
                self.asked.pop();
                self.events.pop();
            }
        }
        for place in 0..self.open.len() {
            let number = self.open[place];
            if last.is_some_and(|last| number < last) {
                continue;
            }
            self.open.remove(place);
            for returned in (self.answers)(&self.asked[number], &self.asked) {
                self.events.push(Event::end(Client(number as u64), Outcome::Ok(returned)));
                self.extend(left, Some(number));
                self.events.pop();
            }
            self.open.insert(place, number);
        }
    }
}

/// Whether some order of some of the operations explains the history.
pub(crate) fn brute_force<S: SequentialSpecification>(
    object: &S,
    history: &History<S::Operation, S::Return>,
) -> bool {
    fn go<S: SequentialSpecification>(
        object: &S,
        history: &History<S::Operation, S::Return>,
        done: &mut Vec<bool>,
        state: &S::State,
    ) -> bool {
        let operations = history.operations();
        let owed = |i: usize| matches!(operations[i].outcome, Outcome::Ok(_));
        let left: Vec<usize> = (0..operations.len()).filter(|&i| !done[i]).collect();
        let first_end = left.iter().filter(|&&i| owed(i)).filter_map(|&i| operations[i].returned).min();
        let Some(first_end) = first_end else { return true };
        left.into_iter().filter(|&i| operations[i].invoked < first_end).any(|i| {
            let (after, value) = object.apply(state, &operations[i].operation);
            let fits = match &operations[i].outcome {
                Outcome::Ok(returned) => value == *returned,
                Outcome::Unknown => true,
                Outcome::Failed => false,
            };
            if !fits {
                return false;
            }
            done[i] = true;
            let found = go(object, history, done, &after);
            done[i] = false;
            found
        })
    }
    go(object, history, &mut vec![false; history.operations().len()], &object.initial())
}

/// Whether an order of operations is a proof.
pub(crate) fn explains<S: SequentialSpecification>(
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
    let mut times = vec![0; operations.len()];
    for &i in order {
        times[i] += 1;
    }
    let complete = (0..operations.len()).all(|i| times[i] <= 1 && (!is_over(i) || times[i] == 1));
    let mut latest = 0;
    let in_time = order.iter().all(|&i| {
        latest = latest.max(operations[i].invoked);
        !is_over(i) || operations[i].returned > Some(latest)
    });
    replayed && complete && in_time
}

/// Holds a verdict against the definition.
pub(crate) fn is_true<S: SequentialSpecification>(
    object: &S,
    history: &History<S::Operation, S::Return>,
    verdict: &Verdict,
) -> bool
where
    S::Operation: Debug,
{
    match verdict {
        Verdict::Linearizable { order } => {
            assert!(explains(object, history, order), "{order:?} of {history:?}");
            true
        }
        Verdict::Violation { prefix, order, .. } => {
            assert!(!brute_force(object, &history.prefix(prefix + 1)), "{prefix}: {history:?}");
            assert!(explains(object, &history.prefix(*prefix), order), "{order:?} of {history:?}");
            false
        }
        Verdict::Unknown { .. } => panic!("out of budget: {history:?}"),
    }
}
