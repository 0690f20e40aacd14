//! What only reads the store.

use super::{Store, integer};
use crate::act::{Failure, Millis, Read, Reply, Status};
use crate::bytes::Bytes;
use crate::glob::matches;

const TOO_LONG: Reply = Reply::Failed(Failure::AnswerTooLong);

impl Store {
    /// Answers a read, in so many bytes at most; what is left of a time to live is counted from `at`, or from the store's own time if
    /// that is later.
    pub(super) fn read(&self, read: &Read, at: Millis, room: usize) -> Reply {
        match read {
            Read::Get(key) => Some(self.get(key)).filter(|reply| reply.length() <= room).unwrap_or(TOO_LONG),
            Read::GetAll(keys) => array(keys.iter().map(|key| self.get(key)), room),
            Read::Exists(keys) => {
                integer(keys.iter().filter(|&key| self.entries.contains_key(key)).count() as u64)
            }
            Read::Length(key) => integer(self.entries.get(key).map_or(0, |entry| entry.value.len()) as u64),
            Read::Type(key) if self.entries.contains_key(key) => Reply::Status(Status::String),
            Read::Type(_) => Reply::Status(Status::None),
            Read::Seconds(key) => self.left(key, at, |millis| millis.saturating_add(500) / 1000),
            Read::Milliseconds(key) => self.left(key, at, |millis| millis),
            Read::Keys(pattern) => array(self.keys(pattern), room),
            Read::Scan { cursor, pattern, count } => self.scan(*cursor, pattern.as_ref(), *count, room),
            Read::Etcd(look) => self.look(look, at, room),
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
            Some(Some(end)) => integer(unit(end.saturating_sub(at.max(self.now)))),
        }
    }

    fn keys(&self, pattern: &Bytes) -> impl Iterator<Item = Reply> {
        self.entries.keys().filter(|key| matches(pattern, key)).cloned().map(Reply::Bulk)
    }

    /// The next keys in the order of their creation: one that is there from the first call to the last is told exactly once.
    fn scan(&self, cursor: u64, pattern: Option<&Bytes>, count: u64, room: usize) -> Reply {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut rest = self.creation.range(cursor..);
        let looked_at = rest.by_ref().take(count);
        let found = looked_at.map(|(_, key)| key).filter(|key| pattern.is_none_or(|p| matches(p, key)));
        let found = array(found.cloned().map(Reply::Bulk), room);
        if matches!(found, Reply::Failed(_)) {
            return found;
        }
        let next = rest.next().map_or(0, |(&place, _)| place);
        Reply::Array(vec![Reply::Bulk(next.to_string().into_bytes().into()), found])
    }
}

/// All of them, if they are no longer than there is room. What is beyond is not looked for.
fn fitting(replies: impl Iterator<Item = Reply>, mut room: usize) -> Option<Vec<Reply>> {
    let mut fits = |reply: &Reply| {
        let left = room.checked_sub(reply.length())?;
        room = left;
        Some(())
    };
    replies.map(|reply| fits(&reply).map(|()| reply)).collect()
}

fn array(replies: impl Iterator<Item = Reply>, room: usize) -> Reply {
    fitting(replies, room).map_or(TOO_LONG, Reply::Array)
}
