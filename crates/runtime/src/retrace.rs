//! A recorded run as a trace: the moves of one kernel world that do what the nodes did, in an order that keeps causes
//! before effects.
//!
//! So a run of a cluster is replayed, stepped through and judged as a run of any other ground is; and that there is such
//! a trace shows that what the cluster did was a run of the model. Each handler must give the effects that its node
//! recorded, and each process tell what its node told; where the world cannot follow, the record is named.
//!
//! What differs between a cluster and this world, and how it is told here:
//! - In this world all processes start before anything else happens. Nothing can have reached one that had not.
//! - Handlers are atomic here. A node runs one, and shortly after lets leave what it said; a handler that indicates
//!   something is told where that left, the handlers of its process behind it.
//! - A message leaves with its handler, or with the write that it waits for. One that its node did not live to send, or
//!   that was lost in a crash, stays in flight for ever. So does what a cut link held back: cuts are delay, no moves.
//! - A handler at the end of an incarnation's record whose indications were never released is one in which the process
//!   crashed, before the first of them. Whatever it handled behind that never happened; what it was asked for then was
//!   asked of a process that is down.
//! - A process whose record ends with a crash and that did not start again has stopped for ever. One that was asked to
//!   stop is still up: it is the run that ended.
//! - The environment is what happened: as many crashes, durability by `Sync`, no message lost or duplicated.

use crate::execution::{Execution, Merged, Step, What};
use crate::record::{EffectName, Handled, Incarnation, Record, Release, Start};
use crate::replay::kept;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use synod_kernel::environment::{Budget, Failures, Links, Timing};
use synod_kernel::trace::{Broken, Header, Line, Recorder, Writer};
use synod_kernel::{Choice, Cut, Durability, Environment, Move, Observed, SeatId, Setting, Status};
use synod_model::failure::FailureModel;
use synod_model::link::{Guarantee, LinkModel};
use synod_model::timing::TimingModel;
use synod_model::{Effect, Event, FailuresOf, Group, LinkOf, Process, ProcessId, TimingOf};
use thiserror::Error;

/// Why records are no run of a kernel world.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RetraceError {
    /// A process left no record at all.
    #[error("there is no record of {0}")]
    NoRecord(ProcessId),
    /// The records are of more than one cluster.
    #[error("{} and {} are not of one cluster", path.display(), first.display())]
    Other {
        /// A record.
        path: PathBuf,
        /// The first record.
        first: PathBuf,
    },
    /// What was recorded cannot happen.
    #[error("{}, line {line} is no step of the model: {choice}: {why}", path.display())]
    Refused {
        /// The record.
        path: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// The number that its step would have.
        step: u64,
        /// What it wanted to do.
        choice: String,
        /// Why that cannot be.
        why: &'static str,
    },
    /// It can, and has other consequences.
    #[error("{}, line {line} differs\n  recorded: {recorded}\n  retold: {retold}", path.display())]
    Differs {
        /// The record.
        path: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// What it says.
        recorded: String,
        /// What the world does.
        retold: String,
    },
    /// A start read another disk than its predecessor left.
    #[error("{} starts from a disk that the incarnation before it cannot have left", path.display())]
    Disk {
        /// The record.
        path: PathBuf,
    },
}

impl RetraceError {
    /// What to do where a handler does something else than was recorded.
    pub const NONDETERMINISTIC: &'static str = "the process is not deterministic, or the records were changed: look for clocks, \
                                                randomness, iteration over hash tables";

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRecord(_) | Self::Other { .. } => "keep the records of all nodes in one directory",
            Self::Refused { .. } | Self::Disk { .. } => {
                "if no record was lost or changed, that is a bug of the runtime: please report it with the records"
            }
            Self::Differs { .. } => Self::NONDETERMINISTIC,
        }
    }
}

/// The trace of a run; `broken` is what its judge found.
///
/// # Errors
/// The first record that the world cannot follow.
pub fn trace<P: Process>(
    algorithm: &str,
    execution: &Execution<P>,
    broken: Option<Broken>,
) -> Result<String, RetraceError> {
    let merged = execution.merge();
    let setting = setting(execution, &merged)?;
    let mut retold = Retold::new(algorithm, execution, &merged, &setting);
    for incarnations in execution.processes.values() {
        retold.init(&incarnations[0])?;
    }
    for step in &merged.steps {
        retold.step(step)?;
    }
    Ok(retold.writer.finish(broken))
}

