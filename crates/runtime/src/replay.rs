//! A recorded run, run again: the inputs of each node, fed to the same process, give the same effects byte for byte, and leave the
//! same states.
//!
//! [`verify`] replays each node by itself; [`crate::retrace`] replays all of them in one world.

use crate::digest::Digest;
use crate::execution::Execution;
use crate::record::{Handled, Incarnation, Record, Start};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use synod_kernel::difference::tell;
use synod_kernel::seat::ReleasedOf;
use synod_kernel::{Durability, Released, Script, Seat, Status, View};
use synod_model::{Effect, Event, Process, ProcessId};
use thiserror::Error;

/// So many lines are told of a state.
const STATE_LINES: usize = 40;

/// Where the replay departs from the record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A handler gives other effects, or leaves another state.
    #[error("{}, line {line} differs\n{}{}", path.display(), told(recorded, replayed), after(state.as_deref()))]
    Differs {
        /// The record.
        path: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// What it says.
        recorded: String,
        /// What the replay says.
        replayed: String,
        /// The state of the process after it, as it is in the replay, where that is what differs.
        state: Option<String>,
    },
    /// A start read another disk than its predecessor left.
    #[error("{} starts from a disk that the incarnation before it cannot have left", path.display())]
    Disk {
        /// The record.
        path: PathBuf,
    },
    /// A value of the algorithm has no form in JSON.
    #[error("a value of this algorithm cannot be written as JSON: {0}")]
    Value(String),
}

fn told(recorded: &str, replayed: &str) -> String {
    tell([recorded, replayed], ["recorded", "replayed"])
}

fn after(state: Option<&str>) -> String {
    state.map_or_else(String::new, |state| format!("\n  the state after it, as replayed:\n{state}"))
}

/// What ran again of a process, and came out the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// Its incarnations that left a record.
    pub incarnations: usize,
    /// Its handlers: what they did.
    pub handlers: usize,
    /// Its states after handlers, as far as their digests were recorded, and what it read from its disk when it started again.
    pub states: usize,
}

/// Replays every node. How many handlers ran again.
pub fn verify<P: Process>(execution: &Execution<P>) -> Result<usize, ReplayError> {
    Ok(verify_each(execution)?.values().map(|again| again.handlers).sum())
}

/// Replays every node.
pub fn verify_each<P: Process>(execution: &Execution<P>) -> Result<BTreeMap<ProcessId, Again>, ReplayError> {
    let mut all = BTreeMap::new();
    for (&process, incarnations) in &execution.processes {
        let mut again = Again { incarnations: incarnations.len(), ..Again::default() };
        let mut before: Option<Replayed<P>> = None;
        for incarnation in incarnations {
            if let Some(before) = before {
                if !before.leaves(&incarnation.start) {
                    return Err(ReplayError::Disk { path: incarnation.path.clone() });
                }
                again.states += 1;
            }
            let replayed = Replayed::of(incarnation)?;
            again.handlers += replayed.handlers;
            again.states += replayed.states;
            before = Some(replayed);
        }
        all.insert(process, again);
    }
    Ok(all)
}

/// A node's incarnation, run again to the end of its record.
struct Replayed<P: Process> {
    incarnation: u64,
    seat: Seat<P>,
    /// Of how many writes the durable disk is the fold.
    durable: u64,
    handlers: usize,
    /// How many of its states were compared.
    states: usize,
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
            states: 0,
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
                    state: replayed.other_state(record),
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
        self.states += usize::from(handled.state.is_some());
        handled.state = handled.state.and_then(|_| self.digest());
        self.unreleased.extend(names(handled.handler, &effects));
        let Self { seat, unreleased, released, .. } = self;
        seat.commit(&mut effects, None, Durability::Deferred, &mut note::<P>(unreleased, released));
    }

    fn digest(&self) -> Option<Digest> {
        self.seat.local().map(Digest::of)
    }

    /// The state, where it is not the one that was recorded.
    fn other_state(&self, record: &Record<P>) -> Option<String> {
        let Record::Handled(Handled { state: Some(recorded), .. }) = record else { return None };
        let local = self.seat.local().filter(|_| self.digest() != Some(*recorded))?;
        let text = format!("{local:#?}");
        let lines = text.lines().take(STATE_LINES).map(|line| format!("    {line}"));
        Some(lines.collect::<Vec<_>>().join("\n"))
    }

    fn sync(&mut self, stores: u32) {
        let Self { seat, unreleased, released, .. } = self;
        for _ in 0..stores.min(seat.stores_pending() as u32) {
            seat.sync(None, false, &mut note::<P>(unreleased, released));
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
pub(crate) fn kept(durable: u64, pending: usize, next: &Start<impl Process>) -> Option<u32> {
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
