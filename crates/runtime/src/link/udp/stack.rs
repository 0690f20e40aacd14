//! A link of the library between a node and its datagrams.
//!
//! The link's process is the one that is checked and simulated: [`Stacked`] is its context, on bytes, and the one place that
//! knows its type. So the code for it is made once, whatever runs above it.
//!
//! What it takes for one message is what a datagram carries: payloads for a process are gathered until there are as many, or
//! until [`Stack::flush`]. They arrive together or not at all.
//!
//! What such a process would store is the number of its start, and the node knows that: it writes nothing of its own.

use super::datagram::RECORD_LENGTH_MAX;
use crate::frame::{Payloads, add_to_batch};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use synod_kernel::Random;
use synod_model::interface::{LinkDeliver, LinkSend};
use synod_model::{
    Bounds, Draw, Effect, EffectOf, Granted, Group, LinkTransformer, Mark, ProcessId, Sink, When,
};

/// How long a bundle becomes, in bytes, unless it has but one payload: the link's process adds some to it.
const BUNDLE_LENGTH: usize = RECORD_LENGTH_MAX - 40;
/// How many bytes a bundle takes to say how long a payload is.
const LENGTH_OF_LENGTH: usize = 4;
/// What a bundle takes besides its bytes, about.
const OVERHEAD: usize = 64;

/// What the link's process takes for one message: payloads that travel together, as in a batch of [`crate::frame`].
#[derive(Clone, Debug)]
pub struct Bundle(Arc<Contents>);

#[derive(Debug)]
struct Contents {
    bytes: Box<[u8]>,
    count: usize,
    /// What it counts in for as long as anybody holds it; nothing, if it has arrived.
    held: Option<Arc<Held>>,
}

/// What a link's process holds for another.
#[derive(Debug, Default)]
struct Held {
    payloads: AtomicUsize,
    bytes: AtomicUsize,
}

impl Bundle {
    fn to_send(bytes: &[u8], count: usize, held: &Arc<Held>) -> Self {
        held.payloads.fetch_add(count, Ordering::Relaxed);
        held.bytes.fetch_add(bytes.len() + OVERHEAD, Ordering::Relaxed);
        Self(Arc::new(Contents { bytes: bytes.into(), count, held: Some(Arc::clone(held)) }))
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        if let Some(held) = &self.held {
            held.payloads.fetch_sub(self.count, Ordering::Relaxed);
            held.bytes.fetch_sub(self.bytes.len() + OVERHEAD, Ordering::Relaxed);
        }
    }
}

impl PartialEq for Bundle {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Bundle {}

impl PartialOrd for Bundle {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bundle {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.0.bytes.cmp(&other.0.bytes)
    }
}

impl Hash for Bundle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.bytes.hash(state);
    }
}

impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.bytes)
    }
}

impl<'de> Deserialize<'de> for Bundle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Bundle;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("payloads behind their lengths")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bundle, E> {
                let mut payloads = Payloads(bytes);
                let count = payloads.by_ref().count();
                if !payloads.0.is_empty() {
                    return Err(E::custom("the lengths in it do not add up"));
                }
                Ok(Bundle(Arc::new(Contents { bytes: bytes.into(), count, held: None })))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// What was sent to a process.
#[derive(Debug, Default)]
struct Outbox {
    /// Payloads that are not handed to the link's process yet.
    bytes: Vec<u8>,
    count: usize,
    held: Arc<Held>,
    lost: usize,
}

impl Outbox {
    fn payloads(&self) -> usize {
        self.count + self.held.payloads.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + self.held.bytes.load(Ordering::Relaxed)
    }

    fn has_room(&self, payload: &[u8]) -> bool {
        self.count == 0 || self.bytes.len() + LENGTH_OF_LENGTH + payload.len() <= BUNDLE_LENGTH
    }

    fn add(&mut self, payload: &[u8]) {
        add_to_batch(&mut self.bytes, payload);
        self.count += 1;
    }

