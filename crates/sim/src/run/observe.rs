//! Runs for who measures, not judges: what was observed in them, with its virtual time.

use super::{Run, Subject, anyway, as_simulated};
use crate::outcome::Outcome;
use crate::plan::Options;
use std::time::Duration;
use synod_kernel::Setting;
use synod_kernel::world::Observed;
use synod_model::Process;
use synod_properties::Monitor;

/// What was observed in a run: each observation with its virtual time.
pub type Observations<P> = Vec<(Duration, Observed<<P as Process>::Request, <P as Process>::Indication>)>;

/// Simulates the run of this seed, and hands back what was observed.
pub fn observe<P, M>(
    setting: &Setting<P>,
    monitor: &M,
    seed: u64,
    options: &Options,
) -> (Outcome, Observations<P>)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let setting = as_simulated(setting, options.swarm_of(seed));
    let anyway = anyway(&setting, options);
    let subject = Subject { monitor, operations: anyway.as_ref(), carried: None, prefix: None };
    let mut run = Run::new(&setting, subject, seed, options);
    run.ground.history = Some(Vec::new());
    let ended = run.execute();
    let observed = run.ground.history.take().unwrap_or_default();
    (
        run.outcome(ended, options),
        observed.into_iter().map(|(at, what)| (Duration::from_nanos(at), what)).collect(),
    )
}
