//! Sets: each element by itself, or, where the whole set is read and nothing is removed, one state of it after the other.
//!
//! Who asks for one element alone cannot tell whether there are others: a set is an object for each element, a bit that is written
//! and read, and linearizability is local (Herlihy, Wing 1990, theorem 1).
//!
//! Where nothing is removed, what was read must grow: each read has all of the one before it, and what it has beyond that was added
//! between the two. So there is one row of what happens, and each takes effect as early as it can.

use super::visits::{Access, INITIAL, Visited, visits};
use crate::history::{History, Operation, Outcome};
use crate::linearizability::Budget;
use crate::model::{SetOperation, SetReturn};
use crate::search::Found;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::hash::Hash;

type Sets<V> = History<SetOperation<V>, SetReturn<V>>;
type SetOperations<V> = Operation<SetOperation<V>, SetReturn<V>>;

/// No order.
const NONE: Found = Found::None { prefix: 0, order: vec![] };
/// That an element is there, as a value that is written.
const THERE: u32 = INITIAL + 1;

/// Whether there is an order; nothing where the whole set is read and something is removed.
pub(super) fn decide<V: Clone + Ord + Hash>(history: &Sets<V>, budget: Budget<'_>) -> Option<Found> {
    let operations = history.operations();
    let is_answer = |o: &SetOperations<V>| match (&o.operation, &o.outcome) {
        (_, Outcome::Failed | Outcome::Unknown)
        | (SetOperation::Add(_) | SetOperation::Remove(_), Outcome::Ok(SetReturn::Done))
        | (SetOperation::Contains(_), Outcome::Ok(SetReturn::Contained(_)))
        | (SetOperation::Read, Outcome::Ok(SetReturn::Elements(_))) => true,
        (_, Outcome::Ok(_)) => false,
    };
    let reads =
        |o: &SetOperations<V>| matches!((&o.operation, &o.outcome), (SetOperation::Read, Outcome::Ok(_)));
    let removes = |o: &SetOperations<V>| {
        matches!(o.operation, SetOperation::Remove(_)) && !matches!(o.outcome, Outcome::Failed)
    };
    let (is_read, is_removed) = (operations.iter().any(reads), operations.iter().any(removes));
    if !operations.iter().all(is_answer) {
        return (!is_read || !is_removed).then_some(NONE);
    }
    match (is_read, is_removed) {
        (false, _) => Some(by_element(history, budget)),
        (true, false) => Some(growing(history).map_or(NONE, Found::Order)),
        (true, true) => None,
    }
}

/// Each element by itself.
fn by_element<V: Eq + Hash>(history: &Sets<V>, budget: Budget<'_>) -> Found {
    let mut numbers: FxHashMap<&V, usize> = FxHashMap::default();
    let mut elements: Vec<Vec<Access>> = vec![];
    for (operation, o) in history.operations().iter().enumerate() {
        let (element, is_write, there) = match (&o.operation, &o.outcome) {
            (_, Outcome::Failed) => continue,
            (SetOperation::Add(v), _) => (v, true, true),
            (SetOperation::Remove(v), _) => (v, true, false),
            (SetOperation::Contains(v), Outcome::Ok(SetReturn::Contained(there))) => (v, false, *there),
            _ => continue,
        };
        let number = *numbers.entry(element).or_insert_with(|| {
            elements.push(vec![]);
            elements.len() - 1
        });
        let returned = o.returned.filter(|_| matches!(o.outcome, Outcome::Ok(_)));
        let value = if there { THERE } else { INITIAL };
        elements[number].push(Access { operation, invoked: o.invoked, returned, is_write, value });
    }
    // each has its share of the steps, and what those before it left: the longest history comes last
    elements.sort_by_key(Vec::len);
    let mut steps_left = budget.steps_max;
    let (mut placed, mut is_known) = (vec![], true);
    for (before, accesses) in elements.iter().enumerate() {
        let share = steps_left / (elements.len() - before) as u64;
        let mut budget = Budget { steps_max: share, ..budget };
        match visits(accesses, &mut budget) {
            Visited::Order(order) => placed.extend(order),
            Visited::None { .. } => return NONE,
            Visited::OutOfBudget { .. } => is_known = false,
        }
        steps_left -= share - budget.steps_max;
    }
    if !is_known {
        return Found::OutOfBudget { prefix: 0 };
    }
    placed.sort_by_key(|&(event, _)| event);
    Found::Order(placed.into_iter().map(|(_, operation)| operation).collect())
}

/// A state of a set that grows, and who reads it.
struct Stage<'a, V> {
    elements: &'a BTreeSet<V>,
    readers: Vec<usize>,
}

