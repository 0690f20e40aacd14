//! A world, its enabled choices, and the step.

mod peace;
mod short;

pub(crate) use self::peace::Peace;
pub use self::short::deliver;

use crate::budgets::Budgets;
use crate::choice::{Choice, Cut, Fairness, Move};
use crate::environment::{Environment, Partition};
use crate::network::InFlight;
use crate::seat::{Released, SeatId, Status};
use crate::setting::{Seating, Setting};
use crate::signature::Signature;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::link::{Guarantee, LinkBase};
use synod_model::{Event, Output, Process, ProcessId, When};

/// How the values of a world are represented: in place ([`InPlace`](crate::InPlace)), or interned by an engine. The only place where
/// algorithm code runs.
pub trait Rep {
    /// A seat with all that is its own.
    type Seat: Clone + PartialEq;
    /// A message.
    type Message: Clone;
    /// A timer.
    type Timer: Clone + Ord;
    /// A request.
    type Request: Clone;
    /// An indication.
    type Indication;

    /// Runs the handler of `event` and releases what may leave; with `cut` the process crashes in it.
    fn react(
        &mut self,
        seat: SeatId,
        state: &mut Self::Seat,
        event: Event<Self::Message, Self::Timer, Self::Request>,
        cut: Option<Cut>,
        release: &mut impl FnMut(Released<Self::Message, Self::Indication, Self::Timer>),
    );
    /// The oldest pending write becomes durable; with `cut` the process crashes while what waited for it is released. With
    /// `lost` it does not, and nobody notices.
    fn sync(
        &mut self,
        state: &mut Self::Seat,
        cut: Option<Cut>,
        lost: bool,
        release: &mut impl FnMut(Released<Self::Message, Self::Indication, Self::Timer>),
    );
    /// The process crashes between two handlers.
    fn crash(&mut self, state: &mut Self::Seat, kept: u32, torn: bool, restarts: bool);
    /// The adversary plays the process from now on.
    fn corrupt(&mut self, state: &mut Self::Seat);
    /// A bit of what is durable flips.
    fn rot(&mut self, state: &mut Self::Seat, bit: u32);
    /// The bits of what is durable that may flip.
    fn rots(&self, state: &Self::Seat, each: impl FnMut(u32));
    /// An oracle's output is noted; the timer to fire for it.
    fn hear(&mut self, state: &mut Self::Seat, output: Output) -> Option<Self::Timer>;
    /// The request of this index at a seat.
    fn request(&mut self, seat: SeatId, index: u32) -> Option<Self::Request>;
    /// How many requests a seat's layer above makes.
    fn requests(&self, seat: SeatId) -> u32;

    /// Whether the process runs.
    fn status(&self, state: &Self::Seat) -> Status;
    /// The timers that are set, in ascending order.
    fn timers(&self, state: &Self::Seat, each: impl FnMut(&Self::Timer, When));
    /// When `timer` fires, if it is set.
    fn when(&self, state: &Self::Seat, timer: &Self::Timer) -> Option<When> {
        let mut found = None;
        self.timers(state, |t, when| {
            if t == timer {
                found = Some(when);
            }
        });
        found
    }
    /// How many writes are not durable yet.
    fn stores_pending(&self, state: &Self::Seat) -> u32;
    /// The effects before which a crash inside the release of what waits for the oldest of them makes a difference.
    fn release_cuts(&self, state: &Self::Seat, each: impl FnMut(u32));
    /// The outputs that the oracles it consults may give next.
    fn outputs(&self, state: &Self::Seat, each: impl FnMut(Output));

    /// What a lying process may say, as far as it has the signatures.
    fn lies(&self, each: impl FnMut(&Self::Message));
    /// The signatures that a message carries.
    fn signatures(&self, message: &Self::Message, each: impl FnMut(&Signature));
}

/// What can be observed at the interface of the processes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed<Q, I> {
    /// A process is asked for something.
    Request(ProcessId, Q),
    /// A process tells something.
    Indication(ProcessId, I),
    /// A process crashes.
    Crash(ProcessId),
    /// A process starts again.
    Recover(ProcessId),
    /// A process is the adversary's from now on: it lies. Nothing else is observed there.
    Corrupt(ProcessId),
}

