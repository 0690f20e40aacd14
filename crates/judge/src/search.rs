//! The search for an order, whatever the object.
//!
//! States and kinds of operations are numbers here: what a kind does to a state is asked of the specification once.

use crate::history::{History, Operation, Outcome};
use crate::linearizability::Budget;
use crate::plan::{Plan, Step};
use crate::slots::{Many, Slots};
use crate::specification::SequentialSpecification;
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

/// What a search finds.
pub(crate) enum Found {
    /// An order of operations that explains all.
    Order(Vec<usize>),
    /// There is none; for the longest prefix that has one, that one.
    None { prefix: usize, order: Vec<usize> },
    /// It gave up; a prefix of this length has an order.
    OutOfBudget { prefix: usize },
}

/// Nobody's slot; no state.
const NONE: u32 = u32::MAX;
/// How often the clock of others is looked at.
const LOOK_EVERY: u64 = 1 << 12;

/// A state that operations lead to, by numbers.
struct States<'a, S: SequentialSpecification> {
    specification: &'a S,
    history: &'a History<S::Operation, S::Return>,
    values: Vec<S::State>,
    known: HashTable<u32>,
    /// Of each operation, the number of its kind: what it asks and what it returned.
    kinds: Vec<u32>,
    /// What a kind makes of a state, unless that cannot be.
    effects: FxHashMap<(u32, u32), u32>,
    steps_left: u64,
}

impl<S: SequentialSpecification> States<'_, S> {
    fn number(&mut self, state: S::State) -> u32 {
        let hash = |state: &S::State| FxBuildHasher.hash_one(state);
        let Self { values, known, .. } = self;
        let is_it = |&number: &u32| values[number as usize] == state;
        if let Some(&number) = known.find(hash(&state), is_it) {
            return number;
        }
        let number = values.len() as u32;
        known.insert_unique(hash(&state), number, |&number| hash(&values[number as usize]));
        values.push(state);
        number
    }

    /// The state after an operation; nothing if it cannot take effect, or need not.
    fn after(&mut self, state: u32, operation: usize) -> Option<u32> {
        let key = (state, self.kinds[operation]);
        if let Some(&after) = self.effects.get(&key) {
            return (after != NONE).then_some(after);
        }
        let after = self.applied(state, operation);
        self.effects.insert(key, after.unwrap_or(NONE));
        after
    }

    fn applied(&mut self, number: u32, operation: usize) -> Option<u32> {
        let operation = &self.history.operations()[operation];
        let state = &self.values[number as usize];
        let (after, value) = self.specification.apply(state, &operation.operation);
        match &operation.outcome {
            Outcome::Ok(returned) if value != *returned => None,
            // nobody saw its value: without effect it may as well never have happened
            Outcome::Unknown if after == *state => None,
            _ => Some(self.number(after)),
        }
    }
}

/// What is searched, and what it is searched with.
pub(crate) struct Search<'a, S: SequentialSpecification> {
    states: States<'a, S>,
    /// Whether an operation only observes.
    observes: Vec<bool>,
    budget: Budget<'a>,
    /// Where it stays, in which state, and whose return is asked for there.
    stuck: Vec<(usize, u32, usize)>,
    remembers_stuck: bool,
}

impl<'a, S: SequentialSpecification> Search<'a, S> {
    pub(crate) fn new(
        specification: &'a S,
        history: &'a History<S::Operation, S::Return>,
        budget: Budget<'a>,
    ) -> Self {
        let mut numbers = FxHashMap::default();
        let operations = history.operations();
        let kind = |o: &'a Operation<S::Operation, S::Return>| {
            let next = numbers.len() as u32;
            *numbers.entry((&o.operation, returned(&o.outcome))).or_insert(next)
        };
        let observes = |o: &Operation<S::Operation, S::Return>| {
            specification.observes(&o.operation, returned(&o.outcome))
        };
        let states = States {
            specification,
            history,
            values: vec![],
            known: HashTable::new(),
            kinds: operations.iter().map(kind).collect(),
            effects: FxHashMap::default(),
            steps_left: budget.steps_max,
        };
        Self {
            states,
            observes: operations.iter().map(observes).collect(),
            budget,
            stuck: vec![],
            remembers_stuck: false,
        }
    }

    /// All states in which the last return of a history that has no order may be asked for, and what would be returned there; nothing if
    /// the budget runs out before all are known.
    pub(crate) fn stuck(&mut self) -> Option<Vec<(S::State, S::Return)>> {
        self.remembers_stuck = true;
        if !matches!(self.run(), Found::None { .. }) {
            return None;
        }
        let last = self.stuck.iter().map(|&(at, ..)| at).max();
        let mut stuck: Vec<(u32, usize)> = self
            .stuck
            .iter()
            .filter(|&&(at, ..)| Some(at) == last)
            .map(|&(_, state, asked)| (state, asked))
            .collect();
        stuck.sort_unstable();
        stuck.dedup();
        let States { specification, history, values, .. } = &self.states;
        let returned = |(state, asked): (u32, usize)| {
            let state = &values[state as usize];
            (state.clone(), specification.apply(state, &history.operations()[asked].operation).1)
        };
        Some(stuck.into_iter().map(returned).collect())
    }

    /// Looks for an order.
    pub(crate) fn run(&mut self) -> Found {
        let plan = plan(self.states.history, &self.observes);
        match plan.width {
            0..=64 => Walk::<S, u64>::new(self, &plan).run(),
            65..=128 => Walk::<S, u128>::new(self, &plan).run(),
            _ => Walk::<S, Many>::new(self, &plan).run(),
        }
    }
}

