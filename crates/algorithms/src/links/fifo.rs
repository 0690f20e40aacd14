//! FIFO links: perfect links that deliver in the order of sending, by sequence numbers and holding back.
//!
//! # Source
//! CGR11 Algorithm 2.11 (Sequence Number), Module 2.11 (FIFO-order perfect links), in the exercises of ch. 2.
//!
//! # Model
//! crash-stop x perfect links x asynchronous; any number of faulty processes.
//!
//! # Properties
//! PL1 reliable delivery · PL2 no duplication · PL3 no creation · FPL4 FIFO delivery.
//! Twin "no hold-back": delivers whatever arrives (FPL4 fails).
//!
//! # Cost
//! Nothing beyond the perfect link's messages.
//!
//! # Departures from the source
//! Numbers start at 0 for sender and receiver alike.
//!
//! # Bounds
//! Covered whole: 2 processes, 3 messages, 1 stop; over fair-loss links 2 messages, 1 loss, 1 duplicate.

use super::{LinkDeliver, LinkSend, Numbered, SequenceNumber};
use crate::variant::Variant;
use std::collections::BTreeMap;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Delivers whatever arrives, in its order of arrival.
    NoHoldBack,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FifoLink<M> {
    defect: Option<Defect>,
    /// `lsn`: the number of the next message to each process.
    lsn: BTreeMap<ProcessId, SequenceNumber>,
    /// `next`: the number of the next message to deliver from each process.
    next: BTreeMap<ProcessId, SequenceNumber>,
    /// `pending`: what arrived too early.
    pending: BTreeMap<(ProcessId, SequenceNumber), M>,
}

impl<M: Value> Process for FifoLink<M> {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = LinkSend<M>;
    type Indication = LinkDeliver<M>;
    type Message = Numbered<M>;
    const MARKS: &'static [&'static str] = &["too early"];

    // upon event ⟨fpl, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self {
            defect: parameters.defect,
            lsn: BTreeMap::new(),
            next: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    // upon event ⟨fpl, Send | q, m⟩
    fn on_request(&mut self, LinkSend { to, message }: LinkSend<M>, ctx: &mut impl Context<Self>) {
        let sn = self.lsn.entry(to).or_default().take();
        ctx.send(to, Numbered { sn, message });
    }

    // upon event ⟨pl, Deliver | p, [DATA, sn, m]⟩
    fn on_message(&mut self, p: ProcessId, data: Numbered<M>, ctx: &mut impl Context<Self>) {
        if self.defect == Some(Defect::NoHoldBack) {
            return ctx.indicate(LinkDeliver { from: p, message: data.message });
        }
        let next = self.next.entry(p).or_default();
        if data.sn > *next {
            ctx.reach("too early");
        }
        self.pending.insert((p, data.sn), data.message);
        while let Some(message) = self.pending.remove(&(p, *next)) {
            next.take();
            ctx.indicate(LinkDeliver { from: p, message });
        }
    }

    no_timers!();
    no_storage!();
}

impl<M: Value> LinkTransformer for FifoLink<M> {
    type Payload = M;
    type Provides = Fifo<Perfect>;
}
