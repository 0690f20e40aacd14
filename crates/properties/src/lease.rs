//! Leases (Gray, Cheriton 1989): a resource with at most one holder at any time. The source has no names for the
//! properties; these are ours.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use synod_model::interface::{Acquire, LeaseEvent};
use synod_model::{ProcessId, ProcessSet};

/// LS1: at most one process holds the resource at any time. One that stops holding it at the instant at which another
/// starts to is too late: nothing orders the two.
pub const LS1: Property = Property::safety("LS1", "exclusion");
/// LS2: a correct client that asks for the resource comes to hold it, if the server is correct.
pub const LS2: Property = Property::liveness("LS2", "grant");
/// Goal: the resource had one holder after another.
pub const HANDED_ON: Property =
    Property::reachable("handed-on", "one process holds the resource after another");

/// LS1-2 of a server and its clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseMonitor {
    server: ProcessId,
    /// Who holds it.
    holder: Option<ProcessId>,
    /// Who has held it.
    held: ProcessSet,
    /// By process: how often it has asked in vain so far.
    wants: Vec<u32>,
}

impl LeaseMonitor {
    /// Of this server, among `n` processes.
    pub fn new(server: ProcessId, n: u32) -> Self {
        Self { server, holder: None, held: ProcessSet::new(), wants: vec![0; n as usize] }
    }

    fn acquire(&mut self, p: ProcessId) -> Result<(), Violation> {
        if let Some(holder) = self.holder.filter(|&holder| holder != p) {
            return Err(Violation::new(&LS1, format!("{p} comes to hold what {holder} still holds")));
        }
        self.holder = Some(p);
        self.held.insert(p);
        if let Some(wants) = self.wants.get_mut(p.index()) {
            *wants = wants.saturating_sub(1);
        }
        Ok(())
    }

    fn leave(&mut self, p: ProcessId) {
        self.holder = self.holder.filter(|&holder| holder != p);
    }
}

impl Monitor<Acquire, LeaseEvent> for LeaseMonitor {
    fn properties(&self) -> Vec<Property> {
        vec![LS1, LS2, HANDED_ON]
    }

    fn observe(&mut self, observation: &Observation<'_, Acquire, LeaseEvent>) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, .. } => {
                if let Some(wants) = self.wants.get_mut(at.index()) {
                    *wants += 1;
                }
            }
            Observation::Indication { at, indication: LeaseEvent::Acquired } => return self.acquire(at),
            // who is down uses nothing either
            Observation::Indication { at, indication: LeaseEvent::Expired }
            | Observation::Crash { at }
            | Observation::Corrupt { at } => self.leave(at),
            Observation::Recover { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (p, _) in self.wants.iter().enumerate().filter(|(_, wants)| **wants > 0) {
            let p = ProcessId(p as u32);
            owe(Obligation::new(
                &LS2,
                [self.server, p],
                format!("{p} does not come to hold what it asked for"),
            ));
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.held.len() > 1 {
            reach(HANDED_ON.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        let Some(holder) = self.holder else { return };
        let another_wants = self.wants.iter().enumerate().any(|(p, wants)| p != holder.index() && *wants > 0);
        if another_wants || self.held.len() > 1 {
            exercise(LS1.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, owed, request, verdict};
    use LeaseEvent::{Acquired, Expired};

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

    fn after(observations: &[Observation<'_, Acquire, LeaseEvent>]) -> Result<LeaseMonitor, String> {
        verdict(LeaseMonitor::new(P[0], 3), observations)
    }

    #[test]
    fn ls1_is_broken_by_a_second_holder_until_the_first_one_stops_or_crashes() {
        let [one, two] = [indicate(P[1], &Acquired), indicate(P[2], &Acquired)];
        assert_eq!(after(&[one, two]).unwrap_err(), "LS1");
        assert!(after(&[one, indicate(P[1], &Expired), two]).is_ok());
        assert!(after(&[one, crash(P[1]), two]).is_ok());
        assert_eq!(after(&[one, indicate(P[2], &Expired), two]).unwrap_err(), "LS1");
    }

    #[test]
    fn ls2_owes_each_request_to_whoever_made_it() {
        let (ask, got) = (request(P[1], &Acquire), indicate(P[1], &Acquired));
        let count = |observations: &[_]| owed(&after(observations).unwrap()).len();
        assert_eq!(count(&[]), 0);
        let debts = owed(&after(&[ask]).unwrap());
        assert_eq!(debts[0].among.iter().collect::<Vec<_>>(), [P[0], P[1]]);
        assert_eq!(count(&[ask, got]), 0);
        assert_eq!(count(&[ask, ask, got]), 1);
    }

    #[test]
    fn exclusion_is_tested_where_another_wants_what_one_holds() {
        let tested = |observations: &[_]| {
            let mut ids = vec![];
            after(observations).unwrap().exercised(&mut |id| ids.push(id));
            ids == ["LS1"]
        };
        let (mine, theirs) = (request(P[1], &Acquire), request(P[2], &Acquire));
        let got = indicate(P[1], &Acquired);
        assert!(!tested(&[mine, got]));
        assert!(tested(&[mine, theirs, got]));
        assert!(tested(&[mine, got, indicate(P[1], &Expired), theirs, indicate(P[2], &Acquired)]));
        assert!(!tested(&[mine, theirs, got, indicate(P[1], &Expired)]), "at the time");
    }

    #[test]
    fn the_goal_is_a_second_holder_after_the_first() {
        let goal = |observations: &[_]| {
            let mut reached = vec![];
            after(observations).unwrap().reached(&mut |id| reached.push(id));
            reached == ["handed-on"]
        };
        let first = [indicate(P[1], &Acquired), indicate(P[1], &Expired)];
        assert!(!goal(&first));
        assert!(goal(&[first[0], first[1], indicate(P[2], &Acquired)]));
    }
}
