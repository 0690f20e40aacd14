//! A recorded run, run again: the inputs of each node, fed to the same process, give the same effects byte for byte.
//!
//! [`verify`] replays each node by itself. [`to_trace`] goes further: it retells the whole run as choices in a kernel
//! world, so that it can be replayed, stepped through and judged like a run of any other ground. What a real cluster
//! did was a run of the model.

use crate::execution::{Execution, Merged, What};
use crate::record::{Handled, Incarnation, Record, Release, Start};
use std::collections::VecDeque;
use std::path::PathBuf;
use synod_kernel::environment::{Budget, Failures, Timing};
use synod_kernel::seat::ReleasedOf;
use synod_kernel::trace::{Header, Recorder, Writer};
use synod_kernel::{
    Choice, Durability, Environment, Move, Released, Script, Seat, SeatId, Setting, Status, View,
};
use synod_model::failure::FailureModel;
use synod_model::timing::TimingModel;
use synod_model::{Effect, EffectOf, Event, FailuresOf, Process, ProcessId, TimingOf};
use thiserror::Error;

/// Where the replay departs from the record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A handler gives other effects.
    #[error("{}, line {line} differs\n  recorded: {recorded}\n  replayed: {replayed}", path.display())]
    Differs {
        /// The record.
        path: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// What it says.
        recorded: String,
        /// What the replay says.
        replayed: String,
    },
    /// A start read another disk than its predecessor left.
    #[error("{} starts from a disk that the incarnation before it cannot have left", path.display())]
    Disk {
        /// The record.
        path: PathBuf,
    },
    /// The records do not make up a run of the model.
    #[error("step {step} of the run is none in the model: {choice}")]
    NotEnabled {
        /// Which.
        step: u64,
        /// What it wanted to do.
        choice: String,
    },
    /// A process left no record at all.
    #[error("there is no record of {0}")]
    NoRecord(ProcessId),
    /// A value of the algorithm has no form in JSON.
    #[error("a value of this algorithm cannot be written as JSON: {0}")]
    Value(String),
}

/// Replays every node. How many handlers ran again.
pub fn verify<P: Process>(execution: &Execution<P>) -> Result<usize, ReplayError> {
    let mut handlers = 0;
    for incarnations in execution.processes.values() {
        let mut before: Option<Replayed<P>> = None;
        for incarnation in incarnations {
            if let Some(before) = before
                && !before.leaves(&incarnation.start)
            {
                return Err(ReplayError::Disk { path: incarnation.path.clone() });
            }
            let replayed = Replayed::of(incarnation)?;
            handlers += replayed.handlers;
            before = Some(replayed);
        }
    }
    Ok(handlers)
}

/// A node's incarnation, run again to the end of its record.
struct Replayed<P: Process> {
    incarnation: u64,
    seat: Seat<P>,
    /// Of how many writes the durable disk is the fold.
    durable: u64,
    handlers: usize,
    /// The names of what is said and not released, in order; and of what is released and not seen in the record yet.
    unreleased: VecDeque<(u64, u32)>,
    released: Vec<(u64, u32)>,
}

impl<P: Process> Replayed<P> {
    fn of(incarnation: &Incarnation<P>) -> Result<Self, ReplayError> {
        let start = &incarnation.start;
        let mut replayed = Self {
            incarnation: start.incarnation,
            seat: Seat::with_disk(start.disk.0.clone()),
            durable: start.writes,
            handlers: 0,
            unreleased: VecDeque::new(),
            released: vec![],
        };
        for (number, (record, line)) in incarnation.records.iter().zip(&incarnation.lines).enumerate() {
            let again = replayed.step(start, record)?;
            if again != *line {
                return Err(ReplayError::Differs {
                    path: incarnation.path.clone(),
                    line: number + 2,
                    recorded: line.clone(),
                    replayed: again,
                });
            }
        }
        Ok(replayed)
    }

    /// The line that the replay makes of a record.
    fn step(&mut self, start: &Start<P>, record: &Record<P>) -> Result<String, ReplayError> {
        let mut again = record.clone();
        match &mut again {
            Record::Handled(handled) => self.handle(start, handled),
            Record::Released(release) => {
                self.sync(release.stores);
                release.effects = std::mem::take(&mut self.released);
            }
            Record::Start(_) | Record::Stopped { .. } => {}
        }
        serde_json::to_string(&again).map_err(|e| ReplayError::Value(e.to_string()))
    }

