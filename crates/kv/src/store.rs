//! The store: keys, values, revisions and times to live, as a deterministic state machine.

mod read;
mod write;

use crate::act::{Act, Command, Millis, Query, Reply};
use crate::bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::interface::StateMachine;

/// How many bytes of keys and values go in one piece of a snapshot, but for the last of them.
const PIECE_LENGTH: usize = 256 << 10;
/// How long the answer to a command may be, but for what always fits: it travels between processes, and is kept in a session.
const ANSWER_LENGTH_MAX: usize = 5 << 18;
/// How long the reply to one read may be.
const REPLY_LENGTH_MAX: usize = 16 << 20;

/// Keys and their values. Written down it is its entries alone; the orders that it keeps of them are made again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Store {
    /// How many commands, and passages of time, have changed it.
    revision: u64,
    /// The latest time of a command.
    now: Millis,
    /// How many keys were ever created: the place of the next one in `creation`.
    created: u64,
    entries: BTreeMap<Bytes, Entry>,
    /// The keys in the order of their creation, in which SCAN goes through them.
    creation: BTreeMap<u64, Bytes>,
    /// The keys that expire, the next one first.
    expiry: BTreeSet<(Millis, Bytes)>,
}

/// What the store has of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Its value.
    pub value: Bytes,
    /// The revision at which it was created.
    pub create_revision: u64,
    /// The revision at which its value was last written.
    pub mod_revision: u64,
    /// How often its value was written since it was created, creation included.
    pub version: u64,
    /// When it expires.
    pub expires_at: Option<Millis>,
    /// Its place in the order of creation.
    place: u64,
}

/// A store as it is written down.
#[derive(Serialize, Deserialize)]
struct Saved {
    revision: u64,
    now: Millis,
    created: u64,
    entries: Vec<(Bytes, Entry)>,
}

impl From<Store> for Saved {
    fn from(store: Store) -> Self {
        let Store { revision, now, created, entries, .. } = store;
        Self { revision, now, created, entries: entries.into_iter().collect() }
    }
}

impl From<Saved> for Store {
    fn from(saved: Saved) -> Self {
        let Saved { revision, now, created, entries } = saved;
        let mut store = Self { revision, now, created, ..Self::default() };
        for (key, entry) in entries {
            store.insert(key, entry);
        }
        store
    }
}

impl Store {
    /// How many commands, and passages of time, have changed it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The latest time of a command.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// What it has of a key.
    pub fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// When the next key expires: a command of that time, or a later one, makes it so.
    pub fn next_expiry(&self) -> Option<Millis> {
        self.expiry.first().map(|&(at, _)| at)
    }

    /// Time passes, and takes what has expired with it.
    fn pass(&mut self, at: Millis) {
        self.now = self.now.max(at);
        let mut any = false;
        while self.next_expiry().is_some_and(|due| due <= self.now) {
            let Some((_, key)) = self.expiry.pop_first() else { break };
            self.remove(&key);
            any = true;
        }
        self.revision += u64::from(any);
    }

    /// Puts an entry, in all orders; what was there is gone.
    fn insert(&mut self, key: Bytes, entry: Entry) {
        self.remove(&key);
        self.creation.insert(entry.place, key.clone());
        if let Some(at) = entry.expires_at {
            self.expiry.insert((at, key.clone()));
        }
        self.entries.insert(key, entry);
    }

    /// Removes an entry from all orders.
    fn remove(&mut self, key: &Bytes) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.creation.remove(&entry.place);
        if let Some(at) = entry.expires_at {
            self.expiry.remove(&(at, key.clone()));
        }
        Some(entry)
    }
}

/// A count as a reply.
fn integer(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

impl StateMachine for Store {
    type Command = Command;
    type Query = Query;
    /// A reply for each act, or for each read.
    type Answer = Vec<Reply>;
    /// Each process that hands commands on has one, and a new one whenever it starts.
    const SESSIONS_MAX: usize = 32;

    fn execute(&mut self, command: &Command) -> Vec<Reply> {
        self.pass(command.at);
        let (now, revision) = (self.now, self.revision + 1);
        let (mut changed, mut room) = (false, ANSWER_LENGTH_MAX);
        let replies = command.acts.iter().map(|act| {
            let (reply, changes) = match act {
                Act::Write(write) => self.write(write, revision, room),
                Act::Read(read) => (self.read(read, now, room), false),
            };
            changed |= changes;
            room = room.saturating_sub(reply.length());
            reply
        });
        let replies = replies.collect();
        self.revision += u64::from(changed);
        replies
    }

    fn answer(&self, query: &Query) -> Vec<Reply> {
        if self.next_expiry().is_some_and(|due| due <= query.at) {
            return vec![];
        }
        query.reads.iter().map(|read| self.read(read, query.at, REPLY_LENGTH_MAX)).collect()
    }

    fn pieces(&self) -> Vec<Self> {
        let fresh =
            || Self { revision: self.revision, now: self.now, created: self.created, ..Self::default() };
        let (mut pieces, mut length) = (vec![fresh()], 0);
        for (key, entry) in &self.entries {
            if length >= PIECE_LENGTH {
                pieces.push(fresh());
                length = 0;
            }
            length += key.len() + entry.value.len();
            if let Some(piece) = pieces.last_mut() {
                piece.insert(key.clone(), entry.clone());
            }
        }
        pieces
    }

    fn join(&mut self, piece: Self) {
        (self.revision, self.now, self.created) = (piece.revision, piece.now, piece.created);
        for (key, entry) in piece.entries {
            self.insert(key, entry);
        }
    }
}
