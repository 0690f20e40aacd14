//! Stop-and-wait: a link that sends one message at a time, again and again until it is acknowledged, and the next one then.
//!
//! # Source
//! Bartlett, Scantlebury, Wilkinson 1969 with numbers in place of one bit; the timeout is RFC 6298's or a fixed one. As stubborn
//! links with acknowledgement: CGR11 §2.4.3.
//!
//! # Model
//! crash-stop x fair-loss links x partially synchronous, for a timer; any number of faulty processes.
//!
//! # Properties
//! PL1 reliable delivery · PL2 no duplication · PL3 no creation · FPL4 FIFO delivery, over links that lose, duplicate and reorder.
//! ARQ confirmation: what is confirmed was delivered.
//! Twins: "counts no copies" (the receiver delivers each copy: PL2 fails). "Gives up" (after two transmissions the next message is taken:
//! FPL4 fails, and PL1 where nothing follows). "Any acknowledgement" (that of an earlier message is taken for this one's: the confirmation is false).
//!
//! # Cost
//! 1 / ((1 - p)(1 - r)) transmissions a message on average, where p of the messages and r of the acknowledgements are lost;
//! delivered after 1 / (1 - p) of them (`synod reproduce I1`). An acknowledgement for each that arrives.
//!
//! # Departures from the source
//! - Messages to one receiver are numbered, where the source alternates a bit: links that reorder would confuse it.
//! - One message is under way at a time, whoever it is for.
//! - A process cannot read a clock: round trips are counted in ticks of a timer, as TCP did it when its clock ticked every
//!   500 ms. The tick is the granularity G of RFC 6298.
//! - With the adaptive timeout the estimate is one for all receivers.
//!
//! # Bounds
//! Simulated alone.

use super::retransmission_timeout::Constants;
use super::{ConfirmedLink, LinkDeliver, LinkSend, RetransmissionTimeout, SequenceNumber};
use std::collections::{BTreeMap, VecDeque};
use synod_model::prelude::*;

/// How long an acknowledgement is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waits {
    /// Always as long.
    Fixed(#[serde(with = "synod_model::duration")] Duration),
    /// By RFC 6298.
    Adaptive(Constants),
}

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How long an acknowledgement is waited for.
    pub waits: Waits,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// 50 ms.
    fn default() -> Self {
        Self { waits: Waits::Fixed(Duration::from_millis(50)), defect: None }
    }
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// The receiver delivers every copy.
    CountsNoCopies,
    /// The sender takes the next message after two transmissions.
    GivesUp,
    /// The sender takes any acknowledgement for that of the message under way.
    AnyAcknowledgement,
}

/// The message under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct UnderWay<M> {
    to: ProcessId,
    sn: SequenceNumber,
    message: M,
    /// How often it was transmitted.
    transmissions: u32,
    /// How many ticks of the clock there were since.
    ticks: u32,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StopAndWait<M> {
    parameters: Parameters,
    timeout: RetransmissionTimeout,
    under_way: Option<UnderWay<M>>,
    /// What is to be sent then, in order.
    queue: VecDeque<LinkSend<M>>,
    /// By receiver: the number of the next message.
    next: BTreeMap<ProcessId, SequenceNumber>,
    /// By sender: how many of its messages were delivered.
    delivered: BTreeMap<ProcessId, u64>,
}

/// Its messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<M> {
    /// A message under its number.
    Data(SequenceNumber, M),
    /// The message of this number has arrived.
    Ack(SequenceNumber),
}

/// Its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// An acknowledgement would be here.
    Timeout,
    /// The clock goes on by its granularity.
    Tick,
}

