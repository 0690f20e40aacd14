//! A trace, taken again.

use crate::report::StoryLine;
use crate::story;
use synod_kernel::trace::{self, Broken, Line, TraceError};
use synod_properties::regression::{judge, panics, scale_of};
use synod_properties::{Algorithm, NO_PANIC, Scale};
use synod_sim::shrink::{Taken, taken};
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
            let moves: Vec<_> = replayed.lines.iter().map(Line::chosen).collect();
            panics(&replayed.setting, &moves, recorded).map(|_| recorded.clone())
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

/// The steps of a trace of the algorithm `A`, to be taken again in part.
pub fn steps<A: Algorithm>(content: &str) -> Result<Option<Box<dyn Taken>>, TraceError> {
    taken::<A::Process, A::Monitor>(content, |setting| A::monitor(&scale_of::<A>(setting)))
}
