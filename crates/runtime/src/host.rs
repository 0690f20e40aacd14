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
use crate::post::{self, Post};
use crate::record::{DiskImage, EffectName, Handled, Record, Recorder, Release, Start, VERSION, Wall, now};
use crate::timers::Timers;
use crate::wal::{Identity, Recovered, TornTail, Wal};
use crate::wire::{plain, whole};
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
fn fold<P: Process>(snapshot: Option<&[u8]>, before: u64, writes: &[Vec<u8>]) -> Result<P::Stable, RunError> {
    let mut stable = match snapshot {
        Some(bytes) => whole(bytes).map_err(RunError::ForeignSnapshot)?,
        None => P::Stable::default(),
    };
    for (number, bytes) in (before..).zip(writes) {
        stable.apply(whole(bytes).map_err(|why| RunError::ForeignWrite { number, why })?);
    }
    Ok(stable)
}

/// The disk that a log stands for, and the inbox and outbox in it where the model has links that are logged.
fn read<P: Process>(
    config: &NodeConfig<P>,
    recovered: &Recovered,
) -> Result<(P::Stable, Option<Post>), RunError> {
    let Some(survives) = post::survives::<P>() else {
        let Recovered { snapshot, records_before, records, .. } = recovered;
        return Ok((fold::<P>(snapshot.as_deref(), *records_before, records)?, None));
    };
    let known = config.peers.keys().copied().chain([config.process]).collect();
    let (post, part) = Post::restore(survives, known, recovered)?;
    Ok((fold::<P>(part.stable.as_deref(), part.before, &part.writes)?, Some(post)))
}

/// What the log's recovery left out or passed over is no error; operators want to know of it.
fn tell(recovered: &Recovered) {
    if let Some(TornTail { path, offset, length }) = &recovered.torn {
        let path = path.display();
        tracing::warn!(
            "the log ends in {path} with a batch of {length} bytes that was never completed, at byte {offset}: left out"
        );
    }
    if let Some(path) = &recovered.damaged_snapshot {
        let path = path.display();
        tracing::warn!(
            "a snapshot of the log is damaged, and kept as {path}: older files have stood in for it"
        );
    }
}

