//! Retransmit forever: a link that delivers, for ever, what was sent once, over links that lose messages.
//!
//! # Source
//! CGR11 Algorithm 2.1, §2.4.3.
//!
//! # Model
//! crash-recovery x fair-loss links x asynchronous; any number of faulty processes. (So that it can be embedded under
//! crash-stop and crash-recovery hosts alike; the source states it for crash-stop.)
//!
//! # Properties
//! SL1 stubborn delivery · SL2 no creation.
//! Twin "stops": gives up after some pulses (SL1 fails as soon as as many copies are lost).
//!
//! # Cost
//! One message, and one more each pulse, for ever.
//!
//! # Departures from the source
//! - The timer is a pulse: no clock is needed to retransmit.
//! - `sent` is a set, so sending an equal message to the same process again adds nothing: it is delivered for ever anyway.
//! - `sent` is volatile: a sender that crashes stops retransmitting (SL1 promises nothing for it).
//!
//! # Bounds
//! Covered whole: 2 processes, 1 message; up to 2 losses and 1 duplicate, or 1 of each and 1 restart.

use super::{LinkDeliver, LinkSend};
use crate::variant::Variant;
use std::collections::BTreeSet;
use synod_model::prelude::*;

/// What the processes know from the start.
pub type Parameters = Variant<Defect>;

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Retransmits at this many pulses, then no more.
    StopsAfter(u8),
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetransmitForever<M> {
    /// `sent`: grows without bound; a practical link takes out what was acknowledged.
    sent: BTreeSet<(ProcessId, M)>,
    /// How many pulses are left, for the twin that stops.
    pulses_left: Option<u8>,
}

/// Its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// Send all again.
    Retransmit,
}

impl<M: Value> Process for RetransmitForever<M> {
    type Model = (CrashRecovery, FairLoss, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = LinkSend<M>;
    type Indication = LinkDeliver<M>;
    type Message = M;
    type Timer = Timer;

    // upon event ⟨sl, Init⟩
    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        ctx.set_pulse(Timer::Retransmit);
        let pulses_left = parameters.defect.map(|Defect::StopsAfter(pulses)| pulses);
        Self { sent: BTreeSet::new(), pulses_left }
    }

    // upon event ⟨sl, Send | q, m⟩
    fn on_request(&mut self, LinkSend { to, message }: LinkSend<M>, ctx: &mut impl Context<Self>) {
        ctx.send(to, message.clone());
        self.sent.insert((to, message));
    }

    // upon event ⟨Timeout⟩
    fn on_timer(&mut self, Timer::Retransmit: Timer, ctx: &mut impl Context<Self>) {
        if let Some(left) = &mut self.pulses_left {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => return, // the twin: neither sends nor sets the pulse again
            }
        }
        for (to, message) in &self.sent {
            ctx.send(*to, message.clone());
        }
        ctx.set_pulse(Timer::Retransmit);
    }

    // upon event ⟨fll, Deliver | p, m⟩
    fn on_message(&mut self, from: ProcessId, message: M, ctx: &mut impl Context<Self>) {
        ctx.indicate(LinkDeliver { from, message });
    }

    no_storage!();
}

impl<M: Value> LinkTransformer for RetransmitForever<M> {
    type Payload = M;
    type Provides = Stubborn;
}
