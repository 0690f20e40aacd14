//! Registers to which values are written again and again: a search in which few choices are left.
//!
//! An order is a row of *visits*: a write that is seen or is the last, then the reads that see it. Every other write takes effect just
//! before a visit begins, and nobody is the wiser. So of the past matters: which value the register has, when its visit began (the last
//! visit), and of the open operations which reads have been satisfied and which writes have begun a visit. A write that was open when
//! the last visit began, and began none, may have taken effect or not: that is not decided before somebody asks.
//!
//! Nobody asks before a return (Lowe 2017). A write that returns and began no visit begins one now, or, if it was open when the
//! last one began, it did so just before that one, which satisfies the reads of its value that were open then too and costs
//! nothing. A read that returns and is not satisfied asks for a write of its value, to begin a visit now or, if both were open then, just
//! before the last one. Visits that would be made earlier than somebody asks, for the sake of other reads, need not be: just before the last
//! visit is as good. Of the writes that may do it the first to return does: those that are left can do what it could.
//!
//! Of two pasts with the same value one is left out for the other, if in that one the last visit began no earlier, no read is satisfied less,
//! and no write has begun a visit more: whatever follows the first can follow the other, where such a write takes effect just before the last
//! visit.

use crate::linearizability::Budget;
use crate::plan::{Plan, Step};
use crate::slots::{Many, Slots};
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;

/// The number of the value that the register has at first.
pub(super) const INITIAL: u32 = 0;
/// No operation; no past.
const NONE: u32 = u32::MAX;

/// An operation on the register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// Its number in the history.
    pub(super) operation: usize,
    /// The event of its invocation.
    pub(super) invoked: usize,
    /// The event of its return; nothing if a write may never have been.
    pub(super) returned: Option<usize>,
    pub(super) is_write: bool,
    /// The number of what it writes or saw.
    pub(super) value: u32,
}

/// What is found.
pub(super) enum Visited {
    /// An order: each operation with the event after which it takes effect.
    Order(Vec<(usize, usize)>),
    /// There is none; one of the longest prefix that has one, of so many events.
    None { prefix: usize, order: Vec<(usize, usize)> },
    /// It gave up; a prefix of so many events has an order.
    OutOfBudget { prefix: usize },
}

/// Looks for an order, and leaves of the budget's steps what it did not need.
pub(super) fn visits(accesses: &[Access], budget: &mut Budget<'_>) -> Visited {
    let spans = accesses.iter().enumerate().map(|(index, a)| (index, a.invoked, a.returned));
    let plan = Plan::new(accesses.len(), spans);
    match plan.width {
        0..=64 => Sweep::<u64>::new(accesses, &plan).run(budget),
        65..=128 => Sweep::<u128>::new(accesses, &plan).run(budget),
        _ => Sweep::<Many>::new(accesses, &plan).run(budget),
    }
}

/// One way in which the past may have been.
#[derive(Clone)]
struct Past<M> {
    value: u32,
    /// Before which step the last visit began; 0 if none did.
    last: usize,
    /// Of the open operations the reads that are satisfied, and the writes that began a visit.
    taken: M,
    /// How it came about.
    visit: u32,
}

/// A visit, and the one noted before it.
#[derive(Clone, Copy)]
struct Visit {
    before: u32,
    /// The write that begins it.
    write: u32,
    /// Before which step it begins.
    at: u32,
    /// Whether it comes just before the last one instead of after it.
    is_late: bool,
}

/// An open operation.
#[derive(Clone, Copy)]
struct Open {
    access: u32,
    /// The step of its invocation.
    invoked: usize,
}

struct Sweep<'a, M> {
    accesses: &'a [Access],
    plan: &'a Plan,
    open: Vec<Open>,
    pasts: Vec<Past<M>>,
    visits: Vec<Visit>,
    /// How many visits there were when those that nobody needs were last dropped.
    kept: usize,
}

