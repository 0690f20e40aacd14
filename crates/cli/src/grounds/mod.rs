//! The grounds, each as a function of an algorithm: the only place where algorithm and ground meet.

pub mod check;
pub(crate) mod good_period;
pub mod replay;
pub mod run;
pub mod shrink;
pub mod sim;
mod stack;

use crate::error::Error;
use crate::report::{Failure, Report, Trace};
use crate::traces::Source;
use crate::watch::Watch;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use synod_kernel::trace::Broken;
use synod_kernel::{Budget, Diagnostic, Environment, Setting};
use synod_model::ProcessId;
use synod_properties::{Algorithm, GroundKind, Property, Scale, Verdict};
use synod_sim::Simulation;
use synod_sim::shrink::Taken;

/// An algorithm, checked.
pub type Checked = fn(&World, &check::Options, &Watch) -> Result<Report, Error>;
/// An algorithm in a world, to be simulated.
pub type Simulated = fn(&World) -> Result<Box<dyn Simulation>, Error>;
/// What a cluster of an algorithm is made of.
pub type Deployed = fn(&World) -> Result<run::Deployment, Error>;
/// The records of a cluster of an algorithm, judged; with a directory beside which the trace of the run is kept.
pub type Recorded = fn(&World, &Path, Option<&Path>) -> Result<Report, Error>;
/// The records of a cluster of an algorithm, run again, and as one trace.
pub type Again = fn(&Path) -> Result<run::Again, Error>;
/// A trace of an algorithm, replayed.
pub type Replayed =
    fn(&Source<'_>, &mut dyn replay::Audience) -> Result<replay::Replay, synod_kernel::trace::TraceError>;
/// The steps of a trace of an algorithm that breaks something, to be taken again in part.
pub type Steps = fn(&str) -> Result<Option<Box<dyn Taken>>, synod_kernel::trace::TraceError>;

/// The same in another world.
pub type StepsIn = fn(&World, &str) -> Result<Option<Box<dyn Taken>>, synod_kernel::trace::TraceError>;

/// What a trace of an algorithm says is broken, and what those of its steps break that are still possible.
pub type Judged = fn(&str) -> Result<(Option<Broken>, Option<Broken>), synod_kernel::trace::TraceError>;

/// The world in which an algorithm is examined.
#[derive(Clone, Debug)]
pub struct World {
    /// Its size.
    pub scale: Scale,
    /// What may happen.
    pub environment: Environment,
    /// The algorithm's model, in a line.
    pub model: String,
    /// The ways in which that is outside of the algorithm's model.
    pub outside: Vec<Diagnostic>,
    /// The process that two honest copies play, and how many messages to and from them may be withheld.
    pub two_seats: Option<(ProcessId, Budget)>,
    /// What was put under the algorithm, and why, where that was asked for.
    pub transformers: Option<String>,
    /// From where its runs go on, if not from the start.
    pub from: Option<Arc<Origin>>,
}

/// Where the runs of a world go on from.
#[derive(Debug)]
pub struct Origin {
    /// Where that was found.
    pub path: PathBuf,
    /// A trace.
    pub content: String,
    /// The last of its steps that is taken; all, where there is none.
    pub at: Option<u64>,
}

/// The algorithm's setting in a world.
fn setting<A: Algorithm>(world: &World) -> Result<Setting<A::Process>, Error> {
    let wrong = |what: String| Error::Scale {
        what: format!("{} cannot be made so: {what}", A::NAME),
        hint: format!("`explain {}` tells its sizes and twins", A::NAME),
    };
    let parameters = A::parameters(&world.scale).map_err(wrong)?;
    let requests = A::requests(&world.scale);
    if requests.len() > world.environment.processes as usize {
        let what = format!("it asks {} processes, there are {}", requests.len(), world.environment.processes);
        return Err(Error::Scale { what, hint: "raise --n".to_owned() });
    }
    let mut setting = Setting::new(world.environment.clone(), parameters, requests);
    if let Some((process, withheld)) = world.two_seats {
        setting.seating.add(process);
        setting.seating.withhold(withheld);
        setting.requests.push(A::second_seat(&world.scale, process));
    }
    let lies = if world.environment.failures.lies.any() { A::lies(&world.scale) } else { Vec::new() };
    Ok(setting.with_lies(lies))
}

/// The algorithm's name with its broken twin.
pub(crate) fn title(name: &str, scale: &Scale) -> String {
    scale.defect.as_ref().map_or_else(|| name.to_owned(), |defect| format!("{name}/{defect}"))
}

/// The parts of a report that all grounds make alike.
fn report(name: &str, ground: GroundKind, world: &World, verdicts: Vec<(Property, Verdict)>) -> Report {
    let described = crate::environment::describe(&world.environment);
    let outside = world.outside.clone();
    Report { verdicts, outside, ..Report::empty(title(name, &world.scale), ground, described) }
}

/// Replays the trace of a failure before anyone is told of it, and tells the story.
fn confirm(report: &mut Report, replay: Replayed, content: String, seed: Option<u64>) {
    let mut story = Vec::new();
    let replayed = match replay(&Source::Content(&content), &mut story) {
        Ok(replayed) => replayed,
        Err(error) => {
            report.nondeterminism = Some(format!("the counterexample does not replay: {error}"));
            return;
        }
    };
    if !replayed.confirmed() {
        report.nondeterminism = Some(
            "the counterexample does not replay: what it broke is not broken when its steps are taken again"
                .to_owned(),
        );
        return;
    }
    let Some(broken) = replayed.recorded else { return };
    let name = report.verdicts.iter().find(|(p, _)| p.id == broken.property).map_or("", |(p, _)| p.name);
    let last = story.last();
    let broken_in_a_handler = broken.property == synod_check::NO_PANIC.id;
    report.failures.push(Failure {
        name: name.to_owned(),
        property: broken.property,
        what: broken.what,
        // a step whose handler panics has no line: it comes after the last one
        step: last.map_or(0, |line| line.step) + u64::from(broken_in_a_handler),
        at: last.and_then(|line| line.at),
        story,
        text: Vec::new(),
        trace: Trace::Content(content),
        seed,
        shrunk: None,
        delays: None,
    });
}

/// A number for the JSON report.
fn number(numbers: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    numbers.insert(name.to_owned(), value.into());
}
