//! The store: keys, values, revisions and times to live, as a deterministic state machine.

mod etcd;
mod history;
mod lease;
mod range;
mod read;
mod write;

use crate::act::{Act, Command, Millis, Query, Reply};
use crate::bytes::Bytes;
use crate::etcd::message::{Event, KeyValue};
use history::History;
use lease::Leases;
pub(crate) use range::Span;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::interface::StateMachine;

/// How many bytes of keys and values go in one piece of a snapshot, but for the last of them.
const PIECE_LENGTH: usize = 256 << 10;
/// How long the answer to a command may be, but for what always fits: it travels between processes, and is kept in a session.
const ANSWER_LENGTH_MAX: usize = 5 << 18;
/// How long the reply to one read may be.
const REPLY_LENGTH_MAX: usize = 16 << 20;
/// The kinds of events.
const PUT: i64 = 0;
const DELETED: i64 = 1;

/// Keys and their values. Written down it is its entries, its leases and its history; the orders that it keeps of them are made again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct Store {
    /// How many acts, and ends of times, have changed it; and one, as etcd has it.
    revision: u64,
    /// The latest time of a command.
    now: Millis,
    /// How many keys were ever created: the place of the next one in `creation`.
    created: u64,
    #[serde(serialize_with = "in_pairs")]
    entries: BTreeMap<Bytes, Entry>,
    /// The keys in the order of their creation, in which SCAN goes through them.
    #[serde(skip_serializing)]
    creation: BTreeMap<u64, Bytes>,
    /// The keys that expire, the next one first.
    #[serde(skip_serializing)]
    expiry: BTreeSet<(Millis, Bytes)>,
    leases: Leases,
    history: History,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            revision: 1,
            now: 0,
            created: 0,
            entries: BTreeMap::new(),
            creation: BTreeMap::new(),
            expiry: BTreeSet::new(),
            leases: Leases::default(),
            history: History::default(),
        }
    }
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
    /// The lease with which it ends; 0 is none.
    pub lease: i64,
    /// Its place in the order of creation.
    place: u64,
}

/// Where keys of maps are texts, too, keys are written that are none.
fn in_pairs<S: Serializer>(entries: &BTreeMap<Bytes, Entry>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(entries)
}

/// A store as it is read.
#[derive(Deserialize)]
struct Saved {
    revision: u64,
    now: Millis,
    created: u64,
    entries: Vec<(Bytes, Entry)>,
    leases: Leases,
    history: History,
}

impl From<Saved> for Store {
    fn from(saved: Saved) -> Self {
        let Saved { revision, now, created, entries, leases, history } = saved;
        let mut store = Self { revision, now, created, leases, history, ..Self::default() };
        for (key, entry) in entries {
            store.insert(key, entry);
        }
        store
    }
}

impl Store {
    /// How many acts, and ends of times, have changed it; and one, as etcd has it.
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

    /// When the next key or lease expires: a command of that time, or a later one, makes it so.
    pub fn next_expiry(&self) -> Option<Millis> {
        let key = self.expiry.first().map(|&(at, _)| at);
        key.into_iter().chain(self.leases.next_end()).min()
    }

    /// When the next lease ends.
    pub fn next_lease_end(&self) -> Option<Millis> {
        self.leases.next_end()
    }

    /// Time passes, and takes what has expired with it: the keys in one revision, those of each lease in one of its own.
    fn pass(&mut self, at: Millis) {
        self.now = self.now.max(at);
        let mut any = false;
        while let Some((_, key)) = self.expiry.first().filter(|&&(due, _)| due <= self.now).cloned() {
            any |= self.take(&key, self.revision + 1).is_some();
        }
        self.revision += u64::from(any);
        while let Some(id) = self.leases.ended_at(self.now) {
            let any = self.end_lease(id, self.revision + 1);
            self.revision += u64::from(any);
        }
    }

    /// An entry is gone, and the history has it.
    fn take(&mut self, key: &Bytes, revision: u64) -> Option<Entry> {
        let entry = self.remove(key)?;
        let gone = KeyValue { key: key.clone(), mod_revision: signed(revision), ..KeyValue::default() };
        self.history.add(Event { kind: DELETED, kv: Some(gone), prev_kv: Some(entry.told(key)) });
        Some(entry)
    }

    /// An entry is written, and the history has it.
    fn write_entry(&mut self, key: &Bytes, entry: Entry) {
        let kv = Some(entry.told(key));
        let prev_kv = self.remove(key).map(|old| old.told(key));
        self.insert(key.clone(), entry);
        self.history.add(Event { kind: PUT, kv, prev_kv });
    }

    /// Puts an entry, in all orders; what was there is gone.
    fn insert(&mut self, key: Bytes, entry: Entry) {
        self.remove(&key);
        self.creation.insert(entry.place, key.clone());
        self.leases.attach(entry.lease, &key);
        if let Some(at) = entry.expires_at {
            self.expiry.insert((at, key.clone()));
        }
        self.entries.insert(key, entry);
    }

    /// Removes an entry from all orders.
    fn remove(&mut self, key: &Bytes) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.creation.remove(&entry.place);
        self.leases.detach(entry.lease, key);
        if let Some(at) = entry.expires_at {
            self.expiry.remove(&(at, key.clone()));
        }
        Some(entry)
    }
}

impl Entry {
    /// As the API of etcd tells it.
    fn told(&self, key: &Bytes) -> KeyValue {
        KeyValue {
            key: key.clone(),
            create_revision: signed(self.create_revision),
            mod_revision: signed(self.mod_revision),
            version: signed(self.version),
            value: self.value.clone(),
            lease: self.lease,
        }
    }
}

/// A revision or a count, as the API of etcd has them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count as a reply.
fn integer(number: u64) -> Reply {
    Reply::Integer(signed(number))
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
        let mut room = ANSWER_LENGTH_MAX;
        let replies = command.acts.iter().map(|act| {
            // each act is a revision of its own: those of one command may be of many clients, who compare revisions
            let (reply, changes) = match act {
                Act::Write(write) => self.write(write, self.revision + 1, room),
                Act::Read(read) => (self.read(read, self.now, room), false),
            };
            self.revision += u64::from(changes);
            room = room.saturating_sub(reply.length());
            reply
        });
        let replies = replies.collect();
        self.history.trim(self.revision);
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
        let mut first = fresh();
        first.leases = self.leases.without_keys();
        let mut histories = self.history.pieces(PIECE_LENGTH).into_iter();
        first.history = histories.next().unwrap_or_default();
        let mut length = first.history.length();
        let mut pieces = vec![first];
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
        pieces.extend(histories.map(|history| Self { history, ..fresh() }));
        pieces
    }

    fn join(&mut self, piece: Self) {
        (self.revision, self.now, self.created) = (piece.revision, piece.now, piece.created);
        self.leases.join(piece.leases);
        self.history.join(piece.history);
        for (key, entry) in piece.entries {
            self.insert(key, entry);
        }
    }
}
