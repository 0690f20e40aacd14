//! What the API of etcd does to the store: puts, deletions and transactions, each of one revision.

use super::range::Span;
use super::write::Bound;
use super::{Store, signed};
use crate::act::{Millis, Reply};
use crate::bytes::Bytes;
use crate::etcd::ask::{Answer, Change, Look, Told, kv_length};
use crate::etcd::error::Error;
use crate::etcd::message::{
    CompactionRequest, Compare, DeleteRangeRequest, DeleteRangeResponse, KeyValue, PutRequest, PutResponse,
    RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use std::cmp::Ordering;

/// How many bytes of changes are told at once.
const CHANGES_LENGTH: usize = 1 << 20;

/// What a comparison looks at, and what must come of it.
mod compare {
    pub(super) const VERSION: i64 = 0;
    pub(super) const CREATE: i64 = 1;
    pub(super) const MOD: i64 = 2;
    pub(super) const VALUE: i64 = 3;
    pub(super) const EQUAL: i64 = 0;
    pub(super) const GREATER: i64 = 1;
    pub(super) const LESS: i64 = 2;
}

/// A transaction whose comparisons are made: which of its branches is done.
struct Plan<'a> {
    succeeded: bool,
    ops: Vec<(&'a RequestOp, Option<Plan<'a>>)>,
}

impl Store {
    /// Makes a change whose answer has so many bytes at most.
    pub(super) fn change(&mut self, change: &Change, revision: u64, room: usize) -> (Reply, bool) {
        self.history.keep_long();
        let made = match change {
            Change::Put(put) => self.etcd_put(put, revision, room).map(|(told, any)| (Told::Put(told), any)),
            Change::DeleteRange(delete) => {
                self.delete_range(delete, revision, room).map(|(told, any)| (Told::DeleteRange(told), any))
            }
            Change::Txn(txn) => self.txn(txn, revision, room).map(|(told, any)| (Told::Txn(told), any)),
            Change::Compact(compact) => self.compact(compact).map(|told| (told, false)),
            Change::Grant(grant) => self.grant(grant).map(|told| (told, false)),
            Change::Revoke(id) => self.revoke(*id, revision),
            Change::KeepAlive(id) => Ok((self.keep_alive(*id), false)),
        };
        let any = matches!(made, Ok((_, true)));
        let answer = Answer { revision: self.revision_if(any), what: made.map(|(told, _)| told) };
        (Reply::Etcd(Box::new(answer)), any)
    }

    /// Looks something up: what is left of a lease is counted from `at`.
    pub(super) fn look(&self, look: &Look, at: Millis, room: usize) -> Reply {
        let what = match look {
            Look::Range(range) => self.range(range, room).map(Told::Range),
            Look::Txn(txn) => self.looked_up(txn, room).map(Told::Txn),
            Look::TimeToLive(request) => Ok(Told::TimeToLive(self.time_to_live(request, at))),
            Look::Leases => Ok(Told::Leases(self.all_leases())),
            Look::Changes(from) => {
                Ok(Told::Changes(self.history.from(*from, room.min(CHANGES_LENGTH), signed(self.revision))))
            }
        };
        Reply::Etcd(Box::new(Answer { revision: signed(self.revision), what }))
    }

    /// The revision, if something has changed or not.
    fn revision_if(&self, changed: bool) -> i64 {
        signed(self.revision + u64::from(changed))
    }

    fn etcd_put(
        &mut self,
        put: &PutRequest,
        revision: u64,
        room: usize,
    ) -> Result<(PutResponse, bool), Error> {
        self.may_put(put)?;
        let old = self.entries.get(&put.key);
        let prev_kv = old.filter(|_| put.prev_kv).map(|entry| entry.told(&put.key));
        if prev_kv.as_ref().map_or(0, kv_length) > room {
            return Err(Error::AnswerTooLong);
        }
        let kept = old.filter(|_| put.ignore_value).map(|entry| entry.value.clone());
        let bound =
            if put.ignore_lease { Bound::of(old) } else { Bound { expires_at: None, lease: put.lease } };
        self.put(&put.key, kept.unwrap_or_else(|| put.value.clone()), bound, revision);
        Ok((PutResponse { header: None, prev_kv }, true))
    }

