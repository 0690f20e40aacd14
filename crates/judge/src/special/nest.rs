//! The elements of a stack taken apart: split at gaps in which nothing need be there, and rid of what is at the bottom.

use super::levels::Levels;
use super::lives::Life;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Nobody.
const NONE: usize = usize::MAX;
/// More than any gap.
const GONE: isize = isize::MAX / 8;

/// What happens next in the order found.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Push(usize),
    Pop(usize),
    /// Somebody finds nothing.
    Empty(usize),
}

/// What is yet to be done.
enum Task {
    /// The elements between two, which are of one part.
    Part {
        first: usize,
        last: usize,
        part: usize,
    },
    Step(Step),
}

/// Who may be at the bottom of a part, among others who are of it no longer.
#[derive(Default)]
struct Bottoms {
    /// Who may be pushed before all others, who must be popped last first.
    ready: BinaryHeap<(usize, usize)>,
    /// The others, who may be pushed first first.
    waiting: BinaryHeap<Reverse<(usize, usize)>>,
}

/// A stack's elements taken apart.
pub(super) struct Nest {
    /// In the order in which they must have been pushed.
    pub(super) lives: Vec<Life>,
    /// When anybody may pop what nobody is known to have popped.
    earliest: Option<usize>,
    /// Of each element that is left and that nobody is known to have popped when it may be, less than 0.
    given: Levels,
    /// Of each element that is left the next and the one before.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Which part each is of.
    part: Vec<usize>,
    parts: Vec<Bottoms>,
    /// Of each gap, how many are certainly there.
    there: Levels,
    /// Of each element that is left when it may be popped, less than 0.
    pops: Levels,
    tasks: Vec<Task>,
    /// The order found.
    pub(super) steps: Vec<Step>,
    /// Who has to go, by which gap at the latest.
    pub(super) let_go: Vec<(usize, usize)>,
}

impl Nest {
    /// Of elements in the order in which they must have been pushed. What may be popped by nobody knows whom may go at once if need be, but not
    /// before that is possible.
    pub(super) fn new(
        lives: Vec<Life>,
        end: usize,
        may_go: impl Fn(&Life) -> bool,
        earliest: Option<usize>,
    ) -> Self {
        let mut there = vec![0; end + 2];
        for life in lives.iter().filter(|life| life.put.until < life.taken.from) {
            there[life.put.until] += 1;
            there[life.taken.from] -= 1;
        }
        for gap in 1..=end {
            there[gap] += there[gap - 1];
        }
        let pops: Vec<isize> = lives.iter().map(|life| -life.taken.from.cast_signed()).collect();
        let given = |(life, &from): (&Life, &isize)| if may_go(life) { from } else { GONE };
        let given: Vec<isize> = lives.iter().zip(&pops).map(given).collect();
        Self {
            given: Levels::new(&given),
            let_go: vec![],
            next: (1..=lives.len()).collect(),
            previous: (0..lives.len()).map(|index| index.wrapping_sub(1)).collect(),
            part: vec![NONE; lives.len()],
            parts: vec![],
            there: Levels::new(&there),
            pops: Levels::new(&pops),
            tasks: vec![],
            steps: vec![],
            lives,
            earliest,
        }
    }

