//! The plain representation of a world's values, and the only one that runs algorithm code.

use crate::choice::Cut;
use crate::draws::Draws;
use crate::seat::{Released, Seat, SeatId, Status};
use crate::setting::Setting;
use crate::signature::{Signature, signatures};
use crate::world::Rep;
use synod_model::failure::{FailureKind, FailureModel};
use synod_model::{EffectOf, Event, FailuresOf, Output, Process, When};

/// Values in place: what the simulator, the reference checker, replay and the real runtime use.
pub struct InPlace<'a, P: Process, D> {
    setting: &'a Setting<P>,
    /// Where the outcomes of draws come from.
    pub draws: D,
    /// The effects of the last handler, while it runs.
    scratch: Vec<EffectOf<P>>,
    /// Where the effects of every handler are copied to, if anyone asks.
    pub record: Option<Vec<EffectOf<P>>>,
    /// By seat: what is asked in place of the setting's requests, where that is made up as a run goes.
    pub requests: Option<Vec<Vec<P::Request>>>,
}

impl<'a, P: Process, D: Draws> InPlace<'a, P, D> {
    /// The representation of a run in this setting.
    pub fn new(setting: &'a Setting<P>, draws: D) -> Self {
        Self { setting, draws, scratch: Vec::new(), record: None, requests: None }
    }
}

impl<P: Process, D: Draws> Rep for InPlace<'_, P, D> {
    type Seat = Seat<P>;
    type Message = P::Message;
    type Timer = P::Timer;
    type Request = P::Request;
    type Indication = P::Indication;

    #[expect(clippy::inline_always, reason = "it has one caller for each way to release")]
    #[inline(always)]
    fn react(
        &mut self,
        seat: SeatId,
        state: &mut Seat<P>,
        event: Event<P::Message, P::Timer, P::Request>,
        cut: Option<Cut>,
        release: &mut impl FnMut(Released<P::Message, P::Indication, P::Timer>),
    ) {
        let view = self.setting.view(seat);
        state.handle(view, event, &mut self.draws, &mut self.scratch);
        if let Some(record) = &mut self.record {
            record.extend(self.scratch.iter().cloned());
        }
        let durability = self.setting.environment.storage.durability;
        state.commit(&mut self.scratch, cut.map(|cut| cut.before as usize), durability, release);
        if let Some(cut) = cut {
            state.crash(0, false, !cut.forever);
        }
    }

    fn sync(
        &mut self,
        state: &mut Seat<P>,
        cut: Option<Cut>,
        lost: bool,
        release: &mut impl FnMut(Released<P::Message, P::Indication, P::Timer>),
    ) {
        state.sync(cut.map(|cut| cut.before as usize), lost, release);
        if let Some(Cut { kept, torn, forever, .. }) = cut {
            state.crash(kept, torn, !forever);
        }
    }

    fn crash(&mut self, state: &mut Seat<P>, kept: u32, torn: bool, restarts: bool) {
        state.crash(kept, torn, restarts);
    }

    fn corrupt(&mut self, state: &mut Seat<P>) {
        state.corrupt();
    }

    fn rot(&mut self, state: &mut Seat<P>, bit: u32) {
        state.rot(bit);
    }

    fn rots(&self, state: &Seat<P>, each: impl FnMut(u32)) {
        state.rots().for_each(each);
    }

    fn hear(&mut self, state: &mut Seat<P>, output: Output) -> Option<P::Timer> {
        state.hear(output)
    }

    fn request(&mut self, seat: SeatId, index: u32) -> Option<P::Request> {
        let requests = self.requests.as_ref().unwrap_or(&self.setting.requests);
        requests[seat.index()].get(index as usize).cloned()
    }

    fn requests(&self, seat: SeatId) -> u32 {
        let requests = self.requests.as_ref().unwrap_or(&self.setting.requests);
        requests.get(seat.index()).map_or(0, |r| r.len() as u32)
    }

    #[inline]
    fn status(&self, state: &Seat<P>) -> Status {
        state.status()
    }

    fn timers(&self, state: &Seat<P>, mut each: impl FnMut(&P::Timer, When)) {
        for (timer, when) in state.timers() {
            each(timer, *when);
        }
    }

    fn when(&self, state: &Seat<P>, timer: &P::Timer) -> Option<When> {
        state.when(timer)
    }

    fn stores_pending(&self, state: &Seat<P>) -> u32 {
        state.stores_pending() as u32
    }

    fn release_cuts(&self, state: &Seat<P>, each: impl FnMut(u32)) {
        state.release_cuts().for_each(each);
    }

    fn outputs(&self, state: &Seat<P>, each: impl FnMut(Output)) {
        state.outputs(each);
    }

    fn lies(&self, each: impl FnMut(&P::Message)) {
        self.setting.lies.iter().for_each(each);
    }

    fn signatures(&self, message: &P::Message, each: impl FnMut(&Signature)) {
        if FailuresOf::<P>::KIND == FailureKind::AuthenticatedByzantine {
            signatures(message).iter().for_each(each);
        }
    }
}
