//! A link of the library between a node and its datagrams.
//!
//! The link's process is the one that is checked and simulated: [`Stacked`] is its context, on bytes, and the one place that
//! knows its type. So the code for it is made once, whatever runs above it.
//!
//! What such a process would store is the number of its start, and the node knows that: it writes nothing of its own.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;
use synod_kernel::Random;
use synod_model::interface::{LinkDeliver, LinkSend};
use synod_model::{
    Bounds, Draw, Effect, EffectOf, Granted, Group, LinkTransformer, Mark, ProcessId, Sink, When,
};

/// A payload, as the link's process carries it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payload(pub Arc<[u8]>);

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Payload;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Payload, E> {
                Ok(Payload(bytes.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Payload, A::Error> {
                let mut bytes = vec![];
                while let Some(byte) = sequence.next_element()? {
                    bytes.push(byte);
                }
                Ok(Payload(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Where a stack's effects go.
pub trait Below {
    /// A message for the stack at `to`.
    fn transmit(&mut self, to: ProcessId, message: &[u8]);
    /// A payload for the process above.
    fn deliver(&mut self, from: ProcessId, payload: &[u8]);
}

/// A link's process, without its type.
pub trait Stack: Send {
    /// Says to a process what it said to it when it started.
    fn start(&mut self, to: ProcessId, below: &mut dyn Below);
    /// Sends a payload.
    fn send(&mut self, to: ProcessId, payload: &[u8], below: &mut dyn Below);
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
    /// How many payloads for a process were lost with its incarnations.
    fn lost(&self, to: ProcessId) -> usize;
}

/// Makes the stack of an incarnation of a process.
pub type Build = fn(me: ProcessId, group: Group, incarnation: u64) -> Box<dyn Stack>;

/// What is asked of a link's process besides.
#[derive(Debug)]
pub struct Gauges<L> {
    /// How many payloads for a process it holds.
    pub unacknowledged: fn(&L, ProcessId) -> usize,
    /// How many payloads for a process were lost with its incarnations.
    pub lost: fn(&L, ProcessId) -> usize,
}

/// A link's process on bytes.
pub struct Stacked<L: LinkTransformer<Payload = Payload>> {
    link: L,
    host: Hosted<L>,
    early: Early,
    gauges: Gauges<L>,
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

impl<L: LinkTransformer<Payload = Payload>> Stacked<L> {
    /// The link's process in the incarnation in which it starts; `before` is the disk that the one before it would have left,
    /// unless it is the first.
    pub fn new(
        me: ProcessId,
        group: Group,
        seed: u64,
        parameters: &L::Parameters,
        before: Option<&L::Stable>,
        gauges: Gauges<L>,
    ) -> Self {
        let mut host = Hosted { me, group, random: Random::new(seed), timers: vec![], scratch: vec![] };
        let mut early = Early::default();
        let mut sink = Context { host: &mut host, below: &mut early };
        let link = match before {
            None => L::on_init(parameters, &mut sink),
            Some(disk) => L::on_recovery(parameters, disk, &mut sink),
        };
        Self { link, host, early, gauges }
    }
}

impl<L> Stack for Stacked<L>
where
    L: LinkTransformer<Payload = Payload> + Send,
    L::Timer: Send,
{
    fn start(&mut self, to: ProcessId, below: &mut dyn Below) {
        for (_, message) in self.early.0.iter().filter(|(receiver, _)| *receiver == to) {
            below.transmit(to, message);
        }
    }

    fn send(&mut self, to: ProcessId, payload: &[u8], below: &mut dyn Below) {
        let send = LinkSend { to, message: Payload(payload.into()) };
        self.link.on_request(send, &mut Context { host: &mut self.host, below });
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
        self.link.on_message(from, message, &mut Context { host: &mut self.host, below });
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
        (self.gauges.unacknowledged)(&self.link, to)
    }

    fn lost(&self, to: ProcessId) -> usize {
        (self.gauges.lost)(&self.link, to)
    }
}

/// Below a process that only starts: what it says waits.
#[derive(Default)]
struct Early(Vec<(ProcessId, Vec<u8>)>);

impl Below for Early {
    fn transmit(&mut self, to: ProcessId, message: &[u8]) {
        self.0.push((to, message.to_vec()));
    }

    fn deliver(&mut self, _: ProcessId, _: &[u8]) {
        unreachable!("nothing has arrived yet")
    }
}

struct Context<'a, L: LinkTransformer> {
    host: &'a mut Hosted<L>,
    below: &'a mut dyn Below,
}

impl<L: LinkTransformer<Payload = Payload>> Sink<L> for Context<'_, L> {
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
                self.below.deliver(from, &message.0);
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