    /// Finds an order in which these find nothing, each in its gap.
    pub(super) fn run(mut self, emptied: &[(usize, usize)]) -> Option<Self> {
        let mut end = self.lives.len();
        for &(gap, operation) in emptied.iter().rev() {
            let begin = self.lives.partition_point(|life| life.put.until <= gap);
            self.set_up(begin, end);
            self.tasks.push(Task::Step(Step::Empty(operation)));
            end = begin;
        }
        self.set_up(0, end);
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Step(step) => self.steps.push(step),
                Task::Part { first, last, part } => self.take_apart(first, last, part)?,
            }
        }
        Some(self)
    }

    /// Makes a part of these elements, all of which are left.
    fn set_up(&mut self, begin: usize, end: usize) {
        if begin < end {
            let part = self.new_part(begin..end);
            self.tasks.push(Task::Part { first: begin, last: end - 1, part });
        }
    }

    fn new_part(&mut self, elements: impl Iterator<Item = usize>) -> usize {
        let number = self.parts.len();
        let mut bottoms = Bottoms::default();
        for element in elements {
            self.part[element] = number;
            bottoms.waiting.push(Reverse((self.lives[element].put.from, element)));
        }
        self.parts.push(bottoms);
        number
    }

    /// Splits a part, or rids it of what is at the bottom; nothing if there is no such thing.
    fn take_apart(&mut self, first: usize, last: usize, part: usize) -> Option<()> {
        loop {
            let gaps = self.lives[first].put.until..self.lives[last].put.until;
            if let Some(gap) = self.there.first_at_most(gaps, 0) {
                self.split(first, last, part, gap);
                return Some(());
            }
            let (until, bottom) = self.bottom(first, part)?;
            // nobody may begin to be popped only then
            if self.pops.first_at_most(first..last + 1, -until.cast_signed()).is_none() {
                self.remove(bottom, first, last, part);
                return Some(());
            }
            self.let_go(first..last + 1, until)?;
        }
    }

    /// Splits a part into what must have been pushed by a gap, and what may be later.
    fn split(&mut self, first: usize, last: usize, part: usize, gap: usize) {
        let is_early = |nest: &Self, element: usize| nest.lives[element].put.until <= gap;
        let (mut forward, mut backward) = (first, last);
        // from both ends at once, to the end of the shorter one
        let left_is_shorter = loop {
            forward = self.next[forward];
            if !is_early(self, forward) {
                break true;
            }
            backward = self.previous[backward];
            if is_early(self, backward) {
                break false;
            }
        };
        let (left, right) =
            if left_is_shorter { (self.previous[forward], forward) } else { (backward, self.next[backward]) };
        let (shorter, stop) = if left_is_shorter { (first, right) } else { (right, self.next[last]) };
        let mut elements = vec![];
        let mut element = shorter;
        while element != stop {
            elements.push(element);
            element = self.next[element];
        }
        let new = self.new_part(elements.into_iter());
        let (left_part, right_part) = if left_is_shorter { (new, part) } else { (part, new) };
        self.tasks.push(Task::Part { first: right, last, part: right_part });
        self.tasks.push(Task::Part { first, last: left, part: left_part });
    }

    /// Who of those that may be pushed before all others of a part may be popped last, and until when.
    fn bottom(&mut self, first: usize, part: usize) -> Option<(usize, usize)> {
        let Bottoms { ready, waiting } = &mut self.parts[part];
        let pushed_first = self.lives[first].put.until;
        while let Some(&Reverse((from, element))) = waiting.peek() {
            if from >= pushed_first {
                break;
            }
            waiting.pop();
            ready.push((self.lives[element].taken.until, element));
        }
        while ready.peek().is_some_and(|&(_, element)| self.part[element] != part) {
            ready.pop();
        }
        ready.peek().copied()
    }

    fn remove(&mut self, bottom: usize, first: usize, last: usize, part: usize) {
        let (next, previous) = (self.next[bottom], self.previous[bottom]);
        if next < self.lives.len() {
            self.previous[next] = previous;
        }
        if previous != NONE {
            self.next[previous] = next;
        }
        self.part[bottom] = NONE;
        let life = self.lives[bottom];
        self.there.add(life.put.until..life.taken.from, -1);
        self.pops.add(bottom..bottom + 1, GONE);
        self.given.add(bottom..bottom + 1, GONE);
        self.steps.push(Step::Push(bottom));
        self.tasks.push(Task::Step(Step::Pop(bottom)));
        if first != last {
            let first = if bottom == first { next } else { first };
            let last = if bottom == last { previous } else { last };
            self.tasks.push(Task::Part { first, last, part });
        }
    }

    /// Has somebody pop what lies in the way of a bottom that is popped by then; nothing if there is no such thing.
    fn let_go(&mut self, part: Range<usize>, until: usize) -> Option<()> {
        let earliest = self.earliest?;
        let in_the_way = |at: usize| self.given.first_at_most(part.clone(), -at.cast_signed());
        let (goes, deadline) = match in_the_way(until) {
            Some(goes) => (goes, until - 1),
            // it keeps the part together
            None => in_the_way(earliest + 1).map(|goes| (goes, self.lives[goes].taken.from - 1))?,
        };
        let life = &mut self.lives[goes];
        let from = earliest.max(life.put.from);
        let before = std::mem::replace(&mut life.taken.from, from);
        self.there.add(from.max(life.put.until)..before, -1);
        self.pops.add(goes..goes + 1, (before - from).cast_signed());
        self.given.add(goes..goes + 1, GONE);
        self.let_go.push((goes, deadline));
        Some(())
    }
}
