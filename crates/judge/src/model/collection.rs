//! Collections: set, queue, stack, list that is only appended to.

use crate::specification::SequentialSpecification;
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

macro_rules! object {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<V>(PhantomData<V>);

        impl<V> Default for $name<V> {
            fn default() -> Self {
                Self(PhantomData)
            }
        }
    };
}

object!(
    /// A set, empty at first.
    Set
);
object!(
    /// A first-in first-out queue, empty at first.
    Queue
);
object!(
    /// A last-in first-out stack, empty at first.
    Stack
);
object!(
    /// A list that is only appended to, empty at first.
    List
);

/// What is asked of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetOperation<V> {
    /// Have it among the elements.
    Add(V),
    /// Have it no longer among them.
    Remove(V),
    /// Is it among them?
    Contains(V),
    /// All of them.
    Read,
}

/// What a set answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetReturn<V> {
    /// To a change.
    Done,
    /// To a question.
    Contained(bool),
    /// The elements.
    Elements(BTreeSet<V>),
}

impl<V: Clone + Ord + Hash + Debug> SequentialSpecification for Set<V> {
    type State = BTreeSet<V>;
    type Operation = SetOperation<V>;
    type Return = SetReturn<V>;

    fn initial(&self) -> BTreeSet<V> {
        BTreeSet::new()
    }

    fn apply(&self, state: &BTreeSet<V>, operation: &SetOperation<V>) -> (BTreeSet<V>, SetReturn<V>) {
        let mut set = state.clone();
        let returned = match operation {
            SetOperation::Add(v) => {
                set.insert(v.clone());
                SetReturn::Done
            }
            SetOperation::Remove(v) => {
                set.remove(v);
                SetReturn::Done
            }
            SetOperation::Contains(v) => SetReturn::Contained(set.contains(v)),
            SetOperation::Read => SetReturn::Elements(set.clone()),
        };
        (set, returned)
    }

    fn observes(&self, operation: &SetOperation<V>, _: Option<&SetReturn<V>>) -> bool {
        matches!(operation, SetOperation::Contains(_) | SetOperation::Read)
    }

    fn place(&self, operation: &SetOperation<V>) -> Option<u64> {
        match operation {
            SetOperation::Add(v) | SetOperation::Remove(v) | SetOperation::Contains(v) => {
                Some(FxBuildHasher.hash_one(v))
            }
            SetOperation::Read => None,
        }
    }
}

/// What is asked of a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueOperation<V> {
    /// Put it at the end.
    Enqueue(V),
    /// Take what is at the front.
    Dequeue,
}

/// What a queue answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueReturn<V> {
    /// To what was put.
    Enqueued,
    /// What was taken: nothing from an empty queue.
    Dequeued(Option<V>),
}

impl<V: Clone + Eq + Hash + Debug> SequentialSpecification for Queue<V> {
    type State = VecDeque<V>;
    type Operation = QueueOperation<V>;
    type Return = QueueReturn<V>;

    fn initial(&self) -> VecDeque<V> {
        VecDeque::new()
    }

    fn apply(&self, state: &VecDeque<V>, operation: &QueueOperation<V>) -> (VecDeque<V>, QueueReturn<V>) {
        let mut queue = state.clone();
        let returned = match operation {
            QueueOperation::Enqueue(v) => {
                queue.push_back(v.clone());
                QueueReturn::Enqueued
            }
            QueueOperation::Dequeue => QueueReturn::Dequeued(queue.pop_front()),
        };
        (queue, returned)
    }

    fn observes(&self, _: &QueueOperation<V>, returned: Option<&QueueReturn<V>>) -> bool {
        matches!(returned, Some(QueueReturn::Dequeued(None)))
    }
}

/// What is asked of a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StackOperation<V> {
    /// Put it on top.
    Push(V),
    /// Take what is on top.
    Pop,
}

/// What a stack answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StackReturn<V> {
    /// To what was put.
    Pushed,
    /// What was taken: nothing from an empty stack.
    Popped(Option<V>),
}

impl<V: Clone + Eq + Hash + Debug> SequentialSpecification for Stack<V> {
    type State = Vec<V>;
    type Operation = StackOperation<V>;
    type Return = StackReturn<V>;

    fn initial(&self) -> Vec<V> {
        vec![]
    }

    fn apply(&self, state: &Vec<V>, operation: &StackOperation<V>) -> (Vec<V>, StackReturn<V>) {
        let mut stack = state.clone();
        let returned = match operation {
            StackOperation::Push(v) => {
                stack.push(v.clone());
                StackReturn::Pushed
            }
            StackOperation::Pop => StackReturn::Popped(stack.pop()),
        };
        (stack, returned)
    }

    fn observes(&self, _: &StackOperation<V>, returned: Option<&StackReturn<V>>) -> bool {
        matches!(returned, Some(StackReturn::Popped(None)))
    }
}

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListOperation<V> {
    /// Put it at the end.
    Append(V),
    /// All of it.
    Read,
}

/// What a list answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListReturn<V> {
    /// To what was put.
    Appended,
    /// Its elements.
    Elements(Vec<V>),
}

impl<V: Clone + Eq + Hash + Debug> SequentialSpecification for List<V> {
    type State = Vec<V>;
    type Operation = ListOperation<V>;
    type Return = ListReturn<V>;

    fn initial(&self) -> Vec<V> {
        vec![]
    }

    fn apply(&self, state: &Vec<V>, operation: &ListOperation<V>) -> (Vec<V>, ListReturn<V>) {
        match operation {
            ListOperation::Append(v) => {
                let mut list = state.clone();
                list.push(v.clone());
                (list, ListReturn::Appended)
            }
            ListOperation::Read => (state.clone(), ListReturn::Elements(state.clone())),
        }
    }

    fn observes(&self, operation: &ListOperation<V>, _: Option<&ListReturn<V>>) -> bool {
        *operation == ListOperation::Read
    }
}
