//! Leader-driven Paxos: one decision, in the practical model of the literature.
//!
//! The [`SingleDecree`] does the work; a leader detector, heartbeats or an oracle, tells it whom to trust.
//!
//! # Source
//! Lam01; CGR11 §5.3 for the division of labour between a leader detector and the ballots.
//!
//! # Model
//! crash-recovery x perfect links x the detector's timing (partially synchronous, or asynchronous with an oracle);
//! `n > 2f`.
//!
//! # Properties
//! C1 termination · C2 validity · C3 integrity · UC4 uniform agreement; as [`SingleDecree`], twins included.
//!
//! # Cost
//! The detector's, and that of [`SingleDecree`].
//!
//! # Departures from the source
//! Those of [`SingleDecree`].
//!
//! # Bounds
//! See `tests/paxos_check.rs`: n = 3, 2 outputs of Omega, 1 round; complete with 2 proposals and 1 process that stops
//! (120,597 states), and with 1 proposal and 1 restart (234,220 states).

use super::single_decree::{self, Defect, Ledger, SingleDecree};
use crate::detectors::{DetectorParameters, LeaderDetector, Trust};
use std::convert::identity;
use synod_model::Either;
use synod_model::interface::{Decide, Propose};
use synod_model::prelude::*;
use synod_model::renumbering::of_module;

/// A leader detector that works in the practical model, with the timing that it needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a leader detector that Paxos can embed",
    note = "it must be a `LeaderDetector` that assumes no more than crash-recovery processes, perfect links and a \
            correct majority, besides its timing or oracle"
)]
pub trait PracticalDetector: LeaderDetector {
    /// The model of its host: crash-recovery processes, perfect links, the detector's timing, a correct majority.
    type PracticalModel: SystemModel
        + AtLeast<Self::PracticalModel>
        + AtLeast<Self::Model>
        + AtLeast<(CrashRecovery, Perfect, Asynchronous, Majority)>;
}

impl<D: LeaderDetector> PracticalDetector for D
where
    (CrashRecovery, Perfect, TimingOf<D>, Majority): AtLeast<(CrashRecovery, Perfect, TimingOf<D>, Majority)>
        + AtLeast<D::Model>
        + AtLeast<(CrashRecovery, Perfect, Asynchronous, Majority)>,
{
    type PracticalModel = (CrashRecovery, Perfect, TimingOf<D>, Majority);
}

/// What all processes know from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaxosParameters {
    /// Of the leader detector.
    #[serde(default)]
    pub detector: DetectorParameters,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Paxos<V, D> {
    detector: D,
    consensus: SingleDecree<V>,
}

/// The messages of its modules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<V, M> {
    /// Of the leader detector.
    Detector(M),
    /// Of the consensus.
    Consensus(single_decree::Message<V>),
}

embed! { [V: Value, D: PracticalDetector] Paxos<V, D> {
    D: message Message::Detector, timer identity, write Either::Left;
    SingleDecree<V>: message Message::Consensus, write Either::Right;
} }

impl<V: Value, D: PracticalDetector> Process for Paxos<V, D> {
    type Model = D::PracticalModel;
    type Parameters = PaxosParameters;
    type Request = Propose<V>;
    type Indication = Decide<V>;
    type Message = Message<V, D::Message>;
    type Timer = D::Timer;
    type Stable = (D::Stable, Ledger<V>);

    const RENUMBERING: Option<Renumbering<Self>> = Some(Renumbering {
        apart: 2,
        state: |process, each| {
            of_module::<D>(|detector| (detector.state)(&mut process.detector, each));
            of_module::<SingleDecree<V>>(|consensus| (consensus.state)(&mut process.consensus, each));
        },
        stable: |(epochs, ledger), each| {
            of_module::<D>(|detector| (detector.stable)(epochs, each));
            of_module::<SingleDecree<V>>(|consensus| (consensus.stable)(ledger, each));
        },
        message: |message, each| match message {
            Message::Detector(m) => of_module::<D>(|detector| (detector.message)(m, each)),
            Message::Consensus(m) => of_module::<SingleDecree<V>>(|consensus| (consensus.message)(m, each)),
        },
    });

    // upon event ⟨c, Init⟩
    fn on_init(parameters: &PaxosParameters, ctx: &mut impl Context<Self>) -> Self {
        let (consensus, decided) = ctx.start(|ctx| SingleDecree::on_init(&parameters.defect, ctx));
        decided.expect_none("nothing is decided at the start");
        let (detector, trusts) = ctx.start(|ctx| D::on_init(&parameters.detector, ctx));
        let mut this = Self { detector, consensus };
        for trust in trusts {
            this.on_trust(trust, ctx);
        }
        this
    }

    // upon event ⟨c, Recovery⟩
    fn on_recovery(
        parameters: &PaxosParameters,
        (epochs, ledger): &(D::Stable, Ledger<V>),
        ctx: &mut impl Context<Self>,
    ) -> Self {
        let (consensus, decided) =
            ctx.start(|ctx| SingleDecree::on_recovery(&parameters.defect, ledger, ctx));
        for decide in decided {
            ctx.indicate(decide);
        }
        let (detector, trusts) = ctx.start(|ctx| D::on_recovery(&parameters.detector, epochs, ctx));
        let mut this = Self { detector, consensus };
        for trust in trusts {
            this.on_trust(trust, ctx);
        }
        this
    }

    // upon event ⟨c, Propose | v⟩
    fn on_request(&mut self, Propose(value): Propose<V>, ctx: &mut impl Context<Self>) {
        self.ask(single_decree::Request::Propose(value), ctx);
    }

    // upon event ⟨pl, Deliver | from, m⟩
    fn on_message(&mut self, from: ProcessId, message: Message<V, D::Message>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Detector(m) => {
                for trust in ctx.embed(&mut self.detector, |d, ctx| d.on_message(from, m, ctx)) {
                    self.on_trust(trust, ctx);
                }
            }
            Message::Consensus(m) => {
                for decide in ctx.embed(&mut self.consensus, |c, ctx| c.on_message(from, m, ctx)) {
                    ctx.indicate(decide);
                }
            }
        }
    }

    // upon event ⟨Timeout⟩, of the detector
    fn on_timer(&mut self, timer: D::Timer, ctx: &mut impl Context<Self>) {
        for trust in ctx.embed(&mut self.detector, |d, ctx| d.on_timer(timer, ctx)) {
            self.on_trust(trust, ctx);
        }
    }
}

impl<V: Value, D: PracticalDetector> Paxos<V, D> {
    // upon event ⟨Ω, Trust | p⟩
    fn on_trust(&mut self, Trust(p): Trust, ctx: &mut impl Context<Self>) {
        self.ask(single_decree::Request::Trust(p), ctx);
    }

    fn ask(&mut self, request: single_decree::Request<V>, ctx: &mut impl Context<Self>) {
        for decide in ctx.embed(&mut self.consensus, |c, ctx| c.on_request(request, ctx)) {
            ctx.indicate(decide);
        }
    }
}

impl<V: Value, D> Paxos<V, D> {
    /// What it decided.
    pub fn decided(&self) -> Option<&V> {
        self.consensus.decided()
    }

    /// The round of the greatest ballot that it has taken part in: a measure to bound an exploration by.
    pub fn ballot_round(&self) -> u64 {
        self.consensus.ballot_round()
    }
}