/// What came back, if that is known.
fn returned<R>(outcome: &Outcome<R>) -> Option<&R> {
    match outcome {
        Outcome::Ok(returned) => Some(returned),
        Outcome::Failed | Outcome::Unknown => None,
    }
}

/// When the operations run that matter.
fn plan<O, R>(history: &History<O, R>, observes: &[bool]) -> Plan {
    let operations = history.operations();
    let spans = operations.iter().enumerate().filter_map(|(index, o)| match (&o.outcome, o.returned) {
        (Outcome::Failed, _) => None, // it never took effect
        // nobody knows what it saw
        (Outcome::Unknown, _) if observes[index] => None,
        (Outcome::Unknown, _) | (_, None) => Some((index, o.invoked, None)),
        (Outcome::Ok(_), end) => Some((index, o.invoked, end)),
    });
    Plan::new(operations.len(), spans)
}

/// Where the search may go on: at a return that is not explained.
#[derive(Clone)]
struct Place<M> {
    at: usize,
    taken: M,
    state: u32,
    /// How many operations the order had.
    ordered: usize,
    /// Where its choices begin.
    choices: usize,
}

/// A search under way.
struct Walk<'s, 'a, S: SequentialSpecification, M> {
    search: &'s mut Search<'a, S>,
    plan: &'s Plan,
    /// Who is in which slot at the step that the walk is at.
    open: Vec<u32>,
    at: usize,
    order: Vec<usize>,
    met: FxHashSet<(usize, u32, M)>,
    places: Vec<Place<M>>,
    /// The slots that are yet to be tried, of all places.
    choices: Vec<usize>,
    best: (usize, Vec<usize>),
    looked: u64,
}

impl<'s, 'a, S: SequentialSpecification, M: Slots> Walk<'s, 'a, S, M> {
    fn new(search: &'s mut Search<'a, S>, plan: &'s Plan) -> Self {
        Self {
            search,
            plan,
            open: vec![NONE; plan.width],
            at: 0,
            order: vec![],
            met: FxHashSet::default(),
            places: vec![],
            choices: vec![],
            best: (0, vec![]),
            looked: 0,
        }
    }

    fn run(mut self) -> Found {
        let initial = self.search.states.specification.initial();
        let state = self.search.states.number(initial);
        if self.enter(M::none(self.plan.width), state) {
            return Found::Order(self.order);
        }
        while let Some(place) = self.places.last().cloned() {
            if self.is_over() {
                return Found::OutOfBudget { prefix: self.event(self.best.0) };
            }
            self.back_to(place.at);
            self.order.truncate(place.ordered);
            if self.choices.len() == place.choices {
                self.places.pop();
                continue;
            }
            let slot = self.choices.pop().expect("one is left");
            let operation = self.open[slot] as usize;
            let after = self.search.states.after(place.state, operation).expect("a choice is possible");
            self.search.states.steps_left -= 1;
            let mut taken = place.taken;
            taken.take(slot);
            self.order.push(operation);
            if self.enter(taken, after) {
                return Found::Order(self.order);
            }
        }
        let (at, order) = self.best;
        Found::None { prefix: self.plan.events[at], order }
    }

    /// The length of the history in events before a step.
    fn event(&self, at: usize) -> usize {
        self.plan.events.get(at).copied().unwrap_or(self.search.states.history.events().len())
    }

