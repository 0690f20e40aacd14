//! A trace, taken again.

use super::{World, setting};
use crate::report::StoryLine;
use crate::story;
use crate::traces::Source;
use std::io::Write;
use synod_kernel::trace::{Broken, Line, Reader, TraceError, Writer};
use synod_kernel::{Move, Setting};
use synod_model::Process;
use synod_properties::regression::{Judge, panics, scale_of};
use synod_properties::{Algorithm, NO_PANIC, Scale};
use synod_sim::shrink::{Taken, taken, taken_in};
use synod_sim::workload::LINEARIZABLE;

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Replay {
    /// How many steps there were.
    pub steps: u64,
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

/// Who is told of a replay as it goes.
pub trait Audience {
    /// The size of its world with the broken twin, and the environment in words. Comes first.
    fn world(&mut self, scale: &Scale, world: &str) {
        let _ = (scale, world);
    }
    /// A step that was taken, and is as it was recorded.
    fn step(&mut self, line: StoryLine);
    /// Has the step written anew, where the trace is copied: whether it is. Steps are not told then.
    fn copy(&mut self, write: &mut dyn FnMut(&mut Writer<&mut dyn Write>)) -> bool {
        let _ = write;
        false
    }
}

impl Audience for Vec<StoryLine> {
    fn step(&mut self, line: StoryLine) {
        self.push(line);
    }
}

/// Replays a trace of the algorithm `A`, and judges it anew. Nobody is told of one that is not as it was written.
pub fn replay<A: Algorithm>(source: &Source<'_>, audience: &mut dyn Audience) -> Result<Replay, TraceError> {
    whole(source)?;
    let mut from = source.open()?;
    let mut reader = Reader::open(&mut *from)?;
    let setting: Setting<A::Process> = reader.setting()?;
    let scale = scale_of::<A>(&setting);
    audience.world(&scale, &crate::environment::describe(&setting.environment));
    let mut judge = Judge::new(A::monitor(&scale), &setting.seating);
    let mut steps = 0;
    let tried = reader.header().tried.clone();
    let end = reader.replay(&setting, |line: Line<A::Process>| {
        steps += 1;
        judge.watch(&line);
        if !audience.copy(&mut |writer| writer.as_headed(&line)) {
            audience.step(story::mark(story::line(&line), &tried));
        }
    })?;
    let judged = match &end.violation {
        Some(recorded) if recorded.property == NO_PANIC.id => {
            panics(&setting, &moves::<A::Process>(source)?, recorded).map(|_| recorded.clone())
        }
        // what clients saw is not in a trace; the seed makes the same history again
        Some(recorded) if recorded.property == LINEARIZABLE.id => Some(recorded.clone()),
        recorded => judge.verdict(recorded.as_ref()),
    };
    Ok(Replay { steps, recorded: end.violation, judged })
}

/// Whether a trace is as it was written; if not, where it is damaged.
fn whole(source: &Source<'_>) -> Result<(), TraceError> {
    let Err(damage) = Reader::open(&mut *source.open()?)?.check() else { return Ok(()) };
    Err(Reader::open(&mut *source.open()?)?.scan(|_| ()).err().unwrap_or(damage))
}

/// The moves of a trace: of an explored run, which is short.
fn moves<P: Process>(source: &Source<'_>) -> Result<Vec<Move<P::Message, P::Timer>>, TraceError> {
    let mut from = source.open()?;
    let mut reader = Reader::open(&mut *from)?;
    let (setting, mut moves) = (reader.setting::<P>()?, Vec::new());
    reader.replay(&setting, |line: Line<P>| moves.push(line.chosen()))?;
    Ok(moves)
}

/// The steps of a trace of the algorithm `A`, to be taken again in part.
pub fn steps<A: Algorithm>(content: &str) -> Result<Option<Box<dyn Taken>>, TraceError> {
    taken::<A::Process, A::Monitor>(content, |setting| A::monitor(&scale_of::<A>(setting)))
}

/// The same in another world: of fewer processes. None, where the algorithm cannot be made so.
pub fn steps_in<A: Algorithm>(world: &World, content: &str) -> Result<Option<Box<dyn Taken>>, TraceError> {
    taken_in::<A::Process, A::Monitor>(content, |_| {
        Some((setting::<A>(world).ok()?, A::monitor(&world.scale)))
    })
}
