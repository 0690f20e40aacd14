//! Discrete time: a world of processes in the synchronous model, or the partially synchronous one, as a transition system.
//!
//! A message is delivered and handled no sooner than `links.delay_min` and no later than `links.delay_max` and a step
//! after it was sent; a timer fires when its duration has passed by the clock of its process, or within a step after that.
//! Each clock runs at one rate, an extreme of the drift or exactly, picked by the adversary at the start. Time goes on only
//! where nothing that must happen would be late; what may happen at one instant happens in any order. Processes start at
//! one instant. The step and the drift are those of `timing.bounds`, which is also what processes read: delays beyond
//! `bounds.delay` are a world outside the model.
//!
//! Under partial synchrony there are no times at first: what is sent arrives and what is set fires whenever the adversary
//! likes. At the instant GST, of its choice too, delays come to be bounded by `links.delay_max`, also those of messages in
//! flight, and clocks to measure time: a timer that is set may have any part of its duration left.
//!
//! A state holds what is left of each time, and no instant: runs that differ in the date alone meet. Units of time are
//! parts of a nanosecond in which no clock's rate makes a fraction. Without a granule time passes to the next instant at
//! which something comes to be possible or due ([`Timed::new`]); with one it passes a tick at a time wherever something
//! may happen in between ([`Timed::ticking`]). All bounds being inclusive, whole ticks show every order of events that
//! real time does, if every duration in play is a whole number of granules (Henzinger, Manna, Pnueli 1992):
//! [`Timed::is_exact`].
//!
//! The same monitors judge that judge the other grounds. Of a debt it is claimed that, while time goes on for ever, it is
//! paid again and again; with [`Timed::for_good`], that from some time on there is none; with [`Timed::due`], that it is
//! paid within a given time.

mod clock;
mod moment;
mod renumbering;
#[cfg(test)]
mod tests;

pub use clock::{Clocks, Elapsed, Rate, Span};
pub use moment::{Due, Flight, Moment, Window};

use crate::coverage::Unreached;
use crate::fingerprint::print_of;
use crate::judged::{self, Judged, PROPERTIES_MAX, has_reached};
use crate::pass::every_state;
use crate::reference::{Ran, every_move, is_beyond, take};
use crate::renumbered::Renumbered;
use crate::report::RENUMBERING;
use crate::system::{Claim, Justice, Says, System};
use crate::witness::Witness;
use crate::worlds::{Scripted, judge, laws};
use clock::greatest_common_divisor;
use moment::{Landing, Letters};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use synod_kernel::{Budget, Choice, Move, Script, Seat, SeatId, Setting, World};
use synod_model::link::LinkBase;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Process, ProcessSet};
use synod_properties::{Kind, Monitor, Obligation, Property, Violation};

/// A step of such a world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Passage<M, T> {
    /// Time passes.
    Wait(Elapsed),
    /// GST: from now on bounds hold.
    Stabilise,
    /// Something happens, in no time.
    Do(Move<M, T>),
}

impl<M: fmt::Debug, T: fmt::Debug> fmt::Display for Passage<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(elapsed) => write!(f, "{elapsed:?} pass"),
            Self::Stabilise => write!(f, "bounds hold from now on"),
            Self::Do(Move { choice, cut: None, .. }) => write!(f, "{choice}"),
            Self::Do(Move { choice, cut: Some(cut), .. }) => write!(f, "{choice}; it {cut}"),
        }
    }
}

/// A world of processes in time.
pub struct Timed<'a, P: Process, M> {
    setting: &'a Setting<P>,
    monitor: M,
    measure: fn(&P) -> u64,
    properties: Vec<Property>,
    clocks: Clocks,
    /// From when until when after it was sent a message is handled.
    delay: Window,
    /// For how long after it is due a timer may be late.
    step: Span,
    granule: Option<Duration>,
    deadlines: Vec<(Property, Duration)>,
    /// The properties of which nothing is to be owed from some time on.
    for_good: Vec<Property>,
    /// The greatest duration of which all in play are multiples, in nanoseconds.
    grain: AtomicU64,
    /// Those that may crash and recover for ever: faulty.
    looping: ProcessSet,
    /// How states are renumbered, where they are.
    modulo: Option<Renumbered<P>>,
}