/// Where the effects of a step go: the part of a world that each ground keeps in its own way.
pub trait Ground<R: Rep> {
    /// A message is put in flight.
    fn send(&mut self, from: SeatId, to: SeatId, message: R::Message);
    /// One copy of a message leaves the network, delivered or lost.
    fn take(&mut self, from: SeatId, to: SeatId, message: &R::Message);
    /// What was taken last stays where it was, since its receiver ignored it. For grounds on which ignored messages stay.
    fn put_back(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        let _ = (from, to, message);
        unreachable!("on this ground every delivery takes its message");
    }
    /// The adversary hears what is sent to a process that lies. For grounds whose adversary makes something of it.
    fn overhear(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        let _ = (from, to, message);
    }
    /// Something is observed.
    fn observe(&mut self, observed: Observed<R::Request, R::Indication>);
    /// A process stopped for ever: nothing arrives there any more.
    fn discard_to(&mut self, seat: SeatId);
    /// A timer is set. For grounds with a clock.
    fn armed(&mut self, seat: SeatId, timer: R::Timer, when: When) {
        let _ = (seat, timer, when);
    }
    /// A timer is cancelled. For grounds with a clock.
    fn disarmed(&mut self, seat: SeatId, timer: R::Timer) {
        let _ = (seat, timer);
    }
    /// A write waits to become durable. For grounds with a disk.
    fn stored(&mut self, seat: SeatId) {
        let _ = seat;
    }
}

/// What a world consists of besides its seats and its messages in flight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rest {
    /// What is left of the budgets.
    pub budgets: Budgets,
    /// By seat: how many requests were made.
    pub asked: Vec<u32>,
    /// The directed links that carry nothing at present.
    pub severed: BTreeSet<(SeatId, SeatId)>,
    /// The processes that stopped for ever.
    pub stopped: BTreeSet<SeatId>,
    /// The processes that omit.
    pub omitting: BTreeSet<SeatId>,
    /// The processes that lie.
    pub lying: BTreeSet<SeatId>,
    /// The signatures of correct processes that were sent to processes that lie, or over links that inject. One adversary
    /// plays them all.
    pub seen: BTreeSet<Signature>,
    /// By process, where the adversary may take it over later: the signatures that it was sent.
    pub heard: BTreeMap<SeatId, BTreeSet<Signature>>,
}

/// The state of a run, but for what is in flight, which the ground keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct World<S> {
    /// The seats.
    pub seats: Vec<S>,
    /// Budgets, requests, cuts.
    pub rest: Rest,
}

/// What holds throughout a run.
#[derive(Clone, Copy, Debug)]
pub struct Laws<'a> {
    /// What may happen.
    pub environment: &'a Environment,
    /// Who sits where.
    pub seating: &'a Seating,
}

impl<'a, P: Process> From<&'a Setting<P>> for Laws<'a> {
    fn from(setting: &'a Setting<P>) -> Self {
        Self { environment: &setting.environment, seating: &setting.seating }
    }
}

impl<S: Clone> World<S> {
    /// A world in which nobody has started yet.
    pub fn new(laws: Laws<'_>, seat: S) -> Self {
        let seats = laws.seating.len();
        Self {
            seats: vec![seat; seats],
            rest: Rest {
                budgets: Budgets { withheld: laws.seating.withheld(), ..Budgets::of(laws.environment) },
                asked: vec![0; seats],
                severed: BTreeSet::new(),
                stopped: BTreeSet::new(),
                omitting: BTreeSet::new(),
                lying: BTreeSet::new(),
                seen: BTreeSet::new(),
                heard: BTreeMap::new(),
            },
        }
    }
}

/// What may happen to a message in flight.
#[derive(Clone, Copy)]
struct Ways {
    deliver: bool,
    duplicate: bool,
    lose: bool,
}

impl Ways {
    fn count(self) -> u64 {
        u64::from(self.deliver) + u64::from(self.duplicate) + u64::from(self.lose)
    }
}

