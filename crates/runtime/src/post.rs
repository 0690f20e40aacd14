//! What a process with logged or durable links has in its log beside what it stores: its inbox, and where links are
//! durable its outbox ([`crate::link::logged`]).
//!
//! All that a handler leaves in the log is one record: the message that it took, what it stored, what it sent. So it is
//! durable as a whole or not at all; and nothing that it says leaves before it is, though it store nothing. A handler whose record
//! did not become durable never happened: its message is taken again.

use crate::link::logged::{Entry, Ledger, Packets, Survives};
use crate::link::{LinkError, Links, PAYLOAD_LENGTH_MAX};
use crate::node::RunError;
use crate::record::HandlerName;
use crate::wal::Recovered;
use crate::wire::whole;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use synod_model::failure::{FailureModel, Who};
use synod_model::link::{Guarantee, LinkModel};
use synod_model::{FailuresOf, LinkOf, Process, ProcessId};

/// The longest payload: a packet has two numbers besides.
const LENGTH_MAX: usize = PAYLOAD_LENGTH_MAX - 32;
/// After how long what is not acknowledged is repeated: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What the links of a process survive with, by its model.
pub(crate) fn survives<P: Process>() -> Option<Survives> {
    let links = <LinkOf<P> as LinkModel>::KIND.guarantees();
    let failures = <FailuresOf<P> as FailureModel>::KIND.profile();
    let defined = failures.restart == Who::Anyone && failures.lie == Who::Nobody;
    if !defined || !links.has(Guarantee::LoggedDelivery) {
        return None;
    }
    Some(if links.has(Guarantee::DurableSending) { Survives::Outbox } else { Survives::Inbox })
}

/// What a handler leaves in the log.
#[derive(Serialize, Deserialize)]
struct Deed {
    handler: HandlerName,
    entries: Vec<Entry>,
    writes: Vec<Vec<u8>>,
}

/// What stands for all of them.
#[derive(Serialize, Deserialize)]
struct Image {
    handler: Option<HandlerName>,
    entries: Vec<Entry>,
    stable: Vec<u8>,
    /// Of how many writes that is the fold.
    writes: u64,
}

/// A log that was read: the process's part of it.
pub(crate) struct Part {
    /// A snapshot of its disk.
    pub(crate) stable: Option<Vec<u8>>,
    /// Of how many writes that is the fold.
    pub(crate) before: u64,
    /// What it wrote after that.
    pub(crate) writes: Vec<Vec<u8>>,
}

/// The inbox and the outbox of a process.
pub(crate) struct Post {
    survives: Survives,
    ledger: Ledger,
    incarnation: u64,
    /// To whom something can be sent.
    known: BTreeSet<ProcessId>,
    /// How many writes the log has.
    writes: u64,
    /// The last handler that left something in it.
    handler: Option<HandlerName>,
    /// What comes into the record of the handler that runs next.
    entries: Vec<Entry>,
    repeat: Repeat,
}

/// When what is not acknowledged is repeated.
struct Repeat {
    at: Option<Instant>,
    pause: Duration,
    /// Who had not acknowledged all when that was decided, and how much each had.
    unsettled: BTreeMap<ProcessId, u64>,
}

impl Post {
    /// What a log holds.
    pub(crate) fn restore(
        survives: Survives,
        known: BTreeSet<ProcessId>,
        recovered: &Recovered,
    ) -> Result<(Self, Part), RunError> {
        let image: Option<Image> =
            recovered.snapshot.as_deref().map(whole).transpose().map_err(RunError::ForeignSnapshot)?;
        let (mut handler, mut entries, mut part) = match image {
            None => (None, vec![], Part { stable: None, before: 0, writes: vec![] }),
            Some(Image { handler, entries, stable, writes }) => {
                (handler, entries, Part { stable: Some(stable), before: writes, writes: vec![] })
            }
        };
        for (number, bytes) in (recovered.records_before..).zip(&recovered.records) {
            let mut deed: Deed = whole(bytes).map_err(|why| RunError::ForeignWrite { number, why })?;
            handler = Some(deed.handler);
            entries.append(&mut deed.entries);
            part.writes.append(&mut deed.writes);
        }
        let post = Self {
            survives,
            ledger: Ledger::restore(survives, recovered.incarnation, entries),
            incarnation: recovered.incarnation,
            known,
            writes: part.before + part.writes.len() as u64,
            handler,
            entries: vec![],
            repeat: Repeat { at: None, pause: PAUSES.0, unsettled: BTreeMap::new() },
        };
        Ok((post, part))
    }