    fn may_put(&self, put: &PutRequest) -> Result<(), Error> {
        if (put.ignore_value || put.ignore_lease) && !self.entries.contains_key(&put.key) {
            return Err(Error::KeyNotFound);
        }
        if !put.ignore_lease && put.lease != 0 && !self.leases.has(put.lease) {
            return Err(Error::LeaseNotFound);
        }
        Ok(())
    }

    fn delete_range(
        &mut self,
        delete: &DeleteRangeRequest,
        revision: u64,
        room: usize,
    ) -> Result<(DeleteRangeResponse, bool), Error> {
        let gone: Vec<_> = self.span(Span::new(&delete.key, &delete.range_end)).collect();
        if delete.prev_kv && gone.iter().map(kv_length).sum::<usize>() > room {
            return Err(Error::AnswerTooLong);
        }
        for kv in &gone {
            self.take(&kv.key, revision);
        }
        let (deleted, any) = (signed(gone.len() as u64), !gone.is_empty());
        let prev_kvs = if delete.prev_kv { gone } else { vec![] };
        Ok((DeleteRangeResponse { header: None, deleted, prev_kvs }, any))
    }

    fn compact(&mut self, compact: &CompactionRequest) -> Result<Told, Error> {
        if compact.revision <= self.history.compacted() {
            return Err(Error::Compacted);
        }
        if compact.revision > signed(self.revision) {
            return Err(Error::FutureRevision);
        }
        self.history.compact(compact.revision);
        Ok(Told::Done)
    }

