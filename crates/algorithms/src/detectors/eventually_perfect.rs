//! The failure detector eventually-P as an oracle module, and the leader detector made from it: trust the lowest process
//! that is not suspected.
//!
//! # Source
//! CT96 (the oracle); CGR11 Algorithm 2.8 (Monarchical Eventual Leader Detection).
//!
//! # Model
//! crash-recovery x fair-loss links x asynchronous with eventually-P; any number of faulty processes.
//!
//! # Properties
//! EPFD1 strong completeness, EPFD2 eventual strong accuracy (the oracle's axioms); ELD1 eventual accuracy, ELD2
//! eventual agreement (of the leader detector, as long as one process is correct).
//!
//! # Cost
//! No messages.
//!
//! # Departures from the source
//! The source is for crash-stop processes and takes the highest rank; rank is the identity here, the lowest first. Where
//! all are suspected the source's maxrank(∅) is undefined: the leader stays. A restarted process suspects nobody.
//!
//! # Bounds
//! Covered whole: n = 3, f = 1, 4 outputs of the oracle.

use super::{DetectorParameters, Suspicion, Trust};
use synod_model::prelude::*;

/// One process's copy of the oracle eventually-P.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventuallyPerfectOracle;

impl Process for EventuallyPerfectOracle {
    type Model = (CrashRecovery, FairLoss, With<Asynchronous, EventuallyPerfect>, AnyNumber);
    type Parameters = DetectorParameters;
    type Indication = Suspicion;
    type Timer = Suspicion;

    // upon event ⟨◇P, Init⟩
    fn on_init(_: &DetectorParameters, ctx: &mut impl Context<Self>) -> Self {
        for p in ctx.processes() {
            ctx.consult::<EventuallyPerfect>(Output::Suspect(p), Suspicion::Suspect(p));
            ctx.consult::<EventuallyPerfect>(Output::Restore(p), Suspicion::Restore(p));
        }
        Self
    }

    // upon the oracle's output
    fn on_timer(&mut self, suspicion: Suspicion, ctx: &mut impl Context<Self>) {
        ctx.indicate(suspicion);
    }

    no_requests!();
    no_messages!();
    no_storage!();
}

/// One process of the leader detector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventuallyPerfectLeader {
    detector: EventuallyPerfectOracle,
    /// `suspected`.
    suspected: ProcessSet,
    /// `leader`; none before the first is trusted.
    leader: Option<ProcessId>,
}

embed! { EventuallyPerfectLeader {
    EventuallyPerfectOracle: message std::convert::identity, timer std::convert::identity;
} }

impl Process for EventuallyPerfectLeader {
    type Model = (CrashRecovery, FairLoss, With<Asynchronous, EventuallyPerfect>, AnyNumber);
    type Parameters = DetectorParameters;
    type Indication = Trust;
    type Timer = Suspicion;
    const MARKS: &'static [&'static str] = &["all are suspected", "trusts another"];

    // upon event ⟨Ω, Init⟩
    fn on_init(parameters: &DetectorParameters, ctx: &mut impl Context<Self>) -> Self {
        let (detector, said) = ctx.start(|ctx| EventuallyPerfectOracle::on_init(parameters, ctx));
        said.expect_none("the oracle starts in silence");
        let mut this = Self { detector, suspected: ProcessSet::new(), leader: None };
        this.elect(ctx);
        this
    }

    fn on_timer(&mut self, timer: Suspicion, ctx: &mut impl Context<Self>) {
        for suspicion in ctx.embed(&mut self.detector, |d, ctx| d.on_timer(timer, ctx)) {
            self.on_suspicion(suspicion, ctx);
        }
    }

    no_requests!();
    no_messages!();
    no_storage!();
}

impl EventuallyPerfectLeader {
    // upon event ⟨◇P, Suspect | p⟩, and upon event ⟨◇P, Restore | p⟩
    fn on_suspicion(&mut self, suspicion: Suspicion, ctx: &mut impl Context<Self>) {
        match suspicion {
            Suspicion::Suspect(p) => self.suspected.insert(p),
            Suspicion::Restore(p) => self.suspected.remove(p),
        };
        self.elect(ctx);
    }

    // upon leader ≠ maxrank(Π \ suspected)
    fn elect(&mut self, ctx: &mut impl Context<Self>) {
        let Some(lowest) = ctx.processes().find(|&p| !self.suspected.contains(p)) else {
            return ctx.reach("all are suspected");
        };
        if self.leader != Some(lowest) {
            ctx.reach("trusts another");
            self.leader = Some(lowest);
            ctx.indicate(Trust(lowest));
        }
    }
}