/// What is known of an element.
#[derive(Default)]
struct Growth {
    /// The first stage that has it.
    stage: usize,
    adds: Vec<usize>,
    /// Who found it there, and who did not.
    found: Vec<usize>,
    missed: Vec<usize>,
}

/// The order of a history in which nothing is removed, if there is one.
fn growing<V: Ord + Hash>(history: &Sets<V>) -> Option<Vec<usize>> {
    let operations = history.operations();
    let stages = stages(operations)?;
    let mut growths: FxHashMap<&V, Growth> = FxHashMap::default();
    for (operation, o) in operations.iter().enumerate() {
        let (SetOperation::Add(v) | SetOperation::Contains(v)) = &o.operation else { continue };
        let unread = || Growth { stage: stages.len(), ..Growth::default() };
        let growth = growths.entry(v).or_insert_with(unread);
        match (&o.operation, &o.outcome) {
            (_, Outcome::Failed) => {}
            (SetOperation::Add(_), _) => growth.adds.push(operation),
            (_, Outcome::Ok(SetReturn::Contained(true))) => growth.found.push(operation),
            (_, Outcome::Ok(_)) => growth.missed.push(operation),
            (_, Outcome::Unknown) => {}
        }
    }
    for (number, stage) in stages.iter().enumerate().rev() {
        for element in stage.elements {
            let growth = growths.get_mut(element).filter(|growth| !growth.adds.is_empty());
            growth?.stage = number;
        }
    }
    let mut by_stage: Vec<Vec<&Growth>> = (0..=stages.len()).map(|_| vec![]).collect();
    #[expect(clippy::iter_over_hash_type, reason = "each finds its place, and places are sorted")]
    for growth in growths.values() {
        by_stage[growth.stage].push(growth);
    }
    let mut row = Row { operations, placed: vec![] };
    let mut gap = 0;
    for (number, growths) in by_stage.iter().enumerate() {
        let mut grown = gap;
        for growth in growths {
            grown = grown.max(row.place_growth(growth, number, gap)?);
        }
        gap = grown;
        for &reader in stages.get(number).map_or(&[][..], |stage| &stage.readers) {
            gap = gap.max(row.place(reader, number, 3, grown)?);
        }
    }
    row.placed.sort_unstable();
    Some(row.placed.into_iter().map(|(.., operation)| operation).collect())
}

/// The states that were read, from the smallest; nothing if one does not go on from another.
fn stages<V: Ord>(operations: &[SetOperations<V>]) -> Option<Vec<Stage<'_, V>>> {
    let mut reads = vec![];
    for (index, o) in operations.iter().enumerate() {
        if let Outcome::Ok(SetReturn::Elements(elements)) = &o.outcome {
            reads.push((elements, index));
        }
    }
    reads.sort_by_key(|&(elements, index)| (elements.len(), index));
    let mut stages: Vec<Stage<'_, V>> = vec![];
    for (elements, index) in reads {
        match stages.last_mut() {
            Some(last) if last.elements == elements => last.readers.push(index),
            Some(last) if !last.elements.is_subset(elements) => return None,
            _ => stages.push(Stage { elements, readers: vec![index] }),
        }
    }
    Some(stages)
}

/// Where operations stand: the event after which, the stage, and the turn in it.
struct Row<'a, V> {
    operations: &'a [SetOperations<V>],
    placed: Vec<(usize, usize, u8, usize)>,
}

impl<V> Row<'_, V> {
    /// Places an operation as early as it can be; nothing if it has returned by then.
    fn place(&mut self, operation: usize, stage: usize, turn: u8, floor: usize) -> Option<usize> {
        let o = &self.operations[operation];
        let gap = floor.max(o.invoked);
        let is_late = matches!(o.outcome, Outcome::Ok(_)) && o.returned.is_some_and(|end| end <= gap);
        self.placed.push((gap, stage, turn, operation));
        (!is_late).then_some(gap)
    }

    /// Places all that is about one element; nothing if it cannot be, else when it is there.
    fn place_growth(&mut self, growth: &Growth, stage: usize, floor: usize) -> Option<usize> {
        let mut begin = floor;
        for &operation in &growth.missed {
            begin = begin.max(self.place(operation, stage, 0, 0)?);
        }
        let mut there = usize::MAX;
        for &operation in &growth.adds {
            there = there.min(self.place(operation, stage, 1, begin)?);
        }
        if growth.adds.is_empty() {
            return growth.found.is_empty().then_some(floor);
        }
        for &operation in &growth.found {
            self.place(operation, stage, 2, there)?;
        }
        Some(there)
    }
}