impl<S> World<S> {
    /// Calls `each` with every enabled choice, in an order that depends on the world alone. The outcomes of draws and
    /// crashes inside handlers are further dimensions of each.
    pub fn enabled<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        in_flight: &impl InFlight<R::Message>,
        mut each: impl FnMut(Choice<R::Message, R::Timer>),
    ) {
        self.each_enabled(laws, rep, in_flight, &mut each);
    }

    fn each_enabled<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        in_flight: &impl InFlight<R::Message>,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        if self.enabled_start(laws, rep, each) {
            return;
        }
        in_flight.each(|from, to, message| {
            let ways = self.ways(laws, rep, from, to);
            let message = || message.clone();
            if ways.deliver {
                each(Choice::Deliver { from, to, message: message() });
            }
            if ways.duplicate {
                each(Choice::Duplicate { from, to, message: message() });
            }
            if ways.lose {
                each(Choice::Lose { from, to, message: message() });
            }
        });
        self.enabled_beside(laws, rep, each);
    }

    /// Who lies and who omits is settled before anyone starts, in ascending order; then all others start. Whether some have
    /// yet to.
    fn enabled_start<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) -> bool {
        let Some(new) = self.seats.iter().position(|s| rep.status(s) == Status::New) else { return false };
        let seat = SeatId(new as u32);
        each(Choice::Init { seat });
        let settled = || self.seats.iter().any(|s| !matches!(rep.status(s), Status::New | Status::Lying));
        if (self.rest.budgets.lies.any() || self.rest.budgets.omissions.any()) && !settled() {
            self.enabled_faulty_from_the_start(laws, each);
        }
        true
    }

    /// As [`World::enabled`], without what may happen to messages in flight, once all have started.
    fn enabled_beside<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        self.enabled_at_seats(laws, rep, each);
        self.enabled_partitions(laws, each);
    }

    fn enabled_at_seats<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        for seat in laws.seating.seats() {
            self.enabled_at(seat, laws, rep, each);
        }
        self.enabled_lies(laws, rep, each);
        self.enabled_injections(laws, rep, each);
    }

    /// How many choices are enabled, and whether `choice` is one of them: what enumerating them all would show, without
    /// looking at each message in flight or building each split. (A cut of an environment that lists none counts, and is
    /// not looked for: it may sever any links, [`trace`](crate::trace) says.) `links` calls back with every link that has messages in flight and with how
    /// many distinct ones; `has` tells whether a message is among them.
    pub(crate) fn count_enabled<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        links: impl IntoIterator<Item = (SeatId, SeatId, u64)>,
        has: impl FnOnce(SeatId, SeatId, &R::Message) -> bool,
        choice: &Choice<R::Message, R::Timer>,
    ) -> (u64, bool)
    where
        R::Message: PartialEq,
    {
        let (mut count, mut found) = (0, false);
        let mut see = |enabled| {
            count += 1;
            found |= enabled == *choice;
        };
        if self.enabled_start(laws, rep, &mut see) {
            return (count, found);
        }
        self.enabled_at_seats(laws, rep, &mut see);
        if !self.rest.severed.is_empty() {
            see(Choice::Heal);
        }
        if laws.environment.cuts.is_some() {
            self.enabled_splits(laws, &mut see);
        } else {
            count += self.count_partitions(laws);
        }
        for (from, to, messages) in links {
            count += messages * self.ways(laws, rep, from, to).count();
        }
        let may = |from: SeatId, to: SeatId| self.ways(laws, rep, from, to);
        let found = match choice {
            Choice::Deliver { from, to, message } => has(*from, *to, message) && may(*from, *to).deliver,
            Choice::Duplicate { from, to, message } => has(*from, *to, message) && may(*from, *to).duplicate,
            Choice::Lose { from, to, message } => has(*from, *to, message) && may(*from, *to).lose,
            _ => found,
        };
        (count, found)
    }

    /// What may happen to each message in flight between these.
    #[inline]
    fn ways<R: Rep<Seat = S>>(&self, laws: Laws<'_>, rep: &R, from: SeatId, to: SeatId) -> Ways {
        let budgets = &self.rest.budgets;
        let deliver = !self.is_severed(from, to);
        Ways {
            deliver,
            duplicate: deliver
                && budgets.duplications.any()
                && rep.status(&self.seats[to.index()]) == Status::Up,
            lose: budgets.losses.any()
                || self.is_withheld(laws, from, to)
                || self.loss_is_free(laws, rep, from, to),
        }
    }

    /// Whether a message between these may be withheld, since one of them is a twin.
    #[inline]
    fn is_withheld(&self, laws: Laws<'_>, from: SeatId, to: SeatId) -> bool {
        self.rest.budgets.withheld.any() && (laws.seating.has_twin(from) || laws.seating.has_twin(to))
    }

    /// Whether a cut keeps messages from `from` from arriving at `to`.
    pub fn is_severed(&self, from: SeatId, to: SeatId) -> bool {
        !self.rest.severed.is_empty() && self.rest.severed.contains(&(from, to))
    }

    /// Links promise only between correct processes: what a process that is down, or lies, has in flight may be lost, any
    /// subset of it, message by message; so may what one that omits sends or is sent. Unreliable links lose whatever meets a cut.
    pub fn loss_is_free<R: Rep<Seat = S>>(&self, laws: Laws<'_>, rep: &R, from: SeatId, to: SeatId) -> bool {
        let reliable = laws.environment.links.kind.guarantees().has(Guarantee::AtLeastOnce);
        matches!(rep.status(&self.seats[from.index()]), Status::Down | Status::Stopped | Status::Lying)
            || (!reliable && self.is_severed(from, to))
            || self.is_omitted(laws, from, to)
    }

    fn enabled_at<R: Rep<Seat = S>>(
        &self,
        seat: SeatId,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        let state = &self.seats[seat.index()];
        let budgets = &self.rest.budgets;
        self.enabled_takeover(seat, laws, rep, each);
        self.enabled_at_disk(seat, laws, rep, each);
        match rep.status(state) {
            // what is asked of the adversary is nobody's business
            Status::Lying => return,
            Status::New | Status::Stopped => {}
            Status::Down => each(Choice::Recover { seat }),
            Status::Up => {
                rep.timers(state, |timer, when| {
                    if budgets.fire(when).any() {
                        each(Choice::Fire { seat, timer: timer.clone() });
                    }
                });
                if budgets.outputs.any() {
                    rep.outputs(state, |output| each(Choice::Output { seat, output }));
                }
                if rep.stores_pending(state) > 0 {
                    each(Choice::Sync { seat });
                }
                if laws.environment.failures.may_fail(laws.seating.identity(seat)) {
                    budgets.crashes(rep.stores_pending(state), |forever, kept, torn| {
                        each(Choice::Crash { seat, forever, kept, torn });
                    });
                }
            }
        }
        if self.rest.asked[seat.index()] < rep.requests(seat) {
            each(Choice::Request { seat });
        }
    }

    /// The crashes, within budgets, that leave a seat's next write durable and cut short the release of what waited for it.
    pub fn release_cuts<R: Rep<Seat = S>>(&self, laws: Laws<'_>, rep: &R, seat: SeatId) -> Vec<Cut> {
        let mut all = Vec::new();
        let state = &self.seats[seat.index()];
        if laws.environment.failures.may_fail(laws.seating.identity(seat)) {
            rep.release_cuts(state, |before| {
                let still_pending = rep.stores_pending(state) - 1;
                self.rest.budgets.crashes(still_pending, |forever, kept, torn| {
                    all.push(Cut { before, forever, kept, torn });
                });
            });
        }
        all
    }

    fn enabled_partitions<M, T>(&self, laws: Laws<'_>, each: &mut dyn FnMut(Choice<M, T>)) {
        if !self.rest.severed.is_empty() {
            each(Choice::Heal);
        }
        self.enabled_splits(laws, each);
    }

    fn enabled_splits<M, T>(&self, laws: Laws<'_>, each: &mut dyn FnMut(Choice<M, T>)) {
        if self.rest.budgets.partitions.any() {
            for links in partitions(laws) {
                if !links.iter().all(|link| self.rest.severed.contains(link)) {
                    each(Choice::Sever { links });
                }
            }
        }
    }

    /// How many splits there may be, without building each where an environment lists none.
    fn count_partitions(&self, laws: Laws<'_>) -> u64 {
        if !self.rest.budgets.partitions.any() {
            return 0;
        }
        if laws.environment.cuts.is_none() {
            return crate::partitions::count(self.seats.len(), &self.rest.severed);
        }
        let mut count = 0;
        self.enabled_splits(laws, &mut |_: Choice<(), ()>| count += 1);
        count
    }

    /// Whether a run may pass this choice over for ever. What twins do, say and hear it may.
    pub fn fairness<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        choice: &Choice<R::Message, R::Timer>,
    ) -> Fairness {
        let twin = |seat: SeatId| laws.seating.has_twin(seat);
        match *choice {
            Choice::Init { .. } => return Fairness::Fair,
            Choice::Deliver { from, to, .. } if twin(from) || twin(to) || self.is_omitted(laws, from, to) => {
                return Fairness::Unfair;
            }
            Choice::Sync { seat } | Choice::Recover { seat } | Choice::Fire { seat, .. } if twin(seat) => {
                return Fairness::Unfair;
            }
            _ => {}
        }
        match choice {
            Choice::Init { .. }
            | Choice::Deliver { .. }
            | Choice::Sync { .. }
            | Choice::Recover { .. }
            | Choice::Heal => Fairness::Fair,
            Choice::Fire { seat, timer } => match rep.when(&self.seats[seat.index()], timer) {
                Some(When::After(_)) => Fairness::Timed,
                _ => Fairness::Fair,
            },
            Choice::Corrupt { .. }
            | Choice::Omit { .. }
            | Choice::Lie { .. }
            | Choice::Inject { .. }
            | Choice::Disk { .. }
            | Choice::Request { .. }
            | Choice::Duplicate { .. }
            | Choice::Lose { .. }
            | Choice::Output { .. }
            | Choice::Crash { .. }
            | Choice::Sever { .. } => Fairness::Unfair,
        }
    }
}

