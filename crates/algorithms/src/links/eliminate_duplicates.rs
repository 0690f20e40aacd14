//! Eliminate duplicates: perfect links from stubborn ones, by a filter of what was delivered.
//!
//! # Source
//! CGR11 Algorithm 2.2, §2.4.4.
//!
//! # Model
//! crash-stop x stubborn links x asynchronous; any number of faulty processes.
//!
//! # Properties
//! PL1 reliable delivery · PL2 no duplication · PL3 no creation.
//! Twin "no filter": PL2 fails. One notch below the model, where processes restart, the filter is lost and PL2 fails too:
//! what TCP forgets.
//!
//! # Cost
//! Nothing beyond the stubborn link's messages.
//!
//! # Departures from the source
//! The source tells messages apart by value and takes each to be sent once; here by (sender, sequence number).
//!
//! # Bounds
//! Covered whole, over retransmit forever: 2 processes, 2 messages, up to 3 losses and 2 duplicates.

use super::{LinkDeliver, LinkSend, Numbered, SequenceNumber};
use crate::variant::Variant;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Delivers whatever arrives.
    NoFilter,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EliminateDuplicates<M> {
    defect: Option<Defect>,
    /// The number of the next message sent here.
    next_sn: SequenceNumber,
    /// `delivered`: grows without bound.
    delivered: BTreeSet<(ProcessId, SequenceNumber)>,
    payload: PhantomData<fn() -> M>,
}

impl<M: Value> Process for EliminateDuplicates<M> {
    type Model = (CrashStop, Stubborn, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = LinkSend<M>;
    type Indication = LinkDeliver<M>;
    type Message = Numbered<M>;
    const MARKS: &'static [&'static str] = &["duplicate"];

    // upon event ⟨pl, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self {
            defect: parameters.defect,
            next_sn: SequenceNumber::default(),
            delivered: BTreeSet::new(),
            payload: PhantomData,
        }
    }

    // upon event ⟨pl, Send | q, m⟩
    fn on_request(&mut self, LinkSend { to, message }: LinkSend<M>, ctx: &mut impl Context<Self>) {
        ctx.send(to, Numbered { sn: self.next_sn.take(), message });
    }

    // upon event ⟨sl, Deliver | p, [DATA, sn, m]⟩
    fn on_message(&mut self, p: ProcessId, data: Numbered<M>, ctx: &mut impl Context<Self>) {
        let new = self.delivered.insert((p, data.sn));
        if new || self.defect == Some(Defect::NoFilter) {
            ctx.indicate(LinkDeliver { from: p, message: data.message });
        } else {
            ctx.reach("duplicate");
        }
    }

    no_timers!();
    no_storage!();
}

impl<M: Value> LinkTransformer for EliminateDuplicates<M> {
    type Payload = M;
    type Provides = Perfect;
}
