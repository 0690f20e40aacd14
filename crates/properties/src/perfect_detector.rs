//! The perfect failure detector (CGR11 Module 2.6).

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use synod_model::interface::Crashed;
use synod_model::{Group, ProcessId, ProcessSet};

/// PFD1: in the end every process that crashes is detected by every correct process, for ever.
pub const PFD1: Property = Property::liveness("PFD1", "strong completeness");
/// PFD2: a process that is detected has crashed.
pub const PFD2: Property = Property::safety("PFD2", "strong accuracy");
/// Goal: a crash was detected.
pub const DETECTED: Property = Property::reachable("detected", "a process that crashed is detected");

/// PFD1-2 among a group. What is detected once stays so: nothing takes it back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerfectDetectorMonitor {
    group: Group,
    crashed: ProcessSet,
    /// By process: whom it has detected.
    detected: Vec<ProcessSet>,
}

impl PerfectDetectorMonitor {
    /// Among `n` processes.
    pub fn new(n: u32) -> Self {
        let detected = vec![ProcessSet::new(); n as usize];
        Self { group: Group::first(n), crashed: ProcessSet::new(), detected }
    }

    fn has_detected(&self, p: ProcessId, q: ProcessId) -> bool {
        self.detected.get(p.index()).is_some_and(|detected| detected.contains(q))
    }
}

impl<Q> Monitor<Q, Crashed> for PerfectDetectorMonitor {
    fn properties(&self) -> Vec<Property> {
        vec![PFD1, PFD2, DETECTED]
    }

    fn observe(&mut self, observation: &Observation<'_, Q, Crashed>) -> Result<(), Violation> {
        match *observation {
            Observation::Crash { at } => _ = self.crashed.insert(at),
            Observation::Indication { at, indication: Crashed(q) } => {
                if let Some(detected) = self.detected.get_mut(at.index()) {
                    detected.insert(*q);
                }
                if !self.crashed.contains(*q) {
                    return Err(Violation::new(&PFD2, format!("{at} detects {q}, which has not crashed")));
                }
            }
            Observation::Recover { .. } | Observation::Request { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for q in self.crashed.iter() {
            for p in self.group.members().filter(|&p| !self.crashed.contains(p) && !self.has_detected(p, q)) {
                owe(Obligation::new(&PFD1, [p], format!("{p} has not detected {q}, which has crashed")));
            }
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.detected.iter().any(|detected| !detected.is_empty()) {
            reach(DETECTED.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, owed, verdict};
    use synod_model::Never;

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

    fn after(observations: &[Observation<'_, Never, Crashed>]) -> Result<PerfectDetectorMonitor, String> {
        verdict(PerfectDetectorMonitor::new(3), observations)
    }

    #[test]
    fn pfd1_owes_every_detection_of_every_crash_to_whoever_is_up() {
        let zero = Crashed(P[0]);
        let all = [crash(P[0]), indicate(P[1], &zero)];
        let debts = |monitor: &PerfectDetectorMonitor| {
            let debts = owed::<Never, Crashed, _>(monitor);
            debts.iter().map(|o| o.among.iter().map(|p| p.0).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert!(debts(&after(&[]).unwrap()).is_empty());
        assert_eq!(debts(&after(&all[..1]).unwrap()), [[1], [2]]);
        assert_eq!(debts(&after(&all).unwrap()), [[2]]);
        assert_eq!(debts(&after(&[all[0], all[1], crash(P[1])]).unwrap()), [[2], [2]]);
    }

    #[test]
    fn pfd2_is_broken_by_detecting_whoever_has_not_crashed() {
        let zero = Crashed(P[0]);
        assert_eq!(after(&[indicate(P[1], &zero)]).unwrap_err(), "PFD2");
        assert_eq!(after(&[crash(P[2]), indicate(P[1], &zero)]).unwrap_err(), "PFD2");
        assert!(after(&[crash(P[0]), indicate(P[1], &zero)]).is_ok());
    }

    #[test]
    fn the_goal_is_a_detection() {
        let goal = |observations: &[Observation<'_, Never, Crashed>]| {
            let mut reached = vec![];
            Monitor::<Never, Crashed>::reached(&after(observations).unwrap(), &mut |id| reached.push(id));
            reached == ["detected"]
        };
        assert!(!goal(&[crash(P[0])]));
        assert!(goal(&[crash(P[0]), indicate(P[1], &Crashed(P[0]))]));
    }
}
