//! The faults that processes, links and disks commit: who lies and what is said in whose name, who omits, what a disk does.

use crate::choice::{Choice, DiskFault};
use crate::environment::Takeover;
use crate::seat::{SeatId, Status};
use crate::world::{At, Ground, Laws, Observed, Rep, World};
use synod_model::Event;

impl<S> World<S> {
    /// Those who may lie or omit, from the start on.
    pub(crate) fn enabled_faulty_from_the_start<M, T>(
        &self,
        laws: Laws<'_>,
        each: &mut dyn FnMut(Choice<M, T>),
    ) {
        let (last_liar, last_omitting) = (self.rest.lying.last(), self.rest.omitting.last());
        for seat in laws.seating.seats() {
            if !laws.environment.failures.may_fail(laws.seating.identity(seat)) {
                continue;
            }
            if self.rest.budgets.lies.any() && Some(&seat) > last_liar && last_omitting.is_none() {
                each(Choice::Corrupt { seat });
            }
            if self.may_omit(laws, seat) && Some(&seat) > last_omitting {
                each(Choice::Omit { seat });
            }
        }
    }

    /// Whether this process may be one that omits from now on.
    fn may_omit(&self, laws: Laws<'_>, seat: SeatId) -> bool {
        self.rest.budgets.omissions.any()
            && laws.environment.failures.may_fail(laws.seating.identity(seat))
            && ![&self.rest.omitting, &self.rest.lying, &self.rest.stopped].iter().any(|s| s.contains(&seat))
    }

    /// Whether a message between these may be omitted by one of them.
    pub fn is_omitted(&self, laws: Laws<'_>, from: SeatId, to: SeatId) -> bool {
        let omitting = &self.rest.omitting;
        !omitting.is_empty()
            && laws.environment.failures.omits.covers(omitting.contains(&from), omitting.contains(&to))
    }

    /// The process that the adversary may take over in the midst of a run.
    pub(crate) fn enabled_takeover<R: Rep<Seat = S>>(
        &self,
        seat: SeatId,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        let failures = &laws.environment.failures;
        if failures.takeover == Takeover::AnyTime
            && self.rest.budgets.lies.any()
            && matches!(rep.status(&self.seats[seat.index()]), Status::Up | Status::Down)
            && failures.may_fail(laws.seating.identity(seat))
        {
            each(Choice::Corrupt { seat });
        }
    }

    /// What the disk of a seat may do that it must not.
    pub(crate) fn enabled_at_disk<R: Rep<Seat = S>>(
        &self,
        seat: SeatId,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        let budgets = &self.rest.budgets;
        let [rots, misdirects, fails] =
            [budgets.bit_rot, budgets.misdirected_writes, budgets.failed_writes].map(crate::Budget::any);
        if !(rots || misdirects || fails) || !laws.environment.failures.may_fail(laws.seating.identity(seat))
        {
            return;
        }
        let state = &self.seats[seat.index()];
        match rep.status(state) {
            Status::Down if rots => {
                rep.rots(state, |bit| each(Choice::Disk { seat, fault: DiskFault::Rot { bit } }));
            }
            Status::Up if rep.stores_pending(state) > 0 => {
                if misdirects {
                    each(Choice::Disk { seat, fault: DiskFault::Misdirect });
                }
                if fails {
                    each(Choice::Disk { seat, fault: DiskFault::Refuse });
                }
            }
            _ => {}
        }
    }

