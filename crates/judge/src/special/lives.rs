//! Collections into which nothing is put twice: from when to when each element is there.
//!
//! An operation takes effect in one of the gaps between two events: gap `g` comes after event `g`, and an operation has those from
//! its invocation to before its return. What must have been put by a gap, and cannot have been taken by it, is there all
//! the gap.

use crate::history::{History, Outcome};
use crate::model::{Queue, QueueOperation, QueueReturn, Stack, StackOperation, StackReturn};
use crate::specification::SequentialSpecification;
use rustc_hash::FxHashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// The gaps `from..until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) until: usize,
}

/// An element's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// When it may be put: not later than it is taken.
    pub(super) put: Span,
    /// When it may be taken: not earlier than it is put. In the last gap, which no operation has, if it is not taken.
    pub(super) taken: Span,
    pub(super) puts: usize,
    pub(super) takes: Option<usize>,
}

/// An object into which elements are put, and of which they are taken one at a time.
pub(super) trait Collection: SequentialSpecification {
    type Element: Eq + Hash;
    /// What an operation puts; nothing if it takes.
    fn puts(operation: &Self::Operation) -> Option<&Self::Element>;
    fn answer(returned: &Self::Return) -> Answer<'_, Self::Element>;
}

/// What came of an operation.
pub(super) enum Answer<'a, V> {
    /// Of one that puts.
    Put,
    /// Of one that takes, and there was nothing.
    Empty,
    Took(&'a V),
}

impl<V: Clone + Eq + Hash + Debug> Collection for Queue<V> {
    type Element = V;

    fn puts(operation: &QueueOperation<V>) -> Option<&V> {
        match operation {
            QueueOperation::Enqueue(v) => Some(v),
            QueueOperation::Dequeue => None,
        }
    }

    fn answer(returned: &QueueReturn<V>) -> Answer<'_, V> {
        match returned {
            QueueReturn::Enqueued => Answer::Put,
            QueueReturn::Dequeued(None) => Answer::Empty,
            QueueReturn::Dequeued(Some(v)) => Answer::Took(v),
        }
    }
}

impl<V: Clone + Eq + Hash + Debug> Collection for Stack<V> {
    type Element = V;

    fn puts(operation: &StackOperation<V>) -> Option<&V> {
        match operation {
            StackOperation::Push(v) => Some(v),
            StackOperation::Pop => None,
        }
    }

    fn answer(returned: &StackReturn<V>) -> Answer<'_, V> {
        match returned {
            StackReturn::Pushed => Answer::Put,
            StackReturn::Popped(None) => Answer::Empty,
            StackReturn::Popped(Some(v)) => Answer::Took(v),
        }
    }
}

/// What a history says of its elements.
pub(super) enum Read {
    Lives(Lives),
    /// What nothing explains: an element taken twice, or before it was put, or never put.
    Impossible,
    /// Something is put twice.
    Ambiguous,
}

/// All that was put, and is known to have been.
#[derive(Clone, Debug)]
pub(super) struct Lives {
    /// In the order in which they must have been put.
    pub(super) all: Vec<Life>,
    /// Who found nothing to take, and when.
    pub(super) empty: Vec<(Span, usize)>,
    /// Who may have taken something, nobody knows what, and from when on; in order.
    pub(super) spare: Vec<(usize, usize)>,
    /// The last gap, after all operations that returned.
    pub(super) end: usize,
}

