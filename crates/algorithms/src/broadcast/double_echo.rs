//! Authenticated double-echo broadcast, which is Bracha's: all correct processes deliver the same message or none does,
//! even where the sender lies. Echoes make it consistent; readies, which spread once one correct process sent one, total.
//!
//! # Source
//! CGR11 Algorithm 3.18, §3.11.2; after Bracha, Asynchronous Byzantine Agreement Protocols, 1987.
//!
//! # Model
//! Byzantine x authenticated perfect links x asynchronous; n > 3f. At n = 3f it is stuck, not unsafe.
//!
//! # Properties
//! BRB1 validity · BRB2 no duplication · BRB3 integrity · BRB4 consistency · BRB5 totality.
//! Twins "small ready quorum" (delivers what f + 1 are ready for: BRB5 fails, by a lie in the last round) and "no
//! amplification" (a ready makes no other: BRB5 fails).
//!
//! # Cost
//! 2n^2 - n - 1 messages a broadcast (to oneself not counted); 3 steps without failures.
//!
//! # Departures from the source
//! - `echos` is dropped once a ready is sent, `readys` at the delivery: nothing reads them any more.
//!
//! One instance broadcasts one message, of a sender that all know.
//!
//! # Bounds
//! Covered whole: n = 4, f = 1, a sender that lies, one value; n = 3, f = 1 (beyond the bound), two values.

use super::{Broadcast, BroadcastDeliver};
use std::collections::BTreeMap;
use synod_model::prelude::*;
use synod_model::{Authenticated, Byzantine, ThirdFaulty};

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Who broadcasts: `s`.
    pub sender: ProcessId,
    /// How many may lie: `f`.
    pub f: u32,
    /// The broken twin, if any.
    pub defect: Option<Defect>,
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Delivers what f + 1 are ready for.
    SmallReadyQuorum,
    /// Is ready for what was echoed alone, however many others are.
    NoAmplification,
}

/// A message of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<M> {
    /// `[SEND, m]`: the sender's.
    Send(M),
    /// `[ECHO, m]`: what a process heard the sender say.
    Echo(M),
    /// `[READY, m]`: what a process is ready to deliver.
    Ready(M),
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DoubleEchoBroadcast<M> {
    parameters: Parameters,
    /// `sentecho`.
    sent_echo: bool,
    /// `sentready`.
    sent_ready: bool,
    delivered: bool,
    /// `echos`: the first echo of each process.
    echos: BTreeMap<ProcessId, M>,
    /// `readys`: the first ready of each process.
    readys: BTreeMap<ProcessId, M>,
}

impl<M: Value> Process for DoubleEchoBroadcast<M> {
    type Model = (Byzantine, Authenticated<Perfect>, Asynchronous, ThirdFaulty);
    type Parameters = Parameters;
    type Request = Broadcast<M>;
    type Indication = BroadcastDeliver<M>;
    type Message = Message<M>;
    const MARKS: &'static [&'static str] =
        &["another send", "late echo", "late ready", "ready by echoes", "ready by amplification"];

    // upon event ⟨brb, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self {
            parameters: *parameters,
            sent_echo: false,
            sent_ready: false,
            delivered: false,
            echos: BTreeMap::new(),
            readys: BTreeMap::new(),
        }
    }

    // upon event ⟨brb, Broadcast | m⟩: only process s
    fn on_request(&mut self, Broadcast(message): Broadcast<M>, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&Message::Send(message));
    }

    fn on_message(&mut self, from: ProcessId, message: Message<M>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Send(m) => self.on_send(from, m, ctx),
            Message::Echo(m) => self.on_echo(from, m, ctx),
            Message::Ready(m) => self.on_ready(from, m, ctx),
        }
    }

    no_timers!();
    no_storage!();
}

impl<M: Value> DoubleEchoBroadcast<M> {
    // upon event ⟨al, Deliver | p, [SEND, m]⟩ such that p = s and sentecho = FALSE
    fn on_send(&mut self, p: ProcessId, m: M, ctx: &mut impl Context<Self>) {
        if p == self.parameters.sender && !self.sent_echo {
            self.sent_echo = true;
            ctx.broadcast(&Message::Echo(m));
        } else {
            ctx.reach("another send");
        }
    }

    // upon event ⟨al, Deliver | p, [ECHO, m]⟩
    fn on_echo(&mut self, p: ProcessId, m: M, ctx: &mut impl Context<Self>) {
        if self.sent_ready {
            return ctx.reach("late echo");
        }
        self.echos.entry(p).or_insert_with(|| m.clone());
        // upon exists m such that #({p | echos[p] = m}) > (N + f)/2 and sentready = FALSE
        if support(&self.echos, &m) >= self.echo_quorum(ctx.n()) {
            ctx.reach("ready by echoes");
            self.become_ready(m, ctx);
        }
    }

    // upon event ⟨al, Deliver | p, [READY, m]⟩
    fn on_ready(&mut self, p: ProcessId, m: M, ctx: &mut impl Context<Self>) {
        if self.delivered {
            return ctx.reach("late ready");
        }
        self.readys.entry(p).or_insert_with(|| m.clone());
        let (ready, f) = (support(&self.readys, &m), self.parameters.f as usize);
        // upon exists m such that #({p | readys[p] = m}) > f and sentready = FALSE
        if ready > f && !self.sent_ready && self.parameters.defect != Some(Defect::NoAmplification) {
            ctx.reach("ready by amplification");
            self.become_ready(m.clone(), ctx);
        }
        // upon exists m such that #({p | readys[p] = m}) > 2f and delivered = FALSE
        let enough = if self.parameters.defect == Some(Defect::SmallReadyQuorum) { f } else { 2 * f };
        if ready > enough {
            self.delivered = true;
            self.readys.clear();
            ctx.indicate(BroadcastDeliver { origin: self.parameters.sender, message: m });
        }
    }

    fn become_ready(&mut self, m: M, ctx: &mut impl Context<Self>) {
        self.sent_ready = true;
        self.echos.clear();
        ctx.broadcast(&Message::Ready(m));
    }

    /// The least number above (n + f)/2.
    fn echo_quorum(&self, n: usize) -> usize {
        usize::midpoint(n, self.parameters.f as usize) + 1
    }
}

/// #({p | said[p] = m})
fn support<M: Eq>(said: &BTreeMap<ProcessId, M>, m: &M) -> usize {
    said.values().filter(|other| *other == m).count()
}
