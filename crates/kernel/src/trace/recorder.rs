//! A run that turns into lines as it goes.

use super::in_flight::NamedNetwork;
use super::{Cause, Line};
use crate::choice::{Choice, Cut, DiskFault, Move};
use crate::draws::Script;
use crate::in_place::InPlace;
use crate::network::Keeping;
use crate::seat::{Seat, SeatId};
use crate::setting::Setting;
use crate::world::{Ground, Laws, Observed, Peace, World, step};
use std::collections::VecDeque;
use synod_model::{Process, When};

/// What a recorder keeps of a world beside its seats.
struct Recorded<P: Process> {
    network: NamedNetwork<P::Message>,
    step: u64,
    sent: Vec<(SeatId, P::Message)>,
    observed: Vec<Observed<P::Request, P::Indication>>,
    taken: Option<Cause>,
    /// By seat: in which step each timer was set last, in the order of timers.
    armed: Vec<Vec<(P::Timer, u64)>>,
    /// By seat: in which steps what was not synced yet was stored.
    stores: Vec<VecDeque<u64>>,
    /// By seat: the last crash.
    crashes: Vec<Option<u64>>,
}

impl<P: Process> Ground<InPlace<'_, P, Script>> for Recorded<P> {
    fn send(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        let cause = Cause { step: self.step, send: Some(self.sent.len() as u32) };
        self.sent.push((to, message.clone()));
        self.network.put(from, to, message, cause);
    }

    fn take(&mut self, from: SeatId, to: SeatId, message: &P::Message) {
        self.taken = self.network.take(from, to, message);
        assert!(self.taken.is_some(), "what is delivered or lost is in flight");
    }

    fn put_back(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        let cause = self.taken.expect("what is put back was taken");
        self.network.put_back(from, to, message, cause);
    }

    fn observe(&mut self, observed: Observed<P::Request, P::Indication>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.network.discard_to(seat);
    }

    fn armed(&mut self, seat: SeatId, timer: P::Timer, _: When) {
        let armed = &mut self.armed[seat.index()];
        match armed.binary_search_by(|(other, _)| other.cmp(&timer)) {
            Ok(at) => armed[at].1 = self.step,
            Err(at) => armed.insert(at, (timer, self.step)),
        }
    }

    fn stored(&mut self, seat: SeatId) {
        self.stores[seat.index()].push_back(self.step);
    }
}

/// A run on the plainest world there is, choice by choice, that turns each into its line.
pub struct Recorder<'a, P: Process> {
    pub(super) setting: &'a Setting<P>,
    pub(super) world: World<Seat<P>>,
    pub(super) rep: InPlace<'a, P, Script>,
    kept: Recorded<P>,
    peace: Peace,
}

impl<'a, P: Process> Recorder<'a, P> {
    /// A run in which nobody has started yet.
    pub fn new(setting: &'a Setting<P>) -> Self {
        let mut rep = InPlace::new(setting, Script::default());
        rep.record = Some(Vec::new());
        let seats = setting.seating.len();
        Self {
            setting,
            world: World::new(setting.into(), Seat::default()),
            rep,
            kept: Recorded {
                network: NamedNetwork::new(Keeping::of(&setting.environment.links), seats),
                step: 0,
                sent: Vec::new(),
                observed: Vec::new(),
                taken: None,
                armed: vec![Vec::new(); seats],
                stores: vec![VecDeque::new(); seats],
                crashes: vec![None; seats],
            },
            peace: Peace::default(),
        }
    }

    /// The world as it stands.
    pub fn world(&self) -> &World<Seat<P>> {
        &self.world
    }

    /// The number of the next step.
    pub fn steps(&self) -> u64 {
        self.kept.step
    }

    /// What is in flight, in the order in which it was sent.
    pub fn in_flight(&self) -> Vec<(SeatId, SeatId, P::Message)> {
        self.kept.network.by_age()
    }

    /// In which step a timer was set, if it is.
    pub fn armed_in(&self, seat: SeatId, timer: &P::Timer) -> Option<u64> {
        let armed = &self.kept.armed[seat.index()];
        armed.binary_search_by(|(other, _)| other.cmp(timer)).ok().map(|at| armed[at].1)
    }

    /// The enabled choices, in their order.
    pub fn enabled(&self) -> Vec<Choice<P::Message, P::Timer>> {
        let mut all = Vec::new();
        self.world.enabled(self.setting.into(), &self.rep, &self.kept.network, |c| all.push(c));
        all
    }

    /// Takes a step, if it is enabled: its line.
    pub fn step(&mut self, at: Option<u64>, chosen: Move<P::Message, P::Timer>) -> Option<Line<P>> {
        self.take(at, chosen).ok()
    }

    /// Takes a step, if it is enabled: its line. If it is not, the move that was refused; no other can be taken then.
    pub fn take(
        &mut self,
        at: Option<u64>,
        chosen: Move<P::Message, P::Timer>,
    ) -> Result<Line<P>, Move<P::Message, P::Timer>> {
        let cut = chosen.cut;
        let line = self.take_what_is_possible(at, chosen)?;
        if self.rep.draws.fits() && line.cut == cut { Ok(line) } else { Err(line.chosen()) }
    }