impl<M: Value> Process for StopAndWait<M> {
    type Model = (CrashStop, FairLoss, PartiallySynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = LinkSend<M>;
    type Indication = ConfirmedLink<M>;
    type Message = Message<M>;
    type Timer = Timer;
    const MARKS: &'static [&'static str] = &["transmits again", "a copy arrives"];

    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        let constants = match parameters.waits {
            Waits::Fixed(always) => Constants { initial: always, ..Constants::default() },
            Waits::Adaptive(constants) => constants,
        };
        Self {
            parameters: *parameters,
            timeout: RetransmissionTimeout::new(constants),
            under_way: None,
            queue: VecDeque::new(),
            next: BTreeMap::new(),
            delivered: BTreeMap::new(),
        }
    }

    // upon event ⟨Send | q, m⟩
    fn on_request(&mut self, send: LinkSend<M>, ctx: &mut impl Context<Self>) {
        self.queue.push_back(send);
        if self.under_way.is_none() {
            self.take_next(ctx);
        }
    }

    fn on_message(&mut self, q: ProcessId, message: Message<M>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Data(sn, message) => self.on_data(q, sn, message, ctx),
            Message::Ack(sn) => self.on_ack(q, sn, ctx),
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        match timer {
            Timer::Timeout => self.on_timeout(ctx),
            Timer::Tick => self.on_tick(ctx),
        }
    }

    no_storage!();
}

impl<M: Value> StopAndWait<M> {
    /// How long it waits for the next acknowledgement.
    pub fn timeout(&self) -> Duration {
        self.timeout.current()
    }

    fn take_next(&mut self, ctx: &mut impl Context<Self>) {
        if let Some(LinkSend { to, message }) = self.queue.pop_front() {
            let sn = self.next.entry(to).or_default().take();
            self.under_way = Some(UnderWay { to, sn, message, transmissions: 0, ticks: 0 });
            self.transmit(ctx);
            self.set_tick(ctx);
        }
    }

    fn transmit(&mut self, ctx: &mut impl Context<Self>) {
        let Some(under_way) = &mut self.under_way else { return };
        under_way.transmissions += 1;
        ctx.send(under_way.to, Message::Data(under_way.sn, under_way.message.clone()));
        ctx.set_timer(Timer::Timeout, self.timeout.current());
    }

    fn set_tick(&self, ctx: &mut impl Context<Self>) {
        if let Waits::Adaptive(constants) = self.parameters.waits {
            ctx.set_timer(Timer::Tick, constants.granularity);
        }
    }

    fn on_tick(&mut self, ctx: &mut impl Context<Self>) {
        // of what was sent twice no round trip is measured
        let Some(under_way) = self.under_way.as_mut().filter(|u| u.transmissions == 1) else { return };
        under_way.ticks += 1;
        self.set_tick(ctx);
    }

    fn on_timeout(&mut self, ctx: &mut impl Context<Self>) {
        let gives_up = self.parameters.defect == Some(Defect::GivesUp);
        if gives_up && self.under_way.as_ref().is_some_and(|u| u.transmissions >= 2) {
            self.under_way = None;
            return self.take_next(ctx);
        }
        ctx.reach("transmits again");
        if matches!(self.parameters.waits, Waits::Adaptive(_)) {
            self.timeout.expired();
        }
        self.transmit(ctx);
    }

    /// Whatever comes is acknowledged: the acknowledgement of the copy before it may be lost. It is delivered first, for who
    /// crashes in between must not have confirmed it.
    fn on_data(&mut self, q: ProcessId, sn: SequenceNumber, message: M, ctx: &mut impl Context<Self>) {
        let delivered = self.delivered.entry(q).or_default();
        // a sender that is a twin leaves messages out
        let skips = self.parameters.defect.is_some() && sn.0 > *delivered;
        let is_new = sn.0 == *delivered || skips;
        if is_new {
            *delivered = sn.0 + 1;
        } else {
            ctx.reach("a copy arrives");
        }
        if is_new || self.parameters.defect == Some(Defect::CountsNoCopies) {
            ctx.indicate(ConfirmedLink::Deliver(LinkDeliver { from: q, message }));
        }
        ctx.send(q, Message::Ack(sn));
    }

    fn on_ack(&mut self, q: ProcessId, sn: SequenceNumber, ctx: &mut impl Context<Self>) {
        let any = self.parameters.defect == Some(Defect::AnyAcknowledgement);
        let Some(confirmed) = self.under_way.take_if(|u| u.to == q && (u.sn == sn || any)) else { return };
        ctx.cancel(Timer::Timeout);
        ctx.cancel(Timer::Tick);
        if let (1, Waits::Adaptive(constants)) = (confirmed.transmissions, self.parameters.waits) {
            self.timeout.measured(constants.granularity * confirmed.ticks);
        }
        ctx.indicate(ConfirmedLink::Confirm { to: q, transmissions: confirmed.transmissions });
        self.take_next(ctx);
    }
}
