//! Basic broadcast: send to all, and hope to live long enough.
//!
//! # Source
//! CGR11 Algorithm 3.1, §3.2.
//!
//! # Model
//! crash-stop x perfect links x asynchronous; any number of faulty processes.
//!
//! # Properties
//! BEB1 validity · BEB2 no duplication · BEB3 no creation.
//! Nothing where the sender crashes half-way: some deliver, others never do (RB4 fails). That is its lesson, and its
//! twin "skips the last" shows that BEB1 is not vacuous.
//!
//! # Cost
//! n - 1 messages a broadcast (to oneself not counted); 1 step.
//!
//! # Departures from the source
//! none.
//!
//! # Bounds
//! Covered whole: n = 3, f = 1, 1 broadcast.

use super::{Broadcast, BroadcastDeliver};
use crate::variant::Variant;
use std::marker::PhantomData;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Sends to all but the last process.
    SkipsTheLast,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BestEffortBroadcast<M> {
    defect: Option<Defect>,
    payload: PhantomData<fn() -> M>,
}

impl<M: Value> Process for BestEffortBroadcast<M> {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = Broadcast<M>;
    type Indication = BroadcastDeliver<M>;
    type Message = M;

    // upon event ⟨beb, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self { defect: parameters.defect, payload: PhantomData }
    }

    // upon event ⟨beb, Broadcast | m⟩
    fn on_request(&mut self, Broadcast(message): Broadcast<M>, ctx: &mut impl Context<Self>) {
        let skipped = usize::from(self.defect == Some(Defect::SkipsTheLast));
        for q in ctx.processes().take(ctx.n() - skipped) {
            ctx.send(q, message.clone());
        }
    }

    // upon event ⟨pl, Deliver | p, m⟩
    fn on_message(&mut self, origin: ProcessId, message: M, ctx: &mut impl Context<Self>) {
        ctx.indicate(BroadcastDeliver { origin, message });
    }

    no_timers!();
    no_storage!();
}