impl<'a, M: Slots> Sweep<'a, M> {
    fn new(accesses: &'a [Access], plan: &'a Plan) -> Self {
        let first = Past { value: INITIAL, last: 0, taken: M::none(plan.width), visit: NONE };
        let open = vec![Open { access: NONE, invoked: 0 }; plan.width];
        Self { accesses, plan, open, pasts: vec![first], visits: vec![], kept: 0 }
    }

    fn run(mut self, budget: &mut Budget<'_>) -> Visited {
        for (at, &step) in self.plan.steps.iter().enumerate() {
            let event = self.plan.events[at];
            let is_interrupted = budget.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed));
            if budget.steps_max < self.pasts.len() as u64
                || self.bytes() > budget.memory_max
                || is_interrupted
            {
                return Visited::OutOfBudget { prefix: event };
            }
            match step {
                Step::Invoke { operation, slot } => self.invoke(operation, slot, at),
                Step::Return { operation, slot } => {
                    let before = self.pasts[0].visit;
                    budget.steps_max = budget.steps_max.saturating_sub(self.leave(operation, slot, at));
                    if self.pasts.is_empty() {
                        return Visited::None { prefix: event, order: self.order(before, at) };
                    }
                    self.open[slot].access = NONE;
                }
            }
            self.drop_visits();
        }
        let last = self.pasts[0].visit;
        Visited::Order(self.order(last, self.plan.steps.len()))
    }

    fn bytes(&self) -> usize {
        let past = size_of::<Past<M>>() + M::heap(self.plan.width);
        self.pasts.len() * past + self.visits.len() * size_of::<Visit>()
    }

    fn invoke(&mut self, access: usize, slot: usize, at: usize) {
        self.open[slot] = Open { access: access as u32, invoked: at };
        let Access { is_write, value, .. } = self.accesses[access];
        for past in self.pasts.iter_mut().filter(|past| !is_write && past.value == value) {
            past.taken.take(slot);
        }
    }

    /// An operation returns; how many ways there are to come to that.
    fn leave(&mut self, access: usize, slot: usize, at: usize) -> u64 {
        let mut branched = false;
        let mut left = vec![];
        for mut past in std::mem::take(&mut self.pasts) {
            if past.taken.has(slot) {
                past.taken.give_back(slot);
                left.push(past);
                continue;
            }
            branched = true;
            if self.accesses[access].is_write {
                self.write_returns(past, slot, at, &mut left);
            } else {
                self.read_returns(&past, slot, at, &mut left);
            }
        }
        let ways = left.len() as u64;
        self.pasts = if branched { self.undominated(left) } else { left };
        ways.max(1)
    }

    fn write_returns(&mut self, past: Past<M>, slot: usize, at: usize, left: &mut Vec<Past<M>>) {
        let mut visited = self.visited(&past, slot, at);
        visited.taken.give_back(slot);
        let value = self.value(slot);
        if self.open[slot].invoked < past.last && past.value != value {
            let mut late = past.clone();
            if self.satisfy(&mut late, value, past.last) {
                late.visit = self.note(&past, slot, at, true);
            }
            left.push(late);
        }
        left.push(visited);
    }

    fn read_returns(&mut self, past: &Past<M>, slot: usize, at: usize, left: &mut Vec<Past<M>>) {
        let value = self.value(slot);
        if let Some(write) = self.first_to_return(past, value, past.last)
            && self.open[slot].invoked < past.last
        {
            let mut late = past.clone();
            self.satisfy(&mut late, value, past.last);
            late.taken.take(write);
            late.taken.give_back(slot);
            late.visit = self.note(past, write, at, true);
            left.push(late);
        }
        if let Some(write) = self.first_to_return(past, value, at) {
            let mut visited = self.visited(past, write, at);
            visited.taken.give_back(slot);
            left.push(visited);
        }
    }

    fn value(&self, slot: usize) -> u32 {
        self.accesses[self.open[slot].access as usize].value
    }

    /// The write of a value that was open before a step, began no visit, and returns first.
    fn first_to_return(&self, past: &Past<M>, value: u32, before: usize) -> Option<usize> {
        let may = |&slot: &usize| {
            let Open { access, invoked } = self.open[slot];
            let is_it = access != NONE && invoked < before && !past.taken.has(slot);
            is_it && self.accesses[access as usize].is_write && self.value(slot) == value
        };
        let end = |&slot: &usize| self.plan.ends[self.open[slot].access as usize];
        (0..self.open.len()).filter(may).min_by_key(end)
    }

    /// What comes of a past if the write in a slot begins a visit now.
    fn visited(&mut self, past: &Past<M>, slot: usize, at: usize) -> Past<M> {
        let mut visited = Past { value: self.value(slot), last: at, ..past.clone() };
        visited.visit = self.note(past, slot, at, false);
        self.satisfy(&mut visited, self.value(slot), at);
        visited.taken.take(slot);
        visited
    }

    /// Satisfies the reads of a value that were open before a step; whether there were any.
    fn satisfy(&self, past: &mut Past<M>, value: u32, before: usize) -> bool {
        let mut are_new = false;
        for (slot, &Open { access, invoked }) in self.open.iter().enumerate() {
            if access == NONE || invoked >= before || past.taken.has(slot) {
                continue;
            }
            let its = self.accesses[access as usize];
            if !its.is_write && its.value == value {
                past.taken.take(slot);
                are_new = true;
            }
        }
        are_new
    }

    fn note(&mut self, past: &Past<M>, slot: usize, at: usize, is_late: bool) -> u32 {
        let number = self.visits.len() as u32;
        let write = self.open[slot].access;
        self.visits.push(Visit { before: past.visit, write, at: at as u32, is_late });
        number
    }

    /// The pasts that no other makes superfluous.
    fn undominated(&self, mut pasts: Vec<Past<M>>) -> Vec<Past<M>> {
        if pasts.len() < 2 {
            return pasts;
        }
        let mut writes = M::none(self.plan.width);
        let mut invoked = vec![];
        for (slot, open) in self.open.iter().enumerate().filter(|(_, open)| open.access != NONE) {
            invoked.push(open.invoked);
            if self.accesses[open.access as usize].is_write {
                writes.take(slot);
            }
        }
        invoked.sort_unstable();
        // of when a visit began matters only whose invocations came before
        let rank = |past: &Past<M>| invoked.partition_point(|&invoked| invoked < past.last);
        let mut ranked: Vec<(usize, Past<M>)> = pasts.drain(..).map(|past| (rank(&past), past)).collect();
        ranked.sort_by_key(|(rank, past)| (past.value, std::cmp::Reverse(*rank)));
        let mut kept: Vec<(usize, Past<M>)> = vec![];
        let mut begin = 0;
        for (rank, past) in ranked {
            if kept.last().is_some_and(|(_, last)| last.value != past.value) {
                begin = kept.len();
            }
            let is_worse = |(_, other): &(usize, Past<M>)| other.taken.is_as_good(&past.taken, &writes);
            if kept[begin..].iter().any(is_worse) {
                continue;
            }
            let mut place = begin;
            while place < kept.len() {
                if kept[place].0 == rank && past.taken.is_as_good(&kept[place].1.taken, &writes) {
                    kept.remove(place);
                } else {
                    place += 1;
                }
            }
            kept.push((rank, past));
        }
        kept.into_iter().map(|(_, past)| past).collect()
    }

    /// Forgets visits that no past has had.
    fn drop_visits(&mut self) {
        const FEW: usize = 1 << 16;
        if self.visits.len() < 2 * self.kept + FEW {
            return;
        }
        let mut needed = vec![false; self.visits.len()];
        for past in &self.pasts {
            let mut visit = past.visit;
            while visit != NONE && !std::mem::replace(&mut needed[visit as usize], true) {
                visit = self.visits[visit as usize].before;
            }
        }
        let mut renamed = vec![NONE; self.visits.len()];
        let new = |renamed: &[u32], visit: u32| if visit == NONE { NONE } else { renamed[visit as usize] };
        let mut kept = vec![];
        for (index, visit) in self.visits.iter().enumerate().filter(|&(index, _)| needed[index]) {
            renamed[index] = kept.len() as u32;
            kept.push(Visit { before: new(&renamed, visit.before), ..*visit });
        }
        for past in &mut self.pasts {
            past.visit = new(&renamed, past.visit);
        }
        (self.kept, self.visits) = (kept.len(), kept);
    }

    /// The order of all that returned before a step, after these visits.
    fn order(&self, last: u32, until: usize) -> Vec<(usize, usize)> {
        let mut row = vec![];
        let mut visit = last;
        while visit != NONE {
            row.push(self.visits[visit as usize]);
            visit = self.visits[visit as usize].before;
        }
        let mut visits: Vec<(usize, usize)> = vec![]; // before which step, by whom
        for visit in row.into_iter().rev() {
            let write = visit.write as usize;
            match visits.last().copied() {
                Some((at, _)) if visit.is_late => visits.insert(visits.len() - 1, (at, write)),
                _ => visits.push((visit.at as usize, write)),
            }
        }
        Row::new(self.accesses, self.plan, &visits).order(until)
    }
}