/// The world of a run.
fn setting<P: Process>(execution: &Execution<P>, merged: &Merged<'_, P>) -> Result<Setting<P>, RetraceError> {
    let first = execution.processes.values().flatten().next().ok_or(RetraceError::NoRecord(ProcessId(0)))?;
    let Start { group, parameters, bounds, .. } = &first.start;
    let mut all = execution.processes.values().flatten();
    if let Some(other) = all.find(|other| !of_one_cluster(&first.start, &other.start)) {
        return Err(RetraceError::Other { path: other.path.clone(), first: first.path.clone() });
    }
    let left_none = |p: &ProcessId| execution.processes.get(p).is_none_or(Vec::is_empty);
    if let Some(missing) = group.members().find(left_none) {
        return Err(RetraceError::NoRecord(missing));
    }
    let mut environment = Environment::benign(group.count);
    environment.failures = failures(execution);
    environment.storage.durability = Durability::Deferred;
    environment.links = Links::of(<LinkOf<P> as LinkModel>::KIND);
    environment.timing = Timing { bounds: *bounds, ..Timing::of(<TimingOf<P> as TimingModel>::KIND) };
    let mut requests = vec![vec![]; group.count as usize];
    for step in &merged.steps {
        if let What::Handled(Handled { event: Event::Request(request), .. }) = &step.what {
            requests[step.process.index()].push(request.clone());
        }
    }
    Ok(Setting::new(environment, parameters.clone(), requests))
}

/// Whether two starts are of one cluster, of processes counted from 0.
fn of_one_cluster<P: Process>(a: &Start<P>, b: &Start<P>) -> bool {
    (a.cluster, a.group, a.bounds) == (b.cluster, b.group, b.bounds)
        && a.parameters == b.parameters
        && b.group == Group::first(b.group.count)
        && b.group.contains(b.process)
}

/// The crashes that there were.
fn failures<P: Process>(execution: &Execution<P>) -> Failures {
    let (mut stops, mut restarts) = (0, 0);
    for incarnations in execution.processes.values() {
        let unrecorded = incarnations.first().is_some_and(|first| first.start.incarnation > 1);
        restarts += incarnations.len() as u32 - 1 + u32::from(unrecorded);
        stops += u32::from(incarnations.last().is_some_and(|last| !last.stopped()));
    }
    let kind = <FailuresOf<P> as FailureModel>::KIND;
    let (stops, restarts) = (Budget::AtMost(stops), Budget::AtMost(restarts));
    Failures { kind, stops, restarts, ..Failures::NONE }
}

/// A run being retold.
struct Retold<'a, P: Process> {
    execution: &'a Execution<P>,
    recorder: Recorder<'a, P>,
    writer: Writer,
    /// When the run began, by the clock of the records.
    epoch: u64,
    /// When the last step was, from then on.
    now: u64,
    /// By seat.
    nodes: Vec<Node<'a, P>>,
    /// How often each message is still to arrive, by receiver and sender, where it arrives more than once.
    copies: BTreeMap<(ProcessId, ProcessId, EffectName), u32>,
}

/// What is kept of a process beside its seat.
struct Node<'a, P: Process> {
    /// The line of its record that is told.
    line: usize,
    /// How many writes are durable.
    durable: u64,
    /// Handlers, until the first of them is released what it indicated.
    waiting: VecDeque<&'a Handled<P>>,
    /// What was indicated in the world, and not found in the record yet.
    indicated: VecDeque<P::Indication>,
    /// Whether it crashed in a handler: what its record says besides never happened.
    cut: bool,
}

impl<P: Process> Default for Node<'_, P> {
    fn default() -> Self {
        Self { line: 0, durable: 0, waiting: VecDeque::new(), indicated: VecDeque::new(), cut: false }
    }
}

/// A line in a record.
struct Place<'a, P: Process> {
    incarnation: &'a Incarnation<P>,
    line: usize,
    at: u64,
}

#[expect(clippy::expl_impl_clone_on_copy, reason = "derived, both would ask the same of P")]
impl<P: Process> Clone for Place<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Process> Copy for Place<'_, P> {}

impl<'a, P: Process> Place<'a, P> {
    fn of(incarnation: &'a Incarnation<P>, handled: &Handled<P>) -> Self {
        Self { incarnation, line: incarnation.line_of(handled.handler), at: handled.at }
    }

    fn seat(&self) -> SeatId {
        SeatId(self.incarnation.start.process.0)
    }