    fn handle(&mut self, start: &Start<P>, handled: &mut Handled<P>) {
        if !matches!(handled.event, Event::Init | Event::Recover) && self.seat.status() != Status::Up {
            // Nothing runs before the start: the record shows that it did.
            handled.effects.clear();
            return;
        }
        let view = View {
            me: start.process,
            group: start.group,
            parameters: &start.parameters,
            bounds: start.bounds,
        };
        let mut script = Script::new(std::mem::take(&mut handled.draws));
        let mut effects = vec![];
        self.seat.handle(view, handled.event.clone(), &mut script, &mut effects);
        self.handlers += 1;
        handled.draws = script.drawn();
        handled.effects.clone_from(&effects);
        self.unreleased.extend(names(handled.handler, &effects));
        let Self { seat, unreleased, released, .. } = self;
        seat.commit(&mut effects, None, Durability::Deferred, &mut note::<P>(unreleased, released));
    }

    fn sync(&mut self, stores: u32) {
        let Self { seat, unreleased, released, .. } = self;
        for _ in 0..stores.min(seat.stores_pending() as u32) {
            seat.sync(&mut note::<P>(unreleased, released));
            self.durable += 1;
        }
    }

    /// Whether the next start that left a record can have read its disk from what this incarnation left: some of the
    /// pending writes, the oldest, may have become durable. (One in between recorded nothing, so it wrote nothing.)
    fn leaves(mut self, next: &Start<P>) -> bool {
        let Some(kept) = kept(self.durable, self.seat.stores_pending(), next) else { return false };
        self.seat.crash(kept, false, true);
        next.incarnation > self.incarnation && *self.seat.stable() == next.disk.0
    }
}

/// How many of the pending writes were durable when the process started again.
fn kept(durable: u64, pending: usize, next: &Start<impl Process>) -> Option<u32> {
    let kept = next.writes.checked_sub(durable)?;
    (kept <= pending as u64).then_some(kept as u32)
}

/// The names of what a handler says.
fn names<M, T, W, I>(handler: u64, effects: &[Effect<M, T, W, I>]) -> impl Iterator<Item = (u64, u32)> + '_ {
    let said = |(index, effect): (usize, &Effect<M, T, W, I>)| match effect {
        Effect::Send { .. } | Effect::Indicate { .. } => Some(index as u32),
        _ => None,
    };
    effects.iter().enumerate().filter_map(said).map(move |index| (handler, index))
}

/// Moves the name of each release from the one list to the other.
fn note<P: Process>(
    unreleased: &mut VecDeque<(u64, u32)>,
    released: &mut Vec<(u64, u32)>,
) -> impl FnMut(ReleasedOf<P>) {
    |out| {
        if matches!(out, Released::Send(..) | Released::Indicate(_)) {
            released.push(unreleased.pop_front().expect("release is first in, first out"));
        }
    }
}

/// Retells a run as choices in a kernel world: a trace as every ground writes it.
///
/// Effects are compared on the way: the world does what the nodes did. A link that was cut is delay here, as it was
/// there. Messages that were lost in a crash stay in flight.
pub fn to_trace<P: Process>(execution: &Execution<P>, algorithm: &str) -> Result<String, ReplayError> {
    let merged = execution.merge();
    let setting = setting(execution, &merged)?;
    let header = Header::new(algorithm, "run", None, &setting);
    let mut retold = Retold {
        recorder: Recorder::new(&setting),
        writer: Writer::new(&header),
        epoch: epoch(&merged),
        durable: vec![0; setting.seating.len()],
    };
    for &p in execution.processes.keys() {
        retold.init(p, execution)?;
    }
    for (number, step) in merged.steps.iter().enumerate() {
        let next = || {
            merged.steps[number..].iter().find_map(|later| match later.what {
                What::Start(start) if later.process == step.process => Some(start),
                _ => None,
            })
        };
        let seat = SeatId(step.process.0);
        match &step.what {
            What::Start(start) => retold.start(seat, start)?,
            What::Handled(handled) => retold.handled(seat, step.incarnation, handled)?,
            What::Released(release) => retold.sync(seat, release)?,
            What::Crashed => retold.crash(seat, step.incarnation.ended_at(), next())?,
            What::Stopped => {}
        }
    }
    Ok(retold.writer.finish(None))
}

/// The world of a run: what it may do is what such a cluster may.
fn setting<P: Process>(execution: &Execution<P>, merged: &Merged<'_, P>) -> Result<Setting<P>, ReplayError> {
    let first = execution.processes.values().flatten().next().ok_or(ReplayError::NoRecord(ProcessId(0)))?;
    let (group, n) = (first.start.group, first.start.group.count);
    if let Some(missing) = group.members().find(|p| !execution.processes.contains_key(p)) {
        return Err(ReplayError::NoRecord(missing));
    }
    let mut environment = Environment::benign(n);
    let kind = <FailuresOf<P> as FailureModel>::KIND;
    environment.failures =
        Failures { kind, stops: Budget::Unlimited, restarts: Budget::Unlimited, among: None };
    environment.storage.durability = Durability::Deferred;
    environment.timing =
        Timing { bounds: first.start.bounds, ..Timing::of(<TimingOf<P> as TimingModel>::KIND) };
    let mut requests = vec![vec![]; n as usize];
    for step in &merged.steps {
        if let What::Handled(Handled { event: Event::Request(request), .. }) = &step.what {
            requests[step.process.index()].push(request.clone());
        }
    }
    Ok(Setting::new(environment, first.start.parameters.clone(), requests))
}