    fn is_over(&mut self) -> bool {
        let Search { states, budget, .. } = &*self.search;
        if states.steps_left == 0 {
            return true;
        }
        self.looked += 1;
        if !self.looked.is_multiple_of(LOOK_EVERY) {
            return false;
        }
        let memory = self.met.capacity() * (size_of::<(usize, u32, M)>() + 1 + M::heap(self.plan.width));
        memory > budget.memory_max || budget.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Goes on from a state up to a return that is not explained; whether there is none.
    fn enter(&mut self, mut taken: M, state: u32) -> bool {
        self.observe_all(&mut taken, state);
        while let Some(&step) = self.plan.steps.get(self.at) {
            match step {
                Step::Invoke { operation, slot } => {
                    self.open[slot] = operation as u32;
                    self.observe(&mut taken, state, slot);
                }
                Step::Return { slot, .. } if taken.has(slot) => {
                    taken.give_back(slot);
                    self.open[slot] = NONE;
                }
                Step::Return { .. } => {
                    self.stay(taken, state);
                    return false;
                }
            }
            self.at += 1;
        }
        true
    }

    fn note_progress(&mut self) {
        if self.at > self.best.0 || self.best.1.is_empty() {
            self.best = (self.at, self.order.clone());
        }
    }

    /// What only observes takes effect at once where what it saw is so: nothing else can tell.
    fn observe(&mut self, taken: &mut M, state: u32, slot: usize) {
        let operation = self.open[slot];
        if operation == NONE || taken.has(slot) || !self.search.observes[operation as usize] {
            return;
        }
        if self.search.states.after(state, operation as usize).is_some() {
            taken.take(slot);
            self.order.push(operation as usize);
        }
    }

    fn observe_all(&mut self, taken: &mut M, state: u32) {
        for slot in 0..self.plan.width {
            self.observe(taken, state, slot);
        }
    }

    /// A return is not explained: notes what may take effect first, the likeliest last.
    fn stay(&mut self, taken: M, state: u32) {
        self.note_progress();
        if !self.met.insert((self.at, state, taken.clone())) {
            return;
        }
        let Step::Return { operation: asked, slot: its } = self.plan.steps[self.at] else {
            unreachable!("one stays at a return")
        };
        if self.search.remembers_stuck {
            self.search.stuck.push((self.at, state, asked));
        }
        let choices = self.choices.len();
        for slot in 0..self.plan.width {
            if slot != its && self.may_go_first(&taken, state, slot) {
                self.choices.push(slot);
            }
        }
        let enables = |this: &mut Self, slot: usize| {
            let operation = this.open[slot] as usize;
            let after = this.search.states.after(state, operation);
            after.is_some_and(|after| this.search.states.after(after, asked).is_some())
        };
        let mut likely = choices;
        for at in choices..self.choices.len() {
            if !enables(self, self.choices[at]) {
                self.choices.swap(likely, at);
                likely += 1;
            }
        }
        if self.may_be_next(state, asked) {
            self.choices.push(its);
        }
        self.places.push(Place { at: self.at, taken, state, ordered: self.order.len(), choices });
    }

    /// Whether the operation in a slot may take effect, and none that is the same would do so first.
    fn may_go_first(&mut self, taken: &M, state: u32, slot: usize) -> bool {
        let operation = self.open[slot];
        if operation == NONE || taken.has(slot) {
            return false;
        }
        let operation = operation as usize;
        let kinds = &self.search.states.kinds;
        let (kind, rank) = (kinds[operation], (self.plan.ends[operation], operation));
        let is_first = |(other, &open): (usize, &u32)| {
            let open = open as usize;
            other == slot
                || open == NONE as usize
                || taken.has(other)
                || kinds[open] != kind
                || rank < (self.plan.ends[open], open)
        };
        self.open.iter().enumerate().all(is_first) && self.may_be_next(state, operation)
    }

    /// Whether an operation may take effect in a state, as far as the object can tell.
    fn may_be_next(&mut self, state: u32, operation: usize) -> bool {
        let event = self.plan.events[self.at];
        let states = &mut self.search.states;
        let Some(after) = states.after(state, operation) else { return false };
        let (now, next) = (&states.values[state as usize], &states.values[after as usize]);
        after == state || states.specification.may_follow(now, next, event)
    }

    /// Takes back the steps from `at` on.
    fn back_to(&mut self, at: usize) {
        while self.at > at {
            self.at -= 1;
            match self.plan.steps[self.at] {
                Step::Invoke { slot, .. } => self.open[slot] = NONE,
                Step::Return { operation, slot } => self.open[slot] = operation as u32,
            }
        }
    }
}