    /// What the adversary may say, to whom, in the name of those who lie.
    pub(crate) fn enabled_lies<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        if self.rest.lying.is_empty() {
            return;
        }
        rep.lies(|message| {
            if !self.has_signatures(laws, rep, message) {
                return;
            }
            for &from in &self.rest.lying {
                for to in laws.seating.seats().filter(|&to| self.is_open(rep, from, to)) {
                    each(Choice::Lie { from, to, message: message.clone() });
                }
            }
        });
    }

    /// What the network may inject, in whosever name.
    pub(crate) fn enabled_injections<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        each: &mut dyn FnMut(Choice<R::Message, R::Timer>),
    ) {
        if !laws.environment.links.inject() || !self.rest.budgets.injections.any() {
            return;
        }
        rep.lies(|message| {
            if !self.has_signatures(laws, rep, message) {
                return;
            }
            for from in laws.seating.seats().filter(|from| !self.rest.lying.contains(from)) {
                for to in laws.seating.seats().filter(|&to| self.is_open(rep, from, to)) {
                    each(Choice::Inject { from, to, message: message.clone() });
                }
            }
        });
    }

    /// Whether what is said in the name of `from` arrives at `to`.
    fn is_open<R: Rep<Seat = S>>(&self, rep: &R, from: SeatId, to: SeatId) -> bool {
        rep.status(&self.seats[to.index()]) == Status::Up && !self.is_severed(from, to)
    }

    /// Whether the adversary has what it takes to say `message`: those who lie sign what it likes; of the signatures of
    /// correct processes it has those that were sent to one who lies, or over links that inject.
    pub fn has_signatures<R: Rep<Seat = S>>(&self, laws: Laws<'_>, rep: &R, message: &R::Message) -> bool {
        let mut all = true;
        rep.signatures(message, |signature| {
            let own = self.rest.lying.iter().any(|&seat| laws.seating.identity(seat) == signature.signer);
            all &= own || self.rest.seen.contains(signature);
        });
        all
    }

    /// Whether a choice may happen that is not among those which an exploration tries, since they show all that it can: a cut
    /// of any links; a process that is faulty by omission from some time on; what is said, and injected, beyond the finite
    /// domain that is explored. A simulation makes them by chance, or as its script says.
    pub fn admits<R: Rep<Seat = S>>(
        &self,
        laws: Laws<'_>,
        rep: &R,
        choice: &Choice<R::Message, R::Timer>,
    ) -> bool {
        let seats = self.seats.len();
        let is_new = |seat: &S| rep.status(seat) == Status::New;
        let is = |seat: &SeatId| seat.index() < seats;
        if self.seats.iter().any(is_new) {
            return false;
        }
        match choice {
            Choice::Sever { links } => {
                self.rest.budgets.partitions.any()
                    && laws.environment.cuts.is_none()
                    && links.iter().all(|(a, b)| is(a) && is(b))
            }
            Choice::Omit { seat } => is(seat) && self.may_omit(laws, *seat),
            Choice::Lie { from, to, message } => {
                self.rest.lying.contains(from)
                    && is(to)
                    && self.is_open(rep, *from, *to)
                    && self.has_signatures(laws, rep, message)
            }
            Choice::Inject { from, to, message } => {
                laws.environment.links.inject()
                    && self.rest.budgets.injections.any()
                    && is(from)
                    && is(to)
                    && self.is_open(rep, *from, *to)
                    && self.has_signatures(laws, rep, message)
            }
            _ => false,
        }
    }
}

impl<R: Rep, G: Ground<R>> At<'_, R, G> {
    pub(crate) fn corrupt(&mut self, seat: SeatId) {
        let rest = &mut self.world.rest;
        rest.budgets.spend_lie();
        rest.lying.insert(seat);
        rest.omitting.remove(&seat);
        let heard = rest.heard.remove(&seat);
        rest.seen.extend(heard.into_iter().flatten());
        if !rest.budgets.lies.any() {
            rest.heard.clear();
        }
        self.rep.corrupt(&mut self.world.seats[seat.index()]);
        self.ground.observe(Observed::Corrupt(self.laws.seating.identity(seat)));
    }

    pub(crate) fn omit(&mut self, seat: SeatId) {
        self.world.rest.budgets.spend_omission();
        self.world.rest.omitting.insert(seat);
    }

    pub(crate) fn lie(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        self.hear(from, to, &message);
        self.react(to, Event::Message(self.laws.seating.identity(from), message));
    }

    pub(crate) fn inject(&mut self, from: SeatId, to: SeatId, message: R::Message) {
        let budget = &mut self.world.rest.budgets.injections;
        *budget = budget.spent();
        self.lie(from, to, message);
    }

    pub(crate) fn disk(&mut self, seat: SeatId, fault: DiskFault) {
        self.world.rest.budgets.spend_disk(fault);
        match fault {
            DiskFault::Rot { bit } => self.rep.rot(&mut self.world.seats[seat.index()], bit),
            DiskFault::Misdirect => self.sync(seat, true),
            DiskFault::Refuse => {
                self.rep.crash(&mut self.world.seats[seat.index()], 0, false, true);
                self.crashed(seat, false);
            }
        }
    }

    /// The adversary keeps the signatures of what was sent to those who lie, and forgets the rest.
    #[inline]
    pub(crate) fn overhear(&mut self, messages: Option<Vec<R::Message>>) {
        if let Some(messages) = messages {
            self.keep_signatures(&messages);
        }
    }

    #[cold]
    fn keep_signatures(&mut self, messages: &[R::Message]) {
        for message in messages {
            let seen = &mut self.world.rest.seen;
            self.rep.signatures(message, |signature| {
                if !seen.contains(signature) {
                    seen.insert(signature.clone());
                }
            });
        }
    }

    /// A message reaches a process that the adversary plays, or may play later: it knows the signatures then.
    #[inline]
    pub(crate) fn hear(&mut self, from: SeatId, to: SeatId, message: &R::Message) {
        if !self.world.rest.lying.is_empty() && self.world.rest.lying.contains(&to) {
            self.ground.overhear(from, to, message.clone());
            self.keep_signatures(std::slice::from_ref(message));
        } else if self.world.rest.budgets.lies.any()
            && self.laws.environment.failures.takeover == Takeover::AnyTime
        {
            self.remember(to, message);
        }
    }

    fn remember(&mut self, to: SeatId, message: &R::Message) {
        let heard = &mut self.world.rest.heard;
        self.rep.signatures(message, |signature| {
            heard.entry(to).or_default().insert(signature.clone());
        });
    }
}