/// When the run began.
fn epoch<P: Process>(merged: &Merged<'_, P>) -> u64 {
    merged
        .steps
        .iter()
        .filter_map(|step| match step.what {
            What::Start(start) => Some(start.at),
            _ => None,
        })
        .min()
        .unwrap_or(0)
}

/// A run being retold.
struct Retold<'a, P: Process> {
    recorder: Recorder<'a, P>,
    writer: Writer,
    epoch: u64,
    /// By seat: how many writes are durable.
    durable: Vec<u64>,
}

impl<P: Process> Retold<'_, P> {
    fn take(&mut self, at: u64, chosen: Move<P::Message, P::Timer>) -> Result<Vec<EffectOf<P>>, ReplayError> {
        let (step, choice) = (self.recorder.steps(), chosen.choice.to_string());
        let line = self.recorder.step(Some(at.saturating_sub(self.epoch)), chosen);
        let line = line.ok_or(ReplayError::NotEnabled { step, choice })?;
        self.writer.step(&line);
        Ok(line.effects)
    }

    /// In a kernel world all processes start first; nothing can have reached one before.
    fn init(&mut self, p: ProcessId, execution: &Execution<P>) -> Result<(), ReplayError> {
        let incarnations = &execution.processes[&p];
        let mut choice = Move::plain(Choice::Init { seat: SeatId(p.0) });
        let first = incarnations.iter().find(|incarnation| incarnation.start.incarnation == 1);
        let init = first.and_then(|incarnation| Some((incarnation, incarnation.handled().next()?)));
        let Some((incarnation, handled)) = init else {
            // It died before it recorded its first handler; nobody has heard of it.
            return self.take(self.epoch, choice).map(drop);
        };
        choice.draws.clone_from(&handled.draws);
        let effects = self.take(incarnation.start.at, choice)?;
        same(incarnation, handled, &effects)
    }

    fn handled(
        &mut self,
        seat: SeatId,
        incarnation: &Incarnation<P>,
        handled: &Handled<P>,
    ) -> Result<(), ReplayError> {
        let choice = match handled.event.clone() {
            Event::Init => return Ok(()),
            Event::Recover => Choice::Recover { seat },
            Event::Request(_) => Choice::Request { seat },
            Event::Message(from, message) => Choice::Deliver { from: SeatId(from.0), to: seat, message },
            Event::Timer(timer) => Choice::Fire { seat, timer },
        };
        let effects = self.take(handled.at, Move { draws: handled.draws.clone(), ..Move::plain(choice) })?;
        same(incarnation, handled, &effects)
    }

    /// An incarnation starts. If nothing shows the crash of the one before, it comes now.
    fn start(&mut self, seat: SeatId, start: &Start<P>) -> Result<(), ReplayError> {
        if start.incarnation > 1 {
            self.crash(seat, start.at, Some(start))?;
        }
        self.durable[seat.index()] = start.writes;
        Ok(())
    }

    fn sync(&mut self, seat: SeatId, release: &Release) -> Result<(), ReplayError> {
        for _ in 0..release.stores {
            self.take(release.at, Move::plain(Choice::Sync { seat }))?;
            self.durable[seat.index()] += 1;
        }
        Ok(())
    }

    /// A process crashes, unless it has since its last handler; `next` is its next start.
    fn crash(&mut self, seat: SeatId, at: u64, next: Option<&Start<P>>) -> Result<(), ReplayError> {
        let state = &self.recorder.world().seats[seat.index()];
        if state.status() != Status::Up {
            return Ok(());
        }
        let kept =
            next.map_or(Some(0), |next| kept(self.durable[seat.index()], state.stores_pending(), next));
        let step = self.recorder.steps();
        let choice = || format!("{seat} starts again from another disk than it left");
        let kept = kept.ok_or_else(|| ReplayError::NotEnabled { step, choice: choice() })?;
        let crash = Choice::Crash { seat, forever: next.is_none(), kept, torn: false };
        self.take(at, Move::plain(crash)).map(drop)
    }
}

/// The world's handler did what the node's did.
fn same<P: Process>(
    incarnation: &Incarnation<P>,
    handled: &Handled<P>,
    effects: &[EffectOf<P>],
) -> Result<(), ReplayError> {
    if effects == handled.effects {
        return Ok(());
    }
    Err(ReplayError::Differs {
        path: incarnation.path.clone(),
        line: incarnation.line_of(handled.handler),
        recorded: format!("{:?}", handled.effects),
        replayed: format!("{effects:?}"),
    })
}
