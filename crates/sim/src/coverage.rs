//! What of an algorithm's behaviour a run came to, in features: numbers that are the same wherever the same is done.
//!
//! Three kinds of them. What a handler does: the kind of its event with the kinds of its effects. The shape of what happened
//! before it: that, with the last events at its process, and with the event that sent its message and the one before
//! that. And abstract states: what the processes did last, whichever of them, with who is up. Values count nowhere, kinds
//! alone: the variants of the algorithm's own enums.
//!
//! A message is taken for the oldest one under way on its link. Where links reorder, a cause may so be that of another message
//! of the same two processes: that makes features coarser, the same in every run of a seed.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

/// How many of the last events of a process are part of a shape.
const LAST: usize = 3;

/// What a run came to, in short.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// How many features.
    pub features: u64,
    /// A digest of which: two runs with the same have the same features.
    pub digest: String,
    /// Which, in ascending order.
    #[serde(skip)]
    pub which: Vec<u32>,
}

impl fmt::Debug for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} features ({})", self.features, self.digest)
    }
}

/// FNV-1a, with a last mix: small, and the same in every build.
pub(crate) struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut fnv = Fnv::new();
    value.hash(&mut fnv);
    fnv.finish()
}

/// Which variant of its type a value is.
#[inline]
pub(crate) fn kind<T>(value: &T) -> u64 {
    hash(&discriminant(value))
}

/// What a process did last, the newest first.
type Past = [u64; LAST];

/// What a run comes to, while it runs.
#[derive(Debug)]
pub(crate) struct Coverage {
    /// By seat.
    pasts: Vec<Past>,
    /// By seat: the kind of its last event, without its effects.
    phases: Vec<u64>,
    /// By sender and receiver: what sent the messages under way, and what its process did before.
    causes: Vec<VecDeque<[u64; 2]>>,
    /// The event that is being handled, with its effects so far.
    event: u64,
    cause: [u64; 2],
    features: BTreeSet<u32>,
}

impl Coverage {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            pasts: vec![Past::default(); seats],
            phases: vec![0; seats],
            causes: vec![VecDeque::new(); seats * seats],
            event: 0,
            cause: [0; 2],
            features: BTreeSet::new(),
        }
    }

    fn link(&self, from: usize, to: usize) -> usize {
        from * self.pasts.len() + to
    }

    /// An event of this kind begins at a seat.
    pub(crate) fn event(&mut self, seat: usize, kind: u64) {
        self.event = kind;
        self.cause = [0; 2];
        self.phases[seat] = kind;
    }

    /// A message left its link; it is what the event is about, or was lost.
    pub(crate) fn arrived(&mut self, from: usize, to: usize) {
        let link = self.link(from, to);
        self.cause = self.causes[link].pop_front().unwrap_or_default();
    }

    /// The handler has an effect of this kind.
    #[inline]
    pub(crate) fn effect(&mut self, kind: u64) {
        self.event = hash(&(self.event, kind));
    }

    /// The handler sends.
    pub(crate) fn sent(&mut self, from: usize, to: usize, kind: u64) {
        self.effect(kind);
        let link = self.link(from, to);
        self.causes[link].push_back([self.event, self.pasts[from][0]]);
    }

    /// The event at this seat is over; `statuses` has that of each seat.
    pub(crate) fn end(&mut self, seat: usize, statuses: impl Iterator<Item = u64>) {
        let past = &mut self.pasts[seat];
        past.rotate_right(1);
        past[0] = self.event;
        let mut states: Vec<_> = statuses.zip(&self.phases).collect();
        states.sort_unstable();
        let features = [hash(&(1, self.event)), hash(&(2, *past, self.cause)), hash(&(3, states))];
        self.features.extend(features.map(|feature| feature as u32));
    }

    pub(crate) fn covered(&self) -> Covered {
        let which: Vec<u32> = self.features.iter().copied().collect();
        Covered { features: which.len() as u64, digest: format!("{:016x}", hash(&which)), which }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p0 sends to p1, `before` having happened there.
    fn features(before: &[u64], sent: u64, status: u64) -> Vec<u32> {
        let mut coverage = Coverage::new(2);
        for &kind in before {
            coverage.event(1, kind);
            coverage.end(1, [status; 2].into_iter());
        }
        coverage.event(0, 7);
        coverage.sent(0, 1, sent);
        coverage.end(0, [status; 2].into_iter());
        coverage.event(1, 8);
        coverage.arrived(0, 1);
        coverage.end(1, [status; 2].into_iter());
        coverage.covered().which
    }

    #[test]
    fn features_tell_apart_effects_pasts_causes_and_statuses() {
        let all = [
            features(&[], 1, 0),
            features(&[], 2, 0),
            features(&[5], 1, 0),
            features(&[6], 1, 0),
            features(&[5, 6], 1, 0),
            features(&[6, 5], 1, 0),
            features(&[], 1, 3),
        ];
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(features(&[5], 1, 0), features(&[5], 1, 0));
    }

    #[test]
    fn kinds_are_variants() {
        assert_eq!(kind(&Some(1)), kind(&Some(2)));
        assert_ne!(kind(&Some(1)), kind(&None::<i32>));
    }
}
