//! Links that confirm what was delivered: FIFO links (CGR11 Module 2.11), and that a confirmation is true.

use crate::links::FifoLinks;
use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::BTreeMap;
use synod_model::interface::{ConfirmedLink, LinkDeliver, LinkSend};
use synod_model::{ProcessId, Value};

/// What is confirmed was delivered.
pub const TRUE_CONFIRMATION: Property = Property::safety("confirmation", "what is confirmed was delivered");
/// Goal: a message is confirmed.
pub const CONFIRMED: Property = Property::reachable("confirmed", "a message is confirmed");

/// PL1-3, FPL4, and the truth of confirmations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfirmedLinks<M: Value> {
    links: FifoLinks<M>,
    /// By sender and receiver: how many were delivered and not confirmed.
    unconfirmed: BTreeMap<(ProcessId, ProcessId), u64>,
    confirmed: bool,
}

impl<M: Value> Default for ConfirmedLinks<M> {
    fn default() -> Self {
        Self { links: FifoLinks::default(), unconfirmed: BTreeMap::new(), confirmed: false }
    }
}

impl<M: Value> ConfirmedLinks<M> {
    fn on_confirm(&mut self, from: ProcessId, to: ProcessId) -> Result<(), Violation> {
        self.confirmed = true;
        let waiting = self.unconfirmed.get_mut(&(from, to)).filter(|waiting| **waiting > 0);
        let Some(waiting) = waiting else {
            let what = format!("{from} takes a message to {to} for delivered that was not");
            return Err(Violation::new(&TRUE_CONFIRMATION, what));
        };
        *waiting -= 1;
        Ok(())
    }
}

impl<M: Value> Monitor<LinkSend<M>, ConfirmedLink<M>> for ConfirmedLinks<M> {
    fn properties(&self) -> Vec<Property> {
        let mut all = Monitor::<LinkSend<M>, LinkDeliver<M>>::properties(&self.links);
        all.extend([TRUE_CONFIRMATION, CONFIRMED]);
        all
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, LinkSend<M>, ConfirmedLink<M>>,
    ) -> Result<(), Violation> {
        let below = match *observation {
            Observation::Indication { at, indication: ConfirmedLink::Confirm { to, .. } } => {
                return self.on_confirm(at, *to);
            }
            Observation::Indication { at, indication: ConfirmedLink::Deliver(delivered) } => {
                *self.unconfirmed.entry((delivered.from, at)).or_default() += 1;
                Observation::Indication { at, indication: delivered }
            }
            Observation::Request { at, request } => Observation::Request { at, request },
            Observation::Crash { at } => Observation::Crash { at },
            Observation::Recover { at } => Observation::Recover { at },
            Observation::Corrupt { at } => Observation::Corrupt { at },
        };
        self.links.observe(&below)
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        Monitor::<LinkSend<M>, LinkDeliver<M>>::owed(&self.links, owe);
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        Monitor::<LinkSend<M>, LinkDeliver<M>>::reached(&self.links, reach);
        if self.confirmed {
            reach(CONFIRMED.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{indicate, request, verdict};

    #[test]
    fn a_confirmation_follows_its_delivery() {
        let p = [ProcessId(0), ProcessId(1)];
        let send = LinkSend { to: p[1], message: 7_u8 };
        let deliver = ConfirmedLink::Deliver(LinkDeliver { from: p[0], message: 7 });
        let confirm = ConfirmedLink::Confirm { to: p[1], transmissions: 1 };
        let after = |indications: &[(ProcessId, &ConfirmedLink<u8>)]| {
            let said = indications.iter().map(|(at, what)| indicate(*at, *what));
            let all: Vec<_> = [request(p[0], &send)].into_iter().chain(said).collect();
            verdict(ConfirmedLinks::default(), &all).map(|monitor| monitor.confirmed)
        };
        assert_eq!(after(&[(p[1], &deliver), (p[0], &confirm)]), Ok(true));
        assert_eq!(after(&[(p[0], &confirm)]), Err("confirmation".into()));
        assert_eq!(
            after(&[(p[1], &deliver), (p[0], &confirm), (p[0], &confirm)]),
            Err("confirmation".into())
        );
        assert_eq!(after(&[(p[1], &deliver), (p[1], &deliver)]), Err("PL2".into()));
    }
}