/// The directed links that each possible partition cuts.
fn partitions(laws: Laws<'_>) -> Vec<Vec<(SeatId, SeatId)>> {
    let seats: Vec<_> = laws.seating.seats().collect();
    let side = |of: &[ProcessId]| -> Vec<SeatId> {
        seats.iter().copied().filter(|&s| of.contains(&laws.seating.identity(s))).collect()
    };
    match &laws.environment.cuts {
        Some(cuts) => cuts
            .iter()
            .map(|Partition { from, to, one_way }| links(&side(from), &side(to), *one_way))
            .collect(),
        // every split of the seats in two, both ways and one way
        None => (1..(1_u64 << seats.len().min(crate::partitions::SIDED_MAX)) - 1)
            .flat_map(|mask| {
                let (a, b): (Vec<_>, Vec<_>) =
                    seats.iter().partition(|s| mask.checked_shr(s.0).unwrap_or(0) & 1 == 1);
                let both = (mask & 1 == 1).then(|| links(&a, &b, false));
                both.into_iter().chain([links(&a, &b, true)])
            })
            .collect(),
    }
}

/// The directed links from one side to the other, and back unless `one_way`.
pub fn links(from: &[SeatId], to: &[SeatId], one_way: bool) -> Vec<(SeatId, SeatId)> {
    let there = from.iter().flat_map(|&a| to.iter().map(move |&b| (a, b)));
    let back = from.iter().flat_map(|&a| to.iter().map(move |&b| (b, a))).filter(|_| !one_way);
    let mut links: Vec<_> = there.chain(back).filter(|(a, b)| a != b).collect();
    links.sort_unstable();
    links
}