    /// All comparisons are made before anything is done.
    fn plan<'a>(&self, txn: &'a TxnRequest) -> Plan<'a> {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let ops = ops.iter().map(|op| (op, op.request_txn.as_ref().map(|txn| self.plan(txn))));
        Plan { succeeded, ops: ops.collect() }
    }

    /// Whether it is so of all keys there are; of a single one that is not there, as if all its numbers were 0.
    fn holds(&self, compare: &Compare) -> bool {
        let mut found = self.span(Span::new(&compare.key, &compare.range_end)).peekable();
        if found.peek().is_some() {
            return found.all(|kv| is_so(compare, &kv));
        }
        // of no value nothing can be said
        compare.target != compare::VALUE && is_so(compare, &KeyValue::default())
    }

    /// Nothing is done of a transaction of which something cannot be.
    fn may_do(&self, plan: &Plan<'_>) -> Result<(), Error> {
        for (op, nested) in &plan.ops {
            if let Some(range) = &op.request_range {
                self.knows(range.revision)?;
            }
            if let Some(put) = &op.request_put {
                self.may_put(put)?;
            }
            nested.as_ref().map_or(Ok(()), |nested| self.may_do(nested))?;
        }
        Ok(())
    }

    /// How long the answer may become: what is there now, and for each range what the transaction itself puts. More than there is room for
    /// is not counted.
    fn answer_length(&self, plan: &Plan<'_>, put_length: &mut usize, room: usize) -> usize {
        let (mut sum, no_end) = (0, Bytes::default());
        let lengths = |span| self.span(span).map(|kv| kv_length(&kv)).sum::<usize>();
        for (op, nested) in &plan.ops {
            if let Some(range) = &op.request_range {
                let told = match self.range(range, room) {
                    Ok(told) => told.kvs.iter().map(kv_length).sum(),
                    Err(_) => room.saturating_add(1),
                };
                sum += told + if range.revision > 0 { 0 } else { *put_length };
            }
            if let Some(put) = &op.request_put {
                sum += if put.prev_kv { lengths(Span::new(&put.key, &no_end)) } else { 0 };
                *put_length += put.key.len() + put.value.len() + size_of::<KeyValue>();
            }
            if let Some(delete) = op.request_delete_range.as_ref().filter(|delete| delete.prev_kv) {
                sum += lengths(Span::new(&delete.key, &delete.range_end)) + *put_length;
            }
            sum += nested.as_ref().map_or(0, |nested| self.answer_length(nested, put_length, room));
            if sum > room {
                break;
            }
        }
        sum
    }

    fn txn(&mut self, txn: &TxnRequest, revision: u64, room: usize) -> Result<(TxnResponse, bool), Error> {
        let plan = self.plan(txn);
        self.may_do(&plan)?;
        if self.answer_length(&plan, &mut 0, room) > room {
            return Err(Error::AnswerTooLong);
        }
        let mut any = false;
        let told = self.carry_out(&plan, revision, &mut any)?;
        Ok((told, any))
    }

    /// A transaction that writes nothing.
    fn looked_up(&self, txn: &TxnRequest, room: usize) -> Result<TxnResponse, Error> {
        let plan = self.plan(txn);
        self.may_do(&plan)?;
        self.read_out(&plan, room)
    }

    fn read_out(&self, plan: &Plan<'_>, mut room: usize) -> Result<TxnResponse, Error> {
        let mut responses = vec![];
        for (op, nested) in &plan.ops {
            let mut response = ResponseOp::default();
            if let Some(range) = &op.request_range {
                let mut told = self.range(range, room)?;
                room = room.saturating_sub(told.kvs.iter().map(kv_length).sum());
                told.header = Some(self.header(false));
                response.response_range = Some(Box::new(told));
            }
            if let Some(nested) = nested {
                response.response_txn = Some(Box::new(self.read_out(nested, room)?));
            }
            responses.push(response);
        }
        Ok(TxnResponse { header: Some(self.header(false)), succeeded: plan.succeeded, responses })
    }

    fn header(&self, changed: bool) -> ResponseHeader {
        ResponseHeader { revision: self.revision_if(changed), ..ResponseHeader::default() }
    }

    fn carry_out(&mut self, plan: &Plan<'_>, revision: u64, any: &mut bool) -> Result<TxnResponse, Error> {
        let mut responses = vec![];
        for (op, nested) in &plan.ops {
            let mut response = ResponseOp::default();
            if let Some(range) = &op.request_range {
                let mut told = self.range(range, usize::MAX)?;
                told.header = Some(self.header(*any));
                response.response_range = Some(Box::new(told));
            } else if let Some(put) = &op.request_put {
                let (mut told, changed) = self.etcd_put(put, revision, usize::MAX)?;
                *any |= changed;
                told.header = Some(self.header(*any));
                response.response_put = Some(Box::new(told));
            } else if let Some(delete) = &op.request_delete_range {
                let (mut told, changed) = self.delete_range(delete, revision, usize::MAX)?;
                *any |= changed;
                told.header = Some(self.header(*any));
                response.response_delete_range = Some(Box::new(told));
            } else if let Some(nested) = nested {
                response.response_txn = Some(Box::new(self.carry_out(nested, revision, any)?));
            }
            responses.push(response);
        }
        Ok(TxnResponse { header: Some(self.header(*any)), succeeded: plan.succeeded, responses })
    }
}

fn is_so(compare: &Compare, kv: &KeyValue) -> bool {
    let order = match compare.target {
        compare::VERSION => kv.version.cmp(&compare.version),
        compare::CREATE => kv.create_revision.cmp(&compare.create_revision),
        compare::MOD => kv.mod_revision.cmp(&compare.mod_revision),
        compare::VALUE => kv.value.cmp(&compare.value),
        _ => kv.lease.cmp(&compare.lease),
    };
    match compare.result {
        compare::EQUAL => order == Ordering::Equal,
        compare::GREATER => order == Ordering::Greater,
        compare::LESS => order == Ordering::Less,
        _ => order != Ordering::Equal,
    }
}
