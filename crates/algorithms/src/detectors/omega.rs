//! The leader oracle Omega as a module: it outputs whom to trust, and nobody says how it knows.
//!
//! # Source
//! CHT96 (the oracle); CGR11 §2.6.5, Module 2.9 (the interface).
//!
//! # Model
//! crash-recovery x fair-loss links x asynchronous with Omega; any number of faulty processes.
//!
//! # Properties
//! ELD1 eventual accuracy, ELD2 eventual agreement: they are the oracle's axioms.
//!
//! # Cost
//! No messages.
//!
//! # Departures from the source
//! none.
//!
//! # Bounds
//! Nothing to cover: the ground drives the oracle within its axioms.

use super::{DetectorParameters, Trust};
use synod_model::prelude::*;

/// One process's copy of the oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OmegaOracle;

/// The oracle outputs this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Trusted(pub ProcessId);

impl Process for OmegaOracle {
    type Model = (CrashRecovery, FairLoss, With<Asynchronous, Omega>, AnyNumber);
    type Parameters = DetectorParameters;
    type Indication = Trust;
    type Timer = Trusted;

    // upon event ⟨Ω, Init⟩
    fn on_init(_: &DetectorParameters, ctx: &mut impl Context<Self>) -> Self {
        for p in ctx.processes() {
            ctx.consult::<Omega>(Output::Trust(p), Trusted(p));
        }
        Self
    }

    // upon the oracle's output p
    fn on_timer(&mut self, Trusted(p): Trusted, ctx: &mut impl Context<Self>) {
        ctx.indicate(Trust(p));
    }

    no_requests!();
    no_messages!();
    no_storage!();
}
