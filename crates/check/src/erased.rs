//! Spaces of plain values as one space, whatever the values: where a search need not be as fast as it can be, it is made
//! once for all of them, not once for each.

use crate::fingerprint::Print;
use crate::intern::Kept;
use crate::report::{Control, Options, Progress};
use crate::search::{Found, search};
use crate::space::{Edge, Exact, Missing, Packed, Rows, Space, Start};
use std::any::Any;
use std::ops::Range;
use std::sync::Arc;
use synod_properties::{Property, Violation};

/// A value that can be compared with others, of its own type.
trait AnyValue: Any + Send + Sync {
    fn equals(&self, other: &dyn AnyValue) -> bool;
}

impl<T: Eq + Send + Sync + 'static> AnyValue for T {
    fn equals(&self, other: &dyn AnyValue) -> bool {
        (other as &dyn Any).downcast_ref::<T>() == Some(self)
    }
}

/// A state of any type.
#[derive(Clone)]
pub(crate) struct Value(Arc<dyn AnyValue>);

impl Value {
    fn new<T: Eq + Send + Sync + 'static>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The state itself, which is one of its space.
    pub(crate) fn get<T: 'static>(&self) -> &T {
        (&*self.0 as &dyn Any).downcast_ref().expect("the states of a space are of one type")
    }

    /// Bytes in use, without what the value owns beyond itself.
    fn memory(&self) -> u64 {
        (size_of_val(&*self.0) + size_of::<Self>() + 2 * size_of::<usize>()) as u64
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&*other.0)
    }
}
impl Eq for Value {}

/// States of one type.
#[derive(Default)]
pub(crate) struct Values {
    states: Vec<Value>,
    /// Bytes that one of them takes.
    each: u64,
}

impl Values {
    fn push(&mut self, state: Value) {
        self.each = state.memory();
        self.states.push(state);
    }

    /// The states themselves.
    pub(crate) fn all<T: Clone + 'static>(&self) -> Vec<T> {
        self.states.iter().map(|state| state.get::<T>().clone()).collect()
    }
}

impl Rows for Values {
    type State = Value;
    type Packed = Self;
    fn len(&self) -> usize {
        self.states.len()
    }
    fn at(&self, at: usize) -> &Value {
        &self.states[at]
    }
    fn add(&mut self, state: &Value) {
        self.push(state.clone());
    }
    fn append(&mut self, other: &mut Self) {
        self.each = self.each.max(other.each);
        self.states.append(&mut other.states);
    }
    fn truncate(&mut self, len: usize) {
        self.states.truncate(len);
    }
    fn memory(&self) -> u64 {
        self.states.capacity() as u64 * self.each
    }
    fn pack(&self, range: Range<usize>) -> Self {
        Self { states: self.states[range].to_vec(), each: self.each }
    }
    fn unpack(&mut self, mut packed: Self) {
        self.append(&mut packed);
    }
}

impl Packed for Values {
    fn len(&self) -> usize {
        self.states.len()
    }
    fn memory(&self) -> u64 {
        Rows::memory(self)
    }
}

/// States that are kept as they are.
#[derive(Default)]
pub(crate) struct KeptValues {
    kept: Kept<Value>,
    /// Bytes in use for them.
    values: u64,
}

impl Exact<Value> for KeptValues {
    fn insert(&mut self, print: Print, state: &Value) -> (u32, bool) {
        let (number, new) = self.kept.insert(print, state);
        self.values += if new { state.memory() } else { 0 };
        (number, new)
    }
    fn with<R>(&self, number: u32, see: impl FnOnce(&Value) -> R) -> R {
        self.kept.with(number, see)
    }
    fn len(&self) -> usize {
        self.kept.len()
    }
    fn memory(&self) -> u64 {
        self.kept.memory() + self.values
    }
}

/// A step: the state that it leads to, and its class of fairness.
type Step = (Value, u64);

/// A space of values without its types.
trait AnySpace: Sync {
    fn properties(&self) -> Vec<Property>;
    fn print(&self, state: &Value) -> Print;
    fn expand(&self, state: &Value, each: &mut dyn FnMut(Edge<Step>)) -> Result<(), Missing>;
    fn reached(&self, state: &Value) -> u64;
    fn broken(&self, state: &Value) -> Option<Violation>;
    fn broken_end(&self, state: &Value) -> Option<Violation>;
    fn judges_ends(&self) -> bool;
    fn distance(&self, state: &Value) -> u64;
    fn parts(&self, state: &Value, each: &mut dyn FnMut(u64));
    fn keeps_runs(&self) -> bool;
    fn memory(&self) -> u64;
}

