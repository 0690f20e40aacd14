//! A seat: one process with its disk, its timers, the effects it must hold back, and what its oracles said.

use crate::draws::Draws;
use crate::environment::Durability;
use crate::signature::Signature;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use synod_model::{
    Bounds, Draw, Effect, EffectOf, Event, EventOf, Granted, Group, Mark, Output, Process, ProcessId,
    ProcessSet, Renumber, Renumbering, Sink, Stable, Upper, When,
};

/// A place in a world. Two seats may carry one identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeatId(pub u32);

impl SeatId {
    /// As an index into a table by seat.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seat {}", self.0)
    }
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not started yet.
    New,
    /// Running.
    Up,
    /// Crashed; it will start again.
    Down,
    /// Crashed for ever: faulty.
    Stopped,
    /// Played by the adversary: faulty. It runs no code of its own.
    Lying,
}

/// What a handler can read besides its state and the event.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, P: Process> {
    /// The identity of the process.
    pub me: ProcessId,
    /// The processes of the world.
    pub group: Group,
    /// What all of them know.
    pub parameters: &'a P::Parameters,
    /// The known bounds of the synchronous model.
    pub bounds: Option<Bounds>,
}

/// An effect that leaves a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Released<M, I, T> {
    /// A message to a process.
    Send(ProcessId, M),
    /// An indication to the layer above.
    Indicate(I),
    /// A timer is set: for grounds with a clock.
    Armed(T, When),
    /// A timer is no longer set.
    Disarmed(T),
    /// A write waits to become durable: for grounds with a disk.
    Stored,
}

/// What leaves a process of type `P`.
pub type ReleasedOf<P> = Released<<P as Process>::Message, <P as Process>::Indication, <P as Process>::Timer>;

/// One process with all that is its own. Everything that changes it is a method here, so that write-ahead order,
/// crashes and recovery are written once for all grounds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat<P: Process> {
    status: Status,
    local: Option<P>,
    stable: P::Stable,
    /// From the oldest store that is not durable on: effects in order of emission.
    held: VecDeque<EffectOf<P>>,
    /// In order of the timer.
    timers: Vec<(P::Timer, When)>,
    trusts: Option<ProcessId>,
    suspects: ProcessSet,
}

impl<P: Process> Default for Seat<P> {
    fn default() -> Self {
        Self::with_disk(P::Stable::default())
    }
}

impl<P: Process> Seat<P> {
    /// A process that has not started, with this on its disk.
    pub fn with_disk(stable: P::Stable) -> Self {
        Self {
            status: Status::New,
            local: None,
            stable,
            held: VecDeque::new(),
            timers: Vec::new(),
            trusts: None,
            suspects: ProcessSet::new(),
        }
    }

    /// Whether it runs.
    #[inline]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Its state, while it runs.
    pub fn local(&self) -> Option<&P> {
        self.local.as_ref()
    }

    /// What is durable on its disk.
    pub fn stable(&self) -> &P::Stable {
        &self.stable
    }

    /// The timers that are set.
    pub fn timers(&self) -> &[(P::Timer, When)] {
        &self.timers
    }

    /// When `timer` fires, if it is set.
    pub fn when(&self, timer: &P::Timer) -> Option<When> {
        let place = self.timers.binary_search_by(|(t, _)| t.cmp(timer));
        place.ok().map(|place| self.timers[place].1)
    }

    /// The writes that are not durable yet.
    pub fn stores_pending(&self) -> usize {
        self.held.iter().filter(|e| matches!(e, Effect::Store { .. })).count()
    }

    /// Whom Omega told it to trust last.
    pub fn trusts(&self) -> Option<ProcessId> {
        self.trusts
    }

    /// Whom eventually-P told it to suspect.
    pub fn suspects(&self) -> &ProcessSet {
        &self.suspects
    }

    /// Calls `each` with every number that the algorithm declares to count relative to others alone. What waits for a write is
    /// not looked at.
    pub fn renumber(&mut self, renumbering: &Renumbering<P>, each: &mut Renumber<'_>) {
        if let Some(local) = &mut self.local {
            (renumbering.state)(local, each);
        }
        (renumbering.stable)(&mut self.stable, each);
    }

    /// The outputs that its oracles may give next, where it consults them.
    pub fn outputs(&self, mut each: impl FnMut(Output)) {
        for (_, when) in &self.timers {
            let When::Oracle(output) = *when else { continue };
            let news = match output {
                Output::Trust(p) => self.trusts != Some(p),
                Output::Suspect(p) => !self.suspects.contains(p),
                Output::Restore(p) => self.suspects.contains(p),
            };
            if news {
                each(output);
            }
        }
    }

