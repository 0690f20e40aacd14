//! Runs of the library's processes that are measured, not judged.

use std::sync::Arc;
use std::time::Duration;
use synod_kernel::diagnostic::outside;
use synod_kernel::{Budget, Environment, Probability, Setting};
use synod_model::failure::FailureModel;
use synod_model::link::LinkModel;
use synod_model::timing::{TimingKind, TimingModel};
use synod_model::{Bounds, Process, ProcessId, SystemModel};
use synod_properties::Unjudged;
use synod_sim::platform::Bursts;
use synod_sim::{Distribution, Fault, FaultPlan, Observations, Options, Outcome, Platform};

/// The known bound on delays where processes go in rounds: a round is two of them.
pub(crate) const ROUND: Duration = Duration::from_millis(2);
/// How long messages take there. Requests are made before as much time as a few dozen of these has passed: before round 1.
const AT_ONCE: Duration = Duration::from_micros(1);

/// `n` processes of the model `M` that never fail, every message taking `delay`.
pub(crate) fn environment<M: SystemModel>(n: u32, delay: Duration) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = M::Failures::KIND;
    environment.links.kind = M::Link::KIND;
    environment.links.delay_min = delay;
    environment.links.delay_max = delay;
    environment.timing.kind = M::Timing::KIND;
    if M::Timing::KIND == TimingKind::Synchronous {
        environment.timing.bounds = Some(Bounds { delay: ROUND / 2, step: Duration::ZERO, drift_ppm: 0 });
    }
    environment
}

/// The same in lock-step rounds.
pub(crate) fn lock_step<M: SystemModel>(n: u32) -> Environment {
    environment::<M>(n, AT_ONCE)
}

/// In which round something happened that happened at the end of one.
pub(crate) fn round(at: Duration) -> u32 {
    // round 0 ends after one length
    (at.as_nanos() / ROUND.as_nanos()).saturating_sub(1) as u32
}

/// Lets the links lose each message with this probability, on its own.
pub(crate) fn lossy(mut environment: Environment, probability: f64) -> Environment {
    environment.links.losses = Budget::Unlimited;
    environment.links.loss_probability = Probability::per_million(libm::round(probability * 1e6) as u32);
    environment
}

/// A run of this seed. What is lost by chance is lost in the first half of the time alone.
pub(crate) fn observe<P: Process>(
    setting: &Setting<P>,
    seed: u64,
    time: Duration,
) -> (Outcome, Observations<P>) {
    run(setting, seed, time, FaultPlan::Random, None)
}

/// A run in which each message is lost with this probability, as long as it lasts; delayed by this law, where there is one.
pub(crate) fn observe_over<P: Process>(
    mut setting: Setting<P>,
    (loss, delay): (f64, Option<Distribution>),
    seed: u64,
    time: Duration,
) -> Observations<P> {
    let links = &mut setting.environment.links;
    if delay.is_some() {
        // a bound that no draw comes near
        (links.delay_min, links.delay_max) = (Duration::ZERO, Duration::from_secs(1_000));
    }
    links.losses = Budget::Unlimited;
    let certain = Probability::per_million(1_000_000);
    let good = Probability::per_million(libm::round(loss * 1e6) as u32);
    let never_bad = Bursts { good_to_bad: Probability::ZERO, bad_to_good: certain, good, bad: certain };
    let platform = Platform { loss: Some(never_bad), delay, lasting: true, ..Platform::default() };
    let (outcome, observed) = run(&setting, seed, time, FaultPlan::Random, Some(Arc::new(platform)));
    assert_eq!(outcome.outside, [], "within the model");
    observed
}

/// What is seen of a run in which the last `stopped` of the processes crash for ever at its start.
pub(crate) fn observe_stopped<P: Process>(
    setting: &Setting<P>,
    stopped: u32,
    seed: u64,
    time: Duration,
) -> Observations<P> {
    let mut setting = setting.clone();
    setting.environment.failures.stops = Budget::AtMost(stopped);
    let n = setting.environment.processes;
    let crash = |p| Fault::Crash { process: ProcessId(p), recover_after: None, kept: 0, torn: false };
    let crashes = (n - stopped..n).map(|p| (Duration::ZERO, crash(p))).collect();
    run(&setting, seed, time, FaultPlan::Script(crashes), None).1
}

/// # Panics
/// If the environment is outside of the algorithm's model: a mistake in the catalogue.
fn run<P: Process>(
    setting: &Setting<P>,
    seed: u64,
    time: Duration,
    faults: FaultPlan,
    platform: Option<Arc<Platform>>,
) -> (Outcome, Observations<P>) {
    assert_eq!(outside::<P::Model>(&setting.environment), [], "within the model");
    let options = Options { steps_max: u64::MAX, horizon: time, faults, platform, ..Options::default() };
    synod_sim::observe(setting, &Unjudged, seed, &options)
}
