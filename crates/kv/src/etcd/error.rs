//! What cannot be done, with etcd's words and the codes of gRPC.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Error)]
#[expect(missing_docs, reason = "each says it in its words")]
pub enum Error {
    #[error("etcdserver: key is not provided")]
    NoKey,
    #[error("etcdserver: key not found")]
    KeyNotFound,
    #[error("etcdserver: value is provided")]
    ValueProvided,
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    #[error("etcdserver: invalid sort option")]
    SortOption,
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    #[error("etcdserver: too large lease TTL")]
    LeaseTooLong,
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    #[error("etcdserver: the answer would be too long: ask for less at once")]
    AnswerTooLong,
    #[error("etcdserver: no leader")]
    NoLeader,
    #[error("etcdserver: too many requests")]
    TooManyRequests,
    #[error("etcdserver: request timed out")]
    TimedOut,
    #[error("etcdserver: authentication failed, invalid user ID or password")]
    WrongPassword,
    #[error("etcdserver: authentication is not enabled")]
    NoAuth,
    #[error("etcdserver: user name is empty")]
    NoUser,
    #[error("etcdserver: invalid auth token")]
    InvalidToken,
    #[error("etcdserver: not supported here")]
    Unsupported,
    #[error("etcdserver: the message cannot be read")]
    Malformed,
}

impl Error {
    /// The code of gRPC.
    pub fn code(self) -> u8 {
        const INVALID_ARGUMENT: u8 = 3;
        const NOT_FOUND: u8 = 5;
        const RESOURCE_EXHAUSTED: u8 = 8;
        const FAILED_PRECONDITION: u8 = 9;
        const OUT_OF_RANGE: u8 = 11;
        const UNIMPLEMENTED: u8 = 12;
        const UNAVAILABLE: u8 = 14;
        const UNAUTHENTICATED: u8 = 16;
        match self {
            Self::NoKey
            | Self::KeyNotFound
            | Self::ValueProvided
            | Self::LeaseProvided
            | Self::DuplicateKey
            | Self::TooManyOps
            | Self::SortOption
            | Self::RequestTooLarge
            | Self::WrongPassword
            | Self::NoUser
            | Self::Malformed => INVALID_ARGUMENT,
            Self::LeaseNotFound => NOT_FOUND,
            Self::AnswerTooLong | Self::TooManyRequests => RESOURCE_EXHAUSTED,
            Self::LeaseExists | Self::NoAuth => FAILED_PRECONDITION,
            Self::Compacted | Self::FutureRevision | Self::LeaseTooLong => OUT_OF_RANGE,
            Self::Unsupported => UNIMPLEMENTED,
            Self::NoLeader | Self::TimedOut => UNAVAILABLE,
            Self::InvalidToken => UNAUTHENTICATED,
        }
    }
}
