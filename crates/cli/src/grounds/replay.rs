//! A trace, taken again.

use crate::report::StoryLine;
use crate::story;
use crate::traces::Source;
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_check::NO_PANIC;
use synod_kernel::trace::{Broken, Line, Reader, Recorder, TraceError};
use synod_kernel::{Choice, Move, Observed, SeatId, Seating, Setting};
use synod_model::{Process, ProcessSet};
use synod_properties::{Algorithm, GroundKind, Monitor, Observation, Scale, Violation};

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
    let end = reader.replay(&setting, |line: Line<A::Process>| {
        steps += 1;
        judge.watch(&line);
        audience.step(story::line(&line));
    })?;
    let judged = match &end.violation {
        Some(recorded) if recorded.property == NO_PANIC.id => {
            panics(&setting, &moves::<A::Process>(source)?, recorded).then(|| recorded.clone())
        }
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

/// What a monitor finds broken in a run: a property of safety, or a debt under the property of liveness that its writer
/// names.
struct Judge<'a, M> {
    monitor: M,
    seating: &'a Seating,
    broken: Option<Broken>,
    /// Those who stop for ever, or lie.
    stopped: ProcessSet,
}

impl<'a, M> Judge<'a, M> {
    fn new(monitor: M, seating: &'a Seating) -> Self {
        Self { monitor, seating, broken: None, stopped: seating.twinned().collect() }
    }

    fn watch<P: Process>(&mut self, line: &Line<P>)
    where
        M: Monitor<P::Request, P::Indication>,
    {
        if let Some(seat) = stops(line) {
            self.stopped.insert(self.seating.identity(seat));
        }
        for observed in &line.observed {
            if self.broken.is_some() {
                return;
            }
            if let Err(Violation { property, what }) = self.monitor.observe(&observation(observed)) {
                self.broken = Some(Broken { property, what });
            }
        }
    }

    fn verdict<Q, I>(self, recorded: Option<&Broken>) -> Option<Broken>
    where
        M: Monitor<Q, I>,
    {
        if self.broken.is_some() {
            return self.broken;
        }
        let recorded = recorded?;
        let mut owed = None;
        self.monitor.owed(&mut |obligation| {
            if owed.is_none()
                && obligation.property == recorded.property
                && obligation.among.is_disjoint(&self.stopped)
            {
                owed = Some(Broken { property: obligation.property, what: obligation.what });
            }
        });
        owed
    }
}

/// Whether, after these moves, the handler of the step that `recorded` names panics, for some outcomes of its draws. Such a
/// step has no line: it does not end.
fn panics<P: Process>(setting: &Setting<P>, moves: &[Move<P::Message, P::Timer>], recorded: &Broken) -> bool {
    let after_them = || {
        let mut recorder = Recorder::new(setting);
        for chosen in moves {
            recorder.step(None, chosen.clone());
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
