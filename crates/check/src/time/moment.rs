//! The state of a world at an instant: what is left of each time.

use super::clock::{Clocks, Rate, Span};
use crate::worlds::Scripted;
use std::time::Duration;
use synod_kernel::network::InFlight;
use synod_kernel::{Ground, Observed, Seat, SeatId, Setting, Status, World};
use synod_model::{Process, When};
use synod_properties::{Obligation, Violation};

/// When something may happen, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// No sooner than after this.
    pub opens: Span,
    /// No later than after this.
    pub closes: Span,
}

impl Window {
    /// At any time.
    pub const ANY: Self = Self { opens: Span::ZERO, closes: Span(u128::MAX) };

    /// Whether it may happen now.
    pub fn is_open(self) -> bool {
        self.opens == Span::ZERO
    }

    fn after(self, elapsed: Span) -> Self {
        Self { opens: self.opens.after(elapsed), closes: self.closes.after(elapsed) }
    }
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight<M> {
    /// Where it goes.
    pub to: SeatId,
    /// Where it comes from.
    pub from: SeatId,
    /// What it says.
    pub message: M,
    /// When it arrives.
    pub window: Window,
}

/// A timer that is set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Due<T> {
    /// Where.
    pub seat: SeatId,
    /// Which.
    pub timer: T,
    /// When it fires.
    pub window: Window,
}

/// A world at an instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment<P: Process, M> {
    /// The processes and the budgets.
    pub world: World<Seat<P>>,
    /// By seat: how its clock runs.
    pub rates: Vec<Rate>,
    /// Whether bounds hold: under partial synchrony from GST on.
    pub stable: bool,
    /// What is in flight, in ascending order.
    pub in_flight: Vec<Flight<P::Message>>,
    /// The timers with a duration, in ascending order.
    pub timers: Vec<Due<P::Timer>>,
    /// What is owed within a time: how long it may take yet.
    pub debts: Vec<(Span, Obligation)>,
    /// What judges the run.
    pub monitor: M,
    /// What was broken: then the run is not followed any further.
    pub broken: Option<Violation>,
}

impl<P: Process, M: Clone> Moment<P, M> {
    /// Whether some have yet to start: time has not begun.
    pub(super) fn is_starting(&self) -> bool {
        self.broken.is_none() && self.world.seats.iter().any(|seat| seat.status() == Status::New)
    }

    fn windows(&self) -> impl Iterator<Item = Window> {
        self.in_flight.iter().map(|f| f.window).chain(self.timers.iter().map(|d| d.window))
    }

    /// Whether something would be late if any time passed.
    pub(super) fn is_late_next(&self) -> bool {
        self.windows().any(|window| window.closes == Span::ZERO)
    }

    /// Whether time makes no difference any more.
    pub(super) fn is_timeless(&self) -> bool {
        self.debts.is_empty() && self.windows().next().is_none()
    }

    /// How long it takes until something comes to be possible or due.
    pub(super) fn next_instant(&self) -> Option<Span> {
        let ends = self.windows().flat_map(|window| [window.opens, window.closes]);
        ends.chain(self.debts.iter().map(|(left, _)| *left)).filter(|&left| left > Span::ZERO).min()
    }

    /// The same world so much later, nothing having happened.
    pub(super) fn later(&self, elapsed: Span) -> Self {
        let mut next = self.clone();
        next.in_flight.iter_mut().for_each(|f| f.window = f.window.after(elapsed));
        next.timers.iter_mut().for_each(|d| d.window = d.window.after(elapsed));
        next.debts.iter_mut().for_each(|(left, _)| *left = left.after(elapsed));
        // copies whose windows have come to be alike stay in order, all having lost the same
        next
    }

    /// Whether a timer may fire now: a pulse always.
    pub(super) fn may_fire(&self, seat: SeatId, timer: &P::Timer) -> bool {
        let due = self.timers.iter().find(|due| (due.seat, &due.timer) == (seat, timer));
        due.is_none_or(|due| due.window.is_open())
    }

    /// What a timer was set to.
    pub(super) fn duration(&self, due: &Due<P::Timer>) -> Option<Duration> {
        let timers = self.world.seats[due.seat.index()].timers();
        timers.iter().find_map(|(timer, when)| match when {
            When::After(duration) if *timer == due.timer => Some(*duration),
            _ => None,
        })
    }

