//! Linearizability: the search of Wing and Gong (1993) with the memoisation of Lowe (2017).
//!
//! The entries of the history - invocations, and returns with a known value - stand in a doubly linked list. An
//! operation may take effect next if its invocation comes before the first return that is left. The search takes one,
//! removes its two entries and goes on; where a return comes first, no choice explains it, and the last one is taken
//! back. A set of (operations that took effect, state) already met is not entered again.

use crate::history::{History, Outcome};
use crate::specification::SequentialSpecification;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// How much work a judgement may cost: the number of applications of operations to states, which also bounds its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    /// The most applications.
    pub steps_max: u64,
}

impl Default for Budget {
    /// Ten million: seconds, and at most some gigabytes of memory for a history of thousands of operations.
    fn default() -> Self {
        Self { steps_max: 10_000_000 }
    }
}

/// Whether a history is linearizable. Operations are named by their index in [`History::operations`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Linearizable {
        /// An order in which the operations took effect; those missing failed, or are unknown and never did.
        order: Vec<usize>,
    },
    /// It is not.
    Violation {
        /// The length, in events, of the longest prefix that is linearizable.
        prefix: usize,
        /// An order that explains that prefix.
        order: Vec<usize>,
        /// The operation whose return, the event after the prefix, no order explains.
        operation: usize,
    },
    /// The budget ran out.
    Unknown,
}

impl Verdict {
    /// Whether an order was found.
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable { .. })
    }

    /// Whether no order exists.
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::Violation { .. })
    }
}

/// Whether `history` is linearizable with respect to `specification`.
pub fn linearizable<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    budget: Budget,
) -> Verdict {
    let mut steps = budget.steps_max;
    match search(specification, history, &mut steps) {
        Found::Order(order) => Verdict::Linearizable { order },
        Found::OutOfBudget => Verdict::Unknown,
        Found::None => shortest_violation(specification, history, &mut steps),
    }
}

/// Linearizability is closed under prefixes: bisection finds the longest that has it.
fn shortest_violation<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    steps: &mut u64,
) -> Verdict {
    let mut explained = (0, vec![]);
    let mut unexplained = history.events().len();
    while explained.0 + 1 < unexplained {
        let middle = usize::midpoint(explained.0, unexplained);
        match search(specification, &history.prefix(middle), steps) {
            Found::Order(order) => explained = (middle, order),
            Found::None => unexplained = middle,
            Found::OutOfBudget => return Verdict::Unknown,
        }
    }
    let (prefix, order) = explained;
    let operation = history.operations().iter().position(|o| o.returned == Some(prefix));
    let operation =
        operation.expect("only a return can be unexplained: what is invoked may be yet to take effect");
    Verdict::Violation { prefix, order, operation }
}

enum Found {
    Order(Vec<usize>),
    None,
    OutOfBudget,
}

#[derive(Clone, Copy)]
enum Entry {
    Invoke(usize),
    Return,
}

/// The entries that are left, in real-time order. Position 0 is the head; each operation knows its positions.
struct Timeline {
    entries: Vec<Entry>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Of each operation: where its invocation and, if its value is known, its return stand.
    positions: Vec<(usize, Option<usize>)>,
    returns_left: usize,
}

impl Timeline {
    fn new<O, R>(history: &History<O, R>) -> Self {
        let mut timed = vec![];
        for (index, o) in history.operations().iter().enumerate() {
            match (&o.outcome, o.returned) {
                (Outcome::Failed, _) => {}
                (Outcome::Ok(_), Some(returned)) => {
                    timed.push((o.invoked, index, Entry::Invoke(index)));
                    timed.push((returned, index, Entry::Return));
                }
                (Outcome::Ok(_) | Outcome::Unknown, _) => {
                    timed.push((o.invoked, index, Entry::Invoke(index)));
                }
            }
        }
        timed.sort_unstable_by_key(|&(time, ..)| time);

        let mut positions = vec![(0, None); history.operations().len()];
        let mut entries = vec![Entry::Return]; // the head, never looked at
        for (_, index, entry) in timed {
            match entry {
                Entry::Invoke(_) => positions[index].0 = entries.len(),
                Entry::Return => positions[index].1 = Some(entries.len()),
            }
            entries.push(entry);
        }
        let len = entries.len();
        Self {
            entries,
            next: (1..=len).map(|i| i % len).collect(),
            previous: (0..len).map(|i| (i + len - 1) % len).collect(),
            returns_left: positions.iter().filter(|(_, returned)| returned.is_some()).count(),
            positions,
        }
    }

    fn unlink(&mut self, at: usize) {
        self.next[self.previous[at]] = self.next[at];
        self.previous[self.next[at]] = self.previous[at];
    }

    fn relink(&mut self, at: usize) {
        self.next[self.previous[at]] = at;
        self.previous[self.next[at]] = at;
    }

    fn take(&mut self, operation: usize) {
        let (invoked, returned) = self.positions[operation];
        self.unlink(invoked);
        if let Some(returned) = returned {
            self.unlink(returned);
            self.returns_left -= 1;
        }
    }

    /// Undoes the last `take` that is not undone.
    fn put_back(&mut self, operation: usize) {
        let (invoked, returned) = self.positions[operation];
        if let Some(returned) = returned {
            self.relink(returned);
            self.returns_left += 1;
        }
        self.relink(invoked);
    }
}

fn search<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    steps: &mut u64,
) -> Found {
    let mut timeline = Timeline::new(history);
    let mut met = HashSet::<(Box<[u64]>, S::State), BuildHasherDefault<DefaultHasher>>::default();
    let mut taken = vec![0u64; history.operations().len().div_ceil(64)].into_boxed_slice();
    let mut chosen: Vec<(usize, S::State)> = vec![]; // with the state before each
    let mut state = specification.initial();
    let mut at = timeline.next[0];
    while timeline.returns_left > 0 {
        if let Entry::Invoke(index) = timeline.entries[at] {
            if *steps == 0 {
                return Found::OutOfBudget;
            }
            *steps -= 1;
            at = timeline.next[at];
            let Some(after) = effect(specification, history, &state, index) else { continue };
            taken[index / 64] |= 1 << (index % 64);
            if met.insert((taken.clone(), after.clone())) {
                timeline.take(index);
                chosen.push((index, std::mem::replace(&mut state, after)));
                at = timeline.next[0];
            } else {
                taken[index / 64] &= !(1 << (index % 64));
            }
        } else {
            let Some((index, before)) = chosen.pop() else { return Found::None };
            timeline.put_back(index);
            taken[index / 64] &= !(1 << (index % 64));
            state = before;
            at = timeline.next[timeline.positions[index].0];
        }
    }
    Found::Order(chosen.into_iter().map(|(index, _)| index).collect())
}

/// The state after operation `index` takes effect in `state`; nothing if that cannot be, or need not be tried.
fn effect<S: SequentialSpecification>(
    specification: &S,
    history: &History<S::Operation, S::Return>,
    state: &S::State,
    index: usize,
) -> Option<S::State> {
    let operation = &history.operations()[index];
    let (after, value) = specification.apply(state, &operation.operation);
    match &operation.outcome {
        Outcome::Ok(returned) => (value == *returned).then_some(after),
        // nobody saw its value: without effect it may as well never have happened
        Outcome::Unknown => (after != *state).then_some(after),
        Outcome::Failed => None,
    }
}
