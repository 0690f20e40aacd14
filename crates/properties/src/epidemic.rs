//! Epidemics: updates that spread among a group, to all in the end or to nearly all with a high probability.
//!
//! Probabilistic broadcast (CGR11 Module 3.7), whose first property, PB1 probabilistic validity, is about many runs and is no
//! monitor's; and eventual consistency, where no update is ever dropped.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::BTreeMap;
use synod_model::interface::{Learn, Update};
use synod_model::{Group, ProcessId, ProcessSet, Value};

/// EC1: what one correct process knows, every correct process learns in the end (Demers et al. 1987).
pub const EC1: Property = Property::liveness("EC1", "eventual consistency");
/// PB2: no process learns an update more than once.
pub const PB2: Property = Property::safety("PB2", "no duplication");
/// PB3: an update that is learnt was made.
pub const PB3: Property = Property::safety("PB3", "no creation");
/// Goal: all processes know an update.
pub const ALL_KNOW: Property = Property::reachable("all know", "an update is known to all");

/// PB2-3 among a group, and EC1 where it is promised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpidemicMonitor<U> {
    group: Group,
    /// Whether all must learn all.
    consistent: bool,
    /// By update: who knows it.
    known: BTreeMap<U, ProcessSet>,
    crashed: ProcessSet,
}

impl<U: Value> EpidemicMonitor<U> {
    /// PB2-3 among `n` processes: some may never learn an update.
    pub fn probabilistic(n: u32) -> Self {
        Self::new(n, false)
    }

    /// EC1 and PB2-3 among `n` processes.
    pub fn consistent(n: u32) -> Self {
        Self::new(n, true)
    }

    fn new(n: u32, consistent: bool) -> Self {
        Self { group: Group::first(n), consistent, known: BTreeMap::new(), crashed: ProcessSet::new() }
    }

    fn on_learn(&mut self, at: ProcessId, update: &U) -> Result<(), Violation> {
        let Some(known) = self.known.get_mut(update) else {
            return Err(Violation::new(&PB3, format!("{at} learns {update:?}, which nobody made")));
        };
        if !known.insert(at) {
            return Err(Violation::new(&PB2, format!("{at} learns {update:?}, which it knows")));
        }
        Ok(())
    }
}

impl<U: Value> Monitor<Update<U>, Learn<U>> for EpidemicMonitor<U> {
    fn properties(&self) -> Vec<Property> {
        let mut all = vec![PB2, PB3, ALL_KNOW];
        if self.consistent {
            all.insert(0, EC1);
        }
        all
    }

    fn observe(&mut self, observation: &Observation<'_, Update<U>, Learn<U>>) -> Result<(), Violation> {
        match observation {
            Observation::Request { request: Update(update), .. } => {
                self.known.entry(update.clone()).or_default();
            }
            Observation::Indication { at, indication: Learn(update) } => return self.on_learn(*at, update),
            Observation::Crash { at } => _ = self.crashed.insert(*at),
            Observation::Recover { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        if !self.consistent {
            return;
        }
        for (update, known) in &self.known {
            for p in known.iter().filter(|&p| !self.crashed.contains(p)) {
                let ignorant =
                    self.group.members().filter(|&q| !known.contains(q) && !self.crashed.contains(q));
                for q in ignorant {
                    let what = format!("{q} has not learnt {update:?}, which {p} knows");
                    owe(Obligation::new(&EC1, [p, q], what));
                }
            }
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.known.values().any(|known| known.len() == self.group.count as usize) {
            reach(ALL_KNOW.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, owed, request, verdict};

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

    type Seen<'a> = Observation<'a, Update<u8>, Learn<u8>>;

    fn after(observations: &[Seen<'_>]) -> Result<EpidemicMonitor<u8>, String> {
        verdict(EpidemicMonitor::consistent(3), observations)
    }

    #[test]
    fn pb2_and_pb3_are_broken_by_what_is_learnt_twice_and_by_what_nobody_made() {
        let (update, learn) = (Update(7), Learn(7));
        assert_eq!(after(&[indicate(P[0], &learn)]).unwrap_err(), "PB3");
        let twice = [request(P[0], &update), indicate(P[1], &learn), indicate(P[1], &learn)];
        assert_eq!(after(&twice).unwrap_err(), "PB2");
        assert!(after(&twice[..2]).is_ok());
    }

    #[test]
    fn ec1_owes_an_update_to_all_who_are_up_while_somebody_who_is_up_knows_it() {
        let (update, learn) = (Update(7), Learn(7));
        let all = [request(P[0], &update), indicate(P[0], &learn), crash(P[1]), crash(P[0])];
        let debts = |until: usize| owed::<Update<u8>, Learn<u8>, _>(&after(&all[..until]).unwrap()).len();
        assert_eq!([1, 2, 3, 4].map(debts), [0, 2, 1, 0]);
        let monitor = verdict(EpidemicMonitor::probabilistic(3), &all[..2]).unwrap();
        assert!(owed::<Update<u8>, Learn<u8>, _>(&monitor).is_empty(), "a rumour may miss some");
    }

    #[test]
    fn the_goal_is_an_update_that_all_know() {
        let (update, learn) = (Update(7), Learn(7));
        let all =
            [request(P[0], &update), indicate(P[0], &learn), indicate(P[2], &learn), indicate(P[1], &learn)];
        let goal = |until: usize| {
            let mut reached = vec![];
            after(&all[..until]).unwrap().reached(&mut |id| reached.push(id));
            !reached.is_empty()
        };
        assert_eq!([3, 4].map(goal), [false, true]);
    }
}
