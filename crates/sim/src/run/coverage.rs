//! What a run comes to, noted as it goes; and where it goes on by another seed.

use super::{DRAWS, Run};
use crate::coverage::kind;
use synod_kernel::{Choice, Random, SeatId};
use synod_model::Process;
use synod_properties::Monitor;

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// From here on chance is drawn from another seed.
    pub(super) fn turn(&mut self) {
        if let Some((_, seed)) = self.turns.pop_front() {
            self.ground.random = Random::new(seed);
            self.rep.draws.turn(Random::new(seed ^ DRAWS));
        }
        self.turn_at = self.turns.front().map_or(u64::MAX, |(step, _)| *step);
    }

    /// Tells of an event before its step; where it happens, if its features are asked for.
    #[cold]
    pub(super) fn begin_to_cover(&mut self, choice: &Choice<P::Message, P::Timer>) -> Option<SeatId> {
        let coverage = self.ground.coverage.as_mut()?;
        let what = match choice {
            Choice::Deliver { message, .. } | Choice::Duplicate { message, .. } => kind(message),
            Choice::Fire { timer, .. } => kind(timer),
            _ => 0,
        };
        let seat = choice.handler_seat().or_else(|| choice.cut_seat());
        if let Some(seat) = seat {
            coverage.event(seat.index(), kind(choice) ^ what.rotate_left(1));
        }
        if let Choice::Deliver { from, to, .. } | Choice::Lose { from, to, .. } = choice {
            coverage.arrived(from.index(), to.index());
        }
        seat
    }

    #[cold]
    pub(super) fn cover(&mut self, seat: SeatId) {
        let seats = &self.world.seats;
        if let Some(coverage) = &mut self.ground.coverage {
            coverage.end(seat.index(), seats.iter().map(|seat| kind(&seat.status())));
        }
    }
}
