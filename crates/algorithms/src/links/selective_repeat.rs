//! Selective repeat: perfect links from fair-loss ones, as practice has them: what was not acknowledged is sent again, a window
//! bounds what is under way, and it obeys congestion.
//!
//! # Source
//! The practical form of CGR11 Algorithms 2.1 and 2.2 (§2.4.3: "retransmit until acknowledged"). Acknowledgements name what arrived, also beyond
//! gaps: Mathis, Mahdavi, Floyd, Romanow 1996 (RFC 2018). Timeouts, their back-off and whose round trips count: RFC 6298
//! and Karn, Partridge 1987. The window: RFC 5681. A gap counts as a loss once enough arrived that was sent later: RFC 5681's
//! duplicate threshold, for retransmissions too as in Cheng, Cardwell, Dukkipati, Jha 2021 (RFC 8985). Incarnations: Watson 1981.
//!
//! # Model
//! crash-recovery x fair-loss links x asynchronous; any number of faulty processes. (So that it can stand under crash-stop and
//! crash-recovery processes alike.)
//!
//! # Properties
//! PL1 reliable delivery · PL2 no duplication · PL3 no creation: once per pair of incarnations, and never to a second one. So what is sent to a
//! receiver that has restarted before the sender has heard of that is lost (PL1 fails there): nobody can tell it from what was delivered before the crash.
//! Twins: "no filter" (every copy is delivered: PL2 fails). "Highest for all" (an acknowledgement beyond a gap is taken for one
//! of all before it: PL1 fails). "Ignores incarnations" (what was meant for a receiver that has restarted since is delivered: PL2 fails).
//!
//! # Cost
//! Without losses one message and, at most, one acknowledgement; before the first to a process two to learn its incarnation. 1 delay, 3 for the first.
//!
//! # Departures from the source
//! - A process has no clock: the timeout is counted in pulses. One of its milliseconds stands for a pulse.
//! - Messages are numbered, not bytes: a window is in messages. Delivered in the order of arrival: no gap holds up what is
//!   behind it.
//! - A session begins when both ends know the other's incarnation. What was transmitted to an incarnation that is over is lost with
//!   it; what was not, goes to the next one.
//! - The timeout is lengthened by a random part of it, so that senders that lost together do not try again together.
//!
//! # Bounds
//! Covered whole: 2 processes, 2 messages, up to 2 losses and 1 duplicate; 1 message, 1 restart of either end, 1 loss or 1 duplicate.

mod session;

use self::session::{Incoming, Peer};
use super::retransmission_timeout::Constants;
use super::{LinkDeliver, LinkSend, SequenceNumber};
use crate::congestion::{CongestionWindow, WindowConstants};
use std::collections::BTreeMap;
use synod_model::prelude::*;

/// The most ranges beyond gaps that one acknowledgement names.
const RANGES_MAX: usize = 16;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How much may be under way to one process.
    pub window: WindowConstants,
    /// How long an acknowledgement is waited for: a millisecond stands for a pulse.
    pub timeout: Constants,
    /// So many messages of which none is missing are acknowledged together, unless a pulse comes first.
    pub acknowledge_every: u32,
    /// So much later must a message be sent whose arrival shows that one before it is lost.
    pub reordering: u32,
    /// Whether timeouts are lengthened at random.
    pub jitter: bool,
    /// The broken twin, if any.
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// For messages of which each fills a datagram, and pulses of some milliseconds.
    fn default() -> Self {
        let pulses = Duration::from_millis;
        Self {
            window: WindowConstants { initial: 10, step: 1, max: 512 },
            timeout: Constants {
                initial: pulses(20),
                min: pulses(4),
                max: pulses(400),
                granularity: pulses(1),
            },
            acknowledge_every: 8,
            reordering: 3,
            jitter: true,
            defect: None,
        }
    }
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// The receiver delivers every copy.
    NoFilter,
    /// The sender takes an acknowledgement beyond a gap for one of all before it.
    HighestForAll,
    /// The receiver delivers what was meant for an incarnation before it.
    IgnoresIncarnations,
}

/// The number of a start of a process, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SelectiveRepeat<M> {
    parameters: Parameters,
    incarnation: Incarnation,
    peers: BTreeMap<ProcessId, Peer<M>>,
    /// Whether the pulse is set: it is while something is owed to anyone.
    pulsing: bool,
}

/// Its messages. Each says the incarnation that sends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<M> {
    /// Which incarnation are you?
    Hello {
        /// The sender's incarnation.
        from: Incarnation,
    },
    /// A message under its number.
    Data {
        /// The sender's incarnation.
        from: Incarnation,
        /// The receiver's, as the sender knows it.
        to: Incarnation,
        /// Its number in the session of these two.
        sn: SequenceNumber,
        /// The sender can send no more before it hears of this one.
        asks: bool,
        /// What is sent.
        message: M,
    },
    /// What has arrived in the session of these two; and the answer to a hello.
    Ack {
        /// The incarnation that acknowledges.
        from: Incarnation,
        /// Whose messages it acknowledges.
        to: Incarnation,
        /// All before this one has arrived.
        next: SequenceNumber,
        /// And so have these, the lowest of them: each from a number up to another, without it.
        beyond: Vec<(SequenceNumber, SequenceNumber)>,
    },
}

