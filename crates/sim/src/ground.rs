//! Where the effects of a simulated step go: into an agenda, with delays from the seed, and to the monitor.

mod wires;

pub use self::wires::encoded_length;

use crate::agenda::{Agenda, Slot};
use crate::cost::{Meter, Traffic};
use crate::coverage::{Coverage, kind};
use crate::fault::{FaultKind, Tally};
use crate::links::LastArrivals;
use crate::plan::{gst, nanos};
use crate::platform::{Assumptions, Machinery};
use crate::run::Clients;
use crate::tested::Tested;
use crate::workload::Wake;
use serde::Serialize;
use std::any::Any;
use std::collections::VecDeque;
use synod_kernel::draws::{Draws, Marks, Random};
use synod_kernel::{Environment, Ground, InPlace, Observed, SeatId};
use synod_model::{Draw, Mark, Process, ProcessId, Upper, When};
use synod_properties::{Kind, Monitor, Observation, Violation};

/// What is to happen.
#[derive(Debug)]
pub(crate) enum Entry<M, T> {
    /// A message arrives.
    Deliver { from: SeatId, to: SeatId, message: M },
    /// A message that found no room in a queue would arrive: it is lost.
    Lose { from: SeatId, to: SeatId, message: M },
    /// A timer or a pulse fires.
    Fire { seat: SeatId, timer: T },
    /// The oldest pending write becomes durable.
    Sync { seat: SeatId },
    /// The layer above makes its next request.
    Request { seat: SeatId },
    /// A process starts again.
    Recover { seat: SeatId },
    /// An oracle may give an output.
    Oracle { seat: SeatId },
    /// The planned fault of this index.
    Fault { index: usize },
    /// The adversary carries out the plan of this number.
    Plot { index: u64 },
    /// A client has something to do.
    Client { wake: Wake },
}

/// Outcomes from the seed, kept while a run is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    random: Random,
    /// The outcomes since they were last taken, if anyone asks.
    pub(crate) kept: Option<Vec<u32>>,
    /// The marks that handlers came to, if anyone asks.
    pub(crate) marks: Option<Marks>,
    /// What the layer above links of a process's own making does, if anyone asks.
    pub(crate) upper: Option<(Length, Traffic)>,
}

/// How many bytes a message has on a wire that links of a process's own making carry.
pub(crate) type Length = fn(&dyn Any) -> u64;

/// The length of messages of this type.
pub(crate) fn length_of<M: Serialize + 'static>(message: &dyn Any) -> u64 {
    message.downcast_ref::<M>().map_or(0, wires::encoded_length)
}

impl Drawn {
    pub(crate) fn new(random: Random) -> Self {
        Self { random, kept: None, marks: None, upper: None }
    }

    /// Further outcomes are those of another seed.
    pub(crate) fn turn(&mut self, random: Random) {
        self.random = random;
    }
}

impl Draws for Drawn {
    fn draw(&mut self, draw: Draw) -> u32 {
        let outcome = self.random.below(u64::from(draw.bound())) as u32;
        if let Some(kept) = &mut self.kept {
            kept.push(outcome);
        }
        outcome
    }

    fn mark(&mut self, mark: Mark, reached: bool) {
        if let Some(marks) = &mut self.marks {
            marks.note(mark, reached);
        }
    }

    fn upper(&mut self, me: ProcessId, does: Upper<'_>) {
        let Some((length, upper)) = &mut self.upper else { return };
        match does {
            Upper::Sends { to, message } if to != me => {
                upper.messages += 1;
                upper.bytes += length(message);
            }
            Upper::Sends { .. } => {}
            Upper::Stores => upper.writes += 1,
        }
    }
}

/// The delays of one link, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Range {
    min: u64,
    max: u64,
}

impl Range {
    #[inline]
    fn draw(self, random: &mut Random) -> u64 {
        between(self.min, self.max, random)
    }

    /// Its lower or its upper eighth.
    fn eighth(self, upper: bool) -> Self {
        let span = (self.max - self.min) / 8;
        if upper { Self { min: self.max - span, ..self } } else { Self { max: self.min + span, ..self } }
    }
}

/// How long messages take, in nanoseconds.
///
/// Every delay lies within the environment's bounds. In half of the runs each link has a character of its own, so that
/// one link may be slower throughout than several steps over others: a uniform draw hardly ever shows that.
#[derive(Debug)]
struct Delays {
    all: Range,
    /// Where links differ: the seed of their characters.
    characters: Option<u64>,
    /// The lower and the upper eighth of all.
    eighths: [Range; 2],
    gst: u64,
    before_gst: u64,
}

