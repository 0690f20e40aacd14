//! How many choices are enabled while a world is at peace, that is, nearly always: counted as it changes, and not anew in
//! every step.

use super::{Laws, Rep, World};
use crate::budgets::Budgets;
use crate::choice::{Choice, Cut};
use crate::seat::{SeatId, Status};

/// How many choices are enabled beside messages in flight, while the world is at peace: everybody runs, nobody lies or omits, no link
/// is severed, and nothing may be withheld. Then a step changes that at one seat, unless it spends a budget.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peace {
    /// The budgets under which they were counted, if the world is at peace.
    under: Option<Budgets>,
    /// By seat.
    at: Vec<u64>,
    /// At all seats, and the cuts.
    all: u64,
}

impl Peace {
    /// How many choices are enabled, `arrivable` distinct messages being in flight, and whether `choice` is one of them; if
    /// the world is at peace, and `choice` would not change that. `has` tells whether a message is in flight.
    pub(crate) fn count_enabled<R: Rep>(
        &self,
        world: &World<R::Seat>,
        laws: Laws<'_>,
        rep: &R,
        (arrivable, has): (u64, impl FnOnce(SeatId, SeatId, &R::Message) -> bool),
        choice: &Choice<R::Message, R::Timer>,
    ) -> Option<(u64, bool)>
    where
        R::Message: PartialEq,
    {
        let budgets = self.under.as_ref()?;
        let (duplicate, lose) = (budgets.duplications.any(), budgets.losses.any());
        let found = match choice {
            Choice::Deliver { from, to, message } => has(*from, *to, message),
            Choice::Duplicate { from, to, message } => duplicate && has(*from, *to, message),
            Choice::Lose { from, to, message } => lose && has(*from, *to, message),
            Choice::Fire { seat, .. }
            | Choice::Output { seat, .. }
            | Choice::Sync { seat }
            | Choice::Crash { seat, .. }
            | Choice::Disk { seat, .. }
            | Choice::Request { seat } => {
                let mut found = false;
                if seat.index() < world.seats.len() {
                    world.enabled_at(*seat, laws, rep, &mut |enabled| found |= enabled == *choice);
                }
                found
            }
            Choice::Init { .. }
            | Choice::Corrupt { .. }
            | Choice::Omit { .. }
            | Choice::Lie { .. }
            | Choice::Inject { .. }
            | Choice::Recover { .. }
            | Choice::Sever { .. }
            | Choice::Heal => return None,
        };
        let ways = 1 + u64::from(duplicate) + u64::from(lose);
        Some((self.all + arrivable * ways, found))
    }

    /// Takes note of a step that was taken.
    pub(crate) fn note<R: Rep>(
        &mut self,
        world: &World<R::Seat>,
        laws: Laws<'_>,
        rep: &R,
        choice: &Choice<R::Message, R::Timer>,
        cut: Option<Cut>,
    ) {
        let changed = match choice {
            Choice::Deliver { to, .. } | Choice::Duplicate { to, .. } => Some(*to),
            Choice::Fire { seat, .. }
            | Choice::Output { seat, .. }
            | Choice::Sync { seat }
            | Choice::Request { seat } => Some(*seat),
            Choice::Lose { .. } => None,
            // the last one to start
            Choice::Init { seat } if seat.index() + 1 < world.seats.len() => return,
            _ => return self.count(world, laws, rep),
        };
        if self.under.is_none() {
            return;
        }
        if cut.is_some() || self.under.as_ref() != Some(&world.rest.budgets) {
            return self.count(world, laws, rep);
        }
        if let Some(seat) = changed {
            let now = world.count_at(seat, laws, rep);
            self.all = self.all - self.at[seat.index()] + now;
            self.at[seat.index()] = now;
        }
    }

    /// Counts all of them anew, if the world is at peace.
    fn count<R: Rep>(&mut self, world: &World<R::Seat>, laws: Laws<'_>, rep: &R) {
        let rest = &world.rest;
        let quiet = rest.severed.is_empty()
            && rest.lying.is_empty()
            && rest.omitting.is_empty()
            && !rest.budgets.withheld.any()
            && !laws.environment.links.inject();
        if !quiet || world.seats.iter().any(|seat| rep.status(seat) != Status::Up) {
            self.under = None;
            return;
        }
        self.at.clear();
        self.at.extend(laws.seating.seats().map(|seat| world.count_at(seat, laws, rep)));
        self.all = self.at.iter().sum::<u64>() + world.count_partitions(laws);
        self.under = Some(rest.budgets.clone());
    }
}

impl<S> World<S> {
    /// How many choices are enabled at a seat, beside the messages in flight to it.
    fn count_at<R: Rep<Seat = S>>(&self, seat: SeatId, laws: Laws<'_>, rep: &R) -> u64 {
        let mut count = 0;
        self.enabled_at(seat, laws, rep, &mut |_| count += 1);
        count
    }
}