impl<'a, P, M> Timed<'a, P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    /// The runs of `setting`, observed by `monitor`. `measure` is the algorithm's own measure of its growth.
    ///
    /// # Errors
    /// If the environment states no bounds, or has what has no meaning here: why.
    pub fn new(setting: &'a Setting<P>, monitor: M, measure: fn(&P) -> u64) -> Result<Self, String> {
        let environment = &setting.environment;
        let links = &environment.links;
        let bounds = match (environment.timing.kind, environment.timing.bounds) {
            (TimingKind::Synchronous | TimingKind::PartiallySynchronous, Some(bounds)) => bounds,
            (TimingKind::PartiallySynchronous, None) => {
                Bounds { delay: links.delay_max, step: Duration::ZERO, drift_ppm: 0 }
            }
            (TimingKind::Synchronous, None) => {
                return Err(
                    "discrete time needs `timing.bounds`: the delay, the step and the drift".to_owned()
                );
            }
            (TimingKind::Asynchronous, _) => {
                return Err("nothing bounds the time that an asynchronous world takes".to_owned());
            }
        };
        let has_set = links.as_set && environment.timing.kind == TimingKind::Synchronous;
        if has_set || links.ignored_stay || links.kind.base == LinkBase::Stubborn || links.kind.fifo {
            return Err("in discrete time messages are a bag, each delivered once, in any order".to_owned());
        }
        if environment.timing.firings != Budget::Unlimited {
            return Err("a budget of firings would stop time: a timer that is due fires".to_owned());
        }
        if links.losses == Budget::Unlimited {
            return Err("links that may lose everything bound no delay: give losses a budget".to_owned());
        }
        if environment.partitions.any() {
            return Err(
                "a message that meets a cut is late: partitions are outside the synchronous model".to_owned()
            );
        }
        if links.delay_min > links.delay_max {
            return Err(format!("delays from {:?} to {:?}", links.delay_min, links.delay_max));
        }
        let clocks = Clocks::new(bounds.drift_ppm)?;
        let properties = monitor.properties();
        assert!(properties.len() <= PROPERTIES_MAX, "at most {PROPERTIES_MAX} properties");
        let (opens, step) = (clocks.real(links.delay_min), clocks.real(bounds.step));
        let closes = clocks.real(links.delay_max.saturating_add(bounds.step));
        let this = Self {
            setting,
            monitor,
            measure,
            properties,
            clocks,
            delay: Window { opens, closes },
            step,
            granule: None,
            deadlines: Vec::new(),
            for_good: Vec::new(),
            grain: AtomicU64::new(0),
            looping: ProcessSet::new(),
            modulo: None,
        };
        for duration in [links.delay_min, links.delay_max, bounds.step] {
            this.meet(duration);
        }
        Ok(this)
    }

    /// The same, where time passes in ticks, as many to a granule as it has parts that every clock's rate keeps whole.
    ///
    /// # Errors
    /// If the granule is nothing.
    pub fn ticking(mut self, granule: Duration) -> Result<Self, String> {
        if granule.is_zero() {
            return Err("a tick that takes no time".to_owned());
        }
        self.granule = Some(granule);
        Ok(self)
    }

    /// The same, where what is owed under `property` is to be paid within this time.
    #[must_use]
    pub fn due(mut self, property: Property, within: Duration) -> Self {
        self.meet(within);
        self.deadlines.push((property, within));
        self
    }

    /// The same, where from some time on nothing is to be owed under `property`: what it says of that time is more than
    /// that each debt is paid.
    #[must_use]
    pub fn for_good(mut self, property: Property) -> Self {
        self.for_good.push(property);
        self
    }

    /// The same, where these processes are faulty, since they may crash and recover for ever: nothing is owed among them. Who else may
    /// crash is the environment's matter. One of these crashes when nothing is in flight that it sent: else it could crash and
    /// recover in one instant, and send, as often as it likes.
    #[must_use]
    pub fn crash_loops(mut self, looping: ProcessSet) -> Self {
        self.looping = looping;
        self
    }

    /// The same, modulo the renumbering that the algorithm declares ([`Process::RENUMBERING`]): its numbers may grow for ever. The
    /// environment's bound on the measure is one on that of the state that represents all that a renumbering makes equal, and on
    /// what happens before GST alone. Where a handler tells such states apart, [`RENUMBERING`] is violated, and no verdict means
    /// anything. A run that breaks something is one with numbers as they are where [`Timed::along`] says so; goals are not
    /// judged.
    ///
    /// # Errors
    /// Why this world cannot be explored so.
    pub fn renumbered(mut self) -> Result<Self, String> {
        self.modulo = Some(Renumbered::of(self.setting, 0)?);
        self.properties.push(RENUMBERING);
        assert!(self.properties.len() <= PROPERTIES_MAX, "at most {PROPERTIES_MAX} properties");
        Ok(self)
    }

    /// Whether what was explored shows every order of events that real time does, at these rates: each duration met so far
    /// is a whole number of granules. (Otherwise what is shown happens, but more may.)
    pub fn is_exact(&self) -> bool {
        let grain = u128::from(self.grain.load(Ordering::Relaxed));
        self.granule.is_some_and(|granule| grain.is_multiple_of(granule.as_nanos()))
    }

    /// The units of its time.
    pub fn clocks(&self) -> Clocks {
        self.clocks
    }

    /// Takes note of a duration in play.
    fn meet(&self, duration: Duration) {
        let common = |grain| greatest_common_divisor(u128::from(grain), duration.as_nanos()) as u64;
        // the order in which threads meet durations makes no difference to what they have in common
        let _ = self.grain.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |grain| Some(common(grain)));
    }

    /// What no run comes to; nothing if there are more than `states_max` states. A pass of its own.
    pub fn unreached(&self, states_max: usize) -> Option<Vec<Unreached>> {
        let mut witness = Witness::new();
        let first = crate::rounds::every_input(self.setting.seating.len() as u32, self.clocks.rates());
        every_state(first.into_iter().map(|rates| self.blank(rates)), states_max, |state, reach| {
            let note = &mut |next: &Moment<P, M>, chosen: &Move<_, _>, ran: &Ran<P>| {
                witness.note(self.setting, [&state.world, &next.world], chosen, ran);
            };
            self.expand(state, note, &mut |_, next| {
                if self.within(&next) {
                    reach(next);
                }
            });
        })?;
        Some(witness.unreached(self.setting))
    }

    /// Calls `each` with every passage out of a state; of those that are moves, `note` with what their handlers did, first.
    fn expand(
        &self,
        state: &Moment<P, M>,
        note: &mut impl FnMut(&Moment<P, M>, &Move<P::Message, P::Timer>, &Ran<P>),
        each: &mut impl FnMut(Passage<P::Message, P::Timer>, Moment<P, M>),
    ) {
        if state.broken.is_some() {
            return;
        }
        match &self.modulo {
            Some(by) => self.expand_quotient(by, state, each),
            None => self.expand_plain(state, note, each),
        }
    }

    /// The same, of a state with numbers as they are.
    fn expand_plain(
        &self,
        state: &Moment<P, M>,
        note: &mut impl FnMut(&Moment<P, M>, &Move<P::Message, P::Timer>, &Ran<P>),
        each: &mut impl FnMut(Passage<P::Message, P::Timer>, Moment<P, M>),
    ) {
        let choices = self.choices(state);
        for (choice, copy) in &choices {
            if self.is_put_off(state, choice) {
                continue;
            }
            let run = |script, chosen: Move<_, _>| {
                let (next, ran) = self.after(state, *copy, script, chosen.clone());
                note(&next, &chosen, &ran);
                (next, ran)
            };
            every_move(self.setting, &state.world, choice, run, |chosen, next, _| {
                let crashes = chosen.cut.and(choice.cut_seat());
                if !crashes.is_some_and(|seat| self.speaks(state, seat)) {
                    each(Passage::Do(chosen), next);
                }
                true
            });
        }
        if state.is_starting() {
            return;
        }
        if !state.stable {
            each(Passage::Stabilise, self.stabilised(state));
        } else if let Some((elapsed, next)) = self.wait(state, !choices.is_empty()) {
            each(Passage::Wait(elapsed), next);
        }
    }

    /// The choices that are enabled now, each with the place of the message that it takes, if any.
    fn choices(&self, state: &Moment<P, M>) -> Vec<(Choice<P::Message, P::Timer>, Option<usize>)> {
        let rep = Scripted::new(self.setting, Script::default());
        let mut choices = Vec::new();
        let letters = Letters(&state.in_flight);
        state.world.enabled(laws(self.setting), &rep, &letters, |choice| match &choice {
            Choice::Deliver { from, to, message } | Choice::Duplicate { from, to, message } => {
                // of equal copies the oldest: whatever can be made of the younger one, can be made of it
                let oldest = letters.copies(*from, *to, message).next();
                if let Some(place) = oldest.filter(|&place| state.in_flight[place].window.is_open()) {
                    choices.push((choice, Some(place)));
                }
            }
            Choice::Lose { from, to, message } => {
                choices
                    .extend(letters.copies(*from, *to, message).map(|place| (choice.clone(), Some(place))));
            }
            Choice::Fire { seat, timer } => {
                if state.may_fire(*seat, timer) {
                    choices.push((choice, None));
                }
            }
            _ => choices.push((choice, None)),
        });
        choices
    }

    /// What comes of a move.
    fn after(
        &self,
        from: &Moment<P, M>,
        copy: Option<usize>,
        script: Script,
        chosen: Move<P::Message, P::Timer>,
    ) -> (Moment<P, M>, Ran<P>) {
        let mut state = from.clone();
        if let Choice::Fire { seat, timer } = &chosen.choice {
            state.timers.retain(|due| (due.seat, &due.timer) != (*seat, timer));
        }
        let mut landing = Landing {
            clocks: self.clocks,
            rates: &state.rates,
            delay: if state.stable { self.delay } else { Window::ANY },
            step: self.step,
            stable: state.stable,
            as_set: self.setting.environment.links.as_set,
            copy,
            in_flight: &mut state.in_flight,
            timers: &mut state.timers,
            observed: Vec::new(),
            durations: Vec::new(),
        };
        let ran = take(self.setting, &mut state.world, &mut landing, script, chosen);
        let (observed, durations) = (landing.observed, landing.durations);
        for duration in durations {
            self.meet(duration);
        }
        state.broken = observed.iter().try_for_each(|o| judge(&mut state.monitor, o)).err();
        state.forget_timers();
        self.note_debts(&mut state);
        (state, ran)
    }

    /// Whether something is in flight that a process sent which crashes for ever.
    fn speaks(&self, state: &Moment<P, M>, seat: SeatId) -> bool {
        self.looping.contains(self.setting.seating.identity(seat))
            && state.in_flight.iter().any(|flight| flight.from == seat)
    }

    /// Whether a choice is a crash that waits until what was sent before is delivered.
    fn is_put_off(&self, state: &Moment<P, M>, choice: &Choice<P::Message, P::Timer>) -> bool {
        matches!(choice, Choice::Crash { seat, .. } if self.speaks(state, *seat))
    }

    /// Calls `each` with every world in which all have just started.
    fn begin(&self, each: &mut impl FnMut(Moment<P, M>)) {
        let seats = self.setting.seating.len() as u32;
        let rates = crate::rounds::every_input(seats, self.clocks.rates());
        let mut states: Vec<_> = rates.into_iter().rev().map(|rates| self.blank(rates)).collect();
        while let Some(state) = states.pop() {
            if !state.is_starting() {
                each(state);
                continue;
            }
            let first = states.len();
            self.expand_plain(&state, &mut |_, _, _| {}, &mut |_, next| states.push(next));
            states[first..].reverse();
        }
    }

    /// Whether a debt does not count.
    fn is_void(&self, state: &Moment<P, M>, debt: &Obligation) -> bool {
        state.is_void(self.setting, debt) || !debt.among.is_disjoint(&self.looping)
    }

    /// What is newly owed within a time is noted with it, what is paid or void is dropped.
    fn note_debts(&self, state: &mut Moment<P, M>) {
        let mut debts = Vec::new();
        state.monitor.owed(&mut |debt| {
            let deadline = self.deadlines.iter().find(|(property, _)| property.id == debt.property);
            let Some((_, within)) = deadline else { return };
            if !self.is_void(state, &debt) {
                let noted = state.debts.iter().find(|(_, noted)| *noted == debt);
                let left = noted.map_or(self.clocks.real(*within), |(left, _)| *left);
                debts.push((left, debt));
            }
        });
        debts.sort_unstable();
        state.debts = debts;
    }

    /// Time passes, where it may: to the next instant at which something comes to be possible or due, or, where something
    /// may happen before that, by a tick at most.
    fn wait(&self, state: &Moment<P, M>, something_else: bool) -> Option<(Elapsed, Moment<P, M>)> {
        // a unit for each nanosecond of the granule: all that any clock makes of whole granules is a multiple of it
        let tick = self.granule.map(|granule| Span(granule.as_nanos()));
        if state.is_late_next() || state.is_timeless() {
            return None;
        }
        if let Some((_, debt)) = state.debts.iter().find(|(left, _)| *left == Span::ZERO) {
            let mut next = state.clone();
            next.broken = Some(self.overdue(debt));
            return Some((self.clocks.show(tick.unwrap_or(Span(1))), next));
        }
        let next_instant = state.next_instant()?;
        let passed = tick.filter(|_| something_else).map_or(next_instant, |tick| tick.min(next_instant));
        Some((self.clocks.show(passed), state.later(passed)))
    }

    /// The same world from GST on.
    fn stabilised(&self, state: &Moment<P, M>) -> Moment<P, M> {
        let mut next = state.clone();
        next.stable = true;
        for flight in &mut next.in_flight {
            // it may have been on its way for long: it arrives at once, or as late as one that is sent now
            flight.window = Window { opens: Span::ZERO, closes: self.delay.closes };
        }
        for due in &mut next.timers {
            let whole = state.duration(due).map(|d| self.clocks.local(d, state.rates[due.seat.index()]));
            let closes = whole.map_or(Span::ZERO, |whole| whole.and(self.step));
            due.window = Window { opens: Span::ZERO, closes };
        }
        next
    }

    fn overdue(&self, debt: &Obligation) -> Violation {
        let deadline = self.deadlines.iter().find(|(property, _)| property.id == debt.property);
        let (property, within) = deadline.expect("what is noted has a deadline");
        Violation::new(property, format!("{}, more than {within:?} after it came to be owed", debt.what))
    }

    /// The world before anybody has started, with clocks at these rates.
    fn blank(&self, rates: Vec<Rate>) -> Moment<P, M> {
        Moment {
            world: World::new(laws(self.setting), Seat::default()),
            rates,
            stable: self.setting.environment.timing.kind == TimingKind::Synchronous,
            in_flight: Vec::new(),
            timers: Vec::new(),
            debts: Vec::new(),
            monitor: self.monitor.clone(),
            broken: None,
        }
    }
}

