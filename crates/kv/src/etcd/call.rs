//! What a call means: its method and its message, checked as etcd checks them, as what is asked of the store; and its answer.

use super::ask::{Answer, Change, Look, Told};
use super::error::Error;
use super::message::{
    AlarmRequest, AlarmResponse, AuthenticateRequest, AuthenticateResponse, CompactionRequest,
    CompactionResponse, DeleteRangeRequest, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest,
    LeaseKeepAliveResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest, Member,
    MemberListResponse, PutRequest, RangeRequest, RequestOp, ResponseHeader, StatusResponse, TxnRequest,
};
use super::protobuf::{Message, read};
use crate::act::{Act, Read, Write};
use crate::store::Span;
use crate::{KEY_LENGTH_MAX, VALUE_LENGTH_MAX};

/// How many operations a transaction may have: etcd's default.
const OPS_MAX: usize = 128;
/// And how many with all that lie in it: each is compared with those before it.
const ALL_OPS_MAX: usize = 8 * OPS_MAX;
/// The version that is told: of the API that is spoken, since clients compare it.
const VERSION: &str = "3.4.0";

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Range,
    Put,
    DeleteRange,
    Txn,
    Compact,
    Grant,
    Revoke,
    KeepAlive,
    TimeToLive,
    Leases,
    Watch,
    Members,
    Status,
    Alarm,
    Authenticate,
}

impl Method {
    pub(crate) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/etcdserverpb.KV/Range" => Self::Range,
            "/etcdserverpb.KV/Put" => Self::Put,
            "/etcdserverpb.KV/DeleteRange" => Self::DeleteRange,
            "/etcdserverpb.KV/Txn" => Self::Txn,
            "/etcdserverpb.KV/Compact" => Self::Compact,
            "/etcdserverpb.Lease/LeaseGrant" => Self::Grant,
            // older clients ask for the latter two among the KV's
            "/etcdserverpb.Lease/LeaseRevoke" | "/etcdserverpb.KV/LeaseRevoke" => Self::Revoke,
            "/etcdserverpb.Lease/LeaseKeepAlive" => Self::KeepAlive,
            "/etcdserverpb.Lease/LeaseTimeToLive" | "/etcdserverpb.KV/LeaseTimeToLive" => Self::TimeToLive,
            "/etcdserverpb.Lease/LeaseLeases" | "/etcdserverpb.KV/LeaseLeases" => Self::Leases,
            "/etcdserverpb.Watch/Watch" => Self::Watch,
            "/etcdserverpb.Cluster/MemberList" => Self::Members,
            "/etcdserverpb.Maintenance/Status" => Self::Status,
            "/etcdserverpb.Maintenance/Alarm" => Self::Alarm,
            "/etcdserverpb.Auth/Authenticate" => Self::Authenticate,
            _ => return None,
        })
    }

    /// Whether it takes many messages, and tells many.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::KeepAlive | Self::Watch)
    }
}

/// What a node tells of itself and the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) cluster: u64,
    pub(crate) process: u32,
    pub(crate) term: u64,
    pub(crate) leader: Option<u32>,
    /// Where the nodes listen for each other.
    pub(crate) places: Vec<String>,
    /// How far the log is executed here, as far as was seen.
    pub(crate) index: u64,
}

/// A member's number: 0 would be none.
fn member(process: u32) -> u64 {
    u64::from(process) + 1
}

impl Node {
    pub(crate) fn header(&self, revision: i64) -> ResponseHeader {
        let (cluster_id, member_id, raft_term) = (self.cluster, member(self.process), self.term);
        ResponseHeader { cluster_id, member_id, revision, raft_term }
    }

    fn members(&self) -> Vec<Member> {
        let own = |(place, process): (&String, u32)| Member {
            id: member(process),
            name: format!("node{process}").into_bytes().into(),
            peer_urls: vec![format!("http://{place}").into_bytes().into()],
            ..Member::default()
        };
        self.places.iter().zip(0..).map(own).collect()
    }

    fn status(&self) -> StatusResponse {
        StatusResponse {
            version: VERSION.to_owned(),
            leader: self.leader.map_or(0, member),
            raft_term: self.term,
            raft_index: self.index,
            raft_applied_index: self.index,
            ..StatusResponse::default()
        }
    }
}