/// Its timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// The clock goes on.
    Pulse,
}

impl<M: Value> Process for SelectiveRepeat<M> {
    type Model = (CrashRecovery, FairLoss, Asynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = LinkSend<M>;
    type Indication = LinkDeliver<M>;
    type Message = Message<M>;
    type Timer = Timer;
    type Stable = Whole<Incarnation>;
    const MARKS: &'static [&'static str] =
        &["a gap is filled", "a timeout", "a copy arrives", "another incarnation"];

    // upon event ⟨pl, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self::start(parameters, Incarnation::default())
    }

    // upon event ⟨pl, Recovery⟩: the empty disk is that of the first incarnation
    fn on_recovery(parameters: &Parameters, last: &Whole<Incarnation>, ctx: &mut impl Context<Self>) -> Self {
        let incarnation = Incarnation(last.0.unwrap_or_default().0 + 1);
        ctx.store(incarnation);
        // the sooner the others know, the less they send to the one before
        let others: Vec<_> = ctx.group().members().filter(|&q| q != ctx.me()).collect();
        for q in others {
            ctx.send(q, Message::Hello { from: incarnation });
        }
        Self::start(parameters, incarnation)
    }

    // upon event ⟨pl, Send | q, m⟩
    fn on_request(&mut self, LinkSend { to, message }: LinkSend<M>, ctx: &mut impl Context<Self>) {
        let peer = self.peer(to);
        let greet = peer.outgoing.is_idle() && peer.incarnation.is_none();
        peer.outgoing.queue.push_back(message);
        if greet {
            ctx.send(to, Message::Hello { from: self.incarnation });
        }
        self.fill(to, ctx);
    }

    fn on_message(&mut self, q: ProcessId, message: Message<M>, ctx: &mut impl Context<Self>) {
        let (Message::Hello { from } | Message::Data { from, .. } | Message::Ack { from, .. }) = message;
        if !self.meet(q, from, ctx) {
            return; // an incarnation that is over
        }
        match message {
            Message::Hello { .. } => self.acknowledge(q, ctx),
            Message::Data { to, sn, asks, message, .. } => self.on_data(q, to, sn, asks, message, ctx),
            Message::Ack { to, next, beyond, .. } if to == self.incarnation => {
                self.on_ack(q, next, &beyond, ctx);
            }
            Message::Ack { .. } => {}
        }
        self.fill(q, ctx);
    }

    // upon event ⟨Timeout⟩
    fn on_timer(&mut self, Timer::Pulse: Timer, ctx: &mut impl Context<Self>) {
        self.pulsing = false;
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for q in peers {
            self.pulse(q, ctx);
            self.fill(q, ctx);
        }
    }
}

impl<M: Value> SelectiveRepeat<M> {
    fn start(parameters: &Parameters, incarnation: Incarnation) -> Self {
        Self { parameters: *parameters, incarnation, peers: BTreeMap::new(), pulsing: false }
    }

    fn peer(&mut self, q: ProcessId) -> &mut Peer<M> {
        let parameters = &self.parameters;
        self.peers.entry(q).or_insert_with(|| Peer::new(parameters))
    }

    /// How many messages to a process it holds: not transmitted, or not acknowledged.
    pub fn unacknowledged(&self, to: ProcessId) -> usize {
        self.peers.get(&to).map_or(0, |peer| peer.outgoing.queue.len() + peer.outgoing.unacknowledged())
    }

    /// How many messages may be under way to a process.
    pub fn window(&self, to: ProcessId) -> u32 {
        let new = || CongestionWindow::new(self.parameters.window);
        self.peers.get(&to).map_or_else(new, |peer| peer.outgoing.window).current()
    }

    /// How many messages to a process were lost, for it had restarted when they were under way.
    pub fn lost(&self, to: ProcessId) -> usize {
        self.peers.get(&to).map_or(0, |peer| peer.outgoing.lost_with_incarnations)
    }

    /// Takes note of the incarnation of `q`. Whether it is the latest.
    fn meet(&mut self, q: ProcessId, incarnation: Incarnation, ctx: &mut impl Context<Self>) -> bool {
        let parameters = self.parameters;
        let peer = self.peer(q);
        match peer.incarnation {
            Some(known) if incarnation < known => return false,
            Some(known) if incarnation == known => return true,
            Some(_) => {
                ctx.reach("another incarnation");
                peer.incoming = Incoming::default();
                peer.outgoing.renew(&parameters);
            }
            None => {}
        }
        peer.incarnation = Some(incarnation);
        peer.outgoing.wait(&parameters, ctx);
        true
    }

