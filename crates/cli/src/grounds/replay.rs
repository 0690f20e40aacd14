//! A trace, taken again.

use crate::report::StoryLine;
use crate::story;
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_check::NO_PANIC;
use synod_kernel::trace::{self, Broken, Line, Recorder, TraceError};
use synod_kernel::{Choice, Move, Observed, SeatId, Seating, Setting};
use synod_model::{Process, ProcessSet};
use synod_properties::{Algorithm, GroundKind, Monitor, Observation, Scale, Violation};
use synod_sim::workload::LINEARIZABLE;

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The size of its world, and the broken twin.
    pub scale: Scale,
    /// The environment in words.
    pub world: String,
    /// The run, a line a step.
    pub story: Vec<StoryLine>,
    /// What its writer found broken.
    pub recorded: Option<Broken>,
    /// What the algorithm's monitor finds broken now.
    pub judged: Option<Broken>,
}

impl Replay {
    /// Whether the monitor finds what the writer found.
    pub fn confirmed(&self) -> bool {
        match (&self.recorded, &self.judged) {
            (None, None) => true,
            (Some(recorded), Some(judged)) => recorded.property == judged.property,
            _ => false,
        }
    }
}

/// Replays a trace of the algorithm `A`, and judges it anew.
pub fn replay<A: Algorithm>(content: &str) -> Result<Replay, TraceError> {
    let replayed = trace::replay::<A::Process>(content)?;
    let scale = scale_of::<A>(&replayed.setting);
    let judged = match &replayed.end.violation {
        Some(recorded) if recorded.property == NO_PANIC.id => {
            panics(&replayed.setting, &replayed.lines, recorded).then(|| recorded.clone())
        }
        // what clients saw is not in a trace; the seed makes the same history again
        Some(recorded) if recorded.property == LINEARIZABLE.id => Some(recorded.clone()),
        recorded => judge(A::monitor(&scale), &replayed.setting.seating, &replayed.lines, recorded.as_ref()),
    };
    Ok(Replay {
        scale,
        world: crate::environment::describe(&replayed.setting.environment),
        story: story::tell(&replayed.lines),
        recorded: replayed.end.violation,
        judged,
    })
}

/// The scale of which this is the setting. A trace holds the setting, which all follows from; the monitor is made of
/// the scale.
fn scale_of<A: Algorithm>(setting: &Setting<A::Process>) -> Scale {
    /// More requests than anyone makes of one run.
    const REQUESTS_MAX: u32 = 256;
    let n = setting.environment.processes;
    let asked = trimmed(setting.requests.iter().take(n as usize).cloned().collect());
    let defects = std::iter::once(None).chain(A::TWINS.iter().map(|twin| Some(twin.name.to_owned())));
    for defect in defects {
        let made = |requests| Scale { n, requests, defect: defect.clone() };
        if A::parameters(&made(1)).is_ok_and(|parameters| parameters == setting.parameters) {
            let found = (0..=REQUESTS_MAX).map(made).find(|scale| trimmed(A::requests(scale)) == asked);
            return found.unwrap_or(Scale { n, defect, ..A::scale(GroundKind::Sim) });
        }
    }
    Scale { n, ..A::scale(GroundKind::Sim) }
}

/// Without the processes at the end that are asked for nothing.
fn trimmed<T>(mut requests: Vec<Vec<T>>) -> Vec<Vec<T>> {
    while requests.last().is_some_and(Vec::is_empty) {
        requests.pop();
    }
    requests
}

/// What `monitor` finds broken in a run: a property of safety, or a debt under the property of liveness that its writer
/// names.
fn judge<P: Process, M: Monitor<P::Request, P::Indication>>(
    mut monitor: M,
    seating: &Seating,
    lines: &[Line<P>],
    recorded: Option<&Broken>,
) -> Option<Broken> {
    for observed in lines.iter().flat_map(|line| &line.observed) {
        if let Err(Violation { property, what }) = monitor.observe(&observation(observed)) {
            return Some(Broken { property, what });
        }
    }
    let recorded = recorded?;
    let stopped: ProcessSet =
        lines.iter().filter_map(stops).map(|seat| seating.identity(seat)).chain(seating.twinned()).collect();
    let mut owed = None;
    monitor.owed(&mut |obligation| {
        if owed.is_none()
            && obligation.property == recorded.property
            && obligation.among.is_disjoint(&stopped)
        {
            owed = Some(Broken { property: obligation.property, what: obligation.what });
        }
    });
    owed
}

/// Whether, after these steps, the handler of the step that `recorded` names panics, for some outcomes of its draws. Such a
/// step has no line: it does not end.
fn panics<P: Process>(setting: &Setting<P>, lines: &[Line<P>], recorded: &Broken) -> bool {
    let after_them = || {
        let mut recorder = Recorder::new(setting);
        for line in lines {
            recorder.step(None, line.chosen());
        }
        recorder
    };
    let named = |choice: &Choice<P::Message, P::Timer>| recorded.what.starts_with(&format!("{choice}: "));
    let Some(choice) = after_them().enabled().into_iter().find(named) else { return false };
    let mut outcomes = Vec::new();
    loop {
        let mut recorder = after_them();
        let chosen = Move { choice: choice.clone(), draws: outcomes.clone(), cut: None };
        // what a panic leaves behind is not looked at again
        match catch_unwind(AssertUnwindSafe(|| recorder.step(None, chosen))) {
            Err(_) => return true,
            Ok(Some(line)) => outcomes = line.draws,
            // the last outcome is beyond its bound: the one before it goes up
            Ok(None) => _ = outcomes.pop(),
        }
        match outcomes.last_mut() {
            Some(last) => *last += 1,
            None => return false,
        }
    }
}

fn observation<Q, I>(observed: &Observed<Q, I>) -> Observation<'_, Q, I> {
    match observed {
        Observed::Request(at, request) => Observation::Request { at: *at, request },
        Observed::Indication(at, indication) => Observation::Indication { at: *at, indication },
        Observed::Crash(at) => Observation::Crash { at: *at },
        Observed::Recover(at) => Observation::Recover { at: *at },
        Observed::Corrupt(at) => Observation::Corrupt { at: *at },
    }
}

/// Who stops for ever in this step, or lies from it on.
fn stops<P: Process>(line: &Line<P>) -> Option<SeatId> {
    match line.choice {
        Choice::Crash { seat, forever: true, .. } | Choice::Corrupt { seat } => Some(seat),
        _ => line.cut.filter(|cut| cut.forever).and_then(|_| line.choice.cut_seat()),
    }
}