impl Delays {
    fn of(environment: &Environment, random: &mut Random) -> Self {
        let min = nanos(environment.links.delay_min);
        let max = nanos(environment.links.delay_max).max(min);
        let all = Range { min, max };
        let even = random.below(2) == 0;
        Self {
            all,
            characters: (!even).then(|| random.bits()),
            eighths: [all.eighth(false), all.eighth(true)],
            gst: gst(&environment.timing),
            before_gst: nanos(environment.timing.delay_before_gst).max(max),
        }
    }

    /// What the delays of a link lie in.
    #[inline]
    fn range(&self, from: SeatId, to: SeatId) -> Range {
        let Some(seed) = self.characters else { return self.all };
        let link = u64::from(from.0) << 32 | u64::from(to.0);
        match Random::at(seed, link) >> 62 {
            0 => self.eighths[0],
            1 => self.eighths[1],
            _ => self.all,
        }
    }

    /// When a message that leaves at `now` arrives.
    #[expect(clippy::inline_always, reason = "the hot path, and few others")]
    #[inline(always)]
    fn arrival(&self, now: u64, from: SeatId, to: SeatId, random: &mut Random) -> u64 {
        let range = self.range(from, to);
        if now < self.gst {
            // what is under way at GST arrives within the bound that holds from there on
            let latest = self.gst.saturating_add(self.all.max);
            return now.saturating_add(Range { max: self.before_gst, ..range }.draw(random)).min(latest);
        }
        now.saturating_add(range.draw(random))
    }
}

/// In larger worlds each process has a list of what it has in flight.
const SEATS_WITHOUT_LISTS: usize = 64;

fn is_from<M, T>(entry: &Entry<M, T>, seat: SeatId) -> bool {
    matches!(entry, Entry::Deliver { from, .. } | Entry::Lose { from, .. } if *from == seat)
}

/// Keeps those places where a message from `seat` is, in ascending order, each once.
fn only_from<'a, M: 'a, T: 'a>(
    places: &mut Vec<Slot>,
    seat: SeatId,
    at: impl Fn(Slot) -> Option<&'a Entry<M, T>>,
) {
    places.retain(|&slot| at(slot).is_some_and(|entry| is_from(entry, seat)));
    places.sort_unstable();
    places.dedup();
}

/// Any number from `min` to `max`.
#[inline]
pub(crate) fn between(min: u64, max: u64, random: &mut Random) -> u64 {
    min + random.below((max - min).saturating_add(1))
}

/// A message that was due and could not arrive: its place in the agenda, and the number under which it was there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parked {
    pub(crate) slot: Slot,
    pub(crate) number: u64,
}

/// One seat's part of the ground.
#[derive(Debug)]
pub(crate) struct Desk<T> {
    /// The timers that will fire, each with its place in the agenda, in order of the timer.
    timers: Vec<(T, Slot)>,
    /// The places of what makes its pending writes durable, oldest first.
    pub(crate) syncs: VecDeque<Slot>,
    /// When the youngest of these comes.
    last_sync: u64,
    /// Messages that arrived while it was down and wait until it is up.
    pub(crate) waiting: Vec<Parked>,
    /// Whether an oracle's output is on the agenda.
    pub(crate) oracle_called: bool,
}

impl<T> Desk<T> {
    fn new() -> Self {
        Self {
            timers: Vec::new(),
            syncs: VecDeque::new(),
            last_sync: 0,
            waiting: Vec::new(),
            oracle_called: false,
        }
    }
}

/// The simulated world beside its seats: clock, links, disks, and who watches.
pub(crate) struct Simulated<P: Process, Mon> {
    /// The virtual time, in nanoseconds.
    pub(crate) now: u64,
    pub(crate) agenda: Agenda<Entry<P::Message, P::Timer>>,
    pub(crate) random: Random,
    pub(crate) desks: Vec<Desk<P::Timer>>,
    pub(crate) tally: Tally,
    pub(crate) monitor: Mon,
    pub(crate) violation: Option<Violation>,
    /// What is put to the test.
    pub(crate) tested: Tested,
    /// What the adversary has heard in this step: from where, where, what.
    pub(crate) overheard: Vec<(SeatId, SeatId, P::Message)>,
    /// The goals that held at some time.
    pub(crate) reached: Vec<&'static str>,
    /// What was observed, with its time, if anyone asks.
    pub(crate) history: Option<Vec<(u64, Observed<P::Request, P::Indication>)>>,
    goals: usize,
    delays: Delays,
    /// The machines and wires, where somebody asked for them.
    pub(crate) machinery: Option<Box<Machinery>>,
    pub(crate) assumptions: Assumptions,
    /// The number of the event that happens, for those.
    pub(crate) event: u64,
    /// FIFO links.
    last_arrivals: Option<LastArrivals>,
    /// By sender, where looking through all that is pending takes too long: the places of what it has in flight, and
    /// places where it had something.
    sent: Option<Vec<Vec<Slot>>>,
    /// Whether any process consults an oracle.
    pub(crate) consulted: bool,
    pulse_max: u64,
    /// The longest time between two outputs of an oracle while it has something to say.
    pub(crate) oracle_pace: u64,
    pub(crate) sync_max: u64,
    /// What the run comes to, if anyone asks.
    pub(crate) coverage: Option<Box<Coverage>>,
    /// The clients, where there is a workload.
    pub(crate) clients: Option<Box<Clients<P>>>,
    /// Who counts what it costs, if anyone asks.
    pub(crate) meter: Option<Box<Meter>>,
}

