//! The short way of a message that arrives: past the choice, and past what only a crash would ask.

use super::{At, Ground, Laws, Rep, World};
use crate::seat::SeatId;
use synod_model::Event;
use synod_model::link::LinkBase;

/// The step in which a message arrives, and no crash: [`step`](super::step) of [`Choice::Deliver`](crate::Choice::Deliver), for a ground that takes
/// millions of them a second. It is compiled into its caller.
#[inline]
pub fn deliver<R: Rep, G: Ground<R>>(
    world: &mut World<R::Seat>,
    laws: Laws<'_>,
    rep: &mut R,
    ground: &mut G,
    from: SeatId,
    to: SeatId,
    message: R::Message,
) {
    let links = &laws.environment.links;
    let mut at = At { world, laws, rep, ground, cut: None };
    if links.ignored_stay || links.kind.base == LinkBase::Stubborn || laws.environment.failures.lies.any() {
        return at.deliver(from, to, message);
    }
    at.ground.take(from, to, &message);
    at.react_here(to, Event::Message(laws.seating.identity(from), message));
}