    /// As [`Recorder::take`]; the outcomes of its draws, and where it crashes, are brought within their bounds.
    pub(super) fn take_what_is_possible(
        &mut self,
        at: Option<u64>,
        chosen: Move<P::Message, P::Timer>,
    ) -> Result<Line<P>, Move<P::Message, P::Timer>> {
        let (enabled, is_enabled) = self.count_enabled(&chosen.choice);
        if !is_enabled && !self.world.admits(Laws::from(self.setting), &self.rep, &chosen.choice) {
            return Err(chosen);
        }
        if chosen.cut.is_some_and(|cut| !self.is_possible_cut(cut, &chosen.choice)) {
            return Err(chosen);
        }
        let before = self.cause(&chosen.choice);
        self.rep.draws.restart(&chosen.draws);
        let laws = Laws::from(self.setting);
        step(&mut self.world, laws, &mut self.rep, &mut self.kept, chosen.clone());
        let effects = self.rep.record.replace(Vec::new()).unwrap_or_default();
        let runs = chosen.choice.handler_seat().is_some();
        let within = |cut: Cut| Cut { before: cut.before.min(effects.len() as u32), ..cut };
        let cut = chosen.cut.map(|cut| if runs { within(cut) } else { cut });
        self.note_crash(&chosen);
        self.peace.note(&self.world, laws, &self.rep, &chosen.choice, chosen.cut);
        let kept = &mut self.kept;
        let line = Line {
            step: kept.step,
            at,
            choice: chosen.choice,
            draws: self.rep.draws.drawn(),
            cut,
            cause: kept.taken.take().or(before),
            enabled,
            effects,
            sent: std::mem::take(&mut kept.sent),
            observed: std::mem::take(&mut kept.observed),
        };
        kept.step += 1;
        Ok(line)
    }

    /// How many choices are enabled, and whether this one is.
    fn count_enabled(&self, choice: &Choice<P::Message, P::Timer>) -> (u64, bool) {
        let (laws, network) = (self.setting.into(), &self.kept.network);
        let has = |from, to, message: &P::Message| network.next(from, to, message).is_some();
        let in_flight = (network.arrivable(), has);
        let in_peace = self.peace.count_enabled(&self.world, laws, &self.rep, in_flight, choice);
        in_peace.unwrap_or_else(|| self.world.count_enabled(laws, &self.rep, network.links(), has, choice))
    }

    /// Whether the handler of `choice` runs, or it releases something, at a process that may crash in it.
    fn is_possible_cut(&self, cut: Cut, choice: &Choice<P::Message, P::Timer>) -> bool {
        if let Choice::Sync { seat } = *choice {
            return self.is_possible_in_release(cut, seat);
        }
        let Some(seat) = choice.handler_seat().filter(|_| cut.kept == 0 && !cut.torn) else { return false };
        let budgets = &self.world.rest.budgets;
        let budget = if cut.forever { budgets.stops } else { budgets.restarts };
        let starts = matches!(choice, Choice::Init { .. } | Choice::Recover { .. });
        let runs = starts || self.world.seats[seat.index()].status() == crate::Status::Up;
        runs && budget.any()
            && self.setting.environment.failures.may_fail(self.setting.seating.identity(seat))
    }

    fn is_possible_in_release(&self, cut: Cut, seat: SeatId) -> bool {
        let state = &self.world.seats[seat.index()];
        let Some(still_pending) = state.stores_pending().checked_sub(1) else { return false };
        let mut possible = false;
        self.world.rest.budgets.crashes(still_pending as u32, |forever, kept, torn| {
            possible |= (forever, kept, torn) == (cut.forever, cut.kept, cut.torn);
        });
        possible
            && cut.before as usize <= state.due()
            && self.setting.environment.failures.may_fail(self.setting.seating.identity(seat))
    }

    pub(super) fn cause(&self, choice: &Choice<P::Message, P::Timer>) -> Option<Cause> {
        let kept = &self.kept;
        match choice {
            Choice::Deliver { from, to, message } | Choice::Duplicate { from, to, message } => {
                kept.network.next(*from, *to, message)
            }
            Choice::Fire { seat, timer } => {
                self.armed_in(*seat, timer).map(|step| Cause { step, send: None })
            }
            Choice::Sync { seat }
            | Choice::Disk { seat, fault: DiskFault::Misdirect | DiskFault::Refuse } => {
                kept.stores[seat.index()].front().map(|&step| Cause { step, send: None })
            }
            Choice::Recover { seat } => kept.crashes[seat.index()].map(|step| Cause { step, send: None }),
            _ => None,
        }
    }

    fn note_crash(&mut self, chosen: &Move<P::Message, P::Timer>) {
        if let Some(seat) = chosen.crashed() {
            self.kept.crashes[seat.index()] = Some(self.kept.step);
            self.kept.stores[seat.index()].clear();
            self.kept.armed[seat.index()].clear();
        } else if let Choice::Sync { seat } | Choice::Disk { seat, fault: DiskFault::Misdirect } =
            chosen.choice
        {
            self.kept.stores[seat.index()].pop_front();
        }
    }
}