impl<P: Process, Mon: Monitor<P::Request, P::Indication>> Simulated<P, Mon> {
    pub(crate) fn new(environment: &Environment, seats: usize, monitor: Mon, mut random: Random) -> Self {
        let delays = Delays::of(environment, &mut random);
        let goals = monitor.properties().iter().filter(|p| p.kind == Kind::Reachable).count();
        let fifo = environment.links.kind.fifo;
        // untimed, but finite: from well below a round trip to well above it
        let pulse_max = delays.all.max.max(1_000).saturating_mul(4);
        // in some runs leaders hardly get to speak, in others they come far before they are deposed
        let oracle_pace = (pulse_max / 4).saturating_mul(1 << random.below(7));
        let tested = Tested::new(&monitor);
        let mut simulated = Self {
            now: 0,
            agenda: Agenda::default(),
            random,
            desks: (0..seats).map(|_| Desk::new()).collect(),
            tally: Tally::new(),
            monitor,
            violation: None,
            tested,
            overheard: Vec::new(),
            reached: Vec::new(),
            history: None,
            goals,
            delays,
            machinery: None,
            assumptions: Assumptions::of(environment),
            event: 0,
            last_arrivals: fifo.then(|| LastArrivals::new(seats)),
            sent: (seats > SEATS_WITHOUT_LISTS).then(|| vec![Vec::new(); seats]),
            consulted: false,
            pulse_max,
            oracle_pace,
            sync_max: nanos(environment.storage.sync_max),
            coverage: None,
            clients: None,
            meter: None,
        };
        simulated.note_goals();
        simulated
    }

    /// Puts on the agenda what clients have to do next.
    pub(crate) fn schedule_clients(&mut self) {
        if let Some(clients) = &mut self.clients {
            for (at, wake) in clients.driver.due.drain(..) {
                self.agenda.push(at, Entry::Client { wake });
            }
        }
    }

    /// Counts a message that is put on the agenda next.
    #[cold]
    pub(super) fn measure_send(&mut self, from: SeatId, to: SeatId, message: &P::Message) {
        if let Some(meter) = &mut self.meter {
            meter.sent(self.agenda.upcoming(), from == to, || wires::encoded_length(message));
        }
    }

    /// An indication, as clients and those who count take it.
    fn tell_clients(&mut self, by: ProcessId, indication: &P::Indication) {
        if let Some(meter) = &mut self.meter {
            meter.told();
        }
        if let Some(clients) = &mut self.clients {
            let (completed, next) = clients.told(by, indication, self.now);
            if let Some(meter) = &mut self.meter {
                if let Some(operation) = completed {
                    meter.completed(operation);
                }
                if let Some(operation) = next {
                    meter.goes_on(operation);
                }
            }
            self.schedule_clients();
        }
    }

    /// When a message that leaves now arrives.
    #[inline]
    pub(crate) fn arrival(&mut self, from: SeatId, to: SeatId) -> u64 {
        self.arrival_from(from, to, self.now)
    }

    /// When a message arrives that gets onto its way at `leaves`.
    #[expect(clippy::inline_always, reason = "the hot path, and few others")]
    #[inline(always)]
    fn arrival_from(&mut self, from: SeatId, to: SeatId, leaves: u64) -> u64 {
        let arrival = match self.machinery {
            None => self.delays.arrival(leaves, from, to, &mut self.random),
            Some(_) => self.arrival_by_platform(from, to, leaves),
        };
        if self.now < self.delays.gst && arrival - self.now > self.delays.all.max {
            self.tally.add(FaultKind::Delay, 1);
        }
        match &mut self.last_arrivals {
            Some(last) => last.queue(self.now, from, to, arrival),
            None => arrival,
        }
    }

