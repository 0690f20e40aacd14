//! The counter.

use crate::specification::SequentialSpecification;

/// A number that is added to, 0 at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter;

/// What is asked of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterOperation {
    /// Read it.
    Read,
    /// Add this to it.
    Add(i64),
    /// Add this to it and read it.
    AddAndRead(i64),
}

/// What a counter answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterReturn {
    /// To a read.
    Count(i64),
    /// To an addition.
    Added,
}

impl SequentialSpecification for Counter {
    type State = i64;
    type Operation = CounterOperation;
    type Return = CounterReturn;

    fn initial(&self) -> i64 {
        0
    }

    fn apply(&self, count: &i64, operation: &CounterOperation) -> (i64, CounterReturn) {
        match operation {
            CounterOperation::Read => (*count, CounterReturn::Count(*count)),
            CounterOperation::Add(n) => (count.wrapping_add(*n), CounterReturn::Added),
            CounterOperation::AddAndRead(n) => {
                let count = count.wrapping_add(*n);
                (count, CounterReturn::Count(count))
            }
        }
    }

    fn observes(&self, operation: &CounterOperation, _: Option<&CounterReturn>) -> bool {
        *operation == CounterOperation::Read
    }
}
