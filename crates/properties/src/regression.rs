//! A trace judged anew: by a replay, by what makes it smaller, and by a test that keeps what was found once from coming
//! back.

use crate::algorithm::{Algorithm, GroundKind, Scale};
use crate::monitor::{Monitor, NO_PANIC, Observation, Violation};
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_kernel::trace::{Broken, Line, Recorder, TraceError, recall};
use synod_kernel::{Choice, Move, SeatId, Seating, Setting};
use synod_model::{Process, ProcessSet};

/// Takes the steps of a trace again with the algorithm as it is now, those that can still be taken, and asserts that
/// the property that the trace breaks is not broken any more: the test of a bug that was found and repaired.
///
/// # Panics
/// If it is broken, or the text is no trace of this algorithm.
#[track_caller]
pub fn assert_repaired<A: Algorithm>(trace: &str) {
    let (recorded, found) = judged::<A>(trace).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    if let Some(Broken { property, what }) = found {
        panic!("{property} is broken again: {what}");
    }
    assert!(recorded.is_some(), "the trace breaks nothing: it tests nothing");
}

/// The same of an algorithm that is to break the property still: a broken twin.
///
/// # Panics
/// If it is not broken any more, or the text is no trace of this algorithm.
#[track_caller]
pub fn assert_broken<A: Algorithm>(trace: &str) {
    let (recorded, found) = judged::<A>(trace).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let recorded = recorded.expect("the trace breaks nothing: it tests nothing");
    assert!(found.is_some(), "{} is not broken any more", recorded.property);
}

/// What a trace says is broken, and whether the same property is broken when those of its steps that are possible now are
/// taken by the algorithm as it is now.
///
/// # Errors
/// If the text is no trace of this algorithm.
pub fn judged<A: Algorithm>(trace: &str) -> Result<(Option<Broken>, Option<Broken>), TraceError> {
    let written = recall::<A::Process>(trace)?;
    let Some(recorded) = written.end.violation else { return Ok((None, None)) };
    let setting = written.setting;
    let mut recorder = Recorder::new(&setting);
    let mut lines = Vec::new();
    for (at, chosen) in written.moves {
        let attempt = || recorder.attempt(at, chosen.clone());
        let Ok(line) = catch_unwind(AssertUnwindSafe(attempt)) else {
            let what = format!("{}: the handler panics", chosen.choice);
            let panics = Broken { property: NO_PANIC.id.to_owned(), what };
            let same = recorded.property == NO_PANIC.id;
            return Ok((Some(recorded), same.then_some(panics)));
        };
        lines.extend(line);
    }
    let found = if recorded.property == NO_PANIC.id {
        let moves: Vec<_> = lines.iter().map(Line::chosen).collect();
        panics(&setting, &moves, &recorded).map(|_| recorded.clone())
    } else {
        let monitor = A::monitor(&scale_of::<A>(&setting));
        judge(monitor, &setting.seating, &lines, Some(&recorded))
    };
    let same = found.filter(|found| found.property == recorded.property);
    Ok((Some(recorded), same))
}

/// The scale of which this is the setting. A trace holds the setting, which all follows from; the monitor is made of
/// the scale.
pub fn scale_of<A: Algorithm>(setting: &Setting<A::Process>) -> Scale {
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
/// names. Is shown the steps one by one.
pub struct Judge<'a, M> {
    monitor: M,
    seating: &'a Seating,
    broken: Option<Broken>,
    /// Those who stop for ever, or lie.
    stopped: ProcessSet,
}

impl<'a, M> Judge<'a, M> {
    /// Has seen nothing yet.
    pub fn new(monitor: M, seating: &'a Seating) -> Self {
        Self { monitor, seating, broken: None, stopped: seating.twinned().collect() }
    }

    /// Looks at the next step.
    pub fn watch<P: Process>(&mut self, line: &Line<P>)
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
            if let Err(Violation { property, what }) = self.monitor.observe(&Observation::of(observed)) {
                self.broken = Some(Broken { property, what });
            }
        }
    }

    /// What was broken; a debt under the property that `recorded` names, where nothing of safety was.
    pub fn verdict<Q, I>(self, recorded: Option<&Broken>) -> Option<Broken>
    where
        M: Monitor<Q, I>,
    {
        if self.broken.is_some() {
            return self.broken;
        }
        owed_but_for(&self.monitor, &self.stopped, &recorded?.property)
    }
}

/// What `monitor` finds broken in a run, as [`Judge`] does.
pub fn judge<P: Process, M: Monitor<P::Request, P::Indication>>(
    monitor: M,
    seating: &Seating,
    lines: &[Line<P>],
    recorded: Option<&Broken>,
) -> Option<Broken> {
    let mut judge = Judge::new(monitor, seating);
    for line in lines {
        judge.watch(line);
    }
    judge.verdict(recorded)
}

/// A debt under this property that nobody who is faulty makes void.
pub fn owed<P: Process, M: Monitor<P::Request, P::Indication>>(
    monitor: &M,
    seating: &Seating,
    lines: &[Line<P>],
    property: &str,
) -> Option<Broken> {
    let stopped: ProcessSet =
        lines.iter().filter_map(stops).map(|seat| seating.identity(seat)).chain(seating.twinned()).collect();
    owed_but_for(monitor, &stopped, property)
}

fn owed_but_for<Q, I>(monitor: &impl Monitor<Q, I>, stopped: &ProcessSet, property: &str) -> Option<Broken> {
    let mut owed = None;
    monitor.owed(&mut |debt| {
        if owed.is_none() && debt.property == property && debt.among.is_disjoint(stopped) {
            owed = Some(Broken { property: debt.property, what: debt.what });
        }
    });
    owed
}

/// Whether, after these moves, the handler of the step that `recorded` names panics, for some outcomes of its draws: these.
/// Such a step has no line: it does not end.
pub fn panics<P: Process>(
    setting: &Setting<P>,
    moves: &[Move<P::Message, P::Timer>],
    recorded: &Broken,
) -> Option<Vec<u32>> {
    let after_them = || {
        let mut recorder = Recorder::new(setting);
        for chosen in moves {
            recorder.step(None, chosen.clone());
        }
        recorder
    };
    let named = |choice: &Choice<P::Message, P::Timer>| recorded.what.starts_with(&format!("{choice}: "));
    let choice = after_them().enabled().into_iter().find(named)?;
    let mut outcomes: Vec<u32> = Vec::new();
    loop {
        let mut recorder = after_them();
        let chosen = Move { choice: choice.clone(), draws: outcomes.clone(), cut: None };
        // what a panic leaves behind is not looked at again
        match catch_unwind(AssertUnwindSafe(|| recorder.step(None, chosen))) {
            Err(_) => return Some(outcomes),
            Ok(Some(line)) => outcomes = line.draws,
            // the last outcome is beyond its bound: the one before it goes up
            Ok(None) => _ = outcomes.pop(),
        }
        *outcomes.last_mut()? += 1;
    }
}

/// Who stops for ever in this step, or lies or omits from it on.
fn stops<P: Process>(line: &Line<P>) -> Option<SeatId> {
    match line.choice {
        Choice::Crash { seat, forever: true, .. } | Choice::Corrupt { seat } | Choice::Omit { seat } => {
            Some(seat)
        }
        _ => line.cut.filter(|cut| cut.forever).and_then(|_| line.choice.cut_seat()),
    }
}