    /// Puts a message on the agenda.
    #[expect(clippy::inline_always, reason = "the hot path, and few others")]
    #[inline(always)]
    pub(crate) fn put_in_flight(&mut self, arrival: u64, from: SeatId, to: SeatId, message: P::Message) {
        let slot = self.agenda.push(arrival, Entry::Deliver { from, to, message });
        if self.sent.is_some() {
            self.note_sent(from, slot);
        }
    }

    /// Keeps a message that has no time yet, or whose time the caller gives it.
    pub(crate) fn park(&mut self, from: SeatId, to: SeatId, message: P::Message) -> Slot {
        let slot = self.agenda.park(Entry::Deliver { from, to, message });
        self.note_sent(from, slot);
        slot
    }

    fn note_sent(&mut self, from: SeatId, slot: Slot) {
        let Some(sent) = &mut self.sent else { return };
        let sent = &mut sent[from.index()];
        if sent.len() == sent.capacity() {
            let agenda = &self.agenda;
            only_from(sent, from, |slot| agenda.get(slot));
            // so that half of it is new when it is gone through again
            sent.reserve((2 * sent.len()).max(8) - sent.len());
        }
        sent.push(slot);
    }

    /// The places of all that a process has in flight, in ascending order.
    pub(crate) fn in_flight_from(&mut self, seat: SeatId) -> Vec<Slot> {
        let agenda = &self.agenda;
        let Some(sent) = &mut self.sent else { return agenda.find(|entry| is_from(entry, seat)) };
        let sent = &mut sent[seat.index()];
        only_from(sent, seat, |slot| agenda.get(slot));
        sent.clone()
    }

    /// Puts a message that was parked on its way again.
    pub(crate) fn send_parked(&mut self, Parked { slot, number }: Parked) {
        let arrival = match self.agenda.get(slot) {
            // on a queue, before anything that was sent after it and is under way already
            Some(Entry::Deliver { .. }) if self.last_arrivals.is_some() => self.now,
            Some(&Entry::Deliver { from, to, .. }) => self.arrival(from, to),
            // it was lost while it waited: its place is freed when the agenda meets it
            _ => self.now,
        };
        if let Some(machinery) = &mut self.machinery {
            machinery.sent_again(number, self.now);
        }
        self.agenda.enqueue_as(arrival, number, slot);
    }

    /// Puts a timer on the agenda; it replaces an equal one.
    fn set(&mut self, seat: SeatId, timer: P::Timer, at: u64) -> Slot {
        if let Some(meter) = &mut self.meter {
            meter.keep(self.agenda.upcoming());
        }
        let slot = self.agenda.push(at, Entry::Fire { seat, timer: timer.clone() });
        let timers = &mut self.desks[seat.index()].timers;
        match timers.binary_search_by(|(t, _)| t.cmp(&timer)) {
            Ok(place) => {
                let replaced = std::mem::replace(&mut timers[place].1, slot);
                self.agenda.cancel(replaced);
            }
            Err(place) => timers.insert(place, (timer, slot)),
        }
        slot
    }

    /// A timer was set so long ago: it fires when it would have, if that is not over.
    pub(crate) fn set_before(&mut self, seat: SeatId, timer: P::Timer, when: When, ago: u64) {
        let When::After(after) = when else {
            return Ground::<InPlace<'_, P, Drawn>>::armed(self, seat, timer, when);
        };
        let at = self.now.saturating_add(nanos(after).saturating_sub(ago));
        self.set(seat, timer, at);
    }

    /// The instant after which delays keep to their bound.
    pub(crate) fn gst(&self) -> u64 {
        self.delays.gst
    }

    /// A random finite time.
    pub(crate) fn pulse(&mut self) -> u64 {
        self.now.saturating_add(1 + self.random.below(self.pulse_max))
    }

    /// The timer is about to fire: it is no longer set.
    pub(crate) fn fired(&mut self, seat: SeatId, timer: &P::Timer) -> Option<Slot> {
        let timers = &mut self.desks[seat.index()].timers;
        let place = timers.binary_search_by(|(t, _)| t.cmp(timer)).ok()?;
        Some(timers.remove(place).1)
    }

    /// A process crashed: its timers and pending writes are gone. How many writes that were.
    pub(crate) fn forget(&mut self, seat: SeatId) -> u64 {
        let desk = &mut self.desks[seat.index()];
        for (_, slot) in desk.timers.drain(..) {
            self.agenda.cancel(slot);
        }
        let pending = desk.syncs.len() as u64;
        for slot in desk.syncs.drain(..) {
            self.agenda.cancel(slot);
        }
        desk.last_sync = 0;
        pending
    }

