//! One process with its log and its record: write-ahead order on a real disk, without sockets.
//!
//! Handlers run one after the other and their writes pile up in the log's buffer; [`Host::sync`] makes all of them
//! durable at once and releases what waited for them. What is released is the kernel's decision
//! ([`synod_kernel::Seat`]), as on every ground.

use crate::clock::{Clock, Jump};
use crate::digest::Pace;
use crate::disk::Disk;
use crate::node::{NodeConfig, RunError};
use crate::ops::Latencies;
use crate::record::{DiskImage, EffectName, Handled, Record, Recorder, Release, Start, VERSION, now};
use crate::timers::Timers;
use crate::wal::{Identity, Recovered, TornTail, Wal};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};
use synod_kernel::{Draws, Durability, Random, Released, Seat, View};
use synod_model::failure::{FailureModel, Who};
use synod_model::{
    Draw, Effect, EffectOf, Event, EventOf, FailuresOf, Output, Process, ProcessId, Stable, When,
};

/// What a process says, once it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Speech<P: Process> {
    /// A message.
    Send { to: ProcessId, name: EffectName, message: P::Message },
    /// An indication.
    Indicate(P::Indication),
}

/// Outcomes from the operating system's randomness, remembered for the record.
struct RecordedDraws {
    random: Random,
    drawn: Vec<u32>,
}

impl Draws for RecordedDraws {
    fn draw(&mut self, draw: Draw) -> u32 {
        let outcome = self.random.below(u64::from(draw.bound())) as u32;
        self.drawn.push(outcome);
        outcome
    }
}

/// The disk that a log stands for.
fn fold<P: Process>(recovered: &Recovered) -> Result<P::Stable, RunError> {
    let mut stable = match &recovered.snapshot {
        Some(bytes) => postcard::from_bytes(bytes).map_err(RunError::ForeignSnapshot)?,
        None => P::Stable::default(),
    };
    for (number, bytes) in (recovered.records_before..).zip(&recovered.records) {
        let write =
            postcard::from_bytes(bytes).map_err(|source| RunError::ForeignWrite { number, source })?;
        stable.apply(write);
    }
    Ok(stable)
}

/// A process, its log, its record.
pub(crate) struct Host<'a, P: Process> {
    config: &'a NodeConfig<P>,
    incarnation: u64,
    seat: Seat<P>,
    wal: Wal,
    recorder: Recorder,
    draws: RecordedDraws,
    timers: Timers<P::Timer>,
    clock: Clock,
    digests: Pace,
    /// The process stopped in an earlier incarnation, and its model has none come back: nothing happens here any more, and
    /// nothing is recorded. What that incarnation sent is fenced by this one's number.
    outlived: bool,
    /// An oracle that was consulted: there is none on this ground.
    oracle: Option<Output>,
    handlers: u64,
    stores: u64,
    syncs: u64,
    latencies: Latencies,
    snapshots: u64,
    outbox: Outbox<P>,
}

/// What the process has said.
struct Outbox<P: Process> {
    incarnation: u64,
    /// The names of the messages and indications that are not released, in order of emission, which is that of release.
    unreleased: VecDeque<(u64, u32)>,
    /// What may leave once the record says so, and its names.
    speech: Vec<Speech<P>>,
    released: Vec<(u64, u32)>,
}

impl<P: Process> Outbox<P> {
    fn new(incarnation: u64) -> Self {
        Self { incarnation, unreleased: VecDeque::new(), speech: vec![], released: vec![] }
    }

    fn send(&mut self, to: ProcessId, message: P::Message) {
        let (handler, effect) = self.next_name();
        let name = EffectName { incarnation: self.incarnation, handler, effect };
        self.speech.push(Speech::Send { to, name, message });
    }

    fn indicate(&mut self, indication: P::Indication) {
        self.next_name();
        self.speech.push(Speech::Indicate(indication));
    }

    /// The name of what is released next.
    fn next_name(&mut self) -> (u64, u32) {
        let name = self.unreleased.pop_front().expect("release is first in, first out");
        self.released.push(name);
        name
    }
}

