//! What can be asked of the store, and what it answers.

use crate::bytes::Bytes;
use crate::etcd::ask::{Answer, Change, Look};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, as the process that made a command read them: the store's only time.
pub type Millis = u64;

/// An entry of the log: acts that are executed at once, with nothing between them. No act at all lets time pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Command {
    /// When it was made. The store's time never goes back: an earlier one counts as the latest.
    pub at: Millis,
    /// What, in order.
    pub acts: Vec<Act>,
}

/// Reads that see one state, outside of the log. If a key's time was over when they were asked, and the log has yet to say so, there is
/// no answer at all (an empty one): what is asked by a [`Command`] then lets that time pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Query {
    /// When it was asked: what is left of a time to live is counted from then.
    pub at: Millis,
    /// What, in order.
    pub reads: Vec<Read>,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Act {
    /// It may change the store.
    Write(Write),
    /// It does not.
    Read(Read),
}

impl Act {
    /// It as a read, if it is one.
    pub fn into_read(self) -> Option<Read> {
        match self {
            Self::Read(read) => Some(read),
            Self::Write(_) => None,
        }
    }

    /// Whether its reply is a word or a number, and not what is in the store.
    pub fn is_told_briefly(&self) -> bool {
        match self {
            Self::Write(Write::Set(set)) => !set.tell_old,
            Self::Write(Write::Etcd(change)) => change.is_told_briefly(),
            Self::Write(_) => true,
            Self::Read(_) => false,
        }
    }

    /// About how many bytes it is, if it writes.
    pub fn length(&self) -> usize {
        const HEAD: usize = 24;
        HEAD + match self {
            Self::Write(Write::Set(set)) => set.key.len() + set.value.len(),
            Self::Write(Write::Delete(keys)) => keys.iter().map(|key| key.len()).sum(),
            Self::Write(Write::SetAll(pairs)) => {
                pairs.iter().map(|(key, value)| key.len() + value.len()).sum()
            }
            Self::Write(Write::Append { key, tail }) => key.len() + tail.len(),
            Self::Write(Write::Increment { key, .. } | Write::Expire { key, .. } | Write::Persist(key)) => {
                key.len()
            }
            Self::Write(Write::Etcd(change)) => change.length(),
            Self::Write(Write::Clear) | Self::Read(_) => 0,
        }
    }
}

/// What may change the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Write {
    /// SET.
    Set(Set),
    /// DEL.
    Delete(Vec<Bytes>),
    /// INCR, DECR, INCRBY, DECRBY.
    Increment {
        /// Whose value.
        key: Bytes,
        /// By how much.
        by: i64,
    },
    /// APPEND.
    Append {
        /// To whose value.
        key: Bytes,
        /// What.
        tail: Bytes,
    },
    /// EXPIRE, PEXPIRE.
    Expire {
        /// Whose.
        key: Bytes,
        /// In how many milliseconds. What is not in the future deletes it.
        after: i64,
    },
    /// PERSIST.
    Persist(Bytes),
    /// MSET.
    SetAll(Vec<(Bytes, Bytes)>),
    /// FLUSHALL.
    Clear,
    /// By the API of etcd.
    Etcd(Box<Change>),
}

/// SET, with its options.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Set {
    /// Which key.
    pub key: Bytes,
    /// To what.
    pub value: Bytes,
    /// NX, XX.
    pub only: Only,
    /// EX, PX, KEEPTTL.
    pub lifetime: Lifetime,
    /// GET: what was there before is the answer.
    pub tell_old: bool,
}

/// On what SET depends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Only {
    /// On nothing.
    #[default]
    Always,
    /// NX: there is none yet.
    IfAbsent,
    /// XX: there is one.
    IfPresent,
}

/// How long what is set lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lifetime {
    /// For ever.
    #[default]
    Unbounded,
    /// KEEPTTL: as long as what was there.
    Kept,
    /// EX, PX: this many milliseconds.
    Millis(u64),
}

/// What only reads the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Read {
    /// GET.
    Get(Bytes),
    /// MGET.
    GetAll(Vec<Bytes>),
    /// EXISTS: how many of them there are, each as often as it is named.
    Exists(Vec<Bytes>),
    /// STRLEN.
    Length(Bytes),
    /// TYPE.
    Type(Bytes),
    /// TTL.
    Seconds(Bytes),
    /// PTTL.
    Milliseconds(Bytes),
    /// KEYS.
    Keys(Bytes),
    /// SCAN.
    Scan {
        /// Where to go on: 0 at first, then as told.
        cursor: u64,
        /// MATCH.
        pattern: Option<Bytes>,
        /// COUNT: how many keys are looked at.
        count: u64,
    },
    /// DBSIZE.
    Count,
    /// By the API of etcd.
    Etcd(Box<Look>),
}

/// What an act comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// A word.
    Status(Status),
    /// There is none.
    Nil,
    /// A number.
    Integer(i64),
    /// A value.
    Bulk(Bytes),
    /// Several.
    Array(Vec<Reply>),
    /// It could not be done, and nothing of it was.
    Failed(Failure),
    /// By the API of etcd.
    Etcd(Box<Answer>),
}

impl Reply {
    /// About how many bytes it is.
    pub fn length(&self) -> usize {
        const HEAD: usize = 16;
        match self {
            Self::Status(_) | Self::Nil | Self::Integer(_) | Self::Failed(_) => HEAD,
            Self::Bulk(bytes) => HEAD + bytes.len(),
            Self::Etcd(answer) => answer.length(),
            Self::Array(items) => HEAD + items.iter().map(Self::length).sum::<usize>(),
        }
    }
}

/// Words of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It is done.
    Ok,
    /// The type of every value.
    String,
    /// The type of what is not there.
    None,
}

impl Status {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::String => "string",
            Self::None => "none",
        }
    }
}

/// Why an act could not be done.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
pub enum Failure {
    /// A value that should be a number.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// A number would become too great or too small.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// A value would become longer than any may be.
    #[error("ERR string exceeds maximum allowed size ({} bytes)", crate::VALUE_LENGTH_MAX)]
    TooLong,
    /// What it would tell is more than an answer may have.
    #[error("ERR the answer would be too long: ask for less at once")]
    AnswerTooLong,
}