/// A process, its log, its record.
pub(crate) struct Host<'a, P: Process> {
    config: &'a NodeConfig<P>,
    incarnation: u64,
    seat: Seat<P>,
    wal: Wal,
    /// Where links are logged.
    post: Option<Post>,
    recorder: Recorder,
    draws: RecordedDraws,
    timers: Timers<P::Timer>,
    clock: Clock,
    wall: Wall,
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
    pub(crate) fn open(disk: &dyn Disk, config: &'a NodeConfig<P>) -> Result<Self, RunError> {
        let identity = Identity { cluster: config.cluster, process: config.process };
        let (wal, recovered) = Wal::open_with(disk, &config.directory, identity, config.log)?;
        tell(&recovered);
        let (stable, post) = read::<P>(config, &recovered)?;
        let incarnation = recovered.incarnation;
        let outlived =
            incarnation > 1 && <FailuresOf<P> as FailureModel>::KIND.profile().restart == Who::Nobody;
        let mut recorder = if outlived || config.records.as_os_str().is_empty() {
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
            writes: post.as_ref().map_or(wal.records(), Post::writes),
            durable: post.as_ref().and_then(Post::last),
            at: now(),
        }))?;
        recorder.flush()?;
        let random = Random::new(RandomState::new().hash_one((config.process, incarnation)));
        let mut host = Self {
            config,
            incarnation,
            seat: Seat::with_disk(stable),
            wal,
            post,
            recorder,
            draws: RecordedDraws { random, drawn: vec![] },
            timers: Timers::new(),
            clock: Clock::new(config.clock),
            wall: Wall::new(Instant::now()),
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
        Ok(host)
    }

    /// Has its log synced by a thread from now on, so that handlers run on meanwhile; `told` is called there. Where links are logged nothing
    /// may be said before the log is durable: there they wait.
    pub(crate) fn sync_beside(&mut self, told: impl Fn() + Send + 'static) -> Result<(), RunError> {
        if self.post.is_none() {
            self.wal.write_beside(told).map_err(RunError::Thread)?;
        }
        Ok(())
    }

    /// Whether a thread syncs its log.
    pub(crate) fn syncs_beside(&self) -> bool {
        self.wal.writes_beside()
    }

    /// The process, while it runs.
    pub(crate) fn process(&self) -> Option<&P> {
        self.seat.local()
    }

    /// Which incarnation of the node this is.
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
        let recorded = self.recorder.records().then(|| event.clone());
        let begun = Instant::now();
        self.seat.handle(view, event, &mut self.draws, &mut effects);
        let ended = Instant::now();
        let handler = self.handlers;
        self.handlers += 1;
        let draws = std::mem::take(&mut self.draws.drawn);
        if let Some(event) = recorded {
            let took = Some(u64::try_from((ended - begun).as_nanos()).unwrap_or(u64::MAX));
            let (at, skew) = (self.wall.at(ended), self.clock.skew_at(ended));
            let state = self.seat.local().and_then(|state| self.digests.digest(state, ended));
            let handled = Handled { handler, at, took, skew, event, cause, draws, effects, state };
            effects = self.recorder.handled::<P>(handled)?;
        }
        self.recorder.take_note();
        self.take_note(handler, &effects)?;
        self.commit(effects, ended)
    }

    /// Hands the writes to the log, and remembers the names of what is said.
    fn take_note(&mut self, handler: u64, effects: &[EffectOf<P>]) -> Result<(), RunError> {
        let mut writes = vec![];
        for (effect, said) in (0..).zip(effects) {
            match said {
                Effect::Store { write, .. } => {
                    self.stores += 1;
                    let write = postcard::to_stdvec(write).map_err(RunError::Value)?;
                    if self.post.is_some() { writes.push(write) } else { self.wal.append(&write)? }
                }
                Effect::Send { to, message, .. } => {
                    self.outbox.unreleased.push_back((handler, effect));
                    if let Some(post) = self.post.as_mut().filter(|post| post.keeps_the_sent()) {
                        let name = EffectName { incarnation: self.incarnation, handler, effect };
                        post.send(*to, plain(name, message, vec![]).map_err(RunError::Value)?)?;
                    }
                }
                Effect::Indicate { .. } => self.outbox.unreleased.push_back((handler, effect)),
                Effect::SetTimer { .. } | Effect::Cancel { .. } => {}
            }
        }
        if let Some(post) = &mut self.post
            && let Some(record) = post.record(handler, writes)?
        {
            self.wal.append(&record)?;
        }
        Ok(())
    }

    fn commit(&mut self, mut effects: Vec<EffectOf<P>>, now: Instant) -> Result<(), RunError> {
        let Self { config, seat, timers, clock, oracle, outbox, .. } = self;
        let now = clock.at(now);
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
        if self.holds() {
            self.recorder.flush()?;
            return Ok(vec![]);
        }
        self.release(0)
    }

    /// Whether all that was said waits for the disk: where links are logged, it may say of a message that was taken.
    pub(crate) fn holds(&self) -> bool {
        self.post.is_some() && self.must_sync()
    }

    /// The inbox and the outbox in the log, where links are logged.
    pub(crate) fn post(&mut self) -> Option<&mut Post> {
        self.post.as_mut()
    }

    /// How much waits in it for a peer: messages, and for the one for whom the most do, bytes.
    pub(crate) fn posted(&self, to: ProcessId) -> usize {
        self.post.as_ref().map_or(0, |post| post.waiting(to))
    }

    /// How many bytes wait in it for the peer for whom the most do.
    pub(crate) fn posted_bytes_most(&self) -> usize {
        self.post.as_ref().map_or(0, Post::waiting_bytes_most)
    }

    /// Whether something is recorded or said that has not left.
    pub(crate) fn must_flush(&self) -> bool {
        self.recorder.must_flush() || self.must_sync()
    }

    /// Whether a sync is to begin: a write waits to become durable, and no sync is under way.
    pub(crate) fn must_sync(&self) -> bool {
        self.wal.pending() > 0 && self.wal.being_written() == 0
    }

    /// Begins to make all writes durable: they are once [`Host::synced`] says so.
    pub(crate) fn begin_sync(&mut self) {
        self.wal.begin_sync();
    }

    /// What leaves now that the writes are durable whose sync was begun; waits for that if told to.
    pub(crate) fn synced(&mut self, wait: bool) -> Result<Option<Vec<Speech<P>>>, RunError> {
        let stores = self.wal.being_written();
        let Some(took) = self.wal.synced(wait)? else { return Ok(None) };
        self.take_note_of_sync(took);
        self.release_stores(stores).map(Some)
    }

    fn take_note_of_sync(&mut self, took: Duration) {
        self.latencies.add(took);
        self.syncs += 1;
    }

    /// Makes all writes durable, and lets leave what waited for them.
    pub(crate) fn sync(&mut self) -> Result<Vec<Speech<P>>, RunError> {
        let mut speech = self.synced(true)?.unwrap_or_default();
        let holds = self.holds();
        assert!(
            holds || self.outbox.released.is_empty(),
            "what need not wait for the disk is flushed before"
        );
        let stores = self.seat.stores_pending();
        let begun = Instant::now();
        self.wal.sync()?;
        self.take_note_of_sync(begun.elapsed());
        speech.append(&mut self.release_stores(stores)?);
        Ok(speech)
    }

    /// So many writes, the oldest, are durable: what waited for them leaves.
    fn release_stores(&mut self, stores: usize) -> Result<Vec<Speech<P>>, RunError> {
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
    /// grow with the age of a node. To be called when nothing is being written; a thread makes the snapshot, if there is one for the log.
    pub(crate) fn snapshot_if_due(&mut self) -> Result<(), RunError> {
        if self.wal.snapshot_made(false)? {
            self.take_note_of_snapshot();
        }
        if !self.wal.snapshot_due() {
            return Ok(());
        }
        let disk = postcard::to_stdvec(self.seat.stable()).map_err(RunError::Value)?;
        let disk = if let Some(post) = &self.post { post.image(disk)? } else { disk };
        tracing::info!(bytes = disk.len(), writes = self.wal.records(), "snapshot begun");
        if self.wal.writes_beside() {
            return Ok(self.wal.begin_snapshot(disk)?);
        }
        self.wal.snapshot(&disk)?;
        self.take_note_of_snapshot();
        Ok(())
    }

    fn take_note_of_snapshot(&mut self) {
        self.snapshots += 1;
        tracing::info!("snapshot made, log compacted");
    }

    fn release(&mut self, stores: u32) -> Result<Vec<Speech<P>>, RunError> {
        let effects = std::mem::take(&mut self.outbox.released);
        if (stores > 0 || !effects.is_empty()) && self.recorder.records() {
            let now = Instant::now();
            self.wall = Wall::new(now);
            let (at, skew) = (self.wall.at(now), self.clock.skew_at(now));
            self.recorder.line(&Record::<P>::Released(Release { at, skew, stores, effects }))?;
        }
        self.recorder.flush()?;
        Ok(std::mem::take(&mut self.outbox.speech))
    }

    /// Records that the node ends in order.
    pub(crate) fn stop(&mut self) -> Result<(), RunError> {
        self.recorder.line(&Record::<P>::Stopped { at: now() })?;
        Ok(self.recorder.flush()?)
    }

    /// How long it takes until the next timer is due, or a message is to be repeated.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        let timer = self.timers.next().map(|due| self.clock.until(due));
        timer.into_iter().chain(self.post.as_ref().and_then(Post::next_repeat)).min()
    }

    /// Sets the clock that timers go by.
    pub(crate) fn skew(&mut self, jump: Jump, rate: f64) {
        self.clock.set(jump, rate);
    }

    /// What its clock shows.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Fires the timers that were due when its clock showed that.
    pub(crate) fn fire_due(&mut self, then: Duration) -> Result<(), RunError> {
        for timer in self.timers.due_at(then) {
            if self.timers.fire(&timer, then) {
                self.handle(Event::Timer(timer), None)?;
            }
        }
        Ok(())
    }
}
