//! The messages of etcd's API that are understood here, with the names and the numbers of their fields there.

use super::protobuf::messages;
use crate::bytes::Bytes;

messages! {
    /// Who answers, and as of when.
    ResponseHeader { cluster_id: u64 = 1, member_id: u64 = 2, revision: i64 = 3, raft_term: u64 = 4 }

    /// A key and what the store has of it.
    KeyValue { key: Bytes = 1, create_revision: i64 = 2, mod_revision: i64 = 3, version: i64 = 4, value: Bytes = 5, lease: i64 = 6 }
    /// A key was put (kind 0) or deleted (1).
    Event { kind: i64 = 1, kv: Option<KeyValue> = 2, prev_kv: Option<KeyValue> = 3 }

    /// Asks for keys and values.
    RangeRequest {
        key: Bytes = 1, range_end: Bytes = 2, limit: i64 = 3, revision: i64 = 4, sort_order: i64 = 5, sort_target: i64 = 6,
        serializable: bool = 7, keys_only: bool = 8, count_only: bool = 9, min_mod_revision: i64 = 10, max_mod_revision: i64 = 11,
        min_create_revision: i64 = 12, max_create_revision: i64 = 13,
    }
    /// Keys and values.
    RangeResponse { header: Option<ResponseHeader> = 1, kvs: Vec<KeyValue> = 2, more: bool = 3, count: i64 = 4 }

    /// Puts a value.
    PutRequest { key: Bytes = 1, value: Bytes = 2, lease: i64 = 3, prev_kv: bool = 4, ignore_value: bool = 5, ignore_lease: bool = 6 }
    /// It is put.
    PutResponse { header: Option<ResponseHeader> = 1, prev_kv: Option<KeyValue> = 2 }

    /// Deletes keys.
    DeleteRangeRequest { key: Bytes = 1, range_end: Bytes = 2, prev_kv: bool = 3 }
    /// They are gone.
    DeleteRangeResponse { header: Option<ResponseHeader> = 1, deleted: i64 = 2, prev_kvs: Vec<KeyValue> = 3 }

    /// One of what a transaction may do.
    RequestOp {
        request_range: Option<Box<RangeRequest>> = 1, request_put: Option<Box<PutRequest>> = 2,
        request_delete_range: Option<Box<DeleteRangeRequest>> = 3, request_txn: Option<Box<TxnRequest>> = 4,
    }
    /// What it came to.
    ResponseOp {
        response_range: Option<Box<RangeResponse>> = 1, response_put: Option<Box<PutResponse>> = 2,
        response_delete_range: Option<Box<DeleteRangeResponse>> = 3, response_txn: Option<Box<TxnResponse>> = 4,
    }
    /// What must be so of a key, or of all keys of a range: the result of the comparison, of what, and with what.
    Compare {
        result: i64 = 1, target: i64 = 2, key: Bytes = 3, version: i64 = 4, create_revision: i64 = 5, mod_revision: i64 = 6,
        value: Bytes = 7, lease: i64 = 8, range_end: Bytes = 64,
    }
    /// If all of these are so, this; else that.
    TxnRequest { compare: Vec<Compare> = 1, success: Vec<RequestOp> = 2, failure: Vec<RequestOp> = 3 }
    /// What was done.
    TxnResponse { header: Option<ResponseHeader> = 1, succeeded: bool = 2, responses: Vec<ResponseOp> = 3 }

    /// What was before a revision may be forgotten.
    CompactionRequest { revision: i64 = 1, physical: bool = 2 }
    /// It is.
    CompactionResponse { header: Option<ResponseHeader> = 1 }

    /// Asks for a lease of so many seconds.
    LeaseGrantRequest { ttl: i64 = 1, id: i64 = 2 }
    /// It is granted.
    LeaseGrantResponse { header: Option<ResponseHeader> = 1, id: i64 = 2, ttl: i64 = 3, error: String = 4 }
    /// Ends a lease.
    LeaseRevokeRequest { id: i64 = 1 }
    /// It has ended.
    LeaseRevokeResponse { header: Option<ResponseHeader> = 1 }
    /// Lets a lease begin anew.
    LeaseKeepAliveRequest { id: i64 = 1 }
    /// It has. If it had ended before, its time is 0.
    LeaseKeepAliveResponse { header: Option<ResponseHeader> = 1, id: i64 = 2, ttl: i64 = 3 }
    /// Asks what is left of a lease.
    LeaseTimeToLiveRequest { id: i64 = 1, keys: bool = 2 }
    /// So much. -1: there is no such lease.
    LeaseTimeToLiveResponse { header: Option<ResponseHeader> = 1, id: i64 = 2, ttl: i64 = 3, granted_ttl: i64 = 4, keys: Vec<Bytes> = 5 }
    /// Asks for all leases.
    LeaseLeasesRequest {}
    /// A lease.
    LeaseStatus { id: i64 = 1 }
    /// All of them.
    LeaseLeasesResponse { header: Option<ResponseHeader> = 1, leases: Vec<LeaseStatus> = 2 }

    /// One of what a client that watches may ask.
    WatchRequest {
        create_request: Option<Box<WatchCreateRequest>> = 1, cancel_request: Option<Box<WatchCancelRequest>> = 2,
        progress_request: Option<Box<WatchProgressRequest>> = 3,
    }
    /// Watches keys from a revision on.
    WatchCreateRequest {
        key: Bytes = 1, range_end: Bytes = 2, start_revision: i64 = 3, progress_notify: bool = 4, filters: Vec<i64> = 5,
        prev_kv: bool = 6, watch_id: i64 = 7, fragment: bool = 8,
    }
    /// Watches no more.
    WatchCancelRequest { watch_id: i64 = 1 }
    /// Asks how far the watches have come.
    WatchProgressRequest {}
    /// What was seen.
    WatchResponse {
        header: Option<ResponseHeader> = 1, watch_id: i64 = 2, created: bool = 3, canceled: bool = 4, compact_revision: i64 = 5,
        cancel_reason: String = 6, fragment: bool = 7, events: Vec<Event> = 11,
    }

    /// A node.
    Member { id: u64 = 1, name: Bytes = 2, peer_urls: Vec<Bytes> = 3, client_urls: Vec<Bytes> = 4, is_learner: bool = 5 }
    /// Asks for all nodes.
    MemberListRequest {}
    /// All of them.
    MemberListResponse { header: Option<ResponseHeader> = 1, members: Vec<Member> = 2 }

    /// Asks how the node is.
    StatusRequest {}
    /// So it is.
    StatusResponse {
        header: Option<ResponseHeader> = 1, version: String = 2, db_size: i64 = 3, leader: u64 = 4, raft_index: u64 = 5,
        raft_term: u64 = 6, raft_applied_index: u64 = 7, errors: Vec<Bytes> = 8, db_size_in_use: i64 = 9, is_learner: bool = 10,
    }
    /// Asks for alarms.
    AlarmRequest { action: i64 = 1, member_id: u64 = 2, alarm: i64 = 3 }
    /// There are none here.
    AlarmResponse { header: Option<ResponseHeader> = 1 }

    /// Says who one is.
    AuthenticateRequest { name: String = 1, password: String = 2 }
    /// What is to be said with every call.
    AuthenticateResponse { header: Option<ResponseHeader> = 1, token: String = 2 }
}
