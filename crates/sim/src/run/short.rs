//! The short way of deliveries, nearly all of the steps: where nobody looks at moves, and nothing can befall a message.

use super::Run;
use synod_kernel::world::{Laws, deliver};
use synod_kernel::{SeatId, Status};
use synod_model::Process;
use synod_model::link::{Guarantee, LinkBase};
use synod_properties::Monitor;

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Whether anyone looks at each move. Else deliveries, nearly all of the steps, take the short way.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        let is_looked_at = self.recording.is_some() || self.ground.coverage.is_some();
        is_looked_at || self.ambushes > 0 || self.adversary.is_some() || self.turn_at != u64::MAX
    }

    /// Whether nobody looks at what arrives but the process that it is for. Asked once, when the run begins; ambushes may be laid
    /// later: see [`Run::is_calm`].
    pub(super) fn is_plain(&self) -> bool {
        let (ground, links) = (&self.ground, self.setting.environment.links.kind);
        let again = links.base == LinkBase::Stubborn;
        // what is queued behind a crash may be lost when its turn comes
        let queued = links.fifo && !links.guarantees().has(Guarantee::DurableSending);
        !self.is_watched() && ground.machinery.is_none() && ground.meter.is_none() && !again && !queued
    }

    /// Whether nothing can befall a message that arrives there now.
    #[inline]
    pub(super) fn is_calm(&self, to: SeatId) -> bool {
        let rest = &self.world.rest;
        let unhurt = !rest.budgets.losses.any() && !rest.budgets.duplications.any();
        unhurt && rest.severed.is_empty() && self.ambushes == 0 && self.status(to) == Status::Up
    }

    /// Takes the move in which a message arrives, where nobody looks at moves.
    pub(super) fn deliver_shortly(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        self.steps += 1;
        deliver(
            &mut self.world,
            Laws::from(self.setting),
            &mut self.rep,
            &mut self.ground,
            from,
            to,
            message,
        );
    }
}
