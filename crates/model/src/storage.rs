//! Stable storage: a fold over writes.
//!
//! The log holds writes, a snapshot is their fold, recovery receives the fold; composition is an enum of writes;
//! a lost write is a shorter prefix.

use crate::process::{Never, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a process finds again after a crash: the fold of all its durable writes. The default is the empty disk.
pub trait Stable: Value + Default {
    /// One write: what `ctx.store` takes and the log holds.
    type Write: Value;

    /// The disk after `write`.
    fn apply(&mut self, write: Self::Write);

    /// What a *torn* last write leaves. By default nothing: a record is atomic, as a checksummed log makes it.
    /// A disk that overwrites in place overrides this, and shows what its algorithm does then.
    fn tear(&mut self, write: Self::Write) {
        let _ = write;
    }
}

/// The disk of a process that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoStorage;

impl Stable for NoStorage {
    type Write = Never;
    fn apply(&mut self, write: Never) {
        match write {}
    }
}

/// The simple case: one record, stored whole each time; `None` until the first store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Whole<T>(pub Option<T>);

impl<T> Default for Whole<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Value> Stable for Whole<T> {
    type Write = T;
    fn apply(&mut self, write: T) {
        self.0 = Some(write);
    }
}

/// A write to the one or to the other half of a pair of disks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Either<A, B> {
    /// To the first half.
    Left(A),
    /// To the second half.
    Right(B),
}

impl<A: Stable, B: Stable> Stable for (A, B) {
    type Write = Either<A::Write, B::Write>;
    fn apply(&mut self, write: Self::Write) {
        match write {
            Either::Left(w) => self.0.apply(w),
            Either::Right(w) => self.1.apply(w),
        }
    }
    fn tear(&mut self, write: Self::Write) {
        match write {
            Either::Left(w) => self.0.tear(w),
            Either::Right(w) => self.1.tear(w),
        }
    }
}

/// Many disks by key: the storage of many instances of one module.
impl<K: Value, S: Stable> Stable for BTreeMap<K, S> {
    type Write = (K, S::Write);
    fn apply(&mut self, (key, write): Self::Write) {
        self.entry(key).or_default().apply(write);
    }
    fn tear(&mut self, (key, write): Self::Write) {
        self.entry(key).or_default().tear(write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_the_fold_of_its_writes() {
        let mut disk = (Whole::<u8>::default(), BTreeMap::<u8, Whole<char>>::new());
        disk.apply(Either::Left(3));
        disk.apply(Either::Right((7, 'a')));
        disk.apply(Either::Right((7, 'b')));
        assert_eq!(disk, (Whole(Some(3)), BTreeMap::from([(7, Whole(Some('b')))])));
    }
}
