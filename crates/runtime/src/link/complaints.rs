//! What arrives and is dropped: counted always, logged once for each sender and reason.

use super::stream::locked;
use super::tls::is_tls;
use super::{Dropped, Rejected};
use crate::frame::FrameError;
use crate::session::SessionError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Mutex;
use synod_model::ProcessId;

/// How many reasons are remembered as logged: a stranger who thinks of new ones is not logged for ever.
const REASONS_MAX: usize = 256;

/// Why something is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Malformed,
    Oversized,
    Forged,
    Replayed,
    Foreign,
    Surplus,
}

/// By whom, why, and in which words something was dropped and logged. Nobody is a stranger.
type Reasons = BTreeSet<(Option<ProcessId>, Kind, String)>;

/// The counts of a node.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    dropped: Mutex<BTreeMap<Option<ProcessId>, Dropped>>,
    logged: Mutex<Reasons>,
}

impl Complaints {
    /// Something from `from`, or from a stranger, is dropped.
    pub(crate) fn count(&self, from: Option<ProcessId>, kind: Kind, why: &dyn Display) {
        locked(&self.dropped).entry(from).or_default().count(kind);
        let reason = (from, kind, why.to_string());
        let mut logged = locked(&self.logged);
        if logged.len() < REASONS_MAX && !logged.contains(&reason) {
            let who = from.map_or_else(|| "a stranger".to_owned(), |p| p.to_string());
            tracing::warn!(from = %who, kind = ?kind, "dropped: {}; more of these are only counted", reason.2);
            logged.insert(reason);
        }
    }

    /// A payload is rejected by the node.
    pub(crate) fn rejected(&self, from: ProcessId, rejected: &Rejected) {
        let kind = match rejected {
            Rejected::Malformed(_) => Kind::Malformed,
            Rejected::Forged(_) => Kind::Forged,
        };
        self.count(Some(from), kind, rejected);
    }

    /// A frame is none. (One that was cut short with its connection is nobody's fault.)
    pub(crate) fn frame(&self, from: Option<ProcessId>, error: &FrameError) {
        let kind = match error {
            FrameError::Io(e) if is_tls(e) => Kind::Forged,
            FrameError::Truncated | FrameError::Io(_) => return,
            FrameError::TooLong { .. } => Kind::Oversized,
            _ => Kind::Malformed,
        };
        self.count(from, kind, error);
    }

    /// A message breaks the rules of a session.
    pub(crate) fn session(&self, from: ProcessId, error: SessionError) {
        let kind = match error {
            SessionError::Gap { .. } | SessionError::Unwritten { .. } => Kind::Malformed,
            SessionError::Fenced { .. } | SessionError::Closed { .. } | SessionError::Twice { .. } => {
                Kind::Foreign
            }
        };
        self.count(Some(from), kind, &error);
    }

    /// What came from a peer, or from strangers.
    pub(crate) fn dropped(&self, from: Option<ProcessId>) -> Dropped {
        locked(&self.dropped).get(&from).copied().unwrap_or_default()
    }
}

impl Dropped {
    fn count(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Malformed => &mut self.malformed,
            Kind::Oversized => &mut self.oversized,
            Kind::Forged => &mut self.forged,
            Kind::Replayed => &mut self.replayed,
            Kind::Foreign => &mut self.foreign,
            Kind::Surplus => &mut self.surplus,
        };
        *count += 1;
    }
}