/// What is asked of the store for a call.
pub(crate) fn act(method: Method, message: &[u8]) -> Result<Act, Error> {
    Ok(match method {
        Method::Range => {
            let range = take(message)?;
            check_range(&range)?;
            look(Look::Range(range))
        }
        Method::Put => {
            let put = take(message)?;
            check_put(&put)?;
            change(Change::Put(put))
        }
        Method::DeleteRange => {
            let delete: DeleteRangeRequest = take(message)?;
            if delete.key.is_empty() {
                return Err(Error::NoKey);
            }
            change(Change::DeleteRange(delete))
        }
        Method::Txn => {
            let txn = take(message)?;
            check_txn(&txn)?;
            if writes(&txn) { change(Change::Txn(txn)) } else { look(Look::Txn(txn)) }
        }
        Method::Compact => change(Change::Compact(take::<CompactionRequest>(message)?)),
        Method::Grant => change(Change::Grant(take::<LeaseGrantRequest>(message)?)),
        Method::Revoke => change(Change::Revoke(take::<LeaseRevokeRequest>(message)?.id)),
        Method::KeepAlive => change(Change::KeepAlive(take::<LeaseKeepAliveRequest>(message)?.id)),
        Method::TimeToLive => look(Look::TimeToLive(take::<LeaseTimeToLiveRequest>(message)?)),
        Method::Leases => look(Look::Leases),
        // what needs no key is asked for the revision
        Method::Members | Method::Status | Method::Alarm | Method::Authenticate | Method::Watch => {
            look(Look::Changes(i64::MAX))
        }
    })
}

fn take<M: Message>(message: &[u8]) -> Result<M, Error> {
    read(message).map_err(|_| Error::Malformed)
}

fn change(change: Change) -> Act {
    Act::Write(Write::Etcd(Box::new(change)))
}

fn look(look: Look) -> Act {
    Act::Read(Read::Etcd(Box::new(look)))
}

fn check_range(range: &RangeRequest) -> Result<(), Error> {
    if range.key.is_empty() {
        return Err(Error::NoKey);
    }
    if !(0..=2).contains(&range.sort_order) || !(0..=4).contains(&range.sort_target) {
        return Err(Error::SortOption);
    }
    Ok(())
}

fn check_put(put: &PutRequest) -> Result<(), Error> {
    if put.key.is_empty() {
        return Err(Error::NoKey);
    }
    if put.ignore_value && !put.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if put.ignore_lease && put.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    if put.key.len() > KEY_LENGTH_MAX || put.value.len() > VALUE_LENGTH_MAX {
        return Err(Error::RequestTooLarge);
    }
    Ok(())
}

/// Whether it writes something, whichever branch is done.
fn writes(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).any(|op| {
        op.request_put.is_some()
            || op.request_delete_range.is_some()
            || op.request_txn.as_ref().is_some_and(|txn| writes(txn))
    })
}

fn check_txn(txn: &TxnRequest) -> Result<(), Error> {
    if check_size(txn)? > ALL_OPS_MAX {
        return Err(Error::TooManyOps);
    }
    for branch in [&txn.success, &txn.failure] {
        let mut written = Written::default();
        branch.iter().try_for_each(|op| check_op(op, &mut written))?;
    }
    Ok(())
}

/// How many operations it has, with those of transactions in it.
fn check_size(txn: &TxnRequest) -> Result<usize, Error> {
    let most = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    if most > OPS_MAX {
        return Err(Error::TooManyOps);
    }
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Error::NoKey);
    }
    let ops = txn.success.iter().chain(&txn.failure);
    let own = txn.compare.len() + txn.success.len() + txn.failure.len();
    ops.filter_map(|op| op.request_txn.as_ref()).try_fold(own, |sum, nested| Ok(sum + check_size(nested)?))
}

/// What a branch writes: a key is put once, and not deleted beside that.
#[derive(Clone, Default)]
struct Written<'a> {
    puts: Vec<&'a PutRequest>,
    deletions: Vec<&'a DeleteRangeRequest>,
}

fn check_op<'a>(op: &'a RequestOp, written: &mut Written<'a>) -> Result<(), Error> {
    if let Some(range) = &op.request_range {
        check_range(range)?;
    }
    if let Some(put) = &op.request_put {
        check_put(put)?;
        let is_deleted = written.deletions.iter().any(|delete| covers(delete, put));
        if is_deleted || written.puts.iter().any(|other| other.key == put.key) {
            return Err(Error::DuplicateKey);
        }
        written.puts.push(put);
    }
    if let Some(delete) = &op.request_delete_range {
        if delete.key.is_empty() {
            return Err(Error::NoKey);
        }
        if written.puts.iter().any(|put| covers(delete, put)) {
            return Err(Error::DuplicateKey);
        }
        written.deletions.push(delete);
    }
    let Some(nested) = &op.request_txn else { return Ok(()) };
    // its branches are not beside each other, but each is beside what is written here
    let mut failure = written.clone();
    nested.failure.iter().try_for_each(|op| check_op(op, &mut failure))?;
    let before = (written.puts.len(), written.deletions.len());
    nested.success.iter().try_for_each(|op| check_op(op, written))?;
    written.puts.extend(&failure.puts[before.0..]);
    written.deletions.extend(&failure.deletions[before.1..]);
    Ok(())
}

