//! A client of either protocol: what it says first tells which.

use crate::act::{Act, Reply};
use crate::conversation::{About, Conversation, Ended};
use crate::etcd::ask::Changes;
use crate::etcd::error::Error;
use crate::etcd::{PREFACE, Session};

/// A client.
#[derive(Debug)]
pub(crate) struct Speaker {
    client: u64,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    /// What it says may yet become either.
    Unknown(Vec<u8>),
    Resp(Box<Conversation>),
    Etcd(Box<Session>),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    NoLeader,
    Overloaded,
    Refused,
    /// Of a read.
    NoAnswer,
    /// Of a write: it may have been done, or may yet be.
    Unknown,
}

impl Trouble {
    /// In the words of RESP.
    pub(crate) fn as_resp(self) -> &'static str {
        match self {
            Self::NoLeader => "CLUSTERDOWN there is no leader: nothing was done",
            Self::Overloaded => "TRYAGAIN too much waits already: nothing was done",
            Self::Refused => "ERR refused: nothing was done",
            Self::NoAnswer => "CLUSTERDOWN no leader has answered in time",
            Self::Unknown => {
                "ERR outcome unknown: no leader has confirmed it; it may have been done, or may yet be"
            }
        }
    }

    fn as_etcd(self) -> Error {
        match self {
            Self::NoLeader | Self::Refused => Error::NoLeader,
            Self::Overloaded => Error::TooManyRequests,
            Self::NoAnswer | Self::Unknown => Error::TimedOut,
        }
    }
}

impl Speaker {
    pub(crate) fn new(client: u64) -> Self {
        Self { client, protocol: Protocol::Unknown(vec![]) }
    }

    /// It says this.
    pub(crate) fn take(&mut self, bytes: &[u8], about: &About) {
        match &mut self.protocol {
            Protocol::Resp(conversation) => conversation.take(bytes),
            Protocol::Etcd(session) => session.take(bytes, about),
            Protocol::Unknown(said) => {
                said.extend_from_slice(bytes);
                if let Some(rest) = said.strip_prefix(PREFACE) {
                    let mut session = Session::new();
                    session.take(rest, about);
                    self.protocol = Protocol::Etcd(Box::new(session));
                } else if !PREFACE.starts_with(said) {
                    let mut conversation = Conversation::new(self.client);
                    conversation.take(said);
                    self.protocol = Protocol::Resp(Box::new(conversation));
                }
            }
        }
    }

    /// Whether more should be heard of it now.
    pub(crate) fn listens(&self) -> bool {
        match &self.protocol {
            Protocol::Unknown(_) => true,
            Protocol::Resp(conversation) => conversation.listens(),
            Protocol::Etcd(session) => session.listens(),
        }
    }

    /// What it asks now, each with its number; and what it is told.
    pub(crate) fn go_on(&mut self, about: &About, out: &mut Vec<u8>) -> Vec<(u64, Vec<Act>)> {
        match &mut self.protocol {
            Protocol::Unknown(_) => vec![],
            Protocol::Resp(conversation) => {
                conversation.next_batch(about, out).map(|acts| (0, acts)).into_iter().collect()
            }
            Protocol::Etcd(session) => {
                let batches = session.batches();
                out.append(&mut session.out());
                batches
            }
        }
    }

    /// Whether it hears no more than what it is told next.
    pub(crate) fn is_over(&self) -> bool {
        match &self.protocol {
            Protocol::Unknown(_) => false,
            Protocol::Resp(conversation) => conversation.is_over(),
            Protocol::Etcd(session) => session.is_over(),
        }
    }

    /// A batch has ended.
    pub(crate) fn ended(
        &mut self,
        batch: u64,
        ended: Result<Vec<Reply>, Trouble>,
        about: &About,
        out: &mut Vec<u8>,
    ) {
        match &mut self.protocol {
            Protocol::Unknown(_) => {}
            Protocol::Resp(conversation) => {
                let ended = ended.map_or_else(|why| Ended::Failed(why.as_resp()), Ended::Answered);
                conversation.ended(ended, out);
            }
            Protocol::Etcd(session) => session.ended(batch, ended.map_err(Trouble::as_etcd), &about.node),
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.protocol {
            Protocol::Etcd(session) => Some(session),
            _ => None,
        }
    }

    /// From which revision on it wants to know what changed, of a store at this revision.
    pub(crate) fn wants(&self, revision: i64) -> Option<i64> {
        match &self.protocol {
            Protocol::Etcd(session) => session.wants(revision),
            _ => None,
        }
    }

    /// What it wants to know is asked now.
    pub(crate) fn is_asking(&mut self) {
        self.session().into_iter().for_each(Session::is_asking);
    }

    /// Whether it watches.
    pub(crate) fn watches(&self) -> bool {
        matches!(&self.protocol, Protocol::Etcd(session) if session.watches())
    }

    /// This changed; or nobody could say.
    pub(crate) fn changed(&mut self, from: i64, changed: Option<&(Changes, i64)>, about: &About) {
        let Some(session) = self.session() else { return };
        match changed {
            Some((changes, revision)) => session.changed(from, changes, *revision, &about.node),
            None => session.unchanged(),
        }
    }
}