/// Takes one enabled move: the semantics, written once for all grounds.
///
/// Whether the move is enabled is the caller's duty ([`World::enabled`]); budgets are asserted.
pub fn step<R: Rep, G: Ground<R>>(
    world: &mut World<R::Seat>,
    laws: Laws<'_>,
    rep: &mut R,
    ground: &mut G,
    Move { choice, cut, .. }: Move<R::Message, R::Timer>,
) {
    if let Some(cut) = cut {
        world.rest.budgets.spend_crash(cut.forever, cut.torn);
    }
    let mut at = At { world, laws, rep, ground, cut };
    match choice {
        Choice::Init { seat } => at.init(seat),
        Choice::Corrupt { seat } => at.corrupt(seat),
        Choice::Omit { seat } => at.omit(seat),
        Choice::Lie { from, to, message } => at.lie(from, to, message),
        Choice::Inject { from, to, message } => at.inject(from, to, message),
        Choice::Request { seat } => at.request(seat),
        Choice::Deliver { from, to, message } => at.deliver(from, to, message),
        Choice::Duplicate { from, to, message } => at.duplicate(from, to, message),
        Choice::Lose { from, to, message } => at.lose(from, to, &message),
        Choice::Fire { seat, timer } => at.fire(seat, timer),
        Choice::Output { seat, output } => at.output(seat, output),
        Choice::Sync { seat } => at.sync(seat, false),
        Choice::Disk { seat, fault } => at.disk(seat, fault),
        Choice::Crash { seat, forever, kept, torn } => at.crash(seat, forever, kept, torn),
        Choice::Recover { seat } => at.recover(seat),
        Choice::Sever { links } => at.sever(links),
        Choice::Heal => at.world.rest.severed.clear(),
    }
}

