//! Majority-ack uniform reliable broadcast: what any process delivers, be it one that crashes, all correct ones deliver.
//! A process delivers what a majority has relayed: one of them is correct.
//!
//! # Source
//! CGR11 Algorithm 3.5, §3.4.4 (with the exercise's candeliver for a majority).
//!
//! # Model
//! crash-stop x perfect links x asynchronous; a majority is correct, n > 2f. At n = 2f it is stuck, not unsafe.
//!
//! # Properties
//! URB1 validity · URB2 no duplication · URB3 no creation · URB4 uniform agreement.
//! Twin "first ack": delivers on the first relay it hears (URB4 fails). Twin "waits for all": delivers what all have
//! relayed (safe; once a process has stopped nobody delivers, URB1 fails).
//!
//! # Cost
//! n(n - 1) messages a broadcast (to oneself not counted); 2 steps without failures.
//!
//! # Departures from the source
//! - The source tells messages apart by value; here by (origin, sequence number).
//! - `ack[m]` is dropped once m is delivered: nothing reads it any more.
//!
//! # Bounds
//! Covered whole: n = 3, f = 1, 1 broadcast.

use super::{BestEffortBroadcast, Broadcast, BroadcastDeliver, Data, MessageId, best_effort};
use crate::links::SequenceNumber;
use crate::variant::Variant;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Delivers on the first acknowledgement instead of a majority's.
    DeliversOnFirstAck,
    /// Delivers when all have acknowledged: safe, and not live once one has stopped.
    WaitsForAll,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MajorityAckBroadcast<M> {
    defect: Option<Defect>,
    beb: BestEffortBroadcast<Data<M>>,
    /// The number of the next message broadcast here.
    next_sn: SequenceNumber,
    /// `pending`, with `ack` and `delivered`: how far each message that was seen is. Grows without bound.
    seen: BTreeMap<MessageId, Progress>,
}

/// How far a message is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Progress {
    /// In `pending`: relayed, and acknowledged by these (`ack[m]`).
    Pending(ProcessSet),
    /// In `delivered`.
    Delivered,
}

embed! { [M: Value] MajorityAckBroadcast<M> {
    BestEffortBroadcast<Data<M>>: message std::convert::identity;
} }

impl<M: Value> Process for MajorityAckBroadcast<M> {
    type Model = (CrashStop, Perfect, Asynchronous, Majority);
    type Parameters = Parameters;
    type Request = Broadcast<M>;
    type Indication = BroadcastDeliver<M>;
    type Message = Data<M>;
    const MARKS: &'static [&'static str] = &["relays", "late acknowledgement"];

    // upon event ⟨urb, Init⟩
    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        let (beb, said) =
            ctx.start(|ctx| BestEffortBroadcast::on_init(&best_effort::Parameters::default(), ctx));
        said.expect_none("best-effort broadcast starts in silence");
        Self { defect: parameters.defect, beb, next_sn: SequenceNumber::default(), seen: BTreeMap::new() }
    }

    // upon event ⟨urb, Broadcast | m⟩
    fn on_request(&mut self, Broadcast(message): Broadcast<M>, ctx: &mut impl Context<Self>) {
        let id = MessageId { origin: ctx.me(), sn: self.next_sn.take() };
        self.seen.insert(id, Progress::Pending(ProcessSet::new()));
        self.beb_broadcast(Data { id, message }, ctx);
    }

    fn on_message(&mut self, from: ProcessId, message: Data<M>, ctx: &mut impl Context<Self>) {
        for delivered in ctx.embed(&mut self.beb, |beb, ctx| beb.on_message(from, message, ctx)) {
            self.on_beb_deliver(delivered, ctx);
        }
    }

    no_timers!();
    no_storage!();
}

impl<M: Value> MajorityAckBroadcast<M> {
    // upon event ⟨beb, Deliver | p, [DATA, s, m]⟩
    fn on_beb_deliver(&mut self, delivered: BroadcastDeliver<Data<M>>, ctx: &mut impl Context<Self>) {
        let BroadcastDeliver { origin: p, message: data } = delivered;
        if let Entry::Vacant(unseen) = self.seen.entry(data.id) {
            ctx.reach("relays");
            unseen.insert(Progress::Pending(ProcessSet::new()));
            self.beb_broadcast(data.clone(), ctx);
        }
        let Some(Progress::Pending(ack)) = self.seen.get_mut(&data.id) else {
            return ctx.reach("late acknowledgement");
        };
        ack.insert(p);
        if can_deliver(self.defect, ack, ctx.group()) {
            self.seen.insert(data.id, Progress::Delivered);
            ctx.indicate(data.deliver());
        }
    }

    fn beb_broadcast(&mut self, data: Data<M>, ctx: &mut impl Context<Self>) {
        ctx.embed(&mut self.beb, |beb, ctx| beb.on_request(Broadcast(data), ctx))
            .expect_none("delivery takes a message, also to oneself");
    }
}

// function candeliver(m): a majority has it, so a correct process does, and its relay reaches all correct ones
fn can_deliver(defect: Option<Defect>, ack: &ProcessSet, group: Group) -> bool {
    let needed = match defect {
        None => group.majority(),
        Some(Defect::DeliversOnFirstAck) => 1,
        Some(Defect::WaitsForAll) => group.count as usize,
    };
    ack.len() >= needed
}
