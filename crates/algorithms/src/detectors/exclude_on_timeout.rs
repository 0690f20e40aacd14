//! Exclude on Timeout: a perfect failure detector. Who does not answer in the time that any answer takes has crashed.
//!
//! # Source
//! CGR11 Algorithm 2.5, §2.6.2.
//!
//! # Model
//! crash-stop x perfect links x synchronous; any number of faulty processes. Under partial synchrony a late answer is
//! taken for a crash (PFD2 fails).
//!
//! # Properties
//! PFD1 strong completeness, within 2(Δ / (1 - rho) + p) of the crash · PFD2 strong accuracy.
//! Twins: "one way": waits for the time of the request, not of the answer as well (PFD2 fails). "Alive kept": who has
//! answered once is taken to be alive for ever (PFD1 fails).
//!
//! # Cost
//! 2n(n - 1) messages a period Δ, for ever.
//!
//! # Departures from the source
//! - Δ is computed from the known bounds, delay d, step p and drift rho: 2(d + p)(1 + rho) by the own clock is how long a
//!   request and its answer may take, and a margin is added to it, since what arrives at the very instant of the timeout
//!   may be handled after it.
//! - A process asks the others, not itself.
//!
//! # Bounds
//! Covered whole, in discrete time: n = 2, f = 1, d of 1 and 2 ticks; n = 2, f = 1, drift of a fifth; n = 3, f = 1.

use super::Crashed;
use synod_model::Bounds;
use synod_model::prelude::*;

/// What the processes know from the start, besides the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How much longer than any answer takes a process waits. More than nothing.
    #[serde(with = "synod_model::duration")]
    pub margin: Duration,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// A millisecond.
    fn default() -> Self {
        Self { margin: Duration::from_millis(1), defect: None }
    }
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Δ covers the way of a request, not that of its answer.
    OneWay,
    /// `alive` is not emptied at a timeout.
    AliveKept,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExcludeOnTimeout {
    parameters: Parameters,
    /// `alive`: who answered since the last timeout.
    alive: ProcessSet,
    /// `detected`.
    detected: ProcessSet,
}

/// Its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// `[HEARTBEATREQUEST]`.
    HeartbeatRequest,
    /// `[HEARTBEATREPLY]`.
    HeartbeatReply,
}

/// ⟨Timeout⟩.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timeout;

impl Process for ExcludeOnTimeout {
    type Model = (CrashStop, Perfect, Synchronous, AnyNumber);
    type Parameters = Parameters;
    type Indication = Crashed;
    type Message = Message;
    type Timer = Timeout;

    // upon event ⟨P, Init⟩
    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        let alive = ctx.processes().collect();
        let this = Self { parameters: *parameters, alive, detected: ProcessSet::new() };
        this.start_timer(ctx);
        this
    }

    // upon event ⟨Timeout⟩
    fn on_timer(&mut self, Timeout: Timeout, ctx: &mut impl Context<Self>) {
        for p in ctx.others() {
            if !self.alive.contains(p) && self.detected.insert(p) {
                ctx.indicate(Crashed(p));
            }
            ctx.send(p, Message::HeartbeatRequest);
        }
        if self.parameters.defect != Some(Defect::AliveKept) {
            self.alive = ProcessSet::new();
        }
        self.start_timer(ctx);
    }

    fn on_message(&mut self, q: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match message {
            // upon event ⟨pl, Deliver | q, [HEARTBEATREQUEST]⟩
            Message::HeartbeatRequest => ctx.send(q, Message::HeartbeatReply),
            // upon event ⟨pl, Deliver | q, [HEARTBEATREPLY]⟩
            Message::HeartbeatReply => _ = self.alive.insert(q),
        }
    }

    no_requests!();
    no_storage!();
}

impl ExcludeOnTimeout {
    /// starttimer(Δ).
    fn start_timer(&self, ctx: &mut impl Context<Self>) {
        let ways = if self.parameters.defect == Some(Defect::OneWay) { 1 } else { 2 };
        ctx.set_timer(Timeout, by_any_clock(ctx.bounds(), ways).saturating_add(self.parameters.margin));
    }
}

/// How much even a fast clock advances, at most, while so many messages are delivered and handled one after another.
pub fn by_any_clock(bounds: Bounds, ways: u32) -> Duration {
    let real = u128::from(ways) * (bounds.delay.as_nanos() + bounds.step.as_nanos());
    let nanoseconds = (real * (1_000_000 + u128::from(bounds.drift_ppm))).div_ceil(1_000_000);
    u64::try_from(nanoseconds).map_or(Duration::MAX, Duration::from_nanos)
}