/// The visits of an order.
struct Row<'a> {
    accesses: &'a [Access],
    plan: &'a Plan,
    visits: &'a [(usize, usize)],
    /// The visits with each value.
    by_value: FxHashMap<u32, Vec<usize>>,
    begins: Vec<bool>,
}

impl<'a> Row<'a> {
    fn new(accesses: &'a [Access], plan: &'a Plan, visits: &'a [(usize, usize)]) -> Self {
        let mut by_value: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
        by_value.entry(INITIAL).or_default().push(0);
        let mut begins = vec![false; accesses.len()];
        for (number, &(_, write)) in visits.iter().enumerate() {
            // what the register had before all is visit 0
            by_value.entry(accesses[write].value).or_default().push(number + 1);
            begins[write] = true;
        }
        Self { accesses, plan, visits, by_value, begins }
    }

    /// Before which step a visit ends.
    fn end(&self, visit: usize) -> usize {
        self.visits.get(visit).map_or(usize::MAX, |&(at, _)| at)
    }

    fn order(&self, until: usize) -> Vec<(usize, usize)> {
        // by visit; a write before those who see what was written before it
        let mut placed: Vec<((usize, u8, usize), usize, usize)> = vec![];
        for (number, &(at, write)) in self.visits.iter().enumerate() {
            placed.push(((number + 1, 1, 0), at, write));
        }
        for (at, &step) in self.plan.steps.iter().enumerate() {
            let Step::Invoke { operation: access, .. } = step else { continue };
            if self.plan.ends[access] >= until || self.begins[access] {
                continue; // nobody has to know of it yet
            }
            if self.accesses[access].is_write {
                let visit = self.visits.partition_point(|&(begin, _)| begin <= at);
                placed.push(((visit + 1, 0, 0), self.visits[visit].0, access));
            } else {
                let visits = &self.by_value[&self.accesses[access].value];
                let visit = visits[visits.partition_point(|&visit| self.end(visit) <= at)];
                let begin = visit.checked_sub(1).map_or(0, |before| self.visits[before].0);
                placed.push(((visit, 2, at), begin.max(at + 1), access));
            }
        }
        placed.sort_unstable();
        let event = |at: usize| at.checked_sub(1).map_or(0, |before| self.plan.events[before]);
        placed.into_iter().map(|(_, at, access)| (event(at), self.accesses[access].operation)).collect()
    }
}
