//! What changes the store. Each act tells its reply, and whether anything changed by it.

use super::{Entry, Store, integer};
use crate::VALUE_LENGTH_MAX;
use crate::act::{Failure, Lifetime, Millis, Only, Reply, Set, Status, Write};
use crate::bytes::Bytes;
use crate::number::decimal;

const OK: Reply = Reply::Status(Status::Ok);

impl Store {
    /// Makes a write whose reply has so many bytes at most.
    pub(super) fn write(&mut self, write: &Write, revision: u64, room: usize) -> (Reply, bool) {
        match write {
            Write::Set(set) => self.set(set, revision, room),
            Write::Delete(keys) => self.delete(keys),
            Write::Increment { key, by } => self.increment(key, *by, revision),
            Write::Append { key, tail } => self.append(key, tail, revision),
            Write::Expire { key, after } => self.expire(key, *after),
            Write::Persist(key) => {
                // that it lives on is no new value: no revision
                (Reply::Integer(self.persist(key).into()), false)
            }
            Write::SetAll(pairs) => {
                for (key, value) in pairs {
                    self.put(key, value.clone(), None, revision);
                }
                (OK, !pairs.is_empty())
            }
            Write::Clear => self.clear(),
        }
    }

    /// Writes a value: a key that was there keeps its creation.
    fn put(&mut self, key: &Bytes, value: Bytes, expires_at: Option<Millis>, revision: u64) {
        let (create_revision, version, place) = if let Some(old) = self.entries.get(key) {
            (old.create_revision, old.version + 1, old.place)
        } else {
            // from 1 on: to SCAN, 0 is the beginning and the end
            self.created += 1;
            (revision, 1, self.created)
        };
        let entry = Entry { value, create_revision, mod_revision: revision, version, expires_at, place };
        self.insert(key.clone(), entry);
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
            let expires_at = match set.lifetime {
                Lifetime::Unbounded => None,
                Lifetime::Kept => old.and_then(|entry| entry.expires_at),
                Lifetime::Millis(after) => Some(self.now.saturating_add(after)),
            };
            self.put(&set.key, set.value.clone(), expires_at, revision);
        }
        (reply, sets)
    }

    fn delete(&mut self, keys: &[Bytes]) -> (Reply, bool) {
        let gone = keys.iter().filter_map(|key| self.remove(key)).count();
        (integer(gone as u64), gone > 0)
    }

    fn increment(&mut self, key: &Bytes, by: i64, revision: u64) -> (Reply, bool) {
        let old = self.entries.get(key);
        let expires_at = old.and_then(|entry| entry.expires_at);
        let Some(number) = old.map_or(Some(0), |entry| decimal(&entry.value)) else {
            return (Reply::Failed(Failure::NotAnInteger), false);
        };
        let Some(sum) = number.checked_add(by) else {
            return (Reply::Failed(Failure::Overflow), false);
        };
        self.put(key, sum.to_string().into_bytes().into(), expires_at, revision);
        (Reply::Integer(sum), true)
    }

    fn append(&mut self, key: &Bytes, tail: &Bytes, revision: u64) -> (Reply, bool) {
        let old = self.entries.get(key);
        let expires_at = old.and_then(|entry| entry.expires_at);
        let head: &[u8] = old.map_or(&[], |entry| &entry.value);
        let length = head.len() + tail.len();
        if length > VALUE_LENGTH_MAX {
            return (Reply::Failed(Failure::TooLong), false);
        }
        let whole = [head, tail].concat();
        self.put(key, whole.into(), expires_at, revision);
        (integer(length as u64), true)
    }

    fn expire(&mut self, key: &Bytes, after: i64) -> (Reply, bool) {
        if !self.entries.contains_key(key) {
            return (Reply::Integer(0), false);
        }
        let gone = after <= 0;
        if gone {
            self.remove(key);
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

    fn clear(&mut self) -> (Reply, bool) {
        let any = !self.entries.is_empty();
        self.entries.clear();
        self.creation.clear();
        self.expiry.clear();
        (OK, any)
    }
}