impl<'a, P: Process> Host<'a, P> {
    /// Recovers what is durable, counts the incarnation, begins its record.
    pub(crate) fn open(
        disk: &dyn Disk,
        config: &'a NodeConfig<P>,
    ) -> Result<(Self, Option<TornTail>), RunError> {
        let identity = Identity { cluster: config.cluster, process: config.process };
        let (wal, recovered) = Wal::open_with(disk, &config.directory, identity, config.log)?;
        let stable = fold::<P>(&recovered)?;
        let incarnation = recovered.incarnation;
        let outlived =
            incarnation > 1 && <FailuresOf<P> as FailureModel>::KIND.profile().restart == Who::Nobody;
        let mut recorder = if outlived {
            Recorder::none()
        } else {
            Recorder::create(disk, &config.records, config.process, incarnation)?
        };
        recorder.line(&Record::Start(Start::<P> {
            version: VERSION,
            algorithm: config.algorithm.clone(),
            cluster: config.cluster,
            process: config.process,
            incarnation,
            group: config.group,
            parameters: config.parameters.clone(),
            bounds: config.bounds,
            disk: DiskImage(stable.clone()),
            writes: wal.records(),
            at: now(),
        }))?;
        recorder.flush()?;
        let random = Random::new(RandomState::new().hash_one((config.process, incarnation)));
        let mut host = Self {
            config,
            incarnation,
            seat: Seat::with_disk(stable),
            wal,
            recorder,
            draws: RecordedDraws { random, drawn: vec![] },
            timers: Timers::new(),
            clock: Clock::new(config.clock),
            digests: Pace::new(),
            outlived,
            oracle: None,
            handlers: 0,
            stores: 0,
            syncs: 0,
            latencies: Latencies::default(),
            snapshots: 0,
            outbox: Outbox::new(incarnation),
        };
        // Starts alone make a log longer too.
        host.snapshot_if_due()?;
        Ok((host, recovered.torn))
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether its process stopped before, and does not come back.
    pub(crate) fn is_outlived(&self) -> bool {
        self.outlived
    }

    /// How many handlers, writes, and syncs there have been.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        (self.handlers, self.stores, self.syncs)
    }

    /// How many writes are durable, how many snapshots were made, and how long each sync took.
    pub(crate) fn durable(&self) -> (u64, u64, Latencies) {
        (self.wal.records(), self.snapshots, self.latencies.clone())
    }

    /// The process starts, or starts again.
    pub(crate) fn start(&mut self) -> Result<(), RunError> {
        self.handle(if self.incarnation == 1 { Event::Init } else { Event::Recover }, None)
    }

