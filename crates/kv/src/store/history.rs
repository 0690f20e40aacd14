//! What changed, for as long as it is remembered: what past revisions and watches are read from.
//!
//! The oldest is forgotten by itself, by whole revisions, so that what is kept has a bound: a small one, until the API of etcd has
//! written something. How much is kept follows from the log alone, and is the same on all replicas.

use crate::etcd::ask::{Changes, event_length};
use crate::etcd::message::{Event, KeyValue};
use crate::{bytes::Bytes, store::signed};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// About how many bytes of changes are kept where only RESP is spoken.
const LENGTH_BRIEF: usize = 1 << 20;
/// And where the API of etcd writes.
const LENGTH_MAX: usize = 16 << 20;
/// What a change takes beside its keys and values.
const HEAD: usize = 160;

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(super) struct History {
    events: VecDeque<Event>,
    /// About how long they are.
    #[serde(skip_serializing)]
    length: usize,
    /// What was before this revision is forgotten.
    compacted: i64,
    /// The API of etcd has written something.
    is_long: bool,
}

#[derive(Deserialize)]
struct Saved {
    events: VecDeque<Event>,
    compacted: i64,
    is_long: bool,
}

impl From<Saved> for History {
    fn from(Saved { events, compacted, is_long }: Saved) -> Self {
        let length = events.iter().map(length).sum();
        Self { events, length, compacted, is_long }
    }
}

fn length(event: &Event) -> usize {
    HEAD + event_length(event)
}

/// When it happened.
fn revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

impl History {
    /// From which revision on it is remembered.
    pub(super) fn compacted(&self) -> i64 {
        self.compacted
    }

    /// About how many bytes it has.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn keep_long(&mut self) {
        self.is_long = true;
    }

    pub(super) fn add(&mut self, event: Event) {
        self.length += length(&event);
        self.events.push_back(event);
    }

    /// Forgets what was before a revision.
    pub(super) fn compact(&mut self, before: i64) {
        self.compacted = self.compacted.max(before);
        while self.events.front().is_some_and(|event| revision(event) < before) {
            self.length -= self.events.pop_front().as_ref().map_or(0, length);
        }
    }

    /// Forgets the oldest, if there is too much; never the latest revision.
    pub(super) fn trim(&mut self, latest: u64) {
        let most = if self.is_long { LENGTH_MAX } else { LENGTH_BRIEF };
        while self.length > most
            && let Some(oldest) = self.events.front().map(revision)
            && oldest < signed(latest)
        {
            self.compact(oldest + 1);
        }
    }

    /// What changed from a revision on: whole revisions, until there are so many bytes of them.
    pub(super) fn from(&self, from: i64, room: usize, latest: i64) -> Changes {
        let compacted = self.compacted;
        let begin = self.events.partition_point(|event| revision(event) < from);
        let (mut events, mut length, mut last) = (vec![], 0, None);
        for event in self.events.range(begin..) {
            if length >= room && last != Some(revision(event)) {
                return Changes { events, next: revision(event), compacted };
            }
            length += event_length(event);
            last = Some(revision(event));
            events.push(event.clone());
        }
        Changes { events, next: from.max(latest + 1), compacted }
    }

    /// What was of the keys that changed after a revision.
    pub(super) fn before(&self, after: i64) -> BTreeMap<&Bytes, Option<&KeyValue>> {
        let begin = self.events.partition_point(|event| revision(event) <= after);
        let mut then = BTreeMap::new();
        for event in self.events.range(begin..) {
            if let Some(kv) = &event.kv {
                then.entry(&kv.key).or_insert(event.prev_kv.as_ref());
            }
        }
        then
    }

    /// It in pieces of about that length.
    pub(super) fn pieces(&self, most: usize) -> Vec<Self> {
        let fresh = || Self { compacted: self.compacted, is_long: self.is_long, ..Self::default() };
        let mut pieces = vec![fresh()];
        for event in &self.events {
            if pieces.last().is_some_and(|piece| piece.length >= most) {
                pieces.push(fresh());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.add(event.clone());
            }
        }
        pieces
    }

    pub(super) fn join(&mut self, piece: Self) {
        self.compacted = self.compacted.max(piece.compacted);
        self.is_long |= piece.is_long;
        self.length += piece.length;
        self.events.extend(piece.events);
    }
}