    fn differs(&self, recorded: impl std::fmt::Debug, retold: impl std::fmt::Debug) -> RetraceError {
        RetraceError::Differs {
            path: self.incarnation.path.clone(),
            line: self.line,
            recorded: format!("{recorded:?}"),
            retold: format!("{retold:?}"),
        }
    }
}

impl<'a, P: Process> Retold<'a, P> {
    fn new(
        algorithm: &str,
        execution: &'a Execution<P>,
        merged: &Merged<'_, P>,
        setting: &'a Setting<P>,
    ) -> Self {
        let started = merged.steps.iter().filter_map(|step| match step.what {
            What::Start(start) => Some(start.at),
            _ => None,
        });
        Self {
            execution,
            recorder: Recorder::new(setting),
            writer: Writer::new(&Header::new(algorithm, "run", None, setting)),
            epoch: started.min().unwrap_or(0),
            now: 0,
            nodes: setting.seating.seats().map(|_| Node::default()).collect(),
            copies: copies(merged),
        }
    }

    fn node(&mut self, place: Place<'_, P>) -> &mut Node<'a, P> {
        &mut self.nodes[place.seat().index()]
    }

    fn is_up(&self, place: Place<'_, P>) -> bool {
        self.recorder.world().seats[place.seat().index()].status() == Status::Up
    }

    /// The next incarnation of the same process that left a record.
    fn next(&self, incarnation: &Incarnation<P>) -> Option<&'a Incarnation<P>> {
        let all = &self.execution.processes[&incarnation.start.process];
        all.iter().find(|next| next.start.incarnation > incarnation.start.incarnation)
    }

    fn step(&mut self, step: &Step<'a, P>) -> Result<(), RetraceError> {
        let incarnation = step.incarnation;
        let node = &mut self.nodes[step.process.index()];
        node.line = if matches!(step.what, What::Start(_)) { 1 } else { node.line + 1 };
        let at = match step.what {
            What::Start(Start { at, .. })
            | What::Handled(Handled { at, .. })
            | What::Released(Release { at, .. }) => *at,
            What::Crashed | What::Stopped => incarnation.ended_at(),
        };
        let place = Place { incarnation, line: node.line, at };
        match step.what {
            What::Start(start) => self.start(place, start),
            What::Handled(handled) => self.handled(place, handled),
            What::Released(release) => self.released(place, release),
            What::Crashed => self.crashed(place),
            What::Stopped => {
                self.tell_waiting(place)?;
                self.told_all(place)
            }
        }
    }

    /// Before all else every process starts: `first` is its first incarnation that left a record.
    fn init(&mut self, first: &'a Incarnation<P>) -> Result<(), RetraceError> {
        let choice = Choice::Init { seat: SeatId(first.start.process.0) };
        let place = Place { incarnation: first, line: 1, at: self.epoch };
        let forever = self.next(first).is_none();
        let unrecorded = first.start.incarnation > 1;
        let Some(init) = first.handled().next().filter(|_| !unrecorded) else {
            // It died before it recorded what it did; nobody has heard of it.
            let cut = Some(Cut::before(0, forever && !unrecorded));
            self.node(place).cut = !unrecorded;
            return self.take(place, Move { cut, ..Move::plain(choice) }).map(drop);
        };
        if init.event != Event::Init {
            return Err(Place::of(first, init).differs(&init.event, &choice));
        }
        let released = first.stopped() || first.records.iter().any(|r| matches!(r, Record::Released(_)));
        let cut = indication_at_once(init).filter(|_| !released).map(|before| Cut::before(before, forever));
        self.node(place).cut = cut.is_some();
        self.run(Place { at: self.epoch, ..Place::of(first, init) }, init, choice, cut)
    }

    fn start(&mut self, place: Place<'a, P>, start: &'a Start<P>) -> Result<(), RetraceError> {
        if start.incarnation > 1 {
            if self.is_up(place) {
                // Its predecessor was asked to stop.
                self.crash(place, Some(place.incarnation))?;
            }
            self.node(place).cut = false;
        }
        let seat = &self.recorder.world().seats[place.seat().index()];
        if *seat.stable() != start.disk.0 || self.nodes[place.seat().index()].durable != start.writes {
            return Err(disk(place.incarnation));
        }
        if start.incarnation > 1 && place.incarnation.handled().next().is_none() {
            // It died before it recorded what it did.
            let cut = Some(Cut::before(0, self.next(place.incarnation).is_none()));
            self.node(place).cut = true;
            let choice = Choice::Recover { seat: place.seat() };
            return self.take(place, Move { cut, ..Move::plain(choice) }).map(drop);
        }
        Ok(())
    }