    /// Sends what the window lets through: first what was lost, then what is new. Sees to it that there are pulses while there is need.
    fn fill(&mut self, q: ProcessId, ctx: &mut impl Context<Self>) {
        let (parameters, mine) = (self.parameters, self.incarnation);
        let peer = self.peer(q);
        if let Some(theirs) = peer.incarnation {
            let was_idle = peer.outgoing.unacknowledged() == 0;
            while let Some((sn, message)) = peer.outgoing.next(&parameters) {
                let asks = peer.outgoing.waits_for_room(&parameters);
                ctx.send(q, Message::Data { from: mine, to: theirs, sn, asks, message });
            }
            if was_idle && peer.outgoing.unacknowledged() > 0 {
                peer.outgoing.wait(&parameters, ctx);
            }
        }
        let owes = peer.incoming.arrived > 0 || !peer.outgoing.is_idle();
        if owes && !self.pulsing {
            self.pulsing = true;
            ctx.set_pulse(Timer::Pulse);
        }
    }

    fn acknowledge(&mut self, q: ProcessId, ctx: &mut impl Context<Self>) {
        let from = self.incarnation;
        let peer = self.peer(q);
        let Some(to) = peer.incarnation else { return };
        peer.incoming.arrived = 0;
        let ranges = peer.incoming.beyond.iter().take(RANGES_MAX);
        let beyond = ranges.map(|(&from, &to)| (SequenceNumber(from), SequenceNumber(to))).collect();
        ctx.send(q, Message::Ack { from, to, next: SequenceNumber(peer.incoming.next), beyond });
    }

    /// What was meant for an incarnation that is over is not delivered to this one; its sender learns of this one.
    fn on_data(
        &mut self,
        q: ProcessId,
        to: Incarnation,
        SequenceNumber(sn): SequenceNumber,
        asks: bool,
        message: M,
        ctx: &mut impl Context<Self>,
    ) {
        let Parameters { defect, acknowledge_every, .. } = self.parameters;
        if to != self.incarnation && defect != Some(Defect::IgnoresIncarnations) {
            return self.acknowledge(q, ctx);
        }
        let span = self.parameters.span();
        let incoming = &mut self.peer(q).incoming;
        if sn >= incoming.next.saturating_add(span) {
            return; // no sender that keeps to its window sends this
        }
        let gaps = incoming.beyond.len();
        let is_new = incoming.insert(sn);
        incoming.arrived += 1;
        let at_once = asks || gaps != incoming.beyond.len();
        // of what is missing the sender hears sooner
        let every = if gaps > 0 || !is_new { acknowledge_every / 8 } else { acknowledge_every };
        let acknowledge = at_once || incoming.arrived >= every.max(1);
        if is_new || defect == Some(Defect::NoFilter) {
            ctx.indicate(LinkDeliver { from: q, message });
        } else {
            ctx.reach("a copy arrives");
        }
        if acknowledge {
            self.acknowledge(q, ctx);
        }
    }

    fn on_ack(
        &mut self,
        q: ProcessId,
        SequenceNumber(next): SequenceNumber,
        beyond: &[(SequenceNumber, SequenceNumber)],
        ctx: &mut impl Context<Self>,
    ) {
        let parameters = self.parameters;
        let outgoing = &mut self.peer(q).outgoing;
        let mut acknowledged = outgoing.acknowledge_all_before(next);
        let mut highest = None;
        for (SequenceNumber(from), SequenceNumber(to)) in beyond {
            let from = if parameters.defect == Some(Defect::HighestForAll) { 0 } else { *from };
            acknowledged += outgoing.acknowledge(from..*to);
            highest = highest.max(to.checked_sub(1));
        }
        if acknowledged > 0 {
            outgoing.window.acknowledged(acknowledged);
            outgoing.wait(&parameters, ctx);
        }
        if let Some(highest) = highest
            && outgoing.infer_losses(highest, &parameters)
        {
            ctx.reach("a gap is filled");
        }
    }

    /// The clock goes on for the link to `q`.
    fn pulse(&mut self, q: ProcessId, ctx: &mut impl Context<Self>) {
        let (parameters, mine) = (self.parameters, self.incarnation);
        let peer = self.peer(q);
        if !peer.outgoing.is_idle() && peer.outgoing.pulse() {
            ctx.reach("a timeout");
            peer.outgoing.expire();
            peer.outgoing.wait(&parameters, ctx);
            if peer.incarnation.is_none() {
                ctx.send(q, Message::Hello { from: mine });
            }
        }
        if peer.incoming.arrived > 0 {
            self.acknowledge(q, ctx);
        }
    }
}

impl Parameters {
    /// The most messages from the first that is missing on that a receiver takes.
    fn span(&self) -> u64 {
        2 * u64::from(self.window.max.max(1))
    }
}

impl<M: Value> LinkTransformer for SelectiveRepeat<M> {
    type Payload = M;
    type Provides = Perfect;
}