    /// Runs the handler of `event`: its effects, in order, are added to `effects`, none of them taken yet.
    ///
    /// # Panics
    /// If the process is not up and the event is neither its start nor its recovery.
    #[inline]
    pub fn handle(
        &mut self,
        view: View<'_, P>,
        event: EventOf<P>,
        draws: &mut dyn Draws,
        effects: &mut Vec<EffectOf<P>>,
    ) {
        let mut sink = Recorder::<P> { me: view.me, group: view.group, bounds: view.bounds, draws, effects };
        match (event, &mut self.local) {
            (Event::Init, _) => self.local = Some(P::on_init(view.parameters, &mut sink)),
            (Event::Recover, _) => {
                self.local = Some(P::on_recovery(view.parameters, &self.stable, &mut sink));
            }
            (Event::Request(request), Some(process)) => process.on_request(request, &mut sink),
            (Event::Message(from, message), Some(process)) => process.on_message(from, message, &mut sink),
            (Event::Timer(timer), Some(process)) => {
                if let Ok(place) = self.timers.binary_search_by(|(t, _)| t.cmp(&timer))
                    && !matches!(self.timers[place].1, When::Oracle(_))
                {
                    self.timers.remove(place);
                }
                process.on_timer(timer, &mut sink);
            }
            (_, None) => unreachable!("a handler runs at a process that is up"),
        }
        self.status = Status::Up;
    }

    /// Takes the effects of a handler in write-ahead order: no effect issued after a store, in this or any later handler, is released before that store
    /// is durable; release is first in, first out. Timers are not speech: they take effect at once.
    ///
    /// Drains `effects`; with a `length`, the process crashes after that many: the others never happened.
    #[expect(clippy::inline_always, reason = "it has one caller for each way to release")]
    #[inline(always)]
    pub fn commit(
        &mut self,
        effects: &mut Vec<EffectOf<P>>,
        length: Option<usize>,
        durability: Durability,
        release: &mut impl FnMut(ReleasedOf<P>),
    ) {
        let held_before = self.held.len();
        if let Some(length) = length {
            effects.truncate(length);
        }
        // backwards, since they are taken from its end
        effects.reverse();
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::SetTimer { timer, when, .. } => {
                    release(Released::Armed(timer.clone(), when));
                    self.arm(timer, when);
                }
                Effect::Cancel { timer, .. } => {
                    if let Ok(place) = self.timers.binary_search_by(|(t, _)| t.cmp(&timer)) {
                        self.timers.remove(place);
                    }
                    release(Released::Disarmed(timer));
                }
                Effect::Store { write, .. } if durability == Durability::Immediate => {
                    self.stable.apply(write);
                }
                store @ Effect::Store { .. } => {
                    self.held.push_back(store);
                    release(Released::Stored);
                }
                Effect::Send { to, message, .. } if !self.holds(held_before, durability) => {
                    release(Released::Send(to, message));
                }
                Effect::Indicate { indication, .. } if !self.holds(held_before, durability) => {
                    release(Released::Indicate(indication));
                }
                speech => self.held.push_back(speech),
            }
        }
    }

    /// Whether what is said now must wait.
    #[inline]
    fn holds(&self, held_before: usize, durability: Durability) -> bool {
        match durability {
            Durability::DeferredWithinHandler => self.held.len() > held_before,
            Durability::Immediate | Durability::Deferred => !self.held.is_empty(),
        }
    }

    fn arm(&mut self, timer: P::Timer, when: When) {
        match self.timers.binary_search_by(|(t, _)| t.cmp(&timer)) {
            Ok(place) => self.timers[place].1 = when,
            Err(place) => self.timers.insert(place, (timer, when)),
        }
    }

    /// The oldest pending write becomes durable, and what waited for it alone is released; with a `length`, the process
    /// crashes after that many: the others never leave.
    ///
    /// With `lost`, the disk says that it is durable, and it is not.
    pub fn sync(&mut self, length: Option<usize>, lost: bool, release: &mut impl FnMut(ReleasedOf<P>)) {
        if let Some(Effect::Store { write, .. }) = self.held.pop_front()
            && !lost
        {
            self.stable.apply(write);
        }
        let mut left = length.unwrap_or(usize::MAX);
        while let Some(speech) = self.held.pop_front_if(|e| !matches!(e, Effect::Store { .. })) {
            if left == 0 {
                continue;
            }
            left -= 1;
            match speech {
                Effect::Send { to, message, .. } => release(Released::Send(to, message)),
                Effect::Indicate { indication, .. } => release(Released::Indicate(indication)),
                _ => unreachable!("only speech is held behind a store"),
            }
        }
    }

    /// What waits for the oldest pending write alone, in order.
    fn waiting(&self) -> impl Iterator<Item = &EffectOf<P>> {
        self.held.iter().skip(1).take_while(|e| !matches!(e, Effect::Store { .. }))
    }

    /// How many effects leave when the oldest pending write becomes durable.
    pub fn due(&self) -> usize {
        self.waiting().count()
    }

    /// The effects before which a crash inside the release of what waits for the oldest pending write makes a difference:
    /// indications, once something else has left. (Before the first of all it is a crash between two handlers in which the
    /// disk kept that write.)
    pub fn release_cuts(&self) -> impl Iterator<Item = u32> {
        let places = self.waiting().zip(0..).skip(1);
        places.filter(|(e, _)| matches!(e, Effect::Indicate { .. })).map(|(_, place)| place)
    }

    /// Crashes. Of the pending writes the oldest `kept` had become durable all the same, and with `torn` the next one
    /// was being written. What was held, every timer and all volatile state are gone.
    pub fn crash(&mut self, kept: u32, torn: bool, restarts: bool) {
        let mut writes = self.held.drain(..).filter_map(|effect| match effect {
            Effect::Store { write, .. } => Some(write),
            _ => None,
        });
        for write in writes.by_ref().take(kept as usize) {
            self.stable.apply(write);
        }
        if torn && let Some(write) = writes.next() {
            self.stable.tear(write);
        }
        drop(writes);
        self.local = None;
        self.timers.clear();
        self.trusts = None;
        self.suspects = ProcessSet::new();
        self.status = if restarts { Status::Down } else { Status::Stopped };
    }

    /// The adversary plays it from now on, in place of its code: nothing is left of it.
    pub fn corrupt(&mut self) {
        *self = Self { status: Status::Lying, ..Self::default() };
    }

    /// A bit of what is durable flips, if it is one that can: what comes of it must be something that can be read.
    pub fn rot(&mut self, bit: u32) -> bool {
        let Some(rotten) = crate::corruption::flipped(&self.stable, bit) else { return false };
        self.stable = rotten;
        true
    }

    /// The bits of what is durable that may flip.
    pub fn rots(&self) -> impl Iterator<Item = u32> {
        (0..crate::corruption::bits(&self.stable))
            .filter(|&bit| crate::corruption::flipped(&self.stable, bit).is_some())
    }

    /// It will not start again after all.
    pub fn stop(&mut self) {
        self.status = Status::Stopped;
    }

    /// Takes note of an oracle's output; the timer to fire for it.
    pub fn hear(&mut self, output: Output) -> Option<P::Timer> {
        match output {
            Output::Trust(p) => self.trusts = Some(p),
            Output::Suspect(p) => _ = self.suspects.insert(p),
            Output::Restore(p) => _ = self.suspects.remove(p),
        }
        self.timers.iter().find(|(_, when)| *when == When::Oracle(output)).map(|(timer, _)| timer.clone())
    }
}