impl Lives {
    /// Reads a history.
    ///
    /// What nobody knows to have been put, and nobody has taken, is left out: without it, and without who may have taken it, the rest
    /// is explained as well.
    pub(super) fn read<C: Collection>(history: &History<C::Operation, C::Return>) -> Read {
        let end = history.events().len();
        let mut lives = Self { all: vec![], empty: vec![], spare: vec![], end };
        let mut numbers: FxHashMap<&C::Element, usize> = FxHashMap::default();
        for (index, o) in history.operations().iter().enumerate() {
            let Some(element) = C::puts(&o.operation) else { continue };
            let until = match &o.outcome {
                Outcome::Failed => continue,
                Outcome::Ok(_) => o.returned.unwrap_or(end + 1),
                Outcome::Unknown => end + 1,
            };
            if numbers.insert(element, lives.all.len()).is_some() {
                return Read::Ambiguous;
            }
            let taken = Span { from: end, until: end + 1 };
            lives.all.push(Life { put: Span { from: o.invoked, until }, taken, puts: index, takes: None });
        }
        if lives.read_takes::<C>(history, &numbers).is_none() {
            return Read::Impossible;
        }
        lives.all.retain(|life| life.takes.is_some() || life.put.until <= end);
        lives.all.sort_unstable_by_key(|life| life.put.until);
        Read::Lives(lives)
    }

    /// Nothing if something is impossible.
    fn read_takes<C: Collection>(
        &mut self,
        history: &History<C::Operation, C::Return>,
        numbers: &FxHashMap<&C::Element, usize>,
    ) -> Option<()> {
        for (index, o) in history.operations().iter().enumerate() {
            let puts = C::puts(&o.operation).is_some();
            let (returned, until) = match (&o.outcome, o.returned) {
                (Outcome::Ok(returned), Some(until)) => (returned, until),
                (Outcome::Unknown, _) if !puts => {
                    self.spare.push((o.invoked, index));
                    continue;
                }
                _ => continue,
            };
            match (puts, C::answer(returned)) {
                (true, Answer::Put) => {}
                (false, Answer::Empty) => self.empty.push((Span { from: o.invoked, until }, index)),
                (false, Answer::Took(element)) => {
                    let life = &mut self.all[*numbers.get(element)?];
                    life.is_taken(Span { from: o.invoked, until }, index)?;
                }
                _ => return None, // no answer to what was asked
            }
        }
        Some(())
    }

    /// For each gap the first from it on in which nothing need be there, as far as `counts` lets a life count.
    pub(super) fn free(&self, counts: impl Fn(&Life) -> bool) -> Vec<usize> {
        let mut change = vec![0_isize; self.end + 2];
        for life in self.all.iter().filter(|life| counts(life) && life.put.until < life.taken.from) {
            change[life.put.until] += 1;
            change[life.taken.from] -= 1;
        }
        let mut there = 0;
        let mut free: Vec<bool> = vec![];
        for gap in &change[..self.end] {
            there += gap;
            free.push(there == 0);
        }
        let mut next = vec![usize::MAX; self.end + 1];
        for gap in (0..self.end).rev() {
            next[gap] = if free[gap] { gap } else { next[gap + 1] };
        }
        next
    }

    /// Where one after the other who found nothing takes effect: who, in which gap; nothing if for one there is none.
    pub(super) fn emptied(&self) -> Option<Vec<(usize, usize)>> {
        let free = self.free(|_| true);
        let gap = |&(span, operation): &(Span, usize)| {
            Some(free[span.from]).filter(|&gap| gap < span.until).map(|gap| (gap, operation))
        };
        let mut emptied = self.empty.iter().map(gap).collect::<Option<Vec<_>>>()?;
        emptied.sort_unstable();
        Some(emptied)
    }

    /// How many of the lives must have begun by a gap.
    pub(super) fn begun(&self, gap: usize) -> usize {
        self.all.partition_point(|life| life.put.until <= gap)
    }
}

impl Life {
    /// Notes who takes it, and when; nothing if that cannot be.
    pub(super) fn is_taken(&mut self, span: Span, by: usize) -> Option<()> {
        if self.takes.is_some() || span.until < self.put.from {
            return None;
        }
        self.takes = Some(by);
        self.put.until = self.put.until.min(span.until);
        self.taken = Span { from: span.from.max(self.put.from), until: span.until };
        Some(())
    }
}