    fn handled(&mut self, place: Place<'a, P>, handled: &'a Handled<P>) -> Result<(), RetraceError> {
        if place.incarnation.start.incarnation == 1 && handled.handler == 0 {
            return Ok(());
        }
        if self.node(place).cut {
            return self.never_happened(place, handled);
        }
        if !self.node(place).waiting.is_empty() || self.speaks_at_once(place, handled).is_some() {
            self.node(place).waiting.push_back(handled);
            return Ok(());
        }
        self.happened(place, handled, None)
    }

    /// Where a handler indicates something that waits for no write.
    fn speaks_at_once(&self, place: Place<'_, P>, handled: &Handled<P>) -> Option<u32> {
        let seat = &self.recorder.world().seats[place.seat().index()];
        indication_at_once(handled).filter(|_| seat.stores_pending() == 0)
    }

    fn happened(
        &mut self,
        place: Place<'a, P>,
        handled: &'a Handled<P>,
        cut: Option<Cut>,
    ) -> Result<(), RetraceError> {
        let seat = place.seat();
        if !matches!(handled.event, Event::Init | Event::Recover) && !self.is_up(place) {
            return Err(self.refused(place, format!("{:?}", handled.event), "the process is not up"));
        }
        let choice = match handled.event.clone() {
            Event::Init => Choice::Init { seat },
            Event::Recover => Choice::Recover { seat },
            Event::Request(_) => Choice::Request { seat },
            Event::Message(from, message) => {
                let (from, to) = (SeatId(from.0), seat);
                if self.is_copied(place, handled) {
                    Choice::Duplicate { from, to, message }
                } else {
                    Choice::Deliver { from, to, message }
                }
            }
            Event::Timer(timer) => Choice::Fire { seat, timer },
        };
        self.run(place, handled, choice, cut)
    }

    /// Whether the message arrives once more later.
    fn is_copied(&mut self, place: Place<'_, P>, handled: &Handled<P>) -> bool {
        let (Event::Message(from, _), Some(cause)) = (&handled.event, handled.cause) else { return false };
        let copies = self.copies.get_mut(&(place.incarnation.start.process, *from, cause));
        copies.is_some_and(|left| {
            *left -= 1;
            *left > 0
        })
    }

    /// The world's handler must do what the node's did.
    fn run(
        &mut self,
        place: Place<'a, P>,
        handled: &'a Handled<P>,
        choice: Choice<P::Message, P::Timer>,
        cut: Option<Cut>,
    ) -> Result<(), RetraceError> {
        let line = self.take(place, Move { choice, draws: handled.draws.clone(), cut })?;
        if line.draws != handled.draws {
            return Err(place.differs(&handled.draws, &line.draws));
        }
        if line.effects != handled.effects {
            return Err(place.differs(&handled.effects, &line.effects));
        }
        Ok(())
    }

