//! The recorded run of a cluster before the same monitors that judge explorations and simulations.
//!
//! They see what was *released*: what a process did and did not live to say is unknown to everybody. A run that is cut
//! off proves nothing about debts: what is owed at its end is inconclusive.

use crate::execution::{Execution, LinkViolation, Merged, What};
use crate::record::RecordError;
use crate::replay::{self, ReplayError};
use crate::retrace::{self, RetraceError};
use std::collections::BTreeSet;
use std::path::Path;
use synod_kernel::Observed;
use synod_kernel::trace::Broken;
use synod_model::{Effect, Event, Process, ProcessId};
use synod_properties::{Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};
use thiserror::Error;

/// What monitors say of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// By property.
    pub verdicts: Vec<(Property, Verdict)>,
    /// The first violation of safety, and the number of observations up to it.
    pub violation: Option<(Violation, usize)>,
    /// What is owed at the end by processes that did not crash for good.
    pub owed: Vec<Obligation>,
    /// How many observations there were.
    pub observations: usize,
}

/// What can be observed of a run, in order.
pub fn observations<P: Process>(merged: &Merged<'_, P>) -> Vec<Observed<P::Request, P::Indication>> {
    let mut observed = vec![];
    for step in &merged.steps {
        let p = step.process;
        match &step.what {
            What::Start(start) if start.incarnation > 1 => observed.push(Observed::Recover(p)),
            What::Handled(handled) => {
                if let Event::Request(request) = &handled.event {
                    observed.push(Observed::Request(p, request.clone()));
                }
            }
            What::Released(release) => {
                for &(handler, effect) in &release.effects {
                    if let Some(Effect::Indicate { indication, .. }) =
                        step.incarnation.effect(handler, effect)
                    {
                        observed.push(Observed::Indication(p, indication.clone()));
                    }
                }
            }
            What::Crashed => observed.push(Observed::Crash(p)),
            What::Start(_) | What::Stopped => {}
        }
    }
    observed
}

/// Judges a run.
pub fn judge<P: Process, M: Monitor<P::Request, P::Indication>>(
    merged: &Merged<'_, P>,
    monitor: M,
) -> Judgement {
    judge_observations(&observations(merged), monitor)
}

/// Judges what was observed of a run.
pub fn judge_observations<Q, I, M: Monitor<Q, I>>(observed: &[Observed<Q, I>], mut monitor: M) -> Judgement {
    let mut reached = BTreeSet::new();
    let mut crashed = BTreeSet::new();
    let mut violation = None;
    monitor.reached(&mut |goal| _ = reached.insert(goal));
    for (number, observation) in observed.iter().enumerate() {
        match observation {
            Observed::Crash(p) | Observed::Corrupt(p) => _ = crashed.insert(*p),
            Observed::Recover(p) => _ = crashed.remove(p),
            Observed::Request(..) | Observed::Indication(..) => {}
        }
        if let Err(broken) = monitor.observe(&Observation::of(observation)) {
            violation = Some((broken, number + 1));
            break;
        }
        monitor.reached(&mut |goal| _ = reached.insert(goal));
    }
    let mut owed = vec![];
    if violation.is_none() {
        monitor.owed(&mut |debt| {
            if debt.among.iter().all(|p| !crashed.contains(&p)) {
                owed.push(debt);
            }
        });
    }
    let verdict = |p: &Property| verdict(p, violation.as_ref(), &owed, &reached);
    let verdicts = monitor.properties().into_iter().map(|p| (p, verdict(&p))).collect();
    Judgement { verdicts, violation, owed, observations: observed.len() }
}

fn verdict(
    property: &Property,
    violation: Option<&(Violation, usize)>,
    owed: &[Obligation],
    reached: &BTreeSet<&'static str>,
) -> Verdict {
    if property.kind == Kind::Reachable && reached.contains(property.id) {
        return Verdict::Holds;
    }
    if let Some((broken, number)) = violation {
        return if broken.property == property.id {
            Verdict::Violated { what: broken.what.clone() }
        } else {
            Verdict::Unknown {
                why: format!("judged up to observation {number}, which breaks {}", broken.property),
            }
        };
    }
    match property.kind {
        Kind::Safety => Verdict::Holds,
        Kind::Reachable => Verdict::Unknown { why: "not reached in this run".to_owned() },
        Kind::Liveness => match owed.iter().find(|debt| debt.property == property.id) {
            Some(debt) => Verdict::Unknown { why: format!("owed at the end, inconclusive: {}", debt.what) },
            None => Verdict::Holds,
        },
    }
}

/// The processes that were up at the end, or stopped in order.
pub fn survivors<P: Process>(merged: &Merged<'_, P>) -> BTreeSet<ProcessId> {
    let mut up = BTreeSet::new();
    for step in &merged.steps {
        match step.what {
            What::Start(_) => _ = up.insert(step.process),
            What::Crashed => _ = up.remove(&step.process),
            _ => {}
        }
    }
    up
}

/// All that the records of a run show.
#[derive(Clone, Debug)]
pub struct Examination {
    /// What the monitors say.
    pub judgement: Judgement,
    /// How many deliveries were held against what was sent.
    pub deliveries: usize,
    /// Deliveries without a release in their sender's record: none, unless a record was lost.
    pub unplaced: usize,
    /// How many handlers were run again, with the same effects byte for byte.
    pub handlers: usize,
    /// How many processes were up at the end.
    pub survivors: usize,
    /// The run as a trace that a kernel world replays.
    pub trace: String,
}

/// Why records do not make up a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExamineError {
    /// A record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The links of this ground broke their promise.
    #[error(transparent)]
    Link(#[from] LinkViolation),
    /// A process run again does something else.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The records together are no run of the model.
    #[error(transparent)]
    Retrace(#[from] RetraceError),
}

impl ExamineError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Record(e) => e.hint(),
            Self::Link(_) => "that is a bug of the runtime: please report it with the records",
            Self::Retrace(e) => e.hint(),
            Self::Replay(_) => {
                "the process is not deterministic, or the records were changed: look for clocks, randomness, iteration \
                 over hash tables"
            }
        }
    }
}

/// Reads the records in a directory, judges the run, holds its links to their promise, and runs every node again.
pub fn examine<P: Process, M: Monitor<P::Request, P::Indication>>(
    records: &Path,
    algorithm: &str,
    monitor: M,
) -> Result<Examination, ExamineError> {
    let execution = Execution::<P>::load(records)?;
    let merged = execution.merge();
    let deliveries = execution.check_links()?;
    let handlers = replay::verify(&execution)?;
    let judgement = judge(&merged, monitor);
    let broken = judgement
        .violation
        .as_ref()
        .map(|(violation, _)| Broken { property: violation.property.clone(), what: violation.what.clone() });
    Ok(Examination {
        trace: retrace::trace(algorithm, &execution, broken)?,
        deliveries,
        handlers,
        judgement,
        unplaced: merged.unplaced,
        survivors: survivors(&merged).len(),
    })
}
