//! State machine replication (Lam78, Sch90): processes that all execute the same commands in the same order.

use crate::identity::{ProcessId, ProcessSet};
use crate::process::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is replicated: a deterministic state machine. Its default is the state in which it starts.
pub trait StateMachine: Value + Default {
    /// What changes its state.
    type Command: Value;
    /// What only reads it.
    type Query: Value;
    /// What either tells.
    type Answer: Value;
    /// How many sessions of clients are kept: of more, the one that was idle for longest ends. Replicated state hangs on it, so
    /// that it goes with the type.
    const SESSIONS_MAX: usize = 4096;

    /// Executes a command: the same state and the same command give the same state and the same answer, everywhere.
    fn execute(&mut self, command: &Self::Command) -> Self::Answer;

    /// Answers a query.
    fn answer(&self, query: &Self::Query) -> Self::Answer;

    /// The state in pieces, each small enough for one message; in order, [`StateMachine::join`] makes it of them again. Unless
    /// told otherwise it is one piece.
    fn pieces(&self) -> Vec<Self> {
        vec![self.clone()]
    }

    /// Adds the next piece to those that were joined before, which the default is before the first.
    fn join(&mut self, piece: Self) {
        *self = piece;
    }
}

/// The name of a request among those that one process was ever asked, in whatever incarnation: whoever asks chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// The name of a client's session: the index of the entry that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session(pub u64);

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// What makes a command of a session be executed once, however often it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// Whose it is.
    pub session: Session,
    /// Its number in the session.
    pub number: u64,
    /// The session has the answers to all numbers below: they need not be kept.
    pub answered_below: u64,
}

/// Who replicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Members {
    /// Those of whom a majority decides.
    pub voters: ProcessSet,
    /// Those who are told, and have no say.
    pub learners: ProcessSet,
}

/// What is asked of a replicated state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ask<C, Q> {
    /// Execute a command: once if it is stamped; else at most once, and whether at all may stay unknown.
    Execute {
        /// Of which session, and which number in it.
        stamp: Option<Stamp>,
        /// The command.
        command: C,
    },
    /// Answer a query from a state in which all that was answered before it was asked has been executed.
    Query(Q),
    /// Open a session.
    OpenSession,
    /// Have these members.
    Reconfigure(Members),
    /// Let this process lead.
    TransferLeadership(ProcessId),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome<A> {
    /// The command was executed, or the query answered, with this answer.
    Answer(A),
    /// The session is open.
    Opened(Session),
    /// What was asked is so.
    Done,
    /// Nothing was done of it, and nothing will be: why.
    Refused(Refusal),
    /// Nobody knows: it may have been done, and may yet be.
    Unknown,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// This process does not take it; the one that leads, where one is known, would.
    NotLeader(Option<ProcessId>),
    /// There is no such session, or no more.
    NoSession,
    /// The command's answer was given, and is not kept.
    AlreadyAnswered,
    /// Another change of the members is not yet over, or leadership is being handed over.
    Busy,
    /// It makes no sense: members without a voter, a leader that is no voter.
    Senseless,
    /// Too much waits already.
    Overloaded,
}

/// A request to a replica.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Submit<C, Q> {
    /// Its name: no other request to this process has it, ever.
    pub ticket: Ticket,
    /// What.
    pub ask: Ask<C, Q>,
}