    /// It is handled behind a crash: a request is lost, anything else did not arrive.
    fn never_happened(&mut self, place: Place<'a, P>, handled: &Handled<P>) -> Result<(), RetraceError> {
        match handled.event {
            Event::Request(_) => {
                self.take(place, Move::plain(Choice::Request { seat: place.seat() })).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn released(&mut self, place: Place<'a, P>, release: &'a Release) -> Result<(), RetraceError> {
        self.tell_waiting(place)?;
        for _ in 0..release.stores {
            self.take(place, Move::plain(Choice::Sync { seat: place.seat() }))?;
            self.node(place).durable += 1;
        }
        for &(handler, effect) in &release.effects {
            let name = || format!("effect {effect} of handler {handler}");
            match place.incarnation.effect(handler, effect) {
                Some(Effect::Indicate { indication, .. }) => {
                    let retold = self.node(place).indicated.pop_front();
                    if retold.as_ref() != Some(indication) {
                        return Err(place.differs(indication, retold));
                    }
                }
                Some(Effect::Send { .. }) => {}
                _ => return Err(place.differs(name(), "nothing is said there")),
            }
        }
        self.told_all(place)
    }

    fn tell_waiting(&mut self, place: Place<'a, P>) -> Result<(), RetraceError> {
        while let Some(handled) = self.node(place).waiting.pop_front() {
            self.happened(Place::of(place.incarnation, handled), handled, None)?;
        }
        Ok(())
    }

    /// What the world's process indicated its node has released.
    fn told_all(&mut self, place: Place<'a, P>) -> Result<(), RetraceError> {
        match self.node(place).indicated.pop_front() {
            Some(retold) => Err(place.differs("no release", retold)),
            None => Ok(()),
        }
    }

    /// The record ends here without a last word.
    fn crashed(&mut self, place: Place<'a, P>) -> Result<(), RetraceError> {
        let next = self.next(place.incarnation);
        while let Some(handled) = self.node(place).waiting.pop_front() {
            let place = Place::of(place.incarnation, handled);
            if self.node(place).cut {
                self.never_happened(place, handled)?;
            } else {
                let before = self.speaks_at_once(place, handled);
                let cut = before.map(|before| Cut::before(before, next.is_none()));
                self.happened(place, handled, cut)?;
                self.node(place).cut = cut.is_some();
            }
        }
        if self.node(place).cut { Ok(()) } else { self.crash(place, next) }
    }

    /// It crashes between two handlers. What was durable of the pending writes, the next incarnation has read.
    fn crash(&mut self, place: Place<'a, P>, next: Option<&Incarnation<P>>) -> Result<(), RetraceError> {
        let seat = place.seat();
        let pending = self.recorder.world().seats[seat.index()].stores_pending();
        let durable = self.node(place).durable;
        let kept = match next {
            None => 0,
            Some(next) => kept(durable, pending, &next.start).ok_or_else(|| disk(next))?,
        };
        let crash = Choice::Crash { seat, forever: next.is_none(), kept, torn: false };
        self.take(place, Move::plain(crash))?;
        self.node(place).durable += u64::from(kept);
        Ok(())
    }

    fn refused(&self, place: Place<'_, P>, choice: String, why: &'static str) -> RetraceError {
        RetraceError::Refused {
            path: place.incarnation.path.clone(),
            line: place.line,
            step: self.recorder.steps(),
            choice,
            why,
        }
    }

    fn take(
        &mut self,
        place: Place<'_, P>,
        chosen: Move<P::Message, P::Timer>,
    ) -> Result<Line<P>, RetraceError> {
        self.now = self.now.max(place.at.saturating_sub(self.epoch));
        let Some(line) = self.recorder.step(Some(self.now), chosen.clone()) else {
            return Err(self.refused(place, chosen.choice.to_string(), why(&chosen)));
        };
        for observed in &line.observed {
            if let Observed::Indication(_, indication) = observed {
                self.node(place).indicated.push_back(indication.clone());
            }
        }
        self.writer.step(&line);
        Ok(line)
    }
}

/// How often messages arrive that arrive more than once.
fn copies<P: Process>(merged: &Merged<'_, P>) -> BTreeMap<(ProcessId, ProcessId, EffectName), u32> {
    let mut copies = BTreeMap::new();
    if <LinkOf<P> as LinkModel>::KIND.guarantees().has(Guarantee::NoDuplication) {
        // whatever arrives twice is no run of the model
        return copies;
    }
    for step in &merged.steps {
        if let What::Handled(Handled { event: Event::Message(from, _), cause: Some(cause), .. }) = &step.what
        {
            *copies.entry((step.process, *from, *cause)).or_insert(0) += 1;
        }
    }
    copies.retain(|_, times| *times > 1);
    copies
}

/// The first indication of a handler, if no write comes before it.
fn indication_at_once<P: Process>(handled: &Handled<P>) -> Option<u32> {
    let mut unheld = handled.effects.iter().take_while(|effect| !matches!(effect, Effect::Store { .. }));
    unheld.position(|effect| matches!(effect, Effect::Indicate { .. })).map(|place| place as u32)
}

fn disk<P: Process>(reader: &Incarnation<P>) -> RetraceError {
    RetraceError::Disk { path: reader.path.clone() }
}

/// Why a move is refused.
fn why<M, T>(chosen: &Move<M, T>) -> &'static str {
    match (&chosen.choice, &chosen.draws[..]) {
        (Choice::Deliver { .. }, []) => "no such message is in flight",
        (Choice::Deliver { .. }, _) => "no such message is in flight, or its handler draws otherwise",
        (Choice::Fire { .. }, []) => "that timer is not set",
        (Choice::Fire { .. }, _) => "that timer is not set, or its handler draws otherwise",
        (Choice::Sync { .. }, _) => "no write is pending",
        (_, []) => "the process is not in the state for it",
        (_, _) => "the process is not in the state for it, or its handler draws otherwise",
    }
}