    /// What was gathered.
    fn take(&mut self) -> Option<Bundle> {
        let count = std::mem::take(&mut self.count);
        let bundle = (count > 0).then(|| Bundle::to_send(&self.bytes, count, &self.held));
        self.bytes.clear();
        bundle
    }
}

/// Where a stack's effects go.
pub trait Below {
    /// A message for the stack at `to`.
    fn transmit(&mut self, to: ProcessId, message: &[u8]);
    /// Payloads for the process above.
    fn deliver(&mut self, from: ProcessId, payloads: Payloads<'_>);
}

/// A link's process, without its type.
pub trait Stack: Send {
    /// Says to a process what it said to it when it started.
    fn start(&mut self, to: ProcessId, below: &mut dyn Below);
    /// Sends a payload, with others or by the next flush; unless more than so many bytes wait. Whether it does.
    fn send(&mut self, to: ProcessId, payload: &[u8], waiting_max: usize, below: &mut dyn Below) -> bool;
    /// Lets leave what was gathered.
    fn flush(&mut self, below: &mut dyn Below);
    /// Takes a message of the stack at `from`; an error if it is none.
    fn receive(
        &mut self,
        from: ProcessId,
        message: &[u8],
        below: &mut dyn Below,
    ) -> Result<(), postcard::Error>;
    /// Whether it waits for a pulse.
    fn is_pulsing(&self) -> bool;
    /// The pulse.
    fn pulse(&mut self, below: &mut dyn Below);
    /// How many payloads for a process it holds.
    fn unacknowledged(&self, to: ProcessId) -> usize;
    /// About how many bytes that is.
    fn queued_bytes(&self, to: ProcessId) -> usize;
    /// How many payloads for a process were lost with its incarnations.
    fn lost(&self, to: ProcessId) -> usize;
}

/// Makes the stack of an incarnation of a process.
pub type Build = fn(me: ProcessId, group: Group, incarnation: u64) -> Box<dyn Stack>;

/// How many messages to a process a link's process has lost with incarnations that are over.
pub type Lost<L> = fn(&L, ProcessId) -> usize;

/// A link's process on bytes.
pub struct Stacked<L: LinkTransformer<Payload = Bundle>> {
    link: L,
    host: Hosted<L>,
    early: Early,
    outboxes: BTreeMap<ProcessId, Outbox>,
    lost: Lost<L>,
}

/// What the process's context has, but for what lies below.
struct Hosted<L: LinkTransformer> {
    me: ProcessId,
    group: Group,
    random: Random,
    /// Those that are set.
    timers: Vec<L::Timer>,
    scratch: Vec<u8>,
}

impl<L: LinkTransformer<Payload = Bundle>> Stacked<L> {
    /// The link's process in the incarnation in which it starts; `before` is the disk that the one before it would have left,
    /// unless it is the first.
    pub fn new(
        me: ProcessId,
        group: Group,
        seed: u64,
        parameters: &L::Parameters,
        before: Option<&L::Stable>,
        lost: Lost<L>,
    ) -> Self {
        let mut host = Hosted { me, group, random: Random::new(seed), timers: vec![], scratch: vec![] };
        let mut early = Early::default();
        let mut sink = Context { host: &mut host, below: &mut early };
        let link = match before {
            None => L::on_init(parameters, &mut sink),
            Some(disk) => L::on_recovery(parameters, disk, &mut sink),
        };
        Self { link, host, early, outboxes: BTreeMap::new(), lost }
    }
}

impl<L> Stack for Stacked<L>
where
    L: LinkTransformer<Payload = Bundle> + Send,
    L::Timer: Send,
{
    fn start(&mut self, to: ProcessId, below: &mut dyn Below) {
        for (_, message) in self.early.0.iter().filter(|(receiver, _)| *receiver == to) {
            below.transmit(to, message);
        }
    }

    fn send(&mut self, to: ProcessId, payload: &[u8], waiting_max: usize, below: &mut dyn Below) -> bool {
        let outbox = self.outboxes.entry(to).or_default();
        if outbox.bytes() > waiting_max {
            return false;
        }
        if !outbox.has_room(payload)
            && let Some(message) = outbox.take()
        {
            self.link.on_request(LinkSend { to, message }, &mut Context { host: &mut self.host, below });
        }
        outbox.add(payload);
        true
    }

    fn flush(&mut self, below: &mut dyn Below) {
        for (&to, outbox) in &mut self.outboxes {
            if let Some(message) = outbox.take() {
                self.link.on_request(LinkSend { to, message }, &mut Context { host: &mut self.host, below });
            }
        }
    }

    fn receive(
        &mut self,
        from: ProcessId,
        message: &[u8],
        below: &mut dyn Below,
    ) -> Result<(), postcard::Error> {
        let (message, []) = postcard::take_from_bytes(message)? else {
            return Err(postcard::Error::DeserializeBadEncoding);
        };
        let outbox = self.outboxes.entry(from).or_default();
        let held = outbox.held.payloads.load(Ordering::Relaxed);
        let lost = (self.lost)(&self.link, from);
        self.link.on_message(from, message, &mut Context { host: &mut self.host, below });
        // of what goes to an incarnation that is new, nothing is acknowledged yet
        if (self.lost)(&self.link, from) > lost {
            outbox.lost += held - outbox.held.payloads.load(Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_pulsing(&self) -> bool {
        !self.host.timers.is_empty()
    }

    fn pulse(&mut self, below: &mut dyn Below) {
        for timer in std::mem::take(&mut self.host.timers) {
            self.link.on_timer(timer, &mut Context { host: &mut self.host, below });
        }
    }

    fn unacknowledged(&self, to: ProcessId) -> usize {
        self.outboxes.get(&to).map_or(0, Outbox::payloads)
    }

    fn queued_bytes(&self, to: ProcessId) -> usize {
        self.outboxes.get(&to).map_or(0, Outbox::bytes)
    }

    fn lost(&self, to: ProcessId) -> usize {
        self.outboxes.get(&to).map_or(0, |outbox| outbox.lost)
    }
}

/// Below a process that only starts: what it says waits.
#[derive(Default)]
struct Early(Vec<(ProcessId, Vec<u8>)>);

impl Below for Early {
    fn transmit(&mut self, to: ProcessId, message: &[u8]) {
        self.0.push((to, message.to_vec()));
    }

    fn deliver(&mut self, _: ProcessId, _: Payloads<'_>) {
        unreachable!("nothing has arrived yet")
    }
}

struct Context<'a, L: LinkTransformer> {
    host: &'a mut Hosted<L>,
    below: &'a mut dyn Below,
}

impl<L: LinkTransformer<Payload = Bundle>> Sink<L> for Context<'_, L> {
    fn me(&self) -> ProcessId {
        self.host.me
    }

    fn group(&self) -> Group {
        self.host.group
    }

    fn emit(&mut self, effect: EffectOf<L>) {
        match effect {
            Effect::Send { to, message, .. } => {
                self.host.scratch.clear();
                let scratch = std::mem::take(&mut self.host.scratch);
                let written = postcard::to_extend(&message, scratch);
                self.host.scratch = written.expect("bytes and numbers have an encoding");
                self.below.transmit(to, &self.host.scratch);
            }
            Effect::Indicate { indication: LinkDeliver { from, message }, .. } => {
                self.below.deliver(from, Payloads(&message.0.bytes));
            }
            Effect::SetTimer { timer, when: When::Pulse, .. } if !self.host.timers.contains(&timer) => {
                self.host.timers.push(timer);
            }
            Effect::Cancel { timer, .. } => self.host.timers.retain(|set| *set != timer),
            // the number of this start, which the node has made durable before any link speaks
            Effect::SetTimer { .. } | Effect::Store { .. } => {}
        }
    }

    fn draw(&mut self, draw: Draw) -> u32 {
        self.host.random.below(u64::from(draw.bound())) as u32
    }

    fn mark(&mut self, _: Mark, _: bool) {}

    fn ground_bounds(&self, _: Granted) -> Bounds {
        unreachable!("a link that assumes bounds does not run over datagrams")
    }

    fn ground_sign(&mut self, _: &str, _: Granted) -> Vec<u8> {
        unreachable!("a link that signs does not run over datagrams")
    }

    fn ground_verify(&self, _: ProcessId, _: &str, _: &[u8], _: Granted) -> bool {
        unreachable!("a link that signs does not run over datagrams")
    }
}