impl<P, M> System for Timed<'_, P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    type State = Moment<P, M>;
    type Action = Passage<P::Message, P::Timer>;

    /// The worlds in which all have started, with clocks at every combination of rates.
    fn initial(&self, each: &mut impl FnMut(Self::State)) {
        self.begin(&mut |state| {
            each(match &self.modulo {
                Some(by) => by.canonical(state).0,
                None => state,
            });
        });
    }

    fn steps(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Self::State)) {
        self.expand(state, &mut |_, _, _| {}, each);
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        let claim = |(at, property): (usize, &Property)| {
            let has_deadline = self.deadlines.iter().any(|(due, _)| due.id == property.id);
            let for_good = self.for_good.iter().any(|lasting| lasting.id == property.id);
            let says = match property.kind {
                Kind::Liveness if for_good => Says::EventuallyAlways(judged::paid()[at]),
                Kind::Liveness if !has_deadline => Says::InfinitelyOften(judged::paid()[at]),
                Kind::Safety | Kind::Liveness => Says::Always(judged::unbroken()[at]),
                Kind::Reachable => Says::Sometimes(judged::reached()[at]),
            };
            Claim::new(property.id, property.name, says)
        };
        // what the quotient reaches, a run need not
        let told =
            |(_, property): &(usize, &Property)| self.modulo.is_none() || property.kind != Kind::Reachable;
        self.properties.iter().enumerate().filter(told).map(claim).collect()
    }

    fn distance(&self, state: &Self::State) -> Option<u64> {
        Some(state.monitor.distance())
    }

    fn within(&self, state: &Self::State) -> bool {
        self.modulo.is_some() || !is_beyond(self.setting, &state.world, self.measure)
    }

    /// Bounds come to hold, time goes on for ever where it can, and what is due is done: time does not go on without it.
    fn fairness(&self, action: &Self::Action) -> Justice {
        match action {
            Passage::Wait(_) => Justice::Strong(0),
            Passage::Stabilise => Justice::Weak(0),
            Passage::Do(Move { choice, cut: None, .. }) => match choice {
                Choice::Deliver { .. }
                | Choice::Recover { .. }
                | Choice::Sync { .. }
                | Choice::Fire { .. } => {
                    // of those that differ in numbers alone one is done in the end
                    let erased = self.modulo.as_ref().map(|by| by.erased(choice.clone()));
                    Justice::Weak(print_of(erased.as_ref().unwrap_or(choice)) as u64 >> 3 | 1)
                }
                _ => Justice::None,
            },
            Passage::Do(_) => Justice::None,
        }
    }
}

impl<P, M> Judged for Timed<'_, P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    fn is_unbroken(&self, state: &Self::State, at: usize) -> bool {
        state.broken.as_ref().is_none_or(|violation| violation.property != self.properties[at].id)
    }

    fn is_paid(&self, state: &Self::State, at: usize) -> bool {
        let mut paid = true;
        state.monitor.owed(&mut |debt| {
            paid &= debt.property != self.properties[at].id || self.is_void(state, &debt);
        });
        paid || state.broken.is_some()
    }

    fn is_reached(&self, state: &Self::State, at: usize) -> bool {
        has_reached(&state.monitor, &self.properties[at])
    }
}
