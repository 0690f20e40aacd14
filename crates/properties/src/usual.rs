//! The usual environments: within a model, with the whole vocabulary of faults that it and the grounds have.

use crate::GroundKind;
use std::time::Duration;
use synod_kernel::{Budget, Durability, Environment, Probability, Takeover};
use synod_model::bound::Bound;
use synod_model::failure::{FailureModel, Who};
use synod_model::link::{Guarantee, LinkKind, LinkModel};
use synod_model::timing::{TimingKind, TimingModel};
use synod_model::{Bounds, SystemModel};

/// The usual environment for an algorithm of the model `M` on a ground, with `n` processes and the largest f that the
/// model's bound admits.
///
/// A check has one fault of each kind that the model has, apart from stops; a simulation many; a real cluster has those
/// that can be made of it: `kill -9`, restarts and cut links.
pub fn usual<M: SystemModel>(ground: GroundKind, n: u32) -> Environment {
    let weakest = Environment::weakest::<M>(n);
    let mut environment = Environment::benign(n);
    environment.failures.kind = M::Failures::KIND;
    environment.links.kind = M::Link::KIND;
    environment.timing.kind = M::Timing::KIND;
    environment.oracles.granted = M::Timing::ORACLES.iter().collect();
    let profile = M::Failures::KIND.profile();
    let may = |who: Who, often: u32| if who == Who::Nobody { Budget::NONE } else { Budget::AtMost(often) };
    // somebody should be left to speak of
    let f = M::Bound::faulty_max(n).min(n.saturating_sub(1));
    environment.failures.stops = may(profile.stop, f);
    // one that restarts and forgets is correct where anyone may; elsewhere it is one that lies
    let restart = if profile.restart == Who::Anyone { Who::Anyone } else { Who::Nobody };
    match ground {
        GroundKind::Check => {
            if profile.lie != Who::Nobody {
                // one that lies may as well be silent
                environment.failures.stops = Budget::NONE;
                environment.failures.lies = may(profile.lie, f);
            }
            if profile.omit != Who::Nobody && profile.lie == Who::Nobody {
                // so may one that omits
                environment.failures.stops = Budget::NONE;
                environment.failures.omissions = may(profile.omit, f);
            }
            environment.failures.restarts = may(restart, 1);
            losses(&mut environment, M::Link::KIND, 1);
            // in flight as a set: what is sent again and again is one message
            environment.links.as_set = lossy(M::Link::KIND);
            if weakest.oracles.outputs.any() {
                environment.oracles.outputs = Budget::AtMost(2);
            }
        }
        GroundKind::Sim => {
            environment.failures.omissions = may(profile.omit, f);
            environment.failures.lies = may(profile.lie, f);
            if profile.lie != Who::Nobody {
                environment.failures.takeover = Takeover::AnyTime;
            }
            if weakest.links.injections.any() {
                environment.links.injections = Budget::AtMost(100);
                environment.links.injection_probability = Probability::per_million(50_000);
            }
            environment.failures.restarts = may(restart, 2 * n);
            losses(&mut environment, M::Link::KIND, 1_000);
            environment.partitions = Budget::AtMost(3);
            environment.storage.durability = Durability::Deferred;
            environment.storage.sync_max = Duration::from_millis(5);
            environment.storage.torn_writes = may(restart, n);
            environment.oracles.outputs = weakest.oracles.outputs;
            if M::Timing::KIND == TimingKind::Synchronous {
                // what meets a cut is late
                environment.partitions = Budget::NONE;
            }
        }
        GroundKind::Run => {
            // what TCP gives is at least what fair-loss links promise
            environment.failures.restarts = may(restart, n);
            environment.partitions = Budget::AtMost(2);
            environment.storage.durability = Durability::Deferred;
        }
    }
    delays(&mut environment);
    environment
}

/// Whether the links may lose what they carry.
fn lossy(kind: LinkKind) -> bool {
    !kind.guarantees().has(Guarantee::AtLeastOnce)
}

/// Losses and duplicates, where the links have them.
fn losses(environment: &mut Environment, kind: LinkKind, often: u32) {
    let links = &mut environment.links;
    if lossy(kind) {
        links.losses = Budget::AtMost(often);
        links.loss_probability = Probability::per_million(100_000);
    }
    if !kind.guarantees().has(Guarantee::NoDuplication) {
        links.duplications = Budget::AtMost(often);
        links.duplication_probability = Probability::per_million(50_000);
    }
}

/// A network of one region: a millisecond or ten; before GST, seconds.
fn delays(environment: &mut Environment) {
    environment.links.delay_min = Duration::from_millis(1);
    environment.links.delay_max = Duration::from_millis(10);
    if environment.timing.kind == TimingKind::Synchronous {
        environment.timing.bounds = Some(Bounds {
            delay: environment.links.delay_max,
            step: Duration::from_millis(1),
            drift_ppm: 10_000,
        });
    }
    if environment.timing.kind == TimingKind::PartiallySynchronous {
        environment.timing.gst = Duration::from_secs(2);
        environment.timing.delay_before_gst = Duration::from_millis(500);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_kernel::diagnostic::outside;
    use synod_model::{
        AnyNumber, Arbitrary, Asynchronous, Authenticated, Byzantine, CrashRecovery, CrashStop, FairLoss,
        Majority, Omega, Omission, PartiallySynchronous, Perfect, Reliable, Stubborn, Synchronous,
        ThirdFaulty, With,
    };

    fn within<M: SystemModel>() {
        for ground in [GroundKind::Check, GroundKind::Sim, GroundKind::Run] {
            for n in 1..6 {
                let environment = usual::<M>(ground, n);
                assert_eq!(outside::<M>(&environment), [], "{ground:?} {n}");
            }
        }
    }

    #[test]
    fn the_usual_environments_are_within_their_models() {
        within::<(Reliable, Perfect, Asynchronous)>();
        within::<(CrashStop, Perfect, Asynchronous, AnyNumber)>();
        within::<(CrashStop, Stubborn, Asynchronous)>();
        within::<(CrashStop, Perfect, Synchronous, AnyNumber)>();
        within::<(CrashStop, Perfect, With<Asynchronous, Omega>, Majority)>();
        within::<(CrashRecovery, FairLoss, PartiallySynchronous, AnyNumber)>();
        within::<(CrashRecovery, Perfect, PartiallySynchronous, Majority)>();
        within::<(Byzantine, Authenticated<Perfect>, Asynchronous, ThirdFaulty)>();
        within::<(Omission, Perfect, Asynchronous, Majority)>();
        within::<(Byzantine, Arbitrary<FairLoss>, Asynchronous, ThirdFaulty)>();
    }
}