/// The effects before which a crash inside the handler makes a difference: stores and indications, once something else
/// was said or stored. Between two sends it makes none, since what a crashed process sent may be lost message by message.
pub fn cuts<M, T, W, I>(effects: &[Effect<M, T, W, I>]) -> impl Iterator<Item = u32> + '_ {
    let timer = |e: &Effect<M, T, W, I>| matches!(e, Effect::SetTimer { .. } | Effect::Cancel { .. });
    let first = effects.iter().position(|e| !timer(e)).unwrap_or(effects.len());
    (first + 1..effects.len())
        .filter(|&k| matches!(effects[k], Effect::Store { .. } | Effect::Indicate { .. }))
        .map(|k| k as u32)
}

/// The one sink through which algorithm code runs on every ground: handlers are instantiated once.
struct Recorder<'a, P: Process> {
    me: ProcessId,
    group: Group,
    bounds: Option<Bounds>,
    draws: &'a mut dyn Draws,
    effects: &'a mut Vec<EffectOf<P>>,
}

impl<P: Process> Sink<P> for Recorder<'_, P> {
    #[inline]
    fn me(&self) -> ProcessId {
        self.me
    }

    #[inline]
    fn group(&self) -> Group {
        self.group
    }

    #[inline]
    fn emit(&mut self, effect: EffectOf<P>) {
        self.effects.push(effect);
    }

    fn draw(&mut self, draw: Draw) -> u32 {
        let outcome = self.draws.draw(draw);
        assert!(outcome < draw.bound(), "an outcome lies below its bound");
        outcome
    }

    fn mark(&mut self, mark: Mark, reached: bool) {
        self.draws.mark(mark, reached);
    }

    fn upper(&mut self, does: Upper<'_>) {
        self.draws.upper(self.me, does);
    }

    fn ground_bounds(&self, _: Granted) -> Bounds {
        self.bounds.expect("a synchronous environment states its bounds")
    }

    fn ground_sign(&mut self, statement: &str, _: Granted) -> Vec<u8> {
        Signature::new(self.me, statement).bytes
    }

    fn ground_verify(&self, signer: ProcessId, statement: &str, signature: &[u8], _: Granted) -> bool {
        Signature::new(signer, statement).bytes == signature
    }
}
