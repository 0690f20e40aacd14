//! Log delivered: links whose receiver forgets nothing in a crash. What is delivered is logged first; the layer above reads
//! the log.
//!
//! # Source
//! CGR11 Algorithm 2.3, §2.4.5.
//!
//! # Model
//! crash-recovery x stubborn links x asynchronous; any number of faulty processes.
//!
//! # Properties
//! LPL1 reliable delivery · LPL2 no duplication · LPL3 no creation.
//! Twin "delivers before it logs": what it delivered is missing from the log after a crash, and delivered again (LPL2
//! fails).
//!
//! # Cost
//! Nothing beyond the stubborn link's messages; one write a message.
//!
//! # Departures from the source
//! - The source's ⟨Deliver | delivered⟩ names the whole log each time, also after a restart. Here
//!   [`LogDeliver::Deliver`] tells by what the log has grown, and [`LogDeliver::Recovered`] the whole of it after a
//!   restart; a message that was logged, its ⟨Deliver⟩ cut off by the crash, is told by the latter alone. "Delivered at
//!   most once" is therefore a property of the log.
//! - The source writes the whole log each time; a write here is one entry.
//! - Messages are told apart by (sender, sequence number, value). The sequence number is volatile: a *sender* that
//!   restarts numbers from 0 again, and what it sends then may equal an entry of before. LPL1 speaks of senders that
//!   never crash; to survive the sender's crash is what durable links add.
//!
//! # Bounds
//! Covered whole, over retransmit forever: 2 processes, 2 messages, 1 restart, also with 1 loss and 1 duplicate.

use super::{LinkDeliver, LinkSend, LogDeliver, Numbered, SequenceNumber};
use crate::variant::Variant;
use std::collections::BTreeSet;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Delivers, and only then logs.
    DeliversBeforeItLogs,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogDelivered<M> {
    defect: Option<Defect>,
    /// The number of the next message sent here.
    next_sn: SequenceNumber,
    /// `delivered`: what the log holds.
    delivered: BTreeSet<Entry<M>>,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry<M> {
    /// The sender.
    pub from: ProcessId,
    /// What arrived from it.
    pub data: Numbered<M>,
}

/// The log: what a crash leaves, in the order in which it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Log<M>(pub Vec<Entry<M>>);

impl<M> Default for Log<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M: Value> Stable for Log<M> {
    type Write = Entry<M>;
    fn apply(&mut self, entry: Entry<M>) {
        self.0.push(entry);
    }
}

impl<M: Value> Process for LogDelivered<M> {
    type Model = (CrashRecovery, Stubborn, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = LinkSend<M>;
    type Indication = LogDeliver<M>;
    type Message = Numbered<M>;
    type Stable = Log<M>;
    const MARKS: &'static [&'static str] = &["logged before"];

    // upon event ⟨lpl, Init⟩: the empty disk is the empty log
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self { defect: parameters.defect, next_sn: SequenceNumber::default(), delivered: BTreeSet::new() }
    }

    // upon event ⟨lpl, Recovery⟩
    fn on_recovery(parameters: &Parameters, log: &Log<M>, ctx: &mut impl Context<Self>) -> Self {
        let told = log.0.iter().map(|e| LinkDeliver { from: e.from, message: e.data.message.clone() });
        ctx.indicate(LogDeliver::Recovered(told.collect()));
        let delivered = log.0.iter().cloned().collect();
        Self { defect: parameters.defect, next_sn: SequenceNumber::default(), delivered }
    }

    // upon event ⟨lpl, Send | q, m⟩
    fn on_request(&mut self, LinkSend { to, message }: LinkSend<M>, ctx: &mut impl Context<Self>) {
        ctx.send(to, Numbered { sn: self.next_sn.take(), message });
    }

    // upon event ⟨sl, Deliver | p, [DATA, sn, m]⟩
    fn on_message(&mut self, p: ProcessId, data: Numbered<M>, ctx: &mut impl Context<Self>) {
        let told = LogDeliver::Deliver(LinkDeliver { from: p, message: data.message.clone() });
        let entry = Entry { from: p, data };
        if !self.delivered.insert(entry.clone()) {
            return ctx.reach("logged before");
        }
        if self.defect == Some(Defect::DeliversBeforeItLogs) {
            ctx.indicate(told);
            ctx.store(entry);
        } else {
            ctx.store(entry); // nothing said from here on leaves before this is durable
            ctx.indicate(told);
        }
    }

    no_timers!();
}
