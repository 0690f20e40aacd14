//! Elect Lower Epoch: all processes that stay up come to trust one of them, for crash-recovery processes. Each counts its
//! starts in an *epoch*; the least restarted process leads, so that one which crashes for ever loses in the end.
//!
//! # Source
//! CGR11 Algorithm 2.9, §2.6.6.
//!
//! # Model
//! crash-recovery x fair-loss links x partially synchronous; any number of faulty processes.
//!
//! # Properties
//! ELD1 eventual accuracy · ELD2 eventual agreement.
//! Twins: "epoch not stored": a process that crashes and restarts for ever comes back with epoch 1 each time, and is
//! trusted again and again (ELD1 fails). "Candidates kept": whoever was heard once is a candidate for ever, so that one
//! which has stopped is trusted (ELD1 fails). "Prefers itself": of equally low epochs each takes its own (ELD2 fails).
//!
//! # Cost
//! n(n - 1) heartbeats a period (to oneself not counted), for ever; one write a start.
//!
//! # Departures from the source
//! - The epoch is stored before the first heartbeat speaks of it: under the write-ahead order that is all it takes, and
//!   ⟨Trust⟩, which does not speak of it, goes ahead of the store.
//! - ⟨Init⟩ is not followed by a ⟨Recovery⟩ event: both run the same procedure, from the empty disk (epoch 0) and from
//!   the kept one.
//! - Nothing heard in a delay, not even the own heartbeat: select(∅) is undefined in the source; the leader stays.
//! - select takes the least pair (epoch, identity), and the first leader is the lowest identity.
//! - Heartbeats go out at a period of their own, the same for all. In the source a process speaks once in its own delay,
//!   which grows: one that waits less than its leader would miss it again and again until it has caught up, and for ever
//!   if it cannot.
//! - The delay grows up to a limit ([`Timeout`]), so that states are finite. The limit must exceed the period and the
//!   bound on delays after GST together: from then on a leader that is up is heard in every delay.
//!
//! # Bounds
//! n = 2, 1 restart, 1 loss, 3 firings: a common leader is reached. ELD1-2 covered whole, in discrete time from GST on:
//! n = 2, f = 1, delays below a tick, a period of a tick, timeouts of up to two; refuted where they stay at one.
//! The same where one of the two crashes and recovers for ever, modulo the renumbering of epochs: 186,145 states; its twin
//! "epoch not stored" refuted.

use super::{DetectorParameters, Trust};
use std::collections::BTreeMap;
use synod_model::prelude::*;

/// How often a process has started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// The epoch is not stored: every start is epoch 1.
    EpochNotStored,
    /// The candidates of one delay are candidates in all later ones.
    CandidatesKept,
    /// Of equally low epochs a process takes its own, and not that of the lowest identity.
    PrefersItself,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElectLowerEpoch {
    parameters: DetectorParameters,
    /// `epoch`.
    epoch: Epoch,
    /// `leader`.
    leader: ProcessId,
    /// `delay`.
    delay: Duration,
    /// `candidates`: whom it heard in this delay, with the highest epoch each spoke of.
    candidates: BTreeMap<ProcessId, Epoch>,
}

/// `[HEARTBEAT, epoch]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Heartbeat(pub Epoch);

/// Its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// Δ: it is time for a heartbeat.
    Heartbeat,
    /// A delay is over.
    Timeout,
}

impl Process for ElectLowerEpoch {
    type Model = (CrashRecovery, FairLoss, PartiallySynchronous, AnyNumber);
    type Parameters = DetectorParameters;
    type Indication = Trust;
    type Message = Heartbeat;
    type Timer = Timer;
    type Stable = Whole<Epoch>;
    const MARKS: &'static [&'static str] = &["trusts another"];

    // epochs are compared, and followed by the next
    const RENUMBERING: Option<Renumbering<Self>> = Some(Renumbering {
        apart: 2,
        state: |process, each| {
            each(&mut process.epoch.0);
            process.candidates.values_mut().for_each(|epoch| each(&mut epoch.0));
        },
        stable: |stable, each| stable.0.iter_mut().for_each(|epoch| each(&mut epoch.0)),
        message: |Heartbeat(epoch), each| each(&mut epoch.0),
    });

    // upon event ⟨Ω, Init⟩
    fn on_init(parameters: &DetectorParameters, ctx: &mut impl Context<Self>) -> Self {
        Self::start(parameters, Epoch(0), ctx)
    }

    // upon event ⟨Ω, Recovery⟩
    fn on_recovery(
        parameters: &DetectorParameters,
        stable: &Whole<Epoch>,
        ctx: &mut impl Context<Self>,
    ) -> Self {
        // the disk is empty where the process crashed before its first store was durable
        Self::start(parameters, stable.0.unwrap_or_default(), ctx)
    }

    // upon event ⟨Timeout⟩, and upon event ⟨Heartbeat⟩
    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        match timer {
            Timer::Timeout => self.on_timeout(ctx),
            Timer::Heartbeat => self.beat(ctx),
        }
    }

    // upon event ⟨fll, Deliver | q, [HEARTBEAT, ep]⟩
    fn on_message(&mut self, q: ProcessId, Heartbeat(epoch): Heartbeat, _: &mut impl Context<Self>) {
        let heard = self.candidates.entry(q).or_default();
        *heard = epoch.max(*heard);
    }

    no_requests!();
}

impl ElectLowerEpoch {
    /// How often it has started: a measure to bound an exploration by.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn start(parameters: &DetectorParameters, retrieved: Epoch, ctx: &mut impl Context<Self>) -> Self {
        let parameters = *parameters;
        let leader = ctx.group().first;
        ctx.indicate(Trust(leader));
        let epoch = Epoch(retrieved.0 + 1);
        if parameters.defect != Some(Defect::EpochNotStored) {
            ctx.store(epoch);
        }
        let delay = parameters.timeout.initial;
        let this = Self { parameters, epoch, leader, delay, candidates: BTreeMap::new() };
        this.beat(ctx);
        ctx.set_timer(Timer::Timeout, delay);
        this
    }

    fn beat(&self, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&Heartbeat(self.epoch));
        ctx.set_timer(Timer::Heartbeat, self.parameters.period);
    }

    fn on_timeout(&mut self, ctx: &mut impl Context<Self>) {
        if let Some(new_leader) = self.select(ctx.me())
            && new_leader != self.leader
        {
            ctx.reach("trusts another");
            self.delay = self.parameters.timeout.after(self.delay);
            self.leader = new_leader;
            ctx.indicate(Trust(new_leader));
        }
        if self.parameters.defect != Some(Defect::CandidatesKept) {
            self.candidates.clear();
        }
        ctx.set_timer(Timer::Timeout, self.delay);
    }

    fn select(&self, me: ProcessId) -> Option<ProcessId> {
        let prefers_itself = self.parameters.defect == Some(Defect::PrefersItself);
        let rank = |(&q, &epoch): (&ProcessId, &Epoch)| (epoch, prefers_itself && q != me, q);
        self.candidates.iter().map(rank).min().map(|(.., q)| q)
    }
}
