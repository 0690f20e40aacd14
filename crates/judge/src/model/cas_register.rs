//! The register with compare-and-set.

use crate::specification::SequentialSpecification;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

/// A register of values `V` that can be compared and set, empty at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CasRegister<V>(PhantomData<V>);

impl<V> Default for CasRegister<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CasRegisterOperation<V> {
    /// Read it.
    Read,
    /// Read it; what was read is not known.
    ReadUnseen,
    /// Write this value.
    Write(V),
    /// Write the second value if it is the first.
    CompareAndSet(Option<V>, V),
}

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CasRegisterReturn<V> {
    /// To a read: the value, `None` where nothing was written.
    Value(Option<V>),
    /// To a write, to a compare-and-set that did, to a read that was not seen.
    Done,
    /// To a compare-and-set: it is another value.
    Differs,
}

impl<V: Clone + Eq + Hash + Debug> SequentialSpecification for CasRegister<V> {
    type State = Option<V>;
    type Operation = CasRegisterOperation<V>;
    type Return = CasRegisterReturn<V>;

    fn initial(&self) -> Option<V> {
        None
    }

    fn apply(
        &self,
        state: &Option<V>,
        operation: &CasRegisterOperation<V>,
    ) -> (Option<V>, CasRegisterReturn<V>) {
        use CasRegisterOperation::{CompareAndSet, Read, ReadUnseen, Write};
        match operation {
            Read => (state.clone(), CasRegisterReturn::Value(state.clone())),
            ReadUnseen => (state.clone(), CasRegisterReturn::Done),
            Write(v) => (Some(v.clone()), CasRegisterReturn::Done),
            CompareAndSet(expected, new) if state == expected => (Some(new.clone()), CasRegisterReturn::Done),
            CompareAndSet(..) => (state.clone(), CasRegisterReturn::Differs),
        }
    }

    fn observes(&self, operation: &CasRegisterOperation<V>, returned: Option<&CasRegisterReturn<V>>) -> bool {
        match operation {
            CasRegisterOperation::Read | CasRegisterOperation::ReadUnseen => true,
            CasRegisterOperation::CompareAndSet(..) => returned == Some(&CasRegisterReturn::Differs),
            CasRegisterOperation::Write(_) => false,
        }
    }
}