    /// Calls the oracle at `seat` within a moment, unless it was called already.
    pub(crate) fn call_oracle(&mut self, seat: SeatId) {
        self.call_oracle_within(seat, u64::MAX);
    }

    /// The same within a moment that is no longer than `longest`.
    pub(crate) fn call_oracle_within(&mut self, seat: SeatId, longest: u64) {
        let desk = &mut self.desks[seat.index()];
        if !desk.oracle_called {
            desk.oracle_called = true;
            let at = self.now.saturating_add(1 + self.random.below(self.oracle_pace.min(longest).max(1)));
            self.agenda.push(at, Entry::Oracle { seat });
        }
    }

    fn note_goals(&mut self) {
        if self.reached.len() < self.goals {
            let reached = &mut self.reached;
            self.monitor.reached(&mut |goal| {
                if !reached.contains(&goal) {
                    reached.push(goal);
                }
            });
        }
    }
}

impl<P, Mon> Ground<InPlace<'_, P, Drawn>> for Simulated<P, Mon>
where
    P: Process,
    Mon: Monitor<P::Request, P::Indication>,
{
    #[inline]
    fn send(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        if let Some(coverage) = &mut self.coverage {
            coverage.sent(from.index(), to.index(), kind(&message));
        }
        if self.machinery.is_some() {
            return self.send_by_platform(from, to, message);
        }
        let arrival = self.arrival(from, to);
        if self.meter.is_some() {
            self.measure_send(from, to, &message);
        }
        self.put_in_flight(arrival, from, to, message);
    }

    /// What arrives or is lost left the agenda before the step.
    #[inline]
    fn take(&mut self, _: SeatId, _: SeatId, _: &P::Message) {}

    fn overhear(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        self.overheard.push((from, to, message));
    }

    fn observe(&mut self, observed: Observed<P::Request, P::Indication>) {
        if let (Some(coverage), Observed::Indication(_, indication)) = (&mut self.coverage, &observed) {
            coverage.effect(kind(indication));
        }
        match &observed {
            Observed::Indication(by, indication) => self.tell_clients(*by, indication),
            Observed::Crash(at) => {
                if let Some(clients) = &mut self.clients {
                    clients.crashed(*at);
                }
            }
            _ => {}
        }
        if self.violation.is_some() {
            return;
        }
        let observation = Observation::of(&observed);
        if self.machinery.is_some() {
            self.notice(&observation);
        }
        match self.monitor.observe(&observation) {
            Ok(()) => {
                self.tested.note(&self.monitor, matches!(observed, Observed::Indication(..)));
                self.note_goals();
            }
            Err(violation) => self.violation = Some(violation),
        }
        if let Some(history) = &mut self.history {
            history.push((self.now, observed));
        }
    }

    /// What is under way to it is dropped when its time comes: see `Run::is_void`.
    fn discard_to(&mut self, _: SeatId) {}

    fn armed(&mut self, seat: SeatId, timer: P::Timer, when: When) {
        if let Some(coverage) = &mut self.coverage {
            coverage.effect(kind(&timer) ^ 1);
        }
        let at = match when {
            When::After(after) => match self.machinery {
                None => self.now.saturating_add(nanos(after)),
                Some(_) => return self.armed_by_platform(seat, timer, nanos(after)),
            },
            When::Pulse => self.pulse(),
            When::Oracle(_) => {
                self.consulted = true;
                self.disarmed(seat, timer);
                return self.call_oracle(seat);
            }
        };
        self.set(seat, timer, at);
    }

    fn disarmed(&mut self, seat: SeatId, timer: P::Timer) {
        if let Some(slot) = self.fired(seat, &timer) {
            self.agenda.cancel(slot);
        }
    }

    fn stored(&mut self, seat: SeatId) {
        if let Some(coverage) = &mut self.coverage {
            coverage.effect(2);
        }
        let takes = between(0, self.sync_max, &mut self.random);
        let takes = match self.machinery {
            None => takes,
            Some(_) => self.sync_by_platform(seat, takes),
        };
        let at = self.now.saturating_add(takes);
        if let Some(meter) = &mut self.meter {
            meter.stored(self.agenda.upcoming());
        }
        let desk = &mut self.desks[seat.index()];
        desk.last_sync = desk.last_sync.max(at);
        desk.syncs.push_back(self.agenda.push(desk.last_sync, Entry::Sync { seat }));
    }
}