impl<T, S> AnySpace for S
where
    T: Clone + Eq + Send + Sync + 'static,
    S: Space<Rows = Vec<T>, Step = (T, u64)>,
{
    fn properties(&self) -> Vec<Property> {
        Space::properties(self)
    }
    fn print(&self, state: &Value) -> Print {
        Space::print(self, state.get())
    }
    fn expand(&self, state: &Value, each: &mut dyn FnMut(Edge<Step>)) -> Result<(), Missing> {
        Space::expand(self, state.get(), &mut |edge| {
            each(match edge {
                Edge::To { print, step: (state, class) } => {
                    Edge::To { print, step: (Value::new(state), class) }
                }
                Edge::Outside(class) => Edge::Outside(class),
                Edge::Broken(violation) => Edge::Broken(violation),
                Edge::LeftOut => Edge::LeftOut,
            });
        })
    }
    fn reached(&self, state: &Value) -> u64 {
        Space::reached(self, state.get())
    }
    fn broken(&self, state: &Value) -> Option<Violation> {
        Space::broken(self, state.get())
    }
    fn broken_end(&self, state: &Value) -> Option<Violation> {
        Space::broken_end(self, state.get())
    }
    fn judges_ends(&self) -> bool {
        Space::judges_ends(self)
    }
    fn distance(&self, state: &Value) -> u64 {
        Space::distance(self, state.get())
    }
    fn parts(&self, state: &Value, each: &mut dyn FnMut(u64)) {
        Space::parts(self, state.get(), each);
    }
    fn keeps_runs(&self) -> bool {
        Space::keeps_runs(self)
    }
    fn memory(&self) -> u64 {
        Space::memory(self)
    }
}

/// A space of values, whatever they are.
pub(crate) struct Erased<'a>(&'a dyn AnySpace);

impl Space for Erased<'_> {
    type Rows = Values;
    type Step = Step;
    type Exact = KeptValues;

    fn properties(&self) -> Vec<Property> {
        self.0.properties()
    }
    fn print(&self, state: &Value) -> Print {
        self.0.print(state)
    }
    fn expand(&self, state: &Value, each: &mut impl FnMut(Edge<Step>)) -> Result<(), Missing> {
        self.0.expand(state, each)
    }
    fn build(&self, _: &Value, (_, (state, _)): (Print, Step), rows: &mut Values) {
        rows.push(state);
    }
    fn keep(
        &self,
        exact: &mut KeptValues,
        _: &Value,
        (print, (state, _)): (Print, &Step),
        _: &mut Values,
    ) -> (u32, bool) {
        exact.insert(print, state)
    }
    fn reached(&self, state: &Value) -> u64 {
        self.0.reached(state)
    }
    fn broken(&self, state: &Value) -> Option<Violation> {
        self.0.broken(state)
    }
    fn broken_end(&self, state: &Value) -> Option<Violation> {
        self.0.broken_end(state)
    }
    fn judges_ends(&self) -> bool {
        self.0.judges_ends()
    }
    fn distance(&self, state: &Value) -> u64 {
        self.0.distance(state)
    }
    fn parts(&self, state: &Value, each: &mut dyn FnMut(u64)) {
        self.0.parts(state, each);
    }
    fn class(&self, (_, class): &Step) -> u64 {
        *class
    }
    fn keeps_runs(&self) -> bool {
        self.0.keeps_runs()
    }
    fn memory(&self) -> u64 {
        self.0.memory()
    }
}

/// Explores a space of values in any order.
pub(crate) fn explore<'a, T, S>(
    space: &'a S,
    start: Start<Vec<T>>,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<Erased<'a>>
where
    T: Clone + Eq + Send + Sync + 'static,
    S: Space<Rows = Vec<T>, Step = (T, u64)>,
{
    let mut rows = Values::default();
    start.rows.into_iter().for_each(|state| rows.push(Value::new(state)));
    explore_erased(Erased(space), Start { rows, broken: start.broken }, options, progress)
}

/// The one place where the search is made for them.
fn explore_erased<'a>(
    space: Erased<'a>,
    start: Start<Values>,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<Erased<'a>> {
    search(space, start, &mut |_, _| {}, options, progress)
}
