//! The smallest part of a history that fails by itself.
//!
//! An operation whose outcome is forgotten may have taken effect at any time from its invocation on, or never. A part *fails by itself* if
//! there is no order even where the outcomes of all others are forgotten: whatever came of them, these cannot all be true. Who forgets more
//! allows more. So what cannot be forgotten now can never be, and a part of which nothing can be forgotten any more is found by halving, from the end on.

use crate::history::{Event, History, Outcome};
use crate::linearizability::{Budget, Verdict};
use crate::specification::SequentialSpecification;
use std::collections::BTreeMap;
use std::ops::Range;

/// How many choices one judgement may take on the way, besides two for each event: a picture is not to wait for long.
const STEPS_MAX: u64 = 50_000;
/// After how many events, in all, nothing more is judged.
const EVENTS_MAX: usize = 8_000_000;
/// How many times as many are kept where so few would not do.
const FEW_TIMES: usize = 8;

/// A part of a history that fails by itself. Operations are named by their index in [`History::operations`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smallest {
    /// Its operations, in the order of invocation.
    pub operations: Vec<usize>,
    /// Whether without any one of them the rest has an order; else the budget ran out before that was known.
    pub is_smallest: bool,
}

/// Makes a history that is not linearizable as small as it can be; nothing if it is not known to be such a one.
///
/// `judge` decides, by whatever way.
pub fn smallest<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    judge: impl Fn(&History<S::Operation, S::Return>, Budget<'_>) -> Verdict,
    budget: Budget<'_>,
) -> Option<Smallest> {
    let steps_max = budget.steps_max.min(STEPS_MAX + 2 * history.events().len() as u64);
    let budget = Budget { steps_max, ..budget };
    let Verdict::Violation { prefix, .. } = judge(history, budget) else { return None };
    let budget = Budget { longest_prefix: false, ..budget };
    let failing = history.prefix(prefix + 1);
    let own = its_own(specification, &failing).filter(|(own, _)| judge(own, budget).is_violation());
    let (failing, names) = own.unwrap_or_else(|| {
        let all = (0..failing.operations().len()).collect();
        (failing, all)
    });
    let is_known = |outcome: &Outcome<S::Return>| !matches!(outcome, Outcome::Unknown);
    let operations = failing.operations();
    let known: Vec<usize> = (0..operations.len()).filter(|&o| is_known(&operations[o].outcome)).collect();
    let mut part = Part {
        specification,
        history: &failing,
        judge,
        budget,
        kept: operations.iter().map(|o| is_known(&o.outcome)).collect(),
        events_left: EVENTS_MAX,
        is_smallest: true,
    };
    // the last return is the one that nothing explains
    let end = failing.events().len() - 1;
    let last = known.iter().position(|&o| operations[o].returned == Some(end))?;
    let first = part.forget_early(&known, last);
    part.forget(&known, first..last);
    part.forget(&known, last + 1..known.len());
    part.forget(&known, last..last + 1);
    let kept = known.into_iter().filter(|&o| part.kept[o]).map(|o| names[o]).collect();
    Some(Smallest { operations: kept, is_smallest: part.is_smallest })
}

/// Of an object that is many, what is asked of the one of which the last event is, and which operations these are.
fn its_own<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
) -> Option<(History<S::Operation, S::Return>, Vec<usize>)> {
    let operations = history.operations();
    let places: Option<Vec<u64>> = operations.iter().map(|o| specification.place(&o.operation)).collect();
    let places = places?;
    let end = history.events().len() - 1;
    let its = places[operations.iter().position(|o| o.returned == Some(end))?];
    let own =
        rewritten(history, |operation| if places[operation] == its { Fate::Kept } else { Fate::LeftOut });
    Some((own, (0..operations.len()).filter(|&operation| places[operation] == its).collect()))
}

/// What becomes of an operation.
enum Fate {
    Kept,
    /// Nobody knows what came of it.
    Forgotten,
    LeftOut,
}

/// The history with that become of its operations.
fn rewritten<O: Clone, R: Clone>(history: &History<O, R>, fate: impl Fn(usize) -> Fate) -> History<O, R> {
    let mut running = BTreeMap::new();
    let mut next = 0;
    let mut rewritten = History::default();
    for event in history.events() {
        let operation = match event {
            Event::Invoke { client, .. } => {
                running.insert(*client, next);
                next += 1;
                next - 1
            }
            Event::Return { client, .. } => running[client],
        };
        let event = match (fate(operation), event) {
            (Fate::LeftOut, _) => continue,
            (Fate::Forgotten, Event::Return { client, .. }) => Event::end(*client, Outcome::Unknown),
            (_, event) => event.clone(),
        };
        rewritten.push(event).expect("each client runs one operation at a time, as before");
    }
    rewritten
}

/// What is left of a history.
struct Part<'a, S: SequentialSpecification, J> {
    specification: &'a S,
    history: &'a History<S::Operation, S::Return>,
    judge: J,
    budget: Budget<'a>,
    /// Whose outcomes are not forgotten.
    kept: Vec<bool>,
    events_left: usize,
    is_smallest: bool,
}

impl<S, J> Part<'_, S, J>
where
    S: SequentialSpecification,
    J: Fn(&History<S::Operation, S::Return>, Budget<'_>) -> Verdict,
{
    /// Forgets all of the first but some that are nearest to the end, few if few will do; where these begin.
    ///
    /// Little is left to judge where nearly all is forgotten, and what contradicts an answer is seldom far from it.
    fn forget_early(&mut self, known: &[usize], end: usize) -> usize {
        let mut few = 1;
        while few < end {
            self.keep(&known[..end - few], false);
            if self.fails() {
                return end - few;
            }
            self.keep(&known[..end - few], true);
            few *= FEW_TIMES;
        }
        0
    }

    /// Forgets as many of these as can be forgotten.
    fn forget(&mut self, known: &[usize], range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.keep(&known[range.clone()], false);
        if self.fails() {
            return;
        }
        self.keep(&known[range.clone()], true);
        if range.len() > 1 {
            let middle = usize::midpoint(range.start, range.end);
            self.forget(known, range.start..middle);
            self.forget(known, middle..range.end);
        }
    }

    fn keep(&mut self, operations: &[usize], kept: bool) {
        for &operation in operations {
            self.kept[operation] = kept;
        }
    }

    /// Whether what is kept is known to fail by itself.
    fn fails(&mut self) -> bool {
        if self.events_left == 0 {
            self.is_smallest = false;
            return false;
        }
        // all are gone through, however few of them are left to be judged
        self.events_left = self.events_left.saturating_sub(self.history.events().len());
        let history = self.forgetful();
        match (self.judge)(&history, self.budget) {
            Verdict::Violation { .. } => true,
            Verdict::Linearizable { .. } => false,
            Verdict::Unknown { .. } => {
                self.is_smallest = false;
                false
            }
        }
    }

    /// The history with all but what is kept forgotten; what only observed is left out with its outcome.
    fn forgetful(&self) -> History<S::Operation, S::Return> {
        let operations = self.history.operations();
        rewritten(self.history, |operation| {
            if self.kept[operation] {
                Fate::Kept
            } else if self.specification.observes(&operations[operation].operation, None) {
                Fate::LeftOut
            } else {
                Fate::Forgotten
            }
        })
    }
}
