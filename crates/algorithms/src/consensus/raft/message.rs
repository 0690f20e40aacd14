//! What processes tell each other, what is asked of them, and what they tell.

use super::configuration::Configuration;
use super::ledger::Replica;
use super::log::{Entry, Payload, each_term_of};
use synod_model::interface::{LogIndex, Outcome, ReplicaEvent, StateMachine, Submit, Term, Ticket};
use synod_model::prelude::*;

/// What is asked of a process that replicates `S`.
pub type RequestOf<S> = Submit<<S as StateMachine>::Command, <S as StateMachine>::Query>;

/// What a process that replicates `S` indicates.
pub type IndicationOf<S> = ReplicaEvent<Payload<<S as StateMachine>::Command>, <S as StateMachine>::Answer>;

/// What processes tell each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Message<S: StateMachine> {
    /// Will you vote for me?
    RequestVote(RequestVote),
    /// The answer to it.
    Vote {
        /// The term of who answers; of a vote that was asked for in advance, the term in which it would be given.
        term: Term,
        /// Whether it votes.
        granted: bool,
        /// Whether it was asked in advance.
        pre_vote: bool,
    },
    /// What a leader tells its followers.
    AppendEntries(AppendEntries<S::Command>),
    /// The answer to it.
    Appended {
        /// The term of who answers.
        term: Term,
        /// The index up to which the log matches the leader's, or why it does not.
        result: Result<LogIndex, Mismatch>,
        /// The leader's round that this answers.
        round: u64,
    },
    /// A piece of a leader's snapshot.
    InstallSnapshot(Box<InstallSnapshot<S>>),
    /// The answer to it.
    PieceTaken {
        /// The term of who answers.
        term: Term,
        /// Which snapshot: the index of its last entry.
        index: LogIndex,
        /// Which piece is wanted next.
        next: usize,
    },
    /// Stand for election, now: your leader makes way (Ong14 §3.10).
    TimeoutNow {
        /// The leader's term.
        term: Term,
    },
    /// To the leader: this was asked of me.
    Forward(RequestOf<S>),
    /// From the leader: how it ended.
    Settled {
        /// Which request.
        ticket: Ticket,
        /// How.
        outcome: Outcome<S::Answer>,
    },
    /// To the leader: from which index on may I answer a query?
    ReadIndex {
        /// Which query.
        ticket: Ticket,
    },
    /// From the leader: once you have executed the log up to this index.
    ReadAt {
        /// Which query.
        ticket: Ticket,
        /// The index.
        index: LogIndex,
    },
}

impl<S: StateMachine> Message<S> {
    /// Every term in it, to be named anew.
    pub(super) fn each_term(&mut self, each: &mut Renumber<'_>) {
        match self {
            Self::RequestVote(request) => {
                each(&mut request.term.0);
                each(&mut request.last_log_term.0);
            }
            Self::AppendEntries(append) => {
                each(&mut append.term.0);
                each(&mut append.prev_log_term.0);
                each_term_of(&mut append.entries, each);
            }
            Self::InstallSnapshot(install) => {
                each(&mut install.term.0);
                each(&mut install.last_term.0);
            }
            Self::Vote { term, .. }
            | Self::Appended { term, .. }
            | Self::PieceTaken { term, .. }
            | Self::TimeoutNow { term } => each(&mut term.0),
            Self::Forward(_) | Self::Settled { .. } | Self::ReadIndex { .. } | Self::ReadAt { .. } => {}
        }
    }
}

/// RequestVote (Figure 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term; of one that asks in advance, the term that it would begin.
    pub term: Term,
    /// The index of its last entry.
    pub last_log_index: LogIndex,
    /// The term of its last entry.
    pub last_log_term: Term,
    /// Whether it asks in advance (Ong14 §9.6).
    pub pre_vote: bool,
    /// Whether the leader made way for it: others need not heed that they still hear that leader.
    pub transfer: bool,
}

/// AppendEntries (Figure 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppendEntries<C> {
    /// The leader's term.
    pub term: Term,
    /// The index before the entries.
    pub prev_log_index: LogIndex,
    /// The term of the entry there.
    pub prev_log_term: Term,
    /// The entries.
    pub entries: Vec<Entry<C>>,
    /// `leaderCommit`.
    pub leader_commit: LogIndex,
    /// The leader's round: an answer to it shows that it led when the round began.
    pub round: u64,
}

/// Why entries do not follow what a follower has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mismatch {
    /// The index before the entries.
    pub prev_log_index: LogIndex,
    /// The greatest index that may match (end of §5.3).
    pub hint: LogIndex,
}

/// InstallSnapshot (Figure 13): its pieces are states, not bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct InstallSnapshot<S: StateMachine> {
    /// The leader's term.
    pub term: Term,
    /// The term of the last entry that the snapshot stands for.
    pub last_term: Term,
    /// The configuration then; none if it is the one that all started with.
    pub configuration: Option<Configuration>,
    /// The number of this piece.
    pub piece: usize,
    /// How many there are.
    pub pieces: usize,
    /// The index that the snapshot stands for, its sessions with the first piece, and the piece.
    pub content: Replica<S>,
}

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// It is time to stand for election.
    Election,
    /// The least election timeout has passed since the leader was heard.
    Patience,
    /// It is time for a leader to be heard.
    Heartbeat,
    /// It is time for a leader to have heard a majority.
    CheckQuorum,
    /// The lease that began with this round is over.
    Lease(u64),
    /// Leadership was not taken over in time.
    Transfer,
    /// What was handed to the leader may be lost.
    Retry,
    /// Until what waits is given up.
    GiveUp,
}
