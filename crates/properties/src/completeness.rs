//! Completeness of failure detectors that may be wrong for a while (CGR11 Module 2.8, without its accuracy): for those whose
//! accuracy is a matter of probability.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use synod_model::interface::Suspicion;
use synod_model::{Group, ProcessId, ProcessSet};

/// EPFD1: in the end every process that crashes is suspected by every correct process, for ever.
pub const EPFD1: Property = Property::liveness("EPFD1", "strong completeness");
/// Goal: a process that crashed is suspected.
pub const SUSPECTED: Property = Property::reachable("suspected", "a process that crashed is suspected");

/// EPFD1 among a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompletenessMonitor {
    group: Group,
    crashed: ProcessSet,
    /// By process: whom it suspects.
    suspected: Vec<ProcessSet>,
}

impl CompletenessMonitor {
    /// Among `n` processes.
    pub fn new(n: u32) -> Self {
        let suspected = vec![ProcessSet::new(); n as usize];
        Self { group: Group::first(n), crashed: ProcessSet::new(), suspected }
    }

    fn suspects(&self, p: ProcessId, q: ProcessId) -> bool {
        self.suspected.get(p.index()).is_some_and(|suspected| suspected.contains(q))
    }
}

impl<Q> Monitor<Q, Suspicion> for CompletenessMonitor {
    fn properties(&self) -> Vec<Property> {
        vec![EPFD1, SUSPECTED]
    }

    fn observe(&mut self, observation: &Observation<'_, Q, Suspicion>) -> Result<(), Violation> {
        match *observation {
            Observation::Crash { at } => _ = self.crashed.insert(at),
            Observation::Indication { at, indication } => {
                if let Some(suspected) = self.suspected.get_mut(at.index()) {
                    match indication {
                        Suspicion::Suspect(q) => suspected.insert(*q),
                        Suspicion::Restore(q) => suspected.remove(*q),
                    };
                }
            }
            Observation::Recover { .. } | Observation::Request { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for q in self.crashed.iter() {
            for p in self.group.members().filter(|&p| !self.crashed.contains(p) && !self.suspects(p, q)) {
                owe(Obligation::new(&EPFD1, [p], format!("{p} does not suspect {q}, which has crashed")));
            }
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        let mut pairs = self.group.members().flat_map(|p| self.crashed.iter().map(move |q| (p, q)));
        if pairs.any(|(p, q)| self.suspects(p, q)) {
            reach(SUSPECTED.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, owed, verdict};
    use synod_model::Never;

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

    #[test]
    fn epfd1_owes_a_lasting_suspicion_of_every_crash() {
        let (suspect, restore) = (Suspicion::Suspect(P[0]), Suspicion::Restore(P[0]));
        let all: [Observation<'_, Never, Suspicion>; 5] = [
            crash(P[0]),
            indicate(P[1], &suspect),
            indicate(P[2], &suspect),
            indicate(P[1], &restore),
            crash(P[1]),
        ];
        let debts = |until: usize| {
            let monitor = verdict(CompletenessMonitor::new(3), &all[..until]).unwrap();
            owed::<Never, Suspicion, _>(&monitor).len()
        };
        assert_eq!([0, 1, 2, 3, 4].map(debts), [0, 2, 1, 0, 1]);
        // nobody owes anything to one that crashed; p2 has not noticed that yet
        assert_eq!(debts(5), 1);
    }

    #[test]
    fn the_goal_is_a_suspicion_of_one_that_crashed() {
        let suspect = Suspicion::Suspect(P[0]);
        let all: [Observation<'_, Never, Suspicion>; 2] = [indicate(P[1], &suspect), crash(P[0])];
        let goal = |until: usize| {
            let monitor = verdict(CompletenessMonitor::new(3), &all[..until]).unwrap();
            let mut reached = vec![];
            Monitor::<Never, Suspicion>::reached(&monitor, &mut |id| reached.push(id));
            !reached.is_empty()
        };
        assert_eq!([1, 2].map(goal), [false, true]);
    }
}
