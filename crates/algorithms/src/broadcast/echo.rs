//! Authenticated echo broadcast: no two correct processes deliver different messages, even where the sender lies.
//! A process delivers what more than (n + f)/2 have echoed: two such quorums share a correct process, which echoes once.
//!
//! # Source
//! CGR11 Algorithm 3.16, §3.10.3; after Bracha and Toueg, Asynchronous Consensus and Broadcast Protocols, 1985.
//!
//! # Model
//! Byzantine x authenticated perfect links x asynchronous; n > 3f. At n = 3f the echoes of the correct processes are no
//! quorum: it is stuck, not inconsistent.
//!
//! # Properties
//! BCB1 validity · BCB2 no duplication · BCB3 integrity · BCB4 consistency.
//! Not total: where the sender lies, some correct processes may deliver and others never.
//! Twins "small quorum" (delivers what n - 2f have echoed: BCB4 fails where the sender tells two stories) and "counts
//! echoes" (of whichever process: BCB3 fails where one repeats itself).
//!
//! # Cost
//! n^2 - 1 messages a broadcast (to oneself not counted); 2 steps without failures.
//!
//! # Departures from the source
//! - `echos` is dropped at the delivery: nothing reads it any more.
//!
//! One instance broadcasts one message, of a sender that all know.
//!
//! # Bounds
//! Covered whole: n = 4, f = 1, one broadcast, whoever lies, two values.

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
    /// Delivers what n - 2f have echoed.
    SmallQuorum,
    /// Counts echoes, of whichever process: one process that repeats itself is many.
    CountsEchoes,
}

/// A message of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<M> {
    /// `[SEND, m]`: the sender's.
    Send(M),
    /// `[ECHO, m]`: what a process heard the sender say.
    Echo(M),
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EchoBroadcast<M> {
    parameters: Parameters,
    /// `sentecho`.
    sent_echo: bool,
    delivered: bool,
    /// `echos`: the first echo of each process.
    echos: BTreeMap<ProcessId, M>,
    /// What the twin counts in their place.
    counted: BTreeMap<M, usize>,
}

impl<M: Value> Process for EchoBroadcast<M> {
    type Model = (Byzantine, Authenticated<Perfect>, Asynchronous, ThirdFaulty);
    type Parameters = Parameters;
    type Request = Broadcast<M>;
    type Indication = BroadcastDeliver<M>;
    type Message = Message<M>;
    const MARKS: &'static [&'static str] = &["another send", "late echo"];

    // upon event ⟨bcb, Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        let (echos, counted) = (BTreeMap::new(), BTreeMap::new());
        Self { parameters: *parameters, sent_echo: false, delivered: false, echos, counted }
    }

    // upon event ⟨bcb, Broadcast | m⟩: only process s
    fn on_request(&mut self, Broadcast(message): Broadcast<M>, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&Message::Send(message));
    }

    fn on_message(&mut self, from: ProcessId, message: Message<M>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Send(m) => self.on_send(from, m, ctx),
            Message::Echo(m) => self.on_echo(from, m, ctx),
        }
    }

    no_timers!();
    no_storage!();
}

impl<M: Value> EchoBroadcast<M> {
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
        if self.delivered {
            return ctx.reach("late echo");
        }
        let support = if self.parameters.defect == Some(Defect::CountsEchoes) {
            let count = self.counted.entry(m.clone()).or_default();
            *count += 1;
            *count
        } else {
            self.echos.entry(p).or_insert_with(|| m.clone());
            self.echos.values().filter(|echo| **echo == m).count()
        };
        // upon exists m such that #({p | echos[p] = m}) > (N + f)/2 and delivered = FALSE
        if support >= self.quorum(ctx.n()) {
            self.delivered = true;
            self.echos.clear();
            self.counted.clear();
            ctx.indicate(BroadcastDeliver { origin: self.parameters.sender, message: m });
        }
    }

    /// The least number above (n + f)/2.
    fn quorum(&self, n: usize) -> usize {
        let f = self.parameters.f as usize;
        match self.parameters.defect {
            Some(Defect::SmallQuorum) => n.saturating_sub(2 * f).max(1),
            _ => usize::midpoint(n, f) + 1,
        }
    }
}
