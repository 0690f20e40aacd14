//! Heartbeats with freshness points: a process is suspected when, at one of the points in time laid down beforehand, no
//! heartbeat has arrived that is still fresh then. How soon a crash is found does not depend on the heartbeat before it.
//!
//! # Source
//! Chen, Toueg, Aguilera 2002 (CTA02): NFD-S, Fig. 6 and §3.
//!
//! # Model
//! crash-stop x fair-loss links x partially synchronous, for timers; any number of faulty processes. The source's numbers are
//! for links that lose and delay each message independently, by known distributions, and for synchronised clocks.
//!
//! # Properties
//! EPFD1 strong completeness: within δ + η of the crash. Accuracy holds with a probability: mistakes recur every
//! η / p_s and last ∫u / p_s (CTA02 Theorem 5; `synod reproduce E1`).
//! Twin "any is fresh": whoever was heard at all is never suspected (EPFD1 fails).
//!
//! # Cost
//! n(n - 1) messages a period η, for ever.
//!
//! # Departures from the source
//! - In the source one process watches another; here each watches all others.
//! - Clocks are synchronised in so far as processes start together: the i-th heartbeat leaves i η after the start, and the
//!   i-th freshness point is i η + δ after it.
//! - Before the first freshness point nobody is suspected.
//!
//! # Bounds
//! Simulated alone.

use super::Suspicion;
use std::collections::BTreeMap;
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// η: the period of the heartbeats.
    #[serde(with = "synod_model::duration")]
    pub period: Duration,
    /// δ: how long after its heartbeat was sent a freshness point is.
    #[serde(with = "synod_model::duration")]
    pub shift: Duration,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// A heartbeat every 100 ms, looked for 50 ms later.
    fn default() -> Self {
        Self { period: Duration::from_millis(100), shift: Duration::from_millis(50), defect: None }
    }
}

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A heartbeat of any age is fresh.
    AnyIsFresh,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FreshnessPoints {
    parameters: Parameters,
    /// How many heartbeats it has sent.
    sent: u64,
    /// i: the number of the last freshness point; 0 before the first.
    point: u64,
    /// l: the largest number of a heartbeat received from each.
    largest: BTreeMap<ProcessId, u64>,
    /// Whom it suspects.
    suspected: ProcessSet,
}

/// m_i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Heartbeat(pub u64);

/// Its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// σ_i: it is time for a heartbeat.
    Heartbeat,
    /// τ_i: a freshness point.
    Freshness,
}

impl Process for FreshnessPoints {
    type Model = (CrashStop, FairLoss, PartiallySynchronous, AnyNumber);
    type Parameters = Parameters;
    type Indication = Suspicion;
    type Message = Heartbeat;
    type Timer = Timer;
    const MARKS: &'static [&'static str] = &["takes a suspicion back"];

    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        ctx.set_timer(Timer::Heartbeat, parameters.period);
        ctx.set_timer(Timer::Freshness, parameters.period + parameters.shift);
        let (largest, suspected) = (BTreeMap::new(), ProcessSet::new());
        Self { parameters: *parameters, sent: 0, point: 0, largest, suspected }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        ctx.set_timer(timer, self.parameters.period);
        match timer {
            // at time σ_i: send m_i
            Timer::Heartbeat => {
                self.sent += 1;
                ctx.send_others(&Heartbeat(self.sent));
            }
            // at time τ_i
            Timer::Freshness => {
                self.point += 1;
                self.look(ctx);
            }
        }
    }

    // upon receive message m_j at time t in [τ_i, τ_(i+1))
    fn on_message(&mut self, q: ProcessId, Heartbeat(number): Heartbeat, ctx: &mut impl Context<Self>) {
        let largest = self.largest.entry(q).or_default();
        *largest = number.max(*largest);
        if self.is_fresh(q) && self.suspected.remove(q) {
            ctx.reach("takes a suspicion back");
            ctx.indicate(Suspicion::Restore(q));
        }
    }

    no_requests!();
    no_storage!();
}

impl FreshnessPoints {
    /// Whether some m_j with j >= i was received from it.
    fn is_fresh(&self, q: ProcessId) -> bool {
        let oldest = if self.parameters.defect == Some(Defect::AnyIsFresh) { 1 } else { self.point };
        self.largest.get(&q).is_some_and(|&largest| largest >= oldest)
    }

    fn look(&mut self, ctx: &mut impl Context<Self>) {
        for q in ctx.others() {
            if !self.is_fresh(q) && self.suspected.insert(q) {
                ctx.indicate(Suspicion::Suspect(q));
            }
        }
    }
}