    /// Drops what is left of timers that crashed processes had set.
    pub(super) fn forget_timers(&mut self) {
        let seats = &self.world.seats;
        self.timers
            .retain(|due| seats[due.seat.index()].timers().iter().any(|(timer, _)| *timer == due.timer));
    }

    /// Whether a debt does not count, since a process that it speaks of is faulty.
    pub(super) fn is_void(&self, setting: &Setting<P>, debt: &Obligation) -> bool {
        let (rest, seating) = (&self.world.rest, &setting.seating);
        let faulty = [&rest.stopped, &rest.omitting, &rest.lying].into_iter().flatten();
        let mut faulty = faulty.map(|&seat| seating.identity(seat));
        faulty.any(|p| debt.among.contains(p)) || seating.twinned().any(|p| debt.among.contains(p))
    }
}

/// What is in flight, for the kernel.
pub(super) struct Letters<'a, M>(pub(super) &'a [Flight<M>]);

impl<M: PartialEq> Letters<'_, M> {
    /// The places of the copies of a message, oldest first; of those that are alike, one.
    pub(super) fn copies(&self, from: SeatId, to: SeatId, message: &M) -> impl Iterator<Item = usize> {
        let is_copy = |f: &Flight<M>| f.from == from && f.to == to && f.message == *message;
        let first = self.0.iter().position(is_copy).unwrap_or(self.0.len());
        let count = self.0[first..].iter().take_while(|f| is_copy(f)).count();
        (first..first + count).filter(move |&i| i == first || self.0[i] != self.0[i - 1])
    }
}

impl<M: PartialEq> InFlight<M> for Letters<'_, M> {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &M)) {
        for same in self.0.chunk_by(|a, b| (a.to, a.from, &a.message) == (b.to, b.from, &b.message)) {
            each(same[0].from, same[0].to, &same[0].message);
        }
    }
}

/// Where the effects of one step go.
pub(super) struct Landing<'a, P: Process> {
    pub(super) clocks: Clocks,
    pub(super) rates: &'a [Rate],
    pub(super) delay: Window,
    pub(super) step: Span,
    pub(super) stable: bool,
    /// Before bounds hold: sending what is in flight changes nothing.
    pub(super) as_set: bool,
    /// The place of the message that the step takes, if any.
    pub(super) copy: Option<usize>,
    pub(super) in_flight: &'a mut Vec<Flight<P::Message>>,
    pub(super) timers: &'a mut Vec<Due<P::Timer>>,
    pub(super) observed: Vec<Observed<P::Request, P::Indication>>,
    /// The durations that were set.
    pub(super) durations: Vec<Duration>,
}

impl<P: Process> Ground<Scripted<'_, P>> for Landing<'_, P> {
    fn send(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        let flight = Flight { to, from, message, window: self.delay };
        if self.as_set && !self.stable && self.in_flight.contains(&flight) {
            return;
        }
        let place = self.in_flight.partition_point(|f| *f <= flight);
        self.in_flight.insert(place, flight);
    }

    fn take(&mut self, _: SeatId, _: SeatId, _: &P::Message) {
        let place = self.copy.take().expect("what is delivered or lost is in flight");
        self.in_flight.remove(place);
    }

    fn observe(&mut self, observed: Observed<P::Request, P::Indication>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.in_flight.retain(|f| f.to != seat);
    }

    fn armed(&mut self, seat: SeatId, timer: P::Timer, when: When) {
        self.disarmed(seat, timer.clone());
        let When::After(duration) = when else { return };
        self.durations.push(duration);
        let opens = self.clocks.local(duration, self.rates[seat.index()]);
        let window = if self.stable { Window { opens, closes: opens.and(self.step) } } else { Window::ANY };
        let due = Due { seat, timer, window };
        let place = self.timers.partition_point(|d| *d <= due);
        self.timers.insert(place, due);
    }

    fn disarmed(&mut self, seat: SeatId, timer: P::Timer) {
        self.timers.retain(|due| (due.seat, &due.timer) != (seat, &timer));
    }
}