/// A step being taken: one method per choice.
pub(crate) struct At<'a, R: Rep, G> {
    pub(crate) world: &'a mut World<R::Seat>,
    pub(crate) laws: Laws<'a>,
    pub(crate) rep: &'a mut R,
    pub(crate) ground: &'a mut G,
    cut: Option<Cut>,
}

impl<R: Rep, G: Ground<R>> At<'_, R, G> {
    /// Runs a handler, unless the process is down: then the event is lost. Whether anything left the process.
    pub(crate) fn react(&mut self, seat: SeatId, event: Event<R::Message, R::Timer, R::Request>) -> bool {
        self.react_here(seat, event)
    }

    /// The same, compiled into its caller.
    #[expect(
        clippy::inline_always,
        reason = "its two callers: the hot path, and all others through one function"
    )]
    #[inline(always)]
    fn react_here(&mut self, seat: SeatId, event: Event<R::Message, R::Timer, R::Request>) -> bool {
        let state = &mut self.world.seats[seat.index()];
        if !matches!(event, Event::Init | Event::Recover) && self.rep.status(state) != Status::Up {
            return false;
        }
        let (laws, ground, rest) = (self.laws, &mut *self.ground, &self.world.rest);
        let (mut said, mut overheard) = (false, None);
        self.rep.react(seat, state, event, self.cut, &mut |released| {
            said = true;
            release(laws, rest, ground, &mut overheard, seat, released);
        });
        self.overhear(overheard);
        if let Some(cut) = self.cut {
            self.crashed(seat, cut.forever);
        }
        said
    }

    /// Tells what is observed at a seat, unless twins sit there.
    fn observe(&mut self, seat: SeatId, observed: Observed<R::Request, R::Indication>) {
        if !self.laws.seating.has_twin(seat) {
            self.ground.observe(observed);
        }
    }

    fn init(&mut self, seat: SeatId) {
        let identity = self.laws.seating.identity(seat);
        // the first of two
        if self.laws.seating.has_twin(seat) && seat.0 == identity.0 {
            self.ground.observe(Observed::Corrupt(identity));
        }
        self.react(seat, Event::Init);
    }

    fn request(&mut self, seat: SeatId) {
        let index = self.world.rest.asked[seat.index()];
        self.world.rest.asked[seat.index()] += 1;
        let request = self.rep.request(seat, index).expect("an enabled request exists");
        self.observe(seat, Observed::Request(self.laws.seating.identity(seat), request.clone()));
        self.react(seat, Event::Request(request));
    }

    #[inline]
    fn deliver(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        let links = &self.laws.environment.links;
        // a stubborn link delivers again and again
        if links.kind.base != LinkBase::Stubborn {
            if links.ignored_stay {
                return self.deliver_unless_ignored(from, to, message);
            }
            self.ground.take(from, to, &message);
        }
        self.hear(from, to, &message);
        self.react(to, Event::Message(self.laws.seating.identity(from), message));
    }

    fn deliver_unless_ignored(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        let before = self.world.seats[to.index()].clone();
        self.ground.take(from, to, &message);
        self.hear(from, to, &message);
        let said = self.react(to, Event::Message(self.laws.seating.identity(from), message.clone()));
        if !said && before == self.world.seats[to.index()] {
            self.ground.put_back(from, to, message);
        }
    }

    fn duplicate(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        let budget = &mut self.world.rest.budgets.duplications;
        *budget = budget.spent();
        self.hear(from, to, &message);
        self.react(to, Event::Message(self.laws.seating.identity(from), message));
    }

    fn lose(&mut self, from: SeatId, to: SeatId, message: &R::Message) {
        if !self.world.loss_is_free(self.laws, self.rep, from, to) {
            let withheld = self.world.is_withheld(self.laws, from, to);
            let budgets = &mut self.world.rest.budgets;
            let budget = if withheld { &mut budgets.withheld } else { &mut budgets.losses };
            *budget = budget.spent();
        }
        self.ground.take(from, to, message);
    }

    fn fire(&mut self, seat: SeatId, timer: R::Timer) {
        let budgets = &mut self.world.rest.budgets;
        match self.world.seats.get(seat.index()).and_then(|state| self.rep.when(state, &timer)) {
            Some(When::After(_)) => budgets.firings = budgets.firings.spent(),
            Some(When::Pulse) => budgets.pulses = budgets.pulses.spent(),
            Some(When::Oracle(_)) | None => unreachable!("an enabled timer is set, and no oracle's"),
        }
        self.react(seat, Event::Timer(timer));
    }

    fn output(&mut self, seat: SeatId, output: Output) {
        let budgets = &mut self.world.rest.budgets;
        budgets.outputs = budgets.outputs.spent();
        let timer = self.rep.hear(&mut self.world.seats[seat.index()], output);
        self.react(seat, Event::Timer(timer.expect("an enabled output is consulted")));
    }

    pub(crate) fn sync(&mut self, seat: SeatId, lost: bool) {
        let (laws, ground, rest) = (self.laws, &mut *self.ground, &self.world.rest);
        let mut overheard = None;
        self.rep.sync(&mut self.world.seats[seat.index()], self.cut, lost, &mut |released| {
            release(laws, rest, ground, &mut overheard, seat, released);
        });
        self.overhear(overheard);
        if let Some(cut) = self.cut {
            self.crashed(seat, cut.forever);
        }
    }

    fn crash(&mut self, seat: SeatId, forever: bool, kept: u32, torn: bool) {
        self.world.rest.budgets.spend_crash(forever, torn);
        self.rep.crash(&mut self.world.seats[seat.index()], kept, torn, !forever);
        self.crashed(seat, forever);
    }

    pub(crate) fn crashed(&mut self, seat: SeatId, forever: bool) {
        self.observe(seat, Observed::Crash(self.laws.seating.identity(seat)));
        if forever {
            self.world.rest.stopped.insert(seat);
            self.ground.discard_to(seat);
        }
    }

    fn recover(&mut self, seat: SeatId) {
        self.observe(seat, Observed::Recover(self.laws.seating.identity(seat)));
        self.react(seat, Event::Recover);
    }

    fn sever(&mut self, links: Vec<(SeatId, SeatId)>) {
        let budgets = &mut self.world.rest.budgets;
        budgets.partitions = budgets.partitions.spent();
        self.world.rest.severed.extend(links);
    }
}

