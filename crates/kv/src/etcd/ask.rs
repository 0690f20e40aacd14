//! What calls ask of the store, and its answers: acts beside those of RESP, in the same entries and queries.

use super::error::Error;
use super::message::{
    CompactionRequest, DeleteRangeRequest, DeleteRangeResponse, Event, LeaseGrantRequest,
    LeaseLeasesResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
};
use serde::{Deserialize, Serialize};

/// What may change the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Change {
    /// Puts a value.
    Put(PutRequest),
    /// Deletes keys.
    DeleteRange(DeleteRangeRequest),
    /// A transaction.
    Txn(TxnRequest),
    /// Forgets what was.
    Compact(CompactionRequest),
    /// Grants a lease: of a number that the store chooses, if it is 0.
    Grant(LeaseGrantRequest),
    /// Ends a lease.
    Revoke(i64),
    /// Lets a lease begin anew.
    KeepAlive(i64),
}

impl Change {
    /// Whether its answer is short, whatever is in the store.
    pub fn is_told_briefly(&self) -> bool {
        match self {
            Self::Put(put) => !put.prev_kv,
            Self::DeleteRange(delete) => !delete.prev_kv,
            Self::Txn(txn) => txn.success.iter().chain(&txn.failure).all(|op| match op {
                RequestOp { request_put: Some(put), .. } => !put.prev_kv,
                RequestOp { request_delete_range: Some(delete), .. } => !delete.prev_kv,
                _ => false,
            }),
            Self::Compact(_) | Self::Grant(_) | Self::Revoke(_) | Self::KeepAlive(_) => true,
        }
    }

    /// About how many bytes it is.
    pub fn length(&self) -> usize {
        match self {
            Self::Put(put) => put.key.len() + put.value.len(),
            Self::DeleteRange(delete) => delete.key.len() + delete.range_end.len(),
            Self::Txn(txn) => txn_length(txn),
            Self::Compact(_) | Self::Grant(_) | Self::Revoke(_) | Self::KeepAlive(_) => 0,
        }
    }
}

fn txn_length(txn: &TxnRequest) -> usize {
    const HEAD: usize = 16;
    let compares = txn.compare.iter().map(|c| HEAD + c.key.len() + c.value.len() + c.range_end.len());
    let ops = txn.success.iter().chain(&txn.failure).map(|op| {
        let range = op.request_range.as_ref().map_or(0, |range| range.key.len() + range.range_end.len());
        let put = op.request_put.as_ref().map_or(0, |put| put.key.len() + put.value.len());
        let delete = op.request_delete_range.as_ref().map_or(0, |d| d.key.len() + d.range_end.len());
        HEAD + range + put + delete + op.request_txn.as_ref().map_or(0, |txn| txn_length(txn))
    });
    compares.sum::<usize>() + ops.sum::<usize>()
}

/// What only reads the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Look {
    /// Keys and values.
    Range(RangeRequest),
    /// A transaction that writes nothing.
    Txn(TxnRequest),
    /// What is left of a lease.
    TimeToLive(LeaseTimeToLiveRequest),
    /// All leases.
    Leases,
    /// What changed from a revision on.
    Changes(i64),
}

/// What either comes to. Its headers have a revision alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Answer {
    /// The revision of the store.
    pub revision: i64,
    /// What was asked for.
    pub what: Result<Told, Error>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Told {
    /// Keys and values.
    Range(RangeResponse),
    /// It is put.
    Put(PutResponse),
    /// They are deleted.
    DeleteRange(DeleteRangeResponse),
    /// What the transaction did.
    Txn(TxnResponse),
    /// It is done.
    Done,
    /// A lease, and its time: 0 if there is none.
    Lease {
        /// Which.
        id: i64,
        /// How many seconds.
        ttl: i64,
    },
    /// What is left of a lease.
    TimeToLive(LeaseTimeToLiveResponse),
    /// All leases.
    Leases(LeaseLeasesResponse),
    /// What changed.
    Changes(Changes),
}

/// What changed from some revision on: all of it, or as much as fits, by whole revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Changes {
    /// It, in order.
    pub events: Vec<Event>,
    /// From which revision on there may be more.
    pub next: i64,
    /// From which revision on the store remembers.
    pub compacted: i64,
}

impl Answer {
    /// About how many bytes it is.
    pub fn length(&self) -> usize {
        const HEAD: usize = 32;
        HEAD + match &self.what {
            Ok(Told::Range(range)) => range_length(range),
            Ok(Told::Put(put)) => put.prev_kv.as_ref().map_or(0, kv_length),
            Ok(Told::DeleteRange(delete)) => delete.prev_kvs.iter().map(kv_length).sum(),
            Ok(Told::Txn(txn)) => told_length(txn),
            Ok(Told::TimeToLive(lease)) => lease.keys.iter().map(|key| key.len() + HEAD).sum(),
            Ok(Told::Leases(leases)) => leases.leases.len() * size_of::<i64>(),
            Ok(Told::Changes(changes)) => changes.events.iter().map(event_length).sum(),
            Ok(Told::Done | Told::Lease { .. }) | Err(_) => 0,
        }
    }
}

/// About how many bytes a key and its value are.
pub(crate) fn kv_length(kv: &super::message::KeyValue) -> usize {
    const HEAD: usize = 32;
    HEAD + kv.key.len() + kv.value.len()
}

/// About how many bytes an event is.
pub(crate) fn event_length(event: &Event) -> usize {
    [&event.kv, &event.prev_kv].into_iter().flatten().map(kv_length).sum()
}

fn range_length(range: &RangeResponse) -> usize {
    range.kvs.iter().map(kv_length).sum()
}

fn told_length(txn: &TxnResponse) -> usize {
    const HEAD: usize = 16;
    let ops = txn.responses.iter().map(|op| {
        let range = op.response_range.as_ref().map_or(0, |range| range_length(range));
        let put = op.response_put.as_ref().and_then(|put| put.prev_kv.as_ref()).map_or(0, kv_length);
        let delete = op.response_delete_range.as_ref();
        let delete = delete.map_or(0, |delete| delete.prev_kvs.iter().map(kv_length).sum());
        HEAD + range + put + delete + op.response_txn.as_ref().map_or(0, |txn| told_length(txn))
    });
    ops.sum()
}
