//! Keys and values of a range, as of now or of a past revision.

use super::{Store, signed};
use crate::bytes::Bytes;
use crate::etcd::ask::kv_length;
use crate::etcd::error::Error;
use crate::etcd::message::{KeyValue, RangeRequest, RangeResponse};
use std::ops::Bound;

/// What a range is sorted by.
mod target {
    pub(super) const KEY: i64 = 0;
    pub(super) const VERSION: i64 = 1;
    pub(super) const CREATE: i64 = 2;
    pub(super) const MOD: i64 = 3;
}
const DESCEND: i64 = 2;

/// The keys of a range: one, those before an end, or, if that is a zero, all from the first on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    key: &'a Bytes,
    range_end: &'a Bytes,
}

impl<'a> Span<'a> {
    pub(crate) fn new(key: &'a Bytes, range_end: &'a Bytes) -> Self {
        Self { key, range_end }
    }

    pub(crate) fn has(&self, key: &Bytes) -> bool {
        match &**self.range_end {
            [] => key == self.key,
            [0] => key >= self.key,
            _ => key >= self.key && key < self.range_end,
        }
    }

    /// As the bounds of a tree's range, unless it is empty.
    fn bounds(&self) -> Option<(Bound<&'a Bytes>, Bound<&'a Bytes>)> {
        let (first, end) = (Bound::Included(self.key), self.range_end);
        match &**end {
            [] => Some((first, first)),
            [0] => Some((first, Bound::Unbounded)),
            _ => (self.key < end).then_some((first, Bound::Excluded(end))),
        }
    }
}

impl Store {
    /// Those that are there now, in the order of their keys.
    pub(super) fn span(&self, span: Span<'_>) -> impl Iterator<Item = KeyValue> {
        let found = span.bounds().map(|bounds| self.entries.range::<Bytes, _>(bounds));
        found.into_iter().flatten().map(|(key, entry)| entry.told(key))
    }

    /// Those that were there then.
    fn span_at(&self, span: Span<'_>, revision: i64) -> Vec<KeyValue> {
        let then = self.history.before(revision);
        let unchanged = self.span(span).filter(|kv| !then.contains_key(&kv.key));
        let changed = then.iter().filter(|(key, _)| span.has(key)).filter_map(|(_, kv)| kv.cloned());
        let mut all: Vec<_> = unchanged.chain(changed).collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    /// Whether what was then is known.
    pub(super) fn knows(&self, revision: i64) -> Result<(), Error> {
        if revision > signed(self.revision) {
            return Err(Error::FutureRevision);
        }
        if revision > 0 && revision < self.history.compacted() {
            return Err(Error::Compacted);
        }
        Ok(())
    }

    pub(super) fn range(&self, request: &RangeRequest, room: usize) -> Result<RangeResponse, Error> {
        self.knows(request.revision)?;
        let span = Span::new(&request.key, &request.range_end);
        let is_now = request.revision <= 0 || request.revision == signed(self.revision);
        if is_now && is_plain(request) {
            return self.plain_range(request, span, room);
        }
        let mut kvs = if is_now { self.span(span).collect() } else { self.span_at(span, request.revision) };
        let count = signed(kvs.len() as u64);
        kvs.retain(|kv| is_wanted(request, kv));
        sort(request, &mut kvs);
        finished(request, kvs, count, room)
    }

    /// A range that is told as it lies: no more of it is looked at than is told.
    fn plain_range(
        &self,
        request: &RangeRequest,
        span: Span<'_>,
        room: usize,
    ) -> Result<RangeResponse, Error> {
        let limit = usize::try_from(request.limit).ok().filter(|&limit| limit > 0).unwrap_or(usize::MAX - 1);
        let most = if request.count_only { 0 } else { limit + 1 };
        let (mut kvs, mut length) = (vec![], 0);
        for mut kv in self.span(span).take(most) {
            if request.keys_only {
                kv.value = Bytes::default();
            }
            // what is too long is seen before all of it is gathered; one more than the limit is not told
            length += if kvs.len() < limit { kv_length(&kv) } else { 0 };
            if length > room {
                return Err(Error::AnswerTooLong);
            }
            kvs.push(kv);
        }
        let is_all = !request.count_only && kvs.len() <= limit;
        let count = if is_all { kvs.len() } else { self.count(span) };
        finished(request, kvs, signed(count as u64), room)
    }

    fn count(&self, span: Span<'_>) -> usize {
        span.bounds().map_or(0, |bounds| self.entries.range::<Bytes, _>(bounds).count())
    }
}

/// Whether all keys of the range are told, in their own order.
fn is_plain(request: &RangeRequest) -> bool {
    let bounds = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    request.sort_target == target::KEY && request.sort_order != DESCEND && bounds == [0; 4]
}

fn is_wanted(request: &RangeRequest, kv: &KeyValue) -> bool {
    let within = |revision: i64, least: i64, most: i64| revision >= least && (most == 0 || revision <= most);
    within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
        && within(kv.create_revision, request.min_create_revision, request.max_create_revision)
}

fn sort(request: &RangeRequest, kvs: &mut [KeyValue]) {
    kvs.sort_by(|a, b| match request.sort_target {
        target::KEY => a.key.cmp(&b.key),
        target::VERSION => a.version.cmp(&b.version),
        target::CREATE => a.create_revision.cmp(&b.create_revision),
        target::MOD => a.mod_revision.cmp(&b.mod_revision),
        _ => a.value.cmp(&b.value),
    });
    if request.sort_order == DESCEND {
        kvs.reverse();
    }
}

fn finished(
    request: &RangeRequest,
    mut kvs: Vec<KeyValue>,
    count: i64,
    room: usize,
) -> Result<RangeResponse, Error> {
    if request.count_only {
        return Ok(RangeResponse { count, ..RangeResponse::default() });
    }
    let limit = usize::try_from(request.limit).ok().filter(|&limit| limit > 0);
    let more = limit.is_some_and(|limit| kvs.len() > limit);
    kvs.truncate(limit.unwrap_or(usize::MAX));
    if request.keys_only {
        for kv in &mut kvs {
            kv.value = Bytes::default();
        }
    }
    if kvs.iter().map(kv_length).sum::<usize>() > room {
        return Err(Error::AnswerTooLong);
    }
    Ok(RangeResponse { header: None, kvs, more, count })
}