    /// How many writes the log has.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    /// The last handler that left something in the log.
    pub(crate) fn last(&self) -> Option<HandlerName> {
        self.handler
    }

    /// A message arrives. Whether it is new: then the handler that runs next is its.
    pub(crate) fn take(&mut self, from: ProcessId, outbox: u64, number: u64) -> bool {
        let taken = self.ledger.take(from, outbox, number);
        let is_new = taken.is_some();
        self.entries.extend(taken);
        is_new
    }

    /// An acknowledgement arrives. That goes into the log with the next handler: it is in no hurry.
    pub(crate) fn settle(&mut self, from: ProcessId, outbox: u64, number: u64) {
        self.entries.extend(self.ledger.settle(from, outbox, number));
    }

    /// Whether what a handler sends belongs into the log with it.
    pub(crate) fn keeps_the_sent(&self) -> bool {
        self.survives == Survives::Outbox
    }

    /// A message is sent: by the handler whose record is made next, if its record keeps that.
    pub(crate) fn send(&mut self, to: ProcessId, payload: Vec<u8>) -> Result<(), LinkError> {
        if !self.known.contains(&to) {
            return Err(LinkError::NoSuchPeer(to));
        }
        if payload.len() > LENGTH_MAX {
            return Err(LinkError::TooLong { length: payload.len() });
        }
        self.entries.extend(self.ledger.send(to, payload));
        Ok(())
    }

    /// The record of a handler that has run, if it leaves one.
    pub(crate) fn record(&mut self, handler: u64, writes: Vec<Vec<u8>>) -> Result<Option<Vec<u8>>, RunError> {
        let is_settled = |entry: &Entry| matches!(entry, Entry::Settled { .. });
        if writes.is_empty() && self.entries.iter().all(is_settled) {
            return Ok(None);
        }
        let handler = HandlerName { incarnation: self.incarnation, handler };
        self.handler = Some(handler);
        self.writes += writes.len() as u64;
        let deed = Deed { handler, entries: std::mem::take(&mut self.entries), writes };
        postcard::to_stdvec(&deed).map(Some).map_err(RunError::Value)
    }

    /// What stands for the log, all of which is durable.
    pub(crate) fn image(&self, stable: Vec<u8>) -> Result<Vec<u8>, RunError> {
        let entries = self.ledger.snapshot();
        let image = Image { handler: self.handler, entries, stable, writes: self.writes };
        postcard::to_stdvec(&image).map_err(RunError::Value)
    }

    /// What may leave now that all of the log is durable; and what is not acknowledged, again: where the links below have
    /// nothing for a peer any more, they have lost it with an incarnation.
    pub(crate) fn packets(&mut self, links: &dyn Links) -> Packets {
        let mut packets = self.ledger.synced();
        let unsettled = self.ledger.unsettled();
        let repeat = &mut self.repeat;
        if unsettled.is_empty() {
            (repeat.at, repeat.pause) = (None, PAUSES.0);
            return packets;
        }
        let is_due = repeat.at.is_some_and(|at| Instant::now() >= at);
        if is_due {
            let status = links.status();
            let is_idle = |to| status.get(to).is_some_and(|link| link.unacknowledged == 0 && !link.cut);
            let stuck = |&(to, settled): &(&ProcessId, &u64)| repeat.unsettled.get(to) == Some(settled);
            for (&to, _) in unsettled.iter().filter(stuck).filter(|(to, _)| is_idle(to)) {
                packets.extend(self.ledger.repeat(to));
            }
            let is_progress = repeat.unsettled != unsettled;
            repeat.pause = if is_progress { PAUSES.0 } else { PAUSES.1.min(repeat.pause * 2) };
        }
        if is_due || repeat.at.is_none() {
            repeat.at = Instant::now().checked_add(repeat.pause);
            repeat.unsettled = unsettled;
        }
        packets
    }

    /// How long it takes until something is to be repeated.
    pub(crate) fn next_repeat(&self) -> Option<Duration> {
        self.repeat.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// How many messages wait for a peer: sent, and not taken by it.
    pub(crate) fn waiting(&self, to: ProcessId) -> usize {
        self.ledger.waiting(to)
    }

    /// How many bytes wait for the peer for whom the most do.
    pub(crate) fn waiting_bytes_most(&self) -> usize {
        self.ledger.waiting_bytes_most()
    }
}