#[expect(clippy::inline_always, reason = "it has one caller for each way to react")]
#[inline(always)]
fn release<R: Rep, G: Ground<R>>(
    laws: Laws<'_>,
    rest: &Rest,
    ground: &mut G,
    overheard: &mut Option<Vec<R::Message>>,
    from: SeatId,
    released: Released<R::Message, R::Indication, R::Timer>,
) {
    match released {
        Released::Send(to, message) => {
            let nobody_hears = rest.lying.is_empty() && !laws.environment.links.inject();
            match laws.seating.only_receiver(from, to) {
                Some(seat) if nobody_hears && rest.stopped.is_empty() => ground.send(from, seat, message),
                _ => send_among(laws, rest, ground, overheard, from, to, message),
            }
        }
        Released::Indicate(_) if laws.seating.has_twin(from) => {}
        Released::Indicate(indication) => {
            ground.observe(Observed::Indication(laws.seating.identity(from), indication));
        }
        Released::Armed(timer, when) => ground.armed(from, timer, when),
        Released::Disarmed(timer) => ground.disarmed(from, timer),
        Released::Stored => ground.stored(from),
    }
}

/// Sends where some may lie, listen, or have stopped, or where it reaches several.
fn send_among<R: Rep, G: Ground<R>>(
    laws: Laws<'_>,
    rest: &Rest,
    ground: &mut G,
    overheard: &mut Option<Vec<R::Message>>,
    from: SeatId,
    to: ProcessId,
    message: R::Message,
) {
    laws.seating.receivers(from, to, |seat| {
        if laws.environment.links.inject() {
            overheard.get_or_insert_default().push(message.clone());
        }
        if rest.lying.contains(&seat) {
            ground.overhear(from, seat, message.clone());
            overheard.get_or_insert_default().push(message.clone());
        } else if !rest.stopped.contains(&seat) {
            ground.send(from, seat, message.clone());
        }
    });
}
