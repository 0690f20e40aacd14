//! Values as small integers.

use crate::fingerprint::{Print, print_of};
use crate::space::Exact;
use hashbrown::HashTable;
use std::hash::Hash;

/// A table of distinct values; each has the number of its first appearance, and its fingerprint.
pub(crate) struct Interner<T> {
    values: Vec<T>,
    prints: Vec<Print>,
    table: HashTable<u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), prints: Vec::new(), table: HashTable::new() }
    }
}

impl<T: Hash + Eq> Interner<T> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The number of `value`, and whether it is new.
    pub(crate) fn intern(&mut self, value: T) -> (u32, bool) {
        let print = print_of(&value);
        let same = |&id: &u32| self.prints[id as usize] == print && self.values[id as usize] == value;
        if let Some(&id) = self.table.find(print as u64, same) {
            return (id, false);
        }
        let id = u32::try_from(self.values.len()).expect("fewer than 2^32 distinct values");
        self.values.push(value);
        self.prints.push(print);
        self.table.insert_unique(print as u64, id, |&id| self.prints[id as usize] as u64);
        (id, true)
    }
}

impl<T> Interner<T> {
    #[inline]
    pub(crate) fn get(&self, id: u32) -> &T {
        &self.values[id as usize]
    }

    #[inline]
    pub(crate) fn print(&self, id: u32) -> Print {
        self.prints[id as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes in use, without what the values own beyond themselves.
    pub(crate) fn memory(&self) -> u64 {
        (self.values.capacity() * size_of::<T>() + self.prints.capacity() * 16 + self.table.capacity() * 5)
            as u64
    }
}

/// States that are kept as they are.
pub(crate) struct Kept<T>(Interner<T>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Interner::default())
    }
}

impl<T: Eq + Clone + Send + Sync> Exact<T> for Kept<T> {
    fn insert(&mut self, print: Print, state: &T) -> (u32, bool) {
        let Interner { values, prints, table } = &mut self.0;
        let same = |&id: &u32| prints[id as usize] == print && values[id as usize] == *state;
        if let Some(&id) = table.find(print as u64, same) {
            return (id, false);
        }
        let id = u32::try_from(values.len()).expect("fewer than 2^32 states");
        values.push(state.clone());
        prints.push(print);
        table.insert_unique(print as u64, id, |&id| prints[id as usize] as u64);
        (id, true)
    }

    fn with<R>(&self, number: u32, see: impl FnOnce(&T) -> R) -> R {
        see(self.0.get(number))
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn memory(&self) -> u64 {
        self.0.memory()
    }
}

/// Slices of words that are folded, pair by pair, into a tree whose inner nodes are shared: two states that differ in one
/// word share all of the tree but a branch (collapse; Laarman, van de Pol, Weber 2011). Equal slices have equal roots, so
/// comparing is exact.
#[derive(Default)]
pub(crate) struct Tree {
    /// By number: the root of the state, and the length of its slice.
    nodes: Vec<(u32, u32)>,
    /// The number of an inner node, by its children.
    table: HashTable<u32>,
    /// By number of the state: its root.
    roots: Vec<(u32, u32)>,
    states: HashTable<u32>,
}

impl Tree {
    /// The number of the node with these children, which is made if need be.
    fn node(&mut self, left: u32, right: u32) -> u32 {
        let hash = |(l, r): (u32, u32)| crate::fingerprint::scatter(u64::from(l) << 32 | u64::from(r));
        let nodes = &mut self.nodes;
        if let Some(&id) = self.table.find(hash((left, right)), |&id| nodes[id as usize] == (left, right)) {
            return id;
        }
        let id = u32::try_from(nodes.len()).expect("fewer than 2^32 nodes");
        nodes.push((left, right));
        self.table.insert_unique(hash((left, right)), id, |&id| hash(nodes[id as usize]));
        id
    }

    /// Folds a slice of at least one word.
    fn fold(&mut self, words: &[u32]) -> u32 {
        match words {
            [word] => *word,
            [left, right] => self.node(*left, *right),
            _ => {
                let half = words.len().next_power_of_two() / 2;
                let (left, right) = (self.fold(&words[..half]), self.fold(&words[half..]));
                self.node(left, right)
            }
        }
    }

    fn unfold(&self, root: u32, len: usize, words: &mut Vec<u32>) {
        if len == 1 {
            return words.push(root);
        }
        let (left, right) = self.nodes[root as usize];
        let half = len.next_power_of_two() / 2;
        self.unfold(left, half, words);
        self.unfold(right, len - half, words);
    }
}

impl Exact<[u32]> for Tree {
    fn insert(&mut self, _: Print, state: &[u32]) -> (u32, bool) {
        let root = (self.fold(state), state.len() as u32);
        let hash = |(r, l): (u32, u32)| crate::fingerprint::scatter(u64::from(r) << 32 | u64::from(l));
        let roots = &mut self.roots;
        if let Some(&id) = self.states.find(hash(root), |&id| roots[id as usize] == root) {
            return (id, false);
        }
        let id = u32::try_from(roots.len()).expect("fewer than 2^32 states");
        roots.push(root);
        self.states.insert_unique(hash(root), id, |&id| hash(roots[id as usize]));
        (id, true)
    }

    fn with<R>(&self, number: u32, see: impl FnOnce(&[u32]) -> R) -> R {
        let (root, len) = self.roots[number as usize];
        let mut words = Vec::with_capacity(len as usize);
        self.unfold(root, len as usize, &mut words);
        see(&words)
    }

    fn len(&self) -> usize {
        self.roots.len()
    }

    fn memory(&self) -> u64 {
        let tables = (self.table.capacity() + self.states.capacity()) * 5;
        (tables + (self.nodes.capacity() + self.roots.capacity()) * 8) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_slices_share_a_number_and_different_ones_do_not_and_all_come_back() {
        let mut tree = Tree::default();
        for round in 0..2 {
            for a in 0..300 {
                for length in 1..14 {
                    let slice: Vec<u32> = (0..length).map(|i| a * 7 + i * 100_000).collect();
                    let (id, new) = tree.insert(0, &slice);
                    assert_eq!(new, round == 0, "{slice:?}");
                    tree.with(id, |words| assert_eq!(words, slice));
                }
            }
        }
        assert_eq!(tree.len(), 300 * 13);
        // the same words under another length are another slice
        let zeros: Vec<u32> = (1..9).map(|n| tree.insert(0, &vec![0; n]).0).collect();
        assert!(zeros.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
