//! Crashes that wait for their moment: inside a handler, or while a write is pending.

use super::Run;
use crate::adversary::pick;
use crate::fault::Fault;
use crate::ground::between;
use std::time::Duration;
use synod_kernel::seat::cuts;
use synod_kernel::{Choice, Cut, SeatId, Status};
use synod_model::{Effect, EffectOf, Event, Process, ProcessId};
use synod_properties::Monitor;

/// A crash that waits for its moment at a seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ambush {
    pub(super) recover_after: Option<Duration>,
    pub(super) before: Option<u32>,
    pub(super) torn: bool,
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    pub(super) fn lay(
        &mut self,
        process: ProcessId,
        ambush: Ambush,
        kind: impl FnOnce(&mut Self) -> &mut Vec<Option<Ambush>>,
    ) {
        let Some(seat) = self.seat_of(process) else { return };
        if kind(self)[seat.index()].replace(ambush).is_none() {
            self.ambushes += 1;
        }
    }

    /// Random faults end with the first half: what has not happened by then does not happen.
    fn lift_ambushes(&mut self) {
        self.in_handler.fill(None);
        self.while_storing.fill(None);
        self.ambushes = 0;
    }

    /// Whether the handler of `choice` is the one to crash in, and where.
    pub(super) fn spring(&mut self, choice: &Choice<P::Message, P::Timer>) -> Option<(Cut, Ambush)> {
        if self.random_faults && !self.in_faulty_half() {
            self.lift_ambushes();
            return None;
        }
        if let Choice::Sync { seat } = *choice {
            return self.spring_in_release(seat);
        }
        let seat = choice.handler_seat()?;
        let ambush = self.in_handler[seat.index()]?;
        let forever = ambush.recover_after.is_none();
        let starts = matches!(choice, Choice::Init { .. } | Choice::Recover { .. });
        if !(starts || self.status(seat) == Status::Up) || !self.may_crash(seat, forever) {
            return None;
        }
        let effects = self.rehearse(seat, choice)?;
        let before = match ambush.before {
            Some(before) => Some(before).filter(|&k| k as usize <= effects.len()),
            None => self.pick_cut(&effects),
        }?;
        self.in_handler[seat.index()] = None;
        self.ambushes -= 1;
        Some((Cut::before(before, forever), ambush))
    }

    /// Whether a crash by chance comes while what waited for a write is released, and where.
    fn spring_in_release(&mut self, seat: SeatId) -> Option<(Cut, Ambush)> {
        let ambush = self.in_handler[seat.index()].filter(|ambush| ambush.before.is_none())?;
        let forever = ambush.recover_after.is_none();
        let mut cuts = self.world.release_cuts(self.setting.into(), &self.rep, seat);
        cuts.retain(|cut| cut.forever == forever && !cut.torn);
        if cuts.is_empty() || !self.may_crash(seat, forever) || self.ground.random.below(4) == 0 {
            return None;
        }
        let cut = pick(&cuts, &mut self.ground.random)?;
        self.in_handler[seat.index()] = None;
        self.ambushes -= 1;
        Some((cut, ambush))
    }

    /// A place to crash in a handler with these effects: mostly where it makes a difference; often after one that sends,
    /// since any of that may then be lost; seldom in one where it makes none. Else it waits for another handler.
    fn pick_cut(&mut self, effects: &[EffectOf<P>]) -> Option<u32> {
        let places: Vec<u32> = cuts(effects).collect();
        let random = &mut self.ground.random;
        if !places.is_empty() && random.below(4) > 0 {
            return pick(&places, random);
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Send { .. })) && random.below(2) == 0 {
            return Some(effects.len() as u32);
        }
        (random.below(8) == 0).then_some(0)
    }

    /// What the handler of `choice` would do.
    fn rehearse(&self, seat: SeatId, choice: &Choice<P::Message, P::Timer>) -> Option<Vec<EffectOf<P>>> {
        let setting = self.setting;
        let mut state = self.world.seats[seat.index()].clone();
        let event = match choice {
            Choice::Init { .. } => Event::Init,
            Choice::Recover { .. } => Event::Recover,
            Choice::Request { .. } => {
                let next = self.world.rest.asked[seat.index()] as usize;
                Event::Request(setting.requests[seat.index()].get(next)?.clone())
            }
            Choice::Deliver { from, message, .. } | Choice::Duplicate { from, message, .. } => {
                Event::Message(setting.seating.identity(*from), message.clone())
            }
            Choice::Fire { timer, .. } => Event::Timer(timer.clone()),
            Choice::Output { output, .. } => Event::Timer(state.hear(*output)?),
            _ => return None,
        };
        let view = setting.view(seat);
        let mut effects = Vec::new();
        state.handle(view, event, &mut self.rep.draws.clone(), &mut effects);
        Some(effects)
    }

    /// Where a process has a write pending that a crash waited for, the crash comes: at once, or before long.
    pub(super) fn spring_on_store(&mut self, seat: SeatId) {
        let pending = self.ground.desks[seat.index()].syncs.len() as u64;
        if self.ambushes == 0 || pending == 0 {
            return;
        }
        let Some(ambush) = self.while_storing[seat.index()].take() else { return };
        self.ambushes -= 1;
        let longest = if self.ground.random.below(2) == 0 { 0 } else { self.ground.sync_max };
        let at = self.ground.now.saturating_add(between(0, longest, &mut self.ground.random));
        // scripted, it is the oldest write that is lost or torn
        let kept = if self.random_faults { self.ground.random.below(pending) as u32 } else { 0 };
        let process = self.setting.seating.identity(seat);
        let Ambush { recover_after, torn, .. } = ambush;
        self.plan_fault(at, Fault::Crash { process, recover_after, kept, torn });
    }
}
