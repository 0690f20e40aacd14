//! Eager reliable broadcast: all correct processes deliver the same set of messages, even when the sender crashes half-way
//! through its broadcast.
//!
//! # Source
//! CGR11 Algorithm 3.3, §3.3.4.
//!
//! # Model
//! crash-stop x perfect links x asynchronous; any number of faulty processes; no failure detector.
//!
//! # Properties
//! RB1 validity · RB2 no duplication · RB3 no creation · RB4 agreement.
//! Not uniform: a process that delivers and then crashes may be the only one to deliver (URB4 fails), also where the
//! relay is sent before the delivery ([`Defect::RelaysFirst`], not a defect for RB): what is in flight is lost with its
//! sender.
//! Twin "no relay": a sender that crashes half-way is delivered by some alone (RB4 fails).
//!
//! # Cost
//! n^2 - 1 messages a broadcast (to oneself not counted; the origin relays, too); 1 step without failures, up to f + 1 with them.
//!
//! # Departures from the source
//! The source tells messages apart by value; here by (origin, sequence number).
//!
//! # Bounds
//! Covered whole: n = 3, f = 1 and f = 2, 1 broadcast.

use super::{Broadcast, BroadcastDeliver, Data, MessageId};
use crate::links::SequenceNumber;
use crate::variant::Variant;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Does not relay: RB4 fails.
    NoRelay,
    /// Relays before it delivers: sound for RB1-4, and URB4 fails all the same.
    RelaysFirst,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EagerReliableBroadcast<M> {
    defect: Option<Defect>,
    /// The number of the next message broadcast here.
    next_sn: SequenceNumber,
    /// `delivered`: grows without bound.
    delivered: BTreeSet<MessageId>,
    payload: PhantomData<fn() -> M>,
}

impl<M: Value> Process for EagerReliableBroadcast<M> {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = Broadcast<M>;
    type Indication = BroadcastDeliver<M>;
    type Message = Data<M>;
    const MARKS: &'static [&'static str] = &["delivered before"];

    // upon event ⟨rb, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self {
            defect: parameters.defect,
            next_sn: SequenceNumber::default(),
            delivered: BTreeSet::new(),
            payload: PhantomData,
        }
    }

    // upon event ⟨rb, Broadcast | m⟩
    fn on_request(&mut self, Broadcast(message): Broadcast<M>, ctx: &mut impl Context<Self>) {
        let id = MessageId { origin: ctx.me(), sn: self.next_sn.take() };
        ctx.broadcast(&Data { id, message });
    }

    // upon event ⟨beb, Deliver | p, [DATA, s, m]⟩
    fn on_message(&mut self, _p: ProcessId, data: Data<M>, ctx: &mut impl Context<Self>) {
        if !self.delivered.insert(data.id) {
            return ctx.reach("delivered before");
        }
        // The relay is why RB4 holds: the origin may have crashed before it reached all.
        match self.defect {
            None => {
                ctx.indicate(data.clone().deliver());
                ctx.broadcast(&data);
            }
            Some(Defect::RelaysFirst) => {
                ctx.broadcast(&data);
                ctx.indicate(data.deliver());
            }
            Some(Defect::NoRelay) => ctx.indicate(data.deliver()),
        }
    }

    no_timers!();
    no_storage!();
}
