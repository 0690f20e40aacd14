//! What only reads the store.

use super::{Store, integer};
use crate::act::{Millis, Read, Reply, Status};
use crate::bytes::Bytes;
use crate::glob::matches;

impl Store {
    /// Answers a read; what is left of a time to live is counted from `at`, or from the store's own time if that is later.
    pub(super) fn read(&self, read: &Read, at: Millis) -> Reply {
        match read {
            Read::Get(key) => self.get(key),
            Read::GetAll(keys) => Reply::Array(keys.iter().map(|key| self.get(key)).collect()),
            Read::Exists(keys) => {
                integer(keys.iter().filter(|&key| self.entries.contains_key(key)).count() as u64)
            }
            Read::Length(key) => integer(self.entries.get(key).map_or(0, |entry| entry.value.len()) as u64),
            Read::Type(key) if self.entries.contains_key(key) => Reply::Status(Status::String),
            Read::Type(_) => Reply::Status(Status::None),
            Read::Seconds(key) => self.left(key, at, |millis| millis.saturating_add(500) / 1000),
            Read::Milliseconds(key) => self.left(key, at, |millis| millis),
            Read::Keys(pattern) => self.keys(pattern),
            Read::Scan { cursor, pattern, count } => self.scan(*cursor, pattern.as_ref(), *count),
            Read::Count => integer(self.entries.len() as u64),
        }
    }

    fn get(&self, key: &Bytes) -> Reply {
        self.entries.get(key).map_or(Reply::Nil, |entry| Reply::Bulk(entry.value.clone()))
    }

    /// -2 where there is no key, -1 where it does not expire.
    fn left(&self, key: &Bytes, at: Millis, unit: impl Fn(Millis) -> Millis) -> Reply {
        match self.entries.get(key).map(|entry| entry.expires_at) {
            None => Reply::Integer(-2),
            Some(None) => Reply::Integer(-1),
            // 0: it is due, and the log has yet to say so
            Some(Some(end)) => integer(unit(end.saturating_sub(at.max(self.now)))),
        }
    }

    fn keys(&self, pattern: &Bytes) -> Reply {
        let found = self.entries.keys().filter(|key| matches(pattern, key));
        Reply::Array(found.cloned().map(Reply::Bulk).collect())
    }

    /// The next keys in the order of their creation: one that is there from the first call to the last is told exactly once.
    fn scan(&self, cursor: u64, pattern: Option<&Bytes>, count: u64) -> Reply {
        let mut rest = self.creation.range(cursor..);
        let looked_at = rest.by_ref().take(count as usize);
        let found = looked_at.map(|(_, key)| key).filter(|key| pattern.is_none_or(|p| matches(p, key)));
        let found = found.cloned().map(Reply::Bulk).collect();
        let next = rest.next().map_or(0, |(&place, _)| place);
        Reply::Array(vec![Reply::Bulk(next.to_string().into_bytes().into()), Reply::Array(found)])
    }
}
