//! A map whose every change has a number, as etcd's (its API's `Revision` and `mod_revision`).

use crate::specification::SequentialSpecification;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

/// A map from `K` to `V`. Its revision is 1 at first and grows by one with each change; each key has that of its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtcdMap<K, V>(PhantomData<(K, V)>);

impl<K, V> Default for EtcdMap<K, V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// A value with the revision of its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revised<V> {
    /// The value.
    pub value: V,
    /// The revision that it was written in.
    pub revision: i64,
}

/// What is asked of the map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EtcdMapOperation<K, V> {
    /// What is under this key?
    Get(K),
    /// Have this under this key.
    Put(K, V),
    /// Have nothing under this key.
    Delete(K),
    /// Have this under this key if its last change was in this revision (0: if nothing is there).
    PutIfRevision(K, i64, V),
}

/// What the map answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EtcdMapReturn<V> {
    /// To a question.
    Value(Option<Revised<V>>),
    /// To a change: its revision. To the deletion of nothing, or a condition that does not hold, nothing.
    Changed(Option<i64>),
}

/// The whole map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revisions<K, V> {
    revision: i64,
    map: BTreeMap<K, Revised<V>>,
}

impl<K: Clone + Ord + Hash + Debug, V: Clone + Eq + Hash + Debug> SequentialSpecification for EtcdMap<K, V> {
    type State = Revisions<K, V>;
    type Operation = EtcdMapOperation<K, V>;
    type Return = EtcdMapReturn<V>;

    fn initial(&self) -> Revisions<K, V> {
        Revisions { revision: 1, map: BTreeMap::new() }
    }

    fn apply(
        &self,
        state: &Revisions<K, V>,
        operation: &EtcdMapOperation<K, V>,
    ) -> (Revisions<K, V>, EtcdMapReturn<V>) {
        let mut after = state.clone();
        let returned = match operation {
            EtcdMapOperation::Get(key) => EtcdMapReturn::Value(state.map.get(key).cloned()),
            EtcdMapOperation::Put(key, value) => EtcdMapReturn::Changed(Some(after.put(key, value))),
            EtcdMapOperation::Delete(key) => {
                let was_there = after.map.remove(key).is_some();
                after.revision += i64::from(was_there);
                EtcdMapReturn::Changed(was_there.then_some(after.revision))
            }
            EtcdMapOperation::PutIfRevision(key, revision, value) => {
                let last = state.map.get(key).map_or(0, |revised| revised.revision);
                EtcdMapReturn::Changed((last == *revision).then(|| after.put(key, value)))
            }
        };
        (after, returned)
    }

    fn observes(&self, operation: &EtcdMapOperation<K, V>, returned: Option<&EtcdMapReturn<V>>) -> bool {
        matches!(operation, EtcdMapOperation::Get(_)) || returned == Some(&EtcdMapReturn::Changed(None))
    }
}

impl<K: Clone + Ord, V: Clone> Revisions<K, V> {
    fn put(&mut self, key: &K, value: &V) -> i64 {
        self.revision += 1;
        self.map.insert(key.clone(), Revised { value: value.clone(), revision: self.revision });
        self.revision
    }
}