    /// Runs the handler of `event`. What it says leaves with [`Host::flush`] or [`Host::sync`].
    pub(crate) fn handle(&mut self, event: EventOf<P>, cause: Option<EffectName>) -> Result<(), RunError> {
        if self.outlived {
            return Ok(());
        }
        let view = View {
            me: self.config.process,
            group: self.config.group,
            parameters: &self.config.parameters,
            bounds: self.config.bounds,
        };
        let mut effects = vec![];
        let again = event.clone();
        let begun = Instant::now();
        self.seat.handle(view, again, &mut self.draws, &mut effects);
        let took = Some(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let (at, skew) = (now(), self.clock.skew());
        let state = self.seat.local().and_then(|state| self.digests.digest(state));
        let handler = self.handlers;
        self.handlers += 1;
        let draws = std::mem::take(&mut self.draws.drawn);
        let record =
            Record::<P>::Handled(Handled { handler, at, took, skew, event, cause, draws, effects, state });
        self.recorder.line(&record)?;
        let Record::Handled(Handled { effects, .. }) = record else { unreachable!("made three lines above") };
        self.take_note(handler, &effects)?;
        self.commit(effects)
    }

    /// Hands the writes to the log, and remembers the names of what is said.
    fn take_note(&mut self, handler: u64, effects: &[EffectOf<P>]) -> Result<(), RunError> {
        for (index, effect) in effects.iter().enumerate() {
            match effect {
                Effect::Store { write, .. } => {
                    self.stores += 1;
                    self.wal.append(&postcard::to_stdvec(write).map_err(RunError::Value)?)?;
                }
                Effect::Send { .. } | Effect::Indicate { .. } => {
                    self.outbox.unreleased.push_back((handler, index as u32));
                }
                Effect::SetTimer { .. } | Effect::Cancel { .. } => {}
            }
        }
        Ok(())
    }

    fn commit(&mut self, mut effects: Vec<EffectOf<P>>) -> Result<(), RunError> {
        let Self { config, seat, timers, clock, oracle, outbox, .. } = self;
        let now = clock.now();
        seat.commit(&mut effects, None, Durability::Deferred, &mut |out| match out {
            Released::Armed(timer, When::After(after)) => timers.set(timer, now, after),
            Released::Armed(timer, When::Pulse) => timers.set(timer, now, config.pulse),
            Released::Armed(_, When::Oracle(output)) => *oracle = Some(output),
            Released::Disarmed(timer) => timers.cancel(&timer),
            Released::Stored => {}
            Released::Send(to, message) => outbox.send(to, message),
            Released::Indicate(indication) => outbox.indicate(indication),
        });
        match self.oracle {
            Some(output) => Err(RunError::NoOracle { output }),
            None => Ok(()),
        }
    }

    /// Writes the record of what was handled and of what leaves, and lets it leave.
    pub(crate) fn flush(&mut self) -> Result<Vec<Speech<P>>, RunError> {
        self.release(0)
    }

    /// Whether something is recorded or said that has not left.
    pub(crate) fn must_flush(&self) -> bool {
        self.recorder.must_flush() || self.must_sync()
    }

    /// Whether a write waits to become durable.
    pub(crate) fn must_sync(&self) -> bool {
        self.wal.pending() > 0
    }

    /// Makes all writes durable, and lets leave what waited for them.
    pub(crate) fn sync(&mut self) -> Result<Vec<Speech<P>>, RunError> {
        assert!(self.outbox.released.is_empty(), "what need not wait for the disk is flushed before");
        let stores = self.seat.stores_pending();
        let begun = Instant::now();
        self.wal.sync()?;
        self.latencies.add(begun.elapsed());
        self.syncs += 1;
        let Self { seat, outbox, .. } = self;
        for _ in 0..stores {
            seat.sync(None, false, &mut |out| match out {
                Released::Send(to, message) => outbox.send(to, message),
                Released::Indicate(indication) => outbox.indicate(indication),
                Released::Armed(..) | Released::Disarmed(_) | Released::Stored => {
                    unreachable!("only speech is held behind a store")
                }
            });
        }
        self.release(stores as u32)
    }

    /// Puts the durable disk in the place of the writes that made it, once there are many: a log and its recovery do not
    /// grow with the age of a node. To be called when nothing waits to be said: it takes some time.
    pub(crate) fn snapshot_if_due(&mut self) -> Result<(), RunError> {
        if !self.wal.snapshot_due() {
            return Ok(());
        }
        let disk = postcard::to_stdvec(self.seat.stable()).map_err(RunError::Value)?;
        self.wal.snapshot(&disk)?;
        self.snapshots += 1;
        tracing::info!(bytes = disk.len(), writes = self.wal.records(), "snapshot made, log compacted");
        Ok(())
    }

    fn release(&mut self, stores: u32) -> Result<Vec<Speech<P>>, RunError> {
        let effects = std::mem::take(&mut self.outbox.released);
        if stores > 0 || !effects.is_empty() {
            self.recorder.line(&Record::<P>::Released(Release {
                at: now(),
                skew: self.clock.skew(),
                stores,
                effects,
            }))?;
        }
        self.recorder.flush()?;
        Ok(std::mem::take(&mut self.outbox.speech))
    }

    /// Records that the node ends in order.
    pub(crate) fn stop(&mut self) -> Result<(), RunError> {
        self.recorder.line(&Record::<P>::Stopped { at: now() })?;
        Ok(self.recorder.flush()?)
    }

    /// How long it takes until the next timer is due.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        self.timers.next().map(|due| self.clock.until(due))
    }

    /// Sets the clock that timers go by.
    pub(crate) fn skew(&mut self, jump: Jump, rate: f64) {
        self.clock.set(jump, rate);
    }

    /// Fires the timers that are due.
    pub(crate) fn fire_due(&mut self) -> Result<(), RunError> {
        let now = self.clock.now();
        for timer in self.timers.due_at(now) {
            if self.timers.fire(&timer, now) {
                self.handle(Event::Timer(timer), None)?;
            }
        }
        Ok(())
    }
}
