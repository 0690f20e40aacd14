//! What changes the store. Each act tells its reply, and whether anything changed by it.

use super::{Entry, Store, integer};
use crate::VALUE_LENGTH_MAX;
use crate::act::{Failure, Lifetime, Millis, Only, Reply, Set, Status, Write};
use crate::bytes::Bytes;
use crate::number::decimal;

const OK: Reply = Reply::Status(Status::Ok);

/// What ends an entry by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    pub(super) expires_at: Option<Millis>,
    pub(super) lease: i64,
}

impl Bound {
    /// As it is.
    pub(super) fn of(entry: Option<&Entry>) -> Self {
        entry.map(|entry| Self { expires_at: entry.expires_at, lease: entry.lease }).unwrap_or_default()
    }
}

impl Store {
    /// Makes a write whose reply has so many bytes at most.
    pub(super) fn write(&mut self, write: &Write, revision: u64, room: usize) -> (Reply, bool) {
        match write {
            Write::Set(set) => self.set(set, revision, room),
            Write::Delete(keys) => self.delete(keys, revision),
            Write::Increment { key, by } => self.increment(key, *by, revision),
            Write::Append { key, tail } => self.append(key, tail, revision),
            Write::Expire { key, after } => self.expire(key, *after, revision),
            Write::Persist(key) => {
                // that it lives on is no new value: no revision
                (Reply::Integer(self.persist(key).into()), false)
            }
            Write::SetAll(pairs) => {
                for (key, value) in pairs {
                    self.put(key, value.clone(), Bound::default(), revision);
                }
                (OK, !pairs.is_empty())
            }
            Write::Clear => self.clear(revision),
            Write::Etcd(change) => self.change(change, revision, room),
        }
    }

    /// Writes a value: a key that was there keeps its creation.
    pub(super) fn put(&mut self, key: &Bytes, value: Bytes, bound: Bound, revision: u64) {
        let (create_revision, version, place) = if let Some(old) = self.entries.get(key) {
            (old.create_revision, old.version + 1, old.place)
        } else {
            // from 1 on: to SCAN, 0 is the beginning and the end
            self.created += 1;
            (revision, 1, self.created)
        };
        let Bound { expires_at, lease } = bound;
        let entry =
            Entry { value, create_revision, mod_revision: revision, version, expires_at, lease, place };
        self.write_entry(key, entry);
    }

    fn set(&mut self, set: &Set, revision: u64, room: usize) -> (Reply, bool) {
        let old = self.entries.get(&set.key);
        let sets = match set.only {
            Only::Always => true,
            Only::IfAbsent => old.is_none(),
            Only::IfPresent => old.is_some(),
        };
        let reply = match old {
            Some(entry) if set.tell_old => Reply::Bulk(entry.value.clone()),
            None if set.tell_old => Reply::Nil,
            _ if sets => OK,
            _ => Reply::Nil,
        };
        if set.tell_old && reply.length() > room {
            return (Reply::Failed(Failure::AnswerTooLong), false);
        }
        if sets {
            let bound = match set.lifetime {
                Lifetime::Unbounded => Bound::default(),
                Lifetime::Kept => Bound::of(old),
                Lifetime::Millis(after) => {
                    Bound { expires_at: Some(self.now.saturating_add(after)), lease: 0 }
                }
            };
            self.put(&set.key, set.value.clone(), bound, revision);
        }
        (reply, sets)
    }

    fn delete(&mut self, keys: &[Bytes], revision: u64) -> (Reply, bool) {
        let gone = keys.iter().filter_map(|key| self.take(key, revision)).count();
        (integer(gone as u64), gone > 0)
    }

    fn increment(&mut self, key: &Bytes, by: i64, revision: u64) -> (Reply, bool) {
        let old = self.entries.get(key);
        let bound = Bound::of(old);
        let Some(number) = old.map_or(Some(0), |entry| decimal(&entry.value)) else {
            return (Reply::Failed(Failure::NotAnInteger), false);
        };
        let Some(sum) = number.checked_add(by) else {
            return (Reply::Failed(Failure::Overflow), false);
        };
        self.put(key, sum.to_string().into_bytes().into(), bound, revision);
        (Reply::Integer(sum), true)
    }

    fn append(&mut self, key: &Bytes, tail: &Bytes, revision: u64) -> (Reply, bool) {
        let old = self.entries.get(key);
        let bound = Bound::of(old);
        let head: &[u8] = old.map_or(&[], |entry| &entry.value);
        let length = head.len() + tail.len();
        if length > VALUE_LENGTH_MAX {
            return (Reply::Failed(Failure::TooLong), false);
        }
        let whole = [head, tail].concat();
        self.put(key, whole.into(), bound, revision);
        (integer(length as u64), true)
    }

    fn expire(&mut self, key: &Bytes, after: i64, revision: u64) -> (Reply, bool) {
        if !self.entries.contains_key(key) {
            return (Reply::Integer(0), false);
        }
        let gone = after <= 0;
        if gone {
            self.take(key, revision);
        } else {
            self.live_until(key, Some(self.now.saturating_add_signed(after)));
        }
        (Reply::Integer(1), gone)
    }

    fn persist(&mut self, key: &Bytes) -> bool {
        let bounded = self.entries.get(key).is_some_and(|entry| entry.expires_at.is_some());
        if bounded {
            self.live_until(key, None);
        }
        bounded
    }

    /// Changes when an entry expires, and nothing else of it.
    fn live_until(&mut self, key: &Bytes, expires_at: Option<Millis>) {
        if let Some(entry) = self.remove(key) {
            self.insert(key.clone(), Entry { expires_at, ..entry });
        }
    }

    fn clear(&mut self, revision: u64) -> (Reply, bool) {
        let keys: Vec<_> = self.entries.keys().cloned().collect();
        let (_, any) = self.delete(&keys, revision);
        (OK, any)
    }
}