fn covers(delete: &DeleteRangeRequest, put: &PutRequest) -> bool {
    Span::new(&delete.key, &delete.range_end).has(&put.key)
}

/// A message with its header.
fn headed<M: Message>(
    mut message: M,
    header: Option<ResponseHeader>,
    place: impl Fn(&mut M) -> &mut Option<ResponseHeader>,
) -> Vec<u8> {
    *place(&mut message) = header;
    written(&message)
}

/// The message that answers a call.
pub(crate) fn message(method: Method, answer: Answer, node: &Node) -> Result<Vec<u8>, Error> {
    let header = Some(node.header(answer.revision));
    let told = answer.what?;
    let bytes = match (method, told) {
        (_, Told::Range(told)) => headed(told, header, |told| &mut told.header),
        (_, Told::Put(told)) => headed(told, header, |told| &mut told.header),
        (_, Told::DeleteRange(told)) => headed(told, header, |told| &mut told.header),
        (_, Told::Txn(told)) => headed(told, header, |told| &mut told.header),
        (_, Told::TimeToLive(told)) => headed(told, header, |told| &mut told.header),
        (_, Told::Leases(told)) => headed(told, header, |told| &mut told.header),
        (Method::KeepAlive, Told::Lease { id, ttl }) => written(&LeaseKeepAliveResponse { header, id, ttl }),
        (_, Told::Lease { id, ttl }) => {
            written(&LeaseGrantResponse { header, id, ttl, ..LeaseGrantResponse::default() })
        }
        (Method::Revoke, Told::Done) => written(&LeaseRevokeResponse { header }),
        (_, Told::Done) => written(&CompactionResponse { header }),
        (Method::Members, Told::Changes(_)) => {
            written(&MemberListResponse { header, members: node.members() })
        }
        (Method::Status, Told::Changes(_)) => written(&StatusResponse { header, ..node.status() }),
        (_, Told::Changes(_)) => written(&AlarmResponse { header }),
    };
    Ok(bytes)
}

/// Checks that nothing but a look at the alarms is asked: there are none, and none can be set.
pub(crate) fn check_alarm(message: &[u8]) -> Result<(), Error> {
    let request: AlarmRequest = take(message)?;
    if request.action == 0 { Ok(()) } else { Err(Error::Unsupported) }
}

/// Who says the token as a password is told it to say it with every call.
pub(crate) fn authenticated(
    message: &[u8],
    is_token: impl Fn(&[u8]) -> bool,
    node: &Node,
) -> Result<Vec<u8>, Error> {
    let request: AuthenticateRequest = take(message)?;
    if !is_token(request.password.as_bytes()) {
        return Err(Error::WrongPassword);
    }
    Ok(written(&AuthenticateResponse { header: Some(node.header(0)), token: request.password }))
}

pub(crate) fn written(message: &impl Message) -> Vec<u8> {
    let mut bytes = vec![];
    message.write(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: usize) -> RequestOp {
        let put = PutRequest { key: key.to_string().into_bytes().into(), ..PutRequest::default() };
        RequestOp { request_put: Some(Box::new(put)), ..RequestOp::default() }
    }

    fn within(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
        let txn = TxnRequest { success, failure, ..TxnRequest::default() };
        RequestOp { request_txn: Some(Box::new(txn)), ..RequestOp::default() }
    }

    fn checked(success: Vec<RequestOp>) -> Result<(), Error> {
        check_txn(&TxnRequest { success, ..TxnRequest::default() })
    }

    #[test]
    fn operations_count_wherever_they_lie() {
        let nested = |count: usize| {
            (0..count).map(|at| within((0..OPS_MAX).map(|k| put(at * OPS_MAX + k)).collect(), vec![]))
        };
        assert_eq!(checked(nested(7).collect()), Ok(()));
        assert_eq!(checked(nested(8).collect()), Err(Error::TooManyOps), "with those that hold them");
        assert_eq!(checked((0..=OPS_MAX).map(put).collect()), Err(Error::TooManyOps));
    }

    #[test]
    fn a_key_is_put_once_however_deep() {
        let deep =
            |inner: RequestOp| (0..7).fold(inner, |inner, key| within(vec![put(10 + key), inner], vec![]));
        assert_eq!(checked(vec![put(1), deep(put(2))]), Ok(()));
        assert_eq!(checked(vec![put(1), deep(put(1))]), Err(Error::DuplicateKey), "in it");
        assert_eq!(checked(vec![deep(put(1)), put(1)]), Err(Error::DuplicateKey), "behind it");
        assert_eq!(checked(vec![within(vec![put(1)], vec![put(1)])]), Ok(()), "one branch is done");
        assert_eq!(checked(vec![within(vec![], vec![put(1)]), put(1)]), Err(Error::DuplicateKey));
        assert_eq!(checked(vec![within(vec![put(1), put(1)], vec![])]), Err(Error::DuplicateKey));
    }
}
